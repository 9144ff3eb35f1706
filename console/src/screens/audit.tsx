import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import { useState } from 'react'
import type { ReactNode } from 'react'
import type { AuditEvent, AuditFinding, LookupAuditEventsInput } from '../api/generated.ts'
import { allPages, roleback } from '../api/roleback.ts'
import { Arn } from '../parts/arn.tsx'
import { AwsCommand, rolebackCommand } from '../parts/aws-command.tsx'
import { ChoiceFilter, SinceFilter, TextFilter, sinceOf } from '../parts/filter-fields.tsx'
import { useFilters } from '../parts/filters.ts'
import type { Filters } from '../parts/filters.ts'
import { count, fromSeconds, nameOf, reasonText, statementText, when } from '../parts/format.ts'
import { List } from '../parts/list.tsx'
import { notify } from '../parts/notices.tsx'
import { useLinkedPages } from '../parts/pages.ts'
import { Explain, Problem } from '../parts/problem.tsx'
import { useTitle } from '../parts/screen.tsx'

const EFFECTS = [
  { value: '', label: 'Allowed and denied' },
  { value: 'Allow', label: 'Allowed' },
  { value: 'Deny', label: 'Denied' },
]
/** A browser keeps them in memory until the file is written; the CLI has no such limit. */
const MAX_EXPORTED = 50_000

/** Who did what, when, and whether it was allowed: each decision of the server, in a chain that shows what is missing. */
export function Audit(): ReactNode {
  useTitle('Audit')
  const filters = useFilters()
  const { get } = filters
  const [checked, setChecked] = useState<Checked>()
  const [failure, setFailure] = useState<unknown>()
  const [isBusy, setBusy] = useState(false)
  const filter = filterOf(get)
  const pages = useLinkedPages(['audit', get('since'), filter], async (NextToken) => {
    const answer = await page(filter, sinceOf(filters), 50, NextToken)
    return { rows: answer.Events, next: answer.NextToken }
  })
  const attempt = async (what: () => Promise<void>): Promise<void> => {
    setBusy(true)
    setFailure(undefined)
    await what().catch(setFailure)
    setBusy(false)
  }
  return (
    <SpaceBetween size="m">
      {failure !== undefined && <Problem error={failure} what="do this" />}
      {checked !== undefined && <Verdict of={checked} />}
      <List<AuditEvent>
        title="Audit"
        description="Every decision of this server, recorded before it took effect. Each record is chained to the one before."
        what="look at the audit trail"
        pages={pages}
        idOf={({ EventId }) => EventId}
        actions={
          <>
            <Button loading={isBusy} onClick={() => void attempt(async () => setChecked(await checkChain()))}>
              Check the chain
            </Button>
            <Button
              disabled={isBusy}
              iconName="download"
              onClick={() => void attempt(async () => await exportEvents(filter, sinceOf(filters)))}
            >
              Export
            </Button>
          </>
        }
        filter={<Narrow filters={filters} />}
        empty="Nothing was recorded that matches."
        columns={[
          {
            id: 'time',
            header: 'When',
            minWidth: 110,
            cell: ({ EventTime }) => when(fromSeconds(EventTime)),
          },
          {
            id: 'who',
            header: 'Who',
            minWidth: 110,
            cell: ({ PrincipalArn }) => (
              <span className="arn" title={PrincipalArn}>
                {nameOf(PrincipalArn)}
              </span>
            ),
          },
          {
            id: 'what',
            header: 'Did what',
            isRowHeader: true,
            minWidth: 130,
            cell: ({ EventSource, EventName }) => (
              <Arn of={`${EventSource.replace('.amazonaws.com', '')}:${EventName}`} />
            ),
          },
          { id: 'on', header: 'On', minWidth: 150, cell: ({ Resource }) => <Arn of={Resource} /> },
          { id: 'state', header: 'Decision', minWidth: 190, cell: (event) => <Decision of={event} /> },
        ]}
      />
      <AwsCommand command={commandOf(filter)} />
    </SpaceBetween>
  )
}

type Filter = Pick<LookupAuditEventsInput, 'PrincipalArn' | 'Principal' | 'Action' | 'Resource' | 'Effect'>

function filterOf(get: (name: string) => string | undefined): Filter {
  const [who, Action, Resource] = [get('who'), get('action'), get('on')]
  const Effect = get('effect') as Filter['Effect']
  return {
    // A whole ARN is nobody else's; a name may stand anywhere in one.
    ...(who !== undefined && (who.startsWith('arn:') ? { PrincipalArn: who } : { Principal: who })),
    ...(Action !== undefined && { Action }),
    ...(Resource !== undefined && { Resource }),
    ...(Effect !== undefined && { Effect }),
  }
}

