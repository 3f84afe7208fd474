/* SPDX-License-Identifier: MIT
 *
 * When was the accept queue full?
 *
 * Linux drops a SYN without a word, and ignores a third ACK, while the accept queue holds more than its limit
 * (sock.h sk_acceptq_is_full, tcp_input.c tcp_conn_request, tcp_ipv4.c tcp_v4_syn_recv_sock; read in 5.10
 * to 7.2, measured on 6.18). The queue itself is not on the wire, but a bound of it is: candidates,
 * connections that were created and not yet proved accepted.
 *
 *     candidates   ______________________            drops happen at one level, the limit, and not below it;
 *                 /  x  x xx x  x x xxx  \           admissions happen below it
 *     __/\__/\___/                        \__/\_     x: a SYN left unanswered
 *            stall                     resume
 *
 *     edges --> board (candidates at every instant)     board.c
 *           --> groups of instants, told at a level     group.c, slots.c
 *           --> readings: whole, one of several, begun  reading.c, partial.c, begun.c
 *           --> stalls that followed each other         stalls.c
 *           --> the verdict over them                   here
 *           --> limit, residents, drain                 places.c
 *
 * Idle connections on a service that says nothing look like a queue as well, and an outage of the path or a
 * firewall like its limit. So it must also be seen that the application owes something: most candidates have
 * asked, or ACKs were refused. And the kernel goes on
 * acknowledging what queued connections send: repeats in vain on established connections are the path's. Near
 * the server, though, what nothing answered before there was a child was refused, as by a full queue after a SYN
 * cookie: together with SYNs dropped it tells, alone a filter on the host explains it as well.
 */
#include "classify/sweep/episode.h"

#include "base/alloc.h"
#include "base/sorted.h"
#include "classify/sweep/places.h"
#include "classify/sweep/reading.h"
#include "classify/sweep/sweep.h"

#include <string.h>
#include <tcpautopsy/error.h>

enum {
    LADDERS_AGREE = 3, /* seen from away, of connections that nobody else's admission contradicts */
    FILLED_MIN = 3,    /* of the queue, since the last proof of accept(), seen from away */
    CORES_MAX = 8,     /* frozen times told of one run of drops */
    GAPS_SHARE = 10,   /* one connection in so many of which segments were not captured is too many */
    LOSSES_SHARE = 10, /* one run of repeats in vain for so many connections hit is the path's doing */
};

static enum tca_confidence_level lower_of(enum tca_confidence_level a, enum tca_confidence_level b)
{
    return a < b ? a : b;
}

/* What can be claimed from where the capture was taken. */
static enum tca_confidence_level by_vantage(const struct tca_board *b, const struct tca_group *g,
                                            const struct tca_episode *e)
{
    if (tca_near_server(b->l->vantage))
        return e->confidence;
    /* Here an outage of the path silences everything as well; but then nobody gets in before. */
    if (g->begun)
        return TCA_EPISODE_POSSIBLE;
    size_t filled = tca_board_filled(b, e);
    if (!e->slow && !e->partial && (filled < FILLED_MIN || 2 * filled < e->plateau_max))
        return 0;
    bool concordant = g->flows >= 3 && !e->answered && e->burst_after;
    enum tca_confidence_level most =
        b->l->vantage == TCA_VANTAGE_MIDDLE || concordant ? TCA_EPISODE_PROBABLE : TCA_EPISODE_POSSIBLE;
    return lower_of(e->confidence, most);
}

/* The application must owe somebody an answer, or the kernel have refused somebody; and the path must have
 * worked. */
