"""deploy/kubernetes, checked without a cluster."""

import functools
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from profilecenter.urls import urlpatterns
from tests.deploy.files import (
    GUNICORN,
    app_services,
    command,
    health_command,
    seconds,
    services,
    settings_names,
    text,
)
from tests.deploy.manifests import (
    EXAMPLE,
    FOLDER,
    Manifest,
    build_example,
    container,
    environment,
    generated,
    manifests,
    of_kind,
    pods,
)
from tests.deploy.test_monitoring import USED, names, run

PROCESSES = ("beat", "migrate", "web", "worker")
# From the first in which everything used here was stable to the newest, each third.
_KNOWN = sorted(
    {int(version.split(".")[1]) for version in kubernetes_validate.utils.all_versions()}
)
VERSIONS = [f"1.{minor}.0" for minor in _KNOWN if minor >= 28 and (_KNOWN[-1] - minor) % 3 == 0]
CUSTOM = {"ScaledObject", "PodMonitor"}
SCHEMA = json.loads(Path(__file__).with_name("crd.schema.json").read_text())
BYTES = {"Mi": 2**20, "Gi": 2**30}
MINE = {"app.kubernetes.io/name": "profilecenter"}
# Paths that visitors have no use for.
INSIDE = {"healthz", "readyz", "metrics"}


@pytest.fixture(autouse=True, scope="module")
def kept_schemas() -> Iterator[None]:
    """Each schema is read once: one file has the definitions of a whole version."""
    with pytest.MonkeyPatch.context() as patch:
        read = kubernetes_validate.utils.schema_contents
        patch.setattr(kubernetes_validate.utils, "schema_contents", functools.cache(read))
        yield


def title(manifest: Manifest) -> str:
    """Return what a manifest is called in the output of the tests."""
    return f"{manifest['kind']}/{manifest['metadata']['name']}"


def check(manifest: Manifest, version: str) -> None:
    """Check a manifest against the schema of its kind."""
    if manifest["kind"] in CUSTOM:
        jsonschema.Draft202012Validator(SCHEMA).validate(manifest)
    else:
        kubernetes_validate.validate(manifest, version, strict=True)


def size(quantity: str) -> int:
    """Return a quantity of memory in bytes."""
    return int(quantity[:-2]) * BYTES[quantity[-2:]]


def test_several_versions_of_kubernetes_are_checked() -> None:
    assert len(VERSIONS) >= 4


@pytest.mark.parametrize("version", VERSIONS)
def test_every_manifest_is_valid(version: str) -> None:
    found = list(manifests(FOLDER))
    assert len(found) > 15
    for manifest in found:
        check(manifest, version)


def test_a_wrong_manifest_is_found() -> None:
    [policy, *_] = of_kind("NetworkPolicy")
    with pytest.raises(kubernetes_validate.ValidationError):
        check(policy | {"spec": {"podSelectors": {}}}, VERSIONS[-1])
    [scaler] = of_kind("ScaledObject", folder=FOLDER)
    with pytest.raises(jsonschema.ValidationError):
        check(scaler | {"spec": {"triggers": []}}, VERSIONS[-1])


def test_the_processes_are_those_of_compose() -> None:
    assert set(pods()) == set(PROCESSES) <= set(app_services())


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_has_the_command_and_the_limits_of_compose(name: str) -> None:
    ours, compose = container(name), services()[name]
    assert ours["command"] == command(name)
    limit = compose["mem_limit"]
    assert size(ours["resources"]["limits"]["memory"]) == size(limit[:-1] + limit[-1].upper() + "i")
    assert pods()[name]["terminationGracePeriodSeconds"] == seconds(compose["stop_grace_period"])


@pytest.mark.parametrize("name", PROCESSES)
def test_a_process_has_the_variables_of_compose(name: str) -> None:
    ours, compose = environment(name), services()[name]["environment"]
    files = {variable for variable in compose if variable.endswith("_FILE")}
    assert {variable for variable in ours if variable.endswith("_FILE")} == files
    for variable in files:
        assert Path(ours[variable]).name == Path(compose[variable]).name
    known = settings_names() | GUNICORN
    assert {variable.removesuffix("_FILE") for variable in ours} <= known
    assert all(compose[one] == ours[one] for one in ours if one in compose and one not in files)


