-- From here on a database says which software it is still for, so that the version before runs on beside a new one.
INSERT INTO meta (key, value) VALUES ('compatible_from', 1);
