-- What became of things, written by the database itself in the transaction of the change (docs/adr/0022): no code can forget it. A row
-- goes once it is in the audit trail and nobody is to be told of it, or everybody was.
create table event (
  seq {serial},
  event_id {text} not null unique,
  at {int} not null,
  account_id {text} not null,
  region {text} not null,
  -- Whose row it was; see src/events/details.ts.
  kind {text} not null,
  -- The row's columns then, as JSON; "before" is what its state was.
  body {text} not null,
  -- One event for one cause, where several servers may notice it.
  cause {text} unique,
  -- Who routes it has it for so long.
  claimed_until {int} not null,
  attempts {int} not null,
  routed_at {int}
) {strict};
create index event_unrouted on event (seq) where routed_at is null;
create index event_routed on event (routed_at) where routed_at is not null;

-- Whom to tell of events. The address is a secret: chats take messages from whoever knows it.
create table event_target (
  account_id {text} not null,
  name {text} not null,
  target_id {text} not null unique,
  kind {text} not null,
  -- What may be shown of it, as JSON.
  settings {text} not null,
  -- Address and secrets, sealed.
  secret {text} not null,
  pattern {text},
  topic_arn {text},
  -- Whether the pattern may ask for calls of the API: 0 or 1.
  wants_calls {int} not null,
  -- SHA-256 of what an SNS subscriber confirms with; null once it has, and for the others.
  token_hash {text},
  -- Of the last message that it was owed: each has the next number.
  sequence {int} not null,
  created_at {int} not null,
  created_by {text} not null,
  -- Failures in a row; while there are any, nothing is tried before `retry_at`.
  failures {int} not null,
  retry_at {int} not null,
  last_delivered_at {int},
  last_error {text},
  last_error_at {int},
  primary key (account_id, name)
) {strict};
create index event_target_topic on event_target (account_id, topic_arn);

create table event_delivery (
  delivery_id {serial},
  event_seq {int} not null references event (seq),
  target_id {text} not null references event_target (target_id),
  -- Of the target's messages, from 1 without gaps.
  sequence {int} not null,
  -- What the target gets: JSON.
  message {text} not null,
  due_at {int} not null,
  attempts {int} not null,
  lease_owner {text},
  lease_until {int},
  created_at {int} not null,
  -- Of the last try; null where it went well.
  last_error {text},
  -- Both null: still owed. Given up: kept for a while, to be looked at and sent again.
  delivered_at {int},
  given_up_at {int}
) {strict};
create index event_delivery_due on event_delivery (target_id, due_at) where delivered_at is null and given_up_at is null;
create index event_delivery_given_up on event_delivery (target_id, sequence) where given_up_at is not null;
create index event_delivery_event on event_delivery (event_seq);

-- Targets are declared state, and so in the identity export; how they take it is not.
{sqlite} create trigger event_target_identity_insert after insert on event_target begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger event_target_identity_update after update of kind, settings, secret, pattern, topic_arn, wants_calls, token_hash on event_target begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger event_target_identity_delete after delete on event_target begin insert into identity_change (seq) values (null); end;
{postgres} create trigger event_target_identity after insert or update of kind, settings, secret, pattern, topic_arn, wants_calls, token_hash or delete on event_target for each row execute function identity_changed();

