import { basename } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { RunningServer } from '../../app.ts'
import { callerOf } from '../../aws/client.ts'
import type { Call } from '../../aws/client.ts'
import { AwsError } from '../../aws/error.ts'
import type { Job } from '../../aws/generated/roleback.ts'
import { compareTrees } from './compare-trees.ts'
import type { TreeComparison } from './compare-trees.ts'
import { credentialsFile } from '../server/first-start.ts'
import { followJob } from '../jobs/follow-job.ts'
import type { ProgressOutput } from '../jobs/follow-job.ts'
import { humanBytes } from '../output.ts'
import {
  ADMIN_PROFILE,
  DBA_PROFILE,
  adminCredentials,
  dbaCredentials,
  storeCredentials,
  storedCredentials,
  unless,
} from './quickstart-identities.ts'
import type { Target } from './quickstart-identities.ts'
import type { Places } from './quickstart-places.ts'
import { allResources } from '../resources/registered.ts'
import { CommandError } from '../report.ts'

const VAULT = 'quickstart'
const VAULT_POLL_MS = 50
const VAULT_PATIENCE_MS = 60_000

export interface Telling {
  readonly tell: (line: string) => void
  readonly progress: ProgressOutput | undefined
}

/** What the quickstart did. */
export interface Demonstration {
  readonly vault: string
  readonly source: string
  readonly resourceArn: string
  readonly defaultRoleArn: string
  readonly recoveryPointArn: string
  readonly backupJobId: string
  readonly restoreJobId: string
  readonly restoredTo: string
  readonly comparison: TreeComparison
  /** What user dba was told when he passed the default role. */
  readonly refusal: string
}

/**
 * Backs up, restores and compares, all through the API, as the user admin; then lets the user dba be refused. What an earlier
 * run on the same data directory made is used again.
 *
 * @throws {CommandError} Where a job fails, the trees differ or dba is not refused.
 */
export async function runDemonstration(
  server: RunningServer,
  places: Places,
  telling: Telling,
): Promise<Demonstration> {
  const { tell } = telling
  const target = { endpoint: server.url, region: server.region, accountId: server.accountId }
  tell(`server      ${server.url}, account ${server.accountId}, data in ${places.dataDir}`)
  const { admin, dba } = await identities(target, places, tell)
  const { RoleArn: role, Created } = await admin('roleback', 'CreateDefaultServiceRole', {})
  tell(`role        ${role}${Created ? '' : ' (from an earlier run)'}`)
  await makeVault(admin, places, tell)
  const resourceArn = await registerSource(admin, places, tell)
  const backup = await backUp(admin, resourceArn, role, telling)
  const { job: restore, path: restoredTo } = await restoreNew(
    admin,
    backup.point,
    { resourceArn, role },
    telling,
  )
  const comparison = await compare(places.source, restoredTo, tell)
  const refusal = await refusalOf(dba, { resourceArn, role })
  return {
    vault: VAULT,
    source: places.source,
    resourceArn,
    defaultRoleArn: role,
    recoveryPointArn: backup.point,
    backupJobId: backup.job.JobId,
    restoreJobId: restore.JobId,
    restoredTo,
    comparison,
    refusal,
  }
}

async function identities(
  target: Target,
  places: Places,
  tell: (line: string) => void,
): Promise<{ readonly admin: Call; readonly dba: Call }> {
  const callAs = (credentials: Parameters<typeof callerOf>[1]): Call =>
    callerOf(target.endpoint, credentials, target.region)
  const file = places.credentials
  const admin = await adminCredentials(target, storedCredentials(file, ADMIN_PROFILE), () =>
    callAs(rootCredentials(places)),
  )
  // Written before anything else is made: a key that is lost counts against the user's two.
  const knownDba = storedCredentials(file, DBA_PROFILE)
  storeCredentials(file, target.region, {
    [ADMIN_PROFILE]: admin.credentials,
    ...(knownDba !== undefined && { [DBA_PROFILE]: knownDba }),
  })
  const adminCall = callAs(admin.credentials)
  const dba = await dbaCredentials(target, knownDba, adminCall)
  storeCredentials(file, target.region, {
    [ADMIN_PROFILE]: admin.credentials,
    [DBA_PROFILE]: dba.credentials,
  })
  tell(
    `users       admin (AdministratorAccess), dba (may pass only the role rds-backup)${admin.isNew ? '' : ' (from an earlier run)'}`,
  )
  return { admin: adminCall, dba: callAs(dba.credentials) }
}

