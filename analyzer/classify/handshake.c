/* SPDX-License-Identifier: MIT
 *
 * Connections that opened, and those of which the capture does not show how.
 *
 * What came to nothing stands in handshake_failed.c, cookies and fast open in handshake_cookie.c, SYNs that met an older
 * connection in handshake_older.c; all look at the same facts, opening.h. Checked against RFC 9293 sections 3.5 and
 * 3.10.7 and Linux tcp_check_req() (5.10 to 7.2).
 */
#include "classify/closing.h"
#include "classify/ladder.h"
#include "classify/level.h"
#include "classify/memory.h"
#include "classify/opening.h"

static const int64_t SATELLITE_NS = 900 * TCA_MS; /* an ACK later than this let the first rung fire */

/* ---- no ordinary opening ---- */

void judge_handshake_midstream(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_opening o = tca_opening_of(c);
    struct tca_self self;
    if (!tca_opening_midstream(&o) || tca_opening_self(c->d, &self))
        return;
    tca_hold(j, TCA_CERTAIN, o.m->start_ns);
    j->actor = TCA_ACTOR_PATH;
    j->frame[0] = o.m->first_frame;
    j->frame_count = 1;
    tca_say(j, "The capture holds no SYN of this connection.");
}

/* The server's SYN is its own decision unless it had acknowledged the client's before. */
static bool server_opened_too(const struct tca_opening *o)
{
    for (unsigned at = 0; at < o->server->step_count; at++)
        if (o->server->step[at].state == TCA_SYN_SENT)
            return o->m->server_syn_bare;
    return false;
}

/* The kernel takes the SYN that comes back for a peer's: a simultaneous open with itself (tcp_rcv_synsent_state_process). */
static bool opened_itself(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_self self;
    if (!tca_opening_self(c->d, &self))
        return false;
    tca_hold(j, TCA_PROBABLE, self.syn->time_ns);
    tca_prove(j, self.syn);
    tca_prove(j, self.synack);
    tca_say(j, "A socket connected to its own address and port; its two directions cannot be told apart.");
    return true;
}

void judge_handshake_simultaneous_open(const struct tca_case *c, struct tca_judgement *j)
{
    if (opened_itself(c, j))
        return;
    struct tca_opening o = tca_opening_of(c);
    const struct tca_mark *other = tca_dossier_mark(c->d, TCA_MARK_SYN, TCA_SERVER, 0);
    if (!o.syn || !other || !server_opened_too(&o))
        return;
    const struct tca_mark *answer = tca_dossier_mark(c->d, TCA_MARK_SYNACK, TCA_CLIENT, 0);
    /* A server that answers with SYN+ACK had sent its SYN of its own accord; else a split answer is possible.
     */
    tca_hold(j, o.synack ? TCA_CERTAIN : TCA_PROBABLE, other->time_ns);
    tca_prove(j, o.syn);
    tca_prove(j, other);
    tca_prove(j, answer);
    tca_prove(j, o.synack);
    tca_say(j, "Both ends sent a SYN that acknowledges nothing%s.",
            answer || o.synack ? ", and answered with their own numbers" : "; neither was answered yet");
}

void judge_handshake_split(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_opening o = tca_opening_of(c);
    const struct tca_mark *other = tca_dossier_mark(c->d, TCA_MARK_SYN, TCA_SERVER, 0);
    if (!o.syn || !other || !o.m->server_syn_bare || server_opened_too(&o) || o.synack)
        return;
    /* Both ends may have opened at once, where the order of segments is not the capture's. */
    bool disordered = o.m->damage & TCA_DAMAGE_REORDER;
    tca_hold(j, disordered ? TCA_POSSIBLE : TCA_PROBABLE, other->time_ns);
    j->actor = TCA_SERVER;
    tca_prove(j, o.syn);
    tca_prove(j, other);
    tca_prove(j, tca_dossier_mark(c->d, TCA_MARK_SYNACK, TCA_CLIENT, 0));
    tca_say(j, "The server acknowledged the SYN alone and then sent a SYN of its own.");
}

