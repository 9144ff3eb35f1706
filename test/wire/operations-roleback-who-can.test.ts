import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { callerOf } from '../../src/aws/client.ts'
import type { Call, InputOf, OutputOf } from '../../src/aws/client.ts'
import { AwsError } from '../../src/aws/error.ts'
import { roleback } from '../fixtures/command-line.ts'
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
import type { User } from '../fixtures/world.ts'

/** Who can delete, restore, pass, take on or unlock something: what is told is tried. */

type Found = OutputOf<'roleback', 'ListPrincipalsWhoCan'>['Principals']
type Asked = InputOf<'roleback', 'ListPrincipalsWhoCan'>['Action']

const world = await openWorld({ isGuarded: true })
after(() => world[Symbol.asyncDispose]())

const deny = (action: string, resource = '*', Condition?: object): object => ({
  Effect: 'Deny',
  Action: action,
  Resource: resource,
  ...(Condition !== undefined && { Condition }),
})
const when = (statement: object, Condition: object): object => ({ ...statement, Condition })
const trusting = (...names: readonly string[]): object => ({
  Effect: 'Allow',
  Principal: { AWS: names },
  Action: 'sts:AssumeRole',
})
const shortName = (arn: string): string => arn.slice(arn.lastIndexOf('/') + 1).replace(/^.*:/, '')

async function whoCan(Action: Asked, ResourceArn: string, call: Call = world.call): Promise<Found> {
  const found: Found[number][] = []
  let NextToken: string | undefined
  do {
    const page = await call('roleback', 'ListPrincipalsWhoCan', { Action, ResourceArn, NextToken })
    found.push(...page.Principals)
    NextToken = page.NextToken
  } while (NextToken !== undefined)
  return found
}

const verdicts = (found: Found): Readonly<Record<string, string>> =>
  Object.fromEntries(found.map(({ PrincipalArn, Verdict }) => [shortName(PrincipalArn), Verdict]))

async function isDenied(work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return false
  } catch (error) {
    if (error instanceof AwsError) return error.status === 403
    throw error
  }
}

async function sessionOf(user: User, RoleArn: string, RoleSessionName = 'tried'): Promise<Call> {
  const { Credentials: made } = await user.call('sts', 'AssumeRole', { RoleArn, RoleSessionName })
  return callerOf(
    world.url,
    {
      accessKeyId: made?.AccessKeyId ?? '',
      secretAccessKey: made?.SecretAccessKey ?? '',
      sessionToken: made?.SessionToken,
    },
    world.region,
  )
}

const account = `arn:aws:iam::${world.accountId}:root`
const vaultArn = await makeVault(world, 'safe')
const tree = await registerDirectory(world, 'tree', (path) => writeFileSync(`${path}/file`, 'x'))
const restorer = await makeRole(world, 'restorer', {
  managed: ['AWSBackupServiceRolePolicyForBackup', 'AWSBackupServiceRolePolicyForRestores'],
})
const pointArn = await backUpWell(world, {
  BackupVaultName: 'safe',
  ResourceArn: tree.arn,
  IamRoleArn: restorer,
})
const DELETE = allow('backup:DeleteBackupVault', vaultArn)
const MFA = { Bool: { 'aws:MultiFactorAuthPresent': 'true' } }
const OFFICE = { IpAddress: { 'aws:SourceIp': '192.0.2.0/24' } }

