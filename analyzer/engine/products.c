/* SPDX-License-Identifier: MIT
 *
 * Several products at once. One after the other each would judge every connection anew; here one walk tells all of them, and what
 * they make of it is told by as many threads as there are. With several threads there are as many walks, each for some products:
 * they judge twice what one would judge once, but wait for nothing of each other.
 *
 *      checked --> begun --> | walk: flows, settings, captures ... | --> | census, then states, listeners, page |
 *                            | walk: events, counters ........... |      | estimates, events, settings ...      |
 *                                 one thread each                        what several need and what is told:
 *                                                                        each as soon as what it needs is there
 *
 * Which products share a walk changes no byte of any: a maker looks at the flow, and at nothing of the others'.
 */
#include "base/alloc.h"
#include "engine/tables.h"

#include <pthread.h>
#include <string.h>

enum {
    NEEDS = 2,    /* the census, estimates */
    WALKS_MAX = 8 /* there are not more products worth a walk */
};

enum progress { TO_BE_TOLD, BEING_TOLD, TOLD };

struct making {
    struct tca_product *product;   /* borrowed; NULL: it is what others need */
    const struct tca_table *table; /* NULL: it is a text, or what others need */
    const struct tca_maker *maker; /* NULL: looks at no flow */
    const struct tca_maker *needs; /* made before it is told; NULL: nothing */
    enum progress progress;        /* under the lock */
    void *own;                     /* the maker's */
    struct tca_rows rows;
    unsigned walk; /* that looks at flows for it, once that is shared out */
    bool shared;
    int code;
};

struct all {
    struct tca_session *s;
    struct making *making; /* owned: the products in their order, then what they need */
    size_t count, needs;
    struct tca_taker *taker;    /* owned: those that look at flows, by walk */
    struct making **whose;      /* owned: whose taker it is */
    size_t from[WALKS_MAX + 1]; /* the first taker of each walk */
    int error[WALKS_MAX];       /* of the walk */
    unsigned walks;
    pthread_mutex_t lock;
    pthread_cond_t told; /* something that others may need */
};

/* ---- what is made ---- */

/* Products that are no tables. */
static const struct text {
    const char *name;
    const struct tca_maker *maker, *needs;
} texts[] = {{"summary", &tca_summary_maker, NULL}, {"page", &tca_page_maker, &tca_census_maker}};

static const struct text *text_of(const struct tca_product *product)
{
    for (size_t at = 0; at < sizeof texts / sizeof texts[0]; at++)
        if (!strcmp(product->name, texts[at].name))
            return &texts[at];
    return NULL;
}

static bool is_text(const struct making *m)
{
    return m->product && !m->table;
}

static size_t end_of(const struct all *all)
{
    return all->count + all->needs;
}

static void need(struct all *all, const struct tca_maker *maker)
{
    bool there = !maker || (maker == &tca_census_maker && all->s->census) ||
                 (maker == &tca_estimates_maker && all->s->estimates);
    for (size_t at = all->count; at < end_of(all) && !there; at++)
        there = all->making[at].maker == maker;
    if (!there)
        all->making[all->count + all->needs++].maker = maker;
}

static void check_product(struct all *all, struct making *m)
{
    struct tca_product *p = m->product;
    const struct text *text = text_of(p);
    p->error = (struct tca_error){.offset = -1};
    if (text) {
        m->maker = text->maker;
        m->needs = text->needs;
        m->code = tca_must_be_finished(all->s, &p->error);
        return;
    }
    m->code = tca_table_check(all->s, p->name, &m->table, &p->error);
    if (m->table)
        m->needs = m->table->needs;
}

static int open_product(struct all *all, struct making *m)
{
    struct tca_product *p = m->product;
    if (is_text(m))
        return TCA_OK;
    m->maker = m->table->maker;
    return tca_rows_lines(all->s, p->name, p->form, p->columns, (struct tca_text_to){p->fn, p->user},
                          &m->rows, &p->error);
}

