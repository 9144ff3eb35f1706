import type { Kind } from '../kinds/kind.ts'
import { kindOfArn, kindOfType, restoreConnectionArn } from '../kinds/kinds.ts'
import { readRestoreMetadata } from '../kinds/restore-metadata.ts'
import { RestoreTargetError, restoreTargetOf } from '../kinds/restore-target.ts'
import type { RestoreTarget } from '../kinds/restore-target.ts'
import { arnOf, parseArn } from '../lib/arn.ts'
import { COPYABLE, findRecoveryPoint, RESTORABLE } from '../store/points/recovery-points.ts'
import { regionSettings } from '../store/region-settings.ts'
import { findResource, findResourceById, findResources } from '../store/resources/resources.ts'
import type { RecoveryPointTable } from '../store/schema.ts'
import { tagsOfAll } from '../store/identity/tags.ts'
import { findVaultByArn } from '../store/vaults/vaults.ts'
import type { PreflightTools, Wish } from './preflight.ts'

/** Something beside rights that stands in the way. */
export interface Finding {
  readonly code:
    | 'RoleHidden'
    | 'NoSuchRole'
    | 'NoSuchVault'
    | 'VaultNotReady'
    | 'NotAnArn'
    | 'UnknownResourceType'
    | 'OtherRegion'
    | 'OtherAccount'
    | 'NotRegistered'
    | 'NotOptedIn'
    | 'NoSuchRecoveryPoint'
    | 'NotRestorable'
    | 'NotCopyable'
    | 'SameVault'
    | 'BadMetadata'
    | 'NoWayToTarget'
    | 'NothingSelected'
  readonly message: string
}

/** What is looked at one by one: a resource, or a recovery point. */
export interface Subject {
  readonly arn: string
  readonly type: string | undefined
  readonly findings: readonly Finding[]
}

export interface BackupSubject extends Subject {
  /** Undefined, as is the name, where no job could begin. */
  readonly kind: Kind | undefined
  readonly name: string | undefined
  readonly tags: Readonly<Record<string, string>>
}

export interface PointSubject extends Subject {
  readonly kind: Kind | undefined
  readonly point: RecoveryPointTable | undefined
  readonly vaultArn: string | undefined
  /** Tags of all that a job finds, by ARN. */
  readonly tags: ReadonlyMap<string, Readonly<Record<string, string>>>
  readonly sourceTags: Readonly<Record<string, string>>
  /** Of restores, with its keys as the kind spells them; undefined where it is wrong. */
  readonly metadata: Readonly<Record<string, string>> | undefined
  readonly target: RestoreTarget | undefined
  readonly throughArn: string | undefined
}

type Tools = Pick<PreflightTools, 'store' | 'accountId' | 'region'>

export async function backupSubjects(
  tools: Tools,
  wish: Wish,
): Promise<{ readonly subjects: readonly BackupSubject[]; readonly common: readonly Finding[] }> {
  const { accountId, region } = tools
  const { db } = tools.store
  const arns = [...new Set(wish.resourceArns)]
  const registered = await findResources(db, accountId, arns)
  const tags = await tagsOfAll(db, accountId, arns)
  const { optIn } = await regionSettings(db, accountId, region)
  const subjects = arns.map((arn): BackupSubject => {
    const known = registered.get(arn)
    const row = known?.region === region ? known : undefined
    const kind = row === undefined ? undefined : kindOfType(row.type)
    const found = row === undefined ? [whyAbsent(tools, arn)] : []
    if (kind !== undefined && optIn[kind.type] === false) found.push(notOptedIn(kind, region))
    const type = kind?.type ?? kindOfArn(arn)?.kind.type
    return { arn, type, findings: found, kind, name: row?.name, tags: tags.get(arn) ?? {} }
  })
  const common: Finding[] = []
  const vaults = wish.places.flatMap(({ vaultArn, copies }) => [
    vaultArn,
    ...copies.map((copy) => copy.vaultArn),
  ])
  for (const vaultArn of new Set(vaults)) common.push(...(await vaultFindings(tools, vaultArn)))
  if (arns.length === 0)
    common.push({ code: 'NothingSelected', message: 'No registered resource is meant by this request' })
  return { subjects, common }
}

function whyAbsent({ accountId, region }: Tools, arn: string): Finding {
  const parsed = parseArn(arn)
  if (parsed === undefined) return { code: 'NotAnArn', message: `"${arn}" is not an ARN` }
  if (parsed.accountId !== '' && parsed.accountId !== accountId) {
    return {
      code: 'OtherAccount',
      message: `${arn} belongs to account ${parsed.accountId}: resources are backed up in their own account`,
    }
  }
  if (parsed.region !== '' && parsed.region !== region) {
    return { code: 'OtherRegion', message: `${arn} lies in ${parsed.region}, this request is for ${region}` }
  }
  if (kindOfArn(arn) === undefined) {
    return { code: 'UnknownResourceType', message: `${arn} is of no resource type that this server backs up` }
  }
  return {
    code: 'NotRegistered',
    message: `${arn} is not registered in this account, so there is no connection to it. Register it with "roleback resource add"`,
  }
}

function notOptedIn({ type }: Kind, region: string): Finding {
  return {
    code: 'NotOptedIn',
    message: `Resource type ${type} is not opted in for AWS Backup in ${region}. Opt in with UpdateRegionSettings`,
  }
}

