import type { AwsError } from './error.ts'
import type { ServiceModel, Shape, ShapeRef } from './model.ts'
import { shapeOf } from './model.ts'
import { timestamp, toJson } from './to-json.ts'
import type { Routed, WireResponse } from './wire.ts'

type Fields = Readonly<Record<string, unknown>>

/** Writes an operation's output in its service's protocol. */
export function answer(routed: Routed, output: unknown, requestId: string): WireResponse {
  const { model, operation } = routed
  const status = operation.http.responseCode ?? 200
  if (model.metadata.protocol === 'query') {
    return { status, headers: xmlHeaders(requestId), body: xmlAnswer(routed, output as Fields, requestId) }
  }
  const shape = operation.output === undefined ? undefined : shapeOf(model, operation.output)
  const isEmpty = status === 204 || (shape === undefined && model.metadata.protocol === 'rest-json')
  const body = isEmpty ? '' : JSON.stringify(shape === undefined ? {} : toJson(model, shape, output))
  return { status, headers: jsonHeaders(model, requestId), body }
}

/** More than this fits no client's header line. */
const MAX_WARNING = 2_000

/** Puts what the modelled answer has no member for into the header `x-roleback-warning`; headers hold ASCII only. */
export function withWarnings(response: WireResponse, warnings: readonly string[]): WireResponse {
  if (warnings.length === 0) return response
  const escape = (c: string): string => `\\u{${(c.codePointAt(0) as number).toString(16)}}`
  const text = warnings
    .join(' | ')
    .replaceAll(/[^\x20-\x7e]/gu, escape)
    .slice(0, MAX_WARNING)
  return { ...response, headers: { ...response.headers, 'x-roleback-warning': text } }
}

/** Writes an error; clients tell errors apart by `x-amzn-ErrorType` (JSON) or `Code` (XML). */
export function answerError(
  model: ServiceModel | undefined,
  error: AwsError,
  requestId: string,
): WireResponse {
  if (model?.metadata.protocol === 'query') {
    const type = error.status < 500 ? 'Sender' : 'Receiver'
    const body =
      `<ErrorResponse xmlns="${model.metadata.xmlNamespace}"><Error><Type>${type}</Type><Code>${escapeXml(error.code)}</Code>` +
      `<Message>${escapeXml(error.message)}</Message></Error><RequestId>${requestId}</RequestId></ErrorResponse>`
    return { status: error.status, headers: xmlHeaders(requestId), body }
  }
  const headers = { ...jsonHeaders(model, requestId), 'x-amzn-errortype': error.code }
  const message = error.message
  const body =
    model?.metadata.protocol === 'rest-json'
      ? { Code: error.code, Message: message, Type: null, Context: null, ...error.data, message }
      : { __type: error.code, message, Message: message, ...error.data }
  return { status: error.status, headers, body: JSON.stringify(body) }
}

function jsonHeaders(model: ServiceModel | undefined, requestId: string): Record<string, string> {
  const version =
    model?.metadata.protocol === 'json'
      ? `application/x-amz-json-${model.metadata.jsonVersion ?? '1.1'}`
      : 'application/json'
  return { 'content-type': version, 'x-amzn-requestid': requestId }
}

function xmlHeaders(requestId: string): Record<string, string> {
  return { 'content-type': 'text/xml', 'x-amzn-requestid': requestId }
}

function xmlAnswer(routed: Routed, output: Fields, requestId: string): string {
  const { model, operation } = routed
  const { name } = operation
  let result = ''
  if (operation.output !== undefined) {
    const wrapper = operation.output.resultWrapper ?? `${name}Result`
    result = `<${wrapper}>${xmlMembers(model, shapeOf(model, operation.output), output)}</${wrapper}>`
  }
  return (
    `<${name}Response xmlns="${model.metadata.xmlNamespace}">${result}` +
    `<ResponseMetadata><RequestId>${requestId}</RequestId></ResponseMetadata></${name}Response>`
  )
}

function xmlMembers(model: ServiceModel, shape: Shape, value: Fields): string {
  let xml = ''
  for (const [name, ref] of Object.entries(shape.members ?? {})) {
    const given = value[name]
    if (given !== undefined && given !== null) xml += xmlElement(model, ref, ref.locationName ?? name, given)
  }
  return xml
}

function xmlElement(model: ServiceModel, ref: ShapeRef, tag: string, value: unknown): string {
  const shape = shapeOf(model, ref)
  switch (shape.type) {
    case 'structure':
      return `<${tag}>${xmlMembers(model, shape, value as Fields)}</${tag}>`
    case 'list': {
      const items = value as readonly unknown[]
      const member = shape.member as ShapeRef
      if (shape.flattened === true) return items.map((item) => xmlElement(model, member, tag, item)).join('')
      const itemTag = member.locationName ?? 'member'
      return `<${tag}>${items.map((item) => xmlElement(model, member, itemTag, item)).join('')}</${tag}>`
    }
    case 'map': {
      const [keyRef, valueRef] = [shape.key as ShapeRef, shape.value as ShapeRef]
      const entries = Object.entries(value as Fields).map(
        ([key, item]) =>
          `<entry>${xmlElement(model, keyRef, keyRef.locationName ?? 'key', key)}${xmlElement(model, valueRef, valueRef.locationName ?? 'value', item)}</entry>`,
      )
      return `<${tag}>${entries.join('')}</${tag}>`
    }
    case 'timestamp':
      return `<${tag}>${timestamp(value as Date, ref.timestampFormat ?? shape.timestampFormat ?? 'iso8601')}</${tag}>`
    case 'blob':
      return `<${tag}>${Buffer.from(value as Uint8Array).toString('base64')}</${tag}>`
    case 'string':
    case 'boolean':
    case 'character':
    case 'integer':
    case 'long':
    case 'float':
    case 'double':
      return `<${tag}>${escapeXml(String(value))}</${tag}>`
  }
}

const XML_ESCAPES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  '\r': '&#xD;',
}

/** Escapes markup; characters that XML 1.0 cannot hold at all become U+FFFD. */
export function escapeXml(text: string): string {
  return (
    text
      .toWellFormed()
      // oxlint-disable-next-line no-control-regex -- exactly the characters that XML 1.0 forbids
      .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd')
      .replace(/[&<>"\r]/g, (c) => XML_ESCAPES[c] as string)
  )
}
