#!/bin/sh
# Retires a tenant: its schema is put aside under another name, and kept until reconcile purge drops it when its time is over.
# Until then suspend_tenant.sh --end brings it back. So that it is not done by a slip, the id is said twice.
#
#	retire_tenant.sh acme acme
#
# The variables and the exit codes are those of runbook_api.sh.
set -eu

if [ $# -ne 2 ] || [ "$1" != "$2" ]; then
	echo "usage: retire_tenant.sh ID ID" >&2
	exit 64
fi
exec sh "$(dirname "$0")/runbook_api.sh" POST "/tenants/$1/retire?wait=true" '{}'
