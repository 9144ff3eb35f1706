-- What the built-in validators of a restore test said, and a caller's verdict that came while they were running.
alter table restore_test add column validator_results {text} not null default '[]';
alter table restore_test add column caller_status {text};
alter table restore_test add column caller_message {text};
