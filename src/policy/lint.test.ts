import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { PrincipalView } from './evaluate.ts'
import { FEED, feed, found, when } from './lint.fixture.ts'

const ACCOUNT = '111122223333'
const VAULT = `arn:aws:backup:us-east-1:${ACCOUNT}:backup-vault:v`
const USER: PrincipalView = {
  kind: 'user',
  arn: `arn:aws:iam::${ACCOUNT}:user/alice`,
  accountId: ACCOUNT,
  uniqueId: 'AIDAALICE',
}
const ROLE_ARN = `arn:aws:iam::${ACCOUNT}:role/ops`
const SESSION: PrincipalView = {
  kind: 'assumed-role',
  arn: `arn:aws:sts::${ACCOUNT}:assumed-role/ops/alice`,
  roleArn: ROLE_ARN,
  accountId: ACCOUNT,
  uniqueId: 'AROAOPS:alice',
}

test('a text that is no policy has one finding, with its place', () => {
  assert.deepEqual(found(feed({ Effect: 'Maybe' })), [
    'ERROR SyntaxError Statement.Effect: Syntax errors in policy. (neither "Allow" nor "Deny")',
  ])
})

test('findings come in the order of the text, and two hundred of them are enough', () => {
  const wrong = {
    Effect: 'Allow',
    Condition: { StringEquals: { 'zoo:A': 'a', 'zoo:B': 'b*' } },
    Action: 'zoo:X',
    Resource: '*',
  }
  assert.deepEqual(
    found([wrong, { ...FEED, Action: 'zoo:Y', Resource: '*' }]).map((line) => line.split(':')[0]),
    [
      'ERROR UnknownConditionKey Statement[0].Condition.StringEquals.zoo',
      'ERROR UnknownConditionKey Statement[0].Condition.StringEquals.zoo',
      'WARNING WildcardWithoutLike Statement[0].Condition.StringEquals.zoo',
      'ERROR UnknownAction Statement[0].Action',
      'ERROR UnknownAction Statement[1].Action',
    ],
  )
  const many = Array.from({ length: 250 }, (_, i) => `zoo:Nothing${i}`)
  const cut = found(feed({ Action: many, Resource: '*' }))
  assert.equal(cut.length, 200)
  assert.match(cut.at(-1) ?? '', /Action\[199\]/)
})

test('variables need the version that knows them, and a key that there is', () => {
  const lion = (name: string): object => feed({ Resource: `arn:aws:zoo:::lion/${name}` })
  assert.deepEqual(found(lion('${aws:username}'), 'identity', {}, '2008-10-17'), [
    'SUGGESTION OldVersion Version: Without "Version": "2012-10-17" policy variables such as ${aws:username} are plain text',
    'WARNING VariableNeedsVersion Statement.Resource: ${aws:username} is plain text here: variables need "Version": "2012-10-17"',
  ])
  assert.deepEqual(found(FEED, 'identity', {}, '2008-10-17').length, 1)
  const unknown = (written: string, key: string, path: string): string[] => [
    `ERROR UnknownConditionKey ${path}: No request has the key ${key}, so ${written} stands for nothing`,
  ]
  assert.deepEqual(
    found(lion('${aws:usernam}')),
    unknown('${aws:usernam}', 'aws:usernam', 'Statement.Resource'),
  )
  assert.deepEqual(
    found(lion("${ aws:usernam , 'x' }")),
    unknown("${ aws:usernam , 'x' }", 'aws:usernam', 'Statement.Resource'),
  )
  assert.deepEqual(found(lion('${*}${?}${$}')), [])
  const other = { Effect: 'Deny', Action: 'zoo:FeedLion', NotResource: 'arn:aws:zoo:::lion/${zoo:Cage}' }
  assert.deepEqual(found(other), unknown('${zoo:Cage}', 'zoo:Cage', 'Statement.NotResource'))
  assert.deepEqual(
    found(when({ StringLike: { 'aws:username': ['a', '${zoo:Cage}'] } })),
    unknown('${zoo:Cage}', 'zoo:Cage', 'Statement.Condition.StringLike.aws:username'),
  )
})

