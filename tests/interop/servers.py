"""The servers of the interoperability suites, all started from the same description of zones.

Knows how each server's configuration is written, how it is told of changed files, and what its log says of transfers. Does not
know what is tested.
"""
import dataclasses
import json
import pathlib
import re
import signal
import subprocess

import lab
import wire


@dataclasses.dataclass(frozen=True)
class Key:
    """A TSIG key for hmac-sha256."""

    name: str
    secret: str = 'c2VjcmV0IG9mIHRoZSB0ZXN0cywgbm90IG9mIGFueWJvZHk='

    def dig(self):
        return f'hmac-sha256:{self.name}:{self.secret}'


@dataclasses.dataclass(frozen=True)
class Zone:
    """A zone as one server has it."""

    origin: str  # without the final dot
    file: pathlib.Path | None = None
    primaries: tuple = ()  # ports; with any the server is a secondary
    notify: tuple = ()  # ports
    key: Key | None = None  # of transfers and NOTIFY
    update_key: Key | None = None
    extra: str = ''  # lines for this server's own zone section


class Server:
    """A server process in a folder of its own; subclasses write the configuration."""

    name = ''

    def __init__(self, laboratory, zones, label=None, options=''):
        self.label = label or self.name
        laboratory.started += 1
        self.folder = laboratory.subfolder(f'{self.label}-{laboratory.started}')
        (self.folder / 'run' / 'db').mkdir(parents=True, exist_ok=True)
        self.zones = list(zones)
        self.options = options
        self.port = lab.free_port()
        self.process = None
        laboratory.add(self)

    def start(self, limit=None):
        """Starts it and waits until all its zones are there."""
        self.launch()
        self.wait_for_zones(limit)
        return self

    def launch(self):
        self.configure()
        self.process = lab.Process(self.argv(), self.folder)

    def wait_for_zones(self, limit=None):
        for zone in self.zones:
            if not zone.primaries:
                self.wait_for_serial(zone.origin, limit=limit)

    def wait_for_serial(self, origin, wanted=None, limit=None):
        """Until the zone is served, with this serial if one is given."""
        def arrived():
            if not self.process.alive():
                raise lab.Failure(f'{self.label} has ended: {self.complaints()}')
            seen = wire.serial(self.port, origin)
            return seen is not None and wanted in (None, seen)
        lab.wait_until(lambda: f'{self.label} serves {origin} with serial {wanted or "any"}; it has '
                               f'{wire.serial(self.port, origin)}', arrived, limit)

    def stop(self):
        if self.process is not None:
            self.process.stop()

    def kill(self):
        self.process.kill()

    def log(self):
        return self.process.log() if self.process else ''

    def complaints(self, lines=6):
        """The last lines of its log, cut to a readable length."""
        return [line[:240] for line in self.log().splitlines()[-lines:]]

    def write(self, name, text):
        path = self.folder / name
        path.write_text(text)
        return path

    def reload(self):
        """Tells it that zone files have changed; does not wait."""
        self.process.signal(signal.SIGHUP)

    def transfer(self, origin, key=None):
        """The zone as AXFR gives it: sorted lines, the SOA once, the signature of the messages verified by dig."""
        argv = ['dig', '@127.0.0.1', '-p', self.port, '+noall', '+answer', '+onesoa', '+time=30', '+tries=1']
        argv += ['-y', key.dig()] if key else []
        said = lab.run([*argv, origin, 'AXFR'], check=False)
        lines = [line for line in said.stdout.splitlines() if line and not line.startswith(';')]
        lab.expect(lines and said.returncode == 0, lambda: f'no AXFR of {origin} from {self.label}: {said.stdout[-500:]}')
        return sorted(' '.join(line.split()).lower() for line in lines)

    def resident_mib(self):
        """Memory of the process and its children, in MiB."""
        total = 0
        for status in pathlib.Path('/proc').glob('[0-9]*/status'):
            try:
                text = status.read_text()
                session = int((status.parent / 'stat').read_text().rsplit(')', 1)[1].split()[3])
            except OSError:
                continue
            if session == self.process.pid and (match := re.search(r'^VmRSS:\s+(\d+) kB', text, re.M)):
                total += int(match[1])
        return total / 1024

    def configure(self):
        raise NotImplementedError

    def argv(self):
        raise NotImplementedError

    def incremental_in(self, origin):
        """(incremental, full) transfers of the zone that this server has received, as its log says."""
        raise NotImplementedError

    def incremental_out(self, origin):
        """(incremental, full) transfers of the zone that this server has given, as it says."""
        raise NotImplementedError


UPDATED_TYPES = ['A', 'AAAA', 'CNAME', 'MX', 'NS', 'SOA', 'SRV', 'TXT']


