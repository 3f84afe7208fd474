/* SPDX-License-Identifier: MIT
 *
 * Estimating settings.
 *
 * Every estimator is asked of every judged flow; it adds observations or nothing. An observation is an interval that
 * the flow alone justifies, so an estimate is their intersection.
 */
#include "classify/setting/setting_parts.h"

#include "base/alloc.h"
#include "base/sort.h"
#include "base/sorted.h"
#include "classify/level.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/error.h>

enum { REUSE_MIN = 5 }; /* ports: one may have been bound by its program */

enum reach { REACH_HOST, REACH_SOCKET, REACH_LISTENER };

static const struct {
    enum reach reach;
    const char *basis;
} settings[TCA_SETTING_COUNT] = {
#define SETTING(id, name, sysctl, reach, basis) {REACH_##reach, basis},
#include "classify/sweep/setting.def"
#undef SETTING
};

/* ---- gathering ---- */

int tca_observation_add(struct tca_estimates *all, const struct tca_observation *one)
{
    void *array = tca_room(all->seen, all->count, &all->room, sizeof *all->seen);
    if (!array)
        return TCA_EMEMORY;
    all->seen = array;
    all->seen[all->count++] = *one;
    return TCA_OK;
}

void tca_observe(struct tca_gather *g, int role, enum tca_setting_id id, int64_t min, int64_t max,
                 const struct tca_mark *from, const struct tca_mark *to)
{
    struct tca_observation one = {
        .capture = g->d->capture,
        .family = g->d->family,
        .port = settings[id].reach == REACH_LISTENER && role == TCA_SERVER ? g->d->port[role] : 0,
        .id = (uint8_t)id,
        .min = min,
        .max = max,
        .time_ns = to->time_ns,
        .frame = {from->frame, to->frame}};
    memcpy(one.addr, g->d->addr[role], sizeof one.addr);
    if (!g->error)
        g->error = tca_observation_add(g->all, &one);
}

const struct tca_judgement *tca_gather_found(const struct tca_gather *g, enum tca_finding_id id,
                                             enum tca_confidence least)
{
    for (unsigned at = 0; at < g->v->count; at++)
        if (g->v->judgement[at].id == id && g->v->judgement[at].confidence >= least)
            return &g->v->judgement[at];
    return NULL;
}

const struct tca_mark *tca_gather_mark(const struct tca_dossier *d, uint64_t frame)
{
    for (unsigned at = 0; at < d->mark_count; at++)
        if (d->mark[at].frame == frame)
            return &d->mark[at];
    return NULL;
}

void tca_observe_found(struct tca_gather *g, int role, enum tca_setting_id id, int64_t min, int64_t max,
                       const struct tca_judgement *j)
{
    const struct tca_mark *mark = j->frame_count ? tca_gather_mark(g->d, j->frame[0]) : NULL;
    if (mark)
        tca_observe(g, role, id, min, max, mark, mark);
}

bool tca_gather_near(const struct tca_case *c, int role)
{
    if (role == TCA_SERVER)
        return tca_near_server(c->vantage);
    return c->vantage == TCA_VANTAGE_CLIENT || c->vantage == TCA_VANTAGE_SAME_HOST;
}

bool tca_gather_linux(const struct tca_gather *g, int role)
{
    return tca_linux_only(g->c, role, TCA_CERTAIN) == TCA_CERTAIN;
}

int tca_estimates_new(struct tca_estimates **ret_estimates)
{
    struct tca_estimates *all = tca_alloc(sizeof *all);
    if (!all)
        return TCA_EMEMORY;
    *ret_estimates = all;
    return TCA_OK;
}

int tca_estimates_flow(struct tca_estimates *all, const struct tca_case *c, const struct tca_verdict *v,
                       int64_t capture_ns, bool sifted)
{
    struct tca_gather g = {.all = all,
                           .c = c,
                           .d = c->d,
                           .v = v,
                           .capture_ns = capture_ns,
                           .sifted = sifted,
                           .end_ns = c->d->m.end_ns >= 0 ? c->d->m.end_ns : c->d->capture_end_ns};
    tca_estimate_ladders(&g);
    tca_estimate_facts(&g);
    tca_estimate_clock(&g);
    return g.error;
}

/* ---- listeners ---- */

/* What this listener shows of its host, by these segments. */
static struct tca_observation seen_at(const struct tca_listener *l, const struct tca_proof *proof)
{
    struct tca_observation one = {.capture = l->capture,
                                  .family = l->family,
                                  .time_ns = proof->time_ns,
                                  .frame = {proof->frame[0], proof->frame[1]}};
    memcpy(one.addr, l->addr, sizeof one.addr);
    return one;
}

/* The SYN queue of one listener was full and SYNs were dropped: with cookies they had been answered. A request is still
 * made with this many others while a quarter of tcp_max_syn_backlog is free (tcp_conn_request), and dropped with more;
 * where the accept queue's limit is larger, it is this that dropped them. */
