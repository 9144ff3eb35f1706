import Button from '@cloudscape-design/components/button'
import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import Select from '@cloudscape-design/components/select'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import Textarea from '@cloudscape-design/components/textarea'
import { useState } from 'react'
import type { ReactNode } from 'react'
import { ChangeTarget } from './change-target.tsx'
import { EVERY_CHANGE, kindsOf } from './event-kinds.ts'
import { EventMatrix } from './event-matrix.tsx'
import type { EventTarget } from '../../api/generated.ts'
import { roleback } from '../../api/roleback.ts'
import { rolebackCommand } from '../../parts/aws-command.tsx'
import { Confirm } from '../../parts/confirm.tsx'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { ago, count, fromSeconds } from '../../parts/format.ts'
import { Actions, Stack } from '../../parts/layout.tsx'
import { List } from '../../parts/list.tsx'
import { NameField, isName } from '../../parts/name-field.tsx'
import { NoneYet } from '../../parts/none-yet.tsx'
import { notify } from '../../parts/notices.tsx'
import { usePages } from '../../parts/pages.ts'
import { notifyProblem } from '../../parts/problem.tsx'

const TYPES = [
  { value: 'WEBHOOK', label: 'Webhook' },
  { value: 'SLACK', label: 'Slack' },
  { value: 'TEAMS', label: 'Microsoft Teams' },
  { value: 'DISCORD', label: 'Discord' },
  { value: 'MATRIX', label: 'Matrix' },
  { value: 'MAIL', label: 'Mail' },
  { value: 'SNS', label: 'Endpoint of an SNS topic' },
  { value: 'PING', label: 'Ping of a plan' },
]

/** Whom the server tells of what happens, and how it was taken. */
export function Notifications(): ReactNode {
  const [isAdding, setAdding] = useState(false)
  const [doomed, setDoomed] = useState<string>()
  const [changing, setChanging] = useState<EventTarget>()
  const pages = usePages(['event targets'], async () => ({
    rows: (await roleback('ListEventTargets', {})).EventTargets,
    next: undefined,
  }))
  const attempt = async (what: () => Promise<void>): Promise<void> => {
    try {
      await what()
    } catch (failure) {
      notifyProblem(failure, 'send it anything')
    }
    pages.refresh()
  }
  const test = async (Name: string): Promise<void> => {
    const { IsDelivered, Message: why } = await roleback('TestEventTarget', { Name })
    if (IsDelivered) notify(`${Name} took it.`)
    else notify(`${Name} did not take it: ${why ?? 'no reason was given'}`, 'error')
  }
  const retry = async (Name: string): Promise<void> => {
    const { MessagesRetried = 0 } = await roleback('RetryEventDeliveries', { Name })
    notify(`${count(MessagesRetried, 'message is', 'messages are')} tried again.`, 'info')
  }
  const add = <Button onClick={() => setAdding(true)}>Add target</Button>
  return (
    <Stack>
      <List<EventTarget>
        variant="container"
        title="Notifications"
        description="Each is told of what its pattern matches, until it takes it."
        what="list whom the server tells"
        pages={pages}
        idOf={({ Name }) => Name}
        actions={add}
        empty={
          <NoneYet title="No targets" action={add}>
            Nobody is told of anything. Add a webhook, a chat or a mailbox, and failed backups are heard of.
          </NoneYet>
        }
        columns={[
          { id: 'name', header: 'Name', isRowHeader: true, cell: ({ Name }) => Name },
          {
            id: 'type',
            header: 'Type',
            cell: ({ Type }) => TYPES.find(({ value }) => value === Type)?.label ?? Type,
          },
          { id: 'host', header: 'Host', cell: ({ Host }) => Host ?? '–' },
          { id: 'told', header: 'Told of', cell: toldOf },
          { id: 'state', header: 'State', minWidth: 185, cell: (target) => <Delivery of={target} /> },
          { id: 'owed', header: 'Owed', cell: ({ MessagesOwed = 0 }) => MessagesOwed.toLocaleString() },
          {
            id: 'do',
            header: 'Actions',
            cell: (target) => {
              const { Name, Type, MessagesGivenUp = 0 } = target
              return (
                <Actions>
                  <Button
                    variant="inline-link"
                    ariaLabel={`Test ${Name}`}
                    onClick={() => void attempt(async () => await test(Name))}
                  >
                    Test
                  </Button>
                  {MessagesGivenUp > 0 && (
                    <Button
                      variant="inline-link"
                      ariaLabel={`Try again ${Name}`}
                      onClick={() => void attempt(async () => await retry(Name))}
                    >
                      Try again
                    </Button>
                  )}
                  {Type !== 'PING' && (
                    <Button
                      variant="inline-link"
                      ariaLabel={`Change ${Name}`}
                      onClick={() => setChanging(target)}
                    >
                      Change
                    </Button>
                  )}
                  <Button variant="inline-link" ariaLabel={`Remove ${Name}`} onClick={() => setDoomed(Name)}>
                    Remove
                  </Button>
                </Actions>
              )
            },
          },
        ]}
      />
      <EventMatrix targets={pages.rows} onChange={pages.refresh} onChangeOwn={setChanging} />
      {changing !== undefined && (
        <ChangeTarget
          target={changing}
          onClose={() => {
            setChanging(undefined)
            pages.refresh()
          }}
        />
      )}
      {isAdding && (
        <AddTarget
          onClose={() => {
            setAdding(false)
            pages.refresh()
          }}
        />
      )}
      {doomed !== undefined && (
        <Confirm
          title={`Remove ${doomed}`}
          what="remove this target"
          word="remove"
          action="Remove target"
          command={rolebackCommand(['notify', 'delete', doomed], {})}
          onClose={() => setDoomed(undefined)}
          onConfirm={async () => {
            await roleback('DeleteEventTarget', { Name: doomed })
            notify(`${doomed} is told of nothing any more.`)
            pages.refresh()
          }}
        >
          What it is still owed is not sent.
        </Confirm>
      )}
    </Stack>
  )
}

