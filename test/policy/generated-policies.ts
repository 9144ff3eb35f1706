/**
 * Policies to try the engine with. The alphabets are so small that things match; what the generator reaches is
 * counted by the reference evaluator, and differential.ts says how much of it must have been reached.
 */
import fc from 'fast-check'
import {
  ALICE,
  ALICE_ID,
  FEDERATED,
  KEYS,
  OTHER,
  OWN,
  PROVIDER,
  ROLE_ID,
  SESSION,
} from './generated-requests.ts'
import * as values from './reference-values.ts'
import type { Names, RawDocument, RawLayers, RawStatement } from './reference.ts'

const some = <T>(...items: readonly T[]): fc.Arbitrary<T> => fc.constantFrom(...items)
const few = <T>(item: fc.Arbitrary<T>, maxLength = 3): fc.Arbitrary<readonly T[]> =>
  fc.array(item, { minLength: 1, maxLength })
const oneIn = (n: number): fc.Arbitrary<boolean> => fc.nat({ max: n - 1 }).map((drawn) => drawn === 0)

// --- Elements ---

const actions = few(
  fc.oneof(
    { weight: 1, arbitrary: fc.constant('*') },
    {
      weight: 2,
      arbitrary: some(
        's3:*',
        's3:get',
        'S3:GET',
        's3:Get*',
        '*:Get',
        'ec2:?un',
        's3:?e*t*',
        'ec2:Run',
        '*:Put',
      ).chain((name) => some(name, name, 'backup:*', 'backup:Start', '*:*', '*:?*', 'iam:*', 'sts:*')),
    },
  ),
)
const patterns = [
  'arn:aws:s3:::*',
  'arn:aws:s3:::a',
  'arn:aws:s3:::a/*',
  'arn:aws:s3:::b/?.c',
  'arn:aws:s3:::?',
  'arn:aws:s3:::*a*c*',
  'arn:aws:s3:::b/a?c*',
  'arn:aws:s3:*',
  'arn:aw?:s3:::a*',
  'arn:a*s:s3:::*',
  'arn:aws:s3:*b*:::a',
  'arn:aws:backup:*',
  `arn:aws:backup:e?:*:backup-vault:*`,
  `arn:aws:backup:*u:1*1:*`,
  `arn:aws:backup:*:${OWN}:backup-vault:v`,
  'arn:aws:backup:?:?:?',
  `arn:aws:backup:**:*1:backup-vault:**`,
]
const variables = [
  'arn:aws:s3:::${k:s}',
  'arn:aws:s3:::${k:s}/*',
  'arn:aws:s3:::*${K:S}',
  "arn:aws:s3:::${k:none, 'a'}/b",
  "arn:aws:s3:::${k:s, 'a'}*",
  'arn:aws:s3:::${k:none}*',
  'arn:aws:s3:::${k:m}*',
  'arn:aws:s3:::${*}',
  'arn:aws:s3:::${k:s',
  'arn:aws:s3:${k:none}::a',
  'arn:aws:s3::${k:s}:*',
]
const resources = few(
  fc.oneof(
    { weight: 3, arbitrary: fc.constant('*') },
    { weight: 5, arbitrary: some(...patterns) },
    { weight: 2, arbitrary: some(...variables) },
  ),
)

