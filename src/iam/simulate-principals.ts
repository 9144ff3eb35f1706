import { groupArn, roleArn, userArn } from '../access/identity-arns.ts'
import type { Principal } from '../access/principal.ts'
import { requestContext } from '../access/request-context.ts'
import { InvalidInputException, NoSuchEntityException } from '../aws/generated/iam.ts'
import type { Context } from '../context.ts'
import { parseArn } from '../lib/arn.ts'
import { findGroupByName } from '../store/identity/identities-groups.ts'
import { findRoleByName, findUserByName } from '../store/identity/identities.ts'
import type { Queryable } from '../store/store.ts'
import { tagsOf } from '../store/identity/tags.ts'

/** A user, group or role whose policies are simulated. */
export interface SimulatedEntity {
  readonly kind: 'user' | 'group' | 'role'
  readonly accountId: string
  readonly arn: string
  /** AIDA…, AGPA… or AROA… */
  readonly id: string
  readonly name: string
  readonly boundaryArn: string | undefined
}

/**
 * The entity of the caller's account that an ARN names.
 * @throws {InvalidInputException} Where it is the ARN of something else; AWS's words.
 * @throws {NoSuchEntityException} Where there is no such entity.
 */
export async function entityNamed(ctx: Context, arn: string): Promise<SimulatedEntity> {
  const kind = kindOf(arn)
  if (kind === undefined) {
    throw new InvalidInputException(
      `Invalid Entity Arn: ${arn} does not clearly define entity type and name.`,
    )
  }
  const entity = await findEntity(ctx.store.db, ctx.accountId, arn)
  if (entity === undefined) throw new NoSuchEntityException(`The ${kind} ${arn} cannot be found.`)
  return entity
}

const ENTITY = /^arn:aws:iam::\d{12}:(user|group|role)\/(?:[\x21-\x7e]*\/)?[\w+=,.@-]+$/

function kindOf(arn: string): SimulatedEntity['kind'] | undefined {
  return ENTITY.exec(arn)?.[1] as SimulatedEntity['kind'] | undefined
}

async function findEntity(
  db: Queryable,
  accountId: string,
  arn: string,
): Promise<SimulatedEntity | undefined> {
  const name = arn.slice(arn.lastIndexOf('/') + 1)
  let found: SimulatedEntity | undefined
  switch (kindOf(arn)) {
    case 'user': {
      const row = await findUserByName(db, accountId, name)
      if (row === undefined) return undefined
      const boundaryArn = row.boundary_arn ?? undefined
      found = { kind: 'user', accountId, arn: userArn(row), id: row.user_id, name: row.name, boundaryArn }
      break
    }
    case 'role': {
      const row = await findRoleByName(db, accountId, name)
      if (row === undefined) return undefined
      const boundaryArn = row.boundary_arn ?? undefined
      found = { kind: 'role', accountId, arn: roleArn(row), id: row.role_id, name: row.name, boundaryArn }
      break
    }
    case 'group': {
      const row = await findGroupByName(db, accountId, name)
      if (row === undefined) return undefined
      const arnOfRow = groupArn(row)
      found = {
        kind: 'group',
        accountId,
        arn: arnOfRow,
        id: row.group_id,
        name: row.name,
        boundaryArn: undefined,
      }
      break
    }
    case undefined:
  }
  return found?.arn === arn ? found : undefined
}

/** Who is taken to ask in a simulation. */
export interface SimulatedCaller {
  readonly principal: Principal
  /** Condition keys that follow from who it is; what a request alone could tell (`aws:SourceIp`) is for ContextEntries. */
  readonly keys: ReadonlySet<string>
}

const ALWAYS: readonly string[] = [
  'aws:CurrentTime',
  'aws:EpochTime',
  'aws:RequestedRegion',
  'aws:ResourceAccount',
  'aws:ViaAWSService',
]
const OF_ANYBODY = [...ALWAYS, 'aws:PrincipalAccount', 'aws:PrincipalIsAWSService']
const OF_NAMED = [...OF_ANYBODY, 'aws:PrincipalArn', 'aws:PrincipalType']

/** A session name that cannot be had: nothing that names a session is about a simulated one. */
const NO_SESSION = '-'

