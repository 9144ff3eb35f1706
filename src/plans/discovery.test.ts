import assert from 'node:assert/strict'
import { test } from 'node:test'
import { cpuMs } from '../../test/fixtures/cpu-time.ts'
import { isMeant, nameHere, nameStart, templateProblem } from './discovery.ts'
import type { DiscoveryDocument } from './discovery.ts'

const DOCUMENT: DiscoveryDocument = {
  include: ['*'],
  exclude: [],
  mode: 'OFFER',
  nameTemplate: '{name}',
  tags: {},
  intervalMinutes: 60,
}

test('patterns mean names as a shell’s do, and nothing that a restore has under way', () => {
  const meant = (names: readonly string[], rule: Partial<DiscoveryDocument>): readonly string[] =>
    names.filter((name) => isMeant({ ...DOCUMENT, ...rule }, name))
  assert.deepEqual(meant(['a', '.git'], {}), ['a'])
  assert.deepEqual(meant(['a', '.git'], { include: ['.*'] }), ['.git'])
  assert.deepEqual(meant(['prod-1', 'prod-old', 'dev'], { include: ['prod-*'], exclude: ['*old'] }), [
    'prod-1',
  ])
  const own = [`awsbackup-restore-test-${'0'.repeat(32)}`, '.roleback-restore-1']
  assert.deepEqual(meant([...own, 'awsbackup-restore-test-mine'], { include: ['*', '.*'] }), [
    'awsbackup-restore-test-mine',
  ])
})

test('a pattern of many stars is matched without trying all ways', () => {
  const startedAt = cpuMs()
  assert.equal(isMeant({ ...DOCUMENT, include: [`${'a*'.repeat(120)}b`] }, 'a'.repeat(10_000)), false)
  assert.ok(cpuMs() - startedAt < 1_000)
})

test('names are made from a template, and fit the ARNs of their type', () => {
  assert.equal(nameHere('RDS', 'prod-{name}', 'my shop$&'), 'prod-my-shop--')
  assert.equal(nameHere('S3', '{name}', 'Old_Bucket'), 'old-bucket')
  assert.equal(nameHere('EFS', 'tenant {name}', 'a b'), 'tenant a b')
  assert.equal(nameStart('prod-{name}'), 'prod-')
  assert.equal(templateProblem('{name}'), undefined)
  for (const template of ['x', '{name}{name}', '{Name}'])
    assert.match(templateProblem(template) ?? '', /must have \{name\} in it once/)
})
