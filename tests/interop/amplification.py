#!/usr/bin/env python3
"""How much larger than a question an answer over UDP can be made, for Azimuth and for NSD on the same zones.

Both serve the sample zone of this repository and one that is made to be abused: long RRsets of every kind that grows, names with
many types, referrals with much glue. Every name is asked for many types, with each of the sizes that clients offer. The factor is
octets of the response by octets of the query, both without IP and UDP headers. It fails when the largest factor of Azimuth is
larger than the largest one of NSD, in all or for any of the sizes offered.

    make amplification                         # builds the binary and runs this
    python3 tests/interop/amplification.py -v  # the worst ten questions of each server too

Standard library only, and NSD (Debian package `nsd`). Everything stays on 127.0.0.1 and ends by itself.
"""
import argparse
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

import lab

HOME = pathlib.Path(__file__).resolve().parents[2]
TYPES = {'A': 1, 'NS': 2, 'SOA': 6, 'MX': 15, 'TXT': 16, 'AAAA': 28, 'SRV': 33, 'DS': 43, 'DNSKEY': 48, 'ANY': 255}
# What clients offer in their OPT record; None: no OPT record.
SIZES = [None, 512, 1232, 4096, 65535]
DO = 0x8000
LABEL = 'x' * 60


def abused_zone():
    """Records that grow answers, at names as short as can be: short questions make the factor large."""
    lines = ['$TTL 3600', '@ SOA ns host 1 7200 3600 1209600 300', '@ NS ns', 'ns A 192.0.2.1']
    for n in range(30):
        lines += [f'a A 192.0.2.{n}', f'b AAAA 2001:db8::{n:x}', f't TXT "{"x" * 200}{n}"', f'u TXT "{"y" * 30}{n}"',
                  f'm MX {n} m{n}.{LABEL}', f'm{n}.{LABEL} A 198.51.100.{n}', f'm{n}.{LABEL} AAAA 2001:db8:1::{n:x}',
                  f's SRV {n} 1 53 m{n}.{LABEL}', f'd NS n{n}.d', f'n{n}.d A 203.0.113.{n}', f'n{n}.d AAAA 2001:db8:2::{n:x}']
    for n in range(6):
        # Two thirds of what fits, so that the sections behind the answer have their chance.
        lines += [f'h TXT "{"z" * 120}{n}"', f'e NS n{n}.e', f'n{n}.e A 203.0.113.{n}', f'n{n}.e AAAA 2001:db8:3::{n:x}',
                  f'j MX {n} j{n}', f'j{n} A 203.0.113.{n}', f'j{n} AAAA 2001:db8:4::{n:x}']
    # A name of every kind, for ANY; a chain; a wildcard.
    lines += ['k A 192.0.2.9', 'k AAAA 2001:db8::9', 'k MX 1 j0', f'k TXT "{"k" * 250}"', 'k HINFO cpu os', 'k SRV 1 1 1 j1',
              'c CNAME c2', f'c2 CNAME c3.{LABEL}', f'c3.{LABEL} CNAME t', '*.w TXT ' + ' '.join(['"' + 'w' * 250 + '"'] * 4)]
    return '\n'.join(lines) + '\n'


NAMES = {
    'x.': ['', 'a', 'b', 't', 'u', 'm', 's', 'd', 'q.d', 'h', 'e', 'q.e', 'j', 'k', 'c', 'w', 'q.w', 'nowhere', 'ns'],
    'gslb.example.com.': ['', 'ns1', 'mail', 'status', 'corp', 'q.corp', 'nowhere'],
}


def query(name, qtype, size, flags):
    question = b''.join(bytes([len(label)]) + label.encode() for label in name.rstrip('.').split('.') if label) + b'\0'
    opt = b'' if size is None else struct.pack('!BHHIH', 0, 41, size, flags, 0)
    return struct.pack('!6H', 0x1234, 0, 1, 0, 0, size is not None) + question + struct.pack('!HH', qtype, 1) + opt


