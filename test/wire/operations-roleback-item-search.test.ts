import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import {
  BackupClient,
  DescribeRecoveryPointCommand,
  GetRecoveryPointIndexDetailsCommand,
  ListIndexedRecoveryPointsCommand,
  UpdateRecoveryPointIndexSettingsCommand,
} from '@aws-sdk/client-backup'
import type { Call, InputOf, OutputOf } from '../../src/aws/client.ts'
import { awsError } from '../fixtures/aws-error.ts'
import { roleback } from '../fixtures/command-line.ts'
import { registerOrders, startOrders } from '../fixtures/orders.ts'
import { postgresMissing } from '../servers/postgres.ts'
import {
  ALL_RIGHTS,
  allow,
  backUpWell,
  jobEnd,
  makeRole,
  makeUser,
  makeVault,
  openWorld,
  registerDirectory,
  restore,
} from '../fixtures/world.ts'
import type { World } from '../fixtures/world.ts'

/** Finding files in recovery points, and restoring just these. */

const VAULT = 'archive'
const OLD = new Date('2020-02-02T02:02:02Z')
const HOSTILE = '<img src=x>\u202e.txt'

let world: World
let role: string
let tree: Awaited<ReturnType<typeof registerDirectory>>
let first: string
let second: string

before(async () => {
  world = await openWorld({ isGuarded: true })
  role = await makeRole(world, 'worker', { statements: [ALL_RIGHTS] })
  await makeVault(world, VAULT)
  tree = await registerDirectory(world, 'documents', (path) => {
    mkdirSync(join(path, 'reports/2026'), { recursive: true })
    writeFileSync(join(path, 'reports/2026/May.pdf'), 'May '.repeat(1000))
    writeFileSync(join(path, 'reports/2026/june.pdf'), 'June')
    writeFileSync(join(path, 'notes.txt'), 'notes')
    writeFileSync(join(path, HOSTILE), 'hostile')
    utimesSync(join(path, 'notes.txt'), OLD, OLD)
  })
  first = await backUpWell(world, { BackupVaultName: VAULT, ResourceArn: tree.arn, IamRoleArn: role })
  writeFileSync(join(tree.path, 'reports/2026/july.pdf'), 'July')
  second = await backUpWell(world, { BackupVaultName: VAULT, ResourceArn: tree.arn, IamRoleArn: role })
})
after(() => world[Symbol.asyncDispose]())

type Search = Omit<InputOf<'roleback', 'StartItemSearchJob'>, 'BackupVaultName'>
type Results = OutputOf<'roleback', 'ListItemSearchResults'>

async function search(input: Search, call: Call = world.call): Promise<Results & { readonly JobId: string }> {
  const { JobId } = await call('roleback', 'StartItemSearchJob', { BackupVaultName: VAULT, ...input })
  const end = await jobEnd(world, JobId)
  assert.equal(end.State, 'COMPLETED', String(end.StatusMessage))
  return { ...(await call('roleback', 'ListItemSearchResults', { JobId })), JobId }
}

const names = ({ Items }: Results): string[] => Items.map(({ Name }) => Name)

test('finds by name in all recovery points, newest first, whatever the case', async () => {
  assert.deepEqual(names(await search({ NamePattern: 'm?y.PDF' })), [
    '/reports/2026/May.pdf',
    '/reports/2026/May.pdf',
  ])
  const july = await search({ NamePattern: 'july*' })
  assert.deepEqual(
    july.Items.map(({ RecoveryPointArn, ResourceArn, ItemType, Size }) => [
      RecoveryPointArn,
      ResourceArn,
      ItemType,
      Size,
    ]),
    [[second, tree.arn, 'file', 4]],
  )
})

