/* SPDX-License-Identifier: MIT
 *
 * Decode, row by row: the bytes of one frame, and the one line that describes what should come of it. The
 * line holds every field that differs from its plain value, so that a row also says what must NOT be set.
 *
 *     4 10.0.0.1:1000>10.0.0.2:80 S seq=1 ack=0 win=8192 len=0
 *
 * Frames are built from pieces of hex, below; blanks are for the eye.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode/checksum.h"
#include "decode/decode.h"
#include "suite.h"

/* ---- pieces ---- */

#define MACS "020000000002 020000000001 "
#define ETH4 MACS "0800 "
#define ETH6 MACS "86dd "
/* IPv4 from 10.0.0.1 to 10.0.0.2, ttl 64, identification 0x1234, header checksum left 0. */
#define IP4_FULL(first, total, fragment, protocol)                                                           \
    first "00 " total " 1234 " fragment " 40 " protocol " 0000 0a000001 0a000002 "
#define IP4(total, protocol) IP4_FULL("45", total, "4000", protocol)
#define A6                   "20010db8000000000000000000000001 "
#define B6                   "20010db8000000000000000000000002 "
#define IP6(payload, next)   "60000000 " payload " " next " 3f " A6 B6
#define PORTS                "03e8 0050 "
#define SYN                  PORTS "fffffffe 00000000 5002 2000 0000 0000 "
/* A header of `offset` (data offset and no flags), options to follow. */
#define SYN_WITH(offset) PORTS "fffffffe 00000000 " offset "02 2000 0000 0000 "
#define DATA4            PORTS "00000010 00000020 5018 0100 0000 0000 61626364 "
#define SYN_TEXT         "4 10.0.0.1:1000>10.0.0.2:80 S seq=4294967294 ack=0 win=8192 len=0"
#define SYN6_TEXT        "6 2001:db8::1:1000>2001:db8::2:80 S seq=4294967294 ack=0 win=8192 len=0"
#define PAD6             "000000000000 "

struct row {
    const char *name;
    int link;
    const char *hex;
    enum tca_outcome outcome;
    const char *segment; /* NULL where there is none */
    const char *why;
    uint32_t original; /* bytes on the wire; 0: as many as there are */
};

/* ---- helpers ---- */

static uint32_t bytes_of_hex(const char *hex, uint8_t *ret_bytes, size_t room)
{
    uint32_t count = 0;

    while (*hex) {
        unsigned value;

        if (*hex == ' ') {
            hex++;
            continue;
        }
        ck_assert_int_eq(sscanf(hex, "%2x", &value), 1);
        ck_assert_uint_lt(count, room);
        ret_bytes[count++] = (uint8_t)value;
        hex += 2;
    }
    return count;
}

struct text {
    char at[1024];
    size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(struct text *text, const char *format, ...)
{
    va_list args;

    va_start(args, format);
    text->len += (size_t)vsnprintf(text->at + text->len, sizeof text->at - text->len, format, args);
    va_end(args);
    ck_assert_uint_lt(text->len, sizeof text->at);
}

static void add_address(struct text *text, const uint8_t *address)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    if (memcmp(address, mapped, sizeof mapped) == 0)
        add(text, "%d.%d.%d.%d", address[12], address[13], address[14], address[15]);
    else /* all of the rows' addresses have this form */
        add(text, "%x:%x::%x", address[0] << 8 | address[1], address[2] << 8 | address[3], address[15]);
}

static void add_flags(struct text *text, unsigned flags)
{
    static const char letters[] = "FSRPAUECN";

    add(text, " ");
    if (flags == 0)
        add(text, "-");
    for (unsigned i = 0; letters[i]; i++)
        if (flags & 1u << i)
            add(text, "%c", letters[i]);
}

static void add_options(struct text *text, const struct tca_options *options)
{
    for (unsigned i = 0; i < options->order_count; i++)
        add(text, "%s%u", i ? ";" : " opt=", options->order[i]);
    if (options->cut)
        add(text, " opt-cut");
    if (options->malformed)
        add(text, " opt-malformed");
    if (options->has_mss)
        add(text, " mss=%u", options->mss);
    if (options->has_wscale)
        add(text, " ws=%u", options->wscale);
    if (options->sack_ok)
        add(text, " sackok");
    if (options->has_ts)
        add(text, " ts=%u/%u", options->tsval, options->tsecr);
    if (options->has_tfo)
        add(text, " tfo=%u", options->tfo_cookie_len);
    if (options->has_mptcp)
        add(text, " mptcp");
    if (options->has_accecn)
        add(text, " accecn");
    for (unsigned i = 0; i < options->sack_count; i++)
        add(text, " sack=%u-%u", options->sack[i][0], options->sack[i][1]);
}

static void add_wrapping(struct text *text, const struct tca_segment *seg)
{
    static const char *const encaps[] = {"",       " gre",    " ipip", " 6in4",  " erspan",
                                         " vxlan", " geneve", " gtpu", " teredo"};

    for (unsigned i = 0; i < seg->tags.vlan_count; i++)
        add(text, "%s%u", i ? "." : " vlan=", seg->tags.vlan[i]);
    add(text, "%s", encaps[seg->tags.encap]);
    if (seg->tags.encap_id)
        add(text, ":%u", seg->tags.encap_id);
    if (seg->direction != 255)
        add(text, " direction=%u", seg->direction);
    if (seg->offload)
        add(text, " offload");
    if (seg->quoted)
        add(text, " quoted=%u/%u by ", seg->icmp_type, seg->icmp_code);
    if (seg->quoted)
        add_address(text, seg->icmp_from);
    if (seg->icmp_mtu)
        add(text, " mtu=%u", seg->icmp_mtu);
    if (seg->quote_cut)
        add(text, " quote-cut");
}

static void describe(const struct tca_segment *seg, struct text *ret_text)
{
    static const char *const checksums[] = {"", " good", " unfinished", " bad"};

    ret_text->len = 0;
    add(ret_text, "%u ", seg->family);
    add_address(ret_text, seg->src);
    add(ret_text, ":%u>", seg->sport);
    add_address(ret_text, seg->dst);
    add(ret_text, ":%u", seg->dport);
    add_flags(ret_text, seg->flags);
    add(ret_text, " seq=%u ack=%u win=%u len=%u", seg->seq, seg->ack, seg->window, seg->len);
    if (seg->captured != seg->len)
        add(ret_text, " captured=%u", seg->captured);
    add(ret_text, "%s", checksums[seg->checksum]);
    add_options(ret_text, &seg->opt);
    add_wrapping(ret_text, seg);
    if (seg->stub)
        add(ret_text, " stub%s%s", seg->bad_offset ? " bad-offset" : "",
            seg->unmeasured ? " unmeasured" : "");
}

static struct tca_record record_of(const uint8_t *bytes, uint32_t captured, uint32_t original, int link)
{
    return (struct tca_record){.bytes = bytes,
                               .captured = captured,
                               .original = original,
                               .time_ns = 1000000001,
                               .frame = 7,
                               .link = link};
}

static void check_row(const struct row *row, bool verify)
{
    uint8_t bytes[2048];
    uint32_t captured = bytes_of_hex(row->hex, bytes, sizeof bytes);
    struct tca_record rec = record_of(bytes, captured, row->original ? row->original : captured, row->link);
    struct tca_segment seg;
    struct text text = {.at = ""};
    enum tca_outcome outcome;

    memset(&seg, 0xa5, sizeof seg);
    outcome = tca_decode(&rec, verify, &seg);
    ck_assert_msg(outcome == row->outcome, "%s: %s instead of %s (%s)", row->name, tca_outcome_name(outcome),
                  tca_outcome_name(row->outcome), row->why);
    if (!row->segment) {
        ck_assert_msg(seg.family == 0xa5 || seg.stub, "%s: the segment was touched", row->name);
        return;
    }
    describe(&seg, &text);
    ck_assert_msg(strcmp(text.at, row->segment) == 0, "%s:\n  got  %s\n  want %s\n  (%s)", row->name, text.at,
                  row->segment, row->why);
    ck_assert_int_eq(seg.time_ns, 1000000001);
    ck_assert_uint_eq(seg.frame, 7);
}

/* ---- link types ---- */

#define TCP                             TCA_OUTCOME_tcp
#define SYN4                            IP4("0028", "06") SYN
#define SYN6                            IP6("0014", "06") SYN
#define SLL(packet, hardware, protocol) packet " " hardware " 0006 020000000001 0000 " protocol " "
#define SLL2(protocol, hardware, packet)                                                                     \
    protocol " 0000 00000003 " hardware " " packet " 06 020000000001 0000 "

