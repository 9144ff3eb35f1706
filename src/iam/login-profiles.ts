import {
  PasswordRefusedError,
  addPassword,
  isUnchanged,
  isUsersPassword,
  preparePassword,
  replacePassword,
} from '../access/login-profile.ts'
import type { PreparedPassword } from '../access/login-profile.ts'
import { countGuess, forgive, nameSubject, passwordSubject, takeBack } from '../access/back-off.ts'
import { userArn } from '../access/identity-arns.ts'
import { recordRuling } from '../access/own-decisions.ts'
import { AwsError } from '../aws/error.ts'
import {
  EntityAlreadyExistsException,
  EntityTemporarilyUnmodifiableException,
  InvalidUserTypeException,
  NoSuchEntityException,
  PasswordPolicyViolationException,
} from '../aws/generated/iam.ts'
import type {
  ChangePasswordRequest,
  CreateLoginProfileRequest,
  CreateLoginProfileResponse,
  IamApi,
  LoginProfile,
  UpdateLoginProfileRequest,
} from '../aws/generated/iam.ts'
import type { Service } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { deleteLoginProfile, findLoginProfile, updateLoginProfile } from '../store/identity/login-profiles.ts'
import type { LoginProfileTable } from '../store/identity/schema-credentials.ts'
import type { UserTable } from '../store/schema.ts'
import { endSignInSessionsOf } from '../store/identity/sign-in.ts'
import type { Queryable } from '../store/store.ts'
import { on } from './conditions.ts'
import { userNamed, userOrCaller, userOrCallerTarget, userTarget } from './entities.ts'

type Operations =
  | 'CreateLoginProfile'
  | 'GetLoginProfile'
  | 'UpdateLoginProfile'
  | 'DeleteLoginProfile'
  | 'ChangePassword'

export const loginProfiles: Pick<Service<IamApi, Context>, Operations> = {
  CreateLoginProfile: { ...on(userOrCallerTarget), handler: createProfile },
  GetLoginProfile: {
    ...on(userOrCallerTarget),
    handler: async (ctx, input) => {
      const user = await userOrCaller(ctx, input.UserName)
      return { LoginProfile: profileMember(user, await profileOf(user, ctx.store.db)) }
    },
  },
  UpdateLoginProfile: { ...on(userTarget), handler: changeProfile },
  DeleteLoginProfile: {
    ...on(userOrCallerTarget),
    handler: async (ctx, input) =>
      await ctx.store.transaction(async (tx) => {
        const user = await userOrCaller(ctx, input.UserName, tx)
        if (!(await deleteLoginProfile(tx, user.user_id))) throw noProfile(user)
        await endSignInSessionsOf(tx, user.user_id, ctx.now)
        return {}
      }),
  },
  ChangePassword: {
    resource: async (ctx) =>
      ctx.principal.kind === 'user' ? await userOrCallerTarget(ctx, {}) : ctx.principal.arn,
    handler: changePassword,
  },
}

async function createProfile(
  ctx: Context,
  input: CreateLoginProfileRequest,
): Promise<CreateLoginProfileResponse> {
  const user = await userOrCaller(ctx, input.UserName)
  if (input.Password === undefined) throw new AwsError('ValidationError', 400, 'Must specify a password')
  const prepared = await prepare(ctx, user, undefined, input.Password)
  return await ctx.store.transaction(async (tx) => {
    const isNew = await addPassword(tx, user, prepared, ctx.now, input.PasswordResetRequired === true)
    if (!isNew) throw new EntityAlreadyExistsException(`Login Profile for user ${user.name} already exists.`)
    await forgiveSignIns(ctx, user, tx)
    return { LoginProfile: profileMember(user, await profileOf(user, tx)) }
  })
}

