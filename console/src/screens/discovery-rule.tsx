import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import RadioGroup from '@cloudscape-design/components/radio-group'
import Select from '@cloudscape-design/components/select'
import Textarea from '@cloudscape-design/components/textarea'
import { useState } from 'react'
import type { ReactNode } from 'react'
import type { Connection, DiscoveryRule, PutDiscoveryRuleInput, Tag } from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'
import { quoted } from '../parts/aws-command.tsx'
import { ConnectionFields, NO_CONNECTION, connectionOf, givenOf } from '../parts/connection-fields.tsx'
import type { Type } from '../parts/connection-fields.tsx'
import { FormDialog } from '../parts/form-dialog.tsx'
import { NameField, isName } from '../parts/name-field.tsx'
import { notify } from '../parts/notices.tsx'
import { useRole } from '../parts/passable-roles.ts'
import { RoleField, defaultRoleArn, ensureRole } from '../parts/role-field.tsx'
import { useSession } from '../session/session.ts'

const TYPES = [
  { value: 'EFS', label: 'Directories that lie directly in one' },
  { value: 'RDS', label: 'Databases of a PostgreSQL server' },
  { value: 'S3', label: 'Buckets of an access key' },
]
/** Each thing found has the first two of its own. */
const NOT_ASKED = ['Bucket', 'Database', 'RestoreUser', 'RestoreSecret']

/** Makes a rule, or puts one over `before`; secrets that are not given again stay as they are. */
export function PutRule({
  before,
  onClose,
}: {
  readonly before: DiscoveryRule | undefined
  readonly onClose: () => void
}): ReactNode {
  const session = useSession()
  const [name, setName] = useState(before?.Name ?? '')
  const [type, setType] = useState<Type>(before?.ResourceType ?? 'EFS')
  const [connection, setConnection] = useState(
    before === undefined ? NO_CONNECTION : givenOf(before.Connection),
  )
  const [include, setInclude] = useState(before?.Include.join('\n') ?? '*')
  const [exclude, setExclude] = useState(before?.Exclude.join('\n') ?? '')
  const [mode, setMode] = useState(before?.Mode ?? 'OFFER')
  const [template, setTemplate] = useState(before?.NameTemplate ?? '{name}')
  const [tags, setTags] = useState((before?.Tags ?? []).map(({ Key, Value }) => `${Key}=${Value}`).join('\n'))
  const [minutes, setMinutes] = useState(String(before?.IntervalMinutes ?? 60))
  const [role, setRole] = useRole(undefined, before?.IamRoleArn)
  const secret = connection.values['Secret'] ?? ''
  const roleArn = role === 'default' ? defaultRoleArn(session.accountId) : role
  const input: Omit<PutDiscoveryRuleInput, 'IamRoleArn'> = {
    Name: name,
    ResourceType: type,
    Connection: { ...connectionOf(type, connection), ...notAsked(before?.Connection) },
    Mode: mode,
    Include: linesOf(include),
    Exclude: linesOf(exclude),
    NameTemplate: template,
    Tags: linesOf(tags).map(tagOf),
    IntervalMinutes: Number(minutes),
    ...(secret !== '' && { Secret: secret }),
  }
  return (
    <FormDialog
      title={before === undefined ? 'Create discovery rule' : `Edit discovery rule ${before.Name}`}
      what="put this discovery rule"
      action={before === undefined ? 'Create rule' : 'Save'}
      isReady={isName('discoveryRule', name) && roleArn !== undefined && linesOf(include).length > 0}
      command={commandOf(input, roleArn ?? 'ROLE')}
      onClose={onClose}
      onSubmit={async () => {
        const IamRoleArn = await ensureRole(role, session.accountId)
        await roleback('PutDiscoveryRule', { ...input, IamRoleArn })
        notify(`Discovery rule ${name} looks now.`)
      }}
    >
      {before === undefined && (
        <>
          <NameField kind="discoveryRule" value={name} onChange={setName} />
          <FormField label="What to look for">
            <Select
              selectedOption={TYPES.find(({ value }) => value === type) ?? null}
              options={TYPES}
              onChange={({ detail }) => setType(detail.selectedOption.value as Type)}
            />
          </FormField>
        </>
      )}
      <ConnectionFields type={type} connection={connection} without={NOT_ASKED} onChange={setConnection} />
      <FormField label="Names to find" description="One a line, * for any characters." stretch>
        <Textarea value={include} rows={2} onChange={({ detail }) => setInclude(detail.value)} />
      </FormField>
      <FormField label="Names to leave out (optional)" description="One a line." stretch>
        <Textarea value={exclude} rows={2} onChange={({ detail }) => setExclude(detail.value)} />
      </FormField>
      <FormField label="What is found" stretch>
        <RadioGroup
          value={mode}
          ariaLabel="What is found"
          onChange={({ detail }) => setMode(detail.value as 'OFFER' | 'REGISTER')}
          items={[
            { value: 'OFFER', label: 'Is offered', description: 'Somebody looks at it and registers it.' },
            {
              value: 'REGISTER',
              label: 'Is registered',
              description:
                'Plans that select its tags protect it with their next run. The role needs roleback:RegisterResource for it.',
            },
          ]}
        />
      </FormField>
      <FormField label="Name here" description="{name} stands for its name there." stretch>
        <Input value={template} onChange={({ detail }) => setTemplate(detail.value)} />
      </FormField>
      <FormField label="Tags of what is registered (optional)" description="KEY=VALUE, one a line." stretch>
        <Textarea value={tags} rows={2} onChange={({ detail }) => setTags(detail.value)} />
      </FormField>
      <FormField label="Minutes between two rounds">
        <Input value={minutes} inputMode="numeric" onChange={({ detail }) => setMinutes(detail.value)} />
      </FormField>
      <RoleField label="Role that each round works under" value={role} onChange={setRole} />
    </FormDialog>
  )
}