const direct = await makeUser(world, 'direct', [DELETE])
const member = await makeUser(world, 'member')
const bounded = await makeUser(world, 'bounded', [DELETE])
const barred = await makeUser(world, 'barred', [DELETE])
const elsewhere = await makeUser(world, 'elsewhere', [when(DELETE, OFFICE)])
const careful = await makeUser(world, 'careful', [
  DELETE,
  deny('*', '*', { BoolIfExists: { 'aws:MultiFactorAuthPresent': 'false' } }),
])
const nobody = await makeUser(world, 'nobody')
const named = await makeUser(world, 'named')
await world.call('iam', 'CreateGroup', { GroupName: 'keepers' })
await world.call('iam', 'PutGroupPolicy', {
  GroupName: 'keepers',
  PolicyName: 'delete',
  PolicyDocument: policy(DELETE),
})
await world.call('iam', 'AddUserToGroup', { GroupName: 'keepers', UserName: 'member' })
await world.call('iam', 'PutUserPermissionsBoundary', {
  UserName: 'bounded',
  PermissionsBoundary: 'arn:aws:iam::aws:policy/AWSBackupOperatorAccess',
})
const climber = await makeUser(world, 'climber')
const entry = await makeRole(world, 'entry', {
  trust: trusting(climber.arn),
  statements: [allow('sts:AssumeRole')],
})
const keeper = await makeRole(world, 'keeper', { trust: trusting(entry), statements: [DELETE] })
const closed = await makeRole(world, 'closed', { trust: trusting(account), statements: [DELETE] })
const hatted = await makeRole(world, 'hatted', { trust: trusting(direct.arn) })
await world.call('backup', 'PutBackupVaultAccessPolicy', {
  BackupVaultName: 'safe',
  Policy: policy(
    {
      Sid: 'NotHim',
      Effect: 'Deny',
      Principal: { AWS: barred.arn },
      Action: 'backup:DeleteBackupVault',
      Resource: '*',
    },
    {
      Sid: 'HimToo',
      Effect: 'Allow',
      Principal: { AWS: named.arn },
      Action: 'backup:DeleteBackupVault',
      Resource: '*',
    },
    {
      Sid: 'OneHat',
      Effect: 'Allow',
      Principal: { AWS: `arn:aws:sts::${world.accountId}:assumed-role/hatted/red` },
      Action: 'backup:DeleteBackupVault',
      Resource: '*',
    },
  ),
})

test('ListPrincipalsWhoCan delete a vault: directly, by a group, by its policy, by roles; not past a boundary or a Deny', async () => {
  const found = await whoCan('delete', vaultArn)
  assert.deepEqual(verdicts(found), {
    root: 'allowed',
    careful: 'depends',
    direct: 'allowed',
    elsewhere: 'depends',
    member: 'allowed',
    named: 'allowed',
    closed: 'allowed',
    hatted: 'depends',
    keeper: 'allowed',
  })
  const by = (name: string): unknown =>
    found
      .find(({ PrincipalArn }) => shortName(PrincipalArn) === name)
      ?.Rights.flatMap(({ Statements, SessionName }) =>
        Statements.map((one) => [
          one.Effect,
          one.StatementId,
          one.Policy,
          one.AttachedTo,
          one.Conditions,
          SessionName,
        ]),
      )
  assert.deepEqual(by('direct'), [['Allow', '#0', 'own', direct.arn, [], undefined]])
  assert.deepEqual(by('member'), [
    ['Allow', '#0', 'delete', `arn:aws:iam::${world.accountId}:group/keepers`, [], undefined],
  ])
  assert.deepEqual(by('named'), [['Allow', 'HimToo', vaultArn, undefined, [], undefined]])
  assert.deepEqual(by('elsewhere'), [
    ['Allow', '#0', 'own', elsewhere.arn, ['IpAddress aws:SourceIp "192.0.2.0/24"'], undefined],
  ])
  assert.deepEqual(by('careful'), [
    ['Allow', '#0', 'own', careful.arn, [], undefined],
    ['Deny', '#1', 'own', careful.arn, ['BoolIfExists aws:MultiFactorAuthPresent "false"'], undefined],
  ])
  assert.deepEqual(by('hatted'), [['Allow', 'OneHat', vaultArn, undefined, [], 'red']])
  assert.deepEqual(by('root'), [])
})

test('the path to a role is told: by which user, over which roles, and by which statements', async () => {
  const found = await whoCan('delete', vaultArn)
  const paths = (name: string): unknown =>
    found
      .find(({ PrincipalArn }) => shortName(PrincipalArn) === name)
      ?.Paths.map(({ From, FromType, Verdict, Steps }) => [
        FromType,
        shortName(From),
        Verdict,
        Steps.map(({ RoleArn }) => shortName(RoleArn)),
      ])
  assert.deepEqual(paths('keeper'), [['user', 'climber', 'allowed', ['entry', 'keeper']]])
  // Its trust policy leaves it to the account's own policies, and nobody's allow it but that of the role that others are let into.
  assert.deepEqual(paths('closed'), [['user', 'climber', 'allowed', ['entry', 'closed']]])
  assert.deepEqual(paths('hatted'), [['user', 'direct', 'allowed', ['hatted']]])
})

