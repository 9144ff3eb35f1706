import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { copyPoint } from '../../src/jobs/pour/pour-copy.ts'
import { LeaseLostError } from '../../src/store/jobs/claims.ts'
import type { Lease } from '../../src/vault/lease.ts'
import { PackWriter } from '../../src/vault/write/pack-writer.ts'
import { restore } from '../../src/vault/points.fixture.ts'
import type { Files } from '../../src/vault/points.fixture.ts'
import { SegmentBuffer } from '../../src/vault/write/segment-buffer.ts'
import { sweepVault } from '../../src/vault/sweep/sweep.ts'
import type { SweepResult } from '../../src/vault/sweep/sweep.ts'
import { createVault, openVault } from '../../src/vault/vault.ts'
import type { Vault } from '../../src/vault/vault.ts'
import { verifyVault } from '../../src/vault/verify/verify.ts'
import type { PointWriter } from '../../src/vault/write/writer.ts'
import { SimulatedProcess, SimulatedStorage, SimulatedStore } from './simulated-process.ts'
import type { Task } from './simulated-process.ts'

/** What a server's store knows of two vaults, and the jobs that change them: as src/jobs does it, without rows. */

const CHUNK_BYTES = 512
const SEGMENT_BYTES = 4096

export interface PointRow {
  readonly id: string
  readonly side: VaultSide
  readonly resource: number
  readonly files: Files
  /** `making`: its job has not committed. `lost`: nor will it. */
  state: 'making' | 'there' | 'deleting' | 'gone' | 'lost'
  /** Of the last amendment that was acknowledged, and of one that may have been written. */
  note: number | undefined
  maybeNote: number | undefined
  task: Task
}

/** One vault, and what the store keeps for it: the generation, and who holds a lease of which. */
export class VaultSide {
  readonly id: string
  readonly key: Buffer = randomBytes(32)
  readonly storage: SimulatedStorage = new SimulatedStorage()
  readonly leases: Map<Task, number> = new Map()
  generation = 1
  sweeper: Task | undefined

  constructor(id: string) {
    this.id = id
  }

  lease(task: Task): Lease {
    const { generation } = this
    this.leases.set(task, generation)
    return {
      generation,
      check: async () => {
        await task.turn()
        if (!task.hasLease) throw lost(task)
      },
    }
  }

  async make(wrappings: Readonly<Record<string, Uint8Array>>): Promise<void> {
    const { id: vaultId, key } = this
    const store = new SimulatedStore(this.storage, new SimulatedProcess())
    await createVault(store, { vaultId, key, wrappings, files: {} })
  }

  /** As a process of its own sees it. */
  async open(process: SimulatedProcess): Promise<Vault> {
    return await openVault(new SimulatedStore(this.storage, process), this.key)
  }
}

const lost = (task: Task): LeaseLostError =>
  new LeaseLostError({ job_id: task.name, kind: 'backup', fence: 1, lease_owner: null })

export class SimulatedServer {
  readonly sides: readonly [VaultSide, VaultSide] = [new VaultSide('vault-a'), new VaultSide('vault-b')]
  readonly points: PointRow[] = []
  readonly #vaults = new WeakMap<SimulatedProcess, Map<VaultSide, Promise<Vault>>>()
  #nextPoint = 1

  pointsOf(side: VaultSide, ...states: readonly PointRow['state'][]): PointRow[] {
    return this.points.filter((point) => point.side === side && states.includes(point.state))
  }

