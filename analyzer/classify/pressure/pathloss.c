/* SPDX-License-Identifier: MIT
 *
 * Bursts of loss on a path: for a while many connections of several listeners, at best at both ends, send again what was
 * lost, and before and after hardly any does.
 *
 *     repeats of SYNs, payload and FINs, in order of time, cut where there is a pause --> runs
 *     connections of a run, joined where they share a client's or a server's network  --> paths
 *     repeats of one path, cut again where there is a pause                           --> bursts
 *
 * Rows of one port may be one socket that listens at several addresses, or hosts that wait for one and the same: where
 * their connections fail to open, they are one witness. Where accepted ones lose segments, each row is its own.
 *
 * What tells a path from a listener: a full queue drops the SYNs and ACKs of one listener, a path takes from all that
 * use it, in both directions, from connections that were long accepted as from new ones. So SYNs that an overflow or
 * a full SYN queue explains do not count, nor do SYNs that reached the server and stayed without an answer, nor what
 * a flood sends. What nothing joins is no one path, though it happens at one time.
 */
#include "classify/pressure/attempt.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/sort.h"
#include "base/sorted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/error.h>

#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)

static const int64_t PAUSE_NS = 1500 * MS; /* the second repeat of a timer comes within this of the first */
static const int64_t BURST_MAX_NS = 120 * SECOND;
enum { FLOWS_MIN = 8, WITNESSES_MIN = 2, FLOWS_PER_LISTENER = 2, EACH_WAY_MIN = 3, TIMES = 5 };

/* A host's network, as far as addresses tell: hosts of one are reached by one path. */
struct net {
    uint8_t prefix[16];
    uint8_t family;
};

/* One end of a connection of the run. */
struct end {
    struct net net;
    uint32_t flow; /* its place in scratch.flow */
};

struct flow {
    struct tca_attempt *attempt;
    uint32_t parent; /* of the same path; itself: the root, which names the path */
};

/* Room for the connections of any run, and the repeats of any capture: as many as there are repeats. */
struct scratch {
    const struct tca_hosts *hosts;
    struct net *net;          /* owned; two for each */
    struct flow *flow;        /* owned */
    struct end *end;          /* owned; two for each */
    struct tca_attempt **hit; /* owned */
};

/* Repeats of one path: of the run [from, to) of all repeats of the capture. */
struct burst {
    const struct tca_repeat *repeat;
    size_t count;
    uint64_t flows, listeners, witnesses, by_client, by_server, clients, servers;
    int64_t first_ns, last_ns;
    bool accepted; /* connections that were accepted before lost segments, too */
};

/* All of one capture, to compare with. */
struct whole {
    struct net *net; /* of both ends of every repeat, sorted */
    size_t nets;
    int64_t span_ns;
};

static int compare_ports(const void *left, const void *right)
{
    const struct tca_attempt *a = *(struct tca_attempt *const *)left,
                             *b = *(struct tca_attempt *const *)right;
    int order = tca_compare_u64(a->server_port, b->server_port);
    if (!order)
        order = tca_compare_u64(a->place, b->place);
    return order ? order : tca_compare_u64(a->frame, b->frame);
}

static int compare_servers(const void *left, const void *right)
{
    const struct tca_attempt *a = *(struct tca_attempt *const *)left,
                             *b = *(struct tca_attempt *const *)right;
    return tca_compare_u64(a->server_host, b->server_host);
}

static const struct tca_listener *listener_of(const struct tca_pressure *p, const struct tca_attempt *a,
                                              struct tca_listener *room)
{
    return tca_sweep_place(p->sweep, a->server_host, a->server_port, room);
}

/* Part of a flood: its sender repeats by plan, whatever the path does. */
static bool floods(const struct tca_listener *l, const struct tca_attempt *a)
{
    return (l->flood_kind == TCA_FLOOD_SPOOFED || l->flood_kind == TCA_FLOOD_DIRECT) &&
           tca_attempt_incomplete(a);
}

