import assert from 'node:assert/strict'
import { test } from 'node:test'
import { namesIn } from './postgresql-query-text.ts'

test('a query’s names are those outside of its numbers, strings and comments', () => {
  assert.deepEqual(
    namesIn(
      "SELECT 1.5e3, .25, 1e+2::int, 0x1F, 1_000, a[1:2], 'b', E'\\'c', $d$ e $d$ /* f /* g */ */ -- h\t",
    ),
    ['select', 'int', 'a'],
  )
  assert.deepEqual(namesIn('SELECT "Big""Name", Folded -- \u00a0\r, behind'), [
    'select',
    'Big"Name',
    'folded',
    'behind',
  ])
})
