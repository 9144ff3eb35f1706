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
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import type { Stats } from 'node:fs'
import { dirname } from 'node:path'
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

/**
 * Opens the key file, or makes it where there is none: mode 0400, whole before it has its name, synced.
 * @throws {SealError} Where others may read it, or it is not whole.
 */
export function loadServerKey(file: string): ServerKey {
  if (!existsSync(file)) makeKeyFile(file)
  const readers = readersOf(statSync(file))
  if (readers !== undefined) throw new SealError(`Cannot use the server key "${file}": ${readers}`)
  const text = readFileSync(file, 'utf8').trim()
  const master = Buffer.from(text, 'base64')
  // Decoding passes over what is no base64, and would take the rest for a key.
  if (master.length !== 32 || master.toString('base64') !== text) {
    throw new SealError(
      `Cannot use the server key "${file}": it is not one line with the base64 of 32 bytes, so it was cut off or changed. ` +
        'Bring it back from your copy (mode 0400); nothing was changed',
    )
  }
  return new ServerKey(master)
}

/** A crash amidst it leaves no half of a key under the name, and a power cut no database whose key was never on the disk. */
function makeKeyFile(file: string): void {
  const draft = `${file}.${process.pid}.new`
  writeFileSync(draft, `${randomBytes(32).toString('base64')}\n`, { mode: 0o400, flush: true })
  try {
    linkSync(draft, file)
  } catch (error) {
    // Another process made one meanwhile.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(draft)
  }
  const folder = openSync(dirname(file), 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

/**
 * Who beside this process and root may read a key file, and what to do; undefined where nobody may.
 * @param openTo Permission bits that let others read it.
 */
export function readersOf({ mode, uid }: Stats, openTo: number = 0o077): string | undefined {
  if ((mode & openTo) !== 0)
    return `others may read it (mode ${(mode & openTo).toString(8)}). Run chmod 400 on it`
  const user = process.geteuid?.() ?? uid
  if (uid === 0 || uid === user) return undefined
  return `it belongs to user ${uid}, who may read and change it. Run chown ${user} on it`
}
