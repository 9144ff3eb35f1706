import { uuid } from '../../lib/ids.ts'
import { Rounds } from '../../lib/rounds.ts'
import { hasColdStore } from '../../store/points/cold-points.ts'
import type { VaultTable } from '../../store/schema.ts'
import {
  claimScrub,
  dropScrubs,
  findScrub,
  listScrubs,
  updateScrub,
  PASS_MS,
  YOUNG_MS,
} from '../../store/vaults/vault-scrubs.ts'
import type { ScrubState } from '../../store/vaults/vault-scrubs.ts'
import { SCRUB_START, scrubSlice } from '../../vault/verify/scrub.ts'
import type { Vault } from '../../vault/vault.ts'
import { queueCheck } from './check-queue.ts'
import { announceBlobs } from './damage.ts'
import type { JobTools } from '../tools.ts'

/** What scrubs of one server read in a second, unless a pass would end too late: about a terabyte a day. */
const BYTES_A_SECOND: number = 12 * 1024 * 1024
/** Read between two looks at what is most urgent, and lost where a server dies. */
const SLICE_BYTES: number = 32 * 1024 * 1024
/** A server that has read nothing for so long is taken for dead, in milliseconds. */
const LEASE_MS = 600_000
/** A look for what is due, in milliseconds. */
const IDLE_MS = 60_000
/** A vault whose storage does not answer is left alone for so long, in milliseconds. */
const AGAIN_MS = 600_000

/** What a cursor in a vault's cold storage begins with. */
const COLD = 'cold '

type Scrubbed = Awaited<ReturnType<typeof listScrubs>>[number]

/**
 * Reads every blob of every vault again and again, without keys, so that rot is found while there is another copy. Of all servers on
 * one database one reads a vault at a time, and whoever comes next goes on where it stopped.
 */
export class Scrubber {
  readonly #tools: JobTools
  readonly #owner = uuid()
  readonly #rounds: Rounds
  /** Vaults whose storage did not answer, by id: until when they are left alone. */
  readonly #away = new Map<string, number>()

  constructor(tools: JobTools) {
    this.#tools = tools
    const failed = 'the scrub could not look at the vaults'
    this.#rounds = new Rounds({ log: tools.log, failed, waitMs: IDLE_MS })
  }

  start(): void {
    this.#rounds.start(() => this.run())
  }

  async stop(): Promise<void> {
    await this.#rounds.stop()
  }

