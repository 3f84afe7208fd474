/* SPDX-License-Identifier: MIT
 *
 * Ways: what two captures share of the traffic of two hosts with one service, and in which order they stand on it.
 *
 *     end 0 ---- [ a ] ------------ [ b ] ---- end 1
 *       TTL of what end 0 sends          higher at a: a router stands between        exact, where there is one
 *       when a segment passed b and a    later at b if end 0 sent it, sooner if end 1  exact, unless a clock was set
 *       SYN to SYN+ACK                   longer at a: all of it that b saw, and more  by vote of the connections
 *
 * Two captures are views of one traffic if they hold the same segments, told by time stamp or IP ID; equal numbers alone
 * are not enough, or the parts of a capture that was cut in two, with a connection that repeats itself, would do.
 */
#include "base/alloc.h"
#include "base/sorted.h"
#include "classify/twin/twin_parts.h"

#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/error.h>

enum {
    STRICT_MIN = 2,  /* segments that make two captures views of one traffic */
    VOTE_SHARE = 10, /* one in so many may vote otherwise */
};

bool tca_twin_own(const struct tca_mark *mark)
{
    return !mark->witness && !(mark->roles & TCA_MARK_ICMP);
}

bool tca_twin_only_syns(const struct tca_dossier *d)
{
    const struct tca_side *client = &d->m.side[TCA_CLIENT];
    return client->pkts && client->pkts == client->syn_count && !d->m.side[TCA_SERVER].pkts;
}

bool tca_twin_mixed(const struct tca_dossier *d)
{
    const struct tca_mark *first = tca_dossier_mark(d, TCA_MARK_SYNACK, TCA_SERVER, 0);
    const struct tca_mark *last = tca_dossier_last(d, TCA_MARK_SYNACK, TCA_SERVER);
    return d->m.synack_isn_changed || (first && first->seq != last->seq);
}

/* A FIN may carry another part of the stream where offload joined segments: its end is what counts. */
static bool same_numbers(const struct tca_mark *one, const struct tca_mark *other)
{
    enum { KIND = TCA_SYN | TCA_FIN | TCA_RST | TCA_ACK };
    if ((one->flags & KIND) != (other->flags & KIND) || one->ack != other->ack)
        return false;
    if (one->flags & TCA_FIN)
        return one->seq + one->len == other->seq + other->len;
    return one->seq == other->seq && one->len == other->len;
}

bool tca_twin_same(const struct tca_mark *one, const struct tca_mark *other, bool *ret_strict)
{
    *ret_strict = false;
    if (!same_numbers(one, other) || one->has_ts != other->has_ts)
        return false;
    if (one->has_ts) {
        *ret_strict = one->tsval == other->tsval && one->tsecr == other->tsecr;
        return *ret_strict;
    }
    if (!one->ip_id || !other->ip_id)
        return true;
    *ret_strict = one->ip_id == other->ip_id;
    return *ret_strict;
}

int tca_twin_end(const struct tca_dossier *d, int role)
{
    int order = memcmp(d->addr[TCA_CLIENT], d->addr[TCA_SERVER], sizeof d->addr[0]);
    bool client_first = order < 0 || (order == 0 && d->port[TCA_CLIENT] <= d->port[TCA_SERVER]);
    return client_first ? role : 1 - role;
}

int tca_twin_role(const struct tca_dossier *x, const struct tca_dossier *y, int role)
{
    const struct tca_side *side = &x->m.side[role];
    for (int other = 0; other < 2; other++)
        if (memcmp(x->addr[role], y->addr[other], sizeof x->addr[role]) == 0 &&
            x->port[role] == y->port[other])
            return other;
    bool swapped = side->iss_known && y->m.side[1 - role].iss_known && y->m.side[1 - role].iss == side->iss;
    return swapped ? 1 - role : role;
}

bool tca_twin_shares(const struct tca_dossier *x, const struct tca_dossier *y)
{
    for (unsigned at = 0; at < x->mark_count; at++) {
        bool strict = false;
        for (unsigned other = 0; tca_twin_own(&x->mark[at]) && other < y->mark_count && !strict; other++)
            if (tca_twin_own(&y->mark[other]))
                tca_twin_same(&x->mark[at], &y->mark[other], &strict);
        if (strict)
            return true;
    }
    return false;
}

