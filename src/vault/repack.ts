import { crashpoint } from '../lib/crashpoint.ts'
import { ID_BYTES } from './keys.ts'
import type { ChunkType } from './keys.ts'
import { ChunkReader } from './chunk-reader.ts'
import { readPackDirectory } from './load-index.ts'
import type { Marks, PackUse } from './mark.ts'
import { parseDirectory, parsePackName } from './pack.ts'
import type { FinishedPack } from './pack.ts'
import { PackWriter } from './pack-writer.ts'
import { SegmentBuffer } from './segment-buffer.ts'
import type { Vault } from './vault.ts'

const SEGMENT_BYTES = 1024 * 1024

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
    try {
      for (const pack of packs.filter(({ name }) => parsePackName(name)?.type === type)) {
        options.signal?.throwIfAborted()
        await copyUsed(vault, marks, pack, type, chunks, segments)
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

async function copyUsed(
  vault: Vault,
  marks: Marks,
  pack: PackUse,
  type: ChunkType,
  chunks: ChunkReader,
  segments: SegmentBuffer,
): Promise<void> {
  const directory = readPackDirectory(vault.store, vault.keys, pack.name)
  for (const segment of parseDirectory(directory, pack.storedBytes)) {
    for (let at = 0; at < segment.ids.length; at += ID_BYTES) {
      if (!marks.isUsedFrom(segment.ids, at, pack.number)) continue
      segments.add(segment.ids, at, chunks.read(type, segment.ids, at))
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
}
