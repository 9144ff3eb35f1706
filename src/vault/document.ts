import { hash, randomBytes } from 'node:crypto'
import { VaultCorruptError } from './errors.ts'
import { OBJECT_TYPES, SEED_BYTES, TAG_BYTES } from './keys.ts'
import type { DocumentType, VaultKeys } from './keys.ts'
import { compress, decompress, open, seal } from './seal.ts'

/** Sealed documents: docs/vault-format.md, section 6. */

const MAGIC = Buffer.from('RLBKDOC1')
const SEED_AT = MAGIC.length + 1
const BODY_AT = SEED_AT + SEED_BYTES
const HASH_BYTES = 32
const CODING_BYTES = 9
const NONCE = Buffer.alloc(12)

/** Most bytes of a payload. */
export const MAX_PAYLOAD_BYTES: number = 64 * 1024 * 1024
/** Most bytes of a document's blob. */
export const MAX_DOCUMENT_BYTES: number = MAX_PAYLOAD_BYTES + 4096

/** Seals `payload` as the blob `name`. `seed` is given where the name holds it; it must be new and random. */
export function sealDocument(
  keys: VaultKeys,
  type: DocumentType,
  name: string,
  payload: Uint8Array,
  seed: Uint8Array = randomBytes(SEED_BYTES),
): Buffer {
  if (payload.length > MAX_PAYLOAD_BYTES) {
    throw new Error(`Cannot seal "${name}": it would have ${payload.length} bytes, over ${MAX_PAYLOAD_BYTES}`)
  }
  const packed = payload.length > 64 ? compress(payload) : undefined
  const plain = Buffer.allocUnsafe(CODING_BYTES + (packed ?? payload).length)
  plain[0] = packed === undefined ? 0 : 1
  plain.writeBigUInt64LE(BigInt(payload.length), 1)
  plain.set(packed ?? payload, CODING_BYTES)
  const sealed = seal(keys.documentKey(type, seed), NONCE, additional(keys, type, seed, name), plain)
  const body = Buffer.concat([MAGIC, Buffer.from([OBJECT_TYPES[type]]), seed, ...sealed.parts])
  const document = Buffer.concat([body, hash('sha256', body, 'buffer')])
  if (!openDocument(keys, type, name, document).equals(payload)) {
    throw new VaultCorruptError(`Cannot seal "${name}": what was sealed does not open to the same bytes`)
  }
  return document
}

/** The payload. @throws {VaultCorruptError} When it is damaged or belongs elsewhere. */
export function openDocument(keys: VaultKeys, type: DocumentType, name: string, blob: Buffer): Buffer {
  checkDocument(name, blob)
  if (blob[MAGIC.length] !== OBJECT_TYPES[type]) throw corrupt(name, 'it is of another type')
  const seed = blob.subarray(SEED_AT, BODY_AT)
  try {
    const sealed = blob.subarray(BODY_AT, blob.length - HASH_BYTES)
    const plain = open(keys.documentKey(type, seed), NONCE, additional(keys, type, seed, name), sealed)
    return decode(plain)
  } catch (cause) {
    throw corrupt(name, 'it does not open under the vault’s key', cause)
  }
}

/** What can be checked of a document without keys. @throws {VaultCorruptError} */
export function checkDocument(name: string, blob: Buffer): void {
  if (blob.length < BODY_AT + CODING_BYTES + TAG_BYTES + HASH_BYTES) throw corrupt(name, 'it is too short')
  if (!blob.subarray(0, MAGIC.length).equals(MAGIC)) throw corrupt(name, 'it does not begin as one')
  const end = blob.length - HASH_BYTES
  if (!hash('sha256', blob.subarray(0, end), 'buffer').equals(blob.subarray(end))) {
    throw corrupt(name, 'its bytes do not have the SHA-256 it ends with')
  }
}

function decode(plain: Buffer): Buffer {
  const length = Number(plain.readBigUInt64LE(1))
  const body = plain.subarray(CODING_BYTES)
  if (length > MAX_PAYLOAD_BYTES) throw new Error(`its payload would have ${length} bytes`)
  if (plain[0] === 1) return decompress(body, length)
  if (plain[0] !== 0) throw new Error(`its coding is ${plain[0]}`)
  if (body.length !== length) throw new Error(`its payload has ${body.length} bytes, not ${length}`)
  return body
}

function additional(keys: VaultKeys, type: DocumentType, seed: Uint8Array, name: string): Buffer {
  const bytes = Buffer.from(name)
  const length = Buffer.alloc(2)
  length.writeUInt16LE(bytes.length)
  return Buffer.concat([keys.place(type), Buffer.from('D'), seed, length, bytes])
}

function corrupt(blob: string, found: string, cause?: unknown): VaultCorruptError {
  return new VaultCorruptError(`Cannot open document "${blob}": ${found}`, { blob, cause })
}