bool tca_twin_sure(const struct tca_dossier *x, const struct tca_dossier *y)
{
    int ended_alike = 0;
    for (int role = 0; role < 2; role++) {
        const struct tca_side *one = &x->m.side[role], *other = &y->m.side[tca_twin_role(x, y, role)];
        if (one->iss_known && other->iss_known && one->iss == other->iss)
            return true;
        ended_alike += one->nxt_known && other->nxt_known && one->snd_nxt == other->snd_nxt;
    }
    return ended_alike == 2;
}

/* By the clocks: the difference is known as an interval, and both lasted beyond it. */
static bool lived_at_one_time(const struct tca_pair *pair, const struct tca_dossier *a,
                              const struct tca_dossier *b)
{
    int64_t low = pair->ahead_ns[0], high = pair->ahead_ns[1];
    return b->m.start_ns - low <= a->m.last_ns && a->m.start_ns <= b->m.last_ns - high;
}

bool tca_twin_linked(const struct tca_twins *twins, const struct tca_dossier *x, const struct tca_dossier *y)
{
    const struct tca_pair *pair = tca_twins_pair(twins, x->capture, y->capture);
    if (!pair)
        return false;
    if (tca_twin_sure(x, y) || tca_twin_shares(x, y))
        return true;
    return x->capture == pair->a ? lived_at_one_time(pair, x, y) : lived_at_one_time(pair, y, x);
}

/* ---- what two dossiers share ---- */

enum tca_way_kind tca_way_kind(const struct tca_mark *mark)
{
    return mark->flags & TCA_RST   ? TCA_WAY_RST
           : mark->flags & TCA_SYN ? TCA_WAY_OPENING
           : mark->flags & TCA_FIN ? TCA_WAY_FIN
           : mark->len             ? TCA_WAY_DATA
                                   : TCA_WAY_ACK;
}

/* Take in another interval; first > last: an empty one. */
static void unite(int64_t *first, int64_t *last, int64_t other_first, int64_t other_last)
{
    if (other_first < *first)
        *first = other_first;
    if (other_last > *last)
        *last = other_last;
}

static void widen(int64_t *first, int64_t *last, int64_t time_ns)
{
    unite(first, last, time_ns, time_ns);
}

/* By its numbers alone it may be another copy of the same: then nothing follows from when it passed. */
static void count_shared(struct tca_way *way, int end, const struct tca_mark *a, const struct tca_mark *b,
                         bool strict)
{
    way->kind[tca_way_kind(a)]++;
    if (!strict)
        return;
    way->strict++;
    widen(&way->first_ns[end][0], &way->last_ns[end][0], a->time_ns);
    widen(&way->first_ns[end][1], &way->last_ns[end][1], b->time_ns);
    widen(&way->ahead_ns[end][0], &way->ahead_ns[end][1], b->time_ns - a->time_ns);
    if (a->ttl != b->ttl) {
        /* Each hop takes one: the higher is nearer to the sender. */
        int nearer_to_sender = a->ttl > b->ttl ? 0 : 1;
        way->ttl_votes[end == 0 ? nearer_to_sender : 1 - nearer_to_sender] = 1;
    }
}

/* The first segment in b that is the same as this one in a and was not taken before. */
static void match(struct tca_way *way, const struct tca_mark *mark, int end, const struct tca_dossier *b,
                  int b_role, bool *taken)
{
    bool strict;
    for (unsigned at = 0; at < b->mark_count; at++) {
        const struct tca_mark *other = &b->mark[at];
        if (taken[at] || other->side != b_role || !tca_twin_own(other) ||
            !tca_twin_same(mark, other, &strict))
            continue;
        taken[at] = true;
        count_shared(way, end, mark, other, strict);
        return;
    }
}

static void vote(struct tca_way *way, const struct tca_dossier *a, const struct tca_dossier *b)
{
    int64_t x = a->m.syn_rtt_ns, y = b->m.syn_rtt_ns;
    if (x < 0 || y < 0 || x == y || tca_twin_role(a, b, TCA_CLIENT) != TCA_CLIENT || !tca_twin_sure(a, b))
        return;
    int nearer_to_client = x > y ? 0 : 1;
    way->time_votes[tca_twin_end(a, TCA_CLIENT) == 0 ? nearer_to_client : 1 - nearer_to_client]++;
}

