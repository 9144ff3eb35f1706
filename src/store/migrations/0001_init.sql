-- All tables of src/store/schema.ts. Nothing here cascades: rows that still belong to something hold it, above all recovery
-- points their vault. {text} sorts by bytes on both engines; {int} has 64 bits.

create table server (
  id {int} not null,
  server_id {text} not null,
  created_at {int} not null,
  management_account_id {text} not null,
  region {text} not null,
  recovery_kit_public_key {text} not null,
  epoch {int} not null,
  primary key (id),
  check (id = 1)
) {strict};

create table account (
  account_id {text} not null,
  name {text} not null,
  created_at {int} not null,
  root_last_used_at {int},
  primary key (account_id)
) {strict};

create table region_settings (
  account_id {text} not null,
  region {text} not null,
  opt_in {text} not null,
  management {text} not null,
  primary key (account_id, region)
) {strict};

create table iam_user (
  account_id {text} not null,
  user_id {text} not null,
  name {text} not null,
  name_lower {text} not null,
  path {text} not null,
  created_at {int} not null,
  boundary_arn {text},
  password_last_used_at {int},
  revoked_before {int},
  primary key (user_id),
  unique (account_id, name_lower)
) {strict};

create table iam_group (
  account_id {text} not null,
  group_id {text} not null,
  name {text} not null,
  name_lower {text} not null,
  path {text} not null,
  created_at {int} not null,
  primary key (group_id),
  unique (account_id, name_lower)
) {strict};

create table iam_group_member (
  account_id {text} not null,
  group_id {text} not null,
  user_id {text} not null,
  primary key (group_id, user_id),
  foreign key (group_id) references iam_group (group_id),
  foreign key (user_id) references iam_user (user_id)
) {strict};

create table iam_role (
  account_id {text} not null,
  role_id {text} not null,
  name {text} not null,
  name_lower {text} not null,
  path {text} not null,
  created_at {int} not null,
  description {text},
  trust_policy {text} not null,
  max_session_seconds {int} not null,
  boundary_arn {text},
  last_used_at {int},
  last_used_region {text},
  revoked_before {int},
  primary key (role_id),
  unique (account_id, name_lower)
) {strict};

create table iam_policy (
  account_id {text} not null,
  policy_id {text} not null,
  arn {text} not null,
  name {text} not null,
  name_lower {text} not null,
  path {text} not null,
  description {text},
  created_at {int} not null,
  updated_at {int} not null,
  default_version {int} not null,
  last_version {int} not null,
  primary key (policy_id),
  unique (account_id, name_lower),
  unique (arn)
) {strict};

create table iam_policy_version (
  policy_id {text} not null,
  version {int} not null,
  document {text} not null,
  created_at {int} not null,
  primary key (policy_id, version),
  foreign key (policy_id) references iam_policy (policy_id)
) {strict};

create table iam_attachment (
  account_id {text} not null,
  identity_id {text} not null,
  policy_arn {text} not null,
  attached_at {int} not null,
  primary key (identity_id, policy_arn)
) {strict};

create table iam_inline_policy (
  account_id {text} not null,
  identity_id {text} not null,
  name {text} not null,
  document {text} not null,
  primary key (identity_id, name)
) {strict};

create table iam_access_key (
  access_key_id {text} not null,
  account_id {text} not null,
  user_id {text},
  secret {text} not null,
  status {text} not null,
  created_at {int} not null,
  last_used_at {int},
  last_used_service {text},
  last_used_region {text},
  primary key (access_key_id),
  foreign key (user_id) references iam_user (user_id)
) {strict};

create table iam_instance_profile (
  account_id {text} not null,
  profile_id {text} not null,
  name {text} not null,
  name_lower {text} not null,
  path {text} not null,
  created_at {int} not null,
  role_id {text},
  primary key (profile_id),
  unique (account_id, name_lower)
) {strict};

create table tag (
  account_id {text} not null,
  arn {text} not null,
  key {text} not null,
  value {text} not null,
  primary key (account_id, arn, key)
) {strict};

create table resource (
  account_id {text} not null,
  region {text} not null,
  arn {text} not null,
  unique_id {text} not null,
  type {text} not null,
  name {text} not null,
  settings {text} not null,
  secret {text},
  version {int} not null,
  created_at {int} not null,
  created_by {text} not null,
  restored_from {text},
  removed_at {int},
  primary key (unique_id)
) {strict};

create table vault (
  account_id {text} not null,
  region {text} not null,
  name {text} not null,
  arn {text} not null,
  vault_id {text} not null,
  state {text} not null,
  created_at {int} not null,
  creator_request_id {text},
  encryption_key_arn {text} not null,
  storage {text} not null,
  wrapped_key {text},
  access_policy {text},
  generation {int} not null,
  stored_bytes {int} not null,
  primary key (account_id, region, name),
  unique (arn),
  unique (vault_id)
) {strict};

