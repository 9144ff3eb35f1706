import type { Access, AccessQuestion, Preview } from './authorize.ts'
import type { Check, Checker } from './preflight-checks.ts'
import type { Proposal } from './proposal.ts'
import type { GuardedCaller } from './restore-guard.ts'

/** Stands for the AccessDenied that the guard would throw. */
class WouldRefuse extends Error {
  override name = 'WouldRefuse'
}

/**
 * What the restore guard would ask the caller, by the guard itself: `guard` is one of its functions. A right to read that is lacking is missing
 * where the account's guard enforces, and but told of where it warns; where the caller may be handed what he could not read,
 * nothing is missing.
 */
export async function guardChecks(
  caller: Pick<GuardedCaller, 'accountId' | 'region' | 'store'>,
  preview: Preview,
  checker: Checker,
  guard: (caller: GuardedCaller) => Promise<readonly string[]>,
): Promise<readonly Check[]> {
  const checks: Check[] = []
  const ask = async ({ remark, ...asked }: AccessQuestion): Promise<Access> => {
    const check = checker.ofCaller('guard', await preview.right(asked))
    const isAllowed = check.verdict === 'allowed'
    checks.push(
      isAllowed || remark === undefined ? check : { ...check, reason: `${check.reason}. ${remark}` },
    )
    return isAllowed ? { allowed: true } : { allowed: false, refusal: new WouldRefuse(check.action) }
  }
  const warnings = await guard({ ...caller, ask }).catch((error: unknown) => {
    if (error instanceof WouldRefuse) return undefined
    throw error
  })
  // Of the rights that would each be enough, the first is the one to be told of.
  const [missing] = checks.filter(({ verdict }) => verdict !== 'allowed')
  const allowed = checks.filter(({ verdict }) => verdict === 'allowed')
  if (missing === undefined || warnings?.length === 0) return allowed
  const told = { ...missing, proposals: missing.proposals.map(forItsOwner) }
  return [...allowed, warnings === undefined ? told : { ...told, isOptional: true }]
}

/** What the guard keeps from somebody is not his to be given because a restore lacks it. */
function forItsOwner(proposal: Proposal): Proposal {
  if (proposal.change !== 'add') return proposal
  return {
    ...proposal,
    where:
      `${proposal.where}, if who answers for what was backed up agrees: it opens to this caller what the restore guard keeps from him. ` +
      'Else let somebody start the job who may read it at the source',
  }
}
