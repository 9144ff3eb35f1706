import { InvalidParameterValueException } from '../aws/generated/roleback.ts'
import type { Bandwidth as OnTheWire } from '../aws/generated/roleback.ts'
import type { Bandwidth } from '../store/jobs/job-limits.ts'

/** Limits of bandwidth by the hour, as calls and rows have them. */

/** @param what E.g. `Cannot put this storage`. @throws {InvalidParameterValueException} Where there is no such time zone. */
export function bandwidthOf({ TimeZone, Windows }: OnTheWire, what: string): Bandwidth {
  try {
    new Intl.DateTimeFormat('en', { timeZone: TimeZone })
  } catch {
    throw new InvalidParameterValueException(
      `${what}: "${TimeZone}" is no time zone, such as Europe/Berlin`,
      { Context: 'Bandwidth' },
    )
  }
  return {
    timeZone: TimeZone,
    windows: Windows.map(({ FromHour, ToHour, BytesPerSecond }) => ({
      fromHour: FromHour,
      toHour: ToHour,
      bytesPerSecond: BytesPerSecond,
    })),
  }
}

export function toBandwidth({ timeZone, windows }: Bandwidth): OnTheWire {
  return {
    TimeZone: timeZone,
    Windows: windows.map(({ fromHour, toHour, bytesPerSecond }) => ({
      FromHour: fromHour,
      ToHour: toHour,
      BytesPerSecond: bytesPerSecond,
    })),
  }
}
