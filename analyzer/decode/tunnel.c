/* SPDX-License-Identifier: MIT
 *
 * Tunnels that have a header of their own: GRE (RFC 2784, 2890; with 0x6558 also NVGRE, RFC 7637), ERSPAN types I to
 * III (draft-foschiano-erspan), and by UDP port VXLAN (RFC 7348), Geneve (RFC 8926), GTP-U (3GPP TS 29.281) and
 * Teredo (RFC 4380). IP in IP needs none: ip.c.
 *
 * A UDP port proves nothing, since any program may use it. So each step first asks for what every sender sets and
 * leaves clear; whatever of the inner headers does not fit afterwards makes the packet ordinary UDP, too (decode.c).
 */
#include "decode/walk.h"

/* ---- GRE ---- */

enum {
    GRE_CHECKSUM = 0x8000,
    GRE_ROUTING = 0x4000,
    GRE_KEY = 0x2000,
    GRE_SEQUENCE = 0x1000,
    GRE_VERSION = 0x0007,
    ETHERTYPE_ERSPAN = 0x88be,
    ETHERTYPE_ERSPAN_III = 0x22eb,
};

int tca_step_gre(struct tca_walk *walk)
{
    const uint8_t *header = cursor_take(&walk->cursor, 4);
    uint16_t flags, type;

    if (!header)
        return TCA_OUTCOME_short_ip;
    flags = be16(header);
    type = be16(header + 2);
    /* Source routes died with RFC 1701; version 1 is PPTP, whose payload is PPP, as a rule encrypted. */
    if (flags & (GRE_ROUTING | GRE_VERSION))
        return TCA_OUTCOME_not_tcp;
    if (flags & GRE_CHECKSUM && !cursor_take(&walk->cursor, 4))
        return TCA_OUTCOME_short_ip;
    if (flags & GRE_KEY) {
        const uint8_t *key = cursor_take(&walk->cursor, 4);

        if (!key)
            return TCA_OUTCOME_short_ip;
        walk->tags.encap_id = be32(key);
    }
    if (flags & GRE_SEQUENCE && !cursor_take(&walk->cursor, 4))
        return TCA_OUTCOME_short_ip;
    if (type != ETHERTYPE_ERSPAN && type != ETHERTYPE_ERSPAN_III)
        return tca_walk_ethertype(walk, type);
    walk_enter(walk, TCA_ENCAP_ERSPAN, 0);
    return walk_on(walk, flags & GRE_SEQUENCE ? LAYER_ERSPAN : LAYER_ETHERNET);
}

/* A mirrored switch port. Type I has no sequence number in GRE, and no header; type II (version 1) has eight bytes, type
 * III (version 2) twelve, and eight more where its last bit says so. */
int tca_step_erspan(struct tca_walk *walk)
{
    enum { TYPE_II = 1, TYPE_III = 2, FRAME_ETHERNET = 0, FRAME_IP = 2 };
    const uint8_t *header = cursor_take(&walk->cursor, 8), *more;

    if (!header)
        return TCA_OUTCOME_short_ip;
    walk->tags.encap_id = be16(header + 2) & 0x03ff;
    if (header[0] >> 4 == TYPE_II)
        return walk_on(walk, LAYER_ETHERNET);
    if (header[0] >> 4 != TYPE_III)
        return TCA_OUTCOME_not_tcp;
    more = cursor_take(&walk->cursor, 4);
    if (!more || (more[3] & 1 && !cursor_take(&walk->cursor, 8)))
        return TCA_OUTCOME_short_ip;
    switch (more[2] >> 2 & 0x1f) {
    case FRAME_ETHERNET:
        return walk_on(walk, LAYER_ETHERNET);
    case FRAME_IP:
        return walk_on(walk, LAYER_RAW);
    default:
        return TCA_OUTCOME_not_tcp;
    }
}

/* ---- by UDP port ---- */

static const struct {
    uint16_t port;
    uint8_t layer;
} tunnels[] = {
    {4789, LAYER_VXLAN},  {8472, LAYER_VXLAN}, /* Linux's default, from before there was a number */
    {6081, LAYER_GENEVE}, {2152, LAYER_GTPU},  {3544, LAYER_TEREDO},
};

static enum tca_layer tunnel_of_port(uint16_t port)
{
    for (size_t i = 0; i < sizeof tunnels / sizeof *tunnels; i++)
        if (tunnels[i].port == port)
            return (enum tca_layer)tunnels[i].layer;
    return LAYER_COUNT;
}

enum tca_layer tca_layer_of_udp(const uint8_t *ports)
{
    enum tca_layer layer = tunnel_of_port(be16(ports + 2));

    return layer == LAYER_COUNT ? tunnel_of_port(be16(ports)) : layer;
}

