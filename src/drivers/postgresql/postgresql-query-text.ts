import { QueryRefusedError } from '../driver.ts'

/**
 * Reads the text of one query as PostgreSQL would (with standard_conforming_strings on), so far as to tell where it ends and what it
 * names. It is not what keeps a query from writing: that is the transaction, and the account. It keeps a query from calling functions
 * by name that reach beyond both.
 */

/** To PostgreSQL every other space is a letter. */
const SPACE = /[ \t\n\r\f\v]+/y
const LINE_COMMENT = /--[^\n\r]*/y
// oxlint-disable-next-line no-control-regex -- PostgreSQL takes every byte above ASCII for a letter
const WORD = /[A-Za-z_\u0080-\uffff][A-Za-z0-9_$\u0080-\uffff]*/y
const NUMBER = /0[xX][\dA-Fa-f_]+|\d[\d_]*(?:\.[\d_]*)?(?:[eE][+-]?\d+)?/y
// oxlint-disable-next-line no-control-regex
const IN_NAME = /[A-Za-z_$\u0080-\uffff]/
const STRING = /'(?:[^']|'')*'/y
const ESCAPE_STRING = /'(?:[^'\\]|''|\\[\s\S])*'/y
const QUOTED_NAME = /"((?:[^"]|"")+)"/y
// oxlint-disable-next-line no-control-regex
const DOLLAR_QUOTE = /\$((?:[A-Za-z_\u0080-\uffff][A-Za-z0-9_\u0080-\uffff]*)?)\$/y

/**
 * Every word of a query outside of its strings and comments, as the server folds it: all functions and relations that it names are
 * among them.
 * @throws {QueryRefusedError} Where it is more than one statement, does not end where it seems to, or has what versions of
 *   PostgreSQL read in different ways.
 */
export function namesIn(query: string): readonly string[] {
  const names = new Set<string>()
  let at = 0
  let depth = 0
  const take = (pattern: RegExp): RegExpExecArray | undefined => {
    pattern.lastIndex = at
    const found = pattern.exec(query) ?? undefined
    if (found !== undefined) at = pattern.lastIndex
    return found
  }
  const endOfString = (pattern: RegExp): void => {
    must(take(pattern), 'a string')
    while (take(SPACE) ?? take(LINE_COMMENT));
    // On another line it would go on the first, by whose rules it then is read.
    if (query[at] === "'")
      throw new QueryRefusedError('It has strings behind one another: write them as one, or put || between')
  }
  while (at < query.length) {
    if (take(SPACE) ?? take(LINE_COMMENT)) continue
    if (take(NUMBER) !== undefined) {
      // Before version 15 a name of its own began there.
      if (IN_NAME.test(query[at] ?? ''))
        throw new QueryRefusedError('It has a number that runs into a name: put a space between')
      continue
    }
    if (query.startsWith('/*', at)) {
      at = endOfComment(query, at)
      continue
    }
    const word = take(WORD)?.[0]
    if (word !== undefined) {
      const next = query[at]
      if (/^u$/i.test(word) && next === '&' && /["']/.test(query[at + 1] ?? ''))
        throw new QueryRefusedError(
          'Names and strings in Unicode escapes (U&"…") are not taken: write the characters',
        )
      if (/^e$/i.test(word) && next === "'") endOfString(ESCAPE_STRING)
      else names.add(folded(word))
      continue
    }
    if (query[at] === "'") endOfString(STRING)
    else if (query[at] === '"')
      names.add(must(take(QUOTED_NAME), 'a quoted name')[1]?.replaceAll('""', '"') ?? '')
    else if (query[at] === '$') at = endOfDollars(query, at, take(DOLLAR_QUOTE))
    else {
      const sign = query[at++]
      if (sign === ';')
        throw new QueryRefusedError('It is more than one statement: one query is taken, without a semicolon')
      if (sign === '(') depth++
      if (sign === ')' && --depth < 0)
        throw new QueryRefusedError('It closes a parenthesis that it did not open')
    }
  }
  if (depth > 0) throw new QueryRefusedError('It does not close a parenthesis')
  return [...names]
}

/** PostgreSQL folds ASCII letters of names without quotes. */
const folded = (word: string): string => word.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase())

function must(found: RegExpExecArray | undefined, what: string): RegExpExecArray {
  if (found === undefined) throw new QueryRefusedError(`It does not close ${what}`)
  return found
}

/** Comments lie in one another. */
function endOfComment(query: string, from: number): number {
  let open = 0
  for (let at = from; at < query.length; at++) {
    if (query.startsWith('/*', at)) {
      open++
      at++
    } else if (query.startsWith('*/', at)) {
      at++
      if (--open === 0) return at + 1
    }
  }
  throw new QueryRefusedError('It does not close a comment')
}

function endOfDollars(query: string, from: number, opened: RegExpExecArray | undefined): number {
  if (opened === undefined) return from + 1
  const end = query.indexOf(opened[0], from + opened[0].length)
  if (end < 0) throw new QueryRefusedError('It does not close a string in dollar quotes')
  return end + opened[0].length
}
