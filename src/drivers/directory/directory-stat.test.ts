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
import { nativeLook, nodeLook, statAt } from './directory-stat.ts'

/** Seconds since 1970 around the borders of the halves that nanoseconds are put together from. */
const TIMES = {
  before: -1.5,
  border: 65_536 * 7,
  below: 65_536 * 7 - 0.000_001,
  late: 4_294_967_296.25,
} as const

test('statx() through node:ffi says of files, links and devices what node:fs says', (t) => {
  const native = nativeLook()
  if (native === undefined) return t.skip(`Node ${process.versions.node} has no node:ffi here`)
  const path = mkdtempSync(join(tmpdir(), 'roleback-stat-'))
  const fds = [openSync(path, 'r'), openSync('/dev', 'r'), openSync('/', 'r')] as const
  try {
    writeFileSync(join(path, 'file'), 'text', { mode: 0o640 })
    truncateSync(join(path, 'file'), 5_000_000_000)
    writeFileSync(Buffer.from(`${path}/caf\u00e9-\u0080`, 'latin1'), '')
    symlinkSync('nowhere', join(path, 'link'))
    lutimesSync(join(path, 'link'), 0, -86_400)
    for (const [name, time] of Object.entries(TIMES)) {
      writeFileSync(join(path, name), '')
      lutimesSync(join(path, name), 0, time)
    }
    const [here, devices, root] = fds
    for (const [fd, name] of [
      [here, ''],
      [here, 'file'],
      [here, 'caf\u00e9-\u0080'],
      [here, 'link'],
      [devices, 'null'],
      [devices, 'tty'],
      [root, 'sys'],
      ...Object.keys(TIMES).map((name) => [here, name] as const),
    ] as const) {
      const mine = native(fd, name)
      assert.ok(mine !== undefined, name)
      assert.deepEqual(mine, nodeLook(fd, name), name)
    }
    for (const name of ['gone', 'x'.repeat(256), 'file\0']) assert.equal(native(here, name), undefined)
    assert.equal(statAt(here, 'gone'), undefined)
    assert.throws(() => statAt(here, 'x'.repeat(256)), /ENAMETOOLONG/)
  } finally {
    for (const fd of fds) closeSync(fd)
    rmSync(path, { recursive: true })
  }
})
