import { LineCounter, Parser, isMap, isScalar, isSeq, parseDocument } from 'yaml'
import type { CST, ParsedNode, Scalar, YAMLMap } from 'yaml'
import { modelOf, shapeOf } from '../../aws/model.ts'
import type { ServiceName, Shape, ShapeRef } from '../../aws/model.ts'

/**
 * Reads a declaration, YAML or JSON (which is YAML, too), and holds each value against the API's own models. What is wrong is told with
 * its line and column, what stands there, and what may stand there; all of it at once.
 */

export type Schema =
  | { readonly kind: 'shape'; readonly service: ServiceName; readonly ref: ShapeRef }
  /** A policy: a mapping, or JSON as text. It becomes JSON as text. */
  | { readonly kind: 'policy' }
  /** Where a secret lies: never the secret itself. */
  | { readonly kind: 'secret' }
  | { readonly kind: 'text' }
  | { readonly kind: 'one'; readonly value: number }
  | { readonly kind: 'list'; readonly of: Schema }
  | { readonly kind: 'map'; readonly of: Schema }
  | {
      readonly kind: 'record'
      readonly members: Readonly<Record<string, Schema>>
      readonly required: readonly string[]
    }

/** A file, or a variable of the environment, that holds a secret. */
export type SecretPlace = { readonly File: string } | { readonly Environment: string }

/** Not one value was applied; each line names a place and what is wrong there. */
export class DeclarationError extends Error {
  override name = 'DeclarationError'
}

type Node = ParsedNode | null

const MAX_PROBLEMS = 20
/** Levels of lists and mappings. Nothing that can be declared has a third of it; the reader of YAML calls itself for each, until the process dies. */
const MAX_DEPTH = 100
/** Shapes that hold a policy as text: here it may be written out. */
const POLICIES: ReadonlySet<string> = new Set(['policyDocumentType', 'IAMPolicy'])
const VARIABLE = /\$\{AWS::([A-Za-z]*)\}/g

/** Members of a modelled structure, for a record with other members beside them. */
export function membersOf(
  service: ServiceName,
  shape: string,
  omitted: readonly string[] = [],
): Readonly<Record<string, Schema>> {
  const { members = {} } = shapeOf(modelOf(service), { shape })
  return Object.fromEntries(
    Object.entries(members)
      .filter(([name]) => !omitted.includes(name))
      .map(([name, ref]) => [name, { kind: 'shape', service, ref } as const]),
  )
}

/**
 * @param variables What `${AWS::NAME}` stands for in every text, as in CloudFormation.
 * @throws {DeclarationError} With up to 20 problems, each on a line of its own.
 */
export function readDeclaration(
  text: string,
  file: string,
  schema: Schema,
  variables: Readonly<Record<string, string>>,
): unknown {
  const deep = tooDeep(text)
  if (deep !== undefined) {
    const line = text.slice(0, deep).split('\n').length
    throw new DeclarationError(
      `${file}:${line}: nests more than ${MAX_DEPTH} lists and mappings in each other`,
    )
  }
  const lines = new LineCounter()
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  const reader = new Reader(file, lines, variables)
  for (const error of document.errors) reader.problem(error.pos[0], error.message)
  const value = document.errors.length === 0 ? reader.read(document.contents, schema, '') : undefined
  if (reader.problems.length > 0) {
    const more = reader.problems.length - MAX_PROBLEMS
    const shown = reader.problems.slice(0, MAX_PROBLEMS)
    throw new DeclarationError([...shown, ...(more > 0 ? [`and ${more} more problems`] : [])].join('\n'))
  }
  return value
}

/** Where the first list or mapping begins that has MAX_DEPTH others around it. */
function tooDeep(text: string): number | undefined {
  const open: { readonly token: CST.Token; readonly depth: number }[] = []
  for (const token of new Parser().parse(text)) open.push({ token, depth: 0 })
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next
    if (token.type === 'document') {
      if (token.value !== undefined) open.push({ token: token.value, depth })
    } else if ('items' in token) {
      if (depth >= MAX_DEPTH) return token.offset
      for (const { key, value } of token.items)
        for (const inner of [key, value])
          if (inner !== undefined && inner !== null) open.push({ token: inner, depth: depth + 1 })
    }
  }
  return undefined
}

