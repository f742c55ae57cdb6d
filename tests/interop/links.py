"""Two network namespaces with a veth pair between them, and frames written octet by octet. Knows nothing of DNS.

Everything is made here and removed here. Needs root.
"""
import contextlib
import ctypes
import os
import socket
import struct
import subprocess
import time

import lab

CLONE_NEWNET = 0x40000000
SOL_PACKET, PACKET_AUXDATA = 263, 8
VLAN_VALID = 1 << 4
LIBC = ctypes.CDLL(None, use_errno=True)


def checksum(octets):
    """RFC 1071."""
    octets += b'\0' * (len(octets) % 2)
    total = sum(struct.unpack(f'!{len(octets) // 2}H', octets))
    while total > 0xffff:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


class Namespace:
    """A network namespace."""

    def __init__(self, name):
        self.name = name
        lab.run(['ip', 'netns', 'add', name])
        self.ip('link', 'set', 'lo', 'up')

    def ip(self, *words, check=True):
        """`ip` in this namespace; what it prints."""
        return lab.run(['ip', '-n', self.name, *words], check=check).stdout

    def argv(self, argv):
        """A command line that runs `argv` in here."""
        return [lab.program('ip'), 'netns', 'exec', self.name, *argv]

    @contextlib.contextmanager
    def inside(self):
        """Sockets that are made in the block belong to this namespace for good."""
        here = os.open('/proc/thread-self/ns/net', os.O_RDONLY)
        there = os.open(f'/var/run/netns/{self.name}', os.O_RDONLY)
        try:
            enter(there)
            try:
                yield
            finally:
                enter(here)
        finally:
            os.close(here)
            os.close(there)

    def hardware_address(self, interface):
        words = self.ip('-o', 'link', 'show', 'dev', interface).split()
        return bytes.fromhex(words[words.index('link/ether') + 1].replace(':', ''))

    def has_program(self, interface):
        """Whether an XDP program is on the interface."""
        return 'prog/xdp' in self.ip('link', 'show', 'dev', interface)

    def remove(self):
        subprocess.run(['ip', 'netns', 'del', self.name], check=False, capture_output=True)


def enter(descriptor):
    if LIBC.setns(descriptor, CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), 'setns')


class Pair:
    """A server's namespace (interface `va`) and a client's (`vb`) with a veth pair between them."""

    SERVER, CLIENT = ('10.77.0.1', 'fd77::1'), ('10.77.0.2', 'fd77::2')

    def __init__(self, label='axdp'):
        self.server = Namespace(f'{label}-{os.getpid()}-a')
        self.client = Namespace(f'{label}-{os.getpid()}-b')
        lab.run(['ip', 'link', 'add', 'va', 'netns', self.server.name, 'type', 'veth',
                 'peer', 'name', 'vb', 'netns', self.client.name])
        for side, interface, addresses in [(self.server, 'va', self.SERVER), (self.client, 'vb', self.CLIENT)]:
            side.ip('link', 'set', interface, 'up')
            side.ip('addr', 'add', f'{addresses[0]}/24', 'dev', interface)
            side.ip('addr', 'add', f'{addresses[1]}/64', 'dev', interface, 'nodad')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.remove()
        self.client.remove()


def packet_v4(source, destination, payload, protocol=17, options=b'', identification=1, fragment=0, ttl=64, flaw=0):
    """An IPv4 packet; `fragment` is the field of flags and offset, `flaw` is added to the checksum."""
    addresses = socket.inet_aton(source) + socket.inet_aton(destination)
    words = 5 + len(options) // 4
    header = struct.pack('!BBHHHBBH', 0x40 | words, 0, words * 4 + len(payload), identification, fragment, ttl, protocol, 0)
    header += addresses + options
    sum_of = (checksum(header) + flaw) & 0xffff
    return header[:10] + struct.pack('!H', sum_of) + header[12:] + payload


