import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { compareTrees } from './compare-trees.ts'

const folder = fs.mkdtempSync(join(tmpdir(), 'roleback-compare-'))
after(() => fs.rmSync(folder, { recursive: true }))
const at = new Date('2026-01-02T03:04:05.678Z')

let trees = 0
/** A small tree with one of everything, always the same. */
function newTree(): string {
  const root = join(folder, `tree-${trees++}`)
  fs.mkdirSync(join(root, 'sub'), { recursive: true })
  fs.writeFileSync(join(root, 'a'), 'alpha')
  fs.writeFileSync(join(root, 'sub', 'b'), Buffer.alloc(3 << 20, 7), { mode: 0o640 })
  fs.writeFileSync(Buffer.concat([Buffer.from(`${root}/bad-`), Buffer.from([0xff, 0xfe])]), 'x')
  fs.linkSync(join(root, 'a'), join(root, 'a-again'))
  fs.symlinkSync('a', join(root, 'link'))
  settle(root)
  return root
}

function settle(root: string): void {
  for (const name of ['a', 'sub/b', 'sub', '.']) fs.utimesSync(join(root, name), at, at)
  fs.utimesSync(Buffer.concat([Buffer.from(`${root}/bad-`), Buffer.from([0xff, 0xfe])]), at, at)
  fs.lutimesSync(join(root, 'link'), at, at)
}

const compare = (left: string, right: string): ReturnType<typeof compareTrees> =>
  compareTrees(left, right, { comparesOwners: true })

test('compareTrees() finds two equal trees identical and counts what it read', async () => {
  const { differences, files, bytes, items } = await compare(newTree(), newTree())
  assert.deepEqual(differences, [])
  assert.deepEqual([files, bytes, items], [4, 5 + 5 + 1 + (3 << 20), 7])
})

const CHANGES: Readonly<Record<string, readonly [change: (root: string) => void, expected: RegExp]>> = {
  'a missing file': [
    (root) => fs.rmSync(join(root, 'sub', 'b')),
    /^sub\/b cannot be found in the restored tree/,
  ],
  'a file too many': [
    (root) => fs.writeFileSync(join(root, 'new'), ''),
    /^new cannot be found in the original/,
  ],
  'a changed byte': [
    (root) => {
      const fd = fs.openSync(join(root, 'sub', 'b'), 'r+')
      fs.writeSync(fd, '!', 2 << 20)
      fs.closeSync(fd)
    },
    /^sub\/b differs in content from byte 2097152 on/,
  ],
  'another length': [
    (root) => fs.appendFileSync(join(root, 'sub', 'b'), '.'),
    /^sub\/b has 3145729 bytes instead/,
  ],
  'another mode': [
    (root) => fs.chmodSync(join(root, 'sub', 'b'), 0o600),
    /^sub\/b has mode 0600 instead of 0640/,
  ],
  'another link target': [
    (root) => {
      fs.rmSync(join(root, 'link'))
      fs.symlinkSync('b', join(root, 'link'))
      fs.lutimesSync(join(root, 'link'), at, at)
    },
    /^link links to "b" instead of "a"/,
  ],
  'a link that became a file': [
    (root) => {
      fs.rmSync(join(root, 'link'))
      fs.writeFileSync(join(root, 'link'), '')
      fs.utimesSync(join(root, 'link'), at, at)
    },
    /^link is of another type/,
  ],
  'a broken hard link': [
    (root) => {
      fs.rmSync(join(root, 'a-again'))
      fs.writeFileSync(join(root, 'a-again'), 'alpha')
      fs.utimesSync(join(root, 'a-again'), at, at)
    },
    /^a-again is hard-linked to other names/,
  ],
}

for (const [what, [change, expected]] of Object.entries(CHANGES)) {
  test(`compareTrees() finds ${what}`, async () => {
    const changed = newTree()
    change(changed)
    if (!what.includes('link')) settleQuietly(changed)
    else fs.utimesSync(changed, at, at)
    const { differences } = await compare(newTree(), changed)
    assert.equal(differences.length, 1, differences.join('; '))
    assert.match(differences[0] as string, expected)
  })
}

function settleQuietly(root: string): void {
  for (const name of ['a', 'sub/b', 'sub', '.']) {
    if (fs.existsSync(join(root, name))) fs.utimesSync(join(root, name), at, at)
  }
}

test('compareTrees() finds a time that is off by a microsecond', async () => {
  const changed = newTree()
  fs.utimesSync(join(changed, 'a'), at.getTime() / 1000, at.getTime() / 1000 + 0.000_001)
  const { differences } = await compare(newTree(), changed)
  assert.match(differences.join('; '), /^a was modified .*; a-again was modified /)
})
