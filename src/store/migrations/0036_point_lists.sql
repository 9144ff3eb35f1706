-- Recovery points of a vault by type, and the resources that have any, are found from one end of an index, however many points there are.
create index recovery_point_type on recovery_point (account_id, region, vault_name, resource_type, created_at, arn);
create index recovery_point_protected on recovery_point (account_id, region, resource_arn, created_at, arn);
create index recovery_point_vault_protected on recovery_point (account_id, region, vault_name, resource_arn, created_at, arn);
