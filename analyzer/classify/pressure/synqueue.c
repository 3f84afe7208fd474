/* SPDX-License-Identifier: MIT
 *
 * The SYN queue of a listener: half-open requests over time, SYN cookies, and SYNs dropped because it was full.
 *
 *     SYN+ACK --> request --> child, RST of the client, or its timer        +1 ... -1
 *     SYN+ACK --> cookie                                                     keeps nothing
 *
 * A request is certain where its timer repeated the SYN+ACK or where nothing speaks of cookies; a cookie is, where
 * the SYN+ACK lacks what a cookie cannot bear, lags as a cookie's does, or where nobody acknowledged it and no timer
 * repeated it. What is neither adds to the upper bound only, until the limit decides it: requests are made below it,
 * cookies at it, and it is one number. So every walk over time carries two counts, at least and at most so many.
 *
 * Linux: the queue is full at backlog + 1 requests (6.1 and later; at backlog in 5.10). Then tcp_syncookies decides:
 * a cookie (TCPReqQFullDoCookies, and SyncookiesSent unless the accept queue is full, too), or the SYN is dropped
 * (TCPReqQFullDrop, ListenDrops). tcp_syncookies=2 makes a cookie of every SYN. Without cookies the last quarter of
 * tcp_max_syn_backlog is kept for known peers, which drops SYNs and counts ListenDrops alone. It may be any number, and
 * so may what is left of it: drops alone do not tell one limit from the other
 * (inet_connection_sock.h inet_csk_reqsk_queue_is_full, tcp_input.c tcp_conn_request, tcp_syn_flood_action).
 */
#include "classify/pressure/attempt.h"
#include "classify/sweep/known.h"

#include "base/alloc.h"
#include "base/sort.h"
#include "base/sorted.h"

#include <stdio.h>
#include <tcpautopsy/error.h>

#define SECOND INT64_C(1000000000)

static const int64_t TAKEN_NS = SECOND / 100;   /* from the passing of an ACK to the end of its request */
static const int64_t APART_NS = 10 * SECOND;    /* what is farther apart belongs to two intervals */
static const int64_t MAKING_NS = SECOND / 1000; /* a request is made in less */
enum {
    COOKIES_MIN = 3,
    LAGS_MIN = 3,
    DROPS_MIN = 5,
    DROPPED_FLOWS_MIN = 2,
    LIMIT_SMALL = 3, /* so few half-open connections stand beside many a SYN that was lost, by chance */
    DROPS_CERTAIN = 10,
    DROPS_MANY = 10 /* times as many tell a small limit */
};

enum moment_kind { GONE_EARLY, GONE_LATE, ASKED, MADE, DROP }; /* in this order within one instant */

struct moment {
    int64_t time_ns;
    uint64_t frame;
    struct tca_attempt *a;
    const struct tca_dropped *drop;
    uint8_t kind;
};

/* How many requests there are: at least and at most; of these, how many the client had acknowledged. How many may be in
 * the making, for several processors make them at one time; and how many of `low` have gone so far. */
struct level {
    uint64_t low, high, stuck, pending, gone;
};

enum { FEW = 8 }; /* moments: those of two attempts */

struct queue {
    const struct tca_tries *t;
    struct moment *moment; /* owned, unless they are few */
    size_t moments;
    bool near, regime;  /* some SYN+ACK was a cookie */
    bool silence_alone; /* ... by nothing else than that no timer repeated it */
    bool doubted;       /* ... which fits no limit */
    bool hints;         /* ... or may have been one, by what it looks like */
    bool whole; /* near the server, nothing was under way when the capture began, and it missed nothing */
    bool blind; /* no client's ACK was captured: nothing shows which requests it ended */
    uint64_t limit_min, limit_max;
    struct tca_proof proof;
};

