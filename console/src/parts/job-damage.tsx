import Header from '@cloudscape-design/components/header'
import Table from '@cloudscape-design/components/table'
import type { ReactNode } from 'react'
import { nameOf } from './format.ts'
import { ResourceLink } from './resource-link.tsx'
import { whatIsHit } from './vault-health.tsx'

/** As the server writes it down in the result of a verification or repair. */
interface PointDamage {
  readonly recoveryPointArn: string
  readonly resourceArn?: string
  readonly itemCount: number
  /** The first of them, by name. */
  readonly items: readonly string[]
  readonly isListHurt: boolean
}

/** Which recovery points a verification or repair found damaged, and which of their items. */
export function JobDamage({
  result,
}: {
  readonly result: Readonly<Record<string, string>> | undefined
}): ReactNode {
  const damage = JSON.parse(result?.['damage'] ?? '[]') as readonly PointDamage[]
  if (damage.length === 0) return null
  return (
    <Table<PointDamage>
      variant="container"
      header={<Header variant="h2">Damage that was found</Header>}
      ariaLabels={{ tableLabel: 'Damage that was found' }}
      items={damage}
      trackBy="recoveryPointArn"
      wrapLines
      columnDefinitions={[
        {
          id: 'point',
          header: 'Recovery point',
          isRowHeader: true,
          cell: ({ recoveryPointArn }) => nameOf(recoveryPointArn),
        },
        { id: 'resource', header: 'Resource', cell: ({ resourceArn }) => <ResourceLink arn={resourceArn} /> },
        { id: 'hit', header: 'What is hit', cell: (one) => whatIsHit(one.itemCount, one.isListHurt) },
        {
          id: 'items',
          header: 'Items',
          cell: ({ items, itemCount }) =>
            items.length === 0
              ? String(itemCount)
              : `${items.join(', ')}${items.length < itemCount ? ` and ${itemCount - items.length} more` : ''}`,
        },
      ]}
    />
  )
}
