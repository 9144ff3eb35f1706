import { matchSelection } from './selection.ts'
import type { Candidate, SelectionDocument } from './selection.ts'

/**
 * Resources by what selections name them by: one that has no wildcard looks at those alone that it may mean, and a hundred plans that
 * run at one moment do not look at every resource a hundred times.
 */
export class Candidates<T extends Candidate> {
  readonly #all: readonly T[]
  readonly #byArn = new Map<string, number>()
  readonly #byTag = new Map<string, number[]>()

  constructor(all: readonly T[]) {
    this.#all = all
    for (const [at, { arn, tags }] of all.entries()) {
      this.#byArn.set(arn, at)
      for (const [key, value] of Object.entries(tags)) {
        const name = tagName(key, value)
        const others = this.#byTag.get(name)
        if (others === undefined) this.#byTag.set(name, [at])
        else others.push(at)
      }
    }
  }

  /** Each resource that any of the selections means, once, with the first of them that does; in the order they were given in. */
  selectedBy<S extends { readonly document: SelectionDocument }>(
    selections: readonly S[],
    isOptedIn: (type: string) => boolean,
  ): readonly { readonly resource: T; readonly by: S }[] {
    const found = new Map<number, S>()
    for (const selection of selections)
      for (const at of this.#placesFor(selection.document)) {
        if (found.has(at)) continue
        const one = this.#all[at] as T
        if (matchSelection(selection.document, one, isOptedIn(one.type)).isSelected) found.set(at, selection)
      }
    return [...found]
      .sort(([one], [other]) => one - other)
      .map(([at, by]) => ({ resource: this.#all[at] as T, by }))
  }

  /** Of all that the selection may mean; the rest is for {@link matchSelection}. */
  #placesFor({ Resources = [], ListOfTags = [] }: SelectionDocument): Iterable<number> {
    if (Resources.some((pattern) => pattern.includes('*'))) return this.#all.keys()
    const named = Resources.map((arn) => this.#byArn.get(arn)).filter((at) => at !== undefined)
    const tagged = ListOfTags.flatMap(
      ({ ConditionKey, ConditionValue }) => this.#byTag.get(tagName(ConditionKey, ConditionValue)) ?? [],
    )
    return new Set([...named, ...tagged])
  }
}

/** Two that have the same name are both looked at, no more. */
const tagName = (key: string, value: string): string => `${key}\n${value}`
