/* SPDX-License-Identifier: MIT
 *
 * The census, in three walks over sorted things:
 *
 *     sockets by (own address, own port, hash of the tuple, beginning)
 *         a socket ends at the latest when the next one on its tuple begins, unless another capture shows the
 *         same one: then the one of its own side counts; hosts and listeners come in the order of their rows
 *         and so get numbers in that order; one edge for each change of state
 *     edges by time
 *         counters per listener and capture, for the peaks
 *     edges by time, for each table
 *         counters of every scope; in each bucket only the scopes that something touched are looked at
 *
 * Counters are raised to their highest value only after all changes of one instant, so the order of edges with
 * one time cannot matter. The hash only brings equal tuples together: they are compared before one ends the
 * other, so nobody gains by choosing tuples that collide.
 */
#include "classify/count/census.h"

#include "base/alloc.h"
#include "base/extsort.h"
#include "classify/sweep/nat.h"

#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/error.h>

enum { SOCKET_MEMORY = 8 << 20, EDGE_MEMORY = 4 << 20 };
static const uint32_t NOBODY = UINT32_MAX;

/* An address, an address and port, or these in one capture. */
struct place {
    uint8_t addr[16];
    uint8_t family;
    uint16_t port;
    uint32_t capture;
    bool forgets; /* of a host: some TIME_WAIT was not kept */
    uint32_t waits,
        tw_room;    /* of a host: sockets that came to TIME_WAIT, and how many it holds at one time */
    uint32_t shown; /* of a listener: its number without regard to captures */
};

/* A listener by what it is called by: one port has as many as captures show it. */
struct showing {
    uint32_t shown, capture;
    uint32_t number;
};

struct places {
    struct place *list; /* owned, in order */
    size_t count, room;
};

struct edge {
    int64_t time_ns;
    uint32_t host, listener; /* numbers; listener NOBODY: a client's */
    uint8_t from, to;        /* enum tca_state, CLOSED: not there */
};

/* The states whose highest counts are kept: what listeners are told by. */
enum { PEAKS = 3 };
static const uint8_t peak_of[TCA_STATE_COUNT] = {
    /* from 1; 0: of the others none */
    [TCA_SYN_RECV] = 1,
    [TCA_CLOSE_WAIT] = 2,
    [TCA_TIME_WAIT] = 3,
};

struct peaks {
    struct tca_peak of[PEAKS];
};

struct tca_census {
    struct tca_sorter *sockets, *edges;
    struct places hosts, listeners;
    size_t shown;         /* listeners without regard to captures */
    uint32_t *newest;     /* owned: of each capture the number behind its last listener's so far; 0: none */
    size_t captures;      /* so many have a place there */
    struct showing *find; /* owned, one for each of listeners, in order */
    struct peaks *peaks;  /* owned, likewise, by number */
};

int tca_census_new(const char *temp_dir, struct tca_census **ret_census)
{
    struct tca_census *c = tca_alloc(sizeof *c);
    if (!c)
        return TCA_EMEMORY;
    int error = tca_sorter_new(SOCKET_MEMORY, temp_dir, &c->sockets);
    if (!error)
        error = tca_sorter_new(EDGE_MEMORY, temp_dir, &c->edges);
    if (error) {
        tca_census_free(c);
        return error;
    }
    *ret_census = c;
    return TCA_OK;
}

void tca_census_free(struct tca_census *c)
{
    if (!c)
        return;
    if (c->sockets)
        tca_sorter_free(c->sockets);
    if (c->edges)
        tca_sorter_free(c->edges);
    tca_free(c->hosts.list);
    tca_free(c->listeners.list);
    tca_free(c->newest);
    tca_free(c->find);
    tca_free(c->peaks);
    tca_free(c);
}