class Reader {
  readonly problems: string[] = []
  readonly #file: string
  readonly #lines: LineCounter
  readonly #variables: Readonly<Record<string, string>>

  constructor(file: string, lines: LineCounter, variables: Readonly<Record<string, string>>) {
    this.#file = file
    this.#lines = lines
    this.#variables = variables
  }

  problem(offset: number, message: string): void {
    const { line, col } = this.#lines.linePos(offset)
    this.problems.push(`${this.#file}:${line}:${col}: ${message}`)
  }

  read(node: Node, schema: Schema, path: string): unknown {
    switch (schema.kind) {
      case 'shape':
        return this.#readShape(node, schema.service, schema.ref, path)
      case 'policy':
        return this.#readPolicy(node, path)
      case 'secret':
        return this.#readSecret(node, path)
      case 'text':
        return this.#readText(node, path, {})
      case 'one': {
        const value = isScalar(node) ? node.value : undefined
        if (value !== schema.value) this.#expected(node, path, String(schema.value))
        return value
      }
      case 'list':
        return this.#readList(node, path, (item, at) => this.read(item, schema.of, at))
      case 'map':
        return this.#readMap(node, path, (item, at) => this.read(item, schema.of, at))
      case 'record':
        return this.#readRecord(node, path, schema.members, schema.required)
    }
  }

