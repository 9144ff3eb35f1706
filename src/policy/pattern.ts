import type { ConditionContext } from './context.ts'
import { closingBraces } from './variables.ts'

/**
 * Patterns of the policy language: `*`, `?`, and `${…}` variables, matched without RegExp (a dot is a dot) and without
 * backtracking blow-up: the worst case is the pattern's length times the value's.
 *
 * What a variable brings in is always literal: a user named `*` gets `home/*` only as three odd characters.
 * Characters are UTF-16 units, so a `?` is half of an emoji.
 */

/** Whether a value matches; the context is there for patterns with variables. */
export type Matcher = (value: string, context: ConditionContext) => boolean

export type PatternOptions = {
  /** False under Version 2008-10-17, and for operators that know no variables: `${…}` is literal text. */
  readonly variables: boolean
  /**
   * What a pattern answers whose variable cannot be resolved. False for positive elements (it cannot match). For
   * negated elements of an Allow true, so that "everything but ${missing}" grants nothing.
   */
  readonly whenUnresolved: boolean
}

/** `*`: any run of characters. */
const ANY_RUN = -1
/** `?`: one character. */
const ANY_ONE = -2
/** `*` inside one of the first five segments of a resource ARN, not at the segment's end: stays within the segment. */
const SEGMENT_RUN = -3
/** `?` inside one of the first five segments of a resource ARN. */
const SEGMENT_ONE = -4
const COLON = 58
const ARN_COLONS = 5

type Variable = { readonly key: string; readonly fallback: string | undefined }
/** Literal text, a wildcard, or a variable. */
type Part = string | number | Variable

/** The pattern that only this text matches. */
export function literalPattern(text: string): string {
  return text.replace(/[*?$]/g, (character) => `\${${character}}`)
}

/** Exactly this text, variables apart. */
export function equalPattern(text: string, options: PatternOptions): Matcher {
  const parts = partsOf(text, options.variables, false)
  if (isConstant(parts)) {
    const literal = parts.join('')
    return (value) => value === literal
  }
  return (value, context) => {
    const known = resolved(parts, context)
    if (known === undefined) return options.whenUnresolved
    return isWithin(known, value.length) && value === known.join('')
  }
}

/** This text without regard to case, variables apart. */
export function equalIgnoreCasePattern(text: string, options: PatternOptions): Matcher {
  const parts = partsOf(text, options.variables, false)
  if (isConstant(parts)) {
    const literal = parts.join('').toLowerCase()
    return (value) => value.toLowerCase() === literal
  }
  return (value, context) => {
    const known = resolved(parts, context)
    if (known === undefined) return options.whenUnresolved
    // In lower case a text may be three times as long.
    return isWithin(known, 3 * value.length) && value.toLowerCase() === known.join('').toLowerCase()
  }
}

/** A glob over the whole value, wildcards crossing everything: StringLike, and action names. */
export function likePattern(text: string, options: PatternOptions): Matcher {
  const parts = partsOf(text, options.variables, true)
  if (isConstant(parts)) return compileParts(parts)
  return (value, context) => {
    const known = resolved(parts, context)
    if (known === undefined) return options.whenUnresolved
    return isWithin(known, value.length) && matchCodes(codesOf(known), value)
  }
}

/**
 * A glob over a resource ARN. In the first five segments a wildcard stays within its segment, unless it is a `*` that
 * ends the segment; in the resource part it crosses everything. Variables count only in the resource part.
 */
export function resourcePattern(text: string, options: PatternOptions): Matcher {
  const parts = bindToSegments(partsOf(text, options.variables, true))
  if (parts === undefined) return () => options.whenUnresolved
  if (isConstant(parts)) return compileParts(parts)
  return (value, context) => {
    const known = resolved(parts, context)
    if (known === undefined) return options.whenUnresolved
    return isWithin(known, value.length) && matchCodes(codesOf(known), value)
  }
}

/** The same pattern asked another way: whether it matches anything at all that begins with the value. */
export function resourceReach(text: string, options: PatternOptions): Matcher {
  const parts = bindToSegments(partsOf(text, options.variables, true))
  if (parts === undefined) return () => options.whenUnresolved
  return (value, context) => {
    const known = resolved(parts, context)
    if (known === undefined) return options.whenUnresolved
    return statesAfter(codesOf(upTo(known, value.length)), value).includes(1)
  }
}

