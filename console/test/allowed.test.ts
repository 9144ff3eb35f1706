import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allowedText, inWords } from '../src/parts/allowed.ts'

test('allowedText() says what simple patterns allow, and nothing of others', () => {
  const texts: Readonly<Record<string, string | undefined>> = {
    '^[a-zA-Z0-9\\-\\_]{2,50}$': '2 to 50 letters, digits, hyphens and underscores',
    '[\\w+=,.@-]+': 'letters, digits, underscores, dots, hyphens and any of +=,@',
    '[a-zA-Z][_a-zA-Z0-9]*': 'underscores, letters and digits, beginning with a letter',
    '^[0-9]{12}$': '12 digits',
    '^[a-z0-9][a-z0-9-]*$':
      'lower-case letters, digits and hyphens, beginning with a lower-case letter or digit',
    '[\\u0020-\\u00FF]+': undefined,
    '^[ -~]+$': undefined,
    '^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$': undefined,
    '.*\\S.*': undefined,
  }
  for (const [pattern, text] of Object.entries(texts)) assert.equal(allowedText(pattern), text, pattern)
})

test('inWords() names the fields of a refused input, and leaves other messages alone', () => {
  assert.equal(
    inWords(
      "2 validation errors detected: Value 'x; Value' at 'backupPlan.rules.1.member.ruleName' failed to satisfy constraint: " +
        "Member must satisfy regular expression pattern: ^[a-zA-Z0-9\\-\\_\\.]{1,50}$; Value null at 'roleName' failed to " +
        'satisfy constraint: Member must not be null',
    ),
    'Rule name “x; Value” is not allowed: use 1 to 50 letters, digits, hyphens, underscores and dots. Role name is missing.',
  )
  assert.equal(
    inWords(
      "1 validation error detected: Value '0' at 'maxResults' failed to satisfy constraint: Member must have value greater than or equal to 1",
    ),
    'Max results “0” must be at least 1.',
  )
  assert.equal(
    inWords(
      "1 validation error detected: Value '' at 'name' failed to satisfy constraint: Member must have length greater than or equal to 1",
    ),
    'Name is missing.',
  )
  assert.equal(inWords('Backup vault "x" exists'), 'Backup vault "x" exists')
})
