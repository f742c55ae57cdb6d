#!/usr/bin/env python3
"""Queries past the sockets: an Azimuth with `[server] xdp` in a network namespace, a client in another, a veth pair between them.

Beside it runs an Azimuth without XDP from the same files. What one answers is compared with what the other does, octet for
octet; the metrics say by which road a query came. Then everything that XDP leaves to the sockets, and everything that may go
wrong at start and end.

    python3 tests/interop/xdp.py                  # all parts
    python3 tests/interop/xdp.py --only answers   # one

Needs root and dnspython. Everything stays in the two namespaces, which are removed at the end.
"""
import argparse
import contextlib
import os
import re
import signal
import socket
import sys
import time
import urllib.request

import dns.edns
import dns.flags
import dns.message
import dns.query
import dns.tsig
import dns.update

import lab
import links

ZONE = '\n'.join([
    '$TTL 300', '@ SOA ns hm 7 3600 600 86400 60', '@ NS ns', '@ NS ns2', 'ns A 192.0.2.1', 'ns AAAA 2001:db8::1', 'ns2 A 192.0.2.2',
    'www A 192.0.2.80', 'www AAAA 2001:db8::80', 'alias CNAME www', '*.wild TXT "any"', 'sub NS ns.sub', 'sub DS 1 8 2 ' + 'ab' * 32,
    'ns.sub A 192.0.2.3', *(f'long TXT "{"x" * 200}{n}"' for n in range(5)), *(f'huge TXT "{"y" * 240}{n:02}"' for n in range(14)),
]) + '\n'
SECRET = 'c2VjcmV0IG9mIHRoZSB0ZXN0cywgbm90IG9mIGFueWJvZHk='
PORT, PLAIN_PORT, ADMIN, PLAIN_ADMIN = 53, 5353, 8053, 8054


class Azimuth:
    """An Azimuth in the server's namespace."""

    def __init__(self, laboratory, pair, name, port, admin, options='', listen=None, wrap=(), user=None):
        self.pair, self.label, self.admin, self.wrap = pair, name, admin, wrap
        self.folder = laboratory.subfolder(name)
        listen = listen or [f'0.0.0.0:{port}', f'[::]:{port}']
        (self.folder / 'zone').write_text(ZONE)
        (self.folder / 'cookies').write_text('000102030405060708090a0b0c0d0e0f\n')
        self.write(f'''
[server]
listen = {listen}
workers = 1
state_dir = "{self.folder}/state"
udp_response_max = 4096
{f'user = "{user}"' if user else ''}
{options}
[server.rate_limit]
responses_per_second = 0
[server.cookies]
secret_file = "cookies"
[admin]
listen = "127.0.0.1:{admin}"
[region.near]
coordinates = [50.0, 8.0]
[region.far]
coordinates = [-30.0, 150.0]
[pool.web]
members = [{{ region = "near", address = "198.51.100.1" }}, {{ region = "far", address = "198.51.100.2" }},
           {{ region = "far", address = "2001:db8:f::2" }}]
[key."t."]
algorithm = "hmac-sha256"
secret = "{SECRET}"
[zone."example.com"]
file = "zone"
transfer_balanced = "static"
transfer = [{{ prefix = "10.77.0.0/24" }}, {{ key = "t." }}]
balance.geo = {{ pool = "web" }}
'''.replace("'", '"'))
        if user:
            for path in (self.folder, self.folder.parent):
                path.chmod(0o755)
        self.process = None
        laboratory.add(self)

    def write(self, text):
        (self.folder / 'azimuth.toml').write_text(text)

    def start(self, said='answering'):
        argv = [*self.wrap, lab.azimuth_binary(), 'serve', '--config', 'azimuth.toml']
        self.process = lab.Process(self.pair.server.argv(argv), self.folder)
        self.wait_for_log(said)
        return self

    def wait_for_log(self, words):
        def said():
            lab.expect(self.process.alive() or words in self.log(), lambda: f'{self.label} has ended: {self.log()[-600:]}')
            return words in self.log()
        lab.wait_until(lambda: f'"{words}" in the log of {self.label}: {self.log()[-900:]}', said)

    def log(self):
        # Without the colours of a terminal.
        return re.sub('\x1b\\[[0-9;]*m', '', self.process.log()) if self.process else ''

    def complaints(self, lines=6):
        return self.log().splitlines()[-lines:]

    def stop(self):
        if self.process is not None:
            self.process.stop()

    def counters(self):
        """How many queries came by which transport."""
        with self.pair.server.inside():
            text = urllib.request.urlopen(f'http://127.0.0.1:{self.admin}/metrics', timeout=lab.PATIENCE).read().decode()
        return {road: int(count) for road, count in re.findall(r'^azimuth_queries_total\{transport="(\w+)"\} (\d+)', text, re.M)}

    @contextlib.contextmanager
    def came_by(self, road, queries=1):
        """The block's queries come by that road, and by no other."""
        before = self.counters()
        yield
        def gained():
            now = self.counters()
            return {road: now[road] - before.get(road, 0) for road in now if now[road] != before.get(road, 0)}
        wanted = {road: queries} if queries else {}
        with contextlib.suppress(lab.Failure):
            lab.wait_until('the counter', lambda: gained() == wanted, 2)
        lab.expect(gained() == wanted, lambda: f'queries came by {gained()}, not {wanted}')


