import ContentLayout from '@cloudscape-design/components/content-layout'
import BreadcrumbGroup from '@cloudscape-design/components/breadcrumb-group'
import Header from '@cloudscape-design/components/header'
import Spinner from '@cloudscape-design/components/spinner'
import { useEffect } from 'react'
import type { ReactNode } from 'react'
import { useNavigate } from 'react-router'
import { Actions, Stack } from './layout.tsx'

export interface ScreenProps {
  readonly title: string
  readonly description?: ReactNode
  readonly actions?: ReactNode
  /** The screens above, from the outermost: text and path. */
  readonly above?: readonly (readonly [text: string, path: string])[]
  /** Until what it is about is known. */
  readonly isLoading?: boolean
  readonly children?: ReactNode
}

/** A screen's frame: its title in the tab and on the page, the way up, its actions. */
export function Screen({
  title,
  description,
  actions,
  above = [],
  isLoading,
  children,
}: ScreenProps): ReactNode {
  const navigate = useNavigate()
  useTitle(title)
  return (
    <ContentLayout
      breadcrumbs={
        above.length > 0 && (
          <BreadcrumbGroup
            ariaLabel="Way up"
            items={[...above.map(([text, href]) => ({ text, href })), { text: title, href: '#' }]}
            onFollow={(event) => {
              event.preventDefault()
              if (event.detail.href !== '#') void navigate(event.detail.href)
            }}
          />
        )
      }
      header={
        <Header variant="h1" description={description} actions={<Actions>{actions}</Actions>}>
          {title}
        </Header>
      }
    >
      <Stack>
        {isLoading === true && <Spinner size="large" />}
        {children}
      </Stack>
    </ContentLayout>
  )
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} – Roleback`
  }, [title])
}
