-- What is owed is found, told, counted and forgotten by indexes that hold it in order and nothing else, however much was told before.
drop index event_delivery_due;
create index event_delivery_owed on event_delivery (target_id, sequence) where delivered_at is null and given_up_at is null;
-- What waited too long is given up by age.
create index event_delivery_waiting on event_delivery (target_id, created_at) where delivered_at is null and given_up_at is null;
-- Pruning goes on where it stopped.
drop index event_routed;
create index event_routed on event (routed_at, seq) where routed_at is not null;