create table recovery_point (
  account_id {text} not null,
  region {text} not null,
  arn {text} not null,
  vault_name {text} not null,
  point_id {text} not null,
  job_id {text} not null,
  resource_arn {text} not null,
  resource_unique_id {text} not null,
  resource_type {text} not null,
  resource_name {text} not null,
  role_arn {text} not null,
  role_id {text} not null,
  status {text} not null,
  status_message {text},
  created_at {int} not null,
  completed_at {int},
  size_bytes {int} not null,
  item_count {int} not null,
  delete_after_days {int},
  cold_after_days {int},
  delete_at {int},
  restore_metadata {text} not null,
  created_by {text},
  last_restore_at {int},
  primary key (arn),
  unique (account_id, region, vault_name, point_id),
  foreign key (account_id, region, vault_name) references vault (account_id, region, name)
) {strict};

create table job (
  account_id {text} not null,
  region {text} not null,
  job_id {text} not null,
  kind {text} not null,
  state {text} not null,
  status_message {text},
  message_category {text},
  created_at {int} not null,
  run_at {int} not null,
  start_by {int},
  complete_by {int},
  started_at {int},
  completed_at {int},
  vault_name {text},
  resource_arn {text},
  resource_unique_id {text},
  resource_type {text},
  recovery_point_arn {text},
  role_arn {text},
  role_id {text},
  caller_arn {text} not null,
  input {text} not null,
  result {text} not null,
  idempotency_token {text},
  bytes_total {int},
  bytes_done {int} not null,
  items_done {int} not null,
  items_failed {int} not null,
  lock_key {text},
  lease_owner {text},
  lease_until {int},
  lease_generation {int},
  fence {int} not null,
  attempts {int} not null,
  cancel_requested {int} not null,
  primary key (job_id)
) {strict};

create table job_decision (
  account_id {text} not null,
  job_id {text} not null,
  seq {int} not null,
  step {text} not null,
  action {text} not null,
  effect {text} not null,
  first_arn {text} not null,
  last_arn {text} not null,
  count {int} not null,
  reason {text} not null,
  policy {text},
  statement {text},
  first_at {int} not null,
  last_at {int} not null,
  primary key (job_id, seq)
) {strict};

create table audit (
  seq {serial},
  at {int} not null,
  account_id {text} not null,
  request_id {text} not null,
  principal_arn {text} not null,
  principal_id {text} not null,
  source_ip {text},
  service {text} not null,
  action {text} not null,
  resource {text} not null,
  effect {text} not null,
  layer {text} not null,
  reason {text} not null,
  policy {text},
  statement {text}
) {strict};

create index iam_group_member_user on iam_group_member (user_id);
create index iam_attachment_policy on iam_attachment (account_id, policy_arn);
create index iam_access_key_owner on iam_access_key (account_id, user_id);
create index iam_instance_profile_role on iam_instance_profile (role_id);

create index tag_value on tag (account_id, key, value);

-- An ARN may be registered again after it was removed.
create unique index resource_arn on resource (account_id, arn) where removed_at is null;

create index recovery_point_listing on recovery_point (account_id, region, vault_name, created_at, arn);
create index recovery_point_resource_arn on recovery_point (account_id, resource_arn, created_at, arn);
create index recovery_point_resource on recovery_point (resource_unique_id, vault_name, status, created_at);
create index recovery_point_job on recovery_point (job_id);
create index recovery_point_expiry on recovery_point (delete_at) where delete_at is not null;

create unique index job_token on job (account_id, kind, idempotency_token) where idempotency_token is not null;
create index job_listing on job (account_id, region, kind, created_at, job_id);
create index job_queue on job (state, run_at, job_id);
create index job_resource on job (account_id, resource_arn, created_at);
create index job_vault on job (account_id, region, vault_name, state);
-- What the claims promise, held by the database: one running job a lock key.
create unique index job_lock on job (lock_key) where lock_key is not null and state in ('RUNNING', 'ABORTING');

create index audit_account on audit (account_id, seq);

-- Not even the server's own code changes what was recorded.
{sqlite} create trigger audit_keeps_updated before update on audit begin select raise(abort, 'the audit trail is append-only'); end;
{sqlite} create trigger audit_keeps_deleted before delete on audit begin select raise(abort, 'the audit trail is append-only'); end;
{postgres} create function audit_append_only() returns trigger language plpgsql as $$ begin raise exception 'the audit trail is append-only'; end $$;
{postgres} create trigger audit_append_only before update or delete or truncate on audit for each statement execute function audit_append_only();
