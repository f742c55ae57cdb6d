#!/usr/bin/env python3
"""What an answer costs over sockets, past them by XDP, and by the XDP mode of Knot: two network namespaces and a veth pair.

    make xdp-bench                                          # builds, and measures W1, W3 and W4
    python3 benches/xdp.py [--runs 5] [--seconds 4] [--works W1,W3,W4] [--generator 'GENERATOR ...']

Every run of a work starts each server in turn, on a core of its own, and loads it from the other namespace over ordinary sockets from
another core. The generator is a command line in which {server} {port} {client} {packets} {seconds} are filled in; `packets` is a
file of queries, each behind its length in two octets (the order of the network), and whatever number a query has may be changed. Answers
are counted by the client's interface, so that the generator need not print anything.

Two figures, in microseconds of processor time an answer:

* server: what all threads of the server spent on a processor (/proc/PID/task/*/schedstat). On a veth pair receiving runs in the
  sender's context, so that for sockets most of the way up through the stack is not in it, and for XDP neither the program nor
  the copy; what sends a reply carries it up to the client's socket, in both.
* machine: what all processors did together (/proc/stat), generator included, which is the same for all servers: the honest figure for
  the whole way. It is only good on a machine that is otherwise idle.

The load average beside them says how quiet it was. Needs root. The servers' responses are not limited (`responses_per_second = 0`).
"""
import argparse
import contextlib
import json
import os
import pathlib
import random
import shlex
import statistics
import struct
import subprocess
import sys
import time

HOME = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME / 'tests' / 'interop'))

import contenders  # noqa: E402
import lab  # noqa: E402
import links  # noqa: E402

HOSTS, QUERIES, PORT = 10_000, 200_000, 53
REGIONS = [('eu', 50.11, 8.68), ('na', 39.04, -77.49), ('sa', -23.55, -46.63), ('as', 1.35, 103.82), ('af', -26.2, 28.04),
           ('oc', -33.87, 151.21)]
SERVER, CLIENT = links.Pair.SERVER[0], links.Pair.CLIENT[0]
SERVERS = ['sockets', 'xdp', 'knot', 'knot-xdp']


def zone():
    hosts = ''.join(f'host{n:05} A 10.0.{n >> 8}.{n & 255}\n' for n in range(HOSTS))
    return f'$TTL 300\n@ SOA ns hm 1 3600 600 86400 300\n@ NS ns\nns A 192.0.2.1\n{hosts}'


def query(name, subnet=None):
    labels = b''.join(bytes([len(label)]) + label.encode() for label in name.split('.')) + b'\0'
    opt = b''
    if subnet:
        option = struct.pack('!HHHBB', 8, 7, 1, 24, 0) + bytes(subnet)
        opt = struct.pack('!BHHIH', 0, 41, 1232, 0, len(option)) + option
    return struct.pack('!6H', 0, 0, 1, 0, 0, bool(opt)) + labels + struct.pack('!HH', 1, 1) + opt


def write_packets(path, work):
    """The same queries each time."""
    chance = random.Random(42)
    make = {
        'W1': lambda: query(f'host{chance.randrange(HOSTS):05}.example.com'),
        'W3': lambda: query('www.example.com', (chance.randrange(1, 224), chance.randrange(256), chance.randrange(256))),
        'W4': lambda: query(f'nx{chance.randrange(10 ** 9):09}.example.com'),
    }[work]
    with open(path, 'wb') as file:
        for _ in range(QUERIES):
            message = make()
            file.write(struct.pack('!H', len(message)) + message)


def azimuth(folder, options):
    members = ',\n'.join(f'{{ region = "{name}", address = "198.51.100.{n}{k}" }}' for n, (name, *_) in enumerate(REGIONS, 1) for k in (1, 2))
    regions = '\n'.join(f'[region.{name}]\ncoordinates = [{latitude}, {longitude}]' for name, latitude, longitude in REGIONS)
    (folder / 'azimuth.toml').write_text(f'''
[server]
listen = ["0.0.0.0:{PORT}"]
workers = 1
state_dir = "{folder}/state"
{options}
[server.rate_limit]
responses_per_second = 0
[admin]
listen = ""
{regions}
[pool.web]
members = [{members}]
[policy.both]
spread = "all"
answers = 2
[zone."example.com"]
file = "zone"
balance.www = {{ pool = "web", policy = "both", ttl = 60 }}
''')
    return [lab.azimuth_binary(), 'serve', '--config', 'azimuth.toml']


def knot(folder, options):
    (folder / 'knot.conf').write_text(f'''
server:
  rundir: "{folder}"
  listen: {SERVER}@{PORT}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
{options}
log:
  - target: stderr
    any: info
database:
  storage: "{folder}"
template:
  - id: default
    storage: "{folder}"
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
zone:
  - domain: example.com
    file: zone
''')
    return [lab.program('knotd'), '-c', 'knot.conf']


MAKE = {
    'sockets': lambda folder: azimuth(folder, ''),
    'xdp': lambda folder: azimuth(folder, 'xdp = ["va"]'),
    'knot': lambda folder: knot(folder, ''),
    'knot-xdp': lambda folder: knot(folder, 'xdp:\n  listen: va\n  route-check: off'),
}


