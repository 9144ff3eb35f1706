import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { libc } from './directory-libc.ts'
import { closeToOthers } from './directory-place.ts'
import { isRoot, makeSource, plainTree, restoredPath, underTest } from './directory.fixture.ts'
import { backUp, restoreInto } from '../driver.contract.ts'

/** An account without rights that every Unix has. */
const NOBODY = 65_534
const [ACCESS, DEFAULT] = ['system.posix_acl_access', 'system.posix_acl_default'] as const

/** An access list that lets NOBODY do everything: version 2, then tag, rights and id of each entry (linux/posix_acl_xattr.h). */
function listForNobody(): Buffer {
  const entries: readonly (readonly [tag: number, rights: number, id: number])[] = [
    [0x01, 7, 0xffff_ffff],
    [0x02, 7, NOBODY],
    [0x04, 5, 0xffff_ffff],
    [0x10, 7, 0xffff_ffff],
    [0x20, 5, 0xffff_ffff],
  ]
  const bytes = Buffer.alloc(4 + entries.length * 8)
  bytes.writeUInt32LE(2)
  for (const [at, [tag, rights, id]] of entries.entries()) {
    bytes.writeUInt16LE(tag, 4 + at * 8)
    bytes.writeUInt16LE(rights, 6 + at * 8)
    bytes.writeUInt32LE(id, 8 + at * 8)
  }
  return bytes
}

const cPath = (path: string): Buffer => Buffer.from(`${path}\0`)
const letNobody = (path: string, list: string): boolean =>
  libc()?.setXattr(cPath(path), list, listForNobody()) === true

test('R10 what the directory above a restore lets others do is not inherited by what is restored', async (t) => {
  await using source = makeSource((path) => {
    plainTree(path)
    fs.mkdirSync(join(path, 'folder'))
    fs.writeFileSync(join(path, 'folder', 'secret'), 'of root and its group')
    fs.chmodSync(join(path, 'folder', 'secret'), 0o640)
  })
  if (!letNobody(source.restoreRoot, DEFAULT))
    return t.skip('the file system of temporary files has no access lists, or node:ffi is missing')
  const { point } = await backUp(underTest, source)
  const { summary, problems } = await restoreInto(underTest, source, point)
  assert.deepEqual(problems, [])
  const restored = restoredPath(summary)
  for (const name of ['', 'folder', 'folder/secret']) {
    const names = libc()?.xattrNames(cPath(join(restored, name))) ?? []
    assert.deepEqual(
      names.filter((one) => one.startsWith('system.posix_acl')),
      [],
      `"${name}" lets in who may nothing at its source`,
    )
  }
  assert.equal(fs.statSync(join(restored, 'folder', 'secret')).mode & 0o777, 0o640)
})

test(
  'R10 a directory that somebody put in the place of a restore’s own is taken from him, and is not used where something lies in it',
  { skip: !isRoot && 'only root can take a directory from somebody else' },
  async () => {
    await using source = makeSource(plainTree)
    const theirs = join(source.restoreRoot, 'theirs')
    fs.mkdirSync(theirs)
    fs.chmodSync(theirs, 0o777)
    const hasLists = [ACCESS, DEFAULT].filter((list) => letNobody(theirs, list))
    fs.chownSync(theirs, NOBODY, NOBODY)
    const folder = fs.openSync(theirs, 'r')
    try {
      closeToOthers(folder)
      const { uid, mode } = fs.fstatSync(folder)
      assert.deepEqual([uid, mode & 0o7777], [process.geteuid?.(), 0o700])
      const left = libc()?.xattrNames(folder) ?? []
      assert.deepEqual(
        hasLists.filter((list) => left.includes(list)),
        [],
      )
      fs.symlinkSync('/etc', join(theirs, 'planted'))
      assert.throws(() => closeToOthers(folder), /somebody put something else in its place/)
    } finally {
      fs.closeSync(folder)
    }
  },
)
