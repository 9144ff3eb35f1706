-- What is counted of all jobs for the operator's metrics, read from the index alone.
create index job_totals on job (account_id, kind, state, bytes_done);
