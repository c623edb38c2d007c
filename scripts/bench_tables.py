"""`python -m scripts.bench_tables [ROWS]`: how fast a request is accepted and delivered, by layout.

pgbench against a private PostgreSQL with fsync on. Each layout is first filled with ROWS finished
requests (default 1,000,000); then the rounds alternate, so that load on the machine affects all
layouts. Prints the median of the rounds and its ratio to the floor: one row of the same width,
inserted into a table with nothing but a primary key.
"""

import re
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from .servers import Postgres, postgres_programs
from .steps import say

ROUNDS, SECONDS, CLIENTS = 5, 6, 8
COLUMNS = """
    mid bigint NOT NULL, subscriber_id bigint, subscriber_key varchar(254) NOT NULL,
    email_address varchar(254) NOT NULL, address_digest varchar(80) NOT NULL,
    address_mask varchar(260) NOT NULL, job_id bigint, list_id bigint, batch_id bigint,
    scope varchar(4) NOT NULL, channel varchar(10) NOT NULL, reason_id bigint,
    reason_text varchar(100) NOT NULL, language varchar(35) NOT NULL, link_age integer,
    scanner varchar(20) NOT NULL, received_at timestamptz NOT NULL DEFAULT now(),
    kind varchar(12) NOT NULL, target_type varchar(12) NOT NULL, target_id bigint,
    target_name varchar(150) NOT NULL, value text NOT NULL, subscriber_digest varchar(80) NOT NULL,
    consent_text_id bigint, idempotency_key varchar(80)
"""
STATE = """
    status varchar(10) NOT NULL DEFAULT 'pending',
    next_attempt_at timestamptz NOT NULL DEFAULT now(),
    give_up_at timestamptz NOT NULL DEFAULT now(), lease uuid, lease_until timestamptz,
    attempts integer NOT NULL DEFAULT 0, outcome varchar(20) NOT NULL DEFAULT '',
    error_code integer, sfmc_request_id varchar(64) NOT NULL DEFAULT '', finished_at timestamptz,
    confirmed_at timestamptz, superseded_by bigint, forgotten_at timestamptz
"""
NAMES = [part.split()[0] for part in re.sub(r"\([^)]*\)", "", COLUMNS).split(",")]
# One request as the page writes it; :n is a number that no other client uses.
VALUES = """
    510001, :n, '', '', '', '', 88002, 7001, 0, 'list', 'one_click', NULL::bigint, '',
    'en', NULL::integer, '', now(), 'unsubscribe', 'list', 7001, '', '',
    md5('d' || :n) || md5('e' || :n),
    NULL::bigint, md5('k' || :n) || md5('l' || :n) || :n
"""
INSERT = f"INSERT INTO {{table}} ({', '.join(NAMES)}) "

