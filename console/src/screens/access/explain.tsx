import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import Table from '@cloudscape-design/components/table'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { useNavigate, useParams } from 'react-router'
import type { AuthorizationDetails } from '../../api/generated.ts'
import { roleback } from '../../api/roleback.ts'
import { AwsCommand, rolebackCommand } from '../../parts/aws-command.tsx'
import { Facts } from '../../parts/facts.tsx'
import { decidingText, fromSeconds, nameOf, when } from '../../parts/format.ts'
import { PolicyText, changeText } from '../../parts/preflight.tsx'
import { Problem } from '../../parts/problem.tsx'
import { Screen } from '../../parts/screen.tsx'

/** Why something was refused, by the id that the refusal named. */
export function Explain(): ReactNode {
  const id = useParams()['id'] ?? ''
  const navigate = useNavigate()
  const [typed, setTyped] = useState<string>()
  const { data, error, isFetching } = useQuery({
    queryKey: ['authorization', id],
    queryFn: async () => (await roleback('GetAuthorizationDetails', { AuthorizationId: id })).Authorization,
    enabled: id !== '',
  })
  return (
    <Screen
      title="Explain a refusal"
      description="Every refusal names an authorization id. Here is what decided, and what would allow it."
      above={[['Access', '/access']]}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void navigate(`/access/explain/${encodeURIComponent((typed ?? id).trim())}`)
          setTyped(undefined)
        }}
      >
        <FormField label="Authorization id" secondaryControl={<Button loading={isFetching}>Explain</Button>}>
          <Input value={typed ?? id} onChange={({ detail }) => setTyped(detail.value)} />
        </FormField>
      </form>
      {error !== null && (
        <Problem
          error={error}
          what="see why this was refused"
          // The reasons of this refusal would be refused, too.
          instead={
            <Box margin={{ top: 'xs' }}>
              Give the id {id} to somebody who may, such as an administrator: this page, and ./roleback
              explain, tell them what decided and what would allow it.
            </Box>
          }
        />
      )}
      {data !== undefined && <Details of={data} />}
      <AwsCommand command={rolebackCommand(['explain', (typed ?? id).trim() || 'ID'], {})} />
    </Screen>
  )
}

const TABLE = { variant: 'container', wrapLines: true } as const

function Details({ of }: { readonly of: AuthorizationDetails }): ReactNode {
  return (
    <>
      <Alert type="warning" header={`${nameOf(of.PrincipalArn)} may not ${of.Action}`}>
        {of.Reason}
      </Alert>
      <Container header={<Header variant="h2">What was asked</Header>}>
        <Facts
          of={[
            ['Who', of.PrincipalArn],
            ['Action', of.Action],
            ['On', of.ResourceArn],
            ['Decided by', of.Layer],
            ['When', when(fromSeconds(of.LastAt))],
            ['Times', of.Count.toLocaleString()],
          ]}
        />
      </Container>
      {of.Proposals.length > 0 && (
        <Container header={<Header variant="h2">What would allow it</Header>}>
          <SpaceBetween size="m">
            {of.Proposals.map((proposal) => (
              <div key={proposal.Change + proposal.Where}>
                <Box variant="h4">{changeText(proposal)}</Box>
                {proposal.Statement !== undefined && <PolicyText text={proposal.Statement} />}
              </div>
            ))}
          </SpaceBetween>
        </Container>
      )}
      <Table
        {...TABLE}
        header={<Header variant="h2">What each layer said</Header>}
        items={of.Layers}
        ariaLabels={{ tableLabel: 'Layers' }}
        columnDefinitions={[
          { id: 'layer', header: 'Layer', isRowHeader: true, cell: ({ Layer }) => Layer },
          { id: 'verdict', header: 'Verdict', cell: ({ Verdict }) => <VerdictMark of={Verdict} /> },
          { id: 'policies', header: 'Policies', cell: ({ PolicyCount }) => PolicyCount },
          { id: 'statements', header: 'Statements', cell: ({ Statements }) => Statements.join(', ') || '–' },
        ]}
      />
      {of.NearMisses.length > 0 && (
        <Table
          {...TABLE}
          header={<Header variant="h2">Statements that nearly matched</Header>}
          items={of.NearMisses}
          ariaLabels={{ tableLabel: 'Near misses' }}
          columnDefinitions={[
            {
              id: 'statement',
              header: 'Statement',
              isRowHeader: true,
              cell: (near) => decidingText(near),
            },
            { id: 'effect', header: 'Effect', cell: ({ Effect }) => Effect },
            { id: 'failed', header: 'Did not match', cell: ({ Failed }) => Failed },
            { id: 'detail', header: 'Because', cell: ({ Detail }) => Detail },
          ]}
        />
      )}
      {of.Notes.map((note) => (
        <Alert key={note} type="info">
          {note}
        </Alert>
      ))}
    </>
  )
}

function VerdictMark({ of }: { readonly of: string }): ReactNode {
  if (of === 'allows') return <StatusIndicator type="success">{of}</StatusIndicator>
  if (of === 'denies') return <StatusIndicator type="error">{of}</StatusIndicator>
  return <StatusIndicator type="stopped">{of}</StatusIndicator>
}
