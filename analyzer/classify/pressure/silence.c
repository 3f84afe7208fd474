/* SPDX-License-Identifier: MIT
 *
 * Why a SYN had no answer, where the queues of a listener are not it.
 *
 *     nothing at all ever came from the address                     syn_to_dead_host
 *     ... from this port, but from others of the host               syn_drop_firewall
 *     ... for this client, but for others of the listener           syn_drop_firewall; near the server syn_no_route_back
 *     by timestamp: older than one seen from the address before     syn_drop_paws_nat
 *
 * All of them are silence, read beside what others got: from the first attempt to the last, without an exception. One
 * answer to the contrary and nothing is claimed. A capture of one direction shows silence everywhere; it has two
 * where some connection of it is answered.
 */
#include "classify/pressure/attempt.h"

#include "base/sort.h"
#include "base/sorted.h"

#include <string.h>
#include <tcpautopsy/error.h>

#define SECOND INT64_C(1000000000)

static const int64_t STAMP_NS = 60 * SECOND; /* TCP_PAWS_MSL: how long a host's newest timestamp counts */
enum { COPIES_MIN = 2, CLIENT_COPIES_MIN = 3, STAMPS_MIN = 5 };

static int compare_hosts(const struct tca_attempt *a, const struct tca_attempt *b)
{
    return tca_compare_u64(a->server_host, b->server_host);
}

/* Of one server: by port, then by client, then by time. */
static int by_server(const void *left, const void *right)
{
    const struct tca_attempt *a = *(struct tca_attempt *const *)left,
                             *b = *(struct tca_attempt *const *)right;
    int order = compare_hosts(a, b);
    if (!order)
        order = tca_compare_u64(a->server_port, b->server_port);
    if (!order)
        order = tca_compare_u64(a->client_host, b->client_host);
    return order ? order : tca_compare_begun(a, b);
}

static struct tca_digest digest_server(const void *item)
{
    const struct tca_attempt *a = *(struct tca_attempt *const *)item;
    return (struct tca_digest){(uint64_t)a->server_host << 16 | a->server_port, a->client_host};
}

/* Of one pair of hosts: by time. */
static int by_pair(const void *left, const void *right)
{
    const struct tca_attempt *a = *(struct tca_attempt *const *)left,
                             *b = *(struct tca_attempt *const *)right;
    int order = compare_hosts(a, b);
    if (!order)
        order = tca_compare_u64(a->client_host, b->client_host);
    return order ? order : tca_compare_begun(a, b);
}

static struct tca_digest digest_pair(const void *item)
{
    const struct tca_attempt *a = *(struct tca_attempt *const *)item;
    return (struct tca_digest){(uint64_t)a->server_host << 32 | a->client_host, tca_digest_i64(a->first_ns)};
}

/* ---- groups of attempts ---- */

struct group {
    struct tca_attempt **one;
    size_t count;
};

struct facts {
    uint64_t heard, silent, copies; /* attempts answered by anything; without any answer; their SYNs */
    int64_t first_ns, last_ns;      /* of the silent ones */
};

static bool is_silent(const struct tca_attempt *a)
{
    return (a->flags & TCA_TRY_SYN) && a->drops &&
           !(a->flags & (TCA_TRY_HEARD | TCA_TRY_ICMP | TCA_TRY_BOTH | TCA_TRY_PRIOR));
}

static struct facts facts_of(const struct group *g)
{
    struct facts f = {.first_ns = INT64_MAX, .last_ns = INT64_MIN};
    for (size_t at = 0; at < g->count; at++) {
        const struct tca_attempt *a = g->one[at];
        f.heard += (a->flags & (TCA_TRY_HEARD | TCA_TRY_ICMP)) != 0;
        if (!is_silent(a))
            continue;
        f.silent++;
        f.copies += a->drops;
        f.first_ns = a->first_ns < f.first_ns ? a->first_ns : f.first_ns;
        f.last_ns = a->last_ns > f.last_ns ? a->last_ns : f.last_ns;
    }
    return f;
}

/* A full queue explains its own, and so do time stamps out of order. */
static bool explained(const struct tca_pressure *p, const struct tca_attempt *a)
{
    const struct tca_pressed *mine = a->number ? &p->pressed[a->number - 1] : NULL;
    return mine && (mine->confidence[TCA_PRESS_SYNQ_FULL] || mine->confidence[TCA_PRESS_PAWS]);
}

