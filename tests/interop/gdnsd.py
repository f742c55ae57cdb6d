#!/usr/bin/env python3
"""gdnsd's answers as a table: what gdnsd is known to answer, asked of azimuth.

The tables in tests/gdnsd are facts about another server's behaviour, from the tests of gdnsd (github.com/gdnsd/gdnsd, `t/` at
commit eda1f83b), restated as records and rows of our own. A row whose answer differs on purpose names the reason (`differs`),
which docs/gdnsd-differences.md explains, and holds what azimuth answers instead.

    python3 tests/interop/gdnsd.py                  # all tables
    python3 tests/interop/gdnsd.py --only wildcards # one
    python3 tests/interop/gdnsd.py --server knot    # a peer in the place of azimuth: shows rows that are gdnsd's own way
"""
import argparse
import contextlib
import http.server
import json
import re
import socket
import sys
import threading

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.query
import dns.rcode
import dns.rdata
import dns.rdataclass
import dns.rdatatype

import lab
import servers

TABLES = lab.HOME / 'tests' / 'gdnsd'
DIFFERENCES = lab.HOME / 'docs' / 'gdnsd-differences.md'
COOKIE, SERVER_COOKIE_OCTETS = 10, range(8, 33)
SECTIONS = ('answer', 'authority', 'additional')
# How long what was done between rows may take to be seen in answers: seconds.
SEEN = lab.PATIENCE


def record(text):
    """A line of a table as what is compared: `OWNER TTL [CH] TYPE RDATA`."""
    owner, ttl, rest = text.split(None, 2)
    rdclass = 'CH' if rest.startswith('CH ') else 'IN'
    rtype, data = re.match(r'(?:CH )?(\S+)\s*(.*)', rest, re.S).groups()
    rdata = dns.rdata.from_text(rdclass, rtype, data, origin=dns.name.root, relativize=False)
    return (owner.lower(), int(ttl), rdclass, dns.rdatatype.to_text(rdata.rdtype), rdata.to_digestable(dns.name.root).hex())


def shown(section):
    """A section of a response in the same form, and as lines."""
    records, lines = [], []
    for rrset in section:
        for rdata in rrset:
            rdclass = dns.rdataclass.to_text(rrset.rdclass)
            rtype = dns.rdatatype.to_text(rrset.rdtype)
            records.append((rrset.name.to_text().lower(), rrset.ttl, rdclass, rtype, rdata.to_digestable(dns.name.root).hex()))
            lines.append(f'{rrset.name} {rrset.ttl} {"CH " if rdclass == "CH" else ""}{rtype} {rdata}')
    return sorted(records), lines


def octets_of(row):
    if 'octets' in row:
        octets = bytes.fromhex(row['octets'])
        if 'size' in row:  # the OPT record of such a message is added here
            octets = octets[:10] + b'\0\1' + octets[12:] + opt(row)
        return octets
    name, rtype = row['ask'].rsplit(None, 1)
    query = dns.message.make_query(name, rtype, flags=dns.flags.RD if row.get('rd') else 0, id=0x1234)
    octets = query.to_wire()
    # The letters as they stand in the table, and options octet by octet.
    return octets[:10] + b'\0\1' + octets[12:] + opt(row) if 'size' in row else octets


def opt(row):
    options = b''.join(int(code).to_bytes(2, 'big') + len(bytes.fromhex(data)).to_bytes(2, 'big') + bytes.fromhex(data)
                       for code, data in row.get('options', {}).items())
    return b'\0\0\x29' + row['size'].to_bytes(2, 'big') + bytes(4) + len(options).to_bytes(2, 'big') + options


def ask(port, row):
    """The response, or None where none came."""
    octets = octets_of(row)
    patience = 1.0 if row['wants'].get('none') else lab.PATIENCE
    try:
        if row.get('tcp'):
            return over_tcp(port, octets)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(patience)
            udp.connect(('127.0.0.1', port))
            udp.send(octets)
            response = parse(udp.recv(65535))
    except TimeoutError:
        return None
    if response.flags & dns.flags.TC and 'tc' not in row['wants'].get('flags', ''):
        return over_tcp(port, octets)
    return response


def parse(octets):
    return dns.message.from_wire(octets, one_rr_per_rrset=True)


def over_tcp(port, octets):
    with socket.create_connection(('127.0.0.1', port), timeout=lab.PATIENCE) as tcp:
        tcp.sendall(len(octets).to_bytes(2, 'big') + octets)
        buffer = b''
        while len(buffer) < 2 or len(buffer) < 2 + int.from_bytes(buffer[:2], 'big'):
            more = tcp.recv(65535)
            if not more:
                raise lab.Failure('the server closed the connection')
            buffer += more
        return parse(buffer[2:])


def described(response):
    """A response in the words of a table."""
    if response is None:
        return {'none': True}
    flags = [word for word, bit in (('aa', dns.flags.AA), ('tc', dns.flags.TC), ('rd', dns.flags.RD)) if response.flags & bit]
    said = {'rcode': dns.rcode.to_text(response.rcode()), 'flags': ' '.join(flags)}
    for section in SECTIONS:
        if lines := shown(getattr(response, section))[1]:
            said[section] = lines
    if response.edns >= 0:
        said['opt'] = {str(int(option.otype)): option.to_wire().hex() for option in response.options}
    if not response.question:
        said['question'] = False
    return said


