import Alert from '@cloudscape-design/components/alert'
import Button from '@cloudscape-design/components/button'
import type { ReactNode } from 'react'
import { useNavigate } from 'react-router'
import { Link } from './link.tsx'

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
  if (id === undefined) return text
  return (
    <>
      {text?.replace(AUTHORIZATION_ID, '.')} <Explain id={id} />
    </>
  )
}

/** Whatever went wrong, in the server's words; what was refused can be explained. */
export function Problem({ error, what }: { readonly error: unknown; readonly what: string }): ReactNode {
  const navigate = useNavigate()
  const { name, message } = error instanceof Error ? error : new Error(String(error))
  const id = AUTHORIZATION_ID.exec(message)?.[1]
  const isDenied = id !== undefined || /AccessDenied/.test(name)
  return (
    <Alert
      type={isDenied ? 'warning' : 'error'}
      header={isDenied ? `You may not ${what}` : `Could not ${what}`}
      action={id !== undefined && <Button onClick={() => void navigate(explainPath(id))}>Explain</Button>}
    >
      {message.replace(AUTHORIZATION_ID, '.')}
    </Alert>
  )
}
