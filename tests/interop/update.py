#!/usr/bin/env python3
"""UPDATE: nsupdate, certbot's way, ten thousand updates in a burst, kill -9 in the midst of it, a full disk.

An update that was answered NOERROR is there after whatever comes next; one that was refused or never answered is there as a whole
or not at all.

    python3 tests/interop/update.py                     # all of it, with 20 kills
    python3 tests/interop/update.py --kills 200         # the long run
    python3 tests/interop/update.py --server knot       # proves the test itself: a peer in the place of azimuth
"""
import argparse
import os
import random
import socket
import struct
import sys
import threading
import time

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset
import dns.tsig
import dns.tsigkeyring
import dns.update

import lab
import servers
import wire

ORIGIN = 'dynamic.test'
KEY = servers.Key('update.example')
OTHER_KEY = servers.Key('stranger.example')
RING = dns.tsigkeyring.from_text({KEY.name: KEY.secret})
ZONE = f'''$ORIGIN {ORIGIN}.
$TTL 300
@ SOA ns1 hostmaster 1 7200 3600 1209600 300
@ NS ns1
ns1 A 127.0.0.1
www A 192.0.2.1
www A 192.0.2.2
alias CNAME www
cut NS ns.cut
ns.cut A 192.0.2.3
'''


class World:
    """The server under test with its dynamic zone; it can be started again in the same folder."""

    def __init__(self, laboratory, kind):
        self.kind = kind
        self.file = laboratory.subfolder(f'zones-{laboratory.started}') / 'dynamic.zone'
        self.file.write_text(ZONE)
        # Whoever may update may also transfer, so that the whole zone can be looked at.
        self.server = servers.KINDS[kind](laboratory, [servers.Zone(ORIGIN, self.file, key=KEY, update_key=KEY)])

    def start(self):
        self.server.start()
        return self

    def names(self):
        """Owners in the zone, by a transfer."""
        return {line.split()[0] for line in self.server.transfer(ORIGIN, KEY)}

    def records(self):
        """Records but for the SOA, by a transfer."""
        return {line for line in self.server.transfer(ORIGIN, KEY) if ' soa ' not in line}


def look(port, name, rtype):
    """The data of an RRset in text, sorted; none for a name that is not there."""
    response = dns.query.udp(dns.message.make_query(name, rtype), '127.0.0.1', port=port, timeout=lab.PATIENCE)
    return sorted(str(rdata) for rrset in response.answer if rrset.rdtype == dns.rdatatype.from_text(rtype) for rdata in rrset)


def sent(port, lines, key=KEY):
    """nsupdate's verdict: NOERROR or what it was told."""
    said = servers.update(port, ORIGIN, lines, key, check=False)
    if said.returncode == 0:
        return 'NOERROR'
    for word in ('NXDOMAIN', 'YXDOMAIN', 'NXRRSET', 'YXRRSET', 'REFUSED', 'NOTAUTH', 'NOTZONE', 'SERVFAIL', 'FORMERR'):
        if word in said.stdout + said.stderr:
            return word
    return said.stdout + said.stderr