test('conditions that exclude each other are told', () => {
  const never = (path: string, why: string): string[] => [
    `ERROR NeverMatches Statement.Condition.${path}: The statement never applies: ${why}`,
  ]
  const both = 'aws:username must be absent and present at once'
  assert.deepEqual(
    found(when({ StringLike: { 'aws:username': 'a' }, Null: { 'AWS:username': 'True' } })),
    never('Null.AWS:username', 'AWS:username must be absent and present at once'),
  )
  assert.deepEqual(
    found(when({ 'ForAnyValue:StringLike': { 'aws:username': 'a' }, Null: { 'aws:username': 'true' } })),
    never('Null.aws:username', both),
  )
  for (const operator of ['StringNotLike', 'StringLikeIfExists', 'ForAllValues:StringLike']) {
    const remarks = found(when({ [operator]: { 'aws:username': 'a' }, Null: { 'aws:username': 'true' } }))
    assert.ok(!remarks.some((line) => line.includes('NeverMatches')), operator)
  }
  const no = { Null: { 'aws:username': ['true', 'false'] }, StringLike: { 'aws:username': 'a' } }
  assert.deepEqual(found(when(no)), [])
  const none = 'no value of aws:username meets all of its conditions'
  const two = (first: unknown, second: unknown): readonly string[] =>
    found(when({ StringEquals: { 'aws:username': first, 'AWS:USERNAME': second } }))
  assert.deepEqual(two('a', 'b'), never('StringEquals.aws:username', none))
  assert.deepEqual(two(['a', 'c'], ['b', 'c']), [])
  assert.deepEqual(two('a', '${aws:PrincipalTag/x}'), [])
  assert.deepEqual(found(when({ StringEquals: { 'aws:username': 'a', 'zoo:Keeper': 'b' } })), [])
})

test('Allows that give more than they seem to are told, and no Deny is', () => {
  const but = (element: string, what: string): string =>
    `WARNING AllowsAllBut Statement.${element}: Allow with ${element} ${what}`
  const open = { Effect: 'Allow', NotAction: 'zoo:FeedLion', NotResource: 'arn:aws:zoo:::lion/leo' }
  assert.deepEqual(found(open), [
    but('NotAction', 'allows every action of every service but those, also future ones'),
    but('NotResource', 'allows the actions on everything but those resources'),
  ])
  assert.deepEqual(found({ ...open, Effect: 'Deny' }), [])
  const trust = { Effect: 'Allow', Action: 'sts:AssumeRole' }
  assert.deepEqual(found({ ...trust, NotPrincipal: { AWS: ROLE_ARN }, Resource: '*' }, 'resource'), [
    but('NotPrincipal', 'allows everybody else, anonymous callers among them'),
  ])
  const everybody =
    'WARNING EverybodyAllowed Statement.Principal: It allows everybody, of every account, without a condition'
  assert.deepEqual(found({ ...trust, Principal: '*' }, 'trust'), [everybody])
  assert.deepEqual(found({ ...trust, Principal: { AWS: ROLE_ARN } }, 'trust'), [])
  const tied = { StringEquals: { 'sts:ExternalId': 'a' } }
  assert.deepEqual(found({ ...trust, Principal: '*', Condition: tied }, 'trust'), [])
  assert.deepEqual(found({ ...trust, Effect: 'Deny', Principal: '*' }, 'trust'), [
    'WARNING AdmitsNobody Statement: No statement allows anybody to assume the role',
  ])
  assert.deepEqual(
    found(
      [
        { ...trust, Effect: 'Deny', Principal: '*' },
        { ...trust, Principal: { AWS: ROLE_ARN } },
      ],
      'trust',
    ),
    [],
  )
  assert.deepEqual(found({ ...FEED, Effect: 'Deny' }), [], 'a policy of another kind may deny only')
})

test('passing every role to every service is told', () => {
  const passes = (change: object): boolean =>
    found({ Effect: 'Allow', Action: 'iam:PassRole', Resource: '*', ...change }).includes(
      'WARNING PassesEveryRole Statement.Action: It allows passing every role to every service: name the roles, or the service in iam:PassedToService',
    )
  for (const Action of [
    'iam:PassRole',
    'IAM:passrole',
    'iam:*',
    'iam:Pass*',
    ['zoo:FeedLion', 'iam:PassRole'],
  ])
    assert.ok(passes({ Action }), String(Action))
  for (const Action of ['*', 'iam:PassRoles', 'xiam:PassRole', 'zoo:FeedLion']) assert.ok(!passes({ Action }))
  assert.ok(!passes({ Resource: ROLE_ARN }))
  assert.ok(passes({ Resource: [ROLE_ARN, '*'] }))
  assert.ok(!passes({ Resource: undefined, NotResource: '*' }))
  assert.ok(!passes({ Action: undefined, NotAction: 'iam:PassRole' }))
  assert.ok(!passes({ Condition: { StringEquals: { 'IAM:PassedToService': 'backup.amazonaws.com' } } }))
  assert.ok(passes({ Condition: { StringEquals: { 'aws:username': 'a' } } }))
})

