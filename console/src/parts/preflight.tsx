import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import CopyToClipboard from '@cloudscape-design/components/copy-to-clipboard'
import ExpandableSection from '@cloudscape-design/components/expandable-section'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import Table from '@cloudscape-design/components/table'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import type {
  PolicyChange,
  PreflightCheck,
  PreflightJobsInput,
  PreflightJobsOutput,
} from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'
import { Arn } from './arn.tsx'
import { count, nameOf, reasonText, statementText } from './format.ts'
import { Problem } from './problem.tsx'
import { useHasDefaultRole } from './role-field.tsx'
import { Sideways } from './sideways.tsx'

/** Rows that are shown; the heading tells how many there are. */
const SHOWN = 200

interface PreflightProps {
  readonly input: PreflightJobsInput
  readonly isDefaultRole: boolean
}

/** What the server would decide of a job; asked for once, however many parts of a screen show of it. */
export function usePreflight({ input, isDefaultRole }: PreflightProps): {
  readonly isYetToMake: boolean
  readonly data: PreflightJobsOutput | undefined
  readonly error: Error | null
  readonly isPending: boolean
} {
  const hasDefault = useHasDefaultRole()
  const isYetToMake = isDefaultRole && hasDefault === 'no'
  const { data, error, isPending } = useQuery({
    queryKey: ['preflight', JSON.stringify(input)],
    queryFn: async () => {
      const whole = { ...input, WithDefaultRole: isDefaultRole }
      let found = await roleback('PreflightJobs', { ...whole, Include: 'all' })
      // Of many thousands of resources what is allowed is counted, and what is not is listed.
      while (found.NextToken !== undefined) {
        const { NextToken } = found
        found = joined(found, await roleback('PreflightJobs', { ...whole, NextToken }))
      }
      return found
    },
    enabled: !isDefaultRole || hasDefault !== undefined,
  })
  return { isYetToMake, data, error, isPending }
}

/** Two pages as one answer. What would allow it is told as far as a table shows what is missing. */
function joined(page: PreflightJobsOutput, next: PreflightJobsOutput): PreflightJobsOutput {
  const isListed = page.MissingCount < SHOWN
  return {
    ...page,
    Verdict: VERDICTS.find((one) => page.Verdict === one || next.Verdict === one) ?? next.Verdict,
    CheckCount: page.CheckCount + next.CheckCount,
    MissingCount: page.MissingCount + next.MissingCount,
    ResourceCount: page.ResourceCount + next.ResourceCount,
    Resources: isListed
      ? [
          ...page.Resources,
          ...next.Resources.filter(({ Checks, Findings }) => Checks.length + Findings.length > 0),
        ]
      : page.Resources,
    Changes: isListed ? [...page.Changes, ...next.Changes] : page.Changes,
    NextToken: next.NextToken,
  }
}

/** The checks with the resource that they are about; undefined where they are about all. */
export function checksOf({ Checks, Resources }: PreflightJobsOutput): readonly {
  readonly about: string | undefined
  readonly check: PreflightCheck
}[] {
  return [
    ...Checks.map((check) => ({ about: undefined, check })),
    ...Resources.flatMap(({ ResourceArn, Checks: own }) =>
      own.map((check) => ({ about: ResourceArn, check })),
    ),
  ]
}

