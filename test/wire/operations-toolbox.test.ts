import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { DecodeAuthorizationMessageCommand } from '@aws-sdk/client-sts'
import type { OutputOf } from '../../src/aws/client.ts'
import { AwsError } from '../../src/aws/error.ts'
import { efs } from '../../src/kinds/efs.ts'
import { EXPLAINED } from '../fixtures/denials.ts'
import { allow, backUp, makeRole, makeUser, makeVault, policy, registerDirectory } from '../fixtures/world.ts'
import type { User } from '../fixtures/world.ts'
import { sdkError, startTestServer } from '../server.ts'
import { runTool } from '../servers/run-tool.ts'

/** AWS's contracts for "why was this denied?": the IAM Toolbox (preview, 2026), and messages that DecodeAuthorizationMessage opens. */

const server = await startTestServer()
after(() => server[Symbol.asyncDispose]())
const { world, clients } = server
await makeVault(world, 'told')
const vaultArn = `arn:aws:backup:${world.region}:${world.accountId}:backup-vault:told`
const tree = await registerDirectory(world, 'told', (path) => writeFileSync(join(path, 'file'), 'x'))

async function refusal(
  work: () => Promise<unknown>,
): Promise<{ readonly message: string; readonly id: string }> {
  try {
    await work()
  } catch (error) {
    assert.ok(error instanceof AwsError && error.status === 403, String(error))
    const [, id = assert.fail(error.message)] = EXPLAINED.exec(error.message) ?? []
    return { message: error.message, id }
  }
  return assert.fail('it was allowed')
}

const denying = { ...allow('backup:Delete*'), Effect: 'Deny', Sid: 'KeepVaults' }

async function denied(name: string): Promise<{ readonly user: User; readonly id: string }> {
  const user = await makeUser(world, name, [allow('*'), denying])
  const { id } = await refusal(
    async () => await user.call('backup', 'DeleteBackupVault', { BackupVaultName: 'told' }),
  )
  return { user, id }
}

test('GetRequestAuthorizationDetails and …Policy tell what a refused request met, as it was', async () => {
  const { user, id } = await denied('told-user')
  await world.call('iam', 'PutUserPolicy', {
    UserName: 'told-user',
    PolicyName: 'own',
    PolicyDocument: policy(allow('*')),
  })
  const { call } = world
  const details = await call('iam-toolbox', 'GetRequestAuthorizationDetails', { authorizationId: id })
  const uri = `inline:identity:${user.arn}:own`
  assert.deepEqual(details.evaluations, [
    {
      action: 'backup:DeleteBackupVault',
      resource: vaultArn,
      evaluatedEffect: 'EXPLICIT_DENY',
      matchedPolicies: [{ uri, matchedStatements: [{ sid: 'KeepVaults', evaluatedEffect: 'DENY' }] }],
    },
  ])
  assert.deepEqual(details.policies, [
    { type: 'IDENTITY_BASED_POLICY', inline: true, uri, attachedTo: [{ arn: user.arn }] },
  ])
  assert.equal(details.requestContext['aws:username'], 'told-user')
  assert.equal(details.nextToken, undefined)
  const { policyDocument } = await call('iam-toolbox', 'GetRequestAuthorizationPolicy', {
    authorizationId: id,
    policyUri: uri,
  })
  assert.deepEqual(
    policyDocument,
    JSON.parse(policy(allow('*'), denying)),
    'the policy as the refusal met it',
  )
  await assert.rejects(
    call('iam-toolbox', 'GetRequestAuthorizationPolicy', { authorizationId: id, policyUri: 'other' }),
    { code: 'ResourceNotFoundException', status: 404 },
  )
})

test('R15 the toolbox needs its own rights, and knows no id of another account', async () => {
  const { id } = await denied('told-other')
  const nobody = await makeUser(world, 'nobody-told')
  for (const operation of ['GetRequestAuthorizationDetails', 'GetRequestAuthorizationPolicy'] as const) {
    const input = { authorizationId: id, policyUri: 'x' }
    const { message } = await refusal(async () => await nobody.call('iam-toolbox', operation, input))
    assert.match(message, new RegExp(`not authorized to perform: iam:${operation} on resource: \\*`))
  }
  const { call } = world
  for (const authorizationId of ['0'.repeat(20), 'UPPER']) {
    const expected =
      authorizationId === 'UPPER'
        ? { code: 'ValidationException', status: 400 }
        : { code: 'ResourceNotFoundException', status: 404 }
    await assert.rejects(call('iam-toolbox', 'GetRequestAuthorizationDetails', { authorizationId }), expected)
  }
  await assert.rejects(
    call('iam-toolbox', 'GetRequestAuthorizationDetails', { authorizationId: id, nextToken: 'forged' }),
    { code: 'ValidationException' },
  )
})

const hasBoto3 = spawnSync('python3', ['-c', 'import boto3'], { stdio: 'ignore' }).status === 0

