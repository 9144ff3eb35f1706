import { groupArn, instanceProfileArn, mfaDeviceArn, roleArn, userArn } from '../src/access/identity-arns.ts'
import type { ServiceName } from '../src/aws/model.ts'
import { planArn, vaultArn } from '../src/backup/arns.ts'
import { insertAccount } from '../src/store/identity/accounts.ts'
import { ACCOUNT, NOW, REGION, pointRow, roleRow, userRow, vaultRow } from '../src/store/contract-rows.ts'
import { insertGroup } from '../src/store/identity/identities-groups.ts'
import { insertInstanceProfile } from '../src/store/identity/identities-profiles.ts'
import { insertAccessKey, insertRole, insertUser } from '../src/store/identity/identities.ts'
import { insertRecoveryPoint } from '../src/store/points/recovery-points.ts'
import type { Store } from '../src/store/store.ts'
import { putTags } from '../src/store/identity/tags.ts'
import { insertVault } from '../src/store/vaults/vaults.ts'

/** One of everything that an operation can be about, and inputs that name it. */

export { ACCOUNT, REGION }

const VAULT = vaultArn({ region: REGION, accountId: ACCOUNT }, 'VAULT')
const POINT = `arn:aws:backup:${REGION}:${ACCOUNT}:recovery-point:ID`
const RESOURCE = `arn:aws:rds:${REGION}:${ACCOUNT}:db:NAME`
const PLAN = planArn({ region: REGION, accountId: ACCOUNT }, 'PLAN')
const POLICY = `arn:aws:iam::${ACCOUNT}:policy/POLICY`
const PROVIDER = `arn:aws:iam::${ACCOUNT}:oidc-provider/HOST/PATH`
const KEY_ID = 'AKIASAMPLESAMPLE0001'
const DEVICE = mfaDeviceArn({ account_id: ACCOUNT, path: '/', name: 'DEVICE' })
const TAGS = { KEY: 'VALUE' }
const TAG_LIST = [{ Key: 'KEY', Value: 'VALUE' }]

export async function fillStore({ db }: Store): Promise<void> {
  await insertAccount(db, { account_id: ACCOUNT, name: 'sample', created_at: NOW, root_last_used_at: null })
  const user = { ...userRow('USER'), boundary_arn: POLICY }
  const role = { ...roleRow('ROLE'), boundary_arn: POLICY }
  const named = { account_id: ACCOUNT, path: '/', created_at: NOW }
  const group = { ...named, group_id: 'AGPASAMPLE', name: 'GROUP', name_lower: 'group' }
  const profile = {
    ...named,
    profile_id: 'AIPASAMPLE',
    name: 'PROFILE',
    name_lower: 'profile',
    role_id: null,
  }
  await insertUser(db, user)
  await insertRole(db, role)
  await insertGroup(db, group)
  await insertInstanceProfile(db, profile)
  await insertAccessKey(db, {
    access_key_id: KEY_ID,
    account_id: ACCOUNT,
    user_id: user.user_id,
    secret: '',
    status: 'Active',
    created_at: NOW,
    last_used_at: null,
    last_used_service: null,
    last_used_region: null,
  })
  await insertVault(db, vaultRow('VAULT', { arn: VAULT }))
  await insertRecoveryPoint(db, pointRow('VAULT', { arn: POINT }))
  const tagged = [
    VAULT,
    POINT,
    PLAN,
    RESOURCE,
    POLICY,
    userArn(user),
    roleArn(role),
    instanceProfileArn(profile),
    DEVICE,
  ]
  for (const arn of tagged) await putTags(db, ACCOUNT, arn, TAGS)
  // Groups cannot be tagged.
  await putTags(db, ACCOUNT, groupArn(group), {})
}

/** Members of any operation's input; those that an operation does not model are left out of its sample. */
export const SAMPLES: Readonly<Record<ServiceName, Readonly<Record<string, unknown>>>> = {
  backup: {
    BackupVaultName: 'VAULT',
    FrameworkName: 'FRAMEWORK',
    ReportPlanName: 'REPORTS',
    MinRetentionDays: 7,
    MaxRetentionDays: 30,
    ChangeableForDays: 3,
    RecoveryPointArn: POINT,
    ResourceArn: VAULT,
    BackupVaultTags: TAGS,
    BackupPlanId: 'PLAN',
    BackupPlanTags: TAGS,
    RestoreTestingPlan: { RestoreTestingPlanName: 'PLAN' },
    RestoreTestingPlanName: 'PLAN',
    TieringConfiguration: { TieringConfigurationName: 'TIERING' },
    TieringConfigurationName: 'TIERING',
    TieringConfigurationTags: TAGS,
    RecoveryPointTags: TAGS,
    Tags: TAGS,
    TagKeyList: ['KEY'],
  },
  iam: {
    UserName: 'USER',
    NewUserName: 'NEW',
    RoleName: 'ROLE',
    GroupName: 'GROUP',
    NewGroupName: 'NEW',
    PolicyName: 'POLICY',
    PolicyArn: POLICY,
    InstanceProfileName: 'PROFILE',
    Url: 'https://HOST/PATH',
    OpenIDConnectProviderArn: PROVIDER,
    AccessKeyId: KEY_ID,
    VirtualMFADeviceName: 'DEVICE',
    SerialNumber: DEVICE,
    PermissionsBoundary: POLICY,
    AWSServiceName: 'backup.amazonaws.com',
    Arn: `arn:aws:iam::${ACCOUNT}:user/USER`,
    PolicySourceArn: `arn:aws:iam::${ACCOUNT}:user/USER`,
    Tags: TAG_LIST,
    TagKeys: ['KEY'],
  },
  'iam-toolbox': {},
  sts: { RoleArn: `arn:aws:iam::${ACCOUNT}:role/ROLE`, Name: 'NAME', Tags: TAG_LIST },
  tagging: { ResourceARNList: [VAULT], Tags: TAGS, TagKeys: ['KEY'] },
  roleback: {
    RuleName: 'NAME',
    OpenIDConnectProviderArn: PROVIDER,
    IamRoleArn: `arn:aws:iam::${ACCOUNT}:role/ROLE`,
    UserName: 'USER',
    RestoreGuard: 'warn',
    ResourceType: 'RDS',
    Name: 'NAME',
    ResourceArn: RESOURCE,
    PrincipalArn: `arn:aws:iam::${ACCOUNT}:user/USER`,
    BackupVaultName: 'VAULT',
    FrameworkName: 'FRAMEWORK',
    Resource: VAULT,
    Connection: { Host: 'HOST', Path: 'PATH', Endpoint: 'ENDPOINT', Bucket: 'BUCKET' },
    Tags: TAG_LIST,
    Endpoint: 'https://HOST',
    Location: 's3://BUCKET/PREFIX',
    RestoreTestingPlanName: 'PLAN',
  },
}
