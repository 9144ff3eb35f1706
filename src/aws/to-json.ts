import type { ServiceModel, Shape, ShapeRef, TimestampFormat } from './model.ts'
import { shapeOf } from './model.ts'

type Fields = Readonly<Record<string, unknown>>

/** A modelled value as JSON has it on the wire. Members that travel outside the body are left out. */
export function toJson(model: ServiceModel, shape: Shape, value: unknown): unknown {
  switch (shape.type) {
    case 'structure': {
      if (shape.document === true) return value
      const out: Record<string, unknown> = {}
      for (const [name, ref] of Object.entries(shape.members ?? {})) {
        const given = (value as Fields)[name]
        if (given === undefined || given === null || ref.location !== undefined) continue
        out[ref.locationName ?? name] = toJson(model, shapeOf(model, ref), given)
      }
      return out
    }
    case 'list': {
      const of = shapeOf(model, shape.member as ShapeRef)
      return (value as readonly unknown[]).map((item) => toJson(model, of, item))
    }
    case 'map': {
      const out: Record<string, unknown> = Object.create(null) as Record<string, unknown>
      const of = shapeOf(model, shape.value as ShapeRef)
      for (const [key, item] of Object.entries(value as Fields))
        out[key.toWellFormed()] = toJson(model, of, item)
      return out
    }
    case 'timestamp':
      return timestamp(value as Date, shape.timestampFormat ?? 'unixTimestamp')
    case 'blob':
      return Buffer.from(value as Uint8Array).toString('base64')
    case 'string':
      // A lone surrogate is no text: it would not survive UTF-8.
      return (value as string).toWellFormed()
    case 'boolean':
    case 'character':
    case 'integer':
    case 'long':
    case 'float':
    case 'double':
      return value
  }
}

export function timestamp(date: Date, format: TimestampFormat): string | number {
  switch (format) {
    case 'unixTimestamp':
      return date.getTime() / 1000
    case 'iso8601':
      return date.toISOString().replace(/\.000Z$/, 'Z')
    case 'rfc822':
      return date.toUTCString()
  }
}
