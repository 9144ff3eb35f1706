import FormField from '@cloudscape-design/components/form-field'
import Input from '@cloudscape-design/components/input'
import RadioGroup from '@cloudscape-design/components/radio-group'
import Textarea from '@cloudscape-design/components/textarea'
import { useState } from 'react'
import type { ReactNode } from 'react'
import type { EventTarget, PutEventTargetInput } from '../../api/generated.ts'
import { roleback } from '../../api/roleback.ts'
import { rolebackCommand } from '../../parts/aws-command.tsx'
import { FormDialog } from '../../parts/form-dialog.tsx'
import { notify } from '../../parts/notices.tsx'

/** Whose signature on a mail server's certificate counts. */
type Authority = 'kept' | 'host' | 'other'

/** What a target is told of, pattern and all, and of mail who writes to whom and how the server is known. Its address and secrets stay. */
export function ChangeTarget({
  target,
  onClose,
}: {
  readonly target: EventTarget
  readonly onClose: () => void
}): ReactNode {
  const { Name, Type, TopicArn, HasCertificateAuthority: hasAuthority = false } = target
  const isMail = Type === 'MAIL'
  const before = indented(target.EventPattern)
  const [pattern, setPattern] = useState(before)
  const [from, setFrom] = useState(target.MailFrom ?? '')
  const [to, setTo] = useState((target.MailTo ?? []).join(', '))
  const [authority, setAuthority] = useState<Authority>(hasAuthority ? 'kept' : 'host')
  const [pem, setPem] = useState('')
  const recipients = to.split(/[\s,]+/).filter((address) => address !== '')
  const isOther = authority === 'other'
  const input: PutEventTargetInput = {
    Name,
    Type,
    ...(TopicArn !== undefined && { TopicArn }),
    // As it was where nobody changed it: an indented one would be another text.
    ...(pattern.trim() !== '' && { EventPattern: pattern === before ? target.EventPattern : pattern }),
    ...(isMail && { MailFrom: from, MailTo: recipients }),
    ...(isMail && authority === 'host' && { CertificateAuthority: '' }),
    ...(isMail && isOther && { CertificateAuthority: pem }),
  }
  const command = rolebackCommand(['notify', 'put', Name], {
    type: Type.toLowerCase(),
    topic: TopicArn,
    pattern: pattern.trim() === '' ? undefined : 'FILE',
    ...(isMail && { from, 'ca-file': isOther ? 'FILE' : undefined }),
  })
  const more = isMail
    ? [...recipients.map((address) => `--to ${address}`), ...(authority === 'host' ? ['--no-ca-file'] : [])]
    : []
  return (
    <FormDialog
      title={`Change ${Name}`}
      what="change this target"
      action="Save target"
      command={[command, ...more].join(' \\\n  ')}
      isReady={!isMail || (from !== '' && recipients.length > 0 && (!isOther || pem.trim() !== ''))}
      onClose={onClose}
      onSubmit={async () => {
        await roleback('PutEventTarget', input)
        notify(`${Name} was changed.`)
      }}
    >
      <FormField
        label="Event pattern (JSON)"
        description="As EventBridge has them. Empty: what the topic is told; without one every change of state, for mail what failed or was missed."
        stretch
      >
        <Textarea value={pattern} rows={12} onChange={({ detail }) => setPattern(detail.value)} />
      </FormField>
      {isMail && (
        <>
          <FormField label="From">
            <Input value={from} onChange={({ detail }) => setFrom(detail.value)} />
          </FormField>
          <FormField label="To" description="Up to 20 addresses, with commas between them.">
            <Input value={to} onChange={({ detail }) => setTo(detail.value)} />
          </FormField>
          <FormField label="Certificate of the mail server">
            <RadioGroup
              ariaLabel="Certificate of the mail server"
              value={authority}
              onChange={({ detail }) => setAuthority(detail.value as Authority)}
              items={[
                ...(hasAuthority ? [{ value: 'kept', label: 'Of the authority that was given' }] : []),
                { value: 'host', label: 'Of an authority that the server’s host trusts' },
                { value: 'other', label: 'Of another authority' },
              ]}
            />
          </FormField>
          {isOther && (
            <FormField label="Certificate of the authority (PEM)" stretch>
              <Textarea value={pem} rows={5} onChange={({ detail }) => setPem(detail.value)} />
            </FormField>
          )}
        </>
      )}
    </FormDialog>
  )
}

function indented(pattern: string | undefined): string {
  return pattern === undefined ? '' : JSON.stringify(JSON.parse(pattern), undefined, 2)
}
