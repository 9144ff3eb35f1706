import { assumeForService } from '../access/assume.ts'
import type { AssumedRole } from '../access/assume.ts'
import { vaultPolicy } from '../access/authorize.ts'
import { jobLayers, jobScopePolicy } from '../access/job-scope.ts'
import type { JobLayers, JobScope } from '../access/job-scope.ts'
import { keyGrants, keyUsesOf } from '../access/key-grants.ts'
import { layersOf } from '../access/layers.ts'
import { MAINTENANCE_LAYERS, maintenancePrincipal } from '../access/maintenance.ts'
import { BACKUP_SERVICE } from '../access/passed-role.ts'
import type { Principal } from '../access/principal.ts'
import { decideForService } from '../access/service-decision.ts'
import type { Connection, ResourceView } from '../drivers/driver.ts'
import { keyCalls } from '../kinds/job-calls.ts'
import { EncryptionKeyError } from '../keyring/encryption-keys.ts'
import { arnOf } from '../lib/arn.ts'
import type { PolicyLayers } from '../policy/evaluate.ts'
import { insertDenials } from '../store/audit/denials.ts'
import { nextDecisionSeq, saveDecisions } from '../store/audit/decisions.ts'
import type { JobKind, JobTable, VaultTable } from '../store/schema.ts'
import type { Queryable } from '../store/store.ts'
import { findVaultByArn } from '../store/vaults/vaults.ts'
import { DecisionLog } from './decision-log.ts'
import { JobFailedError, JobStoppedError } from './errors.ts'
import { JobSession } from './job-session.ts'
import type { JobTools, RunningJob } from './tools.ts'

/** A job under way asks for its role's rights again so often, in milliseconds: a revoked right ends it within a minute. */
const REFRESH_MS = 20_000
/** Aggregated counts reach the record so often, in milliseconds; a new kind of decision does before its effect. */
const FLUSH_MS = 1_000

export interface JobRoleRequest {
  readonly resource: ResourceView
  readonly scope: JobScope
  /**
   * What is done with what lies in the scope's vault, into whose destination a copy writes: where they are under encryption keys, these are
   * asked for, too. Nothing where absent.
   */
  readonly vaultUse?: 'read' | 'write'
  /** Tags of what exists beside the resource, by ARN: a condition on tags must meet the real ones. */
  readonly tags?: ReadonlyMap<string, Readonly<Record<string, string>>>
  /** Unseals the connection; called after an Allow only. */
  readonly connect: () => Connection
}

/** A job's session with what keeps it true; `close` writes the rest of its record. */
export interface OpenJobRole {
  readonly session: JobSession
  close(): Promise<void>
}

/**
 * Assumes the job's role anew (role, trust policy and permissions are asked at each run) and opens the session that all its
 * driver calls go through.
 *
 * @throws {JobFailedError} "IAM Role … cannot be assumed by AWS Backup" with the reason.
 */
export async function openJobRole(
  tools: JobTools,
  job: RunningJob,
  request: JobRoleRequest,
): Promise<OpenJobRole> {
  const rights = async (): Promise<JobRights> => await rightsOfRole(tools, job.row, request.scope)
  const first = await rights()
  if (!first.ok) throw new JobFailedError(first.refusal, 'AccessDenied')
  await mayListResources(tools, job.row)
  return await openSession(tools, job, request, { first, rights })
}

/**
 * The same for what the server does for an account by itself, in a job without a role: the session is that of the service, and has
 * the rights of access/maintenance.ts and no others.
 */
export async function openMaintenanceRole(
  tools: JobTools,
  job: RunningJob,
  request: JobRoleRequest,
): Promise<OpenJobRole> {
  const rights = async (): Promise<GrantedRights> => {
    const principal = maintenancePrincipal(job.row.account_id, tools.clock.now())
    return { ok: true, principal, layers: await layersIn(tools, MAINTENANCE_LAYERS, request.scope) }
  }
  return await openSession(tools, job, request, { first: await rights(), rights })
}

