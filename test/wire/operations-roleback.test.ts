import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { callService } from '../../src/aws/client.ts'
import type { InputOf, OperationOf, OutputOf } from '../../src/aws/client.ts'
import { awsError } from '../fixtures/aws-error.ts'
import { EXPLAINED } from '../fixtures/denials.ts'
import {
  allow,
  backUpWell,
  jobEnd,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  registerDirectory,
  removeRole,
} from '../fixtures/world.ts'

/** Every operation of our own service, signed and typed like those of AWS: each changes something that is read back. */

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

async function call<O extends OperationOf<'roleback'>>(
  operation: O,
  input: InputOf<'roleback', O>,
  credentials = world.rootKey,
): Promise<OutputOf<'roleback', O>> {
  return await callService(world.url, credentials, world.region, 'roleback', operation, input)
}

test('DescribeServer says whose server it is', async () => {
  const server = await call('DescribeServer', {})
  assert.deepEqual(
    [server.AccountId, server.Region, server.ManagementAccountId],
    [world.accountId, world.region, world.accountId],
  )
  assert.match(server.ServerId, /^[0-9a-f-]{36}$/)
})

test('DescribeServer tells where the recovery kit lies to whoever may issue one, and while it is there', async () => {
  const seen = async (statements: Parameters<typeof makeUser>[2], name: string): Promise<unknown> => {
    const { key } = await makeUser(world, name, statements)
    const { IsRecoveryKitHere, RecoveryKitPath } = await call('DescribeServer', {}, key)
    return [IsRecoveryKitHere, RecoveryKitPath]
  }
  const path = (await call('DescribeServer', {})).RecoveryKitPath ?? ''
  assert.match(path, /recovery-kit\.txt$/)
  assert.deepEqual(await seen([allow(['roleback:*'])], 'no-kit'), [undefined, undefined])
  assert.deepEqual(await seen([allow(['roleback:*', 'iam:CreateAccessKey'])], 'kit'), [true, path])
  const { Events } = await call('LookupAuditEvents', { Effect: 'Deny' })
  assert.ok(!Events.some(({ PrincipalArn }) => PrincipalArn.endsWith('user/no-kit')))
  renameSync(path, `${path}.moved`)
  const moved = await call('DescribeServer', {})
  renameSync(`${path}.moved`, path)
  assert.deepEqual([moved.IsRecoveryKitHere, moved.RecoveryKitPath], [false, undefined])
})

test('ListPassableRoles tells the roles that its caller may pass to the service, and of no others', async () => {
  const [mine, bound] = await Promise.all(
    ['mine', 'bound', 'of-others'].map((name) => makeRole(world, name, {})),
  )
  assert.ok(mine !== undefined && bound !== undefined)
  const vault = `arn:aws:backup:${world.region}:${world.accountId}:backup-vault:some`
  const { key } = await makeUser(world, 'passer', [
    allow(['roleback:ListPassableRoles']),
    allow(['iam:PassRole'], [mine]),
    {
      ...allow(['iam:PassRole'], [bound]),
      Condition: { StringEquals: { 'iam:AssociatedResourceArn': vault } },
    },
  ])
  const told = async (AssociatedResourceArn?: string): Promise<unknown> => {
    const names: string[] = []
    let page: OutputOf<'roleback', 'ListPassableRoles'> | undefined
    do {
      const NextToken = page?.NextToken
      page = await call('ListPassableRoles', { AssociatedResourceArn, MaxResults: 1, NextToken }, key)
      names.push(...page.Roles.map(({ RoleName }) => RoleName))
    } while (page.NextToken !== undefined)
    return [names, page.DefaultRole]
  }
  assert.deepEqual(await told(), [['mine'], 'refused'])
  assert.deepEqual(await told(vault), [['bound', 'mine'], 'refused'])
  const own = { Effect: 'Allow', Principal: { AWS: world.accountId }, Action: 'sts:AssumeRole' }
  await world.call('iam', 'UpdateAssumeRolePolicy', {
    RoleName: 'mine',
    PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: [own] }),
  })
  assert.deepEqual(await told(), [[], 'refused'], 'it trusts the service no more')
  assert.equal((await call('ListPassableRoles', {})).DefaultRole, 'creatable')
})

