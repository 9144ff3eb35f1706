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
import type { AuthorizationDetails, InvolvedPolicy, LayerVerdict } from '../../api/generated.ts'
import { roleback } from '../../api/roleback.ts'
import { AwsCommand, rolebackCommand } from '../../parts/aws-command.tsx'
import { Arn } from '../../parts/arn.tsx'
import { Facts } from '../../parts/facts.tsx'
import { decidingText, fromSeconds, nameOf, reasonText, statementText, when } from '../../parts/format.ts'
import { IdentityLink } from '../../parts/identity-link.tsx'
import { Link, identityPath } from '../../parts/link.tsx'
import { PolicyText, changeText } from '../../parts/preflight.tsx'
import { Problem } from '../../parts/problem.tsx'
import { Screen } from '../../parts/screen.tsx'
import { Sideways } from '../../parts/sideways.tsx'

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

/** Of each layer, what it is to people. */
const LAYERS: Readonly<Record<string, string>> = {
  identity: 'Policies of the identity',
  boundary: 'Permissions boundary',
  session: 'Session policy',
  resource: 'Policy of the resource',
  trust: 'Trust policy of the role',
}
/** Of each element of a statement that did not match, what it says. */
const ELEMENTS: Readonly<Record<string, string>> = {
  principal: 'Whom it is about',
  resource: 'What it is on',
  condition: 'Its condition',
}
const TABLE = { variant: 'container', wrapLines: true } as const

function Details({ of }: { readonly of: AuthorizationDetails }): ReactNode {
  const decided = of.Evaluations.at(-1)?.MatchedStatements ?? []
  return (
    <>
      <Alert type="warning" header={`${nameOf(of.PrincipalArn)} may not ${of.Action}`}>
        {reasonText(of.Reason)}
        {decided.length > 0 && `: ${decided.map(decidingText).join('; ')}`}
      </Alert>
      <Container header={<Header variant="h2">What was asked</Header>}>
        <Facts
          of={[
            ['Who', <IdentityLink key="who" arn={of.PrincipalArn} />],
            ['Action', <Arn key="action" of={of.Action} />],
            ['On', of.ResourceArn === '*' ? 'Nothing in particular' : of.ResourceArn],
            ['Decided by', decidedBy(of)],
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
      <Layers of={of} />
      {of.NearMisses.length > 0 && (
        <Sideways>
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
              { id: 'failed', header: 'Did not match', cell: ({ Failed }) => ELEMENTS[Failed] ?? Failed },
              { id: 'detail', header: 'Because', minWidth: 200, cell: ({ Detail }) => Detail },
            ]}
          />
        </Sideways>
      )}
      {of.Notes.map((note) => (
        <Alert key={note} type="info">
          {note}
        </Alert>
      ))}
    </>
  )
}

/** What is for somebody else altogether is refused by no policy. */
function decidedBy({ Layer, Layers: all }: AuthorizationDetails): string {
  return all.some((one) => one.Layer === Layer) ? (LAYERS[Layer] ?? Layer) : 'The server itself'
}

function Layers({ of }: { readonly of: AuthorizationDetails }): ReactNode {
  return (
    <Sideways>
      <Table
        {...TABLE}
        header={<Header variant="h2">What each layer said</Header>}
        items={of.Layers}
        ariaLabels={{ tableLabel: 'Layers' }}
        columnDefinitions={[
          {
            id: 'layer',
            header: 'Layer',
            isRowHeader: true,
            cell: ({ Layer }) => LAYERS[Layer] ?? Layer,
          },
          {
            id: 'verdict',
            header: 'Verdict',
            minWidth: 140,
            cell: ({ Verdict }) => <VerdictMark of={Verdict} />,
          },
          {
            id: 'policies',
            header: 'Policies',
            cell: ({ Layer }) => <PolicyNames of={of.Policies.filter((policy) => policy.Layer === Layer)} />,
          },
          { id: 'statements', header: 'Statements', cell: statementsOf },
        ]}
      />
    </Sideways>
  )
}

function PolicyNames({ of }: { readonly of: readonly InvolvedPolicy[] }): ReactNode {
  if (of.length === 0) return 'None'
  return of.map(({ PolicyName, PolicyArn, AttachedTo }) => (
    <div key={`${PolicyName} ${AttachedTo}`}>
      {PolicyArn !== undefined && PolicyArn.includes(':policy/') ? (
        <Link to={identityPath('policy', PolicyArn)}>{PolicyName}</Link>
      ) : (
        PolicyName
      )}
    </div>
  ))
}

/** Each comes as its policy, a blank and the statement. */
function statementsOf({ Statements }: LayerVerdict): string {
  const texts = Statements.map((one) => {
    const at = one.lastIndexOf(' ')
    return `${nameOf(one.slice(0, at))}, ${statementText(one.slice(at + 1))}`
  })
  return texts.join('; ') || '–'
}

function VerdictMark({ of }: { readonly of: string }): ReactNode {
  if (of === 'allows') return <StatusIndicator type="success">Allows</StatusIndicator>
  if (of === 'denies') return <StatusIndicator type="error">Denies</StatusIndicator>
  if (of === 'delegates') return <StatusIndicator type="info">Leaves it to the account</StatusIndicator>
  return <StatusIndicator type="stopped">Does not allow</StatusIndicator>
}