static const struct row link_rows[] = {
    {"ethernet 4", 1, ETH4 SYN4, TCP, SYN_TEXT, "the plain case"},
    {"ethernet 6", 1, ETH6 SYN6, TCP, SYN6_TEXT, "the plain case"},
    {"arp", 1, MACS "0806 0001 0800 06 04 0001", TCA_OUTCOME_not_ip, NULL, "no IP"},
    {"raw 4", 101, SYN4, TCP, SYN_TEXT, "by version nibble"},
    {"raw 6", 101, SYN6, TCP, SYN6_TEXT, "by version nibble"},
    {"raw 12", 12, SYN4, TCP, SYN_TEXT, "DLT_RAW written as is"},
    {"raw 14", 14, SYN6, TCP, SYN6_TEXT, "DLT_RAW of OpenBSD written as is"},
    {"raw neither", 101, "50000000", TCA_OUTCOME_bad_ip, NULL, "there is no IP version 5"},
    {"ipv4", 228, SYN4, TCP, SYN_TEXT, "LINKTYPE_IPV4"},
    {"ipv4 with 6", 228, SYN6, TCA_OUTCOME_bad_ip, NULL, "the link type promises version 4"},
    {"ipv6", 229, SYN6, TCP, SYN6_TEXT, "LINKTYPE_IPV6"},
    {"ipv6 with 4", 229, SYN4, TCA_OUTCOME_bad_ip, NULL, "the link type promises version 6"},
    {"null little", 0, "02000000" SYN4, TCP, SYN_TEXT, "host order of a little-endian machine"},
    {"null big", 0, "00000002" SYN4, TCP, SYN_TEXT, "host order of a big-endian machine"},
    {"null linux 6", 0, "0a000000" SYN6, TCP, SYN6_TEXT, "AF_INET6 of Linux"},
    {"null openbsd 6", 0, "18000000" SYN6, TCP, SYN6_TEXT, "AF_INET6 of OpenBSD and NetBSD"},
    {"null freebsd 6", 0, "1c000000" SYN6, TCP, SYN6_TEXT, "AF_INET6 of FreeBSD"},
    {"null macos 6", 0, "0000001e" SYN6, TCP, SYN6_TEXT, "AF_INET6 of macOS"},
    {"null other", 0, "07000000" SYN4, TCA_OUTCOME_not_ip, NULL, "another address family"},
    {"null large", 0, "02000200" SYN4, TCA_OUTCOME_not_ip, NULL, "no address family"},
    {"loop", 108, "00000002" SYN4, TCP, SYN_TEXT, "network order"},
    {"loop 6", 108, "00000018" SYN6, TCP, SYN6_TEXT, "network order"},
    {"ppp", 9, "0021" SYN4, TCP, SYN_TEXT, "without framing"},
    {"ppp framed", 9, "ff03 0021" SYN4, TCP, SYN_TEXT, "address and control"},
    {"ppp compressed", 9, "21" SYN4, TCP, SYN_TEXT, "one-byte protocol"},
    {"ppp 6", 50, "ff03 0057" SYN6, TCP, SYN6_TEXT, "HDLC-like framing"},
    {"ppp lcp", 50, "ff03 c021 0101", TCA_OUTCOME_not_ip, NULL, "link control"},
    {"sll", 113, SLL("0000", "0001", "0800") SYN4, TCP, SYN_TEXT " direction=0", "to us"},
    {"sll out", 113, SLL("0004", "0001", "86dd") SYN6, TCP, SYN6_TEXT " direction=4", "sent by us"},
    {"sll loopback", 113, SLL("0000", "0304", "0800") SYN4, TCP, SYN_TEXT " direction=0", "ARPHRD_LOOPBACK"},
    {"sll vlan", 113, SLL("0003", "0001", "8100") "000a 0800" SYN4, TCP, SYN_TEXT " vlan=10 direction=3",
     "a tag after the cooked header"},
    {"sll netlink", 113, SLL("0004", "0338", "0800") SYN4, TCA_OUTCOME_not_ip, NULL,
     "the protocol is a netlink family there"},
    {"sll odd direction", 113, SLL("0105", "0001", "0800") SYN4, TCP, SYN_TEXT, "no known packet type"},
    {"sll next direction", 113, SLL("0005", "0001", "0800") SYN4, TCP, SYN_TEXT, "no known packet type"},
    {"sll2 odd direction", 276, SLL2("0800", "0001", "05") SYN4, TCP, SYN_TEXT, "no known packet type"},
    {"sll 802.2", 113, SLL("0001", "0001", "0004") "4242030000000000", TCA_OUTCOME_not_ip, NULL,
     "spanning tree"},
    {"sll2", 276, SLL2("0800", "0001", "04") SYN4, TCP, SYN_TEXT " direction=4", "sent by us"},
    {"sll2 vlan", 276, SLL2("8100", "0001", "00") "2014 86dd" SYN6, TCP, SYN6_TEXT " vlan=20 direction=0",
     "priority bits are no part of the id"},
    {"sll2 arp", 276, SLL2("0806", "0001", "01") "0001", TCA_OUTCOME_not_ip, NULL, "no IP"},
    {"sll2 netlink", 276, SLL2("0800", "0338", "04") SYN4, TCA_OUTCOME_not_ip, NULL, "netlink"},
    {"unknown link", 147, ETH4 SYN4, TCA_OUTCOME_unknown_link, NULL, "LINKTYPE_USER0"},
    {"negative link", -1, ETH4 SYN4, TCA_OUTCOME_unknown_link, NULL, "no link type"},
    {"empty", 1, "", TCA_OUTCOME_short_link, NULL, "nothing captured"},
    {"short ethernet", 1, "0200", TCA_OUTCOME_short_link, NULL, "cut in the addresses"},
    {"short sll", 113, "0000 0001", TCA_OUTCOME_short_link, NULL, "cut"},
    {"short sll2", 276, "0800 0000", TCA_OUTCOME_short_link, NULL, "cut"},
    {"short null", 0, "0200", TCA_OUTCOME_short_link, NULL, "cut"},
    {"short ppp", 9, "ff03", TCA_OUTCOME_short_link, NULL, "cut"},
    {"short ppp protocol", 9, "00", TCA_OUTCOME_short_link, NULL, "cut"},
    {"empty raw", 101, "", TCA_OUTCOME_short_link, NULL, "nothing captured"},
};

/* ---- what wraps IP ---- */

#define GRE4(flags, protocol) flags " " protocol " "

static const struct row encap_rows[] = {
    {"vlan", 1, MACS "8100 000a 0800" SYN4, TCP, SYN_TEXT " vlan=10", "802.1Q"},
    {"qinq", 1, MACS "88a8 0064 8100 000a 0800" SYN4, TCP, SYN_TEXT " vlan=100.10",
     "802.1ad, outermost first"},
    {"old qinq", 1, MACS "9100 0064 8100 e00a 86dd" SYN6, TCP, SYN6_TEXT " vlan=100.10", "0x9100"},
    {"priority tag", 1, MACS "8100 e000 0800" SYN4, TCP, SYN_TEXT, "id 0 names no VLAN"},
    {"five tags", 1, MACS "8100 0001 8100 0002 8100 0003 8100 0004 8100 0005 0800" SYN4, TCP,
     SYN_TEXT " vlan=1.2.3.4", "more than fit: the outermost are kept"},
    {"short vlan", 1, MACS "8100 00", TCA_OUTCOME_short_link, NULL, "cut in the tag"},
    {"mpls", 1, MACS "8847 000101ff" SYN4, TCP, SYN_TEXT, "one label"},
    {"mpls stack", 1, MACS "8848 000100ff 000101ff" SYN6, TCP, SYN6_TEXT, "to the bottom, then by nibble"},
    {"pseudowire", 1, MACS "8847 000101ff 00000000" ETH4 SYN4, TCP, SYN_TEXT, "with a control word"},
    {"pseudowire, numbered", 1, MACS "8847 000101ff 0000abcd" ETH6 SYN6, TCP, SYN6_TEXT,
     "with a sequence number"},
    {"pseudowire, bare", 1, MACS "8847 000101ff" ETH4 SYN4, TCP, SYN_TEXT, "without a control word"},
    {"pseudowire, zeros", 1, MACS "8847 000101ff 000000000002 020000000001 0800" SYN4, TCP, SYN_TEXT,
     "an address that begins like a control word"},
    {"pseudowire, bare, long", 1, MACS "8847 000101ff" ETH4 IP4("0800", "06") SYN, TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 S seq=4294967294 ack=0 win=8192 len=2008 captured=0",
     "a length that looks like an EtherType where a control word would put one", .original = 2080},
    {"pseudowire, tagged", 1, MACS "8847 000101ff 00000000" MACS "8100 0009 0800" SYN4, TCP,
     SYN_TEXT " vlan=9", "a tag inside"},
    {"pseudowire, arp", 1, MACS "8847 000101ff 00000000" MACS "0806 0001", TCA_OUTCOME_not_ip, NULL, "no IP"},
    {"mpls channel", 1, MACS "8847 000101ff 10000021" SYN4, TCA_OUTCOME_not_ip, NULL,
     "the associated channel, RFC 5586"},
    {"mpls short", 1, MACS "8847 000100ff 0001", TCA_OUTCOME_short_link, NULL, "cut in a label"},
    {"mpls nothing", 1, MACS "8847 000101ff", TCA_OUTCOME_short_link, NULL, "cut below the labels"},
    {"mpls in vlan", 1, MACS "8100 0005 8847 000101ff" SYN4, TCP, SYN_TEXT " vlan=5", "both"},
    {"pppoe", 1, MACS "8864 11 00 0001 002a 0021" SYN4, TCP, SYN_TEXT, "session data"},
    {"pppoe 6", 1, MACS "8864 11 00 0001 003e 0057" SYN6, TCP, SYN6_TEXT, "session data"},
    {"pppoe lcp", 1, MACS "8864 11 00 0001 0008 c021 0900", TCA_OUTCOME_not_ip, NULL, "link control"},
    {"pppoe code", 1, MACS "8864 11 a7 0001 0000 0021" SYN4, TCA_OUTCOME_not_ip, NULL, "no session data"},
    {"pppoe discovery", 1, MACS "8863 11 09 0000 0000", TCA_OUTCOME_not_ip, NULL, "carries no IP"},
    {"pppoe short", 1, MACS "8864 11 00 00", TCA_OUTCOME_short_link, NULL, "cut"},
    {"snap", 1, MACS "0030 aaaa03 000000 0800" SYN4, TCP, SYN_TEXT, "RFC 1042"},
    {"snap 802.1H", 1, MACS "0030 aaaa03 0000f8 0800" SYN4, TCP, SYN_TEXT, "bridge tunnel encapsulation"},
    {"snap cisco", 1, MACS "0030 aaaa03 00000c 2000 0000", TCA_OUTCOME_not_ip, NULL,
     "a vendor's own protocol"},
    {"spanning tree", 1, MACS "0026 424203 0000000000", TCA_OUTCOME_not_ip, NULL, "LLC without SNAP"},
    {"not snap", 1, MACS "0030 424203 000000 0800" SYN4, TCA_OUTCOME_not_ip, NULL,
     "other service access points, whatever follows"},
    {"llc of three bytes", 1, MACS "0003 4242 03", TCA_OUTCOME_not_ip, NULL, "nothing was cut"},
    {"snap in vlan", 1, MACS "8100 0007 0030 aaaa03 000000 86dd" SYN6, TCP, SYN6_TEXT " vlan=7",
     "a tagged 802.3 frame"},
    {"snap short", 1, MACS "0030 aaaa03 00", TCA_OUTCOME_short_link, NULL, "cut", .original = 64},
    {"gre", 1, ETH4 IP4("0040", "2f") GRE4("0000", "0800") SYN4, TCP, SYN_TEXT " gre", "the bare header"},
    {"gre 6", 1, ETH4 IP4("0054", "2f") GRE4("0000", "86dd") SYN6, TCP, SYN6_TEXT " gre", "IPv6 inside"},
    {"gre over 6", 1, ETH6 IP6("002c", "2f") GRE4("0000", "0800") SYN4, TCP, SYN_TEXT " gre", "in IPv6"},
    {"gre key", 1, ETH4 IP4("0044", "2f") GRE4("2000", "0800") "0000002a" SYN4, TCP, SYN_TEXT " gre:42",
     "key"},
    {"gre all", 1, ETH4 IP4("004c", "2f") GRE4("b000", "0800") "abcd0000 0000002a 00000001" SYN4, TCP,
     SYN_TEXT " gre:42", "checksum, key, sequence"},
    {"gre ethernet", 1, ETH4 IP4("004e", "2f") GRE4("0000", "6558") MACS "0800" SYN4, TCP, SYN_TEXT " gre",
     "transparent Ethernet"},
    {"gre vlan", 1, ETH4 IP4("0052", "2f") GRE4("0000", "6558") MACS "8100 0009 0800" SYN4, TCP,
     SYN_TEXT " vlan=9 gre", "a tag inside"},
    {"erspan", 1, ETH4 IP4("005a", "2f") GRE4("1000", "88be") "00000001 1000000100000000" MACS "0800" SYN4,
     TCP, SYN_TEXT " erspan:1", "type II"},
    {"erspan short", 1, ETH4 IP4("005a", "2f") GRE4("1000", "88be") "00000001 1000", TCA_OUTCOME_short_ip,
     NULL, "cut"},
    {"gre arp", 1, ETH4 IP4("0040", "2f") GRE4("0000", "0806") "0001", TCA_OUTCOME_not_tcp, NULL,
     "a packet of IP, not of TCP"},
    {"gre pptp", 1, ETH4 IP4("0040", "2f") GRE4("2001", "880b") "00000000", TCA_OUTCOME_not_tcp, NULL,
     "version 1"},
    {"gre version 1", 1, ETH4 IP4("0040", "2f") GRE4("0001", "0800") SYN4, TCA_OUTCOME_not_tcp, NULL,
     "its header is another"},
    {"gre routed", 1, ETH4 IP4("0040", "2f") GRE4("4000", "0800") "00000000", TCA_OUTCOME_not_tcp, NULL,
     "source routes are obsolete"},
    {"gre short", 1, ETH4 IP4("0040", "2f") "00", TCA_OUTCOME_short_ip, NULL, "cut"},
    {"gre short key", 1, ETH4 IP4("0040", "2f") GRE4("2000", "0800") "00", TCA_OUTCOME_short_ip, NULL, "cut"},
    {"ipip", 1, ETH4 IP4("003c", "04") SYN4, TCP, SYN_TEXT " ipip", "protocol 4"},
    {"6in4", 1, ETH4 IP4("0050", "29") SYN6, TCP, SYN6_TEXT " 6in4", "protocol 41"},
    {"4in6", 1, ETH6 IP6("0028", "04") SYN4, TCP, SYN_TEXT " ipip", "any IP in IPv6"},
    {"6in6", 1, ETH6 IP6("003c", "29") SYN6, TCP, SYN6_TEXT " ipip", "any IP in IPv6"},
    {"ipip in gre", 1, ETH4 IP4("0058", "2f") GRE4("2000", "0800") "0000002a" IP4("003c", "04") SYN4, TCP,
     SYN_TEXT " ipip", "the innermost tunnel, which has no key"},
    {"inner length counts", 1, ETH4 IP4("003c", "04") SYN4 "ffffffff", TCP, SYN_TEXT " ipip",
     "bytes after it are padding"},
    {"erspan I", 1, ETH4 IP4("004e", "2f") GRE4("0000", "88be") MACS "0800" SYN4, TCP, SYN_TEXT " erspan",
     "nothing between"},
    {"erspan II, largest", 1,
     ETH4 IP4("005a", "2f") GRE4("1000", "88be") "00000001 1fffffff00000000" ETH4 SYN4, TCP,
     SYN_TEXT " erspan:1023", "ten bits, among others"},
    {"erspan III", 1,
     ETH4 IP4("005e", "2f") GRE4("1000", "22eb") "00000001 2001002a 01020304 00000000" ETH4 SYN4, TCP,
     SYN_TEXT " erspan:42", "twelve bytes"},
    {"erspan III, more", 1,
     ETH4 IP4("0066", "2f")
         GRE4("1000", "22eb") "00000001 2001002a 01020304 00000001 0102030405060708" ETH4 SYN4,
     TCP, SYN_TEXT " erspan:42", "a platform's subheader"},
    {"erspan III, IP", 1,
     ETH4 IP4("0050", "2f") GRE4("1000", "22eb") "00000001 2001002a 01020304 00000800" SYN4, TCP,
     SYN_TEXT " erspan:42", "frame type 2"},
    {"erspan III, other", 1,
     ETH4 IP4("0050", "2f") GRE4("1000", "22eb") "00000001 2001002a 01020304 00000400" SYN4,
     TCA_OUTCOME_not_tcp, NULL, "frame type 1"},
    {"erspan IV", 1,
     ETH4 IP4("005e", "2f") GRE4("1000", "22eb") "00000001 3001002a 01020304 00000000" ETH4 SYN4,
     TCA_OUTCOME_not_tcp, NULL, "no such version"},
    {"erspan III short", 1,
     ETH4 IP4("0066", "2f") GRE4("1000", "22eb") "00000001 2001002a 01020304 00000001 0102",
     TCA_OUTCOME_short_ip, NULL, "cut"},
    {"nvgre", 1, ETH4 IP4("0052", "2f") GRE4("2000", "6558") "00002a07" ETH4 SYN4, TCP, SYN_TEXT " gre:10759",
     "its network and flow number are GRE's key"},
    {"gre mpls", 1, ETH4 IP4("0044", "2f") GRE4("0000", "8847") "000101ff" SYN4, TCP, SYN_TEXT " gre",
     "RFC 4023"},
    {"tunnel in itself", 101,
     IP4("02a8", "04") IP4("0294", "04") IP4("0280", "04") IP4("026c", "04") IP4("0258", "04")
         IP4("0244", "04") IP4("0230", "04") IP4("021c", "04") IP4("0208", "04") IP4("01f4", "04")
             IP4("01e0", "04") IP4("01cc", "04") IP4("01b8", "04") IP4("01a4", "04") IP4("0190", "04")
                 IP4("017c", "04") IP4("0168", "04") IP4("0154", "04") IP4("0140", "04") IP4("012c", "04")
                     IP4("0118", "04") IP4("0104", "04") IP4("00f0", "04") IP4("00dc", "04") IP4("00c8", "04")
                         IP4("00b4", "04") IP4("00a0", "04") IP4("008c", "04") IP4("0078", "04")
                             IP4("0064", "04") IP4("0050", "04") IP4("003c", "04") SYN4,
     TCA_OUTCOME_too_deep, NULL, "a bound on work"},
};

