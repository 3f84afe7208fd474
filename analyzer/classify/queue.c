/* SPDX-License-Identifier: MIT
 *
 * The two queues of a listener, judged flow by flow.
 *
 *     SYN dropped     the queue is full when the SYN arrives       syn_drop_accept_full
 *     ACK ignored     it is full when the third ACK arrives        synack_ladder_accept_overflow, overflow_*
 *     ladder, other   the ACK is lost, absent, late, or deferred   synack_*
 *
 * On Linux since 4.10 the first is nearly all that an overflow shows on a fast path, and it can only be told
 * beside the listener's other connections: the episodes of the sweep (episode.c). Ladders are decided in
 * ladder.c; the judges here add confidence by vantage, frames and words. Read in Linux 5.10
 * to 7.2, measured on 6.18.
 */
#include "classify/ladder.h"
#include "classify/level.h"
#include "classify/read/shapes.h"

#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)
/* Arguments for "%lld.%03d s"; durations here are never negative. */
#define WHOLE(ns) (long long)((ns) / SECOND), (int)((ns) / MS % 1000)

static const int64_t LOST_RUNG_NS =
    5 * SECOND; /* from the SYN+ACK to the third rung takes longer, to the second less */
static const int64_t THIRD_RUNG_NS = 4600 * MS; /* the rung after the second would have passed */
static const int64_t SYN_TIMER_NS = 200 * MS;   /* SYNs closer than this are one SYN, duplicated on the way */
enum { PRUNED_RUNGS = 2, CONCORDANCE = 3 };

static int64_t end_ns(const struct tca_case *c)
{
    return c->d->m.end_ns >= 0 ? c->d->m.end_ns : c->d->capture_end_ns;
}

/* Frames of the ladder: SYN+ACKs and the ACKs between them, as far as there is room. */
static void prove_ladder(const struct tca_case *c, const struct tca_ladder *l, struct tca_judgement *j)
{
    tca_prove(j, l->first);
    for (unsigned at = 0; at < c->d->mark_count && j->frame_count + 1 < TCA_PROOF_MAX; at++) {
        const struct tca_mark *mark = &c->d->mark[at];
        bool wanted = mark->side == TCA_SERVER ? (mark->roles & TCA_MARK_SYNACK) != 0
                                               : (mark->roles & TCA_MARK_OPEN_ACK) && mark->ordinal <= 2;
        if (wanted && !mark->witness && mark->frame > l->first->frame)
            tca_prove(j, mark);
    }
    if (l->last)
        tca_prove(j, l->last);
}

/* ---- accept queue full: the ladder ---- */

static const struct tca_episode *episode_of(const struct tca_case *c, const struct tca_ladder *l)
{
    const struct tca_mark *at = l->first_stuck ? l->first_stuck : l->ack;
    const struct tca_episode *e = l->ack ? tca_listener_episode(c->listener, l->ack->time_ns, SECOND) : NULL;
    return e || !at ? e : tca_listener_episode(c->listener, at->time_ns, SECOND);
}

static bool overflowed(const struct tca_ladder_reading *r)
{
    return r->cause == TCA_CAUSE_OVERFLOW || r->cause == TCA_CAUSE_DEFERRED_OVERFLOW;
}

static enum tca_confidence overflow_confidence(const struct tca_case *c, const struct tca_ladder_reading *r)
{
    const struct tca_episode *e = episode_of(c, &r->ladder);
    bool agreed = c->listener->stuck_flows > 1 || (e && e->drops > 0);
    if (r->cause == TCA_CAUSE_EITHER)
        return TCA_POSSIBLE;
    if (r->ladder.named && r->ladder.stuck > 1 && r->cause == TCA_CAUSE_OVERFLOW)
        return TCA_CERTAIN; /* the server itself says that it had the ACK */
    struct tca_levels levels = {agreed ? TCA_CERTAIN : TCA_PROBABLE, TCA_PROBABLE, TCA_POSSIBLE};
    if (e && c->listener->stuck_flows >= CONCORDANCE)
        levels.client = TCA_PROBABLE;
    int lower = (r->shape == TCA_LADDER_ONE_RUNG) + (c->listener->established == 0);
    return tca_lower(tca_level(c, levels, TCA_BASIS_SILENCE), lower);
}

void judge_synack_ladder_accept_overflow(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_ladder_reading r = tca_ladder_of(c);
    if (!overflowed(&r) && r.cause != TCA_CAUSE_EITHER)
        return;
    tca_hold(j, overflow_confidence(c, &r), r.ladder.ack->time_ns);
    j->actor = TCA_SERVER;
    j->value = r.ladder.stuck;
    j->unit = "pkts";
    prove_ladder(c, &r.ladder, j);
    tca_say(j,
            "The server repeated its SYN+ACK %u times although the client had acknowledged it: the accept "
            "queue was "
            "full.",
            r.ladder.stuck);
}

