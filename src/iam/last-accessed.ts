import { roleArn, userArn } from '../access/identity-arns.ts'
import { compiledPolicy } from '../access/compiled.ts'
import { managedDocument } from '../access/layers.ts'
import { InvalidInputException, NoSuchEntityException } from '../aws/generated/iam.ts'
import type {
  EntityDetails,
  GenerateServiceLastAccessedDetailsRequest,
  GenerateServiceLastAccessedDetailsResponse,
  GetServiceLastAccessedDetailsRequest,
  GetServiceLastAccessedDetailsResponse,
  GetServiceLastAccessedDetailsWithEntitiesRequest,
  GetServiceLastAccessedDetailsWithEntitiesResponse,
  IamApi,
  ServiceLastAccessed,
} from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { uuid } from '../lib/ids.ts'
import type { CompiledPolicy } from '../policy/compile.ts'
import { entitiesOfPolicy } from '../store/identity/identities-attachments.ts'
import { listMembers } from '../store/identity/identities-groups.ts'
import { findRoleById, findUserById } from '../store/identity/identities.ts'
import type { AccessReportTable } from '../store/identity/schema-credentials.ts'
import { findAccessReport, putAccessReport, usesOf } from '../store/identity/uses.ts'
import type { Use } from '../store/identity/uses.ts'
import { on } from './conditions.ts'
import { anyResource } from './entities.ts'
import { pageOfItems } from './paging.ts'
import { grantedServices, namedActions, serviceName } from './service-namespaces.ts'
import { policiesOfEntity } from './simulate-policies.ts'
import { entityNamed } from './simulate-principals.ts'

type Operations =
  | 'GenerateServiceLastAccessedDetails'
  | 'GetServiceLastAccessedDetails'
  | 'GetServiceLastAccessedDetailsWithEntities'

const arnOf = async (_: Context, input: { readonly Arn: string }): Promise<string> => input.Arn

/** Which services an identity, or those with a policy, may use and when they last did, from our own records. */
export const lastAccessed: Pick<Service<IamApi, Context>, Operations> = {
  GenerateServiceLastAccessedDetails: { ...on(arnOf), handler: generate },
  GetServiceLastAccessedDetails: { resource: anyResource, handler: getDetails },
  GetServiceLastAccessedDetailsWithEntities: { resource: anyResource, handler: getEntities },
}

/** AWS's tracking period. */
const TRACKED_MS = 400 * 86_400_000
/** Reports are given out so long. */
const KEPT_MS = 24 * 3_600_000

/** A report as it is kept: for each service that may be used, who did what and when. */
interface Report {
  readonly services: readonly ReportedService[]
}

interface ReportedService {
  readonly namespace: string
  readonly entities: readonly ReportedEntity[]
  readonly actions: readonly { readonly name: string; readonly arn?: string; readonly lastAt?: number }[]
}

interface ReportedEntity {
  readonly arn: string
  readonly name: string
  readonly path: string
  readonly id: string
  readonly type: 'USER' | 'ROLE'
  readonly lastAt?: number
}

/** Attempts count, allowed or not, as with AWS. The report is there at once. */
async function generate(
  ctx: Context,
  input: GenerateServiceLastAccessedDetailsRequest,
): Promise<GenerateServiceLastAccessedDetailsResponse> {
  const { db } = ctx.store
  const { policies, ids } = await subjectOf(ctx, input.Arn)
  const entities = (await Promise.all(ids.map((id) => entityOf(ctx, id)))).filter((one) => one !== undefined)
  const uses = await usesOf(db, ctx.accountId, ctx.now - TRACKED_MS)
  const report: Report = {
    services: grantedServices(policies).map((namespace) => serviceOf(namespace, policies, entities, uses)),
  }
  const row: AccessReportTable = {
    account_id: ctx.accountId,
    job_id: uuid(),
    granularity: input.Granularity ?? 'SERVICE_LEVEL',
    created_at: ctx.now,
    content: JSON.stringify(report),
  }
  await putAccessReport(db, row, ctx.now - KEPT_MS)
  return { JobId: row.job_id }
}

/** The policies whose services are told of, and the users and roles whose uses count. */
async function subjectOf(
  ctx: Context,
  arn: string,
): Promise<{ readonly policies: readonly CompiledPolicy[]; readonly ids: readonly string[] }> {
  const { db } = ctx.store
  if (/^arn:aws:iam::(?:\d{12}|aws):policy\//.test(arn)) {
    const found = await managedDocument(db, arn)
    if (found === undefined)
      throw new NoSuchEntityException(`Policy ${arn} does not exist or is not attachable.`)
    const policy = compiledPolicy(found.document, 'identity', { type: 'managed', arn, name: found.name })
    const users = await entitiesOfPolicy(db, ctx.accountId, arn, 'attached')
    const ids = await Promise.all(
      users.map(async ({ kind, id }) => (kind === 'group' ? await membersOf(ctx, id) : [id])),
    )
    return { policies: [policy], ids: [...new Set(ids.flat())] }
  }
  const entity = await entityNamed(ctx, arn)
  const { identity } = await policiesOfEntity(db, entity)
  const policies = identity.map(({ compiled }) => compiled)
  return { policies, ids: entity.kind === 'group' ? await membersOf(ctx, entity.id) : [entity.id] }
}

async function membersOf(ctx: Context, groupId: string): Promise<readonly string[]> {
  const ids: string[] = []
  let after: readonly string[] | undefined
  do {
    const { rows, next } = await listMembers(ctx.store.db, groupId, { limit: 1_000, after })
    ids.push(...rows.map(({ user_id }) => user_id))
    after = next
  } while (after !== undefined)
  return ids
}

