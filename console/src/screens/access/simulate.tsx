import { SimulatePrincipalPolicyCommand } from '@aws-sdk/client-iam'
import type { EvaluationResult } from '@aws-sdk/client-iam'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Table from '@cloudscape-design/components/table'
import Textarea from '@cloudscape-design/components/textarea'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { useSearchParams } from 'react-router'
import { Mark, resultsByResource, whyOf } from './simulated.tsx'
import { iam } from '../../api/iam.ts'
import { AwsCommand, awsCommand } from '../../parts/aws-command.tsx'
import { Arn } from '../../parts/arn.tsx'
import { Problem } from '../../parts/problem.tsx'
import { Screen } from '../../parts/screen.tsx'
import { Sideways } from '../../parts/sideways.tsx'

const EXAMPLE = 'backup:StartBackupJob\nbackup:StartRestoreJob\nbackup:DeleteRecoveryPoint\niam:PassRole'

const lines = (text: string): string[] => text.split(/[\s,]+/).flatMap((line) => (line === '' ? [] : [line]))

/** What somebody may, decided by the server's own engine without anything being done. The address has the question. */
export function Simulate(): ReactNode {
  const [query, setQuery] = useSearchParams()
  const asked = {
    PolicySourceArn: query.get('who') ?? '',
    ActionNames: lines(query.get('actions') ?? ''),
    ResourceArns: lines(query.get('on') ?? '*'),
  }
  const [who, setWho] = useState(asked.PolicySourceArn)
  const [actions, setActions] = useState(query.get('actions') ?? EXAMPLE)
  const [on, setOn] = useState(query.get('on') ?? '*')
  const isAsked = asked.PolicySourceArn !== '' && asked.ActionNames.length > 0
  const { data, error, isFetching } = useQuery({
    queryKey: ['simulate', asked],
    queryFn: async () => await answersTo(asked),
    enabled: isAsked,
  })
  return (
    <Screen
      title="Simulate"
      description="What a user, a group or a role may, as the server would decide it. Nothing is done."
      above={[['Access', '/access']]}
    >
      <form
        onSubmit={(event) => {
          event.preventDefault()
          setQuery({ who, actions, on })
        }}
      >
        <Container header={<Header variant="h2">Question</Header>}>
          <SpaceBetween size="m">
            <FormField label="Who (ARN)" stretch>
              <Input
                value={who}
                placeholder="arn:aws:iam::…:role/…"
                onChange={({ detail }) => setWho(detail.value)}
              />
            </FormField>
            <FormField label="Actions, one a line" stretch>
              <Textarea value={actions} rows={5} onChange={({ detail }) => setActions(detail.value)} />
            </FormField>
            <FormField label="On (ARNs, one a line; * for any)" stretch>
              <Textarea value={on} rows={2} onChange={({ detail }) => setOn(detail.value)} />
            </FormField>
            <Button variant="primary" loading={isFetching} disabled={who === ''}>
              Simulate
            </Button>
          </SpaceBetween>
        </Container>
      </form>
      {error !== null && <Problem error={error} what="simulate this" />}
      {data !== undefined && <Results of={data} />}
      <AwsCommand
        command={awsCommand('iam', 'simulate-principal-policy', {
          PolicySourceArn: who,
          ActionNames: lines(actions),
          ResourceArns: lines(on),
        })}
      />
    </Screen>
  )
}

interface Answer {
  readonly result: EvaluationResult
  readonly why: string
}

async function answersTo(asked: {
  readonly PolicySourceArn: string
  readonly ActionNames: string[]
  readonly ResourceArns: string[]
}): Promise<readonly Answer[]> {
  const { EvaluationResults = [] } = await iam.send(
    new SimulatePrincipalPolicyCommand({ ...asked, MaxItems: 1000 }),
  )
  return await Promise.all(
    EvaluationResults.flatMap(resultsByResource).map(async (result) => ({
      result,
      why: await whyOf(asked.PolicySourceArn, result),
    })),
  )
}

function Results({ of }: { readonly of: readonly Answer[] }): ReactNode {
  return (
    <Sideways>
      <Table<Answer>
        variant="container"
        wrapLines
        header={<Header variant="h2">Answer</Header>}
        items={of}
        trackBy={({ result }) => `${result.EvalActionName ?? ''} ${result.EvalResourceName ?? ''}`}
        ariaLabels={{ tableLabel: 'Answer' }}
        columnDefinitions={[
          {
            id: 'action',
            header: 'Action',
            isRowHeader: true,
            cell: ({ result }) => <Arn of={result.EvalActionName} />,
          },
          { id: 'on', header: 'On', cell: ({ result }) => <Arn of={result.EvalResourceName} /> },
          { id: 'verdict', header: 'Verdict', minWidth: 130, cell: ({ result }) => <Mark of={result} /> },
          { id: 'why', header: 'Why', cell: ({ why }) => why },
        ]}
      />
    </Sideways>
  )
}