test('whoever is told as allowed can, and whoever is not told is refused', async () => {
  const found = verdicts(await whoCan('delete', vaultArn))
  const users = { direct, member, bounded, barred, elsewhere, careful, nobody, named, climber }
  const viaEntry = await sessionOf(climber, entry)
  const roleCall = async (RoleArn: string): Promise<Call> => {
    const { Credentials: made } = await viaEntry('sts', 'AssumeRole', { RoleArn, RoleSessionName: 'tried' })
    const key = { accessKeyId: made?.AccessKeyId ?? '', secretAccessKey: made?.SecretAccessKey ?? '' }
    return callerOf(world.url, { ...key, sessionToken: made?.SessionToken }, world.region)
  }
  const calls: Readonly<Record<string, Call>> = {
    root: world.call,
    ...Object.fromEntries(Object.entries(users).map(([name, { call }]) => [name, call])),
    entry: viaEntry,
    keeper: await roleCall(keeper),
    closed: await roleCall(closed),
    hatted: await sessionOf(direct, hatted, 'blue'),
  }
  const attempt = { BackupVaultName: 'safe' }
  for (const [name, call] of Object.entries(calls)) {
    // Whoever is let by hears that the vault is not empty.
    assert.equal(
      await isDenied(call('backup', 'DeleteBackupVault', attempt)),
      found[name] !== 'allowed',
      name,
    )
  }
  const red = await sessionOf(direct, hatted, 'red')
  assert.equal(await isDenied(red('backup', 'DeleteBackupVault', attempt)), false)
})

test('who can restore: with a role that AWS Backup can assume, and by the restore guard only back into the source', async () => {
  const start = allow('backup:StartRestoreJob', pointArn)
  const passing = allow('iam:PassRole', restorer)
  const reading = allow('elasticfilesystem:ClientMount', tree.arn)
  const users = {
    whole: await makeUser(world, 'whole', [start, passing, reading]),
    back: await makeUser(world, 'back', [start, passing]),
    handless: await makeUser(world, 'handless', [start, reading]),
    wrong: await makeUser(world, 'wrong', [start, reading, allow('iam:PassRole', keeper)]),
    other: await makeUser(world, 'other', [
      start,
      when(passing, { StringEquals: { 'iam:PassedToService': 'ec2.amazonaws.com' } }),
    ]),
  }
  const found = await whoCan('restore', pointArn)
  assert.deepEqual(verdicts(found), { root: 'allowed', back: 'allowed', whole: 'allowed' })
  const whole = found.find(({ PrincipalArn }) => PrincipalArn === users.whole.arn)
  assert.deepEqual(
    whole?.Rights.map(({ Action, Verdict, Optional }) => [Action, Verdict, Optional]),
    [
      ['backup:StartRestoreJob', 'allowed', false],
      ['elasticfilesystem:ClientMount', 'allowed', true],
    ],
  )
  assert.deepEqual(
    whole?.Passing.map(({ ResourceArn, Verdict }) => [ResourceArn, Verdict]),
    [[restorer, 'allowed']],
  )
  const back = found.find(({ PrincipalArn }) => PrincipalArn === users.back.arn)
  assert.deepEqual(
    back?.Rights.map(({ Verdict }) => Verdict),
    ['allowed', 'denied'],
  )
  const id = tree.arn.slice(tree.arn.lastIndexOf('/') + 1)
  for (const [name, { call }] of Object.entries(users)) {
    const tryTo = async (newFileSystem: string): Promise<boolean> =>
      !(await isDenied(
        call('backup', 'StartRestoreJob', {
          RecoveryPointArn: pointArn,
          IamRoleArn: name === 'wrong' ? keeper : restorer,
          Metadata: { 'file-system-id': id, newFileSystem },
        }),
      ))
    const isTold = verdicts(found)[name] === 'allowed'
    // Keeper may be passed, and is of no use: AWS Backup cannot assume it.
    if (name !== 'wrong') assert.equal(await tryTo('false'), isTold, name)
    if (isTold) assert.equal(await tryTo('true'), name === 'whole', name)
  }
})

