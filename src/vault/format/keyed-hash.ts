import { createHash } from 'node:crypto'
import { nativeFunctions } from '../../lib/native.ts'
import type { NativeFunctions } from '../../lib/native.ts'

/**
 * SHA-256 of a prefix and bytes behind it, for many small pieces under one prefix: chunk ids. node:crypto makes an object with a context
 * for each, which is a sixth of the time of a piece of 9 KB and is work for the collector afterwards. Node's own OpenSSL is therefore
 * called through node:ffi (docs/adr/0035), with contexts in memory of ours; where that is missing, node:crypto does the same, slower.
 */
export type KeyedHash = (bytes: Uint8Array) => Buffer

const HASH_BYTES = 32
/** A SHA256_CTX has 112 (openssl/sha.h). */
const CONTEXT_BYTES = 128
const SIGNATURES = {
  SHA256_Init: { arguments: ['buffer'], return: 'i32' },
  SHA256_Update: { arguments: ['buffer', 'buffer', 'u64'], return: 'i32' },
  SHA256_Final: { arguments: ['buffer', 'buffer'], return: 'i32' },
} as const

let calls: NativeFunctions<typeof SIGNATURES> | undefined | 'unknown' = 'unknown'

/** @param prefix Copied. One serves one thread. */
export function keyedHash(prefix: Uint8Array): KeyedHash {
  return nativeKeyedHash(prefix) ?? nodeKeyedHash(prefix)
}

/** Undefined where Node's OpenSSL cannot be called. */
export function nativeKeyedHash(prefix: Uint8Array): KeyedHash | undefined {
  if (calls === 'unknown') calls = nativeFunctions(SIGNATURES)
  if (calls === undefined) return undefined
  const { SHA256_Init, SHA256_Update, SHA256_Final } = calls
  const begun = Buffer.alloc(CONTEXT_BYTES)
  const context = Buffer.alloc(CONTEXT_BYTES)
  const did = (answer: number): void => {
    if (answer !== 1) throw new Error('OpenSSL cannot hash with SHA-256')
  }
  did(SHA256_Init(begun))
  if (prefix.length > 0) did(SHA256_Update(begun, prefix, BigInt(prefix.length)))
  return (bytes) => {
    begun.copy(context)
    if (bytes.length > 0) did(SHA256_Update(context, bytes, BigInt(bytes.length)))
    const hash = Buffer.allocUnsafe(HASH_BYTES)
    did(SHA256_Final(hash, context))
    return hash
  }
}

export function nodeKeyedHash(prefix: Uint8Array): KeyedHash {
  const key = Buffer.from(prefix)
  return (bytes) => createHash('sha256').update(key).update(bytes).digest()
}
