import { createPublicKey, verify } from 'node:crypto'

/** Signatures of identity exports: Ed25519 (RFC 8032). docs/vault-format.md, section 17. */

const CONTEXT = 'roleback-identity/1\0'
const RAW_KEY = 32

/** What a signature is made over: no other text of the server's is taken for an export. */
export function signedBytes(text: string): Buffer {
  return Buffer.from(CONTEXT + text)
}

/** @param signer Public key, base64 of 32 bytes. */
export function isSignedBy(signer: string, text: string, signature: Uint8Array): boolean {
  const raw = Buffer.from(signer, 'base64')
  if (raw.length !== RAW_KEY) return false
  const key = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: raw.toString('base64url') },
    format: 'jwk',
  })
  return verify(null, signedBytes(text), key, signature)
}
