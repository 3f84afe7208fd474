/* SPDX-License-Identifier: MIT
 *
 * How a connection opened.
 *
 * Every judge looks at the same few facts, gathered once per question in struct opening:
 *
 *      client                     server
 *      syn ... last_syn  ------>             copies of one ISN: a ladder
 *                        <------  challenge  an ACK of other numbers: an older connection answers
 *                        <------  synack ... last_synack
 *      ack               ------>             opened: the client acknowledged the server's ISN, or proved it
 * later
 *                        <------  child      the server sent what only a full socket sends
 *
 * Invariants: `opened` rests on what the client sent, never on what passed towards it. A server that repeats
 * SYN+ACK after the ACK, or resets the request, is `stuck`: it never left SYN_RECV although the client did
 * its part. Timers: first SYN and SYN+ACK rung after 1 s, late by up to an eighth (Linux; RFC 6298 section
 * 2). Checked against RFC 9293 sections 3.5 and 3.10.7, RFC 7413 section 4, RFC 5961 section 4, and Linux
 * tcp_conn_request(), tcp_check_req(), cookie_init_timestamp() (5.10 to 7.2).
 */
#include "classify/handshake.h"

#include "base/seq32.h"
#include "classify/level.h"
#include "classify/rungs.h"
#include "mirror/deviations.h"

#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)
/* Arguments for "%u.%03u s". */
#define WHOLE(ns) tca_whole_s(ns), tca_whole_ms(ns)

static const int64_t RUNG_NS = 1200 * MS;  /* the first rung, lateness included, would have passed */
static const int64_t QUIET_NS = 1300 * MS; /* the same, counted from the ACK */
static const int64_t TIMER_NS = 100 * MS;  /* closer copies are no timer's work */
static const int64_t DEFER_NS = 2900 * MS; /* a first rung this late skipped earlier ones: deferred accept */
static const int64_t SATELLITE_NS = 900 * MS; /* an ACK later than this let the first rung fire */

struct opening {
    const struct tca_mirror *m;
    const struct tca_side *client, *server;
    const struct tca_mark *syn, *last_syn;       /* client's SYN copies, until it was opened */
    unsigned syn_copies;                         /* how many those are */
    const struct tca_mark *synack, *last_synack; /* server's, those that acknowledge the SYN */
    const struct tca_mark *ack;                  /* client's first acknowledgment of the server's ISN */
    const struct tca_mark *refusal;              /* server's first reset */
    const struct tca_mark *withdrawal;           /* client's first reset */
    const struct tca_mark *challenge;            /* first bare ACK of other numbers that answers a SYN */
    unsigned challenges;
    bool opened, child, stuck;
    int64_t end_ns; /* nothing was seen after this: capture or incarnation over */
};

/* ---- gathering ---- */

static bool proved_open(const struct tca_side *side)
{
    for (unsigned at = 0; at < side->step_count; at++)
        if (side->step[at].proved && tca_state_synchronized((enum tca_state)side->step[at].state))
            return true;
    return false;
}

static bool presumed_open(const struct tca_side *side)
{
    for (unsigned at = 0; at < side->step_count; at++)
        if (tca_state_synchronized((enum tca_state)side->step[at].state))
            return true;
    return false;
}

/* SYN+ACKs that answer this SYN. One of another connection bears another acknowledgment. */
static bool answers(const struct tca_side *client, const struct tca_mark *mark)
{
    return client->iss_known && seq_after(mark->ack, client->iss) &&
           seq_before_eq(mark->ack, client->snd_nxt);
}

/* The SYN+ACK whose ISN this acknowledgment names. Several servers behind one address may answer one SYN. */
static const struct tca_mark *acknowledged(const struct tca_dossier *d, const struct opening *o, uint32_t ack)
{
    const struct tca_mark *mark;
    for (unsigned n = 0; (mark = tca_dossier_mark(d, TCA_MARK_SYNACK, TCA_SERVER, n)); n++)
        if (answers(o->client, mark) && mark->seq + 1 == ack)
            return mark;
    return NULL;
}

/* The client's first ACK, and the SYN+ACK that it chose by it. */
static void find_ack(const struct tca_dossier *d, struct opening *o)
{
    const struct tca_mark *mark;
    for (unsigned n = 0; !o->ack && (mark = tca_dossier_mark(d, TCA_MARK_OPEN_ACK, TCA_CLIENT, n)); n++) {
        o->synack = mark->flags & TCA_RST ? NULL : acknowledged(d, o, mark->ack);
        if (o->synack)
            o->ack = mark;
    }
}

static void find_synacks(const struct tca_dossier *d, struct opening *o)
{
    const struct tca_mark *mark;
    for (unsigned n = 0; (mark = tca_dossier_mark(d, TCA_MARK_SYNACK, TCA_SERVER, n)); n++) {
        if (!answers(o->client, mark) || (o->synack && mark->seq != o->synack->seq))
            continue; /* of another connection, of another server, or of what a stray SYN began later */
        if (!o->synack)
            o->synack = mark;
        o->last_synack = mark;
    }
}

/* A copy that passes after the client's ACK is a straggler of the network, not a try. */
static void find_syns(const struct tca_dossier *d, struct opening *o)
{
    const struct tca_mark *mark;
    for (unsigned n = 0; (mark = tca_dossier_mark(d, TCA_MARK_SYN, TCA_CLIENT, n)); n++) {
        if (o->ack && mark->frame > o->ack->frame)
            return;
        if (!o->syn)
            o->syn = mark;
        o->last_syn = mark;
        o->syn_copies = mark->copy < 255 ? mark->copy : (unsigned)o->client->syn_count;
    }
}

/* It acknowledges this SYN, with or without the data on it. A child of fast open may speak before its SYN+ACK is
 * seen. */
