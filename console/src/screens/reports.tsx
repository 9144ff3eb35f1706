import {
  CreateReportPlanCommand,
  DeleteReportPlanCommand,
  ListFrameworksCommand,
  ListReportJobsCommand,
  ListReportPlansCommand,
  StartReportJobCommand,
} from '@aws-sdk/client-backup'
import type { ReportJob, ReportPlan } from '@aws-sdk/client-backup'
import Button from '@cloudscape-design/components/button'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import Multiselect from '@cloudscape-design/components/multiselect'
import Select from '@cloudscape-design/components/select'
import { useQuery } from '@tanstack/react-query'
import type { UseQueryResult } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { backup } from '../api/backup.ts'
import { roleback } from '../api/roleback.ts'
import { Arn } from '../parts/arn.tsx'
import { awsCommand } from '../parts/aws-command.tsx'
import { Confirm } from '../parts/confirm.tsx'
import { FormDialog } from '../parts/form-dialog.tsx'
import { ago, when } from '../parts/format.ts'
import { Actions } from '../parts/layout.tsx'
import { List } from '../parts/list.tsx'
import { NameField, isName } from '../parts/name-field.tsx'
import { NoneYet } from '../parts/none-yet.tsx'
import { notify } from '../parts/notices.tsx'
import { usePages } from '../parts/pages.ts'
import { Message, Problem, notifyProblem } from '../parts/problem.tsx'
import { Screen } from '../parts/screen.tsx'
import { State } from '../parts/state.tsx'

const TEMPLATES = [
  { value: 'BACKUP_JOB_REPORT', label: 'Backup jobs' },
  { value: 'COPY_JOB_REPORT', label: 'Copy jobs' },
  { value: 'RESTORE_JOB_REPORT', label: 'Restore jobs' },
  { value: 'RESOURCE_COMPLIANCE_REPORT', label: 'Compliance of resources' },
  { value: 'CONTROL_COMPLIANCE_REPORT', label: 'Compliance by control' },
]
const FOLLOW_MS = 2_000

const templateName = (template: string | undefined): string =>
  TEMPLATES.find(({ value }) => value === template)?.label ?? template ?? '–'

/** What is written each day into a bucket or a directory, for whoever does not look here. */
export function Reports(): ReactNode {
  const [isCreating, setCreating] = useState(false)
  const [doomed, setDoomed] = useState<string>()
  const pages = usePages(['report plans'], async (NextToken) => {
    const answer = await backup.send(new ListReportPlansCommand({ MaxResults: 50, NextToken }))
    return { rows: answer.ReportPlans ?? [], next: answer.NextToken }
  })
  const places = useReportPlaces()
  const run = async (ReportPlanName: string): Promise<void> => {
    try {
      await backup.send(new StartReportJobCommand({ ReportPlanName }))
      notify(`The report ${ReportPlanName} is being made.`, 'info')
    } catch (failure) {
      notifyProblem(failure, 'have this report written')
    }
    pages.refresh()
  }
  const create = (
    <Button variant="primary" onClick={() => setCreating(true)}>
      Create report plan
    </Button>
  )
  return (
    <Screen
      title="Reports"
      description="Written each day, and when you ask, as CSV and JSON into a registered bucket or directory."
    >
      <List<ReportPlan>
        variant="container"
        title="Report plans"
        what="list report plans"
        pages={pages}
        idOf={({ ReportPlanName = '' }) => ReportPlanName}
        actions={create}
        empty={
          <NoneYet title="No report plans" action={create}>
            One writes what was done, or what does not comply, where others read it.
          </NoneYet>
        }
        columns={[
          { id: 'name', header: 'Name', isRowHeader: true, cell: ({ ReportPlanName }) => ReportPlanName },
          {
            id: 'about',
            header: 'About',
            cell: ({ ReportSetting }) => templateName(ReportSetting?.ReportTemplate),
          },
          {
            id: 'to',
            header: 'Written to',
            cell: ({ ReportDeliveryChannel: to }) => (
              <>
                {places.data?.find(({ value }) => value === to?.S3BucketName)?.label ?? to?.S3BucketName}
                {to?.S3KeyPrefix !== undefined && `, below ${to.S3KeyPrefix}`}
              </>
            ),
          },
          {
            id: 'last',
            header: 'Last written',
            cell: ({ LastSuccessfulExecutionTime }) => ago(LastSuccessfulExecutionTime),
          },
          {
            id: 'do',
            header: 'Actions',
            cell: ({ ReportPlanName: name = '' }) => (
              <Actions>
                <Button variant="inline-link" ariaLabel={`Write now ${name}`} onClick={() => void run(name)}>
                  Write now
                </Button>
                <Button variant="inline-link" ariaLabel={`Delete ${name}`} onClick={() => setDoomed(name)}>
                  Delete
                </Button>
              </Actions>
            ),
          },
        ]}
      />
      <Jobs />
      {isCreating && (
        <CreateReport
          onClose={() => {
            setCreating(false)
            pages.refresh()
          }}
        />
      )}
      {doomed !== undefined && (
        <Confirm
          title={`Delete report plan ${doomed}`}
          what="delete this report plan"
          word="delete"
          action="Delete report plan"
          command={['delete-report-plan', { ReportPlanName: doomed }]}
          onClose={() => setDoomed(undefined)}
          onConfirm={async () => {
            await backup.send(new DeleteReportPlanCommand({ ReportPlanName: doomed }))
            notify(`Report plan ${doomed} was deleted.`)
            pages.refresh()
          }}
        >
          What it wrote stays where it is.
        </Confirm>
      )}
    </Screen>
  )
}

