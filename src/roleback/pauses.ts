import { InvalidParameterValueException, ResourceNotFoundException } from '../aws/generated/roleback.ts'
import type {
  ListPausesOutput,
  Pause,
  PauseBackupsInput,
  PauseBackupsOutput,
  ResumeBackupsInput,
  ResumeBackupsOutput,
} from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { deletePause, pausesAt, putPause } from '../store/jobs/pauses.ts'
import { findPlan } from '../store/plans/plans.ts'
import { findResource } from '../store/resources/resources.ts'
import type { BackupPauseTable } from '../store/plans/schema-plans.ts'

/** Longest pause: a pause nobody remembers is a backup nobody has. */
const MAX_DAYS = 366
const DAY = 86_400_000

/** What is meant where no target is named: everything of the account in this region. */
export const EVERYTHING = '*'

/**
 * Lets no plan make jobs for a plan, a resource or everything until a time. Jobs that are there go on, and jobs that somebody starts
 * are not held.
 */
export async function pauseBackups(ctx: Context, input: PauseBackupsInput): Promise<PauseBackupsOutput> {
  const target = input.TargetArn ?? EVERYTHING
  await checkTarget(ctx, target)
  const until = input.Until.getTime()
  if (!(until > ctx.now) || until > ctx.now + MAX_DAYS * DAY) {
    throw new InvalidParameterValueException(
      `Until must lie in the next ${MAX_DAYS} days, not at ${input.Until.toISOString()}`,
      { Context: 'Until' },
    )
  }
  const row: BackupPauseTable = {
    account_id: ctx.accountId,
    region: ctx.region,
    target_arn: target,
    until,
    reason: input.Reason ?? null,
    paused_by: ctx.principal.arn,
    paused_at: ctx.now,
  }
  await putPause(ctx.store.db, row)
  return { Pause: toPause(row) }
}

export async function resumeBackups(ctx: Context, input: ResumeBackupsInput): Promise<ResumeBackupsOutput> {
  const target = input.TargetArn ?? EVERYTHING
  const wasPaused = await deletePause(ctx.store.db, ctx, target, ctx.now)
  return { TargetArn: target, Resumed: wasPaused }
}

export async function listPauses(ctx: Context): Promise<ListPausesOutput> {
  return { Pauses: [...(await pausesAt(ctx.store.db, ctx, ctx.now)).values()].map(toPause) }
}

async function checkTarget(ctx: Context, target: string): Promise<void> {
  if (target === EVERYTHING) return
  const planId = /:backup-plan:([^:]+)$/.exec(target)?.[1]
  const plan = planId === undefined ? undefined : await findPlan(ctx.store.db, ctx, planId)
  const isPlan = plan !== undefined && plan.deleted_at === null
  if (isPlan || (await findResource(ctx.store.db, ctx.accountId, target)) !== undefined) return
  throw new ResourceNotFoundException(
    `Cannot pause ${target}: it is no backup plan and no registered resource of this account`,
    { Context: target },
  )
}

function toPause(row: BackupPauseTable): Pause {
  return {
    TargetArn: row.target_arn,
    Until: new Date(row.until),
    Reason: row.reason ?? undefined,
    PausedBy: row.paused_by,
    PausedAt: new Date(row.paused_at),
  }
}
