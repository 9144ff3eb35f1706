import {
  allPages,
  created,
  differencesOf,
  ifThere,
  policyDifferences,
  tagList,
  tagMap,
  updated,
} from './apply-change.ts'
import type { Applying, Change, Difference } from './apply-change.ts'
import type { DeclaredGroup, DeclaredPolicy, DeclaredRole, DeclaredUser, Granted } from './apply-schema.ts'

/** Policies, roles, groups and users. What they have beside what is declared is left as it is. */

export async function policyChange(to: Applying, declared: DeclaredPolicy): Promise<Change> {
  const { call } = to
  const { Tags, ...policy } = declared
  const what = `policy ${policy.PolicyName}`
  const PolicyArn = `arn:aws:iam::${to.accountId}:policy${policy.Path ?? '/'}${policy.PolicyName}`
  const found = await ifThere(() => call('iam', 'GetPolicy', { PolicyArn }))
  if (found?.Policy === undefined)
    return created(what, declared, [() => call('iam', 'CreatePolicy', { ...policy, Tags: tagList(Tags) })])
  const { PolicyVersion } = await call('iam', 'GetPolicyVersion', {
    PolicyArn,
    VersionId: found.Policy.DefaultVersionId ?? '',
  })
  const document = policyDifferences(policy.PolicyDocument, plain(PolicyVersion?.Document), 'PolicyDocument')
  return updated(what, [
    [
      document,
      () =>
        call('iam', 'CreatePolicyVersion', {
          PolicyArn,
          PolicyDocument: policy.PolicyDocument,
          SetAsDefault: true,
        }),
    ],
    [
      tagDifferences(Tags, tagMap(found.Policy.Tags)),
      () => call('iam', 'TagPolicy', { PolicyArn, Tags: tagList(Tags) }),
    ],
  ])
}

export async function roleChange(to: Applying, declared: DeclaredRole): Promise<Change> {
  const { call } = to
  const { Tags, ManagedPolicyArns: _m, InlinePolicies: _i, ...role } = declared
  const { RoleName, AssumeRolePolicyDocument: PolicyDocument, PermissionsBoundary } = role
  const what = `role ${RoleName}`
  const grants: Grants = {
    managed: async () =>
      await allPages(async (Marker) => {
        const page = await call('iam', 'ListAttachedRolePolicies', { RoleName, Marker })
        return [page.AttachedPolicies?.map((one) => one.PolicyArn ?? ''), page.Marker]
      }),
    inline: async (PolicyName) =>
      (await ifThere(() => call('iam', 'GetRolePolicy', { RoleName, PolicyName })))?.PolicyDocument,
    attach: (PolicyArn) => call('iam', 'AttachRolePolicy', { RoleName, PolicyArn }),
    put: (PolicyName, document) =>
      call('iam', 'PutRolePolicy', { RoleName, PolicyName, PolicyDocument: document }),
  }
  const found = (await ifThere(() => call('iam', 'GetRole', { RoleName })))?.Role
  if (found === undefined)
    return created(what, declared, [
      () => call('iam', 'CreateRole', { ...role, Tags: tagList(Tags) }),
      ...grantSteps(grants, declared),
    ])
  const { Description, MaxSessionDuration } = role
  return updated(what, [
    [
      policyDifferences(PolicyDocument, plain(found.AssumeRolePolicyDocument), 'AssumeRolePolicyDocument'),
      () => call('iam', 'UpdateAssumeRolePolicy', { RoleName, PolicyDocument }),
    ],
    [
      differencesOf({ Description, MaxSessionDuration }, found, '', false),
      () => call('iam', 'UpdateRole', { RoleName, Description, MaxSessionDuration }),
    ],
    [
      boundaryDifferences(PermissionsBoundary, found.PermissionsBoundary?.PermissionsBoundaryArn),
      () =>
        call('iam', 'PutRolePermissionsBoundary', {
          RoleName,
          PermissionsBoundary: PermissionsBoundary ?? '',
        }),
    ],
    [
      tagDifferences(Tags, tagMap(found.Tags)),
      () => call('iam', 'TagRole', { RoleName, Tags: tagList(Tags) }),
    ],
    ...(await grantParts(grants, declared)),
  ])
}

export async function groupChange(to: Applying, declared: DeclaredGroup): Promise<Change> {
  const { call } = to
  const { ManagedPolicyArns: _m, InlinePolicies: _i, ...group } = declared
  const { GroupName } = group
  const grants: Grants = {
    managed: async () =>
      await allPages(async (Marker) => {
        const page = await call('iam', 'ListAttachedGroupPolicies', { GroupName, Marker })
        return [page.AttachedPolicies?.map((one) => one.PolicyArn ?? ''), page.Marker]
      }),
    inline: async (PolicyName) =>
      (await ifThere(() => call('iam', 'GetGroupPolicy', { GroupName, PolicyName })))?.PolicyDocument,
    attach: (PolicyArn) => call('iam', 'AttachGroupPolicy', { GroupName, PolicyArn }),
    put: (PolicyName, document) =>
      call('iam', 'PutGroupPolicy', { GroupName, PolicyName, PolicyDocument: document }),
  }
  const what = `group ${GroupName}`
  if ((await ifThere(() => call('iam', 'GetGroup', { GroupName }))) === undefined)
    return created(what, declared, [() => call('iam', 'CreateGroup', group), ...grantSteps(grants, declared)])
  return updated(what, await grantParts(grants, declared))
}

