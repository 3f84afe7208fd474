/* SPDX-License-Identifier: MIT
 *
 * Reading the rungs of SYN+ACK ladders.
 *
 * Linux (inet_connection_sock.c reqsk_timer_handler, tcp_minisocks.c tcp_check_req; read in 5.10, 6.1, 6.12
 * and 7.2, measured on 6.18) repeats at 1, 3, 7, 15 and 31 s after the first SYN+ACK and forgets the request
 * at 63 s; never early, up to an eighth late. With TCP_DEFER_ACCEPT the early rungs are left out. A repeated
 * SYN is answered at once. Invariant: a repeat is an answer, silent, crossed or stuck, and nothing else.
 */
#include "classify/read/rungs.h"

#include "base/seq32.h"
#include "mirror/deviations.h"

#include <stdlib.h>

#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)

/* A SYN+ACK that follows a SYN so closely answers it. */
static const int64_t NEAR_NS = 20 * MS;
/* A request answers copies of its SYN no more often: net.ipv4.tcp_invalid_ratelimit, tcp_input.c tcp_oow_rate_limited. */
static const int64_t INVALID_RATELIMIT_NS = 500 * MS;
static const int64_t defer_rungs[] = {3 * SECOND, 7 * SECOND, 15 * SECOND, 31 * SECOND, 63 * SECOND};

bool tca_fits_timer(int64_t gap_ns, int64_t interval_ns)
{
    return gap_ns >= interval_ns / 100 * 98 && gap_ns <= interval_ns + interval_ns / 8 + 20 * MS;
}

/* ---- reading ---- */

/* 5.10 and older note the TSval of an ACK in the request before they refuse it, and echo it in the next rung.
 */
static bool names_ack(const struct tca_dossier *d, const struct tca_mark *rung, const struct tca_mark *first)
{
    if (!rung->has_ts || !first->has_ts || rung->tsecr == first->tsecr)
        return false;
    for (unsigned at = 0; at < d->mark_count && d->mark[at].frame < rung->frame; at++) {
        const struct tca_mark *ack = &d->mark[at];
        if ((ack->roles & TCA_MARK_OPEN_ACK) && ack->has_ts && ack->tsval == rung->tsecr)
            return true;
    }
    return false;
}

/* A repeat by timer cannot follow so soon, and one without the SYN it answers is a copy or belongs to another
 * flow. */
static bool too_soon(const struct tca_mark *mark, const struct tca_ladder *l)
{
    return mark->time_ns - l->last->time_ns < SECOND / 2;
}

/* The copy of the SYN that this SYN+ACK answers: the one that TSecr names, else the last before it. */
static const struct tca_mark *answered_copy(const struct tca_dossier *d, const struct tca_mark *synack)
{
    const struct tca_mark *last = NULL;
    for (unsigned at = 0; at < d->mark_count && d->mark[at].frame < synack->frame; at++) {
        const struct tca_mark *syn = &d->mark[at];
        if (!(syn->roles & TCA_MARK_SYN) || syn->side != TCA_CLIENT || syn->witness)
            continue;
        if (syn->has_ts && synack->has_ts && syn->tsval == synack->tsecr)
            return syn;
        last = syn;
    }
    return last;
}

/* The repeat follows a repeated SYN by the path's delay, but also the first SYN+ACK by the timer's. */
static bool timer_was_due(const struct tca_mark *mark, const struct tca_mark *syn, const struct tca_ladder *l)
{
    return !l->rungs && !l->answers && mark->time_ns - syn->time_ns > NEAR_NS &&
           tca_fits_timer(mark->time_ns - l->first->time_ns, SECOND);
}

/* The answers to two SYNs are as far apart as the SYNs were: if a second fits better, it was the timer. */
static bool rather_timer(const struct tca_dossier *d, const struct tca_mark *mark, const struct tca_mark *syn,
                         const struct tca_ladder *l)
{
    const struct tca_mark *answered = answered_copy(d, l->first);
    if (!answered || answered == syn)
        return false;
    int64_t apart = mark->time_ns - l->first->time_ns, syns = syn->time_ns - answered->time_ns;
    int64_t off = apart > syns ? apart - syns : syns - apart;
    int64_t late = apart > SECOND ? apart - SECOND : SECOND - apart;
    return late < off;
}

static const struct tca_mark *newest_syn(const struct tca_dossier *d, const struct tca_mark *before)
{
    const struct tca_mark *newest = NULL, *syn;
    for (unsigned n = 0; (syn = tca_dossier_mark(d, TCA_MARK_SYN, TCA_CLIENT, n)); n++)
        if (syn->frame < before->frame)
            newest = syn;
    return newest;
}

