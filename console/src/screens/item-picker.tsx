import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import { useState } from 'react'
import type { ReactNode } from 'react'
import type { FoundItem } from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'
import { Arn } from '../parts/arn.tsx'
import { bytes, fromSeconds, when } from '../parts/format.ts'
import { List } from '../parts/list.tsx'
import { usePages } from '../parts/pages.ts'
import { Problem } from '../parts/problem.tsx'

const FOLLOW_MS = 1_000
const RUNNING = ['CREATED', 'PENDING', 'RUNNING']

interface PickerProps {
  readonly vault: string
  readonly arn: string
  readonly chosen: readonly string[]
  readonly onChoose: (name: string) => void
}

/** What is in one recovery point, by name or below a path; what is chosen is restored alone. */
export function ItemPicker({ vault, arn, chosen, onChoose }: PickerProps): ReactNode {
  const [pattern, setPattern] = useState('')
  const [under, setUnder] = useState('')
  const [job, setJob] = useState<string>()
  const [error, setError] = useState<unknown>()
  const look = async (): Promise<void> => {
    setError(undefined)
    try {
      const { JobId } = await roleback('StartItemSearchJob', {
        BackupVaultName: vault,
        RecoveryPointArns: [arn],
        ...(pattern !== '' && { NamePattern: pattern }),
        ...(under !== '' && { Prefix: under }),
      })
      setJob(JobId)
    } catch (failure) {
      setError(failure)
    }
  }
  return (
    <SpaceBetween size="s">
      {error !== undefined && <Problem error={error} what="look into this recovery point" />}
      <SpaceBetween direction="horizontal" size="s" alignItems="end">
        <FormField label="Name">
          <Input value={pattern} placeholder="*.pdf" onChange={({ detail }) => setPattern(detail.value)} />
        </FormField>
        <FormField label="Below">
          <Input
            value={under}
            placeholder="letters/2026/"
            onChange={({ detail }) => setUnder(detail.value)}
          />
        </FormField>
        <Button formAction="none" onClick={() => void look()}>
          List what is in it
        </Button>
      </SpaceBetween>
      {job !== undefined && <Items key={job} job={job} chosen={chosen} onChoose={onChoose} />}
    </SpaceBetween>
  )
}

function Items({
  job,
  chosen,
  onChoose,
}: { readonly job: string } & Omit<PickerProps, 'arn' | 'vault'>): ReactNode {
  const [about, setAbout] = useState<{ readonly state: string; readonly isTruncated: boolean }>()
  const isEnded = about !== undefined && !RUNNING.includes(about.state)
  const pages = usePages<FoundItem>(
    ['items', job],
    async (NextToken) => {
      const {
        State,
        IsTruncated,
        Items: rows,
        NextToken: next,
      } = await roleback('ListItemSearchResults', {
        JobId: job,
        MaxResults: 20,
        ...(NextToken !== undefined && { NextToken }),
      })
      setAbout({ state: State, isTruncated: IsTruncated === true })
      return { rows, next }
    },
    isEnded ? undefined : FOLLOW_MS,
  )
  return (
    <>
      {about?.isTruncated === true && (
        <Box variant="small">There is more than is listed: give a name or a path.</Box>
      )}
      <List<FoundItem>
        variant="embedded"
        title="In this recovery point"
        what="read what is in this recovery point"
        pages={pages}
        idOf={({ Name }) => Name}
        empty={
          isEnded ? 'Nothing has this name.' : <StatusIndicator type="in-progress">Looking</StatusIndicator>
        }
        columns={[
          { id: 'name', header: 'Name', isRowHeader: true, cell: ({ Name }) => <Arn of={Name} /> },
          { id: 'size', header: 'Size', cell: ({ Size }) => bytes(Size) },
          { id: 'changed', header: 'Changed', cell: ({ ModifiedAt }) => when(fromSeconds(ModifiedAt)) },
          {
            id: 'do',
            header: 'Actions',
            cell: ({ Name }) =>
              chosen.includes(Name) ? (
                <StatusIndicator type="success">Chosen</StatusIndicator>
              ) : (
                <Button
                  variant="inline-link"
                  formAction="none"
                  ariaLabel={`Choose ${Name}`}
                  onClick={() => onChoose(Name)}
                >
                  Choose
                </Button>
              ),
          },
        ]}
      />
    </>
  )
}
