import './layout.css'
import type { ReactNode } from 'react'

/** One below the other; a fragment's children are several. */
export function Stack({ children }: { readonly children: ReactNode }): ReactNode {
  return <div className="stack">{children}</div>
}

/** Buttons beside each other. */
export function Actions({ children }: { readonly children: ReactNode }): ReactNode {
  return <div className="actions">{children}</div>
}
