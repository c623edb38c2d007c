"""The commands of the image and of the compose file, run as real processes without a container."""

import re
import socket
import subprocess
import urllib.request
from pathlib import Path

import pytest

from scripts.ready import answers
from scripts.servers import HOST, free_port
from tests.deploy.files import command, exec_form, health_command, instructions
from tests.deploy.image import Image

VISITOR = {"Host": "mail.example.com", "X-Forwarded-Proto": "https"}


# Prints which pages and libraries the first requests import beside those of the application.
FIRST_REQUESTS = """
import sys
from io import BytesIO
from profilecenter.wsgi import application

loaded = set(sys.modules)
for method in ("GET", "POST"):
    environ = {
        "REQUEST_METHOD": method, "PATH_INFO": "/u/cut", "HTTP_HOST": "localhost",
        "SERVER_NAME": "localhost", "SERVER_PORT": "80", "wsgi.url_scheme": "http",
        "wsgi.input": BytesIO(), "HTTP_X_FORWARDED_PROTO": "https",
    }
    application(environ, lambda status, headers: print(status)).close()
more = set(sys.modules) - loaded
print("imported:", *sorted(one for one in more if one.startswith(("unsub.", "allauth.", "kombu."))))
"""


def healthy(image: Image, command: list[str], **environ: str) -> bool:
    """Return whether a health check passes."""
    return image.run(*command, **environ).returncode == 0


def ask(url: str) -> str:
    """Return a page, requested as a proxy does."""
    request = urllib.request.Request(url, headers=VISITOR)
    with urllib.request.urlopen(request, timeout=10) as response:
        page: bytes = response.read()
    return page.decode()


def test_the_migrate_service_runs_the_migrations(image: Image) -> None:
    done = image.run(*command("migrate"))
    assert done.returncode == 0, done.stderr[-2000:]
    assert "No migrations to apply" in done.stdout


def test_the_web_process_starts_passes_its_health_checks_and_stops(image: Image) -> None:
    port = str(free_port())
    url = f"http://{HOST}:{port}"
    gunicorn = [*command("web"), "--bind", f"{HOST}:{port}"]
    check = health_command("web")
    assert not healthy(image, check, PORT=port)
    with image.started("web", gunicorn) as web:
        web.wait_until(lambda: answers(f"{url}/healthz"))
        # Each has a time limit of its own, which a busy machine may exceed once.
        web.wait_until(lambda: healthy(image, check, PORT=port))
        web.wait_until(lambda: answers(f"{url}/readyz"))
        assert "unsub_database_up 1.0" in ask(f"{url}/metrics")
        style = re.search(r'href="(/static/[^"]+\.[0-9a-f]{12}\.css)"', ask(f"{url}/admin/login/"))
        assert style, "the login page links no collected style"
        assert ask(f"{url}{style[1]}")
        assert web.terminate() == 0


def test_the_pages_are_imported_before_the_first_request(image: Image) -> None:
    done = image.run("python", "-c", FIRST_REQUESTS)
    assert done.stdout.splitlines() == ["404 Not Found", "404 Not Found", "imported:"]


def test_the_image_s_health_check_applies_to_web_processes_only(image: Image) -> None:
    in_image = exec_form(instructions("HEALTHCHECK")[-1])
    *check, condition, name = in_image
    assert check == health_command("web")
    assert (condition, name) == ("--if-started-as", "gunicorn")
    port = str(free_port())
    # The first process of this machine is no web process, and the port is free.
    assert healthy(image, in_image, PORT=port)
    assert not healthy(image, check, PORT=port)


def test_a_worker_starts_passes_its_health_check_and_stops(image: Image) -> None:
    with image.started("worker", command("worker")) as worker:
        worker.wait_until(lambda: " ready." in worker.log)
        worker.wait_until(lambda: healthy(image, health_command("worker")))
        assert not healthy(image, health_command("worker"), HOSTNAME="another-worker")
        assert worker.terminate() == 0


WAKE = "import django; django.setup(); from unsub.outbox.wakeup import wake; wake(510001)"


def test_a_worker_answers_prometheus_for_its_processes_and_leaves_no_folder(
    image: Image, tmp_path: Path
) -> None:
    port = free_port()
    address = f"{HOST}:{port}"
    # The longer the sweep's time, the later a wake-up expires that a busy worker has not read.
    image = image.with_settings(
        WORKER_METRICS_ADDRESS=address, TMPDIR=str(tmp_path), SWEEP_SECONDS="60"
    )
    with image.started("worker", command("worker")) as worker:
        worker.wait_until(lambda: answers(f"http://{address}/"))
        done = image.run("python", "-c", WAKE, DJANGO_SETTINGS_MODULE="profilecenter.settings")
        assert done.returncode == 0, done.stderr[-2000:]
        # A child of the process that answers has claimed.
        worker.wait_until(lambda: "unsub_claim_seconds_count 1.0" in ask(f"http://{address}/"))
        assert list(tmp_path.glob("profilecenter-metrics-*"))
        assert worker.terminate() == 0
    assert not list(tmp_path.glob("profilecenter-metrics-*"))


def test_a_worker_whose_port_for_prometheus_is_taken_delivers_all_the_same(image: Image) -> None:
    with socket.create_server((HOST, 0)) as taken:
        address = f"{HOST}:{taken.getsockname()[1]}"
        other = image.with_settings(WORKER_METRICS_ADDRESS=address)
        with other.started("worker", command("worker")) as worker:
            worker.wait_until(lambda: "worker_metrics_unavailable" in worker.log)
            worker.wait_until(lambda: " ready." in worker.log)
            assert worker.terminate() == 0


def test_sentry_and_opentelemetry_need_packages_that_the_image_does_not_have(image: Image) -> None:
    for name in ("SENTRY_DSN", "OTEL_EXPORTER_OTLP_ENDPOINT"):
        done = image.run("python", "manage.py", "check", **{name: "https://key@example.com/1"})
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert line.startswith(f"{name} needs the packages of requirements/telemetry.txt")


def test_beat_starts_passes_its_health_check_and_stops(image: Image) -> None:
    assert not healthy(image, health_command("beat"))
    with image.started("beat", command("beat")) as beat:
        beat.wait_until(lambda: "Sending due task sweep" in beat.log)
        beat.wait_until(lambda: healthy(image, health_command("beat")))
        assert beat.terminate() == 0


@pytest.mark.parametrize("name", ["add_unit", "export_audit", "sign_link", "migrate", "add_user"])
def test_the_commands_of_the_handbook_are_in_the_image(image: Image, name: str) -> None:
    done: subprocess.CompletedProcess[str] = image.run("python", "manage.py", name, "--help")
    assert done.returncode == 0, done.stderr[-2000:]
