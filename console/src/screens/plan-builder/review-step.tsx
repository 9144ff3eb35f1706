import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Container from '@cloudscape-design/components/container'
import ExpandableSection from '@cloudscape-design/components/expandable-section'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Table from '@cloudscape-design/components/table'
import { useQueries, useQuery } from '@tanstack/react-query'
import { useDeferredValue } from 'react'
import type { ReactNode } from 'react'
import { planOf } from './draft.ts'
import type { Draft } from './draft.ts'
import { PlanJson } from './plan-json.tsx'
import { PlanPreview } from './preview.tsx'
import { planWarning } from '../../api/backup.ts'
import { roleback } from '../../api/roleback.ts'
import { AwsCommand } from '../../parts/aws-command.tsx'
import { Problem } from '../../parts/problem.tsx'
import { terraformOf } from '../../parts/terraform.ts'
import { RuleTable } from '../plan/rule-table.tsx'

/** Recovery points that are looked at for one rule. */
const MAX_LOOKED_AT = 500

interface ReviewProps {
  readonly draft: Draft
  readonly onChange: (draft: Draft) => void
  readonly command: string
  /** The plan that is changed, with the names of the rules that it has; undefined where one is made. */
  readonly present: { readonly id: string; readonly ruleNames: readonly string[] } | undefined
}

/** All of it once more, what it would do, and the same as documents. */
export function ReviewStep({ draft, onChange, command, present }: ReviewProps): ReactNode {
  return (
    <SpaceBetween size="l">
      <Check draft={draft} />
      <RuleTable areDraft rules={draft.rules.map(({ rule }) => rule)} />
      <Tags draft={draft} />
      <PlanPreview rules={draft.rules} />
      {present !== undefined && <WhatGoes planId={present.id} draft={draft} ruleNames={present.ruleNames} />}
      <Container header={<Header variant="h2">The same as documents</Header>}>
        <SpaceBetween size="m">
          <ExpandableSection headerText="JSON">
            <PlanJson draft={draft} onChange={onChange} />
          </ExpandableSection>
          <ExpandableSection headerText="Terraform">
            <Box variant="code">
              <pre className="command">{terraformOf({ ...planOf(draft), tags: draft.tags })}</pre>
            </Box>
          </ExpandableSection>
          <AwsCommand command={command} />
        </SpaceBetween>
      </Container>
    </SpaceBetween>
  )
}

/** What the server would refuse, before it does. */
function Check({ draft }: { readonly draft: Draft }): ReactNode {
  const asked = useDeferredValue(JSON.stringify(planOf(draft)))
  const { error, data: warning } = useQuery({
    queryKey: ['plan check', asked],
    queryFn: async () => await planWarning(asked),
  })
  if (error !== null) return <Problem error={error} what="have this plan as it is" />
  if (warning === undefined) return null
  if (warning === '') return <Alert type="success">The server takes this plan as it is.</Alert>
  return (
    <Alert type="warning" header="The server takes this plan, and not all of it would work">
      {warning}
    </Alert>
  )
}

function Tags({ draft: { tags } }: { readonly draft: Draft }): ReactNode {
  const rows = Object.entries(tags)
  return (
    <Container header={<Header variant="h2">Tags</Header>}>
      {rows.length === 0 ? (
        <Box>None.</Box>
      ) : (
        rows.map(([key, value]) => <div key={key}>{`${key} = ${value}`}</div>)
      )}
    </Container>
  )
}

/** Of the recovery points that there are, what the counts as they are written would let go. */
function WhatGoes({
  planId,
  draft,
  ruleNames,
}: {
  readonly planId: string
  readonly draft: Draft
  readonly ruleNames: readonly string[]
}): ReactNode {
  const counted = draft.rules.filter(
    ({ rule, counts }) => Object.keys(counts).length > 0 && ruleNames.includes(rule.RuleName ?? ''),
  )
  const answers = useQueries({
    queries: counted.map(({ rule: { RuleName = '' }, counts }) => ({
      queryKey: ['retention preview', planId, RuleName, counts],
      queryFn: async () =>
        await roleback('PreviewRetention', {
          BackupPlanId: planId,
          RuleName,
          ...counts,
          MaxResults: MAX_LOOKED_AT,
        }),
    })),
  })
  if (counted.length === 0) return null
  const rows = counted.map(({ rule }, index) => {
    const answer = answers[index]?.data
    const points = answer?.RecoveryPoints ?? []
    const more = answer?.NextToken === undefined ? '' : '+'
    const of = (outcome: string): string =>
      answer === undefined ? '…' : `${points.filter(({ Outcome }) => Outcome === outcome).length}${more}`
    return { name: rule.RuleName ?? '', kept: of('KEPT'), goes: of('GOES'), held: of('HELD') }
  })
  const error = answers.find((answer) => answer.error !== null)?.error
  return (
    <SpaceBetween size="s">
      {error !== undefined && error !== null && <Problem error={error} what="preview what the counts keep" />}
      <Table
        variant="container"
        header={
          <Header
            variant="h2"
            description="By the counts as they are written here. Held: a lock, a legal hold or the like keeps it for now."
          >
            Of the recovery points there are
          </Header>
        }
        items={rows}
        ariaLabels={{ tableLabel: 'Of the recovery points there are' }}
        columnDefinitions={[
          { id: 'rule', header: 'Rule', isRowHeader: true, cell: ({ name }) => name },
          { id: 'kept', header: 'Kept', cell: ({ kept }) => kept },
          { id: 'goes', header: 'Go with the next round', cell: ({ goes }) => goes },
          { id: 'held', header: 'Held', cell: ({ held }) => held },
        ]}
      />
    </SpaceBetween>
  )
}
