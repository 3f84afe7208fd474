/* SPDX-License-Identifier: MIT
 *
 * A stream: what Wireshark takes for one connection (tcp.stream), and how whole it calls it (tcp.completeness). A tuple
 * has one at a time, and every segment of the tuple belongs to it, in the order of the file, however late it is: a
 * label, never our flow key. A new one begins with a SYN whose number is not that of the SYN known from its side;
 * neither time, nor RST, nor FIN ends one. Streams are numbered by the order of the frames that created them.
 *
 * Wireshark never forgets a tuple; the flow table does. So a stream is told in pieces. A piece begins with the first
 * segment after its tuple was forgotten, and with each SYN of which only that past could say whether it is a new one;
 * pass 2 joins the pieces of a tuple again (tca_past_add), one after the other in the order of the file:
 *
 *     segments -> tca_stream_takes -> begin or go on, tca_stream_note -> pieces -> sorted by tuple -> tca_past_add
 *
 * Checked against tshark 4.0.17, two passes (-2), on random segments: tests/peers.
 */
#ifndef TCA_FLOW_STREAM_H
#define TCA_FLOW_STREAM_H

#include "decode/segment.h"

#include <stddef.h>

/* tcp.completeness. */
enum {
    TCA_COMPLETE_SYN = 1,
    TCA_COMPLETE_SYNACK = 2,
    TCA_COMPLETE_ACK = 4,
    TCA_COMPLETE_DATA = 8,
    TCA_COMPLETE_FIN = 16,
    TCA_COMPLETE_RST = 32,
};

/* Sequence numbers before the first byte, by key side. */
struct tca_bases {
    uint32_t number[2];
    bool known[2];
};

/* Part of a stream, whole in itself: what came before it decides whether it begins one. Sides are those of the key. */
struct tca_piece {
    uint64_t frame;               /* of its first segment; its name */
    struct tca_bases fresh_bases; /* at its end, where none were known before it */
    struct tca_bases moved_bases; /* where all were known: those that are others now */
    uint32_t syn_seq;             /* of the SYN with which it begins */
    bool firm[2];                 /* the base is that of a SYN in it: the same, whatever was before */
    uint8_t side;                 /* that sent the first segment */
    uint8_t fresh; /* completeness that the first segment gives where it is the first one ever of its tuple */
    uint8_t bits;  /* completeness that its segments give anywhere */
    bool syn;      /* begins with a SYN without ACK */
    bool sure;     /* that begins a stream, whatever was before */
    bool more;     /* has more than one segment */
};

struct tca_stream {
    struct tca_piece piece; /* the newest one */
    struct tca_bases bases; /* as its own segments tell them */
    uint32_t users;         /* flows that began in it, the tuple, and segments that still wait; the table's */
    bool told;              /* that piece was told: the next segment begins another; likewise */
    bool earlier;           /* there was one before it, which the owner's payload knows of; likewise */
    _Alignas(16) unsigned char payload[]; /* zeroed when it begins; the table owner's */
};

/* Is this a segment to Wireshark? Not the fragments that never became a datagram, nor a quotation that ends before the
 * window. */
bool tca_stream_sees_quoted(const struct tca_segment *seg);
static inline bool tca_stream_sees(const struct tca_segment *seg)
{
    return seg->quoted ? tca_stream_sees_quoted(seg) : !seg->partial;
}

enum tca_stream_step {
    TCA_STREAM_GOES_ON,
    TCA_STREAM_TURNS, /* a new piece; unless what was before says otherwise the same stream */
    TCA_STREAM_ENDS,  /* another stream begins; unless what was before says otherwise */
};
/* Else it goes on: flags of one with a bad offset stand elsewhere. */
static inline bool tca_stream_may_turn(const struct tca_segment *seg)
{
    return seg->flags & TCA_SYN || seg->bad_offset;
}
/* What becomes of the stream with this segment, sent by `side`? */
enum tca_stream_step tca_stream_takes(const struct tca_stream *stream, const struct tca_segment *seg,
                                      int side);
/* Is it certain that this segment, with which the stream ends, begins another? */
bool tca_stream_ends_surely(const struct tca_stream *stream, int side);
/* A piece begins with this segment, which is to be noted, too. */
void tca_stream_begin_piece(struct tca_stream *stream, const struct tca_segment *seg, int side, bool sure);
/* Note what the segment tells. */
void tca_stream_note(struct tca_stream *stream, const struct tca_segment *seg, int side);
/* Payload counts by the IP header, but not beyond the frame, and never in a quotation. */
static inline bool tca_stream_has_payload(const struct tca_segment *seg)
{
    return (seg->len != 0) & !seg->hollow &
           !seg->quoted; /* no branch: whether it has is not to be foreseen */
}
/* The short way of most segments, here for that: an ACK where all numbers are known adds a bit. False: nothing was done. */
static inline bool tca_stream_note_next(struct tca_stream *stream, const struct tca_segment *seg)
{
    struct tca_piece *piece = &stream->piece;
    bool plain = (seg->flags & (TCA_FIN | TCA_SYN | TCA_RST | TCA_ACK)) == TCA_ACK && !seg->bad_offset;
    bool known = stream->bases.known[0] & stream->bases.known[1] & piece->fresh_bases.known[0] &
                 piece->fresh_bases.known[1];
    if (!plain || !known)
        return false;
    _Static_assert(TCA_COMPLETE_DATA == TCA_COMPLETE_ACK << 1, "neighbours");
    piece->bits |= (uint8_t)(TCA_COMPLETE_ACK << tca_stream_has_payload(seg));
    piece->more = seg->frame != piece->frame;
    return true;
}

/* What the pieces so far of one tuple made. All zero: none. */
struct tca_past {
    uint64_t frame; /* that created the stream which stands now */
    struct tca_bases bases;
    bool exists, more;
    uint8_t bits, lone;
};

/* Add the next piece in the order of the file; true: it begins a stream, else it continues the one that stands. */
bool tca_past_add(struct tca_past *past, const struct tca_piece *piece);
/* tcp.completeness of the stream that stands, as tshark -2 prints it with the stream's last packet: before that one is
 * counted, which only shows where it is the only one. */
uint8_t tca_past_completeness(const struct tca_past *past);

#endif