test('finds by folder, whole path, size and time of the last change, in the recovery points that are named', async () => {
  const RecoveryPointArns = [first]
  assert.deepEqual(names(await search({ RecoveryPointArns, Prefix: '/reports/2026/' })), [
    '/reports/2026/',
    '/reports/2026/May.pdf',
    '/reports/2026/june.pdf',
  ])
  assert.deepEqual(names(await search({ RecoveryPointArns, NamePattern: '/*/2026/j*' })), [
    '/reports/2026/june.pdf',
  ])
  assert.deepEqual(names(await search({ RecoveryPointArns, MinSize: 1000 })), ['/reports/2026/May.pdf'])
  assert.deepEqual(names(await search({ RecoveryPointArns, NamePattern: '*.*', MaxSize: 5 })), [
    '/notes.txt',
    '/reports/2026/june.pdf',
  ])
  assert.deepEqual(
    names(
      await search({ RecoveryPointArns, NamePattern: '*.*', ModifiedAfter: new Date('2021-01-01') }),
    ).slice(1),
    ['/reports/2026/May.pdf', '/reports/2026/june.pdf'],
    'behind the hostile name',
  )
  const old = await search({ RecoveryPointArns, ModifiedBefore: new Date('2021-01-01') })
  assert.deepEqual(
    old.Items.map(({ Name, ModifiedAt }) => [Name, ModifiedAt?.getTime()]),
    [['/notes.txt', OLD.getTime()]],
  )
  assert.deepEqual(names(await search({ RecoveryPointArns, NamePattern: 'july.pdf' })), [])
  const [hostile = ''] = names(await search({ RecoveryPointArns, NamePattern: '<img*' }))
  assert.ok(hostile.startsWith('/<img') && !hostile.includes('\u202e'), hostile)
})

test('tells one level at a time as folders with what lies below, and goes on behind what was told', async () => {
  const RecoveryPointArns = [first]
  const level = async (input: Search): Promise<unknown> =>
    (await search({ RecoveryPointArns, Delimiter: '/', ...input })).Items.map(({ Name, ItemType, Size }) => [
      Name.replace(/^\/<img.*/, '/<img'),
      ItemType,
      Size,
    ])
  assert.deepEqual(await level({ Prefix: '/' }), [
    ['/<img', 'file', 7],
    ['/notes.txt', 'file', 5],
    ['/reports/', 'folder', 4004],
  ])
  assert.deepEqual(await level({ Prefix: '/reports/' }), [['/reports/2026/', 'folder', 4004]])
  assert.deepEqual(await level({ Prefix: '/reports/2026/', Skip: 1 }), [
    ['/reports/2026/june.pdf', 'file', 4],
  ])
  assert.deepEqual(await level({ Prefix: '/', Skip: 2 }), [['/reports/', 'folder', 4004]])
  assert.deepEqual(await level({ Prefix: '/reports/2026/', Skip: 2 }), [])
  const kept = world.rows<{ hours: number }>(
    "select distinct (kept_until - created_at) / 3600000 as hours from job where kind = 'search' order by 1",
  )
  assert.deepEqual(
    kept.map(({ hours }) => hours),
    [1, 168],
    'who looks about leaves nothing behind for long',
  )
  for (const slip of [{ Delimiter: '' }, { Delimiter: '/'.repeat(17) }, { Skip: -1 }])
    await assert.rejects(
      search(slip),
      awsError('InvalidParameterValueException', `${Object.keys(slip)[0] as string} must`),
    )
})

test('restores just what was found', async () => {
  const { Items } = await search({ NamePattern: 'may.pdf', RecoveryPointArns: [first] })
  const { RestoreMetadata } = await world.call('backup', 'GetRecoveryPointRestoreMetadata', {
    BackupVaultName: VAULT,
    RecoveryPointArn: first,
  })
  const { Status, StatusMessage } = await restore(world, {
    RecoveryPointArn: first,
    IamRoleArn: role,
    Metadata: {
      ...RestoreMetadata,
      newFileSystem: 'true',
      CreationToken: 'just-may',
      ItemsToRestore: JSON.stringify(Items.map(({ Name }) => Name)),
    },
  })
  assert.equal(Status, 'COMPLETED', String(StatusMessage))
  const path = /Restored to (\S+)/.exec(String(StatusMessage))?.[1] ?? ''
  assert.equal(readFileSync(join(path, 'reports/2026/May.pdf'), 'utf8'), 'May '.repeat(1000))
})

