import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parsePolicy, PolicySyntaxError } from './parse.ts'
import type { Policy, PolicyKind } from './policy.ts'

/** What the grammar refuses, with the place and what was found there; cases/23-grammar.json has the reasons behind it. */

const ACCOUNT = '111111111111'
const PRINCIPAL = { AWS: ACCOUNT }
const SYNTAX = 'Syntax errors in policy.'
const base: Readonly<Record<PolicyKind, object>> = {
  identity: { Effect: 'Allow', Action: 's3:Get*', Resource: '*' },
  session: { Effect: 'Allow', Action: 's3:Get*', Resource: '*' },
  resource: { Effect: 'Allow', Principal: PRINCIPAL, Action: 's3:Get*', Resource: '*' },
  vault: { Effect: 'Allow', Principal: PRINCIPAL, Action: 'backup:CopyIntoBackupVault', Resource: '*' },
  trust: { Effect: 'Allow', Principal: PRINCIPAL, Action: 'sts:AssumeRole' },
}
const KINDS = Object.keys(base) as readonly PolicyKind[]

function parse(kind: PolicyKind, statement: unknown): Policy {
  return parsePolicy(JSON.stringify({ Statement: [statement] }), kind)
}

/** A least statement of this kind with some of it replaced; undefined takes an element away. */
function withElements(kind: PolicyKind, elements: object): object {
  return { ...base[kind], ...elements }
}

function refusalOf(
  document: unknown,
  kind: PolicyKind,
): readonly [message: string, path: string, detail: string] {
  try {
    parsePolicy(JSON.stringify(document), kind)
  } catch (error) {
    assert.ok(error instanceof PolicySyntaxError, String(error))
    assert.equal(error.name, 'PolicySyntaxError')
    return [error.message, error.path, error.detail]
  }
  throw new Error(`${JSON.stringify(document)} was taken as a ${kind} policy`)
}

function refused(kind: PolicyKind, elements: object, path: string, message: string, detail: string): void {
  const document = { Statement: [withElements(kind, elements)] }
  assert.deepEqual(refusalOf(document, kind), [message, `Statement[0]${path}`, detail])
}

function taken(kind: PolicyKind, elements: object): void {
  parse(kind, withElements(kind, elements))
}

test('parsePolicy() reads a document into what it says', () => {
  const document = {
    Version: '2012-10-17',
    Id: 'mine',
    Statement: [
      {
        Sid: 'One',
        Effect: 'Deny',
        NotPrincipal: {
          AWS: ['*', ACCOUNT],
          Service: 'a.amazonaws.com',
          Federated: ['b.com'],
          CanonicalUser: 'a'.repeat(64),
        },
        NotAction: ['s3:Get*'],
        NotResource: ['arn:aws:s3:::a'],
        Condition: {
          Bool: { 'a:b': [true, 'false'] },
          'ForAnyValue:StringLikeIfExists': { c: 'x*', d: 1.5 },
        },
      },
      { Effect: 'Allow', Principal: '*', Action: 'a:b', Resource: '*' },
    ],
  }
  const operator = { set: undefined, negated: false, ifExists: false }
  const like = { name: 'ForAnyValue:StringLikeIfExists', set: 'ForAnyValue', comparison: 'StringLike' }
  assert.deepEqual(parsePolicy(JSON.stringify(document), 'resource'), {
    kind: 'resource',
    version: '2012-10-17',
    id: 'mine',
    statements: [
      {
        index: 0,
        sid: 'One',
        effect: 'Deny',
        principal: {
          negated: true,
          names: {
            everyone: true,
            aws: [ACCOUNT],
            service: ['a.amazonaws.com'],
            federated: ['b.com'],
            canonicalUser: ['a'.repeat(64)],
          },
        },
        action: { negated: true, names: ['s3:Get*'] },
        resource: { negated: true, names: ['arn:aws:s3:::a'] },
        conditions: [
          {
            operator: { name: 'Bool', comparison: 'Bool', ...operator },
            key: 'a:b',
            values: ['true', 'false'],
          },
          { operator: { ...like, negated: false, ifExists: true }, key: 'c', values: ['x*'] },
          { operator: { ...like, negated: false, ifExists: true }, key: 'd', values: ['1.5'] },
        ],
      },
      {
        index: 1,
        sid: undefined,
        effect: 'Allow',
        principal: {
          negated: false,
          names: { everyone: true, aws: [], service: [], federated: [], canonicalUser: [] },
        },
        action: { negated: false, names: ['a:b'] },
        resource: { negated: false, names: ['*'] },
        conditions: [],
      },
    ],
  })
  assert.equal(parse('identity', base.identity).version, '2008-10-17')
  assert.equal(
    parsePolicy(JSON.stringify({ Version: '2008-10-17', Statement: base.identity }), 'identity').version,
    '2008-10-17',
  )
  for (const kind of KINDS) assert.equal(parse(kind, base[kind]).kind, kind)
  assert.deepEqual(parse('vault', base.vault).statements[0]!.principal!.names.service, [])
})