class Client:
    """Sockets in the client's namespace."""

    def __init__(self, pair):
        self.pair = pair

    def ask(self, message, port=PORT, to=None, source=0, limit=3.0, family=4):
        """The octets of the answer, over a socket of the system; None after three tries."""
        address = to or links.Pair.SERVER[family == 6]
        with self.pair.client.inside():
            udp = socket.socket(socket.AF_INET6 if ':' in address else socket.AF_INET, socket.SOCK_DGRAM)
        with udp:
            udp.bind(('::' if ':' in address else '0.0.0.0', source))
            udp.connect((address, port))
            udp.settimeout(limit)
            udp.send(message)
            with contextlib.suppress(TimeoutError, ConnectionRefusedError):
                return udp.recv(65535)
        return None


def questions():
    """(what, octets) of queries of every kind that is answered at once."""
    def query(name='www.example.com', rtype='A', **options):
        return dns.message.make_query(name, rtype, **options)

    def wire(message, number=4660):
        message.id = number
        return message.to_wire()
    ecs = lambda text: [dns.edns.ECSOption.from_text(text)]
    cookie = lambda octets: [dns.edns.GenericOption(10, octets)]
    odd = bytearray(wire(query('wWw.ExAmPlE.cOm')))
    many = [
        ('A', query()), ('AAAA', query(rtype='AAAA')), ('NODATA', query(rtype='MX')), ('NXDOMAIN', query('no.example.com')),
        ('ANY', query(rtype='ANY')), ('SOA', query('example.com', 'SOA')), ('NS', query('example.com', 'NS')),
        ('CNAME', query('alias.example.com')), ('wildcard', query('a.b.wild.example.com', 'TXT')),
        ('referral', query('x.sub.example.com')), ('DS with DO', query('sub.example.com', 'DS', want_dnssec=True)),
        ('refused', query('example.net')), ('EDNS', query(use_edns=0, payload=1232)), ('DO', query(want_dnssec=True)),
        ('EDNS version 1', query(use_edns=1)), ('truncated', query('long.example.com', 'TXT')),
        ('whole by EDNS', query('long.example.com', 'TXT', use_edns=0, payload=1232)),
        ('truncated at 1232', query('huge.example.com', 'TXT', use_edns=0, payload=1232)),
        ('steered', query('geo.example.com')), ('steered AAAA', query('geo.example.com', 'AAAA')),
        ('steered by ECS', query('geo.example.com', use_edns=0, options=ecs('203.0.113.0/24'))),
        ('steered by ECS of Australia', query('geo.example.com', use_edns=0, options=ecs('1.128.0.0/11'))),
        ('ECS of IPv6', query('geo.example.com', use_edns=0, options=ecs('2001:db8::/48'))),
        ('NSID', query(use_edns=0, options=[dns.edns.GenericOption(3, b'')])),
        ('client cookie', query(use_edns=0, options=cookie(bytes(range(8))))),
        ('wrong server cookie', query(use_edns=0, options=cookie(bytes(range(24))))),
        ('flawed cookie', query(use_edns=0, options=cookie(bytes(3)))),
        ('CHAOS', query('version.bind', 'TXT', rdclass='CH')),
    ]
    yield from ((what, wire(message)) for what, message in many)
    yield 'odd letters', bytes(odd)
    yield 'two questions', bytes([*odd[:5], 2, *odd[6:], *odd[12:]])
    yield 'no question', bytes([*odd[:5], 0, *odd[6:12]])
    yield 'cut question', bytes(odd[:-3])
    yield 'octets behind it', bytes(odd) + b'more'


