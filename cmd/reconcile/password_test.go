package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"tenantry/internal/pgtest"
)

// A secret is a password that must not be seen anywhere; all of them have this
// in them, and nothing else has.
const secretMark = "Geheim"

func newSecret() string { return secretMark + rand.Text()[:10] }

// A place is where a user puts a URL.
type place struct {
	name string
	put  func(f folder, url string) (args, env []string)
}

const (
	envName = "SHOP_URL"
	inDev   = "dev in atlas.hcl"
)

var places = []place{
	{"environment", func(_ folder, url string) (args, env []string) { return nil, []string{"DATABASE_URL=" + url} }},
	{"flag", func(_ folder, url string) (args, env []string) { return []string{"--database-url", url}, nil }},
	{"flag's file", func(f folder, url string) (args, env []string) {
		f.write("url", url+"\n")
		return []string{"--database-url-file", "url"}, nil
	}},
	{"flag from the environment", func(_ folder, url string) (args, env []string) {
		return nil, []string{"RECONCILE_DATABASE_URL=" + url}
	}},
	{"variable in tenants.yaml", func(f folder, url string) (args, env []string) {
		f.tenants(`{url: "${` + envName + `}"}`)
		return nil, []string{envName + "=" + url}
	}},
	{"url_file in tenants.yaml", func(f folder, url string) (args, env []string) {
		f.write("url", url)
		f.tenants(`{url_file: url}`)
		return nil, nil
	}},
	{"tenants.yaml itself", func(f folder, url string) (args, env []string) {
		f.tenants("{url: '" + strings.ReplaceAll(url, "'", "''") + "'}")
		return nil, nil
	}},
	{"url in atlas.hcl", func(f folder, url string) (args, env []string) {
		f.write("atlas.hcl", "env \"app\" {\n  src = [\"file://app.hcl\"]\n  url = getenv(\""+envName+"\")\n}\n")
		return nil, []string{envName + "=" + url}
	}},
	{inDev, func(f folder, url string) (args, env []string) {
		f.write("atlas.hcl", "env \"app\" {\n  src = [\"file://app.hcl\"]\n  dev = getenv(\""+envName+"\")\n}\n")
		return nil, []string{envName + "=" + url, "DATABASE_URL=" + pgtest.URL(f.t)}
	}},
}

// badURLs are those with which nothing can work. SECRET stands for the
// password, HOST, NAME and USER for those of a database that there is.
var badURLs = []string{
	"postgres://USER:SECRET@127.0.0.1:1/shop",
	"postgresql://USER:SECRET@127.0.0.1:1,127.0.0.1:2/shop",
	"postgres://USER:SECRET@HOST/no_such_database?sslmode=disable",
	"postgres://USER:SECRET@HOST/NAME?sslmode=disable", // not the role's password
	"postgres://nobody:SECRET@HOST/NAME?sslmode=disable",
	"postgres://USER:SECRET@HOST/NAME?sslmode=require",
	"postgres://USER:SECRET@HOST/NAME?sslmode=verify-full",
	"postgres://USER:SECRET@HOST/NAME?sslmode=nonsense",
	"postgres://USER:SECRET@HOST/NAME?sslmode=verify-ca&sslrootcert=/no/such/file",
	"postgres://USER:SECRET@HOST/NAME?sslmode=disable&connect_timeout=soon",
	"postgres://USER:SECRET@HOST/NAME?sslmode=disable&target_session_attrs=whatever",
	"postgres://USER:SECRET@HOST/NAME?sslmode=disable&no_such_setting=1",
	"postgres://USER:SECRET@HOST/NAME?sslmode=disable&pool_max_conns=many",
	"postgres://USER:SECRET@HOST/NAME?sslmode=disable&options=-c%20nonsense",
	"postgres://USER:SECRET@no-such-host.invalid/NAME",
	"postgres://USER:SECRET@[::1/NAME",
	"postgres://USER:SECRET@127.0.0.1:port/NAME",
	"postgres://USER:SECRET@127.0.0.1:99999/NAME",
	"postgres://USER:SECRET@127.0.0.1:1:2/NAME",
	"postgres://USER:SECRET%zz@HOST/NAME",
	"postgres://USER:SECRET with spaces@HOST/NAME",
	"postgres://USER:p@SECRET/w@HOST/NAME",
	"postgres://USER:SECRET",
	"postgres:/USER:SECRET@HOST/NAME",
	"postgres//USER:SECRET@HOST/NAME",
	"mysql://USER:SECRET@HOST/NAME",
	"USER:SECRET@HOST/NAME",
	"SECRET",
	"postgres://HOST/NAME?user=USER&password=SECRET&sslmode=disable",
	"host=127.0.0.1 port=1 user=USER password=SECRET dbname=shop",
	"host=127.0.0.1 port=one user=USER password=SECRET",
	"host=127.0.0.1 user=USER password='SECRET",
	"host=127.0.0.1 port=1 user=USER password='a b SECRET' dbname=shop",
	"host=127.0.0.1 port=1 user=USER password = SECRET sslmode=nonsense",
	"host=/no/such/folder user=USER password=SECRET dbname=shop",
	"password=SECRET host=",
	"password=SECRET nonsense",
	"service=none servicefile=/no/such/file password=SECRET",
	"host=127.0.0.1 port=1 sslmode=verify-full sslcert=/none sslkey=/none sslpassword=SECRET",
}

