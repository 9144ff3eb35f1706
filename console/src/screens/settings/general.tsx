import {
  DescribeGlobalSettingsCommand,
  DescribeRegionSettingsCommand,
  UpdateGlobalSettingsCommand,
  UpdateRegionSettingsCommand,
} from '@aws-sdk/client-backup'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import RadioGroup from '@cloudscape-design/components/radio-group'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Spinner from '@cloudscape-design/components/spinner'
import Toggle from '@cloudscape-design/components/toggle'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { backup } from '../../api/backup.ts'
import type { PutRestoreGuardInput } from '../../api/generated.ts'
import { roleback } from '../../api/roleback.ts'
import { AwsCommand, awsCommand, rolebackCommand } from '../../parts/aws-command.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { typeName } from '../../parts/format.ts'
import { Stack } from '../../parts/layout.tsx'
import { notify } from '../../parts/notices.tsx'
import { Problem } from '../../parts/problem.tsx'

export function General(): ReactNode {
  return (
    <Stack>
      <OptIn />
      <AcrossAccounts />
      <RestoreGuard />
    </Stack>
  )
}

/** A change that is made at once: what stands is asked for again, and a refusal is shown beside it. */
function useChange(after: () => Promise<unknown>): {
  readonly error: unknown
  readonly isBusy: boolean
  readonly change: (what: () => Promise<unknown>, done: string) => void
} {
  const [error, setError] = useState<unknown>()
  const [isBusy, setBusy] = useState(false)
  const attempt = async (what: () => Promise<unknown>, done: string): Promise<void> => {
    setBusy(true)
    setError(undefined)
    try {
      await what()
      await after()
      notify(done)
    } catch (failure) {
      setError(failure)
    }
    setBusy(false)
  }
  return { error, isBusy, change: (what, done) => void attempt(what, done) }
}

/** Types that have a driver here; the others of AWS can be switched and mean nothing. */
const TYPES = ['EFS', 'RDS', 'S3'] as const

function OptIn(): ReactNode {
  const { data, error, refetch } = useQuery({
    queryKey: ['region settings'],
    queryFn: async () =>
      (await backup.send(new DescribeRegionSettingsCommand({}))).ResourceTypeOptInPreference ?? {},
  })
  const { error: failure, isBusy, change } = useChange(refetch)
  return (
    <Container
      header={
        <Header variant="h2" description="What is switched off is not backed up, by plans or on demand.">
          Resource types
        </Header>
      }
    >
      <SpaceBetween size="s">
        {error !== null && <Problem error={error} what="see what is switched on" />}
        {failure !== undefined && <Problem error={failure} what="change this" />}
        {data === undefined && error === null && <Spinner />}
        {data !== undefined &&
          TYPES.map((type) => (
            <Toggle
              key={type}
              checked={data[type] !== false}
              disabled={isBusy}
              onChange={({ detail }) =>
                change(
                  async () =>
                    await backup.send(
                      new UpdateRegionSettingsCommand({
                        ResourceTypeOptInPreference: { ...data, [type]: detail.checked },
                      }),
                    ),
                  `${typeName(type)} is switched ${detail.checked ? 'on' : 'off'}.`,
                )
              }
            >
              {typeName(type)}
            </Toggle>
          ))}
        {data !== undefined && (
          <AwsCommand
            command={awsCommand('backup', 'update-region-settings', { ResourceTypeOptInPreference: data })}
          />
        )}
      </SpaceBetween>
    </Container>
  )
}

const ACROSS = 'isCrossAccountBackupEnabled'

function AcrossAccounts(): ReactNode {
  const { data, error, refetch } = useQuery({
    queryKey: ['global settings'],
    queryFn: async () => (await backup.send(new DescribeGlobalSettingsCommand({}))).GlobalSettings ?? {},
  })
  const { error: failure, isBusy, change } = useChange(refetch)
  return (
    <Container
      header={
        <Header
          variant="h2"
          description="Copies into vaults of other accounts, where their access policies take them."
        >
          Other accounts
        </Header>
      }
    >
      <SpaceBetween size="s">
        {error !== null && <Problem error={error} what="see this" />}
        {failure !== undefined && <Problem error={failure} what="change this" />}
        {data !== undefined && (
          <Toggle
            checked={data[ACROSS] === 'true'}
            disabled={isBusy}
            onChange={({ detail }) =>
              change(
                async () =>
                  await backup.send(
                    new UpdateGlobalSettingsCommand({ GlobalSettings: { [ACROSS]: String(detail.checked) } }),
                  ),
                `Copies into other accounts are ${detail.checked ? 'allowed' : 'no longer allowed'}.`,
              )
            }
          >
            Copy into other accounts
          </Toggle>
        )}
        {data !== undefined && (
          <AwsCommand
            command={awsCommand('backup', 'update-global-settings', {
              GlobalSettings: { [ACROSS]: data[ACROSS] ?? 'false' },
            })}
          />
        )}
      </SpaceBetween>
    </Container>
  )
}

type Guard = PutRestoreGuardInput['RestoreGuard']

const GUARD_CHANGED = 'The restore guard was changed.'

function RestoreGuard(): ReactNode {
  const { data, error, refetch } = useQuery({
    queryKey: ['restore guard'],
    queryFn: async () => (await roleback('GetRestoreGuard', {})).RestoreGuard,
  })
  const { error: failure, change } = useChange(refetch)
  const [isAsking, setAsking] = useState(false)
  const put = async (to: Guard): Promise<unknown> => await roleback('PutRestoreGuard', { RestoreGuard: to })
  return (
    <Container
      header={
        <Header
          variant="h2"
          description="Whether a restore may hand out what its caller could not read at the source."
        >
          Restore guard
        </Header>
      }
    >
      <SpaceBetween size="s">
        {error !== null && <Problem error={error} what="see the restore guard" />}
        {failure !== undefined && <Problem error={failure} what="change the restore guard" />}
        {data !== undefined && (
          <RadioGroup
            value={data}
            ariaLabel="Restore guard"
            onChange={({ detail }) => {
              const to = detail.value as Guard
              if (to === 'off') setAsking(true)
              else change(async () => await put(to), GUARD_CHANGED)
            }}
            items={[
              { value: 'enforce', label: 'Enforce', description: 'Such a restore is refused.' },
              { value: 'warn', label: 'Warn', description: 'It is done, and recorded.' },
              { value: 'off', label: 'Off', description: 'A backup is a way round every other right.' },
            ]}
          />
        )}
        {data !== undefined && <AwsCommand command={rolebackCommand(['guard', data], {})} />}
      </SpaceBetween>
      {isAsking && (
        <Confirm
          title="Switch the restore guard off"
          what="change the restore guard"
          word="off"
          action="Switch off"
          command={rolebackCommand(['guard', 'off'], {})}
          onClose={() => setAsking(false)}
          onConfirm={async () => {
            await put('off')
            await refetch()
            notify(GUARD_CHANGED)
          }}
        >
          Whoever may restore can then read whatever was ever backed up, and nothing records that he could not
          at the source.
        </Confirm>
      )}
    </Container>
  )
}
