/* SPDX-License-Identifier: MIT
 *
 * Sweeps: what only many flows together show. None looks beyond its capture, and while they gather they keep some hundred bytes
 * of each connection. So captures are swept some at a time, next to each other in the order of the run, and what was gathered of
 * them is forgotten before the next ones' turn: however many captures there are, only what was found stays of each, and that packed.
 *
 *      captures 1..40, 2048 connections at most       --> gathered in row order --> hosts, listeners, pressure
 *      capture 41, with a million                     --> likewise, alone
 *      captures 42..90                                --> ...
 *
 * Which are swept together follows from their numbers of connections, and changes nothing that is told. But for a flood that memory
 * has no room for: of all captures together the first SYNs count (alone.c), or the first connections, in row order, so then all are swept at once.
 *
 * Where there are several such groups each thread sweeps one; a capture that is a group of its own because it is large is swept by
 * all of them.
 */
#include "base/alloc.h"
#include "engine/run.h"

#include <string.h>

/* ---- a dossier to all sweeps ---- */

/* Each sweep takes every dossier in, in row order, and looks at no other sweep: so they do it side by side. */
static int add_to_hosts(struct tca_swept *w, struct tca_dossier *d)
{
    return tca_hosts_add(w->hosts, d);
}

static int add_to_pressure(struct tca_swept *w, struct tca_dossier *d)
{
    bool timed = !(d->m.damage & TCA_DAMAGE_NO_TIME); /* pressure is what comes in a time */
    int error = timed ? tca_pressure_add(w->pressure, d) : TCA_OK;
    return error ? error : tca_isns_add(w->isns, d);
}

static int add_to_sweep(struct tca_swept *w, struct tca_dossier *d)
{
    return tca_sweep_add(w->sweep, d);
}

/* Of what memory had no room for its listener's numbers are all that it takes part in. */
static int count_only(struct tca_swept *w, struct tca_dossier *d)
{
    return d->host[TCA_SERVER] == TCA_NO_HOST ? TCA_OK : tca_sweep_count_only(w->sweep, d);
}

static int leave_out(struct tca_swept *w, struct tca_dossier *d)
{
    (void)w, (void)d;
    return TCA_OK;
}

/* One that was finished early. What came later is no evidence that it did not come: so a SYN without an answer is only
 * counted, and of a connection that the server's application has not shown to be its own nothing is said. */
static int add_early(struct tca_swept *w, struct tca_dossier *d)
{
    const struct tca_side *server = &d->m.side[TCA_SERVER];
    if (d->m.side[TCA_CLIENT].syn_count && !server->pkts)
        return count_only(w, d);
    return server->bytes || server->fin_sent ? add_to_sweep(w, d) : TCA_OK;
}

static const struct {
    int (*add)(struct tca_swept *w, struct tca_dossier *d);
    int (*early)(struct tca_swept *w, struct tca_dossier *d); /* one that was finished early */
    int (*cut)(struct tca_swept *w, struct tca_dossier *d);   /* one for which there is no memory */
    bool rows; /* every row; else not one that is counted as it was before its addresses were translated */
} sweeps[] = {{add_to_hosts, add_to_hosts, leave_out, true},
              {add_to_pressure, add_to_pressure, leave_out, false},
              {add_to_sweep, add_early, count_only, false}};

enum { SWEEPS = sizeof sweeps / sizeof *sweeps };

struct gathering {
    struct tca_session *s;
    struct tca_swept *swept;
    struct tca_settled *settled; /* those that were met last */
    size_t count;
};

static int add_all(void *user, unsigned task)
{
    const struct gathering *g = user;
    int error = TCA_OK;
    for (size_t at = 0; at < g->count && !error; at++) {
        struct tca_dossier *d = &g->settled[at].d;
        bool cut = g->settled[at].unsettled || tca_alone_is_cut(g->s, d);
        if (sweeps[task].rows || d->nat != TCA_NAT_AFTER)
            error = (cut            ? sweeps[task].cut
                     : d->cut_short ? sweeps[task].early
                                    : sweeps[task].add)(g->swept, d);
    }
    return error;
}

