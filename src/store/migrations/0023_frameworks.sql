-- Which controls an account holds its backups to.
create table framework (
  account_id {text} not null,
  region {text} not null,
  name {text} not null,
  framework_id {text} not null unique,
  description {text},
  controls {text} not null,
  idempotency_token {text},
  created_at {int} not null,
  primary key (account_id, region, name)
) {strict};

-- They are in the identity export (19).
{sqlite} create trigger framework_identity_insert after insert on framework begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger framework_identity_update after update on framework begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger framework_identity_delete after delete on framework begin insert into identity_change (seq) values (null); end;
{postgres} create trigger framework_identity after insert or update or delete on framework for each row execute function identity_changed();
