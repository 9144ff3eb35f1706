import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { nativeList } from './directory-list.ts'

test('getdents64() through node:ffi lists a folder of any size and names of any bytes, each time from the beginning', (t) => {
  const list = nativeList()
  if (list === undefined) return t.skip(`Node ${process.versions.node} has no node:ffi here`)
  const path = fs.mkdtempSync(join(tmpdir(), 'roleback-list-'))
  const fds = [fs.openSync(path, 'r')] as [number, ...number[]]
  try {
    // More than one call gives.
    const names = Array.from({ length: 2000 }, (_, i) => `${'long'.repeat(20)}${i}`)
    for (const name of names) fs.writeFileSync(join(path, name), '')
    for (const name of ['...', 'caf\u00e9-\u0080']) fs.mkdirSync(Buffer.from(`${path}/${name}`, 'latin1'))
    fs.symlinkSync('...', join(path, 'link'))
    const all = [...names, '.../', 'caf\u00e9-\u0080/', 'link'].sort()
    for (const time of ['once', 'again']) assert.deepEqual(list(fds[0])?.sort(), all, time)
    const [empty, file] = ['...', names[0] as string].map((name) => fs.openSync(join(path, name), 'r'))
    fds.push(empty as number, file as number)
    assert.deepEqual(list(empty as number), [])
    assert.equal(list(file as number), undefined)
  } finally {
    for (const fd of fds) fs.closeSync(fd)
    fs.rmSync(path, { recursive: true })
  }
})
