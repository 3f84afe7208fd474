/* SPDX-License-Identifier: MIT
 *
 * Sequence space: what a segment adds, and whether its receiver would take it.
 */
#ifndef TCA_MIRROR_SEQUENCE_H
#define TCA_MIRROR_SEQUENCE_H

#include "base/seq32.h"
#include "mirror/mirror.h"

/* Why a receiver does not take a segment. */
enum tca_acceptance {
    TCA_ACCEPTED,
    TCA_REJECT_CHECKSUM,
    TCA_REJECT_WINDOW, /* outside the receive window, RFC 9293 table 6 */
    TCA_REJECT_PAWS,   /* older than the newest time stamp, RFC 7323 section 5 */
    TCA_REJECT_ACK,    /* acknowledges what was never sent, RFC 5961 section 5.2 */
};

/* Would `to` take this segment of `from`? For segments without RST; SYNs only in synchronized states. */
enum tca_acceptance tca_sequence_accept(const struct tca_side *from, const struct tca_side *to,
                                        const struct tca_segment *seg);
/* How an RST of `from` fits what `to` expects. `expects_all`: whatever `from` sent before is there by then. */
enum tca_rst_fit tca_sequence_rst_fit(const struct tca_side *from, const struct tca_side *to,
                                      const struct tca_segment *seg, bool expects_all);

/* What the segment was, in its sender's sequence space. */
struct tca_account {
    uint32_t new_bytes;  /* payload never seen before */
    bool retransmitted;  /* payload without a new byte, and no probe */
    bool keepalive;      /* probe one below SND.NXT after a silence, peer's window open */
    bool probe;          /* the same shape at a closed window, or the one byte behind its edge */
    bool advanced;       /* acknowledges more than its sender had before */
    bool unseen;         /* ... even what never passed the capture point */
    uint8_t passed_over; /* holes of the peer that it is the first to acknowledge: the capture lacks them */
    bool opened, filled; /* leaves a hole before it; fills one, or a part */
    bool older_clock, same_clock; /* its time stamp against its sender's newest; neither: newer, or none */
    bool late;  /* built before its sender's last segment: overtaken on the way, or delivered twice */
    bool newer; /* built after its sender's last segment: sent again, however soon */
    bool older; /* acknowledges less than the peer's SYN: of a connection before this one; foreign too */
    bool
        foreign; /* so far off that it cannot be this connection's, or a probe that opens anew: moved nothing */
};
/* Count the segment for its sender and the acknowledgment for its peer; moves SND.NXT, holes and edges. */
struct tca_account tca_sequence_account(struct tca_mirror *m, struct tca_side *from, struct tca_side *to,
                                        const struct tca_segment *seg);
/* Parts of it. The window that `from` advertises; the time stamp that it sends, `overtaken` if it was built before the last
 * segment of it; payload of a size that has not arrived before; and that some has, where one is under way. */
static inline void tca_sequence_window(struct tca_side *from, const struct tca_segment *seg)
{
    bool scaled = !(seg->flags & TCA_SYN) && from->wscale_known;
    uint32_t edge = seg->ack + ((uint32_t)seg->window << (scaled ? from->wscale : 0));
    if (!from->edge_known || seq_after(edge, from->right_edge))
        from->right_edge = edge;
    from->edge_known = true;
}
static inline void tca_sequence_timestamps(struct tca_side *from, struct tca_side *to,
                                           const struct tca_segment *seg, bool overtaken)
{
    if (!seg->opt.has_ts)
        return;
    if (!overtaken)
        from->tsval_last = seg->opt.tsval;
    if (to->acked_known && seq_after(seg->seq, to->acked))
        return; /* RFC 7323 section 4.3: only what spans Last.ACK.sent */
    if (to->ts_recent_ns < 0 || seq_after_eq(seg->opt.tsval, to->ts_recent)) {
        to->ts_recent = seg->opt.tsval;
        to->ts_recent_ns = seg->time_ns;
    }
}
static inline bool tca_sequence_is_sized(const struct tca_side *from, const struct tca_segment *seg)
{
    return seg->len > from->passed_len || (seg->len && from->big_len);
}
void tca_sequence_size(struct tca_side *from, const struct tca_segment *seg);
void tca_sequence_size_acked(struct tca_side *to, const struct tca_segment *seg);
/* The first byte of `side` that its peer may not have: the end of its gapless part. */
uint32_t tca_sequence_contiguous(const struct tca_side *side);

#endif
