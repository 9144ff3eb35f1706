import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import type { Call } from '../src/aws/client.ts'
import { AwsError } from '../src/aws/error.ts'
import { callerOf } from '../src/aws/client.ts'
import { backup } from '../src/backup/operations.ts'
import {
  allow,
  backUpWell,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  policy,
  registerDirectory,
} from './fixtures/world.ts'
import type { User, World } from './fixtures/world.ts'

/**
 * The known ways from some rights to more. On each, Mallory has every right there is but the one that the way asks for: the call is
 * refused by that right's name, on that resource, and with that right it is let by, so that nothing else was in the way.
 */
interface Path {
  readonly name: string
  /** The right that must be missed. */
  readonly needs: string
  readonly on: (place: Place) => string
  readonly attempt: (call: Call, place: Place) => Promise<unknown>
  /** Of AWS Backup; the way is open as soon as it is built. */
  readonly operation?: keyof typeof backup
  /** What else Mallory is given: `needs` where it would be harmless. */
  readonly also?: (place: Place) => readonly object[]
}

/** Mallory, and what lies about in the account. */
interface Place {
  readonly name: string
  readonly arn: string
  readonly id: (rest: string) => string
  readonly ownPolicy: string
  /** His group, and a role that trusts the account and that he may assume. */
  readonly group: string
  readonly role: string
  readonly vault: string
  readonly resource: string
  readonly point: string
  readonly strong: string
  readonly weak: string
}

const VAULT = 'keep'
const ADMINISTRATOR = 'arn:aws:iam::aws:policy/AdministratorAccess'
const EVERYTHING = policy(allow('*'))
const self = ({ arn }: Place): string => arn
const strong = (place: Place): string => place.strong
const ownGroup = ({ id, group }: Place): string => id(`group/${group}`)
const openRole = ({ id, role }: Place): string => id(`role/${role}`)
const boss = ({ id }: Place): string => id('user/boss')
/** Mallory may pass one role, which can do little. */
const mayPassWeak = ({ weak }: Place): readonly object[] => [allow('iam:PassRole', weak)]
const trustOf = (place: Place): string =>
  policy({ Effect: 'Allow', Principal: { AWS: place.arn }, Action: 'sts:AssumeRole' })

