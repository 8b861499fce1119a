#!/usr/bin/env python3
"""Loads a server with many streaming clients and with bad ones, and checks what it must keep under load.

    python3 Benchmarks/load_server.py --ouro .build/release/ouro --model FOLDER --seconds 60

Checked: no error and no stuck stream; every stream's text is that of the same request run alone, before and after; memory is
flat once warm (between a third of the time and its end); the server's counters return to zero; SIGTERM lets a stream finish.
Beside the clients run slow readers, half-open connections, clients that leave in the middle, and garbage bytes.
Only Python's standard library is needed. With --json the figures are printed for programs.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time

STUCK_SECONDS = 60


def requests(count: int) -> list[dict]:
    """Different requests: several prompts, lengths, depths, samplings and schedules."""
    prompts = ["public func ", "let x = ", "return self.", "// A list of ", "import ", "struct Token: "]
    result = []
    for index in range(count):
        body = {"prompt": prompts[index % len(prompts)] * (1 + index % 5), "max_tokens": 16 + 8 * (index % 7),
                "seed": index, "stream": True, "stream_options": {"include_usage": True},
                "temperature": [0, 0.8, 1.2][index % 3], "ignore_eos": index % 4 == 0}
        if index % 4 == 1:
            body["exit_threshold"] = 0.6
        if index % 8 == 2:
            body["wavefront"] = False
        if index % 8 == 3:
            body["logprobs"] = 2
        if index % 16 == 5:
            body["response_format"] = {"type": "json_object"}
        result.append(body)
    return result


class Failure(Exception):
    pass


def message(method: str, path: str, body: dict | None = None) -> bytes:
    data = b"" if body is None else json.dumps(body).encode()
    head = f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data


async def plain(port: int, path: str) -> str:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(message("GET", path))
    answer = await asyncio.wait_for(reader.read(), STUCK_SECONDS)
    writer.close()
    return answer.partition(b"\r\n\r\n")[2].decode()


async def stream(port: int, body: dict, pause: float = 0) -> tuple[str, list[float]]:
    """Text of a streamed completion, and when its parts came."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 20)
    try:
        writer.write(message("POST", "/v1/completions", body))
        start, text, times, ended = time.monotonic(), [], [], False
        status = await asyncio.wait_for(reader.readline(), STUCK_SECONDS)
        if b" 200 " not in status:
            raise Failure(f"status {status!r}")
        while line := await asyncio.wait_for(reader.readline(), STUCK_SECONDS):
            if pause:
                await asyncio.sleep(pause)
            if not line.startswith(b"data: "):
                continue
            if line.strip() == b"data: [DONE]":
                ended = True
                continue
            event = json.loads(line[6:])
            if "error" in event:
                raise Failure(f"error in the stream: {event}")
            times.append(time.monotonic() - start)
            text += [choice["text"] for choice in event["choices"]]
        if not ended:
            raise Failure("the stream ends without [DONE]")
        return "".join(text), times
    finally:
        writer.close()


async def client(port: int, jobs: list[dict], expected: list[str], until: float, seed: int, report: dict) -> None:
    choose = random.Random(seed)
    while time.monotonic() < until:
        index = choose.randrange(len(jobs))
        try:
            text, times = await stream(port, jobs[index])
            if text != expected[index]:
                raise Failure(f"request {index}: {text!r} instead of {expected[index]!r}")
            report["streams"] += 1
            report["tokens"] += len(times) - 1
            report["first"].append(times[0])
            report["between"] += [b - a for a, b in zip(times, times[1:])]
        except Exception as failure:  # every kind of failure is one
            report["failures"].append(f"{type(failure).__name__}: {failure}")


async def nuisance(port: int, jobs: list[dict], until: float, kind: str, seed: int) -> None:
    """What others must not notice. Whatever happens to these clients themselves is no failure."""
    choose = random.Random(seed)
    while time.monotonic() < until:
        try:
            if kind == "slow":
                await stream(port, jobs[choose.randrange(len(jobs))], pause=0.05)
                continue
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            whole = message("POST", "/v1/completions", {**jobs[0], "max_tokens": 500, "ignore_eos": True})
            if kind == "garbage":
                writer.write(choose.randbytes(choose.randrange(1, 5000)))
            elif kind == "half-open":
                writer.write(whole[: choose.randrange(1, len(whole))])
                await asyncio.sleep(1 + choose.random())
            elif kind == "deaf":
                writer.write(whole)
                await asyncio.sleep(2)
            else:
                writer.write(whole)
                await reader.read(choose.randrange(1, 2000))
            writer.transport.abort()
            await asyncio.sleep(0.05)
        except (OSError, Failure, asyncio.TimeoutError):
            await asyncio.sleep(0.05)


