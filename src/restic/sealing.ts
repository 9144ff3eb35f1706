import type { KeyObject } from 'node:crypto'
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  randomBytes,
  scrypt,
  timingSafeEqual,
} from 'node:crypto'

import { poly1305 } from './poly1305.ts'

/**
 * How restic encrypts: IV (16 bytes) | AES-256-CTR | Poly1305-AES tag (16 bytes) of the ciphertext.
 * Source: restic's design document, "Keys, Encryption and MAC"; D. J. Bernstein, "The Poly1305-AES message-authentication code".
 */

const IV_BYTES = 16
const TAG_BYTES = 16
/** Bytes that sealing adds. */
export const SEAL_BYTES: number = IV_BYTES + TAG_BYTES

/** scrypt's costs as a key file names them. */
export interface ScryptCosts {
  readonly N: number
  readonly r: number
  readonly p: number
}

/** OWASP's "Password Storage Cheat Sheet": 128 MiB of memory. */
export const SCRYPT_COSTS: ScryptCosts = { N: 131_072, r: 8, p: 1 }
const MAX_SCRYPT_BYTES = 1024 * 1024 * 1024

/** The three keys of a repository, or those that a password gives. */
export interface SealKeys {
  readonly encryption: KeyObject
  /** AES-128 key that turns a nonce into Poly1305's s. */
  readonly k: KeyObject
  /** Poly1305's r. */
  readonly r: KeyObject
}

/** Data that was changed, cut off or sealed under another key. */
export class SealBrokenError extends Error {
  override name = 'SealBrokenError'
}

/** Splits 64 bytes: encryption key 32, k 16, r 16. */
export function keysFrom(bytes: Uint8Array): SealKeys {
  return {
    encryption: createSecretKey(bytes.subarray(0, 32)),
    k: createSecretKey(bytes.subarray(32, 48)),
    r: createSecretKey(bytes.subarray(48, 64)),
  }
}

/** The keys that a password gives. @throws {RangeError} For costs beyond 1 GiB of memory or that scrypt does not take. */
export async function keysFromPassword(
  password: string,
  salt: Uint8Array,
  costs: ScryptCosts,
): Promise<SealKeys> {
  const bytes = 128 * costs.N * costs.r
  if (!(bytes > 0 && bytes <= MAX_SCRYPT_BYTES && costs.p > 0 && costs.p <= 16)) {
    throw new RangeError(
      `the key file asks scrypt for N=${costs.N} r=${costs.r} p=${costs.p}, more than 1 GiB or 16 rounds`,
    )
  }
  const derived = await new Promise<Buffer>((resolve, reject) => {
    scrypt(password, salt, 64, { ...costs, maxmem: bytes * 2 + 1024 * 1024 }, (error, key) =>
      error === null ? resolve(key) : reject(error),
    )
  })
  return keysFrom(derived)
}

/** Poly1305-AES of `ciphertext`; `nonce` has 16 bytes. */
export function poly1305Aes(keys: SealKeys, nonce: Uint8Array, ciphertext: Uint8Array): Uint8Array {
  const cipher = createCipheriv('aes-128-ecb', keys.k, null).setAutoPadding(false)
  return poly1305(Buffer.concat([keys.r.export(), cipher.update(nonce)]), ciphertext)
}

/** Encrypts and signs under a fresh random IV. */
export function seal(keys: SealKeys, plaintext: Uint8Array): Buffer {
  const iv = randomBytes(IV_BYTES)
  const ciphertext = createCipheriv('aes-256-ctr', keys.encryption, iv).update(plaintext)
  return Buffer.concat([iv, ciphertext, poly1305Aes(keys, iv, ciphertext)])
}

/** @throws {SealBrokenError} When the tag does not fit. */
export function unseal(keys: SealKeys, sealed: Uint8Array): Buffer {
  if (sealed.length < SEAL_BYTES) {
    throw new SealBrokenError(
      `sealed data of ${sealed.length} bytes is shorter than its seal of ${SEAL_BYTES}`,
    )
  }
  const iv = sealed.subarray(0, IV_BYTES)
  const ciphertext = sealed.subarray(IV_BYTES, -TAG_BYTES)
  if (!timingSafeEqual(poly1305Aes(keys, iv, ciphertext), sealed.subarray(-TAG_BYTES))) {
    throw new SealBrokenError('the tag does not fit: the data was changed or the key is another one')
  }
  return createDecipheriv('aes-256-ctr', keys.encryption, iv).update(ciphertext)
}
