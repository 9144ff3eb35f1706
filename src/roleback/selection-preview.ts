import { setImmediate } from 'node:timers/promises'
import { InvalidParameterValueException, ResourceNotFoundException } from '../aws/generated/roleback.ts'
import type {
  PreviewBackupSelectionInput,
  PreviewBackupSelectionOutput,
  SelectionMatch,
} from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import type { PlanDocument } from '../plans/plan.ts'
import { lockWarnings, vaultsOfRules } from '../plans/plan-locks.ts'
import { matchSelection, selectionProblem, selectionWarnings } from '../plans/selection.ts'
import type { SelectionDocument } from '../plans/selection.ts'
import type { Page, PageRequest } from '../store/page.ts'
import { selectionsOfPlan } from '../store/plans/plans.ts'
import { regionSettings } from '../store/region-settings.ts'
import { findResource, listResources } from '../store/resources/resources.ts'
import type { ResourceTable } from '../store/schema.ts'
import { tagsOfAll } from '../store/identity/tags.ts'
import { vaultsOfArns } from '../store/vaults/vaults.ts'
import { nextToken, pageOf } from './paging.ts'
import { planOf } from './plans.ts'
import { resourceLabel } from '../store/resources/resource-label.ts'
import { named } from './resource-selection.ts'

/** Resources read at once. */
const READ = 1_000
/** Resources looked through for one page. */
const MAX_LOOKED = 20_000

/** What is looked at a resource with: selections, and the types that are opted in. */
interface Look {
  readonly selections: readonly SelectionDocument[]
  readonly optIn: Readonly<Record<string, boolean>>
}

/**
 * What a selection that is not made yet, or all selections of a plan, would back up now, and why: every registered resource is
 * told of, the ones left out too, unless `Selected` asks for one of the two; or one resource. With `Selected` a page may be short, or
 * empty, and others follow.
 */
export async function previewBackupSelection(
  ctx: Context,
  input: PreviewBackupSelectionInput,
): Promise<PreviewBackupSelectionOutput> {
  const selections = await selectionsToPreview(ctx, input)
  const { optIn } = await regionSettings(ctx.store.db, ctx.accountId, ctx.region)
  const look = { selections, optIn }
  const list = `PreviewBackupSelection ${input.Selected ?? ''}`
  const { rows, next } =
    input.ResourceArn === undefined
      ? await matchesPage(ctx, look, input.Selected, pageOf(ctx, list, input))
      : { rows: await matchesOf(ctx, look, [await registered(ctx, input.ResourceArn)]) }
  return {
    Matches: rows,
    Warnings: [
      ...new Set(selections.flatMap((selection) => selectionWarnings(selection))),
      ...(input.BackupPlanId === undefined ? [] : await warningsOfLocks(ctx, input.BackupPlanId)),
    ],
    ...(input.Count === true && (await countsOf(ctx, look))),
    NextToken: nextToken(ctx, list, next),
  }
}

/** What of a plan would fail by the locks that its vaults have now. */
async function warningsOfLocks(ctx: Context, planId: string): Promise<readonly string[]> {
  const { Rules } = JSON.parse((await planOf(ctx, planId)).document) as PlanDocument
  const arnOf = (name: string): string => `arn:aws:backup:${ctx.region}:${ctx.accountId}:backup-vault:${name}`
  const vaults = await vaultsOfArns(ctx.store.db, ctx.accountId, vaultsOfRules(Rules, arnOf))
  return lockWarnings(Rules, vaults, arnOf)
}

async function selectionsToPreview(
  ctx: Context,
  input: PreviewBackupSelectionInput,
): Promise<readonly SelectionDocument[]> {
  if ((input.BackupPlanId === undefined) === (input.BackupSelection === undefined))
    throw new InvalidParameterValueException('Give either BackupPlanId or BackupSelection', {
      Context: 'BackupSelection',
    })
  if (input.BackupSelection === undefined) {
    const plan = await planOf(ctx, input.BackupPlanId as string)
    const rows = await selectionsOfPlan(ctx.store.db, plan.plan_id)
    return rows.map(({ document }) => JSON.parse(document) as SelectionDocument)
  }
  const selection = named(input.BackupSelection)
  const problem = selectionProblem(selection)
  if (problem !== undefined) throw new InvalidParameterValueException(problem, { Context: 'BackupSelection' })
  return [selection]
}

async function registered(ctx: Context, arn: string): Promise<ResourceTable> {
  const resource = await findResource(ctx.store.db, ctx.accountId, arn)
  if (resource?.region === ctx.region) return resource
  throw new ResourceNotFoundException(`Cannot find resource ${arn}`, { Context: arn })
}

async function matchesPage(
  ctx: Context,
  look: Look,
  isWanted: boolean | undefined,
  page: PageRequest,
): Promise<Page<SelectionMatch>> {
  if (isWanted === undefined) {
    const { rows, next } = await readPage(ctx, page)
    return { rows: await matchesOf(ctx, look, rows), next }
  }
  const found: SelectionMatch[] = []
  let { after } = page
  for (let looked = 0; looked < MAX_LOOKED; looked += READ) {
    const { rows, next } = await readPage(ctx, { limit: READ, after })
    for (const match of await matchesOf(ctx, look, rows)) {
      if (match.Selected !== isWanted) continue
      if (found.length === page.limit) return { rows: found, next: [found.at(-1)?.ResourceArn ?? ''] }
      found.push(match)
    }
    after = next
    if (after === undefined) return { rows: found }
    await setImmediate()
  }
  return { rows: found, next: after }
}

async function countsOf(
  ctx: Context,
  look: Look,
): Promise<Pick<PreviewBackupSelectionOutput, 'SelectedCount' | 'ResourceCount'>> {
  const counts = { SelectedCount: 0, ResourceCount: 0 }
  let after: readonly string[] | undefined
  do {
    const { rows, next } = await readPage(ctx, { limit: READ, after })
    const matches = await matchesOf(ctx, look, rows)
    counts.ResourceCount += matches.length
    counts.SelectedCount += matches.filter(({ Selected }) => Selected).length
    after = next
    await setImmediate()
  } while (after !== undefined)
  return counts
}

async function readPage(ctx: Context, page: PageRequest): Promise<Page<ResourceTable>> {
  return await listResources(ctx.store.db, { accountId: ctx.accountId, region: ctx.region }, page)
}

/** As in a run: by the first selection that names it. Where none does, the first selection's reason is told. */
async function matchesOf(
  ctx: Context,
  { selections, optIn }: Look,
  rows: readonly ResourceTable[],
): Promise<readonly SelectionMatch[]> {
  const all = await tagsOfAll(
    ctx.store.db,
    ctx.accountId,
    rows.map(({ arn }) => arn),
  )
  return rows.map((row) => {
    const { arn, type } = row
    const tags = all.get(arn) ?? {}
    const isOptedIn = optIn[type] !== false
    const matches = selections.map((selection) => ({
      selection: selection.SelectionName,
      ...matchSelection(selection, { arn, type, tags }, isOptedIn),
    }))
    const match = matches.find(({ isSelected }) => isSelected) ?? matches[0]
    return {
      ResourceArn: arn,
      ResourceType: type,
      Name: resourceLabel(row, tags),
      Selected: match?.isSelected ?? false,
      Reason: match?.reason ?? 'the plan has no selection',
      SelectionName: match?.isSelected === true && match.selection !== '' ? match.selection : undefined,
    }
  })
}
