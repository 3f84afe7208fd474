/* SPDX-License-Identifier: MIT
 *
 * Several queues behind one port (SO_REUSEPORT), one of which stands still. The order in which children are accepted is
 * then one of each queue, and which queue a client falls into is not on the wire. But the residents of the one that
 * stands still wait far longer than all others; they are counted instead.
 */
#include "classify/sweep/reading.h"

#include "base/sort.h"
#include "base/sorted.h"

#include <stdlib.h>

#define SECOND INT64_C(1000000000)

static const int64_t STALLED_NS = SECOND; /* of one of several queues: waits at least this long, ... */
enum {
    STALLED_TIMES = 10, /* ... and this many times the usual */
    SEARCH_MIN = 64,    /* residents are looked for among so many of the late ones, */
    SEARCH_TIMES = 4,   /* and this many times those that waited */
    PARTIAL_PROBABLE = 5,
};

static int compare_taken(const void *left, const void *right)
{
    const struct tca_taken *a = left, *b = right;
    return a->conn < b->conn ? -1 : a->conn > b->conn;
}

static struct tca_digest digest_taken(const void *item)
{
    return (struct tca_digest){((const struct tca_taken *)item)->conn, 0};
}

/* Late are those that waited this long after they had asked. */
static void sort_late(struct tca_board *b, int64_t limit)
{
    int64_t life = INT64_MIN;
    for (size_t at = 0; at < b->children; at++) {
        int64_t proof = b->proved[at];
        if (proof == INT64_MAX)
            continue;
        if (b->ask[at] >= proof || proof - b->ask[at] < limit) {
            life = proof > life ? proof : life;
            continue;
        }
        b->late_created[b->late] = b->created[at];
        b->late_life[b->late] = life;
        b->late_served[b->late] = b->late_proof[b->late] = proof;
        b->late++;
    }
    if (b->late)
        tca_sort_i64(b->late_proof, b->late);
}

static void find_late(struct tca_board *b)
{
    int64_t usual = tca_board_usual_wait(b);
    int64_t limit = usual > INT64_MAX / STALLED_TIMES ? INT64_MAX : usual * STALLED_TIMES;
    b->late_known = true;
    for (size_t at = 0; at < b->answers; at++)
        b->taken[at] = (struct tca_taken){b->answer[at].conn, b->answer_ns[at]};
    tca_sort(b->taken, b->answers, sizeof *b->taken, digest_taken, compare_taken);
    if (limit < STALLED_NS)
        limit = STALLED_NS;
    sort_late(b, limit);
    for (size_t at = 0; at < b->instants; at++) {
        int64_t now = b->instant[at].time_ns;
        b->instant[at].stalled = (uint32_t)(tca_count_until(b->late_created, b->late, now) -
                                            tca_count_until(b->late_proof, b->late, now));
    }
}

struct tca_residents tca_partial_residents(const struct tca_board *b, const struct tca_episode *e)
{
    size_t end = tca_count_until(b->late_created, b->late, e->full_ns), first = end;
    size_t waiting = end - tca_count_until(b->late_proof, b->late, e->full_ns);
    size_t most = SEARCH_MIN + SEARCH_TIMES * waiting, left = waiting;
    struct tca_residents r = {.in_order = true, .last_ns = -1};
    int64_t younger = INT64_MAX;
    for (size_t at = end; at-- > 0 && left && end - at <= most;) {
        int64_t served = b->late_served[at];
        left -= served > e->full_ns;
        if (served < e->resume_ns)
            continue;
        first = at;
        r.count++;
        r.in_order &= served <= younger;
        r.last_ns = served > r.last_ns ? served : r.last_ns;
        younger = served;
    }
    for (size_t at = first; at < end && b->late_created[at] <= b->late_life[first]; at++)
        r.in_hand += b->late_served[at] >= e->resume_ns;
    r.in_order &= !left;
    return r;
}

/* Retries keep their addresses and ports, so they meet the same full queue: none gets in before it has room.
 */
static bool retries_succeed(const struct tca_board *b, const struct tca_group *g, const struct tca_episode *e)
{
    size_t hit = 0, got_in = 0;
    for (size_t at = 0; at < g->count; at++)
        b->number[hit++] = g->instant[at].conn;
    hit = tca_sort_unique(b->number, hit);
    for (size_t at = 0; at < hit; at++) {
        struct tca_taken key = {.conn = (uint32_t)b->number[at]};
        const struct tca_taken *one = bsearch(&key, b->taken, b->answers, sizeof key, compare_taken);
        got_in += one && one->time_ns >= e->first_ns && one->time_ns < e->resume_ns;
    }
    return 10 * got_in > hit;
}

/* One of several queues: its residents wait far longer than all others, their number stays, and they are
 * served together when its worker goes on. */
bool tca_read_partial(struct tca_board *b, struct tca_group *g, struct tca_episode *e)
{
    if (!b->late_known)
        find_late(b);
    tca_group_tell_stalled(b, g, e);
    size_t served = tca_count_until(b->late_proof, b->late, e->last_ns);
    size_t created = tca_count_until(b->late_created, b->late, e->last_ns);
    if (g->level < 2 || g->strong < PARTIAL_PROBABLE || g->flows < 3 || e->clients < 2 ||
        10 * (uint64_t)g->below > g->strong || created - served < g->level / 2 || served >= b->late)
        return false;
    e->resume_ns = b->late_proof[served];
    e->stall_ns = b->late_created[served];
    size_t together = tca_count_until(b->late_proof, b->late, e->resume_ns + 2 * SECOND) - served;
    if (2 * together < g->level || retries_succeed(b, g, e))
        return false;
    e->answered = tca_board_count_answers(b, e->first_ns, e->last_ns, 0);
    e->burst_after = tca_board_answers_follow(b, e->last_ns);
    e->confidence = TCA_EPISODE_PROBABLE;
    return true;
}
