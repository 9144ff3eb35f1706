import { createHash } from 'node:crypto'
import { loadavg } from 'node:os'

/** How fast this machine is just now, and what else it does: figures mean nothing without. */
export function calibration(): string {
  const block = Buffer.alloc(1 << 20)
  const started = performance.now()
  for (let i = 0; i < 128; i++) createHash('sha256').update(block).digest()
  const rate = Math.round(128 / ((performance.now() - started) / 1000))
  return `calibration: SHA-256 ${rate} MB/s, load ${(loadavg()[0] as number).toFixed(2)}`
}
