import type { JobKind, JobState } from '../schema.ts'

/**
 * Which state of a job may follow which, by kind. Every update of a job's state names the states it may come from, taken from
 * here; a state that is no key of its kind's table is an end.
 *
 *     backup    CREATED → RUNNING → COMPLETED | PARTIAL | FAILED | EXPIRED       restore   PENDING → RUNNING → …
 *                  ↑ ↘      ↓ ↘                                                  copy      CREATED → RUNNING → …
 *                                                                                others    as backup, without windows
 *                  │  EXPIRED │ ABORTING → ABORTED
 *                  └──────────┘ a retry inside the start window
 *
 * A cancelled job that was done before it noticed ends as what it is: its recovery point exists.
 */
type Transitions = Readonly<Partial<Record<JobState, readonly JobState[]>>>

const BACKUP: Transitions = {
  CREATED: ['PENDING', 'RUNNING', 'ABORTED', 'EXPIRED', 'FAILED'],
  PENDING: ['CREATED', 'RUNNING', 'ABORTED', 'EXPIRED', 'FAILED'],
  RUNNING: ['CREATED', 'ABORTING', 'COMPLETED', 'PARTIAL', 'FAILED', 'EXPIRED', 'ABORTED'],
  ABORTING: ['ABORTED', 'COMPLETED', 'PARTIAL', 'FAILED'],
}

/** AWS has no ABORTING for restores: a cancelled one stays RUNNING until it ends. */
const RESTORE: Transitions = {
  // Those of restore tests have a start window.
  PENDING: ['RUNNING', 'ABORTED', 'EXPIRED', 'FAILED'],
  RUNNING: ['PENDING', 'COMPLETED', 'FAILED', 'ABORTED'],
}

/** AWS's copies cannot be stopped; those of a vault that goes away, or of a server's operator, can. */
const COPY: Transitions = {
  CREATED: ['RUNNING', 'ABORTED', 'FAILED'],
  RUNNING: ['CREATED', 'COMPLETED', 'FAILED', 'ABORTED'],
}

/** Jobs that AWS has no name for. */
const OWN: Transitions = {
  CREATED: ['RUNNING', 'ABORTED', 'FAILED'],
  RUNNING: ['CREATED', 'ABORTING', 'COMPLETED', 'FAILED', 'ABORTED'],
  ABORTING: ['ABORTED', 'COMPLETED', 'FAILED'],
}

/** Of what an import cannot read the recovery points lack single items. */
const IMPORT: Transitions = {
  ...OWN,
  RUNNING: ['CREATED', 'ABORTING', 'COMPLETED', 'PARTIAL', 'FAILED', 'ABORTED'],
  ABORTING: ['ABORTED', 'COMPLETED', 'PARTIAL', 'FAILED'],
}

export const JOB_TRANSITIONS: Readonly<Record<JobKind, Transitions>> = {
  backup: BACKUP,
  restore: RESTORE,
  copy: COPY,
  'create-vault': OWN,
  'delete-vault': OWN,
  'delete-point': OWN,
  'move-point': OWN,
  'amend-point': OWN,
  'seal-vault': OWN,
  'rotate-key': OWN,
  sweep: OWN,
  verify: OWN,
  repair: OWN,
  search: OWN,
  export: OWN,
  import: IMPORT,
  report: OWN,
  'test-connection': OWN,
  'check-restore': OWN,
  discover: OWN,
  'validate-restore-test': OWN,
  'delete-restore-test': OWN,
}

/** A job of these waits to be claimed. */
export const WAITING_STATES: readonly JobState[] = ['CREATED', 'PENDING']
/** A job of these is held by a worker, or was when that died. */
export const ACTIVE_STATES: readonly JobState[] = ['RUNNING', 'ABORTING']
export const UNFINISHED_STATES: readonly JobState[] = [...WAITING_STATES, ...ACTIVE_STATES]

/** The state a job begins in, and goes back to for a retry. */
export function firstState(kind: JobKind): JobState {
  return kind === 'restore' ? 'PENDING' : 'CREATED'
}

export function isFinished(state: JobState): boolean {
  return !UNFINISHED_STATES.includes(state)
}

/** The states from which a job of `kind` may come to `to`. @throws When none may: the caller is wrong. */
export function statesBefore(kind: JobKind, to: JobState): JobState[] {
  const from = Object.entries(JOB_TRANSITIONS[kind])
    .filter(([, next]) => next.includes(to))
    .map(([state]) => state as JobState)
  if (from.length === 0) throw new Error(`a ${kind} job never becomes ${to}`)
  return from
}
