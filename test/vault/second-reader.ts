import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { makeRecoveryKit } from '../../src/keyring/recovery-kit.ts'
import { kitWrappings } from '../../src/keyring/vault-key.ts'
import type { Files } from '../../src/vault/points.fixture.ts'

/** tools/recover.mjs, the second reader, on vaults that tests leave behind: it must find them whole and restore the same bytes. */

const TOOL = join(import.meta.dirname, '..', '..', 'tools', 'recover.mjs')
const PASSPHRASE = 'a passphrase of the tests'
/** Of scrypt: the kit guards nothing. */
const COST = 1024

interface Reader {
  parseKit(text: string): object
  openKit(kit: object, passphrase: string): object
  openVault(directory: string, kit: object): object
  verifyVault(vault: object): { readonly damage: readonly unknown[]; readonly points: number }
  restorePoint(vault: object, point: string, target: string): { readonly problems: readonly unknown[] }
}

export class SecondReader {
  readonly #reader: Reader
  readonly #kit: object
  readonly #publicKey: string

  private constructor(reader: Reader, kit: object, publicKey: string) {
    this.#reader = reader
    this.#kit = kit
    this.#publicKey = publicKey
  }

  static async make(): Promise<SecondReader> {
    const reader = (await import(TOOL)) as Reader
    const { kitText, publicKey } = makeRecoveryKit(PASSPHRASE, { cost: COST })
    return new SecondReader(reader, reader.openKit(reader.parseKit(kitText), PASSPHRASE), publicKey)
  }

  /** What a vault must be made with, so that the reader can open it. */
  wrappings(vaultId: string, key: Uint8Array): Readonly<Record<string, Uint8Array>> {
    const all = kitWrappings(this.#publicKey, vaultId, key)
    return Object.fromEntries(all.map(({ name, bytes }) => [name, bytes]))
  }

  /** @param points All that the vault must have, with their files; of resource type S3. */
  assertAgrees(directory: string, points: ReadonlyMap<string, Files>): void {
    const target = mkdtempSync(join(tmpdir(), 'roleback-reader-'))
    try {
      const vault = this.#reader.openVault(directory, this.#kit)
      const found = this.#reader.verifyVault(vault)
      assert.deepEqual(found.damage, [])
      assert.equal(found.points, points.size)
      for (const [id, files] of points) {
        const into = join(target, id)
        assert.deepEqual(this.#reader.restorePoint(vault, id, into).problems, [])
        for (const [name, bytes] of Object.entries(files))
          assert.ok(readFileSync(join(into, 'objects', name)).equals(bytes), `${name} of ${id}`)
      }
    } finally {
      rmSync(target, { recursive: true, force: true })
    }
  }

  /** The same of a vault in memory. */
  assertAgreesInMemory(blobs: ReadonlyMap<string, Buffer>, points: ReadonlyMap<string, Files>): void {
    const directory = mkdtempSync(join(tmpdir(), 'roleback-reader-'))
    try {
      for (const [name, bytes] of blobs) {
        mkdirSync(dirname(join(directory, name)), { recursive: true })
        writeFileSync(join(directory, name), bytes)
      }
      this.assertAgrees(directory, points)
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  }
}
