/** Requests to try the engine with: drawn by arithmetic from a seed, since there are dozens for each set of policies. */
import type { PrincipalView } from '../../src/policy/decision.ts'
import * as values from './reference-values.ts'
import type { RawContext } from './reference-matching.ts'
import type { RawRequest } from './reference.ts'

export const OWN = '111111111111'
export const OTHER = '222222222222'
export const ALICE: string = `arn:aws:iam::${OWN}:user/a`
export const ALICE_ID = 'AIDAALICEALICEALICE1'
export const SESSION: string = `arn:aws:sts::${OWN}:assumed-role/R/s`
export const ROLE_ID = 'AROAROLEROLEROLEROL1'
export const FEDERATED: string = `arn:aws:sts::${OWN}:federated-user/f`

export const PROVIDER: string = `arn:aws:iam::${OWN}:oidc-provider/issuer.test/a`

const PRINCIPALS: readonly PrincipalView[] = [
  { kind: 'user', arn: ALICE, accountId: OWN, uniqueId: ALICE_ID },
  {
    kind: 'assumed-role',
    arn: SESSION,
    accountId: OWN,
    uniqueId: `${ROLE_ID}:s`,
    roleArn: `arn:aws:iam::${OWN}:role/p/R`,
    roleId: ROLE_ID,
  },
  {
    kind: 'federated-user',
    arn: FEDERATED,
    accountId: OWN,
    uniqueId: `${OWN}:f`,
    userArn: ALICE,
    userId: ALICE_ID,
  },
  // A session of which no more is known than its ARN says.
  {
    kind: 'assumed-role',
    arn: `arn:aws:sts::${OWN}:assumed-role/R/t`,
    accountId: OWN,
    uniqueId: `${ROLE_ID}:t`,
  },
  { kind: 'root', arn: `arn:aws:iam::${OWN}:root`, accountId: OWN, uniqueId: OWN },
  { kind: 'service', arn: '', accountId: '', uniqueId: '', service: 'backup.amazonaws.com' },
  { kind: 'web-identity', arn: PROVIDER, accountId: '', uniqueId: '', provider: PROVIDER },
  { kind: 'anonymous', arn: '', accountId: '', uniqueId: '' },
  { kind: 'user', arn: `arn:aws:iam::${OTHER}:user/a`, accountId: OTHER, uniqueId: 'AIDAFOREIGNFOREIGN01' },
]

const ACTIONS = ['s3:Get', 's3:Put', 'S3:GETTAG', 'ec2:Run', 'backup:Start', 'backup:CopyIntoBackupVault']
const RARE_ACTIONS = ['iam:TagPolicy', 'iam:GetPolicy', 'sts:GetCallerIdentity', 'sts:AssumeRole']
const TRUST_ACTIONS = ['sts:AssumeRole', 'sts:AssumeRole', 'sts:assumerole', 'sts:TagSession']
const VAULT = `arn:aws:backup:eu:${OWN}:backup-vault:v`
const RESOURCES = [
  'arn:aws:s3:::a',
  'arn:aws:s3:::a/b',
  'arn:aws:s3:::b/a.c',
  'arn:aws:s3:::b/axc:a',
  VAULT,
  '*',
]
const RARE_RESOURCES = [
  'arn:aws:iam::aws:policy/p',
  `arn:aws:iam::${OWN}:role/p/R`,
  'arn:aws:s3:::${k:s}/b',
  '',
]

/** Condition keys and what requests have in them, each for one sort of operators; `k:m` always has several values. */
export const KEYS: Readonly<Record<string, readonly string[]>> = {
  'k:s': ['a', 'b', 'A', 'ab', '*', 'a:b', 'a.b', ''],
  'k:n': [...Object.keys(values.NUMBERS), ...values.NO_NUMBERS],
  'k:d': [...Object.keys(values.DATES), ...values.NO_DATES],
  'k:b': ['true', 'false', 'True', ''],
  'k:i': [...Object.keys(values.ADDRESSES), ...values.NO_ADDRESSES],
  'k:r': ['arn:aws:s3:::a', 'arn:aws:s3:::a:b/c', 'arn:aws:iam::1:role/a', 'arn:aws:s3:a', 'a', ''],
  'k:x': ['YQ==', 'yq==', 'YWI='],
  'k:m': ['a', 'b', 'A', 'ab', ''],
}

export type Draw = (below: number) => number

/** Numbers from a seed (mulberry32). */
export function drawFrom(seed: number): Draw {
  let state = seed >>> 0
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}

export function drawRequest(draw: Draw, hasTrust: boolean): RawRequest {
  const pick = <T>(list: readonly T[]): T => list[draw(list.length)]!
  const context: Record<string, string | readonly string[]> = {}
  for (const [key, held] of Object.entries(KEYS)) {
    const form = draw(10)
    if (form < 2) continue
    if (form < 8 && key !== 'k:m') context[key] = pick(held)
    else context[key] = Array.from({ length: draw(4) }, () => pick(held))
  }
  const commonly = <T>(common: readonly T[], rare: readonly T[]): T =>
    draw(8) === 0 ? pick(rare) : pick(common)
  return {
    // The first three, who have policies of their own, are asked about most.
    principal: draw(2) === 0 ? PRINCIPALS[draw(3)]! : pick(PRINCIPALS),
    action: hasTrust && draw(4) > 0 ? pick(TRUST_ACTIONS) : commonly(ACTIONS, RARE_ACTIONS),
    resource: commonly(RESOURCES, RARE_RESOURCES),
    resourceAccountId: pick([undefined, OWN, OWN, OWN, OTHER, 'aws']),
    context: context as RawContext,
  }
}
