/* SPDX-License-Identifier: MIT
 *
 * The sweep: what the edges of each listener show together, in time order. Everything that was added is sorted
 * before it is read, so the order of adds cannot matter.
 */
#include "classify/sweep/sweep.h"

#include "base/alloc.h"
#include "base/sort.h"
#include "base/sorted.h"
#include "classify/sweep/backlog.h"
#include "classify/sweep/bounds.h"
#include "classify/sweep/host.h"
#include "classify/sweep/known.h"
#include "classify/sweep/places.h"
#include "classify/sweep/wildcard.h"

#include <string.h>
#include <tcpautopsy/error.h>

#define MS     INT64_C(1000000)
#define SECOND INT64_C(1000000000)

static const int64_t BURST_NS = 10 * MS;       /* RSTs of a closing listener leave together */
static const int64_t ANSWER_NS = 100 * MS;     /* an answer slower than four round trips and this is none */
static const int64_t STILL_OPEN_NS = 100 * MS; /* a listener that answers a SYN within this was not closed */
static const int64_t ALONE_NS = SECOND;        /* who resets them one by one does it again within this */
static const int64_t AT_ONCE_NS = 500 * MS;    /* from a request to its answer, nobody in between */
enum { BURST_MIN = 3 };

static int compare_edges(const void *left, const void *right)
{
    const struct tca_edge *a = left, *b = right;
    int order = tca_compare_u32(a->listener, b->listener);
    if (!order)
        order = a->time_ns < b->time_ns ? -1 : a->time_ns > b->time_ns;
    if (!order)
        order = a->frame < b->frame ? -1 : a->frame > b->frame;
    return order ? order : (int)a->kind - (int)b->kind;
}

static struct tca_digest digest_edge(const void *item)
{
    const struct tca_edge *edge = item;
    return (struct tca_digest){edge->listener, tca_digest_i64(edge->time_ns)};
}

static void sort_edges(struct tca_edge *edge, size_t count)
{
    tca_sort(edge, count, sizeof *edge, digest_edge, compare_edges);
}

/* The last copy of a SYN is undecided if the capture ended before an answer could have come. Such edges go to the end.
 * Returns how many are left before them, in their order. */
static size_t put_off_undecided(const struct tca_listener *l, struct tca_edge *edge, size_t count)
{
    int64_t patience = ANSWER_NS + (l->server_rtt_ns > 0 ? 4 * l->server_rtt_ns : 0);
    size_t kept = 0;
    for (size_t at = 0; at < count; at++) {
        struct tca_edge one = edge[at];
        if (one.kind == TCA_EDGE_DROP && one.open_end && one.other_ns - one.time_ns <= patience)
            continue;
        edge[at] = edge[kept];
        edge[kept++] = one;
    }
    return kept;
}

static void find_synacks(struct tca_listener *l, const struct tca_edge *edge, size_t count)
{
    for (size_t at = 0; at < count; at++) {
        if (edge[at].kind != TCA_EDGE_SYNACK)
            continue;
        if (l->first_synack_ns < 0)
            l->first_synack_ns = edge[at].time_ns;
        if (edge[at].other_ns > l->last_synack_ns)
            l->last_synack_ns = edge[at].other_ns;
    }
}

/* `count` resets one after the other, and no other of this kind near them: nobody resets one connection after the other here,
 * a queue went all at once. */
static bool queue_at_once(const struct tca_edge *edge, const size_t *index, size_t count)
{
    return count >= BURST_MIN && edge[index[count - 1]].time_ns - edge[index[0]].time_ns <= BURST_NS;
}

/* Marks those that were reset while the listener went on answering: it was not closed. A queue that goes at once is that of
 * one of several listeners of the port (SO_REUSEPORT). `index`: their places. */
static void mark_still_open(struct tca_listener *l, struct tca_edge *edge, size_t count, const size_t *index,
                            size_t resets)
{
    int64_t next_synack_ns = INT64_MAX;
    for (size_t at = count; at-- > 0;) {
        if (edge[at].kind == TCA_EDGE_SYNACK)
            next_synack_ns = edge[at].time_ns;
        edge[at].open_end |= edge[at].kind == TCA_EDGE_CLOSED && next_synack_ns != INT64_MAX &&
                             next_synack_ns - edge[at].time_ns <= STILL_OPEN_NS;
    }
    for (size_t from = 0, to; from < resets; from = to) {
        for (to = from + 1; to < resets; to++)
            if (edge[index[to]].time_ns - edge[index[to - 1]].time_ns > ALONE_NS)
                break;
        for (size_t at = from; at < to && queue_at_once(edge, &index[from], to - from); at++) {
            l->closed_in_part |= edge[index[at]].open_end;
            edge[index[at]].open_end = false;
        }
    }
}