def resident(process: subprocess.Popen) -> float:
    """Resident memory in MiB, Linux only."""
    with open(f"/proc/{process.pid}/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE") / 2**20


async def watch(process: subprocess.Popen, until: float, samples: list[tuple[float, float]]) -> None:
    while time.monotonic() < until:
        samples.append((time.monotonic(), resident(process)))
        await asyncio.sleep(0.5)


def quantile(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else float("nan")


async def becomes_idle(port: int) -> bool:
    for _ in range(100):
        page = await plain(port, "/metrics")
        names = ("ouro_num_requests_running{", "ouro_num_requests_waiting{")
        if all(float(line.split()[-1]) == 0 for line in page.splitlines() if line.startswith(names)):
            return True
        await asyncio.sleep(0.1)
    return False


async def run(arguments: argparse.Namespace, process: subprocess.Popen, port: int) -> dict:
    jobs = requests(arguments.requests)
    expected = [(await stream(port, job))[0] for job in jobs]
    report = {"streams": 0, "tokens": 0, "first": [], "between": [], "failures": []}
    start = time.monotonic()
    until = start + arguments.seconds
    samples: list[tuple[float, float]] = []
    tasks = [client(port, jobs, expected, until, seed, report) for seed in range(arguments.clients)]
    for kind in ("slow", "garbage", "half-open", "deaf", "leaving"):
        tasks += [nuisance(port, jobs, until, kind, seed) for seed in range(arguments.nuisances)]
    await asyncio.gather(*tasks, watch(process, until, samples))
    took = time.monotonic() - start
    if not await becomes_idle(port):
        report["failures"].append("requests are left behind")
    for index, job in enumerate(jobs[:8]):
        if (await stream(port, job))[0] != expected[index]:
            report["failures"].append(f"request {index} alone says something else after the load")
    warm = [size for when, size in samples if when - start > arguments.seconds / 3]
    begin, end = warm[: len(warm) // 3 + 1], warm[-(len(warm) // 3 + 1):]
    growth = sum(end) / len(end) - sum(begin) / len(begin)
    if growth > max(4, 0.03 * sum(begin) / len(begin)):
        report["failures"].append(f"memory grows: by {growth:.1f} MiB after warm-up")
    # A stream that runs when the server is told to end must come to its end.
    last = asyncio.create_task(stream(port, {**jobs[0], "max_tokens": 200, "ignore_eos": True}))
    await asyncio.sleep(0.2)
    process.send_signal(signal.SIGTERM)
    try:
        await last
    except Exception as failure:
        report["failures"].append(f"SIGTERM cuts a stream: {failure}")
    for _ in range(400):
        if process.poll() is not None:
            break
        await asyncio.sleep(0.1)
    if process.poll() != 0:
        report["failures"].append(f"the server ends with {process.poll()}")
    return {
        "clients": arguments.clients, "seconds": round(took, 1), "streams": report["streams"],
        "tokens_per_second": round(report["tokens"] / took, 1),
        "first_token_ms": {p: round(1000 * quantile(report["first"], p / 100), 1) for p in (50, 95, 99)},
        "between_tokens_ms": {p: round(1000 * quantile(report["between"], p / 100), 2) for p in (50, 95, 99)},
        "memory_mib": round(warm[-1], 1), "memory_growth_mib": round(growth, 2), "failures": report["failures"],
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ouro", default=".build/release/ouro")
    parser.add_argument("--model", default="Tests/OuroTests/Fixtures/code_lm", help="folder with the model")
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--nuisances", type=int, default=2, help="bad clients of each kind")
    parser.add_argument("--requests", type=int, default=48, help="different requests")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    process = subprocess.Popen(
        [arguments.ouro, "serve", "--model", arguments.model, "--port", "0", "--log-level", "error",
         "--arrival-seconds", "5"],
        stderr=subprocess.PIPE, text=True)
    try:
        line = process.stderr.readline()
        if not line.startswith("Listening on "):
            print(f"the server does not start: {line}", file=sys.stderr)
            return 1
        report = asyncio.run(run(arguments, process, int(line.rsplit(":", 1)[1])))
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
    if arguments.json:
        print(json.dumps(report))
    else:
        for name, value in report.items():
            if name != "failures":
                print(f"{name}: {value}")
        print(f"failures: {len(report['failures'])}")
        for failure in report["failures"][:20]:
            print(f"  {failure}", file=sys.stderr)
    return 1 if report["failures"] or report["streams"] == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
