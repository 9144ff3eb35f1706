import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { iam } from '../../src/iam/operations.ts'
import { backup } from '../../src/backup/operations.ts'
import { fromBase32, totpCode, totpStep } from '../../src/lib/totp.ts'
import { fillBackupLists } from '../fixtures/backup-lists.ts'
import type { AskedList } from '../fixtures/backup-lists.ts'
import { REGION, startApiServer } from '../servers/api.ts'
import { runTool } from '../servers/run-tool.ts'

/**
 * The aws CLI's paginators and waiters: each list of IAM and of AWS Backup that botocore has a paginator for is read whole, by ones, by
 * twos, and item by item with the CLI's own token in between; those that list recovery points or what they are of, over 10,000 of them
 * in parts that end inside of pages; each waiter waits for what is made only after it has asked in vain.
 */
const server = await startApiServer()
after(() => server[Symbol.asyncDispose]())

const hasCli = spawnSync('python3', ['-c', 'import awscli'], { stdio: 'ignore' }).status === 0
const skip = hasCli ? false : 'the aws CLI is not installed for python3'

const ME = 'page-1'
const policyOf = (...statements: readonly object[]): string =>
  JSON.stringify({ Version: '2012-10-17', Statement: statements })
const LOOK = policyOf({ Effect: 'Allow', Action: ['backup:List*', 'tag:GetResources'], Resource: '*' })
const TRUST = policyOf({
  Effect: 'Allow',
  Principal: { Service: 'backup.amazonaws.com' },
  Action: 'sts:AssumeRole',
})
const TAGS = ['a', 'b', 'c'].map((Key) => ({ Key, Value: '1' }))
const NAMES = ['page-1', 'page-2', 'page-3']
const ISSUER = 'issuer.example.com/pages'
const managed = (name: string): string => `arn:aws:iam::${server.accountId}:policy/${name}`

/** Three of everything, each tied to the first of everything else. */
async function fill(): Promise<void> {
  const { call } = server
  for (const name of NAMES) {
    await call('iam', 'CreateUser', { UserName: name, Tags: TAGS })
    await call('iam', 'CreateGroup', { GroupName: name })
    await call('iam', 'CreateRole', { RoleName: name, AssumeRolePolicyDocument: TRUST, Tags: TAGS })
    await call('iam', 'CreatePolicy', { PolicyName: name, PolicyDocument: LOOK, Tags: TAGS })
    await call('iam', 'CreateInstanceProfile', { InstanceProfileName: name, Tags: TAGS })
    await call('backup', 'CreateBackupVault', { BackupVaultName: name })
  }
  for (const name of NAMES) {
    await call('iam', 'AddUserToGroup', { GroupName: name, UserName: ME })
    if (name !== ME) await call('iam', 'AddUserToGroup', { GroupName: ME, UserName: name })
    await call('iam', 'AddRoleToInstanceProfile', { InstanceProfileName: name, RoleName: ME })
    const PolicyArn = managed(name)
    await call('iam', 'AttachUserPolicy', { UserName: ME, PolicyArn })
    await call('iam', 'AttachGroupPolicy', { GroupName: ME, PolicyArn })
    await call('iam', 'AttachRolePolicy', { RoleName: ME, PolicyArn })
    if (name !== ME) await call('iam', 'AttachUserPolicy', { UserName: name, PolicyArn: managed(ME) })
    const inline = { PolicyName: name, PolicyDocument: LOOK }
    await call('iam', 'PutUserPolicy', { UserName: ME, ...inline })
    await call('iam', 'PutGroupPolicy', { GroupName: ME, ...inline })
    await call('iam', 'PutRolePolicy', { RoleName: ME, ...inline })
    await enableDevice(name)
  }
  for (const _ of [2, 3])
    await call('iam', 'CreatePolicyVersion', { PolicyArn: managed(ME), PolicyDocument: LOOK })
  for (const _ of [1, 2]) await call('iam', 'CreateAccessKey', { UserName: ME })
  await call('iam', 'CreateAccountAlias', { AccountAlias: 'pages' })
  await call('iam', 'CreateOpenIDConnectProvider', {
    Url: `https://${ISSUER}`,
    ThumbprintList: ['9e99a48a9960b14926bb7f3b02e22da2b0ab7281'],
    Tags: TAGS,
  })
}