static enum tca_confidence_level by_evidence(const struct tca_board *b, const struct tca_group *g,
                                             const struct tca_episode *e)
{
    size_t losses = tca_count_until(b->loss->from_ns, b->loss->count, e->last_ns) -
                    tca_count_until(b->loss->to_ns, b->loss->count, e->first_ns);
    /* Away from the server a lossy path makes ladders as well, unless they name the ACKs that were refused. */
    bool near = tca_near_server(b->l->vantage);
    bool both = near && g->stuck_flows && e->drops && g->flows > 1; /* in both ways, of two connections */
    bool refused = both || ((near || b->l->named_acks > 1) && g->stuck_flows > 1) ||
                   e->aborted >= TCA_ABORTS_AGREE ||
                   (near && g->stuck_flows + g->refused_flows > 1 && tca_group_refused_among_drops(g, e));
    bool ladders = !e->answered && g->stuck_flows >= LADDERS_AGREE;
    if (losses > g->stuck_flows && LOSSES_SHARE * (uint64_t)losses >= g->flows)
        return 0;
    bool owed = e->partial || g->begun || 2 * (uint64_t)g->asked >= g->strong;
    if (!refused && !ladders && !owed)
        return 0;
    if (g->refused_flows && !g->stuck_flows && !e->drops && !e->aborted)
        return TCA_EPISODE_POSSIBLE;
    return refused || (owed && b->speaks) ? e->confidence : lower_of(e->confidence, TCA_EPISODE_POSSIBLE);
}

static uint64_t size_of(const struct tca_episode *e)
{
    return (uint64_t)e->drops + e->ignored + e->aborted;
}

/* Certain of a little is no gain over probable of much more. */
static bool is_better(const struct tca_episode *told, enum tca_confidence_level best,
                      const struct tca_episode *e)
{
    bool much_less = best >= TCA_EPISODE_PROBABLE && 2 * size_of(told) < size_of(e);
    return told->confidence > best && !much_less;
}

/* The most certain of the readings: the whole, the time when nothing was accepted, a part. */
static bool read_whole_or_part(struct tca_board *b, struct tca_group *g, struct tca_episode *e)
{
    bool (*const reading[])(struct tca_board *, struct tca_group *,
                            struct tca_episode *) = {tca_read_whole, tca_read_core, tca_read_parts};
    enum tca_confidence_level best = 0;
    const struct tca_group all = *g;
    for (size_t at = 0; at < sizeof reading / sizeof reading[0] && best < TCA_EPISODE_CERTAIN; at++) {
        struct tca_group one = all;
        struct tca_episode told;
        if (!reading[at](b, &one, &told) || !is_better(&told, best, e))
            continue;
        best = told.confidence;
        *g = one;
        *e = told;
    }
    return best > 0;
}

/* Of a capture that misses segments of one connection in ten, silence is worth a level less. */
static enum tca_confidence_level by_damage(const struct tca_listener *l, enum tca_confidence_level confidence)
{
    bool damaged = l->gaps && GAPS_SHARE * l->gaps >= l->established;
    return damaged && confidence > TCA_EPISODE_POSSIBLE ? confidence - 1 : confidence;
}

static bool judge_group(struct tca_board *b, struct tca_group *g, struct tca_episode *e)
{
    const struct tca_group all = *g;
    struct tca_group begun = all;
    struct tca_episode then;
    bool found = read_whole_or_part(b, g, e) || tca_read_partial(b, g, e);
    if ((!found || e->slow) && tca_read_begun(b, &begun, &then)) { /* how it went on hides how it began */
        *g = begun;
        *e = then;
    } else if (!found) {
        *g = all;
        if (!tca_read_both_ways(b, g, e))
            return false;
    }
    e->confidence = by_evidence(b, g, e);
    if (e->confidence)
        e->confidence = by_damage(b->l, by_vantage(b, g, e));
    e->slow |= g->burst;
    return e->confidence > 0;
}

bool tca_episode_refused(const struct tca_listener *l, const struct tca_episode *e,
                         const struct tca_conn *conn, const struct tca_edge *doubt)
{
    int64_t until_ns = e->resume_ns < 0 || e->last_ns < e->resume_ns ? e->last_ns : e->resume_ns - 1;
    bool arrived = tca_near_server(l->vantage) && e->confidence >= TCA_EPISODE_PROBABLE;
    bool unheard = !tca_near_server(l->vantage) && !conn->served && conn->over;
    bool stays_full = !e->slow && !e->partial && !e->answered;
    bool cookie = (conn->flags & TCA_CONN_COOKIE_BARE) && doubt->loose;
    return (arrived || unheard) && stays_full && cookie &&
           doubt->time_ns >= (arrived ? e->full_ns : e->first_ns) && doubt->time_ns <= until_ns;
}