static int compare_moments(const void *left, const void *right)
{
    const struct moment *a = left, *b = right;
    int order = tca_compare_i64(a->time_ns, b->time_ns);
    if (!order)
        order = tca_compare_u64(a->kind, b->kind);
    return order ? order : tca_compare_u64(a->frame, b->frame);
}

static struct tca_digest digest_moment(const void *item)
{
    const struct moment *m = item;
    return (struct tca_digest){tca_digest_i64(m->time_ns), m->kind};
}

static void add_moment(struct queue *q, int64_t time_ns, uint8_t kind, struct tca_attempt *a)
{
    q->moment[q->moments++] =
        (struct moment){.time_ns = time_ns, .frame = a->synack_frame, .a = a, .kind = kind};
}

/* From then on it was being made. Away from the server nothing shows that. */
static int64_t decided_ns(const struct queue *q, const struct tca_attempt *a)
{
    bool known = q->near && a->asked_ns < a->synack_ns && a->synack_ns - a->asked_ns < MAKING_NS;
    return known ? a->asked_ns : a->synack_ns;
}

static int gather(struct queue *q, struct moment few[FEW])
{
    const struct tca_tries *t = q->t;
    q->moment = tca_alloc_near(few, FEW * sizeof *few, (4 * t->count + t->drops) * sizeof *q->moment);
    if (!q->moment)
        return TCA_EMEMORY;
    for (size_t at = 0; at < t->count; at++) {
        struct tca_attempt *a = t->one[at];
        if (a->cookie == TCA_WORD_NONE || (a->flags & TCA_TRY_BOTH))
            continue;
        add_moment(q, decided_ns(q, a), ASKED, a);
        add_moment(q, a->synack_ns, MADE, a);
        int64_t gone = a->gone_ns > a->synack_ns ? a->gone_ns : a->synack_ns + 1;
        add_moment(q, gone, GONE_EARLY, a);
        add_moment(q, a->gone_late_ns > gone ? a->gone_late_ns : gone, GONE_LATE, a);
    }
    for (size_t at = 0; at < t->drops; at++)
        q->moment[q->moments++] = (struct moment){.time_ns = t->drop[at].time_ns,
                                                  .frame = t->drop[at].frame,
                                                  .a = &t->p->attempt[t->drop[at].attempt],
                                                  .drop = &t->drop[at],
                                                  .kind = DROP};
    tca_sort(q->moment, q->moments, sizeof *q->moment, digest_moment, compare_moments);
    return TCA_OK;
}

/* ---- which SYN+ACKs were cookies ---- */

static bool is_request(const struct tca_attempt *a)
{
    return a->cookie == TCA_WORD_REQUEST;
}

static bool is_cookie(const struct tca_attempt *a)
{
    return a->cookie == TCA_WORD_COOKIE;
}

static bool marked_twice(const struct tca_attempt *a)
{
    return a->cookie == TCA_WORD_LAG && a->shrunk;
}

struct words {
    uint64_t count[TCA_WORD_COOKIE + 1];
    uint64_t rungs, optioned, doubles;
    int64_t lag_first_ns, lag_last_ns;
};

static struct words count_words(const struct tca_tries *t)
{
    struct words w = {.lag_first_ns = INT64_MAX, .lag_last_ns = INT64_MIN};
    for (size_t at = 0; at < t->count; at++) {
        const struct tca_attempt *a = t->one[at];
        w.count[a->cookie]++;
        w.rungs += a->rungs > 0;
        w.doubles += marked_twice(a);
        w.optioned += (a->flags & TCA_TRY_OPTIONS) != 0;
        if (a->cookie != TCA_WORD_LAG)
            continue;
        w.lag_first_ns = a->synack_ns < w.lag_first_ns ? a->synack_ns : w.lag_first_ns;
        w.lag_last_ns = a->synack_ns > w.lag_last_ns ? a->synack_ns : w.lag_last_ns;
    }
    return w;
}

/* From the first to the last that lags nearly all do: a busy server's clock lags now and then, and one that does not
 * count milliseconds leaves the range of a cookie's lag as often as it meets it. */
