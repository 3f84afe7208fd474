/* SPDX-License-Identifier: MIT
 *
 * Listeners: connections sorted by server address and port, what these show when simply counted, and the look-up.
 *
 * Keys are compared, never hashed: nobody can choose addresses that make this slow. The order in which connections
 * were added cannot matter.
 */
#include "classify/sweep.h"

#include "base/alloc.h"
#include "base/sorted.h"

#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/error.h>

static const struct tca_listener nothing_known = {.first_synack_ns = -1,
                                                  .last_synack_ns = -1,
                                                  .server_rtt_ns = -1,
                                                  .client_rtt_ns = -1,
                                                  .peak_syn_recv_ns = -1};

int tca_compare_places(uint32_t capture_a, const uint8_t *addr_a, uint16_t port_a, uint32_t capture_b,
                       const uint8_t *addr_b, uint16_t port_b)
{
    int order = tca_compare_u32(capture_a, capture_b);
    if (!order)
        order = memcmp(addr_a, addr_b, 16);
    return order ? order : tca_compare_u32(port_a, port_b);
}

/* References for sorting connections by listener without moving them: edges know them by number. */
struct conn_ref {
    const struct tca_conn *conn;
};

static int compare_conns(const void *left, const void *right)
{
    const struct tca_conn *a = ((const struct conn_ref *)left)->conn,
                          *b = ((const struct conn_ref *)right)->conn;
    return tca_compare_places(a->capture, a->addr, a->port, b->capture, b->addr, b->port);
}

static int compare_numbers(const void *left, const void *right)
{
    return tca_compare_u32(*(const uint32_t *)left, *(const uint32_t *)right);
}

static void count_conn(struct tca_listener *l, const struct tca_conn *conn)
{
    l->flows++;
    l->established += (conn->flags & TCA_CONN_ESTABLISHED) != 0;
    l->refused += (conn->flags & TCA_CONN_REFUSED) != 0;
    l->unanswered += (conn->flags & TCA_CONN_UNANSWERED) != 0;
    l->midstream += (conn->flags & TCA_CONN_MIDSTREAM) != 0;
    l->idle_opens += (conn->flags & TCA_CONN_IDLE) != 0;
    l->one_rung_at_1s += (conn->flags & TCA_CONN_ONE_RUNG) != 0;
    l->long_ladders += (conn->flags & TCA_CONN_LONG_LADDER) != 0;
    l->stuck_flows += conn->stuck;
    l->spoke += conn->answers;
    l->named_acks += (conn->flags & TCA_CONN_NAMED_ACK) != 0;
    l->close_wait_flows += (conn->flags & TCA_CONN_CLOSE_WAIT) != 0;
    l->time_wait_absent += (conn->flags & TCA_CONN_TIME_WAIT_ABSENT) != 0;
    l->skew_flows += (conn->flags & TCA_CONN_SKEW) != 0;
    l->cookie_skew_flows += (conn->flags & TCA_CONN_COOKIE_SKEW) != 0;
    l->aborted_opens += (conn->flags & TCA_CONN_ABORTED) != 0;
    l->syn_count += conn->syns;
    l->synack_count += conn->synacks;
    l->listens |= conn->synacks > 0;
}

/* The median of a field over connections with a clean handshake; -1 without one. `number` is scratch. */
static int64_t median_rtt(const struct conn_ref *ref, size_t count, bool server, uint32_t *number)
{
    size_t used = 0;
    for (size_t at = 0; at < count; at++) {
        uint32_t ns = server ? ref[at].conn->server_rtt_ns : ref[at].conn->client_rtt_ns;
        if (ns != UINT32_MAX)
            number[used++] = ns;
    }
    if (!used)
        return -1;
    qsort(number, used, sizeof *number, compare_numbers);
    return number[(used - 1) / 2];
}

/* Which end is near: a round trip under 0.3 ms touches a host, if the other one is clearly
 * longer. */
static enum tca_vantage vantage_of(int64_t server_rtt_ns, int64_t client_rtt_ns)
{
    bool server_near = server_rtt_ns < TCA_NEAR_NS, client_near = client_rtt_ns < TCA_NEAR_NS;
    if (server_rtt_ns < 0 || client_rtt_ns < 0)
        return TCA_VANTAGE_UNKNOWN;
    if (server_near && client_near)
        return TCA_VANTAGE_SAME_HOST;
    if (server_near)
        return client_rtt_ns > 3 * server_rtt_ns ? TCA_VANTAGE_SERVER : TCA_VANTAGE_UNKNOWN;
    if (client_near)
        return server_rtt_ns > 3 * client_rtt_ns ? TCA_VANTAGE_CLIENT : TCA_VANTAGE_UNKNOWN;
    return TCA_VANTAGE_MIDDLE;
}

