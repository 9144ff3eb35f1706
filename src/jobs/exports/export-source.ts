import type { ItemProblem, PointReader } from '../../drivers/driver.ts'
import type { ResticNode } from '../../restic/node.ts'

/** What an export reads: the items of one recovery point and their bytes. */
export type ExportReader = Pick<PointReader, 'items' | 'read'>

/** One recovery point on its way into a restic snapshot. */
export interface ExportSource {
  readonly reader: ExportReader
  /** Name of the resource that was backed up. */
  readonly name: string
  readonly createdAt: Date
  readonly signal: AbortSignal
  /** An item that cannot be exported: it is left out, counted, and the job ends FAILED once the rest is written. */
  problem(problem: ItemProblem): void
}

/** A recovery point that holds what its kind never wrote. */
export class ExportDamageError extends Error {
  override name = 'ExportDamageError'
}

const NS_PER_MS = 1_000_000n

/**
 * The fields of a node that no recovery point has an answer for: it belongs to this process and nobody else may read it, since
 * dumps and objects carry no rights of their own.
 */
export function plainNode(
  type: 'dir' | 'file',
  path: readonly Uint8Array[],
  { mtimeMs, size = 0 }: { readonly mtimeMs: number; readonly size?: number },
): ResticNode {
  return {
    path,
    type,
    mode: type === 'dir' ? 0o700 : 0o600,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    mtimeNs: BigInt(Math.trunc(mtimeMs)) * NS_PER_MS,
    size,
    links: type === 'dir' ? 0 : 1,
    inode: 0n,
    deviceId: 0n,
    device: 0n,
  }
}
