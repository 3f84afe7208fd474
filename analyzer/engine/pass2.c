/* SPDX-License-Identifier: MIT
 *
 * Pass 2: first the sweeps, which tell what only many flows together show (swept.c). Every later walk (walk.c) judges each flow
 * beside that, and hands it on; events are told here.
 */
#include "base/alloc.h"
#include "engine/run.h"

#include <string.h>

struct tca_report_options tca_report_options_of(const struct tca_session *s)
{
    return (struct tca_report_options){
        .raw_text = s->set.raw_text, .all_states = s->set.all_states, .anon = s->anon};
}

/* ---- what settings are ---- */

struct estimating {
    struct tca_session *s;
    struct tca_estimates *all;
};

static int begin_estimates(struct tca_session *s, unsigned of, void **ret_own)
{
    struct estimating *e = tca_alloc(sizeof *e);
    (void)of;
    *ret_own = e;
    if (!e)
        return TCA_EMEMORY;
    e->s = s;
    return tca_estimates_new(&e->all);
}

static void done_estimates(void *own)
{
    struct estimating *e = own;
    if (!e)
        return;
    tca_estimates_free(e->all);
    tca_free(e);
}

static int estimate_flow(void *user, const struct tca_flow_view *view)
{
    const struct estimating *e = user;
    if (view->c->d->nat == TCA_NAT_AFTER)
        return TCA_OK;
    bool sifted = e->s->set.filter && view->capture->outcome[TCA_OUTCOME_filtered];
    return tca_estimates_flow(e->all, view->c, view->v, view->capture->first_ns, sifted);
}

static int end_estimates(void *own, void *to)
{
    struct estimating *e = own;
    struct tca_session *s = e->s;
    int error = TCA_OK;
    (void)to;
    for (size_t at = 0; !error && at < tca_swept_listeners(s); at++) {
        struct tca_listener room;
        const struct tca_listener *l = tca_swept_listener(s, at, &room);
        error = tca_estimates_listener(
            e->all, l, tca_hosts_find(tca_swept_of(s, l->capture)->hosts, l->capture, l->addr));
    }
    if (!error)
        error = tca_estimates_run(e->all, &s->set.known);
    if (error)
        return error;
    s->estimates = e->all;
    e->all = NULL;
    return TCA_OK;
}

const struct tca_maker tca_estimates_maker = {begin_estimates, estimate_flow,  NULL,
                                              end_estimates,   done_estimates, true};

int tca_pass2_estimates(struct tca_session *s, const struct tca_estimates **ret_estimates)
{
    int error = s->estimates ? TCA_OK : tca_make(s, &tca_estimates_maker, NULL);
    if (!error)
        *ret_estimates = s->estimates;
    return error;
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
    for (size_t at = 0; at < s->swept_count && !error; at++) {
        tca_hosts_learn(s->swept[at].hosts, &s->set.known);
        error = tca_sweep_learn(s->swept[at].sweep, &s->set.known);
    }
    return error;
}

/* ---- before the first question ---- */

int tca_pass2_prepare(struct tca_session *s)
{
    int error = tca_spool_join(s);
    if (!error)
        error = tca_nat_prepare(s);
    if (!error && s->capture_count > 1)
        error = tca_twins_new(tca_sorter_count(s->dossiers), &s->twins);
    if (!error)
        error = tca_swept_make(s);
    if (!error)
        error = tca_series_tell_gaps(s);
    if (!error)
        error = tca_twins_prepare(s);
    if (!error && s->set.known.count)
        error = learn(s);
    tca_incidents_sort(&s->incidents);
    return error;
}

/* ---- events: made flow by flow, sorted by time ---- */

enum { EVENT_MEMORY = 8 << 20 };

/* Events of one frame and kind come in the order of their rows, behind these those of listeners and incidents. */
struct event_tie {
    uint8_t first_frame[8], number[8];
};
_Static_assert(sizeof(struct event_tie) == TCA_SORT_TIE, "decides between equal keys");

