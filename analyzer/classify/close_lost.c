/* SPDX-License-Identifier: MIT
 *
 * Closes in which a FIN or its acknowledgment was lost: the FIN comes again.
 *
 * A repeat after the acknowledgment had passed says that the acknowledgment was lost; one before it, that the FIN was, unless
 * the acknowledgment echoes the first copy. Checked against Linux tcp_retransmit_timer(), tcp_timewait_state_process() (5.10
 * to 7.2).
 */
#include "base/seq32.h"
#include "classify/closes.h"
#include "classify/read/shapes.h"

enum { LADDER = 3 };

/* A FIN that is acknowledged later than this, the round trip aside, was not acknowledged at once. */
static const int64_t LATE_ACK_NS = 50 * TCA_MS;

/* ---- repeated in vain ---- */

/* A FIN that never was acknowledged, repeated; `ret_confidence` is lower while the next was not due. */
static bool unacked_ladder(const struct tca_closing *k, int side, enum tca_confidence *ret_confidence)
{
    const struct tca_side *s = &k->m->side[side];
    if (!k->fin[side] || k->fin_ack[1 - side] || s->fin_acked_by_peer || s->fin_count < 2 ||
        tca_closing_direction_missing(k->m) || tca_closing_reset(k).form != TCA_RESET_NONE)
        return false;
    bool ended = k->until_ns > tca_close_due_ns(s->fin_last_ns, s->fin_gap_ns);
    if (!ended && s->fin_count < LADDER)
        return false; /* two copies and the end of the capture: nothing to say yet */
    *ret_confidence =
        ended ? tca_close_seen(k, tca_levels_certain) : tca_lower(tca_close_seen(k, tca_levels_certain), 1);
    return true;
}

static void hold_ladder(const struct tca_closing *k, int side, struct tca_judgement *j,
                        enum tca_confidence confidence)
{
    const struct tca_mark *fin;
    tca_hold(j, confidence, k->m->side[side].fin_last_ns);
    for (unsigned n = 0; (fin = tca_dossier_mark(k->d, TCA_MARK_FIN, side, n)); n++)
        tca_prove(j, fin);
    j->actor = (uint8_t)side;
    tca_set_value(j, (int64_t)k->m->side[side].fin_count, "pkts");
}

/* P's FIN tells that it had A's: it waits in LAST_ACK. */
static bool in_last_ack(const struct tca_closing *k)
{
    return tca_closing_both_fins(k) && tca_closing_covers_fin(k, k->fin[k->passive], k->active);
}

void judge_close_last_ack_stuck(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = tca_closing_of(c);
    enum tca_confidence confidence;
    if (!in_last_ack(&k) || !unacked_ladder(&k, k.passive, &confidence))
        return;
    hold_ladder(&k, k.passive, j, confidence);
    tca_say(j, "The %s closed second and sent its FIN %d times; nobody acknowledged it.",
            tca_role_name[k.passive], (int)j->value);
}

void judge_close_fin_unacked(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = tca_closing_of(c);
    enum tca_confidence confidence;
    for (int n = 0; n < 2 && k.active >= 0; n++) {
        int side = n ? k.passive : k.active;
        if ((n && in_last_ack(&k)) || !unacked_ladder(&k, side, &confidence) || !tca_closing_opened(k.m))
            continue;
        hold_ladder(&k, side, j, confidence);
        tca_say(j, "The %s sent its FIN %d times in %u.%03u s; it was never acknowledged.",
                tca_role_name[side], (int)j->value,
                TCA_WHOLE_S(k.m->side[side].fin_last_ns - k.fin[side]->time_ns));
        return;
    }
}

/* ---- repeated, and acknowledged ---- */

/* The acknowledgment of this side's FIN was seen, and the FIN came again later than it could have arrived. */
static const struct tca_mark *repeat_after_ack(const struct tca_closing *k, int side)
{
    const struct tca_mark *ack = k->fin_ack[1 - side], *fin;
    for (unsigned n = 0; ack && (fin = tca_dossier_mark(k->d, TCA_MARK_FIN, side, n)); n++)
        if (fin->copy > 1 && fin->frame > ack->frame && tca_closing_knew(k, fin, ack))
            return fin;
    return NULL;
}

static const struct tca_mark *fin_ack_after(const struct tca_closing *k, int side,
                                            const struct tca_mark *mark)
{
    const struct tca_mark *ack;
    for (unsigned n = 0; (ack = tca_dossier_mark(k->d, TCA_MARK_FIN_ACK, side, n)); n++)
        if (ack->frame > mark->frame)
            return ack;
    return NULL;
}

/* The first copy arrived and the repeat was needless: the acknowledgment echoes the first one. */
static bool needless(const struct tca_mark *first, const struct tca_mark *again, const struct tca_mark *ack)
{
    return ack->has_ts && first->has_ts && ack->tsecr == first->tsval && again->tsval != first->tsval;
}

/* A lost ACK that the capture never saw: the one that answers the repeat echoes the first copy, as TIME_WAIT
 * does for good, and comes too late to be the answer to that. FIN_WAIT2 answers a FIN at once. */
static const struct tca_mark *repeat_after_unseen_ack(const struct tca_closing *k)
{
    const struct tca_mark *first = k->fin[k->passive], *ack = k->fin_ack[k->active], *fin;
    if (!ack || ack->time_ns - first->time_ns < 2 * tca_closing_path_ns(k, k->active) + LATE_ACK_NS)
        return NULL;
    for (unsigned n = 1; (fin = tca_dossier_mark(k->d, TCA_MARK_FIN, k->passive, n)); n++)
        if (fin->frame < ack->frame && needless(first, fin, ack))
            return fin;
    return NULL;
}

