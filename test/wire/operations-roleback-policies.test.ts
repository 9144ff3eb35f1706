import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import type { InputOf, OutputOf } from '../../src/aws/client.ts'
import { AwsError } from '../../src/aws/error.ts'
import { roleback } from '../fixtures/command-line.ts'
import { allow, makeUser, openWorld, policy } from '../fixtures/world.ts'

/** What is wrong with a policy: told when it is asked, and at the door only where AWS would refuse it. */

const world = await openWorld()
after(() => world[Symbol.asyncDispose]())

async function call(
  operation: 'ValidatePolicy',
  input: InputOf<'roleback', 'ValidatePolicy'>,
): Promise<OutputOf<'roleback', 'ValidatePolicy'>> {
  return await world.call('roleback', operation, input)
}

test('ValidatePolicy finds a slip in a policy that is stored all the same', async () => {
  const PolicyDocument = policy(allow('backup:DescribeBackupVault'), allow('backup:DescribeBackupVaults'))
  const { Findings } = await call('ValidatePolicy', { PolicyDocument, PolicyType: 'IDENTITY' })
  assert.deepEqual(
    Findings.map(({ Severity, Code, Path, Line }) => [Severity, Code, Path, Line]),
    [['ERROR', 'UnknownAction', 'Statement[1].Action', 1]],
  )
  await makeUser(world, 'slip')
  await world.call('iam', 'PutUserPolicy', { UserName: 'slip', PolicyName: 'slip', PolicyDocument })
  await assert.rejects(call('ValidatePolicy', { PolicyDocument, PolicyType: 'OTHER' as 'IDENTITY' }), {
    code: 'InvalidParameterValueException',
  })
})

test('ValidatePolicy looks at a vault’s policy as its caller’s', async () => {
  const Action = ['backup:PutBackupVaultAccessPolicy', 'backup:DeleteBackupVaultAccessPolicy']
  const PolicyDocument = policy({ Effect: 'Deny', Principal: '*', Action, Resource: '*' })
  const ResourceArn = `arn:aws:backup:${world.region}:${world.accountId}:backup-vault:v`
  const { Findings } = await call('ValidatePolicy', {
    PolicyDocument,
    PolicyType: 'BACKUP_VAULT',
    ResourceArn,
  })
  assert.deepEqual(
    Findings.map(({ Code }) => Code),
    ['LocksOutAuthor'],
  )
})

test('a malformed policy is refused with the place', async () => {
  const PolicyDocument =
    '{\n  "Version": "2012-10-17",\n  "Statement": { "Effect": "allow", "Action": "*", "Resource": "*" }\n}'
  await assert.rejects(
    world.call('iam', 'CreatePolicy', { PolicyName: 'malformed', PolicyDocument }),
    (error: unknown) =>
      error instanceof AwsError &&
      error.code === 'MalformedPolicyDocument' &&
      error.message ===
        'Syntax errors in policy. (Statement.Effect, line 3, column 28: neither "Allow" nor "Deny")',
  )
})

test('`roleback policy lint` prints findings as editors read them, and ends with 1 at an error', async () => {
  const file = join(world.scratch, 'policy.json')
  writeFileSync(file, policy(allow('iam:GetRol')))
  const wrong = await roleback(['policy', 'lint', file])
  assert.equal(wrong.code, 1)
  assert.match(
    wrong.stdout,
    /policy\.json:1:\d+: error: There is no action iam:GetRol\. Did you mean iam:GetRole\? \[UnknownAction at Statement\[0\]\.Action\]\n$/,
  )
  const right = await roleback(['policy', 'lint', '-'], { input: policy(allow('iam:GetRole')) })
  assert.deepEqual([right.code, right.stdout, right.stderr], [0, '', 'nothing found\n'])
  const trust = policy({
    Effect: 'Allow',
    Principal: { Service: 'backup.amazonaws.com' },
    Action: 'sts:AssumeRole',
  })
  const asIdentity = await roleback(['policy', 'lint', '-', '--json'], { input: trust })
  assert.equal(asIdentity.code, 1)
  assert.equal((JSON.parse(asIdentity.stdout) as readonly { Code: string }[])[0]?.Code, 'SyntaxError')
  assert.equal((await roleback(['policy', 'lint', '-', '--type', 'trust'], { input: trust })).code, 0)
  assert.equal((await roleback(['policy', 'lint', '-', '--type', 'other'], { input: trust })).code, 2)
})
