#!/bin/sh
# Suspends a tenant: nobody may use it, and its data stays. With --end it is used again.
#
#	suspend_tenant.sh acme
#	suspend_tenant.sh --end acme
#
# The variables and the exit codes are those of runbook_api.sh.
set -eu

action=suspend
if [ "${1:-}" = --end ]; then
	action=resume
	shift
fi
if [ $# -ne 1 ]; then
	echo "usage: suspend_tenant.sh [--end] ID" >&2
	exit 64
fi
exec sh "$(dirname "$0")/runbook_api.sh" POST "/tenants/$1/$action?wait=true" '{}'
