"""Zones made for the suites, the same each time, and the questions that go with them.

Knows no server. Addresses and names are those set aside for documentation and tests (RFC 5737, 3849, 6761).
"""
import hashlib
import random

SOA = '@ 3600 IN SOA ns1 hostmaster 1 7200 3600 1209600 300'


def v4(number):
    """One of the documentation addresses."""
    return f'{("192.0.2", "198.51.100", "203.0.113")[number // 256 % 3]}.{number % 256}'


class Signed:
    """About 2,000 names of everything that a signed answer may need a proof for, below `origin`.

    `secure` and `insecure` are delegations with and without DS. Those of `served` have a child zone (see `children`), so that a
    resolver can follow them; the others lead nowhere.
    """

    HOSTS, ALIASES, WILDCARDS, CUTS, EMPTY, DNAMES = 1000, 120, 60, 160, 80, 20
    SERVED = 6

    def __init__(self, origin, seed=20260101):
        self.origin = origin
        self.random = random.Random(seed)
        self.lines = []
        self.names = set()
        self._records()

    def add(self, owner, text, ttl=3600):
        self.names.add(owner)
        self.lines.append(f'{owner} {ttl} IN {text}')

    def _records(self):
        self.add('@', 'SOA ns1 hostmaster 1 7200 3600 1209600 300')
        for server in ('ns1', 'ns2'):
            self.add('@', f'NS {server}')
            self.add(server, 'A 127.0.0.1')
        self.add('@', 'MX 10 host0001')
        self.add('@', 'TXT "v=spf1 mx -all"')
        self.hosts = [f'host{number:04}' for number in range(self.HOSTS)]
        for number, host in enumerate(self.hosts):
            self.add(host, f'A {v4(number)}')
            if number % 3 == 0:
                self.add(host, f'AAAA 2001:db8::{number:x}')
            if number % 7 == 0:
                self.add(host, f'MX 10 {self.random.choice(self.hosts)}')
                self.add(host, 'MX 20 mail.outside.test.')
            if number % 11 == 0:
                self.add(host, f'TXT "host {number}" "second string"')
            if number % 13 == 0:
                self.add(host, f'CAA 0 issue "ca{number}.example"')
        self._structure()
        self._aliases()
        self._cuts()

    def _structure(self):
        """Empty non-terminals of several depths, and wildcards with and without names below them."""
        self.empty = []
        for number in range(self.EMPTY):
            below = f'end.in{number % 3}.deep{number:02}'
            self.add(below, f'A {v4(number)}')
            self.empty += [f'in{number % 3}.deep{number:02}', f'deep{number:02}']
        self.wildcards = []
        for number in range(self.WILDCARDS):
            owner = f'*.wild{number:02}'
            self.wildcards.append(owner)
            match number % 4:
                case 0:
                    self.add(owner, f'A {v4(number)}')
                    self.add(f'host.wild{number:02}', f'A {v4(number + 1)}')
                case 1:
                    self.add(owner, f'TXT "wild {number}"')
                    self.add(owner, f'AAAA 2001:db8:1::{number:x}')
                case 2:
                    self.add(owner, f'CNAME {self.random.choice(self.hosts)}')
                case 3:
                    self.add(owner, f'A {v4(number)}')
                    self.add(f'below.{owner}', f'A {v4(number + 2)}')
                    self.add(f'wild{number:02}', 'TXT "not empty"')

    def _aliases(self):
        self.aliases = []
        for number in range(self.ALIASES):
            alias = f'alias{number:03}'
            match number % 6:
                case 0 | 1:
                    target = self.random.choice(self.hosts)
                case 2:
                    target = f'alias{number - 1:03}'
                case 3:
                    target = 'www.outside.test.'
                case 4:
                    target = f'any.wild{number % 60 // 4 * 4:02}'
                case 5:
                    target = f'nothing{number}'
            self.add(alias, f'CNAME {target}')
            self.aliases.append(alias)
        self.dnames = []
        for number in range(self.DNAMES):
            owner = f'moved{number:02}'
            target = ('wild00', 'outside.test.', f'in{number % 3}.deep{number:02}', '@')[number % 4]
            self.add(owner, f'DNAME {target}')
            self.dnames.append(owner)

    def _cuts(self):
        self.secure, self.insecure = [], []
        for number in range(self.CUTS):
            signed = number % 2 == 0
            cut = f'cut{number:03}' if number % 5 else f'cut{number:03}.part{number % 10}'
            (self.secure if signed else self.insecure).append(cut)
            self.add(cut, f'NS ns.{cut}')
            self.add(f'ns.{cut}', 'A 127.0.0.1')
            if number % 4 < 2:
                self.add(cut, 'NS ns.outside.test.')
            if number % 8 < 2:
                self.add(cut, f'NS ns.cut{(number + 10) // 10 * 10 % self.CUTS:03}.part0')
            if signed and cut not in self.secure[:self.SERVED]:
                digest = hashlib.sha256(cut.encode()).hexdigest()
                self.add(cut, f'DS {number + 1} 13 2 {digest}')

    @property
    def served(self):
        """The cuts that have a child zone: signed ones (whose DS are still to be added), then others."""
        return self.secure[:self.SERVED], self.insecure[:self.SERVED]

    def text(self, more=()):
        return '\n'.join([f'$ORIGIN {self.origin}.', *self.lines, *more]) + '\n'

    def absolute(self, owner):
        return f'{self.origin}.' if owner == '@' else f'{owner}.{self.origin}.'

    def child(self, cut):
        """The child zone below a cut."""
        return '\n'.join([f'$ORIGIN {self.absolute(cut)}', SOA, '@ 3600 IN NS ns', 'ns 3600 IN A 127.0.0.1',
                          'www 60 IN A 192.0.2.80', '']) + '\n'

    def query_list(self, count):
        """(kind, name, type) of `count` questions, each kind in its share, every existing name among them."""
        chance = random.Random(f'questions of {self.origin}')
        absent = iter(range(10**9))
        types = ['A', 'AAAA', 'MX', 'TXT', 'CAA']
        kinds = {
            'positive': lambda: (chance.choice(self.hosts), 'A'),
            'nodata': lambda: (chance.choice(self.hosts), chance.choice(['SRV', 'PTR', 'HTTPS', 'AAAA', 'DS', 'NSEC3PARAM'])),
            'nxdomain': lambda: (chance.choice([f'absent{next(absent)}', f'a.b.absent{next(absent)}',
                                                f'below.{chance.choice(self.hosts)}', f'x{next(absent)}.{chance.choice(self.empty)}',
                                                f'{chr(97 + next(absent) % 26)}{next(absent)}.host0']), chance.choice(types)),
            'wildcard': lambda: (f'w{next(absent)}.{chance.choice(self.wildcards)[2:]}', chance.choice(['A', 'TXT', 'AAAA'])),
            'wildcard deep': lambda: (f'w{next(absent)}.more.{chance.choice(self.wildcards)[2:]}', 'A'),
            'wildcard nodata': lambda: (f'w{next(absent)}.{chance.choice(self.wildcards)[2:]}', 'SRV'),
            'wildcard itself': lambda: (chance.choice(self.wildcards), chance.choice(['A', 'TXT', 'SRV'])),
            'empty non-terminal': lambda: (chance.choice(self.empty), chance.choice(types)),
            'alias': lambda: (chance.choice(self.aliases), chance.choice(['A', 'AAAA', 'CNAME', 'TXT'])),
            'referral': lambda: (f'{chance.choice(["", "www.", "a.b."])}{chance.choice(self.secure + self.insecure)}',
                                 chance.choice(['A', 'NS', 'AAAA'])),
            'ds': lambda: (chance.choice(self.secure + self.insecure), 'DS'),
            'below dname': lambda: (f'{chance.choice(["a", "end", "x.y", "host0003"])}.{chance.choice(self.dnames)}',
                                    chance.choice(['A', 'TXT'])),
            'dname itself': lambda: (chance.choice(self.dnames), chance.choice(['DNAME', 'A', 'DS'])),
            'apex': lambda: ('@', chance.choice(['SOA', 'NS', 'MX', 'TXT', 'A', 'DNSKEY', 'NSEC3PARAM', 'DS', 'CDS'])),
        }
        shares = dict(zip(kinds, [18, 10, 20, 9, 3, 4, 2, 6, 7, 7, 5, 5, 2, 2]))
        questions = [('name', self.absolute(owner), self._any_type(owner, chance)) for owner in sorted(self.names)]
        rest = count - len(questions)
        order = chance.choices(list(kinds), weights=list(shares.values()), k=rest)
        for kind in order:
            owner, rtype = kinds[kind]()
            questions.append((kind, self.absolute(owner), rtype))
        return questions

    @staticmethod
    def _any_type(owner, chance):
        if owner.startswith(('cut', 'ns.cut')):
            return chance.choice(['A', 'NS', 'DS'])
        return chance.choice(['A', 'A', 'A', 'TXT', 'AAAA'])


