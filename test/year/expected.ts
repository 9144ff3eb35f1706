/**
 * What must be there at any moment of the simulated year, by arithmetic of its own: nothing here is shared with the server. Due times
 * are found by walking the hours, a point's end is its beginning and whole days.
 */

export const HOUR = 3_600_000
export const DAY: number = 24 * HOUR

export interface Rule {
  readonly name: string
  readonly keptDays: number
  /** Days that its copy in the locked vault is kept; absent: no copy. */
  readonly copyDays?: number
}

export const HOURLY: Rule = { name: 'hourly', keptDays: 2 }
export const DAILY: Rule = { name: 'daily', keptDays: 7, copyDays: 14 }
export const WEEKLY: Rule = { name: 'weekly', keptDays: 35, copyDays: 60 }
export const MONTHLY: Rule = { name: 'monthly', keptDays: 200, copyDays: 300 }
/** Longest kept first: of rules that are due at one moment into one vault, it stands for the others. */
const RULES = [MONTHLY, WEEKLY, DAILY, HOURLY]

/** AWS's schedules of the rules, at this minute of their hours. */
export function schedulesAt(minute: number): ReadonlyMap<Rule, string> {
  return new Map([
    [HOURLY, `cron(${minute} * ? * * *)`],
    [DAILY, `cron(${minute} 5 ? * * *)`],
    [WEEKLY, `cron(${minute} 6 ? * 1 *)`],
    [MONTHLY, `cron(${minute} 7 1 * ? *)`],
  ])
}

export interface Due {
  readonly at: number
  /** The rule whose backup is made. */
  readonly rule: Rule
  /** Those for which it stands. */
  readonly superseded: readonly Rule[]
}

/** Every moment from `start` on, for `days`, at which a rule is due; the hourly one only in the first `hourlyDays`. */
export function dueTimes(start: number, minute: number, days: number, hourlyDays: number): readonly Due[] {
  const found: Due[] = []
  const first = Math.ceil((start - minute * 60_000) / HOUR) * HOUR + minute * 60_000
  for (let at = first; at < start + days * DAY; at += HOUR) {
    const date = new Date(at)
    const hour = date.getUTCHours()
    const isDue = new Map([
      [HOURLY, at < start + hourlyDays * DAY],
      [DAILY, hour === 5],
      [WEEKLY, hour === 6 && date.getUTCDay() === 0],
      [MONTHLY, hour === 7 && date.getUTCDate() === 1],
    ])
    const [rule, ...superseded] = RULES.filter((one) => isDue.get(one))
    if (rule !== undefined) found.push({ at, rule, superseded })
  }
  return found
}

export interface ExpectedPoint {
  readonly vault: 'plain' | 'locked'
  readonly begunAt: number
  readonly keptDays: number
}

/** A legal hold on the vault `plain`, on points begun between two times, until it is cancelled. */
export interface Hold {
  readonly from: number
  readonly to: number
  readonly cancelledAt: number
}

/** Whether the point must be there when everything due at `now` was done; otherwise it must be gone. */
export function mustBeThere({ vault, begunAt, keptDays }: ExpectedPoint, hold: Hold, now: number): boolean {
  if (now < begunAt + keptDays * DAY) return true
  return vault === 'plain' && begunAt >= hold.from && begunAt <= hold.to && now < hold.cancelledAt
}
