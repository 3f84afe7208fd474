/* SPDX-License-Identifier: MIT
 *
 * Keys and groups. A connection is found again in another capture by what no other connection shares:
 *
 *     1  addresses, ports, both ISNs
 *     2  addresses, ports, the client's ISN        a direction is missing, or nobody answered
 *     3  both ISNs                                 addresses translated between the captures
 *     4  addresses, ports, both last numbers       one of the captures began later
 *     5  addresses, ports, numbers that overlap    ... and the other one ended sooner
 *
 * What shares neither its ends nor its numbers with another one is found by no round, so its key is not made: a sieve tells.
 * Only of SYNs alone there is more to be learnt (tca_twins_group).
 *
 * Each round sorts the keys anew and joins those that are equal, unless one capture has more of them than another. From the
 * third on none joins what already holds another connection of its capture. What only the last one joins is a suspicion,
 * until the captures' clocks, or segments, show that both saw it at one time (tca_twin_linked).
 */
#include "classify/twin/twin.h"

#include "base/alloc.h"
#include "base/sort.h"
#include "base/sorted.h"
#include "classify/finding.h"
#include "classify/twin/twin_parts.h"

#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/error.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

int tca_twins_new(size_t flows, struct tca_twins **ret_twins)
{
    struct tca_twins *twins = tca_alloc(sizeof *twins);
    if (!twins)
        return TCA_EMEMORY;
    twins->ends = tca_sieve_new(flows);
    twins->isns = tca_sieve_new(flows);
    *ret_twins = twins;
    return TCA_OK;
}

/* They tell nothing any more. */
static void drop_sieves(struct tca_twins *twins)
{
    tca_sieve_done(&twins->ends);
    tca_sieve_done(&twins->isns);
    twins->ends = twins->isns = (struct tca_sieve){0};
}

void tca_twins_free(struct tca_twins *twins)
{
    if (!twins)
        return;
    drop_sieves(twins);
    tca_twin_keys_done(&twins->keys);
    tca_free(twins->parent);
    tca_free(twins->held);
    tca_free(twins->way);
    tca_free(twins->pair);
    tca_free(twins->watch);
    tca_free(twins->found);
    tca_free(twins->lost);
    tca_free(twins->twin);
    tca_free(twins);
}

int tca_twins_watch(struct tca_twins *twins, int64_t first_ns, int64_t last_ns, uint64_t flows)
{
    void *list = tca_room(twins->watch, twins->watch_count, &twins->watch_room, sizeof *twins->watch);
    if (!list)
        return TCA_EMEMORY;
    twins->watch = list;
    twins->watch[twins->watch_count++] = (struct tca_watch){first_ns, last_ns, flows};
    return TCA_OK;
}

/* ---- keys ---- */

/* Sequence space from what was seen first to what was seen last. */
static uint32_t span_of(const struct tca_side *side)
{
    if (side->iss_known)
        return side->snd_nxt - side->iss;
    uint64_t span = side->bytes + side->fin_sent;
    for (unsigned at = 0; at < side->hole_count; at++)
        span += side->hole[at].to - side->hole[at].from;
    return span < INT32_MAX ? (uint32_t)span : INT32_MAX;
}

static struct tca_twin_key key_of(const struct tca_dossier *d)
{
    struct tca_twin_key key = {.capture = d->capture,
                               .client = (uint32_t)tca_twin_end(d, TCA_CLIENT),
                               .id_frame = d->id_frame,
                               .start_ns = d->m.start_ns,
                               .first_frame = d->m.first_frame};
    for (int role = 0; role < 2; role++) {
        int end = tca_twin_end(d, role);
        const struct tca_side *side = &d->m.side[role];
        memcpy(key.addr[end], d->addr[role], sizeof key.addr[end]);
        key.port[end] = d->port[role];
        key.isn[end] = side->iss;
        key.isn_known[end] = side->iss_known;
        key.nxt[end] = side->snd_nxt;
        key.nxt_known[end] = side->nxt_known && side->pkts;
        key.span[end] = span_of(side);
    }
    const struct tca_mark *answer = tca_dossier_mark(d, TCA_MARK_SYNACK, TCA_SERVER, 0);
    if (answer && tca_twin_mixed(d)) /* the first answer counts */
        key.isn[tca_twin_end(d, TCA_SERVER)] = answer->seq;
    key.only_syns = tca_twin_only_syns(d);
    return key;
}