test('CreateDefaultServiceRole makes the role once, with exactly two policies', async () => {
  const RoleName = 'AWSBackupDefaultServiceRole'
  const RoleArn = `arn:aws:iam::${world.accountId}:role/service-role/${RoleName}`
  assert.deepEqual(await call('CreateDefaultServiceRole', {}), { RoleArn, Created: true })
  const { DefaultRole, DefaultRoleArn } = await call('ListPassableRoles', {})
  assert.deepEqual([DefaultRole, DefaultRoleArn], ['passable', RoleArn])
  const { Role: made } = await world.call('iam', 'GetRole', { RoleName })
  assert.deepEqual(await call('CreateDefaultServiceRole', {}), { RoleArn, Created: false })
  const { Role } = await world.call('iam', 'GetRole', { RoleName })
  assert.deepEqual([Role.Arn, Role.RoleId], [RoleArn, made.RoleId])
  const { AttachedPolicies } = await world.call('iam', 'ListAttachedRolePolicies', { RoleName })
  assert.deepEqual(AttachedPolicies?.map((policy) => policy.PolicyName).toSorted(), [
    'AWSBackupServiceRolePolicyForBackup',
    'AWSBackupServiceRolePolicyForRestores',
  ])
})

test('R11 CreateDefaultServiceRole needs the rights that doing it by hand would take', async () => {
  const half = await makeUser(world, 'half', [
    allow(['roleback:*', 'iam:CreateRole', 'iam:AttachRolePolicy']),
  ])
  await assert.rejects(
    call('CreateDefaultServiceRole', {}, half.key),
    awsError('AccessDeniedException', 'iam:PassRole'),
  )
})

test('resources are registered, described, listed, changed and deregistered', async () => {
  const path = join(world.scratch, 'trees', 'docs')
  const moved = join(world.scratch, 'trees', 'moved')
  const restored = join(world.scratch, 'restored')
  for (const folder of [path, moved, restored]) mkdirSync(folder, { recursive: true })
  const input = {
    ResourceType: 'EFS' as const,
    Name: 'docs',
    Connection: { Path: path, RestoreRoot: restored },
    Tags: [{ Key: 'team', Value: 'web' }],
  }
  const { ResourceArn, ResourceId } = await call('RegisterResource', input)
  assert.match(ResourceArn, /:file-system\/fs-[0-9a-f]{17}$/)
  const { Resource } = await call('DescribeResource', { ResourceArn })
  assert.deepEqual(
    [Resource.ResourceId, Resource.Connection?.Path, Resource.Tags],
    [
      ResourceId,
      path,
      [
        { Key: 'Name', Value: 'docs' },
        { Key: 'team', Value: 'web' },
      ],
    ],
  )
  const { ResourceTagMappingList = [] } = await world.call('tagging', 'GetResources', {
    TagFilters: [{ Key: 'team', Values: ['web'] }],
  })
  assert.deepEqual(
    ResourceTagMappingList.map((each) => each.ResourceARN),
    [ResourceArn],
  )
  await assert.rejects(
    call('RegisterResource', input),
    awsError('InvalidParameterValueException', 'overlaps'),
  )
  await assert.rejects(
    call('RegisterResource', { ...input, Connection: { Path: moved }, Tags: [{ Key: 'aws:x', Value: '' }] }),
    awsError('InvalidParameterValueException', 'reserved'),
  )
  await call('UpdateResource', { ResourceArn, Connection: { Path: moved } })
  assert.deepEqual(await call('TestResource', { ResourceArn }), { ResourceArn, Warnings: [] })
  const changed = await call('DescribeResource', { ResourceArn })
  assert.deepEqual(
    [changed.Resource.Connection?.Path, changed.Resource.Connection?.RestoreRoot],
    [moved, restored],
  )
  const { arn } = await registerDirectory(world, 'more', () => undefined)
  const first = await call('ListResources', { ResourceType: 'EFS', MaxResults: 1 })
  assert.equal(first.Resources.length, 1)
  const second = await call('ListResources', {
    ResourceType: 'EFS',
    MaxResults: 1,
    NextToken: first.NextToken,
  })
  const listed = [...first.Resources, ...second.Resources].map((each) => each.ResourceArn)
  assert.deepEqual(listed.toSorted(), [arn, ResourceArn].toSorted())
  const named = await call('ListResources', { NameContains: 'MOR', ResourceType: 'EFS' })
  assert.deepEqual(
    named.Resources.map((each) => each.ResourceArn),
    [arn],
  )
  await call('DeregisterResource', { ResourceArn })
  await call('DeregisterResource', { ResourceArn: arn })
  assert.deepEqual((await call('ListResources', {})).Resources, [])
  for (const gone of ['DescribeResource', 'TestResource'] as const)
    await assert.rejects(call(gone, { ResourceArn }), awsError('ResourceNotFoundException', ResourceArn))
})