static bool lags_agree(const struct tca_tries *t, const struct words *w)
{
    uint64_t fresh = 0;
    for (size_t at = 0; at < t->count; at++)
        fresh += t->one[at]->cookie == TCA_WORD_FRESH && t->one[at]->synack_ns >= w->lag_first_ns &&
                 t->one[at]->synack_ns <= w->lag_last_ns;
    return w->count[TCA_WORD_LAG] >= LAGS_MIN &&
           4 * (fresh + w->count[TCA_WORD_ODD]) <= w->count[TCA_WORD_LAG];
}

/* What one flow alone suggests is settled by what the listener's others show. */
static int settle_words(struct queue *q)
{
    const struct tca_tries *t = q->t;
    struct words w = count_words(t);
    bool options = w.count[TCA_WORD_OPTIONS] && w.optioned; /* it can do better */
    bool missed = t->listener->gaps > 0;                    /* what should have come again may be among it */
    bool silent = q->near && !missed && w.count[TCA_WORD_SILENT] && w.rungs;
    bool lags = q->near && lags_agree(t, &w);
    bool far = !q->near && w.doubles; /* a path that varies does not change the window */
    int error = q->near ? tca_stamps_settle(t, options || silent || lags, &lags) : TCA_OK;
    q->regime = options || silent || lags || far;
    q->silence_alone = silent && !options && !lags;
    for (size_t at = 0; at < t->count; at++) {
        struct tca_attempt *a = t->one[at];
        bool yes = (a->cookie == TCA_WORD_OPTIONS && options) || (a->cookie == TCA_WORD_SILENT && silent) ||
                   (far && marked_twice(a));
        if (yes)
            a->cookie = TCA_WORD_COOKIE;
    }
    return error;
}

/* Of a listener that is not known to send cookies all are requests. But of some that is not sure, though nothing else speaks of cookies: no
 * timer repeated them, which away from the server, or where the capture has gaps, may be its loss; they have no options, which
 * may be all that this server can do, or tcp_syncookies=2; the snap length cut what would tell. */
static void take_for_requests(const struct queue *q)
{
    static const bool unsure[TCA_WORD_COOKIE + 1] = {
        [TCA_WORD_SILENT] = true, [TCA_WORD_OPTIONS] = true, [TCA_WORD_UNREAD] = true};
    for (size_t at = 0; at < q->t->count; at++) {
        struct tca_attempt *a = q->t->one[at];
        a->unsure = unsure[a->cookie] || (q->doubted && a->cookie == TCA_WORD_MAYBE);
        if (a->cookie != TCA_WORD_NONE)
            a->cookie = TCA_WORD_REQUEST;
    }
}

static void leave_unsure(const struct queue *q)
{
    for (size_t at = 0; at < q->t->count; at++)
        if (q->t->one[at]->unsure)
            q->t->one[at]->cookie = TCA_WORD_MAYBE;
}

/* ---- walking over time ---- */

/* Apply one moment to the counts. */
static void apply(const struct moment *m, struct level *level)
{
    bool request = m->kind != DROP && is_request(m->a), counts = m->kind != DROP && !is_cookie(m->a);
    bool stuck = request && (m->a->flags & TCA_TRY_STUCK);
    switch (m->kind) {
    case ASKED:
        m->a->beside = level->low + level->gone;
        m->a->asking = counts; /* what it was may be settled meanwhile */
        level->pending += counts;
        return;
    case MADE:
        level->pending -= m->a->asking;
        level->low += request;
        level->stuck += stuck;
        level->high += counts;
        return;
    case GONE_EARLY:
        level->low -= request;
        level->gone += request;
        level->stuck -= stuck;
        return;
    case GONE_LATE:
        level->high -= counts;
        return;
    default:
        return;
    }
}

