-- A long-term key may end by itself, and may be held to a policy of its own, beside those of its user.
alter table iam_access_key add column expires_at {int};
alter table iam_access_key add column policy {text};
