import { GetBackupPlanCommand, ListTagsCommand } from '@aws-sdk/client-backup'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { useParams } from 'react-router'
import { PlanBuilder } from './plan-builder/plan-builder.tsx'
import { withPlan } from './plan-builder/draft.ts'
import type { Present } from './plan-builder/save.ts'
import { backup } from '../api/backup.ts'
import { roleback } from '../api/roleback.ts'
import { Problem } from '../parts/problem.tsx'
import { Screen } from '../parts/screen.tsx'

/** The next version of a plan, written as a new one is. */
export function EditPlan(): ReactNode {
  const id = useParams()['id'] ?? ''
  // Read once: what somebody else does meanwhile must not change what is being written.
  const { data, error, isPending } = useQuery({
    queryKey: ['plan to edit', id],
    queryFn: async () => await read(id),
    staleTime: Infinity,
    gcTime: 0,
    refetchOnWindowFocus: false,
  })
  const name = data?.draft.name ?? id
  return (
    <Screen
      title="Edit backup plan"
      above={[
        ['Backup plans', '/plans'],
        [name, `/plans/${encodeURIComponent(id)}`],
      ]}
      isLoading={isPending}
    >
      {error !== null && <Problem error={error} what="read this backup plan" />}
      {data !== undefined && <PlanBuilder present={data} firstVault={undefined} />}
    </Screen>
  )
}

async function read(id: string): Promise<Present> {
  const { BackupPlan = {}, BackupPlanArn: arn = '' } = await backup.send(
    new GetBackupPlanCommand({ BackupPlanId: id }),
  )
  const [{ RetentionCounts }, { Tags = {} }] = await Promise.all([
    roleback('ListRetentionCounts', { BackupPlanId: id }),
    backup.send(new ListTagsCommand({ ResourceArn: arn })),
  ])
  return { id, arn, draft: withPlan({ name: '', rules: [], tags: Tags }, BackupPlan, RetentionCounts) }
}
