/* SPDX-License-Identifier: MIT
 *
 * The limit by the SYN queue. listen() gives both queues one limit.
 *
 * Pruned ladders. When the timer of a request fires for the third time, 7 s after its SYN+ACK, and more than half of
 * max(8, limit) requests are waiting, it is given up after two repeats instead of five, unless young ones (never
 * repeated yet) are many (inet_connection_sock.c reqsk_timer_handler, read in 5.10 to 7.2, seen on 6.18: of twelve
 * requests with a limit of 16 four went and eight stayed). So
 *
 *     pruned      2 * requests > max(8, limit)      of k that go together the last one saw k - 1 less
 *     not pruned  2 * requests <= max(8, limit)     if none was young
 *
 * The first holds with all that may have waited, the second with those that surely did. SYN cookies keep no request;
 * where there are any, nothing is said.
 *
 * A full SYN queue, or the first cookie, comes at limit + 1 requests (6.1 and later), or at limit (5.10).
 */
#include "classify/sweep/backlog.h"

#include "base/alloc.h"
#include "base/sort.h"
#include "base/sorted.h"
#include "classify/sweep/sweep.h"
#include "mirror/deviations.h"

#include <tcpautopsy/error.h>

#define SECOND INT64_C(1000000000)

static const int64_t YOUNG_NS = 1300000000; /* the first timer has fired by then */
static const int64_t PRUNED_EARLIEST =
    6860000000; /* after the SYN+ACK: 7 s, never early, up to an eighth late */
static const int64_t PRUNED_LATEST = 8000000000;
enum {
    SMALLEST = 8, /* max(8, limit) */
    FRESH_MIN =
        2, /* SYN+ACKs whose timestamp does not lag: no accident of a server that sends nothing but cookies */
};

struct requests {
    int64_t *made, *seen,
        *gone; /* when asked, when last seen waiting, when gone at the latest; each sorted */
    size_t count;
    int64_t *pruned; /* SYN+ACK of those given up early, sorted */
    size_t prunes;
    struct tca_proof proof; /* answers of the first and the last of these */
    int64_t *kept;          /* third repeat of those that were not */
    size_t keeps;
    bool cookies;
};

static void sort(int64_t *number, size_t count)
{
    if (count)
        tca_sort_i64(number, count);
}

/* The timer after the last repeat is as long as all before it together and a second, and an eighth late. */
static int64_t gone_at_latest(const struct tca_edge *synack)
{
    int64_t next = tca_interval(synack->time_ns, synack->other_ns) + SECOND;
    return synack->other_ns + next + next / 8 + SECOND / 10;
}

static void gather(struct requests *r, const struct tca_edge *edge, size_t count, const struct tca_conn *conn)
{
    for (size_t at = 0; at < count; at++) {
        const struct tca_edge *e = &edge[at];
        uint32_t flags = conn[e->conn].flags;
        r->cookies |= conn[e->conn].refused || (flags & (TCA_CONN_COOKIE_SKEW | TCA_CONN_COOKIE_BARE));
        if (e->kind != TCA_EDGE_SYNACK)
            continue;
        r->made[r->count] = e->time_ns;
        r->seen[r->count] = e->other_ns;
        r->gone[r->count++] = gone_at_latest(e);
        if (flags & TCA_CONN_TWO_RUNGS) {
            if (!r->prunes)
                r->proof = (struct tca_proof){.time_ns = e->time_ns, .frame = {e->frame}};
            r->proof.frame[1] = e->frame;
            r->pruned[r->prunes++] = e->time_ns;
        }
        if (e->ask_ns != INT64_MAX)
            r->kept[r->keeps++] = e->ask_ns;
    }
    sort(r->made, r->count);
    sort(r->seen, r->count);
    sort(r->gone, r->count);
    sort(r->pruned, r->prunes);
}

/* max(8, limit) is at least so much. */
static size_t least(const struct requests *r)
{
    size_t most = 0;
    for (size_t at = 0; at < r->keeps; at++) {
        size_t made = tca_count_until(r->made, r->count, r->kept[at]);
        size_t waiting = made - tca_count_before(r->seen, r->count, r->kept[at]);
        bool young = made > tca_count_until(r->made, r->count, r->kept[at] - YOUNG_NS);
        if (!young && 2 * waiting > most)
            most = 2 * waiting;
    }
    return most;
}

/* max(8, limit) is less than so much; SIZE_MAX: nothing tells. */
static size_t less_than(const struct requests *r)
{
    size_t best = SIZE_MAX;
    for (size_t from = 0, to = 0; from < r->prunes; from++) {
        while (to < r->prunes && r->pruned[to] - r->pruned[from] <= SECOND)
            to++;
        int64_t first_ns = r->pruned[to - 1] + PRUNED_EARLIEST, last_ns = r->pruned[to - 1] + PRUNED_LATEST;
        size_t waiting =
            tca_count_until(r->made, r->count, last_ns) - tca_count_before(r->gone, r->count, first_ns);
        size_t others = to - from - 1;
        if (waiting > others && 2 * (waiting - others) < best)
            best = 2 * (waiting - others);
    }
    return best;
}

