#!/usr/bin/env python3
"""Zones in and out: NSD, Knot and BIND as secondaries of the server under test, and each of them as its primary.

A zone of 100,000 records goes over by AXFR, ten changes of forty records follow by NOTIFY and IXFR, all of it signed with TSIG;
at the end every server's zone is the same, as an AXFR from each shows. Where a server can, the ten changes must have come as
increments: its own log or counters are asked.

    python3 tests/interop/transfer.py                       # all of it
    python3 tests/interop/transfer.py --server knot         # proves the test itself: a peer in the place of azimuth
    python3 tests/interop/transfer.py --only nsd --records 1000
"""
import argparse
import sys

import lab
import servers
import wire
import zones

ORIGIN = 'large.test'
PEERS = ['nsd', 'knot', 'bind']
TRANSFER_KEY = servers.Key('transfer.example')
UPDATE_KEY = servers.Key('update.example', 'YW5vdGhlciBzZWNyZXQgb2YgdGhlIHRlc3RzIGhlcmUuLi4=')
# Servers that are changed by UPDATE; NSD has none, there the file is written anew.
UPDATABLE = ('azimuth', 'knot', 'bind')


class Primary:
    """A primary and the zone it should have."""

    def __init__(self, laboratory, kind, records, secondaries, by_file=False):
        # The increments that NSD 4.6 makes of two zone files add what is there already, at names that have several types.
        self.zone = zones.Large(ORIGIN, records, one_type=kind == 'nsd')
        self.file = laboratory.subfolder(f'primary-{kind}') / 'zone'
        self.zone.write(self.file)
        self.by_file = by_file or kind not in UPDATABLE
        described = servers.Zone(ORIGIN, self.file, notify=tuple(secondaries), key=TRANSFER_KEY,
                                 update_key=None if self.by_file else UPDATE_KEY)
        self.server = servers.KINDS[kind](laboratory, [described], f'{kind}-primary')

    def change(self):
        """One change of twenty records removed and twenty added; returns the serial that it leads to."""
        removed, added = self.zone.change()
        if self.by_file:
            self.zone.write(self.file)
            self.server.reload()
        else:
            lines = [f'update delete {record}' for record in removed] + [f'update add {record}' for record in added]
            servers.update(self.server.port, ORIGIN, lines, UPDATE_KEY)
        self.server.wait_for_serial(ORIGIN, self.zone.serial)
        return self.zone.serial


def follow(primary, secondaries, changes):
    """The changes one by one, each awaited at every secondary before the next."""
    for _ in range(changes):
        serial = primary.change()
        for secondary in secondaries:
            secondary.wait_for_serial(ORIGIN, serial)


def same_zone(primary, secondaries):
    """AXFR from each, sorted, against what the generator says."""
    records = [primary.zone.soa(), *primary.zone.records]
    expected = sorted(' '.join(record.lower().split()) for record in records)
    for secondary in (primary.server, *secondaries):
        got = secondary.transfer(ORIGIN, TRANSFER_KEY)
        lab.expect(got == expected, lambda: f'{secondary.label} has another zone: {difference(got, expected)}')


def difference(got, expected):
    much, missing = sorted(set(got) - set(expected)), sorted(set(expected) - set(got))
    return (f'{len(got)} records for {len(expected)}; {len(much)} too many, such as {much[:2]}; '
            f'{len(missing)} missing, such as {missing[:2]}')


def refuses_strangers(server):
    """Without the key there is no zone."""
    said = lab.run(['dig', '@127.0.0.1', '-p', server.port, '+onesoa', '+tries=1', ORIGIN, 'AXFR'], check=False)
    lab.expect('Transfer failed' in said.stdout, f'a transfer without a key was given: {said.stdout[:200]}')
    wrong = servers.Key(TRANSFER_KEY.name, 'd3Jvbmcgc2VjcmV0')
    said = lab.run(['dig', '@127.0.0.1', '-p', server.port, '-y', wrong.dig(), '+tries=1', ORIGIN, 'AXFR'], check=False)
    lab.expect('Transfer failed' in said.stdout, f'a transfer with a wrong secret was given: {said.stdout[:200]}')


