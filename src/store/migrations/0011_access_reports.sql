-- What identities last used, as GenerateServiceLastAccessedDetails found it.
create table access_report (
  account_id {text} not null,
  job_id {text} not null,
  granularity {text} not null,
  created_at {int} not null,
  content {text} not null,
  primary key (account_id, job_id)
) {strict};
