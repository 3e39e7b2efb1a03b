#!/usr/bin/env python3
"""Makes the table of benchmarks/README.md: ratios to the peer, and what limits every job.

    table.py [--build build/release] [--peers ../shared/peers] [--rounds 5] [--seconds 0.5] [--threads 2] [--filter REGEX]
             [--limits FILE] [--compared FILE] [--write benchmarks/README.md]

Runs benchmarks/machine_limits, benchmarks/adret_bench (for flops and bytes) and the peers' compare.py, one after the
other, and prints Markdown; --write puts it between the table's marks in that file. --limits and --compared take what
`machine_limits --json` and `compare.py --md` printed earlier instead of running them.
"""
import argparse
import json
import math
import os
import re
import statistics
import subprocess
import sys

BEGIN, END = "<!-- table: made by benchmarks/table.py -->", "<!-- end of table -->"
# Below this, what a job must do takes less time than starting it does.
NOTHING = 5e-6


def output(command):
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    if result.returncode:
        sys.exit(f"table.py: {' '.join(command)} ended with {result.returncode}")
    return result.stdout


def read_or_run(path, command):
    if not path:
        return output(command)
    with open(path) as file:
        return file.read()


def parse_compared(text):
    """Rows of compare.py's Markdown table by job: (our ms, peer's ms, ratio, ratio of the worst round, our MiB, peer's MiB)."""
    rows = {}
    for line in text.splitlines():
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if len(cells) == 7 and re.fullmatch(r"[0-9.]+", cells[1]):
            rows[cells[0]] = [float(c) for c in cells[1:]]
    return rows


def bandwidth(limits, size):
    """The best rate of any access for data of this size: of the smallest measured size that holds them."""
    sizes = limits["memory"]
    fitting = [m for m in sizes if m["bytes_per_thread"] * limits["threads"] >= size]
    row = fitting[0] if fitting else sizes[-1]
    return max(row["read"], row["write"], row["copy"])


def limit_of(job, limits):
    """(what limits the job, the least seconds that the machine needs for it)"""
    by_flops = job["flops"] / limits["f32_flops"]
    by_bytes = job["bytes"] / bandwidth(limits, job["bytes"])
    floor = max(by_flops, by_bytes)
    return ("overhead" if floor < NOTHING else "flops" if by_flops > by_bytes else "bytes"), floor


def scaled(number, units, factor):
    for unit in units[:-1]:
        if number < factor:
            return f"{number:.3g} {unit}".strip()
        number /= factor
    return f"{number:.3g} {units[-1]}"


def table(jobs, compared, limits):
    lines = ["| job | adret ms | PyTorch ms | ratio | worst round | flops | bytes at least | plan's bytes | limited by | share of the limit |",
             "|---|--:|--:|--:|--:|--:|--:|--:|---|--:|"]
    for name, (ours, peer, ratio, worst, _, _) in compared.items():
        row = f"| {name} | {ours:.3f} | {peer:.3f} | {ratio:.2f} | {worst:.2f} |"
        if name in jobs:
            job = jobs[name]
            what, floor = limit_of(job, limits)
            share = f"{100 * floor / (ours * 1e-3):.0f} %" if what != "overhead" else ""
            binary = ["B", "KiB", "MiB", "GiB"]
            row += (f" {scaled(job['flops'], ['', 'k', 'M', 'G', 'T'], 1000)} | {scaled(job['bytes'], binary, 1024)} |"
                    f" {scaled(job['plan_bytes'], binary, 1024)} | {what} | {share} |")
        lines.append(row)
    return lines


def group_means(compared):
    groups = {}
    for name, row in compared.items():
        groups.setdefault(name.split("/")[0], []).append(row[2])
    parts = [f"{g} {math.exp(statistics.mean(map(math.log, r))):.2f}" for g, r in groups.items()]
    return "Geometric means of the ratios: " + ", ".join(parts) + "."


def machine(measured, limits):
    memory = ", ".join(f"{scaled(m['bytes_per_thread'], ['B', 'KiB', 'MiB'], 1024)}: {max(m['read'], m['write'], m['copy']) / 1e9:.0f}"
                       for m in limits["memory"])
    return (f"{measured['cpu'] or 'An unnamed CPU'}, {limits['threads']} threads: {limits['f32_flops'] / 1e9:.0f} Gflop/s in f32"
            f" ({limits['f64_flops'] / 1e9:.0f} in f64); memory by data per thread, GB/s: {memory}.")


def write(path, text):
    with open(path) as file:
        old = file.read()
    if BEGIN not in old or END not in old:
        sys.exit(f"table.py: {path} has no place for the table: {BEGIN} ... {END}")
    before, after = old.split(BEGIN)[0], old.split(END)[1]
    with open(path, "w") as file:
        file.write(f"{before}{BEGIN}\n{text}\n{END}{after}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/release")
    parser.add_argument("--peers", default="../shared/peers")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--filter", default=".")
    parser.add_argument("--limits", help="output of machine_limits --json")
    parser.add_argument("--compared", help="output of compare.py --md")
    parser.add_argument("--write", help="file with the table's marks")
    a = parser.parse_args()
    bench = os.path.join(a.build, "benchmarks", "adret_bench")
    threads = ["--threads", str(a.threads)]

    measured = json.loads(read_or_run(a.limits, [os.path.join(a.build, "benchmarks", "machine_limits"), "--json"] + threads))
    limits = next((l for l in measured["limits"] if l["threads"] == a.threads), None)
    if limits is None:
        sys.exit(f"table.py: the limits are not those of {a.threads} threads")
    lines = output([bench, "--seconds", "0", "--filter", a.filter] + threads).splitlines()
    jobs = {job["job"]: job for job in map(json.loads, lines)}
    compared = parse_compared(read_or_run(a.compared, [
        sys.executable, os.path.join(a.peers, "compare.py"), "--rounds", str(a.rounds), "--seconds", str(a.seconds), "--filter", a.filter,
        "--md", "--", bench, *threads, "---", os.path.join(a.peers, "torch_best"), *threads]))
    if not compared:
        sys.exit("table.py: nothing was compared")
    text = "\n".join([machine(measured, limits), "", *table(jobs, compared, limits), "", group_means(compared)])
    if a.write:
        write(a.write, text)
    else:
        print(text)


if __name__ == "__main__":
    main()
