import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { Call } from '../../src/aws/client.ts'
import { callerOf } from '../../src/aws/client.ts'
import { AwsError } from '../../src/aws/error.ts'
import type { AuthorizationDetails } from '../../src/aws/generated/roleback.ts'
import { EXPLAINED } from '../fixtures/denials.ts'
import { allow, backUp, makeRole, makeUser, makeVault, openWorld, policy } from '../fixtures/world.ts'
import { registerDirectory, setRights } from '../fixtures/world.ts'
import { roleback } from '../fixtures/command-line.ts'

/** Every refusal is explained from its id, and what the explanation proposes is put in place: the same call succeeds at once. */

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())
await makeVault(world, 'explained')
const vaultArn = `arn:aws:backup:${world.region}:${world.accountId}:backup-vault:explained`
await world.call('backup', 'TagResource', { ResourceArn: vaultArn, Tags: { stage: 'prod' } })
const tree = await registerDirectory(world, 'explained', (path) => writeFileSync(join(path, 'file'), 'x'))
const plainRole = await makeRole(world, 'plain', { managed: ['AWSBackupServiceRolePolicyForBackup'] })
const scopeRole = await makeRole(world, 'scope-target', {})

async function explained(message: string): Promise<AuthorizationDetails> {
  const [, AuthorizationId = assert.fail(message)] = EXPLAINED.exec(message) ?? []
  const { Authorization } = await world.call('roleback', 'GetAuthorizationDetails', { AuthorizationId })
  return Authorization
}

async function refusal(work: () => Promise<unknown>): Promise<string> {
  try {
    await work()
  } catch (error) {
    assert.ok(error instanceof AwsError && error.status === 403, String(error))
    return error.message
  }
  return assert.fail('it was allowed')
}

/** Makes the proposed changes as an administrator would, each where it says. */
async function follow(details: AuthorizationDetails): Promise<void> {
  assert.ok(details.Proposals.length > 0, 'nothing was proposed')
  for (const { Change, PolicyType, TargetArn = '', Statement } of details.Proposals) {
    const name = TargetArn.split('/').at(-1) ?? ''
    const PolicyName = 'proposed'
    if (Change === 'remove') {
      await world.call('iam', 'DeleteUserPolicy', { UserName: name, PolicyName: 'deny' })
      continue
    }
    assert.equal(Change, 'add')
    const statement = JSON.parse(Statement ?? '') as object
    if (PolicyType === 'identity' && TargetArn.includes(':user/')) {
      await world.call('iam', 'PutUserPolicy', {
        UserName: name,
        PolicyName,
        PolicyDocument: policy(statement),
      })
    } else if (PolicyType === 'identity') {
      await world.call('iam', 'PutRolePolicy', {
        RoleName: name,
        PolicyName,
        PolicyDocument: policy(statement),
      })
    } else {
      assert.equal(PolicyType, 'boundary')
      const { Policy } = await world.call('iam', 'GetPolicy', { PolicyArn: TargetArn })
      const VersionId = Policy?.DefaultVersionId ?? ''
      const { PolicyVersion } = await world.call('iam', 'GetPolicyVersion', {
        PolicyArn: TargetArn,
        VersionId,
      })
      const document = JSON.parse(decodeURIComponent(PolicyVersion?.Document ?? '')) as {
        Statement: object[]
      }
      await world.call('iam', 'CreatePolicyVersion', {
        PolicyArn: TargetArn,
        PolicyDocument: policy(...document.Statement, statement),
        SetAsDefault: true,
      })
    }
  }
}

interface Case {
  readonly name: string
  readonly statements?: readonly object[]
  readonly managed?: readonly string[]
  readonly boundary?: readonly object[]
  readonly deny?: object
  readonly work: (call: Call) => Promise<unknown>
  /** What the details must say. */
  readonly says: (details: AuthorizationDetails) => void
}

const start = (IamRoleArn: string) => async (call: Call) =>
  await call('backup', 'StartBackupJob', {
    BackupVaultName: 'explained',
    ResourceArn: tree.arn,
    IamRoleArn,
    RecoveryPointTags: { owner: 'me' },
  })
const describeVault = async (call: Call): Promise<unknown> =>
  await call('backup', 'DescribeBackupVault', { BackupVaultName: 'explained' })

const verdictsOf = (details: AuthorizationDetails): object =>
  Object.fromEntries(details.Layers.map(({ Layer, Verdict }) => [Layer, Verdict]))

const nearest = (details: AuthorizationDetails): readonly unknown[] => {
  const [near] = details.NearMisses
  return [near?.Layer, near?.Failed, near?.MissingKeys]
}

const passing = (condition: object): object => ({ ...allow('iam:PassRole', plainRole), Condition: condition })

