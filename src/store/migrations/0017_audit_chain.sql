-- Each record says which chain it is in, as which of it, and carries a code over itself and its predecessor; what was recorded
-- before has none, and the first chain's first record covers it. Unique: no chain forks.
alter table audit add column chain_id {text};
alter table audit add column chain_seq {int};
alter table audit add column mac {text};
-- JSON of what has no column of its own.
alter table audit add column detail {text};
create unique index audit_chain on audit (chain_id, chain_seq);
