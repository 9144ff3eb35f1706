import { createHash, createHmac, createSecretKey, hkdfSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

/** Keys of a vault and what binds each seal to its place: docs/vault-format.md, section 2. */

/** Codes of the sealed types. */
export const TYPE = {
  data: 1,
  meta: 2,
  index: 3,
  head: 4,
  amendment: 5,
  deleted: 6,
  dead: 7,
  record: 8,
} as const

export type SealType = keyof typeof TYPE
export type ChunkType = 'data' | 'meta'
export type DocumentType = Exclude<SealType, ChunkType>

export const KEY_BYTES = 32
export const SEED_BYTES = 32
export const TAG_BYTES = 16
export const ID_BYTES = 32

export const VAULT_ID: RegExp = /^[A-Za-z0-9-]{1,64}$/
const GEAR_TABLE_BYTES = 2048

/** The vault key lives in here; only derived keys come out, but for `export()`, which wrapping and pour threads need. */
export class VaultKeys {
  readonly vaultId: string
  readonly #vaultKey: Buffer
  readonly #derived = new Map<string, Buffer>()

  /** @throws {RangeError} When the key has not 32 bytes or the id is none. */
  constructor(vaultId: string, vaultKey: Uint8Array) {
    if (!VAULT_ID.test(vaultId)) throw new RangeError(`Cannot use "${vaultId}" as the id of a vault`)
    if (vaultKey.length !== KEY_BYTES) {
      throw new RangeError(
        `Cannot use the key of vault "${vaultId}": it has ${vaultKey.length} bytes, not ${KEY_BYTES}`,
      )
    }
    this.vaultId = vaultId
    this.#vaultKey = Buffer.from(vaultKey)
  }

  /** The vault key itself. */
  export(): Buffer {
    return Buffer.from(this.#vaultKey)
  }

  /** The key of one pack or document, which its seed makes its own. */
  sealKey(type: SealType, seed: Uint8Array, what: 'pack' | 'document'): KeyObject {
    const info = `roleback-vault/1/${what}`
    return createSecretKey(Buffer.from(hkdfSync('sha256', this.#derive(type), seed, info, KEY_BYTES)))
  }

  /** Id of a chunk of content (`data`) or of a manifest node (`meta`). */
  chunkId(type: ChunkType, bytes: Uint8Array): Buffer {
    return createHash('sha256').update(this.idKey(type)).update(bytes).digest()
  }

  /** The 32 bytes that are hashed before a chunk's own. */
  idKey(type: ChunkType): Buffer {
    return this.#derive(type === 'data' ? 'data-id' : 'meta-id')
  }

  headerMac(line: Uint8Array): Buffer {
    return createHmac('sha256', this.#derive('header')).update(line).digest()
  }

  /** 256 × u64 of the chunker. */
  gearTable(): Buffer {
    return this.#derive('gear', GEAR_TABLE_BYTES)
  }

  /** `PLACE(T)`: what the additional data of every seal of `type` begins with. */
  place(type: SealType): Buffer {
    const id = Buffer.from(this.vaultId)
    return Buffer.concat([Buffer.from('RLBK1'), Buffer.from([id.length]), id, Buffer.from([TYPE[type]])])
  }

  #derive(label: string, bytes: number = KEY_BYTES): Buffer {
    let key = this.#derived.get(label)
    if (key === undefined) {
      key = Buffer.from(hkdfSync('sha256', this.#vaultKey, this.vaultId, `roleback-vault/1/${label}`, bytes))
      this.#derived.set(label, key)
    }
    return key
  }
}

/** @throws {RangeError} */
export function checkPointId(pointId: string): void {
  if (!/^[A-Za-z0-9._-]{1,128}$/.test(pointId) || pointId === '.' || pointId === '..') {
    throw new RangeError(`Cannot use "${pointId}" as the id of a recovery point`)
  }
}