static uint32_t number_of_host(const struct tca_census *c, const uint8_t addr[16])
{
    size_t low = 0, high = c->hosts.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (memcmp(c->hosts.list[middle].addr, addr, 16) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    bool found = low < c->hosts.count && memcmp(c->hosts.list[low].addr, addr, 16) == 0;
    return found ? (uint32_t)low : NOBODY;
}

/* ---- sockets ---- */

/* FNV-1a with a final mix over peer address and port. */
static uint64_t peer_hash(const struct tca_socket *s)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (int at = 0; at < 16; at++)
        hash = (hash ^ s->addr[1][at]) * UINT64_C(0x100000001b3);
    hash = (hash ^ s->port[1]) * UINT64_C(0x100000001b3);
    return hash ^ hash >> 32;
}

static size_t socket_size(const struct tca_socket *s)
{
    return offsetof(struct tca_socket, step) + s->step_count * sizeof s->step[0];
}

static int add_socket(struct tca_census *c, const struct tca_socket *s)
{
    uint8_t key[TCA_SORT_KEY] = {0}, wide[8];
    memcpy(key, s->addr[0], 16);
    key[16] = (uint8_t)(s->port[0] >> 8);
    key[17] = (uint8_t)s->port[0];
    tca_key_u32(key + 18, (uint32_t)peer_hash(s));
    tca_key_u64(wide,
                (uint64_t)s->step[0].time_ns << 1); /* times lie in [0, 2^62): all but the lowest 7 bits */
    memcpy(key + 22, wide, 7);
    key[29] = (uint8_t)(s->capture >> 8);
    key[30] = (uint8_t)s->capture;
    key[31] = (uint8_t)s->tcp_stream;
    return tca_sorter_add(c->sockets, key, s, socket_size(s));
}

/* Clients have ports of their own, as a rule. */
static bool is_served(const struct tca_sweep *sweep, const struct tca_dossier *d, int role)
{
    return role == TCA_SERVER || tca_sweep_serves(sweep, d->host[role], d->port[role]);
}

int tca_census_add(struct tca_census *c, const struct tca_case *flow, const struct tca_sweep *served,
                   int64_t until_ns, int64_t let_go_ns)
{
    for (int role = 0; role < 2; role++) {
        struct tca_socket s;
        bool wanted = tca_nat_at_home(flow->d, role) && (!served || is_served(served, flow->d, role));
        if (!wanted || !tca_socket_of(flow, role, until_ns, &s))
            continue;
        tca_socket_cut(&s, let_go_ns);
        int error = s.step_count ? add_socket(c, &s) : TCA_OK;
        if (error)
            return error;
    }
    return TCA_OK;
}

/* One socket is held back until the next one is known. */
struct relay {
    const struct tca_census *c;
    struct tca_socket held;
    bool holds;
    tca_socket_fn *fn;
    void *user;
};

static bool same_tuple(const struct tca_socket *a, const struct tca_socket *b)
{
    return a->port[0] == b->port[0] && a->port[1] == b->port[1] &&
           memcmp(a->addr, b->addr, sizeof a->addr) == 0;
}

/* Two captures watched the same socket at the same time. */
static bool is_twin(const struct tca_socket *held, const struct tca_socket *next)
{
    int64_t begin_ns = next->step[0].time_ns;
    return held->capture != next->capture && begin_ns <= held->watched_ns &&
           tca_socket_state_at(held, begin_ns) != TCA_CLOSED;
}

static bool host_forgets(const struct tca_census *c, const uint8_t addr[16])
{
    uint32_t number = number_of_host(c, addr);
    const struct place *host = number != NOBODY ? &c->hosts.list[number] : NULL;
    return host && (host->forgets || host->waits > host->tw_room);
}

static int let_through(struct relay *r)
{
    bool any = r->holds && r->held.step_count;
    if (any && !r->held.keeps && host_forgets(r->c, r->held.addr[0]))
        tca_socket_doubt_time_wait(&r->held, INT64_MAX);
    r->holds = false;
    return any ? r->fn(r->user, &r->held) : 0;
}

