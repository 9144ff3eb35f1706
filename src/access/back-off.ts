import { isIPv6 } from 'node:net'
import type { ServerKey } from '../keyring/server-key.ts'
import { deleteBackOff, findBackOff, forgiveOne, replaceBackOff } from '../store/identity/sign-in.ts'
import type { BackOffTable } from '../store/identity/schema-credentials.ts'
import type { Queryable } from '../store/store.ts'

/**
 * Holds back whoever guesses. A failure is counted before the guess is looked at, so that a thousand guesses at once count as a
 * thousand, and taken back where it was right. What is held back is not looked at at all. Counts lie in the store: a restart
 * forgives nobody, and servers that share a database share them.
 */
export interface BackOffSubject {
  readonly key: string
  /** So many failures cost nothing but themselves. */
  readonly free: number
  /** Longest time nothing is looked at, in milliseconds. */
  readonly maxMs: number
}

/** The first wait; each further failure doubles it. */
const FIRST_MS = 1_000
/** After so long without a failure all is forgotten. */
export const BACK_OFF_FORGOTTEN_MS = 3_600_000

const FREE_PER_PERSON = 5
const FREE_PER_ADDRESS = 20
/** Longer would let strangers lock a person out; at this, a name can be tried 288 times a day. */
const MAX_PER_PERSON_MS = 300_000
const MAX_PER_ADDRESS_MS = 900_000

/**
 * A user's name as it was given, whether there is such a user or not: both must be held back alike. Kept as a keyed hash, since
 * people type their password into the wrong field.
 */
export function nameSubject(serverKey: ServerKey, account: string, userName: string): BackOffSubject {
  const name = serverKey.fingerprint('back-off', `${account.toLowerCase()}\0${userName.toLowerCase()}`)
  return { key: `name ${name}`, free: FREE_PER_PERSON, maxMs: MAX_PER_PERSON_MS }
}

export function deviceSubject(serialNumber: string): BackOffSubject {
  return { key: `mfa ${serialNumber}`, free: FREE_PER_PERSON, maxMs: MAX_PER_PERSON_MS }
}

export function passwordSubject(userId: string): BackOffSubject {
  return { key: `password ${userId}`, free: FREE_PER_PERSON, maxMs: MAX_PER_PERSON_MS }
}

/**
 * An address, of IPv6 the /64 that one person has whole. Undefined for the loopback: a proxy on this machine speaks for everybody
 * from there, and nobody must lock all others out.
 */
export function addressSubject(address: string | undefined): BackOffSubject | undefined {
  if (address === undefined || address === '::1' || address.startsWith('127.')) return undefined
  return { key: `address ${networkOf(address)}`, free: FREE_PER_ADDRESS, maxMs: MAX_PER_ADDRESS_MS }
}

function networkOf(address: string): string {
  const plain = address.split('%')[0] as string
  if (!isIPv6(plain)) return plain
  const [head = '', tail] = plain.split('::')
  const groups = head === '' ? [] : head.split(':')
  const rest = tail === undefined || tail === '' ? [] : tail.split(':')
  const whole = [...groups, ...Array.from({ length: 8 - groups.length - rest.length }, () => '0'), ...rest]
  return `${whole
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(':')}::/64`
}

/**
 * Counts a failure beforehand.
 * @returns False where the subject is held back: nothing is counted, and nothing must be looked at.
 */
export async function countGuess(db: Queryable, subject: BackOffSubject, now: number): Promise<boolean> {
  for (;;) {
    const row = await findBackOff(db, subject.key)
    if (row !== undefined && row.blocked_until > now) return false
    if (await replaceBackOff(db, row, nextRow(subject, row, now))) return true
  }
}

function nextRow(subject: BackOffSubject, row: BackOffTable | undefined, now: number): BackOffTable {
  const isForgotten = row === undefined || now - row.last_at > BACK_OFF_FORGOTTEN_MS
  const failures = (isForgotten ? 0 : row.failures) + 1
  const excess = failures - subject.free
  const waitMs = excess < 0 ? 0 : Math.min(FIRST_MS * 2 ** excess, subject.maxMs)
  return { subject: subject.key, failures, last_at: now, blocked_until: now + waitMs }
}

/** The guess was right, and proved who it was: all of the subject's failures are forgiven. */
export async function forgive(db: Queryable, subject: BackOffSubject): Promise<void> {
  await deleteBackOff(db, subject.key)
}

/** The guess was right, but stands for nothing else that came from there: a valid account must not wash an address clean. */
export async function takeBack(db: Queryable, subject: BackOffSubject): Promise<void> {
  await forgiveOne(db, subject.key)
}
