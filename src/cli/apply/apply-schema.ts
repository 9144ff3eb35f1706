import type { BackupPlanInput, BackupSelection, CreateBackupVaultInput } from '../../aws/generated/backup.ts'
import type {
  CreateGroupRequest,
  CreatePolicyRequest,
  CreateRoleRequest,
  CreateUserRequest,
} from '../../aws/generated/iam.ts'
import type {
  PutDiscoveryRuleInput,
  PutStorageInput,
  RegisterResourceInput,
} from '../../aws/generated/roleback.ts'
import { membersOf } from './apply-file.ts'
import type { Schema, SecretPlace } from './apply-file.ts'

/** What can be declared: sections of things, each thing with the members that the API has for it. */

type Tagged<T> = Omit<T, 'Tags'> & { readonly Tags?: Readonly<Record<string, string>> }
type WithPlaces<T> = Omit<T, 'Secret' | 'RestoreSecret'> & {
  readonly Secret?: SecretPlace
  readonly RestoreSecret?: SecretPlace
}

/** Policies that a role, user or group has. What it has beside them stays. */
export interface Granted {
  readonly ManagedPolicyArns?: readonly string[]
  readonly InlinePolicies?: Readonly<Record<string, string>>
}

export interface DeclaredAccount {
  readonly Name: string
  readonly Alias?: string
  /** New file for the root user's key, which is shown once. */
  readonly KeyFile: string
}
export type DeclaredStorage = WithPlaces<PutStorageInput> & { readonly Secret: SecretPlace }
export type DeclaredPolicy = Tagged<CreatePolicyRequest>
export type DeclaredRole = Tagged<CreateRoleRequest> & Granted
export type DeclaredGroup = CreateGroupRequest & Granted
export type DeclaredUser = Tagged<CreateUserRequest> & Granted & { readonly Groups?: readonly string[] }
export type DeclaredVault = Pick<CreateBackupVaultInput, 'BackupVaultName' | 'BackupVaultTags'> & {
  readonly AccessPolicy?: string
}
export type DeclaredResource = Tagged<WithPlaces<RegisterResourceInput>>
export type DeclaredRule = Tagged<WithPlaces<PutDiscoveryRuleInput>>
export type DeclaredPlan = BackupPlanInput & {
  readonly Tags?: Readonly<Record<string, string>>
  readonly Selections?: readonly BackupSelection[]
}

export interface Declaration {
  readonly Accounts?: readonly DeclaredAccount[]
  readonly Storages?: readonly DeclaredStorage[]
  readonly Policies?: readonly DeclaredPolicy[]
  readonly Roles?: readonly DeclaredRole[]
  readonly Groups?: readonly DeclaredGroup[]
  readonly Users?: readonly DeclaredUser[]
  readonly Vaults?: readonly DeclaredVault[]
  readonly Resources?: readonly DeclaredResource[]
  readonly DiscoveryRules?: readonly DeclaredRule[]
  readonly Plans?: readonly DeclaredPlan[]
}

const text: Schema = { kind: 'text' }
const secret: Schema = { kind: 'secret' }
const policy: Schema = { kind: 'policy' }
const listOf = (of: Schema): Schema => ({ kind: 'list', of })
const mapOf = (of: Schema): Schema => ({ kind: 'map', of })
const tags = { Tags: mapOf(text) }
const granted = { ManagedPolicyArns: listOf(text), InlinePolicies: mapOf(policy) }

function things(members: Readonly<Record<string, Schema>>, ...required: readonly string[]): Schema {
  return listOf({ kind: 'record', members, required })
}

export const DECLARATION: Schema = {
  kind: 'record',
  required: ['Version'],
  members: {
    Version: { kind: 'one', value: 1 },
    Accounts: things({ Name: text, Alias: text, KeyFile: text }, 'Name', 'KeyFile'),
    Storages: things(
      { ...membersOf('roleback', 'PutStorageInput'), Secret: secret },
      'Name',
      'Location',
      'Endpoint',
      'AccessKeyId',
      'Secret',
    ),
    Policies: things({ ...membersOf('iam', 'CreatePolicyRequest'), ...tags }, 'PolicyName', 'PolicyDocument'),
    Roles: things(
      { ...membersOf('iam', 'CreateRoleRequest'), ...tags, ...granted },
      'RoleName',
      'AssumeRolePolicyDocument',
    ),
    Groups: things({ ...membersOf('iam', 'CreateGroupRequest'), ...granted }, 'GroupName'),
    Users: things(
      { ...membersOf('iam', 'CreateUserRequest'), ...tags, ...granted, Groups: listOf(text) },
      'UserName',
    ),
    Vaults: things(
      {
        ...membersOf('backup', 'CreateBackupVaultInput', ['CreatorRequestId', 'EncryptionKeyArn']),
        AccessPolicy: policy,
      },
      'BackupVaultName',
    ),
    Resources: things(
      { ...membersOf('roleback', 'RegisterResourceInput'), ...tags, Secret: secret, RestoreSecret: secret },
      'ResourceType',
      'Name',
      'Connection',
    ),
    DiscoveryRules: things(
      { ...membersOf('roleback', 'PutDiscoveryRuleInput'), ...tags, Secret: secret, RestoreSecret: secret },
      'Name',
      'ResourceType',
      'Connection',
      'IamRoleArn',
    ),
    Plans: things(
      {
        ...membersOf('backup', 'BackupPlanInput'),
        ...tags,
        Selections: listOf({ kind: 'shape', service: 'backup', ref: { shape: 'BackupSelection' } }),
      },
      'BackupPlanName',
      'Rules',
    ),
  },
}