/* ---- opened ---- */

/* A deferred accept ignores bare ACKs on purpose until its ladder's one late rung. */
static bool deferred(const struct tca_case *c, const struct tca_opening *o)
{
    const struct tca_mark *first = tca_opening_rung(c, o, 0);
    const struct tca_listener *l = c->listener;
    if (!first || tca_opening_rung(c, o, 1))
        return false;
    if (first->time_ns - o->synack->time_ns >= TCA_LINUX_DEFER_MIN_NS)
        return true;
    return l->idle_opens >= 5 && l->one_rung_at_1s == l->idle_opens;
}

void judge_handshake_complete_ack_retry(const struct tca_case *c, struct tca_judgement *j)
{
    static const struct tca_levels levels = {TCA_POSSIBLE, TCA_PROBABLE, TCA_PROBABLE};
    struct tca_opening o = tca_opening_of(c);
    if (!o.opened || o.stuck || !o.m->open_refuted || !o.ack || !o.synack || !tca_opening_rung(c, &o, 0) ||
        deferred(c, &o))
        return;
    int full = tca_listener_episode(c->listener, o.ack->time_ns, TCA_SECOND) != NULL;
    tca_hold(j, tca_lower(tca_level(c, levels, TCA_BASIS_SEEN), full + !o.child), o.ack->time_ns);
    j->actor = TCA_ACTOR_PATH;
    j->value = (int64_t)o.m->ack_ignored_count;
    j->unit = "pkts";
    tca_prove(j, o.ack);
    tca_prove(j, tca_opening_rung(c, &o, 0));
    j->frame_count = (uint8_t)(j->frame_count + (o.m->child_frame && j->frame_count < TCA_PROOF_MAX));
    if (o.m->child_frame)
        j->frame[j->frame_count - 1] = o.m->child_frame;
    tca_say(j, "%u segment(s) of the client were without effect before one opened the connection.",
            (unsigned)o.m->ack_ignored_count);
}

/* Which SYN+ACK the client's ACK answers: the one whose TSval it echoes. */
static bool echoes_first(const struct tca_opening *o)
{
    return o->ack->has_ts && o->synack->has_ts && o->ack->tsecr == o->synack->tsval;
}

/* The client's later answers took as long as its ACK did from the first SYN+ACK. */
static bool slow_path(const struct tca_case *c, const struct tca_opening *o)
{
    return 4 * tca_dossier_client_path(c->d).fin_ns >= 3 * tca_interval(o->synack->time_ns, o->ack->time_ns);
}

/* The repeat left although the first copy was being answered: the ACK had passed before, or took that long. On a
 * path that slow the client's first SYN timer has fired too, and what it answers later takes as long; else the
 * first ACK was lost before the capture point, for the answer to a repeat echoes the first copy as well. */
static bool spurious(const struct tca_case *c, const struct tca_opening *o, const struct tca_mark *first)
{
    if (first->crossing)
        return true;
    bool late = o->ack->time_ns - o->synack->time_ns >= SATELLITE_NS;
    return late && first->frame < o->ack->frame && echoes_first(o) && (o->syn_copies > 1 || slow_path(c, o));
}

/* Nothing excludes that this ACK answers the first copy: neither its echo nor what the client answered sooner. */
static bool may_answer_first(const struct tca_case *c, const struct tca_opening *o)
{
    bool stamped = o->ack->has_ts && o->synack->has_ts;
    int64_t most_ns = tca_dossier_client_path(c->d).most_ns;
    bool sooner = most_ns >= 0 && 4 * most_ns < 3 * tca_interval(o->synack->time_ns, o->ack->time_ns);
    return (!stamped || echoes_first(o)) && !sooner;
}

static bool client_was_late(const struct tca_opening *o, const struct tca_mark *first)
{
    return o->opened && !o->stuck && o->ack && first && (first->crossing || first->frame < o->ack->frame);
}

