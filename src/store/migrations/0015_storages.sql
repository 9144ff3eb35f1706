-- Buckets that vaults lie in, and whose new vaults lie there. Vaults name their storage; none keeps a copy of its settings.
create table storage (
  name {text} primary key,
  settings {text} not null,
  secret {text} not null,
  version {int} not null,
  for_new_vaults {int} not null,
  account_id {text},
  region {text},
  created_at {int} not null,
  created_by {text} not null
) {strict};
