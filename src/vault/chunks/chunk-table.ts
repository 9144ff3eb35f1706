/**
 * Sets of chunk ids in shared memory, for many threads at once: open addressing over 32-bit slots that point to dense entries.
 *
 * An entry keeps the first 128 bits of an id. Ids are SHA-256 under a secret prefix, so nobody can aim at two with the same half,
 * and by chance two of 2^33 chunks meet with probability 2^-63. Whoever reads a chunk checks its whole id all the same.
 *
 * Cost: 16 bytes an entry and 4 a slot; slots are 1.4 to 2.8 times the entries.
 */
export interface TableMemory {
  readonly slots: SharedArrayBuffer
  readonly prints: SharedArrayBuffer
  /** One number: entries taken. */
  readonly count: SharedArrayBuffer
}

const PRINT_WORDS = 4
const SLOTS_PER_ENTRY = 1.4
/** A slot that another thread is filling. */
const BUSY = -1

export class ChunkTable {
  readonly memory: TableMemory
  readonly capacity: number
  readonly #slots: Int32Array
  readonly #prints: Uint32Array
  readonly #count: Int32Array
  readonly #mask: number

  constructor(memory: TableMemory) {
    this.memory = memory
    this.#slots = new Int32Array(memory.slots)
    this.#prints = new Uint32Array(memory.prints)
    this.#count = new Int32Array(memory.count)
    this.#mask = this.#slots.length - 1
    this.capacity = this.#prints.length / PRINT_WORDS
  }

  /** @param capacity Entries that must fit. */
  static make(capacity: number): ChunkTable {
    let slots = 1024
    while (slots < capacity * SLOTS_PER_ENTRY) slots *= 2
    const entries = Math.floor(slots / SLOTS_PER_ENTRY)
    return new ChunkTable({
      slots: new SharedArrayBuffer(slots * 4),
      prints: new SharedArrayBuffer(entries * PRINT_WORDS * 4),
      count: new SharedArrayBuffer(4),
    })
  }

  get size(): number {
    return Atomics.load(this.#count, 0)
  }

  /** Entry of the id at `ids[at]`, or -1. */
  find(ids: Buffer, at: number): number {
    const p0 = ids.readUInt32LE(at)
    for (let slot = p0 & this.#mask; ; slot = (slot + 1) & this.#mask) {
      const entry = this.#settled(slot)
      if (entry === 0) return -1
      if (this.#equals(entry - 1, p0, ids, at)) return entry - 1
    }
  }

  /** Takes the id at `ids[at]` in. @returns The entry, new for exactly one caller: then `isNew` of it, written as ~entry. */
  claim(ids: Buffer, at: number): number {
    const p0 = ids.readUInt32LE(at)
    for (let slot = p0 & this.#mask; ;) {
      const entry = this.#settled(slot)
      if (entry === 0) {
        if (Atomics.compareExchange(this.#slots, slot, 0, BUSY) !== 0) continue
        return ~this.#fill(slot, p0, ids, at)
      }
      if (this.#equals(entry - 1, p0, ids, at)) return entry - 1
      slot = (slot + 1) & this.#mask
    }
  }

  #fill(slot: number, p0: number, ids: Buffer, at: number): number {
    const entry = Atomics.add(this.#count, 0, 1)
    if (entry >= this.capacity) {
      Atomics.store(this.#slots, slot, 0)
      throw new RangeError(`Cannot note another chunk: the table of ${this.capacity} is full`)
    }
    const word = entry * PRINT_WORDS
    this.#prints[word] = p0
    this.#prints[word + 1] = ids.readUInt32LE(at + 4)
    this.#prints[word + 2] = ids.readUInt32LE(at + 8)
    this.#prints[word + 3] = ids.readUInt32LE(at + 12)
    Atomics.store(this.#slots, slot, entry + 1)
    return entry
  }

  #settled(slot: number): number {
    let entry = Atomics.load(this.#slots, slot)
    while (entry === BUSY) entry = Atomics.load(this.#slots, slot)
    return entry
  }

  #equals(entry: number, p0: number, ids: Buffer, at: number): boolean {
    const word = entry * PRINT_WORDS
    return (
      this.#prints[word] === p0 &&
      this.#prints[word + 1] === ids.readUInt32LE(at + 4) &&
      this.#prints[word + 2] === ids.readUInt32LE(at + 8) &&
      this.#prints[word + 3] === ids.readUInt32LE(at + 12)
    )
  }
}
