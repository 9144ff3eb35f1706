import type { FlashbarProps } from '@cloudscape-design/components/flashbar'
import { Suspense, lazy, useSyncExternalStore } from 'react'
import type { ReactNode } from 'react'

/** Not part of the first load: there is nothing to say before somebody did something. */
const Flashbar = lazy(async () => await import('@cloudscape-design/components/flashbar'))

/** What was done, said above every screen until somebody takes it away. */

let notices: readonly FlashbarProps.MessageDefinition[] = []
let last = 0
const listeners = new Set<() => void>()

function publish(next: readonly FlashbarProps.MessageDefinition[]): void {
  notices = next
  for (const listener of listeners) listener()
}

export function notify(content: ReactNode, type: FlashbarProps.Type = 'success'): void {
  const id = `notice-${++last}`
  const onDismiss = (): void => publish(notices.filter((one) => one.id !== id))
  publish(
    [{ id, type, content, dismissible: true, dismissLabel: 'Dismiss', onDismiss }, ...notices].slice(0, 5),
  )
}

export function Notices(): ReactNode {
  const items = useSyncExternalStore(
    (listener) => {
      listeners.add(listener)
      return () => void listeners.delete(listener)
    },
    () => notices,
  )
  if (items.length === 0) return null
  return (
    <Suspense>
      <Flashbar items={items} stackItems />
    </Suspense>
  )
}
