/* SPDX-License-Identifier: MIT
 *
 * The wire tool, which all crafted cases rest on: what it fills in by itself, and what it says of a wrong
 * script. Packets are read back with the decoder, which was written apart from it.
 */
#include "decode/decode.h"
#include "suite.h"
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FLOW                                                                                                 \
    "flow A 10.0.0.2:40000 10.0.0.1:80 isn=4294967290 peer_isn=4294967295 tsbase=1000 peer_tsbase=5000\n"
#define OPEN FLOW "0 A > S\n0.010 A < SA\n0.020 A > A\n"
enum { CLIENT_ISN = -6, SERVER_ISN = -1 }; /* just below the wrap */

static struct wire make(const char *text)
{
    struct wire wire;
    struct wire_error error;

    ck_assert_msg(wire_parse("t", text, strlen(text), &wire, &error) == 0, "%s", error.text);
    return wire;
}

/* The last packet that was captured. */
static struct tca_segment last_segment(const struct wire *wire)
{
    struct tca_segment seg = {0};
    size_t count;
    struct tca_record *records = wire_records(wire, &count);

    ck_assert_ptr_nonnull(records);
    ck_assert_uint_gt(count, 0);
    enum tca_outcome outcome = tca_decode(&records[count - 1], true, &seg);
    ck_assert_msg(outcome == TCA_OUTCOME_tcp || outcome == TCA_OUTCOME_tcp_quoted, "%s",
                  tca_outcome_name(outcome));
    free(records);
    return seg;
}

/* ---- defaults: what the last line of a script becomes ---- */

enum { ANY = -99 };

static const struct {
    const char *script, *why;
    int64_t seq, ack; /* relative to the sender's and the other side's ISN; ANY: not looked at */
    int len, window;
    int64_t tsval, tsecr; /* -1: no timestamps */
    bool id_zero;
} rows[] = {
    {FLOW "0 A > S\n", "a SYN", 0, ANY, 0, 64240, 1000, 0, false},
    {FLOW "0 A > S\n0.010 A < SA\n", "a SYN+ACK echoes the SYN", 0, 1, 0, 64240, 5010, 1000, true},
    {OPEN, "the third ACK, its window scaled", 1, 1, 0, 501, 1020, 5010, false},
    {OPEN "1.02 A < SA\n", "a repeated SYN+ACK still echoes the SYN", 0, 1, 0, 64240, 6020, 1000, true},
    {OPEN "1.02 A < SA\n+0 A > A\n", "its answer still echoes the first SYN+ACK", 1, 1, 0, 501, 2020, 5010,
     false},
    {OPEN "+0 A > PA len=100\n", "data", 1, 1, 100, 501, 1020, 5010, false},
    {OPEN "+0 A > PA len=100\n+0 A > PA len=50\n", "data after data", 101, 1, 50, 501, ANY, ANY, false},
    {OPEN "+0 A > PA len=100\n+0 A < A\n", "data arrived", 1, 101, 0, 501, ANY, 1020, false},
    {OPEN "+0 A > PA len=100 lost\n+0 A < A\n", "data was lost", 1, 1, 0, 501, ANY, 1020, false},
    {OPEN "+0 A > PA len=100 lost\n+0 A > PA len=50\n+0 A < A\n", "a hole before it", 1, 1, 0, 501, ANY, ANY,
     false},
    {OPEN "+0 A > PA len=100 lost\n+0 A > PA len=50\n+0 A > PA len=100 seq=1\n+0 A < A\n", "the hole filled",
     1, 151, 0, 501, ANY, ANY, false},
    {OPEN "+0 A > PA len=100 unseen\n+0 A < A\n", "unseen, but it arrived", 1, 101, 0, 501, ANY, ANY, false},
    {OPEN "+0 A > PA len=100 lost\n+0 A < SA\n", "a SYN+ACK acknowledges the SYN only", 0, 1, 0, 64240, ANY,
     1000, true},
    {OPEN "+0 A > PA len=100\n+0 A < SA\n", "even if data arrived", 0, 1, 0, 64240, ANY, 1000, true},
    {OPEN "+0 A > FA\n+0 A < FA\n+0 A > A\n", "both FINs count", 2, 2, 0, 501, ANY, ANY, false},
    {OPEN "+0 A > FA\n+0 A > FA seq=1\n", "a repeated FIN", 1, 1, 0, 501, ANY, ANY, false},
    {OPEN "+0 A < R\n", "a bare RST", 1, ANY, 0, 0, -1, -1, true},
    {OPEN "+0 A < RA\n", "a socket's own RST", 1, 1, 0, 501, ANY, ANY, false},
    {FLOW "0 A > S\n+0 A < RA\n", "a refusal: sequence number 0", 1, 1, 0, 0, -1, -1, true},
    {FLOW "0 A > S lost\n+1 A > S\n+0 A < SA\n", "echoes the SYN that arrived", 0, 1, 0, 64240, ANY, 2000,
     true},
    {FLOW "0 A > S tfo=00112233 len=10\n+0 A < SA\n", "fast open: the data arrived", 0, 11, 0, 64240, ANY,
     ANY, true},
    {FLOW "0 A > S nots\n+0 A < SA\n", "timestamps are agreed by both", 0, 1, 0, 64240, -1, -1, true},
    {FLOW "0 A > S wscale=none\n+0 A < SA\n+0 A > A\n", "no scaling then", 1, 1, 0, 64240, ANY, ANY, false},
    {FLOW "0 A > PA len=5\n", "mid-stream", 1, 1, 5, 501, ANY, 0, false},
    {FLOW "0 A > S\n+0 A > S ipid=7 ttl=9 win=1 tsval=2 tsecr=3\n", "all overridden", 0, ANY, 0, 1, 2, 3,
     false},
    {OPEN "+0 A > PA len=1 seq=@100 ack=@200\n", "absolute numbers", 106, 201, 1, 501, ANY, ANY, false},
    {OPEN "+0 A < A id0\n", "from a socket without a peer", 1, 1, 0, 501, ANY, ANY, true},
    {OPEN "+0.00001 A > A copy\n", "a mirror port's copy", 1, 1, 0, 501, 1020, 5010, false},
    {"snaplen 54\n" OPEN "+0 A > PA len=100\n", "cut by the snap length", 1, 1, 100, 501, ANY, ANY, false},
    {"link raw\n" OPEN, "raw IP", 1, 1, 0, 501, 1020, 5010, false},
    {"link sll\n" OPEN, "cooked", 1, 1, 0, 501, 1020, 5010, false},
    {"link sll2 client\n" OPEN, "cooked, second version", 1, 1, 0, 501, 1020, 5010, false},
};