def soa_query(number=77):
    message = dns.message.make_query('example.com', 'SOA')
    message.id = number
    return message.to_wire()


def check_answers(laboratory, pair, client, first, tags):
    """Octet for octet what sockets answer: IPv4, IPv6, VLAN."""
    wire = links.Wire(pair)
    here, there = (links.Pair.CLIENT[0], 4246), (links.Pair.SERVER[0], PORT)
    for family in (4, 6):
        with laboratory.check(f'IPv{family}: every answer is that of the sockets, and every query came by XDP'):
            for what, message in questions():
                wanted = client.ask(message, PLAIN_PORT, source=4242, family=family, limit=lab.PATIENCE)
                with first.came_by('xdp'):
                    got = client.ask(message, source=4242, family=family, limit=lab.PATIENCE)
                if 'cookie' in what and got and wanted:
                    # The end of a server cookie is a time, which may have passed, and the hash over it.
                    got, wanted = (len(got), got[:-12]), (len(wanted), wanted[:-12])
                lab.expect(got and wanted == got, f'{what}: over sockets {wanted}, by XDP {got}')
    for tag in tags:
        with laboratory.check(f'tag {tag:#06x} of 802.1Q: the same answers with the same tag, right checksums and lengths'):
            for what, message in questions():
                if 'cookie' in what:
                    continue
                wanted = client.ask(message, PLAIN_PORT, source=4242, limit=lab.PATIENCE)
                with first.came_by('xdp'):
                    wire.send(links.packet_v4(here[0], there[0], links.datagram(here, there, message)), tags=[tag])
                    reply_tag, packet, got = wire.receive(4246, lab.PATIENCE)
                lab.expect(reply_tag == tag, f'{what}: the tag is {reply_tag}')
                lab.expect(got == wanted, f'{what}: over sockets {wanted}, by XDP {got}')
                lab.expect(links.verify(packet) is None, f'{what}: {links.verify(packet)} of the reply is wrong')
    with laboratory.check('replies have right checksums and lengths, no DF, and TTL 64'):
        for family in (0, 1):
            source, target = (links.Pair.CLIENT[family], 4243), (links.Pair.SERVER[family], PORT)
            build = links.packet_v6 if family else links.packet_v4
            wire.send(build(source[0], target[0], links.datagram(source, target, soa_query())))
            _, packet, _ = wire.receive(4243, lab.PATIENCE)
            lab.expect(links.verify(packet) is None, f'{links.verify(packet)} of the reply is wrong')
            lab.expect((packet[7] if family else packet[8]) == 64, 'the TTL is not 64')
            lab.expect(family or packet[6] & 0x40 == 0, 'DF is set')
    wire.close()


