/* SPDX-License-Identifier: MIT
 *
 * Closing: FIN, its copies, its acknowledgment, and what each proves or denies.
 *
 * Every segment carries RCV.NXT. One that covers the peer's FIN proves that it arrived, one that does not,
 * though the FIN could have arrived, denies it; a repeated FIN denies that its acknowledgment arrived.
 */
#include "base/seq32.h"
#include "mirror/step.h"

/* The ACK of the FIN rides on payload or on a FIN: whoever acknowledges that has got the ACK as well. */
static void note_carried_ack(struct step *s)
{
    /* Only what was never sent before: of a repeat the first copy may have arrived, without that ACK. */
    bool first_fin = (s->seg->flags & TCA_FIN) && !s->from->fin_sent;
    if (s->from->fin_ack_carried || !(s->account.new_bytes || first_fin))
        return;
    s->from->fin_ack_carried = true;
    s->from->fin_ack_end = tca_segment_end(s->seg);
}

static void proves_fin_acked(struct step *s)
{
    struct tca_side *from = s->from, *to = s->to;
    if (!from->fin_sent || !to->fin_ack_carried || seq_before(s->seg->ack, to->fin_ack_end))
        return;
    tca_history_step(from, TCA_GOT_ACK_OF_FIN, true, (struct tca_when){to->recent.time_ns, to->recent.frame});
    if (tca_side_state(from) == TCA_FIN_WAIT2)
        tca_history_prove(from);
}

/* Could the FIN not have reached this sender yet? After its own FIN a bare ACK answers something that
 * arrived, so there the path alone is the measure, without the margin for a busy host. */
static bool fin_under_way(const struct step *s, const struct tca_step *got)
{
    if (got->state == TCA_CLOSING && step_is_pure_ack(s->seg) && step_path_ns(s->m, s->from_role))
        return s->when.time_ns <= got->time_ns + 2 * step_path_ns(s->m, s->from_role);
    int64_t busy_ns = (s->seg->flags & TCA_FIN) && step_path_ns(s->m, s->from_role) ? TCA_BUSY_NS : 0;
    return step_may_have_crossed(s->m, s->from_role, got->time_ns + busy_ns, s->when.time_ns);
}

/* It tells of a hole before the FIN that nothing will have filled by then: the FIN changes nothing when it comes. Or the FIN has come,
 * and what passed before it filled nothing. */
static bool tells_of_hole(const struct step *s)
{
    const struct tca_options *opt = &s->seg->opt;
    bool behind = false, named = false;
    for (unsigned at = 0; at < opt->sack_count; at++)
        if (seq_after(opt->sack[at][0], s->seg->ack)) {
            behind = true;
            named |= opt->sack[at][1] == s->to->fin_seq + 1;
        }
    return (named && s->to->sent_ns <= s->to->fin_last_ns) ||
           (behind && tca_step_hole_stays(s->m, 1 - s->from_role, s->seg->ack));
}

enum { KEPT_MAX = 2 }; /* an acknowledgment, and an RST behind it */

/* Take back the step at this place and those above it, but that its own FIN was acknowledged, and, where the FIN lies behind a hole that
 * nobody will fill, an RST. */
static void take_back_from(struct tca_side *from, int at, bool in_vain)
{
    struct tca_step kept[KEPT_MAX];
    unsigned count = 0;
    for (int above = at + 1; above < from->step_count && count < KEPT_MAX; above++) {
        const struct tca_step *one = &from->step[above];
        if (one->event == TCA_GOT_ACK_OF_FIN || (one->event == TCA_GOT_RST && in_vain))
            kept[count++] = *one;
    }
    while (from->step_count > at)
        tca_history_pop(from);
    for (unsigned n = 0; n < count; n++)
        tca_history_step(from, (enum tca_event)kept[n].event, false,
                         (struct tca_when){kept[n].time_ns, kept[n].frame});
}

/* Every segment carries RCV.NXT: one that does not cover a FIN that could have arrived says that it had not. */
static void denies_fin(struct step *s)
{
    struct tca_side *from = s->from, *to = s->to;
    if (!to->fin_sent || !(s->seg->flags & TCA_ACK) || seq_after(s->seg->ack, to->fin_seq))
        return;
    int at = tca_history_assumed(from, TCA_GOT_FIN);
    if (at < 1)
        return;
    const struct tca_when again = {to->fin_last_ns, to->fin_last_frame};
    bool in_vain = fin_under_way(s, &from->step[at]), repeated = again.time_ns > from->step[at].time_ns;
    if (in_vain && !tells_of_hole(s))
        return;
    take_back_from(from, at, in_vain);
    s->mark.refuting = true;
    if (repeated && !in_vain && step_may_have_crossed(s->m, s->from_role, again.time_ns, s->when.time_ns))
        tca_history_step(from, TCA_GOT_FIN, false, again); /* its next copy is under way */
}

