/* SPDX-License-Identifier: MIT
 *
 * The short way of most records: one straight function from the link to TCP.
 *
 *     Ethernet, raw IP, Linux cooked v1, v2 --> VLAN tags, at most two --> IPv4 without options, or IPv6 --> TCP
 *
 * Only where nothing is odd: the headers captured whole, their lengths in order and within the frame, no fragment, no
 * tunnel, no extension header. All else is left to the walk, and so is every outcome but a segment. The walk is the
 * meaning: a build with the option check_ways goes both ways, and stops where the two segments differ in a byte.
 */
#include <endian.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/apart.h"
#include "decode/checksum.h"
#include "decode/walk.h"

enum {
    LINK_ETHERNET = 1, /* of capture/link.def, most records by far */
    ETHERTYPE_IPV4 = 0x0800,
    ETHERTYPE_IPV6 = 0x86dd,
    TAGS_MAX = 2,
    IPV4_LEN = 20,
    IPV6_LEN = 40,
    TCP_LEN = 20,
    PROTOCOL_TCP = 6,
    TIMESTAMPS_LEN = 12, /* NOP, NOP, time stamps: what nearly all segments bear that bear options */
    DIRECTION_MAX = 4,   /* of the Linux cooked headers */
    TAG_LEN = 4,
};

/* What comes before IP: a header, and VLAN tags behind it. */
struct link {
    uint32_t len, tags_at; /* with them; where they begin */
    uint16_t type;         /* EtherType of what follows; 0: the walk is to look */
    uint8_t direction;
};
static const struct link no_link = {0};

static struct link link_from(uint32_t len, uint16_t type, uint8_t direction)
{
    return (struct link){len, len, type, direction};
}

static struct link ethernet_link(const uint8_t *bytes, uint32_t captured, uint8_t direction)
{
    return captured < 14 ? no_link : link_from(14, be16(bytes + 12), direction);
}

static struct link raw_link(const uint8_t *bytes, uint32_t captured, uint8_t direction)
{
    uint8_t version = captured ? bytes[0] >> 4 : 0;
    return link_from(0, version == 4 ? ETHERTYPE_IPV4 : version == 6 ? ETHERTYPE_IPV6 : 0, direction);
}

static struct link cooked_link(const uint8_t *bytes, uint32_t captured)
{
    if (captured < 16 || be16(bytes + 2) == WALK_ARPHRD_NETLINK || be16(bytes) > DIRECTION_MAX)
        return no_link;
    return link_from(16, be16(bytes + 14), bytes[1]);
}

static struct link cooked2_link(const uint8_t *bytes, uint32_t captured)
{
    if (captured < 20 || be16(bytes + 8) == WALK_ARPHRD_NETLINK || bytes[10] > DIRECTION_MAX)
        return no_link;
    return link_from(20, be16(bytes), bytes[10]);
}

TCA_APART static struct link other_link(const struct tca_record *rec)
{
    switch (tca_layer_of_link(rec->link)) {
    case LAYER_RAW:
        return raw_link(rec->bytes, rec->captured, walk_direction(rec));
    case LAYER_SLL:
        return cooked_link(rec->bytes, rec->captured);
    case LAYER_SLL2:
        return cooked2_link(rec->bytes, rec->captured);
    default:
        return no_link;
    }
}

static struct link link_of(const struct tca_record *rec)
{
    return rec->link == LINK_ETHERNET ? ethernet_link(rec->bytes, rec->captured, walk_direction(rec))
                                      : other_link(rec);
}

static bool is_tag(uint16_t type)
{
    return type == 0x8100 || type == 0x88a8 || type == 0x9100;
}

static void pass_tags(struct link *link, const struct tca_record *rec)
{
    if (link->type == ETHERTYPE_IPV4)
        return; /* nearly all */
    for (int count = 0; count < TAGS_MAX && is_tag(link->type); count++) {
        bool whole = rec->captured - link->len >= TAG_LEN;
        link->type = whole ? be16(rec->bytes + link->len + 2) : 0;
        link->len += TAG_LEN;
    }
}

/* An IP packet with a segment in it. */
struct packet {
    const uint8_t *ip, *tcp;
    bool four;
    uint32_t tcp_len;  /* by the IP header */
    uint32_t captured; /* of these */
    uint32_t header_len;
};

static bool is_plain_ipv4(const uint8_t *ip, uint32_t left)
{
    return left >= IPV4_LEN + TCP_LEN && ip[0] == 0x45 && ip[9] == PROTOCOL_TCP && !(be16(ip + 6) & 0x3fff);
}

