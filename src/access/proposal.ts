import { candidatesFor, compilePolicy } from '../policy/compile.ts'
import type { CompiledPolicy, PolicySource, StatementRef } from '../policy/compile.ts'
import { evaluate } from '../policy/evaluate.ts'
import type { AuthorizationRequest, Decision, PolicyLayers } from '../policy/evaluate.ts'
import { parsePolicy, PolicySyntaxError } from '../policy/parse.ts'
import { literalPattern } from '../policy/pattern.ts'
import type { PolicyKind } from '../policy/policy.ts'
import { JOB_SCOPE } from './job-scope.ts'
import { keyPolicyName } from './layers.ts'

/** One of the changes that together make a refused request succeed. */
export interface Proposal {
  readonly change: 'add' | 'remove' | 'ask'
  /** For people: which policy of whom. */
  readonly where: string
  /** The kind of policy to change; absent where nobody here can change it. */
  readonly policyType?: 'identity' | 'boundary' | 'session' | 'trust' | 'resource' | undefined
  /** The identity, policy, role or vault to change, where it has an ARN. */
  readonly target?: string | undefined
  /** The statement to add. */
  readonly statement?: object | undefined
  /** The Sid or number of the statement to remove or narrow. */
  readonly statementId?: string | undefined
}

/** One refused request with the policies that were asked. */
export interface Question {
  readonly request: AuthorizationRequest
  readonly layers: PolicyLayers
  /** What a statement must name instead of the resource, where that has a new id at each try: a backup's recovery point. */
  readonly resourcePattern?: string | undefined
}

/** Stands in for a layer that must be out of the way. */
export const EVERYTHING: readonly CompiledPolicy[] = [
  compilePolicy(
    parsePolicy(
      '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}',
      'session',
    ),
    { type: 'session', name: 'everything' },
  ),
]

/** Stands in for the trust policy of a role that is not there: it admits nobody, like one that does not admit the caller. */
export const NO_ROLE: CompiledPolicy = compilePolicy(
  parsePolicy(
    '{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"AROAAAAAAAAAAAAAAAAAA"},"Action":"sts:AssumeRole"}}',
    'trust',
  ),
  { type: 'trust', name: 'no role' },
)

/** So begin the names of the policies of limited access keys. */
const KEY_POLICY = keyPolicyName('')

/**
 * The changes that make the request succeed, all of them at once: Denies in the way, then for each layer that has no Allow the
 * smallest statement that gives it one. Another account's policies are neither shown nor proposed for.
 */
export function propose(question: Question): readonly Proposal[] {
  const { request, layers } = question
  const decision = evaluate(request, layers)
  const removals = decision.effect === 'ExplicitDeny' ? removalsOf(question, decision.statements) : []
  let current = removals.length > 0 ? layersWithoutDenies(question) : layers
  const additions: Proposal[] = []
  // A request fails at one layer at a time; there are no more layers than these.
  for (let round = 0; round < 5; round++) {
    const next = evaluate(request, current)
    if (next.allowed) break
    const step = additionFor({ ...question, layers: current }, next)
    additions.push(step.proposal)
    if (step.layers === undefined) break
    current = step.layers
  }
  // Asking another account once is enough.
  return [...new Set([...removals, ...additions])]
}

/** True where the resource is another account's: of that account's policies nothing is told (R15). */
export function isForeign({ resourceAccountId, principal }: AuthorizationRequest): boolean {
  return resourceAccountId !== undefined && resourceAccountId !== principal.accountId
}

/** What the owner of a resource would have to change in its own policy for a stranger; the stranger's policies are not asked. */
export function proposeToOwner(question: Question): readonly Proposal[] {
  const { request, layers } = question
  const asked: PolicyLayers = { identity: EVERYTHING, resource: layers.resource, trust: layers.trust }
  const decision = evaluate(request, asked)
  const removals = decision.effect === 'ExplicitDeny' ? decision.statements.map(removalOf) : []
  const current = removals.length > 0 ? layersWithoutDenies({ request, layers: asked }) : asked
  if (evaluate(request, current).allowed) return removals
  if (layers.trust !== undefined) {
    const step = addition(
      { request, layers: current },
      'trust',
      request.resource,
      `the trust policy of ${request.resource}`,
    )
    return [...removals, step.proposal]
  }
  const where =
    layers.resource?.kind === 'vault' && request.action.toLowerCase() !== 'backup:copyintobackupvault'
      ? 'across accounts the access policy of a vault can allow backup:CopyIntoBackupVault and nothing else'
      : `the access policy of ${request.resource} must allow ${request.action} to ${ownerOf(request)}`
  return [...removals, { change: 'ask', where }]
}

