import { managedPolicies } from '../access/managed-policies.ts'
import type { ManagedPolicy } from '../access/managed-policies.ts'
import { AwsError } from '../aws/error.ts'
import {
  DeleteConflictException,
  EntityAlreadyExistsException,
  InvalidInputException,
  NoSuchEntityException,
} from '../aws/generated/iam.ts'
import type {
  CreatePolicyRequest,
  CreatePolicyResponse,
  DeletePolicyRequest,
  GetPolicyRequest,
  GetPolicyResponse,
  IamApi,
  ListEntitiesForPolicyRequest,
  ListEntitiesForPolicyResponse,
  ListPoliciesRequest,
  ListPoliciesResponse,
  Policy,
} from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { iamId } from '../lib/ids.ts'
import { attachedTo, entitiesOfPolicy, policyUsage } from '../store/identity/identities-attachments.ts'
import type { PolicyUser } from '../store/identity/identities-attachments.ts'
import {
  deletePolicy,
  findPolicyByArn,
  insertPolicy,
  listPolicies,
  listPolicyVersions,
} from '../store/identity/identities-policies.ts'
import type { PolicyTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import { deleteAllTags, putTags } from '../store/identity/tags.ts'
import { on, requestTags, tagKeys } from './conditions.ts'
import { checkManagedPolicy } from './documents.ts'
import { anyResource } from './entities.ts'
import { pageOfItems } from './paging.ts'
import { addTags, checkedTags, removeTags, tagMembers, tagPage } from './tags.ts'

type Operations =
  | 'CreatePolicy'
  | 'GetPolicy'
  | 'ListPolicies'
  | 'DeletePolicy'
  | 'TagPolicy'
  | 'UntagPolicy'
  | 'ListPolicyTags'
  | 'ListEntitiesForPolicy'

export const policies: Pick<Service<IamApi, Context>, Operations> = {
  CreatePolicy: {
    resource: (ctx, input) => arnOf(ctx, input.Path ?? '/', input.PolicyName),
    context: requestTags,
    handler: createPolicy,
  },
  GetPolicy: { ...on(policyTarget), handler: getPolicy },
  ListPolicies: { resource: anyResource, handler: listPoliciesPage },
  DeletePolicy: { ...on(policyTarget), handler: removePolicy },
  TagPolicy: {
    ...on(policyTarget, requestTags),
    handler: async (ctx, input) =>
      await ctx.store.transaction(async (tx) => {
        const policy = await changeablePolicy(ctx, input.PolicyArn, tx)
        await addTags(tx, ctx.accountId, policy.arn, input.Tags)
        return {}
      }),
  },
  UntagPolicy: {
    ...on(policyTarget, tagKeys),
    handler: async (ctx, input) =>
      await ctx.store.transaction(async (tx) => {
        const policy = await changeablePolicy(ctx, input.PolicyArn, tx)
        await removeTags(tx, ctx.accountId, policy.arn, input.TagKeys)
        return {}
      }),
  },
  ListPolicyTags: {
    ...on(policyTarget),
    handler: async (ctx, input) => {
      if (managedPolicies.has(input.PolicyArn)) return { Tags: [], IsTruncated: false }
      return await tagPage(ctx, (await changeablePolicy(ctx, input.PolicyArn)).arn, input)
    },
  },
  ListEntitiesForPolicy: { ...on(policyTarget), handler: listEntities },
}

function arnOf(ctx: Context, path: string, name: string): string {
  return `arn:aws:iam::${ctx.accountId}:policy${path}${name}`
}

/** The ARN that the request names is the resource. */
export async function policyTarget(_: Context, input: { readonly PolicyArn: string }): Promise<string> {
  return input.PolicyArn
}

/**
 * A policy of this account.
 * @throws {AwsError} AccessDenied for a built-in policy, which nobody may change.
 */
export async function changeablePolicy(
  ctx: Context,
  arn: string,
  db: Queryable = ctx.store.db,
): Promise<PolicyTable> {
  if (managedPolicies.has(arn)) {
    throw new AwsError(
      'AccessDenied',
      403,
      `Cannot change the policy ${arn}: built-in policies are read-only`,
    )
  }
  const row = await findPolicyByArn(db, ctx.accountId, arn)
  if (row === undefined) throw noSuchPolicy(arn)
  return row
}

function noSuchPolicy(arn: string): AwsError {
  return /^arn:aws:iam::(?:aws|\d{12}):policy\//.test(arn)
    ? new NoSuchEntityException(`Policy ${arn} was not found.`)
    : new InvalidInputException(`ARN ${arn} is not valid.`)
}

async function createPolicy(ctx: Context, input: CreatePolicyRequest): Promise<CreatePolicyResponse> {
  checkManagedPolicy(input.PolicyDocument)
  const tags = checkedTags(input.Tags)
  const path = input.Path ?? '/'
  const row: PolicyTable = {
    account_id: ctx.accountId,
    policy_id: iamId('ANPA'),
    arn: arnOf(ctx, path, input.PolicyName),
    name: input.PolicyName,
    name_lower: input.PolicyName.toLowerCase(),
    path,
    description: input.Description ?? null,
    created_at: ctx.now,
    updated_at: ctx.now,
    default_version: 1,
    last_version: 1,
  }
  return await ctx.store.transaction(async (tx) => {
    const { policy_id, created_at } = row
    const version = { policy_id, version: 1, document: input.PolicyDocument, created_at }
    if (!(await insertPolicy(tx, row, version))) {
      throw new EntityAlreadyExistsException(
        `A policy called ${row.name} already exists. Duplicate names are not allowed.`,
      )
    }
    await putTags(tx, ctx.accountId, row.arn, tags)
    return { Policy: { ...policyMember(row, NO_USAGE), Tags: await tagMembers(tx, ctx.accountId, row.arn) } }
  })
}

async function getPolicy(ctx: Context, input: GetPolicyRequest): Promise<GetPolicyResponse> {
  const usage = await policyUsage(ctx.store.db, ctx.accountId)
  const builtIn = managedPolicies.get(input.PolicyArn)
  if (builtIn !== undefined) {
    return { Policy: { ...builtInMember(builtIn, usage), Description: builtIn.description } }
  }
  const row = await changeablePolicy(ctx, input.PolicyArn)
  return {
    Policy: {
      ...policyMember(row, usage),
      Description: row.description ?? undefined,
      Tags: await tagMembers(ctx.store.db, ctx.accountId, row.arn),
    },
  }
}

async function listPoliciesPage(ctx: Context, input: ListPoliciesRequest): Promise<ListPoliciesResponse> {
  const usage = await policyUsage(ctx.store.db, ctx.accountId)
  const members: Policy[] = []
  if (input.Scope !== 'AWS') {
    members.push(...(await localPolicies(ctx)).map((row) => policyMember(row, usage)))
  }
  if (input.Scope !== 'Local') {
    members.push(...[...managedPolicies.values()].map((policy) => builtInMember(policy, usage)))
  }
  const counted = input.PolicyUsageFilter === 'PermissionsBoundary' ? usage.boundary : usage.attached
  const isWanted = (policy: Policy): boolean =>
    (policy.Path as string).startsWith(input.PathPrefix ?? '/') &&
    ((input.OnlyAttached !== true && input.PolicyUsageFilter === undefined) ||
      counted.has(policy.Arn as string))
  const list = `ListPolicies ${input.Scope ?? ''} ${input.PathPrefix ?? '/'}`
  const { items, page } = pageOfItems(
    ctx,
    list,
    input,
    members.filter(isWanted),
    (policy) => policy.Arn as string,
  )
  return { Policies: items, ...page }
}

async function localPolicies(ctx: Context): Promise<PolicyTable[]> {
  const all: PolicyTable[] = []
  let after: readonly string[] | undefined
  do {
    const page = await listPolicies(ctx.store.db, { accountId: ctx.accountId }, { limit: 1_000, after })
    all.push(...page.rows)
    after = page.next
  } while (after !== undefined)
  return all
}

async function removePolicy(ctx: Context, input: DeletePolicyRequest): Promise<Record<never, never>> {
  return await ctx.store.transaction(async (tx) => {
    const policy = await changeablePolicy(ctx, input.PolicyArn, tx)
    const isAttached = (await attachedTo(tx, ctx.accountId, policy.arn)).length > 0
    const bounds = await entitiesOfPolicy(tx, ctx.accountId, policy.arn, 'boundary')
    if (isAttached || bounds.length > 0) {
      throw new DeleteConflictException('Cannot delete a policy attached to entities.')
    }
    if ((await listPolicyVersions(tx, policy.policy_id, { limit: 2 })).rows.length > 1) {
      throw new DeleteConflictException(
        "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
      )
    }
    await deletePolicy(tx, policy.policy_id)
    await deleteAllTags(tx, ctx.accountId, policy.arn)
    return {}
  })
}

async function listEntities(
  ctx: Context,
  input: ListEntitiesForPolicyRequest,
): Promise<ListEntitiesForPolicyResponse> {
  if (!managedPolicies.has(input.PolicyArn)) await changeablePolicy(ctx, input.PolicyArn)
  const { db } = ctx.store
  const found = new Map<string, PolicyUser>()
  for (const usage of ['attached', 'boundary'] as const) {
    const asked = input.PolicyUsageFilter
    if (asked === 'PermissionsPolicy' && usage === 'boundary') continue
    if (asked === 'PermissionsBoundary' && usage === 'attached') continue
    for (const entity of await entitiesOfPolicy(db, ctx.accountId, input.PolicyArn, usage)) {
      found.set(entity.id, entity)
    }
  }
  const kind = { User: 'user', Group: 'group', Role: 'role' } as const
  const filter = input.EntityFilter
  const wanted = [...found.values()].filter(
    (entity) =>
      entity.path.startsWith(input.PathPrefix ?? '/') &&
      (filter === undefined || (filter in kind && kind[filter as keyof typeof kind] === entity.kind)),
  )
  const list = `ListEntitiesForPolicy ${input.PolicyArn}`
  const { items, page } = pageOfItems(ctx, list, input, wanted, (entity) => entity.id)
  const of = (wantedKind: PolicyUser['kind']): PolicyUser[] =>
    items.filter((item) => item.kind === wantedKind)
  return {
    PolicyUsers: of('user').map(({ name, id }) => ({ UserName: name, UserId: id })),
    PolicyGroups: of('group').map(({ name, id }) => ({ GroupName: name, GroupId: id })),
    PolicyRoles: of('role').map(({ name, id }) => ({ RoleName: name, RoleId: id })),
    ...page,
  }
}

type Usage = Awaited<ReturnType<typeof policyUsage>>
const NO_USAGE: Usage = { attached: new Map(), boundary: new Map() }

/** A customer managed policy as IAM tells of it, without its documents. */
export function policyMember(row: PolicyTable, usage: Usage): Policy {
  return {
    PolicyName: row.name,
    PolicyId: row.policy_id,
    Arn: row.arn,
    Path: row.path,
    DefaultVersionId: `v${row.default_version}`,
    AttachmentCount: usage.attached.get(row.arn) ?? 0,
    PermissionsBoundaryUsageCount: usage.boundary.get(row.arn) ?? 0,
    IsAttachable: true,
    CreateDate: new Date(row.created_at),
    UpdateDate: new Date(row.updated_at),
  }
}

/** The same of one of AWS's. */
export function builtInMember(policy: ManagedPolicy, usage: Usage): Policy {
  return {
    PolicyName: policy.name,
    PolicyId: policy.policyId,
    Arn: policy.arn,
    Path: policy.path,
    DefaultVersionId: policy.versionId,
    AttachmentCount: usage.attached.get(policy.arn) ?? 0,
    PermissionsBoundaryUsageCount: usage.boundary.get(policy.arn) ?? 0,
    IsAttachable: policy.path !== '/aws-service-role/',
    CreateDate: new Date(policy.createdAt),
    UpdateDate: new Date(policy.updatedAt),
  }
}
