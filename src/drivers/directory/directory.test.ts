import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  comparesXattrs,
  isRoot,
  listing,
  makeSource,
  nastyTree,
  restoredPath,
  underTest,
} from './directory.fixture.ts'
import { backUp, driverContract, restoreInto } from '../driver.contract.ts'

for (const { name, run } of driverContract) test(`directory: ${name}`, () => run(underTest))

test('a nasty tree comes back the same, by find, sha256sum and getxattr', async (t) => {
  if (!comparesXattrs) t.diagnostic('python3 is missing: extended attributes were not compared')
  if (!isRoot) t.diagnostic('not root: devices, owners and closed directories were not compared')
  await using source = makeSource(nastyTree)
  const { sink, point, notes } = await backUp(underTest, source)
  assert.deepEqual([sink.problems, notes], [[], []])
  const { summary, problems } = await restoreInto(underTest, source, point)
  assert.deepEqual(problems, [])
  assert.deepEqual(listing(restoredPath(summary)), listing(source.path))
  const sparse = fs.statSync(join(restoredPath(summary), 'sparse'))
  assert.ok(sparse.blocks * 512 < 1024 * 1024, `The holes were filled: ${sparse.blocks} blocks`)
  const zeros = fs.statSync(join(restoredPath(summary), 'preallocated zeros'))
  assert.ok(zeros.blocks * 512 >= 64 * 1024)
  assert.equal(summary.itemsRestored, point.itemCount)
})

test('a nasty tree is taken over from the parent whole', async () => {
  await using source = makeSource(nastyTree)
  const first = await backUp(underTest, source)
  const second = await backUp(underTest, source, { parent: first.point })
  assert.deepEqual(second.sink.problems, [])
  assert.equal(second.sink.itemsRead, 0)
  assert.deepEqual(
    second.point.held.map(({ item }) => item),
    first.point.held.map(({ item }) => item),
  )
})