test('R16 the names of things are told to nobody who could not read them at the source', async () => {
  const mayFind = [allow('roleback:StartItemSearchJob'), allow('roleback:ListItemSearchResults')]
  const blind = await makeUser(world, 'blind', mayFind)
  await assert.rejects(
    search({}, blind.call),
    awsError('AccessDeniedException', 'elasticfilesystem:ClientMount'),
  )
  const reader = await makeUser(world, 'reader', [...mayFind, allow('elasticfilesystem:ClientMount')])
  const { JobId } = await search({}, reader.call)
  // Another one's search opens nothing, neither by its own operation nor as a job.
  await assert.rejects(
    blind.call('roleback', 'ListItemSearchResults', { JobId }),
    awsError('AccessDeniedException', 'elasticfilesystem:ClientMount'),
  )
  const { Job } = await world.call('roleback', 'DescribeJob', { JobId })
  assert.ok(!JSON.stringify(Job).includes('notes'))
  const other = await makeUser(world, 'other', [
    allow('elasticfilesystem:ClientMount'),
    allow('roleback:List*'),
  ])
  await assert.rejects(search({}, other.call), awsError('AccessDeniedException', 'StartItemSearchJob'))
})

test('says what is wrong with a search', async () => {
  const refused = (input: Search, code: string, message: string): Promise<void> =>
    assert.rejects(search(input), awsError(code, message))
  await refused({ NamePattern: '' }, 'InvalidParameterValueException', 'NamePattern must have 1 to 1024')
  await refused({ MinSize: 2, MaxSize: 1 }, 'InvalidParameterValueException', 'MinSize must not be above')
  await refused(
    { RecoveryPointArns: [`${first}0`] },
    'ResourceNotFoundException',
    'Cannot find recovery point',
  )
  await refused(
    { ResourceArn: `${tree.arn}0` },
    'InvalidRequestException',
    'no recovery point that these filters',
  )
  await assert.rejects(
    world.call('roleback', 'ListItemSearchResults', { JobId: 'none' }),
    awsError('ResourceNotFoundException', 'Cannot find item search none'),
  )
})

test('the command line finds and says where', async () => {
  const env = {
    AWS_ENDPOINT_URL: world.url,
    AWS_ACCESS_KEY_ID: world.rootKey.accessKeyId,
    AWS_SECRET_ACCESS_KEY: world.rootKey.secretAccessKey,
  }
  const { code, stdout, stderr } = await roleback(['search', VAULT, '*.pdf', '--under', '/reports/'], { env })
  assert.equal(code, 0, stderr)
  assert.match(stdout, /^NAME +BYTES +CHANGED +BACKED UP +RECOVERY POINT\n\/reports\/2026\/May\.pdf +4000 /)
  assert.match(stderr, /^Found 5 of \d+ items in 2 recovery points\./)
  const wrong = await roleback(['search', VAULT, '--min-size', 'large'], { env })
  assert.equal(wrong.code, 2)
  assert.match(wrong.stderr, /--min-size must be a number of bytes/)
})