/* ---- tunnels by UDP port ---- */

#define ICMP4(total, type, code) IP4(total, "01") type " " code " 0000 00000000 "
#define NOT_TCP                  TCA_OUTCOME_not_tcp
#define UDP(port, len)           "c001 " port " " len " 0000 "
#define VXLAN(flags, id)         flags "0000 " id "00 "

static const struct row udp_rows[] = {
    {"vxlan", 1, ETH4 IP4("005a", "11") UDP("12b5", "0046") VXLAN("0800", "00002a") ETH4 SYN4, TCP,
     SYN_TEXT " vxlan:42", "port 4789"},
    {"vxlan, old port", 1, ETH6 IP6("0046", "11") UDP("2118", "0046") VXLAN("0800", "ffffff") ETH4 SYN4, TCP,
     SYN_TEXT " vxlan:16777215", "port 8472; in IPv6"},
    {"vxlan, from the port", 1,
     ETH4 IP4("005a", "11") "12b5 c001 0046 0000 " VXLAN("0800", "000001") ETH4 SYN4, TCP,
     SYN_TEXT " vxlan:1", "some ends send from it only"},
    {"vxlan, group", 1, ETH4 IP4("005a", "11") UDP("12b5", "0046") "88000123 00002a00" ETH4 SYN4, TCP,
     SYN_TEXT " vxlan:42", "a group policy"},
    {"vxlan, tagged", 1,
     MACS "8100 0005 0800" IP4("0072", "11") UDP("12b5", "005e") VXLAN("0800", "00002a") MACS
     "8100 0009 86dd" SYN6,
     TCP, SYN6_TEXT " vlan=5.9 vxlan:42", "outside and inside"},
    {"vxlan, no id", 1, ETH4 IP4("005a", "11") UDP("12b5", "0046") VXLAN("0000", "00002a") ETH4 SYN4, NOT_TCP,
     NULL, "the flag is missing"},
    {"vxlan, reserved", 1, ETH4 IP4("005a", "11") UDP("12b5", "0046") VXLAN("0900", "00002a") ETH4 SYN4,
     NOT_TCP, NULL, "a flag that nobody sets"},
    {"vxlan, arp", 1, ETH4 IP4("0034", "11") UDP("12b5", "0020") VXLAN("0800", "00002a") MACS "0806 0001",
     NOT_TCP, NULL, "no IP inside"},
    {"vxlan, no IP", 1, ETH4 IP4("0036", "11") UDP("12b5", "0022") VXLAN("0800", "00002a") ETH4 "55000028",
     NOT_TCP, NULL, "chance, not a tunnel"},
    {"vxlan, ends", 1, ETH4 IP4("0036", "11") UDP("12b5", "0022") VXLAN("0800", "00002a") ETH4 "45000028",
     NOT_TCP, NULL, "the datagram ends, nothing was cut"},
    {"vxlan, cut", 1, ETH4 IP4("005a", "11") UDP("12b5", "0046") VXLAN("0800", "00002a") ETH4 "45000028",
     TCA_OUTCOME_short_ip, NULL, "the record ends", .original = 104},
    {"vxlan, header cut", 1, ETH4 IP4("005a", "11") UDP("12b5", "0046") "0800", TCA_OUTCOME_short_ip, NULL,
     "the record ends", .original = 104},
    {"vxlan, tcp cut", 1,
     ETH4 IP4("005a", "11") UDP("12b5", "0046") VXLAN("0800", "00002a") ETH4 IP4("0028", "06") PORTS,
     TCA_OUTCOME_short_tcp, NULL, "the record ends", .original = 104},
    {"vxlan, bad tcp", 1,
     ETH4 IP4("005a", "11") UDP("12b5", "0046") VXLAN("0800", "00002a") ETH4 IP4("0028", "06") SYN_WITH("40"),
     NOT_TCP, NULL, "chance, not a tunnel"},
    {"vxlan, padded", 1, ETH4 IP4("005a", "11") UDP("12b5", "0046") VXLAN("0800", "00002a") ETH4 SYN4 PAD6,
     TCP, SYN_TEXT " vxlan:42", "padding is no payload"},
    {"vxlan, giant", 1,
     ETH4 IP4("0000", "11") UDP("12b5", "0000") VXLAN("0800", "00002a") ETH4 IP4("0000", "06") DATA4, TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 PA seq=16 ack=32 win=256 len=70000 captured=4 vxlan:42 offload",
     "no length anywhere: by the frame", .original = 70104},
    {"vxlan, v6 giant", 1,
     ETH6 IP6("0000", "11") UDP("12b5", "0000") VXLAN("0800", "00002a") ETH6 IP6("0000", "06") DATA4, TCP,
     "6 2001:db8::1:1000>2001:db8::2:80 PA seq=16 ack=32 win=256 len=90000 captured=4 vxlan:42 offload",
     "no length anywhere: by the frame", .original = 90144},
    {"udp length 7", 1, ETH4 IP4("005a", "11") UDP("12b5", "0007") VXLAN("0800", "00002a") ETH4 SYN4, NOT_TCP,
     NULL, "less than its header"},
    {"udp length", 1, ETH4 IP4("005a", "11") UDP("12b5", "0047") VXLAN("0800", "00002a") ETH4 SYN4, NOT_TCP,
     NULL, "more than IP has"},
    {"udp short", 1, ETH4 IP4("005a", "11") "c00112b5 0046", NOT_TCP, NULL, "cut"},
    {"other port", 1, ETH4 IP4("005a", "11") UDP("12b4", "0046") VXLAN("0800", "00002a") ETH4 SYN4, NOT_TCP,
     NULL, "no tunnel's"},
    {"geneve", 1, ETH4 IP4("005a", "11") UDP("17c1", "0046") "0000 6558 00000700" ETH4 SYN4, TCP,
     SYN_TEXT " geneve:7", "port 6081"},
    {"geneve, options", 1,
     ETH4 IP4("0066", "11") UDP("17c1", "0052") "0340 6558 00000700 010203040506070809101112" ETH4 SYN4, TCP,
     SYN_TEXT " geneve:7", "skipped"},
    {"geneve, ip", 1, ETH4 IP4("0060", "11") UDP("17c1", "004c") "0000 86dd 00000000" SYN6, TCP,
     SYN6_TEXT " geneve", "any EtherType"},
    {"geneve, version", 1, ETH4 IP4("005a", "11") UDP("17c1", "0046") "4000 6558 00000700" ETH4 SYN4, NOT_TCP,
     NULL, "1"},
    {"geneve, reserved", 1, ETH4 IP4("005a", "11") UDP("17c1", "0046") "0001 6558 00000700" ETH4 SYN4,
     NOT_TCP, NULL, "set"},
    {"geneve, last byte", 1, ETH4 IP4("005a", "11") UDP("17c1", "0046") "0000 6558 00000701" ETH4 SYN4,
     NOT_TCP, NULL, "reserved"},
    {"geneve, options cut", 1, ETH4 IP4("0066", "11") UDP("17c1", "0052") "0300 6558 00000700 0102",
     TCA_OUTCOME_short_ip, NULL, "the record ends", .original = 116},
    {"gtp-u", 1, ETH4 IP4("004c", "11") UDP("0868", "0038") "30ff 0028 deadbeef" SYN4, TCP,
     SYN_TEXT " gtpu:3735928559", "port 2152"},
    {"gtp-u, numbered", 1, ETH4 IP4("0050", "11") UDP("0868", "003c") "32ff 002c 00000001 00070000" SYN4, TCP,
     SYN_TEXT " gtpu:1", "four more bytes"},
    {"gtp-u, extensions", 1,
     ETH4 IP4("005c", "11")
         UDP("0868", "0048") "34ff 0038 00000001 00000085 01 0009 c0 02 010203040506 00" SYN4,
     TCP, SYN_TEXT " gtpu:1", "two of them"},
    {"gtp-u, 6", 1, ETH4 IP4("0060", "11") UDP("0868", "004c") "30ff 003c 00000001" SYN6, TCP,
     SYN6_TEXT " gtpu:1", "by version nibble"},
    {"gtp-u, extension 0", 1,
     ETH4 IP4("0054", "11") UDP("0868", "0040") "34ff 0030 00000001 00000085 00000085" SYN4, NOT_TCP, NULL,
     "no length: no end"},
    {"gtp-u, no extension", 1, ETH4 IP4("0050", "11") UDP("0868", "003c") "32ff 002c 00000001 00070085" SYN4,
     TCP, SYN_TEXT " gtpu:1", "the type counts where the flag says so"},
    {"gtp-u, nine extensions", 1,
     ETH4 IP4("0074", "11")
         UDP("0868",
             "0060") "34ff 0054 00000001 00000085 "
                     "01000085 01000085 01000085 01000085 01000085 01000085 01000085 01000085 01000000" SYN4,
     NOT_TCP, NULL, "a bound on work"},
    {"gtp-u, reserved", 1, ETH4 IP4("004c", "11") UDP("0868", "0038") "38ff 0028 deadbeef" SYN4, NOT_TCP,
     NULL, "set"},
    {"gtp-u, echo", 1, ETH4 IP4("004c", "11") UDP("0868", "0038") "3001 0028 00000000" SYN4, NOT_TCP, NULL,
     "no user's data"},
    {"gtp-u, version 2", 1, ETH4 IP4("004c", "11") UDP("0868", "0038") "50ff 0028 00000001" SYN4, NOT_TCP,
     NULL, "has no user data"},
    {"gtp-u, ethernet", 1, ETH4 IP4("005a", "11") UDP("0868", "0046") "30ff 0036 00000001" ETH4 SYN4, NOT_TCP,
     NULL, "a session of frames is not followed"},
    {"gtp-u, short", 1, ETH4 IP4("0054", "11") UDP("0868", "0040") "34ff 0030 00000001 000000",
     TCA_OUTCOME_short_ip, NULL, "cut", .original = 98},
    {"teredo", 1, ETH4 IP4("0058", "11") UDP("0dd8", "0044") SYN6, TCP, SYN6_TEXT " teredo", "port 3544"},
    {"teredo, origin", 1, ETH4 IP4("0060", "11") UDP("0dd8", "004c") "00001234 0a000009" SYN6, TCP,
     SYN6_TEXT " teredo", "origin"},
    {"teredo, both", 1,
     ETH4 IP4("0072", "11")
         UDP("0dd8", "005e") "00010203 0102 010203 0102030405060708 00 00001234 0a000009" SYN6,
     TCP, SYN6_TEXT " teredo", "authentication, origin"},
    {"teredo, 4", 1, ETH4 IP4("0044", "11") UDP("0dd8", "0030") SYN4, NOT_TCP, NULL, "carries IPv6 only"},
    {"vxlan in vxlan", 1,
     ETH4 IP4("008c", "11") UDP("12b5", "0078") VXLAN("0800", "000001") ETH4 IP4("005a", "11")
         UDP("12b5", "0046") VXLAN("0800", "000002") ETH4 SYN4,
     TCP, SYN_TEXT " vxlan:2", "the innermost"},
    {"ipip in gtp-u", 1,
     ETH4 IP4("0060", "11") UDP("0868", "004c") "30ff 003c 00000001" IP4("003c", "04") SYN4, TCP,
     SYN_TEXT " ipip", "the innermost"},
    {"bad quotation in vxlan", 1,
     ETH4 IP4("0062", "11") UDP("12b5", "004e") VXLAN("0800", "000002") ETH4 ICMP4("0030", "03", "03")
         IP4_FULL("44", "0028", "4000", "06"),
     TCA_OUTCOME_bad_ip, NULL, "an error is no chance: it is a tunnel"},
    {"quoted vxlan", 1,
     ETH4 ICMP4("0096", "03", "04") "4500 0066 4321 4000 3f 11 0000 0a000009 0a000008" UDP("12b5", "0052")
         VXLAN("0800", "000002") ETH4 IP4("0034", "06") SYN,
     TCA_OUTCOME_tcp_quoted,
     "4 10.0.0.1:1000>10.0.0.2:80 S seq=4294967294 ack=0 win=8192 len=12 captured=0 vxlan:2 quoted=3/4 by "
     "10.0.0.1",
     "an error about the tunnel"},
};