/* What its listener's queues, or a flood, make of it. */
static bool has_cause(const struct tca_pressure *p, const struct tca_listener *l, const struct tca_attempt *a,
                      int64_t time_ns)
{
    bool full = a->number && p->pressed[a->number - 1].confidence[TCA_PRESS_SYNQ_FULL];
    return full || floods(l, a) || tca_listener_episode(l, time_ns, SECOND);
}

/* It has another cause, or it got there. */
static bool excused(const struct tca_pressure *p, const struct tca_repeat *r)
{
    const struct tca_attempt *a = &p->attempt[r->attempt];
    struct tca_listener room;
    const struct tca_listener *l = listener_of(p, a, &room);
    if (!l || (a->flags & (TCA_TRY_STUCK | TCA_TRY_BOTH)) || has_cause(p, l, a, r->time_ns) ||
        has_cause(p, l, a, r->lost_ns))
        return true;
    return r->syn && a->drops && tca_near_server(l->vantage);
}

static void keep_repeats(struct tca_pressure *p)
{
    size_t kept = 0;
    for (size_t at = 0; at < p->repeats; at++)
        if (!excused(p, &p->repeat[at]))
            p->repeat[kept++] = p->repeat[at];
    p->repeats = kept;
}

/* Time alone does not order the repeats of several captures. */
static int compare_keys(const void *left, const void *right)
{
    const struct tca_repeat *a = left, *b = right;
    int order = tca_compare_u64(a->capture, b->capture);
    if (!order)
        order = tca_compare_i64(a->time_ns, b->time_ns);
    return order ? order : tca_compare_u64(a->frame, b->frame);
}

static struct tca_digest digest_repeat(const void *item)
{
    const struct tca_repeat *repeat = item;
    return (struct tca_digest){repeat->capture, tca_digest_i64(repeat->time_ns)};
}

/* ---- what connections share ---- */

static struct net net_of(const uint8_t addr[16], uint8_t family)
{
    struct net net = {.family = family};
    memcpy(net.prefix, addr, family == 4 ? 15 : 8); /* /24 and /64 */
    return net;
}

static struct net net_of_client(const struct tca_hosts *hosts, const struct tca_attempt *a)
{
    return net_of(tca_client_of(hosts, a), a->family);
}

static struct net net_of_server(const struct tca_hosts *hosts, const struct tca_attempt *a)
{
    return net_of(tca_server_of(hosts, a), a->family);
}

static int compare_nets(const struct net *a, const struct net *b)
{
    int order = tca_compare_u64(a->family, b->family);
    return order ? order : memcmp(a->prefix, b->prefix, sizeof a->prefix);
}

static int compare_ends(const void *left, const void *right)
{
    const struct end *a = left, *b = right;
    int order = compare_nets(&a->net, &b->net);
    return order ? order : tca_compare_u64(a->flow, b->flow);
}

static int compare_attempts(const void *left, const void *right)
{
    const struct tca_repeat *a = left, *b = right;
    return tca_compare_u64(a->attempt, b->attempt);
}

static int compare_paths(const void *left, const void *right)
{
    const struct tca_repeat *a = left, *b = right;
    int order = tca_compare_u64(a->path, b->path);
    return order ? order : compare_keys(left, right);
}

/* The path that this connection belongs to; the way there is halved for the next who asks. */
static uint32_t root_of(struct flow *flow, uint32_t at)
{
    while (flow[at].parent != at)
        at = flow[at].parent = flow[flow[at].parent].parent;
    return at;
}

/* The lower one leads, so that the name does not depend on the order of joining. */
static void join(struct flow *flow, uint32_t one, uint32_t other)
{
    uint32_t a = root_of(flow, one), b = root_of(flow, other);
    flow[a > b ? a : b].parent = a < b ? a : b;
}

/* Join those of the first `count` connections that share a network at either end. */
static void join_flows(struct scratch *s, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        const struct tca_attempt *a = s->flow[at].attempt;
        s->end[2 * at] = (struct end){net_of_client(s->hosts, a), (uint32_t)at};
        s->end[2 * at + 1] = (struct end){net_of_server(s->hosts, a), (uint32_t)at};
    }
    qsort(s->end, 2 * count, sizeof *s->end, compare_ends);
    for (size_t at = 1; at < 2 * count; at++)
        if (!compare_nets(&s->end[at - 1].net, &s->end[at].net))
            join(s->flow, s->end[at - 1].flow, s->end[at].flow);
}

