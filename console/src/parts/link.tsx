import CloudscapeLink from '@cloudscape-design/components/link'
import type { ReactNode } from 'react'
import { useHref, useNavigate } from 'react-router'

/** A link to another screen; a new tab opens it as any other link. */
export function Link({
  to,
  isLarge,
  children,
}: {
  readonly to: string
  readonly isLarge?: boolean
  readonly children: ReactNode
}): ReactNode {
  const navigate = useNavigate()
  return (
    <CloudscapeLink
      {...(isLarge === true && { fontSize: 'display-l' as const })}
      href={useHref(to)}
      onFollow={(event) => {
        event.preventDefault()
        void navigate(to)
      }}
    >
      {children}
    </CloudscapeLink>
  )
}

export const resourcePath = (arn: string): string => `/resources/${encodeURIComponent(arn)}`
export const vaultPath = (name: string): string => `/vaults/${encodeURIComponent(name)}`
export const jobPath = (kind: JobKind | 'upkeep', id: string): string =>
  `/jobs/${kind}/${encodeURIComponent(id)}`
export const restorePath = (vault: string, arn: string): string =>
  `/restore/${encodeURIComponent(vault)}/${encodeURIComponent(arn)}`

export const holdPath = (id: string): string => `/legal-holds/${encodeURIComponent(id)}`
export const identityPath = (kind: IdentityKind, name: string): string =>
  `/access/${kind}/${encodeURIComponent(name)}`

export const frameworkPath = (name: string): string => `/frameworks/${encodeURIComponent(name)}`

export type IdentityKind = 'group' | 'policy' | 'role' | 'user'

export type JobKind = 'backup' | 'copy' | 'restore'