@pytest.mark.parametrize("name", PROCESSES)
def test_every_secret_is_a_file_that_the_example_makes_and_only_migrate_has_the_owner(
    name: str,
) -> None:
    mounts = {mount["name"]: mount["mountPath"] for mount in container(name)["volumeMounts"]}
    there = {
        f"{mounts[volume['name']]}/{Path(file).name}"
        for volume in pods()[name]["volumes"]
        if "secret" in volume
        for file in generated("secret")[volume["secret"]["secretName"]]["files"]
    }
    ours = environment(name)
    assert {ours[variable] for variable in ours if variable.endswith("_FILE")} <= there
    assert any("owner" in file for file in there) is (name == "migrate")


def test_the_settings_of_the_example_exist_and_are_no_secrets() -> None:
    lines = (EXAMPLE / "settings.env").read_text().splitlines()
    given = {line.partition("=")[0] for line in lines}
    assert given <= settings_names()
    assert not given & {variable.removesuffix("_FILE") for variable in environment("migrate")}


@pytest.mark.parametrize("name", PROCESSES)
def test_a_pod_may_do_nothing_that_it_does_not_need(name: str) -> None:
    pod, ours = pods()[name], container(name)
    assert pod["securityContext"] == {
        "runAsNonRoot": True, "runAsUser": 10001, "runAsGroup": 10001, "fsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }  # fmt: skip
    assert ours["securityContext"] == {
        "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }  # fmt: skip
    assert pod["automountServiceAccountToken"] is False
    assert not {"hostNetwork", "hostPID", "hostIPC"} & set(pod)


@pytest.mark.parametrize("name", PROCESSES)
def test_a_pod_writes_to_the_folders_of_compose_in_memory(name: str) -> None:
    volumes = {volume["name"]: volume for volume in pods()[name]["volumes"]}
    written = {
        mount["mountPath"]: volumes[mount["name"]]["emptyDir"]
        for mount in container(name)["volumeMounts"]
        if not mount.get("readOnly")
    }
    compose = {mount.partition(":")[0] for mount in services()[name]["tmpfs"]}
    assert set(written) == compose
    assert all(one["medium"] == "Memory" and one["sizeLimit"] for one in written.values())


@pytest.mark.parametrize("name", PROCESSES)
def test_a_container_says_what_it_needs_and_which_version_it_is(name: str) -> None:
    ours = container(name)
    requests, limits = ours["resources"]["requests"], ours["resources"]["limits"]
    assert requests["cpu"]
    assert size(requests["memory"]) <= size(limits["memory"])
    assert re.fullmatch(r"profilecenter:(?!latest)\w+", ours["image"])


def test_every_process_that_goes_on_has_a_liveness_probe() -> None:
    assert all(("livenessProbe" in container(name)) is (name != "migrate") for name in PROCESSES)
    assert container("web")["livenessProbe"]["httpGet"]["port"] == "health"
    ports = {port["name"]: port["containerPort"] for port in container("web")["ports"]}
    compose = services()["web"]["environment"]
    assert ports == {"http": int(compose["PORT"]), "health": int(compose["HEALTH_PORT"])}
    for name in ("worker", "beat"):
        shell, option, probe = container(name)["livenessProbe"]["exec"]["command"]
        assert [shell, option, probe] == health_command(name)


def test_no_probe_turns_recipients_away_while_the_database_is_away() -> None:
    probes = [
        container(name)[kind]
        for name in PROCESSES
        for kind in ("livenessProbe", "readinessProbe", "startupProbe")
        if kind in container(name)
    ]
    paths = {probe["httpGet"]["path"] for probe in probes if "httpGet" in probe}
    assert paths == {"/healthz"}
    assert "readinessProbe" in container("web")


def test_web_goes_on_answering_until_the_proxies_know_that_it_ends() -> None:
    wait = int(container("web")["lifecycle"]["preStop"]["exec"]["command"][-1])
    found = re.search(
        r"^graceful_timeout = (\d+)", text("profilecenter/gunicorn.conf.py"), re.MULTILINE
    )
    assert found
    assert wait + int(found[1]) < pods()["web"]["terminationGracePeriodSeconds"]


def test_there_is_one_beat_and_the_old_one_ends_first() -> None:
    [beat] = [one for one in of_kind("Deployment") if one["metadata"]["name"].endswith("-beat")]
    assert beat["spec"]["replicas"] == 1
    assert beat["spec"]["strategy"] == {"type": "Recreate"}
    scaled = of_kind("HorizontalPodAutoscaler", "ScaledObject", folder=FOLDER)
    targets = [one["spec"]["scaleTargetRef"]["name"] for one in scaled]
    assert sorted(targets) == ["profilecenter-web", "profilecenter-worker"]


def test_no_disruption_budget_keeps_a_node_from_being_drained() -> None:
    budgets = of_kind("PodDisruptionBudget")
    assert [one["spec"]["maxUnavailable"] for one in budgets] == [1, 1]
    assert not any("beat" in one["metadata"]["name"] for one in budgets)


def test_every_selector_finds_pods_of_its_own_process() -> None:
    for one in of_kind("Deployment", "PodDisruptionBudget", "PodMonitor", folder=FOLDER):
        component = one["metadata"]["labels"]["app.kubernetes.io/component"]
        wanted = MINE | {"app.kubernetes.io/component": component}
        assert one["spec"]["selector"]["matchLabels"] == wanted, title(one)
        if one["kind"] == "Deployment":
            assert one["spec"]["template"]["metadata"]["labels"] == wanted
    [service] = of_kind("Service")
    assert service["spec"]["selector"] == MINE | {"app.kubernetes.io/component": "web"}


def test_nothing_is_allowed_on_the_network_but_what_is_named() -> None:
    policies = {one["metadata"]["name"]: one["spec"] for one in of_kind("NetworkPolicy")}
    default = policies["profilecenter-default"]
    assert default["podSelector"] == {"matchLabels": MINE}
    assert default["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in default
    # beat needs the broker only, and migrate the database.
    assert processes(policies["profilecenter-redis"]) == {"web", "worker", "beat"}
    assert processes(policies["profilecenter-database"]) == {"web", "worker", "migrate"}
    assert processes(policies["profilecenter-internet"]) == {"web", "worker"}
    let_in = {name for name, spec in policies.items() if "ingress" in spec}
    assert let_in == {"profilecenter-web", "profilecenter-worker"}
    assert all(rule["from"] for name in let_in for rule in policies[name]["ingress"])


def processes(policy: Manifest) -> set[str]:
    """Return the processes that a policy names."""
    [expression] = policy["podSelector"]["matchExpressions"]
    return set(expression["values"])


def test_the_proxy_leads_to_every_page_and_to_nothing_for_monitoring() -> None:
    public = {
        rule["path"].removeprefix("/")
        for ingress in of_kind("Ingress", folder=EXAMPLE)
        for host in ingress["spec"]["rules"]
        for rule in host["http"]["paths"]
    }
    assert public == {"admin", "static"} | {first for first in first_segments() if first} - INSIDE


def first_segments() -> set[str]:
    """Return the first segment of each URL of the application that begins with a word."""
    patterns: list[Any] = []
    ours: list[Any] = list(urlpatterns)
    for one in ours:
        patterns += one.url_patterns if str(one.pattern) == "" else [one]
    texts = (str(one.pattern).lstrip("^") for one in patterns)
    return {found[0] for one in texts if (found := re.match(r"[a-z][a-z-]*", one))}


def test_the_proxy_receives_bodies_completely_and_logs_no_path() -> None:
    by_name = {one["metadata"]["name"]: one for one in of_kind("Ingress", folder=EXAMPLE)}
    sizes = {}
    for name, ingress in by_name.items():
        notes = ingress["metadata"]["annotations"]
        # Invitations to the admin and new passwords have a token in their path, too. A path that no
        # location takes may be a link with something in front of it.
        for line in ("access_log off;", "error_log /dev/null emerg;"):
            assert line in notes["nginx.org/server-snippets"], name
        for line in ("proxy_request_buffering on;", "X-Request-ID $request_id;"):
            assert line in notes["nginx.org/location-snippets"], name
        sizes[name] = notes["nginx.org/client-max-body-size"]
    assert sizes == {"profilecenter-pages": "64k", "profilecenter-admin": "4m"}
    pages = by_name["profilecenter-pages"]["metadata"]["annotations"]
    assert pages["nginx.org/ssl-redirect"] == "false"


def query() -> str:
    """Return the query by which workers are scaled."""
    [scaler] = of_kind("ScaledObject", folder=FOLDER)
    [trigger] = scaler["spec"]["triggers"]
    found: str = trigger["metadata"]["query"]
    return found


def test_workers_are_scaled_by_metrics_that_exist() -> None:
    used = set(USED.findall(query()))
    assert "unsub_oldest_pending_seconds" in used
    assert used <= {name for one in names().values() for name in one}


CASES = """
rule_files: [queue.yml]
tests:
  - interval: 1m
    input_series:
      # 510001 has a backlog; 510002 is held; 510003 has a few that are retried; the circuit of
      # 510004 is open.
      - {series: 'unsub_oldest_pending_seconds{mid="510001"}', values: '900'}
      - {series: 'unsub_oldest_pending_seconds{mid="510002"}', values: '5000'}
      - {series: 'unsub_oldest_pending_seconds{mid="510003"}', values: '6000'}
      - {series: 'unsub_oldest_pending_seconds{mid="510004"}', values: '7000'}
      - {series: 'unsub_requests{mid="510001", status="pending"}', values: '4000'}
      - {series: 'unsub_requests{mid="510002", status="pending"}', values: '4000'}
      - {series: 'unsub_requests{mid="510003", status="pending"}', values: '4'}
      - {series: 'unsub_requests{mid="510004", status="pending"}', values: '4000'}
      - {series: 'unsub_unit_held{mid="510001"}', values: '0'}
      - {series: 'unsub_unit_held{mid="510002"}', values: '1'}
      - {series: 'unsub_unit_paused{mid="510001"}', values: '0'}
      - {series: 'unsub_circuit_open{mid="510004", message_type="all"}', values: '1'}
    promql_expr_test:
      - {expr: queue_seconds, eval_time: 0m, exp_samples: [{labels: queue_seconds, value: 900}]}
  - interval: 1m
    input_series: [{series: other, values: '1'}]
    promql_expr_test:
      - {expr: queue_seconds, eval_time: 0m, exp_samples: [{labels: queue_seconds, value: 0}]}
"""


def test_only_a_backlog_that_can_be_sent_counts(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("there is no promtool on PATH")
    rule = {"record": "queue_seconds", "expr": query()}
    rules = {"groups": [{"name": "queue", "rules": [rule]}]}
    (tmp_path / "queue.yml").write_text(yaml.safe_dump(rules))
    (tmp_path / "cases.yml").write_text(CASES)
    run(promtool, "test", "rules", str(tmp_path / "cases.yml"))


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> list[Manifest]:
    """What kubectl makes of the example."""
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        pytest.skip("there is no kubectl on PATH")
    return build_example(tmp_path_factory.mktemp("example"), kubectl=kubectl)


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
def test_kubectl_builds_the_example_and_the_result_is_valid(
    example: list[Manifest], version: str
) -> None:
    for manifest in example:
        check(manifest, version)
        assert manifest["metadata"]["namespace"] == "profilecenter", title(manifest)
    [worker] = [one for one in example if title(one) == "Deployment/profilecenter-worker"]
    # KEDA's alone.
    assert "replicas" not in worker["spec"]
    images = set(re.findall(r"'image': '([^']+)'", str(example)))
    assert images == {"registry.example.com/profilecenter:1.0.0"}


def test_the_first_step_of_an_upgrade_has_all_that_the_migration_needs(
    example: list[Manifest],
) -> None:
    label = "app.kubernetes.io/component"
    first = [one for one in example if one["metadata"]["labels"][label] in {"shared", "migrate"}]
    there = {title(one) for one in first}
    [job] = [one for one in first if one["kind"] == "Job"]
    pod = job["spec"]["template"]["spec"]
    [only] = pod["containers"]
    needed = {f"ServiceAccount/{pod['serviceAccountName']}"}
    needed |= {f"ConfigMap/{one['configMapRef']['name']}" for one in only["envFrom"]}
    needed |= {f"Secret/{one['secret']['secretName']}" for one in pod["volumes"] if "secret" in one}
    assert needed < there
    assert {one["kind"] for one in first} == {
        "ConfigMap", "Job", "NetworkPolicy", "Secret", "ServiceAccount",
    }  # fmt: skip
