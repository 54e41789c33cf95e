#!/bin/sh
# The stack without containers: a database, the portal, and reconcile serve.
#
#	sh examples/stack/run-local.sh            runs until it is interrupted
#	sh examples/stack/run-local.sh --check    signs an organisation up by the portal's form, shows its tenant, and ends
#
# DATABASE_URL names a database of your own, whose user may create schemas in it and roles. Without it the PostgreSQL of
# reconcile db is started. Needs Go and curl.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
work=$(mktemp -d)
chmod 711 "$work" # for root, the user of PostgreSQL has to pass through
started=
finish() {
	for pid in $started; do
		kill "$pid" 2>/dev/null || :
		wait "$pid" 2>/dev/null || :
	done
	rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT TERM

fail() {
	echo "run-local.sh: $1" >&2
	cat "$work"/*.log >&2 2>/dev/null || :
	exit 1
}

# until_says waits until a file has a line of that form, and prints it.
until_says() {
	n=0
	until grep -o "$2" "$1" 2>/dev/null; do
		n=$((n + 1))
		[ "$n" -lt 600 ] || fail "$1 never says $2"
		sleep 0.1
	done
}

(cd "$root" && go build -o "$work/reconcile" ./cmd/reconcile && go build -o "$work/portal" ./examples/stack/portal)

umask 077
if [ -n "${DATABASE_URL:-}" ]; then
	printf '%s\n' "$DATABASE_URL" >"$work/database_url"
	unset DATABASE_URL # or every child would have it
else
	: >"$work/tenants.yaml" # beside which reconcile db keeps its data
	"$work/reconcile" db --file "$work/tenants.yaml" >"$work/database_url" 2>"$work/db.log" &
	started="$! $started"
	until_says "$work/database_url" 'postgres.*' >/dev/null
fi
token=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
printf 'operator local %s\n' "$token" >"$work/tokens"
printf '%s\n' "$token" >"$work/token"

DATABASE_URL_FILE="$work/database_url" LISTEN="${PORTAL_LISTEN:-127.0.0.1:0}" "$work/portal" >"$work/portal.log" 2>&1 &
started="$! $started"
portal=http://$(until_says "$work/portal.log" 'listening on .*' | sed 's/listening on //')

"$work/reconcile" serve --file "$here/tenants.yaml" --config "$root/atlas.hcl" --database-url-file "$work/database_url" \
	--tokens "$work/tokens" --listen "${RUNBOOK_LISTEN:-127.0.0.1:0}" >"$work/serve.log" 2>&1 &
started="$! $started"
runbook=$(until_says "$work/serve.log" 'http://[0-9.:]*')

if [ "${1:-}" != --check ]; then
	echo "the portal:  $portal"
	echo "the runbook: $runbook, where the token is $token"
	wait
fi

n=0
until curl --silent --fail --output /dev/null "$runbook/readyz"; do
	n=$((n + 1))
	[ "$n" -lt 600 ] || fail "the runbook is never ready"
	sleep 0.1
done
answer=$(curl --silent --show-error --data-urlencode "name=Acme Corporation" --data slug=acme "$portal/")
case $answer in
*"acme is ready"*) echo "$answer" | sed -n 's/.*<p>\(acme is ready.*\)<\/p>.*/\1/p' ;;
*) fail "the portal says $answer" ;;
esac

# The portal knows as soon as the tenant is there, the runbook when the run that has made it ends.
n=0
until tenant=$(TENANTRY_URL=$runbook TENANTRY_TOKEN_FILE=$work/token sh "$root/examples/runbook/runbook_api.sh" GET /tenants/acme) &&
	case $tenant in *'"ready":true'*) ;; *) false ;; esac do
	n=$((n + 1))
	[ "$n" -lt 600 ] || fail "the runbook says $tenant"
	sleep 0.1
done
echo "$tenant"