/* ---- 802.11, NFLOG and other links ---- */

#define RADIOTAP      "0000 0800 00000000 "
#define WLAN(control) control " 0000 020000000002 020000000001 020000000003 1000 "
#define SNAP4         "aaaa03 000000 0800 "
#define SNAP6         "aaaa03 000000 86dd "
#define NFLOG_HEAD    "0800 0100 08000300 "
#define NFLOG_FOUR    "04000b00 04000b00 04000b00 04000b00 "

static const struct row odd_link_rows[] = {
    {"802.11", 105, WLAN("0801") SNAP4 SYN4, TCP, SYN_TEXT, "to the access point"},
    {"802.11 from", 105, WLAN("0802") SNAP6 SYN6, TCP, SYN6_TEXT, "from the access point"},
    {"802.11 four addresses", 105, WLAN("0803") "020000000004" SNAP4 SYN4, TCP, SYN_TEXT, "a bridge"},
    {"802.11 QoS", 105, WLAN("8801") "0000" SNAP4 SYN4, TCP, SYN_TEXT, "two bytes more"},
    {"802.11 QoS, four addresses", 105, WLAN("8803") "020000000004 0000" SNAP4 SYN4, TCP, SYN_TEXT, "both"},
    {"802.11 HT control", 105, WLAN("8881") "0000 00000000" SNAP4 SYN4, TCP, SYN_TEXT, "the order bit"},
    {"802.11 aggregate", 105, WLAN("8801") "8000" SNAP4 SYN4, TCA_OUTCOME_not_ip, NULL, "several packets"},
    {"802.11 aggregate, four addresses", 105, WLAN("8803") "020000000004 8000" SNAP4 SYN4, TCA_OUTCOME_not_ip,
     NULL, "several packets"},
    {"802.11 null, not empty", 105, WLAN("4801") SNAP4 SYN4, TCA_OUTCOME_not_ip, NULL, "it says no data"},
    {"802.11 beacon", 105, WLAN("8000") SNAP4 SYN4, TCA_OUTCOME_not_ip, NULL, "management"},
    {"802.11 ACK", 105, "d400 0000 020000000002", TCA_OUTCOME_not_ip, NULL, "control"},
    {"802.11 null", 105, WLAN("4801"), TCA_OUTCOME_not_ip, NULL, "a data frame without data"},
    {"802.11 protected", 105, WLAN("0841") "0102032001020304" SYN4, TCA_OUTCOME_not_ip, NULL, "encrypted"},
    {"802.11 deciphered", 105, WLAN("0841") SNAP4 SYN4, TCP, SYN_TEXT, "by the driver, the flag left"},
    {"802.11 fragment", 105, "0801 0000 020000000002 020000000001 020000000003 1100" SNAP4 SYN4,
     TCA_OUTCOME_not_ip, NULL, "a later part of a frame"},
    {"802.11 short", 105, "0801 0000 0200", TCA_OUTCOME_short_link, NULL, "cut"},
    {"802.11 nothing", 105, "08", TCA_OUTCOME_short_link, NULL, "cut"},
    {"radiotap", 127, RADIOTAP WLAN("0801") SNAP4 SYN4, TCP, SYN_TEXT, "no field"},
    {"radiotap fcs", 127, "0000 0900 02000000 10" WLAN("0801") SNAP4 IP4("0000", "06") DATA4 "deadbeef", TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 PA seq=16 ack=32 win=256 len=4 offload",
     "the frame's length, less its checksum"},
    {"radiotap without fcs", 127, "0000 0900 02000000 00" WLAN("0801") SNAP4 IP4("0000", "06") DATA4, TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 PA seq=16 ack=32 win=256 len=4 offload", "there is none"},
    {"radiotap pad", 127, "0000 0900 02000000 20" WLAN("8801") "0000 0000" SNAP4 SYN4, TCP, SYN_TEXT,
     "26 bytes of header, two of padding"},
    {"radiotap pad, none needed", 127, "0000 0900 02000000 20" WLAN("0801") SNAP4 SYN4, TCP, SYN_TEXT,
     "24 bytes of header"},
    {"radiotap, flags missing", 127, "0000 0800 02000000" WLAN("1801") SNAP4 IP4("0000", "06") DATA4, TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 PA seq=16 ack=32 win=256 len=4 offload",
     "the header ends before them; what follows looks like some"},
    {"radiotap clock", 127, "0000 1100 03000000 0102030405060708 20" WLAN("8801") "0000 0000" SNAP4 SYN4, TCP,
     SYN_TEXT, "the flags come second"},
    {"radiotap words", 127,
     "0000 1900 03000080 00000000 00000000 0102030405060708 20" WLAN("8801") "0000 0000" SNAP4 SYN4, TCP,
     SYN_TEXT, "a second word, and the clock aligned"},
    {"radiotap no flags", 127, "0000 0900 04000000 20" WLAN("8801") "0000" SNAP4 SYN4, TCP, SYN_TEXT,
     "the rate"},
    {"radiotap endless", 127, "0000 0800 ffffffff" WLAN("0801") SNAP4 SYN4, TCP, SYN_TEXT,
     "words that the header has no room for"},
    {"radiotap version", 127, "0100 0800 00000000" WLAN("0801") SNAP4 SYN4, TCA_OUTCOME_not_ip, NULL, "1"},
    {"radiotap length", 127, "0000 0700 00000000" WLAN("0801") SNAP4 SYN4, TCA_OUTCOME_not_ip, NULL,
     "below 8"},
    {"radiotap short", 127, "0000 0900 02000000", TCA_OUTCOME_short_link, NULL, "cut"},
    {"avs", 163, "80211001 0000000c 00000000" WLAN("0801") SNAP4 SYN4, TCP, SYN_TEXT,
     "its length, big-endian"},
    {"avs short", 163, "80211001 0000", TCA_OUTCOME_short_link, NULL, "cut"},
    {"avs length", 163, "80211001 00000004" WLAN("0801") SNAP4 SYN4, TCA_OUTCOME_not_ip, NULL,
     "within itself"},
    {"prism", 119, "44000000 18000000 00000000000000000000000000000000" WLAN("0801") SNAP4 SYN4, TCP,
     SYN_TEXT, "little-endian"},
    {"prism, big", 119, "00000044 00000018 00000000000000000000000000000000" WLAN("0801") SNAP4 SYN4, TCP,
     SYN_TEXT, "big-endian"},
    {"prism length", 119, "44000000 08000000" WLAN("0801") SNAP4 SYN4, TCA_OUTCOME_not_ip, NULL,
     "less than its own"},
    {"prism, avs", 119, "80211001 0000000c 00000000" WLAN("0801") SNAP4 SYN4, TCP, SYN_TEXT,
     "as some drivers do"},
    {"ppi", 192, "0000 0c00 69000000 02000000" WLAN("0801") SNAP4 SYN4, TCP, SYN_TEXT, "802.11 follows"},
    {"ppi ethernet", 192, "0000 0800 01000000" ETH4 SYN4, TCP, SYN_TEXT, "Ethernet follows"},
    {"ppi ppi", 192, "0000 0800 c0000000" ETH4 SYN4, TCA_OUTCOME_not_ip, NULL, "not in itself"},
    {"ppi in ppi", 192, "0000 0800 c0000000 0000 0800 01000000" ETH4 SYN4, TCA_OUTCOME_not_ip, NULL,
     "not in itself, though it could be read"},
    {"ppi length", 192, "0000 0000 01000000 00000000 0800" SYN4, TCA_OUTCOME_not_ip, NULL, "below 8"},
    {"ppi unknown", 192, "0000 0800 93000000" ETH4 SYN4, TCA_OUTCOME_not_ip, NULL, "nothing known follows"},
    {"ppi short", 192, "0000 0c00 69000000 02", TCA_OUTCOME_short_link, NULL, "cut"},
    {"nflog", 239, "0200 0005" NFLOG_HEAD "2c00 0900" SYN4, TCP, SYN_TEXT, "little-endian"},
    {"nflog big", 239, "0a00 0005 0008 0001 86dd0300 0040 0009" SYN6, TCP, SYN6_TEXT, "big-endian"},
    {"nflog prefix", 239, "0200 0005" NFLOG_HEAD "0600 0a00 61000000 2c00 0900" SYN4, TCP, SYN_TEXT,
     "an attribute that is padded"},
    {"nflog nested", 239, "0200 0005" NFLOG_HEAD "0800 1280 00000000 2c00 0900" SYN4, TCP, SYN_TEXT,
     "a flag in the type"},
    {"nflog cut", 239, "0200 0005" NFLOG_HEAD "e005 0900" IP4("05dc", "06") DATA4, TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 PA seq=16 ack=32 win=256 len=1460 captured=4", "snap length",
     .original = 1516},
    {"nflog giant", 239, "0200 0005" NFLOG_HEAD "3000 0900" IP4("0000", "06") DATA4 "0800 0a00 61000000", TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 PA seq=16 ack=32 win=256 len=4 offload",
     "IP has no length, the attribute has"},
    {"nflog, too many", 239,
     "0200 0005" NFLOG_HEAD NFLOG_FOUR NFLOG_FOUR NFLOG_FOUR NFLOG_FOUR NFLOG_FOUR NFLOG_FOUR NFLOG_FOUR
         NFLOG_FOUR "2c00 0900" SYN4,
     TCA_OUTCOME_not_ip, NULL, "a bound on work"},
    {"nflog arp", 239, "0300 0005" NFLOG_HEAD "2c00 0900" SYN4, TCA_OUTCOME_not_ip, NULL, "another family"},
    {"nflog version", 239, "0201 0005" NFLOG_HEAD "2c00 0900" SYN4, TCA_OUTCOME_not_ip, NULL, "1"},
    {"nflog no packet", 239, "0200 0005" NFLOG_HEAD, TCA_OUTCOME_not_ip, NULL, "none logged"},
    {"nflog length", 239, "0200 0005 0300 0100 08000300 2c00 0900" SYN4, TCA_OUTCOME_not_ip, NULL, "below 4"},
    {"nflog short", 239, "0200 0005 0800 0100 0800", TCA_OUTCOME_short_link, NULL, "cut"},
    {"pppoe link", 51, "11 00 0001 002a 0021" SYN4, TCP, SYN_TEXT, "LINKTYPE_PPP_ETHER"},
    {"cisco hdlc", 104, "0f00 0800" SYN4, TCP, SYN_TEXT, "LINKTYPE_C_HDLC"},
    {"cisco hdlc multicast", 104, "8f00 0800" SYN4, TCP, SYN_TEXT, "the other address"},
    {"cisco hdlc keepalive", 104, "8f00 8035 0000", TCA_OUTCOME_not_ip, NULL, "SLARP"},
    {"cisco hdlc other", 104, "0e00 0800" SYN4, TCA_OUTCOME_not_ip, NULL, "no such address"},
    {"enc", 109, "02000000 00000101 00000000" SYN4, TCP, SYN_TEXT, "LINKTYPE_ENC"},
    {"enc short", 109, "02000000 0000", TCA_OUTCOME_short_link, NULL, "cut"},
};

/* ---- IP ---- */

#define EXT(next, len)      next " " len " 000000000000 "
#define FRAG6(next, offset) next " 00 " offset " 00000001 "

static const struct row ip_rows[] = {
    {"padding", 1, ETH4 SYN4 PAD6, TCP, SYN_TEXT, "Ethernet pads to 60 bytes; the length is IP's"},
    {"data", 1, ETH4 IP4("002c", "06") DATA4, TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 PA seq=16 ack=32 win=256 len=4", "payload by IP length"},
    {"data padded", 1, ETH4 IP4("002c", "06") DATA4 PAD6, TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 PA seq=16 ack=32 win=256 len=4", "padding is no payload"},
    {"snap length 54", 1, ETH4 IP4("05dc", "06") PORTS "00000010 00000020 5010 0100 0000 0000", TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 A seq=16 ack=32 win=256 len=1460 captured=0", "header only",
     .original = 1514},
    {"snap length 58", 1, ETH4 IP4("05dc", "06") DATA4, TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 PA seq=16 ack=32 win=256 len=1460 captured=4", "part of the payload",
     .original = 1514},
    {"longer than frame", 1, ETH4 IP4("0100", "06") SYN, TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 S seq=4294967294 ack=0 win=8192 len=216 captured=0", "IP is believed"},
    {"options", 1, ETH4 IP4_FULL("46", "002c", "4000", "06") "01010101" SYN, TCP, SYN_TEXT, "IPv4 options"},
    {"options cut", 1, ETH4 IP4_FULL("4f", "0064", "4000", "06") "01010101", TCA_OUTCOME_short_ip, NULL,
     "cut"},
    {"version", 1, ETH4 IP4_FULL("55", "0028", "4000", "06") SYN, TCA_OUTCOME_bad_ip, NULL, "not 4"},
    {"header length", 1, ETH4 IP4_FULL("44", "0028", "4000", "06") SYN, TCA_OUTCOME_bad_ip, NULL,
     "below 5 words"},
    {"total length", 1, ETH4 IP4("0013", "06") SYN, TCA_OUTCOME_bad_ip, NULL, "below the header length"},
    {"short", 1, ETH4 "4500", TCA_OUTCOME_short_ip, NULL, "cut"},
    {"nothing", 1, ETH4, TCA_OUTCOME_short_ip, NULL, "cut after the EtherType"},
    {"udp", 1, ETH4 IP4("001c", "11") "03e8003500080000", TCA_OUTCOME_not_tcp, NULL, "UDP"},
    {"first fragment", 1, ETH4 IP4_FULL("45", "002c", "2000", "06") DATA4, TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 PA seq=16 ack=32 win=256 len=4", "it has the ports; never verified"},
    {"later fragment", 1, ETH4 IP4_FULL("45", "002c", "2003", "06") DATA4, TCA_OUTCOME_fragment, NULL,
     "no ports"},
    {"last fragment", 1, ETH4 IP4_FULL("45", "002c", "0003", "06") DATA4, TCA_OUTCOME_fragment, NULL,
     "no ports"},
    {"udp fragment", 1, ETH4 IP4_FULL("45", "002c", "0003", "11") DATA4, TCA_OUTCOME_not_tcp, NULL,
     "not TCP anyhow"},
    {"tunnel fragment", 1, ETH4 IP4_FULL("45", "002c", "0003", "04") DATA4, TCA_OUTCOME_fragment, NULL,
     "may have been TCP"},
    {"icmp fragment", 1, ETH4 IP4_FULL("45", "002c", "0003", "01") DATA4, TCA_OUTCOME_not_tcp, NULL,
     "no quotation"},
    {"tiny fragment", 1, ETH4 IP4_FULL("45", "001c", "2000", "06") PORTS "00000001", TCA_OUTCOME_fragment,
     NULL, "RFC 1858: the flags are in the next one"},
    {"tiny options", 1, ETH4 IP4_FULL("45", "0028", "2000", "06") SYN_WITH("60"), TCA_OUTCOME_fragment, NULL,
     "the options are in the next one"},
    {"offload", 1, ETH4 IP4("0000", "06") DATA4, TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 PA seq=16 ack=32 win=256 len=4 offload", "total length 0: by the frame"},
    {"offload cut", 1, ETH4 IP4("0000", "06") DATA4, TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 PA seq=16 ack=32 win=256 len=70000 captured=4 offload",
     "by the original length", .original = 70054},
    {"offload absurd", 1, ETH4 IP4("0000", "06") DATA4, TCA_OUTCOME_bad_ip, NULL, "no card takes 3 GB",
     .original = 3000000000u},
    {"offload in tunnel", 1, ETH4 IP4("0000", "04") IP4("002c", "06") DATA4, TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 PA seq=16 ack=32 win=256 len=4 ipip", "the inner header has a length"},
    {"ah", 1, ETH4 IP4("0040", "33") "06040000 00000001 00000001 000000000000000000000000" SYN, TCP, SYN_TEXT,
     "authenticated, not encrypted"},
    {"esp", 1, ETH4 IP4("0040", "32") "00000001", TCA_OUTCOME_not_tcp, NULL, "encrypted"},
    {"v6 hop-by-hop", 1, ETH6 IP6("001c", "00") EXT("06", "00") SYN, TCP, SYN6_TEXT, "extension"},
    {"v6 chain", 1,
     ETH6 IP6("0050", "00") EXT("3c", "00") EXT("2b", "00") EXT("2c", "00")
         FRAG6("33", "0000") "3c0100000000000100000001 " EXT("87", "00") EXT("06", "00") SYN,
     TCP, SYN6_TEXT, "hop-by-hop, options, routing, atomic fragment, AH, options, mobility"},
    {"v6 long extension", 1, ETH6 IP6("002c", "3c") "06 02 00000000000000000000000000000000000000000000" SYN,
     TCP, SYN6_TEXT, "length in units of eight bytes"},
    {"v6 first fragment", 1, ETH6 IP6("0020", "2c") FRAG6("06", "0001") DATA4, TCP,
     "6 2001:db8::1:1000>2001:db8::2:80 PA seq=16 ack=32 win=256 len=4", "offset 0, more to come"},
    {"v6 later fragment", 1, ETH6 IP6("0020", "2c") FRAG6("06", "0008") DATA4, TCA_OUTCOME_fragment, NULL,
     "no ports"},
    {"v6 udp fragment", 1, ETH6 IP6("0020", "2c") FRAG6("11", "0008") DATA4, TCA_OUTCOME_not_tcp, NULL,
     "not TCP"},
    {"v6 no next header", 1, ETH6 IP6("0000", "3b"), TCA_OUTCOME_not_tcp, NULL, "RFC 8200 section 4.7"},
    {"v6 offload", 1, ETH6 IP6("0000", "06") DATA4, TCP,
     "6 2001:db8::1:1000>2001:db8::2:80 PA seq=16 ack=32 win=256 len=4 offload", "payload length 0"},
    {"v6 jumbo", 1, ETH6 IP6("0000", "00") "0600c20400015fac" DATA4, TCP,
     "6 2001:db8::1:1000>2001:db8::2:80 PA seq=16 ack=32 win=256 len=90000 captured=4 offload",
     "RFC 2675; the option says how long", .original = 90082},
    {"v6 jumbo absurd", 1, ETH6 IP6("0000", "00") "0600c204ffffffff" DATA4, TCA_OUTCOME_bad_ip, NULL,
     "4 GB in one packet"},
    {"v6 jumbo small", 1, ETH6 IP6("0000", "00") "0600c20400000004" DATA4, TCA_OUTCOME_bad_ip, NULL,
     "less than its own header"},
    {"v6 jumbo cut", 1, ETH6 IP6("0000", "00") "06000100c2040000" SYN, TCP, SYN6_TEXT " offload",
     "the option ends beyond its header"},
    {"v6 jumbo ignored", 1, ETH6 IP6("001c", "00") "0600c20400015fac" SYN, TCP, SYN6_TEXT,
     "only with payload length 0"},
    {"v6 short", 1, ETH6 "60000000 0014 06", TCA_OUTCOME_short_ip, NULL, "cut"},
    {"v6 short extension", 1, ETH6 IP6("001c", "00") "06", TCA_OUTCOME_short_ip, NULL, "cut"},
    {"v6 short fragment", 1, ETH6 IP6("001c", "2c") "06000000", TCA_OUTCOME_short_ip, NULL, "cut"},
    {"v6 extension beyond packet", 1, ETH6 IP6("0008", "00") EXT("06", "01") SYN, TCA_OUTCOME_short_ip, NULL,
     "the payload length ends first"},
    {"v6 version", 1, ETH6 "70000000 0014 06 3f" A6 B6 SYN, TCA_OUTCOME_bad_ip, NULL, "not 6"},
    {"v4 with v6 extension", 1, ETH4 IP4("0030", "00") EXT("06", "00") SYN, TCA_OUTCOME_not_tcp, NULL,
     "hop-by-hop options exist in IPv6 only"},
};

/* ---- TCP ---- */

static const struct row tcp_rows[] = {
    {"short", 1, ETH4 IP4("0028", "06") PORTS "fffffffe", TCA_OUTCOME_short_tcp, NULL, "cut", .original = 54},
    {"no room", 1, ETH4 IP4("0027", "06") SYN, TCA_OUTCOME_bad_tcp, SYN_TEXT " stub unmeasured",
     "IP leaves 19 bytes"},
    {"window", 1, ETH4 IP4("0028", "06") PORTS "00000001 00000002 5010 0100", TCA_OUTCOME_short_tcp,
     "4 10.0.0.1:1000>10.0.0.2:80 A seq=1 ack=2 win=256 len=0 stub", "cut behind the window", .original = 54},
    {"window cut", 1, ETH4 IP4("0028", "06") PORTS "00000001 00000002 5010 01", TCA_OUTCOME_short_tcp, NULL,
     "cut inside the window", .original = 54},
    {"stub with payload", 1, ETH4 IP4("002c", "06") PORTS "00000001 00000002 5010 0100",
     TCA_OUTCOME_short_tcp, "4 10.0.0.1:1000>10.0.0.2:80 A seq=1 ack=2 win=256 len=4 captured=0 stub",
     "the packet was whole", .original = 58},
    {"stub of a short frame", 1, ETH4 IP4("002c", "06") PORTS "00000001 00000002 5010 0100",
     TCA_OUTCOME_short_tcp, "4 10.0.0.1:1000>10.0.0.2:80 A seq=1 ack=2 win=256 len=0 stub unmeasured",
     "the frame ended there"},
    {"offset 4", 1, ETH4 IP4("0028", "06") SYN_WITH("40"), TCA_OUTCOME_bad_tcp,
     "4 10.0.0.1:1000>10.0.0.2:80 S seq=4294967294 ack=0 win=8192 len=4 captured=0 stub bad-offset",
     "below the fixed header"},
    {"offset beyond", 1, ETH4 IP4("0028", "06") SYN_WITH("60") "01010101", TCA_OUTCOME_bad_tcp,
     SYN_TEXT " stub unmeasured", "the IP packet ends first"},
    {"all flags", 1, ETH4 IP4("0028", "06") PORTS "00000001 00000002 51ff ffff 0000 ffff", TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 FSRPAUECN seq=1 ack=2 win=65535 len=0", "nine flag bits"},
    {"reserved bits", 1, ETH4 IP4("0028", "06") PORTS "00000001 00000002 5e00 0001 0000 0000", TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 - seq=1 ack=2 win=1 len=0", "reserved bits are no flags"},
    {"linux syn", 1, ETH4 IP4("003c", "06") SYN_WITH("a0") "020405b4 0402 080a 00000001 00000000 01 030307",
     TCP, SYN_TEXT " opt=2;4;8;1;3 mss=1460 ws=7 sackok ts=1/0", "the usual order"},
    {"fast open, 18 bytes", 1,
     ETH4 IP4("003c", "06") SYN_WITH("a0") "2214 0102030405060708090a0b0c0d0e0f101112", TCP,
     SYN_TEXT " opt=34 opt-malformed", "a cookie has 16 at most"},
    {"sack", 1, ETH4 IP4("003c", "06") SYN_WITH("a0") "0101 0512 00000001 00000010 fffffff0 00000005", TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 S seq=4294967294 ack=0 win=8192 len=0 opt=1;1;5 sack=1-16 "
     "sack=4294967280-5",
     "two blocks"},
    {"sack four", 1,
     ETH4 IP4("004c", "06")
         SYN_WITH("e0") "0101 0522 00000001 00000002 00000003 00000004 00000005 00000006 00000007 00000008",
     TCP, SYN_TEXT " opt=1;1;5 sack=1-2 sack=3-4 sack=5-6 sack=7-8", "as many as fit"},
    {"sack odd", 1, ETH4 IP4("0034", "06") SYN_WITH("80") "050a 00000001 00000002 0101", TCP,
     SYN_TEXT " opt=5;1;1 sack=1-2", "one block"},
    {"sack bad size", 1, ETH4 IP4("0034", "06") SYN_WITH("80") "0509 00000001 000000 01 0402", TCP,
     SYN_TEXT " opt=5;1;4 opt-malformed sackok", "no whole block: passed over"},
    {"tfo request", 1, ETH4 IP4("002c", "06") SYN_WITH("60") "2202 0101", TCP, SYN_TEXT " opt=34;1;1 tfo=0",
     "empty"},
    {"tfo cookie", 1, ETH4 IP4("0034", "06") SYN_WITH("80") "220a 0102030405060708 0101", TCP,
     SYN_TEXT " opt=34;1;1 tfo=8", "eight bytes"},
    {"tfo odd", 1, ETH4 IP4("0030", "06") SYN_WITH("70") "2207 0102030405 01", TCP,
     SYN_TEXT " opt=34;1 opt-malformed", "RFC 7413: an even number of bytes"},
    {"tfo experimental", 1, ETH4 IP4("0034", "06") SYN_WITH("80") "fe0c f989 0102030405060708", TCP,
     SYN_TEXT " opt=254 tfo=8", "kind 254 with its magic"},
    {"tfo experimental request", 1, ETH4 IP4("002c", "06") SYN_WITH("60") "fe04 f989", TCP,
     SYN_TEXT " opt=254 tfo=0", "kind 254, empty"},
    {"other experiment", 1, ETH4 IP4("002c", "06") SYN_WITH("60") "fe04 1234", TCP, SYN_TEXT " opt=254",
     "not ours to judge"},
    {"mptcp", 1, ETH4 IP4("0030", "06") SYN_WITH("70") "1e04 0181 01010101", TCP,
     SYN_TEXT " opt=30;1;1;1;1 mptcp", "multipath capable"},
    {"accecn 172", 1, ETH4 IP4("002c", "06") SYN_WITH("60") "ac02 0101", TCP, SYN_TEXT " opt=172;1;1 accecn",
     "empty"},
    {"accecn 174", 1, ETH4 IP4("0034", "06") SYN_WITH("80") "ae0b 000001 000002 000003 01", TCP,
     SYN_TEXT " opt=174;1 accecn", "three counters"},
    {"end of list", 1, ETH4 IP4("002c", "06") SYN_WITH("60") "00 ffffff", TCP, SYN_TEXT " opt=0",
     "what follows is padding"},
    {"unknown kind", 1, ETH4 IP4("0030", "06") SYN_WITH("70") "fd04 0000 020405b4", TCP,
     SYN_TEXT " opt=253;2 mss=1460", "passed over by its length"},
    {"length 0", 1, ETH4 IP4("0030", "06") SYN_WITH("70") "020405b4 0300 0000", TCP,
     SYN_TEXT " opt=2 opt-malformed mss=1460", "no loop without end; what came before stays"},
    {"length 1", 1, ETH4 IP4("002c", "06") SYN_WITH("60") "08010101", TCP, SYN_TEXT " opt-malformed",
     "below 2"},
    {"length beyond", 1, ETH4 IP4("002c", "06") SYN_WITH("60") "080a0000", TCP, SYN_TEXT " opt-malformed",
     "beyond the header: it is not read from the payload"},
    {"length missing", 1, ETH4 IP4("002c", "06") SYN_WITH("60") "010101 02", TCP,
     SYN_TEXT " opt=1;1;1 opt-malformed", "the header ends after the kind"},
    {"mss size", 1, ETH4 IP4("0030", "06") SYN_WITH("70") "0203 05 030307 0101", TCP,
     SYN_TEXT " opt=2;3;1;1 opt-malformed ws=7", "wrong size: passed over, as in Linux"},
    {"twice", 1, ETH4 IP4("0030", "06") SYN_WITH("70") "020405b4 02040218", TCP, SYN_TEXT " opt=2;2 mss=536",
     "the later one holds, as in Linux"},
    {"forty nops", 1,
     ETH4 IP4("0050", "06")
         SYN_WITH("f0") "01010101010101010101010101010101010101010101010101010101010101010101010101010101",
     TCP, SYN_TEXT " opt=1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1;1", "the list of kinds is bounded"},
    {"options cut at kind", 1, ETH4 IP4("003c", "06") SYN_WITH("a0") "020405b4 04", TCP,
     SYN_TEXT " opt=2 opt-cut mss=1460", "snap length", .original = 74},
    {"options cut inside", 1, ETH4 IP4("003c", "06") SYN_WITH("a0") "020405b4 0402 080a 0000", TCP,
     SYN_TEXT " opt=2;4 opt-cut mss=1460 sackok", "snap length", .original = 74},
    {"options cut between", 1, ETH4 IP4("003c", "06") SYN_WITH("a0") "020405b4", TCP,
     SYN_TEXT " opt=2 opt-cut mss=1460", "snap length", .original = 74},
    {"options all cut", 1, ETH4 IP4("003c", "06") SYN_WITH("a0"), TCP, SYN_TEXT " opt-cut", "snap length 54",
     .original = 74},
    {"options ended before cut", 1, ETH4 IP4("003c", "06") SYN_WITH("a0") "020405b4 00", TCP,
     SYN_TEXT " opt=2;0 mss=1460", "nothing was lost", .original = 74},
};

/* ---- checksums: verified ---- */

static const struct row checksum_rows[] = {
    {"good", 101, IP4("0028", "06") PORTS "00000001 00000000 5002 2000 77a7 0000", TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 S seq=1 ack=0 win=8192 len=0 good", "whole sum"},
    {"good odd", 101, IP4("0029", "06") PORTS "00000001 00000000 5002 2000 16a6 0000 61", TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 S seq=1 ack=0 win=8192 len=1 good", "an odd byte counts as the high one"},
    {"bad", 101, IP4("0028", "06") PORTS "00000001 00000000 5002 2000 77a8 0000", TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 S seq=1 ack=0 win=8192 len=0 bad", "one off"},
    {"zero", 101, IP4("0028", "06") PORTS "00000001 00000000 5002 2000 0000 0000", TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 S seq=1 ack=0 win=8192 len=0 bad",
     "not filled in is not the pseudo-header sum"},
    {"unfinished", 101, IP4("0028", "06") PORTS "00000001 00000000 5002 2000 141d 0000", TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 S seq=1 ack=0 win=8192 len=0 unfinished", "folded pseudo-header sum"},
    {"unfinished payload", 101, IP4("002c", "06") PORTS "00000001 00000000 5002 2000 1421 0000 61626364", TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 S seq=1 ack=0 win=8192 len=4 unfinished", "its length covers the payload"},
    {"padded", 1, ETH4 IP4("0028", "06") PORTS "00000001 00000000 5002 2000 77a7 0000 ffffffffffff", TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 S seq=1 ack=0 win=8192 len=0 good", "padding is not summed"},
    {"cut", 101, IP4("002c", "06") PORTS "00000001 00000000 5002 2000 77a7 0000 6162", TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 S seq=1 ack=0 win=8192 len=4 captured=2", "not all captured",
     .original = 44},
    {"first fragment", 101,
     IP4_FULL("45", "0028", "2000", "06") PORTS "00000001 00000000 5002 2000 77a8 0000", TCP,
     "4 10.0.0.1:1000>10.0.0.2:80 S seq=1 ack=0 win=8192 len=0", "the rest is elsewhere"},
    {"v6 good", 101, IP6("0014", "06") PORTS "00000001 00000000 5002 2000 3035 0000", TCP,
     "6 2001:db8::1:1000>2001:db8::2:80 S seq=1 ack=0 win=8192 len=0 good", "pseudo-header of RFC 8200"},
    {"v6 unfinished", 101, IP6("0014", "06") PORTS "00000001 00000000 5002 2000 5b8f 0000", TCP,
     "6 2001:db8::1:1000>2001:db8::2:80 S seq=1 ack=0 win=8192 len=0 unfinished", "folded pseudo-header sum"},
    {"v6 routing", 101, IP6("001c", "2b") EXT("06", "00") PORTS "00000001 00000000 5002 2000 1234 0000", TCP,
     "6 2001:db8::1:1000>2001:db8::2:80 S seq=1 ack=0 win=8192 len=0", "summed over the final destination"},
};

/* ---- quotations ---- */

#define ICMP6(payload, type, code) IP6(payload, "3a") type " " code " 0000 00000000 "
#define INNER4(total)              "4500 " total " 4321 4000 3f 06 0000 0a000009 0a000008 "
#define QUOTED                     TCA_OUTCOME_tcp_quoted
#define QUOTE_TEXT                 "4 10.0.0.9:1000>10.0.0.8:80 - seq=4294967294 ack=0 win=0 len=0 opt-cut quoted="

static const struct row quote_rows[] = {
    {"unreachable", 1, ETH4 ICMP4("0038", "03", "01") INNER4("003c") PORTS "fffffffe", QUOTED,
     QUOTE_TEXT "3/1 by 10.0.0.1 quote-cut", "eight bytes of TCP, as RFC 792 has it"},
    {"quench", 1, ETH4 ICMP4("0038", "04", "00") INNER4("003c") PORTS "fffffffe", QUOTED,
     QUOTE_TEXT "4/0 by 10.0.0.1 quote-cut", "type 4"},
    {"redirect", 1, ETH4 ICMP4("0038", "05", "01") INNER4("003c") PORTS "fffffffe", QUOTED,
     QUOTE_TEXT "5/1 by 10.0.0.1 quote-cut", "type 5"},
    {"time exceeded", 1, ETH4 ICMP4("0038", "0b", "00") INNER4("003c") PORTS "fffffffe", QUOTED,
     QUOTE_TEXT "11/0 by 10.0.0.1 quote-cut", "type 11"},
    {"parameter problem", 1, ETH4 ICMP4("0038", "0c", "00") INNER4("003c") PORTS "fffffffe", QUOTED,
     QUOTE_TEXT "12/0 by 10.0.0.1 quote-cut", "type 12"},
    {"echo", 1, ETH4 ICMP4("0038", "08", "00") INNER4("003c") PORTS "fffffffe", TCA_OUTCOME_not_tcp, NULL,
     "a ping that holds a packet quotes nothing"},
    {"whole", 1, ETH4 ICMP4("0048", "03", "0d") INNER4("002c") SYN_WITH("60") "020405b4", QUOTED,
     "4 10.0.0.9:1000>10.0.0.8:80 S seq=4294967294 ack=0 win=8192 len=0 opt=2 mss=1460 quoted=3/13 by "
     "10.0.0.1",
     "as Linux quotes: everything"},
    {"frag needed", 1,
     ETH4 ICMP4("0044", "03", "04") INNER4("05dc") PORTS "00000010 00000020 5010 0100 0000 0000", QUOTED,
     "4 10.0.0.9:1000>10.0.0.8:80 A seq=16 ack=32 win=256 len=1460 captured=0 quoted=3/4 by 10.0.0.1",
     "the quoted length is the quoted packet's"},
    {"frag needed, mtu", 1,
     ETH4 IP4("0044", "01") "03 04 0000 beef 0514 " INNER4("05dc") PORTS
     "00000010 00000020 5010 0100 0000 0000",
     QUOTED,
     "4 10.0.0.9:1000>10.0.0.8:80 A seq=16 ack=32 win=256 len=1460 captured=0 quoted=3/4 by 10.0.0.1 "
     "mtu=1300",
     "the low half of the second word"},
    {"unreachable, mtu", 1, ETH4 IP4("0038", "01") "03 01 0000 0000 0514 " INNER4("003c") PORTS "fffffffe",
     QUOTED, QUOTE_TEXT "3/1 by 10.0.0.1 quote-cut", "only that code tells an MTU"},
    {"to the window", 1, ETH4 ICMP4("0040", "03", "03") INNER4("003c") PORTS "fffffffe 00000000 a002 2000",
     QUOTED,
     "4 10.0.0.9:1000>10.0.0.8:80 S seq=4294967294 ack=0 win=8192 len=0 opt-cut quoted=3/3 by 10.0.0.1",
     "sixteen bytes hold the flags"},
    {"padded with zeros", 1,
     ETH4 ICMP4("0048", "03", "03") INNER4("003c") PORTS "fffffffe 00000000 00000000 00000000 00000000",
     QUOTED, QUOTE_TEXT "3/3 by 10.0.0.1 quote-cut", "RFC 4884 pads; no header has data offset 0"},
    {"length spoilt", 1, ETH4 ICMP4("0038", "03", "01") INNER4("0001") PORTS "fffffffe", QUOTED,
     QUOTE_TEXT "3/1 by 10.0.0.1 quote-cut", "some systems quote the length in another form"},
    {"seven bytes", 1, ETH4 ICMP4("0037", "03", "01") INNER4("003c") PORTS "fffffe", TCA_OUTCOME_short_tcp,
     NULL, "no whole sequence number"},
    {"udp", 1,
     ETH4 ICMP4("0038", "03", "03") "4500 003c 4321 4000 3f 11 0000 0a000009 0a000008" PORTS "00000000",
     TCA_OUTCOME_not_tcp, NULL, "quotes UDP"},
    {"fragment", 1,
     ETH4 ICMP4("0038", "0b", "01") "4500 003c 4321 0010 3f 06 0000 0a000009 0a000008" PORTS "00000000",
     TCA_OUTCOME_fragment, NULL, "quotes a later fragment"},
    {"error about error", 1,
     ETH4 ICMP4("0054", "03",
                "01") "4500 0038 4321 4000 3f 01 0000 0a000009 0a000008 0301 0000 00000000" INNER4("003c")
         PORTS "fffffffe",
     TCA_OUTCOME_not_tcp, NULL, "never sent; not followed"},
    {"short icmp", 1, ETH4 IP4("0038", "01") "0301", TCA_OUTCOME_not_tcp, NULL, "nothing quoted"},
    {"short quote", 1, ETH4 ICMP4("0038", "03", "01") "4500", TCA_OUTCOME_short_ip, NULL, "cut"},
    {"v6 unreachable", 1, ETH6 ICMP6("0038", "01", "04") IP6("0028", "06") PORTS "fffffffe", QUOTED,
     "6 2001:db8::1:1000>2001:db8::2:80 - seq=4294967294 ack=0 win=0 len=0 opt-cut quoted=1/4 by 2001:db8::1 "
     "quote-cut",
     "type 1"},
    {"v6 too big", 1,
     ETH6 ICMP6("0044", "02", "00") IP6("05a0", "06") PORTS "00000010 00000020 5010 0100 0000 0000", QUOTED,
     "6 2001:db8::1:1000>2001:db8::2:80 A seq=16 ack=32 win=256 len=1420 captured=0 quoted=2/0 by "
     "2001:db8::1",
     "type 2"},
    {"v6 too big, mtu", 1,
     ETH6 IP6("0044", "3a") "02 00 0000 00000500 " IP6("05a0", "06") PORTS
     "00000010 00000020 5010 0100 0000 0000",
     QUOTED,
     "6 2001:db8::1:1000>2001:db8::2:80 A seq=16 ack=32 win=256 len=1420 captured=0 quoted=2/0 by "
     "2001:db8::1 mtu=1280",
     "all of the second word"},
    {"v6 too big, huge", 1,
     ETH6 IP6("0044", "3a") "02 00 0000 00010500 " IP6("05a0", "06") PORTS
     "00000010 00000020 5010 0100 0000 0000",
     QUOTED,
     "6 2001:db8::1:1000>2001:db8::2:80 A seq=16 ack=32 win=256 len=1420 captured=0 quoted=2/0 by "
     "2001:db8::1",
     "no limit to anything"},
    {"v6 time exceeded", 1, ETH6 ICMP6("0044", "03", "00") IP6("0014", "06") SYN, QUOTED,
     SYN6_TEXT " quoted=3/0 by 2001:db8::1", "type 3"},
    {"v6 parameter", 1, ETH6 ICMP6("0044", "04", "01") IP6("0014", "06") SYN, QUOTED,
     SYN6_TEXT " quoted=4/1 by 2001:db8::1", "type 4"},
    {"v6 neighbour", 1, ETH6 ICMP6("0018", "87", "00") A6, TCA_OUTCOME_not_tcp, NULL, "no error"},
    {"quoted in vlan and tunnel", 1,
     MACS "8100 000a 0800" IP4("004c", "04") ICMP4("0038", "03", "01") INNER4("003c") PORTS "fffffffe",
     QUOTED,
     "4 10.0.0.9:1000>10.0.0.8:80 - seq=4294967294 ack=0 win=0 len=0 opt-cut vlan=10 ipip quoted=3/1 by "
     "10.0.0.1 quote-cut",
     "tags are those around the error"},
};

ROW_TEST(links, check_row, &link_rows[_i], false)
ROW_TEST(encaps, check_row, &encap_rows[_i], false)
ROW_TEST(udps, check_row, &udp_rows[_i], false)
ROW_TEST(odd_links, check_row, &odd_link_rows[_i], false)
ROW_TEST(ips, check_row, &ip_rows[_i], false)
ROW_TEST(tcps, check_row, &tcp_rows[_i], false)
ROW_TEST(checksums, check_row, &checksum_rows[_i], true)
ROW_TEST(quotes, check_row, &quote_rows[_i], false)
/* ---- every length of one good frame ---- */

struct cut_row {
    const char *name;
    const char *hex;
    uint32_t ip_at, tcp_at, payload_at; /* where IP, TCP and payload begin */
};

static const struct cut_row cut_rows[] = {
    {"ethernet 4",
     ETH4 IP4("0040", "06") SYN_WITH("a0") "020405b4 0402 080a 00000001 00000000 01 030307 61626364", 14, 34,
     74},
    {"vlan 6",
     MACS "8100 000a 86dd" IP6("002c", "06")
         SYN_WITH("a0") "020405b4 0402 080a 00000001 00000000 01 030307 61626364",
     18, 58, 98},
};

static enum tca_outcome outcome_at(const struct cut_row *row, uint32_t captured)
{
    if (captured < row->ip_at)
        return TCA_OUTCOME_short_link;
    if (captured < row->tcp_at)
        return TCA_OUTCOME_short_ip;
    return captured < row->tcp_at + 20 ? TCA_OUTCOME_short_tcp : TCA_OUTCOME_tcp;
}

/* The bytes lie at the end of a block of their own, so that a read beyond them is seen by the sanitizer. */
static void check_cut(const struct cut_row *row, const uint8_t *whole, uint32_t captured, uint32_t original)
{
    uint8_t *bytes = malloc(captured ? captured : 1);
    struct tca_record rec = record_of(bytes, captured, original, 1);
    struct tca_segment seg;
    enum tca_outcome outcome;

    ck_assert_ptr_nonnull(bytes);
    memcpy(bytes, whole, captured);
    outcome = tca_decode(&rec, true, &seg);
    ck_assert_msg(outcome == outcome_at(row, captured), "%s at %u: %s", row->name, captured,
                  tca_outcome_name(outcome));
    if (outcome == TCA_OUTCOME_tcp) {
        ck_assert_uint_eq(seg.len, 4);
        ck_assert_uint_eq(seg.captured, captured > row->payload_at ? captured - row->payload_at : 0);
        ck_assert_int_eq(seg.opt.cut, captured < row->payload_at);
        ck_assert_int_eq(seg.opt.malformed, false);
        ck_assert_int_eq(seg.checksum == TCA_CHECKSUM_UNVERIFIED, captured < original);
    }
    free(bytes);
}

START_TEST(cuts)
{
    uint8_t bytes[256];
    uint32_t whole = bytes_of_hex(cut_rows[_i].hex, bytes, sizeof bytes);

    for (uint32_t captured = 0; captured <= whole; captured++)
        check_cut(&cut_rows[_i], bytes, captured, whole);
}
END_TEST

/* Every row of every table, cut at every length, and every byte of it changed: nothing is read out of bounds,
 * and every record has an outcome. */
static void harass(const struct row *row)
{
    uint8_t whole[2048];
    uint32_t len = bytes_of_hex(row->hex, whole, sizeof whole);

    for (uint32_t captured = 0; captured <= len; captured++) {
        uint8_t *bytes = malloc(captured ? captured : 1);
        struct tca_record rec = record_of(bytes, captured, row->original ? row->original : len, row->link);
        struct tca_segment seg;

        ck_assert_ptr_nonnull(bytes);
        memcpy(bytes, whole, captured);
        ck_assert_uint_lt(tca_decode(&rec, true, &seg), TCA_OUTCOME_COUNT);
        for (uint32_t at = captured > 24 ? captured - 24 : 0; at < captured; at++) {
            bytes[at] ^= (uint8_t)(0x11 * (at % 15 + 1));
            ck_assert_uint_lt(tca_decode(&rec, true, &seg), TCA_OUTCOME_COUNT);
        }
        free(bytes);
    }
}

static const struct {
    const struct row *rows;
    int count;
} tables[] = {
    {link_rows, ROWS(link_rows)},         {encap_rows, ROWS(encap_rows)},       {ip_rows, ROWS(ip_rows)},
    {udp_rows, ROWS(udp_rows)},           {odd_link_rows, ROWS(odd_link_rows)}, {tcp_rows, ROWS(tcp_rows)},
    {checksum_rows, ROWS(checksum_rows)}, {quote_rows, ROWS(quote_rows)},
};

START_TEST(harassed)
{
    for (int i = 0; i < tables[_i].count; i++)
        harass(&tables[_i].rows[i]);
}
END_TEST

/* ---- sums ---- */

/* 16 bits at a time, as RFC 1071 has it; in this machine's order, as a sum of larger words is. */
static uint32_t plain_sum(const uint8_t *bytes, uint32_t len)
{
    uint32_t sum = 0;
    for (uint32_t at = 0; at < len; at += 2) {
        uint8_t pair[2] = {bytes[at], at + 1 < len ? bytes[at + 1] : 0};
        uint16_t word;
        memcpy(&word, pair, sizeof word);
        sum += word;
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return sum;
}

/* Both are congruent to the bytes as a number; 0 and 0xffff are the same one. */
static void check_sums(const uint8_t *bytes, uint32_t len)
{
    uint64_t sum = tca_sum_words(bytes, len);
    ck_assert_msg(sum % 0xffff == plain_sum(bytes, len) % 0xffff && !sum == !plain_sum(bytes, len),
                  "%u bytes", len);
}

START_TEST(sums)
{
    enum { LONGEST = 65535 };
    uint8_t *bytes = malloc(LONGEST);
    ck_assert_ptr_nonnull(bytes);
    for (uint32_t at = 0; at < LONGEST; at++)
        bytes[at] = (uint8_t)(at * 167 + at / 251);
    for (uint32_t len = 0; len <= 300; len++)
        for (uint32_t from = 0; from < 9; from++)
            check_sums(bytes + LONGEST - len - from, len);
    check_sums(bytes, LONGEST);
    memset(bytes, 0xff, LONGEST);
    check_sums(bytes, LONGEST);
    memset(bytes, 0, LONGEST);
    check_sums(bytes, LONGEST);
    free(bytes);
}
END_TEST

/* ---- nesting ---- */

START_TEST(deep_vlans)
{
    uint8_t bytes[12 + 64 * 4 + 2 + 40];
    struct tca_segment seg;
    uint32_t at = bytes_of_hex(MACS, bytes, sizeof bytes);

    for (int i = 0; i < _i; i++)
        at += bytes_of_hex("8100 0001", bytes + at, sizeof bytes - at);
    at += bytes_of_hex("0800" SYN4, bytes + at, sizeof bytes - at);
    struct tca_record rec = record_of(bytes, at, at, 1);
    ck_assert_int_eq(tca_decode(&rec, false, &seg), _i <= 29 ? TCA_OUTCOME_tcp : TCA_OUTCOME_too_deep);
}
END_TEST

/* ---- details the one-line description leaves out ---- */

START_TEST(ip_fields)
{
    uint8_t bytes[64];
    uint32_t len = bytes_of_hex(SYN4, bytes, sizeof bytes);
    struct tca_record rec = record_of(bytes, len, len, 101);
    struct tca_segment seg;

    ck_assert_int_eq(tca_decode(&rec, false, &seg), TCA_OUTCOME_tcp);
    ck_assert_uint_eq(seg.ttl, 64);
    ck_assert(seg.has_ip_id && seg.df);
    ck_assert_uint_eq(seg.ip_id, 0x1234);
    ck_assert_uint_eq(tca_segment_end(&seg), 0xffffffff);
    len = bytes_of_hex(SYN6, bytes, sizeof bytes);
    rec = record_of(bytes, len, len, 101);
    ck_assert_int_eq(tca_decode(&rec, false, &seg), TCA_OUTCOME_tcp);
    ck_assert_uint_eq(seg.ttl, 63);
    ck_assert(!seg.has_ip_id && !seg.df);
    ck_assert_uint_eq(seg.ip_id, 0);
}
END_TEST

START_TEST(absent_bytes)
{
    struct tca_record rec = record_of(NULL, 0, 60, 1);
    struct tca_segment seg;

    ck_assert_int_eq(tca_decode(&rec, true, &seg), TCA_OUTCOME_short_link);
}
END_TEST

START_TEST(outcome_names)
{
    for (int i = 0; i < TCA_OUTCOME_COUNT; i++) {
        ck_assert_str_ne(tca_outcome_name((enum tca_outcome)i), "");
        ck_assert_str_ne(tca_outcome_meaning((enum tca_outcome)i), "");
    }
    ck_assert_str_eq(tca_outcome_name(TCA_OUTCOME_tcp), "tcp");
    ck_assert_str_eq(tca_outcome_name(TCA_OUTCOME_COUNT), "unknown");
    ck_assert_str_eq(tca_outcome_meaning((enum tca_outcome) - 1), "");
}
END_TEST

static Suite *decode_suite(void)
{
    Suite *suite = suite_create("decode");
    TCase *details = tcase_create("details");

    add_case(suite, "link types", links, ROWS(link_rows));
    add_case(suite, "encapsulation", encaps, ROWS(encap_rows));
    add_case(suite, "udp tunnels", udps, ROWS(udp_rows));
    add_case(suite, "other link types", odd_links, ROWS(odd_link_rows));
    add_case(suite, "ip", ips, ROWS(ip_rows));
    add_case(suite, "tcp", tcps, ROWS(tcp_rows));
    add_case(suite, "checksums", checksums, ROWS(checksum_rows));
    add_case(suite, "quotations", quotes, ROWS(quote_rows));
    add_case(suite, "every length", cuts, ROWS(cut_rows));
    add_case(suite, "cut and changed", harassed, ROWS(tables));
    add_case(suite, "deep vlans", deep_vlans, 64);
    tcase_add_test(details, sums);
    tcase_add_test(details, ip_fields);
    tcase_add_test(details, absent_bytes);
    tcase_add_test(details, outcome_names);
    suite_add_tcase(suite, details);
    return suite;
}

int main(void)
{
    return run_suite(decode_suite());
}
