#!/usr/bin/env python3
"""Measures Azimuth beside other DNS servers: the same zones, queries and database, one core for the server and one for the load.

    make peers                                             # builds, measures, and writes the table and the chart into docs/
    python3 benches/peers.py --rounds 1 --seconds 1        # a quick look; writes nothing
    python3 benches/peers.py --work w3 --servers echo,gdnsd,azimuth
    python3 benches/peers.py --render target/peers.json    # table and chart of what was measured before

benches/README.md says what is measured and how to read it. Servers that are not installed are left out, and said so. Run as root on
an otherwise idle machine with two cores or more.
"""
import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

import contenders
import figures
from contenders import HOME, lab

PAGE, CHART = HOME / 'docs' / 'PERFORMANCE.md', HOME / 'docs' / 'performance.svg'
BEGIN, END = '<!-- peers: begin -->\n', '<!-- peers: end -->\n'
# A run counts when the server had its core, or nobody else took much of either core.
SHARE_MIN, OTHERS_MAX = 0.965, 0.03
# Below this share the server waited for the generator.
LIMITED_BELOW = 0.94
COUNTED = (3_000, 2_000, 22_000)  # queries before counting, and of the two counts
NICE = ['nice', '-n', '-20'] if os.geteuid() == 0 else []


def ticks(path, fields):
    return sum(int(value) for value in path.read_text().rsplit(')', 1)[1].split()[fields])


def busy(cores):
    """Seconds that the cores were at work, or that another guest of the machine had them."""
    total = 0
    for line in pathlib.Path('/proc/stat').read_text().splitlines():
        name, *values = line.split()
        if name in {f'cpu{core}' for core in cores}:
            user, nice, system, _, _, irq, softirq, steal = map(int, values[:8])
            total += user + nice + system + irq + softirq + steal
    return total / os.sysconf('SC_CLK_TCK')


def own(processes):
    """Seconds that the processes ran, and this one with what it has waited for."""
    used = 0
    for process in processes:
        try:
            used += ticks(pathlib.Path(f'/proc/{process}/stat'), slice(11, 13))
        except OSError:
            pass
    times = os.times()
    return used / os.sysconf('SC_CLK_TCK') + times.user + times.system + times.children_user + times.children_system


