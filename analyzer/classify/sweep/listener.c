/* SPDX-License-Identifier: MIT
 *
 * Listeners: connections sorted by server address and port, what these show when simply counted, and the look-up.
 *
 * Keys are compared, never hashed: nobody can choose addresses that make this slow. The order in which connections
 * were added cannot matter.
 */
#include "classify/sweep/sweep.h"

#include "base/alloc.h"
#include "base/sort.h"
#include "base/sorted.h"
#include "mirror/deviations.h"

#include <string.h>
#include <tcpautopsy/error.h>

enum {
    GIVE_UPS_AGREE = 3,
    GIVE_UP_SYNS = 3, /* fewer, and the first may be all that the capture shows */
};

int tca_compare_places(uint32_t capture_a, const uint8_t *addr_a, uint16_t port_a, uint32_t capture_b,
                       const uint8_t *addr_b, uint16_t port_b)
{
    int order = tca_compare_u32(capture_a, capture_b);
    if (!order)
        order = memcmp(addr_a, addr_b, 16);
    return order ? order : tca_compare_u32(port_a, port_b);
}

static int compare_conns(const void *left, const void *right)
{
    const struct tca_conn *a = ((const struct tca_conn_ref *)left)->conn,
                          *b = ((const struct tca_conn_ref *)right)->conn;
    int order = tca_compare_u32(a->host, b->host);
    return order ? order : tca_compare_u32(a->port, b->port);
}

/* In the order of places, since hosts are numbered in theirs. */
static uint64_t place_of(uint32_t host, uint16_t port)
{
    return (uint64_t)host << 16 | port;
}

static struct tca_digest digest_conn(const void *item)
{
    const struct tca_conn *conn = ((const struct tca_conn_ref *)item)->conn;
    return (struct tca_digest){place_of(conn->host, conn->port), 0};
}

static void count_conn(struct tca_listener *l, const struct tca_conn *conn)
{
    uint64_t flows = 1 + (uint64_t)conn->more;
    l->flows += flows;
    l->established += conn->flags & TCA_CONN_ESTABLISHED ? flows : 0;
    l->refused += conn->flags & TCA_CONN_REFUSED ? flows : 0;
    l->unanswered += conn->flags & TCA_CONN_UNANSWERED ? flows : 0;
    l->in_part |= conn->folded;
    l->midstream += (conn->flags & TCA_CONN_MIDSTREAM) != 0;
    l->gaps += (conn->flags & TCA_CONN_GAP) != 0;
    l->cut |= (conn->flags & TCA_CONN_CUT) != 0;
    l->idle_opens += (conn->flags & TCA_CONN_IDLE) != 0;
    l->one_rung_at_1s += (conn->flags & TCA_CONN_ONE_RUNG) != 0;
    l->long_ladders += (conn->flags & TCA_CONN_LONG_LADDER) != 0;
    l->stuck_flows += conn->stuck;
    l->cookie_acks_refused += conn->refused;
    l->spoke += conn->answers;
    l->named_acks += (conn->flags & TCA_CONN_NAMED_ACK) != 0;
    l->close_wait_flows += (conn->flags & TCA_CONN_CLOSE_WAIT) != 0;
    l->deferred_opens += (conn->flags & TCA_CONN_DEFERRED) != 0;
    l->late_asks += (conn->flags & TCA_CONN_LATE_ASK) != 0;
    l->prompt_opens += (conn->flags & TCA_CONN_PROMPT) != 0;
    l->time_wait_absent += (conn->flags & TCA_CONN_TIME_WAIT_ABSENT) != 0;
    l->skew_flows += (conn->flags & TCA_CONN_SKEW) != 0;
    l->cookie_skew_flows += (conn->flags & TCA_CONN_COOKIE_SKEW) != 0;
    l->aborted_opens += (conn->flags & TCA_CONN_ABORTED) != 0;
    l->syn_count += conn->syns;
    l->synack_count += conn->synacks;
    l->syn_retx += conn->syns > flows ? conn->syns - flows : 0;
    l->synack_retx += conn->synacks > flows ? conn->synacks - flows : 0;
    l->listens |= conn->synacks > 0;
}

/* Which of a connection's times; -1 where it has none. */
typedef int64_t time_of(const struct tca_conn *conn);

static int64_t server_rtt_of(const struct tca_conn *conn)
{
    return conn->server_rtt_ns != UINT32_MAX ? (int64_t)conn->server_rtt_ns : -1;
}

static int64_t client_rtt_of(const struct tca_conn *conn)
{
    return conn->client_rtt_ns != UINT32_MAX ? (int64_t)conn->client_rtt_ns : -1;
}

