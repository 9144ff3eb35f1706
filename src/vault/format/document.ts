import { createCipheriv, createDecipheriv, hash, randomBytes } from 'node:crypto'
import { bufferOf } from './binary.ts'
import { VaultDamageError } from '../errors.ts'
import { MAX_VAULT_KEYS, SEED_BYTES, TAG_BYTES, TYPE } from '../keys.ts'
import type { DocumentType, VaultKeys } from '../keys.ts'
import { zstd } from './zstd.ts'

/** Sealed documents: docs/vault-format.md, section 6. */

const MAGIC = Buffer.from('RLBKDOC')
/** Where the number of the vault key stands, counted from the character `0`. */
const KEY_AT = MAGIC.length
const KEY_ZERO = 0x30
const TYPE_AT = KEY_AT + 1
const SEED_AT = TYPE_AT + 1
const BODY_AT = SEED_AT + SEED_BYTES
const HASH_BYTES = 32
const CODING_BYTES = 9
const NONCE = Buffer.alloc(12)

/** Most bytes of a payload. */
export const MAX_PAYLOAD_BYTES: number = 64 * 1024 * 1024

export interface SealedDocument {
  /** Name of the blob; it is bound into the seal. */
  readonly name: string
  readonly bytes: Buffer
}

/** Seals `payload` as a blob, whose name may hold the document's seed (hex). What was sealed is opened again and compared. */
export function sealDocument(
  keys: VaultKeys,
  type: DocumentType,
  naming: string | ((seed: string) => string),
  payload: Uint8Array,
): SealedDocument {
  const seed = randomBytes(SEED_BYTES)
  const name = typeof naming === 'string' ? naming : naming(seed.toString('hex'))
  if (payload.length > MAX_PAYLOAD_BYTES) {
    throw new RangeError(
      `Cannot seal "${name}": it would have ${payload.length} bytes, over ${MAX_PAYLOAD_BYTES}`,
    )
  }
  const plain = encode(payload)
  const cipher = createCipheriv('aes-256-gcm', keys.sealKey(type, seed, 'document'), NONCE, {
    authTagLength: TAG_BYTES,
  })
  const head = Buffer.from([KEY_ZERO + keys.newest, TYPE[type]])
  cipher.setAAD(additional(keys, type, seed, name))
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()])
  const body = Buffer.concat([MAGIC, head, seed, sealed, cipher.getAuthTag()])
  const bytes = Buffer.concat([body, hash('sha256', body, 'buffer')])
  if (openDocument(keys, type, name, bytes).compare(payload) !== 0) {
    throw new Error(`Cannot seal "${name}": reading it back gave other bytes. Check this machine’s memory`)
  }
  return { name, bytes }
}

/** The payload. @throws {VaultDamageError} When it is damaged or belongs elsewhere. */
export function openDocument(keys: VaultKeys, type: DocumentType, name: string, sealed: Uint8Array): Buffer {
  checkDocument(name, sealed)
  const blob = bufferOf(sealed)
  if (blob[TYPE_AT] !== TYPE[type]) throw new VaultDamageError(name, 'it is of another type')
  const seed = blob.subarray(SEED_AT, BODY_AT)
  const end = blob.length - HASH_BYTES - TAG_BYTES
  try {
    const key = keys.sealKey(type, seed, 'document', (blob[KEY_AT] as number) - KEY_ZERO)
    const decipher = createDecipheriv('aes-256-gcm', key, NONCE, { authTagLength: TAG_BYTES })
    decipher.setAAD(additional(keys, type, seed, name))
    decipher.setAuthTag(blob.subarray(end, end + TAG_BYTES))
    const plain = decipher.update(blob.subarray(BODY_AT, end))
    decipher.final()
    return decode(plain)
  } catch (cause) {
    const isKeyMissing = cause instanceof RangeError && cause.message.startsWith('it is sealed under')
    const reason = isKeyMissing ? cause.message : 'it does not open under the vault’s key'
    throw new VaultDamageError(name, reason, { cause })
  }
}

/** What can be checked of a document without keys. @throws {VaultDamageError} */
export function checkDocument(name: string, sealed: Uint8Array): void {
  const blob = bufferOf(sealed)
  const end = blob.length - HASH_BYTES
  if (end < BODY_AT + CODING_BYTES + TAG_BYTES) throw new VaultDamageError(name, 'it is too short')
  const number = (blob[KEY_AT] as number) - KEY_ZERO
  if (blob.compare(MAGIC, 0, MAGIC.length, 0, MAGIC.length) !== 0 || number < 1 || number > MAX_VAULT_KEYS) {
    throw new VaultDamageError(name, 'it does not begin as a document does')
  }
  if (!hash('sha256', blob.subarray(0, end), 'buffer').equals(blob.subarray(end))) {
    throw new VaultDamageError(name, 'its bytes do not have the SHA-256 it ends with')
  }
}

function encode(payload: Uint8Array): Buffer {
  const packed = Buffer.allocUnsafe(Math.max(0, payload.length - 1))
  const packedLength = payload.length > 64 ? zstd().compress(payload, packed) : 0
  const head = Buffer.alloc(CODING_BYTES)
  head[0] = packedLength > 0 ? 1 : 0
  head.writeBigUInt64LE(BigInt(payload.length), 1)
  return Buffer.concat([head, packedLength > 0 ? packed.subarray(0, packedLength) : payload])
}

function decode(plain: Buffer): Buffer {
  const length = Number(plain.readBigUInt64LE(1))
  const body = plain.subarray(CODING_BYTES)
  if (length > MAX_PAYLOAD_BYTES) throw new RangeError(`its payload would have ${length} bytes`)
  if ((plain[0] as number) > 1) throw new RangeError(`its coding is ${plain[0]}`)
  if (plain[0] === 1) {
    const payload = Buffer.allocUnsafe(length)
    zstd().decompress(body, payload)
    return payload
  }
  if (body.length !== length) throw new RangeError(`its payload has not the ${length} bytes it says`)
  return body
}

function additional(keys: VaultKeys, type: DocumentType, seed: Uint8Array, name: string): Buffer {
  const bytes = Buffer.from(name)
  const length = Buffer.alloc(2)
  length.writeUInt16LE(bytes.length)
  return Buffer.concat([keys.place(type), Buffer.from('D'), seed, length, bytes])
}

/** Seals a JSON object. */
export function sealJson(
  keys: VaultKeys,
  type: DocumentType,
  naming: string | ((seed: string) => string),
  value: object,
): SealedDocument {
  return sealDocument(keys, type, naming, Buffer.from(JSON.stringify(value)))
}

/** Opens a document that holds a JSON object. @throws {VaultDamageError} */
export function openJson(
  keys: VaultKeys,
  type: DocumentType,
  name: string,
  sealed: Uint8Array,
): Readonly<Record<string, unknown>> {
  const payload = openDocument(keys, type, name, sealed)
  try {
    const value: unknown = JSON.parse(payload.toString())
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Readonly<Record<string, unknown>>
  } catch (cause) {
    throw new VaultDamageError(name, 'it holds no JSON', { cause })
  }
  throw new VaultDamageError(name, 'it holds no JSON object')
}
