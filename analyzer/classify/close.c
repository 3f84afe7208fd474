/* SPDX-License-Identifier: MIT
 *
 * How a connection ended.
 *
 *      A  the active closer: its first FIN passed first        P  the other end
 *
 *      A: FIN -->            A: FIN -->                A: FIN -->  <-- FIN :P    neither acknowledges the
 *              <-- ACK :P            <-- FIN+ACK :P    A: ACK -->  <-- ACK :P    other; each ACK answers a
 *              <-- FIN :P    A: ACK -->                                          FIN that left before its
 *      A: ACK -->                                                                sender acknowledged
 *      four_way              three_way                 simultaneous_both
 *
 * Each judge asks for its own conditions only; closing.c reads the segments. Where two could hold, the order
 * of close.def decides; those that need no mention beside another are `normal` there. Checked against RFC
 * 9293 section 3.6 and Linux tcp_fin(), tcp_close() (5.10 to 7.2).
 */
#include "classify/closing.h"

#include "base/seq32.h"
#include "classify/level.h"
#include "mirror/deviations.h"

/* A FIN that nobody acknowledges is repeated within this: after 0.2 s as a rule, 3 s at the very most. */
static const int64_t FIRST_REPEAT_NS = 3 * TCA_SECOND;
/* A FIN that is acknowledged later than this, the round trip aside, was not acknowledged at once. */
static const int64_t LATE_ACK_NS = 50 * TCA_MS;
enum { LADDER = 3, LEAKS = 5 };

/* ---- what every judge looks at ---- */

static struct tca_closing closing_of(const struct tca_case *c)
{
    struct tca_closing k = tca_closing_gather(c->d);
    k.c = c;
    return k;
}

/* What was seen is a fact; what it means rests on having seen everything: one level less for gaps, one
 * without the opening. */
static enum tca_confidence seen(const struct tca_closing *k, struct tca_levels levels)
{
    const struct tca_side *side = k->m->side;
    bool mid = !side[TCA_CLIENT].iss_known && !side[TCA_SERVER].iss_known;
    int lower = ((k->m->damage & TCA_DAMAGE_GAP) && !mid) + mid;
    return tca_lower(tca_level(k->c, levels, TCA_BASIS_SEEN), lower);
}

static void prove_all(struct tca_judgement *j, const struct tca_mark *const *marks, unsigned count)
{
    uint64_t after = 0;
    for (unsigned n = 0; n < count; n++) {
        const struct tca_mark *next = NULL;
        for (unsigned at = 0; at < count; at++)
            if (marks[at] && marks[at]->frame > after && (!next || marks[at]->frame < next->frame))
                next = marks[at];
        if (!next)
            return;
        tca_prove(j, next);
        after = next->frame;
    }
}

/* FINs and acknowledgments, in the order of their frames. */
static void prove_close(const struct tca_closing *k, struct tca_judgement *j)
{
    const struct tca_mark *const marks[] = {k->fin[0], k->fin[1], k->fin_ack[0], k->fin_ack[1]};
    prove_all(j, marks, sizeof marks / sizeof *marks);
    j->actor = (uint8_t)(k->active >= 0 ? k->active : TCA_ACTOR_PATH);
}

