import { AwsError } from './error.ts'
import type { OperationModel, ServiceModel, Shape, ShapeRef } from './model.ts'
import { shapeOf } from './model.ts'
import { readStructure } from './parse-input.ts'
import { childNamed, parseXml } from './xml.ts'
import type { XmlElement } from './xml.ts'

/** An answer as it came. */
export interface ReceivedAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

type Fields = Record<string, unknown>

/**
 * Reads an operation's output: the other side of answer().
 *
 * @throws {AwsError} What the server answered where that is an error; `UnreadableAnswer` where it is no answer of such a server.
 */
export function readAnswer(
  model: ServiceModel,
  operation: OperationModel,
  received: ReceivedAnswer,
): unknown {
  if (received.status >= 300) throw errorOf(model, received)
  if (operation.output === undefined) return {}
  const shape = shapeOf(model, operation.output)
  try {
    if (model.metadata.protocol !== 'query') {
      const body = received.body.length === 0 ? {} : (JSON.parse(received.body.toString('utf8')) as unknown)
      return readStructure(model, shape, body, '', 0)
    }
    const wrapper = operation.output.resultWrapper ?? `${operation.name}Result`
    const result = childNamed(parseXml(received.body.toString('utf8')), wrapper)
    return result === undefined ? {} : readMembers(model, shape, result)
  } catch (cause) {
    throw new AwsError(
      'UnreadableAnswer',
      received.status,
      `The answer to ${operation.name} cannot be read; is there a Roleback server behind this endpoint?`,
      {},
      { cause },
    )
  }
}

function errorOf(model: ServiceModel, received: ReceivedAnswer): AwsError {
  const text = received.body.toString('utf8')
  try {
    return model.metadata.protocol === 'query' ? xmlError(received, text) : jsonError(received, text)
  } catch (cause) {
    const message = `The server answered ${received.status} and no error that can be read; is there a Roleback server behind this endpoint?`
    return new AwsError('UnreadableAnswer', received.status, message, {}, { cause })
  }
}

function xmlError(received: ReceivedAnswer, text: string): AwsError {
  const error = childNamed(parseXml(text), 'Error')
  const code = error === undefined ? undefined : childNamed(error, 'Code')?.text
  if (error === undefined || code === undefined) throw new Error('there is no Error with a Code in it')
  return new AwsError(code, received.status, childNamed(error, 'Message')?.text ?? code)
}

function jsonError(received: ReceivedAnswer, text: string): AwsError {
  const body = (text === '' ? {} : JSON.parse(text)) as Fields
  const { __type, Code, Message, message, Type: _, ...data } = body
  const header = received.headers['x-amzn-errortype']
  const named = [header, __type, Code].find((name) => typeof name === 'string' && name !== '')
  if (typeof named !== 'string') throw new Error('the answer names no error')
  // Some servers write `namespace#Name` or `Name:address`.
  const code = named.replace(/^.*#/, '').replace(/:.*$/, '')
  const words = [message, Message].find((one) => typeof one === 'string') ?? code
  return new AwsError(code, received.status, words as string, data)
}

function readMembers(model: ServiceModel, shape: Shape, element: XmlElement): Fields {
  const out: Fields = {}
  for (const [name, ref] of Object.entries(shape.members ?? {})) {
    const child = childNamed(element, ref.locationName ?? name)
    if (child !== undefined) out[name] = readElement(model, ref, child)
  }
  return out
}

function readElement(model: ServiceModel, ref: ShapeRef, element: XmlElement): unknown {
  const shape = shapeOf(model, ref)
  switch (shape.type) {
    case 'structure':
      return readMembers(model, shape, element)
    case 'list':
      return element.children.map((child) => readElement(model, shape.member as ShapeRef, child))
    case 'map': {
      const out = Object.create(null) as Fields
      for (const entry of element.children) {
        const key = childNamed(entry, shape.key?.locationName ?? 'key')
        const value = childNamed(entry, shape.value?.locationName ?? 'value')
        if (key !== undefined && value !== undefined)
          out[key.text] = readElement(model, shape.value as ShapeRef, value)
      }
      return out
    }
    case 'string':
    case 'character':
      return element.text
    case 'boolean':
      return element.text === 'true'
    case 'timestamp':
      return new Date(element.text)
    case 'blob':
      return Buffer.from(element.text, 'base64')
    case 'integer':
    case 'long':
    case 'float':
    case 'double':
      return Number(element.text)
  }
}