/* The name of the way that x and y, of two captures, have a connection on. Who is taken for the server may differ: the
 * lower of both ports names the service. */
static struct tca_way way_of(const struct tca_dossier *x, const struct tca_dossier *y)
{
    const struct tca_dossier *a = x->capture < y->capture ? x : y, *b = a == x ? y : x;
    uint16_t one = a->port[TCA_SERVER], other = b->port[TCA_SERVER];
    struct tca_way way = {.a = a->capture, .b = b->capture, .port = one < other ? one : other};
    for (int role = 0; role < 2; role++)
        memcpy(way.addr[tca_twin_end(a, role)], a->addr[role], sizeof way.addr[0]);
    return way;
}

static void compare_two(struct tca_way *way, const struct tca_dossier *a, const struct tca_dossier *b)
{
    bool taken[TCA_MARKS_MAX] = {false};
    *way = way_of(a, b);
    for (int end = 0; end < 2; end++)
        for (int view = 0; view < 2; view++) {
            way->first_ns[end][view] = way->ahead_ns[end][0] = INT64_MAX;
            way->last_ns[end][view] = way->ahead_ns[end][1] = INT64_MIN;
        }
    for (unsigned at = 0; at < a->mark_count; at++)
        if (tca_twin_own(&a->mark[at]))
            match(way, &a->mark[at], tca_twin_end(a, a->mark[at].side), b,
                  tca_twin_role(a, b, a->mark[at].side), taken);
    way->gaps[0] = (a->m.damage & TCA_DAMAGE_GAP) != 0;
    way->gaps[1] = (b->m.damage & TCA_DAMAGE_GAP) != 0;
    vote(way, a, b);
}

int tca_twins_compare(struct tca_twins *twins, const struct tca_dossier *d, size_t count)
{
    for (size_t x = 0; x + 1 < count; x++)
        for (size_t y = x + 1; y < count; y++) {
            void *list = tca_room(twins->way, twins->way_count, &twins->way_room, sizeof *twins->way);
            if (!list)
                return TCA_EMEMORY;
            twins->way = list;
            compare_two(&twins->way[twins->way_count], &d[x], &d[y]);
            twins->way_count += d[x].capture < d[y].capture;
        }
    return TCA_OK;
}

/* ---- all of them ---- */

static int compare_places(const struct tca_way *x, const struct tca_way *y)
{
    int order = memcmp(x->addr, y->addr, sizeof x->addr);
    return order ? order : tca_compare_u64(x->port, y->port);
}

static int compare_ways(const void *left, const void *right)
{
    const struct tca_way *x = left, *y = right;
    int order = compare_places(x, y);
    if (!order)
        order = tca_compare_u64(x->a, y->a);
    return order ? order : tca_compare_u64(x->b, y->b);
}

static int compare_pairs(const void *left, const void *right)
{
    const struct tca_pair *x = left, *y = right;
    int order = tca_compare_u64(x->a, y->a);
    return order ? order : tca_compare_u64(x->b, y->b);
}

static void add_way(struct tca_way *to, const struct tca_way *from)
{
    to->strict += from->strict;
    for (int end = 0; end < 2; end++)
        unite(&to->ahead_ns[end][0], &to->ahead_ns[end][1], from->ahead_ns[end][0], from->ahead_ns[end][1]);
    for (int kind = 0; kind < TCA_WAY_KINDS; kind++)
        to->kind[kind] += from->kind[kind];
    for (int view = 0; view < 2; view++) {
        to->ttl_votes[view] += from->ttl_votes[view];
        to->time_votes[view] += from->time_votes[view];
        to->gaps[view] += from->gaps[view];
        for (int end = 0; end < 2; end++)
            unite(&to->first_ns[end][view], &to->last_ns[end][view], from->first_ns[end][view],
                  from->last_ns[end][view]);
    }
}

static void merge_ways(struct tca_twins *twins)
{
    size_t kept = 0;
    qsort(twins->way, twins->way_count, sizeof *twins->way, compare_ways);
    for (size_t at = 0; at < twins->way_count; at++) {
        if (kept && compare_ways(&twins->way[kept - 1], &twins->way[at]) == 0)
            add_way(&twins->way[kept - 1], &twins->way[at]);
        else
            twins->way[kept++] = twins->way[at];
    }
    twins->way_count = kept;
}

