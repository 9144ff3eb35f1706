import type { PolicyChange } from '../../aws/generated/roleback.ts'
import { printable } from '../../lib/log.ts'

/** A change as a person reads it; its documents are printed to be copied: JSON escapes control characters. */
export function policyLines({ Change, Where, PolicyDocuments }: PolicyChange): readonly string[] {
  if (Change !== 'add' || PolicyDocuments.length === 0) return [printable(Where)]
  return PolicyDocuments.flatMap((document, i) => {
    const part = PolicyDocuments.length === 1 ? '' : ` (${i + 1} of ${PolicyDocuments.length} policies)`
    return [`Add to ${printable(Where)}${part}:`, ...documentLines(document)]
  })
}

export function documentLines(document: string): readonly string[] {
  return JSON.stringify(JSON.parse(document), null, 2).split('\n').map(printable)
}
