/* SPDX-License-Identifier: MIT
 *
 * A queue that was full as a whole. What a lossy path does is different: it drops at any level, and others are answered
 * at the same level meanwhile. So the level must separate drops from answers, or the free places foretell them (slots.c).
 * Then the service was either calm, accepting nothing, and the queue filled up first; or it was slow, and then the drops
 * must be many. A full queue lets nobody in before accept() took one.
 */
#include "classify/sweep/reading.h"

#include "base/sorted.h"

enum {
    SLOW_CERTAIN = 20, /* drops at the level, none below */
    SLOW_PROBABLE = 10,
    FROZEN_CERTAIN = 5,
    FROZEN_ALONE = 3,  /* drops of one connection only */
    ADMITTED_MAX = 20, /* percent of all answers of the capture, at the level of a frozen service */
    SLOW_PROOFS = 5,   /* of accept(), and answers to SYNs, between the drops of a slow service */
    ONE_PLACE_SOME = 3,
    ONE_PLACE_FLOWS = 5, /* connections hit, when the queue has one place only: one that waits is nothing */
    PART_MIN = 64,       /* instants of a part that is judged for itself, */
    PARTS = 16,          /* or this fraction of all */
    BOTH_REFUSALS = 5,   /* SYNs, and segments of connections, that were refused, */
    BOTH_CLIENTS = 3,    /* the latter of so many connections */
};
/* From accept() to the first word of a healthy service, at most: so long may SYNs be answered without proof. */
static const int64_t GRACE_NS = INT64_C(1000000000);
/* Nobody had come for long, and then they waited less than this: they came together, the service did not stop. */
static const int64_t SHORTEST_NS = INT64_C(500000000);

struct calm {
    int64_t from_ns, to_ns; /* proofs of accept() around it; -1: none */
    int64_t first_ns, last_ns;
    uint32_t instants;
    size_t first, last; /* their places in the group */
};

/* The time without any proof of accept() that holds most of the group's instants. */
static struct calm longest_calm(const struct tca_board *b, const struct tca_group *g)
{
    struct calm best = {.from_ns = -1, .to_ns = -1};
    size_t next = tca_count_until(b->proof, b->proofs, g->first_ns);
    struct calm now = {.from_ns = next ? b->proof[next - 1] : -1};
    for (size_t at = 0; at <= g->count; at++) {
        bool over = at == g->count;
        if (!over && (!tca_group_holds(&g->instant[at], g->level) || g->instant[at].weak))
            continue;
        if (over || (next < b->proofs && g->instant[at].time_ns >= b->proof[next])) {
            now.to_ns = next < b->proofs ? b->proof[next] : -1;
            if (now.instants > best.instants)
                best = now;
            if (over)
                break;
            next = tca_count_until(b->proof, b->proofs, g->instant[at].time_ns);
            now = (struct calm){.from_ns = b->proof[next - 1]};
        }
        if (!now.instants++) {
            now.first_ns = g->instant[at].time_ns;
            now.first = at;
        }
        now.last_ns = g->instant[at].time_ns;
        now.last = at;
    }
    return best;
}

/* How long somebody waited in it: a pause in which nobody comes is no stall. What was before the capture is not known. */
static int64_t waited_in(const struct tca_board *b, const struct calm *calm)
{
    int64_t until = calm->to_ns >= 0 ? calm->to_ns : calm->last_ns;
    return calm->from_ns >= 0 ? tca_waited_between(b, calm->from_ns, until) : until - calm->first_ns;
}

/* The limit does not change: at no time in the capture many were admitted at this level, or dropped below it.
 * Candidates that had asked for nothing may have been accepted long since: they do not compare with such as had. */
static bool contradicted(const struct tca_board *b, const struct tca_group *g)
{
    size_t admitted = 2 * (uint64_t)g->asked >= g->strong
                          ? b->owed - tca_count_before(b->owed_at, b->owed, g->level)
                          : b->answers - tca_count_before(b->answered_at, b->answers, g->level);
    return 100 * (uint64_t)admitted > ADMITTED_MAX * (uint64_t)b->answers ||
           tca_count_before(b->dropped_at, b->dropped, g->level) > g->strong;
}

/* While this one, who had asked, waited, nobody got in. A filter for just that time explains it as well. */
static bool shut_meanwhile(const struct tca_group *g, const struct tca_episode *e)
{
    return e->stall_ns >= 0 && !e->answered && g->asked == g->strong;
}

/* One connection that waits is nothing, unless the queue refused in both ways, or nobody else got in meanwhile. SYN cookies
 * beside no more half-open requests, for which there are as many places, say the same. */
static enum tca_confidence_level one_place_confidence(const struct tca_board *b, const struct tca_group *g,
                                                      const struct tca_episode *e, bool agreed, bool narrow)
{
    bool many = narrow && g->strong >= SLOW_CERTAIN && g->flows >= ONE_PLACE_FLOWS;
    if (agreed && many)
        return TCA_EPISODE_PROBABLE;
    bool some = narrow && g->strong >= SLOW_PROBABLE && g->flows >= ONE_PLACE_SOME;
    if ((many || (some && agreed)) && shut_meanwhile(g, e))
        return TCA_EPISODE_POSSIBLE;
    if (!narrow || g->strong < FROZEN_ALONE || !tca_group_refused_among_drops(g, e))
        return 0;
    return b->at_cookie <= g->level && e->resume_ns >= 0 ? TCA_EPISODE_PROBABLE : TCA_EPISODE_POSSIBLE;
}

