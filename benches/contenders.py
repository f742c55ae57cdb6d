"""The servers that peers.py compares, each started with the same zones, regions and database on one core.

Knows how each is configured for which work. Does not measure.
"""
import asyncio
import contextlib
import json
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import threading
import tomllib

HOME = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HOME / 'tests' / 'interop'))
import lab  # noqa: E402  pylint: disable=wrong-import-position

ORIGIN = 'example.com'
# Where a client is answered whom no database knows: the first of the sites.
STATIC = 'www 60 IN A 192.0.2.10\n'


def workbench():
    """The program with the load generator and the echo."""
    path = os.environ.get('AZIMUTH_WORKBENCH') or str(HOME / 'target' / 'release' / 'examples' / 'workbench')
    if not os.path.exists(path):
        sys.exit(f'there is no {path}: `make peers` builds it')
    return path


def query(name):
    """A query for the address of a name, with id 0."""
    labels = b''.join(bytes([len(label)]) + label.encode() for label in name.split('.'))
    return bytes([0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]) + labels + bytes([0, 0, 1, 0, 1])


class Works:
    """The worlds and queries of benches/works, written once."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder).resolve()
        subprocess.run([workbench(), 'works', self.folder], check=True)
        world = tomllib.loads((self.folder / 'geographic.toml').read_text())
        self.sites = {name: region['coordinates'] for name, region in world['region'].items()}
        self.members = {name: [] for name in self.sites}
        for member in world['pool']['web']['members']:
            self.members[member['region']].append(member['address'])
        self.database = self.folder / 'city.mmdb'

    def queries(self, work):
        return self.folder / f'{work}.queries'

    def first_query(self, work):
        with open(self.queries(work), 'rb') as file:
            return file.read(struct.unpack('!H', file.read(2))[0])

    def zone(self, name):
        return (self.folder / f'{name}.zone').read_text()


class Backends:
    """What is probed: every address of every site, on one port, answers 200 to whatever is asked."""

    def __init__(self, works):
        self.addresses = [address for members in works.members.values() for address in members]
        self.port = lab.free_port()
        self.loop = asyncio.new_event_loop()
        ready = threading.Event()
        threading.Thread(target=self._serve, args=[ready], daemon=True).start()
        ready.wait()

    def _serve(self, ready):
        async def answer(reader, writer):
            with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
                await reader.readuntil(b'\r\n\r\n')
                writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nup\n')
                await writer.drain()
            writer.close()

        async def listen():
            for address in self.addresses:
                await asyncio.start_server(answer, address, self.port)
            ready.set()
            await asyncio.Event().wait()

        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(listen())


class Contender:
    """A server for one work; subclasses write its configuration. `package` is Debian's."""

    name = package = program = ''
    works = ()
    probes = False

    def __init__(self, works, work, backends, folder):
        self.world, self.work, self.backends, self.folder = works, work, backends, pathlib.Path(folder)
        self.port = lab.free_port()
        self.process = None

    @classmethod
    def is_installed(cls):
        return shutil.which(cls.program, path=lab.PROGRAM_PATH) is not None

    def prepare(self):
        """Writes all that it needs; returns its command."""
        self.folder.mkdir(parents=True)
        argv = [str(word) for word in self.configure()]
        return [argv[0] if '/' in argv[0] else lab.program(argv[0]), *argv[1:]]

    def start(self, prefix=(), limit=60, argv=None):
        """Starts it and waits for an answer to the first query."""
        self.process = lab.Process([*prefix, *(argv or self.prepare())], self.folder)
        query = self.world.first_query(self.work)

        def answers():
            if not self.process.alive():
                raise lab.Failure(f'{self.name} has ended: {self.process.log()[-1500:]}')
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client, contextlib.suppress(OSError):
                client.settimeout(0.2)
                client.sendto(query, ('127.0.0.1', self.port))
                return client.recv(4096)
            return None
        lab.wait_until(f'{self.name} answers', answers, limit)
        return self

    def stop(self):
        if self.process:
            self.process.stop()

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def processes(self):
        """It and its children: all of its session."""
        found = []
        for stat in pathlib.Path('/proc').glob('[0-9]*/stat'):
            with contextlib.suppress(OSError):
                if int(stat.read_text().rsplit(')', 1)[1].split()[3]) == self.process.pid:
                    found.append(int(stat.parent.name))
        return found

    def resident_mib(self):
        total = 0
        for process in self.processes():
            with contextlib.suppress(OSError):
                for line in pathlib.Path(f'/proc/{process}/status').read_text().splitlines():
                    total += int(line.split()[1]) if line.startswith('VmRSS:') else 0
        return total / 1024

    def static_zone(self):
        """The zone for servers that steer nothing."""
        signed = self.work.startswith('w5')
        return self.write('zone', self.world.zone('signed') if signed else self.world.zone('plain') + STATIC)

    def configure(self):
        """Writes its configuration; returns its command."""
        raise NotImplementedError