describe('a database', { skip: postgresMissing() }, () => {
  test('a table is found by its name, and restored without the others', async () => {
    await using orders = await startOrders(world)
    await orders.server.sql('SET ROLE shop; CREATE TABLE others (id int)', 'orders')
    const ResourceArn = await registerOrders(orders, world.call)
    const point = await backUpWell(world, { BackupVaultName: VAULT, ResourceArn, IamRoleArn: role })
    const found = await search({ ResourceArn, NamePattern: 'Orders' })
    assert.deepEqual(
      found.Items.map(({ Name, ItemType, Size, ModifiedAt }) => [Name, ItemType, Size, ModifiedAt]),
      [['public.orders', 'table', undefined, undefined]],
    )
    assert.deepEqual(names(await search({ ResourceArn, Prefix: 'public.' })), [
      'public.orders',
      'public.others',
    ])
    const level = await search({ ResourceArn, Delimiter: '.' })
    assert.deepEqual(
      level.Items.map(({ Name, ItemType, Size }) => [Name, ItemType, Size]),
      [['public.', 'folder', undefined]],
    )
    // A dump says neither how large a table is nor when it was changed.
    assert.deepEqual(names(await search({ ResourceArn, MinSize: 0 })), [])
    const { Status, StatusMessage } = await restore(world, {
      RecoveryPointArn: point,
      IamRoleArn: role,
      Metadata: { DBInstanceIdentifier: 'just_orders', ItemsToRestore: JSON.stringify(names(found)) },
    })
    assert.equal(Status, 'COMPLETED', String(StatusMessage))
    assert.match(String(StatusMessage), /Only public\.orders of the database was restored/)
    assert.equal(await orders.content('just_orders'), await orders.content('orders'))
    assert.deepEqual(await orders.server.sql(`SELECT to_regclass('others') AS there`, 'just_orders'), [
      { there: null },
    ])
  })
})

test('an index is there as soon as it is asked for, and listed until it is not wanted any more', async () => {
  const client = new BackupClient({
    endpoint: world.url,
    region: world.region,
    credentials: {
      accessKeyId: world.rootKey.accessKeyId,
      secretAccessKey: world.rootKey.secretAccessKey,
    },
  })
  const where = { BackupVaultName: VAULT, RecoveryPointArn: first }
  const listed = async (): Promise<(string | undefined)[]> => {
    const { IndexedRecoveryPoints = [] } = await client.send(
      new ListIndexedRecoveryPointsCommand({ SourceResourceArn: tree.arn }),
    )
    return IndexedRecoveryPoints.map(({ RecoveryPointArn }) => RecoveryPointArn)
  }
  try {
    assert.deepEqual(await listed(), [])
    const on = await client.send(
      new UpdateRecoveryPointIndexSettingsCommand({ ...where, Index: 'ENABLED', IamRoleArn: role }),
    )
    assert.deepEqual([on.Index, on.IndexStatus], ['ENABLED', 'ACTIVE'])
    assert.deepEqual(await listed(), [first])
    assert.equal((await client.send(new DescribeRecoveryPointCommand(where))).IndexStatus, 'ACTIVE')
    const details = await client.send(new GetRecoveryPointIndexDetailsCommand(where))
    assert.deepEqual([details.IndexStatus, details.SourceResourceArn], ['ACTIVE', tree.arn])
    assert.ok((details.TotalItemsIndexed ?? 0) >= 5)
    const off = await client.send(
      new UpdateRecoveryPointIndexSettingsCommand({ ...where, Index: 'DISABLED' }),
    )
    assert.equal(off.IndexStatus, 'DELETING')
    assert.deepEqual(await listed(), [])
    const gone = await client.send(new GetRecoveryPointIndexDetailsCommand(where))
    assert.equal(gone.IndexStatus, undefined)
  } finally {
    client.destroy()
  }
})

test('a role for an index must be one that its caller may pass', async () => {
  const indexer = await makeUser(world, 'indexer', [allow('backup:UpdateRecoveryPointIndexSettings')])
  await assert.rejects(
    indexer.call('backup', 'UpdateRecoveryPointIndexSettings', {
      BackupVaultName: VAULT,
      RecoveryPointArn: first,
      Index: 'ENABLED',
      IamRoleArn: role,
    }),
    awsError('AccessDeniedException', 'iam:PassRole'),
  )
})