  #readShape(node: Node, service: ServiceName, ref: ShapeRef, path: string): unknown {
    const shape = shapeOf(modelOf(service), ref)
    const inner = (of: ShapeRef) => (item: Node, at: string) => this.#readShape(item, service, of, at)
    switch (shape.type) {
      case 'structure':
        return this.#readRecord(node, path, membersOf(service, ref.shape), shape.required ?? [])
      case 'list':
        return this.#readList(node, path, inner(shape.member as ShapeRef), shape)
      case 'map':
        return this.#readMap(node, path, inner(shape.value as ShapeRef))
      case 'boolean':
        if (isScalar(node) && typeof node.value === 'boolean') return node.value
        return this.#expected(node, path, 'true or false')
      case 'integer':
      case 'long':
      case 'double':
      case 'float':
        return this.#readNumber(node, path, shape)
      case 'string':
      case 'character':
        return POLICIES.has(ref.shape) ? this.#readPolicy(node, path) : this.#readText(node, path, shape)
      case 'timestamp':
      case 'blob':
        return this.#expected(node, path, 'nothing: this cannot be declared')
    }
  }

  #readNumber(node: Node, path: string, { min = -Infinity, max = Infinity }: Partial<Shape>): unknown {
    const value = isScalar(node) ? node.value : undefined
    if (typeof value === 'number' && value >= min && value <= max) return value
    const range = [
      ...(min > -Infinity ? [`from ${min}`] : []),
      ...(max < Infinity ? [`to ${max}`] : []),
    ].join(' ')
    return this.#expected(node, path, `a number ${range}`.trim())
  }

  #readText(node: Node, path: string, shape: Partial<Shape>): unknown {
    const value = isScalar(node) ? node.value : undefined
    if (typeof value !== 'string')
      return this.#expected(
        node,
        path,
        isScalar(node) && node.value !== null ? 'text: put it in quotes' : 'text',
      )
    const text = this.#fill(node as Scalar.Parsed, value)
    if (shape.enum !== undefined && !shape.enum.includes(text))
      return this.#expected(node, path, `one of ${shape.enum.join(', ')}`)
    if (shape.min !== undefined && text.length < shape.min)
      return this.#expected(node, path, `at least ${shape.min} characters`)
    if (shape.max !== undefined && text.length > shape.max)
      return this.#expected(node, path, `at most ${shape.max} characters`)
    return text
  }

  #fill(node: Scalar.Parsed, text: string): string {
    return text.replace(VARIABLE, (whole, name: string) => {
      const value = this.#variables[name]
      if (value !== undefined) return value
      const known = Object.keys(this.#variables).map((one) => `\${AWS::${one}}`)
      this.problem(node.range[0], `${whole} is not known: there are ${known.join(' and ')}`)
      return whole
    })
  }

  #readPolicy(node: Node, path: string): unknown {
    if (isMap(node)) return JSON.stringify(this.#readAny(node, path))
    const text = this.#readText(node, path, {})
    if (typeof text !== 'string') return undefined
    try {
      return JSON.stringify(JSON.parse(text))
    } catch {
      return this.#expected(node, path, 'a policy: a mapping, or JSON as text')
    }
  }

  #readAny(node: Node, path: string): unknown {
    if (isMap(node)) return this.#readMap(node, path, (item, at) => this.#readAny(item, at))
    if (isSeq(node)) return this.#readList(node, path, (item, at) => this.#readAny(item, at))
    if (!isScalar(node)) return this.#expected(node, path, 'a value')
    return typeof node.value === 'string' ? this.#fill(node as Scalar.Parsed, node.value) : node.value
  }

  #readSecret(node: Node, path: string): unknown {
    // The value itself must not come into a message.
    if (!isMap(node)) {
      const wanted = '{File: PATH} or {Environment: NAME}: a secret is never written here itself'
      this.problem(node?.range[0] ?? 0, `${path} must be ${wanted}`)
      return undefined
    }
    const text: Schema = { kind: 'text' }
    const value = this.#readRecord(node, path, { File: text, Environment: text }, [])
    if (Object.keys(value ?? {}).length !== 1)
      this.problem(node.range[0], `${path} must have either File or Environment`)
    return value
  }

  #readList(
    node: Node,
    path: string,
    item: (node: Node, path: string) => unknown,
    { min = 0, max = Infinity }: Partial<Shape> = {},
  ): unknown {
    if (!isSeq(node)) return this.#expected(node, path, 'a list')
    if (node.items.length < min || node.items.length > max)
      return this.#expected(node, path, `a list of ${min} to ${max} entries`)
    return node.items.map((one, at) => item(one as Node, `${path}[${at}]`))
  }

  #readMap(node: Node, path: string, item: (node: Node, path: string) => unknown): unknown {
    if (!isMap(node)) return this.#expected(node, path, 'a mapping')
    const pairs = (node as YAMLMap.Parsed).items.map(({ key, value }) => {
      const name = isScalar(key) ? String(key.value) : ''
      return [name, item(value, `${path}.${name}`)] as const
    })
    return Object.fromEntries(pairs)
  }

  #readRecord(
    node: Node,
    path: string,
    members: Readonly<Record<string, Schema>>,
    required: readonly string[],
  ): Record<string, unknown> | undefined {
    if (!isMap(node)) return this.#expected(node, path, `a mapping of ${Object.keys(members).join(', ')}`)
    const read: Record<string, unknown> = {}
    for (const { key, value } of (node as YAMLMap.Parsed).items) {
      const name = isScalar(key) ? String(key.value) : ''
      const schema = Object.hasOwn(members, name) ? members[name] : undefined
      const at = path === '' ? name : `${path}.${name}`
      if (schema === undefined) {
        const known = Object.keys(members).join(', ')
        this.problem(key.range?.[0] ?? node.range[0], `"${name}" is not known here: there are ${known}`)
      } else read[name] = this.read(value, schema, at)
    }
    for (const name of required)
      if (!Object.hasOwn(read, name))
        this.problem(node.range[0], `${path === '' ? 'the file' : path} lacks ${name}`)
    return read
  }

  #expected(node: Node, path: string, what: string): undefined {
    this.problem(
      node?.range[0] ?? 0,
      `${path === '' ? 'the file' : path} must be ${what}, not ${found(node)}`,
    )
    return undefined
  }
}

function found(node: Node): string {
  if (isMap(node)) return 'a mapping'
  if (isSeq(node)) return `a list of ${node.items.length}`
  if (!isScalar(node)) return node === null ? 'nothing' : 'an alias: write it out'
  if (node.value === null) return 'nothing'
  return JSON.stringify(node.value).slice(0, 100)
}
