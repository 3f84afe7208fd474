/* SPDX-License-Identifier: MIT
 *
 * Pass 2: one walk over all dossiers feeds the sweeps, which then tell what only many flows together show. Every later walk
 * (walk.c) judges each flow beside that, and hands it on; events are told here.
 */
#include "engine/run.h"

#include <string.h>

struct tca_report_options tca_report_options_of(const struct tca_session *s)
{
    return (struct tca_report_options){.raw_text = s->set.raw_text, .all_states = s->set.all_states};
}

/* ---- before the first question ---- */

/* Each sweep takes every dossier in, in row order, and looks at no other sweep: so they do it side by side. */
static int add_to_hosts(struct tca_session *s, struct tca_dossier *d)
{
    int error = tca_hosts_add(s->hosts, d);
    return error ? error : tca_twins_add_flow(s, d);
}

static int add_to_pressure(struct tca_session *s, struct tca_dossier *d)
{
    bool timed = !(d->m.damage & TCA_DAMAGE_NO_TIME); /* pressure is what comes in a time */
    int error = timed ? tca_pressure_add(s->pressure, d) : TCA_OK;
    return error ? error : tca_isns_add(s->isns, d);
}

static int add_to_sweep(struct tca_session *s, struct tca_dossier *d)
{
    return tca_sweep_add(s->sweep, d);
}

/* Of a SYN for which memory had no room its listener's numbers are all that it takes part in. */
static int count_only(struct tca_session *s, struct tca_dossier *d)
{
    return d->host[TCA_SERVER] == TCA_NO_HOST ? TCA_OK : tca_sweep_count_only(s->sweep, d);
}

static int leave_out(struct tca_session *s, struct tca_dossier *d)
{
    (void)s, (void)d;
    return TCA_OK;
}

/* One that was finished early. What came later is no evidence that it did not come: so a SYN without an answer is only
 * counted, and of a connection that the server's application has not shown to be its own nothing is said. */
static int add_early(struct tca_session *s, struct tca_dossier *d)
{
    const struct tca_side *server = &d->m.side[TCA_SERVER];
    if (d->m.side[TCA_CLIENT].syn_count && !server->pkts)
        return count_only(s, d);
    return server->bytes || server->fin_sent ? add_to_sweep(s, d) : TCA_OK;
}

static const struct {
    int (*add)(struct tca_session *s, struct tca_dossier *d);
    int (*early)(struct tca_session *s, struct tca_dossier *d); /* one that was finished early */
    int (*cut)(struct tca_session *s, struct tca_dossier *d);   /* a SYN for which there is no memory */
    bool rows; /* every row; else not one that is counted as it was before its addresses were translated */
} sweeps[] = {{add_to_hosts, add_to_hosts, leave_out, true},
              {add_to_pressure, add_to_pressure, leave_out, false},
              {add_to_sweep, add_early, count_only, false}};

enum { SWEEPS = sizeof sweeps / sizeof *sweeps };

struct gathering {
    struct tca_session *s;
    struct tca_settled *settled;
    size_t count;
    int error[SWEEPS];
};

static void add_all(void *user, unsigned task)
{
    struct gathering *g = user;
    int error = TCA_OK;
    for (size_t at = 0; at < g->count && !error; at++) {
        struct tca_dossier *d = &g->settled[at].d;
        bool cut = g->settled[at].unsettled || tca_alone_is_cut(g->s, d);
        if (sweeps[task].rows || d->nat != TCA_NAT_AFTER)
            error = (cut ? sweeps[task].cut : d->cut_short ? sweeps[task].early : sweeps[task].add)(g->s, d);
    }
    g->error[task] = error;
}

static void count_cut(struct capture *c, const struct tca_dossier *d, bool cut)
{
    bool early = !cut && d->cut_short && !tca_alone(d);
    c->facts.cut_short += cut || d->cut_short;
    c->facts.early += early;
    if (c->files) {
        uint32_t ordinal = tca_spot_of(c->facts.spots, d->capture, d->m.first_frame).ordinal;
        struct tca_capture_facts *file = &c->file[ordinal - c->file->ordinal];
        file->cut_short += cut || d->cut_short;
        file->early += early;
    }
    struct gap *gap = tca_series_gap(c, d);
    if (gap)
        gap->flows++;
}

