/* SPDX-License-Identifier: MIT
 *
 * The census, in three walks over sorted things:
 *
 *     sockets by (own address, own port, hash of the tuple, beginning, capture, order in it)
 *         a socket ends at the latest when the next one on its tuple begins, unless another capture shows the
 *         same one: then the one of its own side counts; hosts and listeners come in the order of their rows
 *         and so get numbers in that order; one edge for each change of state
 *     edges by time
 *         counters per listener and capture, for the peaks: of those alone that a table will ask for
 *     edges by time, for each table
 *         counters of every scope; in each bucket only the scopes that something touched are looked at
 *
 * Addresses are without number where somebody invents them, so none is kept here that is not needed any more: an edge says
 * itself whose it is, and scopes have counters only while sockets are there, or until the bucket ends in which they went.
 *
 * Counters are raised to their highest value only after all changes of one instant, so the order of edges with
 * one time cannot matter. The hash only brings equal tuples together: they are compared before one ends the
 * other, so nobody gains by choosing tuples that collide.
 */
#include "classify/count/census.h"

#include "base/alloc.h"
#include "base/extsort.h"
#include "base/sort.h"
#include "classify/sweep/nat.h"

#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/error.h>

enum { SOCKET_MEMORY = 8 << 20, EDGE_MEMORY = 8 << 20 };
static const uint32_t NOBODY = UINT32_MAX;

/* One that a table will ask for: an address and port in one capture. */
struct place {
    uint8_t addr[16];
    uint16_t port;
    uint32_t capture;
    uint32_t shown; /* its number without regard to captures */
};

/* A host whose sockets are walked. */
struct host {
    uint8_t addr[16];
    bool forgets;            /* some TIME_WAIT was not kept */
    uint32_t waits, tw_room; /* sockets that came to TIME_WAIT, and how many it holds at one time */
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

/* A socket in the sorter. */
struct waiting {
    uint8_t tie[TCA_SORT_TIE]; /* what its key has no room for */
    struct tca_socket s;       /* its steps right behind those doubts that it has */
};

/* A change of state. Whose it is stands in those alone with which a socket comes: of whom there was none, that is the next one. */
struct edge {
    int64_t time_ns;      /* which is its key, too */
    uint32_t host, shown; /* numbers, in the order of addresses and ports; shown NOBODY: a client's */
    uint32_t listener;    /* number of one that will be asked for; NOBODY: it is none */
    uint8_t from, to;     /* enum tca_state, CLOSED: not there */
    uint8_t family;       /* all below: if from is CLOSED */
    uint8_t addr[16];
    uint16_t port;
};
enum { EDGE_KEY = 8, EDGE_SHORT = offsetof(struct edge, family) };

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
    struct host present;      /* whose sockets are walked */
    uint16_t port;            /* of its listener whose sockets are walked */
    uint32_t hosts, shown;    /* of all: so many; listeners without regard to captures */
    bool any, any_port;       /* the present host, and its listener, are there */
    uint8_t (*forgetful)[16]; /* owned, in order: hosts that forgot */
    size_t forgetfuls, forgetful_room;
    struct places listeners; /* those that will be asked for */
    uint32_t *newest;      /* owned: of each capture the number behind its last listener's so far; 0: none */
    size_t captures;       /* so many have a place there */
    struct showing *find;  /* owned, one for each of listeners, in order */
    struct peaks *peaks;   /* owned, likewise, by number */
    tca_listed_fn *listed; /* while it runs; NULL: all are asked for */
    void *listed_user;
};

int tca_census_new(const char *temp_dir, unsigned of, struct tca_census **ret_census)
{
    struct tca_census *c = tca_alloc(sizeof *c);
    if (!c)
        return TCA_EMEMORY;
    int error = tca_sorter_new(SOCKET_MEMORY / of, temp_dir, &c->sockets);
    if (!error)
        error = tca_sorter_new(EDGE_MEMORY, temp_dir, &c->edges);
    if (error) {
        tca_census_free(c);
        return error;
    }
    tca_sorter_tied(c->sockets);
    tca_sorter_keyed(c->edges, EDGE_KEY);
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
    tca_free(c->forgetful);
    tca_free(c->listeners.list);
    tca_free(c->newest);
    tca_free(c->find);
    tca_free(c->peaks);
    tca_free(c);
}

