import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { finishJob } from './claims.ts'
import { claimJob } from './next-job.ts'
import type { ContractCase } from '../contract-rows.ts'
import { ACCOUNT, NOW, REGION, resourceRow } from '../contract-rows.ts'
import { putJobLimits, whyWaiting } from './job-limits.ts'
import { findJob, insertJob } from './jobs.ts'
import { insertResource, updateResource } from '../resources/resources.ts'
import type { JobKind, JobTable } from '../schema.ts'
import type { Store } from '../store.ts'

const KINDS: readonly JobKind[] = [
  'backup',
  'restore',
  'copy',
  'verify',
  'sweep',
  'validate-restore-test',
  'delete-restore-test',
]

const claim = (store: Store, now: number = NOW): Promise<JobTable | undefined> =>
  claimJob(store, { kinds: KINDS, owner: 'w', now, leaseMs: 1_000 })

async function put(
  store: Store,
  kind: JobKind,
  uniqueId: string | null,
  runAt: number = NOW,
): Promise<string> {
  const job_id = randomUUID()
  await insertJob(store.db, {
    account_id: ACCOUNT,
    region: REGION,
    job_id,
    kind,
    created_at: NOW,
    run_at: runAt,
    caller_arn: `arn:aws:iam::${ACCOUNT}:root`,
    resource_unique_id: uniqueId,
  })
  return job_id
}

/** Resources on a host, by unique id. */
async function resourcesOn(store: Store, settings: object, count: number): Promise<readonly string[]> {
  const ids: string[] = []
  for (let i = 0; i < count; i++) {
    const row = resourceRow(`arn:aws:rds:${REGION}:${ACCOUNT}:db:${randomUUID()}`, {
      settings: JSON.stringify(settings),
    })
    await insertResource(store.db, row)
    ids.push(row.unique_id)
  }
  return ids
}

async function why(store: Store, jobId: string): Promise<string | undefined> {
  const job = await findJob(store.db, ACCOUNT, jobId)
  assert.ok(job)
  return await whyWaiting(store.db, job, NOW)
}

/** The limits' part of what every engine must do alike. */
export const LIMITS_CONTRACT: readonly ContractCase[] = [
  {
    name: 'no more jobs work on one host than its limit, however many claim; what waits says why',
    run: async (store, { other }) => {
      await putJobLimits(store.db, { perHost: 3 })
      const near = await resourcesOn(store, { host: 'DB1.example', port: 5432 }, 12)
      const far = await resourcesOn(store, { endpoint: 'https://db1.example:9000/x' }, 12)
      for (const id of [...near, ...far]) await put(store, 'backup', id)
      let active = 0
      let most = 0
      let done = 0
      const work = async (from: Store): Promise<void> => {
        while (done < 24) {
          const row = await claim(from)
          if (row === undefined) {
            await new Promise((resolve) => setImmediate(resolve))
            continue
          }
          most = Math.max(most, ++active)
          await new Promise((resolve) => setTimeout(resolve, 2))
          active--
          await finishJob(from.db, row, { state: 'COMPLETED', now: NOW })
          done++
        }
      }
      await Promise.all([store, other, store, other, store, other, store, other].map(work))
      assert.deepEqual([done, most <= 3], [24, true], `${most} at a time`)
      const waiting: string[] = []
      for (const id of near.slice(0, 5)) waiting.push(await put(store, 'backup', id))
      for (let i = 0; i < 3; i++) assert.ok(await claim(store))
      assert.equal(await claim(store), undefined)
      const reasons = await Promise.all(waiting.map((id) => why(store, id)))
      const told = 'It waits: 3 jobs work on host db1.example, and 3 may at a time'
      assert.deepEqual(
        reasons.filter((reason) => reason !== undefined),
        [told, told],
      )
    },
  },
  {
    name: 'a connection takes two jobs at a time unless told otherwise, and another resource’s jobs go past those that wait',
    run: async (store) => {
      const [one, two] = await resourcesOn(store, { host: 'db1' }, 2)
      for (const id of [one, one, one, two]) await put(store, 'restore', id as string)
      const claimed = [await claim(store), await claim(store), await claim(store)]
      assert.deepEqual(
        [one, two].map((id) => claimed.filter((row) => row?.resource_unique_id === id).length),
        [2, 1],
      )
      assert.equal(await claim(store), undefined)
      // What only moves bytes between vaults, or keeps the server going, is no work on the resource.
      await put(store, 'copy', one as string)
      assert.equal((await claim(store))?.kind, 'copy')
      await putJobLimits(store.db, { perConnection: 3 })
      assert.equal((await claim(store))?.resource_unique_id, one)
    },
  },
  {
    name: 'what a restore test does behind its restore counts as work on the connection, the host and the server',
    run: async (store) => {
      for (const kind of ['validate-restore-test', 'delete-restore-test'] as const) {
        for (const limit of ['perConnection', 'perHost', 'perServer'] as const) {
          const [id] = await resourcesOn(store, { host: `${kind}.${limit}` }, 1)
          await putJobLimits(store.db, { [limit]: 1 })
          const restore = await put(store, 'restore', id as string, NOW - 1)
          const held = await put(store, kind, id as string)
          const running = await claim(store)
          assert.equal(running?.job_id, restore)
          assert.equal(await claim(store), undefined, `${kind} is held by ${limit}`)
          assert.match((await why(store, held)) ?? '', /^It waits: 1 jobs work on /)
          await finishJob(store.db, running, { state: 'COMPLETED', now: NOW })
          const own = await claim(store)
          assert.equal(own?.job_id, held)
          // And holds others in its turn.
          const next = await put(store, 'backup', id as string)
          assert.equal(await claim(store), undefined, `${limit} counts ${kind}`)
          await finishJob(store.db, own, { state: 'COMPLETED', now: NOW })
          const last = await claim(store)
          assert.equal(last?.job_id, next)
          await finishJob(store.db, last, { state: 'COMPLETED', now: NOW })
        }
      }
    },
  },
  {
    name: 'the server’s limit counts all that move bytes, and holds neither a sweep nor a job whose lease ran out',
    run: async (store) => {
      await putJobLimits(store.db, { perServer: 2 })
      await put(store, 'verify', null, NOW - 2)
      await put(store, 'copy', null, NOW - 1)
      const held = await put(store, 'backup', null)
      const [first, second] = [await claim(store), await claim(store)]
      assert.deepEqual([first?.kind, second?.kind], ['verify', 'copy'])
      assert.equal(await claim(store), undefined)
      assert.equal(await why(store, held), 'It waits: 2 jobs work on this server, and 2 may at a time')
      await put(store, 'sweep', null)
      assert.equal((await claim(store))?.kind, 'sweep')
      // Its worker died: it has its place already.
      assert.equal((await claim(store, NOW + 1_000))?.job_id, first?.job_id)
      await putJobLimits(store.db, {})
      assert.equal((await claim(store))?.job_id, held)
    },
  },
  {
    name: 'a host’s limit follows a connection that is changed',
    run: async (store) => {
      await putJobLimits(store.db, { perHost: 1 })
      const [one, two] = await resourcesOn(store, { host: 'db1' }, 2)
      await put(store, 'backup', one as string)
      await put(store, 'backup', two as string)
      const running = await claim(store)
      assert.equal(await claim(store), undefined)
      const waits = running?.resource_unique_id === one ? two : one
      const change = { settings: '{"host":"db2"}', secret: null }
      await updateResource(store.db, { unique_id: waits as string, version: 1 }, change)
      assert.equal((await claim(store))?.resource_unique_id, waits)
    },
  },
]
