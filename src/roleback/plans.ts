import { InvalidParameterValueException, ResourceNotFoundException } from '../aws/generated/roleback.ts'
import type {
  ListBackupPlanRunsInput,
  ListBackupPlanRunsOutput,
  PreviewBackupSelectionInput,
  PreviewBackupSelectionOutput,
  PreviewScheduleInput,
  PreviewScheduleOutput,
  SelectionMatch,
} from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import type { PlanDocument } from '../plans/plan.ts'
import { ScheduleError } from '../plans/schedule-error.ts'
import { DEFAULT_TIMEZONE, parseSchedule } from '../plans/schedule.ts'
import { matchSelection, selectionProblem, selectionWarnings } from '../plans/selection.ts'
import type { Candidate, SelectionDocument } from '../plans/selection.ts'
import { findPlan, listPlanRuns, selectionsOfPlan } from '../store/plans/plans.ts'
import type { PlanRow } from '../store/plans/plans.ts'
import { regionSettings } from '../store/region-settings.ts'
import { findResource, listResources } from '../store/resources/resources.ts'
import type { ResourceTable } from '../store/schema.ts'
import { tagsOfAll } from '../store/identity/tags.ts'
import { nextToken, pageOf } from './paging.ts'
import { named } from './resource-selection.ts'

/** As AWS's console shows. */
const RUNS = 10

/**
 * What a selection that is not made yet, or all selections of a plan, would back up now, and why: every registered resource is
 * told of, the ones left out too; or one of them.
 */
export async function previewBackupSelection(
  ctx: Context,
  input: PreviewBackupSelectionInput,
): Promise<PreviewBackupSelectionOutput> {
  const selections = await selectionsToPreview(ctx, input)
  const place = { accountId: ctx.accountId, region: ctx.region }
  const { optIn } = await regionSettings(ctx.store.db, ctx.accountId, ctx.region)
  const { rows, next } =
    input.ResourceArn === undefined
      ? await listResources(ctx.store.db, place, pageOf(ctx, 'PreviewBackupSelection', input))
      : { rows: [await registered(ctx, input.ResourceArn)], next: undefined }
  const arns = rows.map(({ arn }) => arn)
  const tags = await tagsOfAll(ctx.store.db, ctx.accountId, arns)
  return {
    Matches: rows.map(({ arn, type }) =>
      matchOf(selections, { arn, type, tags: tags.get(arn) ?? {} }, optIn[type] !== false),
    ),
    Warnings: [...new Set(selections.flatMap((selection) => selectionWarnings(selection)))],
    NextToken: nextToken(ctx, 'PreviewBackupSelection', next),
  }
}

async function registered(ctx: Context, arn: string): Promise<ResourceTable> {
  const resource = await findResource(ctx.store.db, ctx.accountId, arn)
  if (resource?.region === ctx.region) return resource
  throw new ResourceNotFoundException(`Cannot find resource ${arn}`, { Context: arn })
}

/** As in a run: by the first selection that names it. Where none does, the first selection's reason is told. */
function matchOf(
  selections: readonly SelectionDocument[],
  candidate: Candidate,
  isOptedIn: boolean,
): SelectionMatch {
  const matches = selections.map((selection) => ({
    name: selection.SelectionName,
    ...matchSelection(selection, candidate, isOptedIn),
  }))
  const match = matches.find(({ isSelected }) => isSelected) ?? matches[0]
  return {
    ResourceArn: candidate.arn,
    ResourceType: candidate.type,
    Selected: match?.isSelected ?? false,
    Reason: match?.reason ?? 'the plan has no selection',
    SelectionName: match?.isSelected === true && match.name !== '' ? match.name : undefined,
  }
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

/** When a schedule that is not in a plan yet would be due from now on; fewer than asked for where it ends before. */
export async function previewSchedule(
  ctx: Context,
  input: PreviewScheduleInput,
): Promise<PreviewScheduleOutput> {
  const { ScheduleExpression, ScheduleExpressionTimezone = DEFAULT_TIMEZONE, MaxRuns = RUNS } = input
  try {
    const schedule = parseSchedule(ScheduleExpression, ScheduleExpressionTimezone, ctx.now)
    const runs: Date[] = []
    let at = schedule.next(ctx.now)
    while (at !== undefined && runs.length < MaxRuns) {
      runs.push(new Date(at))
      at = schedule.next(at)
    }
    return { Runs: runs }
  } catch (error) {
    if (!(error instanceof ScheduleError)) throw error
    throw new InvalidParameterValueException(error.message, { Context: 'ScheduleExpression' })
  }
}

/** What became of each time a rule was due, newest first. */
export async function listBackupPlanRuns(
  ctx: Context,
  input: ListBackupPlanRunsInput,
): Promise<ListBackupPlanRunsOutput> {
  const plan = await planOf(ctx, input.BackupPlanId)
  const names = new Map(
    (JSON.parse(plan.document) as PlanDocument).Rules.map(({ RuleId, RuleName }) => [RuleId, RuleName]),
  )
  const list = `ListBackupPlanRuns ${plan.plan_id}`
  const { rows, next } = await listPlanRuns(ctx.store.db, plan.plan_id, pageOf(ctx, list, input))
  return {
    Runs: rows.map((row) => ({
      RuleId: row.rule_id,
      RuleName: names.get(row.rule_id),
      DueAt: new Date(row.due_at),
      Outcome: row.outcome,
      JobCount: row.jobs,
      Message: row.message === '' ? undefined : row.message,
      VersionId: row.version_id,
    })),
    NextToken: nextToken(ctx, list, next),
  }
}

/** Also a deleted one. */
export async function planOf(ctx: Context, planId: string): Promise<PlanRow> {
  const plan = await findPlan(ctx.store.db, ctx, planId)
  if (plan === undefined)
    throw new ResourceNotFoundException(`Cannot find Backup plan with ID ${planId}`, { Context: planId })
  return plan
}
