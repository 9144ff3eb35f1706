import type { Kind } from './kind.ts'

export type ReadMetadata =
  | { readonly ok: true; readonly metadata: Readonly<Record<string, string>> }
  | { readonly ok: false; readonly problem: 'invalid' | 'missing'; readonly message: string }

/** AWS's limit for all of a restore's metadata. */
const MAX_METADATA_BYTES = 200 * 1024

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
      return { ok: false, problem: 'invalid', message }
    }
    metadata[name] = value
  }
  for (const [name, { required }] of Object.entries(known)) {
    if (required && !isPartial && metadata[name] === undefined) {
      const message = `Restore metadata for resource type ${kind.type} must contain "${name}"`
      return { ok: false, problem: 'missing', message }
    }
  }
  if (JSON.stringify(metadata).length > MAX_METADATA_BYTES)
    return { ok: false, problem: 'invalid', message: 'Restore metadata must not exceed 200 KB' }
  return { ok: true, metadata }
}