/* It came later after the repeated SYN than the path takes, but a path that varies a little delays an answer so far. */
static bool may_be_delayed(const struct tca_dossier *d, const struct tca_mark *mark,
                           const struct tca_mark *syn, const struct tca_ladder *l)
{
    int64_t path = d->m.path_to_server_ns;
    return l->syns > 1 && path > 0 && mark->time_ns - syn->time_ns <= path + path / 8;
}

/* By the marks an answer. Sets `unsure` where the timer as well as an answer is possible. */
static bool is_answer(const struct tca_dossier *d, const struct tca_mark *mark, struct tca_ladder *l)
{
    const struct tca_mark *syn = newest_syn(d, mark);
    if (!syn || !timer_was_due(mark, syn, l))
        return mark->answers_syn;
    l->unsure = mark->answers_syn || may_be_delayed(d, mark, syn, l);
    return mark->answers_syn && !rather_timer(d, mark, syn, l);
}

/* It left before the ACK could arrive. */
static bool crosses(const struct tca_dossier *d, const struct tca_mark *mark, const struct tca_ladder *l)
{
    return mark->crossing || (mark->answers_syn && d->m.path_to_server_ns > 0 &&
                              mark->time_ns - l->ack->time_ns <= d->m.path_to_server_ns + MS);
}

static void read_repeat(const struct tca_dossier *d, const struct tca_mark *mark, struct tca_ladder *l)
{
    if (is_answer(d, mark, l)) {
        l->in_vain |= !l->answers && l->unsure && l->ack && crosses(d, mark, l);
        l->answers++;
        return;
    }
    if (too_soon(mark, l))
        return;
    if (!l->first_rung) {
        l->first_rung = mark;
        l->gap_ns = mark->time_ns - l->first->time_ns;
    }
    l->rungs++;
    if (!l->ack) {
        l->silent++;
    } else if (crosses(d, mark, l)) {
        l->crossed++;
    } else {
        if (!l->stuck++)
            l->first_stuck = mark;
        if (!l->named && names_ack(d, mark, l->first))
            l->named = mark;
    }
}

static void read_ack(const struct tca_mark *mark, struct tca_ladder *l)
{
    if (!l->ack) {
        l->ack = mark;
        l->echo_known = l->first && l->first->has_ts && mark->has_ts;
        l->acks_first = l->echo_known && mark->tsecr == l->first->tsval;
    }
    if (!l->stuck && (mark->len || (mark->flags & TCA_FIN)))
        l->early_data = true;
}

static void read_synack(const struct tca_dossier *d, const struct tca_mark *mark, struct tca_ladder *l)
{
    if (!l->first) {
        l->first = l->last = mark;
    } else if (mark->seq != l->first->seq) {
        l->mixed = true;
    } else if (!l->child) {
        read_repeat(d, mark, l);
        l->last = mark;
    }
}

static void read_mark(const struct tca_dossier *d, const struct tca_mark *mark, struct tca_ladder *l)
{
    if (mark->witness)
        return;
    if (mark->side == TCA_SERVER) {
        l->child |= (mark->roles & TCA_MARK_CHILD) != 0;
        if (mark->roles & TCA_MARK_SYNACK)
            read_synack(d, mark, l);
        return;
    }
    l->syns += (mark->roles & TCA_MARK_SYN) != 0;
    l->withdrawn |= (mark->roles & TCA_MARK_RST) && !l->ack;
    if (mark->roles & TCA_MARK_OPEN_ACK)
        read_ack(mark, l);
}

void tca_ladder_read(const struct tca_dossier *d, struct tca_ladder *l)
{
    *l = (struct tca_ladder){.gap_ns = -1};
    for (unsigned at = 0; at < d->mark_count; at++)
        read_mark(d, &d->mark[at], l);
    if (!l->rungs)
        return;
    uint64_t count = d->m.side[TCA_SERVER].synack_count;
    unsigned kept = tca_dossier_count(d, TCA_MARK_SYNACK, TCA_SERVER);
    if (l->ack)
        l->slow_path =
            4 * tca_dossier_client_path(d).fin_ns >= 3 * tca_interval(l->first->time_ns, l->ack->time_ns);
    if (count > kept)
        l->rungs += count - kept < 1000 ? (unsigned)(count - kept) : 1000;
}

/* ---- SYNs without an answer ---- */

static bool answered_between(const struct tca_dossier *d, const struct tca_mark *syn,
                             const struct tca_mark *next)
{
    for (unsigned at = 0; at < d->mark_count; at++) {
        const struct tca_mark *mark = &d->mark[at];
        bool icmp = mark->roles & TCA_MARK_ICMP;
        bool answers = icmp ? mark->side == TCA_CLIENT : mark->side == TCA_SERVER;
        if (answers && mark->frame > syn->frame && (!next || mark->frame < next->frame))
            return true;
    }
    return false;
}

