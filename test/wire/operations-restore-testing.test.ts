import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { after, test } from 'node:test'
import {
  CreateRestoreTestingPlanCommand,
  CreateRestoreTestingSelectionCommand,
  DeleteRestoreTestingPlanCommand,
  DeleteRestoreTestingSelectionCommand,
  GetRestoreTestingInferredMetadataCommand,
  GetRestoreTestingPlanCommand,
  GetRestoreTestingSelectionCommand,
  ListRestoreTestingPlansCommand,
  ListRestoreTestingSelectionsCommand,
  ListTagsCommand,
  UpdateRestoreTestingPlanCommand,
  UpdateRestoreTestingSelectionCommand,
  paginateListRestoreTestingPlans,
  paginateListRestoreTestingSelections,
} from '@aws-sdk/client-backup'
import type { RestoreTestingPlanForCreate, RestoreTestingSelectionForCreate } from '@aws-sdk/client-backup'
import { awsError } from '../fixtures/aws-error.ts'
import { allow, backUpWell, makeRole, makeUser, makeVault, registerDirectory } from '../fixtures/world.ts'
import { sdkError, startTestServer } from '../server.ts'

/** Restore testing plans and selections through the SDK. */

const server = await startTestServer({ isGuarded: true })
after(() => server[Symbol.asyncDispose]())
const { world } = server
const { backup } = server.clients
const roleArn = await makeRole(world, 'tester', { statements: [allow('*')] })
const otherRole = await makeRole(world, 'other-tester', { statements: [allow('*')] })
const place = `${world.region}:${world.accountId}`

const plan = (
  RestoreTestingPlanName: string,
  more: Partial<RestoreTestingPlanForCreate> = {},
): RestoreTestingPlanForCreate => ({
  RestoreTestingPlanName,
  ScheduleExpression: 'cron(0 3 ? * SUN *)',
  RecoveryPointSelection: {
    Algorithm: 'LATEST_WITHIN_WINDOW',
    IncludeVaults: ['*'],
    RecoveryPointTypes: ['SNAPSHOT'],
  },
  ...more,
})
const selection = (
  RestoreTestingSelectionName: string,
  more: Partial<RestoreTestingSelectionForCreate> = {},
): RestoreTestingSelectionForCreate => ({
  RestoreTestingSelectionName,
  ProtectedResourceType: 'EFS',
  IamRoleArn: roleArn,
  ProtectedResourceArns: ['*'],
  ...more,
})

test('a restore testing plan is made, read, changed, listed and deleted', async () => {
  const input = {
    RestoreTestingPlan: plan('weekly'),
    Tags: { team: 'dba' },
    CreatorRequestId: 'request-1',
  }
  const made = await backup.send(new CreateRestoreTestingPlanCommand(input))
  assert.match(
    made.RestoreTestingPlanArn as string,
    new RegExp(`^arn:aws:backup:${place}:restore-testing-plan:weekly-[0-9a-f-]{36}$`),
  )
  const again = await backup.send(new CreateRestoreTestingPlanCommand(input))
  assert.equal(again.RestoreTestingPlanArn, made.RestoreTestingPlanArn)
  await assert.rejects(
    backup.send(new CreateRestoreTestingPlanCommand({ RestoreTestingPlan: plan('weekly') })),
    sdkError('AlreadyExistsException', 400, 'Restore testing plan with name weekly already exists'),
  )
  const tags = await backup.send(new ListTagsCommand({ ResourceArn: made.RestoreTestingPlanArn }))
  assert.deepEqual(tags.Tags, { team: 'dba' })

  const got = await backup.send(new GetRestoreTestingPlanCommand({ RestoreTestingPlanName: 'weekly' }))
  const { CreationTime, LastUpdateTime, ...read } = got.RestoreTestingPlan ?? {}
  assert.deepEqual(read, {
    RestoreTestingPlanName: 'weekly',
    RestoreTestingPlanArn: made.RestoreTestingPlanArn,
    CreatorRequestId: 'request-1',
    ScheduleExpression: 'cron(0 3 ? * SUN *)',
    ScheduleExpressionTimezone: 'Etc/UTC',
    StartWindowHours: 24,
    RecoveryPointSelection: {
      Algorithm: 'LATEST_WITHIN_WINDOW',
      IncludeVaults: ['*'],
      ExcludeVaults: [],
      RecoveryPointTypes: ['SNAPSHOT'],
      SelectionWindowDays: 30,
    },
  })
  assert.deepEqual(CreationTime, LastUpdateTime)

  await backup.send(
    new UpdateRestoreTestingPlanCommand({
      RestoreTestingPlanName: 'weekly',
      RestoreTestingPlan: { ScheduleExpression: 'rate(12 hours)', StartWindowHours: 4 },
    }),
  )
  const changed = await backup.send(new GetRestoreTestingPlanCommand({ RestoreTestingPlanName: 'weekly' }))
  assert.equal(changed.RestoreTestingPlan?.ScheduleExpression, 'rate(12 hours)')
  assert.equal(changed.RestoreTestingPlan?.StartWindowHours, 4)
  assert.deepEqual(changed.RestoreTestingPlan?.RecoveryPointSelection, read.RecoveryPointSelection)

  await backup.send(new CreateRestoreTestingPlanCommand({ RestoreTestingPlan: plan('another') }))
  const names: (string | undefined)[] = []
  for await (const page of paginateListRestoreTestingPlans({ client: backup, pageSize: 1 }, {}))
    names.push(...(page.RestoreTestingPlans ?? []).map((one) => one.RestoreTestingPlanName))
  assert.deepEqual(names, ['another', 'weekly'])
  const { RestoreTestingPlans } = await backup.send(new ListRestoreTestingPlansCommand({}))
  assert.equal(RestoreTestingPlans?.length, 2)

  for (const RestoreTestingPlanName of ['weekly', 'another'])
    await backup.send(new DeleteRestoreTestingPlanCommand({ RestoreTestingPlanName }))
  await assert.rejects(
    backup.send(new GetRestoreTestingPlanCommand({ RestoreTestingPlanName: 'weekly' })),
    sdkError('ResourceNotFoundException', 400, 'Cannot find restore testing plan weekly'),
  )
})

