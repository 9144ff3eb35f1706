-- A recovery point that its job did not finish is none. Runners remove the row; where one ended before it came to that, or the job ended
-- without any, the row stayed CREATING for good, which kept its vault from being deleted and legal holds from being complete. The end of
-- the job takes it away now, whoever writes it.
delete from tag where arn in (
  select arn from recovery_point where status = 'CREATING'
    and not exists (select 1 from job where job.job_id = recovery_point.job_id and job.completed_at is null));
delete from recovery_point where status = 'CREATING'
  and not exists (select 1 from job where job.job_id = recovery_point.job_id and job.completed_at is null);

{sqlite} create trigger job_left_unfinished_point after update of state on job
  when old.state <> new.state and new.state in ('FAILED', 'ABORTED', 'EXPIRED') and new.kind in ('backup', 'copy', 'import') begin
  delete from tag where arn in (select arn from recovery_point where job_id = new.job_id and status = 'CREATING'); delete from recovery_point where job_id = new.job_id and status = 'CREATING'; end;

{postgres} create function job_left_unfinished_point() returns trigger language plpgsql as $$ begin
  delete from tag where arn in (select arn from recovery_point where job_id = new.job_id and status = 'CREATING'); delete from recovery_point where job_id = new.job_id and status = 'CREATING'; return null; end $$;
{postgres} create trigger job_left_unfinished_point after update of state on job for each row
  when (old.state <> new.state and new.state in ('FAILED', 'ABORTED', 'EXPIRED') and new.kind in ('backup', 'copy', 'import'))
  execute function job_left_unfinished_point();
