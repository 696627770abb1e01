"""A DNS server that knows a few names (RFC 1035), on a host of a lab."""

import contextlib
import ipaddress
import socket
import struct
import threading

from scripted import family_of, inside

A, AAAA = 1, 28
NOT_FOUND = 3


class DnsServer:
    """`names` is name -> addresses, and can be changed at any time; `asked` has (name, type)."""

    def __init__(self, host, address, names):
        self.names, self.asked = names, []
        with inside(host):
            self._socket = socket.socket(family_of(address), socket.SOCK_DGRAM)
        self._socket.bind((address, 53))
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def close(self):
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join(10)
        self._socket.close()

    def _run(self):
        while True:
            try:
                data, client = self._socket.recvfrom(4096)
            except OSError:
                return
            if not data:
                return
            self._socket.sendto(self._answer(data), client)

    def _answer(self, data):
        number, labels, at = struct.unpack("!H", data[:2])[0], [], 12
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode().lower())
            at += 1 + data[at]
        question, name = data[12:at + 5], ".".join(labels)
        kind = struct.unpack("!H", data[at + 1:at + 3])[0]
        self.asked.append((name, kind))
        known = self.names.get(name)
        addresses = [ipaddress.ip_address(each) for each in known or ()]
        records = [each.packed for each in addresses
                   if kind == (A if each.version == 4 else AAAA)]
        return struct.pack("!HHHHHH", number, 0x8580 | (NOT_FOUND if known is None else 0), 1,
                           len(records), 0, 0) + question + b"".join(
            # The name is that of the question.
            struct.pack("!HHHIH", 0xc00c, kind, 1, 1, len(each)) + each for each in records)
