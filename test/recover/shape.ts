import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'

export interface Shape {
  readonly facts: string
  readonly mtimeNs: bigint
}

/** Everything below `root` by its raw name: type, mode, owner, first name of hard links, link target, SHA-256 of content. */
export function shapeOf(root: string): ReadonlyMap<string, Shape> {
  const shape = new Map<string, Shape>()
  const firstNames = new Map<bigint, string>()
  const walk = (path: Buffer, name: string): void => {
    const stat = fs.lstatSync(path, { bigint: true })
    const facts = [stat.mode.toString(8), stat.uid, stat.gid]
    if (stat.isDirectory()) {
      for (const entry of fs
        .readdirSync(path, { encoding: 'buffer' })
        .toSorted((a, b) => Buffer.compare(a, b))) {
        walk(Buffer.concat([path, Buffer.from('/'), entry]), `${name}/${entry.toString('latin1')}`)
      }
    } else if (!firstNames.has(stat.ino)) firstNames.set(stat.ino, name)
    if (stat.isFile())
      facts.push(
        firstNames.get(stat.ino) ?? '',
        createHash('sha256').update(fs.readFileSync(path)).digest('hex'),
      )
    if (stat.isSymbolicLink()) facts.push(fs.readlinkSync(path, { encoding: 'buffer' }).toString('latin1'))
    shape.set(name, { facts: facts.join(' '), mtimeNs: stat.mtimeNs })
  }
  walk(Buffer.from(root), '')
  return shape
}

export function assertSameShape(
  found: ReadonlyMap<string, Shape>,
  expected: ReadonlyMap<string, Shape>,
): void {
  assert.deepEqual([...found.keys()], [...expected.keys()])
  for (const [name, { facts, mtimeNs }] of expected) {
    assert.equal(found.get(name)?.facts, facts, name)
    const off = (found.get(name)?.mtimeNs ?? 0n) - mtimeNs
    assert.ok(off < 1000n && off > -1000n, `${name} is ${off} ns off`)
  }
}