def check_left_to_sockets(laboratory, pair, client, first):
    """What XDP passes on: sockets answer it, or nobody does."""
    wire = links.Wire(pair)
    here, there = (links.Pair.CLIENT[0], 4244), (links.Pair.SERVER[0], PORT)
    here6, there6 = (links.Pair.CLIENT[1], 4244), (links.Pair.SERVER[1], PORT)
    message = soa_query()
    whole, whole6 = links.datagram(here, there, message), links.datagram(here6, there6, message)
    v4 = lambda payload, **options: links.packet_v4(here[0], there[0], payload, **options)
    v6 = lambda payload, **options: links.packet_v6(here6[0], there6[0], payload, **options)
    destination_options = b'\x11\x00\x01\x04\x00\x00\x00\x00'
    fragment = lambda payload, offset, more: b'\x11\x00' + (offset | more).to_bytes(2, 'big') + b'\0\0\0\x09' + payload
    answered = {
        'fragments of IPv4': [v4(whole[:16], fragment=0x2000), v4(whole[16:], fragment=2)],
        'an IP option': [v4(whole, options=b'\x01\x01\x01\x00')],
        'an extension header': [v6(destination_options + whole6, protocol=60)],
        'fragments of IPv6': [v6(fragment(whole6[:16], 0, 1), protocol=44), v6(fragment(whole6[16:], 16, 0), protocol=44)],
        'a query longer than a frame': None,
    }
    for what, packets in answered.items():
        with laboratory.check(f'{what}: answered by the sockets'):
            if packets is None:
                with first.came_by('udp'):
                    lab.expect(client.ask(message + b'\0' * 2000), 'no answer')
                continue
            with first.came_by('udp'):
                for packet in packets:
                    wire.send(packet)
                reply = wire.receive(4244, lab.PATIENCE)
                lab.expect(reply is not None and reply[2][3] & 15 == 0, f'the answer is {reply}')
    with laboratory.check('two tags: left to the sockets'):
        with first.came_by('udp'):
            wire.send(v4(whole), tags=[0x6000, 0x6000])
            lab.expect(wire.receive(4244, lab.PATIENCE), 'no answer')
    nobody = {
        'a wrong UDP checksum': dict(packet=v4(links.datagram(here, there, message, flaw=1))),
        'a wrong checksum of IPv6': dict(packet=v6(links.datagram(here6, there6, message, flaw=1))),
        'no checksum in IPv6': dict(packet=v6(links.datagram(here6, there6, message, without_checksum=True))),
        'a wrong checksum of the IPv4 header': dict(packet=v4(whole, flaw=1)),
        'another hardware address': dict(packet=v4(whole), receiver=b'\x02\0\0\0\0\x99'),
        'a VLAN that the server has no part in': dict(packet=v4(whole), tags=[8]),
        'a length beyond the frame': dict(packet=v4(whole)[:-4]),
    }
    for what, frame in nobody.items():
        with laboratory.check(f'{what}: not answered'):
            with first.came_by('udp', 0):
                wire.send(**frame)
                lab.expect(wire.receive(4244, 0.3) is None, 'it is answered')
    with laboratory.check('IPv4 without a UDP checksum: answered by XDP'):
        with first.came_by('xdp'):
            wire.send(v4(links.datagram(here, there, message, without_checksum=True)))
            lab.expect(wire.receive(4244, lab.PATIENCE), 'no answer')
    with laboratory.check('an answer longer than a frame comes over the socket, in fragments, and is the same'):
        query = dns.message.make_query('huge.example.com', 'TXT', use_edns=0, payload=4096)
        query.id = 99
        with first.came_by('xdp'):
            got = client.ask(query.to_wire(), source=4245)
        lab.expect(got and len(got) > 3000 and got == client.ask(query.to_wire(), PLAIN_PORT, source=4245), f'{got}')
    wire.close()


def check_other_roads(laboratory, pair, client, first):
    """TCP, transfers, NOTIFY, UPDATE and signed messages beside XDP."""
    server = links.Pair.SERVER[0]
    keyring = dns.tsig.Key('t.', SECRET, 'hmac-sha256')
    with laboratory.check('TCP is as ever: a query and a transfer'):
        with first.came_by('tcp', 2), pair.client.inside():
            answer = dns.query.tcp(dns.message.make_query('www.example.com', 'A'), server, timeout=lab.PATIENCE)
            lab.expect(answer.answer, f'{answer}')
            transfer = list(dns.query.xfr(server, 'example.com', lifetime=lab.PATIENCE))
            lab.expect(transfer and transfer[-1].answer, 'no transfer')
    with laboratory.check('IXFR over UDP comes by XDP and is answered from the address that was asked'):
        query = dns.message.make_query('example.com', 'IXFR')
        query.authority.append(dns.rrset.from_text('example.com.', 0, 'IN', 'SOA', 'ns. hm. 7 1 1 1 1'))
        for family in (4, 6):
            # `ask` takes replies from the address that it asked, and no other.
            with first.came_by('xdp'):
                got = client.ask(query.to_wire(), family=family, limit=lab.PATIENCE)
            lab.expect(got and (got[3] & 15 == 5 if family == 6 else dns.message.from_wire(got).answer), f'IPv{family}: {got}')
    with laboratory.check('a signed query is answered, and signed'):
        query = dns.message.make_query('www.example.com', 'A')
        query.use_tsig(keyring)
        wire = query.to_wire()
        with first.came_by('xdp'):
            got = client.ask(wire, limit=lab.PATIENCE)
        answer = dns.message.from_wire(got, keyring=keyring, request_mac=query.mac)
        lab.expect(answer.had_tsig and answer.answer, f'{answer}')
    with laboratory.check('NOTIFY and UPDATE are left to the sockets and answered'):
        notify = dns.message.make_query('example.com', 'SOA')
        notify.set_opcode(dns.opcode.NOTIFY)
        update = dns.update.UpdateMessage('example.com')
        update.add('new', 60, 'A', '192.0.2.99')
        for message in (notify, update):
            with first.came_by('udp'):
                lab.expect(client.ask(message.to_wire(), limit=lab.PATIENCE), f'no answer to {message.opcode()}')


