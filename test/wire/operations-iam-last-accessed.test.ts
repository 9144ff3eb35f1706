import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { after, test } from 'node:test'
import {
  GenerateServiceLastAccessedDetailsCommand,
  GetServiceLastAccessedDetailsCommand,
  GetServiceLastAccessedDetailsWithEntitiesCommand,
  IAMClient,
  InvalidInputException,
  ListPoliciesGrantingServiceAccessCommand,
  NoSuchEntityException,
} from '@aws-sdk/client-iam'
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

/** What was last used, from the records of API calls and of jobs, in AWS's shapes. */

const world = await openWorld()
const { accessKeyId, secretAccessKey } = world.rootKey
const credentials = { accessKeyId, secretAccessKey }
const iam = new IAMClient({ endpoint: world.url, region: world.region, credentials })
after(async () => {
  iam.destroy()
  await world[Symbol.asyncDispose]()
})
await makeVault(world, 'safe')
const tree = await registerDirectory(world, 'tree', (path) => writeFileSync(`${path}/file`, 'x'))

type Level = 'SERVICE_LEVEL' | 'ACTION_LEVEL'

async function reportOf(Arn: string, Granularity: Level = 'SERVICE_LEVEL') {
  const { JobId } = await iam.send(new GenerateServiceLastAccessedDetailsCommand({ Arn, Granularity }))
  return await iam.send(new GetServiceLastAccessedDetailsCommand({ JobId }))
}

test('a role’s report has the services that it may use, and what its jobs used, down to actions', async () => {
  const role = await makeRole(world, 'worker', {
    statements: [
      allow([
        'backup:*',
        'elasticfilesystem:*',
        's3:GetObject',
        'elasticfilesystem:DescribeReplicationConfigurations',
      ]),
    ],
  })
  const before = Date.now()
  await backUpWell(world, { BackupVaultName: 'safe', ResourceArn: tree.arn, IamRoleArn: role })
  const report = await reportOf(role)
  assert.deepEqual(
    [report.JobStatus, report.JobType, report.IsTruncated],
    ['COMPLETED', 'SERVICE_LEVEL', false],
  )
  const services = report.ServicesLastAccessed ?? []
  assert.deepEqual(
    services.map((one) => [
      one.ServiceNamespace,
      one.ServiceName,
      one.LastAuthenticatedEntity,
      one.TotalAuthenticatedEntities,
    ]),
    [
      ['backup', 'AWS Backup', role, 1],
      ['elasticfilesystem', 'Amazon Elastic File System', role, 1],
      ['s3', 'Amazon S3', undefined, 0],
    ],
  )
  assert.ok((services[0]?.LastAuthenticated?.getTime() ?? 0) >= before - 1000)
  assert.equal(services[2]?.LastAuthenticated, undefined)
  assert.equal(services[0]?.TrackedActionsLastAccessed, undefined)
  const actions =
    (await reportOf(role, 'ACTION_LEVEL')).ServicesLastAccessed?.[1]?.TrackedActionsLastAccessed ?? []
  const used = new Map(actions.map((one) => [one.ActionName, one.LastAccessedEntity]))
  assert.equal(used.get('Backup'), role)
  assert.ok(
    used.has('DescribeReplicationConfigurations') &&
      used.get('DescribeReplicationConfigurations') === undefined,
  )
})

