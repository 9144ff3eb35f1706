-- How often its target refused a message as such: tries that did not reach it do not count.
alter table event_delivery add column refusals {int} not null default 0;
