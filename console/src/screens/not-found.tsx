import type { ReactNode } from 'react'
import { Link } from '../parts/link.tsx'
import { Screen } from '../parts/screen.tsx'

export function NotFound(): ReactNode {
  return (
    <Screen title="There is no such screen">
      <Link to="/">Go to the overview</Link>
    </Screen>
  )
}