/* Equal where any round takes the ends for equal; and the numbers. */
static uint64_t hash_ends(const struct tca_twin_key *key)
{
    return XXH3_64bits_withSeed(key->addr, sizeof key->addr, (uint64_t)key->port[0] << 16 | key->port[1]);
}

static uint64_t hash_isns(const struct tca_twin_key *key)
{
    return (uint64_t)key->isn[key->client] << 32 | key->isn[1 - key->client];
}

static bool both_isns(const struct tca_twin_key *key)
{
    return key->isn_known[0] && key->isn_known[1];
}

void tca_twins_meet(struct tca_twins *twins, const struct tca_dossier *d)
{
    const struct tca_twin_key key = key_of(d);
    twins->cut_short |= d->cut_short;
    tca_sieve_count(&twins->ends, hash_ends(&key), 1);
    if (both_isns(&key))
        tca_sieve_count(&twins->isns, hash_isns(&key), 1);
}

/* May any round join it with another one? */
static bool may_join(const struct tca_twins *twins, const struct tca_twin_key *key)
{
    return tca_sieve_keeps(&twins->ends, hash_ends(key), 2) ||
           (both_isns(key) && tca_sieve_keeps(&twins->isns, hash_isns(key), 2));
}

int tca_twins_add(const struct tca_twins *twins, const struct tca_dossier *d, struct tca_twin_keys *keys)
{
    struct tca_twin_key key = key_of(d);
    if (!key.only_syns && !may_join(twins, &key))
        return TCA_OK;
    void *list = tca_room(keys->list, keys->count, &keys->room, sizeof *keys->list);
    if (!list)
        return TCA_EMEMORY;
    keys->list = list;
    keys->list[keys->count++] = key;
    return TCA_OK;
}

int tca_twins_take(struct tca_twins *twins, const struct tca_twin_keys *keys)
{
    struct tca_twin_keys *all = &twins->keys;
    size_t count = all->count + keys->count;
    if (!keys->count)
        return TCA_OK;
    void *list = count <= UINT32_MAX ? tca_grow(all->list, count, sizeof *all->list) : NULL;
    if (!list)
        return TCA_EMEMORY;
    all->list = list;
    memcpy(all->list + all->count, keys->list, keys->count * sizeof *keys->list);
    all->count = all->room = count;
    return TCA_OK;
}

void tca_twin_keys_done(struct tca_twin_keys *keys)
{
    tca_free(keys->list);
    *keys = (struct tca_twin_keys){0};
}

/* ---- row order ---- */

static struct tca_digest digest_row(const void *item)
{
    const struct tca_twin_key *key = item;
    uint64_t frame = key->first_frame < UINT32_MAX ? key->first_frame : UINT32_MAX;
    return (struct tca_digest){tca_digest_i64(key->start_ns), (uint64_t)key->capture << 32 | frame};
}

static int order_rows(const void *left, const void *right)
{
    const struct tca_twin_key *a = left, *b = right;
    int order = tca_compare_u64(tca_digest_i64(a->start_ns), tca_digest_i64(b->start_ns));
    if (!order)
        order = tca_compare_u64(a->capture, b->capture);
    return order ? order : tca_compare_u64(a->first_frame, b->first_frame);
}

/* Groups are numbered by their first row, however the keys came. */
static void number_rows(struct tca_twin_keys *keys)
{
    tca_sort(keys->list, keys->count, sizeof *keys->list, digest_row, order_rows);
    for (size_t at = 0; at < keys->count; at++)
        keys->list[at].index = (uint32_t)at;
}

/* ---- rounds ---- */

static int compare_ends(const struct tca_twin_key *a, const struct tca_twin_key *b)
{
    int order = memcmp(a->addr, b->addr, sizeof a->addr);
    if (!order)
        order = tca_compare_u64(a->port[0], b->port[0]);
    return order ? order : tca_compare_u64(a->port[1], b->port[1]);
}

static int compare_isns(const struct tca_twin_key *a, const struct tca_twin_key *b)
{
    int order = tca_compare_u64(a->isn[0], b->isn[0]);
    return order ? order : tca_compare_u64(a->isn[1], b->isn[1]);
}

