"""The commands of the image and of the compose file, really started, without a container."""

import re
import subprocess
import urllib.request

import pytest

from scripts.ready import answers
from scripts.servers import HOST, free_port
from tests.deploy.files import exec_form, health_command, instructions, services
from tests.deploy.image import Image

VISITOR = {"Host": "mail.example.com", "X-Forwarded-Proto": "https"}


def healthy(image: Image, command: list[str], **environ: str) -> bool:
    """Return whether a health check passes."""
    return image.run(*command, **environ).returncode == 0


def ask(url: str) -> str:
    """Return the page that a visitor sees, as the proxy asks for it."""
    request = urllib.request.Request(url, headers=VISITOR)
    with urllib.request.urlopen(request, timeout=10) as response:
        page: bytes = response.read()
    return page.decode()


def test_the_one_off_brings_the_database_up_to_date(image: Image) -> None:
    done = image.run(*services()["migrate"]["command"])
    assert done.returncode == 0, done.stderr[-2000:]
    assert "No migrations to apply" in done.stdout


def test_the_pages_start_pass_both_health_checks_and_end_when_told(image: Image) -> None:
    port = str(free_port())
    url = f"http://{HOST}:{port}"
    command = [*services()["web"]["command"], "--bind", f"{HOST}:{port}"]
    in_image = exec_form(instructions("HEALTHCHECK")[-1])
    in_compose = [word.replace("8000", port) for word in health_command("web")]
    assert not healthy(image, in_image, PORT=port)
    with image.started("web", command) as web:
        web.wait_until(lambda: answers(f"{url}/healthz"))
        assert healthy(image, in_image, PORT=port)
        assert healthy(image, in_compose)
        assert answers(f"{url}/readyz")
        assert "unsub_database_up 1.0" in ask(f"{url}/metrics")
        style = re.search(r'href="(/static/[^"]+\.[0-9a-f]{12}\.css)"', ask(f"{url}/admin/login/"))
        assert style, "the login page links no collected style"
        assert ask(f"{url}{style[1]}")
        assert web.terminate() == 0


def test_a_worker_starts_answers_for_itself_and_ends_when_told(image: Image) -> None:
    command = services()["worker"]["command"]
    with image.started("worker", command) as worker:
        worker.wait_until(lambda: " ready." in worker.log)
        assert healthy(image, health_command("worker"))
        assert not healthy(image, health_command("worker"), HOSTNAME="another-worker")
        assert worker.terminate() == 0


def test_beat_starts_writes_its_schedule_and_ends_when_told(image: Image) -> None:
    assert not healthy(image, health_command("beat"))
    with image.started("beat", services()["beat"]["command"]) as beat:
        beat.wait_until(lambda: "Sending due task sweep" in beat.log)
        assert healthy(image, health_command("beat"))
        assert beat.terminate() == 0


@pytest.mark.parametrize(
    "command", ["add_unit", "export_audit", "sign_link", "migrate", "add_user"]
)
def test_the_commands_of_the_handbook_are_in_the_image(image: Image, command: str) -> None:
    done: subprocess.CompletedProcess[str] = image.run("python", "manage.py", command, "--help")
    assert done.returncode == 0, done.stderr[-2000:]
