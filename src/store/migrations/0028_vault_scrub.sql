-- How far the rolling scrub of a vault is, and what is known to be damaged in it.
create table vault_scrub (
  vault_id {text} primary key,
  cursor {text} not null,
  pass_started_at {int},
  pass_blobs {int} not null,
  pass_bytes {int} not null,
  pass_total_bytes {int} not null,
  last_started_at {int},
  last_ended_at {int},
  last_blobs {int} not null,
  last_bytes {int} not null,
  damage {text} not null,
  damaged_blobs {int} not null,
  damaged_points {int} not null,
  damage_at {int},
  lease_owner {text},
  lease_until {int} not null
) {strict};
