import { useEffect, useState } from 'react'

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
