CREATE TABLE plans (
    name text PRIMARY KEY
);
INSERT INTO plans VALUES ('free'), ('paid');

CREATE TABLE courses (
    id    bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    title text NOT NULL,
    owner bigint NOT NULL REFERENCES identity.users,
    plan  text NOT NULL DEFAULT '${default_plan}' REFERENCES plans
);
