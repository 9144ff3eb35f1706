import assert from 'node:assert/strict'
import { test } from 'node:test'
import { StoreFullError } from '../blobs/blob-store.ts'
import { EncryptionKeyError } from '../keyring/encryption-keys.ts'
import { ServerKey } from '../keyring/server-key.ts'
import type { Clock } from '../lib/clock.ts'
import { uuid } from '../lib/ids.ts'
import { createLog } from '../lib/log.ts'
import { isFinished } from '../store/jobs/job-states.ts'
import { findJob, insertJob, requestCancel } from '../store/jobs/jobs.ts'
import type { JobTable } from '../store/schema.ts'
import { openStore } from '../store/store.ts'
import type { Store } from '../store/store.ts'
import { AccessDeniedError, JobFailedError, JobRefusedError, RetryLaterError } from './errors.ts'
import type { JobRunner, JobTools } from './tools.ts'
import { SourceBandwidth } from './source-bandwidth.ts'
import { RunningTime } from './running-time.ts'
import { VaultRegistry } from './vaults/vault-registry.ts'
import { vaultToFill } from './vaults/vault-to-fill.ts'
import { Worker } from './worker.ts'

const ACCOUNT = '111122223333'
const HOUR = 3_600_000

/** A worker on a store in memory that runs `runner` for backups and deletions, under a clock the test moves. */
async function withWorker(
  runner: JobRunner,
  run: (at: {
    store: Store
    clock: { ms: number }
    worker: Worker
    /** Of the log. */
    readonly lines: readonly string[]
    readonly put: (more?: Partial<JobTable>) => Promise<string>
  }) => Promise<void>,
): Promise<void> {
  const store = await openStore({ kind: 'sqlite', file: ':memory:' })
  const clock = { ms: 1_000_000_000_000 }
  const passed: Clock = { now: () => clock.ms, monotonic: () => performance.now() }
  const serverKey = new ServerKey(Buffer.alloc(32, 1))
  const lines: string[] = []
  const log = createLog('json', (line) => void lines.push(line))
  const dataDir = '/nowhere'
  const tools: JobTools = {
    store,
    serverKey,
    clock: passed,
    log,
    vaults: new VaultRegistry({ store, serverKey, coldRoots: new Map(), roots: new Map(), dataDir, log }),
    runningTime: await RunningTime.open({ store, serverKey, clock: passed }),
    sourceBandwidth: new SourceBandwidth(store, passed),
    allowedRoots: [],
    vaultRoots: [],
    dataDir,
  }
  const worker = new Worker({
    tools,
    runners: { backup: runner, 'delete-point': runner },
    owner: 'test',
    leaseMs: 60_000,
    concurrentJobs: 1,
  })
  const put = async (more: Partial<JobTable> = {}): Promise<string> => {
    const job_id = uuid()
    const {
      state: _,
      lease_owner: _o,
      lease_until: _u,
      lease_generation: _g,
      fence: _f,
      attempts: _a,
      ...columns
    } = more
    await insertJob(store.db, {
      account_id: ACCOUNT,
      region: 'us-east-1',
      job_id,
      kind: 'backup',
      created_at: clock.ms,
      caller_arn: 'arn:aws:iam::111122223333:root',
      start_by: clock.ms + 8 * HOUR,
      ...columns,
    })
    store.wake()
    return job_id
  }
  worker.start()
  try {
    await run({ store, clock, worker, lines, put })
  } finally {
    await worker.stop()
    await store.close()
  }
}