interface GrantedRights {
  readonly ok: true
  readonly principal: Principal
  readonly layers: JobLayers
}

type JobRights = GrantedRights | { readonly ok: false; readonly refusal: string }

async function openSession(
  tools: JobTools,
  job: RunningJob,
  request: JobRoleRequest,
  { first, rights }: { readonly first: GrantedRights; readonly rights: () => Promise<JobRights> },
): Promise<OpenJobRole> {
  const { row } = job
  const { principal, layers } = first
  const log = new DecisionLog(await nextDecisionSeq(tools.store.db, row.job_id))
  const flush = async (): Promise<void> => {
    const rows = log.take()
    const denials = log.takeDenials()
    if (denials.length === 0) {
      if (rows.length > 0) await saveDecisions(tools.store.db, row, rows)
      return
    }
    await tools.store.transaction(async (tx) => {
      await saveDecisions(tx, row, rows)
      await insertDenials(tx, denials)
    })
  }
  const session = new JobSession({
    jobId: row.job_id,
    region: row.region,
    resource: request.resource,
    recoveryPointArn: request.scope.recoveryPointArn,
    backupVaultArn: request.scope.backupVaultArn,
    principal,
    tags: request.tags,
    layers,
    log,
    flush,
    connect: request.connect,
    signal: job.signal,
    clock: tools.clock,
    serverKey: tools.serverKey,
    expect: (bytes) => {
      job.progress.bytesTotal = Math.max(job.progress.bytesTotal ?? 0, bytes)
    },
  })
  const stop = keepTrue(tools, job, session, { scope: request.scope, rights, flush })
  const close = async (): Promise<void> => {
    stop()
    await flush()
  }
  try {
    await askForKeys(tools, row, session, request)
  } catch (error) {
    await close()
    throw error
  }
  return { session, close }
}

/** Before anything else is: without the keys nothing of the vaults is to be had. */
async function askForKeys(
  { store }: JobTools,
  { account_id: accountId }: JobTable,
  session: JobSession,
  { scope, vaultUse }: JobRoleRequest,
): Promise<void> {
  if (vaultUse === undefined) return
  const { own, into } = await vaultsOf(store.db, scope)
  const uses = keyUsesOf(accountId, [
    { vault: own, use: vaultUse },
    { vault: into, use: 'write' },
  ])
  for (const { step, target } of keyCalls(scope.resourceArn, uses)) await session.ask(step, target)
}

async function vaultsOf(
  db: Queryable,
  { backupVaultArn, destinationVaultArn }: JobScope,
): Promise<{ readonly own: VaultTable | undefined; readonly into: VaultTable | undefined }> {
  return {
    own: await findVaultByArn(db, backupVaultArn),
    into: destinationVaultArn === undefined ? undefined : await findVaultByArn(db, destinationVaultArn),
  }
}

/** A plan's role finds the resources, so it must be allowed to; AWS's would find none, and say nothing. */
async function mayListResources(tools: JobTools, row: JobTable): Promise<void> {
  if (row.plan_id === null) return
  const decision = await decideForService(
    tools.store.db,
    { roleId: row.role_id as string, roleArn: row.role_arn as string },
    {
      service: BACKUP_SERVICE,
      sourceAccount: row.account_id,
      sourceArn: planArnOf(row, row.plan_id),
      now: tools.clock.now(),
    },
    { action: 'tag:GetResources', resource: '*', region: row.region },
  )
  if (decision.allowed) return
  throw new JobFailedError(
    `IAM Role ${row.role_arn} is not authorized to call tag:GetResources: ${decision.reason}`,
    'AccessDenied',
  )
}

function planArnOf(row: JobTable, planId: string): string {
  return arnOf('backup', row.region, row.account_id, `backup-plan:${planId}`)
}

/** For these a role is passed on the recovery point. */
const OF_POINTS: readonly JobKind[] = ['restore', 'check-restore', 'copy']

