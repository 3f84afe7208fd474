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
 *     SYN, and the queue was empty                         0    0             0    1
 *     refused or not: left no trace, in an episode         0    1             0    1
 *
 * A SYN may also be lost on the path or be dropped by a filter of the host. Near the server it passed the path. In an
 * episode it is sure unless something speaks for a filter: its client was never answered here, or the connection was
 * left unanswered outside of episodes as well. Away from the server one refusal is sure where a repeated SYN+ACK names
 * an ACK that had arrived.
 *
 * The queue was empty where every child had been proved accepted by its own output (with several queues behind one port
 * the order of accept() proves nothing for the others). What was queued before the capture began is gone once a child
 * of the capture was accepted and all older connections were heard.
 */
#include "classify/bounds.h"

#include "base/alloc.h"
#include "base/sorted.h"
#include "classify/sweep.h"

#include <stdlib.h>
#include <tcpautopsy/error.h>

struct sums {
    struct tca_listener *l;
    const struct tca_conn *conn;
    int64_t *since, *until; /* children, and own proofs of accept(), each sorted */
    size_t children, proofs;
    int64_t known_ns; /* from here on the queue holds children of this capture only; INT64_MAX: never known */
    int64_t *answered; /* hashes of clients that got a SYN+ACK, sorted */
    size_t answers;
    int64_t *astray,
        *hit; /* connections with SYNs unanswered outside of episodes; those hit within; sorted */
    size_t strays, hits;
};

static int compare_i64(const void *left, const void *right)
{
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

static void sort(int64_t *number, size_t count)
{
    if (count)
        qsort(number, count, sizeof *number, compare_i64);
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

static bool is_refusal(const struct tca_edge *edge)
{
    return edge->kind == TCA_EDGE_DROP || edge->kind == TCA_EDGE_IGNORED || edge->kind == TCA_EDGE_ABORTED;
}

/* ---- gathering ---- */

static void gather_child(struct sums *s, const struct tca_edge *edge)
{
    const struct tca_conn *conn = &s->conn[edge->conn];
    bool early = conn->flags & TCA_CONN_FAST_OPEN; /* its child came with the SYN */
    if (edge->kind == TCA_EDGE_EARLY || !edge->loose)
        s->since[s->children++] = early ? conn->start_ns : edge->time_ns;
    if (edge->kind == TCA_EDGE_CHILD && edge->other_ns != INT64_MAX)
        s->until[s->proofs++] = edge->other_ns;
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
        if (e->kind == TCA_EDGE_SYNACK)
            s->answered[s->answers++] = (int64_t)s->conn[e->conn].client;
        if (!is_refusal(e))
            continue;
        if (tca_listener_episode(s->l, e->time_ns, 0))
            s->hit[s->hits++] = e->conn;
        else if (e->kind == TCA_EDGE_DROP)
            s->astray[s->strays++] = e->conn;
    }
    sort(s->since, s->children);
    sort(s->until, s->proofs);
    s->answers = unique(s->answered, s->answers);
    s->strays = unique(s->astray, s->strays);
    s->hits = unique(s->hit, s->hits);
    s->known_ns = !s->proofs ? INT64_MAX : s->until[0] > heard_ns ? s->until[0] : heard_ns;
}

/* ---- one contribution ---- */

static bool may_be_full(const struct sums *s, int64_t time_ns)
{
    if (!tca_near_server(s->l->vantage) || time_ns <= s->known_ns)
        return true;
    return tca_count_until(s->since, s->children, time_ns) > tca_count_before(s->until, s->proofs, time_ns);
}

static bool filter_likely(const struct sums *s, const struct tca_edge *edge)
{
    return edge->kind == TCA_EDGE_DROP &&
           (!holds(s->answered, s->answers, (int64_t)s->conn[edge->conn].client) ||
            holds(s->astray, s->strays, edge->conn));
}

static bool is_sure(const struct sums *s, const struct tca_edge *edge, const struct tca_episode *e)
{
    bool plain = !edge->weak || edge->kind == TCA_EDGE_ABORTED;
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

/* Between two moments of a time in which nothing was accepted a full queue stays full. */
static bool stays_full(const struct tca_episode *e, const struct tca_edge *edge)
{
    return !e->slow && !e->partial && edge->time_ns >= e->first_ns && edge->other_ns <= e->last_ns;
}

static void add_doubt(struct sums *s, const struct tca_edge *edge)
{
    const struct tca_episode *e = tca_listener_episode(s->l, edge->time_ns, 0);
    if (!e || stays_full(e, edge))
        return;
    add(&s->l->listen_overflows, 0, edge->weight);
    add(&s->l->listen_drops, 0, edge->weight);
}

static void add_edges(struct sums *s, const struct tca_edge *edge, size_t count, size_t undecided)
{
    for (size_t at = 0; at < count; at++)
        if (is_refusal(&edge[at]))
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

static void raise_min(struct tca_bounds *bounds, uint64_t min)
{
    if (bounds->min < min)
        bounds->min = min < bounds->max ? min : bounds->max;
}

static void count_hits(struct sums *s)
{
    s->l->hit_flows = s->hits;
    for (size_t at = 0; at < s->hits; at++)
        s->l->lost_flows += !s->conn[s->hit[at]].served;
}

static int sums_new(struct sums *s, size_t count)
{
    s->since = tca_alloc(count * sizeof *s->since);
    s->until = tca_alloc(count * sizeof *s->until);
    s->answered = tca_alloc(count * sizeof *s->answered);
    s->astray = tca_alloc(count * sizeof *s->astray);
    s->hit = tca_alloc(count * sizeof *s->hit);
    return s->since && s->until && s->answered && s->astray && s->hit ? TCA_OK : TCA_EMEMORY;
}

static void sums_free(struct sums *s)
{
    tca_free(s->since);
    tca_free(s->until);
    tca_free(s->answered);
    tca_free(s->astray);
    tca_free(s->hit);
}

int tca_bounds_find(struct tca_listener *l, const struct tca_edge *edge, size_t count, size_t undecided,
                    const struct tca_conn *conn)
{
    struct sums s = {.l = l, .conn = conn};
    int error = sums_new(&s, count);
    if (!error) {
        gather_conns(&s, edge, count);
        add_edges(&s, edge, count, undecided);
        raise_min(&l->listen_overflows, l->named_acks);
        raise_min(&l->listen_drops, l->named_acks);
        count_hits(&s);
    }
    sums_free(&s);
    return error;
}
