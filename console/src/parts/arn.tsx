import './parts.css'
import { Fragment } from 'react'
import type { ReactNode } from 'react'

/** A whole ARN or action, which gives way to what stands beside it: it breaks behind a colon or slash before it does within a word. */
export function Arn({ of = '–' }: { readonly of: string | undefined }): ReactNode {
  const parts = of.match(/[^:/]*[:/]+|[^:/]+/g) ?? []
  return (
    <span className="arn">
      {parts.map((part, at) => (
        <Fragment key={at}>
          {part}
          <wbr />
        </Fragment>
      ))}
    </span>
  )
}