function rootCredentials(places: Places): Parameters<typeof callerOf>[1] {
  const file = credentialsFile(places.dataDir)
  const found = storedCredentials(file, 'roleback')
  if (found !== undefined) return found
  throw new CommandError(
    `Cannot make the user admin: ${file} with the root user's key (profile roleback) is not there. Bring it back for a moment, or give another --data-dir`,
  )
}

async function makeVault(call: Call, places: Places, tell: (line: string) => void): Promise<void> {
  if ((await createVault(call)) === 'FAILED') {
    // Left by an earlier run that could not make it, on a full disk for instance.
    await call('backup', 'DeleteBackupVault', { BackupVaultName: VAULT })
    await createVault(call)
  }
  const deadline = performance.now() + VAULT_PATIENCE_MS
  for (;;) {
    const vault = await call('backup', 'DescribeBackupVault', { BackupVaultName: VAULT })
    if (vault.VaultState === 'AVAILABLE') {
      const points = vault.NumberOfRecoveryPoints ?? 0
      const held = points === 0 ? '' : ` (from an earlier run; recovery points in it: ${points})`
      tell(`vault       ${VAULT}${held}`)
      return
    }
    if (vault.VaultState === 'FAILED' || performance.now() > deadline) {
      throw new CommandError(
        `Backup vault "${VAULT}" did not become available: it is ${vault.VaultState}. ${places.log} says why`,
      )
    }
    await pause(VAULT_POLL_MS)
  }
}

/** The vault of an earlier run is the same one. @returns Its state. */
async function createVault(call: Call): Promise<string | undefined> {
  await unless('AlreadyExistsException', () =>
    call('backup', 'CreateBackupVault', { BackupVaultName: VAULT, CreatorRequestId: VAULT }),
  )
  return (await call('backup', 'DescribeBackupVault', { BackupVaultName: VAULT })).VaultState
}

/** The resource of an earlier run with the same path is the same resource: its recovery points are the new one's parents. */
async function registerSource(call: Call, places: Places, tell: (line: string) => void): Promise<string> {
  const known = (await allResources(call)).find((one) => one.Connection?.Path === places.source)
  if (known !== undefined) {
    if (known.Connection?.RestoreRoot !== places.restored) {
      await call('roleback', 'UpdateResource', {
        ResourceArn: known.ResourceArn,
        Connection: { RestoreRoot: places.restored },
      })
    }
    tell(`resource    ${places.source} is ${known.ResourceArn} (from an earlier run)`)
    return known.ResourceArn
  }
  const made = await call('roleback', 'RegisterResource', {
    ResourceType: 'EFS',
    Name: nameFor(places.source),
    Connection: { Path: places.source, RestoreRoot: places.restored },
  })
  tell(`resource    ${places.source} is ${made.ResourceArn}`)
  for (const warning of made.Warnings ?? []) tell(`            warning: ${warning}`)
  return made.ResourceArn
}

/** Two folders should not go by one name; a name that lists badly is not taken over. */
function nameFor(source: string): string {
  const name = basename(source)
  return /^[\w.-]{1,64}$/.test(name) ? name : VAULT
}

