/**
 * A second evaluator for the tests to hold against the engine: slow, without any preparation, and written from the rules of
 * the IAM User Guide alone. It shares no code with the engine; what both must know of numbers, dates and addresses stands in
 * `reference-values.ts` as tables of texts and their meaning.
 */
import type { PrincipalView } from '../../src/policy/decision.ts'
import { globOf, isConditionMet, isLike, isResource, once } from './reference-matching.ts'
import type { Note, RawContext } from './reference-matching.ts'

export type Names = Readonly<Record<string, readonly string[]>>
export type RawStatement = {
  readonly Effect: 'Allow' | 'Deny'
  readonly Principal?: '*' | Names
  readonly NotPrincipal?: '*' | Names
  readonly Action?: readonly string[]
  readonly NotAction?: readonly string[]
  readonly Resource?: readonly string[]
  readonly NotResource?: readonly string[]
  readonly Condition?: Readonly<Record<string, Readonly<Record<string, readonly string[]>>>>
}
export type RawDocument = { readonly Version?: string; readonly Statement: readonly RawStatement[] }
export type RawLayers = {
  readonly identity: readonly RawDocument[]
  readonly boundary: readonly RawDocument[] | undefined
  readonly session: readonly RawDocument[] | undefined
  readonly resource: RawDocument | undefined
  /** The resource's policy is a backup vault's access policy. */
  readonly isVault: boolean
  readonly trust: RawDocument | undefined
}
export type RawRequest = {
  readonly principal: PrincipalView
  readonly action: string
  readonly resource: string
  readonly resourceAccountId: string | undefined
  readonly context: RawContext
}
export type ReferenceDecision = {
  readonly effect: 'Allow' | 'ImplicitDeny' | 'ExplicitDeny'
  readonly layer: string
  /** Deciding statements as `document#index`, documents by layer and place. */
  readonly statements: readonly string[]
}

// --- Statements ---

function isApplied(statement: RawStatement, version: string | undefined, request: RawRequest, note: Note) {
  const grants = statement.Effect === 'Allow'
  const setting = { variables: version === '2012-10-17', grants, note }
  const { action, resource, context } = request
  const isAction = (name: string): boolean =>
    once('action', name, action, () => isLike(globOf(name.toLowerCase()), action.toLowerCase()))!
  if (statement.Action && !statement.Action.some(isAction)) return false
  if (statement.NotAction) {
    const isListed = statement.NotAction.some(isAction)
    note(`NotAction of ${statement.Effect} ${isListed ? 'lists' : 'does not list'} the action`)
    if (isListed) return false
  }
  const isNamed = (unknown: boolean) => (name: string) =>
    once('resource', name, resource, () => isResource(name, resource, context, setting.variables, note)) ??
    unknown
  if (statement.Resource && !statement.Resource.some(isNamed(false))) return false
  if (statement.NotResource) {
    const isListed = statement.NotResource.some(isNamed(grants))
    note(`NotResource of ${statement.Effect} ${isListed ? 'lists' : 'does not list'} the resource`)
    if (isListed) return false
  }
  let isEveryMet = true
  for (const [name, block] of Object.entries(statement.Condition ?? {})) {
    for (const [key, values] of Object.entries(block)) {
      const isMet = isConditionMet(name, key, values, context, setting)
      note(`${name} ${isMet ? 'met' : 'unmet'}`)
      isEveryMet &&= isMet
    }
  }
  return isEveryMet
}

// --- Principals ---

/** How a resource's policy names the caller: as its account, its role, its user, or as nobody but itself. */
type Naming = 'account' | 'role' | 'user' | 'full'

function namings(names: '*' | Names, principal: PrincipalView, isTrusting = false): ReadonlySet<Naming> {
  const found = new Set<Naming>()
  const { kind, arn, accountId, uniqueId, roleId, userArn, userId, service, provider } = principal
  const aws = names === '*' ? ['*'] : (names['AWS'] ?? [])
  // What grants the taking on of a role must name services and providers themselves.
  const isOutside = kind === 'service' || kind === 'web-identity'
  if (aws.includes('*') && !(isTrusting && isOutside)) return found.add('full')
  if (kind === 'anonymous') return found
  if (kind === 'service') {
    if (names !== '*' && names['Service']?.includes(service!)) found.add('full')
    return found
  }
  if (kind === 'web-identity') {
    if (names !== '*' && names['Federated']?.includes(provider!)) found.add('full')
    return found
  }
  for (const name of aws) {
    if (name === accountId || name === `arn:aws:iam::${accountId}:root`) found.add('account')
    if (kind === 'root') continue
    if (name === arn || name === uniqueId) found.add(kind === 'user' ? 'user' : 'full')
    if (kind === 'assumed-role' && (name === roleId || isRoleOf(name, principal))) found.add('role')
    if (kind === 'federated-user' && (name === userArn || name === userId)) found.add('role')
  }
  return found
}

