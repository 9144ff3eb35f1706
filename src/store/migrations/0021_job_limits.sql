-- Where a resource lies, for the limit of jobs on one machine; null for what lies on the server's own.
alter table resource add column host {text};
{sqlite} update resource set host = lower(json_extract(settings, '$.host')) where type = 'RDS';
{sqlite} update resource set host = (
  select lower(substr(place, 1, instr(place, ':') - 1)) from (
    select substr(rest, 1, instr(rest, '/') - 1) || ':' as place from (
      select substr(url, instr(url, '://') + 3) || '/' as rest from (select json_extract(settings, '$.endpoint') as url)
    )
  )
) where type = 'S3';
{postgres} update resource set host = lower(settings::json->>'host') where type = 'RDS';
{postgres} update resource set host = lower(split_part(split_part(split_part(settings::json->>'endpoint', '://', 2), '/', 1), ':', 1))
  where type = 'S3';
create index resource_host on resource (unique_id, host);

-- How many jobs may work at a time; null: the default.
create table job_limits (
  id {int} primary key,
  per_connection {int},
  per_host {int},
  per_server {int}
) {strict};
-- They are in the identity export (19).
{sqlite} create trigger job_limits_identity_insert after insert on job_limits begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger job_limits_identity_update after update on job_limits begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger job_limits_identity_delete after delete on job_limits begin insert into identity_change (seq) values (null); end;
{postgres} create trigger job_limits_identity after insert or update or delete on job_limits for each row execute function identity_changed();
