/* SPDX-License-Identifier: MIT
 *
 * The TCP header (RFC 9293 section 3.1): the end of every walk that succeeds, and the only place that writes
 * a segment.
 *
 * Checksums. A sending kernel that leaves the checksum to its network card stores the folded, uncomplemented
 * sum of the pseudo-header in the field (Linux __tcp_v4_send_check, and tcp_gro_complete on the way in).
 * Captured before the card, such a segment is "unfinished", not damaged. On veth and loopback nearly all are.
 */
#include <string.h>

#include "decode/walk.h"

enum {
    HEADER_LEN = 20,
    QUOTE_LEN_MIN = 8, /* ports and sequence number: what RFC 792 promises */
    LEN_WINDOW = 16,   /* as far as data offset, flags and window */
    IPPROTO_TCP_NUMBER = 6,
    OFFLOAD_LEN_MAX = 1 << 20, /* Linux's GSO_MAX_SIZE is 8 * 65535 */
};

/* IPv4 as ::ffff:a.b.c.d. */
static void store_address(uint8_t ret_address[16], uint8_t family, const uint8_t *bytes)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

    if (family == 6) {
        memcpy(ret_address, bytes, 16);
        return;
    }
    memcpy(ret_address, mapped, sizeof mapped);
    memcpy(ret_address + 12, bytes, 4);
}

/* One's complement sum of the bytes, unfolded, as 16-bit words in host order (RFC 1071: any order gives the
 * same sum, its bytes swapped alike). */
static uint64_t sum_words(const uint8_t *bytes, uint32_t len)
{
    uint64_t sum = 0;
    uint32_t word;
    uint8_t rest[4] = {0};

    for (; len >= 4; bytes += 4, len -= 4) {
        memcpy(&word, bytes, 4);
        sum += word;
    }
    memcpy(rest, bytes, len);
    memcpy(&word, rest, 4);
    return sum + word;
}

static uint16_t fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static uint64_t sum_pseudo_header(const struct tca_walk *walk, uint32_t tcp_len)
{
    uint32_t address_len = walk->family == 4 ? 4 : 16;
    const uint8_t tail[8] = {(uint8_t)(tcp_len >> 24), (uint8_t)(tcp_len >> 16), (uint8_t)(tcp_len >> 8),
                             (uint8_t)tcp_len, [7] = IPPROTO_TCP_NUMBER};

    return sum_words(walk->src, address_len) + sum_words(walk->dst, address_len) +
           sum_words(tail, sizeof tail);
}

/* `tcp` is the whole segment of `len` bytes; the caller has seen that all of it was captured. */
static enum tca_checksum check_sum(const struct tca_walk *walk, const uint8_t *tcp, uint32_t len)
{
    uint64_t pseudo = sum_pseudo_header(walk, len);
    uint16_t field;

    if (fold(pseudo + sum_words(tcp, len)) == 0xffff)
        return TCA_CHECKSUM_GOOD;
    memcpy(&field, tcp + 16, sizeof field);
    return field == fold(pseudo) ? TCA_CHECKSUM_UNFINISHED : TCA_CHECKSUM_BAD;
}

/* Everything below TCP. */
static void begin_segment(const struct tca_walk *walk, struct tca_segment *ret_seg)
{
    *ret_seg = (struct tca_segment){
        .time_ns = walk->rec->time_ns,
        .frame = walk->rec->frame,
        .family = walk->family,
        .ttl = walk->ttl,
        .ip_id = walk->ip_id,
        .has_ip_id = walk->family == 4,
        .df = walk->df,
        .direction = walk->direction,
        .offload = walk->offload,
        .timeless = walk->rec->timeless,
        .left_out = walk->left_out,
        .tags = walk->tags,
    };
    store_address(ret_seg->src, walk->family, walk->src);
    store_address(ret_seg->dst, walk->family, walk->dst);
}

static void store_ports(struct tca_segment *seg, const uint8_t *tcp)
{
    seg->sport = be16(tcp);
    seg->dport = be16(tcp + 2);
    seg->seq = be32(tcp + 4);
}