static enum tca_confidence_level frozen_confidence(const struct tca_board *b, const struct tca_group *g,
                                                   const struct tca_episode *e)
{
    bool agreed =
        (e->resume_ns >= 0 && e->burst_after) || g->stuck_flows > 1 || e->aborted >= TCA_ABORTS_AGREE;
    bool narrow = e->plateau_max - e->plateau_min <= TCA_LEVEL_SLACK && !g->below;
    if (g->strong < 2 || !g->level)
        return 0;
    if (g->level == 1)
        return one_place_confidence(b, g, e, agreed, narrow);
    if (g->flows < 2)
        return g->strong >= FROZEN_ALONE ? TCA_EPISODE_POSSIBLE : 0;
    return agreed && narrow && !e->answered && g->strong + (uint64_t)e->aborted >= FROZEN_CERTAIN
               ? TCA_EPISODE_CERTAIN
               : TCA_EPISODE_PROBABLE;
}

/* Candidates are an upper bound: a few instants may lie above the level, none below it. */
static enum tca_confidence_level slow_confidence(const struct tca_group *g)
{
    if (g->near >= SLOW_CERTAIN && 10 * (uint64_t)g->near >= 9 * (uint64_t)g->strong && !g->below &&
        g->flows > 1)
        return TCA_EPISODE_CERTAIN;
    return g->strong >= SLOW_PROBABLE && g->flows > 1 ? TCA_EPISODE_PROBABLE : 0;
}

/* A full queue lets somebody in after accept() only, and that is proved as soon as the service works as
 * usual. Whom nothing let in before came back by a path that was open again. */
static bool admitted_unproved(struct tca_board *b, const struct calm *calm)
{
    int64_t grace = tca_board_usual_wait(b) < GRACE_NS / 2 ? 2 * tca_board_usual_wait(b) : GRACE_NS;
    int64_t until = calm->to_ns >= 0 ? calm->to_ns - grace : INT64_MAX;
    return until > calm->last_ns && tca_board_count_answers(b, calm->last_ns, until, 0) > TCA_LEVEL_SLACK;
}

/* `core`: the instants of one calm only, whatever came before and after them. */
static bool judge_frozen(struct tca_board *b, struct tca_group *g, struct tca_episode *e, bool core)
{
    struct calm calm = longest_calm(b, g);
    bool mostly = 10 * (uint64_t)calm.instants >= 8 * (uint64_t)g->strong;
    int64_t waited = waited_in(b, &calm);
    bool longer =
        calm.from_ns >= 0 && waited >= TCA_SHORT_CALM_NS && 5 * (uint64_t)calm.instants >= g->strong;
    bool idle = calm.from_ns >= 0 && calm.to_ns - calm.from_ns - waited >= TCA_SHORT_CALM_NS;
    g->burst = idle && waited < SHORTEST_NS;
    if ((!mostly && !longer) || (!core && contradicted(b, g)) || admitted_unproved(b, &calm))
        return false;
    uint32_t answered = tca_board_count_answers(b, calm.first_ns, calm.last_ns, 0);
    if (10 * (uint64_t)answered > calm.instants)
        return false;
    if (tca_board_several_queues(b, calm.from_ns, e->full_ns))
        return false; /* one of them did, or more, but not the service */
    e->stall_ns = calm.from_ns;
    e->idle_ns = idle ? tca_busy_since(b, calm.from_ns) - calm.from_ns : 0;
    e->resume_ns = calm.to_ns;
    e->answered = answered;
    e->burst_after =
        tca_board_answers_follow(b, calm.to_ns >= 0 && calm.to_ns < g->last_ns ? calm.to_ns : g->last_ns);
    e->confidence = frozen_confidence(b, g, e);
    if (2 * tca_board_filled(b, e) >= e->plateau_max)
        return true;
    if (e->stall_ns >= 0 && e->resume_ns >= 0 && e->resume_ns - e->stall_ns < TCA_SHORT_CALM_NS)
        return false; /* a pause between two answers of a busy service */
    e->confidence = e->confidence > TCA_EPISODE_POSSIBLE ? e->confidence - 1 : 0;
    return true;
}

/* Does the level also tell drops from answers while both go on? */
static bool interleaves(const struct tca_board *b, const struct tca_group *g, uint32_t answered)
{
    uint32_t above = tca_board_count_answers(b, g->first_ns, g->last_ns, g->level);
    uint64_t dropped = 100 * (uint64_t)g->at_level / g->strong;
    return dropped >= 100 * (uint64_t)above / answered + TCA_SEPARATION || tca_group_slots_decide(b, g);
}