void judge_synack_ladder_ack_path_loss(const struct tca_case *c, struct tca_judgement *j)
{
    static const struct tca_levels levels = {TCA_POSSIBLE, TCA_PROBABLE, TCA_PROBABLE};
    struct tca_ladder_reading r = tca_ladder_of(c);
    if (r.cause != TCA_CAUSE_ACK_LOSS && r.cause != TCA_CAUSE_EITHER)
        return;
    bool near = tca_near_server(c->vantage);
    enum tca_confidence confidence = tca_level(c, levels, TCA_BASIS_SILENCE);
    if (r.cause == TCA_CAUSE_EITHER)
        confidence = TCA_POSSIBLE;
    else if (c->host[TCA_SERVER]->echo == TCA_ECHO_OLD)
        confidence =
            tca_lower(TCA_CERTAIN, tca_lacks_some(c)); /* this server echoes the ACKs that it refuses */
    tca_hold(j, confidence, r.ladder.ack->time_ns);
    j->actor = TCA_ACTOR_PATH;
    j->value = r.ladder.stuck;
    j->unit = "pkts";
    prove_ladder(c, &r.ladder, j);
    tca_say(j, "The client's ACK did not reach the server%s, which repeated its SYN+ACK %u time%s.",
            near ? "'s TCP (a filter behind the capture point?)" : "", r.ladder.stuck,
            r.ladder.stuck == 1 ? "" : "s");
}

/* ---- ladders of other causes ---- */

void judge_synack_ladder_no_ack(const struct tca_case *c, struct tca_judgement *j)
{
    static const struct tca_levels levels = {TCA_CERTAIN, TCA_PROBABLE, TCA_POSSIBLE};
    struct tca_ladder_reading r = tca_ladder_of(c);
    if (r.shape != TCA_LADDER_NO_ACK)
        return;
    tca_hold(j, tca_level(c, levels, TCA_BASIS_SILENCE), r.ladder.first_rung->time_ns);
    j->actor = r.ladder.syns > 1 ? TCA_ACTOR_PATH : TCA_CLIENT;
    j->value = r.ladder.rungs;
    j->unit = "pkts";
    prove_ladder(c, &r.ladder, j);
    tca_say(j, "The server repeated its SYN+ACK %u time%s and no ACK came%s.", r.ladder.rungs,
            r.ladder.rungs == 1 ? "" : "s",
            r.ladder.syns > 1 ? "; the client repeats its SYN, so it does not get them" : "");
}

/* The option's seconds lie between the last rung that was left out and the one that was sent. */
static void say_deferred(struct tca_judgement *j, int64_t gap_ns)
{
    int64_t rung = 1, before = 0;
    while (rung * SECOND * 98 / 100 <= gap_ns && rung < 128) {
        before = rung;
        rung = 2 * rung + 1;
    }
    int64_t skipped = before > 1 ? before / 2 : 0;
    tca_say(
        j,
        "The silent client was held back by TCP_DEFER_ACCEPT, set to more than %lld and at most %lld s; the "
        "SYN+ACK was repeated after %lld.%03d s.",
        (long long)skipped, (long long)before, WHOLE(gap_ns));
}

void judge_synack_defer_accept(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_ladder_reading r = tca_ladder_of(c);
    if (r.cause != TCA_CAUSE_DEFERRED && r.cause != TCA_CAUSE_DEFERRED_OVERFLOW)
        return;
    /* Away from the server, one earlier repeat may have been lost before the capture point. */
    bool sure =
        r.shape != TCA_LADDER_ONE_RUNG && (tca_near_server(c->vantage) || r.ladder.gap_ns > LOST_RUNG_NS);
    tca_hold(j, tca_lower(sure ? TCA_CERTAIN : TCA_PROBABLE, tca_lacks_some(c)),
             r.ladder.first_rung->time_ns);
    j->actor = TCA_SERVER;
    j->value = r.ladder.gap_ns;
    j->unit = "ns";
    prove_ladder(c, &r.ladder, j);
    say_deferred(j, r.ladder.gap_ns);
}