static int gather(void *user, struct tca_settled *settled, size_t count)
{
    struct gathering g = {.s = user, .settled = settled, .count = count};
    int error = TCA_OK;
    for (size_t at = 0; at < count && !error; at++) {
        struct tca_dossier *d = &settled[at].d;
        bool cut = settled[at].unsettled || tca_alone_cut(g.s, d);
        count_cut(g.s->capture[d->capture - 1], d, cut);
        if (!cut) {
            error = tca_hosts_meet(g.s->hosts, d);
            continue;
        }
        d->m.damage |= TCA_DAMAGE_CUT_SHORT;
        d->host[TCA_SERVER] = tca_hosts_met(g.s->hosts, d->capture, d->addr[TCA_SERVER]);
    }
    if (!error)
        tca_crew_run(g.s->crew, add_all, &g, SWEEPS);
    for (unsigned at = 0; at < SWEEPS && !error; at++)
        error = g.error[at];
    return error;
}

struct estimating {
    const struct tca_session *s;
    struct tca_estimates *all;
};

static int estimate_flow(void *user, const struct tca_flow_view *view)
{
    const struct estimating *e = user;
    if (view->c->d->nat == TCA_NAT_AFTER)
        return TCA_OK;
    bool sifted = e->s->set.filter && view->capture->outcome[TCA_OUTCOME_filtered];
    return tca_estimates_flow(e->all, view->c, view->v, view->capture->first_ns, sifted);
}

int tca_pass2_estimates(struct tca_session *s, const struct tca_estimates **ret_estimates)
{
    struct tca_estimates *all = s->estimates;
    int error = TCA_OK;
    if (!all) {
        error = tca_estimates_new(&all);
        if (!error)
            error = tca_pass2_walk_all(s, estimate_flow, &(struct estimating){s, all});
        for (size_t at = 0; !error && at < tca_sweep_count(s->sweep); at++) {
            const struct tca_listener *l = tca_sweep_at(s->sweep, at);
            error = tca_estimates_listener(all, l, tca_hosts_find(s->hosts, l->capture, l->addr));
        }
        if (!error)
            error = tca_estimates_run(all, &s->set.known);
    }
    if (error) {
        tca_estimates_free(all);
        return error;
    }
    *ret_estimates = s->estimates = all;
    return TCA_OK;
}

/* What is known is held against what the traffic shows by itself, and only then takes part in judging. */
static int learn(struct tca_session *s)
{
    const struct tca_estimates *all;
    int error = tca_pass2_estimates(s, &all);
    if (!error)
        error = tca_estimates_contradictions(all, &s->incidents);
    if (error)
        return error;
    tca_hosts_learn(s->hosts, &s->set.known);
    tca_sweep_learn(s->sweep, &s->set.known);
    return TCA_OK;
}

int tca_pass2_prepare(struct tca_session *s)
{
    int error = tca_spool_join(s);
    if (!error && s->streams)
        error = tca_streams_number(s->streams, &s->spots);
    if (!error)
        error = tca_sweep_new(s->set.vantage, &s->sweep);
    if (!error)
        error = tca_hosts_new(s->set.vantage, &s->hosts);
    if (!error)
        error = tca_nat_prepare(s);
    if (!error && s->capture_count > 1)
        error = tca_twins_new(&s->twins);
    if (!error)
        error = tca_isns_new(&s->isns);
    if (!error)
        error = tca_pressure_new(&s->pressure);
    if (!error)
        error = tca_pass2_settle_first(s, gather, s);
    if (!error)
        error = tca_hosts_run(s->hosts);
    if (!error)
        error = tca_isns_run(s->isns, s->hosts, &s->incidents);
    if (!error)
        error = tca_series_tell_gaps(s);
    tca_isns_free(s->isns); /* before listeners take memory */
    s->isns = NULL;
    if (!error)
        error = tca_sweep_run(s->sweep, s->hosts, s->crew);
    if (!error)
        error = tca_pressure_run(s->pressure, s->sweep, s->hosts, &s->set.known,
                                 s->alone[0].full || s->alone[1].full, &s->incidents);
    if (!error)
        tca_sweep_settle(s->sweep);
    for (size_t at = 0; !error && at < s->capture_count; at++)
        if (s->capture[at]->left_out)
            tca_sweep_leave_out(s->sweep, s->capture[at]->facts.ordinal, s->capture[at]->left_out);
    if (!error)
        error = tca_twins_prepare(s);
    if (!error && s->set.known.count)
        error = learn(s);
    tca_incidents_sort(&s->incidents);
    return error;
}

/* ---- events: made flow by flow, sorted by time ---- */

enum { EVENT_MEMORY = 32 << 20 };

