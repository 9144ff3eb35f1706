import { setTimeout as pause } from 'node:timers/promises'
import { join } from 'node:path'
import { DiskBlobStore } from '../../src/blobs/disk.ts'
import { makeVault, VAULT_KEY } from '../../src/vault/points.fixture.ts'
import { openVault } from '../../src/vault/vault.ts'
import { drawFrom } from '../policy/generated-requests.ts'
import { mountExt4 } from './mounts.ts'
import { NumberedPoints } from './numbered-points.ts'
import { startVaultProcess } from './process-harness.ts'

const DISK_BYTES = 64 * 1024 * 1024
const MAX_LIFE_MS = 400

export interface PowerCuts {
  readonly cuts: number
  /** Recovery points that were acknowledged as made or deleted, all of which stayed so. */
  readonly acknowledged: number
}

/**
 * Cuts the power of the disk that a process changes a vault on, and looks at what is there once it is mounted again: what was
 * acknowledged has outlived it.
 *
 * @returns Why it cannot be done here, as text.
 */
export async function cutPower({
  seed,
  cuts,
}: {
  readonly seed: number
  readonly cuts: number
}): Promise<PowerCuts | string> {
  const draw = drawFrom(seed)
  const disk = mountExt4(DISK_BYTES)
  if (typeof disk === 'string') return disk
  const points = new NumberedPoints()
  let acknowledged = 0
  const heard = Promise.withResolvers<void>()
  try {
    const directory = join(disk.path, 'vault')
    await makeVault(new DiskBlobStore(directory))
    for (let cut = 1; cut <= cuts; cut++) {
      const running = startVaultProcess({
        directory,
        seed: draw(2 ** 31),
        generation: cut * 1000,
        first: cut * 100,
        hear: (line) => {
          points.hear(line)
          if (!line.startsWith('done')) return
          acknowledged++
          heard.resolve()
        },
      })
      await running.ready
      await pause(draw(MAX_LIFE_MS))
      // A busy machine may not have come to anything yet, and then the cuts would show nothing.
      if (cut === cuts) await Promise.race([heard.promise, running.ended])
      disk.cut()
      // It may yet say what it did before; after that the disk gives it nothing but errors.
      await running.ended
      disk.remount()
      const vault = await openVault(new DiskBlobStore(directory), VAULT_KEY)
      await points.check(vault, `power cut ${cut} of seed ${seed}`)
    }
    return { cuts, acknowledged }
  } finally {
    disk[Symbol.dispose]()
  }
}
