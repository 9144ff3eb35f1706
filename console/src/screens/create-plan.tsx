import Spinner from '@cloudscape-design/components/spinner'
import type { ReactNode } from 'react'
import { PlanBuilder } from './plan-builder/plan-builder.tsx'
import { Problem } from '../parts/problem.tsx'
import { Screen } from '../parts/screen.tsx'
import { useVaults } from '../parts/vault-choice.ts'

export function CreatePlan(): ReactNode {
  const { data: vaults, error, isFetchedAfterMount: isKnown } = useVaults()
  return (
    <Screen title="Create backup plan" above={[['Backup plans', '/plans']]}>
      {error !== null && <Problem error={error} what="list backup vaults" />}
      {isKnown ? <PlanBuilder firstVault={vaults?.[0]?.BackupVaultName} /> : <Spinner />}
    </Screen>
  )
}
