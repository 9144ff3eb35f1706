-- How far the wall clock may be ahead of the running time before it counts as a leap, and what went by surprise within the last day of
-- running time: many small surprises count as one (docs/adr/0034-surprises-are-summed.md).
alter table expiry_round add column slack_ms {int} not null default 0;

create table surprised_expiry (
  account_id {text} not null,
  region {text} not null,
  vault_name {text} not null,
  clock {text} not null,
  running_ms {int} not null,
  points {int} not null
) {strict};
create index surprised_expiry_vault on surprised_expiry (account_id, region, vault_name);
