import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AwsError } from '../aws/error.ts'
import { awsCliWarning, parseAwsVersion } from './aws-cli.ts'
import { isAtLeast, nodeCheck, skewCheck } from './server/doctor-checks.ts'
import { progressLine } from './jobs/follow-job.ts'
import { decisionTable } from './jobs/job.ts'
import { factsOf, humanBytes, shellWord, tableOf } from './output.ts'
import { CommandError, CommandUsageError, describeError, exitCodeFor } from './report.ts'
import { collect, portOf, tagsOf, tlsModeOf } from './option-values.ts'
import { checked } from './secret-input.ts'
import { firstStartLines } from './server/serve.ts'

test('humanBytes() counts in powers of 1024', () => {
  const shown = [0, 1023, 1024, 1536, 10 * 1024, 1024 ** 2 * 2.25, 1024 ** 6].map(humanBytes)
  assert.deepEqual(shown, ['0 B', '1023 B', '1.0 KiB', '1.5 KiB', '10 KiB', '2.3 MiB', '1024 PiB'])
})

test('tableOf() and factsOf() align columns and escape what could steer a terminal', () => {
  assert.equal(
    tableOf(
      ['A', 'LONGER'],
      [
        ['xyz', '1'],
        ['\u001B[2J', 'ü'],
      ],
    ),
    'A          LONGER\nxyz        1\n\\u{1b}[2J  ü',
  )
  assert.equal(factsOf({ a: 1, long: 'x\ny', gone: undefined }), 'a     1\nlong  x\\u{a}y')
})

test('shellWord() quotes only what a shell would read otherwise', () => {
  assert.deepEqual(['a-b/c:d=e', "it's", 'a b', '$HOME', ''].map(shellWord), [
    'a-b/c:d=e',
    "'it'\\''s'",
    "'a b'",
    "'$HOME'",
    "''",
  ])
})

test('describeError() is one line with the code of an answer or advice for an error of the system', () => {
  assert.equal(
    describeError(new AwsError('NoSuchEntity', 404, 'There is\nnone')),
    'NoSuchEntity: There is\\u{a}none',
  )
  const refused = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' })
  assert.match(
    describeError(new Error('Could not reach it', { cause: refused })),
    /^Could not reach it\. Start the server/,
  )
  assert.equal(describeError(new Error('plain')), 'plain')
})

test('exitCodeFor() tells wrong use from failure', () => {
  assert.deepEqual(
    [new CommandUsageError('x'), new CommandError('x'), new Error('x')].map(exitCodeFor),
    [2, 1, 1],
  )
})

test('tagsOf(), portOf() and tlsModeOf() accept what they promise and nothing else', () => {
  assert.deepEqual(tagsOf(collect('b=', collect('a=1=2'))), [
    { Key: 'a', Value: '1=2' },
    { Key: 'b', Value: '' },
  ])
  assert.throws(() => tagsOf(['=v']), { name: 'CommandUsageError' })
  assert.equal(portOf('5432'), 5432)
  for (const bad of ['0', '65536', '5e3', ' 1', ''])
    assert.throws(() => portOf(bad), { name: 'CommandUsageError' })
  assert.equal(tlsModeOf(undefined), undefined)
  assert.throws(() => tlsModeOf('prefer'), { name: 'CommandUsageError' })
})

test('checked() drops one line break at the end of a secret and refuses several lines', () => {
  assert.equal(checked(' s3cret \r\n', 'password', 'x'), ' s3cret ')
  for (const bad of ['', '\n', 'a\nb\n', 'a\n\n']) assert.throws(() => checked(bad, 'password', 'x'))
})

test('parseAwsVersion() knows which aws CLI follows AWS_ENDPOINT_URL', () => {
  const knows = (version: string): boolean | undefined => {
    const cli = parseAwsVersion(`aws-cli/${version} Python/3.11.7 Linux/6.1 botocore/1.43.11`)
    return cli.kind === 'found' ? cli.knowsEndpointVariable : undefined
  }
  assert.deepEqual(['1.28.9', '1.29.0', '2.12.7', '2.13.0', '1.100.0'].map(knows), [
    false,
    true,
    false,
    true,
    true,
  ])
  assert.match(
    awsCliWarning(parseAwsVersion('aws-cli/1.19.1 Python/3.9')) ?? '',
    /1\.19\.1 is older than 1\.29/,
  )
  assert.equal(awsCliWarning(parseAwsVersion('aws-cli/2.15.0')), undefined)
  assert.match(awsCliWarning(parseAwsVersion('nonsense')) ?? '', /could not be read/)
})

test('progressLine() tells state, share, size, counts and the reason', () => {
  const base = { JobId: 'j', JobType: 'backup' }
  assert.equal(progressLine('backup', { ...base, State: 'CREATED' }), 'backup  CREATED')
  assert.equal(
    progressLine('backup', {
      ...base,
      State: 'RUNNING',
      PercentDone: 42.9,
      BytesDone: 1024,
      BytesTotal: 2048,
      ItemsDone: 3,
    }),
    'backup  RUNNING  42%  1.0 KiB of 2.0 KiB  3 items',
  )
  assert.equal(
    progressLine('x', { ...base, State: 'FAILED', BytesDone: 0, ItemsFailed: 2, StatusMessage: 'no\rright' }),
    'x  FAILED  2 failed: no\\u{d}right',
  )
})

test('decisionTable() puts the reason below a denial', () => {
  const decision = {
    Step: 'Backup',
    IsOptional: false,
    Action: 'elasticfilesystem:Backup',
    ResourceArn: 'arn:a',
    Count: 2,
  }
  const allow = {
    ...decision,
    Effect: 'Allow',
    PolicyArn: 'arn:aws:iam::aws:policy/service-role/P',
    StatementId: 'S',
    Reason: 'r',
  }
  const deny = { ...decision, Effect: 'Deny', Reason: 'because' }
  const lines = decisionTable([allow, deny, { ...deny, IsOptional: true }]).split('\n')
  assert.equal(lines.length, 6)
  assert.match(lines[4] as string, /^Backup\s+Deny, goes on without\s/)
  assert.match(lines[1] as string, /^Backup\s+Allow\s+elasticfilesystem:Backup\s+2\s+arn:a\s+P S$/)
  assert.equal(lines[3], '  because')
})

test('doctor judges versions and clocks', () => {
  assert.equal(isAtLeast('3.51.3', [3, 51, 3]), true)
  assert.equal(isAtLeast('3.51.2', [3, 51, 3]), false)
  assert.equal(isAtLeast('24.2.0', [24, 15]), false)
  assert.equal(nodeCheck('22.9.0').status, 'bad')
  const now = Date.parse('Tue, 24 Nov 2026 03:00:00 GMT')
  const at = (offset: number): string => skewCheck(new Date(now + offset).toUTCString(), now).status
  assert.deepEqual([at(0), at(-10_000), at(400_000)], ['ok', 'hint', 'bad'])
  assert.equal(skewCheck(undefined, now).status, 'hint')
})

test('R12 firstStartLines() shows the root key on a terminal only', () => {
  const first = {
    credentialsFile: '/d/root-credentials',
    accessKeyId: 'AKIAX',
    secretAccessKey: 'canary-secret',
    kitFile: '/k',
    passphraseFile: '/p',
  }
  assert.match(firstStartLines(first, true).join('\n'), /canary-secret/)
  const quiet = firstStartLines(first, false).join('\n')
  assert.doesNotMatch(quiet, /canary-secret|AKIAX/)
  assert.match(quiet, /\/d\/root-credentials/)
})
