import type { ItemProblem } from '../drivers/driver.ts'
import { printable } from '../lib/log.ts'
import { saysDamage } from '../vault/errors.ts'

/** Reasons told in a job's message; all are counted. */
const SHOWN = 5
/** Reasons kept that speak of damage in the vault. */
const MAX_DAMAGE = 50

/** What went wrong with single items of a job: counted, the first reasons kept. */
export class Problems {
  readonly #first: ItemProblem[] = []
  readonly #damage: string[] = []
  #count = 0

  add(problem: ItemProblem): void {
    this.#count++
    if (this.#damage.length < MAX_DAMAGE && saysDamage(problem.reason)) this.#damage.push(problem.reason)
    if (this.#first.length < SHOWN) this.#first.push(problem)
  }

  get count(): number {
    return this.#count
  }

  /** The first of those reasons that speak of damage in the vault. */
  get damage(): readonly string[] {
    return this.#damage
  }

  /** E.g. `3 items could not be backed up: "a/b": permission denied; …`; undefined where there is nothing to tell. */
  sentence(predicate: string): string | undefined {
    if (this.#count === 0) return undefined
    const reasons = this.#first
      .map(({ item, reason }) => `"${printable(item)}": ${printable(reason)}`)
      .join('; ')
    const more = this.#count > this.#first.length ? `; and ${this.#count - this.#first.length} more` : ''
    return `${this.#count} ${this.#count === 1 ? 'item' : 'items'} ${predicate}: ${reasons}${more}`
  }
}
