import assert from 'node:assert/strict'
import { test } from 'node:test'
import { BlobReader } from './blob-reader.ts'
import { goQuote, goTime, goUnquote, parseGoTime } from './go-text.ts'
import { goFileMode } from './node.ts'
import { BlobWriter } from './packs.ts'
import { readTree } from './read-tree.ts'
import { createRepository } from './repository.ts'
import { CHEAP_COSTS, openScratch, PASSWORD } from './restic.fixture.ts'

const time = '2026-01-02T03:04:05Z'
const file = (name: string, more: object = {}): object => ({
  name,
  type: 'file',
  mtime: time,
  ctime: time,
  content: null,
  ...more,
})
const unknown = 'ab'.repeat(32)
const cases: readonly (readonly [string, readonly object[] | string, RegExp])[] = [
  ['dots', [file('..')], /the name "\.\." is refused: it is "\." or "\.\."/],
  ['slash', [file('../../etc/cron.d/x')], /it contains "\/"/],
  ['quoted slash', [file('a\\x2fb')], /it contains "\/"/],
  ['NUL', [file('a\\x00b')], /it contains a NUL byte/],
  ['empty', [file('')], /it is empty/],
  ['twice', [file('a'), file('a', { type: 'dir', subtree: unknown })], /a name comes twice/],
  ['odd escape', [file('a\\q')], /an escape that Go does not know/],
  ['no tree', [file('a', { type: 'dir' })], /the directory "a" has no tree/],
  ['no time', [file('a', { mtime: 'yesterday' })], /"a" has no readable mtime/],
  ['no ids', [file('a', { content: [7] })], /"a" has content that cannot be read/],
  ['no inode', [file('a', { inode: -1 })], /"a" has no readable inode/],
  ['huge id', [file('a', { uid: 2 ** 60 })], /"a" has 1152921504606847000 as uid/],
  ['no JSON', '{"nodes":[', /is damaged: it is no JSON/],
  ['no nodes', '[]', /is damaged: it has no nodes/],
]

test('trees that are not what restic writes are refused with the reason', async () => {
  await using scratch = await openScratch()
  const repository = await createRepository(scratch.repository, PASSWORD, CHEAP_COSTS)
  const writer = await BlobWriter.open(repository)
  const ids: string[] = []
  for (const [, nodes] of cases) {
    const text = typeof nodes === 'string' ? nodes : JSON.stringify({ nodes })
    ids.push(await writer.put('tree', Buffer.from(text)))
  }
  const sound = await writer.put(
    'tree',
    Buffer.from(
      `{"nodes":[{"name":"a\\\\xff","type":"dev","mode":${goFileMode('dev', 0o4640)},"mtime":"${time}","ctime":"${time}","inode":18446744073709551615,"subtree":null}]}`,
    ),
  )
  await writer.finish()
  await using blobs = await BlobReader.open(repository, new AbortController().signal)
  for (const [i, [name, , expected]] of cases.entries()) {
    const error = await readTree(blobs, ids[i] as string).then(
      () => undefined,
      (reason: unknown) => reason as Error,
    )
    assert.match(error?.message ?? 'taken', expected, name)
    assert.ok(error?.name === 'ResticDamageError', `${name}: ${error?.name}`)
  }
  const [node] = await readTree(blobs, sound)
  assert.deepEqual(
    [node?.name.toString('latin1'), node?.mode, node?.inode],
    ['a\u00ff', 0o4640, 18_446_744_073_709_551_615n],
  )
})

test('names and times of Go read back as they were written', () => {
  for (const bytes of [
    Buffer.from('plain'),
    Buffer.from([0x61, 0xff, 0x5c, 0x22, 7, 10]),
    Buffer.from('grüße 𝕏\u0085'),
  ])
    assert.deepEqual(goUnquote(goQuote(bytes)), bytes)
  for (const ns of [0n, 1n, -1n, 1_700_000_000_123_456_789n, -999_999_999_250_000_001n])
    assert.equal(parseGoTime(goTime(ns)), ns)
  assert.equal(parseGoTime('2026-01-02T03:04:05.5+02:30'), parseGoTime('2026-01-02T00:34:05.5Z'))
  assert.equal(parseGoTime('0001-01-01T00:00:00Z'), -(2n ** 63n - 1n))
  assert.equal(parseGoTime('yesterday'), undefined)
})