/* Requests that stood there when this SYN+ACK was decided on: those that were there when its SYN came, and stayed. */
static uint64_t surely_beside(const struct moment *made, const struct level *now)
{
    return made->a->beside > now->gone ? made->a->beside - now->gone : 0;
}

/* ... and may have stood there. Its own is none of them. */
static uint64_t maybe_beside(const struct moment *m, const struct level *now)
{
    uint64_t own = m->kind == MADE && m->a->asking;
    return now->high + now->pending - own;
}

/* This SYN may tell the limit: nothing else explains that it was dropped. */
static bool tells_limit(const struct queue *q, const struct moment *m)
{
    return m->kind == DROP && !m->drop->weak && !tca_listener_episode(q->t->listener, m->time_ns, 0);
}

/* Requests are made below the limit; cookies, and drops where there are none, come at it. */
static void find_limit(struct queue *q)
{
    struct level now = {0};
    q->limit_min = 0;
    q->limit_max = UINT64_MAX;
    q->proof = (struct tca_proof){0};
    for (size_t at = 0; at < q->moments; at++) {
        const struct moment *m = &q->moment[at];
        bool at_limit = q->regime ? m->kind == MADE && is_cookie(m->a) : tells_limit(q, m);
        if (m->kind == MADE && is_request(m->a) && surely_beside(m, &now) + 1 > q->limit_min) {
            q->limit_min = surely_beside(m, &now) + 1;
            q->proof.frame[0] = m->frame;
            q->proof.time_ns = m->time_ns;
        }
        if (at_limit && maybe_beside(m, &now) < q->limit_max) {
            q->limit_max = maybe_beside(m, &now);
            q->proof.frame[1] = m->frame;
        }
        apply(m, &now);
    }
}

/* tcp_syncookies=2, or listen() was called again: it is no one number. */
static bool has_limit(const struct queue *q)
{
    return q->limit_max != UINT64_MAX && q->limit_min <= q->limit_max;
}

/* The limit by what surely is a request. False: if all that may be requests are, there is none. */
static bool find_limit_of_all(struct queue *q)
{
    if (!q->regime)
        take_for_requests(q);
    find_limit(q);
    bool fits = has_limit(q);
    if (!q->regime) {
        leave_unsure(q);
        find_limit(q);
    }
    return fits;
}

/* Cookies come when the queue is full, or always, and then there are no requests. Silence that fits neither is the
 * capture's: it lost the repeats of some requests. */
static void doubt_silence(struct queue *q)
{
    find_limit(q);
    if (has_limit(q))
        return;
    for (size_t at = 0; at < q->t->count; at++)
        if (is_cookie(q->t->one[at]))
            q->t->one[at]->cookie = TCA_WORD_MAYBE;
    q->regime = false;
    q->doubted = true;
}

/* Anything that speaks of cookies at this listener. */
static bool has_hints(const struct queue *q)
{
    struct words w = count_words(q->t);
    return q->regime || w.count[TCA_WORD_LAG] || w.count[TCA_WORD_OPTIONS] || w.count[TCA_WORD_SILENT];
}

/* Where nothing speaks of cookies a clock that does not lag is a request's. */
static void take_fresh_for_requests(struct queue *q)
{
    for (size_t at = 0; at < q->t->count && !q->hints; at++)
        if (q->t->one[at]->cookie == TCA_WORD_FRESH) {
            q->t->one[at]->cookie = TCA_WORD_REQUEST;
            q->t->one[at]->extra = 0;
        }
}

/* What the limit decides, where all that goes in and out of the queue is seen. A cookie though nothing stood in it
 * says that every SYN gets one; where nothing speaks of cookies, none is made below the limit. */
