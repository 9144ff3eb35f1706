import { test } from 'node:test'
import { compareWithReference } from '../../test/policy/differential.ts'

test('evaluate() agrees with the second evaluator', () => {
  compareWithReference({ seed: 20_261_128, decisions: 15_000 })
})
