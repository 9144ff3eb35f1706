/**
 * Cuts content where a Gear hash of the last 32 bytes is 0 in its upper 19 bits, so that an insertion moves only the chunks
 * around it. restic takes chunks of any size; its own have 512 KiB to 8 MiB, about 1 MiB on average, like these.
 */

const MIN_CHUNK_BYTES = 512 * 1024
const MAX_CHUNK_BYTES = 4 * 1024 * 1024
const IGNORED_BITS = 13
const BUFFER_BYTES = 8 * 1024 * 1024

/** Where the chunk that begins at `start` ends. */
function findCut(buffer: Uint8Array, start: number, end: number, gear: Uint32Array): number {
  const last = Math.min(end, start + MAX_CHUNK_BYTES)
  let hash = 0
  for (let at = start + MIN_CHUNK_BYTES; at < last; at++) {
    hash = ((hash << 1) + (gear[buffer[at] as number] as number)) | 0
    if (hash >>> IGNORED_BITS === 0) return at + 1
  }
  return last
}

/** Makes a cutter with a buffer of 8 MiB of its own; only one content at a time. A chunk is valid until the next is asked for. */
export function createChunker(
  gear: Uint32Array,
): (content: AsyncIterable<Uint8Array>) => AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafeSlow(BUFFER_BYTES)
  return async function* chunks(content) {
    let start = 0
    let end = 0
    for await (const part of content) {
      for (let taken = 0; taken < part.length;) {
        const step = Math.min(part.length - taken, BUFFER_BYTES - end)
        buffer.set(part.subarray(taken, taken + step), end)
        taken += step
        end += step
        while (end - start >= MAX_CHUNK_BYTES) {
          const cut = findCut(buffer, start, end, gear)
          yield buffer.subarray(start, cut)
          start = cut
        }
        if (end === BUFFER_BYTES || start === end) {
          buffer.copyWithin(0, start, end)
          end -= start
          start = 0
        }
      }
    }
    while (start < end) {
      const cut = findCut(buffer, start, end, gear)
      yield buffer.subarray(start, cut)
      start = cut
    }
  }
}
