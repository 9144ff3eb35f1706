import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import Table from '@cloudscape-design/components/table'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { useNavigate } from 'react-router'
import { isWhole } from './damage.ts'
import { Facts } from './facts.tsx'
import { FormDialog } from './form-dialog.tsx'
import { bytes, count, fromSeconds, nameOf, when } from './format.ts'
import { Actions, Stack } from './layout.tsx'
import { Link, jobPath, restorePath } from './link.tsx'
import { useRole } from './passable-roles.ts'
import { Message, Problem } from './problem.tsx'
import { ResourceLink } from './resource-link.tsx'
import { RoleField, defaultRoleArn, ensureRole } from './role-field.tsx'
import { State } from './state.tsx'
import type { DamagedObject, DamagedRecoveryPoint, VaultHealth } from '../api/generated.ts'
import { untilRefused } from '../api/queries.ts'
import { roleback } from '../api/roleback.ts'
import { useSession } from '../session/session.ts'

const FOLLOW_MS = 5_000

type Asked = 'repair' | 'verify' | undefined

/** How the bytes of one vault are: when they were read through, what is damaged, and what became of its repair. */
export function HealthOfVault({ name }: { readonly name: string }): ReactNode {
  const [asked, setAsked] = useState<Asked>()
  const { data, error } = useQuery({
    queryKey: ['vault health', name],
    queryFn: async () => (await roleback('ListVaultHealth', { BackupVaultName: name })).Vaults[0],
    refetchInterval: untilRefused<unknown>(FOLLOW_MS),
  })
  return (
    <Stack>
      {error !== null && <Problem error={error} what="see how the bytes of this vault are" />}
      <Container
        header={
          <Header
            variant="h2"
            description="Every two weeks the server reads through all that it stored, and checks it."
            actions={
              <Actions>
                <Button onClick={() => setAsked('verify')}>Verify now</Button>
                <Button onClick={() => setAsked('repair')}>Repair</Button>
              </Actions>
            }
          >
            Health
          </Header>
        }
      >
        {data !== undefined && <Reading of={data} />}
      </Container>
      {data?.LatestRepairJobId !== undefined && (
        <LatestRepair id={data.LatestRepairJobId} state={data.LatestRepairState} />
      )}
      {data !== undefined && !isWhole(data) && <Damage of={data} />}
      {asked === 'verify' && <Verify vault={name} onClose={() => setAsked(undefined)} />}
      {asked === 'repair' && <Repair vault={name} onClose={() => setAsked(undefined)} />}
    </Stack>
  )
}

/** In words: what was never read through is not called whole. */
export function HealthState({ of }: { readonly of: VaultHealth }): ReactNode {
  const { DamagedObjectCount: objects, DamagedRecoveryPointCount: points } = of
  if (!isWhole(of))
    return (
      <StatusIndicator type="error">
        Damaged: {count(points, 'recovery point')}, {count(objects, 'object')}
      </StatusIndicator>
    )
  if (of.LastScrubEnded === undefined)
    return <StatusIndicator type="pending">Not read through yet</StatusIndicator>
  return <StatusIndicator type="success">No damage known</StatusIndicator>
}

/** When all of it was last read through, and how far that is now. */
export function lastReading(of: VaultHealth): string {
  if (of.LastScrubEnded === undefined) return 'Not yet'
  return `${when(fromSeconds(of.LastScrubEnded))}, ${bytes(of.LastScrubBytes)}`
}

export function nextReading(of: VaultHealth): string {
  if (of.ScrubPercentDone !== undefined) return `Under way, ${Math.floor(of.ScrubPercentDone)} % read`
  return when(fromSeconds(of.NextScrub))
}

function Reading({ of }: { readonly of: VaultHealth }): ReactNode {
  return (
    <Facts
      of={[
        ['State', <HealthState key="state" of={of} />],
        ['Last read through', lastReading(of)],
        ['Next', nextReading(of)],
      ]}
    />
  )
}

function LatestRepair({ id, state }: { readonly id: string; readonly state: string | undefined }): ReactNode {
  const { data, error } = useQuery({
    queryKey: ['own job', id, state],
    queryFn: async () => (await roleback('DescribeJob', { JobId: id })).Job,
  })
  return (
    <Container header={<Header variant="h2">Latest repair</Header>}>
      <Stack>
        {error !== null && <Problem error={error} what="look at the latest repair" />}
        <Facts
          of={[
            ['State', <State key="state" state={state} />],
            [
              'Job',
              <Link key="job" to={jobPath('upkeep', id)}>
                {id.slice(0, 8)}
              </Link>,
            ],
            ['Ended', when(fromSeconds(data?.CompletionDate))],
          ]}
        />
        {data?.StatusMessage !== undefined && (
          <div>
            <Message text={data.StatusMessage} />
          </div>
        )}
      </Stack>
    </Container>
  )
}

