import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FEED, feed, found, when } from './lint.fixture.ts'

test('a statement that does what it says has no finding, however it spells names', () => {
  assert.deepEqual(found(FEED), [])
  assert.deepEqual(found(feed({ Action: 'ZOO:feedlion' })), [])
  assert.deepEqual(found(feed({ Action: ['zoo:Feed*', 'zoo:Feed?ion'] })), [])
  assert.deepEqual(found(feed({ Action: '*:X' })), [], 'it may be of any service')
  assert.deepEqual(found(feed({ Action: '*' })), [])
  assert.deepEqual(found(feed({ Resource: ['arn:aws:zoo:::lion/leo', '*'] })), [])
  assert.deepEqual(found(feed({ Action: 'zoo:**' })), [])
  assert.deepEqual(found(feed({ Resource: 'arn:aws:zoo:::${aws:username}' })), [])
})

test('actions are looked up by their whole name, and one that is spelled alike is proposed', () => {
  const at = (name: string): readonly string[] => found(feed({ Action: name, Resource: '*' }))
  assert.deepEqual(at('zo:FeedLion'), [
    'ERROR UnknownService Statement.Action: No service has the prefix "zo": "zo:FeedLion" is about nothing',
  ])
  const unknown = (name: string, hint: string): string[] => [
    `ERROR UnknownAction Statement.Action: There is no action ${name}${hint}`,
  ]
  assert.deepEqual(at('zoo:FedLion'), unknown('zoo:FedLion', '. Did you mean zoo:FeedLion?'))
  assert.deepEqual(at('zoo:FeedLionss'), unknown('zoo:FeedLionss', '. Did you mean zoo:FeedLions?'))
  assert.deepEqual(at('zoo:FeetLions'), unknown('zoo:FeetLions', '. Did you mean zoo:FeedLions?'))
  assert.deepEqual(at('zoo:OpeGatexx'), unknown('zoo:OpeGatexx', '. Did you mean zoo:OpenGate?'))
  assert.deepEqual(at('zoo:Gate'), unknown('zoo:Gate', ''), 'four letters away is another word')
  assert.deepEqual(at('zoo:OpGatexx'), unknown('zoo:OpGatexx', ''))
  assert.deepEqual(at('zoo:Pet*'), [
    'ERROR UnknownAction Statement.Action: "zoo:Pet*" matches no action of zoo',
  ])
  assert.deepEqual(at('zoo:${*}eedLion'), [
    'ERROR UnknownAction Statement.Action: "zoo:${*}eedLion" matches no action of zoo',
  ])
})

test('of many misspelled names the first fifty are told what they may mean: each is held against all of a service', () => {
  const Action = Array.from({ length: 6_000 }, (_, i) => `zoo:FeedLio${i % 10}`)
  const hinted = found({ ...FEED, Action }).filter((line) => line.endsWith('Did you mean zoo:FeedLion?'))
  assert.equal(hinted.length, 50)
})

test('a name of more than a hundred characters is compared with nothing', () => {
  const long = `zoo:${'FeedLion'.padEnd(101, 'x')}`
  assert.deepEqual(found(feed({ Action: long, Resource: '*' })), [
    `ERROR UnknownAction Statement.Action: There is no action ${long}`,
  ])
})

test('a resource must be of a kind that some action takes, and an action must take some resource', () => {
  const gate = 'arn:aws:zoo:::gate/north'
  assert.deepEqual(found(feed({ Resource: gate })), [
    `ERROR NeverMatches Statement: The statement never applies: its actions are about none of its resources`,
    `WARNING UnsupportedResource Statement.Resource: None of zoo:FeedLion can be about "${gate}"`,
  ])
  assert.deepEqual(found(feed({ Resource: ['arn:aws:zoo:::lion/leo', gate] })), [
    `WARNING UnsupportedResource Statement.Resource[1]: None of zoo:FeedLion can be about "${gate}"`,
  ])
  assert.deepEqual(found(feed({ Action: ['zoo:FeedLions', 'zoo:OpenGate'], Resource: gate })), [
    "WARNING ActionWithoutResource Statement.Action[0]: zoo:FeedLions is about none of the statement's resources, but about arn:*:zoo:*:*:lion/* or arn:*:zoo:*:*:cage/*",
  ])
  const onlyStar =
    'zoo:ListAnimals is about no resource in AWS\'s reference: where that is complete, it can be allowed or denied on "*" only'
  assert.deepEqual(found(feed({ Action: 'zoo:ListAnimals' })), [
    `SUGGESTION ActionWithoutResource Statement.Action: ${onlyStar}`,
  ])
  assert.deepEqual(found(feed({ Action: ['zoo:FeedLion', 'zoo:ListAnimals'] })), [
    `SUGGESTION ActionWithoutResource Statement.Action[1]: ${onlyStar}`,
  ])
  assert.deepEqual(
    found(feed({ Action: ['zoo:ListAnimals', 'zoo:OpenGate'], Resource: FEED.Resource })).length,
    3,
  )
  assert.deepEqual(found(feed({ Action: ['zoo:F*', '*:X'], Resource: gate })), [], 'any service may take it')
})