function removalsOf({ request, layers }: Question, statements: readonly StatementRef[]): readonly Proposal[] {
  const own = isForeign(request) ? statements.filter((ref) => !isOfResource(layers, ref)) : statements
  if (own.length < statements.length) return [...own.map(removalOf), FOREIGN]
  return own.map(removalOf)
}

function isOfResource(layers: PolicyLayers, ref: StatementRef): boolean {
  return ref.policy === layers.resource?.source || ref.policy === layers.trust?.source
}

function removalOf(ref: StatementRef): Proposal {
  const { policy } = ref
  const statementId = ref.sid ?? `#${ref.index}`
  return {
    change: 'remove',
    where: `an explicit deny in ${describePolicy(policy)} (statement ${statementId}) must be removed or narrowed`,
    policyType: TYPES[policy.type],
    target: policy.arn ?? policy.attachedTo,
    statementId,
  }
}

const TYPES = {
  managed: 'identity',
  inline: 'identity',
  session: 'session',
  boundary: 'boundary',
  resource: 'resource',
  trust: 'trust',
} as const

/** `the managed policy ARN attached to ARN`, `the inline policy NAME of ARN`, … */
export function describePolicy(policy: PolicySource): string {
  const at = policy.attachedTo === undefined ? '' : ` attached to ${policy.attachedTo}`
  switch (policy.type) {
    case 'managed':
      return `the managed policy ${policy.arn ?? policy.name}${at}`
    case 'inline':
      return `the inline policy ${policy.name}${policy.attachedTo === undefined ? '' : ` of ${policy.attachedTo}`}`
    case 'boundary':
      return `the permissions boundary ${policy.arn ?? policy.name}`
    case 'session':
      return policy.arn === undefined ? `the ${policy.name}` : `the session policy ${policy.arn}`
    case 'resource':
      return `the access policy of ${policy.arn ?? policy.name}`
    case 'trust':
      return `the trust policy of ${policy.arn ?? policy.name}`
  }
}

const FOREIGN: Proposal = {
  change: 'ask',
  where: "the resource is another account's: its owner must allow this in the resource's own policy",
}

function layersWithoutDenies({ request, layers }: Question): PolicyLayers {
  const action = request.action.toLowerCase()
  const allowing = (policy: CompiledPolicy): CompiledPolicy => ({
    ...policy,
    byAction: new Map(),
    byService: new Map(),
    rest: candidatesFor(policy, action).filter(({ statement }) => !statement.isDeny),
  })
  return {
    identity: layers.identity.map(allowing),
    ...(layers.boundary !== undefined && { boundary: layers.boundary.map(allowing) }),
    ...(layers.session !== undefined && { session: layers.session.map(allowing) }),
    ...(layers.resource !== undefined && { resource: allowing(layers.resource) }),
    ...(layers.trust !== undefined && { trust: allowing(layers.trust) }),
  }
}

/** What the layer that refused lacks, and the layers with it; none where no statement would help. */
function additionFor(
  question: Question,
  decision: Decision,
): { readonly proposal: Proposal; readonly layers?: PolicyLayers } {
  const { request, layers } = question
  switch (decision.layer) {
    case 'identity':
      return addition(question, 'identity', ownerOf(request), `an identity policy of ${ownerOf(request)}`)
    case 'boundary': {
      const source = layers.boundary?.[0]?.source
      if (source === undefined) {
        return ask(
          `the permissions boundary of ${ownerOf(request)} no longer exists and allows nothing: set another one`,
        )
      }
      const isOwn = !source.arn?.startsWith('arn:aws:iam::aws:')
      const how = isOwn
        ? ''
        : ", which is AWS's and cannot be changed: set a boundary of your own with its statements and"
      return addition(question, 'boundary', source.arn, `${describePolicy(source)}${how}`)
    }
    case 'session': {
      if (layers.session?.some(({ source }) => source.name === JOB_SCOPE) === true) {
        return ask(
          'a job can touch nothing beside its own resource, recovery point, vault and target, whatever its role may: no statement changes this',
        )
      }
      const key = layers.session?.find(({ source }) => source.name.startsWith(KEY_POLICY))
      if (key !== undefined) {
        return addition(
          question,
          'session',
          undefined,
          `the ${key.source.name}, which cannot be changed: make another key whose policy has`,
        )
      }
      return addition(
        question,
        'session',
        undefined,
        'the session policy given when the session was made: make a new session with',
      )
    }
    case 'resource':
      if (isForeign(request)) return { proposal: FOREIGN }
      if (layers.trust === NO_ROLE) {
        return ask(`there is no role ${request.resource}: correct the ARN, or make the role`)
      }
      if (layers.trust !== undefined) {
        return addition(question, 'trust', request.resource, `the trust policy of ${request.resource}`)
      }
      return ask(
        AWS_POLICY.test(request.resource)
          ? "AWS's own managed policies cannot be changed: make a policy of your own from it"
          : "only the resource's own policy could allow this",
      )
    case 'root':
      return ask('the root user cannot assume roles: use a user or a role')
  }
}

