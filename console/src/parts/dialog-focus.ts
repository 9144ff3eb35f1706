import { useEffect, useRef, useState } from 'react'
import type { RefObject } from 'react'

/** For what lies over a screen: once it is gone, whatever had the focus before has it again, where that is still there. */
export function useFocusBack(): void {
  // While the first drawing is under way nothing of the dialog has it yet.
  const [before] = useState(() => document.activeElement)
  useEffect(
    () => () => {
      requestAnimationFrame(() => {
        if (before instanceof HTMLElement && before.isConnected) before.focus()
      })
    },
    [before],
  )
}

const FIELDS = 'input:enabled, textarea:enabled, button[aria-haspopup]:enabled'

/**
 * The first field of a dialog has the focus once it is open; the dialog itself gives it to its button Close.
 * @returns For the element around the fields.
 */
export function useFocusFirst(): RefObject<HTMLDivElement | null> {
  const around = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const id = requestAnimationFrame(() => around.current?.querySelector<HTMLElement>(FIELDS)?.focus())
    return () => cancelAnimationFrame(id)
  }, [])
  return around
}
