"""The dashboard and the alerting rules in deploy/, against the metrics and the handbook."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import REGISTRY

from scripts.steps import ROOT
from tests.deploy.files import services, text
from unsub.infra import metrics
from unsub.models import Cause

RULES = ROOT / "deploy" / "prometheus" / "alerts.yml"
SCRAPES = ROOT / "deploy" / "prometheus" / "prometheus.yml"
DASHBOARD = ROOT / "deploy" / "grafana" / "profilecenter.json"
USED = re.compile(r"\bunsub_\w+")
# Gauges are computed when they are scraped, most of them from the database.
GAUGE = re.compile(r'GaugeMetricFamily\(\s*"(\w+)"')
SUFFIXES = {"counter": ("_total",), "histogram": ("_bucket", "_sum", "_count")}


def names() -> dict[str, set[str]]:
    """Return by metric the names that an expression can use."""
    found = {name: {name} for name in GAUGE.findall(text("unsub/web/metrics.py"))}
    for family in REGISTRY.collect():
        if family.name.startswith("unsub_"):
            found[family.name] = {f"{family.name}{end}" for end in SUFFIXES[family.type]}
    assert {one.name for one in metrics.REQUESTS.describe()} <= set(found)
    return found


def rules() -> list[dict[str, Any]]:
    """Return the alerting rules."""
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def panels() -> list[dict[str, Any]]:
    """Return the panels of the dashboard."""
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def expressions() -> Iterator[str]:
    """Yield the expressions of rules and panels."""
    yield from (rule["expr"] for rule in rules())
    yield from (target["expr"] for panel in panels() for target in panel.get("targets", ()))


def test_every_metric_of_rules_and_dashboard_exists() -> None:
    known = {name for one in names().values() for name in one}
    used = {name for expression in expressions() for name in USED.findall(expression)}
    assert len(used) > 30
    assert used <= known


def test_every_metric_is_on_the_dashboard_or_in_a_rule() -> None:
    used = {name for expression in expressions() for name in USED.findall(expression)}
    assert not [metric for metric, one in names().items() if not one & used]


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule["alert"])
def test_every_rule_leads_to_an_entry_of_the_handbook(rule: dict[str, Any]) -> None:
    path, _, anchor = rule["annotations"]["runbook"].partition("#")
    headings = re.findall(r"^#+ (.+)$", text(path), re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}
    assert not anchor or anchor in slugs
    assert rule["labels"]["severity"] in {"page", "ticket"}


def test_every_alarm_has_a_rule_with_its_page_or_is_in_the_rule_for_the_others() -> None:
    pages = {Path(rule["annotations"]["runbook"].partition("#")[0]).stem for rule in rules()}
    [others] = [rule["expr"] for rule in rules() if rule["alert"] == "AlarmNoRuleHas"]
    named = set(re.findall(r"\w+", others.partition('cause=~"')[2].partition('"')[0]))
    assert named | pages >= set(Cause.values)
    assert named <= set(Cause.values)


def test_every_panel_has_a_description_and_a_place_of_its_own() -> None:
    places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels()]
    assert len(set(places)) == len(places)
    assert len({panel["id"] for panel in panels()}) == len(panels())
    assert all(panel["description"] for panel in panels() if panel["type"] != "row")


def test_prometheus_asks_the_ports_of_the_compose_file() -> None:
    jobs = yaml.safe_load(SCRAPES.read_text())["scrape_configs"]
    asked = {
        name: config["port"]
        for job in jobs
        for config in job["dns_sd_configs"]
        for name in config["names"]
    }
    address = services()["worker"]["environment"]["WORKER_METRICS_ADDRESS"]
    web = services()["web"]["environment"]["PORT"]
    mailto = services()["mailto"]["environment"]["MAILTO_METRICS_ADDRESS"]
    assert asked == {
        "web": int(web),
        "worker": int(address.rpartition(":")[2]),
        "mailto": int(mailto.rpartition(":")[2]),
    }
    assert "ports" not in services()["worker"]


def test_the_web_processes_share_their_counters_without_a_folder_that_is_named() -> None:
    code = (
        "import runpy; runpy.run_path('profilecenter/gunicorn.conf.py');"
        "from prometheus_client import values, Counter; Counter('a', 'b').inc();"
        "import os, pathlib; folder = pathlib.Path(os.environ['PROMETHEUS_MULTIPROC_DIR']);"
        "print(len(list(folder.iterdir()))); __import__('shutil').rmtree(folder)"
    )
    environ = {name: os.environ[name] for name in os.environ if name != "PROMETHEUS_MULTIPROC_DIR"}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command, cwd=ROOT, env=environ, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.stdout == "1\n", done.stdout + done.stderr


@pytest.fixture
def promtool() -> str:
    """The path of promtool, of Debian's package prometheus."""
    path = shutil.which("promtool")
    if path is None:
        pytest.skip("there is no promtool on PATH")
    return path


@pytest.mark.parametrize("arguments", [("rules", RULES), ("config", SCRAPES)])
def test_promtool_accepts_the_files(promtool: str, arguments: tuple[str, Path]) -> None:
    run(promtool, "check", *map(str, arguments))


def test_the_rules_fire_when_they_should(promtool: str, tmp_path: Path) -> None:
    shutil.copy(RULES, tmp_path)
    shutil.copy(Path(__file__).with_name("alerts_test.yml"), tmp_path)
    run(promtool, "test", "rules", str(tmp_path / "alerts_test.yml"))


def run(*command: str) -> None:
    """Run a command, and fail with its output."""
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
