import './parts.css'
import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import StatusIndicator from '@cloudscape-design/components/status-indicator'
import Textarea from '@cloudscape-design/components/textarea'
import { useQuery } from '@tanstack/react-query'
import { useDeferredValue, useState } from 'react'
import type { ReactNode } from 'react'
import type { PolicyFinding, ValidatePolicyInput } from '../api/generated.ts'
import { roleback } from '../api/roleback.ts'
import { AwsCommand } from './aws-command.tsx'
import { Completion } from './completion.tsx'
import { Confirm } from './confirm.tsx'
import { notify } from './notices.tsx'
import { prettyJson } from './preflight.tsx'
import { Problem } from './problem.tsx'

/** The linter's code for what its author could not take back. */
const LOCK_OUT = 'LocksOutAuthor'
const SAVED = 'The policy was saved.'

interface PolicyEditorProps {
  readonly title: string
  readonly description: string
  readonly text: string
  readonly template: string
  readonly type: ValidatePolicyInput['PolicyType']
  readonly resourceArn?: string
  readonly save: (text: string) => Promise<void>
  /** Saving as a command line. */
  readonly command: (text: string) => string
  readonly remove?: () => Promise<void>
}

/** A policy document with what the linter says of it while it is written: errors, lock-outs, what it really gives. */
export function PolicyEditor(props: PolicyEditorProps): ReactNode {
  const { title, description, template, type, resourceArn, save, command, remove } = props
  const [text, setText] = useState(props.text === '' ? '' : prettyJson(props.text))
  const [error, setError] = useState<unknown>()
  const [isBusy, setBusy] = useState(false)
  const [caret, setCaret] = useState(0)
  const look = ({ target }: { readonly target: EventTarget }): void => {
    if (target instanceof HTMLTextAreaElement) setCaret(target.selectionStart)
  }
  const written = useDeferredValue(text)
  const lint = useQuery({
    queryKey: ['lint', type, resourceArn, written],
    queryFn: async () =>
      (
        await roleback('ValidatePolicy', {
          PolicyDocument: written,
          PolicyType: type,
          ...(resourceArn !== undefined && { ResourceArn: resourceArn }),
        })
      ).Findings,
    enabled: written.trim() !== '',
    placeholderData: (before) => before,
  })
  const [isAsking, setAsking] = useState(false)
  const isLockOut = lint.data?.some(({ Code }) => Code === LOCK_OUT) === true
  const attempt = async (what: () => Promise<void>, done: string): Promise<void> => {
    setBusy(true)
    setError(undefined)
    try {
      await what()
      notify(done)
    } catch (failure) {
      setError(failure)
    }
    setBusy(false)
  }
  return (
    <Container
      header={
        <Header
          variant="h2"
          description={description}
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              {text === '' && <Button onClick={() => setText(template)}>Begin with an example</Button>}
              {remove !== undefined && props.text !== '' && (
                <Button disabled={isBusy} onClick={() => void attempt(remove, 'The policy was removed.')}>
                  Remove
                </Button>
              )}
              <Button
                variant="primary"
                loading={isBusy}
                disabled={text.trim() === ''}
                onClick={() => {
                  if (isLockOut) setAsking(true)
                  else void attempt(async () => await save(text), SAVED)
                }}
              >
                Save
              </Button>
            </SpaceBetween>
          }
        >
          {title}
        </Header>
      }
    >
      <SpaceBetween size="m">
        {error !== undefined && <Problem error={error} what="save this policy" />}
        <FormField label="Policy document (JSON)" stretch>
          <div className="code" onKeyUp={look} onClick={look}>
            <Textarea
              value={text}
              rows={Math.min(30, Math.max(10, text.split('\n').length))}
              spellcheck={false}
              onChange={({ detail }) => {
                setText(detail.value)
                setError(undefined)
              }}
            />
          </div>
        </FormField>
        <Completion text={text} caret={caret} onChoose={setText} />
        {written.trim() !== '' && <Findings findings={lint.data} error={lint.error} />}
        {written.trim() !== '' && <AwsCommand command={command(compactJson(written))} />}
      </SpaceBetween>
      {isAsking && (
        <Confirm
          title="Save a policy that locks you out"
          what="save this policy"
          word="save"
          action="Save policy"
          command={command(compactJson(text))}
          onClose={() => setAsking(false)}
          onConfirm={async () => {
            await save(text)
            notify(SAVED)
          }}
        >
          {lint.data?.find(({ Code }) => Code === LOCK_OUT)?.Message}
        </Confirm>
      )}
    </Container>
  )
}

/** On one line, as a command line takes it; as it stands where it is no JSON. */
function compactJson(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text))
  } catch {
    return text
  }
}

function Findings({
  findings,
  error,
}: {
  readonly findings: readonly PolicyFinding[] | undefined
  readonly error: Error | null
}): ReactNode {
  if (error !== null) return <Problem error={error} what="check this policy" />
  if (findings === undefined) return <StatusIndicator type="loading">Checking</StatusIndicator>
  if (findings.length === 0) return <StatusIndicator type="success">Nothing to complain of</StatusIndicator>
  return (
    <SpaceBetween size="xs">
      {findings.map(({ Severity, Code, Message, Line, Column }) => (
        <Alert
          key={`${Code} ${Line} ${Column} ${Message}`}
          type={/error/i.test(Severity) ? 'error' : 'warning'}
        >
          {Message}{' '}
          <Box variant="small">
            line {Line}, column {Column} ({Code})
          </Box>
        </Alert>
      ))}
    </SpaceBetween>
  )
}
