import { issueAccessKey, MAX_ACCESS_KEYS, statusOf } from '../access/access-keys.ts'
import { userArn } from '../access/identity-arns.ts'
import {
  InvalidParameterValueException,
  LimitExceededException,
  ResourceNotFoundException,
} from '../aws/generated/roleback.ts'
import type {
  CreateLimitedAccessKeyInput,
  CreateLimitedAccessKeyOutput,
  LimitedAccessKey,
  ListLimitedAccessKeysInput,
  ListLimitedAccessKeysOutput,
} from '../aws/generated/roleback.ts'
import type { OperationContext } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { countedSize, parsePolicy, PolicySyntaxError, SESSION_POLICY_LIMIT } from '../policy/parse.ts'
import { sentenceWithPlace } from '../policy/positions.ts'
import { findUserByName, listLimitedKeys } from '../store/identity/identities.ts'
import type { AccessKeyTable, UserTable } from '../store/schema.ts'
import { tagsOf } from '../store/identity/tags.ts'
import { nextToken, pageOf } from './paging.ts'

type UserInput = { readonly UserName?: string | undefined }

/** The user's ARN; `*` where a request names none. */
export async function userTarget(ctx: Context, { UserName }: UserInput): Promise<string> {
  if (UserName === undefined) return '*'
  const row = await findUserByName(ctx.store.db, ctx.accountId, UserName)
  return userArn(row ?? { account_id: ctx.accountId, path: '/', name: UserName })
}

/** The same keys as IAM's own operations on users have. */
export async function userContext(ctx: Context, input: UserInput): Promise<OperationContext> {
  const tags = await tagsOf(ctx.store.db, ctx.accountId, await userTarget(ctx, input))
  return Object.fromEntries(
    Object.entries(tags).flatMap(([key, value]) => [
      [`aws:ResourceTag/${key}`, value],
      [`iam:ResourceTag/${key}`, value],
    ]),
  )
}

/**
 * Makes a key for a machine that must do one thing: with an end, a policy of its own that takes away from the user's rights like a
 * session policy, or both. The limits never change; to change them make another key. The caller needs `iam:CreateAccessKey`, too.
 */
export async function createLimitedAccessKey(
  ctx: Context,
  input: CreateLimitedAccessKeyInput,
): Promise<CreateLimitedAccessKeyOutput> {
  await ctx.authorize('iam:CreateAccessKey', await userTarget(ctx, input), await userContext(ctx, input))
  const limits = limitsGiven(ctx, input)
  return await ctx.store.transaction(async (tx) => {
    const user = await findUserByName(tx, ctx.accountId, input.UserName)
    if (user === undefined) throw noSuchUser(input.UserName)
    const owner = { accountId: ctx.accountId, userId: user.user_id, now: ctx.now }
    const key = await issueAccessKey(tx, ctx.serverKey, { ...owner, limits })
    if (key === undefined) {
      throw new LimitExceededException(
        `User "${user.name}" has ${MAX_ACCESS_KEYS} access keys, and may not have more: delete one first`,
        { Context: user.name },
      )
    }
    return {
      AccessKey: {
        AccessKeyId: key.accessKeyId,
        UserName: user.name,
        Status: 'Active',
        CreateDate: new Date(ctx.now),
        ExpirationDate: input.ExpirationDate,
        PolicyDocument: limits.policy,
      },
      SecretAccessKey: key.secretAccessKey,
    }
  })
}

function limitsGiven(
  ctx: Context,
  { ExpirationDate, PolicyDocument }: CreateLimitedAccessKeyInput,
): { readonly expiresAt: number | undefined; readonly policy: string | undefined } {
  if (ExpirationDate === undefined && PolicyDocument === undefined) {
    throw new InvalidParameterValueException(
      'A limited access key has an ExpirationDate, a PolicyDocument or both; one without limits is made by iam:CreateAccessKey',
    )
  }
  if (ExpirationDate !== undefined && ExpirationDate.getTime() <= ctx.now) {
    throw new InvalidParameterValueException(
      `ExpirationDate ${ExpirationDate.toISOString()} is not in the future`,
      { Context: 'ExpirationDate' },
    )
  }
  if (PolicyDocument !== undefined) checkPolicy(PolicyDocument)
  return { expiresAt: ExpirationDate?.getTime(), policy: PolicyDocument }
}

/** What a session policy must be. */
function checkPolicy(document: string): void {
  const size = countedSize(document)
  if (size > SESSION_POLICY_LIMIT) {
    throw new InvalidParameterValueException(
      `PolicyDocument has ${size} characters without blanks, and ${SESSION_POLICY_LIMIT} are the most that a policy of a key may have`,
      { Context: 'PolicyDocument' },
    )
  }
  try {
    parsePolicy(document, 'session')
  } catch (error) {
    if (!(error instanceof PolicySyntaxError)) throw error
    throw new InvalidParameterValueException(`PolicyDocument: ${sentenceWithPlace(document, error)}`, {
      Context: 'PolicyDocument',
    })
  }
}

export function noSuchUser(name: string): ResourceNotFoundException {
  return new ResourceNotFoundException(`The user with name ${name} cannot be found.`, { Context: name })
}

/** Keys with limits of one user, or of all of the account; the secret is in no list. The caller needs `iam:ListAccessKeys`, too. */
export async function listLimitedAccessKeys(
  ctx: Context,
  input: ListLimitedAccessKeysInput,
): Promise<ListLimitedAccessKeysOutput> {
  await ctx.authorize('iam:ListAccessKeys', await userTarget(ctx, input), await userContext(ctx, input))
  const user = await userAsked(ctx, input.UserName)
  const list = `ListLimitedAccessKeys ${user?.user_id ?? 'of all'}`
  const { rows, next } = await listLimitedKeys(
    ctx.store.db,
    { accountId: ctx.accountId, userId: user?.user_id },
    pageOf(ctx, list, input),
  )
  return { AccessKeys: rows.map((row) => toKey(ctx, row)), NextToken: nextToken(ctx, list, next) }
}

async function userAsked(ctx: Context, name: string | undefined): Promise<UserTable | undefined> {
  if (name === undefined) return undefined
  const user = await findUserByName(ctx.store.db, ctx.accountId, name)
  if (user === undefined) throw noSuchUser(name)
  return user
}

function toKey(ctx: Context, row: AccessKeyTable & { readonly user_name: string }): LimitedAccessKey {
  return {
    AccessKeyId: row.access_key_id,
    UserName: row.user_name,
    Status: statusOf(row, ctx.now),
    CreateDate: new Date(row.created_at),
    ExpirationDate: row.expires_at === null ? undefined : new Date(row.expires_at),
    PolicyDocument: row.policy ?? undefined,
    LastUsedDate: row.last_used_at === null ? undefined : new Date(row.last_used_at),
  }
}
