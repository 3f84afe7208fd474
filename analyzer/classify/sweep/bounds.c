/* SPDX-License-Identifier: MIT
 *
 * Bounds of ListenOverflows and ListenDrops.
 *
 * Linux counts both for every SYN that meets a full accept queue (tcp_input.c tcp_conn_request), and for every
 * segment with ACK and without RST that would have made a child of a request, or of a SYN cookie, and meets it
 * (tcp_ipv4.c tcp_v4_syn_recv_sock); with tcp_abort_on_overflow the latter is answered by RST and counted all the same.
 * A SYN that a full SYN queue drops is a ListenDrop only. Read in 5.10 to 7.2; in every recorded overflow SYNs left
 * unanswered + refused segments = ListenOverflows, exactly. So each unanswered SYN and each refused segment is one
 * contribution, and the question is what is known of it:
 *
 *                                              overflows: min  max    drops: min  max
 *     in an episode near the server, sure                  1    1             1    1
 *     the queue may have been full                         0    1             0    1
 *     SYN, and the queue had room                          0    0             0    1
 *     refused or not: no trace, but others were, nearby    0    1             0    1
 *     the same after a SYN cookie, while nothing was taken 1    1             1    1
 *     after a SYN cookie, payload right behind it taken     0    1             0    1
 *
 * A SYN may also be lost on the path or be dropped by a filter of the host. Near the server it passed the path. In an
 * episode it is sure unless something speaks for a filter: its client was never answered here, or the connection was
 * left unanswered outside of episodes as well. Away from the server one refusal is sure where a repeated SYN+ACK names
 * an ACK that had arrived.
 *
 * The queue had room where no more children waited than its limit lets stand when one more is taken (backlog.c, 0 where it is not
 * known): all others had been proved accepted, by their own output, or by that of a younger one where nothing speaks for
 * several queues behind one port. What was queued before the capture began is gone once a child of the capture was accepted and all
 * older connections were heard.
 *
 * A capture that lost segments, or was filtered, may have lost refused ones and may show as silence what was answered.
 * Then both bounds give way by the share of connections that miss something, and no queue is known to be empty.
 */
#include "classify/sweep/bounds.h"

#include "base/alloc.h"
#include "base/sort.h"
#include "base/sorted.h"
#include "classify/sweep/sweep.h"

#include <tcpautopsy/error.h>

static const int64_t AT_ONCE_NS =
    1000000; /* from a request to its answer: a queue that was full a moment ago is not drained in less */
static const int64_t PATIENCE_NS = 1000000000;  /* who waits longer than a younger one is in another queue */
static const int64_t NEIGHBOUR_NS = 4500000000; /* the third gap of a SYN ladder, late as it may be */

struct child {
    int64_t since, proof, ask; /* ask, proof: INT64_MAX never */
};

struct sums {
    struct tca_listener *l;
    const struct tca_conn *conn;
    struct child *child; /* those whose place in the order is known, by creation */
    size_t known;
    int64_t *since, *until; /* all children: when created, and when accepted at the latest, each sorted */
    size_t children, accepts;
    int64_t known_ns; /* from here on the queue holds children of this capture only; INT64_MAX: never known */
    int64_t *answered; /* hashes of clients that got a SYN+ACK, sorted */
    size_t answers;
    int64_t *refused; /* when segments were refused, sorted */
    size_t refusals;
    int64_t *astray,
        *hit; /* connections with SYNs unanswered outside of episodes; those hit within; sorted */
    size_t strays, hits;
    bool cookies; /* SYN cookies were sent, by some mark of theirs, or these may be cut */
};

/* What stands in these arrays, of so many edges; and that of a listener which has but a few. */
enum { TIMES_EACH = 6, FEW = 4 };
struct entries {
    struct child child[FEW];
    int64_t time[TIMES_EACH * FEW];
};
_Static_assert(sizeof(struct entries) == FEW * (sizeof(struct child) + TIMES_EACH * sizeof(int64_t)),
               "so much of each edge");

static void sort(int64_t *number, size_t count)
{
    if (count)
        tca_sort_i64(number, count);
}

static size_t unique(int64_t *number, size_t count)
{
    size_t kept = 0;
    sort(number, count);
    for (size_t at = 0; at < count; at++)
        if (!kept || number[kept - 1] != number[at])
            number[kept++] = number[at];
    return kept;
}

