# SPDX-License-Identifier: MIT
"""Tags and tunnels around the packet, or the frame, that an Ethernet frame carries.

Written from the formats' own documents, not from the program: RFC 2784 and 2890 (GRE), 7348 (VXLAN), 8926
(Geneve), 2003 and 4213 (IP in IP), 3032 (MPLS), 2516 (PPPoE), 3GPP TS 29.281 (GTP-U), and the draft of ERSPAN.
"""

import struct

import frames
import links

MACS = bytes.fromhex("020000000001020000000002")
OUTER = (bytes((100, 64, 0, 1)), bytes((100, 64, 0, 2)))
PPP = {0x0800: 0x0021, 0x86DD: 0x0057}
PROTOCOLS = {0x0800: 4, 0x86DD: 41}  # of an IP header that carries this
GRE, UDP = 47, 17


def ip_header(protocol, length):
    """An IPv4 header before so many bytes; 0 in place of a total length that does not fit, as offload leaves it."""
    size = length + 20 if length + 20 <= 0xFFFF else 0
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, size, 0, 0x4000, 64, protocol, 0, *OUTER)
    return head[:10] + struct.pack("!H", ~frames.ones(head) & 0xFFFF) + head[12:]


def over_ip(protocol, head, length):
    return MACS + struct.pack("!H", 0x0800) + ip_header(protocol, len(head) + length) + head


def over_udp(port, head, length):
    size = 8 + len(head) + length
    return over_ip(UDP, struct.pack("!HHHH", 50000, port, min(size, 0xFFFF), 0) + head, length)


# Each of these gives (header, from which byte of the old frame on) for a frame of this ethertype and length.


def vlan(kind, length, macs):
    return macs + struct.pack("!HHH", 0x8100, 42, kind), links.ETHER


def qinq(kind, length, macs):
    return macs + struct.pack("!HHHHH", 0x88A8, 7, 0x8100, 42, kind), links.ETHER


def mpls(kind, length, macs):
    return macs + struct.pack("!HII", 0x8847, 100 << 12 | 64, 200 << 12 | 1 << 8 | 64), links.ETHER


def pppoe(kind, length, macs):
    return macs + struct.pack("!HBBHHH", 0x8864, 0x11, 0, 9, length - links.ETHER + 2, PPP[kind]), links.ETHER


def ipip(kind, length, macs):
    return over_ip(PROTOCOLS[kind], b"", length - links.ETHER), links.ETHER


def gre(kind, length, macs):
    return over_ip(GRE, struct.pack("!HH", 0, kind), length - links.ETHER), links.ETHER


def gre_key(kind, length, macs):
    return over_ip(GRE, struct.pack("!HHI", 0x2000, kind, 77), length - links.ETHER), links.ETHER


def gretap(kind, length, macs):
    return over_ip(GRE, struct.pack("!HH", 0, 0x6558), length), 0


def erspan1(kind, length, macs):
    return over_ip(GRE, struct.pack("!HH", 0, 0x88BE), length), 0


def erspan2(kind, length, macs):
    return over_ip(GRE, struct.pack("!HHIII", 0x1000, 0x88BE, 1, 1 << 28 | 5, 0), length), 0


def erspan3(kind, length, macs):
    return over_ip(GRE, struct.pack("!HHIIII", 0x1000, 0x22EB, 1, 2 << 28 | 5, 0, 0), length), 0


def vxlan(kind, length, macs):
    return over_udp(4789, struct.pack("!II", 0x08000000, 42 << 8), length), 0


def geneve(kind, length, macs):
    return over_udp(6081, struct.pack("!HHI", 0, 0x6558, 42 << 8), length), 0


def gtpu(kind, length, macs):
    inner = length - links.ETHER
    return over_udp(2152, struct.pack("!BBHI", 0x30, 0xFF, min(inner, 0xFFFF), 9), inner), links.ETHER


# What the program shall tell of each, by columns of flows; one of several: by the version of IP inside.
ALL = {vlan: {"vlan": "42"}, qinq: {"vlan": "7.42"}, mpls: {}, pppoe: {}, ipip: {"encap": ("ipip", "6in4")},
       gre: {"encap": "gre"}, gre_key: {"encap": "gre:77"}, gretap: {"encap": "gre"}, erspan1: {"encap": "erspan"},
       erspan2: {"encap": "erspan:5"}, erspan3: {"encap": "erspan:5"}, vxlan: {"encap": "vxlan:42"},
       geneve: {"encap": "geneve:42"}, gtpu: {"encap": "gtpu:9"}}


def wrapped(capture, around):
    """Every frame with IP inside; others stay."""
    longest = 64

    def change(record):
        kind = links.ethertype(record.data)
        if kind not in links.KINDS:
            return record
        head, begin = around(kind, record.length, record.data[:12])
        return record.holding(head + record.data[begin:], len(head) - begin)
    return capture.each(change)._replace(snaplen=capture.snaplen + longest)
