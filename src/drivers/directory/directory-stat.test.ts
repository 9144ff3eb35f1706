import assert from 'node:assert/strict'
import {
  closeSync,
  lutimesSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { nativeStatus, nodeStatus, statAt } from './directory-stat.ts'

const KEPT = [
  'nlink',
  'uid',
  'gid',
  'mode',
  'ino',
  'size',
  'blocks',
  'ctimeNs',
  'mtimeNs',
  'rdev',
  'dev',
] as const

test('statx() through node:ffi says of files, links and devices what node:fs says', (t) => {
  const native = nativeStatus()
  if (native === undefined) return t.skip(`Node ${process.versions.node} has no node:ffi here`)
  const path = mkdtempSync(join(tmpdir(), 'roleback-stat-'))
  const fds = [openSync(path, 'r'), openSync('/dev', 'r'), openSync('/', 'r')] as const
  try {
    writeFileSync(join(path, 'file'), 'text', { mode: 0o640 })
    truncateSync(join(path, 'file'), 5_000_000_000)
    writeFileSync(Buffer.from(`${path}/caf\u00e9-\u0080`, 'latin1'), '')
    symlinkSync('nowhere', join(path, 'link'))
    lutimesSync(join(path, 'link'), 0, -86_400)
    const [here, devices, root] = fds
    for (const [fd, name] of [
      [here, 'file'],
      [here, 'caf\u00e9-\u0080'],
      [here, 'link'],
      [devices, 'null'],
      [devices, 'tty'],
      [root, 'proc'],
    ] as const) {
      const mine = native(fd, name)
      const theirs = nodeStatus(fd, name)
      assert.ok(mine !== undefined && theirs !== undefined, name)
      for (const what of KEPT) assert.equal(mine[what], theirs[what], `${what} of ${name}`)
    }
    for (const name of ['gone', 'x'.repeat(256), 'file\0']) assert.equal(native(here, name), undefined)
    assert.equal(statAt(here, 'gone'), undefined)
    assert.throws(() => statAt(here, 'x'.repeat(256)), /ENAMETOOLONG/)
  } finally {
    for (const fd of fds) closeSync(fd)
    rmSync(path, { recursive: true })
  }
})
