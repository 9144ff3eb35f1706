import { hash } from 'node:crypto'
import type { BlobStore } from '../../blobs/blob-store.ts'
import { crashpoint } from '../../lib/crashpoint.ts'
import { openDocument, sealDocument } from '../format/document.ts'
import { VaultDamageError } from '../errors.ts'
import type { VaultKeys } from '../keys.ts'

/**
 * Identity exports in a system vault: docs/vault-format.md, section 17. An export is a folder of parts and, written last, a manifest
 * that names each part with its SHA-256 and whose first line is signed. One without a manifest does not count.
 */

/** Folder of one export, as it is named. */
export interface IdentityExportName {
  readonly folder: string
  readonly number: number
}

export interface IdentityPart {
  /** Blob. */
  readonly name: string
  /** Null: the server's own rows. */
  readonly accountId: string | null
  /** Of the blob's bytes, hex. */
  readonly sha256: string
  /** Rows by table. */
  readonly rows: Readonly<Record<string, number>>
}

export interface IdentityManifest {
  readonly format: 1
  readonly vaultId: string
  readonly number: number
  /** Milliseconds since 1970. */
  readonly exportedAt: number
  readonly serverId: string
  readonly epoch: number
  /** Ed25519 public key of the server that signed it, base64. */
  readonly signer: string
  /** Version of the database that the rows are of. */
  readonly schema: number
  readonly parts: readonly IdentityPart[]
  /** Where the chains of the audit trail ended then; exports of older servers have none. */
  readonly auditHeads?: readonly AuditEnd[] | undefined
}

/** A record of the audit trail by its place, and the code over it and all before it, hex. */
interface AuditEnd {
  readonly chainId: string
  readonly chainSeq: number
  readonly mac: string
}

export interface SignedManifest {
  readonly manifest: IdentityManifest
  /** What was signed, and the signature: 64 bytes. */
  readonly text: string
  readonly signature: Buffer
}

const FOLDER = 'identity/'
const NAME = /^identity\/((\d{8})-\d{8}T\d{6}Z)\/([A-Za-z0-9-]+)$/
const MANIFEST = 'manifest'
/** Most bytes of a manifest's blob and of a part's. */
const MAX_BLOB = 64 * 1024 * 1024

/** E.g. `identity/00000042-20261128T143500Z`. */
export function identityFolder(number: number, at: number): string {
  const time = new Date(at).toISOString().replaceAll(/[-:]|\.\d+/g, '')
  return `${FOLDER}${String(number).padStart(8, '0')}-${time}`
}

/** Exports that have a manifest, the newest first. */
export async function listIdentityExports(store: BlobStore): Promise<readonly IdentityExportName[]> {
  const found: IdentityExportName[] = []
  for await (const page of store.list(FOLDER)) {
    for (const { name } of page) {
      const [, folder, number, blob] = NAME.exec(name) ?? []
      if (blob === MANIFEST) found.push({ folder: FOLDER + folder, number: Number(number) })
    }
  }
  return found.toSorted((a, b) => b.number - a.number || (a.folder < b.folder ? 1 : -1))
}

/** Seals and stores lines of JSON as a part. */
export async function writeIdentityPart(
  store: BlobStore,
  keys: VaultKeys,
  part: Pick<IdentityPart, 'name' | 'accountId' | 'rows'>,
  lines: readonly string[],
): Promise<IdentityPart> {
  const { bytes } = sealDocument(keys, 'identity', part.name, Buffer.from(lines.join('')))
  await store.put(part.name, bytes)
  crashpoint('identity.part-stored')
  return { ...part, sha256: hash('sha256', bytes, 'hex') }
}

/** The lines of a part, parsed. @throws {VaultDamageError} {BlobNotFoundError} */
export async function readIdentityPart(
  store: BlobStore,
  keys: VaultKeys,
  part: IdentityPart,
): Promise<readonly unknown[]> {
  const bytes = await store.get(part.name, MAX_BLOB)
  if (hash('sha256', bytes, 'hex') !== part.sha256)
    throw new VaultDamageError(part.name, 'it is not the part that the manifest names')
  const text = openDocument(keys, 'identity', part.name, bytes).toString()
  try {
    return text
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line) as unknown)
  } catch (cause) {
    throw new VaultDamageError(part.name, 'a line of it is no JSON', { cause })
  }
}

/** Makes an export count. `sign` gets its text. */
export async function writeIdentityManifest(
  store: BlobStore,
  keys: VaultKeys,
  folder: string,
  manifest: IdentityManifest,
  sign: (text: string) => Buffer,
): Promise<void> {
  const name = `${folder}/${MANIFEST}`
  const text = JSON.stringify(manifest)
  const payload = Buffer.from(`${text}\n${sign(text).toString('base64')}\n`)
  await store.put(name, sealDocument(keys, 'identity', name, payload).bytes)
  crashpoint('identity.stored')
}

/** Signed by whom is for the caller to check. @throws {VaultDamageError} {BlobNotFoundError} */
export async function readIdentityManifest(
  store: BlobStore,
  keys: VaultKeys,
  { folder, number }: IdentityExportName,
): Promise<SignedManifest> {
  const name = `${folder}/${MANIFEST}`
  const [text = '', signature = ''] = openDocument(keys, 'identity', name, await store.get(name, MAX_BLOB))
    .toString()
    .split('\n')
  try {
    const manifest = JSON.parse(text) as IdentityManifest
    if (manifest.format !== 1) throw new RangeError(`it has format ${String(manifest.format)}, not 1`)
    if (manifest.vaultId !== keys.vaultId || manifest.number !== number)
      throw new RangeError('it is of another vault or number')
    if (!manifest.parts.every((part) => part.name.startsWith(`${folder}/`)))
      throw new RangeError('it names parts of another export')
    return { manifest, text, signature: Buffer.from(signature, 'base64') }
  } catch (cause) {
    throw new VaultDamageError(name, (cause as Error).message, { cause })
  }
}

/**
 * Deletes the exports that `isKept` does not want, the manifest first, and what tries before `number` left that ended without one.
 */
export async function pruneIdentityExports(
  store: BlobStore,
  number: number,
  isKept: (folder: string) => boolean,
): Promise<void> {
  const blobs: string[] = []
  const whole = new Set<string>()
  for await (const page of store.list(FOLDER)) {
    for (const { name } of page) {
      const [, folder = '', of, blob] = NAME.exec(name) ?? []
      if (blob === undefined || Number(of) >= number) continue
      if (blob === MANIFEST) whole.add(folder)
      blobs.push(name)
    }
  }
  const gone = blobs.filter((name) => {
    const folder = name.split('/')[1] as string
    return !whole.has(folder) || !isKept(FOLDER + folder)
  })
  const manifestsFirst = [
    ...gone.filter((name) => name.endsWith(`/${MANIFEST}`)),
    ...gone.filter((name) => !name.endsWith(`/${MANIFEST}`)),
  ]
  for (const name of manifestsFirst) await store.delete(name)
}