def by_nsupdate(world):
    """Sessions of nsupdate: adds, deletes, prerequisites, and that the serial goes up when something changed."""
    port, at = world.server.port, f'.{ORIGIN}.'
    sessions = [
        # (lines, verdict, name, type, data afterwards, whether the serial goes up)
        ([f'update add new{at} 60 A 192.0.2.10'], 'NOERROR', 'new', 'A', ['192.0.2.10'], True),
        ([f'update add new{at} 60 A 192.0.2.11'], 'NOERROR', 'new', 'A', ['192.0.2.10', '192.0.2.11'], True),
        ([f'update add new{at} 60 A 192.0.2.11'], 'NOERROR', 'new', 'A', ['192.0.2.10', '192.0.2.11'], False),
        ([f'update delete new{at} A 192.0.2.10'], 'NOERROR', 'new', 'A', ['192.0.2.11'], True),
        ([f'prereq nxdomain new{at}', f'update add new{at} 60 A 192.0.2.12'], 'YXDOMAIN', 'new', 'A', ['192.0.2.11'], False),
        ([f'prereq yxdomain none{at}', f'update add new{at} 60 A 192.0.2.12'], 'NXDOMAIN', 'new', 'A', ['192.0.2.11'], False),
        ([f'prereq nxrrset new{at} A', f'update add new{at} 60 A 192.0.2.12'], 'YXRRSET', 'new', 'A', ['192.0.2.11'], False),
        ([f'prereq yxrrset new{at} TXT', f'update add new{at} 60 A 192.0.2.12'], 'NXRRSET', 'new', 'A', ['192.0.2.11'], False),
        ([f'prereq yxrrset new{at} A 192.0.2.11', f'update add new{at} 60 TXT "there"'], 'NOERROR', 'new', 'TXT', ['"there"'], True),
        ([f'prereq yxrrset new{at} A 192.0.2.99', f'update add new{at} 60 TXT "no"'], 'NXRRSET', 'new', 'TXT', ['"there"'], False),
        ([f'update delete new{at} TXT'], 'NOERROR', 'new', 'TXT', [], True),
        ([f'update delete new{at}'], 'NOERROR', 'new', 'A', [], True),
        ([f'update delete new{at}'], 'NOERROR', 'new', 'A', [], False),
        # One message, all or nothing: exchange an address.
        ([f'update delete www{at} A 192.0.2.1', f'update add www{at} 300 A 192.0.2.4'], 'NOERROR', 'www', 'A',
         ['192.0.2.2', '192.0.2.4'], True),
        # RFC 2136, section 3.4.2.2: a CNAME beside other data is silently not added, nor other data beside a CNAME.
        ([f'update add www{at} 60 CNAME ns1{at}'], 'NOERROR', 'www', 'A', ['192.0.2.2', '192.0.2.4'], False),
        ([f'update add alias{at} 60 A 192.0.2.5'], 'NOERROR', 'alias', 'CNAME', [f'www{at}'], False),
        ([f'update add alias{at} 60 CNAME ns1{at}'], 'NOERROR', 'alias', 'CNAME', [f'ns1{at}'], True),
        # Section 3.4.2.4: the SOA and the last NS of the apex stay.
        ([f'update delete {ORIGIN}. NS'], 'NOERROR', '@', 'NS', [f'ns1{at}'], False),
        ([f'update delete {ORIGIN}. SOA'], 'NOERROR', '@', 'NS', [f'ns1{at}'], False),
        ([f'update add *.wild{at} 60 TXT "any"'], 'NOERROR', 'x.wild', 'TXT', ['"any"'], True),
        ([f'update add a.b.c.deep{at} 60 A 192.0.2.6'], 'NOERROR', 'a.b.c.deep', 'A', ['192.0.2.6'], True),
    ]
    serial = wire.serial(port, ORIGIN)
    for lines, verdict, name, rtype, data, rises in sessions:
        got = sent(port, lines)
        lab.expect(got == verdict, f'{lines}: {got}, wants {verdict}')
        owner = f'{ORIGIN}.' if name == '@' else name + at
        seen = look(port, owner, rtype)
        lab.expect(seen == data, f'after {lines}: {owner} {rtype} is {seen}, wants {data}')
        now = wire.serial(port, ORIGIN)
        lab.expect((now > serial) == rises, f'after {lines}: the serial went from {serial} to {now}')
        serial = now
    # A given SOA counts when its serial is later (section 3.4.2.2).
    soa = f'{ORIGIN}. 300 SOA ns1{at} hostmaster{at} %d 7200 3600 1209600 300'
    sent(port, [f'update add {soa % (serial + 100)}'])
    lab.expect(wire.serial(port, ORIGIN) == serial + 100, f'the serial of a given SOA, {serial + 100}, was not taken')
    sent(port, [f'update add {soa % serial}'])
    lab.expect(wire.serial(port, ORIGIN) >= serial + 100, 'an earlier serial was taken')


