import { ListBackupVaultsCommand } from '@aws-sdk/client-backup'
import Alert from '@cloudscape-design/components/alert'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import FormField from '@cloudscape-design/components/form-field'
import Grid from '@cloudscape-design/components/grid'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import Select from '@cloudscape-design/components/select'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { useSearchParams } from 'react-router'
import { backup } from '../api/backup.ts'
import type { FoundItem, StartItemSearchJobInput } from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'
import { Arn } from '../parts/arn.tsx'
import { AwsCommand } from '../parts/aws-command.tsx'
import { bytes, fromSeconds, when } from '../parts/format.ts'
import { Link, restorePath } from '../parts/link.tsx'
import { List } from '../parts/list.tsx'
import { notify } from '../parts/notices.tsx'
import { usePages } from '../parts/pages.ts'
import { Problem } from '../parts/problem.tsx'
import { ResourceLink } from '../parts/resource-link.tsx'
import { Screen } from '../parts/screen.tsx'

const MAX_VAULTS = 1_000
const FOLLOW_MS = 1_000

/** Files, objects and tables in recovery points, by their names. The address has the question and the search that answers it. */
export function Search(): ReactNode {
  const [query] = useSearchParams()
  const asked = ['vault', 'pattern', 'under', 'resource'].map((name) => query.get(name) ?? '')
  return <Question key={asked.join('\n')} />
}

function Question(): ReactNode {
  const [query, setQuery] = useSearchParams()
  const [form, setForm] = useState({
    vault: query.get('vault') ?? '',
    pattern: query.get('pattern') ?? '',
    under: query.get('under') ?? '',
    resource: query.get('resource') ?? '',
  })
  const [error, setError] = useState<unknown>()
  const [isBusy, setBusy] = useState(false)
  const vaults = useQuery({
    queryKey: ['vault names'],
    queryFn: async () =>
      (await backup.send(new ListBackupVaultsCommand({ MaxResults: MAX_VAULTS }))).BackupVaultList ?? [],
  })
  const job = query.get('job') ?? undefined
  const submit = async (): Promise<void> => {
    setBusy(true)
    setError(undefined)
    try {
      const { JobId, Warnings = [] } = await roleback('StartItemSearchJob', inputOf(form))
      for (const warning of Warnings) notify(warning, 'warning')
      setQuery({ ...form, job: JobId })
    } catch (failure) {
      setError(failure)
    }
    setBusy(false)
  }
  const text = (name: keyof typeof form, label: string, about: string): ReactNode => (
    <FormField label={label} description={about} stretch>
      <Input value={form[name]} onChange={({ detail }) => setForm({ ...form, [name]: detail.value })} />
    </FormField>
  )
  return (
    <Screen
      title="Search"
      description="Finds files, objects and tables in the recovery points of a vault. It reads their lists, not their content."
    >
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void submit()
        }}
      >
        <Container header={<Header variant="h2">What to find</Header>}>
          <SpaceBetween size="m">
            {error !== undefined && <Problem error={error} what="search this vault" />}
            {vaults.error !== null && <Problem error={vaults.error} what="list backup vaults" />}
            <Grid gridDefinition={HALVES}>
              <FormField label="Backup vault" description="Where the recovery points lie." stretch>
                <Select
                  selectedOption={form.vault === '' ? null : { value: form.vault }}
                  options={(vaults.data ?? []).map(({ BackupVaultName: value = '' }) => ({ value }))}
                  placeholder="Choose a vault"
                  onChange={({ detail }) => setForm({ ...form, vault: detail.selectedOption.value ?? '' })}
                />
              </FormField>
              {text('pattern', 'Name', 'With * and ?, such as *.pdf')}
              {text('under', 'Below (optional)', 'Such as /srv/, logs/2026/ or public.')}
              {text('resource', 'Only of this resource (optional)', 'Its ARN.')}
            </Grid>
            <Button variant="primary" loading={isBusy} disabled={form.vault === ''}>
              Search
            </Button>
          </SpaceBetween>
        </Container>
      </form>
      {job !== undefined && <Results key={job} job={job} vault={query.get('vault') ?? ''} />}
      <AwsCommand command={commandOf(form)} />
    </Screen>
  )
}

const HALVES = [0, 1, 2, 3].map(() => ({ colspan: { default: 12, s: 6 } }))

interface Form {
  readonly vault: string
  readonly pattern: string
  readonly under: string
  readonly resource: string
}

function inputOf({ vault, pattern, under, resource }: Form): StartItemSearchJobInput {
  return {
    BackupVaultName: vault,
    ...(pattern !== '' && { NamePattern: pattern }),
    ...(under !== '' && { Prefix: under }),
    ...(resource !== '' && { ResourceArn: resource }),
  }
}

function commandOf({ vault, pattern, under, resource }: Form): string {
  const quoted = (value: string): string => `'${value.replaceAll("'", `'\\''`)}'`
  return [
    `./roleback search ${quoted(vault)}`,
    pattern !== '' && quoted(pattern),
    under !== '' && `--under ${quoted(under)}`,
    resource !== '' && `--resource ${quoted(resource)}`,
  ]
    .filter((part) => part !== false)
    .join(' ')
}

function Results({ job, vault }: { readonly job: string; readonly vault: string }): ReactNode {
  const [about, setAbout] = useState<{ state: string; message: string | undefined; isTruncated: boolean }>()
  const isEnded = about !== undefined && !['CREATED', 'PENDING', 'RUNNING'].includes(about.state)
  const pages = usePages<FoundItem>(
    ['found', job],
    async (NextToken) => {
      const answer = await roleback('ListItemSearchResults', {
        JobId: job,
        MaxResults: 50,
        ...(NextToken !== undefined && { NextToken }),
      })
      setAbout({
        state: answer.State,
        message: answer.StatusMessage,
        isTruncated: answer.IsTruncated === true,
      })
      return { rows: answer.Items, next: answer.NextToken }
    },
    isEnded ? undefined : FOLLOW_MS,
  )
  return (
    <>
      {about?.isTruncated === true && (
        <Alert type="warning">There is more than is kept: narrow the search.</Alert>
      )}
      {isEnded && about.state !== 'COMPLETED' && <Alert type="error">{about.message ?? about.state}</Alert>}
      <List<FoundItem>
        variant="container"
        title="Found"
        description={isEnded ? about.message : undefined}
        what="read what was found"
        pages={pages}
        idOf={({ RecoveryPointArn, Name }) => `${RecoveryPointArn} ${Name}`}
        empty={
          isEnded ? 'Nothing has this name.' : <StatusIndicator type="in-progress">Searching</StatusIndicator>
        }
        columns={[
          { id: 'name', header: 'Name', isRowHeader: true, cell: ({ Name }) => <Arn of={Name} /> },
          { id: 'size', header: 'Size', cell: ({ Size }) => bytes(Size) },
          { id: 'changed', header: 'Changed', cell: ({ ModifiedAt }) => when(fromSeconds(ModifiedAt)) },
          { id: 'made', header: 'Backed up', cell: ({ CreationDate }) => when(fromSeconds(CreationDate)) },
          {
            id: 'resource',
            header: 'Resource',
            cell: ({ ResourceArn }) => <ResourceLink arn={ResourceArn} />,
          },
          {
            id: 'do',
            header: 'Actions',
            cell: ({ RecoveryPointArn, Name }) => (
              <Link to={`${restorePath(vault, RecoveryPointArn)}?items=${encodeURIComponent(Name)}`}>
                Restore
              </Link>
            ),
          },
        ]}
      />
    </>
  )
}