static void settle_by_limit(struct queue *q)
{
    struct level now = {0};
    find_limit(q);
    bool known = q->regime ? has_limit(q) : !q->hints;
    for (size_t at = 0; at < q->moments && known; at++) {
        const struct moment *m = &q->moment[at];
        if (m->kind == MADE && !is_request(m->a) && !is_cookie(m->a)) {
            if (q->regime && surely_beside(m, &now) >= q->limit_max)
                m->a->cookie = TCA_WORD_COOKIE;
            else if (maybe_beside(m, &now) < q->limit_min)
                m->a->cookie = TCA_WORD_REQUEST;
        }
        apply(m, &now);
    }
}

/* ---- what the kernel counted ---- */

/* SYN+ACKs of one attempt that were cookies, at least and at most. */
static struct tca_bounds cookies_of(const struct tca_attempt *a, bool hints)
{
    switch (a->cookie) {
    case TCA_WORD_COOKIE:
        return (struct tca_bounds){a->synacks, a->synacks + a->others};
    case TCA_WORD_NONE:
        return (struct tca_bounds){0, 0};
    case TCA_WORD_REQUEST:
        return (struct tca_bounds){0, a->extra + a->others};
    case TCA_WORD_FRESH:
        return (struct tca_bounds){0, hints ? a->synacks + a->others : 0};
    default:
        return (struct tca_bounds){0, a->synacks + a->others};
    }
}

static void count_cookies(const struct queue *q)
{
    struct tca_bounds *sent = &q->t->listener->cookies_sent;
    for (size_t at = 0; at < q->t->count; at++) {
        struct tca_bounds one = cookies_of(q->t->one[at], q->hints);
        sent->min += one.min;
        sent->max += one.max;
    }
    q->t->listener->cookie_count = sent->min;
}

/* For the census: behind a cookie nothing is half-open. For the counters: what cannot be one, where others are. */
static int press_words(const struct queue *q)
{
    const struct tca_tries *t = q->t;
    for (size_t at = 0; at < t->count; at++) {
        struct tca_attempt *a = t->one[at];
        bool request = q->hints && is_request(a) && !a->extra;
        if (!is_cookie(a) && !request)
            continue;
        struct tca_pressed *pressed = tca_pressed_of(t->p, a);
        if (!pressed)
            return TCA_EMEMORY;
        pressed->cookie = is_cookie(a);
        pressed->request = request;
    }
    return TCA_OK;
}

/* SYNs that may have been dropped because the queue was full. */
static uint64_t may_be_dropped(const struct queue *q)
{
    struct level now = {0};
    uint64_t count = 0;
    for (size_t at = 0; at < q->moments && q->t->drops; at++) {
        const struct moment *m = &q->moment[at];
        bool full = !q->whole || (q->regime && !has_limit(q)) || maybe_beside(m, &now) >= q->limit_min;
        if (m->kind == DROP && full)
            count += m->drop->weight;
        apply(m, &now);
    }
    return count;
}

/* There are no SYN cookies, for a full SYN queue dropped SYNs here. Requests whose ACKs a full accept queue refuses stand in it meanwhile,
 * and it has no more places than that: where it may have been full as well, that is asked first (tcp_conn_request), and a SYN is no
 * overflow for sure. */
static void doubt_overflows(const struct queue *q)
{
    struct tca_listener *l = q->t->listener;
    struct level now = {0};
    uint64_t count = 0;
    for (size_t at = 0; at < q->moments && q->t->drops; at++) {
        const struct moment *m = &q->moment[at];
        bool told = m->kind == DROP && tca_listener_episode(l, m->time_ns, 0);
        if (told && maybe_beside(m, &now) > l->backlog.min)
            count += m->drop->weight;
        apply(m, &now);
    }
    l->listen_overflows.min -= count < l->listen_overflows.min ? count : l->listen_overflows.min;
}

/* ---- intervals ---- */

/* An interval under way. */
struct interval {
    int64_t first_ns, last_ns;
    uint64_t frame[2]; /* first and last */
    uint64_t count, flows, onset_low, onset_high, onset_stuck;
    uint64_t sure; /* SYNs dropped while so many requests as the limit surely stood there */
    uint32_t serial;
    size_t from; /* its first moment */
};

