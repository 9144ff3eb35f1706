-- What the last look through the system vault found, as JSON.
alter table identity_export add column last_scrub {text};
