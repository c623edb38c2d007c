"""Draw flame graphs of where the CPU goes: `make flame`.

    python -m scripts.flame [SUBJECT ...]        default: all of SUBJECTS

Records the stacks of a process under load with py-spy, and writes them to docs/images as an SVG
without scripts. A subject is a function that yields the id of a process while it is at work. Needs
py-spy and what the subjects need, such as wrk.
"""

import re
import shutil
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

from . import bench_delivery, bench_web
from .steps import ROOT, say

SECONDS, RATE = 10, 400
WIDTH, HEIGHT, FONT = 1200, 17, 11  # pixels: of the graph, and of a frame and its text
LEAST = 0.004  # of all samples; narrower frames are left out
_FRAME = re.compile(r"(?P<name>.*) \((?P<file>[^()]*?)(?::\d+)?\)")
# Where a thread begins is the same for all of them.
_BEGIN = re.compile(r"_bootstrap|_run_module_as_main|_run_code|<module>|MainThread|Thread\.run")
_OURS = "#f4a261"
_OTHERS = "#b8c4d6"


def main(arguments: Sequence[str]) -> int:
    """Draw the subjects; return 0, or 2 where a program is missing or a subject unknown."""
    for program in ("py-spy", "wrk"):
        if not _found(program):
            say(f"{program} is missing: `pip install py-spy`, `apt-get install wrk`.")
            return 2
    if unknown := set(arguments) - SUBJECTS.keys():
        say(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(SUBJECTS)}")
        return 2
    for name in arguments or SUBJECTS:
        with SUBJECTS[name]() as pid:
            stacks = record(pid)
        file = ROOT / "docs" / "images" / f"flame-{name}.svg"
        file.write_text(svg_of(stacks, name))
        say(f"{file.relative_to(ROOT)}: {sum(stacks.values()):,} samples")
    return 0


def _found(program: str) -> str | None:
    return shutil.which(program) or shutil.which(program, path=str(Path(sys.executable).parent))


def _web(paths: str) -> Callable[[], AbstractContextManager[int]]:
    """Return the subject of a web process that answers the requests of this line."""

    @contextmanager
    def subject() -> Iterator[int]:
        (line,) = (line for line in bench_web.LINES if line.paths == paths)
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            environ = bench_web.servers(stack) | {"WEB_CONCURRENCY": "1"}
            bench_web.sign(environ, folder)
            web = bench_web.gunicorn(stack, "profilecenter.wsgi", environ)
            file, first = folder / line.paths, 1000 if line.fresh else 0
            bench_web.wrk(web, line.method, file, 0, 4)
            load = threading.Thread(
                target=bench_web.wrk, args=(web, line.method, file, first, SECONDS + 4)
            )
            load.start()
            stack.callback(load.join)
            children = Path(f"/proc/{web.pid}/task/{web.pid}/children").read_text()
            yield int(children.split()[0])

    return subject


SUBJECTS: dict[str, Callable[[], AbstractContextManager[int]]] = {
    "one-click": _web("new"),
    "page": _web("page"),
    "worker": bench_delivery.busy_worker,
}


def record(pid: int) -> Counter[tuple[str, ...]]:
    """Return how often each stack of a process was seen on the CPU, from the outermost frame on,
    without line numbers and folders."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "stacks")
        command = ["record", "--pid", str(pid), "--duration", str(SECONDS), "--rate", str(RATE)]
        subprocess.run(  # noqa: S603
            [_found("py-spy") or "", *command, "--format", "raw", "--gil", "--output", str(file)],
            check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        found: Counter[tuple[str, ...]] = Counter()
        for line in file.read_text().splitlines():
            stack, _, number = line.rpartition(" ")
            frames = tuple(_short(frame) for frame in stack.split(";"))
            found[tuple(one for one in frames if not _BEGIN.search(one))] += int(number)
        return found


def _short(frame: str) -> str:
    """Return the function, and the last folder and the name of its file."""
    read = _FRAME.fullmatch(frame)
    if not read:
        return frame
    return f"{read['name']} ({'/'.join(read['file'].split('/')[-2:])})"


@dataclass(slots=True)
class _Node:
    samples: int = 0
    calls: dict[str, "_Node"] = field(default_factory=dict)


def svg_of(stacks: Counter[tuple[str, ...]], title: str) -> str:
    """Return the SVG of a flame graph: the outermost frames at the top, a frame as wide as its
    share of the samples."""
    root = _Node(samples=sum(stacks.values()))
    for stack, number in stacks.items():
        node = root
        for frame in stack:
            node = node.calls.setdefault(frame, _Node())
            node.samples += number
    boxes = list(_boxes(root, 0.0, 1, root.samples))
    depth = max((row for _, _, row, _, _ in boxes), default=0)
    height = (depth + 2) * HEIGHT
    return "\n".join(
        [
            (
                f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
                f' font-family="monospace" font-size="{FONT}">'
            ),
            f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
            f'<text x="4" y="13">{escape(title)}: {root.samples:,} samples, on the CPU</text>',
            *(_box(*box) for box in boxes),
            "</svg>\n",
        ]
    )


def _boxes(
    node: _Node, left: float, row: int, total: int
) -> Iterator[tuple[str, float, int, float, int]]:
    """Yield name, left edge, row, width and samples of each frame that is wide enough."""
    for name, call in sorted(node.calls.items()):
        width = WIDTH * call.samples / total
        if call.samples >= LEAST * total:
            yield name, left, row, width, round(1000 * call.samples / total)
            yield from _boxes(call, left, row + 1, total)
        left += width


def _box(name: str, left: float, row: int, width: float, permille: int) -> str:
    file = name.rpartition("(")[2].rstrip(")")
    is_ours = (ROOT / "unsub" / file).is_file() or (ROOT / file).is_file()
    colour = _OURS if is_ours else _OTHERS
    top, fits = row * HEIGHT, int(width / (FONT * 0.62)) - 1
    text = name if len(name) <= fits else name.partition(" (")[0][: max(fits, 0)]
    label = f'<text x="{left + 3:.0f}" y="{top + 12}">{escape(text)}</text>' if fits > 3 else ""
    return (
        f"<g><title>{escape(name)}: {permille / 10} %</title>"
        f'<rect x="{left:.1f}" y="{top}" width="{max(width - 0.5, 0.5):.1f}" height="{HEIGHT - 1}"'
        f' fill="{colour}"/>{label}</g>'
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