test('a plan that cannot work is refused with the member and the reason', async () => {
  const points = plan('x').RecoveryPointSelection
  const cases: readonly (readonly [Partial<RestoreTestingPlanForCreate>, string])[] = [
    [{ RestoreTestingPlanName: 'with-dash' }, 'Invalid restore testing plan name'],
    [{ ScheduleExpression: 'cron(0/5 * * * ? *)' }, 'Invalid ScheduleExpression'],
    [{ ScheduleExpression: 'cron(0 5 30 2 ? *)' }, 'is due at no time from now on'],
    [{ StartWindowHours: 169 }, 'StartWindowHours must be 1 to 168'],
    [
      { RecoveryPointSelection: { ...points, SelectionWindowDays: 366 } },
      'SelectionWindowDays must be 1 to 365',
    ],
    [{ RecoveryPointSelection: { ...points, IncludeVaults: ['v'] } }, 'is neither * nor the ARN'],
    [{ RecoveryPointSelection: { ...points, IncludeVaults: [] } }, 'IncludeVaults must name at least one'],
    [{ RecoveryPointSelection: { ...points, Algorithm: undefined } }, 'Algorithm is missing'],
  ]
  for (const [more, message] of cases) {
    await assert.rejects(
      backup.send(new CreateRestoreTestingPlanCommand({ RestoreTestingPlan: plan('bad', more) })),
      sdkError('InvalidParameterValueException', 400, message),
      message,
    )
  }
})

