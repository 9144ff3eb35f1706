import type { ReactNode } from 'react'
import { Arn } from './arn.tsx'
import { nameOf } from './format.ts'
import { Link, identityPath } from './link.tsx'

/** A user, role or session of one by its ARN, with the way to who or what it is; root and services as they stand. */
export function IdentityLink({ arn, text }: { readonly arn: string; readonly text?: string }): ReactNode {
  const [, kind, name = ''] = /^arn:aws:(?:iam|sts)::\d{12}:(user|role|assumed-role)\/(.+)$/.exec(arn) ?? []
  const shown = text ?? <Arn of={arn} />
  if (kind === undefined) return shown
  return kind === 'assumed-role' ? (
    <Link to={identityPath('role', name.split('/')[0] ?? '')}>{shown}</Link>
  ) : (
    <Link to={identityPath(kind as 'user' | 'role', nameOf(arn))}>{shown}</Link>
  )
}
