#!/bin/bash
# Backups of the database on a schedule: the service `backup` of docker-compose.yml, in an image of
# PostgreSQL with GnuPG.
#
#   schedule            one every BACKUP_MINUTES; the BACKUP_KEEP newest stay; a row in the database
#                       says when the last one was completed, for the alarm
#   once                one now
#   list                their names, the newest last
#   cat NAME            write one to standard output
#   drill [NAME]        read the newest, or this one, into a second database, compare, remove it
#   drill - BOOKS       the same with a backup from standard input
#   stop                no alarm any more that the schedule is not kept
#   healthy             whether the newest is young enough
#
# A backup is what pg_dump writes (custom format). Beside it are its books: of each table the number
# of its rows and a sum over them, counted in the snapshot that pg_dump has read. With a public key
# in BACKUP_KEY_FILE it is encrypted for that key, which cannot decrypt it.
set -euo pipefail
umask 077

FOLDER=${BACKUP_FOLDER:-/backups}
MINUTES=${BACKUP_MINUTES:-360}
KEEP=${BACKUP_KEEP:-28}
RETRY=300 # seconds after a failure
DRILL=profilecenter_drill
export PGHOST=${PGHOST:-postgres} PGUSER=profilecenter PGDATABASE=profilecenter
# Waiting for a lock would keep a migration waiting.
export PGOPTIONS="-c lock_timeout=60s"
if [ -n "${PGPASSWORD_FILE:-}" ]; then
    PGPASSWORD=$(cat "$PGPASSWORD_FILE")
    export PGPASSWORD
fi

say() { echo "backup: $*" >&2; }
fail() { say "$*"; exit 1; }
sql() { psql --quiet --no-psqlrc --tuples-only --no-align --set ON_ERROR_STOP=1 "$@"; }
names() { (cd "$FOLDER" && find . -maxdepth 1 -name 'requests-*.dump*' ! -name '*.books' ! -name '*.part' -printf '%f\n' | sort); }
newest() { names | tail -n 1; }
age() { echo $(($(date +%s) - $(stat --format %Y "$FOLDER/$1"))); }

# The statement that counts the rows of every table: name, number, sum of hashes.
BOOKS="SELECT string_agg(format(
    'SELECT %L, count(*), coalesce(sum(hashtextextended(t::text, 0)), 0) FROM public.%I t',
    relname, relname), ' UNION ALL ' ORDER BY relname)
  FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace \\gexec"

# A file with nothing but a line's end counts as not there.
has_key() { grep -q . "${BACKUP_KEY_FILE:-/nonexistent}" 2>/dev/null; }

encrypted() {
    if has_key; then
        GNUPGHOME=$(mktemp --directory)
        export GNUPGHOME
        gpg --batch --quiet --no-options --trust-model always --compress-algo none \
            --recipient-file "$BACKUP_KEY_FILE" --encrypt
    else
        cat
    fi
}

# Runs in the session of psql below, which keeps the snapshot open that pg_dump reads.
dump() { pg_dump --format custom --snapshot "$SNAPSHOT" | encrypted >"$PART"; }

once() {
    [ -d "$FOLDER" ] || fail "there is no folder $FOLDER"
    find "$FOLDER" -maxdepth 1 -name 'requests-*.part' -delete
    local name ending=
    ! has_key || ending=.gpg
    name=requests-$(date -u +%Y%m%dT%H%M%SZ).dump$ending
    export PART="$FOLDER/$name.part"
    sql >"$FOLDER/$name.books.part" <<SQL
BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
SET LOCAL TimeZone = 'UTC';
SELECT pg_export_snapshot() AS snapshot \\gset
\\setenv SNAPSHOT :snapshot
\\! "$BASH" "$0" dump
\\if :SHELL_ERROR
DO \$\$ BEGIN RAISE 'pg_dump failed'; END \$\$;
\\endif
$BOOKS
COMMIT;
SQL
    [ -s "$PART" ] && [ -s "$FOLDER/$name.books.part" ] || fail "a file is empty"
    [ -n "$ending" ] || pg_restore --list "$PART" >/dev/null
    sync "$PART"
    mv "$FOLDER/$name.books.part" "$FOLDER/$name.books"
    mv "$PART" "$FOLDER/$name"
    say "$name: $(stat --format %s "$FOLDER/$name") bytes"
    names | head --lines "-$KEEP" | while read -r old; do
        rm -f "$FOLDER/$old" "$FOLDER/$old.books"
        say "$old is removed"
    done
    # Also by hand: the alarm ends. Without a schedule there is no row.
    sql --command "UPDATE unsub_backupschedule SET completed_at = now()"
}

begin() { # that there is a schedule
    sql --command "INSERT INTO unsub_backupschedule (id, every_seconds, began_at)
        VALUES (1, $((MINUTES * 60)), now())
        ON CONFLICT (id) DO UPDATE SET every_seconds = excluded.every_seconds"
}

schedule() {
    trap 'exit 0' TERM INT
    local wait_for last
    while :; do
        begin || say "the database does not answer"
        last=$(newest)
        wait_for=0
        [ -z "$last" ] || wait_for=$((MINUTES * 60 - $(age "$last")))
        if [ "$wait_for" -le 0 ]; then
            # In a process of its own, so that a failure does not end this one.
            if "$BASH" "$0" once; then
                continue
            fi
            say "failed; again in $RETRY seconds"
            wait_for=$RETRY
        fi
        sleep "$wait_for" &
        wait $!
    done
}

drill() {
    local name=${1:-} books=${2:-}
    [ -n "$name" ] || name=$(names | grep -v '\.gpg$' | tail -n 1) || true
    [ -n "$name" ] || fail "there is no backup that is not encrypted"
    [ "${name%.gpg}" = "$name" ] || fail "decrypt it where its key is; read the description of this script"
    [ "$name" = - ] || books=${books:-$name.books}
    [ -s "$FOLDER/$books" ] || fail "there are no books $books"
    trap 'sql --dbname postgres --command "DROP DATABASE IF EXISTS $DRILL WITH (FORCE)"' EXIT
    sql --dbname postgres --command "DROP DATABASE IF EXISTS $DRILL WITH (FORCE)" \
        --command "CREATE DATABASE $DRILL"
    {
        if [ "$name" = - ]; then cat; else cat "$FOLDER/$name"; fi
    } | pg_restore --dbname "$DRILL" --no-owner --no-privileges --exit-on-error
    printf "SET TimeZone = 'UTC';\n%s\n" "$BOOKS" | sql --dbname "$DRILL" >/tmp/restored
    if diff "$FOLDER/$books" /tmp/restored >&2; then
        say "$name can be restored: $(wc -l </tmp/restored) tables," \
            "$(awk -F'|' '{ n += $2 } END { print n + 0 }' /tmp/restored) rows, all as they were"
    else
        fail "$name was restored and is not what it was (< then, > restored: table, rows, sum)"
    fi
}

healthy() {
    local last
    last=$(newest)
    [ -n "$last" ] && [ "$(age "$last")" -lt $((MINUTES * 90)) ]
}

case "${1:-}" in
    schedule | once | dump | healthy) "$1" ;;
    list) names ;;
    cat) cat "$FOLDER/${2:?the name of a backup, from list}" ;;
    drill) drill "${2:-}" "${3:-}" ;;
    stop) sql --command "DELETE FROM unsub_backupschedule" ;;
    *) fail "schedule, once, list, cat NAME, drill [NAME], drill - BOOKS, stop or healthy" ;;
esac
