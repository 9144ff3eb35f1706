-- When the recovery point of a restore was made: the job tells it, and is found by it, also once the recovery point has expired.
alter table job add column point_created_at {int};
update job set point_created_at = (
  select created_at from recovery_point as p where p.account_id = job.account_id and p.arn = job.recovery_point_arn
) where kind = 'restore';