static int press_all(struct tca_pressure *p, const struct group *g, enum tca_press what,
                     enum tca_confidence level, uint64_t others)
{
    int error = TCA_OK;
    for (size_t at = 0; at < g->count && !error; at++) {
        if (!is_silent(g->one[at]) || explained(p, g->one[at]))
            continue;
        error = tca_press(p, g->one[at], what, level);
        if (!error)
            tca_pressed_of(p, g->one[at])->others = (uint32_t)others;
    }
    return error;
}

/* ---- one listener among others ---- */

static bool in_episode(const struct tca_listener *l, const struct tca_attempt *a)
{
    for (unsigned at = 0; l && at < l->episode_count; at++)
        if (l->episode[at].first_ns <= a->last_ns && l->episode[at].last_ns >= a->first_ns)
            return true;
    return false;
}

/* One client of a listener that answers others meanwhile. */
static int read_client(struct tca_pressure *p, const struct group *g, const struct tca_listener *l)
{
    struct facts f = facts_of(g);
    if (f.heard || f.copies < CLIENT_COPIES_MIN || !l)
        return TCA_OK;
    for (size_t at = 0; at < g->count; at++)
        if (in_episode(l, g->one[at]))
            return TCA_OK;
    if (f.first_ns > l->last_synack_ns || f.last_ns < l->first_synack_ns)
        return TCA_OK; /* the others were not answered meanwhile */
    int error = press_all(p, g, TCA_PRESS_FIREWALL, TCA_POSSIBLE, f.silent);
    if (!error && !(g->one[0]->flags & TCA_TRY_PAIR_HEARD) && tca_near_server(l->vantage))
        error = press_all(p, g, TCA_PRESS_NO_ROUTE, TCA_POSSIBLE, f.silent);
    return error;
}

static struct group next_group(struct tca_attempt **one, size_t at, size_t count,
                               bool (*same)(const struct tca_attempt *, const struct tca_attempt *))
{
    size_t end = at + 1;
    while (end < count && same(one[at], one[end]))
        end++;
    return (struct group){one + at, end - at};
}

static bool same_port(const struct tca_attempt *a, const struct tca_attempt *b)
{
    return a->server_port == b->server_port;
}

static bool same_client(const struct tca_attempt *a, const struct tca_attempt *b)
{
    return a->client_host == b->client_host;
}

static bool same_pair(const struct tca_attempt *a, const struct tca_attempt *b)
{
    return !compare_hosts(a, b) && same_client(a, b);
}

static bool same_server(const struct tca_attempt *a, const struct tca_attempt *b)
{
    return !compare_hosts(a, b);
}

/* The clients of a port that answers some. */
static int read_clients(struct tca_pressure *p, const struct group *port, const struct tca_listener *l)
{
    int error = TCA_OK;
    for (size_t at = 0; at < port->count && !error;) {
        struct group client = next_group(port->one, at, port->count, same_client);
        error = read_client(p, &client, l);
        at += client.count;
    }
    return error;
}

/* A port that answered nobody, though the host is alive. An accept queue that was full before the capture began, and
 * stays so, looks the same. */
static int read_mute_port(struct tca_pressure *p, const struct group *port, const struct facts *f)
{
    if (f->copies < COPIES_MIN)
        return TCA_OK;
    return press_all(p, port, TCA_PRESS_FIREWALL, TCA_POSSIBLE, f->silent);
}

static int read_ports(struct tca_pressure *p, const struct group *host)
{
    int error = TCA_OK;
    for (size_t at = 0; at < host->count && !error;) {
        struct group port = next_group(host->one, at, host->count, same_port);
        const struct tca_attempt *a = port.one[0];
        struct tca_listener room;
        const struct tca_listener *l = tca_sweep_place(p->sweep, a->server_host, a->server_port, &room);
        struct facts f = facts_of(&port);
        if (f.silent && f.heard)
            error = read_clients(p, &port, l);
        else if (f.silent)
            error = read_mute_port(p, &port, &f);
        at += port.count;
    }
    return error;
}

/* ---- hosts ---- */

/* Which captures have two directions: some connection of it is answered. They come one after the other. */
static bool two_ways(struct tca_attempt *const *one, size_t count)
{
    uint32_t capture = one[0]->capture;
    for (size_t at = 0; at < count && one[at]->capture == capture; at++)
        if ((one[at]->flags & TCA_TRY_ANSWERED) && (one[at]->flags & TCA_TRY_ACKED))
            return true;
    return false;
}