/** The caller that is the entity itself: with its tags, a role as one of its sessions. */
export async function callerOfEntity(ctx: Context, entity: SimulatedEntity): Promise<SimulatedCaller> {
  const tags = entity.kind === 'group' ? {} : await tagsOf(ctx.store.db, entity.accountId, entity.arn)
  return caller(entity, tags, undefined)
}

/** Nobody in particular: whose policies were given is not said. */
export function unnamedCaller(ctx: Context): SimulatedCaller {
  const principal: Principal = { kind: 'user', accountId: ctx.accountId, arn: '', uniqueId: '', tags: {} }
  return { principal, keys: new Set(ALWAYS) }
}

/**
 * The caller that a CallerArn names: AWS takes users, groups and roles, this takes a role's sessions too. He need not exist. His
 * tags are not looked up: the right to simulate is one on the policies' owner.
 */
export async function callerNamed(ctx: Context, arn: string): Promise<SimulatedCaller> {
  const session = /^arn:aws:sts::(\d{12}):assumed-role\/([\w+=,.@-]+)\/([\w+=,.@-]+)$/.exec(arn)
  if (session !== null) {
    const [, accountId, name, sessionName] = session as unknown as [string, string, string, string]
    const row = accountId === ctx.accountId ? await findRoleByName(ctx.store.db, accountId, name) : undefined
    const role = {
      kind: 'role' as const,
      accountId,
      arn: row === undefined ? `arn:aws:iam::${accountId}:role/${name}` : roleArn(row),
      id: row?.role_id ?? '',
      name,
    }
    return caller(role, {}, sessionName)
  }
  const kind = kindOf(arn)
  if (kind === undefined) {
    throw new InvalidInputException(
      `Invalid CallerArn ${arn}: expected the ARN of a user, a group, a role or a role's session`,
    )
  }
  const accountId = parseArn(arn)?.accountId ?? ctx.accountId
  const found = accountId === ctx.accountId ? await findEntity(ctx.store.db, accountId, arn) : undefined
  const name = arn.slice(arn.lastIndexOf('/') + 1)
  return caller(found ?? { kind, accountId, arn, id: '', name }, {}, undefined)
}

function caller(
  entity: Pick<SimulatedEntity, 'kind' | 'accountId' | 'arn' | 'id' | 'name'>,
  tags: Readonly<Record<string, string>>,
  sessionName: string | undefined,
): SimulatedCaller {
  const { kind, accountId, arn, id, name } = entity
  const tagKeys = Object.keys(tags).map((key) => `aws:PrincipalTag/${key}`)
  if (kind === 'role') {
    const session = sessionName ?? NO_SESSION
    const principal: Principal = {
      kind: 'assumed-role',
      accountId,
      arn: `arn:aws:sts::${accountId}:assumed-role/${name}/${session}`,
      uniqueId: `${id}:${session}`,
      roleArn: arn,
      ...(id !== '' && { identityId: id }),
      tags,
    }
    const ofSession = sessionName === undefined || id === '' ? [] : ['aws:userid']
    return { principal, keys: new Set([...OF_NAMED, ...tagKeys, ...ofSession]) }
  }
  if (kind === 'group') {
    // Nobody is a group: what names the group's ARN as principal is about nobody.
    return { principal: { kind: 'user', accountId, arn, uniqueId: id, tags }, keys: new Set(OF_ANYBODY) }
  }
  const principal: Principal = { kind: 'user', accountId, arn, uniqueId: id, userName: name, tags }
  const ofUser = id === '' ? ['aws:username'] : ['aws:username', 'aws:userid']
  return { principal, keys: new Set([...OF_NAMED, ...tagKeys, ...ofUser]) }
}

/** Condition keys of a simulated request before ContextEntries: those of every request that the caller and the server settle. */
export function callerContext(
  ctx: Context,
  { principal, keys }: SimulatedCaller,
  resourceAccountId: string,
): Record<string, string | readonly string[]> {
  const all = requestContext(principal, { region: ctx.region, now: ctx.now, resourceAccountId })
  return Object.fromEntries(Object.entries(all).filter(([key]) => keys.has(key)))
}
