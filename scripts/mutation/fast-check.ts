/**
 * Stands in for fast-check while mutants are tried: the same cases for each mutant, fewer of them than a whole run of the tests has,
 * and no search for the smallest one that fails, since only whether one does is of interest.
 */
import fc from 'fast-check'

const MOST_RUNS = 400
const SEED = 20_261_128

type Parameters = { readonly numRuns?: number; readonly seed?: number }

function assertFew(property: object, parameters: Parameters = {}): unknown {
  const numRuns = Math.min(parameters.numRuns ?? 100, MOST_RUNS)
  // oxlint-disable-next-line typescript/no-explicit-any -- stands in for two overloads of which only fast-check needs the types
  return fc.assert(property as any, { ...parameters, numRuns, seed: SEED, endOnFailure: true })
}

const standIn: object = { ...fc, assert: assertFew }
export default standIn