/** Paths are not compared: a session's ARN has none, and an account has a role's name only once. */
function isRoleOf(name: string, { arn }: PrincipalView): boolean {
  const role = /^arn:aws:iam::(\d+):role\/(?:.*\/)?([^/]+)$/.exec(name)
  const session = /^arn:aws:sts::(\d+):assumed-role\/([^/]+)\//.exec(arn)
  return role !== null && session !== null && role[1] === session[1] && role[2] === session[2]
}

/** The statement is about the caller, and in which way; empty if it is not. */
function aboutCaller(
  statement: RawStatement,
  principal: PrincipalView,
  hasBoundary: boolean,
  isTrust: boolean,
  note: Note,
): ReadonlySet<Naming> {
  const { Principal, NotPrincipal, Effect } = statement
  if (Principal !== undefined) {
    const found = namings(Principal, principal, isTrust && Effect === 'Allow')
    for (const naming of found) note(`${principal.kind} named by ${naming}`)
    if (found.size === 0) note(`${principal.kind} not named`)
    return found
  }
  if (NotPrincipal === undefined) return new Set()
  const listed = namings(NotPrincipal, principal)
  let isSpared = listed.size > 0
  if (Effect === 'Deny') {
    // All that the caller is must be listed: account and user, or account, role and session. With a boundary nothing helps.
    const wanted: Readonly<Record<PrincipalView['kind'], readonly Naming[]>> = {
      root: ['account'],
      user: ['account', 'user'],
      'assumed-role': ['account', 'role', 'full'],
      'federated-user': ['account', 'full'],
      service: ['full'],
      'web-identity': ['full'],
      anonymous: ['full'],
    }
    const isEveryone = NotPrincipal === '*' || NotPrincipal['AWS']?.includes('*')
    isSpared = !hasBoundary && (isEveryone || wanted[principal.kind].every((naming) => listed.has(naming)))
  }
  note(`NotPrincipal of ${Effect} ${isSpared ? 'spares' : 'meets'} ${principal.kind}`)
  return isSpared ? new Set() : new Set(['full'])
}

// --- The decision ---

type Found = { readonly id: string; readonly statement: RawStatement; readonly namings: ReadonlySet<Naming> }

const UNNAMED: ReadonlySet<Naming> = new Set()
const CHANGES_OF_POLICIES = ['deletepolicy', 'createpolicyversion', 'deletepolicyversion'].concat(
  'setdefaultpolicyversion',
  'tagpolicy',
  'untagpolicy',
)