{sqlite} create trigger event_job_made after insert on job begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'job',
  cast({json_object}('job_id', new.job_id, 'kind', new.kind, 'state', new.state, 'status_message', new.status_message, 'created_at', new.created_at, 'run_at', new.run_at, 'start_by', new.start_by, 'complete_by', new.complete_by, 'started_at', new.started_at, 'completed_at', new.completed_at, 'vault_name', new.vault_name, 'resource_arn', new.resource_arn, 'resource_type', new.resource_type, 'recovery_point_arn', new.recovery_point_arn, 'role_arn', new.role_arn, 'role_id', new.role_id, 'caller_arn', new.caller_arn, 'result', new.result, 'bytes_total', new.bytes_total, 'bytes_done', new.bytes_done, 'items_done', new.items_done, 'items_failed', new.items_failed, 'destination_vault_arn', new.destination_vault_arn, 'attempts', new.attempts, 'created_by', new.created_by, 'plan_id', new.plan_id, 'before', null) as text), 0, 0); end;
{postgres} create function event_job_made() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'job',
  cast({json_object}('job_id', new.job_id, 'kind', new.kind, 'state', new.state, 'status_message', new.status_message, 'created_at', new.created_at, 'run_at', new.run_at, 'start_by', new.start_by, 'complete_by', new.complete_by, 'started_at', new.started_at, 'completed_at', new.completed_at, 'vault_name', new.vault_name, 'resource_arn', new.resource_arn, 'resource_type', new.resource_type, 'recovery_point_arn', new.recovery_point_arn, 'role_arn', new.role_arn, 'role_id', new.role_id, 'caller_arn', new.caller_arn, 'result', new.result, 'bytes_total', new.bytes_total, 'bytes_done', new.bytes_done, 'items_done', new.items_done, 'items_failed', new.items_failed, 'destination_vault_arn', new.destination_vault_arn, 'attempts', new.attempts, 'created_by', new.created_by, 'plan_id', new.plan_id, 'before', null) as text), 0, 0); return null; end $$;
{postgres} create trigger event_job_made after insert on job for each row execute function event_job_made();

{sqlite} create trigger event_job_state after update of state on job when (old.state <> new.state) begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'job',
  cast({json_object}('job_id', new.job_id, 'kind', new.kind, 'state', new.state, 'status_message', new.status_message, 'created_at', new.created_at, 'run_at', new.run_at, 'start_by', new.start_by, 'complete_by', new.complete_by, 'started_at', new.started_at, 'completed_at', new.completed_at, 'vault_name', new.vault_name, 'resource_arn', new.resource_arn, 'resource_type', new.resource_type, 'recovery_point_arn', new.recovery_point_arn, 'role_arn', new.role_arn, 'role_id', new.role_id, 'caller_arn', new.caller_arn, 'result', new.result, 'bytes_total', new.bytes_total, 'bytes_done', new.bytes_done, 'items_done', new.items_done, 'items_failed', new.items_failed, 'destination_vault_arn', new.destination_vault_arn, 'attempts', new.attempts, 'created_by', new.created_by, 'plan_id', new.plan_id, 'before', old.state) as text), 0, 0); end;
{postgres} create function event_job_state() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'job',
  cast({json_object}('job_id', new.job_id, 'kind', new.kind, 'state', new.state, 'status_message', new.status_message, 'created_at', new.created_at, 'run_at', new.run_at, 'start_by', new.start_by, 'complete_by', new.complete_by, 'started_at', new.started_at, 'completed_at', new.completed_at, 'vault_name', new.vault_name, 'resource_arn', new.resource_arn, 'resource_type', new.resource_type, 'recovery_point_arn', new.recovery_point_arn, 'role_arn', new.role_arn, 'role_id', new.role_id, 'caller_arn', new.caller_arn, 'result', new.result, 'bytes_total', new.bytes_total, 'bytes_done', new.bytes_done, 'items_done', new.items_done, 'items_failed', new.items_failed, 'destination_vault_arn', new.destination_vault_arn, 'attempts', new.attempts, 'created_by', new.created_by, 'plan_id', new.plan_id, 'before', old.state) as text), 0, 0); return null; end $$;
{postgres} create trigger event_job_state after update of state on job for each row when (old.state <> new.state) execute function event_job_state();

-- What a job was allowed and denied, line by line as its record has it.
{sqlite} create trigger event_decision after insert on job_decision begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, '', 'decision',
  cast({json_object}('job_id', new.job_id, 'seq', new.seq, 'step', new.step, 'action', new.action, 'effect', new.effect, 'first_arn', new.first_arn, 'reason', new.reason, 'policy', new.policy, 'statement', new.statement, 'first_at', new.first_at, 'before', null) as text), 0, 0); end;
{postgres} create function event_decision() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, '', 'decision',
  cast({json_object}('job_id', new.job_id, 'seq', new.seq, 'step', new.step, 'action', new.action, 'effect', new.effect, 'first_arn', new.first_arn, 'reason', new.reason, 'policy', new.policy, 'statement', new.statement, 'first_at', new.first_at, 'before', null) as text), 0, 0); return null; end $$;
{postgres} create trigger event_decision after insert on job_decision for each row execute function event_decision();

