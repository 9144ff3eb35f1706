import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeSource } from './directory.fixture.ts'
import { libc } from './directory-libc.ts'
import { ReadAhead } from './directory-read-ahead.ts'

const MISSING = 70

test('files that come slowly are opened ahead, in order and a few at a time, and forgotten with their batch', async (t) => {
  await using source = makeSource((path) => {
    for (let i = 0; i < 100; i++) if (i !== MISSING) fs.writeFileSync(join(path, `f${i}`), String(i))
  })
  const system = libc()
  if (system === undefined) return t.skip('this Node has no node:ffi')
  let asked = 0
  const cell = new Int32Array(new SharedArrayBuffer(4))
  const ahead = new ReadAhead({
    libc: {
      ...system,
      willRead: (fd, length) => {
        system.willRead(fd, length)
        asked += length
      },
    },
    open: (task) => fs.openSync(join(source.path, Buffer.from(task).toString()), 'r'),
    sizeOf: () => 2 ** 30,
  })
  const tasks = Array.from({ length: 100 }, (_, i) => Buffer.from(`f${i}`))
  const before = fs.readdirSync('/proc/self/fd').length
  const opened = (): number => fs.readdirSync('/proc/self/fd').length - before
  const take = (i: number): string | undefined => {
    const fd = ahead.take(tasks[i] as Buffer)
    if (fd === undefined) return undefined
    const text = fs.readFileSync(fd, 'utf8')
    fs.closeSync(fd)
    return text
  }

  ahead.expect(tasks)
  for (let i = 0; i < 32; i++) {
    assert.equal(take(i), undefined)
    assert.equal(opened(), 0)
    ahead.begin()
    Atomics.wait(cell, 0, 0, 2)
    ahead.end(1)
  }
  for (let i = 32; i < tasks.length; i++) {
    assert.equal(take(i), i === MISSING ? undefined : String(i))
    assert.ok(opened() <= 31)
  }
  assert.equal(opened(), 0)
  assert.equal(asked, 67 * 128 * 1024)

  ahead.expect(tasks)
  assert.equal(ahead.take(Buffer.from('f3')), undefined, 'another than expected')
  assert.equal(take(0), '0')
  assert.ok(opened() > 20)
  ahead.close()
  assert.equal(opened(), 0)
})
