/* SPDX-License-Identifier: MIT
 *
 * Several products at once. One after the other each would judge every connection anew; here one walk, by all threads, tells all of
 * them, and what they make of it is told by as many threads as there are.
 *
 *      checked --> begun --> walk: flows, events, counters ... --> | census, then states, listeners, page |
 *                                  (take.c)                        | estimates, events, settings ...      |
 *                                                              what several need and what is told:
 *                                                              each as soon as what it needs is there
 *
 * None looks at another's, so who is made beside whom changes no byte of any.
 */
#include "base/alloc.h"
#include "engine/tables.h"

#include <pthread.h>
#include <string.h>

enum { NEEDS = 2 }; /* the census, estimates */

enum progress { TO_BE_TOLD, BEING_TOLD, TOLD };

struct making {
    struct tca_product *product;   /* borrowed; NULL: it is what others need */
    const struct tca_table *table; /* NULL: it is a text, or what others need */
    const struct tca_maker *maker; /* NULL: looks at no flow */
    const struct tca_maker *needs; /* made before it is told; NULL: nothing */
    enum progress progress;        /* under the lock */
    struct tca_made made;
    struct tca_rows rows;
    struct tca_row_parts parts; /* of the rows of flows */
    int code;
};

struct all {
    struct tca_session *s;
    struct making *making; /* owned: the products in their order, then what they need */
    size_t count, needs;
    struct tca_taker *taker; /* owned: of those that look at flows */
    struct making **whose;   /* owned: whose taker it is */
    size_t takers;
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

static bool has_row(const struct making *m)
{
    return m->table && m->table->row;
}

static void begin(struct all *all, struct making *m)
{
    if (m->product)
        m->code = open_product(all, m);
    if (m->maker && !m->code)
        fail(m, tca_made_begin(all->s, m->maker, &m->made));
    if (has_row(m) && !m->code)
        fail(m, tca_row_parts_begin(&m->rows, &m->parts));
}

static void begin_all(struct all *all)
{
    for (size_t at = 0; at < end_of(all); at++)
        if (!all->making[at].code)
            begin(all, &all->making[at]);
}

/* ---- the walk ---- */

static void list_takers(struct all *all)
{
    for (size_t at = 0; at < end_of(all); at++) {
        struct making *m = &all->making[at];
        if (m->code || (!m->maker && !has_row(m)))
            continue;
        all->whose[all->takers] = m;
        all->taker[all->takers++] =
            m->maker ? tca_made_taker(&m->made) : tca_row_parts_taker(&m->parts, m->table->row);
    }
}

static void walk(struct all *all)
{
    list_takers(all);
    int error = all->takers ? tca_pass2_walk_for(all->s, all->taker, all->takers) : TCA_OK;
    for (size_t at = 0; at < all->takers; at++)
        fail(all->whose[at], error ? error : all->taker[at].error);
}

/* ---- told ---- */

static int tell_product(struct making *m)
{
    if (is_text(m))
        return m->maker->end(m->made.lane[0], &(struct tca_text_to){m->product->fn, m->product->user});
    void *own = m->maker ? m->made.lane[0] : NULL;
    return m->table->tell ? m->table->tell(&m->rows, own) : TCA_OK;
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
    if (m->maker && !m->code)
        fail(m, tca_made_join(&m->made));
    if (!m->code)
        fail(m, m->product ? tell_product(m) : m->maker->end(m->made.lane[0], NULL));
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
static void tell_those(void *user, unsigned thread)
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
    walk(all);
    s->beside = true;
    tca_crew_run(s->crew, tell_those, all, tca_crew_size(s->crew));
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
    for (size_t at = 0; all.making && at < end_of(&all); at++) {
        tca_made_done(&all.making[at].made);
        tca_row_parts_done(&all.making[at].parts);
    }
    tca_free(all.making);
    tca_free(all.taker);
    tca_free(all.whose);
    for (size_t at = 0; at < count && !code; at++)
        code = product[at].code;
    return code;
}