static int relay_socket(void *user, const void *item, size_t size)
{
    struct relay *r = user;
    struct tca_socket next;
    memset(&next, 0, sizeof next);
    memcpy(&next, item, size);
    bool same = r->holds && same_tuple(&r->held, &next);
    if (same && is_twin(&r->held, &next)) {
        if (next.own_side && !r->held.own_side)
            r->held = next;
        return 0;
    }
    if (same)
        tca_socket_cut(&r->held, next.step[0].time_ns);
    if (same && next.prior_absent)
        tca_socket_doubt_time_wait(&r->held, next.step[0].time_ns);
    int stop = let_through(r);
    r->held = next;
    r->holds = true;
    return stop;
}

int tca_census_sockets(struct tca_census *c, tca_socket_fn *fn, void *user)
{
    struct relay r = {.c = c, .fn = fn, .user = user};
    int stop = tca_sorter_walk(c->sockets, relay_socket, &r);
    return stop ? stop : let_through(&r);
}

/* ---- hosts, listeners and edges ---- */

static int add_place(struct places *all, const struct tca_socket *s)
{
    if (all->count == all->room) {
        size_t room = all->room ? 2 * all->room : 64;
        struct place *grown = room < NOBODY ? tca_grow(all->list, room, sizeof *grown) : NULL;
        if (!grown)
            return TCA_EMEMORY;
        all->list = grown;
        all->room = room;
    }
    struct place *one = &all->list[all->count++];
    *one = (struct place){.family = s->family, .port = s->port[0], .capture = s->capture};
    memcpy(one->addr, s->addr[0], sizeof one->addr);
    return TCA_OK;
}

static bool same_host(const struct places *all, const struct tca_socket *s)
{
    return all->count && memcmp(all->list[all->count - 1].addr, s->addr[0], 16) == 0;
}

static bool same_port(const struct places *all, const struct tca_socket *s)
{
    return same_host(all, s) && all->list[all->count - 1].port == s->port[0];
}

static bool waits(const struct tca_socket *s)
{
    for (unsigned at = 0; at < s->step_count; at++)
        if (s->step[at].state == TCA_TIME_WAIT)
            return true;
    return false;
}

static int enter_host(struct tca_census *c, const struct tca_socket *s)
{
    int error = same_host(&c->hosts, s) ? TCA_OK : add_place(&c->hosts, s);
    if (error)
        return error;
    struct place *host = &c->hosts.list[c->hosts.count - 1];
    host->forgets |= s->forgets;
    host->waits += waits(s);
    host->tw_room = s->tw_room;
    return TCA_OK;
}

static int know_capture(struct tca_census *c, uint32_t capture)
{
    if (capture < c->captures)
        return TCA_OK;
    size_t room = 2 * (size_t)capture + 1;
    uint32_t *grown = tca_grow(c->newest, room, sizeof *grown);
    if (!grown)
        return TCA_EMEMORY;
    memset(grown + c->captures, 0, (room - c->captures) * sizeof *grown);
    c->newest = grown;
    c->captures = room;
    return TCA_OK;
}

/* Its number, or the next one. Sockets come port by port, so of its capture it is the last one, if it is there. */
static uint32_t find_listener(const struct tca_census *c, const struct tca_socket *s)
{
    const struct places *all = &c->listeners;
    uint32_t behind = c->newest[s->capture];
    const struct place *one = behind ? &all->list[behind - 1] : NULL;
    bool found = one && one->port == s->port[0] && !memcmp(one->addr, s->addr[0], 16);
    return found ? behind - 1 : (uint32_t)all->count;
}

static int enter_listener(struct tca_census *c, const struct tca_socket *s, uint32_t *ret_number)
{
    struct places *all = &c->listeners;
    *ret_number = NOBODY;
    if (s->role != TCA_SERVER)
        return TCA_OK;
    int error = know_capture(c, s->capture);
    *ret_number = error ? NOBODY : find_listener(c, s);
    if (error || *ret_number < all->count)
        return error;
    c->shown += !same_port(all, s);
    error = add_place(all, s);
    if (error)
        return error;
    all->list[all->count - 1].shown = (uint32_t)(c->shown - 1);
    c->newest[s->capture] = (uint32_t)all->count;
    return TCA_OK;
}