static bool of_this_syn(const struct opening *o, const struct tca_mark *mark)
{
    return o->client->iss_known && seq_after(mark->ack, o->client->iss) &&
           seq_before_eq(mark->ack, o->client->iss + 1 + o->syn->len);
}

/* Witnesses are segments of the tuple's older connection, so tca_dossier_mark() passes over them. */
static bool is_challenge(const struct opening *o, const struct tca_mark *mark)
{
    return mark->side == TCA_SERVER && (mark->roles & TCA_MARK_CHALLENGE) &&
           (mark->flags & (TCA_SYN | TCA_RST | TCA_FIN | TCA_ACK)) == TCA_ACK && o->syn &&
           mark->frame > o->syn->frame && (!o->synack || mark->frame < o->synack->frame) &&
           !of_this_syn(o, mark);
}

static void find_challenges(const struct tca_dossier *d, struct opening *o)
{
    for (unsigned at = 0; at < d->mark_count; at++) {
        if (!is_challenge(o, &d->mark[at]))
            continue;
        if (!o->challenges++)
            o->challenge = &d->mark[at];
    }
}

static bool request_reset(const struct opening *o)
{
    return o->refusal && !(o->refusal->flags & TCA_ACK) && o->synack && o->refusal->seq == o->synack->seq + 1;
}

static struct opening opening_of(const struct tca_case *c)
{
    const struct tca_dossier *d = c->d;
    struct opening o = {.m = &d->m, .client = &d->m.side[TCA_CLIENT], .server = &d->m.side[TCA_SERVER]};
    o.refusal = tca_dossier_mark(d, TCA_MARK_RST, TCA_SERVER, 0);
    o.withdrawal = tca_dossier_mark(d, TCA_MARK_RST, TCA_CLIENT, 0);
    find_ack(d, &o);
    find_synacks(d, &o);
    find_syns(d, &o);
    find_challenges(d, &o);
    o.opened = o.ack || proved_open(o.client);
    o.child = d->m.child_proved;
    o.stuck = o.opened && !o.child && !presumed_open(o.server) && (d->m.open_refuted || request_reset(&o));
    o.end_ns = d->capture_end_ns > d->m.last_ns ? d->capture_end_ns : d->m.last_ns;
    if (d->m.end_ns >= 0 && d->m.end_ns < o.end_ns)
        o.end_ns = d->m.end_ns;
    return o;
}

static bool midstream(const struct opening *o)
{
    return !o->syn && !o->m->server_syn_bare;
}

/* The n-th SYN+ACK (from 0) that the server's timer sent, not a repeated SYN. */
static const struct tca_mark *rung(const struct tca_case *c, const struct opening *o, unsigned n)
{
    const struct tca_mark *mark;
    for (unsigned at = 0; (mark = tca_dossier_mark(c->d, TCA_MARK_SYNACK, TCA_SERVER, at)); at++)
        if (o->synack && mark->seq == o->synack->seq && mark->frame > o->synack->frame &&
            !mark->answers_syn && mark->time_ns - o->synack->time_ns >= TIMER_NS && n-- == 0)
            return mark;
    return NULL;
}

static bool client_used_fast_open(const struct opening *o)
{
    return o->syn && o->client->tfo_cookie && o->syn->len > 0;
}

/* ---- no ordinary opening ---- */

void judge_handshake_midstream(const struct tca_case *c, struct tca_judgement *j)
{
    struct opening o = opening_of(c);
    if (!midstream(&o))
        return;
    tca_hold(j, TCA_CERTAIN, o.m->start_ns);
    j->actor = TCA_ACTOR_PATH;
    j->frame[0] = o.m->first_frame;
    j->frame_count = 1;
    tca_say(j, "The capture holds no SYN of this connection.");
}

/* The server's SYN is its own decision unless it had acknowledged the client's before. */
static bool server_opened_too(const struct opening *o)
{
    for (unsigned at = 0; at < o->server->step_count; at++)
        if (o->server->step[at].state == TCA_SYN_SENT)
            return o->m->server_syn_bare;
    return false;
}

void judge_handshake_simultaneous_open(const struct tca_case *c, struct tca_judgement *j)
{
    struct opening o = opening_of(c);
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
    struct opening o = opening_of(c);
    const struct tca_mark *other = tca_dossier_mark(c->d, TCA_MARK_SYN, TCA_SERVER, 0);
    if (!o.syn || !other || !o.m->server_syn_bare || server_opened_too(&o) || o.synack)
        return;
    tca_hold(j, TCA_PROBABLE, other->time_ns);
    j->actor = TCA_SERVER;
    tca_prove(j, o.syn);
    tca_prove(j, other);
    tca_prove(j, tca_dossier_mark(c->d, TCA_MARK_SYNACK, TCA_CLIENT, 0));
    tca_say(j, "The server acknowledged the SYN alone and then sent a SYN of its own.");
}

/* ---- refused ---- */

static bool refused(const struct opening *o)
{
    return o->syn && !o->server->synack_count && !o->opened && o->refusal && (o->refusal->flags & TCA_ACK) &&
           answers(o->client, o->refusal);
}

void judge_handshake_refused_rst(const struct tca_case *c, struct tca_judgement *j)
{
    struct opening o = opening_of(c);
    if (!refused(&o))
        return;
    tca_hold(j, TCA_CERTAIN, o.refusal->time_ns);
    j->actor = TCA_SERVER;
    tca_prove(j, o.syn);
    tca_prove(j, o.refusal);
    int64_t took = o.refusal->time_ns - o.syn->time_ns;
    tca_say(j, "The SYN was answered with a reset after %u.%03u s.", WHOLE(took));
}

/* Type 3 of ICMP and type 1 of ICMPv6 are "destination unreachable", 11 and 3 "time exceeded". Linux gives up
 * a connect() for all but "fragmentation needed" (tcp_v4_err, tcp_v6_err). */
