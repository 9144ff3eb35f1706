-- Recovery points whose retention is over and that stay until somebody approves: why, and who did.
create table held_deletion (
  arn {text} primary key,
  account_id {text} not null,
  region {text} not null,
  vault_name {text} not null,
  cause {text} not null,
  reason {text} not null,
  is_counted {int} not null,
  held_at {int} not null,
  approved_at {int},
  approved_by {text}
) {strict};
create index held_deletion_list on held_deletion (account_id, region, vault_name, arn);
create index held_deletion_approved on held_deletion (approved_at) where approved_at is not null;

-- What the clocks showed when expiry was looked at last: a wall clock that leapt, or a time without a server, shows by it.
create table expiry_round (
  id {int} primary key,
  clock {text} not null,
  running_ms {int} not null,
  wall_ms {int} not null
) {strict};

-- The counts of a plan's rules that were looked at last: others since are an edit.
create table counts_seen (
  plan_id {text} primary key,
  seen {text} not null
) {strict};

-- When a call made the retention shorter than it was.
alter table recovery_point add column retention_cut_at {int};
create index recovery_point_cut on recovery_point (delete_at) where retention_cut_at is not null;