static int add_edges(void *user, const struct tca_socket *s)
{
    struct tca_census *c = user;
    struct edge edge;
    memset(&edge, 0, sizeof edge); /* its padding, too: it goes to a file */
    edge.to = TCA_CLOSED;
    int error = enter_host(c, s);
    if (!error)
        error = enter_listener(c, s, &edge.listener);
    edge.host = (uint32_t)(c->hosts.count - 1);
    for (unsigned at = 0; at < s->step_count && !error; at++) {
        uint8_t key[TCA_SORT_KEY] = {0};
        edge.from = edge.to;
        edge.to = s->step[at].state;
        edge.time_ns = s->step[at].time_ns;
        tca_key_i64(key, edge.time_ns);
        error = tca_sorter_add(c->edges, key, &edge, sizeof edge);
    }
    return error;
}

/* ---- peaks ---- */

/* Counters of one listener, and those of them that the present instant changed. */
struct climb {
    struct tca_census *c;
    uint32_t (*now)[PEAKS]; /* owned, one for each listener */
    struct {
        uint32_t listener;
        uint8_t peak;
    } * raised; /* owned */
    size_t raised_count, raised_room;
    int64_t time_ns;
};

static void end_instant(struct climb *k)
{
    for (size_t at = 0; at < k->raised_count; at++) {
        uint32_t listener = k->raised[at].listener;
        uint32_t count = k->now[listener][k->raised[at].peak];
        struct tca_peak *peak = &k->c->peaks[listener].of[k->raised[at].peak];
        if (count > peak->count)
            *peak = (struct tca_peak){.count = count, .at_ns = k->time_ns};
    }
    k->raised_count = 0;
}

static int note_raised(struct climb *k, uint32_t listener, unsigned peak)
{
    void *list = tca_room(k->raised, k->raised_count, &k->raised_room, sizeof *k->raised);
    if (!list)
        return TCA_EMEMORY;
    k->raised = list;
    k->raised[k->raised_count].listener = listener;
    k->raised[k->raised_count++].peak = (uint8_t)peak;
    return TCA_OK;
}

static int climb_edge(void *user, const void *item, size_t size)
{
    struct climb *k = user;
    struct edge edge;
    memcpy(&edge, item, size);
    if (edge.listener == NOBODY)
        return TCA_OK;
    if (edge.time_ns != k->time_ns)
        end_instant(k);
    k->time_ns = edge.time_ns;
    unsigned from = peak_of[edge.from], to = peak_of[edge.to];
    if (from)
        k->now[edge.listener][from - 1]--;
    if (!to)
        return TCA_OK;
    k->now[edge.listener][to - 1]++;
    return note_raised(k, edge.listener, to - 1);
}

static int find_peaks(struct tca_census *c)
{
    size_t count = c->listeners.count;
    struct climb k = {.c = c};
    if (!count)
        return TCA_OK;
    if (count > SIZE_MAX / sizeof *c->peaks)
        return TCA_EMEMORY;
    c->peaks = tca_alloc(count * sizeof *c->peaks);
    k.now = tca_alloc(count * sizeof *k.now);
    int error = c->peaks && k.now ? tca_sorter_walk(c->edges, climb_edge, &k) : TCA_EMEMORY;
    if (!error)
        end_instant(&k);
    tca_free(k.now);
    tca_free(k.raised);
    return error;
}

static int compare_showings(const void *left, const void *right)
{
    const struct showing *a = left, *b = right;
    int order = (a->shown > b->shown) - (a->shown < b->shown);
    return order ? order : (a->capture > b->capture) - (a->capture < b->capture);
}

