import { isUtf8 } from 'node:buffer'
import { malformed } from './faults.ts'
import type { ServiceModel, Shape, ShapeRef } from './model.ts'
import { shapeOf } from './model.ts'
import { formOf } from './route.ts'
import { validate } from './validate.ts'
import { decode, headerOf, splitTarget } from './wire.ts'
import type { Routed, WireRequest } from './wire.ts'

/** Structures deeper than this are refused: no model comes near it. */
const MAX_DEPTH = 40
const MAX_QUOTED_KEY = 100

const NUMBER = /^[+-]?\d{1,40}(?:\.\d{1,40})?(?:[eE][+-]?\d{1,4})?$/
const ISO_TIME = /^\d{4}-\d\d-\d\d(?:T\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(?:Z|[+-]\d\d:\d\d))?$/
/** Times have four digits for the year. */
const FIRST_TIME_MS = Date.parse('0001-01-01T00:00:00Z')
const LAST_TIME_MS = Date.parse('9999-12-31T23:59:59.999Z')

type Fields = Record<string, unknown>

/**
 * The input of an operation, typed and checked against the model. Members the model does not know are ignored, as AWS does.
 *
 * @throws {AwsError} SerializationException for a wrong form, the service's validation error for a broken constraint.
 */
export function parseInput(routed: Routed, request: WireRequest): unknown {
  const { model, operation } = routed
  if (operation.input === undefined) return {}
  const shape = shapeOf(model, operation.input)
  if (!isUtf8(request.body)) throw malformed(model, 'The request body is not UTF-8')
  const input =
    model.metadata.protocol === 'query'
      ? readForm(model, shape, formOf(request))
      : readJsonRequest(routed, shape, request)
  validate(routed, input)
  return input
}

function readJsonRequest(routed: Routed, shape: Shape, request: WireRequest): Fields {
  const { model } = routed
  const body = bodyOf(model, request)
  const input = readStructure(model, shape, body, '', 0)
  if (model.metadata.protocol !== 'rest-json') return input
  const query = splitTarget(request.rawTarget).query
  for (const [name, ref] of Object.entries(shape.members ?? {})) {
    const given = locate(routed, ref, name, query, request)
    if (given !== undefined) input[name] = given
    else if (ref.location !== undefined) delete input[name]
  }
  return input
}

function bodyOf(model: ServiceModel, request: WireRequest): unknown {
  if (request.body.length === 0) return {}
  try {
    return JSON.parse(request.body.toString('utf8'))
  } catch {
    throw malformed(model, 'The request body is not valid JSON')
  }
}

/** The value of a member that travels outside the body; undefined for one of the body, or one that is absent. */
function locate(routed: Routed, ref: ShapeRef, name: string, query: string, request: WireRequest): unknown {
  const wireName = ref.locationName ?? name
  const { model } = routed
  switch (ref.location) {
    case 'uri': {
      const value = routed.labels[wireName]
      return value === undefined ? undefined : readText(model, ref, value, name)
    }
    case 'header': {
      const value = headerOf(request, wireName.toLowerCase())
      return value === undefined ? undefined : readText(model, ref, value, name)
    }
    case 'querystring': {
      const values = queryValues(model, query, wireName)
      if (values.length === 0) return undefined
      const shape = shapeOf(model, ref)
      if (shape.type === 'list')
        return values.map((value) => readText(model, shape.member as ShapeRef, value, name))
      // A signature does not fix the order of equal names, so the first of several could be either.
      if (values.length > 1)
        throw malformed(model, `The query parameter "${wireName}" is given more than once`)
      return readText(model, ref, values[0] as string, name)
    }
    case undefined:
    case 'headers':
    case 'statusCode':
      return undefined
  }
}

function queryValues(model: ServiceModel, query: string, name: string): string[] {
  const values: string[] = []
  for (const pair of query.split('&')) {
    const at = pair.indexOf('=')
    if (decode(at < 0 ? pair : pair.slice(0, at)) !== name) continue
    const value = decode(at < 0 ? '' : pair.slice(at + 1))
    if (value === undefined)
      throw malformed(model, `The query parameter "${name}" is not valid percent-encoding`)
    values.push(value)
  }
  return values
}