  /**
   * Reads a slice of the vault that is most behind; tests call it with a clock of their own.
   * @returns How long to wait before the next, in milliseconds.
   */
  async run(): Promise<number> {
    const { store, clock, log } = this.#tools
    const now = clock.now()
    await dropScrubs(store.db)
    for (const { vault } of this.#due(await listScrubs(store.db), now)) {
      if (!(await claimScrub(store.db, vault, this.#owner, { now, until: now + LEASE_MS }))) continue
      try {
        // Another server may have gone on, or ended the pass, since they were listed.
        const scrub = await findScrub(store.db, vault)
        if (this.#due([{ vault, scrub }], now).length === 0) continue
        const bytes = await this.#slice(vault, scrub, now)
        const isLate = lagOf(scrub, clock.now()) > 0
        return isLate ? 0 : Math.ceil((bytes * 1000) / BYTES_A_SECOND)
      } catch (error) {
        if (this.#rounds.signal.aborted) return 0
        this.#away.set(vault.vault_id, now + AGAIN_MS)
        log.warn('a vault could not be scrubbed: it is tried again', {
          vault: vault.arn,
          error: String(error),
        })
      } finally {
        await updateScrub(store.db, vault, this.#owner, { lease_owner: null, lease_until: 0 })
      }
    }
    return IDLE_MS
  }

  /** Those with a pass under way or due, the one that is most behind first. */
  #due(all: readonly Scrubbed[], now: number): Scrubbed[] {
    return all
      .filter(({ vault, scrub }) => {
        if ((this.#away.get(vault.vault_id) ?? 0) > now) return false
        const { pass_started_at: under, last_started_at: last } = scrub
        if (under !== null) return true
        // One that lies in the future is of a clock that was set back.
        return last === null ? Math.abs(now - vault.created_at) >= YOUNG_MS : Math.abs(now - last) >= PASS_MS
      })
      .toSorted((one, other) => lagOf(other.scrub, now) - lagOf(one.scrub, now))
  }

  /** The vault's stores that can be reached. */
  async #reachable(vault: VaultTable, warm: Vault): Promise<readonly Vault[]> {
    if (!hasColdStore(vault)) return [warm]
    try {
      return [warm, await this.#tools.vaults.openCold(vault)]
    } catch (error) {
      this.#tools.log.warn(
        'the cold storage of a vault cannot be reached: the first store is scrubbed alone',
        {
          vault: vault.arn,
          error: String(error),
        },
      )
      return [warm]
    }
  }

  /** @returns Bytes read. */
  async #slice(vault: VaultTable, scrub: ScrubState, now: number): Promise<number> {
    const { store, vaults, clock } = this.#tools
    const { db } = store
    const warm = await vaults.open(vault)
    const hasCold = hasColdStore(vault)
    let before =
      scrub.pass_started_at === null
        ? await beginning(await this.#reachable(vault, warm), now)
        : passOf(scrub)
    // A cold storage that was away for all of a pass keeps nobody from reading the first store again; the pass has not ended by that.
    const isLate = now - (before.pass_started_at ?? now) > PASS_MS && before.cursor === COLD + SCRUB_START
    if (isLate && (await this.#reachable(vault, warm)).length === 1) before = await beginning([warm], now)
    // Behind all of the first store comes the cold one.
    const isOfCold = hasCold && before.cursor.startsWith(COLD)
    const opened = isOfCold ? await vaults.openCold(vault) : warm
    const read = await scrubSlice(opened.store, isOfCold ? before.cursor.slice(COLD.length) : before.cursor, {
      maxBytes: SLICE_BYTES,
      signal: this.#rounds.signal,
    })
    const slice = isOfCold
      ? { ...read, cursor: read.cursor && COLD + read.cursor }
      : { ...read, cursor: read.cursor ?? (hasCold ? COLD + SCRUB_START : undefined) }
    if (read.problems.length > 0)
      await announceBlobs(
        this.#tools,
        vault,
        { opened, tier: isOfCold ? 'cold' : 'warm' },
        read.problems,
        'the scrub',
      )
    const pass = {
      ...before,
      pass_blobs: before.pass_blobs + slice.blobs,
      pass_bytes: before.pass_bytes + slice.bytes,
    }
    if (slice.cursor !== undefined) {
      await updateScrub(db, vault, this.#owner, { ...pass, cursor: slice.cursor })
      return slice.bytes
    }
    const isKept = await updateScrub(db, vault, this.#owner, {
      ...pass,
      cursor: SCRUB_START,
      pass_started_at: null,
      last_started_at: before.pass_started_at,
      last_ended_at: clock.now(),
      last_blobs: pass.pass_blobs,
      last_bytes: pass.pass_bytes,
    })
    // What is missing, and rot in wrapped keys, no reading of what is there can show.
    if (isKept) await queueCheck(this.#tools, vault, { readData: false })
    return slice.bytes
  }
}

type Pass = Pick<ScrubState, 'cursor' | 'pass_started_at' | 'pass_blobs' | 'pass_bytes' | 'pass_total_bytes'>

/** The columns of it and no others: the row may have changed since it was read, and damage in it is not the scrub's to set back. */
function passOf({ cursor, pass_started_at, pass_blobs, pass_bytes, pass_total_bytes }: Pass): Pass {
  return { cursor, pass_started_at, pass_blobs, pass_bytes, pass_total_bytes }
}

async function beginning(stores: readonly Vault[], now: number): Promise<Pass> {
  let total = 0
  for (const { store } of stores)
    for await (const page of store.list('')) for (const { sizeBytes } of page) total += sizeBytes
  return {
    cursor: SCRUB_START,
    pass_started_at: now,
    pass_blobs: 0,
    pass_bytes: 0,
    pass_total_bytes: total,
  }
}

/** How much less of a pass is read than should be by now, as a share of it; negative where it is ahead. */
function lagOf(
  { pass_started_at: startedAt, pass_bytes: done, pass_total_bytes: total }: Pass,
  now: number,
): number {
  if (startedAt === null) return 0
  return (now - startedAt) / PASS_MS - done / Math.max(1, total)
}
