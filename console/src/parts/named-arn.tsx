import { ListBackupPlansCommand } from '@aws-sdk/client-backup'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { Arn } from './arn.tsx'
import { Link, vaultPath } from './link.tsx'
import { ResourceLink } from './resource-link.tsx'
import { backup } from '../api/backup.ts'
import { allPages } from '../api/roleback.ts'
import { useSession } from '../session/session.ts'

/** Plans whose names are asked for. */
const MAX_NAMED = 1_000

/** Whatever an ARN names, by the name that people know and with the way to it; what has none as it stands. */
export function NamedArn({ of }: { readonly of: string }): ReactNode {
  const [, , service = '', , , kind = '', name = ''] = of.split(':')
  if (service === 'elasticfilesystem' || service === 'rds' || service === 's3')
    return <ResourceLink arn={of} />
  if (service === 'backup' && kind === 'backup-vault') return <VaultOf arn={of} />
  if (service === 'backup' && kind === 'backup-plan') return <PlanLink id={name} />
  return <Arn of={of} />
}

/** A screen shows vaults of the account and region that one is signed in to: those of others have none to lead to. */
function VaultOf({ arn }: { readonly arn: string }): ReactNode {
  const session = useSession()
  const [, , , region, account, , name = ''] = arn.split(':')
  if (account !== session.accountId) return `${name}, of account ${account ?? ''}`
  if (region !== session.region) return `${name}, in ${region ?? ''}`
  return <Link to={vaultPath(name)}>{name}</Link>
}

function PlanLink({ id }: { readonly id: string }): ReactNode {
  const { data } = useQuery({
    queryKey: ['plan names'],
    queryFn: async () => {
      const { rows } = await allPages(
        async (NextToken) => await backup.send(new ListBackupPlansCommand({ MaxResults: 1000, NextToken })),
        (page) => page.BackupPlansList,
        MAX_NAMED,
      )
      return new Map(rows.map(({ BackupPlanId, BackupPlanName }) => [BackupPlanId, BackupPlanName]))
    },
  })
  return <Link to={`/plans/${encodeURIComponent(id)}`}>{data?.get(id) ?? id}</Link>
}
