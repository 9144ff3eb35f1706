/**
 * Reads pg_dump's custom format (`-Fc`) as it streams by, to know whether it is whole. The format has no end mark: a dump cut
 * between two tables looks well-formed, `pg_restore --list` accepts one cut at 40 %. Whole means: the table of contents says
 * which entries have data, and a closed block of each has passed, with nothing behind the last.
 *
 * | part   | layout (PostgreSQL source, pg_backup_archiver.c: WriteHead, WriteToc; pg_backup_custom.c)                |
 * |--------|----------------------------------------------------------------------------------------------------------|
 * | int    | sign byte, then `intSize` bytes, lowest first                                                            |
 * | string | int length (-1: absent), bytes                                                                           |
 * | head   | "PGDMP", version (3 bytes), intSize, offSize, format 1, compression (int; from 1.15 one byte), 7 ints of |
 * |        | time, database, server version, pg_dump version                                                          |
 * | toc    | int count; each: int id, int hasData, oids, tag, type, int section, definition …, offset (1 + offSize)   |
 * | block  | byte 1 (table) or 3 (large objects), int id; table: chunks; objects: (int oid, chunks)*, int 0           |
 * | chunks | (int length, bytes)*, int 0                                                                              |
 */

/** The dump ends early, goes on too long, or is none. */
export class DumpDamagedError extends Error {
  override name = 'DumpDamagedError'
}

export interface ArchiveSummary {
  readonly serverVersion: string
  readonly dumpVersion: string
  /** Entries of the table of contents. */
  readonly entries: number
  /** Ordinary and partitioned tables, without those that belong to an extension. */
  readonly tables: number
  /** Entries with data, each of which passed whole. */
  readonly dataBlocks: number
}

/** A line of the table of contents. */
export interface ArchiveEntry {
  /** The dump's own number of it, by which pg_restore is told of it. */
  readonly id: number
  /** `TABLE`, `TABLE DATA`, `INDEX` … */
  readonly type: string
  /** Its name without the schema; empty where it is longer than names are. */
  readonly tag: string
  /** The schema; empty where it lies in none. */
  readonly namespace: string
  /** Ids of what must be there before it; some are of no entry. */
  readonly dependencies: readonly number[]
}

const MAGIC = 'PGDMP'
const FORMAT_CUSTOM = 1
/** First and last minor versions of format 1 that were read here: PostgreSQL 9.0 to 18. */
const OLDEST_MINOR = 12
const NEWEST_MINOR = 16
const BLOCK_DATA = 1
const BLOCK_LARGE_OBJECTS = 3
/** Longer strings are skipped, never gathered: only short ones are looked at. */
const MAX_KEPT_STRING = 4096
const MAX_ENTRIES = 10_000_000

/** A push parser: feed() the bytes as they come, then finish(). Memory: one number for each entry with data. */
export class ArchiveReader {
  #intSize = 4
  #minor = 0
  #offSize = 8
  #entries = 0
  #tables = 0
  #dataBlocks = 0
  #serverVersion = ''
  #dumpVersion = ''
  readonly #pending = new Set<number>()
  #atBoundary = false
  #hasContents = false
  readonly #onEntry: ((entry: ArchiveEntry) => void) | undefined

  readonly #script = this.#read()
  /** Bytes that the script waits for; negative: bytes that it wants passed over. */
  #wanted: number
  /** Where the wanted bytes lie when the script goes on. */
  #bytes: Uint8Array = new Uint8Array(0)
  #at = 0
  readonly #carry = new Uint8Array(MAX_KEPT_STRING)
  #carried = 0

  /** @param onEntry Is given each line of the table of contents. */
  constructor(onEntry?: (entry: ArchiveEntry) => void) {
    this.#onEntry = onEntry
    this.#wanted = this.#script.next().value as number
  }

  /** Whether the table of contents has passed. */
  get hasContents(): boolean {
    return this.#hasContents
  }

