/** What the API's models allow as a value, in words: their regular expressions are for machines. */

interface Part {
  readonly characters: string
  readonly min: number
  readonly max: number
}

const PART = /\[((?:\\.|[^\]])+)\](?:\{(\d+)(?:,(\d+))?\}|([+*]))?/gy
const CHARACTERS: Readonly<Record<string, string>> = {
  'a-zA-Z': 'letters',
  'A-Za-z': 'letters',
  'a-z': 'lower-case letters',
  'A-Z': 'capital letters',
  '0-9': 'digits',
  '\\d': 'digits',
  '\\w': 'letters, digits, underscores',
  '\\p{L}': 'letters',
  '\\p{N}': 'digits',
  '\\p{Z}': 'blanks',
  _: 'underscores',
  '-': 'hyphens',
  '.': 'dots',
}
const TOKEN = /a-zA-Z|A-Za-z|a-z|A-Z|0-9|\\[pP]\{\w+\}|\\u[0-9A-Fa-f]{4}|\\.|./gu

/**
 * Such as `2 to 50 letters, digits, hyphens and underscores` for `[a-zA-Z0-9\-\_]{2,50}`; undefined for a pattern that is more than one set
 * of characters after another.
 */
export function allowedText(pattern: string): string | undefined {
  const inner = pattern.replace(/^\^/, '').replace(/\$$/, '')
  const parts: Part[] = []
  PART.lastIndex = 0
  let read = 0
  for (let found = PART.exec(inner); found !== null; found = PART.exec(inner)) {
    const [whole, set = '', min, max, sign] = found
    const characters = charactersOf(set)
    if (characters === undefined) return undefined
    const least = min === undefined ? (sign === '*' ? 0 : 1) : Number(min)
    const isOpen = sign !== undefined
    parts.push({ characters, min: least, max: isOpen ? Infinity : Number(max ?? min ?? 1) })
    read += whole.length
  }
  if (read !== inner.length || read === 0) return undefined
  const [first, second, ...more] = parts
  if (first === undefined || more.length > 0) return undefined
  if (second === undefined) return numbered(first)
  if (first.max !== 1) return undefined
  const all = numbered({ ...second, min: second.min + 1, max: second.max + 1 })
  const begin = first.characters.replaceAll(/(letter|digit)s/g, '$1').replace(' and ', ' or ')
  return `${all}, beginning with a ${begin}`
}

function numbered({ characters, min, max }: Part): string {
  if (max === Infinity) return characters
  return min === max ? `${min} ${characters}` : `${min} to ${max} ${characters}`
}

/** What a set of characters holds; undefined where it is more than can be said shortly, such as all that can be printed. */
function charactersOf(set: string): string | undefined {
  if (set.startsWith('^')) return undefined
  const names = new Set<string>()
  let signs = ''
  for (const [token] of set.matchAll(TOKEN)) {
    if (/^\\u|^\\P/.test(token)) return undefined
    const sign = token.replace(/^\\(?=[^\w])|^\\(?=_)/, '')
    const known = CHARACTERS[token] ?? CHARACTERS[sign]
    if (known !== undefined) for (const name of known.split(', ')) names.add(name)
    else if (sign.length > 1) return undefined
    else signs += sign
  }
  // A range that is none of the usual ones, such as from a blank to a tilde.
  if (/[^\w\\][-][^\w\\\]]/.test(set)) return undefined
  return listed([...names, ...(signs === '' ? [] : [`any of ${signs}`])])
}

function listed(texts: readonly string[]): string {
  return texts.length < 2 ? texts.join('') : `${texts.slice(0, -1).join(', ')} and ${texts.at(-1) ?? ''}`
}

const FINDING =
  /Value (null|'[\s\S]*?') at '([^']+)' failed to satisfy constraint: Member must ([\s\S]*?)(?=; Value (?:null|')|$)/g
const MAX_QUOTED = 60

/** A refusal of what was typed, in words that name the field; other messages as they stand. */
export function inWords(message: string): string {
  if (!/^\d+ validation errors? detected: /.test(message)) return message
  const found = [...message.matchAll(FINDING)].map(([, value = '', path = '', must = '']) => {
    // What was left empty is told as what is missing.
    if (value === "''" && must.startsWith('have length greater')) return `${fieldOf(path)} is missing.`
    const text = value === 'null' ? '' : ` “${cut(value.slice(1, -1))}”`
    return `${fieldOf(path)}${text} ${constraintText(must, /^'[[{]/.test(value))}.`
  })
  return found.length === 0 ? message : found.join(' ')
}

function constraintText(must: string, isMany: boolean): string {
  const [, bound, number] =
    /^have (length greater|length less|value greater|value less) than or equal to (-?\d+)$/.exec(must) ?? []
  const units = isMany ? 'entries' : 'characters'
  if (bound === 'length greater') return `must have at least ${number} ${units}`
  if (bound === 'length less') return `must have at most ${number} ${units}`
  if (bound !== undefined) return `must be ${bound === 'value greater' ? 'at least' : 'at most'} ${number}`
  if (must === 'not be null') return 'is missing'
  const [, values] = /^satisfy enum value set: \[(.*)\]$/s.exec(must) ?? []
  if (values !== undefined) return `must be one of ${values}`
  const [, pattern] = /^satisfy regular expression pattern: (.*)$/s.exec(must) ?? []
  if (pattern === undefined) return `must ${must}`
  const allowed = allowedText(pattern)
  return allowed === undefined ? 'is not written as it must be' : `is not allowed: use ${allowed}`
}

/** `rules.1.member.ruleName` is a rule name. */
function fieldOf(path: string): string {
  const last = path.split('.').findLast((part) => !/^(?:\d+|member|key|value)$/.test(part)) ?? path
  const words = last.replaceAll(
    /([a-z])([A-Z])/g,
    (_, before: string, next: string) => `${before} ${next.toLowerCase()}`,
  )
  return words.charAt(0).toUpperCase() + words.slice(1)
}

const cut = (text: string): string => (text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}…` : text)
