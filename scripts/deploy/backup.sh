#!/bin/sh
# Writes a backup of the database of a running deployment (docker-compose.yml) into a file.
#
#   scripts/deploy/backup.sh FILE
#
# The file is renamed to its name once it is complete, and readable by its owner only, because it
# contains addresses. It does not contain the files in secrets/; keep them in another place.
set -eu
file=${1:?usage: scripts/deploy/backup.sh FILE}
umask 077
docker compose exec -T postgres \
    pg_dump --username profilecenter --format custom profilecenter >"$file.part"
[ -s "$file.part" ] || { echo "backup: pg_dump wrote nothing" >&2; exit 1; }
mv "$file.part" "$file"
echo "backup: $(wc -c <"$file") bytes in $file" >&2