START_TEST(defaults)
{
    struct wire wire = make(rows[_i].script);
    struct tca_segment seg = last_segment(&wire);
    bool server = seg.sport == 80;
    uint32_t own = (uint32_t)(server ? SERVER_ISN : CLIENT_ISN),
             peer = (uint32_t)(server ? CLIENT_ISN : SERVER_ISN);
    const char *why = rows[_i].why;

    if (rows[_i].seq != ANY)
        ck_assert_msg(seg.seq - own == rows[_i].seq, "%s: seq %d", why, (int)(seg.seq - own));
    if (rows[_i].ack != ANY)
        ck_assert_msg(seg.ack - peer == rows[_i].ack, "%s: ack %d", why, (int)(seg.ack - peer));
    ck_assert_msg(seg.len == (uint32_t)rows[_i].len, "%s: len %u", why, seg.len);
    ck_assert_msg(seg.window == rows[_i].window, "%s: window %u", why, seg.window);
    ck_assert_msg((seg.ip_id == 0) == rows[_i].id_zero, "%s: IP ID %u", why, seg.ip_id);
    if (rows[_i].tsval == -1)
        ck_assert_msg(!seg.opt.has_ts, "%s: has timestamps", why);
    if (rows[_i].tsval >= 0)
        ck_assert_msg(seg.opt.tsval == rows[_i].tsval, "%s: tsval %u", why, seg.opt.tsval);
    if (rows[_i].tsecr >= 0)
        ck_assert_msg(seg.opt.tsecr == rows[_i].tsecr, "%s: tsecr %u", why, seg.opt.tsecr);
    ck_assert_msg(seg.checksum == TCA_CHECKSUM_GOOD || wire.snaplen == 54, "%s: checksum %d", why,
                  seg.checksum);
    wire_done(&wire);
}
END_TEST