/* It never stopped: accept() and admissions are seen between the drops. */
static void judge_slow(const struct tca_board *b, struct tca_group *g, struct tca_episode *e)
{
    size_t before = tca_count_until(b->proof, b->proofs, g->first_ns);
    size_t until = tca_count_until(b->proof, b->proofs, g->last_ns);
    e->slow = true;
    e->stall_ns = before ? b->proof[before - 1] : -1;
    e->resume_ns = until < b->proofs ? b->proof[until] : -1;
    e->answered = tca_board_count_answers(b, g->first_ns, g->last_ns, 0);
    e->burst_after = tca_board_answers_follow(b, g->last_ns);
    if (until - before >= SLOW_PROOFS && e->answered >= SLOW_PROOFS && interleaves(b, g, e->answered))
        e->confidence = slow_confidence(g);
}

bool tca_read_whole(struct tca_board *b, struct tca_group *g, struct tca_episode *e)
{
    if (!tca_group_tell(b, g, e) || (!tca_group_level_decides(g) && !tca_group_slots_decide(b, g)))
        return false;
    if (!judge_frozen(b, g, e, false))
        judge_slow(b, g, e);
    return e->confidence > 0;
}

/* A service that goes on again may stay behind for long; what it dropped then can hide the time when it was
 * frozen. */
bool tca_read_core(struct tca_board *b, struct tca_group *g, struct tca_episode *e)
{
    struct tca_group all = {.instant = g->instant, .count = g->count, .first_ns = g->instant[0].time_ns};
    struct calm calm = longest_calm(b, &all);
    if (calm.from_ns < 0 || calm.instants == 0 || waited_in(b, &calm) < TCA_SHORT_CALM_NS)
        return false;
    struct tca_group core = {
        .instant = g->instant + calm.first, .count = calm.last - calm.first + 1, .since_ns = calm.from_ns};
    bool holds = tca_group_tell(b, &core, e) && tca_group_level_decides(&core) &&
                 judge_frozen(b, &core, e, true) && e->confidence > 0 &&
                 2 * tca_board_filled(b, e) >= e->plateau_max;
    if (holds)
        *g = core;
    return holds;
}

/* The most certain of the parts of this size, half of which each shares with the next. */
static enum tca_confidence_level best_part(struct tca_board *b, const struct tca_group *g, size_t size,
                                           struct tca_group *ret_found)
{
    enum tca_confidence_level best = 0;
    struct tca_episode e;
    for (size_t at = 0; at + size <= g->count; at += size / 2) {
        struct tca_group part = {.instant = g->instant + at, .count = size};
        if (!tca_read_whole(b, &part, &e) || !e.slow || e.confidence <= best)
            continue;
        best = e.confidence;
        *ret_found = part;
    }
    return best;
}

/* Cookies, ladders, a flood and a queue that drains blur the count with time. What a part of the drops shows clearly is
 * not undone by the others: they are told with it while they do not contradict. A small part shows it best, unless a slow
 * service accepts but few in it. */
bool tca_read_parts(struct tca_board *b, struct tca_group *g, struct tca_episode *e)
{
    size_t size = g->count / PARTS > PART_MIN ? g->count / PARTS : PART_MIN;
    enum tca_confidence_level best = 0;
    struct tca_group found = *g;
    for (; !best && size < g->count; size *= 2)
        best = best_part(b, g, size, &found);
    if (!best)
        return false;
    g->level = found.level;
    if (!tca_group_tell_at_level(b, g, e) || 10 * (uint64_t)g->below > g->strong) {
        *g = found;
        tca_group_tell_at_level(b, g, e);
    }
    judge_slow(b, g, e);
    e->confidence = best;
    return true;
}

/* A burst fills a small queue, and a quick service empties it, within a moment: then as many candidates, an upper bound, stand there
 * when SYNs are answered as when they are dropped. But near the server what passed has arrived: what ignores the ACK and the payload of
 * some and the SYNs of others, while it takes those of open connections, is a full queue, or a filter that is hard to think of. */
bool tca_read_both_ways(struct tca_board *b, struct tca_group *g, struct tca_episode *e)
{
    uint32_t all = 0;
    for (size_t at = 0; at < g->count; at++)
        all += !g->instant[at].weak;
    g->level = 1;
    if (!tca_near_server(b->l->vantage) || !tca_group_tell_at_level(b, g, e))
        return false;
    bool waited = 10 * (uint64_t)g->strong >= 9 * (uint64_t)all;
    bool many = e->drops >= BOTH_REFUSALS && e->ignored >= BOTH_REFUSALS &&
                g->refused_flows + g->stuck_flows >= BOTH_CLIENTS;
    judge_slow(b, g, e);
    e->confidence = TCA_EPISODE_POSSIBLE;
    return waited && many;
}

void tca_read_stall(struct tca_board *b, struct tca_group *g, struct tca_episode *e,
                    enum tca_confidence_level confidence)
{
    if (!tca_group_tell_at_level(b, g, e))
        return;
    if (!judge_frozen(b, g, e, true) || !e->confidence)
        judge_slow(b, g, e);
    e->slow |= g->burst;
    e->confidence = confidence;
}
