import Button from '@cloudscape-design/components/button'
import Checkbox from '@cloudscape-design/components/checkbox'
import Container from '@cloudscape-design/components/container'
import Form from '@cloudscape-design/components/form'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import Select from '@cloudscape-design/components/select'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Tiles from '@cloudscape-design/components/tiles'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { useNavigate } from 'react-router'
import type { Connection } from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'
import { resourcePath } from '../parts/link.tsx'
import { notify } from '../parts/notices.tsx'
import { Problem } from '../parts/problem.tsx'
import { Screen } from '../parts/screen.tsx'

type Type = 'EFS' | 'RDS' | 'S3'

interface Field {
  readonly name: string
  readonly label: string
  readonly hint?: string
  readonly isSecret?: boolean
  readonly isOptional?: boolean
}

const FIELDS: Readonly<Record<Type, readonly Field[]>> = {
  EFS: [
    { name: 'Path', label: 'Directory', hint: 'Absolute path on the server.' },
    {
      name: 'RestoreRoot',
      label: 'Restore below',
      hint: 'Directory that restores may write into. Without one nothing can be restored to this resource.',
      isOptional: true,
    },
  ],
  RDS: [
    { name: 'Host', label: 'Host' },
    { name: 'Port', label: 'Port', hint: '5432 if empty.', isOptional: true },
    { name: 'Database', label: 'Database' },
    { name: 'User', label: 'User' },
    { name: 'Secret', label: 'Password', isSecret: true },
  ],
  S3: [
    { name: 'Endpoint', label: 'Endpoint', hint: 'https://HOST[:PORT] of the S3-compatible service.' },
    { name: 'Bucket', label: 'Bucket' },
    { name: 'AccessKeyId', label: 'Access key ID' },
    { name: 'Secret', label: 'Secret access key', isSecret: true },
    { name: 'Region', label: 'Region', hint: 'us-east-1 if empty.', isOptional: true },
  ],
}

const TLS = [
  { value: 'verify-full', label: 'Encrypted, certificate verified' },
  { value: 'require', label: 'Encrypted, certificate not verified' },
  { value: 'disable', label: 'Not encrypted' },
]

export function AddResource(): ReactNode {
  const navigate = useNavigate()
  const [type, setType] = useState<Type>('EFS')
  const [values, setValues] = useState<Readonly<Record<string, string>>>({})
  const [tls, setTls] = useState(TLS[0])
  const [isPathStyle, setPathStyle] = useState(true)
  const [error, setError] = useState<unknown>()
  const [isBusy, setBusy] = useState(false)

  const submit = async (): Promise<void> => {
    setBusy(true)
    setError(undefined)
    try {
      const { ResourceArn, Warnings } = await roleback('RegisterResource', {
        ResourceType: type,
        Name: values['Name'] ?? '',
        Connection: connectionOf(type, values, tls?.value, isPathStyle),
        ...(values['Secret'] !== undefined && { Secret: values['Secret'] }),
      })
      notify(`${values['Name'] ?? ''} was added: the server reached it.`)
      for (const warning of Warnings ?? []) notify(warning, 'warning')
      await navigate(resourcePath(ResourceArn))
    } catch (failure) {
      setError(failure)
      setBusy(false)
    }
  }

  const field = ({ name, label, hint, isSecret, isOptional }: Field): ReactNode => (
    <FormField
      key={name}
      label={isOptional === true ? `${label} (optional)` : label}
      description={hint}
      stretch
    >
      <Input
        value={values[name] ?? ''}
        type={isSecret === true ? 'password' : 'text'}
        autoComplete={false}
        onChange={({ detail }) => setValues((before) => ({ ...before, [name]: detail.value }))}
      />
    </FormField>
  )
  return (
    <Screen title="Add resource" above={[['Resources', '/resources']]}>
      <form
        onSubmit={(event) => {
          event.preventDefault()
          void submit()
        }}
      >
        <Form
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              <Button variant="link" formAction="none" onClick={() => void navigate('/resources')}>
                Cancel
              </Button>
              <Button variant="primary" loading={isBusy}>
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
                {field({ name: 'Name', label: 'Name', hint: 'By which people know it.' })}
                {FIELDS[type].map(field)}
                {type === 'RDS' && (
                  <FormField label="Connection security" stretch>
                    <Select
                      selectedOption={tls ?? null}
                      options={TLS}
                      onChange={({ detail }) =>
                        setTls(TLS.find(({ value }) => value === detail.selectedOption.value))
                      }
                    />
                  </FormField>
                )}
                {type === 'S3' && (
                  <Checkbox checked={isPathStyle} onChange={({ detail }) => setPathStyle(detail.checked)}>
                    Name the bucket in the path, not in the host name
                  </Checkbox>
                )}
              </SpaceBetween>
            </Container>
          </SpaceBetween>
        </Form>
      </form>
    </Screen>
  )
}

function connectionOf(
  type: Type,
  values: Readonly<Record<string, string>>,
  tls: string | undefined,
  isPathStyle: boolean,
): Connection {
  const of = (name: string): string | undefined => {
    const value = values[name]?.trim()
    return value === '' ? undefined : value
  }
  switch (type) {
    case 'EFS':
      return { Path: of('Path'), RestoreRoot: of('RestoreRoot') }
    case 'RDS':
      return {
        Host: of('Host'),
        Database: of('Database'),
        User: of('User'),
        Port: of('Port') === undefined ? undefined : Number(of('Port')),
        TlsMode: tls as 'verify-full' | 'require' | 'disable' | undefined,
      }
    case 'S3':
      return {
        Endpoint: of('Endpoint'),
        Bucket: of('Bucket'),
        AccessKeyId: of('AccessKeyId'),
        Region: of('Region'),
        ForcePathStyle: isPathStyle,
      }
  }
}