struct icmp_word {
    uint8_t family, type, code;
    const char *words;
};

static const struct icmp_word icmp_words[] = {
    {4, 3, 0, "network unreachable"},
    {4, 3, 1, "host unreachable"},
    {4, 3, 2, "protocol unreachable"},
    {4, 3, 3, "port unreachable"},
    {4, 3, 5, "source route failed"},
    {4, 3, 6, "network unknown"},
    {4, 3, 7, "host unknown"},
    {4, 3, 9, "network administratively prohibited"},
    {4, 3, 10, "host administratively prohibited"},
    {4, 3, 11, "network unreachable for this service"},
    {4, 3, 12, "host unreachable for this service"},
    {4, 3, 13, "communication administratively prohibited"},
    {4, 11, 0, "time to live exceeded"},
    {6, 1, 0, "no route to destination"},
    {6, 1, 1, "communication administratively prohibited"},
    {6, 1, 2, "beyond scope of source address"},
    {6, 1, 3, "address unreachable"},
    {6, 1, 4, "port unreachable"},
    {6, 1, 5, "source address failed policy"},
    {6, 1, 6, "reject route"},
    {6, 3, 0, "hop limit exceeded"},
};

const char *tca_icmp_word(uint8_t family, const struct tca_mark *mark)
{
    for (unsigned at = 0; at < sizeof icmp_words / sizeof *icmp_words; at++) {
        const struct icmp_word *one = &icmp_words[at];
        if (one->family == family && one->type == mark->icmp_type && one->code == mark->icmp_code)
            return one->words;
    }
    return NULL;
}

static const struct tca_mark *icmp_for_syn(const struct tca_case *c, const struct opening *o)
{
    const struct tca_mark *mark;
    if (!o->syn || o->server->synack_count || o->refusal || o->opened)
        return NULL;
    for (unsigned n = 0; (mark = tca_dossier_mark(c->d, TCA_MARK_ICMP, TCA_CLIENT, n)); n++)
        if (mark->seq == o->client->iss && tca_icmp_word(c->d->family, mark))
            return mark;
    return NULL;
}

void judge_handshake_refused_icmp(const struct tca_case *c, struct tca_judgement *j)
{
    struct opening o = opening_of(c);
    const struct tca_mark *error = icmp_for_syn(c, &o);
    if (!error)
        return;
    tca_hold(j, TCA_CERTAIN, error->time_ns);
    j->actor = error->icmp_from_peer ? TCA_SERVER : TCA_ACTOR_PATH;
    tca_prove(j, o.syn);
    tca_prove(j, error);
    tca_say(j, "ICMP \"%s\" (type %d code %d) from %s answered the SYN.", tca_icmp_word(c->d->family, error),
            error->icmp_type, error->icmp_code,
            error->icmp_from_peer ? "the server itself" : "another address");
}

/* ---- an older connection in the way ---- */

/* Sent before the tuple's last connection was, or a copy of its SYN: by the initial number itself, by timestamp, or by
 * the initial number, which a client's clock only moves forward (RFC 6528 section 3). */
static bool syn_is_old(const struct opening *o)
{
    const struct tca_prior *prior = &o->m->prior;
    if (!o->syn || !prior->exists || !prior->same_client)
        return false;
    if (prior->iss_known[TCA_CLIENT] && o->syn->seq == prior->iss[TCA_CLIENT])
        return true;
    if (o->syn->has_ts && prior->ts_on[TCA_CLIENT])
        return seq_diff(prior->tsval_last[TCA_CLIENT], o->syn->tsval) > 1;
    return prior->iss_known[TCA_CLIENT] && seq_before(o->syn->seq, prior->iss[TCA_CLIENT]);
}

/* The client answers the SYN+ACK as a host that did not ask for it: reset, or an ACK of the live connection.
 */
static const struct tca_mark *disowned(const struct tca_case *c, const struct opening *o)
{
    for (unsigned at = 0; o->synack && at < c->d->mark_count; at++) {
        const struct tca_mark *mark = &c->d->mark[at];
        if (mark->side != TCA_CLIENT || mark->frame < o->synack->frame)
            continue;
        if ((mark->flags & TCA_RST) && !(mark->flags & TCA_ACK) && mark->seq == o->synack->ack)
            return mark;
        if (mark->witness && (mark->roles & TCA_MARK_CHALLENGE))
            return mark;
    }
    return NULL;
}

static bool old_and_disowned(const struct tca_case *c, const struct opening *o)
{
    return syn_is_old(o) && !o->opened && disowned(c, o);
}

void judge_handshake_delayed_dup_syn(const struct tca_case *c, struct tca_judgement *j)
{
    struct opening o = opening_of(c);
    if (!old_and_disowned(c, &o))
        return;
    tca_hold(j, TCA_PROBABLE, o.syn->time_ns);
    j->actor = TCA_ACTOR_PATH;
    tca_prove(j, o.syn);
    tca_prove(j, o.synack);
    tca_prove(j, disowned(c, &o));
    tca_say(j, "This SYN is older than the tuple's last connection; the client disowned the answer.");
}

void judge_handshake_challenge_loop(const struct tca_case *c, struct tca_judgement *j)
{
    struct opening o = opening_of(c);
    if (o.challenges < 2 || o.synack || o.opened)
        return;
    tca_hold(j, TCA_CERTAIN, o.challenge->time_ns);
    j->actor = TCA_SERVER;
    j->value = o.challenges;
    j->unit = "count";
    tca_prove(j, o.syn);
    tca_prove(j, o.challenge);
    tca_prove(j, o.last_syn);
    tca_say(j, "%u SYN copies, answered %u times with the numbers of an older connection.", o.syn_copies,
            o.challenges);
}

