import type { Bandwidth, BandwidthWindow } from '../aws/generated/roleback.ts'
import { humanBytes } from './output.ts'
import { CommandUsageError } from './report.ts'

/** Limits of bandwidth by the hour, as options say them and tables show them. */

/** @param limits Each FROM-TO=BYTES. @throws {CommandUsageError} */
export function bandwidthFrom(
  limits: readonly string[] = [],
  timeZone: string = 'UTC',
): Bandwidth | undefined {
  return limits.length === 0 ? undefined : { TimeZone: timeZone, Windows: limits.map(windowOf) }
}

function windowOf(text: string): BandwidthWindow {
  const match = /^(\d{1,2})-(\d{1,2})=(\d+)$/.exec(text)
  if (match === null)
    throw new CommandUsageError(`--limit "${text}" is not FROM-TO=BYTES, such as 8-18=4194304`)
  return { FromHour: Number(match[1]), ToHour: Number(match[2]), BytesPerSecond: Number(match[3]) }
}

/** E.g. `8-18 4.0 MiB/s`. */
export function bandwidthText(bandwidth: Bandwidth | undefined): string {
  return (bandwidth?.Windows ?? [])
    .map((window) => `${window.FromHour}-${window.ToHour} ${humanBytes(window.BytesPerSecond)}/s`)
    .join(', ')
}