class Echo(Contender):
    name, works = 'echo', ('w1', 'w2', 'w3', 'w4', 'w5', 'w5nx')
    workers = 1

    @classmethod
    def is_installed(cls):
        return True

    def configure(self):
        return [workbench(), 'echo', f'127.0.0.1:{self.port}', f'--workers={self.workers}']


class Azimuth(Contender):
    name, works, probes = 'azimuth', Echo.works, True
    workers = 1

    @classmethod
    def is_installed(cls):
        return True

    def configure(self):
        static = self.work.startswith('w5')
        text = (self.world.folder / ('signed.toml' if static else 'geographic.toml')).read_text()
        text = text.replace('127.0.0.1:0', f'127.0.0.1:{self.port}', 1).replace('workers = 1', f'workers = {self.workers}', 1)
        text = text.replace('[server]', f'[admin]\nlisten = ""\n\n[server]\nstate_dir = {json.dumps(str(self.folder))}', 1)
        # Files are where the worlds were written.
        for file in ('city.mmdb', 'plain.zone', 'signed.zone'):
            text = text.replace(f'"{file}"', json.dumps(str(self.world.folder / file)))
        text = text.replace('[pool.web]', f'[monitor.web]\ntype = "http"\nport = {self.backends.port}\npath = "/"\ninterval = "2s"\n'
                                          'timeout = "1s"\n\n[pool.web]\nmonitor = "web"')
        return [lab.azimuth_binary(), 'serve', '--config', self.write('azimuth.toml', text)]


class Gdnsd(Contender):
    name = package = program = 'gdnsd'
    works, probes = ('w1', 'w2', 'w3', 'w4'), True

    def configure(self):
        sites, folder = self.world.sites, self.folder
        points = ', '.join(f'{name} => [{place[0]}, {place[1]}]' for name, place in sites.items())
        pools = '\n'.join(f'      {name} => {{ plugin => multifo, service_types => web, up_thresh => 0.1, '
                          f'{", ".join(f"m{number} => {address}" for number, address in enumerate(members))} }}'
                          for name, members in self.world.members.items())
        self.write('config', f'''options => {{
  listen => 127.0.0.1:{self.port}, udp_threads => 1, tcp_threads => 1,
  run_dir => {folder}/run, state_dir => {folder}/state
}}
service_types => {{
  web => {{ plugin => http_status, port => {self.backends.port}, url_path => "/", ok_codes => [200], interval => 2, timeout => 1 }}
}}
plugins => {{ geoip => {{
  maps => {{ m => {{
    geoip2_db => {self.world.database}, datacenters => [{", ".join(sites)}], auto_dc_coords => {{ {points} }}, auto_dc_limit => 3
  }} }}
  resources => {{ www => {{ map => m, dcmap => {{
{pools}
  }} }} }}
}} }}
''')
        for name in ('run', 'state', 'geoip'):
            (folder / name).mkdir(exist_ok=True)
        # An $ORIGIN at the top is not wanted: the name of the file says it.
        zone = self.world.zone('plain').split('\n', 1)[1] + 'www 60 IN DYNA geoip!www\n'
        self.write(f'zones/{ORIGIN}', zone)
        return ['gdnsd', '-c', folder, 'start']


class Nsd(Contender):
    name = package = program = 'nsd'
    works = ('w1', 'w4', 'w5', 'w5nx')

    def configure(self):
        run = self.folder
        return ['nsd', '-d', '-c', self.write('nsd.conf', f'''server:
  ip-address: 127.0.0.1@{self.port}
  server-count: 1
  username: ""
  chroot: ""
  database: ""
  zonesdir: "{run}"
  pidfile: "{run}/nsd.pid"
  xfrdfile: "{run}/xfrd.state"
  xfrdir: "{run}"
  zonelistfile: "{run}/zone.list"
  minimal-responses: yes
  rrl-ratelimit: 0
  rrl-whitelist-ratelimit: 0
remote-control:
  control-enable: no
zone:
  name: {ORIGIN}
  zonefile: {self.static_zone()}
''')]


class Knot(Contender):
    name, package, program = 'knot', 'knot', 'knotd'
    works = ('w1', 'w4', 'w5', 'w5nx')
    module, of_zone, of_server = '', '', ''

    def configure(self):
        return ['knotd', '-c', self.write('knot.conf', f'''server:
  rundir: "{self.folder}"
  listen: 127.0.0.1@{self.port}
  udp-workers: 1
  tcp-workers: 1
  background-workers: 1
{self.of_server}log:
  - target: stderr
    any: warning
database:
  storage: "{self.folder}"
{self.module}template:
  - id: default
    storage: "{self.folder}"
    zonefile-sync: -1
    zonefile-load: whole
    journal-content: none
    semantic-checks: off
zone:
  - domain: {ORIGIN}
    file: {self.static_zone()}
{self.of_zone}''')]


