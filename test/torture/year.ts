import { simulateYear } from '../year/simulated-year.ts'
import type { YearOptions } from '../year/simulated-year.ts'

/** A year within this, in seconds. */
const GOAL_S = 120

export async function tortureYear(options: YearOptions): Promise<void> {
  const { runs, copies, deleted, seconds } = await simulateYear(options)
  process.stdout.write(
    `${options.days} days, the hourly rule for ${options.hourlyDays}: ${runs} runs, ${copies} copies, ${deleted} deletions in ` +
      `${seconds.toFixed(1)} s; the goal for 365 and 30 is ${GOAL_S} s\n`,
  )
}