START_TEST(header_marks_count)
{
    struct wire wire = make(OPEN "+0 A > PA len=10 unseen\n+0 A > PA len=10\n");
    struct tca_segment seg = last_segment(&wire);
    size_t count;
    struct tca_record *records = wire_records(&wire, &count);
    struct tca_segment first;

    ck_assert_uint_eq(count, 4); /* what was not seen is not there */
    ck_assert_int_eq(tca_decode(&records[0], true, &first), TCA_OUTCOME_tcp);
    ck_assert_uint_eq((uint16_t)(seg.ip_id - first.ip_id), 3); /* but it took an IP ID */
    free(records);
    wire_done(&wire);
}
END_TEST

/* ---- options, in wire order ---- */

static const struct {
    const char *script, *why;
    uint8_t order[12];
    size_t count;
} option_rows[] = {
    {FLOW "0 A > S\n", "a SYN of Linux", {2, 4, 8, 1, 3}, 5},
    {FLOW "0 A > S nots\n", "without timestamps", {2, 1, 1, 4, 1, 3}, 6},
    {FLOW "0 A > S nosack\n", "without SACK", {2, 1, 1, 8, 1, 3}, 6},
    {FLOW "0 A > S mss=none nots nosack wscale=none\n", "nothing at all", {0}, 0},
    {FLOW "0 A > S tfo\n", "a cookie request", {2, 4, 8, 1, 3, 34, 1, 1}, 8},
    {FLOW "0 A > S tfo=0011223344556677\n", "a cookie", {2, 4, 8, 1, 3, 34, 1, 1}, 8},
    {OPEN, "a segment", {1, 1, 8}, 3},
    {OPEN "+0 A > A sackblock=10-20 sackblock=30-40\n", "with two blocks", {1, 1, 8, 1, 1, 5}, 6},
};

START_TEST(option_order)
{
    struct wire wire = make(option_rows[_i].script);
    struct tca_segment seg = last_segment(&wire);

    ck_assert_msg(seg.opt.order_count == option_rows[_i].count &&
                      memcmp(seg.opt.order, option_rows[_i].order, option_rows[_i].count) == 0,
                  "%s", option_rows[_i].why);
    wire_done(&wire);
}
END_TEST

START_TEST(sack_blocks_are_relative)
{
    struct wire wire = make(OPEN "+0 A > A sackblock=10-20\n");
    struct tca_segment seg = last_segment(&wire);

    ck_assert_uint_eq(seg.opt.sack_count, 1);
    ck_assert_uint_eq(seg.opt.sack[0][0], (uint32_t)SERVER_ISN + 10);
    ck_assert_uint_eq(seg.opt.sack[0][1], (uint32_t)SERVER_ISN + 20);
    wire_done(&wire);
}
END_TEST

/* ---- the rest of the packet ---- */

START_TEST(icmp_quotes_the_newest)
{
    struct wire wire = make(OPEN "+0 A > PA len=10\n+0 A < A\n+0 A icmp 3 1 from=10.0.0.254\n");
    struct tca_segment seg = last_segment(&wire);

    ck_assert(seg.quoted);
    ck_assert_uint_eq(seg.icmp_type, 3);
    ck_assert_uint_eq(seg.icmp_code, 1);
    ck_assert_uint_eq(seg.icmp_from[15], 254);
    ck_assert_uint_eq(seg.sport, 40000);
    ck_assert_uint_eq(seg.seq, (uint32_t)CLIENT_ISN + 1);
    wire_done(&wire);
    wire = make(OPEN "+0 A < PA len=10\n+0 A icmp 3 1 from=10.0.0.254 quote=<\n");
    ck_assert_uint_eq(last_segment(&wire).sport, 80);
    wire_done(&wire);
    wire = make("flow A [fd00::2]:1 [fd00::1]:80\n0 A > S\n+0 A icmp 1 4 from=fd00::1\n");
    ck_assert_uint_eq(last_segment(&wire).icmp_type, 1);
    wire_done(&wire);
}
END_TEST

START_TEST(times)
{
    struct wire wire = make(FLOW "0.000001 A > S\n+0.009999 A < SA\n+0.999999999 A > A\n1 A > A late\n");
    static const int64_t expected[] = {1000, 10000000, 1009999999, 1000000000};

    for (size_t i = 0; i < 4; i++)
        ck_assert_int_eq(wire.packets[i].time_ns, INT64_C(1700000000000000000) + expected[i]);
    wire_done(&wire);
}
END_TEST

