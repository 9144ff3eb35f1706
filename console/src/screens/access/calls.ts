import {
  AttachGroupPolicyCommand,
  AttachRolePolicyCommand,
  AttachUserPolicyCommand,
  DeleteGroupCommand,
  DeleteGroupPolicyCommand,
  DeleteRoleCommand,
  DeleteRolePolicyCommand,
  DeleteUserCommand,
  DeleteUserPolicyCommand,
  DetachGroupPolicyCommand,
  DetachRolePolicyCommand,
  DetachUserPolicyCommand,
  GetGroupCommand,
  GetGroupPolicyCommand,
  GetRoleCommand,
  GetRolePolicyCommand,
  GetUserCommand,
  GetUserPolicyCommand,
  ListAttachedGroupPoliciesCommand,
  ListAttachedRolePoliciesCommand,
  ListAttachedUserPoliciesCommand,
  ListGroupPoliciesCommand,
  ListRolePoliciesCommand,
  ListUserPoliciesCommand,
  PutGroupPolicyCommand,
  PutRolePolicyCommand,
  PutUserPolicyCommand,
} from '@aws-sdk/client-iam'
import type { AttachedPolicy } from '@aws-sdk/client-iam'
import { iam } from '../../api/iam.ts'

/** Who may be given policies: IAM has the same calls for each, under other names. */
export type PolicyHolder = 'group' | 'role' | 'user'

export interface Described {
  readonly arn: string
  readonly created: Date | undefined
  readonly path: string
  readonly boundary?: string | undefined
  readonly description?: string | undefined
  /** Roles: the trust policy. */
  readonly trust?: string | undefined
}

interface HolderCalls {
  /** As the aws CLI's options and operations call it. */
  readonly option: string
  readonly describe: (name: string) => Promise<Described>
  readonly attached: (name: string) => Promise<readonly AttachedPolicy[]>
  readonly inline: (name: string) => Promise<readonly string[]>
  readonly readInline: (name: string, policy: string) => Promise<string>
  readonly putInline: (name: string, policy: string, document: string) => Promise<unknown>
  readonly deleteInline: (name: string, policy: string) => Promise<unknown>
  readonly attach: (name: string, arn: string) => Promise<unknown>
  readonly detach: (name: string, arn: string) => Promise<unknown>
  readonly remove: (name: string) => Promise<unknown>
}

/** IAM's quotas are below it: one page has all. */
const MaxItems = 1000

/** IAM gives documents percent-encoded. */
export const decoded = (document: string | undefined): string => decodeURIComponent(document ?? '')

export const HOLDERS: Readonly<Record<PolicyHolder, HolderCalls>> = {
  user: {
    option: 'UserName',
    describe: async (UserName) => {
      const { User } = await iam.send(new GetUserCommand({ UserName }))
      return {
        arn: User?.Arn ?? '',
        created: User?.CreateDate,
        path: User?.Path ?? '/',
        boundary: User?.PermissionsBoundary?.PermissionsBoundaryArn,
      }
    },
    attached: async (UserName) =>
      (await iam.send(new ListAttachedUserPoliciesCommand({ UserName, MaxItems }))).AttachedPolicies ?? [],
    inline: async (UserName) =>
      (await iam.send(new ListUserPoliciesCommand({ UserName, MaxItems }))).PolicyNames ?? [],
    readInline: async (UserName, PolicyName) =>
      decoded((await iam.send(new GetUserPolicyCommand({ UserName, PolicyName }))).PolicyDocument),
    putInline: async (UserName, PolicyName, PolicyDocument) =>
      await iam.send(new PutUserPolicyCommand({ UserName, PolicyName, PolicyDocument })),
    deleteInline: async (UserName, PolicyName) =>
      await iam.send(new DeleteUserPolicyCommand({ UserName, PolicyName })),
    attach: async (UserName, PolicyArn) =>
      await iam.send(new AttachUserPolicyCommand({ UserName, PolicyArn })),
    detach: async (UserName, PolicyArn) =>
      await iam.send(new DetachUserPolicyCommand({ UserName, PolicyArn })),
    remove: async (UserName) => await iam.send(new DeleteUserCommand({ UserName })),
  },
  group: {
    option: 'GroupName',
    describe: async (GroupName) => {
      const { Group } = await iam.send(new GetGroupCommand({ GroupName }))
      return { arn: Group?.Arn ?? '', created: Group?.CreateDate, path: Group?.Path ?? '/' }
    },
    attached: async (GroupName) =>
      (await iam.send(new ListAttachedGroupPoliciesCommand({ GroupName, MaxItems }))).AttachedPolicies ?? [],
    inline: async (GroupName) =>
      (await iam.send(new ListGroupPoliciesCommand({ GroupName, MaxItems }))).PolicyNames ?? [],
    readInline: async (GroupName, PolicyName) =>
      decoded((await iam.send(new GetGroupPolicyCommand({ GroupName, PolicyName }))).PolicyDocument),
    putInline: async (GroupName, PolicyName, PolicyDocument) =>
      await iam.send(new PutGroupPolicyCommand({ GroupName, PolicyName, PolicyDocument })),
    deleteInline: async (GroupName, PolicyName) =>
      await iam.send(new DeleteGroupPolicyCommand({ GroupName, PolicyName })),
    attach: async (GroupName, PolicyArn) =>
      await iam.send(new AttachGroupPolicyCommand({ GroupName, PolicyArn })),
    detach: async (GroupName, PolicyArn) =>
      await iam.send(new DetachGroupPolicyCommand({ GroupName, PolicyArn })),
    remove: async (GroupName) => await iam.send(new DeleteGroupCommand({ GroupName })),
  },
  role: {
    option: 'RoleName',
    describe: async (RoleName) => {
      const { Role } = await iam.send(new GetRoleCommand({ RoleName }))
      return {
        arn: Role?.Arn ?? '',
        created: Role?.CreateDate,
        path: Role?.Path ?? '/',
        boundary: Role?.PermissionsBoundary?.PermissionsBoundaryArn,
        description: Role?.Description,
        trust: decoded(Role?.AssumeRolePolicyDocument),
      }
    },
    attached: async (RoleName) =>
      (await iam.send(new ListAttachedRolePoliciesCommand({ RoleName, MaxItems }))).AttachedPolicies ?? [],
    inline: async (RoleName) =>
      (await iam.send(new ListRolePoliciesCommand({ RoleName, MaxItems }))).PolicyNames ?? [],
    readInline: async (RoleName, PolicyName) =>
      decoded((await iam.send(new GetRolePolicyCommand({ RoleName, PolicyName }))).PolicyDocument),
    putInline: async (RoleName, PolicyName, PolicyDocument) =>
      await iam.send(new PutRolePolicyCommand({ RoleName, PolicyName, PolicyDocument })),
    deleteInline: async (RoleName, PolicyName) =>
      await iam.send(new DeleteRolePolicyCommand({ RoleName, PolicyName })),
    attach: async (RoleName, PolicyArn) =>
      await iam.send(new AttachRolePolicyCommand({ RoleName, PolicyArn })),
    detach: async (RoleName, PolicyArn) =>
      await iam.send(new DetachRolePolicyCommand({ RoleName, PolicyArn })),
    remove: async (RoleName) => await iam.send(new DeleteRoleCommand({ RoleName })),
  },
}
