import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, test } from 'node:test'
import {
  CreateBackupPlanCommand,
  CreateBackupSelectionCommand,
  DeleteBackupPlanCommand,
  DeleteBackupSelectionCommand,
  ExportBackupPlanTemplateCommand,
  GetBackupPlanCommand,
  GetBackupPlanFromJSONCommand,
  GetBackupPlanFromTemplateCommand,
  GetBackupSelectionCommand,
  ListBackupPlanTemplatesCommand,
  ListBackupSelectionsCommand,
  ListTagsCommand,
  UpdateBackupPlanCommand,
  ListBackupPlanVersionsCommand,
  ListBackupPlansCommand,
  ListRecoveryPointsByBackupVaultCommand,
  paginateListBackupPlanVersions,
  paginateListBackupPlans,
  paginateListBackupPlanTemplates,
} from '@aws-sdk/client-backup'
import type { BackupPlanInput, BackupRuleInput } from '@aws-sdk/client-backup'
import {
  allow,
  backUpWell,
  makeRole,
  makeUser,
  makeVault,
  registerDirectory,
  removeRole,
  setRights,
  until,
} from '../fixtures/world.ts'
import { sdkError, startTestServer } from '../server.ts'

/** Backup plans and selections through the SDK, and a plan that really backs up. */

const server = await startTestServer()
after(() => server[Symbol.asyncDispose]())
const { world } = server
const { backup } = server.clients
await makeVault(world, 'vault')

const rule = (more: Partial<BackupRuleInput> = {}): BackupRuleInput => ({
  RuleName: 'daily',
  TargetBackupVaultName: 'vault',
  ScheduleExpression: 'cron(0 5 ? * * *)',
  ScheduleExpressionTimezone: 'Europe/Berlin',
  StartWindowMinutes: 60,
  CompletionWindowMinutes: 180,
  Lifecycle: { DeleteAfterDays: 35 },
  RecoveryPointTags: { from: 'plan' },
  ...more,
})
const planNamed = (BackupPlanName: string, ...rules: BackupRuleInput[]): BackupPlanInput => ({
  BackupPlanName,
  Rules: rules.length > 0 ? rules : [rule()],
})

async function makePlan(plan: BackupPlanInput): Promise<string> {
  const { BackupPlanId } = await backup.send(new CreateBackupPlanCommand({ BackupPlan: plan }))
  return BackupPlanId as string
}