static void build_listener(struct tca_listener *l, const struct conn_ref *ref, size_t count, uint32_t *number)
{
    const struct tca_conn *first = ref[0].conn;
    *l = nothing_known;
    memcpy(l->addr, first->addr, sizeof l->addr);
    l->port = first->port;
    l->family = first->family;
    l->capture = first->capture;
    for (size_t at = 0; at < count; at++)
        count_conn(l, ref[at].conn);
    l->server_rtt_ns = median_rtt(ref, count, true, number);
    l->client_rtt_ns = median_rtt(ref, count, false, number);
    l->vantage = vantage_of(l->server_rtt_ns, l->client_rtt_ns);
}

static size_t same_place(const struct conn_ref *ref, size_t at, size_t count)
{
    size_t end = at + 1;
    while (end < count && !compare_conns(&ref[at], &ref[end]))
        end++;
    return end;
}

/* A listener without a clean handshake is seen from where its host's other listeners are seen. */
static void borrow_vantage(struct tca_sweep *sweep)
{
    for (size_t at = 0, end; at < sweep->listeners; at = end) {
        const struct tca_listener *first = &sweep->listener[at];
        enum tca_vantage known = TCA_VANTAGE_UNKNOWN;
        for (end = at; end < sweep->listeners && sweep->listener[end].capture == first->capture &&
                       !memcmp(sweep->listener[end].addr, first->addr, sizeof first->addr);
             end++)
            if (!known)
                known = sweep->listener[end].vantage;
        for (size_t one = at; one < end; one++)
            if (sweep->user)
                sweep->listener[one].vantage = sweep->user;
            else if (sweep->listener[one].server_rtt_ns < 0)
                sweep->listener[one].vantage = known;
    }
}

/* `ref` and `number` are scratch for one entry per connection. */
static int build_listeners(struct tca_sweep *sweep, struct conn_ref *ref, uint32_t *number)
{
    for (size_t at = 0; at < sweep->conns; at++)
        ref[at].conn = &sweep->conn[at];
    qsort(ref, sweep->conns, sizeof *ref, compare_conns);
    size_t count = 0;
    for (size_t at = 0; at < sweep->conns; at = same_place(ref, at, sweep->conns))
        count++;
    sweep->listener = tca_alloc(count * sizeof *sweep->listener);
    if (!sweep->listener)
        return TCA_EMEMORY;
    for (size_t at = 0, end; at < sweep->conns; at = end) {
        end = same_place(ref, at, sweep->conns);
        for (size_t one = at; one < end; one++)
            sweep->conn[ref[one].conn - sweep->conn].listener = (uint32_t)sweep->listeners;
        build_listener(&sweep->listener[sweep->listeners++], &ref[at], end - at, number);
    }
    borrow_vantage(sweep);
    return TCA_OK;
}

int tca_sweep_listeners(struct tca_sweep *sweep)
{
    struct conn_ref *ref = tca_alloc(sweep->conns * sizeof *ref);
    uint32_t *number = tca_alloc(sweep->conns * sizeof *number);
    int error = ref && number ? build_listeners(sweep, ref, number) : TCA_EMEMORY;
    tca_free(ref);
    tca_free(number);
    return error;
}

/* ---- look-up ---- */

static struct tca_listener *find_place(const struct tca_sweep *sweep, uint32_t capture, const uint8_t *addr,
                                       uint16_t port)
{
    size_t low = 0, high = sweep->listeners;
    while (low < high) {
        size_t at = low + (high - low) / 2;
        struct tca_listener *l = &sweep->listener[at];
        int order = tca_compare_places(l->capture, l->addr, l->port, capture, addr, port);
        if (!order)
            return l;
        if (order < 0)
            low = at + 1;
        else
            high = at;
    }
    return NULL;
}

const struct tca_listener *tca_sweep_find(const struct tca_sweep *sweep, const struct tca_dossier *d)
{
    const struct tca_listener *l = find_place(sweep, d->capture, d->addr[TCA_SERVER], d->port[TCA_SERVER]);
    return l ? l : &nothing_known;
}

struct tca_listener *tca_sweep_edit(struct tca_sweep *sweep, uint32_t capture, const uint8_t addr[16],
                                    uint16_t port)
{
    return find_place(sweep, capture, addr, port);
}

size_t tca_sweep_count(const struct tca_sweep *sweep)
{
    return sweep ? sweep->listeners : 0;
}

const struct tca_listener *tca_sweep_at(const struct tca_sweep *sweep, size_t index)
{
    return &sweep->listener[index];
}

bool tca_listener_admits(const struct tca_listener *l, int64_t from_ns, int64_t to_ns)
{
    if (to_ns <= from_ns || tca_count_before(l->dropped_ns, l->dropped, to_ns) !=
                                tca_count_before(l->dropped_ns, l->dropped, from_ns))
        return false;
    return tca_count_before(l->admitted_ns, l->admitted, to_ns) !=
           tca_count_before(l->admitted_ns, l->admitted, from_ns);
}

const struct tca_episode *tca_listener_episode(const struct tca_listener *l, int64_t time_ns,
                                               int64_t slack_ns)
{
    for (unsigned at = 0; at < l->episode_count; at++) {
        const struct tca_episode *e = &l->episode[at];
        if (time_ns >= e->first_ns - slack_ns && time_ns <= e->last_ns + slack_ns)
            return e;
    }
    return NULL;
}