static int order_listeners(struct tca_census *c)
{
    size_t count = c->listeners.count;
    tca_free(c->newest);
    c->newest = NULL;
    c->captures = 0;
    c->find = tca_grow(NULL, count, sizeof *c->find);
    if (!c->find)
        return TCA_EMEMORY;
    for (size_t at = 0; at < count; at++)
        c->find[at] =
            (struct showing){c->listeners.list[at].shown, c->listeners.list[at].capture, (uint32_t)at};
    qsort(c->find, count, sizeof *c->find, compare_showings);
    return TCA_OK;
}

int tca_census_run(struct tca_census *c)
{
    int error = tca_census_sockets(c, add_edges, c);
    if (!error)
        error = order_listeners(c);
    return error ? error : find_peaks(c);
}

static int compare_place(const struct place *place, const uint8_t addr[16], uint16_t port)
{
    int order = memcmp(place->addr, addr, sizeof place->addr);
    return order ? order : (int)place->port - (int)port;
}

struct tca_peak tca_census_peak(const struct tca_census *c, uint32_t capture, const uint8_t addr[16],
                                uint16_t port, enum tca_state state)
{
    size_t low = 0, high = c->listeners.count;
    unsigned peak = peak_of[state];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_place(&c->listeners.list[middle], addr, port) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (!peak || low == c->listeners.count || compare_place(&c->listeners.list[low], addr, port))
        return (struct tca_peak){0};
    const struct showing wanted = {.shown = c->listeners.list[low].shown, .capture = capture};
    const struct showing *found =
        bsearch(&wanted, c->find, c->listeners.count, sizeof *c->find, compare_showings);
    return found ? c->peaks[found->number].of[peak - 1] : (struct tca_peak){0};
}

/* ---- rows ---- */

/* Counters of one scope. Everything but `now` belongs to the present bucket. */
struct tally {
    uint32_t now[TCA_STATE_COUNT], most[TCA_STATE_COUNT];
    uint64_t opened, closed;
    bool touched;    /* in this bucket */
    bool in_instant; /* at this moment */
};

/* Scopes have numbers in the order of their rows: ALL, hosts, listeners. */
struct tallies {
    struct tca_census *c;
    struct tally *tally; /* owned */
    size_t count;
    uint32_t *touched, *in_instant; /* owned: numbers, each once */
    size_t touched_count, in_instant_count;
    int64_t width_ns, bucket, time_ns;
    uint32_t host; /* of this one only, or NOBODY */
    tca_census_fn *fn;
    void *user;
};

static int64_t bucket_of(int64_t time_ns, int64_t width_ns)
{
    int64_t bucket = time_ns / width_ns;
    return time_ns % width_ns < 0 ? bucket - 1 : bucket;
}

static int64_t bucket_end_ns(int64_t bucket, int64_t width_ns)
{
    return bucket >= INT64_MAX / width_ns ? INT64_MAX : (bucket + 1) * width_ns;
}

static struct tally *touch(struct tallies *t, uint32_t number)
{
    struct tally *one = &t->tally[number];
    if (!one->touched) {
        memcpy(one->most, one->now, sizeof one->most);
        one->opened = one->closed = 0;
        one->touched = true;
        t->touched[t->touched_count++] = number;
    }
    if (!one->in_instant) {
        one->in_instant = true;
        t->in_instant[t->in_instant_count++] = number;
    }
    return one;
}

static void apply(struct tally *one, const struct edge *edge)
{
    if (edge->from != TCA_CLOSED)
        one->now[edge->from]--;
    else
        one->opened++;
    if (edge->to != TCA_CLOSED)
        one->now[edge->to]++;
    else
        one->closed++;
}

static void raise_most(struct tallies *t)
{
    for (size_t at = 0; at < t->in_instant_count; at++) {
        struct tally *one = &t->tally[t->in_instant[at]];
        for (int state = 0; state < TCA_STATE_COUNT; state++)
            if (one->now[state] > one->most[state])
                one->most[state] = one->now[state];
        one->in_instant = false;
    }
    t->in_instant_count = 0;
}