test('what nobody can read at a glance is cut short', () => {
  const name = `arn:aws:zoo:::gate/${'g'.repeat(300)}`
  const [never, unsupported] = found(feed({ Resource: name }))
  assert.match(never ?? '', /NeverMatches/)
  assert.equal(
    unsupported,
    `WARNING UnsupportedResource Statement.Resource: None of zoo:FeedLion can be about "${name.slice(0, 200)}…"`,
  )
  const exact = `arn:aws:zoo:::gate/${'g'.repeat(181)}`
  assert.match(found(feed({ Resource: exact }))[1] ?? '', /g"$/)
})

test('NotAction and NotResource are not compared with each other', () => {
  const others = { Effect: 'Deny', Resource: 'arn:aws:zoo:::gate/north' }
  assert.deepEqual(found({ ...others, NotAction: 'zoo:FeedLion' }), [])
  assert.deepEqual(found({ Effect: 'Deny', Action: 'zoo:FeedLion', NotResource: others.Resource }), [])
})

test('condition keys must be of the request, of the service that they name, or of a token', () => {
  assert.deepEqual(found(when({ StringEquals: { 'zoo:keeper': 'a', 'aws:PrincipalTag/x': 'b' } })), [])
  assert.deepEqual(
    found(when({ StringEquals: { 'sts:ExternalId': 'a', 'zoo:Tag/x': 'b', 'zoo:a/name': 'c' } })),
    [],
  )
  const unknown = (operator: string, key: string, met: string): string[] => [
    `ERROR UnknownConditionKey Statement.Condition.${operator}.${key}: No request has the key ${key}: the condition is ${met}`,
  ]
  const ask = (operator: string, key = 'zoo:Kepper'): readonly string[] =>
    found(when({ [operator]: { [key]: 'a' } }))
  assert.deepEqual(ask('StringEquals'), unknown('StringEquals', 'zoo:Kepper', 'never met'))
  assert.deepEqual(ask('StringNotEquals'), unknown('StringNotEquals', 'zoo:Kepper', 'always met'))
  assert.deepEqual(ask('StringEqualsIfExists'), unknown('StringEqualsIfExists', 'zoo:Kepper', 'always met'))
  assert.deepEqual(
    ask('ForAllValues:StringEquals')[0],
    unknown('ForAllValues:StringEquals', 'zoo:Kepper', 'always met')[0],
  )
  assert.deepEqual(ask('StringEquals', 'keeper'), unknown('StringEquals', 'keeper', 'never met'))
  assert.deepEqual(ask('StringEquals', 'zoo:Tag/'), unknown('StringEquals', 'zoo:Tag/', 'never met'))
  assert.deepEqual(
    ask('StringEquals', 'id.zoo.example:sub'),
    unknown('StringEquals', 'id.zoo.example:sub', 'never met'),
  )
})

test('claims of a token are known by the address of their issuer, and in trust policies only', () => {
  const trust = (key: string): readonly string[] =>
    found(
      {
        Effect: 'Allow',
        Principal: { AWS: 'arn:aws:iam::111122223333:root' },
        Action: 'sts:AssumeRole',
        Condition: { StringEquals: { [key]: 'a' } },
      },
      'trust',
    )
  for (const key of [
    'id.zoo.example:sub',
    'ID.ZOO.EXAMPLE:aud',
    'zoo.example:8443/realms/a/b:sub',
    'zoo.example/x:aud',
  ])
    assert.deepEqual(trust(key), [], key)
  for (const key of [
    'localhost:sub',
    'id.zoo.example',
    'id_zoo.example:sub',
    'zoo.example$:sub',
    'xzoo:Keeper',
  ])
    assert.match(trust(key)[0] ?? '', /UnknownConditionKey/, key)
  assert.deepEqual(trust('sts:ExternalId'), [])
})

test('a key with several values asks for a set operator', () => {
  const ask = (operator: string, value = 'a'): readonly string[] =>
    found(when({ [operator]: { 'aws:TagKeys': value } }))
  const says = (severity: string, operator: string, met: string): string[] => [
    `${severity} NeedsSetOperator Statement.Condition.${operator}.aws:TagKeys: aws:TagKeys has several values: without ForAnyValue or ForAllValues the condition is ${met}`,
  ]
  assert.deepEqual(ask('StringEquals'), says('ERROR', 'StringEquals', 'never met'))
  assert.deepEqual(ask('StringNotLike'), says('WARNING', 'StringNotLike', 'met only where the key is absent'))
  assert.deepEqual(
    ask('StringLikeIfExists'),
    says('WARNING', 'StringLikeIfExists', 'met only where the key is absent'),
  )
  assert.deepEqual(ask('ForAnyValue:StringEquals'), [])
  assert.deepEqual(ask('Null', 'true'), [])
})

test('ForAllValues alone lets requests by that have no such key', () => {
  const alone =
    'WARNING ForAllValuesAlone Statement.Condition.ForAllValues:StringEquals.aws:TagKeys: A request without aws:TagKeys meets it, too: add a condition Null of "false" on the key'
  const all = { 'ForAllValues:StringEquals': { 'aws:TagKeys': 'a' } }
  assert.deepEqual(found(when(all)), [alone])
  assert.deepEqual(found({ ...when(all), Effect: 'Deny' }), [])
  assert.deepEqual(found(when({ ...all, Null: { 'aws:tagkeys': 'FALSE' } })), [])
  assert.deepEqual(found(when({ ...all, Null: { 'aws:TagKeys': ['false', 'true'] } })), [alone])
  assert.deepEqual(found(when({ ...all, Null: { 'aws:username': 'false' } })), [alone])
  assert.deepEqual(found(when({ ...all, 'ForAnyValue:StringLike': { 'aws:TagKeys': 'b*' } })), [])
})

test('values must be ones that the operator can compare with', () => {
  const isRight = (operator: string, value: string): boolean => {
    const remarks = found(when({ [operator]: { 'aws:username': value } }))
    const wrong = `ERROR InvalidConditionValue Statement.Condition.${operator}.aws:username: "${value}" is no value that ${operator} can compare with`
    assert.ok(remarks.length === 0 || (remarks.length === 1 && remarks[0] === wrong), remarks.join('\n'))
    return remarks.length === 0
  }
  const values: Readonly<Record<string, readonly [right: readonly string[], wrong: readonly string[]]>> = {
    NumericEquals: [
      ['1', '-1', '+1.5', '.5', '1.', '1e5', '1.5E-3'],
      ['', 'one', '1,5', '1e', '.', 'x1', '1x', '1.5.2'],
    ],
    DateLessThan: [
      ['2026-01-01', '2026-01-01T00:00:00Z', '1767225600', '-1767225600', '1767225600.5'],
      ['yesterday', '2026-13-01', 'x1767225600', ''],
    ],
    Bool: [
      ['true', 'False'],
      ['yes', '1', 'truest', 'untrue', ''],
    ],
    IpAddress: [
      ['10.0.0.0/8', '10.1.2.3', '2001:db8::/32'],
      ['10.0.0.0/33', 'localhost'],
    ],
    BinaryEquals: [
      ['QUJD', 'QQ==', ''],
      ['Q*', 'Q=Q', 'QQ==='],
    ],
    ArnLike: [
      ['arn:aws:zoo:::lion/leo', '*', '*:x', '${aws:username}', 'arn:*'],
      ['leo', 'xarn:aws', ''],
    ],
  }
  for (const [operator, [right, wrong]] of Object.entries(values)) {
    for (const value of right) assert.ok(isRight(operator, value), `${operator} ${value}`)
    for (const value of wrong) assert.ok(!isRight(operator, value), `${operator} ${value}`)
  }
  const long = 'x'.repeat(300)
  assert.deepEqual(found(when({ Bool: { 'aws:username': long } })), [
    `ERROR InvalidConditionValue Statement.Condition.Bool.aws:username: "${'x'.repeat(100)}" is no value that Bool can compare with`,
  ])
})

test('wildcards beside StringEquals are plain characters', () => {
  const ask = (operator: string, value: string): readonly string[] =>
    found(when({ [operator]: { 'aws:username': value } }))
  assert.deepEqual(ask('StringEquals', 'a*'), [
    'WARNING WildcardWithoutLike Statement.Condition.StringEquals.aws:username: StringEquals takes * and ? as themselves: StringLike knows them as wildcards',
  ])
  assert.equal(ask('StringNotEquals', 'a?').length, 1)
  assert.deepEqual(ask('StringLike', 'a*'), [])
  assert.deepEqual(ask('StringEquals', 'a${*}'), [])
})