def not_by_strangers(world):
    """Without a key, with a key that is not known, with a wrong secret: nothing changes."""
    port, line = world.server.port, f'update add stranger.{ORIGIN}. 60 A 192.0.2.66'
    wrong = servers.Key(KEY.name, 'd3Jvbmcgc2VjcmV0')
    for key in (OTHER_KEY, wrong):
        lab.expect(sent(port, [line], key) != 'NOERROR', f'an update by {key} was taken')
    plain = dns.update.UpdateMessage(ORIGIN)
    plain.add('stranger', 60, 'A', '192.0.2.66')
    rcode = dns.query.tcp(plain, '127.0.0.1', port=port, timeout=lab.PATIENCE).rcode()
    lab.expect(rcode == dns.rcode.REFUSED, f'an update without a key was answered {dns.rcode.to_text(rcode)}')
    lab.expect(look(port, f'stranger.{ORIGIN}.', 'A') == [], 'an update of a stranger is there')
    outside = dns.update.UpdateMessage(ORIGIN, keyring=RING)
    outside.update.append(dns.rrset.from_text('www.elsewhere.test.', 60, 'IN', 'A', '192.0.2.1'))
    rcode = dns.query.tcp(outside, '127.0.0.1', port=port, timeout=lab.PATIENCE).rcode()
    lab.expect(rcode == dns.rcode.NOTZONE, f'a name out of the zone was answered {dns.rcode.to_text(rcode)}')


def certbots_way(world):
    """The messages of certbot's dns-rfc2136: finds the zone by its SOA, adds a TXT beside another, deletes each by its data."""
    port, name = world.server.port, f'_acme-challenge.www.{ORIGIN}'
    labels = name.split('.')
    found = None
    for start in range(len(labels)):
        domain = '.'.join(labels[start:])
        query = dns.message.make_query(domain, 'SOA')
        query.flags ^= dns.flags.RD
        response = dns.query.tcp(query, '127.0.0.1', timeout=lab.PATIENCE, port=port)
        if (response.rcode() == dns.rcode.NOERROR and response.flags & dns.flags.AA
                and response.get_rrset(response.answer, dns.name.from_text(domain), dns.rdataclass.IN, dns.rdatatype.SOA)):
            found = domain
            break
    lab.expect(found == ORIGIN, f'the zone of {name} is found to be {found}')
    tokens = ['"first-token_ABC"', '"second-token_XYZ"']
    for step, (action, token, wanted) in enumerate([('add', 0, tokens[:1]), ('add', 1, tokens), ('delete', 0, tokens[1:]),
                                                    ('delete', 1, [])]):
        message = dns.update.UpdateMessage(found, keyring=RING, keyalgorithm=dns.tsig.HMAC_SHA256)
        relative = dns.name.from_text(name).relativize(dns.name.from_text(found))
        if action == 'add':
            message.add(relative, 120, dns.rdatatype.TXT, tokens[token])
        else:
            message.delete(relative, dns.rdatatype.TXT, tokens[token])
        rcode = dns.query.tcp(message, '127.0.0.1', timeout=lab.PATIENCE, port=port).rcode()
        lab.expect(rcode == dns.rcode.NOERROR, f'step {step} was answered {dns.rcode.to_text(rcode)}')
        seen = look(port, f'{name}.', 'TXT')
        lab.expect(seen == sorted(wanted), f'after step {step} there is {seen}, wants {wanted}')


def message(number):
    """An update of two records under one name, with its signature, as octets; id is the number."""
    update = dns.update.UpdateMessage(ORIGIN, keyring=RING, keyalgorithm=dns.tsig.HMAC_SHA256, id=number & 0xFFFF)
    update.add(f'u{number:05}', 60, 'A', f'192.0.2.{number % 256}')
    update.add(f'u{number:05}', 60, 'TXT', f'"number {number}"')
    return update.to_wire()


class Burst:
    """Several clients on TCP connections of their own, each with some updates on their way."""

    CLIENTS, WINDOW = 4, 8

    def __init__(self, port, numbers):
        self.port = port
        numbers = list(numbers)
        self.answered = {}  # number: rcode
        self.sent = set()
        self.lost = 0
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._client, args=(numbers[client::self.CLIENTS],), daemon=True)
                        for client in range(self.CLIENTS)]

    def start(self):
        for thread in self.threads:
            thread.start()
        return self

    def join(self):
        for thread in self.threads:
            thread.join()
        return self

    def _client(self, numbers):
        try:
            with socket.create_connection(('127.0.0.1', self.port), timeout=lab.PATIENCE) as tcp:
                tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self._converse(tcp, numbers)
        except OSError:
            with self.lock:
                self.lost += 1

    def _converse(self, tcp, numbers):
        waiting, buffer, following = {}, b'', 0
        while following < len(numbers) or waiting:
            while following < len(numbers) and len(waiting) < self.WINDOW:
                number = numbers[following]
                octets = message(number)
                waiting[number & 0xFFFF] = number
                with self.lock:
                    self.sent.add(number)
                tcp.sendall(struct.pack('>H', len(octets)) + octets)
                following += 1
            octets = tcp.recv(65536)
            if not octets:
                raise ConnectionResetError
            buffer += octets
            while len(buffer) >= 2 and len(buffer) >= 2 + (length := struct.unpack_from('>H', buffer)[0]):
                ident, flags = struct.unpack_from('>HH', buffer, 2)
                buffer = buffer[2 + length:]
                with self.lock:
                    self.answered[waiting.pop(ident)] = flags & 15