struct event_sort {
    struct tca_session *s;
    struct tca_sorter *sorter;
    struct tca_buf item;
    struct tca_report_options opt;
    uint64_t number;
    int error;
};

/* An item: the number of cells, then their terminated texts. */
static int sort_event(void *user, const struct tca_event_key *key, const struct tca_cells *cells)
{
    struct event_sort *e = user;
    uint8_t sort_key[TCA_SORT_KEY] = {0};
    tca_key_i64(sort_key, key->time_ns);
    tca_key_u32(sort_key + 8, key->capture);
    tca_key_u64(sort_key + 12, key->frame);
    tca_key_u32(sort_key + 20, key->order);
    tca_key_u64(sort_key + 24, e->number++);
    uint32_t count = (uint32_t)cells->count;
    tca_buf_reset(&e->item);
    tca_buf_add(&e->item, &count, sizeof count);
    tca_buf_add(&e->item, cells->text.bytes, cells->text.used);
    if (e->item.failed || cells->text.failed)
        return e->error = TCA_EMEMORY;
    return e->error = tca_sorter_add(e->sorter, sort_key, e->item.bytes, e->item.used);
}

static int events_of_flow(void *user, const struct tca_flow_view *view)
{
    struct event_sort *e = user;
    int stop = tca_events_flow(view, &e->opt, sort_event, e);
    return stop && !e->error ? TCA_EMEMORY : e->error;
}

void tca_pass2_listener(const struct tca_session *s, size_t index, struct tca_told_listener *told)
{
    const struct tca_listener *l = tca_sweep_at(s->sweep, index);
    bool wanted = !s->set.some_findings || s->set.wanted[TCA_overflow_interval];
    told->listener = *l;
    told->listener.episode = told->episode;
    told->listener.episode_count = 0;
    told->capture = &s->capture[l->capture - 1]->facts;
    for (unsigned at = 0; at < l->episode_count && wanted; at++)
        if ((int)l->episode[at].confidence >= (int)s->set.min_confidence)
            told->episode[told->listener.episode_count++] = l->episode[at];
}

static int events_of_listeners(struct event_sort *e)
{
    for (size_t at = 0; at < tca_sweep_count(e->s->sweep); at++) {
        struct tca_told_listener told;
        tca_pass2_listener(e->s, at, &told);
        int stop = tca_events_listener(&told.listener, told.capture, &e->opt, sort_event, e);
        if (stop)
            return e->error ? e->error : TCA_EMEMORY;
    }
    return TCA_OK;
}

static int events_of_incidents(struct event_sort *e)
{
    for (size_t at = 0; at < e->s->incidents.count; at++) {
        const struct tca_incident *one = &e->s->incidents.list[at];
        if (!tca_pass2_tells(e->s, one))
            continue;
        const struct tca_capture_facts *capture = &e->s->capture[one->capture - 1]->facts;
        if (tca_events_incident(one, (uint32_t)at, capture, &e->opt, sort_event, e))
            return e->error ? e->error : TCA_EMEMORY;
    }
    return TCA_OK;
}

struct event_print {
    struct tca_cells cells;
    tca_cells_fn *fn;
    void *user;
};

static int print_event(void *user, const void *item, size_t size)
{
    struct event_print *p = user;
    uint32_t count;
    memcpy(&count, item, sizeof count);
    const char *text = (const char *)item + sizeof count;
    tca_cells_reset(&p->cells);
    tca_buf_add(&p->cells.text, text, size - sizeof count);
    size_t offset = 0;
    for (uint32_t at = 0; at < count; at++) {
        p->cells.offset[at] = offset;
        offset += strlen(text + offset) + 1;
    }
    p->cells.count = count;
    return p->cells.text.failed ? TCA_EMEMORY : p->fn(p->user, &p->cells);
}

int tca_pass2_events(struct tca_session *s, tca_cells_fn *fn, void *user)
{
    struct event_sort e = {.s = s, .opt = tca_report_options_of(s)};
    struct event_print p = {.fn = fn, .user = user};
    int error = tca_sorter_new(EVENT_MEMORY, s->set.temp_dir, &e.sorter);
    if (!error)
        error = tca_pass2_walk(s, events_of_flow, &e);
    if (!error)
        error = events_of_listeners(&e);
    if (!error)
        error = events_of_incidents(&e);
    if (!error)
        error = tca_sorter_walk(e.sorter, print_event, &p);
    tca_sorter_free(e.sorter);
    tca_buf_done(&e.item);
    tca_cells_done(&p.cells);
    return error;
}
