import './frame.css'
import Button from '@cloudscape-design/components/button'
import SideNavigation from '@cloudscape-design/components/side-navigation'
import { useEffect, useRef, useState } from 'react'
import type { KeyboardEvent, ReactNode } from 'react'
import { useLocation, useNavigate } from 'react-router'
import { NAVIGATION } from './navigation.ts'

/** From this width on the list of screens stands beside the screen; below it lies over it. As in frame.css. */
const BESIDE = matchMedia('(width >= 900px)')

/**
 * The bar above, the list of screens, the screen. Not Cloudscape's AppLayout: it brings three layouts, drawers and what drags
 * them about, a fifth of the first load, none of which is shown here.
 */
export function Frame({
  top,
  children,
}: {
  readonly top: ReactNode
  readonly children: ReactNode
}): ReactNode {
  const [isOpen, setOpen] = useState(BESIDE.matches)
  const opener = useRef<HTMLDivElement>(null)
  const toggle = (next: boolean): void => {
    setOpen(next)
    // Whoever goes by keys stays where the list was opened or closed.
    requestAnimationFrame(() => opener.current?.querySelector('button')?.focus())
  }
  const screen = useRef<HTMLElement>(null)
  useEffect(() => {
    const follow = (): void => setOpen(BESIDE.matches)
    BESIDE.addEventListener('change', follow)
    return () => BESIDE.removeEventListener('change', follow)
  }, [])
  return (
    <>
      {/* The first stop of whoever goes by keys: past the bar and the list of screens. */}
      <button type="button" className="skip" onClick={() => screen.current?.focus()}>
        Skip to the screen
      </button>
      <div className="frame-top">{top}</div>
      <div className={isOpen ? 'frame frame-open' : 'frame'}>
        <div className="frame-side">
          <div ref={opener} className="frame-opener">
            <Button
              variant="icon"
              iconName={isOpen ? 'angle-left' : 'menu'}
              ariaLabel={isOpen ? 'Close the list of screens' : 'Open the list of screens'}
              ariaExpanded={isOpen}
              onClick={() => toggle(!isOpen)}
            />
          </div>
          {isOpen && (
            <Screens
              onGone={() => {
                if (!BESIDE.matches) setOpen(false)
              }}
              onClose={() => toggle(false)}
            />
          )}
        </div>
        <main ref={screen} tabIndex={-1} className="frame-main">
          {children}
        </main>
      </div>
    </>
  )
}

function Screens({
  onGone,
  onClose,
}: {
  readonly onGone: () => void
  readonly onClose: () => void
}): ReactNode {
  const { pathname } = useLocation()
  const navigate = useNavigate()
  const closeByKey = (event: KeyboardEvent): void => {
    if (event.key === 'Escape' && !BESIDE.matches) onClose()
  }
  return (
    <nav aria-label="Screens" onKeyDown={closeByKey}>
      <SideNavigation
        activeHref={`/${pathname.split('/')[1] ?? ''}`}
        items={NAVIGATION}
        onFollow={(event) => {
          if (event.detail.external === true) return
          event.preventDefault()
          onGone()
          void navigate(event.detail.href)
        }}
      />
    </nav>
  )
}
