import { groupArn, instanceProfileArn, roleArn, userArn } from '../access/identity-arns.ts'
import { managedPolicies } from '../access/managed-policies.ts'
import { showPrincipals } from '../access/principal-ids.ts'
import { AwsError } from '../aws/error.ts'
import type {
  AttachedPolicy,
  GetAccountAuthorizationDetailsRequest,
  GetAccountAuthorizationDetailsResponse,
  GroupDetail,
  IamApi,
  InstanceProfile,
  ManagedPolicyDetail,
  PolicyDetail,
  RoleDetail,
  UserDetail,
} from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { attachmentsOf, listInlinePolicies, policyUsage } from '../store/identity/identities-attachments.ts'
import { listGroups, listGroupsOfUser } from '../store/identity/identities-groups.ts'
import { listPolicies, listPolicyVersions } from '../store/identity/identities-policies.ts'
import { listInstanceProfilesOfRole } from '../store/identity/identities-profiles.ts'
import { listRoles, listUsers } from '../store/identity/identities.ts'
import type { Page, PageRequest } from '../store/page.ts'
import type { GroupTable, PolicyTable, RoleTable, UserTable } from '../store/schema.ts'
import { boundaryMember } from './boundaries.ts'
import { encodedDocument } from './documents.ts'
import { anyResource } from './entities.ts'
import { pageMembers, pageRequest } from './paging.ts'
import { builtInMember, policyMember } from './policies.ts'
import { roleMember } from './roles.ts'
import { tagMembers } from './tags.ts'

export const authorizationDetails: Pick<Service<IamApi, Context>, 'GetAccountAuthorizationDetails'> = {
  GetAccountAuthorizationDetails: { resource: anyResource, handler: getAccountAuthorizationDetails },
}

/** The answer's parts in the order of its pages. */
const SECTIONS = ['User', 'Group', 'Role', 'LocalManagedPolicy', 'AWSManagedPolicy'] as const
type Section = (typeof SECTIONS)[number]

/** No identity has so many of anything: ten attachments and groups, and inline policies within a size. */
const ALL: PageRequest = { limit: 1_000 }

interface Details {
  readonly UserDetailList: UserDetail[]
  readonly GroupDetailList: GroupDetail[]
  readonly RoleDetailList: RoleDetail[]
  readonly Policies: ManagedPolicyDetail[]
}

/**
 * Everything that decides who may do what in the account, section after section; a marker says how far it came. Built-in policies
 * are there as far as somebody has them.
 */
async function getAccountAuthorizationDetails(
  ctx: Context,
  input: GetAccountAuthorizationDetailsRequest,
): Promise<GetAccountAuthorizationDetailsResponse> {
  const filter = input.Filter ?? []
  const list = `GetAccountAuthorizationDetails ${filter.toSorted().join()}`
  const { limit, after } = pageRequest(ctx, list, input)
  const wanted = SECTIONS.filter((section) => filter.length === 0 || filter.includes(section))
  const details: Details = { UserDetailList: [], GroupDetailList: [], RoleDetailList: [], Policies: [] }
  let left = limit
  let from = after === undefined ? 0 : wanted.indexOf(after[0] as Section)
  let cursor = after?.slice(1)
  if (from < 0)
    throw new AwsError('ValidationError', 400, 'Invalid Marker: it is not one that this list gave')
  for (; from < wanted.length; from++) {
    const section = wanted[from] as Section
    if (left === 0) return { ...details, ...pageMembers(ctx, list, [section]) }
    const page = { limit: left, after: cursor === undefined || cursor.length === 0 ? undefined : cursor }
    const { count, next } = await addSection(ctx, details, section, page)
    if (next !== undefined) return { ...details, ...pageMembers(ctx, list, [section, ...next]) }
    left -= count
    cursor = undefined
  }
  return { ...details, IsTruncated: false }
}

interface Added {
  readonly count: number
  /** Undefined where the section is at its end. */
  readonly next: readonly string[] | undefined
}

async function addSection(
  ctx: Context,
  details: Details,
  section: Section,
  page: PageRequest,
): Promise<Added> {
  const { db } = ctx.store
  const filter = { accountId: ctx.accountId }
  switch (section) {
    case 'User':
      return await add(details.UserDetailList, await listUsers(db, filter, page), (row) =>
        userDetail(ctx, row),
      )
    case 'Group':
      return await add(details.GroupDetailList, await listGroups(db, filter, page), (row) =>
        groupDetail(ctx, row),
      )
    case 'Role': {
      const known = new Map<string, string>()
      return await add(details.RoleDetailList, await listRoles(db, filter, page), (row) =>
        roleDetail(ctx, row, known),
      )
    }
    case 'LocalManagedPolicy': {
      const usage = await policyUsage(db, ctx.accountId)
      return await add(details.Policies, await listPolicies(db, filter, page), (row) =>
        localPolicy(ctx, row, usage),
      )
    }
    case 'AWSManagedPolicy': {
      const usage = await policyUsage(db, ctx.accountId)
      return await add(details.Policies, builtInPage(usage, page), async (arn) => builtInPolicy(arn, usage))
    }
  }
}

