/* SPDX-License-Identifier: MIT
 *
 * One group: which level, who was hit.
 *
 *     candidates   ______________________            drops happen at one level, the limit, and not below it;
 *                 /  x  x xx x  x x xxx  \           admissions happen below it
 *     __/\__/\___/                        \__/\_     x: a SYN left unanswered
 */
#include "classify/sweep/group.h"

#include "base/sort.h"
#include "base/sorted.h"
#include "classify/sweep/sweep.h"

size_t tca_sort_unique(uint64_t *number, size_t count)
{
    size_t kept = 0;
    tca_sort_u64(number, count);
    for (size_t at = 0; at < count; at++)
        if (!kept || number[kept - 1] != number[at])
            number[kept++] = number[at];
    return kept;
}

static uint32_t add_clipped(uint32_t a, uint32_t b)
{
    return a > UINT32_MAX - b ? UINT32_MAX : a + b;
}

/* The level that best separates the strong instants, which should lie at or above it, from the answers to new
 * SYNs of the same time, which should lie below. Of equals the larger. */
static void find_level(const struct tca_board *b, struct tca_group *g)
{
    size_t drops = 0, answers = 0, dropped_below = 0, answered_below = 0;
    for (size_t at = 0; at < g->count; at++)
        if (!g->instant[at].weak)
            b->number[drops++] = g->instant[at].candidates;
    int64_t from = g->since_ns ? g->since_ns : g->instant[0].time_ns - TCA_GROUP_GAP_NS;
    int64_t to = g->instant[g->count - 1].time_ns;
    uint64_t *answer = b->number + drops;
    for (size_t at = tca_count_before(b->answer_ns, b->answers, from);
         at < b->answers && b->answer_ns[at] <= to; at++)
        answer[answers++] = b->answer[at].candidates;
    tca_sort_u64(b->number, drops);
    tca_sort_u64(answer, answers);
    g->level = g->separation = 0;
    while (dropped_below < drops) {
        uint64_t level = b->number[dropped_below];
        while (answered_below < answers && answer[answered_below] < level)
            answered_below++;
        size_t dropped = 100 * (drops - dropped_below) / drops;
        size_t answered = answers ? 100 * (answers - answered_below) / answers : 0;
        if (dropped >= answered + g->separation) {
            g->separation = (uint32_t)(dropped - answered);
            g->level = (uint32_t)level;
        }
        while (dropped_below < drops && b->number[dropped_below] == level)
            dropped_below++;
    }
}

/* Far below the level the queue had room: something else swallowed the segment. */
bool tca_group_holds(const struct tca_instant *one, uint32_t level)
{
    if (one->weak)
        return one->candidates + TCA_LEVEL_SLACK >= level;
    return one->censored || 2 * (uint64_t)one->candidates > level;
}

static void tell_instant(struct tca_episode *e, struct tca_group *g, const struct tca_instant *one,
                         uint32_t count)
{
    if (e->drops + e->ignored + e->aborted == 0) {
        e->first_ns = g->first_ns = one->time_ns;
        e->first_frame = one->frame;
    }
    e->last_ns = g->last_ns = one->time_ns;
    e->last_frame = one->frame;
    uint32_t *tally = one->kind == TCA_EDGE_DROP      ? &e->drops
                      : one->kind == TCA_EDGE_IGNORED ? &e->ignored
                                                      : &e->aborted;
    *tally = add_clipped(*tally, one->weight);
    if (one->weak)
        return;
    if (!g->strong++)
        e->full_ns = one->time_ns;
    g->asked += 2 * (uint64_t)one->asking >= count;
    g->at_level += count >= g->level;
    g->near += count + TCA_LEVEL_SLACK >= g->level && count <= g->level + TCA_LEVEL_SLACK;
    if (one->censored)
        return;
    if (count + TCA_LEVEL_SLACK < g->level) {
        g->below++;
        return;
    }
    if (!e->plateau_max || count < e->plateau_min)
        e->plateau_min = count;
    if (count > e->plateau_max)
        e->plateau_max = count;
}

