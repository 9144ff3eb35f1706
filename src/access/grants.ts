/**
 * Policies made from single rights: the same right is granted once, rights on the same resources share a statement, and what
 * does not fit into one document is split.
 */

/** One right. `sources` limits it to recovery points of these resources. */
export interface Grant {
  readonly action: string
  /** An ARN or a pattern, as a policy writes it. */
  readonly resource: string
  readonly source?: string | undefined
  readonly condition?: object | undefined
}

export interface PolicyStatement {
  readonly Effect: 'Allow'
  readonly Action: string | readonly string[]
  readonly Resource: string | readonly string[]
  readonly Condition?: object
}

/** AWS's limits, in characters without white space: all inline policies of a role together, and one managed policy. */
export const INLINE_ROLE_CHARACTERS = 10_240
export const MANAGED_CHARACTERS = 6_144

/** The tag that recovery points carry from the moment they are made, and that nobody can change. */
const SOURCE_TAG = 'aws:ResourceTag/aws:backup:source-resource'

/** The condition that a recovery point is of one of these resources. */
export function ofSource(sources: string | readonly string[]): object {
  return { StringEquals: { [SOURCE_TAG]: sources } }
}

/** What one statement is about, before its actions are known. */
interface Place {
  readonly resource: string
  readonly condition: object | undefined
  readonly sources: Set<string>
  readonly actions: Set<string>
}

/** The fewest statements that grant these rights and no others. */
export function statementsOf(grants: Iterable<Grant>): readonly PolicyStatement[] {
  const places = new Map<string, Place>()
  for (const { action, resource, source, condition } of grants) {
    // Rights with a source are kept apart from those without: one must not widen the other.
    const key = `${resource}\0${JSON.stringify(condition) ?? ''}\0${source ?? ''}`
    let place = places.get(key)
    if (place === undefined) {
      place = { resource, condition, sources: new Set(), actions: new Set() }
      places.set(key, place)
    }
    if (source !== undefined) place.sources.add(source)
    place.actions.add(action)
  }
  return grouped([...places.values()]).map(toStatement)
}

interface Group {
  readonly condition: object | undefined
  readonly actions: readonly string[]
  readonly resources: Set<string>
  readonly sources: Set<string>
}

/**
 * Resources with the same rights share a statement. Of recovery points the source decides, whatever forms of ARNs stand beside each
 * other; so those forms that others include are left out.
 */
function grouped(places: readonly Place[]): readonly Group[] {
  const groups = new Map<string, Group>()
  for (const { resource, condition, sources, actions: set } of places) {
    const actions = inOrder(set)
    const key = `${JSON.stringify(condition) ?? ''}\0${actions.join()}\0${sources.size > 0}`
    const known = groups.get(key)
    const group = known ?? { condition, actions, resources: new Set(), sources: new Set() }
    if (known === undefined) groups.set(key, group)
    group.resources.add(resource)
    for (const source of sources) group.sources.add(source)
  }
  return [...groups.values()].map((group) => {
    if (group.sources.size === 0) return group
    return { ...group, resources: new Set(withoutIncluded([...group.resources])) }
  })
}

function withoutIncluded(forms: readonly string[]): readonly string[] {
  const wide = forms.filter((form) => form.endsWith('*')).map((form) => form.slice(0, -1))
  return forms.filter((form) => !wide.some((start) => form.startsWith(start) && form !== `${start}*`))
}

function toStatement({ resources, actions, sources, condition }: Group): PolicyStatement {
  const limited = sources.size > 0 ? ofSource(oneOrAll(inOrder(sources))) : condition
  return {
    Effect: 'Allow',
    Action: oneOrAll(actions),
    Resource: oneOrAll(inOrder(resources)),
    ...(limited !== undefined && { Condition: limited }),
  }
}

const inOrder = (texts: Iterable<string>): readonly string[] => [...texts].toSorted()
const oneOrAll = (texts: readonly string[]): string | readonly string[] =>
  texts.length === 1 ? (texts[0] as string) : texts

/** A document with its size as AWS counts it. */
export interface SizedPolicy {
  readonly document: string
  readonly characters: number
}

export function policyOf(statements: readonly PolicyStatement[]): SizedPolicy {
  const document = JSON.stringify({ Version: '2012-10-17', Statement: statements })
  return { document, characters: document.replaceAll(/\s/g, '').length }
}

/** As many documents of at most `limit` characters as it takes; statements with long lists are cut apart. */
export function splitPolicies(
  statements: readonly PolicyStatement[],
  limit: number = MANAGED_CHARACTERS,
): readonly SizedPolicy[] {
  const frame = policyOf([]).characters
  const room = limit - frame
  const documents: PolicyStatement[][] = [[]]
  let used = 0
  for (const statement of statements.flatMap((one) => cut(one, room))) {
    const size = sizeOf(statement) + 1
    if (used + size > room && used > 0) {
      documents.push([])
      used = 0
    }
    documents.at(-1)?.push(statement)
    used += size
  }
  return documents.map(policyOf)
}

const sizeOf = (statement: PolicyStatement): number => JSON.stringify(statement).length

/** Halves the longer list, resources or sources, until each part has room. */
function cut(statement: PolicyStatement, room: number): readonly PolicyStatement[] {
  if (sizeOf(statement) < room) return [statement]
  const resources = [statement.Resource].flat()
  const sources = sourcesOf(statement)
  const parts = (texts: readonly string[]): readonly (readonly string[])[] => {
    const middle = Math.ceil(texts.length / 2)
    return [texts.slice(0, middle), texts.slice(middle)]
  }
  if (resources.length > 1 && resources.join().length >= sources.join().length) {
    return parts(resources).flatMap((half) => cut({ ...statement, Resource: oneOrAll(half) }, room))
  }
  if (sources.length > 1) {
    return parts(sources).flatMap((half) => cut({ ...statement, Condition: ofSource(oneOrAll(half)) }, room))
  }
  return [statement]
}

function sourcesOf({ Condition }: PolicyStatement): readonly string[] {
  const { StringEquals } = (Condition ?? {}) as { StringEquals?: Readonly<Record<string, string | string[]>> }
  return [StringEquals?.[SOURCE_TAG] ?? []].flat()
}
