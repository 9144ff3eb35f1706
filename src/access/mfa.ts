import type { ServerKey } from '../keyring/server-key.ts'
import { findStep, fromBase32, totpStep } from '../lib/totp.ts'
import { findMfaDevice, useMfaStep } from '../store/identity/mfa-devices.ts'
import type { MfaDeviceTable } from '../store/identity/schema-credentials.ts'
import type { Queryable } from '../store/store.ts'
import { countGuess, deviceSubject, forgive } from './back-off.ts'

/** Codes of users' MFA devices. */

/** A code of the step before or after is taken, too: clocks differ, and people type slowly (RFC 6238, section 5.2). */
const WINDOW = 1
/** Two codes in a row may lie this far from the server's clock, in steps, when a device is enabled: 30 minutes. */
const ENABLE_WINDOW = 60
/** And when it is resynchronised: a day. */
const RESYNC_WINDOW = 2_880

export interface CodeMatch {
  readonly device: MfaDeviceTable
  readonly step: number
}

/** The device and time step that a code is of, unused or not. */
export function matchCode(
  serverKey: ServerKey,
  devices: readonly MfaDeviceTable[],
  code: string,
  now: number,
): CodeMatch | undefined {
  let found: CodeMatch | undefined
  for (const device of devices) {
    const center = totpStep(now) + device.drift
    const step = findStep(seedOf(serverKey, device), [code], center - WINDOW, center + WINDOW)
    if (step !== undefined) found ??= { device, step }
  }
  return found
}

/** Uses the code up. False where that happened before: of two requests with one code, one gets false. */
export async function useCode(db: Queryable, { device, step }: CodeMatch): Promise<boolean> {
  if (device.user_id === null) return false
  return await useMfaStep(db, { serialNumber: device.serial_number, userId: device.user_id, step })
}

export type MfaOutcome = 'ok' | 'unknown-device' | 'wrong-code'

/** Takes the code that a user gives with one of his devices, once; guessing is held back. */
export async function takeCode(
  tools: { readonly db: Queryable; readonly serverKey: ServerKey },
  user: { readonly accountId: string; readonly userId: string },
  given: { readonly serialNumber: string; readonly code: string },
  now: number,
): Promise<MfaOutcome> {
  const { db, serverKey } = tools
  const device = await findMfaDevice(db, user.accountId, given.serialNumber)
  if (device?.user_id !== user.userId) return 'unknown-device'
  const subject = deviceSubject(device.serial_number)
  if (!(await countGuess(db, subject, now))) return 'wrong-code'
  const match = matchCode(serverKey, [device], given.code, now)
  if (match === undefined || !(await useCode(db, match))) return 'wrong-code'
  await forgive(db, subject)
  return 'ok'
}

/** What two codes in a row say of a device's clock. */
export interface ClockFinding {
  /** Steps ahead of the server. */
  readonly drift: number
  /** Step of the second code: it is used up. */
  readonly step: number
}

/** Two consecutive codes prove that a device has the seed, and how its clock goes. Undefined where they do not. */
export function readClock(
  serverKey: ServerKey,
  device: MfaDeviceTable,
  codes: readonly [string, string],
  now: number,
  purpose: 'enable' | 'resync',
): ClockFinding | undefined {
  const window = purpose === 'enable' ? ENABLE_WINDOW : RESYNC_WINDOW
  const present = totpStep(now)
  const first = findStep(seedOf(serverKey, device), codes, present - window - 1, present + window)
  if (first === undefined) return undefined
  const step = first + 1
  // One step is the time that typing takes, no drift.
  const ahead = step - present
  return { step, drift: Math.abs(ahead) <= 1 ? 0 : ahead }
}

function seedOf(serverKey: ServerKey, device: MfaDeviceTable): Buffer {
  return fromBase32(serverKey.open('mfa-seed', device.serial_number, device.seed).toString())
}
