-- Providers that people sign in with, the role that they work under then, and which sign-ins were finished: each once.
create table sign_in_provider (
  account_id {text} not null,
  url {text} not null,
  client_id {text} not null,
  client_secret {text},
  role_id {text} not null,
  redirect_uris {text} not null,
  created_at {int} not null,
  primary key (account_id, url)
) {strict};

create table sign_in_finished (
  id {text} not null,
  expires_at {int} not null,
  primary key (id)
) {strict};

create index sign_in_finished_expiry on sign_in_finished (expires_at);

-- Of a session under a role: its name. user_id is the role's unique id then.
alter table sign_in_session add column session_name {text};