/* Active RSTs on wordless connections, as far as they may be those of a listener that was closed. */
static size_t closing_resets(struct tca_listener *l, struct tca_edge *edge, size_t count, size_t *index)
{
    size_t resets = 0, kept = 0;
    for (size_t at = 0; at < count; at++)
        if (edge[at].kind == TCA_EDGE_CLOSED)
            index[resets++] = at;
    mark_still_open(l, edge, count, index, resets);
    for (size_t at = 0; at < resets; at++)
        if (!edge[index[at]].open_end)
            index[kept++] = index[at];
    return kept;
}

/* Several within 10 ms: the listener was closed and reset its whole queue. Sets the largest burst; marks the
 * edges of every burst by weight 0. */
static void find_bursts(struct tca_listener *l, struct tca_edge *edge, size_t count, size_t *index)
{
    size_t resets = closing_resets(l, edge, count, index);
    for (size_t from = 0, to = 0, marked = 0; to < resets; to++) {
        while (edge[index[to]].time_ns - edge[index[from]].time_ns > BURST_NS)
            from++;
        if (to - from + 1 > l->closed_burst) {
            l->closed_burst = to - from + 1;
            l->closed_burst_ns = edge[index[from]].time_ns;
            l->closed_frame[0] = edge[index[from]].frame;
            l->closed_frame[1] = edge[index[to]].frame;
        }
        if (to - from + 1 >= BURST_MIN)
            for (marked = marked > from ? marked : from; marked <= to; marked++)
                edge[index[marked]].weight = 0;
    }
}

/* Children reset in such a burst were never accepted. `bursting` is scratch, a flag per connection. */
static void forget_proofs(struct tca_edge *edge, size_t count, uint8_t *bursting)
{
    for (size_t at = 0; at < count; at++)
        if (edge[at].kind == TCA_EDGE_CLOSED && !edge[at].weight)
            bursting[edge[at].conn] = 1;
    for (size_t at = 0; at < count; at++)
        if (edge[at].kind == TCA_EDGE_CHILD && edge[at].open_end && bursting[edge[at].conn])
            edge[at].other_ns = INT64_MAX;
}

/* Accepted and answered as soon as it asked: accept() takes the oldest, so nobody waited in the queue before it. */
static bool served_at_once(const struct tca_edge *child)
{
    int64_t since =
        child->ask_ns != INT64_MAX && child->ask_ns > child->time_ns ? child->ask_ns : child->time_ns;
    return child->other_ns != INT64_MAX && child->other_ns - since <= AT_ONCE_NS;
}

/* The moments of one kind, in order, at *moment, which moves on behind them. Returns how many; each edge is at most one moment. */
static size_t keep_moments(const struct tca_sweep *sweep, const struct tca_edge *edge, size_t count,
                           enum tca_edge_kind kind, int64_t **moment)
{
    const int64_t *first = *moment;
    for (size_t at = 0; at < count; at++) {
        bool admitted = sweep->conn[edge[at].conn].opened && served_at_once(&edge[at]);
        bool wanted = kind == TCA_EDGE_CHILD ? admitted : kind == TCA_EDGE_DROP ? !edge[at].weak : true;
        if (edge[at].kind == kind && wanted)
            *(*moment)++ = edge[at].time_ns;
    }
    return (size_t)(*moment - first);
}

/* The shortest round trip to the server: that of a SYN which met no delay. */
static int64_t shortest_path(const struct tca_sweep *sweep, const struct tca_edge *edge, size_t count)
{
    int64_t shortest = -1;
    for (size_t at = 0; at < count; at++) {
        int64_t path = sweep->conn[edge[at].conn].path_ns;
        if (path >= 0 && (shortest < 0 || path < shortest))
            shortest = path;
    }
    return shortest;
}

/* What decides is the order at the server: of what goes towards it, the order of passing; of what comes from it,
 * that order less the round trip between. */
static void order_as_at_server(const struct tca_sweep *sweep, struct tca_edge *edge, size_t count)
{
    int64_t path = shortest_path(sweep, edge, count);
    if (path < TCA_NEAR_NS)
        return;
    for (size_t at = 0; at < count; at++) {
        struct tca_edge *one = &edge[at];
        if (one->kind == TCA_EDGE_SYNACK || one->kind == TCA_EDGE_HEARD)
            one->time_ns -= path;
        else if (one->kind == TCA_EDGE_CHILD && one->other_ns != INT64_MAX)
            one->other_ns = one->other_ns - path > one->time_ns ? one->other_ns - path : one->time_ns;
    }
    sort_edges(edge, count);
}

