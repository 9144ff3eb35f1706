import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeSource, plainTree } from './directory.fixture.ts'

test('a Node without node:ffi backs up and restores, and says what it leaves away', async () => {
  await using source = makeSource((path) => {
    plainTree(path)
    spawnSync('mkfifo', [join(path, 'fifo')])
    fs.utimesSync(join(path, 'a-b'), new Date(0), new Date(-86_400_000))
  })
  const program = `
    import { backUp, restoreInto } from ${JSON.stringify(join(import.meta.dirname, '../driver.contract.ts'))}
    import { directoryDriver } from ${JSON.stringify(join(import.meta.dirname, 'directory.ts'))}
    import { directoryIo } from ${JSON.stringify(join(import.meta.dirname, 'directory-io.ts'))}
    const settings = ${JSON.stringify({ path: source.path, restoreRoot: source.restoreRoot })}
    const { resource, restore } = ${JSON.stringify({ resource: source.resource, restore: source.restore })}
    const origin = { resource, restore, connection: () => ({ settings, secret: undefined }) }
    const tested = { driver: directoryDriver, thread: directoryIo }
    const { point, notes, sink } = await backUp(tested, origin)
    const { problems } = await restoreInto(tested, origin, point)
    process.stdout.write(JSON.stringify({ notes, problems: [...sink.problems, ...problems] }))
  `
  const script = join(source.path, '../program.ts')
  fs.writeFileSync(script, program)
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--no-experimental-ffi', script], {
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
  assert.deepEqual(JSON.parse(stdout), {
    notes: ['Extended attributes were not read: that needs Linux and the node:ffi of Node 26 or newer'],
    problems: [
      { item: '/fifo', reason: 'Cannot restore it: Special files need the node:ffi of Node 26 or newer' },
    ],
  })
  const restored = join(source.restoreRoot, 'fs-target')
  assert.deepEqual(
    fs.readFileSync(join(restored, 'a/b/big')).compare(fs.readFileSync(join(source.path, 'a/b/big'))),
    0,
  )
  assert.equal(fs.statSync(join(restored, 'a-b')).mtimeMs, -86_400_000)
})
