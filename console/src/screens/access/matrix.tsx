import { SimulatePrincipalPolicyCommand } from '@aws-sdk/client-iam'
import type { EvaluationResult } from '@aws-sdk/client-iam'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { backupRolesPage } from './backup-roles.ts'
import { Mark, resultsByResource, verdictOf, whyOf } from './simulated.tsx'
import { iam } from '../../api/iam.ts'
import { Stack } from '../../parts/layout.tsx'
import { Link, identityPath } from '../../parts/link.tsx'
import { List } from '../../parts/list.tsx'
import { usePages } from '../../parts/pages.ts'
import { useSession } from '../../session/session.ts'

/** What each kind of work asks for first: a role without it can do none of the rest. Allowed on all of the resources, or not at all. */
const WORK = [
  { label: 'Directory: back up', action: 'elasticfilesystem:Backup', on: ['file'] },
  { label: 'Directory: restore', action: 'elasticfilesystem:Restore', on: ['file'] },
  { label: 'PostgreSQL: back up', action: 'rds:CreateDBSnapshot', on: ['db', 'snapshot'] },
  { label: 'PostgreSQL: restore', action: 'rds:RestoreDBInstanceFromDBSnapshot', on: ['db', 'snapshot'] },
  { label: 'S3 bucket: back up', action: 's3:GetObject', on: ['object'] },
  { label: 'S3 bucket: restore', action: 's3:PutObject', on: ['object'] },
  { label: 'Delete', action: 'backup:DeleteRecoveryPoint', on: ['point'] },
  { label: 'Copy', action: 'backup:CopyIntoBackupVault', on: ['vault'] },
] as const

type Sample = (typeof WORK)[number]['on'][number]

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
  const [chosen, setChosen] = useState<{ readonly role: string; readonly result: EvaluationResult }>()
  const pages = usePages(['role matrix'], async (Marker) => {
    const page = await backupRolesPage(Marker)
    const rows = await Promise.all(
      page.rows.map(async ({ name, arn }) => ({ name, arn, results: await simulate(arn, arns) })),
    )
    return { rows, next: page.next }
  })
  const cell = ({ name, results }: Row, action: string, what: string): ReactNode => {
    const result = results.get(action)
    if (result === undefined) return '–'
    return (
      <Button
        variant="inline-link"
        ariaLabel={`${name}: ${what}: ${verdictOf(result)}`}
        onClick={() => setChosen({ role: name, result })}
      >
        <Mark of={result} />
      </Button>
    )
  }
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
            cell: ({ name }) => <Link to={identityPath('role', name)}>{name}</Link>,
          },
          ...WORK.map(({ label, action }) => ({
            id: action,
            header: label,
            minWidth: 110,
            cell: (row: Row) => cell(row, action, label),
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

function Deciding({ role, result }: { readonly role: string; readonly result: EvaluationResult }): ReactNode {
  return (
    <Box>
      <b>{role}</b>, {result.EvalActionName}: {whyOf(result)}
    </Box>
  )
}