/* Does it echo a newer SYN than any that was captured? Then those that were stayed unanswered. */
static bool answers_unseen(const struct tca_dossier *d, const struct tca_mark *synack)
{
    const struct tca_mark *newest = newest_syn(d, synack);
    return newest && newest->has_ts && synack->has_ts && synack->tsecr &&
           (int32_t)(synack->tsecr - newest->tsval) > 0;
}

/* The first SYN+ACK of the connection. If the client chose one with another sequence number, no request lived until
 * then: what was answered before was forgotten, as a SYN cookie is at once, and copies of the SYN met the listener. */
static const struct tca_mark *lasting_synack(const struct tca_dossier *d)
{
    const struct tca_mark *first = tca_dossier_mark(d, TCA_MARK_SYNACK, TCA_SERVER, 0), *other;
    uint32_t chosen = d->m.side[TCA_SERVER].iss;
    if (!first || !d->m.synack_isn_changed || first->seq == chosen)
        return first;
    for (unsigned n = 0; (other = tca_dossier_mark(d, TCA_MARK_OTHER_SYNACK, TCA_SERVER, n)); n++)
        if (other->seq == chosen)
            return other;
    return first;
}

static bool is_copy(const struct tca_mark *mark)
{
    return (mark->roles & TCA_MARK_SYN) && mark->side == TCA_CLIENT && !mark->witness;
}

static const struct tca_mark *next_copy(const struct tca_dossier *d, const struct tca_mark *syn)
{
    for (unsigned at = 0; at < d->mark_count; at++)
        if (is_copy(&d->mark[at]) && d->mark[at].frame > syn->frame)
            return &d->mark[at];
    return NULL;
}

const struct tca_mark *tca_syn_met_no_request(const struct tca_dossier *d)
{
    const struct tca_mark *synack = tca_dossier_mark(d, TCA_MARK_SYNACK, TCA_SERVER, 0), *last = NULL;
    const struct tca_mark *before = tca_dossier_mark(d, TCA_MARK_SYN, TCA_CLIENT, 0), *syn, *next;
    if (!tca_mirror_near_server(&d->m) || !synack || !before ||
        d->m.damage & (TCA_DAMAGE_GAP | TCA_DAMAGE_NO_TIME))
        return NULL;
    for (syn = next_copy(d, before); syn; before = syn, syn = next) {
        next = next_copy(d, syn);
        bool rested = syn->time_ns - before->time_ns > INVALID_RATELIMIT_NS;
        if (syn->frame > synack->frame && rested && !answered_between(d, syn, next))
            last = syn;
    }
    return last;
}

/* The first SYN+ACK after a copy of the SYN that met no request; NULL if there is none. */
static const struct tca_mark *synack_after(const struct tca_dossier *d, const struct tca_mark *syn)
{
    for (unsigned at = 0; at < d->mark_count; at++) {
        const struct tca_mark *mark = &d->mark[at];
        bool synack = mark->roles & (TCA_MARK_SYNACK | TCA_MARK_OTHER_SYNACK);
        if (synack && mark->side == TCA_SERVER && !mark->witness && mark->frame > syn->frame)
            return mark;
    }
    return NULL;
}

static const struct tca_mark *next_unanswered(const struct tca_dossier *d, const struct tca_mark *after)
{
    const struct tca_mark *lost = tca_syn_met_no_request(d);
    const struct tca_mark *synack = lost ? synack_after(d, lost) : lasting_synack(d), *end = NULL,
                          *syn = NULL;
    if (synack)
        end = answers_unseen(d, synack) ? synack : answered_copy(d, synack);
    if (synack && !end)
        return NULL;
    for (unsigned at = 0; at < d->mark_count; at++) {
        const struct tca_mark *mark = &d->mark[at];
        if (!is_copy(mark) && mark != end)
            continue;
        if (syn && !answered_between(d, syn, mark))
            return syn;
        if (mark == end)
            return NULL;
        syn = !after || mark->frame > after->frame ? mark : NULL;
    }
    return syn && !answered_between(d, syn, NULL) ? syn : NULL;
}

/* One SYN was captured, and the answer that came after it is not to another one: as nearly always. */
static bool is_answered(const struct tca_dossier *d)
{
    const struct tca_mark *syn = tca_dossier_mark(d, TCA_MARK_SYN, TCA_CLIENT, 0),
                          *synack = tca_dossier_mark(d, TCA_MARK_SYNACK, TCA_SERVER, 0);
    bool alone = d->index.known && !(d->index.repeat[TCA_CLIENT] & TCA_MARK_SYN);
    return alone && syn && synack && syn->frame < synack->frame && !answers_unseen(d, synack);
}