test('a user’s attempts count, refused ones too; a group’s and a policy’s are those of who has them', async () => {
  const ada = await makeUser(world, 'ada')
  await makeUser(world, 'bob')
  await world.call('iam', 'CreateGroup', { GroupName: 'ops' })
  const { Policy } = await world.call('iam', 'CreatePolicy', {
    PolicyName: 'looking',
    PolicyDocument: policy(allow('backup:List*')),
  })
  const PolicyArn = Policy?.Arn ?? ''
  await world.call('iam', 'AttachGroupPolicy', { GroupName: 'ops', PolicyArn })
  for (const UserName of ['ada', 'bob'])
    await world.call('iam', 'AddUserToGroup', { GroupName: 'ops', UserName })
  await ada.call('backup', 'ListBackupVaults', {})
  await assert.rejects(ada.call('backup', 'DescribeBackupVault', { BackupVaultName: 'safe' }))
  for (const Arn of [ada.arn, ada.arn.replace('user/ada', 'group/ops'), PolicyArn]) {
    const { ServicesLastAccessed = [] } = await reportOf(Arn)
    assert.deepEqual(
      ServicesLastAccessed.map((one) => [one.ServiceNamespace, one.LastAuthenticatedEntity]),
      [['backup', ada.arn]],
      Arn,
    )
  }
  const { JobId } = await iam.send(new GenerateServiceLastAccessedDetailsCommand({ Arn: PolicyArn }))
  const ask = (more: object) =>
    iam.send(
      new GetServiceLastAccessedDetailsWithEntitiesCommand({ JobId, ServiceNamespace: 'backup', ...more }),
    )
  const first = await ask({ MaxItems: 1 })
  const second = await ask({ MaxItems: 1, Marker: first.Marker })
  assert.deepEqual([first.IsTruncated, second.IsTruncated], [true, false])
  const entities = [...(first.EntityDetailsList ?? []), ...(second.EntityDetailsList ?? [])]
  assert.deepEqual(
    entities.map((one) => [one.EntityInfo?.Name, one.EntityInfo?.Type, one.LastAuthenticated !== undefined]),
    [
      ['ada', 'USER', true],
      ['bob', 'USER', false],
    ],
  )
  await assert.rejects(ask({ ServiceNamespace: 's3' }), InvalidInputException)
})

test('jobs and entities that are not there are not found', async () => {
  const JobId = '00000000-0000-4000-8000-000000000000'
  await assert.rejects(iam.send(new GetServiceLastAccessedDetailsCommand({ JobId })), NoSuchEntityException)
  const Arn = `arn:aws:iam::${world.accountId}:user/nobody`
  await assert.rejects(
    iam.send(new GenerateServiceLastAccessedDetailsCommand({ Arn })),
    NoSuchEntityException,
  )
  await assert.rejects(
    iam.send(new GenerateServiceLastAccessedDetailsCommand({ Arn: Arn.replace('user/', 'policy/') })),
    NoSuchEntityException,
  )
})

test('ListPoliciesGrantingServiceAccess names managed and inline policies, a user’s groups’ among them', async () => {
  const eve = await makeUser(
    world,
    'eve',
    [allow('s3:GetObject')],
    ['arn:aws:iam::aws:policy/AWSBackupFullAccess'],
  )
  await world.call('iam', 'CreateGroup', { GroupName: 'readers' })
  await world.call('iam', 'PutGroupPolicy', {
    GroupName: 'readers',
    PolicyName: 'read',
    PolicyDocument: policy(allow('s3:*'), { Effect: 'Deny', Action: 'rds:*', Resource: '*' }),
  })
  await world.call('iam', 'AddUserToGroup', { GroupName: 'readers', UserName: 'eve' })
  const { PoliciesGrantingServiceAccess = [], IsTruncated } = await iam.send(
    new ListPoliciesGrantingServiceAccessCommand({
      Arn: eve.arn,
      ServiceNamespaces: ['s3', 'backup', 'rds', 'sts'],
    }),
  )
  assert.equal(IsTruncated, false)
  const found = new Map(
    PoliciesGrantingServiceAccess.map(({ ServiceNamespace, Policies }) => [ServiceNamespace, Policies]),
  )
  assert.deepEqual(
    found
      .get('s3')
      ?.filter(({ PolicyType }) => PolicyType === 'INLINE')
      .toSorted((a, b) => `${a.EntityType}`.localeCompare(`${b.EntityType}`)),
    [
      { PolicyName: 'read', PolicyType: 'INLINE', EntityType: 'GROUP', EntityName: 'readers' },
      { PolicyName: 'own', PolicyType: 'INLINE', EntityType: 'USER', EntityName: 'eve' },
    ],
  )
  assert.deepEqual(
    found.get('backup')?.map((one) => [one.PolicyName, one.PolicyType, one.PolicyArn]),
    [['AWSBackupFullAccess', 'MANAGED', 'arn:aws:iam::aws:policy/AWSBackupFullAccess']],
  )
  assert.deepEqual(found.get('sts'), [])
})