/* That TIME_WAIT's answers have no IP ID is Linux' way. */
static const char *challenger(const struct tca_case *c, const struct opening *o)
{
    if (!o->challenge->has_ip_id || tca_linux_only(c, TCA_SERVER, TCA_CERTAIN) != TCA_CERTAIN)
        return "an older connection";
    if (o->challenge->ip_id)
        return "an older connection that still lived";
    /* Requests and TIME_WAIT answer alike. */
    if (!c->d->m.prior.exists)
        return "an older connection in TIME_WAIT, or a request";
    return c->d->m.prior.state[TCA_SERVER] == TCA_SYN_RECV ? "a request that still waited"
                                                           : "an older connection in TIME_WAIT";
}

void judge_handshake_complete_after_challenge(const struct tca_case *c, struct tca_judgement *j)
{
    struct opening o = opening_of(c);
    if (!o.challenges || !o.synack || !o.opened)
        return;
    tca_hold(j, TCA_CERTAIN, o.challenge->time_ns);
    j->actor = TCA_SERVER;
    j->value = o.synack->time_ns - o.syn->time_ns;
    j->unit = "ns";
    tca_prove(j, o.syn);
    tca_prove(j, o.challenge);
    tca_prove(j, o.last_syn);
    tca_prove(j, o.synack);
    tca_say(j, "The first SYN met %s; the SYN+ACK came %u.%03u s later.", challenger(c, &o),
            WHOLE(o.synack->time_ns - o.syn->time_ns));
}

void judge_handshake_challenged(const struct tca_case *c, struct tca_judgement *j)
{
    struct opening o = opening_of(c);
    if (!o.challenges || o.opened || (o.challenges > 1 && !o.synack))
        return;
    tca_hold(j, TCA_CERTAIN, o.challenge->time_ns);
    j->actor = TCA_SERVER;
    tca_prove(j, o.syn);
    tca_prove(j, o.challenge);
    tca_say(j, "The SYN met %s at the server.", challenger(c, &o));
}

/* ---- given up, or never answered ---- */

static bool withdrew_after_synack(const struct opening *o)
{
    return o->synack && o->withdrawal && o->withdrawal->frame > o->synack->frame && !o->ack && !o->challenges;
}

void judge_handshake_half_open_rst(const struct tca_case *c, struct tca_judgement *j)
{
    static const struct tca_levels levels = {TCA_CERTAIN, TCA_CERTAIN, TCA_PROBABLE};
    struct opening o = opening_of(c);
    if (!withdrew_after_synack(&o) || old_and_disowned(c, &o))
        return;
    tca_hold(j, tca_level(c, levels, TCA_BASIS_SEEN), o.withdrawal->time_ns);
    j->actor = TCA_CLIENT;
    tca_prove(j, o.syn ? o.syn : o.synack);
    tca_prove(j, o.synack);
    tca_prove(j, o.withdrawal);
    bool late = o.syn_copies > 1;
    int off = o.syn ? (int)o.syn->ttl - (int)o.withdrawal->ttl : 0;
    tca_say(j, "The client answered the SYN+ACK with a reset%s%s.",
            late ? "; it had repeated its SYN before and may have given up" : "",
            off > 1 || off < -1 ? "; its TTL differs from the SYN's" : "");
}

void judge_handshake_client_abort(const struct tca_case *c, struct tca_judgement *j)
{
    struct opening o = opening_of(c);
    if (!o.syn || !o.withdrawal || o.opened || o.challenges || o.withdrawal->frame < o.syn->frame ||
        (o.synack && o.synack->frame < o.withdrawal->frame))
        return;
    tca_hold(j, TCA_CERTAIN, o.withdrawal->time_ns);
    j->actor = TCA_CLIENT;
    tca_prove(j, o.syn);
    tca_prove(j, o.withdrawal);
    tca_say(j, "The client reset its own SYN after %u.%03u s.",
            WHOLE(o.withdrawal->time_ns - o.syn->time_ns));
}

static bool nothing_came_back(const struct opening *o)
{
    return o->syn && !o->server->synack_count && !o->m->server_syn_bare && !o->refusal && !o->withdrawal &&
           !o->challenges && !o->opened;
}

/* Copies of a SYN that the client's kernel sends if nothing comes back, by what is known of it; 0: not enough. The first
 * intervals are a second each and do not count as retries, but the time that is left does not depend on them
 * (tcp_write_timeout). */
static unsigned syn_copies_known(const struct tca_case *c)
{
    int64_t retries = 0, linear = 0, interval = 1, elapsed = 1;
    const struct tca_host *client = c->host[TCA_CLIENT];
    if (!tca_host_knows(client, TCA_SETTING_tcp_syn_retries, &retries) ||
        !tca_host_knows(client, TCA_SETTING_tcp_syn_linear_timeouts, &linear) || retries < 1 ||
        retries > 30 || linear < 0 || linear > UINT8_MAX)
        return 0;
    int64_t repeats = 0, longest = 120;
    while (repeats < retries + linear && elapsed < (INT64_C(2) << retries) - 1) {
        repeats++;
        interval = repeats <= linear ? 1 : interval < longest / 2 ? 2 * interval : longest;
        elapsed += interval;
    }
    return (unsigned)repeats + 1;
}

/* What ended a ladder of SYNs that is over. Away from the client, copies may have been lost before the capture point. */
static const char *end_of_syns(const struct tca_case *c, const struct opening *o)
{
    unsigned copies = syn_copies_known(c);
    bool near = c->vantage == TCA_VANTAGE_CLIENT || c->vantage == TCA_VANTAGE_SAME_HOST;
    if (copies && o->syn_copies == copies)
        return "; that was its last try, as tcp_syn_retries says";
    if (copies && near && o->syn_copies < copies)
        return "; its application gave up sooner than tcp_syn_retries says";
    return "; then the client gave up";
}

