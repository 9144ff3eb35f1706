/**
 * Every table and column. Text is UTF-8; times are milliseconds since 1970 in integers; JSON is text; booleans are 0 or 1.
 * Every row that belongs to somebody carries its account, and its region where AWS has one.
 */

/** Milliseconds since 1970. */
export type Millis = number
/** A JSON document as text. */
export type JsonText = string

export interface ServerTable {
  /** Always 1: one row. */
  id: number
  server_id: string
  created_at: Millis
  management_account_id: string
  region: string
  /** X25519 public key of the recovery kit, base64. */
  recovery_kit_public_key: string
  /** Bumped when a server takes over the database of another (restored copy, rebuild). */
  epoch: number
}

export interface AccountTable {
  account_id: string
  name: string
  created_at: Millis
  root_last_used_at: Millis | null
  /** Unique on the server; an account has one or none. */
  alias: string | null
  password_policy: JsonText | null
  /** Whether restores hand out what their caller could not read at the source (docs/restore-guard.md). */
  restore_guard: 'off' | 'warn' | 'enforce'
  first_steps_dismissed_at: Millis | null
}

export interface RunningTimeTable {
  /** Always 1: one row. */
  id: number
  /** Sealed under the server's key. Base64. */
  sealed: string
}

export interface RegionSettingsTable {
  account_id: string
  region: string
  /** Opt-in per resource type: {"EFS":true}. */
  opt_in: JsonText
  /** Management preference per resource type. */
  management: JsonText
}

export interface UserTable {
  account_id: string
  user_id: string
  name: string
  /** Names are unique whatever their case, but kept as given. */
  name_lower: string
  path: string
  created_at: Millis
  boundary_arn: string | null
  password_last_used_at: Millis | null
  /** Sessions and signatures from before are refused (revocation). */
  revoked_before: Millis | null
}

export interface GroupTable {
  account_id: string
  group_id: string
  name: string
  name_lower: string
  path: string
  created_at: Millis
}

export interface GroupMemberTable {
  account_id: string
  group_id: string
  user_id: string
}

export interface RoleTable {
  account_id: string
  role_id: string
  name: string
  name_lower: string
  path: string
  created_at: Millis
  description: string | null
  /** As stored: principal ARNs of this server's users and roles are replaced by their unique ids. */
  trust_policy: JsonText
  max_session_seconds: number
  boundary_arn: string | null
  last_used_at: Millis | null
  last_used_region: string | null
  revoked_before: Millis | null
}

export interface PolicyTable {
  account_id: string
  policy_id: string
  arn: string
  name: string
  name_lower: string
  path: string
  description: string | null
  created_at: Millis
  updated_at: Millis
  /** Number of the default version. */
  default_version: number
  /** Highest number ever given: version ids are not used again. */
  last_version: number
}

export interface PolicyVersionTable {
  policy_id: string
  version: number
  document: JsonText
  created_at: Millis
}

/** Which identity (user, group or role, by unique id) a managed policy is attached to. */
export interface AttachmentTable {
  account_id: string
  identity_id: string
  policy_arn: string
  attached_at: Millis
}

export interface InlinePolicyTable {
  account_id: string
  identity_id: string
  name: string
  document: JsonText
}

export interface AccessKeyTable {
  access_key_id: string
  account_id: string
  /** Null for the root user's. */
  user_id: string | null
  /** Sealed under the server's key, bound to the key id. Base64. */
  secret: string
  status: 'Active' | 'Inactive'
  created_at: Millis
  last_used_at: Millis | null
  last_used_service: string | null
  last_used_region: string | null
  /** From then on it opens nothing; null for keys without an end. */
  expires_at: Millis | null
  /** What its calls are held to, beside the user's own policies; null where nothing more. */
  policy: JsonText | null
}

export interface OidcProviderTable {
  account_id: string
  /** The issuer without its scheme: what its ARN ends in, and its condition keys begin with. */
  url: string
  /** As tokens have it in `iss`. */
  issuer: string
  /** Lists of texts. */
  client_ids: JsonText
  thumbprints: JsonText
  created_at: Millis
}

export interface InstanceProfileTable {
  account_id: string
  profile_id: string
  name: string
  name_lower: string
  path: string
  created_at: Millis
  role_id: string | null
}

/** Tags of anything, by ARN. */
export interface TagTable {
  account_id: string
  arn: string
  key: string
  value: string
}

/** A registered resource and the connection behind it. */
export interface ResourceTable {
  account_id: string
  region: string
  arn: string
  /** Given at registration and never again: parents and policies hold to it, not to the ARN. */
  unique_id: string
  type: string
  name: string
  settings: JsonText
  /** Sealed under the server's key, bound to unique_id and version; null where there is none. */
  secret: string | null
  version: number
  created_at: Millis
  created_by: string
  /** ARN of the recovery point that a restore made it from. */
  restored_from: string | null
  /** Set when it was deregistered: recovery points keep referring to it. */
  removed_at: Millis | null
  /** The machine that its connection leads to, in lower case; null for what lies on the server's own. */
  host: string | null
}

