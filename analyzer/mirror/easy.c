/* SPDX-License-Identifier: MIT
 *
 * The short way of most segments: the next payload, or an acknowledgment of more, in a connection that is open at both ends
 * and in no trouble. Nothing that event.c would do for it moves a state or leaves a mark, so only what it counts is done.
 *
 * Whether a connection is that calm is found at the end of each segment that took the long way, once for all that follow:
 * the short way changes nothing of it. The two ways must leave the same mirror behind; a build with the option
 * check_ways goes both, on a copy, and stops where they differ.
 */
#include "base/seq32.h"
#include "mirror/step.h"

static bool is_open(const struct tca_side *side)
{
    const struct tca_step *top = tca_history_top(side);
    return top && top->state == TCA_ESTABLISHED && top->proved && !side->alternative && !side->fin_sent;
}

/* Nothing outstanding that was skipped or sent again, no closed window, and all is known that decides about the next one. */
static bool is_in_order(const struct tca_side *side)
{
    return side->nxt_known && side->acked_known && side->edge_known && !side->hole_count && !side->rto_run &&
           !side->zero_open && !side->sacked && !side->recovery;
}

static bool took_all(const struct tca_side *side)
{
    const struct tca_mark *recent = &side->recent;
    return recent->frame && !(recent->flags & TCA_RST) && !recent->refusal && side->stray.time_ns < 0;
}

bool tca_step_is_calm(const struct tca_mirror *m)
{
    for (int role = 0; role < 2; role++) {
        const struct tca_side *side = &m->side[role];
        if (!is_open(side) || !is_in_order(side) || !took_all(side))
            return false;
    }
    return (m->child_proved || m->first_synack_ns < 0);
}

/* Nothing but ACK, and perhaps PSH; ECN's bits mean nothing here. */
static bool is_bare(const struct tca_segment *seg)
{
    return (seg->flags & (TCA_FIN | TCA_SYN | TCA_RST | TCA_URG | TCA_ACK)) == TCA_ACK && seg->window &&
           !seg->opt.sack_count && seg->checksum != TCA_CHECKSUM_BAD;
}

/* The very next of its sender, not the first, that its receiver has room for. */
static bool is_next(const struct step *s)
{
    const struct tca_segment *seg = s->seg;
    const struct tca_side *from = s->from, *to = s->to;
    bool more = seg->len ? from->bytes > 0 : seg->ack != from->acked;
    bool fits = !to->wscale_known || seq_before(seg->seq + seg->len, to->right_edge);
    return seg->seq == from->snd_nxt && more && fits && seq_before_eq(from->acked, seg->ack) &&
           seq_before_eq(seg->ack, to->snd_nxt);
}

/* Time stamps as agreed on, none older than the newest. */
static bool is_in_time(const struct step *s)
{
    const struct tca_side *to = s->to;
    return !s->seg->opt.has_ts || to->ts_recent_ns < 0 || seq_after_eq(s->seg->opt.tsval, to->ts_recent);
}

bool tca_step_easy(struct step *s)
{
    if (!s->m->calm || !is_bare(s->seg) || !is_next(s) || !is_in_time(s) || s->from->held_us ||
        (s->m->trouble && tca_step_echo_tells(s)))
        return false;
    tca_sequence_next(s->m, s->seg, s->from_role, &s->account);
    s->mark.new_data = s->account.new_bytes > 0;
    tca_step_liveness_next(s);
    return true;
}
