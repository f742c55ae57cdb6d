#!/usr/bin/env python3
"""What is no comparison with others: two workers, reloads and changes of health under load, latency, start and memory of a large world.

    make limits                                        # builds, and measures all of it
    python3 benches/limits.py --only reload            # one part
    python3 benches/limits.py --names 100000 --rate 20000   # smaller

Prints figures, and fails only when a query is lost in a reload. Run as root on an otherwise idle machine with two cores or more.
"""
import argparse
import json
import pathlib
import random
import re
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

import contenders
import peers
from contenders import lab


class Large(contenders.Azimuth):
    """One zone of many names beside a balanced name under a city database."""

    names, databases, rate = 1_000_000, (), 0
    probes = False

    def zone_text(self, serial):
        head = self.world.zone('plain').split('host00000', 1)[0].replace(' 1 7200', f' {serial} 7200')
        return head + ''.join(f'host{number:05} IN A 10.{number >> 16}.{number >> 8 & 255}.{number & 255}\n' for number in range(self.names))

    def configure(self):
        argv = super().configure()
        file, path = self.folder / 'large.zone', self.folder / 'azimuth.toml'
        file.write_text(self.zone_text(1))
        text = path.read_text().replace(json.dumps(str(self.world.folder / 'plain.zone')), json.dumps(str(file)))
        if self.databases:
            quoted = ', '.join(json.dumps(str(pathlib.Path(database).resolve())) for database in self.databases)
            text = text.replace(json.dumps(str(self.world.database)), quoted)
        # Nothing is probed: the first round of probes is no part of loading.
        path.write_text(text.replace('monitor = "web"\n', '', 1))
        return argv


def workers(bench, arguments):
    """Processor time of an answer with one worker on one core, and with two on two; the load shares the cores in both. The echo says
    how much of the difference is the kernel's and the machine's."""
    found = {(kind, count): [] for kind in (contenders.Echo, contenders.Azimuth) for count in (1, 2)}
    for _ in range(arguments.rounds):
        for kind, count in found:
            server = bench.contender(kind, 'w1')
            server.workers = count
            try:
                server.start(peers.NICE)
                # Many sockets, so that the kernel spreads them over the workers.
                loads = [subprocess.Popen([contenders.workbench(), 'measure', f'127.0.0.1:{server.port}', bench.works.queries('w1'),
                                           '--sockets=32', f'--seconds={arguments.seconds}',
                                           *(f'--process={process}' for process in server.processes())],
                                          stdout=subprocess.PIPE, text=True) for _ in range(count)]
                runs = [json.loads(load.communicate()[0]) for load in loads]
            finally:
                server.stop()
            # Each load has seen all of the server's time, and its own answers.
            share = statistics.mean(run['processor_share'] for run in runs)
            found[kind, count].append(1e6 * share / sum(run['answers_per_second'] for run in runs))
    for kind in (contenders.Echo, contenders.Azimuth):
        one, two = (statistics.median(found[kind, count]) for count in (1, 2))
        more = statistics.median(100 * (two / one - 1) for one, two in zip(found[kind, 1], found[kind, 2]))
        print(f'workers, {kind.name}: {one:.2f} µs an answer with one, {two:.2f} µs with two on two cores ({more:+.1f} % in the same round)')
    return True