def on_processor(pid):
    """Nanoseconds that all threads of a process have spent on a processor."""
    total = 0
    for task in pathlib.Path(f'/proc/{pid}/task').iterdir():
        with contextlib.suppress(OSError):
            total += int((task / 'schedstat').read_text().split()[0])
    return total


def busy():
    """Nanoseconds that all processors were not idle."""
    user, nice, system, _, _, irq, softirq, *_ = map(int, pathlib.Path('/proc/stat').read_text().split('\n', 1)[0].split()[1:])
    return (user + nice + system + irq + softirq) * 1_000_000_000 // os.sysconf('SC_CLK_TCK')


def answers(pair):
    """Frames that the client's interface has received."""
    with pair.client.inside():
        for line in pathlib.Path('/proc/thread-self/net/dev').read_text().splitlines():
            if line.strip().startswith('vb:'):
                return int(line.split(':')[1].split()[1])
    raise lab.Failure('the client has no interface')


def is_answered(pair):
    import socket
    with pair.client.inside(), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.connect((SERVER, PORT))
        udp.settimeout(0.2)
        with contextlib.suppress(OSError):
            udp.send(query('host00001.example.com'))
            return udp.recv(4096)[7] == 1
    return False


def come_first(pid):
    """Niceness counts only within a session where the kernel groups tasks by session: this raises the session."""
    with contextlib.suppress(OSError):
        pathlib.Path(f'/proc/{pid}/autogroup').write_text('-20')


def run(laboratory, name, work, arguments):
    """One run of one server."""
    folder = laboratory.subfolder(f'{name}-{work}-{time.monotonic_ns()}')
    (folder / 'zone').write_text(zone())
    with links.Pair('axb') as pair:
        argv = pair.server.argv(['taskset', '-c', str(arguments.server_core), 'nice', '-n', '-19', *MAKE[name](folder)])
        server = lab.Process(argv, folder)
        come_first(server.pid)
        try:
            lab.wait_until(lambda: f'{name} answers: {server.log()[-800:]}', lambda: is_answered(pair))
            if 'xdp' in name:
                lab.expect(pair.server.has_program('va'), lambda: f'no XDP: {server.log()[-800:]}')
            words = dict(server=SERVER, port=PORT, client=CLIENT, packets=laboratory.folder / f'{work}.packets',
                         seconds=arguments.seconds + 3)
            command = [word.format(**words) for word in shlex.split(arguments.generator)]
            load = subprocess.Popen(pair.client.argv(['taskset', '-c', str(arguments.load_core), 'nice', '-n', '-19', *command]),
                                    stdout=subprocess.DEVNULL, start_new_session=True)
            come_first(load.pid)
            try:
                time.sleep(1.5)
                before = (answers(pair), on_processor(server.pid), busy(), time.monotonic())
                time.sleep(arguments.seconds)
                after = (answers(pair), on_processor(server.pid), busy(), time.monotonic())
            finally:
                load.terminate()
                load.wait()
        finally:
            server.stop()
    count, cpu, machine, seconds = (now - then for now, then in zip(after, before))
    lab.expect(count > 1000, f'{name} gave {count} answers')
    return dict(kqps=count / seconds / 1e3, server=cpu / count / 1e3, machine=machine / count / 1e3,
                utilisation=cpu / seconds / 1e9, load=os.getloadavg()[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--generator', help='its command line, with {server} {port} {client} {packets} {seconds}; else the workbench')
    parser.add_argument('--runs', type=int, default=5)
    parser.add_argument('--seconds', type=float, default=4)
    parser.add_argument('--works', default='W1,W3,W4')
    parser.add_argument('--servers', default=','.join(SERVERS), help='Knot has no W3 here')
    parser.add_argument('--server-core', type=int, default=0)
    parser.add_argument('--load-core', type=int, default=1)
    parser.add_argument('--json', help='a file for all runs')
    arguments = parser.parse_args()
    ours = '{} measure {{server}}:{{port}} {{packets}} --warm-up=0 --seconds={{seconds}}'
    arguments.generator = arguments.generator or ours.format(contenders.workbench())
    if os.geteuid() != 0:
        sys.exit('network namespaces and XDP need root')
    runs = {}
    with lab.Lab('bench-xdp') as laboratory:
        for work in arguments.works.split(','):
            write_packets(laboratory.folder / f'{work}.packets', work)
            names = [name for name in arguments.servers.split(',') if work != 'W3' or not name.startswith('knot')]
            for _ in range(arguments.runs):
                for name in names:
                    runs.setdefault((work, name), []).append(run(laboratory, name, work, arguments))
    print('| work | server | kqps | server us | machine us | x sockets, server | x sockets, machine | utilisation | load |')
    print('|---|---|---|---|---|---|---|---|---|')
    for (work, name), found in runs.items():
        middle = {key: statistics.median(one[key] for one in found) for key in found[0]}
        base = runs.get((work, 'sockets'), found)
        ratio = lambda key: statistics.median(one[key] / other[key] for one, other in zip(found, base))
        print(f'| {work} | {name} | {middle["kqps"]:.0f} | {middle["server"]:.2f} | {middle["machine"]:.2f} | {ratio("server"):.2f} '
              f'| {ratio("machine"):.2f} | {middle["utilisation"]:.2f} | {middle["load"]:.1f} |')
    if arguments.json:
        pathlib.Path(arguments.json).write_text(json.dumps({'/'.join(key): found for key, found in runs.items()}, indent=1))


if __name__ == '__main__':
    main()
