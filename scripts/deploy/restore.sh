#!/bin/sh
# Puts the database of a backup into the place of a running deployment's.
#
#   scripts/deploy/restore.sh FILE
#
# The backup is read into a database of its own first; where that fails nothing else happens. Then
# worker and beat stop, the two databases change their names, the schema is brought up to date, and
# worker and beat start again. Web goes on accepting meanwhile. The database from before stays as
# `profilecenter_before`, to be compared and dropped; one that is left from the last restore stops
# this script.
set -eu
file=${1:?usage: scripts/deploy/restore.sh FILE}
say() { echo "restore: $*" >&2; }
fail() { say "$*"; exit 1; }
sql() { docker compose exec -T postgres psql --username profilecenter --dbname postgres \
    --quiet --no-psqlrc --tuples-only --set ON_ERROR_STOP=1 "$@"; }
[ -s "$file" ] || fail "$file is not there, or empty"
if sql --command "SELECT 1 FROM pg_database WHERE datname = 'profilecenter_before'" | grep -q 1; then
    fail "profilecenter_before is there from the last restore: look at it, then DROP DATABASE it"
fi
say "reading $file into a database of its own"
sql --command "DROP DATABASE IF EXISTS profilecenter_restored" \
    --command "CREATE DATABASE profilecenter_restored"
docker compose exec -T postgres pg_restore --username profilecenter \
    --dbname profilecenter_restored --no-owner --exit-on-error <"$file" ||
    fail "the backup could not be read; nothing was changed"
say "changing the databases; nothing is sent meanwhile"
docker compose stop worker beat
sql <<'SQL'
ALTER DATABASE profilecenter ALLOW_CONNECTIONS false;
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'profilecenter';
ALTER DATABASE profilecenter RENAME TO profilecenter_before;
ALTER DATABASE profilecenter_restored RENAME TO profilecenter;
ALTER DATABASE profilecenter_before ALLOW_CONNECTIONS true;
SQL
docker compose run --rm --no-deps migrate
docker compose start worker beat
say "done. What was there before is the database profilecenter_before"
