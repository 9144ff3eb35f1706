import { PolicySyntaxError } from './syntax-error.ts'

/** A JSON value whose objects are maps, so that no key can collide with an object's own prototype. */
export type JsonValue = string | number | boolean | null | readonly JsonValue[] | JsonObject
export type JsonObject = ReadonlyMap<string, JsonValue>

/** Statement > Condition > operator > key > values is six deep; nothing in the grammar is deeper. */
const MAX_DEPTH = 12
/** The longest document the IAM API takes at all (policyDocumentType in its model), in UTF-16 units. */
export const MAX_DOCUMENT_LENGTH = 131_072

const INVALID = 'Syntax errors in policy.'
const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y

/**
 * Reads JSON strictly and refuses a repeated key, which JSON.parse would settle silently in favour of the last:
 * two readers of one policy must never see two policies.
 * @throws PolicySyntaxError with the path of the offending value
 */
export function readJson(text: string): JsonValue {
  if (text.length > MAX_DOCUMENT_LENGTH) {
    throw new PolicySyntaxError(
      INVALID,
      '',
      `the document has ${text.length} characters, at most ${MAX_DOCUMENT_LENGTH} are read`,
      MAX_DOCUMENT_LENGTH,
    )
  }
  const reader: Reader = { text, at: 0 }
  const value = readValue(reader, '', 0)
  skipBlanks(reader)
  if (reader.at < text.length) fail(reader, '', 'text after the end of the document')
  return value
}

/** True for an object, as against an array or null. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return value instanceof Map
}

type Reader = { readonly text: string; at: number }

function fail(reader: Reader, path: string, found: string): never {
  throw new PolicySyntaxError(INVALID, path, `${found} at character ${reader.at}`, reader.at)
}

function skipBlanks(reader: Reader): void {
  for (;;) {
    const code = reader.text.charCodeAt(reader.at)
    if (code !== 32 && code !== 10 && code !== 13 && code !== 9) return
    reader.at++
  }
}

function readValue(reader: Reader, path: string, depth: number): JsonValue {
  if (depth > MAX_DEPTH) fail(reader, path, `nesting deeper than ${MAX_DEPTH}`)
  skipBlanks(reader)
  switch (reader.text.charAt(reader.at)) {
    case '{':
      return readObject(reader, path, depth)
    case '[':
      return readArray(reader, path, depth)
    case '"':
      return readString(reader, path)
    case 't':
      return readWord(reader, path, 'true', true)
    case 'f':
      return readWord(reader, path, 'false', false)
    case 'n':
      return readWord(reader, path, 'null', null)
    default:
      return readNumber(reader, path)
  }
}

function readObject(reader: Reader, path: string, depth: number): JsonObject {
  const object = new Map<string, JsonValue>()
  reader.at++
  skipBlanks(reader)
  if (reader.text[reader.at] === '}') {
    reader.at++
    return object
  }
  for (;;) {
    skipBlanks(reader)
    if (reader.text[reader.at] !== '"') fail(reader, path, 'no quoted name where one must stand')
    const name = readString(reader, path)
    const inner = path === '' ? name : `${path}.${name}`
    if (object.has(name)) fail(reader, inner, `the name "${name}" a second time`)
    skipBlanks(reader)
    if (reader.text[reader.at] !== ':') fail(reader, inner, 'no colon')
    reader.at++
    object.set(name, readValue(reader, inner, depth + 1))
    skipBlanks(reader)
    const next = reader.text[reader.at++]
    if (next === '}') return object
    if (next !== ',') fail(reader, inner, 'neither comma nor closing brace')
  }
}

function readArray(reader: Reader, path: string, depth: number): readonly JsonValue[] {
  const array: JsonValue[] = []
  reader.at++
  skipBlanks(reader)
  if (reader.text[reader.at] === ']') {
    reader.at++
    return array
  }
  for (;;) {
    const inner = `${path}[${array.length}]`
    array.push(readValue(reader, inner, depth + 1))
    skipBlanks(reader)
    const next = reader.text[reader.at++]
    if (next === ']') return array
    if (next !== ',') fail(reader, inner, 'neither comma nor closing bracket')
  }
}

function readString(reader: Reader, path: string): string {
  const { text, at: start } = reader
  let at = start + 1
  let isPlain = true
  for (; ; at++) {
    const code = text.charCodeAt(at)
    if (code === 34) break
    if (Number.isNaN(code) || code < 32)
      fail(reader, path, 'a string without end, or with a control character')
    if (code === 92) {
      isPlain = false
      at++
    }
  }
  if (isPlain) {
    reader.at = at + 1
    return text.slice(start + 1, at)
  }
  try {
    const value = JSON.parse(text.slice(start, at + 1)) as string
    reader.at = at + 1
    return value
  } catch {
    return fail(reader, path, 'a wrong escape in a string')
  }
}

function readWord<T>(reader: Reader, path: string, word: string, value: T): T {
  if (!reader.text.startsWith(word, reader.at)) fail(reader, path, 'an unknown word')
  reader.at += word.length
  return value
}

function readNumber(reader: Reader, path: string): number {
  NUMBER.lastIndex = reader.at
  const found = NUMBER.exec(reader.text)
  if (found === null) fail(reader, path, 'no value')
  reader.at += found[0].length
  return Number(found[0])
}