static int observe_full_synq(struct tca_estimates *all, const struct tca_listener *l)
{
    const struct tca_synq_full *full = &l->synq_full;
    if (full->confidence < TCA_CERTAIN)
        return TCA_OK;
    const struct tca_proof proof = {full->first_ns, {full->frame[0], full->frame[1]}};
    struct tca_observation one = seen_at(l, &proof);
    one.id = TCA_SETTING_tcp_syncookies;
    int error = tca_observation_add(all, &one);
    int64_t others = (int64_t)l->synq.min - 1;
    one.id = TCA_SETTING_tcp_max_syn_backlog;
    one.min = others > 0 ? (4 * others - 1) / 3 : 1;
    one.max = l->backlog.min > full->limit ? (4 * (int64_t)full->limit - 1) / 3 - 1 : TCA_NO_LIMIT;
    return error || one.min > one.max ? error : tca_observation_add(all, &one);
}

/* One that is no more than probable is no more for being one of many. */
static int observe_cookies(struct tca_estimates *all, const struct tca_listener *l)
{
    const struct tca_cookied *cookied = &l->cookied;
    if (cookied->confidence < TCA_PROBABLE)
        return TCA_OK;
    const struct tca_proof proof = {cookied->first_ns, {cookied->frame[0], cookied->frame[1]}};
    struct tca_observation one = seen_at(l, &proof);
    one.id = TCA_SETTING_tcp_syncookies;
    one.min = 1;
    one.max = 2;
    one.others = cookied->confidence == TCA_CERTAIN && cookied->flows ? cookied->flows - 1 : 0;
    return tca_observation_add(all, &one);
}

/* A cookie though nothing waited, where something might: every SYN gets one. */
static int observe_lone_cookie(struct tca_estimates *all, const struct tca_listener *l)
{
    if (!l->lone_cookie.frame[0] || !l->backlog.min)
        return TCA_OK;
    struct tca_observation one = seen_at(l, &l->lone_cookie);
    one.id = TCA_SETTING_tcp_syncookies;
    one.min = one.max = 2;
    return tca_observation_add(all, &one);
}

static int observe_backlog(struct tca_estimates *all, const struct tca_listener *l)
{
    if (!l->backlog.min && !tca_backlog_has_max(&l->backlog))
        return TCA_OK;
    struct tca_observation one = seen_at(l, &l->backlog_proof);
    one.port = l->port;
    one.id = TCA_SETTING_backlog;
    one.by = l->backlog_basis;
    one.min = (int64_t)l->backlog.min;
    one.max = tca_backlog_has_max(&l->backlog) ? (int64_t)l->backlog.max : TCA_NO_LIMIT;
    int error = tca_observation_add(all, &one);
    one.id = TCA_SETTING_somaxconn; /* the smaller of two is below neither */
    one.port = 0;
    one.max = TCA_NO_LIMIT;
    return error || !one.min ? error : tca_observation_add(all, &one);
}

/* Was a SYN dropped in the episode so long after the first refusal? */
static bool dropped_late(const struct tca_listener *l, const struct tca_episode *e, int64_t wait_ns)
{
    for (size_t at = l->dropped; at-- > 0 && l->dropped_ns[at] >= e->first_ns + wait_ns;)
        if (l->dropped_ns[at] <= e->last_ns)
            return true;
    return false;
}

/* A full accept queue drops SYNs whatever else waits since 4.10, before only while there were two young requests
 * (tcp_conn_request). A request is young until its first timer; none is, after so long without a new SYN+ACK. */
static int observe_full_drops(struct tca_estimates *all, const struct tca_listener *l,
                              const struct tca_host *host)
{
    const int64_t young_ns = INT64_C(1200) * 1000000;
    bool told = tca_linux_host(host) && tca_near_server(l->vantage) && !l->gaps && !l->blind &&
                !l->synq_full.confidence;
    int error = TCA_OK;
    for (unsigned at = 0; told && !error && at < l->episode_count; at++) {
        const struct tca_episode *e = &l->episode[at];
        if (e->confidence < TCA_EPISODE_CERTAIN || e->partial || e->answered || !e->drops ||
            !dropped_late(l, e, young_ns))
            continue;
        const struct tca_proof proof = {e->last_ns, {e->first_frame, e->last_frame}};
        struct tca_observation one = seen_at(l, &proof);
        one.id = TCA_SETTING_kernel;
        one.min = TCA_RELEASE(4, 10);
        one.max = TCA_NO_LIMIT;
        error = tca_observation_add(all, &one);
    }
    return error;
}

int tca_estimates_listener(struct tca_estimates *all, const struct tca_listener *l,
                           const struct tca_host *host)
{
    int error = observe_full_synq(all, l);
    if (!error)
        error = observe_cookies(all, l);
    if (!error)
        error = observe_lone_cookie(all, l);
    if (!error)
        error = observe_full_drops(all, l, host);
    return error ? error : observe_backlog(all, l);
}