static void count_cut(struct capture *c, const struct tca_dossier *d, bool cut)
{
    bool early = d->cut_short && !tca_alone(d), beyond = cut && !early && !tca_alone(d);
    c->facts.cut_short += cut || d->cut_short;
    c->facts.early += early;
    c->facts.beyond += beyond;
    if (c->files) {
        uint32_t ordinal = tca_spot_of(c->facts.spots, d->capture, d->m.first_frame).ordinal;
        struct tca_capture_facts *file = &c->file[ordinal - c->file->ordinal];
        file->cut_short += cut || d->cut_short;
        file->early += early;
        file->beyond += beyond;
    }
    struct gap *gap = tca_series_gap(c, d);
    if (gap)
        gap->flows++;
}

/* What all groups count together, and only count: their order is nothing to it, unless there is but one. */
static bool is_cut(struct tca_session *s, const struct tca_settled *settled)
{
    if (settled->unsettled)
        return true;
    if (s->beside)
        pthread_mutex_lock(&s->lock);
    bool cut = tca_alone_cut(s, &settled->d);
    if (!cut && s->twins)
        tca_twins_meet(s->twins, &settled->d);
    if (s->beside)
        pthread_mutex_unlock(&s->lock);
    return cut;
}

/* One by one, before all sweeps take them in. */
static int meet(struct gathering *g, struct tca_settled *settled)
{
    struct tca_dossier *d = &settled->d;
    struct capture *c = g->s->capture[d->capture - 1];
    bool cut = is_cut(g->s, settled);
    count_cut(c, d, cut);
    if (cut) {
        d->m.damage |= TCA_DAMAGE_CUT_SHORT;
        d->host[TCA_SERVER] = tca_hosts_met(g->swept->hosts, d->capture, d->addr[TCA_SERVER]);
        return TCA_OK;
    }
    c->swept++;
    return tca_hosts_meet(g->swept->hosts, d);
}

static int meet_all(void *user, struct tca_settled *settled, size_t count)
{
    struct gathering *g = user;
    int error = TCA_OK;
    g->settled = settled;
    g->count = count;
    for (size_t at = 0; at < count && !error; at++)
        error = meet(g, &settled[at]);
    return error;
}

/* ---- some captures ---- */

static int begin(struct tca_session *s, struct tca_swept *w)
{
    int error = tca_sweep_new(s->set.vantage, &w->sweep);
    if (!error)
        error = tca_hosts_new(s->set.vantage, &w->hosts);
    if (!error)
        error = tca_isns_new(&w->isns);
    return error ? error : tca_pressure_new(&w->pressure);
}

struct finding {
    struct tca_session *s;
    struct tca_swept *swept;
    int error[2]; /* of each task */
};

/* What needs no listener. Initial numbers go before listeners take memory, where one thread does all. */
static int find_apart(struct tca_session *s, struct tca_swept *w)
{
    const struct tca_alone *alone = s->alone;
    bool in_part = alone[TCA_ALONE_ONCE].full || alone[TCA_ALONE_AGAIN].full || alone[TCA_NOT_ALONE].full;
    const struct tca_pressure_terms terms = {.hosts = w->hosts,
                                             .known = &s->set.known,
                                             .anon = s->anon,
                                             .incidents = &w->found,
                                             .in_part = in_part};
    int error = tca_isns_run(w->isns, w->hosts, &w->found);
    tca_isns_free(w->isns);
    w->isns = NULL;
    return error ? error : tca_pressure_begin(w->pressure, &terms);
}

/* That, and beside it who listened. */
static void find_first(void *user, unsigned task)
{
    struct finding *f = user;
    f->error[task] = task ? tca_sweep_list(f->swept->sweep, f->swept->hosts) : find_apart(f->s, f->swept);
}

static int leave_out_ports(const struct tca_session *s, const struct tca_swept *w)
{
    int error = TCA_OK;
    for (uint32_t capture = w->captures.first; !error && capture <= w->captures.last; capture++)
        if (capture <= s->capture_count && s->capture[capture - 1]->left_out)
            error = tca_sweep_leave_out(w->sweep, capture, s->capture[capture - 1]->left_out);
    return error;
}

