/* SPDX-License-Identifier: MIT
 *
 * One walk of which several are told, and makers that are told by several threads. What is made of flows whose order is nothing to
 * it is gathered by each thread for itself, where the flow was judged, and joined when the walk is over:
 *
 *      batch --> | part 1: judged --> gathered by the thread's own makers, lines of its own |   any threads, at the same time
 *                | part 2: likewise ................................................... |
 *            --> those who want all in order; lines of part 1, of part 2, ...                   one thread
 *
 * With one thread each flow is told to all of them, one after the other. How many threads there are changes no byte.
 */
#include "base/alloc.h"
#include "engine/alike.h"
#include "engine/batches.h"
#include "engine/run.h"

#include <stdatomic.h>
#include <string.h>

/* Parts of a batch for each thread, so that none waits long for the last; flows of a part, where they are kept for those
 * who want them in order, and where they are not. */
enum { PARTS_EACH = 4, KEPT_EACH = 8, FLOWS_EACH = 64 };

unsigned tca_pass2_lanes(const struct tca_session *s)
{
    return s->beside ? 1 : tca_crew_size(s->crew);
}

unsigned tca_pass2_parts(const struct tca_session *s)
{
    unsigned lanes = tca_pass2_lanes(s);
    return lanes > 1 ? PARTS_EACH * lanes : 1;
}

/* ---- who is told ---- */

/* In whose place of `of` somebody is told; ALL: who wants all in order. */
enum turn { ALL, BY_LANE, BY_PART, TURNS };

static enum turn turn_of(const struct tca_taker *one)
{
    return !one->of ? ALL : one->join ? BY_PART : BY_LANE;
}

struct taking {
    struct tca_session *s;
    struct tca_taker *taker;
    size_t count;
    bool limited;        /* some of them are not told all, so not the same as the others */
    bool turn[TURNS];    /* somebody has it */
    _Atomic int *failed; /* owned: of each taker, what it returned first */
    /* With several threads. */
    struct lane {
        struct tca_alikes *alikes; /* owned */
        struct tca_judged judged;
    } * lane; /* owned */
    unsigned lanes, parts;
    _Atomic uint64_t free;     /* lanes, a bit each */
    struct tca_judged *judged; /* owned: of a batch, where somebody wants all in order */
};

static void tell_one(struct taking *t, size_t at, const struct tca_flow_view *view, unsigned place)
{
    const struct tca_taker *one = &t->taker[at];
    int none = TCA_OK;
    if (t->failed[at])
        return;
    int error = one->flow(one->of ? one->of[place] : one->user, view);
    if (error)
        atomic_compare_exchange_strong(&t->failed[at], &none, error);
}

static void tell_some(struct taking *t, const struct tca_flow_view *view, bool everything,
                      const unsigned place[TURNS], const bool now[TURNS])
{
    for (size_t at = 0; at < t->count; at++) {
        enum turn turn = turn_of(&t->taker[at]);
        if (now[turn] && (!t->limited || t->taker[at].everything == everything))
            tell_one(t, at, view, place[turn]);
    }
}

/* Those whose turn is now. */
static void tell(struct taking *t, const struct tca_flow_view *view, const unsigned place[TURNS],
                 const bool now[TURNS])
{
    tell_some(t, view, true, place, now);
    if (!t->limited)
        return;
    struct tca_verdict wanted = *view->v;
    struct tca_flow_view less = *view;
    tca_judge_limit(&t->s->set, &wanted);
    less.v = &wanted;
    tell_some(t, &less, false, place, now);
}

/* Nobody wants to be told any more. */
static int all_failed(const struct taking *t)
{
    int error = TCA_OK;
    for (size_t at = 0; at < t->count; at++) {
        error = t->failed[at];
        if (!error)
            return TCA_OK;
    }
    return error;
}

/* A tca_view_fn, of everything: with one thread. */
static int tell_all(void *user, const struct tca_flow_view *view)
{
    static const unsigned place[TURNS];
    static const bool now[TURNS] = {true, true, true};
    tell(user, view, place, now);
    return all_failed(user);
}

/* ---- several threads ---- */

/* As many as there are threads, and each task has one. */
static unsigned take_lane(struct taking *t)
{
    uint64_t free = atomic_load(&t->free);
    unsigned lane;
    do
        lane = (unsigned)__builtin_ctzll(free);
    while (!atomic_compare_exchange_weak(&t->free, &free, free & ~(UINT64_C(1) << lane)));
    return lane;
}

static const struct tca_flow_view *judge(struct taking *t, struct lane *lane, const void *item, unsigned at)
{
    if (!t->turn[ALL])
        return &tca_alikes_tell(lane->alikes, item, &lane->judged)->view;
    t->judged[at].reading.stream = lane->judged.reading.stream;
    tca_alikes_judge(lane->alikes, item, &t->judged[at]);
    lane->judged.reading.stream = t->judged[at].reading.stream;
    return &t->judged[at].view;
}

static void judge_part(void *user, const void *const *item, unsigned from, unsigned to, unsigned part)
{
    static const bool now[TURNS] = {[BY_LANE] = true, [BY_PART] = true};
    struct taking *t = user;
    unsigned lane = take_lane(t);
    const unsigned place[TURNS] = {[BY_LANE] = lane, [BY_PART] = part};
    for (unsigned at = from; at < to; at++)
        tell(t, judge(t, &t->lane[lane], item[at], at), place, now);
    atomic_fetch_or(&t->free, UINT64_C(1) << lane);
}

