/* SPDX-License-Identifier: MIT
 *
 * Link layers, down to the first IP header. Layouts as in the link-layer header types of the pcap format
 * (LINKTYPE_*), IEEE 802.1Q, RFC 3032 (MPLS), RFC 2516 (PPPoE), RFC 1661 and 1662 (PPP).
 */
#include "decode/walk.h"

enum {
    ETHERTYPE_SNAP_MAX = 1500, /* up to here the field is a length, IEEE 802.3 */
    ARPHRD_NETLINK = 824,      /* in cooked captures the protocol field is then no EtherType */
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

static int go_on_by(struct tca_walk *walk, const struct protocol_layer *table, size_t rows, uint16_t protocol)
{
    for (size_t i = 0; i < rows; i++)
        if (table[i].protocol == protocol)
            return walk_on(walk, (enum tca_layer)table[i].layer);
    return walk_not_ip(walk);
}

int tca_walk_ethertype(struct tca_walk *walk, uint16_t type)
{
    return go_on_by(walk, ethertypes, sizeof ethertypes / sizeof *ethertypes, type);
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
        return walk_not_ip(walk);
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
    return go_on_by(walk, ppp_protocols, sizeof ppp_protocols / sizeof *ppp_protocols,
                    protocol[0] & 1 ? protocol[0] : be16(protocol));
}

int tca_step_sll(struct tca_walk *walk)
{
    const uint8_t *header = cursor_take(&walk->cursor, 16);

    if (!header)
        return walk_cut(walk);
    if (be16(header) <= 4)
        walk->direction = header[1];
    if (be16(header + 2) == ARPHRD_NETLINK)
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
    if (be16(header + 8) == ARPHRD_NETLINK)
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
