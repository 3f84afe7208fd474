/* SPDX-License-Identifier: MIT
 *
 * Stalls told apart. Drops that are near in time make one group, because they share one queue and one level; but a
 * service that stood still twice, and between worked off all that had come and served the next at once, was full twice.
 *
 *     candidates      ____            ____           a run: drops without a proof of accept() between. It is a stall if
 *                    /    |          /    |          the queue had been worked off before, filled up from nothing, and
 *     ______________/     |_..._____/     |____      kept its first one waiting longer than an answer at once takes.
 *                    x xx  x  x      xxx x
 *                    \__stall___/    \_stall_/       What is dropped behind a stall, by retries that come together, is
 *                                                    of that stall. A slow service is never worked off: it stays one.
 */
#include "classify/sweep/reading.h"

#include "base/sorted.h"

static const int64_t AT_ONCE_NS = INT64_C(500000000); /* waits of a service that does not stand still */
enum {
    USUAL_TIMES = 3, /* the usual wait of a service under load is no stall of it */
    RUN_MIN = 2,     /* drops of a run; one alone may be lost */
};

/* Between the two moments all that had come were accepted. */
static bool worked_off(const struct tca_board *b, int64_t from_ns, int64_t to_ns)
{
    size_t end = tca_count_until(b->accepted, b->children, to_ns);
    for (size_t at = tca_count_until(b->accepted, b->children, from_ns); at < end; at++)
        if (at + 1 == b->children || b->created[at + 1] > b->accepted[at])
            return true;
    return false;
}

int64_t tca_busy_since(const struct tca_board *b, int64_t from_ns)
{
    size_t created = tca_count_until(b->created, b->children, from_ns);
    bool idle = tca_count_until(b->accepted, b->children, from_ns) >= created;
    return idle && created < b->children ? b->created[created] : from_ns;
}

int64_t tca_waited_between(const struct tca_board *b, int64_t from_ns, int64_t to_ns)
{
    int64_t since = tca_busy_since(b, from_ns);
    if (since > from_ns) {
        int64_t asked = tca_time_at(b->asked, tca_count_until(b->asked, b->asks, from_ns), b->asks);
        since = asked > since && asked < to_ns ? asked : since;
    }
    return to_ns > since ? to_ns - since : 0;
}

/* The run of instants from `at` on: no proof of accept() is between them. Returns its end. */
static size_t end_of_run(const struct tca_board *b, const struct tca_group *g, size_t at)
{
    size_t proofs = tca_count_until(b->proof, b->proofs, g->instant[at].time_ns);
    while (++at < g->count && tca_count_until(b->proof, b->proofs, g->instant[at].time_ns) == proofs)
        ;
    return at;
}

static bool is_stall(struct tca_board *b, const struct tca_group *g, size_t from, size_t to)
{
    uint32_t hit = 0;
    for (size_t at = from; at < to; at++)
        hit += !g->instant[at].weak && tca_group_holds(&g->instant[at], g->level);
    int64_t first = g->instant[from].time_ns;
    size_t before = tca_count_until(b->proof, b->proofs, first);
    if (hit < RUN_MIN || !before)
        return false;
    int64_t until = tca_time_at(b->proof, before, b->proofs);
    int64_t waited =
        tca_waited_between(b, b->proof[before - 1], until == INT64_MAX ? g->instant[to - 1].time_ns : until);
    size_t filled = tca_count_until(b->created, b->children, first) -
                    tca_count_until(b->created, b->children, b->proof[before - 1]);
    int64_t usual = USUAL_TIMES * tca_board_usual_wait(b);
    return waited > AT_ONCE_NS && waited > usual && 2 * filled >= g->level;
}

size_t tca_stall_end(struct tca_board *b, const struct tca_group *g, size_t from)
{
    bool stalled = false;
    for (size_t at = from, end; at < g->count; at = end) {
        end = end_of_run(b, g, at);
        bool stall = is_stall(b, g, at, end);
        if (stall && stalled && worked_off(b, g->instant[at - 1].time_ns, g->instant[at].time_ns))
            return at;
        stalled |= stall;
    }
    return g->count;
}