/** ArnLike and ArnEquals: six segments, each a glob of its own; the sixth may hold colons. `*` alone is any value. */
export function arnPattern(text: string, options: PatternOptions): Matcher {
  const parts = partsOf(text, options.variables, true)
  if (parts.length === 1 && parts[0] === ANY_RUN) return () => true
  if (isConstant(parts)) {
    const segments = splitCodes(codesOf(parts))?.map(compileCodes)
    if (segments === undefined) return () => false
    return (value, context) => matchSegments(segments, value, context)
  }
  return (value, context) => {
    const known = resolved(parts, context)
    if (known === undefined) return options.whenUnresolved
    if (!isWithin(known, value.length)) return false
    const segments = splitCodes(codesOf(known))
    return segments !== undefined && matchSegments(segments.map(compileCodes), value, context)
  }
}

function matchSegments(segments: readonly Matcher[], value: string, context: ConditionContext): boolean {
  let from = 0
  for (let i = 0; i < ARN_COLONS; i++) {
    const colon = value.indexOf(':', from)
    if (colon < 0 || !segments[i]!(value.slice(from, colon), context)) return false
    from = colon + 1
  }
  return segments[ARN_COLONS]!(value.slice(from), context)
}

/** Takes a pattern apart. `${*}`, `${?}` and `${$}` are those characters; an unclosed `${` is text. */
function partsOf(text: string, variables: boolean, wildcards: boolean): readonly Part[] {
  const parts: Part[] = []
  let literal = ''
  const flush = (): void => {
    if (literal !== '') parts.push(literal)
    literal = ''
  }
  const closingBrace = closingBraces(text)
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!
    const end = variables && char === '$' && text[i + 1] === '{' ? closingBrace(i + 2) : -1
    if (end >= 0) {
      const inner = text.slice(i + 2, end)
      i = end
      if (inner === '*' || inner === '?' || inner === '$') literal += inner
      else {
        flush()
        parts.push(variableOf(inner))
      }
    } else if (wildcards && (char === '*' || char === '?')) {
      flush()
      const wildcard = char === '*' ? ANY_RUN : ANY_ONE
      if (wildcard !== ANY_RUN || parts.at(-1) !== ANY_RUN) parts.push(wildcard)
    } else literal += char
  }
  flush()
  return parts
}

/** `key` or `key, 'default'`. A default that is not quoted is none, and the key with it is one nobody has. */
function variableOf(inner: string): Variable {
  const comma = inner.indexOf(',')
  if (comma < 0) return { key: inner.trim().toLowerCase(), fallback: undefined }
  const quoted = inner.slice(comma + 1).trim()
  if (quoted.length < 2 || !quoted.startsWith("'") || !quoted.endsWith("'")) {
    return { key: inner.toLowerCase(), fallback: undefined }
  }
  return { key: inner.slice(0, comma).trim().toLowerCase(), fallback: quoted.slice(1, -1) }
}

function isConstant(parts: readonly Part[]): parts is readonly (string | number)[] {
  return parts.every((part) => typeof part !== 'object')
}

/** A multivalued key cannot be a variable. */
function resolve(variable: Variable, context: ConditionContext): string | undefined {
  const value = context.get(variable.key)
  return typeof value === 'string' ? value : value === undefined ? variable.fallback : undefined
}

/** The pattern with its variables resolved; undefined where one cannot be. */
function resolved(
  parts: readonly Part[],
  context: ConditionContext,
): readonly (string | number)[] | undefined {
  const known: (string | number)[] = []
  for (const part of parts) {
    const piece = typeof part === 'object' ? resolve(part, context) : part
    if (piece === undefined) return undefined
    known.push(piece)
  }
  return known
}

/**
 * Whether the literal text of a pattern fits into so many characters. Asked before anything is made of it: a few thousand variables that
 * stand for a long text each would be gigabytes.
 */
function isWithin(known: readonly (string | number)[], length: number): boolean {
  let left = length
  for (const part of known) if (typeof part === 'string' && (left -= part.length) < 0) return false
  return true
}

/** The pattern as far as so many characters can lead into it. */
function upTo(known: readonly (string | number)[], length: number): readonly (string | number)[] {
  const kept: (string | number)[] = []
  let left = length
  for (const part of known) {
    if (typeof part === 'number') kept.push(part)
    else {
      kept.push(part.slice(0, left))
      left -= part.length
      if (left < 0) break
    }
  }
  return kept
}

function codesOf(parts: readonly (string | number)[]): readonly number[] {
  const codes: number[] = []
  for (const part of parts) {
    if (typeof part === 'number') codes.push(part)
    else for (let i = 0; i < part.length; i++) codes.push(part.charCodeAt(i))
  }
  return codes
}