static void note_cookies(struct tca_listener *l, const struct interval *in, enum tca_confidence level)
{
    if (level > l->cookied.confidence)
        l->cookied = (struct tca_cookied){
            .first_ns = in->first_ns, .frame = {in->frame[0]}, .confidence = (uint8_t)level};
    if (level < l->cookied.confidence)
        return;
    l->cookied.frame[1] = in->frame[1];
    l->cookied.flows += in->flows;
}

static int add_cookies(const struct queue *q, const struct interval *in)
{
    if (!in->count)
        return TCA_OK;
    bool many = in->flows >= COOKIES_MIN;
    enum tca_confidence level = tca_press_level(q->t->listener->vantage, many ? TCA_CERTAIN : TCA_PROBABLE,
                                                TCA_PROBABLE, many ? TCA_PROBABLE : TCA_POSSIBLE);
    note_cookies(q->t->listener, in, level);
    struct tca_incident one =
        tca_incident_of(q->t->listener, TCA_syncookie_interval, level, in->first_ns, in->last_ns);
    tca_incident_prove(&one, in->frame[0]);
    tca_incident_prove(&one, in->frame[1]);
    one.flows = in->flows;
    one.value = (int64_t)in->count;
    one.unit = "pkts";
    char queued[80] = "none seen, so tcp_syncookies may be 2";
    if (in->onset_low < in->onset_high)
        snprintf(queued, sizeof queued, "%llu to %llu", (unsigned long long)in->onset_low,
                 (unsigned long long)in->onset_high);
    else if (in->onset_high)
        snprintf(queued, sizeof queued, "%llu", (unsigned long long)in->onset_high);
    tca_incident_say(
        &one,
        "The listener answered %llu SYN%s with SYN cookies; half-open connections in its SYN queue "
        "when it began: %s.",
        (unsigned long long)in->count, in->count == 1 ? "" : "s", queued);
    return tca_incidents_add(q->t->p->incidents, &one);
}

static void extend(const struct queue *q, struct interval *in, size_t at, const struct level *now)
{
    const struct moment *m = &q->moment[at];
    if (!in->count)
        *in = (struct interval){.serial = ++q->t->p->serial,
                                .first_ns = m->time_ns,
                                .frame = {m->frame},
                                .onset_low = now->low,
                                .onset_high = now->high,
                                .onset_stuck = now->stuck,
                                .from = at};
    in->flows += tca_first_met(m->a, in->serial);
    in->last_ns = m->time_ns;
    in->frame[1] = m->frame;
    in->count += m->kind == DROP ? m->drop->weight : m->a->synacks;
    in->sure += m->kind == DROP && now->low >= q->limit_max ? m->drop->weight : 0;
}

/* Every run of moments of one kind, each told when the next one is too far away. */
static int find_intervals(const struct queue *q, bool (*wanted)(const struct queue *, const struct moment *),
                          int (*tell)(const struct queue *, const struct interval *))
{
    struct level now = {0};
    struct interval in = {0};
    int error = TCA_OK;
    for (size_t at = 0; at < q->moments && !error; at++) {
        const struct moment *m = &q->moment[at];
        if (wanted(q, m)) {
            if (in.count && m->time_ns - in.last_ns > APART_NS) {
                error = tell(q, &in);
                in = (struct interval){0};
            }
            extend(q, &in, at, &now);
        }
        apply(m, &now);
    }
    return error ? error : tell(q, &in);
}

static bool made_cookie(const struct queue *q, const struct moment *m)
{
    (void)q;
    return m->kind == MADE && is_cookie(m->a);
}

/* ---- full, and no cookies ---- */

/* Where most of the queue's requests were acknowledged, it is the accept queue that is full. */
static bool mostly_silent(const struct interval *in)
{
    return 2 * in->onset_stuck <= in->onset_low;
}

