import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { rgwMissing, startRgw } from '../servers/ceph-rgw.ts'
import { postgresMissing, startPostgres } from '../servers/postgres.ts'
import { fillDisks } from '../vault/full-disk.ts'
import { failCalls } from '../vault/io-errors.ts'
import { killVaultProcesses } from '../vault/kills.ts'
import { cutPower } from '../vault/power-cuts.ts'
import { Simulation } from '../vault/simulation.ts'
import { shareVault } from '../workers/two-servers.ts'

/** So many steps are one simulation, with a seed of its own: a part that fails can be run alone. */
const STEPS_A_PART = 2000
const DISK_SIZES = 64
const POWER_CUTS = 20
/** So long calls of one kind fail, in milliseconds: all kinds are reached. */
const KIND_MS = 180_000

export interface VaultTorture {
  readonly seed: number
  readonly steps: number
}

const say = (text: string): void => void process.stdout.write(`${text}\n`)

/** The vault engine against a model of what must be restorable, until a step leaves something else. */
export async function tortureModel({ seed, steps }: VaultTorture): Promise<void> {
  const crashes = new Map<string, number>()
  const tasks = new Map<string, number>()
  let [zombies, restored, done] = [0, 0, 0]
  const startedAt = performance.now()
  for (let part = 0; done < steps; part++) {
    const partSeed = (seed + part) >>> 0
    const simulation = new Simulation(partSeed)
    await simulation.run(Math.min(STEPS_A_PART, steps - done)).catch((cause: unknown) => {
      const again = `npm run torture -- vault --only model --seed ${partSeed} --steps ${STEPS_A_PART}`
      throw new Error(`The model and the vaults differ; the same run again: ${again}`, { cause })
    })
    const { counts } = simulation
    done += counts.steps
    zombies += counts.zombies
    restored += counts.restored
    for (const [name, count] of counts.crashes) crashes.set(name, (crashes.get(name) ?? 0) + count)
    for (const [name, count] of Object.entries(counts.tasks)) tasks.set(name, (tasks.get(name) ?? 0) + count)
    if (part % 5 === 4)
      say(
        `${done} steps agree after ${((performance.now() - startedAt) / 1000).toFixed(0)} s (seed ${partSeed})`,
      )
  }
  for (const [name, count] of [...crashes].toSorted(([a], [b]) => (a < b ? -1 : 1))) say(`${count}\t${name}`)
  say(`model: ${done} steps, ${JSON.stringify(Object.fromEntries(tasks))}`)
  say(
    `model: ${[...crashes.values()].reduce((sum, one) => sum + one, 0)} crashes at ${crashes.size} named points, ` +
      `${zombies} paused holders of lost leases, ${restored} restores compared`,
  )
}

/** Real processes killed one after the other. */
export async function tortureKills({ seed, kills }: { seed: number; kills: number }): Promise<void> {
  const counts = await killVaultProcesses({ seed, kills, say })
  say(`kills: ${JSON.stringify(counts)}`)
}

export async function tortureFullDisks(): Promise<void> {
  tell('full disks', await fillDisks(DISK_SIZES))
}

/** Each call of each kind, by itself and with all after it, as if the disk were broken and as if it were full. */
export async function tortureIoErrors(seed: number): Promise<void> {
  for (const error of ['EIO', 'ENOSPC'] as const)
    tell(`calls that fail with ${error}`, await failCalls({ seed, error, kindMs: KIND_MS, say }))
}

export async function torturePowerCuts(seed: number): Promise<void> {
  tell('power cuts', await cutPower({ seed, cuts: POWER_CUTS }))
}

/** Two servers on one vault, in a directory and in a bucket. */
export async function tortureTwoServers(rounds: number): Promise<void> {
  const missing = postgresMissing()
  if (missing !== undefined) return tell('two servers', missing)
  const dir = mkdtempSync(join(tmpdir(), 'roleback-two-'))
  // PostgreSQL runs as another user.
  chmodSync(dir, 0o755)
  const postgres = await startPostgres({ dir: join(dir, 'postgres') })
  try {
    const options = { postgres, rounds }
    tell(
      'two servers, a directory',
      await shareVault({ ...options, dir: join(dir, 'a'), database: 'directory' }),
    )
    const noGateway = rgwMissing()
    if (noGateway !== undefined) return tell('two servers, a bucket', noGateway)
    const rgw = await startRgw({ dir: join(dir, 'rgw'), memoryBytes: 4 * 2 ** 30 })
    try {
      tell(
        'two servers, a bucket',
        await shareVault({ ...options, dir: join(dir, 'b'), database: 'bucket', rgw }),
      )
    } finally {
      await rgw.stop()
    }
  } finally {
    await postgres.stop()
    rmSync(dir, { recursive: true, force: true })
  }
}

/** @param found Counts, or why it could not be done. */
function tell(what: string, found: object | string): void {
  say(`${what}: ${typeof found === 'string' ? `left out, ${found}` : JSON.stringify(found)}`)
}