static int compare_addr(const void *left, const void *right)
{
    return memcmp(left, right, 16);
}

static bool forgot(const struct host *host)
{
    return host->forgets || host->waits > host->tw_room;
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

/* Nearly all begin alike, ::ffff: in front of an address of IPv4; its own bytes shall be the first, in the same order. */
static uint8_t *key_addr(uint8_t *key, const uint8_t addr[16])
{
    static const uint8_t ipv4[12] = {[10] = 0xff, [11] = 0xff};
    int order = memcmp(addr, ipv4, sizeof ipv4);
    size_t from = order ? 0 : sizeof ipv4;
    *key++ = (uint8_t)(order < 0 ? 0 : order ? 2 : 1);
    memcpy(key, addr + from, 16 - from);
    return key + 16 - from;
}

/* As an item; it is none that can be used any more. Its size. */
static size_t close_waiting(struct waiting *w)
{
    size_t steps = w->s.step_count * sizeof w->s.step[0];
    uint8_t *end = (uint8_t *)&w->s.doubt[w->s.doubt_count];
    memmove(end, w->s.step, steps);
    return (size_t)(end + steps - (uint8_t *)w);
}

static void open_waiting(const uint8_t *item, struct tca_socket *s)
{
    item += offsetof(struct waiting, s);
    memcpy(s, item, offsetof(struct tca_socket, doubt));
    item += offsetof(struct tca_socket, doubt);
    memcpy(s->doubt, item, s->doubt_count * sizeof s->doubt[0]);
    memcpy(s->step, item + s->doubt_count * sizeof s->doubt[0], s->step_count * sizeof s->step[0]);
}

/* Of two of one instant on one tuple the later one ends the other: which that is must be known whatever their numbers are. */
static int add_socket(struct tca_census *c, struct waiting *w)
{
    const struct tca_socket *s = &w->s;
    uint8_t key[TCA_SORT_KEY] = {0}, *end = key_addr(key, s->addr[0]);
    end[0] = (uint8_t)(s->port[0] >> 8);
    end[1] = (uint8_t)s->port[0];
    tca_key_u32(end + 2, (uint32_t)peer_hash(s));
    tca_key_i64(end + 6, s->step[0].time_ns);
    memset(w->tie, 0, sizeof w->tie);
    tca_key_u32(w->tie, s->capture);
    tca_key_u64(w->tie + 4, s->id_frame);
    return tca_sorter_add(c->sockets, key, w, close_waiting(w));
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
        struct waiting w;
        bool wanted = tca_nat_at_home(flow->d, role) && (!served || is_served(served, flow->d, role));
        if (!wanted || !tca_socket_of(flow, role, until_ns, &w.s))
            continue;
        tca_socket_cut(&w.s, let_go_ns);
        int error = w.s.step_count ? add_socket(c, &w) : TCA_OK;
        if (error)
            return error;
    }
    return TCA_OK;
}

int tca_census_join(struct tca_census *c, const struct tca_census *other)
{
    return tca_sorter_take(c->sockets, other->sockets);
}

