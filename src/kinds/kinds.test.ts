import assert from 'node:assert/strict'
import { test } from 'node:test'
import { efs } from './efs.ts'
import type { Kind, StepTarget } from './kind.ts'
import { KINDS, kindOfArn, kindOfType, restoreConnectionArn } from './kinds.ts'
import { rds } from './rds.ts'
import { inferredMetadata, restoreTestName } from './restore-test.ts'
import { s3, s3ObjectArn } from './s3.ts'
import { TARGET_RESOURCE } from './target-resource.ts'

const PARTS = { region: 'us-east-1', accountId: '111122223333' }
const CREATED = {
  jobId: '0F8FAD5B-d9cb-469f-a165-70867728950e',
  createdAt: new Date('2026-03-04T05:06:07.890Z'),
}

test('resources and recovery points have the ARN forms of AWS', () => {
  assert.equal(rds.resourceArn({ ...PARTS, name: 'orders' }), 'arn:aws:rds:us-east-1:111122223333:db:orders')
  assert.equal(
    rds.recoveryPointArn({ ...PARTS, ...CREATED, name: 'orders' }),
    'arn:aws:rds:us-east-1:111122223333:snapshot:awsbackup:job-0f8fad5b-d9cb-469f-a165-70867728950e',
  )
  assert.equal(s3.resourceArn({ ...PARTS, name: 'photos' }), 'arn:aws:s3:::photos')
  assert.equal(
    s3.recoveryPointArn({ ...PARTS, ...CREATED, name: 'photos' }),
    'arn:aws:backup:us-east-1:111122223333:recovery-point:photos-20260304050607-0f8fad5b',
  )
})

test('R19 where a restore test goes is not for what a recovery point says of itself', () => {
  const name = restoreTestName('0'.repeat(32))
  const planted = { [TARGET_RESOURCE]: 'arn:aws:rds:us-east-1:111122223333:db:other', unknown: 'x' }
  const rows: readonly (readonly [Kind, ofPoint: object, inferred: object])[] = [
    [
      efs,
      { 'file-system-id': 'fs-0123456789abcdef0', newFileSystem: 'false', CreationToken: 'production' },
      {
        'file-system-id': 'fs-0123456789abcdef0',
        newFileSystem: 'true',
        CreationToken: name,
        Encrypted: 'false',
      },
    ],
    [
      rds,
      { DBInstanceIdentifier: 'orders', DBName: 'production', Engine: 'postgres' },
      { DBInstanceIdentifier: name, Engine: 'postgres' },
    ],
    [
      s3,
      {
        DestinationBucketName: 'photos',
        NewBucket: 'false',
        RestoreACLs: 'true',
        EncryptionType: 'SSE-KMS',
        KMSKey: 'key',
      },
      {
        DestinationBucketName: name,
        NewBucket: 'true',
        RestoreACLs: 'false',
        EncryptionType: 'original',
        KMSKey: 'key',
      },
    ],
  ]
  assert.deepEqual(
    rows.map(([{ type }]) => type),
    KINDS.map(({ type }) => type).toSorted(),
  )
  for (const [kind, ofPoint, inferred] of rows)
    assert.deepEqual(inferredMetadata(kind, { ...planted, ...ofPoint }, name), inferred, kind.type)
})

test('kindOfArn() finds every kind by the ARN that the kind itself makes, and no other ARN', () => {
  const names = { EFS: 'fs-0123456789abcdef0', RDS: 'orders-2', S3: 'my.bucket-1' }
  for (const kind of KINDS) {
    const name = names[kind.type]
    assert.deepEqual(kindOfArn(kind.resourceArn({ ...PARTS, name })), { kind, name })
    assert.equal(kindOfType(kind.type), kind)
  }
  for (const arn of [
    '',
    'arn:aws:s3:::bucket/key',
    'arn:aws:s3:::',
    'arn:aws:rds:us-east-1:111122223333:cluster:x',
    'arn:aws:rds:us-east-1:1:db:x',
    'arn:aws:rds:us-east-1:111122223333:db:x\n',
    'arn:aws:ec2:us-east-1:111122223333:volume/vol-1',
  ]) {
    assert.equal(kindOfArn(arn), undefined, arn)
  }
  assert.equal(kindOfType('rds'), undefined)
})

/** Every field that any step could need. */
const FULL: StepTarget = {
  resourceArn: 'arn:r',
  recoveryPointArn: 'arn:p',
  backupVaultArn: 'arn:v',
  targetArn: 'arn:t',
  objectArn: 'arn:o',
  resourceTags: { a: '1' },
  requestTags: { b: '2' },
}

test('every step of every kind is keyed by its name, names one action and is never decided on nothing', () => {
  for (const kind of KINDS) {
    for (const steps of [kind.backup, kind.restore, kind.remove]) {
      for (const [name, step] of Object.entries(steps)) {
        assert.equal(step.name, name)
        assert.match(step.action, /^[a-z0-9]+:[A-Za-z]+$/)
        const arns = step.arns(FULL)
        assert.ok(arns.length > 0 && arns.every((arn) => arn.startsWith('arn:')))
        assert.throws(() => step.arns({ resourceArn: '' }), /without its ARN/)
      }
    }
  }
})

test('a snapshot must be allowed on the database and on the snapshot, and its deletion on the snapshot', () => {
  assert.deepEqual(rds.backup['CreateSnapshot']?.arns(FULL), ['arn:r', 'arn:p'])
  assert.deepEqual(rds.restore['RestoreDatabase']?.arns(FULL), ['arn:t', 'arn:p'])
  assert.deepEqual(rds.remove['DeleteSnapshot']?.arns(FULL), ['arn:p'])
  assert.deepEqual(s3.remove, {})
})

test('tags reach conditions under the services’ own keys', () => {
  assert.deepEqual(rds.backup['CreateSnapshot']?.context?.(FULL), {
    'rds:db-tag/a': '1',
    'aws:RequestTag/b': '2',
    'rds:req-tag/b': '2',
    'aws:TagKeys': ['b'],
  })
  assert.deepEqual(s3.backup['ReadObject']?.context?.(FULL), { 's3:ExistingObjectTag/a': '1' })
  assert.deepEqual(s3.restore['WriteObject']?.context?.(FULL), {
    's3:RequestObjectTag/b': '2',
    's3:RequestObjectTagKeys': ['b'],
  })
})

test('an object’s ARN holds its key as it is', () => {
  assert.equal(s3ObjectArn('arn:aws:s3:::b', '/a b/ü*'), 'arn:aws:s3:::b//a b/ü*')
})

test('a restore works through the named resource, else through its registered target, else through its source', () => {
  const resourceArn = 'arn:source'
  const existing = { arn: 'arn:target', isNew: false }
  const fresh = { arn: 'arn:target', isNew: true }
  const metadata = { 'roleback:TargetResourceArn': 'arn:other' }
  assert.equal(restoreConnectionArn({ metadata: {}, target: fresh, resourceArn }), 'arn:source')
  assert.equal(restoreConnectionArn({ metadata: {}, target: existing, resourceArn }), 'arn:target')
  assert.equal(restoreConnectionArn({ metadata, target: fresh, resourceArn }), 'arn:other')
})