const CASES: readonly Case[] = [
  {
    name: 'no policy at all',
    work: describeVault,
    says: (details) => {
      assert.deepEqual(verdictsOf(details), { identity: 'does not allow' })
      assert.deepEqual([details.NearMisses, details.Policies], [[], []])
    },
  },
  {
    name: 'a resource that is not the one allowed',
    statements: [allow('backup:DescribeBackupVault', `${vaultArn}-other`)],
    work: describeVault,
    says: (details) => assert.deepEqual(nearest(details), ['identity', 'resource', []]),
  },
  {
    name: 'an operation without a resource',
    work: async (call) => await call('backup', 'ListBackupVaults', {}),
    says: (details) => assert.equal(details.ResourceArn.includes('*'), true),
  },
  {
    name: 'an operation of IAM',
    statements: [allow('iam:GetUser')],
    work: async (call) => await call('iam', 'GetRole', { RoleName: 'plain' }),
    says: (details) => assert.equal(details.Action, 'iam:GetRole'),
  },
  {
    name: 'a tag of the resource with another value',
    statements: [
      {
        ...allow('backup:DescribeBackupVault'),
        Condition: { StringEquals: { 'aws:ResourceTag/stage': 'test' } },
      },
    ],
    work: describeVault,
    says: (details) =>
      assert.deepEqual(nearest(details), ['identity', 'condition', details.NearMisses[0]?.MissingKeys]),
  },
  {
    name: 'a condition key that the request does not have',
    statements: [
      {
        ...allow('backup:DescribeBackupVault'),
        Condition: { Bool: { 'aws:MultiFactorAuthPresent': 'true' } },
      },
    ],
    work: describeVault,
    says: (details) =>
      assert.deepEqual(nearest(details), ['identity', 'condition', ['aws:MultiFactorAuthPresent']]),
  },
  {
    name: 'a tag in the request that is not the one asked for',
    statements: [
      { ...allow('backup:StartBackupJob'), Condition: { StringEquals: { 'aws:RequestTag/owner': 'you' } } },
      passing({}),
    ],
    work: start(plainRole),
    says: (details) => assert.match(details.NearMisses[0]?.Detail ?? '', /the request has "me"/),
  },
  {
    name: 'PassRole that nothing allows',
    statements: [allow('backup:*')],
    work: start(plainRole),
    says: (details) =>
      assert.deepEqual(JSON.parse(details.Proposals[0]?.Statement ?? ''), {
        Effect: 'Allow',
        Action: 'iam:PassRole',
        Resource: plainRole,
        Condition: { StringEquals: { 'iam:PassedToService': 'backup.amazonaws.com' } },
      }),
  },
  {
    name: 'PassRole to another service only',
    statements: [
      allow('backup:*'),
      passing({ StringEquals: { 'iam:PassedToService': 'ec2.amazonaws.com' } }),
    ],
    work: start(plainRole),
    says: (details) => assert.deepEqual(nearest(details), ['identity', 'condition', []]),
  },
  {
    name: 'PassRole of AWSBackupFullAccess, which goes by the name of the role',
    managed: ['arn:aws:iam::aws:policy/AWSBackupFullAccess'],
    work: start(plainRole),
    says: (details) => {
      assert.match(
        details.Notes.join(),
        /AWSBackupFullAccess passes only roles whose names contain AWSBackup/,
      )
      assert.equal(details.NearMisses[0]?.Policy, 'arn:aws:iam::aws:policy/AWSBackupFullAccess')
    },
  },
  {
    name: 'a boundary without the action',
    statements: [allow('*')],
    boundary: [allow('iam:*')],
    work: describeVault,
    says: (details) =>
      assert.deepEqual(verdictsOf(details), { identity: 'allows', boundary: 'does not allow' }),
  },
  {
    name: 'both the boundary and the identity policies without the action',
    boundary: [allow('iam:*')],
    work: describeVault,
    says: (details) =>
      assert.deepEqual(
        details.Proposals.map(({ PolicyType }) => PolicyType),
        ['identity', 'boundary'],
      ),
  },
  {
    name: 'an explicit deny',
    statements: [allow('*')],
    deny: { ...allow('backup:Describe*'), Effect: 'Deny', Sid: 'NotThis' },
    work: describeVault,
    says: (details) => {
      assert.equal(details.Effect, 'ExplicitDeny')
      assert.match(details.Proposals[0]?.Where ?? '', /explicit deny in the inline policy deny .*NotThis/)
    },
  },
  {
    name: 'an explicit deny where nothing allows it either',
    deny: { ...allow('backup:Describe*'), Effect: 'Deny' },
    work: describeVault,
    says: (details) =>
      assert.deepEqual(
        details.Proposals.map(({ Change }) => Change),
        ['remove', 'add'],
      ),
  },
]