{sqlite} create trigger event_point_made after insert on recovery_point begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'point',
  cast({json_object}('arn', new.arn, 'vault_name', new.vault_name, 'job_id', new.job_id, 'resource_arn', new.resource_arn, 'resource_type', new.resource_type, 'resource_name', new.resource_name, 'role_arn', new.role_arn, 'status', new.status, 'status_message', new.status_message, 'created_at', new.created_at, 'completed_at', new.completed_at, 'size_bytes', new.size_bytes, 'delete_after_days', new.delete_after_days, 'cold_after_days', new.cold_after_days, 'delete_at', new.delete_at, 'created_by', new.created_by, 'copied_at', new.copied_at, 'source_vault_arn', new.source_vault_arn, 'source_point_arn', new.source_point_arn, 'before', null) as text), 0, 0); end;
{postgres} create function event_point_made() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'point',
  cast({json_object}('arn', new.arn, 'vault_name', new.vault_name, 'job_id', new.job_id, 'resource_arn', new.resource_arn, 'resource_type', new.resource_type, 'resource_name', new.resource_name, 'role_arn', new.role_arn, 'status', new.status, 'status_message', new.status_message, 'created_at', new.created_at, 'completed_at', new.completed_at, 'size_bytes', new.size_bytes, 'delete_after_days', new.delete_after_days, 'cold_after_days', new.cold_after_days, 'delete_at', new.delete_at, 'created_by', new.created_by, 'copied_at', new.copied_at, 'source_vault_arn', new.source_vault_arn, 'source_point_arn', new.source_point_arn, 'before', null) as text), 0, 0); return null; end $$;
{postgres} create trigger event_point_made after insert on recovery_point for each row execute function event_point_made();

{sqlite} create trigger event_point_state after update of status on recovery_point when (old.status <> new.status) begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'point',
  cast({json_object}('arn', new.arn, 'vault_name', new.vault_name, 'job_id', new.job_id, 'resource_arn', new.resource_arn, 'resource_type', new.resource_type, 'resource_name', new.resource_name, 'role_arn', new.role_arn, 'status', new.status, 'status_message', new.status_message, 'created_at', new.created_at, 'completed_at', new.completed_at, 'size_bytes', new.size_bytes, 'delete_after_days', new.delete_after_days, 'cold_after_days', new.cold_after_days, 'delete_at', new.delete_at, 'created_by', new.created_by, 'copied_at', new.copied_at, 'source_vault_arn', new.source_vault_arn, 'source_point_arn', new.source_point_arn, 'before', old.status) as text), 0, 0); end;
{postgres} create function event_point_state() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'point',
  cast({json_object}('arn', new.arn, 'vault_name', new.vault_name, 'job_id', new.job_id, 'resource_arn', new.resource_arn, 'resource_type', new.resource_type, 'resource_name', new.resource_name, 'role_arn', new.role_arn, 'status', new.status, 'status_message', new.status_message, 'created_at', new.created_at, 'completed_at', new.completed_at, 'size_bytes', new.size_bytes, 'delete_after_days', new.delete_after_days, 'cold_after_days', new.cold_after_days, 'delete_at', new.delete_at, 'created_by', new.created_by, 'copied_at', new.copied_at, 'source_vault_arn', new.source_vault_arn, 'source_point_arn', new.source_point_arn, 'before', old.status) as text), 0, 0); return null; end $$;
{postgres} create trigger event_point_state after update of status on recovery_point for each row when (old.status <> new.status) execute function event_point_state();

