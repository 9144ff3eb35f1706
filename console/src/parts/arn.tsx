import './parts.css'
import type { ReactNode } from 'react'

/** A whole ARN in a table, which gives way to the columns beside it. */
export function Arn({ of }: { readonly of: string | undefined }): ReactNode {
  return <span className="arn">{of ?? '–'}</span>
}
