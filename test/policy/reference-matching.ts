/** The second evaluator's patterns and conditions: see reference.ts. */
import { ADDRESSES, BLOCKS, DATES, NUMBERS } from './reference-values.ts'

/** Keys in lower case. */
export type RawContext = Readonly<Record<string, string | readonly string[]>>
/** Is told of every rule that was applied, with its outcome: the generator's reach is measured by it. */
export type Note = (rule: string) => void
/** How a condition is read: with variables or without, in a statement that grants or one that denies. */
export type Setting = { readonly variables: boolean; readonly grants: boolean; readonly note: Note }

/** A character of the value, or a wildcard. */
export type Token = string | typeof STAR | typeof ONE
const STAR: unique symbol = Symbol('*')
const ONE: unique symbol = Symbol('?')
/** A brace inside a quoted default does not end a variable. */
const VARIABLE = /\$\{((?:[^}']|'[^']*')*)\}/g

/** A pattern that knows no variables. */
export function globOf(pattern: string): readonly Token[] {
  return pattern.split('').map((char) => (char === '*' ? STAR : char === '?' ? ONE : char))
}

/** A pattern with its variables filled in; undefined if one of them has no value. Without variables `${` is text. */
function fillIn(
  pattern: string,
  context: RawContext,
  variables: boolean,
  note: Note,
): readonly Token[] | undefined {
  const tokens: Token[] = []
  if (!variables && pattern.includes('${')) note('variable as text')
  const pieces = variables ? new RegExp(`${VARIABLE.source}|[^]`, 'g') : /[^]/g
  for (const [piece, inner] of pattern.matchAll(pieces)) {
    if (inner === undefined) tokens.push(piece === '*' ? STAR : piece === '?' ? ONE : piece)
    else if (inner === '*' || inner === '?' || inner === '$') {
      note('variable escape')
      tokens.push(inner)
    } else {
      const value = valueOfVariable(inner, context, note)
      if (value === undefined) return undefined
      tokens.push(...value.split(''))
    }
  }
  return tokens
}

function valueOfVariable(inner: string, context: RawContext, note: Note): string | undefined {
  const [, key, fallback] = /^\s*([^,]*?)\s*(?:,\s*'(.*)'\s*)?$/s.exec(inner) ?? []
  const found = key === undefined ? undefined : context[key.toLowerCase()]
  if (typeof found === 'string') {
    note('variable resolved')
    return found
  }
  if (found !== undefined) {
    note('variable multivalued')
    return undefined
  }
  note(fallback === undefined ? 'variable missing' : 'variable default')
  return fallback
}

const answers = new Map<string, boolean | undefined>()

/** Remembers the answers in which a request's context has no part: those to patterns without a variable. */
export function once(
  question: string,
  pattern: string,
  value: string,
  answer: () => boolean | undefined,
): boolean | undefined {
  if (pattern.includes('${')) return answer()
  const key = `${question} ${pattern} ${value}`
  if (!answers.has(key)) answers.set(key, answer())
  return answers.get(key)
}

/** `inSegment` wildcards stay between two colons. */
function matches(tokens: readonly Token[], value: string, inSegment: (i: number) => boolean): boolean {
  const source = tokens.map((token, i) => {
    const any = inSegment(i) ? '[^:]' : '[^]'
    return token === STAR ? `${any}*` : token === ONE ? any : RegExp.escape(token as string)
  })
  return new RegExp(`^(?:${source.join('')})$`).test(value)
}

export function isLike(tokens: readonly Token[], value: string): boolean {
  return matches(tokens, value, () => false)
}

/** The first five segments of an ARN hold their wildcards, but for a `*` that ends one; the sixth holds nothing. */
export function isResource(
  pattern: string,
  value: string,
  context: RawContext,
  variables: boolean,
  note: Note,
): boolean | undefined {
  const masked = variables ? pattern.replaceAll(VARIABLE, (text) => '_'.repeat(text.length)) : pattern
  const length = /^(?:[^:]*:){5}/.exec(masked)?.[0].length ?? pattern.length
  const head = pattern.slice(0, length)
  if (variables && [...head.matchAll(VARIABLE)].some(([, inner]) => !/^[*?$]$/.test(inner!))) {
    note('variable before the resource part')
    return undefined
  }
  const start = fillIn(head, {}, variables, note)
  const end = fillIn(pattern.slice(length), context, variables, note)
  if (start === undefined || end === undefined) return undefined
  const tokens = [...start, ...end]
  return matches(tokens, value, (i) => {
    if (i >= start.length) return false
    const next = tokens.slice(i).find((token) => token !== STAR)
    return tokens[i] === ONE || (next !== ':' && next !== undefined)
  })
}

/** Six segments, each a glob of its own; `*` alone is not cut. */
export function isArnLike(tokens: readonly Token[], value: string): boolean {
  const wanted = splitAtFiveColons(tokens)
  const found = splitAtFiveColons(value.split(''))
  if (wanted === undefined || found === undefined) return false
  return wanted.every((segment, i) => isLike(segment, found[i]!.join('')))
}

function splitAtFiveColons<T>(tokens: readonly T[]): readonly (readonly T[])[] | undefined {
  const segments: T[][] = [[]]
  for (const token of tokens) {
    if (token === ':' && segments.length < 6) segments.push([])
    else segments.at(-1)!.push(token)
  }
  return segments.length === 6 ? segments : undefined
}

// --- Conditions ---

/** Whether one value of the request matches one written value; undefined if a variable has no value. */
function compare(
  base: string,
  written: string,
  value: string,
  context: RawContext,
  variables: boolean,
  note: Note,
): boolean | undefined {
  const kind = base.replace('Not', '')
  switch (kind) {
    case 'StringEquals':
    case 'StringEqualsIgnoreCase': {
      const tokens = fillIn(written, context, variables, note)
      if (tokens === undefined) return undefined
      const text = tokens.map((token) => (token === STAR ? '*' : token === ONE ? '?' : token)).join('')
      return kind === 'StringEquals' ? text === value : text.toLowerCase() === value.toLowerCase()
    }
    case 'StringLike': {
      const tokens = fillIn(written, context, variables, note)
      return tokens && isLike(tokens, value)
    }
    case 'ArnEquals':
    case 'ArnLike': {
      const tokens = fillIn(written, context, variables, note)
      return tokens && (/^\*+$/.test(written) || isArnLike(tokens, value))
    }
    case 'Bool':
      return written.toLowerCase() === value.toLowerCase()
    case 'BinaryEquals':
      return written === value
    case 'IpAddress': {
      const block = BLOCKS[written]
      const address = ADDRESSES[value]
      return block !== undefined && address !== undefined && address.startsWith(block)
    }
  }
  const table = kind.startsWith('Numeric') ? NUMBERS : DATES
  const [left, right] = [table[value], table[written]]
  if (left === undefined || right === undefined) return false
  const order = kind.replace(/^(?:Numeric|Date)/, '')
  if (order === 'Equals') return left === right
  const isStrict = !order.endsWith('Equals')
  if (left === right) return !isStrict
  return order.startsWith('LessThan') ? left < right : left > right
}

export function isConditionMet(
  name: string,
  key: string,
  values: readonly string[],
  context: RawContext,
  setting: Setting,
): boolean {
  const found = context[key.toLowerCase()]
  if (name === 'Null') {
    const isAbsent = found === undefined || (typeof found !== 'string' && found.length === 0)
    return values.some((value) => value.toLowerCase() === String(isAbsent))
  }
  const [, set, base, ifExists] = /^(?:(\w+):)?(\w+?)(IfExists)?$/.exec(name)!
  const isNegated = base!.includes('Not')
  const one = (value: string): boolean => {
    const some = values.some(
      (written) =>
        once(base!, written, value, () =>
          compare(base!, written, value, context, setting.variables, setting.note),
        ) ??
        // What cannot be known counts against the statement where it would grant.
        (isNegated && setting.grants),
    )
    return some !== isNegated
  }
  const list = found === undefined || found === '' ? [] : typeof found === 'string' ? [found] : found
  if (set === 'ForAllValues') return list.every(one)
  if (set === 'ForAnyValue') return list.some(one)
  if (found === undefined) return isNegated || ifExists !== undefined
  return typeof found === 'string' && one(found)
}
