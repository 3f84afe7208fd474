/* SPDX-License-Identifier: MIT
 *
 * Packets from the outside in: link header, IP header, then the transport, whose checksum is patched in once
 * the bytes are there. Layouts: RFC 791, 8200, 9293, 792, 4443, the pcap format's link-layer header types; tunnels:
 * RFC 2784, 2890, 7348, 8926, 4380, 3032, 4448, 2516, 3GPP TS 29.281, draft-foschiano-erspan.
 */
#include "frame.h"

#include <string.h>

enum {
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_IPV6 = 0x86dd,
    ETHERTYPE_VLAN = 0x8100,
    ETHERTYPE_MPLS = 0x8847,
    ETHERTYPE_PPPOE = 0x8864,
    ETHERTYPE_BRIDGED = 0x6558,
    ETHERTYPE_ERSPAN = 0x88be,
    ETHERTYPE_ERSPAN3 = 0x22eb,
    PROTO_IPV4 = 4,
    PROTO_UDP = 17,
    PROTO_IPV6 = 41,
    PROTO_GRE = 47,
    PROTO_FRAGMENT = 44,
    PROTO_ICMP4 = 1,
    PROTO_TCP = 6,
    PROTO_ICMP6 = 58,
    ARPHRD_ETHER = 1,
    QUOTE4_MAX = 576 - 28,  /* RFC 1812 section 4.3.2.3: the whole error stays within 576 bytes */
    QUOTE6_MAX = 1280 - 48, /* RFC 4443 section 2.4: within the minimum MTU */
};

void frame_u8(struct tca_buf *out, unsigned value)
{
    tca_buf_char(out, (char)(unsigned char)(value & 0xff));
}

void frame_u16(struct tca_buf *out, unsigned value)
{
    frame_u8(out, value >> 8);
    frame_u8(out, value);
}

void frame_u32(struct tca_buf *out, uint32_t value)
{
    frame_u16(out, value >> 16);
    frame_u16(out, value & 0xffff);
}

static void zeros(struct tca_buf *out, size_t count)
{
    while (count--)
        frame_u8(out, 0);
}

/* ---- link ---- */

/* Locally administered, and telling at sight: ...:0c is the client, ...:05 the server. */
static void mac(struct tca_buf *out, int side)
{
    const uint8_t address[6] = {2, 0, 0, 0, 0, side ? 5 : 12};
    tca_buf_add(out, address, sizeof address);
}

static void ethernet(struct tca_buf *out, const struct frame_link *link, unsigned type)
{
    mac(out, !link->from);
    mac(out, link->from);
    if (link->vlan) {
        frame_u16(out, ETHERTYPE_VLAN);
        frame_u16(out, link->vlan);
    }
    frame_u16(out, type);
}

/* Cooked packet type: 0 for "to us", 4 for "sent by us"; "us" is the host with the tap. */
static unsigned packet_type(const struct frame_link *link)
{
    return (link->from == 0) == link->tap_at_client ? 4 : 0;
}

static void sll(struct tca_buf *out, const struct frame_link *link, unsigned type)
{
    frame_u16(out, packet_type(link));
    frame_u16(out, ARPHRD_ETHER);
    frame_u16(out, 6);
    mac(out, link->from);
    frame_u16(out, 0);
    frame_u16(out, type);
}

static void sll2(struct tca_buf *out, const struct frame_link *link, unsigned type)
{
    frame_u16(out, type);
    frame_u16(out, 0);
    frame_u32(out, 2); /* interface index */
    frame_u16(out, ARPHRD_ETHER);
    frame_u8(out, packet_type(link));
    frame_u8(out, 6);
    mac(out, link->from);
    frame_u16(out, 0);
}

/* Radiotap without fields; a data frame to or from the access point; LLC with SNAP. */
static void radiotap(struct tca_buf *out, const struct frame_link *link, unsigned type)
{
    frame_u32(out, 0x00000800);
    frame_u32(out, 0);
    frame_u16(out, link->from ? 0x0802 : 0x0801);
    frame_u16(out, 0);
    mac(out, !link->from);
    mac(out, link->from);
    mac(out, 1);
    frame_u16(out, 0x1000); /* sequence number */
    frame_u32(out, 0xaaaa0300);
    frame_u16(out, 0);
    frame_u16(out, type);
}

/* A packet header as first attribute, then the payload; in the byte order of a small machine. */
static void nflog(struct tca_buf *out, uint8_t family, size_t count)
{
    frame_u8(out, family == 4 ? 2 : 10);
    frame_u8(out, 0);
    frame_u16(out, 0);
    frame_u32(out, 0x08000100);
    frame_u16(out, family == 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6);
    frame_u16(out, 0x0300);
    frame_u8(out, (unsigned)(count + 4));
    frame_u8(out, (unsigned)(count + 4) >> 8);
    frame_u16(out, 0x0900);
}