async function backUp(
  call: Call,
  resourceArn: string,
  role: string,
  { tell, progress }: Telling,
): Promise<{ readonly job: Job; readonly point: string }> {
  const started = performance.now()
  const { BackupJobId } = await call('backup', 'StartBackupJob', {
    BackupVaultName: VAULT,
    ResourceArn: resourceArn,
    IamRoleArn: role,
  })
  const job = await followJob(call, BackupJobId as string, 'backup    ', progress)
  if (job.State !== 'COMPLETED' && job.State !== 'PARTIAL') throw failed('backup', job)
  const point = job.RecoveryPointArn as string
  tell(`            ${seconds(started)}, recovery point ${point}`)
  const reused = Number(job.Result?.['reusedItems'] ?? 0)
  if (reused > 0) {
    tell(
      `            incremental: ${reused} of ${job.ItemsDone ?? 0} items were unchanged and taken over from the previous recovery point unread`,
    )
  }
  return { job, point }
}

async function restoreNew(
  call: Call,
  point: string,
  { resourceArn, role }: { readonly resourceArn: string; readonly role: string },
  { tell, progress }: Telling,
): Promise<{ readonly job: Job; readonly path: string }> {
  const started = performance.now()
  const { RestoreJobId } = await call('backup', 'StartRestoreJob', {
    RecoveryPointArn: point,
    IamRoleArn: role,
    Metadata: { 'file-system-id': resourceArn.split('/').at(-1) as string, newFileSystem: 'true' },
  })
  const job = await followJob(call, RestoreJobId as string, 'restore   ', progress)
  if (job.State !== 'COMPLETED') throw failed('restore', job)
  const { CreatedResourceArn } = await call('backup', 'DescribeRestoreJob', { RestoreJobId: job.JobId })
  const { Resource: made } = await call('roleback', 'DescribeResource', {
    ResourceArn: CreatedResourceArn as string,
  })
  const path = made.Connection?.Path as string
  tell(`            ${seconds(started)}, under the same role`)
  return { job, path }
}

const NOT_ROOT =
  '. The server does not run as root, so it reads only what you can read and cannot give files to other owners: try a directory that is all yours, or run it as root'

function failed(what: string, job: Job): CommandError {
  return new CommandError(
    `The ${what} job ${job.JobId} ended ${job.State}: ${job.StatusMessage ?? 'no reason was given'}${process.getuid?.() === 0 ? '' : NOT_ROOT}`,
  )
}

function seconds(since: number): string {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`
}

async function compare(
  source: string,
  restored: string,
  tell: (line: string) => void,
): Promise<TreeComparison> {
  const comparesOwners = process.getuid?.() === 0
  const comparison = await compareTrees(source, restored, { comparesOwners })
  const { files, bytes, items, differences } = comparison
  if (differences.length > 0) {
    throw new CommandError(
      `The restored tree ${restored} differs from ${source}: ${differences.join('; ')}. ` +
        'Something that changes while it is backed up differs afterwards; try a directory that is at rest',
    )
  }
  const owners = comparesOwners ? 'owners, ' : ''
  tell(`compared    identical: ${files} files, ${bytes} bytes`)
  tell(
    `            (${items} items, ${humanBytes(bytes)}: names, types, modes, ${owners}times, links and contents)`,
  )
  return comparison
}

/** @throws {CommandError} Where he is not refused: then the authorisation is broken. */
async function refusalOf(
  dba: Call,
  { resourceArn, role }: { readonly resourceArn: string; readonly role: string },
): Promise<string> {
  await dba('backup', 'ListRecoveryPointsByBackupVault', { BackupVaultName: VAULT })
  try {
    const { BackupJobId } = await dba('backup', 'StartBackupJob', {
      BackupVaultName: VAULT,
      ResourceArn: resourceArn,
      IamRoleArn: role,
    })
    throw new CommandError(
      `User dba could pass ${role} and start job ${BackupJobId}, although his policy lets him pass rds-backup only. Has somebody given him more?`,
    )
  } catch (error) {
    if (!(error instanceof AwsError) || error.status !== 403) throw error
    return `${error.code}: ${error.message}`
  }
}
