import { parseArn } from '../lib/arn.ts'
import { findRoleById, findRoleByName, findUserById, findUserByName } from '../store/identity/identities.ts'
import type { Queryable } from '../store/store.ts'
import { roleArn, userArn } from './identity-arns.ts'

/**
 * Principals of trust and resource policies are kept by unique id: an ARN can be given again to somebody else, an id cannot.
 * Policies are shown with ARNs as long as the identity exists, and with the bare id afterwards (IAM User Guide, "AWS JSON policy
 * elements: Principal").
 */

const UNIQUE_ID = /^(?:AIDA|AROA)[A-Z0-9]{12,}(?::.*)?$/

/** `principal` is the first that names nobody of this server. */
export type SavedPrincipals =
  | { readonly ok: true; readonly document: string }
  | { readonly ok: false; readonly principal: string }

/** Replaces the ARNs of users, roles and role sessions by ids. The document must have been parsed as a policy before. */
export async function savePrincipals(db: Queryable, document: string): Promise<SavedPrincipals> {
  let unknown: string | undefined
  const saved = await mapPrincipals(document, async (name) => {
    const id = await idOf(db, name)
    if (id === undefined) unknown ??= name
    return id ?? name
  })
  return unknown === undefined ? { ok: true, document: saved } : { ok: false, principal: unknown }
}

/** Replaces the ids of those who still exist by their ARNs. `known` may be shared between documents of one answer. */
export async function showPrincipals(
  db: Queryable,
  document: string,
  known: Map<string, string> = new Map(),
): Promise<string> {
  return await mapPrincipals(document, async (name) => {
    const shown = known.get(name) ?? (await arnOfId(db, name))
    known.set(name, shown)
    return shown
  })
}

/** The form to keep; undefined where nobody is named. Accounts, services and `*` stay as they are. */
async function idOf(db: Queryable, name: string): Promise<string | undefined> {
  if (UNIQUE_ID.test(name)) return (await arnOfId(db, name)) === name ? undefined : name
  const arn = parseArn(name)
  if (arn === undefined) return name
  const [type, ...rest] = arn.resource.split('/')
  const last = rest.at(-1) as string
  if (arn.service === 'iam' && type === 'user') {
    const user = await findUserByName(db, arn.accountId, last)
    return user !== undefined && userArn(user) === name ? user.user_id : undefined
  }
  if (arn.service === 'iam' && type === 'role') {
    const role = await findRoleByName(db, arn.accountId, last)
    return role !== undefined && roleArn(role) === name ? role.role_id : undefined
  }
  if (arn.service === 'sts' && type === 'assumed-role') {
    const role = await findRoleByName(db, arn.accountId, rest[0] as string)
    return role !== undefined && role.name === rest[0] ? `${role.role_id}:${last}` : undefined
  }
  return name
}

/** The ARN of the user, role or session that an id stands for; the name itself where it is no id, or he is gone. */
export async function arnOfId(db: Queryable, name: string): Promise<string> {
  if (!UNIQUE_ID.test(name)) return name
  const [id, session] = name.split(':') as [string, string?]
  if (id.startsWith('AIDA')) {
    const user = await findUserById(db, id)
    return user === undefined ? name : userArn(user)
  }
  const role = await findRoleById(db, id)
  if (role === undefined) return name
  if (session === undefined) return roleArn(role)
  return `arn:aws:sts::${role.account_id}:assumed-role/${role.name}/${session}`
}

/** Rewrites every AWS principal of a policy that was parsed before, so that its shape is known. */
async function mapPrincipals(document: string, map: (name: string) => Promise<string>): Promise<string> {
  const policy = JSON.parse(document) as { Statement: JsonStatement | JsonStatement[] }
  const statements = Array.isArray(policy.Statement) ? policy.Statement : [policy.Statement]
  for (const statement of statements) {
    for (const element of [statement.Principal, statement.NotPrincipal]) {
      if (element === undefined || typeof element === 'string' || element.AWS === undefined) continue
      if (typeof element.AWS === 'string') element.AWS = await map(element.AWS)
      else {
        const names: string[] = []
        for (const name of element.AWS) names.push(await map(name))
        element.AWS = names
      }
    }
  }
  return JSON.stringify(policy)
}

interface JsonStatement {
  readonly Principal?: string | JsonPrincipal
  readonly NotPrincipal?: string | JsonPrincipal
}

interface JsonPrincipal {
  AWS?: string | string[]
}