static const struct place *place_of(const struct tallies *t, uint32_t number,
                                    enum tca_scope_of_count *ret_scope)
{
    const struct tca_census *c = t->c;
    *ret_scope = number == 0 ? TCA_COUNT_ALL : number <= c->hosts.count ? TCA_COUNT_HOST : TCA_COUNT_LISTENER;
    if (*ret_scope == TCA_COUNT_ALL)
        return NULL;
    if (*ret_scope == TCA_COUNT_HOST)
        return &c->hosts.list[number - 1];
    /* The first one that has this number: its captures follow each other. */
    uint32_t shown = number - 1 - (uint32_t)c->hosts.count;
    size_t low = 0, high = c->listeners.count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (c->listeners.list[middle].shown < shown)
            low = middle + 1;
        else
            high = middle;
    }
    return &c->listeners.list[low];
}

static int tell(struct tallies *t, uint32_t number)
{
    const struct tally *one = &t->tally[number];
    struct tca_census_row row = {.end_ns = bucket_end_ns(t->bucket, t->width_ns),
                                 .width_ns = t->width_ns,
                                 .opened = one->opened,
                                 .closed = one->closed};
    const struct place *place = place_of(t, number, &row.scope);
    if (place) {
        memcpy(row.addr, place->addr, sizeof row.addr);
        row.family = place->family;
        row.port = place->port;
    }
    memcpy(row.now, one->now, sizeof row.now);
    memcpy(row.most, one->most, sizeof row.most);
    return t->fn(t->user, &row);
}

static int by_number(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static int end_bucket(struct tallies *t)
{
    int stop = 0;
    raise_most(t);
    if (t->touched_count)
        qsort(t->touched, t->touched_count, sizeof *t->touched, by_number);
    for (size_t at = 0; at < t->touched_count && !stop; at++) {
        stop = tell(t, t->touched[at]);
        t->tally[t->touched[at]].touched = false;
    }
    t->touched_count = 0;
    return stop;
}

static int count_edge(void *user, const void *item, size_t size)
{
    struct tallies *t = user;
    struct edge edge;
    memcpy(&edge, item, size);
    if (t->host != NOBODY && edge.host != t->host)
        return 0;
    int stop = 0;
    if (edge.time_ns != t->time_ns) {
        int64_t bucket = bucket_of(edge.time_ns, t->width_ns);
        raise_most(t);
        stop = bucket != t->bucket ? end_bucket(t) : 0;
        t->bucket = bucket;
        t->time_ns = edge.time_ns;
    }
    if (t->host == NOBODY)
        apply(touch(t, 0), &edge);
    apply(touch(t, 1 + edge.host), &edge);
    if (edge.listener != NOBODY)
        apply(touch(t, 1 + (uint32_t)t->c->hosts.count + t->c->listeners.list[edge.listener].shown), &edge);
    return stop;
}

int tca_census_rows(struct tca_census *c, int64_t width_ns, const uint8_t *host, tca_census_fn *fn,
                    void *user)
{
    struct tallies t = {.c = c, .width_ns = width_ns, .fn = fn, .user = user, .host = NOBODY};
    t.count = 1 + c->hosts.count + c->shown;
    if (host && (t.host = number_of_host(c, host)) == NOBODY)
        return TCA_OK;
    if (t.count > SIZE_MAX / sizeof *t.tally)
        return TCA_EMEMORY;
    t.tally = tca_alloc(t.count * sizeof *t.tally);
    t.touched = tca_alloc(t.count * sizeof *t.touched);
    t.in_instant = tca_alloc(t.count * sizeof *t.in_instant);
    int stop = TCA_EMEMORY;
    if (t.tally && t.touched && t.in_instant)
        stop = tca_sorter_walk(c->edges, count_edge, &t);
    if (!stop)
        stop = end_bucket(&t);
    tca_free(t.tally);
    tca_free(t.touched);
    tca_free(t.in_instant);
    return stop;
}