void judge_handshake_no_answer(const struct tca_case *c, struct tca_judgement *j)
{
    struct opening o = opening_of(c);
    if (!nothing_came_back(&o) || o.syn_copies < 2 || icmp_for_syn(c, &o))
        return;
    int64_t waited = o.end_ns - o.last_syn->time_ns, next = 2 * o.client->syn_gap_ns;
    /* One lost SYN whose repeat has just left is no silence yet. */
    if (waited < SECOND && o.syn_copies < 4)
        return;
    bool over = waited >= next + next / 8;
    tca_hold(j, over ? TCA_CERTAIN : TCA_PROBABLE, o.syn->time_ns);
    j->actor = TCA_SERVER;
    j->value = o.syn_copies;
    j->unit = "pkts";
    for (unsigned n = 0; n < TCA_PROOF_MAX - 1; n++)
        tca_prove(j, tca_dossier_mark(c->d, TCA_MARK_SYN, TCA_CLIENT, n));
    tca_prove(j, o.last_syn);
    tca_say(j, "%u SYN copies over %u.%03u s and no answer%s.", o.syn_copies,
            WHOLE(o.last_syn->time_ns - o.syn->time_ns),
            over ? end_of_syns(c, &o) : "; the ladder may go on after the capture");
}

void judge_handshake_syn_only(const struct tca_case *c, struct tca_judgement *j)
{
    struct opening o = opening_of(c);
    if (!nothing_came_back(&o) || o.syn_copies != 1 || icmp_for_syn(c, &o) ||
        o.end_ns - o.syn->time_ns < RUNG_NS)
        return;
    tca_hold(j, TCA_CERTAIN, o.syn->time_ns);
    j->actor = TCA_CLIENT;
    tca_prove(j, o.syn);
    tca_say(j, "One SYN, not answered and not repeated within %u.%03u s.", WHOLE(o.end_ns - o.syn->time_ns));
}

static bool near_server(const struct tca_case *c)
{
    return tca_near_server(c->vantage);
}

/* Near a listener that sent cookies, a SYN+ACK that no timer repeats is one, whatever its options. */
static bool silent_cookie(const struct tca_case *c, const struct opening *o)
{
    bool heard = o->opened || o->withdrawal || o->refusal;
    return near_server(c) && c->listener->cookie_count && o->syn && o->synack && !heard && !rung(c, o, 0) &&
           o->end_ns - o->synack->time_ns >= RUNG_NS;
}

/* A cookie's SYN+ACK, and time for a request's timer to repeat it: the server was never in SYN_RECV. */
static bool no_request(const struct tca_case *c, const struct opening *o)
{
    int64_t until_ns = request_reset(o) ? o->refusal->time_ns : o->end_ns;
    bool missing = tca_cookie_options_missing(o->m, o->syn, o->synack) && !rung(c, o, 0) &&
                   until_ns - o->synack->time_ns >= RUNG_NS;
    return missing || silent_cookie(c, o);
}

static const char *half_open_how(const struct opening *o)
{
    if (!o->stuck)
        return "no acknowledgment was seen";
    return request_reset(o) ? "it answered the acknowledgment with a reset"
                            : "it took none of the acknowledgments";
}

/* The capture holds no client's ACK, and a request that had not got one would have repeated its SYN+ACK. */
static bool ack_unseen(const struct tca_case *c, const struct opening *o)
{
    return c->listener->blind && !o->stuck && o->server->synack_count == 1;
}

void judge_handshake_half_open(const struct tca_case *c, struct tca_judgement *j)
{
    static const struct tca_levels levels = {TCA_CERTAIN, TCA_PROBABLE, TCA_POSSIBLE};
    struct opening o = opening_of(c);
    bool waited = o.synack && o.end_ns - o.synack->time_ns >= RUNG_NS;
    bool silent = waited && !o.opened && !o.withdrawal && o.syn;
    if (!o.synack || !o.syn || !(silent || o.stuck) || no_request(c, &o) || ack_unseen(c, &o))
        return;
    enum tca_confidence level = tca_level(c, levels, TCA_BASIS_SILENCE);
    if (silent && (o.m->damage & TCA_DAMAGE_ONE_WAY))
        level = TCA_POSSIBLE;
    tca_hold(j, o.stuck ? tca_level(c, levels, TCA_BASIS_SEEN) : level, o.synack->time_ns);
    j->actor = o.stuck ? TCA_SERVER : TCA_CLIENT;
    j->value = (int64_t)o.server->synack_count;
    j->unit = "pkts";
    tca_prove(j, o.syn);
    tca_prove(j, o.synack);
    tca_prove(j, o.ack);
    tca_prove(j, o.last_synack);
    tca_prove(j, request_reset(&o) ? o.refusal : NULL);
    tca_say(j, "%u SYN+ACK, and the server never left SYN_RECV: %s.", (unsigned)o.server->synack_count,
            half_open_how(&o));
}

/* ---- SYN cookies and fast open ---- */

/* Most connections of this listener show the lag: a SYN cookie's is below 4 ms once in sixteen. */
static bool listener_lags(const struct tca_listener *l)
{
    return l->cookie_skew_flows >= 3 && l->cookie_skew_flows >= l->skew_flows - l->skew_flows / 5;
}

static enum tca_cookie cookie_evidence(const struct tca_case *c, const struct opening *o, int64_t *ret_ms)
{
    if (!o->synack || rung(c, o, 0))
        return TCA_COOKIE_NONE; /* nobody is left to repeat a cookie */
    if (tca_cookie_options_missing(o->m, o->syn, o->synack))
        return TCA_COOKIE_STRONG;
    if (silent_cookie(c, o))
        return TCA_COOKIE_WEAK;
    if (!tca_cookie_lag(c->d, o->last_synack, ret_ms) || *ret_ms < TCA_COOKIE_SKEW_MIN ||
        *ret_ms > TCA_COOKIE_SKEW_MAX)
        return tca_cookie_window(c->d, o->synack) ? TCA_COOKIE_WEAK : TCA_COOKIE_NONE;
    if (listener_lags(c->listener))
        return TCA_COOKIE_STRONG;
    /* One flow away from the server: a varying path delay makes the same difference. */
    return near_server(c) || tca_cookie_window(c->d, o->synack) ? TCA_COOKIE_WEAK : TCA_COOKIE_NONE;
}

