/* SPDX-License-Identifier: MIT
 *
 * IP layers and what lies between them and TCP: IPv4 (RFC 791), IPv6 and its extension headers (RFC 8200,
 * 2675 for jumbograms, 4302 for AH), IP in IP, ICMP errors (RFC 792, 4443).
 *
 * The sender's length decides how much of the record belongs to the packet. Linux leaves it 0 where a segment
 * awaits segmentation by the network card and is beyond 64 KiB; the frame's own length then stands in for it.
 *
 * Inside an ICMP error the same steps walk the quoted packet, more forgiving: the quotation is cut as a rule,
 * and some systems hand back the length field with the byte order or the header length changed.
 */
#include "decode/walk.h"

enum {
    PROTOCOL_HOP_BY_HOP = 0,
    OPTION_PAD1 = 0,
    OPTION_JUMBO = 0xc2,
    IN_V4 = 1,
    IN_V6 = 2,
};

struct protocol_row {
    uint8_t protocol;
    uint8_t families; /* IN_V4 | IN_V6 */
    uint8_t layer;    /* enum tca_layer */
    uint8_t encap_v4; /* enum tca_encap this step adds when inside IPv4, ... */
    uint8_t encap_v6; /* ... inside IPv6 */
};

static const struct protocol_row protocols[] = {
    {6, IN_V4 | IN_V6, LAYER_TCP, 0, 0},
    {1, IN_V4, LAYER_ICMP4, 0, 0},
    {58, IN_V6, LAYER_ICMP6, 0, 0},
    {4, IN_V4 | IN_V6, LAYER_IPV4, TCA_ENCAP_IPIP, TCA_ENCAP_IPIP},
    {41, IN_V4 | IN_V6, LAYER_IPV6, TCA_ENCAP_6IN4, TCA_ENCAP_IPIP},
    {47, IN_V4 | IN_V6, LAYER_GRE, TCA_ENCAP_GRE, TCA_ENCAP_GRE},
    {17, IN_V4 | IN_V6, LAYER_UDP, 0, 0},
    {51, IN_V4 | IN_V6, LAYER_AUTHENTICATION, 0, 0},
    {PROTOCOL_HOP_BY_HOP, IN_V6, LAYER_HOP_BY_HOP, 0, 0},
    {43, IN_V6, LAYER_ROUTING, 0, 0},
    {44, IN_V6, LAYER_FRAGMENT, 0, 0},
    {60, IN_V6, LAYER_EXTENSION, 0, 0},  /* destination options */
    {135, IN_V6, LAYER_EXTENSION, 0, 0}, /* mobility */
    {139, IN_V6, LAYER_EXTENSION, 0, 0}, /* host identity */
    {140, IN_V6, LAYER_EXTENSION, 0, 0}, /* shim6 */
};

static const struct protocol_row *find_protocol(const struct tca_walk *walk, uint8_t protocol)
{
    uint8_t family = walk->family == 4 ? IN_V4 : IN_V6;

    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
        if (protocols[i].protocol == protocol && (protocols[i].families & family))
            return &protocols[i];
    return NULL;
}

/* Go on with what an IP protocol number names. */
static int go_on_by_protocol(struct tca_walk *walk, uint8_t protocol)
{
    const struct protocol_row *row = find_protocol(walk, protocol);
    uint8_t encap;

    if (!row)
        return TCA_OUTCOME_not_tcp;
    encap = walk->family == 4 ? row->encap_v4 : row->encap_v6;
    if (encap != TCA_ENCAP_NONE)
        walk_enter(walk, (enum tca_encap)encap, 0);
    return walk_on(walk, (enum tca_layer)row->layer);
}

/* Is it worth while to put such a datagram together? Of UDP only what its ports call a tunnel: its first fragment begins
 * the entry, later ones join. Errors quote in their first fragment all that is needed. */
static bool wanted(const struct tca_walk *walk, const struct protocol_row *row, struct tca_piece *piece)
{
    const uint8_t *ports;

    if (!walk->fragments || walk->quote.inside || walk->first_of)
        return false;
    if (row->layer == LAYER_ICMP4 || row->layer == LAYER_ICMP6)
        return false;
    if (row->layer != LAYER_UDP)
        return true;
    ports = cursor_peek(&walk->cursor, 4);
    piece->join_only = piece->offset != 0;
    return piece->join_only || (ports && tca_layer_of_udp(ports) != LAYER_COUNT);
}