test('a restore testing selection is made, read, changed, listed and deleted before its plan', async () => {
  const RestoreTestingPlanName = 'selecting'
  const { RestoreTestingPlanArn } = await backup.send(
    new CreateRestoreTestingPlanCommand({ RestoreTestingPlan: plan(RestoreTestingPlanName) }),
  )
  const input = {
    RestoreTestingPlanName,
    RestoreTestingSelection: selection('files', {
      ProtectedResourceConditions: { StringEquals: [{ Key: 'aws:ResourceTag/tier', Value: 'gold' }] },
      RestoreMetadataOverrides: { encrypted: 'true' },
      ValidationWindowHours: 3,
    }),
    CreatorRequestId: 'request-2',
  }
  const made = await backup.send(new CreateRestoreTestingSelectionCommand(input))
  assert.equal(made.RestoreTestingPlanArn, RestoreTestingPlanArn)
  await backup.send(new CreateRestoreTestingSelectionCommand(input))
  await assert.rejects(
    backup.send(
      new CreateRestoreTestingSelectionCommand({
        RestoreTestingPlanName,
        RestoreTestingSelection: selection('files'),
      }),
    ),
    sdkError('AlreadyExistsException', 400, 'with the name files already exists'),
  )
  const read = async () => {
    const got = await backup.send(
      new GetRestoreTestingSelectionCommand({ RestoreTestingPlanName, RestoreTestingSelectionName: 'files' }),
    )
    assert.ok(got.RestoreTestingSelection !== undefined)
    const { CreationTime: _, ...rest } = got.RestoreTestingSelection
    return rest
  }
  assert.deepEqual(await read(), {
    RestoreTestingPlanName,
    RestoreTestingSelectionName: 'files',
    CreatorRequestId: 'request-2',
    IamRoleArn: roleArn,
    ProtectedResourceType: 'EFS',
    ProtectedResourceArns: ['*'],
    ProtectedResourceConditions: {
      StringEquals: [{ Key: 'aws:ResourceTag/tier', Value: 'gold' }],
      StringNotEquals: [],
    },
    RestoreMetadataOverrides: { encrypted: 'true' },
    ValidationWindowHours: 3,
  })
  await backup.send(
    new UpdateRestoreTestingSelectionCommand({
      RestoreTestingPlanName,
      RestoreTestingSelectionName: 'files',
      RestoreTestingSelection: { IamRoleArn: otherRole, ValidationWindowHours: 5 },
    }),
  )
  const changed = await read()
  assert.deepEqual([changed.IamRoleArn, changed.ValidationWindowHours], [otherRole, 5])
  assert.deepEqual(changed.RestoreMetadataOverrides, { encrypted: 'true' })

  const StringNotEquals = [{ Key: 'aws:ResourceTag/tier', Value: 'lead' }]
  await backup.send(
    new CreateRestoreTestingSelectionCommand({
      RestoreTestingPlanName,
      RestoreTestingSelection: selection('buckets', {
        ProtectedResourceType: 'S3',
        ProtectedResourceArns: undefined,
        ProtectedResourceConditions: { StringNotEquals },
      }),
    }),
  )
  const names: (string | undefined)[] = []
  for await (const page of paginateListRestoreTestingSelections(
    { client: backup, pageSize: 1 },
    { RestoreTestingPlanName },
  ))
    names.push(...(page.RestoreTestingSelections ?? []).map((one) => one.RestoreTestingSelectionName))
  assert.deepEqual(names, ['buckets', 'files'])
  const listed = await backup.send(new ListRestoreTestingSelectionsCommand({ RestoreTestingPlanName }))
  assert.equal(listed.RestoreTestingSelections?.length, 2)

  await assert.rejects(
    backup.send(new DeleteRestoreTestingPlanCommand({ RestoreTestingPlanName })),
    sdkError('InvalidRequestException', 400, 'delete its restore testing selections first'),
  )
  for (const RestoreTestingSelectionName of names as string[]) {
    await backup.send(
      new DeleteRestoreTestingSelectionCommand({ RestoreTestingPlanName, RestoreTestingSelectionName }),
    )
  }
  await backup.send(new DeleteRestoreTestingPlanCommand({ RestoreTestingPlanName }))
})

test('a selection that cannot work is refused, and so is one that would say where a test goes', async () => {
  const RestoreTestingPlanName = 'refusing'
  await backup.send(new CreateRestoreTestingPlanCommand({ RestoreTestingPlan: plan(RestoreTestingPlanName) }))
  const fs = `arn:aws:elasticfilesystem:${place}:file-system/fs-1`
  const condition = { Key: 'aws:ResourceTag/tier', Value: 'gold' }
  const cases: readonly (readonly [Partial<RestoreTestingSelectionForCreate>, string])[] = [
    [{ ProtectedResourceType: 'EC2' }, 'ProtectedResourceType "EC2" is not supported'],
    [{ ProtectedResourceArns: [] }, 'Either ProtectedResourceArns or ProtectedResourceConditions'],
    [{ ProtectedResourceArns: ['*', fs] }, 'not both'],
    [{ ProtectedResourceArns: Array.from({ length: 31 }, () => fs) }, 'has 31 ARNs, the limit is 30'],
    [
      { ProtectedResourceConditions: { StringEquals: Array.from({ length: 31 }, () => condition) } },
      'has 31 conditions, the limit is 30',
    ],
    [{ ProtectedResourceArns: ['arn:aws:s3:::bucket'] }, 'is no ARN of a resource of type EFS'],
    [{ ValidationWindowHours: 169 }, 'ValidationWindowHours must be 0 to 168'],
    [
      { ProtectedResourceConditions: { StringEquals: [{ Key: 'tier', Value: 'gold' }] } },
      'must be aws:ResourceTag/KEY',
    ],
    [{ RestoreMetadataOverrides: { unknownKey: 'x' } }, 'is not known for resource type EFS'],
    [{ RestoreMetadataOverrides: { newfilesystem: 'false' } }, 'always goes to a new place'],
    [{ RestoreMetadataOverrides: { 'File-System-Id': 'fs-1' } }, 'always goes to a new place'],
    [
      { ProtectedResourceType: 'RDS', RestoreMetadataOverrides: { DBInstanceIdentifier: 'orders' } },
      'always goes to a new place',
    ],
    [
      { ProtectedResourceType: 'S3', RestoreMetadataOverrides: { DestinationBucketName: 'orders' } },
      'always goes to a new place',
    ],
    [{ IamRoleArn: `arn:aws:iam::${world.accountId}:role/absent` }, 'cannot be assumed by AWS Backup'],
  ]
  for (const [more, message] of cases) {
    await assert.rejects(
      backup.send(
        new CreateRestoreTestingSelectionCommand({
          RestoreTestingPlanName,
          RestoreTestingSelection: selection('bad', more),
        }),
      ),
      sdkError('InvalidParameterValueException', 400, message),
      message,
    )
  }
  const made = (name: string) =>
    backup.send(
      new CreateRestoreTestingSelectionCommand({
        RestoreTestingPlanName,
        RestoreTestingSelection: selection(name),
      }),
    )
  for (let i = 0; i < 30; i++) await made(`s${i}`)
  await assert.rejects(made('s30'), sdkError('LimitExceededException', 400, 'the plan has 30, the limit'))
})