START_TEST(checksums_and_tags)
{
    struct wire wire = make(FLOW "0 A > S badsum\n");
    ck_assert_int_eq(last_segment(&wire).checksum, TCA_CHECKSUM_BAD);
    wire_done(&wire);
    wire = make(FLOW "0 A > S unfinished\n");
    ck_assert_int_eq(last_segment(&wire).checksum, TCA_CHECKSUM_UNFINISHED);
    wire_done(&wire);
    wire = make("flow A 10.0.0.2:1 10.0.0.1:80 vlan=12\n0 A > S\n");
    ck_assert_uint_eq(last_segment(&wire).tags.vlan_count, 1);
    ck_assert_uint_eq(last_segment(&wire).tags.vlan[0], 12);
    wire_done(&wire);
}
END_TEST

/* What is around the packet; whatever it is, the packet itself is found again. */
static const struct {
    const char *words;
    enum tca_encap encap;
    uint32_t id;
} tunnels[] = {
    {"tunnel=vxlan:42", TCA_ENCAP_VXLAN, 42},
    {"tunnel=geneve:7", TCA_ENCAP_GENEVE, 7},
    {"tunnel=gtpu:4294967295", TCA_ENCAP_GTPU, 4294967295},
    {"tunnel=gre", TCA_ENCAP_GRE, 0},
    {"tunnel=gre:5", TCA_ENCAP_GRE, 5},
    {"tunnel=gretap", TCA_ENCAP_GRE, 0},
    {"tunnel=gretap:6", TCA_ENCAP_GRE, 6},
    {"tunnel=erspan:3", TCA_ENCAP_ERSPAN, 3},
    {"tunnel=erspan3:1023", TCA_ENCAP_ERSPAN, 1023},
    {"tunnel=ipip", TCA_ENCAP_IPIP, 0},
    {"tunnel=mpls:16", TCA_ENCAP_NONE, 0},
    {"tunnel=pseudowire:16", TCA_ENCAP_NONE, 0},
    {"tunnel=pppoe:1", TCA_ENCAP_NONE, 0},
    {"tunnel=vxlan:1 vlan=9", TCA_ENCAP_VXLAN, 1},
};

START_TEST(around)
{
    static const char *const families[] = {"flow A 10.0.0.2:1 10.0.0.1:80",
                                           "flow A [fd00::2]:1 [fd00::1]:80"};

    for (size_t i = 0; i < 2; i++) {
        char script[200];
        snprintf(script, sizeof script, "%s %s\n0 A < PA len=30\n", families[i], tunnels[_i].words);
        struct wire wire = make(script);
        struct tca_segment seg = last_segment(&wire);
        bool inside4 = tunnels[_i].encap == TCA_ENCAP_IPIP && i == 1;
        ck_assert_int_eq(seg.tags.encap, inside4 ? TCA_ENCAP_6IN4 : tunnels[_i].encap);
        ck_assert_uint_eq(seg.tags.encap_id, tunnels[_i].id);
        ck_assert_uint_eq(seg.family, i ? 6 : 4);
        ck_assert_uint_eq(seg.sport, 80);
        ck_assert_uint_eq(seg.len, 30);
        ck_assert_int_eq(seg.checksum, TCA_CHECKSUM_GOOD);
        wire_done(&wire);
    }
}
END_TEST

START_TEST(links)
{
    static const char *const names[] = {"ethernet", "raw", "sll", "sll2", "null", "ppp", "radiotap", "nflog"};
    static const char *const flows[] = {"flow A 10.0.0.2:1 10.0.0.1:80", "flow A [fd00::2]:1 [fd00::1]:80",
                                        "flow A [fd00::2]:1 [fd00::1]:80 tunnel=teredo",
                                        "flow A [fd00::2]:1 [fd00::1]:80 tunnel=geneve:9"};

    for (size_t i = 0; i < sizeof flows / sizeof *flows; i++) {
        char script[200];
        snprintf(script, sizeof script, "link %s\n%s\n0 A > PA len=31\n", names[_i], flows[i]);
        struct wire wire = make(script);
        struct tca_segment seg = last_segment(&wire);
        ck_assert_uint_eq(seg.family, i ? 6 : 4);
        ck_assert_uint_eq(seg.len, 31);
        ck_assert_int_eq(seg.checksum, TCA_CHECKSUM_GOOD);
        wire_done(&wire);
    }
}
END_TEST

