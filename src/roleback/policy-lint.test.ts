import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import fc from 'fast-check'
import type { PrincipalView } from '../policy/evaluate.ts'
import type { Finding } from '../policy/lint.ts'
import { lintedAs } from './policy-lint.ts'
import type { PolicyType } from './policy-lint.ts'
import { cpuMs } from '../../test/fixtures/cpu-time.ts'

const VAULT = 'arn:aws:backup:us-east-1:111122223333:backup-vault:v'
const ALLOW = { Effect: 'Allow', Action: 'backup:DescribeBackupVault', Resource: VAULT }
const AUTHOR: PrincipalView = {
  kind: 'user',
  arn: 'arn:aws:iam::111122223333:user/alice',
  accountId: '111122223333',
  uniqueId: 'AIDAALICE',
}
const OIDC = {
  Effect: 'Allow',
  Principal: { Federated: 'arn:aws:iam::111122223333:oidc-provider/token.actions.githubusercontent.com' },
  Action: 'sts:AssumeRoleWithWebIdentity',
}
const AUDIENCE = { 'token.actions.githubusercontent.com:aud': 'sts.amazonaws.com' }

interface Case {
  readonly name: string
  readonly statement: object
  readonly type?: PolicyType
  readonly version?: string
  /** `SEVERITY CODE PATH`, in order. */
  readonly found: readonly string[]
}

const at = (condition: object): object => ({ ...ALLOW, Condition: condition })

