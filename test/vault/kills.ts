import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { DiskBlobStore } from '../../src/blobs/disk.ts'
import { Coordinator, makeVault, VAULT_KEY } from '../../src/vault/points.fixture.ts'
import { openVault } from '../../src/vault/vault.ts'
import { drawFrom } from '../policy/generated-requests.ts'
import { NumberedPoints } from './numbered-points.ts'
import { startVaultProcess } from './process-harness.ts'

/** How long a process lives at most once it is ready, in milliseconds: a few operations. */
const MAX_LIFE_MS = 60
/** Kills between two sweeps that must leave nothing behind. */
const SETTLE_KILLS = 10
const GENERATIONS_A_LIFE = 1000
const POINTS_A_LIFE = 100

export interface KillCounts {
  readonly kills: number
  /** With something begun and not done. */
  readonly amidst: number
  readonly points: number
}

/**
 * Kills processes that change one vault, at any moment of it, one after the other. After each the vault is whole, has all that was
 * acknowledged, and nothing but that and what the dead one was about to make.
 */
export async function killVaultProcesses({
  seed,
  kills,
  say = () => undefined,
}: {
  readonly seed: number
  readonly kills: number
  readonly say?: (text: string) => void
}): Promise<KillCounts> {
  const draw = drawFrom(seed)
  const directory = mkdtempSync(join(tmpdir(), 'roleback-kills-'))
  const points = new NumberedPoints()
  let amidst = 0
  try {
    await makeVault(new DiskBlobStore(directory))
    for (let kill = 1; kill <= kills; kill++) {
      const where = `kill ${kill} of seed ${seed}`
      const [generation, first] = [kill * GENERATIONS_A_LIFE, kill * POINTS_A_LIFE]
      let open = 0
      const running = startVaultProcess({
        directory,
        seed: draw(2 ** 31),
        generation,
        first,
        hear: (line) => {
          points.hear(line)
          open += line.startsWith('begun') ? 1 : -1
        },
      })
      await running.ready
      await pause(draw(MAX_LIFE_MS))
      running.child.kill('SIGKILL')
      const { stderr } = await running.ended
      assert.equal(running.child.signalCode, 'SIGKILL', `${where}: it ended by itself: ${stderr}`)
      if (open > 0) amidst++
      const vault = await openVault(new DiskBlobStore(directory), VAULT_KEY)
      await points.check(vault, where)
      if (kill % SETTLE_KILLS === 0) await settle(directory, generation + GENERATIONS_A_LIFE / 2, where)
      if (kill % 50 === 0) say(`${kill} kills, ${amidst} amidst an operation`)
    }
    return { kills, amidst, points: points.states.size }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

/** Two sweeps later nothing is left of those that were killed. */
async function settle(directory: string, generation: number, where: string): Promise<void> {
  const store = new DiskBlobStore(directory)
  const vault = await openVault(store, VAULT_KEY)
  const coordinator = new Coordinator()
  coordinator.generation = generation
  await coordinator.sweep(vault)
  const { storedBytes, usedBytes, waitingBlobs } = await coordinator.sweep(vault)
  assert.equal(waitingBlobs, 0, where)
  assert.ok(storedBytes <= usedBytes * 1.1 + 4096, `${where}: ${storedBytes} bytes for ${usedBytes} in use`)
  assert.equal(await store.removeUnfinished((tag) => tag !== 'put'), 0, where)
}
