import type { FlashbarProps } from '@cloudscape-design/components/flashbar'
import { Suspense, lazy, useEffect, useSyncExternalStore } from 'react'
import type { ReactNode } from 'react'
import { useLocation } from 'react-router'

/** Not part of the first load: there is nothing to say before somebody did something. */
const Flashbar = lazy(async () => await import('@cloudscape-design/components/flashbar'))

/** What was done, said above the screen until somebody goes on to another; what failed, until somebody takes it away. */

let notices: readonly FlashbarProps.MessageDefinition[] = []
let last = 0
/** When each was said, in milliseconds since 1970. */
const saidAt = new Map<string | undefined, number>()
/** Who did something is often led on at once, to where he reads that it was done. */
const LED_ON_MS = 2_000
const listeners = new Set<() => void>()

function publish(next: readonly FlashbarProps.MessageDefinition[]): void {
  notices = next
  for (const listener of listeners) listener()
}

export function notify(content: ReactNode, type: FlashbarProps.Type = 'success', header?: string): void {
  const id = `notice-${++last}`
  saidAt.set(id, Date.now())
  const onDismiss = (): void => publish(notices.filter((one) => one.id !== id))
  const notice = { id, type, header, content, dismissible: true, dismissLabel: 'Dismiss', onDismiss }
  publish([notice, ...notices].slice(0, 5))
}

export function Notices(): ReactNode {
  const items = useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    () => notices,
  )
  const { pathname } = useLocation()
  useEffect(() => {
    const isNew = (id: string | undefined): boolean => Date.now() - (saidAt.get(id) ?? 0) < LED_ON_MS
    publish(notices.filter(({ id, type }) => type !== 'success' || isNew(id)))
  }, [pathname])
  if (items.length === 0) return null
  return (
    <Suspense>
      <Flashbar items={items} stackItems />
    </Suspense>
  )
}
