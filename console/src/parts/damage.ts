import { useQuery } from '@tanstack/react-query'
import type { VaultHealth } from '../api/generated.ts'
import { untilRefused } from '../api/queries.ts'
import { roleback } from '../api/roleback.ts'

/** What is known of damage where nobody asked for it: in lists, and on the overview. */

const UNASKED_MS = 30_000

/** How recovery points say of themselves that something of them can no longer be restored. */
const DAMAGED = 'Damaged in its vault'

/** Whether a recovery point's message says that something of it is lost. */
export function isDamaged(message: string | undefined): boolean {
  return message?.includes(DAMAGED) === true
}

/** Whether all of a recovery point can be restored. */
export function isWholePoint(of: {
  readonly Status?: string | undefined
  readonly StatusMessage?: string | undefined
}): boolean {
  return of.Status === 'COMPLETED' && !isDamaged(of.StatusMessage)
}

/** What its mark on a timeline says of it beside its time. */
export function healthWord(of: Parameters<typeof isWholePoint>[0]): string {
  if (isDamaged(of.StatusMessage)) return ', damaged'
  return of.Status === 'PARTIAL' ? ', partial' : ''
}

/** The vaults of the region in which damage is known; nothing for who may not ask, or until it is told. */
export function useDamage(): readonly VaultHealth[] {
  const { data } = useQuery({
    queryKey: ['damage'],
    queryFn: async () => (await roleback('ListVaultHealth', {})).Vaults.filter((vault) => !isWhole(vault)),
    refetchInterval: untilRefused(UNASKED_MS),
    retry: false,
  })
  return data ?? []
}

/** Whether no damage is known in a vault. */
export function isWhole(of: VaultHealth): boolean {
  return of.DamagedObjectCount + of.DamagedRecoveryPointCount === 0
}