/* How many drops it takes, of as many as tell a limit of the usual size. */
static uint64_t drops_needed(const struct queue *q, uint64_t usual)
{
    return q->limit_max > LIMIT_SMALL ? usual : usual * DROPS_MANY;
}

static enum tca_confidence full_level(const struct queue *q, const struct interval *in)
{
    bool exact = q->whole && q->limit_min == q->limit_max && in->count >= drops_needed(q, DROPS_CERTAIN);
    bool close = q->limit_max - q->limit_min <= 1 + q->limit_max / 8;
    if (!close || q->blind || (q->near && !q->whole))
        return TCA_POSSIBLE; /* requests from before the capture, or that it missed, are not counted */
    return tca_press_level(q->t->listener->vantage, exact ? TCA_CERTAIN : TCA_PROBABLE, TCA_POSSIBLE,
                           TCA_POSSIBLE);
}

/* Cookies of an empty SYN queue. A queue that is full when it is empty has the limit 0. A request whose ACK has passed is
 * not gone yet: its kernel takes a moment. */
static void find_lone_cookies(const struct queue *q)
{
    struct level now = {0};
    int64_t gone_ns = INT64_MIN / 2;
    struct tca_proof *lone = &q->t->listener->lone_cookie;
    for (size_t at = 0; at < q->moments && q->whole && !q->silence_alone; at++) {
        const struct moment *m = &q->moment[at];
        if (m->kind == GONE_LATE && !is_cookie(m->a))
            gone_ns = m->time_ns;
        if (made_cookie(q, m) && !now.high && m->time_ns - gone_ns > TAKEN_NS) {
            if (!lone->frame[0])
                *lone = (struct tca_proof){.time_ns = m->time_ns, .frame = {m->frame}};
            lone->frame[1] = m->frame;
        }
        apply(m, &now);
    }
}

static int press_flows(const struct queue *q, const struct interval *in, enum tca_confidence level)
{
    int error = TCA_OK;
    for (size_t at = in->from; at < q->moments && q->moment[at].time_ns <= in->last_ns && !error; at++) {
        const struct moment *m = &q->moment[at];
        if (!tells_limit(q, m))
            continue;
        error = tca_press(q->t->p, m->a, TCA_PRESS_SYNQ_FULL, level);
        if (!error)
            tca_pressed_of(q->t->p, m->a)->limit = (uint32_t)q->limit_max;
    }
    return error;
}

/* The backlog is the limit where it is no larger than that by other evidence, or where tcp_max_syn_backlog is known and
 * large enough: a SYN is dropped when less than a quarter of it is left. */
static bool held_back(const struct queue *q)
{
    const struct tca_listener *l = q->t->listener;
    int64_t most;
    if (l->backlog.max < q->limit_max)
        return false;
    return !tca_known_value(q->t->p->known, l->addr, TCA_SETTING_tcp_max_syn_backlog, &most) ||
           (uint64_t)(most - most / 4) + 1 <= q->limit_max;
}

/* Each is a ListenDrop, too, which the accept queue alone does not show. Whether there is room for a request is asked before
 * whether there is for a connection (tcp_conn_request); of whose requests may have gone by then the other may have been full. */
static void count_drops(const struct queue *q, uint64_t count)
{
    struct tca_listener *l = q->t->listener;
    l->synq_drops += count;
    l->listen_drops.min += count;
    if (l->listen_drops.min > l->listen_drops.max)
        l->listen_drops.min = l->listen_drops.max;
    if (!l->synq_held_back)
        l->reqq_full_drops.min += count;
}

