"""The proxies of deploy/ as real processes, with the ports and certificates of a test."""

import datetime
import os
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from scripts.servers import HOST, free_port
from scripts.steps import ROOT, tool
from tests.journeys.processes import Process, wait_for

NAME = "mail.example.com"
NGINX_FOLDERS = os.pathsep.join(
    (os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin")
)
# Debian's own file, without the site of the package.
NGINX = """
pid {folder}/nginx.pid;
error_log {folder}/nginx-error.log warn;
daemon off;
{user}
events {{ worker_connections 768; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/site.conf;
}}
"""


class Proxy:
    """A proxy that passes requests on to a port of this machine."""

    def __init__(self, kind: str, *, folder: Path, upstream: int, second: int = 0) -> None:
        self.kind, self.folder = kind, folder
        self.port, self.tls_port = free_port(), free_port()
        self._certify()
        # Without it, nothing listens on the second port, as between two upgrades.
        self.second = second or free_port()
        upstreams = f"{HOST}:{upstream}", f"{HOST}:{self.second}"
        command = self._nginx(*upstreams) if kind == "nginx" else self._caddy()
        environ = {
            "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder),
            "PUBLIC_URL": f"https://{NAME}:{self.tls_port}", "PROXY_UPSTREAMS": " ".join(upstreams),
            "PROXY_TLS": f"{folder / 'cert.pem'} {folder / 'key.pem'}",
        }  # fmt: skip
        self._process = Process(kind, command, environ=os.environ | environ, folder=folder)

    def __enter__(self) -> "Proxy":
        self._process.start()
        try:
            wait_for(self.kind, self._listens)
        except AssertionError as err:
            self._process.kill()
            raise AssertionError(f"{err}:\n{self.log}") from None
        return self

    def __exit__(self, *error: object) -> None:
        self._process.kill()

    def connect(self, *, tls: bool = True) -> socket.socket:
        """Return a new connection, with TLS or to the plain port."""
        plain = socket.create_connection((HOST, self.tls_port if tls else self.port), timeout=60)
        if not tls:
            return plain
        context = ssl.create_default_context(cafile=str(self.folder / "cert.pem"))
        return context.wrap_socket(plain, server_hostname=NAME)

    @property
    def log(self) -> str:
        """All that the proxy has written, to every file."""
        files = [file for file in self.folder.rglob("*.log") if file.is_file()]
        return "\n".join(file.read_text(errors="replace") for file in files)

    def _listens(self) -> bool:
        try:
            self.connect().close()
        except OSError:
            return False
        return True

    def _nginx(self, first: str, second: str) -> list[str]:
        program = shutil.which("nginx", path=NGINX_FOLDERS)
        if not program:
            pytest.skip("there is no nginx on PATH")
        changes = {
            "127.0.0.1:8000": first,
            "127.0.0.1:8001": second,
            "listen 80;": f"listen {HOST}:{self.port};",
            "listen 443 ssl;": f"listen {HOST}:{self.tls_port} ssl;",
            "listen [::]:80;": "",
            "listen [::]:443 ssl;": "",
            "/etc/ssl/mail.example.com/fullchain.pem": str(self.folder / "cert.pem"),
            "/etc/ssl/mail.example.com/privkey.pem": str(self.folder / "key.pem"),
        }
        self._write("nginx.conf", "site.conf", changes)
        user = "user root;" if os.geteuid() == 0 else ""
        main = self.folder / "main.conf"
        main.write_text(NGINX.format(folder=self.folder, user=user))
        test = [program, "-t", "-c", str(main)]
        done = subprocess.run(test, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr
        return [program, "-c", str(main)]

    def _caddy(self) -> list[str]:
        """Return the command. The file is used as it is, with variables, but for the ports: 80, 443
        and the one of its API could be in use."""
        changes = {
            "\tservers {": (
                f"\tadmin off\n\tskip_install_trust\n\thttp_port {self.port}\n"
                f"\thttps_port {self.tls_port}\n\tdefault_bind {HOST}\n\n\tservers {{"
            ),
        }
        self._write("Caddyfile", "Caddyfile", changes)
        config = str(self.folder / "Caddyfile")
        return [tool("caddy"), "run", "--adapter", "caddyfile", "--config", config]

    def _write(self, source: str, name: str, changes: dict[str, str]) -> None:
        """Write a file of deploy/ with some of its text replaced. Each has to be there."""
        text = (ROOT / "deploy" / source).read_text(encoding="utf-8")
        for old, new in changes.items():
            assert old in text, f"deploy/{source} has no {old!r}"
            text = text.replace(old, new)
        (self.folder / name).write_text(text, encoding="utf-8")

    def _certify(self) -> None:
        """Write a certificate of NAME, signed by itself, and its key."""
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
        now = datetime.datetime.now(datetime.UTC)
        day = datetime.timedelta(days=1)
        certificate = (
            x509.CertificateBuilder().subject_name(name).issuer_name(name)
            .public_key(key.public_key()).serial_number(x509.random_serial_number())
            .not_valid_before(now - day).not_valid_after(now + day)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )  # fmt: skip
        pem = serialization.Encoding.PEM
        (self.folder / "cert.pem").write_bytes(certificate.public_bytes(pem))
        (self.folder / "key.pem").write_bytes(
            key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        )
