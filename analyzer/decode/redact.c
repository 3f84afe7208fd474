/* SPDX-License-Identifier: MIT
 *
 * Nothing is copied but what is known to be harmless: the copy begins as zeros, and the walk that decodes a record tells where its
 * headers are. Of each of these the fields are copied that decode reads or that tell nothing of anybody, addresses are changed,
 * and the rest, payload above all, stays zero.
 *
 *      record   | Ethernet | IPv4 | options | TCP | options | payload | trailer |
 *      copy     | MACs     | addr | 0 0 0 0 | TCP | known   | 0 0 0 0 | 0 0 0 0 |
 *
 * Checksums are mended from within (RFC 1624): each by the difference that the bytes it covers have made, so that it stays as right
 * or as wrong as it was, whatever was captured of these bytes. One that a card was to finish holds the sum of the pseudo-header, and
 * goes on doing so (checksum.c).
 *
 * The checksum of a datagram in fragments covers what lies in other records. So a fragment keeps the sum of its payload: two bytes of
 * the zeros are set to it.
 */
#include "decode/redact.h"

#include "decode/segment.h"
#include "decode/walk.h"

#include <string.h>

enum { SUMS_MAX = TCA_LAYERS_MAX, MAC = 6, TCP_HEADER = 20 };

/* A checksum that was met. */
struct sum {
    uint32_t field, begin, end; /* where it stands; what it covers, as far as it was captured */
    uint32_t length;            /* of what it covers, as it was sent */
    bool pseudo;                /* it covers addresses and a length as well ... */
    uint8_t protocol, family;   /* ... these */
    uint32_t src, dst;
    bool whole;                   /* all that it covers is there */
    bool zero_is_none, is_quoted; /* UDP's */
};

struct redaction {
    const uint8_t *from;
    uint8_t *to;
    struct tca_anon *anon;
    struct sum sum[SUMS_MAX];
    unsigned sums;
    uint32_t kept_to;                      /* headers reach up to there */
    uint32_t fragment_begin, fragment_end; /* of the payload of a fragment; end 0: it is none */
};

/* What a layer's bytes are. */
struct header {
    enum tca_layer layer;
    uint32_t begin, end;         /* what the step took */
    uint32_t left, wire;         /* from `begin` on, before the step: captured, and sent */
    const struct tca_walk *walk; /* behind the step */
    uint32_t packet_end; /* of what belongs to the packet behind the step, as far as it was captured */
};

/* ---- copying ---- */