/** Three devices of one user. */
async function enableDevice(name: string): Promise<void> {
  const { VirtualMFADevice } = await server.call('iam', 'CreateVirtualMFADevice', {
    VirtualMFADeviceName: name,
    Tags: TAGS,
  })
  const seed = fromBase32(Buffer.from(VirtualMFADevice.Base32StringSeed ?? []).toString())
  const step = totpStep(Date.now())
  const [AuthenticationCode1, AuthenticationCode2] = [totpCode(seed, step - 1), totpCode(seed, step)]
  const { SerialNumber } = VirtualMFADevice
  await server.call('iam', 'EnableMFADevice', {
    UserName: ME,
    SerialNumber,
    AuthenticationCode1,
    AuthenticationCode2,
  })
}

const USER = ['--user-name', ME]
const GROUP = ['--group-name', ME]
const ROLE = ['--role-name', ME]
const QUESTIONS = ['--action-names', 'backup:ListBackupVaults', 'backup:ListBackupJobs', 's3:GetObject']

/** What each list is asked for, and how many items it has at least; those that nobody can fill here have none. */
const lists = (): Readonly<Record<string, AskedList>> => ({
  GetAccountAuthorizationDetails: [[], 9],
  GetGroup: [GROUP, 3],
  ListAccessKeys: [USER, 2],
  ListAccountAliases: [[], 1],
  ListAttachedGroupPolicies: [GROUP, 3],
  ListAttachedRolePolicies: [ROLE, 3],
  ListAttachedUserPolicies: [USER, 3],
  ListEntitiesForPolicy: [['--policy-arn', managed(ME)], 5],
  ListGroupPolicies: [GROUP, 3],
  ListGroups: [[], 3],
  ListGroupsForUser: [USER, 3],
  ListInstanceProfileTags: [['--instance-profile-name', ME], 3],
  ListInstanceProfiles: [[], 3],
  ListInstanceProfilesForRole: [ROLE, 3],
  ListMFADeviceTags: [['--serial-number', `arn:aws:iam::${server.accountId}:mfa/${ME}`], 3],
  ListMFADevices: [USER, 3],
  ListOpenIDConnectProviderTags: [
    ['--open-id-connect-provider-arn', `arn:aws:iam::${server.accountId}:oidc-provider/${ISSUER}`],
    3,
  ],
  ListPolicies: [['--scope', 'Local'], 3],
  ListPolicyTags: [['--policy-arn', managed(ME)], 3],
  ListPolicyVersions: [['--policy-arn', managed(ME)], 3],
  ListRolePolicies: [ROLE, 3],
  ListRoleTags: [ROLE, 3],
  ListRoles: [[], 3],
  ListSSHPublicKeys: [USER, 0],
  ListServerCertificates: [[], 0],
  ListSigningCertificates: [USER, 0],
  ListUserPolicies: [USER, 3],
  ListUserTags: [USER, 3],
  ListUsers: [[], 3],
  ListVirtualMFADevices: [[], 3],
  SimulateCustomPolicy: [[...QUESTIONS, '--policy-input-list', LOOK], 3],
  SimulatePrincipalPolicy: [
    [...QUESTIONS, '--policy-source-arn', `arn:aws:iam::${server.accountId}:user/${ME}`],
    3,
  ],
})

/** By the waiter's name: what it asks for, and how that is made. */
const WAITS: Readonly<Record<string, readonly [args: readonly string[], create: readonly string[]]>> = {
  InstanceProfileExists: [
    ['--instance-profile-name', 'late'],
    ['iam', 'create-instance-profile', '--instance-profile-name', 'late'],
  ],
  UserExists: [
    ['--user-name', 'late'],
    ['iam', 'create-user', '--user-name', 'late'],
  ],
  RoleExists: [
    ['--role-name', 'late'],
    ['iam', 'create-role', '--role-name', 'late', '--assume-role-policy-document', TRUST],
  ],
  PolicyExists: [
    ['--policy-arn', `arn:aws:iam::${server.accountId}:policy/late`],
    ['iam', 'create-policy', '--policy-name', 'late', '--policy-document', LOOK],
  ],
}

/** Of a long list at once: more than a page, and no number of whole ones. */
const PARTS = 3_500

