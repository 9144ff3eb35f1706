-- Tiering configurations: after how many days which S3 recovery points are moved to the second store of their vault, staying warm.
-- When a point came there so; null: it did not. docs/adr/0033-tiering.md.

create table tiering_configuration (
  account_id {text} not null,
  region {text} not null,
  name {text} not null,
  arn {text} not null,
  vault_name {text} not null,
  selections {text} not null,
  creator_request_id {text} not null,
  created_at {int} not null,
  updated_at {int} not null,
  primary key (account_id, region, name)
) {strict};
create unique index tiering_configuration_vault on tiering_configuration (account_id, region, vault_name);

alter table recovery_point add column tiered_at {int};

{sqlite} create trigger tiering_configuration_identity_insert after insert on tiering_configuration begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger tiering_configuration_identity_update after update on tiering_configuration begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger tiering_configuration_identity_delete after delete on tiering_configuration begin insert into identity_change (seq) values (null); end;
{postgres} create trigger tiering_configuration_identity after insert or update or delete on tiering_configuration for each row execute function identity_changed();
