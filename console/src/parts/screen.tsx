import ContentLayout from '@cloudscape-design/components/content-layout'
import BreadcrumbGroup from '@cloudscape-design/components/breadcrumb-group'
import Header from '@cloudscape-design/components/header'
import SpaceBetween from '@cloudscape-design/components/space-between'
import { useEffect } from 'react'
import type { ReactNode } from 'react'
import { useNavigate } from 'react-router'

export interface ScreenProps {
  readonly title: string
  readonly description?: ReactNode
  readonly actions?: ReactNode
  /** The screens above, from the outermost: text and path. */
  readonly above?: readonly (readonly [text: string, path: string])[]
  readonly children: ReactNode
}

/** A screen's frame: its title in the tab and on the page, the way up, its actions. */
export function Screen({ title, description, actions, above = [], children }: ScreenProps): ReactNode {
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
        <Header
          variant="h1"
          description={description}
          actions={
            <SpaceBetween direction="horizontal" size="xs">
              {actions}
            </SpaceBetween>
          }
        >
          {title}
        </Header>
      }
    >
      <SpaceBetween size="l">{children}</SpaceBetween>
    </ContentLayout>
  )
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} – Roleback`
  }, [title])
}
