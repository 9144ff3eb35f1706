import { CreateBackupSelectionCommand, GetBackupPlanCommand } from '@aws-sdk/client-backup'
import Alert from '@cloudscape-design/components/alert'
import AttributeEditor from '@cloudscape-design/components/attribute-editor'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import Form from '@cloudscape-design/components/form'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import RadioGroup from '@cloudscape-design/components/radio-group'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import Table from '@cloudscape-design/components/table'
import Textarea from '@cloudscape-design/components/textarea'
import { useQuery } from '@tanstack/react-query'
import { useDeferredValue, useState } from 'react'
import type { ReactNode } from 'react'
import { useNavigate, useParams } from 'react-router'
import { LeastPrivilege } from './least-privilege.tsx'
import { backup } from '../api/backup.ts'
import type { SelectionToPreview } from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'
import { AwsCommand, awsCommand } from '../parts/aws-command.tsx'
import { typeName } from '../parts/format.ts'
import { useLeave } from '../parts/leave.ts'
import { notify } from '../parts/notices.tsx'
import { Preflight } from '../parts/preflight.tsx'
import { Problem } from '../parts/problem.tsx'
import { RoleField, defaultRoleArn, ensureRole } from '../parts/role-field.tsx'
import type { ChosenRole } from '../parts/role-field.tsx'
import { ResourceLink } from '../parts/resource-link.tsx'
import { Screen } from '../parts/screen.tsx'
import { useSubmit } from '../parts/submit.ts'
import { useSession } from '../session/session.ts'

interface Tag {
  readonly key: string
  readonly value: string
}

export function Assign(): ReactNode {
  const id = useParams()['id'] ?? ''
  const leave = useLeave(`/plans/${encodeURIComponent(id)}`)
  const navigate = useNavigate()
  const session = useSession()
  const [name, setName] = useState('')
  const [role, setRole] = useState<ChosenRole>('default')
  const [isAll, setAll] = useState(true)
  const [arns, setArns] = useState('')
  const [excluded, setExcluded] = useState('')
  const [tags, setTags] = useState<readonly Tag[]>([])
  const plan = useQuery({
    queryKey: ['assigned plan', id],
    queryFn: async () => await backup.send(new GetBackupPlanCommand({ BackupPlanId: id })),
  })
  const selection = selectionOf(isAll, arns, excluded, tags)
  const selectsNothing = selection.Resources?.length === 0
  const roleArn = role === 'default' ? defaultRoleArn(session.accountId) : role

  const { error, isBusy, onSubmit } = useSubmit(async () => {
    const IamRoleArn = await ensureRole(role, session.accountId)
    await backup.send(
      new CreateBackupSelectionCommand({
        BackupPlanId: id,
        BackupSelection: { SelectionName: name, IamRoleArn, ...(selection as object) },
      }),
    )
    notify(`Resources were assigned to ${plan.data?.BackupPlan?.BackupPlanName ?? 'the plan'}.`)
    await navigate(`/plans/${encodeURIComponent(id)}`)
  })
  return (
    <Screen
      title="Assign resources"
      above={[
        ['Backup plans', '/plans'],
        [plan.data?.BackupPlan?.BackupPlanName ?? id, `/plans/${encodeURIComponent(id)}`],
      ]}
    >
      <form onSubmit={onSubmit}>
        <Form
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button variant="link" formAction="none" onClick={leave}>
                Cancel
              </Button>
              <Button
                variant="primary"
                loading={isBusy}
                disabled={name === '' || roleArn === undefined || selectsNothing}
              >
                Assign resources
              </Button>
            </SpaceBetween>
          }
        >
          <SpaceBetween size="l">
            {error !== undefined && <Problem error={error} what="assign these resources" />}
            <Container header={<Header variant="h2">General</Header>}>
              <SpaceBetween size="m">
                <FormField label="Resource assignment name" stretch>
                  <Input value={name} onChange={({ detail }) => setName(detail.value)} />
                </FormField>
                <RoleField value={role} onChange={setRole} />
                <Alert type="info">
                  If the role lacks a right that a resource needs, that resource’s backup fails. Below you see
                  beforehand whether it does.
                </Alert>
              </SpaceBetween>
            </Container>
            <Container header={<Header variant="h2">Which resources</Header>}>
              <SpaceBetween size="m">
                <RadioGroup
                  value={isAll ? 'all' : 'some'}
                  ariaLabel="Which resources"
                  onChange={({ detail }) => setAll(detail.value === 'all')}
                  items={[
                    { value: 'all', label: 'Include all resource types' },
                    { value: 'some', label: 'Include specific resources' },
                  ]}
                />
                {!isAll && (
                  <FormField label="Resource ARNs" description="One a line; * stands for anything." stretch>
                    <Textarea value={arns} rows={4} onChange={({ detail }) => setArns(detail.value)} />
                  </FormField>
                )}
                <FormField
                  label="Exclude (optional)"
                  description="ARNs, one a line; * stands for anything."
                  stretch
                >
                  <Textarea value={excluded} rows={2} onChange={({ detail }) => setExcluded(detail.value)} />
                </FormField>
                <AttributeEditor
                  items={tags}
                  addButtonText="Refine by a tag"
                  removeButtonText="Remove"
                  empty="Not refined by tags."
                  onAddButtonClick={() => setTags([...tags, { key: '', value: '' }])}
                  onRemoveButtonClick={({ detail }) =>
                    setTags(tags.filter((_, at) => at !== detail.itemIndex))
                  }
                  definition={[
                    {
                      label: 'Tag key',
                      control: ({ key }, index) => (
                        <Input
                          value={key}
                          ariaLabel="Tag key"
                          onChange={({ detail }) => setTags(changed(tags, index, { key: detail.value }))}
                        />
                      ),
                    },
                    {
                      label: 'Equals',
                      control: ({ value }, index) => (
                        <Input
                          value={value}
                          ariaLabel="Tag value"
                          onChange={({ detail }) => setTags(changed(tags, index, { value: detail.value }))}
                        />
                      ),
                    },
                  ]}
                />
              </SpaceBetween>
            </Container>
            {!selectsNothing && <Matches selection={selection} />}
            {roleArn !== undefined && !selectsNothing && (
              <Container header={<Header variant="h2">Whether the role can do it</Header>}>
                <SpaceBetween size="m">
                  <Preflight
                    input={{
                      Operation: 'CreateBackupSelection',
                      IamRoleArn: roleArn,
                      BackupPlanId: id,
                      BackupSelection: selection,
                    }}
                    isDefaultRole={role === 'default'}
                  />
                  <LeastPrivilege
                    selection={selection}
                    onCreated={setRole}
                    vaults={(plan.data?.BackupPlan?.Rules ?? []).map(
                      (rule) => rule.TargetBackupVaultName ?? '',
                    )}
                  />
                </SpaceBetween>
              </Container>
            )}
            <AwsCommand
              command={awsCommand('backup', 'create-backup-selection', {
                BackupPlanId: id,
                BackupSelection: { SelectionName: name, IamRoleArn: roleArn, ...selection },
              })}
            />
          </SpaceBetween>
        </Form>
      </form>
    </Screen>
  )
}

