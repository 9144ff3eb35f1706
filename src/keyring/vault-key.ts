import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPublicKey,
  diffieHellman,
  hkdfSync,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { kitIdOf, x25519Private } from './recovery-kit.ts'
import type { OpenedKit } from './recovery-kit.ts'
import type { Sealer } from './server-key.ts'

/**
 * The keys of a vault and their wrappings: under the server's key, and to the public half of the recovery kit, for which no
 * secret is needed. Keys stand one behind the other, 32 bytes each, the first to the newest. docs/vault-format.md, sections 2 and 4.
 */

/** A wrapping is damaged, of another vault, or for another key. */
export class VaultKeyError extends Error {
  override name = 'VaultKeyError'
}

/** Whoever wrapped a key behind the first did not have the key before it. */
export class UnprovenVaultKeyError extends VaultKeyError {
  override name = 'UnprovenVaultKeyError'

  constructor(name: string, number: number, reason: string) {
    super(
      `Cannot take vault key ${number} from "${name}": ${reason} that whoever made it had key ${number - 1}. ` +
        'Somebody who can write to the storage may have planted it',
    )
  }
}

/** Which key of a vault it is, where it is not the first. */
export interface Successor {
  /** From 2. */
  readonly number: number
  /** The key with the number before: 32 bytes. */
  readonly before: Uint8Array
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
const EPHEMERAL = 'roleback-vault/1/kit-ephemeral'
const SUCCESSOR = 'roleback-vault/1/successor'

const fourDigits = (number: number): string => String(number).padStart(4, '0')

/** Blob with the server's wrapping of the vault keys up to this number. */
export function serverWrappingName(number: number): string {
  return number === 1 ? 'keys/server.json' : `keys/server-${fourDigits(number)}.json`
}

/** Blob with a kit's wrapping of the vault key with this number. */
export function kitWrappingName(kitId: string, number: number): string {
  return number === 1 ? `keys/kit-${kitId}.json` : `keys/kit-${kitId}-${fourDigits(number)}.json`
}

export function countVaultKeys(vaultKeys: Uint8Array): number {
  return vaultKeys.length / KEY_BYTES
}

/** The first so many of a vault's keys. */
export function firstVaultKeys(vaultKeys: Uint8Array, count: number): Buffer {
  return Buffer.from(vaultKeys.subarray(0, count * KEY_BYTES))
}

export function newVaultKey(): Buffer {
  return randomBytes(KEY_BYTES)
}

/** The vault's keys sealed under the server's key, and an encryption key where the vault has one, as the store keeps them. */
export function sealVaultKeys(sealer: Sealer, vaultId: string, vaultKeys: Uint8Array): string {
  return sealer.seal('vault-key', vaultId, vaultKeys)
}

/** @throws {SealError} When it is damaged, or of another vault or server. */
export function openVaultKeys(sealer: Sealer, vaultId: string, sealed: string): Buffer {
  return sealer.open('vault-key', vaultId, sealed)
}

/** The server's wrapping of the keys up to `number`, which `sealed` holds. The same arguments give the same bytes. */
export function serverWrapping(number: number, sealed: string): Wrapping {
  const json = { wrapping: 'server', ...(number > 1 && { number }), sealed }
  return { name: serverWrappingName(number), bytes: Buffer.from(JSON.stringify(json)) }
}

/**
 * The keys from the server's own wrapping, which needs no proof of each: its seal is of the server's key, over all of them.
 * @throws {VaultKeyError} {SealError} When it is another server's.
 */
export function openServerWrapping(
  sealer: Sealer,
  vaultId: string,
  number: number,
  bytes: Uint8Array,
): { readonly sealed: string; readonly vaultKeys: Buffer } {
  const name = serverWrappingName(number)
  const { wrapping, sealed } = parse(name, bytes)
  if (wrapping !== 'server' || typeof sealed !== 'string') throw unusable(name)
  const vaultKeys = openVaultKeys(sealer, vaultId, sealed)
  if (countVaultKeys(vaultKeys) !== number) throw unusable(name)
  return { sealed, vaultKeys }
}

/** Wrappings of all keys for a kit. `kitPublicKey` is base64, as makeRecoveryKit() gives it. */
export function kitWrappings(kitPublicKey: string, vaultId: string, vaultKeys: Uint8Array): Wrapping[] {
  const key = (number: number): Uint8Array => vaultKeys.subarray((number - 1) * KEY_BYTES, number * KEY_BYTES)
  return Array.from({ length: countVaultKeys(vaultKeys) }, (_, i) => {
    const number = i + 1
    const successor = number === 1 ? undefined : { number, before: key(number - 1) }
    return wrapForKit(kitPublicKey, vaultId, key(number), successor)
  })
}

/** The same arguments give the same bytes: a wrapping may be written again after a crash. */
export function wrapForKit(
  kitPublicKey: string,
  vaultId: string,
  vaultKey: Uint8Array,
  successor?: Successor,
): Wrapping {
  const number = successor?.number ?? 1
  const kitPublic = Buffer.from(kitPublicKey, 'base64')
  const kitId = kitIdOf(kitPublic)
  const privateKey = x25519Private(
    Buffer.from(hkdfSync('sha256', vaultKey, kitPublic, `${EPHEMERAL}\0${vaultId}`, KEY_BYTES)),
  )
  const ephemeral = Buffer.from(createPublicKey(privateKey).export({ format: 'jwk' }).x ?? '', 'base64url')
  const shared = diffieHellman({ privateKey, publicKey: x25519Public(kitPublic) })
  const cipher = createCipheriv('aes-256-gcm', wrapKey(shared, ephemeral, kitPublic), NONCE, {
    authTagLength: TAG,
  })
  cipher.setAAD(binding(kitId, vaultId, number))
  const sealed = Buffer.concat([cipher.update(vaultKey), cipher.final(), cipher.getAuthTag()])
  const json = {
    wrapping: 'kit',
    version: 1,
    kitId,
    ephemeral: ephemeral.toString('base64'),
    sealed: sealed.toString('base64'),
    ...(successor !== undefined && { mac: successorMac(vaultId, vaultKey, successor).toString('base64') }),
  }
  return { name: kitWrappingName(kitId, number), bytes: Buffer.from(JSON.stringify(json)) }
}

/**
 * A vault key from the kit's wrapping of it: the first, or that which is said.
 * @throws {VaultKeyError} {UnprovenVaultKeyError} Where it was not made by who had the key before it.
 */
export function openWithKit(
  kit: OpenedKit,
  vaultId: string,
  bytes: Uint8Array,
  successor?: Successor,
): Buffer {
  const number = successor?.number ?? 1
  const name = kitWrappingName(kit.kitId, number)
  const json = parse(name, bytes)
  if (json['wrapping'] !== 'kit' || json['version'] !== 1 || json['kitId'] !== kit.kitId) throw unusable(name)
  const ephemeral = Buffer.from(String(json['ephemeral']), 'base64')
  const sealed = Buffer.from(String(json['sealed']), 'base64')
  if (ephemeral.length !== KEY_BYTES || sealed.length !== KEY_BYTES + TAG) throw unusable(name)
  let vaultKey: Buffer
  try {
    // diffieHellman() itself refuses a shared secret that is all zero.
    const privateKey = x25519Private(kit.privateKey)
    const shared = diffieHellman({ privateKey, publicKey: x25519Public(ephemeral) })
    const key = wrapKey(shared, ephemeral, kit.publicKey)
    const decipher = createDecipheriv('aes-256-gcm', key, NONCE, { authTagLength: TAG })
    decipher.setAAD(binding(kit.kitId, vaultId, number))
    decipher.setAuthTag(sealed.subarray(KEY_BYTES))
    vaultKey = Buffer.concat([decipher.update(sealed.subarray(0, KEY_BYTES)), decipher.final()])
  } catch (cause) {
    throw unusable(name, cause)
  }
  if (successor !== undefined) checkSuccessor(name, json['mac'], vaultId, vaultKey, successor)
  return vaultKey
}

/** For a wrapping to a kit no secret is needed: only this shows that a key behind the first is the vault's. */
function checkSuccessor(
  name: string,
  said: unknown,
  vaultId: string,
  vaultKey: Uint8Array,
  successor: Successor,
): void {
  const { number } = successor
  if (typeof said !== 'string')
    throw new UnprovenVaultKeyError(name, number, 'it has no "mac", which would show')
  const mac = successorMac(vaultId, vaultKey, successor)
  const found = Buffer.from(said, 'base64')
  if (found.length !== mac.length || !timingSafeEqual(found, mac))
    throw new UnprovenVaultKeyError(name, number, 'its "mac" does not show')
}

function successorMac(vaultId: string, vaultKey: Uint8Array, { number, before }: Successor): Buffer {
  const key = Buffer.from(hkdfSync('sha256', before, vaultId, SUCCESSOR, KEY_BYTES))
  return createHmac('sha256', key)
    .update(`${fourDigits(number)}\0${vaultId}\0`)
    .update(vaultKey)
    .digest()
}

function wrapKey(shared: Buffer, ephemeral: Buffer, kitPublic: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', shared, Buffer.concat([ephemeral, kitPublic]), INFO, KEY_BYTES))
}

const binding = (kitId: string, vaultId: string, number: number): Buffer =>
  Buffer.from(`${INFO}\0${kitId}\0${vaultId}${number === 1 ? '' : `\0${fourDigits(number)}`}`)

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
