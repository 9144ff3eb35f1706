import type { RestoredThing } from '../../drivers/driver.ts'
import type { ResourceType, Source } from '../../kinds/kind.ts'
import { kindOfArn, restoreConnectionArn } from '../../kinds/kinds.ts'
import { rds } from '../../kinds/rds.ts'
import { testNameIn } from '../../kinds/restore-test.ts'
import { restoreTargetOf } from '../../kinds/restore-target.ts'
import { arnOf } from '../../lib/arn.ts'
import { findJob } from '../../store/jobs/jobs.ts'
import { findResource, findResourceById } from '../../store/resources/resources.ts'
import type { JobTable, ResourceTable } from '../../store/schema.ts'
import { tagsOf, tagsOfAll } from '../../store/identity/tags.ts'
import { connectionOf } from '../connections.ts'
import { JobFailedError } from '../errors.ts'
import { openJobRole } from '../job-role.ts'
import type { OpenJobRole } from '../job-role.ts'
import type { JobTools, RunningJob } from '../tools.ts'

/** What the restore job of a test made, and the way to it. */
export interface TestedPlace {
  readonly type: ResourceType
  readonly targetArn: string
  readonly name: string
  /** What the restore registered; undefined where it failed before. */
  readonly created: ResourceTable | undefined
  /** The resource whose connection leads there. */
  readonly via: ResourceTable
  /** What the restore was asked for. */
  readonly metadata: Readonly<Record<string, string>>
}

/** Looks up what a test's later job works on. @throws {JobFailedError} Where nothing leads there any more. */
export async function testedPlaceOf(tools: JobTools, row: JobTable): Promise<TestedPlace> {
  const { db } = tools.store
  const { restoreJobId } = JSON.parse(row.input) as { readonly restoreJobId: string }
  const restore = await findJob(db, row.account_id, restoreJobId, ['restore'])
  if (restore === undefined) throw new JobFailedError(`Restore job ${restoreJobId} is gone`)
  const { metadata } = JSON.parse(restore.input) as { readonly metadata: Readonly<Record<string, string>> }
  const { createdResourceArn } = JSON.parse(restore.result) as { readonly createdResourceArn?: string }
  const type = restore.resource_type as ResourceType
  const created =
    createdResourceArn === undefined ? undefined : await findResource(db, row.account_id, createdResourceArn)
  const target = await restoreTargetOf({
    type,
    place: { region: row.region, accountId: row.account_id },
    metadata,
    // A test always makes something new.
    isRegistered: () => Promise.resolve(false),
  })
  const targetArn = createdResourceArn ?? target.arn
  const via = created ?? (await connectionResource(tools, restore, metadata, target))
  return { type, targetArn, name: testNameIn(type, metadata), created, via, metadata }
}

async function connectionResource(
  tools: JobTools,
  restore: JobTable,
  metadata: Readonly<Record<string, string>>,
  target: { readonly arn: string; readonly isNew: boolean },
): Promise<ResourceTable> {
  const { db } = tools.store
  const resourceArn = restore.resource_arn as string
  const arn = restoreConnectionArn({ metadata, target, resourceArn })
  const found =
    arn === resourceArn
      ? await findResourceById(db, restore.account_id, restore.resource_unique_id as string)
      : await findResource(db, restore.account_id, arn)
  if (found !== undefined && found.removed_at === null) return found
  throw new JobFailedError(
    `What the restore test made cannot be reached: ${arn}, through which it was restored, is no longer registered. Look there for ` +
      `"${testNameIn(restore.resource_type as ResourceType, metadata)}" and delete it`,
  )
}

/** Assumes the test's role anew, limited to what the test made. Close it afterwards. @param vaultUse What it is compared with. */
export async function openTestedPlace(
  tools: JobTools,
  job: RunningJob,
  place: TestedPlace,
  vaultUse?: 'read',
): Promise<OpenJobRole & { readonly thing: RestoredThing }> {
  const { row } = job
  const { db } = tools.store
  const userArns = place.created === undefined ? [] : usersOf(place.type, place.created)
  const resourceArn = row.resource_arn as string
  const recoveryPointArn = row.recovery_point_arn as string
  const role = await openJobRole(tools, job, {
    resource: {
      arn: resourceArn,
      uniqueId: row.resource_unique_id as string,
      name: kindOfArn(resourceArn)?.name ?? '',
      tags: await tagsOf(db, row.account_id, resourceArn),
    },
    scope: {
      resourceArn,
      recoveryPointArn,
      backupVaultArn: arnOf('backup', row.region, row.account_id, `backup-vault:${row.vault_name}`),
      targetArn: place.targetArn,
      throughArn: place.via.arn,
      userArns,
    },
    ...(vaultUse !== undefined && { vaultUse }),
    tags: await tagsOfAll(db, row.account_id, [recoveryPointArn, place.targetArn, place.via.arn]),
    connect: () => connectionOf(tools.serverKey, place.via),
  })
  const { session } = role
  return {
    session,
    close: () => role.close(),
    thing: { session, targetArn: place.targetArn, name: place.name, userArn: userArns[0] },
  }
}

/** ARNs of the users that a restored database is read as; none for other kinds. */
function usersOf(type: ResourceType, { arn, unique_id, name, settings }: ResourceTable): readonly string[] {
  if (type !== 'RDS') return []
  const source = { arn, uniqueId: unique_id, name, settings: JSON.parse(settings) as Source['settings'] }
  return rds.read(source).resources
}