/* ---- all flows are in ---- */

static int compare_keys(const struct tca_observation *a, const struct tca_observation *b)
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
    const struct tca_observation *a = left, *b = right;
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
static void prove_all(struct tca_estimate *e, const struct tca_observation *seen, size_t count)
{
    for (int bounding = 1; bounding >= 0; bounding--)
        for (size_t at = 0; at < count && e->frame_count < TCA_PROOF_MAX; at++) {
            bool bounds = seen[at].min == e->min || (e->max != TCA_NO_LIMIT && seen[at].max == e->max);
            if (bounds != (bounding == 1))
                continue;
            prove(e, seen[at].frame[0]);
            prove(e, seen[at].frame[1]);
        }
    if (e->frame_count)
        tca_sort_u64(e->frame, e->frame_count);
}

static void combine(struct tca_estimate *e, const struct tca_observation *seen, size_t count)
{
    int64_t low = seen->min, high = seen->max; /* what covers all of them */
    *e = (struct tca_estimate){.capture = seen->capture,
                               .family = seen->family,
                               .port = seen->port,
                               .id = (enum tca_setting_id)seen->id,
                               .by = seen->by,
                               .min = seen->min,
                               .max = seen->max,
                               .count = seen->others + 1,
                               .first_ns = seen->time_ns,
                               .last_ns = seen[count - 1].time_ns};
    memcpy(e->addr, seen->addr, sizeof e->addr);
    for (size_t at = 1; at < count; at++) {
        e->min = seen[at].min > e->min ? seen[at].min : e->min;
        e->max = seen[at].max < e->max ? seen[at].max : e->max;
        e->count += seen[at].others + 1;
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
    int error = tca_estimate_clocks(all);
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
#define HELD                                                                                                 \
    "what the full accept queue held while nothing was accepted, less one for each worker that was stuck "   \
    "inside a request"
    static const char *const limit[] = {
        [TCA_BACKLOG_CANDIDATES] = LIMIT "no more connections waited when SYNs were dropped",
        [TCA_BACKLOG_FROZEN] = LIMIT HELD,
        [TCA_BACKLOG_BEGUN] = LIMIT HELD ", and if it was empty when the capture began",
        [TCA_BACKLOG_CLOSED] = LIMIT "connections that waited when the listener was closed",
        [TCA_BACKLOG_PRUNED] = LIMIT "half-open connections at which some were given up early",
        [TCA_BACKLOG_COOKIES] = LIMIT "half-open connections when SYN cookies began",
        [TCA_BACKLOG_SYNQ] = LIMIT "half-open connections that the SYN queue held at one time"};
#undef HELD
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
    if (known >= e->min && known <= e->max)
        return TCA_ESTIMATE_CONSISTENT;
    bool own = settings[e->id].reach == REACH_LISTENER; /* the program's own choice explains it as well */
    return own ? TCA_ESTIMATE_NOT_JUDGED : TCA_ESTIMATE_CONTRADICTED;
}

/* A program may have chosen otherwise for its own sockets, and one connection may deceive. */
static enum tca_confidence contradiction_level(const struct tca_estimate *e)
{
    enum { CONCORDANCE = 3 };
    if (settings[e->id].reach == REACH_SOCKET)
        return TCA_POSSIBLE;
    bool inferred =
        e->id == TCA_SETTING_somaxconn && (e->by == TCA_BACKLOG_FROZEN || e->by == TCA_BACKLOG_BEGUN);
    if (e->id == TCA_SETTING_kernel) /* distributions give old kernels what newer ones do */
        return TCA_PROBABLE;
    return e->count >= CONCORDANCE && !inferred ? TCA_CERTAIN : TCA_PROBABLE;
}

static void say_value(const struct tca_estimate *e, int64_t value, char text[24])
{
    if (e->id == TCA_SETTING_kernel)
        snprintf(text, 24, "%" PRId64 ".%" PRId64, value / 1000, value % 1000);
    else
        snprintf(text, 24, "%" PRId64, value);
}

static void say_contradiction(const struct tca_estimate *e, struct tca_incident *one)
{
    char told[64], known[24], min[24], max[24];
    say_value(e, e->known, known);
    say_value(e, e->min, min);
    say_value(e, e->max, max);
    if (e->max == TCA_NO_LIMIT)
        snprintf(told, sizeof told, "at least %s", min);
    else if (e->min == e->max)
        snprintf(told, sizeof told, "%s", min);
    else if (e->id == TCA_SETTING_kernel && !e->min)
        snprintf(told, sizeof told, "at most %s", max);
    else
        snprintf(told, sizeof told, "%s to %s", min, max);
    snprintf(one->text, sizeof one->text,
             "%s is said to be %s, but the traffic shows %s (%" PRIu64 " time%s)%s.", tca_setting_name(e->id),
             known, told, e->count, e->count == 1 ? "" : "s",
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
