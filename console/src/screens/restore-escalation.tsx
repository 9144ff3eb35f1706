import { GetRoleCommand, SimulatePrincipalPolicyCommand } from '@aws-sdk/client-iam'
import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import ExpandableSection from '@cloudscape-design/components/expandable-section'
import Spinner from '@cloudscape-design/components/spinner'
import Table from '@cloudscape-design/components/table'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { iam } from '../api/iam.ts'
import type { PreflightCheck, PreflightJobsInput } from '../api/generated.ts'
import { Arn } from '../parts/arn.tsx'
import { decidingText } from '../parts/format.ts'
import { Stack } from '../parts/layout.tsx'
import { checksOf, usePreflight } from '../parts/preflight.tsx'
import { Problem } from '../parts/problem.tsx'
import { resultsByResource, verdictOf, whyOf } from './access/simulated.tsx'
import { useSession } from '../session/session.ts'
import { Sideways } from '../parts/sideways.tsx'

const UNREADABLE = 'roleback:RestoreUnreadable'

interface EscalationProps {
  readonly input: PreflightJobsInput
  readonly isDefaultRole: boolean
}

/** What a restore would give whoever starts it: the restore guard's own answer, and what the role may that he may not. */
export function Escalation(props: EscalationProps): ReactNode {
  const { data } = usePreflight(props)
  if (data === undefined) return null
  const checks = checksOf(data).map(({ check }) => check)
  return (
    <Stack>
      <Guard checks={checks.filter(({ Layer }) => Layer === 'guard')} />
      <Compared checks={checks.filter(({ Layer, Verdict }) => Layer === 'job' && Verdict === 'allowed')} />
    </Stack>
  )
}

/** Each right to read with the statement that gives or lacks it: it is the guard that decides, and here it says how. */
function Guard({ checks }: { readonly checks: readonly PreflightCheck[] }): ReactNode {
  const lacking = checks.find(({ Verdict }) => Verdict !== 'allowed')
  const unreadable = checks.find(({ Action }) => Action === UNREADABLE)
  const said = (check: PreflightCheck, may = 'You may'): ReactNode => (
    <>
      {may} <b>{check.Action}</b> on <Arn of={check.ResourceArn} />
      {check.Reason.startsWith('because') ? ' ' : ': '}
      {check.Reason}
      {check.Statements.length > 0 && ` (${check.Statements.map(decidingText).join('; ')})`}
    </>
  )
  if (lacking !== undefined)
    return (
      <Alert
        type={lacking.Optional ? 'warning' : 'error'}
        header="You cannot read the source: this restore would give you what it holds"
      >
        {said(lacking, lacking.Verdict === 'depends' ? 'It is open whether you may' : 'You may not')}
        <Box>
          {lacking.Optional
            ? 'The restore guard of this account only warns: it would run, and the audit trail tells of it.'
            : 'The restore guard refuses it.'}
        </Box>
      </Alert>
    )
  if (unreadable !== undefined)
    return (
      <Alert type="warning" header="You cannot read the source, and are allowed to be given what it holds">
        {said(unreadable)}
      </Alert>
    )
  if (checks.length === 0)
    return (
      <Alert type="info">
        The restore guard asks for nothing: it is off, or this restore goes back into what was backed up.
      </Alert>
    )
  return (
    <Alert type="info" header="You can read the source yourself">
      {checks.map((check) => (
        <div key={`${check.Action} ${check.ResourceArn}`}>{said(check)}</div>
      ))}
    </Alert>
  )
}

/** Asked for only when somebody wants to see it: it takes the right to simulate, and a refusal stands in the audit trail. */
function Compared({ checks }: { readonly checks: readonly PreflightCheck[] }): ReactNode {
  const [isOpen, setOpen] = useState(false)
  if (checks.length === 0) return null
  return (
    <ExpandableSection
      headerText="What the role may and you may not"
      expanded={isOpen}
      onChange={({ detail }) => setOpen(detail.expanded)}
    >
      {isOpen && <Comparison checks={checks} />}
    </ExpandableSection>
  )
}

interface Difference {
  readonly action: string
  readonly on: string
  readonly role: string
  readonly you: string
}

function Comparison({ checks }: { readonly checks: readonly PreflightCheck[] }): ReactNode {
  const { arn } = useSession()
  const isRoot = arn.endsWith(':root')
  const { data, error } = useQuery({
    queryKey: ['what the role may more', arn, checks],
    queryFn: async () => await differences(arn, checks),
    enabled: !isRoot,
  })
  if (isRoot) return <Box>Nothing: the root user may all that any role of the account may.</Box>
  if (error !== null) return <Problem error={error} what="compare it with what you may" />
  if (data === undefined) return <Spinner />
  if (data.length === 0) return <Box>Nothing: all that the role does here you may do yourself.</Box>
  return (
    <Sideways>
      <Table<Difference>
        variant="embedded"
        wrapLines
        items={data}
        ariaLabels={{ tableLabel: 'What the role may and you may not' }}
        columnDefinitions={[
          {
            id: 'action',
            header: 'Action',
            isRowHeader: true,
            cell: ({ action }) => <Arn of={action} />,
          },
          { id: 'on', header: 'On', cell: ({ on }) => <Arn of={on} /> },
          { id: 'role', header: 'The role', cell: ({ role }) => role },
          { id: 'you', header: 'You', cell: ({ you }) => you },
        ]}
      />
    </Sideways>
  )
}

async function differences(arn: string, checks: readonly PreflightCheck[]): Promise<readonly Difference[]> {
  const PolicySourceArn = await sourceOf(arn)
  const { EvaluationResults = [] } = await iam.send(
    new SimulatePrincipalPolicyCommand({
      PolicySourceArn,
      ActionNames: [...new Set(checks.map(({ Action }) => Action))],
      ResourceArns: [...new Set(checks.map(({ ResourceArn }) => ResourceArn))],
      MaxItems: 1000,
    }),
  )
  const own = new Map(
    EvaluationResults.flatMap(resultsByResource).map((result) => [
      `${result.EvalActionName ?? ''} ${result.EvalResourceName ?? ''}`,
      result,
    ]),
  )
  const found: Difference[] = []
  for (const { Action: action, ResourceArn: on, Reason, Statements } of checks) {
    const result = own.get(`${action} ${on}`)
    if (result === undefined || verdictOf(result) === 'Allowed') continue
    const role = Statements.length === 0 ? Reason : Statements.map(decidingText).join('; ')
    found.push({ action, on, role, you: await whyOf(PolicySourceArn, result) })
  }
  return found
}

/** Whose policies a session has: of a role's, the role, whose path its ARN does not say. */
async function sourceOf(arn: string): Promise<string> {
  const [, role] = /^arn:aws:sts::\d+:assumed-role\/([^/]+)\//.exec(arn) ?? []
  if (role === undefined) return arn
  return (await iam.send(new GetRoleCommand({ RoleName: role }))).Role?.Arn ?? arn
}
