import { questionOf, questionsOf } from '../access/authorize.ts'
import type { Access, AccessQuestion, Ask, Authorization } from '../access/authorize.ts'
import type { Ruling } from '../access/denial-record.ts'
import { evaluationOf } from '../access/explain.ts'
import type { Principal } from '../access/principal.ts'
import type { Question } from '../access/proposal.ts'
import { keepRefusal, ownSideOf, refusalMessage } from '../access/refusal.ts'
import { whyNoIam } from '../access/session.ts'
import { AwsError } from '../aws/error.ts'
import type { CallContext } from '../context.ts'
import type { Decision } from '../policy/evaluate.ts'
import { evaluate } from '../policy/evaluate.ts'
import { appendAudit } from '../store/audit/audit.ts'
import type { AuditRecord } from '../store/audit/audit.ts'
import type { Store } from '../store/store.ts'

/** One request as the gate sees it. */
export interface GateRequest {
  readonly store: Store
  readonly principal: Principal
  readonly requestId: string
  readonly service: string
  readonly now: number
  readonly region: string
  readonly sourceIp: string | undefined
  readonly userAgent: string | undefined
  readonly isSecure: boolean
  /** What an AccessDenied is called in the protocol of the request's service. */
  readonly accessDeniedCode: string
  /** What this request was allowed so far; a later refusal of it is explained with them. */
  readonly granted: Asked[]
}

interface Asked {
  readonly question: Question
  readonly decision: Decision
}

/**
 * What policies compare, in characters: AWS's ARNs have so many at most, and of condition keys only paths have more. Without a bound a
 * pattern of a few thousand characters could be looked for at each place of a megabyte, and the trail would keep that.
 */
const MAX_RESOURCE = 2_048
const MAX_VALUE = 4_096

/** Decisions of one request that are kept for a later refusal; a request on thousands of resources keeps the first of them. */
const MAX_GRANTED = 20

/**
 * The one gate. Each decision is in the audit log, durably, before it has an effect. A request's handler asks the same gate for
 * every further right it needs.
 *
 * @throws {AwsError} 403 with AWS's sentence: who, which action, on what, and why not; behind it the id that it is explained by.
 */
export async function authorize(
  request: GateRequest,
  action: string,
  resources: readonly string[],
  context: CallContext | undefined,
): Promise<void> {
  for (const resource of resources) {
    const access = await ask(request, { action, resource, context })
    if (!access.allowed) throw access.refusal
  }
}

/** A session that may not call IAM gets no IAM right through an operation of our own either; passing a role is no call. */
function rulingByTheBack({ principal, service }: GateRequest, action: string): Ruling | undefined {
  if (service !== 'roleback' || !/^iam:(?!PassRole$)/i.test(action)) return undefined
  const why = whyNoIam(principal)
  if (why === undefined) return undefined
  const remedy = 'use the long-term key of the user, a role, or a session that was made with a second factor'
  return { layer: 'session', reason: `because ${why}`, remedy }
}

/** Puts the gate's questions without deciding or recording them. */
export function asking(request: GateRequest): Ask {
  return questionsOf(request.store.db, request)
}

/** One decision, recorded; what follows from a refusal is for the handler to say. */
export async function ask(request: GateRequest, { remark, ...asked }: AccessQuestion): Promise<Access> {
  refuseLong(request, asked)
  const authorization: Authorization = {
    principal: request.principal,
    region: request.region,
    now: request.now,
    sourceIp: request.sourceIp,
    userAgent: request.userAgent,
    isSecure: request.isSecure,
    ...asked,
  }
  const question = await questionOf(request.store.db, authorization)
  const ruling = rulingByTheBack(request, asked.action)
  const decision = ruling === undefined ? evaluate(question.request, question.layers) : ruled(ruling)
  if (!decision.allowed)
    return { allowed: false, refusal: await refuse(request, question, decision, { remark, ruling }) }
  await appendAudit(request.store, auditRecord(request, question, decision))
  if (request.granted.length < MAX_GRANTED) request.granted.push({ question, decision })
  return { allowed: true }
}

/** @throws {AwsError} 400, for a resource or a condition key that nothing can have. */
function refuseLong(
  { userAgent = '', accessDeniedCode }: GateRequest,
  { action, resource, context = {} }: AccessQuestion,
): void {
  const keys: [string, string | readonly string[]][] = Object.entries({
    ...context,
    'aws:UserAgent': userAgent,
  })
  const [key] = keys.find(([, given]) => [given].flat().some((one) => one.length > MAX_VALUE)) ?? []
  if (key === undefined && resource.length <= MAX_RESOURCE) return
  const what =
    key === undefined
      ? `its resource has ${resource.length} characters, and an ARN ${MAX_RESOURCE} at most`
      : `${key.slice(0, 200)} has more than ${MAX_VALUE} characters`
  const code = accessDeniedCode === 'AccessDenied' ? 'ValidationError' : 'InvalidParameterValueException'
  throw new AwsError(code, 400, `Cannot decide on ${action}: ${what}`)
}

function ruled({ layer, reason }: Ruling): Decision {
  return { allowed: false, effect: 'ImplicitDeny', layer, statements: [], reason }
}

async function refuse(
  request: GateRequest,
  question: Question,
  decision: Decision,
  { remark, ruling }: { readonly remark: string | undefined; readonly ruling: Ruling | undefined },
): Promise<AwsError> {
  const { store, principal, now: at, requestId, granted, accessDeniedCode } = request
  const notes = remark === undefined ? [] : [remark]
  const earlier = granted.map((asked) => evaluationOf(asked.question, asked.decision))
  await appendAudit(store, auditRecord(request, question, decision))
  const id = await store.transaction(
    async (tx) =>
      await keepRefusal(tx, principal, question, decision, { at, requestId, earlier, notes, ruling }),
  )
  const told = { ...decision, reason: [decision.reason, ...notes].join('. ') }
  return new AwsError(accessDeniedCode, 403, refusalMessage(principal, question, told, id))
}

/** The trail is the caller's account's: of another account's policies it has no more than he is told (R15). */
function auditRecord(request: GateRequest, question: Question, whole: Decision): AuditRecord {
  const { action, resource } = question.request
  const decision = ownSideOf(question, whole)
  const deciding = decision.statements[0]
  return {
    at: request.now,
    account_id: request.principal.accountId,
    request_id: request.requestId,
    principal_arn: request.principal.arn,
    principal_id: request.principal.uniqueId,
    source_ip: request.sourceIp ?? null,
    service: request.service,
    action,
    resource,
    effect: decision.allowed ? 'Allow' : 'Deny',
    layer: decision.layer,
    reason: decision.reason,
    policy: deciding === undefined ? null : (deciding.policy.arn ?? deciding.policy.name),
    statement: deciding === undefined ? null : (deciding.sid ?? `#${deciding.index}`),
  }
}