/* Put the repeats of each path of a run side by side, in order of time. */
static void part_run(struct tca_pressure *p, struct tca_repeat *run, size_t count, struct scratch *s)
{
    size_t flows = 0;
    qsort(run, count, sizeof *run, compare_attempts);
    for (size_t at = 0; at < count; at++) {
        if (!at || run[at].attempt != run[at - 1].attempt) {
            s->flow[flows] = (struct flow){&p->attempt[run[at].attempt], (uint32_t)flows};
            flows++;
        }
        run[at].path = (uint32_t)(flows - 1);
    }
    join_flows(s, flows);
    for (size_t at = 0; at < count; at++)
        run[at].path = root_of(s->flow, run[at].path);
    qsort(run, count, sizeof *run, compare_paths);
}

/* ---- one burst ---- */

/* Sent again on a connection that was accepted before. */
static bool is_beyond(const struct tca_attempt *a, const struct tca_repeat *r)
{
    return !r->syn && (r->server || ((a->flags & TCA_TRY_CHILD) && r->time_ns > a->gone_late_ns));
}

/* The flows of a burst, each once; `hit` holds them. */
static size_t flows_of(struct tca_pressure *p, struct burst *b, struct tca_attempt **hit)
{
    uint32_t serial = ++p->serial;
    size_t count = 0;
    for (size_t at = 0; at < b->count; at++) {
        struct tca_attempt *a = &p->attempt[b->repeat[at].attempt];
        b->by_client += !b->repeat[at].server;
        b->by_server += b->repeat[at].server;
        if (tca_first_met(a, serial)) {
            hit[count++] = a;
            a->flags &= ~(uint32_t)TCA_TRY_BEYOND;
        }
        a->flags |= is_beyond(a, &b->repeat[at]) ? TCA_TRY_BEYOND : 0u;
    }
    return count;
}

static uint64_t different(struct tca_attempt **hit, size_t count, int (*order)(const void *, const void *))
{
    uint64_t number = 0;
    qsort(hit, count, sizeof(struct tca_attempt *), order);
    for (size_t at = 0; at < count; at++)
        number += !at || order(&hit[at - 1], &hit[at]) != 0;
    return number;
}

/* The listeners of the port that begins here, and how many of them bear witness. Returns where it ends. */
static size_t count_port(struct burst *b, struct tca_attempt **hit, size_t at)
{
    uint64_t listeners = 0, alone = 0;
    uint16_t port = hit[at]->server_port;
    for (size_t end; at < b->flows && hit[at]->server_port == port; at = end) {
        uint64_t beyond = 0;
        for (end = at; end < b->flows && hit[end]->place == hit[at]->place; end++)
            beyond += (hit[end]->flags & TCA_TRY_BEYOND) != 0;
        listeners += end - at >= FLOWS_PER_LISTENER;
        alone += beyond >= FLOWS_PER_LISTENER;
    }
    b->listeners += listeners;
    b->witnesses += alone ? alone : listeners > 0;
    b->accepted = b->accepted || alone;
    return at;
}

static void count_burst(struct tca_pressure *p, struct burst *b, struct tca_attempt **hit)
{
    b->flows = flows_of(p, b, hit);
    b->clients = different(hit, b->flows, tca_order_clients);
    b->servers = different(hit, b->flows, compare_servers);
    qsort(hit, b->flows, sizeof(struct tca_attempt *), compare_ports);
    for (size_t at = 0; at < b->flows;)
        at = count_port(b, hit, at);
}

/* How many of the sorted ones are below this one; with `past`, or equal to it. */
static size_t count_nets(const struct whole *w, const struct net *limit, bool past)
{
    size_t low = 0, high = w->nets;
    while (low < high) {
        size_t at = low + (high - low) / 2;
        if (compare_nets(&w->net[at], limit) < past)
            low = at + 1;
        else
            high = at;
    }
    return low;
}

