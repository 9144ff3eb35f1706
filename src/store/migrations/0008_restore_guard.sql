-- Whether a restore may hand its caller what he could not read at the source. Accounts that are there already go on as they did, and
-- are told; every new one is held to it.
alter table account add column restore_guard {text} not null default 'warn';
-- What the guard let through under 'warn'.
alter table job add column guard_warning {text};
