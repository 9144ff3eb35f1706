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
import { libc } from './directory-libc.ts'
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

test('a backup leaves access times as they were', async (t) => {
  if (libc() === undefined) return t.skip('this Node has no node:ffi')
  await using source = makeSource((path) => {
    fs.mkdirSync(join(path, 'folder'))
    fs.writeFileSync(join(path, 'folder/small'), 'small')
    fs.writeFileSync(join(path, 'folder/large'), Buffer.alloc(700_000, 'large'))
  })
  const paths = ['folder/small', 'folder/large', 'folder'].map((name) => join(source.path, name))
  // Older than the last change: then file systems write down the next one, also with relatime.
  for (const path of paths) fs.utimesSync(path, 1_000_000, 2_000_000)
  const { sink } = await backUp(underTest, source)
  assert.deepEqual([sink.problems, sink.itemsRead], [[], 2])
  for (const path of paths) assert.equal(fs.statSync(path).atimeMs, 1_000_000_000, path)
})
