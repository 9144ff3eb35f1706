-- Identity providers whose tokens roles may be taken on with, and people may sign in with. url is the issuer without its scheme.
create table iam_oidc_provider (
  account_id {text} not null,
  url {text} not null,
  issuer {text} not null,
  client_ids {text} not null,
  thumbprints {text} not null,
  created_at {int} not null,
  primary key (account_id, url)
) {strict};