void judge_handshake_complete_synack_retry(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_opening o = tca_opening_of(c);
    const struct tca_mark *first = tca_opening_rung(c, &o, 0);
    if (!client_was_late(&o, first) || spurious(c, &o, first) || !o.syn)
        return;
    /* What the capture has missed may have been the ACK. */
    int lower = may_answer_first(c, &o) + ((o.m->damage & TCA_DAMAGE_GAP) != 0);
    tca_hold(j, tca_lower(tca_level(c, tca_levels_but_client, TCA_BASIS_SEEN), lower), first->time_ns);
    j->actor = TCA_ACTOR_PATH;
    j->value = (int64_t)o.server->synack_count;
    j->unit = "pkts";
    tca_prove(j, o.synack);
    tca_prove(j, first);
    tca_prove(j, o.ack);
    tca_say(j, "%u SYN+ACK copies; the client's ACK came %u.%03u s after the first.",
            (unsigned)o.server->synack_count, TCA_WHOLE_S(o.ack->time_ns - o.synack->time_ns));
}

void judge_handshake_spurious_synack_rtx(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_opening o = tca_opening_of(c);
    const struct tca_mark *first = tca_opening_rung(c, &o, 0);
    if (!client_was_late(&o, first) || !spurious(c, &o, first) || !o.syn)
        return;
    bool told = echoes_first(&o) && (first->crossing || o.syn_copies > 1) && !tca_ladder_of(c).ladder.unsure;
    tca_hold(j, told ? TCA_CERTAIN : TCA_PROBABLE, first->time_ns);
    j->actor = TCA_SERVER;
    j->value = o.ack->time_ns - o.synack->time_ns;
    j->unit = "ns";
    tca_prove(j, o.synack);
    tca_prove(j, first);
    tca_prove(j, o.ack);
    tca_say(j, "The ACK of the first SYN+ACK took %u.%03u s, so the server repeated it in vain.",
            TCA_WHOLE_S(j->value));
}

/* Which copy the SYN+ACK answers, 1-based; 0 if that cannot be told. */
static unsigned answered_copy(const struct tca_case *c, const struct tca_opening *o)
{
    const struct tca_mark *mark;
    for (unsigned n = 0;
         o->synack && o->synack->has_ts && (mark = tca_dossier_mark(c->d, TCA_MARK_SYN, TCA_CLIENT, n)); n++)
        if (mark->has_ts && mark->tsval == o->synack->tsecr)
            return mark->copy;
    return 0;
}

void judge_handshake_complete_syn_retry(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_opening o = tca_opening_of(c);
    if (!o.opened || o.stuck || !o.syn || o.syn_copies < 2 || o.challenges ||
        o.last_syn->time_ns - o.syn->time_ns < TCA_TIMER_NS)
        return;
    /* Without the SYN+ACKs a repeat tells nothing of what was lost, the SYN or its answer. */
    bool missing = tca_closing_direction_missing(o.m);
    tca_hold(j, missing ? TCA_POSSIBLE : TCA_CERTAIN, o.syn->time_ns);
    j->actor = TCA_ACTOR_PATH;
    j->value = o.syn_copies;
    j->unit = "pkts";
    for (unsigned n = 0; n < 8; n++)
        tca_prove(j, tca_dossier_mark(c->d, TCA_MARK_SYN, TCA_CLIENT, n));
    tca_prove(j, o.synack);
    unsigned copy = answered_copy(c, &o);
    if (copy)
        tca_say(j, "%u SYN copies over %u.%03u s; the SYN+ACK answers copy %u.", o.syn_copies,
                TCA_WHOLE_S(o.last_syn->time_ns - o.syn->time_ns), copy);
    else
        tca_say(j, "%u SYN copies over %u.%03u s before the connection opened.", o.syn_copies,
                TCA_WHOLE_S(o.last_syn->time_ns - o.syn->time_ns));
}

void judge_handshake_complete_data_on_ack(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_opening o = tca_opening_of(c);
    if (!o.opened || o.stuck || !o.syn || !o.ack || !o.ack->len)
        return;
    tca_hold(j, TCA_CERTAIN, o.ack->time_ns);
    j->actor = TCA_CLIENT;
    j->value = (int64_t)o.ack->len;
    j->unit = "bytes";
    tca_prove(j, o.syn);
    tca_prove(j, o.synack);
    tca_prove(j, o.ack);
    tca_say(j, "The connection opened; its last ACK carried %u bytes.", (unsigned)o.ack->len);
}

