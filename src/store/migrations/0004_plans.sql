-- Backup plans: versioned documents, what they select, when each rule is next due, and what became of each run.

create table backup_plan (
  account_id {text} not null,
  region {text} not null,
  plan_id {text} not null,
  name {text} not null,
  version_id {text} not null,
  creator_request_id {text} not null,
  created_at {int} not null,
  updated_at {int} not null,
  deleted_at {int},
  last_run_at {int},
  primary key (plan_id),
  unique (account_id, region, creator_request_id)
) {strict};

create index backup_plan_list on backup_plan (account_id, region, created_at, plan_id);

create table backup_plan_version (
  plan_id {text} not null,
  version_id {text} not null,
  seq {int} not null,
  document {text} not null,
  created_at {int} not null,
  primary key (plan_id, version_id),
  unique (plan_id, seq)
) {strict};

create table backup_selection (
  account_id {text} not null,
  region {text} not null,
  plan_id {text} not null,
  selection_id {text} not null,
  name {text} not null,
  role_arn {text} not null,
  role_id {text} not null,
  document {text} not null,
  creator_request_id {text} not null,
  created_by {text} not null,
  created_at {int} not null,
  primary key (selection_id),
  unique (plan_id, creator_request_id)
) {strict};

create index backup_selection_plan on backup_selection (plan_id, created_at, selection_id);
create index backup_selection_role on backup_selection (role_id);

-- One row a rule of each plan's present version.
create table backup_rule (
  account_id {text} not null,
  region {text} not null,
  plan_id {text} not null,
  rule_id {text} not null,
  written_at {int} not null,
  next_run_at {int},
  primary key (plan_id, rule_id)
) {strict};

create index backup_rule_due on backup_rule (next_run_at);

create table backup_plan_run (
  account_id {text} not null,
  region {text} not null,
  plan_id {text} not null,
  rule_id {text} not null,
  due_at {int} not null,
  version_id {text} not null,
  outcome {text} not null,
  jobs {int} not null,
  message {text} not null,
  recorded_at {int} not null,
  primary key (plan_id, rule_id, due_at)
) {strict};

create index backup_plan_run_age on backup_plan_run (recorded_at);

-- No plan makes jobs before `until`: all of them (target *), one plan, or one resource.
create table backup_pause (
  account_id {text} not null,
  region {text} not null,
  target_arn {text} not null,
  until {int} not null,
  reason {text},
  paused_by {text} not null,
  paused_at {int} not null,
  primary key (account_id, region, target_arn)
) {strict};

-- The plan, rule and selection that made a job, as AWS's CreatedBy has them.
alter table job add column created_by {text};
alter table job add column plan_id {text};
create index job_plan on job (plan_id, created_at);
