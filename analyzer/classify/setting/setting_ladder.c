/* SPDX-License-Identifier: MIT
 *
 * Settings by what was repeated. What an application may do as well as the kernel (give up a SYN, close early) bounds
 * from below only.
 *
 *     SYN ladder      timers at 1 s, linear, then doubling      tcp_write_timeout(): given up at the retries + linear
 *                                                               count, or at 2^(n+1)-1 s, whichever comes first
 *     SYN+ACK ladder  1 s doubling                              reqsk_timer_handler(): freed at 2^(n+1)-1 s
 *     FIN ladder      tail probe, then a timeout doubling       retransmits_timed_out(): 0.2 s * (2^(n+1)-1) since the
 *                                                               first repetition by timer
 *
 * Timers are never early and late by up to an eighth. Checked against Linux 5.10 to 7.2, measured on 6.18.
 */
#include "classify/setting/setting_parts.h"

#define MS     INT64_C(1000000)
#define SECOND TCA_SECOND

static const int64_t RTO_MIN_NS = 200 * MS;      /* TCP_RTO_MIN */
static const int64_t RTO_MAX_LEAST_NS = SECOND;  /* tcp_rto_max_ms is 1000 at least */
static const int64_t LONG_TRY_NS = 60 * SECOND;  /* applications rarely wait so long to connect */
static const int64_t LONG_FIN_NS = 110 * SECOND; /* a FIN repeated longer than this is hardly an orphan's */
static const int64_t LINEAR_SINCE = TCA_RELEASE(6, 5); /* tcp_syn_linear_timeouts */
enum { WHOLE_RTO = 4 };                                /* marks of a role that are always kept */
enum { PRUNE_QUEUE = 4 };                              /* no listener prunes so few requests */

/* Does a timer of this interval fire after this time? */
static bool fits_timer(int64_t gap_ns, int64_t interval_ns)
{
    return gap_ns >= interval_ns / 100 * 98 && gap_ns <= interval_ns + interval_ns / 8 + 20 * MS;
}

/* The smallest n with 2^(n+1)-1 units above this time, and the largest with no more than it. */
static int64_t steps_above(int64_t time_ns, int64_t unit_ns)
{
    int64_t n = 0;
    while (n < 30 && (((INT64_C(2) << n) - 1) * unit_ns) <= time_ns)
        n++;
    return n;
}

static int64_t steps_within(int64_t time_ns, int64_t unit_ns)
{
    return steps_above(time_ns, unit_ns) - 1;
}

/* Where a filter took the ACKs, one that is not there may have ended any ladder. */
static bool acks_are_there(const struct tca_gather *g)
{
    return !g->sifted && !g->c->listener->blind;
}

/* ---- ladders of SYNs ---- */

struct syns {
    const struct tca_mark *first, *last;
    unsigned copies, linear, doubling; /* linear: gaps of one second; doubling: those after */
    int64_t gap_ns;                    /* nominal, the last one */
    bool regular, answered;
};

static bool next_syn(struct syns *s, const struct tca_mark *syn)
{
    if (s->copies++) {
        int64_t gap = syn->time_ns - s->last->time_ns;
        if (!s->doubling && fits_timer(gap, SECOND)) {
            s->linear++;
            s->gap_ns = SECOND;
        } else if (s->linear && fits_timer(gap, 2 * s->gap_ns)) {
            s->doubling++;
            s->gap_ns *= 2;
        } else {
            return false;
        }
    } else {
        s->first = syn;
    }
    s->last = syn;
    return true;
}

static struct syns read_syns(const struct tca_dossier *d)
{
    struct syns s = {.regular = true};
    for (unsigned at = 0; at < d->mark_count && s.regular && !s.answered; at++) {
        const struct tca_mark *mark = &d->mark[at];
        bool syn = mark->side == TCA_CLIENT && (mark->roles & TCA_MARK_SYN) && !mark->witness;
        if (syn)
            s.regular = next_syn(&s, mark);
        else
            s.answered = true;
    }
    bool all = d->m.side[TCA_CLIENT].syn_count == tca_dossier_count(d, TCA_MARK_SYN, TCA_CLIENT);
    s.regular &= all && s.linear > 0;
    return s;
}