export function decideByReference(request: RawRequest, layers: RawLayers, note: Note): ReferenceDecision {
  const { principal } = request
  const action = request.action.toLowerCase()
  const ids = (list: readonly Found[]): readonly string[] => list.map(({ id }) => id)
  const answer = (
    effect: ReferenceDecision['effect'],
    layer: string,
    statements: readonly string[] = [],
  ): ReferenceDecision => ({ effect, layer, statements })

  if (action === 'sts:getcalleridentity' && principal.kind !== 'anonymous') return answer('Allow', 'identity')

  const hasPolicies = ['user', 'assumed-role', 'federated-user'].includes(principal.kind)
  const applied = (documents: readonly RawDocument[], layer: string): readonly Found[] =>
    documents.flatMap((document, d) =>
      document.Statement.map((statement, s) => ({
        id: `${layer}${d}#${s}`,
        statement,
        namings: UNNAMED,
      })).filter(({ statement }) => isApplied(statement, document.Version, request, note)),
    )
  // A federated user has only what a session policy lets through.
  const session = principal.kind === 'federated-user' ? (layers.session ?? []) : layers.session
  const ofIdentity = hasPolicies ? applied(layers.identity, 'identity') : []
  const ofBoundary = hasPolicies ? applied(layers.boundary ?? [], 'boundary') : []
  const ofSession = hasPolicies ? applied(session ?? [], 'session') : []
  const isOutOfScope = layers.isVault && !action.startsWith('backup:')
  if (layers.isVault) note(`vault policy ${isOutOfScope ? 'out of' : 'in'} scope`)
  const ofResource = [
    ...(isOutOfScope ? [] : named(layers.resource, 'resource')),
    ...named(layers.trust, 'trust'),
  ]
  function named(document: RawDocument | undefined, layer: string): readonly Found[] {
    return (document?.Statement ?? []).flatMap((statement, s) => {
      const found = aboutCaller(statement, principal, layers.boundary !== undefined, layer === 'trust', note)
      if (found.size === 0 || !isApplied(statement, document!.Version, request, note)) return []
      return [{ id: `${layer}0#${s}`, statement, namings: found }]
    })
  }

  const denies = (list: readonly Found[]): readonly Found[] =>
    list.filter(({ statement }) => statement.Effect === 'Deny')
  const allows = (list: readonly Found[]): readonly Found[] =>
    list.filter(({ statement }) => statement.Effect === 'Allow')

  // An explicit Deny anywhere wins.
  const inOrder = [
    ['identity', denies(ofIdentity)],
    ['resource', denies(ofResource)],
    ['boundary', denies(ofBoundary)],
    ['session', denies(ofSession)],
  ] as const
  const first = inOrder.find(([, found]) => found.length > 0)
  if (first !== undefined) return answer('ExplicitDeny', first[0], ids(inOrder.flatMap(([, found]) => found)))

  if (principal.kind === 'root' && action === 'sts:assumerole') return answer('ImplicitDeny', 'root')

  const isSameAccount = isOwn(request)
  if (principal.kind === 'root' && isSameAccount) return answer('Allow', 'root')

  // Across accounts a vault's policy grants copying into the vault and nothing else.
  const isForeignVault =
    layers.isVault &&
    action !== 'backup:copyintobackupvault' &&
    request.resourceAccountId !== undefined &&
    request.resourceAccountId !== principal.accountId
  if (layers.isVault && !isOutOfScope) note(`vault policy ${isForeignVault ? 'cannot' : 'can'} grant`)
  const byResource = allows(ofResource).filter(({ id }) => !isForeignVault || id.startsWith('trust'))
  const naming = new Set(byResource.flatMap((found) => [...found.namings]))
  if (!hasPolicies) {
    return byResource.length > 0
      ? answer('Allow', 'resource', ids(byResource))
      : answer('ImplicitDeny', 'resource')
  }

  const byIdentity = allows(ofIdentity)
  const inBoundary = layers.boundary === undefined || allows(ofBoundary).length > 0
  const inSession = session === undefined || allows(ofSession).length > 0
  note(`boundary ${state(layers.boundary, inBoundary)}`)
  note(`session ${state(session, inSession)}`)
  const within = (layer: string, statements: readonly Found[]): ReferenceDecision =>
    !inBoundary
      ? answer('ImplicitDeny', 'boundary')
      : !inSession
        ? answer('ImplicitDeny', 'session')
        : answer('Allow', layer, ids(statements))

  if (!isSameAccount) {
    if (byIdentity.length === 0) return answer('ImplicitDeny', 'identity')
    if (naming.size === 0) return answer('ImplicitDeny', 'resource')
    return within('resource', [...byIdentity, ...byResource])
  }
  if (naming.has('full')) return answer('Allow', 'resource', ids(byResource))
  if (naming.has('user')) {
    return inSession ? answer('Allow', 'resource', ids(byResource)) : answer('ImplicitDeny', 'session')
  }
  if (naming.has('role')) return within('resource', byResource)
  if (layers.trust !== undefined && naming.size === 0) return answer('ImplicitDeny', 'resource')
  if (byIdentity.length === 0) return answer('ImplicitDeny', 'identity')
  return within('identity', byIdentity)
}

function state(documents: readonly RawDocument[] | undefined, isAllowed: boolean): string {
  if (documents === undefined) return 'absent'
  if (documents.length === 0) return 'empty'
  return isAllowed ? 'allows' : 'does not allow'
}

/** AWS's own policies may be read by everybody, and changed by nobody but AWS. */
function isOwn({ principal, resource, resourceAccountId, action }: RawRequest): boolean {
  if (![undefined, principal.accountId, 'aws'].includes(resourceAccountId)) return false
  const [service, operation] = action.toLowerCase().split(':')
  const isManaged = resource.startsWith('arn:aws:iam::aws:policy/')
  return !(isManaged && service === 'iam' && CHANGES_OF_POLICIES.includes(operation!))
}
