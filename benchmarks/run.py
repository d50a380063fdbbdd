"""How long a whole evaluation takes beside a bare loop: ratios of one run.

    python benchmarks/run.py [--samples 1000] [--repeat 3] [--growth]

Every row is a process of its own, started cold, against one server on loopback. `ideal` is samples x
latency / concurrency; `window` is what the server saw from the first call to the last answer. A further
sample's CPU is the difference between two runs of different sizes, so that no start-up is in it.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Measured:
    wall: float
    cpu: float
    peak: float
    window: float
    calls: int
    concurrency: float


@contextmanager
def server(seconds: float) -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        port_file = Path(folder) / "port"
        process = subprocess.Popen(
            [sys.executable, str(HERE / "loopback_server.py"), str(port_file), str(seconds)]
        )
        try:
            while not port_file.exists() or not port_file.read_text():
                time.sleep(0.01)
            yield f"http://127.0.0.1:{port_file.read_text()}"
        finally:
            process.terminate()
            process.wait()


def measure(url: str, command: list[str], folder: Path) -> Measured:
    _ask(url, "/reset", post=True)
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONDONTWRITEBYTECODE"}
    peak_file = folder / "peak"
    # A parent of its own, so that CPU and memory are of this command and nothing before it.
    wrapper = (
        "import resource,subprocess,sys,pathlib;"
        "code=subprocess.call(sys.argv[2:],stdout=subprocess.DEVNULL,stderr=subprocess.PIPE);"
        "used=resource.getrusage(resource.RUSAGE_CHILDREN);"
        "pathlib.Path(sys.argv[1]).write_text(f'{used.ru_utime+used.ru_stime} {used.ru_maxrss/1024}');"
        "sys.exit(code)"
    )
    started = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", wrapper, str(peak_file), *command], check=True, cwd=folder, env=environment
    )
    wall = time.perf_counter() - started
    cpu, peak = (float(part) for part in peak_file.read_text().split())
    told = json.loads(_ask(url, "/stats"))
    return Measured(wall, cpu, peak, told["window"], told["calls"], told["concurrency"])


def project(folder: Path, url: str, samples: int, *, judged: bool, text_metrics: bool = False) -> None:
    (folder / "promptops.toml").write_text(
        f'[providers.bench]\nkind = "openai"\nbase_url = "{url}/v1"\n', "utf-8"
    )
    (folder / "ask.prompt.yaml").write_text(
        "messages:\n  - {role: user, content: '{{ question }}'}\n", "utf-8"
    )
    target = folder / "evalsets" / "bench"
    target.mkdir(parents=True, exist_ok=True)
    metrics = '[metrics.contains]\ntext = ["42"]\n'
    if judged:
        metrics += '[metrics.quality]\nmetric = "rubric"\nmodel = "bench/judge"\n'
    if text_metrics:
        metrics += '[metrics.rouge]\nvariant = "rougeL"\n[metrics.bleu]\n'
    (target / "evalset.toml").write_text(f'format = 1\n[card]\ndescription = "bench"\n{metrics}', "utf-8")
    with (target / "samples.jsonl").open("w", encoding="utf-8") as file:
        for number in range(samples):
            row = {
                "id": f"s{number:06}",
                "inputs": {"question": f"Question {number}?"},
                "target": "The answer is 42.",
            }
            file.write(json.dumps(row) + "\n")


def promptops(concurrency: int, *more: str) -> list[str]:
    return [
        *(sys.executable, "-m", "promptops", "eval", "bench"),
        *("--prompt", "ask.prompt.yaml", "--model", "bench/m"),
        "-j", str(concurrency), *more,
    ]  # fmt: skip


def row(name: str, found: list[Measured], ideal: float) -> None:
    middle: Callable[[str], float] = lambda field: statistics.median(getattr(each, field) for each in found)  # noqa: E731
    print(
        f"{name:<34} wall/ideal {middle('wall') / ideal:5.2f}  window/ideal {middle('window') / ideal:5.2f}  "
        f"CPU {middle('cpu'):5.2f} s  peak {middle('peak'):4.0f} MB  calls {found[-1].calls:>6}  "
        f"at a time {middle('concurrency'):5.1f}",
        flush=True,
    )


def scenario(
    title: str, samples: int, seconds: float, concurrency: int, repeat: int, *, judged: bool = False
) -> None:
    ideal = samples * seconds / concurrency * (2 if judged else 1)
    print(f"\n{title}: {samples} samples, {seconds * 1000:.0f} ms, -j {concurrency}; ideal {ideal:.2f} s")
    bare: list[Measured] = []
    ours: list[Measured] = []
    warm: list[Measured] = []
    with server(seconds) as url:
        for _ in range(repeat):
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                project(folder, url, samples, judged=judged)
                subprocess.run(
                    [sys.executable, "-m", "promptops", "runs"],
                    cwd=folder,
                    check=True,
                    stdout=subprocess.DEVNULL,
                )
                if not judged:
                    loop = [sys.executable, str(HERE / "bare_loop.py"), url, str(samples), str(concurrency)]
                    bare.append(measure(url, loop, folder))
                ours.append(measure(url, promptops(concurrency), folder))
                warm.append(measure(url, promptops(concurrency), folder))
    if bare:
        row("bare aiohttp loop, nothing stored", bare, ideal)
    row("promptops, every result durable", ours, ideal)
    row("promptops again, from the cache", warm, ideal)


def further(samples: int, repeat: int, *, text_metrics: bool) -> None:
    """CPU of each further sample, asked without latency, scored and stored; beside a bare loop."""
    small, large = samples, 4 * samples
    found: dict[str, list[float]] = {"bare": [], "ours": []}
    with server(0.0) as url:
        for _ in range(repeat):
            cpu: dict[tuple[str, int], float] = {}
            for size in (small, large):
                with tempfile.TemporaryDirectory() as name:
                    folder = Path(name)
                    project(folder, url, size, judged=False, text_metrics=text_metrics)
                    loop = [sys.executable, str(HERE / "bare_loop.py"), url, str(size), "32"]
                    cpu["bare", size] = measure(url, loop, folder).cpu
                    cpu["ours", size] = measure(url, promptops(32), folder).cpu
            for who, values in found.items():
                values.append(1000 * (cpu[who, large] - cpu[who, small]) / (large - small))
    name = "with ROUGE-L and BLEU" if text_metrics else "one metric"
    bare, ours = (statistics.median(values) for values in found.values())
    print(f"CPU per further sample, {name:<22} promptops {ours:.2f} ms, bare loop {bare:.2f} ms", flush=True)


def growth(sizes: tuple[int, ...]) -> None:
    """Time, CPU and memory of one run of each size, asked without latency."""
    with server(0.0) as url:
        for size in sizes:
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                project(folder, url, size, judged=False)
                found = measure(url, promptops(32), folder)
            print(
                f"{size:>7,} samples  wall {found.wall:7.1f} s  CPU {found.cpu:6.1f} s  "
                f"peak {found.peak:4.0f} MB  calls {found.calls:,}",
                flush=True,
            )


def _ask(url: str, path: str, *, post: bool = False) -> str:
    request = urllib.request.Request(url + path, data=b"" if post else None)
    with urllib.request.urlopen(request) as response:
        return str(response.read().decode())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--growth", action="store_true", help="1,000, 10,000 and 100,000 samples too")
    given = parser.parse_args()
    print(f"Python {sys.version.split()[0]}, {os.cpu_count()} cores; medians of {given.repeat}")
    scenario("Running", given.samples, 0.05, 32, given.repeat)
    scenario("Many at once", given.samples, 0.2, 100, given.repeat)
    scenario("One judge call a sample", given.samples, 0.05, 32, given.repeat, judged=True)
    print("\nNo latency")
    further(given.samples, given.repeat, text_metrics=False)
    further(given.samples, given.repeat, text_metrics=True)
    if given.growth:
        print("\nGrowth, no latency")
        growth((1_000, 10_000, 100_000))


resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
if __name__ == "__main__":
    main()