static int read_hosts(struct tca_pressure *p)
{
    bool both = false;
    uint32_t capture = 0;
    int error = TCA_OK;
    tca_sort(p->order, p->attempts, sizeof(struct tca_attempt *), digest_server, by_server);
    for (size_t at = 0; at < p->attempts && !error;) {
        struct group host = next_group(p->order, at, p->attempts, same_server);
        if (host.one[0]->capture != capture)
            both = two_ways(host.one, p->attempts - at);
        capture = host.one[0]->capture;
        struct facts f = facts_of(&host);
        if (both && f.silent && f.heard)
            error = read_ports(p, &host);
        else if (both && f.copies >= COPIES_MIN)
            error = press_all(p, &host, TCA_PRESS_DEAD_HOST, TCA_POSSIBLE, f.silent);
        at += host.count;
    }
    return error;
}

/* ---- timestamps of one address ---- */

struct stamps {
    uint64_t older_dropped, newer_dropped, older_answered, newer_answered, plain_dropped;
};

/* Every SYN against the newest timestamp that its address had shown before, as per-host PAWS holds them. */
static struct stamps read_stamps(const struct group *pair)
{
    struct stamps s = {0};
    uint32_t newest = 0;
    int64_t newest_ns = INT64_MIN / 2;
    for (size_t at = 0; at < pair->count; at++) {
        const struct tca_attempt *a = pair->one[at];
        bool silent = is_silent(a), answered = a->flags & TCA_TRY_ANSWERED;
        if (!(a->flags & TCA_TRY_TS)) {
            s.plain_dropped += silent;
            continue;
        }
        bool known = a->first_ns - newest_ns <= STAMP_NS, older = known && (int32_t)(a->tsval - newest) < 0;
        s.older_dropped += silent && older;
        s.newer_dropped += silent && !older;
        s.older_answered += answered && older;
        s.newer_answered += answered && !older;
        if (answered && !older) {
            newest = a->tsval_last;
            newest_ns = a->last_ns;
        }
    }
    return s;
}

/* Clean: answered if and only if it is not older, and both happened often. */
static int read_pair(struct tca_pressure *p, const struct group *pair)
{
    struct stamps s = read_stamps(pair);
    bool clean = !s.newer_dropped && !s.older_answered && !s.plain_dropped;
    if (!clean || s.older_dropped < STAMPS_MIN || s.newer_answered < 2)
        return TCA_OK;
    struct tca_attempt *a = pair->one[0];
    struct tca_listener room, *l = tca_sweep_edit(p->sweep, a->server_host, a->server_port, &room);
    enum tca_confidence level =
        tca_press_level(l ? l->vantage : TCA_VANTAGE_UNKNOWN, TCA_PROBABLE, TCA_PROBABLE, TCA_POSSIBLE);
    int error = TCA_OK;
    for (size_t at = 0; at < pair->count && !error; at++) {
        a = pair->one[at];
        if (!is_silent(a))
            continue;
        l = tca_sweep_edit(p->sweep, a->server_host, a->server_port, &room);
        if (l) {
            l->paws_drop_count += a->drops;
            error = tca_sweep_put(p->sweep, a->server_host, l);
        }
        if (!error)
            error = tca_press(p, a, TCA_PRESS_PAWS, level);
        if (!error)
            tca_pressed_of(p, a)->others = (uint32_t)s.older_dropped;
    }
    return error;
}

/* Whether the server ever answered this host, at any port. */
static void note_pair(const struct group *pair)
{
    bool heard = facts_of(pair).heard > 0;
    for (size_t at = 0; at < pair->count; at++)
        pair->one[at]->flags |= heard ? TCA_TRY_PAIR_HEARD : 0u;
}

static int read_pairs(struct tca_pressure *p)
{
    int error = TCA_OK;
    tca_sort(p->order, p->attempts, sizeof(struct tca_attempt *), digest_pair, by_pair);
    for (size_t at = 0; at < p->attempts && !error;) {
        struct group pair = next_group(p->order, at, p->attempts, same_pair);
        note_pair(&pair);
        error = read_pair(p, &pair);
        at += pair.count;
    }
    return error;
}

int tca_silence_read(struct tca_pressure *p)
{
    int error = read_pairs(p);
    return error ? error : read_hosts(p);
}
