#!/bin/sh
# Asks the API of reconcile serve for something, and prints the answer:
#
#	runbook_api.sh GET /tenants
#	runbook_api.sh POST /tenants/acme/reconcile?wait=true '{"destructive": false}'
#
#	TENANTRY_URL          where it is; http://127.0.0.1:8250 where it is not set
#	TENANTRY_TOKEN_FILE   the file with the token, where one is needed
#
# What was refused goes to stderr, and the exit code is 1; it is 75 where the server said that it is not done yet. A server that
# is busy is asked again for a while.
set -eu

if [ $# -lt 2 ] || [ $# -gt 3 ]; then
	echo "usage: runbook_api.sh METHOD PATH [BODY]" >&2
	exit 64
fi
url=${TENANTRY_URL:-http://127.0.0.1:8250}/api/v1$2
answer=$(mktemp)
trap 'rm -f "$answer"' EXIT

# The token goes by a file of curl's own, and so not into the list of processes.
secret() {
	if [ -n "${TENANTRY_TOKEN_FILE:-}" ]; then
		printf 'header = "Authorization: Bearer %s"\n' "$(cat "$TENANTRY_TOKEN_FILE")"
	fi
}

set -- --silent --show-error --config - --request "$1" --output "$answer" --write-out '%{http_code}' --retry 5 --retry-max-time 60 --max-time 90 \
	${3+--header "Content-Type: application/json" --data-binary "$3"} "$url"
status=$(secret | curl "$@") || {
	echo "runbook_api.sh: $url does not answer" >&2
	exit 1
}
case $status in
202)
	cat "$answer"
	exit 75
	;;
2*) cat "$answer" ;;
*)
	echo "runbook_api.sh: $status: $(cat "$answer")" >&2
	exit 1
	;;
esac
