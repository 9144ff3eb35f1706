import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { PointNotFoundError } from '../../src/vault/errors.ts'
import { restore } from '../../src/vault/points.fixture.ts'
import type { Files } from '../../src/vault/points.fixture.ts'
import type { Vault } from '../../src/vault/vault.ts'
import { verifyVault } from '../../src/vault/verify/verify.ts'

/** Recovery points whose content follows from their number, so that two processes need not tell each other of it. */

const FILES = 5
const BLOCKS = 40
const VERSIONS = 17

export const pointOf = (number: number): string => `p${number}`

/** One file in two changes from number to number, and comes again later, when a sweep may have freed it. */
export function filesOf(number: number): Files {
  return Object.fromEntries(
    Array.from({ length: FILES }, (_, i) => [`file-${i}`, bytesOf(i, ((number + (i % 2)) >> 1) % VERSIONS)]),
  )
}

/** They do not compress, and another version has another size. */
function bytesOf(file: number, version: number): Buffer {
  const blocks = Array.from({ length: BLOCKS + version }, (_, i) =>
    createHash('sha512').update(`${file} ${version} ${i}`).digest(),
  )
  return Buffer.concat(blocks)
}

/** `making` and `deleting` were begun and not acknowledged. */
export type PointState = 'making' | 'there' | 'deleting' | 'gone'

/** What a harness that heard of all that was begun and done expects of a vault. */
export class NumberedPoints {
  readonly states: Map<number, PointState> = new Map()

  /** Takes a line of vault-process.ts, such as `begun backup 3`. */
  hear(line: string): void {
    const [what, kind, text] = line.split(' ')
    if (kind !== 'backup' && kind !== 'delete') return
    const begun = kind === 'backup' ? 'making' : 'deleting'
    this.states.set(Number(text), what === 'begun' ? begun : kind === 'backup' ? 'there' : 'gone')
  }

  /**
   * All that was acknowledged is as it was acknowledged, what was begun is done or not, and nothing else is there; the vault is whole.
   * What was found is what is expected from then on.
   */
  async check(vault: Vault, where: string): Promise<void> {
    const { problems } = await verifyVault(vault, { readData: true })
    assert.deepEqual(problems, [], where)
    for (const [number, state] of this.states) {
      if (state === 'gone') await assert.rejects(restore(vault, pointOf(number)), PointNotFoundError, where)
      else this.states.set(number, await this.#found(vault, number, state, where))
    }
    const there = [...this.states].filter(([, state]) => state === 'there').map(([number]) => pointOf(number))
    const { points } = await vault.listPoints()
    assert.deepEqual(points.map(({ pointId }) => pointId).toSorted(), there.toSorted(), where)
  }

  async #found(vault: Vault, number: number, state: PointState, where: string): Promise<PointState> {
    try {
      assert.deepEqual(await restore(vault, pointOf(number)), filesOf(number), `${where}: ${pointOf(number)}`)
      return 'there'
    } catch (error) {
      if (!(error instanceof PointNotFoundError) || state === 'there') throw error
      return 'gone'
    }
  }
}