const struct tca_mark *tca_syn_unanswered(const struct tca_dossier *d, const struct tca_mark *after)
{
    bool answered = is_answered(d);
#ifdef TCA_CHECK_WAYS
    if (answered && next_unanswered(d, after))
        abort();
#endif
    return answered ? NULL : next_unanswered(d, after);
}

/* INT64_MAX: it neither sent payload nor closed. */
static int64_t spoke_ns(const struct tca_side *side)
{
    int64_t data = side->first_data_ns, fin = side->fin_sent ? side->fin_first_ns : -1;
    if (data < 0)
        return fin < 0 ? INT64_MAX : fin;
    return fin < 0 || data < fin ? data : fin;
}

bool tca_prompt_child(const struct tca_dossier *d)
{
    const struct tca_mirror *m = &d->m;
    const struct tca_side *server = &m->side[TCA_SERVER];
    const struct tca_mark *ack = tca_dossier_mark(d, TCA_MARK_OPEN_ACK, TCA_CLIENT, 0);
    bool unseen =
        m->damage & (TCA_DAMAGE_GAP | TCA_DAMAGE_ONE_WAY | TCA_DAMAGE_START_CUT | TCA_DAMAGE_NO_TIME);
    if (unseen || server->synack_count != 1 || !ack || ack->len || (ack->flags & TCA_FIN))
        return false;
    int64_t spoke = spoke_ns(server);
    return spoke != INT64_MAX && spoke > ack->time_ns && spoke < spoke_ns(&m->side[TCA_CLIENT]);
}

int64_t tca_ladder_expiry_ns(const struct tca_dossier *d, const struct tca_ladder *l)
{
    int64_t wait = tca_mirror_synack_wait_ns(&d->m);
    return l->last ? l->last->time_ns + (wait > SECOND ? wait : SECOND) : -1;
}

/* ---- the decision table ---- */

static bool no_repeat(const struct tca_ladder *l)
{
    return l->mixed || (!l->rungs && !l->answers);
}

/* So slow a path lets the client's first timer fire as well, and its later answers take as long. Without that an
 * earlier ACK was lost before the capture, and the one that was seen answers the repeat though it echoes the
 * first copy. An ACK that passed before the repeat can answer nothing but the first. */
static bool spurious(const struct tca_ladder *l)
{
    bool late = l->ack && l->first && l->ack->time_ns - l->first->time_ns >= SECOND / 100 * 98;
    bool slow = late && l->acks_first && (l->syns > 1 || l->slow_path);
    return !l->stuck && (slow || l->crossed);
}

static bool only_answers(const struct tca_ladder *l)
{
    return !l->rungs;
}

static bool acked_after_rungs(const struct tca_ladder *l)
{
    return l->ack && !l->stuck;
}

static bool withdrawn(const struct tca_ladder *l)
{
    return l->withdrawn;
}

static bool never_acked(const struct tca_ladder *l)
{
    return !l->ack;
}

/* A repeated SYN's answer moves the timer, so its rungs tell nothing about deferring. */
static bool starts_deferred(const struct tca_ladder *l)
{
    if (l->answers || l->silent || l->crossed)
        return false;
    for (unsigned at = 0; at < sizeof defer_rungs / sizeof defer_rungs[0]; at++)
        if (tca_fits_timer(l->gap_ns, defer_rungs[at]))
            return true;
    return false;
}

/* Data or FIN would have connected at once. */
static bool deferred(const struct tca_ladder *l)
{
    return starts_deferred(l) && l->rungs == 1 && !l->early_data;
}

static bool one_rung(const struct tca_ladder *l)
{
    return l->stuck == 1;
}

static bool always(const struct tca_ladder *l)
{
    (void)l;
    return true;
}

enum tca_ladder_shape tca_ladder_shape(const struct tca_ladder *l)
{
    static const struct {
        bool (*holds)(const struct tca_ladder *l);
        enum tca_ladder_shape shape;
    } rows[] = {
        {no_repeat, TCA_LADDER_NONE},          {spurious, TCA_LADDER_SPURIOUS},
        {only_answers, TCA_LADDER_DUP_ANSWER}, {acked_after_rungs, TCA_LADDER_LATE_ACK},
        {withdrawn, TCA_LADDER_WITHDRAWN},     {never_acked, TCA_LADDER_NO_ACK},
        {deferred, TCA_LADDER_DEFERRED},       {starts_deferred, TCA_LADDER_DEFERRED_STUCK},
        {one_rung, TCA_LADDER_ONE_RUNG},       {always, TCA_LADDER_STUCK},
    };
    unsigned at = 0;
    while (!rows[at].holds(l))
        at++;
    return rows[at].shape;
}