async function page(
  filter: Filter,
  since: Date | undefined,
  MaxResults: number,
  NextToken: string | undefined,
): ReturnType<typeof roleback<'LookupAuditEvents'>> {
  return await roleback('LookupAuditEvents', {
    ...filter,
    ...(since !== undefined && { StartTime: since.getTime() / 1000 }),
    MaxResults,
    ...(NextToken !== undefined && { NextToken }),
  })
}

function Narrow({ filters }: { readonly filters: Filters }): ReactNode {
  return (
    <SpaceBetween direction="horizontal" size="s">
      <SinceFilter filters={filters} />
      <ChoiceFilter filters={filters} name="effect" label="Decision" options={EFFECTS} />
      <TextFilter filters={filters} name="who" label="Who" placeholder="name, or part of an ARN" />
      <TextFilter filters={filters} name="action" label="Action" placeholder="backup:StartBackupJob" />
      <TextFilter filters={filters} name="on" label="On (ARN)" placeholder="arn:aws:backup:…" />
    </SpaceBetween>
  )
}

/** What was decided, and by which statement, or why. */
function Decision({ of }: { readonly of: AuditEvent }): ReactNode {
  const { additionalEventData: by = {} } = JSON.parse(of.CloudTrailEvent) as {
    readonly additionalEventData?: {
      readonly policy?: string
      readonly statement?: string
      readonly reason?: string
    }
  }
  const decided = by.policy && `${nameOf(by.policy)}, ${statementText(by.statement)}`
  const why = decided ?? (by.reason && reasonText(by.reason))
  return (
    <>
      {of.Effect === 'Allow' ? (
        <StatusIndicator type="success">Allowed</StatusIndicator>
      ) : (
        <StatusIndicator type="error">Denied</StatusIndicator>
      )}
      <Box variant="small" display="block">
        {why} <Explain id={of.AuthorizationId} />
      </Box>
    </>
  )
}

interface Checked {
  readonly records: number
  readonly findings: readonly AuditFinding[]
}

async function checkChain(): Promise<Checked> {
  let records = 0
  const findings: AuditFinding[] = []
  let token: string | undefined
  do {
    const answer = await roleback('VerifyAudit', { ...(token !== undefined && { NextToken: token }) })
    records += answer.Checked
    findings.push(...answer.Findings)
    token = answer.NextToken
  } while (token !== undefined)
  return { records, findings }
}

function Verdict({ of }: { readonly of: Checked }): ReactNode {
  const checked = `${count(of.records, 'record')} checked`
  if (of.findings.length === 0)
    return (
      <Alert type="success" header="The chain is whole">
        {checked}: none is missing, and none was changed.
      </Alert>
    )
  const isUnknown = of.findings.every(({ Kind }) => Kind === 'AnchorsMissing')
  return (
    <Alert type="error" header={isUnknown ? 'The chain could not be checked whole' : 'The chain is broken'}>
      {checked}.
      <ul>
        {of.findings.map(({ Kind, Message, Chain, Sequence }) => (
          <li key={`${Kind} ${Chain ?? ''} ${Sequence ?? ''}`}>{Message}</li>
        ))}
      </ul>
    </Alert>
  )
}

/** One event a line, as CloudTrail has them. */
async function exportEvents(filter: Filter, since: Date | undefined): Promise<void> {
  const { rows, isWhole } = await allPages(
    async (token) => await page(filter, since, 1000, token),
    ({ Events }) => Events,
    MAX_EXPORTED,
  )
  const lines = rows.map(({ CloudTrailEvent }) => `${CloudTrailEvent}\n`)
  const url = URL.createObjectURL(new Blob(lines, { type: 'application/x-ndjson' }))
  const link = document.createElement('a')
  link.href = url
  link.download = `audit-${new Date().toISOString().slice(0, 10)}.ndjson`
  link.click()
  URL.revokeObjectURL(url)
  if (isWhole) notify(`${count(rows.length, 'event was', 'events were')} exported.`)
  else notify(`Only the newest ${count(rows.length, 'event')} were exported: narrow them down.`, 'warning')
}

function commandOf({ PrincipalArn, Principal, Action, Resource, Effect }: Filter): string {
  // What is narrowed down to may come from the address, or be what a stranger asked for.
  return rolebackCommand(['audit', 'list'], {
    principal: PrincipalArn ?? Principal,
    action: Action,
    resource: Resource,
    effect: Effect,
  })
}
