import assert from 'node:assert/strict'
import { test } from 'node:test'
import { firstState, isFinished, JOB_TRANSITIONS, statesBefore, UNFINISHED_STATES } from './job-states.ts'
import type { JobKind, JobState } from '../schema.ts'

const KINDS = Object.keys(JOB_TRANSITIONS) as JobKind[]

function reachable(kind: JobKind, from: JobState): Set<JobState> {
  const found = new Set<JobState>([from])
  for (const state of found) for (const next of JOB_TRANSITIONS[kind][state] ?? []) found.add(next)
  return found
}

test('every state of every kind is reached from its first one, and every unfinished one can still end', () => {
  for (const kind of KINDS) {
    const states = reachable(kind, firstState(kind))
    for (const state of Object.keys(JOB_TRANSITIONS[kind]))
      assert.ok(states.has(state as JobState), `${kind} ${state}`)
    for (const state of states) {
      const ends = [...reachable(kind, state)].filter(isFinished)
      assert.ok(ends.length > 0, `${kind} ${state} never ends`)
      if (isFinished(state)) assert.deepEqual(JOB_TRANSITIONS[kind][state], undefined)
      else assert.ok(UNFINISHED_STATES.includes(state) && ends.includes('FAILED'))
    }
  }
})

test('statesBefore() names where a state may come from, and throws for one the kind does not have', () => {
  assert.deepEqual(statesBefore('backup', 'PARTIAL'), ['RUNNING', 'ABORTING'])
  assert.deepEqual(statesBefore('restore', 'COMPLETED'), ['RUNNING'])
  assert.throws(() => statesBefore('restore', 'ABORTING'), /a restore job never becomes ABORTING/)
})
