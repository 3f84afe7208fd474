#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""meta.py can fail: frames that are changed, tables that are made up, and what has to be found in them.  TAP.

    test_meta.py CAPTURES PROGRAM
"""

import os
import struct
import sys
import tempfile

sys.dont_write_bytecode = True  # no litter in the source tree

import laboratory  # noqa: F401,E402
import clothes  # noqa: E402
import frames  # noqa: E402
import meta  # noqa: E402
import parts  # noqa: E402
import pcapfile  # noqa: E402
import report  # noqa: E402
import shifts  # noqa: E402
import tables  # noqa: E402
import translated  # noqa: E402
import tunnels  # noqa: E402
import weaker  # noqa: E402

WAY = tables.Way(frames=[1, 1, 2, 2])
SEVERITIES = {"rst_no_socket": "medium", "challenge_ack": "info"}
CASES = (("close", "half", "capture.pcap"), ("handshake", "refused_icmp", "capture.pcap"),
         ("handshake", "expired_on_the_way", "capture.pcap"), ("close", "rec_killed", "capture.pcap"))


# -- tables made up ------------------------------------------------------------------------------------------

ENDS = {"client_ip": "10.0.0.1", "client_port": "40000", "server_ip": "10.0.0.9", "server_port": "80"}

def flow(**cells):
    return {"flow_id": "c1f1", **ENDS,
            "verdict": "normal", "start_ns": "1000", "findings": "", "first_frame": "1", "client_isn": "5",
            "server_isn": "7", "syn_count": "1", "handshake": "complete", "vlan": "", "damage": "", **cells}


def event(**cells):
    return {"flow_id": "c1f1", **ENDS,
            "actor": "server", "event": "finding", "finding": "rst_no_socket", "from_state": "", "to_state": "",
            "frame": "3", "confidence": "certain", "text": "words", **cells}


def listener(**cells):
    return {"server_ip": "10.0.0.9", "server_port": "80", "vlan": "", "encap": "", "findings": "", "syn_count": "4",
            **cells}


def table(rows, like):
    return list(like), [list(row.values()) for row in rows]


def told(flows=None, events=None, listeners=None):
    return {"flows": table([flow()] if flows is None else flows, flow()),
            "events": table([event()] if events is None else events, event()),
            "listeners": table([listener()] if listeners is None else listeners, listener())}


def differ(clothed, way=tables.Way(), free=None, plain=None):
    return [(one.table, one.column) for one in tables.compare(plain or told(), clothed, way, free)]


def against(whole, part, lossy=False):
    return len(list(weaker.contradictions(SEVERITIES, lossy)(whole, part, tables.Way(), None)))


COMPARISONS = (
    ("equal tables are alike", not differ(told())),
    ("a cell that differs is found", differ(told([flow(verdict="rst")])) == [("flows", "verdict")]),
    ("... unless it may", not differ(told([flow(verdict="rst")]), free={"flows": {"verdict"}})),
    ("... in that table", differ(told([flow(verdict="rst")]), free={"events": {"verdict"}}) == [("flows", "verdict")]),
    ("... or in all", not differ(told([flow(vlan="7")]), free={"": {"vlan"}})),
    ("a row that is missing is found", differ(told([])) == [("flows", "")]),
    ("a row too many is found", differ(told([flow(), flow(flow_id="c1f9")])) == [("flows", "")]),
    ("the same row twice is found", differ(told(events=[event(), event()])) == [("events", "")]),
    ("another finding is found", differ(told(events=[event(finding="x")])) == [("events", "")] * 2),
    ("a listener's number is found", differ(told(listeners=[listener(syn_count="8")])) == [("listeners", "syn_count")]),
    ("copies are traced to their frames", not differ(told([flow()], [event(frame="3")]), WAY,
                                                    plain=told([flow()], [event(frame="2")]))),
    ("... in ids as well", not differ(told([flow(flow_id="c1f2", first_frame="2")], []), WAY, plain=told(events=[]))),
    ("... and another frame is found", differ(told([flow()], [event(frame="3")]), WAY) == [("events", "frame")]),
    ("time is taken back", not differ(told([flow(start_ns="1300")]), tables.Way(later=300))),
    ("... all of it", differ(told([flow(start_ns="1301")]), tables.Way(later=300)) == [("flows", "start_ns")]),
    ("addresses are taken back", not differ(told([flow(client_ip="9.9.9.9")]), tables.Way(
        addresses={"9.9.9.9": "10.0.0.1"}))),
    ("numbers are taken back", not differ(told([flow(client_isn="2")]), tables.Way(
        numbers={("10.0.0.1", "40000", "10.0.0.9", "80"): 0xFFFFFFFD}))),
    ("... of the right side", differ(told([flow(client_isn="2")]), tables.Way(
        numbers={("10.0.0.9", "80", "10.0.0.1", "40000"): 0xFFFFFFFD})) == [
            ("flows", "client_isn"), ("flows", "server_isn")]),
    ("rows set aside are not looked at", not differ(told([flow(), flow(client_ip="9.9.9.9")]), tables.Way(
        aside=frozenset({"9.9.9.9"})))),
    ("an id that should be told is looked for", len(list(tables.unsaid(told()["flows"], {"vlan": "42"}))) == 1),
    ("... and found", not list(tables.unsaid(told([flow(vlan="42")])["flows"], {"vlan": ("41", "42")}))),
    ("a part may say less", not against(told(), told(events=[]))),
    ("a part may say the same", not against(told(), told())),
    ("a part may say it less surely", not against(told(events=[]), told(events=[event(confidence="probable")]))),
    ("a part may not be certain of a new cause", against(told(events=[]), told()) == 1),
    ("... but of what is only info", not against(told(events=[]), told(events=[event(finding="challenge_ack")]))),
    ("... but of how it closed", not against(told(events=[]), told(events=[event(finding="close_rst")]))),
    ("... but where nothing shows that records are lost", not against(told(events=[]), told(), True)),
    ("... not where something does", against(told(events=[]), told([flow(damage="gap;reorder")]), True) == 1),
    ("... nor is another connection's enough", against(told(events=[event(client_port="40001")]), told()) == 1),
    ("a handshake without a SYN is found", against(told(), told([flow(syn_count="0")])) == 1),
    ("... where it is one", not against(told(), told([flow(syn_count="0", handshake="midstream")]))),
)


# -- frames --------------------------------------------------------------------------------------------------


def sound(record, link):
    """Are all checksums of this frame right, as far as they can be verified; or unfinished?"""
    headers = frames.headers_of(record.data, link)
    while headers:
        if headers.version == 4 and frames.ones(record.data[headers.ip:headers.start]):
            return False
        inner = record.data[headers.start:headers.captured]
        if headers.protocol == frames.TCP and len(inner) == headers.size and parts.wrong_checksum(record, link):
            return False
        if headers.protocol == frames.ICMP and len(inner) == headers.size and frames.ones(inner):
            return False
        headers = headers.quoted
    return True


def all_sound(capture):
    return all(sound(record, capture.link) for record in capture.records)


def dressed(name, capture):
    return next(one for one in clothes.ALL if one.name == name).dress(capture)[1]


REWRITING = ("numbers wrap in the handshake", "numbers wrap in the data", "numbers wrap at the close",
             "addresses in the opposite order", "ports in the opposite order", "doubled by a router")


def numbers_of(capture):
    """(number, acknowledgment) of every segment."""
    found = []
    for record in capture.records:
        tcp = frames.headers_of(record.data, capture.link)
        if tcp and tcp.protocol == frames.TCP:
            found.append(struct.unpack_from("!II", record.data, tcp.start + 4))
    return found


def blocks_of(capture):
    """(edge of a SACK block, acknowledgment) of every one."""
    found = []
    for record in capture.records:
        tcp = frames.headers_of(record.data, capture.link)
        if tcp and tcp.protocol == frames.TCP and len(record.data) > tcp.start + 20:
            for place, length in frames.sack_blocks(record.data, tcp):
                ack = struct.unpack_from("!I", record.data, tcp.start + 8)[0]
                edges = struct.unpack_from(f"!{length // 4}I", record.data, place)
                found += [(edge, ack) for edge in edges]
    return found


def shift_points(captures):
    lossy = pcapfile.read(os.path.join(captures, "path", "large_and_small", "capture.pcap"))
    clothed = dressed("numbers wrap in the data", lossy)
    apart = [[(edge - ack) & 0xFFFFFFFF for edge, ack in blocks_of(one)] for one in (lossy, clothed)]
    yield "SACK blocks go with the acknowledgments", bool(apart[0]) and apart[0] == apart[1]
    half = pcapfile.read(os.path.join(captures, *CASES[0]))
    (_, _), (seq, ack), (next_seq, next_ack) = numbers_of(dressed("numbers wrap in the data", half))[:3]
    yield "acknowledgments go with the other side's numbers", (next_seq, next_ack) == (ack, seq + 1 & 0xFFFFFFFF)
    redirect = pcapfile.read(os.path.join(captures, *CASES[2]))
    left = [record for record in dressed("addresses in the opposite order", redirect).records
            if bytes((192, 0, 2, 10)) in record.data]
    yield "what an ICMP message quotes is renamed too", not left


def frame_points(captures):
    for name in REWRITING:
        for path in CASES:
            capture = pcapfile.read(os.path.join(captures, *path))
            clothed = dressed(name, capture)
            yield f"{name}: checksums of {'/'.join(path)} stay right", all_sound(capture) and all_sound(clothed)
    yield from shift_points(captures)
    half = pcapfile.read(os.path.join(captures, *CASES[0]))
    spoiled = half.records[0].holding(half.records[0].data[:40] + b"\xff\xff" + half.records[0].data[42:])
    yield "a wrong checksum is found", not all_sound(half.of([spoiled]))
    wrapped = [seq for seq, _ in numbers_of(dressed("numbers wrap in the data", half))]
    yield "some numbers do wrap", min(wrapped) < 0x10000 and max(wrapped) > 0xFFFF0000
    yield "every frame is doubled", len(dressed("doubled, +3 us", half).records) == 2 * len(half.records) + 1
    untidy = parts.disordered(half)[1]
    order = list(dict.fromkeys(record.origin for record in dressed("doubled, +3 us", untidy).records))
    yield "what stands in the wrong order does so doubled", order[:-1] == [record.origin for record in untidy.records]
    yield "the copy of a router has a TTL less", [
        record.data[22] for record in dressed("doubled by a router", half).records[:2]] == [64, 63]
    yield "no capture is translated to itself", len(translated.dress(half)[1].records) > len(half.records)
    turned = parts.disordered(half)[1].records
    late = [one.at - other.at for one, other in zip(turned, turned[1:]) if one.at > other.at]
    yield "some neighbours change places", len(late) > 3
    grown = tunnels.wrapped(half, tunnels.vxlan).records[0].length - half.records[0].length
    yield "a frame in VXLAN is 50 bytes longer", grown == 50
    one, other = b"\x0a\0\0\1", b"\x0a\0\0\2"
    yield "the mirror image of a mirror image is the address", shifts.mirror_image(shifts.mirror_image(one)) == one
    yield "... and its order the opposite", shifts.mirror_image(one) > shifts.mirror_image(other)


# -- files ---------------------------------------------------------------------------------------------------


def file_points(captures):
    half = pcapfile.read(os.path.join(captures, *CASES[0]))
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "capture.pcap")
        for order, unit in (("<", pcapfile.NS), (">", pcapfile.NS), ("<", 1000000), (">", 1000000)):
            with open(path, "wb") as file:
                file.write(pcapfile.pcap(half.rounded(1000), order, unit))
            yield f"what is written ({order}, {unit}) is read again", pcapfile.read(path) == half.rounded(1000)


# -- the whole -----------------------------------------------------------------------------------------------


def lost_frame(capture):
    """A change that is no change of clothes."""
    return capture, capture.of(capture.records[1:]), tables.Way(frames=[one.origin for one in capture.records[1:]])


def shifted_badly(capture):
    """The numbers of one side only, and not what acknowledges them."""
    def edit(data, headers):
        if headers.protocol == frames.TCP and data[headers.start + 2:headers.start + 4] == struct.pack("!H", 80):
            frames.add(data, headers.start + 4, 1000)
    return capture, shifts.edited(capture, edit), tables.Way()


def whole_points(captures, binary):
    name = os.path.join(*CASES[0])
    wardrobe = meta.Wardrobe(captures, binary, 1, "")
    tries = {"identity": clothes.identity, "a lost frame": lost_frame, "one side's numbers alone": shifted_badly}
    wardrobe.clothes = [clothes.Clothes(words, dress, every=1) for words, dress in tries.items()]
    found = wardrobe.try_on(name)
    yield "the identity is alike", not found["identity"]
    yield "a lost frame is found", bool(found["a lost frame"])
    yield "one side's numbers alone are found", bool(found["one side's numbers alone"])
    wardrobe.binary = "/bin/false"
    yield "a program that fails is found", all(wardrobe.try_on(name).values())


def main():
    captures, binary = sys.argv[1], os.path.abspath(sys.argv[2])
    return report.tell_all((*COMPARISONS, *frame_points(captures), *file_points(captures),
                            *whole_points(captures, binary)))


if __name__ == "__main__":
    sys.exit(main())
