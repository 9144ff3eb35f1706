import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { AwsError } from '../../src/aws/error.ts'
import { roleback } from '../fixtures/command-line.ts'
import { makeRole, makeVault, openWorld, registerDirectory } from '../fixtures/world.ts'
import { preflightOf } from '../fixtures/preflight.ts'

/** Generated policies through the API and the command line; test/role-policy.test.ts runs jobs under them. */

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())
const vaultArn = await makeVault(world, 'safe')
const tree = await registerDirectory(world, 'tree', (path) => writeFileSync(`${path}/file`, 'x'))
const points = `arn:aws:backup:${world.region}:${world.accountId}:recovery-point:*`

test('GenerateRolePolicy grants what a backup asks for, on this resource and this vault only', async () => {
  const made = await world.call('roleback', 'GenerateRolePolicy', {
    ResourceArns: [tree.arn],
    BackupVaultNames: ['safe'],
    Backup: true,
    Expire: true,
  })
  assert.deepEqual(JSON.parse(made.PolicyDocument), {
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Action: 'backup:DescribeBackupVault', Resource: vaultArn },
      {
        Effect: 'Allow',
        Action: ['elasticfilesystem:Backup', 'elasticfilesystem:DescribeTags'],
        Resource: tree.arn,
      },
      {
        Effect: 'Allow',
        Action: ['backup:DeleteRecoveryPoint', 'backup:TagResource'],
        Resource: points,
        Condition: { StringEquals: { 'aws:ResourceTag/aws:backup:source-resource': tree.arn } },
      },
    ],
  })
  assert.equal(made.Characters, made.PolicyDocument.length)
  assert.deepEqual([made.FitsInline, made.StatementCount, made.ResourceCount, made.Notes], [true, 3, 1, []])
  const role = await makeRole(world, 'generated', {})
  const ask = {
    Operation: 'StartBackupJob',
    BackupVaultName: 'safe',
    IamRoleArn: role,
    ResourceArns: [tree.arn],
    DeleteAfterDays: 1,
  } as const
  assert.equal((await preflightOf(world, ask)).Verdict, 'denied')
  await world.call('iam', 'PutRolePolicy', {
    RoleName: 'generated',
    PolicyName: 'own',
    PolicyDocument: made.PolicyDocument,
  })
  assert.equal((await preflightOf(world, ask)).Verdict, 'allowed')
})

test('restores go onto the resource, to what is named, or to anything new, as asked', async () => {
  const actions = async (input: object): Promise<readonly string[]> => {
    const { PolicyDocument } = await world.call('roleback', 'GenerateRolePolicy', {
      ResourceArns: [tree.arn],
      BackupVaultNames: ['safe'],
      Restore: true,
      ...input,
    })
    const { Statement } = JSON.parse(PolicyDocument) as {
      Statement: { Action: string | string[]; Resource: string }[]
    }
    return Statement.flatMap(({ Action, Resource }) =>
      [Action].flat().map((one) => `${one.replace('elasticfilesystem:', '')} ${Resource}`),
    )
  }
  const anew = `arn:aws:elasticfilesystem:${world.region}:${world.accountId}:file-system/fs-*`
  assert.deepEqual(await actions({}), [`DescribeFileSystems ${tree.arn}`, `Restore ${tree.arn}`])
  assert.deepEqual(
    await actions({ RestoreToNew: true }),
    ['CreateFileSystem', 'DescribeFileSystems', 'Restore', 'TagResource'].map((one) => `${one} ${anew}`),
  )
  const named = tree.arn.replace(/fs-.*/, 'fs-other')
  assert.deepEqual(await actions({ RestoreTargetArns: [named] }), [
    `DescribeFileSystems ${named}`,
    `Restore ${named}`,
  ])
  assert.deepEqual(
    (await actions({ IncludeOptional: true, ForPlan: true })).toSorted(),
    [
      `ClientRootAccess ${tree.arn}`,
      `DescribeFileSystems ${tree.arn}`,
      `Restore ${tree.arn}`,
      'tag:GetResources *',
    ].toSorted(),
  )
})

test('a policy for nothing, or for what is no resource, is refused', async () => {
  for (const input of [
    { ResourceArns: [tree.arn] },
    { Backup: true },
    { Backup: true, ResourceArns: ['arn:aws:ec2:us-east-1:111122223333:volume/vol-1'] },
    { Backup: true, ResourceArns: ['arn:aws:rds:*'] },
  ]) {
    await assert.rejects(
      world.call('roleback', 'GenerateRolePolicy', { BackupVaultNames: ['safe'], ...input }),
      (error: unknown) => error instanceof AwsError && error.code === 'InvalidParameterValueException',
    )
  }
})

test('`roleback role generate-policy` prints the document alone, ready for put-role-policy', async () => {
  const env = {
    AWS_ENDPOINT_URL: world.url,
    AWS_ACCESS_KEY_ID: world.rootKey.accessKeyId,
    AWS_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
  }
  const args = ['role', 'generate-policy', 'arn:aws:elasticfilesystem:*', '--vault', 'safe', '--backup']
  const told = await roleback(args, { env })
  assert.equal(told.code, 0, told.stderr)
  assert.deepEqual([JSON.parse(told.stdout).Statement.length, told.stderr], [3, ''])
  const split = await roleback([...args, '--split'], { env })
  assert.deepEqual(JSON.parse(split.stdout), JSON.parse(told.stdout))
})
