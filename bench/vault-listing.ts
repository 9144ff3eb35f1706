import { openBlobStore } from '../src/blobs/open.ts'
import { pourBackup } from '../src/jobs/pour/pour.ts'
import { createVault, openVault } from '../src/vault/vault.ts'

/**
 * `vault-listing.ts VAULT ITEMS POINT [PARENT]`: a generated listing of a bucket as a recovery point: names as people give them,
 * metadata as the S3 driver keeps it, one of a thousand contents each. With a parent all items are taken over but the one in the
 * middle, which is another. Prints the bytes that the vault grew by.
 */
const [vaultPath, count, pointId, parentPointId] = process.argv.slice(2) as [string, string, string, string?]
process.stdout.write('ready\n')
await new Promise((resolve) => process.stdin.once('data', resolve))
process.stdin.destroy()

const ITEMS = Number(count)
const CONTENTS = 1000
const MODIFIED_AT = 1_790_000_000_000
const KEY = Buffer.alloc(32, 7)
const store = openBlobStore({ kind: 'directory', path: vaultPath })
const vault =
  parentPointId === undefined
    ? await createVault(store, { vaultId: 'bench', key: KEY, wrappings: {}, files: {} })
    : await openVault(store, KEY)
const pouring = await pourBackup({
  vault,
  pointId,
  jobId: 'bench',
  fence: 1,
  lease: { generation: 1, check: () => Promise.resolve() },
  parentPointId,
  resourceType: 'S3',
  signal: new AbortController().signal,
  onProblem: ({ item, reason }) => {
    throw new Error(`${item}: ${reason}`)
  },
  onProgress: () => undefined,
})
const { sink } = pouring

for (let i = 0; i < ITEMS; i++) {
  const isOther = parentPointId !== undefined && i === ITEMS >> 1
  const modifiedAt = MODIFIED_AT + i * 1000 + (isOther ? 1 : 0)
  const etag = Math.imul(i, 0x9e37_79b1) >>> 0
  const meta = Buffer.from(`\x01{"modifiedAt":${modifiedAt},"etag":"${etag.toString(16).padStart(32, '0')}"}`)
  const name = `customers/${String(Math.floor(i / 10_000)).padStart(4, '0')}/orders/${String(i).padStart(9, '0')}.json`
  const key = Buffer.from(name)
  const found = sink.parent?.find(key)
  const parent = found instanceof Promise ? await found : found
  const content = `{"order":${i % CONTENTS}}`
  const item = { key, kind: 1, meta, size: content.length }
  const full =
    parent === undefined || isOther
      ? sink.add(item, { from: 'stream', open: () => one(content) })
      : sink.add(item, { from: 'parent', item: parent })
  if (full !== undefined) await full
  if (i % 1000 === 0) await new Promise((resolve) => setImmediate(resolve))
}
const { storedBytes } = await pouring.finish({})
process.stdout.write(`${storedBytes}\n`)

// oxlint-disable-next-line require-await -- a stream is asynchronous even where its bytes are at hand
async function* one(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text)
}
