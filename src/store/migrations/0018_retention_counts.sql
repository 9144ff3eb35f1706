-- How many points of each resource a plan's rule keeps, beside how long: by the rule's name, which outlives the plan's versions.
create table retention_counts (
  account_id {text} not null,
  region {text} not null,
  plan_id {text} not null,
  rule_name {text} not null,
  counts {text} not null,
  updated_at {int} not null,
  updated_by {text} not null,
  primary key (plan_id, rule_name)
) {strict};

-- The plan whose rule made a recovery point; null for copies, and for backups that a call started.
alter table recovery_point add column plan_id {text};
update recovery_point set plan_id = (select job.plan_id from job where job.job_id = recovery_point.job_id)
  where copied_at is null and created_by is not null;
create index recovery_point_plan on recovery_point (plan_id, created_at) where plan_id is not null;