const CASES: readonly Case[] = [
  { name: 'nothing', statement: ALLOW, found: [] },
  {
    name: 'an unknown service',
    statement: { ...ALLOW, Action: 'bakup:List*' },
    found: ['ERROR UnknownService Action'],
  },
  {
    name: 'an unknown action among known ones',
    statement: { ...ALLOW, Action: ['backup:DescribeBackupVault', 'backup:DescribeBackupVaults'] },
    found: ['ERROR UnknownAction Action[1]'],
  },
  {
    name: 'a wildcard that matches nothing',
    statement: { ...ALLOW, Action: 'backup:Frobnicate*' },
    found: ['ERROR UnknownAction Action'],
  },
  {
    name: 'a NotAction with a slip',
    statement: { ...ALLOW, Action: undefined, NotAction: ['iam:Passrol'] },
    found: ['WARNING AllowsAllBut NotAction', 'ERROR UnknownAction NotAction[0]'],
  },
  {
    name: 'an operation of our own',
    statement: {
      ...ALLOW,
      Action: ['roleback:RegisterResource', 'roleback:RestoreUnreadable'],
      Resource: '*',
    },
    found: [],
  },
  {
    name: 'a resource of another kind',
    statement: { ...ALLOW, Action: 'rds:CreateDBSnapshot' },
    found: ['ERROR NeverMatches ', 'WARNING UnsupportedResource Resource'],
  },
  {
    name: 'one resource of another kind',
    statement: { ...ALLOW, Resource: [VAULT, 'arn:aws:iam::111122223333:role/x'] },
    found: ['WARNING UnsupportedResource Resource[1]'],
  },
  {
    name: 'an action that is about none of the resources',
    statement: { ...ALLOW, Action: ['backup:DescribeBackupVault', 'iam:GetRole'] },
    found: ['WARNING ActionWithoutResource Action[1]'],
  },
  {
    name: 'an action without a resource',
    statement: { ...ALLOW, Action: 'backup:ListBackupVaults' },
    found: ['SUGGESTION ActionWithoutResource Action'],
  },
  {
    name: 'a variable in a resource',
    statement: { ...ALLOW, Resource: `${VAULT}-\${aws:username}` },
    found: [],
  },
  {
    name: 'a variable that nobody has',
    statement: { ...ALLOW, Resource: `${VAULT}-\${aws:usernam}` },
    found: ['ERROR UnknownConditionKey Resource'],
  },
  {
    name: 'a variable without the version',
    statement: { ...ALLOW, Resource: `${VAULT}-\${aws:username}` },
    version: '2008-10-17',
    found: ['SUGGESTION OldVersion Version', 'WARNING VariableNeedsVersion Resource'],
  },
  {
    name: 'an unknown key',
    statement: at({ StringEquals: { 'aws:PrincipleArn': 'x' } }),
    found: ['ERROR UnknownConditionKey Condition.StringEquals.aws:PrincipleArn'],
  },
  {
    name: 'a key of a tag',
    statement: at({ StringEquals: { 'aws:ResourceTag/stage': 'prod', 'aws:PrincipalTag/team': 'a' } }),
    found: [],
  },
  { name: 'a key of ours', statement: at({ StringEquals: { 'roleback:ResourceType': 'RDS' } }), found: [] },
  {
    name: 'several values without a set operator',
    statement: at({ StringEquals: { 'aws:TagKeys': 'a' } }),
    found: ['ERROR NeedsSetOperator Condition.StringEquals.aws:TagKeys'],
  },
  {
    name: 'ForAllValues alone',
    statement: at({ 'ForAllValues:StringEquals': { 'aws:TagKeys': 'a' } }),
    found: ['WARNING ForAllValuesAlone Condition.ForAllValues:StringEquals.aws:TagKeys'],
  },
  {
    name: 'ForAllValues of a key that is there',
    statement: at({ 'ForAllValues:StringEquals': { 'aws:TagKeys': 'a' }, Null: { 'aws:TagKeys': 'false' } }),
    found: [],
  },
  {
    name: 'a number that is none',
    statement: at({ NumericLessThan: { 'aws:MultiFactorAuthAge': 'ten' } }),
    found: ['ERROR InvalidConditionValue Condition.NumericLessThan.aws:MultiFactorAuthAge'],
  },
  {
    name: 'a block that is none',
    statement: at({ IpAddress: { 'aws:SourceIp': '10.0.0.0/33' } }),
    found: ['ERROR InvalidConditionValue Condition.IpAddress.aws:SourceIp'],
  },
  {
    name: 'a wildcard as text',
    statement: at({ StringEquals: { 'aws:username': 'a*' } }),
    found: ['WARNING WildcardWithoutLike Condition.StringEquals.aws:username'],
  },
  {
    name: 'conditions that exclude each other',
    statement: at({
      StringEquals: { 'aws:username': 'a' },
      StringEqualsIgnoreCase: {},
      'ForAnyValue:StringEquals': {},
      Null: { 'aws:username': 'true' },
    }),
    found: ['ERROR NeverMatches Condition.Null.aws:username'],
  },
  {
    name: 'passing every role',
    statement: { ...ALLOW, Action: 'iam:PassRole', Resource: '*' },
    found: ['WARNING PassesEveryRole Action'],
  },
  {
    name: 'OIDC without a subject',
    statement: { ...OIDC, Condition: { StringEquals: AUDIENCE } },
    type: 'TRUST',
    found: ['ERROR OidcWithoutSubject Condition'],
  },
  {
    name: 'OIDC with any subject',
    statement: {
      ...OIDC,
      Condition: { StringEquals: AUDIENCE, StringLike: { 'token.actions.githubusercontent.com:sub': '*' } },
    },
    type: 'TRUST',
    found: ['ERROR OidcWithoutSubject Condition'],
  },
  {
    name: 'OIDC with a subject',
    statement: {
      ...OIDC,
      Condition: {
        StringEquals: {
          ...AUDIENCE,
          'token.actions.githubusercontent.com:sub': 'repo:a/b:ref:refs/heads/main',
        },
      },
    },
    type: 'TRUST',
    found: [],
  },
  {
    name: 'a trust in nobody',
    statement: { ...OIDC, Effect: 'Deny' },
    type: 'TRUST',
    found: ['WARNING AdmitsNobody '],
  },
  {
    name: 'a vault open to everybody',
    statement: { ...ALLOW, Resource: '*', Principal: '*' },
    type: 'BACKUP_VAULT',
    found: ['WARNING EverybodyAllowed Principal'],
  },
  {
    name: 'a vault policy that grants other accounts what it cannot',
    statement: { ...ALLOW, Resource: '*', Principal: { AWS: ['111122223333', '999988887777'] } },
    type: 'BACKUP_VAULT',
    found: ['WARNING GrantsNothing Action'],
  },
  {
    name: 'a wildcard in a vault policy',
    statement: { ...ALLOW, Action: 'backup:*', Principal: '*' },
    type: 'BACKUP_VAULT',
    found: ['ERROR SyntaxError Action'],
  },
  {
    name: 'a vault policy that its author could not change',
    statement: {
      Effect: 'Deny',
      Principal: '*',
      Action: ['backup:PutBackupVaultAccessPolicy', 'backup:DeleteBackupVaultAccessPolicy'],
      Resource: '*',
    },
    type: 'BACKUP_VAULT',
    found: ['ERROR LocksOutAuthor '],
  },
  {
    name: 'a policy that its author could not take off',
    statement: { Effect: 'Deny', Action: 'iam:*', Resource: '*' },
    found: ['WARNING LocksOutAuthor '],
  },
  {
    name: 'a policy that takes away what its author could take it off with, unless he has a second factor',
    statement: {
      Effect: 'Deny',
      Action: 'iam:*',
      Resource: '*',
      Condition: { BoolIfExists: { 'aws:MultiFactorAuthPresent': 'false' } },
    },
    found: [],
  },
  {
    name: 'a trust policy that denies the role to its author',
    statement: [
      { Effect: 'Allow', Principal: { AWS: AUTHOR.accountId }, Action: 'sts:AssumeRole' },
      { Effect: 'Deny', Principal: { AWS: AUTHOR.arn }, Action: 'sts:*' },
    ],
    type: 'TRUST',
    found: ['WARNING LocksOutAuthor '],
  },
  {
    name: 'a trust policy that denies the role to somebody else, and leaves its author out',
    statement: [
      { Effect: 'Allow', Principal: { Service: 'backup.amazonaws.com' }, Action: 'sts:AssumeRole' },
      { Effect: 'Deny', Principal: { AWS: `${AUTHOR.arn}x` }, Action: 'sts:AssumeRole' },
    ],
    type: 'TRUST',
    found: [],
  },
]

