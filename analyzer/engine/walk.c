/* SPDX-License-Identifier: MIT
 *
 * Walks over dossiers in row order: settled, judged, told. They are pure: each gives the same however often it is made.
 *
 * Where the session has several threads, what is a matter of one flow alone (decoding it, its clocks, its judges, its row) is
 * done for many flows side by side, and what is not in row order: so how many threads there are changes no byte.
 */
#include "base/alloc.h"
#include "engine/alike.h"
#include "engine/batches.h"
#include "engine/lone.h"
#include "engine/run.h"
#include "engine/spool.h"

#include <string.h>

/* ---- several dossiers at a time ---- */

enum {
    AT_ONCE = 64,   /* dossiers */
    PARTS_EACH = 2, /* for each thread, so that none waits long for the last */
    HALVES = 2
};

static bool has_crew(const struct tca_session *s)
{
    return tca_pass2_lanes(s) > 1;
}

static struct tca_batches batches_of(const struct tca_session *s)
{
    return (struct tca_batches){.crew = has_crew(s) ? s->crew : NULL,
                                .sorter = s->dossiers,
                                .room = AT_ONCE,
                                .parts = has_crew(s) ? PARTS_EACH * tca_crew_size(s->crew) : 1};
}

/* A SYN that is cut short, which the next one of its model is made of. */
struct cut {
    struct tca_settled settled; /* with one thread; with several it is among all others */
    struct tca_mark syn;
    uint16_t model; /* 0: there was none */
};
enum { CUTS = 8 };

struct settling {
    struct tca_session *s;
    struct tca_owners captures; /* all zero: all */
    struct tca_reading reading[HALVES * AT_ONCE];
    struct tca_settled *
        settled; /* owned: of two batches in turn, since something may be behind of one while the next is settled */
    unsigned from;            /* where those of the one that is settled begin */
    struct tca_settled *told; /* with one thread: the one that was settled, in place of these */
    bool first;               /* which SYNs are cut short is being found out */
    struct cut
        *cut; /* owned: then, with one thread, the last one of some models; with several, of each place */
    int64_t until_ns;
    struct tca_settled_taker to;
};

/* A SYN beyond those that were taken in, of which all is known that is asked for. NULL: it is none. */
static struct tca_settled *skip_cut(const struct settling *w, unsigned at, const void *item)
{
    const struct tca_session *s = w->s;
    struct tca_lone_syn syn;
    if (!w->first || !tca_lone_peek(item, &syn))
        return NULL;
    const struct tca_alone_row row = {syn.time_ns, syn.frame, syn.capture};
    if (!tca_alone_row_is_cut(s, &row) || s->capture[syn.capture - 1]->files ||
        tca_nats_find(s->nats, syn.capture, syn.frame))
        return NULL;
    struct cut *cut = &w->cut[has_crew(s) ? at : syn.model % CUTS];
    struct tca_settled *one = has_crew(s) ? &w->settled[at] : &cut->settled;
    if (cut->model == syn.model)
        tca_lone_again(s, &syn, &cut->syn, &one->d);
    else
        tca_lone_get(s, item, &cut->syn, &one->d);
    cut->model = syn.model;
    one->unsettled = tca_alone(&one->d);
    return one->unsettled ? one : NULL;
}

static void settle_one(struct settling *w, unsigned at, const void *item)
{
    struct tca_settled *one = &w->settled[at], *cut = skip_cut(w, at, item);
    if (!has_crew(w->s))
        w->told = cut ? cut : one;
    if (cut)
        return;
    if (has_crew(w->s))
        w->cut[at].model = 0;
    one->unsettled = false;
    tca_pass2_settle(w->s, &w->reading[at], item, w->until_ns, one);
}

static void settle_some(void *user, const void *const *item, unsigned from, unsigned to, unsigned part)
{
    struct settling *w = user;
    (void)part;
    for (unsigned at = from; at < to; at++) {
        unsigned place = w->from + at;
        if (at > from)
            w->reading[place].stream = w->reading[place - 1].stream;
        settle_one(w, place, item[at]);
    }
}

static int tell_settled(void *user, unsigned count)
{
    struct settling *w = user;
    struct tca_settled *settled = w->told ? w->told : &w->settled[w->from];
    if (has_crew(w->s))
        w->from = AT_ONCE - w->from;
    return w->to.fn(w->to.user, settled, count);
}

static int do_behind(void *user, unsigned task)
{
    const struct settling *w = user;
    return w->to.behind(w->to.user, task);
}

/* Clients are many, so that nothing of the next one's host is in any cache. What other captures have may be made by another thread
 * meanwhile. */
static void fetch_host(const struct tca_session *s, struct tca_owners captures, const void *item, bool near)
{
    struct tca_spool_client client;
    tca_spool_peek(item, &client);
    if (captures.last && (client.capture < captures.first || client.capture > captures.last))
        return;
    const struct tca_hosts *hosts = tca_swept_of(s, client.capture)->hosts;
    if (near)
        tca_hosts_fetch_on(hosts, client.capture, client.addr);
    else
        tca_hosts_fetch(hosts, client.capture, client.addr);
}

