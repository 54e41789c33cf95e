CREATE TABLE sessions (
    token   uuid PRIMARY KEY,
    "user"  bigint NOT NULL REFERENCES users,
    expires timestamptz NOT NULL
);
