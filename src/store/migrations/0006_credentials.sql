-- An alias stands for one account of the server; the password policy is JSON (iam/password-policy.ts), null: AWS's default one.
alter table account add column alias {text};
alter table account add column password_policy {text};
create unique index account_alias on account (alias) where alias is not null;

create table iam_login_profile (
  user_id {text} not null,
  account_id {text} not null,
  -- Sealed under the server's key, bound to the user id (keyring/passwords.ts).
  password {text} not null,
  created_at {int} not null,
  changed_at {int} not null,
  reset_required {int} not null,
  primary key (user_id),
  foreign key (user_id) references iam_user (user_id)
) {strict};

-- Passwords a user has had, the present one too, so that they are not used again; hashed and sealed alike.
create table iam_password_history (
  user_id {text} not null,
  number {int} not null,
  password {text} not null,
  primary key (user_id, number),
  foreign key (user_id) references iam_login_profile (user_id)
) {strict};

create table iam_mfa_device (
  serial_number {text} not null,
  account_id {text} not null,
  user_id {text},
  -- Sealed under the server's key, bound to the serial number.
  seed {text} not null,
  created_at {int} not null,
  enabled_at {int},
  drift {int} not null,
  last_step {int} not null,
  primary key (serial_number),
  foreign key (user_id) references iam_user (user_id)
) {strict};

create index iam_mfa_device_user on iam_mfa_device (user_id);
create index iam_mfa_device_account on iam_mfa_device (account_id, serial_number);

-- Sessions of people who signed in: the only ones that end one by one.
create table sign_in_session (
  access_key_id {text} not null,
  account_id {text} not null,
  user_id {text} not null,
  created_at {int} not null,
  expires_at {int} not null,
  source_ip {text},
  mfa {int} not null,
  ended_at {int},
  primary key (access_key_id)
) {strict};

create index sign_in_session_user on sign_in_session (user_id, created_at);
create index sign_in_session_expiry on sign_in_session (expires_at);

-- Who guessed how often, and until when nothing of theirs is looked at. Kept here so that a restart forgives nobody.
create table back_off (
  subject {text} not null,
  failures {int} not null,
  last_at {int} not null,
  blocked_until {int} not null,
  primary key (subject)
) {strict};

create index back_off_age on back_off (last_at);

create table credential_report (
  account_id {text} not null,
  generated_at {int} not null,
  content {text} not null,
  primary key (account_id)
) {strict};
