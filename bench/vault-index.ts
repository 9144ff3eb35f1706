import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LAUNCHER_ENV, LAUNCHER_FLAGS, machine, measure, say } from './measure.ts'

/** An index of fifty million chunks (6 TiB of content): what it takes in memory, how long reading it takes, and looking chunks up. */
const CHUNKS = Number(process.env['BENCH_CHUNKS'] ?? 50_000_000)
const BYTES_PER_CHUNK = 25
const PSS_MIB = 1331

export async function run(): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'roleback-bench-'))
  try {
    say(`index of ${CHUNKS.toLocaleString('en')} chunks, ${machine()}`)
    const script = join(import.meta.dirname, 'vault-large-index.ts')
    const job = (action: string) =>
      measure({
        program: process.execPath,
        args: [...LAUNCHER_FLAGS, script, action, join(scratch, 'vault'), String(CHUNKS)],
        env: LAUNCHER_ENV,
        isWarm: true,
      })
    await job('make')
    const { seconds, cpuSeconds, pssMib, output } = await job('read')
    const { indexBytes, lookups } = JSON.parse(output) as { indexBytes: number; lookups: number }
    const perChunk = Number((indexBytes / CHUNKS).toFixed(1))
    say(
      `index, reading it: ${seconds.toFixed(1)} s, CPU ${cpuSeconds.toFixed(1)} s; ${lookups} look-ups a second`,
    )
    say(`index, memory of a chunk: ${verdict(perChunk, BYTES_PER_CHUNK)} bytes`)
    say(`index, peak PSS of the process: ${verdict(pssMib, CHUNKS < 50_000_000 ? Infinity : PSS_MIB)} MiB`)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

const verdict = (value: number, target: number): string =>
  `${value} (target at most ${target}${value <= target ? '' : ': MISSED'})`
