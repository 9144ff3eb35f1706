import { InvalidParameterValueException, LimitExceededException } from '../aws/generated/roleback.ts'
import type { SelectionToPreview } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { matchSelection, selectionProblem } from '../plans/selection.ts'
import type { SelectionDocument } from '../plans/selection.ts'
import { regionSettings } from '../store/region-settings.ts'
import { listResources } from '../store/resources/resources.ts'
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
  const found = new Set(arns.filter((arn) => !arn.includes('*')))
  const patterns = arns.filter((arn) => arn.includes('*'))
  const documents: SelectionToPreview[] = []
  if (patterns.length > 0) documents.push({ Resources: patterns })
  if (selection !== undefined) {
    const problem = selectionProblem(named(selection))
    if (problem !== undefined)
      throw new InvalidParameterValueException(problem, { Context: 'BackupSelection' })
    for (const arn of selection.Resources ?? []) if (!arn.includes('*')) found.add(arn)
    documents.push(selection)
  }
  if (documents.length > 0) await addMatches(ctx, documents, found)
  if (found.size > MAX_RESOURCES) {
    throw new LimitExceededException(
      `This is about ${found.size} resources, and one call looks at ${MAX_RESOURCES} at most: narrow the patterns, or ask type by type`,
    )
  }
  return [...found]
}

async function addMatches(
  ctx: Context,
  documents: readonly SelectionToPreview[],
  found: Set<string>,
): Promise<void> {
  const { db } = ctx.store
  const { optIn } = await regionSettings(db, ctx.accountId, ctx.region)
  const filter = { accountId: ctx.accountId, region: ctx.region }
  let after: readonly string[] | undefined
  do {
    const { rows, next } = await listResources(db, filter, { limit: PAGE, after })
    const arns = rows.map(({ arn }) => arn)
    const tags = await tagsOfAll(db, ctx.accountId, arns)
    for (const { arn, type } of rows) {
      const candidate = { arn, type, tags: tags.get(arn) ?? {} }
      const isMeant = (one: SelectionToPreview): boolean =>
        matchSelection(named(one), candidate, optIn[type] !== false).isSelected
      if (documents.some(isMeant)) found.add(arn)
    }
    after = next
  } while (after !== undefined)
}

/** Names and roles of selections mean nothing for what they match. */
export function named(selection: SelectionToPreview): SelectionDocument {
  return { ...selection, SelectionName: '', IamRoleArn: '' }
}