function Damage({ of }: { readonly of: VaultHealth }): ReactNode {
  return (
    <>
      <Table<DamagedRecoveryPoint>
        variant="container"
        header={
          <Header
            variant="h2"
            counter={shownOf(of.DamagedRecoveryPoints.length, of.DamagedRecoveryPointCount)}
          >
            Damaged recovery points
          </Header>
        }
        ariaLabels={{ tableLabel: 'Damaged recovery points' }}
        items={of.DamagedRecoveryPoints}
        trackBy="RecoveryPointArn"
        wrapLines
        empty="No recovery point is hit."
        columnDefinitions={[
          {
            id: 'point',
            header: 'Recovery point',
            isRowHeader: true,
            cell: ({ RecoveryPointArn: arn }) => (
              <Link to={restorePath(of.BackupVaultName, arn)}>{nameOf(arn)}</Link>
            ),
          },
          {
            id: 'resource',
            header: 'Resource',
            cell: ({ ResourceArn }) => <ResourceLink arn={ResourceArn} />,
          },
          {
            id: 'hit',
            header: 'What is hit',
            cell: (point) => whatIsHit(point.ItemCount, point.IsItemListDamaged),
          },
        ]}
      />
      <Table<DamagedObject>
        variant="container"
        header={
          <Header variant="h2" counter={shownOf(of.DamagedObjects.length, of.DamagedObjectCount)}>
            Damaged objects of the storage
          </Header>
        }
        ariaLabels={{ tableLabel: 'Damaged objects of the storage' }}
        items={of.DamagedObjects}
        trackBy="Name"
        wrapLines
        empty="No object is damaged or missing."
        columnDefinitions={[
          { id: 'name', header: 'Name', isRowHeader: true, cell: ({ Name }) => Name },
          { id: 'why', header: 'What is wrong', cell: ({ Reason }) => Reason },
        ]}
      />
    </>
  )
}

const shownOf = (shown: number, all: number): string => (shown < all ? `(${shown} of ${all})` : `(${all})`)

export function whatIsHit(items: number, isListHurt: boolean): string {
  if (items === 0) return 'The list of its items'
  return `${count(items, 'item')}${isListHurt ? ' and the list of its items' : ''}`
}

function Verify({ vault, onClose }: { readonly vault: string; readonly onClose: () => void }): ReactNode {
  const navigate = useNavigate()
  return (
    <FormDialog
      title={`Verify backup vault ${vault}`}
      what="verify this vault"
      action="Verify"
      isReady
      command={`roleback vault verify ${vault}`}
      onClose={onClose}
      onSubmit={async () => {
        const { JobId } = await roleback('StartVerifyJob', { BackupVaultName: vault, ReadData: true })
        await navigate(jobPath('upkeep', JobId))
        return 'stays'
      }}
    >
      <div>
        Everything in the vault is read and checked now. Where damage is found, a repair begins by itself.
      </div>
    </FormDialog>
  )
}

function Repair({ vault, onClose }: { readonly vault: string; readonly onClose: () => void }): ReactNode {
  const session = useSession()
  const navigate = useNavigate()
  const [role, setRole] = useRole(undefined)
  const roleArn = role === 'default' ? defaultRoleArn(session.accountId) : role
  return (
    <FormDialog
      title={`Repair backup vault ${vault}`}
      what="repair this vault"
      action="Repair"
      isReady={roleArn !== undefined}
      command={`roleback vault repair ${vault} --role ${roleArn ?? 'ROLE'}`}
      onClose={onClose}
      onSubmit={async () => {
        const IamRoleArn = await ensureRole(role, session.accountId)
        const { JobId } = await roleback('StartRepairJob', { BackupVaultName: vault, IamRoleArn })
        await navigate(jobPath('upkeep', JobId))
        return 'stays'
      }}
    >
      <div>What is damaged is stored again from the vault itself, or from copies in other vaults.</div>
      <RoleField label="Role that copies are read under" value={role} onChange={setRole} />
    </FormDialog>
  )
}
