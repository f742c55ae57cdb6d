#!/usr/bin/env python3
"""Signed zones: answers equal to those of NSD and Knot, and valid for unbound, delv and dnsviz.

A zone of 2,000 names is signed by dnssec-signzone at the time of the test: with NSEC, with NSEC3, with NSEC3 and opt-out, each
with another algorithm. 5,000 questions go to the server under test, to NSD and to Knot; each section must be equal to that of
one of them, where they differ, and of both where they agree.

    python3 tests/interop/dnssec.py                  # all of it
    python3 tests/interop/dnssec.py --server knot    # proves the test itself: a peer in the place of azimuth
"""
import argparse
import collections
import concurrent.futures
import os
import re
import sys

import lab
import servers
import wire
import zones

ORIGIN = 'signed.test'
SIGNINGS = {
    # name: (algorithm for dnssec-keygen, its number, options of dnssec-signzone)
    'nsec': ('ECDSAP256SHA256', []),
    'nsec3': ('ED25519', ['-3', '-', '-H', '0']),
    'nsec3-opt-out': ('RSASHA256', ['-3', 'a1b2c3d4', '-H', '1', '-A']),
}
OUTSIDE = 'outside.test'


class World:
    """The signed zone, its children and where the files are."""

    def __init__(self, laboratory, name):
        self.algorithm, self.options = SIGNINGS[name]
        self.folder = laboratory.subfolder(f'signing-{name}')
        self.zone = zones.Signed(ORIGIN)
        self.name = name

    def sign(self, origin, text, options):
        """Signs a zone with a KSK and a ZSK of its own; the path of the signed file."""
        folder = self.folder / origin
        folder.mkdir()
        size = ['-b', '2048'] if self.algorithm == 'RSASHA256' else []
        for flag in ([], ['-f', 'KSK']):
            lab.run(['dnssec-keygen', '-q', '-a', self.algorithm, *size, *flag, origin], folder)
        (folder / 'zone').write_text(text)
        lab.run(['dnssec-signzone', '-q', '-S', '-o', origin, '-N', 'keep', '-f', 'signed', *options, 'zone'],
                folder, limit=240)
        return folder / 'signed'

    def make(self):
        """Signs the children, then the parent with their DS."""
        secure, insecure = self.zone.served
        self.children = {}
        delegations = []
        for cut in secure:
            origin = self.zone.absolute(cut).rstrip('.')
            self.children[origin] = self.sign(origin, self.zone.child(cut), self.options)
            delegations += (self.folder / origin / f'dsset-{origin}.').read_text().splitlines()
        for cut in insecure:
            origin = self.zone.absolute(cut).rstrip('.')
            self.children[origin] = self.folder / f'{origin}.zone'
            self.children[origin].write_text(self.zone.child(cut))
        self.signed = self.sign(ORIGIN, self.zone.text(delegations), self.options)
        keys = [path for path in (self.folder / ORIGIN).glob(f'K{ORIGIN}.*.key')]
        self.anchor = next(path for path in keys if re.search(r'\bDNSKEY 257\b', path.read_text()))

    def outside(self):
        """What aliases lead to, unsigned, and a root that knows nothing else."""
        text = f'$ORIGIN {OUTSIDE}.\n{zones.SOA}\n@ 60 IN NS ns1\n*.{OUTSIDE}. 60 IN A 192.0.2.90\n'
        path = self.folder / 'outside.zone'
        path.write_text(text)
        root = self.folder / 'root.zone'
        root.write_text('. 60 IN SOA ns.invalid. host.invalid. 1 7200 3600 1209600 60\n. 60 IN NS ns.invalid.\n')
        return {OUTSIDE: path, '.': root}


