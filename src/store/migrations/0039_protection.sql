-- How new the newest restorable recovery point of each registered resource is; 0: there is none. Kept by triggers, so that how many
-- resources are protected, and which are not, is read from one end of an index however many there are.
create table protection (
  account_id {text} not null,
  arn {text} not null,
  region {text} not null,
  type {text} not null,
  newest_at {int} not null,
  primary key (account_id, arn)
) {strict};

insert into protection
  select account_id, arn, region, type, coalesce((
    select point.created_at from recovery_point as point
    where point.account_id = resource.account_id and point.region = resource.region and point.resource_arn = resource.arn
      and point.status in ('COMPLETED', 'AVAILABLE', 'PARTIAL', 'EXPIRED')
    order by point.created_at desc limit 1), 0)
  from resource where removed_at is null;

create index protection_newest on protection (account_id, region, newest_at, arn);
create index protection_type on protection (account_id, region, type, newest_at, arn);

{sqlite} create trigger protection_registered after insert on resource when new.removed_at is null begin insert into protection
  select new.account_id, new.arn, new.region, new.type, coalesce((
    select point.created_at from recovery_point as point
    where point.account_id = new.account_id and point.region = new.region and point.resource_arn = new.arn
      and point.status in ('COMPLETED', 'AVAILABLE', 'PARTIAL', 'EXPIRED')
    order by point.created_at desc limit 1), 0); end;
{sqlite} create trigger protection_removed after update of removed_at on resource when new.removed_at is not null begin
  delete from protection where account_id = new.account_id and arn = new.arn; end;
{sqlite} create trigger protection_gone after delete on resource when old.removed_at is null begin
  delete from protection where account_id = old.account_id and arn = old.arn; end;
{sqlite} create trigger protection_point_made after insert on recovery_point when new.status in ('COMPLETED', 'AVAILABLE', 'PARTIAL', 'EXPIRED') begin
  update protection set newest_at = new.created_at
  where account_id = new.account_id and arn = new.resource_arn and region = new.region and newest_at < new.created_at; end;
{sqlite} create trigger protection_point_changed after update of status, created_at on recovery_point when old.status <> new.status or old.created_at <> new.created_at begin
  update protection set newest_at = coalesce((
    select point.created_at from recovery_point as point
    where point.account_id = new.account_id and point.region = new.region and point.resource_arn = new.resource_arn
      and point.status in ('COMPLETED', 'AVAILABLE', 'PARTIAL', 'EXPIRED')
    order by point.created_at desc limit 1), 0)
  where account_id = new.account_id and arn = new.resource_arn and region = new.region; end;
{sqlite} create trigger protection_point_gone after delete on recovery_point when old.status in ('COMPLETED', 'AVAILABLE', 'PARTIAL', 'EXPIRED') begin
  update protection set newest_at = coalesce((
    select point.created_at from recovery_point as point
    where point.account_id = old.account_id and point.region = old.region and point.resource_arn = old.resource_arn
      and point.status in ('COMPLETED', 'AVAILABLE', 'PARTIAL', 'EXPIRED')
    order by point.created_at desc limit 1), 0)
  where account_id = old.account_id and arn = old.resource_arn and region = old.region and newest_at <= old.created_at; end;

{postgres} create function newest_point_at(of_account text, of_region text, of_arn text) returns bigint language sql stable as $$
  select coalesce((
    select point.created_at from recovery_point as point
    where point.account_id = of_account and point.region = of_region and point.resource_arn = of_arn
      and point.status in ('COMPLETED', 'AVAILABLE', 'PARTIAL', 'EXPIRED')
    order by point.created_at desc limit 1), 0) $$;
{postgres} create function protection_registered() returns trigger language plpgsql as $$ begin
  insert into protection values (new.account_id, new.arn, new.region, new.type, newest_point_at(new.account_id, new.region, new.arn)); return null; end $$;
{postgres} create trigger protection_registered after insert on resource for each row when (new.removed_at is null) execute function protection_registered();
{postgres} create function protection_removed() returns trigger language plpgsql as $$ begin
  delete from protection where account_id = old.account_id and arn = old.arn; return null; end $$;
{postgres} create trigger protection_removed after update of removed_at on resource for each row when (new.removed_at is not null) execute function protection_removed();
{postgres} create trigger protection_gone after delete on resource for each row when (old.removed_at is null) execute function protection_removed();
{postgres} create function protection_point_made() returns trigger language plpgsql as $$ begin
  update protection set newest_at = new.created_at
  where account_id = new.account_id and arn = new.resource_arn and region = new.region and newest_at < new.created_at; return null; end $$;
{postgres} create trigger protection_point_made after insert on recovery_point for each row when (new.status in ('COMPLETED', 'AVAILABLE', 'PARTIAL', 'EXPIRED')) execute function protection_point_made();
{postgres} create function protection_point_changed() returns trigger language plpgsql as $$ begin
  update protection set newest_at = newest_point_at(new.account_id, new.region, new.resource_arn)
  where account_id = new.account_id and arn = new.resource_arn and region = new.region; return null; end $$;
{postgres} create trigger protection_point_changed after update of status, created_at on recovery_point for each row when (old.status <> new.status or old.created_at <> new.created_at) execute function protection_point_changed();
{postgres} create function protection_point_gone() returns trigger language plpgsql as $$ begin
  update protection set newest_at = newest_point_at(old.account_id, old.region, old.resource_arn)
  where account_id = old.account_id and arn = old.resource_arn and region = old.region and newest_at <= old.created_at; return null; end $$;
{postgres} create trigger protection_point_gone after delete on recovery_point for each row when (old.status in ('COMPLETED', 'AVAILABLE', 'PARTIAL', 'EXPIRED')) execute function protection_point_gone();

-- Jobs of a day are counted by their state from the index alone.
drop index job_listing;
create index job_listing on job (account_id, region, kind, created_at, job_id, state);
-- Backups that went well and have something to say nevertheless.
create index job_said on job (account_id, region, kind, created_at) where state = 'COMPLETED' and status_message is not null;