/* The same for a fragment, whose first one may go on by itself. */
static int go_on_in_piece(struct tca_walk *walk, uint8_t protocol, struct tca_piece piece)
{
    const struct protocol_row *row = find_protocol(walk, protocol);
    enum tca_taken taken = FRAGMENT_NOT_TAKEN;

    if (!row)
        return TCA_OUTCOME_not_tcp;
    if (wanted(walk, row, &piece))
        taken = tca_fragments_take(walk, &piece, &protocol);
    if (taken == FRAGMENT_TAKEN)
        return TCA_OUTCOME_fragment;
    if (taken == FRAGMENT_AGAIN)
        return TCA_OUTCOME_tcp;
    if (taken != FRAGMENT_NOT_TAKEN || piece.offset == 0)
        return go_on_by_protocol(walk, protocol);
    return row->layer == LAYER_ICMP4 || row->layer == LAYER_ICMP6 || row->layer == LAYER_UDP
               ? TCA_OUTCOME_not_tcp
               : TCA_OUTCOME_fragment;
}

/* A new IP header: nothing learnt from an outer one holds any longer. */
static void begin_packet(struct tca_walk *walk, uint8_t family, uint8_t ttl, const uint8_t *src,
                         const uint8_t *dst)
{
    walk->family = family;
    walk->ttl = ttl;
    walk->src = src;
    walk->dst = dst;
    walk->ip_id = 0;
    walk->df = false;
    walk->offload = false;
    walk->more_fragments = false;
    walk->routed = false;
}

/* The IP header said how much follows; or it did not, and the frame decides. In a quotation nothing does:
 * only what is there counts. */
static void set_payload(struct tca_walk *walk, bool given, uint32_t payload)
{
    if (given)
        cursor_set_wire(&walk->cursor, payload);
    else if (walk->quote.inside)
        cursor_set_wire(&walk->cursor, walk->cursor.left);
    else
        walk->offload = true;
}

int tca_step_ipv4(struct tca_walk *walk)
{
    const uint8_t *header = cursor_peek(&walk->cursor, 1);
    uint32_t header_len;
    uint32_t total;
    uint16_t fragment;

    if (header && header[0] >> 4 != 4)
        return TCA_OUTCOME_bad_ip;
    header = cursor_take(&walk->cursor, 20);
    if (!header)
        return TCA_OUTCOME_short_ip;
    header_len = (header[0] & 0x0fu) * 4;
    total = be16(header + 2);
    if (header_len < 20 || (total != 0 && total < header_len && !walk->quote.inside))
        return TCA_OUTCOME_bad_ip;
    if (!cursor_take(&walk->cursor, header_len - 20))
        return TCA_OUTCOME_short_ip;

    begin_packet(walk, 4, header[8], header + 12, header + 16);
    walk->ip_id = be16(header + 4);
    fragment = be16(header + 6);
    walk->df = fragment & 0x4000;
    walk->more_fragments = fragment & 0x2000;
    set_payload(walk, total >= header_len, total - header_len);
    if (fragment & 0x3fff)
        return go_on_in_piece(walk, header[9],
                              (struct tca_piece){.id = walk->ip_id,
                                                 .offset = (fragment & 0x1fff) * 8u,
                                                 .protocol = header[9],
                                                 .more = walk->more_fragments});
    return go_on_by_protocol(walk, header[9]);
}

int tca_step_ipv6(struct tca_walk *walk)
{
    const uint8_t *header = cursor_peek(&walk->cursor, 1);
    uint32_t payload;

    if (header && header[0] >> 4 != 6)
        return TCA_OUTCOME_bad_ip;
    header = cursor_take(&walk->cursor, 40);
    if (!header)
        return TCA_OUTCOME_short_ip;
    begin_packet(walk, 6, header[7], header + 8, header + 24);
    payload = be16(header + 4);
    set_payload(walk, payload != 0, payload);
    return go_on_by_protocol(walk, header[6]);
}

/* Take an extension header whose second byte counts units of `unit` bytes beyond the first `base`. */
static const uint8_t *take_extension(struct tca_walk *walk, uint32_t base, uint32_t unit)
{
    const uint8_t *header = cursor_peek(&walk->cursor, 2);

    return header ? cursor_take(&walk->cursor, base + header[1] * unit) : NULL;
}