/* Where a timer ran in between, the sum would be the timer's and not the path's. */
static int64_t handshake_of(const struct tca_conn *conn)
{
    if (conn->syns != 1 || conn->synacks != 1)
        return -1;
    int64_t server = server_rtt_of(conn), client = client_rtt_of(conn);
    return server >= 0 && client >= 0 ? server + client : -1;
}

static int64_t response_of(const struct tca_conn *conn)
{
    return conn->response_ns;
}

struct times {
    int64_t *time; /* sorted */
    size_t count;
};

static struct times times_of(const struct tca_conn_ref *ref, size_t count, time_of *of, int64_t *time)
{
    struct times all = {.time = time};
    for (size_t at = 0; at < count; at++) {
        int64_t ns = of(ref[at].conn);
        if (ns >= 0)
            time[all.count++] = ns;
    }
    if (all.count)
        tca_sort_i64(time, all.count);
    return all;
}

/* The smallest of the times that `percent` of them do not exceed; -1 without any. */
static int64_t percentile(struct times all, size_t percent)
{
    return all.count ? all.time[(all.count * percent + 99) / 100 - 1] : -1;
}

static void measure_times(struct tca_listener *l, const struct tca_conn_ref *ref, size_t count, int64_t *time)
{
    struct times handshake = times_of(ref, count, handshake_of, time);
    l->handshake_p50_ns = percentile(handshake, 50);
    l->handshake_p99_ns = percentile(handshake, 99);
    struct times response = times_of(ref, count, response_of, time);
    l->response_p50_ns = percentile(response, 50);
    l->response_p99_ns = percentile(response, 99);
}

static int64_t answered_at(const struct tca_conn *conn)
{
    return conn->synacks ? conn->start_ns : -1;
}

static int64_t refused_at(const struct tca_conn *conn)
{
    return conn->flags & TCA_CONN_REFUSED ? conn->start_ns : -1;
}

/* No connection is both answered and refused, so `time` has room for all. */
static void find_outages(struct tca_listener *l, const struct tca_conn_ref *ref, size_t count, int64_t *time)
{
    struct times answered = times_of(ref, count, answered_at, time);
    struct times refused = times_of(ref, count, refused_at, time + answered.count);
    for (size_t at = 0; answered.count && at < refused.count && l->outages < TCA_OUTAGES_MAX;) {
        size_t next = tca_count_until(answered.time, answered.count, refused.time[at]);
        struct tca_outage one = {.before_ns = next ? answered.time[next - 1] : INT64_MIN,
                                 .first_ns = refused.time[at],
                                 .until_ns = next < answered.count ? answered.time[next] : INT64_MAX};
        l->outage[l->outages++] = one;
        at = tca_count_before(refused.time, refused.count, one.until_ns);
    }
}

/* What a closed listener answers is no sign of a full queue. */
static void drop_closed_aborts(struct tca_listener *l, const struct tca_conn_ref *ref, size_t count)
{
    for (size_t at = 0; at < count && l->outages; at++)
        if ((ref[at].conn->flags & TCA_CONN_ABORTED) && tca_listener_closed_at(l, ref[at].conn->last_ns))
            l->aborted_opens--;
}

