import Alert from '@cloudscape-design/components/alert'
import Box from '@cloudscape-design/components/box'
import Button from '@cloudscape-design/components/button'
import type { ReactNode } from 'react'
import { useNavigate } from 'react-router'
import { inWords } from './allowed.ts'
import { Link } from './link.tsx'
import { notify } from './notices.tsx'
import { isUnreached } from '../api/queries.ts'

/** The id by which a refusal is explained, as the server says it at the end of its sentence. */
const AUTHORIZATION_ID = /\.? Authorization id: (\S+) \(roleback explain \S+\)/

const explainPath = (id: string): string => `/access/explain/${encodeURIComponent(id)}`

/** The way to the reasons of a refusal; nothing where it cannot be explained any more. */
export function Explain({ id }: { readonly id: string | undefined }): ReactNode {
  return id === undefined ? null : <Link to={explainPath(id)}>Explain</Link>
}

/** A message of the server as it stands; where it is a refusal, with the way to its reasons instead of the id. */
export function Message({ text }: { readonly text: string | undefined }): ReactNode {
  const id = AUTHORIZATION_ID.exec(text ?? '')?.[1]
  if (id === undefined) return text === undefined ? undefined : inWords(text)
  return (
    <>
      {text?.replace(AUTHORIZATION_ID, '.')} <Explain id={id} />
    </>
  )
}

const authorizationId = (error: Error): string | undefined => AUTHORIZATION_ID.exec(error.message)?.[1]

/** Whether it is a refusal, and nothing that another try would mend. */
export function isDenied(error: Error | null): boolean {
  return error !== null && (authorizationId(error) !== undefined || /AccessDenied/.test(error.name))
}

/** In the place of a small thing that somebody may not see: that he may not, and the way to why. */
export function Refused({ error }: { readonly error: Error }): ReactNode {
  return (
    <Box variant="small" display="block">
      You may not see it. <Explain id={authorizationId(error)} />
    </Box>
  )
}

const asError = (error: unknown): Error => (error instanceof Error ? error : new Error(String(error)))

const headerOf = (error: Error, what: string): string =>
  isDenied(error) ? `You may not ${what}` : `Could not ${what}`

/** The same above the screen, of what a single click would have done. */
export function notifyProblem(error: unknown, what: string): void {
  const failure = asError(error)
  notify(<Message text={failure.message} />, isDenied(failure) ? 'warning' : 'error', headerOf(failure, what))
}

interface ProblemProps {
  readonly error: unknown
  /** What could not be done, e.g. "list backup vaults". */
  readonly what: string
  /** What to do about a refusal, in the place of the way to its reasons. */
  readonly instead?: ReactNode
}

const UNREACHED = 'The server does not answer.'

/** Whatever went wrong, in the server's words; what was refused can be explained. */
export function Problem({ error, what, instead }: ProblemProps): ReactNode {
  const navigate = useNavigate()
  const failure = asError(error)
  const id = authorizationId(failure)
  return (
    <Alert
      type={isDenied(failure) ? 'warning' : 'error'}
      header={headerOf(failure, what)}
      action={
        id !== undefined &&
        instead === undefined && <Button onClick={() => void navigate(explainPath(id))}>Explain</Button>
      }
    >
      {isUnreached(failure) ? UNREACHED : inWords(failure.message.replace(AUTHORIZATION_ID, '.'))}
      {isDenied(failure) && instead}
    </Alert>
  )
}
