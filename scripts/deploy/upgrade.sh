#!/bin/sh
# Replaces a running deployment (docker-compose.yml) by another version, without downtime.
#
#   scripts/deploy/upgrade.sh [VERSION]     build this checkout as VERSION and run it
#   scripts/deploy/upgrade.sh --back        run the previous version; nothing is built
#
# VERSION defaults to `git describe`. Steps: build the image; migrate beside the running version (if
# that fails, nothing else happens); start a new web container and stop the old one once the new one
# is healthy; replace worker and beat. The versions are stored in .env, as VERSION and
# PREVIOUS_VERSION.
set -eu
cd "$(dirname "$0")/../.."
PATIENCE=${PATIENCE:-120} # seconds for a new container to become healthy

say() { echo "upgrade: $*" >&2; }
fail() { say "$*"; exit 1; }
setting() { sed -n "s/^$1=//p" .env 2>/dev/null | tail -n 1; }
# keep NAME VALUE: sets a line of .env.
keep() {
    touch .env
    { grep -v "^$1=" .env || true; printf '%s=%s\n' "$1" "$2"; } >.env.new
    cat .env.new >.env
    rm .env.new
}
healthy() { [ "$(docker inspect --format '{{.State.Health.Status}}' "$1")" = healthy ]; }

old=$(setting VERSION)
old=${old:-local}
if [ "${1:-}" = --back ]; then
    new=$(setting PREVIOUS_VERSION)
    [ -n "$new" ] || fail "the previous version is unknown"
else
    new=${1:-$(git describe --tags --always --dirty 2>/dev/null || date -u +%Y%m%d%H%M%S)}
fi
[ "$new" != "$old" ] || fail "$new is running already; give another VERSION"
export VERSION="$new"

if [ "${1:-}" = --back ]; then
    docker image inspect "profilecenter:$new" >/dev/null || fail "image profilecenter:$new does not exist"
else
    say "building profilecenter:$new"
    REVISION=$(git rev-parse HEAD 2>/dev/null || echo unknown) docker compose build migrate
    say "migrating, while $old keeps running"
    docker compose run --rm --no-deps migrate || fail "the migration failed; $old keeps running"
fi

before=$(docker compose ps --quiet web)
count=$(echo "$before" | grep -c . || true)
say "starting web $new beside web $old"
docker compose up --detach --no-deps --no-recreate --scale "web=$((count * 2))" web ||
    fail "web $new did not start; $old keeps running. Remove its containers: docker ps --all"
started=
for id in $(docker compose ps --quiet web); do
    case "$before" in *"$id"*) ;; *) started="$started $id" ;; esac
done
waited=0
for id in $started; do
    until healthy "$id"; do
        waited=$((waited + 1))
        if [ "$waited" -gt "$PATIENCE" ]; then
            docker rm --force $started >/dev/null
            fail "web $new did not become healthy and was removed; $old keeps running"
        fi
        sleep 1
    done
done
for id in $before; do
    docker stop "$id" >/dev/null
    docker rm "$id" >/dev/null
done
keep PREVIOUS_VERSION "$old"
keep VERSION "$new"
others="worker beat"
# Only where it runs already.
[ -z "$(docker compose --profile mailto ps --quiet mailto)" ] || others="$others mailto"
say "replacing $others"
docker compose --profile mailto up --detach --no-deps --wait $others
say "$new is running; go back to $old with: $0 --back"
