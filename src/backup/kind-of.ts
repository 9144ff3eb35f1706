import type { Kind } from '../kinds/kind.ts'
import { kindOfType } from '../kinds/kinds.ts'

/** The kind of a stored resource type. Rows hold only types that were kinds when they were written. */
export function kindOf(type: string): Kind {
  const kind = kindOfType(type)
  if (kind === undefined)
    throw new Error(`resource type "${type}" in the store is not a kind of this version`)
  return kind
}
