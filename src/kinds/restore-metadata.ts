import type { Kind } from './kind.ts'

export type ReadMetadata =
  | { readonly ok: true; readonly metadata: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly problem: 'unknown' | 'missing'; readonly message: string }

/**
 * A restore's metadata with its keys as the kind spells them. Unknown keys are refused: a mistyped one would change what is restored
 * without a word. Of a partial one (what overrides something) no key is required.
 */
export function readRestoreMetadata(
  kind: Kind,
  given: Readonly<Record<string, string>>,
  { isPartial = false }: { readonly isPartial?: boolean } = {},
): ReadMetadata {
  const known = kind.restoreMetadata
  const metadata: Record<string, string> = Object.create(null) as Record<string, string>
  for (const [key, value] of Object.entries(given)) {
    const name = Object.keys(known).find((candidate) => candidate.toLowerCase() === key.toLowerCase())
    if (name === undefined) {
      const message = `Restore metadata key "${key}" is not known for resource type ${kind.type}. Known keys: ${Object.keys(known).join(', ')}`
      return { ok: false, problem: 'unknown', message }
    }
    metadata[name] = value
  }
  for (const [name, { required }] of Object.entries(known)) {
    if (required && !isPartial && metadata[name] === undefined) {
      const message = `Restore metadata for resource type ${kind.type} must contain "${name}"`
      return { ok: false, problem: 'missing', message }
    }
  }
  return { ok: true, metadata }
}