/** Marks the wildcards that may not leave their segment; undefined if a variable stands before the fifth colon. */
function bindToSegments(parts: readonly Part[]): readonly Part[] | undefined {
  let colons = 0
  const bound: Part[] = []
  for (const [i, part] of parts.entries()) {
    if (typeof part === 'string') for (const char of part) if (char === ':') colons++
    if (colons >= ARN_COLONS || typeof part === 'string') bound.push(part)
    else if (typeof part === 'object') return undefined
    else if (part === ANY_ONE) bound.push(SEGMENT_ONE)
    else {
      const next = parts[i + 1]
      const endsSegment = next === undefined || (typeof next === 'string' && next.startsWith(':'))
      bound.push(endsSegment ? ANY_RUN : SEGMENT_RUN)
    }
  }
  return bound
}

function compileParts(parts: readonly (string | number)[]): Matcher {
  if (parts.every((part) => typeof part === 'string')) {
    const literal = parts.join('')
    return (value) => value === literal
  }
  if (parts.some((part) => typeof part === 'number' && part !== ANY_RUN)) return compileCodes(codesOf(parts))
  if (parts.length === 1) return () => true
  const first = typeof parts[0] === 'string' ? parts[0] : ''
  const last = parts.at(-1)
  const tail = typeof last === 'string' ? last : ''
  const inner = parts.slice(1, -1).filter((part) => typeof part === 'string')
  return compileRuns(first, inner, tail)
}

/** Literals with runs between them: the leftmost find of each is enough. */
function compileRuns(head: string, inner: readonly string[], tail: string): Matcher {
  const shortest = head.length + tail.length + inner.reduce((sum, text) => sum + text.length, 0)
  if (inner.length === 0) {
    if (tail === '') return (value) => value.startsWith(head)
    return (value) => value.length >= shortest && value.startsWith(head) && value.endsWith(tail)
  }
  return (value) => {
    if (value.length < shortest || !value.startsWith(head) || !value.endsWith(tail)) return false
    let at = head.length
    const end = value.length - tail.length
    for (const text of inner) {
      const found = value.indexOf(text, at)
      if (found < 0 || found + text.length > end) return false
      at = found + text.length
    }
    return true
  }
}

function compileCodes(codes: readonly number[]): Matcher {
  const shortest = codes.filter((code) => code !== ANY_RUN && code !== SEGMENT_RUN).length
  return (value) => value.length >= shortest && matchCodes(codes, value)
}

/** Splits an ARN pattern at its first five colons; undefined if it has fewer. */
function splitCodes(codes: readonly number[]): readonly (readonly number[])[] | undefined {
  const segments: (readonly number[])[] = []
  let from = 0
  for (let i = 0; i < codes.length && segments.length < ARN_COLONS; i++) {
    if (codes[i] !== COLON) continue
    segments.push(codes.slice(from, i))
    from = i + 1
  }
  if (segments.length < ARN_COLONS) return undefined
  segments.push(codes.slice(from))
  return segments
}

function matchCodes(codes: readonly number[], value: string): boolean {
  return codes.includes(SEGMENT_RUN)
    ? statesAfter(codes, value)[codes.length] === 1
    : matchByPointers(codes, value)
}

function isStep(code: number | undefined, char: number): boolean {
  return code === char || code === ANY_ONE || (code === SEGMENT_ONE && char !== COLON)
}

/** Two pointers; only the last run ever has to be widened. */
function matchByPointers(codes: readonly number[], value: string): boolean {
  let at = 0
  let position = 0
  let run = -1
  let resumeAt = 0
  while (position < value.length) {
    if (codes[at] === ANY_RUN) {
      run = at++
      resumeAt = position
    } else if (at < codes.length && isStep(codes[at], value.charCodeAt(position))) {
      at++
      position++
    } else if (run >= 0) {
      at = run + 1
      position = ++resumeAt
    } else return false
  }
  while (codes[at] === ANY_RUN) at++
  return at === codes.length
}

/**
 * All positions that the pattern may be at after the value, each 1: with runs that stop at colons, widening the last run is not
 * enough. The position behind its end is a match.
 */
function statesAfter(codes: readonly number[], value: string): Uint8Array {
  let states = new Uint8Array(codes.length + 1)
  const reach = (set: Uint8Array, from: number): void => {
    let at = from
    while (set[at] === 0) {
      set[at] = 1
      if (codes[at] !== ANY_RUN && codes[at] !== SEGMENT_RUN) return
      at++
    }
  }
  reach(states, 0)
  for (let i = 0; i < value.length; i++) {
    const char = value.charCodeAt(i)
    const next = new Uint8Array(codes.length + 1)
    for (let at = 0; at < codes.length; at++) {
      if (states[at] === 0) continue
      const code = codes[at]
      if (code === ANY_RUN || (code === SEGMENT_RUN && char !== COLON)) reach(next, at)
      else if (isStep(code, char)) reach(next, at + 1)
    }
    states = next
  }
  return states
}
