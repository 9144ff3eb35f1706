import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Call } from '../../aws/client.ts'
import { AwsError } from '../../aws/error.ts'
import type { SecretPlace } from './apply-file.ts'
import { CommandUsageError } from '../report.ts'
import { checked } from '../secret-input.ts'

/** What a declaration is held against, and how its secrets are found. */
export interface Applying {
  readonly call: Call
  readonly accountId: string
  readonly region: string
  /** Reads the secret of `what` where it lies. */
  secret(place: SecretPlace, what: string): string
}

/** A value that is not as declared. Undefined: there is none. */
export interface Difference {
  readonly path: string
  readonly from: unknown
  readonly to: unknown
}

/** One declared thing beside what is there. */
export interface Change {
  /** E.g. `role backup`. */
  readonly what: string
  readonly action: 'create' | 'update' | 'unchanged'
  readonly differences: readonly Difference[]
  /** Calls that bring it to its declared state, in their order; none where it is unchanged. */
  readonly steps: readonly (() => Promise<unknown>)[]
}

type Json = null | string | number | boolean | readonly Json[] | { readonly [key: string]: Json }

/**
 * How `declared` differs from `actual`, value by value. Lists are compared in their order.
 *
 * @param isWhole Whether what is there beside it is a difference, too.
 */
export function differencesOf(
  declared: unknown,
  actual: unknown,
  path: string,
  isWhole: boolean,
): readonly Difference[] {
  if (isRecord(declared) && isRecord(actual)) {
    const names = new Set([...Object.keys(declared), ...(isWhole ? Object.keys(actual) : [])])
    return [...names].flatMap((name) => {
      const [to, from] = [ownOf(declared, name), ownOf(actual, name)]
      if (to === undefined && !isWhole) return []
      return differencesOf(to, from, path === '' ? name : `${path}.${name}`, isWhole)
    })
  }
  if (Array.isArray(declared) && Array.isArray(actual) && declared.length === actual.length) {
    return declared.flatMap((one: unknown, at) => differencesOf(one, actual[at], `${path}[${at}]`, isWhole))
  }
  return JSON.stringify(ordered(declared)) === JSON.stringify(ordered(actual))
    ? []
    : [{ path, from: actual, to: declared }]
}

/** A tag may be called as something that every object has: `constructor`. */
function ownOf(record: Readonly<Record<string, unknown>>, name: string): unknown {
  return Object.hasOwn(record, name) ? record[name] : undefined
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function ordered(value: unknown): Json {
  if (Array.isArray(value)) return value.map(ordered)
  if (!isRecord(value)) return (value ?? null) as Json
  const names = Object.keys(value).filter((name) => value[name] !== undefined)
  return Object.fromEntries(names.toSorted().map((name) => [name, ordered(value[name])]))
}

/** Policies differ by what they say, not by how they are spaced. */
export function policyDifferences(
  declared: string,
  actual: string | undefined,
  path: string,
): readonly Difference[] {
  const found: unknown = actual === undefined ? undefined : JSON.parse(actual)
  return differencesOf(JSON.parse(declared), found, path, true)
}

/** A new thing: all that is declared of it. */
export function created(what: string, declared: object, steps: Change['steps']): Change {
  const differences = differencesOf(withoutSecrets(declared), {}, '', false)
  return { what, action: 'create', differences, steps }
}

function withoutSecrets(declared: object): object {
  return Object.fromEntries(
    Object.entries(declared).filter(([name]) => name !== 'Secret' && name !== 'RestoreSecret'),
  )
}

/** What is there already, with the steps that each kind of difference takes. */
export function updated(
  what: string,
  parts: readonly (readonly [differences: readonly Difference[], ...steps: Change['steps']])[],
): Change {
  const needed = parts.filter(([differences]) => differences.length > 0)
  return {
    what,
    action: needed.length === 0 ? 'unchanged' : 'update',
    differences: needed.flatMap(([differences]) => differences),
    steps: needed.flatMap(([, ...steps]) => steps),
  }
}

/** The answer; undefined where there is no such thing. */
export async function ifThere<T>(ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask()
  } catch (error) {
    if (error instanceof AwsError && /^(?:NoSuchEntity|ResourceNotFoundException)$/.test(error.code))
      return undefined
    throw error
  }
}

/** All pages of a list. */
export async function allPages<T>(
  page: (
    next: string | undefined,
  ) => Promise<readonly [items: readonly T[] | undefined, next: string | undefined]>,
): Promise<readonly T[]> {
  const all: T[] = []
  let next: string | undefined
  do {
    const [items, more] = await page(next)
    all.push(...(items ?? []))
    next = more
  } while (next !== undefined)
  return all
}

/** Reads secrets; files are looked for beside the declaration. @throws {CommandUsageError} Never with the secret. */
export function secretReader(folder: string, env: NodeJS.ProcessEnv): Applying['secret'] {
  return (place, what) => {
    if ('File' in place) {
      const file = resolve(folder, place.File)
      return checked(readFileSync(file, 'utf8'), `secret of ${what}`, `"${file}"`)
    }
    const value = env[place.Environment]
    if (value === undefined)
      throw new CommandUsageError(`No secret of ${what}: the variable ${place.Environment} is not set`)
    return checked(value, `secret of ${what}`, `the variable ${place.Environment}`)
  }
}

export const tagList = (
  tags: Readonly<Record<string, string>> | undefined,
): readonly { readonly Key: string; readonly Value: string }[] =>
  Object.entries(tags ?? {}).map(([Key, Value]) => ({ Key, Value }))

export const tagMap = (
  tags: readonly { readonly Key: string; readonly Value: string }[] | undefined,
): Readonly<Record<string, string>> => Object.fromEntries((tags ?? []).map(({ Key, Value }) => [Key, Value]))