/* What this side has got so far is in the capture: no FIN of its peer lies before the beginning, or in a gap, or in the
 * direction that was not captured. Otherwise what it does may be the end of a close that began unseen. */
static bool history_known(const struct step *s)
{
    bool begun = !(s->m->damage & TCA_DAMAGE_START_CUT);
    for (unsigned at = 0; !begun && at < s->from->step_count; at++)
        begun = s->from->step[at].proved && s->from->step[at].state != TCA_UNKNOWN;
    const struct tca_side *to = s->to;
    bool blind = (s->seg->flags & TCA_ACK) && (!to->nxt_known || !to->pkts || to->holes_full);
    for (unsigned at = 0; (s->seg->flags & TCA_ACK) && !blind && at < to->hole_count; at++)
        blind = to->hole[at].to == s->seg->ack; /* what it acknowledges last was not seen: perhaps a FIN */
    return begun && !blind;
}

/* D-SACK (RFC 2883 section 4): what it tells twice lies below the acknowledgment. Told of a repeated FIN, it says that an
 * earlier copy had arrived already. */
static bool had_fin_before(const struct step *s)
{
    const struct tca_options *opt = &s->seg->opt;
    return s->to->fin_count > 1 && opt->sack_count && opt->sack[0][1] == s->to->fin_seq + 1 &&
           seq_before_eq(opt->sack[0][1], s->seg->ack);
}

/* What it echoes is the time stamp of the segment that moved its RCV.NXT last (RFC 7323 section 4.3), and this is the first of its
 * acknowledgments that covers the FIN: it names the copy that came first, or the payload that filled the hole before it. NULL: nothing
 * was sent since the FIN, or what it names was not kept. */
static const struct tca_mark *echoed_arrival(const struct step *s)
{
    const struct tca_side *to = s->to;
    const struct tca_mark *found = NULL, *mark;
    if (!s->seg->opt.has_ts || to->fin_acked_by_peer || to->sent_ns <= to->fin_first_ns)
        return NULL;
    struct tca_mark_walk walk = tca_mark_walk(s->m);
    while ((mark = tca_mark_next(&walk))) {
        bool since = mark->side != s->from_role && !mark->witness && mark->frame >= to->fin_first_frame &&
                     (mark->roles & (TCA_MARK_FIN | TCA_MARK_DATA_RETX));
        if (since && mark->has_ts && mark->tsval == s->seg->opt.tsecr &&
            (!found || mark->frame < found->frame))
            found = mark;
    }
    return found;
}

/* `ret_told`: its receiver says so; else it is assumed to be what passed last. A repeated FIN is echoed as well, but drew a D-SACK. */
static struct tca_when fin_arrival(const struct step *s, bool *ret_told)
{
    const struct tca_side *to = s->to;
    bool before = had_fin_before(s);
    const struct tca_mark *echoed = before ? NULL : echoed_arrival(s);
    *ret_told = before || echoed;
    if (echoed)
        return (struct tca_when){echoed->time_ns, echoed->frame};
    return before ? (struct tca_when){to->fin_first_ns, to->fin_first_frame}
                  : (struct tca_when){to->fin_last_ns, to->fin_last_frame};
}

/* The acknowledgment of its own FIN was assumed to have reached it, and could not have when it sent this: the FIN that
 * this acknowledges came first (CLOSING). Of two FINs sent in the same instant the answer comes half a path after; three
 * quarters leave both readings the same margin for a busy host. */
static struct tca_step take_back_answer(struct step *s)
{
    const struct tca_step *top = tca_history_top(s->from);
    struct tca_step taken = {.event = TCA_EVENT_NONE};
    if (!top || top->proved || top->event != TCA_GOT_ACK_OF_FIN || s->from->step_count < 2 ||
        s->when.time_ns >= top->time_ns + step_path_ns(s->m, s->from_role) / 4 * 3)
        return taken;
    taken = *top;
    tca_history_pop(s->from);
    return taken;
}