const WRITTEN: Readonly<Record<string, readonly string[]>> = {
  ...KEYS,
  'k:s': [
    'a',
    'A',
    '*',
    '?',
    'a*',
    '*b',
    '?b',
    '${k:s}',
    '${k:none}',
    "${k:none,'a'}",
    '${*}',
    '${k:m}',
    'a.b',
    '',
  ],
  'k:i': [...Object.keys(values.BLOCKS), ...values.NO_BLOCKS],
  'k:r': [
    '*',
    'arn:aws:s3:::*',
    'arn:*:s3:::a*',
    'arn:aws:*:a',
    'arn:aws:s3:::${k:s}',
    'arn:aws:s3:::${k:none}',
    'arn:aws:?3:*:*:a?b*',
    'arn:aws:iam::*:role/*',
    'arn:aws:s3:${k:s}:a',
    'arn:aws',
  ],
  'k:m': ['a', 'b', 'A', 'a*', '?', '${k:s}', '${k:none}', 'ab'],
}
/** Operators by the key that suits them; without their prefixes and IfExists. */
const OPERATORS: Readonly<Record<string, readonly string[]>> = {
  'k:s': ['StringEquals', 'StringNotEquals', 'StringEqualsIgnoreCase', 'StringNotEqualsIgnoreCase'].concat(
    'StringLike',
    'StringNotLike',
  ),
  'k:n': ['NumericEquals', 'NumericNotEquals', 'NumericLessThan', 'NumericLessThanEquals'].concat(
    'NumericGreaterThan',
    'NumericGreaterThanEquals',
  ),
  'k:d': ['DateEquals', 'DateNotEquals', 'DateLessThan', 'DateLessThanEquals'].concat(
    'DateGreaterThan',
    'DateGreaterThanEquals',
  ),
  'k:b': ['Bool'],
  'k:i': ['IpAddress', 'NotIpAddress'],
  'k:r': ['ArnEquals', 'ArnLike', 'ArnNotEquals', 'ArnNotLike'],
  'k:x': ['BinaryEquals'],
}
const SETS = ['', '', 'ForAllValues:', 'ForAnyValue:']

/** Every operator the grammar has, in every form. */
export const OPERATOR_FORMS: readonly string[] = [
  ...Object.values(OPERATORS).flatMap((names) =>
    names.flatMap((name) => [...new Set(SETS)].flatMap((set) => [`${set}${name}`, `${set}${name}IfExists`])),
  ),
  'Null',
]

