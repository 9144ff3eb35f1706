import './parts.css'
import { Fragment } from 'react'
import type { ReactNode } from 'react'

/** Characters of a part that goes to the next line whole: the id of a file system, not the name of a role. */
const MAX_WHOLE = 22

/**
 * A whole ARN, action or name, which gives way to what stands beside it: it breaks behind a colon or slash, then before a word of a name
 * such as AWSBackupDefaultServiceRole, and only then within a word. An id behind a hyphen stays whole.
 */
export function Arn({ of = '–' }: { readonly of: string | undefined }): ReactNode {
  const parts = of.match(/[^:/]*[:/]+|[^:/]+/g) ?? []
  return (
    <span className="arn">
      {parts.map((part, at) => (
        <Fragment key={at}>
          {part.length <= MAX_WHOLE ? <span className="whole">{part}</span> : <Words of={part} />}
          <wbr />
        </Fragment>
      ))}
    </span>
  )
}

function Words({ of }: { readonly of: string }): ReactNode {
  return of.split(/(?<=[a-z])(?=[A-Z])/).map((word, at) => (
    <Fragment key={at}>
      {at > 0 && <wbr />}
      {word}
    </Fragment>
  ))
}
