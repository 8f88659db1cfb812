-- Up to which moment every failure has been buried.
select until_ts
from seen
where what = 'failures';
