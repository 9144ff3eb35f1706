-- Who asked a job to stop, when, and what its message says once it has: a worker elsewhere ends it, and tells.
alter table job add column stop_asked_by text;
alter table job add column stop_asked_at {int};
alter table job add column stop_message text;
