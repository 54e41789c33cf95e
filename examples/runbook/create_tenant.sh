#!/bin/sh
# Provisions a tenant, waits until it is ready, and prints it:
#
#	create_tenant.sh acme
#	create_tenant.sh acme "Acme Corporation" plan=gold region=eu
#
# What follows the name are labels. Once more is no mistake: a tenant that is so already is only printed. The variables and the
# exit codes are those of runbook_api.sh.
set -eu

if [ $# -lt 1 ]; then
	echo "usage: create_tenant.sh ID [NAME [LABEL=VALUE…]]" >&2
	exit 64
fi

# quoted prints a text as JSON has it.
quoted() { printf '"%s"' "$(printf %s "$1" | tr -d '\000-\037' | sed 's/\\/\\\\/g; s/"/\\"/g')"; }

id=$1
body="{\"name\": $(quoted "${2:-}")"
shift "$(($# < 2 ? $# : 2))"
if [ $# -gt 0 ]; then
	labels=
	for label in "$@"; do
		case $label in
		?*=*) labels="$labels${labels:+, }$(quoted "${label%%=*}"): $(quoted "${label#*=}")" ;;
		*)
			echo "create_tenant.sh: $label is not of the form LABEL=VALUE" >&2
			exit 64
			;;
		esac
	done
	body="$body, \"labels\": {$labels}"
fi
exec sh "$(dirname "$0")/runbook_api.sh" PUT "/tenants/$id?wait=true" "$body}"
