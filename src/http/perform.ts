import type { Asked } from '../access/authorize.ts'
import type { Principal } from '../access/principal.ts'
import { accessDeniedCode, notBuilt } from '../aws/faults.ts'
import type { ServiceModel, ServiceName } from '../aws/model.ts'
import { modelOf } from '../aws/model.ts'
import type {
  Operation,
  OperationContext,
  Service,
  UnbuiltOperation,
  UnsignedOperation,
} from '../aws/operation.ts'
import type { Routed } from '../aws/wire.ts'
import type { Context, UnsignedContext } from '../context.ts'
import { uuid } from '../lib/ids.ts'
import { ask, asking, authorize } from './gate.ts'
import type { GateRequest } from './gate.ts'

/** What stands between a request whose caller is known and its handler: the gate, and what a handler gets. */

// oxlint-disable-next-line typescript/no-explicit-any -- each table is typed where it is written; the gate calls them alike
export type AnyEntry = Operation<Context, any, unknown> | UnbuiltOperation<Context, any>
// oxlint-disable-next-line typescript/no-explicit-any -- the same
export type AnyUnsigned = UnsignedOperation<UnsignedContext, any, unknown>

export type ServiceTables = Readonly<Record<ServiceName, Service<unknown, Context>>>

export async function perform(
  ctx: Context,
  gate: GateRequest,
  routed: Routed,
  entry: AnyEntry,
  input: unknown,
): Promise<unknown> {
  const { model, operation } = routed
  if (entry.decidedByHandler !== true) {
    const { action, resources, context } = await askedBy(ctx, model, operation.name, entry, input)
    await authorize(gate, action, resources, context)
  }
  if ('unbuilt' in entry) throw notBuilt(model, operation, entry.because)
  return (await entry.handler(ctx, input)) ?? {}
}

export function contextOf(
  call: UnsignedContext,
  gate: GateRequest,
  tables: ServiceTables,
  warn: Context['warn'],
): Context {
  const right = asking(gate)
  const ctx: Context = {
    ...call,
    principal: gate.principal,
    accountId: gate.principal.accountId,
    authorize: (action, resource, context) => authorize(gate, action, [resource], context),
    ask: (question) => ask(gate, question),
    warn,
    preview: {
      right,
      asked: (service, operation, input) => askedOfCall(ctx, tables, service, operation, input),
    },
  }
  return ctx
}

/** What the gate asks before an operation's handler runs; nothing where the handler decides by itself. */
async function askedOfCall(
  ctx: Context,
  tables: ServiceTables,
  service: string,
  operation: string,
  input: object,
): Promise<readonly Asked[]> {
  const model = modelOf(service as ServiceName)
  const table = tables[service as ServiceName] as Readonly<Record<string, AnyEntry | AnyUnsigned>>
  const entry = table[operation]
  if (entry === undefined) throw new Error(`${service} has no operation ${operation}`)
  if ('unsigned' in entry || entry.decidedByHandler === true) return []
  const { action, resources, context } = await askedBy(ctx, model, operation, entry, input)
  return resources.map((resource) => ({ action, resource, context }))
}

async function askedBy(
  ctx: Context,
  model: ServiceModel,
  operation: string,
  entry: AnyEntry,
  input: unknown,
): Promise<{
  readonly action: string
  readonly resources: readonly string[]
  readonly context: OperationContext | undefined
}> {
  const resources = await entry.resource(ctx, input)
  return {
    action: entry.action ?? `${model.metadata.iamPrefix}:${operation}`,
    resources: typeof resources === 'string' ? [resources] : resources,
    context: await entry.context?.(ctx, input),
  }
}

/** What calls of the server's own are made as: no client sent them. */
const OWN_AGENT = 'backup.amazonaws.com'

/** The context of a call that the server makes in the name of a role's session: the same gate decides and records it. */
export function contextAs(
  call: Omit<UnsignedContext, 'requestId' | 'region' | 'now' | 'sourceIp'>,
  tables: ServiceTables,
  principal: Principal,
  region: string,
): Context {
  const own = { ...call, requestId: uuid(), region, now: call.clock.now(), sourceIp: undefined }
  const gate: GateRequest = {
    store: call.store,
    principal,
    requestId: own.requestId,
    service: 'roleback',
    now: own.now,
    region,
    sourceIp: undefined,
    userAgent: OWN_AGENT,
    isSecure: true,
    accessDeniedCode: accessDeniedCode(modelOf('roleback')),
    granted: [],
  }
  return contextOf(own, gate, tables, () => undefined)
}
