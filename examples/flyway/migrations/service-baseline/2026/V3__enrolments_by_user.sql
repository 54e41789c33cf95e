CREATE INDEX CONCURRENTLY enrolments_user ON enrolments ("user");