/* How sure it is that the server's side opened as well. */
static enum tca_confidence server_opened(const struct tca_opening *o)
{
    if (o->child)
        return TCA_CERTAIN;
    return o->ack && o->end_ns - o->ack->time_ns < TCA_QUIET_NS ? TCA_POSSIBLE : TCA_PROBABLE;
}

void judge_handshake_complete(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_opening o = tca_opening_of(c);
    if (!o.opened || o.stuck || tca_opening_midstream(&o))
        return;
    tca_hold(j, server_opened(&o), o.ack ? o.ack->time_ns : o.m->start_ns);
    j->actor = TCA_CLIENT;
    tca_prove(j, o.syn);
    tca_prove(j, o.synack);
    tca_prove(j, o.ack);
    tca_prove(j, tca_dossier_mark(c->d, TCA_MARK_CHILD, TCA_SERVER, 0));
    tca_say(j, o.child ? "The connection opened on both sides."
                       : "The client's side opened; the server's is presumed, it sent nothing more.");
}

/* ---- the rest ---- */

static const struct {
    enum tca_finding_id id;
    tca_judge *judge;
} unopened[] = {
    {TCA_handshake_syn_only, judge_handshake_syn_only},
    {TCA_handshake_no_answer, judge_handshake_no_answer},
    {TCA_handshake_half_open, judge_handshake_half_open},
    {TCA_handshake_refused_rst, judge_handshake_refused_rst},
    {TCA_handshake_refused_icmp, judge_handshake_refused_icmp},
    {TCA_handshake_half_open_rst, judge_handshake_half_open_rst},
    {TCA_handshake_client_abort, judge_handshake_client_abort},
    {TCA_handshake_simultaneous_open, judge_handshake_simultaneous_open},
    {TCA_handshake_split, judge_handshake_split},
    {TCA_handshake_delayed_dup_syn, judge_handshake_delayed_dup_syn},
    {TCA_handshake_challenge_loop, judge_handshake_challenge_loop},
    {TCA_handshake_challenged, judge_handshake_challenged},
    {TCA_handshake_tfo_data_accepted, judge_handshake_tfo_data_accepted},
    {TCA_handshake_tfo_data_rejected, judge_handshake_tfo_data_rejected},
};

/* One of these says how it came to nothing. */
static bool is_told(const struct tca_case *c)
{
    uint32_t facts = c->memory ? c->memory->facts : UINT32_MAX;
    for (unsigned at = 0; at < sizeof unopened / sizeof *unopened; at++) {
        if (tca_findings[unopened[at].id].needs & ~facts)
            continue;
        struct tca_judgement j = {.id = unopened[at].id};
        unopened[at].judge(c, &j);
        if (j.confidence != TCA_NO)
            return true;
    }
    return false;
}

/* What is neither midstream nor opened, and fits none of the above. */
void judge_handshake_pending_at_end(const struct tca_case *c, struct tca_judgement *j)
{
    struct tca_opening o = tca_opening_of(c);
    if (tca_opening_midstream(&o) || o.opened || tca_opening_silent_cookie(c, &o) || is_told(c))
        return;
    tca_hold(j, TCA_POSSIBLE, o.m->start_ns);
    j->actor = TCA_ACTOR_PATH;
    j->frame[0] = o.m->first_frame;
    j->frame_count = 1;
    if (o.synack && o.syn && tca_opening_ack_unseen(c, &o)) {
        tca_say(j, "No ACK of any client is in this capture, so whether this opened cannot be told.");
        return;
    }
    tca_say(j, "%s %u.%03u s after this connection began, too early to tell.",
            o.m->end_ns < 0 ? "The capture ended" : "Another connection took its place",
            TCA_WHOLE_S(o.end_ns - o.m->start_ns));
}
