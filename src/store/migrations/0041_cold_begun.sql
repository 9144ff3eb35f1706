-- When the first recovery point of a vault began to be moved to its cold storage; null: nothing lies there, nor ever did. The points that
-- lie there do not tell: the last of them may be gone, and what it held is still to be freed.
alter table vault add column cold_begun_at {int};
update vault set cold_begun_at = created_at where cold_storage is not null and (
  exists (select 1 from recovery_point as point where point.account_id = vault.account_id and point.region = vault.region
    and point.vault_name = vault.name and point.moved_to_cold_at is not null)
  or exists (select 1 from job where job.account_id = vault.account_id and job.region = vault.region
    and job.vault_name = vault.name and job.kind = 'move-point' and job.fence > 0)
  or sealed_records like '%"coldStorage":{%');