/* Repeats of the same networks at other times: one that shares both is one, one that shares one is half of one.
 * `hit` holds the burst's connections. */
static double count_beside(const struct burst *b, const struct whole *w, struct scratch *s)
{
    size_t all = 0, ends = 2 * b->flows;
    for (size_t at = 0; at < ends; at++) {
        const struct tca_attempt *a = s->hit[at / 2];
        s->end[at] = (struct end){.net = at % 2 ? net_of_server(s->hosts, a) : net_of_client(s->hosts, a)};
    }
    qsort(s->end, ends, sizeof *s->end, compare_ends);
    for (size_t at = 0; at < ends; at++)
        if (!at || compare_nets(&s->end[at - 1].net, &s->end[at].net))
            all += count_nets(w, &s->end[at].net, true) - count_nets(w, &s->end[at].net, false);
    return (double)(all - 2 * b->count) / 2;
}

/* Much denser than these networks' repeats in the rest of the capture, which must be there to compare. */
static bool stands_out(const struct burst *b, const struct whole *w, struct scratch *s)
{
    int64_t inside = b->last_ns - b->first_ns + SECOND, outside = w->span_ns - inside;
    if (outside < inside)
        return false;
    return (double)b->count / (double)inside >= TIMES * count_beside(b, w, s) / (double)outside;
}

static bool is_burst(const struct burst *b, const struct whole *w, struct scratch *s)
{
    return b->flows >= FLOWS_MIN && b->witnesses >= WITNESSES_MIN &&
           b->last_ns - b->first_ns <= BURST_MAX_NS && stands_out(b, w, s);
}

/* Where one side alone repeats, that side's peer may be what failed. */
static enum tca_confidence level_of(const struct tca_listener *l, const struct burst *b)
{
    enum tca_confidence level =
        tca_press_level(l ? l->vantage : TCA_VANTAGE_UNKNOWN, TCA_PROBABLE, TCA_PROBABLE, TCA_POSSIBLE);
    return tca_lower(level, b->by_client < EACH_WAY_MIN || b->by_server < EACH_WAY_MIN);
}

static int tell_burst(struct tca_pressure *p, const struct burst *b, const struct tca_attempt *first)
{
    struct tca_listener room;
    struct tca_incident in = {.id = TCA_path_loss_burst,
                              .confidence = level_of(listener_of(p, first, &room), b),
                              .scope = TCA_SCOPE_CAPTURE,
                              .capture = first->capture,
                              .family = first->family,
                              .first_ns = b->first_ns,
                              .last_ns = b->last_ns,
                              .flows = b->flows,
                              .peers = b->clients,
                              .value = (int64_t)b->count,
                              .unit = "pkts"};
    for (size_t at = 0; at < b->count && in.frame_count + 1 < TCA_PROOF_MAX; at++)
        tca_incident_prove(&in, b->repeat[at].frame);
    tca_incident_prove(&in, b->repeat[b->count - 1].frame);
    struct tca_buf servers = {0};
    if (b->servers == 1)
        tca_anon_ip(&servers, p->anon, tca_server_of(p->hosts, first), first->family);
    else
        tca_buf_fmt(&servers, "%llu servers", (unsigned long long)b->servers);
    char whose[48] = "all of them the clients'";
    if (b->by_server)
        snprintf(whose, sizeof whose, "%llu of them the servers'", (unsigned long long)b->by_server);
    tca_incident_say(
        &in,
        "%llu connections of %llu client%s with %llu listeners of %s repeated %llu segments, %s: the path "
        "they share lost segments.",
        (unsigned long long)b->flows, (unsigned long long)b->clients, b->clients == 1 ? "" : "s",
        (unsigned long long)b->listeners, tca_buf_text(&servers), (unsigned long long)b->count, whose);
    tca_buf_done(&servers);
    return tca_incidents_add(p->incidents, &in);
}

/* ---- SYNs without an answer ---- */

/* A network in a burst that was told. */
struct moment {
    struct net net;
    uint32_t capture, flows;
    int64_t first_ns, last_ns;
    bool accepted;
};

struct told {
    const struct tca_hosts *hosts;
    struct moment *moment; /* owned */
    size_t count, room;
};

