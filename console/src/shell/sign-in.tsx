import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import Container from '@cloudscape-design/components/container'
import Form from '@cloudscape-design/components/form'
import FormField from '@cloudscape-design/components/form-field'
import Header from '@cloudscape-design/components/header'
import Input from '@cloudscape-design/components/input'
import RadioGroup from '@cloudscape-design/components/radio-group'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import type { ReactNode } from 'react'
import { useLocation, useNavigate } from 'react-router'
import { beginOidc, finishOidc, takeOidcAnswer } from './oidc.ts'
import { SERVER_FACTS, useServerFacts } from './server.ts'
import { callWorker, sessionHasEnded } from '../session/session.ts'

type Way = 'key' | 'password' | 'oidc'

const EMPTY = {
  accessKeyId: '',
  secretAccessKey: '',
  account: '',
  userName: '',
  password: '',
  newPassword: '',
  mfaCode: '',
  provider: '',
}
type Fields = typeof EMPTY

/** Without which no way can be gone. */
const NEEDED: Readonly<Record<Way, readonly (keyof Fields)[]>> = {
  key: ['accessKeyId', 'secretAccessKey'],
  password: ['account', 'userName', 'password'],
  oidc: ['provider'],
}

/** What is typed here goes to the worker, which exchanges it for credentials of an hour at most; nothing of it is kept. */
export function SignIn(): ReactNode {
  const queries = useQueryClient()
  const navigate = useNavigate()
  const { pathname, search } = useLocation()
  const facts = useServerFacts()
  const [way, setWay] = useState<Way>('key')
  const [chosenRegion, setRegion] = useState<string>()
  const [fields, setFields] = useState<Fields>(EMPTY)
  const [failure, setFailure] = useState<{ readonly message: string; readonly isToChange: boolean }>()
  const [mustChange, setMustChange] = useState(false)
  const [isBusy, setBusy] = useState(false)
  const region = chosenRegion ?? facts?.regions[0] ?? ''

  const attempt = async (what: () => Promise<unknown>): Promise<void> => {
    setBusy(true)
    setFailure(undefined)
    try {
      await what()
    } catch (error) {
      const { name, message } = error as Error
      const isToChange = name === 'PasswordChangeRequiredException'
      if (isToChange) setMustChange(true)
      setFailure({ message, isToChange })
    }
    setBusy(false)
  }

  // Once: what the browser came back with is taken from its address.
  useEffect(() => {
    const answer = takeOidcAnswer()
    if (answer === undefined) return
    const begun = answer.kind === 'code' ? answer : answer.begun
    setWay('oidc')
    if (begun !== undefined) setFields((before) => ({ ...before, provider: begun.providerArn }))
    void navigate(begun?.path ?? '/', { replace: true })
    if (answer.kind === 'code') void attempt(async () => await finishOidc(answer))
    else setFailure({ message: answer.reason, isToChange: false })
  }, [])

  const submit = (): void =>
    void attempt(async () => {
      // Who is quick, or has them filled in, is there before the server has said what regions it has.
      const of = chosenRegion ?? (await queries.ensureQueryData(SERVER_FACTS)).regions[0] ?? ''
      const mfaCode = fields.mfaCode === '' ? undefined : fields.mfaCode
      if (way === 'key') {
        const { accessKeyId, secretAccessKey } = fields
        await callWorker('signInWithKey', {
          accessKeyId: accessKeyId.trim(),
          secretAccessKey: secretAccessKey.trim(),
          mfaCode,
          region: of,
        })
      } else if (way === 'password') {
        const { account, userName, password } = fields
        const newPassword = mustChange ? fields.newPassword : undefined
        await callWorker('signInWithPassword', {
          account,
          userName,
          password,
          mfaCode,
          newPassword,
          region: of,
        })
      } else await beginOidc(fields.provider.trim(), of, pathname + search)
    })

  const text = (name: keyof Fields, label: string, more: Partial<FieldMore> = {}): ReactNode => (
    <FormField key={name} label={label} description={more.description} stretch>
      <Input
        name={name}
        type={more.secret === true ? 'password' : 'text'}
        value={fields[name]}
        autoComplete={more.autoComplete ?? false}
        autoFocus={more.focus === true}
        onChange={({ detail }) => setFields((before) => ({ ...before, [name]: detail.value }))}
      />
    </FormField>
  )

  return (
    <main className="sign-in">
      <Box margin={{ vertical: 'xxxl' }} padding={{ horizontal: 'm' }}>
        <form
          onSubmit={(event) => {
            event.preventDefault()
            submit()
          }}
        >
          <img className="sign-in-mark" src="/console/icon.svg" alt="" />
          <Form
            variant="embedded"
            actions={
              <Button
                variant="primary"
                loading={isBusy}
                disabled={NEEDED[way].some((name) => fields[name] === '')}
                formAction="submit"
              >
                Sign in
              </Button>
            }
          >
            <Container
              header={
                <Header variant="h1" description="Backups under roles that somebody was allowed to pass.">
                  Sign in to Roleback
                </Header>
              }
            >
              <SpaceBetween size="l">
                {failure === undefined && sessionHasEnded() && (
                  <Alert type="info" header="Your session ended">
                    Its time was over, or it was revoked. Sign in again to go on where you were.
                  </Alert>
                )}
                {failure !== undefined && (
                  <Alert
                    type={failure.isToChange ? 'info' : 'error'}
                    header={failure.isToChange ? 'Choose a new password' : 'You are not signed in'}
                  >
                    {failure.message}
                  </Alert>
                )}
                {!isSecureContext && (
                  <Alert type="warning" header="This page is not served securely">
                    Browsers sign requests on pages by HTTPS, or on this machine itself. Start the server with
                    --tls-cert and --tls-key.
                  </Alert>
                )}
                <RadioGroup
                  ariaLabel="Sign in with"
                  direction="horizontal"
                  value={way}
                  onChange={({ detail }) => setWay(detail.value as Way)}
                  items={[
                    { value: 'key', label: 'Access key' },
                    { value: 'password', label: 'User name' },
                    { value: 'oidc', label: 'Identity provider' },
                  ]}
                />
                {way === 'key' && [
                  text('accessKeyId', 'Access key ID', {
                    focus: true,
                    description:
                      'The first start wrote the root user’s into root-credentials of the data directory.',
                  }),
                  text('secretAccessKey', 'Secret access key', { secret: true }),
                  text('mfaCode', 'MFA code (optional)', { autoComplete: 'one-time-code' }),
                ]}
                {way === 'password' && [
                  text('account', 'Account ID or alias', { focus: true }),
                  text('userName', 'User name', { autoComplete: 'username' }),
                  text('password', 'Password', { secret: true, autoComplete: 'current-password' }),
                  text('mfaCode', 'MFA code, if you have a device', { autoComplete: 'one-time-code' }),
                  mustChange &&
                    text('newPassword', 'New password', { secret: true, autoComplete: 'new-password' }),
                ]}
                {way === 'oidc' &&
                  text('provider', 'ARN of the identity provider', {
                    focus: true,
                    description: 'Your administrator knows it: arn:aws:iam::ACCOUNT:oidc-provider/HOST',
                  })}
                {(facts?.regions.length ?? 0) > 1 && (
                  <FormField label="Region" stretch>
                    <RadioGroup
                      value={region ?? null}
                      items={facts?.regions.map((value) => ({ value, label: value })) ?? []}
                      onChange={({ detail }) => setRegion(detail.value)}
                    />
                  </FormField>
                )}
                <Box variant="small">
                  Sessions end after an hour at most, and whenever you sign out. Roleback is not affiliated
                  with Amazon Web Services.
                </Box>
              </SpaceBetween>
            </Container>
          </Form>
        </form>
      </Box>
    </main>
  )
}

interface FieldMore {
  readonly description: string
  readonly secret: boolean
  readonly focus: boolean
  readonly autoComplete: string
}
