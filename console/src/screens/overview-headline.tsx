import Alert from '@cloudscape-design/components/alert'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { ASKED_ANEW, lastOf, readPartial, readWorst } from './overview-state.ts'
import type { Failures } from './overview-state.ts'
import type { DescribeOverviewOutput, VaultHealth } from '../api/generated.ts'
import { useDamage } from '../parts/damage.ts'
import { ago, count } from '../parts/format.ts'
import { Link, vaultPath } from '../parts/link.tsx'
import { Message, Problem } from '../parts/problem.tsx'
import { ResourceName } from '../parts/resource-link.tsx'

const MAX_NAMED_VAULTS = 5

/** How things stand, in words; the worst comes first. Without numbers only what is known to be bad is told. */
export function Headline({
  numbers,
  error,
  failures,
}: {
  readonly numbers: DescribeOverviewOutput | undefined
  /** Why there are no numbers. */
  readonly error: Error | null
  readonly failures: Failures | undefined
}): ReactNode {
  const damaged = useDamage()
  const newest = failures?.[0]
  const refusal = error !== null && <Problem error={error} what="see how all backups stand" />
  if (damaged.length > 0)
    return (
      <>
        <Damage vaults={damaged} />
        {refusal}
      </>
    )
  if (numbers === undefined)
    return (
      <>
        {newest !== undefined && (
          <Alert type="error" header="Backups failed in the last 24 hours">
            <Message text={newest.StatusMessage} />
          </Alert>
        )}
        {refusal}
      </>
    )
  const { FailedBackupJobs: failed, OverdueResources: overdue, UnprotectedResources: unprotected } = numbers
  if (failed > 0)
    return (
      <Alert type="error" header={`${count(failed, 'backup')} failed in the last 24 hours`}>
        <Message text={newest?.StatusMessage} />
      </Alert>
    )
  if (overdue > 0 || unprotected > 0) return <Unprotected {...{ overdue, unprotected }} />
  return <Partial of={numbers.Resources - numbers.RestoredResources} />
}

function Unprotected({
  overdue,
  unprotected,
}: {
  readonly overdue: number
  readonly unprotected: number
}): ReactNode {
  const { data: worst } = useQuery({
    queryKey: ['overview', 'worst', overdue > 0],
    queryFn: async () => await readWorst(overdue > 0 ? 'OVERDUE' : 'UNPROTECTED'),
    ...ASKED_ANEW,
  })
  if (overdue > 0)
    return (
      <Alert type="warning" header={`${count(overdue, 'resource is', 'resources are')} overdue`}>
        {worst && `${worst.Name} was last backed up ${ago(lastOf(worst))}.`}
      </Alert>
    )
  return (
    <Alert type="warning" header={`${count(unprotected, 'resource is', 'resources are')} not protected`}>
      {worst && `There is no recovery point of ${worst.Name} yet.`}
    </Alert>
  )
}

/** All there is has a recovery point that is new enough; whether it is whole is what jobs say. */
function Partial({ of }: { readonly of: number }): ReactNode {
  const { data: partial, error } = useQuery({
    queryKey: ['overview', 'partial'],
    queryFn: readPartial,
    ...ASKED_ANEW,
  })
  const text = `${of === 1 ? 'The one resource' : `Each of ${of.toLocaleString()} resources`} has a recovery point as new as its plan asks; without a plan, of the last 36 hours.`
  if (error !== null)
    return (
      <>
        <Alert type="info">{text}</Alert>
        <Problem error={error} what="see whether backups are whole" />
      </>
    )
  if (partial === undefined) return null
  if (partial.length > 0)
    return (
      <Alert type="warning" header={`The newest backup of ${count(partial.length, 'resource')} is partial`}>
        Something of <ResourceName arn={partial[0] ?? ''} /> could not be backed up: see the{' '}
        <Link to="/jobs?state=PARTIAL&since=month">partial backups</Link>.
      </Alert>
    )
  return (
    <Alert type="success" header="Everything is backed up">
      {text}
    </Alert>
  )
}

function Damage({ vaults }: { readonly vaults: readonly VaultHealth[] }): ReactNode {
  const points = vaults.reduce((all, { DamagedRecoveryPointCount: some }) => all + some, 0)
  return (
    <Alert
      type="error"
      header={
        points > 0
          ? `${count(points, 'recovery point is', 'recovery points are')} damaged`
          : 'Stored data is damaged'
      }
    >
      What is stored in{' '}
      {vaults.slice(0, MAX_NAMED_VAULTS).map(({ BackupVaultName: name }, index) => (
        <span key={name}>
          {index > 0 && ', '}
          <Link to={`${vaultPath(name)}?tab=health`}>{name}</Link>
        </span>
      ))}{' '}
      is not as it was written, and may not restore as backed up. See{' '}
      <Link to="/settings?tab=health">Health</Link>.
    </Alert>
  )
}