static int compare_moments(const void *left, const void *right)
{
    const struct moment *a = left, *b = right;
    int order = tca_compare_u64(a->capture, b->capture);
    if (!order)
        order = compare_nets(&a->net, &b->net);
    return order ? order : tca_compare_i64(a->last_ns, b->last_ns);
}

/* `hit`: the connections of the burst. */
static int keep_told(struct told *told, const struct burst *b, struct tca_attempt *const *hit)
{
    for (size_t at = 0; at < 2 * b->flows; at++) {
        const struct tca_attempt *a = hit[at / 2];
        void *list = tca_room(told->moment, told->count, &told->room, sizeof *told->moment);
        if (!list)
            return TCA_EMEMORY;
        told->moment = list;
        told->moment[told->count++] =
            (struct moment){.net = at % 2 ? net_of_server(told->hosts, a) : net_of_client(told->hosts, a),
                            .capture = b->repeat->capture,
                            .flows = (uint32_t)b->flows,
                            .first_ns = b->first_ns,
                            .last_ns = b->last_ns,
                            .accepted = b->accepted};
    }
    return TCA_OK;
}

/* The burst of this network around this moment, or begun when what was lost then was sent again; NULL if there is
 * none. */
static const struct moment *burst_at(const struct told *told, uint32_t capture, struct net net,
                                     int64_t time_ns)
{
    struct moment wanted = {.net = net, .capture = capture, .last_ns = time_ns};
    size_t low = 0, high = told->count;
    while (low < high) {
        size_t at = low + (high - low) / 2;
        if (compare_moments(&told->moment[at], &wanted) < 0)
            low = at + 1;
        else
            high = at;
    }
    const struct moment *found = low < told->count ? &told->moment[low] : NULL;
    bool same = found && found->capture == capture && !compare_nets(&found->net, &net);
    return same && found->first_ns - TCA_ATTEMPT_WATCHED_NS <= time_ns ? found : NULL;
}

static const struct moment *burst_of(const struct told *told, const struct tca_attempt *a, int64_t time_ns)
{
    const struct moment *found = burst_at(told, a->capture, net_of_server(told->hosts, a), time_ns);
    return found ? found : burst_at(told, a->capture, net_of_client(told->hosts, a), time_ns);
}

/* Those of the same path in these moments: it lost them, or their answer. Where nothing was lost but what opens
 * connections, their hosts may have stalled. */
static int press_lost(struct tca_pressure *p, struct told *told)
{
    if (told->count)
        qsort(told->moment, told->count, sizeof *told->moment, compare_moments);
    for (size_t at = 0; at < p->drops && told->count; at++) {
        const struct tca_dropped *one = &p->drop[at];
        struct tca_attempt *a = &p->attempt[one->attempt];
        const struct moment *burst = one->weak ? NULL : burst_of(told, a, one->time_ns);
        struct tca_listener room;
        const struct tca_listener *l = burst ? listener_of(p, a, &room) : NULL;
        if (!l || tca_near_server(l->vantage) || has_cause(p, l, a, one->time_ns))
            continue;
        int error =
            tca_press(p, a, TCA_PRESS_LOST,
                      tca_lower(TCA_PROBABLE, (l->vantage == TCA_VANTAGE_UNKNOWN) + !burst->accepted));
        if (error)
            return error;
        tca_pressed_of(p, a)->others = burst->flows - 1;
    }
    return TCA_OK;
}

/* ---- one capture ---- */

/* From the first connection's beginning to the last one's end. Attempts are in the order of their listeners. */
static int64_t span_of(const struct tca_pressure *p, uint32_t capture)
{
    int64_t first = INT64_MAX, last = INT64_MIN;
    size_t low = 0, high = p->attempts;
    while (low < high) {
        size_t at = low + (high - low) / 2;
        if (p->order[at]->capture < capture)
            low = at + 1;
        else
            high = at;
    }
    for (size_t at = low; at < p->attempts && p->order[at]->capture == capture; at++) {
        first = p->order[at]->first_ns < first ? p->order[at]->first_ns : first;
        last = p->order[at]->last_ns > last ? p->order[at]->last_ns : last;
    }
    return last > first ? last - first : 0;
}