FLOOR = f"CREATE TABLE floor (id bigserial PRIMARY KEY, {COLUMNS}, {STATE})"
# The indexes of the table when it had 23 of them.
WIDE = f"""
CREATE TABLE wide (id bigserial PRIMARY KEY, {COLUMNS}, {STATE});
CREATE UNIQUE INDEX ON wide (idempotency_key);
CREATE INDEX ON wide (idempotency_key varchar_pattern_ops);
CREATE INDEX ON wide (mid);
CREATE INDEX ON wide (reason_id);
CREATE INDEX ON wide (consent_text_id);
CREATE INDEX ON wide (superseded_by);
CREATE INDEX ON wide (mid, next_attempt_at) WHERE status = 'pending';
CREATE INDEX ON wide (mid, finished_at) WHERE status = 'done';
CREATE INDEX ON wide (lease_until) WHERE status = 'sending';
CREATE INDEX ON wide (mid, status) WHERE status IN ('held', 'refused');
CREATE INDEX ON wide (subscriber_key);
CREATE INDEX ON wide (subscriber_id);
CREATE INDEX ON wide (email_address);
CREATE INDEX ON wide (address_digest) WHERE address_digest <> '';
CREATE INDEX ON wide (error_code) WHERE error_code IS NOT NULL;
CREATE INDEX ON wide (subscriber_digest);
CREATE INDEX ON wide (mid, next_attempt_at) WHERE status = 'pending' AND kind <> 'unsubscribe';
CREATE INDEX ON wide (received_at) WHERE status = 'waiting';
CREATE INDEX ON wide (kind, id) WHERE kind <> 'unsubscribe';
CREATE INDEX ON wide (job_id);
CREATE INDEX ON wide (list_id) WHERE list_id IS NOT NULL;
CREATE INDEX ON wide (received_at)
"""
# One table, with the indexes of `unsub_subscriberrequest` (docs/adr/0017).
LEAN = f"""
CREATE TABLE lean (id bigserial PRIMARY KEY, {COLUMNS}, {STATE});
CREATE UNIQUE INDEX ON lean (idempotency_key);
CREATE INDEX ON lean (mid, next_attempt_at) WHERE status = 'pending';
CREATE INDEX ON lean (subscriber_digest);
CREATE INDEX ON lean (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX ON lean (received_at);
CREATE INDEX ON lean (subscriber_key) WHERE subscriber_key <> '';
CREATE INDEX ON lean (subscriber_id) WHERE subscriber_key <> '' OR email_address <> '';
CREATE INDEX ON lean (address_digest) WHERE address_digest <> '';
CREATE INDEX ON lean (mid, finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX ON lean (mid, finished_at) WHERE forgotten_at IS NULL AND finished_at IS NOT NULL;
CREATE INDEX ON lean (list_id) WHERE list_id IS NOT NULL AND finished_at IS NOT NULL;
CREATE INDEX ON lean (lease_until) WHERE status = 'sending';
CREATE INDEX ON lean (mid, finished_at) WHERE status = 'refused';
CREATE INDEX ON lean (received_at) WHERE status = 'waiting';
CREATE INDEX ON lean (mid, next_attempt_at) WHERE status = 'pending' AND kind <> 'unsubscribe';
CREATE INDEX ON lean (kind, id) WHERE kind <> 'unsubscribe';
CREATE INDEX ON lean (error_code) WHERE error_code IS NOT NULL;
CREATE INDEX ON lean (reason_id) WHERE reason_id IS NOT NULL;
CREATE INDEX ON lean (superseded_by) WHERE superseded_by IS NOT NULL
"""
# The same with the trigger that refuses to change what was asked.
FIXED = (
    LEAN.replace(" lean ", " fixed ")
    + """;
CREATE FUNCTION was_asked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'what was asked never changes';
END $$;
CREATE TRIGGER asked BEFORE UPDATE OF mid, received_at, job_id, subscriber_key ON fixed
    FOR EACH ROW WHEN (OLD.mid <> NEW.mid OR OLD.received_at <> NEW.received_at
        OR OLD.job_id IS DISTINCT FROM NEW.job_id OR OLD.subscriber_key <> NEW.subscriber_key)
    EXECUTE FUNCTION was_asked()
"""
)
# The request, and a second row in a queue table until the request is finished.
SPLIT = f"""
CREATE TABLE split (id bigserial PRIMARY KEY, {COLUMNS}, {STATE}) WITH (fillfactor = 85);
CREATE UNIQUE INDEX ON split (idempotency_key);
CREATE INDEX ON split (subscriber_digest);
CREATE INDEX ON split (job_id) WHERE job_id IS NOT NULL;
CREATE INDEX ON split (received_at);
CREATE INDEX ON split (subscriber_key) WHERE subscriber_key <> '';
CREATE INDEX ON split (subscriber_id) WHERE subscriber_key <> '' OR email_address <> '';
CREATE INDEX ON split (mid, finished_at) WHERE finished_at IS NOT NULL;
CREATE INDEX ON split (mid, finished_at) WHERE forgotten_at IS NULL AND finished_at IS NOT NULL;
CREATE INDEX ON split (list_id) WHERE list_id IS NOT NULL AND finished_at IS NOT NULL;
CREATE TABLE split_queue (request_id bigint PRIMARY KEY, mid bigint NOT NULL,
    status varchar(10) NOT NULL DEFAULT 'pending',
    next_attempt_at timestamptz NOT NULL DEFAULT now(), lease uuid, lease_until timestamptz,
    attempts integer NOT NULL DEFAULT 0) WITH (fillfactor = 70);
CREATE INDEX ON split_queue (mid, next_attempt_at) WHERE status = 'pending'
"""
LAYOUTS = {"floor": FLOOR, "wide": WIDE, "lean": LEAN, "fixed": FIXED, "split": SPLIT}


def accept(table: str) -> str:
    """Return the statement that writes one request."""
    insert = INSERT.format(table=table)
    end = " ON CONFLICT (idempotency_key) DO NOTHING RETURNING id" if table != "floor" else ""
    if table != "split":
        return f"{insert} SELECT {VALUES}{end};"
    return (
        f"WITH made AS ({insert} SELECT {VALUES}{end} , mid) "
        "INSERT INTO split_queue (request_id, mid) SELECT id, mid FROM made RETURNING request_id;"
    )


