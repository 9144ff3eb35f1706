import type { ServiceModel, ShapeRef } from '../../src/aws/model.ts'
import { shapeOf } from '../../src/aws/model.ts'

/** Texts of which one fits most patterns. */
const TEXTS = [
  'abcdefgh',
  '123456789012',
  'arn:aws:iam::123456789012:role/abc',
  'v1',
  'AAAAAAAAAAAAAAAAAAAA',
  '/',
  '123456',
  'p-abcdefgh',
  '{}',
  's3://bucket/prefix',
  'us-east-1',
  'arn:aws:s3:::abcdefghijklmnop',
  'o-abcdefghij/r-abcd',
  'delete',
]

/** The smallest input that the model's constraints let by: required members only. ARNs are of account 123456789012. */
export function exampleInput(model: ServiceModel, ref: ShapeRef, isNested = false): unknown {
  const shape = shapeOf(model, ref)
  switch (shape.type) {
    case 'structure': {
      // A structure without a member cannot be told from none in the query protocol.
      const names = shape.required ?? Object.keys(shape.members ?? {}).slice(0, isNested ? 1 : 0)
      const required = new Set(names)
      return Object.fromEntries(
        Object.entries(shape.members ?? {})
          .filter(([name, member]) => required.has(name) || member.location === 'uri')
          .map(([name, member]) => [name, exampleInput(model, member, true)]),
      )
    }
    case 'list':
      return Array.from({ length: Math.max(1, shape.min ?? 1) }, () =>
        exampleInput(model, shape.member as ShapeRef, true),
      )
    case 'map':
      return {
        [exampleInput(model, shape.key as ShapeRef) as string]: exampleInput(
          model,
          shape.value as ShapeRef,
          true,
        ),
      }
    case 'string':
    case 'character':
      return exampleText(ref.shape, shape)
    case 'boolean':
      return true
    case 'timestamp':
      return new Date('2026-11-01T00:00:00Z')
    case 'blob':
      return Buffer.from('abc')
    case 'integer':
    case 'long':
    case 'float':
    case 'double':
      return Math.max(1, shape.min ?? 1)
  }
}

function exampleText(
  name: string,
  shape: {
    readonly enum?: readonly string[]
    readonly min?: number
    readonly max?: number
    readonly pattern?: string
  },
): string {
  if (shape.enum !== undefined) return shape.enum[0] as string
  const lengthOf = (text: string): string => text.padEnd(shape.min ?? 0, text.at(-1)).slice(0, shape.max)
  const texts = /arn/i.test(name) ? TEXTS.toSorted(arnsFirst) : TEXTS
  const found = texts
    .map(lengthOf)
    .find((text) => shape.pattern === undefined || new RegExp(`^(?:${shape.pattern})$`).test(text))
  if (found === undefined) throw new Error(`no example fits ${name}: ${shape.pattern}`)
  return found
}

function arnsFirst(a: string, b: string): number {
  return Number(b.startsWith('arn:')) - Number(a.startsWith('arn:'))
}