/** What this form has no fields for, and so must not take away. */
function notAsked({ RestoreUser, Database }: Connection = {}): Connection {
  return { RestoreUser, Database }
}

function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
}

function tagOf(line: string): Tag {
  const at = line.indexOf('=')
  return at === -1 ? { Key: line, Value: '' } : { Key: line.slice(0, at), Value: line.slice(at + 1) }
}

const FORMS: Readonly<Record<Type, string>> = { EFS: 'directory', RDS: 'postgresql', S3: 's3' }

/** Secrets are in files there: none is shown. */
function commandOf(input: Omit<PutDiscoveryRuleInput, 'IamRoleArn'>, role: string): string {
  const { ResourceType: type, Connection: at } = input
  const option = (flag: string, value: string | number | undefined): string[] =>
    value === undefined || value === '' ? [] : [`${flag} ${quoted(String(value))}`]
  const reached: Readonly<Record<Type, readonly string[]>> = {
    EFS: option('--restore-root', at.RestoreRoot),
    RDS: [
      ...option('--host', at.Host),
      ...option('--port', at.Port),
      ...option('--user', at.User),
      ...option('--tls-mode', at.TlsMode),
      ...(at.TlsCaPem === undefined ? [] : ['--tls-ca-file FILE']),
      ...(at.AllowSuperuser === true ? ['--allow-superuser'] : []),
      '--password-file FILE',
    ],
    S3: [
      ...option('--endpoint', at.Endpoint),
      ...option('--access-key-id', at.AccessKeyId),
      ...option('--region', at.Region),
      '--secret-file FILE',
    ],
  }
  const head = ['roleback discovery put', FORMS[type], quoted(input.Name === '' ? 'NAME' : input.Name)]
  if (type === 'EFS') head.push(quoted(at.Path ?? 'PATH'))
  return [
    head.join(' '),
    ...reached[type],
    `--role ${quoted(role)}`,
    ...(input.Mode === 'REGISTER' ? ['--register'] : []),
    ...(input.Include ?? []).flatMap((pattern) => option('--include', pattern)),
    ...(input.Exclude ?? []).flatMap((pattern) => option('--exclude', pattern)),
    ...option('--name-template', input.NameTemplate),
    ...(input.Tags ?? []).flatMap(({ Key, Value }) => option('--tag', `${Key}=${Value}`)),
    ...option('--every', input.IntervalMinutes),
  ].join(' \\\n  ')
}
