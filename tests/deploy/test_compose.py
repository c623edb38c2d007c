"""docker-compose.yml, checked without Docker."""

import json
import re
import shutil
import subprocess
from contextlib import closing, suppress
from pathlib import Path

import jsonschema
import pytest
import redis

from scripts import pin_images
from scripts.servers import Valkey
from scripts.steps import ROOT
from tests.deploy.files import (
    COMPOSE,
    GUNICORN,
    app_services,
    compose,
    seconds,
    services,
    settings_names,
    text,
)

SCHEMA = ROOT / "tests" / "deploy" / "compose.schema.json"
POSTGRES = {"POSTGRES_USER", "POSTGRES_DB", "POSTGRES_PASSWORD"}
# Read by the program of a profile: the file that reads them, none for Grafana's own.
READERS = {"proxy": "deploy/Caddyfile", "backup": "deploy/backup/backup.sh", "grafana": None}
ONE_OFF = {"migrate"}
# The profiles and their services.
PROFILES = {
    "proxy": {"proxy"}, "backup": {"backup"}, "observability": {"prometheus", "grafana"},
    "mailto": {"mailto"}, "sandbox": {"sandbox"},
}  # fmt: skip
OPTIONAL = set().union(*PROFILES.values())
# Their digests are written by `make pin-images`, where a registry answers.
BY_TAG = OPTIONAL - {"mailto", "sandbox"}
# Ports that somebody outside of this machine reaches.
PUBLIC = {"proxy": ["80:80", "443:443"]}
# Files that are not read by a NAME_FILE variable.
CONFIGURATION = {
    "/run/secrets/redis_conf", "/run/secrets/tls_certificate", "/run/secrets/tls_key",
}  # fmt: skip
# Used while the image is built, and in no container.
BUILD = {"pip", "ca"}
DEFAULT_TIMEOUT = 30  # seconds, SFMC_TIMEOUT
DEFAULT_CONCURRENCY = 20  # SFMC_CONCURRENCY


