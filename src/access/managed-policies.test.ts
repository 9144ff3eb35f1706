import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

import type { CompiledPolicy } from '../policy/compile.ts'
import { compilePolicy } from '../policy/compile.ts'
import type { Decision } from '../policy/evaluate.ts'
import { contextOf, evaluate } from '../policy/evaluate.ts'
import { parsePolicy } from '../policy/parse.ts'
import type { Policy } from '../policy/policy.ts'
import { DEFAULT_ROLE_POLICY_ARNS, managedPolicies } from './managed-policies.ts'

const ACCOUNT = '123456789012'
const VAULT = `arn:aws:backup:us-east-1:${ACCOUNT}:backup-vault:Default`
const RECOVERY_POINT = `arn:aws:backup:us-east-1:${ACCOUNT}:recovery-point:0a1b2c3d-0000-4000-8000-000000000000`
const FILE_SYSTEM = `arn:aws:elasticfilesystem:us-east-1:${ACCOUNT}:file-system/fs-0123456789abcdef0`
const DATABASE = `arn:aws:rds:us-east-1:${ACCOUNT}:db:orders`
const SNAPSHOT = `arn:aws:rds:us-east-1:${ACCOUNT}:snapshot:awsbackup:job-0a1b2c3d`
const BUCKET = 'arn:aws:s3:::invoices'
const OBJECT = 'arn:aws:s3:::invoices/2026/a b.pdf'
const MADE_BY_BACKUP = { 'aws:ResourceTag/aws:backup:source-resource': 'fs-0123456789abcdef0:EFS' }

/** Names, paths and present versions of AWS's policies for Backup. */
const AWS_BACKUP_POLICIES: readonly (readonly [path: string, name: string, version: string])[] = [
  ['/service-role/', 'AWSBackupServiceRolePolicyForBackup', 'v30'],
  ['/service-role/', 'AWSBackupServiceRolePolicyForRestores', 'v35'],
  ['/', 'AWSBackupServiceRolePolicyForS3Backup', 'v4'],
  ['/', 'AWSBackupServiceRolePolicyForS3Restore', 'v2'],
  ['/', 'AWSBackupServiceRolePolicyForIndexing', 'v3'],
  ['/', 'AWSBackupServiceRolePolicyForItemRestores', 'v3'],
  ['/', 'AWSBackupServiceRolePolicyForScans', 'v3'],
  ['/', 'AWSBackupGuardDutyRolePolicyForScans', 'v3'],
  ['/', 'AWSBackupFullAccess', 'v30'],
  ['/', 'AWSBackupOperatorAccess', 'v28'],
  ['/', 'AWSBackupAuditAccess', 'v2'],
  ['/', 'AWSBackupOrganizationAdminAccess', 'v3'],
  ['/', 'AWSBackupSearchOperatorAccess', 'v6'],
  ['/', 'AWSBackupDataTransferAccess', 'v1'],
  ['/', 'AWSBackupRestoreAccessForSAPHANA', 'v1'],
  ['/service-role/', 'AWSBackupGatewayServiceRolePolicyForVirtualMachineMetadataSync', 'v1'],
  ['/aws-service-role/', 'AWSBackupServiceLinkedRolePolicyForBackup', 'v31'],
  ['/aws-service-role/', 'AWSBackupServiceLinkedRolePolicyForBackupTest', 'v1'],
  ['/aws-service-role/', 'AWSServiceRolePolicyForBackupReports', 'v2'],
  ['/aws-service-role/', 'AWSServiceRolePolicyForBackupRestoreTesting', 'v3'],
  ['/', 'AdministratorAccess', 'v1'],
  ['/', 'PowerUserAccess', 'v12'],
  ['/', 'ReadOnlyAccess', 'v182'],
  ['/', 'IAMFullAccess', 'v2'],
  ['/', 'IAMReadOnlyAccess', 'v4'],
]
const SERVICES = ['RDS', 'Aurora', 'EFS', 'FSx', 'EBS', 'EC2', 'DynamoDB', 'CloudFormation'] as const

const parsed = new Map<string, Policy>(
  [...managedPolicies].map(([arn, { document }]) => [arn, parsePolicy(document, 'identity')]),
)

function arnOf(name: string): string {
  const found = [...managedPolicies.values()].find((policy) => policy.name === name)
  assert.ok(found, `there is a built-in policy named ${name}`)
  return found.arn
}