/* Scratch of all listeners: a place for each edge and for each connection, and so of each listener its own. */
struct room {
    size_t *index; /* afterwards, at its first edge, how many moments a listener has */
    uint8_t *bursting;
    int64_t *time, *moment;
    size_t *begin; /* of each listener and of one behind them, the place of its first edge */
};

/* TCP_DEFER_ACCEPT drops bare ACKs, however empty the queue is. */
static void doubt_bare_acks(const struct tca_listener *l, struct tca_edge *edge, size_t count)
{
    for (size_t at = 0; at < count && l->deferred_opens; at++)
        edge[at].weak |= edge[at].kind == TCA_EDGE_IGNORED && edge[at].loose;
}

static int sweep_edges(const struct tca_sweep *sweep, struct tca_listener *l, size_t place, size_t count,
                       const struct tca_losses *loss, const struct room *room)
{
    struct tca_edge *edge = &sweep->edge[place];
    const size_t all = count;
    int64_t *moment = room->moment + place;
    doubt_bare_acks(l, edge, count);
    count = put_off_undecided(l, edge, count);
    find_synacks(l, edge, count);
    find_bursts(l, edge, count, room->index + place);
    forget_proofs(edge, count, room->bursting);
    order_as_at_server(sweep, edge, count);
    l->admitted = keep_moments(sweep, edge, count, TCA_EDGE_CHILD, &moment);
    l->dropped = keep_moments(sweep, edge, count, TCA_EDGE_DROP, &moment);
    l->answered = keep_moments(sweep, edge, count, TCA_EDGE_SYNACK, &moment);
    room->index[place] = l->admitted + l->dropped + l->answered;
    struct tca_episode *episode = NULL;
    int error = tca_episodes_find(l, edge, count, sweep->conn, loss, &episode);
    l->episode = episode;
    if (!error)
        error = tca_backlog_prune(l, edge, count, sweep->conn);
    return error ? error : tca_bounds_find(l, edge, count, all - count, sweep->conn);
}

/* ---- losses of one host ---- */

static int compare_losses(const void *left, const void *right)
{
    const struct tca_loss *a = left, *b = right;
    return tca_compare_u32(a->listener, b->listener);
}

static struct tca_digest digest_loss(const void *item)
{
    const struct tca_loss *loss = item;
    return (struct tca_digest){loss->listener, 0};
}

/* The losses of all hosts by listener, whose host's are side by side. `time` holds twice as many: where those
 * of the present host begin, and where they end. */
struct loss_walk {
    int64_t *time;
    size_t next;
    uint32_t host; /* number, plus one; 0: none yet */
    struct tca_losses found;
};

static void find_losses(const struct tca_sweep *sweep, struct loss_walk *walk, uint32_t host)
{
    if (walk->host == host + 1)
        return;
    size_t used = 0, at = walk->next;
    int64_t *from = walk->time, *to = walk->time + sweep->losses;
    while (at < sweep->losses && tca_sweep_host(sweep, sweep->loss[at].listener) < host)
        at++;
    for (; at < sweep->losses && tca_sweep_host(sweep, sweep->loss[at].listener) == host; at++) {
        from[used] = sweep->loss[at].from_ns;
        to[used++] = sweep->loss[at].to_ns;
    }
    if (used) {
        tca_sort_i64(from, used);
        tca_sort_i64(to, used);
    }
    walk->next = at;
    walk->host = host + 1;
    walk->found = (struct tca_losses){from, to, used};
}

static void sort_losses(struct tca_sweep *sweep)
{
    for (size_t at = 0; at < sweep->losses; at++)
        sweep->loss[at].listener = sweep->conn[sweep->loss[at].conn].listener;
    tca_sort(sweep->loss, sweep->losses, sizeof *sweep->loss, digest_loss, compare_losses);
}

/* ---- all listeners, several side by side ---- */

enum { TASKS_EACH = 8, TASKS_MAX = TASKS_EACH * TCA_CREW_MAX };

struct sharing {
    struct tca_sweep *sweep;
    struct room room;
    unsigned tasks;
    size_t from[TASKS_MAX + 1]; /* the first listener of each task, and the end */
    int error[TASKS_MAX];
};

/* Each task has as many connections and edges as any other, or one listener. */
static void part_listeners(struct sharing *share)
{
    const struct tca_sweep *sweep = share->sweep;
    size_t all = sweep->conns + sweep->edges, at = 0;
    for (unsigned task = 0; task < share->tasks; task++) {
        while (at < sweep->listeners &&
               sweep->row[at].first + share->room.begin[at] < all / share->tasks * task)
            at++;
        share->from[task] = at;
    }
    share->from[share->tasks] = sweep->listeners;
}

