import { Simulation } from '../vault/simulation.ts'

/** So many steps are one simulation, with a seed of its own: a part that fails can be run alone. */
const STEPS_A_PART = 2000

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
