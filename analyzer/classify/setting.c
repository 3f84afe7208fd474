/* SPDX-License-Identifier: MIT
 *
 * Estimating settings.
 *
 * Every estimator is asked of every judged flow; it adds observations or nothing. An observation is an interval that
 * the flow alone justifies, so an estimate is their intersection. What an application may do as well as the kernel
 * (give up a SYN, close early) bounds from below only.
 *
 *     SYN ladder      timers at 1 s, linear, then doubling      tcp_write_timeout(): given up at the retries + linear
 *                                                               count, or at 2^(n+1)-1 s, whichever comes first
 *     SYN+ACK ladder  1 s doubling                              reqsk_timer_handler(): freed at 2^(n+1)-1 s
 *     FIN ladder      tail probe, then a timeout doubling       retransmits_timed_out(): 0.2 s * (2^(n+1)-1) since the
 *                                                               first repetition by timer
 *
 * Timers are never early and late by up to an eighth. Checked against Linux 5.10 to 7.2, measured on 6.18.
 */
#include "classify/setting.h"

#include "base/alloc.h"
#include "base/seq32.h"
#include "base/sorted.h"
#include "classify/ladder.h"
#include "classify/level.h"
#include "mirror/deviations.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/error.h>

#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)
#define NONE   INT64_MAX /* not bounded from above */

static const int64_t RTO_MIN_NS = 200 * MS;      /* TCP_RTO_MIN */
static const int64_t RTO_MAX_LEAST_NS = SECOND;  /* tcp_rto_max_ms is 1000 at least */
static const int64_t LONG_TRY_NS = 60 * SECOND;  /* applications rarely wait so long to connect */
static const int64_t LONG_FIN_NS = 110 * SECOND; /* a FIN repeated longer than this is hardly an orphan's */
static const int64_t LONG_WAIT_NS = 3 * SECOND;  /* in FIN_WAIT2: sooner, a table of TIME_WAITs may be full */
enum { WHOLE_RTO = 4 };                          /* marks of a role that are always kept */
enum { PRUNE_QUEUE = 4 };                        /* no listener prunes so few requests */
enum { REUSE_MIN = 5 };                          /* ports: one may have been bound by its program */
enum { OFF_LINE_MS = 10000000 };                 /* two clocks' distance that no uptime explains */

enum reach { REACH_HOST, REACH_SOCKET, REACH_LISTENER };

static const struct {
    enum reach reach;
    const char *basis;
} settings[TCA_SETTING_COUNT] = {
#define SETTING(id, name, reach, basis) {REACH_##reach, basis},
#include "classify/setting.def"
#undef SETTING
};

struct seen {
    uint8_t addr[16];
    uint32_t capture;
    uint16_t port;
    uint8_t family;
    uint8_t id; /* enum tca_setting_id */
    uint8_t by; /* of backlog: enum tca_backlog_basis */
    int64_t min, max, time_ns;
    uint64_t frame[2]; /* 0: none */
};

/* A clock of time stamps, read once per connection. */
struct reading {
    uint8_t addr[16];
    uint32_t capture;
    uint16_t port[2];
    uint8_t family;
    uint32_t tsval;
    int64_t time_ns;
    uint64_t frame;
};

struct tca_estimates {
    struct seen *seen; /* owned */
    size_t count, room;
    struct reading *clock; /* owned */
    size_t clocks, clock_room;
    struct tca_estimate *list; /* owned */
    size_t listed;
};

/* ---- gathering ---- */

struct gather {
    struct tca_estimates *all;
    const struct tca_case *c;
    const struct tca_dossier *d;
    const struct tca_verdict *v;
    int64_t capture_ns, end_ns;
    int error;
};

static int add_seen(struct tca_estimates *all, const struct seen *one)
{
    void *array = tca_room(all->seen, all->count, &all->room, sizeof *all->seen);
    if (!array)
        return TCA_EMEMORY;
    all->seen = array;
    all->seen[all->count++] = *one;
    return TCA_OK;
}

/* Of the host in this role: the setting is at least `min` and at most `max`, by these segments. */
static void observe(struct gather *g, int role, enum tca_setting_id id, int64_t min, int64_t max,
                    const struct tca_mark *from, const struct tca_mark *to)
{
    struct seen one = {.capture = g->d->capture,
                       .family = g->d->family,
                       .port =
                           settings[id].reach == REACH_LISTENER && role == TCA_SERVER ? g->d->port[role] : 0,
                       .id = (uint8_t)id,
                       .min = min,
                       .max = max,
                       .time_ns = to->time_ns,
                       .frame = {from->frame, to->frame}};
    memcpy(one.addr, g->d->addr[role], sizeof one.addr);
    if (!g->error)
        g->error = add_seen(g->all, &one);
}

