import { readFileSync } from 'node:fs'
import { openBlobStore } from '../src/blobs/open.ts'
import { StorageHost } from '../src/blobs/storage-host.ts'
import type { S3StoreSettings } from '../src/blobs/thread-wire.ts'
import { directoryDriver } from '../src/drivers/directory/directory.ts'
import { contractSession } from '../src/drivers/driver.contract.ts'
import { checkPacksInThreads } from '../src/jobs/upkeep/check-packs.ts'
import { RepackThreads } from '../src/jobs/upkeep/repack-packs.ts'
import { openPointReader } from '../src/jobs/pour/pour-restore.ts'
import { pourBackup } from '../src/jobs/pour/pour.ts'
import { sweepVault } from '../src/vault/sweep/sweep.ts'
import { createVault, openVault } from '../src/vault/vault.ts'
import type { Vault } from '../src/vault/vault.ts'
import { verifyVault } from '../src/vault/verify/verify.ts'

/**
 * One job in a process of its own, with the layout of the server's: driver and manifest in the main thread, content in pour
 * threads. As a server has long been started when a job comes, it says `ready` and begins at the first byte of standard input; the
 * vault is opened after that.
 *
 *     vault-job.ts backup VAULT SOURCE POINT [PARENT]     says how many items the point has
 *     vault-job.ts restore VAULT TARGET POINT [FILE]
 *     vault-job.ts check VAULT
 *     vault-job.ts sweep VAULT POINT...            deletes the points first
 */
const [action, vaultPath, ...rest] = process.argv.slice(2) as [string, string, ...string[]]
process.stdout.write('ready\n')
await new Promise((resolve) => process.stdin.once('data', resolve))
process.stdin.destroy()

const KEY = Buffer.alloc(32, 7)
const host = new StorageHost()
// A file holds how a bucket is reached.
const store = vaultPath.endsWith('.json')
  ? host.open(JSON.parse(readFileSync(vaultPath, 'utf8')) as S3StoreSettings)
  : openBlobStore({ kind: 'directory', path: vaultPath })
const isFirst = action === 'backup' && rest[2] === undefined
const vault = isFirst
  ? await createVault(store, { vaultId: 'bench', key: KEY, wrappings: {}, files: {} })
  : await openVault(store, KEY)
const resource = {
  arn: 'arn:aws:elasticfilesystem:us-east-1:111122223333:file-system/fs-1',
  uniqueId: 'u',
  name: 'fs-1',
  tags: {},
}
/** Packs with what is not used, as a share of what is. */
const MAX_LEFT = 1.06
let problems = 0
const fail = (problem: { readonly item: string; readonly reason: string }): void => {
  problems++
  process.stderr.write(`${problem.item}: ${problem.reason}\n`)
}

function sessionFor(path: string): ReturnType<typeof contractSession> {
  return contractSession({
    resource,
    connection: () => ({ settings: { path, restoreRoot: path }, secret: undefined }),
    now: () => new Date(Date.now() + 60_000),
  })
}

async function backUp(path: string, pointId: string, parentPointId: string | undefined): Promise<void> {
  const session = sessionFor(path)
  const pouring = await pourBackup({
    vault,
    pointId,
    jobId: 'bench',
    fence: 1,
    lease: { generation: 1, check: () => Promise.resolve() },
    parentPointId,
    resourceType: 'EFS',
    signal: session.signal,
    onProblem: fail,
    onProgress: () => undefined,
  })
  await directoryDriver.backup({ session, sink: pouring.sink })
  const { itemCount } = await pouring.finish({})
  process.stdout.write(`${itemCount}\n`)
}

async function restore(path: string, pointId: string, file: string | undefined): Promise<void> {
  const session = sessionFor(path)
  const { signal } = session
  const point = await openPointReader({
    vault,
    pointId,
    resourceType: 'EFS',
    signal,
    onProgress: () => undefined,
  })
  await directoryDriver.restore({
    session,
    point,
    metadata: {
      'file-system-id': 'fs-1',
      newFileSystem: 'true',
      ...(file !== undefined && { ItemsToRestore: JSON.stringify([file]) }),
    },
    restoreMetadata: {},
    target: { arn: resource.arn, name: 'fs-1', isNew: true },
    attempt: 1,
    placed: undefined,
    placing: () => Promise.resolve(),
    begin: () => Promise.resolve(),
    left: () => undefined,
    problem: fail,
    progress: () => undefined,
  })
  point.close()
}

async function check(): Promise<void> {
  const { problems: found, points } = await verifyVault(vault, {
    readData: true,
    checkPacks: checkPacksInThreads,
  })
  for (const { blob, reason } of found) fail({ item: blob, reason })
  if (points === 0) throw new Error('Checked a vault without recovery points')
}

async function sweep(of: Vault, points: readonly string[]): Promise<void> {
  // As the server's job of a vault of this size begins.
  await using threads = new RepackThreads()
  threads.start()
  for (const pointId of points) await of.deletePoint(pointId, 'bench')
  let generation = 2
  const { storedBytes, usedBytes } = await sweepVault(of, {
    lease: { generation, check: () => Promise.resolve() },
    takeGeneration: () => Promise.resolve(++generation),
    oldestLive: () => Promise.resolve(undefined),
    now: Date.now(),
    graceMs: 0,
    repack: threads.repack,
  })
  // What recovery points need of a pack may keep it; so little that nothing is freed is right, more than that is not.
  if (storedBytes > usedBytes * MAX_LEFT) throw new Error('A sweep left too much')
}

if (action === 'backup') await backUp(rest[0] as string, rest[1] as string, rest[2])
else if (action === 'restore') await restore(rest[0] as string, rest[1] as string, rest[2])
else if (action === 'check') await check()
else if (action === 'sweep') await sweep(vault, rest)
else throw new Error(`There is no action "${action}"`)
store.close()
await host.close()
process.exitCode = problems === 0 ? 0 : 1