def differences(wanted, response):
    """What of a response is not as a table wants it, as words. Where the answer is drawn, `draw` says how many of the records
    that are listed it holds, or `some`."""
    said = described(response)
    draw = wanted.get('draw')
    if wanted.get('none') or response is None:
        return [] if bool(wanted.get('none')) == (response is None) else [f'wants {"no" if wanted.get("none") else "a"} response']
    wrong = [f'{key} is {said.get(key)!r}, wants {wanted.get(key)!r}' for key in ('rcode', 'flags', 'question')
             if said.get(key) != wanted.get(key)]
    for section in SECTIONS:
        want = sorted(map(record, wanted.get(section, [])))
        got, lines = shown(getattr(response, section))
        if section == 'answer' and draw:
            if not set(got) <= set(want) or len(set(got)) != len(got) or len(got) != (draw if draw != 'some' else max(1, len(got))):
                wrong.append(f'answer is {lines}, wants {draw} of {wanted["answer"]}')
        elif got != want:
            wrong.append(f'{section} is {lines}, wants {wanted.get(section, [])}')
    wrong += option_differences(wanted.get('opt'), said.get('opt'))
    return wrong


def option_differences(wanted, said):
    if (wanted is None) != (said is None):
        return [f'the OPT record is {said}, wants {wanted}']
    wrong = []
    for code in sorted(set(wanted or {}) | set(said or {})):
        want, got = (wanted or {}).get(code), (said or {}).get(code)
        if int(code) == COOKIE and want and got:
            # The client's part as it was sent; the server's is its own, 8 octets at least (RFC 7873, section 4).
            if got[:16] == want[:16] and len(got) // 2 - 8 in SERVER_COOKIE_OCTETS:
                continue
        if want != got:
            wrong.append(f'option {code} is {got}, wants {want}')
    return wrong


class Tables:
    """The tables, and what of their rows has been judged."""

    def __init__(self, only):
        self.paths = sorted(path for path in TABLES.glob('*.json') if only in (None, path.stem))
        self.reasons = {}
        text = DIFFERENCES.read_text() if DIFFERENCES.exists() else ''
        self.explained = set(re.findall(r'^\| `([a-z0-9-]+)` \|', text, re.M))

    def judge(self, laboratory, kind, path, learn):
        table = json.loads(path.read_text())
        server = start(laboratory, kind, table)
        wrong = []
        stepped = False
        for row in table['rows']:
            if 'wants' not in row:
                take_step(server, row)
                stepped = True
                continue
            wanted = row.get('azimuth', row['wants']) if kind == 'azimuth' else row['wants']
            if stepped:
                # What a step says is seen a moment later.
                with contextlib.suppress(lab.Failure):
                    lab.wait_until('the step is seen', lambda: not differences(wanted, ask(server.port, row)), SEEN)
            responses = [ask(server.port, row) for _ in range(row.get('repeat', 1))]
            response = next((one for one in responses if differences(wanted, one)), responses[0])
            differing = differences(wanted, response)
            if reason := row.get('differs'):
                self.reasons[reason] = self.reasons.get(reason, 0) + 1
                lab.expect(reason in self.explained, f'{DIFFERENCES.name} does not explain `{reason}`')
                if kind == 'azimuth' and not differences(row['wants'], response):
                    differing = [f'is no longer different: take `{reason}` away']
            if differing and learn:
                print(json.dumps({'row': row, 'azimuth': described(response), 'differs': differing}))
            if differing:
                wrong.append((row.get('ask', row.get('octets')), differing))
        for question, differing in wrong[:6]:
            print(f'        {question}')
            for difference in differing:
                print(f'            {difference[:400]}')
        for one in [one for one in laboratory.servers if one is server or isinstance(one, Listener)]:
            laboratory.remove(one)
        lab.expect(not wrong, f'{len(wrong)} of {len(table["rows"])} rows')
        return sum('wants' in row for row in table['rows'])


def take_step(server, row):
    """What is done between rows: a file that is written, or a verb of azimuth that must succeed."""
    if 'write' in row:
        # As a whole, as whoever feeds states should.
        path = server.folder / row['write']
        fresh = path.with_name(path.name + '.new')
        fresh.write_text('\n'.join([*row['lines'], '']))
        fresh.replace(path)
    else:
        lab.run([lab.azimuth_binary(), *row['azimuth'], '--config', server.folder / 'azimuth.toml'])


class Backend(http.server.BaseHTTPRequestHandler):
    """Answers 200 to whatever is asked."""

    def do_GET(self):  # pylint: disable=invalid-name
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


class Listener:
    """What is checked by monitors: one port where an HTTP server is, one where nothing is."""

    def __init__(self, laboratory):
        self.label = 'listener'
        self.server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Backend)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.ports = {'@open@': self.server.server_address[1], '@closed@': lab.free_port(), '@admin@': lab.free_port()}
        laboratory.add(self)

    def fill(self, line):
        for word, port in self.ports.items():
            line = line.replace(word, str(port))
        return line

    def stop(self):
        self.server.shutdown()
        self.server.server_close()

    def complaints(self):
        return []


