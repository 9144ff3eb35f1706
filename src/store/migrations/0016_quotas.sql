-- How much an account, a vault or a role may back up.
create table quota (
  resource {text} not null primary key,
  account_id {text} not null,
  max_bytes {int},
  max_jobs_per_day {int}
) {strict};
