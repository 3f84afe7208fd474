/* SPDX-License-Identifier: MIT
 *
 * Places in the queue. It holds limit + 1 (sock.h sk_acceptq_is_full), and candidates are at least what it holds. So the
 * candidates at a drop bound the limit from above; from below they do where the application took none, apart from those
 * that it had in hand when it froze. A listener that is closed resets its queue, and thereby shows it.
 */
#include "classify/sweep/places.h"

#include "base/sort.h"
#include "base/sorted.h"
#include "classify/sweep/backlog.h"
#include "classify/sweep/reading.h"

static const int64_t SILENT_NS = 20000000; /* a question right behind the ACK comes sooner */

/* Who came to an application that was idle and asked nothing yet was taken at once, and may be what it waits for: a worker
 * each. */
static uint32_t taken_silent(const struct tca_board *b, size_t first)
{
    size_t at = first;
    while (at < b->children && (b->ask[at] == INT64_MAX || b->ask[at] - b->created[at] > SILENT_NS))
        at++;
    return (uint32_t)(at - first);
}

/* Connections that the application may have had in hand at its last sign of life before it froze. Away from the server that sign has
 * been under way, and so have those who came meanwhile. */
static uint32_t in_hand_at(const struct tca_board *b, int64_t stall_ns)
{
    bool far = !tca_near_server(b->l->vantage) && b->l->server_rtt_ns > 0 && stall_ns >= 0;
    int64_t taken_ns = far ? stall_ns + b->l->server_rtt_ns : stall_ns;
    size_t until = tca_count_until(b->created, b->children, taken_ns);
    size_t accepted = tca_count_until(b->accepted, b->children, stall_ns);
    return (uint32_t)(until - accepted) + (stall_ns >= 0 && until == accepted ? taken_silent(b, until) : 0);
}

/* So many candidates may be none, or be missing. Behind TCP_DEFER_ACCEPT those whose child is younger than their ACK, and so
 * not accepted with those that came after it. Where segments were not captured, the share of connections that miss
 * something, and one more. */
static uint32_t miscounted(const struct tca_listener *l, uint32_t candidates)
{
    if (!l->gaps)
        return l->deferred_opens ? (uint32_t)(l->late_asks < candidates ? l->late_asks : candidates) : 0;
    if (2 * l->gaps >= l->established)
        return UINT32_MAX; /* nothing can be told */
    return (uint32_t)((candidates * l->gaps + l->established - 1) / l->established) + 1;
}

/* Of several queues, one of which stood still: any child that was not proved accepted may stand in it. */
static uint64_t waiting_at_least(const struct tca_board *b, const struct tca_group *g)
{
    uint64_t least = UINT64_MAX;
    for (size_t at = 0; at < g->count; at++) {
        int64_t now = g->instant[at].time_ns;
        uint64_t created = tca_count_until(b->created, b->children, now) + b->looses;
        uint64_t waiting = created - tca_count_until(b->proof, b->proofs, now);
        if (!g->instant[at].weak && waiting < least)
            least = waiting;
    }
    return least;
}

static struct tca_proof proof_of(const struct tca_episode *e)
{
    return (struct tca_proof){.time_ns = e->first_ns, .frame = {e->first_frame, e->last_frame}};
}

static void bound_above(const struct tca_board *b, struct tca_listener *l, const struct tca_group *g,
                        const struct tca_episode *e, uint32_t gap)
{
    struct tca_proof proof = proof_of(e);
    uint64_t waiting = waiting_at_least(b, g);
    if (waiting && waiting != UINT64_MAX)
        tca_backlog_narrow(l, 0, waiting - 1 + gap, TCA_BACKLOG_CANDIDATES, &proof);
}

/* Its residents are all in one queue if they were served in the order in which they came; two that stood still together
 * would have been served side by side. */
static void bound_partial(const struct tca_board *b, struct tca_listener *l, const struct tca_group *g,
                          const struct tca_episode *e, uint32_t gap)
{
    struct tca_residents r = tca_partial_residents(b, e);
    struct tca_proof proof = proof_of(e);
    bound_above(b, l, g, e, gap);
    if (r.in_order && r.count > r.in_hand + 1 && !gap)
        tca_backlog_narrow(l, r.count - r.in_hand - 1, UINT64_MAX, TCA_BACKLOG_FROZEN, &proof);
}

/* Not one queue: while nothing was accepted somebody got in after another had been turned away; or who waited for the
 * application did not stand behind a younger one. */
static bool not_one_queue(const struct tca_board *b, const struct tca_listener *l,
                          const struct tca_episode *e)
{
    bool admitted = !e->slow && e->answered && tca_near_server(l->vantage);
    return admitted || tca_board_several_queues(b, e->stall_ns, e->last_ns);
}

/* Candidates at the drop where they were fewest. Away from the server segments may have changed places under way: who got
 * in within a round trip may have come before it. */
