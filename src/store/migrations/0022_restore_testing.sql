-- Restore testing: when plans are due, and what their selections restore.

create table restore_testing_plan (
  account_id {text} not null,
  region {text} not null,
  name {text} not null,
  arn {text} not null,
  creator_request_id {text} not null,
  document {text} not null,
  created_at {int} not null,
  updated_at {int} not null,
  written_at {int} not null,
  next_run_at {int},
  last_run_at {int},
  last_run_message {text},
  primary key (account_id, region, name)
) {strict};

create index restore_testing_plan_due on restore_testing_plan (next_run_at);

create table restore_testing_selection (
  account_id {text} not null,
  region {text} not null,
  plan_name {text} not null,
  name {text} not null,
  resource_type {text} not null,
  role_arn {text} not null,
  role_id {text} not null,
  document {text} not null,
  validators {text} not null,
  creator_request_id {text} not null,
  created_by {text} not null,
  created_at {int} not null,
  updated_at {int} not null,
  primary key (account_id, region, plan_name, name)
) {strict};

-- Both are in the identity export (19); when a plan is due next changes by use alone.
{sqlite} create trigger restore_testing_plan_identity_insert after insert on restore_testing_plan begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger restore_testing_plan_identity_update after update of document, updated_at on restore_testing_plan begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger restore_testing_plan_identity_delete after delete on restore_testing_plan begin insert into identity_change (seq) values (null); end;
{postgres} create trigger restore_testing_plan_identity after insert or update of document, updated_at or delete on restore_testing_plan for each row execute function identity_changed();

{sqlite} create trigger restore_testing_selection_identity_insert after insert on restore_testing_selection begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger restore_testing_selection_identity_update after update on restore_testing_selection begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger restore_testing_selection_identity_delete after delete on restore_testing_selection begin insert into identity_change (seq) values (null); end;
{postgres} create trigger restore_testing_selection_identity after insert or update or delete on restore_testing_selection for each row execute function identity_changed();