def reload(bench, arguments):
    """Queries lost while a zone is loaded anew, again and again, under a steady load."""
    server = bench.contender(Large, 'w1')
    server.names = 10_000
    try:
        server.start([*peers.NICE, 'taskset', '-c', str(arguments.server_core)])
        load = subprocess.Popen([*peers.NICE, 'taskset', '-c', str(arguments.load_core), contenders.workbench(), 'measure',
                                 f'127.0.0.1:{server.port}', bench.works.queries('w1'), f'--rate={arguments.rate}',
                                 f'--seconds={arguments.seconds * 2}'], stdout=subprocess.PIPE, text=True)
        serial, end = 1, time.monotonic() + arguments.seconds * 2
        while time.monotonic() < end and load.poll() is None:
            time.sleep(1)
            serial += 1
            fresh = server.folder / 'large.zone.new'
            fresh.write_text(server.zone_text(serial))
            fresh.rename(server.folder / 'large.zone')
            server.process.signal(1)
        run = json.loads(load.communicate()[0])
    finally:
        server.stop()
    print(f'reload: {serial - 1} reloads at {run["answers_per_second"]:,.0f} answers a second: {run["lost"]} of {run["sent"]:,} queries lost, '
          f'p99 {run["p99_us"]:.0f} µs, p99.9 {run["p999_us"]:.0f} µs')
    return run['lost'] == 0


class Steered(contenders.Azimuth):
    """Ten thousand pools over three hundred regions, of which a hundred addresses are checked once a second by a file."""

    pools, regions, checked = 10_000, 300, 100

    def configure(self):
        self.admin_port = lab.free_port()
        subprocess.run([contenders.workbench(), 'world', str(self.pools), str(self.regions), self.folder], check=True)
        path = self.folder / 'azimuth.toml'
        text = path.read_text().replace('127.0.0.1:5414', f'127.0.0.1:{self.port}', 1).replace('listen = ""', f'listen = "127.0.0.1:{self.admin_port}"', 1)
        text = text.replace('interval = "10s"', 'interval = "1s"\nfall = 1\nrise = 1', 1)
        # The first pools are checked, all others are up for ever.
        head, *pools = re.split(r'(?m)^(?=\[pool\.)', text)
        self.addresses = []
        for at, pool in enumerate(pools):
            own = [] if len(self.addresses) >= self.checked else re.findall(r'address = "([^"]+)"', pool)
            self.addresses += own
            pools[at] = pool if own else pool.replace('monitor = "web"\n', '', 1)
        path.write_text(head + ''.join(pools))
        self.tell(True)
        queries = [contenders.query(f'p{number:05}.large.example') for number in random.Random(7).sample(range(self.pools), self.pools)]
        (self.folder / 'queries').write_bytes(b''.join(struct.pack('!H', len(query)) + query for query in queries))
        return [lab.azimuth_binary(), 'serve', '--config', path]

    def tell(self, is_up):
        """What the checks will find, each within a second."""
        fresh = self.folder / 'states.new'
        fresh.write_text(''.join(f'{address} => {"up" if is_up else "down"}\n' for address in self.addresses))
        fresh.rename(self.folder / 'states')

    def snapshots(self):
        """How many were published."""
        with urllib.request.urlopen(f'http://127.0.0.1:{self.admin_port}/metrics', timeout=10) as metrics:
            return int(float(re.search(r'(?m)^azimuth_snapshots_total ([0-9.e+]+)', metrics.read().decode())[1]))


def health(bench, arguments):
    """How long answers take while nothing changes, and while a hundred addresses a second go or come: in turn, in one server."""
    server = bench.contender(Steered, 'w1')
    runs, published = {False: [], True: []}, 0
    try:
        server.start([*peers.NICE, 'taskset', '-c', str(arguments.server_core)])
        time.sleep(3)
        is_up = True
        for _ in range(arguments.rounds):
            for changes, found in runs.items():
                before = server.snapshots()
                load = subprocess.Popen([*peers.NICE, 'taskset', '-c', str(arguments.load_core), contenders.workbench(), 'measure',
                                         f'127.0.0.1:{server.port}', str(server.folder / 'queries'), '--rate=20000', '--warm-up=1',
                                         f'--seconds={arguments.seconds}'], stdout=subprocess.PIPE, text=True)
                while load.poll() is None:
                    if changes:
                        is_up = not is_up
                        server.tell(is_up)
                    time.sleep(1)
                found.append(json.loads(load.communicate()[0]))
                published += server.snapshots() - before if changes else 0
    finally:
        server.stop()
    # The load, and what it warms up with.
    seconds = arguments.rounds * (arguments.seconds + 1)
    for changes, what in ((False, 'nothing changes'), (True, f'about {len(server.addresses)} addresses a second change')):
        p50, p99 = (statistics.median(run[key] for run in runs[changes]) for key in ('p50_us', 'p99_us'))
        each = ', '.join(f'{run["p99_us"]:.0f}' for run in runs[changes])
        lost = sum(run['lost'] for run in runs[changes])
        print(f'health: while {what}: p50 {p50:.0f} µs, p99 {p99:.0f} µs (of single runs {each}), {lost} lost')
    print(f'health: {published / seconds:.0f} snapshots a second were published')
    return True


