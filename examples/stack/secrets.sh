#!/bin/sh
# Makes the secrets of the stack, where there are none yet: files in examples/stack/secrets, which git does not see. The
# containers' users read them, so they are readable; the folder is not.
set -eu

cd "$(dirname "$0")"
mkdir -p secrets
chmod 700 secrets
random() { od -An -N24 -tx1 /dev/urandom | tr -d ' \n'; }
if [ ! -e secrets/database_password ]; then
	password=$(random)
	printf '%s\n' "$password" >secrets/database_password
	printf 'postgres://postgres:%s@database:5432/postgres\n' "$password" >secrets/database_url
fi
[ -e secrets/grafana_password ] || random >secrets/grafana_password
if [ ! -e secrets/runbook_tokens ]; then
	token=$(random)
	printf 'operator me %s\n' "$token" >secrets/runbook_tokens
	echo "the runbook's token: $token"
fi
chmod 644 secrets/*