static uint64_t fewest_at_drop(const struct tca_board *b, const struct tca_listener *l,
                               const struct tca_group *g, const struct tca_episode *e)
{
    if (tca_near_server(l->vantage) || l->server_rtt_ns <= 0)
        return e->plateau_min;
    uint64_t fewest = e->plateau_max;
    for (size_t at = 0; at < g->count; at++) {
        const struct tca_instant *one = &g->instant[at];
        if (one->weak || one->censored || one->candidates < e->plateau_min)
            continue;
        uint64_t candidates = one->candidates +
                              tca_count_until(b->created, b->children, one->time_ns + l->server_rtt_ns) -
                              tca_count_until(b->created, b->children, one->time_ns);
        fewest = candidates < fewest ? candidates : fewest;
    }
    return fewest;
}

/* Children that may be none yet: what their clients sent may have been refused after a SYN cookie, or lost, for it came again
 * before anything was taken. A child would have acknowledged it at once. */
static uint32_t refused_perhaps(const struct tca_board *b, const struct tca_group *g,
                                const struct tca_episode *e)
{
    size_t count = 0;
    for (size_t at = 0; at < g->count; at++)
        if (g->instant[at].kind == TCA_EDGE_IGNORED && g->instant[at].weak)
            b->number[count++] = g->instant[at].conn;
    for (size_t at = tca_board_doubts_before(b, e->stall_ns);
         at < b->doubts && b->doubt[at]->time_ns <= e->last_ns; at++)
        if (!b->doubt[at]->weak && b->doubt[at]->other_ns > e->first_ns)
            b->number[count++] = b->doubt[at]->conn;
    return (uint32_t)tca_sort_unique(b->number, count);
}

/* Of a frozen service the candidates are the queue, apart from those that the application had in hand when it froze: one
 * alone takes no more once it stands still in a request, but workers do, until each has one. */
static void bound_below(const struct tca_board *b, struct tca_listener *l, const struct tca_group *g,
                        const struct tca_episode *e, uint32_t gap)
{
    uint64_t most = e->plateau_min - 1 + (uint64_t)gap;
    uint64_t in_hand = in_hand_at(b, e->stall_ns) + refused_perhaps(b, g, e);
    in_hand += 2 * (uint64_t)gap; /* from the highest to the lowest */
    bool firmer = l->backlog_basis == TCA_BACKLOG_BEGUN && e->stall_ns >= 0;
    if (e->slow || b->side_by_side || in_hand >= most || most - in_hand + firmer <= l->backlog.min)
        return;
    l->backlog.min = most - in_hand;
    l->backlog_basis = e->stall_ns >= 0 ? TCA_BACKLOG_FROZEN : TCA_BACKLOG_BEGUN;
    l->backlog_proof = proof_of(e);
}

/* Bounds of the limit: the queue held limit + 1, and candidates are at least what it held, as far as they are younger
 * than the capture. */
static void bound_backlog(const struct tca_board *b, struct tca_listener *l, const struct tca_group *g,
                          const struct tca_episode *e)
{
    bool older = l->midstream && b->children && e->first_ns < b->accepted[0];
    if (e->confidence < TCA_EPISODE_PROBABLE || older || !e->plateau_min)
        return;
    uint32_t gap = miscounted(l, e->plateau_max);
    if (gap >= e->plateau_min)
        return;
    if (e->partial) {
        bound_partial(b, l, g, e, gap);
        return;
    }
    if (not_one_queue(b, l, e)) {
        bound_above(b, l, g, e, gap);
        return;
    }
    uint64_t most = fewest_at_drop(b, l, g, e) - 1 + gap;
    if (most < l->backlog.max)
        l->backlog.max = most;
    if (l->backlog_basis == TCA_BACKLOG_UNKNOWN) {
        l->backlog_basis = TCA_BACKLOG_CANDIDATES;
        l->backlog_proof = proof_of(e);
    }
    bound_below(b, l, g, e, gap);
}

/* Two frozen times, and more waited at the one than at the other: then the application had some in hand. */
static void give_way(struct tca_listener *l)
{
    if (l->backlog.min <= l->backlog.max)
        return;
    l->backlog.min = 0;
    l->backlog_basis = TCA_BACKLOG_CANDIDATES;
}

void tca_places_bound_by_burst(struct tca_listener *l)
{
    give_way(l);
    if (l->closed_burst > 2 && l->closed_burst - 1 > l->backlog.min) {
        l->backlog.min = l->closed_burst - 1;
        l->backlog_basis = TCA_BACKLOG_CLOSED;
        l->backlog_proof = (struct tca_proof){l->closed_burst_ns, {l->closed_frame[0], l->closed_frame[1]}};
    }
    if (l->backlog.min > l->backlog.max)
        l->backlog.min = l->backlog.max;
}

void tca_places_open(struct tca_listener *l)
{
    l->backlog.max = UINT64_MAX;
    if (!l->backlog.min)
        l->backlog_basis = TCA_BACKLOG_UNKNOWN;
}