static bool holds(const int64_t *sorted, size_t count, int64_t number)
{
    size_t at = tca_count_before(sorted, count, number);
    return at < count && sorted[at] == number;
}

/* ---- gathering ---- */

static void gather_child(struct sums *s, const struct tca_edge *edge)
{
    const struct tca_conn *conn = &s->conn[edge->conn];
    int64_t since =
        conn->flags & TCA_CONN_FAST_OPEN ? conn->start_ns : edge->time_ns; /* its child came with the SYN */
    if (edge->kind == TCA_EDGE_EARLY || !edge->loose)
        s->since[s->children++] = since;
    if (edge->kind == TCA_EDGE_CHILD && !edge->loose)
        s->child[s->known++] = (struct child){since, edge->other_ns, edge->ask_ns};
    if (edge->kind == TCA_EDGE_CHILD && edge->loose && edge->other_ns != INT64_MAX)
        s->until[s->accepts++] = edge->other_ns;
}

static int compare_children(const void *left, const void *right)
{
    const struct child *a = left, *b = right;
    int order = (a->since > b->since) - (a->since < b->since);
    return order ? order : (a->proof > b->proof) - (a->proof < b->proof);
}

static struct tca_digest digest_child(const void *item)
{
    const struct child *child = item;
    return (struct tca_digest){tca_digest_i64(child->since), tca_digest_i64(child->proof)};
}

/* accept() takes the oldest of its queue, so a child is accepted when a younger one is: where one queue is all there
 * is. Not if a client that had asked was answered long after a younger one. */
static bool one_queue(const struct sums *s)
{
    int64_t younger = INT64_MAX;
    for (size_t at = s->known; at-- > 0;) {
        const struct child *c = &s->child[at];
        int64_t owed = c->ask > younger ? c->ask : younger;
        if (c->ask != INT64_MAX && owed != INT64_MAX && c->proof > owed && c->proof - owed > PATIENCE_NS)
            return false;
        if (c->proof < younger)
            younger = c->proof;
    }
    return !tca_listener_is_shared(s->l);
}

static void date_accepts(struct sums *s)
{
    tca_sort(s->child, s->known, sizeof *s->child, digest_child, compare_children);
    int64_t younger = INT64_MAX;
    bool one = one_queue(s);
    for (size_t at = s->known; at-- > 0;) {
        int64_t proof = s->child[at].proof;
        if (proof < younger)
            younger = proof;
        int64_t accepted = one ? younger : proof;
        if (accepted != INT64_MAX)
            s->until[s->accepts++] = accepted > s->child[at].since ? accepted : s->child[at].since;
    }
    sort(s->since, s->children);
    sort(s->until, s->accepts);
}

static bool joins_episode(const struct sums *s, const struct tca_edge *doubt)
{
    const struct tca_episode *e = tca_listener_episode(s->l, doubt->time_ns, 0);
    return e && tca_episode_refused(s->l, e, &s->conn[doubt->conn], doubt);
}

static void gather_conns(struct sums *s, const struct tca_edge *edge, size_t count)
{
    int64_t heard_ns = INT64_MIN;
    for (size_t at = 0; at < count; at++) {
        const struct tca_edge *e = &edge[at];
        if (e->kind == TCA_EDGE_CHILD || e->kind == TCA_EDGE_EARLY)
            gather_child(s, e);
        if (e->kind == TCA_EDGE_HEARD)
            heard_ns = e->time_ns;
        s->cookies |=
            s->conn[e->conn].refused ||
            (s->conn[e->conn].flags & (TCA_CONN_COOKIE_SKEW | TCA_CONN_COOKIE_BARE | TCA_CONN_CUT)) != 0;
        if (e->kind == TCA_EDGE_SYNACK)
            s->answered[s->answers++] = (int64_t)s->conn[e->conn].client;
        if (e->kind == TCA_EDGE_DOUBT && joins_episode(s, e))
            s->hit[s->hits++] = e->conn;
        if (!tca_is_refusal(e))
            continue;
        s->refused[s->refusals++] = e->time_ns;
        if (tca_listener_episode(s->l, e->time_ns, 0))
            s->hit[s->hits++] = e->conn;
        else if (e->kind == TCA_EDGE_DROP)
            s->astray[s->strays++] = e->conn;
    }
    date_accepts(s);
    s->answers = unique(s->answered, s->answers);
    s->strays = unique(s->astray, s->strays);
    s->hits = unique(s->hit, s->hits);
    s->known_ns = !s->accepts ? INT64_MAX : s->until[0] > heard_ns ? s->until[0] : heard_ns;
}

