/**
 * What is too long for `npm test`, each subject by itself:
 *
 *   npm run torture -- policy [--seed N] [--decisions N]
 *
 * The seed is printed first and makes the same run again.
 */
import { parseArgs } from 'node:util'
import { torturePolicy } from './policy.ts'

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { seed: { type: 'string' }, decisions: { type: 'string', default: '5000000' } },
})
const seed = values.seed === undefined ? Date.now() >>> 0 : Number(values.seed)
const decisions = Number(values.decisions)
if (positionals.join() !== 'policy' || !Number.isInteger(seed) || !(decisions > 0)) {
  process.stderr.write('usage: npm run torture -- policy [--seed N] [--decisions N]\n')
  process.exit(2)
}
torturePolicy({ seed, decisions })
