/** What was read is not what was written: damaged, cut off, moved, or of another vault. */
export class VaultDamageError extends Error {
  override name = 'VaultDamageError'
  readonly blob: string
  readonly found: string

  constructor(blob: string, found: string, options?: ErrorOptions) {
    super(`Cannot use "${blob}" of the vault: ${found}`, options)
    this.blob = blob
    this.found = found
  }
}

/** What a disk or a network file system says of what it cannot read any more. */
const MEDIA_ERRORS: readonly unknown[] = ['EIO', 'EUCLEAN', 'EBADMSG', 'ENODATA']

export function isMediaError(error: unknown): boolean {
  return MEDIA_ERRORS.includes((error as NodeJS.ErrnoException).code)
}

/** Names of the blobs that messages of this error name, also where only these came out of a thread. */
export function damagedBlobs(message: string): readonly string[] {
  return [...message.matchAll(/Cannot use "([^"]+)" of the vault: /g)].map((match) => match[1] as string)
}

/** Whether a message is one of the two that tell that a vault lacks something, or holds something else. */
export function saysDamage(message: string): boolean {
  return damagedBlobs(message).length > 0 || /Cannot (read|find) chunk [0-9a-f]{64}/.test(message)
}

/** Which packs new recovery points must not rely on is not known until a sweep has taken a damaged dead list away. */
export class DeadListError extends VaultDamageError {
  override name = 'DeadListError'

  constructor({ blob, message }: VaultDamageError) {
    super(blob, `no recovery point can be added before a sweep has taken it away (${message})`)
  }
}

/** No pack has a chunk that a recovery point names. */
export class ChunkMissingError extends Error {
  override name = 'ChunkMissingError'
}

/** The blob store belongs to another vault, or is no vault's. */
export class VaultClaimError extends Error {
  override name = 'VaultClaimError'
}

/** There is no recovery point of this id, or it was deleted. */
export class PointNotFoundError extends Error {
  override name = 'PointNotFoundError'
  readonly pointId: string

  constructor(pointId: string, options?: ErrorOptions) {
    super(`Cannot open recovery point "${pointId}": the vault has none of this id`, options)
    this.pointId = pointId
  }
}

/** The key is not the one the vault was made with. */
export class VaultKeyError extends Error {
  override name = 'VaultKeyError'
}
