/* SPDX-License-Identifier: MIT
 *
 * Wireshark's rules (epan/dissectors/packet-tcp.c, 4.0), found by experiment with tshark 4.0.17: what it prints for
 * crafted packets, one rule at a time, then for random ones (tests/peers).
 *
 * A base is the number of a SYN or SYN+ACK; else what the first segment implies for its sender (seq - 1) and, if it
 * bears an ACK, for its receiver (ack - 1). A SYN+ACK with another number ends nothing and replaces the base.
 */
#include "flow/stream.h"

#include "base/apart.h"

#include <stdlib.h>
#include <string.h>

enum { REDIRECT = 5 };

static unsigned flags_of(const struct tca_segment *seg)
{
    return seg->bad_offset ? seg->flags | seg->vain_flags : seg->flags;
}

static bool is_syn(const struct tca_segment *seg)
{
    return (flags_of(seg) & (TCA_SYN | TCA_ACK)) == TCA_SYN;
}

bool tca_stream_sees_quoted(const struct tca_segment *seg)
{
    bool redirect = seg->family == 4 && seg->icmp_type == REDIRECT; /* the quotation is not dissected */
    return !seg->partial && !seg->no_window && !redirect;
}

/* What it adds to the completeness of any stream. A data offset below 5 ends Wireshark's look at the segment. */
static uint8_t bits_of(const struct tca_segment *seg)
{
    if (seg->bad_offset)
        return 0;
    unsigned bits = 0, flags = seg->flags;
    if (flags & TCA_ACK && flags & TCA_SYN)
        bits |= TCA_COMPLETE_SYNACK;
    else if (flags & TCA_ACK)
        bits |= tca_stream_has_payload(seg) ? TCA_COMPLETE_DATA : TCA_COMPLETE_ACK;
    if (flags & TCA_ACK && flags & TCA_FIN)
        bits |= TCA_COMPLETE_FIN;
    if (flags & TCA_RST)
        bits |= TCA_COMPLETE_RST;
    return (uint8_t)bits;
}

/* What it adds as the first one of its tuple; payload with a SYN counts there only. */
static uint8_t fresh_bits(const struct tca_segment *seg)
{
    if (!is_syn(seg) || seg->bad_offset)
        return 0;
    return tca_stream_has_payload(seg) ? TCA_COMPLETE_SYN | TCA_COMPLETE_DATA : TCA_COMPLETE_SYN;
}

/* The base of this side cannot be another one, whatever was before the tuple was forgotten. */
static bool is_firm(const struct tca_piece *piece, int side)
{
    return piece->sure || piece->firm[side];
}

enum tca_stream_step tca_stream_takes(const struct tca_stream *stream, const struct tca_segment *seg,
                                      int side)
{
    if (!is_syn(seg))
        return TCA_STREAM_GOES_ON;
    if (stream->bases.known[side] && stream->bases.number[side] != seg->seq)
        return TCA_STREAM_ENDS;
    return is_firm(&stream->piece, side) ? TCA_STREAM_GOES_ON : TCA_STREAM_TURNS;
}

bool tca_stream_ends_surely(const struct tca_stream *stream, int side)
{
    return is_firm(&stream->piece, side);
}

void tca_stream_begin_piece(struct tca_stream *stream, const struct tca_segment *seg, int side, bool sure)
{
    stream->piece = (struct tca_piece){
        .frame = seg->frame,
        .syn = is_syn(seg),
        .syn_seq = seg->seq,
        .side = (uint8_t)side,
        .fresh = fresh_bits(seg),
        .sure = sure,
    };
}

/* Wireshark reads no numbers of segments of which it cannot tell the length, but whether a SYN begins a stream; and a
 * SYN+ACK replaces a base that is known. */
static bool is_numbered(const struct tca_segment *seg)
{
    return !seg->quoted && !seg->unmeasured;
}

static bool tells_base(const struct tca_segment *seg, bool known)
{
    bool syn = flags_of(seg) & TCA_SYN, ack = flags_of(seg) & TCA_ACK;
    return is_numbered(seg) ? syn || !known : syn && ack && known;
}

static void set_base(struct tca_bases *bases, int side, uint32_t number)
{
    bases->number[side] = number;
    bases->known[side] = true;
}

static void note_bases(struct tca_bases *bases, const struct tca_segment *seg, int side)
{
    if (tells_base(seg, bases->known[side]))
        set_base(bases, side, flags_of(seg) & TCA_SYN ? seg->seq : seg->seq - 1);
    if (is_numbered(seg) && (seg->flags & TCA_ACK) && !bases->known[1 - side])
        set_base(bases, 1 - side, seg->ack - 1);
}

TCA_APART static void note_whole(struct tca_stream *stream, const struct tca_segment *seg, int side)
{
    struct tca_piece *piece = &stream->piece;
    note_bases(&stream->bases, seg, side);
    note_bases(&piece->fresh_bases, seg, side);
    if ((flags_of(seg) & TCA_SYN) && tells_base(seg, true)) {
        set_base(&piece->moved_bases, side, seg->seq);
        piece->firm[side] |= is_numbered(seg);
    }
    piece->bits |= bits_of(seg);
    piece->more = seg->frame != piece->frame;
}

void tca_stream_note(struct tca_stream *stream, const struct tca_segment *seg, int side)
{
#ifdef TCA_CHECK_WAYS
    struct tca_stream before;
    memcpy(&before, stream, sizeof before);
#endif
    if (!tca_stream_note_next(stream, seg)) {
        note_whole(stream, seg, side);
        return;
    }
#ifdef TCA_CHECK_WAYS
    note_whole(&before, seg, side);
    if (memcmp(&before, stream, sizeof before) != 0)
        abort();
#endif
}

/* ---- pieces joined ---- */

static bool begins(const struct tca_past *past, const struct tca_piece *piece)
{
    int side = piece->side;
    return !past->exists || piece->sure ||
           (piece->syn && past->bases.known[side] && past->bases.number[side] != piece->syn_seq);
}

bool tca_past_add(struct tca_past *past, const struct tca_piece *piece)
{
    bool begun = begins(past, piece);
    if (begun) {
        bool again = past->exists;
        uint8_t first = again ? TCA_COMPLETE_SYN : piece->fresh;
        *past = (struct tca_past){.exists = true, .frame = piece->frame, .bits = first};
        past->lone = again ? piece->bits | first : first;
    }
    past->more = !begun || piece->more;
    past->bits |= piece->bits;
    for (int side = 0; side < 2; side++) {
        const struct tca_bases *now = past->bases.known[side] ? &piece->moved_bases : &piece->fresh_bases;
        if (now->known[side])
            set_base(&past->bases, side, now->number[side]);
    }
    return begun;
}

uint8_t tca_past_completeness(const struct tca_past *past)
{
    return past->more ? past->bits : past->lone;
}
