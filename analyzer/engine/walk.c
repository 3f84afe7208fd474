/* SPDX-License-Identifier: MIT
 *
 * Walks over dossiers in row order: settled, judged, told. They are pure: each gives the same however often it is made.
 *
 * Where the session has several threads, what is a matter of one flow alone (decoding it, its clocks, its judges, its row) is
 * done for many flows side by side, and what is not in row order: so how many threads there are changes no byte.
 */
#include "base/alloc.h"
#include "classify/memory.h"
#include "engine/batches.h"
#include "engine/lone.h"
#include "engine/run.h"

#include <string.h>

/* For a connection that was finished early the capture ends there: nobody knows what became of it. */
static int64_t watched_until(const struct tca_session *s, const struct tca_dossier *d)
{
    int64_t end_ns = s->capture[d->capture - 1]->facts.end_ns;
    return d->cut_short && d->cut_ns < end_ns ? d->cut_ns : end_ns;
}

/* One clock may start the next (a refuted open, then its retransmissions): a few rounds settle all. */
enum { CLOCK_ROUNDS = 3 };

void tca_pass2_settle(const struct tca_session *s, struct tca_reading *reading, const void *item,
                      int64_t until_ns, struct tca_settled *ret)
{
    struct tca_dossier *d = &ret->d;
    tca_spool_get(s, reading, item, d);
    tca_nat_tell(s, d);
    d->capture_end_ns = watched_until(s, d);
    bool goes_on = until_ns > d->capture_end_ns && !d->cut_short;
    int64_t end_ns = d->m.end_ns >= 0 ? d->m.end_ns : goes_on ? until_ns : d->capture_end_ns;
    struct tca_limits limits[2];
    const struct tca_hosts *hosts = tca_swept_of(s, d->capture)->hosts;
    for (int role = 0; role < 2; role++) {
        ret->host[role] = tca_hosts_find(hosts, d->capture, d->addr[role]);
        d->host[role] = tca_hosts_number(hosts, ret->host[role]);
        limits[role] = tca_host_limits(ret->host[role]);
        limits[role].watched_ns = d->capture_end_ns;
    }
    for (int round = 0; round < CLOCK_ROUNDS && tca_mirror_clock_known(&d->m, limits, end_ns);)
        round++;
    if (d->m.end_ns < 0 && !d->cut_short && tca_is_open(&d->m))
        d->m.damage |= TCA_DAMAGE_END_CUT;
    if (tca_alone_is_cut(s, d))
        d->m.damage |= TCA_DAMAGE_CUT_SHORT;
    if (tca_series_gap(s->capture[d->capture - 1], d))
        d->m.damage |= TCA_DAMAGE_GAP;
}

/* ---- several dossiers at a time ---- */

enum {
    AT_ONCE = 64,
    PARTS_EACH = 2
}; /* dossiers; parts for each thread, so that none waits long for the last */

static bool has_crew(const struct tca_session *s)
{
    return tca_crew_size(s->crew) > 1;
}

static struct tca_batches batches_of(const struct tca_session *s)
{
    return (struct tca_batches){.crew = s->crew,
                                .sorter = s->dossiers,
                                .room = AT_ONCE,
                                .parts = PARTS_EACH * tca_crew_size(s->crew)};
}

struct settling {
    struct tca_session *s;
    struct tca_reading reading[AT_ONCE];
    struct tca_settled *settled; /* owned */
    int64_t until_ns;
    tca_settled_fn *fn;
    void *user;
};

static void settle_some(void *user, const void *const *item, unsigned from, unsigned to, unsigned part)
{
    struct settling *w = user;
    (void)part;
    for (unsigned at = from; at < to; at++) {
        if (at > from)
            w->reading[at].stream = w->reading[at - 1].stream;
        tca_pass2_settle(w->s, &w->reading[at], item[at], w->until_ns, &w->settled[at]);
    }
}

static int tell_settled(void *user, unsigned count)
{
    struct settling *w = user;
    return w->fn(w->user, w->settled, count);
}

/* Of those that come by the million each has another address, so that nothing of its host is in any cache. */
static void fetch_host(const struct tca_session *s, const void *item)
{
    struct tca_lone_syn syn;
    if (tca_lone_peek(item, &syn))
        tca_hosts_fetch(tca_swept_of(s, syn.capture)->hosts, syn.capture, syn.client);
}