for (const [index, one] of CASES.entries()) {
  test(`the proposal makes the call succeed at the first try: ${one.name}`, async () => {
    const UserName = `explained-${index}`
    const user = await makeUser(world, UserName, one.statements, one.managed)
    if (one.boundary !== undefined) {
      const PolicyDocument = policy(...one.boundary)
      const { Policy } = await world.call('iam', 'CreatePolicy', { PolicyName: UserName, PolicyDocument })
      await world.call('iam', 'PutUserPermissionsBoundary', {
        UserName,
        PermissionsBoundary: Policy?.Arn ?? '',
      })
    }
    if (one.deny !== undefined) {
      const PolicyDocument = policy(one.deny)
      await world.call('iam', 'PutUserPolicy', { UserName, PolicyName: 'deny', PolicyDocument })
    }
    const message = await refusal(async () => await one.work(user.call))
    const details = await explained(message)
    assert.ok(
      message.startsWith(
        `User: ${details.PrincipalArn} is not authorized to perform: ${details.Action} on resource: ${details.ResourceArn} ${details.Reason}. `,
      ),
      message,
    )
    assert.equal(details.PrincipalArn, user.arn)
    one.says(details)
    await follow(details)
    await one.work(user.call)
  })
}

test('a session policy is named as what a new session needs, and with it the call succeeds', async () => {
  const trust = { Effect: 'Allow', Principal: { AWS: `${world.accountId}` }, Action: 'sts:AssumeRole' }
  const RoleArn = await makeRole(world, 'sessions', { trust, statements: [allow('*')] })
  const user = await makeUser(world, 'session-maker', [allow('sts:AssumeRole')])
  const asSession = async (...statements: readonly object[]): Promise<Call> => {
    const Policy = policy(...statements)
    const { Credentials } = await user.call('sts', 'AssumeRole', {
      RoleArn,
      RoleSessionName: 'session',
      Policy,
    })
    const { AccessKeyId, SecretAccessKey, SessionToken } = Credentials ?? assert.fail()
    const key = { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken }
    return callerOf(world.url, key, world.region)
  }
  const narrow = await asSession(allow('iam:*'))
  const details = await explained(await refusal(async () => await describeVault(narrow)))
  assert.deepEqual(verdictsOf(details), { identity: 'allows', session: 'does not allow' })
  assert.equal(details.Proposals[0]?.PolicyType, 'session')
  const wide = await asSession(allow('iam:*'), JSON.parse(details.Proposals[0]?.Statement ?? '') as object)
  await describeVault(wide)
})

test('a refused AssumeRole is explained with what the trust policy lacks, and an absent role is refused alike', async () => {
  const trust = { Effect: 'Allow', Principal: { AWS: world.accountId }, Action: 'sts:TagSession' }
  const RoleArn = await makeRole(world, 'trusting', { trust })
  const user = await makeUser(world, 'not-trusted', [allow('sts:*')])
  const assume = async (arn: string): Promise<unknown> =>
    await user.call('sts', 'AssumeRole', { RoleArn: arn, RoleSessionName: 'session' })
  const message = await refusal(async () => await assume(RoleArn))
  const absent = await refusal(async () => await assume(`${RoleArn}-absent`))
  assert.equal(absent.replace('-absent', '').replace(EXPLAINED, ''), message.replace(EXPLAINED, ''))
  assert.match((await explained(absent)).Notes.join(), /There is no role .*trusting-absent/)
  const { Layers, Proposals } = await explained(message)
  assert.deepEqual(
    Layers.map(({ Layer, Verdict }) => [Layer, Verdict]),
    [
      ['identity', 'allows'],
      ['trust', 'does not allow'],
    ],
  )
  const PolicyDocument = policy(trust, JSON.parse(Proposals[0]?.Statement ?? '') as object)
  await world.call('iam', 'UpdateAssumeRolePolicy', { RoleName: 'trusting', PolicyDocument })
  await assume(RoleArn)
})

test('what a job was refused is explained, and each proposal takes it one step further until it is done', async () => {
  await setRights(world, 'scope-target', allow('backup:DescribeBackupVault'))
  const statements: object[] = [allow('backup:DescribeBackupVault')]
  const input = { BackupVaultName: 'explained', ResourceArn: tree.arn, IamRoleArn: scopeRole }
  const asked = new Set<string>()
  for (;;) {
    const job = await backUp(world, input)
    if (job.State === 'COMPLETED') break
    const details = await explained(job.StatusMessage ?? '')
    assert.equal(details.JobId, job.BackupJobId)
    assert.deepEqual(
      details.Proposals.map(({ PolicyType, TargetArn }) => [PolicyType, TargetArn]),
      [['identity', scopeRole]],
    )
    const about = `${details.Action} ${details.ResourceArn}`
    assert.ok(!asked.has(about), `${about} was refused again, in spite of the statement`)
    asked.add(about)
    statements.push(JSON.parse(details.Proposals[0]?.Statement ?? '') as object)
    await setRights(world, 'scope-target', ...statements)
  }
  assert.ok(asked.size >= 2, [...asked].join())
})

