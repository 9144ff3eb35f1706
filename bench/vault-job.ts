import { openBlobStore } from '../src/blobs/open.ts'
import { directoryDriver } from '../src/drivers/directory.ts'
import { contractSession } from '../src/drivers/driver.contract.ts'
import { openPointReader } from '../src/jobs/pour-restore.ts'
import { pourBackup } from '../src/jobs/pour.ts'
import { createVault, openVault } from '../src/vault/vault.ts'

/**
 * One job in a process of its own, with the layout of the server's: driver and manifest in the main thread, content in pour
 * threads. `vault-job.ts backup VAULT SOURCE POINT [PARENT]`, `vault-job.ts restore VAULT TARGET POINT`. As a server has long been
 * started when a job comes, it says `ready` and begins at the first byte of standard input; the vault is opened after that.
 */
const [action, vaultPath, path, pointId, parentPointId] = process.argv.slice(2) as [
  string,
  string,
  string,
  string,
  string?,
]
process.stdout.write('ready\n')
await new Promise((resolve) => process.stdin.once('data', resolve))
process.stdin.destroy()
const key = Buffer.alloc(32, 7)
const store = openBlobStore({ kind: 'directory', path: vaultPath })
const vault =
  action === 'backup' && parentPointId === undefined
    ? await createVault(store, { vaultId: 'bench', key, wrappings: {}, files: {} })
    : await openVault(store, key)
const resource = {
  arn: 'arn:aws:elasticfilesystem:us-east-1:111122223333:file-system/fs-1',
  uniqueId: 'u',
  name: 'fs-1',
  tags: {},
}
const session = contractSession({
  resource,
  connection: () => ({ settings: { path, restoreRoot: path }, secret: undefined }),
  now: () => new Date(Date.now() + 60_000),
})
const { signal } = session
let problems = 0
const fail = (problem: { readonly item: string; readonly reason: string }): void => {
  problems++
  process.stderr.write(`${problem.item}: ${problem.reason}\n`)
}

if (action === 'backup') {
  const lease = { generation: 1, check: () => Promise.resolve() }
  const pouring = await pourBackup({
    vault,
    pointId,
    jobId: 'bench',
    fence: 1,
    lease,
    parentPointId,
    resourceType: 'EFS',
    signal,
    onProblem: fail,
    onProgress: () => undefined,
  })
  await directoryDriver.backup({ session, sink: pouring.sink })
  await pouring.finish({})
} else {
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
    metadata: { 'file-system-id': 'fs-1', newFileSystem: 'true' },
    restoreMetadata: {},
    target: { arn: resource.arn, name: 'fs-1', isNew: true },
    problem: fail,
    progress: () => undefined,
  })
  point.close()
}
process.exitCode = problems === 0 ? 0 : 1