test('R7 the server’s own data, metadata addresses and its own port are never registered', async () => {
  const refused = async (input: InputOf<'roleback', 'RegisterResource'>, why: string) =>
    await assert.rejects(call('RegisterResource', input), awsError('InvalidParameterValueException', why))
  const directory = (Path: string) => ({ ResourceType: 'EFS' as const, Name: 'x', Connection: { Path } })
  await refused(directory(world.dataDir), "the server's own data")
  await refused(directory(join(world.dataDir, '..')), "the server's own data")
  await refused(directory('relative'), 'absolute path')
  const bucket = (Endpoint: string) => ({
    ResourceType: 'S3' as const,
    Name: 'bucket',
    Connection: { Endpoint, AccessKeyId: 'x' },
    Secret: 'y',
  })
  await refused(bucket('http://169.254.169.254'), 'link-local')
  await refused(bucket('http://[::ffff:169.254.169.254]'), 'link-local')
  await refused(bucket(world.url), "the server's own address")
})

test('R7 policies limit what may be registered by type, host, path and bucket', async () => {
  const path = join(world.scratch, 'allowed')
  mkdirSync(path, { recursive: true })
  const limited = await makeUser(world, 'limited', [
    {
      ...allow('roleback:RegisterResource'),
      Condition: {
        StringEquals: { 'roleback:ResourceType': 'EFS' },
        StringLike: { 'roleback:Path': `${path}*` },
      },
    },
  ])
  const input = { ResourceType: 'EFS' as const, Name: 'x', Connection: { Path: path } }
  const denied = awsError('AccessDeniedException', 'roleback:RegisterResource')
  await assert.rejects(
    call('RegisterResource', { ...input, Connection: { Path: world.scratch } }, limited.key),
    denied,
  )
  const { ResourceArn } = await call('RegisterResource', input, limited.key)
  await call('DeregisterResource', { ResourceArn })
})