async function vaultFindings({ store, accountId }: Tools, vaultArn: string | undefined): Promise<Finding[]> {
  if (vaultArn === undefined) return []
  // Whether another account has a vault is for that account to tell.
  const owner = parseArn(vaultArn)?.accountId
  if (owner !== undefined && owner !== accountId) return []
  const vault = await findVaultByArn(store.db, vaultArn)
  if (vault === undefined)
    return [{ code: 'NoSuchVault', message: `Backup vault ${vaultArn} does not exist. Create it first` }]
  if (vault.state === 'FAILED')
    return [
      {
        code: 'VaultNotReady',
        message: `Backup vault ${vaultArn} could not be created. Delete it and create it again`,
      },
    ]
  return []
}

export async function pointSubjects(
  tools: Tools,
  wish: Wish,
): Promise<{ readonly subjects: readonly PointSubject[]; readonly common: readonly Finding[] }> {
  const isRestore = wish.operation === 'StartRestoreJob'
  const subjects: PointSubject[] = []
  for (const arn of new Set(wish.recoveryPointArns)) subjects.push(await pointSubject(tools, wish, arn))
  const common = isRestore ? [] : await vaultFindings(tools, wish.destinationVaultArn)
  return { subjects, common }
}

async function pointSubject(tools: Tools, wish: Wish, arn: string): Promise<PointSubject> {
  const { accountId } = tools
  const { db } = tools.store
  const none = {
    kind: undefined,
    vaultArn: undefined,
    tags: new Map(),
    sourceTags: {},
    metadata: undefined,
    target: undefined,
    throughArn: undefined,
  }
  const point = await findRecoveryPoint(db, accountId, arn)
  if (point === undefined || point.region !== tools.region) {
    const message = `Cannot find recovery point ${arn} in this account and region`
    return { ...none, arn, type: undefined, point, findings: [{ code: 'NoSuchRecoveryPoint', message }] }
  }
  const findings: Finding[] = []
  const isRestore = wish.operation === 'StartRestoreJob'
  if (!(isRestore ? RESTORABLE : COPYABLE).includes(point.status))
    findings.push({ code: isRestore ? 'NotRestorable' : 'NotCopyable', message: `${arn} is ${point.status}` })
  const kind = kindOfType(point.resource_type)
  const way = isRestore && kind !== undefined ? await wayOf(tools, wish, kind, point) : undefined
  if (way !== undefined) findings.push(...way.findings)
  const { target, throughArn, metadata } = way ?? {}
  const into = wish.destinationVaultArn ?? ''
  const arns = [arn, point.resource_arn, target?.arn, throughArn, into].filter((one) => one !== undefined)
  // Of this account's own: another's vault shows no tags.
  const all = await tagsOfAll(db, accountId, arns)
  const vaultArn = arnOf('backup', point.region, accountId, `backup-vault:${point.vault_name}`)
  if (vaultArn === wish.destinationVaultArn)
    findings.push({ code: 'SameVault', message: `${arn} lies in ${vaultArn} already. Name another vault` })
  return {
    arn,
    type: point.resource_type,
    findings,
    kind,
    point,
    vaultArn,
    // A job has the tags of these in its sight; those of the source are copied or not.
    tags: new Map([...all].filter(([one]) => [arn, target?.arn, throughArn, into].includes(one))),
    sourceTags: all.get(point.resource_arn) ?? {},
    metadata,
    target,
    throughArn,
  }
}

interface Way {
  readonly findings: readonly Finding[]
  readonly metadata?: Readonly<Record<string, string>> | undefined
  readonly target?: RestoreTarget | undefined
  readonly throughArn?: string | undefined
}

/** Where a restore would go, and through which resource's connection; what is wrong with either. */
async function wayOf(tools: Tools, wish: Wish, kind: Kind, point: RecoveryPointTable): Promise<Way> {
  const { accountId, region } = tools
  const { db } = tools.store
  const read = readRestoreMetadata(kind, wish.metadata)
  if (!read.ok) return { findings: [{ code: 'BadMetadata', message: read.message }] }
  const { metadata } = read
  let target: RestoreTarget
  try {
    target = await restoreTargetOf({
      type: kind.type,
      place: { region, accountId },
      metadata,
      isRegistered: async (arn) => (await findResource(db, accountId, arn)) !== undefined,
    })
  } catch (error) {
    if (error instanceof RestoreTargetError)
      return { findings: [{ code: 'BadMetadata', message: error.message }], metadata }
    throw error
  }
  const throughArn = restoreConnectionArn({ metadata, target, resourceArn: point.resource_arn })
  const via =
    throughArn === point.resource_arn
      ? await findResourceById(db, accountId, point.resource_unique_id)
      : await findResource(db, accountId, throughArn)
  const isThere = via !== undefined && via.removed_at === null && via.type === kind.type
  if (isThere && (target.isNew || throughArn === target.arn))
    return { findings: [], metadata, target, throughArn }
  const message = isThere
    ? `${target.arn} is registered, so it is reached through its own connection, not that of ${throughArn}`
    : `${throughArn} is not registered as a resource of type ${kind.type}, so there is no way to the target. ` +
      'Register one, and name it with the restore metadata key roleback:TargetResourceArn'
  return { findings: [{ code: 'NoWayToTarget', message }], metadata, target, throughArn }
}
