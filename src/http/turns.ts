import type { Principal } from '../access/principal.ts'

/**
 * Whose request is worked on next. All share one thread: without turns, who sends a hundred requests at once is a hundred times as often
 * worked on as who sends one. A request waits while its account, or its principal, has enough of them under way; of those that
 * wait the one that came first goes on. Requests of others are never waited for.
 */

export interface TurnLimits {
  /** Requests under way at a time. */
  readonly atOnce: number
  /** Requests that wait; one more is refused. */
  readonly waiting: number
  /** Bytes of their bodies. */
  readonly waitingBytes: number
}

/** Of an account, for each kind of request. A principal has half of each: none keeps the others of his account, who might stop him, from their turn. */
const LIMITS: Readonly<Record<'ordinary' | 'costly', TurnLimits>> = {
  ordinary: { atOnce: 32, waiting: 1_000, waitingBytes: 33_554_432 },
  /** What holds the thread for up to a second: what others wait for it is all that is under way. */
  costly: { atOnce: 2, waiting: 200, waitingBytes: 16_777_216 },
}

/** What waits for a worker or another server leaves its turn after so long, in milliseconds. */
const MAX_TURN_MS = 1_000

/** More requests wait than there is room for; nothing is wrong with this one. */
export class TooManyRequestsError extends Error {
  override name = 'TooManyRequestsError'

  constructor() {
    super('too many requests of one account wait for their turn')
  }
}

interface Share {
  active: number
  waiting: number
  waitingBytes: number
}

interface Waiter {
  readonly of: Share
  readonly bytes: number
  readonly begin: () => void
}

interface Account extends Share {
  readonly principals: Map<string, Share>
  readonly queue: Waiter[]
}

/** Those of one kind of request. */
export class Turns {
  readonly #limits: TurnLimits
  readonly #ofOne: TurnLimits
  readonly #accounts = new Map<string, Account>()
  readonly #refused = new Map<string, number>()

  constructor(limits: TurnLimits) {
    const { atOnce, waiting, waitingBytes } = limits
    this.#limits = limits
    this.#ofOne = { atOnce: atOnce / 2, waiting: waiting / 2, waitingBytes: waitingBytes / 2 }
  }

  /** Requests refused since the start, by account. */
  get refused(): ReadonlyMap<string, number> {
    return this.#refused
  }

  /**
   * @param bytes Of the request's body, kept while it waits.
   * @throws {TooManyRequestsError} Without a beginning of `work`.
   */
  async run<T>(
    { accountId, identityId = accountId }: Pick<Principal, 'accountId' | 'identityId'>,
    bytes: number,
    work: () => Promise<T>,
  ): Promise<T> {
    const account = found(this.#accounts, accountId, accountOf)
    const own = found(account.principals, identityId, shareOf)
    // Nobody goes before what his own principal sent earlier.
    if (own.waiting > 0 || !this.#isFree(account, own)) await this.#wait(account, own, bytes, accountId)
    else take(account, own)
    let isOver = false
    const end = (): void => {
      if (isOver) return
      isOver = true
      account.active--
      own.active--
      if (isIdle(own)) account.principals.delete(identityId)
      if (isIdle(account)) this.#accounts.delete(accountId)
      // Not at once: between two requests of one account the thread looks at what others sent.
      else if (account.waiting > 0) setImmediate(() => this.#beginNext(account))
    }
    const timer = setTimeout(end, MAX_TURN_MS)
    try {
      return await work()
    } finally {
      clearTimeout(timer)
      end()
    }
  }

  #isFree(account: Account, own: Share): boolean {
    return account.active < this.#limits.atOnce && own.active < this.#ofOne.atOnce
  }

  async #wait(account: Account, own: Share, bytes: number, accountId: string): Promise<void> {
    const isFull = !hasRoom(account, bytes, this.#limits) || !hasRoom(own, bytes, this.#ofOne)
    if (isFull) {
      this.#refused.set(accountId, (this.#refused.get(accountId) ?? 0) + 1)
      throw new TooManyRequestsError()
    }
    for (const share of [account, own]) {
      share.waiting++
      share.waitingBytes += bytes
    }
    await new Promise<void>((begin) => account.queue.push({ of: own, bytes, begin }))
  }

  #beginNext(account: Account): void {
    const index = account.queue.findIndex(({ of }) => this.#isFree(account, of))
    const [next] = index < 0 ? [] : account.queue.splice(index, 1)
    if (next === undefined) return
    for (const share of [account, next.of]) {
      share.waiting--
      share.waitingBytes -= next.bytes
    }
    take(account, next.of)
    next.begin()
  }
}

export type AllTurns = Readonly<Record<'ordinary' | 'costly', Turns>>

export function allTurns(): AllTurns {
  return { ordinary: new Turns(LIMITS.ordinary), costly: new Turns(LIMITS.costly) }
}

function accountOf(): Account {
  return { ...shareOf(), principals: new Map(), queue: [] }
}

function shareOf(): Share {
  return { active: 0, waiting: 0, waitingBytes: 0 }
}

function take(...shares: readonly Share[]): void {
  for (const share of shares) share.active++
}

const isIdle = ({ active, waiting }: Share): boolean => active === 0 && waiting === 0

function hasRoom({ waiting, waitingBytes }: Share, bytes: number, limits: TurnLimits): boolean {
  return waiting < limits.waiting && waitingBytes + bytes <= limits.waitingBytes
}

function found<T>(shares: Map<string, T>, key: string, made: () => T): T {
  const share = shares.get(key) ?? made()
  shares.set(key, share)
  return share
}