/** A scalar that came as text. */
function readText(model: ServiceModel, ref: ShapeRef, text: string, path: string): unknown {
  const shape = shapeOf(model, ref)
  switch (shape.type) {
    case 'boolean':
      if (text === 'true') return true
      if (text === 'false') return false
      throw malformed(model, `"${path}" is not true or false`)
    case 'integer':
    case 'long': {
      const number = /^[+-]?\d{1,19}$/.test(text) ? Number(text) : NaN
      if (!Number.isSafeInteger(number)) throw malformed(model, `"${path}" is not a whole number`)
      return number
    }
    case 'float':
    case 'double': {
      const number = NUMBER.test(text) ? Number(text) : NaN
      if (!Number.isFinite(number)) throw malformed(model, `"${path}" is not a number`)
      return number
    }
    case 'timestamp':
      return readTime(model, NUMBER.test(text) ? Number(text) : text, path)
    case 'blob':
      return Buffer.from(text, 'base64')
    case 'string':
    case 'character':
      checkText(model, text, path)
      return text
    case 'structure':
    case 'list':
    case 'map':
      throw malformed(model, `"${path}" cannot be written in this place`)
  }
}

/** Half a surrogate pair is no text, and PostgreSQL has no place for a NUL: neither gets past here. */
function checkText(model: ServiceModel, text: string, path: string): void {
  if (!text.isWellFormed() || text.includes('\0'))
    throw malformed(model, `"${path}" has a NUL or half a surrogate pair in it`)
}

/** `path` with a key that a client chose, cut: it ends in messages. */
function keyed(path: string, key: string): string {
  return `${path}.${key.length > MAX_QUOTED_KEY ? `${key.slice(0, MAX_QUOTED_KEY)}…` : key}`
}

/** Seconds since 1970, or ISO 8601 with its zone: one without is another time on each machine. */
function readTime(model: ServiceModel, value: unknown, path: string): Date {
  const ms =
    typeof value === 'number'
      ? Math.round(value * 1000)
      : typeof value === 'string' && ISO_TIME.test(value)
        ? Date.parse(value)
        : NaN
  if (!(ms >= FIRST_TIME_MS && ms <= LAST_TIME_MS)) throw malformed(model, `"${path}" is not a timestamp`)
  return new Date(ms)
}

/** Reads a structure from parsed JSON. @throws {AwsError} SerializationException naming the member at `path`. */
export function readStructure(
  model: ServiceModel,
  shape: Shape,
  value: unknown,
  path: string,
  depth: number,
): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw malformed(
      model,
      path === '' ? 'The request body is not a JSON object' : `"${path}" is not an object`,
    )
  }
  if (depth > MAX_DEPTH) throw malformed(model, 'The request body is nested too deeply')
  const out: Fields = {}
  for (const [name, ref] of Object.entries(shape.members ?? {})) {
    const wireName = ref.locationName ?? name
    if (!Object.hasOwn(value, wireName)) continue
    const given = (value as Fields)[wireName]
    if (given === null || given === undefined) continue
    out[name] = readJson(model, ref, given, path === '' ? name : `${path}.${name}`, depth + 1)
  }
  return out
}

function readJson(model: ServiceModel, ref: ShapeRef, value: unknown, path: string, depth: number): unknown {
  const shape = shapeOf(model, ref)
  switch (shape.type) {
    case 'structure':
      return shape.document === true ? value : readStructure(model, shape, value, path, depth)
    case 'list':
      if (!Array.isArray(value)) throw malformed(model, `"${path}" is not a list`)
      return value
        .filter((item) => item !== null)
        .map((item, i) => readJson(model, shape.member as ShapeRef, item, `${path}.${i + 1}`, depth + 1))
    case 'map':
      return readMap(model, shape, value, path, depth)
    case 'string':
    case 'character':
      if (typeof value !== 'string') throw malformed(model, `"${path}" is not a string`)
      checkText(model, value, path)
      return value
    case 'boolean':
      if (typeof value !== 'boolean') throw malformed(model, `"${path}" is not true or false`)
      return value
    case 'integer':
    case 'long':
      if (typeof value !== 'number' || !Number.isSafeInteger(value))
        throw malformed(model, `"${path}" is not a whole number`)
      return value
    case 'float':
    case 'double':
      if (typeof value !== 'number' || !Number.isFinite(value))
        throw malformed(model, `"${path}" is not a number`)
      return value
    case 'timestamp':
      return readTime(model, value, path)
    case 'blob':
      if (typeof value !== 'string') throw malformed(model, `"${path}" is not base64 text`)
      return Buffer.from(value, 'base64')
  }
}

