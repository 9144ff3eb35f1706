declare const lowerCased: unique symbol

/** The condition keys of one request: names in lower case; an array is a multivalued key, even of one value. */
export type ConditionContext = ReadonlyMap<string, string | readonly string[]> & {
  readonly [lowerCased]: true
}

/**
 * Lower-cases the names once, so that no evaluation has to: key names are case-insensitive, values are not.
 * Of two names that differ only in case the last one wins. The record is copied; arrays are not.
 *
 * @param base Keys that the record's go over.
 */
export function contextOf(
  record: Readonly<Record<string, string | readonly string[]>>,
  base?: ConditionContext,
): ConditionContext {
  const context = new Map<string, string | readonly string[]>(base)
  for (const name of Object.keys(record)) {
    const value = record[name]
    if (value !== undefined) context.set(name.toLowerCase(), value)
  }
  return context as ReadonlyMap<string, string | readonly string[]> as ConditionContext
}
