-- What the vault is locked by, as it was asked for; and what its own sealed records said when they were last read.
alter table vault add column lock_configuration {text};
alter table vault add column sealed_records {text};
-- Where the two differ, or the records are damaged.
alter table vault add column lock_problem {text};
alter table vault add column vault_type {text} not null default 'BACKUP_VAULT';
alter table vault add column notifications {text};
-- How long the server has run: sealed, and never less than before.
create table running_time (
  id {int} primary key,
  sealed {text} not null
) {strict};
