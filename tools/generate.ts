/**
 * Writes src/aws/generated/*.ts from models/*.json: the types of every input and output, an Api of all operations, and the
 * modelled errors as classes; and console/src/api/generated.ts, our own API as it is on the wire. `--check` writes nothing and exits 1 naming files that are stale.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const root = join(import.meta.dirname, '..')
const NAMES = ['backup', 'iam', 'iam-toolbox', 'sts', 'tagging', 'roleback'] as const
const isCheck = process.argv.includes('--check')

interface Shape {
  readonly type: string
  readonly members?: Readonly<Record<string, { readonly shape: string }>>
  readonly required?: readonly string[]
  readonly member?: { readonly shape: string }
  readonly value?: { readonly shape: string }
  readonly enum?: readonly string[]
  readonly exception?: boolean
  /** Any JSON value. */
  readonly document?: boolean
  readonly error?: { readonly code?: string; readonly httpStatusCode?: number }
  readonly fault?: boolean
}

interface Model {
  readonly metadata: { readonly name: string; readonly protocol: string }
  readonly operations: Readonly<
    Record<
      string,
      { readonly input?: { readonly shape: string }; readonly output?: { readonly shape: string } }
    >
  >
  readonly shapes: Readonly<Record<string, Shape>>
}

const capitalised = (name: string): string => name.charAt(0).toUpperCase() + name.slice(1)

/** Names of TypeScript that shapes are called, too. */
const RESERVED = new Set([
  'String',
  'Boolean',
  'Number',
  'Date',
  'Object',
  'Error',
  'Record',
  'Map',
  'Array',
  'Promise',
])

/** Where times are numbers, they are seconds since 1970; and there are no classes. */
interface Style {
  readonly timestamp: 'Date' | 'number'
  readonly hasErrors: boolean
}

const SERVER: Style = { timestamp: 'Date', hasErrors: true }
const WIRE: Style = { timestamp: 'number', hasErrors: false }

class Writer {
  readonly #model: Model
  readonly #style: Style
  readonly #isResponse = new Set<string>()

  constructor(model: Model, style: Style) {
    this.#model = model
    this.#style = style
  }

  text(): string {
    const { metadata, operations, shapes } = this.#model
    for (const operation of Object.values(operations))
      if (operation.output !== undefined) this.#isResponse.add(operation.output.shape)
    const parts = [`// Made by tools/generate.ts from models/${metadata.name}.json. Do not edit.\n`]
    const errors = Object.entries(shapes).filter(
      ([, shape]) => shape.exception === true && this.#style.hasErrors,
    )
    if (errors.length > 0) parts.push("import { AwsError } from '../error.ts'\n")
    for (const [name, shape] of Object.entries(shapes)) {
      if (shape.type === 'structure' && shape.exception !== true && shape.document !== true)
        parts.push(this.#structure(name, shape))
    }
    parts.push(this.#api(metadata.name.split('-').map(capitalised).join('')))
    for (const [name, shape] of errors) parts.push(this.#error(name, shape))
    return parts.join('\n')
  }

  #structure(name: string, shape: Shape): string {
    const required = new Set(shape.required)
    const lines = Object.entries(shape.members ?? {}).map(([member, ref]) => {
      const type = this.#type(ref.shape)
      const isOptional = !required.has(member)
      return `  readonly ${safe(member)}${isOptional ? '?' : ''}: ${type}${isOptional ? ' | undefined' : ''}`
    })
    return lines.length === 0
      ? `export type ${typeName(name)} = Readonly<Record<never, never>>\n`
      : `export interface ${typeName(name)} {\n${lines.join('\n')}\n}\n`
  }

  #type(name: string): string {
    const shape = this.#model.shapes[name]
    if (shape === undefined) throw new Error(`no shape ${name}`)
    switch (shape.type) {
      case 'structure':
        return shape.document === true ? 'unknown' : typeName(name)
      case 'list':
        return `readonly ${wrapped(this.#type(shape.member?.shape as string))}[]`
      case 'map':
        return `Readonly<Record<string, ${this.#type(shape.value?.shape as string)}>>`
      case 'string':
        return shape.enum === undefined
          ? 'string'
          : shape.enum.map((value) => JSON.stringify(value)).join(' | ')
      case 'timestamp':
        return this.#style.timestamp
      case 'boolean':
        return 'boolean'
      case 'blob':
        return 'Uint8Array'
      default:
        return 'number'
    }
  }

  #api(prefix: string): string {
    const lines = Object.entries(this.#model.operations).map(([name, { input, output }]) => {
      const of = (ref: { shape: string } | undefined): string =>
        ref === undefined ? 'Readonly<Record<never, never>>' : typeName(ref.shape)
      return `  ${name}: { input: ${of(input)}; output: ${of(output)} }`
    })
    return `export interface ${prefix}Api {\n${lines.join('\n')}\n}\n`
  }

  #error(name: string, shape: Shape): string {
    const code = shape.error?.code ?? name
    const status = shape.error?.httpStatusCode ?? (shape.fault === true ? 500 : 400)
    const members = Object.keys(shape.members ?? {}).filter(
      (member) => !['message', 'Message', 'Code'].includes(member),
    )
    const data = members
      .map(
        (member) =>
          `readonly ${safe(member)}?: ${this.#type((shape.members as Record<string, { shape: string }>)[member]?.shape as string)} | undefined`,
      )
      .join('; ')
    const parameter = members.length === 0 ? '' : `, data: { ${data} } = {}`
    return (
      `export class ${name} extends AwsError {\n` +
      `  constructor(message: string${parameter}) {\n` +
      `    super(${JSON.stringify(code)}, ${status}, message${members.length === 0 ? '' : ', data'})\n` +
      `  }\n}\n`
    )
  }
}

function typeName(name: string): string {
  const capital = capitalised(name)
  return RESERVED.has(capital) ? `${capital}Shape` : capital
}

function safe(member: string): string {
  return /^[A-Za-z_]\w*$/.test(member) ? member : JSON.stringify(member)
}

function wrapped(type: string): string {
  return type.includes(' ') ? `(${type})` : type
}

const stale: string[] = []
mkdirSync(join(root, 'src/aws/generated'), { recursive: true })
for (const name of NAMES) make(`src/aws/generated/${name}.ts`, name, SERVER)
make('console/src/api/generated.ts', 'roleback', WIRE)
if (stale.length > 0) {
  process.stdout.write(`stale, run npm run generate: ${stale.join(', ')}\n`)
  process.exit(1)
}

function make(path: string, name: (typeof NAMES)[number], style: Style): void {
  const model = JSON.parse(readFileSync(join(root, 'models', `${name}.json`), 'utf8')) as Model
  const text = new Writer(model, style).text()
  const file = join(root, path)
  if (!isCheck) writeFileSync(file, text)
  else if (text !== readFile(file)) stale.push(path)
}

function readFile(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined
  }
}
