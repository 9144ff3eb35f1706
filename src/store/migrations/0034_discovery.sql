-- Rules by which what lies behind a connection is found, and what each found.
create table discovery_rule (
  account_id {text} not null,
  region {text} not null,
  name {text} not null,
  rule_id {text} not null unique,
  type {text} not null,
  settings {text} not null,
  secret {text},
  version {int} not null,
  document {text} not null,
  role_arn {text} not null,
  role_id {text} not null,
  created_at {int} not null,
  created_by {text} not null,
  primary key (account_id, region, name)
) {strict};

-- How its rounds went, and who works on one: no declared state, so beside the rule.
create table discovery_round (
  rule_id {text} not null,
  next_run_at {int} not null,
  lease_owner {text},
  lease_until {int} not null,
  last_run_at {int},
  failed {int} not null,
  message {text},
  primary key (rule_id)
) {strict};

-- What is gone at the source keeps its row, with the time since when.
create table discovered (
  rule_id {text} not null,
  name {text} not null,
  status {text} not null,
  resource_arn {text},
  resource_unique_id {text},
  message {text},
  first_seen_at {int} not null,
  last_seen_at {int} not null,
  vanished_at {int},
  primary key (rule_id, name)
) {strict};

-- The rules are in the identity export (19).
{sqlite} create trigger discovery_rule_identity_insert after insert on discovery_rule begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger discovery_rule_identity_update after update on discovery_rule begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger discovery_rule_identity_delete after delete on discovery_rule begin insert into identity_change (seq) values (null); end;
{postgres} create trigger discovery_rule_identity after insert or update or delete on discovery_rule for each row execute function identity_changed();
