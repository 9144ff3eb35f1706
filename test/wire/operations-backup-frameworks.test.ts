import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import {
  CreateFrameworkCommand,
  DeleteFrameworkCommand,
  DescribeFrameworkCommand,
  ListFrameworksCommand,
  ListTagsCommand,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateFrameworkCommand,
  paginateListFrameworks,
} from '@aws-sdk/client-backup'
import type { CreateFrameworkCommandInput } from '@aws-sdk/client-backup'
import { allow, makeUser } from '../fixtures/world.ts'
import { sdkError, startTestServer } from '../server.ts'

/** Frameworks through the SDK: made, read, changed, listed, tagged, deleted, refused. What the controls find is in operations-roleback-frameworks.test.ts. */

const server = await startTestServer()
after(() => server[Symbol.asyncDispose]())
const { world } = server
const { backup } = server.clients

const COVERED = { ControlName: 'BACKUP_RESOURCES_PROTECTED_BY_BACKUP_PLAN' }
const RETENTION = {
  ControlName: 'BACKUP_RECOVERY_POINT_MINIMUM_RETENTION_CHECK',
  ControlInputParameters: [{ ParameterName: 'requiredRetentionDays', ParameterValue: '35' }],
}
const framework = (more: Partial<CreateFrameworkCommandInput> = {}): CreateFrameworkCommandInput => ({
  FrameworkName: 'house_rules',
  FrameworkControls: [COVERED, RETENTION],
  ...more,
})

test('a framework is made, read, changed, listed and deleted', async () => {
  const made = await backup.send(new CreateFrameworkCommand(framework({ FrameworkDescription: 'ours' })))
  assert.match(
    made.FrameworkArn ?? '',
    /^arn:aws:backup:us-east-1:123456789012:framework:house_rules-[0-9a-f-]{36}$/,
  )
  const read = await backup.send(new DescribeFrameworkCommand({ FrameworkName: 'house_rules' }))
  assert.equal(read.FrameworkArn, made.FrameworkArn)
  assert.equal(read.FrameworkDescription, 'ours')
  assert.deepEqual(read.FrameworkControls, [COVERED, RETENTION])
  assert.deepEqual([read.DeploymentStatus, read.FrameworkStatus], ['COMPLETED', 'ACTIVE'])
  assert.ok(Math.abs(Date.now() - Number(read.CreationTime)) < 60_000)

  const scoped = { ...COVERED, ControlScope: { ComplianceResourceTypes: ['EFS'], Tags: { env: 'prod' } } }
  const changed = await backup.send(
    new UpdateFrameworkCommand({ FrameworkName: 'house_rules', FrameworkControls: [scoped] }),
  )
  assert.equal(changed.FrameworkArn, made.FrameworkArn)
  const after = await backup.send(new DescribeFrameworkCommand({ FrameworkName: 'house_rules' }))
  assert.deepEqual([after.FrameworkControls, after.FrameworkDescription], [[scoped], 'ours'])

  await backup.send(new CreateFrameworkCommand(framework({ FrameworkName: 'another' })))
  const names: (string | undefined)[] = []
  for await (const page of paginateListFrameworks({ client: backup, pageSize: 1 }, {}))
    names.push(...(page.Frameworks ?? []).map((one) => `${one.FrameworkName} ${one.NumberOfControls}`))
  assert.deepEqual(names, ['another 2', 'house_rules 1'])

  for (const FrameworkName of ['another', 'house_rules'])
    await backup.send(new DeleteFrameworkCommand({ FrameworkName }))
  assert.deepEqual((await backup.send(new ListFrameworksCommand({}))).Frameworks, [])
  await assert.rejects(
    backup.send(new DescribeFrameworkCommand({ FrameworkName: 'house_rules' })),
    sdkError('ResourceNotFoundException', 400, 'Cannot find framework house_rules'),
  )
})

test('the same token asks for the same framework, another request for its name is refused', async () => {
  const input = framework({ FrameworkName: 'once', IdempotencyToken: 'token-1' })
  const made = await backup.send(new CreateFrameworkCommand(input))
  const again = await backup.send(new CreateFrameworkCommand(input))
  assert.equal(again.FrameworkArn, made.FrameworkArn)
  const others = [
    { ...input, IdempotencyToken: 'token-2' },
    { ...input, FrameworkControls: [COVERED] },
  ]
  for (const other of others)
    await assert.rejects(
      backup.send(new CreateFrameworkCommand(other)),
      sdkError('AlreadyExistsException', 400, 'Framework once exists already'),
    )
  await backup.send(new DeleteFrameworkCommand({ FrameworkName: 'once' }))
  const { FrameworkArn } = await backup.send(new CreateFrameworkCommand(input))
  assert.notEqual(FrameworkArn, made.FrameworkArn)
  await backup.send(new DeleteFrameworkCommand({ FrameworkName: 'once' }))
})

