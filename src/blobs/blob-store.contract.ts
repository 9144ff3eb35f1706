import assert from 'node:assert/strict'
import { BlobExistsError, BlobNotFoundError, BlobTooLargeError, BlobTooShortError } from './blob-store.ts'
import type { BlobStore } from './blob-store.ts'

/** What every blob store must do: `for (const { name, run } of blobContract) test(name, () => run(store))`, each on an empty one. */
export interface BlobCase {
  readonly name: string
  readonly run: (store: BlobStore) => Promise<void>
}

const LIMIT = 1024 * 1024
const HELLO = Buffer.from('hello')

async function namesOf(store: BlobStore, prefix: string): Promise<string[]> {
  const names: string[] = []
  for await (const page of store.list(prefix)) names.push(...page.map(({ name }) => name))
  return names.toSorted()
}

async function append(store: BlobStore, name: string, parts: readonly string[]): Promise<void> {
  const appender = store.append('job-1')
  for (const part of parts) appender.append(Buffer.from(part))
  await appender.finish(name)
}

export const blobContract: readonly BlobCase[] = [
  {
    name: 'a blob reads back as it was put',
    async run(store) {
      await store.put('index/one', HELLO)
      assert.deepEqual(await store.get('index/one', LIMIT), HELLO)
      assert.equal((await store.stat('index/one'))?.sizeBytes, 5)
    },
  },
  {
    name: 'an empty blob is a blob',
    async run(store) {
      await store.put('empty', new Uint8Array())
      assert.equal((await store.get('empty', LIMIT)).length, 0)
      assert.deepEqual(await namesOf(store, ''), ['empty'])
    },
  },
  {
    name: 'putting a blob that exists fails and changes nothing',
    async run(store) {
      await store.put('a/b', HELLO)
      await assert.rejects(store.put('a/b', Buffer.from('other')), BlobExistsError)
      assert.deepEqual(await store.get('a/b', LIMIT), HELLO)
    },
  },
  {
    name: 'of many who put one blob at once exactly one succeeds',
    async run(store) {
      const tries = ['a', 'b', 'c', 'd', 'e'].map((text) => store.put('claim', Buffer.from(text)))
      const results = await Promise.allSettled(tries)
      assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 1)
      const winner = results.findIndex(({ status }) => status === 'fulfilled')
      assert.equal((await store.get('claim', LIMIT)).toString(), 'abcde'[winner])
    },
  },
  {
    name: 'what does not exist is said not to',
    async run(store) {
      await assert.rejects(store.get('no/such', LIMIT), BlobNotFoundError)
      assert.equal(await store.stat('no/such'), undefined)
      assert.throws(() => store.open('no/such'), BlobNotFoundError)
      assert.equal(await store.delete('no/such'), false)
      assert.deepEqual(await namesOf(store, 'no/'), [])
    },
  },
  {
    name: 'a blob larger than the reader takes is refused',
    async run(store) {
      await store.put('a', HELLO)
      await assert.rejects(store.get('a', 4), BlobTooLargeError)
      assert.equal((await store.get('a', 5)).length, 5)
    },
  },
  {
    name: 'names that lead elsewhere are refused',
    async run(store) {
      for (const name of ['../a', 'a/../b', '/a', 'a//b', '', 'a/', '.', 'a b', 'a\0b']) {
        await assert.rejects(store.put(name, HELLO), /Cannot use/, name)
        await assert.rejects(store.get(name, LIMIT), Error, name)
      }
      assert.deepEqual(await namesOf(store, ''), [])
    },
  },
  {
    name: 'list() names what lies under a folder, with sizes, and nothing unfinished',
    async run(store) {
      await store.put('points/p1/head', HELLO)
      await store.put('points/p2/head', HELLO)
      await store.put('pointsX', HELLO)
      const appender = store.append('job-1')
      appender.append(HELLO)
      assert.deepEqual(await namesOf(store, 'points/'), ['points/p1/head', 'points/p2/head'])
      assert.deepEqual(await namesOf(store, ''), ['points/p1/head', 'points/p2/head', 'pointsX'])
      const names: string[] = []
      for await (const page of store.names('points/')) names.push(...page)
      assert.deepEqual(names.toSorted(), ['points/p1/head', 'points/p2/head'])
      const rest: string[] = []
      for await (const page of store.names('points/', new Set(['p1', 'p3']))) rest.push(...page)
      // A bucket gives what it need not give all the same.
      const isDisk = store.isLocal && store.locate !== undefined
      assert.deepEqual(rest.toSorted(), isDisk ? ['points/p2/head'] : ['points/p1/head', 'points/p2/head'])
      for await (const page of store.list('')) assert.ok(page.every(({ sizeBytes }) => sizeBytes === 5))
      appender.abort()
    },
  },
  {
    name: 'appended bytes become a blob when finished, in order',
    async run(store) {
      await append(store, 'data/ab/pack', ['one ', 'two ', 'three'])
      assert.equal((await store.get('data/ab/pack', LIMIT)).toString(), 'one two three')
    },
  },
  {
    name: 'an appender takes bytes over: changing them afterwards changes nothing',
    async run(store) {
      const bytes = Buffer.from('before')
      const appender = store.append('job-1')
      appender.append(bytes)
      bytes.fill('x')
      await appender.finish('a')
      assert.equal((await store.get('a', LIMIT)).toString(), 'before')
    },
  },
  {
    name: 'finishing the same blob twice leaves one',
    async run(store) {
      await append(store, 'data/ab/same', ['bytes'])
      await append(store, 'data/ab/same', ['bytes'])
      assert.deepEqual(await namesOf(store, 'data/'), ['data/ab/same'])
    },
  },
  {
    name: 'what was given up leaves nothing',
    async run(store) {
      const appender = store.append('job-1')
      appender.append(HELLO)
      appender.abort()
      assert.deepEqual(await namesOf(store, ''), [])
      assert.equal(await store.removeUnfinished(() => true), 0)
    },
  },
  {
    name: 'an opened blob gives any part of itself, and an error beyond its end',
    async run(store) {
      // As packs are named, which a store may keep parts of, and longer than what an opening reads.
      const name = `data/ab/${'ab'.repeat(32)}`
      const bytes = Buffer.from('0123456789'.repeat(20_000))
      await store.put(name, bytes)
      for (const isAfresh of [false, false, true]) {
        const reader = store.open(name, { isAfresh })
        assert.equal(reader.sizeBytes, bytes.length)
        const into = Buffer.alloc(6, '.')
        for (const at of [3, 150_003, 199_993]) {
          reader.readInto(into, 1, 4, at)
          assert.equal(into.toString(), '.3456.')
        }
        assert.throws(() => reader.readInto(into, 0, 4, bytes.length - 3), BlobTooShortError)
        reader.close()
      }
    },
  },
  {
    name: 'a deleted blob is gone, and its name is free again',
    async run(store) {
      await store.put('a/b', HELLO)
      assert.equal(await store.delete('a/b'), true)
      assert.equal(await store.delete('a/b'), false)
      await assert.rejects(store.get('a/b', LIMIT), BlobNotFoundError)
      await store.put('a/b', Buffer.from('again'))
      assert.equal((await store.get('a/b', LIMIT)).toString(), 'again')
    },
  },
]