static const struct tca_judgement *found(const struct gather *g, enum tca_finding_id id,
                                         enum tca_confidence least)
{
    for (unsigned at = 0; at < g->v->count; at++)
        if (g->v->judgement[at].id == id && g->v->judgement[at].confidence >= least)
            return &g->v->judgement[at];
    return NULL;
}

/* The kept mark of this frame; NULL if there is none. */
static const struct tca_mark *mark_of(const struct tca_dossier *d, uint64_t frame)
{
    for (unsigned at = 0; at < d->mark_count; at++)
        if (d->mark[at].frame == frame)
            return &d->mark[at];
    return NULL;
}

static void observe_finding(struct gather *g, int role, enum tca_setting_id id, int64_t min, int64_t max,
                            const struct tca_judgement *j)
{
    const struct tca_mark *mark = j->frame_count ? mark_of(g->d, j->frame[0]) : NULL;
    if (mark)
        observe(g, role, id, min, max, mark, mark);
}

/* Does a timer of this interval fire after this time? */
static bool fits_timer(int64_t gap_ns, int64_t interval_ns)
{
    return gap_ns >= interval_ns / 100 * 98 && gap_ns <= interval_ns + interval_ns / 8 + 20 * MS;
}

/* Every segment of this end passed the capture point, whatever became of it. */
static bool near_end(const struct tca_case *c, int role)
{
    if (role == TCA_SERVER)
        return tca_near_server(c->vantage);
    return c->vantage == TCA_VANTAGE_CLIENT || c->vantage == TCA_VANTAGE_SAME_HOST;
}