class KnotGeo(Knot):
    name, package, works = 'knot geoip', 'knot-module-geoip', ('w3',)
    of_zone = '    module: mod-geoip/geo\n'
    of_server = '  edns-client-subnet: on\n'

    @classmethod
    def is_installed(cls):
        return super().is_installed() and bool(list(pathlib.Path('/usr/lib').glob('*/knot/modules-*/geoip.so')))

    def configure(self):
        names = {name.upper(): members for name, members in self.world.members.items()}
        rows = [*names.items(), ('*', next(iter(names.values())))]
        self.write('geo.yaml', f'www.{ORIGIN}:\n' + ''.join(
            f'  - geo: "{name}"\n    A: [ {", ".join(members)} ]\n' for name, members in rows))
        self.module = f'''mod-geoip:
  - id: geo
    config-file: "{self.folder}/geo.yaml"
    ttl: 60
    mode: geodb
    geodb-file: "{self.world.database}"
    geodb-key: [ continent/code ]
'''
        return super().configure()


class Pdns(Contender):
    name, package, program = 'pdns', 'pdns-server pdns-backend-bind', 'pdns_server'
    works, backend = ('w1', 'w4'), 'bind'

    @classmethod
    def is_installed(cls):
        return super().is_installed() and bool(list(pathlib.Path('/usr/lib').glob(f'*/pdns/lib{cls.backend}backend.so')))

    def common(self, lines):
        text = [f'local-address=127.0.0.1\nlocal-port={self.port}', 'receiver-threads=1', 'distributor-threads=1',
                f'socket-dir={self.folder}', 'setuid=', 'setgid=', 'daemon=no', 'guardian=no', 'loglevel=3', *lines]
        self.write('pdns.conf', '\n'.join(text) + '\n')
        return ['pdns_server', f'--config-dir={self.folder}']

    def configure(self):
        named = self.write('named.conf', f'zone "{ORIGIN}" {{ type master; file "{self.static_zone()}"; }};\n')
        return self.common(['launch=bind', f'bind-config={named}'])


class PdnsGeo(Pdns):
    name, package, works, backend = 'pdns geoip', 'pdns-server pdns-backend-geoip', ('w2', 'w3'), 'geoip'

    def configure(self):
        records = ''
        first = next(iter(self.world.members.values()))
        # The backend says `unknown` of whom the database does not know.
        for name, members in [*self.world.members.items(), ('unknown', first)]:
            records += f'    {name}.dc.{ORIGIN}:\n' + ''.join(f'      - a: {address}\n' for address in members)
        zones = self.write('zones.yaml', f'''domains:
- domain: {ORIGIN}
  ttl: 60
  records:
    {ORIGIN}:
      - soa: ns1.{ORIGIN} hostmaster.{ORIGIN} 1 7200 900 1209600 300
      - ns: ns1.{ORIGIN}
    ns1.{ORIGIN}:
      - a: 192.0.2.1
{records}  services:
    www.{ORIGIN}: [ '%cn.dc.{ORIGIN}', 'unknown.dc.{ORIGIN}' ]
''')
        return self.common(['launch=geoip', f'geoip-database-files=mmdb:{self.world.database}', f'geoip-zones-file={zones}',
                            'edns-subnet-processing=yes'])


class PdnsLua(Pdns):
    """Its LUA records: a script at the name chooses by continent, and among those whose port takes connections."""

    name, package, works, probes = 'pdns lua', 'pdns-server pdns-backend-bind pdns-backend-geoip', ('w2', 'w3'), True

    @classmethod
    def is_installed(cls):
        return super().is_installed() and PdnsGeo.is_installed()

    def configure(self):
        lists = {name.upper(): ', '.join(f"'{address}'" for address in members) for name, members in self.world.members.items()}
        sites = ', '.join(f'{name}={{{addresses}}}' for name, addresses in lists.items())
        first = next(iter(lists))
        script = (f";local sites = {{{sites}}} return ifportup({self.backends.port}, sites[continentCode()] or sites.{first}, "
                  "{selector='all', backupSelector='all'})")
        zone = self.write('zone', self.world.zone('plain') + f'www 60 IN LUA A "{script}"\n')
        named = self.write('named.conf', f'zone "{ORIGIN}" {{ type master; file "{zone}"; }};\n')
        # The geoip backend has no zones: it opens the database that scripts ask.
        nothing = self.write('none.yaml', 'domains: []\n')
        return self.common(['launch=bind,geoip', f'bind-config={named}', f'geoip-database-files=mmdb:{self.world.database}',
                            f'geoip-zones-file={nothing}', 'edns-subnet-processing=yes', 'enable-lua-records=shared'])


ALL = [Echo, Azimuth, Gdnsd, Knot, KnotGeo, Nsd, Pdns, PdnsGeo, PdnsLua]
