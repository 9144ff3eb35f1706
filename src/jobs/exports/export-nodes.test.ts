import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { directoryIo } from '../../drivers/directory/directory-io.ts'
import * as layout from '../../drivers/directory/directory-meta.ts'
import { MemoryPoint } from '../../drivers/driver.memory.ts'
import type { ItemProblem } from '../../drivers/driver.ts'
import { KIND_OBJECT } from '../../drivers/s3-bucket/s3-bucket-backup.ts'
import { encodeMeta } from '../../drivers/s3-bucket/s3-bucket-objects.ts'
import type { ObjectMeta } from '../../drivers/s3-bucket/s3-bucket-objects.ts'
import type { ResticNode } from '../../restic/node.ts'
import { createRepository } from '../../restic/repository.ts'
import { openScratch, PASSWORD, request } from '../../restic/restic.fixture.ts'
import type { Scratch } from '../../restic/restic.fixture.ts'
import { writeSnapshot } from '../../restic/snapshot.ts'
import { bucketNodes } from './export-bucket.ts'
import { keysBesideDirectories, pathOfKey } from './export-bucket-names.ts'
import { databaseNodes } from './export-database.ts'
import { directoryNodes } from './export-directory.ts'
import { ExportDamageError } from './export-source.ts'
import type { ExportReader, ExportSource } from './export-source.ts'

const CREATED_AT = new Date('2026-01-02T03:04:05.006Z')

function sourceOf(reader: ExportReader): ExportSource & { readonly problems: ItemProblem[] } {
  const problems: ItemProblem[] = []
  return {
    reader,
    name: 'orders',
    createdAt: CREATED_AT,
    signal: new AbortController().signal,
    problem: (problem) => void problems.push(problem),
    problems,
  }
}

const pathOf = (node: ResticNode): string => node.path.map((name) => Buffer.from(name).toString()).join('/')

async function contentOf(node: ResticNode | undefined): Promise<string> {
  const parts: Uint8Array[] = []
  if (node?.content !== undefined) for await (const part of node.content()) parts.push(Uint8Array.from(part))
  return Buffer.concat(parts).toString()
}

async function collect(nodes: AsyncIterable<ResticNode>): Promise<ReadonlyMap<string, ResticNode>> {
  const found = new Map<string, ResticNode>()
  for await (const node of nodes) found.set(pathOf(node), node)
  return found
}

describe('directoryNodes()', () => {
  const fixed = Buffer.alloc(58)
  const item = (
    key: string,
    kind: number,
    mode: number,
    options: { links?: number; target?: string } = {},
  ) => {
    fixed[0] = 1
    fixed.writeUInt32LE(mode, 2)
    fixed.writeUInt32LE(1234, 6)
    fixed.writeUInt32LE(4321, 10)
    fixed.writeUInt32LE(options.links ?? 1, 14)
    fixed.writeBigInt64LE(-5_000_000_001n, 18)
    fixed.writeBigInt64LE(7n, 26)
    fixed.writeBigUInt64LE(77n, 34)
    fixed.writeBigUInt64LE(88n, 42)
    fixed.writeBigUInt64LE(kind === layout.CHARACTER_DEVICE ? 0x103n : 0n, 50)
    const xattrs = kind === layout.FILE ? [{ name: 'user.note', value: Uint8Array.of(0, 255) }] : []
    return { key: layout.bytesOf(key), kind, meta: layout.encodeMeta(fixed, options.target, xattrs) }
  }

  it('keeps type, mode, owner, times, links, devices and extended attributes, and leaves the root out', async () => {
    const point = MemoryPoint.of(
      [
        { item: item('/', layout.DIRECTORY, 0o040755) },
        { item: item('/d\xe9/', layout.DIRECTORY, 0o041777) },
        { item: item('/d\xe9/file', layout.FILE, 0o104755), bytes: Buffer.from('content') },
        { item: item('/fifo', layout.FIFO, 0o010644) },
        { item: item('/link', layout.SYMLINK, 0o120777, { target: '\xffnowhere' }) },
        { item: item('/null', layout.CHARACTER_DEVICE, 0o020666) },
        { item: item('/socket', layout.SOCKET, 0o140755) },
      ],
      directoryIo,
    )
    const nodes: ResticNode[] = []
    for await (const node of directoryNodes(sourceOf(point))) nodes.push(node)
    assert.deepEqual(
      nodes.map(({ path, type, mode }) => [Buffer.from(path.at(-1) ?? []).toString('latin1'), type, mode]),
      [
        ['d\xe9', 'dir', 0o1777],
        ['file', 'file', 0o4755],
        ['fifo', 'fifo', 0o644],
        ['link', 'symlink', 0o777],
        ['null', 'chardev', 0o666],
        ['socket', 'socket', 0o755],
      ],
    )
    const [, file, , link, device] = nodes
    assert.deepEqual([file?.uid, file?.gid, file?.mtimeNs, file?.ctimeNs], [1234, 4321, -5_000_000_001n, 7n])
    assert.deepEqual([file?.inode, file?.deviceId, file?.size], [77n, 88n, 7])
    assert.deepEqual(
      file?.xattrs?.map(({ name, value }) => [name, [...value]]),
      [['user.note', [0, 255]]],
    )
    assert.equal(await contentOf(file), 'content')
    assert.equal(Buffer.from(link?.linkTarget ?? []).toString('latin1'), '\xffnowhere')
    assert.equal(device?.device, 0x103n)
  })

  it('gives every name of a hard link the content, and names one whose file is missing', async () => {
    const point = MemoryPoint.of([
      { item: item('/a', layout.FILE, 0o100644, { links: 3 }), bytes: Buffer.from('shared') },
      { item: item('/b', layout.HARD_LINK, 0o100644, { links: 3, target: '/a' }) },
      { item: item('/c', layout.HARD_LINK, 0o100644, { links: 3, target: '/unread' }) },
    ])
    const source = sourceOf(point)
    const nodes = await collect(directoryNodes(source))
    assert.deepEqual([...nodes.keys()], ['a', 'b'])
    const second = nodes.get('b')
    assert.deepEqual([second?.type, second?.size, second?.links, second?.inode], ['file', 6, 3, 77n])
    assert.equal(await contentOf(second), 'shared')
    assert.equal(second?.xattrs?.length, 1)
    assert.deepEqual(
      source.problems.map(({ item: name }) => name),
      ['/c'],
    )
  })

  const hostile = ['/../up', '/a//b', '/./a', 'relative']
  for (const key of hostile) {
    it(`refuses the key "${key}"`, async () => {
      const point = MemoryPoint.of([{ item: item(key, layout.FILE, 0o100644) }])
      await assert.rejects(collect(directoryNodes(sourceOf(point))), RangeError)
    })
  }

  it('refuses a kind of a later version', async () => {
    const point = MemoryPoint.of([{ item: item('/a', 99, 0o100644) }])
    await assert.rejects(collect(directoryNodes(sourceOf(point))), ExportDamageError)
  })
})

