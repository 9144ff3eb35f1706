-- When a server last said that it runs: what is missing of it was silence.
create table sign_of_life (
  id {int} not null,
  at {int} not null,
  primary key (id),
  check (id = 1)
) {strict};
