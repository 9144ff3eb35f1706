import { roleArn, userArn } from '../access/identity-arns.ts'
import { layersOf } from '../access/layers.ts'
import type { Principal } from '../access/principal.ts'
import { InvalidParameterValueException, ResourceNotFoundException } from '../aws/generated/roleback.ts'
import type {
  ListUnusedPermissionsInput,
  ListUnusedPermissionsOutput,
  PermissionUse,
} from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { likePattern } from '../policy/pattern.ts'
import { contextOf } from '../policy/context.ts'
import type { CompiledPolicy, CompiledStatement } from '../policy/compile.ts'
import { findRoleByName, findUserByName } from '../store/identity/identities.ts'
import { firstRecordAt, usesOf } from '../store/identity/uses.ts'
import type { Use } from '../store/identity/uses.ts'

/** Records older than this are not looked at, as with AWS's last-accessed data. */
const TRACKED_MS = 400 * 86_400_000

/**
 * What a role or user was granted and what of it was ever used, by the records of API calls and jobs. An action counts as used
 * where it was allowed once, whatever statement allowed it; so a statement is told as unused only when nothing was done that it could
 * have been for.
 *
 * @throws {ResourceNotFoundException} 400
 */
export async function listUnusedPermissions(
  ctx: Context,
  input: ListUnusedPermissionsInput,
): Promise<ListUnusedPermissionsOutput> {
  await ctx.authorize('iam:GenerateServiceLastAccessedDetails', input.PrincipalArn)
  await ctx.authorize('iam:SimulatePrincipalPolicy', input.PrincipalArn)
  const { db } = ctx.store
  const { principal, createdAt } = await principalNamed(ctx, input.PrincipalArn)
  const recordedSince = (await firstRecordAt(db, ctx.accountId)) ?? ctx.now
  const since = Math.max(ctx.now - TRACKED_MS, createdAt, recordedSince, input.Since?.getTime() ?? 0)
  const all = await usesOf(db, ctx.accountId, since)
  const uses = all.filter((use) => use.isAllowed && use.identityId === principal.identityId)
  const { identity } = await layersOf(db, principal)
  const permissions = identity.flatMap((policy) => permissionsOf(policy, uses))
  const isUnused = ({ Count }: PermissionUse): boolean => Count === 0
  return {
    PrincipalArn: input.PrincipalArn,
    From: new Date(since),
    To: new Date(ctx.now),
    PermissionCount: permissions.length,
    UnusedCount: permissions.filter(isUnused).length,
    Permissions: input.Include === 'all' ? permissions : permissions.filter(isUnused),
  }
}

async function principalNamed(
  ctx: Context,
  arn: string,
): Promise<{ readonly principal: Principal; readonly createdAt: number }> {
  const { db } = ctx.store
  const { accountId } = ctx
  const [, kind, name = ''] = /^arn:aws:iam::\d{12}:(user|role)\/(?:.*\/)?([^/]+)$/.exec(arn) ?? []
  const base = { accountId, arn, tags: {} }
  if (kind === 'role') {
    const row = await findRoleByName(db, accountId, name)
    if (row !== undefined && roleArn(row) === arn) {
      const ids = { uniqueId: `${row.role_id}:-`, identityId: row.role_id, roleArn: arn }
      return { principal: { ...base, kind: 'assumed-role', ...ids }, createdAt: row.created_at }
    }
  } else if (kind === 'user') {
    const row = await findUserByName(db, accountId, name)
    if (row !== undefined && userArn(row) === arn) {
      const ids = { uniqueId: row.user_id, identityId: row.user_id, userName: row.name }
      return { principal: { ...base, kind: 'user', ...ids }, createdAt: row.created_at }
    }
  } else {
    throw new InvalidParameterValueException(`"${arn}" is not the ARN of a role or user`, {
      Context: 'PrincipalArn',
    })
  }
  throw new ResourceNotFoundException(`Cannot find ${arn} in this account`, { Context: 'PrincipalArn' })
}

function permissionsOf(policy: CompiledPolicy, uses: readonly Use[]): PermissionUse[] {
  return policy.statements
    .filter(({ isDeny }) => !isDeny)
    .flatMap((statement) => actionsOf(statement).map((action) => toUse(policy, statement, action, uses)))
}

/** As written; of NotAction the whole list is one right. */
function actionsOf({ statement }: CompiledStatement): readonly string[] {
  const { negated, names } = statement.action
  return negated ? [`everything but ${names.join(', ')}`] : names
}

const NO_CONTEXT = contextOf({})

function toUse(
  { source }: CompiledPolicy,
  { statement }: CompiledStatement,
  action: string,
  uses: readonly Use[],
): PermissionUse {
  const { negated, names } = statement.action
  const patterns = (negated ? names : [action]).map((name) =>
    likePattern(name.toLowerCase(), { variables: false, whenUnresolved: false }),
  )
  const isMeant = (use: Use): boolean =>
    patterns.some((matches) => matches(use.action.toLowerCase(), NO_CONTEXT)) !== negated
  const meant = uses.filter(isMeant)
  const lastAt = Math.max(0, ...meant.map((use) => use.lastAt))
  return {
    PolicyArn: source.arn,
    PolicyName: source.name,
    AttachedTo: source.attachedTo,
    StatementId: statement.sid ?? `#${statement.index}`,
    Action: action,
    Count: meant.reduce((sum, { count }) => sum + count, 0),
    LastUsedAt: lastAt === 0 ? undefined : new Date(lastAt),
    UsedActions: [...new Set(meant.map((use) => use.action))].toSorted(),
  }
}
