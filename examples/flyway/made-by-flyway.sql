-- What Flyway has made until now: the shared schema, one tenant whose schema has
-- all versions but the last, and one that has them all. Flyway keeps what it has
-- applied in a table of each schema.

CREATE SCHEMA identity;
SET search_path = identity, public;

CREATE TABLE users (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    email text NOT NULL UNIQUE
);

CREATE TABLE sessions (
    token   uuid PRIMARY KEY,
    "user"  bigint NOT NULL REFERENCES users,
    expires timestamptz NOT NULL
);

CREATE TABLE identity.flyway_schema_history (
    installed_rank integer NOT NULL CONSTRAINT flyway_schema_history_pk PRIMARY KEY,
    version varchar(50), description varchar(200) NOT NULL, type varchar(20) NOT NULL, script varchar(1000) NOT NULL, checksum integer,
    installed_by varchar(100) NOT NULL, installed_on timestamp NOT NULL DEFAULT now(), execution_time integer NOT NULL, success boolean NOT NULL
);
CREATE INDEX flyway_schema_history_s_idx ON identity.flyway_schema_history (success);
INSERT INTO identity.flyway_schema_history (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success) VALUES
    (1, '1', 'users', 'SQL', 'V1__users.sql', -1135866481, 'flyway', 7, true),
    (2, '2', 'sessions', 'SQL', 'V2__sessions.sql', -248875196, 'flyway', 7, true);

CREATE SCHEMA tenant_acme;
SET search_path = tenant_acme, public;

CREATE TABLE plans (
    name text PRIMARY KEY
);
INSERT INTO plans VALUES ('free'), ('paid');

CREATE TABLE courses (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title text NOT NULL,
    owner bigint NOT NULL REFERENCES identity.users,
    plan  text NOT NULL DEFAULT 'free' REFERENCES plans
);

CREATE TABLE enrolments (
    course   bigint NOT NULL REFERENCES courses,
    "user"   bigint NOT NULL REFERENCES identity.users,
    enrolled timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (course, "user")
);

CREATE FUNCTION enrolled_lately(since interval) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT count(*) FROM enrolments WHERE enrolled > now() - since;
$$;

CREATE OR REPLACE VIEW course_overview AS
    SELECT c.id, c.title, count(e."user") AS enrolments
    FROM courses c LEFT JOIN enrolments e ON e.course = c.id
    GROUP BY c.id, c.title;

CREATE TABLE tenant_acme.flyway_schema_history (
    installed_rank integer NOT NULL CONSTRAINT flyway_schema_history_pk PRIMARY KEY,
    version varchar(50), description varchar(200) NOT NULL, type varchar(20) NOT NULL, script varchar(1000) NOT NULL, checksum integer,
    installed_by varchar(100) NOT NULL, installed_on timestamp NOT NULL DEFAULT now(), execution_time integer NOT NULL, success boolean NOT NULL
);
CREATE INDEX flyway_schema_history_s_idx ON tenant_acme.flyway_schema_history (success);
INSERT INTO tenant_acme.flyway_schema_history (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success) VALUES
    (1, '1', 'courses', 'SQL', 'V1__courses.sql', 1703492200, 'flyway', 7, true),
    (2, '2', 'enrolments', 'SQL', 'V2__enrolments.sql', -1541934593, 'flyway', 7, true),
    (3, NULL, 'course overview', 'SQL', 'R__course_overview.sql', -914425519, 'flyway', 7, true);

CREATE SCHEMA tenant_globex;
SET search_path = tenant_globex, public;

CREATE TABLE plans (
    name text PRIMARY KEY
);
INSERT INTO plans VALUES ('free'), ('paid');

CREATE TABLE courses (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title text NOT NULL,
    owner bigint NOT NULL REFERENCES identity.users,
    plan  text NOT NULL DEFAULT 'free' REFERENCES plans
);

CREATE TABLE enrolments (
    course   bigint NOT NULL REFERENCES courses,
    "user"   bigint NOT NULL REFERENCES identity.users,
    enrolled timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (course, "user")
);

CREATE FUNCTION enrolled_lately(since interval) RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT count(*) FROM enrolments WHERE enrolled > now() - since;
$$;

CREATE OR REPLACE VIEW course_overview AS
    SELECT c.id, c.title, count(e."user") AS enrolments
    FROM courses c LEFT JOIN enrolments e ON e.course = c.id
    GROUP BY c.id, c.title;

CREATE INDEX enrolments_user ON enrolments ("user");

CREATE TABLE tenant_globex.flyway_schema_history (
    installed_rank integer NOT NULL CONSTRAINT flyway_schema_history_pk PRIMARY KEY,
    version varchar(50), description varchar(200) NOT NULL, type varchar(20) NOT NULL, script varchar(1000) NOT NULL, checksum integer,
    installed_by varchar(100) NOT NULL, installed_on timestamp NOT NULL DEFAULT now(), execution_time integer NOT NULL, success boolean NOT NULL
);
CREATE INDEX flyway_schema_history_s_idx ON tenant_globex.flyway_schema_history (success);
INSERT INTO tenant_globex.flyway_schema_history (installed_rank, version, description, type, script, checksum, installed_by, execution_time, success) VALUES
    (1, '1', 'courses', 'SQL', 'V1__courses.sql', 1703492200, 'flyway', 7, true),
    (2, '2', 'enrolments', 'SQL', 'V2__enrolments.sql', -1541934593, 'flyway', 7, true),
    (3, NULL, 'course overview', 'SQL', 'R__course_overview.sql', -914425519, 'flyway', 7, true),
    (4, '3', 'enrolments by user', 'SQL', '2026/V3__enrolments_by_user.sql', 1964858525, 'flyway', 7, true);