enum tca_cookie tca_cookie_evidence(const struct tca_case *c, int64_t *ret_skew_ms)
{
    struct opening o = opening_of(c);
    int64_t skew = 0;
    enum tca_cookie evidence = cookie_evidence(c, &o, &skew);
    if (ret_skew_ms)
        *ret_skew_ms = skew;
    return evidence;
}

void judge_handshake_synack_cookie(const struct tca_case *c, struct tca_judgement *j)
{
    struct opening o = opening_of(c);
    int64_t skew = 0;
    enum tca_cookie evidence = cookie_evidence(c, &o, &skew);
    if (evidence == TCA_COOKIE_NONE || !(o.opened || no_request(c, &o)) || !o.syn)
        return;
    bool many = near_server(c) && listener_lags(c->listener);
    enum tca_confidence level = many ? TCA_CERTAIN : TCA_PROBABLE;
    bool missing = tca_cookie_options_missing(o.m, o.syn, o.synack);
    tca_hold(j, missing ? level : tca_linux_only(c, TCA_SERVER, level), o.synack->time_ns);
    j->actor = TCA_SERVER;
    tca_prove(j, o.synack);
    if (missing) {
        tca_prove(j, o.syn);
        tca_say(j, "The SYN+ACK has neither window scale nor SACK although the client offered both.");
        return;
    }
    if (silent_cookie(c, &o)) {
        j->confidence = TCA_PROBABLE;
        tca_say(j, "Nothing acknowledged the SYN+ACK and no timer repeated it, at a listener that sent SYN "
                   "cookies: there is no request.");
        return;
    }
    tca_prove(j, tca_dossier_mark(c->d, TCA_MARK_CHILD, TCA_SERVER, 0));
    if (skew < TCA_COOKIE_SKEW_MIN || skew > TCA_COOKIE_SKEW_MAX) {
        j->value = tca_cookie_window(c->d, o.synack);
        j->unit = "bytes";
        tca_say(j, "The child offers %u bytes less than the SYN+ACK did, as after a SYN cookie.",
                (unsigned)j->value);
        return;
    }
    j->value = skew * MS;
    j->unit = "ns";
    tca_say(j, "The SYN+ACK's timestamp lags the server's clock by %d ms, as a SYN cookie's does.",
            (int)skew);
}

/* A cookie's ACK had no effect, for the client's next segment was answered as one of no connection. */
static bool reset_without_state(const struct tca_case *c, const struct opening *o)
{
    return o->ack && !o->child && request_reset(o) && no_request(c, o) &&
           o->refusal->time_ns - o->ack->time_ns >= QUIET_NS;
}

/* A request would repeat its SYN+ACK, a child would acknowledge the data: no state is left. */
static bool state_was_lost(const struct tca_case *c, const struct opening *o)
{
    const struct tca_mark *data = tca_dossier_mark(c->d, TCA_MARK_FIRST_DATA, TCA_CLIENT, 0);
    const struct tca_mark *again = tca_dossier_last(c->d, TCA_MARK_DATA_RETX, TCA_CLIENT);
    bool quiet = o->synack && o->ack && o->end_ns - o->ack->time_ns >= QUIET_NS && !rung(c, o, 0);
    return quiet && !o->child && !o->refusal && o->server->pkts == o->server->synack_count && data && again &&
           o->client->retx_pkts >= 2 && again->time_ns - data->time_ns >= SECOND;
}

void judge_handshake_cookie_ack_lost_state(const struct tca_case *c, struct tca_judgement *j)
{
    static const struct tca_levels levels = {TCA_PROBABLE, TCA_POSSIBLE, TCA_POSSIBLE};
    struct opening o = opening_of(c);
    bool reset = reset_without_state(c, &o);
    if (!reset && !state_was_lost(c, &o))
        return;
    bool cookie = tca_cookie_options_missing(o.m, o.syn, o.synack),
         full = tca_listener_episode(c->listener, o.ack->time_ns, 2 * SECOND) != NULL;
    if (!cookie && !full && !near_server(c))
        return; /* a path that died towards the server explains it better */
    enum tca_confidence level = tca_level(c, levels, TCA_BASIS_SILENCE);
    tca_hold(j, cookie || full ? level : TCA_POSSIBLE, o.ack->time_ns);
    j->actor = TCA_SERVER;
    tca_prove(j, o.synack);
    tca_prove(j, o.ack);
    tca_prove(j, tca_dossier_mark(c->d, TCA_MARK_FIRST_DATA, TCA_CLIENT, 0));
    tca_prove(j, reset ? o.refusal : tca_dossier_last(c->d, TCA_MARK_DATA_RETX, TCA_CLIENT));
    if (reset)
        tca_say(j,
                "The ACK of a SYN cookie had no effect: the client's segment %u.%03u s later drew a reset.",
                WHOLE(o.refusal->time_ns - o.ack->time_ns));
    else
        tca_say(j, "The server neither took the client's data (%u repeats) nor repeated its SYN+ACK.",
                (unsigned)o.client->retx_pkts);
}

/* The SYN+ACK acknowledges data beyond the SYN. */
static const struct tca_mark *data_taken(const struct tca_case *c, const struct opening *o)
{
    const struct tca_mark *mark;
    for (unsigned n = 0; (mark = tca_dossier_mark(c->d, TCA_MARK_SYNACK, TCA_SERVER, n)); n++)
        if (answers(o->client, mark) && seq_after(mark->ack, o->client->iss + 1))
            return mark;
    return NULL;
}