static bool is_plain_ipv6(const uint8_t *ip, uint32_t left)
{
    return left >= IPV6_LEN + TCP_LEN && ip[0] >> 4 == 6 && ip[6] == PROTOCOL_TCP;
}

/* Its lengths: those of the headers fit each other, and the frame as it was sent. */
static bool fits(struct packet *packet, const struct tca_record *rec, uint32_t left)
{
    uint32_t cut = rec->original > rec->captured ? rec->original - rec->captured : 0;
    packet->captured = left < packet->tcp_len ? left : packet->tcp_len;
    if (packet->tcp_len < TCP_LEN || packet->captured + cut < packet->tcp_len)
        return false;
    packet->header_len = (packet->tcp[12] >> 4) * 4u;
    return packet->header_len >= TCP_LEN && packet->header_len <= packet->captured;
}

static bool find_packet(const struct tca_record *rec, const struct link *link, struct packet *ret_packet)
{
    uint32_t left = rec->captured - link->len;
    const uint8_t *ip = rec->bytes + link->len;
    ret_packet->ip = ip;
    if (link->type == ETHERTYPE_IPV4 && is_plain_ipv4(ip, left)) {
        ret_packet->tcp = ip + IPV4_LEN;
        ret_packet->four = true;
        ret_packet->tcp_len = be16(ip + 2) < IPV4_LEN ? 0 : be16(ip + 2) - IPV4_LEN;
        return fits(ret_packet, rec, left - IPV4_LEN);
    }
    if (link->type == ETHERTYPE_IPV6 && is_plain_ipv6(ip, left)) {
        ret_packet->tcp = ip + IPV6_LEN;
        ret_packet->four = false;
        ret_packet->tcp_len = be16(ip + 4);
        return fits(ret_packet, rec, left - IPV6_LEN);
    }
    return false;
}

/* What store_...() may leave out of what every segment has, in parts: of a longer one the compiler makes a single slow
 * instruction. */
static void clear(struct tca_segment *seg)
{
    enum { PORTS_AT = offsetof(struct tca_segment, sport), MANY = 32, FEW = 16 };
    _Static_assert(PORTS_AT + 2 * MANY + FEW == TCA_SEGMENT_HOT, "parts");
    unsigned char *bytes = (unsigned char *)seg + PORTS_AT;
    memset(bytes, 0, MANY);
    memset(bytes + MANY, 0, MANY);
    memset(bytes + 2 * MANY, 0, FEW);
}

/* What stands behind that: in parts as well. */
static void clear_rest(struct tca_segment *seg)
{
    enum { REST = sizeof *seg - TCA_SEGMENT_HOT, MANY = 32, LEFT = REST - 2 * MANY };
    _Static_assert(LEFT > 0 && LEFT <= MANY, "parts");
    unsigned char *bytes = (unsigned char *)seg + TCA_SEGMENT_HOT;
    memset(bytes, 0, MANY);
    memset(bytes + MANY, 0, MANY);
    memset(bytes + 2 * MANY, 0, LEFT);
}

static void store_link(struct tca_segment *seg, const struct tca_record *rec, const struct link *link)
{
    seg->direction = link->direction;
    for (uint32_t at = link->tags_at; at < link->len; at += TAG_LEN) {
        uint16_t id = be16(rec->bytes + at) & 0x0fff;
        if (id)
            seg->tags.vlan[seg->tags.vlan_count++] = id;
    }
}

/* As ::ffff:a.b.c.d, in two words, as whoever reads it will. */
static void store_ipv4(uint8_t addr[16], const uint8_t *ip)
{
    const uint64_t word[2] = {0, htobe64(UINT64_C(0xffff) << 32 | be32(ip))};
    memcpy(addr, word, sizeof word);
}

static void store_ip(struct tca_segment *seg, const struct packet *packet)
{
    const uint8_t *ip = packet->ip;
    if (packet->four) {
        seg->family = 4;
        seg->ttl = ip[8];
        seg->ip_id = be16(ip + 4);
        seg->has_ip_id = true;
        seg->df = be16(ip + 6) & 0x4000;
        store_ipv4(seg->src, ip + 12);
        store_ipv4(seg->dst, ip + 16);
        return;
    }
    seg->family = 6;
    seg->ttl = ip[7];
    memcpy(seg->src, ip + 8, 16);
    memcpy(seg->dst, ip + 24, 16);
}

