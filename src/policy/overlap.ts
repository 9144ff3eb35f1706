/** Segments of an ARN before the resource's own part, less `arn:PARTITION:`. */
const SEGMENTS = 3

/** The same of ARNs without `arn:PARTITION:`: service, region and account are compared by themselves, so far as both have them. */
export function arnsOverlap(first: string, second: string): boolean {
  const [a, b] = [first.split(':'), second.split(':')]
  if (a.length <= SEGMENTS || b.length <= SEGMENTS) return globsOverlap(first, second)
  for (let i = 0; i < SEGMENTS; i++) if (!globsOverlap(a[i]!, b[i]!)) return false
  return globsOverlap(a.slice(SEGMENTS).join(':'), b.slice(SEGMENTS).join(':'))
}

/**
 * Whether any text matches two globs at once. Variables count as `*`, since nobody says here what they stand for; segments of
 * ARNs are not looked at. So the answer may be yes too often, and never no when there is such a text.
 */
export function globsOverlap(first: string, second: string): boolean {
  const a = tokensOf(first)
  const b = tokensOf(second)
  // Row by row: whether the first i tokens of a and the first j of b can be the same text.
  let row = new Uint8Array(b.length + 1)
  row[0] = 1
  for (let j = 0; j < b.length && b[j] === ANY_RUN; j++) row[j + 1] = 1
  for (const token of a) {
    const next = new Uint8Array(b.length + 1)
    next[0] = token === ANY_RUN ? row[0]! : 0
    for (let j = 0; j < b.length; j++) {
      const other = b[j]!
      const isRun = token === ANY_RUN || other === ANY_RUN
      if (isRun) next[j + 1] = row[j + 1]! | next[j]!
      else next[j + 1] = isSame(token, other) ? row[j]! : 0
    }
    row = next
  }
  return row[b.length] === 1
}

const ANY_RUN = -1
const ANY_ONE = -2

function isSame(a: number, b: number): boolean {
  return a === b || a === ANY_ONE || b === ANY_ONE
}

function tokensOf(glob: string): readonly number[] {
  const tokens: number[] = []
  const lastBrace = glob.lastIndexOf('}')
  for (let i = 0; i < glob.length; i++) {
    const end = i < lastBrace && glob[i] === '$' && glob[i + 1] === '{' ? glob.indexOf('}', i) : -1
    if (end >= 0) {
      const inner = glob.slice(i + 2, end)
      tokens.push(inner === '*' || inner === '?' || inner === '$' ? inner.charCodeAt(0) : ANY_RUN)
      i = end
    } else if (glob[i] === '*') tokens.push(ANY_RUN)
    else if (glob[i] === '?') tokens.push(ANY_ONE)
    else tokens.push(glob.charCodeAt(i))
  }
  return tokens
}
