import { BACKUP_SERVICE } from '../access/passed-role.ts'
import { decideForService } from '../access/service-decision.ts'
import type { Context } from '../context.ts'
import type { ResourceType, StepTarget } from '../kinds/kind.ts'
import { kindOfType } from '../kinds/kinds.ts'
import { RESTORE_TEST, restoreTestName, validationSteps } from '../kinds/restore-test.ts'
import { arnOf } from '../lib/arn.ts'
import type {
  RestoreTestingPlanTable,
  RestoreTestingSelectionTable,
} from '../store/plans/schema-restore-testing.ts'
import { listResources } from '../store/resources/resources.ts'

/** Databases that are looked at for the accounts that restores of them work as: those of one server have one. */
const MAX_DATABASES = 100

/**
 * What the role of a selection is not allowed of what its validators read, which no policy for restores has in it: said when they are
 * set, not at night by the first test.
 */
export async function warnOfUnreadable(
  ctx: Context,
  plan: RestoreTestingPlanTable,
  { role_id, role_arn, resource_type }: RestoreTestingSelectionTable,
): Promise<readonly string[]> {
  const steps = validationSteps(resource_type as ResourceType)
  const denied = new Map<string, string>()
  for (const target of await exampleTargets(ctx, resource_type as ResourceType))
    for (const { action, arns } of steps)
      for (const resource of arns(target)) {
        const decision = await decideForService(
          ctx.store.db,
          { roleId: role_id, roleArn: role_arn },
          { service: BACKUP_SERVICE, sourceAccount: ctx.accountId, sourceArn: plan.arn, now: ctx.now },
          {
            action,
            resource,
            region: ctx.region,
            context: { [`aws:ResourceTag/${RESTORE_TEST}`]: 'example' },
          },
        )
        if (!decision.allowed) denied.set(action, `${action} (on ${resource}, say: ${decision.reason})`)
      }
  if (denied.size === 0) return []
  return [
    `The validators will fail: ${role_arn} may not read what restore tests make. It lacks ${[...denied.values()].join(', ')}`,
  ]
}

/** Things as a test would make them. */
async function exampleTargets(ctx: Context, type: ResourceType): Promise<readonly StepTarget[]> {
  const { region, accountId } = ctx
  const name = restoreTestName('0'.repeat(32))
  const made = kindOfType(type)?.resourceArn({
    region,
    accountId,
    name: type === 'EFS' ? `fs-${'0'.repeat(17)}` : name,
  })
  const target = { resourceArn: made ?? '', targetArn: made }
  if (type !== 'RDS') return [{ ...target, objectArn: `${made}/key` }]
  const { rows } = await listResources(ctx.store.db, { accountId, region, type }, { limit: MAX_DATABASES })
  const users = rows.map(({ settings }) => {
    const { restoreUser, user } = JSON.parse(settings) as {
      readonly restoreUser?: string
      readonly user?: string
    }
    return restoreUser ?? user ?? ''
  })
  return [...new Set(users)].map((user) => ({
    ...target,
    objectArn: arnOf('rds-db', region, accountId, `dbuser:db-example/${user}`),
  }))
}