describe('databaseNodes()', () => {
  const facts = {
    item: { key: Buffer.from('database.json'), kind: 1, meta: Uint8Array.of(1) },
    bytes: Buffer.from('{}'),
  }
  const dump = {
    item: { key: Buffer.from('dump.pgc'), kind: 2, meta: Uint8Array.of(1) },
    bytes: Buffer.from('PGDMP'),
  }

  it('gives a directory with the dump and the facts', async () => {
    const nodes = await collect(databaseNodes(sourceOf(MemoryPoint.of([facts, dump]))))
    assert.deepEqual([...nodes.keys()].toSorted(), ['orders', 'orders/orders.dump', 'orders/orders.json'])
    assert.equal(await contentOf(nodes.get('orders/orders.dump')), 'PGDMP')
    assert.equal(nodes.get('orders/orders.dump')?.size, 5)
    assert.equal(nodes.get('orders/orders.dump')?.mode, 0o600)
    assert.equal(nodes.get('orders')?.mtimeNs, BigInt(CREATED_AT.getTime()) * 1_000_000n)
  })

  it('refuses half a database', async () => {
    await assert.rejects(collect(databaseNodes(sourceOf(MemoryPoint.of([facts])))), /orders.dump is missing/)
    await assert.rejects(collect(databaseNodes(sourceOf(MemoryPoint.of([dump])))), /orders.json is missing/)
  })
})

/** In key order, as a recovery point has them. */
function bucketOf(objects: Readonly<Record<string, string>>, meta: Partial<ObjectMeta> = {}): MemoryPoint {
  const items = Object.entries(objects).map(([key, content]) => ({
    item: {
      key: Buffer.from(key),
      kind: KIND_OBJECT,
      meta: encodeMeta({ modifiedAt: 1_700_000_000_123, ...meta }),
    },
    bytes: Buffer.from(content),
  }))
  return MemoryPoint.of(items.toSorted((a, b) => Buffer.compare(a.item.key, b.item.key)))
}

interface ManifestLine {
  readonly key: string
  readonly path: string
}

const linesOf = (text: string): readonly ManifestLine[] =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as ManifestLine)

