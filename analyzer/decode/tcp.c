/* SPDX-License-Identifier: MIT
 *
 * The TCP header (RFC 9293 section 3.1): the end of every walk that succeeds, and the only place besides
 * quick.c that writes a segment.
 */
#include <string.h>

#include "decode/checksum.h"
#include "decode/walk.h"

enum {
    HEADER_LEN = 20,
    QUOTE_LEN_MIN = 8,         /* ports and sequence number: what RFC 792 promises */
    LEN_WINDOW = 16,           /* as far as data offset, flags and window */
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
        seg->checksum = (uint8_t)tca_checksum_of(
            &(struct tca_sum_ends){walk->src, walk->dst, walk->family == 4 ? 4 : 16}, tcp, tcp_len);
    return TCA_OUTCOME_tcp;
}
