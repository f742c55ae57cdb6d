"""DNS messages as octets: queries written, responses read into sets that can be compared, and many of them exchanged at once.

Only what the suites compare: dnspython reads a response in half a millisecond, which is too long for a hundred thousand of
them. Names inside record data are expanded for the types of RFC 1035 and for those that may hold a compressed name.
"""
import contextlib
import select
import socket
import struct
import time
from typing import NamedTuple

from lab import Failure

TYPES = {
    'A': 1, 'NS': 2, 'CNAME': 5, 'SOA': 6, 'PTR': 12, 'HINFO': 13, 'MX': 15, 'TXT': 16, 'AAAA': 28, 'SRV': 33, 'NAPTR': 35,
    'DNAME': 39, 'OPT': 41, 'DS': 43, 'RRSIG': 46, 'NSEC': 47, 'DNSKEY': 48, 'NSEC3': 50, 'NSEC3PARAM': 51, 'CDS': 59,
    'HTTPS': 65, 'SPF': 99, 'IXFR': 251, 'AXFR': 252, 'ANY': 255, 'CAA': 257,
}
TYPE_NAMES = {code: name for name, code in TYPES.items()}
OPT = 41
AA, TC, RD, RA, AD, CD = 0x0400, 0x0200, 0x0100, 0x0080, 0x0020, 0x0010
RCODES = {0: 'NOERROR', 1: 'FORMERR', 2: 'SERVFAIL', 3: 'NXDOMAIN', 4: 'NOTIMP', 5: 'REFUSED', 9: 'NOTAUTH', 16: 'BADVERS'}
# Where names stand in record data: octets before the first, then how many.
NAMES_IN = {2: (0, 1), 5: (0, 1), 6: (0, 2), 12: (0, 1), 15: (2, 1), 33: (6, 1), 39: (0, 1), 18: (2, 1), 21: (2, 1)}


class Record(NamedTuple):
    owner: bytes  # wire form, lower case
    rtype: int
    ttl: int
    data: bytes  # names expanded, lower case

    def __str__(self):
        return f'{name_text(self.owner)} {self.ttl} {TYPE_NAMES.get(self.rtype, f"TYPE{self.rtype}")} {self.data.hex()}'


class Response(NamedTuple):
    ident: int
    flags: int
    rcode: int
    answer: frozenset
    authority: frozenset
    additional: frozenset  # without OPT

    def rcode_name(self):
        return RCODES.get(self.rcode, str(self.rcode))


def name_wire(text):
    """A name in presentation form without escapes as octets."""
    labels = [label.encode() for label in text.rstrip('.').split('.') if label]
    return b''.join(bytes([len(label)]) + label for label in labels) + b'\0'


def name_text(wire):
    labels, at = [], 0
    while wire[at]:
        labels.append(wire[at + 1:at + 1 + wire[at]].decode('ascii', 'backslashreplace'))
        at += 1 + wire[at]
    return '.'.join(labels) + '.'


def query(name, rtype, dnssec=False, size=1232, flags=0, edns=True):
    """A query with id 0."""
    head = struct.pack('>HHHHHH', 0, flags, 1, 0, 0, int(edns))
    question = name_wire(name) + struct.pack('>HH', TYPES[rtype] if isinstance(rtype, str) else rtype, 1)
    opt = struct.pack('>BHHIH', 0, OPT, size, 0x8000 if dnssec else 0, 0) if edns else b''
    return head + question + opt


def read_name(message, at):
    """The name at an offset, expanded and in lower case, and the offset behind it."""
    labels, end, jumps = [], None, 0
    while True:
        length = message[at]
        if length >= 0xC0:
            if end is None:
                end = at + 2
            at = (length & 0x3F) << 8 | message[at + 1]
            jumps += 1
            if jumps > 128:
                raise Failure('a compression pointer leads nowhere')
        elif length == 0:
            labels.append(b'\0')
            return b''.join(labels), (at + 1 if end is None else end)
        else:
            labels.append(message[at:at + 1 + length].lower())
            at += 1 + length


def read_data(message, rtype, at, length):
    where = NAMES_IN.get(rtype)
    if where is None or length == 0:
        return message[at:at + length]
    before, count = where
    parts, here = [message[at:at + before]], at + before
    for _ in range(count):
        name, here = read_name(message, here)
        parts.append(name)
    parts.append(message[here:at + length])
    return b''.join(parts)


