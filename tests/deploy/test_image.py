"""The Dockerfile and its files, checked without Docker."""

import re
import subprocess

import pytest

from scripts.check import deployment_environ
from scripts.steps import ROOT, tool
from tests.deploy.files import app_services, exec_form, instructions, services, text
from tests.deploy.image import Image, build_tools, runtime, sources

ALWAYS_OUTSIDE = (".env", "secrets", ".git", "var", "tests", ".venv")


def test_hadolint_finds_nothing() -> None:
    done = subprocess.run(
        [tool("hadolint"), "Dockerfile"], cwd=ROOT, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_base_image_is_pinned_to_a_digest_of_a_minor_version_of_python() -> None:
    outside = [line for line in instructions("FROM") if not line.startswith("base ")]
    assert outside == ["${PYTHON_IMAGE} AS base"]
    pinned = re.compile(r"PYTHON_IMAGE=(python:3\.\d+-slim-[a-z]+@sha256:[0-9a-f]{64})")
    (image,) = (found[1] for line in instructions("ARG") if (found := pinned.fullmatch(line)))
    arguments = {service["build"]["args"]["PYTHON_IMAGE"] for service in app_services().values()}
    assert arguments == {image}


def test_packages_are_installed_by_hash_into_their_own_environment() -> None:
    install = next(line for line in instructions("RUN") if "pip --python" in line)
    for option in ("--require-hashes", "--no-cache-dir", "--only-binary :all:", "/opt/venv"):
        assert option in install


def test_installers_and_compilers_are_not_in_the_image() -> None:
    install = next(line for line in instructions("RUN") if "pip --python" in line)
    assert install.count("-m venv --without-pip") == 2
    assert any("pip uninstall" in line for line in instructions("RUN"))
    assert [line for line in instructions("COPY") if line.startswith("--from")] == [
        "--from=builder /opt/venv /opt/venv",
        "--from=builder /srv/profilecenter /srv/profilecenter",
    ]
    assert "babel" not in re.findall(r"^([\w-]+)==", text("requirements/base.txt"), re.MULTILINE)


def test_the_image_has_version_labels() -> None:
    labels = " ".join(instructions("LABEL"))
    for name in ("version", "revision", "source", "licenses"):
        assert f"org.opencontainers.image.{name}=" in labels
    assert {"VERSION", "REVISION"} <= {line.partition("=")[0] for line in instructions("ARG")}


def test_the_process_runs_as_an_unprivileged_numeric_user() -> None:
    assert instructions("USER") == ["10001:10001"]


def test_no_secret_stays_in_a_layer() -> None:
    kept = " ".join([*instructions("ENV"), *instructions("ARG"), *instructions("COPY")])
    assert not re.search(r"KEY|SECRET|PASSWORD|TOKEN|\.env|pip\.conf", kept, re.IGNORECASE)


def test_the_build_context_has_what_is_copied_and_nothing_else() -> None:
    first, *rest = [
        line for line in text(".dockerignore").splitlines() if line and not line.startswith("#")
    ]
    let_in = {line.removeprefix("!") for line in rest if line.startswith("!")}
    assert first == "*"
    assert let_in == set(sources())
    assert not let_in & set(ALWAYS_OUTSIDE)


def test_the_image_s_command_is_that_of_the_compose_file() -> None:
    assert exec_form(instructions("CMD")[-1]) == services()["web"]["command"]


def test_static_files_have_a_manifest(image: Image) -> None:
    assert (image.folder / "staticfiles" / "staticfiles.json").is_file()


def test_every_translation_is_compiled_by_the_build(image: Image) -> None:
    sources = {path.with_suffix("") for path in image.folder.glob("locale/*/*/*.po")}
    assert sources
    assert sources == {path.with_suffix("") for path in image.folder.glob("locale/*/*/*.mo")}


@pytest.mark.parametrize("service", app_services())
def test_every_started_program_is_in_the_deployment_s_requirements(service: str) -> None:
    program, *_ = app_services()[service]["command"]
    assert (runtime() / program).is_file()


def test_packages_of_the_build_are_not_in_the_image() -> None:
    assert (build_tools() / "pybabel").is_file()
    assert not (runtime() / "pybabel").exists()


def test_the_development_environment_is_not_available(image: Image) -> None:
    done = image.run("python", "-c", "import pytest")
    assert "No module named 'pytest'" in done.stderr


def test_gunicorn_starts_with_the_files_of_the_image(image: Image) -> None:
    command = exec_form(instructions("CMD")[-1])
    done = image.run(*command, "--check-config")
    assert done.returncode == 0, done.stderr[-2000:]


def test_a_deployment_with_every_setting_passes_the_checks(image: Image) -> None:
    apart = {name: deployment_environ()[name] for name in ("REDIS_URL", "CACHE_URL")}
    check = ("python", "manage.py", "check", "--deploy", "--fail-level", "WARNING")
    done = image.run(*check, **apart)
    assert done.returncode == 0, done.stderr[-2000:]


def test_gunicorn_does_not_start_without_a_secret_key(image: Image) -> None:
    done = image.run(*exec_form(instructions("CMD")[-1]), "--check-config", SECRET_KEY="")
    assert done.returncode != 0