static struct tca_pair pair_of(const struct tca_way *way)
{
    struct tca_pair pair = {.a = way->a, .b = way->b, .strict = way->strict};
    memcpy(pair.ahead_ns, way->ahead_ns[0], sizeof pair.ahead_ns);
    unite(&pair.ahead_ns[0], &pair.ahead_ns[1], way->ahead_ns[1][0], way->ahead_ns[1][1]);
    return pair;
}

/* Pairs of captures with enough in common. */
static int gather_pairs(struct tca_twins *twins)
{
    size_t kept = 0;
    twins->pair = tca_grow(NULL, twins->way_count, sizeof *twins->pair);
    if (!twins->pair)
        return TCA_EMEMORY;
    for (size_t at = 0; at < twins->way_count; at++)
        twins->pair[at] = pair_of(&twins->way[at]);
    qsort(twins->pair, twins->way_count, sizeof *twins->pair, compare_pairs);
    for (size_t at = 0; at < twins->way_count; at++) {
        struct tca_pair *last = &twins->pair[kept ? kept - 1 : 0], *next = &twins->pair[at];
        if (!kept || compare_pairs(last, next) != 0) {
            twins->pair[kept++] = *next;
            continue;
        }
        last->strict += next->strict;
        unite(&last->ahead_ns[0], &last->ahead_ns[1], next->ahead_ns[0], next->ahead_ns[1]);
    }
    for (size_t at = 0; at < kept; at++)
        if (twins->pair[at].strict >= STRICT_MIN)
            twins->pair[twins->pair_count++] = twins->pair[at];
    return TCA_OK;
}

int tca_twins_order(struct tca_twins *twins)
{
    if (!twins->way_count)
        return TCA_OK;
    merge_ways(twins);
    return gather_pairs(twins);
}

const struct tca_pair *tca_twins_pair(const struct tca_twins *twins, uint32_t one, uint32_t other)
{
    struct tca_pair wanted = {.a = one < other ? one : other, .b = one < other ? other : one};
    if (!twins->pair_count)
        return NULL;
    return bsearch(&wanted, twins->pair, twins->pair_count, sizeof *twins->pair, compare_pairs);
}

bool tca_twins_paired(const struct tca_twins *twins, uint32_t one, uint32_t other)
{
    return tca_twins_pair(twins, one, other) != NULL;
}

const struct tca_way *tca_ways_of(const struct tca_twins *twins, const struct tca_dossier *d,
                                  size_t *ret_count)
{
    struct tca_way wanted = way_of(d, d);
    size_t low = 0, high = twins->way_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_places(&twins->way[middle], &wanted) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    size_t end = low;
    while (end < twins->way_count && compare_places(&twins->way[end], &wanted) == 0)
        end++;
    *ret_count = end - low;
    return end > low ? &twins->way[low] : NULL;
}

const struct tca_way *tca_way_between(const struct tca_twins *twins, const struct tca_dossier *x,
                                      const struct tca_dossier *y)
{
    struct tca_way wanted = way_of(x, y);
    if (!twins->way_count)
        return NULL;
    return bsearch(&wanted, twins->way, twins->way_count, sizeof *twins->way, compare_ways);
}

/* 0 or 1 if nearly all say so, else -1. */
static int majority(const uint32_t votes[2])
{
    uint64_t all = (uint64_t)votes[0] + votes[1];
    int most = votes[0] >= votes[1] ? 0 : 1;
    return all && (uint64_t)votes[1 - most] * VOTE_SHARE <= all ? most : -1;
}

/* Whatever the clocks say: what end 0 sends passes b later, what end 1 sends sooner, if a is the one nearer to end 0. */
static int by_passage(const struct tca_way *way)
{
    const int64_t *from = way->ahead_ns[0], *back = way->ahead_ns[1];
    if (from[0] > from[1] || back[0] > back[1])
        return -1;
    return from[0] > back[1] ? 0 : from[1] < back[0] ? 1 : -1;
}

int tca_way_nearer(const struct tca_way *way, int end)
{
    bool hops = way->ttl_votes[0] || way->ttl_votes[1];
    int nearer = hops ? majority(way->ttl_votes) : by_passage(way);
    if (!hops && nearer < 0)
        nearer = majority(way->time_votes);
    return nearer < 0 || end == 0 ? nearer : 1 - nearer;
}
