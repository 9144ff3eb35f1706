/** What was read is not what was written: damaged, cut off, moved, or of another vault. */
export class VaultCorruptError extends Error {
  override name = 'VaultCorruptError'
  /** Name of the blob, where one is known. */
  readonly blob: string | undefined

  constructor(message: string, options: ErrorOptions & { readonly blob?: string } = {}) {
    super(message, options)
    this.blob = options.blob
  }
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
