/* SPDX-License-Identifier: MIT
 *
 * Incarnations. Consecutive ones can lie close together: Linux gives a recycled TIME_WAIT an ISN of old
 * SND.NXT + 65537, so "near" is not enough. A side that has only sent a SYN can only be at ISN or ISN+1; that
 * decides nearly all cases, the rest by distance: a segment goes where both of its numbers are nearest to what was sent.
 */
#include "flow/incarnation.h"

enum { NEAR = 1 << 24 };

static bool is_client(const struct tca_flow *flow, int side)
{
    return flow->client == side;
}

/* Its SYN was seen, and no answer yet. */
static bool opening(const struct tca_flow *flow)
{
    return flow->opened_by_syn && !flow->committed;
}

bool tca_incarnation_over(const struct tca_flow *flow)
{
    return flow->committed && (flow->reset || (flow->fin[0] && flow->fin[1]));
}

/* It opened, said something, and was closed: its own SYN, coming again, is a copy that was delayed on the way. The
 * SYN of a connection that was refused is repeated by some systems, and belongs to it. */
static bool lived_and_ended(const struct tca_flow *flow, int side)
{
    const struct tca_space *space = &flow->space[side];
    bool spoke =
        !space->iss_known || (space->nxt_known && space->nxt != space->iss && space->nxt != space->iss + 1);
    return spoke && tca_incarnation_over(flow);
}

/* Its own SYN, seen before or, of a connection that was picked up in its middle, right below what was seen first. */
static bool is_own_syn(const struct tca_space *space, uint32_t seq)
{
    return space->iss_known ? space->iss == seq : space->first_known && space->first == seq + 1;
}

/* A copy of its SYN belongs to it, however many attempts or connections have begun since. */
static struct tca_flow *pick_for_copy(struct tca_flow *newest, const struct tca_segment *seg, int side)
{
    for (struct tca_flow *flow = newest; flow && !flow->replaced; flow = flow->older)
        if (is_own_syn(&flow->space[side], seg->seq))
            return lived_and_ended(flow, side) ? NULL : flow;
    return NULL;
}

static struct tca_flow *pick_for_syn(struct tca_flow *newest, const struct tca_segment *seg, int side)
{
    const struct tca_space *space = &newest->space[side];
    struct tca_flow *same = pick_for_copy(newest, seg, side);
    if (same)
        return same;
    /* The passive side opens as well: simultaneous open, or a split answer, whose ACK may have come before. */
    if (!is_client(newest, side) && newest->opened_by_syn && !space->iss_known)
        return newest;
    return NULL;
}

static bool in_space(const struct tca_space *space, uint32_t ack)
{
    return seq_after(ack, space->iss) && seq_before_eq(ack, space->nxt);
}

bool tca_incarnation_answers(const struct tca_flow *flow, const struct tca_segment *seg, int side)
{
    const struct tca_space *opener = &flow->space[flow->client];
    if (!(seg->flags & TCA_ACK) || !opener->iss_known)
        return false;
    if (side == flow->client) /* the answer is not in the capture, but its acknowledgment is */
        return flow->opened_by_syn && !(seg->flags & (TCA_SYN | TCA_RST)) && seg->seq == opener->nxt;
    if (flow->opened_by_syn)
        return in_space(opener, seg->ack);
    /* Begun by a SYN+ACK: its sender goes on from there, with what the opener has sent meanwhile, seen or not. */
    return !(seg->flags & TCA_SYN) && seq_after(seg->ack, opener->iss) && seg->ack - opener->iss < NEAR;
}

/* A SYN+ACK with other numbers at both ends: the SYN that it answers is missing, or stands behind it in the file. */
static bool answers_unseen_syn(const struct tca_flow *flow, const struct tca_segment *seg, int side)
{
    const struct tca_space *space = &flow->space[side], *peer = &flow->space[1 - side];
    return tca_is_synack(seg) && flow->committed && space->iss_known && peer->iss_known &&
           space->iss != seg->seq && !in_space(peer, seg->ack);
}

/* ---- how well a segment fits ---- */

#define NO_FIT UINT32_MAX