/* Words for a code that has none so far. */
static void fail(struct making *m, int code)
{
    if (!code || m->code)
        return;
    m->code = code;
    if (m->product)
        tca_words(&m->product->error, code);
}

static void begin_all(struct all *all)
{
    for (size_t at = 0; at < end_of(all); at++) {
        struct making *m = &all->making[at];
        if (m->product && !m->code)
            m->code = open_product(all, m);
        if (m->maker && !m->code)
            fail(m, m->maker->begin(all->s, &m->own));
    }
}

/* ---- walks ---- */

static bool has_row(const struct making *m)
{
    return m->table && m->table->row;
}

static bool looks(const struct making *m)
{
    return !m->code && (m->maker || has_row(m));
}

static unsigned cost_of(const struct making *m)
{
    enum { ROW = 6 }; /* in the same measure */
    return m->maker ? m->maker->cost : ROW;
}

/* The most costly one that has no walk yet; NULL: all have. */
static struct making *next_making(const struct all *all)
{
    struct making *next = NULL;
    for (size_t at = 0; at < end_of(all); at++) {
        struct making *m = &all->making[at];
        if (looks(m) && !m->shared && (!next || cost_of(m) > cost_of(next)))
            next = m;
    }
    return next;
}

/* Each to the walk that has least to do so far. */
static void share_out(struct all *all)
{
    unsigned cost[WALKS_MAX] = {0}, threads = tca_crew_size(all->s->crew);
    all->walks = threads < WALKS_MAX ? threads : WALKS_MAX;
    for (struct making *m; (m = next_making(all));) {
        for (unsigned walk = 0; walk < all->walks; walk++)
            if (cost[walk] < cost[m->walk])
                m->walk = walk;
        cost[m->walk] += cost_of(m);
        m->shared = true;
    }
}

/* What is told of a walk's flows, side by side. */
static void list_takers(struct all *all)
{
    size_t takers = 0;
    for (unsigned walk = 0; walk < all->walks; walk++) {
        all->from[walk] = takers;
        for (size_t at = 0; at < end_of(all); at++) {
            struct making *m = &all->making[at];
            if (!m->shared || m->walk != walk)
                continue;
            all->whose[takers] = m;
            all->taker[takers++] =
                has_row(m) ? (struct tca_taker){m->table->row, &m->rows, false, TCA_OK}
                           : (struct tca_taker){m->maker->flow, m->own, m->maker->everything, TCA_OK};
        }
    }
    all->from[all->walks] = takers;
}

/* Several walks begin at a time. */
static void settle(struct all *all)
{
    int error = all->s->dossiers ? tca_sorter_settle(all->s->dossiers) : TCA_OK;
    for (size_t at = 0; at < end_of(all); at++)
        if (looks(&all->making[at]))
            fail(&all->making[at], error);
}

static void walk_some(void *user, unsigned walk)
{
    struct all *all = user;
    size_t from = all->from[walk], count = all->from[walk + 1] - from;
    all->error[walk] = count ? tca_pass2_walk_for(all->s, all->taker + from, count) : TCA_OK;
    for (size_t at = from; at < from + count; at++)
        fail(all->whose[at], all->error[walk] ? all->error[walk] : all->taker[at].error);
}

/* ---- told ---- */

static int tell_product(struct making *m)
{
    if (is_text(m))
        return m->maker->end(m->own, &(struct tca_text_to){m->product->fn, m->product->user});
    return m->table->tell ? m->table->tell(&m->rows, m->own) : TCA_OK;
}

static void end_product(struct making *m)
{
    struct tca_product *p = m->product;
    int code = m->table ? tca_rows_done(&m->rows) : TCA_OK;
    fail(m, code);
    p->code = m->code;
    if (p->end)
        p->end(p);
}

/* What others need, or a product. */
static void tell(struct making *m)
{
    if (!m->code)
        fail(m, m->product ? tell_product(m) : m->maker->end(m->own, NULL));
    if (m->product)
        end_product(m);
}