function changed(tags: readonly Tag[], index: number, part: Partial<Tag>): readonly Tag[] {
  return tags.map((tag, at) => (at === index ? { ...tag, ...part } : tag))
}

function lines(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

function selectionOf(
  isAll: boolean,
  arns: string,
  excluded: string,
  tags: readonly Tag[],
): SelectionToPreview {
  const named = tags.filter(({ key }) => key !== '')
  return {
    Resources: isAll ? ['*'] : lines(arns),
    ...(lines(excluded).length > 0 && { NotResources: lines(excluded) }),
    ...(named.length > 0 && {
      Conditions: {
        StringEquals: named.map(({ key, value }) => ({
          ConditionKey: `aws:ResourceTag/${key}`,
          ConditionValue: value,
        })),
      },
    }),
  }
}

/** What it selects right now, and why; it is asked again while one writes. */
function Matches({ selection }: { readonly selection: SelectionToPreview }): ReactNode {
  const asked = useDeferredValue(JSON.stringify(selection))
  const { data, error } = useQuery({
    queryKey: ['matches', asked],
    queryFn: async () =>
      await roleback('PreviewBackupSelection', {
        BackupSelection: JSON.parse(asked) as SelectionToPreview,
        MaxResults: 100,
      }),
    placeholderData: (before) => before,
  })
  const matches = data?.Matches ?? []
  const selected = matches.filter(({ Selected }) => Selected).length
  return (
    <SpaceBetween size="s">
      {error !== null && <Problem error={error} what="preview what is selected" />}
      {(data?.Warnings ?? []).map((warning) => (
        <Alert key={warning} type="warning">
          {warning}
        </Alert>
      ))}
      <Table
        variant="container"
        wrapLines
        header={
          <Header variant="h2" counter={`(${selected}${data?.NextToken === undefined ? '' : '+'})`}>
            What it selects now
          </Header>
        }
        items={matches}
        loading={data === undefined && error === null}
        loadingText="Looking"
        empty="There is nothing to select from yet."
        ariaLabels={{ tableLabel: 'What it selects' }}
        columnDefinitions={[
          {
            id: 'selected',
            header: 'Selected',
            cell: ({ Selected }) =>
              Selected ? (
                <StatusIndicator type="success">Yes</StatusIndicator>
              ) : (
                <StatusIndicator type="stopped">No</StatusIndicator>
              ),
          },
          {
            id: 'resource',
            header: 'Resource',
            isRowHeader: true,
            cell: ({ ResourceArn }) => <ResourceLink arn={ResourceArn} />,
          },
          { id: 'type', header: 'Type', cell: ({ ResourceType }) => typeName(ResourceType) },
          { id: 'why', header: 'Why', cell: ({ Reason }) => Reason },
        ]}
      />
    </SpaceBetween>
  )
}