function compiled(arn: string): CompiledPolicy {
  const policy = parsed.get(arn)
  assert.ok(policy, `there is a built-in policy ${arn}`)
  return compilePolicy(policy, { type: 'managed', arn, name: arn.slice(arn.lastIndexOf('/') + 1) })
}

type Facts = Readonly<Record<string, string | readonly string[]>>

/** What a session of a role with exactly these policies would be told. */
function decide(
  policies: readonly CompiledPolicy[],
  action: string,
  resource: string,
  facts: Facts = {},
): Decision {
  return evaluate(
    {
      principal: {
        kind: 'assumed-role',
        arn: `arn:aws:sts::${ACCOUNT}:assumed-role/backup/AWSBackup-backup`,
        accountId: ACCOUNT,
        uniqueId: 'AROAABCDEFGHIJKLMNOPQ:AWSBackup-backup',
        roleArn: `arn:aws:iam::${ACCOUNT}:role/backup`,
        roleId: 'AROAABCDEFGHIJKLMNOPQ',
      },
      action,
      resource,
      resourceAccountId: ACCOUNT,
      context: contextOf({ 'aws:PrincipalAccount': ACCOUNT, 'aws:ResourceAccount': ACCOUNT, ...facts }),
    },
    { identity: policies },
  )
}

const defaultRole = DEFAULT_ROLE_POLICY_ARNS.map(compiled)
const roleFor = (service: string): readonly CompiledPolicy[] =>
  ['Backup', 'Restore'].map((half) => compiled(arnOf(`AWSBackupServiceRolePolicyFor${service}${half}`)))

type Step = readonly [action: string, resource: string, facts?: Facts]

const GENERAL_STEPS: readonly Step[] = [
  ['tag:GetResources', '*'],
  ['backup:DescribeBackupVault', VAULT],
  ['backup:CopyIntoBackupVault', VAULT],
  ['backup:CopyFromBackupVault', RECOVERY_POINT],
]
const FULLY_MANAGED_STEPS: readonly Step[] = [
  ['backup:TagResource', RECOVERY_POINT],
  ['backup:DeleteRecoveryPoint', RECOVERY_POINT, MADE_BY_BACKUP],
]
const STEPS: Readonly<Record<'EFS' | 'RDS' | 'S3', readonly Step[]>> = {
  EFS: [
    ...GENERAL_STEPS,
    ...FULLY_MANAGED_STEPS,
    ['elasticfilesystem:DescribeTags', FILE_SYSTEM],
    ['elasticfilesystem:Backup', FILE_SYSTEM],
    ['elasticfilesystem:Restore', FILE_SYSTEM],
    ['elasticfilesystem:CreateFileSystem', FILE_SYSTEM],
    ['elasticfilesystem:DescribeFileSystems', FILE_SYSTEM],
    ['elasticfilesystem:TagResource', FILE_SYSTEM],
    ['elasticfilesystem:DeleteFileSystem', FILE_SYSTEM],
  ],
  RDS: [
    ...GENERAL_STEPS,
    ['rds:DescribeDBInstances', DATABASE],
    ['rds:ListTagsForResource', DATABASE],
    ['rds:CreateDBSnapshot', DATABASE],
    ['rds:CreateDBSnapshot', SNAPSHOT],
    ['rds:AddTagsToResource', SNAPSHOT],
    ['rds:DeleteDBSnapshot', SNAPSHOT],
    ['rds:DescribeDBSnapshots', SNAPSHOT],
    ['rds:RestoreDBInstanceFromDBSnapshot', SNAPSHOT],
    ['rds:RestoreDBInstanceFromDBSnapshot', DATABASE],
    ['rds:AddTagsToResource', DATABASE],
    ['rds:DeleteDBInstance', DATABASE],
  ],
  S3: [
    ...GENERAL_STEPS,
    ...FULLY_MANAGED_STEPS,
    ['s3:GetBucketTagging', BUCKET],
    ['s3:GetBucketVersioning', BUCKET],
    ['s3:GetBucketAcl', BUCKET],
    ['s3:GetBucketLocation', BUCKET],
    ['s3:ListBucket', BUCKET],
    ['s3:ListBucketVersions', BUCKET],
    ['s3:GetObject', OBJECT],
    ['s3:GetObjectVersion', OBJECT],
    ['s3:GetObjectTagging', OBJECT],
    ['s3:GetObjectAcl', OBJECT],
    ['s3:CreateBucket', BUCKET],
    ['s3:PutBucketTagging', BUCKET],
    ['s3:PutObject', OBJECT],
    ['s3:PutObjectTagging', OBJECT],
    ['s3:DeleteObject', OBJECT],
  ],
}