void judge_handshake_tfo_data_accepted(const struct tca_case *c, struct tca_judgement *j)
{
    struct opening o = opening_of(c);
    const struct tca_mark *taken = client_used_fast_open(&o) ? data_taken(c, &o) : NULL;
    if (!taken)
        return;
    tca_hold(j, TCA_CERTAIN, taken->time_ns);
    j->actor = TCA_SERVER;
    j->value = (int64_t)(taken->ack - (o.client->iss + 1));
    j->unit = "bytes";
    tca_prove(j, o.syn);
    tca_prove(j, taken);
    tca_say(j, "The SYN+ACK took %u of %u bytes that came on the SYN.", (unsigned)j->value,
            (unsigned)o.syn->len);
}

void judge_handshake_tfo_data_rejected(const struct tca_case *c, struct tca_judgement *j)
{
    struct opening o = opening_of(c);
    if (!client_used_fast_open(&o) || !o.synack || data_taken(c, &o))
        return;
    /* A repeated SYN bears no data: only an answer to the first copy says that the data was refused. */
    bool first = o.syn_copies == 1 || (o.synack->has_ts && o.synack->tsecr == o.syn->tsval);
    if (!first)
        return;
    tca_hold(j, TCA_CERTAIN, o.synack->time_ns);
    j->actor = TCA_SERVER;
    j->value = (int64_t)o.syn->len;
    j->unit = "bytes";
    tca_prove(j, o.syn);
    tca_prove(j, o.synack);
    tca_say(j, "The SYN+ACK did not take the %u bytes on the SYN.", (unsigned)o.syn->len);
}

/* ---- opened ---- */

/* A deferred accept ignores bare ACKs on purpose until its ladder's one late rung. */
static bool deferred(const struct tca_case *c, const struct opening *o)
{
    const struct tca_mark *first = rung(c, o, 0);
    const struct tca_listener *l = c->listener;
    if (!first || rung(c, o, 1))
        return false;
    if (first->time_ns - o->synack->time_ns >= DEFER_NS)
        return true;
    return l->idle_opens >= 5 && l->one_rung_at_1s == l->idle_opens;
}

void judge_handshake_complete_ack_retry(const struct tca_case *c, struct tca_judgement *j)
{
    static const struct tca_levels levels = {TCA_POSSIBLE, TCA_PROBABLE, TCA_PROBABLE};
    struct opening o = opening_of(c);
    if (!o.opened || o.stuck || !o.m->open_refuted || !o.ack || !o.synack || !rung(c, &o, 0) ||
        deferred(c, &o))
        return;
    int full = tca_listener_episode(c->listener, o.ack->time_ns, SECOND) != NULL;
    tca_hold(j, tca_lower(tca_level(c, levels, TCA_BASIS_SEEN), full + !o.child), o.ack->time_ns);
    j->actor = TCA_ACTOR_PATH;
    j->value = (int64_t)o.m->ack_ignored_count;
    j->unit = "pkts";
    tca_prove(j, o.ack);
    tca_prove(j, rung(c, &o, 0));
    j->frame_count = (uint8_t)(j->frame_count + (o.m->child_frame && j->frame_count < TCA_PROOF_MAX));
    if (o.m->child_frame)
        j->frame[j->frame_count - 1] = o.m->child_frame;
    tca_say(j, "%u segment(s) of the client were without effect before one opened the connection.",
            (unsigned)o.m->ack_ignored_count);
}

/* Which SYN+ACK the client's ACK answers: the one whose TSval it echoes. */
static bool echoes_first(const struct opening *o)
{
    return o->ack->has_ts && o->synack->has_ts && o->ack->tsecr == o->synack->tsval;
}

/* The client's later answers took as long as its ACK did from the first SYN+ACK. */
static bool slow_path(const struct tca_case *c, const struct opening *o)
{
    return 4 * tca_dossier_client_path(c->d).fin_ns >= 3 * tca_interval(o->synack->time_ns, o->ack->time_ns);
}

/* The repeat left although the first copy was being answered: the ACK had passed before, or took that long. On a
 * path that slow the client's first SYN timer has fired too, and what it answers later takes as long; else the
 * first ACK was lost before the capture point, for the answer to a repeat echoes the first copy as well. */
static bool spurious(const struct tca_case *c, const struct opening *o, const struct tca_mark *first)
{
    if (first->crossing)
        return true;
    bool late = o->ack->time_ns - o->synack->time_ns >= SATELLITE_NS;
    return late && first->frame < o->ack->frame && echoes_first(o) && (o->syn_copies > 1 || slow_path(c, o));
}

/* Nothing excludes that this ACK answers the first copy: neither its echo nor what the client answered sooner. */
static bool may_answer_first(const struct tca_case *c, const struct opening *o)
{
    bool stamped = o->ack->has_ts && o->synack->has_ts;
    int64_t most_ns = tca_dossier_client_path(c->d).most_ns;
    bool sooner = most_ns >= 0 && 4 * most_ns < 3 * tca_interval(o->synack->time_ns, o->ack->time_ns);
    return (!stamped || echoes_first(o)) && !sooner;
}

static bool client_was_late(const struct opening *o, const struct tca_mark *first)
{
    return o->opened && !o->stuck && o->ack && first && (first->crossing || first->frame < o->ack->frame);
}

