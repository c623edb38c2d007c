#!/bin/sh
# Replaces the database of a running deployment by a backup.
#
#   scripts/deploy/restore.sh FILE
#
# First reads the backup into a new database; if that fails, nothing else happens. Then stops worker
# and beat, swaps the names of the two databases, migrates, repeats what the backup does not know of
# erasures and of unsubscribes that were undone, puts the hold on changes and emails in force, and
# starts worker and beat. Web accepts requests all the time. The former database stays as
# `profilecenter_before`, to be compared and dropped; if one is left from an earlier restore, this
# script stops.
set -eu
file=${1:?usage: scripts/deploy/restore.sh FILE}
say() { echo "restore: $*" >&2; }
fail() { say "$*"; exit 1; }
sql_in() {
    database=$1
    shift
    docker compose exec -T postgres psql --username profilecenter --dbname "$database" \
        --quiet --no-psqlrc --tuples-only --no-align --set ON_ERROR_STOP=1 "$@"
}
sql() { sql_in postgres "$@"; }
[ -s "$file" ] || fail "$file does not exist or is empty"
if sql --command "SELECT 1 FROM pg_database WHERE datname = 'profilecenter_before'" | grep -q 1; then
    fail "profilecenter_before exists from an earlier restore: check it, then drop it"
fi
say "reading $file into a new database"
sql --command "DROP DATABASE IF EXISTS profilecenter_restored" \
    --command "CREATE DATABASE profilecenter_restored"
docker compose exec -T postgres pg_restore --username profilecenter \
    --dbname profilecenter_restored --no-owner --no-privileges --exit-on-error <"$file" ||
    fail "the backup could not be read; nothing was changed"
say "swapping the databases; nothing is sent meanwhile"
docker compose stop worker beat
sql <<'SQL'
ALTER DATABASE profilecenter ALLOW_CONNECTIONS false;
SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'profilecenter';
ALTER DATABASE profilecenter RENAME TO profilecenter_before;
ALTER DATABASE profilecenter_restored RENAME TO profilecenter;
ALTER DATABASE profilecenter_before ALLOW_CONNECTIONS true;
SQL
docker compose run --rm --no-deps migrate
# Keyed digests of erased subscribers: who was erased after the backup was made is in it in clear.
columns='unit_id, digest, erased_at'
if [ -n "$(sql_in profilecenter_before --command "SELECT to_regclass('unsub_erasedidentifier')")" ]; then
    say "copying the list of erased subscribers from the former database"
    erased=$(sql_in profilecenter_before --command \
        "COPY (SELECT $columns FROM unsub_erasedidentifier) TO STDOUT")
    sql_in profilecenter <<SQL
CREATE TEMPORARY TABLE erased AS SELECT $columns FROM unsub_erasedidentifier LIMIT 0;
COPY erased ($columns) FROM STDIN;
${erased:+$erased
}\\.
INSERT INTO unsub_erasedidentifier ($columns) SELECT $columns FROM erased ON CONFLICT DO NOTHING;
SQL
fi
# An unsubscribe that was open in the backup and that its person has undone since would be sent.
if [ -n "$(sql_in profilecenter_before --command "SELECT to_regclass('unsub_subscriberrequest')")" ]; then
    say "withdrawing what was undone after the backup"
    since=$(sql_in profilecenter --command \
        "SELECT coalesce(max(received_at), '-infinity') - interval '5 minutes' FROM unsub_subscriberrequest")
    columns='id, received_at, finished_at'
    undone=$(sql_in profilecenter_before --command "COPY (SELECT $columns FROM unsub_subscriberrequest
        WHERE status = 'withdrawn' AND finished_at > '$since') TO STDOUT")
    sql_in profilecenter <<SQL
CREATE TEMPORARY TABLE undone AS SELECT $columns FROM unsub_subscriberrequest LIMIT 0;
COPY undone ($columns) FROM STDIN;
${undone:+$undone
}\\.
UPDATE unsub_subscriberrequest AS r SET status = 'withdrawn', finished_at = undone.finished_at
FROM undone WHERE r.id = undone.id AND r.received_at = undone.received_at AND r.status = 'pending';
SQL
fi
docker compose run --rm --no-deps migrate python manage.py after_restore
docker compose start worker beat
say "done. The former database is profilecenter_before"
say "Changes and emails are held until you release them in the admin: Holds after a restore"
