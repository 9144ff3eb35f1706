import assert from 'node:assert/strict'
import { onCrashpoint } from '../../src/lib/crashpoint.ts'
import { LeaseLostError } from '../../src/store/jobs/claims.ts'
import { PointNotFoundError } from '../../src/vault/errors.ts'
import { ID_BYTES } from '../../src/vault/keys.ts'
import { packName } from '../../src/vault/format/pack.ts'
import { blobsOf, restore } from '../../src/vault/points.fixture.ts'
import type { Files } from '../../src/vault/points.fixture.ts'
import type { Vault } from '../../src/vault/vault.ts'
import { verifyVault } from '../../src/vault/verify/verify.ts'
import { drawFrom } from '../policy/generated-requests.ts'
import type { Draw } from '../policy/generated-requests.ts'
import { SecondReader } from './second-reader.ts'
import { SimulatedCrash, SimulatedProcess, Task } from './simulated-process.ts'
import { SimulatedServer } from './simulated-server.ts'
import type { PointRow, VaultSide } from './simulated-server.ts'

/**
 * A server's jobs on two vaults in memory, drawn from a seed: they run at once in three processes, stop before and behind any
 * operation on a store, are ended at any named crash point, or lose their lease and go on later as if nothing had been. After each
 * step every recovery point that was acknowledged must be whole, and now and then all must be as if nothing had ever gone wrong.
 */

const MAX_POINTS = 7
const RESOURCES = 3
const MAX_TASKS = 4
/** Steps between two looks at what is left once all is quiet. */
const SETTLE_STEPS = 150

/** Of what is used; the sweep leaves half of it in packs, the rest is what a pack has beside its chunks. */
const MAX_UNUSED = 0.1
/** The next crash is at one of so many points, those at which there were fewest so far. */
const RAREST = 3

export interface SimulationCounts {
  readonly steps: number
  readonly tasks: Readonly<Record<string, number>>
  /** How often a process ended at each crash point. */
  readonly crashes: ReadonlyMap<string, number>
  readonly zombies: number
  readonly restored: number
  /** Of what was drawn: the same seed gives the same. */
  readonly trace: number
}

export class Simulation {
  readonly server: SimulatedServer = new SimulatedServer()
  readonly #draw: Draw
  readonly #trees: Map<string, Buffer>[] = Array.from({ length: RESOURCES }, () => new Map())
  readonly #observers = new Map<VaultSide, Vault>()
  readonly #seen = new Map<VaultSide, number>()
  /** Ids of all chunks of a point, its manifest's as well. */
  readonly #chunks = new WeakMap<PointRow, Buffer>()
  readonly #passed = new Map<string, number>()
  readonly #crashes = new Map<string, number>()
  readonly #started: Record<string, number> = {}
  #processes: SimulatedProcess[] = Array.from({ length: 3 }, () => new SimulatedProcess())
  #tasks: Task[] = []
  /** Dead, and the store does not know yet. */
  #unreleased: Task[] = []
  #steps = 0
  #zombies = 0
  #restored = 0
  #nextTask = 1
  #trace = 0

  constructor(seed: number) {
    this.#draw = drawFrom(seed)
  }

  get counts(): SimulationCounts {
    return {
      steps: this.#steps,
      tasks: this.#started,
      crashes: this.#crashes,
      zombies: this.#zombies,
      restored: this.#restored,
      trace: this.#trace,
    }
  }

