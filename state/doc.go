// Package state reads tenants.yaml: which tenants exist, and which schemas
// they come to. Its short form is the whole file for most people:
//
//	tenants: [acme, globex]
//
// Everything else has a default; that of the services is the caller's to give,
// see Options. In full:
//
//	version: 1                          # the version of this format
//	databases:                          # without it one, "main", whose URL the caller knows
//	  main: {url: "${DATABASE_URL}"}    # either url
//	  eu:   {url_file: /run/secrets/eu} # or a file that holds it
//	shared: [identity]                  # services that exist once per database
//	defaults:
//	  database: main                    # "main", or the only database there is
//	  schema: "tenant_{id}"             # {id} and {service} are the placeholders
//	  services: [community, learn]      # what a tenant has that lists none
//	  access:                           # which roles may use the schemas; without it, nobody looks after that
//	    app_rw: read_write              # read_only, read_write
//	    etl: [select, insert]           # or some of select, insert, update, delete, truncate, references,
//	                                    # trigger (tables), usage (sequences), execute (functions), create
//	  role: "t_{id}"                    # a role of each tenant's own, which may read and write in its schema
//	policy:
//	  destructive: deny                 # deny | if-empty | allow
//	  lock_timeout: 3s                  # 1ms to 1h
//	  parallelism: 4                    # 1 to 64
//	  max_failures: 5                   # 1 and more
//	  drift: heal                       # heal | report
//	  retire_after: 30d                 # 0d to 3650d, or hours: how long what is retired is kept
//	  archive: /backup                  # a folder that what is purged is dumped to first
//	  max_removals: 0                   # retirements and renames in one run
//	  end_sessions: false               # end sessions of a tenant's own role when it is suspended or retired
//	  max_changes: 500                  # schemas that one run may touch; without it, any number
//	rollout:                            # waves, in order; the last takes whoever is left
//	  - match: {ring: canary}           # either labels that a tenant must carry
//	    pause: 5m                       # before the next wave, 1ms to 24h
//	    check: SELECT count(*) > 0 FROM users # must be true of each of its tenants by then
//	    max_failures: 1                 # 1 and more; without it what the policy says
//	  - count: 10                       # or a number of those that are left
//	  - percent: 100                    # or a share of all tenants, 1 to 100
//	allow_empty: false                  # whether an empty list of tenants is meant
//	from:                               # more tenants: one source, or a list of them
//	  database: main
//	  query: "SELECT slug AS id, plan FROM organisations WHERE active"
//	  notify: tenants                   # the channel that tells of changes
//	  every: 10s                        # look so often in any case, 100ms to 24h
//	tenants:
//	  - acme                            # an id is enough
//	  - id: globex
//	    name: Globex Corporation
//	    services: [community]
//	    database: eu
//	    schema: globex_live
//	    labels: {plan: gold}            # what rollouts and selectors match
//	    vars: {region: eu}              # HCL input variables
//	    access: {app_rw: read_write}    # in place of that of the defaults; {} for nobody
//	    role:
//	      name: "t_{id}"
//	      access: read_only             # in the tenant's schema; read_write without it
//	      password_file: "/run/t_{id}"  # it may log in; without one it may not
//	      password_command: [pass, t]   # or what a command prints
//	    state: active                   # active | suspended | retired
//	    protected: true                 # neither retired nor purged, and nothing destroyed
//	    was: globex_old                 # the id that it had before
//	    forget: false                   # leave its schemas, and manage them no more
//	    moved: false                    # its rows have been moved here from another database
//	    adopt: false                    # take its schemas over, though they were never managed
//
// # Names
//
// The id of a tenant has letters, digits, "_" and "-", begins with a letter or
// a digit and has at most 63 bytes. Two ids that differ only in case are
// refused. Services and databases are letters, digits, "_" and "-", beginning
// with a letter or "_", and so are the names of vars, of which "schema" is
// taken. Labels may have "." and "/" inside as well.
//
// A schema's name has 1 to 63 bytes of printable text without quotes,
// backslashes and braces. It does not begin with "pg_" or "tenantry_", in
// whatever case, and is not "information_schema" or "tenantry"; a tenant's is
// not "public" either. No two targets of one database come to the same schema.
// A template with {service} makes a schema per service; one without holds all
// services of its tenant in one schema.
//
// # Sources
//
// A source is a query, whose rows are tenants beside those of the list. Columns
// that are called as fields of a tenant are that: id, name, services (an array,
// or a text parted by commas), database, schema, labels and vars (JSON objects),
// state, protected. Every other column is a label. What is null is not there. A
// tenant that is in the list is what the list says. A row that cannot be a tenant
// is left out and reported, and keeps no other from being used. With a source
// the list may be empty, or not there.
//
// # Text
//
// The file is UTF-8, with or without a byte-order mark, of at most 64 MiB.
//
// What a person typed is what they mean, as long as every YAML reader agrees
// what it is. So an unquoted 12 is the text "12"; an unquoted yes, on, true,
// 0123, 1e3, 0x10, 1_000, .5 or 2024-01-02 is an error that asks for quotes,
// and so is nothing at all (null, ~). Where any text will do, in the values of
// labels, vars and match, true and false and decimal numbers such as -1.5 are
// taken as they are written too. Only vars may have line breaks.
//
// ${NAME} in the url and url_file of a database is replaced by that environment
// variable, which must be set; $$ is a dollar; any other $ stays. Nowhere else
// does a dollar mean anything.
//
// # What it is not
//
// Of YAML it takes mappings, lists and scalars, and aliases within bounds:
// 100,000 nodes reached through them, none reaching itself. It refuses tags
// other than !!str, merge keys (<<), keys that are not text, several documents
// and unknown or repeated fields. Fields have no second spelling.
//
// The package knows nothing of HCL, of what services hold, or of connections
// to a database. Whether a service exists it asks the caller, who knows; see
// Options.
package state
