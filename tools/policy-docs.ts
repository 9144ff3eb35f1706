/** Writes docs/managed-policies.md from the built-in policies; `--check` compares instead. */
import { readFile, writeFile } from 'node:fs/promises'

import { DEFAULT_ROLE_POLICY_ARNS, managedPolicies } from '../src/access/managed-policies.ts'
import type { ManagedPolicy } from '../src/access/managed-policies.ts'

const FILE = new URL('../docs/managed-policies.md', import.meta.url)
const PREFIX = 'AWSBackupServiceRolePolicyFor'

/** What each pair of per-service policies is for. `driver` says whether this version backs the type up. */
const SERVICES: readonly { readonly name: string; readonly what: string; readonly driver: boolean }[] = [
  { name: 'EFS', what: 'Directory trees', driver: true },
  { name: 'RDS', what: 'PostgreSQL databases', driver: true },
  { name: 'S3', what: 'Buckets', driver: true },
  { name: 'Aurora', what: 'Aurora clusters', driver: false },
  { name: 'CloudFormation', what: 'Stacks', driver: false },
  { name: 'DynamoDB', what: 'Tables', driver: false },
  { name: 'EBS', what: 'Volumes', driver: false },
  { name: 'EC2', what: 'Instances', driver: false },
  { name: 'FSx', what: 'File systems and volumes', driver: false },
]

interface Statement {
  readonly Action?: readonly string[]
}

function policy(name: string): ManagedPolicy {
  const found = [...managedPolicies.values()].find((each) => each.name === name)
  if (found === undefined) throw new Error(`There is no built-in policy named "${name}"`)
  return found
}

/** `rds` CreateDBSnapshot, …; `tag` GetResources: every action once, by service. */
function actionsOf(name: string): string {
  const { Statement: statements } = JSON.parse(policy(name).document) as {
    readonly Statement: readonly Statement[]
  }
  const byService = new Map<string, Set<string>>()
  for (const action of statements.flatMap((statement) => statement.Action ?? [])) {
    const [service = '', operation = ''] = action.split(':')
    byService.set(service, (byService.get(service) ?? new Set<string>()).add(operation))
  }
  return [...byService]
    .toSorted(([a], [b]) => a.localeCompare(b))
    .map(([service, operations]) => `\`${service}:\` ${[...operations].toSorted().join(', ')}`)
    .join('; ')
}

function serviceRows(): string {
  return SERVICES.flatMap(({ name }) =>
    ['Backup', 'Restore'].map((half) => {
      const policyName = `${PREFIX}${name}${half}`
      return `| ${name} | \`${policyName}\` | ${actionsOf(policyName)} |`
    }),
  ).join('\n')
}

function kindRows(): string {
  return SERVICES.map(
    ({ name, what, driver }) =>
      `| ${name} | ${what} | ${driver ? 'yes' : 'not in this version'} | \`${name.toLowerCase()}-backup\` with \`${PREFIX}${name}Backup\` and \`${PREFIX}${name}Restore\` |`,
  ).join('\n')
}

function listRows(): string {
  return [...managedPolicies.values()]
    .map(({ arn, versionId, description }) => `| \`${arn}\` | ${versionId} | ${description} |`)
    .join('\n')
}

const TRUST = JSON.stringify(
  {
    Version: '2012-10-17',
    Statement: [
      { Effect: 'Allow', Principal: { Service: 'backup.amazonaws.com' }, Action: 'sts:AssumeRole' },
    ],
  },
  undefined,
  2,
)

function attachCommands(): string {
  return ['Backup', 'Restore']
    .map(
      (half) =>
        `aws iam attach-role-policy --role-name rds-backup --policy-arn ${policy(`${PREFIX}RDS${half}`).arn}`,
    )
    .join('\n')
}

function page(): string {
  return `<!-- Made by tools/policy-docs.ts from src/access/managed/; do not edit. -->
# Managed policies

Roleback has ${managedPolicies.size} built-in policies under AWS's names, paths and ARNs, so that scripts and Terraform that attach them work
unchanged. The documents are our own. They belong to no account and cannot be changed; the size limits of customer policies do
not hold for them.

## One role per service

A backup or restore runs with the rights of the role that was passed, and no others. For each service there is a policy for
backing up and one for restoring; attach both, or only the one you need.

| Service | Here this is | Backed up | Example role |
| --- | --- | --- | --- |
${kindRows()}

To make one, say for RDS, save this trust policy as \`trust.json\`:

\`\`\`json
${TRUST}
\`\`\`

and attach the two policies:

\`\`\`sh
aws iam create-role --role-name rds-backup --assume-role-policy-document file://trust.json
${attachCommands()}
\`\`\`

A caller also needs \`iam:PassRole\` on the role. \`AWSBackupFullAccess\` and \`AWSBackupOperatorAccess\` grant that, as on AWS, only
for roles with \`AWSBackup\` or \`AwsBackup\` in the name; for any other name add a statement of your own:

\`\`\`json
{
  "Effect": "Allow",
  "Action": "iam:PassRole",
  "Resource": "arn:aws:iam::*:role/rds-backup",
  "Condition": { "StringEquals": { "iam:PassedToService": "backup.amazonaws.com" } }
}
\`\`\`

What each grants:

| Service | Policy | Actions |
| --- | --- | --- |
${serviceRows()}

## The default role

\`./roleback role create-default\` makes \`/service-role/AWSBackupDefaultServiceRole\` with exactly two policies:

${DEFAULT_ROLE_POLICY_ARNS.map((arn) => `- \`${arn}\``).join('\n')}