/* The FIN was assumed at another copy, or before the hole in front of it was filled. */
static void take_back_fin(struct tca_side *side, struct tca_when arrival)
{
    int at = tca_history_assumed(side, TCA_GOT_FIN);
    if (at > 0 && side->step[at].frame != arrival.frame)
        take_back_from(side, at, false);
}

/* An RST that is still under way: it comes behind what this segment shows. */
static struct tca_step take_back_rst(struct tca_side *side)
{
    const struct tca_step *top = tca_history_top(side);
    struct tca_step taken = {.event = TCA_EVENT_NONE};
    if (!top || top->proved || top->event != TCA_GOT_RST || side->step_count < 2)
        return taken;
    taken = *top;
    tca_history_pop(side);
    return taken;
}

static void put_back(struct tca_side *side, const struct tca_step *taken)
{
    if (taken->event != TCA_EVENT_NONE)
        tca_history_step(side, (enum tca_event)taken->event, false,
                         (struct tca_when){taken->time_ns, taken->frame});
}

/* Its acknowledgment covers the peer's FIN: it has got it, at the last copy seen before unless it says otherwise. */
static void acknowledges_fin(struct step *s)
{
    struct tca_side *from = s->from, *to = s->to;
    if (!to->fin_sent || !(s->seg->flags & TCA_ACK) || seq_before_eq(s->seg->ack, to->fin_seq))
        return;
    bool told;
    struct tca_when arrival = fin_arrival(s, &told);
    if (!to->fin_acked_by_peer || (to->recent.flags & TCA_FIN))
        s->mark.roles |= TCA_MARK_FIN_ACK;
    to->fin_acked_by_peer = true;
    if (to->fin_acked_ns < 0)
        to->fin_acked_ns = s->when.time_ns;
    note_carried_ack(s);
    bool known = history_known(s);
    const struct tca_step rst = take_back_rst(from), late = take_back_answer(s);
    if (told)
        take_back_fin(from, arrival);
    tca_history_step(from, TCA_GOT_FIN, known, arrival);
    enum tca_state state = tca_side_state(from);
    bool from_closing = state == TCA_TIME_WAIT && tca_history_top(from)->event == TCA_GOT_ACK_OF_FIN;
    if (known && !from_closing && (state == TCA_CLOSE_WAIT || state == TCA_CLOSING || state == TCA_TIME_WAIT))
        tca_history_prove(from);
    put_back(from, &late);
    if (tca_side_state(from) == TCA_TIME_WAIT)
        from->timer_ns = s->when.time_ns;
    put_back(from, &rst);
}

enum { UNDER_WAY_MAX = 2 }; /* a FIN, and an RST behind it */

/* Take back what was assumed to have reached this sender and had not when it sent this: a FIN that this segment does not
 * acknowledge, an RST. `ret_late`: the events taken back, oldest first; returns how many. */
static unsigned take_back_late(struct step *s, struct tca_step ret_late[UNDER_WAY_MAX])
{
    struct tca_side *from = s->from;
    const struct tca_step *top = tca_history_top(from);
    bool knows_fin = s->to->fin_sent && seq_after(s->seg->ack, s->to->fin_seq);
    unsigned count = 0;
    while (top && !top->proved && from->step_count > 1 && count < UNDER_WAY_MAX &&
           (top->event == TCA_GOT_RST || (top->event == TCA_GOT_FIN && !knows_fin))) {
        ret_late[1] = ret_late[0];
        ret_late[0] = *top;
        count++;
        tca_history_pop(from);
        top = tca_history_top(from);
    }
    return count;
}

/* Its first acknowledgment of the peer's FIN, and how many copies of that had passed by then. */
static const struct tca_mark *first_fin_ack(const struct step *s, unsigned *ret_copies)
{
    const struct tca_mark *found = NULL, *mark;
    struct tca_mark_walk walk = tca_mark_walk(s->m);
    *ret_copies = 0;
    while ((mark = tca_mark_next(&walk))) { /* the newest first */
        if (mark->witness)
            continue;
        if (mark->side == s->from_role && (mark->roles & TCA_MARK_FIN_ACK)) {
            found = mark;
            *ret_copies = 0;
        }
        *ret_copies += mark->side != s->from_role && (mark->roles & TCA_MARK_FIN);
    }
    return found;
}

/* The first copy of this FIN never passed, for its sender has acknowledged the peer's from behind it, with a bare ACK. Where one copy of
 * that had come, nothing else drew the ACK: the FINs crossed (CLOSING). After several it may have answered the next. */
