-- What is kept of each refusal, so that it can be explained from its id: who, what, on what, and what the policies said. It
-- holds no secret; the lists are JSON (access/explain.ts).
create table denial (
  id {text} not null,
  account_id {text} not null,
  at {int} not null,
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
  proposals {text} not null,
  notes {text} not null,
  primary key (id)
) {strict};

create index denial_account on denial (account_id, at);
-- Denials of all accounts go when they are old.
create index denial_age on denial (at);
