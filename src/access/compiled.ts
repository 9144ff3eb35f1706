import { hash } from 'node:crypto'
import type { CompiledPolicy, PolicySource } from '../policy/compile.ts'
import { compilePolicy, withSource } from '../policy/compile.ts'
import { parsePolicy } from '../policy/parse.ts'
import type { PolicyKind } from '../policy/policy.ts'
import type { RoleTable } from '../store/schema.ts'
import { roleArn } from './identity-arns.ts'

/** Compiled policies kept, by content: a big one takes up to 200 KiB, an ordinary one a few. */
const CAPACITY = 2_000

/** One compiled policy of each text, and what those who have it call theirs: the same matchers under another name. */
const byText = new Map<string, CompiledPolicy>()
const bySource = new Map<string, CompiledPolicy>()

/** A stored policy's own text. */
export interface PolicyText {
  readonly document: string
  /** SHA-256 of it, base64. */
  readonly digest: string
}

const texts = new WeakMap<CompiledPolicy, PolicyText>()

/**
 * The compiled form of a stored policy: compiled once for all who have the same text, whoever they are. Stored policies were checked when
 * they were put, so an error here means that a row was changed by hand: it is thrown, and the request refused.
 */
export function compiledPolicy(document: string, kind: PolicyKind, source: PolicySource): CompiledPolicy {
  const digest = hash('sha256', document, 'base64')
  const text = `${kind}\0${digest}`
  const key = `${text}\0${source.type}\0${source.arn ?? ''}\0${source.name}\0${source.attachedTo ?? ''}`
  return recall(bySource, key, () => {
    const shared = recall(byText, text, () => compilePolicy(parsePolicy(document, kind), source))
    const policy = withSource(shared, source)
    texts.set(policy, { document, digest })
    return policy
  })
}

/** What the cache has, or what is made now and kept: the one unused for longest gives way. */
function recall(cache: Map<string, CompiledPolicy>, key: string, make: () => CompiledPolicy): CompiledPolicy {
  const policy = cache.get(key) ?? make()
  // Moved to the end: the first key is the one unused for longest.
  if (!cache.delete(key) && cache.size >= CAPACITY) cache.delete(cache.keys().next().value as string)
  cache.set(key, policy)
  return policy
}

/** A role's trust policy as stored, with unique ids for principals: whom it admits is decided by those. */
export function compiledTrustPolicy(row: RoleTable): CompiledPolicy {
  return compiledPolicy(row.trust_policy, 'trust', { type: 'trust', arn: roleArn(row), name: row.name })
}

/** The text that compiledPolicy made a policy from; undefined for one compiled elsewhere. */
export function textOf(policy: CompiledPolicy): PolicyText | undefined {
  return texts.get(policy.original ?? policy)
}

/** What tells one policy from another by content and place. */
export function fingerprintOf(policy: CompiledPolicy): string {
  const { type, arn, name, attachedTo } = policy.source
  const content = textOf(policy)?.digest ?? policy.statements.map(({ statement }) => statement)
  return JSON.stringify([type, arn, name, attachedTo, content])
}