class Azimuth(Server):
    name = 'azimuth'

    def __init__(self, laboratory, zones, label=None, options='', state=None, threads=2):
        super().__init__(laboratory, zones, label, options)
        self.state = state or self.folder / 'state'
        self.threads = threads
        self.geo_options = ''
        self.admin = ''
        # Regions, pools and whatever else, as TOML.
        self.tables = ''

    def configure(self):
        quoted = json.dumps
        lines = ['[server]', f'listen = ["127.0.0.1:{self.port}"]', f'workers = {self.threads}',
                 f'state_dir = {quoted(str(self.state))}', self.options, '[admin]', f'listen = {quoted(self.admin)}', '[geoip]', 'databases = []', self.geo_options]
        keys = {key.name: key for zone in self.zones for key in (zone.key, zone.update_key) if key}
        for key in keys.values():
            lines += [f'[key.{quoted(key.name + ".")}]', 'algorithm = "hmac-sha256"', f'secret = {quoted(key.secret)}']
        for zone in self.zones:
            lines += [f'[zone.{quoted(zone.origin)}]']
            peer = f'{{ address = "127.0.0.1:%d"{self._key(zone.key)} }}'
            if zone.primaries:
                lines += ['type = "secondary"', f'primaries = [{", ".join(peer % port for port in zone.primaries)}]']
            else:
                lines += [f'file = {quoted(str(zone.file))}']
            if zone.notify:
                lines += [f'notify = [{", ".join(peer % port for port in zone.notify)}]']
            if zone.key:
                lines += [f'transfer = [{{ prefix = "127.0.0.0/8"{self._key(zone.key)} }}]']
            if zone.update_key:
                # By default neither the SOA nor the NS of the apex may be changed, which the other servers allow.
                lines += [f'update = [{{ {self._key(zone.update_key)[2:]}, types = {quoted(UPDATED_TYPES)} }}]']
            lines += [zone.extra]
        self.write('azimuth.toml', '\n'.join([*lines, self.tables, '']))

    @staticmethod
    def _key(key):
        return f', key = {json.dumps(key.name + ".")}' if key else ''

    def argv(self):
        return [lab.azimuth_binary(), 'serve', '--config', self.folder / 'azimuth.toml']


class Nsd(Server):
    name = 'nsd'

    def configure(self):
        run = self.folder / 'run'
        lines = ['server:', '  ip-address: 127.0.0.1', f'  port: {self.port}', '  server-count: 1', '  username: ""',
                 '  database: ""', '  chroot: ""', f'  zonesdir: "{self.folder}"', f'  pidfile: "{run}/nsd.pid"',
                 f'  xfrdfile: "{run}/xfrd.state"', f'  zonelistfile: "{run}/zone.list"', f'  xfrdir: "{run}"',
                 '  rrl-ratelimit: 0', '  verbosity: 2', '  zonefiles-check: yes', '  zonefiles-write: 1',
                 '  xfrd-reload-timeout: 0', '  tcp-count: 100', '  ipv4-edns-size: 4096', '  hide-version: yes', self.options,
                 'remote-control:', '  control-enable: yes', f'  control-interface: "{run}/ctl"']
        for key in {zone.key for zone in self.zones if zone.key}:
            lines += ['key:', f'  name: "{key.name}"', '  algorithm: hmac-sha256', f'  secret: "{key.secret}"']
        for zone in self.zones:
            key = zone.key.name if zone.key else 'NOKEY'
            file = zone.file if not zone.primaries else f'{zone.origin}.copy'
            lines += ['zone:', f'  name: "{zone.origin}"', f'  zonefile: "{file}"', f'  provide-xfr: 127.0.0.1 {key}']
            for port in zone.primaries:
                lines += [f'  request-xfr: 127.0.0.1@{port} {key}', f'  allow-notify: 127.0.0.1 {key}']
            for port in zone.notify:
                lines += [f'  notify: 127.0.0.1@{port} {key}']
            if zone.key and not zone.primaries:
                lines += ['  store-ixfr: yes', '  create-ixfr: yes']
            lines += [zone.extra]
        self.write('nsd.conf', '\n'.join(lines) + '\n')

    def argv(self):
        return [lab.program('nsd'), '-d', '-c', self.folder / 'nsd.conf']

    def incremental_in(self, origin):
        # The log says how many octets came: an increment is short.
        sizes = [int(size) for size in re.findall(
            rf'zone {re.escape(origin)}\.? received update to serial .*? of (\d+) bytes', self.log())]
        return sum(size < 100_000 for size in sizes), sum(size >= 100_000 for size in sizes)

    def incremental_out(self, origin):
        said = lab.run(['nsd-control', '-c', self.folder / 'nsd.conf', 'stats_noreset']).stdout
        count = {name: int(number) for name, number in re.findall(r'^num\.(raxfr|rixfr)=(\d+)', said, re.M)}
        return count.get('rixfr', 0), count.get('raxfr', 0)