  /** Each process opens a vault once and keeps it open. */
  async #vault(task: Task, side: VaultSide): Promise<Vault> {
    const open = this.#vaults.get(task.process) ?? new Map<VaultSide, Promise<Vault>>()
    this.#vaults.set(task.process, open)
    const opening = open.get(side) ?? side.open(task.process)
    open.set(side, opening)
    return await opening
  }

  reopen(process: SimulatedProcess): void {
    this.#vaults.delete(process)
  }

  newPoint(task: Task, side: VaultSide, resource: number, files: Files): PointRow {
    const row: PointRow = {
      id: `p${this.#nextPoint++}`,
      side,
      resource,
      files,
      state: 'making',
      note: undefined,
      maybeNote: undefined,
      task,
    }
    this.points.push(row)
    return row
  }

  /** What a job's last transaction does: refused to whoever lost the lease. */
  #commit(task: Task, row: PointRow): void {
    if (!task.hasLease) throw lost(task)
    row.state = 'there'
  }

  async backUp(task: Task, row: PointRow): Promise<void> {
    const { side, id, resource, files } = row
    const lease = side.lease(task)
    const vault = await this.#vault(task, side)
    const parent = this.pointsOf(side, 'there').findLast((point) => point.resource === resource)
    const options = { pointId: id, jobId: task.name, fence: 1, lease }
    const begun = await vault.beginPoint({ ...options, parentPointId: parent?.id })
    try {
      await pour(vault, begun, files, begun.parent === undefined ? {} : (parent as PointRow).files)
      await begun.commit({ resourceType: 'S3', resource })
    } catch (error) {
      await begun.abort()
      throw error
    }
    this.#commit(task, row)
  }

  async copy(task: Task, row: PointRow, source: PointRow): Promise<void> {
    source.side.lease(task)
    const lease = row.side.lease(task)
    const parent = this.pointsOf(row.side, 'there').findLast((point) => point.resource === row.resource)
    await copyPoint(
      {
        source: await this.#vault(task, source.side),
        sourcePointId: source.id,
        target: await this.#vault(task, row.side),
        pointId: row.id,
        parentPointId: parent?.id,
        jobId: task.name,
        fence: 1,
        lease,
        resourceType: 'S3',
        signal: new AbortController().signal,
        onProgress: () => undefined,
        threads: 0,
      },
      { resourceType: 'S3', resource: row.resource },
    )
    this.#commit(task, row)
  }

  /** Never other bytes than were backed up, lease or not. */
  async restore(task: Task, row: PointRow): Promise<void> {
    row.side.lease(task)
    const vault = await this.#vault(task, row.side)
    assert.deepEqual(await restore(vault, row.id), row.files, `restored ${row.id}`)
  }

  async remove(task: Task, row: PointRow): Promise<void> {
    row.state = 'deleting'
    const lease = row.side.lease(task)
    await lease.check()
    const vault = await this.#vault(task, row.side)
    await vault.deletePoint(row.id, task.name)
    if (!task.hasLease) throw lost(task)
    row.state = 'gone'
  }

  async amend(task: Task, row: PointRow, note: number): Promise<void> {
    const lease = row.side.lease(task)
    await lease.check()
    const vault = await this.#vault(task, row.side)
    row.maybeNote = note
    await vault.amend(row.id, { note })
    row.note = note
    row.maybeNote = undefined
    if (note % 2 === 0) await vault.addRecord(() => ({ note }))
  }

  async verify(task: Task, side: VaultSide, readData: boolean): Promise<void> {
    side.lease(task)
    const vault = await this.#vault(task, side)
    const { problems } = await verifyVault(vault, { readData })
    const committed = new Set(this.pointsOf(side, 'there').map(({ id }) => id))
    const found = problems.filter(({ pointId }) => pointId === undefined || committed.has(pointId))
    if (task.hasLease) assert.deepEqual(found, [], `verify of ${side.id}`)
  }

  async sweep(task: Task, side: VaultSide): Promise<SweepResult> {
    side.sweeper = task
    const lease = side.lease(task)
    const vault = await this.#vault(task, side)
    await this.#dropUnfinished(vault, side)
    return await sweepVault(vault, {
      lease,
      takeGeneration: async () => {
        await task.turn()
        return ++side.generation
      },
      oldestLive: async () => {
        await task.turn()
        const others = [...side.leases].filter(([holder]) => holder !== task)
        return others.length === 0 ? undefined : Math.min(...others.map(([, generation]) => generation))
      },
      now: 1_800_000_000_000,
      graceMs: 0,
    })
  }

  async #dropUnfinished(vault: Vault, side: VaultSide): Promise<void> {
    const { points } = await vault.listPoints()
    for (const { pointId } of points) {
      const row = this.points.find(({ id }) => id === pointId) as PointRow
      if (row.state === 'lost') await vault.deletePoint(pointId, 'its job did not finish it')
      assert.equal(row.side, side)
    }
  }

  /** The job is over: nobody holds its leases. */
  release(task: Task): void {
    task.hasLease = false
    for (const side of this.sides) {
      side.leases.delete(task)
      if (side.sweeper === task) side.sweeper = undefined
    }
    for (const row of this.points) if (row.task === task && row.state === 'making') row.state = 'lost'
  }
}

/** Stores files as a driver does: what the parent has unchanged is taken over unread. */
async function pour(vault: Vault, writer: PointWriter, files: Files, before: Files): Promise<void> {
  const { store, keys } = vault
  const packs = new PackWriter({ store, keys, type: 'data', tag: writer.tag })
  const segments = new SegmentBuffer(Buffer.allocUnsafe(2 * SEGMENT_BYTES), SEGMENT_BYTES, packs)
  const meta = Buffer.from('\u0001{"modifiedAt":0}')
  for (const name of Object.keys(files).toSorted()) {
    const bytes = files[name] as Buffer
    const key = Buffer.from(name)
    const known = writer.parent?.find(key)
    if (known !== undefined && before[name]?.equals(bytes) === true) {
      writer.add({ key, kind: 1, meta, size: known.size, depth: known.handle.depth, ids: known.handle.ids })
      continue
    }
    const ids: Buffer[] = []
    for (let at = 0; at < bytes.length; at += CHUNK_BYTES) {
      const chunk = bytes.subarray(at, at + CHUNK_BYTES)
      const id = keys.chunkId('data', chunk)
      if (writer.claims.isNew(id, 0)) segments.add(id, 0, chunk)
      ids.push(id)
    }
    writer.add({ key, kind: 1, meta, size: bytes.length, depth: 0, ids: Buffer.concat(ids) })
  }
  segments.flush()
  writer.addPacks(await packs.end())
}
