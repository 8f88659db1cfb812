-- Whether a pending step has crashed so often that it may only run alone.
select exists (
  select 1
  from /*schema*/step_tracker
  where status = 'pending'
    and crash_count > 0
    and crash_count >= :max_crashes
) as waits;
