const ID_BYTES = 32
const MAX_LOAD = 0.6

/** A set of SHA-256 ids in one buffer: 54 to 107 bytes each where a Set of strings takes about 200. */
export class BlobSet {
  // An all-zero slot is empty; no SHA-256 of anything known is all zero.
  #slots: Buffer = Buffer.alloc(1024 * ID_BYTES)
  #size = 0

  /** Adds `id`; false when it was in already. */
  add(id: Uint8Array): boolean {
    const at = this.#find(id)
    if (this.#isTaken(at)) return false
    this.#slots.set(id, at)
    this.#size++
    if (this.#size * ID_BYTES > this.#slots.length * MAX_LOAD) this.#grow()
    return true
  }

  has(id: Uint8Array): boolean {
    return this.#isTaken(this.#find(id))
  }

  #isTaken(at: number): boolean {
    for (let i = at; i < at + ID_BYTES; i++) if (this.#slots[i] !== 0) return true
    return false
  }

  /** Where `id` is, or the empty slot where it belongs. */
  #find(id: Uint8Array): number {
    const slots = this.#slots
    const start = Buffer.from(id.buffer, id.byteOffset, ID_BYTES).readUInt32LE()
    for (let at = (start * ID_BYTES) % slots.length; ; at = (at + ID_BYTES) % slots.length) {
      if (slots.compare(id, 0, ID_BYTES, at, at + ID_BYTES) === 0 || !this.#isTaken(at)) return at
    }
  }

  #grow(): void {
    const old = this.#slots
    this.#slots = Buffer.alloc(old.length * 2)
    for (let at = 0; at < old.length; at += ID_BYTES) {
      const id = old.subarray(at, at + ID_BYTES)
      if (id.some((byte) => byte !== 0)) this.#slots.set(id, this.#find(id))
    }
  }
}
