/// <reference lib="webworker" />
import { importSecret, prepare, signatureOf } from './sigv4.ts'
import type {
  KeySignIn,
  OidcSignIn,
  PasswordSignIn,
  SessionView,
  ToSign,
  WorkerFailure,
  WorkerMessage,
  WorkerRequest,
} from './wire.ts'

/**
 * The worker that all tabs share: it alone holds the key that requests are signed with, as a CryptoKey that nobody can read. What a
 * person signs in with is exchanged here for credentials of an hour at most and forgotten. Nothing is written anywhere.
 */

interface Held {
  readonly view: SessionView
  readonly key: CryptoKey
}

/** The session that signs, and below it those that it was switched from. */
let sessions: Held[] = []
/** Whether the last session ended by itself: its time was over, or the server no longer took it. */
let hasEnded = false
let ending: ReturnType<typeof setTimeout> | undefined
const ports = new Set<MessagePort>()

class CallError extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

const calls: Readonly<Record<string, (input: never) => Promise<unknown>>> = {
  signInWithKey: async (input: KeySignIn & { region: string }) => await signInWithKey(input),
  signInWithPassword: async ({ region, ...given }: PasswordSignIn & { region: string }) =>
    await signIn(region, {
      PasswordCredentials: {
        Account: given.account,
        UserName: given.userName,
        Password: given.password,
        MfaCode: given.mfaCode,
        NewPassword: given.newPassword,
      },
    }),
  signInWithOidc: async ({ region, state, code, codeVerifier }: OidcSignIn & { region: string }) =>
    await signIn(region, { OidcCredentials: { State: state, Code: code, CodeVerifier: codeVerifier } }),
  switchRole: async (input: { roleArn: string; sessionName: string }) => await switchRole(input),
  switchBack: async () => {
    if (sessions.length > 1) sessions.pop()
    return await Promise.resolve(published())
  },
  setRegion: async ({ region }: { region: string }) => {
    sessions = sessions.map(({ view, key }) => ({ view: { ...view, region }, key }))
    return await Promise.resolve(published())
  },
  signOut: async () => await signOut(),
  endSession: async ({ accessKeyId }: { accessKeyId: string }) => {
    // Of many calls that were refused alike, the first ends it; what is below it may still be good.
    if (sessions.at(-1)?.view.accessKeyId === accessKeyId) {
      sessions.pop()
      hasEnded = sessions.length === 0
    }
    return await Promise.resolve(published())
  },
  sign: async (input: ToSign) => await signatureOf(present().key, input),
}

;(self as unknown as SharedWorkerGlobalScope).addEventListener('connect', (event) => {
  const port = event.ports[0] as MessagePort
  ports.add(port)
  port.addEventListener('message', (message: MessageEvent<WorkerRequest | 'closed'>) => {
    if (message.data === 'closed') ports.delete(port)
    else void respond(port, message.data)
  })
  port.start()
  const session = current()?.view
  tell(port, { kind: 'session', session, hasEnded })
})

async function respond(port: MessagePort, { id, name, input }: WorkerRequest): Promise<void> {
  try {
    const call = calls[name]
    if (call === undefined) throw new CallError('UnknownCall', `The worker knows no ${name}`)
    tell(port, { kind: 'answer', id, output: await call(input as never) })
  } catch (error) {
    tell(port, { kind: 'failure', id, failure: failureOf(error) })
  }
}

function tell(port: MessagePort, message: WorkerMessage): void {
  port.postMessage(message)
}

function failureOf(error: unknown): WorkerFailure {
  if (error instanceof CallError) return { code: error.code, message: error.message }
  const message = error instanceof Error ? error.message : String(error)
  return { code: 'NetworkError', message: `The server could not be reached: ${message}` }
}

/** The session as long as it lasts; those below an expired one expired before it or are still good. */
function current(): Held | undefined {
  const held = sessions.at(-1)
  if (held === undefined || held.view.expiresAt > Date.now()) return held
  sessions.pop()
  hasEnded = sessions.length === 0
  return current()
}

function present(): Held {
  const held = current()
  if (held === undefined) throw new CallError('SessionEnded', 'The session ended. Sign in again')
  return held
}

/** Tells every tab who is signed in now, and again when that session's time is over. */
function published(): SessionView | undefined {
  const session = current()?.view
  clearTimeout(ending)
  if (session !== undefined) ending = setTimeout(published, session.expiresAt - Date.now() + 1)
  for (const port of ports) tell(port, { kind: 'session', session, hasEnded })
  return session
}

interface AnsweredSession {
  readonly Credentials: {
    readonly AccessKeyId: string
    readonly SecretAccessKey: string
    readonly SessionToken: string
    /** Seconds since 1970. */
    readonly Expiration: number
  }
  readonly AccountId: string
  readonly PrincipalArn: string
}

