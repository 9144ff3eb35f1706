/**
 * What is too long for `npm test`, each subject by itself:
 *
 *   npm run torture -- policy [--seed N] [--decisions N]
 *   npm run torture -- vault  [--seed N] [--steps N] [--only model]
 *
 * The seed is printed first and makes the same run again.
 */
import { parseArgs } from 'node:util'
import { torturePolicy } from './policy.ts'
import { tortureModel } from './vault.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string' },
    decisions: { type: 'string', default: '5000000' },
    steps: { type: 'string', default: '100000' },
    only: { type: 'string' },
  },
})
const seed = values.seed === undefined ? Date.now() >>> 0 : Number(values.seed)
const decisions = Number(values.decisions)
const steps = Number(values.steps)
const VAULT = { model: async () => await tortureModel({ seed, steps }) }
const parts = Object.entries(VAULT).filter(([name]) => values.only === undefined || values.only === name)
const subject = positionals.join()
const isKnown = subject === 'policy' || (subject === 'vault' && parts.length > 0)
if (!isKnown || !Number.isInteger(seed) || !(decisions > 0) || !(steps > 0)) {
  process.stderr.write(
    `usage: npm run torture -- policy [--seed N] [--decisions N]\n` +
      `       npm run torture -- vault [--seed N] [--steps N] [--only ${Object.keys(VAULT).join('|')}]\n`,
  )
  process.exit(2)
}
if (subject === 'policy') torturePolicy({ seed, decisions })
else {
  process.stdout.write(`seed ${seed}\n`)
  for (const [, run] of parts) await run()
}
