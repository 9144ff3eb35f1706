-- Retention counts are in the identity export (19).
{sqlite} create trigger retention_counts_identity_insert after insert on retention_counts begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger retention_counts_identity_update after update on retention_counts begin insert into identity_change (seq) values (null); end;
{sqlite} create trigger retention_counts_identity_delete after delete on retention_counts begin insert into identity_change (seq) values (null); end;
{postgres} create trigger retention_counts_identity after insert or update or delete on retention_counts for each row execute function identity_changed();