{sqlite} create trigger event_point_changed after update of delete_after_days, cold_after_days, delete_at on recovery_point when (old.status = new.status and (old.delete_after_days is distinct from new.delete_after_days or old.cold_after_days is distinct from new.cold_after_days or old.delete_at is distinct from new.delete_at)) begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'point',
  cast({json_object}('arn', new.arn, 'vault_name', new.vault_name, 'job_id', new.job_id, 'resource_arn', new.resource_arn, 'resource_type', new.resource_type, 'resource_name', new.resource_name, 'role_arn', new.role_arn, 'status', new.status, 'status_message', new.status_message, 'created_at', new.created_at, 'completed_at', new.completed_at, 'size_bytes', new.size_bytes, 'delete_after_days', new.delete_after_days, 'cold_after_days', new.cold_after_days, 'delete_at', new.delete_at, 'created_by', new.created_by, 'copied_at', new.copied_at, 'source_vault_arn', new.source_vault_arn, 'source_point_arn', new.source_point_arn, 'before', old.status, 'is_changed', 1) as text), 0, 0); end;
{postgres} create function event_point_changed() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'point',
  cast({json_object}('arn', new.arn, 'vault_name', new.vault_name, 'job_id', new.job_id, 'resource_arn', new.resource_arn, 'resource_type', new.resource_type, 'resource_name', new.resource_name, 'role_arn', new.role_arn, 'status', new.status, 'status_message', new.status_message, 'created_at', new.created_at, 'completed_at', new.completed_at, 'size_bytes', new.size_bytes, 'delete_after_days', new.delete_after_days, 'cold_after_days', new.cold_after_days, 'delete_at', new.delete_at, 'created_by', new.created_by, 'copied_at', new.copied_at, 'source_vault_arn', new.source_vault_arn, 'source_point_arn', new.source_point_arn, 'before', old.status, 'is_changed', 1) as text), 0, 0); return null; end $$;
{postgres} create trigger event_point_changed after update of delete_after_days, cold_after_days, delete_at on recovery_point for each row when (old.status = new.status and (old.delete_after_days is distinct from new.delete_after_days or old.cold_after_days is distinct from new.cold_after_days or old.delete_at is distinct from new.delete_at)) execute function event_point_changed();

{sqlite} create trigger event_point_gone after delete on recovery_point begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, old.account_id, old.region, 'point',
  cast({json_object}('arn', old.arn, 'vault_name', old.vault_name, 'job_id', old.job_id, 'resource_arn', old.resource_arn, 'resource_type', old.resource_type, 'resource_name', old.resource_name, 'role_arn', old.role_arn, 'status', old.status, 'status_message', old.status_message, 'created_at', old.created_at, 'completed_at', old.completed_at, 'size_bytes', old.size_bytes, 'delete_after_days', old.delete_after_days, 'cold_after_days', old.cold_after_days, 'delete_at', old.delete_at, 'created_by', old.created_by, 'copied_at', old.copied_at, 'source_vault_arn', old.source_vault_arn, 'source_point_arn', old.source_point_arn, 'before', old.status, 'is_gone', 1) as text), 0, 0); end;
{postgres} create function event_point_gone() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, old.account_id, old.region, 'point',
  cast({json_object}('arn', old.arn, 'vault_name', old.vault_name, 'job_id', old.job_id, 'resource_arn', old.resource_arn, 'resource_type', old.resource_type, 'resource_name', old.resource_name, 'role_arn', old.role_arn, 'status', old.status, 'status_message', old.status_message, 'created_at', old.created_at, 'completed_at', old.completed_at, 'size_bytes', old.size_bytes, 'delete_after_days', old.delete_after_days, 'cold_after_days', old.cold_after_days, 'delete_at', old.delete_at, 'created_by', old.created_by, 'copied_at', old.copied_at, 'source_vault_arn', old.source_vault_arn, 'source_point_arn', old.source_point_arn, 'before', old.status, 'is_gone', 1) as text), 0, 0); return null; end $$;
{postgres} create trigger event_point_gone after delete on recovery_point for each row execute function event_point_gone();

{sqlite} create trigger event_vault_made after insert on vault begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'vault',
  cast({json_object}('name', new.name, 'arn', new.arn, 'state', new.state, 'created_at', new.created_at, 'vault_type', new.vault_type, 'lock_configuration', new.lock_configuration, 'lock_problem', new.lock_problem, 'notifications', new.notifications, 'before', null) as text), 0, 0); end;
{postgres} create function event_vault_made() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'vault',
  cast({json_object}('name', new.name, 'arn', new.arn, 'state', new.state, 'created_at', new.created_at, 'vault_type', new.vault_type, 'lock_configuration', new.lock_configuration, 'lock_problem', new.lock_problem, 'notifications', new.notifications, 'before', null) as text), 0, 0); return null; end $$;
{postgres} create trigger event_vault_made after insert on vault for each row execute function event_vault_made();

