import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import { AwsError } from '../../src/aws/error.ts'
import { roleback } from '../fixtures/command-line.ts'
import { assertForeseen, checksOf, missingOf, preflightOf } from '../fixtures/preflight.ts'
import {
  ALL_RIGHTS,
  allow,
  backUp,
  backUpWell,
  decisionsOf,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  policy,
  registerDirectory,
  restore,
  setRights,
} from '../fixtures/world.ts'

/** Everything that is missing is answered at once, before anything runs; what is proposed makes the same call succeed. */

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())
const vaultArn = await makeVault(world, 'safe')
const tree = await registerDirectory(world, 'tree', (path) => writeFileSync(join(path, 'file'), 'x'))
const bare = await makeRole(world, 'bare', {
  trust: { Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' },
})
const full = await makeRole(world, 'full', { statements: [ALL_RIGHTS] })
const BACKUP = { Operation: 'StartBackupJob', BackupVaultName: 'safe' } as const

const arnOf = (type: string, name: string): string =>
  type === 's3' ? `arn:aws:s3:::${name}` : `arn:aws:rds:${world.region}:${world.accountId}:db:${name}`

/** Rows as registration writes them; nobody connects to them here. */
function register(arns: readonly string[], tags: Readonly<Record<string, string>> = {}): void {
  const db = new DatabaseSync(join(world.dataDir, 'roleback.db'))
  db.exec('pragma busy_timeout = 10000; begin immediate')
  const add = db.prepare(
    `insert into resource (account_id, region, arn, unique_id, type, name, settings, secret, version, created_at, created_by)
     values (?, ?, ?, ?, ?, ?, '{}', null, 1, 0, 'test')`,
  )
  const tag = db.prepare('insert into tag (account_id, arn, key, value) values (?, ?, ?, ?)')
  for (const arn of arns) {
    const [type, name] = arn.startsWith('arn:aws:s3')
      ? ['S3', arn.slice(13)]
      : ['RDS', arn.split(':').at(-1) ?? '']
    add.run(world.accountId, world.region, arn, `unique ${arn}`, type, name)
    for (const [key, value] of Object.entries(tags)) tag.run(world.accountId, arn, key, value)
  }
  db.exec('commit')
  db.close()
}

test('caller, PassRole, trust and every step are answered at once, and the changes that are proposed are enough', async () => {
  const caller = await makeUser(world, 'nobody', [
    allow('roleback:PreflightJobs'),
    allow('iam:SimulatePrincipalPolicy', bare),
  ])
  const ask = { ...BACKUP, IamRoleArn: bare, ResourceArns: [tree.arn], DeleteAfterDays: 7 }
  const found = await caller.call('roleback', 'PreflightJobs', ask)
  assert.equal(found.Verdict, 'denied')
  const point = `arn:aws:backup:${world.region}:${world.accountId}:recovery-point:*`
  assert.deepEqual(
    checksOf(found).map((one) => [one.Layer, one.Action, one.ResourceArn, one.Verdict]),
    [
      ['caller', 'backup:StartBackupJob', vaultArn, 'denied'],
      ['passrole', 'iam:PassRole', bare, 'denied'],
      ['trust', 'sts:AssumeRole', bare, 'denied'],
      ['job', 'backup:DescribeBackupVault', vaultArn, 'denied'],
      ['job', 'elasticfilesystem:DescribeTags', tree.arn, 'denied'],
      ['job', 'backup:TagResource', point, 'denied'],
      ['job', 'elasticfilesystem:Backup', tree.arn, 'denied'],
      ['expiry', 'backup:DeleteRecoveryPoint', point, 'denied'],
    ],
  )
  for (const { Change, PolicyType, TargetArn = '', PolicyDocuments } of found.Changes) {
    const [PolicyDocument = '', ...further] = PolicyDocuments
    assert.deepEqual([Change, further], ['add', []])
    const name = TargetArn.split('/').at(-1) ?? ''
    if (PolicyType === 'trust') {
      await world.call('iam', 'UpdateAssumeRolePolicy', { RoleName: name, PolicyDocument })
    } else if (TargetArn.includes(':user/')) {
      await world.call('iam', 'PutUserPolicy', { UserName: name, PolicyName: 'more', PolicyDocument })
    } else await world.call('iam', 'PutRolePolicy', { RoleName: name, PolicyName: 'more', PolicyDocument })
  }
  const again = await caller.call('roleback', 'PreflightJobs', ask)
  assert.deepEqual([again.Verdict, again.MissingCount, again.Changes], ['allowed', 0, []])
  const job = await backUp(
    world,
    { BackupVaultName: 'safe', ResourceArn: tree.arn, IamRoleArn: bare },
    caller.call,
  )
  assert.equal(job.State, 'COMPLETED', job.StatusMessage ?? '')
})

test('a default role that is not there is checked as it will be, for who asks so, with what making it takes', async () => {
  const IamRoleArn = `arn:aws:iam::${world.accountId}:role/service-role/AWSBackupDefaultServiceRole`
  const ask = { ...BACKUP, IamRoleArn, ResourceArns: [tree.arn], Include: 'all' } as const
  const codes = (await world.call('roleback', 'PreflightJobs', ask)).Findings.map(({ Code }) => Code)
  assert.deepEqual(codes, ['NoSuchRole'])
  const before = await world.call('roleback', 'PreflightJobs', { ...ask, WithDefaultRole: true })
  assert.deepEqual([before.Verdict, before.Findings], ['allowed', []])
  const passer = await makeUser(world, 'passer', [
    allow('roleback:PreflightJobs'),
    allow('backup:StartBackupJob'),
    allow('iam:PassRole', IamRoleArn),
    allow('iam:CreateRole', IamRoleArn),
  ])
  const asked = await passer.call('roleback', 'PreflightJobs', { ...ask, WithDefaultRole: true })
  assert.deepEqual(
    checksOf(asked)
      .filter(({ Verdict }) => Verdict !== 'allowed')
      .map(({ Layer, Action }) => [Layer, Action]),
    [
      ['caller', 'iam:AttachRolePolicy'],
      ['caller', 'iam:AttachRolePolicy'],
    ],
  )
  await world.call('roleback', 'CreateDefaultServiceRole', {})
  const made = await world.call('roleback', 'PreflightJobs', ask)
  assert.equal(made.Verdict, 'allowed')
  assert.deepEqual(
    checksOf(made).filter(({ Layer }) => Layer !== 'caller'),
    checksOf(before).filter(({ Layer }) => Layer !== 'caller'),
    'what was foreseen is so',
  )
})

test('a preflight writes no denial, neither its own nor for the caller, and is recorded itself', async () => {
  const [before] = world.rows<{ n: number }>('select count(*) as n from denial')
  const [lastAudit] = world.rows<{ seq: number }>('select max(seq) as seq from audit')
  const caller = await makeUser(world, 'asker', [allow('roleback:PreflightJobs')])
  const found = await caller.call('roleback', 'PreflightJobs', {
    ...BACKUP,
    IamRoleArn: full,
    ResourceArns: [tree.arn],
  })
  assert.equal(found.Verdict, 'denied')
  assert.deepEqual(world.rows<{ n: number }>('select count(*) as n from denial'), [before])
  const records = world.rows<{ action: string; effect: string }>(
    'select action, effect from audit where seq > ? and principal_arn = ?',
    lastAudit?.seq ?? 0,
    caller.arn,
  )
  assert.deepEqual(
    records.map((one) => ({ ...one })),
    [{ action: 'roleback:PreflightJobs', effect: 'Allow' }],
  )
})

test('R15 who may neither pass nor simulate a role is told nothing about it, not even whether it exists', async () => {
  const caller = await makeUser(world, 'stranger', [
    allow('roleback:PreflightJobs'),
    allow('backup:StartBackupJob'),
  ])
  const ask = async (IamRoleArn: string): Promise<unknown> => {
    const found = await caller.call('roleback', 'PreflightJobs', {
      ...BACKUP,
      IamRoleArn,
      ResourceArns: [tree.arn],
      Include: 'all',
    })
    return JSON.parse(JSON.stringify(found).replaceAll(IamRoleArn, 'ROLE'))
  }
  const known = (await ask(full)) as {
    Findings: { Code: string }[]
    Checks: { Layer: string }[]
    Resources: { Checks: object[] }[]
  }
  assert.deepEqual(
    known.Findings.map(({ Code }) => Code),
    ['RoleHidden'],
  )
  assert.deepEqual(
    known.Checks.map(({ Layer }) => Layer),
    ['caller', 'passrole'],
  )
  assert.deepEqual(
    known.Resources.map(({ Checks }) => Checks),
    [[]],
  )
  assert.deepEqual(await ask(full.replace('full', 'never-was')), known)
  for (const right of [allow('iam:PassRole', full), allow('iam:SimulatePrincipalPolicy', full)]) {
    await world.call('iam', 'PutUserPolicy', {
      UserName: 'stranger',
      PolicyName: 'more',
      PolicyDocument: policy(right),
    })
    const { Findings, Checks } = await caller.call('roleback', 'PreflightJobs', {
      ...BACKUP,
      IamRoleArn: full,
      ResourceArns: [tree.arn],
      Include: 'all',
    })
    assert.deepEqual([Findings.length, Checks.length], [0, 3])
  }
  const without = await makeUser(world, 'without', [allow('iam:*'), allow('backup:*')])
  await assert.rejects(
    without.call('roleback', 'PreflightJobs', { ...BACKUP, IamRoleArn: full, ResourceArns: [tree.arn] }),
    (error: unknown) => error instanceof AwsError && error.status === 403,
  )
})

test('what is not there, lies elsewhere, is opted out or leads nowhere is found beside the rights', async () => {
  const database = arnOf('rds', 'orders')
  register([database])
  await world.call('backup', 'UpdateRegionSettings', { ResourceTypeOptInPreference: { RDS: false } })
  const ResourceArns = [
    arnOf('rds', 'absent'),
    `arn:aws:rds:eu-west-1:${world.accountId}:db:far`,
    `arn:aws:rds:${world.region}:999999999999:db:theirs`,
    `arn:aws:ec2:${world.region}:${world.accountId}:volume/vol-1`,
    'orders',
    database,
    tree.arn,
  ]
  const found = await preflightOf(world, {
    ...BACKUP,
    BackupVaultName: 'nowhere',
    IamRoleArn: full,
    ResourceArns,
  })
  await world.call('backup', 'UpdateRegionSettings', { ResourceTypeOptInPreference: { RDS: true } })
  assert.equal(found.Verdict, 'denied')
  assert.deepEqual(
    found.Findings.map(({ Code }) => Code),
    ['NoSuchVault'],
  )
  assert.deepEqual(
    found.Resources.map(({ Findings }) => Findings.map(({ Code }) => Code).join()),
    ['NotRegistered', 'OtherRegion', 'OtherAccount', 'UnknownResourceType', 'NotAnArn', 'NotOptedIn', ''],
  )
  assert.deepEqual(found.MissingCount, 0)
  const none = await preflightOf(world, {
    ...BACKUP,
    IamRoleArn: full,
    ResourceArns: ['arn:aws:rds:*:*:db:no-such-*'],
  })
  assert.deepEqual(
    none.Findings.map(({ Code }) => Code),
    ['NothingSelected'],
  )
  const noRole = await preflightOf(world, { ...BACKUP, IamRoleArn: `${full}x`, ResourceArns: [tree.arn] })
  assert.deepEqual(
    noRole.Findings.map(({ Code }) => Code),
    ['NoSuchRole'],
  )
})

test('rights on some objects only, or under conditions on their tags, depend on what the job finds', async () => {
  const bucket = arnOf('s3', 'photos')
  register([bucket])
  const role = await makeRole(world, 'photographer', { statements: [ALL_RIGHTS] })
  const ask = async (...statements: readonly object[]): Promise<string> => {
    await setRights(world, 'photographer', ...statements)
    const found = await preflightOf(world, { ...BACKUP, IamRoleArn: role, ResourceArns: [bucket] })
    const [read] = checksOf(found).filter(({ Step }) => Step === 'ReadObject')
    assert.equal(read?.ResourceArn, 'arn:aws:s3:::photos/*')
    assert.equal(found.Verdict === 'allowed', found.MissingCount === 0)
    return `${found.Verdict}: ${missingOf(found).join()} ${read.Keys.join()}`.trim()
  }
  const but = (action: string): object => ({ Effect: 'Allow', NotAction: action, Resource: '*' })
  const deny = (Resource: string, Condition: object = {}): object => ({
    Effect: 'Deny',
    Action: 's3:GetObject',
    Resource,
    Condition,
  })
  const secret = { StringEquals: { 's3:ExistingObjectTag/secret': 'yes' } }
  assert.equal(await ask(ALL_RIGHTS), 'allowed:')
  assert.equal(await ask(but('s3:GetObject')), 'denied: s3:GetObject arn:aws:s3:::photos/*')
  assert.equal(await ask(but('s3:GetObject'), allow('s3:GetObject', `${bucket}/*`)), 'allowed:')
  assert.equal(
    await ask(but('s3:GetObject'), allow('s3:GetObject', `${bucket}/2026/*`)),
    'depends: s3:GetObject arn:aws:s3:::photos/*',
  )
  assert.equal(
    await ask(ALL_RIGHTS, deny(`${bucket}/private/*`)),
    'depends: s3:GetObject arn:aws:s3:::photos/*',
  )
  assert.equal(
    await ask(ALL_RIGHTS, deny('*', secret)),
    'depends: s3:GetObject arn:aws:s3:::photos/* s3:ExistingObjectTag/secret',
  )
  assert.equal(await ask(ALL_RIGHTS, deny('arn:aws:s3:::other/*', secret)), 'allowed:')
})

test('tags of the resource, the boundary and explicit denies count as they do for the job', async () => {
  const role = await makeRole(world, 'tagged', { statements: [ALL_RIGHTS] })
  await world.call('tagging', 'TagResources', { ResourceARNList: [tree.arn], Tags: { stage: 'prod' } })
  const boundary = policy(allow(['elasticfilesystem:*', 'backup:*']))
  const { Policy } = await world.call('iam', 'CreatePolicy', { PolicyName: 'edge', PolicyDocument: boundary })
  const ask = async (): Promise<string> => {
    const found = await preflightOf(world, { ...BACKUP, IamRoleArn: role, ResourceArns: [tree.arn] })
    return `${missingOf(found)
      .map((one) => one.split(' ')[0])
      .join()} ${found.Changes.map(({ Change, PolicyType }) => `${Change} ${PolicyType}`).join()}`
  }
  const prod = { StringEquals: { 'aws:ResourceTag/stage': 'prod' } }
  await setRights(world, 'tagged', {
    ...ALL_RIGHTS,
    Condition: { StringEquals: { 'aws:ResourceTag/stage': 'test' } },
  })
  assert.equal(
    await ask(),
    'backup:DescribeBackupVault,elasticfilesystem:DescribeTags,backup:TagResource,elasticfilesystem:Backup add identity',
  )
  await setRights(world, 'tagged', ALL_RIGHTS, {
    Effect: 'Deny',
    Action: 'elasticfilesystem:Backup',
    Resource: '*',
    Condition: prod,
  })
  assert.equal(await ask(), 'elasticfilesystem:Backup remove identity')
  await setRights(world, 'tagged', ALL_RIGHTS)
  await world.call('iam', 'PutRolePermissionsBoundary', {
    RoleName: 'tagged',
    PermissionsBoundary: Policy?.Arn ?? '',
  })
  assert.equal(await ask(), ' ')
  await world.call('iam', 'CreatePolicyVersion', {
    PolicyArn: Policy?.Arn ?? '',
    PolicyDocument: policy(allow('backup:*')),
    SetAsDefault: true,
  })
  assert.equal(await ask(), 'elasticfilesystem:DescribeTags,elasticfilesystem:Backup add boundary')
})

test('restores: metadata, the way to the target, copied tags and every step', async () => {
  const RecoveryPointArn = await backUpWell(world, {
    BackupVaultName: 'safe',
    ResourceArn: tree.arn,
    IamRoleArn: full,
  })
  const ask = {
    Operation: 'StartRestoreJob',
    IamRoleArn: full,
    RecoveryPointArns: [RecoveryPointArn],
  } as const
  const Metadata = { 'file-system-id': tree.arn.split('/').at(-1) ?? '', newFileSystem: 'true' }
  const codes = async (input: object): Promise<string> => {
    const { Resources } = await preflightOf(world, { ...ask, ...input })
    return Resources.flatMap(({ Findings }) => Findings.map(({ Code }) => Code)).join()
  }
  assert.equal(await codes({}), 'BadMetadata')
  assert.equal(await codes({ Metadata: { ...Metadata, colour: 'red' } }), 'BadMetadata')
  assert.equal(
    await codes({ Metadata: { ...Metadata, newFileSystem: 'false', 'file-system-id': 'fs-none' } }),
    'BadMetadata',
  )
  assert.equal(await codes({ RecoveryPointArns: [`${RecoveryPointArn}0`] }), 'NoSuchRecoveryPoint')
  for (const isNew of [true, false]) {
    const input = {
      ...ask,
      Metadata: { ...Metadata, newFileSystem: String(isNew) },
      CopySourceTagsToRestoredResource: true,
    }
    const foreseen = await preflightOf(world, input)
    assert.equal(foreseen.Verdict, 'allowed')
    const { RestoreJobId = '', Status, StatusMessage } = await restore(world, { ...input, RecoveryPointArn })
    assert.equal(Status, 'COMPLETED', StatusMessage ?? '')
    await assertForeseen(world, foreseen, RestoreJobId)
    const asked = new Set((await decisionsOf(world, RestoreJobId)).map(({ Action }) => Action))
    assert.equal(asked.has('elasticfilesystem:CreateFileSystem'), isNew)
  }

  /** What a worker says of the target, the last of it in words. */
  const target = async (more: object, IamRoleArn: string = full): Promise<string> => {
    const answer = await preflightOf(world, {
      ...ask,
      IamRoleArn,
      Metadata: { ...Metadata, ...more },
      CheckTarget: true,
    })
    const checks = answer.Resources[0]?.TargetChecks ?? []
    assert.equal(
      answer.Verdict === 'denied',
      checks.some(({ Answer }) => Answer === 'no'),
    )
    return `${checks.map(({ Answer }) => Answer).join(' ')}: ${checks.at(-1)?.Name}: ${checks.at(-1)?.Message}`
  }
  const before = readdirSync(tree.restoreRoot)
  assert.match(
    await target({}),
    /^yes yes yes yes yes yes yes yes yes: Space: 1 bytes at most are to be written, and \d+ bytes are free in/,
  )
  assert.match(await target({ newFileSystem: 'false' }), /^(?:yes ?){9}: Space/)
  assert.match(
    await target({ CreationToken: '../out' }),
    / no: Restore metadata: CreationToken "..\/out" cannot name/,
  )
  mkdirSync(join(tree.restoreRoot, 'taken'))
  assert.match(
    await target({ CreationToken: 'taken' }),
    / no: Target: .*something of that name is there already$/,
  )
  assert.match(
    await target({ newFileSystem: 'maybe' }),
    / no: Restore metadata: Restore metadata newFileSystem is "maybe"/,
  )
  assert.match(
    await target({}, bare),
    /^no: Rights: \d+ are missing: without them the target is not looked at$/,
  )
  chmodSync(tree.restoreRoot, 0o500)
  try {
    if (process.getuid?.() !== 0) assert.match(await target({}), / no: Target: Cannot make a directory in /)
  } finally {
    chmodSync(tree.restoreRoot, 0o755)
  }
  assert.deepEqual(
    readdirSync(tree.restoreRoot).toSorted(),
    [...before, 'taken'].toSorted(),
    'nothing was made',
  )
  await assert.rejects(
    preflightOf(world, { ...BACKUP, IamRoleArn: full, ResourceArns: [tree.arn], CheckTarget: true }),
    /CheckTarget is for a preflight of StartRestoreJob/,
  )
})

test('R16 restores: what the guard will ask of the caller is missing, told of, or allowed, as the guard has it', async () => {
  const point = await backUpWell(world, {
    BackupVaultName: 'safe',
    ResourceArn: tree.arn,
    IamRoleArn: full,
  })
  const rights = [allow('roleback:PreflightJobs'), allow('backup:StartRestoreJob'), allow('iam:PassRole')]
  const caller = await makeUser(world, 'unreading', rights)
  const ask = async (): Promise<readonly string[]> => {
    const found = await caller.call('roleback', 'PreflightJobs', {
      Operation: 'StartRestoreJob',
      IamRoleArn: full,
      RecoveryPointArns: [point],
      Metadata: { 'file-system-id': 'fs-1', newFileSystem: 'true' },
      Include: 'all',
    })
    const guard = checksOf(found).filter(({ Layer }) => Layer === 'guard')
    // What the guard keeps from somebody is not proposed to him like what was forgotten.
    for (const { Where } of guard.flatMap(({ Proposals }) => Proposals))
      assert.match(Where, /, if who answers for what was backed up agrees/)
    return [found.Verdict, ...guard.map((one) => `${one.Action} ${one.Verdict} ${one.Optional}`)]
  }
  assert.deepEqual(await ask(), ['denied', 'elasticfilesystem:ClientMount denied false'])
  await world.call('roleback', 'PutRestoreGuard', { RestoreGuard: 'warn' })
  assert.deepEqual(await ask(), ['allowed', 'elasticfilesystem:ClientMount denied true'])
  await world.call('roleback', 'PutRestoreGuard', { RestoreGuard: 'off' })
  assert.deepEqual(await ask(), ['allowed'])
  await world.call('roleback', 'PutRestoreGuard', { RestoreGuard: 'enforce' })
  const PolicyDocument = policy(...rights, allow('elasticfilesystem:ClientMount', tree.arn))
  await world.call('iam', 'PutUserPolicy', { UserName: 'unreading', PolicyName: 'own', PolicyDocument })
  assert.deepEqual(await ask(), ['allowed', 'elasticfilesystem:ClientMount allowed false'])
})

test('copies ask for both sides', async () => {
  const point = await backUpWell(world, { BackupVaultName: 'safe', ResourceArn: tree.arn, IamRoleArn: full })
  await makeVault(world, 'far')
  const role = await makeRole(world, 'copier', { statements: [allow('backup:CopyFromBackupVault')] })
  const DestinationBackupVaultArn = vaultArn.replace('safe', 'far')
  const found = await preflightOf(world, {
    Operation: 'StartCopyJob',
    IamRoleArn: role,
    RecoveryPointArns: [point],
    DestinationBackupVaultArn,
  })
  assert.deepEqual(missingOf(found), [`backup:CopyIntoBackupVault ${DestinationBackupVaultArn}`])
  assert.ok(
    checksOf(found).some(
      (one) => one.Layer === 'caller' && one.Action === 'backup:StartCopyJob' && one.ResourceArn === point,
    ),
  )
})

test('selections: the plan’s vaults and retentions, discovery, and a warning where a wildcard makes tags moot', async () => {
  await makeVault(world, 'weekly')
  const { BackupPlanId = '' } = await world.call('backup', 'CreateBackupPlan', {
    BackupPlan: {
      BackupPlanName: 'both',
      Rules: [
        { RuleName: 'daily', TargetBackupVaultName: 'safe' },
        { RuleName: 'weekly', TargetBackupVaultName: 'weekly', Lifecycle: { DeleteAfterDays: 30 } },
      ],
    },
  })
  const role = await makeRole(world, 'planned', { statements: [allow('elasticfilesystem:*')] })
  const found = await preflightOf(world, {
    Operation: 'CreateBackupSelection',
    BackupPlanId,
    IamRoleArn: role,
    BackupSelection: {
      Resources: ['*'],
      NotResources: ['arn:aws:rds:*', 'arn:aws:s3:*'],
      ListOfTags: [{ ConditionType: 'STRINGEQUALS', ConditionKey: 'stage', ConditionValue: 'prod' }],
    },
  })
  assert.ok(found.Resources.some(({ ResourceArn }) => ResourceArn === tree.arn))
  assert.deepEqual(
    found.Findings.map(({ Code }) => Code),
    ['TagsWithoutEffect'],
  )
  const point = `arn:aws:backup:${world.region}:${world.accountId}:recovery-point:*`
  assert.deepEqual(missingOf(found).toSorted(), [
    `backup:DeleteRecoveryPoint ${point}`,
    `backup:DescribeBackupVault ${vaultArn}`,
    `backup:DescribeBackupVault ${vaultArn.replace('safe', 'weekly')}`,
    `backup:TagResource ${point}`,
    'tag:GetResources *',
  ])
  assert.deepEqual(
    checksOf(found)
      .filter(({ Layer }) => Layer === 'caller')
      .map(({ Action, ResourceArn }) => [Action, ResourceArn.includes(BackupPlanId)]),
    [['backup:CreateBackupSelection', true]],
  )
  await assert.rejects(
    preflightOf(world, {
      Operation: 'CreateBackupSelection',
      BackupPlanId: 'none',
      IamRoleArn: role,
      ResourceArns: [tree.arn],
    }),
    (error: unknown) => error instanceof AwsError && error.code === 'ResourceNotFoundException',
  )
})

test('many resources are looked at page by page, and what is about all of them stands on the first page', async () => {
  const notYetThere = `arn:aws:s3:::not-registered`
  const input = {
    ...BACKUP,
    IamRoleArn: full,
    ResourceArns: [notYetThere],
    BackupSelection: { Resources: ['*'] },
    Include: 'all',
  } as const
  const whole = await preflightOf(world, input)
  assert.ok(whole.ResourceCount > 2)
  const pages: Awaited<ReturnType<typeof preflightOf>>[] = []
  let NextToken: string | undefined
  do {
    const page = await preflightOf(world, { ...input, MaxResults: 1, NextToken })
    pages.push(page)
    NextToken = page.NextToken
  } while (NextToken !== undefined)
  assert.deepEqual(
    pages.map(({ ResourceCount }) => ResourceCount),
    pages.map(() => 1),
  )
  assert.deepEqual(
    pages.flatMap(({ Resources }) => Resources),
    whole.Resources,
  )
  assert.deepEqual(pages[0]?.Checks, whole.Checks)
  assert.ok(pages.slice(1).every(({ Checks, Findings }) => Checks.length + Findings.length === 0))
  const sum = (of: 'CheckCount' | 'MissingCount'): number => pages.reduce((all, page) => all + page[of], 0)
  assert.deepEqual([sum('CheckCount'), sum('MissingCount')], [whole.CheckCount, whole.MissingCount])

  const refused = await makeUser(world, 'no-passer', [
    allow('roleback:PreflightJobs'),
    allow('backup:StartBackupJob'),
  ])
  for (const page of pages.slice(0, -1)) {
    const { NextToken } = page
    const { Verdict } = await refused.call('roleback', 'PreflightJobs', {
      ...input,
      MaxResults: 1,
      NextToken,
    })
    assert.equal(Verdict, 'denied', 'passing the role decides on each page')
  }
  await assert.rejects(
    preflightOf(world, { ...input, NextToken: 'made up' }),
    (error: unknown) => error instanceof AwsError && error.code === 'InvalidParameterValueException',
  )
})

test('what a preflight needs and does not get is named', async () => {
  for (const input of [
    { ...BACKUP },
    { Operation: 'StartBackupJob', ResourceArns: [tree.arn] },
    { Operation: 'StartRestoreJob' },
    { Operation: 'StartCopyJob', RecoveryPointArns: [tree.arn] },
    { ...BACKUP, BackupSelection: {} },
  ] as const) {
    await assert.rejects(
      preflightOf(world, { IamRoleArn: full, ...input }),
      (error: unknown) => error instanceof AwsError && error.code === 'InvalidParameterValueException',
    )
  }
})

test('`roleback preflight` prints what is missing, why, and the policies to add; it ends with 1 then', async () => {
  await makeRole(world, 'half', { statements: [allow('elasticfilesystem:*')] })
  const env = {
    AWS_ENDPOINT_URL: world.url,
    AWS_ACCESS_KEY_ID: world.rootKey.accessKeyId,
    AWS_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
  }
  const args = ['preflight', 'backup', tree.arn, '--role', 'half', '--vault', 'safe']
  const told = await roleback(args, { env })
  assert.equal(told.code, 1, told.stderr)
  assert.match(told.stdout, /^2 of 7 checks for 1 resource are not allowed$/m)
  assert.match(
    told.stdout,
    /^MISSING +job +TagRecoveryPoint +backup:TagResource +arn:aws:backup:.*:recovery-point:\*$/m,
  )
  assert.match(
    told.stdout,
    /^ {2}backup:TagResource: because no identity-based policy allows the backup:TagResource action$/m,
  )
  const [, document = ''] = /^Add to an identity policy of .*\/half:\n([\s\S]*)$/m.exec(told.stdout) ?? []
  await world.call('iam', 'PutRolePolicy', { RoleName: 'half', PolicyName: 'rest', PolicyDocument: document })
  const again = await roleback([...args, '--all', '--json'], { env })
  assert.equal(again.code, 0, again.stderr)
  assert.equal(JSON.parse(again.stdout).Verdict, 'allowed')
})

test('5,000 resources are answered at once, with every right and with none', async (t) => {
  const arns = Array.from({ length: 5_000 }, (_, i) => arnOf('rds', `bulk-${i}`))
  register(arns, { stage: 'prod' })
  for (const [role, verdict] of [
    [full, 'allowed'],
    [await makeRole(world, 'nothing', {}), 'denied'],
  ] as const) {
    const found = await world.call('roleback', 'PreflightJobs', {
      ...BACKUP,
      IamRoleArn: role,
      ResourceArns: ['arn:aws:rds:*:db:bulk-*'],
      DeleteAfterDays: 7,
    })
    const line = world.lines.findLast((one) => one.includes('"PreflightJobs"')) ?? '{}'
    t.diagnostic(
      `${found.CheckCount} checks, ${verdict}: ${(JSON.parse(line) as { ms?: number }).ms} ms in the server`,
    )
    assert.deepEqual([found.ResourceCount, found.Verdict], [5_000, verdict])
    assert.equal(found.CheckCount, 5_000 * 7 + 3)
  }
})
