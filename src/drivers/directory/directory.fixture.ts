import { execFileSync, spawnSync } from 'node:child_process'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { directoryIo } from './directory-io.ts'
import { libc } from './directory-libc.ts'
import { directoryDriver } from './directory.ts'
import type { ContractSource, DriverUnderTest } from '../driver.contract.ts'
import type { RestoreSummary } from '../driver.ts'
import assert from 'node:assert/strict'

/** Trees that break backup tools, made at test time, and a comparison that shares no code with the driver. */

export const isRoot: boolean = process.getuid?.() === 0

const SOURCE_ARN = 'arn:aws:elasticfilesystem:us-east-1:111122223333:file-system/fs-source'
const TARGET_ARN = 'arn:aws:elasticfilesystem:us-east-1:111122223333:file-system/fs-target'

export const underTest: DriverUnderTest = {
  driver: directoryDriver,
  thread: directoryIo,
  makeSource: () => Promise.resolve(makeSource((path) => plainTree(path))),
}

export interface TreeSource extends ContractSource {
  /** The directory that is backed up. */
  readonly path: string
  readonly restoreRoot: string
}

/** A source in a new temporary directory, filled by `fill`. */
export function makeSource(fill: (path: string) => void, base: string = tmpdir()): TreeSource {
  const home = fs.realpathSync(fs.mkdtempSync(join(base, 'roleback-tree-')))
  const path = join(home, 'source')
  const restoreRoot = join(home, 'restored')
  fs.mkdirSync(path)
  fs.mkdirSync(restoreRoot)
  fill(path)
  return {
    path,
    restoreRoot,
    resource: { arn: SOURCE_ARN, uniqueId: 'u-1', name: 'fs-source', tags: { team: 'storage' } },
    connection: () => ({ settings: { path, restoreRoot }, secret: undefined }),
    // Ahead of the tree's last change, so that nothing counts as just changed.
    now: () => new Date(Date.now() + 60_000),
    change: () => {
      fs.writeFileSync(join(path, 'changed'), 'now with other bytes')
      return Promise.resolve()
    },
    restore: {
      metadata: { 'file-system-id': 'fs-source', newFileSystem: 'true' },
      target: { arn: TARGET_ARN, name: 'fs-target', isNew: true },
    },
    assertSame: (summary) => {
      assert.deepEqual(listing(restoredPath(summary)), listing(path))
      return Promise.resolve()
    },
    restored: () => Promise.resolve(fs.readdirSync(restoreRoot)),
    [Symbol.asyncDispose]: () => {
      execFileSync('chmod', ['-R', 'u+rwX', home])
      fs.rmSync(home, { recursive: true, force: true })
      return Promise.resolve()
    },
  }
}

export function restoredPath(summary: RestoreSummary): string {
  return String(summary.created?.settings['path'])
}

/** A small honest tree. */
export function plainTree(path: string): void {
  fs.mkdirSync(join(path, 'a/b'), { recursive: true })
  fs.writeFileSync(join(path, 'a-b'), 'sorts between a and a/')
  fs.writeFileSync(join(path, 'a/one'), 'one')
  fs.writeFileSync(join(path, 'a/b/big'), Buffer.alloc(5 * 1024 * 1024 + 17, 'ten bytes.'))
  fs.writeFileSync(join(path, 'changed'), 'before')
  fs.writeFileSync(join(path, 'empty'), '')
  fs.symlinkSync('a/one', join(path, 'link'))
}

/** Everything that reliability reviews of backup tools name; what needs root or node:ffi is left out without them. */
export function nastyTree(path: string): void {
  const at = (name: string | Buffer): Buffer => Buffer.concat([Buffer.from(`${path}/`), Buffer.from(name)])
  plainTree(path)
  fs.writeFileSync(at('n'.repeat(255)), 'longest name')
  fs.writeFileSync(at('line\nbreak'), 'newline')
  fs.writeFileSync(at(Buffer.from([0x66, 0xff, 0xfe, 0x80])), 'not UTF-8')
  fs.writeFileSync(at('\u001b[31mred'), 'escape')
  fs.writeFileSync(at('-rf *'), 'option')
  fs.writeFileSync(at('grüße'), 'umlaut')
  fs.mkdirSync(at(Buffer.from([0x64, 0xe9])))
  fs.writeFileSync(at(Buffer.from([0x64, 0xe9, 0x2f, 0x78])), 'in a directory that is not UTF-8')
  fs.linkSync(at('a/one'), at('a/b/second name'))
  fs.linkSync(at('a/one'), at('zz third name'))
  fs.symlinkSync('nowhere', at('dangling'))
  fs.symlinkSync('loop', at('loop'))
  fs.symlinkSync(Buffer.from([0xff, 0x2f, 0xfe]), at('link not UTF-8'))
  fs.symlinkSync('x'.repeat(4000), at('long link'))
  for (const [name, size] of [['sparse', 1024 ** 3]] as const) {
    const fd = fs.openSync(at(name), 'w')
    fs.ftruncateSync(fd, size)
    fs.writeSync(fd, Buffer.alloc(4096, 7), 0, 4096, size / 2 + 512)
    fs.closeSync(fd)
  }
  fs.writeFileSync(at('preallocated zeros'), Buffer.alloc(64 * 1024))
  fs.writeFileSync(at('setuid'), '#!/bin/true')
  fs.chmodSync(at('setuid'), 0o4755)
  fs.writeFileSync(at('setgid'), '#!/bin/true')
  fs.chmodSync(at('setgid'), 0o2711)
  fs.writeFileSync(at('unwritable'), 'read only')
  fs.chmodSync(at('unwritable'), 0o444)
  fs.mkdirSync(at('sticky'))
  fs.chmodSync(at('sticky'), 0o1777)
  execFileSync('touch', ['-d', '1938-04-24 22:13:19.750000001Z', at('a-b').toString()])
  execFileSync('touch', ['-h', '-d', '2106-02-07 06:28:17.999999999Z', at('dangling').toString()])
  spawnSync('mkfifo', [at('fifo').toString()])
  if (libc() !== undefined) attributes(at)
  if (isRoot) rootOnly(at)
  fs.mkdirSync(at('read only/inner'), { recursive: true })
  fs.writeFileSync(at('read only/inner/file'), 'below 0555')
  fs.chmodSync(at('read only'), 0o555)
}

