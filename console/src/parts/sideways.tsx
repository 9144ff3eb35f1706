import Box from '@cloudscape-design/components/box'
import { useEffect, useRef, useState } from 'react'
import type { ReactNode } from 'react'

/**
 * A table that may be wider than the window scrolls within itself: says so above it, or where `children` puts the words, such as below the
 * table's own heading. There are no words (`false`) where there is nothing to say.
 */
export function Sideways({
  isEmpty = false,
  children,
}: {
  /** Nothing is missed of a table without rows. */
  readonly isEmpty?: boolean
  readonly children: ReactNode | ((words: ReactNode) => ReactNode)
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
  const words = isWider && !isEmpty && (
    <Box variant="small">More columns lie to the right: scroll the table sideways.</Box>
  )
  return (
    <div ref={place}>
      {typeof children === 'function' ? (
        children(words)
      ) : (
        <>
          {words}
          {children}
        </>
      )}
    </div>
  )
}