/* An error quotes the packet, not what was around it. */
START_TEST(quote_of_a_tunnelled_packet)
{
    struct wire wire = make(
        "flow A 10.0.0.2:1 10.0.0.1:80 tunnel=vxlan:3\n0 A > PA len=10\n+0 A icmp 3 1 from=10.0.0.254\n");
    struct tca_segment seg = last_segment(&wire);

    ck_assert(seg.quoted);
    ck_assert_uint_eq(seg.sport, 1);
    ck_assert_int_eq(seg.tags.encap, TCA_ENCAP_VXLAN);
    wire_done(&wire);
}
END_TEST

START_TEST(fragments)
{
    struct wire wire = make("flow A 10.0.0.2:1 10.0.0.1:80 ts=off\n0 A > PA len=30 frag=24 fraglost=1\n");

    ck_assert_uint_eq(wire.count, 3); /* 24, 24 and 2 bytes */
    for (size_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(wire.packets[i].original, i < 2 ? 14 + 20 + 24 : 14 + 20 + 2);
        ck_assert_int_eq(wire.packets[i].seen, i != 1);
    }
    wire_done(&wire);
    wire = make("flow A 10.0.0.2:1 10.0.0.1:80 ts=off\n0 A > PA len=30 frag=24 fragback\n");
    ck_assert_uint_eq(wire.packets[0].original, 14 + 20 + 2);
    wire_done(&wire);
}
END_TEST

/* Who sent it, for the host with the tap: the server unless the script says client. */
START_TEST(cooked_direction)
{
    static const struct {
        const char *script;
        uint8_t direction;
    } cooked[] = {{"link sll\n" FLOW "0 A > S\n", 0},
                  {"link sll\n" FLOW "0 A < SA\n", 4},
                  {"link sll2 client\n" FLOW "0 A > S\n", 4},
                  {"link sll2 client\n" FLOW "0 A < SA\n", 0}};

    for (size_t i = 0; i < sizeof cooked / sizeof *cooked; i++) {
        struct wire wire = make(cooked[i].script);
        ck_assert_uint_eq(last_segment(&wire).direction, cooked[i].direction);
        wire_done(&wire);
    }
}
END_TEST

START_TEST(one_clock_per_host_pair)
{
    struct wire wire =
        make("flow A 10.0.0.2:1 10.0.0.1:80\nflow B 10.0.0.2:1 10.0.0.1:80\n0 A > S\n1 B > S\n");
    size_t count;
    struct tca_record *records = wire_records(&wire, &count);
    struct tca_segment a, b;

    ck_assert_int_eq(tca_decode(&records[0], true, &a), TCA_OUTCOME_tcp);
    ck_assert_int_eq(tca_decode(&records[1], true, &b), TCA_OUTCOME_tcp);
    ck_assert_uint_eq(b.opt.tsval - a.opt.tsval, 1000);
    ck_assert_uint_ne(a.seq, b.seq);
    free(records);
    wire_done(&wire);
}
END_TEST

/* ---- wrong scripts: line and word are named ---- */

