import { issueAccessKey, MAX_ACCESS_KEYS, statusOf } from '../access/access-keys.ts'
import { rootArn, userArn } from '../access/identity-arns.ts'
import { recordRuling } from '../access/own-decisions.ts'
import { AwsError } from '../aws/error.ts'
import { InvalidInputException, LimitExceededException, NoSuchEntityException } from '../aws/generated/iam.ts'
import type {
  CreateAccessKeyRequest,
  CreateAccessKeyResponse,
  GetAccessKeyLastUsedRequest,
  GetAccessKeyLastUsedResponse,
  IamApi,
  ListAccessKeysRequest,
  ListAccessKeysResponse,
  UpdateAccessKeyRequest,
} from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import {
  deleteAccessKey,
  findAccessKey,
  findUserById,
  listAccessKeys,
  setAccessKeyStatus,
} from '../store/identity/identities.ts'
import type { AccessKeyTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import { on } from './conditions.ts'
import { userOrCaller, userOrCallerTarget } from './entities.ts'
import { pageMembers, pageRequest } from './paging.ts'

type Operations =
  | 'CreateAccessKey'
  | 'ListAccessKeys'
  | 'UpdateAccessKey'
  | 'DeleteAccessKey'
  | 'GetAccessKeyLastUsed'

export const accessKeys: Pick<Service<IamApi, Context>, Operations> = {
  CreateAccessKey: { ...on(userOrCallerTarget), handler: createKey },
  ListAccessKeys: { ...on(userOrCallerTarget), handler: listKeys },
  UpdateAccessKey: { ...on(userOrCallerTarget), handler: changeKey },
  DeleteAccessKey: {
    ...on(userOrCallerTarget),
    handler: async (ctx, input) =>
      await ctx.store.transaction(async (tx) => {
        const key = await keyOf(ctx, input, tx)
        await deleteAccessKey(tx, key.access_key_id)
        return {}
      }),
  },
  GetAccessKeyLastUsed: { ...on(ownerTarget), handler: lastUsed },
}

/** R12: a second root key takes access to the server itself. */
async function noRootKey(ctx: Context): Promise<AwsError> {
  const sentence =
    'Cannot make another access key for the root user by API: this takes access to the server itself. Make a user, and a key for it'
  const call = { action: 'iam:CreateAccessKey', resource: rootArn(ctx.accountId) }
  const remedy =
    'make a user and a key for it, or, on the server itself, a new root key with "roleback root-key"'
  const message = await recordRuling(ctx, call, { layer: 'root', reason: sentence, remedy }, sentence)
  return new AwsError('AccessDenied', 403, message)
}

/** The only answer that ever has the secret. */
async function createKey(ctx: Context, input: CreateAccessKeyRequest): Promise<CreateAccessKeyResponse> {
  if (input.UserName === undefined && ctx.principal.kind === 'root') {
    throw await noRootKey(ctx)
  }
  return await ctx.store.transaction(async (tx) => {
    const user = await userOrCaller(ctx, input.UserName, tx)
    const owner = { accountId: ctx.accountId, userId: user.user_id, now: ctx.now }
    const key = await issueAccessKey(tx, ctx.serverKey, owner)
    if (key === undefined) {
      throw new LimitExceededException(`Cannot exceed quota for AccessKeysPerUser: ${MAX_ACCESS_KEYS}`)
    }
    return {
      AccessKey: {
        UserName: user.name,
        AccessKeyId: key.accessKeyId,
        Status: 'Active',
        SecretAccessKey: key.secretAccessKey,
        CreateDate: new Date(ctx.now),
      },
    }
  })
}

interface Owner {
  /** Null: the root user. */
  readonly userId: string | null
  readonly name: string | undefined
}

/** Whose keys a request is about: the user it names, else the caller's own. */
async function ownerOf(ctx: Context, name: string | undefined, db: Queryable): Promise<Owner> {
  if (name === undefined && ctx.principal.kind === 'root') return { userId: null, name: undefined }
  const user = await userOrCaller(ctx, name, db)
  return { userId: user.user_id, name: user.name }
}

async function listKeys(ctx: Context, input: ListAccessKeysRequest): Promise<ListAccessKeysResponse> {
  const owner = await ownerOf(ctx, input.UserName, ctx.store.db)
  const list = `ListAccessKeys ${owner.userId ?? 'root'}`
  const { rows, next } = await listAccessKeys(
    ctx.store.db,
    { accountId: ctx.accountId, userId: owner.userId },
    pageRequest(ctx, list, input),
  )
  return {
    AccessKeyMetadata: rows.map((row) => ({
      UserName: owner.name,
      AccessKeyId: row.access_key_id,
      Status: statusOf(row, ctx.now),
      CreateDate: new Date(row.created_at),
    })),
    ...pageMembers(ctx, list, next),
  }
}

async function changeKey(ctx: Context, input: UpdateAccessKeyRequest): Promise<Record<never, never>> {
  const { Status } = input
  if (Status === 'Expired') {
    throw new InvalidInputException('Cannot set the status of an access key to Expired: Active or Inactive')
  }
  return await ctx.store.transaction(async (tx) => {
    const key = await keyOf(ctx, input, tx)
    await setAccessKeyStatus(tx, key.access_key_id, Status)
    return {}
  })
}

/** The key a request names, if it belongs to the user the action was decided on. */
async function keyOf(
  ctx: Context,
  input: { readonly UserName?: string | undefined; readonly AccessKeyId: string },
  db: Queryable,
): Promise<AccessKeyTable> {
  const owner = await ownerOf(ctx, input.UserName, db)
  const key = await findAccessKey(db, input.AccessKeyId)
  if (key === undefined || key.account_id !== ctx.accountId || key.user_id !== owner.userId) {
    throw noSuchKey(input.AccessKeyId)
  }
  return key
}

function noSuchKey(accessKeyId: string): NoSuchEntityException {
  return new NoSuchEntityException(`The Access Key with id ${accessKeyId} cannot be found.`)
}

/** The ARN of the key's user; a key nobody here has is decided on `*`. */
async function ownerTarget(ctx: Context, input: { readonly AccessKeyId: string }): Promise<string> {
  const key = await findAccessKey(ctx.store.db, input.AccessKeyId)
  if (key?.account_id !== ctx.accountId || key.user_id === null) return '*'
  const user = await findUserById(ctx.store.db, key.user_id)
  return user === undefined ? '*' : userArn(user)
}

async function lastUsed(
  ctx: Context,
  input: GetAccessKeyLastUsedRequest,
): Promise<GetAccessKeyLastUsedResponse> {
  const key = await findAccessKey(ctx.store.db, input.AccessKeyId)
  if (key?.account_id !== ctx.accountId) throw noSuchKey(input.AccessKeyId)
  const user = key.user_id === null ? undefined : await findUserById(ctx.store.db, key.user_id)
  return {
    UserName: user?.name,
    AccessKeyLastUsed: {
      LastUsedDate: key.last_used_at === null ? undefined : new Date(key.last_used_at),
      ServiceName: key.last_used_service ?? 'N/A',
      Region: key.last_used_region ?? 'N/A',
    },
  }
}