test('parsePolicy() refuses what is wrong with a whole document', () => {
  const whole: readonly (readonly [unknown, string, string, string])[] = [
    [[], SYNTAX, '', 'the document is not an object'],
    ['x', SYNTAX, '', 'the document is not an object'],
    [{ Statements: [] }, SYNTAX, 'Statements', 'the grammar has no element "Statements" here'],
    [{ Version: 2012, Statement: [] }, SYNTAX, 'Version', 'neither "2012-10-17" nor "2008-10-17"'],
    [{ Id: 7, Statement: [base.identity] }, SYNTAX, 'Id', 'not a string'],
    [{}, SYNTAX, 'Statement', 'no statement'],
    [{ Statement: [] }, SYNTAX, 'Statement', 'no statement'],
    [{ Statement: 'x' }, SYNTAX, 'Statement', 'the statement is not an object'],
    [{ Statement: [base.identity, []] }, SYNTAX, 'Statement[1]', 'the statement is not an object'],
    [
      { Statement: { ...base.identity, Effect: 'X' } },
      SYNTAX,
      'Statement.Effect',
      'neither "Allow" nor "Deny"',
    ],
    [
      { Statement: ['a', 'b', 'a'].map((Sid) => ({ ...base.identity, Sid })) },
      'Statement IDs (SID) in a single policy must be unique.',
      'Statement[2].Sid',
      '"a" a second time',
    ],
  ]
  for (const [document, ...expected] of whole) assert.deepEqual(refusalOf(document, 'identity'), expected)
  const [message] = refusalOf({ Statements: [] }, 'trust')
  assert.equal(message, 'Unknown field Statements')
  parsePolicy(JSON.stringify({ Statement: [1, 2].map(() => ({ ...base.identity, Sid: '' })) }), 'identity')
})

test('parsePolicy() refuses unknown elements, odd Sids and effects', () => {
  const here = 'the grammar has no element "Extra" here'
  refused('identity', { Extra: 1 }, '.Extra', SYNTAX, here)
  refused('trust', { Extra: 1 }, '.Extra', 'Unknown field Extra', here)
  refused('identity', { Sid: 1 }, '.Sid', SYNTAX, 'not a string')
  const alphanumeric =
    'Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*'
  for (const kind of ['identity', 'session', 'trust'] as const) {
    for (const Sid of ['a b', ' ', '-a', 'a-']) refused(kind, { Sid }, '.Sid', alphanumeric, `"${Sid}"`)
    taken(kind, { Sid: 'Az09' })
  }
  for (const kind of ['resource', 'vault'] as const) taken(kind, { Sid: 'a b' })
  refused('identity', { Effect: undefined }, '', 'Missing required field Effect', 'no Effect')
  refused('identity', { Effect: 'ALLOW' }, '.Effect', SYNTAX, 'neither "Allow" nor "Deny"')
})

