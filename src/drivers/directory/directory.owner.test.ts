import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeSource, plainTree } from './directory.fixture.ts'

/** An account without rights that every Unix has. */
const NOBODY = 65_534
const isRoot = process.getuid?.() === 0

type Source = ReturnType<typeof makeSource>

/** @param body Has `tested`, `origin` and `becomeNobody`. @returns What it prints. */
function runProgram(source: Source, body: string): unknown {
  const here = (file: string): string => JSON.stringify(join(import.meta.dirname, file))
  const program = `
      import { backUp, restoreInto } from ${here('../driver.contract.ts')}
      import { directoryDriver } from ${here('directory.ts')}
      import { directoryIo } from ${here('directory-io.ts')}
      const settings = ${JSON.stringify({ path: source.path, restoreRoot: source.restoreRoot })}
      const { resource, restore } = ${JSON.stringify({ resource: source.resource, restore: source.restore })}
      const origin = { resource, restore, connection: () => ({ settings, secret: undefined }) }
      const tested = { driver: directoryDriver, thread: directoryIo }
      const becomeNobody = () => {
        process.setgroups([])
        process.setgid(${NOBODY})
        process.setuid(${NOBODY})
      }
      ${body}`
  const script = join(source.path, '../program.ts')
  fs.writeFileSync(script, program)
  for (let folder = source.restoreRoot; folder !== '/'; folder = join(folder, '..')) {
    if ((fs.statSync(folder).mode & 0o5) === 0) fs.chmodSync(folder, 0o755)
  }
  const { stdout, stderr, status } = spawnSync(process.execPath, [script], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout)
}

test(
  'a server that is not root backs up what belongs to others, though it may not ask for access times to stay',
  { skip: !isRoot && 'only root can make files of two owners' },
  async () => {
    await using source = makeSource(plainTree)
    const { before, problems, items } = runProgram(
      source,
      `
      const { point } = await backUp(tested, origin)
      becomeNobody()
      const { sink, point: again } = await backUp(tested, origin)
      process.stdout.write(JSON.stringify({ before: point.itemCount, problems: sink.problems, items: again.itemCount }))
    `,
    ) as { readonly before: number; readonly problems: readonly unknown[]; readonly items: number }
    assert.deepEqual([problems, items], [[], before])
  },
)

test(
  'a server that is not root restores what belonged to others as its own, without set-id bits, and says so',
  { skip: !isRoot && 'only root can make files of two owners' },
  async () => {
    await using source = makeSource((path) => {
      plainTree(path)
      fs.writeFileSync(join(path, 'of-root'), 'root')
      fs.chmodSync(join(path, 'of-root'), 0o6755)
    })
    fs.chownSync(source.restoreRoot, NOBODY, NOBODY)
    const { notes, problems } = runProgram(
      source,
      `
      const { point } = await backUp(tested, origin)
      becomeNobody()
      const { problems, summary } = await restoreInto(tested, origin, point)
      process.stdout.write(JSON.stringify({ notes: summary.notes, problems }))
    `,
    ) as { readonly notes: readonly string[]; readonly problems: readonly unknown[] }
    assert.deepEqual(problems, [])
    assert.match(notes.join('\n'), /\d+ items belong to the server's own account now/)
    const restored = fs.statSync(join(source.restoreRoot, 'fs-target', 'of-root'))
    assert.deepEqual([restored.uid, restored.mode & 0o7777], [NOBODY, 0o755])
  },
)
