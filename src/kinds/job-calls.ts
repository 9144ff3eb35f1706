/**
 * Everything that a job of a kind will ask the policy engine, told before it runs from what is known then. Drivers make their
 * calls from the same steps and targets; a test compares the records of real jobs with these lists.
 */
import { parseArn } from '../lib/arn.ts'
import type { BackupFacts, Kind, RestoreFacts, Step, StepContext, StepTarget } from './kind.ts'
import { onDestinationVault, onEncryptionKey, onRecoveryPoint, onResource, onRestored } from './step-arns.ts'

/** One question of a job. Steps that are asked for each item have the ARN that stands for all of them. */
export interface JobCall {
  readonly step: Step
  readonly target: StepTarget
}

/** What stands behind the resource's ARN where a step is asked for each item. */
export interface ItemStandIn {
  /** ARN of an item that no policy names by its own name. */
  readonly item: (resourceArn: string) => string
}

export function backupCalls(kind: Kind, facts: BackupFacts, { item }: ItemStandIn): readonly JobCall[] {
  const target = kind.backupTarget(facts)
  return Object.values(kind.backup).map((step) => ({
    step,
    target: withItem(step, target, item(facts.resourceArn)),
  }))
}

export interface RestorePlan extends RestoreFacts {
  readonly isNew: boolean
  /** The resource whose connection leads to the target. */
  readonly throughArn: string
  /** Tags that the restored resource is to get; none where they are not copied. */
  readonly copiedTags: Readonly<Record<string, string>>
}

export function restoreCalls(kind: Kind, plan: RestorePlan, { item }: ItemStandIn): readonly JobCall[] {
  const { isNew, targetArn } = plan
  const target = kind.restoreTarget(plan)
  const steps = Object.values(kind.restore).filter((step) => isNew || step.onlyNew !== true)
  const calls = steps.map((step) => ({ step, target: withItem(step, target, item(targetArn)) }))
  return [...wayCalls(kind, plan), ...tagCalls(kind, plan), ...calls]
}

/** Deleting a recovery point: the source service's own action where its kind has one, else Backup's. */
export function deletionCalls(
  kind: Kind,
  point: { readonly resourceArn: string; readonly recoveryPointArn: string },
): readonly JobCall[] {
  const steps = Object.values(kind.remove)
  return (steps.length === 0 ? [DELETE_POINT] : steps).map((step) => ({ step, target: point }))
}

/** A copy reads the recovery point, and its role must be let into the vault that it goes to. */
export function copyCalls(point: {
  readonly resourceArn: string
  readonly recoveryPointArn: string
  readonly destinationVaultArn: string
}): readonly JobCall[] {
  return [COPY_FROM, COPY_INTO].map((step) => ({ step, target: point }))
}

/** What a job does with what lies in a vault that is under an encryption key. */
export interface KeyUse {
  readonly encryptionKeyArn: string
  readonly backupVaultArn: string
  readonly use: 'read' | 'write'
}

/** As AWS asks a service that uses a key for somebody: with the vault in the encryption context. */
export function keyCalls(resourceArn: string, uses: readonly KeyUse[]): readonly JobCall[] {
  return uses.map(({ encryptionKeyArn, backupVaultArn, use }) => ({
    step: use === 'read' ? DECRYPT : ENCRYPT,
    target: { resourceArn, backupVaultArn, encryptionKeyArn },
  }))
}

/**
 * Another resource's server and credentials are lent to the restore: the role must be allowed to do the same on that resource,
 * as AWS asks for the subnet group that a database is restored into.
 */
export function wayCalls(
  kind: Kind,
  { throughArn, targetArn, resourceArn }: Pick<RestorePlan, 'throughArn' | 'targetArn' | 'resourceArn'>,
): readonly JobCall[] {
  if (throughArn === targetArn || throughArn === resourceArn) return []
  const making =
    kind.restore['RestoreDatabase'] ?? kind.restore['CreateBucket'] ?? kind.restore['CreateFileSystem']
  if (making === undefined) throw new Error(`No step of type ${kind.type} makes a resource`)
  const step: Step = { name: 'UseConnection', action: making.action, arns: onResource }
  return [{ step, target: { resourceArn: throughArn } }]
}

/** Tags open doors: those that are copied to what a restore makes are asked for beforehand, each with its value. */
export function tagCalls(
  kind: Kind,
  plan: Pick<RestorePlan, 'isNew' | 'copiedTags' | 'resourceArn' | 'targetArn'>,
): readonly JobCall[] {
  if (!plan.isNew || Object.keys(plan.copiedTags).length === 0) return []
  const step = kind.restore['TagTarget'] ?? kind.restore['TagResource'] ?? TAG_BUCKET
  const { resourceArn, targetArn, copiedTags: requestTags } = plan
  return [{ step, target: { resourceArn, targetArn, requestTags } }]
}

function withItem(step: Step, target: StepTarget, objectArn: string): StepTarget {
  return step.perItem === undefined ? target : { ...target, objectArn }
}

/** AWS Backup asks for it where tags are copied to a bucket; without tags the kind needs no such step. */
const TAG_BUCKET: Step = { name: 'TagBucket', action: 's3:PutBucketTagging', arns: onRestored }

const DELETE_POINT: Step = {
  name: 'DeleteRecoveryPoint',
  action: 'backup:DeleteRecoveryPoint',
  arns: onRecoveryPoint,
}

/** Condition keys of a question on a vault's key. */
function keyContext({ encryptionKeyArn = '', backupVaultArn = '' }: StepTarget): StepContext {
  const { region = '', accountId = '' } = parseArn(encryptionKeyArn) ?? {}
  return {
    'kms:ViaService': `backup.${region}.amazonaws.com`,
    'kms:CallerAccount': accountId,
    'kms:EncryptionContextKeys': [VAULT_CONTEXT],
    [`kms:EncryptionContext:${VAULT_CONTEXT}`]: backupVaultArn,
  }
}

const VAULT_CONTEXT = 'aws:backup:backup-vault'

const DECRYPT: Step = {
  name: 'DecryptWithKey',
  action: 'kms:Decrypt',
  arns: onEncryptionKey,
  context: keyContext,
}

const ENCRYPT: Step = {
  name: 'EncryptWithKey',
  action: 'kms:GenerateDataKey',
  arns: onEncryptionKey,
  context: keyContext,
}

const COPY_FROM: Step = {
  name: 'CopyFromBackupVault',
  action: 'backup:CopyFromBackupVault',
  arns: onRecoveryPoint,
  context: ({ destinationVaultArn = '' }) => ({ 'backup:CopyTargets': [destinationVaultArn] }),
}

const COPY_INTO: Step = {
  name: 'CopyIntoBackupVault',
  action: 'backup:CopyIntoBackupVault',
  arns: onDestinationVault,
}
