import assert from 'node:assert/strict'
import { test } from 'node:test'
import { prepared } from './prepared.ts'
import { openStore } from './store.ts'
import { putTags } from './identity/tags.ts'

const ACCOUNT = '123456789012'

test('prepared() binds the parameters of each call, constants and repeated ones too, in a transaction as outside', async () => {
  const store = await openStore({ kind: 'sqlite', file: ':memory:' })
  const find = prepared((db, value: string, arn: string) =>
    db
      .selectFrom('tag')
      .select(['arn', 'key'])
      .where('value', '=', value)
      .where('key', '=', 'team')
      .where((eb) => eb.or([eb('arn', '=', arn), eb('arn', '=', 'both')]))
      .where('value', '=', value)
      .orderBy('arn'),
  )
  await putTags(store.db, ACCOUNT, 'a', { team: 'x', other: 'x' })
  await putTags(store.db, ACCOUNT, 'both', { team: 'y' })
  assert.deepEqual(await find(store.db, 'x', 'a'), [{ arn: 'a', key: 'team' }])
  assert.deepEqual(await find(store.db, 'y', 'a'), [{ arn: 'both', key: 'team' }])
  assert.deepEqual(await find(store.db, 'x', 'b'), [])
  const inside = await store.transaction(async (tx) => {
    await putTags(tx, ACCOUNT, 'b', { team: 'x' })
    return await find(tx, 'x', 'b')
  })
  assert.deepEqual(inside, [{ arn: 'b', key: 'team' }])
  await store.close()
})

test('prepared() refuses a query that changes or leaves out what it is asked for', async () => {
  const store = await openStore({ kind: 'sqlite', file: ':memory:' })
  const find = prepared((db, key: string, value: string) =>
    db.selectFrom('tag').select('arn').where('key', '=', `${key}`).where('value', '=', value),
  )
  await assert.rejects(find(store.db, 'team', 'x'), /Cannot prepare ".*": parameter 1 is not in it/)
  await store.close()
})