  async run(steps: number): Promise<void> {
    using _ = onCrashpoint((name) => this.#passing(name))
    const reader = await SecondReader.make()
    for (const side of this.server.sides) await side.make(reader.wrappings(side.id, side.key))
    for (let i = 1; i <= steps; i++) {
      this.#steps++
      await this.#step()
      await this.#check()
      if (i % SETTLE_STEPS === 0 || i === steps) await this.#settle()
    }
    for (const side of this.server.sides) {
      const points = new Map(this.server.pointsOf(side, 'there').map(({ id, files }) => [id, files]))
      reader.assertAgreesInMemory(side.storage.blobs.blobs, points)
    }
  }

  #passing(name: string): void {
    const task = Task.current.getStore()
    if (task === undefined || task.process.isDead) return
    this.#passed.set(name, (this.#passed.get(name) ?? 0) + 1)
    const { process } = task
    if (process.endsAt?.name !== name || --process.endsAt.left > 0) return
    this.#crashes.set(name, (this.#crashes.get(name) ?? 0) + 1)
    process.isDead = true
    // Only one of them.
    for (const other of this.#processes) other.endsAt = undefined
    throw new SimulatedCrash(name)
  }

  async #step(): Promise<void> {
    const stopped = this.#tasks.filter(({ state }) => state !== 'done' && state !== 'failed')
    const what = this.#draw(100)
    this.#trace = (Math.imul(this.#trace, 31) + what + stopped.length) >>> 0
    if (what < 2) this.#kill(this.#pick(this.#processes))
    else if (what < 5) this.#takeOver(stopped)
    else if (what < 9) this.#release()
    else if (what < 15) this.#armCrash()
    else if (what < 17) this.server.reopen(this.#pick(this.#processes))
    else if (stopped.length < MAX_TASKS && (what < 55 || stopped.length === 0)) await this.#start()
    else if (stopped.length > 0) await this.#goOn(this.#pick(stopped), this.#drawSteps())
  }

  #pick<T>(list: readonly T[]): T {
    return list[this.#draw(list.length)] as T
  }

  /** Mostly to the end, else a few operations or one. */
  #drawSteps(): number {
    const kind = this.#draw(10)
    if (kind < 3) return 1_000_000
    return kind < 7 ? this.#draw(60) : this.#draw(4)
  }