const lint = ({ statement, type = 'IDENTITY', version = '2012-10-17' }: Case): readonly Finding[] =>
  lintedAs(JSON.stringify({ Version: version, Statement: statement }, undefined, 1), type, {
    author: AUTHOR,
    resourceArn: VAULT,
  })

for (const one of CASES) {
  test(`the linter finds ${one.name}`, () => {
    const found = lint(one).map(
      ({ severity, code, path }) => `${severity} ${code} ${path.replace(/^Statement\.?/, '')}`,
    )
    assert.deepEqual(found.toSorted(), one.found.toSorted())
  })
}

test('a finding has the line and the column of what it is about', () => {
  const text =
    '{\n  "Version": "2012-10-17",\n  "Statement": [\n    { "Effect": "Allow", "Action": ["iam:GetRole", "iam:GetRol"], "Resource": "*" }\n  ]\n}'
  const [finding] = lintedAs(text, 'IDENTITY')
  assert.deepEqual(
    [finding?.path, finding?.Line, finding?.Column],
    ['Statement[0].Action[1]', 4, (text.split('\n')[3]?.indexOf('"iam:GetRol"') as number) + 1],
  )
  assert.match(finding?.message ?? '', /Did you mean iam:GetRole\?/)
  const broken = lintedAs('{\n "Version": "2012-10-17",\n "Statement": [ }', 'IDENTITY')
  assert.deepEqual(
    broken.map(({ code, Line, Column }) => [code, Line, Column]),
    [['SyntaxError', 3, 17]],
  )
})

test('none of the built-in policies has an error', () => {
  const folder = join(import.meta.dirname, '..', 'access', 'managed')
  for (const file of readdirSync(folder)) {
    const { document } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as { document: object }
    const errors = lintedAs(JSON.stringify(document), 'IDENTITY').filter(
      ({ severity }) => severity === 'ERROR',
    )
    assert.deepEqual(errors, [], file)
  }
})

test('every action and condition key of ours that is documented is known', () => {
  const page = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'condition-keys.md'), 'utf8')
  const names = new Set([...page.matchAll(/`(roleback:\w+)`/g)].map(([, name = '']) => name))
  assert.ok(names.size > 20)
  for (const name of names) {
    const codes = [{ ...ALLOW, Action: name, Resource: '*' }, at({ StringEquals: { [name]: 'x' } })].map(
      (statement) => lint({ name, statement, found: [] }).map(({ code }) => code),
    )
    assert.ok(
      codes.some((found) => found.length === 0),
      `${name}: ${codes.join(' and ')}`,
    )
  }
})

test('the linter throws for no text, and takes a policy of the largest size in a second', () => {
  const types: readonly PolicyType[] = ['IDENTITY', 'TRUST', 'SESSION', 'BACKUP_VAULT', 'RESOURCE']
  const statement = fc.record({
    Effect: fc.constantFrom('Allow', 'Deny'),
    Action: fc.oneof(
      fc.string(),
      fc.array(fc.constantFrom('iam:*', 'backup:X', '*', 's3:Get*', ':', 'iam:${a}')),
    ),
    Resource: fc.oneof(
      fc.string(),
      fc.array(fc.constantFrom('*', 'arn:aws:s3:::${x}', 'arn:*:iam::*', 'arn:aws:')),
    ),
    Condition: fc.dictionary(
      fc.constantFrom('StringEquals', 'Null', 'Bool', 'x'),
      fc.dictionary(fc.string(), fc.string()),
    ),
  })
  const text = fc.oneof(
    fc.string(),
    fc.json(),
    statement.map((one) => JSON.stringify({ Statement: one })),
  )
  fc.assert(fc.property(text, fc.constantFrom(...types), (document, type) => void lintedAs(document, type)))
  const Action = Array.from({ length: 1_200 }, (_, i) => `s3:*${'*a'.repeat(i % 20)}*`)
  const Resource = Array.from({ length: 1_500 }, (_, i) => `arn:aws:s3:::${'*?'.repeat(12)}${i}`)
  const large = JSON.stringify({ Version: '2012-10-17', Statement: { Effect: 'Allow', Action, Resource } })
  assert.ok(large.length > 80_000 && large.length < 131_072, `${large.length}`)
  const startedAt = cpuMs()
  lintedAs(large, 'IDENTITY')
  const tookMs = cpuMs() - startedAt
  assert.ok(tookMs < 2_000, `${tookMs} ms`)
})