test('a plan is made, read with its next runs, changed in versions, listed and deleted', async () => {
  const input = {
    BackupPlan: planNamed('whole'),
    BackupPlanTags: { team: 'dba' },
    CreatorRequestId: 'request-1',
  }
  const made = await backup.send(new CreateBackupPlanCommand(input))
  const again = await backup.send(new CreateBackupPlanCommand(input))
  assert.deepEqual([again.BackupPlanId, again.VersionId], [made.BackupPlanId, made.VersionId])
  await assert.rejects(
    backup.send(new CreateBackupPlanCommand({ BackupPlan: planNamed('whole') })),
    sdkError('AlreadyExistsException', 400, 'Backup plan with the same plan document already exists'),
  )
  const BackupPlanId = made.BackupPlanId as string
  const arn = `arn:aws:backup:${world.region}:${world.accountId}:backup-plan:${BackupPlanId}`
  assert.equal(made.BackupPlanArn, arn)
  assert.deepEqual((await backup.send(new ListTagsCommand({ ResourceArn: arn }))).Tags, { team: 'dba' })

  const got = await backup.send(new GetBackupPlanCommand({ BackupPlanId, MaxScheduledRunsPreview: 3 }))
  const { RuleId, ...read } = got.BackupPlan?.Rules?.[0] ?? {}
  assert.deepEqual(read, rule())
  assert.equal(got.ScheduledRunsPreview?.length, 3)
  for (const run of got.ScheduledRunsPreview ?? []) {
    assert.equal(run.RuleId, RuleId)
    const hour = new Intl.DateTimeFormat('en', { timeZone: 'Europe/Berlin', hour: 'numeric', hour12: false })
    assert.equal(hour.format(run.ExecutionTime), '05')
  }
  const preview = async (MaxScheduledRunsPreview?: number): Promise<number | undefined> => {
    const plan = await backup.send(new GetBackupPlanCommand({ BackupPlanId, MaxScheduledRunsPreview }))
    return plan.ScheduledRunsPreview?.length
  }
  assert.deepEqual([await preview(), await preview(0), await preview(10)], [undefined, undefined, 10])
  await assert.rejects(preview(11), /MaxScheduledRunsPreview|maxScheduledRunsPreview/)

  const changed = await backup.send(
    new UpdateBackupPlanCommand({
      BackupPlanId,
      BackupPlan: planNamed('whole-2', rule(), rule({ RuleName: 'b' })),
    }),
  )
  assert.notEqual(changed.VersionId, made.VersionId)
  const now = await backup.send(new GetBackupPlanCommand({ BackupPlanId }))
  assert.deepEqual(
    [now.VersionId, now.BackupPlan?.BackupPlanName, now.BackupPlan?.Rules?.[0]?.RuleId],
    [changed.VersionId, 'whole-2', RuleId],
  )
  const before = await backup.send(new GetBackupPlanCommand({ BackupPlanId, VersionId: made.VersionId }))
  assert.equal(before.BackupPlan?.BackupPlanName, 'whole')
  const versions: (string | undefined)[] = []
  for await (const page of paginateListBackupPlanVersions({ client: backup, pageSize: 1 }, { BackupPlanId }))
    versions.push(...(page.BackupPlanVersionsList ?? []).map(({ VersionId }) => VersionId))
  assert.deepEqual(versions, [changed.VersionId, made.VersionId])

  const all = await backup.send(new ListBackupPlanVersionsCommand({ BackupPlanId }))
  assert.equal(all.BackupPlanVersionsList?.length, 2)
  const { BackupPlansList } = await backup.send(new ListBackupPlansCommand({}))
  assert.equal(BackupPlansList?.find((plan) => plan.BackupPlanId === BackupPlanId)?.BackupPlanName, 'whole-2')

  await backup.send(new DeleteBackupPlanCommand({ BackupPlanId }))
  assert.ok((await backup.send(new GetBackupPlanCommand({ BackupPlanId }))).DeletionDate)
  const listed = async (IncludeDeleted: boolean): Promise<(string | undefined)[]> => {
    const ids: (string | undefined)[] = []
    for await (const page of paginateListBackupPlans({ client: backup, pageSize: 2 }, { IncludeDeleted }))
      ids.push(...(page.BackupPlansList ?? []).map((plan) => plan.BackupPlanId))
    return ids
  }
  assert.equal((await listed(false)).includes(BackupPlanId), false)
  assert.equal((await listed(true)).includes(BackupPlanId), true)
  await assert.rejects(
    backup.send(new DeleteBackupPlanCommand({ BackupPlanId })),
    sdkError('ResourceNotFoundException', 400, `Cannot find Backup plan with ID ${BackupPlanId}`),
  )
})

test('a plan that cannot work is refused with the rule and the reason', async () => {
  await world.call('backup', 'CreateLogicallyAirGappedBackupVault', {
    BackupVaultName: 'gapped',
    MinRetentionDays: 7,
    MaxRetentionDays: 30,
  })
  const cases: readonly (readonly [Partial<BackupRuleInput>, string])[] = [
    [{ ScheduleExpression: 'cron(0/5 * * * ? *)' }, 'once an hour at most'],
    [{ ScheduleExpression: 'cron(0 5 31 2 ? *)' }, 'is due at no time from now on'],
    [{ ScheduleExpression: 'cron(0 5 * * ? 1999)' }, 'is due at no time from now on'],
    [{ ScheduleExpressionTimezone: 'Mars/Olympus' }, 'is no time zone'],
    [{ TargetBackupVaultName: 'gapped' }, 'is logically air-gapped: only copies go into it'],
    [{ TargetBackupVaultName: 'absent' }, 'Backup vault absent does not exist'],
    [{ StartWindowMinutes: 59 }, 'StartWindowMinutes must be 60 to'],
    [{ CompletionWindowMinutes: 0 }, 'CompletionWindowMinutes must be 1 to'],
    [
      { Lifecycle: { DeleteAfterDays: 36_501 } },
      'DeleteAfterDays cannot be less than 1 or more than 36500 days',
    ],
    [{ Lifecycle: { MoveToColdStorageAfterDays: 1 } }, 'MoveToColdStorageAfterDays is unavailable'],
    [{ EnableContinuousBackup: true }, 'EnableContinuousBackup is unavailable'],
    [{ RecoveryPointTags: { 'aws:x': 'y' } }, 'aws:'],
    [
      { RecoveryPointTags: Object.fromEntries(Array.from({ length: 11 }, (_, i) => [`t${i}`, 'x'])) },
      'it adds 11 tags, the limit is 10',
    ],
    [
      { CopyActions: Array.from({ length: 6 }, () => ({ DestinationBackupVaultArn: 'x' })) },
      'it has 6 copy actions, the limit is 5',
    ],
  ]
  for (const [more, message] of cases) {
    await assert.rejects(
      makePlan(planNamed('bad', rule(more))),
      sdkError('InvalidParameterValueException', 400, message),
      message,
    )
  }
  await assert.rejects(
    makePlan(planNamed('bad', rule(), rule())),
    sdkError('InvalidParameterValueException', 400, 'another rule of the plan has this name'),
  )
  const eleven = Array.from({ length: 11 }, (_, i) => rule({ RuleName: `r${i}` }))
  await assert.rejects(
    makePlan(planNamed('bad', ...eleven)),
    sdkError('InvalidParameterValueException', 400, 'has 1 to 10 rules; this one has 11'),
  )
})

