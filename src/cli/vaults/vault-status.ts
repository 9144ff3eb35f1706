import type { Command } from 'commander'
import type { SystemVaultHealth, VaultHealth } from '../../aws/generated/roleback.ts'
import { clientFrom } from '../connect.ts'
import { humanBytes, say, sayJson, tableOf } from '../output.ts'

export function addVaultStatus(vault: Command): void {
  vault
    .command('status [name]')
    .description(
      'when the bytes of a vault, or of all of the region, were last read through, and what is damaged',
    )
    .option('--json', 'print the result as JSON')
    .action(async (name: string | undefined, options: { readonly json?: boolean }) => {
      const { call } = clientFrom(process.env)
      const health = await call('roleback', 'ListVaultHealth', { BackupVaultName: name })
      if (options.json === true) return sayJson(health)
      const { Vaults, SystemVault } = health
      if (Vaults.length === 0) say('There is no backup vault in this region.')
      else say(tableOf(['VAULT', 'READ THROUGH', 'NOW', 'NEXT', 'DAMAGE'], Vaults.map(rowOf)))
      for (const one of Vaults) for (const line of damageOf(one)) say(line)
      if (SystemVault !== undefined) for (const line of systemLines(SystemVault)) say(line)
    })
}

function systemLines(system: SystemVaultHealth): readonly string[] {
  const { VaultId, Region, LastScrubEnded: ended, LastExport: exported, Problem, ProblemSince } = system
  const read = ended === undefined ? 'not yet read through' : `read through ${dayOf(ended)}`
  const newest = exported === undefined ? 'no export yet' : `newest export ${dayOf(exported)}`
  const objects = system.DamagedObjects.map(({ Name, Reason }) => `  ${Name}: ${Reason}`)
  const damage = objects.length === 0 ? 'no damage known' : `${system.DamagedObjectCount} objects damaged`
  const problem = Problem === undefined ? [] : [`  since ${dayOf(ProblemSince)} its exports fail: ${Problem}`]
  return ['', `System vault ${VaultId} (${Region}): ${read}, ${newest}, ${damage}`, ...problem, ...objects]
}

const dayOf = (at: Date | undefined): string => at?.toISOString().slice(0, 16).replace('T', ' ') ?? ''

function rowOf(vault: VaultHealth): readonly string[] {
  const { LastScrubEnded: ended, LastScrubBytes: bytes, ScrubPercentDone: percent } = vault
  const { DamagedObjectCount: objects, DamagedRecoveryPointCount: points } = vault
  const isWhole = objects + points === 0
  return [
    vault.BackupVaultName,
    ended === undefined ? 'not yet' : `${dayOf(ended)}, ${humanBytes(bytes ?? 0)}`,
    percent === undefined ? '' : `${Math.floor(percent)} % read`,
    dayOf(vault.NextScrub),
    isWhole ? 'none known' : `${objects} objects, ${points} recovery points`,
  ]
}

function damageOf(vault: VaultHealth): readonly string[] {
  const points = vault.DamagedRecoveryPoints.map(
    ({ RecoveryPointArn: arn, ItemCount: items, IsItemListDamaged: isListHurt }) =>
      `  ${arn}: ${items} items${isListHurt ? ', and its list of items' : ''}`,
  )
  const objects = vault.DamagedObjects.map(({ Name, Reason }) => `  ${Name}: ${Reason}`)
  if (points.length + objects.length === 0) return []
  const { LatestRepairJobId: id, LatestRepairState: state } = vault
  const next =
    id === undefined
      ? `"roleback vault repair ${vault.BackupVaultName}" stores again what it can`
      : `its last repair, ${id}, is ${state}: "roleback job show ${id}" says what is left and what to do`
  return ['', `Damaged in ${vault.BackupVaultName}; ${next}`, ...points, ...objects]
}