def test_the_file_is_a_valid_compose_file() -> None:
    schema = json.loads(SCHEMA.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(compose(), schema)


def test_the_services_of_a_deployment_are_complete() -> None:
    parts = {"migrate", "web", "worker", "beat", "postgres", "redis", "cache"}
    assert set(services()) - OPTIONAL == parts
    for profile, names in PROFILES.items():
        assert all(services()[name]["profiles"] == [profile] for name in names)
    assert not any("profiles" in services()[name] for name in parts)
    assert set(app_services()) == {"migrate", "web", "worker", "beat", "mailto"}


@pytest.mark.parametrize("name", sorted(services()))
def test_each_service_has_a_health_check_or_ends_by_itself(name: str) -> None:
    service = services()[name]
    assert (service["healthcheck"] == {"disable": True}) is (name in ONE_OFF)
    assert (service["restart"] == "no") is (name in ONE_OFF)


@pytest.mark.parametrize("name", sorted(services()))
def test_each_image_is_pinned_or_built_here(name: str) -> None:
    image = services()[name]["image"]
    digest = "(@sha256:[0-9a-f]{64})" + ("?" if name in BY_TAG else "")
    assert image == "profilecenter:local" or re.search(rf":v?\d+(\.\d+)*(-\w+)?{digest}$", image)
    assert image == "profilecenter:local" or pin_images.IMAGE.fullmatch(image)


def test_the_program_that_makes_backups_is_of_the_database_s_version() -> None:
    versions = {
        re.sub(r"^postgres:(\d+)\b.*", r"\1", services()[name]["image"])
        for name in ("postgres", "backup")
    }
    assert len(versions) == 1


def test_all_processes_run_the_version_that_is_set() -> None:
    images = set(re.findall(r"image: (profilecenter:.*)", text("docker-compose.yml")))
    assert images == {"profilecenter:${VERSION:-local}"}


def test_secrets_are_declared_and_used() -> None:
    used = {secret for service in services().values() for secret in service.get("secrets", ())}
    assert used | BUILD == set(compose()["secrets"])
    assert all(set(service["build"]["secrets"]) == BUILD for service in app_services().values())


@pytest.mark.parametrize("name", sorted(services()))
def test_secrets_reach_services_as_files(name: str) -> None:
    service = services()[name]
    given = {f"/run/secrets/{secret}" for secret in service.get("secrets", ())}
    environment = service.get("environment", {})
    files = {value for key, value in environment.items() if key.endswith("_FILE")}
    assert files == given - CONFIGURATION
    if name != "proxy":
        assert given & CONFIGURATION <= set(service.get("command", ()))
    assert not re.search(r"(SECRET|PASSWORD|KEYS?)\b(?!_FILE)", " ".join(environment))


def test_every_variable_is_read_by_a_program() -> None:
    known = settings_names() | GUNICORN | POSTGRES
    for service, parts in services().items():
        names = set(parts.get("environment", {}))
        if service not in READERS:
            assert {name.removesuffix("_FILE") for name in names} <= known
        elif file := READERS[service]:
            assert not [name for name in names if name not in text(file)]
        else:
            assert all(name.startswith("GF_") for name in names)
    assert set(re.findall(r"\$\{(\w+)", text("docker-compose.yml"))) <= known | COMPOSE


@pytest.mark.parametrize("name", sorted(set(app_services()) - ONE_OFF))
def test_every_process_waits_for_the_migrations(name: str) -> None:
    wait = services()[name]["depends_on"]
    assert wait["migrate"] == {"condition": "service_completed_successfully"}
    assert wait["redis"] == {"condition": "service_healthy"}
    assert services()["migrate"]["depends_on"]["postgres"] == {"condition": "service_healthy"}


def test_the_number_of_workers_is_not_limited() -> None:
    worker = services()["worker"]
    assert "container_name" not in worker
    assert "ports" not in worker
    assert not any(word.startswith(("-n", "--hostname")) for word in worker["command"])
    assert "replicas: ${WORKERS:-1}" in text("docker-compose.yml")


def test_only_the_pages_are_published_and_only_to_this_machine() -> None:
    ports = {name: service["ports"] for name, service in services().items() if "ports" in service}
    published = {
        "web": ["127.0.0.1:8000-8001:8000"], "sandbox": ["127.0.0.1:8025:8025"],
        "prometheus": ["127.0.0.1:9090:9090"], "grafana": ["127.0.0.1:3000:3000"],
        "mailto": ["127.0.0.1:8024:8024"],
    }  # fmt: skip
    assert ports == published | PUBLIC


def test_database_and_broker_have_no_access_to_other_networks() -> None:
    assert compose()["networks"]["inside"] == {"internal": True}
    assert all(
        services()[name]["networks"] == ["inside"]
        for name in ("postgres", "redis", "cache", "backup")
    )


def test_the_proxy_reaches_the_pages_only() -> None:
    front = {name for name, one in services().items() if "front" in one["networks"]}
    assert front == {"proxy", "web"}
    assert services()["proxy"]["networks"] == ["front"]
    upstream = services()["proxy"]["environment"]["PROXY_UPSTREAMS"]
    assert upstream == f"web:{services()['web']['environment']['PORT']}"
    assert "./deploy/Caddyfile:/etc/caddy/Caddyfile:ro" in services()["proxy"]["volumes"]


@pytest.mark.parametrize("name", sorted(services()))
def test_every_container_has_limits_and_a_log_that_is_rotated(name: str) -> None:
    service = services()[name]
    assert megabytes(service["mem_limit"])
    assert 0 < service["pids_limit"] <= 300
    assert service["logging"] == {
        "driver": "local", "options": {"max-size": "20m", "max-file": "5"},
    }  # fmt: skip


def test_the_cache_writes_nothing_to_a_disk_and_the_broker_everything() -> None:
    cache, broker = (" ".join(services()[name]["command"]) for name in ("cache", "redis"))
    assert "--appendonly no --save  --maxmemory" in cache
    assert "volumes" not in services()["cache"]
    assert "--appendonly yes" in broker


@pytest.mark.parametrize("name", sorted(app_services()))
def test_containers_of_the_image_write_to_memory_only(name: str) -> None:
    service = services()[name]
    folders = {mount.partition(":")[0] for mount in service["tmpfs"]}
    assert folders == {"/tmp", "/srv/profilecenter/var"}  # noqa: S108
    assert "cap_add" not in service


@pytest.mark.parametrize("name", sorted(services()))
def test_every_container_has_limited_rights(name: str) -> None:
    service = services()[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert all("size=" in mount for mount in service["tmpfs"])


@pytest.mark.parametrize("name", sorted(services()))
def test_volumes_are_declared(name: str) -> None:
    used = {mount.partition(":")[0] for mount in services()[name].get("volumes", ())}
    files = {source for source in used if source.startswith("./deploy/")}
    assert all((ROOT / source).exists() for source in files)
    assert used - files <= set(compose()["volumes"])
    mounts = services()[name].get("volumes", ())
    assert all(mount.endswith(":ro") for mount in mounts if mount.startswith("./"))


def test_secrets_sh_makes_every_secret(tmp_path: Path) -> None:
    script = tmp_path / "scripts" / "deploy" / "secrets.sh"
    script.parent.mkdir(parents=True)
    shutil.copy(ROOT / "scripts" / "deploy" / "secrets.sh", script)
    subprocess.run([str(script)], check=True, capture_output=True, timeout=60)
    declared = {ROOT / one["file"] for one in compose()["secrets"].values()}
    made = {ROOT / "secrets" / file.name for file in (tmp_path / "secrets").iterdir()}
    assert made == declared
    assert len((tmp_path / "secrets" / "grafana_password").read_text()) > 40


def test_the_grace_period_is_long_enough_for_calls_under_way() -> None:
    found = re.search(
        r"^graceful_timeout = (\d+)", text("profilecenter/gunicorn.conf.py"), re.MULTILINE
    )
    assert found
    for service in app_services().values():
        grace = seconds(service["stop_grace_period"])
        assert grace > int(found[1])
        assert grace > DEFAULT_TIMEOUT
    # A worker may first request a token, and then make the call.
    assert seconds(services()["worker"]["stop_grace_period"]) > 2 * DEFAULT_TIMEOUT


def test_the_broker_persists_its_data_and_evicts_none() -> None:
    command = services()["redis"]["command"]
    assert command[command.index("--appendonly") + 1] == "yes"
    assert services()["redis"]["volumes"] == ["broker:/data"]
    assert command[command.index("--maxmemory-policy") + 1] == "noeviction"
    assert "--maxmemory" in command


@pytest.mark.parametrize("name", ["redis", "cache"])
def test_a_real_server_takes_the_command_and_asks_for_the_password(
    name: str, tmp_path: Path
) -> None:
    configuration = tmp_path / "redis_conf"
    configuration.write_text("requirepass a-password\n")
    server = AsComposed(services()[name]["command"], configuration)
    with closing(server):
        server.start()
        with (
            redis.Redis.from_url(server.url) as stranger,
            pytest.raises(redis.AuthenticationError),
        ):
            stranger.get("x")
        with redis.Redis.from_url(server.url, password="a-password") as client:
            policy = client.config_get("maxmemory*")
            written = client.config_get("appendonly")["appendonly"]
            kept = client.config_get("appendfsync")["appendfsync"]
    is_broker = name == "redis"
    assert policy["maxmemory-policy"] == ("noeviction" if is_broker else "allkeys-lru")
    assert int(policy["maxmemory"]) * 2 <= megabytes(services()[name]["mem_limit"])
    assert (written, kept == "always") == (("yes", True) if is_broker else ("no", False))
    # The check of Compose gives the password that the same file has.
    check = services()[name]["healthcheck"]["test"][1]
    assert (
        "REDISCLI_AUTH=$$(sed -n 's/^requirepass //p' /run/secrets/redis_conf) redis-cli" in check
    )


def megabytes(limit: str) -> int:
    """Return a memory limit of Compose in bytes."""
    return int(limit[:-1]) * {"m": 2**20, "g": 2**30}[limit[-1]]


class AsComposed(Valkey):
    """The Valkey of the tests with the command of a service."""

    def __init__(self, command: list[str], configuration: Path) -> None:
        super().__init__()
        self._given, self._configuration = command, configuration

    def command(self) -> list[str]:
        """Return the command, with the server, the file and the folder of the tests."""
        binary, *ours = super().command()
        _, file, *options = self._given
        assert file == "/run/secrets/redis_conf"
        own = [*ours[: ours.index("--save")], "--daemonize", "no"]
        return [binary, str(self._configuration), *own, *options]

    def _answers(self) -> bool:
        with suppress(redis.RedisError), redis.Redis.from_url(self.url) as client:
            with suppress(redis.AuthenticationError):
                client.ping()
            return True
        return False


def test_the_database_does_not_log_the_values_of_a_statement() -> None:
    command = services()["postgres"]["command"]
    for setting in (
        "log_min_error_statement=panic",
        "log_error_verbosity=terse",
        "log_parameter_max_length=0",
        "log_parameter_max_length_on_error=0",
    ):
        assert setting in command


def test_a_worker_has_a_thread_for_each_call_and_more_for_other_tasks() -> None:
    words = services()["worker"]["command"]
    assert int(words[words.index("--concurrency") + 1]) > DEFAULT_CONCURRENCY
