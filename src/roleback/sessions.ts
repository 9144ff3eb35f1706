import { roleArn, rootArn, userArn } from '../access/identity-arns.ts'
import { InvalidRequestException, ResourceNotFoundException } from '../aws/generated/roleback.ts'
import type {
  ListSessionsInput,
  ListSessionsOutput,
  RevokeSessionsInput,
  RevokeSessionsOutput,
} from '../aws/generated/roleback.ts'
import type { OperationContext } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { parseArn } from '../lib/arn.ts'
import { appendAudit } from '../store/audit/audit.ts'
import { findRoleByName, findUserByName, updateRole, updateUser } from '../store/identity/identities.ts'
import { endSignInSession, endSignInSessionsOf, listSignInSessions } from '../store/identity/sign-in.ts'
import type { ListedSession } from '../store/identity/sign-in.ts'
import type { Queryable } from '../store/store.ts'
import { tagsOf } from '../store/identity/tags.ts'
import { noSuchUser, userContext, userTarget } from './access-keys.ts'
import { nextToken, pageOf } from './paging.ts'

/** Ending what was given out: R14 of each request looks at it. */

/** Ends the session that asks. Nothing but the session itself is needed for that. */
export async function signOut(ctx: Context): Promise<Record<never, never>> {
  const { principal } = ctx
  const isSignedIn = principal.session?.isSignedIn === true && principal.accessKeyId !== undefined
  await appendAudit(ctx.store, {
    at: ctx.now,
    account_id: ctx.accountId,
    request_id: ctx.requestId,
    principal_arn: principal.arn,
    principal_id: principal.uniqueId,
    source_ip: ctx.sourceIp ?? null,
    service: 'roleback',
    action: 'roleback:SignOut',
    resource: principal.arn,
    effect: isSignedIn ? 'Allow' : 'Deny',
    layer: 'sign-in',
    reason: isSignedIn ? 'its own session' : 'not a session of SignIn',
    policy: null,
    statement: null,
  })
  if (!isSignedIn) {
    throw new InvalidRequestException(
      'Only a session of SignIn or StartSession can sign out. Access keys are deactivated by iam:UpdateAccessKey, sessions of roles ended by RevokeSessions',
    )
  }
  await endSignInSession(ctx.store.db, principal.accessKeyId, ctx.now)
  return {}
}

/** Sessions of people who are signed in; of one user, or of all of the account. The caller needs `iam:GetLoginProfile`, too. */
export async function listSessions(ctx: Context, input: ListSessionsInput): Promise<ListSessionsOutput> {
  await ctx.authorize('iam:GetLoginProfile', await userTarget(ctx, input), await userContext(ctx, input))
  const user =
    input.UserName === undefined
      ? undefined
      : await findUserByName(ctx.store.db, ctx.accountId, input.UserName)
  if (input.UserName !== undefined && user === undefined) throw noSuchUser(input.UserName)
  const list = `ListSessions ${user?.user_id ?? 'of all'}`
  const filter = { accountId: ctx.accountId, userId: user?.user_id, now: ctx.now }
  const { rows, next } = await listSignInSessions(ctx.store.db, filter, pageOf(ctx, list, input))
  return {
    Sessions: rows.map((row) => ({
      AccessKeyId: row.access_key_id,
      UserName: row.user_name ?? undefined,
      PrincipalArn: sessionArn(row),
      SignedInDate: new Date(row.created_at),
      ExpirationDate: new Date(row.expires_at),
      SourceIp: row.source_ip ?? undefined,
      MfaAuthenticated: row.mfa === 1,
    })),
    NextToken: nextToken(ctx, list, next),
  }
}

/** Of a session under a role its name is who signed in, for the role is everybody's. */
function sessionArn(row: ListedSession): string {
  if (row.role_name !== null)
    return `arn:aws:sts::${row.account_id}:assumed-role/${row.role_name}/${row.session_name}`
  if (row.user_id === row.account_id) return rootArn(row.account_id)
  return userArn({ account_id: row.account_id, path: row.user_path ?? '/', name: row.user_name ?? '' })
}

type PrincipalInput = { readonly PrincipalArn: string }

/** The same keys as IAM's own operations on users and roles have. */
export async function principalContext(
  ctx: Context,
  { PrincipalArn }: PrincipalInput,
): Promise<OperationContext> {
  const tags = await tagsOf(ctx.store.db, ctx.accountId, PrincipalArn)
  return Object.fromEntries(
    Object.entries(tags).flatMap(([key, value]) => [
      [`aws:ResourceTag/${key}`, value],
      [`iam:ResourceTag/${key}`, value],
    ]),
  )
}

/**
 * Ends every session that a user or role has by now, whoever holds it: of SignIn, GetSessionToken and AssumeRole. Access keys stay.
 * The caller needs the right that revoking by a policy takes, as AWS's console does it: `iam:PutUserPolicy` or `iam:PutRolePolicy`.
 */
export async function revokeSessions(
  ctx: Context,
  input: RevokeSessionsInput,
): Promise<RevokeSessionsOutput> {
  const { PrincipalArn } = input
  const isRole = parseArn(PrincipalArn)?.resource.startsWith('role/') === true
  const action = isRole ? 'iam:PutRolePolicy' : 'iam:PutUserPolicy'
  await ctx.authorize(action, PrincipalArn, await principalContext(ctx, input))
  // Credentials given out in this very millisecond go, too.
  const revokedBefore = ctx.now + 1
  await ctx.store.transaction(async (tx) => await revoke(ctx, PrincipalArn, isRole, revokedBefore, tx))
  return { RevokedBefore: new Date(revokedBefore) }
}

async function revoke(
  ctx: Context,
  arn: string,
  isRole: boolean,
  revokedBefore: number,
  tx: Queryable,
): Promise<void> {
  const name = arn.split('/').at(-1) as string
  if (isRole) {
    const role = await findRoleByName(tx, ctx.accountId, name)
    if (role === undefined || roleArn(role) !== arn) throw noSuchPrincipal(arn)
    await updateRole(tx, role.role_id, { revoked_before: revokedBefore })
    await endSignInSessionsOf(tx, role.role_id, ctx.now)
    return
  }
  const user = await findUserByName(tx, ctx.accountId, name)
  if (user === undefined || userArn(user) !== arn) throw noSuchPrincipal(arn)
  await updateUser(tx, user.user_id, { revoked_before: revokedBefore })
  await endSignInSessionsOf(tx, user.user_id, ctx.now)
}

function noSuchPrincipal(arn: string): ResourceNotFoundException {
  return new ResourceNotFoundException(`There is no user or role ${arn} in this account`, { Context: arn })
}
