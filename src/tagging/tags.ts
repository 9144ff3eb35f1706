import { resourceTagKeys } from '../access/request-context.ts'
import { parseArn } from '../lib/arn.ts'
import { MAX_TAGS, twinKeys } from '../lib/tag-keys.ts'
import { AwsError } from '../aws/error.ts'
import type {
  FailureInfo,
  TagResourcesInput,
  TagResourcesOutput,
  UntagResourcesInput,
  UntagResourcesOutput,
} from '../aws/generated/tagging.ts'
import type { CallContext, Context } from '../context.ts'
import { queueAmendment } from '../store/points/amendments.ts'
import { findRecoveryPoint } from '../store/points/recovery-points.ts'
import type { Queryable } from '../store/store.ts'
import { isTaggable } from '../store/identity/taggable.ts'
import { deleteTags, putTags, tagsOf } from '../store/identity/tags.ts'

/** Each service's own action for its tags: tagging through this API needs it on the ARN, too. */
const ACTIONS: Readonly<Record<string, { readonly tag: string; readonly untag: string }>> = {
  backup: { tag: 'backup:TagResource', untag: 'backup:UntagResource' },
  elasticfilesystem: { tag: 'elasticfilesystem:TagResource', untag: 'elasticfilesystem:UntagResource' },
  rds: { tag: 'rds:AddTagsToResource', untag: 'rds:RemoveTagsFromResource' },
  s3: { tag: 's3:PutBucketTagging', untag: 's3:PutBucketTagging' },
}

export async function tagResources(ctx: Context, input: TagResourcesInput): Promise<TagResourcesOutput> {
  const request: CallContext = {
    ...Object.fromEntries(Object.entries(input.Tags).map(([key, value]) => [`aws:RequestTag/${key}`, value])),
    'aws:TagKeys': Object.keys(input.Tags),
  }
  const failed = await each(
    ctx,
    input.ResourceARNList,
    'tag',
    Object.keys(input.Tags),
    request,
    async (arn) => {
      await ctx.store.transaction(async (tx) => {
        const all = { ...(await tagsOf(tx, ctx.accountId, arn)), ...input.Tags }
        const [key, twin] = twinKeys(Object.keys(input.Tags), Object.keys(all)) ?? []
        if (key !== undefined) {
          throw new AwsError(
            'InvalidParameterException',
            400,
            `Tag key "${key}" differs from "${twin}" of ${arn} only in case: policies could not tell them apart. Use one of them`,
          )
        }
        if (Object.keys(all).filter((key) => !isReserved(key)).length > MAX_TAGS) {
          throw new AwsError('InvalidParameterException', 400, `${arn} would have more than ${MAX_TAGS} tags`)
        }
        await putTags(tx, ctx.accountId, arn, input.Tags)
        await tellVault(tx, ctx, arn)
      })
    },
  )
  return { FailedResourcesMap: failed }
}

export async function untagResources(
  ctx: Context,
  input: UntagResourcesInput,
): Promise<UntagResourcesOutput> {
  const request: CallContext = { 'aws:TagKeys': [...input.TagKeys] }
  const failed = await each(ctx, input.ResourceARNList, 'untag', input.TagKeys, request, async (arn) => {
    await ctx.store.transaction(async (tx) => {
      await deleteTags(tx, ctx.accountId, arn, input.TagKeys)
      await tellVault(tx, ctx, arn)
    })
  })
  return { FailedResourcesMap: failed }
}

/** A recovery point's tags are in its vault, too. */
async function tellVault(tx: Queryable, ctx: Context, arn: string): Promise<void> {
  const point = await findRecoveryPoint(tx, ctx.accountId, arn)
  if (point !== undefined) await queueAmendment(tx, ctx, point)
}

/** Resources fail one by one; the answer names those that did, as AWS does. */
async function each(
  ctx: Context,
  arns: readonly string[],
  verb: 'tag' | 'untag',
  keys: readonly string[],
  request: CallContext,
  change: (arn: string) => Promise<void>,
): Promise<Record<string, FailureInfo>> {
  const failed: Record<string, FailureInfo> = Object.create(null) as Record<string, FailureInfo>
  for (const arn of arns) {
    try {
      await check(ctx, arn, verb, keys, request)
      await change(arn)
    } catch (error) {
      if (!(error instanceof AwsError)) throw error
      failed[arn] = {
        StatusCode: error.status,
        ErrorCode: error.status >= 500 ? 'InternalServiceException' : 'InvalidParameterException',
        ErrorMessage: error.message,
      }
    }
  }
  return failed
}

async function check(
  ctx: Context,
  arn: string,
  verb: 'tag' | 'untag',
  keys: readonly string[],
  request: CallContext,
): Promise<void> {
  const reserved = keys.find(isReserved)
  if (reserved !== undefined) {
    throw new AwsError(
      'InvalidParameterException',
      400,
      `Tag key "${reserved}" cannot be set or removed: keys that begin with aws: are reserved`,
    )
  }
  const action = ACTIONS[parseArn(arn)?.service ?? '']?.[verb]
  if (action === undefined)
    throw new AwsError(
      'InvalidParameterException',
      400,
      `${arn} is not the ARN of something this server keeps tags of`,
    )
  const own = await tagsOf(ctx.store.db, ctx.accountId, arn)
  await ctx.authorize(action, arn, { ...resourceTagKeys(own), ...request })
  if (!(await isTaggable(ctx.store.db, ctx.accountId, arn))) {
    throw new AwsError('InvalidParameterException', 400, `There is no resource ${arn} in this account`)
  }
}

function isReserved(key: string): boolean {
  return key.toLowerCase().startsWith('aws:')
}