class Bench:
    def __init__(self, arguments, folder):
        self.arguments, self.folder = arguments, folder
        self.works = contenders.Works(folder / 'works')
        self.backends = contenders.Backends(self.works)
        self.number = 0

    def contender(self, kind, work):
        self.number += 1
        return kind(self.works, work, self.backends, self.folder / f'{self.number}')

    def measure(self, server, *options):
        """One load; adds which share of a core neither the server nor we have used."""
        cores = (self.arguments.server_core, self.arguments.load_core)
        processes = server.processes()
        argv = [*NICE, 'taskset', '-c', str(cores[1]), contenders.workbench(), 'measure', f'127.0.0.1:{server.port}',
                self.works.queries(server.work), *options, *(f'--process={process}' for process in processes)]
        before = (busy(cores) - own(processes), time.monotonic())
        done = subprocess.run([str(word) for word in argv], check=True, capture_output=True, text=True)
        others, seconds = busy(cores) - own(processes) - before[0], time.monotonic() - before[1]
        return json.loads(done.stdout) | {'others_share': others / seconds}

    def run(self, kind, work):
        """Starts, loads and stops one server."""
        arguments = self.arguments
        server = self.contender(kind, work)
        try:
            server.start([*NICE, 'taskset', '-c', str(arguments.server_core)])
            time.sleep(arguments.settle)
            warm = f'--warm-up={min(1.0, arguments.seconds)}'
            run = self.measure(server, f'--seconds={arguments.seconds}', warm)
            wrong = self.wrong(kind, work, run)
            if wrong > 0.001:
                raise lab.Failure(f'{kind.name} answers {100 * wrong:.1f} % of {work} otherwise than expected: {run}')
            latency = self.measure(server, f'--seconds={arguments.seconds}', warm, f'--rate={arguments.rate}')
            run |= {key: latency[key] for key in ('p50_us', 'p99_us', 'p999_us')} | {'latency_lost': latency['lost']}
            run['resident_mib'] = server.resident_mib()
        finally:
            server.stop()
            shutil.rmtree(server.folder, ignore_errors=True)
        share, others = run['processor_share'], run['others_share']
        return run | {'work': work, 'server': kind.name, 'disturbed': share <= SHARE_MIN and others >= OTHERS_MAX,
                      'limited': share < LIMITED_BELOW and others < OTHERS_MAX}

    @staticmethod
    def wrong(kind, work, run):
        """The share of answers that are not what the work expects."""
        if kind is contenders.Echo or not run['answered']:
            return 0.0 if run['answered'] else 1.0
        right = run['rcodes'].get('3', 0) if work in ('w4', 'w5nx') else min(run['rcodes'].get('0', 0), run['with_records'])
        return 1 - right / run['answered']

    def rounds(self, kinds):
        """Every server once, then every server once more: what changes slowly hits all alike."""
        arguments, runs, failed = self.arguments, [], set()
        for number in range(arguments.rounds):
            for work in arguments.work:
                for kind in kinds:
                    if work not in kind.works or kind in failed:
                        continue
                    try:
                        run = self.undisturbed(kind, work)
                    except (lab.Failure, subprocess.CalledProcessError) as failure:
                        print(f'{kind.name} is left out from here on: {failure}', file=sys.stderr)
                        failed.add(kind)
                        continue
                    runs.append(run | {'round': number})
                    print(f'round {number + 1} {work:5} {kind.name:11} {run["processor_us_per_answer"]:7.3f} µs, '
                          f'{run["answers_per_second"]:9,.0f}/s, p99 {run["p99_us"] or 0:7.0f} µs, {run["octets_per_answer"]:4.0f} octets, '
                          f'others {run["others_share"]:.3f}{", disturbed" if run["disturbed"] else ""}', flush=True)
        return runs, failed

    def undisturbed(self, kind, work):
        for again in range(self.arguments.retries + 1):
            run = self.run(kind, work) | {'discarded': again}
            if not run['disturbed']:
                break
        return run

    def instructions(self, kinds):
        """User-mode instructions of one answer, for the whole process: the difference of two counts, so that what the server does
        besides answering falls out."""
        counted = {}
        for kind in kinds:
            for work in self.arguments.work:
                if work not in kind.works or kind is contenders.Echo:
                    continue
                server = self.contender(kind, work)
                out = self.folder / f'count-{self.number}'
                out.mkdir()
                try:
                    server.start([lab.program('valgrind'), '--tool=callgrind', '--trace-children=yes',
                                  f'--callgrind-out-file={out}/%p'], limit=300)
                    time.sleep(2)
                    counts, skip = [], 0
                    for count in COUNTED:
                        run = self.measure(server, '--seconds=300', '--warm-up=0', '--window=32', '--timeout-ms=5000',
                                           f'--count={count}', f'--skip={skip}')
                        skip += count
                        counts.append((self.dump(server, out), run['answered']))
                    (_, _), (few, few_answers), (many, many_answers) = counts
                    counted[f'{work} {kind.name}'] = (many - few) / (many_answers - few_answers)
                    print(f'{work:5} {kind.name:11} {counted[f"{work} {kind.name}"]:8.0f} instructions an answer', flush=True)
                except (lab.Failure, subprocess.CalledProcessError) as failure:
                    print(f'{kind.name} {work} is not counted: {failure}', file=sys.stderr)
                finally:
                    server.stop()
                    shutil.rmtree(server.folder, ignore_errors=True)
        return counted

    @staticmethod
    def dump(server, out):
        """What all processes of the server have counted since the last time."""
        before = set(out.iterdir())
        for process in server.processes():
            subprocess.run(['callgrind_control', '-d', str(process)], capture_output=True, check=False)
        lab.wait_until('callgrind writes its counts', lambda: set(out.iterdir()) - before)
        time.sleep(0.5)
        texts = [path.read_text() for path in set(out.iterdir()) - before]
        return sum(int(total[1]) for text in texts if (total := re.search(r'^(?:summary|totals): (\d+)', text, re.M)))


def machine():
    text = pathlib.Path('/proc/cpuinfo').read_text()
    model = re.search(r'^model name\s*: (.*)$', text, re.M)
    return f'{" ".join(model[1].split()) if model else platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}'


