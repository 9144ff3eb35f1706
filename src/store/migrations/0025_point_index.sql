-- Recovery points whose index somebody asked for. What is searched are their manifests.
create table point_index (
  account_id {text} not null,
  region {text} not null,
  recovery_point_arn {text} not null,
  role_arn {text},
  created_at {int} not null,
  primary key (account_id, recovery_point_arn)
) {strict};
create index point_index_listing on point_index (account_id, region, created_at, recovery_point_arn);
