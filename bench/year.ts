import { simulateYear } from '../test/year/simulated-year.ts'
import { machine, say } from './measure.ts'

const YEAR = { days: 365, hourlyDays: 30 }
/** Seconds. */
const GOAL_S = 120

/** A plan's year, in which every invariant is held after each day: what it takes. One that is broken ends it with an error. */
export async function run(): Promise<void> {
  const { runs, copies, deleted, seconds } = await simulateYear(YEAR)
  const isMet = seconds <= GOAL_S
  say(
    `year: ${YEAR.days} days, the hourly rule for ${YEAR.hourlyDays}: ${runs} runs, ${copies} copies, ${deleted} deletions in ` +
      `${seconds.toFixed(1)} s (goal ${GOAL_S} s${isMet ? '' : ', missed'}); ${machine()}`,
  )
  if (!isMet) process.exitCode = 1
}
