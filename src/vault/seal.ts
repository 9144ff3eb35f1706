import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib'
import { TAG_BYTES } from './keys.ts'

/** AES-256-GCM and zstd, as sections 5 and 6 of docs/vault-format.md use them. */

const LEVEL = 3

export interface Sealed {
  /** Ciphertext and tag, to be written one after the other. */
  readonly parts: readonly [Buffer, Buffer]
  readonly length: number
}

export function seal(key: KeyObject, nonce: Uint8Array, additional: Uint8Array, plain: Uint8Array): Sealed {
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(additional)
  const ciphertext = cipher.update(plain)
  cipher.final()
  return { parts: [ciphertext, cipher.getAuthTag()], length: ciphertext.length + TAG_BYTES }
}

/** @throws {Error} Node's own, when anything at all is not as it was sealed; callers say what it was. */
export function open(key: KeyObject, nonce: Uint8Array, additional: Uint8Array, sealed: Uint8Array): Buffer {
  const end = sealed.length - TAG_BYTES
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
  decipher.setAAD(additional)
  decipher.setAuthTag(sealed.subarray(end))
  const plain = decipher.update(sealed.subarray(0, end))
  decipher.final()
  return plain
}

/** One zstd frame, or undefined where that would not be smaller. */
export function compress(raw: Uint8Array): Buffer | undefined {
  // With the size pledged the window fits the input; with room for half the input the output is rarely grown.
  const packed = zstdCompressSync(raw, {
    params: { [constants.ZSTD_c_compressionLevel]: LEVEL },
    pledgedSrcSize: raw.length,
    chunkSize: Math.max(1024, raw.length >> 1),
  })
  return packed.length < raw.length ? packed : undefined
}

/** @throws {RangeError|Error} When it is no zstd frame of exactly `rawLength` bytes. */
export function decompress(packed: Uint8Array, rawLength: number): Buffer {
  // One byte more than needed, so that a frame that is too long shows and memory stays bounded.
  const raw = zstdDecompressSync(packed, {
    chunkSize: Math.max(64, rawLength + 1),
    maxOutputLength: Math.max(64, rawLength + 1),
  })
  if (raw.length !== rawLength) throw new Error(`it decompresses to ${raw.length} bytes, not ${rawLength}`)
  return raw
}
