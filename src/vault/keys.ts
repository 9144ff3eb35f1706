import { createSecretKey, hkdfSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

/** Keys of a vault and what binds each seal to its place: docs/vault-format.md, section 2. */

export const OBJECT_TYPES = {
  data: 1,
  meta: 2,
  index: 3,
  head: 4,
  amendment: 5,
  deleted: 6,
  dead: 7,
} as const

export type ObjectType = keyof typeof OBJECT_TYPES
export type PackType = 'data' | 'meta'
export type DocumentType = Exclude<ObjectType, PackType>

export const KEY_BYTES = 32
export const SEED_BYTES = 32
export const TAG_BYTES = 16
export const ID_BYTES = 32

const VAULT_ID = /^[A-Za-z0-9-]{1,64}$/

/** The vault key lives in here; only derived keys come out, but for `export()`, which wrapping needs. */
export class VaultKeys {
  readonly vaultId: string
  readonly #vaultKey: Buffer
  readonly #derived = new Map<string, Buffer>()

  /** @throws {Error} When the key has not 32 bytes or the id is none. */
  constructor(vaultId: string, vaultKey: Uint8Array) {
    if (!VAULT_ID.test(vaultId)) throw new Error(`Cannot use "${vaultId}" as the id of a vault`)
    if (vaultKey.length !== KEY_BYTES) {
      throw new Error(
        `Cannot use the key of vault ${vaultId}: it has ${vaultKey.length} bytes, not ${KEY_BYTES}`,
      )
    }
    this.vaultId = vaultId
    this.#vaultKey = Buffer.from(vaultKey)
  }

  /** The vault key itself, for wrapping and for handing to a pour thread. */
  export(): Buffer {
    return Buffer.from(this.#vaultKey)
  }

  packKey(type: PackType, seed: Uint8Array): KeyObject {
    return this.#objectKey(type, seed, 'pack')
  }

  documentKey(type: DocumentType, seed: Uint8Array): KeyObject {
    return this.#objectKey(type, seed, 'document')
  }

  /** What chunk ids of packs of `type` are keyed with: a prefix of 32 bytes. */
  idKey(type: PackType): Buffer {
    return this.#derive(`${type}-id`, KEY_BYTES)
  }

  headerKey(): Buffer {
    return this.#derive('header', KEY_BYTES)
  }

  /** 256 × u64 of the chunker. */
  gearTable(): Buffer {
    return this.#derive('gear', 2048)
  }

  /** What the additional data of every seal of `type` begins with. */
  place(type: ObjectType): Buffer {
    const id = Buffer.from(this.vaultId)
    return Buffer.concat([
      Buffer.from('RLBK1'),
      Buffer.from([id.length]),
      id,
      Buffer.from([OBJECT_TYPES[type]]),
    ])
  }

  #objectKey(type: ObjectType, seed: Uint8Array, what: string): KeyObject {
    const key = hkdfSync('sha256', this.#derive(type, KEY_BYTES), seed, `roleback-vault/1/${what}`, KEY_BYTES)
    return createSecretKey(Buffer.from(key))
  }

  #derive(label: string, bytes: number): Buffer {
    let key = this.#derived.get(label)
    if (key === undefined) {
      key = Buffer.from(hkdfSync('sha256', this.#vaultKey, this.vaultId, `roleback-vault/1/${label}`, bytes))
      this.#derived.set(label, key)
    }
    return key
  }
}