def wait_for_xdp(server, client, address):
    """Until queries to this address of the server come by XDP."""
    def by_xdp():
        before = server.counters()['xdp']
        client.ask(soa_query(), to=address)
        return server.counters()['xdp'] > before
    lab.wait_until(f'a query to {address} comes by XDP', by_xdp)


def check_running(laboratory, pair, client, first):
    """Reload, addresses that come and go, end."""
    with laboratory.check('a reload is answered by XDP at once'):
        (first.folder / 'zone').write_text(ZONE.replace('192.0.2.80', '192.0.2.81').replace(' 7 ', ' 8 '))
        first.process.signal(signal.SIGHUP)
        first.wait_for_log('configuration reloaded')
        with first.came_by('xdp'):
            lab.expect(bytes([192, 0, 2, 81]) in client.ask(next(questions())[1]), 'the old answer')
        lab.expect(pair.server.has_program('va'), 'the program is gone')
    with laboratory.check('an address that is added is answered at once, and by XDP soon after'):
        pair.server.ip('addr', 'add', '10.77.0.9/24', 'dev', 'va')
        lab.expect(client.ask(soa_query(), to='10.77.0.9', limit=lab.PATIENCE), 'no answer')
        wait_for_xdp(first, client, '10.77.0.9')
    with laboratory.check('an interface that goes down and up is served on'):
        for state in ('down', 'up'):
            pair.server.ip('link', 'set', 'va', state)
        lab.wait_until('the way is back', lambda: client.ask(soa_query(), limit=0.3))
        with first.came_by('xdp'):
            lab.expect(client.ask(soa_query(), limit=lab.PATIENCE), 'no answer')
    with laboratory.check('bursts: 20,000 queries, 500 at a time, are all answered'):
        with pair.client.inside():
            udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        with udp:
            udp.setsockopt(socket.SOL_SOCKET, 33, 1 << 23)  # SO_RCVBUFFORCE
            udp.connect((links.Pair.SERVER[0], PORT))
            udp.settimeout(lab.PATIENCE)
            message = soa_query(0)[2:]
            for burst in range(40):
                numbers = range(burst * 500, burst * 500 + 500)
                for number in numbers:
                    udp.send(number.to_bytes(2, 'big') + message)
                seen = {int.from_bytes(udp.recv(4096)[:2], 'big') for _ in numbers}
                lab.expect(seen == set(numbers), f'{len(seen)} of 500')
    with laboratory.check('it ends at once and takes its program off'):
        begun = time.monotonic()
        first.process.signal(signal.SIGTERM)
        first.process.child.wait(lab.PATIENCE)
        lab.expect(time.monotonic() - begun < lab.PATIENCE / 2, 'it took its time')
        lab.expect(not pair.server.has_program('va'), 'the program is still there')


