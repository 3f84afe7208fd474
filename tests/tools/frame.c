/* SPDX-License-Identifier: MIT
 *
 * Packets from the outside in: link header, IP header, then the transport, whose checksum is patched in once
 * the bytes are there. Layouts: RFC 791, 8200, 9293, 792, 4443, and the pcap format's link-layer header
 * types.
 */
#include "frame.h"

#include <string.h>

enum {
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_IPV6 = 0x86dd,
    ETHERTYPE_VLAN = 0x8100,
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

void frame_add_link(struct tca_buf *out, const struct frame_link *link, uint8_t family)
{
    unsigned type = family == 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6;

    if (link->type == FRAME_ETHERNET)
        ethernet(out, link, type);
    else if (link->type == FRAME_SLL)
        sll(out, link, type);
    else if (link->type == FRAME_SLL2)
        sll2(out, link, type);
}

size_t frame_link_bytes(const struct frame_link *link)
{
    switch (link->type) {
    case FRAME_ETHERNET:
        return link->vlan ? 18 : 14;
    case FRAME_SLL:
        return 16;
    case FRAME_SLL2:
        return 20;
    default:
        return 0;
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