/* The first copy may have passed before the capture began. */
static bool sees_beginning(const struct tca_gather *g, const struct tca_mark *first, int64_t gap_ns)
{
    return first->time_ns - g->capture_ns > gap_ns + gap_ns / 8 + 20 * MS;
}

static void syn_ladder(struct tca_gather *g)
{
    if (g->d->m.server_syn_bare || g->d->m.client_synack || g->d->m.prior.exists ||
        !tca_gather_linux(g, TCA_CLIENT))
        return;
    struct syns s = read_syns(g->d);
    if (!s.regular)
        return;
    bool exact = sees_beginning(g, s.first, SECOND) && s.doubling > 1 && tca_gather_near(g->c, TCA_CLIENT);
    int64_t linear = s.linear - 1, elapsed = s.last->time_ns - s.first->time_ns;
    if (linear > 0 || exact)
        tca_observe(g, TCA_CLIENT, TCA_SETTING_tcp_syn_linear_timeouts, linear, exact ? linear : TCA_NO_LIMIT,
                    s.first, s.last);
    if (linear > 0)
        tca_observe(g, TCA_CLIENT, TCA_SETTING_kernel, LINEAR_SINCE, TCA_NO_LIMIT, s.first, s.last);
    int64_t least = steps_above(elapsed, SECOND), most = TCA_NO_LIMIT, next = 2 * s.gap_ns;
    int64_t by_count = (int64_t)s.copies - 1 - linear;
    if (s.doubling > 1 && by_count > least)
        least = by_count;
    bool over = !g->sifted && !s.answered && !g->d->m.side[TCA_SERVER].pkts &&
                elapsed + next >= LONG_TRY_NS && g->end_ns - s.last->time_ns > next + next / 4;
    if (over && exact) {
        most = steps_within(elapsed + next + next / 8 + SECOND / 50, SECOND);
        if (by_count > most)
            most = by_count;
    }
    tca_observe(g, TCA_CLIENT, TCA_SETTING_tcp_syn_retries, least, most, s.first, s.last);
}

/* ---- ladders of SYN+ACKs ---- */

struct synacks {
    const struct tca_mark *first, *last;
    unsigned rungs;
    int64_t gap_ns;
    bool regular;
};

/* All copies by timer, one second and then doubling, without a SYN in between that would have been answered. */
static struct synacks read_synacks(const struct tca_dossier *d)
{
    struct synacks s = {.gap_ns = SECOND / 2, .regular = true};
    for (unsigned at = 0; at < d->mark_count && s.regular; at++) {
        const struct tca_mark *mark = &d->mark[at];
        if (mark->witness)
            continue;
        if (s.first && mark->side == TCA_CLIENT && (mark->roles & TCA_MARK_SYN))
            s.regular = false;
        if (mark->side != TCA_SERVER || !(mark->roles & TCA_MARK_SYNACK))
            continue;
        if (s.first) {
            s.gap_ns *= 2;
            s.rungs++;
            s.regular &= mark->seq == s.first->seq && fits_timer(mark->time_ns - s.last->time_ns, s.gap_ns);
        } else {
            s.first = mark;
        }
        s.last = mark;
    }
    s.regular &=
        d->m.side[TCA_SERVER].synack_count == tca_dossier_count(d, TCA_MARK_SYNACK, TCA_SERVER) && s.rungs;
    return s;
}

/* So few requests at one time are never pruned, and the shortest ladders are left whole (reqsk_timer_handler). */
static bool may_be_pruned(const struct tca_gather *g, const struct synacks *s)
{
    const struct tca_listener *l = g->c->listener;
    return s->rungs >= 2 && l->flows - (l->established < l->flows ? l->established : l->flows) > PRUNE_QUEUE;
}

static bool request_ran_out(const struct tca_gather *g, const struct synacks *s)
{
    const struct tca_mirror *m = &g->d->m;
    int64_t next = 2 * s->gap_ns;
    return tca_gather_near(g->c, TCA_SERVER) && m->first_ack_ns < 0 && !m->side[TCA_CLIENT].rst_count &&
           g->end_ns - s->last->time_ns > next + next / 8 + SECOND && !may_be_pruned(g, s);
}

