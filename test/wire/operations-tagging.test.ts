import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { CreateBackupVaultCommand, ListTagsCommand } from '@aws-sdk/client-backup'
import {
  GetComplianceSummaryCommand,
  GetResourcesCommand,
  GetTagKeysCommand,
  GetTagValuesCommand,
  TagResourcesCommand,
  UntagResourcesCommand,
  paginateGetResources,
} from '@aws-sdk/client-resource-groups-tagging-api'
import { allow, makeUser } from '../fixtures/world.ts'
import { sdkError, startTestServer } from '../server.ts'

/** Every built operation of the tagging API through the SDK: it changes something, and what it changed is read back. */

const server = await startTestServer()
after(() => server[Symbol.asyncDispose]())
const { world, clients } = server
const { tagging, backup } = clients
const vaultArn = (name: string): string =>
  `arn:aws:backup:${world.region}:${world.accountId}:backup-vault:${name}`
const NAMES = ['t0', 't1', 't2', 't3', 't4']
for (const name of NAMES) {
  const BackupVaultTags = { stage: name === 't0' ? 'prod' : 'test', n: name }
  await backup.send(new CreateBackupVaultCommand({ BackupVaultName: name, BackupVaultTags }))
}

test('GetResources finds by tags, types and ARNs, page by page', async () => {
  const found: (string | undefined)[] = []
  for await (const page of paginateGetResources({ client: tagging, pageSize: 2 }, {})) {
    found.push(...(page.ResourceTagMappingList ?? []).map((each) => each.ResourceARN))
  }
  assert.deepEqual(found, NAMES.map(vaultArn))
  const TagFilters = [
    { Key: 'stage', Values: ['test'] },
    { Key: 'n', Values: ['t1', 't3', 't0'] },
  ]
  const byTag = await tagging.send(
    new GetResourcesCommand({ TagFilters, ResourceTypeFilters: ['backup:backup-vault'] }),
  )
  assert.deepEqual(
    byTag.ResourceTagMappingList?.map((each) => each.ResourceARN),
    [vaultArn('t1'), vaultArn('t3')],
  )
  const other = await tagging.send(new GetResourcesCommand({ ResourceTypeFilters: ['rds'] }))
  assert.deepEqual(other.ResourceTagMappingList, [])
  const one = await tagging.send(new GetResourcesCommand({ ResourceARNList: [vaultArn('t0')] }))
  assert.deepEqual(
    one.ResourceTagMappingList?.map((each) => each.Tags?.length),
    [2],
  )
  await assert.rejects(
    tagging.send(new GetResourcesCommand({ PaginationToken: 'nonsense' })),
    sdkError('InvalidParameterException', 400, 'PaginationToken'),
  )
})

test('TagResources and UntagResources change tags that Backup reads back', async () => {
  const ResourceARNList = [vaultArn('t0'), vaultArn('none')]
  const tagged = await tagging.send(
    new TagResourcesCommand({ ResourceARNList, Tags: { owner: 'ann', stage: 'live' } }),
  )
  assert.deepEqual(Object.keys(tagged.FailedResourcesMap ?? {}), [vaultArn('none')])
  assert.equal(tagged.FailedResourcesMap?.[vaultArn('none')]?.ErrorCode, 'InvalidParameterException')
  await tagging.send(new UntagResourcesCommand({ ResourceARNList: [vaultArn('t0')], TagKeys: ['n'] }))
  const { Tags } = await backup.send(new ListTagsCommand({ ResourceArn: vaultArn('t0') }))
  assert.deepEqual({ ...Tags }, { owner: 'ann', stage: 'live' })
  const keys = await tagging.send(new GetTagKeysCommand({}))
  assert.deepEqual(keys.TagKeys, ['n', 'owner', 'stage'])
  const values = await tagging.send(new GetTagValuesCommand({ Key: 'stage' }))
  assert.deepEqual(values.TagValues, ['live', 'test'])
})

test('R13 the tagging API needs the service’s own tag action, and never sets or removes aws: tags', async () => {
  const user = await makeUser(world, 'tagger', [allow('tag:*'), allow('backup:TagResource', vaultArn('t1'))])
  const own = server.clientsOf(user.key).tagging
  const ResourceARNList = [vaultArn('t1'), vaultArn('t2')]
  const { FailedResourcesMap } = await own.send(
    new TagResourcesCommand({ ResourceARNList, Tags: { by: 'tagger' } }),
  )
  assert.deepEqual(Object.keys(FailedResourcesMap ?? {}), [vaultArn('t2')])
  assert.match(
    FailedResourcesMap?.[vaultArn('t2')]?.ErrorMessage ?? '',
    /is not authorized to perform: backup:TagResource on resource: .*:t2/,
  )
  const tags = async (name: string) =>
    Object.keys((await backup.send(new ListTagsCommand({ ResourceArn: vaultArn(name) }))).Tags ?? {})
  assert.deepEqual(
    [await tags('t1'), await tags('t2')],
    [
      ['by', 'n', 'stage'],
      ['n', 'stage'],
    ],
  )
  for (const key of ['aws:backup:source-resource', 'AWS:x']) {
    const set = await tagging.send(
      new TagResourcesCommand({ ResourceARNList: [vaultArn('t1')], Tags: { [key]: 'x' } }),
    )
    assert.match(set.FailedResourcesMap?.[vaultArn('t1')]?.ErrorMessage ?? '', /reserved/)
    const removed = await tagging.send(
      new UntagResourcesCommand({ ResourceARNList: [vaultArn('t1')], TagKeys: [key] }),
    )
    assert.match(removed.FailedResourcesMap?.[vaultArn('t1')]?.ErrorMessage ?? '', /reserved/)
  }
  assert.deepEqual(await tags('t1'), ['by', 'n', 'stage'])
})

test('an operation that is not built answers a 400 that no client repeats', async () => {
  await assert.rejects(
    tagging.send(new GetComplianceSummaryCommand({})),
    sdkError('InvalidRequestException', 400, 'GetComplianceSummary'),
  )
})
