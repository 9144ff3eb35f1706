import { setTimeout as pause } from 'node:timers/promises'
import type { BackupPlanInput, BackupSelection } from '../../aws/generated/backup.ts'
import { allPages, created, differencesOf, ifThere, policyDifferences, updated } from './apply-change.ts'
import type { Applying, Change, Difference } from './apply-change.ts'
import type { DeclaredPlan, DeclaredVault } from './apply-schema.ts'
import { CommandError } from '../report.ts'

/** Vaults and plans. Locks are not declared: what cannot be taken back is nothing for a file that is applied again and again. */

/** A new vault is made by a worker: so long, in milliseconds. */
const VAULT_PATIENCE_MS = 60_000
const LOOK_EVERY_MS = 100

export async function vaultChange(to: Applying, declared: DeclaredVault): Promise<Change> {
  const { call } = to
  const { BackupVaultName, BackupVaultTags, AccessPolicy } = declared
  const what = `vault ${BackupVaultName}`
  const putPolicy = () =>
    call('backup', 'PutBackupVaultAccessPolicy', { BackupVaultName, Policy: AccessPolicy })
  const vaults = await allPages(async (NextToken) => {
    const page = await call('backup', 'ListBackupVaults', { NextToken })
    return [page.BackupVaultList, page.NextToken]
  })
  const found = vaults.find((vault) => vault.BackupVaultName === BackupVaultName)
  if (found === undefined)
    return created(what, declared, [
      () => makeVault(to, { BackupVaultName, BackupVaultTags }),
      ...(AccessPolicy === undefined ? [] : [putPolicy]),
    ])
  const policy =
    AccessPolicy === undefined
      ? undefined
      : (await ifThere(() => call('backup', 'GetBackupVaultAccessPolicy', { BackupVaultName })))?.Policy
  return updated(what, [
    [AccessPolicy === undefined ? [] : policyDifferences(AccessPolicy, policy, 'AccessPolicy'), putPolicy],
    await tagPart(to, found.BackupVaultArn ?? '', BackupVaultTags, 'BackupVaultTags'),
  ])
}

async function makeVault(to: Applying, vault: DeclaredVault): Promise<void> {
  const { BackupVaultName } = vault
  await to.call('backup', 'CreateBackupVault', vault)
  const deadline = performance.now() + VAULT_PATIENCE_MS
  for (;;) {
    const { VaultState } = await to.call('backup', 'DescribeBackupVault', { BackupVaultName })
    if (VaultState === 'AVAILABLE') return
    if (VaultState === 'FAILED') throw new CommandError(`Vault ${BackupVaultName} could not be made`)
    if (performance.now() > deadline)
      throw new CommandError(`Vault ${BackupVaultName} was not there within ${VAULT_PATIENCE_MS / 1000} s`)
    await pause(LOOK_EVERY_MS)
  }
}

async function tagPart(
  to: Applying,
  ResourceArn: string,
  declared: Readonly<Record<string, string>> | undefined,
  path: string,
): Promise<readonly [readonly Difference[], () => Promise<unknown>]> {
  const actual = declared === undefined ? {} : (await to.call('backup', 'ListTags', { ResourceArn })).Tags
  return [
    differencesOf(declared ?? {}, actual ?? {}, path, false),
    () => to.call('backup', 'TagResource', { ResourceArn, Tags: declared ?? {} }),
  ]
}

