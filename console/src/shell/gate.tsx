import './shell.css'
import { useQueryClient } from '@tanstack/react-query'
import { Suspense, lazy, useEffect, useRef } from 'react'
import type { ReactNode } from 'react'
import { useSessionState } from '../session/session.ts'

const Shell = lazy(async () => ({ default: (await import('./shell.tsx')).Shell }))
const SignIn = lazy(async () => ({ default: (await import('./sign-in.tsx')).SignIn }))

/** Whoever is signed in sees the console, everybody else the way in. */
export function Gate(): ReactNode {
  const session = useSessionState()
  const queries = useQueryClient()
  const who = typeof session === 'object' ? `${session.arn} ${session.region}` : undefined
  const last = useRef(who)
  useEffect(() => {
    // What one identity was shown is not for the next.
    if (last.current !== who) queries.clear()
    last.current = who
  }, [who, queries])
  if (session === 'unknown') return null
  return <Suspense fallback={null}>{session === undefined ? <SignIn /> : <Shell key={who} />}</Suspense>
}