Together they cover every type above, which is convenient and wide. Whoever may pass this role may have anything backed up and
restored with it; where that matters, use one role per service and grant \`iam:PassRole\` on each by name.

## All built-in policies

| ARN | Version | What for |
| --- | --- | --- |
${listRows()}

## Where the documents differ from AWS's, and why

| Policy | Difference | Why |
| --- | --- | --- |
| \`${PREFIX}Backup\`, \`${PREFIX}Restores\` | Also hold the S3 statements | AWS's default role does not cover S3, and nightly jobs fail on it |
| \`${PREFIX}Backup\`, those for EFS, S3, DynamoDB and CloudFormation, and the service-linked role | \`backup:DeleteRecoveryPoint\` on recovery points that carry the tag \`aws:backup:source-resource\`, in the role's own account | Expiry runs with the recorded role's rights; these types have no delete action of their own service |
| \`${PREFIX}Backup\` | No \`iam:PassRole\` to \`malware-protection.guardduty.amazonaws.com\` | No backup here passes a role |
| \`${PREFIX}Restores\` | No \`iam:PassRole\` at all (AWS: to EC2, EKS and Backup) | A restored instance must not get a role that the one who restores could not pass. To restore with an instance role, add a statement that names it |
| \`${PREFIX}Scans\` | Passes only roles named \`*AWSBackupGuardDuty*\` or \`*AwsBackupGuardDuty*\` (AWS: any) | The names that AWSBackupFullAccess lets people pass |
| \`${PREFIX}S3Backup\` | Also \`tag:GetResources\`, \`backup:DescribeBackupVault\`, \`backup:CopyIntoBackupVault\`, \`backup:CopyFromBackupVault\` | A role with this policy alone can back up buckets |
| \`${PREFIX}S3Restore\`, \`${PREFIX}Restores\` | Also \`s3:PutBucketTagging\` | A restore that copies the source's tags to a new bucket sets them |
| \`…RDSBackup\`, \`…RDSRestore\` and the other pairs but S3 | AWS has no such policies | AWS lists statements to copy by hand instead |
| \`AWSBackupFullAccess\`, \`AWSBackupOperatorAccess\` | Also what reads in \`roleback:\` (\`Describe*\`, \`List*\`, \`Preview*\`, \`PreflightJobs\`, \`ValidatePolicy\`, the restore guard, validators of restore tests, and \`GetAuthorizationDetails\`); FullAccess \`roleback:StartVerifyJob\` and \`roleback:StopJob\` too | The console’s previews, checks and explanations for those who work with backups, and ending what was started, as \`backup:StopBackupJob\` does. \`GetAuthorizationDetails\` tells which statements of their account refused, whoever was refused |
| \`AWSServiceRolePolicyForBackupReports\` | Also \`s3:PutObject\` and \`elasticfilesystem:ClientWrite\` | On AWS the bucket's policy lets the service write; buckets here have none. A job writes where its plan's maker might, and nowhere else |
| \`PowerUserAccess\` | Does not grant \`roleback:*\` | Administration of this server is for administrators |
| \`AdministratorAccess\` | None; it is the only built-in policy that grants the rest of \`roleback:*\` | |
| \`ReadOnlyAccess\` | Follows the access levels Read and List of AWS's service authorization reference; leaves out what hands out secrets and what acts in spite of its level; grants nothing of \`roleback:\` | Made by \`tools/build-read-only-access.ts\`, checked at every build |
| All | Statement ids and order, action names spelled as in the reference (\`CreateFileSystem\`), every Bool a string | Readable; names match without regard to case anyway |

No built-in service-role policy passes a role to \`ec2.amazonaws.com\`. A job's session is limited further than its role: to its own
resource, target and vault. \`elasticfilesystem:ClientRootAccess\` is in none of these policies; without it a restore leaves away
setuid bits, devices and file capabilities and says so.
`
}

const wanted = page()
if (!process.argv.includes('--check')) {
  await writeFile(FILE, wanted)
} else if ((await readFile(FILE, 'utf8').catch(() => '')) !== wanted) {
  process.stderr.write(
    'docs/managed-policies.md is stale; run `node tools/policy-docs.ts` and commit what it writes\n',
  )
  process.exitCode = 1
}