/* The bound that an episode sets together with `others`; UINT64_MAX: none. */
static uint64_t bound_with(const struct tca_listener *l, const struct tca_episode *e, size_t others)
{
    uint32_t gap = miscounted(l, e->plateau_max);
    if (e->confidence < TCA_EPISODE_PROBABLE || !e->plateau_min || gap >= e->plateau_min)
        return UINT64_MAX;
    return (others ? e->plateau_max : e->plateau_min) - 1 + (uint64_t)gap + others;
}

void tca_places_widen(struct tca_listener *l, const size_t *others)
{
    uint64_t most = UINT64_MAX;
    if (l->backlog_basis > TCA_BACKLOG_BEGUN) /* its own candidates are not what tells */
        return;
    for (unsigned at = 0; others && at < l->episode_count; at++) {
        uint64_t bound = bound_with(l, &l->episode[at], others[at]);
        most = bound < most ? bound : most;
    }
    if (most == UINT64_MAX)
        tca_places_open(l);
    else if (most > l->backlog.max)
        l->backlog.max = most;
}

void tca_places_peak_apart(struct tca_board *b, struct tca_listener *l)
{
    size_t proofs = 0, accepted = 0;
    for (size_t at = 0; at < b->children; at++)
        if (b->proved[at] != INT64_MAX)
            b->number[proofs++] = (uint64_t)b->proved[at];
    if (proofs)
        tca_sort_u64(b->number, proofs);
    for (size_t at = 0; at < b->children; at++) {
        while (accepted < proofs && (int64_t)b->number[accepted] <= b->created[at])
            accepted++;
        if (at + 1 - accepted > l->peak_unaccepted)
            l->peak_unaccepted = at + 1 - accepted;
    }
}

/* How long the application took, once it went on, to take those who had waited. */
static void time_drain(const struct tca_board *b, struct tca_listener *l, const struct tca_episode *e)
{
    size_t waited = e->resume_ns < 0 ? 0 : tca_count_until(b->created, b->children, e->resume_ns);
    int64_t last_ns = e->partial ? tca_partial_residents(b, e).last_ns
                      : waited   ? b->accepted[waited - 1]
                                 : -1;
    if (e->resume_ns < 0 || last_ns < 0 || last_ns == INT64_MAX)
        return;
    int64_t drain = last_ns > e->resume_ns ? last_ns - e->resume_ns : 0;
    if (drain > l->drain_ns)
        l->drain_ns = drain;
}

/* Those who got a place while nothing was accepted, and how long the first of them waited: accept() takes the oldest. */
static void tell_held(const struct tca_board *b, struct tca_episode *e, size_t childless)
{
    size_t first = tca_count_until(b->created, b->children, e->stall_ns);
    int64_t until_ns = e->resume_ns < 0 || e->last_ns < e->resume_ns ? e->last_ns : e->resume_ns;
    size_t end = tca_count_until(b->created, b->children, e->open_end ? INT64_MAX : until_ns);
    size_t answered = tca_count_until(b->accepted, b->children, INT64_MAX - 1);
    e->held_ns = -1;
    if (e->slow || end <= first + childless)
        return;
    e->held = (uint32_t)(end - first - childless);
    e->held_unserved = (uint32_t)(answered <= first ? end - first : answered < end ? end - answered : 0);
    if (e->held_unserved > e->held)
        e->held_unserved = e->held;
    int64_t left = b->accepted[first];
    if (b->l->closed_burst > 2 && b->l->closed_burst_ns > b->created[first] && b->l->closed_burst_ns < left)
        left = b->l->closed_burst_ns; /* its queue was closed with it */
    if (left != INT64_MAX)
        e->held_ns = left - b->created[first];
}

/* The same of one queue of several, whose residents are those that waited much longer than the rest. */
static void tell_held_apart(const struct tca_board *b, struct tca_episode *e)
{
    size_t first = tca_count_until(b->late_proof, b->late, e->resume_ns - 1);
    size_t end = tca_count_until(b->late_created, b->late, e->last_ns);
    e->held_ns = -1;
    if (end <= first)
        return;
    e->held = (uint32_t)(end - first);
    e->held_ns = e->resume_ns - e->stall_ns;
}

/* What became of the queue itself. */
static void tell_queue(const struct tca_board *b, struct tca_episode *e, size_t childless)
{
    size_t left = b->children - tca_count_until(b->accepted, b->children, INT64_MAX - 1) + b->looses -
                  tca_count_until(b->loose, b->looses, INT64_MAX - 1);
    e->open_end = !e->partial && e->resume_ns < 0 && e->plateau_min > 0 && left >= e->plateau_min;
    if (e->partial)
        tell_held_apart(b, e);
    else
        tell_held(b, e, childless);
}

void tca_places_tell(const struct tca_board *b, struct tca_listener *l, const struct tca_group *g,
                     struct tca_episode *e, size_t childless)
{
    bound_backlog(b, l, g, e);
    if (!childless)
        time_drain(b, l, e); /* else the last one that waited is not known */
    tell_queue(b, e, childless);
    if (g->begun) { /* those who were answered then; nobody got in meanwhile, and since when they waited is not seen */
        e->held = e->plateau_max;
        e->held_unserved = 0;
        e->held_ns = -1;
    }
}
