import { openPage, sealPage } from '../access/page-token.ts'
import { InvalidParameterException } from '../aws/generated/tagging.ts'
import type {
  GetResourcesInput,
  GetResourcesOutput,
  GetTagKeysInput,
  GetTagKeysOutput,
  GetTagValuesInput,
  GetTagValuesOutput,
  TagFilter,
} from '../aws/generated/tagging.ts'
import type { Context } from '../context.ts'
import { listTaggable } from '../store/identity/taggable.ts'
import { tagsOfAll } from '../store/identity/tags.ts'
import type { Tags } from '../store/identity/tags.ts'

/** AWS's page size where ResourcesPerPage is absent. */
const DEFAULT_PER_PAGE = 50
/** Rows looked at for one page, so that a filter that matches nothing still answers. */
const SCAN = 1000

/**
 * Registered resources and vaults with their tags, in the order of their ARNs. Filters narrow as AWS's do: all tag filters must
 * match, each by any of its values; types are `SERVICE` or `SERVICE:TYPE`.
 */
export async function getResources(ctx: Context, input: GetResourcesInput): Promise<GetResourcesOutput> {
  const given =
    input.PaginationToken === undefined || input.PaginationToken === '' ? undefined : input.PaginationToken
  const perPage = input.ResourcesPerPage ?? DEFAULT_PER_PAGE
  const wanted = input.ResourceARNList === undefined ? undefined : new Set(input.ResourceARNList)
  let after = given === undefined ? undefined : cursorOf(ctx, 'GetResources', given)
  const found: { ResourceARN: string; Tags: { Key: string; Value: string }[] }[] = []
  for (;;) {
    const arns = await listTaggable(ctx.store.db, ctx.accountId, { limit: SCAN, after })
    const tags = await tagsOfAll(ctx.store.db, ctx.accountId, arns)
    for (const arn of arns) {
      after = arn
      const own = tags.get(arn) ?? {}
      if (wanted !== undefined && !wanted.has(arn)) continue
      if (!isOfType(arn, input.ResourceTypeFilters) || !matches(own, input.TagFilters)) continue
      found.push({ ResourceARN: arn, Tags: Object.entries(own).map(([Key, Value]) => ({ Key, Value })) })
      if (found.length === perPage)
        return { ResourceTagMappingList: found, PaginationToken: seal(ctx, 'GetResources', arn) }
    }
    if (arns.length < SCAN) return { ResourceTagMappingList: found, PaginationToken: '' }
  }
}

function isOfType(arn: string, filters: readonly string[] | undefined): boolean {
  if (filters === undefined || filters.length === 0) return true
  const [, , service, , , ...rest] = arn.split(':')
  const type = rest.join(':').split(/[:/]/)[0]
  return filters.some(
    (filter) => filter === service || filter === `${service}:${service === 's3' ? 'bucket' : type}`,
  )
}

function matches(tags: Tags, filters: readonly TagFilter[] | undefined): boolean {
  return (filters ?? []).every(({ Key, Values }) => {
    const value = Key !== undefined && Object.hasOwn(tags, Key) ? tags[Key] : undefined
    return value !== undefined && (Values === undefined || Values.length === 0 || Values.includes(value))
  })
}

export async function getTagKeys(ctx: Context, input: GetTagKeysInput): Promise<GetTagKeysOutput> {
  const { page, next } = pageOfText(
    ctx,
    'GetTagKeys',
    await allTags(ctx, (key) => key),
    input.PaginationToken,
  )
  return { TagKeys: page, PaginationToken: next }
}

export async function getTagValues(ctx: Context, input: GetTagValuesInput): Promise<GetTagValuesOutput> {
  const values = await allTags(ctx, (key, value) => (key === input.Key ? value : undefined))
  const { page, next } = pageOfText(ctx, `GetTagValues ${input.Key}`, values, input.PaginationToken)
  return { TagValues: page, PaginationToken: next }
}

async function allTags(
  ctx: Context,
  pick: (key: string, value: string) => string | undefined,
): Promise<string[]> {
  const found = new Set<string>()
  let after: string | undefined
  for (;;) {
    const arns = await listTaggable(ctx.store.db, ctx.accountId, { limit: SCAN, after })
    for (const tags of (await tagsOfAll(ctx.store.db, ctx.accountId, arns)).values()) {
      for (const [key, value] of Object.entries(tags)) {
        const picked = pick(key, value)
        if (picked !== undefined) found.add(picked)
      }
    }
    after = arns.at(-1)
    if (arns.length < SCAN) return [...found].toSorted()
  }
}

function pageOfText(
  ctx: Context,
  list: string,
  all: readonly string[],
  token: string | undefined,
): { page: string[]; next: string } {
  const after = token === undefined || token === '' ? undefined : cursorOf(ctx, list, token)
  const rest = after === undefined ? all : all.filter((text) => text > after)
  const page = rest.slice(0, SCAN)
  return { page, next: rest.length > page.length ? seal(ctx, list, page.at(-1) as string) : '' }
}

function cursorOf(ctx: Context, list: string, token: string): string {
  const cursor = openPage(ctx.serverKey, { accountId: ctx.accountId, list }, token)?.[0]
  if (cursor === undefined)
    throw new InvalidParameterException(`PaginationToken is not one that ${list} gave to this account`)
  return cursor
}

function seal(ctx: Context, list: string, cursor: string): string {
  return sealPage(ctx.serverKey, { accountId: ctx.accountId, list }, [cursor])
}
