/* SPDX-License-Identifier: MIT
 *
 * Free places. A pool of workers blurs the level at which SYNs are dropped by what they have in hand; then the places
 * are counted: from one drop on, every accept() frees a place and every child takes one, and only without a free place a
 * SYN is dropped. Independent losses do not follow that.
 */
#include "classify/sweep/group.h"

#include "base/sorted.h"

enum { SLOTS_MIN = 10 }; /* drops, and answers, that the count of free places foretold or not */

/* Merges what frees a place, what takes one, and what finds one or none. */
struct slots {
    size_t proof, child, answer, instant; /* next of each */
    uint64_t free;                        /* places, known to be 0 at the drop that it began with */
    bool moved;                           /* a place was freed or taken since the last one counted */
    uint32_t drops, answers;              /* counted: of several without any move between, the first */
    uint32_t drops_full, answers_free;    /* of these, as foretold */
};

static void meet_answer(struct slots *s)
{
    s->answer++;
    if (!s->moved)
        return;
    s->answers++;
    s->answers_free += s->free > 0;
    s->moved = false;
}

static void meet_drop(struct slots *s, bool weak)
{
    s->instant++;
    if (weak)
        return;
    if (s->moved) {
        s->drops++;
        s->drops_full += s->free == 0;
    }
    s->free = 0;
    s->moved = false;
}

static void step_slots(const struct tca_board *b, const struct tca_group *g, struct slots *s)
{
    int64_t proof = tca_time_at(b->proof, s->proof, b->proofs);
    int64_t child = tca_time_at(b->created, s->child, b->children);
    int64_t answer = tca_time_at(b->answer_ns, s->answer, b->answers);
    int64_t drop = g->instant[s->instant].time_ns;
    if (proof <= child && proof <= answer && proof <= drop) {
        s->proof++;
        s->free++;
        s->moved = true;
    } else if (child <= answer && child <= drop) {
        s->child++;
        s->free -= s->free > 0;
        s->moved = true;
    } else if (answer <= drop) {
        meet_answer(s);
    } else {
        meet_drop(s, g->instant[s->instant].weak);
    }
}

/* At the first drop that is sure there was no free place. */
static size_t first_strong(const struct tca_group *g)
{
    size_t at = 0;
    while (at < g->count && g->instant[at].weak)
        at++;
    return at;
}

/* Did drops and answers follow the free places? Independent losses do not. */
bool tca_group_slots_decide(const struct tca_board *b, const struct tca_group *g)
{
    size_t strong = first_strong(g);
    if (strong == g->count)
        return false;
    int64_t from = g->instant[strong].time_ns;
    struct slots s = {.instant = strong,
                      .proof = tca_count_until(b->proof, b->proofs, from),
                      .answer = tca_count_before(b->answer_ns, b->answers, from),
                      .child = tca_count_until(b->created, b->children, from)};
    while (s.instant < g->count)
        step_slots(b, g, &s);
    if (s.drops < SLOTS_MIN || s.answers < SLOTS_MIN || !g->level)
        return false;
    uint64_t foretold = 100 * (uint64_t)s.answers_free / s.answers + 100 * (uint64_t)s.drops_full / s.drops;
    return foretold >= 100 + TCA_SEPARATION;
}