def check_start(laboratory, pair, client):
    """Rights, users, other interfaces, and what refuses."""
    message = soa_query()
    fallback = 'no XDP on this interface, whose queries are answered over sockets'
    number = iter(range(100))

    @contextlib.contextmanager
    def started(admin=ADMIN, **options):
        server = Azimuth(laboratory, pair, f'start-{next(number)}', PORT, admin, **options).start()
        try:
            yield server
        finally:
            laboratory.remove(server)

    refusals = {
        'an interface that does not exist': ('xdp = ["nowhere0"]', (), 'there is no such interface'),
        'loopback': ('xdp = ["lo"]', (), 'it is no Ethernet interface'),
        'missing rights': ('xdp = ["va"]', ('setpriv', '--bounding-set', '-net_admin,-bpf,-sys_admin', '--'), 'CAP_NET_ADMIN'),
    }
    for what, (options, wrap, words) in refusals.items():
        with laboratory.check(f'{what}: said, and sockets answer'):
            with started(options=options, wrap=wrap) as server:
                lab.expect(fallback in server.log() and words in server.log(), lambda: server.log()[-600:])
                with server.came_by('udp'):
                    lab.expect(client.ask(message, limit=lab.PATIENCE), 'no answer')
    with laboratory.check('three capabilities, and one for the port, are enough'):
        rights = '-all,+net_admin,+net_raw,+bpf,+net_bind_service,+dac_override'
        with started(options='xdp = ["va"]', wrap=('setpriv', '--bounding-set', rights, '--')) as server:
            with server.came_by('xdp'):
                lab.expect(client.ask(message, limit=lab.PATIENCE), lambda: f'no answer: {server.log()[-600:]}')
    with laboratory.check('killed: the kernel takes the program off'):
        with started(options='xdp = ["va"]') as server:
            lab.expect(pair.server.has_program('va'), 'there was none')
            server.process.kill()
            lab.wait_until('the program is off', lambda: not pair.server.has_program('va'))
    with laboratory.check('another program is there: said, and sockets answer'):
        with started(options='xdp = ["va"]', listen=['10.77.0.1:5399'], admin=PLAIN_ADMIN), started(options='xdp = ["va"]') as server:
            lab.expect(fallback in server.log() and 'another XDP program is on it' in server.log(), lambda: server.log()[-600:])
            with server.came_by('udp'):
                lab.expect(client.ask(message, limit=lab.PATIENCE), 'no answer')
    with laboratory.check('an ordinary user serves by XDP, with new addresses too'):
        with started(options='xdp = ["va"]', user='nobody') as server:
            with server.came_by('xdp'):
                lab.expect(client.ask(message, limit=lab.PATIENCE), 'no answer')
            pair.server.ip('addr', 'replace', '10.77.0.7/24', 'dev', 'va')
            wait_for_xdp(server, client, '10.77.0.7')
    with laboratory.check('one address alone: queries for another of the machine are left to who listens there'):
        pair.server.ip('addr', 'replace', '10.77.0.8/24', 'dev', 'va')
        with started(options='xdp = ["va"]', listen=['10.77.0.1:53']) as server:
            other = Azimuth(laboratory, pair, 'other', PORT, PLAIN_ADMIN, listen=['10.77.0.8:53']).start()
            with server.came_by('xdp'), other.came_by('udp'):
                lab.expect(client.ask(message, limit=lab.PATIENCE), 'no answer')
                lab.expect(client.ask(message, to='10.77.0.8', limit=lab.PATIENCE), 'no answer of the other')
            laboratory.remove(other)
    with laboratory.check('a bridge, whose driver takes no program: in the system\'s stack'):
        for words in ('link add br0 type bridge', 'link set va master br0', 'link set br0 up', 'addr flush dev va',
                      'addr add 10.77.0.1/24 dev br0'):
            pair.server.ip(*words.split())
        with started(options='xdp = ["br0"]') as server:
            lab.expect("in the system's stack" in server.log(), lambda: server.log()[-600:])
            lab.wait_until('the bridge forwards', lambda: client.ask(message, limit=0.3))
            with server.came_by('xdp'):
                lab.expect(client.ask(message, limit=lab.PATIENCE), 'no answer')


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n', 1)[0])
    parser.add_argument('--only', choices=['answers', 'sockets', 'roads', 'running', 'start'])
    parser.add_argument('--keep', action='store_true', help='leave configurations and logs')
    options = parser.parse_args()
    if os.geteuid() != 0:
        sys.exit('xdp: network namespaces and XDP need root')
    wanted = lambda part: options.only in (None, part)
    with lab.Lab('xdp', options.keep) as laboratory, links.Pair() as pair:
        client = Client(pair)
        if options.only != 'start':
            # A tag with a priority and no VLAN works without; a kernel may be built without VLANs of its own.
            vlan = lab.run(['ip', '-n', pair.server.name, *'link add link va name va.7 type vlan id 7'.split()], check=False)
            tags = [0x6000] + [0x6007] * (vlan.returncode == 0)
            with laboratory.part():
                first = Azimuth(laboratory, pair, 'xdp', PORT, ADMIN, options='xdp = ["va"]')
                plain = Azimuth(laboratory, pair, 'sockets', PLAIN_PORT, PLAIN_ADMIN)
                with laboratory.check('a veth takes the program in its driver', needed=True):
                    first.start()
                    plain.start()
                    lab.expect('queries are taken by XDP' in first.log() and 'in the driver' in first.log(), first.log)
                    lab.expect(pair.server.has_program('va'), 'no program')
                if wanted('answers'):
                    check_answers(laboratory, pair, client, first, tags)
                if wanted('sockets'):
                    check_left_to_sockets(laboratory, pair, client, first)
                if wanted('roads'):
                    check_other_roads(laboratory, pair, client, first)
                if wanted('running'):
                    check_running(laboratory, pair, client, first)
        if wanted('start'):
            with laboratory.part():
                check_start(laboratory, pair, client)
        return laboratory.score()


if __name__ == '__main__':
    sys.exit(main())
