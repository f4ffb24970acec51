-- The writer owns everything; the API and analysts read through a role of their own, named like the database. It may be
-- made later by an administrator, so this runs at every start; it grants only where something is missing.
DO $$
DECLARE
    reader text := current_database() || '_reader';
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = reader) THEN
        EXECUTE format('CREATE ROLE %I NOLOGIN', reader);
    END IF;
    IF EXISTS (
        SELECT FROM pg_class c
        WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v')
          AND NOT has_table_privilege(reader, c.oid, 'SELECT')
    ) THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), reader);
        EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA %I TO %I', current_schema(), reader);
        EXECUTE format('ALTER DEFAULT PRIVILEGES IN SCHEMA %I GRANT SELECT ON TABLES TO %I', current_schema(), reader);
    END IF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'role % must be made by an administrator: %', reader, SQLERRM;
END $$;
