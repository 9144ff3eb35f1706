import { askTrust } from '../access/assume.ts'
import { BACKUP_SERVICE } from '../access/passed-role.ts'
import type { ListPrincipalsWhoCanInput } from '../aws/generated/roleback.ts'
import type { Context } from '../context.ts'
import { arnOf } from '../lib/arn.ts'
import { isImmutable, lockOf, reasonToKeep } from '../plans/vault-lock.ts'
import { restoreGuardOf } from '../store/identity/accounts.ts'
import { holdsOnPoint } from '../store/points/legal-holds.ts'
import type { RecoveryPointTable, RoleTable, VaultTable } from '../store/schema.ts'
import { countPoints } from '../store/vaults/vaults.ts'

/** What bears on an act beside the rights of those who could do it. */

/** What is asked about. */
export type Subject =
  | { readonly kind: 'vault'; readonly vault: VaultTable }
  | { readonly kind: 'point'; readonly point: RecoveryPointTable; readonly vault: VaultTable | undefined }
  | { readonly kind: 'role'; readonly role: RoleTable }
  /** Of a named action: anything else that policies name, there or not. */
  | { readonly kind: 'other' }

type Action = ListPrincipalsWhoCanInput['Action']

/** What is barred of a named action, too. */
const SAME_AS: Readonly<Record<string, Action>> = {
  'backup:deletebackupvault': 'delete',
  'backup:deleterecoverypoint': 'delete',
  'backup:deletebackupvaultlockconfiguration': 'unlock',
}

/** What stops everybody as it stands, whatever his rights; undefined where nothing does. */
export async function barredBy(ctx: Context, subject: Subject, asked: Action): Promise<string | undefined> {
  const { db } = ctx.store
  const action = SAME_AS[asked.toLowerCase()] ?? asked
  if (action.includes(':')) return undefined
  if (subject.kind === 'vault') {
    const { vault } = subject
    if (action === 'unlock') return whyNotUnlocked(ctx, vault)
    const points = await countPoints(db, vault)
    if (points === 0) return undefined
    return `backup vault ${vault.name} holds ${points} recovery ${points === 1 ? 'point' : 'points'}`
  }
  if (subject.kind !== 'point' || action !== 'delete') return undefined
  const { point, vault } = subject
  const holds = await holdsOnPoint(db, point)
  return reasonToKeep({
    vaultName: point.vault_name,
    lock: vault && lockOf(vault),
    holds: holds.map(({ hold_id: id, title }) => `"${title}" (${id})`),
    by: 'caller',
    endsAt: point.delete_at,
    now: 0,
  })
}

function whyNotUnlocked({ now }: Context, vault: VaultTable): string | undefined {
  const lock = lockOf(vault)
  if (lock === undefined) return `backup vault ${vault.name} is not locked`
  return isImmutable(lock, now)
    ? `backup vault ${vault.name} is locked in compliance mode, and its grace time is over`
    : undefined
}

export async function notesOn(ctx: Context, subject: Subject, action: Action): Promise<string[]> {
  if (action.includes(':'))
    return [
      `It is ${action} alone that is asked about: a call may take further rights, such as iam:PassRole on a role`,
    ]
  if (subject.kind === 'role' && action === 'pass') {
    const { accountId: sourceAccount, now } = ctx
    const sourceArn = arnOf('backup', ctx.region, sourceAccount, 'backup-vault:*')
    const { refusal } = askTrust(subject.role, { service: BACKUP_SERVICE, sourceAccount, sourceArn, now })
    return refusal === undefined ? [] : [`To pass it to AWS Backup is of no use as it stands: ${refusal}`]
  }
  if (subject.kind === 'point' && action === 'restore') {
    const guard = await restoreGuardOf(ctx.store.db, ctx.accountId)
    if (guard !== 'enforce')
      return [`The restore guard is set to ${guard}, so nobody is refused for what he cannot read`]
  }
  return []
}
