import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { AwsError } from '../../src/aws/error.ts'
import { callerOf } from '../../src/aws/client.ts'
import { backup } from '../../src/backup/operations.ts'
import {
  allow,
  backUpWell,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  policy,
  registerDirectory,
} from '../fixtures/world.ts'
import type { User, World } from '../fixtures/world.ts'
import { BY_DELETING, BY_PASSING } from './backup-paths.ts'
import { BY_CREDENTIALS, BY_POLICIES } from './identity-paths.ts'
import { ADMINISTRATOR, EVERYTHING, planTo, VAULT } from './paths.ts'
import type { Path, Place } from './paths.ts'

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
    const { BackupPlanId: rootsPlan = '' } = await call('backup', 'CreateBackupPlan', {
      BackupPlan: planTo('roots', VAULT),
    })
    await call('backup', 'CreateBackupSelection', {
      BackupPlanId: rootsPlan,
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
    place = { id, vault, resource, point, strong: strongRole, weak, rootsPlan }
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
