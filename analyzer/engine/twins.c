/* SPDX-License-Identifier: MIT
 *
 * Twins, the engine's share: bring the dossiers of one connection together, however far apart they lie in the spool.
 * They are sorted once more, by group, and walked twice: what do the captures share, then what was lost between them.
 * Only runs over more than one capture pay for it, and most of their connections for one more walk alone.
 */
#include "engine/run.h"

#include "base/alloc.h"

#include <stdatomic.h>
#include <string.h>

enum { TWIN_MEMORY = 8 << 20 };

/* Dossiers of one group, held at the same time. */
struct gathering {
    struct tca_session *s;
    struct tca_reading reading;
    struct tca_dossier *d;                /* TCA_TWINS_MAX of them, owned */
    struct tca_mark *mark[TCA_TWINS_MAX]; /* theirs, owned */
    size_t count;
    uint64_t group;
    int (*each)(struct tca_twins *twins, const struct tca_dossier *d, size_t count);
};

/* One dossier of the spool. Returns its group; 0: none. */
static uint64_t read_item(struct gathering *g, const void *item, struct tca_dossier *ret_d)
{
    tca_spool_get(g->s, &g->reading, item, ret_d);
    return tca_twins_group(g->s->twins, ret_d);
}

static int regroup(void *user, const void *item, size_t size)
{
    struct gathering *g = user;
    struct tca_dossier d;
    uint64_t group = read_item(g, item, &d);
    if (!group)
        return TCA_OK;
    uint8_t key[TCA_SORT_KEY] = {0};
    tca_key_u64(key, group);
    tca_key_u32(key + 8, d.capture);
    tca_key_u64(key + 12, d.id_frame);
    return tca_sorter_add(g->s->grouped, key, item, size);
}

static int end_group(struct gathering *g)
{
    int error = g->count ? g->each(g->s->twins, g->d, g->count) : TCA_OK;
    g->count = 0;
    return error;
}

/* One dossier of each capture; those of more captures than are compared stay without twin. */
static int gather(void *user, const void *item, size_t size)
{
    struct gathering *g = user;
    struct tca_dossier d;
    uint64_t group = read_item(g, item, &d);
    (void)size;
    int error = group != g->group ? end_group(g) : TCA_OK;
    g->group = group;
    if (error || g->count == TCA_TWINS_MAX)
        return error;
    struct tca_mark *marks = g->mark[g->count];
    if (d.mark_count)
        memcpy(marks, d.mark, d.mark_count * sizeof *marks);
    g->d[g->count] = d;
    g->d[g->count++].mark = marks;
    return TCA_OK;
}

static int walk_groups(struct gathering *g,
                       int (*each)(struct tca_twins *twins, const struct tca_dossier *d, size_t count))
{
    g->each = each;
    g->count = 0;
    int error = tca_sorter_walk(g->s->grouped, gather, g);
    return error ? error : end_group(g);
}

static int begin(struct gathering *g)
{
    g->d = tca_alloc(TCA_TWINS_MAX * sizeof *g->d);
    if (!g->d)
        return TCA_EMEMORY;
    for (int at = 0; at < TCA_TWINS_MAX; at++) {
        g->mark[at] = tca_alloc(TCA_MARKS_MAX * sizeof *g->mark[at]);
        if (!g->mark[at])
            return TCA_EMEMORY;
    }
    return TCA_OK;
}

static void end(struct gathering *g)
{
    for (int at = 0; at < TCA_TWINS_MAX; at++)
        tca_free(g->mark[at]);
    tca_free(g->d);
}

/* ---- keys ---- */

/* Each thread takes in what was swept together (swept.c), as long as there is some; row order is made of it afterwards. */
struct adding {
    struct tca_session *s;
    struct tca_twin_keys *keys; /* a list for each task */
    _Atomic size_t next;
    _Atomic int error;
};

static int add_captures(const struct adding *all, struct tca_owners captures, struct tca_twin_keys *keys)
{
    struct tca_session *s = all->s;
    struct tca_reading reading = {0};
    struct tca_cursor *cursor;
    struct tca_dossier d;
    const void *item;
    size_t size;
    int got = tca_cursor_new(s->dossiers, captures, &cursor);
    if (got)
        return got;
    while ((got = tca_cursor_next(cursor, &item, &size)) > 0 && !all->error) {
        tca_spool_get(s, &reading, item, &d);
        tca_nat_tell(s, &d);
        if (!tca_alone_is_cut(s, &d) && (got = tca_twins_add(s->twins, &d, keys)))
            break;
    }
    tca_cursor_free(cursor);
    return got < 0 ? got : TCA_OK;
}

static void add_some(void *user, unsigned task)
{
    struct adding *all = user;
    const struct tca_session *s = all->s;
    for (size_t at; (at = all->next++) < s->swept_count && !all->error;) {
        int error = add_captures(all, s->swept[at].captures, &all->keys[task]);
        if (error)
            all->error = error;
    }
}

static int add_all(struct tca_session *s)
{
    unsigned tasks = tca_crew_size(s->crew);
    struct adding all = {.s = s, .keys = tca_alloc(tasks * sizeof *all.keys)};
    if (!all.keys)
        return TCA_EMEMORY;
    all.error = tca_sorter_settle(s->dossiers);
    tca_crew_run(s->crew, add_some, &all, tasks);
    int error = all.error;
    for (unsigned task = 0; task < tasks; task++) {
        error = error ? error : tca_twins_take(s->twins, &all.keys[task]);
        tca_twin_keys_done(&all.keys[task]);
    }
    tca_free(all.keys);
    return error;
}

/* ---- groups ---- */

static int compare_groups(struct tca_session *s, struct gathering *g)
{
    int error = tca_sorter_new(TWIN_MEMORY, s->set.temp_dir, &s->grouped);
    if (!error)
        error = tca_sorter_walk(s->dossiers, regroup, g);
    if (!error)
        error = walk_groups(g, tca_twins_compare);
    if (!error)
        error = tca_twins_order(s->twins);
    return error ? error : walk_groups(g, tca_twins_judge);
}

int tca_twins_prepare(struct tca_session *s)
{
    if (!s->twins)
        return TCA_OK;
    struct gathering g = {.s = s};
    int error = begin(&g);
    for (size_t at = 0; !error && at < s->capture_count; at++)
        error = tca_twins_watch(s->twins, s->capture[at]->facts.first_ns, s->capture[at]->facts.end_ns,
                                s->capture[at]->swept);
    if (!error)
        error = add_all(s);
    if (!error)
        error = tca_twins_link(s->twins);
    if (!error && tca_twins_grouped(s->twins))
        error = compare_groups(s, &g);
    if (!error)
        tca_twins_settle(s->twins);
    end(&g);
    tca_sorter_free(s->grouped);
    s->grouped = NULL;
    return error;
}
