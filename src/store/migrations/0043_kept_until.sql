-- Until when the row of an ended job is kept; null: for good. What a search found lies in it, and somebody who looks about in a recovery point
-- makes a search of each folder.
alter table job add column kept_until {int};
update job set kept_until = created_at + 604800000 where kind = 'search';
create index job_kept on job (kept_until) where kept_until is not null;