test('a recovery point’s inferred metadata leads to a new place with a name of its own', async () => {
  await makeVault(world, 'inferring')
  const { arn } = await registerDirectory(world, 'inferred', (path) => writeFileSync(`${path}/a`, 'a'))
  const RecoveryPointArn = await backUpWell(world, {
    BackupVaultName: 'inferring',
    ResourceArn: arn,
    IamRoleArn: roleArn,
  })
  const input = { BackupVaultName: 'inferring', RecoveryPointArn }
  const { InferredMetadata = {} } = await backup.send(new GetRestoreTestingInferredMetadataCommand(input))
  assert.equal(InferredMetadata['newFileSystem'], 'true')
  assert.equal(InferredMetadata['file-system-id'], arn.split('/').at(-1))
  assert.match(InferredMetadata['CreationToken'] as string, /^awsbackup-restore-test-[0-9a-f]{32}$/)
  const again = await backup.send(new GetRestoreTestingInferredMetadataCommand(input))
  assert.notEqual(again.InferredMetadata?.['CreationToken'], InferredMetadata['CreationToken'])
})

test('R4 who selects, reselects or reschedules restore tests must be allowed to pass the role', async () => {
  const RestoreTestingPlanName = 'passing'
  await backup.send(new CreateRestoreTestingPlanCommand({ RestoreTestingPlan: plan(RestoreTestingPlanName) }))
  await backup.send(
    new CreateRestoreTestingSelectionCommand({
      RestoreTestingPlanName,
      RestoreTestingSelection: selection('all'),
    }),
  )
  const { call } = await makeUser(world, 'no-passer', [allow(['backup:*', 'roleback:*'])])
  const denied = awsError('AccessDeniedException', 'iam:PassRole')
  await assert.rejects(
    call('backup', 'CreateRestoreTestingSelection', {
      RestoreTestingPlanName,
      RestoreTestingSelection: selection('mine') as never,
    }),
    denied,
  )
  await assert.rejects(
    call('backup', 'UpdateRestoreTestingSelection', {
      RestoreTestingPlanName,
      RestoreTestingSelectionName: 'all',
      RestoreTestingSelection: { ValidationWindowHours: 1 },
    }),
    denied,
  )
  await assert.rejects(
    call('backup', 'UpdateRestoreTestingPlan', {
      RestoreTestingPlanName,
      RestoreTestingPlan: { ScheduleExpression: 'rate(1 hour)' },
    }),
    denied,
  )
})

test('R16 nobody has a resource tested that he could not read at the source', async () => {
  const RestoreTestingPlanName = 'guarded'
  await backup.send(new CreateRestoreTestingPlanCommand({ RestoreTestingPlan: plan(RestoreTestingPlanName) }))
  const readable = await registerDirectory(world, 'readable', () => undefined)
  const secret = await registerDirectory(world, 'secret', () => undefined)
  const { call } = await makeUser(world, 'half-reader', [
    allow(['backup:*', 'iam:PassRole']),
    allow('elasticfilesystem:ClientMount', readable.arn),
  ])
  const select = (name: string, arn: string) =>
    call('backup', 'CreateRestoreTestingSelection', {
      RestoreTestingPlanName,
      RestoreTestingSelection: selection(name, { ProtectedResourceArns: [arn] }) as never,
    })
  await select('readable', readable.arn)
  const denied = awsError('AccessDeniedException', 'roleback:RestoreUnreadable')
  await assert.rejects(select('secret', secret.arn), denied)
  await assert.rejects(select('all', '*'), denied)
  await assert.rejects(
    call('backup', 'UpdateRestoreTestingSelection', {
      RestoreTestingPlanName,
      RestoreTestingSelectionName: 'readable',
      RestoreTestingSelection: { ProtectedResourceArns: [secret.arn] },
    }),
    denied,
  )
})