static void store_control(struct tca_segment *seg, const uint8_t *tcp)
{
    seg->ack = be32(tcp + 8);
    seg->flags = be16(tcp + 12) & 0x01ff;
    seg->window = be16(tcp + 14);
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* What is left of the packet by its own header, and not beyond the frame as it was sent. */
static uint32_t sent_len(const struct tca_walk *walk)
{
    const struct tca_record *rec = walk->rec;
    uint32_t cut = rec->original > rec->captured ? rec->original - rec->captured : 0;

    return smaller(walk->cursor.wire, walk->cursor.left + cut);
}

/* Options and payload after the fixed header; header_len bytes of header were promised and fit the packet. */
static void store_rest(struct tca_walk *walk, struct tca_segment *seg, uint32_t header_len)
{
    struct tca_cursor *cursor = &walk->cursor;
    uint32_t options_len = header_len - HEADER_LEN;
    uint32_t captured = smaller(options_len, cursor->left), sent = sent_len(walk);

    tca_options_parse(cursor->at, captured, options_len, &seg->opt);
    seg->len = cursor->wire - options_len;
    seg->captured = cursor->left - captured;
    seg->hollow = seg->len && sent <= options_len;
    seg->unmeasured = sent < options_len;
}

/* A quotation: good as far as it reaches. Routers that pad short quotations (RFC 4884) leave zeros where the
 * header would go on; a data offset below 5 gives them away. */
static int quoted_tcp(struct tca_walk *walk)
{
    struct tca_segment *seg = walk->ret_seg;
    struct tca_cursor *cursor = &walk->cursor;
    const uint8_t *tcp = cursor_peek(cursor, QUOTE_LEN_MIN);
    uint32_t header_len = 0;

    if (!tcp)
        return TCA_OUTCOME_short_tcp;
    if (cursor->left >= LEN_WINDOW)
        header_len = (tcp[12] >> 4) * 4u;
    begin_segment(walk, seg);
    seg->quoted = true;
    seg->icmp_type = walk->quote.type;
    seg->icmp_code = walk->quote.code;
    seg->icmp_mtu = walk->quote.mtu;
    store_address(seg->icmp_from, walk->quote.from_family, walk->quote.from);
    store_ports(seg, tcp);
    seg->partial = walk->more_fragments;
    seg->no_window = cursor->left < LEN_WINDOW;
    seg->bad_offset = !seg->no_window && header_len < HEADER_LEN;
    seg->quote_cut = header_len < HEADER_LEN;
    seg->vain_flags = seg->bad_offset ? be16(tcp + 12) & 0x01ff : 0;
    seg->opt.cut = header_len != HEADER_LEN;
    if (seg->quote_cut)
        return TCA_OUTCOME_tcp_quoted;

    store_control(seg, tcp);
    if (cursor->wire < header_len)
        return TCA_OUTCOME_tcp_quoted;
    seg->len = cursor->wire - header_len;
    if (cursor_take(cursor, HEADER_LEN))
        store_rest(walk, seg, header_len);
    return TCA_OUTCOME_tcp_quoted;
}

/* A header that makes no segment, as far as the window: programs that count packets by their ports count it. */
static void store_stub(struct tca_walk *walk, const uint8_t *tcp, uint32_t sent)
{
    struct tca_segment *seg = walk->ret_seg;
    uint32_t header_len = (tcp[12] >> 4) * 4u;

    begin_segment(walk, seg);
    store_ports(seg, tcp);
    store_control(seg, tcp);
    seg->stub = true;
    seg->bad_offset = header_len < HEADER_LEN;
    seg->partial = walk->more_fragments;
    seg->len = sent > header_len ? sent - header_len : 0;
    seg->unmeasured = sent < header_len;
}

/* Why there is no whole fixed header: cut from the record, left to the next fragment, or never there. */
static int no_header(struct tca_walk *walk)
{
    const uint8_t *tcp = cursor_peek(&walk->cursor, LEN_WINDOW);

    if (tcp)
        store_stub(walk, tcp, sent_len(walk));
    if (walk->cursor.wire >= HEADER_LEN)
        return TCA_OUTCOME_short_tcp;
    return walk->more_fragments ? TCA_OUTCOME_fragment : TCA_OUTCOME_bad_tcp;
}

int tca_step_tcp(struct tca_walk *walk)
{
    struct tca_cursor *cursor = &walk->cursor;
    struct tca_segment *seg = walk->ret_seg;
    const uint8_t *tcp;
    uint32_t header_len;
    uint32_t tcp_len = cursor->wire;
    bool verify =
        walk->verify_checksums && cursor->left == cursor->wire && !walk->more_fragments && !walk->routed;

    if (walk->quote.inside)
        return quoted_tcp(walk);
    tcp = cursor_take(cursor, HEADER_LEN);
    if (!tcp)
        return no_header(walk);
    header_len = (tcp[12] >> 4) * 4u;
    if (header_len > tcp_len && walk->more_fragments)
        return TCA_OUTCOME_fragment;
    if (header_len < HEADER_LEN || header_len > tcp_len) {
        store_stub(walk, tcp, HEADER_LEN + sent_len(walk)); /* the cursor stands behind the fixed header */
        return TCA_OUTCOME_bad_tcp;
    }
    if (tcp_len > OFFLOAD_LEN_MAX)
        return TCA_OUTCOME_bad_ip;

    begin_segment(walk, seg);
    store_ports(seg, tcp);
    store_control(seg, tcp);
    store_rest(walk, seg, header_len);
    if (verify)
        seg->checksum = (uint8_t)check_sum(walk, tcp, tcp_len);
    return TCA_OUTCOME_tcp;
}
