import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JOB_TRANSITIONS } from '../store/jobs/job-states.ts'
import { HEAVY, LIGHT } from './runners.ts'

test('every kind of job runs in exactly one lane', () => {
  const lanes = [...Object.keys(HEAVY), ...Object.keys(LIGHT)].toSorted()
  assert.deepEqual(lanes, Object.keys(JOB_TRANSITIONS).toSorted())
})
