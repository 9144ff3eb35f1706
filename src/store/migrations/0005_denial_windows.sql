-- A refusal repeated within its window is one row with a count. Across accounts each side has a row of its own under one id: the
-- caller's account without the other's policies, and the account that owns the resource. The policies that were asked are kept
-- once by the digest of their text.
create table denial_kept (
  account_id {text} not null,
  id {text} not null,
  side {text} not null check (side in ('caller', 'resource')),
  at {int} not null,
  last_at {int} not null,
  count {int} not null,
  request_id {text},
  job_id {text},
  principal_arn {text} not null,
  principal_id {text} not null,
  action {text} not null,
  resource {text} not null,
  layer {text} not null,
  effect {text} not null,
  reason {text} not null,
  context {text} not null,
  near {text} not null,
  policies {text} not null,
  layers {text} not null,
  evaluations {text} not null,
  proposals {text} not null,
  notes {text} not null,
  primary key (account_id, id)
) {strict};

insert into denial_kept
  select account_id, id, 'caller', at, at, 1, request_id, job_id, principal_arn, principal_id, action, resource, layer, effect,
    reason, context, near, policies, layers, '[]', proposals, notes
  from denial;

drop table denial;
alter table denial_kept rename to denial;

create index denial_account on denial (account_id, side, last_at);
-- Denials of all accounts go when they are old.
create index denial_age on denial (last_at);

create table denial_policy (
  account_id {text} not null,
  digest {text} not null,
  last_at {int} not null,
  document {text} not null,
  primary key (account_id, digest)
) {strict};

create index denial_policy_account on denial_policy (account_id, last_at);
create index denial_policy_age on denial_policy (last_at);