function sourceArnOf(row: JobTable, scope: JobScope): string {
  if (row.plan_id !== null) return planArnOf(row, row.plan_id)
  const { RestoreTestingPlanArn: testingPlan } = JSON.parse(row.created_by ?? '{}') as Record<string, string>
  if (testingPlan !== undefined) return testingPlan
  // The vault that is repaired: for it the role was passed.
  if (row.kind === 'repair') return scope.destinationVaultArn ?? scope.backupVaultArn
  return OF_POINTS.includes(row.kind) ? scope.recoveryPointArn : scope.backupVaultArn
}

function assume(tools: JobTools, row: JobTable, scope: JobScope): Promise<AssumedRole> {
  return assumeForService(
    tools.store.db,
    { roleId: row.role_id as string, roleArn: row.role_arn as string },
    {
      service: BACKUP_SERVICE,
      sourceAccount: row.account_id,
      sourceArn: sourceArnOf(row, scope),
      now: tools.clock.now(),
    },
  )
}

function notAssumable(row: JobTable, reason: string): string {
  return `IAM Role ${row.role_arn} cannot be assumed by AWS Backup: ${reason}`
}

async function rightsOfRole(tools: JobTools, row: JobTable, scope: JobScope): Promise<JobRights> {
  const assumed = await assume(tools, row, scope)
  if (!assumed.ok) return { ok: false, refusal: notAssumable(row, assumed.reason) }
  const { session: principal } = assumed
  return {
    ok: true,
    principal,
    layers: await layersIn(tools, await layersOf(tools.store.db, principal), scope),
  }
}

/** With the access policies of the vaults that a job works in, and the grants on their keys. */
async function layersIn({ store }: JobTools, role: PolicyLayers, scope: JobScope): Promise<JobLayers> {
  const { own, into } = await vaultsOf(store.db, scope)
  const policies = {
    ofVault: own && vaultPolicy(own),
    ofDestination: into && vaultPolicy(into),
    ofKeys: keyGrants([own, into]),
  }
  return jobLayers(role, jobScopePolicy(scope), policies, scope.destinationVaultArn)
}

interface Refreshed {
  readonly scope: JobScope
  readonly rights: () => Promise<JobRights>
  readonly flush: () => Promise<void>
}

/** Ends the job where somebody took away the encryption key of a vault it works in. */
async function checkKeys(tools: JobTools, job: RunningJob, scope: JobScope): Promise<void> {
  const { own, into } = await vaultsOf(tools.store.db, scope)
  for (const vault of [own, into]) {
    if (vault === undefined) continue
    try {
      await tools.vaults.checkKey(vault.vault_id)
    } catch (error) {
      if (!(error instanceof EncryptionKeyError)) throw error
      job.abort(error)
    }
  }
}

/** Asks role, trust and policies again from time to time, and ends the job with the reason when it lost a right it uses. */
function keepTrue(
  tools: JobTools,
  job: RunningJob,
  session: JobSession,
  { scope, rights, flush }: Refreshed,
): () => void {
  const refresh = async (): Promise<void> => {
    const now = await rights()
    if (!now.ok) {
      job.abort(new JobStoppedError('FAILED', now.refusal))
      return
    }
    const denied = session.refresh(now.principal, now.layers)
    if (denied !== undefined) job.abort(new JobStoppedError('FAILED', denied))
    await checkKeys(tools, job, scope)
  }
  const guarded = (work: () => Promise<void>) => (): void => {
    work().catch((error: unknown) => {
      tools.log.warn('a running job’s rights could not be asked again', {
        job: job.row.job_id,
        error: String(error),
      })
    })
  }
  const refreshing = setInterval(guarded(refresh), REFRESH_MS)
  const flushing = setInterval(guarded(flush), FLUSH_MS)
  return () => {
    clearInterval(refreshing)
    clearInterval(flushing)
  }
}