def ask(port, octets):
    """The response; twice, as a datagram may be lost."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.connect(('127.0.0.1', port))
        # Nothing here is left without an answer: only a server that has ended makes this wait.
        client.settimeout(30)
        for _ in range(2):
            client.send(octets)
            try:
                return client.recv(65535)
            except TimeoutError:
                pass
            except ConnectionRefusedError:
                time.sleep(0.1)
    return None


class Server:
    def __init__(self, name, command, port, folder):
        self.name, self.port = name, port
        self.log = open(f'{folder}/{name}.log', 'w')
        self.process = subprocess.Popen(command, stdout=self.log, stderr=subprocess.STDOUT)

    def wait(self):
        end = time.monotonic() + lab.PATIENCE
        while time.monotonic() < end:
            for apex in NAMES:
                reply = ask(self.port, query(apex, TYPES['SOA'], None, 0))
                if reply is None or reply[3] & 15 or reply[7] == 0:
                    break
            else:
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.1)
        sys.exit(f'{self.name} does not answer:\n' + pathlib.Path(self.log.name).read_text()[-2000:])

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


def azimuth(folder, zones, require_above):
    port = lab.free_port()
    text = f'[server]\nlisten = ["127.0.0.1:{port}"]\nworkers = 1\nstate_dir = "state"\n'
    if require_above is not None:
        text += f'cookies = {{ require_above = {require_above} }}\n'
    text += '[admin]\nlisten = ""\n'
    text += ''.join(f'[zone."{apex}"]\nfile = "{file}"\n' for apex, file in zones.items())
    pathlib.Path(folder, 'azimuth.toml').write_text(text)
    binary = os.environ.get('AZIMUTH_BIN') or str(HOME / 'target/release/azimuth')
    return Server('azimuth', [binary, 'serve', '--config', f'{folder}/azimuth.toml'], port, folder)


def nsd(folder, zones, _):
    binary = shutil.which('nsd', path=os.environ.get('PATH', '') + ':/usr/sbin')
    if binary is None:
        sys.exit('NSD is not installed: apt-get install nsd')
    port = lab.free_port()
    text = f'''server:
  ip-address: 127.0.0.1
  port: {port}
  server-count: 1
  username: ""
  chroot: ""
  database: ""
  zonesdir: "{folder}"
  pidfile: "{folder}/nsd.pid"
  xfrdfile: "{folder}/nsd.state"
  zonelistfile: "{folder}/nsd.list"
  xfrdir: "{folder}"
  # As it comes, but for its rate limit, which would answer most questions here with nothing.
  rrl-ratelimit: 0
remote-control:
  control-enable: no
'''
    text += ''.join(f'zone:\n  name: "{apex}"\n  zonefile: "{file}"\n' for apex, file in zones.items())
    pathlib.Path(folder, 'nsd.conf').write_text(text)
    return Server('nsd', [binary, '-d', '-c', f'{folder}/nsd.conf'], port, folder)


def measure(server):
    """Every question with its factor, the largest first."""
    factors = []
    for apex, names in NAMES.items():
        for name in names:
            name = f'{name}.{apex}' if name else apex
            for word, qtype in TYPES.items():
                for size in SIZES:
                    for flags in [0] if size is None else [0, DO]:
                        octets = query(name, qtype, size, flags)
                        reply = ask(server.port, octets)
                        if reply is None:
                            sys.exit(f'{server.name} does not answer {name} {word}')
                        factors.append((len(reply) / len(octets), size, f'{name} {word}', len(octets), len(reply)))
    return sorted(factors, key=lambda factor: factor[0], reverse=True)


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument('-v', '--verbose', action='store_true', help='show the worst ten questions of each server')
    options.add_argument('--require-above', type=int, metavar='OCTETS', help='`require_above` of `[server.cookies]`')
    asked = options.parse_args()
    verbose = asked.verbose
    worst = {}
    with tempfile.TemporaryDirectory(prefix='amplification-') as folder:
        pathlib.Path(folder, 'x.zone').write_text(abused_zone())
        shutil.copy(HOME / 'zones/gslb.example.com.zone', folder)
        zones = {'x.': f'{folder}/x.zone', 'gslb.example.com.': f'{folder}/gslb.example.com.zone'}
        for start in (azimuth, nsd):
            server = start(folder, zones, asked.require_above)
            try:
                server.wait()
                worst[server.name] = measure(server)
            finally:
                server.stop()
    failed = 0
    largest = lambda name, size: max(f for f, s, *_ in worst[name] if size == 'all' or s == size)
    print('size offered   Azimuth      NSD')
    for size in SIZES + ['all']:
        ours, theirs = largest('azimuth', size), largest('nsd', size)
        failed += ours > theirs
        print(f'{str(size or "none"):>12}   {ours:7.2f}  {theirs:7.2f}{"   TOO LARGE" if ours > theirs else ""}')
    mean = {name: sum(f for f, *_ in all) / len(all) for name, all in worst.items()}
    print(f'        mean   {mean["azimuth"]:7.2f}  {mean["nsd"]:7.2f}   of {len(worst["nsd"])} questions')
    if verbose:
        for name, all in worst.items():
            print(f'\n{name}')
            for factor, size, what, asked, answered in all[:10]:
                print(f'  {factor:6.2f}  {what:24} {size or "no"} OPT: {asked} octets, {answered}')
    print(f'amplification: {len(SIZES) + 1 - failed} passed, {failed} failed')
    return failed > 0


sys.exit(main())