/* One socket is held back until the next one is known. */
struct relay {
    const struct tca_census *c;
    struct tca_socket room[2];
    struct tca_socket *held, *next; /* in that room */
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

/* While hosts are entered: as far as its sockets came. */
static bool host_forgets(const struct tca_census *c, const uint8_t addr[16])
{
    if (c->any && !memcmp(c->present.addr, addr, 16))
        return forgot(&c->present);
    return c->forgetfuls &&
           bsearch(addr, c->forgetful, c->forgetfuls, sizeof *c->forgetful, compare_addr) != NULL;
}

static int let_through(struct relay *r)
{
    struct tca_socket *held = r->held;
    bool any = r->holds && held->step_count;
    if (any && !held->keeps && host_forgets(r->c, held->addr[0]))
        tca_socket_doubt_time_wait(held, INT64_MAX);
    r->holds = false;
    return any ? r->fn(r->user, held) : 0;
}

static void hold_next(struct relay *r)
{
    struct tca_socket *free = r->held;
    r->held = r->next;
    r->next = free;
    r->holds = true;
}

static int relay_socket(void *user, const void *item, size_t size)
{
    struct relay *r = user;
    const struct tca_socket *next = r->next;
    (void)size;
    open_waiting(item, r->next);
    bool same = r->holds && same_tuple(r->held, next);
    if (same && is_twin(r->held, next)) {
        if (next->own_side && !r->held->own_side)
            hold_next(r);
        return 0;
    }
    if (same)
        tca_socket_cut(r->held, next->step[0].time_ns);
    if (same && next->prior_absent)
        tca_socket_doubt_time_wait(r->held, next->step[0].time_ns);
    int stop = let_through(r);
    hold_next(r);
    return stop;
}

int tca_census_sockets(struct tca_census *c, tca_socket_fn *fn, void *user)
{
    struct relay r = {.c = c, .fn = fn, .user = user};
    r.held = &r.room[0];
    r.next = &r.room[1];
    int stop = tca_sorter_walk(c->sockets, relay_socket, &r);
    return stop ? stop : let_through(&r);
}

/* ---- hosts, listeners and edges ---- */

static int add_place(struct places *all, const struct place *one)
{
    void *list = all->count + 1 < NOBODY ? tca_room(all->list, all->count, &all->room, sizeof *one) : NULL;
    if (!list)
        return TCA_EMEMORY;
    all->list = list;
    all->list[all->count++] = *one;
    return TCA_OK;
}

static bool waits(const struct tca_socket *s)
{
    for (unsigned at = 0; at < s->step_count; at++)
        if (s->step[at].state == TCA_TIME_WAIT)
            return true;
    return false;
}

/* The present host is done with. */
static int leave_host(struct tca_census *c)
{
    bool keep = c->any && forgot(&c->present);
    c->any = c->any_port = false;
    if (!keep)
        return TCA_OK;
    void *list = tca_room(c->forgetful, c->forgetfuls, &c->forgetful_room, sizeof *c->forgetful);
    if (!list)
        return TCA_EMEMORY;
    c->forgetful = list;
    memcpy(c->forgetful[c->forgetfuls++], c->present.addr, sizeof *c->forgetful);
    return TCA_OK;
}

static int enter_host(struct tca_census *c, const struct tca_socket *s)
{
    int error = TCA_OK;
    if (!c->any || memcmp(c->present.addr, s->addr[0], sizeof c->present.addr) != 0) {
        error = c->hosts + 1 < NOBODY ? leave_host(c) : TCA_EMEMORY;
        c->present = (struct host){.forgets = false};
        memcpy(c->present.addr, s->addr[0], sizeof c->present.addr);
        c->any = true;
        c->hosts++;
    }
    c->present.forgets |= s->forgets;
    c->present.waits += waits(s);
    c->present.tw_room = s->tw_room;
    return error;
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

/* Of this capture's; NOBODY: nobody asks for it. */
static int enter_listed(struct tca_census *c, const struct tca_socket *s, uint32_t *ret_number)
{
    struct places *all = &c->listeners;
    int error = know_capture(c, s->capture);
    *ret_number = error ? NOBODY : find_listener(c, s);
    if (error || *ret_number < all->count)
        return error;
    *ret_number = NOBODY;
    if (c->listed && !c->listed(c->listed_user, s->capture, s->addr[0], s->port[0]))
        return TCA_OK;
    struct place one = {.port = s->port[0], .capture = s->capture, .shown = c->shown - 1};
    memcpy(one.addr, s->addr[0], sizeof one.addr);
    error = add_place(all, &one);
    if (error)
        return error;
    *ret_number = (uint32_t)(all->count - 1);
    c->newest[s->capture] = (uint32_t)all->count;
    return TCA_OK;
}

static int enter_listener(struct tca_census *c, const struct tca_socket *s, struct edge *edge)
{
    edge->listener = edge->shown = NOBODY;
    if (s->role != TCA_SERVER)
        return TCA_OK;
    if (!c->any_port || c->port != s->port[0]) {
        if (c->shown + 1 >= NOBODY - c->hosts)
            return TCA_EMEMORY;
        c->shown++;
    }
    c->any_port = true;
    c->port = s->port[0];
    edge->shown = c->shown - 1;
    return enter_listed(c, s, &edge->listener);
}

static int add_edges(void *user, const struct tca_socket *s)
{
    struct tca_census *c = user;
    struct edge edge;
    memset(&edge, 0, sizeof edge); /* its padding, too: it goes to a file */
    edge.to = TCA_CLOSED;
    int error = enter_host(c, s);
    if (!error)
        error = enter_listener(c, s, &edge);
    memcpy(edge.addr, s->addr[0], sizeof edge.addr);
    edge.host = c->hosts - 1;
    edge.port = s->port[0];
    edge.family = s->family;
    for (unsigned at = 0; at < s->step_count && !error; at++) {
        uint8_t key[TCA_SORT_KEY] = {0};
        edge.from = edge.to;
        edge.to = s->step[at].state;
        edge.time_ns = s->step[at].time_ns;
        tca_key_i64(key, edge.time_ns);
        error = tca_sorter_add(c->edges, key, &edge, edge.from == TCA_CLOSED ? sizeof edge : EDGE_SHORT);
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
    struct edge edge; /* as far as it is there */
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

int tca_census_run(struct tca_census *c, tca_listed_fn *listed, void *user)
{
    c->listed = listed;
    c->listed_user = user;
    int error = tca_census_sockets(c, add_edges, c);
    if (!error)
        error = leave_host(c);
    if (!error)
        error = order_listeners(c);
    if (!error)
        error = find_peaks(c);
    return error ? error : tca_sorter_settle(c->edges); /* rows may be asked for by several at a time */
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
    uint8_t addr[16];
    uint16_t port;
    uint8_t family;
    bool touched;    /* in this bucket */
    bool in_instant; /* at this moment */
    uint32_t next;   /* while it is free: the next one that is, plus one */
};

/* Numbers of scopes, each once. */
struct numbers {
    uint32_t *list; /* owned */
    size_t count, room;
};

/* Scopes have numbers in the order of their rows: ALL, hosts, listeners. */
struct tallies {
    struct tca_census *c;
    uint32_t *slot;      /* owned: of each scope its tally's place, plus one; 0: it has none */
    struct tally *tally; /* owned: of those where something is, or was in this bucket */
    size_t tallies, room;
    uint32_t free; /* a place that nobody has, plus one */
    struct numbers touched, in_instant;
    int64_t width_ns, bucket, time_ns;
    const uint8_t *host;  /* of this one only, or NULL */
    uint32_t host_number; /* NOBODY: it was not met so far */
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

static struct tally *tally_of(const struct tallies *t, uint32_t number)
{
    return &t->tally[t->slot[number] - 1];
}

static int note(struct numbers *all, uint32_t number)
{
    void *list = tca_room(all->list, all->count, &all->room, sizeof *all->list);
    if (!list)
        return TCA_EMEMORY;
    all->list = list;
    all->list[all->count++] = number;
    return TCA_OK;
}

/* A place for this scope. */
static int begin_tally(struct tallies *t, uint32_t number, const struct edge *edge)
{
    uint32_t place = t->free;
    if (place) {
        t->free = t->tally[place - 1].next;
    } else {
        void *list = tca_room(t->tally, t->tallies, &t->room, sizeof *t->tally);
        if (!list)
            return TCA_EMEMORY;
        t->tally = list;
        place = (uint32_t)++t->tallies;
    }
    struct tally *one = &t->tally[place - 1];
    *one = (struct tally){.port = edge->port, .family = edge->family};
    memcpy(one->addr, edge->addr, sizeof one->addr);
    t->slot[number] = place;
    return TCA_OK;
}

static void end_tally(struct tallies *t, uint32_t number)
{
    struct tally *one = tally_of(t, number);
    one->touched = false;
    for (int state = 0; state < TCA_STATE_COUNT; state++)
        if (one->now[state])
            return;
    one->next = t->free;
    t->free = t->slot[number];
    t->slot[number] = 0;
}

static int touch(struct tallies *t, uint32_t number, const struct edge *edge)
{
    int error = t->slot[number] ? TCA_OK : begin_tally(t, number, edge);
    if (error)
        return error;
    struct tally *one = tally_of(t, number);
    if (!one->touched) {
        memcpy(one->most, one->now, sizeof one->most);
        one->opened = one->closed = 0;
        one->touched = true;
        error = note(&t->touched, number);
    }
    if (!one->in_instant && !error) {
        one->in_instant = true;
        error = note(&t->in_instant, number);
    }
    return error;
}

static int apply(struct tallies *t, uint32_t number, const struct edge *edge)
{
    int error = touch(t, number, edge);
    if (error)
        return error;
    struct tally *one = tally_of(t, number);
    if (edge->from != TCA_CLOSED)
        one->now[edge->from]--;
    else
        one->opened++;
    if (edge->to != TCA_CLOSED)
        one->now[edge->to]++;
    else
        one->closed++;
    return TCA_OK;
}

static void raise_most(struct tallies *t)
{
    for (size_t at = 0; at < t->in_instant.count; at++) {
        struct tally *one = tally_of(t, t->in_instant.list[at]);
        for (int state = 0; state < TCA_STATE_COUNT; state++)
            if (one->now[state] > one->most[state])
                one->most[state] = one->now[state];
        one->in_instant = false;
    }
    t->in_instant.count = 0;
}

static enum tca_scope_of_count scope_of(const struct tallies *t, uint32_t number)
{
    return number == 0 ? TCA_COUNT_ALL : number <= t->c->hosts ? TCA_COUNT_HOST : TCA_COUNT_LISTENER;
}

static int tell(struct tallies *t, uint32_t number)
{
    const struct tally *one = tally_of(t, number);
    struct tca_census_row row = {.end_ns = bucket_end_ns(t->bucket, t->width_ns),
                                 .width_ns = t->width_ns,
                                 .scope = scope_of(t, number),
                                 .opened = one->opened,
                                 .closed = one->closed};
    if (row.scope != TCA_COUNT_ALL) {
        memcpy(row.addr, one->addr, sizeof row.addr);
        row.family = one->family;
    }
    row.port = row.scope == TCA_COUNT_LISTENER ? one->port : 0;
    memcpy(row.now, one->now, sizeof row.now);
    memcpy(row.most, one->most, sizeof row.most);
    return t->fn(t->user, &row);
}

static int end_bucket(struct tallies *t)
{
    struct numbers *all = &t->touched;
    int stop = 0;
    raise_most(t);
    if (all->count)
        tca_sort_u32(all->list, all->count);
    for (size_t at = 0; at < all->count && !stop; at++) {
        stop = tell(t, all->list[at]);
        end_tally(t, all->list[at]);
    }
    all->count = 0;
    return stop;
}

static int apply_all(struct tallies *t, const struct edge *edge)
{
    int error = t->host ? TCA_OK : apply(t, 0, edge);
    if (!error)
        error = apply(t, 1 + edge->host, edge);
    return error || edge->shown == NOBODY ? error : apply(t, 1 + t->c->hosts + edge->shown, edge);
}

static bool is_wanted(struct tallies *t, const struct edge *edge)
{
    if (t->host && edge->from == TCA_CLOSED && !memcmp(edge->addr, t->host, sizeof edge->addr))
        t->host_number = edge->host;
    return !t->host || edge->host == t->host_number;
}

static int count_edge(void *user, const void *item, size_t size)
{
    struct tallies *t = user;
    struct edge edge;
    memcpy(&edge, item, size);
    if (!is_wanted(t, &edge))
        return 0;
    int stop = 0;
    if (edge.time_ns != t->time_ns) {
        int64_t bucket = bucket_of(edge.time_ns, t->width_ns);
        raise_most(t);
        stop = bucket != t->bucket ? end_bucket(t) : 0;
        t->bucket = bucket;
        t->time_ns = edge.time_ns;
    }
    return stop ? stop : apply_all(t, &edge);
}

int tca_census_rows(struct tca_census *c, int64_t width_ns, const uint8_t *host, tca_census_fn *fn,
                    void *user)
{
    struct tallies t = {
        .c = c, .width_ns = width_ns, .fn = fn, .user = user, .host = host, .host_number = NOBODY};
    t.slot = tca_alloc((1 + (size_t)c->hosts + c->shown) * sizeof *t.slot);
    int stop = t.slot ? tca_sorter_walk(c->edges, count_edge, &t) : TCA_EMEMORY;
    if (!stop)
        stop = end_bucket(&t);
    tca_free(t.slot);
    tca_free(t.tally);
    tca_free(t.touched.list);
    tca_free(t.in_instant.list);
    return stop;
}