// The connection string of a database reaches many hands. Whatever goes wrong,
// its password is in none of what comes out.
func TestPasswordIsNeverShownWhateverTheURL(t *testing.T) {
	good, err := url.Parse(pgtest.URL(t))
	if err != nil {
		t.Fatal(err)
	}
	watchProcesses(t)
	commands := [][]string{{}, {"-o", "json"}, {"--dry-run", "-v"}, {"status"}, {"diff", "acme"}, {"-o", "sql", "--log-format", "json"}}
	for i, bad := range badURLs {
		secret := newSecret()
		for j := range pgtest.Size(1, 2) {
			p := places[(i+4*j)%len(places)]
			args := commands[(i+j)%len(commands)]
			t.Run(fmt.Sprintf("%s in the %s", bad, p.name), func(t *testing.T) {
				t.Parallel()
				f := newFolder(t)
				filled := strings.NewReplacer("SECRET", secret, "HOST", good.Host, "NAME", good.Path[1:], "USER", good.User.Username()).Replace(bad)
				more, env := p.put(f, filled)
				needsNoDev := p.name == inDev && len(args) == 1 && args[0] == "status"
				if code := f.reconcile(append(more, args...), env); code == 0 && !needsNoDev {
					t.Error("this should have failed")
				}
			})
		}
	}
}

// With a URL that works, what goes wrong comes later, and some of it goes on
// record.
func TestPasswordIsNeverShownWhateverTheFailure(t *testing.T) {
	watchProcesses(t)
	later := []struct {
		name  string
		setup string // SQL; ROLE stands for the role
		query string // added to the URL
		then  func(f folder)
	}{
		{name: "no rights", setup: "REVOKE ALL ON DATABASE DATABASE FROM ROLE"},
		{name: "no rights to connect", setup: "REVOKE CONNECT ON DATABASE DATABASE FROM PUBLIC, ROLE"},
		{name: "a schema of somebody else", setup: "CREATE SCHEMA tenant_acme; CREATE TABLE tenant_acme.users (id bigint)"},
		{name: "a control schema of somebody else", setup: "CREATE SCHEMA tenantry; CREATE TABLE tenantry.version (version integer)"},
		{name: "a control schema of the future", setup: "CREATE SCHEMA tenantry; CREATE TABLE tenantry.version AS SELECT 99 AS version; GRANT ALL ON SCHEMA tenantry TO ROLE; GRANT ALL ON tenantry.version TO ROLE"},
		{name: "not allowed to log in", setup: "ALTER ROLE ROLE NOLOGIN"},
		{name: "a password that is over", setup: "ALTER ROLE ROLE VALID UNTIL '2000-01-01'"},
		{name: "no connection left", setup: "ALTER ROLE ROLE CONNECTION LIMIT 0"},
		{name: "one connection left", setup: "ALTER ROLE ROLE CONNECTION LIMIT 1"},
		{name: "read only", query: "&default_transaction_read_only=on"},
		{name: "no time", query: "&statement_timeout=1"},
		{name: "SQL that does not work", then: func(f folder) {
			f.edit("app.hcl", "# more of users", "check \"c\" {\n    expr = \"nothing > 1\"\n  }")
		}},
		{name: "an unknown setting", query: "&application_name=a&no.such=setting&work_mem=much"},
	}
	for i, l := range later {
		t.Run(l.name, func(t *testing.T) {
			t.Parallel()
			w := newSecretWorld(t)
			w.exec(l.setup)
			for j := range pgtest.Size(2, 3) {
				p := places[(i+2*j)%7]
				f := newFolder(t)
				if l.then != nil {
					l.then(f)
				}
				more, env := p.put(f, w.url+l.query)
				f.reconcile(append(more, [][]string{{"-v"}, {"-o", "json"}, {"status"}}[j]...), env)
				w.checkControlSchema()
			}
		})
	}
}

