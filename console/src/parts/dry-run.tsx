import Button from '@cloudscape-design/components/button'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import type { StatusIndicatorProps } from '@cloudscape-design/components/status-indicator'
import Table from '@cloudscape-design/components/table'
import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import type { PreflightJobsInput, TargetCheck } from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'
import { bytes } from './format.ts'
import { Problem } from './problem.tsx'
import { Sideways } from './sideways.tsx'

const ANSWERS: Readonly<Record<TargetCheck['Answer'], readonly [StatusIndicatorProps.Type, string]>> = {
  yes: ['success', 'Yes'],
  no: ['error', 'No'],
  unknown: ['info', 'Not known beforehand'],
}

/**
 * All that a restore would find out before it writes, found out without writing. It goes to the target, so it is done when somebody
 * asks, and not as he types.
 */
export function DryRun({ input }: { readonly input: PreflightJobsInput }): ReactNode {
  const {
    data: checks,
    error,
    isFetching,
    refetch,
  } = useQuery({
    queryKey: ['dry run', JSON.stringify(input)],
    queryFn: async () => {
      const { Resources } = await roleback('PreflightJobs', { ...input, CheckTarget: true })
      return Resources.flatMap(({ TargetChecks = [] }) => TargetChecks)
    },
    enabled: false,
    gcTime: 0,
  })
  return (
    <SpaceBetween size="s">
      <Button formAction="none" loading={isFetching} onClick={() => void refetch()}>
        Dry run
      </Button>
      {error !== null && <Problem error={error} what="look at the target" />}
      {checks !== undefined && !isFetching && (
        <Sideways>
          <Table
            variant="embedded"
            items={checks}
            wrapLines
            ariaLabels={{ tableLabel: 'Dry run' }}
            header={<Outcome checks={checks} />}
            columnDefinitions={[
              { id: 'name', header: 'Checked', isRowHeader: true, cell: ({ Name }) => Name },
              {
                id: 'answer',
                header: 'Answer',
                minWidth: 150,
                cell: ({ Answer }) => (
                  <StatusIndicator type={ANSWERS[Answer][0]}>{ANSWERS[Answer][1]}</StatusIndicator>
                ),
              },
              { id: 'found', header: 'Found', cell: ({ Message }) => inSizes(Message) },
            ]}
          />
        </Sideways>
      )}
    </SpaceBetween>
  )
}

/** The API counts to the byte. */
const inSizes = (message: string): string =>
  message.replaceAll(/\b(\d+) bytes\b/g, (_, number: string) => bytes(Number(number)))

function Outcome({ checks }: { readonly checks: readonly TargetCheck[] }): ReactNode {
  return checks.some(({ Answer }) => Answer === 'no') ? (
    <StatusIndicator type="error">
      It would fail, and nothing behind the first No was looked at
    </StatusIndicator>
  ) : (
    <StatusIndicator type="success">Nothing stands in its way. Nothing was changed.</StatusIndicator>
  )
}