static int find(struct tca_session *s, struct tca_swept *w, struct tca_crew *crew)
{
    struct finding finding = {.s = s, .swept = w};
    int error = tca_hosts_run(w->hosts);
    if (error)
        return error;
    tca_crew_run(crew, find_first, &finding, 2);
    error = finding.error[0] ? finding.error[0] : finding.error[1];
    if (!error)
        error = tca_sweep_run(w->sweep, crew);
    if (!error)
        error = tca_pressure_run(w->pressure, w->sweep);
    if (!error)
        error = tca_sweep_settle(w->sweep);
    return error ? error : leave_out_ports(s, w);
}

/* pack: what is found is put away small. */
static int sweep(struct tca_session *s, struct tca_swept *w, bool pack)
{
    struct gathering g = {.s = s, .swept = w};
    const struct tca_settled_taker taker = {.fn = meet_all, .behind = add_all, .behinds = SWEEPS, .user = &g};
    int error = begin(s, w);
    if (!error)
        error = tca_pass2_settle_first(s, w->captures, &taker);
    if (!error)
        error = find(s, w, s->beside ? NULL : s->crew);
    if (!error && pack)
        tca_sweep_pack(w->sweep);
    return error;
}

/* ---- all captures ---- */

/* Connections, so that what is gathered of them takes some megabytes. */
enum { LARGE = 8192 };
#ifdef TCA_CHECK_WAYS
enum { AT_ONCE = 1 }; /* each capture alone */
#else
enum { AT_ONCE = LARGE / 4 }; /* more groups, so that no thread waits long for the last one */
#endif

/* From this one on; `most` 0: all that there are. */
static struct tca_swept next_captures(const struct tca_session *s, uint32_t first, uint64_t most)
{
    uint32_t last = first;
    uint64_t flows = 1 + s->capture[first - 1]->facts.flows;
    for (; last < s->capture_count && (!most || flows + s->capture[last]->facts.flows <= most); last++)
        flows += 1 + s->capture[last]->facts.flows;
    return (struct tca_swept){.captures = {first, last}, .large = flows > LARGE};
}

/* What is swept together; at most so many connections, if not 0. Where there is no capture: of none. */
static int group(struct tca_session *s, uint64_t most)
{
    uint32_t first = 1;
    size_t room = 0;
    do {
        void *list = tca_room(s->swept, s->swept_count, &room, sizeof *s->swept);
        if (!list)
            return TCA_EMEMORY;
        s->swept = list;
        s->swept[s->swept_count++] =
            s->capture_count ? next_captures(s, first, most) : (struct tca_swept){.captures = {1, 1}};
        first = s->swept[s->swept_count - 1].captures.last + 1;
    } while (first <= s->capture_count);
    return TCA_OK;
}

struct sweeping {
    struct tca_session *s;
    bool pack;
    _Atomic size_t next;
    _Atomic int error;
};

static int number_streams(struct tca_session *s)
{
    return s->streams ? tca_streams_number(s->streams, &s->spots) : TCA_OK;
}

/* The next one that is not large, as long as there are some. No sweep asks for streams, so they are numbered meanwhile. */
static void sweep_small(void *user, unsigned task)
{
    struct sweeping *all = user;
    struct tca_session *s = all->s;
    int failed = task ? TCA_OK : number_streams(s);
    if (failed)
        all->error = failed;
    for (size_t at; (at = all->next++) < s->swept_count && !all->error;) {
        int error = s->swept[at].large ? TCA_OK : sweep(s, &s->swept[at], all->pack);
        if (error)
            all->error = error;
    }
}

static int sweep_all(struct tca_session *s, bool pack)
{
    struct sweeping all = {.s = s, .pack = pack, .error = tca_sorter_settle(s->dossiers)};
    s->beside = s->swept_count > 1 && tca_crew_size(s->crew) > 1;
    tca_crew_run(s->beside ? s->crew : NULL, sweep_small, &all, s->beside ? tca_crew_size(s->crew) : 1);
    s->beside = false;
    int error = all.error;
    if (!error && s->streams)
        tca_streams_show(s->streams);
    for (size_t at = 0; at < s->swept_count && !error; at++)
        error = s->swept[at].large ? sweep(s, &s->swept[at], pack) : TCA_OK;
    return error;
}

/* In the order of captures: listeners are counted through, and incidents are the session's. */
static int join(struct tca_session *s)
{
    int error = TCA_OK;
    for (size_t at = 0; at < s->swept_count && !error; at++) {
        struct tca_swept *w = &s->swept[at];
        w->listeners = at ? w[-1].listeners + tca_sweep_count(w[-1].sweep) : 0;
        for (size_t one = 0; one < w->found.count && !error; one++)
            error = tca_incidents_add(&s->incidents, &w->found.list[one]);
        tca_incidents_done(&w->found);
    }
    return error;
}

