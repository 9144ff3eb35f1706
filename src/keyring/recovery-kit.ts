import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hash,
  hkdfSync,
  randomBytes,
  scryptSync,
  timingSafeEqual,
} from 'node:crypto'
import { readFileSync } from 'node:fs'

/**
 * The recovery kit opens every vault of a server without the server: a text file for people with an X25519 key whose private half
 * is sealed under a passphrase. The server keeps the public half only. docs/vault-format.md, section 4.
 */
export interface RecoveryKit {
  readonly kitId: string
  /** The public half, base64 of 32 bytes. */
  readonly publicKey: string
  readonly kitText: string
  /** The same kit, which also says whose identity exports it is to believe. */
  withSigners(identitySigners: readonly string[]): string
}

export interface OpenedKit {
  readonly kitId: string
  /** 32 bytes each. */
  readonly publicKey: Buffer
  readonly privateKey: Buffer
  /** Whose identity exports count: Ed25519 public keys, base64. None in kits from before there were any. */
  readonly identitySigners: readonly string[]
}

/** It is no kit, or damaged, or the passphrase is another one. */
export class RecoveryKitError extends Error {
  override name = 'RecoveryKitError'
}

export const BEGIN = '-----BEGIN ROLEBACK RECOVERY KIT-----'
export const END = '-----END ROLEBACK RECOVERY KIT-----'

const RAW_KEY = 32
const MAX_SIGNERS = 100
const TAG = 16
const NONCE = 12
const SALT = 16
/** 128 MiB and about 0.4 s for each guess. */
const COST = 131_072
const MAX_COST = 1_048_576
const BLOCK_SIZE = 8
const PASSPHRASE_GROUPS = 6
const PASSPHRASE_LETTERS = 'abcdefghjkmnpqrstuvwxyz023456789'

/** 150 random bits in six groups of five letters and digits, without those that look alike. */
export function newPassphrase(): string {
  const letters = [...randomBytes(PASSPHRASE_GROUPS * 5)].map((byte) => PASSPHRASE_LETTERS[byte & 31])
  return Array.from({ length: PASSPHRASE_GROUPS }, (_, i) => letters.slice(i * 5, i * 5 + 5).join('')).join(
    '-',
  )
}

/** Makes a kit. `cost` is scrypt's N, a power of two; tests take less than the default. */
export function makeRecoveryKit(passphrase: string, options: { readonly cost?: number } = {}): RecoveryKit {
  const pair = generateKeyPairSync('x25519')
  const publicKey = rawOf(pair.publicKey.export({ format: 'jwk' }).x)
  const privateKey = rawOf(pair.privateKey.export({ format: 'jwk' }).d)
  const scrypt = { N: options.cost ?? COST, r: BLOCK_SIZE, p: 1, salt: randomBytes(SALT).toString('base64') }
  const nonce = randomBytes(NONCE)
  const cipher = createCipheriv('aes-256-gcm', kitKey(passphrase, scrypt), nonce, { authTagLength: TAG })
  cipher.setAAD(binding(publicKey))
  const sealed = Buffer.concat([cipher.update(privateKey), cipher.final(), cipher.getAuthTag()])
  const kit = {
    version: 1,
    kitId: kitIdOf(publicKey),
    publicKey: publicKey.toString('base64'),
    scrypt,
    nonce: nonce.toString('base64'),
    sealed: sealed.toString('base64'),
    recoverSha256: recoverSha256(),
  }
  return {
    kitId: kit.kitId,
    publicKey: kit.publicKey,
    kitText: textOf(kit),
    withSigners: (identitySigners) => {
      const identityMac = identityMacOf(privateKey, identitySigners).toString('base64')
      return textOf({ ...kit, identitySigners, identityMac })
    },
  }
}

/** Opens a kit's text with its passphrase. @throws {RecoveryKitError} */
export function openKit(kitText: string, passphrase: string): OpenedKit {
  const kit = parseKit(kitText)
  const split = kit.sealed.length - TAG
  let privateKey: Buffer
  try {
    const key = kitKey(passphrase, kit.scrypt)
    const decipher = createDecipheriv('aes-256-gcm', key, kit.nonce, { authTagLength: TAG })
    decipher.setAAD(binding(kit.publicKey))
    decipher.setAuthTag(kit.sealed.subarray(split))
    privateKey = Buffer.concat([decipher.update(kit.sealed.subarray(0, split)), decipher.final()])
  } catch (cause) {
    throw new RecoveryKitError(
      `Cannot open recovery kit ${kit.kitId}: the passphrase is not the one it was made with, or the kit is damaged`,
      { cause },
    )
  }
  if (!publicHalfOf(privateKey).equals(kit.publicKey)) {
    throw new RecoveryKitError(`Cannot use recovery kit ${kit.kitId}: its two halves do not belong together`)
  }
  const { identitySigners } = kit
  const mac = identityMacOf(privateKey, identitySigners)
  if (
    identitySigners.length > 0 &&
    !(kit.identityMac.length === mac.length && timingSafeEqual(kit.identityMac, mac))
  ) {
    throw new RecoveryKitError(
      `Cannot use recovery kit ${kit.kitId}: whose identity exports it believes was changed after it was made`,
    )
  }
  return { kitId: kit.kitId, publicKey: kit.publicKey, privateKey, identitySigners }
}

/** Only who has the private half can add a signer: a changed kit must not bring back somebody else's roles. */
function identityMacOf(privateKey: Uint8Array, signers: readonly string[]): Buffer {
  const key = Buffer.from(hkdfSync('sha256', privateKey, '', 'roleback-kit/1/identity', RAW_KEY))
  return createHmac('sha256', key).update(signers.join('\n')).digest()
}