test('plans go out as JSON and come back; templates are plans', async () => {
  const BackupPlanId = await makePlan(planNamed('exported'))
  const { BackupPlanTemplateJson } = await backup.send(new ExportBackupPlanTemplateCommand({ BackupPlanId }))
  const read = await backup.send(new GetBackupPlanFromJSONCommand({ BackupPlanTemplateJson }))
  // Rule ids are no part of the text: a plan that is made of it gets its own.
  const RuleId = read.BackupPlan?.Rules?.[0]?.RuleId
  assert.deepEqual(read.BackupPlan, { ...planNamed('exported'), Rules: [{ ...rule(), RuleId }] })
  for (const text of [
    '{',
    '[]',
    '{"BackupPlanName":"x"}',
    '{"BackupPlanName":"x","Rules":[{"RuleName":1}]}',
  ]) {
    await assert.rejects(
      backup.send(new GetBackupPlanFromJSONCommand({ BackupPlanTemplateJson: text })),
      sdkError('InvalidParameterValueException', 400, 'BackupPlanTemplateJson'),
    )
  }
  await makeVault(world, 'Default')
  const templates = []
  for await (const page of paginateListBackupPlanTemplates({ client: backup, pageSize: 3 }, {}))
    templates.push(page.BackupPlanTemplatesList ?? [])
  assert.deepEqual(
    templates.map(({ length }) => length),
    [3, 1],
  )
  await assert.rejects(
    backup.send(new ListBackupPlanTemplatesCommand({ NextToken: 'forged' })),
    sdkError('InvalidParameterValueException', 400, 'Invalid NextToken'),
  )
  const made: (readonly [string | undefined, number | undefined, number | undefined])[] = []
  for (const { BackupPlanTemplateId } of templates.flat()) {
    const { BackupPlanDocument } = await backup.send(
      new GetBackupPlanFromTemplateCommand({ BackupPlanTemplateId }),
    )
    const BackupPlanId = await makePlan(BackupPlanDocument as BackupPlanInput)
    const { BackupPlan, ScheduledRunsPreview } = await backup.send(
      new GetBackupPlanCommand({ BackupPlanId, MaxScheduledRunsPreview: 1 }),
    )
    made.push([BackupPlanTemplateId, BackupPlan?.Rules?.length, ScheduledRunsPreview?.length])
  }
  assert.deepEqual(made, [
    ['daily-35-day-retention', 1, 1],
    ['daily-monthly-1yr-retention', 2, 1],
    ['daily-weekly-monthly-7yr-retention', 3, 1],
    ['hourly-daily-monthly-1yr-retention', 3, 1],
  ])
})

