import { DeleteFrameworkCommand, DescribeFrameworkCommand } from '@aws-sdk/client-backup'
import Button from '@cloudscape-design/components/button'
import FormField from '@cloudscape-design/components/form-field'
import SegmentedControl from '@cloudscape-design/components/segmented-control'
import Select from '@cloudscape-design/components/select'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { useNavigate, useParams } from 'react-router'
import { CONTROLS } from './framework-controls.ts'
import { backup } from '../api/backup.ts'
import type { FrameworkFinding, ListFrameworkFindingsInput } from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'
import { Confirm } from '../parts/confirm.tsx'
import { useFilters } from '../parts/filters.ts'
import { List } from '../parts/list.tsx'
import { NamedArn } from '../parts/named-arn.tsx'
import { notify } from '../parts/notices.tsx'
import { useLinkedPages } from '../parts/pages.ts'
import { Problem, isDenied } from '../parts/problem.tsx'
import { Screen } from '../parts/screen.tsx'

const ANY = { value: '', label: 'Every control' }

/** What a framework finds, what does not comply first. */
export function FrameworkFindings(): ReactNode {
  const name = useParams()['name'] ?? ''
  const navigate = useNavigate()
  const { get, set } = useFilters()
  const [isDeleting, setDeleting] = useState(false)
  const { data, error, isPending } = useQuery({
    queryKey: ['framework', name],
    queryFn: async () => await backup.send(new DescribeFrameworkCommand({ FrameworkName: name })),
  })
  const status = get('status') ?? 'NON_COMPLIANT'
  const control = get('control')
  const pages = useLinkedPages(['findings', name, status, control], async (NextToken) => {
    const answer = await roleback('ListFrameworkFindings', {
      FrameworkName: name,
      Status: status as NonNullable<ListFrameworkFindingsInput['Status']>,
      MaxResults: 50,
      ...(control !== undefined && { ControlName: control }),
      ...(NextToken !== undefined && { NextToken }),
    })
    return { rows: answer.Findings, next: answer.NextToken }
  })
  const controls = [
    ANY,
    ...(data?.FrameworkControls ?? []).map(({ ControlName: value = '' }) => ({
      value,
      label: CONTROLS[value] ?? value,
    })),
  ]
  return (
    <Screen
      title={name}
      description={data?.FrameworkDescription}
      above={[['Frameworks', '/frameworks']]}
      isLoading={isPending}
      actions={data !== undefined && <Button onClick={() => setDeleting(true)}>Delete</Button>}
    >
      {error !== null && <Problem error={error} what="look at this framework" />}
      {(error === null || isDenied(error)) && (
        <List<FrameworkFinding>
          variant="container"
          title="Findings"
          what="see what this framework finds"
          pages={pages}
          idOf={({ ControlName, ResourceArn }) => `${ControlName} ${ResourceArn}`}
          filter={
            <SpaceBetween direction="horizontal" size="s" alignItems="end">
              <SegmentedControl
                label="Show"
                selectedId={status}
                onChange={({ detail }) => set('status', detail.selectedId)}
                options={[
                  { id: 'NON_COMPLIANT', text: 'Does not comply' },
                  { id: 'COMPLIANT', text: 'Complies' },
                  { id: 'NOT_APPLICABLE', text: 'Does not apply' },
                ]}
              />
              <FormField label="Control">
                <Select
                  options={controls}
                  selectedOption={controls.find(({ value }) => value === (control ?? '')) ?? ANY}
                  onChange={({ detail }) => set('control', detail.selectedOption.value)}
                />
              </FormField>
            </SpaceBetween>
          }
          empty={
            status === 'NON_COMPLIANT' ? (
              <StatusIndicator type="success">Everything complies</StatusIndicator>
            ) : (
              'Nothing is so.'
            )
          }
          columns={[
            {
              id: 'control',
              header: 'What must be so',
              isRowHeader: true,
              cell: ({ ControlName }) => CONTROLS[ControlName] ?? ControlName,
            },
            { id: 'on', header: 'Of', cell: ({ ResourceArn }) => <NamedArn of={ResourceArn} /> },
            { id: 'state', header: 'State', minWidth: 170, cell: ({ Status }) => <Compliance of={Status} /> },
            { id: 'why', header: 'Why', cell: ({ Reason }) => Reason },
          ]}
        />
      )}
      {isDeleting && (
        <Confirm
          title={`Delete framework ${name}`}
          what="delete this framework"
          word="delete"
          action="Delete framework"
          command={['delete-framework', { FrameworkName: name }]}
          onClose={() => setDeleting(false)}
          onConfirm={async () => {
            await backup.send(new DeleteFrameworkCommand({ FrameworkName: name }))
            notify(`Framework ${name} was deleted.`)
            await navigate('/frameworks')
          }}
        >
          What it found is computed anew each time: nothing of it is kept.
        </Confirm>
      )}
    </Screen>
  )
}

function Compliance({ of }: { readonly of: FrameworkFinding['Status'] }): ReactNode {
  if (of === 'COMPLIANT') return <StatusIndicator type="success">Complies</StatusIndicator>
  if (of === 'NON_COMPLIANT') return <StatusIndicator type="error">Does not comply</StatusIndicator>
  return <StatusIndicator type="stopped">Does not apply</StatusIndicator>
}
