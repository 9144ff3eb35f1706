import Box from '@cloudscape-design/components/box'
import { useEffect, useRef, useState } from 'react'
import type { ReactNode } from 'react'

/** A table that may be wider than the window scrolls within itself: says so above it where it is. */
export function Sideways({ children }: { readonly children: ReactNode }): ReactNode {
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
      {isWider && (
        <Box variant="small" padding={{ bottom: 'xxs' }}>
          More columns lie to the right: scroll the table sideways.
        </Box>
      )}
      {children}
    </div>
  )
}
