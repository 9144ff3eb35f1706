import { ResourceNotFoundException } from '../aws/generated/roleback.ts'
import type {
  ListRestoreTestsInput,
  ListRestoreTestsOutput,
  RestoreTest,
  ValidatorResult as RestoreTestResult,
} from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import type { ValidatorResult } from '../plans/validator-verdicts.ts'
import { findTestingPlan } from '../store/plans/restore-testing.ts'
import { listRestoreTests as listRows } from '../store/plans/restore-tests.ts'
import type { ListedRestoreTest } from '../store/plans/restore-tests.ts'
import { nextToken, pageOf } from './paging.ts'

/** Restore tests, the newest first: how each went, how long its restore took. Of one plan also what became of its last run. */
export async function listRestoreTests(
  ctx: Context,
  input: ListRestoreTestsInput,
): Promise<ListRestoreTestsOutput> {
  const { RestoreTestingPlanName: planName, ResourceArn: resourceArn } = input
  const plan = planName === undefined ? undefined : await findTestingPlan(ctx.store.db, ctx, planName)
  if (planName !== undefined && plan === undefined)
    throw new ResourceNotFoundException(`Cannot find restore testing plan ${planName}`, { Context: planName })
  const list = `ListRestoreTests ${plan?.arn ?? ''} ${resourceArn ?? ''}`
  const filter = { accountId: ctx.accountId, region: ctx.region, planArn: plan?.arn, resourceArn }
  const { rows, next } = await listRows(ctx.store.db, filter, pageOf(ctx, list, input))
  return {
    Tests: rows.map(toMember),
    LastRunAt: timeOf(plan?.last_run_at),
    LastRunMessage: plan?.last_run_message ?? undefined,
    NextRunAt: timeOf(plan?.next_run_at),
    NextToken: nextToken(ctx, list, next),
  }
}

const timeOf = (at: number | null | undefined): Date | undefined =>
  at === null || at === undefined ? undefined : new Date(at)

function toMember(row: ListedRestoreTest): RestoreTest {
  return {
    RestoreJobId: row.job_id,
    RestoreTestingPlanName: row.plan_name,
    RestoreTestingSelectionName: row.selection_name,
    ResourceArn: row.resource_arn,
    RecoveryPointCreationDate: timeOf(row.point_created_at),
    BackupVaultName: row.vault_name ?? undefined,
    RecoveryPointArn: row.recovery_point_arn ?? undefined,
    CreatedResourceArn: (JSON.parse(row.result) as { readonly createdResourceArn?: string })
      .createdResourceArn,
    DueAt: new Date(row.due_at),
    Phase: row.phase,
    RestoreStatus: row.state,
    RestoreStatusMessage: row.status_message ?? undefined,
    RecoverySeconds: row.recovery_ms === null ? undefined : row.recovery_ms / 1000,
    ValidationStatus: row.validation_status ?? undefined,
    ValidationStatusMessage: row.validation_message ?? undefined,
    ValidatorResults: (JSON.parse(row.validator_results) as readonly ValidatorResult[]).map(toResult),
    DeletionStatus: row.deletion_status ?? undefined,
    DeletionStatusMessage: row.deletion_message ?? undefined,
  }
}

const toResult = ({ name, kind, status, message }: ValidatorResult): RestoreTestResult => ({
  Name: name,
  Kind: kind,
  Status: status,
  Message: message,
})