static void ppp_number(struct tca_buf *out, unsigned type)
{
    frame_u16(out, type == ETHERTYPE_IPV6 ? 0x0057 : 0x0021);
}

static unsigned family_type(uint8_t family)
{
    return family == 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;
}

static void add_link(struct tca_buf *out, const struct frame_link *link, unsigned type, size_t count)
{
    uint8_t family = type == ETHERTYPE_IPV6 ? 6 : 4;

    switch (link->type) {
    case FRAME_ETHERNET:
        ethernet(out, link, type);
        break;
    case FRAME_SLL:
        sll(out, link, type);
        break;
    case FRAME_SLL2:
        sll2(out, link, type);
        break;
    case FRAME_RADIOTAP:
        radiotap(out, link, type);
        break;
    case FRAME_NFLOG:
        nflog(out, family, count);
        break;
    case FRAME_PPP:
        ppp_number(out, type);
        break;
    case FRAME_NULL:
        frame_u32(out, family == 4 ? 0x02000000 : 0x1c000000);
        break;
    default:
        break;
    }
}

/* ---- checksums, RFC 1071 ---- */

static uint32_t sum_bytes(uint32_t sum, const uint8_t *bytes, size_t count)
{
    for (size_t i = 0; i + 1 < count; i += 2)
        sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
    if (count & 1)
        sum += (uint32_t)bytes[count - 1] << 8;
    return (sum & 0xffff) + (sum >> 16); /* kept small, so that a 64 KiB packet cannot overflow it */
}