test('a selection is made under a role that works, read, listed and deleted; its plan stays as long as it does', async () => {
  const role = await makeRole(world, 'selecting', { statements: [allow('tag:GetResources')] })
  const BackupPlanId = await makePlan(planNamed('selecting'))
  const BackupSelection = {
    SelectionName: 'all',
    IamRoleArn: role,
    Resources: ['arn:aws:elasticfilesystem:*:*:file-system/*'],
    NotResources: [],
    ListOfTags: [],
    Conditions: { StringEquals: [], StringNotEquals: [], StringLike: [], StringNotLike: [] },
  }
  const { SelectionId } = await backup.send(
    new CreateBackupSelectionCommand({ BackupPlanId, BackupSelection }),
  )
  const got = await backup.send(new GetBackupSelectionCommand({ BackupPlanId, SelectionId }))
  assert.deepEqual(got.BackupSelection, BackupSelection)
  const { BackupSelectionsList } = await backup.send(new ListBackupSelectionsCommand({ BackupPlanId }))
  assert.deepEqual(
    BackupSelectionsList?.map((each) => [each.SelectionId, each.SelectionName, each.IamRoleArn]),
    [[SelectionId, 'all', role]],
  )
  await assert.rejects(
    backup.send(new DeleteBackupPlanCommand({ BackupPlanId })),
    sdkError(
      'InvalidRequestException',
      400,
      'Related backup plan selections must be deleted prior to backup',
    ),
  )
  await backup.send(new DeleteBackupSelectionCommand({ BackupPlanId, SelectionId }))
  await assert.rejects(
    backup.send(new GetBackupSelectionCommand({ BackupPlanId, SelectionId })),
    sdkError('InvalidParameterValueException', 400, 'Cannot find Backup plan'),
  )
  await backup.send(new DeleteBackupPlanCommand({ BackupPlanId }))
})

test('CreateBackupSelection asks PassRole, then the role’s trust, then its tag:GetResources, in AWS’s words', async () => {
  const BackupPlanId = await makePlan(planNamed('order'))
  const selection = (IamRoleArn: string) =>
    new CreateBackupSelectionCommand({
      BackupPlanId,
      BackupSelection: { SelectionName: 'x', IamRoleArn, Resources: ['*'] },
    })
  const distrustful = await makeRole(world, 'distrustful', {
    trust: { Effect: 'Allow', Principal: { Service: 'ec2.amazonaws.com' }, Action: 'sts:AssumeRole' },
  })
  const caller = await makeUser(world, 'planner', [allow('backup:*')])
  const { backup: planner } = server.clientsOf(caller.key)
  await assert.rejects(
    planner.send(selection(distrustful)),
    sdkError('AccessDeniedException', 403, 'iam:PassRole'),
  )
  await assert.rejects(
    backup.send(selection(distrustful)),
    sdkError('InvalidParameterValueException', 400, 'cannot be assumed by AWS Backup'),
  )
  const blind = await makeRole(world, 'blind', { statements: [allow('elasticfilesystem:*')] })
  await assert.rejects(
    backup.send(selection(blind)),
    sdkError(
      'InvalidParameterValueException',
      400,
      `IAM Role ${blind} is not authorized to call tag:GetResources`,
    ),
  )
  await assert.rejects(
    backup.send(
      new CreateBackupSelectionCommand({
        BackupPlanId,
        BackupSelection: {
          SelectionName: 'x',
          IamRoleArn: await makeRole(world, 'seeing', { statements: [allow('tag:*')] }),
        },
      }),
    ),
    sdkError(
      'InvalidParameterValueException',
      400,
      "Either 'ListOfTags' or 'Resources' section must be non-empty",
    ),
  )
})

test('R4 who changes where a plan’s backups go must be allowed to pass every role of its selections', async () => {
  const role = await makeRole(world, 'passed', { statements: [allow('tag:GetResources')] })
  const BackupPlanId = await makePlan(planNamed('r4'))
  await backup.send(
    new CreateBackupSelectionCommand({
      BackupPlanId,
      BackupSelection: { SelectionName: 'x', IamRoleArn: role, Resources: ['*'] },
    }),
  )
  await makeVault(world, 'elsewhere')
  const caller = await makeUser(world, 'redirector', [allow('backup:*')])
  const update = new UpdateBackupPlanCommand({
    BackupPlanId,
    BackupPlan: planNamed('r4', rule({ TargetBackupVaultName: 'elsewhere' })),
  })
  await assert.rejects(
    server.clientsOf(caller.key).backup.send(update),
    sdkError('AccessDeniedException', 403, `iam:PassRole on resource: ${role}`),
  )
  await backup.send(update)
})

