-- How many bytes a second each server reads from databases and buckets and writes to them, by the hour, as JSON; null: no limit.
alter table job_limits add column bandwidth {text};
