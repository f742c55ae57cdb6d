#!/usr/bin/env python3
"""A million records: what they cost in memory, that a reload loses no query, and that an answer costs what it costs in a small zone.

    python3 tests/interop/scale.py                     # all of it
    python3 tests/interop/scale.py --records 100000    # a smaller one
    python3 tests/interop/scale.py --server knot       # a peer in the place of azimuth, where that makes sense

Times are printed and never asserted.
"""
import argparse
import concurrent.futures
import json
import os
import re
import statistics
import subprocess
import sys
import time

import lab
import servers
import wire

ORIGIN = 'million.test'
MEMORY_MIB = 250
SAMPLE = 20_000
# Records of the zone that the large one is compared with.
SMALL = 1_000


def write_zone(path, records, serial, origin=ORIGIN):
    """A zone of `records` A records and what an apex needs."""
    with open(path.with_suffix('.new'), 'w') as file:
        file.write(f'$ORIGIN {origin}.\n$TTL 3600\n@ SOA ns1 hostmaster {serial} 7200 3600 1209600 300\n@ NS ns1\nns1 A 127.0.0.1\n')
        for start in range(0, records - 3, 1000):
            file.write(''.join(f'h{number:07} A 10.{number >> 16}.{number >> 8 & 255}.{number & 255}\n'
                               for number in range(start, min(start + 1000, records - 3))))
    path.with_suffix('.new').rename(path)