static void synack_ladder(struct tca_gather *g)
{
    const struct tca_mirror *m = &g->d->m;
    if (m->side[TCA_CLIENT].tfo || m->client_synack || m->server_syn_bare ||
        !tca_gather_linux(g, TCA_SERVER) || !m->side[TCA_CLIENT].syn_count)
        return;
    struct synacks s = read_synacks(g->d);
    if (!s.regular)
        return;
    bool whole = acks_are_there(g);
    int64_t most = whole && request_ran_out(g, &s) ? (int64_t)s.rungs : TCA_NO_LIMIT;
    const struct tca_judgement *rst =
        whole ? tca_gather_found(g, TCA_rst_request_expired, TCA_CERTAIN) : NULL;
    if (rst && rst->time_ns > s.first->time_ns) {
        int64_t within = steps_within(rst->time_ns - s.first->time_ns, SECOND);
        most = within < most ? within : most;
    }
    if (most < (int64_t)s.rungs)
        most = TCA_NO_LIMIT; /* a request that was pruned */
    tca_observe(g, TCA_SERVER, TCA_SETTING_tcp_synack_retries, s.rungs, most, s.first, s.last);
}

/* ---- ladders of FINs ---- */

struct fins {
    const struct tca_mark *first, *stamp, *last; /* stamp: the first repetition by timer */
    int64_t gap_ns;                              /* the last one */
    bool regular;
};

static bool doubles(int64_t gap_ns, int64_t before_ns)
{
    return gap_ns >= 2 * before_ns - before_ns / 4 && gap_ns <= 2 * before_ns + before_ns / 2;
}

/* A tail probe comes first where it can, whose interval is no timer's; from the first timer on gaps double. */
static struct fins read_fins(const struct tca_dossier *d, int role)
{
    const struct tca_mark *fin[4] = {NULL};
    for (unsigned n = 0; n < 4; n++)
        fin[n] = tca_dossier_mark(d, TCA_MARK_FIN, role, n);
    struct fins f = {.first = fin[0]};
    if (!fin[3])
        return f;
    bool probe = !doubles(tca_interval(fin[1]->time_ns, fin[2]->time_ns),
                          tca_interval(fin[0]->time_ns, fin[1]->time_ns));
    f.stamp = f.last = fin[probe ? 2 : 1];
    f.regular = d->m.side[role].fin_count == tca_dossier_count(d, TCA_MARK_FIN, role);
    const struct tca_mark *next;
    for (unsigned n = probe ? 3 : 2; (next = tca_dossier_mark(d, TCA_MARK_FIN, role, n)); n++) {
        int64_t gap = tca_interval(f.last->time_ns, next->time_ns);
        f.regular &= gap >= RTO_MIN_NS && (!f.gap_ns || doubles(gap, f.gap_ns));
        f.gap_ns = gap;
        f.last = next;
    }
    return f;
}

/* The kernel gave it up while the peer kept silent, and nobody told it that the peer is out of reach. */
static void fin_ladder(struct tca_gather *g)
{
    for (int role = 0; role < 2; role++) {
        const struct tca_side *side = &g->d->m.side[role], *peer = &g->d->m.side[1 - role];
        if (!side->fin_sent || side->fin_acked_by_peer || side->rst_count || peer->rst_count ||
            !tca_gather_near(g->c, role) || !tca_gather_linux(g, role) ||
            tca_dossier_mark(g->d, TCA_MARK_ICMP, -1, 0))
            continue;
        struct fins f = read_fins(g->d, role);
        if (!f.regular || peer->last_ns > f.stamp->time_ns)
            continue;
        int64_t elapsed = f.last->time_ns - f.stamp->time_ns, next = 2 * f.gap_ns;
        bool over = acks_are_there(g) && g->end_ns - f.last->time_ns > next + next / 4;
        int64_t least = steps_above(elapsed, RTO_MIN_NS),
                most = steps_within(elapsed + next + next / 8 + 20 * MS, RTO_MIN_NS);
        if (over && elapsed < LONG_FIN_NS && least <= most)
            tca_observe(g, role, TCA_SETTING_tcp_orphan_retries, least, most, f.stamp, f.last);
    }
}

/* ---- payload without an answer ---- */