/* Its episodes are freed with it, so it is put back whatever happened. */
static int sweep_listener(const struct sharing *share, size_t at, struct loss_walk *walk)
{
    struct tca_sweep *sweep = share->sweep;
    const struct room *room = &share->room;
    size_t place = room->begin[at], count = room->begin[at + 1] - place;
    struct tca_listener kept, *l = tca_kept_take(&sweep->kept, at, &kept);
    int error = TCA_OK;
    tca_listener_build(sweep, at, room->time + sweep->row[at].first, l);
    if (count) {
        sort_edges(&sweep->edge[place], count);
        find_losses(sweep, walk, tca_sweep_host(sweep, at));
        error = sweep_edges(sweep, l, place, count, &walk->found, room);
    }
    struct tca_episode *episode = (void *)(uintptr_t)l->episode;
    int put = tca_kept_put(&sweep->kept, at, l);
    if (put)
        tca_free(episode);
    return error ? error : put;
}

static void sweep_some(void *user, unsigned task)
{
    struct sharing *share = user;
    const struct tca_sweep *sweep = share->sweep;
    struct loss_walk walk = {.time = tca_grow(NULL, 2 * sweep->losses, sizeof *walk.time)};
    int error = walk.time ? TCA_OK : TCA_EMEMORY;
    for (size_t at = share->from[task]; at < share->from[task + 1] && !error; at++)
        error = sweep_listener(share, at, &walk);
    tca_free(walk.time);
    share->error[task] = error;
}

/* Where each edge is to stand, among those of its listener as they came; and where those of each begin. */
static void place_edges(struct tca_sweep *sweep, size_t *place, size_t *begin)
{
    size_t *next = begin + 1; /* of each listener, where its next one is to stand; then where they end */
    memset(begin, 0, (sweep->listeners + 1) * sizeof *begin);
    for (size_t at = 0; at < sweep->edges; at++) {
        struct tca_edge *edge = &sweep->edge[at];
        edge->listener = sweep->conn[edge->conn].listener;
        next[edge->listener]++;
    }
    for (size_t at = 0, sum = 0; at < sweep->listeners; at++) {
        size_t many = next[at];
        next[at] = sum;
        sum += many;
    }
    for (size_t at = 0; at < sweep->edges; at++)
        place[at] = next[sweep->edge[at].listener]++;
}

/* Those of each listener side by side: counting them needs no more room than a place for each. */
static void deal_edges(struct tca_sweep *sweep, size_t *place, size_t *begin)
{
    place_edges(sweep, place, begin);
    for (size_t at = 0; at < sweep->edges; at++)
        while (place[at] != at) {
            size_t to = place[at];
            struct tca_edge moved = sweep->edge[to];
            sweep->edge[to] = sweep->edge[at];
            sweep->edge[at] = moved;
            place[at] = place[to];
            place[to] = to;
        }
}

/* Only those that were kept stay, the listeners' side by side: they move together, which leaves nobody behind, and then their room
 * shrinks. From here on `begin` of each is where these begin. */
static void keep_all_moments(struct tca_sweep *sweep, struct room *room)
{
    int64_t *kept = room->moment;
    for (size_t at = 0; at < sweep->listeners; at++) {
        size_t place = room->begin[at], count = room->begin[at + 1] > place ? room->index[place] : 0;
        if (count)
            memmove(kept, room->moment + place, count * sizeof *kept);
        room->begin[at] = (size_t)(kept - room->moment);
        kept += count;
    }
    int64_t *less = tca_grow(room->moment, (size_t)(kept - room->moment), sizeof *less);
    tca_kept_point(&sweep->kept, less ? less : room->moment, room->begin);
    room->moment = NULL;
    room->begin = NULL;
}

static int each_listener(struct tca_sweep *sweep, struct tca_crew *crew, struct room *room)
{
    struct sharing share = {.sweep = sweep, .tasks = tca_crew_size(crew)};
    int error = TCA_OK;
    deal_edges(sweep, room->index, room->begin);
    sort_losses(sweep);
    share.room = *room;
    share.tasks *= share.tasks > 1 ? TASKS_EACH : 1;
    part_listeners(&share);
    tca_crew_run(crew, sweep_some, &share, share.tasks);
    for (unsigned at = 0; at < share.tasks && !error; at++)
        error = share.error[at];
    if (!error)
        keep_all_moments(sweep, room);
    return error;
}