def whole_or_not(world, burst_numbers, acknowledged):
    """Of each update both records or none; of each acknowledged one both. Returns how many are there."""
    there = {}
    for line in world.records():
        owner = line.split('.', 1)[0]
        if owner.startswith('u') and owner[1:].isdigit():
            there.setdefault(int(owner[1:]), set()).add(line.split()[3])
    lost = sorted(number for number in acknowledged if number not in there)
    lab.expect(not lost, f'{len(lost)} acknowledged updates are gone, such as {lost[:5]}')
    half = sorted(number for number, types in there.items() if types != {'a', 'txt'})
    lab.expect(not half, f'{len(half)} updates are there by half, such as {half[:5]}')
    strange = sorted(set(there) - set(burst_numbers))
    lab.expect(not strange, f'{len(strange)} updates are there that nobody sent, such as {strange[:5]}')
    return len(there)


def burst_of(world, count):
    before = wire.serial(world.server.port, ORIGIN)
    begun = time.monotonic()
    burst = Burst(world.server.port, range(count)).start().join()
    seconds = time.monotonic() - begun
    bad = {number: rcode for number, rcode in burst.answered.items() if rcode}
    lab.expect(not burst.lost and len(burst.answered) == count and not bad,
               f'{len(burst.answered)} of {count} answered, {len(bad)} with an error, such as {list(bad.items())[:3]}')
    whole_or_not(world, range(count), range(count))
    after = wire.serial(world.server.port, ORIGIN)
    lab.expect(after > before, 'the serial went up')
    print(f'        {count} updates, {count / seconds:.0f} a second; the serial went from {before} to {after}')


def killed(world, kills, seed, earlier):
    """A burst and kill -9 at a random moment of it, again and again; the server starts again on the same folder."""
    chance, sent_numbers = random.Random(seed), set(earlier)
    following, acknowledged, at_kills = 100_000, set(), []
    for kill in range(kills):
        burst = Burst(world.server.port, range(following, following + 10_000)).start()
        # The moment is a number of answers, so that it lies in the burst however slow the machine is; then a little later.
        moment = int(10 ** chance.uniform(0, 2.7))
        lab.wait_until(f'{moment} answers', lambda: len(burst.answered) >= moment or burst.lost)
        time.sleep(chance.random() * 0.004)
        world.server.kill()
        burst.join()
        following += 10_000
        acknowledged |= {number for number, rcode in burst.answered.items() if rcode == 0}
        sent_numbers |= burst.sent
        at_kills.append(len(burst.answered))
        world.server.launch()
        world.server.wait_for_zones()
        if kill % 10 == 9 or kill == kills - 1:
            there = whole_or_not(world, sent_numbers, acknowledged)
        else:
            # Between the full looks: the newest, which are those at risk.
            newest = [number for number, rcode in burst.answered.items() if rcode == 0][-100:]
            queries = [wire.query(f'u{number:05}.{ORIGIN}', 'A') for number in newest]
            answers = wire.exchange_udp(world.server.port, queries) if queries else []
            gone = [number for number, octets in zip(newest, answers) if len(wire.read(octets).answer) != 1]
            lab.expect(not gone, f'kill {kill}: {len(gone)} acknowledged updates are gone, such as {gone[:5]}')
    print(f'        {kills} kills after {min(at_kills)} to {max(at_kills)} answers; {len(acknowledged)} updates acknowledged, '
          f'{len(sent_numbers)} sent, {there} there; seed {seed}')