const AWS_POLICY = /^arn:[^:]*:iam::aws:/

const ask = (where: string): { readonly proposal: Proposal } => ({ proposal: { change: 'ask', where } })

const KINDS: Readonly<Record<'identity' | 'boundary' | 'session' | 'trust', PolicyKind>> = {
  identity: 'identity',
  boundary: 'identity',
  session: 'session',
  trust: 'trust',
}

function addition(
  { request, layers, resourcePattern }: Question,
  layer: 'identity' | 'boundary' | 'session' | 'trust',
  target: string | undefined,
  where: string,
): { readonly proposal: Proposal; readonly layers?: PolicyLayers } {
  const statement = layer === 'trust' ? trustStatement(request) : statementFor(request, resourcePattern)
  const policy = compiled(statement, layer)
  if (policy === undefined) {
    return ask(
      `the request names "${request.resource}", which no policy can name: correct the request (a statement on every resource alone would allow it)`,
    )
  }
  return {
    proposal: { change: 'add', where, policyType: layer, target, statement },
    layers:
      layer === 'trust'
        ? { ...layers, trust: policy }
        : { ...layers, [layer]: [...(layers[layer] ?? []), policy] },
  }
}

/** Undefined where the grammar refuses it: a request may name what is no ARN. */
function compiled(statement: object, layer: keyof typeof KINDS): CompiledPolicy | undefined {
  const document = JSON.stringify({ Version: '2012-10-17', Statement: [statement] })
  try {
    return compilePolicy(parsePolicy(document, KINDS[layer]), {
      type: layer === 'identity' ? 'inline' : layer,
      name: 'proposed',
    })
  } catch (error) {
    if (error instanceof PolicySyntaxError) return undefined
    throw error
  }
}

/** The identity whose policies apply: the role behind a session, the user, also behind whom he federates. */
function ownerOf({ principal }: AuthorizationRequest): string {
  return principal.roleArn ?? principal.userArn ?? principal.arn
}

/** The smallest statement that allows the request: its action on its resource, PassRole only to the service it was for. */
function statementFor(request: AuthorizationRequest, resourcePattern: string | undefined): object {
  const passedTo = request.context.get('iam:passedtoservice')
  return {
    Effect: 'Allow',
    Action: request.action,
    Resource: resourcePattern ?? literal(request.resource),
    ...(typeof passedTo === 'string' && {
      Condition: { StringEquals: { 'iam:PassedToService': passedTo } },
    }),
  }
}

function trustStatement(request: AuthorizationRequest): object {
  const { principal, action: Action } = request
  if (principal.provider !== undefined) return webTrustStatement(principal.provider, request)
  const Principal =
    principal.service === undefined ? { AWS: ownerOf(request) } : { Service: principal.service }
  return { Effect: 'Allow', Principal, Action }
}

/** Never a provider alone: whoever it vouches for could take the role. */
function webTrustStatement(provider: string, { action: Action, context }: AuthorizationRequest): object {
  const url = provider.slice(provider.indexOf('/') + 1)
  const keys = ['aud', 'sub'].map((name) => `${url}:${name}`)
  const StringEquals = Object.fromEntries(keys.map((key) => [key, context.get(key.toLowerCase()) ?? '']))
  return { Effect: 'Allow', Principal: { Federated: provider }, Action, Condition: { StringEquals } }
}

/** Names may hold wildcard characters; in the statement they mean themselves. `*` alone is every resource. */
export function literal(resource: string): string {
  return resource === '*' ? resource : literalPattern(resource)
}