{sqlite} create trigger event_vault_state after update of state on vault when (old.state <> new.state) begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'vault',
  cast({json_object}('name', new.name, 'arn', new.arn, 'state', new.state, 'created_at', new.created_at, 'vault_type', new.vault_type, 'lock_configuration', new.lock_configuration, 'lock_problem', new.lock_problem, 'notifications', new.notifications, 'before', old.state) as text), 0, 0); end;
{postgres} create function event_vault_state() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'vault',
  cast({json_object}('name', new.name, 'arn', new.arn, 'state', new.state, 'created_at', new.created_at, 'vault_type', new.vault_type, 'lock_configuration', new.lock_configuration, 'lock_problem', new.lock_problem, 'notifications', new.notifications, 'before', old.state) as text), 0, 0); return null; end $$;
{postgres} create trigger event_vault_state after update of state on vault for each row when (old.state <> new.state) execute function event_vault_state();

{sqlite} create trigger event_vault_lock_configuration after update of lock_configuration on vault when (old.lock_configuration is distinct from new.lock_configuration) begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'vault',
  cast({json_object}('name', new.name, 'arn', new.arn, 'state', new.state, 'created_at', new.created_at, 'vault_type', new.vault_type, 'lock_configuration', new.lock_configuration, 'lock_problem', new.lock_problem, 'notifications', new.notifications, 'before', old.state, 'changed', 'lock') as text), 0, 0); end;
{postgres} create function event_vault_lock_configuration() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'vault',
  cast({json_object}('name', new.name, 'arn', new.arn, 'state', new.state, 'created_at', new.created_at, 'vault_type', new.vault_type, 'lock_configuration', new.lock_configuration, 'lock_problem', new.lock_problem, 'notifications', new.notifications, 'before', old.state, 'changed', 'lock') as text), 0, 0); return null; end $$;
{postgres} create trigger event_vault_lock_configuration after update of lock_configuration on vault for each row when (old.lock_configuration is distinct from new.lock_configuration) execute function event_vault_lock_configuration();

{sqlite} create trigger event_vault_lock_problem after update of lock_problem on vault when (old.lock_problem is distinct from new.lock_problem) begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'vault',
  cast({json_object}('name', new.name, 'arn', new.arn, 'state', new.state, 'created_at', new.created_at, 'vault_type', new.vault_type, 'lock_configuration', new.lock_configuration, 'lock_problem', new.lock_problem, 'notifications', new.notifications, 'before', old.state, 'changed', 'lock-problem') as text), 0, 0); end;
{postgres} create function event_vault_lock_problem() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'vault',
  cast({json_object}('name', new.name, 'arn', new.arn, 'state', new.state, 'created_at', new.created_at, 'vault_type', new.vault_type, 'lock_configuration', new.lock_configuration, 'lock_problem', new.lock_problem, 'notifications', new.notifications, 'before', old.state, 'changed', 'lock-problem') as text), 0, 0); return null; end $$;
{postgres} create trigger event_vault_lock_problem after update of lock_problem on vault for each row when (old.lock_problem is distinct from new.lock_problem) execute function event_vault_lock_problem();

{sqlite} create trigger event_vault_access_policy after update of access_policy on vault when (old.access_policy is distinct from new.access_policy) begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'vault',
  cast({json_object}('name', new.name, 'arn', new.arn, 'state', new.state, 'created_at', new.created_at, 'vault_type', new.vault_type, 'lock_configuration', new.lock_configuration, 'lock_problem', new.lock_problem, 'notifications', new.notifications, 'before', old.state, 'changed', 'access-policy') as text), 0, 0); end;
{postgres} create function event_vault_access_policy() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'vault',
  cast({json_object}('name', new.name, 'arn', new.arn, 'state', new.state, 'created_at', new.created_at, 'vault_type', new.vault_type, 'lock_configuration', new.lock_configuration, 'lock_problem', new.lock_problem, 'notifications', new.notifications, 'before', old.state, 'changed', 'access-policy') as text), 0, 0); return null; end $$;
{postgres} create trigger event_vault_access_policy after update of access_policy on vault for each row when (old.access_policy is distinct from new.access_policy) execute function event_vault_access_policy();