test('who can delete a recovery point, pass a role, take it on, delete it, and unlock a vault', async () => {
  const one = async (name: string, ...statements: readonly object[]): Promise<User> =>
    await makeUser(world, name, statements)
  const deleter = await one('deleter', allow('backup:DeleteRecoveryPoint', pointArn))
  const passer = await one(
    'passer',
    when(allow('iam:PassRole', keeper), {
      StringLike: { 'iam:AssociatedResourceArn': '*:backup-vault:safe' },
    }),
  )
  await one('unlocker', allow('backup:DeleteBackupVaultLockConfiguration', vaultArn))
  await one('remover', allow('iam:DeleteRole', keeper))
  assert.deepEqual(verdicts(await whoCan('delete', pointArn)), {
    root: 'allowed',
    deleter: 'allowed',
    // Its own policy has it, for points that AWS Backup made.
    restorer: 'allowed',
  })
  assert.deepEqual(verdicts(await whoCan('pass', keeper)), {
    root: 'allowed',
    passer: 'depends',
    wrong: 'allowed',
  })
  assert.deepEqual(verdicts(await whoCan('unlock', vaultArn)), { root: 'allowed', unlocker: 'allowed' })
  assert.deepEqual(verdicts(await whoCan('delete', keeper)), { root: 'allowed', remover: 'allowed' })
  // Root cannot take on roles.
  assert.deepEqual(verdicts(await whoCan('assume', keeper)), { entry: 'allowed' })
  const attempt = { BackupVaultName: 'no-vault', RecoveryPointArn: pointArn }
  for (const { call, arn } of [deleter, passer])
    assert.equal(await isDenied(call('backup', 'DeleteRecoveryPoint', attempt)), arn !== deleter.arn)
  const { Notes } = await world.call('roleback', 'ListPrincipalsWhoCan', {
    Action: 'pass',
    ResourceArn: keeper,
  })
  assert.match(Notes.join(), /does not name the service principal backup\.amazonaws\.com/)
})

test('whom a trust policy names from outside the account stands on the path, under conditions', async () => {
  const AssumeRolePolicyDocument = policy(
    {
      Sid: 'Service',
      Effect: 'Allow',
      Principal: { Service: 'ec2.amazonaws.com' },
      Action: 'sts:AssumeRole',
    },
    {
      Sid: 'Strangers',
      Effect: 'Allow',
      Principal: { AWS: '210987654321' },
      Action: 'sts:AssumeRole',
      Condition: { StringEquals: { 'sts:ExternalId': 'x' } },
    },
    { Effect: 'Allow', Principal: { AWS: direct.arn }, Action: 'sts:AssumeRole', Condition: MFA },
  )
  await world.call('iam', 'CreateRole', { RoleName: 'open', AssumeRolePolicyDocument })
  await world.call('iam', 'PutRolePolicy', {
    RoleName: 'open',
    PolicyName: 'delete',
    PolicyDocument: policy(DELETE),
  })
  const open = (await whoCan('delete', vaultArn)).find(({ PrincipalArn }) =>
    PrincipalArn.endsWith('role/open'),
  )
  assert.deepEqual(
    open?.Paths.map(({ FromType, From, Verdict, Steps }) => [
      FromType,
      From,
      Verdict,
      Steps.flatMap(({ Statements }) =>
        Statements.map(({ StatementId, Conditions }) => [StatementId, ...Conditions]),
      ),
    ]),
    [
      ['user', direct.arn, 'depends', [['#2', 'Bool aws:MultiFactorAuthPresent "true"']]],
      ['account', '210987654321', 'depends', [['Strangers', 'StringEquals sts:ExternalId "x"']]],
      ['service', 'ec2.amazonaws.com', 'depends', [['Service']]],
    ],
  )
  const { Notes } = await world.call('roleback', 'ListPrincipalsWhoCan', {
    Action: 'assume',
    ResourceArn: open?.PrincipalArn ?? '',
  })
  assert.deepEqual(Notes, [
    "From outside the account the role's trust policy admits service ec2.amazonaws.com, if its own side lets it",
    'From outside the account the role\'s trust policy admits account 210987654321 if StringEquals sts:ExternalId "x", if its own side lets it',
  ])
})

