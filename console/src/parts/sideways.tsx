import Box from '@cloudscape-design/components/box'
import { useEffect, useRef, useState } from 'react'
import type { ReactNode } from 'react'

/** A table that may be wider than the window scrolls within itself: `children` puts the words that say so where its columns begin. */
export function Sideways({
  isEmpty,
  children,
}: {
  /** Nothing is missed of a table without rows. */
  readonly isEmpty: boolean
  /** @param words `false` where there is nothing to say. */
  readonly children: (words: ReactNode) => ReactNode
}): ReactNode {
  const place = useRef<HTMLDivElement>(null)
  const [isWider, setWider] = useState(false)
  useEffect(() => {
    const table = place.current?.querySelector('table')
    const frame = table?.parentElement
    if (table === null || table === undefined || frame === null || frame === undefined) return undefined
    const observer = new ResizeObserver(() => setWider(table.scrollWidth > frame.clientWidth + 1))
    observer.observe(table)
    observer.observe(frame)
    return () => observer.disconnect()
  }, [])
  return (
    <div ref={place}>
      {children(
        isWider && !isEmpty && (
          <Box variant="small">More columns lie to the right: scroll the table sideways.</Box>
        ),
      )}
    </div>
  )
}