{sqlite} create trigger event_vault_notifications after update of notifications on vault when (old.notifications is distinct from new.notifications) begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'vault',
  cast({json_object}('name', new.name, 'arn', new.arn, 'state', new.state, 'created_at', new.created_at, 'vault_type', new.vault_type, 'lock_configuration', new.lock_configuration, 'lock_problem', new.lock_problem, 'notifications', new.notifications, 'before', old.state, 'changed', 'notifications') as text), 0, 0); end;
{postgres} create function event_vault_notifications() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'vault',
  cast({json_object}('name', new.name, 'arn', new.arn, 'state', new.state, 'created_at', new.created_at, 'vault_type', new.vault_type, 'lock_configuration', new.lock_configuration, 'lock_problem', new.lock_problem, 'notifications', new.notifications, 'before', old.state, 'changed', 'notifications') as text), 0, 0); return null; end $$;
{postgres} create trigger event_vault_notifications after update of notifications on vault for each row when (old.notifications is distinct from new.notifications) execute function event_vault_notifications();

{sqlite} create trigger event_vault_gone after delete on vault begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, old.account_id, old.region, 'vault',
  cast({json_object}('name', old.name, 'arn', old.arn, 'state', old.state, 'created_at', old.created_at, 'vault_type', old.vault_type, 'lock_configuration', old.lock_configuration, 'lock_problem', old.lock_problem, 'notifications', old.notifications, 'before', old.state, 'is_gone', 1) as text), 0, 0); end;
{postgres} create function event_vault_gone() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, old.account_id, old.region, 'vault',
  cast({json_object}('name', old.name, 'arn', old.arn, 'state', old.state, 'created_at', old.created_at, 'vault_type', old.vault_type, 'lock_configuration', old.lock_configuration, 'lock_problem', old.lock_problem, 'notifications', old.notifications, 'before', old.state, 'is_gone', 1) as text), 0, 0); return null; end $$;
{postgres} create trigger event_vault_gone after delete on vault for each row execute function event_vault_gone();

{sqlite} create trigger event_plan_made after insert on backup_plan begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'plan',
  cast({json_object}('plan_id', new.plan_id, 'name', new.name, 'version_id', new.version_id, 'created_at', new.created_at, 'updated_at', new.updated_at, 'deleted_at', new.deleted_at, 'before', null) as text), 0, 0); end;
{postgres} create function event_plan_made() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'plan',
  cast({json_object}('plan_id', new.plan_id, 'name', new.name, 'version_id', new.version_id, 'created_at', new.created_at, 'updated_at', new.updated_at, 'deleted_at', new.deleted_at, 'before', null) as text), 0, 0); return null; end $$;
{postgres} create trigger event_plan_made after insert on backup_plan for each row execute function event_plan_made();

{sqlite} create trigger event_plan_changed after update of version_id, deleted_at on backup_plan when (old.version_id <> new.version_id or old.deleted_at is distinct from new.deleted_at) begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'plan',
  cast({json_object}('plan_id', new.plan_id, 'name', new.name, 'version_id', new.version_id, 'created_at', new.created_at, 'updated_at', new.updated_at, 'deleted_at', new.deleted_at, 'before', old.version_id) as text), 0, 0); end;
{postgres} create function event_plan_changed() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'plan',
  cast({json_object}('plan_id', new.plan_id, 'name', new.name, 'version_id', new.version_id, 'created_at', new.created_at, 'updated_at', new.updated_at, 'deleted_at', new.deleted_at, 'before', old.version_id) as text), 0, 0); return null; end $$;
{postgres} create trigger event_plan_changed after update of version_id, deleted_at on backup_plan for each row when (old.version_id <> new.version_id or old.deleted_at is distinct from new.deleted_at) execute function event_plan_changed();

{sqlite} create trigger event_selection_made after insert on backup_selection begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'selection',
  cast({json_object}('plan_id', new.plan_id, 'selection_id', new.selection_id, 'name', new.name, 'role_arn', new.role_arn, 'created_by', new.created_by, 'created_at', new.created_at, 'before', null) as text), 0, 0); end;
{postgres} create function event_selection_made() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'selection',
  cast({json_object}('plan_id', new.plan_id, 'selection_id', new.selection_id, 'name', new.name, 'role_arn', new.role_arn, 'created_by', new.created_by, 'created_at', new.created_at, 'before', null) as text), 0, 0); return null; end $$;
{postgres} create trigger event_selection_made after insert on backup_selection for each row execute function event_selection_made();

