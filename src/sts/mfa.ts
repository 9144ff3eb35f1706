import { takeCode } from '../access/mfa.ts'
import type { AwsError } from '../aws/error.ts'
import type { Context } from '../context.ts'
import { refuse } from './decisions.ts'

/** What a request says of a second factor. */
interface MfaInput {
  readonly SerialNumber?: string | undefined
  readonly TokenCode?: string | undefined
}

/**
 * Checks the code of one of the calling user's devices, and uses it up. @returns Whether one was given.
 *
 * @throws {AwsError} AccessDenied in AWS's words, recorded before.
 */
export async function checkMfa(
  ctx: Context,
  call: { readonly action: string; readonly resource: string },
  { SerialNumber, TokenCode }: MfaInput,
): Promise<boolean> {
  if (SerialNumber === undefined && TokenCode === undefined) return false
  if (SerialNumber === undefined || TokenCode === undefined) {
    throw await refusal(ctx, call, ', must provide both MFA serial number and one time pass code. ')
  }
  const { kind, accountId, identityId: userId } = ctx.principal
  const tools = { db: ctx.store.db, serverKey: ctx.serverKey }
  const given = { serialNumber: SerialNumber, code: TokenCode }
  const outcome =
    kind === 'user' && userId !== undefined
      ? await takeCode(tools, { accountId, userId }, given, ctx.now)
      : 'unknown-device'
  switch (outcome) {
    case 'ok':
      return true
    case 'wrong-code':
      throw await refusal(ctx, call, ' with invalid MFA one time pass code. ')
    case 'unknown-device':
      throw await refusal(
        ctx,
        call,
        ', unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.',
      )
  }
}

async function refusal(
  ctx: Context,
  { action, resource }: { readonly action: string; readonly resource: string },
  text: string,
): Promise<AwsError> {
  const sentence = `MultiFactorAuthentication failed${text}`
  const reason = sentence.trim()
  const remedy =
    'no policy decides about this: give SerialNumber, the ARN of a device of the calling user, and TokenCode, its present and unused code'
  return await refuse(ctx, action, resource, { reason, remedy }, sentence)
}
