/* SPDX-License-Identifier: MIT
 *
 * To learn, each segment is shown to the copies of its tuple, as it will be when it is used; here a tuple is found by looking
 * at all segments before, which are few.
 */
#include "artefact/ahead.h"

#include "artefact/beyond.h"
#include "base/alloc.h"

#include <string.h>
#include <tcpautopsy/error.h>

/* The copies of one tuple. The first of its segments is from side 0. */
struct tuple {
    const struct tca_segment *first;
    struct tca_copies copies;
};
struct learnt {
    struct tca_beyond beyond;
    struct tuple tuple[TCA_AHEAD_MAX];
    unsigned tuples;
};

static bool is_from(const struct tca_segment *a, uint16_t port, const uint8_t addr[16])
{
    return a->sport == port && !memcmp(a->src, addr, sizeof a->src);
}

static bool is_to(const struct tca_segment *a, uint16_t port, const uint8_t addr[16])
{
    return a->dport == port && !memcmp(a->dst, addr, sizeof a->dst);
}

static void learn_segment(struct learnt *learnt, const struct tca_segment *seg, struct tca_doubled *doubled)
{
    unsigned at = 0;
    int side = 0;
    for (; at < learnt->tuples; at++) {
        const struct tca_segment *first = learnt->tuple[at].first;
        if (is_from(seg, first->sport, first->src) && is_to(seg, first->dport, first->dst))
            break;
        side = is_from(seg, first->dport, first->dst) && is_to(seg, first->sport, first->src);
        if (side)
            break;
    }
    struct tuple *tuple = &learnt->tuple[at];
    if (at == learnt->tuples) {
        learnt->tuples++;
        tuple->first = seg;
        tuple->copies.beyond = &learnt->beyond;
        tuple->copies.all = doubled;
    }
    (void)tca_copies_find(&tuple->copies, seg, side);
}

int tca_ahead_learn(const struct tca_waiting *first, unsigned count, struct tca_doubled *ret_doubled)
{
    struct learnt *learnt = tca_alloc(sizeof *learnt);
    if (!learnt)
        return TCA_EMEMORY;
    *ret_doubled = (struct tca_doubled){0};
    for (unsigned at = 0; at < count && at < TCA_AHEAD_MAX; at++)
        if (first[at].kind == TCA_WAITING_SEGMENT)
            learn_segment(learnt, &first[at].seg, ret_doubled);
    ret_doubled->sure = ret_doubled->copied; /* those behind it may still wait for their copies */
    tca_beyond_done(&learnt->beyond);
    tca_free(learnt);
    return TCA_OK;
}