/** Whether everything that a job will be asked for is allowed, before it runs: what is missing, where, and the policy that would add it. */
export function Preflight(props: PreflightProps): ReactNode {
  const { isYetToMake, data, error, isPending } = usePreflight(props)
  if (error !== null) return <Problem error={error} what="check this role" />
  if (isPending || data === undefined)
    return <StatusIndicator type="loading">Checking what the role may</StatusIndicator>
  const checks = checksOf(data).toSorted((a, b) => rank(a.check) - rank(b.check))
  const findings = [...data.Findings, ...data.Resources.flatMap(({ Findings }) => Findings)]
  return (
    <SpaceBetween size="s">
      {isYetToMake && (
        <Alert type="info">
          The default role is created when you go on. What is checked are the rights that it will have.
        </Alert>
      )}
      <Verdict verdict={data.Verdict} missing={data.MissingCount} all={data.CheckCount} />
      {findings.map(({ Code, Message }) => (
        <Alert key={Code + Message} type="warning">
          {Message}
        </Alert>
      ))}
      {data.Changes.map((change) => (
        <Change key={change.Where} change={change} />
      ))}
      <ExpandableSection
        headerText={`What was checked (${count(data.CheckCount, 'right')})`}
        defaultExpanded={data.Verdict === 'denied'}
      >
        <Sideways>
          <Table
            variant="embedded"
            items={checks.slice(0, SHOWN)}
            ariaLabels={{ tableLabel: 'Checked rights' }}
            wrapLines
            empty="Nothing was checked"
            columnDefinitions={[
              {
                id: 'verdict',
                header: 'Verdict',
                minWidth: 120,
                cell: ({ check }) => <CheckVerdict check={check} />,
              },
              {
                id: 'who',
                header: 'Who',
                minWidth: 120,
                cell: ({ check }) => LAYERS[check.Layer] ?? check.Layer,
              },
              {
                id: 'action',
                header: 'Action',
                minWidth: 150,
                isRowHeader: true,
                cell: ({ check }) => <Arn of={check.Action} />,
              },
              { id: 'on', header: 'On', minWidth: 150, cell: ({ check }) => <Arn of={check.ResourceArn} /> },
              {
                id: 'why',
                header: 'Why',
                minWidth: 160,
                cell: ({ check }) => <Arn of={reasonText(check.Reason)} />,
              },
            ]}
          />
        </Sideways>
        {data.CheckCount > SHOWN && (
          <Box variant="small">{count(data.CheckCount - SHOWN, 'further right')}</Box>
        )}
      </ExpandableSection>
    </SpaceBetween>
  )
}

/** The worst first. */
const VERDICTS = ['denied', 'depends', 'allowed'] as const

const LAYERS: Readonly<Record<string, string>> = {
  caller: 'You',
  passrole: 'You, to pass the role',
  guard: 'You, by the restore guard',
  trust: 'Backup service',
  job: 'The role',
  expiry: 'The role, later',
}

function rank({ Verdict, Optional }: PreflightCheck): number {
  return VERDICTS.indexOf(Verdict) + (Optional ? 0.5 : 0)
}

function Verdict({
  verdict,
  missing,
  all,
}: {
  readonly verdict: string
  readonly missing: number
  readonly all: number
}): ReactNode {
  if (verdict === 'allowed')
    return (
      <StatusIndicator type="success">
        Everything it will need is allowed ({count(all, 'right')})
      </StatusIndicator>
    )
  if (verdict === 'depends')
    return (
      <StatusIndicator type="warning">
        It depends on what is known only while it runs ({count(all, 'right')})
      </StatusIndicator>
    )
  return (
    <StatusIndicator type="error">
      {count(missing, 'right is', 'rights are')} missing: it would fail
    </StatusIndicator>
  )
}

function CheckVerdict({ check }: { readonly check: PreflightCheck }): ReactNode {
  if (check.Verdict === 'allowed') return <StatusIndicator type="success">Allowed</StatusIndicator>
  if (check.Verdict === 'depends') return <StatusIndicator type="warning">Depends</StatusIndicator>
  return check.Optional ? (
    <StatusIndicator type="info">Denied, not needed</StatusIndicator>
  ) : (
    <StatusIndicator type="error">Denied</StatusIndicator>
  )
}

/** How each sort of change begins. */
const CHANGES: Readonly<Record<string, string>> = {
  add: 'Add to ',
  // Whole sentences.
  remove: '',
  ask: '',
}

export function changeText({ Change, Where }: Pick<PolicyChange, 'Change' | 'Where'>): string {
  const text = `${CHANGES[Change] ?? Change}${Where}`.replace(
    /\(statement (#\d+)\)/,
    (_, id: string) => `(${statementText(id)})`,
  )
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`
}

/** What would allow it: where the change goes, and the document to put there. */
function Change({ change }: { readonly change: PolicyChange }): ReactNode {
  return (
    <Alert
      type="warning"
      header={`${changeText(change)}${change.TargetArn === undefined ? '' : ` (${nameOf(change.TargetArn)})`}`}
    >
      <SpaceBetween size="xs">
        {change.PolicyDocuments.map((document) => (
          <PolicyText key={document} text={document} />
        ))}
      </SpaceBetween>
    </Alert>
  )
}

/** A policy document, indented, with a way to copy it. */
export function PolicyText({ text }: { readonly text: string }): ReactNode {
  const pretty = prettyJson(text)
  return (
    <SpaceBetween size="xs">
      <Box variant="code">
        <pre className="command">{pretty}</pre>
      </Box>
      <CopyToClipboard
        copyButtonText="Copy policy"
        copyErrorText="The browser did not let it be copied"
        copySuccessText="Copied"
        textToCopy={pretty}
      />
    </SpaceBetween>
  )
}

export function prettyJson(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), undefined, 2)
  } catch {
    return text
  }
}