def increments(counts, changes, who):
    incremental, full = counts
    print(f'        {who}: {incremental} incremental transfers, {full} full')
    # The full one is the first; changes that come close together may share one transfer.
    lab.expect(full <= 1, f'{who}: {full} full transfers, which increments should have replaced')
    lab.expect(1 <= incremental <= changes, f'{who}: {incremental} incremental transfers for {changes} changes')


def as_primary(laboratory, arguments):
    """The server under test as primary of all peers at a time."""
    kind = arguments.server
    names = [arguments.only] if arguments.only else PEERS
    # Ports are known before anybody starts, so that the primary can be told whom to notify.
    peers = [servers.KINDS[name](laboratory, [], f'{name}-secondary') for name in names]
    primary = Primary(laboratory, kind, arguments.records, [peer.port for peer in peers], by_file=arguments.by_file)
    for peer in peers:
        peer.zones = [servers.Zone(ORIGIN, primaries=(primary.server.port,), key=TRANSFER_KEY)]
    with laboratory.check(f'{kind} loads {arguments.records} records', needed=True):
        primary.server.start()
    with laboratory.check(f'{kind} gives its zone to nobody without the key'):
        refuses_strangers(primary.server)
    with laboratory.check(f'{", ".join(names)} pull it by AXFR', needed=True):
        for peer in peers:
            peer.launch()
        for peer in peers:
            peer.wait_for_serial(ORIGIN, 1)
    with laboratory.check(f'they follow {arguments.changes} changes after NOTIFY', needed=True):
        follow(primary, peers, arguments.changes)
    with laboratory.check('all have the same zone'):
        same_zone(primary, peers)
    if not arguments.by_file:
        for peer in peers:
            with laboratory.check(f'what {peer.name} received were increments'):
                increments(peer.incremental_in(ORIGIN), arguments.changes, peer.name)


def as_secondary(laboratory, arguments, name):
    """The server under test as secondary of one peer."""
    kind = arguments.server
    mine = servers.KINDS[kind](laboratory, [], f'{kind}-secondary')
    primary = Primary(laboratory, name, arguments.records, [mine.port])
    mine.zones = [servers.Zone(ORIGIN, primaries=(primary.server.port,), key=TRANSFER_KEY)]
    with laboratory.check(f'{name} loads {arguments.records} records', needed=True):
        primary.server.start()
    with laboratory.check(f'{kind} pulls it by AXFR from {name}', needed=True):
        mine.launch()
        mine.wait_for_serial(ORIGIN, 1)
    with laboratory.check(f'{kind} follows {arguments.changes} changes of {name} after NOTIFY', needed=True):
        follow(primary, [mine], arguments.changes)
    with laboratory.check(f'{kind} has the zone of {name}'):
        same_zone(primary, [mine])
    with laboratory.check(f'what {name} gave were increments'):
        lab.expect(wire.serial(mine.port, ORIGIN) == primary.zone.serial, 'the last serial')
        # The comparison above was one more full transfer out.
        incremental, full = primary.server.incremental_out(ORIGIN)
        increments((incremental, full - 1), arguments.changes, name)
    with laboratory.check(f'{kind} keeps the zone of {name} over a restart'):
        primary.server.stop()
        mine.stop()
        mine.launch()
        mine.wait_for_serial(ORIGIN, primary.zone.serial)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--server', choices=servers.KINDS, default='azimuth', help='the server under test')
    parser.add_argument('--records', type=int, default=100_000)
    parser.add_argument('--changes', type=int, default=10)
    parser.add_argument('--only', choices=PEERS, help='this peer alone')
    parser.add_argument('--side', choices=['primary', 'secondary'], help='this side alone')
    parser.add_argument('--by-file', action='store_true', help='the server under test is changed by its file, not by UPDATE')
    parser.add_argument('--keep', action='store_true', help='keeps the folder')
    arguments = parser.parse_args()
    with lab.Lab('transfer', arguments.keep) as laboratory:
        if arguments.side != 'secondary':
            with laboratory.part():
                as_primary(laboratory, arguments)
        if arguments.side != 'primary':
            for name in [arguments.only] if arguments.only else PEERS:
                with laboratory.part():
                    as_secondary(laboratory, arguments, name)
        return laboratory.score()


if __name__ == '__main__':
    sys.exit(main())