def deliver(table: str) -> str:
    """Return the statements of a request's life: accepted, claimed, settled. On the row
    just written, so that clients do not wait for each other's locks."""
    if table == "split":
        return f"""{accept(table)[:-1]} \\gset
UPDATE split_queue SET status = 'sending', lease = gen_random_uuid(), lease_until = now(),
    attempts = attempts + 1 WHERE request_id = :request_id;
WITH gone AS (DELETE FROM split_queue WHERE request_id = :request_id RETURNING request_id, attempts)
UPDATE split SET status = 'done', outcome = 'posted', attempts = gone.attempts, finished_at = now(),
    sfmc_request_id = 'r' || :n FROM gone WHERE id = request_id;
"""
    return f"""{accept(table)[:-1]} \\gset
UPDATE {table} SET status = 'sending', lease = gen_random_uuid(), lease_until = now(),
    attempts = attempts + 1 WHERE id = :id;
UPDATE {table} SET status = 'done', lease = NULL, lease_until = NULL, outcome = 'posted',
    finished_at = now(), sfmc_request_id = 'r' || :n WHERE id = :id;
"""


def fill(table: str, rows: int) -> str:
    """Return the statement that writes finished requests."""
    values = VALUES.replace(":n", "n::text").replace("510001, n::text,", "510001, n,", 1)
    return (
        f"INSERT INTO {table} ({', '.join(NAMES)}, status, outcome, finished_at) "
        f"SELECT {values}, 'done', 'posted', now() FROM generate_series(1, {rows}) AS n"
    )


class Bench:
    """pgbench and psql against one private server."""

    def __init__(self, server: Postgres, folder: Path) -> None:
        self._url, self._folder = server.url, folder

    def sql(self, statement: str) -> str:
        """Return the output of psql."""
        done = subprocess.run(  # noqa: S603
            [postgres_programs() / "psql", self._url, "--quiet", "--tuples-only", "--no-align",
             "--set", "ON_ERROR_STOP=1", "--command", statement],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        return done.stdout.strip()

    def rate(self, name: str, script: str, first: int) -> float:
        """Return the scripts per second of a round."""
        file = self._folder / f"{name}.sql"
        # Each client has its own numbers, far from the existing ones, and so many that none comes
        # twice: pgbench stops where the insert returns no row.
        file.write_text(
            f"\\set n {first} + :client_id * 100000000000 + random(1, 99999999999)\n{script}\n"
        )
        done = subprocess.run(  # noqa: S603
            [postgres_programs() / "pgbench", self._url, "--no-vacuum", "--protocol", "prepared",
             "--client", str(CLIENTS), "--jobs", "2", "--time", str(SECONDS), "--file", str(file)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        found = re.search(r"^tps = ([\d.]+)", done.stdout, re.MULTILINE)
        return float(found[1]) if found else 0.0


def main(arguments: list[str]) -> int:
    """Print the table of medians and ratios."""
    rows = int(arguments[0]) if arguments else 1_000_000
    with tempfile.TemporaryDirectory(prefix="pc-bench-") as folder:
        server = Postgres(settings={"fsync": "on", "full_page_writes": "on"})
        server.start()
        try:
            _run(Bench(server, Path(folder)), rows)
        finally:
            server.close()
    return 0


def _run(bench: Bench, rows: int) -> None:
    for table, definition in LAYOUTS.items():
        bench.sql(definition)
        if rows:
            bench.sql(fill(table, rows))
        bench.sql(f"VACUUM ANALYZE {table}")
        say(f"{table}: {rows} rows, table {_size(bench, table, 'table')}, "
            f"indexes {_size(bench, table, 'indexes')}")  # fmt: skip
    results: dict[tuple[str, str], list[float]] = {}
    for number in range(ROUNDS):
        for table in LAYOUTS:
            for what, script in (("accept", accept), ("life", deliver)):
                if table == "floor" and what == "life":
                    continue
                first = 10**12 * (2 * number + (what == "life") + 1)
                rate = bench.rate(f"{table}-{what}", script(table), first)
                results.setdefault((table, what), []).append(rate)
        say(f"round {number + 1} of {ROUNDS}")
    floor = statistics.median(results["floor", "accept"])
    for (table, what), rates in sorted(results.items()):
        median = statistics.median(rates)
        say(f"{table:6} {what:7} {median:8.0f}/s  {median / floor:5.2f} of the floor")


def _size(bench: Bench, table: str, what: str) -> str:
    return bench.sql(f"SELECT pg_size_pretty(pg_{what}_size('{table}'))")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
