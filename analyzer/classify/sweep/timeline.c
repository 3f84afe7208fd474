/* SPDX-License-Identifier: MIT
 *
 * Columns of a board. The window is that of all episodes of the listener, if they lie close together; else that of the one that
 * turned away most: a day of which one minute matters would hide that minute in one column.
 */
#include "classify/sweep/board.h"

static const int64_t AIR_MIN_NS = 1000000000; /* before and behind */
static const int64_t WIDTH_MIN_NS = 1000;     /* of a column */
enum {
    AIR_SHARE = 4,
    CLOSE_TOGETHER = 12
}; /* a part of what is shown; times as long as the longest of them */

void tca_timeline_frame(int64_t first_ns, int64_t last_ns, int64_t seen_ns, int64_t until_ns,
                        int64_t *ret_from_ns, int64_t *ret_width_ns)
{
    last_ns = last_ns > first_ns ? last_ns : first_ns;
    int64_t air = (last_ns - first_ns) / AIR_SHARE;
    air = air > AIR_MIN_NS ? air : AIR_MIN_NS;
    int64_t from = first_ns - seen_ns > air ? first_ns - air : seen_ns < first_ns ? seen_ns : first_ns;
    int64_t to = until_ns - last_ns > air ? last_ns + air : until_ns > last_ns ? until_ns : last_ns;
    /* One column less, since the first begins at a multiple of the width. */
    int64_t width = (to - from) / (TCA_TIMELINE_COLUMNS - 1) + 1;
    width = width > WIDTH_MIN_NS ? width : WIDTH_MIN_NS;
    *ret_from_ns = from - from % width;
    *ret_width_ns = width;
}

unsigned tca_timeline_column(int64_t from_ns, int64_t width_ns, int64_t time_ns)
{
    if (time_ns < from_ns || (time_ns - from_ns) / width_ns >= TCA_TIMELINE_COLUMNS)
        return TCA_TIMELINE_COLUMNS;
    return (unsigned)((time_ns - from_ns) / width_ns);
}

/* From the last proof of accept() before an episode, if there is one, to the first one after it. */
static int64_t begin_of(const struct tca_episode *e)
{
    int64_t stall_ns = e->stall_ns >= 0 ? e->stall_ns + e->idle_ns : e->first_ns;
    return stall_ns < e->first_ns ? stall_ns : e->first_ns;
}

static int64_t end_of(const struct tca_listener *l, const struct tca_episode *e)
{
    int64_t last_ns = e->open_end && l->last_seen_ns > e->last_ns ? l->last_seen_ns : e->last_ns;
    return e->resume_ns > last_ns ? e->resume_ns : last_ns;
}

static void choose_window(const struct tca_listener *l, const struct tca_episode *kept,
                          struct tca_timeline *t)
{
    const struct tca_episode *worst = kept;
    int64_t first_ns = begin_of(kept), last_ns = end_of(l, kept), longest_ns = 0;
    for (int at = 0; at < l->episode_count; at++) {
        const struct tca_episode *e = &kept[at];
        first_ns = begin_of(e) < first_ns ? begin_of(e) : first_ns;
        last_ns = end_of(l, e) > last_ns ? end_of(l, e) : last_ns;
        longest_ns = end_of(l, e) - begin_of(e) > longest_ns ? end_of(l, e) - begin_of(e) : longest_ns;
        worst = e->flows > worst->flows ? e : worst;
    }
    if ((last_ns - first_ns) / CLOSE_TOGETHER > longest_ns) {
        first_ns = begin_of(worst);
        last_ns = end_of(l, worst);
    }
    tca_timeline_frame(first_ns, last_ns, l->first_seen_ns, l->last_seen_ns, &t->from_ns, &t->width_ns);
}

/* The board as it is at one moment. */
struct standing {
    const struct tca_board *b;
    size_t created, accepted, loose;
};

static uint32_t waiting_at(struct standing *s, int64_t time_ns)
{
    while (s->accepted < s->b->children && s->b->accepted[s->accepted] <= time_ns)
        s->accepted++;
    while (s->loose < s->b->looses && s->b->loose[s->loose] <= time_ns)
        s->loose++;
    size_t gone = s->accepted + s->loose;
    return s->created > gone ? (uint32_t)(s->created - gone) : 0;
}

static void raise(uint32_t *most, uint32_t value)
{
    *most = value > *most ? value : *most;
}

static void add(uint32_t *count, uint32_t weight)
{
    *count = UINT32_MAX - *count > weight ? *count + weight : UINT32_MAX;
}

/* What stands there when each column begins, up to this moment. Returns the next column. */
static unsigned begin_columns(struct tca_timeline *t, struct standing *s, unsigned next, int64_t until_ns)
{
    for (; next < TCA_TIMELINE_COLUMNS && t->from_ns + (int64_t)next * t->width_ns <= until_ns; next++)
        raise(&t->waiting[next], waiting_at(s, t->from_ns + (int64_t)next * t->width_ns));
    return next;
}

static void count_edge(struct tca_timeline *t, struct standing *s, const struct tca_edge *e)
{
    unsigned at = tca_timeline_column(t->from_ns, t->width_ns, e->time_ns);
    uint32_t waiting = waiting_at(s, e->time_ns);
    s->created += (e->kind == TCA_EDGE_CHILD && !e->loose) || e->kind == TCA_EDGE_EARLY;
    if (at == TCA_TIMELINE_COLUMNS)
        return;
    raise(&t->waiting[at], waiting);
    if (e->kind == TCA_EDGE_DROP)
        add(&t->dropped[at], e->weight);
    else if (tca_is_refusal(e))
        add(&t->refused[at], e->weight);
}

void tca_board_timeline(const struct tca_board *b, const struct tca_edge *edge, size_t count,
                        const struct tca_episode *kept, struct tca_timeline *ret)
{
    struct standing s = {.b = b};
    unsigned next = 0;
    *ret = (struct tca_timeline){.from_ns = 0};
    choose_window(b->l, kept, ret);
    for (size_t at = 0; at < count; at++) {
        next = begin_columns(ret, &s, next, edge[at].time_ns);
        count_edge(ret, &s, &edge[at]);
    }
    begin_columns(ret, &s, next, b->l->last_seen_ns);
}
