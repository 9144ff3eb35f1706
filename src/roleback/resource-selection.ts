import { InvalidParameterValueException, LimitExceededException } from '../aws/generated/roleback.ts'
import type { SelectionToPreview } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { matchSelection, selectionProblem } from '../plans/selection.ts'
import type { SelectionDocument } from '../plans/selection.ts'
import type { Page, PageRequest } from '../store/page.ts'
import { regionSettings } from '../store/region-settings.ts'
import { listResources } from '../store/resources/resources.ts'
import type { ResourceTable } from '../store/schema.ts'
import { tagsOfAll } from '../store/identity/tags.ts'

/** So many resources are looked at in one call. */
const MAX_RESOURCES = 10_000
const PAGE = 1_000

/**
 * The ARNs that a request means: those named, registered or not, and every registered resource that a pattern or the selection
 * means, by the rules of backup plans.
 *
 * @throws {LimitExceededException} 400, for more than 10,000.
 */
export async function selectedArns(
  ctx: Context,
  arns: readonly string[],
  selection: SelectionToPreview | undefined,
): Promise<readonly string[]> {
  const { rows, next } = await selectedPage(ctx, arns, selection, { limit: MAX_RESOURCES })
  if (next !== undefined || rows.length > MAX_RESOURCES) {
    throw new LimitExceededException(
      `This is about more resources than the ${MAX_RESOURCES} that one call looks at: narrow the patterns, or ask type by type`,
    )
  }
  return rows
}

/**
 * As {@link selectedArns}, in pages: those named are all on the first, and the others follow by their ARN.
 *
 * @throws {InvalidParameterValueException} Where the selection is none.
 */
export async function selectedPage(
  ctx: Context,
  arns: readonly string[],
  selection: SelectionToPreview | undefined,
  { limit, after }: PageRequest,
): Promise<Page<string>> {
  const isNamed = (arn: string): boolean => !arn.includes('*')
  const patterns = arns.filter((arn) => !isNamed(arn))
  const documents: SelectionDocument[] = []
  if (patterns.length > 0) documents.push(named({ Resources: patterns }))
  if (selection !== undefined) {
    const problem = selectionProblem(named(selection))
    if (problem !== undefined)
      throw new InvalidParameterValueException(problem, { Context: 'BackupSelection' })
    documents.push(named(selection))
  }
  const known = new Set([...arns, ...(selection?.Resources ?? [])].filter(isNamed))
  const rows = after === undefined ? [...known] : []
  if (documents.length === 0) return { rows }
  // A page of those named alone is followed by the first of the others: no ARN comes before the empty text.
  let last = after?.[0] ?? ''
  for await (const arn of matchesBehind(ctx, documents, last)) {
    if (known.has(arn)) continue
    if (rows.length >= limit) return { rows, next: [last] }
    rows.push(arn)
    last = arn
  }
  return { rows }
}

/** ARNs of the registered resources behind `after` that one of the selections selects, in their order. */
async function* matchesBehind(
  ctx: Context,
  documents: readonly SelectionDocument[],
  behind: string,
): AsyncGenerator<string> {
  const { db } = ctx.store
  const { optIn } = await regionSettings(db, ctx.accountId, ctx.region)
  const filter = { accountId: ctx.accountId, region: ctx.region }
  let after: readonly string[] | undefined = [behind]
  do {
    const page: Page<ResourceTable> = await listResources(db, filter, { limit: PAGE, after })
    const tags = await tagsOfAll(
      db,
      ctx.accountId,
      page.rows.map(({ arn }) => arn),
    )
    for (const { arn, type } of page.rows) {
      const candidate = { arn, type, tags: tags.get(arn) ?? {} }
      const isOptedIn = optIn[type] !== false
      if (documents.some((one) => matchSelection(one, candidate, isOptedIn).isSelected)) yield arn
    }
    after = page.next
  } while (after !== undefined)
}

/** Names and roles of selections mean nothing for what they match. */
export function named(selection: SelectionToPreview): SelectionDocument {
  return { ...selection, SelectionName: '', IamRoleArn: '' }
}