class Large:
    """A zone of any number of records, in which some records can be exchanged for others, ten times or more.

    `records` are lines with absolute owners; every tenth name has several types, unless `one_type` asks for names that have one.
    """

    def __init__(self, origin, count, seed=7, one_type=False):
        self.origin = origin
        chance = random.Random(seed)
        self.serial = 1
        self.records = [f'{origin}. 3600 IN NS ns1.{origin}.', f'{origin}. 3600 IN NS ns2.{origin}.',
                        f'ns1.{origin}. 3600 IN A 127.0.0.1', f'ns2.{origin}. 3600 IN A 127.0.0.1']
        number = 0
        while len(self.records) < count - 1:  # the SOA is one
            name = f'n{number:06x}.{"abcdefgh"[number % 8]}.{origin}.'
            match number % 10:
                case 0:
                    several = [f'300 IN A {v4(number)}', f'300 IN AAAA 2001:db8::{number % 65535 + 1:x}',
                               f'300 IN MX 10 mail.{origin}.', f'300 IN TXT "{chance.random()}"']
                    self.records += [f'{f"t{at}." if one_type else ""}{name} {text}' for at, text in enumerate(several)]
                case 1:
                    self.records.append(f'{name} 60 IN CNAME n{number - 1:06x}.{"abcdefgh"[(number - 1) % 8]}.{origin}.')
                case 2:
                    self.records += [f'{name} 3600 IN NS ns.{name}', f'ns.{name} 3600 IN A {v4(number)}']
                case 3:
                    self.records.append(f'_sip._udp.{name} 3600 IN SRV 0 5 5060 {name}')
                case _:
                    self.records.append(f'{name} 600 IN A {v4(number)}')
            number += 1
        del self.records[count - 1:]
        self._removable = [record for record in self.records if ' 600 IN A ' in record]
        chance.shuffle(self._removable)

    def soa(self):
        return f'{self.origin}. 3600 IN SOA ns1.{self.origin}. hostmaster.{self.origin}. {self.serial} 3600 600 1209600 300'

    def write(self, path):
        """Writes the zone file as a whole, by renaming."""
        fresh = path.with_suffix('.new')
        fresh.write_text('\n'.join([self.soa(), *self.records, '']))
        fresh.rename(path)

    def change(self, adds=20, removes=20):
        """(removed, added) records of the next change, which is also made here; the serial goes up by one."""
        removed = [self._removable.pop() for _ in range(removes)]
        self.serial += 1
        added = [f'new{number}-{self.serial}.{self.origin}. 600 IN A {v4(number)}' for number in range(adds)]
        gone = set(removed)
        self.records = [record for record in self.records if record not in gone] + added
        return removed, added