/* P got an acknowledgment of its FIN and was CLOSED, and answered each that came after it with a bare reset. As many
 * resets as acknowledgments without the first: every one arrived, and the repeat had only crossed it. */
static bool each_ack_arrived(const struct tca_closing *k)
{
    const struct tca_mark *mark;
    unsigned resets = 0, acks = 0;
    for (unsigned n = 0; (mark = tca_dossier_mark(k->d, TCA_MARK_FIN_ACK, k->active, n)); n++)
        acks++;
    for (unsigned n = 0; (mark = tca_dossier_mark(k->d, TCA_MARK_RST, k->passive, n)); n++)
        resets += tca_rst_shape(mark) == TCA_SHAPE_P && mark->seq == k->m->side[k->passive].fin_seq + 1;
    return resets && acks <= resets + 1;
}

/* On a path that takes twice as long as it did at first the repeat may have crossed the acknowledgment, and the reset that
 * would tell has not passed yet. */
static bool may_have_crossed(const struct tca_closing *k, const struct tca_mark *again,
                             const struct tca_mark *answer)
{
    const struct tca_mark *ack = k->fin_ack[k->active];
    int64_t slow_ns = 2 * tca_closing_path_ns(k, k->passive) + LATE_ACK_NS;
    return ack->frame < again->frame && again->time_ns - ack->time_ns <= slow_ns &&
           k->until_ns - answer->time_ns <= slow_ns;
}

static void hold_last_ack_lost(const struct tca_closing *k, struct tca_judgement *j,
                               const struct tca_mark *again, enum tca_confidence confidence)
{
    const struct tca_mark *answer = fin_ack_after(k, k->active, again);
    const struct tca_mark *const marks[] = {k->fin[k->passive], k->fin_ack[k->active], again, answer};
    tca_hold(j, answer && may_have_crossed(k, again, answer) ? TCA_POSSIBLE : tca_lower(confidence, !answer),
             again->time_ns);
    tca_close_prove_all(j, marks, sizeof marks / sizeof *marks);
    j->actor = TCA_ACTOR_PATH;
    tca_set_value(j, again->time_ns - k->fin[k->passive]->time_ns, "ns");
    tca_say(j, "The last ACK did not reach the %s, which repeated its FIN after %u.%03u s%s.",
            tca_role_name[k->passive], TCA_WHOLE_S(j->value), answer ? "; it was acknowledged again" : "");
}

void judge_close_last_ack_lost(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = tca_closing_of(c);
    const struct tca_mark *again;
    if (!in_last_ack(&k) || tca_closing_reset(&k).form != TCA_RESET_NONE || each_ack_arrived(&k))
        return;
    if ((again = repeat_after_ack(&k, k.passive)))
        hold_last_ack_lost(&k, j, again, tca_close_seen(&k, tca_levels_but_client));
    else if ((again = repeat_after_unseen_ack(&k)))
        hold_last_ack_lost(&k, j, again, tca_close_seen(&k, tca_levels_probable));
}

/* A repeated FIN of this side that was acknowledged in the end; NULL: none, or needless. */
static const struct tca_mark *lost_fin(const struct tca_closing *k, int side)
{
    const struct tca_mark *ack = k->fin_ack[1 - side], *fin;
    for (unsigned n = 0; k->fin[side] && ack && (fin = tca_dossier_mark(k->d, TCA_MARK_FIN, side, n)); n++)
        if (fin->copy > 1 && fin->frame < ack->frame && !needless(k->fin[side], fin, ack))
            return fin;
    return NULL;
}

void judge_close_fin_retry(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = tca_closing_of(c);
    if (k.active < 0 || !tca_closing_opened(k.m) || tca_closing_reset(&k).form != TCA_RESET_NONE)
        return;
    int side = k.active;
    const struct tca_mark *again = lost_fin(&k, side);
    if (!again)
        again = repeat_after_ack(&k, side);
    if (!again)
        again = lost_fin(&k, side = k.passive);
    if (!again)
        return;
    const struct tca_mark *const marks[] = {k.fin[side], again, k.fin_ack[1 - side]};
    bool told = again->has_ts || k.m->side[side].fin_count > 2;
    tca_hold(j,
             told ? tca_close_seen(&k, tca_levels_certain)
                  : tca_lower(tca_close_seen(&k, tca_levels_certain), 1),
             again->time_ns);
    tca_close_prove_all(j, marks, sizeof marks / sizeof *marks);
    j->actor = (uint8_t)side;
    tca_set_value(j, (int64_t)k.m->side[side].fin_count, "pkts");
    tca_say(j, "The FIN of the %s was sent %d times before its acknowledgment arrived.", tca_role_name[side],
            (int)j->value);
}

void judge_fin_lost(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = tca_closing_of(c);
    if (!tca_closing_both_fins(&k) || k.m->side[k.active].fin_count < 2 ||
        tca_closing_covers_fin(&k, k.fin[k.passive], k.active) ||
        !tca_closing_knew(&k, k.fin[k.passive], k.fin[k.active]))
        return;
    tca_hold(j, tca_close_seen(&k, tca_levels_probable), k.fin[k.active]->time_ns);
    tca_prove(j, k.fin[k.active]);
    tca_prove(j, k.fin[k.passive]);
    j->actor = TCA_ACTOR_PATH;
    tca_say(j,
            "The %s's FIN was lost behind the capture point: the %s closed %u.%03u s later without "
            "acknowledging it.",
            tca_role_name[k.active], tca_role_name[k.passive], TCA_WHOLE_S(tca_close_between_fins_ns(&k)));
}
