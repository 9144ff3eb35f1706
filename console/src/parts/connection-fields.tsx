import Checkbox from '@cloudscape-design/components/checkbox'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import Select from '@cloudscape-design/components/select'
import SpaceBetween from '@cloudscape-design/components/space-between'
import Textarea from '@cloudscape-design/components/textarea'
import type { ReactNode } from 'react'
import type { Connection } from '../api/generated.ts'

/** How directories, databases and buckets are reached: the same fields wherever a connection is given. */

export type Type = 'EFS' | 'RDS' | 'S3'

type Tls = NonNullable<Connection['TlsMode']>

/** What was typed and chosen. */
export interface GivenConnection {
  readonly values: Readonly<Record<string, string>>
  readonly tls: Tls
  readonly isPathStyle: boolean
  readonly allowsSuperuser: boolean
}

export const NO_CONNECTION: GivenConnection = {
  values: {},
  tls: 'verify-full',
  isPathStyle: true,
  allowsSuperuser: false,
}

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
      hint: 'Directory that restores may write into. Empty: the one that holds the directory.',
      isOptional: true,
    },
  ],
  RDS: [
    { name: 'Host', label: 'Host' },
    { name: 'Port', label: 'Port', hint: '5432 if empty.', isOptional: true },
    { name: 'Database', label: 'Database' },
    { name: 'User', label: 'User' },
    { name: 'Secret', label: 'Password', isSecret: true },
    {
      name: 'RestoreUser',
      label: 'User that restores',
      hint: 'The same if empty. It needs to create databases.',
      isOptional: true,
    },
    { name: 'RestoreSecret', label: 'Its password', isSecret: true, isOptional: true },
  ],
  S3: [
    { name: 'Endpoint', label: 'Endpoint', hint: 'https://HOST[:PORT] of the S3-compatible service.' },
    { name: 'Bucket', label: 'Bucket' },
    { name: 'AccessKeyId', label: 'Access key ID' },
    { name: 'Secret', label: 'Secret access key', isSecret: true },
    { name: 'Region', label: 'Region', hint: 'us-east-1 if empty.', isOptional: true },
  ],
}

const TLS: readonly { readonly value: Tls; readonly label: string }[] = [
  { value: 'verify-full', label: 'Encrypted, certificate verified' },
  { value: 'require', label: 'Encrypted, certificate not verified' },
  { value: 'disable', label: 'Not encrypted' },
]

/** How something that is registered already is reached, in the fields. No secret is among what the server says. */
export function givenOf({ TlsMode, ForcePathStyle, AllowSuperuser, ...rest }: Connection): GivenConnection {
  return {
    values: Object.fromEntries(Object.entries(rest).map(([field, value]) => [field, String(value)])),
    tls: TlsMode ?? NO_CONNECTION.tls,
    isPathStyle: ForcePathStyle ?? NO_CONNECTION.isPathStyle,
    allowsSuperuser: AllowSuperuser ?? NO_CONNECTION.allowsSuperuser,
  }
}

/** What of `given` is not as in `before`; what is empty stays as it was, but for a certificate authority, which is taken away. */
export function changesOf(type: Type, before: Connection, given: GivenConnection): Connection {
  const was = connectionOf(type, givenOf(before))
  const changes = Object.fromEntries(
    Object.entries(connectionOf(type, given)).filter(
      ([key, value]) => value !== undefined && value !== was[key as keyof Connection],
    ),
  )
  const isWithoutCa = was.TlsCaPem !== undefined && (given.values['TlsCaPem'] ?? '').trim() === ''
  return isWithoutCa ? { ...changes, TlsCaPem: '' } : changes
}

/** The secrets that were typed. */
export function secretsOf({ values }: GivenConnection): {
  readonly Secret?: string
  readonly RestoreSecret?: string
} {
  const { Secret = '', RestoreSecret = '' } = values
  return { ...(Secret !== '' && { Secret }), ...(RestoreSecret !== '' && { RestoreSecret }) }
}

/**
 * @param without Fields that are not asked for.
 * @param isKnown Something is reached so already: what is left empty stays as it is.
 */
export function ConnectionFields({
  type,
  connection,
  without = [],
  isKnown = false,
  onChange,
}: {
  readonly type: Type
  readonly connection: GivenConnection
  readonly without?: readonly string[]
  readonly isKnown?: boolean
  readonly onChange: (connection: GivenConnection) => void
}): ReactNode {
  const { values, tls, isPathStyle, allowsSuperuser } = connection
  const set = (name: string, value: string): void =>
    onChange({ ...connection, values: { ...values, [name]: value } })
  return (
    <SpaceBetween size="m">
      {FIELDS[type]
        .filter(({ name }) => !without.includes(name))
        .map(({ name, label, hint, isSecret, isOptional }) => (
          <FormField
            key={name}
            label={isOptional === true ? `${label} (optional)` : label}
            description={
              isKnown && (isSecret === true || isOptional === true) ? 'Empty: it stays as it is.' : hint
            }
            stretch
          >
            <Input
              value={values[name] ?? ''}
              type={isSecret === true ? 'password' : 'text'}
              autoComplete={false}
              onChange={({ detail }) => set(name, detail.value)}
            />
          </FormField>
        ))}
      {type === 'RDS' && (
        <FormField label="Connection security" stretch>
          <Select
            selectedOption={TLS.find(({ value }) => value === tls) ?? null}
            options={TLS}
            onChange={({ detail }) => onChange({ ...connection, tls: detail.selectedOption.value as Tls })}
          />
        </FormField>
      )}
      {type === 'RDS' && tls === 'verify-full' && (
        <FormField
          label="Certificate authority (optional)"
          description="Who signed the server’s certificate, in PEM. Empty: those that everybody trusts."
          stretch
        >
          <Textarea
            value={values['TlsCaPem'] ?? ''}
            rows={3}
            spellcheck={false}
            placeholder="-----BEGIN CERTIFICATE-----"
            onChange={({ detail }) => set('TlsCaPem', detail.value)}
          />
        </FormField>
      )}
      {type === 'RDS' && (
        <Checkbox
          checked={allowsSuperuser}
          description="Functions that others planted in the database would run with all its power: only where you trust everybody who may write to it."
          onChange={({ detail }) => onChange({ ...connection, allowsSuperuser: detail.checked })}
        >
          Accept a superuser as user
        </Checkbox>
      )}
      {type === 'S3' && (
        <Checkbox
          checked={isPathStyle}
          onChange={({ detail }) => onChange({ ...connection, isPathStyle: detail.checked })}
        >
          Name the bucket in the path, not in the host name
        </Checkbox>
      )}
    </SpaceBetween>
  )
}

/** As the server takes it. What is empty is left away. */
export function connectionOf(
  type: Type,
  { values, tls, isPathStyle, allowsSuperuser }: GivenConnection,
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
        RestoreUser: of('RestoreUser'),
        Port: of('Port') === undefined ? undefined : Number(of('Port')),
        TlsMode: tls,
        // What nobody sees is not changed: it holds again once certificates are verified.
        TlsCaPem: of('TlsCaPem'),
        AllowSuperuser: allowsSuperuser,
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
