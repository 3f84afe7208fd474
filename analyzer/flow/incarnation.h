/* SPDX-License-Identifier: MIT
 *
 * Which incarnation of a tuple a segment belongs to: pure functions of sequence spaces.
 */
#ifndef TCA_FLOW_INCARNATION_H
#define TCA_FLOW_INCARNATION_H

#include "base/seq32.h"
#include "flow/flow.h"

/* The incarnation for this segment; NULL: it begins a new one. `side`: key side of its sender. */
struct tca_flow *tca_incarnation_choose(struct tca_flow *newest, const struct tca_segment *seg, int side);
/* Nearly always there is but one, and no SYN to begin another. */
static inline struct tca_flow *tca_incarnation_pick(struct tca_flow *newest, const struct tca_segment *seg,
                                                    int side)
{
    bool one = !newest->older && !(seg->flags & TCA_SYN);
    return one ? newest : tca_incarnation_choose(newest, seg, side);
}
/* The one that replaced this older one. */
struct tca_flow *tca_incarnation_newer(struct tca_flow *newest, const struct tca_flow *flow);
/* A reset or both FINs of it were seen. */
bool tca_incarnation_over(const struct tca_flow *flow);
/* This segment answers the flow's SYN with ack = ISN+1, up to the data that the SYN carried; or it is the opener's next, which
 * only an answer lets it send; or, where the SYN was not seen, it goes on from the SYN+ACK. */
bool tca_incarnation_answers(const struct tca_flow *flow, const struct tca_segment *seg, int side);
/* Note the segment in the sender's space, and what its acknowledgment tells of the peer's. */
void tca_incarnation_note_whole(struct tca_flow *flow, const struct tca_segment *seg, int side);
/* Nearly always all that can be known is, and only the end of the space moves: without a branch, since whether a segment has
 * payload is not to be foreseen. */
static inline void tca_incarnation_note(struct tca_flow *flow, const struct tca_segment *seg, int side)
{
    struct tca_space *space = &flow->space[side];
    bool known = space->first_known & space->nxt_known & flow->space[1 - side].nxt_known;
    if (!known || (seg->flags & (TCA_SYN | TCA_FIN | TCA_RST))) {
        tca_incarnation_note_whole(flow, seg, side);
        return;
    }
    uint32_t end = seg->seq + seg->len;
    space->nxt = seq_after(end, space->nxt) ? end : space->nxt;
}

#endif
