-- Copies of recovery points: a job that works in two vaults holds a lease on both.
alter table job add column destination_vault_arn {text};
alter table job add column destination_generation {int};
create index job_destination on job (destination_vault_arn, state) where destination_vault_arn is not null;

-- When a copy was made (its creation is its source's), and of what.
alter table recovery_point add column copied_at {int};
alter table recovery_point add column source_vault_arn {text};
alter table recovery_point add column source_point_arn {text};
