-- What the identity export holds, and when it must be written anew: each change of a row in it leaves a row here, in the same
-- transaction, which the writer takes away once an export with it is durable. What changes by use alone (when a key was last used) does not.
-- docs/adr/0019-the-identity-export.md.

create table identity_change (
  seq {serial}
) {strict};

create table identity_export (
  id {int} not null,
  -- The system vault, as of the last export or try.
  vault_id {text} not null,
  region {text} not null,
  storage {text} not null,
  wrapped_key {text} not null,
  kit_public_key {text} not null,
  -- Whose signature the recovery kits of this server name beside its own: JSON list of base64.
  earlier_signers {text} not null,
  -- Given to the last export or try; it only grows.
  number {int} not null,
  -- Of the last durable export; null until there is one in this vault.
  exported_number {int},
  exported_at {int},
  -- What went wrong since then.
  problem {text},
  problem_since {int},
  lease_owner {text},
  lease_until {int} not null,
  primary key (id),
  check (id = 1)
) {strict};

{postgres} create function identity_changed() returns trigger language plpgsql as $$ begin insert into identity_change default values; return null; end $$;

{sqlite} create trigger server_identity_insert after insert on server begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger server_identity_update after update of server_id, management_account_id, region, recovery_kit_public_key on server begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger server_identity_delete after delete on server begin insert into identity_change (seq) values (null); end;
{postgres} create trigger server_identity after insert or update of server_id, management_account_id, region, recovery_kit_public_key or delete on server for each row execute function identity_changed();

{sqlite} create trigger storage_identity_insert after insert on storage begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger storage_identity_update after update on storage begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger storage_identity_delete after delete on storage begin insert into identity_change (seq) values (null); end;
{postgres} create trigger storage_identity after insert or update or delete on storage for each row execute function identity_changed();

{sqlite} create trigger account_identity_insert after insert on account begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger account_identity_update after update of name, alias, password_policy, restore_guard on account begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger account_identity_delete after delete on account begin insert into identity_change (seq) values (null); end;
{postgres} create trigger account_identity after insert or update of name, alias, password_policy, restore_guard or delete on account for each row execute function identity_changed();

{sqlite} create trigger region_settings_identity_insert after insert on region_settings begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger region_settings_identity_update after update on region_settings begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger region_settings_identity_delete after delete on region_settings begin insert into identity_change (seq) values (null); end;
{postgres} create trigger region_settings_identity after insert or update or delete on region_settings for each row execute function identity_changed();

{sqlite} create trigger global_settings_identity_insert after insert on global_settings begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger global_settings_identity_update after update on global_settings begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger global_settings_identity_delete after delete on global_settings begin insert into identity_change (seq) values (null); end;
{postgres} create trigger global_settings_identity after insert or update or delete on global_settings for each row execute function identity_changed();

{sqlite} create trigger quota_identity_insert after insert on quota begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger quota_identity_update after update on quota begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger quota_identity_delete after delete on quota begin insert into identity_change (seq) values (null); end;
{postgres} create trigger quota_identity after insert or update or delete on quota for each row execute function identity_changed();

{sqlite} create trigger iam_user_identity_insert after insert on iam_user begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_user_identity_update after update of name, path, boundary_arn, revoked_before on iam_user begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_user_identity_delete after delete on iam_user begin insert into identity_change (seq) values (null); end;
{postgres} create trigger iam_user_identity after insert or update of name, path, boundary_arn, revoked_before or delete on iam_user for each row execute function identity_changed();

{sqlite} create trigger iam_group_identity_insert after insert on iam_group begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_group_identity_update after update on iam_group begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_group_identity_delete after delete on iam_group begin insert into identity_change (seq) values (null); end;
{postgres} create trigger iam_group_identity after insert or update or delete on iam_group for each row execute function identity_changed();

{sqlite} create trigger iam_group_member_identity_insert after insert on iam_group_member begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_group_member_identity_update after update on iam_group_member begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_group_member_identity_delete after delete on iam_group_member begin insert into identity_change (seq) values (null); end;
{postgres} create trigger iam_group_member_identity after insert or update or delete on iam_group_member for each row execute function identity_changed();