async function signIn(region: string, input: object): Promise<SessionView | undefined> {
  return await open(region, await post('SignIn', input, async () => await Promise.resolve({})))
}

async function signInWithKey(given: KeySignIn & { region: string }): Promise<SessionView | undefined> {
  const key = await importSecret(given.secretAccessKey)
  const scope = { accessKeyId: given.accessKeyId, region: given.region, service: 'roleback' }
  const answer = await post('StartSession', { MfaCode: given.mfaCode }, signer(key, scope))
  return await open(given.region, answer)
}

async function open(region: string, answer: unknown): Promise<SessionView | undefined> {
  const { Credentials, AccountId, PrincipalArn } = answer as AnsweredSession
  hasEnded = false
  sessions = [
    {
      key: await importSecret(Credentials.SecretAccessKey),
      view: {
        accessKeyId: Credentials.AccessKeyId,
        sessionToken: Credentials.SessionToken,
        expiresAt: Credentials.Expiration * 1000,
        arn: PrincipalArn,
        accountId: AccountId,
        region,
      },
    },
  ]
  return published()
}

/** Takes on a role beside the session that there is; switching again begins from whoever signed in. */
async function switchRole(given: { roleArn: string; sessionName: string }): Promise<SessionView | undefined> {
  const signedIn = sessions[0]
  if (signedIn === undefined) throw new CallError('SessionEnded', 'The session ended. Sign in again')
  const { view, key } = signedIn
  const body = new URLSearchParams({
    Action: 'AssumeRole',
    Version: '2011-06-15',
    RoleArn: given.roleArn,
    RoleSessionName: given.sessionName,
  }).toString()
  const headers = { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' }
  const text = await send(headers, body, signer(key, { ...view, service: 'sts' }))
  // No XML parser in workers; the four values hold no markup.
  const value = (name: string): string => new RegExp(`<${name}>([^<]*)</${name}>`).exec(text)?.[1] ?? ''
  sessions = [
    signedIn,
    {
      key: await importSecret(value('SecretAccessKey').replaceAll('&amp;', '&')),
      view: {
        ...view,
        accessKeyId: value('AccessKeyId'),
        sessionToken: value('SessionToken'),
        expiresAt: Math.min(Date.parse(value('Expiration')), view.expiresAt),
        arn: value('Arn'),
        accountId: given.roleArn.split(':')[4] ?? view.accountId,
        switchedFrom: view.arn,
      },
    },
  ]
  return published()
}

/** The server forgets the session; so do we, whatever it says. */
async function signOut(): Promise<undefined> {
  const signedIn = sessions[0]
  sessions = []
  hasEnded = false
  published()
  if (signedIn === undefined) return undefined
  const { view, key } = signedIn
  await post('SignOut', {}, signer(key, { ...view, service: 'roleback' }))
  return undefined
}

type Signing = (headers: Record<string, string>, body: string) => Promise<Record<string, string>>

function signer(
  key: CryptoKey,
  scope: { accessKeyId: string; sessionToken?: string; region: string; service: string },
): Signing {
  return async (headers, body) => {
    const request = { method: 'POST', host: self.location.host, path: '/', query: {}, headers, body }
    const prepared = await prepare(request, scope, Date.now())
    const signature = await signatureOf(key, { ...scope, ...prepared })
    return { ...prepared.headers, authorization: prepared.authorization + signature }
  }
}

async function post(operation: string, input: object, signing: Signing): Promise<unknown> {
  const headers = {
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': `Roleback_20261101.${operation}`,
  }
  return JSON.parse(await send(headers, JSON.stringify(input), signing)) as unknown
}

async function send(headers: Record<string, string>, body: string, signing: Signing): Promise<string> {
  const signed = await signing(headers, body)
  const response = await fetch('/', {
    method: 'POST',
    headers: { ...headers, ...signed },
    body,
    credentials: 'omit',
    redirect: 'error',
  })
  const text = await response.text()
  if (response.ok) return text
  throw errorOf(response, text)
}

function errorOf(response: Response, text: string): CallError {
  const type = response.headers.get('x-amzn-errortype')
  if (type !== null) {
    const body = JSON.parse(text) as { readonly message?: string; readonly Message?: string }
    return new CallError(type, body.message ?? body.Message ?? type)
  }
  const value = (name: string): string | undefined =>
    new RegExp(`<${name}>([^<]*)</${name}>`)
      .exec(text)?.[1]
      ?.replaceAll('&quot;', '"')
      .replaceAll('&apos;', "'")
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&amp;', '&')
  return new CallError(value('Code') ?? `HTTP ${response.status}`, value('Message') ?? text.slice(0, 500))
}