class Knot(Server):
    name = 'knot'

    def configure(self):
        run = self.folder / 'run'
        lines = ['server:', f'  rundir: "{run}"', f'  listen: 127.0.0.1@{self.port}', '  udp-workers: 1', '  tcp-workers: 1',
                 '  background-workers: 1', '  udp-max-payload: 4096', self.options,
                 'database:', f'  storage: "{run}/db"', '  journal-db-max-size: 200M', '  timer-db-max-size: 10M',
                 'log:', f'  - target: "{self.folder}/output.log"', '    any: info']
        keys = {key for zone in self.zones for key in (zone.key, zone.update_key) if key}
        lines += ['key:'] if keys else []
        for key in keys:
            lines += [f'  - id: "{key.name}"', '    algorithm: hmac-sha256', f'    secret: {key.secret}']
        remotes, access, entries = [], [], []
        for number, zone in enumerate(self.zones):
            entries += [f'  - domain: "{zone.origin}"', f'    file: "{zone.file or zone.origin + ".copy"}"']
            # A secondary keeps what it has received; the file of a primary is ours.
            entries += [f'    zonefile-sync: {0 if zone.primaries else -1}']
            for word, ports in (('master', zone.primaries), ('notify', zone.notify)):
                for port in ports:
                    remotes += [f'  - id: r{number}-{word}-{port}', f'    address: 127.0.0.1@{port}',
                                *([f'    key: "{zone.key.name}"'] if zone.key else [])]
                if ports:
                    entries += [f'    {word}: [{", ".join(f"r{number}-{word}-{port}" for port in ports)}]']
            for action, key in (('transfer', zone.key), ('notify', zone.key), ('update', zone.update_key)):
                if key or action == 'transfer':
                    access += [f'  - id: a{number}-{action}', '    address: 127.0.0.1', f'    action: {action}',
                               *([f'    key: "{key.name}"'] if key else [])]
                    entries += [f'    acl: a{number}-{action}']
            entries += [zone.extra]
        if remotes:
            lines += ['remote:', *remotes]
        lines += ['acl:', *access, 'template:', '  - id: default', f'    storage: "{self.folder}"',
                  '    zonefile-load: difference', '    semantic-checks: off', 'zone:', *self._one_list_each(entries)]
        self.write('knot.conf', '\n'.join(lines) + '\n')

    @staticmethod
    def _one_list_each(entries):
        """Several `acl` lines of one zone as one list."""
        written, rules = [], []
        for line in [*entries, '  - domain: end']:
            if line.startswith('    acl: '):
                rules.append(line.split()[-1])
                continue
            if line.startswith('  - domain') and rules:
                written.append(f'    acl: [{", ".join(rules)}]')
                rules = []
            written.append(line)
        return written[:-1]

    def argv(self):
        return [lab.program('knotd'), '-c', self.folder / 'knot.conf']

    def reload(self):
        lab.run(['knotc', '-c', self.folder / 'knot.conf', '-b', 'zone-reload'])

    def incremental_in(self, origin):
        return self._count('incoming')

    def incremental_out(self, origin):
        return self._count('outgoing')

    def _count(self, way):
        # The IXFR that falls back to a full zone says so in its own words, and then AXFR.
        log = self.log()
        return (len(re.findall(rf'IXFR, {way}, .*(?:finished)', log)), len(re.findall(rf'AXFR, {way}, .*finished', log)))