test('a client that is refused in a loop gets one id, and its explanation counts', async () => {
  const looping = await makeUser(world, 'looping')
  const ids = new Set<string>()
  for (let call = 0; call < 20; call++) {
    ids.add(EXPLAINED.exec(await refusal(async () => await describeVault(looping.call)))?.[1] ?? '')
  }
  // Two where the hour ends in the middle of it.
  assert.ok(ids.size <= 2, [...ids].join())
  let counted = 0
  for (const AuthorizationId of ids) {
    const { Authorization } = await world.call('roleback', 'GetAuthorizationDetails', { AuthorizationId })
    counted += Authorization.Count
    assert.ok(Authorization.LastAt >= Authorization.At)
  }
  assert.equal(counted, 20)
})

test('an explanation has what the same request was allowed before it was refused', async () => {
  const user = await makeUser(world, 'half-way', [{ ...allow('backup:StartBackupJob'), Sid: 'Start' }])
  const details = await explained(await refusal(async () => await start(plainRole)(user.call)))
  assert.deepEqual(
    details.Evaluations.map(({ Action, Effect, MatchedStatements }) => [
      Action,
      Effect,
      MatchedStatements.map(({ StatementId }) => StatementId),
    ]),
    [
      ['backup:StartBackupJob', 'Allow', ['Start']],
      ['iam:PassRole', 'ImplicitDeny', []],
    ],
  )
  assert.deepEqual(
    details.Policies.map(({ StatementCount, OtherActionCount }) => [StatementCount, OtherActionCount]),
    [[1, 1]],
  )
})

test('R15 details need roleback:GetAuthorizationDetails, and unknown ids are not found', async () => {
  const nobody = await makeUser(world, 'nobody')
  const message = await refusal(async () => await describeVault(nobody.call))
  const [, AuthorizationId = ''] = EXPLAINED.exec(message) ?? []
  const again = await refusal(
    async () => await nobody.call('roleback', 'GetAuthorizationDetails', { AuthorizationId }),
  )
  assert.match(again, /not authorized to perform: roleback:GetAuthorizationDetails on resource: /)
  await assert.rejects(
    world.call('roleback', 'GetAuthorizationDetails', { AuthorizationId: 'f'.repeat(20) }),
    (error: unknown) => error instanceof AwsError && error.code === 'ResourceNotFoundException',
  )
  const rows = world.rows<{ request_id: string }>(
    'select request_id from denial where id = ?',
    AuthorizationId,
  )
  const [row = assert.fail('the denial was not kept')] = rows
  const audit = world.rows<{ effect: string }>(
    'select effect from audit where request_id = ?',
    row.request_id,
  )
  assert.deepEqual(
    audit.map(({ effect }) => effect),
    ['Deny'],
  )
})

test('`roleback explain` prints the refusal for people, and all of it as JSON', async () => {
  const user = await makeUser(world, 'reader', [allow('backup:DescribeBackupVault', `${vaultArn}-other`)])
  const [, id = ''] = EXPLAINED.exec(await refusal(async () => await describeVault(user.call))) ?? []
  const env = {
    AWS_ENDPOINT_URL: world.url,
    AWS_ACCESS_KEY_ID: world.rootKey.accessKeyId,
    AWS_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
    AWS_REGION: world.region,
  }
  const text = await roleback(['explain', id], { env })
  assert.equal(text.code, 0, text.stderr)
  assert.match(text.stdout, new RegExp(`^who +${user.arn}$`, 'm'))
  assert.match(text.stdout, /^what +backup:DescribeBackupVault$/m)
  assert.match(text.stdout, /^ {2}identity {2}does not allow \(1 policy\)$/m)
  assert.match(text.stdout, /^ {4}the resource ".*:explained" matches none of ".*:explained-other"$/m)
  assert.match(text.stdout, new RegExp(`^ {2}add to an identity policy of ${user.arn}:$`, 'm'))
  const json = await roleback(['explain', id, '--json'], { env })
  assert.equal((JSON.parse(json.stdout) as AuthorizationDetails).AuthorizationId, id)
  const unknown = await roleback(['explain', 'zzz'], { env })
  assert.equal(unknown.code, 1)
  assert.match(unknown.stderr, /ResourceNotFoundException: Cannot find the authorization "zzz"/)
})
