import { allow } from '../fixtures/world.ts'
import { ADMINISTRATOR, boss, EVERYTHING, openRole, ownGroup, self, trustOf } from './paths.ts'
import type { Path } from './paths.ts'

/** Ways through IAM and STS alone. */

export const BY_POLICIES: readonly Path[] = [
  {
    name: 'a new version of a policy that he has',
    needs: 'iam:CreatePolicyVersion',
    on: ({ ownPolicy }) => ownPolicy,
    attempt: (call, { ownPolicy }) =>
      call('iam', 'CreatePolicyVersion', {
        PolicyArn: ownPolicy,
        PolicyDocument: EVERYTHING,
        SetAsDefault: true,
      }),
  },
  {
    name: 'an older, wider version of a policy that he has',
    needs: 'iam:SetDefaultPolicyVersion',
    on: ({ ownPolicy }) => ownPolicy,
    attempt: (call, { ownPolicy }) =>
      call('iam', 'SetDefaultPolicyVersion', { PolicyArn: ownPolicy, VersionId: 'v1' }),
  },
  {
    name: 'AdministratorAccess attached to himself',
    needs: 'iam:AttachUserPolicy',
    on: self,
    attempt: (call, { name }) =>
      call('iam', 'AttachUserPolicy', { UserName: name, PolicyArn: ADMINISTRATOR }),
  },
  {
    name: 'AdministratorAccess attached to his group',
    needs: 'iam:AttachGroupPolicy',
    on: ownGroup,
    attempt: (call, { group }) =>
      call('iam', 'AttachGroupPolicy', { GroupName: group, PolicyArn: ADMINISTRATOR }),
  },
  {
    name: 'AdministratorAccess attached to a role that he may assume',
    needs: 'iam:AttachRolePolicy',
    on: openRole,
    attempt: (call, { role }) =>
      call('iam', 'AttachRolePolicy', { RoleName: role, PolicyArn: ADMINISTRATOR }),
  },
  {
    name: 'a policy of his own, written into himself',
    needs: 'iam:PutUserPolicy',
    on: self,
    attempt: (call, { name }) =>
      call('iam', 'PutUserPolicy', { UserName: name, PolicyName: 'more', PolicyDocument: EVERYTHING }),
  },
  {
    name: 'a policy written into his group',
    needs: 'iam:PutGroupPolicy',
    on: ownGroup,
    attempt: (call, { group }) =>
      call('iam', 'PutGroupPolicy', { GroupName: group, PolicyName: 'more', PolicyDocument: EVERYTHING }),
  },
  {
    name: 'a policy written into a role that he may assume',
    needs: 'iam:PutRolePolicy',
    on: openRole,
    attempt: (call, { role }) =>
      call('iam', 'PutRolePolicy', { RoleName: role, PolicyName: 'more', PolicyDocument: EVERYTHING }),
  },
  {
    name: 'a policy that denies him something, detached',
    needs: 'iam:DetachUserPolicy',
    on: self,
    attempt: (call, { name, ownPolicy }) =>
      call('iam', 'DetachUserPolicy', { UserName: name, PolicyArn: ownPolicy }),
  },
  {
    name: 'a policy inside him that denies him something, deleted',
    needs: 'iam:DeleteUserPolicy',
    on: self,
    attempt: (call, { name }) => call('iam', 'DeleteUserPolicy', { UserName: name, PolicyName: 'refused' }),
  },
  {
    name: 'leaving a group whose policies deny him something',
    needs: 'iam:RemoveUserFromGroup',
    on: ownGroup,
    attempt: (call, { name, group }) =>
      call('iam', 'RemoveUserFromGroup', { GroupName: group, UserName: name }),
  },
  {
    name: 'joining the group of administrators',
    needs: 'iam:AddUserToGroup',
    on: ({ id }) => id('group/admins'),
    attempt: (call, { name }) => call('iam', 'AddUserToGroup', { GroupName: 'admins', UserName: name }),
  },
  {
    name: 'his permissions boundary, taken off',
    needs: 'iam:DeleteUserPermissionsBoundary',
    on: self,
    attempt: (call, { name }) => call('iam', 'DeleteUserPermissionsBoundary', { UserName: name }),
  },
  {
    name: 'a wider permissions boundary',
    needs: 'iam:PutUserPermissionsBoundary',
    on: self,
    attempt: (call, { name }) =>
      call('iam', 'PutUserPermissionsBoundary', { UserName: name, PermissionsBoundary: ADMINISTRATOR }),
  },
  {
    name: 'the permissions boundary of a role that he may assume, taken off',
    needs: 'iam:DeleteRolePermissionsBoundary',
    on: openRole,
    attempt: (call, { role }) => call('iam', 'DeleteRolePermissionsBoundary', { RoleName: role }),
  },
  {
    name: 'a tag on himself where policies ask for tags',
    needs: 'iam:TagUser',
    on: self,
    attempt: (call, { name }) =>
      call('iam', 'TagUser', { UserName: name, Tags: [{ Key: 'team', Value: 'backup' }] }),
  },
  {
    name: 'a tag on a role that he may assume',
    needs: 'iam:TagRole',
    on: openRole,
    attempt: (call, { role }) =>
      call('iam', 'TagRole', { RoleName: role, Tags: [{ Key: 'team', Value: 'backup' }] }),
  },
]

