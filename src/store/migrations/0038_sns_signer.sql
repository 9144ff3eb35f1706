-- With what SNS messages are signed: a key of the server's own, sealed, and its certificate, which receivers fetch.
create table sns_signer (
  id {int} not null,
  certificate {text} not null,
  sealed_key {text} not null,
  primary key (id),
  check (id = 1)
) {strict};