describe('pathOfKey()', () => {
  const cases: readonly (readonly [key: string, isBesideDirectory: boolean, path: string])[] = [
    ['plain', false, 'plain'],
    ['a/b/c', false, 'a/b/c'],
    ['a/', false, 'a/%'],
    ['/', false, '%/%'],
    ['a//b', false, 'a/%/b'],
    ['../x', false, '%2E%2E/x'],
    ['a/./b', false, 'a/%2E/b'],
    ['100%', false, '100%25'],
    ['a', true, 'a%'],
    ['a/', true, 'a/%%'],
    ['roleback-manifest.jsonl', false, 'roleback-manifest%2Ejsonl'],
    ['roleback-manifest.jsonl', true, 'roleback-manifest%2Ejsonl%'],
    ['roleback-manifest%2Ejsonl', false, 'roleback-manifest%252Ejsonl'],
    ['a/roleback-manifest.jsonl', false, 'a/roleback-manifest.jsonl'],
  ]
  for (const [key, isBesideDirectory, path] of cases) {
    it(`makes "${key}"${isBesideDirectory ? ' beside a directory' : ''} "${path}"`, () => {
      const names = pathOfKey(Buffer.from(key), isBesideDirectory)
      assert.equal(names.map((name) => Buffer.from(name).toString()).join('/'), path)
    })
  }

  it('shortens names that no file system takes, at whole characters, each to its own', () => {
    const [one, other] = ['é'.repeat(300), `${'é'.repeat(299)}e`].map((key) =>
      Buffer.from(pathOfKey(Buffer.from(key), true)[0] as Uint8Array).toString(),
    )
    assert.notEqual(one, other)
    assert.match(one as string, /^é{100}%~[0-9a-f]{32}%$/)
    const [odd] = pathOfKey(Buffer.from(`x${'é'.repeat(300)}`), false)
    assert.match(Buffer.from(odd as Uint8Array).toString(), /^xé{99}%~[0-9a-f]{32}$/)
  })
})

describe('keysBesideDirectories()', () => {
  it('finds keys that others go on behind, over any number of keys between', async () => {
    const point = bucketOf({
      a: '',
      'a!': '',
      'a-b': '',
      'a/x': '',
      'a/x/y': '',
      'a0/z': '',
      ab: '',
      'b/c': '',
      'b/': '',
      'b//': '',
    })
    assert.deepEqual([...(await keysBesideDirectories(point))].toSorted(), ['a', 'a/x', 'b/'])
  })
})

describe('bucketNodes()', () => {
  const open: Scratch[] = []
  after(async () => {
    for (const scratch of open) await scratch[Symbol.asyncDispose]()
  })
  /** Held to the writer's own rules: order, unique names, sizes. */
  const written = async (point: MemoryPoint): Promise<number> => {
    const scratch = await openScratch()
    open.push(scratch)
    const repository = await createRepository(scratch.repository, PASSWORD)
    return (await writeSnapshot(repository, request(bucketNodes(sourceOf(point))))).files
  }

  it('makes a tree that a snapshot takes of every key that S3 has', async () => {
    const objects: Record<string, string> = {}
    const parts = [
      '',
      '.',
      '..',
      'a',
      'a-b',
      'ab',
      '%',
      'a%',
      '%2E',
      'roleback-manifest.jsonl',
      'x'.repeat(255),
      '\u0000',
      'é',
    ]
    for (const one of parts) {
      for (const two of parts) {
        for (const key of [one, `${one}/${two}`, `${one}/${two}/${one}`]) if (key !== '') objects[key] = key
      }
    }
    const point = bucketOf(objects)
    assert.equal(await written(point), Object.keys(objects).length + 1)
    const nodes = await collect(bucketNodes(sourceOf(point)))
    const lines = linesOf(await contentOf(nodes.get('roleback-manifest.jsonl')))
    assert.equal(lines.length, Object.keys(objects).length)
    for (const { key, path } of lines) assert.equal(await contentOf(nodes.get(path)), objects[key], key)
  })

  it('tells headers, user metadata, tags, ETag and time in the manifest', async () => {
    const meta = { contentType: 'text/plain', user: { 'x-by': 'é' }, tags: { team: 'orders' }, etag: '"abc"' }
    const nodes = await collect(bucketNodes(sourceOf(bucketOf({ 'in/object': 'bytes' }, meta))))
    const [line] = linesOf(await contentOf(nodes.get('roleback-manifest.jsonl')))
    assert.deepEqual(line, {
      key: 'in/object',
      path: 'in/object',
      size: 5,
      etag: '"abc"',
      modifiedAt: '2023-11-14T22:13:20.123Z',
      contentType: 'text/plain',
      user: { 'x-by': 'é' },
      tags: { team: 'orders' },
    })
    assert.equal(nodes.get('in/object')?.mtimeNs, 1_700_000_000_123_000_000n)
    assert.equal(nodes.get('in')?.type, 'dir')
  })

  it('writes keys that are not UTF-8 in base64 into the manifest', async () => {
    const item = { key: Uint8Array.of(0x61, 0xff), kind: KIND_OBJECT, meta: encodeMeta({ modifiedAt: 0 }) }
    const nodes = await collect(bucketNodes(sourceOf(MemoryPoint.of([{ item }]))))
    const text = await contentOf(nodes.get('roleback-manifest.jsonl'))
    assert.deepEqual(JSON.parse(text), {
      keyBase64: 'Yf8=',
      pathBase64: 'Yf8=',
      size: 0,
      modifiedAt: '1970-01-01T00:00:00.000Z',
    })
  })

  it('gives an empty bucket an empty manifest', async () => {
    const nodes = await collect(bucketNodes(sourceOf(bucketOf({}))))
    assert.deepEqual([...nodes.keys()], ['roleback-manifest.jsonl'])
    assert.equal(nodes.get('roleback-manifest.jsonl')?.size, 0)
    assert.equal(await written(bucketOf({})), 1)
  })
})
