import Alert from '@cloudscape-design/components/alert'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Select from '@cloudscape-design/components/select'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Spinner from '@cloudscape-design/components/spinner'
import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { queries } from '../api/queries.ts'
import { roleback } from '../api/roleback.ts'
import { AwsCommand, rolebackCommand } from '../parts/aws-command.tsx'
import { useColdStorages } from '../parts/cold-storages.ts'
import { Facts } from '../parts/facts.tsx'
import { count } from '../parts/format.ts'
import { notify } from '../parts/notices.tsx'
import { Problem } from '../parts/problem.tsx'
import { useSubmit } from '../parts/submit.ts'

/** The place that no storage names: the server's directory for the region. */
const DIRECTORY = { value: '', label: 'The server’s own directory for cold storage (--cold-root)' }

/** Where what the lifecycles of a vault move lies; it is chosen by those who run the server. */
export function VaultCold({ vault, arn }: { readonly vault: string; readonly arn: string }): ReactNode {
  const { data, error } = useColdStorages(true)
  const now = data?.find(({ BackupVaultArn }) => BackupVaultArn === arn)
  return (
    <Container
      header={
        <Header
          variant="h2"
          description="A second, cheaper disk or bucket. Recovery points move there when their lifecycle says so, and are restored from there."
        >
          Cold storage
        </Header>
      }
    >
      <SpaceBetween size="m">
        {error !== null && <Problem error={error} what="see the cold storage of vaults" />}
        {data === undefined && error === null && <Spinner />}
        {data !== undefined && (
          <SpaceBetween size="m">
            {now === undefined ? (
              <Alert type="info" header="None">
                A lifecycle of this vault that moves to cold storage is refused until it has some.
              </Alert>
            ) : (
              <Facts
                of={[
                  ['Where', now.Location],
                  ['Storage', now.Storage ?? 'The server’s own directory'],
                  ['Recovery points in it', now.RecoveryPoints.toLocaleString()],
                ]}
              />
            )}
            {now !== undefined && now.RecoveryPoints > 0 && (
              <Alert type="info">
                It stays where it is:{' '}
                {count(now.RecoveryPoints, 'recovery point was', 'recovery points were')} moved to it. Give
                another vault another one.
              </Alert>
            )}
            <Place
              key={now?.Storage ?? ''}
              vault={vault}
              arn={arn}
              now={now?.Storage}
              isFirst={now === undefined}
            />
          </SpaceBetween>
        )}
      </SpaceBetween>
    </Container>
  )
}

function Place({
  vault,
  arn,
  now,
  isFirst,
}: {
  readonly vault: string
  readonly arn: string
  readonly now: string | undefined
  readonly isFirst: boolean
}): ReactNode {
  const [storage, setStorage] = useState(now ?? '')
  const known = useQuery({
    queryKey: ['storage names'],
    queryFn: async () => (await roleback('ListStorages', {})).Storages,
  })
  const places = [
    DIRECTORY,
    ...(known.data ?? []).map(({ Name, Location }) => ({
      value: Name,
      label: Name,
      description: Location,
    })),
  ]
  const { error, isBusy, onSubmit } = useSubmit(async () => {
    const { ColdStorage } = await roleback('PutVaultColdStorage', {
      BackupVaultArn: arn,
      ...(storage !== '' && { Storage: storage }),
    })
    notify(`What lifecycles move out of ${vault} lies in ${ColdStorage.Location}.`)
    await queries.invalidateQueries({ queryKey: ['cold storages'] })
  })
  return (
    <form onSubmit={onSubmit}>
      <SpaceBetween size="m">
        {error !== undefined && <Problem error={error} what="give this vault cold storage" />}
        {known.error !== null && <Problem error={known.error} what="list storages" />}
        <FormField
          label="Where to"
          description="A bucket is added in the settings first. It can be the one that the vault itself lies in."
          stretch
        >
          <Select
            selectedOption={places.find(({ value }) => value === storage) ?? null}
            options={places}
            onChange={({ detail }) => setStorage(detail.selectedOption.value ?? '')}
          />
        </FormField>
        <Button variant="primary" loading={isBusy}>
          {isFirst ? 'Give it cold storage' : 'Change the place'}
        </Button>
        <AwsCommand command={rolebackCommand(['storage', 'cold', arn], { storage })} />
      </SpaceBetween>
    </form>
  )
}