test('tags of a framework come with it, change, decide and go with it', async () => {
  const FrameworkTags = { team: 'audit' }
  const { FrameworkArn: ResourceArn = '' } = await backup.send(
    new CreateFrameworkCommand(framework({ FrameworkName: 'tagged', FrameworkTags })),
  )
  await backup.send(new TagResourceCommand({ ResourceArn, Tags: { env: 'prod' } }))
  assert.deepEqual((await backup.send(new ListTagsCommand({ ResourceArn }))).Tags, {
    env: 'prod',
    team: 'audit',
  })

  const describe = { Condition: { StringEquals: { 'aws:ResourceTag/team': 'audit' } } }
  const auditor = await makeUser(world, 'auditor', [{ ...allow('backup:DescribeFramework'), ...describe }])
  const clients = server.clientsOf(auditor.key)
  await clients.backup.send(new DescribeFrameworkCommand({ FrameworkName: 'tagged' }))
  await backup.send(new UntagResourceCommand({ ResourceArn, TagKeyList: ['team'] }))
  assert.deepEqual((await backup.send(new ListTagsCommand({ ResourceArn }))).Tags, { env: 'prod' })
  for (const FrameworkName of ['tagged', 'not_there'])
    await assert.rejects(
      clients.backup.send(new DescribeFrameworkCommand({ FrameworkName })),
      sdkError('AccessDeniedException', 403, 'backup:DescribeFramework'),
    )

  await backup.send(new DeleteFrameworkCommand({ FrameworkName: 'tagged' }))
  await assert.rejects(
    backup.send(new ListTagsCommand({ ResourceArn })),
    sdkError('ResourceNotFoundException', 400, ResourceArn),
  )
})

/** Each is no framework, and what the refusal says of it. */
const REFUSED: readonly (readonly [Partial<CreateFrameworkCommandInput>, name: string, text: string])[] = [
  [{ FrameworkControls: [] }, 'MissingParameterValueException', 'at least one control'],
  [
    { FrameworkControls: [{ ControlName: 'NO_SUCH' }] },
    'InvalidParameterValueException',
    'Control "NO_SUCH" is not known',
  ],
  [{ FrameworkControls: [COVERED, COVERED] }, 'InvalidParameterValueException', 'twice'],
  [
    controlled({ requiredRetentionDays: '0' }),
    'InvalidParameterValueException',
    'from 1 to 36500; it is "0"',
  ],
  [controlled({ requiredRetentionDays: '1e3' }), 'InvalidParameterValueException', 'a whole number'],
  [controlled({ days: '35' }), 'InvalidParameterValueException', 'has no input parameter "days"'],
  [
    scoped({ ComplianceResourceTypes: ['EFS'] }, RETENTION.ControlName),
    'InvalidParameterValueException',
    'cannot have ComplianceResourceTypes',
  ],
  [
    scoped({ ComplianceResourceTypes: ['Toaster'] }),
    'InvalidParameterValueException',
    '"Toaster" is not supported',
  ],
  [scoped({ Tags: { a: '1', b: '2' } }), 'InvalidParameterValueException', 'one tag only'],
]

function controlled(parameters: Readonly<Record<string, string>>): Partial<CreateFrameworkCommandInput> {
  const ControlInputParameters = Object.entries(parameters).map(([ParameterName, ParameterValue]) => ({
    ParameterName,
    ParameterValue,
  }))
  return { FrameworkControls: [{ ...RETENTION, ControlInputParameters }] }
}

function scoped(
  ControlScope: object,
  ControlName: string = COVERED.ControlName,
): Partial<CreateFrameworkCommandInput> {
  return { FrameworkControls: [{ ControlName, ControlScope }] }
}

for (const [more, name, text] of REFUSED)
  test(`a framework is refused where ${text}`, async () => {
    await assert.rejects(backup.send(new CreateFrameworkCommand(framework(more))), sdkError(name, 400, text))
    assert.deepEqual((await backup.send(new ListFrameworksCommand({}))).Frameworks, [])
  })

test('an account has 15 frameworks and 50 controls in a region, and no more', async () => {
  const name = (i: number): string => `f${i}`
  for (let i = 1; i <= 15; i++)
    await backup.send(
      new CreateFrameworkCommand(framework({ FrameworkName: name(i), FrameworkControls: [COVERED] })),
    )
  await assert.rejects(
    backup.send(new CreateFrameworkCommand(framework({ FrameworkName: name(16) }))),
    sdkError('LimitExceededException', 400, 'the limit is 15'),
  )
  const many = Array.from({ length: 37 }, (_, i) => ({
    ...COVERED,
    ControlScope: { ComplianceResourceIds: [`r${i}`] },
  }))
  await assert.rejects(
    backup.send(new UpdateFrameworkCommand({ FrameworkName: name(1), FrameworkControls: many })),
    sdkError('LimitExceededException', 400, 'the limit is 50'),
  )
  await backup.send(new UpdateFrameworkCommand({ FrameworkName: name(1), FrameworkControls: many.slice(1) }))
  for (let i = 1; i <= 15; i++) await backup.send(new DeleteFrameworkCommand({ FrameworkName: name(i) }))
})