/* Within equal keys: captures apart, in each the older connection first. */
static int compare_rest(const struct tca_twin_key *a, const struct tca_twin_key *b)
{
    int order = tca_compare_u64(a->capture, b->capture);
    if (!order)
        order = a->start_ns < b->start_ns ? -1 : a->start_ns > b->start_ns;
    return order ? order : tca_compare_u64(a->id_frame, b->id_frame);
}

static int by_all(const struct tca_twin_key *a, const struct tca_twin_key *b)
{
    int order = compare_ends(a, b);
    return order ? order : compare_isns(a, b);
}

static int by_client(const struct tca_twin_key *a, const struct tca_twin_key *b)
{
    int order = compare_ends(a, b);
    if (!order)
        order = tca_compare_u64(a->client, b->client);
    return order ? order : tca_compare_u64(a->isn[a->client], b->isn[b->client]);
}

/* Translated addresses may change the order of the ends: by role here. */
static int by_isns(const struct tca_twin_key *a, const struct tca_twin_key *b)
{
    int order = tca_compare_u64(a->isn[a->client], b->isn[b->client]);
    return order ? order : tca_compare_u64(a->isn[1 - a->client], b->isn[1 - b->client]);
}

static int by_last(const struct tca_twin_key *a, const struct tca_twin_key *b)
{
    int order = compare_ends(a, b);
    if (!order)
        order = tca_compare_u64(a->nxt[0], b->nxt[0]);
    return order ? order : tca_compare_u64(a->nxt[1], b->nxt[1]);
}

static bool client_isn(const struct tca_twin_key *key)
{
    return key->isn_known[key->client];
}

static bool both_last(const struct tca_twin_key *key)
{
    return key->nxt_known[0] && key->nxt_known[1];
}

static bool any_two(const struct tca_twin_key *a, const struct tca_twin_key *b)
{
    (void)a, (void)b;
    return true;
}

static bool one_last(const struct tca_twin_key *key)
{
    return key->nxt_known[0] || key->nxt_known[1];
}

/* The ends' numbers, as far as both saw them, have some in common, or touch. */
static bool overlap(const struct tca_twin_key *a, const struct tca_twin_key *b)
{
    int known = 0;
    for (int end = 0; end < 2; end++) {
        if (!a->nxt_known[end] || !b->nxt_known[end])
            continue;
        known++;
        uint32_t ahead = b->nxt[end] - a->nxt[end]; /* of b; if a is ahead: the rest of the circle */
        if (ahead > b->span[end] && 0 - ahead > a->span[end])
            return false;
    }
    return known > 0;
}

static const struct round {
    int (*compare)(const struct tca_twin_key *a, const struct tca_twin_key *b);
    bool (*usable)(const struct tca_twin_key *key);
    bool (*fit)(const struct tca_twin_key *a, const struct tca_twin_key *b); /* of equal ones */
    bool apart; /* none of the connections of a group may be of the same capture */
} rounds[] = {{by_all, both_isns, any_two, false},
              {by_client, client_isn, any_two, false},
              {by_isns, both_isns, any_two, true},
              {by_last, both_last, any_two, true},
              {compare_ends, one_last, overlap, true}};
enum { ROUNDS = sizeof rounds / sizeof *rounds };

/* qsort() takes no argument beside the two: one comparison function for each round. */
#define ORDER(n)                                                                                             \
    static int order_##n(const void *left, const void *right)                                                \
    {                                                                                                        \
        const struct tca_twin_key *a = left, *b = right;                                                     \
        bool x = rounds[n].usable(a), y = rounds[n].usable(b);                                               \
        int order = x != y ? (x ? -1 : 1) : x ? rounds[n].compare(a, b) : 0;                                 \
        return order ? order : compare_rest(a, b);                                                           \
    }
ORDER(0)
ORDER(1)
ORDER(2)
ORDER(3)
ORDER(4)
#undef ORDER
static int (*const orders[ROUNDS])(const void *, const void *) = {order_0, order_1, order_2, order_3,
                                                                  order_4};

/* ---- groups ---- */

static uint32_t root_of(uint32_t *parent, uint32_t index)
{
    while (parent[index] != index)
        index = parent[index] = parent[parent[index]];
    return index;
}

/* The captures of a group; beyond 64 of them two share a bit, and some links are missed. */
static uint64_t bit_of(const struct tca_twin_key *key)
{
    return UINT64_C(1) << key->capture % 64;
}

