-- When somebody wanted to see the first steps of the account no longer; null: they are shown until a backup was restored.
alter table account add column first_steps_dismissed_at {int};
