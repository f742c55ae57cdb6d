#!/usr/bin/env python3
"""Measures how soon answers change when a region dies, and prints the medians. For people: no test asserts a time.

Two HTTP backends on loopback, two regions, the first one preferred. In each round the first backend is killed (its port
refuses), or hung (it accepts and says nothing), at a random moment of the check interval; the name is asked every 5 ms. `down`
is the time from then to the first answer that leads elsewhere, `up` from its revival to the first answer that leads back.

    make failover                        # builds the binary and runs this
    python3 tests/failover.py --rounds 3 --only fast

Standard library only. Everything stays on 127.0.0.1 and ends by itself.
"""
import argparse
import os
import pathlib
import random
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import threading
import time

HOME = pathlib.Path(__file__).resolve().parent.parent

# name: monitor settings, how the backend goes, the bar in seconds for the median
CASES = {
    'fast': ('interval = "1s"', 'kill', 1.0),
    'default': ('', 'kill', 6.0),
    # interval + 3 timeouts + 0.3 s
    'hang': ('interval = "1s"\ntimeout = "500ms"', 'hang', 1.0 + 3 * 0.5 + 0.3),
}


class Backend:
    """An HTTP server that answers 200 until it is killed or hung."""

    def __init__(self):
        self.port = 0
        self.hung = []
        self.revive()

    def revive(self):
        self.mode = 'serve'
        while self.hung:
            self.hung.pop().close()
        if getattr(self, 'listener', None) is None:
            self.listener = socket.create_server(('127.0.0.1', self.port))
            self.port = self.listener.getsockname()[1]
            threading.Thread(target=self.serve, args=(self.listener,), daemon=True).start()

    def serve(self, listener):
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            if self.mode == 'hang':
                self.hung.append(connection)
                continue
            try:
                connection.settimeout(1)
                connection.recv(2048)
                connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok')
            except OSError:
                pass
            connection.close()

    def kill(self):
        # shutdown() wakes the thread in accept(), which close() alone does not.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.listener = None

    def hang(self):
        self.mode = 'hang'


def free_port():
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        tcp.bind(('127.0.0.1', 0))
        udp.bind(tcp.getsockname())
        return tcp.getsockname()[1]


QUERY = struct.pack('>HHHHHH', 1, 0, 1, 0, 0, 0) + b'\3www\7example\4test\0' + struct.pack('>HH', 1, 1)


def ask(udp):
    """The last octet of the answered address; None without an answer."""
    try:
        udp.send(QUERY)
        reply = udp.recv(1500)
    except OSError:
        return None
    return reply[-1] if reply[6:8] == b'\0\1' else None


def wait_for(udp, wanted, limit):
    """Seconds until the answer is `wanted`."""
    begun = time.monotonic()
    while time.monotonic() - begun < limit:
        if ask(udp) == wanted:
            return time.monotonic() - begun
        time.sleep(0.005)
    sys.exit(f'gave up: no answer leads to 192.0.2.{wanted} after {limit} s')


def start(binary, folder, settings, first, second):
    port = free_port()
    (folder / 'azimuth.toml').write_text(f'''
[server]
listen = ["127.0.0.1:{port}"]
state_dir = "state"
[admin]
listen = ""
[region.first]
coordinates = [52.5, 13.4]
[region.second]
coordinates = [40.7, -74.0]
[monitor.web]
type = "http"
port = 80
{settings}
[pool.web]
monitor = "web"
members = [
  {{ region = "first", address = "192.0.2.1", probe_address = "127.0.0.1:{first.port}" }},
  {{ region = "second", address = "192.0.2.2", probe_address = "127.0.0.1:{second.port}" }},
]
[zone."example.test"]
file = "example.test.zone"
balance.www = {{ pool = "web" }}
''')
    (folder / 'example.test.zone').write_text('@ 60 SOA ns host 1 7200 3600 1209600 60\n@ 60 NS ns.example.net.\n')
    with open(folder / 'azimuth.log', 'w') as log:
        server = subprocess.Popen([binary, 'serve', '--config', 'azimuth.toml'], cwd=folder, stdout=log, stderr=log)
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.settimeout(0.5)
    udp.connect(('127.0.0.1', port))
    return server, udp


def measure(binary, case, rounds):
    settings, how, bar = CASES[case]
    first, second = Backend(), Backend()
    with tempfile.TemporaryDirectory() as folder:
        server, udp = start(binary, pathlib.Path(folder), settings, first, second)
        try:
            wait_for(udp, 1, 20)
            down, up = [], []
            for _ in range(rounds):
                time.sleep(2 + random.random() * 5)
                getattr(first, how)()
                down.append(wait_for(udp, 2, 60))
                time.sleep(random.random() * 2)
                first.revive()
                up.append(wait_for(udp, 1, 60))
        finally:
            server.terminate()
            server.wait()
    median = statistics.median(down)
    verdict = 'within' if median <= bar else 'MISSES'
    print(f'{case:8} down: median {median:.2f} s, worst {max(down):.2f} s ({verdict} {bar:.1f} s); '
          f'up: median {statistics.median(up):.2f} s; {rounds} rounds', flush=True)
    return median <= bar


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=10)
    parser.add_argument('--only', choices=CASES)
    parser.add_argument('--binary', default=os.environ.get('AZIMUTH_BIN', HOME / 'target/release/azimuth'))
    arguments = parser.parse_args()
    cases = [arguments.only] if arguments.only else CASES
    binary = str(pathlib.Path(arguments.binary).resolve())
    kept = [measure(binary, case, arguments.rounds) for case in cases]
    return 0 if all(kept) else 1


if __name__ == '__main__':
    sys.exit(main())
