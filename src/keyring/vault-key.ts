import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  hkdfSync,
  randomBytes,
} from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { kitIdOf, x25519Private } from './recovery-kit.ts'
import type { OpenedKit } from './recovery-kit.ts'
import type { ServerKey } from './server-key.ts'

/**
 * The key of a vault and its two wrappings: under the server's key, and to the public half of the recovery kit, for which no
 * secret is needed. docs/vault-format.md, section 4.
 */

/** A wrapping is damaged, of another vault, or for another key. */
export class VaultKeyError extends Error {
  override name = 'VaultKeyError'
}

/** A blob of a vault. */
export interface Wrapping {
  readonly name: string
  readonly bytes: Buffer
}

const KEY_BYTES = 32
const TAG = 16
const NONCE = Buffer.alloc(12)
const INFO = 'roleback-vault/1/kit-wrap'
export const SERVER_WRAPPING = 'keys/server.json'

export function newVaultKey(): Buffer {
  return randomBytes(KEY_BYTES)
}

/** The vault key sealed under the server's key, as the store keeps it. Base64. */
export function sealVaultKey(serverKey: ServerKey, vaultId: string, vaultKey: Uint8Array): string {
  return serverKey.seal('vault-key', vaultId, vaultKey)
}

/** @throws {SealError} When it is damaged, or of another vault or server. */
export function openVaultKey(serverKey: ServerKey, vaultId: string, sealed: string): Buffer {
  return serverKey.open('vault-key', vaultId, sealed)
}

/** The wrappings that a new vault is given. `kitPublicKey` is base64, as makeRecoveryKit() gives it. */
export function wrappingsOf(
  keys: { readonly serverKey: ServerKey; readonly kitPublicKey: string },
  vaultId: string,
  vaultKey: Uint8Array,
): readonly [Wrapping, Wrapping] {
  const server = { wrapping: 'server', sealed: sealVaultKey(keys.serverKey, vaultId, vaultKey) }
  return [
    { name: SERVER_WRAPPING, bytes: Buffer.from(JSON.stringify(server)) },
    wrapForKit(keys.kitPublicKey, vaultId, vaultKey),
  ]
}

/** The key from `keys/server.json`, where the store has lost its own copy. @throws {VaultKeyError} {SealError} */
export function openServerWrapping(serverKey: ServerKey, vaultId: string, bytes: Uint8Array): Buffer {
  const { wrapping, sealed } = parse(SERVER_WRAPPING, bytes)
  if (wrapping !== 'server' || typeof sealed !== 'string') throw unusable(SERVER_WRAPPING)
  return openVaultKey(serverKey, vaultId, sealed)
}

export function wrapForKit(kitPublicKey: string, vaultId: string, vaultKey: Uint8Array): Wrapping {
  const kitPublic = Buffer.from(kitPublicKey, 'base64')
  const kitId = kitIdOf(kitPublic)
  const pair = generateKeyPairSync('x25519')
  const ephemeral = Buffer.from(pair.publicKey.export({ format: 'jwk' }).x ?? '', 'base64url')
  const shared = diffieHellman({ privateKey: pair.privateKey, publicKey: x25519Public(kitPublic) })
  const cipher = createCipheriv('aes-256-gcm', wrapKey(shared, ephemeral, kitPublic), NONCE, {
    authTagLength: TAG,
  })
  cipher.setAAD(binding(kitId, vaultId))
  const sealed = Buffer.concat([cipher.update(vaultKey), cipher.final(), cipher.getAuthTag()])
  const json = {
    wrapping: 'kit',
    version: 1,
    kitId,
    ephemeral: ephemeral.toString('base64'),
    sealed: sealed.toString('base64'),
  }
  return { name: `keys/kit-${kitId}.json`, bytes: Buffer.from(JSON.stringify(json)) }
}

/** The vault key from the kit's wrapping in the vault. @throws {VaultKeyError} */
export function openWithKit(kit: OpenedKit, vaultId: string, bytes: Uint8Array): Buffer {
  const name = `keys/kit-${kit.kitId}.json`
  const json = parse(name, bytes)
  if (json['wrapping'] !== 'kit' || json['version'] !== 1 || json['kitId'] !== kit.kitId) throw unusable(name)
  const ephemeral = Buffer.from(String(json['ephemeral']), 'base64')
  const sealed = Buffer.from(String(json['sealed']), 'base64')
  if (ephemeral.length !== KEY_BYTES || sealed.length !== KEY_BYTES + TAG) throw unusable(name)
  try {
    // diffieHellman() itself refuses a shared secret that is all zero.
    const privateKey = x25519Private(kit.privateKey)
    const shared = diffieHellman({ privateKey, publicKey: x25519Public(ephemeral) })
    const key = wrapKey(shared, ephemeral, kit.publicKey)
    const decipher = createDecipheriv('aes-256-gcm', key, NONCE, { authTagLength: TAG })
    decipher.setAAD(binding(kit.kitId, vaultId))
    decipher.setAuthTag(sealed.subarray(KEY_BYTES))
    return Buffer.concat([decipher.update(sealed.subarray(0, KEY_BYTES)), decipher.final()])
  } catch (cause) {
    throw unusable(name, cause)
  }
}

function wrapKey(shared: Buffer, ephemeral: Buffer, kitPublic: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', shared, Buffer.concat([ephemeral, kitPublic]), INFO, KEY_BYTES))
}

const binding = (kitId: string, vaultId: string): Buffer => Buffer.from(`${INFO}\0${kitId}\0${vaultId}`)

function x25519Public(raw: Buffer): KeyObject {
  if (raw.length !== KEY_BYTES) {
    throw new VaultKeyError(`Cannot use a public key of ${raw.length} bytes: X25519 has ${KEY_BYTES}`)
  }
  return createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x: raw.toString('base64url') }, format: 'jwk' })
}

function parse(name: string, bytes: Uint8Array): Record<string, unknown> {
  try {
    const json: unknown = JSON.parse(Buffer.from(bytes).toString())
    if (typeof json === 'object' && json !== null) return json as Record<string, unknown>
  } catch (cause) {
    throw unusable(name, cause)
  }
  throw unusable(name)
}

function unusable(name: string, cause?: unknown): VaultKeyError {
  return new VaultKeyError(
    `Cannot take the vault's key from "${name}": it is damaged or of another vault or kit`,
    {
      cause,
    },
  )
}
