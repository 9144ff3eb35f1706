-- What restores made, of the resources that are registered: few of many, and told apart in every list and count of what is not protected.
create index resource_restored on resource (account_id, region, arn) where restored_from is not null and removed_at is null;
