import { InvalidInputException } from '../aws/generated/iam.ts'
import type { Statement } from '../policy/policy.ts'
import type { SimulatedResource, Simulation } from './simulate-decision.ts'

/** What keeps a request for a simulation from holding the server up for over half a second. */

/** Resources of one simulation. */
export const MAX_RESOURCES = 1_000
/** Decisions of one page, whatever MaxItems says; a page has one action at least. */
const MAX_DECISIONS = 5_000
/** Statements looked at for one page: those of all policies, for each resource and action. */
const MAX_STATEMENT_CHECKS = 500_000
/**
 * Characters of patterns times characters that they are held against, for one page: what comparing takes at the worst. A few lists of
 * thousands of values, or patterns of thousands of characters, come to more than any number of statements.
 */
const MAX_COMPARED = 500_000_000
/** What comparing even the shortest texts takes, in characters. */
const LEAST_COMPARED = 4

/** Actions that one page takes. @throws {InvalidInputException} Where one would be too much already. */
export function actionsPerPage(simulated: Simulation, resources: readonly SimulatedResource[]): number {
  const { identity, boundary = [], organization = [] } = simulated
  const ofResource = resources.flatMap(({ policy, trust }) => policy ?? trust ?? []).slice(0, 1)
  const statements = [identity, boundary, ofResource, ...organization]
    .flat()
    .flatMap(({ compiled }) => compiled.statements.map(({ statement }) => statement))
  const checks = (statements.length + 1) * resources.length
  const compared = comparedIn(statements, resources)
  const share = Math.max(checks / MAX_STATEMENT_CHECKS, compared / MAX_COMPARED)
  if (share > 1) {
    const fewer = Math.floor(resources.length / share)
    throw new InvalidInputException(
      `Cannot simulate ${resources.length} resources with ${statements.length} statements and the texts that they compare at once: ` +
        (fewer > 0 ? `ask for at most ${fewer} resources` : 'give fewer or shorter values'),
    )
  }
  return Math.max(1, Math.floor(Math.min(MAX_DECISIONS / resources.length, 1 / share)))
}

function comparedIn(statements: readonly Statement[], resources: readonly SimulatedResource[]): number {
  const patterns = sizeOf(statements.flatMap(({ resource }) => resource?.names.filter(isSearched) ?? []))
  const arns = sizeOf(resources.map(({ arn }) => arn))
  // Contexts of resources differ by a role's tags alone.
  const context = resources[0]?.context
  const conditions = statements.flatMap((statement) => statement.conditions)
  const ofOne = conditions.reduce((sum, { key, values }) => {
    const given = context?.get(key.toLowerCase()) ?? []
    return sum + sizeOf(values) * sizeOf(typeof given === 'string' ? [given] : given)
  }, 0)
  return patterns * arns + ofOne * resources.length
}

/** Whether a pattern may be looked for at every place of a text. What begins with its text, or is that text, is found out at once. */
function isSearched(pattern: string): boolean {
  return pattern.includes('${') || /[*?]/.test(pattern.slice(0, -1))
}

function sizeOf(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + text.length + LEAST_COMPARED, 0)
}