export async function planChange(to: Applying, declared: DeclaredPlan): Promise<Change> {
  const { Tags, Selections = [], ...plan } = declared
  const what = `plan ${plan.BackupPlanName}`
  const plans = await allPages(async (NextToken) => {
    const page = await to.call('backup', 'ListBackupPlans', { NextToken })
    return [page.BackupPlansList, page.NextToken]
  })
  const named = plans.filter((one) => one.BackupPlanName === plan.BackupPlanName)
  if (named.length > 1)
    throw new CommandError(
      `${named.length} plans are called "${plan.BackupPlanName}" (${named.map((one) => one.BackupPlanId).join(', ')}): rename or delete the others`,
    )
  const BackupPlanId = named[0]?.BackupPlanId
  if (BackupPlanId === undefined) {
    let id = ''
    return created(what, declared, [
      async () => {
        const made = await to.call('backup', 'CreateBackupPlan', { BackupPlan: plan, BackupPlanTags: Tags })
        id = made.BackupPlanId ?? ''
      },
      ...Selections.map((selection) => () => select(to, id, selection)),
    ])
  }
  const { BackupPlan } = await to.call('backup', 'GetBackupPlan', { BackupPlanId })
  return updated(what, [
    [
      differencesOf(asPut(plan), asPut((BackupPlan ?? {}) as BackupPlanInput), '', true),
      () => to.call('backup', 'UpdateBackupPlan', { BackupPlanId, BackupPlan: plan }),
    ],
    await tagPart(to, named[0]?.BackupPlanArn ?? '', Tags, 'Tags'),
    ...(await selectionParts(to, BackupPlanId, Selections)),
  ])
}

function select(to: Applying, BackupPlanId: string, selection: BackupSelection): Promise<unknown> {
  return to.call('backup', 'CreateBackupSelection', { BackupPlanId, BackupSelection: selection })
}

/** A selection cannot be changed, and its name is taken while it is there: it goes, and another is made in its place. */
async function selectionParts(
  to: Applying,
  BackupPlanId: string,
  declared: readonly BackupSelection[],
): Promise<readonly (readonly [readonly Difference[], ...(() => Promise<unknown>)[]])[]> {
  if (declared.length === 0) return []
  const there = await allPages(async (NextToken) => {
    const page = await to.call('backup', 'ListBackupSelections', { BackupPlanId, NextToken })
    return [page.BackupSelectionsList, page.NextToken]
  })
  const parts: (readonly [readonly Difference[], ...(() => Promise<unknown>)[]])[] = []
  for (const selection of declared) {
    const path = `Selections.${selection.SelectionName}`
    const make = () => select(to, BackupPlanId, selection)
    const SelectionId = there.find((one) => one.SelectionName === selection.SelectionName)?.SelectionId
    if (SelectionId === undefined) {
      parts.push([[{ path, from: undefined, to: selection }], make])
      continue
    }
    const found = await to.call('backup', 'GetBackupSelection', { BackupPlanId, SelectionId })
    const old = found.BackupSelection
    const differences = differencesOf(bare(selection), bare(old ?? {}), path, true)
    parts.push([
      differences,
      async () => {
        await to.call('backup', 'DeleteBackupSelection', { BackupPlanId, SelectionId })
        try {
          await make()
        } catch (error) {
          // What it meant stays protected.
          if (old !== undefined) await select(to, BackupPlanId, old)
          throw error
        }
      },
    ])
  }
  return parts
}

/** What a rule has where nothing is said. */
const RULE_DEFAULTS: Readonly<Record<string, unknown>> = {
  ScheduleExpression: 'cron(0 5 ? * * *)',
  ScheduleExpressionTimezone: 'Etc/UTC',
  StartWindowMinutes: 480,
  CompletionWindowMinutes: 10_080,
  EnableContinuousBackup: false,
}

/** A plan as somebody would write it who leaves out what goes without saying. */
function asPut(plan: BackupPlanInput): unknown {
  const rules = (plan.Rules ?? []).map((rule) => {
    const written = Object.entries(rule).filter(
      ([name, value]) => name !== 'RuleId' && RULE_DEFAULTS[name] !== value,
    )
    return bare(Object.fromEntries(written))
  })
  return { ...(bare(plan) as object), Rules: rules }
}

/** Without what is empty. */
function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).map(([name, one]) => [name, bare(one)] as const)
  return Object.fromEntries(entries.filter(([, one]) => !isEmpty(one)))
}

function isEmpty(value: unknown): boolean {
  if (value === undefined) return true
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}