{sqlite} create trigger event_selection_gone after delete on backup_selection begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, old.account_id, old.region, 'selection',
  cast({json_object}('plan_id', old.plan_id, 'selection_id', old.selection_id, 'name', old.name, 'role_arn', old.role_arn, 'created_by', old.created_by, 'created_at', old.created_at, 'before', null, 'is_gone', 1) as text), 0, 0); end;
{postgres} create function event_selection_gone() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, old.account_id, old.region, 'selection',
  cast({json_object}('plan_id', old.plan_id, 'selection_id', old.selection_id, 'name', old.name, 'role_arn', old.role_arn, 'created_by', old.created_by, 'created_at', old.created_at, 'before', null, 'is_gone', 1) as text), 0, 0); return null; end $$;
{postgres} create trigger event_selection_gone after delete on backup_selection for each row execute function event_selection_gone();

{sqlite} create trigger event_hold_made after insert on legal_hold begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'hold',
  cast({json_object}('hold_id', new.hold_id, 'title', new.title, 'status', new.status, 'created_at', new.created_at, 'cancelled_at', new.cancelled_at, 'cancel_description', new.cancel_description, 'before', null) as text), 0, 0); end;
{postgres} create function event_hold_made() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'hold',
  cast({json_object}('hold_id', new.hold_id, 'title', new.title, 'status', new.status, 'created_at', new.created_at, 'cancelled_at', new.cancelled_at, 'cancel_description', new.cancel_description, 'before', null) as text), 0, 0); return null; end $$;
{postgres} create trigger event_hold_made after insert on legal_hold for each row execute function event_hold_made();

{sqlite} create trigger event_hold_state after update of status on legal_hold when (old.status <> new.status) begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'hold',
  cast({json_object}('hold_id', new.hold_id, 'title', new.title, 'status', new.status, 'created_at', new.created_at, 'cancelled_at', new.cancelled_at, 'cancel_description', new.cancel_description, 'before', old.status) as text), 0, 0); end;
{postgres} create function event_hold_state() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'hold',
  cast({json_object}('hold_id', new.hold_id, 'title', new.title, 'status', new.status, 'created_at', new.created_at, 'cancelled_at', new.cancelled_at, 'cancel_description', new.cancel_description, 'before', old.status) as text), 0, 0); return null; end $$;
{postgres} create trigger event_hold_state after update of status on legal_hold for each row when (old.status <> new.status) execute function event_hold_state();

{sqlite} create trigger event_run_made after insert on backup_plan_run begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'run',
  cast({json_object}('plan_id', new.plan_id, 'rule_id', new.rule_id, 'due_at', new.due_at, 'version_id', new.version_id, 'outcome', new.outcome, 'jobs', new.jobs, 'message', new.message, 'recorded_at', new.recorded_at, 'before', null) as text), 0, 0); end;
{postgres} create function event_run_made() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'run',
  cast({json_object}('plan_id', new.plan_id, 'rule_id', new.rule_id, 'due_at', new.due_at, 'version_id', new.version_id, 'outcome', new.outcome, 'jobs', new.jobs, 'message', new.message, 'recorded_at', new.recorded_at, 'before', null) as text), 0, 0); return null; end $$;
{postgres} create trigger event_run_made after insert on backup_plan_run for each row execute function event_run_made();

{sqlite} create trigger event_pause_made after insert on backup_pause begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'pause',
  cast({json_object}('target_arn', new.target_arn, 'until', new.until, 'reason', new.reason, 'paused_by', new.paused_by, 'paused_at', new.paused_at, 'before', null) as text), 0, 0); end;
{postgres} create function event_pause_made() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'pause',
  cast({json_object}('target_arn', new.target_arn, 'until', new.until, 'reason', new.reason, 'paused_by', new.paused_by, 'paused_at', new.paused_at, 'before', null) as text), 0, 0); return null; end $$;
{postgres} create trigger event_pause_made after insert on backup_pause for each row execute function event_pause_made();

{sqlite} create trigger event_pause_changed after update on backup_pause begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'pause',
  cast({json_object}('target_arn', new.target_arn, 'until', new.until, 'reason', new.reason, 'paused_by', new.paused_by, 'paused_at', new.paused_at, 'before', null) as text), 0, 0); end;
{postgres} create function event_pause_changed() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'pause',
  cast({json_object}('target_arn', new.target_arn, 'until', new.until, 'reason', new.reason, 'paused_by', new.paused_by, 'paused_at', new.paused_at, 'before', null) as text), 0, 0); return null; end $$;
{postgres} create trigger event_pause_changed after update on backup_pause for each row execute function event_pause_changed();

