import type { ObjectBytes } from './object-store.ts'

/**
 * Reads of blobs over a network, for threads that read near each other: a blob of which more than a little is read comes in blocks,
 * each once for all of them, and ahead of who reads. What is kept lives as long as somebody reads on: who opens a blob afresh, or comes
 * back after a while, gets what the storage has then.
 */
export class BlockReads {
  readonly #memory: BlockMemory
  readonly #fetch: Fetch
  /** In the order in which they were opened. */
  readonly #blobs = new Map<string, OpenBlob>()

  /** @param fetch Asks the storage; its bytes are kept, and must not be changed. */
  constructor(memory: BlockMemory, fetch: Fetch) {
    this.#memory = memory
    this.#fetch = fetch
  }

  /**
   * The first bytes of a blob as it is now, and its size.
   * @param isAfresh Nothing is taken from what others read of it before, now or by `read` with the same word.
   */
  async open(name: string, length: number, isAfresh: boolean): Promise<ObjectBytes> {
    const first = await this.#fetch(name, 0, length, true)
    const key = keyOf(name, isAfresh)
    const known = this.#blobs.get(key)
    this.#blobs.delete(key)
    const isSame = known !== undefined && known.sizeBytes === first.sizeBytes && !isAfresh
    if (!isSame) for (const piece of known?.pieces.slice() ?? []) this.#memory.remove(piece)
    const fresh = { name, isAfresh, sizeBytes: first.sizeBytes, askedBytes: 0, blockBytes: 0, pieces: [] }
    this.#blobs.set(key, isSame ? known : fresh)
    for (const [oldest, { pieces }] of this.#blobs) {
      if (this.#blobs.size <= MAX_BLOBS) break
      for (const piece of pieces.slice()) this.#memory.remove(piece)
      this.#blobs.delete(oldest)
    }
    return first
  }

  /** Bytes in memory of their own, which can be handed over; fewer where the blob ends. */
  async read(name: string, from: number, length: number, isAfresh: boolean): Promise<ObjectBytes> {
    const blob = this.#blobs.get(keyOf(name, isAfresh))
    if (blob === undefined || from >= blob.sizeBytes) return await this.#fetch(name, from, length, isAfresh)
    const to = Math.min(from + length, blob.sizeBytes)
    blob.askedBytes += to - from
    const parts: Promise<Uint8Array>[] = []
    for (let at = from; at < to;) {
      const piece = this.#pieceAt(blob, at, to)
      parts.push(partOf(piece, at, to))
      at = piece.from + piece.length
    }
    if (isReadOn(blob)) this.#readAhead(blob, to)
    return { bytes: joined(await Promise.all(parts)), sizeBytes: blob.sizeBytes }
  }

  #readAhead(blob: OpenBlob, to: number): void {
    const ahead = blob.askedBytes > BLOCK_BYTES ? MOST_AHEAD : 1
    const next = Math.ceil(to / BLOCK_BYTES) * BLOCK_BYTES
    for (let at = next; at < Math.min(next + ahead * BLOCK_BYTES, blob.sizeBytes); at += BLOCK_BYTES)
      this.#pieceAt(blob, at, at + 1)
  }

  /** The piece that has byte `at`: known, or being read; up to `to` where the blob is not read on. */
  #pieceAt(blob: OpenBlob, at: number, to: number): Piece {
    const known = blob.pieces.find((piece) => piece.from <= at && at < piece.from + piece.length)
    if (known !== undefined) {
      this.#memory.use(known)
      return known
    }
    const isBlock = isReadOn(blob)
    const from = isBlock ? at - (at % BLOCK_BYTES) : Math.min(at, Math.max(0, startOfEnd(blob, at)))
    const end = isBlock || from < at ? Math.min(from + BLOCK_BYTES, blob.sizeBytes) : to
    const got = this.#fetch(blob.name, from, end - from, blob.isAfresh)
    const piece: Piece = { blob, from, length: end - from, got }
    if (isBlock) blob.blockBytes += piece.length
    got.catch(() => this.#memory.remove(piece))
    this.#memory.use(piece)
    return piece
  }
}

/** @param isAfresh From the storage itself. */
type Fetch = (name: string, from: number, length: number, isAfresh: boolean) => Promise<ObjectBytes>

/** Who reads afresh shares nothing with who does not. */
const keyOf = (name: string, isAfresh: boolean): string => (isAfresh ? `afresh ${name}` : name)

interface OpenBlob {
  readonly name: string
  readonly isAfresh: boolean
  readonly sizeBytes: number
  /** Of it, by all who read. */
  askedBytes: number
  /** Read in blocks. */
  blockBytes: number
  readonly pieces: Piece[]
}

interface Piece {
  readonly blob: OpenBlob
  readonly from: number
  readonly length: number
  readonly got: Promise<ObjectBytes>
}

/** A request takes a few milliseconds however little it asks for; of so much, the bytes are most. */
const BLOCK_BYTES = 4 * 1024 * 1024
/** Who asks for one file of a blob, and where its chunks lie, asks for less. */
const READ_ON_BYTES = 1024 * 1024
const MOST_AHEAD = 2
/** A pack's directory stands at its end, and is asked for in two steps. */
const END_BYTES = 384 * 1024
/** Blobs of one store whose pieces may be found. */
const MAX_BLOBS = 256

/** Blocks pay while not much more is read in them than is asked for. */
function isReadOn({ askedBytes, blockBytes }: OpenBlob): boolean {
  return askedBytes > READ_ON_BYTES && blockBytes <= 2 * (askedBytes + BLOCK_BYTES)
}

/** Where the end begins that is read at once; no less than `at` where that lies before it. */
function startOfEnd({ sizeBytes }: OpenBlob, at: number): number {
  return at >= sizeBytes - END_BYTES ? sizeBytes - END_BYTES : at
}

/** Of a piece, from `at` to `to` or its end. */
async function partOf({ from, got }: Piece, at: number, to: number): Promise<Uint8Array> {
  return (await got).bytes.subarray(at - from, to - from)
}

function joined(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    bytes.set(part, at)
    at += part.length
  }
  return bytes
}

/** What is kept of the blobs of all stores: so much, and no longer than somebody reads. */
export class BlockMemory {
  readonly #maxBytes: number
  readonly #idleMs: number
  /** In the order of use. */
  readonly #pieces = new Set<Piece>()
  #bytes = 0
  #idle: NodeJS.Timeout | undefined

  constructor(maxBytes: number = MEMORY_BYTES, idleMs: number = IDLE_MS) {
    this.#maxBytes = maxBytes
    this.#idleMs = idleMs
  }

  use(piece: Piece): void {
    if (this.#pieces.delete(piece)) this.#pieces.add(piece)
    else this.#add(piece)
    this.#idle ??= setTimeout(() => this.#clear(), this.#idleMs).unref()
    this.#idle.refresh()
  }

  #add(piece: Piece): void {
    this.#pieces.add(piece)
    piece.blob.pieces.push(piece)
    this.#bytes += piece.length
    for (const oldest of this.#pieces) {
      if (this.#bytes <= this.#maxBytes || oldest === piece) break
      this.remove(oldest)
    }
  }

  remove(piece: Piece): void {
    if (!this.#pieces.delete(piece)) return
    this.#bytes -= piece.length
    piece.blob.pieces.splice(piece.blob.pieces.indexOf(piece), 1)
  }

  #clear(): void {
    for (const piece of this.#pieces) this.remove(piece)
  }
}

/** Three blocks of each of four packs. */
const MEMORY_BYTES = 48 * 1024 * 1024
const IDLE_MS = 5_000