/** Makes every rule of a plan due now, as if its time had come. */
async function makeDue(planId: string): Promise<void> {
  await world.offline(async () => {
    const db = new DatabaseSync(join(world.dataDir, 'roleback.db'))
    db.prepare('update backup_rule set next_run_at = ? where plan_id = ?').run(Date.now() - 1000, planId)
    db.close()
    return await Promise.resolve()
  })
}

test('a plan whose time has come backs its resources up under its role, retries once the role is mended, and says who made what', async () => {
  const docs = await registerDirectory(world, 'docs', (path) => writeFileSync(join(path, 'a.txt'), 'a'))
  const role = await makeRole(world, 'nightly', {
    managed: ['AWSBackupServiceRolePolicyForEFSBackup'],
    statements: [allow('tag:GetResources')],
  })
  const BackupPlanId = await makePlan(planNamed('nightly'))
  await backup.send(
    new CreateBackupSelectionCommand({
      BackupPlanId,
      BackupSelection: { SelectionName: 'docs', IamRoleArn: role, Resources: [docs.arn] },
    }),
  )
  await makeDue(BackupPlanId)
  // Not the SDK: it keeps connections to the server that was stopped meanwhile.
  const jobsOf = async () =>
    (await world.call('backup', 'ListBackupJobs', { ByResourceArn: docs.arn })).BackupJobs ?? []
  const [job] = await until('the plan’s job to end', async () => {
    const jobs = await jobsOf()
    return jobs[0]?.State === 'COMPLETED' ? jobs : undefined
  })
  assert.equal(job?.CreatedBy?.BackupPlanId, BackupPlanId)
  assert.equal(job?.CreatedBy?.BackupRuleName, 'daily')
  assert.ok((await world.call('backup', 'GetBackupPlan', { BackupPlanId })).LastExecutionDate)
  await backUpWell(world, { BackupVaultName: 'vault', ResourceArn: docs.arn, IamRoleArn: role })
  const fresh = server.clientsOf(world.rootKey).backup
  const pointsOf = async (ByBackupPlanId: string) =>
    (
      await fresh.send(
        new ListRecoveryPointsByBackupVaultCommand({ BackupVaultName: 'vault', ByBackupPlanId }),
      )
    ).RecoveryPoints
  const points = await pointsOf(BackupPlanId)
  assert.deepEqual(
    points?.map(({ RecoveryPointArn, CreatedBy }) => [RecoveryPointArn, CreatedBy?.BackupPlanId]),
    [[job?.RecoveryPointArn, BackupPlanId]],
  )
  assert.deepEqual(await pointsOf(randomUUID()), [])
  const ResourceArn = job?.RecoveryPointArn as string
  const { Tags } = await fresh.send(new ListTagsCommand({ ResourceArn }))
  assert.equal(Tags?.['from'], 'plan', 'the rule’s recovery point tags')

  // The role's own view of what there is, asked at each run: nothing else is taken from it.
  await setRights(world, 'nightly', { Effect: 'Deny', Action: 'tag:GetResources', Resource: '*' })
  await makeDue(BackupPlanId)
  const waiting = await until('the second job to be refused', async () =>
    (await jobsOf()).find(({ State, StatusMessage }) => State === 'CREATED' && StatusMessage !== undefined),
  )
  assert.match(
    waiting.StatusMessage ?? '',
    new RegExp(`^IAM Role ${role} is not authorized to call tag:GetResources: .* It is tried again at `),
  )
  await setRights(world, 'nightly', allow('tag:GetResources'))
  await world.offline(async () => {
    const db = new DatabaseSync(join(world.dataDir, 'roleback.db'))
    db.prepare('update job set run_at = ? where job_id = ?').run(Date.now(), waiting.BackupJobId as string)
    db.close()
    return await Promise.resolve()
  })
  await until('the mended job to end', async () =>
    (await jobsOf()).find(
      ({ BackupJobId, State }) => BackupJobId === waiting.BackupJobId && State === 'COMPLETED',
    ),
  )

  await removeRole(world, 'nightly')
  await makeDue(BackupPlanId)
  const gone = await until('the third job to say that the role is gone', async () =>
    (await jobsOf()).find(({ StatusMessage }) => StatusMessage?.includes('cannot be assumed by AWS Backup')),
  )
  assert.equal(gone.State, 'CREATED', 'it stays visible and is tried again inside its start window')
})
