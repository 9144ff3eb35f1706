import { useSyncExternalStore } from 'react'
import type { SessionView, WorkerCallName, WorkerCalls, WorkerMessage } from './wire.ts'

/** The tab's side of the session: who is signed in, and calls to the worker that holds the key. */

declare global {
  interface WorkerOptions {
    /** The worker outlives its last tab by half a minute. */
    extendedLifetime?: boolean
  }
}

export class SessionError extends Error {
  /** AWS's error code. */
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.name = code
    this.code = code
  }
}

interface Waiting {
  readonly resolve: (output: unknown) => void
  readonly reject: (error: SessionError) => void
}

/** `unknown` until the worker said who is signed in, if anybody. */
export type SessionState = 'unknown' | SessionView | undefined

let state: SessionState = 'unknown'
let hasEnded = false
let lastId = 0
const waiting = new Map<number, Waiting>()
const listeners = new Set<() => void>()

/**
 * It outlives a reload of the only tab by half a minute where the browser knows `extendedLifetime` (Chromium); elsewhere such a reload
 * signs out, since nothing is ever stored.
 */
const worker = new SharedWorker(new URL('./worker.ts', import.meta.url), {
  type: 'module',
  name: 'session',
  extendedLifetime: true,
})

worker.port.addEventListener('message', ({ data }: MessageEvent<WorkerMessage>) => {
  if (data.kind === 'session') {
    state = data.session
    hasEnded = data.hasEnded
    for (const listener of listeners) listener()
    return
  }
  const call = waiting.get(data.id)
  waiting.delete(data.id)
  if (data.kind === 'answer') call?.resolve(data.output)
  else call?.reject(new SessionError(data.failure.code, data.failure.message))
})
worker.port.start()
addEventListener('pagehide', () => worker.port.postMessage('closed'))
addEventListener('pageshow', (event: PageTransitionEvent) => {
  // Back from the history's cache the port is forgotten: begin anew.
  if (event.persisted) location.reload()
})

export async function callWorker<N extends WorkerCallName>(
  name: N,
  input: WorkerCalls[N]['input'],
): Promise<WorkerCalls[N]['output']> {
  const id = ++lastId
  const { promise, resolve, reject } = Promise.withResolvers<unknown>()
  waiting.set(id, { resolve, reject })
  worker.port.postMessage({ id, name, input })
  return (await promise) as WorkerCalls[N]['output']
}

export function sessionNow(): SessionState {
  return state
}

/** Where nobody is signed in: whether somebody was until his session ended without his doing. */
export function sessionHasEnded(): boolean {
  return hasEnded
}

/** What the server says of credentials that it does not take any more. */
const ENDED = /^(ExpiredToken|InvalidClientTokenId|UnrecognizedClient)/

/** For whatever a call failed with: where the server does not take the session any more, it ends here too. */
export async function endIfRefused(error: unknown): Promise<void> {
  if (typeof state === 'object' && error instanceof Error && ENDED.test(error.name))
    await callWorker('endSession', { accessKeyId: state.accessKeyId })
}

export function useSessionState(): SessionState {
  return useSyncExternalStore(subscribe, sessionNow)
}

/** Below the sign-in gate there is always a session. */
export function useSession(): SessionView {
  const session = useSessionState()
  if (session === 'unknown' || session === undefined)
    throw new SessionError('SessionEnded', 'Nobody is signed in')
  return session
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => void listeners.delete(listener)
}
