/* SPDX-License-Identifier: MIT
 *
 * Link layers, down to the first IP header. Layouts as in the link-layer header types of the pcap format
 * (LINKTYPE_*), IEEE 802.1Q, RFC 3032 (MPLS), RFC 4448 (pseudowires), RFC 2516 (PPPoE), RFC 1661 and 1662 (PPP);
 * NFLOG as Linux nfnetlink_log.c writes it.
 */
#include "decode/walk.h"

enum {
    ETHERTYPE_SNAP_MAX = 1500, /* up to here the field is a length, IEEE 802.3 */
};

struct protocol_layer {
    uint16_t protocol;
    uint8_t layer; /* enum tca_layer */
};

static const struct protocol_layer ethertypes[] = {
    {0x0800, LAYER_IPV4},     {0x86dd, LAYER_IPV6}, {0x8100, LAYER_VLAN}, /* 802.1Q */
    {0x88a8, LAYER_VLAN},                                                 /* 802.1ad */
    {0x9100, LAYER_VLAN},                           /* 802.1ad before it was a standard */
    {0x8847, LAYER_MPLS},     {0x8848, LAYER_MPLS}, /* multicast, or upstream-assigned labels */
    {0x8864, LAYER_PPPOE},                          /* session; discovery carries no IP */
    {0x6558, LAYER_ETHERNET},                       /* GRE: transparent Ethernet bridging */
    {0x0004, LAYER_LLC},                            /* Linux cooked: an 802.2 frame */
};

static const struct protocol_layer ppp_protocols[] = {
    {0x0021, LAYER_IPV4},
    {0x0057, LAYER_IPV6},
    {0x0281, LAYER_MPLS},
    {0x0283, LAYER_MPLS},
};

/* LAYER_COUNT: none of the table's. */
static enum tca_layer find(const struct protocol_layer *table, size_t rows, uint16_t protocol)
{
    for (size_t i = 0; i < rows; i++)
        if (table[i].protocol == protocol)
            return (enum tca_layer)table[i].layer;
    return LAYER_COUNT;
}

static int go_on_in(struct tca_walk *walk, enum tca_layer layer)
{
    return layer == LAYER_COUNT ? walk_not_ip(walk) : walk_on(walk, layer);
}

static enum tca_layer layer_of_ethertype(uint16_t type)
{
    return find(ethertypes, sizeof ethertypes / sizeof *ethertypes, type);
}

int tca_walk_ethertype(struct tca_walk *walk, uint16_t type)
{
    return go_on_in(walk, layer_of_ethertype(type));
}

int tca_step_ethernet(struct tca_walk *walk)
{
    const uint8_t *header = cursor_take(&walk->cursor, 14);

    if (!header)
        return walk_cut(walk);
    if (be16(header + 12) <= ETHERTYPE_SNAP_MAX)
        return walk_on(walk, LAYER_LLC);
    return tca_walk_ethertype(walk, be16(header + 12));
}

/* 802.2 LLC: only SNAP, eight bytes, can carry IP. The rest is spanning tree, IS-IS and the like. */
int tca_step_llc(struct tca_walk *walk)
{
    bool room = walk->cursor.wire >= 8;
    const uint8_t *header = cursor_take(&walk->cursor, 8);

    if (!header)
        return room ? walk_cut(walk) : walk_not_ip(walk);
    if (header[0] != 0xaa || header[1] != 0xaa || header[2] != 0x03 || be16(header + 3) != 0)
        return walk_not_ip(walk);
    if (header[5] != 0x00 && header[5] != 0xf8) /* RFC 1042 and IEEE 802.1H encapsulation */
        return walk_not_ip(walk);
    return tca_walk_ethertype(walk, be16(header + 6));
}

int tca_step_vlan(struct tca_walk *walk)
{
    const uint8_t *header = cursor_take(&walk->cursor, 4);
    struct tca_tags *tags = &walk->tags;
    uint16_t id;

    if (!header)
        return walk_cut(walk);
    id = be16(header) & 0x0fff;
    /* Id 0 is a priority tag: it names no VLAN (802.1Q table 9-2). */
    if (id != 0 && tags->vlan_count < sizeof tags->vlan / sizeof *tags->vlan)
        tags->vlan[tags->vlan_count++] = id;
    if (be16(header + 2) <= ETHERTYPE_SNAP_MAX)
        return walk_on(walk, LAYER_LLC);
    return tca_walk_ethertype(walk, be16(header + 2));
}