def compare(world, questions, servers_by_name):
    """The sections of the first server against those of NSD and Knot."""
    under_test, *peers = servers_by_name
    octets = [wire.query(name, rtype, dnssec=True, size=4096) for _, name, rtype in questions]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        asked = [pool.submit(wire.exchange_tcp, server.port, octets) for server in servers_by_name]
        replies = [job.result() for job in asked]
    differing, wrong = collections.Counter(), []
    for question, *messages in zip(questions, *replies):
        mine, *theirs = [wire.read(message) for message in messages]
        differences = []
        for part in ('rcode', 'authoritative', 'answer', 'authority', 'additional'):
            wanted = [part_of(response, part) for response in theirs]
            if wanted[0] != wanted[1]:
                differing[part] += 1
            if part_of(mine, part) not in wanted:
                differences.append(explain(part, part_of(mine, part), wanted, peers))
        if differences:
            wrong.append((question, differences))
    print(f'        NSD and Knot differ: {dict(differing) or "never"}')
    show(wrong)
    kinds = collections.Counter(kind for (kind, _, _), _ in wrong)
    lab.expect(not wrong, f'{len(wrong)} of {len(questions)} answers of {under_test.label} are of neither: {dict(kinds)}')


def part_of(response, part):
    if part == 'authoritative':
        return bool(response.flags & wire.AA)
    return getattr(response, part)


def explain(part, mine, wanted, peers):
    if not isinstance(mine, frozenset):
        return f'{part} is {mine}, {peers[0].name} has {wanted[0]}'
    lines = [f'{part}, against {peers[0].name}:']
    lines += [f'            too much {record}' for record in sorted(map(str, mine - wanted[0]))]
    lines += [f'            missing  {record}' for record in sorted(map(str, wanted[0] - mine))]
    return '\n'.join(lines)


def show(wrong, most=4):
    """A few differences, of each kind of question at least one."""
    shown = collections.Counter()
    for (kind, name, rtype), differences in wrong:
        shown[kind] += 1
        if shown[kind] <= 1 or sum(shown.values()) <= most:
            print(f'        {kind}: {name} {rtype}')
            for difference in differences:
                print(f'          {difference}')


def small_messages(questions, server):
    """Over UDP with 1232 octets: the answer of TCP, or a truncated message with nothing that a client could take for all."""
    octets = [wire.query(name, rtype, dnssec=True) for _, name, rtype in questions]
    over_udp = wire.exchange_udp(server.port, octets)
    over_tcp = wire.exchange_tcp(server.port, octets)
    wrong, truncated = [], 0
    for question, short, whole in zip(questions, over_udp, over_tcp):
        lab.expect(len(short) <= 1232, f'{question}: {len(short)} octets over UDP')
        if (response := wire.read(short)).flags & wire.TC:
            truncated += 1
            continue
        expected = wire.read(whole)
        if (response.rcode, response.answer, response.authority) != (expected.rcode, expected.answer, expected.authority):
            wrong.append(question)
    lab.expect(not wrong, f'{len(wrong)} answers over UDP are not those of TCP, such as {wrong[:3]}')
    print(f'        {truncated} of {len(questions)} are truncated at 1232 octets')


def no_dnssec_without_do(questions, server, peer):
    """Who does not set DO gets no signature and no proof (RFC 4035, section 3.2.1), but what else there is."""
    chosen = [question for question in questions if question[2] not in ('DNSKEY', 'DS', 'NSEC3PARAM', 'CDS')][::5]
    octets = [wire.query(name, rtype, dnssec=False, size=4096) for _, name, rtype in chosen]
    mine, theirs = [[wire.read(message) for message in wire.exchange_tcp(one.port, octets)] for one in (server, peer)]
    for question, response, expected in zip(chosen, mine, theirs):
        records = response.answer | response.authority | response.additional
        lab.expect(not any(record.rtype in (46, 47, 50) for record in records), f'{question}: DNSSEC records without DO')
        lab.expect((response.rcode, response.answer, response.authority)
                   == (expected.rcode, expected.answer, expected.authority), f'{question}: not what {peer.name} answers')