static int64_t latest(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* ---- never opened, taken over ---- */

static bool over(const struct tca_side *side)
{
    enum tca_state state = tca_side_state(side);
    return side->step_count && (state == TCA_CLOSED || state == TCA_LISTEN);
}

void judge_close_handshake_failed(const struct tca_case *c, struct tca_judgement *j)
{
    const struct tca_mirror *m = &c->d->m;
    if (tca_closing_opened(m) ||
        !(over(&m->side[TCA_CLIENT]) || over(&m->side[TCA_SERVER]) || m->end_ns >= 0))
        return;
    tca_hold(j, TCA_CERTAIN, m->last_ns);
    tca_prove(j, tca_dossier_mark(c->d, TCA_MARK_SYN, -1, 0));
    tca_prove(j, tca_dossier_last(c->d, TCA_MARK_LAST | TCA_MARK_RST | TCA_MARK_ICMP, -1));
    j->actor = TCA_ACTOR_PATH;
    tca_say(j, "The connection never opened at both ends, so there was nothing to close.");
}

void judge_close_killed_by_reuse(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = closing_of(c);
    if (!k.m->killed_by_reuse || !tca_closing_opened(k.m))
        return;
    tca_hold(j, seen(&k, tca_levels_certain), k.until_ns);
    prove_close(&k, j);
    tca_prove(j, tca_dossier_last(c->d, TCA_MARK_LAST, -1));
    tca_say(j, "A new connection took these addresses and ports; the client was %s, the server %s.",
            tca_state_name(tca_side_state(&k.m->side[TCA_CLIENT])),
            tca_state_name(tca_side_state(&k.m->side[TCA_SERVER])));
}

/* ---- resets ---- */

/* Common to the reset forms: hold if it is this one, with the FINs before it, its trigger and the reset as
 * proof. */
static bool hold_reset(const struct tca_closing *k, struct tca_judgement *j, enum tca_reset_form form)
{
    struct tca_reset r = tca_closing_reset(k);
    if (r.form != form)
        return false;
    bool blind = r.rst->rst_fit == TCA_RST_BLIND;
    tca_hold(j, tca_lower(seen(k, tca_levels_certain), blind), r.rst->time_ns);
    const struct tca_mark *marks[] = {NULL, NULL, r.trigger, r.rst};
    for (int side = 0; side < 2; side++)
        if (k->fin[side] && k->fin[side]->frame < r.rst->frame)
            marks[side] = k->fin[side];
    prove_all(j, marks, sizeof marks / sizeof *marks);
    j->actor = r.rst->side;
    return true;
}

void judge_close_rst_both_fin(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = closing_of(c);
    if (!hold_reset(&k, j, TCA_RESET_BOTH_FIN))
        return;
    int64_t apart_ns = j->time_ns - k.fin[j->actor]->time_ns;
    tca_set_value(j, apart_ns, "ns");
    tca_say(j, "The %s sent FIN and %u.%03u s later a reset.", tca_role_name[j->actor],
            TCA_WHOLE_S(apart_ns));
}

void judge_close_half_then_rst(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = closing_of(c);
    if (!hold_reset(&k, j, TCA_RESET_HALF_THEN_RST))
        return;
    tca_say(j, "The %s had sent FIN and answered data of the %s with a reset.", tca_role_name[j->actor],
            tca_role_name[1 - j->actor]);
}

void judge_close_rst_by_passive(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = closing_of(c);
    if (!hold_reset(&k, j, TCA_RESET_BY_PASSIVE))
        return;
    tca_say(j, "The %s sent FIN; the %s answered with a reset instead of closing too.",
            tca_role_name[1 - j->actor], tca_role_name[j->actor]);
}

/* The same reset as one of the causes: why it came is told beside. */
void judge_rst_after_fin(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = closing_of(c);
    if (!hold_reset(&k, j, TCA_RESET_BY_PASSIVE))
        return;
    int64_t after_ns = j->time_ns - k.fin[1 - j->actor]->time_ns;
    tca_set_value(j, after_ns, "ns");
    tca_say(j, "The %s answered the %s's FIN with a reset, %u.%03u s after it.", tca_role_name[j->actor],
            tca_role_name[1 - j->actor], TCA_WHOLE_S(after_ns));
}

void judge_close_rst_active(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = closing_of(c);
    if (!hold_reset(&k, j, TCA_RESET_ACTIVE))
        return;
    tca_say(j, "The %s aborted the open connection with a reset.", tca_role_name[j->actor]);
}

void judge_close_rst_reply(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = closing_of(c);
    if (!hold_reset(&k, j, TCA_RESET_REPLY))
        return;
    tca_say(j, "The %s had no such connection and answered with a reset.", tca_role_name[j->actor]);
}

/* ---- both FINs at once ---- */

static int64_t between_fins_ns(const struct tca_closing *k)
{
    return k->fin[k->passive]->time_ns - k->fin[k->active]->time_ns;
}

static void hold_crossing(const struct tca_closing *k, const struct tca_crossing *x, struct tca_judgement *j,
                          enum tca_confidence confidence)
{
    int64_t when = k->fin[k->passive]->time_ns;
    for (int side = 0; side < 2; side++)
        if (k->fin_ack[side])
            when = latest(when, k->fin_ack[side]->time_ns);
    tca_hold(j, x->sure ? confidence : tca_lower(confidence, 1), when);
    prove_close(k, j);
    tca_set_value(j, between_fins_ns(k), "ns");
}

void judge_close_simultaneous_both(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = closing_of(c);
    struct tca_crossing x = tca_closing_crossing(&k);
    if (!x.cross || x.closing != 2)
        return;
    hold_crossing(&k, &x, j, seen(&k, tca_levels_certain));
    tca_say(j, "The FINs crossed, %u.%03u s apart here, and both ends went through CLOSING.",
            TCA_WHOLE_S(between_fins_ns(&k)));
}

void judge_close_simultaneous_one(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = closing_of(c);
    struct tca_crossing x = tca_closing_crossing(&k);
    if (!x.cross || x.closing != 1 || x.through[0] == TCA_THROUGH_NOT_TOLD ||
        x.through[1] == TCA_THROUGH_NOT_TOLD)
        return;
    int side = x.through[TCA_CLIENT] == TCA_THROUGH_CLOSING ? TCA_CLIENT : TCA_SERVER;
    hold_crossing(&k, &x, j, seen(&k, tca_levels_certain));
    tca_say(j, "Both ends sent FIN unaware of the other's, but only the %s went through CLOSING.",
            tca_role_name[side]);
}

void judge_close_fin_crossing(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = closing_of(c);
    struct tca_crossing x = tca_closing_crossing(&k);
    bool told = x.through[0] != TCA_THROUGH_NOT_TOLD && x.through[1] != TCA_THROUGH_NOT_TOLD;
    if (!x.cross || told || tca_closing_knew(&k, k.fin[k.passive], k.fin[k.active]))
        return;
    hold_crossing(&k, &x, j, tca_lower(seen(&k, tca_levels_certain), 1));
    tca_say(j, "The FINs crossed, %u.%03u s apart here; who went through CLOSING cannot be told.",
            TCA_WHOLE_S(between_fins_ns(&k)));
}

/* ---- lost FINs and lost acknowledgments ---- */

/* A FIN that never was acknowledged, repeated; `ret_confidence` is lower while the next was not due. */
static bool unacked_ladder(const struct tca_closing *k, int side, enum tca_confidence *ret_confidence)
{
    const struct tca_side *s = &k->m->side[side];
    if (!k->fin[side] || k->fin_ack[1 - side] || s->fin_acked_by_peer || s->fin_count < 2 ||
        tca_closing_reset(k).form != TCA_RESET_NONE)
        return false;
    int64_t due_ns = s->fin_last_ns + s->fin_gap_ns * 2 + s->fin_gap_ns / 4 + 100 * TCA_MS;
    bool ended = k->until_ns > due_ns;
    if (!ended && s->fin_count < LADDER)
        return false; /* two copies and the end of the capture: nothing to say yet */
    *ret_confidence = ended ? seen(k, tca_levels_certain) : tca_lower(seen(k, tca_levels_certain), 1);
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
    struct tca_closing k = closing_of(c);
    enum tca_confidence confidence;
    if (!in_last_ack(&k) || !unacked_ladder(&k, k.passive, &confidence))
        return;
    hold_ladder(&k, k.passive, j, confidence);
    tca_say(j, "The %s closed second and sent its FIN %d times; nobody acknowledged it.",
            tca_role_name[k.passive], (int)j->value);
}

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

static void hold_last_ack_lost(const struct tca_closing *k, struct tca_judgement *j,
                               const struct tca_mark *again, enum tca_confidence confidence)
{
    const struct tca_mark *answer = fin_ack_after(k, k->active, again);
    const struct tca_mark *const marks[] = {k->fin[k->passive], k->fin_ack[k->active], again, answer};
    tca_hold(j, answer ? confidence : tca_lower(confidence, 1), again->time_ns);
    prove_all(j, marks, sizeof marks / sizeof *marks);
    j->actor = TCA_ACTOR_PATH;
    tca_set_value(j, again->time_ns - k->fin[k->passive]->time_ns, "ns");
    tca_say(j, "The last ACK did not reach the %s, which repeated its FIN after %u.%03u s%s.",
            tca_role_name[k->passive], TCA_WHOLE_S(j->value), answer ? "; it was acknowledged again" : "");
}

void judge_close_last_ack_lost(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = closing_of(c);
    const struct tca_mark *again;
    if (!in_last_ack(&k) || tca_closing_reset(&k).form != TCA_RESET_NONE)
        return;
    if ((again = repeat_after_ack(&k, k.passive)))
        hold_last_ack_lost(&k, j, again, seen(&k, tca_levels_but_client));
    else if ((again = repeat_after_unseen_ack(&k)))
        hold_last_ack_lost(&k, j, again, seen(&k, tca_levels_probable));
}

void judge_close_fin_unacked(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = closing_of(c);
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
    struct tca_closing k = closing_of(c);
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
    tca_hold(j, told ? seen(&k, tca_levels_certain) : tca_lower(seen(&k, tca_levels_certain), 1),
             again->time_ns);
    prove_all(j, marks, sizeof marks / sizeof *marks);
    j->actor = (uint8_t)side;
    tca_set_value(j, (int64_t)k.m->side[side].fin_count, "pkts");
    tca_say(j, "The FIN of the %s was sent %d times before its acknowledgment arrived.", tca_role_name[side],
            (int)j->value);
}

/* ---- one end closes, the other does not ---- */

void judge_close_fin_wait2_timeout(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = closing_of(c);
    if (!hold_reset(&k, j, TCA_RESET_LATE_REPLY))
        return;
    int64_t waited_ns = j->time_ns - k.fin_ack[1 - j->actor]->time_ns;
    j->confidence = tca_lower(j->confidence, 1);
    tca_set_value(j, waited_ns, "ns");
    tca_say(j,
            "The %s closed, waited in FIN_WAIT2 for less than %u.%03u s and was gone when the %s sent again.",
            tca_role_name[j->actor], TCA_WHOLE_S(waited_ns), tca_role_name[1 - j->actor]);
}

/* A connection that waits in a full accept queue is in CLOSE_WAIT without any application to blame. */
static bool not_accepted(const struct tca_closing *k)
{
    return k->passive == TCA_SERVER &&
           tca_listener_episode(k->c->listener, k->fin[k->active]->time_ns, TCA_LONG_CLOSE_WAIT_NS) != NULL;
}

void judge_close_wait_leak(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = closing_of(c);
    int64_t idle_ns = tca_closing_idle_ns(&k);
    if (idle_ns <= TCA_LONG_CLOSE_WAIT_NS)
        return;
    bool mute = k.m->side[k.passive].bytes == 0;
    bool likely =
        (mute || (k.passive == TCA_SERVER && c->listener->close_wait_flows >= LEAKS)) && !not_accepted(&k);
    tca_hold(j, likely ? seen(&k, tca_levels_probable) : TCA_POSSIBLE,
             k.fin_ack[k.passive]->time_ns + TCA_LONG_CLOSE_WAIT_NS);
    prove_close(&k, j);
    j->actor = (uint8_t)k.passive;
    tca_set_value(j, idle_ns, "ns");
    tca_say(j, "The %s acknowledged the FIN and did nothing for %u.%03u s: its socket is in CLOSE_WAIT%s.",
            tca_role_name[k.passive], TCA_WHOLE_S(idle_ns),
            !k.m->side[k.active].close_used ? ", the other end may be long gone" : "");
}

/* The first payload of P that left after P had acknowledged A's FIN; NULL unless A acknowledged it. */
static const struct tca_mark *used_half(const struct tca_closing *k)
{
    const struct tca_mark *data;
    if (k->active < 0)
        return NULL;
    for (unsigned n = 0; (data = tca_dossier_mark(k->d, TCA_MARK_LATE_DATA, k->passive, n)); n++)
        if (tca_closing_covers_fin(k, data, k->active))
            break;
    const struct tca_side *a = &k->m->side[k->active];
    bool taken = data && a->acked_known && seq_after_eq(a->acked, data->seq + data->len);
    return taken ? data : NULL;
}

void judge_close_half(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = closing_of(c);
    const struct tca_mark *data = used_half(&k);
    if (!data || tca_closing_reset(&k).form != TCA_RESET_NONE)
        return;
    const struct tca_side *p = &k.m->side[k.passive];
    const struct tca_mark *const marks[] = {k.fin[k.active], k.fin_ack[k.passive], data, k.fin[k.passive],
                                            k.fin_ack[k.active]};
    uint32_t end = k.fin[k.passive] ? p->fin_seq : p->snd_nxt;
    tca_hold(j, seen(&k, tca_levels_certain), latest(p->last_data_ns, data->time_ns));
    prove_all(j, marks, sizeof marks / sizeof *marks);
    j->actor = (uint8_t)k.active;
    tca_set_value(j, (int64_t)(end - data->seq), "bytes");
    tca_say(j, "The %s closed its direction and received %u more bytes within %u.%03u s.",
            tca_role_name[k.active], (unsigned)(end - data->seq),
            TCA_WHOLE_S(j->time_ns - k.fin[k.active]->time_ns));
}

/* ---- the orderly close ---- */

/* Both FINs acknowledged. The last ACK may be missing from the capture: then no repeat of the FIN speaks for
 * it. */
static bool completed(const struct tca_closing *k, enum tca_confidence *ret_confidence)
{
    if (!tca_closing_both_fins(k) || !k->fin_ack[k->passive] || tca_closing_reset(k).form != TCA_RESET_NONE)
        return false;
    *ret_confidence = seen(k, tca_levels_certain);
    if (k->fin_ack[k->active])
        return true;
    const struct tca_mark *fin = k->fin[k->passive];
    *ret_confidence = tca_lower(*ret_confidence, 1);
    return k->m->side[k->passive].fin_count == 1 && k->until_ns - fin->time_ns > FIRST_REPEAT_NS;
}

static void hold_orderly(const struct tca_closing *k, struct tca_judgement *j, enum tca_confidence confidence,
                         const char *segments)
{
    const struct tca_mark *last = k->fin_ack[k->active] ? k->fin_ack[k->active] : k->fin[k->passive];
    int64_t wait_ns = between_fins_ns(k);
    tca_hold(j, confidence, latest(last->time_ns, k->fin[k->passive]->time_ns));
    prove_close(k, j);
    tca_set_value(j, wait_ns, "ns");
    tca_say(j, "The %s closed first, the %s %u.%03u s later, in %s segments.", tca_role_name[k->active],
            tca_role_name[k->passive], TCA_WHOLE_S(wait_ns), segments);
}

/* P's bare ACK of A's FIN left before P's FIN did, which overtook it: its timestamp is older, or its number. */
static bool ack_overtaken(const struct tca_closing *k)
{
    const struct tca_mark *fin = k->fin[k->passive];
    for (unsigned at = 0; at < k->d->mark_count; at++) {
        const struct tca_mark *mark = &k->d->mark[at];
        bool bare = (mark->flags & (TCA_SYN | TCA_FIN | TCA_RST | TCA_ACK)) == TCA_ACK && !mark->len;
        if (mark->side != k->passive || mark->frame < fin->frame || !bare || mark->witness ||
            (mark->roles & TCA_MARK_ICMP) || !tca_closing_covers_fin(k, mark, k->active))
            continue;
        bool numbered = mark->has_ip_id && mark->ip_id && fin->has_ip_id && fin->ip_id;
        if (mark->has_ts && fin->has_ts ? seq_before(mark->tsval, fin->tsval)
                                        : numbered && (int16_t)(mark->ip_id - fin->ip_id) < 0)
            return true;
    }
    return false;
}

static bool merged(const struct tca_closing *k)
{
    return k->fin_ack[k->passive] == k->fin[k->passive] && !ack_overtaken(k);
}

void judge_close_three_way(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = closing_of(c);
    enum tca_confidence confidence;
    if (completed(&k, &confidence) && merged(&k))
        hold_orderly(&k, j, confidence, "three");
}

void judge_close_four_way(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = closing_of(c);
    enum tca_confidence confidence;
    if (completed(&k, &confidence) && !merged(&k))
        hold_orderly(&k, j, confidence, "four");
}

/* ---- no end seen ---- */

static bool gave_up(const struct tca_side *side)
{
    if (side->step_count < 2)
        return false;
    const struct tca_step *step = &side->step[side->step_count - 1], *before = step - 1;
    return step->event == TCA_TIMER_USER &&
           (before->state == TCA_ESTABLISHED || before->state == TCA_CLOSE_WAIT);
}

static bool copies_stopped(const struct tca_closing *k, const struct tca_side *side)
{
    return side->rto_run >= LADDER && side->rto_gap_ns > 0 &&
           k->until_ns > side->rto_last_ns + side->rto_gap_ns * 2 + side->rto_gap_ns / 4 + 100 * TCA_MS;
}

/* Probes, of an idle peer or a closed window, after the peer's last sign of life, and then nothing for longer than the next
 * would have taken. */
static bool probes_stopped(const struct tca_closing *k, int side)
{
    const struct tca_mark *probe, *last = NULL;
    unsigned count = 0;
    int64_t gap_ns = 0;
    for (unsigned n = 0;
         (probe = tca_dossier_mark(k->d, TCA_MARK_KEEPALIVE | TCA_MARK_WINDOW_PROBE, side, n)); n++) {
        if (probe->time_ns <= k->m->side[1 - side].last_ns)
            continue;
        gap_ns = last ? tca_interval(last->time_ns, probe->time_ns) : 0;
        last = probe;
        count++;
    }
    return count >= LADDER && k->until_ns > last->time_ns + gap_ns * 2 + gap_ns / 4 + 100 * TCA_MS;
}

static int silent_side(const struct tca_closing *k)
{
    for (int side = 0; side < 2; side++)
        if (gave_up(&k->m->side[side]) || copies_stopped(k, &k->m->side[side]) || probes_stopped(k, side))
            return side;
    return -1;
}

void judge_close_timeout_silent(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = closing_of(c);
    int side = silent_side(&k);
    if (side < 0 || k.fin[0] || k.fin[1] || !tca_closing_opened(k.m) || tca_closing_rst(&k))
        return;
    tca_hold(j, tca_level(c, tca_levels_probable, TCA_BASIS_SILENCE), k.m->last_ns);
    tca_prove(j, tca_dossier_last(c->d, TCA_MARK_LAST, 1 - side));
    tca_prove(
        j, tca_dossier_last(
               c->d, TCA_MARK_LAST | TCA_MARK_DATA_RETX | TCA_MARK_KEEPALIVE | TCA_MARK_WINDOW_PROBE, side));
    j->actor = (uint8_t)side;
    tca_set_value(j, k.m->last_ns - k.m->side[1 - side].last_ns, "ns");
    tca_say(j,
            "The %s got no answer any more, tried again, and fell silent %u.%03u s after the last word of "
            "the %s.",
            tca_role_name[side], TCA_WHOLE_S(j->value), tca_role_name[1 - side]);
}

static bool still_open(const struct tca_side *side)
{
    enum tca_state state = tca_side_state(side);
    return side->step_count && state != TCA_CLOSED && state != TCA_LISTEN && state != TCA_TIME_WAIT &&
           state != TCA_UNKNOWN;
}

static bool unknown(const struct tca_side *side)
{
    return side->step_count && tca_side_state(side) == TCA_UNKNOWN;
}

/* Begun before the capture, one end closed within it, and the other, which sent nothing new, may have closed
 * before. */
static bool may_have_closed_before(const struct tca_closing *k)
{
    return (k->m->damage & TCA_DAMAGE_START_CUT) && k->active >= 0 && !k->fin[k->passive] &&
           !k->m->side[k->passive].bytes;
}

void judge_fin_lost(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = closing_of(c);
    if (!tca_closing_both_fins(&k) || k.m->side[k.active].fin_count < 2 ||
        tca_closing_covers_fin(&k, k.fin[k.passive], k.active) ||
        !tca_closing_knew(&k, k.fin[k.passive], k.fin[k.active]))
        return;
    tca_hold(j, seen(&k, tca_levels_probable), k.fin[k.active]->time_ns);
    tca_prove(j, k.fin[k.active]);
    tca_prove(j, k.fin[k.passive]);
    j->actor = TCA_ACTOR_PATH;
    tca_say(j,
            "The %s's FIN was lost behind the capture point: the %s closed %u.%03u s later without "
            "acknowledging it.",
            tca_role_name[k.active], tca_role_name[k.passive], TCA_WHOLE_S(between_fins_ns(&k)));
}

/* One end acknowledges what the other sent, and nothing of that is in the capture: its silence is not its own. */
static bool direction_missing(const struct tca_closing *k)
{
    for (int side = 0; side < 2 && (k->m->damage & TCA_DAMAGE_ONE_WAY); side++)
        if (k->m->side[side].acked_known && !k->m->side[1 - side].pkts)
            return true;
    return false;
}

void judge_close_none_open_at_end(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = closing_of(c);
    const struct tca_side *client = &k.m->side[TCA_CLIENT], *server = &k.m->side[TCA_SERVER];
    if (!(still_open(client) || still_open(server)) || unknown(client) || unknown(server) ||
        may_have_closed_before(&k) || direction_missing(&k))
        return;
    tca_hold(j, seen(&k, tca_levels_certain), k.until_ns);
    prove_close(&k, j);
    tca_prove(j, tca_dossier_last(c->d, TCA_MARK_LAST, -1));
    tca_say(j, "At the end of the capture the client was %s and the server %s.",
            tca_state_name(tca_side_state(client)), tca_state_name(tca_side_state(server)));
}

void judge_close_unknown_mid(const struct tca_case *c, struct tca_judgement *j)
{
    tca_hold(j, TCA_POSSIBLE, c->d->m.last_ns);
    tca_prove(j, tca_dossier_last(c->d, TCA_MARK_LAST, -1));
    j->actor = TCA_ACTOR_PATH;
    tca_say(j, "Too little of this connection was captured to say how it ended.");
}