def versions(kinds):
    """Of Debian's packages, and of Azimuth."""
    said = subprocess.run([lab.azimuth_binary(), '--version'], capture_output=True, text=True, check=False).stdout.split()
    found = [f'Azimuth {said[1] if len(said) > 1 else "of unknown version"}']
    for package in sorted({kind.package.split()[0] for kind in kinds if kind.package}):
        asked = ['dpkg-query', '-W', '-f', '${Version}', package]
        version = subprocess.run(asked, capture_output=True, text=True, check=False).stdout
        found.append(f'{package} {version.split("-")[0] or "of unknown version"}')
    return ', '.join(found)


def publish(result):
    """Writes the table into the page, between its marks, and the chart beside it."""
    page = PAGE.read_text()
    before, rest = page.split(BEGIN, 1)
    image = f'![Processor time of an answer, by that of a bare echo]({CHART.name})\n\n'
    PAGE.write_text(before + BEGIN + image + figures.table(result) + END + rest.split(END, 1)[1])
    CHART.write_text(figures.chart(result))
    print(f'written: {PAGE.relative_to(HOME)} and {CHART.relative_to(HOME)}')


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--servers', type=lambda text: text.split(','), help=', '.join(kind.name for kind in contenders.ALL))
    parser.add_argument('--work', type=lambda text: text.split(','), default=list(figures.WORKS), help='default: all')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seconds', type=float, default=5, help='of one load, behind a second of warming up')
    parser.add_argument('--settle', type=float, default=0.7, help='seconds between the first answer and the load')
    parser.add_argument('--rate', type=int, default=20_000, help='queries a second at which latency is measured')
    parser.add_argument('--retries', type=int, default=3, help='how often a disturbed run is repeated')
    parser.add_argument('--server-core', type=int, default=0)
    parser.add_argument('--load-core', type=int, default=1)
    parser.add_argument('--no-instructions', action='store_true', help='counts none, which takes a minute a server and work')
    parser.add_argument('--require', action='store_true', help='fails when a server that is installed does not do its work')
    parser.add_argument('--json', type=pathlib.Path, help='writes everything that was measured')
    parser.add_argument('--publish', action='store_true', help='writes table and chart into docs/')
    parser.add_argument('--render', type=pathlib.Path, metavar='JSON', help='measures nothing: publishes what is in this file')
    return parser.parse_args()


def main():
    arguments = options()
    if arguments.render:
        publish(json.loads(arguments.render.read_text()))
        return 0
    kinds = [kind for kind in contenders.ALL if arguments.servers is None or kind.name in arguments.servers]
    missing = [kind for kind in kinds if not kind.is_installed()]
    for kind in missing:
        print(f'{kind.name} is left out: apt-get install {kind.package}', file=sys.stderr)
    kinds = [kind for kind in kinds if kind not in missing]
    if os.cpu_count() < 2:
        sys.exit('peers.py needs two cores: one for the server and one for the load')
    folder = pathlib.Path(tempfile.mkdtemp(prefix='azimuth-peers-'))
    try:
        os.sched_setaffinity(0, {arguments.load_core})
        bench = Bench(arguments, folder)
        os.sched_setaffinity(0, range(os.cpu_count()))
        runs, failed = bench.rounds(kinds)
        counted = {} if arguments.no_instructions else bench.instructions([kind for kind in kinds if kind not in failed])
        result = {'date': datetime.date.today().isoformat(), 'machine': machine(), 'versions': versions(kinds), 'rate': arguments.rate,
                  'seconds': arguments.seconds, 'servers': [kind.name for kind in kinds], 'instructions': counted, 'runs': runs}
        if arguments.json:
            arguments.json.write_text(json.dumps(result, indent=1) + '\n')
        print('\n' + figures.table(result))
        if arguments.publish:
            publish(result)
        said = f'{len(runs)} runs of {len(kinds) - len(failed)} servers'
        lost = sum(run['latency_lost'] for run in runs if run['server'] == 'azimuth')
        print(f'peers: {said}, median share of others {statistics.median(run["others_share"] for run in runs):.3f}, {lost} queries lost by '
              f'azimuth at {arguments.rate} a second')
        return 1 if arguments.require and failed else 0
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(main())