def read(message):
    """A response as sets of records."""
    ident, flags, questions, *counts = struct.unpack_from('>HHHHHH', message)
    at, high_rcode = 12, 0
    for _ in range(questions):
        _, at = read_name(message, at)
        at += 4
    sections = []
    for count in counts:
        records = []
        for _ in range(count):
            owner, at = read_name(message, at)
            rtype, _, ttl, length = struct.unpack_from('>HHIH', message, at)
            at += 10
            if rtype == OPT:
                high_rcode = ttl >> 24
            else:
                records.append(Record(owner, rtype, ttl, read_data(message, rtype, at, length)))
            at += length
        if len(records) != len(set(records)):
            raise Failure(f'a record stands twice in one section: {[str(record) for record in records]}')
        sections.append(frozenset(records))
    return Response(ident, flags, high_rcode << 4 | flags & 15, *sections)


def with_id(message, ident):
    return struct.pack('>H', ident) + message[2:]


def exchange_udp(port, queries, window=48, timeout=20.0, tries=3, address='127.0.0.1'):
    """Sends all queries, `window` of them on their way at a time; the responses in the order of the queries."""
    responses = [None] * len(queries)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        with contextlib.suppress(OSError):
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
        udp.connect((address, port))
        waiting = {}  # id: (index, sent at, tries left)
        following = 0
        while following < len(queries) or waiting:
            while following < len(queries) and len(waiting) < window:
                ident = following & 0xFFFF
                udp.send(with_id(queries[following], ident))
                waiting[ident] = (following, time.monotonic(), tries - 1)
                following += 1
            if select.select([udp], [], [], 0.2)[0]:
                try:
                    message = udp.recv(65535)
                except ConnectionRefusedError:
                    if tries == 1:
                        raise
                else:
                    ident = struct.unpack_from('>H', message)[0]
                    if ident in waiting:
                        responses[waiting.pop(ident)[0]] = message
                    continue
            now = time.monotonic()
            for ident, (index, sent, left) in list(waiting.items()):
                if now - sent > timeout:
                    if not left:
                        raise Failure(f'no response to query {index} after {tries} tries of {timeout} s')
                    udp.send(with_id(queries[index], ident))
                    waiting[ident] = (index, now, left - 1)
    return responses


def exchange_tcp(port, queries, window=32, timeout=60.0, per_connection=500, address='127.0.0.1'):
    """The same over TCP: many queries on one connection (RFC 7766, section 6.2.1), whose responses may come in any order."""
    responses = []
    for begin in range(0, len(queries), per_connection):
        responses += _one_connection(port, queries[begin:begin + per_connection], window, timeout, address)
    return responses


def _one_connection(port, queries, window, timeout, address):
    responses, buffer, following, received = [None] * len(queries), b'', 0, 0
    with socket.create_connection((address, port), timeout=timeout) as tcp:
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while received < len(queries):
            batch = []
            while following < len(queries) and following - received < window:
                batch.append(struct.pack('>H', len(queries[following])) + with_id(queries[following], following))
                following += 1
            if batch:
                tcp.sendall(b''.join(batch))
            octets = tcp.recv(65536)
            if not octets:
                raise Failure(f'the server closed a connection with {following - received} queries unanswered')
            buffer += octets
            while len(buffer) >= 2 and len(buffer) >= 2 + (length := struct.unpack_from('>H', buffer)[0]):
                message, buffer = buffer[2:2 + length], buffer[2 + length:]
                responses[struct.unpack_from('>H', message)[0]] = message
                received += 1
    return responses


def ask(port, name, rtype, tcp=False, **options):
    """One query and its response, read."""
    exchange = exchange_tcp if tcp else exchange_udp
    return read(exchange(port, [query(name, rtype, **options)])[0])


def serial(port, origin, timeout=20.0):
    """The serial of a zone's SOA there, or None when it is not served (yet)."""
    try:
        response = read(exchange_udp(port, [query(origin, 'SOA')], timeout=timeout, tries=1)[0])
    except (Failure, OSError):
        return None
    for record in response.answer:
        if record.rtype == 6 and response.flags & AA and response.rcode == 0:
            return struct.unpack('>I', record.data[-20:-16])[0]
    return None
