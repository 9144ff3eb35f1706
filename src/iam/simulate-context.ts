import { InvalidInputException } from '../aws/generated/iam.ts'
import type { ContextEntry } from '../aws/generated/iam.ts'
import { candidatesFor } from '../policy/compile.ts'
import type { CompiledStatement } from '../policy/compile.ts'
import type { ConditionContext } from '../policy/context.ts'
import { parseAddress } from '../policy/ip.ts'
import { variablesIn } from '../policy/variables.ts'
import type { SimulatedPolicy } from './simulate-policies.ts'

/**
 * Reads ContextEntries: a list type makes a multivalued key even of one value, all other types take one value.
 * @throws {InvalidInputException} For a value that is not of its type, a key without a name or twice.
 */
export function contextOfEntries(
  entries: readonly ContextEntry[] | undefined,
): Record<string, string | readonly string[]> {
  const context: Record<string, string | readonly string[]> = {}
  const seen = new Set<string>()
  for (const { ContextKeyName: name, ContextKeyValues, ContextKeyType: type = 'string' } of entries ?? []) {
    if (name === undefined)
      throw new InvalidInputException('Invalid context entry: ContextKeyName is missing')
    if (seen.has(name.toLowerCase())) {
      throw new InvalidInputException(`Invalid context entry "${name}": the key is given twice`)
    }
    seen.add(name.toLowerCase())
    const values = ContextKeyValues ?? []
    const isList = type.endsWith('List')
    const [first] = values
    if (!isList && (first === undefined || values.length > 1)) {
      throw new InvalidInputException(
        `Invalid context entry "${name}": type ${type} takes one value, and ${values.length} are given. Use ${type}List`,
      )
    }
    const isValid = VALID[(isList ? type.slice(0, -'List'.length) : type) as keyof typeof VALID]
    const wrong = values.find((value) => !isValid(value))
    if (wrong !== undefined) {
      throw new InvalidInputException(
        `Invalid context entry "${name}": "${wrong}" is no value of type ${type}`,
      )
    }
    context[name] = isList ? values : (first as string)
  }
  return context
}

const VALID = {
  string: () => true,
  numeric: (value: string) => /^[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?$/.test(value),
  boolean: (value: string) => /^(?:true|false)$/i.test(value),
  ip: (value: string) => parseAddress(value) !== undefined,
  binary: (value: string) => /^[A-Za-z0-9+/]*={0,2}$/.test(value),
  date: (value: string) => /^\d+(?:\.\d+)?$/.test(value) || !Number.isNaN(Date.parse(value)),
} as const

/**
 * Every condition key that policies use: in conditions, and as variables in resources and condition values. In the spelling of the
 * first place and in the order of the places; two spellings of one key are one.
 */
export function contextKeysOf(policies: readonly SimulatedPolicy[]): readonly string[] {
  const keys = new Map<string, string>()
  for (const { compiled, hasVariables } of policies) {
    for (const statement of compiled.statements) collectKeys(keys, statement, hasVariables)
  }
  return [...keys.values()]
}

/**
 * The keys of the statements about this action and resource that the request does not have: what a simulation could not know. A
 * statement whose resource holds a variable without a value may be about any resource.
 */
export function missingKeys(
  policies: readonly SimulatedPolicy[],
  request: { readonly action: string; readonly resource: string; readonly context: ConditionContext },
): readonly string[] {
  const { resource, context } = request
  const action = request.action.toLowerCase()
  const keys = new Map<string, string>()
  for (const { compiled, hasVariables } of policies) {
    for (const { statement, matchesAction } of candidatesFor(compiled, action)) {
      if (matchesAction !== undefined && !matchesAction(action)) continue
      const isAbout = statement.matchesResource === undefined || statement.matchesResource(resource, context)
      const isOpen =
        hasVariables && resourceVariables(statement).some((key) => !context.has(key.toLowerCase()))
      if (isAbout || isOpen) collectKeys(keys, statement, hasVariables)
    }
  }
  return [...keys].filter(([key]) => !context.has(key)).map(([, written]) => written)
}

function collectKeys(keys: Map<string, string>, compiled: CompiledStatement, hasVariables: boolean): void {
  const add = (key: string): void => {
    if (!keys.has(key.toLowerCase())) keys.set(key.toLowerCase(), key)
  }
  for (const { key, operator, values } of compiled.statement.conditions) {
    add(key)
    // Numbers, dates, addresses and presence know no variables.
    if (hasVariables && /^(?:String|Arn)/.test(operator.comparison)) values.flatMap(keysIn).forEach(add)
  }
  if (hasVariables) resourceVariables(compiled).forEach(add)
}

/** Variables count in the resource part of an ARN only. */
function resourceVariables({ statement }: CompiledStatement): readonly string[] {
  return (statement.resource?.names ?? []).flatMap((name) => keysIn(name.split(':').slice(5).join(':')))
}

/** Keys of `${KEY}` and `${KEY, 'default'}`; `${*}`, `${?}` and `${$}` are characters. */
function keysIn(text: string): readonly string[] {
  return [...variablesIn(text)]
    .map(({ inner }) => (inner.split(',')[0] as string).trim())
    .filter((key) => key !== '' && !/^[*?$]$/.test(key))
}
