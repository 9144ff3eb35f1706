import type { Kind, ResourceType, Step } from './kind.ts'
import { readRestoreMetadata } from './restore-metadata.ts'
import type { ReadMetadata } from './restore-metadata.ts'
import { s3ReadObject } from './s3.ts'
import { onObject, onRestored } from './step-arns.ts'
import { TARGET_RESOURCE } from './target-resource.ts'

/**
 * Where a restore test goes, and how it goes away again. A test always makes something new under a name that nobody can guess: a
 * directory below the connection's restore root, a database, a bucket. AWS's prefix is in each name, and backup plans pass such
 * resources over.
 *
 * Source: AWS Backup developer guide, "Restore testing inferred metadata".
 */

/** Beginning of the names of what restore tests make, and the tag that it carries. */
export const RESTORE_TEST = 'awsbackup-restore-test'

interface RestoreTestForm {
  /** The metadata key whose value is the name. */
  readonly nameKey: string
  readonly infer: (name: string) => Readonly<Record<string, string>>
  /** Metadata keys that say where the test goes. Overrides may not: the test deletes what they name. */
  readonly fixed: readonly string[]
  /** The step of a restore before which nothing is there. */
  readonly making: string
  /** Steps of deleting what the test made. */
  readonly remove: Readonly<Record<string, Step>>
  /** Steps of reading it for the built-in validators. */
  readonly validate: Readonly<Record<string, Step>>
  /** Kinds of validators that there are for it. */
  readonly validators: readonly ('SqlQuery' | 'FileChecksumSample' | 'ObjectCount')[]
}

const FORMS: Readonly<Record<ResourceType, RestoreTestForm>> = {
  EFS: {
    nameKey: 'CreationToken',
    infer: (name) => ({ newFileSystem: 'true', CreationToken: name, Encrypted: 'false' }),
    making: 'CreateFileSystem',
    fixed: ['file-system-id', 'newFileSystem', 'CreationToken'],
    remove: {
      DeleteFileSystem: {
        name: 'DeleteFileSystem',
        action: 'elasticfilesystem:DeleteFileSystem',
        arns: onRestored,
      },
    },
    validate: {
      ReadFileSystem: {
        name: 'ReadFileSystem',
        action: 'elasticfilesystem:ClientMount',
        arns: onRestored,
      },
    },
    validators: ['FileChecksumSample', 'ObjectCount'],
  },
  RDS: {
    nameKey: 'DBInstanceIdentifier',
    infer: (name) => ({ DBInstanceIdentifier: name }),
    making: 'RestoreDatabase',
    fixed: ['DBInstanceIdentifier', 'DBName'],
    remove: {
      DeleteDatabase: { name: 'DeleteDatabase', action: 'rds:DeleteDBInstance', arns: onRestored },
    },
    validate: {
      // On the user of the restored database, as whoever connects to one of RDS's is asked for.
      Connect: { name: 'Connect', action: 'rds-db:connect', arns: onObject },
    },
    validators: ['SqlQuery', 'ObjectCount'],
  },
  S3: {
    nameKey: 'DestinationBucketName',
    infer: (name) => ({
      DestinationBucketName: name,
      NewBucket: 'true',
      RestoreACLs: 'false',
      EncryptionType: 'original',
    }),
    making: 'CreateBucket',
    fixed: ['DestinationBucketName', 'NewBucket'],
    remove: {
      ListBucket: { name: 'ListBucket', action: 's3:ListBucket', arns: onRestored },
      DeleteObject: {
        name: 'DeleteObject',
        action: 's3:DeleteObject',
        arns: onObject,
        perItem: { ownKeys: [] },
      },
      DeleteBucket: { name: 'DeleteBucket', action: 's3:DeleteBucket', arns: onRestored },
    },
    validate: {
      ListBucket: { name: 'ListBucket', action: 's3:ListBucket', arns: onRestored },
      // Decided with the tags that the object was written with.
      ReadObject: s3ReadObject,
    },
    validators: ['FileChecksumSample', 'ObjectCount'],
  },
}

/** The name of what one test makes. `unique`: 32 hexadecimal digits. */
export const restoreTestName = (unique: string): string => `${RESTORE_TEST}-${unique}`

/** What a recovery point says of itself is no word on where it goes: these are for whoever asks for a restore. */
const ELSEWHERE: readonly string[] = [TARGET_RESOURCE, 'DBName']

/** The metadata that a test of a recovery point restores with, where nothing is overridden. */
export function inferredMetadata(
  kind: Kind,
  pointMetadata: Readonly<Record<string, string>>,
  name: string,
): Readonly<Record<string, string>> {
  const known = Object.entries(pointMetadata).filter(
    ([key]) => kind.restoreMetadata[key] !== undefined && !ELSEWHERE.includes(key),
  )
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
  return { ok: false, problem: 'invalid', message }
}

/**
 * The name of what a test restored with this metadata made.
 * @throws Where it is no name of a restore test's: what has another is not a test's to remove.
 */
export function testNameIn(type: ResourceType, metadata: Readonly<Record<string, string>>): string {
  const name = metadata[FORMS[type].nameKey] ?? ''
  if (/^awsbackup-restore-test-[0-9a-f]{32}$/.test(name)) return name
  throw new Error(`${JSON.stringify(name)} is not the name of what a restore test made`)
}

/** The name of the restore's step that makes what the test deletes. */
export const makingStep = (type: ResourceType): string => FORMS[type].making

/** One step of deleting what a test made. */
export function removalStep(type: ResourceType, name: string): Step {
  const step = FORMS[type].remove[name]
  if (step === undefined) throw new Error(`No step "${name}" deletes what a restore test of ${type} made`)
  return step
}

/** One step of reading what a test made for its validators. */
export function validationStep(type: ResourceType, name: string): Step {
  const step = FORMS[type].validate[name]
  if (step === undefined) throw new Error(`No step "${name}" reads what a restore test of ${type} made`)
  return step
}

/** Every step of that: what a role must be allowed on what its tests make, beside restoring and deleting. */
export const validationSteps = (type: ResourceType): readonly Step[] => Object.values(FORMS[type].validate)

/** Which validators there are for a type, and whether its recovery points say how many things they hold: a dump does not. */
export function validatedType(type: ResourceType): {
  readonly type: ResourceType
  readonly kinds: RestoreTestForm['validators']
  readonly isCounted: boolean
} {
  return { type, kinds: FORMS[type].validators, isCounted: type !== 'RDS' }
}

/** What backup plans pass over: it is there for a test, and goes again. */
export function isOfRestoreTest(name: string, tags: Readonly<Record<string, string>>): boolean {
  return name.startsWith(RESTORE_TEST) || tags[RESTORE_TEST] !== undefined
}
