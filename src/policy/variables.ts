/**
 * Where variables stand in texts of policies. Each text is gone through once, whatever is in it: an unclosed `${` that sends for its
 * brace to the end of the text, sixty thousand times in one document, would hold up the whole server for a minute.
 */

/** `${INNER}`, up to the first brace: what people mean by a variable; what counts is `closingBraces`. */
const VARIABLE = /\$\{([^}]*)\}/g

/** Every variable in a text, whole and what is inside. */
export function* variablesIn(text: string): Generator<{ readonly written: string; readonly inner: string }> {
  for (const [written, inner = ''] of closedPart(text).matchAll(VARIABLE)) yield { written, inner }
}

/** The text with something else where its variables stood. */
export function withVariablesAs(text: string, replacement: string): string {
  const closed = closedPart(text)
  return closed.replace(VARIABLE, replacement) + text.slice(closed.length)
}

/** Behind the last brace none is closed. */
function closedPart(text: string): string {
  return text.slice(0, text.lastIndexOf('}') + 1)
}

/** From a variable's first character to the brace that ends it, -1 where none does; a brace inside a quoted default does not. */
export function closingBraces(text: string): (from: number) => number {
  if (!text.includes('${')) return () => -1
  // From behind: where the next brace that counts is, read outside and inside of quotes.
  const ends = new Int32Array(text.length + 1).fill(-1)
  let [outside, inside] = [-1, -1]
  for (let i = text.length - 1; i >= 0; i--) {
    if (text[i] === "'") [outside, inside] = [inside, outside]
    else if (text[i] === '}') outside = i
    ends[i] = outside
  }
  return (from) => ends[from] ?? -1
}