test('every built-in policy is filed under its own name and is a valid document of the present version', () => {
  for (const [arn, policy] of managedPolicies) {
    assert.equal(arn, policy.arn)
    assert.equal(arn, `arn:aws:iam::aws:policy${policy.path}${policy.name}`)
    assert.match(policy.path, /^\/(?:service-role\/|aws-service-role\/)?$/)
    assert.match(policy.policyId, /^ANPA[A-Z2-7]{17}$/)
    assert.match(policy.versionId, /^v[1-9][0-9]*$/)
    assert.ok(policy.description.length > 0 && policy.description.length <= 1000, arn)
    assert.ok(Date.parse(policy.createdAt) <= Date.parse(policy.updatedAt), arn)
    assert.equal(parsed.get(arn)?.version, '2012-10-17', arn)
    assert.equal(policy.document, JSON.stringify(JSON.parse(policy.document)), arn)
  }
  assert.equal(
    new Set([...managedPolicies.values()].map((policy) => policy.policyId)).size,
    managedPolicies.size,
  )
})

test('every policy that AWS ships for Backup is there under AWS’s path and version', () => {
  for (const [path, name, version] of AWS_BACKUP_POLICIES) {
    const policy = managedPolicies.get(`arn:aws:iam::aws:policy${path}${name}`)
    assert.equal(policy?.versionId, version, name)
  }
  for (const service of SERVICES) {
    for (const half of ['Backup', 'Restore']) {
      const arn = `arn:aws:iam::aws:policy/service-role/AWSBackupServiceRolePolicyFor${service}${half}`
      assert.ok(managedPolicies.has(arn), arn)
    }
  }
  assert.equal(managedPolicies.size, AWS_BACKUP_POLICIES.length + 2 * SERVICES.length)
})

test('policy ids stay the same from start to start', () => {
  assert.equal(
    managedPolicies.get('arn:aws:iam::aws:policy/AdministratorAccess')?.policyId,
    'ANPAJOBM3RW4CG6JMF7GP',
  )
})

for (const [service, steps] of Object.entries(STEPS)) {
  test(`the default role may do each step of ${service}`, () => {
    for (const [action, resource, facts] of steps) {
      const decision = decide(defaultRole, action, resource, facts)
      assert.ok(decision.allowed, `${action} on ${resource}: ${decision.reason}`)
    }
  })

  test(`a role with the two ${service} policies may do each step of ${service}, and nothing on the others`, () => {
    const role = roleFor(service)
    for (const [action, resource, facts] of steps) {
      const decision = decide(role, action, resource, facts)
      assert.ok(decision.allowed, `${action} on ${resource}: ${decision.reason}`)
    }
    const own = new Set(steps.map(([action]) => action))
    for (const [action, resource, facts] of Object.values(STEPS).flat()) {
      if (own.has(action)) continue
      assert.equal(decide(role, action, resource, facts).effect, 'ImplicitDeny', `${service}: ${action}`)
    }
  })
}

test('the default role may neither delete what Backup did not make nor touch vaults, buckets and identities', () => {
  const refused: readonly Step[] = [
    ['rds:DeleteDBSnapshot', `arn:aws:rds:us-east-1:${ACCOUNT}:snapshot:before-migration`],
    ['backup:DeleteBackupVault', VAULT],
    ['backup:PutBackupVaultAccessPolicy', VAULT],
    ['backup:UpdateRecoveryPointLifecycle', RECOVERY_POINT],
    ['s3:DeleteBucket', BUCKET],
    ['s3:PutBucketPolicy', BUCKET],
    ['elasticfilesystem:ClientRootAccess', FILE_SYSTEM],
    ['iam:CreateRole', `arn:aws:iam::${ACCOUNT}:role/backup`],
    ['sts:AssumeRole', `arn:aws:iam::${ACCOUNT}:role/admin`],
  ]
  for (const [action, resource] of refused) {
    assert.equal(decide(defaultRole, action, resource).effect, 'ImplicitDeny', `${action} on ${resource}`)
  }
})