/* A reset at ISS+1 that answers a segment with ACK: the server has no such connection. */
static const struct tca_mark *forgotten_rst(const struct tca_case *c, const struct tca_ladder *l)
{
    const struct tca_side *server = &c->d->m.side[TCA_SERVER];
    if (c->d->m.child_proved || !l->last)
        return NULL;
    for (unsigned n = 0;; n++) {
        const struct tca_mark *rst = tca_dossier_mark(c->d, TCA_MARK_RST, TCA_SERVER, n);
        if (!rst)
            return NULL;
        if (tca_rst_shape(rst) == TCA_SHAPE_P && rst->seq == server->iss + 1 && rst->frame > l->last->frame)
            return rst;
    }
}

/* Two repeats, then silence for longer than the third would take. An ACK may have made a child without a
 * word, so with ACKs only a later reset tells. */
static bool was_pruned(const struct tca_case *c, const struct tca_ladder_reading *r,
                       const struct tca_mark *rst)
{
    bool acked = r->ladder.ack != NULL;
    int64_t retries = 0;
    bool known = tca_host_knows(c->host[TCA_SERVER], TCA_SETTING_tcp_synack_retries, &retries);
    if (r->ladder.rungs != PRUNED_RUNGS || r->ladder.answers || r->ladder.withdrawn || c->d->m.child_proved ||
        (known ? retries <= PRUNED_RUNGS : !c->listener->long_ladders))
        return false;
    if (acked ? r->ladder.stuck != PRUNED_RUNGS : r->shape != TCA_LADDER_NO_ACK)
        return false;
    return acked ? rst && rst->time_ns - r->ladder.last->time_ns > 3 * SECOND
                 : end_ns(c) - r->ladder.last->time_ns > THIRD_RUNG_NS;
}

void judge_synack_ladder_pruned(const struct tca_case *c, struct tca_judgement *j)
{
    static const struct tca_levels levels = {TCA_CERTAIN, TCA_PROBABLE, TCA_PROBABLE};
    struct tca_ladder_reading r = tca_ladder_of(c);
    const struct tca_mark *rst = forgotten_rst(c, &r.ladder);
    if (!was_pruned(c, &r, rst))
        return;
    /* A rung that the capture lost leaves no trace in its own flow; that others have gaps tells that it may. */
    bool lossy = !tca_lacks_some(c) && c->listener->gaps > 0;
    tca_hold(j, tca_lower(tca_level(c, levels, TCA_BASIS_SILENCE), lossy), r.ladder.last->time_ns);
    j->actor = TCA_SERVER;
    j->value = r.ladder.rungs;
    j->unit = "pkts";
    prove_ladder(c, &r.ladder, j);
    tca_prove(j, rst);
    tca_say(j,
            "The server gave up after two repeats of its SYN+ACK while %llu other connections got more: its "
            "SYN queue "
            "was more than half full.",
            (unsigned long long)c->listener->long_ladders);
}

void judge_synack_spurious(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_ladder_reading r = tca_ladder_of(c);
    bool unsure = r.shape == TCA_LADDER_DUP_ANSWER && r.ladder.in_vain;
    if (r.shape != TCA_LADDER_SPURIOUS && !unsure)
        return;
    /* Without a second SYN the first ACK may have been lost, and without timestamps it may answer any copy. */
    bool told = r.ladder.syns > 1 && !r.ladder.unsure;
    enum tca_confidence confidence = told ? TCA_CERTAIN : TCA_PROBABLE;
    if (unsure || !r.ladder.acks_first)
        confidence = TCA_POSSIBLE;
    tca_hold(j, tca_lower(confidence, tca_lacks_some(c)), r.ladder.ack->time_ns);
    j->actor = TCA_SERVER;
    j->value = r.ladder.ack->time_ns - r.ladder.first->time_ns;
    j->unit = "ns";
    prove_ladder(c, &r.ladder, j);
    tca_say(j,
            "The SYN+ACK was repeated although the client acknowledges the first one, %lld.%03d s after it "
            "was sent.",
            WHOLE(j->value > 0 ? j->value : 0));
}

/* The repeated SYN was the client's timer's work, not a copy made on the way. */
static bool answers_a_retry(const struct tca_case *c, const struct tca_mark *synack)
{
    const struct tca_mark *syn = NULL, *before = NULL;
    for (unsigned at = 0; at < c->d->mark_count && c->d->mark[at].frame < synack->frame; at++)
        if ((c->d->mark[at].roles & TCA_MARK_SYN) && c->d->mark[at].side == TCA_CLIENT &&
            !c->d->mark[at].witness) {
            before = syn;
            syn = &c->d->mark[at];
        }
    return before && syn->time_ns - before->time_ns >= SYN_TIMER_NS;
}