static bool is_linux(const struct gather *g, int role)
{
    return tca_linux_only(g->c, role, TCA_CERTAIN) == TCA_CERTAIN;
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
static bool sees_beginning(const struct gather *g, const struct tca_mark *first, int64_t gap_ns)
{
    return first->time_ns - g->capture_ns > gap_ns + gap_ns / 8 + 20 * MS;
}

static void syn_ladder(struct gather *g)
{
    if (g->d->m.server_syn_bare || g->d->m.client_synack || g->d->m.prior.exists || !is_linux(g, TCA_CLIENT))
        return;
    struct syns s = read_syns(g->d);
    if (!s.regular)
        return;
    bool exact = sees_beginning(g, s.first, SECOND) && s.doubling > 1 && near_end(g->c, TCA_CLIENT);
    int64_t linear = s.linear - 1, elapsed = s.last->time_ns - s.first->time_ns;
    if (linear > 0 || exact)
        observe(g, TCA_CLIENT, TCA_SETTING_tcp_syn_linear_timeouts, linear, exact ? linear : NONE, s.first,
                s.last);
    int64_t least = steps_above(elapsed, SECOND), most = NONE, next = 2 * s.gap_ns;
    int64_t by_count = (int64_t)s.copies - 1 - linear;
    if (s.doubling > 1 && by_count > least)
        least = by_count;
    bool over = !s.answered && !g->d->m.side[TCA_SERVER].pkts && elapsed + next >= LONG_TRY_NS &&
                g->end_ns - s.last->time_ns > next + next / 4;
    if (over && exact) {
        most = steps_within(elapsed + next + next / 8 + SECOND / 50, SECOND);
        if (by_count > most)
            most = by_count;
    }
    observe(g, TCA_CLIENT, TCA_SETTING_tcp_syn_retries, least, most, s.first, s.last);
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
static bool may_be_pruned(const struct gather *g, const struct synacks *s)
{
    const struct tca_listener *l = g->c->listener;
    return s->rungs >= 2 && l->flows - (l->established < l->flows ? l->established : l->flows) > PRUNE_QUEUE;
}

static bool request_ran_out(const struct gather *g, const struct synacks *s)
{
    const struct tca_mirror *m = &g->d->m;
    int64_t next = 2 * s->gap_ns;
    return near_end(g->c, TCA_SERVER) && m->first_ack_ns < 0 && !m->side[TCA_CLIENT].rst_count &&
           g->end_ns - s->last->time_ns > next + next / 8 + SECOND && !may_be_pruned(g, s);
}

static void synack_ladder(struct gather *g)
{
    const struct tca_mirror *m = &g->d->m;
    if (m->side[TCA_CLIENT].tfo || m->client_synack || m->server_syn_bare || !is_linux(g, TCA_SERVER) ||
        !m->side[TCA_CLIENT].syn_count)
        return;
    struct synacks s = read_synacks(g->d);
    if (!s.regular)
        return;
    int64_t most = request_ran_out(g, &s) ? (int64_t)s.rungs : NONE;
    const struct tca_judgement *rst = found(g, TCA_rst_request_expired, TCA_CERTAIN);
    if (rst && rst->time_ns > s.first->time_ns) {
        int64_t within = steps_within(rst->time_ns - s.first->time_ns, SECOND);
        most = within < most ? within : most;
    }
    if (most < (int64_t)s.rungs)
        most = NONE; /* a request that was pruned */
    observe(g, TCA_SERVER, TCA_SETTING_tcp_synack_retries, s.rungs, most, s.first, s.last);
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
static void fin_ladder(struct gather *g)
{
    for (int role = 0; role < 2; role++) {
        const struct tca_side *side = &g->d->m.side[role], *peer = &g->d->m.side[1 - role];
        if (!side->fin_sent || side->fin_acked_by_peer || side->rst_count || peer->rst_count ||
            !near_end(g->c, role) || !is_linux(g, role) || tca_dossier_mark(g->d, TCA_MARK_ICMP, -1, 0))
            continue;
        struct fins f = read_fins(g->d, role);
        if (!f.regular || peer->last_ns > f.stamp->time_ns)
            continue;
        int64_t elapsed = f.last->time_ns - f.stamp->time_ns, next = 2 * f.gap_ns;
        bool over = g->end_ns - f.last->time_ns > next + next / 4;
        int64_t least = steps_above(elapsed, RTO_MIN_NS),
                most = steps_within(elapsed + next + next / 8 + 20 * MS, RTO_MIN_NS);
        if (over && elapsed < LONG_FIN_NS && least <= most)
            observe(g, role, TCA_SETTING_tcp_orphan_retries, least, most, f.stamp, f.last);
    }
}

/* ---- single facts ---- */

static void overflow_action(struct gather *g)
{
    const struct tca_judgement *ignored = found(g, TCA_synack_ladder_accept_overflow, TCA_CERTAIN),
                               *aborted = found(g, TCA_rst_abort_on_overflow, TCA_CERTAIN);
    if (ignored)
        observe_finding(g, TCA_SERVER, TCA_SETTING_tcp_abort_on_overflow, 0, 0, ignored);
    if (aborted)
        observe_finding(g, TCA_SERVER, TCA_SETTING_tcp_abort_on_overflow, 1, 1, aborted);
}

/* The option's seconds are rounded up to whole rungs (secs_to_retrans). */
static void deferral(struct gather *g)
{
    const struct tca_judgement *j = found(g, TCA_synack_defer_accept, TCA_CERTAIN);
    struct tca_ladder ladder;
    tca_ladder_read(g->d, &ladder);
    if (!j || !ladder.first_rung || tca_ladder_shape(&ladder) != TCA_LADDER_DEFERRED)
        return;
    int64_t seconds = (ladder.gap_ns + SECOND / 50) / SECOND, period = 1;
    while (2 * period + 1 <= seconds)
        period = 2 * period + 1;
    observe(g, TCA_SERVER, TCA_SETTING_defer_accept, period / 2 + 1, period, ladder.first, ladder.first_rung);
}

static void cookies(struct gather *g)
{
    const struct tca_judgement *j = found(g, TCA_handshake_synack_cookie, TCA_CERTAIN);
    if (j)
        observe_finding(g, TCA_SERVER, TCA_SETTING_tcp_syncookies, 1, 2, j);
}

/* The smallest number of seconds whose timer, late by up to an eighth, may run for this time. */
static int64_t least_seconds(int64_t time_ns)
{
    return ((time_ns - SECOND / 25) / 9 * 8 + SECOND - 1) / SECOND;
}

/* An orphan's FIN_WAIT2: gone when the peer's segment drew a reset, still there when it answered the peer's FIN as
 * TIME_WAIT does, without an IP ID. */
static void fin_wait2(struct gather *g)
{
    const struct tca_judgement *gone = found(g, TCA_close_fin_wait2_timeout, TCA_PROBABLE);
    if (gone && gone->value >= LONG_WAIT_NS)
        observe_finding(g, gone->actor, TCA_SETTING_tcp_fin_timeout, 1, gone->value / SECOND, gone);
    int role = g->d->m.first_fin;
    if (gone || role > 1 || !g->c->host[role]->ids_tell)
        return;
    const struct tca_side *side = &g->d->m.side[role];
    const struct tca_mark *fin = tca_dossier_mark(g->d, TCA_MARK_FIN, 1 - role, 0),
                          *ack = tca_dossier_mark(g->d, TCA_MARK_FIN_ACK, role, 0);
    if (!fin || !ack || side->fin_acked_ns < 0 || !ack->has_ip_id || ack->ip_id || ack->frame < fin->frame ||
        ack->flags & (TCA_RST | TCA_FIN))
        return;
    int64_t waited = fin->time_ns - side->fin_acked_ns;
    if (waited >=
        LONG_WAIT_NS) /* no shorter than three and a half retransmission timeouts, whatever the setting */
        observe(g, role, TCA_SETTING_tcp_fin_timeout, least_seconds(waited), NONE, fin, ack);
}

/* By what its own options say. A SYN+ACK that lacks all of the client's is a cookie's. */
static void timestamps(struct gather *g)
{
    for (int role = 0; role < 2; role++) {
        const struct tca_side *side = &g->d->m.side[role], *client = &g->d->m.side[TCA_CLIENT];
        const struct tca_mark *first =
            tca_dossier_mark(g->d, role == TCA_CLIENT ? TCA_MARK_SYN : TCA_MARK_SYNACK, role, 0);
        const struct tca_mark *syn = tca_dossier_mark(g->d, TCA_MARK_SYN, TCA_CLIENT, 0);
        bool whole = first && syn && !(g->d->m.damage & TCA_DAMAGE_SNAPLEN) && is_linux(g, role);
        if (!whole || (role == TCA_SERVER && (!syn->has_ts || !client->has_wscale)))
            continue;
        if (first->has_ts)
            observe(g, role, TCA_SETTING_tcp_timestamps, 1, 2, first, first);
        else if (side->has_wscale)
            observe(g, role, TCA_SETTING_tcp_timestamps, 0, 0, first, first);
    }
}

static void read_clock(struct gather *g)
{
    struct tca_estimates *all = g->all;
    for (int role = 0; role < 2 && !g->error; role++) {
        const struct tca_mark *first =
            tca_dossier_mark(g->d, role == TCA_CLIENT ? TCA_MARK_SYN : TCA_MARK_SYNACK, role, 0);
        if (!first || !first->has_ts || !is_linux(g, role))
            continue;
        void *array = tca_room(all->clock, all->clocks, &all->clock_room, sizeof *all->clock);
        g->error = array ? TCA_OK : TCA_EMEMORY;
        if (!array)
            return;
        all->clock = array;
        struct reading *clock = &all->clock[all->clocks++];
        *clock = (struct reading){.capture = g->d->capture,
                                  .family = g->d->family,
                                  .port = {g->d->port[role], g->d->port[1 - role]},
                                  .tsval = first->tsval,
                                  .time_ns = first->time_ns,
                                  .frame = first->frame};
        memcpy(clock->addr, g->d->addr[role], sizeof clock->addr);
    }
}

/* A port that a program bound is taken at once, whatever the setting: several, none of them within a second. */
static void reuse(struct gather *g)
{
    const struct tca_judgement *j = found(g, TCA_time_wait_reuse_client, TCA_CERTAIN);
    if (j)
        observe_finding(g, TCA_CLIENT, TCA_SETTING_tcp_tw_reuse, j->value >= SECOND ? 1 : 0, 2, j);
    const struct tca_judgement *taken = found(g, TCA_time_wait_reuse_accepted, TCA_CERTAIN);
    if (taken && taken->value >= SECOND)
        observe_finding(g, TCA_SERVER, TCA_SETTING_time_wait_length, taken->value / SECOND, NONE, taken);
}

static void assassination(struct gather *g)
{
    const struct tca_judgement *killed = found(g, TCA_time_wait_assassinated, TCA_CERTAIN),
                               *loop = found(g, TCA_time_wait_refused_loop, TCA_CERTAIN);
    if (killed && killed->actor < 2)
        observe_finding(g, 1 - killed->actor, TCA_SETTING_tcp_rfc1337, 0, 0, killed);
    for (int role = 0; role < 2; role++) {
        const struct tca_mark *rst = tca_dossier_mark(g->d, TCA_MARK_RST, 1 - role, 0);
        if (g->d->m.side[role].rst_survived && rst)
            observe(g, role, TCA_SETTING_tcp_rfc1337, 1, 1, rst, rst);
    }
    if (loop && found(g, TCA_time_wait_rst_ignored, TCA_CERTAIN))
        observe_finding(g, TCA_SERVER, TCA_SETTING_tcp_rfc1337, 1, 1, loop);
}

/* ---- keepalive, and payload without an answer ---- */

/* A timer of whole seconds, late by up to an eighth, that ran for this time. */
static void observe_seconds(struct gather *g, int role, enum tca_setting_id id, int64_t time_ns,
                            const struct tca_mark *from, const struct tca_mark *to)
{
    int64_t most = (time_ns + SECOND / 50) / SECOND;
    if (most >= 1)
        observe(g, role, id, least_seconds(time_ns), most, from, to);
}

static void keepalive(struct gather *g)
{
    const struct tca_judgement *reset = found(g, TCA_rst_keepalive_timeout, TCA_CERTAIN);
    for (int role = 0; role < 2; role++) {
        const struct tca_side *side = &g->d->m.side[role];
        const struct tca_mark *first = tca_dossier_mark(g->d, TCA_MARK_KEEPALIVE, role, 0),
                              *last = tca_dossier_last(g->d, TCA_MARK_KEEPALIVE, role);
        if (!first || !is_linux(g, role))
            continue;
        if (side->keepalive_idle_ns > 0)
            observe_seconds(g, role, TCA_SETTING_keepidle, side->keepalive_idle_ns, first, first);
        if (side->keepalive_interval_ns > 0)
            observe_seconds(g, role, TCA_SETTING_keepintvl, side->keepalive_interval_ns, first, last);
        if (reset && reset->actor == role && side->keepalive_unanswered > 1)
            observe(g, role, TCA_SETTING_keepcnt, side->keepalive_unanswered, side->keepalive_unanswered,
                    first, last);
    }
}

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
static void payload_ladder(struct gather *g)
{
    for (int role = 0; role < 2; role++) {
        const struct tca_spell *ladder = &g->d->trouble[role].ladder_worst;
        const struct tca_mark *again = NULL;
        if (g->d->m.side[role].fin_sent || ladder->count < 3 || !is_linux(g, role))
            continue;
        for (unsigned n = 0; (again = tca_dossier_mark(g->d, TCA_MARK_RETX_RTO, role, n)); n++)
            if (again->frame >= ladder->first_frame)
                break;
        const struct tca_mark *last = mark_of(g->d, ladder->last_frame);
        if (!again || !last || last->frame <= again->frame || last->seq != again->seq)
            continue;
        observe(g, role, TCA_SETTING_tcp_retries2, retries_for(last->time_ns - again->time_ns), NONE, again,
                last);
    }
}

/* ---- the retransmission timer's own bounds, and the one of acknowledgments ---- */

/* Copies of the same payload or FIN by timer. */
struct rungs {
    const struct tca_mark *first, *second, *last;
    unsigned copies;
    int64_t gap_ns;
    bool doubled; /* so it is no timer of a thin stream, which stays as it is (tcp_thin_linear_timeouts) */
};

static void next_rung(struct gather *g, int role, struct rungs *r, const struct tca_mark *copy)
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
            observe(g, role, TCA_SETTING_tcp_rto_min_us, 1,
                    (r->second->time_ns - r->first->time_ns + 20 * MS) / 1000, r->first, r->second);
    }
    if (!r->doubled)
        return;
    int64_t least = gap < before ? gap : before, most = gap > before ? gap : before;
    bool stays = least >= RTO_MAX_LEAST_NS && most - least <= least / 16;
    if (stays || doubles(gap, before))
        observe(g, role, TCA_SETTING_tcp_rto_max_ms, (most - 20 * MS) / 115 * 100 / MS,
                stays ? least / MS + 10 : NONE, r->first, copy);
}

/* Where copies were lost on the way to the capture, intervals are not the timer's. */
static void timers(struct gather *g)
{
    for (int role = 0; role < 2; role++) {
        struct rungs r = {0};
        const struct tca_mark *copy;
        unsigned kept = tca_dossier_count(g->d, TCA_MARK_RETX_RTO, role);
        if (kept < g->d->m.side[role].retx_rto)
            kept = kept < WHOLE_RTO ? kept : WHOLE_RTO; /* later ones have gaps between them */
        if (!near_end(g->c, role) || !is_linux(g, role))
            continue;
        for (unsigned n = 0; n < kept && (copy = tca_dossier_mark(g->d, TCA_MARK_RETX_RTO, role, n)); n++)
            next_rung(g, role, &r, copy);
    }
}

static void delayed_acks(struct gather *g)
{
    for (int role = 0; role < 2; role++) {
        const struct tca_side *side = &g->d->m.side[role];
        if (side->delayed_acks && near_end(g->c, role))
            observe(g, role, TCA_SETTING_delayed_ack, side->delayed_ack_min_us / 1000,
                    (side->delayed_ack_max_us + 999) / 1000, &side->recent, &side->recent);
    }
}

static void (*const estimators[])(struct gather *g) = {
    syn_ladder,    synack_ladder, fin_ladder,     overflow_action, deferral,
    cookies,       fin_wait2,     timestamps,     read_clock,      reuse,
    assassination, keepalive,     payload_ladder, timers,          delayed_acks,
};

int tca_estimates_new(struct tca_estimates **ret_estimates)
{
    struct tca_estimates *all = tca_alloc(sizeof *all);
    if (!all)
        return TCA_EMEMORY;
    *ret_estimates = all;
    return TCA_OK;
}

int tca_estimates_flow(struct tca_estimates *all, const struct tca_case *c, const struct tca_verdict *v,
                       int64_t capture_ns)
{
    struct gather g = {.all = all,
                       .c = c,
                       .d = c->d,
                       .v = v,
                       .capture_ns = capture_ns,
                       .end_ns = c->d->m.end_ns >= 0 ? c->d->m.end_ns : c->d->capture_end_ns};
    for (size_t at = 0; at < sizeof estimators / sizeof *estimators && !g.error; at++)
        estimators[at](&g);
    return g.error;
}

/* The SYN queue of one listener was full and SYNs were dropped: with cookies they had been answered. A request is still
 * made with this many others while a quarter of tcp_max_syn_backlog is free (tcp_conn_request), and dropped with more;
 * where the accept queue's limit is larger, it is this that dropped them. */
static int observe_full_synq(struct tca_estimates *all, const struct tca_listener *l)
{
    const struct tca_synq_full *full = &l->synq_full;
    if (full->confidence < TCA_CERTAIN)
        return TCA_OK;
    int64_t others = (int64_t)l->synq.min - 1, most = NONE;
    if (l->backlog_min > full->limit)
        most = (4 * (int64_t)full->limit - 1) / 3 - 1;
    struct seen one = {.capture = l->capture,
                       .family = l->family,
                       .id = TCA_SETTING_tcp_syncookies,
                       .time_ns = full->first_ns,
                       .frame = {full->frame[0], full->frame[1]}};
    memcpy(one.addr, l->addr, sizeof one.addr);
    int error = add_seen(all, &one);
    one.id = TCA_SETTING_tcp_max_syn_backlog;
    one.min = others > 0 ? (4 * others - 1) / 3 : 1;
    one.max = most;
    return error || one.min > one.max ? error : add_seen(all, &one);
}

int tca_estimates_listener(struct tca_estimates *all, const struct tca_listener *l)
{
    int error = observe_full_synq(all, l);
    if (error || (!l->backlog_min && !l->backlog_max))
        return error;
    struct seen one = {.capture = l->capture,
                       .family = l->family,
                       .port = l->port,
                       .id = TCA_SETTING_backlog,
                       .min = l->backlog_min,
                       .max = l->backlog_max ? l->backlog_max : NONE,
                       .by = l->backlog_basis,
                       .time_ns = l->backlog_proof.time_ns,
                       .frame = {l->backlog_proof.frame[0], l->backlog_proof.frame[1]}};
    memcpy(one.addr, l->addr, sizeof one.addr);
    error = add_seen(all, &one);
    one.id = TCA_SETTING_somaxconn; /* the smaller of two is below neither */
    one.port = 0;
    one.max = NONE;
    return error || !one.min ? error : add_seen(all, &one);
}

/* ---- clocks ---- */

static int compare_clocks(const void *left, const void *right)
{
    const struct reading *a = left, *b = right;
    int order = tca_compare_u64(a->capture, b->capture);
    if (!order)
        order = memcmp(a->addr, b->addr, sizeof a->addr);
    return order ? order : tca_compare_u64(a->frame, b->frame);
}

/* Two connections of one system whose time stamps no common clock explains: each began at an offset of its own. */
static bool off_line(const struct reading *a, const struct reading *b)
{
    int64_t apart = (b->time_ns - a->time_ns) / MS, ticks = seq_diff(b->tsval, a->tsval);
    bool same_tuple = a->port[0] == b->port[0] && a->port[1] == b->port[1];
    int64_t off = ticks > apart ? ticks - apart : apart - ticks;
    return !same_tuple && off > OFF_LINE_MS + 2 * apart;
}

/* One address may hide a few systems, each with its own uptime; hardly a different one for every connection. */
static int judge_clocks(struct tca_estimates *all)
{
    enum { APART_MIN = 2 };
    if (all->clocks)
        qsort(all->clock, all->clocks, sizeof *all->clock, compare_clocks);
    for (size_t at = 0, end; at < all->clocks; at = end) {
        const struct reading *first = &all->clock[at], *last = NULL;
        size_t apart = 0;
        for (end = at + 1; end < all->clocks && all->clock[end].capture == first->capture &&
                           !memcmp(all->clock[end].addr, first->addr, sizeof first->addr);
             end++)
            if (off_line(first, &all->clock[end]) && (!last || off_line(last, &all->clock[end]))) {
                last = &all->clock[end];
                apart++;
            }
        if (apart < APART_MIN)
            continue;
        struct seen one = {.capture = first->capture,
                           .family = first->family,
                           .id = TCA_SETTING_tcp_timestamps,
                           .min = 1,
                           .max = 1,
                           .time_ns = last->time_ns,
                           .frame = {first->frame, last->frame}};
        memcpy(one.addr, first->addr, sizeof one.addr);
        int error = add_seen(all, &one);
        if (error)
            return error;
    }
    return TCA_OK;
}

/* ---- all flows are in ---- */

static int compare_keys(const struct seen *a, const struct seen *b)
{
    int order = tca_compare_u64(a->capture, b->capture);
    if (!order)
        order = memcmp(a->addr, b->addr, sizeof a->addr);
    if (!order)
        order = tca_compare_u64(a->port, b->port);
    return order ? order : tca_compare_u64(a->id, b->id);
}

static int compare_seen(const void *left, const void *right)
{
    const struct seen *a = left, *b = right;
    int order = compare_keys(a, b);
    if (!order)
        order = a->time_ns < b->time_ns ? -1 : a->time_ns > b->time_ns;
    if (!order)
        order = tca_compare_u64(a->frame[0], b->frame[0]);
    if (!order)
        order = a->min < b->min ? -1 : a->min > b->min;
    return order ? order : (a->max < b->max ? -1 : a->max > b->max);
}

static void prove(struct tca_estimate *e, uint64_t frame)
{
    bool told = !frame || e->frame_count == TCA_PROOF_MAX;
    for (unsigned at = 0; at < e->frame_count; at++)
        told |= e->frame[at] == frame;
    if (!told)
        e->frame[e->frame_count++] = frame;
}

/* Where there are too many, frames of the observations that set the bounds. */
static void prove_all(struct tca_estimate *e, const struct seen *seen, size_t count)
{
    for (int bounding = 1; bounding >= 0; bounding--)
        for (size_t at = 0; at < count && e->frame_count < TCA_PROOF_MAX; at++) {
            bool bounds = seen[at].min == e->min || (e->max != NONE && seen[at].max == e->max);
            if (bounds != (bounding == 1))
                continue;
            prove(e, seen[at].frame[0]);
            prove(e, seen[at].frame[1]);
        }
    if (e->frame_count)
        qsort(e->frame, e->frame_count, sizeof *e->frame, tca_order_u64);
}

static void combine(struct tca_estimate *e, const struct seen *seen, size_t count)
{
    int64_t low = seen->min, high = seen->max; /* what covers all of them */
    *e = (struct tca_estimate){.capture = seen->capture,
                               .family = seen->family,
                               .port = seen->port,
                               .id = (enum tca_setting_id)seen->id,
                               .by = seen->by,
                               .min = seen->min,
                               .max = seen->max,
                               .count = count,
                               .first_ns = seen->time_ns,
                               .last_ns = seen[count - 1].time_ns};
    memcpy(e->addr, seen->addr, sizeof e->addr);
    for (size_t at = 1; at < count; at++) {
        e->min = seen[at].min > e->min ? seen[at].min : e->min;
        e->max = seen[at].max < e->max ? seen[at].max : e->max;
        low = seen[at].min < low ? seen[at].min : low;
        high = seen[at].max > high ? seen[at].max : high;
    }
    if (e->id == TCA_SETTING_delayed_ack) { /* no setting, but a range */
        e->min = low;
        e->max = high;
    }
    if (e->min > e->max) {
        e->disagree = true;
        e->min = low;
        e->max = high;
    }
    prove_all(e, seen, count);
}

/* Too little to tell, or as good as nothing. */
static bool is_empty(const struct tca_estimate *e)
{
    if (e->id == TCA_SETTING_tcp_tw_reuse)
        return e->count < REUSE_MIN || e->min < 1;
    return e->disagree && settings[e->id].reach == REACH_HOST;
}

int tca_estimates_run(struct tca_estimates *all, const struct tca_known *known)
{
    int error = judge_clocks(all);
    tca_free(all->clock);
    all->clock = NULL;
    all->clocks = all->clock_room = 0;
    if (error || !all->count)
        return error;
    qsort(all->seen, all->count, sizeof *all->seen, compare_seen);
    size_t keys = 1;
    for (size_t at = 1; at < all->count; at++)
        keys += compare_keys(&all->seen[at - 1], &all->seen[at]) != 0;
    all->list = tca_alloc(keys * sizeof *all->list);
    if (!all->list)
        return TCA_EMEMORY;
    for (size_t at = 0, end; at < all->count; at = end) {
        struct tca_estimate *e = &all->list[all->listed];
        for (end = at + 1; end < all->count && !compare_keys(&all->seen[at], &all->seen[end]);)
            end++;
        combine(e, &all->seen[at], end - at);
        e->is_known = known && tca_known_value(known, e->addr, e->id, &e->known);
        all->listed += !is_empty(e);
    }
    tca_free(all->seen);
    all->seen = NULL;
    all->count = all->room = 0;
    return TCA_OK;
}

size_t tca_estimates_count(const struct tca_estimates *all)
{
    return all->listed;
}

const struct tca_estimate *tca_estimates_at(const struct tca_estimates *all, size_t index)
{
    return &all->list[index];
}

const char *tca_estimate_basis(const struct tca_estimate *e)
{
#define LIMIT "the smaller of listen()'s argument and somaxconn: "
    static const char *const limit[] = {
        [TCA_BACKLOG_CANDIDATES] = LIMIT "no more connections waited when SYNs were dropped",
        [TCA_BACKLOG_FROZEN] = LIMIT "what the full accept queue held while nothing was accepted",
        [TCA_BACKLOG_CLOSED] = LIMIT "connections that waited when the listener was closed",
        [TCA_BACKLOG_PRUNED] = LIMIT "half-open connections at which some were given up early",
        [TCA_BACKLOG_COOKIES] = LIMIT "half-open connections when SYN cookies began",
        [TCA_BACKLOG_SYNQ] = LIMIT "half-open connections that the SYN queue held at one time"};
#undef LIMIT
    return e->id == TCA_SETTING_backlog ? limit[e->by] : settings[e->id].basis;
}

/* A value of 0 retries stands for 8 (tcp_orphan_retries). */
static int64_t effective(const struct tca_estimate *e)
{
    enum { ORPHAN_RETRIES = 8 };
    return e->id == TCA_SETTING_tcp_orphan_retries && e->known == 0 ? ORPHAN_RETRIES : e->known;
}

enum tca_estimate_verdict tca_estimate_verdict(const struct tca_estimate *e)
{
    if (!e->is_known || e->disagree)
        return TCA_ESTIMATE_NOT_JUDGED;
    int64_t known = effective(e);
    return known >= e->min && known <= e->max ? TCA_ESTIMATE_CONSISTENT : TCA_ESTIMATE_CONTRADICTED;
}

/* A program may have chosen otherwise for its own sockets, and one connection may deceive. */
static enum tca_confidence contradiction_level(const struct tca_estimate *e)
{
    enum { CONCORDANCE = 3 };
    if (settings[e->id].reach == REACH_SOCKET)
        return TCA_POSSIBLE;
    return e->count >= CONCORDANCE ? TCA_CERTAIN : TCA_PROBABLE;
}

static void say_contradiction(const struct tca_estimate *e, struct tca_incident *one)
{
    char told[64];
    if (e->max == NONE)
        snprintf(told, sizeof told, "at least %" PRId64, e->min);
    else if (e->min == e->max)
        snprintf(told, sizeof told, "%" PRId64, e->min);
    else
        snprintf(told, sizeof told, "%" PRId64 " to %" PRId64, e->min, e->max);
    snprintf(one->text, sizeof one->text,
             "%s is said to be %" PRId64 ", but the traffic shows %s (%" PRIu64 " time%s)%s.",
             tca_setting_name(e->id), e->known, told, e->count, e->count == 1 ? "" : "s",
             settings[e->id].reach == REACH_SOCKET ? "; a program may have set it for its own sockets" : "");
}

int tca_estimates_contradictions(const struct tca_estimates *all, struct tca_incidents *incidents)
{
    for (size_t at = 0; at < all->listed; at++) {
        const struct tca_estimate *e = &all->list[at];
        if (tca_estimate_verdict(e) != TCA_ESTIMATE_CONTRADICTED)
            continue;
        struct tca_incident one = {.id = TCA_setting_contradicted,
                                   .confidence = contradiction_level(e),
                                   .scope = TCA_SCOPE_HOST,
                                   .capture = e->capture,
                                   .family = e->family,
                                   .port = e->port,
                                   .first_ns = e->first_ns,
                                   .last_ns = e->last_ns,
                                   .frame_count = e->frame_count,
                                   .flows = e->count,
                                   .value = e->min,
                                   .unit = "count"};
        memcpy(one.addr, e->addr, sizeof one.addr);
        memcpy(one.frame, e->frame, sizeof one.frame);
        say_contradiction(e, &one);
        int error = tca_incidents_add(incidents, &one);
        if (error)
            return error;
    }
    return TCA_OK;
}

/* A host's, told where a known setting does not fit; no flow is judged by it. */
void judge_setting_contradicted(const struct tca_case *c, struct tca_judgement *j)
{
    (void)c;
    (void)j;
}

void tca_estimates_free(struct tca_estimates *all)
{
    if (!all)
        return;
    tca_free(all->seen);
    tca_free(all->clock);
    tca_free(all->list);
    tca_free(all);
}
