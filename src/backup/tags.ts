import {
  InvalidParameterValueException,
  LimitExceededException,
  ResourceNotFoundException,
} from '../aws/generated/backup.ts'
import type {
  ListTagsInput,
  ListTagsOutput,
  TagResourceInput,
  UntagResourceInput,
} from '../aws/generated/backup.ts'
import type { Context } from '../context.ts'
import { MAX_TAGS, twinKeys } from '../lib/tag-keys.ts'
import { queueAmendment } from '../store/points/amendments.ts'
import { findFramework } from '../store/compliance/frameworks.ts'
import { findLegalHold } from '../store/points/legal-holds.ts'
import { findPlan } from '../store/plans/plans.ts'
import { findReportPlan } from '../store/compliance/report-plans.ts'
import { findRecoveryPoint } from '../store/points/recovery-points.ts'
import { findTestingPlan } from '../store/plans/restore-testing.ts'
import { findTiering } from '../store/points/tiering.ts'
import { deleteTags, putTags, tagsOf } from '../store/identity/tags.ts'
import type { Queryable } from '../store/store.ts'
import type { Tags } from '../store/identity/tags.ts'
import { findVault } from '../store/vaults/vaults.ts'
import { frameworkArn, legalHoldArn, planArn, reportPlanArn } from './arns.ts'
import { refuseTooMany } from './request-tags.ts'
import { nextToken, pageOf } from './paging.ts'

export async function tagResource(ctx: Context, input: TagResourceInput): Promise<Record<string, never>> {
  const tags = checkTags(input.Tags)
  await taggable(ctx, input.ResourceArn)
  await ctx.store.transaction(async (tx) => {
    const all = { ...(await tagsOf(tx, ctx.accountId, input.ResourceArn)), ...tags }
    refuseTwins(Object.keys(tags), Object.keys(all))
    const own = Object.keys(all).filter((key) => !key.startsWith('aws:'))
    if (own.length > MAX_TAGS) {
      throw new LimitExceededException(
        `Cannot add tags to ${input.ResourceArn}: it would have ${own.length}, the limit is ${MAX_TAGS}`,
      )
    }
    await putTags(tx, ctx.accountId, input.ResourceArn, tags)
    await tellVault(tx, ctx, input.ResourceArn)
  })
  ctx.store.wake()
  return {}
}

export async function untagResource(ctx: Context, input: UntagResourceInput): Promise<Record<string, never>> {
  const reserved = input.TagKeyList.filter(isReserved)
  if (reserved.length > 0) throw reservedKey(reserved[0] as string)
  await taggable(ctx, input.ResourceArn)
  await ctx.store.transaction(async (tx) => {
    await deleteTags(tx, ctx.accountId, input.ResourceArn, input.TagKeyList)
    await tellVault(tx, ctx, input.ResourceArn)
  })
  ctx.store.wake()
  return {}
}

/** A recovery point's tags are in its vault, too. */
async function tellVault(tx: Queryable, ctx: Context, arn: string): Promise<void> {
  const point = await findRecoveryPoint(tx, ctx.accountId, arn)
  if (point !== undefined) await queueAmendment(tx, ctx, point)
}

export async function listTags(ctx: Context, input: ListTagsInput): Promise<ListTagsOutput> {
  await taggable(ctx, input.ResourceArn)
  const list = `ListTags ${input.ResourceArn}`
  const { limit, after = [] } = pageOf(ctx, list, input)
  const tags = await tagsOf(ctx.store.db, ctx.accountId, input.ResourceArn)
  const rest = Object.keys(tags)
    .toSorted()
    .filter((key) => after[0] === undefined || key > after[0])
  const page = rest.slice(0, limit)
  return {
    Tags: Object.fromEntries(page.map((key) => [key, tags[key] as string])),
    NextToken: nextToken(ctx, list, rest.length > limit ? page.slice(-1) : undefined),
  }
}

