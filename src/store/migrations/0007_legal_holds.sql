-- Legal holds: recovery points that nothing deletes while one of them names them.

create table legal_hold (
  account_id {text} not null,
  region {text} not null,
  hold_id {text} not null,
  title {text} not null,
  description {text} not null,
  status {text} not null,
  idempotency_token {text},
  created_at {int} not null,
  from_at {int},
  to_at {int},
  names_vaults {int} not null,
  names_resources {int} not null,
  cancelled_at {int},
  cancel_description {text},
  retain_until {int},
  primary key (hold_id),
  unique (account_id, region, idempotency_token)
) {strict};

create index legal_hold_list on legal_hold (account_id, region, created_at, hold_id);

-- Vault names and resource ARNs that a hold names.
create table legal_hold_target (
  hold_id {text} not null,
  kind {text} not null,
  value {text} not null,
  primary key (hold_id, kind, value)
) {strict};

-- What an account said with UpdateGlobalSettings.
create table global_settings (
  account_id {text} not null,
  settings {text} not null,
  updated_at {int} not null,
  primary key (account_id)
) {strict};
