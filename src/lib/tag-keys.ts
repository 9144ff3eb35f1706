type Tags = Readonly<Record<string, string>>

/** Of one thing, as AWS has it; those that begin with `aws:` do not count. */
export const MAX_TAGS = 50

/** Condition keys have no case: of `Env` and `env` on one thing a policy sees one, and nobody knows which. */

/**
 * A key of `given` and one of `all` that differ only in case; undefined where there are none.
 * @param all What there is together with `given`.
 */
export function twinKeys(
  given: readonly string[],
  all: readonly string[] = given,
): readonly [string, string] | undefined {
  // A request may bring tens of thousands before anybody counts them: none is held against all others.
  const spellings = new Map<string, Set<string>>()
  for (const key of all) {
    const lower = key.toLowerCase()
    const known = spellings.get(lower)
    if (known === undefined) spellings.set(lower, new Set([key]))
    else known.add(key)
  }
  for (const key of given) {
    for (const twin of spellings.get(key.toLowerCase()) ?? []) if (twin !== key) return [key, twin]
  }
  return undefined
}

/** `over` on top of `tags`; what stands there in another case goes. */
export function tagsOver(tags: Tags, over: Tags): Record<string, string> {
  const taken = new Set(Object.keys(over).map((key) => key.toLowerCase()))
  const left = Object.entries(tags).filter(([key]) => !taken.has(key.toLowerCase()))
  return Object.fromEntries([...left, ...Object.entries(over)])
}
