import { rm } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'

import type { Repository } from './repository.ts'
import { idsIn, loadSealed, RepositoryError, saveSealed } from './repository.ts'

/**
 * restic's lock: a file in `locks/`, shared with other writers, which keeps `restic prune` (exclusive) from deleting packs that
 * no snapshot names yet. It is written anew every 5 minutes; others take one older than 30 minutes for left behind.
 */

const REFRESH_MS = 5 * 60_000
const STALE_MS = 30 * 60_000

export interface Lock extends AsyncDisposable {
  /** @throws {RepositoryError} When the lock could not be renewed: what was written may be pruned already. */
  assertHeld(): void
}

async function assertNoExclusiveLock(repository: Repository): Promise<void> {
  for (const id of await idsIn(repository.directory, 'locks')) {
    const other = (await loadSealed(repository, 'locks', id).catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    })) as { exclusive?: boolean; time: string; hostname?: string; pid?: number } | undefined
    if (other?.exclusive !== true || Date.now() - Date.parse(other.time) > STALE_MS) continue
    throw new RepositoryError(
      `the restic repository in "${repository.directory}" is locked exclusively by process ${other.pid} on ` +
        `"${other.hostname}" since ${other.time}; wait for it, or run \`restic unlock\` if it is gone`,
    )
  }
}

/** Takes a shared lock; disposing gives it back. @throws {RepositoryError} When somebody holds an exclusive one. */
export async function takeLock(repository: Repository): Promise<Lock> {
  const write = (): Promise<string> =>
    saveSealed(
      repository,
      'locks',
      JSON.stringify({
        time: new Date().toISOString(),
        exclusive: false,
        hostname: hostname(),
        username: 'roleback',
        pid: process.pid,
      }),
    )
  const remove = (id: string): Promise<void> => rm(join(repository.directory, 'locks', id), { force: true })

  let current = await write()
  let heldAt = performance.now()
  let renewing = Promise.resolve()
  try {
    // After ours is visible: of two that start at once, at least one sees the other.
    await assertNoExclusiveLock(repository)
  } catch (error) {
    await remove(current)
    throw error
  }
  const renew = async (): Promise<void> => {
    const next = await write()
    const last = current
    current = next
    heldAt = performance.now()
    await remove(last)
  }
  const timer = setInterval(() => {
    // A failure shows as a lock that grows old; the next round tries again.
    renewing = renewing.then(renew).catch(() => undefined)
  }, REFRESH_MS).unref()
  return {
    assertHeld: () => {
      if (performance.now() - heldAt < STALE_MS - REFRESH_MS) return
      throw new RepositoryError(
        `the lock in the restic repository "${repository.directory}" could not be renewed for 25 minutes; start again`,
      )
    },
    [Symbol.asyncDispose]: async () => {
      clearInterval(timer)
      await renewing
      await remove(current)
    },
  }
}