/* What it needs; NULL: nothing that is yet to be made. */
static const struct making *need_of(const struct all *all, const struct making *m)
{
    for (size_t at = all->count; at < end_of(all) && m->needs; at++)
        if (m->needs == all->making[at].maker)
            return &all->making[at];
    return NULL;
}

/* Whoever needs what could not be made cannot be told either. */
static bool may_be_told(const struct all *all, struct making *m)
{
    const struct making *need = need_of(all, m);
    if (m->progress != TO_BE_TOLD || (need && need->progress != TOLD))
        return false;
    fail(m, need ? need->code : TCA_OK);
    return true;
}

static unsigned cost_of_telling(const struct making *m)
{
    enum { NEEDED = 100, PAGE = 3 }; /* others wait for it */
    return !m->product ? NEEDED : m->table ? m->table->cost : m->needs ? PAGE : 0;
}

/* First what others need, then what takes longest; NULL: nothing can be told now. */
static struct making *next_to_tell(const struct all *all)
{
    struct making *next = NULL;
    for (size_t at = 0; at < end_of(all); at++) {
        struct making *m = &all->making[at];
        if (may_be_told(all, m) && (!next || cost_of_telling(m) > cost_of_telling(next)))
            next = m;
    }
    return next;
}

static bool waits(const struct all *all)
{
    for (size_t at = 0; at < end_of(all); at++)
        if (all->making[at].progress == TO_BE_TOLD)
            return true;
    return false;
}

/* As long as there is something; each thread does so. What is waited for another one has begun. */
static void tell_some(void *user, unsigned thread)
{
    struct all *all = user;
    (void)thread;
    pthread_mutex_lock(&all->lock);
    for (struct making *m; (m = next_to_tell(all)) || waits(all);) {
        if (!m) {
            pthread_cond_wait(&all->told, &all->lock);
            continue;
        }
        m->progress = BEING_TOLD;
        pthread_mutex_unlock(&all->lock);
        tell(m);
        pthread_mutex_lock(&all->lock);
        m->progress = TOLD;
        pthread_cond_broadcast(&all->told);
    }
    pthread_mutex_unlock(&all->lock);
}

static void make_all(struct all *all)
{
    struct tca_session *s = all->s;
    begin_all(all);
    settle(all);
    share_out(all);
    list_takers(all);
    s->beside = true;
    tca_crew_run(s->crew, walk_some, all, all->walks);
    tca_crew_run(s->crew, tell_some, all, tca_crew_size(s->crew));
    s->beside = false;
}

static void check_all(struct all *all, struct tca_product *product, size_t count)
{
    all->count = count;
    for (size_t at = 0; at < count; at++) {
        all->making[at].product = &product[at];
        check_product(all, &all->making[at]);
    }
    for (size_t at = 0; at < count; at++) /* now that a check may have made some of it */
        if (!all->making[at].code)
            need(all, all->making[at].needs);
}

int tca_session_make(struct tca_session *s, struct tca_product *product, size_t count)
{
    struct all all = {.s = s, .lock = PTHREAD_MUTEX_INITIALIZER, .told = PTHREAD_COND_INITIALIZER};
    all.making = tca_alloc((NEEDS + count) * sizeof *all.making);
    all.taker = tca_alloc((NEEDS + count) * sizeof *all.taker);
    all.whose = tca_alloc((NEEDS + count) * sizeof(struct making *));
    int code = all.making && all.taker && all.whose ? TCA_OK : TCA_EMEMORY;
    for (size_t at = 0; at < count && code; at++)
        product[at].code = tca_words(&product[at].error, code);
    if (!code) {
        check_all(&all, product, count);
        make_all(&all);
    }
    for (size_t at = 0; all.making && at < end_of(&all); at++)
        if (all.making[at].maker)
            all.making[at].maker->done(all.making[at].own);
    tca_free(all.making);
    tca_free(all.taker);
    tca_free(all.whose);
    for (size_t at = 0; at < count && !code; at++)
        code = product[at].code;
    return code;
}