test('R5 expiry may delete only recovery points that Backup made, in the role’s own account', () => {
  const own = { ...MADE_BY_BACKUP }
  for (const role of [
    defaultRole,
    roleFor('EFS'),
    roleFor('S3'),
    roleFor('CloudFormation'),
    roleFor('DynamoDB'),
  ]) {
    const ask = (facts: Facts): boolean =>
      decide(role, 'backup:DeleteRecoveryPoint', RECOVERY_POINT, facts).allowed
    assert.equal(ask(own), true)
    assert.equal(ask({}), false)
    assert.equal(ask({ ...own, 'aws:ResourceAccount': '999999999999' }), false)
  }
  const serviceLinked = [compiled(arnOf('AWSBackupServiceLinkedRolePolicyForBackup'))]
  assert.equal(decide(serviceLinked, 'backup:DeleteRecoveryPoint', RECOVERY_POINT, own).allowed, true)
})

test('R6 no built-in service-role policy passes a role to EC2, nor one of the default role’s to anybody', () => {
  const passed = `arn:aws:iam::${ACCOUNT}:role/AWSBackupGuardDutyInstance`
  const to = (service: string): Facts => ({ 'iam:PassedToService': service })
  const isServiceRole = (arn: string): boolean =>
    arn.includes('service-role/') || arn.includes('RolePolicyFor')
  const serviceRoles = [...managedPolicies.keys()].filter(isServiceRole)
  assert.ok(serviceRoles.length > 20)
  for (const arn of serviceRoles) {
    assert.equal(decide([compiled(arn)], 'iam:PassRole', passed, to('ec2.amazonaws.com')).allowed, false, arn)
    for (const statement of parsed.get(arn)?.statements ?? []) {
      assert.equal(statement.action.negated, false, arn)
      if (!statement.action.names.some((name) => couldBe(name, 'iam:passrole'))) continue
      const services = statement.conditions.find(({ key }) => key === 'iam:PassedToService')
      assert.ok(services, `${arn} names whom it passes roles to`)
      for (const service of services.values) assert.doesNotMatch(service, /[*?$]|ec2/, arn)
    }
  }
  for (const service of [
    'eks.amazonaws.com',
    'backup.amazonaws.com',
    'malware-protection.guardduty.amazonaws.com',
  ]) {
    assert.equal(decide(defaultRole, 'iam:PassRole', passed, to(service)).allowed, false, service)
  }
  const administrator = [compiled(arnOf('AdministratorAccess'))]
  assert.equal(decide(administrator, 'iam:PassRole', passed, to('ec2.amazonaws.com')).allowed, true)
})

/** What else than AdministratorAccess grants of this server's own API: reading, checking, and ending what was started. */
const LOOKS = [
  'roleback:Describe*',
  'roleback:GetAuthorizationDetails',
  'roleback:GetRestoreGuard',
  'roleback:GetRestoreTestValidators',
  'roleback:List*',
  'roleback:PreflightJobs',
  'roleback:Preview*',
]
const HARMLESS: Readonly<Record<string, readonly string[]>> = {
  AWSBackupFullAccess: [...LOOKS, 'roleback:StartVerifyJob', 'roleback:StopJob', 'roleback:ValidatePolicy'],
  AWSBackupOperatorAccess: [...LOOKS, 'roleback:ValidatePolicy'],
}
const ADMINISTRATION = [
  'roleback:CreateDefaultRole',
  'roleback:CreateAccount',
  'roleback:RegisterResource',
  'roleback:DeregisterResource',
  'roleback:PutRestoreGuard',
  'roleback:RotateServerKey',
  'roleback:IssueRecoveryKit',
  'roleback:ExportVault',
  'roleback:RevokeSessions',
]

for (const { arn, name } of managedPolicies.values()) {
  test(`R11 ${name} ${name === 'AdministratorAccess' ? 'grants' : 'does not grant'} the administration of the server`, () => {
    const holder = [compiled(arn)]
    for (const action of ADMINISTRATION) {
      assert.equal(decide(holder, action, '*').allowed, name === 'AdministratorAccess', action)
    }
    if (name === 'AdministratorAccess') return
    for (const { action } of parsed.get(arn)?.statements ?? []) {
      if (action.negated) {
        assert.ok(
          action.names.includes('roleback:*'),
          'a statement on all but some actions leaves roleback:* out',
        )
        continue
      }
      const own = action.names.filter((each) => couldBe(each.split(':')[0] ?? each, 'roleback'))
      assert.deepEqual(own, own.length === 0 ? [] : HARMLESS[name])
    }
  })
}

