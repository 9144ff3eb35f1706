import type { Tag } from '../aws/generated/iam.ts'
import type { OperationContext } from '../aws/operation.ts'
import type { Context } from '../context.ts'
import { findRoleByName, findUserByName } from '../store/identity/identities.ts'
import { tagsOf } from '../store/identity/tags.ts'

/** Condition keys that IAM's operations fill in beside the global ones (docs/condition-keys.md). */

type Target<In> = (ctx: Context, input: In) => Promise<string>
type Keys<In> = (ctx: Context, input: In) => OperationContext | Promise<OperationContext>

/** Resource and condition keys of an operation on something that may have tags. */
export interface OnTarget<In> {
  readonly resource: (ctx: Context, input: In) => Promise<string>
  readonly context: (ctx: Context, input: In) => Promise<OperationContext>
}

/** Decides on the target's ARN with its tags in the context, and further keys. */
export function on<A, B = unknown, C = unknown>(
  target: Target<A>,
  keys?: Keys<B>,
  moreKeys?: Keys<C>,
): OnTarget<A & B & C> {
  return {
    resource: target,
    context: async (ctx, input) => ({
      ...(await resourceTags(ctx, await target(ctx, input))),
      ...(await keys?.(ctx, input)),
      ...(await moreKeys?.(ctx, input)),
    }),
  }
}

async function resourceTags(ctx: Context, arn: string): Promise<Record<string, string | readonly string[]>> {
  const context: Record<string, string | readonly string[]> = {}
  for (const [key, value] of Object.entries(await tagsOf(ctx.store.db, ctx.accountId, arn))) {
    context[`aws:ResourceTag/${key}`] = value
    context[`iam:ResourceTag/${key}`] = value
  }
  return context
}

export function requestTags(
  _: Context,
  input: { readonly Tags?: readonly Tag[] | undefined },
): OperationContext {
  if (input.Tags === undefined || input.Tags.length === 0) return {}
  const values = input.Tags.map(({ Key, Value }) => [`aws:RequestTag/${Key}`, Value] as const)
  return { 'aws:TagKeys': input.Tags.map(({ Key }) => Key), ...Object.fromEntries(values) }
}

export function tagKeys(_: Context, input: { readonly TagKeys: readonly string[] }): OperationContext {
  return { 'aws:TagKeys': input.TagKeys }
}

export function policyArn(_: Context, input: { readonly PolicyArn: string }): OperationContext {
  return { 'iam:PolicyARN': input.PolicyArn }
}

/** The boundary that the request sets. */
export function requestedBoundary(
  _: Context,
  input: { readonly PermissionsBoundary?: string | undefined },
): OperationContext {
  return input.PermissionsBoundary === undefined
    ? {}
    : { 'iam:PermissionsBoundary': input.PermissionsBoundary }
}

/** The boundary that the user has: what keeps a delegated administrator from users without one. */
export async function boundaryOfUser(
  ctx: Context,
  input: { readonly UserName: string },
): Promise<OperationContext> {
  const user = await findUserByName(ctx.store.db, ctx.accountId, input.UserName)
  return boundaryKey(user?.boundary_arn)
}

export async function boundaryOfRole(
  ctx: Context,
  input: { readonly RoleName: string },
): Promise<OperationContext> {
  const role = await findRoleByName(ctx.store.db, ctx.accountId, input.RoleName)
  return boundaryKey(role?.boundary_arn)
}

function boundaryKey(arn: string | null | undefined): OperationContext {
  return arn === null || arn === undefined ? {} : { 'iam:PermissionsBoundary': arn }
}
