import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { LAUNCHER_ENV, LAUNCHER_FLAGS, machine, measure, say } from './measure.ts'

/**
 * Ten million objects of a generated bucket through the real writer, then the same listing with one object changed, each in a process
 * of its own: what the change adds to the vault, and how much memory either takes. Items only: their content is known to the vault.
 */
const ITEMS = Number(process.env['BENCH_ITEMS'] ?? 10_000_000)
const ADDED_MIB = 1
const PSS_MIB = 512

export async function run(): Promise<void> {
  const scratch = mkdtempSync(join(tmpdir(), 'roleback-bench-'))
  try {
    say(`manifest of ${ITEMS.toLocaleString('en')} items, ${machine()}`)
    let peak = 0
    const job = async (what: string, ...args: readonly string[]): Promise<number> => {
      const program = process.execPath
      const script = join(import.meta.dirname, 'vault-listing.ts')
      const run = {
        program,
        args: [...LAUNCHER_FLAGS, script, join(scratch, 'vault'), String(ITEMS), ...args],
        env: LAUNCHER_ENV,
        isWarm: true,
      }
      const figure = await measure(run)
      peak = Math.max(peak, figure.pssMib)
      const stored = Number(figure.output)
      say(
        `manifest, ${what}: ${figure.seconds.toFixed(1)} s, CPU ${figure.cpuSeconds.toFixed(1)} s, ` +
          `${(stored / 2 ** 20).toFixed(3)} MiB stored, peak ${figure.pssMib} MiB`,
      )
      return stored / 2 ** 20
    }
    await job('first', 'p0')
    const added = await job('one changed', 'p1', 'p0')
    say(`manifest, one change adds ${verdict(Number(added.toFixed(3)), ADDED_MIB)} MiB`)
    say(`manifest peak PSS: ${verdict(peak, PSS_MIB)} MiB`)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

const verdict = (value: number, target: number): string =>
  `${value} (target at most ${target}${value <= target ? '' : ': MISSED'})`