export async function userChange(to: Applying, declared: DeclaredUser): Promise<Change> {
  const { call } = to
  const { Tags, Groups = [], ManagedPolicyArns: _m, InlinePolicies: _i, ...user } = declared
  const { UserName, PermissionsBoundary } = user
  const grants: Grants = {
    managed: async () =>
      await allPages(async (Marker) => {
        const page = await call('iam', 'ListAttachedUserPolicies', { UserName, Marker })
        return [page.AttachedPolicies?.map((one) => one.PolicyArn ?? ''), page.Marker]
      }),
    inline: async (PolicyName) =>
      (await ifThere(() => call('iam', 'GetUserPolicy', { UserName, PolicyName })))?.PolicyDocument,
    attach: (PolicyArn) => call('iam', 'AttachUserPolicy', { UserName, PolicyArn }),
    put: (PolicyName, document) =>
      call('iam', 'PutUserPolicy', { UserName, PolicyName, PolicyDocument: document }),
  }
  const join = (GroupName: string) => () => call('iam', 'AddUserToGroup', { GroupName, UserName })
  const what = `user ${UserName}`
  const found = (await ifThere(() => call('iam', 'GetUser', { UserName })))?.User
  if (found === undefined)
    return created(what, declared, [
      () => call('iam', 'CreateUser', { ...user, Tags: tagList(Tags) }),
      ...grantSteps(grants, declared),
      ...Groups.map(join),
    ])
  const groups = await allPages(async (Marker) => {
    const page = await call('iam', 'ListGroupsForUser', { UserName, Marker })
    return [page.Groups.map(({ GroupName }) => GroupName), page.Marker]
  })
  return updated(what, [
    [
      boundaryDifferences(PermissionsBoundary, found.PermissionsBoundary?.PermissionsBoundaryArn),
      () =>
        call('iam', 'PutUserPermissionsBoundary', {
          UserName,
          PermissionsBoundary: PermissionsBoundary ?? '',
        }),
    ],
    [
      tagDifferences(Tags, tagMap(found.Tags)),
      () => call('iam', 'TagUser', { UserName, Tags: tagList(Tags) }),
    ],
    ...(await grantParts(grants, declared)),
    ...Groups.filter((name) => !groups.includes(name)).map(
      (name) => [[{ path: 'Groups', from: undefined, to: name }], join(name)] as const,
    ),
  ])
}

/** How the policies of one identity are read and given. */
interface Grants {
  managed(): Promise<readonly string[]>
  /** Its inline policy of that name. */
  inline(name: string): Promise<string | undefined>
  attach(arn: string): Promise<unknown>
  put(name: string, document: string): Promise<unknown>
}

function grantSteps(grants: Grants, declared: Granted): Change['steps'] {
  return [
    ...(declared.ManagedPolicyArns ?? []).map((arn) => () => grants.attach(arn)),
    ...Object.entries(declared.InlinePolicies ?? {}).map(
      ([name, document]) =>
        () =>
          grants.put(name, document),
    ),
  ]
}

async function grantParts(
  grants: Grants,
  { ManagedPolicyArns = [], InlinePolicies = {} }: Granted,
): Promise<readonly (readonly [readonly Difference[], () => Promise<unknown>])[]> {
  const attached = ManagedPolicyArns.length === 0 ? [] : await grants.managed()
  const parts: (readonly [readonly Difference[], () => Promise<unknown>])[] = []
  for (const arn of ManagedPolicyArns)
    if (!attached.includes(arn))
      parts.push([[{ path: 'ManagedPolicyArns', from: undefined, to: arn }], () => grants.attach(arn)])
  for (const [name, document] of Object.entries(InlinePolicies)) {
    const found = plain(await grants.inline(name))
    parts.push([
      policyDifferences(document, found, `InlinePolicies.${name}`),
      () => grants.put(name, document),
    ])
  }
  return parts
}

function tagDifferences(
  declared: Readonly<Record<string, string>> | undefined,
  actual: Readonly<Record<string, string>>,
): readonly Difference[] {
  return differencesOf(declared ?? {}, actual, 'Tags', false)
}

function boundaryDifferences(
  declared: string | undefined,
  actual: string | undefined,
): readonly Difference[] {
  return differencesOf({ PermissionsBoundary: declared }, { PermissionsBoundary: actual }, '', false)
}

/** IAM answers with policies percent-encoded. */
function plain(document: string | undefined): string | undefined {
  return document?.startsWith('%') === true ? decodeURIComponent(document) : document
}
