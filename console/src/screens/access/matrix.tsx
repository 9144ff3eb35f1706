import { SimulatePrincipalPolicyCommand } from '@aws-sdk/client-iam'
import type { EvaluationResult } from '@aws-sdk/client-iam'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Spinner from '@cloudscape-design/components/spinner'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { backupRolesPage } from './backup-roles.ts'
import { Mark, resultsByResource, verdictOf, whyOf } from './simulated.tsx'
import { iam } from '../../api/iam.ts'
import { Arn } from '../../parts/arn.tsx'
import { Stack } from '../../parts/layout.tsx'
import { Link, identityPath } from '../../parts/link.tsx'
import { List } from '../../parts/list.tsx'
import { usePages } from '../../parts/pages.ts'
import { useSession } from '../../session/session.ts'

type Sample = 'db' | 'file' | 'object' | 'point' | 'snapshot' | 'vault'

interface Column {
  readonly header: string
  readonly work: readonly {
    readonly label: string
    readonly action: string
    readonly on: readonly Sample[]
  }[]
}

/** What each kind of work asks for first: a role without it can do none of the rest. Allowed on all of the resources, or not at all. */
const COLUMNS: readonly Column[] = [
  {
    header: 'Directory',
    work: [
      { label: 'back up', action: 'elasticfilesystem:Backup', on: ['file'] },
      { label: 'restore', action: 'elasticfilesystem:Restore', on: ['file'] },
    ],
  },
  {
    header: 'PostgreSQL',
    work: [
      { label: 'back up', action: 'rds:CreateDBSnapshot', on: ['db', 'snapshot'] },
      { label: 'restore', action: 'rds:RestoreDBInstanceFromDBSnapshot', on: ['db', 'snapshot'] },
    ],
  },
  {
    header: 'S3 bucket',
    work: [
      { label: 'back up', action: 's3:GetObject', on: ['object'] },
      { label: 'restore', action: 's3:PutObject', on: ['object'] },
    ],
  },
  {
    header: 'Recovery point',
    work: [
      { label: 'delete', action: 'backup:DeleteRecoveryPoint', on: ['point'] },
      { label: 'copy', action: 'backup:CopyIntoBackupVault', on: ['vault'] },
    ],
  },
]
const WORK = COLUMNS.flatMap(({ work }) => work)

/** A resource of each sort that there need not be: what matters is the form of its ARN. */
function samples(region: string, account: string): Readonly<Record<Sample, string>> {
  return {
    file: `arn:aws:elasticfilesystem:${region}:${account}:file-system/fs-0123456789abcdef0`,
    db: `arn:aws:rds:${region}:${account}:db:example`,
    snapshot: `arn:aws:rds:${region}:${account}:snapshot:awsbackup:job-example`,
    object: 'arn:aws:s3:::example/key',
    point: `arn:aws:backup:${region}:${account}:recovery-point:example`,
    vault: `arn:aws:backup:${region}:${account}:backup-vault:example`,
  }
}

interface Row {
  readonly name: string
  readonly arn: string
  readonly results: ReadonlyMap<string, EvaluationResult>
}

/** Role by resource type: what each role that backups may take on can touch; a cell names the statement that decided. */
export function Matrix(): ReactNode {
  const { region, accountId } = useSession()
  const arns = samples(region, accountId)
  const [chosen, setChosen] = useState<Chosen>()
  const pages = usePages(['role matrix'], async (Marker) => {
    const page = await backupRolesPage(Marker)
    const rows = await Promise.all(
      page.rows.map(async ({ name, arn }) => ({ name, arn, results: await simulate(arn, arns) })),
    )
    return { rows, next: page.next }
  })
  const cell = ({ name, arn, results }: Row, { header, work }: Column): ReactNode =>
    work.map(({ label, action }) => {
      const result = results.get(action)
      return (
        <div key={action}>
          {result === undefined ? (
            '–'
          ) : (
            <Button
              variant="inline-link"
              ariaLabel={`${name}: ${header}: ${label}: ${verdictOf(result)}`}
              onClick={() => setChosen({ role: name, arn, result })}
            >
              <Mark of={result} />
            </Button>
          )}{' '}
          {label.replace(' ', '\u00a0')}
        </div>
      )
    })
  return (
    <Stack>
      <List<Row>
        variant="container"
        title="What roles can touch"
        description="Each role that backups may take on, asked about the first action of each kind of work, on any resource. Choose a cell to see which statement decided."
        what="simulate what roles may"
        pages={pages}
        idOf={({ arn }) => arn}
        empty="No role trusts backup.amazonaws.com. The first backup makes the default role."
        columns={[
          {
            id: 'role',
            header: 'Role',
            isRowHeader: true,
            minWidth: 200,
            cell: ({ name }) => (
              <Link to={identityPath('role', name)}>
                <Arn of={name} />
              </Link>
            ),
          },
          ...COLUMNS.map((column) => ({
            id: column.header,
            header: column.header,
            minWidth: 175,
            cell: (row: Row) => cell(row, column),
          })),
        ]}
      />
      {chosen !== undefined && <Deciding {...chosen} />}
    </Stack>
  )
}

async function simulate(
  PolicySourceArn: string,
  arns: Readonly<Record<Sample, string>>,
): Promise<ReadonlyMap<string, EvaluationResult>> {
  const ActionNames = WORK.map(({ action }) => action)
  const { EvaluationResults = [] } = await iam.send(
    new SimulatePrincipalPolicyCommand({
      PolicySourceArn,
      ActionNames,
      ResourceArns: Object.values(arns),
      MaxItems: 1000,
    }),
  )
  const decided = WORK.flatMap(({ action, on }) => {
    const own = EvaluationResults.flatMap(resultsByResource).filter(
      ({ EvalActionName, EvalResourceName }) =>
        EvalActionName === action && on.some((sample) => arns[sample] === EvalResourceName),
    )
    const worst = own.find(({ EvalDecision }) => EvalDecision !== 'allowed') ?? own[0]
    return worst === undefined ? [] : [[action, worst] as const]
  })
  return new Map(decided)
}

interface Chosen {
  readonly role: string
  readonly arn: string
  readonly result: EvaluationResult
}

function Deciding({ role, arn, result }: Chosen): ReactNode {
  const { data: why } = useQuery({
    queryKey: ['why', arn, result],
    queryFn: async () => await whyOf(arn, result),
  })
  return (
    <Box>
      <b>{role}</b>, {result.EvalActionName}: {why ?? <Spinner />}
    </Box>
  )
}