/** Hex of the first 8 bytes of the SHA-256 of the public half (32 bytes). */
export function kitIdOf(publicKey: Uint8Array): string {
  return hash('sha256', publicKey, 'hex').slice(0, 16)
}

interface Scrypt {
  readonly N: number
  readonly r: number
  readonly p: number
  readonly salt: string
}

interface ParsedKit {
  readonly kitId: string
  readonly publicKey: Buffer
  readonly scrypt: Scrypt
  readonly nonce: Buffer
  readonly sealed: Buffer
  readonly identitySigners: readonly string[]
  readonly identityMac: Buffer
}

function parseKit(text: string): ParsedKit {
  const begin = text.indexOf(BEGIN)
  const end = text.indexOf(END)
  if (begin < 0 || end < begin) {
    throw new RecoveryKitError(
      `Cannot read the recovery kit: the lines "${BEGIN}" and "${END}" are not in it`,
    )
  }
  let json: Record<string, unknown>
  try {
    json = JSON.parse(text.slice(begin + BEGIN.length, end)) as Record<string, unknown>
  } catch (cause) {
    throw new RecoveryKitError('Cannot read the recovery kit: what stands between its lines is no JSON', {
      cause,
    })
  }
  if (json['version'] !== 1) throw new RecoveryKitError(`Cannot read the recovery kit: its version is not 1`)
  const publicKey = bytesOf(json, 'publicKey', RAW_KEY)
  const kitId = json['kitId']
  if (kitId !== kitIdOf(publicKey)) {
    throw new RecoveryKitError('Cannot read the recovery kit: its id is not that of its public key')
  }
  return {
    kitId,
    publicKey,
    scrypt: scryptOf(json['scrypt']),
    nonce: bytesOf(json, 'nonce', NONCE),
    sealed: bytesOf(json, 'sealed', RAW_KEY + TAG),
    identitySigners: signersOf(json['identitySigners']),
    identityMac: Buffer.from(String(json['identityMac']), 'base64'),
  }
}

function signersOf(value: unknown): readonly string[] {
  if (value === undefined) return []
  const isSigner = (one: unknown): one is string =>
    typeof one === 'string' && Buffer.from(one, 'base64').length === RAW_KEY
  if (!Array.isArray(value) || value.length > MAX_SIGNERS || !value.every(isSigner))
    throw new RecoveryKitError('Cannot read the recovery kit: "identitySigners" is no list of public keys')
  return value
}

function scryptOf(value: unknown): Scrypt {
  const scrypt = (value ?? {}) as Record<string, unknown>
  const { N, r, p } = scrypt as { N: unknown; r: unknown; p: unknown }
  const isNumber = (n: unknown, most: number): n is number =>
    typeof n === 'number' && Number.isInteger(n) && n >= 1 && n <= most
  // The limits keep a made-up kit from taking all memory.
  if (!isNumber(N, MAX_COST) || N < 2 || (N & (N - 1)) !== 0 || !isNumber(r, 32) || !isNumber(p, 16)) {
    throw new RecoveryKitError('Cannot read the recovery kit: its scrypt parameters are out of bounds')
  }
  return { N, r, p, salt: bytesOf(scrypt, 'salt', SALT).toString('base64') }
}

function bytesOf(json: Record<string, unknown>, member: string, length: number): Buffer {
  const bytes = Buffer.from(String(json[member]), 'base64')
  if (bytes.length !== length) {
    throw new RecoveryKitError(
      `Cannot read the recovery kit: "${member}" has ${bytes.length} bytes, not ${length}`,
    )
  }
  return bytes
}

function kitKey(passphrase: string, { N, r, p, salt }: Scrypt): Buffer {
  const words = passphrase.normalize('NFKC').trim()
  return scryptSync(words, Buffer.from(salt, 'base64'), RAW_KEY, {
    N,
    r,
    p,
    maxmem: 256 * N * r + 1024 * 1024,
  })
}

const binding = (publicKey: Buffer): Buffer => Buffer.concat([Buffer.from('roleback-kit/1'), publicKey])

const rawOf = (base64url: string | undefined): Buffer => Buffer.from(base64url ?? '', 'base64url')

function publicHalfOf(privateKey: Buffer): Buffer {
  return rawOf(createPublicKey(x25519Private(privateKey)).export({ format: 'jwk' }).x)
}

/** A raw private key as Node takes it: PKCS #8 of RFC 8410, whose first 16 bytes are always these. */
export function x25519Private(raw: Uint8Array): ReturnType<typeof createPrivateKey> {
  const der = Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), raw])
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' })
}

/** SHA-256 of the recover.mjs that this server puts into its vaults, hex; null where it has none. */
function recoverSha256(): string | null {
  const path = new URL('../../tools/recover.mjs', import.meta.url)
  try {
    return createHash('sha256').update(readFileSync(path)).digest('hex')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw error
  }
}

function textOf(kit: {
  readonly kitId: string
  readonly recoverSha256: string | null
  readonly [member: string]: unknown
}): string {
  return `ROLEBACK RECOVERY KIT ${kit.kitId}

Keep this file and its passphrase in two different safe places, both away from the server and its backups.
Together they open every vault of this server, also when the server and its database are gone.
Either of them alone opens nothing. Without them nobody can open the vaults of a lost server.

To recover: get Node.js (https://nodejs.org). In the root of each vault lies a file recover.mjs. Check it before you run it,
since whoever can write to the vault can change it:

    sha256sum recover.mjs
    ${kit.recoverSha256 ?? '(this server had none: take tools/recover.mjs of the Roleback release)'}

Then: node recover.mjs --help

${BEGIN}
${JSON.stringify(kit, undefined, 2)}
${END}
`
}
