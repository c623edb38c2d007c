#!/bin/sh
# Runs a command of manage.py with the settings and secrets of the units, as their user. Start it as
# root, who alone can read the secrets.
#
#   /srv/profilecenter/current/deploy/systemd/manage.sh check --deploy --database default
set -eu
CONFIG=${CONFIG:-/etc/profilecenter}
CODE=${CODE:-/srv/profilecenter/current}

# As systemd reads it: a shell would run what stands behind a blank or a & of a value.
read_settings() {
    while read -r line || [ -n "$line" ]; do
        case "$line" in '' | '#'* | ';'*) continue ;; esac
        value=${line#*=}
        case "$value" in
            \'*\') value=${value#\'} value=${value%\'} ;;
            \"*\") value=${value#\"} value=${value%\"} ;;
        esac
        export "${line%%=*}=$value"
    done <"$1"
}

read_settings "$CONFIG/settings.env"
[ ! -f "$CODE/release.env" ] || read_settings "$CODE/release.env"
for name in secret_key secret_key_fallbacks link_keys digest_keys database_url redis_url cache_url \
    sfmc_client_secret sfmc_password email_url oidc_client_secret alert_webhook_secret \
    rabbitmq_url replica_database_url export_url export_sftp_key; do
    variable=$(echo "$name" | tr '[:lower:]' '[:upper:]')
    value=$(cat "$CONFIG/secrets/$name")
    # Where a file is empty, the variable of the same name in the settings counts.
    [ -z "$value" ] || export "$variable=$value"
done
cd "$CODE"
drop=
if [ "$(id -u)" = 0 ]; then
    user=${RUN_AS:-profilecenter}
    drop="setpriv --reuid=$user --regid=$(id -g "$user") --clear-groups --no-new-privs --"
fi
exec $drop venv/bin/python manage.py "$@"
