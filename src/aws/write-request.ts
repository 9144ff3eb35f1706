import type { OperationModel, ServiceModel, Shape, ShapeRef } from './model.ts'
import { shapeOf } from './model.ts'
import { encode } from './sigv4.ts'
import { toJson } from './to-json.ts'
import type { WireRequest } from './wire.ts'

type Fields = Readonly<Record<string, unknown>>

/**
 * Writes the request of an operation in its service's protocol: the other side of route() and parseInput(). Nothing is validated:
 * that is the server's part.
 *
 * @param host Value of the Host header, with the port unless it is the scheme's own.
 * @throws {TypeError} When a value that belongs in the path is missing.
 */
export function writeRequest(
  model: ServiceModel,
  operation: OperationModel,
  input: unknown,
  host: string,
): WireRequest {
  const shape = operation.input === undefined ? undefined : shapeOf(model, operation.input)
  const fields = (input ?? {}) as Fields
  switch (model.metadata.protocol) {
    case 'rest-json':
      return writeRest(model, operation, shape, fields, host)
    case 'query': {
      const pairs = [`Action=${operation.name}`, `Version=${model.metadata.apiVersion}`]
      if (shape !== undefined) writeForm(model, shape, fields, '', pairs)
      return post(host, pairs.join('&'), [
        ['content-type', 'application/x-www-form-urlencoded; charset=utf-8'],
      ])
    }
    case 'json': {
      const body = shape === undefined ? {} : toJson(model, shape, fields)
      return post(host, JSON.stringify(body), [
        ['content-type', `application/x-amz-json-${model.metadata.jsonVersion ?? '1.1'}`],
        ['x-amz-target', `${model.metadata.targetPrefix}.${operation.name}`],
      ])
    }
  }
}

function post(host: string, body: string, headers: readonly (readonly [string, string])[]): WireRequest {
  return { method: 'POST', rawTarget: '/', headers: [['host', host], ...headers], body: Buffer.from(body) }
}

function writeRest(
  model: ServiceModel,
  operation: OperationModel,
  shape: Shape | undefined,
  fields: Fields,
  host: string,
): WireRequest {
  let target = operation.http.requestUri
  const query: string[] = []
  let hasBody = false
  for (const [name, ref] of Object.entries(shape?.members ?? {})) {
    const wireName = ref.locationName ?? name
    const value = fields[name]
    if (ref.location === 'uri') {
      if (typeof value !== 'string' || value === '')
        throw new TypeError(`${operation.name} needs ${name}: it is a part of the path`)
      target = target.replace(new RegExp(`\\{${wireName}\\+?\\}`), () => encode(value))
    } else if (ref.location === 'querystring') {
      if (value !== undefined) query.push(...queryPairs(model, ref, wireName, value))
    } else hasBody = true
  }
  if (query.length > 0) target += `${target.includes('?') ? '&' : '?'}${query.join('&')}`
  // toJson() leaves out whatever travels outside the body.
  const body = hasBody && shape !== undefined ? JSON.stringify(toJson(model, shape, fields)) : ''
  const headers: [string, string][] = [['host', host]]
  if (hasBody) headers.push(['content-type', 'application/json'])
  return { method: operation.http.method, rawTarget: target, headers, body: Buffer.from(body) }
}

function queryPairs(model: ServiceModel, ref: ShapeRef, name: string, value: unknown): string[] {
  const shape = shapeOf(model, ref)
  const values = shape.type === 'list' ? (value as readonly unknown[]) : [value]
  return values.map((item) => `${encode(name)}=${encode(scalarText(item))}`)
}

/** A scalar as text: what query strings and forms hold. */
function scalarText(value: unknown): string {
  if (value instanceof Date) return value.toISOString()
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  return String(value)
}

function writeForm(model: ServiceModel, shape: Shape, fields: Fields, prefix: string, pairs: string[]): void {
  for (const [name, ref] of Object.entries(shape.members ?? {})) {
    const value = fields[name]
    if (value !== undefined) writeFormValue(model, ref, value, prefix + (ref.locationName ?? name), pairs)
  }
}

function writeFormValue(
  model: ServiceModel,
  ref: ShapeRef,
  value: unknown,
  name: string,
  pairs: string[],
): void {
  const shape = shapeOf(model, ref)
  switch (shape.type) {
    case 'structure':
      writeForm(model, shape, value as Fields, `${name}.`, pairs)
      return
    case 'list': {
      const items = value as readonly unknown[]
      // A list without items is a parameter without a value.
      if (items.length === 0) pairs.push(`${name}=`)
      const prefix = shape.flattened === true ? name : `${name}.${shape.member?.locationName ?? 'member'}`
      for (const [i, item] of items.entries())
        writeFormValue(model, shape.member as ShapeRef, item, `${prefix}.${i + 1}`, pairs)
      return
    }
    case 'map':
      for (const [i, [key, item]] of Object.entries(value as Fields).entries()) {
        const entry = `${name}.entry.${i + 1}`
        pairs.push(`${entry}.${shape.key?.locationName ?? 'key'}=${encode(key)}`)
        writeFormValue(
          model,
          shape.value as ShapeRef,
          item,
          `${entry}.${shape.value?.locationName ?? 'value'}`,
          pairs,
        )
      }
      return
    case 'string':
    case 'timestamp':
    case 'blob':
    case 'boolean':
    case 'character':
    case 'integer':
    case 'long':
    case 'float':
    case 'double':
      pairs.push(`${encode(name)}=${encode(scalarText(value))}`)
  }
}