struct event_sort {
    struct tca_session *s;
    struct tca_sorter *sorter;
    struct tca_buf item;
    struct tca_report_options opt;
    int64_t start_ns; /* the row: of one capture, with its first frame */
    uint64_t first_frame, number;
    int error;
};

/* An item: the tie, the number of cells, then their terminated texts. */
static int sort_event(void *user, const struct tca_event_key *key, const struct tca_cells *cells)
{
    struct event_sort *e = user;
    uint8_t sort_key[TCA_SORT_KEY] = {0};
    tca_key_i64(sort_key, key->time_ns);
    tca_key_u32(sort_key + 8, key->capture);
    tca_key_u64(sort_key + 12, key->frame);
    tca_key_u32(sort_key + 20, key->order);
    tca_key_i64(sort_key + 24, e->start_ns);
    struct event_tie tie = {{0}, {0}};
    tca_key_u64(tie.first_frame, e->first_frame);
    tca_key_u64(tie.number, e->number++);
    uint32_t count = (uint32_t)cells->count;
    tca_buf_reset(&e->item);
    tca_buf_add(&e->item, &tie, sizeof tie);
    tca_buf_add(&e->item, &count, sizeof count);
    tca_buf_add(&e->item, cells->text.bytes, cells->text.used);
    if (e->item.failed || cells->text.failed)
        return e->error = TCA_EMEMORY;
    return e->error = tca_sorter_add(e->sorter, sort_key, e->item.bytes, e->item.used);
}

static int events_of_flow(void *user, const struct tca_flow_view *view)
{
    struct event_sort *e = user;
    e->start_ns = view->c->d->m.start_ns;
    e->first_frame = view->c->d->m.first_frame;
    int stop = tca_events_flow(view, &e->opt, sort_event, e);
    return stop && !e->error ? TCA_EMEMORY : e->error;
}

void tca_pass2_listener(const struct tca_session *s, size_t index, struct tca_told_listener *told)
{
    struct tca_listener room;
    const struct tca_listener *l = tca_swept_listener(s, index, &room);
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
    for (size_t at = 0; at < tca_swept_listeners(e->s); at++) {
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
    memcpy(&count, (const char *)item + sizeof(struct event_tie), sizeof count);
    const char *text = (const char *)item + sizeof(struct event_tie) + sizeof count;
    tca_cells_reset(&p->cells);
    tca_buf_add(&p->cells.text, text, size - sizeof(struct event_tie) - sizeof count);
    size_t offset = 0;
    for (uint32_t at = 0; at < count; at++) {
        p->cells.offset[at] = offset;
        offset += strlen(text + offset) + 1;
    }
    p->cells.count = count;
    return p->cells.text.failed ? TCA_EMEMORY : p->fn(p->user, &p->cells);
}

static int begin_events(struct tca_session *s, unsigned of, void **ret_own)
{
    struct event_sort *e = tca_alloc(sizeof *e);
    *ret_own = e;
    if (!e)
        return TCA_EMEMORY;
    e->s = s;
    e->opt = tca_report_options_of(s);
    int error = tca_sorter_new(EVENT_MEMORY / of, s->set.temp_dir, &e->sorter);
    if (!error)
        tca_sorter_tied(e->sorter);
    return error;
}

static int join_events(void *user, void *part)
{
    const struct event_sort *e = user, *other = part;
    return tca_sorter_take(e->sorter, other->sorter);
}

static void done_events(void *own)
{
    struct event_sort *e = own;
    if (!e)
        return;
    tca_sorter_free(e->sorter);
    tca_buf_done(&e->item);
    tca_free(e);
}

static int tell_events(void *own, void *to)
{
    struct event_sort *e = own;
    const struct tca_cells_to *whom = to;
    struct event_print p = {.fn = whom->fn, .user = whom->user};
    e->start_ns = INT64_MAX;
    e->first_frame = 0;
    int error = events_of_listeners(e);
    if (!error)
        error = events_of_incidents(e);
    if (!error)
        error = tca_sorter_walk(e->sorter, print_event, &p);
    tca_cells_done(&p.cells);
    return error;
}

const struct tca_maker tca_events_maker = {begin_events, events_of_flow, join_events,
                                           tell_events,  done_events,    false};