function readMap(model: ServiceModel, shape: Shape, value: unknown, path: string, depth: number): Fields {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed(model, `"${path}" is not a map`)
  // No prototype: a key may be called anything.
  const out = Object.create(null) as Fields
  for (const [key, inner] of Object.entries(value)) {
    if (inner === null) continue
    checkText(model, key, path)
    out[key] = readJson(model, shape.value as ShapeRef, inner, keyed(path, key), depth + 1)
  }
  return out
}

/** Parameters of AWS's query protocol as a tree: `Tags.member.1.Key` lies at Tags → member → 1 → Key. */
interface Node {
  value?: string
  readonly children: Map<string, Node>
}

function readForm(model: ServiceModel, shape: Shape, form: URLSearchParams): Fields {
  const root: Node = { children: new Map() }
  for (const [name, value] of form) {
    const parts = name.split('.')
    if (parts.length > MAX_DEPTH) throw malformed(model, 'A parameter name is nested too deeply')
    let node = root
    for (const part of parts) {
      let next = node.children.get(part)
      if (next === undefined) {
        next = { children: new Map() }
        node.children.set(part, next)
      }
      node = next
    }
    if (node.value !== undefined)
      throw malformed(model, `The parameter "${name.slice(0, MAX_QUOTED_KEY)}" is given more than once`)
    node.value = value
  }
  return readFormStructure(model, shape, root, '')
}

function readFormStructure(model: ServiceModel, shape: Shape, node: Node, path: string): Fields {
  const out: Fields = {}
  for (const [name, ref] of Object.entries(shape.members ?? {})) {
    const child = node.children.get(ref.locationName ?? name)
    if (child !== undefined)
      out[name] = readFormNode(model, ref, child, path === '' ? name : `${path}.${name}`)
  }
  return out
}

function readFormNode(model: ServiceModel, ref: ShapeRef, node: Node, path: string): unknown {
  const shape = shapeOf(model, ref)
  switch (shape.type) {
    case 'structure':
      return readFormStructure(model, shape, node, path)
    case 'list': {
      const items = shape.flattened === true ? node : listNode(model, shape, node, path)
      return orderedItems(model, items, path).map((item, i) =>
        readFormNode(model, shape.member as ShapeRef, item, `${path}.member.${i + 1}`),
      )
    }
    case 'map': {
      const out = Object.create(null) as Fields
      for (const entry of orderedItems(model, entriesNode(model, node, path), path)) {
        const key = entry.children.get(shape.key?.locationName ?? 'key')?.value
        const value = entry.children.get(shape.value?.locationName ?? 'value')
        if (key === undefined || value === undefined) {
          throw malformed(model, `An entry of "${path}" lacks its key or value`)
        }
        checkText(model, key, path)
        out[key] = readFormNode(model, shape.value as ShapeRef, value, keyed(path, key))
      }
      return out
    }
    case 'string':
    case 'timestamp':
    case 'blob':
    case 'boolean':
    case 'character':
    case 'integer':
    case 'long':
    case 'float':
    case 'double':
      if (node.value === undefined) throw malformed(model, `The parameter "${path}" has no value`)
      return readText(model, ref, node.value, path)
  }
}

/**
 * The node that holds a list's numbered items. `Name=` alone is the empty list; anything else that is not the form of a list is
 * refused: a list misread as empty could take a restriction away (a session policy, say).
 */
function listNode(model: ServiceModel, shape: Shape, node: Node, path: string): Node | undefined {
  const name = shape.member?.locationName ?? 'member'
  return onlyChild(model, node, name, path)
}

function entriesNode(model: ServiceModel, node: Node, path: string): Node | undefined {
  return onlyChild(model, node, 'entry', path)
}

function onlyChild(model: ServiceModel, node: Node, name: string, path: string): Node | undefined {
  const others = [...node.children.keys()].filter((key) => key !== name)
  if (others.length > 0 || (node.value !== undefined && node.value !== '')) {
    throw malformed(
      model,
      `The parameter "${path}" is not a list: its items are ${path}.${name}.1, ${path}.${name}.2 and so on`,
    )
  }
  return node.children.get(name)
}

/** Numbered items in the order of their numbers. @throws {AwsError} For an item that is not numbered. */
function orderedItems(model: ServiceModel, node: Node | undefined, path: string): Node[] {
  if (node === undefined) return []
  const items = [...node.children]
  if (items.some(([key]) => !/^[1-9]\d{0,4}$/.test(key))) {
    throw malformed(model, `The items of "${path}" must be numbered from 1`)
  }
  return items.toSorted(([a], [b]) => Number(a) - Number(b)).map(([, item]) => item)
}
