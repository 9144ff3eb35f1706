-- Who is asked again, at each run, whether he may read what is tested: an ARN is given again to others.
alter table restore_testing_selection add column created_by_id {text};