/* Whom the group's instants hit, and beside them `used` connections that stand in b->number. */
static void count_hit(struct tca_board *b, struct tca_episode *e, struct tca_group *g, size_t used)
{
    for (size_t at = 0; at < g->count; at++)
        if (e->partial || tca_group_holds(&g->instant[at], g->level))
            b->number[used++] = g->instant[at].conn;
    used = tca_sort_unique(b->number, used);
    e->flows = g->flows = (uint32_t)used;
    e->lost = e->unknown = e->waiting = g->stuck_flows = g->refused_flows = 0;
    for (size_t at = 0; at < used; at++) {
        const struct tca_conn *conn = &b->conn[b->number[at]];
        e->lost += tca_conn_lost(b->l, conn);
        e->waiting += tca_conn_waiting(conn);
        e->unknown += conn->unknown && !conn->answers;
        g->stuck_flows += conn->stuck;
        g->refused_flows += conn->refused;
        b->number[at] = conn->client;
    }
    e->clients = (uint32_t)tca_sort_unique(b->number, used);
}

size_t tca_group_join_doubts(struct tca_board *b, struct tca_group *g, struct tca_episode *e)
{
    size_t joined = 0, children = 0;
    for (size_t at = tca_board_doubts_before(b, e->first_ns);
         at < b->doubts && b->doubt[at]->time_ns <= e->last_ns; at++)
        if (tca_episode_refused(b->l, e, &b->conn[b->doubt[at]->conn], b->doubt[at])) {
            b->number[joined++] = b->doubt[at]->conn;
            children += (b->conn[b->doubt[at]->conn].flags & TCA_CONN_ESTABLISHED) != 0;
        }
    e->ignored = add_clipped(e->ignored, (uint32_t)joined);
    if (joined)
        count_hit(b, e, g, joined);
    return children;
}

/* Count what belongs to the episode at the group's level. False if nothing does. */
bool tca_group_tell_at_level(struct tca_board *b, struct tca_group *g, struct tca_episode *e)
{
    *e = (struct tca_episode){.stall_ns = -1, .resume_ns = -1, .capture = b->l->capture};
    g->strong = g->asked = g->at_level = g->near = g->below = 0;
    for (size_t at = 0; at < g->count; at++)
        if (tca_group_holds(&g->instant[at], g->level))
            tell_instant(e, g, &g->instant[at], g->instant[at].candidates);
    count_hit(b, e, g, 0);
    if (!e->plateau_max)
        e->plateau_min = e->plateau_max = g->level; /* all censored */
    return g->strong > 0;
}

bool tca_group_tell(struct tca_board *b, struct tca_group *g, struct tca_episode *e)
{
    find_level(b, g);
    return tca_group_tell_at_level(b, g, e);
}

/* The most frequent number among the strong instants; of equals the larger. For one of several queues, where
 * answers of the others tell nothing. */
static uint32_t usual_number(const struct tca_board *b, const struct tca_group *g)
{
    size_t used = 0, best_count = 0;
    uint32_t best = 0;
    for (size_t at = 0; at < g->count; at++)
        if (!g->instant[at].weak)
            b->number[used++] = g->instant[at].stalled;
    tca_sort_u64(b->number, used);
    for (size_t at = 0, end; at < used; at = end) {
        for (end = at + 1; end < used && b->number[end] == b->number[at];)
            end++;
        if (end - at >= best_count) {
            best_count = end - at;
            best = (uint32_t)b->number[at];
        }
    }
    return best;
}

void tca_group_tell_stalled(struct tca_board *b, struct tca_group *g, struct tca_episode *e)
{
    *e = (struct tca_episode){.stall_ns = -1, .resume_ns = -1, .capture = b->l->capture, .partial = true};
    g->level = usual_number(b, g);
    g->strong = g->asked = g->at_level = g->near = g->below = 0;
    for (size_t at = 0; at < g->count; at++)
        if (!g->instant[at].weak)
            tell_instant(e, g, &g->instant[at], g->instant[at].stalled);
    count_hit(b, e, g, 0);
}

bool tca_group_level_decides(const struct tca_group *g)
{
    return g->level > 0 && g->separation >= TCA_SEPARATION && 10 * (uint64_t)g->below <= g->strong;
}

/* Near the server what others sent on open connections was refused while SYNs were dropped. Without the drops a filter
 * on the host explains it as well. */
bool tca_group_refused_among_drops(const struct tca_group *g, const struct tca_episode *e)
{
    return g->refused_flows > 0 && g->flows > 1 && e->drops > 0;
}
