import { kindOfType } from '../kinds/kinds.ts'
import { findResourceById } from '../store/resources/resources.ts'
import type { RecoveryPointTable } from '../store/schema.ts'
import type { Store } from '../store/store.ts'
import { tagsOf } from '../store/identity/tags.ts'
import { askTrust } from './assume.ts'
import type { Access, AccessQuestion, Asked } from './authorize.ts'
import type { Somebody } from './everybody.ts'
import { BACKUP_SERVICE, passRoleContext } from './passed-role.ts'
import { deletionAtSource } from './point-deletion.ts'
import { guardHandOuts } from './restore-guard.ts'
import type { DecidedRight, Inquiry } from './who-can.ts'

/** What somebody has of the rights that one act takes. */
export interface Claim {
  /** `depends` where a right that it cannot do without does. */
  readonly verdict: 'allowed' | 'depends'
  readonly rights: readonly DecidedRight[]
  /** Of restores: iam:PassRole on those roles that AWS Backup could work under then; one is enough. */
  readonly passing: readonly DecidedRight[]
}

/** Asks about one after the other; undefined for those who cannot. */
export type ClaimOf = (somebody: Somebody) => Promise<Claim | undefined>

interface Place {
  readonly store: Pick<Store, 'db'>
  readonly accountId: string
  readonly region: string
  readonly now: number
}

/** An act that takes these rights and no others; `isOpen` as `decide` takes it. */
export function claimTo(
  inquiry: Inquiry,
  asked: readonly Asked[],
  isOpen?: (key: string) => boolean,
): ClaimOf {
  return async (somebody) => {
    const rights: DecidedRight[] = []
    for (const one of asked) {
      const right = await inquiry.decide(somebody, one, isOpen)
      if (right.verdict === 'denied') return undefined
      rights.push(right)
    }
    return { verdict: weakest(rights), rights, passing: [] }
  }
}

/** Taking on the role. */
export function claimToAssume(inquiry: Inquiry, role: Somebody): ClaimOf {
  return async (somebody) => {
    const found = (await inquiry.assumersOf(role)).find((assumer) => assumer.somebody === somebody)
    if (found === undefined) return undefined
    return { verdict: weakest([found.right]), rights: [found.right], passing: [] }
  }
}

/** Passing the role to AWS Backup, for whatever it may be. */
export function passingOf(roleArn: string): Asked {
  return { action: 'iam:PassRole', resource: roleArn, context: { 'iam:PassedToService': BACKUP_SERVICE } }
}

/** Deleting a recovery point by hand: `asked` of the call, and what its own service asks. */
export async function deletionOf(
  { store, accountId }: Place,
  point: RecoveryPointTable,
  asked: readonly Asked[],
): Promise<readonly Asked[]> {
  const kind = kindOfType(point.resource_type)
  if (kind === undefined) return asked
  return [...asked, ...deletionAtSource(kind, point, await tagsOf(store.db, accountId, point.arn))]
}

/**
 * Restoring a recovery point: `asked` of the call, a role to pass that AWS Backup may assume for it, and what the restore guard asks for
 * all of its content. As long as the source is there, whoever is refused by the guard can still restore back into it.
 */
export async function claimToRestore(
  inquiry: Inquiry,
  place: Place,
  point: RecoveryPointTable,
  asked: readonly Asked[],
): Promise<ClaimOf> {
  const { store, accountId, now } = place
  const assumption = { service: BACKUP_SERVICE, sourceAccount: accountId, sourceArn: point.arn, now }
  const usable = (await inquiry.everybody()).flatMap(({ arn, role }) =>
    role !== undefined && askTrust(role, assumption).refusal === undefined ? [arn] : [],
  )
  const source = await findResourceById(store.db, accountId, point.resource_unique_id)
  const isThere = source !== undefined && source.removed_at === null
  const ofCall = claimTo(inquiry, asked)
  return async (somebody) => {
    const call = await ofCall(somebody)
    if (call === undefined) return undefined
    const passing: DecidedRight[] = []
    for (const resource of usable) {
      const context = passRoleContext(point.arn)
      const right = await inquiry.decide(somebody, { action: 'iam:PassRole', resource, context })
      if (right.verdict !== 'denied') passing.push(right)
    }
    if (passing.length === 0) return undefined
    const guard = await guardRight(inquiry, place, somebody, point)
    if (guard?.verdict === 'denied' && !isThere) return undefined
    const rights = guard === undefined ? call.rights : [...call.rights, { ...guard, isOptional: isThere }]
    const needed = rights.filter(({ isOptional }) => !isOptional)
    const isCertain = passing.some(({ verdict }) => verdict === 'allowed')
    return { verdict: isCertain ? weakest(needed) : 'depends', rights, passing }
  }
}

/** Stands for the AccessDenied that the guard would throw. */
class WouldRefuse extends Error {
  override name = 'WouldRefuse'
  readonly right: DecidedRight

  constructor(right: DecidedRight) {
    super(right.action)
    this.right = right
  }
}

/** What decides, of all that the guard asks him for the whole recovery point; undefined where it asks nothing, or only warns. */
async function guardRight(
  inquiry: Inquiry,
  place: Place,
  somebody: Somebody,
  point: RecoveryPointTable,
): Promise<DecidedRight | undefined> {
  const asked: DecidedRight[] = []
  const ask = async (question: AccessQuestion): Promise<Access> => {
    const right = await inquiry.decide(somebody, question)
    asked.push(right)
    return right.verdict === 'denied'
      ? { allowed: false, refusal: new WouldRefuse(right) }
      : { allowed: true }
  }
  try {
    const warnings = await guardHandOuts({ ...place, ask }, [{ point }])
    if (warnings.length > 0) return undefined
    return (
      asked.findLast(({ verdict }) => verdict === 'depends') ??
      asked.findLast(({ verdict }) => verdict === 'allowed')
    )
  } catch (error) {
    if (error instanceof WouldRefuse) return error.right
    throw error
  }
}

function weakest(rights: readonly DecidedRight[]): Claim['verdict'] {
  return rights.every(({ verdict }) => verdict === 'allowed') ? 'allowed' : 'depends'
}
