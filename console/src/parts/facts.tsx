import Box from '@cloudscape-design/components/box'
import ColumnLayout from '@cloudscape-design/components/column-layout'
import type { ReactNode } from 'react'
import { Arn } from './arn.tsx'

/** What is known of one thing, in columns. */
export function Facts({
  of,
}: {
  readonly of: readonly (readonly [label: string, value: ReactNode])[]
}): ReactNode {
  return (
    <ColumnLayout
      columns={Math.min(4, Math.max(2, of.length)) as 2 | 3 | 4}
      variant="text-grid"
      minColumnWidth={180}
    >
      {of.map(([label, value]) => (
        <div key={label}>
          <Box variant="awsui-key-label">{label}</Box>
          <div>{isArn(value) ? <Arn of={value} /> : (value ?? '–')}</div>
        </div>
      ))}
    </ColumnLayout>
  )
}

function isArn(value: ReactNode): value is string {
  return typeof value === 'string' && value.startsWith('arn:')
}