static uint32_t worse(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

/* How far a number lies from what this side has sent: 0 within it. What is unknown fits. */
static uint32_t off_space(const struct tca_space *space, uint32_t number)
{
    if (!space->nxt_known)
        return 0;
    int32_t ahead = seq_diff(number, space->nxt);
    bool below = space->iss_known ? seq_before(number, space->iss) : -(int64_t)ahead > NEAR;
    if (ahead > NEAR || ahead < -NEAR || below)
        return NO_FIT;
    if (ahead > 0)
        return (uint32_t)ahead;
    return space->iss_known ? 0 : (uint32_t)-ahead;
}

/* Of a flow whose SYN nobody has answered: the opener is still at its SYN, and the peer must acknowledge it.
 */
static bool fits_unanswered(const struct tca_flow *flow, const struct tca_segment *seg, int side)
{
    if (!is_client(flow, side))
        return tca_incarnation_answers(flow, seg, side);
    return seg->seq == flow->space[side].nxt || seg->seq == flow->space[side].iss;
}

/* The number of a refusal says nothing. */
static bool has_number(const struct tca_segment *seg)
{
    return !(seg->flags & TCA_RST) || !(seg->flags & TCA_ACK) || seg->seq != 0;
}

/* How far the segment is from being the next of this flow; NO_FIT: it is none of it. */
static uint32_t misfit(const struct tca_flow *flow, const struct tca_segment *seg, int side)
{
    const struct tca_space *space = &flow->space[side], *peer = &flow->space[1 - side];
    if (opening(flow))
        return fits_unanswered(flow, seg, side) ? 0 : NO_FIT;
    if (flow->replaced && (!space->nxt_known || !peer->nxt_known))
        return NO_FIT; /* of what is over nothing new is to be expected */
    uint32_t by_seq = has_number(seg) ? off_space(space, seg->seq) : 0;
    return worse(by_seq, seg->flags & TCA_ACK ? off_space(peer, seg->ack) : 0);
}

/* The flow that it fits best, the newest of equals; NULL: none. */
static struct tca_flow *best_fit(struct tca_flow *newest, const struct tca_segment *seg, int side)
{
    struct tca_flow *best = NULL;
    uint32_t least = NO_FIT;
    for (struct tca_flow *flow = newest; flow; flow = flow->older) {
        uint32_t off = misfit(flow, seg, side);
        if (off < least) {
            best = flow;
            least = off;
        }
    }
    return best;
}

/* The SYN+ACK of what was replaced, once more; NULL: it is no such. */
static struct tca_flow *late_synack(struct tca_flow *newest, const struct tca_segment *seg, int side)
{
    for (struct tca_flow *flow = newest; flow; flow = flow->older)
        if (flow->replaced && is_own_syn(&flow->space[side], seg->seq) &&
            in_space(&flow->space[1 - side], seg->ack))
            return flow;
    return NULL;
}

struct tca_flow *tca_incarnation_newer(struct tca_flow *newest, const struct tca_flow *flow)
{
    while (newest->older != flow)
        newest = newest->older;
    return newest;
}

struct tca_flow *tca_incarnation_choose(struct tca_flow *newest, const struct tca_segment *seg, int side)
{
    if (tca_is_bare_syn(seg))
        return pick_for_syn(newest, seg, side);
    if (answers_unseen_syn(newest, seg, side))
        return late_synack(newest, seg, side);
    if (!newest->older)
        return newest;
    struct tca_flow *best = best_fit(newest, seg, side);
    return best ? best : newest;
}

static void note_iss(struct tca_space *space, uint32_t iss)
{
    if (space->iss_known)
        return;
    space->iss = iss;
    space->iss_known = true;
}

static void note_first(struct tca_space *space, uint32_t seq)
{
    if (space->first_known)
        return;
    space->first = seq;
    space->first_known = true;
}

/* Without a branch: whether a segment has payload is not to be foreseen. */
static void note_end(struct tca_space *space, uint32_t end)
{
    bool is_newer = !space->nxt_known | seq_after(end, space->nxt);
    space->nxt = is_newer ? end : space->nxt;
    space->nxt_known = true;
}

/* What it says of its receiver, of which nothing else may have: SYN+ACK before its SYN in the file, or without it. */
static void note_peer(struct tca_space *peer, const struct tca_segment *seg)
{
    if (seg->flags & TCA_SYN)
        note_iss(peer, seg->ack - 1);
    if (peer->nxt_known)
        return;
    peer->nxt = seg->ack;
    peer->nxt_known = true;
}

void tca_incarnation_note_whole(struct tca_flow *flow, const struct tca_segment *seg, int side)
{
    struct tca_space *space = &flow->space[side];
    if (seg->flags & (TCA_RST | TCA_FIN)) {
        flow->reset |= (seg->flags & TCA_RST) != 0;
        flow->fin[side] |= (seg->flags & TCA_FIN) != 0;
    }
    if (seg->flags & TCA_RST)
        return;
    if (seg->flags & TCA_SYN)
        note_iss(space, seg->seq);
    note_first(space, seg->seq);
    note_end(space, tca_segment_end(seg));
    if (seg->flags & TCA_ACK)
        note_peer(&flow->space[1 - side], seg);
}