/**
 * Tags as a caller may set them.
 * @throws {InvalidParameterValueException} For `aws:` keys, lengths AWS refuses, and keys that differ only in case.
 * @throws {LimitExceededException} For more than a resource can have.
 */
export function checkTags(tags: Tags): Tags {
  refuseTooMany(Object.keys(tags))
  refuseTwins(Object.keys(tags))
  for (const [key, value] of Object.entries(tags)) {
    if (isReserved(key)) throw reservedKey(key)
    if (key.length < 1 || key.length > 128) {
      throw new InvalidParameterValueException(
        `Tag key "${key.slice(0, 140)}" must have 1 to 128 characters`,
        { Context: 'Tags' },
      )
    }
    if (value.length > 256) {
      throw new InvalidParameterValueException(`The value of tag "${key}" must have at most 256 characters`, {
        Context: 'Tags',
      })
    }
  }
  return tags
}

function refuseTwins(given: readonly string[], all?: readonly string[]): void {
  const [key, twin] = twinKeys(given, all) ?? []
  if (key === undefined) return
  throw new InvalidParameterValueException(
    `Tag key "${key}" differs from "${twin}" only in case: policies could not tell them apart. Use one of them`,
    { Context: 'Tags' },
  )
}

function isReserved(key: string): boolean {
  return key.toLowerCase().startsWith('aws:')
}

function reservedKey(key: string): InvalidParameterValueException {
  return new InvalidParameterValueException(
    `Tag key "${key}" cannot be set or removed: keys that begin with aws: are reserved`,
    {
      Context: 'Tags',
    },
  )
}

/** Vaults and recovery points carry tags of AWS Backup; other resources are tagged through their own service. */
async function taggable(ctx: Context, arn: string): Promise<void> {
  if (await isFound(ctx, arn)) return
  throw new ResourceNotFoundException(
    `Cannot find a backup vault, backup plan, restore testing plan, framework, report plan, tiering configuration, legal hold or recovery point with the ARN ${arn}`,
    { Context: arn },
  )
}

async function isFound(ctx: Context, arn: string): Promise<boolean> {
  const { db } = ctx.store
  const [, type, id] = /:(backup-vault|backup-plan):([^:]+)$/.exec(arn) ?? []
  if (type === 'backup-vault')
    return (await findVault(db, ctx.accountId, ctx.region, id as string))?.arn === arn
  if (type === 'backup-plan') {
    const plan = await findPlan(db, ctx, id as string)
    return plan !== undefined && plan.deleted_at === null && planArn(ctx, plan.plan_id) === arn
  }
  const testingPlan = /:restore-testing-plan:([A-Za-z0-9_]+)-[0-9a-f-]{36}$/.exec(arn)?.[1]
  if (testingPlan !== undefined) return (await findTestingPlan(db, ctx, testingPlan))?.arn === arn
  const tiering = /:tiering-configuration:([A-Za-z0-9_]+)-[0-9a-f-]{36}$/.exec(arn)?.[1]
  if (tiering !== undefined) return (await findTiering(db, ctx, tiering))?.arn === arn
  const framework = /:framework:([^:-]+)-[^:]+$/.exec(arn)?.[1]
  if (framework !== undefined) {
    const row = await findFramework(db, ctx, framework)
    return row !== undefined && frameworkArn(ctx, `${row.name}-${row.framework_id}`) === arn
  }
  const reportPlan = /:report-plan:([^:-]+)-[^:]+$/.exec(arn)?.[1]
  if (reportPlan !== undefined) {
    const row = await findReportPlan(db, ctx, reportPlan)
    return row !== undefined && reportPlanArn(ctx, `${row.name}-${row.report_plan_id}`) === arn
  }
  const holdId = /:legal-hold:([^:]+)$/.exec(arn)?.[1]
  if (holdId !== undefined)
    return (await findLegalHold(db, ctx, { holdId })) !== undefined && arn === legalHoldArn(ctx, holdId)
  return (await findRecoveryPoint(db, ctx.accountId, arn)) !== undefined
}