{sqlite} create trigger iam_role_identity_insert after insert on iam_role begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_role_identity_update after update of name, path, description, trust_policy, max_session_seconds, boundary_arn, revoked_before on iam_role begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_role_identity_delete after delete on iam_role begin insert into identity_change (seq) values (null); end;
{postgres} create trigger iam_role_identity after insert or update of name, path, description, trust_policy, max_session_seconds, boundary_arn, revoked_before or delete on iam_role for each row execute function identity_changed();

{sqlite} create trigger iam_policy_identity_insert after insert on iam_policy begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_policy_identity_update after update on iam_policy begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_policy_identity_delete after delete on iam_policy begin insert into identity_change (seq) values (null); end;
{postgres} create trigger iam_policy_identity after insert or update or delete on iam_policy for each row execute function identity_changed();

{sqlite} create trigger iam_policy_version_identity_insert after insert on iam_policy_version begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_policy_version_identity_update after update on iam_policy_version begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_policy_version_identity_delete after delete on iam_policy_version begin insert into identity_change (seq) values (null); end;
{postgres} create trigger iam_policy_version_identity after insert or update or delete on iam_policy_version for each row execute function identity_changed();

{sqlite} create trigger iam_attachment_identity_insert after insert on iam_attachment begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_attachment_identity_update after update on iam_attachment begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_attachment_identity_delete after delete on iam_attachment begin insert into identity_change (seq) values (null); end;
{postgres} create trigger iam_attachment_identity after insert or update or delete on iam_attachment for each row execute function identity_changed();

{sqlite} create trigger iam_inline_policy_identity_insert after insert on iam_inline_policy begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_inline_policy_identity_update after update on iam_inline_policy begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_inline_policy_identity_delete after delete on iam_inline_policy begin insert into identity_change (seq) values (null); end;
{postgres} create trigger iam_inline_policy_identity after insert or update or delete on iam_inline_policy for each row execute function identity_changed();

{sqlite} create trigger iam_instance_profile_identity_insert after insert on iam_instance_profile begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_instance_profile_identity_update after update on iam_instance_profile begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_instance_profile_identity_delete after delete on iam_instance_profile begin insert into identity_change (seq) values (null); end;
{postgres} create trigger iam_instance_profile_identity after insert or update or delete on iam_instance_profile for each row execute function identity_changed();

{sqlite} create trigger iam_oidc_provider_identity_insert after insert on iam_oidc_provider begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_oidc_provider_identity_update after update on iam_oidc_provider begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_oidc_provider_identity_delete after delete on iam_oidc_provider begin insert into identity_change (seq) values (null); end;
{postgres} create trigger iam_oidc_provider_identity after insert or update or delete on iam_oidc_provider for each row execute function identity_changed();

{sqlite} create trigger sign_in_provider_identity_insert after insert on sign_in_provider begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger sign_in_provider_identity_update after update on sign_in_provider begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger sign_in_provider_identity_delete after delete on sign_in_provider begin insert into identity_change (seq) values (null); end;
{postgres} create trigger sign_in_provider_identity after insert or update or delete on sign_in_provider for each row execute function identity_changed();

{sqlite} create trigger iam_access_key_identity_insert after insert on iam_access_key begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_access_key_identity_update after update of secret, status, expires_at, policy on iam_access_key begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_access_key_identity_delete after delete on iam_access_key begin insert into identity_change (seq) values (null); end;
{postgres} create trigger iam_access_key_identity after insert or update of secret, status, expires_at, policy or delete on iam_access_key for each row execute function identity_changed();

{sqlite} create trigger iam_login_profile_identity_insert after insert on iam_login_profile begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_login_profile_identity_update after update on iam_login_profile begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_login_profile_identity_delete after delete on iam_login_profile begin insert into identity_change (seq) values (null); end;
{postgres} create trigger iam_login_profile_identity after insert or update or delete on iam_login_profile for each row execute function identity_changed();

{sqlite} create trigger iam_password_history_identity_insert after insert on iam_password_history begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_password_history_identity_update after update on iam_password_history begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_password_history_identity_delete after delete on iam_password_history begin insert into identity_change (seq) values (null); end;
{postgres} create trigger iam_password_history_identity after insert or update or delete on iam_password_history for each row execute function identity_changed();