/* Where the run that begins here ends: at a pause, or where the next path begins. */
static size_t end_of_run(const struct tca_repeat *repeat, size_t at, size_t count)
{
    for (at++; at < count && repeat[at].path == repeat[at - 1].path &&
               repeat[at].time_ns - repeat[at - 1].time_ns <= PAUSE_NS;)
        at++;
    return at;
}

static int read_run(struct tca_pressure *p, struct tca_repeat *run, size_t count, const struct whole *w,
                    struct scratch *s, struct told *told)
{
    int error = TCA_OK;
    part_run(p, run, count, s);
    for (size_t at = 0, end; at < count && !error; at = end) {
        end = end_of_run(run, at, count);
        struct burst b = {.repeat = run + at,
                          .count = end - at,
                          .first_ns = run[at].time_ns,
                          .last_ns = run[end - 1].time_ns};
        if (b.count < FLOWS_MIN)
            continue;
        count_burst(p, &b, s->hit);
        if (!is_burst(&b, w, s))
            continue;
        error = tell_burst(p, &b, &p->attempt[run[at].attempt]);
        if (!error)
            error = keep_told(told, &b, s->hit);
    }
    return error;
}

static int compare_net_order(const void *left, const void *right)
{
    return compare_nets(left, right);
}

static void fill_whole(const struct tca_pressure *p, const struct tca_repeat *repeat, size_t count,
                       struct whole *w)
{
    w->nets = 2 * count;
    w->span_ns = span_of(p, repeat->capture);
    for (size_t at = 0; at < count; at++) {
        const struct tca_attempt *a = &p->attempt[repeat[at].attempt];
        w->net[2 * at] = net_of_client(p->hosts, a);
        w->net[2 * at + 1] = net_of_server(p->hosts, a);
    }
    qsort(w->net, w->nets, sizeof *w->net, compare_net_order);
}

/* Repeats of one capture, none of which has a path yet. */
static int read_capture(struct tca_pressure *p, struct tca_repeat *repeat, size_t count, struct scratch *s,
                        struct told *told)
{
    struct whole whole = {.net = s->net};
    int error = TCA_OK;
    if (count < FLOWS_MIN)
        return TCA_OK;
    fill_whole(p, repeat, count, &whole);
    for (size_t at = 0, end; at < count && !error; at = end) {
        end = end_of_run(repeat, at, count);
        if (end - at >= FLOWS_MIN)
            error = read_run(p, repeat + at, end - at, &whole, s, told);
    }
    return error;
}

static int read_captures(struct tca_pressure *p, struct scratch *s, struct told *told)
{
    int error = TCA_OK;
    tca_sort(p->repeat, p->repeats, sizeof *p->repeat, digest_repeat, compare_keys);
    for (size_t at = 0, end; at < p->repeats && !error; at = end) {
        for (end = at + 1; end < p->repeats && p->repeat[end].capture == p->repeat[at].capture;)
            end++;
        error = read_capture(p, &p->repeat[at], end - at, s, told);
    }
    return error;
}

int tca_pathloss_read(struct tca_pressure *p)
{
    keep_repeats(p);
    if (p->repeats < FLOWS_MIN)
        return TCA_OK;
    struct told told = {.hosts = p->hosts};
    struct scratch s = {.hosts = p->hosts,
                        .net = tca_grow(NULL, p->repeats, 2 * sizeof *s.net),
                        .flow = tca_grow(NULL, p->repeats, sizeof *s.flow),
                        .end = tca_grow(NULL, p->repeats, 2 * sizeof *s.end),
                        .hit = tca_grow(NULL, p->repeats, sizeof(struct tca_attempt *))};
    int error = s.net && s.flow && s.end && s.hit ? read_captures(p, &s, &told) : TCA_EMEMORY;
    if (!error)
        error = press_lost(p, &told);
    tca_free(s.net);
    tca_free(s.flow);
    tca_free(s.end);
    tca_free(s.hit);
    tca_free(told.moment);
    return error;
}