static void join(struct tca_twins *twins, const struct round *round, const struct tca_twin_key *one,
                 const struct tca_twin_key *other)
{
    uint32_t a = root_of(twins->parent, one->index), b = root_of(twins->parent, other->index);
    if (a == b || (round->apart && (twins->held[a] & twins->held[b])) || !round->fit(one, other))
        return;
    uint32_t root = a > b ? b : a;
    twins->parent[a > b ? a : b] = root;
    twins->held[root] = twins->held[a] | twins->held[b];
}

/* Equal keys, captures apart: the k-th of one capture is the k-th of every other, if all have as many. */
static void join_run(struct tca_twins *twins, const struct round *round, const struct tca_twin_key *key,
                     size_t count)
{
    size_t each = 1;
    while (each < count && key[each].capture == key[0].capture)
        each++;
    if (each == count || count % each)
        return;
    for (size_t at = 0; at < count; at++)
        if ((at % each == 0) != (at == 0 || key[at].capture != key[at - 1].capture))
            return;
    for (size_t at = each; at < count; at++)
        join(twins, round, &key[at], &key[at - each]);
}

static void join_round(struct tca_twins *twins, unsigned n)
{
    const struct round *round = &rounds[n];
    struct tca_twin_key *key = twins->keys.list;
    qsort(key, twins->keys.count, sizeof *key, orders[n]);
    for (size_t begin = 0, end; begin < twins->keys.count && round->usable(&key[begin]); begin = end) {
        end = begin + 1;
        while (end < twins->keys.count && round->usable(&key[end]) &&
               round->compare(&key[begin], &key[end]) == 0)
            end++;
        join_run(twins, round, key + begin, end - begin);
    }
}

static int compare_names(uint32_t capture, uint64_t frame, uint32_t other_capture, uint64_t other_frame)
{
    int order = tca_compare_u64(capture, other_capture);
    return order ? order : tca_compare_u64(frame, other_frame);
}

static int order_names(const void *left, const void *right)
{
    const struct tca_twin_key *a = left, *b = right;
    return compare_names(a->capture, a->id_frame, b->capture, b->id_frame);
}

/* Each group by its root; those that are of no interest are not kept. Where no two captures share a connection none is, for nobody
 * knows of SYNs alone which other capture should show them. */
static void name_groups(struct tca_twins *twins)
{
    struct tca_twin_keys *keys = &twins->keys;
    size_t named = 0;
    bool any = false;
    for (size_t at = 0; at < keys->count; at++) {
        struct tca_twin_key *key = &keys->list[at];
        uint32_t root = root_of(twins->parent, key->index);
        bool joined = twins->held[root] != bit_of(key);
        key->group = (uint64_t)root + 1;
        any |= joined;
        if (joined || key->only_syns)
            keys->list[named++] = *key;
    }
    keys->count = any ? named : 0;
}

int tca_twins_link(struct tca_twins *twins)
{
    size_t count = twins->keys.count;
    drop_sieves(twins);
    if (!count)
        return TCA_OK;
    twins->parent = tca_grow(NULL, count, sizeof *twins->parent);
    twins->held = tca_grow(NULL, count, sizeof *twins->held);
    if (!twins->parent || !twins->held)
        return TCA_EMEMORY;
    number_rows(&twins->keys);
    for (size_t at = 0; at < count; at++) {
        twins->parent[at] = (uint32_t)at;
        twins->held[at] = bit_of(&twins->keys.list[at]);
    }
    for (unsigned n = 0; n < ROUNDS; n++)
        join_round(twins, n);
    name_groups(twins);
    if (twins->keys.count)
        qsort(twins->keys.list, twins->keys.count, sizeof *twins->keys.list, order_names);
    tca_free(twins->parent);
    tca_free(twins->held);
    twins->parent = NULL;
    twins->held = NULL;
    return TCA_OK;
}

static int find_key(const void *wanted, const void *one)
{
    const struct tca_dossier *d = wanted;
    const struct tca_twin_key *key = one;
    return compare_names(d->capture, d->id_frame, key->capture, key->id_frame);
}

bool tca_twins_grouped(const struct tca_twins *twins)
{
    return twins->keys.count;
}

