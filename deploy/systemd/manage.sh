#!/bin/sh
# Runs a command of manage.py with the settings and secrets of the units, as their user. Start it as
# root, who alone can read the secrets.
#
#   /srv/profilecenter/current/deploy/systemd/manage.sh check --deploy --database default
set -eu
CONFIG=${CONFIG:-/etc/profilecenter}
CODE=${CODE:-/srv/profilecenter/current}

set -a
. "$CONFIG/settings.env"
[ ! -f "$CODE/release.env" ] || . "$CODE/release.env"
set +a
for name in secret_key secret_key_fallbacks link_keys digest_keys database_url redis_url cache_url \
    sfmc_client_secret sfmc_password email_url oidc_client_secret alert_webhook_secret; do
    variable=$(echo "$name" | tr '[:lower:]' '[:upper:]')
    export "$variable=$(cat "$CONFIG/secrets/$name")"
done
cd "$CODE"
drop=
if [ "$(id -u)" = 0 ]; then
    user=${RUN_AS:-profilecenter}
    drop="setpriv --reuid=$user --regid=$(id -g "$user") --clear-groups --no-new-privs --"
fi
exec $drop venv/bin/python manage.py "$@"