function Jobs(): ReactNode {
  const pages = usePages(
    ['report jobs'],
    async (NextToken) => {
      const answer = await backup.send(new ListReportJobsCommand({ MaxResults: 20, NextToken }))
      return { rows: answer.ReportJobs ?? [], next: answer.NextToken }
    },
    FOLLOW_MS,
  )
  return (
    <List<ReportJob>
      variant="container"
      title="What was written"
      what="list report jobs"
      pages={pages}
      idOf={({ ReportJobId = '' }) => ReportJobId}
      empty="Nothing yet."
      columns={[
        {
          id: 'when',
          header: 'When',
          isRowHeader: true,
          cell: ({ CreationTime }) => when(CreationTime),
        },
        { id: 'about', header: 'About', cell: ({ ReportTemplate }) => templateName(ReportTemplate) },
        {
          id: 'state',
          header: 'State',
          cell: ({ Status, StatusMessage }) => <State state={Status} warning={StatusMessage} />,
        },
        {
          id: 'files',
          header: 'Files, or what went wrong',
          cell: ({ ReportDestination, StatusMessage }) =>
            StatusMessage === undefined ? (
              <Arn of={ReportDestination?.S3Keys?.join(', ')} />
            ) : (
              <Message text={StatusMessage} />
            ),
        },
      ]}
    />
  )
}

function CreateReport({ onClose }: { readonly onClose: () => void }): ReactNode {
  const [name, setName] = useState('')
  const [template, setTemplate] = useState('BACKUP_JOB_REPORT')
  const [to, setTo] = useState<string>()
  const [prefix, setPrefix] = useState('')
  const [frameworks, setFrameworks] = useState<readonly string[]>([])
  const isOfCompliance = template.endsWith('COMPLIANCE_REPORT')
  const places = useReportPlaces()
  const known = useQuery({
    queryKey: ['framework arns'],
    queryFn: async () =>
      (await backup.send(new ListFrameworksCommand({ MaxResults: 1000 }))).Frameworks ?? [],
    enabled: isOfCompliance,
  })
  const input = {
    ReportPlanName: name,
    ReportDeliveryChannel: {
      S3BucketName: to,
      ...(prefix !== '' && { S3KeyPrefix: prefix }),
      Formats: ['CSV', 'JSON'],
    },
    ReportSetting: {
      ReportTemplate: template,
      ...(isOfCompliance && { FrameworkArns: [...frameworks] }),
    },
  }
  return (
    <FormDialog
      title="Create report plan"
      what="create this report plan"
      action="Create report plan"
      isReady={isName('framework', name) && to !== undefined && (!isOfCompliance || frameworks.length > 0)}
      command={awsCommand('backup', 'create-report-plan', input)}
      onClose={onClose}
      onSubmit={async () => {
        await backup.send(new CreateReportPlanCommand(input))
        notify(`Report plan ${name} was created.`)
      }}
    >
      <NameField kind="framework" value={name} onChange={setName} />
      <FormField label="About">
        <Select
          selectedOption={TEMPLATES.find(({ value }) => value === template) ?? null}
          options={TEMPLATES}
          onChange={({ detail }) => setTemplate(detail.selectedOption.value ?? '')}
        />
      </FormField>
      {isOfCompliance && (
        <FormField label="Frameworks">
          <Multiselect
            selectedOptions={(known.data ?? [])
              .filter(({ FrameworkArn = '' }) => frameworks.includes(FrameworkArn))
              .map(({ FrameworkArn: value = '', FrameworkName: label = '' }) => ({ value, label }))}
            options={(known.data ?? []).map(({ FrameworkArn: value = '', FrameworkName: label = '' }) => ({
              value,
              label,
            }))}
            placeholder="Choose frameworks"
            onChange={({ detail }) => setFrameworks(detail.selectedOptions.map(({ value = '' }) => value))}
          />
        </FormField>
      )}
      {places.error !== null && <Problem error={places.error} what="list resources" />}
      <FormField label="Write into" description="A registered bucket or directory that you may write into.">
        <Select
          selectedOption={places.data?.find(({ value }) => value === to) ?? null}
          options={places.data ?? []}
          filteringType="auto"
          placeholder="Choose a bucket or directory"
          empty="No bucket or directory is registered"
          onChange={({ detail }) => setTo(detail.selectedOption.value)}
        />
      </FormField>
      <FormField label="Below (optional)" description="Such as audit/daily">
        <Input value={prefix} onChange={({ detail }) => setPrefix(detail.value)} />
      </FormField>
    </FormDialog>
  )
}

/** Where reports can be written, with the names that people know. */
const useReportPlaces = (): UseQueryResult<Awaited<ReturnType<typeof reportPlaces>>> =>
  useQuery({ queryKey: ['report places'], queryFn: reportPlaces })

/** Buckets and directories, by what a delivery channel calls them: the end of their ARN. */
async function reportPlaces(): Promise<{ value: string; label: string; description: string }[]> {
  const { Resources } = await roleback('ListResources', { MaxResults: 500 })
  return Resources.filter(({ ResourceType }) => ResourceType !== 'RDS').map((resource) => ({
    value: resource.ResourceArn.split(/[/:]/).at(-1) ?? '',
    label: resource.DisplayName,
    description: resource.ResourceArn,
  }))
}