class Bind(Server):
    name = 'bind'

    def configure(self):
        run = self.folder / 'run'
        lines = ['options {', f'  directory "{run}"; pid-file "{run}/named.pid"; session-keyfile "{run}/session.key";',
                 f'  managed-keys-directory "{run}"; lock-file none;',
                 f'  listen-on port {self.port} {{ 127.0.0.1; }}; listen-on-v6 {{ none; }};',
                 '  recursion no; notify no; dnssec-validation no; empty-zones-enable no; minimal-responses yes;',
                 '  check-integrity no; masterfile-format text; notify-delay 0; serial-query-rate 1000; notify-rate 1000;',
                 '  startup-notify-rate 1000; max-udp-size 4096; edns-udp-size 4096; zone-statistics none;',
                 '  min-refresh-time 1; min-retry-time 1;', self.options, '};', 'controls { };',
                 'logging { channel all_of_it { stderr; severity info; print-category yes; }; category default { all_of_it; };',
                 '  category xfer-in { all_of_it; }; category xfer-out { all_of_it; }; category notify { all_of_it; }; };']
        for key in {key for zone in self.zones for key in (zone.key, zone.update_key) if key}:
            lines += [f'key "{key.name}" {{ algorithm hmac-sha256; secret "{key.secret}"; }};']
        for zone in self.zones:
            key = f' key "{zone.key.name}"' if zone.key else ''
            peers = ' '.join(f'127.0.0.1 port {port}{key};' for port in zone.primaries or zone.notify)
            lines += [f'zone "{zone.origin}" {{', f'  file "{zone.file or zone.origin + ".copy"}";']
            lines += [f'  allow-transfer {{{key or " any"}; }};']
            if zone.primaries:
                lines += [f'  type secondary; primaries {{ {peers} }};', f'  allow-notify {{{key or " any"}; }};']
            else:
                lines += ['  type primary;']
            if zone.notify:
                lines += [f'  notify explicit; also-notify {{ {peers} }};']
            if zone.update_key:
                lines += [f'  allow-update {{ key "{zone.update_key.name}"; }};']
            lines += [zone.extra, '};']
        self.write('named.conf', '\n'.join(lines) + '\n')

    def argv(self):
        return [lab.program('named'), '-f', '-n', '2', '-c', self.folder / 'named.conf']

    def incremental_in(self, origin):
        # The log says how many records came.
        counts = [int(records) for records in re.findall(
            rf"transfer of '{re.escape(origin)}/IN'.*Transfer completed: \d+ messages, (\d+) records", self.log())]
        return sum(count < 5_000 for count in counts), sum(count >= 5_000 for count in counts)

    def incremental_out(self, origin):
        log, start = self.log(), rf"transfer of '{re.escape(origin)}/IN': "
        return len(re.findall(start + 'IXFR started', log)), len(re.findall(start + 'AXFR(?:-style IXFR)? started', log))


class Unbound(Server):
    """A validating resolver that knows no other server than those it is given."""

    name = 'unbound'

    def __init__(self, laboratory, anchors, stubs, label=None):
        super().__init__(laboratory, [], label)
        self.anchors, self.stubs = anchors, stubs

    def configure(self):
        lines = ['server:', f'  interface: 127.0.0.1@{self.port}', '  username: ""', '  chroot: ""', '  use-syslog: no',
                 f'  directory: "{self.folder}"', f'  pidfile: "{self.folder}/run/unbound.pid"', '  verbosity: 1',
                 '  do-not-query-localhost: no', '  do-ip6: no', '  num-threads: 1', '  val-log-level: 2',
                 '  module-config: "validator iterator"', '  local-zone: "test." nodefault', '  outgoing-range: 200',
                 '  num-queries-per-thread: 400', '  aggressive-nsec: no', '  minimal-responses: no', '  infra-cache-min-rtt: 200',
                 '  max-udp-size: 4096', '  edns-buffer-size: 1232', '  qname-minimisation: no', '  target-fetch-policy: "0 0 0 0 0"']
        lines += [f'  trust-anchor-file: "{path}"' for path in self.anchors]
        lines += ['remote-control:', '  control-enable: no']
        for origin, port in self.stubs.items():
            lines += ['stub-zone:', f'  name: "{origin}"', f'  stub-addr: 127.0.0.1@{port}', '  stub-prime: no']
        self.write('unbound.conf', '\n'.join(lines) + '\n')

    def argv(self):
        return [lab.program('unbound'), '-d', '-c', self.folder / 'unbound.conf']

    def wait_for_zones(self, limit=None):
        """Until it answers at all: a name that it answers by itself."""
        def answers():
            try:
                return wire.ask(self.port, 'localhost', 'A', flags=wire.RD).answer
            except (lab.Failure, OSError):
                return False
        lab.wait_until(f'{self.label} answers', answers, limit)


KINDS = {server.name: server for server in (Azimuth, Nsd, Knot, Bind)}


def update(port, origin, lines, key, check=True):
    """One UPDATE by nsupdate, over TCP: its lines without `server`, `zone`, and `send`."""
    text = '\n'.join([f'server 127.0.0.1 {port}', f'zone {origin}', *lines, 'send', 'answer', ''])
    argv = [lab.program('nsupdate'), '-v', '-t', '60', '-y', key.dig()]
    said = subprocess.run(argv, input=text, capture_output=True, text=True, timeout=lab.PATIENCE * 2, check=False)
    if check and said.returncode:
        raise lab.Failure(f'nsupdate ended with {said.returncode}: {said.stdout[-1000:]}{said.stderr[-1000:]}')
    return said