/* Which SYN a SYN+ACK answers its time stamps say. */
void judge_synack_dup_answer(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_ladder_reading r = tca_ladder_of(c);
    bool cut = c->d->m.damage & TCA_DAMAGE_SNAPLEN;
    if (!r.ladder.answers || r.ladder.mixed || r.shape == TCA_LADDER_SPURIOUS)
        return;
    for (unsigned at = 0; at < c->d->mark_count; at++) {
        const struct tca_mark *mark = &c->d->mark[at];
        if (!(mark->roles & TCA_MARK_SYNACK) || !mark->answers_syn || !answers_a_retry(c, mark))
            continue;
        if (!j->value++)
            tca_hold(j, tca_lower(TCA_CERTAIN, tca_lacks_some(c) + cut + r.ladder.unsure), mark->time_ns);
        tca_prove(j, mark);
    }
    j->actor = TCA_ACTOR_PATH;
    j->unit = "pkts";
    tca_say(j,
            "The server answered %lld repeated SYN%s with another SYN+ACK: the earlier ones had not reached "
            "the client.",
            (long long)j->value, j->value == 1 ? "" : "s");
}

/* ---- what became of a connection that found the queue full ---- */

/* The n-th segment of the client (from 0) with payload or FIN that was ignored; NULL if there are fewer. */
static const struct tca_mark *ignored_segment(const struct tca_case *c, const struct tca_ladder *l, bool fin,
                                              unsigned n)
{
    const struct tca_mirror *m = &c->d->m;
    int64_t expiry = tca_ladder_expiry_ns(c->d, l);
    for (unsigned at = 0; at < c->d->mark_count; at++) {
        const struct tca_mark *mark = &c->d->mark[at];
        bool late = m->child_proved ? mark->ordinal > m->ack_ignored_count : mark->time_ns > expiry;
        if (!(mark->roles & TCA_MARK_OPEN_ACK) || mark->witness || late)
            continue;
        if ((fin ? (mark->flags & TCA_FIN) != 0 : mark->len > 0) && n-- == 0)
            return mark;
    }
    return NULL;
}

static void judge_ignored(const struct tca_case *c, struct tca_judgement *j, bool fin)
{
    struct tca_ladder_reading r = tca_ladder_of(c);
    const struct tca_mark *first = overflowed(&r) ? ignored_segment(c, &r.ladder, fin, 0) : NULL;
    if (!first)
        return;
    tca_hold(j, overflow_confidence(c, &r), first->time_ns);
    j->actor = TCA_CLIENT;
    j->unit = "pkts";
    for (const struct tca_mark *mark; (mark = ignored_segment(c, &r.ladder, fin, (unsigned)j->value)) != NULL;
         j->value++)
        tca_prove(j, mark);
    tca_say(j,
            "The client %s, %lld segment%s, and the server with its full accept queue acknowledged nothing.",
            fin ? "closed" : "sent data", (long long)j->value, j->value == 1 ? "" : "s");
}

void judge_overflow_data_unacked(const struct tca_case *c, struct tca_judgement *j)
{
    judge_ignored(c, j, false);
}

void judge_overflow_client_fin_unacked(const struct tca_case *c, struct tca_judgement *j)
{
    judge_ignored(c, j, true);
}

void judge_overflow_rst_after_expiry(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_ladder_reading r = tca_ladder_of(c);
    const struct tca_mark *rst = overflowed(&r) ? forgotten_rst(c, &r.ladder) : NULL;
    if (!rst || rst->time_ns < tca_ladder_expiry_ns(c->d, &r.ladder) - SECOND)
        return;
    tca_hold(j, overflow_confidence(c, &r), rst->time_ns);
    j->actor = TCA_SERVER;
    j->value = rst->time_ns - r.ladder.first->time_ns;
    j->unit = "ns";
    tca_prove(j, tca_rst_trigger(c->d, rst));
    tca_prove(j, rst);
    tca_say(j, "%lld.%03d s after its first SYN+ACK the server had forgotten the connection and reset it.",
            WHOLE(j->value > 0 ? j->value : 0));
}

/* When the child was created after all: proved, or settled by the mirror; -1 never. */
static int64_t recovered_ns(const struct tca_mirror *m, uint64_t *frame)
{
    const struct tca_side *server = &m->side[TCA_SERVER];
    if (m->child_proved) {
        *frame = m->child_frame;
        return m->child_ns;
    }
    for (unsigned at = 0; at < server->step_count; at++)
        if (server->step[at].state == TCA_ESTABLISHED) {
            *frame = server->step[at].frame;
            return server->step[at].time_ns;
        }
    return -1;
}