export interface VaultTable {
  account_id: string
  region: string
  name: string
  arn: string
  /** Id of the vault in its blob store; 32 hexadecimal digits. */
  vault_id: string
  state: 'CREATING' | 'AVAILABLE' | 'FAILED'
  created_at: Millis
  creator_request_id: string | null
  encryption_key_arn: string
  /** Where its blobs lie: {"kind":"directory","path"}, or {"kind":"s3","storage","prefix"} (store/storages.ts). */
  storage: JsonText
  /** The same of its second, colder store (docs/adr/0027); null: none. Absent in rows that are written: it is set later. */
  cold_storage?: JsonText | null | undefined
  /** When something was moved there first; null: nothing ever was. Absent in rows that are written. */
  cold_begun_at?: Millis | null | undefined
  /** The vault key, wrapped under the server's key. Base64. Null until the vault's job has made it. */
  wrapped_key: string | null
  access_policy: JsonText | null
  /** The lock as it was asked for (plans/vault-lock.ts); null: none. */
  lock_configuration: JsonText | null
  /** What the vault's own sealed records said when a worker read them last: {"number","record"}. */
  sealed_records: JsonText | null
  /** Where the two differ, or the records are damaged: what was found. */
  lock_problem: string | null
  vault_type: 'BACKUP_VAULT' | 'LOGICALLY_AIR_GAPPED_BACKUP_VAULT'
  /** {"topic","events"} */
  notifications: JsonText | null
  /** Index generation: grows with every sweep, never shrinks. */
  generation: number
  /** Logical bytes and disk bytes as last measured. */
  stored_bytes: number
}

export type RecoveryPointStatus =
  | 'CREATING'
  | 'AVAILABLE'
  | 'COMPLETED'
  | 'PARTIAL'
  | 'DELETING'
  | 'EXPIRED'
  | 'STOPPED'

export interface RecoveryPointTable {
  account_id: string
  region: string
  arn: string
  vault_name: string
  /** Id of the manifest head in the vault. */
  point_id: string
  job_id: string
  resource_arn: string
  resource_unique_id: string
  resource_type: string
  resource_name: string
  role_arn: string
  /** AROA…: a role made again under the same name is another one. */
  role_id: string
  status: RecoveryPointStatus
  status_message: string | null
  created_at: Millis
  completed_at: Millis | null
  /** Content bytes: what a restore writes. */
  size_bytes: number
  item_count: number
  delete_after_days: number | null
  cold_after_days: number | null
  /** When it was moved to cold storage; null: it is warm. Absent in rows of points that are made. */
  moved_to_cold_at?: Millis | null | undefined
  /** When a tiering configuration moved it to its vault's second store, warm as it is; null: none did. Absent as the one above. */
  tiered_at?: Millis | null | undefined
  delete_at: Millis | null
  restore_metadata: JsonText
  created_by: JsonText | null
  /** The plan whose rule made it; null for copies, and for backups that a call started. */
  plan_id: string | null
  last_restore_at: Millis | null
  /** When a copy was made: `created_at` is its source's. Null for points that are no copies. */
  copied_at: Millis | null
  source_vault_arn: string | null
  source_point_arn: string | null
  /** When a call made its retention shorter; absent in rows that are written. */
  retention_cut_at?: Millis | null | undefined
}

export type JobKind =
  | 'backup'
  | 'restore'
  | 'copy'
  | 'create-vault'
  | 'delete-vault'
  | 'delete-point'
  | 'move-point'
  | 'amend-point'
  | 'seal-vault'
  | 'rotate-key'
  | 'sweep'
  | 'verify'
  | 'repair'
  | 'search'
  | 'export'
  | 'import'
  | 'report'
  | 'test-connection'
  | 'check-restore'
  | 'discover'
  | 'validate-restore-test'
  | 'delete-restore-test'

export type JobState =
  | 'CREATED'
  | 'PENDING'
  | 'RUNNING'
  | 'ABORTING'
  | 'ABORTED'
  | 'COMPLETED'
  | 'FAILED'
  | 'EXPIRED'
  | 'PARTIAL'

/** A job's row is its queue entry: claimed with a lease, every later write carries the fence. */
export interface JobTable {
  account_id: string
  region: string
  job_id: string
  kind: JobKind
  state: JobState
  status_message: string | null
  message_category: string | null
  created_at: Millis
  /** Not claimed before. */
  run_at: Millis
  /** End of the start window: still unstarted then means EXPIRED. Null: none. */
  start_by: Millis | null
  /** End of the completion window. */
  complete_by: Millis | null
  started_at: Millis | null
  completed_at: Millis | null
  vault_name: string | null
  resource_arn: string | null
  resource_unique_id: string | null
  resource_type: string | null
  recovery_point_arn: string | null
  /** Of restores: when that was made. */
  point_created_at: Millis | null
  role_arn: string | null
  role_id: string | null
  caller_arn: string
  /** The kind's own input, e.g. restore metadata. */
  input: JsonText
  /** The kind's own results, e.g. CreatedResourceArn. */
  result: JsonText
  idempotency_token: string | null
  bytes_total: number | null
  bytes_done: number
  items_done: number
  items_failed: number
  /** Only one job of a lock key runs at a time (AWS: one per resource). */
  lock_key: string | null
  lease_owner: string | null
  lease_until: Millis | null
  /** Index generation of the vault when the lease was taken. */
  lease_generation: number | null
  /** Of copies: the vault that they go to, whose lease they hold, too. */
  destination_vault_arn: string | null
  destination_generation: number | null
  fence: number
  attempts: number
  cancel_requested: number
  /** ARN of who first asked it to stop; null where nobody did, or the server by itself. */
  stop_asked_by: string | null
  stop_asked_at: Millis | null
  /** What its message says once it has stopped. */
  stop_message: string | null
  /** The plan, rule and selection that made it, as AWS's CreatedBy; null for jobs that a call started. */
  created_by: JsonText | null
  plan_id: string | null
  /** What the restore guard would have refused, had it not been set to warn only. */
  guard_warning: string | null
  /** Its row goes then, once it has ended; null: it stays. */
  kept_until: Millis | null
}