func TestPasswordIsNotOnRecord(t *testing.T) {
	watchProcesses(t)
	w := newSecretWorld(t)
	f := newFolder(t)
	args, env := places[0].put(f, w.url)
	if code := f.reconcile(args, env); code != 0 {
		t.Fatal("exit code", code)
	}
	w.exec("INSERT INTO tenant_acme.users VALUES (1, 'a')")
	f.edit("app.hcl", "# more of users", "column \"age\" {\n    null = false\n    type = int\n  }")
	if code := f.reconcile(args, env); code != exitFailed {
		t.Fatal("exit code", code)
	}
	w.checkControlSchema()

	// The connection is cut in the middle, and nobody may come back.
	f.edit("app.hcl", "column \"age\"", "column \"size\" {\n    null = true\n    type = int\n  }\n  column \"age\"")
	holder, err := pgx.ConnectConfig(t.Context(), w.admin.Config())
	if err != nil {
		t.Fatal(err)
	}
	defer holder.Close(context.Background())
	if _, err := holder.PgConn().Exec(t.Context(), "BEGIN; LOCK TABLE tenant_globex.users IN ACCESS SHARE MODE").ReadAll(); err != nil {
		t.Fatal(err)
	}
	cmd := f.command(append(args, "--lock-timeout", "1m"), env)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.wait("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE usename = 'ROLE' AND wait_event_type = 'Lock')")
	w.exec("ALTER ROLE ROLE NOLOGIN")
	w.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'ROLE'")
	if err := cmd.Wait(); err == nil {
		t.Error("this should have failed")
	}
	f.check(cmd, stdout.String(), stderr.String())
	w.checkControlSchema()
}

// A server that is none may answer anything.
func TestPasswordIsNeverShownWhoeverAnswers(t *testing.T) {
	watchProcesses(t)
	for name, answer := range map[string]string{
		"closes": "", "speaks HTTP": "HTTP/1.1 400 Bad Request\r\n\r\n", "is silent": "silence",
		"wants the password in the clear, and is gone": "R\x00\x00\x00\x08\x00\x00\x00\x03",
		"is broken": "E\x00\x00\x00\x05\x00", "is very broken": "E\xff\xff\xff\xff",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			go answerAll(listener, answer)
			f := newFolder(t)
			args, env := places[4].put(f, "postgres://shop:"+newSecret()+"@"+listener.Addr().String()+"/shop?sslmode=disable&connect_timeout=1")
			if code := f.reconcile(args, env); code != exitError {
				t.Error("exit code", code)
			}
		})
	}
}

func answerAll(l net.Listener, answer string) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			if answer == "silence" {
				time.Sleep(3 * time.Second)
				return
			}
			_, _ = conn.Read(make([]byte, 1024))
			_, _ = conn.Write([]byte(answer))
		}()
	}
}