async function add<Row, Detail>(
  to: Detail[],
  page: Page<Row>,
  detailOf: (row: Row) => Promise<Detail>,
): Promise<Added> {
  for (const row of page.rows) to.push(await detailOf(row))
  return { count: page.rows.length, next: page.next }
}

async function userDetail(ctx: Context, row: UserTable): Promise<UserDetail> {
  const { db } = ctx.store
  const groups = await listGroupsOfUser(db, row.user_id, ALL)
  return {
    Path: row.path,
    UserName: row.name,
    UserId: row.user_id,
    Arn: userArn(row),
    CreateDate: new Date(row.created_at),
    UserPolicyList: await inlineDetails(ctx, row.user_id),
    GroupList: groups.rows.map((group) => group.name),
    AttachedManagedPolicies: await attachedPolicies(ctx, row.user_id),
    PermissionsBoundary: boundaryMember(row.boundary_arn),
    Tags: await tagMembers(db, ctx.accountId, userArn(row)),
  }
}

async function groupDetail(ctx: Context, row: GroupTable): Promise<GroupDetail> {
  return {
    Path: row.path,
    GroupName: row.name,
    GroupId: row.group_id,
    Arn: groupArn(row),
    CreateDate: new Date(row.created_at),
    GroupPolicyList: await inlineDetails(ctx, row.group_id),
    AttachedManagedPolicies: await attachedPolicies(ctx, row.group_id),
  }
}

async function roleDetail(ctx: Context, row: RoleTable, known: Map<string, string>): Promise<RoleDetail> {
  const { db } = ctx.store
  return {
    Path: row.path,
    RoleName: row.name,
    RoleId: row.role_id,
    Arn: roleArn(row),
    CreateDate: new Date(row.created_at),
    AssumeRolePolicyDocument: encodedDocument(await showPrincipals(db, row.trust_policy, known)),
    InstanceProfileList: await profilesOf(ctx, row, known),
    RolePolicyList: await inlineDetails(ctx, row.role_id),
    AttachedManagedPolicies: await attachedPolicies(ctx, row.role_id),
    PermissionsBoundary: boundaryMember(row.boundary_arn),
    Tags: await tagMembers(db, ctx.accountId, roleArn(row)),
    RoleLastUsed:
      row.last_used_at === null
        ? {}
        : { LastUsedDate: new Date(row.last_used_at), Region: row.last_used_region ?? undefined },
  }
}

async function profilesOf(
  ctx: Context,
  role: RoleTable,
  known: Map<string, string>,
): Promise<InstanceProfile[]> {
  const { rows } = await listInstanceProfilesOfRole(ctx.store.db, role.role_id, ALL)
  if (rows.length === 0) return []
  const Roles = [await roleMember(ctx, role, known)]
  return rows.map((row) => ({
    Path: row.path,
    InstanceProfileName: row.name,
    InstanceProfileId: row.profile_id,
    Arn: instanceProfileArn(row),
    CreateDate: new Date(row.created_at),
    Roles,
  }))
}

async function inlineDetails(ctx: Context, identityId: string): Promise<PolicyDetail[]> {
  const { rows } = await listInlinePolicies(ctx.store.db, identityId, ALL)
  return rows.map((row) => ({ PolicyName: row.name, PolicyDocument: encodedDocument(row.document) }))
}

async function attachedPolicies(ctx: Context, identityId: string): Promise<AttachedPolicy[]> {
  const rows = await attachmentsOf(ctx.store.db, identityId)
  return rows.map(({ policy_arn: arn }) => ({
    PolicyName: arn.slice(arn.lastIndexOf('/') + 1),
    PolicyArn: arn,
  }))
}

type Usage = Awaited<ReturnType<typeof policyUsage>>

async function localPolicy(ctx: Context, row: PolicyTable, usage: Usage): Promise<ManagedPolicyDetail> {
  const { rows } = await listPolicyVersions(ctx.store.db, row.policy_id, ALL)
  return {
    ...policyMember(row, usage),
    Description: row.description ?? undefined,
    PolicyVersionList: rows.map(({ version, document, created_at }) => ({
      Document: encodedDocument(document),
      VersionId: `v${version}`,
      IsDefaultVersion: version === row.default_version,
      CreateDate: new Date(created_at),
    })),
  }
}

/** ARNs of the built-in policies that are attached or a boundary, in the order of their names. */
function builtInPage(usage: Usage, { limit, after }: PageRequest): Page<string> {
  const from = after?.[0]
  const used = [...managedPolicies.keys()].filter(
    (arn) => (usage.attached.has(arn) || usage.boundary.has(arn)) && (from === undefined || arn > from),
  )
  const rows = used.toSorted().slice(0, limit)
  return used.length > limit ? { rows, next: [rows.at(-1) as string] } : { rows }
}

function builtInPolicy(arn: string, usage: Usage): ManagedPolicyDetail {
  const policy = managedPolicies.get(arn)
  if (policy === undefined) return { Arn: arn }
  return {
    ...builtInMember(policy, usage),
    Description: policy.description,
    PolicyVersionList: [
      {
        Document: encodedDocument(policy.document),
        VersionId: policy.versionId,
        IsDefaultVersion: true,
        CreateDate: new Date(policy.updatedAt),
      },
    ],
  }
}
