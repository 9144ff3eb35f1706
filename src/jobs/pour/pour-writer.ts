import { ItemError } from '../../drivers/driver.ts'
import type { ThreadWriter } from '../../drivers/driver.ts'
import { ByteReader, ByteWriter } from '../../vault/format/binary.ts'
import type { ChunkReader } from '../../vault/read/chunk-reader.ts'
import { ChunkMissingError, VaultDamageError } from '../../vault/errors.ts'
import { ID_BYTES } from '../../vault/keys.ts'
import { decodeWrite, encodeResult, leftOut } from './pour-wire.ts'
import type { ItemResult, WriteTask } from './pour-wire.ts'

const NO_IDS = Buffer.alloc(0)

/**
 * The work of one thread on a restore: finds, opens and checks the chunks of items and gives them to the driver's writer. An item
 * that is damaged in the vault is a problem of the item, as one is that cannot be written.
 */
export function writeItems(chunks: ChunkReader, writer: ThreadWriter, tasks: Uint8Array): Buffer {
  const reader = new ByteReader(tasks)
  const out = new ByteWriter()
  while (reader.left > 0) encodeResult(out, writeItem(chunks, writer, decodeWrite(reader)))
  return out.take()
}

function writeItem(
  chunks: ChunkReader,
  writer: ThreadWriter,
  { task, size, position, ids }: WriteTask,
): ItemResult {
  try {
    writer.open(task, size)
    let at = position
    for (let i = 0; i < ids.length; i += ID_BYTES) {
      const chunk = chunks.read('data', ids, i)
      if (at + chunk.length > size) throw new ItemError('Its chunks hold more than the item’s size')
      writer.write(chunk, 0, chunk.length, at)
      at += chunk.length
    }
    writer.close()
    return { isKept: true, problem: undefined, size: at - position, ids: NO_IDS, meta: undefined }
  } catch (error) {
    const isOfItem =
      error instanceof ItemError || error instanceof VaultDamageError || error instanceof ChunkMissingError
    if (!isOfItem) throw error
    return leftOut(error.message)
  }
}