/* Nobody asks for the hosts of what is cut short. */
static void settle_ahead(void *user, const void *item, bool near)
{
    const struct settling *w = user;
    if (!w->first || !w->s->alone[TCA_ALONE_ONCE].full)
        fetch_host(w->s, w->captures, item, near);
}

static int settle_all(const struct settling *how)
{
    struct tca_session *s = how->s;
    struct settling *w = tca_alloc(sizeof *w);
    if (!w)
        return TCA_EMEMORY;
    *w = *how;
    w->settled = tca_grow(NULL, has_crew(s) ? HALVES * AT_ONCE : 1, sizeof *w->settled);
    w->cut = tca_alloc((has_crew(s) ? HALVES * AT_ONCE : CUTS) * sizeof *w->cut);
    struct tca_batches batches = batches_of(s);
    batches.owners = w->captures;
    batches.work = settle_some;
    batches.then = tell_settled;
    batches.behind = w->to.behind ? do_behind : NULL;
    batches.behinds = w->to.behinds;
    batches.ahead = settle_ahead;
    batches.user = w;
    int error = w->settled && w->cut ? tca_batches_walk(&batches) : TCA_EMEMORY;
    tca_free(w->settled);
    tca_free(w->cut);
    tca_free(w);
    return error;
}

int tca_pass2_settle_all(struct tca_session *s, int64_t until_ns, tca_settled_fn *fn, void *user)
{
    return settle_all(&(struct settling){.s = s, .until_ns = until_ns, .to = {.fn = fn, .user = user}});
}

int tca_pass2_settle_first(struct tca_session *s, struct tca_owners captures,
                           const struct tca_settled_taker *taker)
{
    return settle_all(
        &(struct settling){.s = s, .captures = captures, .first = true, .until_ns = INT64_MIN, .to = *taker});
}

/* ---- judged flows ---- */

struct walk {
    struct tca_judging how;
    tca_view_fn *fn;
    void *user;
};

/* Several are judged side by side, and then told in their order. */
struct judging {
    const struct walk *walk;
    struct tca_judged *judged;     /* owned */
    const struct tca_judged *told; /* with one thread: the one that was judged */
    struct tca_alikes **alikes;    /* owned: of each part */
};

static void judge_some(void *user, const void *const *item, unsigned from, unsigned to, unsigned part)
{
    struct judging *g = user;
    if (!has_crew(g->walk->how.s)) {
        g->told = tca_alikes_tell(g->alikes[part], item[0], g->judged);
        return;
    }
    for (unsigned at = from; at < to; at++) {
        if (at > from)
            g->judged[at].reading.stream = g->judged[at - 1].reading.stream;
        tca_alikes_judge(g->alikes[part], item[at], &g->judged[at]);
    }
}

static int tell_judged(void *user, unsigned count)
{
    const struct judging *g = user;
    int stop = TCA_OK;
    if (g->told)
        return g->walk->fn(g->walk->user, &g->told->view);
    for (unsigned at = 0; at < count && !stop; at++)
        stop = g->walk->fn(g->walk->user, &g->judged[at].view);
    return stop;
}

static void judge_ahead(void *user, const void *item, bool near)
{
    fetch_host(((const struct judging *)user)->walk->how.s, (struct tca_owners){0}, item, near);
}

static void free_alikes(struct tca_alikes **alikes, unsigned parts)
{
    for (unsigned at = 0; alikes && at < parts; at++)
        tca_alikes_free(alikes[at]);
    tca_free(alikes);
}

/* NULL: memory is out. */
static struct tca_alikes **new_alikes(const struct tca_judging *how, unsigned parts)
{
    struct tca_alikes **alikes = tca_alloc(parts * sizeof(struct tca_alikes *));
    for (unsigned at = 0; alikes && at < parts; at++)
        if (tca_alikes_new(how, at, &alikes[at])) {
            free_alikes(alikes, parts);
            return NULL;
        }
    return alikes;
}

static int walk(const struct walk *w)
{
    const struct tca_session *s = w->how.s;
    struct judging g = {.walk = w, .judged = tca_alloc((has_crew(s) ? AT_ONCE : 1) * sizeof *g.judged)};
    struct tca_batches batches = batches_of(s);
    g.alikes = new_alikes(&w->how, batches.parts);
    batches.work = judge_some;
    batches.then = tell_judged;
    batches.ahead = judge_ahead;
    batches.user = &g;
    int error = g.judged && g.alikes ? tca_batches_walk(&batches) : TCA_EMEMORY;
    free_alikes(g.alikes, batches.parts);
    tca_free(g.judged);
    return error;
}

int tca_pass2_walk(struct tca_session *s, tca_view_fn *fn, void *user)
{
    return walk(&(struct walk){.how = {.s = s}, .fn = fn, .user = user});
}

int tca_pass2_walk_all(struct tca_session *s, tca_view_fn *fn, void *user)
{
    return walk(&(struct walk){.how = {.s = s, .everything = true}, .fn = fn, .user = user});
}
