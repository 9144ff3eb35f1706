import { AwsError } from './error.ts'
import type { ServiceModel, Shape, ShapeRef } from './model.ts'
import { shapeOf } from './model.ts'
import type { Routed } from './wire.ts'

/** Values quoted in a message are cut at this many characters. */
const MAX_QUOTED = 200
/** So many findings are told; the rest is counted. */
const MAX_TOLD = 10
/** No pattern is tried on a longer text: it is refused. */
export const MAX_MATCHED: number = 131_072

interface Finding {
  readonly isMissing: boolean
  readonly path: string
  readonly text: string
}

interface Findings {
  readonly told: Finding[]
  count: number
}

interface Check {
  readonly model: ServiceModel
  readonly findings: Findings
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
  const findings: Findings = { told: [], count: 0 }
  check({ model: routed.model, findings }, ref, input, '', false)
  if (findings.count > 0) throw errorOf(routed.model, findings)
}

const CODES = {
  query: 'ValidationError',
  json: 'InvalidParameterException',
  'rest-json': 'ValidationException',
} as const

function errorOf(model: ServiceModel, { told, count }: Findings): AwsError {
  const first = told[0] as Finding
  const texts = told.map((finding) => finding.text).join('; ')
  const message = `${count} validation error${count === 1 ? '' : 's'} detected: ${texts}`
  if (model.metadata.name === 'backup' || model.metadata.name === 'roleback') {
    const isMissing = first.isMissing && model.metadata.name === 'backup'
    const code = isMissing ? 'MissingParameterValueException' : 'InvalidParameterValueException'
    return new AwsError(code, 400, message, { Context: first.path })
  }
  return new AwsError(CODES[model.metadata.protocol], 400, message)
}

/** @param isHidden Whether the value lies in something sensitive, and so is not to be quoted. */
function check(at: Check, ref: ShapeRef, value: unknown, path: string, isHidden: boolean): void {
  const shape = shapeOf(at.model, ref)
  const isSensitive = isHidden || shape.sensitive === true
  const refuse = (constraint: string): void => find(at.findings, value, path, constraint, isSensitive)
  switch (shape.type) {
    case 'structure':
      checkStructure(at, shape, value as Readonly<Record<string, unknown>>, path, isSensitive)
      return
    case 'list': {
      const items = value as readonly unknown[]
      checkSize(shape, items.length, refuse)
      for (const [i, item] of items.entries())
        check(at, shape.member as ShapeRef, item, `${path}.${i + 1}.member`, isSensitive)
      return
    }
    case 'map': {
      const entries = Object.entries(value as Readonly<Record<string, unknown>>)
      checkSize(shape, entries.length, refuse)
      for (const [key, item] of entries) {
        check(at, shape.key as ShapeRef, key, `${path}.key`, isSensitive)
        const name = isSensitive ? '***sensitive***' : key.slice(0, MAX_QUOTED)
        check(at, shape.value as ShapeRef, item, `${path}.${name}`, isSensitive)
      }
      return
    }
    case 'string':
      checkString(shape, value as string, refuse)
      return
    case 'integer':
    case 'long':
    case 'float':
    case 'double':
      checkRange(shape, value as number, refuse)
      return
    case 'blob':
    case 'boolean':
    case 'timestamp':
    case 'character':
  }
}

function checkStructure(
  at: Check,
  shape: Shape,
  value: Readonly<Record<string, unknown>>,
  path: string,
  isHidden: boolean,
): void {
  for (const name of shape.required ?? []) {
    if (value[name] !== undefined) continue
    const place = joined(path, name)
    const text = `Value null at '${place}' failed to satisfy constraint: Member must not be null`
    tell(at.findings, { isMissing: true, path: place, text })
  }
  for (const [name, ref] of Object.entries(shape.members ?? {})) {
    if (value[name] !== undefined) check(at, ref, value[name], joined(path, name), isHidden)
  }
}

/** AWS writes member names with a small first letter here. */
function joined(path: string, name: string): string {
  const member = name.charAt(0).toLowerCase() + name.slice(1)
  return path === '' ? member : `${path}.${member}`
}

function tell(findings: Findings, finding: Finding): void {
  findings.count += 1
  if (findings.told.length < MAX_TOLD) findings.told.push(finding)
}

function find(
  findings: Findings,
  value: unknown,
  path: string,
  constraint: string,
  isSensitive: boolean,
): void {
  const text = `Value '${isSensitive ? '***sensitive***' : quoted(value)}' at '${path}' failed to satisfy constraint: ${constraint}`
  tell(findings, { isMissing: false, path, text })
}

function quoted(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}…` : text
}

type Refuse = (constraint: string) => void

function checkSize({ min, max }: Shape, size: number, refuse: Refuse): void {
  if (min !== undefined && size < min) refuse(`Member must have length greater than or equal to ${min}`)
  if (max !== undefined && size > max) refuse(`Member must have length less than or equal to ${max}`)
}

function checkString(shape: Shape, value: string, refuse: Refuse): void {
  checkSize(shape, value.length, refuse)
  if (shape.enum !== undefined && !shape.enum.includes(value))
    refuse(`Member must satisfy enum value set: [${shape.enum.join(', ')}]`)
  if (shape.pattern === undefined) return
  // Patterns were written for texts within the length; one that is over has its finding, or gets it here.
  const isTooLong = value.length > Math.min(shape.max ?? MAX_MATCHED, MAX_MATCHED)
  if (isTooLong ? value.length > MAX_MATCHED : !regExpOf(shape.pattern).test(value))
    refuse(`Member must satisfy regular expression pattern: ${shape.pattern}`)
}

function checkRange({ min, max }: Shape, value: number, refuse: Refuse): void {
  if (min !== undefined && value < min) refuse(`Member must have value greater than or equal to ${min}`)
  if (max !== undefined && value > max) refuse(`Member must have value less than or equal to ${max}`)
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
