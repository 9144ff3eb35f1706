/** A place in a policy's text; lines and columns count from 1, columns in UTF-16 units. */
export interface TextPosition {
  readonly Line: number
  readonly Column: number
}

/** From the statement's opening brace to just behind its closing one. */
export interface StatementPosition {
  readonly start: TextPosition
  readonly end: TextPosition
}

/**
 * Where each statement of a policy stands in its text, in the order of the statements. AWS's recorded answers put the end where
 * this does; their start is behind the bracket or comma before the statement, which in JSON without blanks is the same place.
 *
 * @param text A document that parsePolicy has read: its JSON is sound, and no name is there twice.
 */
export function statementPositions(text: string): readonly StatementPosition[] {
  const at = valueOfStatement(text)
  if (at === undefined) return []
  const spans = text[at] === '[' ? elementsOf(text, at) : [[at, endOfValue(text, at)] as const]
  const lineStarts = startsOfLines(text)
  return spans.map(([from, to]) => ({ start: placeOf(lineStarts, from), end: placeOf(lineStarts, to) }))
}

type Span = readonly [from: number, to: number]

/** Where the value of the document's `Statement` begins. */
function valueOfStatement(text: string): number | undefined {
  let at = skipBlanks(text, skipBlanks(text, 0) + 1)
  while (text[at] === '"') {
    const nameEnd = endOfValue(text, at)
    // A name may be written with escapes.
    const name: unknown = JSON.parse(text.slice(at, nameEnd))
    const value = skipBlanks(text, skipBlanks(text, nameEnd) + 1)
    if (name === 'Statement') return value
    at = skipBlanks(text, endOfValue(text, value))
    if (text[at] === ',') at = skipBlanks(text, at + 1)
  }
  return undefined
}

function elementsOf(text: string, array: number): readonly Span[] {
  const spans: Span[] = []
  let at = skipBlanks(text, array + 1)
  while (at < text.length && text[at] !== ']') {
    const end = endOfValue(text, at)
    spans.push([at, end])
    at = skipBlanks(text, end)
    if (text[at] === ',') at = skipBlanks(text, at + 1)
  }
  return spans
}

/** Just behind the value that begins at `at`. Brackets inside strings do not count. */
function endOfValue(text: string, at: number): number {
  let depth = 0
  for (let i = at; i < text.length; i++) {
    const char = text[i]
    if (char === '"') {
      i = closingQuote(text, i)
      if (depth === 0) return i + 1
    } else if (char === '{' || char === '[') depth++
    else if (char === '}' || char === ']') {
      if (depth === 0) return i
      depth--
      if (depth === 0) return i + 1
    } else if (char === ',' && depth === 0) return i
  }
  return text.length
}

function closingQuote(text: string, open: number): number {
  let at = open + 1
  while (at < text.length && text[at] !== '"') at += text[at] === '\\' ? 2 : 1
  return at
}

function skipBlanks(text: string, from: number): number {
  let at = from
  while (at < text.length && ' \n\r\t'.includes(text[at] as string)) at++
  return at
}

function startsOfLines(text: string): readonly number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}

function placeOf(lineStarts: readonly number[], at: number): TextPosition {
  let line = lineStarts.length
  while (line > 1 && (lineStarts[line - 1] as number) > at) line--
  return { Line: line, Column: at - (lineStarts[line - 1] as number) + 1 }
}