static void join_parts(const struct taking *t, size_t at)
{
    const struct tca_taker *one = &t->taker[at];
    for (unsigned part = 0; part < t->parts && !t->failed[at]; part++)
        t->failed[at] = one->join(one->user, one->of[part]);
}

static int end_batch(void *user, unsigned count)
{
    static const unsigned place[TURNS];
    static const bool now[TURNS] = {[ALL] = true};
    struct taking *t = user;
    for (unsigned at = 0; at < count && t->turn[ALL]; at++)
        tell(t, &t->judged[at].view, place, now);
    for (size_t at = 0; at < t->count; at++)
        if (turn_of(&t->taker[at]) == BY_PART)
            join_parts(t, at);
    return all_failed(t);
}

static int make_lanes(struct taking *t, const struct tca_judging *how)
{
    t->lane = tca_alloc(t->lanes * sizeof *t->lane);
    int error = t->lane ? TCA_OK : TCA_EMEMORY;
    for (unsigned at = 0; at < t->lanes && !error; at++)
        error = tca_alikes_new(how, at, &t->lane[at].alikes);
    t->free = t->lanes < 64 ? (UINT64_C(1) << t->lanes) - 1 : UINT64_MAX;
    return error;
}

static void free_lanes(const struct taking *t)
{
    for (unsigned at = 0; t->lane && at < t->lanes; at++)
        tca_alikes_free(t->lane[at].alikes);
    tca_free(t->lane);
}

static int walk_by_all(struct taking *t)
{
    const struct tca_judging how = {.s = t->s, .everything = true};
    struct tca_batches batches = {.crew = t->s->crew,
                                  .sorter = t->s->dossiers,
                                  .room = t->parts * (t->turn[ALL] ? KEPT_EACH : FLOWS_EACH),
                                  .parts = t->parts,
                                  .work = judge_part,
                                  .then = end_batch,
                                  .user = t};
    int error = make_lanes(t, &how);
    if (!error && t->turn[ALL] && !(t->judged = tca_alloc(batches.room * sizeof *t->judged)))
        error = TCA_EMEMORY;
    if (!error)
        error = tca_batches_walk(&batches);
    free_lanes(t);
    tca_free(t->judged);
    return error;
}

int tca_pass2_walk_for(struct tca_session *s, struct tca_taker *taker, size_t count)
{
    struct taking t = {.s = s,
                       .taker = taker,
                       .count = count,
                       .limited = tca_judge_is_limited(&s->set),
                       .failed = tca_alloc((count + 1) * sizeof *t.failed),
                       .lanes = tca_pass2_lanes(s),
                       .parts = tca_pass2_parts(s)};
    if (!t.failed)
        return TCA_EMEMORY;
    for (size_t at = 0; at < count; at++)
        t.turn[turn_of(&taker[at])] = true;
    int error = t.lanes > 1 ? walk_by_all(&t) : tca_pass2_walk_all(s, tell_all, &t);
    for (size_t at = 0; at < count; at++)
        taker[at].error = t.failed[at];
    if (all_failed(&t))
        error = TCA_OK; /* the walk's end was theirs */
    tca_free(t.failed);
    return error;
}

/* ---- makers ---- */

int tca_made_begin(struct tca_session *s, const struct tca_maker *maker, struct tca_made *ret)
{
    *ret = (struct tca_made){.maker = maker, .lanes = maker->join ? tca_pass2_lanes(s) : 1};
    ret->lane = tca_alloc(ret->lanes * sizeof *ret->lane);
    int error = ret->lane ? TCA_OK : TCA_EMEMORY;
    for (unsigned at = 0; at < ret->lanes && !error; at++)
        error = maker->begin(s, ret->lanes, &ret->lane[at]);
    return error;
}

struct tca_taker tca_made_taker(const struct tca_made *m)
{
    return (struct tca_taker){.flow = m->maker->flow,
                              .user = m->lane[0],
                              .of = m->lanes > 1 ? m->lane : NULL,
                              .everything = m->maker->everything};
}

int tca_made_join(struct tca_made *m)
{
    int error = TCA_OK;
    for (unsigned at = 1; at < m->lanes; at++) {
        if (!error)
            error = m->maker->join(m->lane[0], m->lane[at]);
        m->maker->done(m->lane[at]);
        m->lane[at] = NULL;
    }
    m->lanes = 1;
    return error;
}

void tca_made_done(struct tca_made *m)
{
    for (unsigned at = 0; m->lane && at < m->lanes; at++)
        m->maker->done(m->lane[at]);
    tca_free(m->lane);
    *m = (struct tca_made){0};
}

int tca_made_gather(struct tca_session *s, const struct tca_maker *maker, struct tca_made *ret)
{
    int error = tca_made_begin(s, maker, ret);
    if (error)
        return error;
    struct tca_taker taker = tca_made_taker(ret);
    error = tca_pass2_walk_for(s, &taker, 1);
    if (!error)
        error = taker.error;
    return error ? error : tca_made_join(ret);
}

int tca_make(struct tca_session *s, const struct tca_maker *maker, void *to)
{
    struct tca_made made;
    int error = tca_made_gather(s, maker, &made);
    if (!error)
        error = maker->end(made.lane[0], to);
    tca_made_done(&made);
    return error;
}
