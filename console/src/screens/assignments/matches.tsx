import Alert from '@cloudscape-design/components/alert'
import SegmentedControl from '@cloudscape-design/components/segmented-control'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import type { SelectionMatch, SelectionToPreview } from '../../api/generated.ts'
import { roleback } from '../../api/roleback.ts'
import { count, typeName } from '../../parts/format.ts'
import { Stack } from '../../parts/layout.tsx'
import { Link, resourcePath } from '../../parts/link.tsx'
import { List } from '../../parts/list.tsx'
import { usePages } from '../../parts/pages.ts'

const PER_PAGE = 25

type Show = 'all' | 'left' | 'selected'

/** What a selection means right now, and why, page by page; how many it is of how many. */
export function Matches({ selection }: { readonly selection: SelectionToPreview }): ReactNode {
  const [show, setShow] = useState<Show>('selected')
  const pages = usePages(['matches', selection, show], async (NextToken) => {
    const answer = await roleback('PreviewBackupSelection', {
      BackupSelection: selection,
      MaxResults: PER_PAGE,
      ...(show !== 'all' && { Selected: show === 'selected' }),
      ...(NextToken !== undefined && { NextToken }),
    })
    return { rows: answer.Matches, next: answer.NextToken }
  })
  const { data: counted } = useQuery({
    queryKey: ['match counts', selection],
    queryFn: async () =>
      await roleback('PreviewBackupSelection', { BackupSelection: selection, MaxResults: 1, Count: true }),
    placeholderData: (before) => before,
  })
  return (
    <Stack>
      {(counted?.Warnings ?? []).map((warning) => (
        <Alert key={warning} type="warning">
          {warning}
        </Alert>
      ))}
      <List<SelectionMatch>
        variant="container"
        title="What it selects now"
        description={counted === undefined ? 'Counting' : countsText(counted)}
        what="preview what is selected"
        pages={pages}
        idOf={({ ResourceArn }) => ResourceArn}
        filter={
          <SegmentedControl
            label="Show"
            selectedId={show}
            onChange={({ detail }) => setShow(detail.selectedId as Show)}
            options={[
              { id: 'selected', text: 'Selected' },
              { id: 'left', text: 'Left out' },
              { id: 'all', text: 'All' },
            ]}
          />
        }
        empty={pages.hasNext ? 'None was found so far; the next page looks on.' : EMPTY[show]}
        columns={[
          {
            id: 'state',
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
            cell: ({ ResourceArn, Name }) => <Link to={resourcePath(ResourceArn)}>{Name}</Link>,
          },
          { id: 'type', header: 'Type', cell: ({ ResourceType }) => typeName(ResourceType) },
          { id: 'why', header: 'Why', cell: ({ Reason }) => Reason },
        ]}
      />
    </Stack>
  )
}

const EMPTY: Readonly<Record<Show, string>> = {
  all: 'There is nothing to select from yet.',
  left: 'Nothing is left out.',
  selected: 'It selects nothing of what is registered now.',
}

function countsText({
  SelectedCount = 0,
  ResourceCount = 0,
}: {
  readonly SelectedCount?: number | undefined
  readonly ResourceCount?: number | undefined
}): string {
  return `${SelectedCount.toLocaleString()} of ${count(ResourceCount, 'registered resource')}`
}
