-- One row a restore job that a restore testing plan began, with the same id: how far the test is.
create table restore_test (
  job_id {text} not null,
  account_id {text} not null,
  region {text} not null,
  plan_arn {text} not null,
  plan_name {text} not null,
  selection_name {text} not null,
  resource_arn {text} not null,
  due_at {int} not null,
  recovery_ms {int},
  phase {text} not null,
  step_job_id {text},
  next_at {int},
  validation_hours {int} not null,
  validators {text} not null,
  validation_status {text},
  validation_message {text},
  deletion_status {text},
  deletion_message {text},
  deletion_tries {int} not null,
  primary key (job_id)
) {strict};

create index restore_test_list on restore_test (account_id, region, due_at, job_id);
create index restore_test_plan on restore_test (plan_arn);
create index restore_test_resource on restore_test (account_id, resource_arn, due_at);
create index restore_test_step on restore_test (phase, step_job_id);