static int add_full(const struct queue *q, const struct interval *in)
{
    bool told =
        in->count >= drops_needed(q, DROPS_MIN) && in->flows >= DROPPED_FLOWS_MIN && mostly_silent(in);
    if (!told || (q->blind && q->t->listener->gaps))
        return TCA_OK;
    struct tca_listener *l = q->t->listener;
    enum tca_confidence level = full_level(q, in);
    struct tca_incident one = tca_incident_of(l, TCA_synq_full_interval, level, in->first_ns, in->last_ns);
    tca_incident_prove(&one, in->frame[0]);
    tca_incident_prove(&one, in->frame[1]);
    one.flows = in->flows;
    one.value = (int64_t)in->count;
    one.unit = "pkts";
    tca_incident_say(&one, "The SYN queue was full with %llu half-open connections: %llu %s dropped.",
                     (unsigned long long)q->limit_max, (unsigned long long)in->count,
                     in->count == 1 ? "SYN was" : "SYNs were");
    if (level >= TCA_PROBABLE) {
        l->synq.max = q->limit_max;
        l->synq_held_back = held_back(q);
    }
    if (level > l->synq_full.confidence)
        l->synq_full = (struct tca_synq_full){.first_ns = in->first_ns,
                                              .frame = {in->frame[0], in->frame[1]},
                                              .limit = q->limit_max,
                                              .confidence = (uint8_t)level};
    if (level >= TCA_PROBABLE && q->near)
        count_drops(q, in->sure);
    int error = tca_incidents_add(q->t->p->incidents, &one);
    return error ? error : press_flows(q, in, level);
}

/* ---- one listener ---- */

static bool begun_before(const struct tca_tries *t)
{
    for (size_t at = 0; at < t->count; at++)
        if ((t->one[at]->flags & (TCA_TRY_CUT | TCA_TRY_ANSWERED)) == (TCA_TRY_CUT | TCA_TRY_ANSWERED))
            return true;
    return false;
}

/* With tcp_syncookies on, a full SYN queue sends cookies and drops nothing. */
static bool known_to_send_cookies(const struct tca_tries *t)
{
    int64_t value;
    return tca_known_value(t->p->known, t->listener->addr, TCA_SETTING_tcp_syncookies, &value) && value > 0;
}

static int read_queue(struct queue *q)
{
    struct tca_listener *l = q->t->listener;
    bool marked = !q->near && tca_vain_marked(q->t);
    int error = settle_words(q);
    if (q->silence_alone)
        doubt_silence(q);
    q->hints = has_hints(q);
    take_fresh_for_requests(q);
    if (q->whole)
        settle_by_limit(q);
    count_cookies(q);
    if (!error)
        error = press_words(q);
    bool fits = find_limit_of_all(q);
    uint64_t dropped = may_be_dropped(q);
    l->reqq_full_cookies = l->cookies_sent;
    l->reqq_full_cookies.max += dropped;
    bool drops = !q->regime && !known_to_send_cookies(q->t);
    l->reqq_full_drops.max = drops ? dropped : 0;
    bool counted = !l->gaps && !q->blind;
    l->synq = (struct tca_bounds){counted ? q->limit_min : 0, UINT64_MAX};
    l->synq_proof = q->proof;
    if (counted && q->near && q->regime && has_limit(q) &&
        q->limit_max > 0) /* elsewhere requests may be unseen */
        l->synq.max = q->limit_max;
    if (q->regime) /* else none is a cookie */
        find_lone_cookies(q);
    if (!error && !q->near)
        error = tca_vain_read(q->t, q->regime || marked);
    if (!error && q->regime)
        error = find_intervals(q, made_cookie, add_cookies);
    if (!error && drops && fits && has_limit(q) && q->limit_max > 0)
        error = find_intervals(q, tells_limit, add_full);
    if (!error && q->near && l->synq_full.confidence)
        doubt_overflows(q);
    return error;
}

int tca_synqueue_read(const struct tca_tries *t)
{
    struct queue q = {.t = t, .near = tca_near_server(t->listener->vantage), .blind = t->listener->blind};
    q.whole = q.near && !begun_before(t) && !t->listener->gaps && !q.blind;
    struct moment few[FEW];
    int error = gather(&q, few);
    if (!error)
        error = read_queue(&q);
    tca_free_near(few, q.moment);
    return error;
}
