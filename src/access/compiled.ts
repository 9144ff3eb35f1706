import { createHash } from 'node:crypto'
import type { CompiledPolicy, PolicySource } from '../policy/compile.ts'
import { compilePolicy } from '../policy/compile.ts'
import { parsePolicy } from '../policy/parse.ts'
import type { PolicyKind } from '../policy/policy.ts'
import type { RoleTable } from '../store/schema.ts'
import { roleArn } from './identity-arns.ts'

/** Compiled policies kept, by content: a big one takes up to 200 KiB, an ordinary one a few. */
const CAPACITY = 2_000

const cache = new Map<string, CompiledPolicy>()

/**
 * The compiled form of a stored policy, shared between all that have the same text and source. Stored policies were checked when
 * they were put, so an error here means that a row was changed by hand: it is thrown, and the request refused.
 */
export function compiledPolicy(document: string, kind: PolicyKind, source: PolicySource): CompiledPolicy {
  const key = `${kind}\0${source.type}\0${source.arn ?? ''}\0${source.name}\0${source.attachedTo ?? ''}\0${digest(document)}`
  const known = cache.get(key)
  if (known !== undefined) {
    // Moved to the end: the first key is the one unused for longest.
    cache.delete(key)
    cache.set(key, known)
    return known
  }
  const compiled = compilePolicy(parsePolicy(document, kind), source)
  if (cache.size >= CAPACITY) cache.delete(cache.keys().next().value as string)
  cache.set(key, compiled)
  return compiled
}

/** A role's trust policy as stored, with unique ids for principals: whom it admits is decided by those. */
export function compiledTrustPolicy(row: RoleTable): CompiledPolicy {
  return compiledPolicy(row.trust_policy, 'trust', { type: 'trust', arn: roleArn(row), name: row.name })
}

function digest(document: string): string {
  return document.length <= 64 ? document : createHash('sha256').update(document).digest('base64')
}
