/* SPDX-License-Identifier: MIT
 *
 * Twins, the engine's share: bring the dossiers of one connection together, however far apart they lie in the spool.
 * They are sorted once more, by group, and walked twice: what do the captures share, then what was lost between them.
 * Only runs over more than one capture pay for it.
 */
#include "engine/run.h"

#include "base/alloc.h"

#include <string.h>

enum { TWIN_MEMORY = 32 << 20 };

/* Dossiers of one group, held at the same time. */
struct gathering {
    struct tca_session *s;
    struct tca_reading reading;
    struct tca_dossier *d; /* TCA_TWINS_MAX of them, owned, each with room for its marks */
    size_t count;
    uint64_t group;
    int (*each)(struct tca_twins *twins, const struct tca_dossier *d, size_t count);
};

/* One dossier of the spool, and its group; 0: none. */
static int read_item(struct gathering *g, const void *item, size_t size, struct tca_dossier *ret_d,
                     uint64_t *ret_group)
{
    int error = tca_spool_get(g->s, &g->reading, item, size, ret_d);
    if (!error)
        *ret_group = tca_twins_group(g->s->twins, ret_d);
    return error;
}

static int regroup(void *user, const void *item, size_t size)
{
    struct gathering *g = user;
    struct tca_dossier d;
    uint64_t group = 0;
    int error = read_item(g, item, size, &d, &group);
    if (error || !group)
        return error;
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
    uint64_t group = 0;
    int error = read_item(g, item, size, &d, &group);
    if (error)
        return error;
    if (group != g->group)
        error = end_group(g);
    g->group = group;
    if (error || g->count == TCA_TWINS_MAX)
        return error;
    struct tca_mark *marks = g->d[g->count].mark;
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
        g->d[at].mark = tca_alloc(TCA_MARKS_MAX * sizeof *g->d[at].mark);
        if (!g->d[at].mark)
            return TCA_EMEMORY;
    }
    return TCA_OK;
}

static void end(struct gathering *g)
{
    for (int at = 0; g->d && at < TCA_TWINS_MAX; at++)
        tca_free(g->d[at].mark);
    tca_free(g->d);
    tca_reading_done(&g->reading);
}

int tca_twins_add_flow(struct tca_session *s, const struct tca_dossier *d)
{
    return s->twins ? tca_twins_add(s->twins, d) : TCA_OK;
}

int tca_twins_prepare(struct tca_session *s)
{
    if (!s->twins)
        return TCA_OK;
    struct gathering g = {.s = s};
    int error = begin(&g);
    for (size_t at = 0; !error && at < s->capture_count; at++)
        error = tca_twins_watch(s->twins, s->capture[at]->facts.first_ns, s->capture[at]->facts.end_ns);
    if (!error)
        error = tca_twins_link(s->twins);
    if (!error)
        error = tca_sorter_new(TWIN_MEMORY, s->set.temp_dir, &s->grouped);
    if (!error)
        error = tca_sorter_walk(s->dossiers, regroup, &g);
    if (!error)
        error = walk_groups(&g, tca_twins_compare);
    if (!error)
        error = tca_twins_order(s->twins);
    if (!error)
        error = walk_groups(&g, tca_twins_judge);
    if (!error)
        tca_twins_settle(s->twins);
    end(&g);
    tca_sorter_free(s->grouped);
    s->grouped = NULL;
    return error;
}