test('parsePolicy() refuses actions that are none', () => {
  const none = 'Policy statement must contain actions.'
  refused('identity', { Action: undefined }, '', none, 'no action')
  refused('identity', { Action: [] }, '.Action', none, 'no action')
  refused('identity', { Action: undefined, NotAction: [] }, '.NotAction', none, 'no action')
  refused('trust', { Action: undefined }, '', 'Missing required field Action', 'no action')
  refused('identity', { NotAction: 'a:b' }, '', SYNTAX, 'both Action and NotAction')
  refused('identity', { Action: 7 }, '.Action', SYNTAX, 'neither a string nor a list of strings')
  refused('identity', { Action: ['a:b', 7] }, '.Action[1]', SYNTAX, 'not a string')
  const vendor = 'Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.'
  refused('identity', { Action: ['a:b', 'Get'] }, '.Action', vendor, '"Get"')
  refused(
    'identity',
    { Action: 'a:b:c' },
    '.Action',
    'Actions/Condition can contain only one colon.',
    '"a:b:c"',
  )
  for (const name of ['a b:c', ':c', '*s:c', 'é:c', 'a :c'])
    refused('identity', { Action: name }, '.Action', `Vendor ${name.split(':')[0]} is not valid`, `"${name}"`)
  for (const name of ['*', '*:Get', 's3:*', 'S3-a.b9:G?t', 's3:']) taken('identity', { Action: name })
  const trustOnly = 'AssumeRole policy may only specify STS AssumeRole actions.'
  for (const name of ['s3:Get', '*', 'sts', 'sts:a:b', 'xsts:a', 'stsx:a'])
    refused('trust', { Action: name }, '.Action', trustOnly, `"${name}"`)
  taken('trust', { Action: ['STS:AssumeRole', 'sts:*'] })
  refused(
    'trust',
    { Action: undefined, NotAction: 'sts:x' },
    '.NotAction',
    'Has prohibited field NotAction',
    'a trust policy',
  )
  const wild = 'Wildcards are not allowed in the Action of a backup vault access policy.'
  for (const name of ['*', 'backup:*', 'backup:?et', 'b*:Get'])
    refused('vault', { Action: name }, '.Action', wild, `"${name}"`)
})

test('parsePolicy() refuses resources that are none', () => {
  const none = 'Policy statement must contain resources.'
  refused('identity', { Resource: undefined }, '', none, 'no resource')
  refused('identity', { Resource: [] }, '.Resource', none, 'no resource')
  refused('identity', { NotResource: '*' }, '', SYNTAX, 'both Resource and NotResource')
  refused('identity', { Resource: {} }, '.Resource', SYNTAX, 'neither a string nor a list of strings')
  refused('identity', { Resource: ['*', null] }, '.Resource[1]', SYNTAX, 'not a string')
  const about = 'a trust policy is about its own role'
  refused('trust', { Resource: '*' }, '.Resource', 'Has prohibited field Resource', about)
  refused('trust', { NotResource: '*' }, '.NotResource', 'Has prohibited field NotResource', about)
  for (const name of ['bucket', 'arn', 'x:aws:s3:::a', 'ARN:aws:s3:::a', ' arn:aws:s3:::a', '**'])
    refused(
      'identity',
      { Resource: name },
      '.Resource',
      `Resource ${name} must be in ARN format or "*".`,
      `"${name}"`,
    )
  for (const [name, rest] of [
    ['arn:awsx:s3:::a', 'arn:awsx:s3:::a'],
    ['arn:xaws:s3:::a', 'arn:xaws:s3:::a'],
    ['arn:aws-xx:s3:::a:b', 'arn:aws-xx:s3:::a:b'],
    ['arn:AWS*:s3:::a', 'arn:AWS*:s3:::a'],
    ['arn:*AWS:s3:::a', 'arn:*AWS:s3:::a'],
    ['arn:', 'arn::*:*:*:*'],
    ['arn:x:s3', 'arn:x:s3:*:*:*'],
  ] as const) {
    const partition = name.split(':')[1]
    const message = `Partition "${partition}" is not valid for resource "${rest}".`
    refused('identity', { Resource: name }, '.Resource', message, `"${name}"`)
  }
  for (const partition of ['aws', 'aws-cn', 'aws-us-gov', '*', '?ws', 'aws*', 'a-*?'])
    taken('identity', { Resource: `arn:${partition}:s3:::a` })
  const vendor = 'Resource vendor must be fully qualified and cannot contain regexes.'
  for (const name of ['arn:aws', 'arn:aws:*:::a', 'arn:aws:s3?:::a', 'arn:aws:::a', 'arn:aws:a b:::a'])
    refused('identity', { Resource: name }, '.Resource', vendor, `"${name}"`)
  taken('identity', { Resource: ['arn:aws:S3-a.9:*', 'arn:aws:s3', 'arn:aws:s3:::a:b/c*'] })
})