async function entityOf({ store }: Context, id: string): Promise<ReportedEntity | undefined> {
  if (id.startsWith('AROA')) {
    const role = await findRoleById(store.db, id)
    return role && { arn: roleArn(role), name: role.name, path: role.path, id, type: 'ROLE' }
  }
  const user = await findUserById(store.db, id)
  return user && { arn: userArn(user), name: user.name, path: user.path, id, type: 'USER' }
}

function serviceOf(
  namespace: string,
  policies: readonly CompiledPolicy[],
  entities: readonly ReportedEntity[],
  uses: readonly Use[],
): ReportedService {
  const own = uses.filter(
    ({ identityId, action }) =>
      action.toLowerCase().startsWith(`${namespace}:`) && entities.some(({ id }) => id === identityId),
  )
  const names = new Set([...namedActions(policies, namespace), ...own.map(({ action }) => action)])
  const actions = new Map([...names].map((name) => [name.toLowerCase(), name.split(':')[1] as string]))
  return {
    namespace,
    entities: entities.map((entity) => {
      const last = latest(own.filter(({ identityId }) => identityId === entity.id))
      return last === undefined ? entity : { ...entity, lastAt: last.lastAt }
    }),
    actions: [...actions].map(([lower, name]) => {
      const last = latest(own.filter(({ action }) => action.toLowerCase() === lower))
      if (last === undefined) return { name }
      const by = entities.find(({ id }) => id === last.identityId)?.arn
      return { name, lastAt: last.lastAt, ...(by !== undefined && { arn: by }) }
    }),
  }
}

function latest<One extends { readonly lastAt?: number }>(all: readonly One[]): One | undefined {
  return all
    .filter(({ lastAt }) => lastAt !== undefined)
    .toSorted((a, b) => (b.lastAt as number) - (a.lastAt as number))[0]
}

async function reportOf(
  ctx: Context,
  jobId: string,
): Promise<{ readonly row: AccessReportTable; readonly report: Report }> {
  const row = await findAccessReport(ctx.store.db, ctx.accountId, jobId)
  if (row === undefined || ctx.now - row.created_at > KEPT_MS)
    throw new NoSuchEntityException(`The job with id ${jobId} cannot be found.`)
  // Written by generate().
  return { row, report: JSON.parse(row.content) as Report }
}

async function getDetails(
  ctx: Context,
  input: GetServiceLastAccessedDetailsRequest,
): Promise<GetServiceLastAccessedDetailsResponse> {
  const { row, report } = await reportOf(ctx, input.JobId)
  const list = `GetServiceLastAccessedDetails ${row.job_id}`
  const { items, page } = pageOfItems(ctx, list, input, report.services, ({ namespace }) => namespace)
  const createdAt = new Date(row.created_at)
  return {
    JobStatus: 'COMPLETED',
    JobType: row.granularity,
    JobCreationDate: createdAt,
    JobCompletionDate: createdAt,
    ServicesLastAccessed: items.map((service) => toService(ctx, service, row.granularity)),
    ...page,
  }
}

function toService(
  ctx: Context,
  { namespace, entities, actions }: ReportedService,
  granularity: AccessReportTable['granularity'],
): ServiceLastAccessed {
  const last = latest(entities)
  return {
    ServiceName: serviceName(namespace),
    ServiceNamespace: namespace,
    LastAuthenticated: dateOf(last?.lastAt),
    LastAuthenticatedEntity: last?.arn,
    LastAuthenticatedRegion: last === undefined ? undefined : ctx.region,
    TotalAuthenticatedEntities: entities.filter(({ lastAt }) => lastAt !== undefined).length,
    TrackedActionsLastAccessed:
      granularity === 'SERVICE_LEVEL'
        ? undefined
        : actions.map(({ name, arn, lastAt }) => ({
            ActionName: name,
            LastAccessedEntity: arn,
            LastAccessedTime: dateOf(lastAt),
            LastAccessedRegion: lastAt === undefined ? undefined : ctx.region,
          })),
  }
}

const dateOf = (at: number | undefined): Date | undefined => (at === undefined ? undefined : new Date(at))

async function getEntities(
  ctx: Context,
  input: GetServiceLastAccessedDetailsWithEntitiesRequest,
): Promise<GetServiceLastAccessedDetailsWithEntitiesResponse> {
  const { row, report } = await reportOf(ctx, input.JobId)
  const namespace = input.ServiceNamespace.toLowerCase()
  const service = report.services.find((one) => one.namespace === namespace)
  if (service === undefined) {
    throw new InvalidInputException(
      `The report ${row.job_id} has no service "${input.ServiceNamespace}": none of the policies allows anything of it`,
    )
  }
  const list = `GetServiceLastAccessedDetailsWithEntities ${row.job_id} ${namespace}`
  const { items, page } = pageOfItems(ctx, list, input, service.entities, ({ arn }) => arn)
  const createdAt = new Date(row.created_at)
  return {
    JobStatus: 'COMPLETED',
    JobCreationDate: createdAt,
    JobCompletionDate: createdAt,
    EntityDetailsList: items.map(toEntity),
    ...page,
  }
}

function toEntity({ arn, name, path, id, type, lastAt }: ReportedEntity): EntityDetails {
  return {
    EntityInfo: { Arn: arn, Name: name, Type: type, Id: id, Path: path },
    LastAuthenticated: dateOf(lastAt),
  }
}
