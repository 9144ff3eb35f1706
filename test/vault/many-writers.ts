import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DiskBlobStore } from '../../src/blobs/disk.ts'
import { Coordinator, makeVault, VAULT_KEY } from '../../src/vault/points.fixture.ts'
import { openVault } from '../../src/vault/vault.ts'
import { NumberedPoints } from './numbered-points.ts'
import { startVaultProcess } from './process-harness.ts'

const STEPS_A_WRITER = 15
/** Of all writers: they begin before the first sweep. */
const GENERATION = 1

export interface ManyWriters {
  readonly points: number
  readonly sweeps: number
}

/** Processes that back up the same content into one vault at once, and delete of it, while another one sweeps it without a pause. */
export async function writeAtOnce({
  seed,
  writers,
}: {
  readonly seed: number
  readonly writers: number
}): Promise<ManyWriters> {
  const directory = mkdtempSync(join(tmpdir(), 'roleback-writers-'))
  const points = new NumberedPoints()
  try {
    await makeVault(new DiskBlobStore(directory))
    const running = Array.from({ length: writers }, (_, i) =>
      startVaultProcess({
        directory,
        seed: seed + i,
        generation: GENERATION,
        // The versions of their files come round: all have the same, at other times.
        first: (i + 1) * 340,
        steps: STEPS_A_WRITER,
        env: { NO_SWEEPS: '1' },
        hear: (line) => points.hear(line),
      }),
    )
    await Promise.all(running.map(({ ready }) => ready))
    let isOver = false
    const ended = Promise.all(running.map((one) => one.ended)).finally(() => (isOver = true))
    const vault = await openVault(new DiskBlobStore(directory), VAULT_KEY)
    const coordinator = new Coordinator()
    coordinator.generation = GENERATION + 1
    let sweeps = 0
    for (; !isOver; sweeps++)
      await coordinator.sweep(vault, { oldestLive: () => Promise.resolve(GENERATION), now: Date.now() })
    for (const { code, stderr } of await ended)
      assert.equal(code, 0, `a writer of seed ${seed} failed: ${stderr}`)
    const where = `${writers} writers of seed ${seed}`
    await points.check(vault, where)
    await coordinator.sweep(vault)
    const { waitingBlobs } = await coordinator.sweep(vault)
    assert.equal(waitingBlobs, 0)
    await points.check(await openVault(new DiskBlobStore(directory), VAULT_KEY), `${where}, swept`)
    return { points: points.states.size, sweeps }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}
