import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { awsCommand, guideOf } from './quickstart-guide.ts'
import { dbaPolicy, storeCredentials, storedCredentials } from './quickstart-identities.ts'
import { SAMPLE, placesOf, realPathToBe } from './quickstart-places.ts'

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'roleback-places-')))
after(() => rmSync(folder, { recursive: true }))
mkdirSync(join(folder, 'src', 'inner'), { recursive: true })
symlinkSync('src', join(folder, 'link'))
writeFileSync(join(folder, 'file'), '')

test('placesOf() takes the sample where nothing is named and puts restores beside the data', () => {
  const places = placesOf(undefined, join(folder, 'data'))
  assert.equal(places.source, SAMPLE)
  assert.equal(places.restored, join(folder, 'data-restored'))
})

test('placesOf() follows links before it compares, also of what is not there yet', () => {
  assert.equal(placesOf(join(folder, 'link'), join(folder, 'data')).source, join(folder, 'src'))
  assert.equal(realPathToBe(join(folder, 'link', 'not', 'yet')), join(folder, 'src', 'not', 'yet'))
  const overlapping: readonly (readonly [string, string])[] = [
    ['src', 'link/data'],
    ['link/inner', 'src'],
    ['src', 'src'],
    ['.', 'data'],
  ]
  for (const [source, data] of overlapping) {
    assert.throws(() => placesOf(join(folder, source), join(folder, data)), {
      name: 'CommandUsageError',
      message: /it overlaps ".*", which the server writes to/,
    })
  }
})

test('placesOf() refuses what is missing and what is no directory', () => {
  assert.throws(() => placesOf(join(folder, 'none'), join(folder, 'data')), {
    message: /none": it does not exist\. Name a directory/,
  })
  assert.throws(() => placesOf(join(folder, 'file'), join(folder, 'data')), { message: /is not a directory/ })
})

test('storeCredentials() writes for the owner alone what storedCredentials() reads back', () => {
  const file = join(folder, 'credentials')
  const keys = { accessKeyId: 'AKIA1', secretAccessKey: 'a/b+c=' }
  storeCredentials(file, 'eu-west-1', { one: keys, two: { ...keys, accessKeyId: 'AKIA2' } })
  assert.equal(statSync(file).mode & 0o777, 0o600)
  assert.deepEqual(storedCredentials(file, 'one'), keys)
  assert.equal(storedCredentials(file, 'two')?.accessKeyId, 'AKIA2')
  assert.equal(storedCredentials(file, 'three'), undefined)
  assert.equal(storedCredentials(join(folder, 'none'), 'one'), undefined)
})

test('dbaPolicy() lets one role be passed, to one service', () => {
  const { Statement } = JSON.parse(dbaPolicy('123456789012')) as { Statement: Record<string, unknown>[] }
  const passing = Statement.filter((one) => JSON.stringify(one['Action']).includes('PassRole'))
  assert.deepEqual(passing, [
    {
      Sid: 'PassTheDatabaseRole',
      Effect: 'Allow',
      Action: 'iam:PassRole',
      Resource: 'arn:aws:iam::123456789012:role/rds-backup',
      Condition: { StringEquals: { 'iam:PassedToService': 'backup.amazonaws.com' } },
    },
  ])
})

const FACTS = {
  endpoint: 'http://127.0.0.1:8420',
  region: 'us-east-1',
  accountId: '123456789012',
  credentialsFile: '/my data/quickstart-credentials',
  rootCredentialsFile: '/my data/root-credentials',
  kitFile: '/k',
  passphraseFile: '/p',
  vault: 'quickstart',
  resourceArn: 'arn:aws:elasticfilesystem:us-east-1:123456789012:file-system/fs-1',
  defaultRoleArn: 'arn:aws:iam::123456789012:role/service-role/AWSBackupDefaultServiceRole',
  recoveryPointArn: 'arn:aws:backup:us-east-1:123456789012:recovery-point:1',
  backupJobId: 'b',
  restoreJobId: 'r',
} as const

test('awsCommand() names endpoint and profile and breaks before each option of the operation', () => {
  assert.equal(
    awsCommand(FACTS, 'dba', [
      'backup',
      'start-backup-job',
      '--backup-vault-name',
      'v',
      '--resource-arn',
      'a b',
    ]),
    "aws --endpoint-url http://127.0.0.1:8420 --profile dba backup start-backup-job \\\n    --backup-vault-name v \\\n    --resource-arn 'a b'",
  )
})

test('guideOf() warns of an old aws CLI and names every file to keep', () => {
  const old = { kind: 'found', version: '1.19.1', knowsEndpointVariable: false } as const
  const text = guideOf(FACTS, old, 'AccessDenied: no').join('\n')
  assert.match(text, /export AWS_SHARED_CREDENTIALS_FILE='\/my data\/quickstart-credentials'/)
  assert.match(text, /warning: .*1\.19\.1 is older/)
  assert.match(text, /--metadata file-system-id=fs-1,newFileSystem=true/)
  assert.match(text, /move them\s+away from this machine/)
  assert.doesNotMatch(guideOf(FACTS, { ...old, knowsEndpointVariable: true }, '').join('\n'), /warning/)
})