int tca_sweep_edges(struct tca_sweep *sweep, struct tca_crew *crew)
{
    struct room room = {.index = tca_grow(NULL, sweep->edges, sizeof *room.index),
                        .bursting = tca_alloc(sweep->conns),
                        .time = tca_grow(NULL, sweep->conns, sizeof *room.time),
                        .moment = tca_grow(NULL, sweep->edges, sizeof *room.moment),
                        .begin = tca_grow(NULL, sweep->listeners + 1, sizeof *room.begin)};
    bool has_room = room.index && room.bursting && room.time && room.moment && room.begin;
    int error = has_room ? each_listener(sweep, crew, &room) : TCA_EMEMORY;
    if (!error)
        error = tca_wildcard_widen(sweep);
    tca_free(room.index);
    tca_free(room.bursting);
    tca_free(room.time);
    tca_free(room.moment);
    tca_free(room.begin);
    return error;
}

/* ---- the sweep ---- */

int tca_sweep_new(enum tca_vantage user, struct tca_sweep **ret_sweep)
{
    struct tca_sweep *sweep = tca_alloc(sizeof *sweep);
    if (!sweep)
        return TCA_EMEMORY;
    sweep->user = user;
    *ret_sweep = sweep;
    return TCA_OK;
}

/* Edges and connections are read once and are not needed any more. */
static void forget_gathered(struct tca_sweep *sweep)
{
    tca_free(sweep->edge);
    sweep->edge = NULL;
    sweep->edges = sweep->edge_room = 0;
    tca_free(sweep->loss);
    sweep->loss = NULL;
    sweep->losses = sweep->loss_room = 0;
    tca_free(sweep->conn);
    sweep->conn = NULL;
    sweep->conns = sweep->conn_room = 0;
    tca_free(sweep->ref);
    sweep->ref = NULL;
    tca_free(sweep->row);
    sweep->row = NULL;
    sweep->hosts = NULL;
}

int tca_sweep_list(struct tca_sweep *sweep, const struct tca_hosts *hosts)
{
    return sweep->conns ? tca_sweep_listeners(sweep, hosts) : TCA_OK;
}

int tca_sweep_run(struct tca_sweep *sweep, struct tca_crew *crew)
{
    int error = sweep->conns ? tca_sweep_edges(sweep, crew) : TCA_OK;
    forget_gathered(sweep);
    return error;
}

/* Each, in order. `fn`: whether it may have been changed; to put it back costs much more than to ask. */
static int edit_all(struct tca_sweep *sweep, bool (*fn)(struct tca_listener *l, const void *user),
                    const void *user)
{
    int error = TCA_OK;
    for (size_t at = 0; at < sweep->listeners && !error; at++) {
        struct tca_listener room, before, *l = tca_kept_take(&sweep->kept, at, &room);
        memcpy(&before, l, sizeof before);
        error = fn(l, user) && memcmp(l, &before, sizeof before) != 0 ? tca_kept_put(&sweep->kept, at, l)
                                                                      : TCA_OK;
    }
    return error;
}

static bool settle(struct tca_listener *l, const void *user)
{
    (void)user;
    tca_backlog_settle(l);
    return true;
}

int tca_sweep_settle(struct tca_sweep *sweep)
{
    return edit_all(sweep, settle, NULL);
}

struct left_out {
    uint32_t capture;
    const uint8_t *port; /* TCA_PORT_BITS of them */
};

static bool leave_out(struct tca_listener *l, const void *user)
{
    const struct left_out *out = user;
    bool left_out = l->capture == out->capture && out->port[l->port / 8] >> l->port % 8 & 1;
    if (left_out)
        tca_places_open(l);
    return left_out;
}

int tca_sweep_leave_out(struct tca_sweep *sweep, uint32_t capture, const uint8_t port[TCA_PORT_BITS])
{
    return edit_all(sweep, leave_out, &(struct left_out){capture, port});
}

static bool learn(struct tca_listener *l, const void *user)
{
    int64_t most;
    bool known = l->listens && tca_known_value(user, l->addr, TCA_SETTING_somaxconn, &most);
    if (known)
        tca_backlog_learn(l, most);
    return known;
}

int tca_sweep_learn(struct tca_sweep *sweep, const struct tca_known *known)
{
    return edit_all(sweep, learn, known);
}

void tca_sweep_free(struct tca_sweep *sweep)
{
    if (!sweep)
        return;
    forget_gathered(sweep);
    tca_kept_done(&sweep->kept);
    tca_free(sweep->place);
    tca_free(sweep);
}