/* Of several that are seen first at one time, the earliest frame. */
static void date_listener(struct tca_listener *l, const struct tca_conn *conn)
{
    if (l->first_seen_ns < 0 || conn->start_ns < l->first_seen_ns ||
        (conn->start_ns == l->first_seen_ns && conn->first_frame < l->first_frame)) {
        l->first_seen_ns = conn->start_ns;
        l->first_frame = conn->first_frame;
        l->tags = conn->tags;
    }
    if (conn->last_ns > l->last_seen_ns)
        l->last_seen_ns = conn->last_ns;
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

/* Clients of one service give up alike. Where several did after so many SYNs, one that sent as many and then nothing
 * waits no more, though the capture ended before its next one would have been due. */
static void learn_giving_up(struct tca_listener *l, const struct tca_conn_ref *ref, size_t count)
{
    for (int pass = 0; pass < 2; pass++)
        for (size_t at = 0; at < count; at++) {
            struct tca_conn *conn = ref[at].conn;
            if (!(conn->flags & TCA_CONN_UNANSWERED) || conn->syns < GIVE_UP_SYNS)
                continue;
            if (pass)
                conn->over |= l->give_ups >= GIVE_UPS_AGREE && conn->syns >= l->give_up_syns;
            else if (conn->over) {
                l->give_ups++;
                l->give_up_syns = conn->syns > l->give_up_syns ? conn->syns : l->give_up_syns;
            }
        }
}

void tca_listener_build(const struct tca_sweep *sweep, size_t at, int64_t *time, struct tca_listener *l)
{
    const struct tca_conn_ref *ref = &sweep->ref[sweep->row[at].first];
    const size_t count = sweep->row[at + 1].first - sweep->row[at].first;
    const struct tca_conn *first = ref[0].conn;
    const struct tca_host *host = tca_hosts_at(sweep->hosts, first->host);
    memcpy(l->addr, host->addr, sizeof l->addr);
    l->port = first->port;
    l->family = first->family;
    l->capture = host->capture;
    for (size_t one = 0; one < count; one++) {
        count_conn(l, ref[one].conn);
        date_listener(l, ref[one].conn);
    }
    l->server_rtt_ns = sweep->row[at].server_rtt_ns;
    l->client_rtt_ns = sweep->row[at].client_rtt_ns;
    l->vantage = sweep->row[at].vantage;
    find_outages(l, ref, count, time);
    drop_closed_aborts(l, ref, count);
    measure_times(l, ref, count, time);
    learn_giving_up(l, ref, count);
}

static size_t same_place(const struct tca_conn_ref *ref, size_t at, size_t count)
{
    size_t end = at + 1;
    while (end < count && !compare_conns(&ref[at], &ref[end]))
        end++;
    return end;
}

/* What the capture itself says of where it was taken comes before round trips. */
static enum tca_vantage proved_vantage(enum tca_vantage vantage, const struct tca_host *host)
{
    if (host->local)
        vantage = host->peers_local ? TCA_VANTAGE_SAME_HOST : TCA_VANTAGE_SERVER;
    else if (host->peers_local)
        vantage = TCA_VANTAGE_CLIENT;
    return tca_vantage_by_ttl(vantage, NULL, host);
}

/* A listener without a clean handshake is seen from where its host's other listeners are seen: from the first of them that tells. */
static enum tca_vantage known_vantage(const struct tca_sweep *sweep, size_t from, size_t to)
{
    enum tca_vantage known = TCA_VANTAGE_UNKNOWN;
    for (size_t at = from; at < to && !known && to - from > 1; at++)
        known = sweep->row[at].vantage;
    return known;
}

/* Of those of one host. */
static void place_rows(struct tca_sweep *sweep, const struct tca_host *host, size_t from, size_t to)
{
    enum tca_vantage known = sweep->user ? sweep->user : known_vantage(sweep, from, to);
    for (size_t at = from; at < to; at++) {
        struct tca_listener_row *row = &sweep->row[at];
        if (sweep->user || (row->server_rtt_ns < 0 && to - from > 1))
            row->vantage = known;
        if (!sweep->user)
            row->vantage = proved_vantage(row->vantage, host);
    }
}

static void place_all(struct tca_sweep *sweep)
{
    for (size_t at = 0, end; at < sweep->listeners; at = end) {
        uint32_t host = tca_sweep_host(sweep, at);
        for (end = at + 1; end < sweep->listeners && tca_sweep_host(sweep, end) == host;)
            end++;
        place_rows(sweep, tca_hosts_at(sweep->hosts, host), at, end);
    }
}

/* The next one, of the connections from `first` to before `end`. */
static void add_row(struct tca_sweep *sweep, size_t first, size_t end, int64_t *time)
{
    size_t at = sweep->listeners++;
    const struct tca_conn_ref *ref = &sweep->ref[first];
    struct tca_listener_row *row = &sweep->row[at];
    for (size_t one = first; one < end; one++)
        sweep->ref[one].conn->listener = (uint32_t)at;
    sweep->place[at] = place_of(ref->conn->host, ref->conn->port);
    row->first = first;
    row->server_rtt_ns = percentile(times_of(ref, end - first, server_rtt_of, time), 50);
    row->client_rtt_ns = percentile(times_of(ref, end - first, client_rtt_of, time), 50);
    row->vantage = vantage_of(row->server_rtt_ns, row->client_rtt_ns);
    row[1].first = end;
}

static void sort_conns(struct tca_sweep *sweep)
{
    for (size_t at = 0; at < sweep->conns; at++) {
        sweep->conn[at].host = tca_hosts_rank(sweep->hosts, sweep->conn[at].host);
        sweep->ref[at].conn = &sweep->conn[at];
    }
    tca_sort(sweep->ref, sweep->conns, sizeof *sweep->ref, digest_conn, compare_conns);
}

/* `time` is scratch for one entry per connection. */
static int list_rows(struct tca_sweep *sweep, int64_t *time)
{
    size_t count = 0;
    sort_conns(sweep);
    for (size_t at = 0; at < sweep->conns; at = same_place(sweep->ref, at, sweep->conns))
        count++;
    sweep->place = tca_grow(NULL, count, sizeof *sweep->place);
    sweep->row = tca_grow(NULL, count + 1, sizeof *sweep->row);
    int error = sweep->place && sweep->row ? tca_kept_init(&sweep->kept, count) : TCA_EMEMORY;
    for (size_t at = 0, end; at < sweep->conns && !error; at = end) {
        end = same_place(sweep->ref, at, sweep->conns);
        add_row(sweep, at, end, time);
    }
    return error;
}

int tca_sweep_listeners(struct tca_sweep *sweep, const struct tca_hosts *hosts)
{
    int64_t *time = tca_alloc(sweep->conns * sizeof *time);
    sweep->ref = tca_alloc(sweep->conns * sizeof *sweep->ref);
    sweep->hosts = hosts;
    int error = sweep->ref && time ? list_rows(sweep, time) : TCA_EMEMORY;
    tca_free(time);
    if (!error)
        place_all(sweep);
    return error;
}

/* ---- look-up ---- */

/* By number of the host and port; `listeners`: nobody listens there. */
static size_t find_number(const struct tca_sweep *sweep, uint32_t host, uint16_t port)
{
    uint64_t place = place_of(host, port);
    size_t low = 0, high = sweep->listeners;
    while (low < high) {
        size_t at = low + (high - low) / 2;
        if (sweep->place[at] < place)
            low = at + 1;
        else
            high = at;
    }
    return low < sweep->listeners && sweep->place[low] == place ? low : sweep->listeners;
}

bool tca_sweep_serves(const struct tca_sweep *sweep, uint32_t host, uint16_t port)
{
    return find_number(sweep, host, port) < sweep->listeners;
}

const struct tca_listener *tca_sweep_at(const struct tca_sweep *sweep, size_t index,
                                        struct tca_listener *room)
{
    return tca_kept_take(&sweep->kept, index, room);
}

const struct tca_listener *tca_sweep_place(const struct tca_sweep *sweep, uint32_t host, uint16_t port,
                                           struct tca_listener *room)
{
    size_t found = find_number(sweep, host, port);
    return found < sweep->listeners ? tca_sweep_at(sweep, found, room) : NULL;
}

const struct tca_listener *tca_sweep_find(const struct tca_sweep *sweep, const struct tca_dossier *d,
                                          struct tca_listener *room)
{
    const struct tca_listener *l = tca_sweep_place(sweep, d->host[TCA_SERVER], d->port[TCA_SERVER], room);
    return l ? l : &tca_listener_unknown;
}

struct tca_listener *tca_sweep_edit(struct tca_sweep *sweep, uint32_t host, uint16_t port,
                                    struct tca_listener *room)
{
    size_t found = find_number(sweep, host, port);
    return found < sweep->listeners ? tca_kept_take(&sweep->kept, found, room) : NULL;
}

int tca_sweep_put(struct tca_sweep *sweep, uint32_t host, struct tca_listener *l)
{
    return tca_kept_put(&sweep->kept, find_number(sweep, host, l->port), l);
}

size_t tca_sweep_count(const struct tca_sweep *sweep)
{
    return sweep ? sweep->listeners : 0;
}

void tca_sweep_pack(struct tca_sweep *sweep)
{
    tca_kept_pack(&sweep->kept);
}

static size_t moments_between(const int64_t *moment, size_t count, int64_t from_ns, int64_t to_ns)
{
    return tca_count_before(moment, count, to_ns) - tca_count_before(moment, count, from_ns);
}

bool tca_listener_admits(const struct tca_listener *l, int64_t from_ns, int64_t to_ns)
{
    return to_ns > from_ns && !moments_between(l->dropped_ns, l->dropped, from_ns, to_ns) &&
           moments_between(l->admitted_ns, l->admitted, from_ns, to_ns);
}

size_t tca_listener_drops(const struct tca_listener *l, int64_t from_ns, int64_t to_ns)
{
    return moments_between(l->dropped_ns, l->dropped, from_ns, to_ns);
}

size_t tca_listener_answers(const struct tca_listener *l, int64_t from_ns, int64_t to_ns)
{
    if (to_ns <= from_ns || tca_listener_drops(l, from_ns, to_ns))
        return 0;
    return moments_between(l->answered_ns, l->answered, from_ns + 1, to_ns);
}

bool tca_listener_closed_at(const struct tca_listener *l, int64_t time_ns)
{
    for (unsigned at = 0; at < l->outages; at++) {
        const struct tca_outage *one = &l->outage[at];
        if (time_ns > one->before_ns && time_ns < one->until_ns && time_ns >= one->first_ns - TCA_SECOND)
            return true;
    }
    return false;
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

bool tca_listener_aborts(const struct tca_listener *l)
{
    return tca_near_server(l->vantage) && l->aborted_opens >= TCA_ABORTS_AGREE && l->established > 0 &&
           !l->refused;
}

bool tca_listener_is_shared(const struct tca_listener *l)
{
    for (unsigned at = 0; at < l->episode_count; at++)
        if (l->episode[at].partial || tca_episode_contradicts_one(l, &l->episode[at]))
            return true;
    return false;
}
