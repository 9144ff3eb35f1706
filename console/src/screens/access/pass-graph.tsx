import './pass-graph.css'
import Alert from '@cloudscape-design/components/alert'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import type { ReactNode } from 'react'
import { backupRolesPage } from './backup-roles.ts'
import type { BackupRole } from './backup-roles.ts'
import type { PrincipalWhoCan } from '../../api/generated.ts'
import { roleback } from '../../api/roleback.ts'
import { nameOf } from '../../parts/format.ts'
import { IdentityLink } from '../../parts/identity-link.tsx'
import { Stack } from '../../parts/layout.tsx'
import { Link, identityPath } from '../../parts/link.tsx'
import { List } from '../../parts/list.tsx'
import { usePages } from '../../parts/pages.ts'
import { statementsOf } from '../../parts/who-can.tsx'

/** Principals of one role that are drawn and listed. */
const MAX_PRINCIPALS = 50

interface Edge {
  readonly role: BackupRole
  readonly principal: PrincipalWhoCan
}

/** Who may pass which role to the backup service: whoever stands left can have all done that the role right of it may. */
export function PassGraph(): ReactNode {
  const pages = usePages(['pass graph'], async (marker) => {
    const page = await backupRolesPage(marker)
    const edges = await Promise.all(page.rows.map(edgesOf))
    return { rows: edges.flat(), next: page.next }
  })
  return (
    <Stack>
      <Alert type="info">
        Whoever passes a role to a backup or restore has it do all that the role may, whatever they may do
        themselves.
      </Alert>
      {pages.rows.length > 0 && (
        <div className="pass-graph-frame">
          <Container header={<Header variant="h2">Who may pass which role</Header>}>
            <Picture edges={pages.rows} />
          </Container>
        </div>
      )}
      <List<Edge>
        variant="container"
        title="By which statement"
        what="ask who can pass roles"
        pages={pages}
        idOf={({ role, principal }) => `${principal.PrincipalArn} ${role.arn}`}
        empty="Nobody but what IAM itself keeps may pass a role."
        columns={[
          {
            id: 'who',
            header: 'Who',
            isRowHeader: true,
            cell: ({ principal: { PrincipalArn } }) => (
              <IdentityLink arn={PrincipalArn} text={nameOf(PrincipalArn)} />
            ),
          },
          { id: 'kind', header: 'What', cell: ({ principal }) => principal.PrincipalType },
          {
            id: 'role',
            header: 'May pass',
            cell: ({ role }) => <Link to={identityPath('role', role.name)}>{role.name}</Link>,
          },
          {
            id: 'state',
            header: 'Verdict',
            minWidth: 170,
            cell: ({ principal: { Verdict } }) =>
              Verdict === 'allowed' ? (
                <StatusIndicator type="success">Allowed</StatusIndicator>
              ) : (
                <StatusIndicator type="warning">Under conditions</StatusIndicator>
              ),
          },
          { id: 'by', header: 'By', cell: ({ principal }) => statementsOf(principal) },
        ]}
      />
    </Stack>
  )
}

async function edgesOf(role: BackupRole): Promise<readonly Edge[]> {
  const { Principals } = await roleback('ListPrincipalsWhoCan', {
    ResourceArn: role.arn,
    Action: 'pass',
    MaxResults: MAX_PRINCIPALS,
  })
  return Principals.map((principal) => ({ role, principal }))
}

const WIDTH = 900
const BOX = 300
const ROW = 44

/** Left the principals, right the roles. The list below says the same to those who do not see it. */
function Picture({ edges }: { readonly edges: readonly Edge[] }): ReactNode {
  const principals = [...new Set(edges.map(({ principal }) => principal.PrincipalArn))]
  const roles = [...new Set(edges.map(({ role }) => role.arn))]
  const height = Math.max(principals.length, roles.length) * ROW
  const y = (all: readonly string[], one: string): number => ((all.indexOf(one) + 0.5) * height) / all.length
  const box = (arn: string, x: number, at: number): ReactNode => (
    <g key={arn}>
      <rect x={x} y={at - 15} width={BOX} height={30} rx={6} />
      <text x={x + 10} y={at + 4}>
        {shortened(nameOf(arn))}
        <title>{arn}</title>
      </text>
    </g>
  )
  return (
    <svg className="pass-graph" viewBox={`0 0 ${WIDTH} ${height}`} aria-hidden="true">
      {edges.map(({ principal, role }) => {
        const [from, to] = [y(principals, principal.PrincipalArn), y(roles, role.arn)]
        const middle = WIDTH / 2
        return (
          <path
            key={`${principal.PrincipalArn} ${role.arn}`}
            className={principal.Verdict}
            d={`M${BOX + 2},${from} C${middle},${from} ${middle},${to} ${WIDTH - BOX - 2},${to}`}
          />
        )
      })}
      {principals.map((arn) => box(arn, 1, y(principals, arn)))}
      {roles.map((arn) => box(arn, WIDTH - BOX - 1, y(roles, arn)))}
    </svg>
  )
}

const MAX_SHOWN = 38

function shortened(name: string): string {
  return name.length <= MAX_SHOWN ? name : `${name.slice(0, MAX_SHOWN - 1)}…`
}
