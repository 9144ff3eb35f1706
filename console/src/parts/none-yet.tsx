import SpaceBetween from '@cloudscape-design/components/space-between'
import type { ReactNode } from 'react'

/** What every list says that has nothing in it yet: of what there is none, what it is good for, and the way to the first. */
export function NoneYet({
  title,
  children,
  action,
}: {
  /** Such as "No backup vaults". */
  readonly title: string
  readonly children: ReactNode
  readonly action?: ReactNode
}): ReactNode {
  return (
    <SpaceBetween size="s">
      <b>{title}</b>
      <span>{children}</span>
      {action}
    </SpaceBetween>
  )
}