// People put URLs where they do not belong. Then they are quoted back, and the
// password is left out.
func TestPasswordIsNeverShownWhereverTheURLIs(t *testing.T) {
	const arg, yaml, hcl = "arg", "tenants.yaml", "atlas.hcl"
	for _, m := range []struct{ where, text string }{
		{arg, "URL"}, {arg, "--URL"}, {arg, "--database-url-file=URL"}, {arg, "--file=URL"}, {arg, "--config=URL"}, {arg, "--output=URL"},
		{arg, "--write=URL"}, {arg, "--write=json=URL"}, {arg, "--tenant=URL"}, {arg, "--exclude=URL"}, {arg, "--selector=URL"}, {arg, "--engine=URL"},
		{arg, "--lock-timeout=URL"}, {arg, "--parallelism=URL"}, {arg, "--embedded=URL"}, {arg, "--log-format=URL"},
		{yaml, "databases: {main: {url: \"URL}}\ntenants: [acme]"}, {yaml, "databases: {main: {url: 'URL', urlfile: x}}\ntenants: [acme]"},
		{yaml, "databases: {main: {url: 'URL', url_file: x}}\ntenants: [acme]"}, {yaml, "databases: {main: 'URL'}\ntenants: [acme]"},
		{yaml, "databases: 'URL'\ntenants: [acme]"}, {yaml, "databases: ['URL']\ntenants: [acme]"}, {yaml, "databases: {'URL': {url: x}}\ntenants: [acme]"},
		{yaml, "databases: {main: {url: 'URL/${'}}\ntenants: [acme]"}, {yaml, "databases: {main: {url: 'URL/${no name}'}}\ntenants: [acme]"},
		{yaml, "databases: {main: {url: 'URL/${UNSET_VARIABLE}'}}\ntenants: [acme]"}, {yaml, "databases: {main: {url_file: 'URL'}}\ntenants: [acme]"},
		{yaml, "databases: {main: {url: ['URL']}}\ntenants: [acme]"}, {yaml, "databases: {main: {url: !!binary 'URL'}}\ntenants: [acme]"},
		{yaml, "url: 'URL'\ntenants: [acme]"}, {yaml, "tenants: ['URL']"}, {yaml, "tenants: [{id: acme, database: 'URL'}]"}, {yaml, "tenants: [{id: acme, schema: 'URL'}]"},
		{yaml, "tenants: [{id: acme, services: ['URL']}]"}, {yaml, "tenants: [{id: acme, state: 'URL'}]"}, {yaml, "policy: {lock_timeout: 'URL'}\ntenants: [acme]"},
		{yaml, "databases:\n  main:\n    url: URL\n   bad: indent\ntenants: [acme]"}, {yaml, "URL"},
		{hcl, "env \"app\" {\n  src = [\"URL\"]\n}"}, {hcl, "env \"app\" {\n  src = [\"file://URL\"]\n}"}, {hcl, "env \"app\" {\n  src = [\"file://app.hcl\"]\n  url = \"URL\n}"},
		{hcl, "env \"app\" {\n  src = [\"file://app.hcl\"] url = \"URL\"\n}"}, {hcl, "env \"app\" {\n  src = [\"file://app.hcl\"]\n  dev = \"docker://URL\"\n}"},
		{hcl, "env \"app\" {\n  src = [\"file://app.hcl\"]\n  urls = [\"URL\"]\n}"}, {hcl, "env \"URL\" {\n  src = [\"file://app.hcl\"]\n}"},
	} {
		for _, form := range []string{"postgres://shop:SECRET@127.0.0.1:1/shop", "host=127.0.0.1 port=1 user=shop password=SECRET"} {
			t.Run(m.where+" "+m.text+" "+form[:5], func(t *testing.T) {
				t.Parallel()
				f := newFolder(t)
				text := strings.ReplaceAll(m.text, "URL", strings.ReplaceAll(form, "SECRET", newSecret()))
				args := []string{"-o", "json"}
				if m.where == arg {
					args = append(args, text)
				} else {
					f.write(m.where, text+"\n")
				}
				selects := strings.HasPrefix(text, "--selector=host=") // key=value indeed
				if code := f.reconcile(args, []string{"DATABASE_URL=postgres://127.0.0.1:1/shop"}); code == 0 && !selects {
					t.Error("this should have failed")
				}
			})
		}
	}
}

// The password of the embedded server is nobody's choice, and a secret too.
func TestPasswordOfTheEmbeddedServerIsNotShown(t *testing.T) {
	dir := workdirRoot(t)
	f := folder{t: t, dir: dir}
	if err := copyWorld(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeEmbedded(t, dir) })
	postgres := filepath.Join(dir, ".tenantry", "postgres")
	if err := os.MkdirAll(postgres, 0o711); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(postgres, 0o711); err != nil {
		t.Fatal(err)
	}
	f.write(".tenantry/postgres/password", newSecret()+"\n")
	watchProcesses(t)
	for range 2 {
		if code := f.reconcile([]string{"--embedded", "-v"}, nil); code != 0 {
			t.Error("exit code", code)
		}
	}
}