function attributes(at: (name: string) => Buffer): void {
  const set = (name: string, attribute: string, value: Uint8Array): void => {
    libc()?.setXattr(Buffer.concat([at(name), Buffer.from([0])]), attribute, value)
  }
  set('a/one', 'user.plain', Buffer.from('value'))
  set('a/one', 'user.bytes', Buffer.from([0, 255, 10]))
  set('a/one', 'user.empty', new Uint8Array())
  set('sticky', 'user.on a directory', Buffer.alloc(1000, 3))
  // POSIX ACL, version 2: owner rwx, user 1000 r--, group r-x, mask r-x, others ---.
  const acl = [
    [1, 7, -1],
    [2, 4, 1000],
    [4, 5, -1],
    [16, 5, -1],
    [32, 0, -1],
  ] as const
  const bytes = Buffer.alloc(4 + acl.length * 8)
  bytes.writeUInt32LE(2, 0)
  for (const [entry, [tag, rights, id]] of acl.entries()) {
    bytes.writeUInt16LE(tag, 4 + entry * 8)
    bytes.writeUInt16LE(rights, 6 + entry * 8)
    bytes.writeInt32LE(id, 8 + entry * 8)
  }
  set('a', 'system.posix_acl_access', bytes)
  set('a/b', 'system.posix_acl_default', bytes)
}

/** `cap_net_raw+ep`, as capabilities(7) lays it out. */
const CAP_NET_RAW: Buffer = Buffer.from('0100000200200000000000000000000000000000', 'hex')

function rootOnly(at: (name: string) => Buffer): void {
  const named = (name: string): Buffer => Buffer.concat([at(name), Buffer.from([0])])
  libc()?.makeNode(named('char device'), 0o020640, 0x103n)
  libc()?.makeNode(named('block device'), 0o060600, 0x70fn)
  libc()?.makeNode(named('socket'), 0o140755, 0n)
  fs.writeFileSync(at('owned'), 'by somebody else')
  fs.chownSync(at('owned'), 12345, 54321)
  fs.lchownSync(at('dangling'), 12345, 54321)
  fs.writeFileSync(at('capable'), 'binary')
  libc()?.setXattr(named('capable'), 'security.capability', CAP_NET_RAW)
  fs.mkdirSync(at('closed/inner'), { recursive: true })
  fs.writeFileSync(at('closed/inner/file'), 'below 0000')
  fs.chmodSync(at('closed'), 0)
}

const FORMAT = String.raw`%P\0%y\0%m\0%U\0%G\0%s\0%T@\0%n\0%i\0%l\0`

/**
 * What lies under `path`, by find and sha256sum: a line for each entry with type, mode, owner, size (not of directories), time in
 * ns, link target, hash and, where python3 is, extended attributes. Hard links are shown by the first of their names.
 */
export function listing(path: string): string[] {
  const fields = run('find', [path, '-printf', FORMAT]).split('\0')
  const hashes = new Map<string, string>()
  for (const line of run('find', [
    path,
    '-type',
    'f',
    '-size',
    '-100M',
    '-exec',
    'sha256sum',
    '-bz',
    '{}',
    '+',
  ]).split('\0')) {
    hashes.set(line.slice(66 + path.length + 1), line.slice(0, 64))
  }
  const lines: string[][] = []
  for (let at = 0; at + 9 < fields.length; at += 10) lines.push(fields.slice(at, at + 10))
  lines.sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1))
  const xattrs = xattrsBelow(path)
  const first = new Map<string, string>()
  return lines.map(([name = '', type = '', mode, uid, gid, size, time, links, inode = '', target]) => {
    if (!first.has(inode)) first.set(inode, name)
    const about = type === 'd' ? [] : [size, links, first.get(inode)]
    return [name, type, mode, uid, gid, time, ...about, target, hashes.get(name), xattrs.get(name)].join(
      ' | ',
    )
  })
}

function run(command: string, args: readonly string[]): string {
  return execFileSync(command, args, {
    encoding: 'latin1',
    maxBuffer: 1 << 28,
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
  })
}

const XATTRS = `
import os, sys
root = os.fsencode(sys.argv[1])
for folder, folders, files in os.walk(root):
    for name in [b''] * (folder == root) + folders + files:
        path = os.path.join(folder, name)
        for attribute in sorted(os.listxattr(path, follow_symlinks=False)):
            if attribute.startswith('security.') and attribute != 'security.capability': continue
            value = os.getxattr(path, attribute, follow_symlinks=False).hex()
            sys.stdout.buffer.write(path[len(root) + 1:] + b'\\0' + os.fsencode(attribute) + b'=' + value.encode() + b'\\0')
`

/** True where the comparison sees extended attributes, too. */
export const comparesXattrs: boolean = spawnSync('python3', ['-c', '']).status === 0

function xattrsBelow(path: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>()
  if (!comparesXattrs) return found
  const fields = run('python3', ['-c', XATTRS, path]).split('\0')
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = String(fields[at])
    found.set(name, `${found.get(name) ?? ''} ${fields[at + 1]}`)
  }
  return found
}