uint64_t tca_twins_group(const struct tca_twins *twins, const struct tca_dossier *d)
{
    const struct tca_twin_key *key = twins->keys.count ? bsearch(d, twins->keys.list, twins->keys.count,
                                                                 sizeof *twins->keys.list, find_key)
                                                       : NULL;
    return key ? key->group : 0;
}

/* ---- rows ---- */

static int order_twins(const void *left, const void *right)
{
    const struct tca_twin *a = left, *b = right;
    return compare_names(a->capture, a->id_frame, b->capture, b->id_frame);
}

void tca_twins_settle(struct tca_twins *twins)
{
    if (twins->twin_count)
        qsort(twins->twin, twins->twin_count, sizeof *twins->twin, order_twins);
    for (size_t at = 0; at < twins->twin_count; at++)
        twins->twin[at].lost = twins->lost ? twins->lost + twins->twin[at].lost_at : NULL;
    tca_twin_keys_done(&twins->keys);
}

static int find_twin(const void *wanted, const void *one)
{
    const struct tca_dossier *d = wanted;
    const struct tca_twin *twin = one;
    return compare_names(d->capture, d->id_frame, twin->capture, twin->id_frame);
}

const struct tca_twin *tca_twins_find(const struct tca_twins *twins, const struct tca_dossier *d)
{
    if (!twins || !twins->twin_count)
        return NULL;
    return bsearch(d, twins->twin, twins->twin_count, sizeof *twins->twin, find_twin);
}

/* ---- which row of a connection is told ---- */

static struct tca_twin *find_row(struct tca_twins *twins, uint32_t capture, uint64_t id_frame)
{
    const struct tca_dossier named = {.capture = capture, .id_frame = id_frame};
    return twins->twin_count ? bsearch(&named, twins->twin, twins->twin_count, sizeof *twins->twin, find_twin)
                             : NULL;
}

/* A guess of a distant capture is no match for a chief that saw the segments themselves; a proof is. */
void tca_twins_weigh(struct tca_twins *twins, const struct tca_dossier *d, int severity, bool certain)
{
    struct tca_twin *twin = find_row(twins, d->capture, d->id_frame);
    if (!twin)
        return;
    twin->deputy = twin->relieved = false;
    twin->proved = (uint8_t)(twin->chief || certain ? severity : TCA_SEVERITY_INFO);
}

/* The gravest of a chief's fellows, the first among equals; NULL: none proves what it did not see. */
static struct tca_twin *deputy_of(struct tca_twins *twins, const struct tca_twin *chief)
{
    struct tca_twin *gravest = NULL;
    for (unsigned at = 0; at < chief->others; at++) {
        struct tca_twin *other = find_row(twins, chief->other[at].capture, chief->other[at].id_frame);
        if (other && !other->chief && !other->deputy && other->proved >= TCA_SEVERITY_MEDIUM &&
            (!gravest || other->proved > gravest->proved))
            gravest = other;
    }
    return gravest;
}

void tca_twins_appoint(struct tca_twins *twins)
{
    for (size_t at = 0; at < twins->twin_count; at++) {
        struct tca_twin *chief = &twins->twin[at];
        struct tca_twin *deputy =
            chief->chief && chief->proved < TCA_SEVERITY_MEDIUM ? deputy_of(twins, chief) : NULL;
        if (deputy)
            deputy->deputy = chief->relieved = true;
    }
}

bool tca_twins_any(const struct tca_twins *twins)
{
    return twins && twins->twin_count;
}

/* Where a capture begins in a sorted list. */
static size_t lower_bound(const void *list, size_t count, size_t size, const struct tca_dossier *wanted,
                          int (*compare)(const void *wanted, const void *one))
{
    size_t low = 0, high = count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare(wanted, (const char *)list + middle * size) > 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool tca_twins_shadowed(const struct tca_twins *twins, uint32_t capture)
{
    const struct tca_dossier begin = {.capture = capture};
    if (!twins)
        return false;
    size_t at = lower_bound(twins->twin, twins->twin_count, sizeof *twins->twin, &begin, find_twin),
           linked = 0;
    for (; at < twins->twin_count && twins->twin[at].capture == capture; at++) {
        if (!twins->twin[at].others)
            continue;
        if (twins->twin[at].chief)
            return false;
        linked++;
    }
    return linked && 2 * linked >= twins->watch[capture - 1].flows;
}
