/* SPDX-License-Identifier: MIT
 *
 * A queue that was full when the capture began.
 */
#include "classify/sweep/reading.h"

#include "base/sorted.h"

enum {
    BEGUN_PROBABLE = 10, /* drops, of a queue that was full when the capture began; */
    BEGUN_FLOWS = 3,     /* connections hit, and connections answered together afterwards */
};

/* When the first is heard of the service, if it answers an old request; -1 if not. */
static int64_t first_life(const struct tca_board *b)
{
    int64_t life = tca_time_at(b->heard, 0, b->heards), proof = tca_time_at(b->proof, 0, b->proofs);
    int64_t answer = tca_time_at(b->answer_ns, 0, b->answers);
    return b->heards && life <= proof && life <= answer ? life : -1;
}

/* Nothing is known of the number that waits. But from the capture's beginning on SYNs are dropped and nobody
 * hears of the service, until it answers several old requests at once, and then lets SYNs in. */
bool tca_read_begun(struct tca_board *b, struct tca_group *g, struct tca_episode *e)
{
    int64_t life = first_life(b);
    size_t before = 0;
    while (before < g->count && g->instant[before].time_ns < life)
        before++;
    size_t together = life < 0 ? 0 : tca_count_until(b->heard, b->heards, life + TCA_BOARD_BURST_NS);
    if (!before || g->instant != b->instant || together < BEGUN_FLOWS || 2 * together < b->heards ||
        life - g->instant[0].time_ns < TCA_SHORT_CALM_NS || !tca_board_answers_follow(b, life))
        return false;
    g->count = before;
    g->level = 0;
    g->begun = true;
    tca_group_tell_at_level(b, g, e);
    if (g->flows < BEGUN_FLOWS)
        return false;
    e->plateau_min = e->plateau_max = (uint32_t)together;
    e->resume_ns = life;
    e->burst_after = true;
    e->confidence = g->strong >= BEGUN_PROBABLE ? TCA_EPISODE_PROBABLE : TCA_EPISODE_POSSIBLE;
    return true;
}