static const struct {
    const char *script, *words;
} bad[] = {
    {"flow A 10.0.0.2 10.0.0.1:80\n", "t:1: the client must be"},
    {"flow A 10.0.0.2:1 [10.0.0.1]:80\n", "t:1: the server must be"},
    {"flow A fd00::2:1 [fd00::1]:80\n", "t:1: the client must be"},
    {"flow A 10.0.0.2:1 [fd00::1]:80\n", "t:1: client and server are of different"},
    {"flow A 10.0.0.2:1 10.0.0.1:99999\n", "t:1: the server must be"},
    {"flow A 10.0.0.2:1\n", "t:1: expected: flow"},
    {"# one\n\nflow A 10.0.0.2:1 10.0.0.1:80 isn=x\n", "t:3: 'isn' cannot be x"},
    {"flow A 10.0.0.2:1 10.0.0.1:80 ts=maybe\n", "t:1: 'ts' cannot be maybe"},
    {"flow A 10.0.0.2:1 10.0.0.1:80 colour=red\n", "t:1: unknown word 'colour'"},
    {FLOW FLOW, "t:2: flow name 'A'"},
    {"link tokenring\n", "t:1: expected: link"},
    {"flow A 10.0.0.2:1 10.0.0.1:80 tunnel=l2tp:1\n", "t:1: 'tunnel' cannot be l2tp:1"},
    {"flow A 10.0.0.2:1 10.0.0.1:80 tunnel=vxlan:\n", "t:1: 'tunnel' cannot be vxlan:"},
    {"flow A 10.0.0.2:1 10.0.0.1:80 tunnel=vxlan:1x\n", "t:1: 'tunnel' cannot be vxlan:1x"},
    {"flow A 10.0.0.2:1 10.0.0.1:80 tunnel=teredo\n", "t:1: teredo carries IPv6"},
    {"link raw\nflow A 10.0.0.2:1 10.0.0.1:80 tunnel=mpls:1\n", "t:2: mpls, pseudowire"},
    {FLOW "0 A > PA len=100 frag=12\n", "t:2: fragments but the last"},
    {FLOW "0 A > S\nlink raw\n", "t:3: the link type comes before"},
    {FLOW "0 A > S\nsnaplen 60\n", "t:3: expected, before"},
    {FLOW "0 B > S\n", "t:2: unknown flow 'B'"},
    {FLOW "0\n", "t:2: unknown flow ''"},
    {FLOW "0 A\n", "t:2: expected: TIME FLOW"},
    {FLOW "0 A = S\n", "t:2: expected: TIME FLOW"},
    {FLOW "0 A > X\n", "t:2: flags 'X'"},
    {FLOW "0 A > SS\n", "t:2: flags 'SS'"},
    {FLOW "0 A > S len\n", "t:2: 'len' needs a value"},
    {FLOW "0 A > S lost=1\n", "t:2: 'lost' takes no value"},
    {FLOW "0 A > S len=70000\n", "t:2: 'len' cannot be 70000"},
    {FLOW "0 A > S seq=@\n", "t:2: 'seq' cannot be @"},
    {FLOW "0 A > S tfo=0g\n", "t:2: 'tfo' cannot be 0g"},
    {FLOW "0 A > S sackblock=5\n", "t:2: 'sackblock' cannot be 5"},
    {FLOW "0 A > A sackblock=1-2 sackblock=3-4 sackblock=5-6 sackblock=7-8\n", "t:2: the options do not fit"},
    {FLOW "0 A > S tfo=00112233445566778899aabbccddeeff00\n", "t:2: 'tfo' cannot be"},
    {FLOW "1 A > S\n0.5 A < SA\n", "t:3: earlier than the line above"},
    {FLOW "x A > S\n", "t:2: 'x' is neither"},
    {FLOW "1.0000000001 A > S\n", "t:2: '1.0000000001' is neither"},
    {FLOW "9999999999 A > S\n", "t:2: '9999999999' is neither"},
    {FLOW "0 A > S copy\n", "t:2: a copy must follow"},
    {FLOW "0 A > S\n0 A > S copy len=1\n", "t:3: a copy has no fields"},
    {FLOW "0 A > S unseen\n0 A > S copy\n", "t:3: a copy must follow"},
    {FLOW "0 A icmp 3 1\n", "t:2: an ICMP error needs from="},
    {FLOW "0 A icmp 3 1 from=10.0.0.1\n", "t:2: there is no segment"},
    {FLOW "0 A > S\n0 A icmp 3 1 from=fd00::1\n", "t:3: the sender's address"},
    {FLOW "0 A > S\n0 A icmp 3\n", "t:3: expected: TIME FLOW icmp"},
};

START_TEST(bad_script)
{
    struct wire wire;
    struct wire_error error;

    ck_assert_int_eq(wire_parse("t", bad[_i].script, strlen(bad[_i].script), &wire, &error), -1);
    ck_assert_msg(strncmp(error.text, bad[_i].words, strlen(bad[_i].words)) == 0, "'%s' is not '%s'",
                  error.text, bad[_i].words);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire");
    TCase *tc = tcase_create("wire");

    tcase_add_loop_test(tc, defaults, 0, ROWS(rows));
    tcase_add_loop_test(tc, option_order, 0, ROWS(option_rows));
    tcase_add_loop_test(tc, bad_script, 0, ROWS(bad));
    tcase_add_loop_test(tc, around, 0, ROWS(tunnels));
    tcase_add_loop_test(tc, links, 0, 8);
    tcase_add_test(tc, quote_of_a_tunnelled_packet);
    tcase_add_test(tc, fragments);
    tcase_add_test(tc, header_marks_count);
    tcase_add_test(tc, sack_blocks_are_relative);
    tcase_add_test(tc, icmp_quotes_the_newest);
    tcase_add_test(tc, times);
    tcase_add_test(tc, checksums_and_tags);
    tcase_add_test(tc, cooked_direction);
    tcase_add_test(tc, one_clock_per_host_pair);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
