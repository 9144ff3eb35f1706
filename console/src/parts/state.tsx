import StatusIndicator from '@cloudscape-design/components/status-indicator'
import type { StatusIndicatorProps } from '@cloudscape-design/components/status-indicator'
import type { ReactNode } from 'react'
import { isDamaged } from './damage.ts'

const STATES: Readonly<Record<string, readonly [StatusIndicatorProps.Type, string]>> = {
  CREATED: ['pending', 'Created'],
  PENDING: ['pending', 'Pending'],
  RUNNING: ['in-progress', 'Running'],
  ABORTING: ['in-progress', 'Stopping'],
  ABORTED: ['stopped', 'Stopped'],
  COMPLETED: ['success', 'Completed'],
  PARTIAL: ['warning', 'Partial'],
  FAILED: ['error', 'Failed'],
  EXPIRED: ['error', 'Expired'],
  AVAILABLE: ['success', 'Available'],
  CREATING: ['in-progress', 'Creating'],
  DELETING: ['in-progress', 'Deleting'],
  STOPPED: ['stopped', 'Stopped'],
  ACTIVE: ['success', 'Active'],
  CANCELING: ['in-progress', 'Being cancelled'],
  CANCELED: ['stopped', 'Cancelled'],
  Active: ['success', 'Active'],
  Inactive: ['stopped', 'Inactive'],
  Expired: ['stopped', 'Expired'],
}

/** A state in words and colour. What is only partly done, or done with warnings, is never green. */
export function State({
  state,
  warning,
}: {
  readonly state: string | undefined
  readonly warning?: string | undefined
}): ReactNode {
  const [type, text] = STATES[state ?? ''] ?? ['info', state ?? 'Unknown']
  if (type === 'success' && isDamaged(warning))
    return (
      <StatusIndicator type="error" wrapText={false}>
        Damaged
      </StatusIndicator>
    )
  if (type === 'success' && warning !== undefined && warning !== '')
    return <StatusIndicator type="warning">{text} with warnings</StatusIndicator>
  return (
    <StatusIndicator type={type} wrapText={false}>
      {text}
    </StatusIndicator>
  )
}