test('parsePolicy() refuses IAM resources that are nothing of IAM’s', () => {
  const iam = (rest: string): string => `arn:aws:iam::${ACCOUNT}:${rest}`
  const paths = [
    'user/',
    'federated-user/',
    'role/',
    'group/',
    'instance-profile/',
    'mfa/',
    'server-certificate/',
    'policy/',
    'sms-mfa/',
    'saml-provider/',
    'oidc-provider/',
    'report/',
    'access-report/',
  ]
  taken('identity', {
    Resource: [...paths.map((path) => iam(`${path}x`)), iam('*'), iam('root'), 'arn:aws:iam::a'],
  })
  const start = `IAM resource path must either be "*" or start with ${paths.join(', ')}.`
  for (const rest of ['', 'users/x', 'xuser/x', 'user', 'root/', 'r*', '**'])
    refused('identity', { Resource: iam(rest) }, '.Resource', start, `"${iam(rest)}"`)
  const regional = `arn:aws:iam:us-east-1:${ACCOUNT}:user/x`
  const region = `IAM resource ${regional} cannot contain region information.`
  refused('identity', { Resource: regional }, '.Resource', region, `"${regional}"`)
  taken('identity', { Resource: [`arn:aws:iam:*:${ACCOUNT}:user/x`, 'arn:aws:s3:us-east-1::users/x'] })
})

test('parsePolicy() refuses conditions that are none', () => {
  refused('identity', { Condition: [] }, '.Condition', SYNTAX, 'not an object')
  refused('identity', { Condition: { Bool: 'x' } }, '.Condition.Bool', SYNTAX, 'not an object')
  refused(
    'identity',
    { Condition: { Bool: { '': 'x' } } },
    '.Condition.Bool',
    SYNTAX,
    'a condition key without a name',
  )
  for (const name of [
    'bool',
    'Bool ',
    'StringEqualsIfExistsIfExists',
    'ForAll:Bool',
    'NullIfExists',
    'ForAnyValue:Null',
    'ForAllValues:NullIfExists',
    '',
  ])
    refused(
      'identity',
      { Condition: { [name]: {} } },
      `.Condition.${name}`,
      `Invalid Condition type : ${name}.`,
      'an operator the grammar does not have',
    )
  const value = 'neither a string, a number nor a boolean'
  refused('identity', { Condition: { Bool: { a: null } } }, '.Condition.Bool.a', SYNTAX, value)
  refused('identity', { Condition: { Bool: { a: ['x', {}] } } }, '.Condition.Bool.a[1]', SYNTAX, value)
  taken('identity', {
    Condition: { Null: { a: 'true' }, 'ForAllValues:DateGreaterThanEqualsIfExists': { a: [] } },
  })
})