export const BY_CREDENTIALS: readonly Path[] = [
  {
    name: 'an access key for somebody stronger',
    needs: 'iam:CreateAccessKey',
    on: boss,
    also: ({ arn }) => [allow('iam:CreateAccessKey', arn)],
    attempt: (call) => call('iam', 'CreateAccessKey', { UserName: 'boss' }),
  },
  {
    name: 'an access key with a policy of its own for somebody stronger',
    needs: 'roleback:CreateLimitedAccessKey',
    on: boss,
    attempt: (call) =>
      call('roleback', 'CreateLimitedAccessKey', {
        UserName: 'boss',
        PolicyDocument: EVERYTHING,
      }),
  },
  {
    name: 'a password for somebody stronger',
    needs: 'iam:CreateLoginProfile',
    on: boss,
    attempt: (call) =>
      call('iam', 'CreateLoginProfile', { UserName: 'boss', Password: 'Open-sesame-12345!' }),
  },
  {
    name: 'another password for somebody stronger',
    needs: 'iam:UpdateLoginProfile',
    on: boss,
    attempt: (call) =>
      call('iam', 'UpdateLoginProfile', { UserName: 'boss', Password: 'Open-sesame-54321!' }),
  },
  {
    name: 'the second factor of somebody stronger, switched off',
    needs: 'iam:DeactivateMFADevice',
    on: boss,
    attempt: (call, { id }) =>
      call('iam', 'DeactivateMFADevice', { UserName: 'boss', SerialNumber: id('mfa/boss') }),
  },
  {
    name: 'a trust policy that lets him into a role',
    needs: 'iam:UpdateAssumeRolePolicy',
    on: openRole,
    attempt: (call, place) =>
      call('iam', 'UpdateAssumeRolePolicy', { RoleName: place.role, PolicyDocument: trustOf(place) }),
  },
  {
    name: 'a role of his own making that he trusts himself with',
    needs: 'iam:CreateRole',
    on: ({ id, name }) => id(`role/of-${name}`),
    attempt: (call, place) =>
      call('iam', 'CreateRole', {
        RoleName: `of-${place.name}`,
        AssumeRolePolicyDocument: trustOf(place),
      }),
  },
  {
    name: 'a role that trusts the account, but that he was not given',
    needs: 'sts:AssumeRole',
    on: openRole,
    attempt: (call, place) =>
      call('sts', 'AssumeRole', { RoleArn: openRole(place), RoleSessionName: 'mallory' }),
  },
  {
    name: 'an identity provider of his own that roles trust',
    needs: 'iam:CreateOpenIDConnectProvider',
    on: ({ id }) => id('oidc-provider/issuer.example.com'),
    attempt: (call) =>
      call('iam', 'CreateOpenIDConnectProvider', {
        Url: 'https://issuer.example.com',
        ClientIDList: ['a'],
        ThumbprintList: ['9e99a48a9960b14926bb7f3b02e22da2b0ab7280'],
      }),
  },
  {
    name: 'a credential report that tells who has old keys and no second factor',
    needs: 'iam:GetCredentialReport',
    on: () => '*',
    attempt: (call) => call('iam', 'GetCredentialReport', {}),
  },
]