test('what stops everybody is told, whatever their rights: a lock, a hold, no lock at all', async () => {
  const locked = await makeVault(world, 'locked')
  const barred = async (Action: Asked, ResourceArn: string): Promise<string | undefined> =>
    (await world.call('roleback', 'ListPrincipalsWhoCan', { Action, ResourceArn })).Barred
  assert.equal(await barred('delete', locked), undefined)
  assert.match((await barred('unlock', locked)) ?? '', /is not locked/)
  await world.call('backup', 'PutBackupVaultLockConfiguration', {
    BackupVaultName: 'locked',
    MinRetentionDays: 1,
  })
  assert.equal(await barred('unlock', locked), undefined)
  await world.call('backup', 'DeleteBackupVaultLockConfiguration', { BackupVaultName: 'locked' })
  assert.equal(await barred('delete', pointArn), undefined)
  const { LegalHoldId = '' } = await world.call('backup', 'CreateLegalHold', {
    Title: 'case 1',
    Description: 'd',
    RecoveryPointSelection: { VaultNames: ['safe'] },
  })
  assert.match((await barred('delete', pointArn)) ?? '', /under legal hold "case 1"/)
  await world.call('backup', 'CancelLegalHold', { LegalHoldId, CancelDescription: 'd' })
  assert.match((await barred('delete', vaultArn)) ?? '', /holds 1 recovery point/)
})

test('R15 who can is for those who may simulate everybody, and a vault’s policy for those who may read it', async () => {
  const own = allow('roleback:ListPrincipalsWhoCan')
  const everybody = [`arn:aws:iam::${world.accountId}:user/*`, `arn:aws:iam::${world.accountId}:role/*`]
  const simulating = allow('iam:SimulatePrincipalPolicy', everybody)
  const ask = async (
    name: string,
    ResourceArn: string,
    ...statements: readonly object[]
  ): Promise<string> => {
    const { call } = await makeUser(world, name, statements)
    try {
      await call('roleback', 'ListPrincipalsWhoCan', { ResourceArn, Action: 'delete' })
      return 'answered'
    } catch (error) {
      if (!(error instanceof AwsError)) throw error
      return /perform: (\S+) on/.exec(error.message)?.[1] ?? error.code
    }
  }
  assert.equal(await ask('r1', keeper, own), 'iam:SimulatePrincipalPolicy')
  assert.equal(
    await ask('r2', keeper, own, allow('iam:SimulatePrincipalPolicy', keeper)),
    'iam:SimulatePrincipalPolicy',
  )
  const hidden = deny('iam:SimulatePrincipalPolicy', climber.arn)
  assert.equal(await ask('r3', keeper, own, simulating, hidden), 'iam:SimulatePrincipalPolicy')
  assert.equal(await ask('r4', keeper, own, simulating), 'answered')
  assert.equal(await ask('r5', vaultArn, own, simulating), 'backup:GetBackupVaultAccessPolicy')
  assert.equal(
    await ask('r6', vaultArn, own, simulating, allow('backup:GetBackupVaultAccessPolicy')),
    'answered',
  )
  assert.equal(await ask('r7', keeper, simulating), 'roleback:ListPrincipalsWhoCan')
})

test('what is not there, or cannot be done to it, is refused', async () => {
  const ask = async (Action: Asked, ResourceArn: string): Promise<unknown> =>
    await world.call('roleback', 'ListPrincipalsWhoCan', { Action, ResourceArn })
  const fails = (code: string) => (error: unknown) => error instanceof AwsError && error.code === code
  await assert.rejects(
    ask('delete', keeper.replace(world.accountId, '210987654321')),
    fails('AccessDeniedException'),
  )
  for (const arn of [`${vaultArn}x`, `${keeper}x`, `${pointArn}x`, 'x'])
    await assert.rejects(ask('delete', arn), fails('ResourceNotFoundException'))
  for (const [action, arn] of [
    ['restore', vaultArn],
    ['unlock', keeper],
    ['pass', pointArn],
  ] as const)
    await assert.rejects(ask(action, arn), fails('InvalidParameterValueException'))
})

test('the list comes in pages, the same whatever their size', async () => {
  const whole = await world.call('roleback', 'ListPrincipalsWhoCan', {
    Action: 'delete',
    ResourceArn: vaultArn,
  })
  const arns: string[] = []
  let NextToken: string | undefined
  do {
    const page = await world.call('roleback', 'ListPrincipalsWhoCan', {
      Action: 'delete',
      ResourceArn: vaultArn,
      MaxResults: 2,
      NextToken,
    })
    assert.ok(page.Principals.length <= 2)
    arns.push(...page.Principals.map(({ PrincipalArn }) => PrincipalArn))
    NextToken = page.NextToken
  } while (NextToken !== undefined)
  assert.deepEqual(
    arns,
    whole.Principals.map(({ PrincipalArn }) => PrincipalArn),
  )
})

