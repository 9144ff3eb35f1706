import { createCipheriv, createDecipheriv } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { nativeFunctions } from '../../lib/native.ts'
import { TAG_BYTES } from '../keys.ts'

/**
 * AES-256-GCM into memory that the caller has. node:crypto gives fresh memory for each call, which takes longer to come by than the
 * cipher does, and is garbage that the collector cannot see the weight of. Node's own OpenSSL is therefore called through node:ffi;
 * where that is missing, node:crypto does the same, slower.
 */
export interface Gcm {
  /** Ciphertext and tag of `plain` (not empty), at the start of `into`. @throws {RangeError} Where that is too small. */
  seal(how: GcmSeal, plain: Uint8Array, into: Buffer): Buffer
  /**
   * What `sealed` (ciphertext and tag) holds, at the start of `into`, once its tag was found right.
   * @throws {RangeError} Where that is too small. @throws {Error} Unless key, nonce, additional data and every byte are those it was sealed with.
   */
  open(how: GcmSeal, sealed: Uint8Array, into: Buffer): Buffer
}

export interface GcmSeal {
  readonly key: KeyObject
  /** 12 bytes, never twice with one key. */
  readonly nonce: Buffer
  readonly aad: Buffer
}

const CIPHER = 'aes-256-gcm'
const KEY_BYTES = 32
const NONCE_BYTES = 12
/** Lengths cross as `int`. */
const MAX_BYTES = 2 ** 30
const GET_TAG = 0x10
const SET_TAG = 0x11
const SIGNATURES = {
  EVP_aes_256_gcm: { arguments: [], return: 'pointer' },
  EVP_CIPHER_CTX_new: { arguments: [], return: 'pointer' },
  EVP_CIPHER_CTX_free: { arguments: ['pointer'], return: 'void' },
  EVP_CIPHER_CTX_ctrl: { arguments: ['pointer', 'i32', 'i32', 'buffer'], return: 'i32' },
  EVP_CipherInit_ex: {
    arguments: ['pointer', 'pointer', 'pointer', 'buffer', 'buffer', 'i32'],
    return: 'i32',
  },
  EVP_CipherUpdate: { arguments: ['pointer', 'pointer', 'buffer', 'buffer', 'i32'], return: 'i32' },
  EVP_CipherFinal_ex: { arguments: ['pointer', 'buffer', 'buffer'], return: 'i32' },
  ERR_clear_error: { arguments: [], return: 'void' },
} as const

let made: Gcm | undefined

/** This thread's. */
export function gcm(): Gcm {
  return (made ??= nativeGcm() ?? nodeGcm)
}

/** Undefined where Node's OpenSSL cannot be called. */
export function nativeGcm(): Gcm | undefined {
  const calls = nativeFunctions(SIGNATURES)
  if (calls === undefined) return undefined
  const written = Buffer.alloc(4)
  const nothing = Buffer.alloc(TAG_BYTES)
  /** One message from `from` to `to`, whose lengths were checked. @returns Whether OpenSSL did all of it, and the tag was right. */
  const run = (how: GcmSeal, isSealing: boolean, from: Uint8Array, to: Buffer, tag: Uint8Array): boolean => {
    const { nonce, aad } = how
    const key = how.key.export()
    if (key.length !== KEY_BYTES || nonce.length !== NONCE_BYTES) throw new RangeError('not a key of AES-256')
    const context = calls.EVP_CIPHER_CTX_new()
    const did = (answer: number): boolean => answer === 1
    try {
      return (
        did(calls.EVP_CipherInit_ex(context, calls.EVP_aes_256_gcm(), 0n, key, nonce, isSealing ? 1 : 0)) &&
        did(calls.EVP_CipherUpdate(context, 0n, written, aad, aad.length)) &&
        did(calls.EVP_CipherUpdate(context, to, written, from, from.length)) &&
        written.readInt32LE() === from.length &&
        (isSealing || did(calls.EVP_CIPHER_CTX_ctrl(context, SET_TAG, TAG_BYTES, tag))) &&
        did(calls.EVP_CipherFinal_ex(context, nothing, written)) &&
        (!isSealing || did(calls.EVP_CIPHER_CTX_ctrl(context, GET_TAG, TAG_BYTES, tag)))
      )
    } finally {
      // Wipes the key as well.
      calls.EVP_CIPHER_CTX_free(context)
      key.fill(0)
    }
  }
  /** What fails may leave a note in this thread, which TLS would take for its own. */
  const refuse = (what: string): Error => {
    calls.ERR_clear_error()
    return new Error(what)
  }
  return {
    seal(how, plain, into) {
      const { length } = plain
      checkRoom(length, into.length - TAG_BYTES)
      const tag = into.subarray(length, length + TAG_BYTES)
      if (!run(how, true, plain, into, tag)) throw refuse('OpenSSL cannot seal with AES-256-GCM')
      return into.subarray(0, length + TAG_BYTES)
    },
    open(how, sealed, into) {
      const length = sealed.length - TAG_BYTES
      checkRoom(length, into.length)
      const opened = into.subarray(0, length)
      if (run(how, false, sealed.subarray(0, length), opened, sealed.subarray(length))) return opened
      // Nobody may go on with what was not authentic.
      opened.fill(0)
      throw refuse('it was not sealed so: its tag is wrong')
    },
  }
}

export const nodeGcm: Gcm = {
  seal({ key, nonce, aad }, plain, into) {
    checkRoom(plain.length, into.length - TAG_BYTES)
    const cipher = createCipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
    cipher.setAAD(aad)
    const length = cipher.update(plain).copy(into)
    cipher.final()
    return into.subarray(0, length + cipher.getAuthTag().copy(into, length))
  },
  open({ key, nonce, aad }, sealed, into) {
    const length = sealed.length - TAG_BYTES
    checkRoom(length, into.length)
    const decipher = createDecipheriv(CIPHER, key, nonce, { authTagLength: TAG_BYTES })
    decipher.setAAD(aad)
    decipher.setAuthTag(sealed.subarray(length))
    const plain = decipher.update(sealed.subarray(0, length))
    decipher.final()
    return into.subarray(0, plain.copy(into))
  },
}

/** Nobody else checks lengths of what is called natively. */
function checkRoom(bytes: number, room: number): void {
  if (bytes < 1 || bytes > room || bytes > MAX_BYTES)
    throw new RangeError(`${bytes} bytes do not go into ${room}`)
}
