import { questionsOf } from '../../access/authorize.ts'
import type { Access, AccessQuestion } from '../../access/authorize.ts'
import { somebodyOfId, unknownKeysOf } from '../../access/everybody.ts'
import type { Somebody } from '../../access/everybody.ts'
import type { Question } from '../../access/proposal.ts'
import { keepRefusal, refusalMessage } from '../../access/refusal.ts'
import { guardHandOuts } from '../../access/restore-guard.ts'
import type { Decision } from '../../policy/evaluate.ts'
import { outlook } from '../../policy/outlook.ts'
import { appendAudit } from '../../store/audit/audit.ts'
import type { JobTable, RecoveryPointTable } from '../../store/schema.ts'
import { AccessDeniedError } from '../errors.ts'
import type { JobTools } from '../tools.ts'

/** What a restore test is about to hand out, and for whom. */
interface HandedOut {
  readonly point: RecoveryPointTable
  readonly metadata: Readonly<Record<string, string>>
  /** Unique id of who made or changed the selection last. */
  readonly selectedBy?: string | null
}

/**
 * The restore guard at each run of a restore test, for who had it done: rights that he had then may be gone, and so may he. What only
 * a request says, such as its address or a second factor, was decided with his, and is left open.
 *
 * @returns What it would have refused, where the account has it warn only.
 * @throws {AccessDeniedError} With the decision in the audit trail, as allowed ones are.
 */
export async function guardTest(
  tools: JobTools,
  row: JobTable,
  { point, metadata, selectedBy }: HandedOut,
): Promise<readonly string[]> {
  const { store } = tools
  const who = await somebodyOfId(store.db, row.account_id, selectedBy ?? '')
  const ask =
    who === undefined
      ? () => Promise.resolve({ allowed: false, refusal: new AccessDeniedError(goneMessage(row)) } as const)
      : asking(tools, row, who)
  const caller = { accountId: row.account_id, region: row.region, store, ask }
  return await guardHandOuts(caller, [{ point, metadata }])
}

function goneMessage({ caller_arn }: JobTable): string {
  return (
    `The restore guard refuses the test: ${caller_arn}, who had it done, cannot be asked any more whether he may read what it hands out ` +
    '(gone, or a session without a user or role). Somebody who may must call UpdateRestoreTestingSelection'
  )
}

function asking(
  { store, clock }: JobTools,
  row: JobTable,
  who: Somebody,
): (asked: AccessQuestion) => Promise<Access> {
  const at = clock.now()
  const { principal } = who
  const questionFor = questionsOf(store.db, { principal, region: row.region, now: at })
  const isUnknownKey = unknownKeysOf(who)
  return async ({ remark, ...asked }) => {
    const question = await questionFor(asked)
    const { verdict, decision, best } = outlook(question.request, question.layers, { isUnknownKey })
    const isAllowed = verdict !== 'denied'
    await record({ store }, row, who, question, isAllowed ? best : decision, at)
    if (isAllowed) return { allowed: true }
    const notes = [...(remark === undefined ? [] : [remark]), `${principal.arn} had the restore test done`]
    const facts = { at, jobId: row.job_id, notes }
    const id = await store.transaction((tx) => keepRefusal(tx, principal, question, decision, facts))
    const told = { ...decision, reason: [decision.reason, ...notes].join('. ') }
    return {
      allowed: false,
      refusal: new AccessDeniedError(refusalMessage(principal, question, told, id)),
    }
  }
}

async function record(
  { store }: Pick<JobTools, 'store'>,
  row: JobTable,
  { principal }: Somebody,
  { request: { action, resource } }: Question,
  decision: Decision,
  at: number,
): Promise<void> {
  const deciding = decision.statements[0]
  await appendAudit(store, {
    at,
    account_id: row.account_id,
    request_id: row.job_id,
    principal_arn: principal.arn,
    principal_id: principal.uniqueId,
    source_ip: null,
    service: 'backup',
    action,
    resource,
    effect: decision.allowed ? 'Allow' : 'Deny',
    layer: decision.layer,
    reason: decision.reason,
    policy: deciding === undefined ? null : (deciding.policy.arn ?? deciding.policy.name),
    statement: deciding === undefined ? null : (deciding.sid ?? `#${deciding.index}`),
  })
}
