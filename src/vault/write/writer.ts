import { BlobExistsError } from '../../blobs/blob-store.ts'
import { crashpoint } from '../../lib/crashpoint.ts'
import type { ChunkIndex } from '../chunks/chunk-index.ts'
import { Claims } from './claims.ts'
import { headName, writeHead } from '../points/heads.ts'
import type { PointHead, PointRecord } from '../points/heads.ts'
import { sealIndex } from '../chunks/index-delta.ts'
import { checkPointId, ID_BYTES } from '../keys.ts'
import { randomHex } from '../../lib/ids.ts'
import type { Lease } from '../lease.ts'
import { ManifestWriter } from './manifest-writer.ts'
import type { ManifestRoot } from './manifest-writer.ts'
import type { Leaf } from '../format/leaf.ts'
import type { ManifestItem } from '../format/node.ts'
import type { FinishedPack } from '../format/pack.ts'
import { PackWriter } from './pack-writer.ts'
import { ParentPoint } from './parent.ts'
import { Point } from '../read/point.ts'
import { withVaultLock } from '../points/records.ts'
import { retainHeads, retainPoints } from '../points/retain.ts'
import { SegmentBuffer } from './segment-buffer.ts'
import type { Vault } from '../vault.ts'

export interface PointOptions {
  /** 1 to 128 characters of `A-Za-z0-9._-`; one attempt of one job has one of its own. */
  readonly pointId: string
  readonly jobId: string
  readonly fence: number
  readonly lease: Lease
  /** The point that unchanged items are taken over from. */
  readonly parentPointId?: string | undefined
  /** Guess, so that the table of chunks need not grow. */
  readonly expectedChunks?: number
}

export interface CommittedPoint {
  readonly pointId: string
  readonly itemCount: number
  /** Sum of the items' sizes. */
  readonly contentBytes: number
  /** What the vault grew by. */
  readonly storedBytes: number
}

const META_SEGMENT_BYTES = 1024 * 1024

/** Tag of unfinished files: what a sweep must know of their writer's lease, and whose they are. */
export const leaseTag = (generation: number): string => `g${generation}-${randomHex(8)}`

/** Generation of the lease that a tag's writer has or had; undefined for other tags. */
export function tagGeneration(tag: string): number | undefined {
  const match = /^g(\d{1,15})-[0-9a-f]{16}$/.exec(tag)
  return match === null ? undefined : Number(match[1])
}

/**
 * One recovery point in the making. Content goes into packs by whoever reads it (pour threads, `jobs/pour.ts`); items come here
 * in key order. Nothing is visible before `commit`, which writes in the order packs, index, head.
 */
export class PointWriter {
  readonly vault: Vault
  readonly index: ChunkIndex
  readonly claims: Claims
  readonly parent: ParentPoint | undefined
  /** Marks unfinished files of this writer and its threads. */
  readonly tag: string
  readonly #options: PointOptions
  readonly #manifest: ManifestWriter
  readonly #segments: SegmentBuffer
  readonly #metaPacks: PackWriter
  readonly #packs: FinishedPack[] = []
  #ended: Promise<ManifestRoot> | undefined

  constructor(vault: Vault, index: ChunkIndex, options: PointOptions, parent: PointHead | undefined) {
    checkPointId(options.pointId)
    this.vault = vault
    this.index = index
    this.tag = leaseTag(options.lease.generation)
    this.claims = Claims.make(index, options.expectedChunks ?? 0)
    this.parent = parent && new ParentPoint(new Point(vault, index, parent))
    this.#options = options
    const { store, keys } = vault
    this.#metaPacks = new PackWriter({ store, keys, type: 'meta', tag: this.tag })
    this.#segments = new SegmentBuffer(
      Buffer.allocUnsafeSlow(META_SEGMENT_BYTES * 2),
      META_SEGMENT_BYTES,
      this.#metaPacks,
    )
    this.#manifest = new ManifestWriter(keys, this.claims, this.#segments)
  }

  /** Adds the next item; keys ascend. Its chunks must be stored already or be in packs that `addPacks` will name. */
  add(item: ManifestItem): void {
    this.#manifest.add(item)
  }

  /** The next items as another recovery point of this vault has them: `first` to before `end` of a leaf. Their chunks are live. */
  addFrom(leaf: Leaf, first: number, end: number): void {
    this.#manifest.addFrom(leaf, first, end)
  }

  /** Finished packs of content, which the index will name. */
  addPacks(packs: readonly FinishedPack[]): void {
    this.#packs.push(...packs)
  }

  /**
   * Ends the manifest and stores what is left of it, which `commit` does else: for who has other packs to wait for at the same time.
   * No item may come after it.
   */
  async end(): Promise<void> {
    await (this.#ended ??= this.#endManifest())
  }

  async #endManifest(): Promise<ManifestRoot> {
    const manifest = this.#manifest.end()
    this.#segments.flush()
    crashpoint('point.manifest-written')
    this.#packs.push(...(await this.#metaPacks.end()))
    return manifest
  }

  /**
   * Makes the recovery point exist. Durable when it resolves.
   * @param retainUntil Until when, in milliseconds since 1970, a store with Object Lock must keep all of it from deletion: every pack
   * that it uses is kept before it exists.
   * @throws {LeaseLostError} Then there may or may not be a head; the store's row decides.
   */
  async commit(record: PointRecord, retainUntil?: number): Promise<CommittedPoint> {
    const { store, keys } = this.vault
    const { pointId, jobId, fence, lease } = this.#options
    const manifest = await (this.#ended ??= this.#endManifest())
    this.parent?.close()
    crashpoint('point.packs-stored')
    let storedBytes = this.#packs.reduce((sum, pack) => sum + pack.sizeBytes, 0)
    if (this.#packs.length > 0) {
      await lease.check()
      for (const { name, bytes } of sealIndex(keys, this.#packs)) {
        await store.put(name, bytes)
        storedBytes += bytes.length
        crashpoint('index.stored')
      }
    }
    crashpoint('point.index-stored')
    const kept = retainUntil === undefined ? [] : [{ head: { pointId, manifest }, retainUntil }]
    const isKept = (await retainPoints(this.vault, kept, { now: Date.now() })) > 0
    await lease.check()
    const saying = withVaultLock(record, await this.vault.records())
    storedBytes += await this.#putHead({ pointId, jobId, fence, manifest, record: saying })
    if (isKept) await retainHeads(this.vault, kept)
    crashpoint('point.head-stored')
    await lease.check()
    crashpoint('point.committed')
    return { pointId, itemCount: manifest.items, contentBytes: manifest.contentBytes, storedBytes }
  }

  /** Gives up: removes unfinished files. Whatever packs there are a sweep finds. */
  async abort(): Promise<void> {
    crashpoint('point.given-up')
    this.#metaPacks.abort()
    await this.#ended?.catch(() => undefined)
    this.parent?.close()
    await this.vault.store.removeUnfinished((tag) => tag === this.tag)
  }

  async #putHead(head: PointHead): Promise<number> {
    const { store, keys } = this.vault
    try {
      return await writeHead(store, keys, head)
    } catch (cause) {
      if (!(cause instanceof BlobExistsError)) throw cause
      throw new Error(
        `Cannot commit recovery point "${head.pointId}": "${headName(head.pointId)}" exists. Each attempt needs an id of its own`,
        { cause },
      )
    }
  }

  /** Whether all chunks at `ids` may be relied on without storing them again. */
  areLive(ids: Buffer): boolean {
    for (let at = 0; at < ids.length; at += ID_BYTES) if (!this.index.isLive(ids, at)) return false
    return true
  }
}
