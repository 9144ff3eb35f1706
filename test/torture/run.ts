/**
 * What is too long for `npm test`, each subject by itself:
 *
 *   npm run torture -- policy [--seed N] [--decisions N]
 *   npm run torture -- vault  [--seed N] [--steps N] [--kills N] [--rounds N] [--only model|kills|full-disk|io-errors|power-cuts|two-servers]
 *
 * The seed is printed first and makes the same run again.
 */
import { parseArgs } from 'node:util'
import { torturePolicy } from './policy.ts'
import {
  tortureFullDisks,
  tortureIoErrors,
  tortureKills,
  tortureModel,
  torturePowerCuts,
  tortureTwoServers,
} from './vault.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string' },
    decisions: { type: 'string', default: '5000000' },
    steps: { type: 'string', default: '100000' },
    kills: { type: 'string', default: '500' },
    rounds: { type: 'string', default: '40' },
    only: { type: 'string' },
  },
})
const seed = values.seed === undefined ? Date.now() >>> 0 : Number(values.seed)
const decisions = Number(values.decisions)
const steps = Number(values.steps)
const kills = Number(values.kills)
const rounds = Number(values.rounds)
const VAULT = {
  model: async () => await tortureModel({ seed, steps }),
  kills: async () => await tortureKills({ seed, kills }),
  'full-disk': tortureFullDisks,
  'io-errors': async () => await tortureIoErrors(seed),
  'power-cuts': async () => await torturePowerCuts(seed),
  'two-servers': async () => await tortureTwoServers(rounds),
}
const parts = Object.entries(VAULT).filter(([name]) => values.only === undefined || values.only === name)
const subject = positionals.join()
const isKnown = subject === 'policy' || (subject === 'vault' && parts.length > 0)
if (
  !isKnown ||
  !Number.isInteger(seed) ||
  !(decisions > 0) ||
  !(steps > 0) ||
  !(kills > 0) ||
  !(rounds > 0)
) {
  process.stderr.write(
    `usage: npm run torture -- policy [--seed N] [--decisions N]\n` +
      `       npm run torture -- vault [--seed N] [--steps N] [--kills N] [--rounds N] [--only ${Object.keys(VAULT).join('|')}]\n`,
  )
  process.exit(2)
}
if (subject === 'policy') torturePolicy({ seed, decisions })
else {
  process.stdout.write(`seed ${seed}\n`)
  for (const [, run] of parts) await run()
}
