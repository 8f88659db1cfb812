-- Note the schema: its version times 1000, plus the oldest version of code that it admits.
pragma user_version = /*packed*/0;