struct counting {
    struct tca_session *s;
    struct tca_reading reading;
};

static int count_alone(void *user, const void *item, size_t size)
{
    struct counting *c = user;
    struct tca_dossier d;
    (void)size;
    tca_spool_get(c->s, &c->reading, item, &d);
    tca_nat_tell(c->s, &d);
    return tca_alone_cut(c->s, &d) ? TCA_ESTOPPED : TCA_OK;
}

/* Is there room for all SYNs that nothing answered, whichever comes first? */
static int has_room(struct tca_session *s, bool *ret_room)
{
    int error = TCA_OK;
    if (!tca_alone_fits(s, tca_sorter_count(s->dossiers)))
        error = tca_sorter_walk(s->dossiers, count_alone, &(struct counting){.s = s});
    *ret_room = !error;
    memset(s->alone, 0, sizeof s->alone); /* they are counted again where they are taken in */
    return error == TCA_ESTOPPED ? TCA_OK : error;
}

/* With others beside them listeners are packed, unless something is to be added to them. */
int tca_swept_make(struct tca_session *s)
{
    bool apart = s->capture_count > 1;
    int error = apart ? has_room(s, &apart) : TCA_OK;
    if (!error)
        error = group(s, apart ? AT_ONCE : 0);
    if (!error)
        error = sweep_all(s, apart && !s->set.known.count);
    return error ? error : join(s);
}

void tca_swept_done(struct tca_session *s)
{
    for (size_t at = 0; at < s->swept_count; at++) {
        tca_hosts_free(s->swept[at].hosts);
        tca_sweep_free(s->swept[at].sweep);
        tca_pressure_free(s->swept[at].pressure);
        tca_isns_free(s->swept[at].isns);
        tca_incidents_done(&s->swept[at].found);
    }
    tca_free(s->swept);
}

/* ---- asking ---- */

const struct tca_swept *tca_swept_of(const struct tca_session *s, uint32_t capture)
{
    size_t low = 0, high = s->swept_count - 1;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->swept[middle].captures.last < capture)
            low = middle + 1;
        else
            high = middle;
    }
    return &s->swept[low];
}

size_t tca_swept_listeners(const struct tca_session *s)
{
    const struct tca_swept *last = s->swept_count ? &s->swept[s->swept_count - 1] : NULL;
    return last ? last->listeners + tca_sweep_count(last->sweep) : 0;
}

const struct tca_listener *tca_swept_listener(const struct tca_session *s, size_t index,
                                              struct tca_listener *room)
{
    size_t low = 0, high = s->swept_count - 1;
    while (low < high) { /* the last one that has no more before it */
        size_t middle = low + (high - low + 1) / 2;
        if (s->swept[middle].listeners > index)
            high = middle - 1;
        else
            low = middle;
    }
    return tca_sweep_at(s->swept[low].sweep, index - s->swept[low].listeners, room);
}

const struct tca_listener *tca_swept_place(const struct tca_session *s, uint32_t capture,
                                           const uint8_t addr[16], uint16_t port, struct tca_listener *room)
{
    const struct tca_swept *w = tca_swept_of(s, capture);
    uint32_t host = tca_hosts_number(w->hosts, tca_hosts_find(w->hosts, capture, addr));
    return tca_sweep_place(w->sweep, host, port, room);
}

bool tca_swept_serves(const struct tca_session *s, uint32_t capture, const uint8_t addr[16], uint16_t port)
{
    const struct tca_swept *w = tca_swept_of(s, capture);
    uint32_t host = tca_hosts_number(w->hosts, tca_hosts_find(w->hosts, capture, addr));
    return tca_sweep_serves(w->sweep, host, port);
}

const struct tca_host *tca_swept_host(const struct tca_session *s, struct tca_each_host *next)
{
    for (; next->swept < s->swept_count; next->swept++, next->host = 0) {
        const struct tca_host *host = tca_hosts_at(s->swept[next->swept].hosts, next->host);
        if (host) {
            next->host++;
            return host;
        }
    }
    return NULL;
}