def resolved(laboratory, world, server, label, children, questions):
    """What an unbound behind `server` says to all questions: RCODE, AD, answers."""
    stubs = {ORIGIN: server.port, OUTSIDE: children.port, '.': children.port}
    stubs |= {origin: children.port for origin in world.children}
    resolver = servers.Unbound(laboratory, [world.anchor], stubs, label).start()
    octets = [wire.query(name, rtype, dnssec=True, flags=wire.RD, size=4096) for _, name, rtype in questions]
    messages = wire.exchange_udp(resolver.port, octets, window=32, timeout=lab.PATIENCE)
    responses = [wire.read(message) for message in messages]
    laboratory.remove(resolver)
    return [(response.rcode_name(), bool(response.flags & wire.AD), without_ttl(response)) for response in responses]


def without_ttl(response):
    # A resolver counts TTLs down, and proofs may come from its cache.
    return frozenset((record.owner, record.rtype, record.data) for record in response.answer if record.rtype != 46)


def followed(world, question):
    """Whether a resolver can come to an end with it: not where a cut leads nowhere."""
    kind, name, rtype = question
    cuts = {world.zone.absolute(cut) for cut in world.zone.secure + world.zone.insecure}
    dead = {cut for cut in cuts if cut.rstrip('.') not in world.children}
    labels = name.split('.')
    above = {'.'.join(labels[start:]) for start in range(1 if rtype == 'DS' else 0, len(labels))}
    return not above & dead


def validated(laboratory, world, server, reference, children, questions):
    """Every question through unbound: none fails, and AD is set exactly where it is with the reference server."""
    questions = [question for question in questions if followed(world, question)]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        jobs = [pool.submit(resolved, laboratory, world, one, f'unbound-{one.label}', children, questions)
                for one in (server, reference)]
        mine, theirs = [job.result() for job in jobs]
    wrong, count = [], collections.Counter()
    for question, got, expected in zip(questions, mine, theirs):
        count['authenticated' if got[1] else 'insecure'] += 1
        if got[0] == 'SERVFAIL' or got != expected:
            wrong.append(question)
            if len(wrong) <= 5:
                print(f'        {question}: {got[0]}, ad={got[1]}; with {reference.name} {expected[0]}, ad={expected[1]}')
    print(f'        unbound: {dict(count)}')
    lab.expect(not wrong, f'{len(wrong)} of {len(questions)} answers do not validate as with {reference.name}')
    if world.name != 'nsec3-opt-out':
        lab.expect(count['authenticated'] > 0.8 * len(questions), 'nearly all answers are authenticated')


