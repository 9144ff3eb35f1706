import type { PolicySyntaxError } from './syntax-error.ts'

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
  for (const [name, value] of membersOf(text, skipBlanks(text, 0))) if (name === 'Statement') return value
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

/** What was found is quoted up to so many characters. */
const MAX_DETAIL = 200

/** The place of a document's first character. */
const START: TextPosition = { Line: 1, Column: 1 }

/** The values of a document by the paths that name them. */
export interface ValuePlaces {
  readonly has: (path: string) => boolean
  /** The place of a value; of one that is not there, that of the nearest around it, with the path of that. */
  readonly of: (path: string) => TextPosition & { readonly path: string }
}

/**
 * Where the values of a document begin, by the paths that parsePolicy's errors and a linter's findings use, such as
 * `Statement[0].Condition.StringEquals.aws:username`.
 *
 * @param text A document whose JSON is sound.
 */
export function valuePlaces(text: string): ValuePlaces {
  const found = new Map<string, number>()
  collectValues(text, skipBlanks(text, 0), '', found)
  const lineStarts = startsOfLines(text)
  return {
    has: (path) => found.has(path),
    of: (path) => {
      for (let at = path; ; at = parentOf(at)) {
        const offset = found.get(at)
        if (offset !== undefined) return { path: at, ...placeOf(lineStarts, offset) }
        if (at === '') return { path: at, ...START }
      }
    },
  }
}

function parentOf(path: string): string {
  return path.slice(0, Math.max(0, path.lastIndexOf('.'), path.lastIndexOf('[')))
}

function collectValues(text: string, at: number, path: string, found: Map<string, number>): void {
  found.set(path, at)
  if (text[at] === '[') {
    for (const [index, [from]] of elementsOf(text, at).entries())
      collectValues(text, from, `${path}[${index}]`, found)
  } else if (text[at] === '{') {
    for (const [name, value] of membersOf(text, at)) {
      collectValues(text, value, path === '' ? name : `${path}.${name}`, found)
    }
  }
}

/** Names of an object with where their values begin. A name may be written with escapes. */
function* membersOf(text: string, object: number): Generator<readonly [name: string, value: number]> {
  let at = skipBlanks(text, object + 1)
  while (text[at] === '"') {
    const nameEnd = endOfValue(text, at)
    const value = skipBlanks(text, skipBlanks(text, nameEnd) + 1)
    yield [JSON.parse(text.slice(at, nameEnd)) as string, value]
    at = skipBlanks(text, endOfValue(text, value))
    if (text[at] === ',') at = skipBlanks(text, at + 1)
  }
}

/** Where a document breaks the grammar. */
export function placeOfError(text: string, error: PolicySyntaxError): TextPosition {
  if (error.offset !== undefined) return placeOf(startsOfLines(text), error.offset)
  const { Line, Column } = valuePlaces(text).of(error.path)
  return { Line, Column }
}

/** AWS's sentence with the place behind it: `Syntax errors in policy. (Statement[0].Effect, line 3, column 17: …)`. */
export function sentenceWithPlace(text: string, error: PolicySyntaxError): string {
  const { Line, Column } = placeOfError(text, error)
  const path = error.path === '' ? '' : `${error.path}, `
  return `${error.message} (${path}line ${Line}, column ${Column}: ${error.detail.slice(0, MAX_DETAIL)})`
}
