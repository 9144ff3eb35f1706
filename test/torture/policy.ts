import { compareWithReference, summary, unreached } from '../policy/differential.ts'

/** So many decisions are compared before the next line is printed. */
const DECISIONS_A_LINE = 500_000
const ENOUGH_TO_REACH_ALL = 200_000

/**
 * The policy engine against the second evaluator of the tests, on millions of generated decisions. Prints how often the generator
 * reached each operator, element, principal and way to decide; the first difference ends the run with the smallest policies
 * that show it.
 */
export function torturePolicy({
  seed,
  decisions,
}: {
  readonly seed: number
  readonly decisions: number
}): void {
  const say = (text: string): void => void process.stdout.write(`${text}\n`)
  say(`seed ${seed}, ${decisions} decisions`)
  const reach = new Map<string, number>()
  let done = 0
  const startedAt = performance.now()
  while (done < decisions) {
    // A part's seed is the first one's plus its number, so that a part that fails can be run alone.
    const part = {
      seed: (seed + done / DECISIONS_A_LINE) >>> 0,
      decisions: Math.min(DECISIONS_A_LINE, decisions - done),
    }
    const found = compareWithReference(part)
    for (const [rule, count] of found.reach) reach.set(rule, (reach.get(rule) ?? 0) + count)
    done += found.decisions
    say(
      `${done} decisions agree after ${((performance.now() - startedAt) / 1000).toFixed(0)} s (seed ${part.seed})`,
    )
  }
  for (const [rule, count] of [...reach].toSorted(([a], [b]) => (a < b ? -1 : 1))) say(`${count}\t${rule}`)
  say(summary({ decisions: done, reach }))
  const missing = unreached({ decisions: done, reach })
  // A short run, such as one that looks at a difference again, cannot reach everything.
  if (missing.length === 0 || done < ENOUGH_TO_REACH_ALL) return
  say(`not reached: ${missing.join(', ')}`)
  process.exitCode = 1
}