def delved(world, server, questions, sample):
    """delv, which has a validator of its own, finds a sample of answers fully validated."""
    key = world.anchor.read_text()
    fields = re.search(r'DNSKEY\s+(257)\s+(\d+)\s+(\d+)\s+([^;]+)', key.replace('(', '').replace(')', '')).groups()
    anchors = world.folder / 'delv.keys'
    anchors.write_text(f'trust-anchors {{ {ORIGIN}. static-key {fields[0]} {fields[1]} {fields[2]} '
                       f'"{"".join(fields[3].split())}"; }};\n')
    # delv asks an authoritative server as if it resolved, so that what leads out of the zone is no question for it.
    chosen = [question for question in questions if question[0] not in ('referral', 'alias', 'below dname', 'name', 'dname itself')
              and not (question[0].startswith('wildcard') and leads_out(question))
              # Of the apex it asks the zone above, which is not here.
              and (question[0], question[2]) != ('apex', 'DS')]
    chosen = chosen[::max(1, len(chosen) // sample)]

    def judge(question):
        _, name, rtype = question
        said = lab.run(['delv', '@127.0.0.1', '-p', server.port, '-a', anchors, f'+root={ORIGIN}', rtype, name], check=False)
        return question, said.stdout + said.stderr

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        judged = list(pool.map(judge, chosen))
    bad, count = [], collections.Counter()
    for question, said in judged:
        verdict = ('validated' if 'fully validated' in said else
                   'unsigned' if 'unsigned answer' in said or 'answer not validated' in said else said.strip()[-200:])
        count[verdict if verdict in ('validated', 'unsigned') else 'failed'] += 1
        # With opt-out a name that is not there may just as well be an unsigned delegation: nothing to validate.
        if verdict != 'validated' and not (verdict == 'unsigned' and world.name == 'nsec3-opt-out'):
            bad.append((question, verdict))
    print(f'        delv: {dict(count)}')
    lab.expect(not bad, f'{len(bad)} of {len(chosen)} answers are not validated by delv, such as {bad[:3]}')


def leads_out(question):
    # Wildcards with a CNAME are those whose number is 2 of 4; their targets are in the zone, but delv starts over at them.
    number = re.search(r'wild(\d+)', question[1])
    return bool(number) and int(number[1]) % 4 == 2


def pictured(world, server):
    """dnsviz asks for the apex and some names in its own way and finds no error and no warning."""
    probe = world.folder / 'probe.json'
    for name in (ORIGIN, f'host0001.{ORIGIN}', f'x.wild01.{ORIGIN}', f'absent.{ORIGIN}'):
        lab.run(['dnsviz', 'probe', '-A', '-4', '-x', f'{ORIGIN}+:ns1.{ORIGIN}=127.0.0.1:{server.port}', '-o', probe, name],
                world.folder)
        said = lab.run(['dnsviz', 'print', '-t', world.anchor, '-r', probe], world.folder)
        text = said.stdout + said.stderr
        lab.expect('[.]' in text, f'dnsviz found nothing secure at {name}:\n{text[-1500:]}')
        errors = [line for line in text.splitlines() if re.search(r'\[[^\]]*!|^E:', line)]
        lab.expect(not errors, f'dnsviz finds errors at {name}:\n{text[-3000:]}')


def judge(laboratory, name, arguments):
    world = World(laboratory, name)
    with laboratory.check(f'{name}: dnssec-signzone signs the zone and its children', needed=True):
        world.make()
    questions = world.zone.query_list(arguments.questions)
    signed = servers.Zone(ORIGIN, world.signed)
    minimal = '  minimal-responses: yes'
    nsd = servers.Nsd(laboratory, [signed], options=minimal)
    knot = servers.Knot(laboratory, [signed])
    mine = servers.KINDS[arguments.server](laboratory, [signed], f'{arguments.server}-under-test')
    files = world.children | world.outside()
    children = servers.Nsd(laboratory, [servers.Zone(origin, path) for origin, path in files.items()], 'children')
    everyone = [mine, nsd, knot, children]
    with laboratory.check(f'{name}: all servers load the signed zone', needed=True):
        for server in everyone:
            server.launch()
        for server in everyone:
            server.wait_for_zones()
    with laboratory.check(f'{name}: {len(questions)} answers have the records of NSD and Knot'):
        compare(world, questions, [mine, nsd, knot])
    with laboratory.check(f'{name}: answers over UDP are those of TCP or truncated'):
        small_messages(questions, mine)
    with laboratory.check(f'{name}: nothing of DNSSEC without DO'):
        no_dnssec_without_do(questions, mine, knot)
    with laboratory.check(f'{name}: unbound validates the answers'):
        validated(laboratory, world, mine, knot, children, questions)
    with laboratory.check(f'{name}: delv validates the answers'):
        delved(world, mine, questions, arguments.sample)
    with laboratory.check(f'{name}: dnsviz sees no error'):
        pictured(world, mine)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--server', choices=servers.KINDS, default='azimuth', help='the server under test')
    parser.add_argument('--questions', type=int, default=5000)
    parser.add_argument('--sample', type=int, default=150, help='how many of them delv judges, for each signing')
    parser.add_argument('--only', choices=SIGNINGS)
    parser.add_argument('--keep', action='store_true', help='keeps the folder')
    arguments = parser.parse_args()
    with lab.Lab('dnssec', arguments.keep) as laboratory:
        for name in [arguments.only] if arguments.only else SIGNINGS:
            with laboratory.part():
                judge(laboratory, name, arguments)
        return laboratory.score()


if __name__ == '__main__':
    sys.exit(main())