  #kill(process: SimulatedProcess): void {
    process.isDead = true
    const of = this.#tasks.filter((task) => task.process === process)
    this.#unreleased.push(...of)
    this.#tasks = this.#tasks.filter((task) => task.process !== process)
    this.#processes = this.#processes.map((one) => (one === process ? new SimulatedProcess() : one))
  }

  /** The store gives a paused job's lease to another, while its process only sleeps. */
  #takeOver(stopped: readonly Task[]): void {
    const held = stopped.filter(({ hasLease }) => hasLease)
    if (held.length === 0) return
    this.#zombies++
    this.server.release(this.#pick(held))
  }

  /** The store hears that a process is dead. */
  #release(): void {
    const task = this.#unreleased.splice(this.#draw(this.#unreleased.length + 1), 1)[0]
    if (task !== undefined) this.server.release(task)
  }

  /** A process will end at the point that processes ended at least often. */
  #armCrash(): void {
    const names = [...this.#passed.keys()].toSorted(
      (a, b) => (this.#crashes.get(a) ?? 0) - (this.#crashes.get(b) ?? 0),
    )
    const name = names[this.#draw(Math.min(names.length, RAREST))]
    if (name === undefined) return
    const left = 1 + this.#draw(2)
    for (const process of this.#processes) process.endsAt = { name, left }
  }

  async #goOn(task: Task, steps: number): Promise<void> {
    await task.go(steps)
    if (task.process.isDead) {
      this.#kill(task.process)
      return
    }
    if (task.state !== 'done' && task.state !== 'failed') return
    this.#tasks = this.#tasks.filter((one) => one !== task)
    if (task.state === 'failed') this.#explain(task)
    this.server.release(task)
  }

  /** Only what the model expects may fail. */
  #explain(task: Task): void {
    const { error } = task
    if (error instanceof LeaseLostError && !task.hasLease) return
    if (error instanceof assert.AssertionError) throw error
    // Whoever lost the lease reads what may have been swept.
    if (!task.hasLease) return
    const row = this.#rowOf.get(task)
    const isDeleted = row !== undefined && row.state !== 'there' && row.state !== 'making'
    if (error instanceof PointNotFoundError && isDeleted) return
    throw new Error(`${task.name} failed at step ${this.#steps}`, { cause: error })
  }

  /** The point that a task reads. */
  readonly #rowOf = new WeakMap<Task, PointRow>()

  async #start(): Promise<void> {
    const side = this.#pick(this.server.sides)
    const process = this.#pick(this.#processes)
    const there = this.server.pointsOf(side, 'there')
    const what = this.#draw(100)
    const begin = (name: string): Task => {
      this.#started[name] = (this.#started[name] ?? 0) + 1
      return new Task(`${name} ${this.#nextTask++}`, process)
    }
    const { server } = this
    const again = server.pointsOf(side, 'deleting').find(({ task }) => !task.hasLease)
    const row = there.length === 0 ? undefined : this.#pick(there)
    let task: Task
    if (again !== undefined) {
      task = begin('delete')
      again.task = task
      task.start(() => server.remove(task, again))
    } else if (row === undefined || (what < 40 && there.length < MAX_POINTS)) {
      task = begin('backup')
      const resource = this.#draw(RESOURCES)
      const point = server.newPoint(task, side, resource, this.#mutate(resource))
      task.start(() => server.backUp(task, point))
    } else if (what >= 40 && what < 50) {
      task = begin('copy')
      const other = server.sides.find((one) => one !== side) as VaultSide
      if (server.pointsOf(other, 'there').length >= MAX_POINTS) return
      const point = server.newPoint(task, other, row.resource, row.files)
      this.#rowOf.set(task, row)
      task.start(() => server.copy(task, point, row))
    } else if (what < 62 && (there.length >= 3 || what < 52)) {
      task = begin('delete')
      row.task = task
      task.start(() => server.remove(task, row))
    } else if (what < 68) {
      task = begin('restore')
      this.#rowOf.set(task, row)
      task.start(() => server.restore(task, row))
    } else if (what < 73 && row.maybeNote === undefined) {
      task = begin('amend')
      this.#rowOf.set(task, row)
      const note = this.#nextTask
      task.start(() => server.amend(task, row, note))
    } else if (what < 78) {
      task = begin('verify')
      const readData = this.#draw(2) === 0
      task.start(() => server.verify(task, side, readData))
    } else {
      if (side.sweeper !== undefined) return
      task = begin('sweep')
      task.start(async () => void (await server.sweep(task, side)))
    }
    this.#tasks.push(task)
    await this.#goOn(task, this.#drawSteps())
  }

  /** The resource as it is now: some files changed, come or gone, some with content that another has. */
  #mutate(resource: number): Files {
    const tree = this.#trees[resource] as Map<string, Buffer>
    for (let changes = this.#draw(4); changes >= 0; changes--) {
      const name = `file-${this.#draw(6)}`
      const what = this.#draw(6)
      const other = this.#trees[this.#draw(RESOURCES)]?.get(`file-${this.#draw(6)}`)
      if (what === 0) tree.delete(name)
      else if (what === 1 && other !== undefined) tree.set(name, other)
      else if (what === 2 && other !== undefined) tree.set(name, Buffer.concat([other, this.#bytes(100)]))
      else tree.set(name, this.#bytes(this.#draw(2500)))
    }
    return Object.fromEntries([...tree].toSorted(([a], [b]) => (a < b ? -1 : 1)))
  }

  /** Bytes of the seed, so that the same run has the same chunks. */
  #bytes(length: number): Buffer {
    const bytes = Buffer.alloc(length)
    for (let at = 0; at + 4 <= length; at += 4) bytes.writeUInt32LE(this.#draw(0x1_0000_0000), at)
    return bytes
  }

  /** Between any two steps, what was acknowledged is there: all of its chunks, and of one all of its bytes. */
  async #check(): Promise<void> {
    for (const side of this.server.sides) {
      if (this.#seen.get(side) === side.storage.changes) continue
      this.#seen.set(side, side.storage.changes)
      const vault =
        (this.#draw(8) === 0 ? undefined : this.#observers.get(side)) ??
        (await side.open(new SimulatedProcess()))
      this.#observers.set(side, vault)
      await this.#checkPlaces(vault, side)
      const there = this.server.pointsOf(side, 'there')
      if (there.length > 0 && this.#draw(4) === 0) await this.#checkBytes(vault, this.#pick(there))
    }
  }

  async #checkPlaces(vault: Vault, side: VaultSide): Promise<void> {
    const loaded = await vault.refresh()
    const { blobs } = side.storage.blobs
    for (const row of this.server.pointsOf(side, 'there')) {
      const where = `${row.id} after step ${this.#steps}`
      assert.ok(blobs.has(`points/${row.id}/head`) && !blobs.has(`points/${row.id}/deleted`), where)
      const ids = this.#chunks.get(row) ?? (await chunksOf(vault, row))
      this.#chunks.set(row, ids)
      for (let at = 0; at < ids.length; at += ID_BYTES) {
        const place = loaded.index.find(ids, at)
        const pack = place && loaded.index.pack(loaded.index.segment(place.segment).pack)
        const isThere = pack !== undefined && loaded.stored.has(packName(pack.type, pack.id))
        assert.ok(isThere, `${where}: chunk ${ids.toString('hex', at, at + ID_BYTES)} is gone`)
      }
    }
  }

  async #checkBytes(vault: Vault, row: PointRow): Promise<void> {
    this.#restored++
    const where = `${row.id} after step ${this.#steps}`
    assert.deepEqual(await restore(vault, row.id), row.files, where)
    const { note } = (await vault.head(row.id)).record
    assert.ok(
      note === row.maybeNote || note === row.note,
      `amendment ${String(note)} of ${where}, not ${row.note}`,
    )
  }

  async #checkAll(side: VaultSide): Promise<void> {
    const vault = await side.open(new SimulatedProcess())
    const { problems } = await verifyVault(vault, { readData: true })
    assert.deepEqual(problems, [], `${side.id} after step ${this.#steps}`)
    for (const row of this.server.pointsOf(side, 'there')) await this.#checkBytes(vault, row)
  }

  /** Everything ends, the dead are known to be, and two sweeps later nothing is left of what went wrong. */
  async #settle(): Promise<void> {
    for (const process of this.#processes) process.endsAt = undefined
    while (this.#tasks.length > 0) {
      await this.#goOn(this.#tasks[0] as Task, 1_000_000)
      this.#tasks.push(...this.#tasks.splice(0, 1))
    }
    for (const task of this.#unreleased.splice(0)) this.server.release(task)
    for (const row of this.server.points.filter(({ state }) => state === 'deleting'))
      await this.#alone('delete', async (task) => await this.server.remove(task, row))
    for (const side of this.server.sides) {
      for (let i = 0; i < 2; i++)
        await this.#alone('sweep', async (task) => void (await this.server.sweep(task, side)))
      await this.#alone('sweep', async (task) => {
        const { storedBytes, usedBytes, waitingBlobs } = await this.server.sweep(task, side)
        assert.equal(waitingBlobs, 0)
        assert.ok(storedBytes <= usedBytes * (1 + MAX_UNUSED), `${storedBytes} bytes for ${usedBytes} in use`)
      })
      await this.#checkAll(side)
      await this.#checkNothingLeft(side)
    }
  }

  async #alone(name: string, work: (task: Task) => Promise<void>): Promise<void> {
    const task = new Task(`${name} ${this.#nextTask++}`, this.#processes[0] as SimulatedProcess)
    task.start(() => work(task))
    this.#tasks.push(task)
    await this.#goOn(task, 1_000_000)
    assert.equal(task.state, 'done', `${task.name} after step ${this.#steps}: ${String(task.error)}`)
  }

  async #checkNothingLeft(side: VaultSide): Promise<void> {
    const { blobs, unfinished } = side.storage
    assert.equal(unfinished.size, 0, 'unfinished files are left')
    assert.deepEqual(await blobsOf(blobs, 'dead/'), [])
    const heads = (await blobsOf(blobs, 'points/')).filter((name) => !name.endsWith('/deleted'))
    const ids = new Set(heads.map((name) => name.split('/')[1] ?? ''))
    assert.deepEqual(
      [...ids].toSorted(byText),
      this.server
        .pointsOf(side, 'there')
        .map(({ id }) => id)
        .toSorted(byText),
    )
    const vault = await side.open(new SimulatedProcess())
    const { stored, packs } = await vault.refresh()
    assert.deepEqual(
      [...stored.keys()].filter((name) => !packs.has(name)),
      [],
      'packs that no index names are left',
    )
  }
}

const byText = (a: string, b: string): number => (a < b ? -1 : 1)

async function chunksOf(vault: Vault, { id }: PointRow): Promise<Buffer> {
  using point = await vault.openPoint(id)
  const ids = [point.head.manifest.root ?? Buffer.alloc(0)]
  for (const page of point.pages()) for (const item of page) ids.push(point.chunkIds(item))
  return Buffer.concat(ids)
}