type Page = {
  readonly whole: readonly (readonly unknown[])[]
  readonly by: Readonly<Record<string, unknown>>
  readonly steps?: unknown
  readonly calls?: number
}
type Answer = {
  readonly paginators: Readonly<Record<string, object>>
  readonly pages: Readonly<Record<string, Page>>
  readonly many: Readonly<Record<string, readonly (readonly string[])[]>>
  readonly waiters: object
  readonly waited: Readonly<Record<string, readonly string[]>>
}

async function answersTo(questions: object): Promise<Answer> {
  const folder = mkdtempSync(join(tmpdir(), 'roleback-pages-'))
  try {
    const [asked, answered] = [join(folder, 'questions.json'), join(folder, 'answers.json')]
    writeFileSync(asked, JSON.stringify(questions))
    await runTool('python3', [join(import.meta.dirname, '..', 'fixtures', 'pages.py'), asked, answered], {
      env: {
        HOME: folder,
        PYENV_ROOT: process.env['PYENV_ROOT'] ?? '/root/.pyenv',
        AWS_EC2_METADATA_DISABLED: 'true',
        AWS_ENDPOINT_URL: server.endpoint,
        AWS_DEFAULT_REGION: REGION,
        AWS_MAX_ATTEMPTS: '1',
        AWS_ACCESS_KEY_ID: server.root.accessKeyId,
        AWS_SECRET_ACCESS_KEY: server.root.secretAccessKey,
      },
    })
    return JSON.parse(readFileSync(answered, 'utf8')) as Answer
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

test(
  'the aws CLI’s paginators and waiters meet every list of IAM and AWS Backup, and 10,000 recovery points',
  { skip },
  async () => {
    await fill()
    const { short, long } = await fillBackupLists(server, ME, `arn:aws:iam::${server.accountId}:role/${ME}`)
    const asked: Record<string, Readonly<Record<string, AskedList>>> = { iam: lists(), backup: short }
    const questions = {
      lists: Object.entries(asked).flatMap(([service, ofService]) =>
        Object.entries(ofService).map(([operation, [args]]) => [service, operation, args]),
      ),
      many: Object.entries(long).map(([operation, { args, keys }]) => [
        'backup',
        operation,
        args,
        keys,
        PARTS,
      ]),
      waits: Object.entries(WAITS).map(([waiter, [args, create]]) => [waiter, args, create]),
    }
    const answer = await answersTo(questions)

    for (const [service, operations] of Object.entries({ iam, backup })) {
      const served = Object.keys(answer.paginators[service] ?? {}).filter(
        (operation) => !('unbuilt' in operations[operation as keyof typeof operations]),
      )
      const entries = [
        ...Object.keys(asked[service] ?? {}),
        ...(service === 'backup' ? Object.keys(long) : []),
      ]
      assert.deepEqual(
        served.toSorted(),
        entries.toSorted(),
        `each list of ${service} that is built has its entry`,
      )
    }
    for (const [name, { whole, by, steps, calls }] of Object.entries(answer.pages)) {
      const items = whole.flat()
      assert.deepEqual(by, { '1': whole, '2': whole }, name)
      const [service = '', operation = ''] = name.split(':')
      const atLeast = asked[service]?.[operation]?.[1] ?? Infinity
      assert.ok(items.length >= atLeast, `${name}: ${items.length}`)
      assert.equal(new Set(items.map((item) => JSON.stringify(item))).size, items.length, name)
      if (steps === undefined) continue
      assert.deepEqual(steps, whole, name)
      assert.equal(calls, Math.max(1, items.length), `${name}: a token where nothing follows`)
    }

    for (const [operation, { expected }] of Object.entries(long)) {
      const parts = answer.many[operation] ?? []
      assert.deepEqual(parts.flat(), expected, operation)
      assert.deepEqual(
        parts.map(({ length }, i) => [i, length]),
        parts.map((_, i) => [i, Math.min(PARTS, expected.length - i * PARTS)]),
        operation,
      )
    }

    assert.deepEqual(Object.keys(answer.waiters).toSorted(), Object.keys(WAITS).toSorted())
    for (const [waiter, [, create]] of Object.entries(WAITS))
      assert.equal(answer.waited[waiter]?.length, 1, create.join(' '))
    assert.deepEqual(server.errors, [])
  },
)
