import { keyFrom, KeySourceError } from './key-source.ts'
import type { KeySource } from './key-source.ts'
import { SealError, ServerKey } from './server-key.ts'
import type { Sealer } from './server-key.ts'

/**
 * Encryption keys that vaults are made under: without its key a vault is not opened by this server, whoever has the server's own key
 * (docs/adr/0036). A vault's keys are sealed under it, and what that gives under the server's key.
 */

const AWAY = 'it is not available on the server now. Those who run it see why in roleback:ListEncryptionKeys'

/**
 * The key cannot be had now, or what is there is another one. Nothing is lost: it is asked for anew each time. The message is for
 * everybody, since jobs of tenants end with it, too: it names no place or program of the server, and neither may what wraps it.
 */
export class EncryptionKeyError extends Error {
  override name = 'EncryptionKeyError'
  readonly code = 'ENCRYPTION_KEY'
  /** Why, with places and programs of the server: for those who run it, and the server's log. */
  readonly reason: string

  /** @param told What everybody is told. By default that it is away, and who sees why. */
  constructor(
    name: string,
    reason: string,
    { told = AWAY, ...options }: ErrorOptions & { told?: string } = {},
  ) {
    super(`Encryption key ${name} cannot be had: ${told}`, options)
    this.reason = `Encryption key ${name} cannot be had: ${reason}`
  }
}

/** A key that is at hand. */
export interface EncryptionKey {
  /** UUID that follows from the key itself: the same key has it on every server, and no other key has it. */
  readonly keyId: string
  readonly key: ServerKey
}

/** What a command gave is used for so long, in milliseconds. Files are read each time: they cost nothing. */
const COMMAND_ANSWER_MS = 60_000

/** The keys that the server was started with, by name. */
export class EncryptionKeys {
  readonly #sources: ReadonlyMap<string, KeySource>
  readonly #now: () => number
  readonly #answers = new Map<string, { readonly until: number; readonly key: Promise<EncryptionKey> }>()

  /** @param now Milliseconds since 1970. */
  constructor(sources: ReadonlyMap<string, KeySource>, now: () => number) {
    this.#sources = sources
    this.#now = now
  }

  /** @throws {EncryptionKeyError} With what was tried, why it failed and what to do. */
  async load(name: string): Promise<EncryptionKey> {
    const source = this.#sources.get(name)
    if (source === undefined)
      throw new EncryptionKeyError(
        name,
        `this server was started without it. Start it with --encryption-key ${name}=SOURCE`,
      )
    if (source.kind !== 'command') return await read(name, source)
    const last = this.#answers.get(name)
    if (last !== undefined && this.#now() < last.until) return await last.key
    const key = read(name, source)
    this.#answers.set(name, { until: this.#now() + COMMAND_ANSWER_MS, key })
    // Whoever asks next runs it again: it may work by then.
    key.catch(() => this.#answers.delete(name))
    return await key
  }

  /** The key of that name, if it is the one with this id. @throws {EncryptionKeyError} */
  async loadKey(name: string, keyId: string): Promise<ServerKey> {
    const found = await this.load(name)
    if (found.keyId === keyId) return found.key
    throw new EncryptionKeyError(
      name,
      `where it comes from there is another key (${found.keyId} instead of ${keyId}). Put the right one back`,
    )
  }
}

async function read(name: string, source: KeySource): Promise<EncryptionKey> {
  try {
    const key = new ServerKey(await keyFrom(source, `encryption key ${name}`))
    return { keyId: keyIdOf(key), key }
  } catch (cause) {
    if (cause instanceof KeySourceError) throw new EncryptionKeyError(name, cause.message, { cause })
    throw cause
  }
}

/** 122 bits of a keyed hash, as a UUID of version 8 (RFC 9562): AWS's keys are named by UUIDs. */
function keyIdOf(key: ServerKey): string {
  const hex = key.fingerprint('encryption-key', 'id')
  const variant = ((Number.parseInt(hex[16] as string, 16) & 3) | 8).toString(16)
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    variant + hex.slice(17, 20),
    hex.slice(20, 32),
  ].join('-')
}

const SEALED = /^([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}):(.+)$/s

/** Id of the encryption key that a vault's keys are sealed under; undefined: under the server's alone. */
export function encryptionKeyIdIn(sealed: string): string | undefined {
  return SEALED.exec(sealed)?.[1]
}

/** Seals under the encryption key, then under the server's: both are needed to open. A sealed text begins with the key's id and `:`. */
export function sealerUnder(serverKey: ServerKey, keyId: string, key: ServerKey): Sealer {
  const owned = (owner: string): string => `${owner} ${keyId}`
  return {
    seal: (purpose, owner, plain) =>
      `${keyId}:${serverKey.seal(purpose, owned(owner), Buffer.from(key.seal(purpose, owner, plain)))}`,
    open: (purpose, owner, sealed) => {
      const [, id, body = ''] = SEALED.exec(sealed) ?? []
      if (id !== keyId)
        throw new SealError(`Cannot open a sealed ${purpose}: it is not sealed under encryption key ${keyId}`)
      return key.open(purpose, owner, serverKey.open(purpose, owned(owner), body).toString())
    },
  }
}
