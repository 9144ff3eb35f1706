-- Which reports an account has delivered, and where to.
create table report_plan (
  account_id {text} not null,
  region {text} not null,
  name {text} not null,
  report_plan_id {text} not null unique,
  description {text},
  delivery {text} not null,
  setting {text} not null,
  target_arn {text} not null,
  target_unique_id {text} not null,
  idempotency_token {text},
  created_at {int} not null,
  next_run_at {int} not null,
  primary key (account_id, region, name)
) {strict};
create index report_plan_due on report_plan (next_run_at);

-- They are in the identity export (19); when a plan is due next is not told.
{sqlite} create trigger report_plan_identity_insert after insert on report_plan begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger report_plan_identity_update after update of description, delivery, setting, target_arn, target_unique_id on report_plan begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger report_plan_identity_delete after delete on report_plan begin insert into identity_change (seq) values (null); end;
{postgres} create trigger report_plan_identity after insert or update of description, delivery, setting, target_arn, target_unique_id or delete on report_plan for each row execute function identity_changed();
