import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeSource, plainTree } from './directory.fixture.ts'

/** An account without rights that every Unix has. */
const NOBODY = 65_534
const isRoot = process.getuid?.() === 0

test(
  'a server that is not root restores what belonged to others as its own, without set-id bits, and says so',
  { skip: !isRoot && 'only root can make files of two owners' },
  async () => {
    await using source = makeSource((path) => {
      plainTree(path)
      fs.writeFileSync(join(path, 'of-root'), 'root')
      fs.chmodSync(join(path, 'of-root'), 0o6755)
    })
    const here = (file: string): string => JSON.stringify(join(import.meta.dirname, file))
    const program = `
      import { backUp, restoreInto } from ${here('../driver.contract.ts')}
      import { directoryDriver } from ${here('directory.ts')}
      import { directoryIo } from ${here('directory-io.ts')}
      const settings = ${JSON.stringify({ path: source.path, restoreRoot: source.restoreRoot })}
      const { resource, restore } = ${JSON.stringify({ resource: source.resource, restore: source.restore })}
      const origin = { resource, restore, connection: () => ({ settings, secret: undefined }) }
      const tested = { driver: directoryDriver, thread: directoryIo }
      const { point } = await backUp(tested, origin)
      process.setgroups([])
      process.setgid(${NOBODY})
      process.setuid(${NOBODY})
      const { problems, summary } = await restoreInto(tested, origin, point)
      process.stdout.write(JSON.stringify({ notes: summary.notes, problems }))
    `
    const script = join(source.path, '../program.ts')
    fs.writeFileSync(script, program)
    fs.chownSync(source.restoreRoot, NOBODY, NOBODY)
    for (let folder = source.restoreRoot; folder !== '/'; folder = join(folder, '..')) {
      if ((fs.statSync(folder).mode & 0o5) === 0) fs.chmodSync(folder, 0o755)
    }
    const { stdout, stderr, status } = spawnSync(process.execPath, [script], { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    const { notes, problems } = JSON.parse(stdout) as {
      notes: readonly string[]
      problems: readonly unknown[]
    }
    assert.deepEqual(problems, [])
    assert.match(notes.join('\n'), /\d+ items belong to the server's own account now/)
    const restored = fs.statSync(join(source.restoreRoot, 'fs-target', 'of-root'))
    assert.deepEqual([restored.uid, restored.mode & 0o7777], [NOBODY, 0o755])
  },
)
