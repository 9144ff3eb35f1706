import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { parseProfiles } from '../src/cli/aws-profile.ts'
import { compareTrees } from '../src/cli/quickstart/compare-trees.ts'
import { SAMPLE } from '../src/cli/quickstart/quickstart-places.ts'
import { roleback, startRoleback } from './fixtures/command-line.ts'

const scratch = mkdtempSync(join(tmpdir(), 'roleback-quickstart-'))
after(() => rmSync(scratch, { recursive: true }))
const dataDir = join(scratch, 'data')
const ARGS = ['quickstart', '--no-serve', '--listen', '127.0.0.1:0', '--data-dir', dataDir] as const
const REFUSED =
  /AccessDeniedException: User: arn:aws:iam::\d{12}:user\/dba is not authorized to perform: iam:PassRole on resource: arn:aws:iam::\d{12}:role\/service-role\/AWSBackupDefaultServiceRole because \S/

/** The directories that restores have made so far. */
const restored = (): string[] => readdirSync(`${dataDir}-restored`).toSorted()

test('quickstart backs up, restores, compares and shows a refusal, and again on the same data', async (t) => {
  await t.test('the first run ends with an identical tree and everything to go on by hand', async () => {
    const { code, stdout, stderr } = await roleback(ARGS)
    assert.equal(code, 0, stdout + stderr)
    assert.match(stdout, /^compared {4}identical: \d+ files, \d+ bytes$/m)
    assert.doesNotMatch(stdout, /incremental|from an earlier run/)
    assert.match(stdout, REFUSED)
    assert.match(stdout, /^export AWS_SHARED_CREDENTIALS_FILE=\S+quickstart-credentials$/m)
    for (const words of [
      'start-backup-job',
      'describe-backup-job',
      'start-restore-job',
      'list-recovery-points-by-backup-vault',
    ]) {
      assert.match(
        stdout,
        new RegExp(`^aws --endpoint-url http://127.0.0.1:\\d+ --profile roleback-\\w+ backup ${words} `, 'm'),
      )
    }
    assert.match(stdout, new RegExp(`recovery kit\\s+${dataDir}-recovery/recovery-kit.txt`))
    assert.match(stdout, /move them\s+away from this machine/)
  })

  await t.test(
    'the restored directory is the sample, to an eye that the quickstart does not share',
    async () => {
      const [name] = restored()
      assert.equal(restored().length, 1)
      const found = await compareTrees(SAMPLE, join(`${dataDir}-restored`, name as string), {
        comparesOwners: true,
      })
      assert.deepEqual(found.differences, [])
      assert.ok(found.files >= 25 && found.items > found.files)
    },
  )

  await t.test('files with secrets are for their owner alone, and nothing secret is printed', async () => {
    const credentials = join(dataDir, 'quickstart-credentials')
    assert.equal(statSync(credentials).mode & 0o777, 0o600)
    assert.equal(statSync(dataDir).mode & 0o777, 0o700)
    assert.deepEqual(
      [...parseProfiles(readFileSync(credentials, 'utf8')).keys()],
      ['roleback-admin', 'roleback-dba'],
    )
  })

  await t.test(
    'the second run uses what is there, reads nothing that has not changed, and restores beside',
    async () => {
      const before = readFileSync(join(dataDir, 'quickstart-credentials'), 'utf8')
      const { code, stdout, stderr } = await roleback(ARGS)
      assert.equal(code, 0, stdout + stderr)
      assert.match(stdout, /^resource {4}.* \(from an earlier run\)$/m)
      assert.match(stdout, /incremental: \d+ of \d+ items were unchanged/)
      assert.match(stdout, /^compared {4}identical: /m)
      assert.match(stdout, REFUSED)
      assert.equal(restored().length, 2)
      assert.equal(readFileSync(join(dataDir, 'quickstart-credentials'), 'utf8'), before)
      for (const profile of parseProfiles(before).values()) {
        assert.ok(!stdout.includes(profile['aws_secret_access_key'] as string))
      }
    },
  )

  await t.test(
    'with --json it prints one JSON value, and with another path registers another resource',
    async () => {
      const source = join(scratch, 'mine')
      mkdirSync(source)
      writeFileSync(join(source, 'file'), 'content')
      const { code, stdout, stderr } = await roleback([...ARGS, '--json', source])
      assert.equal(code, 0, stdout + stderr)
      const result = JSON.parse(stdout) as Record<string, unknown>
      assert.deepEqual(
        [result['source'], result['files'], result['bytes'], result['isIdentical']],
        [source, 1, 7, true],
      )
      assert.match(result['refusal'] as string, REFUSED)
    },
  )
})

test('quickstart refuses a path that holds its own data, and says what to do', async () => {
  const { code, stderr } = await roleback(['quickstart', '--no-serve', scratch, '--data-dir', dataDir])
  assert.equal(code, 2)
  assert.match(
    stderr,
    /^roleback quickstart: Cannot back up ".*": it overlaps ".*\/data", which the server writes to\. .*--data-dir\n$/,
  )
})

test('quickstart goes on serving until it is told to end, and the printed dba is refused there, too', async () => {
  const server = await startRoleback(['quickstart', '--listen', '127.0.0.1:0', '--data-dir', dataDir])
  const env = {
    AWS_ENDPOINT_URL: server.url,
    AWS_SHARED_CREDENTIALS_FILE: join(dataDir, 'quickstart-credentials'),
  }
  const as = (profile: string, args: readonly string[]): ReturnType<typeof roleback> =>
    roleback(args, { env: { ...env, AWS_PROFILE: profile } })
  try {
    const guard = await as('roleback-admin', ['guard', '--json'])
    assert.deepEqual(JSON.parse(guard.stdout), { RestoreGuard: 'enforce' })
    const role = await as('roleback-admin', ['role', 'create-default', '--json'])
    assert.equal((JSON.parse(role.stdout) as { Created: boolean }).Created, false)
    const refused = await as('roleback-dba', ['role', 'create-default'])
    assert.equal(refused.code, 1)
    assert.match(
      refused.stderr,
      /^roleback role create-default: AccessDeniedException: User: .*user\/dba is not authorized/,
    )
    const job = /--backup-job-id (\S+)/.exec(server.printed().stdout)?.[1] as string
    const shown = await as('roleback-admin', ['job', 'show', job])
    assert.match(shown.stdout, /^state\s+COMPLETED$/m)
    const decisions = await as('roleback-admin', ['job', 'decisions', job])
    assert.match(decisions.stdout, /Allow\s+elasticfilesystem:Backup\s+1\s+arn:aws:elasticfilesystem:/)
    const listed = await as('roleback-admin', ['resource', 'list'])
    assert.match(listed.stdout, new RegExp(`^sample\\s+EFS\\s+${SAMPLE}`, 'm'))
    const verified = await as('roleback-admin', ['vault', 'verify', 'quickstart'])
    assert.equal(verified.code, 0, verified.stderr)
    const swept = await as('roleback-admin', ['vault', 'sweep', 'quickstart', '--json'])
    assert.equal((JSON.parse(swept.stdout) as { State: string }).State, 'COMPLETED', swept.stderr)
    const well = await as('roleback-admin', ['doctor', '--data-dir', dataDir, '--json'])
    assert.equal(well.code, 0, well.stdout)
  } finally {
    assert.equal((await server.stop()).code, 0)
  }
})