static void settle_ahead(void *user, const void *item)
{
    fetch_host(((const struct settling *)user)->s, item);
}

static int settle_of(struct tca_session *s, struct tca_owners captures, int64_t until_ns, tca_settled_fn *fn,
                     void *user)
{
    struct settling *w = tca_alloc(sizeof *w);
    if (!w)
        return TCA_EMEMORY;
    *w = (struct settling){.s = s, .until_ns = until_ns, .fn = fn, .user = user};
    w->settled = tca_grow(NULL, has_crew(s) ? AT_ONCE : 1, sizeof *w->settled);
    struct tca_batches batches = batches_of(s);
    batches.owners = captures;
    batches.work = settle_some;
    batches.then = tell_settled;
    batches.ahead = settle_ahead;
    batches.user = w;
    int error = w->settled ? tca_batches_walk(&batches) : TCA_EMEMORY;
    tca_free(w->settled);
    tca_free(w);
    return error;
}

int tca_pass2_settle_all(struct tca_session *s, int64_t until_ns, tca_settled_fn *fn, void *user)
{
    return settle_of(s, (struct tca_owners){0}, until_ns, fn, user);
}

int tca_pass2_settle_some(struct tca_session *s, struct tca_owners captures, tca_settled_fn *fn, void *user)
{
    return settle_of(s, captures, INT64_MIN, fn, user);
}

/* ---- judged flows ---- */

static bool is_asked_for(const struct tca_settings *set, enum tca_finding_id id,
                         enum tca_confidence confidence)
{
    return confidence >= set->min_confidence && (!set->some_findings || set->wanted[id]);
}

bool tca_pass2_tells(const struct tca_session *s, const struct tca_incident *one)
{
    return is_asked_for(&s->set, one->id, one->confidence);
}

/* Drop what the user does not want to read. The handshake and the close stay, they are columns: but they are no verdict then. */
static void limit(const struct tca_settings *set, struct tca_verdict *v)
{
    unsigned kept = 2;
    int verdict = -1;
    for (unsigned at = 2; at < v->count; at++) {
        const struct tca_judgement *j = &v->judgement[at];
        if (!is_asked_for(set, j->id, j->confidence))
            continue;
        if (v->verdict == (int)at)
            verdict = (int)kept;
        v->judgement[kept++] = *j;
    }
    if (v->verdict >= 0 && v->verdict < 2 &&
        is_asked_for(set, v->judgement[v->verdict].id, v->judgement[v->verdict].confidence))
        verdict = v->verdict;
    v->count = (uint8_t)kept;
    v->verdict = verdict;
}

/* A flow with its verdict, and all that its view points to. */
struct judged {
    struct tca_reading reading;
    struct tca_memory memory;
    struct tca_settled settled;
    struct tca_case c;
    struct tca_verdict verdict;
    struct tca_flow_view view;
};

struct walk {
    const struct tca_session *s;
    tca_view_fn *fn;
    void *user;
    bool everything; /* whatever the user wants to read */
};

/* What its hosts show, else its listener; as far as the TTLs allow. */
static enum tca_vantage vantage_of(const struct tca_session *s, const struct tca_case *c)
{
    if (s->set.vantage)
        return s->set.vantage;
    enum tca_vantage pair = tca_hosts_vantage(tca_swept_of(s, c->d->capture)->hosts, c->d);
    return tca_vantage_by_ttl(pair ? pair : c->listener->vantage, c->host[TCA_CLIENT], c->host[TCA_SERVER]);
}

/* One packet in so many is worth a doubt. */
static bool is_lossy(const struct tca_capture_facts *capture)
{
    enum { ONE_IN = 10000 };
    return capture->drops && capture->drops >= capture->packets / ONE_IN;
}

struct tca_case tca_pass2_case(const struct tca_session *s, struct tca_settled *settled)
{
    const struct tca_dossier *d = &settled->d;
    struct tca_case c = {.d = d,
                         .listener = tca_nat_listener(s, d, &settled->room),
                         .host = {settled->host[0], settled->host[1]}};
    c.vantage = vantage_of(s, &c);
    c.twin = tca_twins_find(s->twins, d);
    c.again = tca_nat_again(s, d, c.twin);
    c.pressed = tca_pressure_find(tca_swept_of(s, d->capture)->pressure, d);
    c.lossy = is_lossy(&s->capture[d->capture - 1]->facts);
    return c;
}

