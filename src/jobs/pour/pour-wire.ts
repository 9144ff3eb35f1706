import type { Connection } from '../../drivers/driver.ts'
import type { ResourceType } from '../../kinds/kind.ts'
import type { DescriptorMemory } from '../../lib/descriptors.ts'
import type { BlobLocation } from '../../blobs/blob-store.ts'
import { ByteReader, ByteWriter } from '../../vault/format/binary.ts'
import type { IndexMemory } from '../../vault/chunks/chunk-index.ts'
import type { TableMemory } from '../../vault/chunks/chunk-table.ts'
import type { ChunkSizes } from '../../vault/write/chunker.ts'
import { ID_BYTES } from '../../vault/keys.ts'
import type { FinishedPack } from '../../vault/format/pack.ts'
import type { CrossedError } from '../thread-errors.ts'

/**
 * What the main thread and pour threads say to each other. Many items cross as one transferred buffer: a message costs 57 µs, and
 * cloning an object for each of a million items costs more than hashing it.
 */

/** What a thread is started with. The vault key crosses in memory only. */
export interface PourSetup {
  readonly mode: 'backup' | 'restore' | 'copy'
  readonly resourceType: ResourceType
  readonly settings: Connection['settings']
  readonly location: BlobLocation
  readonly vaultId: string
  readonly vaultKey: Uint8Array
  readonly chunkSizes: ChunkSizes
  readonly index: IndexMemory
  readonly claims: readonly TableMemory[]
  readonly tag: string
  /** Of copies: the vault that is read. */
  readonly source?: Pick<PourSetup, 'location' | 'vaultId' | 'vaultKey' | 'index'>
}

/** A setup as it crosses. */
export interface ThreadSetup extends PourSetup {
  readonly descriptors: DescriptorMemory
}

export type ToThread =
  /** Items of `range` content, whole: `encodeTask` for each. */
  | { readonly kind: 'files'; readonly tasks: Uint8Array }
  /** A part of a large one. */
  | { readonly kind: 'range'; readonly task: Uint8Array; readonly from: number; readonly to: number }
  /** Small streams, back to back. */
  | { readonly kind: 'inline'; readonly data: Uint8Array; readonly sizes: readonly number[] }
  /** The next bytes of the run of a large stream that this thread has. */
  | { readonly kind: 'slab'; readonly slab: Uint8Array; readonly length: number; readonly isLast: boolean }
  /** Items to write: `encodeWrite` for each. */
  | { readonly kind: 'write'; readonly tasks: Uint8Array }
  /** Chunks to copy: 32 bytes each. */
  | { readonly kind: 'copy'; readonly ids: Uint8Array }
  | { readonly kind: 'level'; readonly level: TableMemory }
  /** The driver's reader gets its settings. */
  | { readonly kind: 'settings'; readonly settings: Connection['settings'] }
  | { readonly kind: 'end' }

export type FromThread =
  /** One result for each item of the task. */
  | { readonly kind: 'done'; readonly results: Uint8Array }
  | { readonly kind: 'slab'; readonly slab: Uint8Array }
  | { readonly kind: 'ended'; readonly packs: readonly FinishedPack[] }
  | { readonly kind: 'failed'; readonly error: Error }

/** The same as it crosses. */
export type FromPort =
  | Exclude<FromThread, { readonly kind: 'failed' }>
  | { readonly kind: 'failed'; readonly error: CrossedError }

/** What became of one item, or of one part of it. */
export interface ItemResult {
  /** False: it is left out. */
  readonly isKept: boolean
  readonly problem: string | undefined
  /** Bytes read or written. */
  readonly size: number
  /** Of its chunks, 32 bytes each. */
  readonly ids: Buffer
  readonly meta: Uint8Array | undefined
}

const NO_BYTES = Buffer.alloc(0)

export function encodeResult(out: ByteWriter, result: ItemResult): void {
  out.u8(
    (result.isKept ? 1 : 0) | (result.problem === undefined ? 0 : 2) | (result.meta === undefined ? 0 : 4),
  )
  out.varint(result.size)
  out.varint(result.ids.length / ID_BYTES)
  out.bytes(result.ids)
  if (result.problem !== undefined) writeBytes(out, Buffer.from(result.problem))
  if (result.meta !== undefined) writeBytes(out, result.meta)
}

export function decodeResult(reader: ByteReader): ItemResult {
  const flags = reader.u8()
  const size = reader.varint()
  const ids = reader.bytes(reader.varint() * ID_BYTES)
  const problem = (flags & 2) === 0 ? undefined : readBytes(reader).toString()
  const meta = (flags & 4) === 0 ? undefined : readBytes(reader)
  return { isKept: (flags & 1) !== 0, problem, size, ids, meta }
}

/** A failed item: nothing of it is kept. */
export const leftOut = (problem: string): ItemResult => ({
  isKept: false,
  problem,
  size: 0,
  ids: NO_BYTES,
  meta: undefined,
})

export interface ReadTask {
  readonly task: Uint8Array
  readonly size: number
}

export function encodeTask(out: ByteWriter, { task, size }: ReadTask): void {
  out.varint(size)
  writeBytes(out, task)
}

export function decodeTask(reader: ByteReader): ReadTask {
  const size = reader.varint()
  return { size, task: readBytes(reader) }
}

export interface WriteTask {
  readonly task: Uint8Array
  /** Of the whole item. */
  readonly size: number
  /** Where its part begins; `ids` are the part's chunks. */
  readonly position: number
  readonly ids: Buffer
}

export function encodeWrite(out: ByteWriter, { task, size, position, ids }: WriteTask): void {
  out.varint(size)
  out.varint(position)
  writeBytes(out, task)
  out.varint(ids.length / ID_BYTES)
  out.bytes(ids)
}

export function decodeWrite(reader: ByteReader): WriteTask {
  const size = reader.varint()
  const position = reader.varint()
  const task = readBytes(reader)
  return { size, position, task, ids: reader.bytes(reader.varint() * ID_BYTES) }
}

function writeBytes(out: ByteWriter, bytes: Uint8Array): void {
  out.varint(bytes.length)
  out.bytes(bytes)
}

const readBytes = (reader: ByteReader): Buffer => reader.bytes(reader.varint())