static bool is_stamps_only(const uint8_t *options, uint32_t len)
{
    return len == TIMESTAMPS_LEN && be32(options) == 0x0101080a; /* NOP, NOP, time stamps of 10 bytes */
}

static void store_stamps(struct tca_segment *seg, const uint8_t *bytes, enum tca_segment_rest rest)
{
    static const uint8_t kinds[] = {TCA_OPTION_NOP, TCA_OPTION_NOP, TCA_OPTION_TS};
    struct tca_options *options = &seg->opt;
    options->order_count = sizeof kinds;
    options->has_ts = true;
    options->tsval = be32(bytes + 4);
    options->tsecr = be32(bytes + 8);
    if (rest == TCA_REST_STAMPS)
        return;
    clear_rest(seg);
    memcpy(options->order, kinds, sizeof kinds);
}

/* And what stands behind them. `rest`: what stands there now. */
static enum tca_segment_rest store_options(struct tca_segment *seg, const uint8_t *bytes, uint32_t len,
                                           enum tca_segment_rest rest)
{
    if (is_stamps_only(bytes, len)) {
        store_stamps(seg, bytes, rest);
        return TCA_REST_STAMPS;
    }
    if (rest != TCA_REST_ZERO)
        clear_rest(seg);
    if (!len)
        return TCA_REST_ZERO;
    tca_options_parse(bytes, len, len, &seg->opt);
    return TCA_REST_ANY;
}

static void store_tcp(struct tca_segment *seg, const struct packet *packet)
{
    const uint8_t *tcp = packet->tcp;
    seg->sport = be16(tcp);
    seg->dport = be16(tcp + 2);
    seg->seq = be32(tcp + 4);
    seg->ack = be32(tcp + 8);
    seg->flags = be16(tcp + 12) & 0x01ff;
    seg->window = be16(tcp + 14);
    seg->len = packet->tcp_len - packet->header_len;
    seg->captured = packet->captured - packet->header_len;
}

static enum tca_checksum checksum_of(const struct packet *packet)
{
    const uint8_t *ip = packet->ip;
    struct tca_sum_ends ends = packet->four ? (struct tca_sum_ends){ip + 12, ip + 16, 4}
                                            : (struct tca_sum_ends){ip + 8, ip + 24, 16};
    return tca_checksum_of(&ends, packet->tcp, packet->tcp_len);
}

static bool decode(const struct tca_record *rec, bool verify_checksums, struct tca_segment *ret_seg,
                   uint8_t *rest)
{
    struct link link = link_of(rec);
    struct packet packet;
    pass_tags(&link, rec);
    if (!link.type || !find_packet(rec, &link, &packet))
        return false;
    clear(ret_seg);
    ret_seg->time_ns = rec->time_ns;
    ret_seg->frame = rec->frame;
    ret_seg->timeless = rec->timeless;
    ret_seg->left_out = rec->left_out;
    store_link(ret_seg, rec, &link);
    store_ip(ret_seg, &packet);
    store_tcp(ret_seg, &packet);
    *rest = (uint8_t)store_options(ret_seg, packet.tcp + TCP_LEN, packet.header_len - TCP_LEN,
                                   (enum tca_segment_rest) * rest);
    if (verify_checksums && packet.captured == packet.tcp_len)
        ret_seg->checksum = (uint8_t)checksum_of(&packet);
    return true;
}

#ifdef TCA_CHECK_WAYS
static void check(struct tca_fragments *fragments, const struct tca_record *rec, bool verify_checksums,
                  const struct tca_segment *seg)
{
    struct tca_segment walked;
    memset(&walked, 0, sizeof walked);
    struct tca_walk walk = walk_begin(fragments, rec, verify_checksums, &walked);
    enum tca_outcome outcome = tca_walk_run(&walk);
    if (outcome != TCA_OUTCOME_tcp || walk.first_of || walk.whole || memcmp(&walked, seg, sizeof walked) != 0)
        abort();
}
#endif

bool tca_decode_quick(struct tca_fragments *fragments, const struct tca_record *rec, bool verify_checksums,
                      struct tca_segment *ret_seg, uint8_t *rest)
{
    bool done = decode(rec, verify_checksums, ret_seg, rest);
#ifdef TCA_CHECK_WAYS
    if (done)
        check(fragments, rec, verify_checksums, ret_seg);
#else
    (void)fragments;
#endif
    return done;
}