async function changeProfile(ctx: Context, input: UpdateLoginProfileRequest): Promise<Record<never, never>> {
  const user = await userNamed(ctx, input.UserName)
  const profile = await profileOf(user, ctx.store.db)
  const prepared =
    input.Password === undefined ? undefined : await prepare(ctx, user, profile, input.Password)
  return await ctx.store.transaction(async (tx) => {
    const isResetRequired = input.PasswordResetRequired ?? profile.reset_required === 1
    if (prepared !== undefined) {
      const change = { at: ctx.now, isResetRequired }
      if (!(await replacePassword(tx, user, prepared, change))) throw changedMeanwhile(user)
      await forgiveSignIns(ctx, user, tx)
    } else {
      await profileOf(user, tx)
      await updateLoginProfile(tx, user.user_id, { reset_required: isResetRequired ? 1 : 0 })
    }
    return {}
  })
}

/** A new password is a new beginning for whoever was held back for guessing at the old one. */
async function forgiveSignIns(ctx: Context, user: UserTable, tx: Queryable): Promise<void> {
  await forgive(tx, nameSubject(ctx.serverKey, user.account_id, user.name))
  await forgive(tx, passwordSubject(user.user_id))
}

async function changePassword(ctx: Context, input: ChangePasswordRequest): Promise<Record<never, never>> {
  if (ctx.principal.kind !== 'user') {
    throw new InvalidUserTypeException('Only IAM Users can change their own password')
  }
  const user = await userOrCaller(ctx, undefined)
  const profile = await profileOf(user, ctx.store.db)
  const subject = passwordSubject(user.user_id)
  if (!(await countGuess(ctx.store.db, subject, ctx.now))) {
    throw new EntityTemporarilyUnmodifiableException(
      'The old password was wrong too often. Try again in a few minutes, or ask an administrator for a new one',
    )
  }
  if (!(await isOldPassword(ctx, profile, input.OldPassword))) throw await wrongPassword(ctx, user)
  await forgive(ctx.store.db, subject)
  const prepared = await prepare(ctx, user, profile, input.NewPassword)
  if (isUnchanged(ctx.serverKey, prepared)) {
    throw new PasswordPolicyViolationException('Password should not be the present one')
  }
  return await ctx.store.transaction(async (tx) => {
    const change = { at: ctx.now, isResetRequired: false, except: ctx.principal.accessKeyId }
    if (!(await replacePassword(tx, user, prepared, change))) throw changedMeanwhile(user)
    return {}
  })
}

/** Where nothing was looked at, the guess is none: strangers who keep the server busy must not lock anybody out. */
async function isOldPassword(ctx: Context, profile: LoginProfileTable, password: string): Promise<boolean> {
  try {
    return await isUsersPassword(ctx.serverKey, profile, password)
  } catch (error) {
    await takeBack(ctx.store.db, passwordSubject(profile.user_id))
    throw error
  }
}

async function prepare(
  ctx: Context,
  user: UserTable,
  profile: LoginProfileTable | undefined,
  password: string,
): Promise<PreparedPassword> {
  try {
    return await preparePassword(ctx, user, profile, password)
  } catch (error) {
    if (error instanceof PasswordRefusedError) throw new PasswordPolicyViolationException(error.message)
    throw error
  }
}

async function wrongPassword(ctx: Context, user: UserTable): Promise<AwsError> {
  const sentence = 'The old password was incorrect.'
  const call = { action: 'iam:ChangePassword', resource: userArn(user) }
  const remedy =
    'no policy decides about this: give the present password, or ask an administrator for a new one'
  const message = await recordRuling(ctx, call, { layer: 'identity', reason: sentence, remedy }, sentence)
  return new AwsError('AccessDenied', 403, message)
}

function changedMeanwhile(user: UserTable): EntityTemporarilyUnmodifiableException {
  return new EntityTemporarilyUnmodifiableException(
    `The password of user ${user.name} was changed by another request at the same time. Try again`,
  )
}

async function profileOf(user: UserTable, db: Queryable): Promise<LoginProfileTable> {
  const profile = await findLoginProfile(db, user.user_id)
  if (profile === undefined) throw noProfile(user)
  return profile
}

function noProfile(user: UserTable): NoSuchEntityException {
  return new NoSuchEntityException(`Login Profile for User ${user.name} cannot be found.`)
}

function profileMember(user: UserTable, profile: LoginProfileTable): LoginProfile {
  return {
    UserName: user.name,
    CreateDate: new Date(profile.created_at),
    PasswordResetRequired: profile.reset_required === 1,
  }
}
