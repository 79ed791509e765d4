CREATE ROLE reader WITH LOGIN;
GRANT USAGE ON SCHEMA public TO reader;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO reader;
AWS IAM GRANT reader TO 'arn:aws:iam::123456789012:role/reader';
CREATE USER writer; -- expect: create-user
CREATE POLICY own ON sites USING (true); -- expect: statement-createpolicy