class SmallDisk:
    """A folder on a file system of a few hundred KiB. To mount it needs root."""

    def __init__(self, laboratory, kib=512):
        self.path = laboratory.subfolder('small-disk')
        self.kib = kib
        self.ballast = self.path / 'ballast'

    def __enter__(self):
        lab.run(['mount', '-t', 'tmpfs', '-o', f'size={self.kib}k,mode=0755', 'tmpfs', self.path])
        return self

    def __exit__(self, *_):
        lab.run(['umount', '-l', self.path], check=False)

    def fill(self):
        with open(self.ballast, 'wb', buffering=0) as file:
            try:
                while True:
                    file.write(bytes(512))
            except OSError:
                pass

    def make_room(self):
        self.ballast.unlink()


def one_update(port, number):
    """The RCODE of one update, or None when no answer came."""
    burst = Burst(port, [number]).start().join()
    return burst.answered.get(number)


def full_disk(laboratory, kind):
    """With a full disk an update is SERVFAIL and nothing of it is there, queries are answered; with room again it works."""
    with SmallDisk(laboratory) as disk:
        world = World(laboratory, kind)
        world.server.state = disk.path / 'state'
        world.server.state.mkdir()
        world.start()
        port = world.server.port
        lab.expect(one_update(port, 1) == 0, 'an update with room')
        disk.fill()
        codes, number = [], 2
        # Some may still fit into what a file system keeps at the end of a file's last block.
        while codes[-3:] != [2, 2, 2] and number < 2000:
            codes.append(one_update(port, number))
            number += 1
        lab.expect(codes[-3:] == [2, 2, 2], f'a full disk is SERVFAIL: {codes[-5:]}')
        good = {1} | {2 + at for at, code in enumerate(codes) if code == 0}
        lab.expect(set(codes) <= {0, 2}, f'RCODEs were {set(codes)}')
        whole = whole_or_not(world, range(number), good)
        lab.expect(whole == len(good), f'{whole} updates are there, {len(good)} were acknowledged')
        serial = wire.serial(port, ORIGIN)
        lab.expect(look(port, f'www.{ORIGIN}.', 'A'), 'queries are answered')
        disk.make_room()
        lab.wait_until('an update works again', lambda: one_update(port, 5000) == 0)
        lab.expect(wire.serial(port, ORIGIN) > serial, 'the serial went up')
        lab.expect(whole_or_not(world, [*range(number), 5000], good | {5000}) == len(good) + 1, 'the zone with room again')
        world.server.kill()
        world.server.launch()
        world.server.wait_for_zones()
        there = whole_or_not(world, [*range(number), 5000], good | {5000})
        lab.expect(there == len(good) + 1, f'{there} updates are there after a restart, {len(good) + 1} were acknowledged')
        laboratory.remove(world.server)
        print(f'        {len(codes)} updates with a full disk, the last {len(codes) - codes.index(2)} of them SERVFAIL')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--server', choices=['azimuth', 'knot', 'bind'], default='azimuth', help='the server under test')
    parser.add_argument('--updates', type=int, default=10_000)
    parser.add_argument('--kills', type=int, default=20, help='default %(default)s; the long run is 200')
    parser.add_argument('--seed', type=int, default=int.from_bytes(os.urandom(3), 'big'), help='of the moments of the kills')
    parser.add_argument('--keep', action='store_true', help='keeps the folder')
    arguments = parser.parse_args()
    kind = arguments.server
    with lab.Lab('update', arguments.keep) as laboratory:
        with laboratory.part():
            world = World(laboratory, kind)
            with laboratory.check(f'{kind} starts with a dynamic zone', needed=True):
                world.start()
            with laboratory.check('sessions of nsupdate'):
                by_nsupdate(world)
            with laboratory.check('strangers change nothing'):
                not_by_strangers(world)
            with laboratory.check("certbot's dns-rfc2136: adds and deletes a TXT"):
                certbots_way(world)
            with laboratory.check(f'a burst of {arguments.updates} updates'):
                burst_of(world, arguments.updates)
            with laboratory.check(f'{arguments.kills} times kill -9 loses no acknowledged update'):
                killed(world, arguments.kills, arguments.seed, range(arguments.updates))
        if kind == 'azimuth' and os.geteuid() != 0:
            print('NOT RUN a full disk: to mount a small one needs root')
        elif kind == 'azimuth':
            with laboratory.part(), laboratory.check('a full disk is SERVFAIL, and heals'):
                full_disk(laboratory, kind)
        return laboratory.score()


if __name__ == '__main__':
    sys.exit(main())