test(
  'boto3’s own client of the toolbox pages through what a refused job asked for',
  { skip: hasBoto3 ? false : 'python3 with boto3 is not installed' },
  async () => {
    const IamRoleArn = await makeRole(world, 'told-role', {
      statements: [allow('backup:DescribeBackupVault')],
    })
    const job = await backUp(world, { BackupVaultName: 'told', ResourceArn: tree.arn, IamRoleArn })
    const [, id = assert.fail(job.StatusMessage)] = EXPLAINED.exec(job.StatusMessage ?? '') ?? []
    const models = join(world.scratch, 'models')
    mkdirSync(join(models, 'iam-toolbox', '2018-05-10'), { recursive: true })
    const model = JSON.parse(
      readFileSync(join(import.meta.dirname, '..', '..', 'models', 'iam-toolbox.json'), 'utf8'),
    ) as { metadata: object }
    // What ours leaves out because a server needs none of it.
    const metadata = {
      ...model.metadata,
      endpointPrefix: 'iam-toolbox',
      serviceId: 'IAM Toolbox',
      signatureVersion: 'v4',
    }
    writeFileSync(
      join(models, 'iam-toolbox', '2018-05-10', 'service-2.json'),
      JSON.stringify({ ...model, version: '2.0', metadata }),
    )
    const script = join(import.meta.dirname, '..', 'fixtures', 'toolbox.py')
    const env = {
      AWS_ACCESS_KEY_ID: world.rootKey.accessKeyId,
      AWS_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
      AWS_DEFAULT_REGION: world.region,
      AWS_EC2_METADATA_DISABLED: 'true',
      AWS_DATA_PATH: models,
      HOME: world.scratch,
    }
    const told = JSON.parse(await runTool('python3', [script, world.url, id], { env })) as {
      first: OutputOf<'iam-toolbox', 'GetRequestAuthorizationDetails'>
      pages: number
      evaluations: number
      documents: Readonly<Record<string, { Statement: { Sid?: string }[] }>>
      absent: unknown
    }
    const [refused] = told.first.evaluations
    assert.deepEqual([refused?.evaluatedEffect, refused?.matchedPolicies], ['IMPLICIT_DENY', []])
    assert.equal(told.pages, 2, 'the job’s record is behind its refusal')
    assert.ok(told.evaluations > 2, `${told.evaluations}`)
    assert.deepEqual(
      told.first.policies.map(({ type }) => type),
      ['IDENTITY_BASED_POLICY', 'SESSION_POLICY'],
    )
    const documents = Object.values(told.documents).map(({ Statement }) => Statement[0]?.Sid)
    assert.deepEqual(documents, [undefined, 'ThisJobOnly'])
    assert.deepEqual(told.absent, ['ResourceNotFoundException', 404])
  },
)

const ENCODED = /\. Encoded authorization failure message: (\S+)$/

test('DecodeAuthorizationMessage opens what a job of a kind with encoded denials says behind its sentence', async (t) => {
  // No kind here has it: of AWS's services EC2 encodes its denials, and EFS, RDS and S3 say them plainly.
  Object.assign(efs, { encodesDenials: true })
  t.after(() => Object.assign(efs, { encodesDenials: false }))
  const IamRoleArn = await makeRole(world, 'encoding', {
    statements: [allow('*'), { ...allow('elasticfilesystem:Backup'), Effect: 'Deny', Sid: 'NotTheFiles' }],
  })
  const job = await backUp(world, { BackupVaultName: 'told', ResourceArn: tree.arn, IamRoleArn })
  const message = job.StatusMessage ?? ''
  const [, EncodedMessage = assert.fail(message)] = ENCODED.exec(message) ?? []
  const [, id = assert.fail(message)] = EXPLAINED.exec(message.replace(ENCODED, '')) ?? []
  const { DecodedMessage = '' } = await clients.sts.send(
    new DecodeAuthorizationMessageCommand({ EncodedMessage }),
  )
  const decoded = JSON.parse(DecodedMessage) as Readonly<Record<string, unknown>> & {
    context: { principal: object; action: string; resource: string; conditions: { items: { key: string }[] } }
  }
  assert.deepEqual(
    { ...decoded, context: undefined },
    {
      allowed: false,
      explicitDeny: true,
      matchedStatements: {
        items: [
          {
            statementId: 'NotTheFiles',
            effect: 'DENY',
            principals: { items: [] },
            principalGroups: { items: [] },
            actions: { items: [{ value: 'elasticfilesystem:Backup' }] },
            resources: { items: [{ value: '*' }] },
            conditions: { items: [] },
          },
        ],
      },
      failures: { items: [] },
      context: undefined,
    },
  )
  const { Authorization } = await world.call('roleback', 'GetAuthorizationDetails', { AuthorizationId: id })
  assert.deepEqual(decoded.context.principal, {
    id: Authorization.PrincipalId,
    arn: Authorization.PrincipalArn,
  })
  assert.deepEqual([decoded.context.action, decoded.context.resource], ['elasticfilesystem:Backup', tree.arn])
  assert.ok(decoded.context.conditions.items.some(({ key }) => key === 'aws:requestedregion'))

  const damaged = `${EncodedMessage.slice(0, 40)}${EncodedMessage[40] === 'A' ? 'B' : 'A'}${EncodedMessage.slice(41)}`
  for (const wrong of [damaged, 'x', EncodedMessage.slice(0, -8), world.rootKey.accessKeyId]) {
    await assert.rejects(
      clients.sts.send(new DecodeAuthorizationMessageCommand({ EncodedMessage: wrong })),
      sdkError('InvalidAuthorizationMessageException', 400),
    )
  }
  const nobody = server.clientsOf((await makeUser(world, 'no-decoder')).key)
  await assert.rejects(
    nobody.sts.send(new DecodeAuthorizationMessageCommand({ EncodedMessage })),
    sdkError('AccessDenied', 403, 'sts:DecodeAuthorizationMessage'),
  )
})