/* ---- one contribution ---- */

/* What was queued before the capture is gone, and all connections were seen. */
static bool queue_is_known(const struct sums *s, int64_t time_ns)
{
    return tca_near_server(s->l->vantage) && !s->l->gaps && time_ns > s->known_ns;
}

static size_t accepted_before(const struct sums *s, int64_t time_ns)
{
    return tca_count_before(s->until, s->accepts, time_ns);
}

static bool may_be_full(const struct sums *s, int64_t time_ns)
{
    return !queue_is_known(s, time_ns) ||
           tca_count_until(s->since, s->children, time_ns) > accepted_before(s, time_ns) + s->l->backlog.min;
}

/* The same for a connection that may itself have become a child then. */
static bool may_have_been_full(const struct sums *s, int64_t time_ns)
{
    return !queue_is_known(s, time_ns) ||
           tca_count_before(s->since, s->children, time_ns) > accepted_before(s, time_ns) + s->l->backlog.min;
}

static bool filter_likely(const struct sums *s, const struct tca_edge *edge)
{
    return edge->kind == TCA_EDGE_DROP &&
           (!holds(s->answered, s->answers, (int64_t)s->conn[edge->conn].client) ||
            holds(s->astray, s->strays, edge->conn));
}

/* A bare ACK after which the SYN+ACK came again, where accept() is not deferred. */
static bool refused_bare(const struct sums *s, const struct tca_edge *edge)
{
    return edge->kind == TCA_EDGE_IGNORED && edge->loose && s->conn[edge->conn].stuck && s->l->prompt_opens &&
           !s->l->deferred_opens;
}

static bool is_sure(const struct sums *s, const struct tca_edge *edge, const struct tca_episode *e)
{
    bool plain = !edge->weak || edge->kind == TCA_EDGE_ABORTED || refused_bare(s, edge);
    return e && e->confidence >= TCA_EPISODE_PROBABLE && plain && tca_near_server(s->l->vantage) &&
           !filter_likely(s, edge);
}

static void add(struct tca_bounds *bounds, uint64_t min, uint64_t max)
{
    bounds->min += min;
    bounds->max += max;
}

static void add_refusal(struct sums *s, const struct tca_edge *edge)
{
    const struct tca_episode *e = tca_listener_episode(s->l, edge->time_ns, 0);
    uint64_t sure = is_sure(s, edge, e) ? edge->weight : 0;
    bool syn = edge->kind == TCA_EDGE_DROP, full = e || may_be_full(s, edge->time_ns);
    add(&s->l->listen_overflows, sure, full ? edge->weight : 0);
    add(&s->l->listen_drops, sure, full || syn ? edge->weight : 0);
}

/* Between its last sign of life and the next a frozen service takes nothing from the queue: once full it stays full. So
 * it was not full yet if this connection got in meanwhile, or, where there is one queue only, a later one. */
static bool not_full_yet(const struct sums *s, const struct tca_edge *edge)
{
    size_t next = tca_count_until(s->since, s->children, edge->time_ns);
    int64_t later = next < s->children ? s->since[next] : INT64_MAX;
    for (unsigned at = 0; at < s->l->episode_count; at++) {
        const struct tca_episode *e = &s->l->episode[at];
        int64_t end_ns = e->resume_ns < 0 ? INT64_MAX : e->resume_ns;
        bool got_in = edge->other_ns < end_ns || (later < end_ns && !e->partial);
        if (!e->slow && edge->time_ns >= e->stall_ns && edge->time_ns < end_ns && got_in)
            return true;
    }
    return false;
}

/* From the first of these segments to the application's answer it took no time: in its queue nobody waited. */
static bool served_at_once(const struct tca_edge *edge)
{
    return edge->ask_ns != INT64_MAX && edge->ask_ns - edge->time_ns <= AT_ONCE_NS;
}

/* Others were refused shortly before or after. */
static bool among_refusals(const struct sums *s, int64_t time_ns)
{
    return tca_count_until(s->refused, s->refusals, time_ns + NEIGHBOUR_NS) >
           tca_count_before(s->refused, s->refusals, time_ns - NEIGHBOUR_NS);
}