/* The smallest tcp_retries2 with which payload is still repeated so long after its first repetition by timer
 * (tcp_model_timeout): intervals double up to 120 s. */
static int64_t retries_for(int64_t elapsed_ns)
{
    enum { DOUBLING = 9 };
    const int64_t doubled_ns = ((INT64_C(2) << DOUBLING) - 1) * RTO_MIN_NS, longest_ns = 120 * SECOND;
    if (elapsed_ns < doubled_ns)
        return steps_above(elapsed_ns, RTO_MIN_NS);
    return DOUBLING + 1 + (elapsed_ns - doubled_ns) / longest_ns;
}

/* Of a socket that its program had not closed. When it was given up is the program's choice as well
 * (TCP_USER_TIMEOUT). */
static void payload_ladder(struct tca_gather *g)
{
    for (int role = 0; role < 2; role++) {
        const struct tca_spell *ladder = &g->d->trouble[role].ladder_worst;
        const struct tca_mark *again = NULL;
        if (g->d->m.side[role].fin_sent || ladder->count < 3 || !tca_gather_linux(g, role))
            continue;
        for (unsigned n = 0; (again = tca_dossier_mark(g->d, TCA_MARK_RETX_RTO, role, n)); n++)
            if (again->frame >= ladder->first_frame)
                break;
        const struct tca_mark *last = tca_gather_mark(g->d, ladder->last_frame);
        if (!again || !last || last->frame <= again->frame || last->seq != again->seq)
            continue;
        tca_observe(g, role, TCA_SETTING_tcp_retries2, retries_for(last->time_ns - again->time_ns),
                    TCA_NO_LIMIT, again, last);
    }
}

/* ---- the retransmission timer's own bounds ---- */

/* Copies of the same payload or FIN by timer. */
struct rungs {
    const struct tca_mark *first, *second, *last;
    unsigned copies;
    int64_t gap_ns;
    bool doubled; /* so it is no timer of a thin stream, which stays as it is (tcp_thin_linear_timeouts) */
};

static void next_rung(struct tca_gather *g, int role, struct rungs *r, const struct tca_mark *copy)
{
    if (!r->copies || copy->seq != r->first->seq) {
        *r = (struct rungs){.first = copy, .last = copy, .copies = 1};
        return;
    }
    int64_t gap = copy->time_ns - r->last->time_ns, before = r->gap_ns;
    if (r->copies++ == 1)
        r->second = copy;
    r->last = copy;
    r->gap_ns = gap;
    if (before && doubles(gap, before)) {
        r->doubled = true;
        if (r->copies == 3)
            tca_observe(g, role, TCA_SETTING_tcp_rto_min_us, 1,
                        (r->second->time_ns - r->first->time_ns + 20 * MS) / 1000, r->first, r->second);
    }
    if (!r->doubled)
        return;
    int64_t least = gap < before ? gap : before, most = gap > before ? gap : before;
    bool stays = least >= RTO_MAX_LEAST_NS && most - least <= least / 16;
    if (stays || doubles(gap, before))
        tca_observe(g, role, TCA_SETTING_tcp_rto_max_ms, (most - 20 * MS) / 115 * 100 / MS,
                    stays ? least / MS + 10 : TCA_NO_LIMIT, r->first, copy);
}

/* Where copies were lost on the way to the capture, intervals are not the timer's. */
static void timers(struct tca_gather *g)
{
    for (int role = 0; role < 2; role++) {
        struct rungs r = {0};
        const struct tca_mark *copy;
        unsigned kept = tca_dossier_count(g->d, TCA_MARK_RETX_RTO, role);
        if (kept < g->d->m.side[role].retx_rto)
            kept = kept < WHOLE_RTO ? kept : WHOLE_RTO; /* later ones have gaps between them */
        if (!tca_gather_near(g->c, role) || !tca_gather_linux(g, role))
            continue;
        for (unsigned n = 0; n < kept && (copy = tca_dossier_mark(g->d, TCA_MARK_RETX_RTO, role, n)); n++)
            next_rung(g, role, &r, copy);
    }
}

void tca_estimate_ladders(struct tca_gather *g)
{
    syn_ladder(g);
    synack_ladder(g);
    fin_ladder(g);
    payload_ladder(g);
    timers(g);
}
