/**
 * The policies every account has without making them, under AWS's names and ARNs. Their documents are our own, one file each
 * in `managed/`; docs/managed-policies.md says what they grant and where they differ from AWS's.
 */
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'

/** One built-in policy. It belongs to no account, cannot be changed, and no size limit of customer policies holds for it. */
export interface ManagedPolicy {
  /** `arn:aws:iam::aws:policy` + path + name. */
  readonly arn: string
  readonly name: string
  /** `/`, `/service-role/` or `/aws-service-role/`. */
  readonly path: string
  /** ANPA and 17 more characters that follow from the name alone, so that they are the same on every server. */
  readonly policyId: string
  readonly description: string
  /** ISO 8601 in UTC; of AWS's policy where AWS has one. */
  readonly createdAt: string
  readonly updatedAt: string
  /** The only version there is, numbered as AWS's present one, e.g. `v30`. */
  readonly versionId: string
  /** JSON text without spaces. */
  readonly document: string
}

interface PolicyFile {
  readonly name: string
  readonly path: string
  readonly description: string
  readonly createdAt: string
  readonly updatedAt: string
  readonly versionId: string
  readonly document: object
}

const FOLDER = new URL('managed/', import.meta.url)
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'

/** All built-in policies by ARN, in the order of their names. */
export const managedPolicies: ReadonlyMap<string, ManagedPolicy> = new Map(
  readdirSync(FOLDER)
    .filter((file) => file.endsWith('.json'))
    .toSorted()
    .map((file) => {
      const policy = load(file)
      return [policy.arn, policy] as const
    }),
)

/** ARNs of the two policies that the default service role has, and no others. */
export const DEFAULT_ROLE_POLICY_ARNS: readonly string[] = [
  'arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForBackup',
  'arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyForRestores',
]

function load(file: string): ManagedPolicy {
  // Files of our own, checked one by one in the tests.
  const { document, ...facts } = JSON.parse(readFileSync(new URL(file, FOLDER), 'utf8')) as PolicyFile
  return {
    arn: `arn:aws:iam::aws:policy${facts.path}${facts.name}`,
    ...facts,
    policyId: policyIdOf(facts.name),
    document: JSON.stringify(document),
  }
}

function policyIdOf(name: string): string {
  const digest = createHash('sha256').update(`managed policy ${name}`).digest()
  return `ANPA${[...digest.subarray(0, 17)].map((byte) => BASE32[byte & 31]).join('')}`
}
