#!/bin/sh
# Writes the database of a running deployment of docker-compose.yml into a file.
#
#   scripts/deploy/backup.sh FILE
#
# The file is written beside its name and renamed when it is whole, and it is for its owner alone:
# it holds addresses. The files in secrets/ are not in it; keep them in another place.
set -eu
file=${1:?usage: scripts/deploy/backup.sh FILE}
umask 077
docker compose exec -T postgres \
    pg_dump --username profilecenter --format custom profilecenter >"$file.part"
[ -s "$file.part" ] || { echo "backup: pg_dump wrote nothing" >&2; exit 1; }
mv "$file.part" "$file"
echo "backup: $(wc -c <"$file") bytes in $file" >&2