static void judge(const struct tca_session *s, bool everything, const void *item, struct judged *j)
{
    tca_pass2_settle(s, &j->reading, item, INT64_MIN, &j->settled);
    j->c = tca_pass2_case(s, &j->settled);
    j->c.memory = &j->memory;
    tca_judge_flow(&j->c, &j->verdict);
    if (!everything)
        limit(&s->set, &j->verdict);
    j->view = (struct tca_flow_view){.c = &j->c,
                                     .v = &j->verdict,
                                     .capture = &s->capture[j->c.d->capture - 1]->facts,
                                     .time = s->set.time};
}

/* Several are judged side by side, and then told in their order. */
struct judging {
    const struct walk *walk;
    struct judged *judged; /* owned */
};

static void judge_some(void *user, const void *const *item, unsigned from, unsigned to, unsigned part)
{
    struct judging *g = user;
    (void)part;
    for (unsigned at = from; at < to; at++) {
        if (at > from)
            g->judged[at].reading.stream = g->judged[at - 1].reading.stream;
        judge(g->walk->s, g->walk->everything, item[at], &g->judged[at]);
    }
}

static int tell_judged(void *user, unsigned count)
{
    const struct judging *g = user;
    int stop = TCA_OK;
    for (unsigned at = 0; at < count && !stop; at++)
        stop = g->walk->fn(g->walk->user, &g->judged[at].view);
    return stop;
}

static void judge_ahead(void *user, const void *item)
{
    fetch_host(((const struct judging *)user)->walk->s, item);
}

static int walk(const struct walk *w)
{
    struct judging g = {.walk = w, .judged = tca_alloc((has_crew(w->s) ? AT_ONCE : 1) * sizeof *g.judged)};
    struct tca_batches batches = batches_of(w->s);
    batches.work = judge_some;
    batches.then = tell_judged;
    batches.ahead = judge_ahead;
    batches.user = &g;
    int error = g.judged ? tca_batches_walk(&batches) : TCA_EMEMORY;
    tca_free(g.judged);
    return error;
}

int tca_pass2_walk(struct tca_session *s, tca_view_fn *fn, void *user)
{
    return walk(&(struct walk){.s = s, .fn = fn, .user = user});
}

int tca_pass2_walk_all(struct tca_session *s, tca_view_fn *fn, void *user)
{
    return walk(&(struct walk){.s = s, .fn = fn, .user = user, .everything = true});
}

/* ---- told by several threads ---- */

enum { PART_FLOWS = 128 };

/* What one part of a batch is judged with, and told to. */
struct sharer {
    struct judged judged;
    void *user;
    int error;
};

struct sharing {
    const struct tca_session *s;
    tca_view_fn *fn;
    struct sharer *sharer; /* owned: of each part */
    unsigned parts;
    tca_join_fn *join;
    void *user;
};

static void judge_part(void *user, const void *const *item, unsigned from, unsigned to, unsigned part)
{
    const struct sharing *share = user;
    struct sharer *one = &share->sharer[part];
    one->error = TCA_OK;
    for (unsigned at = from; at < to && !one->error; at++) {
        judge(share->s, false, item[at], &one->judged);
        one->error = share->fn(one->user, &one->judged.view);
    }
}

static int join_parts(void *user, unsigned count)
{
    const struct sharing *share = user;
    int error = TCA_OK;
    (void)count;
    for (unsigned at = 0; at < share->parts && !error; at++) {
        error = share->join(share->user, share->sharer[at].user);
        error = error ? error : share->sharer[at].error;
    }
    return error;
}

unsigned tca_pass2_parts(const struct tca_session *s)
{
    return PARTS_EACH * tca_crew_size(s->crew);
}

int tca_pass2_share(struct tca_session *s, tca_view_fn *fn, void *const *part, tca_join_fn *join, void *user)
{
    struct sharing share = {.s = s, .fn = fn, .parts = tca_pass2_parts(s), .join = join, .user = user};
    share.sharer = tca_alloc(share.parts * sizeof *share.sharer);
    if (!share.sharer)
        return TCA_EMEMORY;
    for (unsigned at = 0; at < share.parts; at++)
        share.sharer[at].user = part[at];
    struct tca_batches batches = batches_of(s);
    batches.room = PART_FLOWS * share.parts;
    batches.work = judge_part;
    batches.then = join_parts;
    batches.user = &share;
    int error = tca_batches_walk(&batches);
    tca_free(share.sharer);
    return error;
}