static bool known_ethertype(uint16_t type)
{
    return layer_of_ethertype(type) != LAYER_COUNT;
}

/* A pseudowire: an Ethernet frame, as a rule behind a control word that begins with sixteen zero bits (RFC 4448
 * section 4.6). A frame without it can begin so as well; where the EtherType stands decides. */
static int pseudowire(struct tca_walk *walk)
{
    const uint8_t *with = cursor_peek(&walk->cursor, 18), *without = cursor_peek(&walk->cursor, 14);

    if (with && be16(with) == 0 && known_ethertype(be16(with + 16)))
        cursor_take(&walk->cursor, 4);
    else if (!without || !known_ethertype(be16(without + 12)))
        return walk_not_ip(walk);
    return walk_on(walk, LAYER_ETHERNET);
}

/* One label. MPLS does not say what it carries: below the last label only the version nibble tells. */
int tca_step_mpls(struct tca_walk *walk)
{
    const uint8_t *label = cursor_take(&walk->cursor, 4);
    const uint8_t *payload;

    if (!label)
        return walk_cut(walk);
    if (!(label[2] & 1))
        return walk_on(walk, LAYER_MPLS);
    payload = cursor_peek(&walk->cursor, 1);
    if (!payload)
        return walk_cut(walk);
    if (payload[0] >> 4 != 4 && payload[0] >> 4 != 6)
        return pseudowire(walk);
    return walk_on(walk, LAYER_RAW);
}

int tca_step_pppoe(struct tca_walk *walk)
{
    const uint8_t *header = cursor_take(&walk->cursor, 6);

    if (!header)
        return walk_cut(walk);
    if (header[0] != 0x11 || header[1] != 0) /* version 1, type 1; code 0 is session data */
        return walk_not_ip(walk);
    return walk_on(walk, LAYER_PPP);
}

/* Address and control (ff 03) may be left out, and the protocol number shrinks to one byte when it is odd. */
int tca_step_ppp(struct tca_walk *walk)
{
    const uint8_t *framing = cursor_peek(&walk->cursor, 2);
    const uint8_t *protocol;

    if (framing && framing[0] == 0xff && framing[1] == 0x03)
        cursor_take(&walk->cursor, 2);
    protocol = cursor_take(&walk->cursor, 1);
    if (!protocol)
        return walk_cut(walk);
    if (!(protocol[0] & 1) && !cursor_take(&walk->cursor, 1))
        return walk_cut(walk);
    return go_on_in(walk, find(ppp_protocols, sizeof ppp_protocols / sizeof *ppp_protocols,
                               protocol[0] & 1 ? protocol[0] : be16(protocol)));
}

/* Address (unicast or multicast), control 0, and an EtherType. */
int tca_step_cisco_hdlc(struct tca_walk *walk)
{
    const uint8_t *header = cursor_take(&walk->cursor, 4);

    if (!header)
        return walk_cut(walk);
    if (header[0] != 0x0f && header[0] != 0x8f)
        return walk_not_ip(walk);
    return tca_walk_ethertype(walk, be16(header + 2));
}

int tca_step_sll(struct tca_walk *walk)
{
    const uint8_t *header = cursor_take(&walk->cursor, 16);

    if (!header)
        return walk_cut(walk);
    if (be16(header) <= 4)
        walk->direction = header[1];
    if (be16(header + 2) == WALK_ARPHRD_NETLINK)
        return walk_not_ip(walk);
    return tca_walk_ethertype(walk, be16(header + 14));
}

int tca_step_sll2(struct tca_walk *walk)
{
    const uint8_t *header = cursor_take(&walk->cursor, 20);

    if (!header)
        return walk_cut(walk);
    if (header[10] <= 4)
        walk->direction = header[10];
    if (be16(header + 8) == WALK_ARPHRD_NETLINK)
        return walk_not_ip(walk);
    return tca_walk_ethertype(walk, be16(header));
}

/* BSD loopback: an address family, in the byte order of the capturing host (NULL) or the network's (LOOP).
 * The numbers are small, so the end that is not zero tells which; AF_INET6 is 10 on Linux, 24 on NetBSD and
 * OpenBSD, 28 on FreeBSD, 30 on macOS. */
