import { AwsError } from './error.ts'
import type { ServiceModel, Shape, ShapeRef } from './model.ts'
import { shapeOf } from './model.ts'
import type { Routed } from './wire.ts'

/** Values quoted in a message are cut at this many characters. */
const MAX_QUOTED = 200

interface Finding {
  readonly isMissing: boolean
  readonly path: string
  readonly text: string
}

/**
 * Checks an input against the model's constraints: required, lengths, ranges, patterns, enumerations.
 *
 * @throws {AwsError} AWS's error for it: Backup's MissingParameterValueException or InvalidParameterValueException, and
 * ValidationError or ValidationException elsewhere, with all findings counted.
 */
export function validate(routed: Routed, input: unknown): void {
  const ref = routed.operation.input
  if (ref === undefined) return
  const findings: Finding[] = []
  check(routed.model, ref, input, '', findings)
  if (findings.length > 0) throw errorOf(routed.model, findings)
}

function errorOf(model: ServiceModel, findings: readonly Finding[]): AwsError {
  const [first] = findings as readonly [Finding, ...Finding[]]
  const texts = findings.slice(0, 10).map((finding) => finding.text)
  const message = `${findings.length} validation error${findings.length === 1 ? '' : 's'} detected: ${texts.join('; ')}`
  if (model.metadata.name === 'backup' || model.metadata.name === 'roleback') {
    const isMissing = first.isMissing && model.metadata.name === 'backup'
    const code = isMissing ? 'MissingParameterValueException' : 'InvalidParameterValueException'
    return new AwsError(code, 400, message, { Context: first.path })
  }
  return new AwsError(
    model.metadata.protocol === 'query' ? 'ValidationError' : 'InvalidParameterException',
    400,
    message,
  )
}

function check(model: ServiceModel, ref: ShapeRef, value: unknown, path: string, findings: Finding[]): void {
  const shape = shapeOf(model, ref)
  switch (shape.type) {
    case 'structure':
      checkStructure(model, shape, value as Readonly<Record<string, unknown>>, path, findings)
      return
    case 'list': {
      const items = value as readonly unknown[]
      checkSize(shape, items.length, items, path, findings)
      for (const [i, item] of items.entries())
        check(model, shape.member as ShapeRef, item, `${path}.${i + 1}.member`, findings)
      return
    }
    case 'map': {
      const entries = Object.entries(value as Readonly<Record<string, unknown>>)
      checkSize(shape, entries.length, value, path, findings)
      for (const [key, item] of entries) {
        check(model, shape.key as ShapeRef, key, `${path}.key`, findings)
        check(model, shape.value as ShapeRef, item, `${path}.${key}`, findings)
      }
      return
    }
    case 'string':
      checkString(shape, value as string, path, findings)
      return
    case 'integer':
    case 'long':
    case 'float':
    case 'double':
      checkRange(shape, value as number, path, findings)
      return
    case 'blob':
    case 'boolean':
    case 'timestamp':
    case 'character':
  }
}

function checkStructure(
  model: ServiceModel,
  shape: Shape,
  value: Readonly<Record<string, unknown>>,
  path: string,
  findings: Finding[],
): void {
  for (const name of shape.required ?? []) {
    if (value[name] !== undefined) continue
    const at = joined(path, name)
    findings.push({
      isMissing: true,
      path: at,
      text: `Value null at '${at}' failed to satisfy constraint: Member must not be null`,
    })
  }
  for (const [name, ref] of Object.entries(shape.members ?? {})) {
    if (value[name] !== undefined) check(model, ref, value[name], joined(path, name), findings)
  }
}

/** AWS writes member names with a small first letter here. */
function joined(path: string, name: string): string {
  const member = name.charAt(0).toLowerCase() + name.slice(1)
  return path === '' ? member : `${path}.${member}`
}

function find(findings: Finding[], shape: Shape, value: unknown, path: string, constraint: string): void {
  const text =
    shape.sensitive === true ? '***sensitive***' : typeof value === 'string' ? value : JSON.stringify(value)
  const quoted = text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}…` : text
  findings.push({
    isMissing: false,
    path,
    text: `Value '${quoted}' at '${path}' failed to satisfy constraint: ${constraint}`,
  })
}

function checkSize(shape: Shape, size: number, value: unknown, path: string, findings: Finding[]): void {
  if (shape.min !== undefined && size < shape.min) {
    find(findings, shape, value, path, `Member must have length greater than or equal to ${shape.min}`)
  }
  if (shape.max !== undefined && size > shape.max) {
    find(findings, shape, value, path, `Member must have length less than or equal to ${shape.max}`)
  }
}

function checkString(shape: Shape, value: string, path: string, findings: Finding[]): void {
  checkSize(shape, value.length, value, path, findings)
  if (shape.enum !== undefined && !shape.enum.includes(value)) {
    find(findings, shape, value, path, `Member must satisfy enum value set: [${shape.enum.join(', ')}]`)
  }
  // A text over its length is not matched: patterns were written for texts within it.
  const isTooLong = value.length > (shape.max ?? 131_072)
  if (shape.pattern !== undefined && !isTooLong && !regExpOf(shape.pattern).test(value)) {
    find(findings, shape, value, path, `Member must satisfy regular expression pattern: ${shape.pattern}`)
  }
}

function checkRange(shape: Shape, value: number, path: string, findings: Finding[]): void {
  if (shape.min !== undefined && value < shape.min) {
    find(findings, shape, value, path, `Member must have value greater than or equal to ${shape.min}`)
  }
  if (shape.max !== undefined && value > shape.max) {
    find(findings, shape, value, path, `Member must have value less than or equal to ${shape.max}`)
  }
}

const patterns = new Map<string, RegExp>()

/** The models' patterns are Java's; they match whole values. Some have escapes that JavaScript's `u` mode refuses. */
function regExpOf(pattern: string): RegExp {
  let compiled = patterns.get(pattern)
  if (compiled === undefined) {
    compiled = compilePattern(pattern)
    patterns.set(pattern, compiled)
  }
  return compiled
}

function compilePattern(pattern: string): RegExp {
  for (const flags of ['u', '']) {
    try {
      return new RegExp(`^(?:${pattern})$`, flags)
    } catch {
      // The next flags are laxer.
    }
  }
  throw new Error(`the model has a pattern that JavaScript cannot read: ${pattern}`)
}
