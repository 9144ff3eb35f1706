import Alert from '@cloudscape-design/components/alert'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { RemoveResource } from './remove-resource.tsx'
import type { Connection, Resource } from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'
import { AwsCommand, rolebackCommand } from '../parts/aws-command.tsx'
import { ConnectionFields, changesOf, givenOf, secretsOf } from '../parts/connection-fields.tsx'
import { Facts } from '../parts/facts.tsx'
import { FormDialog } from '../parts/form-dialog.tsx'
import { fromSeconds, nameOf, typeName, when } from '../parts/format.ts'
import { Actions } from '../parts/layout.tsx'
import { notify } from '../parts/notices.tsx'
import { Problem } from '../parts/problem.tsx'
import { ResourceLink } from '../parts/resource-link.tsx'
import { useSubmit } from '../parts/submit.ts'

/** How a resource is reached: it can be tried, changed and forgotten. */
export function ResourceConnection({
  resource,
  onChange,
}: {
  readonly resource: Resource
  readonly onChange: () => void
}): ReactNode {
  const [open, setOpen] = useState<'edit' | 'remove'>()
  const { ResourceArn } = resource
  const { error, isBusy, onSubmit } = useSubmit(async () => {
    const { Warnings } = await roleback('TestResource', { ResourceArn })
    notify(`${resource.DisplayName} was reached.`)
    for (const warning of Warnings ?? []) notify(warning, 'warning')
  })
  return (
    <Container
      header={
        <Header
          variant="h2"
          actions={
            <Actions>
              <Button loading={isBusy} onClick={onSubmit}>
                Test connection
              </Button>
              <Button onClick={() => setOpen('edit')}>Edit</Button>
              <Button onClick={() => setOpen('remove')}>Remove</Button>
            </Actions>
          }
        >
          Connection
        </Header>
      }
      footer={<AwsCommand command={rolebackCommand(['resource', 'test', ResourceArn], {})} />}
    >
      <SpaceBetween size="m">
        {error !== undefined && <Problem error={error} what="reach this resource" />}
        <Facts
          of={[
            ['Type', typeName(resource.ResourceType)],
            ['ARN', ResourceArn],
            ['Added', when(fromSeconds(resource.CreationDate))],
            ['Added by', nameOf(resource.CreatedBy)],
            ...(resource.RestoredFrom === undefined
              ? []
              : [['Restored from', <ResourceLink key="of" arn={resource.RestoredFromResource} />] as const]),
            ...connectionFacts(resource.Connection ?? {}),
          ]}
        />
      </SpaceBetween>
      {open === 'edit' && (
        <EditConnection
          resource={resource}
          onClose={() => {
            setOpen(undefined)
            onChange()
          }}
        />
      )}
      {open === 'remove' && <RemoveResource resource={resource} onClose={() => setOpen(undefined)} />}
    </Container>
  )
}

function EditConnection({
  resource,
  onClose,
}: {
  readonly resource: Resource
  readonly onClose: () => void
}): ReactNode {
  const { ResourceArn, ResourceType: type, Connection: before = {} } = resource
  const [given, setGiven] = useState(givenOf(before))
  const changes = changesOf(type, before, given)
  const secrets = secretsOf(given)
  return (
    <FormDialog
      title={`How ${resource.DisplayName} is reached`}
      what="change how this resource is reached"
      action="Test and save"
      isReady={Object.keys({ ...changes, ...secrets }).length > 0}
      command={commandOf(ResourceArn, changes, secrets)}
      onClose={onClose}
      onSubmit={async () => {
        const { Warnings } = await roleback('UpdateResource', {
          ResourceArn,
          Connection: changes,
          ...secrets,
        })
        notify(`${resource.DisplayName} was changed: the server reached it.`)
        for (const warning of Warnings ?? []) notify(warning, 'warning')
      }}
    >
      {type !== 'EFS' && (
        <Alert type="info">
          Where the secret would go elsewhere, or open something else, it has to be given again.
        </Alert>
      )}
      <ConnectionFields type={type} connection={given} without={FIXED} isKnown onChange={setGiven} />
    </FormDialog>
  )
}

/** What the resource itself is. */
const FIXED = ['Bucket']

/** Secrets come from a file: what stands on a command line others see. */
function commandOf(arn: string, of: Connection, secrets: ReturnType<typeof secretsOf>): string {
  return rolebackCommand(['resource', 'update', arn], {
    path: of.Path,
    'restore-root': of.RestoreRoot,
    host: of.Host,
    port: of.Port?.toString(),
    database: of.Database,
    user: of.User,
    'tls-mode': of.TlsMode,
    'tls-ca-file': of.TlsCaPem === '' ? false : of.TlsCaPem && 'FILE',
    'allow-superuser': of.AllowSuperuser,
    endpoint: of.Endpoint,
    'access-key-id': of.AccessKeyId,
    region: of.Region,
    'secret-file': secrets.Secret && 'FILE',
    'restore-user': of.RestoreUser,
    'restore-secret-file': secrets.RestoreSecret && 'FILE',
    'path-style': of.ForcePathStyle,
  })
}

const LABELS: readonly (readonly [keyof Connection, string])[] = [
  ['Path', 'Directory'],
  ['RestoreRoot', 'Restores go below'],
  ['Host', 'Host'],
  ['Port', 'Port'],
  ['Database', 'Database'],
  ['User', 'User'],
  ['RestoreUser', 'User that restores'],
  ['TlsMode', 'Connection security'],
  ['Endpoint', 'Endpoint'],
  ['Bucket', 'Bucket'],
  ['Region', 'Region'],
  ['AccessKeyId', 'Access key ID'],
]

function connectionFacts(connection: Connection): (readonly [string, ReactNode])[] {
  return LABELS.flatMap(([key, label]) => {
    const value = connection[key]
    return value === undefined ? [] : [[label, String(value)] as const]
  }).concat(
    connection.TlsCaPem === undefined ? [] : [['Certificate authority', 'Its own']],
    connection.AllowSuperuser === true ? [['Superuser', 'Accepted']] : [],
  )
}
