/** What is known of AWS's services, so far as policies name it (access/service-reference.ts reads it). */
export interface ServiceReference {
  /** By the prefix of its actions, in lower case; undefined for a prefix that no service has. */
  readonly service: (prefix: string) => ServiceFacts | undefined
  /** Condition keys of every request. */
  readonly globalKeys: KeyFacts
}

export interface ServiceFacts {
  /** By the action's name in lower case. */
  readonly actions: ReadonlyMap<string, ActionFacts>
  readonly keys: KeyFacts
}

export interface ActionFacts {
  /** As AWS spells it, with the service's prefix. */
  readonly name: string
  /** Forms of the ARNs that it takes, `*` for what differs and without `arn:PARTITION:`; none where only `*` will do. */
  readonly resources: readonly string[]
}

/** Names of condition keys. One that ends in a name of its own, such as a tag's key, is known by its beginning. */
export interface KeyFacts {
  /** Undefined for a key that is not among them. */
  readonly find: (key: string) => { readonly hasSeveralValues: boolean } | undefined
}

/** Keys as the reference lists them: a plus sign in front of those with several values, a star for what differs. */
export function keyFacts(listed: readonly string[]): KeyFacts {
  const exact = new Map<string, { readonly hasSeveralValues: boolean }>()
  const open: { readonly head: string; readonly tail: string; readonly hasSeveralValues: boolean }[] = []
  for (const written of listed) {
    const hasSeveralValues = written.startsWith('+')
    const key = written.slice(hasSeveralValues ? 1 : 0).toLowerCase()
    const star = key.indexOf('*')
    if (star < 0) exact.set(key, { hasSeveralValues })
    else open.push({ head: key.slice(0, star), tail: key.slice(key.lastIndexOf('*') + 1), hasSeveralValues })
  }
  return {
    find: (key) => {
      const name = key.toLowerCase()
      const isOpen = ({ head, tail }: (typeof open)[number]): boolean =>
        name.length > head.length + tail.length && name.startsWith(head) && name.endsWith(tail)
      return exact.get(name) ?? open.find(isOpen)
    },
  }
}
