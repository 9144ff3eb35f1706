type Tags = Readonly<Record<string, string>>

/** Condition keys have no case: of `Env` and `env` on one thing a policy sees one, and nobody knows which. */

/**
 * A key of `given` and one of `all` that differ only in case; undefined where there are none.
 * @param all What there is together with `given`.
 */
export function twinKeys(
  given: readonly string[],
  all: readonly string[] = given,
): readonly [string, string] | undefined {
  for (const key of given) {
    const twin = all.find((other) => other !== key && other.toLowerCase() === key.toLowerCase())
    if (twin !== undefined) return [key, twin]
  }
  return undefined
}

/** `over` on top of `tags`; what stands there in another case goes. */
export function tagsOver(tags: Tags, over: Tags): Record<string, string> {
  const taken = new Set(Object.keys(over).map((key) => key.toLowerCase()))
  const left = Object.entries(tags).filter(([key]) => !taken.has(key.toLowerCase()))
  return Object.fromEntries([...left, ...Object.entries(over)])
}
