import { readFileSync } from 'node:fs'
import { keyFacts } from '../policy/reference.ts'
import type { ActionFacts, ServiceFacts, ServiceReference } from '../policy/reference.ts'

/**
 * One service as service-reference.json has it (tools/build-service-reference.ts): the forms of its resources without `arn:PARTITION:`,
 * its condition keys (a plus sign in front of those with several values), and its actions by the numbers of the resources they take.
 */
interface Listed {
  readonly resources: readonly string[]
  readonly keys: readonly string[]
  /** `"0,2": "NameOne NameTwo"`; the empty list for actions that take none. */
  readonly actions: Readonly<Record<string, string>>
}

/** A service that AWS's reference does not have. */
export interface OwnService {
  readonly prefix: string
  readonly actions: readonly string[]
  readonly keys: readonly string[]
}

let listed: Readonly<Record<string, Listed>> | undefined

/** AWS's services and those given here. Half a megabyte is read at the first use, and a service is unfolded when it is asked for. */
export function serviceReference(own: readonly OwnService[]): ServiceReference {
  listed ??= JSON.parse(readFileSync(new URL('service-reference.json', import.meta.url), 'utf8')) as Readonly<
    Record<string, Listed>
  >
  const all = listed
  const unfolded = new Map<string, ServiceFacts>(own.map((service) => [service.prefix, ofOwn(service)]))
  return {
    globalKeys: keyFacts(all['*']?.keys ?? []),
    service: (prefix) => {
      const known = unfolded.get(prefix)
      if (known !== undefined || prefix === '*' || !Object.hasOwn(all, prefix)) return known
      const facts = unfold(prefix, all[prefix] as Listed)
      unfolded.set(prefix, facts)
      return facts
    },
  }
}

function unfold(prefix: string, { resources, keys, actions }: Listed): ServiceFacts {
  const found = new Map<string, ActionFacts>()
  for (const [numbers, names] of Object.entries(actions)) {
    const forms =
      numbers === '' ? [] : numbers.split(',').map((number) => resources[Number(number)] as string)
    for (const name of names.split(' ')) {
      found.set(name.toLowerCase(), { name: `${prefix}:${name}`, resources: forms })
    }
  }
  return { actions: found, keys: keyFacts(keys) }
}

/** What our own operations are on is not written down anywhere yet: any resource will do. */
function ofOwn({ prefix, actions, keys }: OwnService): ServiceFacts {
  const found = actions.map(
    (name) => [name.toLowerCase(), { name: `${prefix}:${name}`, resources: ['*'] }] as const,
  )
  return { actions: new Map(found), keys: keyFacts(keys) }
}