  /** @throws {DumpDamagedError} As soon as the bytes cannot be a dump. */
  feed(chunk: Uint8Array): void {
    let position = 0
    while (position < chunk.length) {
      const available = chunk.length - position
      if (this.#wanted < 0) {
        const passed = Math.min(-this.#wanted, available)
        position += passed
        this.#wanted += passed
        if (this.#wanted === 0) this.#continue()
        continue
      }
      if (this.#carried === 0 && available >= this.#wanted) {
        this.#bytes = chunk
        this.#at = position
        position += this.#wanted
        this.#continue()
        continue
      }
      const taken = Math.min(this.#wanted - this.#carried, available)
      this.#carry.set(chunk.subarray(position, position + taken), this.#carried)
      this.#carried += taken
      position += taken
      if (this.#carried === this.#wanted) {
        this.#carried = 0
        this.#bytes = this.#carry
        this.#at = 0
        this.#continue()
      }
    }
  }

  /** @throws {DumpDamagedError} When the dump is not whole. */
  finish(): ArchiveSummary {
    if (!this.#atBoundary || this.#carried > 0) {
      throw new DumpDamagedError('The dump ends in the middle of an entry: it is cut off')
    }
    if (this.#pending.size > 0) {
      throw new DumpDamagedError(
        `The dump ends before the data of ${this.#pending.size} of ${this.#pending.size + this.#dataBlocks} entries: it is cut off`,
      )
    }
    return {
      serverVersion: this.#serverVersion,
      dumpVersion: this.#dumpVersion,
      entries: this.#entries,
      tables: this.#tables,
      dataBlocks: this.#dataBlocks,
    }
  }

  #continue(): void {
    this.#wanted = this.#script.next().value as number
  }

  *#read(): Generator<number, never, void> {
    yield* this.#readHead()
    this.#entries = yield* this.#int()
    if (this.#entries < 0 || this.#entries > MAX_ENTRIES) {
      throw new DumpDamagedError(`The dump's table of contents claims ${this.#entries} entries`)
    }
    for (let index = 0; index < this.#entries; index++) yield* this.#readEntry()
    this.#hasContents = true
    for (;;) {
      this.#atBoundary = true
      yield 1
      this.#atBoundary = false
      yield* this.#readBlock(this.#bytes[this.#at] as number)
    }
  }

  *#readHead(): Generator<number, void, void> {
    yield MAGIC.length
    const magic = String.fromCharCode(...this.#bytes.subarray(this.#at, this.#at + MAGIC.length))
    if (magic !== MAGIC) throw new DumpDamagedError('The dump does not begin as pg_dump’s custom format does')
    yield 6
    const [major = 0, minor = 0, , intSize = 0, offSize = 0, format = 0] = this.#bytes.subarray(
      this.#at,
      this.#at + 6,
    )
    if (major !== 1 || minor < OLDEST_MINOR || minor > NEWEST_MINOR || format !== FORMAT_CUSTOM) {
      throw new DumpDamagedError(
        `The dump has format ${format}, version ${major}.${minor}; custom format 1.${OLDEST_MINOR} to 1.${NEWEST_MINOR} is understood`,
      )
    }
    if (intSize < 4 || intSize > 8 || offSize < 4 || offSize > 8) {
      throw new DumpDamagedError(`The dump has integers of ${intSize} and offsets of ${offSize} bytes`)
    }
    this.#minor = minor
    this.#intSize = intSize
    this.#offSize = offSize
    if (minor >= 15) yield 1
    else yield* this.#int()
    for (let part = 0; part < 7; part++) yield* this.#int()
    yield* this.#skipString()
    this.#serverVersion = (yield* this.#string()) ?? ''
    this.#dumpVersion = (yield* this.#string()) ?? ''
  }

  *#readEntry(): Generator<number, void, void> {
    const id = yield* this.#int()
    const hasData = yield* this.#int()
    yield* this.#skipString() // table oid
    yield* this.#skipString() // oid
    const tag = yield* this.#string()
    const type = yield* this.#string()
    yield* this.#int() // section
    yield* this.#skipString() // definition
    yield* this.#skipString() // drop statement
    yield* this.#skipString() // copy statement
    const namespace = yield* this.#string()
    yield* this.#skipString() // tablespace
    if (this.#minor >= 14) yield* this.#skipString() // table access method
    if (this.#minor >= 16) yield* this.#int() // relation kind
    yield* this.#skipString() // owner
    yield* this.#skipString() // "false", once "with oids"
    const dependencies = yield* this.#readDependencies()
    yield -(1 + this.#offSize)
    if (type === 'TABLE') this.#tables++
    if (hasData !== 0) this.#pending.add(id)
    this.#onEntry?.({ id, type: type ?? '', tag: tag ?? '', namespace: namespace ?? '', dependencies })
  }

  /** Numbers written as text, up to an absent string. */
  *#readDependencies(): Generator<number, readonly number[], void> {
    const ids: number[] = []
    for (;;) {
      const text = yield* this.#string()
      if (text === undefined) return ids
      if (this.#onEntry !== undefined) ids.push(Number(text))
    }
  }

  *#readBlock(kind: number): Generator<number, void, void> {
    if (kind !== BLOCK_DATA && kind !== BLOCK_LARGE_OBJECTS) {
      throw new DumpDamagedError(`The dump holds a block of unknown kind ${kind}`)
    }
    const id = yield* this.#int()
    if (!this.#pending.has(id)) {
      throw new DumpDamagedError(
        `The dump holds data of entry ${id}, which its table of contents does not expect`,
      )
    }
    if (kind === BLOCK_DATA) yield* this.#readChunks()
    else while ((yield* this.#int()) !== 0) yield* this.#readChunks()
    this.#pending.delete(id)
    this.#dataBlocks++
  }

  *#readChunks(): Generator<number, void, void> {
    const size = 1 + this.#intSize
    for (;;) {
      // The hot loop, one round for each row: no nested generator.
      yield size
      const length = this.#decodeInt()
      if (length === 0) return
      if (length < 0) throw new DumpDamagedError(`The dump holds a chunk of ${length} bytes`)
      yield -length
    }
  }

  *#int(): Generator<number, number, void> {
    yield 1 + this.#intSize
    return this.#decodeInt()
  }

  #decodeInt(): number {
    let value = 0
    for (let index = this.#intSize; index >= 1; index--)
      value = value * 256 + (this.#bytes[this.#at + index] as number)
    const sign = this.#bytes[this.#at]
    if (sign !== 0 && sign !== 1)
      throw new DumpDamagedError(`The dump holds an integer with the sign ${sign}`)
    return sign === 0 ? value : -value
  }

  /** Undefined where the string is absent. */
  *#string(): Generator<number, string | undefined, void> {
    const length = yield* this.#int()
    if (length < 0) return undefined
    if (length === 0) return ''
    if (length > MAX_KEPT_STRING) {
      yield -length
      return ''
    }
    yield length
    return Buffer.from(this.#bytes.subarray(this.#at, this.#at + length)).toString('utf8')
  }

  /** False where the string is absent. */
  *#skipString(): Generator<number, boolean, void> {
    const length = yield* this.#int()
    if (length > 0) yield -length
    return length >= 0
  }
}