/* Its own marks say that it had a cookie. Then no request remembers a refused ACK: a moment later the queue had room
 * for the payload right behind it, which was answered at once. */
static bool after_cookie(const struct sums *s, const struct tca_edge *edge)
{
    return s->conn[edge->conn].flags & (TCA_CONN_COOKIE_SKEW | TCA_CONN_COOKIE_BARE | TCA_CONN_SHRUNK);
}

static bool doubt_holds(const struct sums *s, const struct tca_edge *edge)
{
    if (!edge->weak)
        return may_be_full(s, edge->time_ns);
    if (after_cookie(s, edge))
        return may_have_been_full(s, edge->time_ns) && !not_full_yet(s, edge);
    if ((edge->loose && !s->cookies) || served_at_once(edge) || not_full_yet(s, edge))
        return false;
    return may_have_been_full(s, edge->time_ns) && among_refusals(s, edge->time_ns);
}

static void add_doubt(struct sums *s, const struct tca_edge *edge)
{
    uint64_t sure = tca_near_server(s->l->vantage) && joins_episode(s, edge); /* the first of them */
    if (!sure && !doubt_holds(s, edge))
        return;
    add(&s->l->listen_overflows, sure, edge->weight);
    add(&s->l->listen_drops, sure, edge->weight);
}

static void add_edges(struct sums *s, const struct tca_edge *edge, size_t count, size_t undecided)
{
    for (size_t at = 0; at < count; at++)
        if (tca_is_refusal(&edge[at]))
            add_refusal(s, &edge[at]);
        else if (edge[at].kind == TCA_EDGE_DOUBT)
            add_doubt(s, &edge[at]);
    for (size_t at = count; at < count + undecided; at++) {
        uint64_t full = may_be_full(s, edge[at].time_ns) ? edge[at].weight : 0;
        add(&s->l->listen_overflows, 0, full);
        add(&s->l->listen_drops, 0, edge[at].weight);
    }
}

/* ---- all together ---- */

/* Of a capture that misses segments: as many of those that count as of the connections that were looked into, and one
 * for each of these. */
static uint64_t missing(const struct tca_listener *l, uint64_t seen)
{
    uint64_t whole = l->established > l->gaps ? l->established - l->gaps : 1;
    uint64_t most = UINT64_MAX / 2 / (l->gaps + 1);
    return l->gaps + (seen < most ? seen * l->gaps / whole : most);
}

static void widen(const struct tca_listener *l, struct tca_bounds *bounds)
{
    if (!l->gaps || !bounds->max)
        return;
    uint64_t less = missing(l, bounds->min);
    bounds->min -= less < bounds->min ? less : bounds->min;
    bounds->max += missing(l, bounds->max);
}

static void raise_min(struct tca_bounds *bounds, uint64_t min)
{
    if (bounds->min < min)
        bounds->min = min < bounds->max ? min : bounds->max;
}

static void count_hits(struct sums *s)
{
    s->l->hit_flows = s->hits;
    for (size_t at = 0; at < s->hits; at++)
        s->l->lost_flows += tca_conn_lost(s->l, &s->conn[s->hit[at]]);
}

static void share_out(struct sums *s, size_t count, void *block)
{
    int64_t **const of[TIMES_EACH] = {&s->since, &s->until, &s->answered, &s->refused, &s->astray, &s->hit};
    s->child = block;
    int64_t *time = (void *)(s->child + count);
    for (unsigned at = 0; at < TIMES_EACH; at++)
        *of[at] = time + at * count;
}

int tca_bounds_find(struct tca_listener *l, const struct tca_edge *edge, size_t count, size_t undecided,
                    const struct tca_conn *conn)
{
    struct sums s = {.l = l, .conn = conn};
    struct entries few;
    void *block = tca_alloc_near(&few, sizeof few, count * (sizeof few / FEW));
    if (!block)
        return TCA_EMEMORY;
    share_out(&s, count, block);
    gather_conns(&s, edge, count);
    add_edges(&s, edge, count, undecided);
    widen(l, &l->listen_overflows);
    widen(l, &l->listen_drops);
    raise_min(&l->listen_overflows, l->named_acks);
    raise_min(&l->listen_drops, l->named_acks);
    count_hits(&s);
    tca_free_near(&few, block);
    return TCA_OK;
}
