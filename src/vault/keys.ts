import { createHmac, createSecretKey, hkdfSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { keyedHash } from './format/keyed-hash.ts'
import type { KeyedHash } from './format/keyed-hash.ts'

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
  identity: 9,
  damage: 10,
} as const

export type SealType = keyof typeof TYPE
export type ChunkType = 'data' | 'meta'
export type DocumentType = Exclude<SealType, ChunkType>

export const KEY_BYTES = 32
export const SEED_BYTES = 32
export const TAG_BYTES = 16
export const ID_BYTES = 32
const KEY_ID_BYTES = 16

export const VAULT_ID: RegExp = /^[A-Za-z0-9-]{1,64}$/
const GEAR_TABLE_BYTES = 2048

/** Most vault keys that one vault may have had. */
export const MAX_VAULT_KEYS = 99

/**
 * A vault's keys live in here: the newest seals, all open. Only derived keys come out, but for `export()`, which wrapping and pour
 * threads need.
 */
export class VaultKeys {
  readonly vaultId: string
  /** Number of the newest vault key: it seals what is written. Keys count from 1. */
  readonly newest: number
  readonly #vaultKeys: Buffer
  readonly #derived = new Map<string, Buffer>()
  #hashes: Readonly<Record<ChunkType, KeyedHash>> | undefined

  /**
   * @param vaultKeys 32 bytes for each, the first to the newest.
   * @throws {RangeError} When they have another length or the id is none.
   */
  constructor(vaultId: string, vaultKeys: Uint8Array) {
    if (!VAULT_ID.test(vaultId)) throw new RangeError(`Cannot use "${vaultId}" as the id of a vault`)
    const count = vaultKeys.length / KEY_BYTES
    if (!Number.isInteger(count) || count < 1 || count > MAX_VAULT_KEYS) {
      throw new RangeError(
        `Cannot use the keys of vault "${vaultId}": they have ${vaultKeys.length} bytes, not ${KEY_BYTES} for each of up to ${MAX_VAULT_KEYS}`,
      )
    }
    this.vaultId = vaultId
    this.newest = count
    this.#vaultKeys = Buffer.from(vaultKeys)
  }

  /** The vault keys themselves, as the constructor takes them. */
  export(): Buffer {
    return Buffer.from(this.#vaultKeys)
  }

  /**
   * The key of one pack or document, which its seed makes its own.
   * @param number Of the vault key it is sealed under. @throws {RangeError} When that key is not here.
   */
  sealKey(
    type: SealType,
    seed: Uint8Array,
    what: 'pack' | 'document',
    number: number = this.newest,
  ): KeyObject {
    const info = `roleback-vault/1/${what}`
    const typeKey = this.#derive(type, KEY_BYTES, number)
    return createSecretKey(Buffer.from(hkdfSync('sha256', typeKey, seed, info, KEY_BYTES)))
  }

  /** Id of a chunk of content (`data`) or of a manifest node (`meta`). */
  chunkId(type: ChunkType, bytes: Uint8Array): Buffer {
    this.#hashes ??= { data: keyedHash(this.idKey('data')), meta: keyedHash(this.idKey('meta')) }
    return this.#hashes[type](bytes)
  }

  /** The 32 bytes that are hashed before a chunk's own. */
  idKey(type: ChunkType): Buffer {
    return this.#derive(type === 'data' ? 'data-id' : 'meta-id')
  }

  /** The key of one copy of the index outside of the vault, which its seed makes its own. Of the newest key: who lost the vault has it not. */
  indexCacheKey(seed: Uint8Array): KeyObject {
    const key = this.#derive('index-cache', KEY_BYTES, this.newest)
    return createSecretKey(
      Buffer.from(hkdfSync('sha256', key, seed, 'roleback-vault/1/index-cache', KEY_BYTES)),
    )
  }

  /** What names the vault key with this number and tells nothing of it: 32 hex digits. @throws {RangeError} When it is not here. */
  keyId(number: number): string {
    return this.#derive('key-id', KEY_ID_BYTES, number).toString('hex')
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

  /** Header, chunk ids and the chunker's table are of the first key for ever: what is stored already must be found again. */
  #derive(label: string, bytes: number = KEY_BYTES, number: number = 1): Buffer {
    const name = `${number} ${label}`
    let key = this.#derived.get(name)
    if (key === undefined) {
      if (number < 1 || number > this.newest) {
        throw new RangeError(
          `it is sealed under vault key ${number}, and only keys up to ${this.newest} are here`,
        )
      }
      const vaultKey = this.#vaultKeys.subarray((number - 1) * KEY_BYTES, number * KEY_BYTES)
      key = Buffer.from(hkdfSync('sha256', vaultKey, this.vaultId, `roleback-vault/1/${label}`, bytes))
      this.#derived.set(name, key)
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
