import Box from '@cloudscape-design/components/box'
import Header from '@cloudscape-design/components/header'
import Pagination from '@cloudscape-design/components/pagination'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Table from '@cloudscape-design/components/table'
import type { TableProps } from '@cloudscape-design/components/table'
import type { ReactNode } from 'react'
import { Actions } from './layout.tsx'
import type { Pages } from './pages.ts'
import { Problem } from './problem.tsx'
import { Sideways } from './sideways.tsx'

export interface ListProps<T> {
  readonly title: string
  readonly description?: ReactNode
  /** What it is that could not be done where the server refuses, e.g. "list backup vaults". */
  readonly what: string
  readonly pages: Pages<T>
  readonly columns: readonly TableProps.ColumnDefinition<T>[]
  readonly idOf: (row: T) => string
  readonly actions?: ReactNode
  readonly filter?: ReactNode
  /** Says to somebody who has none yet what these are and how to get one. */
  readonly empty: ReactNode
  readonly variant?: TableProps.Variant
}

/** Least widths of columns by their ids: on a narrow window a sentence would stand one word a line, and each row fill the screen. */
const LEAST_PX: Readonly<Record<string, number>> = {
  state: 140,
  about: 180,
  why: 180,
  control: 150,
  arn: 320,
  type: 90,
  created: 110,
  when: 110,
}

/** A list in a table, with its four other faces: loading, empty, failed, refused. */
export function List<T>(props: ListProps<T>): ReactNode {
  const {
    title,
    description,
    what,
    pages,
    columns,
    idOf,
    actions,
    filter,
    empty,
    variant = 'full-page',
  } = props
  if (pages.error !== null && pages.rows.length === 0) {
    return (
      <SpaceBetween size="m">
        <Header variant={variant === 'full-page' ? 'h1' : 'h2'}>{title}</Header>
        <Problem error={pages.error} what={what} />
      </SpaceBetween>
    )
  }
  const hasPages = pages.number > 1 || pages.hasNext
  // Of what the server cuts only the first page says how many there are, or that there are more.
  const isCounted = !pages.isLoading && pages.error === null && pages.number === 1
  return (
    <Sideways isEmpty={pages.rows.length === 0}>
      {(words) => (
        <Table
          variant={variant}
          stickyColumns={{ first: 1 }}
          items={pages.rows}
          trackBy={idOf}
          loading={pages.isLoading}
          loadingText="Loading"
          columnDefinitions={columns.map((column) => {
            const minWidth = LEAST_PX[column.id ?? '']
            return minWidth === undefined ? column : { minWidth, ...column }
          })}
          enableKeyboardNavigation
          stickyHeader={variant === 'full-page'}
          wrapLines
          ariaLabels={{ tableLabel: title }}
          header={
            <Header
              variant={variant === 'full-page' ? 'awsui-h1-sticky' : 'h2'}
              description={description}
              actions={<Actions>{actions}</Actions>}
              {...(isCounted && { counter: `(${pages.rows.length}${pages.hasNext ? '+' : ''})` })}
            >
              {title}
            </Header>
          }
          filter={
            (filter !== undefined || words !== false) && (
              <SpaceBetween size="xs">
                {filter}
                {words}
              </SpaceBetween>
            )
          }
          pagination={
            hasPages && (
              <Pagination
                currentPageIndex={pages.number}
                pagesCount={pages.number + (pages.hasNext ? 1 : 0)}
                openEnd={pages.hasNext}
                onChange={({ detail }) => pages.go(detail.currentPageIndex)}
                ariaLabels={{
                  nextPageLabel: 'Next page',
                  previousPageLabel: 'Previous page',
                  pageLabel: (page) => `Page ${page}`,
                }}
              />
            )
          }
          empty={
            <Box textAlign="center" color="inherit" padding={{ vertical: 'l' }}>
              {empty}
            </Box>
          }
        />
      )}
    </Sideways>
  )
}
