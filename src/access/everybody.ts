import { candidatesFor } from '../policy/compile.ts'
import type { PolicyLayers } from '../policy/evaluate.ts'
import { findRoleById, findUserById, listRoles, listUsers } from '../store/identity/identities.ts'
import type { Page, PageRequest } from '../store/page.ts'
import type { RoleTable, UserTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import { tagsOf, tagsOfAll } from '../store/identity/tags.ts'
import type { Tags } from '../store/identity/tags.ts'
import { compiledTrustPolicy } from './compiled.ts'
import { roleArn, rootArn, userArn } from './identity-arns.ts'
import type { Principal } from './principal.ts'

/** Somebody of an account who could be allowed something: its root user, a user, or a role by one of its sessions. */
export interface Somebody {
  readonly kind: 'root' | 'user' | 'role'
  readonly arn: string
  /** His place in the order of everybody: kind, then name in lower case. */
  readonly place: readonly [number, string]
  readonly hasBoundary: boolean
  readonly principal: Principal
  /** Of a role. */
  readonly role?: RoleTable | undefined
}

const ROWS_AT_ONCE = 1_000

/** Everybody of the account, in order: its root user, its users by name, its roles by name. */
export async function everybodyOf(db: Queryable, accountId: string): Promise<readonly Somebody[]> {
  const filter = { accountId, pathPrefix: '/' }
  const users = await all((page) => listUsers(db, filter, page))
  const roles = await all((page) => listRoles(db, filter, page))
  const tags = await tagsOfAll(db, accountId, [...users.map(userArn), ...roles.map(roleArn)])
  return [
    rootOf(accountId),
    ...users.map((row) => userOf(row, tags.get(userArn(row)) ?? {})),
    ...roles.map((row) => roleOf(row, tags.get(roleArn(row)) ?? {})),
  ]
}

function rootOf(accountId: string): Somebody {
  const arn = rootArn(accountId)
  const principal: Principal = { kind: 'root', accountId, arn, uniqueId: accountId, tags: {} }
  return { kind: 'root', arn, place: [0, ''], hasBoundary: false, principal }
}

function userOf(row: UserTable, tags: Tags): Somebody {
  const arn = userArn(row)
  const ids = { uniqueId: row.user_id, identityId: row.user_id, userName: row.name }
  const principal: Principal = { kind: 'user', accountId: row.account_id, arn, ...ids, tags }
  return { kind: 'user', arn, place: [1, row.name_lower], hasBoundary: row.boundary_arn !== null, principal }
}

function roleOf(row: RoleTable, tags: Tags): Somebody {
  return {
    kind: 'role',
    arn: roleArn(row),
    place: [2, row.name_lower],
    hasBoundary: row.boundary_arn !== null,
    principal: sessionOf(row, NO_SESSION, tags),
    role: row,
  }
}

/**
 * What to keep of a caller to ask about him later: the unique id of the user or role behind him, the account of root. Whoever root
 * federates is nobody afterwards.
 */
export function lastingId({ kind, identityId, accountId, uniqueId }: Principal): string {
  return identityId ?? (kind === 'root' ? accountId : uniqueId)
}

/** Who has this id in the account now; undefined where nobody has. */
export async function somebodyOfId(
  db: Queryable,
  accountId: string,
  id: string,
): Promise<Somebody | undefined> {
  if (id === accountId) return rootOf(accountId)
  const [user, role] = id.startsWith('AIDA')
    ? [await findUserById(db, id), undefined]
    : [undefined, await findRoleById(db, id)]
  if (user?.account_id === accountId) return userOf(user, await tagsOf(db, accountId, userArn(user)))
  if (role?.account_id === accountId) return roleOf(role, await tagsOf(db, accountId, roleArn(role)))
  return undefined
}

async function all<Row>(list: (page: PageRequest) => Promise<Page<Row>>): Promise<readonly Row[]> {
  const rows: Row[] = []
  let after: PageRequest['after']
  do {
    const page = await list({ limit: ROWS_AT_ONCE, after })
    rows.push(...page.rows)
    after = page.next
  } while (after !== undefined)
  return rows
}

/** A session that no policy names: what it may do, most sessions of the role may. */
const NO_SESSION = '-'

/** A session of a role under this name. */
export function sessionOf(row: RoleTable, name: string, tags: Tags): Principal {
  return {
    kind: 'assumed-role',
    accountId: row.account_id,
    arn: `arn:aws:sts::${row.account_id}:assumed-role/${row.name}/${name}`,
    uniqueId: `${row.role_id}:${name}`,
    identityId: row.role_id,
    roleArn: roleArn(row),
    tags,
  }
}

/** The sessions of a role that a resource's policy names: whoever takes the role on gives its session a name. */
export function sessionsNamed({ resource, trust }: PolicyLayers, { role }: Somebody): readonly string[] {
  if (role === undefined) return []
  const prefix = `${role.role_id}:`
  const names = [resource, trust]
    .flatMap((policy) => policy?.statements ?? [])
    .flatMap(({ statement }) => statement.principal?.names.aws ?? [])
    .filter((name) => name.startsWith(prefix))
    .map((name) => name.slice(prefix.length))
  return [...new Set(names)]
}

/** What is told by a request alone: from where it comes, and how its caller proved himself. */
const OF_REQUESTS: ReadonlySet<string> = new Set([
  'aws:sourceip',
  'aws:useragent',
  'aws:securetransport',
  'aws:multifactorauthpresent',
  'aws:multifactorauthage',
  'aws:tokenissuetime',
  'aws:sourceidentity',
])
/** What beside it who takes on a role settles, by the session's name or with a provider's token. */
const OF_SESSIONS: ReadonlySet<string> = new Set(['aws:userid', 'aws:federatedprovider'])
/** A provider's keys are its address and a claim: `token.example.com/path:sub`. */
const OF_TOKENS = /^[^:]+\.[^:]+:/

/** Which condition keys nobody knows of a request that he will make: they may be there or not, with any value. */
export function unknownKeysOf({ role }: Somebody): (key: string) => boolean {
  if (role === undefined) return (key) => OF_REQUESTS.has(key)
  // Tags of a session go over the role's own, where its trust policy lets anybody give some.
  const takesTags = candidatesFor(compiledTrustPolicy(role), 'sts:tagsession').some(
    ({ statement, matchesAction }) => !statement.isDeny && matchesAction?.('sts:tagsession') !== false,
  )
  return (key) =>
    OF_REQUESTS.has(key) ||
    OF_SESSIONS.has(key) ||
    OF_TOKENS.test(key) ||
    (takesTags && key.startsWith('aws:principaltag/'))
}