def start(laboratory, kind, table):
    folder = laboratory.subfolder(f'zones-{laboratory.started}')
    described_zones = []
    for number, (origin, lines) in enumerate(table['zones'].items()):
        path = folder / f'{number}.zone'
        path.write_text('\n'.join(lines) + '\n')
        extra = '\n'.join(table.get('balance', {}).get(origin, []))
        described_zones.append(servers.Zone(origin.rstrip('.') or '.', path, extra=extra))
    server = servers.KINDS[kind](laboratory, described_zones)
    if kind == 'azimuth':
        server.options, server.geo_options = '\n'.join(table.get('server', [])), '\n'.join(table.get('geoip', []))
    if 'config' in table:
        if kind != 'azimuth':
            raise lab.Failure('this table is of steered answers: nobody but azimuth reads its configuration')
        listener = Listener(laboratory)
        server.tables = '\n'.join(map(listener.fill, table['config']))
        server.admin = listener.fill(table.get('admin', ''))
        for name, lines in table.get('files', {}).items():
            (server.folder / name).write_text('\n'.join([*lines, '']))
    return server.start()


def hundred_zones(laboratory, kind):
    """A hundred zones side by side, each with its own address for the same name."""
    table = {'zones': {}}
    for number in range(100):
        origin = f'{number:02}.example.com.'
        table['zones'][origin] = [f'{origin} 86400 SOA ns1.{origin} admin.{origin} 1 7200 1800 259200 900',
                                  f'{origin} 86400 NS ns1.{origin}', f'ns1.{origin} 86400 A 192.0.2.{number}']
    server = start(laboratory, kind, table)
    for origin in table['zones']:
        row = {'ask': f'ns1.{origin} A', 'wants': {'rcode': 'NOERROR', 'flags': 'aa', 'answer': [table['zones'][origin][2]]}}
        wrong = differences(row['wants'], ask(server.port, row))
        lab.expect(not wrong, f'{origin}: {wrong}')
    laboratory.remove(server)


def zones_at_run_time(laboratory, kind):
    """A zone is added, one is changed, the first goes again; all by a reload."""
    def lines(origin, serial, address):
        return [f'{origin} 86400 SOA ns1.{origin} admin.{origin} {serial} 7200 1800 259200 900', f'{origin} 86400 NS ns1.{origin}',
                f'ns1.{origin} 86400 A {address}']

    def address(origin):
        response = ask(server.port, {'ask': f'ns1.{origin} A', 'wants': {}})
        return [line.split()[-1] for line in shown(response.answer)[1]] or dns.rcode.to_text(response.rcode())

    one, other = 'example.com.', 'example.org.'
    server = start(laboratory, kind, {'zones': {one: lines(one, 1, '192.0.2.1')}})
    file = server.zones[0].file
    added = servers.Zone('example.org', file.with_name('added.zone'))
    added.file.write_text('\n'.join(lines(other, 1, '192.0.2.3')) + '\n')
    lab.expect((address(one), address(other)) == (['192.0.2.1'], 'REFUSED'), 'before: one zone')
    steps = [(2, [added], '192.0.2.1', ['192.0.2.3']), (2, [added], '192.0.2.12', ['192.0.2.3']), (3, [], '192.0.2.12', 'REFUSED'),
             (3, [added], '192.0.2.12', ['192.0.2.3'])]
    for step, (serial, more, ours, theirs) in enumerate(steps):
        file.write_text('\n'.join(lines(one, serial, ours)) + '\n')
        server.zones = [server.zones[0], *more]
        server.configure()
        server.reload()
        lab.wait_until(lambda: f'step {step}: {address(one)}, {address(other)}',
                       lambda: (address(one), address(other)) == ([ours], theirs))
    laboratory.remove(server)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--server', choices=servers.KINDS, default='azimuth')
    parser.add_argument('--only', help='one table, by its name without .json')
    parser.add_argument('--learn', action='store_true', help='prints what a differing row would hold, as JSON')
    arguments = parser.parse_args()
    tables, rows = Tables(arguments.only), 0
    with lab.Lab('gdnsd') as laboratory:
        for path in tables.paths:
            with laboratory.check(path.stem):
                rows += tables.judge(laboratory, arguments.server, path, arguments.learn)
        if arguments.only is None:
            with laboratory.check('hundred zones'):
                hundred_zones(laboratory, arguments.server)
                rows += 100
        if arguments.only is None:
            with laboratory.check('zones at run time'):
                zones_at_run_time(laboratory, arguments.server)
                rows += 7
        with laboratory.check('every difference that is explained is there'):
            unused = tables.explained - set(tables.reasons)
            lab.expect(arguments.only or not unused, f'{DIFFERENCES.name} explains what no row has: {sorted(unused)}')
        print(f'        {rows} rows, {sum(tables.reasons.values())} of them different on purpose')
        return laboratory.score()


if __name__ == '__main__':
    sys.exit(main())
