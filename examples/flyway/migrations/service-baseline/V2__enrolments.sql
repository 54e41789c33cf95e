CREATE TABLE enrolments (
    course   bigint NOT NULL REFERENCES courses,
    "user"   bigint NOT NULL REFERENCES identity.users,
    enrolled timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (course, "user")
);

CREATE FUNCTION enrolled_lately(since interval) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT count(*) FROM enrolments WHERE enrolled > now() - since;
$$;