async function until(store: Store, jobId: string, isIt: (job: JobTable) => boolean): Promise<JobTable> {
  for (;;) {
    const job = await findJob(store.db, ACCOUNT, jobId)
    if (job !== undefined && isIt(job)) return job
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}

const refused = (): never => {
  throw new Error('Cannot connect', { cause: Object.assign(new Error('refused'), { code: 'ECONNREFUSED' }) })
}

test('why an encryption key is away is in the log, and not in the job, which tenants read', async () => {
  const runner: JobRunner = () => {
    throw new EncryptionKeyError('usb', 'Cannot read "/media/usb.key"')
  }
  await withWorker(runner, async ({ store, lines, put }) => {
    const waits = await until(store, await put(), (job) => job.state === 'CREATED' && job.attempts === 1)
    const failed = await until(store, await put({ start_by: null }), (job) => isFinished(job.state))
    for (const { status_message } of [waits, failed]) {
      assert.match(status_message ?? '', /^Encryption key usb cannot be had: it is not available/)
      assert.doesNotMatch(status_message ?? '', /usb\.key/)
    }
    // The line of the second is written after its row.
    while (lines.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
    const logged = lines.map((line) => JSON.parse(line) as { message: string; why?: string })
    assert.deepEqual(
      logged.map(({ message, why }) => [message, why]),
      ['job put back', 'job ended'].map((message) => [
        message,
        'Encryption key usb cannot be had: Cannot read "/media/usb.key"',
      ]),
    )
  })
})

test('a backup whose source is down waits in CREATED with the reason and is tried again', async () => {
  let tries = 0
  const runner: JobRunner = () => (++tries === 1 ? refused() : Promise.resolve({ state: 'COMPLETED' }))
  await withWorker(runner, async ({ store, clock, put }) => {
    const id = await put()
    const waiting = await until(store, id, (job) => job.state === 'CREATED' && job.attempts === 1)
    assert.match(waiting.status_message ?? '', /^Cannot connect\. It is tried again at /)
    assert.equal(waiting.run_at, clock.ms + 15_000)
    clock.ms += 15_000
    store.wake()
    const ended = await until(store, id, (job) => isFinished(job.state))
    assert.deepEqual([ended.state, ended.attempts], ['COMPLETED', 2])
  })
})

test('a backup whose source stays down fails when its start window has no room for another try', async () => {
  await withWorker(refused, async ({ store, clock, put }) => {
    const id = await put({ start_by: clock.ms + 10_000 })
    const ended = await until(store, id, (job) => isFinished(job.state))
    assert.deepEqual([ended.state, ended.status_message], ['FAILED', 'Job failed: Cannot connect'])
  })
})

test('a plan’s backup whose role is refused is tried again, and fails visibly when its start window has no room', async () => {
  const right = 'x is not authorized to perform: s3:GetObject'
  const trust = 'IAM Role x cannot be assumed by AWS Backup: no such role'
  const refusals = [new AccessDeniedError(right), new JobFailedError(trust, 'AccessDenied')]
  let tries = 0
  const runner: JobRunner = () => Promise.reject(refusals[tries++ % 2] as Error)
  await withWorker(runner, async ({ store, clock, put }) => {
    const id = await put({ plan_id: uuid(), start_by: clock.ms + 20_000 })
    const waiting = await until(store, id, (job) => job.attempts === 1 && job.state !== 'RUNNING')
    assert.equal(waiting.state, 'CREATED')
    assert.match(waiting.status_message ?? '', /s3:GetObject\. It is tried again at /)
    clock.ms += 15_000
    store.wake()
    const ended = await until(store, id, (job) => isFinished(job.state))
    assert.deepEqual(
      [ended.state, ended.status_message, ended.message_category, ended.attempts],
      ['FAILED', trust, 'AccessDenied', 2],
    )
    const alone = await until(store, await put(), (job) => isFinished(job.state))
    assert.deepEqual(
      [alone.state, alone.attempts],
      ['FAILED', 1],
      'whoever started it himself is told at once',
    )
  })
})

test('a backup that finds no room has what expired in its vault swept, and is tried again', async () => {
  let tries = 0
  const full = new StoreFullError('/vault', { cause: Object.assign(new Error('full'), { code: 'ENOSPC' }) })
  const runner: JobRunner = () =>
    ++tries === 1 ? Promise.reject(full) : Promise.resolve({ state: 'COMPLETED' })
  await withWorker(runner, async ({ store, clock, put }) => {
    const sweep = await put({ kind: 'sweep', vault_name: 'vault', run_at: clock.ms + HOUR })
    const id = await put({ vault_name: 'vault' })
    const waiting = await until(store, id, (job) => job.attempts === 1 && job.state !== 'RUNNING')
    assert.match(waiting.status_message ?? '', /no room is left there .*What expired there is freed now/)
    assert.equal((await findJob(store.db, ACCOUNT, sweep))?.run_at, clock.ms)
    clock.ms += 60_000
    store.wake()
    const ended = await until(store, id, (job) => isFinished(job.state))
    assert.equal(ended.state, 'COMPLETED')
  })
})

test('an error that will not pass by itself ends the job at once, with its own words', async () => {
  const runner: JobRunner = async (tools, { row }) => {
    await vaultToFill(tools, row, 'Backup job')
    return { state: 'COMPLETED' }
  }
  await withWorker(runner, async ({ store, put }) => {
    const id = await put({ vault_name: 'absent' })
    const ended = await until(store, id, (job) => isFinished(job.state))
    const arn = `arn:aws:backup:us-east-1:${ACCOUNT}:backup-vault:absent`
    assert.deepEqual(
      [ended.state, ended.status_message, ended.attempts],
      ['FAILED', `Backup job failed because backup vault ${arn} does not exist.`, 1],
    )
  })
})

test('a deletion that was decided is tried until it succeeds, and ends at once where it must not be', async () => {
  let tries = 0
  const away = (): never => {
    throw new JobFailedError('The cold storage of the vault is not there')
  }
  const runner: JobRunner = () => (++tries <= 12 ? away() : Promise.resolve({ state: 'COMPLETED' }))
  await withWorker(runner, async ({ store, clock, put }) => {
    const id = await put({ kind: 'delete-point' })
    for (let attempts = 1; attempts <= 12; attempts++) {
      const waiting = await until(store, id, (job) => job.attempts === attempts && job.state !== 'RUNNING')
      assert.equal(waiting.state, 'CREATED')
      assert.match(waiting.status_message ?? '', /is not there\. It is tried again at /)
      assert.ok(waiting.run_at <= clock.ms + 600_000)
      clock.ms = waiting.run_at
      store.wake()
    }
    assert.equal((await until(store, id, (job) => isFinished(job.state))).state, 'COMPLETED')
  })
  const refuse: JobRunner = () => Promise.reject(new JobRefusedError('the vault is locked'))
  await withWorker(refuse, async ({ store, put }) => {
    const id = await put({ kind: 'delete-point' })
    const ended = await until(store, id, (job) => isFinished(job.state))
    assert.deepEqual(
      [ended.state, ended.status_message, ended.attempts],
      ['FAILED', 'the vault is locked', 1],
    )
  })
})

test('a job that asks to be run later keeps its place and its message', async () => {
  let tries = 0
  const runner: JobRunner = () =>
    ++tries < 3 ? Promise.reject(new RetryLaterError('not yet', 0)) : Promise.resolve({ state: 'COMPLETED' })
  await withWorker(runner, async ({ store, put }) => {
    const ended = await until(store, await put(), (job) => isFinished(job.state))
    assert.deepEqual([ended.state, ended.attempts], ['COMPLETED', 3])
  })
})

const untilAborted: JobRunner = (_, job) =>
  new Promise((_resolve, reject) => {
    job.signal.addEventListener('abort', () => reject(job.signal.reason as Error))
  })

test('a running job that is cancelled ends ABORTED in AWS’s words', async () => {
  await withWorker(untilAborted, async ({ store, clock, put }) => {
    const id = await put()
    const running = await until(store, id, (job) => job.state === 'RUNNING')
    await requestCancel(store.db, running, { now: clock.ms, message: 'Backup job was stopped by user.' })
    const ended = await until(store, id, (job) => isFinished(job.state))
    assert.deepEqual([ended.state, ended.status_message], ['ABORTED', 'Backup job was stopped by user.'])
  })
})

test('a job that misses its completion window ends EXPIRED', async () => {
  await withWorker(untilAborted, async ({ store, clock, put }) => {
    const id = await put({ complete_by: clock.ms + HOUR })
    await until(store, id, (job) => job.state === 'RUNNING')
    clock.ms += HOUR + 1
    const ended = await until(store, id, (job) => isFinished(job.state))
    assert.deepEqual(
      [ended.state, ended.status_message],
      ['EXPIRED', 'Backup job expired before completion.'],
    )
  })
})

test('stop() puts a running job back, and another worker runs it again', async () => {
  await withWorker(untilAborted, async ({ store, worker, put }) => {
    const id = await put()
    await until(store, id, (job) => job.state === 'RUNNING')
    await worker.stop()
    const waiting = await until(store, id, (job) => job.state === 'CREATED')
    assert.match(waiting.status_message ?? '', /begins again when the server is back/)
  })
})

test('a job that hangs keeps a slot from its own account alone, and accounts that wait take turns', async () => {
  const [hostile, small] = ['444455556666', '777788889999']
  const began: string[] = []
  const runner: JobRunner = async (_tools, { row, signal }) => {
    began.push(row.job_id)
    if (row.account_id !== hostile) return { state: 'COMPLETED' }
    return await new Promise((_, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason as Error))
    })
  }
  await withWorker(runner, async ({ store, clock, put }) => {
    const hangs = await put({ account_id: hostile })
    while (began.length === 0) await new Promise((resolve) => setTimeout(resolve, 5))
    await put({ account_id: hostile })
    const due = { run_at: clock.ms + 1_000 }
    const ids = [
      await put(due),
      await put(due),
      await put({ ...due, account_id: small, created_at: clock.ms + 1 }),
    ]
    clock.ms += 1_000
    store.wake()
    await until(store, ids[1] as string, (job) => job.state === 'COMPLETED')
    const [first, second, other] = ids
    assert.deepEqual([began[0], began.length, began.indexOf(other as string)], [hangs, 4, 2])
    assert.deepEqual(new Set([began[1], began[3]]), new Set([first, second]))
  })
})