test('parsePolicy() refuses principals that are none', () => {
  for (const kind of ['identity', 'session'] as const) {
    const message = 'Policy document should not specify a principal.'
    refused(kind, { Principal: '*' }, '.Principal', message, `a ${kind} policy`)
    refused(kind, { NotPrincipal: '*' }, '.NotPrincipal', message, `a ${kind} policy`)
  }
  const missing = 'Missing required field Principal'
  for (const kind of ['resource', 'vault', 'trust'] as const)
    refused(kind, { Principal: undefined }, '', missing, `a ${kind} policy names whom it is about`)
  refused('resource', { NotPrincipal: '*' }, '', SYNTAX, 'both Principal and NotPrincipal')
  const prohibited = 'Has prohibited field NotPrincipal'
  refused('trust', { Principal: undefined, NotPrincipal: '*' }, '.NotPrincipal', prohibited, 'a trust policy')
  refused('resource', { Principal: ACCOUNT }, '.Principal', 'Invalid principal in policy.', `"${ACCOUNT}"`)
  refused(
    'resource',
    { Principal: 7 },
    '.Principal',
    'Invalid principal in policy.',
    'neither "*" nor an object',
  )
  refused('resource', { Principal: {} }, '.Principal', missing, 'nobody is named')
  refused(
    'resource',
    { Principal: { Aws: '*' } },
    '.Principal',
    'Invalid principal type in policy: "Aws"',
    '"Aws"',
  )
  refused('resource', { Principal: { AWS: [] } }, '.Principal.AWS', SYNTAX, 'an empty list')
  refused('resource', { Principal: { AWS: [ACCOUNT, 7] } }, '.Principal.AWS', SYNTAX, 'not a string')

  const names: Readonly<
    Record<string, { readonly fine: readonly string[]; readonly odd: readonly string[] }>
  > = {
    AWS: {
      fine: [
        ACCOUNT,
        '*',
        `arn:aws:iam::${ACCOUNT}:root`,
        `arn:aws-cn:iam::${ACCOUNT}:user/p/a+b`,
        `arn:aws:iam::${ACCOUNT}:role/a`,
        `arn:aws:sts::${ACCOUNT}:assumed-role/R/s@x`,
        `arn:aws:sts::${ACCOUNT}:federated-user/f`,
        'AIDA123456789ABC',
        'AROA123456789ABC',
        'AROA123456789ABC:s',
      ],
      odd: [
        '',
        '1111',
        `${ACCOUNT}1`,
        `x${ACCOUNT}`,
        ` ${ACCOUNT}`,
        '**',
        `arn:aws:iam::${ACCOUNT}:roots`,
        `arn:aws:iam::${ACCOUNT}:group/g`,
        `arn:aws:iam::${ACCOUNT}:user/`,
        `arn:aws:iam::${ACCOUNT}:user/a b`,
        `xarn:aws:iam::${ACCOUNT}:root`,
        `arn:aws:iam::${ACCOUNT}:user/*`,
        'arn:aws:iam::1:root',
        `arn:AWS:iam::${ACCOUNT}:root`,
        `arn:aws:iam::${ACCOUNT}:user/a\n`,
        `arn:aws:s3::${ACCOUNT}:root`,
        `arn:aws:sts::${ACCOUNT}:assumed-role/R`,
        `arn:aws:sts::${ACCOUNT}:assumed-role/R/s/t`,
        `xarn:aws:sts::${ACCOUNT}:federated-user/f`,
        `arn:aws:sts::${ACCOUNT}:federated-user/f f`,
        'AIDA12345678901',
        'AIDA123456789abc',
        'AIDA123456789ABC:s',
        'xAIDA123456789ABC',
        'AROA123456789ABC:',
        'AROA123456789ABC:s s',
        `AIDA${'A'.repeat(125)}`,
      ],
    },
    Service: {
      fine: ['backup.amazonaws.com', 'a.b', '9-a.b-c'],
      odd: [
        '',
        'backup',
        '.amazonaws.com',
        'Backup.amazonaws.com',
        'a.b c',
        '*.amazonaws.com',
        ' a.b',
        'a.b!',
        'a.',
      ],
    },
    Federated: {
      fine: [
        'accounts.google.com',
        'a',
        `arn:aws:iam::${ACCOUNT}:oidc-provider/issuer.example.com:8443/p`,
        `arn:aws-cn:iam::${ACCOUNT}:saml-provider/x_y`,
      ],
      odd: [
        '',
        '*',
        'A.com',
        'a.com/x',
        '.com',
        ' a',
        `arn:aws:iam::${ACCOUNT}:oidc-provider/`,
        `arn:aws:iam::${ACCOUNT}:role/x`,
        `arn:aws:iam::1:oidc-provider/x`,
        `xarn:aws:iam::${ACCOUNT}:oidc-provider/x`,
        `arn:aws:iam::${ACCOUNT}:oidc-provider/x y`,
        `arn:9:iam::${ACCOUNT}:oidc-provider/x`,
      ],
    },
    CanonicalUser: {
      fine: ['0123456789abcdef'.repeat(4)],
      odd: ['', 'a', 'a'.repeat(63), 'a'.repeat(65), 'g'.repeat(64), 'A'.repeat(64), `x${'a'.repeat(64)}`],
    },
  }
  for (const [type, { fine, odd }] of Object.entries(names)) {
    taken('resource', { Principal: { [type]: fine } })
    for (const name of fine) taken('resource', { Principal: { [type]: name } })
    for (const name of odd) {
      const label = type === 'AWS' ? 'AWS' : type.toUpperCase()
      const message = `Invalid principal in policy: "${label}":"${name}"`
      refused('resource', { Principal: { [type]: name } }, `.Principal.${type}`, message, `"${name}"`)
    }
  }
})
