import type { Kind, ResourceType } from './kind.ts'
import { readRestoreMetadata } from './restore-metadata.ts'
import type { ReadMetadata } from './restore-metadata.ts'

/**
 * Where a restore test goes, and how it goes away again. A test always makes something new under a name that nobody can guess: a
 * directory below the connection's restore root, a database, a bucket. AWS's prefix is in each name, and backup plans pass such
 * resources over.
 *
 * Source: AWS Backup developer guide, "Restore testing inferred metadata".
 */

/** Beginning of the names of what restore tests make. */
const RESTORE_TEST = 'awsbackup-restore-test'

interface RestoreTestForm {
  readonly infer: (name: string) => Readonly<Record<string, string>>
  /** Metadata keys that say where the test goes. Overrides may not: the test deletes what they name. */
  readonly fixed: readonly string[]
}

const FORMS: Readonly<Record<ResourceType, RestoreTestForm>> = {
  EFS: {
    infer: (name) => ({ newFileSystem: 'true', CreationToken: name, Encrypted: 'false' }),
    fixed: ['file-system-id', 'newFileSystem', 'CreationToken'],
  },
  RDS: {
    infer: (name) => ({ DBInstanceIdentifier: name }),
    fixed: ['DBInstanceIdentifier', 'DBName'],
  },
  S3: {
    infer: (name) => ({
      DestinationBucketName: name,
      NewBucket: 'true',
      RestoreACLs: 'false',
      EncryptionType: 'original',
    }),
    fixed: ['DestinationBucketName', 'NewBucket'],
  },
}

/** The name of what one test makes. `unique`: 32 hexadecimal digits. */
export const restoreTestName = (unique: string): string => `${RESTORE_TEST}-${unique}`

/** The metadata that a test of a recovery point restores with, where nothing is overridden. */
export function inferredMetadata(
  kind: Kind,
  pointMetadata: Readonly<Record<string, string>>,
  name: string,
): Readonly<Record<string, string>> {
  const known = Object.entries(pointMetadata).filter(([key]) => kind.restoreMetadata[key] !== undefined)
  return { ...Object.fromEntries(known), ...FORMS[kind.type].infer(name) }
}

/**
 * A selection's overrides with their keys as the kind spells them.
 * @returns What is wrong: a key the kind does not know, or one that says where the test goes.
 */
export function readOverrides(kind: Kind, overrides: Readonly<Record<string, string>>): ReadMetadata {
  const inferred = inferredMetadata(kind, {}, RESTORE_TEST)
  const read = readRestoreMetadata(kind, overrides, { isPartial: true })
  if (!read.ok) return read
  const { fixed } = FORMS[kind.type]
  const wrong = Object.keys(read.metadata).find((key) => fixed.includes(key))
  if (wrong === undefined) return read
  const message = `RestoreMetadataOverrides must not contain "${wrong}": a restore test always goes to a new place of its own (${Object.keys(inferred).join(', ')} are set by the server), since it is deleted afterwards`
  return { ok: false, problem: 'unknown', message }
}
