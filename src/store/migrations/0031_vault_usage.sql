-- What a vault held at the end of each day, or until now on the day that it is.
create table vault_usage (
  vault_id {text} not null,
  -- Days since 1970, UTC.
  day {int} not null,
  content_bytes {int} not null,
  stored_bytes {int} not null,
  recovery_points {int} not null,
  primary key (vault_id, day)
) {strict};