test('R16 which built-in policies read at the source, and which restore what they cannot read', () => {
  const objects = `${BUCKET}/`
  const reads: readonly Step[] = [
    ['elasticfilesystem:ClientMount', FILE_SYSTEM],
    ['rds-db:connect', `arn:aws:rds-db:us-east-1:${ACCOUNT}:dbuser:db-0a1b2c3d/shop`],
    ['s3:GetObject', objects],
    ['dynamodb:Scan', `arn:aws:dynamodb:us-east-1:${ACCOUNT}:table/orders`],
    ['ebs:GetSnapshotBlock', 'arn:aws:ec2:us-east-1::snapshot/snap-0a1b2c3d'],
  ]
  const found = [...managedPolicies.values()].flatMap(({ arn, name, path }) => {
    // People cannot have the others: they are for the roles of services.
    if (path !== '/' || /RolePolicy|^AWSBackupServiceRole/.test(name)) return []
    const holder = [compiled(arn)]
    const read = reads.filter(([action, resource]) => decide(holder, action, resource).allowed)
    const services = read.map(([action]) => action.split(':')[0] as string)
    const unreadable = decide(holder, 'roleback:RestoreUnreadable', RECOVERY_POINT).allowed
    return read.length === 0 && !unreadable ? [] : [[name, services.join(' '), unreadable]]
  })
  assert.deepEqual(found, [
    ['AdministratorAccess', 'elasticfilesystem rds-db s3 dynamodb ebs', true],
    ['PowerUserAccess', 'elasticfilesystem rds-db s3 dynamodb ebs', false],
    ['ReadOnlyAccess', 's3 dynamodb ebs', false],
  ])
})

test('PowerUserAccess gives everything but identities, and ReadOnlyAccess reading without secrets', () => {
  const power = [compiled(arnOf('PowerUserAccess'))]
  assert.equal(decide(power, 'backup:DeleteBackupVault', VAULT).allowed, true)
  assert.equal(decide(power, 'iam:CreateUser', `arn:aws:iam::${ACCOUNT}:user/eve`).allowed, false)
  const reader = [compiled(arnOf('ReadOnlyAccess'))]
  for (const action of ['backup:ListBackupVaults', 'iam:GetRole', 's3:GetObject', 'tag:GetResources']) {
    assert.equal(decide(reader, action, '*').allowed, true, action)
  }
  for (const action of [
    'backup:StartBackupJob',
    'elasticfilesystem:ClientMount',
    'iam:PassRole',
    'secretsmanager:GetSecretValue',
    'sts:AssumeRole',
  ]) {
    assert.equal(decide(reader, action, '*').allowed, false, action)
  }
})

test('AWSBackupFullAccess passes only roles named for Backup, and only to Backup', () => {
  const operator = [compiled(arnOf('AWSBackupFullAccess'))]
  const ask = (role: string, service: string): boolean =>
    decide(operator, 'iam:PassRole', `arn:aws:iam::${ACCOUNT}:role/${role}`, {
      'iam:PassedToService': service,
    }).allowed
  assert.equal(ask('service-role/AWSBackupDefaultServiceRole', 'backup.amazonaws.com'), true)
  assert.equal(ask('service-role/AWSBackupDefaultServiceRole', 'ec2.amazonaws.com'), false)
  assert.equal(ask('rds-backup', 'backup.amazonaws.com'), false)
})

for (const tool of ['policy-docs.ts', 'build-read-only-access.ts']) {
  test(`what tools/${tool} writes is fresh`, () => {
    const path = fileURLToPath(new URL(`../../tools/${tool}`, import.meta.url))
    const run = spawnSync(process.execPath, [path, '--check'], { encoding: 'utf8' })
    assert.equal(run.status, 0, run.stderr)
  })
}

/** Whether a name with wildcards could mean `name`, which is in lower case. */
function couldBe(pattern: string, name: string): boolean {
  const source = pattern.toLowerCase().replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
  return new RegExp(`^${source.replaceAll('*', '.*').replaceAll('?', '.')}$`).test(name)
}
