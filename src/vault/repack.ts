import type { BlobReader } from '../blobs/blob-store.ts'
import { crashpoint } from '../lib/crashpoint.ts'
import { ChunkReader } from './chunk-reader.ts'
import { VaultDamageError } from './errors.ts'
import { ID_BYTES, SEED_BYTES } from './keys.ts'
import type { ChunkType } from './keys.ts'
import type { Marks, PackUse } from './mark.ts'
import { PackWriter } from './pack-writer.ts'
import { packKey, parseDirectory, parsePackName, readDirectory } from './pack.ts'
import type { FinishedPack, SegmentEntry } from './pack.ts'
import { SegmentBuffer } from './segment-buffer.ts'
import { unsealSegment } from './segment.ts'
import type { Vault } from './vault.ts'

const SEGMENT_BYTES = 1024 * 1024
/** Smaller segments are put together: they are many, and compress better so. */
const MIN_KEPT_BYTES = 256 * 1024

/** Stores the used chunks of some packs again, in packs of their own. @returns Those, durable but in no index yet. */
export async function repack(
  vault: Vault,
  marks: Marks,
  packs: readonly PackUse[],
  options: { readonly tag: string; readonly signal?: AbortSignal },
): Promise<FinishedPack[]> {
  const { store, keys } = vault
  using chunks = new ChunkReader({ store, keys, index: marks.loaded.index })
  const written: FinishedPack[] = []
  for (const type of ['data', 'meta'] as const) {
    const writer = new PackWriter({ store, keys, type, tag: options.tag })
    const segments = new SegmentBuffer(Buffer.allocUnsafeSlow(SEGMENT_BYTES * 2), SEGMENT_BYTES, writer)
    const copy: Copy = { vault, marks, type, chunks, writer, segments }
    try {
      for (const pack of packs.filter(({ name }) => parsePackName(name)?.type === type)) {
        options.signal?.throwIfAborted()
        await copyUsed(copy, pack)
      }
      segments.flush()
      crashpoint('sweep.repack-written')
      written.push(...(await writer.end()))
    } catch (error) {
      writer.abort()
      throw error
    }
  }
  return written
}

interface Copy {
  readonly vault: Vault
  readonly marks: Marks
  readonly type: ChunkType
  readonly chunks: ChunkReader
  readonly writer: PackWriter
  readonly segments: SegmentBuffer
}

async function copyUsed(copy: Copy, pack: PackUse): Promise<void> {
  const { marks, type, chunks, segments, vault } = copy
  const blob = vault.store.open(pack.name)
  try {
    const directory = parseDirectory(readDirectory(vault.keys, pack.name, type, blob), pack.storedBytes)
    const unseal = unsealer(copy, pack, blob, directory)
    for (const [number, segment] of directory.entries()) {
      const used = usedOf(marks, pack, segment)
      if (used.length === segment.lengths.length && segment.rawLength >= MIN_KEPT_BYTES && unseal)
        copy.writer.putPacked(unseal(number, segment), segment)
      else for (const at of used) segments.add(segment.ids, at, chunks.read(type, segment.ids, at))
      await new Promise((resolve) => setImmediate(resolve))
    }
  } finally {
    blob.close()
  }
}

/** Where in `ids` the chunks lie that recovery points use from this pack. */
function usedOf(marks: Marks, pack: PackUse, { ids }: SegmentEntry): number[] {
  const used: number[] = []
  for (let at = 0; at < ids.length; at += ID_BYTES) if (marks.isUsedFrom(ids, at, pack.number)) used.push(at)
  return used
}

/**
 * Opens the seals of a pack that is the one that the index describes: what opens there holds the chunks that the index names, so
 * it is neither decompressed nor hashed. Undefined for any other pack.
 */
function unsealer(
  { vault: { keys }, marks, type }: Copy,
  pack: PackUse,
  blob: BlobReader,
  directory: readonly SegmentEntry[],
): ((number: number, segment: SegmentEntry) => Buffer) | undefined {
  if (!marks.loaded.index.describes(pack.number, directory)) return undefined
  const seed = Buffer.alloc(SEED_BYTES)
  blob.readInto(seed, 0, SEED_BYTES, 0)
  const key = packKey(keys, type, blob, seed)
  const place = keys.place(type)
  let memory = Buffer.alloc(0)
  return (number, segment) => {
    const { sealedLength, offset } = segment
    if (memory.length < sealedLength) memory = Buffer.allocUnsafeSlow(Math.max(sealedLength, SEGMENT_BYTES))
    const sealed = memory.subarray(0, sealedLength)
    try {
      blob.readInto(sealed, 0, sealedLength, offset)
      return unsealSegment(key, { place, seed, number, offset }, sealed, segment)
    } catch (cause) {
      throw new VaultDamageError(pack.name, `segment ${number} at byte ${offset} does not open`, { cause })
    }
  }
}