/* In time order; when full the smallest gives way. */
static void keep_episode(struct tca_listener *l, struct tca_episode *kept, const struct tca_episode *e)
{
    if (l->episode_count < TCA_EPISODES_MAX) {
        kept[l->episode_count++] = *e;
        return;
    }
    size_t smallest = 0;
    for (size_t at = 1; at < TCA_EPISODES_MAX; at++)
        if (size_of(&kept[at]) < size_of(&kept[smallest]))
            smallest = at;
    l->episodes_left_off++;
    if (size_of(&kept[smallest]) >= size_of(e))
        return;
    memmove(&kept[smallest], &kept[smallest + 1], (TCA_EPISODES_MAX - 1 - smallest) * sizeof *kept);
    kept[TCA_EPISODES_MAX - 1] = *e;
}

static size_t end_of_group(const struct tca_board *b, size_t at)
{
    for (at++; at < b->instants; at++) {
        const struct tca_instant *one = &b->instant[at], *before = &b->instant[at - 1];
        if (one->time_ns - before->time_ns > TCA_GROUP_GAP_NS && one->served != before->served)
            break;
    }
    return at;
}

/* Tell the group that was judged: its stalls one by one, if it holds several that followed each other. */
static void tell_stalls(struct tca_board *b, struct tca_listener *l, struct tca_group *g,
                        struct tca_episode *e, struct tca_episode *kept)
{
    const struct tca_group all = *g;
    enum tca_confidence_level confidence = e->confidence;
    bool whole = e->partial || g->begun;
    for (size_t at = 0, end; at < all.count; at = end) {
        end = whole ? all.count : tca_stall_end(b, &all, at);
        if (at > 0 || end < all.count) {
            *g = all;
            g->instant += at;
            g->count = end - at;
            tca_read_stall(b, g, e, confidence);
        }
        size_t childless = tca_group_join_doubts(b, g, e);
        tca_places_tell(b, l, g, e, childless);
        keep_episode(l, kept, e);
    }
}

/* What is kept of a listener whose queue was full, in one piece. */
struct record {
    struct tca_episode episode[TCA_EPISODES_MAX]; /* first: the piece is freed by it */
    struct tca_timeline timeline;
};

static int find_all(struct tca_board *b, struct tca_listener *l, struct record **ret_record)
{
    struct record *record = NULL;
    unsigned cores = 0;
    bool apart = false;
    for (size_t at = 0, end; at < b->instants; at = end) {
        end = end_of_group(b, at);
        struct tca_group g = {.instant = &b->instant[at], .count = end - at};
        struct tca_episode e;
        bool found = judge_group(b, &g, &e);
        size_t told = (size_t)(g.instant - b->instant) + g.count;
        cores = found && told < end ? cores + 1 : 0;
        if (cores && cores < CORES_MAX)
            end = told; /* what came after it is judged for itself */
        else
            cores = 0;
        if (!found)
            continue;
        if (!record && !(record = tca_alloc(sizeof *record)))
            return TCA_EMEMORY;
        apart |= e.partial;
        tell_stalls(b, l, &g, &e, record->episode);
    }
    if (apart)
        tca_places_peak_apart(b, l);
    tca_places_bound_by_burst(l);
    *ret_record = record;
    return TCA_OK;
}

int tca_episodes_find(struct tca_listener *l, const struct tca_edge *edge, size_t count,
                      const struct tca_conn *conn, const struct tca_losses *loss,
                      struct tca_episode **ret_episode)
{
    struct tca_board b;
    struct record *record = NULL;
    int error = tca_board_init(&b, l, edge, count, conn, loss);
    if (!error && l->listens)
        error = find_all(&b, l, &record);
    if (!error && record && l->episode_count) {
        tca_board_timeline(&b, edge, count, record->episode, &record->timeline);
        l->timeline = &record->timeline;
    }
    *ret_episode = record ? record->episode : NULL;
    tca_board_done(&b);
    return error;
}