int tca_step_loopback(struct tca_walk *walk)
{
    const uint8_t *header = cursor_take(&walk->cursor, 4);
    uint8_t family;

    if (!header)
        return walk_cut(walk);
    if (header[1] != 0 || header[2] != 0 || (header[0] != 0 && header[3] != 0))
        return walk_not_ip(walk);
    family = header[0] | header[3];
    switch (family) {
    case 2:
        return walk_on(walk, LAYER_IPV4);
    case 10:
    case 24:
    case 28:
    case 30:
        return walk_on(walk, LAYER_IPV6);
    default:
        return walk_not_ip(walk);
    }
}

int tca_step_raw(struct tca_walk *walk)
{
    const uint8_t *first = cursor_peek(&walk->cursor, 1);

    if (!first)
        return walk_cut(walk);
    switch (first[0] >> 4) {
    case 4:
        return walk_on(walk, LAYER_IPV4);
    case 6:
        return walk_on(walk, LAYER_IPV6);
    default:
        return TCA_OUTCOME_bad_ip;
    }
}

/* IPsec's inside on BSD: an address family in the host's byte order, SPI, flags. The packet itself says its version. */
int tca_step_enc(struct tca_walk *walk)
{
    return cursor_take(&walk->cursor, 12) ? walk_on(walk, LAYER_RAW) : walk_cut(walk);
}

/* Headers about a packet, little-endian: version 0, flags, their length, the link type of what follows. */
int tca_step_ppi(struct tca_walk *walk)
{
    const uint8_t *header = cursor_peek(&walk->cursor, 8);
    uint32_t len = header ? (uint32_t)header[3] << 8 | header[2] : 0;
    uint32_t link = header ? (uint32_t)header[5] << 8 | header[4] : 0;
    enum tca_layer next = tca_layer_of_link((int)link);

    if (header && (header[0] != 0 || len < 8 || next == LAYER_COUNT || next == LAYER_PPI))
        return walk_not_ip(walk);
    if (!header || !cursor_take(&walk->cursor, len))
        return walk_cut(walk);
    return walk_on(walk, next);
}

/* One netlink attribute: length with these four bytes, type without the flags on top. */
struct attribute {
    uint32_t len, type;
};

static struct attribute read_attribute(const uint8_t *bytes, bool big)
{
    const uint32_t flags = 0xc000; /* nested, in network order */

    if (big)
        return (struct attribute){be16(bytes), be16(bytes + 2) & ~flags};
    return (struct attribute){(uint32_t)bytes[1] << 8 | bytes[0],
                              ((uint32_t)bytes[3] << 8 | bytes[2]) & ~flags};
}

/* What netfilter logged: four bytes, then attributes in the byte order of that host, padded to four bytes. The first is
 * of a type below 256 without flags, so the half that is not zero tells the order. Attribute 9 is the packet. */
int tca_step_nflog(struct tca_walk *walk)
{
    enum { ATTRIBUTES_MAX = 32, PAYLOAD = 9, FAMILY_IPV4 = 2, FAMILY_IPV6 = 10 };
    struct tca_cursor *cursor = &walk->cursor;
    const uint8_t *header = cursor_take(cursor, 4), *first = cursor_peek(cursor, 4), *bytes;

    if (!header)
        return walk_cut(walk);
    if (header[1] != 0 || (header[0] != FAMILY_IPV4 && header[0] != FAMILY_IPV6))
        return walk_not_ip(walk);
    for (int i = 0; i < ATTRIBUTES_MAX && cursor->wire > 0; i++) {
        struct attribute attribute;

        if (!(bytes = cursor_take(cursor, 4)))
            return walk_cut(walk);
        attribute = read_attribute(bytes, first[2] == 0);
        if (attribute.len < 4)
            return walk_not_ip(walk);
        if (attribute.type == PAYLOAD) {
            cursor_set_wire(cursor, attribute.len - 4);
            return walk_on(walk, header[0] == FAMILY_IPV4 ? LAYER_IPV4 : LAYER_IPV6);
        }
        if (!cursor_take(cursor, (attribute.len - 4 + 3) / 4 * 4))
            return walk_cut(walk);
    }
    return walk_not_ip(walk);
}
