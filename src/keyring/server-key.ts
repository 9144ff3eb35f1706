import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  hkdfSync,
  randomBytes,
  sign,
} from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { closeSync, fchmodSync, fsyncSync, openSync, readFileSync, statSync, writeSync } from 'node:fs'
import { signedBytes } from './identity-signature.ts'

/**
 * The server's key: 32 random bytes in a file of mode 0400. Everything that the server keeps sealed at rest (secrets of access
 * keys and connections, session tokens, its wrapping of each vault key) is sealed under a key derived from it for that purpose.
 *
 * A sealed text is base64 of: version byte 1 | 12 random bytes nonce | AES-256-GCM ciphertext | 16 bytes tag. What it belongs to
 * (`binding`: a purpose and an owner) is authenticated with it, so that a row's secret cannot be moved to another row.
 */

export type SealPurpose =
  | 'access-key'
  | 'connection'
  | 'session-token'
  | 'page-token'
  | 'authorization-message'
  | 'vault-key'
  | 'job-secret'
  | 'running-time'
  | 'storage'
  | 'password'
  | 'mfa-seed'
  | 'client-secret'
  | 'sign-in-state'
  | 'audit-anchors'
  | 'event-target'
  | 'sns-signer'

/** What is only recognised, never read again. */
export type FingerprintPurpose = 'back-off' | 'audit' | 'encryption-key'

/** What seals: the server's key, or that and an encryption key together (encryption-keys.ts). */
export type Sealer = Pick<ServerKey, 'seal' | 'open'>

export class SealError extends Error {
  override name = 'SealError'
}

const VERSION = 1
const NONCE = 12
const TAG = 16

export class ServerKey {
  readonly #master: Buffer
  readonly #keys = new Map<SealPurpose | FingerprintPurpose, KeyObject>()

  constructor(master: Buffer) {
    if (master.length !== 32)
      throw new SealError(`Cannot use the server key: it has ${master.length} bytes, not 32`)
    this.#master = master
  }

  /** Seals `plain` for `owner` (an id that will not change, e.g. the access key id). Base64. */
  seal(purpose: SealPurpose, owner: string, plain: Uint8Array): string {
    const nonce = randomBytes(NONCE)
    const cipher = createCipheriv('aes-256-gcm', this.#key(purpose), nonce, { authTagLength: TAG })
    cipher.setAAD(binding(purpose, owner))
    const body = Buffer.concat([Buffer.from([VERSION]), nonce, cipher.update(plain), cipher.final()])
    return Buffer.concat([body, cipher.getAuthTag()]).toString('base64')
  }

  /** @throws {SealError} When the text is damaged, or was sealed for another purpose, owner or server. */
  open(purpose: SealPurpose, owner: string, sealed: string): Buffer {
    const bytes = Buffer.from(sealed, 'base64')
    // One text for one seal: decoding passes over stray characters.
    if (bytes.length < 1 + NONCE + TAG || bytes[0] !== VERSION || bytes.toString('base64') !== sealed) {
      throw unsealable(purpose)
    }
    const decipher = createDecipheriv('aes-256-gcm', this.#key(purpose), bytes.subarray(1, 1 + NONCE), {
      authTagLength: TAG,
    })
    decipher.setAAD(binding(purpose, owner))
    decipher.setAuthTag(bytes.subarray(bytes.length - TAG))
    try {
      return Buffer.concat([decipher.update(bytes.subarray(1 + NONCE, bytes.length - TAG)), decipher.final()])
    } catch (cause) {
      throw unsealable(purpose, cause)
    }
  }

  /** A keyed hash: the same for the same text, and nothing can be learned from it without the key. Hexadecimal, 64 digits. */
  fingerprint(purpose: FingerprintPurpose, text: string): string {
    return createHmac('sha256', this.#key(purpose)).update(text).digest('hex')
  }

  /** Signs an identity export (identity-signature.ts). 64 bytes. */
  signIdentity(text: string): Buffer {
    return sign(null, signedBytes(text), this.#identityKey())
  }

  /** The public half of what signs them, which recovery kits name. Base64 of 32 bytes. */
  get identitySigner(): string {
    const { x = '' } = createPublicKey(this.#identityKey()).export({ format: 'jwk' })
    return Buffer.from(x, 'base64url').toString('base64')
  }

  #identityKey(): KeyObject {
    const raw = Buffer.from(hkdfSync('sha256', this.#master, '', 'roleback/server/identity-signature', 32))
    // PKCS #8 of RFC 8410, whose first 16 bytes are always these.
    const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), raw])
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
  }

  #key(purpose: SealPurpose | FingerprintPurpose): KeyObject {
    let key = this.#keys.get(purpose)
    if (key === undefined) {
      key = createSecretKey(
        Buffer.from(hkdfSync('sha256', this.#master, '', `roleback/server/${purpose}`, 32)),
      )
      this.#keys.set(purpose, key)
    }
    return key
  }
}

function binding(purpose: SealPurpose, owner: string): Buffer {
  return Buffer.from(`${purpose}\0${owner}`)
}

function unsealable(purpose: SealPurpose, cause?: unknown): SealError {
  return new SealError(
    `Cannot open a sealed ${purpose}: it is damaged or belongs to another server or owner`,
    { cause },
  )
}

/** Opens the key file, or makes it where there is none: mode 0400, synced. */
export function loadServerKey(file: string): ServerKey {
  try {
    const fd = openSync(file, 'wx', 0o400)
    try {
      writeSync(fd, randomBytes(32).toString('base64') + '\n')
      fchmodSync(fd, 0o400)
      fsyncSync(fd)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  }
  const mode = statSync(file).mode & 0o077
  if (mode !== 0) {
    throw new SealError(
      `Cannot use the server key "${file}": others may read it (mode ${mode.toString(8)}). Run chmod 400 on it`,
    )
  }
  return new ServerKey(Buffer.from(readFileSync(file, 'utf8').trim(), 'base64'))
}