int tca_step_extension(struct tca_walk *walk)
{
    const uint8_t *header = take_extension(walk, 8, 8);

    return header ? go_on_by_protocol(walk, header[0]) : TCA_OUTCOME_short_ip;
}

int tca_step_routing(struct tca_walk *walk)
{
    walk->routed = true;
    return tca_step_extension(walk);
}

/* The jumbo payload length in a hop-by-hop header of `len` bytes; 0 without one. */
static uint32_t jumbo_length(const uint8_t *header, uint32_t len)
{
    uint32_t at = 2;

    while (at + 2 <= len) {
        if (header[at] == OPTION_PAD1) {
            at++;
            continue;
        }
        if (header[at] == OPTION_JUMBO && header[at + 1] == 4 && at + 6 <= len)
            return be32(header + at + 2);
        at += 2u + header[at + 1];
    }
    return 0;
}

int tca_step_hop_by_hop(struct tca_walk *walk)
{
    const uint8_t *header = take_extension(walk, 8, 8);
    uint32_t len, jumbo;

    if (!header)
        return TCA_OUTCOME_short_ip;
    len = 8 + header[1] * 8u;
    jumbo = walk->offload ? jumbo_length(header, len) : 0;
    if (jumbo != 0 && jumbo < len)
        return TCA_OUTCOME_bad_ip;
    if (jumbo != 0)
        cursor_set_wire(&walk->cursor, jumbo - len);
    return go_on_by_protocol(walk, header[0]);
}

int tca_step_authentication(struct tca_walk *walk)
{
    const uint8_t *header = take_extension(walk, 8, 4);

    return header ? go_on_by_protocol(walk, header[0]) : TCA_OUTCOME_short_ip;
}

int tca_step_fragment(struct tca_walk *walk)
{
    const uint8_t *header = cursor_take(&walk->cursor, 8);

    if (!header)
        return TCA_OUTCOME_short_ip;
    walk->more_fragments = header[3] & 1;
    if (be16(header + 2) & 0xfff9)
        return go_on_in_piece(walk, header[0],
                              (struct tca_piece){.id = be32(header + 4),
                                                 .offset = be16(header + 2) & 0xfff8,
                                                 .more = walk->more_fragments});
    return go_on_by_protocol(walk, header[0]); /* atomic, RFC 6946 */
}

/* The narrow link's MTU: the low half of the second word, all of it for ICMPv6 (RFC 1191 section 4, RFC 4443
 * section 3.2). What does not fit in 16 bits is no limit to anything. */
static uint16_t next_mtu(const struct tca_walk *walk, const uint8_t *header)
{
    bool four = walk->family == 4;
    if (four ? header[0] != 3 || header[1] != 4 : header[0] != 2)
        return 0;
    return four || !be16(header + 4) ? be16(header + 6) : 0;
}

/* An error quotes the packet that caused it after eight bytes of its own. An error about an error is never
 * sent (RFC 1122 section 3.2.2), so a quoted ICMP packet ends the walk. */
static int quote(struct tca_walk *walk, const uint8_t *header, enum tca_layer quoted)
{
    walk->quote = (struct tca_quotation){.inside = true,
                                         .type = header[0],
                                         .code = header[1],
                                         .from_family = walk->family,
                                         .mtu = next_mtu(walk, header),
                                         .from = walk->src};
    return walk_on(walk, quoted);
}

int tca_step_icmp4(struct tca_walk *walk)
{
    const uint8_t *header = walk->quote.inside ? NULL : cursor_take(&walk->cursor, 8);

    if (!header)
        return TCA_OUTCOME_not_tcp;
    switch (header[0]) {
    case 3:  /* destination unreachable, fragmentation needed */
    case 4:  /* source quench */
    case 5:  /* redirect */
    case 11: /* time exceeded */
    case 12: /* parameter problem */
        return quote(walk, header, LAYER_IPV4);
    default:
        return TCA_OUTCOME_not_tcp;
    }
}

int tca_step_icmp6(struct tca_walk *walk)
{
    const uint8_t *header = walk->quote.inside ? NULL : cursor_take(&walk->cursor, 8);

    if (!header)
        return TCA_OUTCOME_not_tcp;
    switch (header[0]) {
    case 1: /* destination unreachable */
    case 2: /* packet too big */
    case 3: /* time exceeded */
    case 4: /* parameter problem */
        return quote(walk, header, LAYER_IPV6);
    default:
        return TCA_OUTCOME_not_tcp;
    }
}
