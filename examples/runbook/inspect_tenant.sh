#!/bin/sh
# Prints what there is to know of a tenant: how it is, how it differs from its definition at this moment, the SQL that would mend
# that, and what was done to it last.
#
#	inspect_tenant.sh acme
#
# The variables are those of runbook_api.sh.
set -eu

if [ $# -ne 1 ]; then
	echo "usage: inspect_tenant.sh ID" >&2
	exit 64
fi
api=$(dirname "$0")/runbook_api.sh
for what in "" /diff /sql "/history?limit=5"; do
	echo "== ${what:-/tenants/$1}"
	sh "$api" GET "/tenants/$1$what"
	echo
done