/** What a target asked for, in a few words: its pattern is its own to read. */
function toldOf(target: EventTarget): string {
  const { Type, TopicArn, EventPattern, BackupPlanId } = target
  const topic = TopicArn === undefined ? undefined : `Topic ${TopicArn.split(':').at(-1)}`
  if (BackupPlanId !== undefined) return 'Runs of one plan'
  if (EventPattern === undefined) return topic ?? '–'
  const { kinds, isOwn } = kindsOf(target)
  const pattern =
    EventPattern === EVERY_CHANGE
      ? 'Every change of state'
      : !isOwn
        ? count(kinds.size, 'kind of event', 'kinds of events')
        : Type === 'MAIL' && EventPattern.startsWith('{"$or"')
          ? 'What failed or was missed'
          : 'Its own pattern'
  return topic === undefined ? pattern : `${topic}, ${pattern.toLowerCase()}`
}

function Delivery({ of }: { readonly of: EventTarget }): ReactNode {
  if (of.IsConfirmed === false && (of.Failures ?? 0) === 0)
    return <StatusIndicator type="warning">Asked, not confirmed yet</StatusIndicator>
  if ((of.Failures ?? 0) > 0)
    return <StatusIndicator type="error">{of.LastError ?? 'Takes nothing'}</StatusIndicator>
  if ((of.MessagesGivenUp ?? 0) > 0)
    return (
      <StatusIndicator type="warning">{count(of.MessagesGivenUp ?? 0, 'message')} given up</StatusIndicator>
    )
  if (of.LastDeliveredAt === undefined)
    return <StatusIndicator type="pending">Nothing sent yet</StatusIndicator>
  return <StatusIndicator type="success">Took it {ago(fromSeconds(of.LastDeliveredAt))}</StatusIndicator>
}