test('a vault is verified, swept and exported by jobs whose record can be read', async () => {
  const BackupVaultName = 'jobs'
  await makeVault(world, BackupVaultName)
  const { arn: ResourceArn } = await registerDirectory(world, 'exported', (path) => {
    writeFileSync(join(path, 'a'), 'content')
  })
  const IamRoleArn = await makeRole(world, 'exporter', {
    managed: ['AWSBackupServiceRolePolicyForBackup', 'AWSBackupServiceRolePolicyForRestores'],
  })
  await backUpWell(world, { BackupVaultName, ResourceArn, IamRoleArn })
  const { BackupJobs = [] } = await world.call('backup', 'ListBackupJobs', { ByResourceArn: ResourceArn })
  const JobId = BackupJobs[0]?.BackupJobId ?? ''
  const { Job } = await call('DescribeJob', { JobId })
  assert.deepEqual(
    [Job.JobType, Job.State, Job.IamRoleArn, Job.ResourceArn],
    ['backup', 'COMPLETED', IamRoleArn, ResourceArn],
  )
  const { Decisions } = await call('ListJobDecisions', { JobId })
  assert.ok(
    Decisions.some(
      (each) =>
        each.Action === 'elasticfilesystem:Backup' &&
        each.Effect === 'Allow' &&
        each.ResourceArn === ResourceArn,
    ),
    JSON.stringify(Decisions),
  )
  for (const started of [
    await call('StartVerifyJob', { BackupVaultName }),
    await call('StartVerifyJob', { BackupVaultName, ReadData: false }),
    await call('StartRepairJob', { BackupVaultName, IamRoleArn }),
    await call('StartSweepJob', { BackupVaultName }),
  ]) {
    const job = await jobEnd(world, started.JobId)
    assert.deepEqual(
      [job.State, job.BackupVaultName],
      ['COMPLETED', BackupVaultName],
      job.StatusMessage ?? '',
    )
  }
  const { Vaults } = await call('ListVaultHealth', { BackupVaultName })
  assert.deepEqual(
    Vaults.map((one) => [one.BackupVaultName, one.DamagedObjectCount, one.DamagedRecoveryPoints]),
    [[BackupVaultName, 0, []]],
  )
  assert.deepEqual(
    [Vaults[0]?.LatestRepairState, Vaults[0]?.LastScrubEnded],
    ['COMPLETED', undefined],
    'it is too young to be scrubbed',
  )
  assert.ok((await call('ListVaultHealth', {})).Vaults.length >= 1)
  await assert.rejects(
    call('ListVaultHealth', { BackupVaultName: 'none' }),
    awsError('ResourceNotFoundException', '"none"'),
  )
  const TargetPath = join(world.scratch, 'export')
  const request = {
    BackupVaultName,
    Format: 'restic' as const,
    TargetPath,
    Password: 'correct horse',
    IamRoleArn,
  }
  const exported = await jobEnd(world, (await call('StartExportJob', request)).JobId)
  assert.equal(exported.State, 'COMPLETED', exported.StatusMessage ?? '')
  assert.ok(existsSync(join(TargetPath, 'config')))
  await assert.rejects(
    call('StartExportJob', { ...request, TargetPath: world.dataDir }),
    awsError('InvalidParameterValueException', "the server's own data directory"),
  )
  const { ResourceArn: into } = await call('RegisterResource', {
    ResourceType: 'EFS',
    Name: 'brought',
    Connection: { Path: mkdtempSync(join(world.scratch, 'brought-')) },
  })
  const imported = await jobEnd(
    world,
    (
      await call('StartImportJob', {
        BackupVaultName,
        ResourceArn: into,
        Format: 'restic',
        SourcePath: TargetPath,
        Password: 'correct horse',
        IamRoleArn,
        DeleteAfterDays: 30,
      })
    ).JobId,
  )
  assert.equal(imported.State, 'COMPLETED', imported.StatusMessage ?? '')
  const { RecoveryPoints: brought = [] } = await world.call('backup', 'ListRecoveryPointsByBackupVault', {
    BackupVaultName,
    ByResourceArn: into,
  })
  assert.deepEqual(
    brought.map(({ Status, Lifecycle }) => [Status, Lifecycle?.DeleteAfterDays]),
    [['COMPLETED', 30]],
  )
  await assert.rejects(
    call('StartImportJob', {
      BackupVaultName,
      ResourceArn: into,
      Format: 'restic',
      SourcePath: TargetPath,
      Password: 'correct horse',
      IamRoleArn,
      SnapshotIds: ['latest'],
    }),
    awsError('InvalidParameterValueException', 'SnapshotIds takes 8 to 64 hexadecimal digits'),
  )
  await removeRole(world, 'exporter')
  await assert.rejects(
    call('StartExportJob', request),
    awsError('InvalidParameterValueException', `IAM Role ${IamRoleArn} cannot be assumed by AWS Backup`),
  )
  await assert.rejects(
    call('StartRepairJob', { BackupVaultName, IamRoleArn }),
    awsError('InvalidParameterValueException', `IAM Role ${IamRoleArn} cannot be assumed by AWS Backup`),
  )
  await assert.rejects(
    call('StartVerifyJob', { BackupVaultName: 'none' }),
    awsError('ResourceNotFoundException', '"none"'),
  )
  await assert.rejects(call('DescribeJob', { JobId: 'none' }), awsError('ResourceNotFoundException', 'none'))
  await assert.rejects(call('StopJob', { JobId: 'none' }), awsError('ResourceNotFoundException', 'none'))
  await assert.rejects(
    call('StopJob', { JobId }),
    awsError('InvalidRequestException', 'backup:StopBackupJob'),
  )
  const vaultArn = `arn:aws:backup:us-east-1:${world.accountId}:backup-vault:${BackupVaultName}`
  const stopper = await makeUser(world, 'stopper', [
    { ...allow('roleback:StopJob', vaultArn), Condition: { StringEquals: { 'roleback:JobType': 'export' } } },
  ])
  await assert.rejects(
    stopper.call('roleback', 'StopJob', { JobId: exported.JobId }),
    awsError('InvalidRequestException', 'it is COMPLETED already'),
  )
  for (const other of [imported.JobId, JobId, 'none'])
    await assert.rejects(
      stopper.call('roleback', 'StopJob', { JobId: other }),
      awsError('AccessDeniedException', 'roleback:StopJob on resource'),
      'another kind of job, another resource, no job',
    )
})

test('GetAuthorizationDetails explains a refusal from its id, in its own account', async () => {
  const refused = await makeUser(world, 'refused')
  const { message } = await call('DescribeServer', {}, refused.key).then(
    () => assert.fail('it was allowed'),
    (error: unknown) => error as Error,
  )
  const AuthorizationId = EXPLAINED.exec(message)?.[1] ?? assert.fail(message)
  const { Authorization } = await call('GetAuthorizationDetails', { AuthorizationId })
  assert.deepEqual(
    [Authorization.PrincipalArn, Authorization.Action, Authorization.Layer],
    [refused.arn, 'roleback:DescribeServer', 'identity'],
  )
  await assert.rejects(
    call('GetAuthorizationDetails', { AuthorizationId: 'unknown' }),
    awsError('ResourceNotFoundException', '"unknown"'),
  )
})

test('the restore guard is read and changed', async () => {
  assert.deepEqual(await call('GetRestoreGuard', {}), { RestoreGuard: 'enforce' })
  const changed = await call('PutRestoreGuard', { RestoreGuard: 'warn' })
  assert.deepEqual(changed, { RestoreGuard: 'warn', Before: 'enforce' })
  assert.deepEqual(await call('GetRestoreGuard', {}), { RestoreGuard: 'warn' })
})