static void sent_unseen(struct step *s)
{
    struct tca_side *from = s->from;
    unsigned copies;
    const uint32_t end = tca_segment_end(s->seg);
    const struct tca_mark *ack = s->mark.sent_end == end ? first_fin_ack(s, &copies) : NULL;
    bool behind = ack && !ack->len && !(ack->flags & TCA_FIN) && ack->seq == end;
    if (!behind || tca_side_state(from) != TCA_CLOSE_WAIT || from->step_count < 2)
        return;
    const struct tca_step got = *tca_history_top(from);
    const struct tca_when when = {got.time_ns, got.frame};
    tca_history_pop(from);
    if (copies == 1)
        tca_history_step(from, TCA_SENT_FIN, false, when);
    tca_history_step(from, TCA_GOT_FIN, false, when);
}

/* A first FIN: it was sent before what was under way towards its sender arrived. */
static void first_fin(struct step *s)
{
    struct tca_side *from = s->from;
    struct tca_step late[UNDER_WAY_MAX] = {{0}};
    sent_unseen(s);
    unsigned count = take_back_late(s, late);
    tca_history_step(from, TCA_SENT_FIN, history_known(s), s->when);
    for (unsigned at = 0; at < count; at++)
        tca_history_step(from, (enum tca_event)late[at].event, false, s->when);
    from->fin_sent = true;
    from->fin_first_ns = s->when.time_ns;
    from->fin_first_frame = s->when.frame;
    if (s->m->first_fin > TCA_SERVER)
        s->m->first_fin = (uint8_t)s->from_role;
}

static bool fin_was_acked(const struct tca_step *top)
{
    return top->state == TCA_FIN_WAIT2 || top->state == TCA_TIME_WAIT || top->state == TCA_CLOSED;
}

/* The newest copy of the peer's FIN, with an acknowledgment of this side's on it, was on its way when this side repeated its own. */
static bool fin_crosses(const struct step *s, int64_t acked_ns)
{
    const struct tca_side *to = s->to;
    return to->fin_sent && to->fin_last_ns >= acked_ns &&
           step_may_have_crossed(s->m, s->from_role, to->fin_last_ns, s->when.time_ns);
}

/* H3, H4: it repeats its FIN, so the acknowledgment that was seen had not reached it. A later one may yet. */
static void take_back_ack_of_fin(struct step *s)
{
    struct tca_side *from = s->from, *to = s->to;
    const struct tca_step *top = tca_history_top(from);
    const int64_t acked_ns = from->fin_acked_ns;
    bool acked_late = acked_ns >= 0 && step_may_have_crossed(s->m, s->from_role, acked_ns, s->when.time_ns);
    bool with_fin = false;
    while (!acked_late && from->step_count > 1 && !top->proved && fin_was_acked(top)) {
        with_fin |= top->event == TCA_GOT_FIN;
        tca_history_pop(from);
        s->mark.refuting = true;
        top = tca_history_top(from);
        from->fin_acked_ns = -1;
    }
    if (!with_fin || top->state != TCA_FIN_WAIT1 || !fin_crosses(s, acked_ns))
        return;
    const struct tca_when when = {to->fin_last_ns, to->fin_last_frame};
    tca_history_step(from, TCA_GOT_ACK_OF_FIN, false, when);
    tca_history_step(from, TCA_GOT_FIN, false, when);
    from->fin_acked_ns = when.time_ns;
}

static void repeated_fin(struct step *s)
{
    struct tca_side *from = s->from, *to = s->to;
    take_back_ack_of_fin(s);
    /* The peer has shown no sign of the FIN: the earlier copy may not have arrived; this one may. */
    if (!from->fin_acked_by_peer && tca_side_state(to) == TCA_CLOSE_WAIT && !tca_history_top(to)->proved)
        tca_history_pop(to);
}

#define COPY_NS (100 * TCA_MS) /* a clock of time stamps does not stand still for so long */

/* A second copy of one and the same segment, made by the network: a FIN that is sent again has a time stamp, and on a
 * socket that counts an IP ID, of its own. */
bool tca_step_fin_copied(const struct step *s)
{
    const struct tca_side *from = s->from;
    if (!(s->seg->flags & TCA_FIN) || !from->fin_sent || s->when.time_ns - from->fin_last_ns < COPY_NS)
        return false;
    if (s->seg->opt.has_ts && from->ts_on)
        return s->seg->opt.tsval == from->fin_tsval;
    return s->seg->has_ip_id && s->seg->ip_id && s->seg->ip_id == from->fin_ip_id;
}