test('one action, as policies name it, is asked about on whatever can be named', async () => {
  const short = verdicts(await whoCan('delete', vaultArn))
  assert.deepEqual(verdicts(await whoCan('backup:deletebackupvault', vaultArn)), short)
  await makeUser(world, 'copier', [
    when(allow('backup:CopyFromBackupVault', pointArn), {
      'ForAllValues:ArnEquals': { 'backup:CopyTargets': [vaultArn] },
    }),
    allow('s3:GetObject', 'arn:aws:s3:::photos/*'),
  ])
  const copiers = verdicts(await whoCan('backup:CopyFromBackupVault', pointArn))
  assert.deepEqual([copiers['copier'], copiers['root'], copiers['direct']], ['depends', 'allowed', undefined])
  const readers = verdicts(await whoCan('s3:GetObject', 'arn:aws:s3:::photos/2026/a.jpg'))
  assert.deepEqual([readers['copier'], readers['root']], ['allowed', 'allowed'])
  assert.equal(verdicts(await whoCan('s3:GetObject', 'arn:aws:s3:::other/a'))['copier'], undefined)
  const { Notes, Barred } = await world.call('roleback', 'ListPrincipalsWhoCan', {
    Action: 'backup:DeleteBackupVault',
    ResourceArn: vaultArn,
  })
  assert.match(Notes.join(), /backup:DeleteBackupVault alone that is asked about/)
  assert.match(Barred ?? '', /holds 1 recovery point/)
  for (const [action, arn, message] of [
    ['backup:DeleteRecoveryPoint', vaultArn, /is not asked for on .*, but on a recovery point$/],
    [
      'backup:DeleteBackupVault',
      tree.arn,
      /is not asked for on .*, but on arn:aws:backup:\*:\*:backup-vault:\*$/,
    ],
    ['backup:DeleteVault', vaultArn, /is no action of AWS or of this server/],
    ['sts:AssumeRole', keeper, /ask who can "assume" the role/],
    ['backup:DeleteBackupVault', `${vaultArn}x`, /^Cannot find /],
  ] as const)
    await assert.rejects(whoCan(action, arn), { message })
})

test('`roleback who-can` prints everybody with statements and paths', async () => {
  const env = {
    AWS_ENDPOINT_URL: world.url,
    AWS_ACCESS_KEY_ID: world.rootKey.accessKeyId,
    AWS_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
  }
  const told = await roleback(['who-can', 'safe', 'delete'], { env })
  assert.equal(told.code, 0, told.stderr)
  assert.match(
    told.stdout,
    /^Nobody can delete arn:\S+:backup-vault:safe as it stands: backup vault safe holds 1 recovery point\. By their rights 10 may: 7 outright, 3 under conditions$/m,
  )
  assert.match(
    told.stdout,
    /^user \S+user\/elsewhere, under conditions\n {2}backup:DeleteBackupVault on \S+: Allow #0 in own of \S+ if IpAddress aws:SourceIp "192\.0\.2\.0\/24"$/m,
  )
  assert.match(
    told.stdout,
    /^ {2}by user \S+climber -> entry -> keeper: Allow #0 in \S+role\/entry; Allow #0 in \S+keeper$/m,
  )
  const restorers = await roleback(['who-can', pointArn, 'restore'], { env })
  assert.match(
    restorers.stdout,
    /^user \S+user\/back\n {2}backup:StartRestoreJob on .*\n {2}only back into where it came from, for lack of elasticfilesystem:ClientMount on \S+: because no identity-based policy allows/m,
  )
  const acting = await roleback(['who-can', 'safe', 'backup:PutBackupVaultAccessPolicy'], { env })
  assert.match(acting.stdout, /^\d+ may backup:PutBackupVaultAccessPolicy arn:\S+:backup-vault:safe: /m)
  const wrong = await roleback(['who-can', 'safe', 'paint'], { env })
  assert.equal(wrong.code, 2)
})