static unsigned fold(uint32_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static uint32_t sum_pseudo(const struct frame_ip *ip, unsigned proto, size_t count)
{
    size_t skip = ip->family == 4 ? 12 : 0;
    uint32_t sum = sum_bytes(0, ip->src + skip, 16 - skip);

    sum = sum_bytes(sum, ip->dst + skip, 16 - skip);
    return sum + proto + (uint32_t)count;
}

static void patch_u16(struct tca_buf *out, size_t at, unsigned value)
{
    if (out->failed)
        return;
    out->bytes[at] = (char)(unsigned char)(value >> 8);
    out->bytes[at + 1] = (char)(unsigned char)(value & 0xff);
}

/* The sum of what was appended since `from`, complemented and written at `at`. */
static void finish_checksum(struct tca_buf *out, size_t from, size_t at, uint32_t start)
{
    if (out->failed)
        return;
    uint32_t sum = sum_bytes(start, (const uint8_t *)out->bytes + from, out->used - from);
    patch_u16(out, at, ~fold(sum) & 0xffff);
}

/* ---- IP ---- */

static void ipv4(struct tca_buf *out, const struct frame_ip *ip, unsigned proto, size_t count)
{
    size_t from = out->used;

    frame_u16(out, 0x4500);
    frame_u16(out, (unsigned)(20 + count));
    frame_u16(out, ip->id);
    frame_u16(out, ip->df ? 0x4000 : 0);
    frame_u8(out, ip->ttl);
    frame_u8(out, proto);
    frame_u16(out, 0);
    tca_buf_add(out, ip->src + 12, 4);
    tca_buf_add(out, ip->dst + 12, 4);
    finish_checksum(out, from, from + 10, 0);
}

static void ipv6(struct tca_buf *out, const struct frame_ip *ip, unsigned proto, size_t count)
{
    frame_u32(out, 0x60000000);
    frame_u16(out, (unsigned)count);
    frame_u8(out, proto);
    frame_u8(out, ip->ttl);
    tca_buf_add(out, ip->src, 16);
    tca_buf_add(out, ip->dst, 16);
}

static void ip_header(struct tca_buf *out, const struct frame_ip *ip, unsigned proto, size_t count)
{
    if (ip->family == 4)
        ipv4(out, ip, proto, count);
    else
        ipv6(out, ip, proto, count);
}

/* ---- fragments ---- */

/* IPv6's own header is all that is repeated: these packets have no extension headers. */
static void fragment6(struct tca_buf *out, const uint8_t *packet, size_t at, size_t count, bool more,
                      uint32_t id)
{
    size_t from = out->used;

    tca_buf_add(out, packet, 40);
    patch_u16(out, from + 4, (unsigned)(8 + count));
    if (!out->failed)
        out->bytes[from + 6] = PROTO_FRAGMENT;
    frame_u8(out, packet[6]);
    frame_u8(out, 0);
    frame_u16(out, (unsigned)at | more);
    frame_u32(out, id);
}

static void fragment4(struct tca_buf *out, const uint8_t *packet, size_t at, size_t count, bool more)
{
    size_t from = out->used;

    tca_buf_add(out, packet, 20);
    patch_u16(out, from + 2, (unsigned)(20 + count));
    patch_u16(out, from + 6, (unsigned)(at / 8) | (more ? 0x2000 : 0));
    patch_u16(out, from + 10, 0);
    finish_checksum(out, from, from + 10, 0);
}

bool frame_add_fragment(struct tca_buf *out, const struct tca_buf *packet, size_t room, size_t index,
                        uint32_t id)
{
    const uint8_t *bytes = (const uint8_t *)packet->bytes;
    bool v4 = packet->used && bytes[0] >> 4 == 4;
    size_t header = v4 ? 20 : 40, at = index * room;

    if (packet->failed || header + at >= packet->used)
        return false;
    size_t left = packet->used - header - at, count = left < room ? left : room;
    if (v4)
        fragment4(out, bytes, at, count, count < left);
    else
        fragment6(out, bytes, at, count, count < left, id);
    tca_buf_add(out, bytes + header + at, count);
    return true;
}

/* ---- tunnels ---- */

static void outer_ip(struct tca_buf *out, const struct frame_link *link, unsigned proto, size_t count)
{
    struct frame_ip ip = {.src = {[12] = 192, 0, 2, link->from ? 2 : 1},
                          .dst = {[12] = 192, 0, 2, link->from ? 1 : 2},
                          .family = 4,
                          .ttl = 64,
                          .id = (uint16_t)(count + proto),
                          .df = true};
    ipv4(out, &ip, proto, count);
}

static void outer_udp(struct tca_buf *out, const struct frame_link *link, unsigned port, size_t count)
{
    outer_ip(out, link, PROTO_UDP, 8 + count);
    frame_u16(out, port == 2152 || port == 3544 ? port : 49152);
    frame_u16(out, port);
    frame_u16(out, (unsigned)(8 + count));
    frame_u16(out, 0);
}

static void gre(struct tca_buf *out, const struct frame_link *link, unsigned type, size_t count)
{
    uint32_t key = link->tunnel.id;

    outer_ip(out, link, PROTO_GRE, (key ? 8 : 4) + count);
    frame_u16(out, key ? 0x2000 : 0);
    frame_u16(out, type);
    if (key)
        frame_u32(out, key);
}

/* GRE with a sequence number, then the session's header. */
static void erspan(struct tca_buf *out, const struct frame_link *link, bool three, size_t count)
{
    outer_ip(out, link, PROTO_GRE, (three ? 20 : 16) + count);
    frame_u16(out, 0x1000);
    frame_u16(out, three ? ETHERTYPE_ERSPAN3 : ETHERTYPE_ERSPAN);
    frame_u32(out, 1);
    frame_u16(out, three ? 0x2001 : 0x1001);
    frame_u16(out, link->tunnel.id & 0x3ff);
    frame_u32(out, 0);
    if (three)
        frame_u32(out, 0);
}

/* Tunnels by what they carry: the packet itself, or an Ethernet frame around it. Returns the EtherType of what was
 * added. */
static unsigned around_packet(struct tca_buf *out, const struct frame_link *link, unsigned type, size_t count)
{
    uint32_t id = link->tunnel.id;

    switch (link->tunnel.kind) {
    case FRAME_GTPU:
        outer_udp(out, link, 2152, 8 + count);
        frame_u16(out, 0x30ff);
        frame_u16(out, (unsigned)count);
        frame_u32(out, id);
        return ETHERTYPE_IPV4;
    case FRAME_GRE:
        gre(out, link, type, count);
        return ETHERTYPE_IPV4;
    case FRAME_IPIP:
        outer_ip(out, link, type == ETHERTYPE_IPV4 ? PROTO_IPV4 : PROTO_IPV6, count);
        return ETHERTYPE_IPV4;
    case FRAME_TEREDO:
        outer_udp(out, link, 3544, count);
        return ETHERTYPE_IPV4;
    case FRAME_MPLS:
        frame_u32(out, id << 12 | 0x1ff);
        return ETHERTYPE_MPLS;
    case FRAME_PPPOE:
        frame_u16(out, 0x1100);
        frame_u16(out, id);
        frame_u16(out, (unsigned)(2 + count));
        ppp_number(out, type);
        return ETHERTYPE_PPPOE;
    default:
        return type;
    }
}

/* The same for `count` bytes of Ethernet. */
static unsigned around_ethernet(struct tca_buf *out, const struct frame_link *link, size_t count)
{
    uint32_t id = link->tunnel.id;

    switch (link->tunnel.kind) {
    case FRAME_VXLAN:
        outer_udp(out, link, 4789, 8 + count);
        frame_u32(out, 0x08000000);
        frame_u32(out, id << 8);
        return ETHERTYPE_IPV4;
    case FRAME_GENEVE:
        outer_udp(out, link, 6081, 8 + count);
        frame_u32(out, ETHERTYPE_BRIDGED);
        frame_u32(out, id << 8);
        return ETHERTYPE_IPV4;
    case FRAME_GRETAP:
        gre(out, link, ETHERTYPE_BRIDGED, count);
        return ETHERTYPE_IPV4;
    case FRAME_PSEUDOWIRE:
        frame_u32(out, id << 12 | 0x1ff);
        frame_u32(out, 0);
        return ETHERTYPE_MPLS;
    default:
        erspan(out, link, link->tunnel.kind == FRAME_ERSPAN3, count);
        return ETHERTYPE_IPV4;
    }
}

static bool carries_ethernet(enum frame_tunnel_kind kind)
{
    return kind == FRAME_VXLAN || kind == FRAME_GENEVE || kind == FRAME_GRETAP || kind == FRAME_PSEUDOWIRE ||
           kind == FRAME_ERSPAN || kind == FRAME_ERSPAN3;
}

void frame_add(struct tca_buf *out, const struct frame_link *link, uint8_t family, const void *packet,
               size_t count)
{
    struct frame_link inner = {FRAME_ETHERNET, link->from, false, 0, {FRAME_NO_TUNNEL, 0}};
    struct tca_buf around = {0};
    unsigned type = family_type(family);

    if (carries_ethernet(link->tunnel.kind)) {
        unsigned inside = type;
        type = around_ethernet(&around, link, 14 + count);
        ethernet(&around, &inner, inside);
    } else {
        type = around_packet(&around, link, type, count);
    }
    add_link(out, link, type, around.used + count);
    tca_buf_add(out, around.bytes, around.used);
    tca_buf_add(out, packet, count);
    out->failed |= around.failed;
    tca_buf_done(&around);
}

size_t frame_link_bytes(const struct frame_link *link, uint8_t family)
{
    struct tca_buf out = {0};

    frame_add(&out, link, family, NULL, 0);
    size_t bytes = out.used;
    tca_buf_done(&out);
    return bytes;
}

/* ---- TCP, ICMP ---- */

void frame_add_tcp(struct tca_buf *out, const struct frame_tcp *tcp)
{
    size_t header = 20 + tcp->option_bytes, count = header + tcp->len;

    ip_header(out, &tcp->ip, PROTO_TCP, count);
    size_t from = out->used;
    frame_u16(out, tcp->sport);
    frame_u16(out, tcp->dport);
    frame_u32(out, tcp->seq);
    frame_u32(out, tcp->ack);
    frame_u16(out, (unsigned)(header / 4) << 12 | tcp->flags);
    frame_u16(out, tcp->window);
    frame_u16(out, 0);
    frame_u16(out, 0); /* urgent pointer */
    tca_buf_add(out, tcp->options, tcp->option_bytes);
    tca_buf_add(out, tcp->payload, tcp->len);

    uint32_t pseudo = sum_pseudo(&tcp->ip, PROTO_TCP, count);
    switch (tcp->checksum) {
    case FRAME_SUM_UNFINISHED:
        patch_u16(out, from + 16, fold(pseudo));
        break;
    case FRAME_SUM_BAD:
        finish_checksum(out, from, from + 16, pseudo + 1);
        break;
    default:
        finish_checksum(out, from, from + 16, pseudo);
    }
}

void frame_add_icmp(struct tca_buf *out, const struct frame_icmp *icmp)
{
    bool v4 = icmp->ip.family == 4;
    unsigned proto = v4 ? PROTO_ICMP4 : PROTO_ICMP6;
    size_t quote = icmp->quote_bytes, most = v4 ? QUOTE4_MAX : QUOTE6_MAX;

    if (quote > most)
        quote = most;
    ip_header(out, &icmp->ip, proto, 8 + quote);
    size_t from = out->used;
    frame_u8(out, icmp->type);
    frame_u8(out, icmp->code);
    zeros(out, 4); /* checksum, then unused */
    frame_u16(out, icmp->mtu);
    tca_buf_add(out, icmp->quote, quote);
    finish_checksum(out, from, from + 2, v4 ? 0 : sum_pseudo(&icmp->ip, proto, 8 + quote));
}