test('a vault grants other accounts copying into it, and nothing else', () => {
  const grant = (Action: string | readonly string[], AWS: readonly string[]): readonly string[] =>
    found({ Effect: 'Allow', Principal: { AWS }, Action, Resource: '*' }, 'vault').filter((line) =>
      line.includes('GrantsNothing'),
    )
  const told = (actions: string): string[] => [
    `WARNING GrantsNothing Statement.Action: Other accounts can be allowed backup:CopyIntoBackupVault only; for them ${actions} stays refused`,
  ]
  const actions = ['backup:CopyIntoBackupVault', 'backup:ListRecoveryPoints', 'backup:Describe']
  const two = [ACCOUNT, 'arn:aws:iam::999988887777:root']
  assert.deepEqual(grant(actions.slice(0, 2), two), told('backup:ListRecoveryPoints'))
  assert.deepEqual(grant(actions.slice(1), two), told('backup:ListRecoveryPoints, backup:Describe'))
  assert.deepEqual(grant(actions.slice(0, 1), two), [])
  assert.deepEqual(grant('backup:COPYINTOBACKUPVAULT', two), [])
  assert.deepEqual(grant(actions, [ACCOUNT, ROLE_ARN, USER.arn]), [])
})

test('a policy that its author could never change again is told', () => {
  const changes = ['backup:PutBackupVaultAccessPolicy', 'backup:DeleteBackupVaultAccessPolicy']
  const deny = (Action: readonly string[], author: PrincipalView, Resource = '*'): readonly string[] =>
    found({ Effect: 'Deny', Principal: '*', Action, Resource }, 'vault', {
      author,
      resourceArn: VAULT,
    }).filter((line) => line.includes('LocksOutAuthor'))
  const locked = (who: string): string[] => [
    `ERROR LocksOutAuthor : It denies ${who} backup:PutBackupVaultAccessPolicy and backup:DeleteBackupVaultAccessPolicy: you could neither change it nor take it away again`,
  ]
  assert.deepEqual(deny(changes, USER), locked(USER.arn))
  assert.deepEqual(deny(changes, SESSION, VAULT), locked(SESSION.arn))
  assert.deepEqual(deny(changes.slice(1), USER), [])
  assert.deepEqual(deny(changes, USER, `${VAULT}x`), [])
  const onSelf = (kind: string): string[] => [
    `iam:Put${kind}Policy`,
    `iam:Delete${kind}Policy`,
    `iam:Detach${kind}Policy`,
  ]
  const own = (
    author: PrincipalView,
    Action: string | string[],
    Resource: string,
    Condition?: object,
  ): readonly string[] =>
    found({ Effect: 'Deny', Action, Resource, Condition }, 'identity', { author }).filter((line) =>
      line.includes('LocksOutAuthor'),
    )
  const stuck = (arn: string, kind: string): string[] => [
    `WARNING LocksOutAuthor : Attached to ${arn} it denies ${onSelf(kind).join(', ')} on itself: you could not take it away again`,
  ]
  assert.deepEqual(own(USER, onSelf('User'), USER.arn), stuck(USER.arn, 'User'))
  assert.deepEqual(own(SESSION, onSelf('Role'), ROLE_ARN), stuck(ROLE_ARN, 'Role'))
  assert.deepEqual(own(USER, onSelf('Role'), '*'), [])
  assert.deepEqual(own(SESSION, onSelf('User'), '*'), [])
  assert.deepEqual(own(USER, onSelf('User').slice(1), '*'), [])
  assert.deepEqual(own({ ...USER, kind: 'root' }, 'iam:*', '*'), [])
  const mine = { ArnEquals: { 'aws:PrincipalArn': ROLE_ARN } }
  assert.deepEqual(own(SESSION, 'iam:*', '*', mine), stuck(ROLE_ARN, 'Role'))
  assert.deepEqual(own(USER, 'iam:*', '*', mine), [])
  assert.deepEqual(
    found({ Effect: 'Deny', Action: 'iam:*', Resource: '*' }, 'session', { author: USER }).length,
    1,
  )
})
