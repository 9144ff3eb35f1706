import { lintPolicy } from './lint.ts'
import type { LintOptions } from './lint.ts'
import type { PolicyKind } from './policy.ts'
import { keyFacts } from './reference.ts'
import type { ActionFacts, ServiceFacts, ServiceReference } from './reference.ts'

/** A service small enough to know by heart, and what the linter says of policies about it. */
const action = (name: string, ...resources: readonly string[]): [string, ActionFacts] => [
  (name.split(':')[1] as string).toLowerCase(),
  { name, resources },
]

const SERVICES: Readonly<Record<string, ServiceFacts>> = {
  zoo: {
    actions: new Map([
      action('zoo:FeedLion', 'zoo:*:*:lion/*'),
      action('zoo:FeedLions', 'zoo:*:*:lion/*', 'zoo:*:*:cage/*'),
      action('zoo:ListAnimals'),
      action('zoo:OpenGate', 'zoo:*:*:gate/*'),
      action('zoo:PutSignAtTheGate'),
    ]),
    keys: keyFacts(['zoo:Keeper', '+zoo:Visitors', 'zoo:Tag/*', 'zoo:*/name']),
  },
  sts: { actions: new Map([action('sts:AssumeRole', 'iam:*:*:role/*')]), keys: keyFacts(['sts:ExternalId']) },
}
const REFERENCE: ServiceReference = {
  service: (prefix) => SERVICES[prefix],
  globalKeys: keyFacts([
    'aws:username',
    '+aws:TagKeys',
    'aws:SourceIp',
    'aws:CurrentTime',
    'aws:PrincipalTag/*',
  ]),
}

/** `SEVERITY CODE PATH: message`, in the order they are told. */
export function found(
  statement: object | readonly object[],
  kind: PolicyKind = 'identity',
  options: Partial<LintOptions> = {},
  version = '2012-10-17',
): readonly string[] {
  const text = JSON.stringify({ Version: version, Statement: statement })
  return lintPolicy(text, kind, { reference: REFERENCE, ...options }).map(
    ({ severity, code, path, message }) => `${severity} ${code} ${path}: ${message}`,
  )
}

export const FEED = { Effect: 'Allow', Action: 'zoo:FeedLion', Resource: 'arn:aws:zoo:::lion/leo' }
export const feed = (change: object): object => ({ ...FEED, ...change })
export const when = (Condition: object): object => feed({ Condition })
