import { randomBytes } from 'node:crypto'
import type { BlobStore } from '../blobs/blob-store.ts'
import type { VaultKeys } from './keys.ts'
import type { Lease } from './lease.ts'
import { PackWriter } from './write/pack-writer.ts'
import { SegmentBuffer } from './write/segment-buffer.ts'
import type { SweepOptions, SweepResult } from './sweep/sweep.ts'
import { sweepVault } from './sweep/sweep.ts'
import { createVault } from './vault.ts'
import type { Vault } from './vault.ts'
import type { PointWriter } from './write/writer.ts'

/** A vault with recovery points, as tests of this folder need them; content in chunks of 1 KiB. */

export const CHUNK_BYTES = 1024
export const VAULT_ID = '00112233445566778899aabbccddeeff'
export const VAULT_KEY: Buffer = Buffer.alloc(32, 7)

export async function makeVault(store: BlobStore): Promise<Vault> {
  return await createVault(store, { vaultId: VAULT_ID, key: VAULT_KEY, wrappings: {}, files: {} })
}

/** What the server's store does for a vault: the generation and who holds a lease on which. */
export class Coordinator {
  generation = 1
  readonly #leases = new Set<{ readonly generation: number }>()

  lease(): Lease & Disposable {
    const held = { generation: this.generation }
    this.#leases.add(held)
    return {
      generation: held.generation,
      check: async () => await Promise.resolve(),
      [Symbol.dispose]: () => void this.#leases.delete(held),
    }
  }

  options(options: Partial<SweepOptions> = {}): SweepOptions {
    return {
      lease: { generation: this.generation, check: async () => await Promise.resolve() },
      takeGeneration: async () => await Promise.resolve(++this.generation),
      oldestLive: async () =>
        await Promise.resolve(
          this.#leases.size === 0 ? undefined : Math.min(...[...this.#leases].map((held) => held.generation)),
        ),
      now: 1_800_000_000_000,
      graceMs: 0,
      ...options,
    }
  }

  async sweep(vault: Vault, options: Partial<SweepOptions> = {}): Promise<SweepResult> {
    return await sweepVault(vault, this.options(options))
  }
}

export type Files = Readonly<Record<string, Buffer>>

/** Stores files as items of a point that is not committed yet. */
export async function beginPoint(
  vault: Vault,
  lease: Lease,
  pointId: string,
  files: Files,
  parentPointId?: string,
): Promise<PointWriter> {
  const { store, keys } = vault
  const writer = await vault.beginPoint({ pointId, jobId: `job-${pointId}`, fence: 1, lease, parentPointId })
  const packs = new PackWriter({ store, keys, type: 'data', tag: writer.tag })
  try {
    pourFiles(writer, packs, keys, files)
    writer.addPacks(await packs.end())
    return writer
  } catch (error) {
    packs.abort()
    await writer.abort()
    throw error
  }
}

function pourFiles(writer: PointWriter, packs: PackWriter, keys: VaultKeys, files: Files): void {
  const segments = new SegmentBuffer(Buffer.allocUnsafe(64 * 1024), 8 * 1024, packs)
  // Version 1, and what a bucket's object would have: nothing.
  const meta = Buffer.from('\u0001{}')
  for (const [name, bytes] of Object.entries(files).toSorted(([a], [b]) =>
    Buffer.compare(Buffer.from(a), Buffer.from(b)),
  )) {
    const key = Buffer.from(name)
    const known = writer.parent?.find(key)
    if (known !== undefined && known.size === bytes.length) {
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
}

export async function backUp(
  vault: Vault,
  coordinator: Coordinator,
  pointId: string,
  files: Files,
  parentPointId?: string,
): Promise<void> {
  using lease = coordinator.lease()
  const writer = await beginPoint(vault, lease, pointId, files, parentPointId)
  try {
    await writer.commit({ pointId })
  } catch (error) {
    await writer.abort()
    throw error
  }
}

/** All of a point, by name. */
export async function restore(vault: Vault, pointId: string): Promise<Files> {
  const files: Record<string, Buffer> = {}
  using point = await vault.openPoint(pointId)
  for await (const page of point.items()) {
    for (const item of page) {
      const parts: Uint8Array[] = []
      for await (const bytes of point.read(item)) parts.push(Uint8Array.from(bytes))
      files[Buffer.from(item.key).toString()] = Buffer.concat(parts)
    }
  }
  return files
}

/** Files of random bytes, so that nothing is shared by chance. */
export function randomFiles(names: readonly string[], bytes: number = 3000): Files {
  return Object.fromEntries(names.map((name) => [name, randomBytes(bytes)]))
}

/** Names of all blobs, sorted. */
export async function blobsOf(store: BlobStore, prefix: string = ''): Promise<string[]> {
  const names: string[] = []
  for await (const page of store.list(prefix)) names.push(...page.map(({ name }) => name))
  return names.toSorted()
}