void judge_overflow_recovered(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_ladder_reading r = tca_ladder_of(c);
    uint64_t frame = 0;
    int64_t child_ns = overflowed(&r) ? recovered_ns(&c->d->m, &frame) : -1;
    if (child_ns < 0)
        return;
    enum tca_confidence confidence = overflow_confidence(c, &r);
    tca_hold(j, c->d->m.child_proved ? confidence : tca_lower(confidence, 1), child_ns);
    j->actor = TCA_SERVER;
    j->value = child_ns - r.ladder.ack->time_ns;
    j->unit = "ns";
    tca_prove(j, r.ladder.ack);
    tca_prove(j, r.ladder.last);
    tca_prove(j, &(struct tca_mark){.frame = frame});
    tca_say(j, "The connection got into the accept queue %lld.%03d s after the client's first ACK.",
            WHOLE(j->value > 0 ? j->value : 0));
}

/* When a timer that fired last at this time, after this gap, fires again at the latest. */
static int64_t next_due_ns(int64_t last_ns, int64_t gap_ns)
{
    return last_ns + 2 * gap_ns + gap_ns / 4 + SECOND / 10;
}

/* The client left off repeating its data or its FIN before the server forgot: its socket was gone first. */
static bool gave_up_before(const struct tca_case *c, int64_t expiry_ns)
{
    const struct tca_side *client = &c->d->m.side[TCA_CLIENT];
    int64_t due_ns = -1;
    if (client->rto_run > 1)
        due_ns = next_due_ns(client->rto_last_ns, client->rto_gap_ns);
    if (client->fin_count > 1 && next_due_ns(client->fin_last_ns, client->fin_gap_ns) > due_ns)
        due_ns = next_due_ns(client->fin_last_ns, client->fin_gap_ns);
    return due_ns >= 0 && due_ns < expiry_ns && client->last_ns < due_ns;
}

void judge_overflow_lost(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_ladder_reading r = tca_ladder_of(c);
    uint64_t frame = 0;
    if (!overflowed(&r) || recovered_ns(&c->d->m, &frame) >= 0)
        return;
    const struct tca_mark *rst = forgotten_rst(c, &r.ladder);
    int64_t expiry = tca_ladder_expiry_ns(c->d, &r.ladder);
    if (gave_up_before(c, expiry))
        return;
    if (!rst && end_ns(c) < expiry + (expiry - r.ladder.last->time_ns) / 8 + SECOND / 10)
        return; /* the ladder may still go on */
    tca_hold(j, overflow_confidence(c, &r), expiry);
    j->actor = TCA_SERVER;
    j->value = expiry - r.ladder.first->time_ns;
    j->unit = "ns";
    prove_ladder(c, &r.ladder, j);
    tca_prove(j, rst);
    tca_say(j, "The server forgot the connection about %lld s after its first SYN+ACK; the client %s.",
            (long long)(j->value / SECOND),
            rst                                 ? "learnt it by a reset"
            : c->d->m.side[TCA_CLIENT].fin_sent ? "still waited for the answer to its FIN"
                                                : "still believed to be connected");
}

/* ---- SYNs dropped ---- */

void judge_syn_drop_accept_full(const struct tca_case *c, struct tca_judgement *j)
{
    const struct tca_episode *found = NULL;
    if (c->d->m.server_syn_bare || c->d->m.client_synack)
        return;
    for (const struct tca_mark *syn = NULL; (syn = tca_syn_unanswered(c->d, syn)) != NULL;) {
        const struct tca_episode *e = tca_listener_episode(c->listener, syn->time_ns, 0);
        if (!e)
            continue;
        if (!found)
            j->time_ns = syn->time_ns;
        if (!found || e->confidence > found->confidence)
            found = e;
        tca_prove(j, syn);
        j->value++;
    }
    if (!found)
        return;
    int lower =
        tca_lacks_some(c) + (c->d->m.prior.exists && c->d->m.prior.state[TCA_SERVER] == TCA_TIME_WAIT);
    tca_hold(j, tca_lower((enum tca_confidence)found->confidence, lower), j->time_ns);
    j->actor = TCA_SERVER;
    j->unit = "pkts";
    tca_say(j,
            "%lld SYN%s of this client stayed unanswered while %u connections stood in the accept queue, %s.",
            (long long)j->value, j->value == 1 ? "" : "s", found->plateau_max,
            found->partial ? "that of one worker of several"
            : found->slow  ? "of a service that accepts too slowly"
                           : "of a service that accepted nothing");
}

/* A listener's, printed from its episodes; no flow is judged by it. */
void judge_overflow_interval(const struct tca_case *c, struct tca_judgement *j)
{
    (void)c;
    (void)j;
}
