/** The right to work in a vault until it is lost: given by the store, passed in. */
export interface Lease {
  /** Index generation when the lease was taken. */
  readonly generation: number
  /** @throws {LeaseLostError} When the lease is no longer held. Asked before every step that others would notice. */
  check(): Promise<void>
}