static void sender_fin(struct step *s)
{
    struct tca_side *from = s->from;
    if (!(s->seg->flags & TCA_FIN) || (from->fin_sent && s->seg->seq + s->seg->len != from->fin_seq))
        return;
    if (s->account.foreign || s->acceptance == TCA_REJECT_CHECKSUM)
        return; /* not of this connection, or not what was sent */
    s->mark.roles |= TCA_MARK_FIN;
    if (tca_step_fin_copied(s))
        return; /* `copy` stays 0: no repeat */
    from->fin_count++;
    s->mark.copy = from->fin_count > 255 ? 255 : (uint8_t)from->fin_count;
    if (!from->fin_sent)
        first_fin(s);
    else
        repeated_fin(s);
    from->fin_gap_ns = from->fin_last_ns >= 0 ? tca_interval(from->fin_last_ns, s->when.time_ns) : 0;
    from->fin_last_ns = s->when.time_ns;
    from->fin_last_frame = s->when.frame;
    from->fin_tsval = s->seg->opt.tsval;
    from->fin_ip_id = s->seg->ip_id;
}

static void half_close_used(struct step *s)
{
    struct tca_side *from = s->from;
    if (from->fin_sent && (s->seg->flags & TCA_ACK) && s->to->recent.len &&
        (s->to->recent.roles & TCA_MARK_LATE_DATA) && seq_after(s->seg->ack, s->to->recent.seq))
        from->close_used = true;
}

static void receiver_fin_acked(struct step *s)
{
    struct tca_side *to = s->to;
    if (to->fin_sent && (s->seg->flags & TCA_ACK) && seq_after(s->seg->ack, to->fin_seq))
        tca_history_step(to, TCA_GOT_ACK_OF_FIN, false, s->when);
}

/* A host that gets a FIN acknowledges it at once. Two copies without a word: the third finds nobody either, or its
 * answers are lost; then nothing is assumed, until an acknowledgment tells. */
static bool fin_in_vain(const struct tca_side *from)
{
    return from->fin_count > 2 && !from->fin_acked_by_peer;
}

static void receiver_fin(struct step *s)
{
    struct tca_side *from = s->from, *to = s->to;
    /* A FIN beyond a hole waits until the hole is filled. */
    if (!from->fin_sent || !((s->seg->flags & TCA_FIN) || s->account.new_bytes))
        return;
    bool in_order = seq_after(tca_sequence_contiguous(from), from->fin_seq) ||
                    (to->acked_known && seq_after_eq(to->acked, from->fin_seq));
    enum tca_state state = tca_side_state(to);
    bool open = tca_state_synchronized(state) || (state == TCA_UNKNOWN && to->step_count);
    if (!in_order || !open)
        return;
    if (fin_in_vain(from))
        to->alternative = (uint8_t)(tca_transition(state, TCA_GOT_FIN) + 1);
    else
        tca_history_step(to, TCA_GOT_FIN, false, s->when);
}

/* The peer told of a hole, and this fills it: the FIN, though it had passed in its turn, waited behind that. */
static void receiver_hole_filled(struct step *s)
{
    const struct tca_side *from = s->from, *to = s->to;
    bool told = from->sacked || from->dup_acks;
    bool fills = to->acked_known && s->seg->len && seq_before_eq(s->seg->seq, to->acked) &&
                 seq_after(s->seg->seq + s->seg->len, to->acked) && seq_before(s->seg->seq, from->fin_seq);
    if (!from->fin_sent || !told || !fills)
        return;
    if (tca_history_assumed(to, TCA_GOT_FIN) >= 0)
        tca_history_redate(s->to, TCA_GOT_FIN, s->when);
    else if (tca_side_state(to) == TCA_ESTABLISHED && !from->fin_acked_by_peer && !fin_in_vain(from) &&
             seq_after(tca_sequence_contiguous(from), from->fin_seq))
        tca_history_step(s->to, TCA_GOT_FIN, false, s->when); /* what told of the hole had denied it */
}

void tca_step_closing_sender(struct step *s)
{
    half_close_used(s);
    denies_fin(s);
    acknowledges_fin(s);
    proves_fin_acked(s);
    sender_fin(s);
}

void tca_step_closing_receiver(struct step *s)
{
    receiver_fin_acked(s);
    receiver_fin(s);
    receiver_hole_filled(s);
}