{sqlite} create trigger iam_mfa_device_identity_insert after insert on iam_mfa_device begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_mfa_device_identity_update after update of user_id, seed, enabled_at on iam_mfa_device begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger iam_mfa_device_identity_delete after delete on iam_mfa_device begin insert into identity_change (seq) values (null); end;
{postgres} create trigger iam_mfa_device_identity after insert or update of user_id, seed, enabled_at or delete on iam_mfa_device for each row execute function identity_changed();

{sqlite} create trigger tag_identity_insert after insert on tag when new.arn not like '%:recovery-point:%' begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger tag_identity_update after update on tag when new.arn not like '%:recovery-point:%' begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger tag_identity_delete after delete on tag when old.arn not like '%:recovery-point:%' begin insert into identity_change (seq) values (null); end;
{postgres} create trigger tag_identity_insert after insert or update on tag for each row when (new.arn not like '%:recovery-point:%') execute function identity_changed();
{postgres} create trigger tag_identity_delete after delete on tag for each row when (old.arn not like '%:recovery-point:%') execute function identity_changed();

{sqlite} create trigger resource_identity_insert after insert on resource begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger resource_identity_update after update on resource begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger resource_identity_delete after delete on resource begin insert into identity_change (seq) values (null); end;
{postgres} create trigger resource_identity after insert or update or delete on resource for each row execute function identity_changed();

{sqlite} create trigger vault_identity_insert after insert on vault begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger vault_identity_update after update of name, state, storage, access_policy, lock_configuration, notifications, vault_type on vault begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger vault_identity_delete after delete on vault begin insert into identity_change (seq) values (null); end;
{postgres} create trigger vault_identity after insert or update of name, state, storage, access_policy, lock_configuration, notifications, vault_type or delete on vault for each row execute function identity_changed();

{sqlite} create trigger backup_plan_identity_insert after insert on backup_plan begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger backup_plan_identity_update after update of name, version_id, deleted_at on backup_plan begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger backup_plan_identity_delete after delete on backup_plan begin insert into identity_change (seq) values (null); end;
{postgres} create trigger backup_plan_identity after insert or update of name, version_id, deleted_at or delete on backup_plan for each row execute function identity_changed();

{sqlite} create trigger backup_plan_version_identity_insert after insert on backup_plan_version begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger backup_plan_version_identity_update after update on backup_plan_version begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger backup_plan_version_identity_delete after delete on backup_plan_version begin insert into identity_change (seq) values (null); end;
{postgres} create trigger backup_plan_version_identity after insert or update or delete on backup_plan_version for each row execute function identity_changed();

{sqlite} create trigger backup_selection_identity_insert after insert on backup_selection begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger backup_selection_identity_update after update on backup_selection begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger backup_selection_identity_delete after delete on backup_selection begin insert into identity_change (seq) values (null); end;
{postgres} create trigger backup_selection_identity after insert or update or delete on backup_selection for each row execute function identity_changed();

{sqlite} create trigger backup_rule_identity_insert after insert on backup_rule begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger backup_rule_identity_update after update of written_at on backup_rule begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger backup_rule_identity_delete after delete on backup_rule begin insert into identity_change (seq) values (null); end;
{postgres} create trigger backup_rule_identity after insert or update of written_at or delete on backup_rule for each row execute function identity_changed();

{sqlite} create trigger backup_pause_identity_insert after insert on backup_pause begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger backup_pause_identity_update after update on backup_pause begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger backup_pause_identity_delete after delete on backup_pause begin insert into identity_change (seq) values (null); end;
{postgres} create trigger backup_pause_identity after insert or update or delete on backup_pause for each row execute function identity_changed();

{sqlite} create trigger legal_hold_identity_insert after insert on legal_hold begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger legal_hold_identity_update after update on legal_hold begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger legal_hold_identity_delete after delete on legal_hold begin insert into identity_change (seq) values (null); end;
{postgres} create trigger legal_hold_identity after insert or update or delete on legal_hold for each row execute function identity_changed();

{sqlite} create trigger legal_hold_target_identity_insert after insert on legal_hold_target begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger legal_hold_target_identity_update after update on legal_hold_target begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger legal_hold_target_identity_delete after delete on legal_hold_target begin insert into identity_change (seq) values (null); end;
{postgres} create trigger legal_hold_target_identity after insert or update or delete on legal_hold_target for each row execute function identity_changed();