const condition: fc.Arbitrary<readonly [operator: string, key: string, values: readonly string[]]> = fc.oneof(
  {
    weight: 12,
    arbitrary: some(
      ...Object.entries(OPERATORS).flatMap(([key, names]) => names.map((name) => [key, name] as const)),
    ).chain(([key, name]) =>
      fc.tuple(
        fc.tuple(some(...SETS), some('', 'IfExists')).map(([set, suffix]) => `${set}${name}${suffix}`),
        // Now and then a key that the operator was not made for, and one that nobody has.
        fc.oneof(
          { weight: 8, arbitrary: fc.constant(key) },
          { weight: 1, arbitrary: some(...Object.keys(KEYS), 'k:none') },
          { weight: 1, arbitrary: fc.constant(key.toUpperCase()) },
          { weight: 2, arbitrary: fc.constant('k:m') },
        ),
        few(some(...WRITTEN[key]!)),
      ),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(
      fc.constant('Null'),
      some(...Object.keys(KEYS), 'K:NONE'),
      some(['true'], ['false'], ['True', 'false']),
    ),
  },
)
const conditions = fc.oneof(
  { weight: 3, arbitrary: fc.constant(undefined) },
  {
    weight: 4,
    arbitrary: few(condition, 2).map((list) => {
      const blocks: Record<string, Record<string, readonly string[]>> = {}
      for (const [operator, key, written] of list) (blocks[operator] ??= {})[key] = written
      return blocks
    }),
  },
)

function statementOf(chosenActions: fc.Arbitrary<readonly string[]>): fc.Arbitrary<RawStatement> {
  return fc
    .record({
      isDeny: oneIn(9),
      isNotAction: oneIn(6),
      isNotResource: oneIn(5),
      actions: chosenActions,
      resources,
      conditions,
    })
    .map((drawn) => ({
      Effect: drawn.isDeny ? 'Deny' : 'Allow',
      ...(drawn.isNotAction ? { NotAction: drawn.actions } : { Action: drawn.actions }),
      ...(drawn.isNotResource ? { NotResource: drawn.resources } : { Resource: drawn.resources }),
      ...(drawn.conditions === undefined ? {} : { Condition: drawn.conditions }),
    }))
}
const anyStatement = statementOf(actions)

const awsNames = few(
  some(
    ALICE,
    ALICE_ID,
    SESSION,
    `${ROLE_ID}:s`,
    ROLE_ID,
    FEDERATED,
    OWN,
    `arn:aws:iam::${OWN}:root`,
    `arn:aws:iam::${OWN}:role/R`,
    `arn:aws:iam::${OWN}:role/p/R`,
    `arn:aws:iam::${OTHER}:role/R`,
    OTHER,
    `arn:aws:iam::${OTHER}:user/a`,
    '*',
  ),
  4,
)
const services = few(some('backup.amazonaws.com', 'ec2.amazonaws.com'), 2)
const principals: fc.Arbitrary<'*' | Names> = fc.oneof(
  { weight: 1, arbitrary: fc.constant('*' as const) },
  { weight: 6, arbitrary: awsNames.map((AWS) => ({ AWS })) },
  { weight: 1, arbitrary: services.map((Service) => ({ Service })) },
  { weight: 2, arbitrary: fc.record({ AWS: awsNames, Service: services }) },
  {
    weight: 1,
    arbitrary: some('accounts.example.com', PROVIDER, PROVIDER).map((name) => ({ Federated: [name] })),
  },
)
/** Everything a caller is, so that NotPrincipal with Deny has somebody to spare. */
const wholeCallers = some<Names>(
  { AWS: [OWN, ALICE] },
  { AWS: [`arn:aws:iam::${OWN}:root`, SESSION, ROLE_ID] },
  { AWS: [OWN, FEDERATED], Service: ['backup.amazonaws.com'], Federated: [PROVIDER] },
  { AWS: [OTHER, `arn:aws:iam::${OTHER}:user/a`] },
  { AWS: ['*'] },
)

function named(statement: fc.Arbitrary<RawStatement>): fc.Arbitrary<RawStatement> {
  const who = fc.oneof(
    { weight: 6, arbitrary: principals.map((Principal) => ({ Principal })) },
    { weight: 1, arbitrary: principals.map((NotPrincipal) => ({ NotPrincipal })) },
    { weight: 1, arbitrary: wholeCallers.map((NotPrincipal) => ({ NotPrincipal, Effect: 'Deny' as const })) },
  )
  return fc.tuple(statement, who).map(([first, second]) => ({ ...first, ...second }))
}

const trustStatement: fc.Arbitrary<RawStatement> = fc
  .record({
    Effect: oneIn(8).map((isDeny) => (isDeny ? 'Deny' : 'Allow')),
    Principal: principals,
    Action: few(some('sts:AssumeRole', 'STS:assumerole', 'sts:*', 'sts:?ssume*', 'sts:TagSession')),
    Condition: conditions,
  })
  .map(({ Condition, ...rest }) => (Condition === undefined ? rest : { ...rest, Condition }))

const vaultActions = few(
  some('backup:Start', 'backup:start', 'backup:CopyIntoBackupVault', 's3:Get', 's3:Put'),
)

function documents(statement: fc.Arbitrary<RawStatement>, maxLength: number): fc.Arbitrary<RawDocument> {
  // Without a version, and under the old one, variables are text.
  const version = fc.oneof(
    { weight: 6, arbitrary: fc.constant({ Version: '2012-10-17' }) },
    { weight: 1, arbitrary: some({}, { Version: '2008-10-17' }) },
  )
  return fc
    .tuple(version, fc.array(statement, { minLength: 1, maxLength }))
    .map(([head, Statement]) => ({ ...head, Statement }))
}

const document = documents(anyStatement, 4)
const limits = fc.oneof(
  { weight: 4, arbitrary: fc.constant(undefined) },
  { weight: 3, arbitrary: fc.array(document, { maxLength: 2 }) },
)
const resourcePolicies = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ isVault: false, resource: undefined }) },
  {
    weight: 4,
    arbitrary: documents(named(anyStatement), 3).map((resource) => ({ isVault: false, resource })),
  },
  {
    weight: 2,
    arbitrary: documents(named(statementOf(vaultActions)), 3).map((resource) => ({
      isVault: true,
      resource,
    })),
  },
)

export const layersOf: fc.Arbitrary<RawLayers> = fc
  .record({
    identity: fc.array(document, { maxLength: 2 }),
    boundary: limits,
    session: limits,
    guarded: resourcePolicies,
    trust: fc.option(documents(trustStatement, 3), { freq: 4, nil: undefined }),
  })
  .map(({ guarded, ...rest }) => ({ ...rest, ...guarded }))

/** A statement to add to a layer, with a principal where the layer's policies have one. */
export const additions: Readonly<Record<'bare' | 'named' | 'vault' | 'trust', fc.Arbitrary<RawStatement>>> = {
  bare: anyStatement,
  named: named(anyStatement),
  vault: named(statementOf(vaultActions)),
  trust: trustStatement,
}
