import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import Form from '@cloudscape-design/components/form'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Tiles from '@cloudscape-design/components/tiles'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { useNavigate } from 'react-router'
import { roleback } from '../api/roleback.ts'
import type { Connection } from '../api/generated.ts'
import { AwsCommand, quoted, rolebackCommand } from '../parts/aws-command.tsx'
import { ConnectionFields, NO_CONNECTION, connectionOf, secretsOf } from '../parts/connection-fields.tsx'
import type { GivenConnection, Type } from '../parts/connection-fields.tsx'
import { resourcePath } from '../parts/link.tsx'
import { NameField, isName } from '../parts/name-field.tsx'
import type { NameKind } from '../parts/name-field.tsx'
import { notify } from '../parts/notices.tsx'
import { Problem } from '../parts/problem.tsx'
import { Screen } from '../parts/screen.tsx'
import { TagFields } from '../parts/tag-fields.tsx'
import type { Tags } from '../parts/tag-fields.tsx'
import { useSubmit } from '../parts/submit.ts'

/** Databases and buckets are in policies by the name that they have here, which need not be their own. */
const NAME_OF: Readonly<Record<Type, { readonly kind: NameKind; readonly hint: string }>> = {
  EFS: { kind: 'directory', hint: 'By which people know it.' },
  RDS: { kind: 'database', hint: 'It ends the ARN that policies name.' },
  S3: { kind: 'bucket', hint: 'It ends the ARN that policies name.' },
}

export function AddResource(): ReactNode {
  const navigate = useNavigate()
  const [type, setType] = useState<Type>('EFS')
  const [name, setName] = useState('')
  const [connection, setConnection] = useState<GivenConnection>(NO_CONNECTION)
  const [tags, setTags] = useState<Tags>({})
  const { error, isBusy, onSubmit } = useSubmit(async () => {
    const { ResourceArn, Warnings } = await roleback('RegisterResource', {
      ResourceType: type,
      Name: name,
      Connection: connectionOf(type, connection),
      ...secretsOf(connection),
      ...(Object.keys(tags).length > 0 && {
        Tags: Object.entries(tags).map(([Key, Value]) => ({ Key, Value })),
      }),
    })
    notify(`${name} was added: the server reached it.`)
    for (const warning of Warnings ?? []) notify(warning, 'warning')
    await navigate(resourcePath(ResourceArn))
  })
  return (
    <Screen title="Add resource" above={[['Resources', '/resources']]}>
      <form onSubmit={onSubmit}>
        <Form
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button variant="link" formAction="none" onClick={() => void navigate('/resources')}>
                Cancel
              </Button>
              <Button variant="primary" loading={isBusy} disabled={!isName(NAME_OF[type].kind, name)}>
                Test and add
              </Button>
            </SpaceBetween>
          }
        >
          <SpaceBetween size="l">
            {error !== undefined && <Problem error={error} what="add this resource" />}
            <Container header={<Header variant="h2">What it is</Header>}>
              <Tiles
                value={type}
                ariaLabel="Type"
                onChange={({ detail }) => setType(detail.value as Type)}
                items={[
                  {
                    value: 'EFS',
                    label: 'Directory',
                    description: 'Files of this server, as an EFS file system.',
                  },
                  {
                    value: 'RDS',
                    label: 'PostgreSQL database',
                    description: 'One database, as an RDS instance.',
                  },
                  { value: 'S3', label: 'S3 bucket', description: 'A bucket of any S3-compatible service.' },
                ]}
              />
            </Container>
            <Container header={<Header variant="h2">How to reach it</Header>}>
              <SpaceBetween size="m">
                <NameField
                  key={type}
                  kind={NAME_OF[type].kind}
                  hint={NAME_OF[type].hint}
                  value={name}
                  stretch
                  onChange={setName}
                />
                <ConnectionFields type={type} connection={connection} onChange={setConnection} />
              </SpaceBetween>
            </Container>
            <Container
              header={
                <Header variant="h2" description="Plans choose resources by them.">
                  Tags (optional)
                </Header>
              }
            >
              <TagFields tags={tags} onChange={setTags} />
            </Container>
            <AwsCommand command={commandOf(type, name, connectionOf(type, connection)) + tagOptions(tags)} />
          </SpaceBetween>
        </Form>
      </form>
    </Screen>
  )
}

const tagOptions = (tags: Tags): string =>
  Object.entries(tags)
    .map(([key, value]) => ` \\\n  --tag ${quoted(`${key}=${value}`)}`)
    .join('')

/** Secrets come from a file: what stands on a command line others see. */
function commandOf(type: Type, name: string, of: Connection): string {
  switch (type) {
    case 'EFS':
      return rolebackCommand(['resource', 'add', 'directory', name || 'NAME', of.Path ?? 'PATH'], {
        'restore-root': of.RestoreRoot,
      })
    case 'RDS':
      return rolebackCommand(['resource', 'add', 'postgresql', name || 'NAME'], {
        host: of.Host,
        port: of.Port?.toString(),
        database: of.Database,
        user: of.User,
        'tls-mode': of.TlsMode,
        'tls-ca-file': of.TlsCaPem && 'FILE',
        'password-file': 'FILE',
        'restore-user': of.RestoreUser,
        'restore-password-file': of.RestoreUser && 'FILE',
        'allow-superuser': of.AllowSuperuser === true || undefined,
      })
    case 'S3':
      return rolebackCommand(['resource', 'add', 's3', of.Bucket ?? 'BUCKET'], {
        endpoint: of.Endpoint,
        'access-key-id': of.AccessKeyId,
        region: of.Region,
        'secret-file': 'FILE',
      })
  }
}