void judge_handshake_complete_synack_retry(const struct tca_case *c, struct tca_judgement *j)
{
    static const struct tca_levels levels = {TCA_CERTAIN, TCA_CERTAIN, TCA_PROBABLE};
    struct opening o = opening_of(c);
    const struct tca_mark *first = rung(c, &o, 0);
    if (!client_was_late(&o, first) || spurious(c, &o, first) || !o.syn)
        return;
    tca_hold(j, tca_lower(tca_level(c, levels, TCA_BASIS_SEEN), may_answer_first(c, &o)), first->time_ns);
    j->actor = TCA_ACTOR_PATH;
    j->value = (int64_t)o.server->synack_count;
    j->unit = "pkts";
    tca_prove(j, o.synack);
    tca_prove(j, first);
    tca_prove(j, o.ack);
    tca_say(j, "%u SYN+ACK copies; the client's ACK came %u.%03u s after the first.",
            (unsigned)o.server->synack_count, WHOLE(o.ack->time_ns - o.synack->time_ns));
}

void judge_handshake_spurious_synack_rtx(const struct tca_case *c, struct tca_judgement *j)
{
    struct opening o = opening_of(c);
    const struct tca_mark *first = rung(c, &o, 0);
    if (!client_was_late(&o, first) || !spurious(c, &o, first) || !o.syn)
        return;
    struct tca_ladder ladder;
    tca_ladder_read(c->d, &ladder);
    bool told = echoes_first(&o) && (first->crossing || o.syn_copies > 1) && !ladder.unsure;
    tca_hold(j, told ? TCA_CERTAIN : TCA_PROBABLE, first->time_ns);
    j->actor = TCA_SERVER;
    j->value = o.ack->time_ns - o.synack->time_ns;
    j->unit = "ns";
    tca_prove(j, o.synack);
    tca_prove(j, first);
    tca_prove(j, o.ack);
    tca_say(j, "The ACK of the first SYN+ACK took %u.%03u s, so the server repeated it in vain.",
            WHOLE(j->value));
}

/* Which copy the SYN+ACK answers, 1-based; 0 if that cannot be told. */
static unsigned answered_copy(const struct tca_case *c, const struct opening *o)
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
    struct opening o = opening_of(c);
    if (!o.opened || o.stuck || !o.syn || o.syn_copies < 2 || o.challenges ||
        o.last_syn->time_ns - o.syn->time_ns < TIMER_NS)
        return;
    tca_hold(j, TCA_CERTAIN, o.syn->time_ns);
    j->actor = TCA_ACTOR_PATH;
    j->value = o.syn_copies;
    j->unit = "pkts";
    for (unsigned n = 0; n < 8; n++)
        tca_prove(j, tca_dossier_mark(c->d, TCA_MARK_SYN, TCA_CLIENT, n));
    tca_prove(j, o.synack);
    unsigned copy = answered_copy(c, &o);
    if (copy)
        tca_say(j, "%u SYN copies over %u.%03u s; the SYN+ACK answers copy %u.", o.syn_copies,
                WHOLE(o.last_syn->time_ns - o.syn->time_ns), copy);
    else
        tca_say(j, "%u SYN copies over %u.%03u s before the connection opened.", o.syn_copies,
                WHOLE(o.last_syn->time_ns - o.syn->time_ns));
}

void judge_handshake_tfo_cookie_request(const struct tca_case *c, struct tca_judgement *j)
{
    struct opening o = opening_of(c);
    if (!o.opened || o.stuck || !o.syn || !o.client->tfo || o.client->tfo_cookie)
        return;
    tca_hold(j, TCA_CERTAIN, o.syn->time_ns);
    j->actor = TCA_CLIENT;
    tca_prove(j, o.syn);
    tca_prove(j, o.synack);
    tca_say(j, "The client asked for a Fast Open cookie%s.",
            o.server->tfo_cookie ? " and was given one" : "; the server gave none");
}

void judge_handshake_complete_data_on_ack(const struct tca_case *c, struct tca_judgement *j)
{
    struct opening o = opening_of(c);
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
static enum tca_confidence server_opened(const struct opening *o)
{
    if (o->child)
        return TCA_CERTAIN;
    return o->ack && o->end_ns - o->ack->time_ns < QUIET_NS ? TCA_POSSIBLE : TCA_PROBABLE;
}

void judge_handshake_complete(const struct tca_case *c, struct tca_judgement *j)
{
    struct opening o = opening_of(c);
    if (!o.opened || o.stuck || midstream(&o))
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

static tca_judge *const unopened[] = {
    judge_handshake_simultaneous_open, judge_handshake_split,
    judge_handshake_refused_rst,       judge_handshake_refused_icmp,
    judge_handshake_delayed_dup_syn,   judge_handshake_challenge_loop,
    judge_handshake_challenged,        judge_handshake_half_open_rst,
    judge_handshake_client_abort,      judge_handshake_no_answer,
    judge_handshake_syn_only,          judge_handshake_half_open,
    judge_handshake_tfo_data_accepted, judge_handshake_tfo_data_rejected,
};

/* What is neither midstream nor opened, and fits none of the above. */
void judge_handshake_pending_at_end(const struct tca_case *c, struct tca_judgement *j)
{
    struct opening o = opening_of(c);
    if (midstream(&o) || o.opened || silent_cookie(c, &o))
        return;
    for (unsigned at = 0; at < sizeof unopened / sizeof *unopened; at++) {
        struct tca_judgement other = {0};
        unopened[at](c, &other);
        if (other.confidence != TCA_NO)
            return;
    }
    tca_hold(j, TCA_POSSIBLE, o.m->start_ns);
    j->actor = TCA_ACTOR_PATH;
    j->frame[0] = o.m->first_frame;
    j->frame_count = 1;
    if (o.synack && o.syn && ack_unseen(c, &o)) {
        tca_say(j, "No ACK of any client is in this capture, so whether this opened cannot be told.");
        return;
    }
    tca_say(j, "The capture ended %u.%03u s after this connection began, too early to tell.",
            WHOLE(o.end_ns - o.m->start_ns));
}