def packet_v6(source, destination, payload, protocol=17):
    addresses = socket.inet_pton(socket.AF_INET6, source) + socket.inet_pton(socket.AF_INET6, destination)
    return struct.pack('!IHBB', 6 << 28, len(payload), protocol, 64) + addresses + payload


def datagram(source, destination, message, without_checksum=False, flaw=0):
    """A UDP datagram between (address, port) pairs."""
    family = socket.AF_INET6 if ':' in source[0] else socket.AF_INET
    header = struct.pack('!HHHH', source[1], destination[1], 8 + len(message), 0)
    pseudo = socket.inet_pton(family, source[0]) + socket.inet_pton(family, destination[0])
    pseudo += struct.pack('!HH', 17, 8 + len(message))
    sum_of = 0 if without_checksum else ((checksum(pseudo + header + message) or 0xffff) + flaw) & 0xffff
    return header[:6] + struct.pack('!H', sum_of) + message


def ethernet(receiver, sender, packet, tags=()):
    """A frame, with VLAN tags from the outside in."""
    kind = 0x86dd if packet[0] >> 4 == 6 else 0x0800
    return receiver + sender + b''.join(struct.pack('!HH', 0x8100, tag) for tag in tags) + struct.pack('!H', kind) + packet


class Wire:
    """The client's end of the pair, frame by frame."""

    def __init__(self, pair, interface='va'):
        self.server_address = pair.server.hardware_address(interface)
        self.client_address = pair.client.hardware_address('vb')
        with pair.client.inside():
            self.socket = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
            self.socket.bind(('vb', 0))
        self.socket.setsockopt(SOL_PACKET, PACKET_AUXDATA, 1)

    def send(self, packet, tags=(), receiver=None):
        self.socket.send(ethernet(receiver or self.server_address, self.client_address, packet, tags))

    def receive(self, port, limit=2.0, sender=53):
        """(VLAN tag or None, packet, message) of the next datagram from a port to one of the client's, or None."""
        end = time.monotonic() + limit
        while (left := end - time.monotonic()) > 0:
            self.socket.settimeout(left)
            try:
                frame, auxiliary, _, origin = self.socket.recvmsg(65536, 256)
            except TimeoutError:
                return None
            if origin[2] == socket.PACKET_OUTGOING or frame[:6] != self.client_address:
                continue
            tag = None
            for level, kind, data in auxiliary:
                status, *_, tci, _ = struct.unpack('IIIHHHH', data[:20]) if (level, kind) == (SOL_PACKET, PACKET_AUXDATA) else (0, 0, 0)
                tag = tci if status & VLAN_VALID else tag
            kind = frame[12:14]
            packet = frame[14:]
            if kind == b'\x81\x00':
                tag, kind, packet = struct.unpack('!H', frame[14:16])[0], frame[16:18], frame[18:]
            start = {b'\x08\x00': (packet[0] & 15) * 4, b'\x86\xdd': 40}.get(kind)
            if start is None or packet[9 if start < 40 or kind == b'\x08\x00' else 6] != 17:
                continue
            udp = packet[start:]
            if struct.unpack('!HH', udp[:4]) == (sender, port):
                return tag, packet, udp[8:struct.unpack('!H', udp[4:6])[0]]
        return None

    def close(self):
        self.socket.close()


def verify(packet):
    """What is wrong with the lengths and checksums of a whole UDP packet; nothing when it is as it must be."""
    if packet[0] >> 4 == 4:
        total = struct.unpack('!H', packet[2:4])[0]
        if checksum(packet[:20]) != 0:
            return 'the checksum of the IPv4 header'
        addresses, udp = packet[12:20], packet[20:total]
    else:
        total = 40 + struct.unpack('!H', packet[4:6])[0]
        addresses, udp = packet[8:40], packet[40:total]
    if struct.unpack('!H', udp[4:6])[0] != len(udp):
        return 'a length'
    if udp[6:8] == b'\0\0' or checksum(addresses + struct.pack('!HH', 17, len(udp)) + udp) != 0:
        return 'the UDP checksum'
    return None
