-- A database as products come to have it: a schema that all share, and one for each of twelve customers, made by a script
-- that was changed over the years and mended by hand in between.

CREATE SCHEMA identity;
CREATE TABLE identity.users (
	id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
	email text NOT NULL UNIQUE
);

DO $do$
DECLARE customer text;
BEGIN
	FOREACH customer IN ARRAY ARRAY['acme', 'cyberdyne', 'globex', 'hooli', 'initech', 'piedpiper', 'soylent', 'stark', 'tyrell', 'umbrella', 'wayne', 'wonka'] LOOP
		EXECUTE format('CREATE SCHEMA tenant_%s', customer);
		EXECUTE format('SET LOCAL search_path = tenant_%s, public', customer);
		CREATE DOMAIN slug AS text CHECK (VALUE ~ '^[a-z0-9-]+$');
		CREATE TYPE visibility AS ENUM ('draft', 'public');
		CREATE TABLE courses (
			id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
			owner uuid NOT NULL REFERENCES identity.users,
			title varchar(120) NOT NULL,
			shown visibility NOT NULL DEFAULT 'draft',
			level varchar(10) NOT NULL CHECK (level IN ('easy', 'hard')),
			position int NOT NULL,
			CONSTRAINT courses_position_key UNIQUE (position) DEFERRABLE INITIALLY DEFERRED
		);
		CREATE INDEX courses_owner_idx ON courses (owner);
		CREATE TABLE pages (id bigserial PRIMARY KEY, course bigint NOT NULL REFERENCES courses ON DELETE CASCADE, path slug NOT NULL UNIQUE);
		CREATE VIEW published AS SELECT c.id, c.title, u.email FROM courses c JOIN identity.users u ON u.id = c.owner WHERE c.shown = 'public';
		CREATE TABLE flyway_schema_history (
			installed_rank int PRIMARY KEY, version varchar(50), description varchar(200) NOT NULL, type varchar(20) NOT NULL, script varchar(1000) NOT NULL,
			checksum int, installed_by varchar(100) NOT NULL, installed_on timestamp NOT NULL DEFAULT now(), execution_time int NOT NULL, success boolean NOT NULL
		);
		INSERT INTO flyway_schema_history VALUES
			(1, '1', 'courses', 'SQL', 'V1__courses.sql', 1, 'app', now(), 9, true),
			(2, '2', 'pages', 'SQL', 'V2__pages.sql', 2, 'app', now(), 7, true);
	END LOOP;
END
$do$;

-- What happened since.
DROP INDEX tenant_hooli.courses_owner_idx;
DROP INDEX tenant_stark.courses_owner_idx;
ALTER TABLE tenant_umbrella.courses ADD COLUMN hotfix text;
ALTER TABLE tenant_wonka.pages ALTER COLUMN course DROP NOT NULL;
ALTER TABLE tenant_wonka.courses ALTER COLUMN shown SET DEFAULT 'public';
