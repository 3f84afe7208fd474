# SPDX-License-Identifier: MIT
"""The same traffic in other clothes: what each transformation makes of a capture, and what that may cost.

`dress(capture)` gives (plain, clothed, way), or None where it does not apply: two captures that have to be told
alike, and the tables.Way from the second one's words to the first one's.  `free` names the columns that may
differ, by table ("" for all of them), and docs/design/metamorphic.md says why.
"""

import functools
import typing
import zlib

import laboratory  # noqa: F401
import doubling
import links
import parts
import pcapfile
import shifts
import tables
import translated
import tunnels

US = 1000
MILLION = 1_000_000
MIDNIGHT = 86400 * 20000  # 2024-10-04
LATE = 2 ** 31  # seconds since 1970 that no signed 32 bits hold
TAGS = {"": {"vlan", "encap"}}
PAYLOAD = {"flows": {"history", "damage"}}  # Zeek's letter g: content that was not captured; no checksum, no offload
# What goes by the order of the file, as other programs' words do, and what names rows by their lowest frame.
FILE_ORDER = {"flow_id", "tcp_stream", "damage", "first_frame", "last_frame", "history", "conn_state",
              "conntrack_state", "completeness", "reuse_of", "attempt_group", "nat_of", "client_ts_hz", "server_ts_hz",
              "client_ts_clock", "server_ts_clock"}
NAMES = {"flows": {"community_id"}}
NUMBERS = frozenset({"weak_isn"})  # reads initial sequence numbers
CUT, LOST = "cut", "lost"
SELDOM = 16  # one capture of so many


class Clothes(typing.NamedTuple):
    """One transformation."""

    name: str
    dress: typing.Callable
    free: dict = {}
    every: int = SELDOM  # one capture of so many, chosen by its name
    also: tuple = ()  # and these, which were once told wrong in them
    write: typing.Callable = pcapfile.pcap
    options: tuple = ()  # of the program, for both captures
    part: str = ""  # only a part of the plain capture, held to no more than not to contradict it: CUT or LOST
    without: frozenset = frozenset()  # findings that are nothing of the same truth
    page: bool = False  # the summary is the same too, but for numbers of records
    says: dict = {}  # what columns of flows hold then: a text, or one of several


def identity(capture):
    return capture, capture, tables.Way()


def whole_microseconds(capture):
    rounded = capture.rounded(US)
    return rounded, rounded, tables.Way()


def ethernet(change):
    """The plain capture, and what `change` makes of it; for Ethernet without VLAN tags only."""
    def dress(capture):
        fits = capture.link == pcapfile.ETHERNET and not links.tagged(capture)
        clothed = change(capture) if fits else None
        return clothed and (capture, clothed, tables.Way())
    return dress


def around(tunnel):
    return ethernet(lambda capture: tunnels.wrapped(capture, tunnel))


def file_formats():
    """Both formats, both byte orders, both resolutions."""
    for words, order in (("little-endian", "<"), ("big-endian", ">")):
        yield Clothes(f"pcap, {words}, us", whole_microseconds,
                      write=functools.partial(pcapfile.pcap, order=order, unit=MILLION))
        yield Clothes(f"pcap, {words}, ns", identity, write=functools.partial(pcapfile.pcap, order=order))
        yield Clothes(f"pcapng, {words}, us", whole_microseconds,
                      write=functools.partial(pcapfile.pcapng, order=order, digits=6))
        yield Clothes(f"pcapng, {words}, ns", identity, write=functools.partial(pcapfile.pcapng, order=order))


LINKS = {"SLL": links.sll, "SLL2": links.sll2, "RAW": links.raw, "NULL": links.null,
         "NULL, swapped": links.null_swapped, "LOOP": links.loop,
         "IPV4": links.one_family(0x0800, pcapfile.IPV4),
         "IPV6": links.one_family(0x86DD, pcapfile.IPV6)}

ALL = (
    Clothes("numbers wrap in the handshake", shifts.renumbered(shifts.HANDSHAKE), without=NUMBERS),
    Clothes("numbers wrap in the data", shifts.renumbered(shifts.DATA), without=NUMBERS),
    Clothes("numbers wrap at the close", shifts.renumbered(shifts.CLOSE), without=NUMBERS),
    Clothes("midnight in its middle", shifts.moved(MIDNIGHT)),
    Clothes("in 1970", shifts.moved(0)),
    Clothes("across 2038", shifts.moved(LATE)),
    Clothes("addresses in the opposite order", shifts.sides, NAMES),
    Clothes("ports in the opposite order", shifts.ports, NAMES),
    Clothes("doubled, +0", doubling.mirrored(0), doubling.COSTS, every=1, page=True),
    Clothes("doubled, +3 us", doubling.mirrored(3 * US), doubling.COSTS, every=1, page=True),
    Clothes("doubled, +200 us", doubling.mirrored(200 * US), doubling.COSTS, every=1, page=True),
    Clothes("doubled by a router", doubling.around_a_router(20 * US), doubling.COSTS, every=1, page=True),
    Clothes("doubled by two interfaces", doubling.two_interfaces, doubling.COSTS, every=1, page=True),
    *(Clothes(f"in {tunnel.__name__}", around(tunnel), TAGS, says=says) for tunnel, says in tunnels.ALL.items()),
    *(Clothes(f"as link type {name}", ethernet(change)) for name, change in LINKS.items()),
    *file_formats(),
    Clothes("cut at 96, headers whole", parts.harmlessly_cut(96), PAYLOAD),
    Clothes("cut at 74, headers whole", parts.harmlessly_cut(74), PAYLOAD),
    Clothes("cut at 74", parts.harshly_cut(74), part=CUT),
    Clothes("cut at 66", parts.harshly_cut(66), part=CUT, also=("handshake/rec_spurious_synack/capture.pcap",)),
    Clothes("cut at 60", parts.harshly_cut(60), part=CUT),
    Clothes("cut at 54", parts.harshly_cut(54), part=CUT),
    Clothes("the first third", parts.ended_early(1 / 3), part=CUT),
    Clothes("the first half", parts.ended_early(1 / 2), part=CUT),
    Clothes("the last two thirds", parts.begun_late(1 / 3), part=CUT, also=("timewait/rec_old_fin/capture.pcap",)),
    Clothes("the last half", parts.begun_late(1 / 2), part=CUT),
    Clothes("one record in 50 lost", parts.thinned(50), part=LOST),
    Clothes("one record in 10 lost", parts.thinned(10), part=LOST, also=("queue/rec_slow_service/capture.pcap",)),
    Clothes("out of order", parts.disordered, {"": FILE_ORDER}),
    # Who sees both sides of a translator stands between the ends; which the plain capture need not show. Behind it all
    # clients have one address, by which a server's clocks are compared.
    Clothes("before and behind a translator", translated.dress,
            {"": {"tcp_stream"}, "flows": {"server_ts_clock"}}, options=("--vantage", "middle")),
)


def chosen(one, name, thin=1):
    """Is this capture, by its name, one of those that wear these clothes?"""
    every = one.every * thin if one.every > 1 else max(1, thin // 2)
    return name in one.also or zlib.crc32((one.name + name).encode()) % every == 0
