import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/**
 * Buffers of zlib and crypto weigh nothing to the collector, so a thread that makes many calls it every so often; else memory grows
 * threefold.
 * @returns To be told of bytes stored or opened.
 */
export function collector(afterBytes: number): (bytes: number) => void {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as (options: { type: 'minor' }) => void
  let pending = 0
  return (bytes) => {
    pending += bytes
    if (pending < afterBytes) return
    pending = 0
    collect({ type: 'minor' })
  }
}