void tca_backlog_narrow(struct tca_listener *l, uint64_t least, uint64_t most, enum tca_backlog_basis basis,
                        const struct tca_proof *proof)
{
    uint64_t low = l->backlog.min > least ? l->backlog.min : least;
    uint64_t high = l->backlog.max < most ? l->backlog.max : most;
    if (low > high || (low == l->backlog.min && high == l->backlog.max))
        return;
    l->backlog = (struct tca_bounds){low, high};
    l->backlog_basis = (uint8_t)basis;
    l->backlog_proof = *proof;
}

static void read_prunes(struct tca_listener *l, const struct requests *r)
{
    size_t low = least(r), high = less_than(r);
    bool known = high != SIZE_MAX && tca_near_server(l->vantage) && !l->midstream && high > SMALLEST + 1;
    tca_backlog_narrow(l, low > SMALLEST ? low : 0, known ? high - 1 : UINT64_MAX, TCA_BACKLOG_PRUNED,
                       &r->proof);
}

int tca_backlog_prune(struct tca_listener *l, const struct tca_edge *edge, size_t count,
                      const struct tca_conn *conn)
{
    if (!l->long_ladders || l->gaps)
        return TCA_OK; /* two repeats may be all that tcp_synack_retries allows, or all that was captured */
    size_t made = 0;
    for (size_t at = 0; at < count; at++)
        made += edge[at].kind == TCA_EDGE_SYNACK;
    struct requests r = {0};
    int64_t *time = tca_alloc(5 * made * sizeof *time);
    if (!time)
        return TCA_EMEMORY;
    r.made = time;
    r.seen = time + made;
    r.gone = time + 2 * made;
    r.pruned = time + 3 * made;
    r.kept = time + 4 * made;
    gather(&r, edge, count, conn);
    if (r.prunes && !r.cookies)
        read_prunes(l, &r);
    tca_free(time);
    return TCA_OK;
}

/* ---- SYN cookies ---- */

/* With tcp_syncookies=2 every SYN gets a cookie, however few requests there are. But a cookie's timestamp is fresh once in
 * sixteen only. */
static bool makes_requests(const struct tca_listener *l)
{
    return l->skew_flows >= FRESH_MIN && !l->cookie_skew_flows;
}

/* Requests are counted from their SYN+ACK to their child, and those that end otherwise, to the end. */
size_t tca_backlog_at_cookie(const struct tca_listener *l, const struct tca_edge *edge, size_t count,
                             const struct tca_conn *conn)
{
    size_t open = 0, least = SIZE_MAX;
    bool can_do_better = false;
    if (!tca_near_server(l->vantage) || l->midstream || l->gaps || !makes_requests(l))
        return SIZE_MAX;
    for (size_t at = 0; at < count; at++) {
        uint32_t flags = conn[edge[at].conn].flags;
        bool made = edge[at].kind == TCA_EDGE_SYNACK, gone = edge[at].kind == TCA_EDGE_CHILD;
        can_do_better |= (flags & TCA_CONN_OPTIONS) != 0;
        if (made && (flags & TCA_CONN_COOKIE_BARE))
            least = open < least ? open : least;
        if (!(flags & (TCA_CONN_COOKIE_BARE | TCA_CONN_FAST_OPEN)) && conn[edge[at].conn].synacks)
            open = made ? open + 1 : gone && open ? open - 1 : open;
    }
    return can_do_better ? least : SIZE_MAX;
}

void tca_backlog_learn(struct tca_listener *l, int64_t somaxconn)
{
    if (somaxconn > 0)
        tca_backlog_narrow(l, 0, (uint64_t)somaxconn, TCA_BACKLOG_KNOWN, &(struct tca_proof){0});
}

/* ---- with what SYN pressure showed ---- */

void tca_backlog_settle(struct tca_listener *l)
{
    bool one = !tca_listener_is_shared(l) && l->synq.min > 1; /* the SYN queues of several hold more */
    struct tca_proof proof = l->synq_proof;
    if (l->synq.max == UINT64_MAX || l->synq_held_back)
        proof.frame[1] = 0;
    tca_backlog_narrow(l, one ? l->synq.min - 1 : 0, l->synq_held_back ? UINT64_MAX : l->synq.max,
                       l->cookie_count ? TCA_BACKLOG_COOKIES : TCA_BACKLOG_SYNQ, &proof);
    uint64_t *least = &l->listen_drops.min, *most = &l->listen_overflows.max;
    *least = l->listen_overflows.min + l->synq_drops;
    if (*least > l->listen_drops.max)
        *least = l->listen_drops.max;
    if (l->in_part) { /* refused ones may be among those that nobody looked at */
        l->listen_overflows.max = l->listen_drops.max = UINT64_MAX;
        return;
    }
    if (l->blind && (l->synack_retx || l->dropped || l->listen_drops.max || l->cookie_count)) {
        l->listen_overflows.max = l->listen_drops.max = UINT64_MAX; /* refused segments are not here */
        return;
    }
    if (*most > l->listen_drops.max - *least + l->listen_overflows.min)
        *most = l->listen_drops.max - *least + l->listen_overflows.min;
}