def processor_seconds(pid):
    fields = open(f'/proc/{pid}/stat').read().rsplit(')', 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def loads(world):
    begun = time.monotonic()
    world.server.launch()
    world.server.wait_for_serial(ORIGIN, 1)
    seconds = time.monotonic() - begun
    memory = world.server.resident_mib()
    print(f'        {world.records} records: {seconds:.2f} s to the first answer, '
          f'{processor_seconds(world.server.process.pid):.2f} s of processor time, {memory:.0f} MiB')
    world.memory(memory)


class World:
    def __init__(self, laboratory, arguments):
        self.records = arguments.records
        self.file = laboratory.subfolder('zones') / 'zone'
        write_zone(self.file, self.records, 1)
        self.server = servers.KINDS[arguments.server](laboratory, [servers.Zone(ORIGIN, self.file)])

    def memory(self, mib):
        # For fewer records than a million the bound is in proportion, above what a process costs by itself.
        bound = 20 + (MEMORY_MIB - 20) * self.records / 1_000_000
        lab.expect(mib < bound, f'{mib:.0f} MiB for {self.records} records, {bound:.0f} are allowed')


def answers_all(world):
    """Names all over the zone, and names that are not there."""
    step = max(1, (world.records - 3) // SAMPLE)
    numbers = range(0, world.records - 3, step)
    there = [wire.query(f'h{number:07}.{ORIGIN}', 'A', edns=False) for number in numbers]
    for number, octets in zip(numbers, wire.exchange_udp(world.server.port, there)):
        response = wire.read(octets)
        data = [record.data for record in response.answer]
        expected = bytes([10, number >> 16, number >> 8 & 255, number & 255])
        lab.expect(data == [expected], f'h{number:07} is {data}')
    absent = [wire.query(f'x{number}.{ORIGIN}', 'A') for number in range(1000)]
    for octets in wire.exchange_udp(world.server.port, absent):
        lab.expect(wire.read(octets).rcode == 3, 'a name that is not there')


def workbench():
    """The load and the counted answers: an example of this crate, built with its tests."""
    path = os.environ.get('AZIMUTH_WORKBENCH') or str(lab.HOME / 'target' / 'ci' / 'examples' / 'workbench')
    lab.expect(os.path.exists(path), f'there is no {path}: `make build` builds it')
    return path


def reloads_under_load(world, arguments):
    """Two reloads in the midst of a steady load. The load holds back what a socket could not hold: a lost query is the server's."""
    names = world.records - 3
    argv = [workbench(), 'load', f'127.0.0.1:{world.server.port}', str(arguments.rate), str(names), ORIGIN]
    load = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        lab.expect(load.stdout.readline().strip() == 'started', 'the load starts')
        for serial in (2, 3):
            write_zone(world.file, world.records, serial)
            world.server.reload()
            world.server.wait_for_serial(ORIGIN, serial, limit=lab.PATIENCE * 2)
        said, _ = load.communicate('stop\n', timeout=lab.PATIENCE)
    finally:
        load.kill()
        load.wait()
    tally = json.loads(said)
    print(f'        {tally}; {world.server.resident_mib():.0f} MiB afterwards')
    lab.expect(tally['lost'] == 0, f'{tally["lost"]} of {tally["sent"]} queries were lost')
    lab.expect(tally['wrong'] == 0, f'{tally["wrong"]} answers were wrong')
    lab.expect(tally['sent'] >= arguments.rate, f'there was no load: {tally["sent"]} queries')


def instructions(laboratory, records, count, origin=ORIGIN):
    """Instructions of one answer in a zone of so many records, to a name that is there and to one that is not."""
    folder = laboratory.subfolder(f'count-{records}-{origin}')
    write_zone(folder / 'zone', records, 1, origin)
    (folder / 'azimuth.toml').write_text(f'[server]\nlisten = ["127.0.0.1:0"]\n[zone."{origin}"]\nfile = "zone"\n')
    found = []
    for function in ('answer_positive', 'answer_absent'):
        said = lab.run(['valgrind', '--tool=callgrind', '--collect-atstart=no', f'--toggle-collect=*{function}*',
                        f'--callgrind-out-file={folder}/{function}', workbench(), 'answers', folder / 'azimuth.toml',
                        records - 3, origin, count], limit=1200)
        collected = int(re.search(r'Collected : (\d+)', said.stderr)[1])
        # 64 more are answered before those that are asked for.
        found.append(collected / (count + 64))
    return found


def cost_the_same(laboratory, arguments):
    """Answers in a small and in a large zone take the same instructions, within five hundredths."""
    # Where the hash of a name falls in a small table is chance: the median of several origins of one length is not.
    origins = [ORIGIN, 'million.tesu', 'million.tesv', 'million.tesw', 'million.tesx']
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        job = pool.submit(instructions, laboratory, arguments.records, arguments.answers)
        all_small = list(pool.map(lambda origin: instructions(laboratory, SMALL, arguments.answers, origin), origins))
        large = job.result()
    small = [statistics.median(found) for found in zip(*all_small)]
    for what, few, many, each in zip(('positive', 'NXDOMAIN'), small, large, zip(*all_small)):
        print(f'        {what}: {few:.0f} instructions an answer at {SMALL} records (of {[round(one) for one in each]}), '
              f'{many:.0f} at {arguments.records}')
    for what, few, many in zip(('positive', 'NXDOMAIN'), small, large):
        lab.expect(abs(many - few) <= 0.05 * few, f'{what}: {few:.0f} and {many:.0f} instructions')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--server', choices=servers.KINDS, default='azimuth', help='the server under test')
    parser.add_argument('--records', type=int, default=1_000_000)
    parser.add_argument('--rate', type=int, default=50_000, help='queries a second during the reload')
    parser.add_argument('--answers', type=int, default=8_192, help='answers whose instructions are counted')
    parser.add_argument('--keep', action='store_true', help='keeps the folder')
    arguments = parser.parse_args()
    with lab.Lab('scale', arguments.keep) as laboratory:
        with laboratory.part():
            world = World(laboratory, arguments)
            with laboratory.check(f'{arguments.records} records take less than {MEMORY_MIB} MiB', needed=True):
                loads(world)
            with laboratory.check('names all over the zone are answered'):
                answers_all(world)
            with laboratory.check(f'reloads under {arguments.rate} queries a second lose none'):
                reloads_under_load(world, arguments)
        if arguments.server == 'azimuth':
            with laboratory.check('an answer costs the same in a small zone and in a large one'):
                cost_the_same(laboratory, arguments)
        return laboratory.score()


if __name__ == '__main__':
    sys.exit(main())