def latency(bench, arguments):
    """How long answers take at 20,000 queries a second: many short loads, in turn on servers that all run meanwhile."""
    rounds = 4 * arguments.rounds
    for work in ('w1', 'w3'):
        kinds = [kind for kind in (contenders.Echo, contenders.Gdnsd, contenders.Azimuth) if kind.is_installed()]
        servers = {kind.name: bench.contender(kind, work) for kind in kinds}
        found = {name: [] for name in servers}
        try:
            for server in servers.values():
                server.start([*peers.NICE, 'taskset', '-c', str(arguments.server_core)])
            time.sleep(3)
            for _ in range(rounds):
                for name, server in servers.items():
                    found[name].append(bench.measure(server, '--seconds=1', '--warm-up=0.2', '--rate=20000'))
        finally:
            for server in servers.values():
                server.stop()
        for name, runs in found.items():
            p50, p99, p999 = (statistics.median(run[key] for run in runs) for key in ('p50_us', 'p99_us', 'p999_us'))
            quarters = statistics.quantiles([run['p99_us'] for run in runs], n=4)
            lost = sum(run['lost'] for run in runs)
            print(f'latency of {work}, {name}: p50 {p50:.0f} µs, p99 {p99:.0f} µs (half of {rounds} runs within {quarters[0]:.0f} to '
                  f'{quarters[2]:.0f}), p99.9 {p999:.0f} µs, {lost} lost')
    return True


def start(bench, arguments):
    """From the start of the process to its first answer, and what it then has in memory."""
    seconds, memory = [], []
    for _ in range(arguments.rounds):
        server = bench.contender(Large, 'w1')
        server.names, server.databases = arguments.names, arguments.database
        try:
            argv = server.prepare()
            begun = time.monotonic()
            server.start(argv=argv)
            seconds.append(time.monotonic() - begun)
            time.sleep(1)
            memory.append(server.resident_mib())
        finally:
            server.stop()
            shutil.rmtree(server.folder, ignore_errors=True)
    what = ', '.join(pathlib.Path(database).name for database in arguments.database) or 'the database of the works'
    print(f'start: {statistics.median(seconds):.2f} s to the first answer, {statistics.median(memory):.0f} MiB, with {arguments.names:,} names '
          f'and {what}')
    return True


PARTS = {'workers': workers, 'reload': reload, 'health': health, 'latency': latency, 'start': start}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--only', choices=PARTS, help='one part')
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seconds', type=float, default=5, help='of one load')
    parser.add_argument('--rate', type=int, default=100_000, help='queries a second during reloads')
    parser.add_argument('--names', type=int, default=1_000_000, help='in the zone of the start')
    parser.add_argument('--database', action='append', default=[], help='a location database for the start, several times if need be')
    parser.add_argument('--server-core', type=int, default=0)
    parser.add_argument('--load-core', type=int, default=1)
    arguments = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix='azimuth-limits-'))
    try:
        bench = peers.Bench(arguments, folder)
        held = [part(bench, arguments) for name, part in PARTS.items() if arguments.only in (None, name)]
        return 0 if all(held) else 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == '__main__':
    sys.exit(main())
