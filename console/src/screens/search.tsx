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
import { useState } from 'react'
import type { ReactNode } from 'react'
import { useSearchParams } from 'react-router'
import type { FoundItem, StartItemSearchJobInput } from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'
import { Arn } from '../parts/arn.tsx'
import { AwsCommand, quoted } from '../parts/aws-command.tsx'
import { bytes, fromSeconds, when } from '../parts/format.ts'
import { Link, restorePath } from '../parts/link.tsx'
import { List } from '../parts/list.tsx'
import { notify } from '../parts/notices.tsx'
import { usePages } from '../parts/pages.ts'
import { Problem } from '../parts/problem.tsx'
import { OneResource } from '../parts/resource-filter.tsx'
import { ResourceLink } from '../parts/resource-link.tsx'
import { Screen } from '../parts/screen.tsx'
import { useVaults } from '../parts/vault-choice.ts'

const FOLLOW_MS = 1_000

/** Files, objects and tables in recovery points, by their names. The address has the question and the search that answers it. */
export function Search(): ReactNode {
  const [query] = useSearchParams()
  return <Question key={NAMES.map((name) => query.get(name) ?? '').join('\n')} />
}

function Question(): ReactNode {
  const [query, setQuery] = useSearchParams()
  const [form, setForm] = useState(
    () => Object.fromEntries(NAMES.map((name) => [name, query.get(name) ?? ''])) as Form,
  )
  const [error, setError] = useState<unknown>()
  const [isBusy, setBusy] = useState(false)
  const vaults = useVaults()
  const job = query.get('job') ?? undefined
  const submit = async (): Promise<void> => {
    setBusy(true)
    setError(undefined)
    try {
      const { JobId, Warnings = [] } = await roleback('StartItemSearchJob', inputOf(form))
      for (const warning of Warnings) notify(warning, 'warning')
      setQuery({
        ...Object.fromEntries(Object.entries(form).filter(([, value]) => value !== '')),
        job: JobId,
      })
    } catch (failure) {
      setError(failure)
    }
    setBusy(false)
  }
  const text = (name: keyof Form, label: string, about: string): ReactNode => (
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
              <OneResource
                label="Resource"
                stretch
                chosen={form.resource === '' ? undefined : form.resource}
                onChange={(resource = '') => setForm({ ...form, resource })}
              />
              {text('least', 'At least so large (optional)', 'In MiB, such as 0.5')}
              {text('most', 'At most so large (optional)', 'In MiB.')}
              {text('from', 'Changed from (optional)', 'A day, such as 2026-11-01. Tables have no such day.')}
              {text('until', 'Changed until (optional)', 'A day, itself included.')}
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

/** What is asked, by its name in the address; all as written, empty where it does not narrow. */
const NAMES = ['vault', 'pattern', 'under', 'resource', 'least', 'most', 'from', 'until'] as const

type Form = Readonly<Record<(typeof NAMES)[number], string>>

const HALVES = NAMES.map(() => ({ colspan: { default: 12, s: 6 } }))
const MIB = 2 ** 20
const DAY_MS = 86_400_000

/** @throws {Error} A size or day that is none. */
function narrowingOf({ least, most, from, until }: Form): Partial<StartItemSearchJobInput> {
  return {
    ...(least !== '' && { MinSize: sizeOf(least) }),
    ...(most !== '' && { MaxSize: sizeOf(most) }),
    ...(from !== '' && { ModifiedAfter: dayOf(from) }),
    // Times are in seconds: the last of that day.
    ...(until !== '' && { ModifiedBefore: dayOf(until) + DAY_MS / 1000 - 1 }),
  }
}

function sizeOf(text: string): number {
  const size = Number(text) * MIB
  if (!Number.isFinite(size) || size < 0) throw new Error(`"${text}" is no size in MiB, such as 0.5.`)
  return Math.round(size)
}

/** The beginning of a day here, in seconds. */
function dayOf(text: string): number {
  const at = new Date(`${text}T00:00`).getTime()
  if (!/^\d{4}-\d\d-\d\d$/.test(text) || Number.isNaN(at))
    throw new Error(`"${text}" is no day, such as 2026-11-01.`)
  return at / 1000
}

function inputOf(form: Form): StartItemSearchJobInput {
  const { vault, pattern, under, resource } = form
  return {
    BackupVaultName: vault,
    ...(pattern !== '' && { NamePattern: pattern }),
    ...(under !== '' && { Prefix: under }),
    ...(resource !== '' && { ResourceArn: resource }),
    ...narrowingOf(form),
  }
}

/** Without what cannot be read yet. */
function commandOf(form: Form): string {
  const { vault, pattern, under, resource } = form
  let narrowing: Partial<StartItemSearchJobInput> = {}
  try {
    narrowing = narrowingOf(form)
  } catch {
    // Half a number is being written.
  }
  const { MinSize, MaxSize, ModifiedAfter, ModifiedBefore } = narrowing
  const iso = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000', '')
  return [
    `./roleback search ${quoted(vault)}`,
    pattern !== '' && quoted(pattern),
    under !== '' && `--under ${quoted(under)}`,
    resource !== '' && `--resource ${quoted(resource)}`,
    MinSize !== undefined && `--min-size ${MinSize}`,
    MaxSize !== undefined && `--max-size ${MaxSize}`,
    ModifiedAfter !== undefined && `--modified-after ${iso(ModifiedAfter)}`,
    ModifiedBefore !== undefined && `--modified-before ${iso(ModifiedBefore)}`,
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
