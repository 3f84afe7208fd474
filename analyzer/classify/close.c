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
#include "classify/closes.h"

#include "base/seq32.h"

/* ---- what every judge looks at ---- */

enum tca_confidence tca_close_seen(const struct tca_closing *k, struct tca_levels levels)
{
    const struct tca_side *side = k->m->side;
    bool mid = !side[TCA_CLIENT].iss_known && !side[TCA_SERVER].iss_known;
    int lower = ((k->m->damage & TCA_DAMAGE_GAP) && !mid) + mid;
    return tca_lower(tca_level(k->c, levels, TCA_BASIS_SEEN), lower);
}

void tca_close_prove_all(struct tca_judgement *j, const struct tca_mark *const *marks, unsigned count)
{
    const struct tca_mark *sorted[TCA_CLOSE_MARKS];
    unsigned used = 0;
    for (unsigned n = 0; n < count; n++) {
        unsigned at = used;
        if (!marks[n])
            continue;
        for (; at && sorted[at - 1]->frame > marks[n]->frame; at--)
            sorted[at] = sorted[at - 1];
        sorted[at] = marks[n];
        used++;
    }
    for (unsigned at = 0; at < used; at++)
        tca_prove(j, sorted[at]);
}

void tca_close_prove(const struct tca_closing *k, struct tca_judgement *j)
{
    const struct tca_mark *const marks[] = {k->fin[0], k->fin[1], k->fin_ack[0], k->fin_ack[1]};
    tca_close_prove_all(j, marks, sizeof marks / sizeof *marks);
    j->actor = (uint8_t)(k->active >= 0 ? k->active : TCA_ACTOR_PATH);
}

int64_t tca_close_between_fins_ns(const struct tca_closing *k)
{
    return k->fin[k->passive]->time_ns - k->fin[k->active]->time_ns;
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

/* What began before the capture may be the rest of a close: payload of an end that does not close after it shows that it
 * was open, or both FINs that were not answered. */
static bool seen_open(const struct tca_closing *k)
{
    if (!(k->m->damage & TCA_DAMAGE_START_CUT) || tca_closing_both_fins(k))
        return true;
    for (int side = 0; side < 2; side++)
        if (k->m->side[side].bytes && !k->fin[side])
            return true;
    return false;
}

/* Half closed: two segments that the capture missed, the other FIN and its acknowledgment, would have ended it. */
static enum tca_confidence killed_level(const struct tca_closing *k)
{
    enum tca_confidence level = tca_close_seen(k, tca_levels_certain);
    bool half = !k->fin[TCA_CLIENT] != !k->fin[TCA_SERVER];
    return half && level > TCA_PROBABLE ? TCA_PROBABLE : level;
}

void judge_close_killed_by_reuse(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = tca_closing_of(c);
    if (!k.m->killed_by_reuse || !tca_closing_opened(k.m) || tca_closing_direction_missing(k.m) ||
        !seen_open(&k))
        return;
    /* A close that the capture lost as a whole leaves no trace here; that others of the service have gaps, or what the
     * capture itself says of losses, tells that it may. */
    bool lossy = !(k.m->damage & TCA_DAMAGE_GAP) && (c->lossy || c->listener->gaps > 0);
    tca_hold(j, tca_lower(killed_level(&k), lossy), k.until_ns);
    tca_close_prove(&k, j);
    tca_prove(j, tca_dossier_last(c->d, TCA_MARK_LAST, -1));
    tca_say(j, "A new connection took these addresses and ports; the client was %s, the server %s.",
            tca_state_name(tca_side_state(&k.m->side[TCA_CLIENT])),
            tca_state_name(tca_side_state(&k.m->side[TCA_SERVER])));
}

/* ---- the orderly close ---- */

/* A FIN that nobody acknowledges is repeated within this: after 0.2 s as a rule, 3 s at the very most. */
static const int64_t FIRST_REPEAT_NS = 3 * TCA_SECOND;

/* Both FINs acknowledged. The last ACK may be missing from the capture: then no repeat of the FIN speaks for
 * it. */
static bool completed(const struct tca_closing *k, enum tca_confidence *ret_confidence)
{
    if (!tca_closing_both_fins(k) || !k->fin_ack[k->passive] || tca_closing_reset(k).form != TCA_RESET_NONE)
        return false;
    bool told =
        tca_closing_unseen(k, k->passive) == TCA_UNSEEN_NOT; /* else it may have closed first as well */
    *ret_confidence = tca_lower(tca_close_seen(k, tca_levels_certain), !told);
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
    int64_t wait_ns = tca_close_between_fins_ns(k);
    tca_hold(j, confidence, tca_close_later(last->time_ns, k->fin[k->passive]->time_ns));
    tca_close_prove(k, j);
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
    struct tca_closing k = tca_closing_of(c);
    enum tca_confidence confidence;
    if (completed(&k, &confidence) && merged(&k))
        hold_orderly(&k, j, confidence, "three");
}

void judge_close_four_way(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_closing k = tca_closing_of(c);
    enum tca_confidence confidence;
    if (completed(&k, &confidence) && !merged(&k))
        hold_orderly(&k, j, confidence, "four");
}

/* ---- nothing to say ---- */

void judge_close_unknown_mid(const struct tca_case *c, struct tca_judgement *j)
{
    tca_hold(j, TCA_POSSIBLE, c->d->m.last_ns);
    tca_prove(j, tca_dossier_last(c->d, TCA_MARK_LAST, -1));
    j->actor = TCA_ACTOR_PATH;
    tca_say(j, "Too little of this connection was captured to say how it ended.");
}