{sqlite} create trigger event_pause_gone after delete on backup_pause begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, old.account_id, old.region, 'pause',
  cast({json_object}('target_arn', old.target_arn, 'until', old.until, 'reason', old.reason, 'paused_by', old.paused_by, 'paused_at', old.paused_at, 'before', null, 'is_gone', 1) as text), 0, 0); end;
{postgres} create function event_pause_gone() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, old.account_id, old.region, 'pause',
  cast({json_object}('target_arn', old.target_arn, 'until', old.until, 'reason', old.reason, 'paused_by', old.paused_by, 'paused_at', old.paused_at, 'before', null, 'is_gone', 1) as text), 0, 0); return null; end $$;
{postgres} create trigger event_pause_gone after delete on backup_pause for each row execute function event_pause_gone();

{sqlite} create trigger event_region_made after insert on region_settings begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'region',
  cast({json_object}('opt_in', new.opt_in, 'management', new.management, 'before', null) as text), 0, 0); end;
{postgres} create function event_region_made() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'region',
  cast({json_object}('opt_in', new.opt_in, 'management', new.management, 'before', null) as text), 0, 0); return null; end $$;
{postgres} create trigger event_region_made after insert on region_settings for each row execute function event_region_made();

{sqlite} create trigger event_region_changed after update on region_settings when (old.opt_in <> new.opt_in or old.management <> new.management) begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'region',
  cast({json_object}('opt_in', new.opt_in, 'management', new.management, 'before', null) as text), 0, 0); end;
{postgres} create function event_region_changed() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts) values ({new_id}, {now_ms}, new.account_id, new.region, 'region',
  cast({json_object}('opt_in', new.opt_in, 'management', new.management, 'before', null) as text), 0, 0); return null; end $$;
{postgres} create trigger event_region_changed after update on region_settings for each row when (old.opt_in <> new.opt_in or old.management <> new.management) execute function event_region_changed();

-- Calls of the API, where anybody asks for them: those that change something, and all that were refused. What a job was decided is among
-- them, since the trail has that, too.
{sqlite} create trigger event_call after insert on audit when new.layer not in ('event', 'audit') and (new.effect = 'Deny' or not (new.action like '%:Get%' or new.action like '%:List%' or new.action like '%:Describe%' or new.action like '%:Lookup%' or new.action like '%:Simulate%' or new.action like '%:Preflight%')) begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts)
  select {new_id}, new.at, new.account_id, '', 'audit', cast({json_object}('seq', new.seq, 'at', new.at, 'request_id', new.request_id, 'principal_arn', new.principal_arn, 'principal_id', new.principal_id, 'source_ip', new.source_ip, 'service', new.service, 'action', new.action, 'resource', new.resource, 'effect', new.effect, 'layer', new.layer, 'reason', new.reason, 'policy', new.policy, 'statement', new.statement, 'chain_id', new.chain_id, 'chain_seq', new.chain_seq) as text), 0, 0
  where exists (select 1 from event_target as target where target.account_id = new.account_id and target.wants_calls = 1); end;
{postgres} create function event_call() returns trigger language plpgsql as $$ begin insert into event (event_id, at, account_id, region, kind, body, claimed_until, attempts)
  select {new_id}, new.at, new.account_id, '', 'audit', cast({json_object}('seq', new.seq, 'at', new.at, 'request_id', new.request_id, 'principal_arn', new.principal_arn, 'principal_id', new.principal_id, 'source_ip', new.source_ip, 'service', new.service, 'action', new.action, 'resource', new.resource, 'effect', new.effect, 'layer', new.layer, 'reason', new.reason, 'policy', new.policy, 'statement', new.statement, 'chain_id', new.chain_id, 'chain_seq', new.chain_seq) as text), 0, 0
  where exists (select 1 from event_target as target where target.account_id = new.account_id and target.wants_calls = 1); return null; end $$;
{postgres} create trigger event_call after insert on audit for each row when (new.layer not in ('event', 'audit') and (new.effect = 'Deny' or not (new.action like '%:Get%' or new.action like '%:List%' or new.action like '%:Describe%' or new.action like '%:Lookup%' or new.action like '%:Simulate%' or new.action like '%:Preflight%'))) execute function event_call();
