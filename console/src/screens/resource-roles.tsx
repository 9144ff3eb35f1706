import { GetRecoveryPointRestoreMetadataCommand, ListBackupVaultsCommand } from '@aws-sdk/client-backup'
import type { RecoveryPointByResource } from '@aws-sdk/client-backup'
import Box from '@cloudscape-design/components/box'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import type { ReactNode } from 'react'
import { backupRolesPage } from './access/backup-roles.ts'
import { backup } from '../api/backup.ts'
import type { PreflightJobsInput } from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'
import { count, reasonText } from '../parts/format.ts'
import { Link, identityPath } from '../parts/link.tsx'
import { List } from '../parts/list.tsx'
import { usePages } from '../parts/pages.ts'
import { metadataOf } from '../parts/restore-metadata.ts'

/** A name that a restore into something new could have: who may do it does not hang on it. */
const SOME_NAME = 'restored'

interface Answer {
  readonly verdict: 'allowed' | 'denied' | 'depends'
  readonly why: string
}

interface Row {
  readonly name: string
  readonly arn: string
  /** Undefined where there is nothing to try it with. */
  readonly backUp: Answer | undefined
  readonly restore: Answer | undefined
}

/** The roles that can back a resource up, and restore it: what the same check says before a job starts. */
export function ResourceRoles({
  arn,
  newest,
}: {
  readonly arn: string
  readonly newest: RecoveryPointByResource | undefined
}): ReactNode {
  const pages = usePages(['roles of', arn, newest?.RecoveryPointArn], async (Marker) => {
    const [{ rows, next }, vault, restore] = await Promise.all([
      backupRolesPage(Marker),
      newest?.BackupVaultName ?? firstVault(),
      restoreOf(arn, newest),
    ])
    const answers = rows.map(async ({ name, arn: IamRoleArn }): Promise<Row> => {
      const [backUp, restored] = await Promise.all([
        vault === undefined
          ? undefined
          : ask({ Operation: 'StartBackupJob', IamRoleArn, ResourceArns: [arn], BackupVaultName: vault }),
        restore === undefined ? undefined : ask({ Operation: 'StartRestoreJob', IamRoleArn, ...restore }),
      ])
      return { name, arn: IamRoleArn, backUp, restore: restored }
    })
    return { rows: await Promise.all(answers), next }
  })
  return (
    <List<Row>
      variant="container"
      title="Roles"
      description="What each role that trusts the backup service can do with this resource, were you to pass it now."
      what="see which roles can back it up"
      pages={pages}
      idOf={({ arn: role }) => role}
      empty="No role trusts backup.amazonaws.com. The first backup makes the default role."
      columns={[
        {
          id: 'name',
          header: 'Role',
          isRowHeader: true,
          cell: ({ name }) => <Link to={identityPath('role', name)}>{name}</Link>,
        },
        {
          id: 'backup',
          header: 'Back it up',
          minWidth: 140,
          cell: ({ backUp }) => <Can answer={backUp} without="There is no vault yet" />,
        },
        {
          id: 'restore',
          header: 'Restore it',
          minWidth: 140,
          cell: ({ restore }) => <Can answer={restore} without="There is no recovery point yet" />,
        },
      ]}
    />
  )
}

function Can({
  answer,
  without,
}: {
  readonly answer: Answer | undefined
  readonly without: string
}): ReactNode {
  if (answer === undefined) return <StatusIndicator type="stopped">{without}</StatusIndicator>
  const { verdict, why } = answer
  if (verdict === 'allowed') return <StatusIndicator type="success">Yes</StatusIndicator>
  return (
    <>
      {verdict === 'denied' ? (
        <StatusIndicator type="error">No</StatusIndicator>
      ) : (
        <StatusIndicator type="warning">Depends</StatusIndicator>
      )}
      <Box variant="small" display="block">
        {why}
      </Box>
    </>
  )
}

async function ask(input: PreflightJobsInput): Promise<Answer> {
  const { Verdict, MissingCount, Checks, Resources, Findings } = await roleback('PreflightJobs', input)
  const first = [...Checks, ...Resources.flatMap((one) => one.Checks)].find(
    (check) => check.Verdict === Verdict && !check.Optional,
  )
  const more = MissingCount > 1 ? `, and ${count(MissingCount - 1, 'further right')}` : ''
  const said = Findings[0]?.Message ?? Resources.flatMap((one) => one.Findings)[0]?.Message ?? ''
  return {
    verdict: Verdict,
    why: first === undefined ? said : `${first.Action}: ${reasonText(first.Reason)}${more}`,
  }
}

async function firstVault(): Promise<string | undefined> {
  const { BackupVaultList } = await backup.send(new ListBackupVaultsCommand({ MaxResults: 1 }))
  return BackupVaultList?.[0]?.BackupVaultName
}

async function restoreOf(
  arn: string,
  newest: RecoveryPointByResource | undefined,
): Promise<Pick<PreflightJobsInput, 'RecoveryPointArns' | 'Metadata'> | undefined> {
  const { RecoveryPointArn, BackupVaultName } = newest ?? {}
  if (RecoveryPointArn === undefined || BackupVaultName === undefined) return undefined
  const { RestoreMetadata = {} } = await backup.send(
    new GetRecoveryPointRestoreMetadataCommand({ BackupVaultName, RecoveryPointArn }),
  )
  const target = { to: 'new', directory: undefined, name: SOME_NAME, items: '' } as const
  return {
    RecoveryPointArns: [RecoveryPointArn],
    Metadata: metadataOf(typeOf(arn), RestoreMetadata, target),
  }
}

function typeOf(arn: string): string {
  const service = arn.split(':')[2]
  return service === 'elasticfilesystem' ? 'EFS' : (service ?? '').toUpperCase()
}