function AddTarget({ onClose }: { readonly onClose: () => void }): ReactNode {
  const [name, setName] = useState('')
  const [type, setType] = useState('WEBHOOK')
  const [url, setUrl] = useState('')
  const [secret, setSecret] = useState('')
  const [pattern, setPattern] = useState('')
  const [mail, setMail] = useState<MailFields>({ from: '', to: '', user: '', password: '', authority: '' })
  const [topic, setTopic] = useState('')
  const isMail = type === 'MAIL'
  const isEndpoint = type === 'SNS'
  return (
    <FormDialog
      title="Add target"
      what="add this target"
      action="Add target"
      command={rolebackCommand(['notify', 'put', name || 'NAME'], {
        type: type.toLowerCase(),
        'url-file': 'FILE',
        'signing-secret-file': type === 'WEBHOOK' && secret !== '' ? 'FILE' : undefined,
        pattern: pattern.trim() === '' ? undefined : 'FILE',
        topic,
        ...(isMail && {
          from: mail.from,
          to: mail.to.split(/[\s,]+/).find((address) => address !== ''),
          user: mail.user,
          'password-file': mail.password === '' ? undefined : 'FILE',
          'ca-file': mail.authority.trim() === '' ? undefined : 'FILE',
        }),
      })}
      isReady={
        isName('target', name) &&
        url !== '' &&
        (!isEndpoint || topic !== '') &&
        (!isMail || (mail.from !== '' && mail.to !== ''))
      }
      onClose={onClose}
      onSubmit={async () => {
        await roleback('PutEventTarget', {
          Name: name,
          Type: type,
          Url: url,
          ...(type === 'WEBHOOK' && secret !== '' && { SigningSecret: secret }),
          ...(isMail && mailMembers(mail)),
          ...(topic !== '' && { TopicArn: topic }),
          ...(pattern.trim() !== '' && { EventPattern: pattern }),
        })
        notify(
          isEndpoint
            ? `${name} is asked whether it wants what comes: it is told of nothing until it confirms.`
            : `${name} is told from now on. Test it.`,
        )
      }}
    >
      <NameField kind="target" value={name} onChange={setName} />
      <FormField label="Type">
        <Select
          selectedOption={TYPES.find(({ value }) => value === type) ?? null}
          options={TYPES.filter(({ value }) => value !== 'PING')}
          onChange={({ detail }) => setType(detail.selectedOption.value ?? 'WEBHOOK')}
        />
      </FormField>
      <FormField
        label="Address"
        description={
          isMail
            ? 'smtps://HOST, or smtp://HOST where STARTTLS secures it.'
            : 'Whoever has it can write there: it is sealed and not shown again.'
        }
      >
        <Input
          value={url}
          type={isMail ? 'text' : 'password'}
          onChange={({ detail }) => setUrl(detail.value)}
        />
      </FormField>
      {isMail && <MailMembers value={mail} onChange={setMail} />}
      {type === 'WEBHOOK' && (
        <FormField
          label="Signing secret (optional)"
          description="What it checks the signature with. Without one of yours ./roleback notify put makes one and shows it."
        >
          <Input value={secret} type="password" onChange={({ detail }) => setSecret(detail.value)} />
        </FormField>
      )}
      <FormField
        label={isEndpoint ? 'Topic (ARN)' : 'Topic (optional, ARN)'}
        description="What vaults tell this topic: see Notifications of a vault."
      >
        <Input value={topic} onChange={({ detail }) => setTopic(detail.value)} />
      </FormField>
      <FormField
        label="Event pattern (optional, JSON)"
        description="As EventBridge has them. Empty: what the topic is told; without one every change of state, for mail what failed or was missed."
      >
        <SpaceBetween size="xs">
          <Textarea
            value={pattern}
            rows={4}
            placeholder={FAILED_ONLY}
            onChange={({ detail }) => setPattern(detail.value)}
          />
          <Button onClick={() => setPattern(FAILED_ONLY)}>Only what failed</Button>
        </SpaceBetween>
      </FormField>
    </FormDialog>
  )
}

interface MailFields {
  readonly from: string
  readonly to: string
  readonly user: string
  readonly password: string
  readonly authority: string
}

function mailMembers({ from, to, user, password, authority }: MailFields): object {
  return {
    MailFrom: from,
    MailTo: to.split(/[\s,]+/).filter((address) => address !== ''),
    ...(user !== '' && { SmtpUserName: user }),
    ...(password !== '' && { SmtpPassword: password }),
    ...(authority.trim() !== '' && { CertificateAuthority: authority }),
  }
}

function MailMembers({
  value,
  onChange,
}: {
  readonly value: MailFields
  readonly onChange: (value: MailFields) => void
}): ReactNode {
  const set = (name: keyof MailFields) => (event: { readonly detail: { readonly value: string } }) =>
    onChange({ ...value, [name]: event.detail.value })
  return (
    <SpaceBetween size="m">
      <FormField label="From">
        <Input value={value.from} onChange={set('from')} placeholder="backups@example.com" />
      </FormField>
      <FormField label="To" description="Up to 20 addresses, with commas between them.">
        <Input value={value.to} onChange={set('to')} />
      </FormField>
      <FormField label="User name (optional)">
        <Input value={value.user} autoComplete={false} onChange={set('user')} />
      </FormField>
      <FormField label="Password (optional)" description="It is sealed and not shown again.">
        <Input value={value.password} type="password" autoComplete={false} onChange={set('password')} />
      </FormField>
      <FormField
        label="Authority of its certificate (optional, PEM)"
        description="Empty: those that the server's host trusts."
      >
        <Textarea value={value.authority} rows={3} onChange={set('authority')} />
      </FormField>
    </SpaceBetween>
  )
}

const FAILED_ONLY = '{ "detail": { "state": ["FAILED", "EXPIRED", "PARTIAL"] } }'
