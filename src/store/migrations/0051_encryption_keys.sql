-- Keys that vaults may be made under beside the server's own. The key itself is nowhere here: a server is started with where it comes from.
create table encryption_key (
  key_id {text} primary key,
  name {text} not null unique,
  arn {text} not null,
  account_id {text} not null,
  region {text} not null,
  created_at {int} not null,
  created_by {text} not null
) {strict};