/* Its length is 0 in a giant that awaits segmentation, and then IP's counts; one that IP has no room for is a lie. */
int tca_step_udp(struct tca_walk *walk)
{
    const uint8_t *header = cursor_take(&walk->cursor, 8);
    enum tca_layer layer = header ? tca_layer_of_udp(header) : LAYER_COUNT;
    uint32_t len;

    if (layer == LAYER_COUNT)
        return TCA_OUTCOME_not_tcp;
    len = be16(header + 4);
    if (len != 0 && (len < 8 || (len - 8 > walk->cursor.wire && !walk->more_fragments)))
        return TCA_OUTCOME_not_tcp;
    if (len != 0 && !walk->more_fragments)
        cursor_set_wire(&walk->cursor, len - 8);
    walk->guessed = true;
    return walk_on(walk, layer);
}

/* Flags: I says that there is a VNI; of the others only G, a group policy in bytes 2 and 3, is in use. */
int tca_step_vxlan(struct tca_walk *walk)
{
    enum { FLAG_VNI = 0x08, FLAG_GROUP = 0x80 };
    const uint8_t *header = cursor_take(&walk->cursor, 8);

    if (!header)
        return TCA_OUTCOME_short_ip;
    if (!(header[0] & FLAG_VNI) || header[0] & ~(FLAG_VNI | FLAG_GROUP))
        return TCA_OUTCOME_not_tcp;
    walk_enter(walk, TCA_ENCAP_VXLAN, be32(header + 4) >> 8);
    return walk_on(walk, LAYER_ETHERNET);
}

int tca_step_geneve(struct tca_walk *walk)
{
    const uint8_t *header = cursor_take(&walk->cursor, 8);

    if (!header)
        return TCA_OUTCOME_short_ip;
    if (header[0] & 0xc0 || header[1] & 0x3f || header[7] != 0) /* version, reserved */
        return TCA_OUTCOME_not_tcp;
    walk_enter(walk, TCA_ENCAP_GENEVE, be32(header + 4) >> 8);
    if (!cursor_take(&walk->cursor, (header[0] & 0x3fu) * 4))
        return TCA_OUTCOME_short_ip;
    return tca_walk_ethertype(walk, be16(header + 2));
}

/* Extension headers, each of 4 * (its first byte) bytes, the last of which names the next; 0 ends them. */
static int skip_gtpu_extensions(struct tca_walk *walk, uint8_t type)
{
    enum { EXTENSIONS_MAX = 8 };

    for (int i = 0; type != 0; i++) {
        const uint8_t *header = cursor_peek(&walk->cursor, 1);
        uint32_t len = header ? header[0] * 4u : 0;

        if (header && (len == 0 || i == EXTENSIONS_MAX))
            return TCA_OUTCOME_not_tcp;
        if (!header || !cursor_take(&walk->cursor, len))
            return TCA_OUTCOME_short_ip;
        type = header[len - 1];
    }
    return walk_on(walk, LAYER_RAW);
}

int tca_step_gtpu(struct tca_walk *walk)
{
    enum { VERSION_1 = 0x30, RESERVED = 0x08, EXTENSION = 0x04, OPTIONAL = 0x07, USER_DATA = 255 };
    const uint8_t *header = cursor_take(&walk->cursor, 8), *optional;

    if (!header)
        return TCA_OUTCOME_short_ip;
    if ((header[0] & 0xf0) != VERSION_1 || header[0] & RESERVED || header[1] != USER_DATA)
        return TCA_OUTCOME_not_tcp;
    walk_enter(walk, TCA_ENCAP_GTPU, be32(header + 4));
    if (!(header[0] & OPTIONAL)) /* any of its three flags brings all four bytes */
        return walk_on(walk, LAYER_RAW);
    optional = cursor_take(&walk->cursor, 4);
    if (!optional)
        return TCA_OUTCOME_short_ip;
    return skip_gtpu_extensions(walk, header[0] & EXTENSION ? optional[3] : 0);
}

/* IPv6, before which an authentication and the origin of the packet may stand. */
int tca_step_teredo(struct tca_walk *walk)
{
    enum { ORIGIN = 0x0000, AUTHENTICATION = 0x0001 };
    const uint8_t *header = cursor_peek(&walk->cursor, 4);

    walk_enter(walk, TCA_ENCAP_TEREDO, 0);
    if (header && be16(header) == AUTHENTICATION) {
        if (!cursor_take(&walk->cursor, 4u + header[2] + header[3] + 9u)) /* two texts, a nonce, a byte */
            return TCA_OUTCOME_short_ip;
        header = cursor_peek(&walk->cursor, 4);
    }
    if (header && be16(header) == ORIGIN) {
        if (!cursor_take(&walk->cursor, 8))
            return TCA_OUTCOME_short_ip;
        header = cursor_peek(&walk->cursor, 4);
    }
    if (!header)
        return TCA_OUTCOME_short_ip;
    return header[0] >> 4 == 6 ? walk_on(walk, LAYER_IPV6) : TCA_OUTCOME_not_tcp;
}