const BY_POLICIES: readonly Path[] = [
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

const BY_CREDENTIALS: readonly Path[] = [
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

const BY_PASSING: readonly Path[] = [
  {
    name: 'a backup under a strong role',
    needs: 'iam:PassRole',
    on: strong,
    also: mayPassWeak,
    attempt: (call, place) =>
      call('backup', 'StartBackupJob', {
        BackupVaultName: VAULT,
        ResourceArn: place.resource,
        IamRoleArn: place.strong,
      }),
  },
  {
    name: 'a restore under a strong role',
    needs: 'iam:PassRole',
    on: strong,
    also: mayPassWeak,
    attempt: (call, place) =>
      call('backup', 'StartRestoreJob', {
        RecoveryPointArn: place.point,
        IamRoleArn: place.strong,
        Metadata: { newFileSystem: 'true' },
      }),
  },
  {
    name: 'a copy under a strong role',
    operation: 'StartCopyJob',
    needs: 'iam:PassRole',
    on: strong,
    also: mayPassWeak,
    attempt: (call, place) =>
      call('backup', 'StartCopyJob', {
        RecoveryPointArn: place.point,
        SourceBackupVaultName: VAULT,
        DestinationBackupVaultArn: place.vault,
        IamRoleArn: place.strong,
      }),
  },
  {
    name: 'a selection of resources under a strong role',
    needs: 'iam:PassRole',
    on: strong,
    also: mayPassWeak,
    attempt: async (call, place) => {
      const BackupPlanId = await planNamed(call, `selected-${place.name}`)
      return await call('backup', 'CreateBackupSelection', {
        BackupPlanId,
        BackupSelection: {
          SelectionName: 'all',
          IamRoleArn: place.strong,
          Resources: [place.resource],
        },
      })
    },
  },
  {
    name: 'another vault for a plan that backs up under a strong role',
    needs: 'iam:PassRole',
    on: strong,
    also: mayPassWeak,
    attempt: (call, place) =>
      call('backup', 'UpdateBackupPlan', {
        BackupPlanId: planOfRoot,
        BackupPlan: planTo(place.name, 'elsewhere'),
      }),
  },
  {
    name: 'a restore test under a strong role',
    operation: 'CreateRestoreTestingSelection',
    needs: 'iam:PassRole',
    on: strong,
    also: mayPassWeak,
    attempt: (call, place) =>
      call('backup', 'CreateRestoreTestingSelection', {
        RestoreTestingPlanName: 'tests',
        RestoreTestingSelection: {
          RestoreTestingSelectionName: 'all',
          ProtectedResourceType: 'EFS',
          IamRoleArn: place.strong,
        },
      }),
  },
  {
    name: 'an instance profile with a strong role',
    needs: 'iam:PassRole',
    on: strong,
    also: mayPassWeak,
    attempt: async (call, { name }) => {
      await call('iam', 'CreateInstanceProfile', { InstanceProfileName: `profile-${name}` }).catch(isThere)
      return await call('iam', 'AddRoleToInstanceProfile', {
        InstanceProfileName: `profile-${name}`,
        RoleName: 'strong',
      })
    },
  },
  {
    name: 'an export of a vault under a strong role',
    needs: 'iam:PassRole',
    on: strong,
    also: mayPassWeak,
    attempt: (call, place) =>
      call('roleback', 'StartExportJob', {
        BackupVaultName: VAULT,
        IamRoleArn: place.strong,
        Format: 'restic',
        TargetPath: '/nowhere/at/all',
        Password: 'of-the-copy-12345',
      }),
  },
]

const BY_DELETING: readonly Path[] = [
  {
    name: 'a vault policy without the Deny that protects the vault, and then the backup',
    needs: 'backup:PutBackupVaultAccessPolicy',
    on: ({ vault }) => vault,
    attempt: (call, { vault, arn }) =>
      call('backup', 'PutBackupVaultAccessPolicy', {
        BackupVaultName: VAULT,
        Policy: policy({
          Effect: 'Allow',
          Principal: { AWS: arn },
          Action: 'backup:CopyIntoBackupVault',
          Resource: vault,
        }),
      }),
  },
  {
    name: 'the vault’s policy, deleted',
    needs: 'backup:DeleteBackupVaultAccessPolicy',
    on: ({ vault }) => vault,
    attempt: (call) => call('backup', 'DeleteBackupVaultAccessPolicy', { BackupVaultName: VAULT }),
  },
  {
    name: 'the vault’s lock, taken off',
    needs: 'backup:DeleteBackupVaultLockConfiguration',
    on: ({ vault }) => vault,
    attempt: (call) => call('backup', 'DeleteBackupVaultLockConfiguration', { BackupVaultName: VAULT }),
  },
  {
    name: 'a shorter life for a backup',
    needs: 'backup:UpdateRecoveryPointLifecycle',
    on: ({ point }) => point,
    attempt: (call, { point }) =>
      call('backup', 'UpdateRecoveryPointLifecycle', {
        BackupVaultName: VAULT,
        RecoveryPointArn: point,
        Lifecycle: { DeleteAfterDays: 1 },
      }),
  },
  {
    name: 'a tag that lets him delete, set through the tagging API',
    needs: 'backup:TagResource',
    on: ({ vault }) => vault,
    attempt: (call, { vault }) => taggedThrough(call, vault),
  },
  {
    name: 'a tag on what is backed up, set through the tagging API',
    needs: 'elasticfilesystem:TagResource',
    on: ({ resource }) => resource,
    attempt: (call, { resource }) => taggedThrough(call, resource),
  },
]

let planOfRoot = ''

const planTo = (name: string, TargetBackupVaultName: string) => ({
  BackupPlanName: name,
  Rules: [{ RuleName: 'daily', TargetBackupVaultName, ScheduleExpression: 'cron(0 5 * * ? *)' }],
})

async function planNamed(call: Call, name: string): Promise<string> {
  const { BackupPlansList } = await call('backup', 'ListBackupPlans', {})
  const found = BackupPlansList?.find((plan) => plan.BackupPlanName === name)?.BackupPlanId
  if (found !== undefined) return found
  const { BackupPlanId = '' } = await call('backup', 'CreateBackupPlan', {
    BackupPlan: planTo(name, VAULT),
  })
  return BackupPlanId
}

function isThere(error: unknown): void {
  if (!(error instanceof AwsError) || error.code !== 'EntityAlreadyExists') throw error
}

/** The tagging API answers with the failures; the first is thrown, as if the service had been asked itself. */
async function taggedThrough(call: Call, arn: string): Promise<void> {
  const { FailedResourcesMap } = await call('tagging', 'TagResources', {
    ResourceARNList: [arn],
    Tags: { team: 'backup' },
  })
  const failed = FailedResourcesMap?.[arn]
  if (failed === undefined) return
  // Its error codes are two; the status tells a refusal.
  assert.equal(failed.StatusCode, 403, String(failed.ErrorMessage))
  throw new AwsError('AccessDeniedException', 403, failed.ErrorMessage ?? '')
}

describe('Escalation', () => {
  let world: World
  let place: Omit<Place, 'name' | 'arn' | 'ownPolicy' | 'group' | 'role'>
  let made = 0

  before(async () => {
    world = await openWorld()
    const { call } = world
    const vault = await makeVault(world, VAULT)
    await makeVault(world, 'elsewhere')
    const { arn: resource } = await registerDirectory(world, 'files', (path) =>
      writeFileSync(join(path, 'a.txt'), 'a'),
    )
    const strongRole = await makeRole(world, 'strong', { managed: [ADMINISTRATOR] })
    const weak = await makeRole(world, 'weak', {})
    await makeUser(world, 'boss', [], [ADMINISTRATOR])
    await call('iam', 'CreateGroup', { GroupName: 'admins' })
    await call('iam', 'AttachGroupPolicy', { GroupName: 'admins', PolicyArn: ADMINISTRATOR })
    const point = await backUpWell(world, {
      BackupVaultName: VAULT,
      ResourceArn: resource,
      IamRoleArn: strongRole,
    })
    const { BackupPlanId = '' } = await call('backup', 'CreateBackupPlan', {
      BackupPlan: planTo('roots', VAULT),
    })
    planOfRoot = BackupPlanId
    await call('backup', 'CreateBackupSelection', {
      BackupPlanId,
      BackupSelection: { SelectionName: 'all', IamRoleArn: strongRole, Resources: [resource] },
    })
    await call('backup', 'CreateRestoreTestingPlan', {
      RestoreTestingPlan: {
        RestoreTestingPlanName: 'tests',
        ScheduleExpression: 'cron(0 5 * * ? *)',
        RecoveryPointSelection: {
          Algorithm: 'LATEST_WITHIN_WINDOW',
          IncludeVaults: ['*'],
          RecoveryPointTypes: ['SNAPSHOT'],
        },
      },
    })
    const id = (rest: string): string => `arn:aws:iam::${world.accountId}:${rest}`
    place = { id, vault, resource, point, strong: strongRole, weak }
  })
  after(async () => {
    await world[Symbol.asyncDispose]()
  })

  /** Mallory with everything but one right, with a boundary, a group, and a policy that once was wider. */
  async function mallory(path: Path): Promise<{ readonly user: User; readonly here: Place }> {
    const { call } = world
    const UserName = `mallory-${++made}`
    const user = await makeUser(world, UserName, [{ Effect: 'Allow', NotAction: path.needs, Resource: '*' }])
    const nothing = policy({ Effect: 'Deny', Action: 'iam:DeleteAccountAlias', Resource: '*' })
    const { Policy } = await call('iam', 'CreatePolicy', {
      PolicyName: `of-${UserName}`,
      PolicyDocument: EVERYTHING,
    })
    const PolicyArn = Policy?.Arn ?? ''
    await call('iam', 'CreatePolicyVersion', { PolicyArn, PolicyDocument: nothing, SetAsDefault: true })
    await call('iam', 'AttachUserPolicy', { UserName, PolicyArn })
    await call('iam', 'PutUserPolicy', { UserName, PolicyName: 'refused', PolicyDocument: nothing })
    const [group, role] = [`staff-${made}`, `open-${made}`]
    await call('iam', 'CreateGroup', { GroupName: group })
    await call('iam', 'AddUserToGroup', { GroupName: group, UserName })
    const trust = { Effect: 'Allow', Principal: { AWS: world.accountId }, Action: 'sts:AssumeRole' }
    await makeRole(world, role, { trust })
    await call('iam', 'PutRolePermissionsBoundary', { RoleName: role, PermissionsBoundary: ADMINISTRATOR })
    await call('iam', 'PutUserPermissionsBoundary', { UserName, PermissionsBoundary: ADMINISTRATOR })
    const here = { ...place, name: UserName, arn: user.arn, ownPolicy: PolicyArn, group, role }
    const also = path.also?.(here) ?? []
    if (also.length > 0)
      await call('iam', 'PutUserPolicy', { UserName, PolicyName: 'also', PolicyDocument: policy(...also) })
    return { user, here }
  }

  function check(path: Path): void {
    const isUnbuilt = path.operation !== undefined && 'unbuilt' in backup[path.operation]
    const skip = isUnbuilt && `${path.operation} is not built`
    test(`${path.name} needs ${path.needs}`, { skip }, async () => {
      const { user, here } = await mallory(path)
      const on = path.on(here)
      await assert.rejects(path.attempt(user.call, here), (error) => {
        assert.ok(error instanceof AwsError, String(error))
        assert.equal(error.status, 403, `${error.code}: ${error.message}`)
        assert.match(error.code, /^AccessDenied/)
        const sentence = `User: ${user.arn} is not authorized to perform: ${path.needs} on resource: ${on} because`
        assert.ok(error.message.startsWith(sentence), error.message)
        return true
      })
      const PolicyDocument = policy(allow(path.needs, on))
      await world.call('iam', 'PutUserPolicy', { UserName: here.name, PolicyName: 'lacked', PolicyDocument })
      await path.attempt(user.call, here).catch((error: unknown) => {
        assert.ok(error instanceof AwsError && error.status !== 403, String(error))
      })
    })
  }

  describe('by changing policies', () => BY_POLICIES.forEach(check))
  describe('by getting credentials', () => BY_CREDENTIALS.forEach(check))
  describe('by passing a stronger role', () => BY_PASSING.forEach(check))
  describe('by taking away what protects backups', () => BY_DELETING.forEach(check))

  const refused =
    (action: string, on: string, why: string) =>
    (error: unknown): boolean => {
      assert.ok(error instanceof AwsError && error.status === 403, String(error))
      const sentence = `is not authorized to perform: ${action} on resource: ${on} ${why}`
      assert.ok(error.message.includes(sentence), error.message)
      return true
    }

  /** A role that Mallory is trusted with; it may look at vaults and nothing else. */
  async function trusted(name: string, trust: object = {}): Promise<{ user: User; RoleArn: string }> {
    const user = await makeUser(world, `user-of-${name}`)
    const RoleArn = await makeRole(world, name, {
      statements: [allow('backup:ListBackupVaults')],
      trust: { Effect: 'Allow', Principal: { AWS: user.arn }, Action: 'sts:AssumeRole', ...trust },
    })
    return { user, RoleArn }
  }

  describe('by sessions', () => {
    test('a session policy of everything adds nothing to the role', async () => {
      const { user, RoleArn } = await trusted('narrow')
      const RoleSessionName = 'wide'
      const { Credentials: made } = await user.call('sts', 'AssumeRole', {
        RoleArn,
        RoleSessionName,
        Policy: EVERYTHING,
        PolicyArns: [{ arn: ADMINISTRATOR }],
      })
      assert.ok(made)
      const keys = { accessKeyId: made.AccessKeyId, secretAccessKey: made.SecretAccessKey }
      const call = callerOf(world.url, { ...keys, sessionToken: made.SessionToken }, world.region)
      await call('backup', 'ListBackupVaults', {})
      await assert.rejects(
        call('iam', 'ListUsers', {}),
        refused('iam:ListUsers', '*', 'because no identity-based policy allows'),
      )
    })

    test('tags on a session need sts:TagSession in the role’s trust policy', async () => {
      const { user, RoleArn } = await trusted('untagged')
      const input = { RoleArn, RoleSessionName: 'session', Tags: [{ Key: 'team', Value: 'backup' }] }
      const why = 'because no role trust policy allows the sts:TagSession action'
      await assert.rejects(user.call('sts', 'AssumeRole', input), refused('sts:TagSession', RoleArn, why))
      const { Tags: _, ...plain } = input
      await user.call('sts', 'AssumeRole', plain)
    })

    test('a role that trusts somebody else stays closed, even to an administrator', async () => {
      const { RoleArn } = await trusted('of-another')
      const user = await makeUser(world, 'not-trusted', [], [ADMINISTRATOR])
      const why = 'because no role trust policy allows the sts:AssumeRole action'
      await assert.rejects(
        user.call('sts', 'AssumeRole', { RoleArn, RoleSessionName: 'session' }),
        refused('sts:AssumeRole', RoleArn, why),
      )
    })

    test('a role that asks for an external id stays closed without it', async () => {
      const Condition = { StringEquals: { 'sts:ExternalId': 'agreed' } }
      const { user, RoleArn } = await trusted('external', { Condition })
      const why = 'because no role trust policy allows the sts:AssumeRole action'
      for (const ExternalId of [undefined, 'guessed']) {
        const input = { RoleArn, RoleSessionName: 'session', ...(ExternalId !== undefined && { ExternalId }) }
        await assert.rejects(user.call('sts', 'AssumeRole', input), refused('sts:AssumeRole', RoleArn, why))
      }
      await user.call('sts', 'AssumeRole', { RoleArn, RoleSessionName: 'session', ExternalId: 'agreed' })
    })

    test('a limited access key of an administrator cannot make an unlimited one', async () => {
      await makeUser(world, 'chief', [], [ADMINISTRATOR])
      const PolicyDocument = policy(allow('backup:*'))
      const { AccessKey, SecretAccessKey } = await world.call('roleback', 'CreateLimitedAccessKey', {
        UserName: 'chief',
        PolicyDocument,
      })
      const limited = { accessKeyId: AccessKey.AccessKeyId, secretAccessKey: SecretAccessKey }
      const call = callerOf(world.url, limited, world.region)
      await call('backup', 'ListBackupVaults', {})
      await assert.rejects(call('iam', 'CreateAccessKey', { UserName: 'chief' }), (error) => {
        assert.ok(error instanceof AwsError && error.status === 403, String(error))
        return true
      })
    })
  })

  test('a session that may not call IAM gets nothing lasting through our own API either', async () => {
    const user = await makeUser(world, 'short-lived', [], [ADMINISTRATOR])
    const plain = await user.call('sts', 'GetSessionToken', {})
    const federated = await user.call('sts', 'GetFederationToken', { Name: 'fred', Policy: EVERYTHING })
    for (const { Credentials: made } of [plain, federated]) {
      assert.ok(made)
      const keys = { accessKeyId: made.AccessKeyId, secretAccessKey: made.SecretAccessKey }
      const call = callerOf(world.url, { ...keys, sessionToken: made.SessionToken }, world.region)
      await call('roleback', 'ListResources', {})
      const isRefused = { name: 'AwsError', status: 403 }
      await assert.rejects(call('iam', 'CreateAccessKey', { UserName: 'short-lived' }), isRefused)
      const limited = { UserName: 'short-lived', PolicyDocument: EVERYTHING }
      await assert.rejects(call('roleback', 'CreateLimitedAccessKey', limited), isRefused)
      await assert.rejects(call('roleback', 'CreateDefaultServiceRole', {}), isRefused)
    }
  })

  describe('by the server’s own data', () => {
    const register = (Path: string, RestoreRoot?: string): Promise<unknown> =>
      world.call('roleback', 'RegisterResource', {
        ResourceType: 'EFS',
        Name: `own-${++made}`,
        Connection: { Path, ...(RestoreRoot !== undefined && { RestoreRoot }) },
      })
    const isRefused = (error: unknown): boolean =>
      error instanceof AwsError && error.status >= 400 && error.status < 500

    test('not even root registers the catalogue, the keys or the vaults as a directory to back up', async () => {
      for (const path of [
        world.dataDir,
        join(world.dataDir, 'keys'),
        join(world.dataDir, 'vaults'),
        world.scratch,
      ]) {
        await assert.rejects(register(path), isRefused, path)
      }
    })

    test('not even root restores into them', async () => {
      const files = join(world.scratch, 'trees', 'files-too')
      const beside = join(world.scratch, 'restored', 'files-too')
      for (const path of [files, beside]) mkdirSync(path, { recursive: true })
      await assert.rejects(register(files, world.dataDir), isRefused)
      await assert.rejects(register(files, join(world.dataDir, 'vaults')), isRefused)
      await register(files, beside)
    })
  })
})