static void keep(struct redaction *r, uint32_t begin, uint32_t end)
{
    memcpy(r->to + begin, r->from + begin, end - begin);
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* The first bytes of what the step took. */
static void keep_first(struct redaction *r, const struct header *h, uint32_t count)
{
    keep(r, h->begin, smaller(h->begin + count, h->end));
}

static void change_mac(struct redaction *r, uint32_t at)
{
    tca_anon_mac(r->anon, r->from + at, r->to + at);
}

static void change_ip(struct redaction *r, uint32_t at, int family)
{
    uint8_t addr[16] = {[10] = 0xff, [11] = 0xff};
    size_t length = family == 4 ? 4 : 16;
    memcpy(addr + 16 - length, r->from + at, length);
    tca_anon_address(r->anon, addr, addr);
    memcpy(r->to + at, addr + 16 - length, length);
}

/* ---- link layers ---- */

static void redact_all(struct redaction *r, const struct header *h)
{
    keep(r, h->begin, h->end);
}

static void redact_ethernet(struct redaction *r, const struct header *h)
{
    if (h->end - h->begin < 14)
        return;
    change_mac(r, h->begin);
    change_mac(r, h->begin + MAC);
    keep(r, h->begin + 2 * MAC, h->end);
}

/* A cooked header: eight bytes for an address, and elsewhere how many of them are one. */
static void redact_cooked(struct redaction *r, const struct header *h, uint32_t length_at, uint32_t addr_at,
                          uint32_t size)
{
    if (h->end - h->begin < size)
        return;
    keep(r, h->begin, h->begin + addr_at);
    keep(r, h->begin + addr_at + 8, h->end);
    if (r->from[h->begin + length_at] == MAC)
        change_mac(r, h->begin + addr_at);
}

static void redact_sll(struct redaction *r, const struct header *h)
{
    redact_cooked(r, h, 5, 6, 16);
}

static void redact_sll2(struct redaction *r, const struct header *h)
{
    redact_cooked(r, h, 11, 12, 20);
}

/* Of each attribute its length and type. */
static void redact_nflog(struct redaction *r, const struct header *h)
{
    keep_first(r, h, 4);
    if (h->end - h->begin < 8)
        return;
    bool big = r->from[h->begin + 6] == 0;
    for (uint32_t at = h->begin + 4, length; at + 4 <= h->end; at += (length + 3) / 4 * 4) {
        const uint8_t *bytes = r->from + at;
        length = big ? be16(bytes) : (uint32_t)bytes[1] << 8 | bytes[0];
        keep(r, at, at + 4);
        if (length < 4)
            return;
    }
}

/* What receivers tell of a frame: names of interfaces and places are among it. The length, and the link type that PPI names. */
static void redact_receiver(struct redaction *r, const struct header *h)
{
    keep_first(r, h, 8);
}

static void redact_wlan(struct redaction *r, const struct header *h)
{
    enum { ADDRESSES = 4, SEQUENCE = 22, FOURTH = 24 };
    if (h->end - h->begin < FOURTH)
        return;
    const uint8_t *control = r->from + h->begin;
    bool four = (control[1] & 3) == 3 && h->end - h->begin >= FOURTH + MAC;
    keep(r, h->begin, h->begin + ADDRESSES);
    for (uint32_t at = ADDRESSES; at < SEQUENCE; at += MAC)
        change_mac(r, h->begin + at);
    keep(r, h->begin + SEQUENCE, h->begin + FOURTH);
    if (four)
        change_mac(r, h->begin + FOURTH);
    keep(r, h->begin + FOURTH + (four ? MAC : 0), h->end);
}

/* ---- IP ---- */

/* NULL: it was not captured. */
static struct sum *add_sum(struct redaction *r, const struct header *h, uint32_t field, uint32_t end)
{
    if (r->sums == SUMS_MAX || field + 2 > h->begin + h->left || end < field + 2)
        return NULL;
    r->sum[r->sums] = (struct sum){.field = field, .begin = h->begin, .end = end};
    return &r->sum[r->sums++];
}

static struct sum *add_pseudo(struct redaction *r, const struct header *h, uint32_t field, uint32_t end,
                              uint8_t protocol)
{
    const struct tca_walk *walk = h->walk;
    struct sum *sum = add_sum(r, h, field, end);
    if (!sum)
        return NULL;
    sum->pseudo = true;
    sum->protocol = protocol;
    sum->family = walk->family;
    sum->src = (uint32_t)(walk->src - r->from);
    sum->dst = (uint32_t)(walk->dst - r->from);
    sum->length = h->wire;
    sum->whole = h->left >= h->wire && !walk->more_fragments && !walk->routed;
    sum->is_quoted = walk->quote.inside;
    return sum;
}

/* Behind a header that says so, nothing but a piece of a datagram. */
static void note_fragment(struct redaction *r, const struct header *h, bool is_fragment)
{
    if (!is_fragment || h->walk->quote.inside || r->fragment_end)
        return;
    r->fragment_begin = h->end;
    r->fragment_end = h->packet_end;
}

/* Options are left out: some hold addresses. */
static void redact_ipv4(struct redaction *r, const struct header *h)
{
    if (h->end - h->begin < 20)
        return;
    keep(r, h->begin, h->begin + 12);
    change_ip(r, h->begin + 12, 4);
    change_ip(r, h->begin + 16, 4);
    add_sum(r, h, h->begin + 10, h->end);
    note_fragment(r, h, be16(r->from + h->begin + 6) & 0x3fff);
}

static void redact_ipv6(struct redaction *r, const struct header *h)
{
    if (h->end - h->begin < 40)
        return;
    keep(r, h->begin, h->begin + 8);
    change_ip(r, h->begin + 8, 6);
    change_ip(r, h->begin + 24, 6);
}

/* Which header comes next, and how long this one is; in the place of options zeros, which are padding. */
static void redact_extension(struct redaction *r, const struct header *h)
{
    keep_first(r, h, 2);
}

/* But the length of a giant. */
static void redact_hop_by_hop(struct redaction *r, const struct header *h)
{
    enum { JUMBO = 0xc2, SIZE = 6 };
    keep_first(r, h, 2);
    for (uint32_t at = h->begin + 2; at + 2 <= h->end;) {
        const uint8_t *option = r->from + at;
        if (option[0] == JUMBO && option[1] == 4 && at + SIZE <= h->end)
            keep(r, at, at + SIZE);
        at += option[0] ? 2u + option[1] : 1;
    }
}

static void redact_routing(struct redaction *r, const struct header *h)
{
    keep_first(r, h, 4);
}

static void redact_fragment(struct redaction *r, const struct header *h)
{
    if (h->end - h->begin < 8)
        return;
    keep(r, h->begin, h->end);
    note_fragment(r, h, be16(r->from + h->begin + 2) & 0xfff9);
}

static void redact_authentication(struct redaction *r, const struct header *h)
{
    keep_first(r, h, 12);
}

static void redact_icmp(struct redaction *r, const struct header *h)
{
    enum { REDIRECT = 5, GATEWAY = 4, ICMPV6 = 58 };
    if (h->end - h->begin < 8)
        return;
    keep(r, h->begin, h->begin + 8);
    if (h->layer == LAYER_ICMP6)
        add_pseudo(r, h, h->begin + 2, h->begin + h->left, ICMPV6);
    else
        add_sum(r, h, h->begin + 2, h->begin + h->left);
    if (h->layer == LAYER_ICMP4 && r->from[h->begin] == REDIRECT)
        change_ip(r, h->begin + GATEWAY, 4);
}

/* ---- tunnels ---- */

static void redact_gre(struct redaction *r, const struct header *h)
{
    enum { HAS_CHECKSUM = 0x80 };
    keep(r, h->begin, h->end);
    if (h->end - h->begin >= 8 && r->from[h->begin] & HAS_CHECKSUM)
        add_sum(r, h, h->begin + 4, h->begin + h->left);
}

static void redact_udp(struct redaction *r, const struct header *h)
{
    enum { UDP = 17 };
    if (h->end - h->begin < 8)
        return;
    keep(r, h->begin, h->end);
    if (be16(r->from + h->begin + 6) == 0)
        return;
    struct sum *sum = add_pseudo(r, h, h->begin + 6, h->packet_end, UDP);
    if (sum)
        sum->zero_is_none = true;
}

/* Of GTP-U's extensions how long each is and what comes behind it; of Geneve's options nothing. */
static void redact_gtpu(struct redaction *r, const struct header *h)
{
    keep_first(r, h, 12);
    for (uint32_t at = h->begin + 12, length; at < h->end; at += length) {
        length = r->from[at] * 4u;
        if (!length || at + length > h->end)
            return;
        keep(r, at, at + 1);
        keep(r, at + length - 1, at + length);
    }
}

static void redact_geneve(struct redaction *r, const struct header *h)
{
    keep_first(r, h, 8);
}

/* Lengths of an authentication; the origin is an address. */
static void redact_teredo(struct redaction *r, const struct header *h)
{
    if (h->end - h->begin >= 4 && be16(r->from + h->begin) == 1)
        keep_first(r, h, 4);
}

/* ---- TCP ---- */

/* Of other options kind and length; of multipath's also what it is. */
static void redact_options(struct redaction *r, uint32_t at, uint32_t end)
{
    static const bool harmless[256] = {
        [TCA_OPTION_MSS] = true,     [TCA_OPTION_WSCALE] = true, [TCA_OPTION_SACK_OK] = true,
        [TCA_OPTION_SACK] = true,    [TCA_OPTION_TS] = true,     [TCA_OPTION_ACCECN0] = true,
        [TCA_OPTION_ACCECN1] = true,
    };
    while (at < end) {
        uint8_t kind = r->from[at];
        uint32_t length = kind <= TCA_OPTION_NOP ? 1 : at + 2 <= end ? r->from[at + 1] : 0;
        keep(r, at, smaller(at + 2, at + (length ? length : 1)));
        if (!length || kind == TCA_OPTION_END || (kind > TCA_OPTION_NOP && length < 2))
            return;
        uint32_t told = harmless[kind]                  ? length
                        : kind == TCA_OPTION_MPTCP      ? 3
                        : kind == TCA_OPTION_EXPERIMENT ? 4
                                                        : 2;
        if (kind > TCA_OPTION_NOP)
            keep(r, at, smaller(smaller(at + told, at + length), end));
        at += length;
    }
}

/* Its step looks ahead where it cannot take all of it. */
static void redact_tcp(struct redaction *r, const struct header *h)
{
    enum { TCP = 6, OFFSET = 12, FIELD = 16 };
    uint32_t end = h->begin + h->left;
    uint32_t fixed = smaller(h->begin + TCP_HEADER, end);
    keep(r, h->begin, fixed);
    r->kept_to = fixed;
    if (h->left > OFFSET) {
        uint32_t size = (uint32_t)(r->from[h->begin + OFFSET] >> 4) * 4;
        uint32_t header_end = smaller(h->begin + size, end);
        if (header_end > fixed) {
            redact_options(r, fixed, header_end);
            r->kept_to = header_end;
        }
    }
    add_pseudo(r, h, h->begin + FIELD, end, TCP);
}

/* ---- checksums ---- */

static uint64_t sum_of(const uint8_t *bytes, uint32_t begin, uint32_t end)
{
    uint64_t sum = 0;
    uint32_t at = begin;
    for (; at + 2 <= end; at += 2)
        sum += be16(bytes + at);
    return at < end ? sum + (uint64_t)bytes[at] * 256 : sum;
}

static uint16_t fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static void put16(uint8_t *at, uint16_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

static uint64_t ends_of(const struct sum *s, const uint8_t *bytes)
{
    uint32_t length = s->family == 4 ? 4 : 16;
    return s->pseudo ? sum_of(bytes, s->src, s->src + length) + sum_of(bytes, s->dst, s->dst + length) : 0;
}

/* Left to the card: the field holds the sum of the pseudo-header. */
static bool is_unfinished(const struct sum *s, const uint8_t *bytes)
{
    if (!s->pseudo || s->is_quoted)
        return false;
    uint64_t pseudo = ends_of(s, bytes) + s->protocol + (s->length >> 16) + (s->length & 0xffff);
    bool good = s->whole && fold(pseudo + sum_of(bytes, s->begin, s->end)) == 0xffff;
    return !good && be16(bytes + s->field) == fold(pseudo);
}

static void mend(const struct redaction *r, const struct sum *s)
{
    uint16_t field = be16(r->from + s->field), complement = (uint16_t)~field;
    uint64_t before = ends_of(s, r->from), after = ends_of(s, r->to);
    if (is_unfinished(s, r->from)) {
        put16(r->to + s->field, fold((uint64_t)field + after + (uint16_t)~fold(before)));
        return;
    }
    before += sum_of(r->from, s->begin, s->end) + complement; /* without the field itself: ~x is -x */
    after += sum_of(r->to, s->begin, s->end) + (uint16_t)~be16(r->to + s->field);
    uint16_t mended = (uint16_t)~fold((uint64_t)complement + after + (uint16_t)~fold(before));
    if (s->zero_is_none && !mended)
        mended = 0xffff;
    put16(r->to + s->field, mended);
}

/* What was left out of a fragment's payload adds up to the same. */
static void keep_fragment_sum(const struct redaction *r)
{
    uint32_t begin = r->kept_to > r->fragment_begin ? r->kept_to : r->fragment_begin;
    uint32_t at = begin + (begin - r->fragment_begin) % 2;
    if (begin >= r->fragment_end)
        return;
    if (at + 2 > r->fragment_end) {
        keep(&(struct redaction){.from = r->from, .to = r->to}, begin, r->fragment_end);
        return;
    }
    uint64_t sum = sum_of(r->from, at, r->fragment_end);
    put16(r->to + at, fold(sum + (at > begin ? r->from[begin] : 0)));
}

/* ---- all of it ---- */

static void (*const redacts[LAYER_COUNT])(struct redaction *r, const struct header *h) = {
    [LAYER_LOOPBACK] = redact_all,
    [LAYER_ETHERNET] = redact_ethernet,
    [LAYER_PPP] = redact_all,
    [LAYER_CISCO_HDLC] = redact_all,
    [LAYER_SLL] = redact_sll,
    [LAYER_SLL2] = redact_sll2,
    [LAYER_NFLOG] = redact_nflog,
    [LAYER_ENC] = redact_all,
    [LAYER_PPI] = redact_receiver,
    [LAYER_RADIOTAP] = redact_all,
    [LAYER_PRISM] = redact_receiver,
    [LAYER_AVS] = redact_receiver,
    [LAYER_WLAN] = redact_wlan,
    [LAYER_VLAN] = redact_all,
    [LAYER_LLC] = redact_all,
    [LAYER_MPLS] = redact_all,
    [LAYER_PPPOE] = redact_all,
    [LAYER_IPV4] = redact_ipv4,
    [LAYER_IPV6] = redact_ipv6,
    [LAYER_HOP_BY_HOP] = redact_hop_by_hop,
    [LAYER_EXTENSION] = redact_extension,
    [LAYER_ROUTING] = redact_routing,
    [LAYER_FRAGMENT] = redact_fragment,
    [LAYER_AUTHENTICATION] = redact_authentication,
    [LAYER_GRE] = redact_gre,
    [LAYER_ERSPAN] = redact_all,
    [LAYER_UDP] = redact_udp,
    [LAYER_VXLAN] = redact_all,
    [LAYER_GENEVE] = redact_geneve,
    [LAYER_GTPU] = redact_gtpu,
    [LAYER_TEREDO] = redact_teredo,
    [LAYER_ICMP4] = redact_icmp,
    [LAYER_ICMP6] = redact_icmp,
    [LAYER_TCP] = redact_tcp,
};

/* One step of the walk, and what it stepped over. False: that was the last one. */
static bool redact_layer(struct redaction *r, struct tca_walk *walk)
{
    const struct tca_cursor before = walk->cursor;
    struct header h = {.layer = walk->next,
                       .begin = (uint32_t)(before.at - r->from),
                       .left = before.left,
                       .wire = before.wire,
                       .walk = walk};
    int step = tca_walk_step(walk);
    h.end = (uint32_t)(walk->cursor.at - r->from);
    h.packet_end = h.end + walk->cursor.left;
    if (r->kept_to < h.end)
        r->kept_to = h.end;
    if (redacts[h.layer])
        redacts[h.layer](r, &h);
    return step == STEP_NEXT;
}

void tca_redact(const struct tca_record *rec, struct tca_anon *anon, uint8_t *ret)
{
    struct tca_segment seg;
    struct tca_walk walk = walk_begin(NULL, rec, false, &seg);
    struct redaction r = {.from = rec->bytes, .to = ret, .anon = anon};
    memset(ret, 0, rec->captured);
    walk.next = tca_layer_of_link(rec->link);
    if (walk.next == LAYER_COUNT)
        return;
    for (int layer = 0; layer < TCA_LAYERS_MAX && redact_layer(&r, &walk); layer++)
        ;
    if (r.fragment_end)
        keep_fragment_sum(&r);
    for (unsigned at = r.sums; at > 0; at--)
        mend(&r, &r.sum[at - 1]);
}
