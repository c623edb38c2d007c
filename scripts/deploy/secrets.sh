#!/bin/sh
# Creates the files in secrets/ that docker-compose.yml mounts. Existing files are not changed.
#
#   scripts/deploy/secrets.sh
#
# Secrets get random values; files whose values only you know are created empty, which counts as not
# set. Fill in at least link_keys and sfmc_client_secret afterwards.
set -eu
cd "$(dirname "$0")/../.."
umask 077
mkdir -p secrets
chmod 700 secrets

random() { od -An -N40 -tx1 /dev/urandom | tr -d ' \n'; }
# put NAME VALUE: writes the file unless it exists.
put() {
    if [ ! -e "secrets/$1" ]; then
        printf '%s\n' "$2" >"secrets/$1"
        echo "made secrets/$1${3:+: $3}"
    fi
}

put secret_key "$(random)"
put digest_keys "{\"1\": \"$(random)\"}"
put database_password "$(random)"
# migrate runs as the owner of the tables, everything else as a role that migrate creates.
put database_owner_url "postgres://profilecenter:$(cat secrets/database_password)@postgres:5432/profilecenter"
put database_url "postgres://profilecenter_run:$(random)@postgres:5432/profilecenter"
put redis_conf "requirepass $(random)"
put redis_url "redis://:$(sed -n 's/^requirepass //p' secrets/redis_conf)@redis:6379/0"
put cache_url "redis://:$(sed -n 's/^requirepass //p' secrets/redis_conf)@cache:6379/0"
put grafana_password "$(random)"
put link_keys '{}' 'write the key of Key Management into it, {"*": ["the key"]}'
put sfmc_client_secret '' 'write the client secret of the installed package into it'
for name in secret_key_fallbacks sfmc_password email_url oidc_client_secret alert_webhook_secret \
    rabbitmq_url replica_database_url export_url export_sftp_key tls_certificate tls_key backup_key \
    pip.conf ca.pem; do
    put "$name" '' 'empty; only where you need it'
done
# Only the owner can enter the folder; in the containers another user has to read the files.
chmod 644 secrets/*
