/* SPDX-License-Identifier: MIT
 *
 * Vantage of a pair of hosts. Any of these suffices: the cooked link header says that one side's segments went out and the
 * other's came in; or one side's checksums are all unfinished and the other's all good, as at the sender's own tap.
 * Failing that, round trips of three clean handshakes or more, unless routers have lowered the TTL of the host that
 * would be near. Where addresses are translated within the capture it was taken in between, whatever these say: each row shows
 * one side of the router only. A router that forwards shows each segment coming in and going out, which tells nothing. Not used: a TTL
 * that no router has lowered, since the first router behind the host sees the same; and giant segments, which a receiver's tap shows as well as a sender's.
 *
 * What is added is sorted before it is read; keys are compared, never hashed.
 */
#include "classify/sweep/place.h"

#include "base/alloc.h"
#include "base/sieve.h"
#include "base/sort.h"
#include "base/sorted.h"

#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/error.h>

enum { CLEAN_MIN = 3 }; /* handshakes that speak for a pair */
enum { SUMS_MIN = 2 };  /* checksums of a side that tell */

struct tca_pair {
    uint32_t host[2];   /* client, server; while they are read the lower one first, and so all that follows */
    uint32_t rtt_ns[2]; /* to each; UINT32_MAX: no clean handshake */
    bool local[2];      /* the capture was taken on this host */
    bool between;       /* its addresses are translated where the capture was taken */
};

/* By the cooked link header, else by the checksums that the sender's own card has still to finish. */
static bool is_local(const struct tca_side *side, const struct tca_side *peer)
{
    bool cooked = side->link_out || side->link_in || peer->link_out || peer->link_in;
    if (cooked)
        return side->link_out && !side->link_in && !peer->link_out;
    return side->unfinished_checksums >= SUMS_MIN && !side->good_checksums &&
           peer->good_checksums >= SUMS_MIN && !peer->unfinished_checksums;
}

static uint64_t name_of(const uint32_t host[2])
{
    return (uint64_t)host[0] << 32 | host[1];
}

static uint32_t clip(int64_t ns)
{
    return ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX - 1;
}

int tca_places_add(struct tca_places *places, const struct tca_dossier *d)
{
    const struct tca_mirror *m = &d->m;
    bool clean = m->syn_rtt_ns >= 0 && m->ack_rtt_ns >= 0;
    bool local[2], between = d->nat != TCA_NAT_NONE;
    for (int role = 0; role < 2; role++)
        local[role] = is_local(&m->side[role], &m->side[1 - role]);
    if (!clean && !between && !local[TCA_CLIENT] && !local[TCA_SERVER])
        return TCA_OK;
    void *array = tca_room(places->pair, places->pairs, &places->pair_room, sizeof *places->pair);
    if (!array)
        return TCA_EMEMORY;
    places->pair = array;
    struct tca_pair *p = &places->pair[places->pairs++];
    *p = (struct tca_pair){
        .host = {d->host[TCA_CLIENT], d->host[TCA_SERVER]},
        .rtt_ns = {clean ? clip(m->ack_rtt_ns) : UINT32_MAX, clean ? clip(m->syn_rtt_ns) : UINT32_MAX},
        .local = {local[TCA_CLIENT], local[TCA_SERVER]},
        .between = between};
    return TCA_OK;
}

/* ---- all flows are in ---- */

static int compare_pairs(const void *left, const void *right)
{
    const struct tca_pair *a = left, *b = right;
    return tca_compare_u64(name_of(a->host), name_of(b->host));
}

static struct tca_digest digest_pair(const void *item)
{
    const struct tca_pair *pair = item;
    return (struct tca_digest){name_of(pair->host), 0};
}

/* The median round trip to one end; UINT32_MAX if too few connections tell. `number` is scratch. */
static uint32_t median(const struct tca_pair *pair, size_t count, int end, uint32_t *number)
{
    size_t used = 0;
    for (size_t at = 0; at < count; at++)
        if (pair[at].rtt_ns[end] != UINT32_MAX)
            number[used++] = pair[at].rtt_ns[end];
    if (used < CLEAN_MIN)
        return UINT32_MAX;
    tca_sort_u32(number, used);
    return number[(used - 1) / 2];
}

/* A round trip under 0.3 ms touches a host, if the other one is clearly longer. */
static void place_by_time(struct tca_place *place, const uint32_t rtt[2])
{
    if (rtt[0] == UINT32_MAX)
        return;
    bool near[2] = {rtt[0] < TCA_NEAR_NS, rtt[1] < TCA_NEAR_NS};
    for (int end = 0; end < 2; end++)
        place->near[end] = near[end] && (near[1 - end] || rtt[1 - end] > 3 * rtt[end]);
    place->middle = !near[0] && !near[1];
    place->shown = place->middle || place->near[0] || place->near[1];
}

static void build_place(struct tca_place *place, const struct tca_pair *pair, size_t count, uint32_t *number)
{
    uint64_t local[2] = {0};
    *place = (struct tca_place){.host = {pair->host[0], pair->host[1]}};
    for (size_t at = 0; at < count; at++) {
        place->middle |= pair[at].between;
        for (int end = 0; end < 2; end++)
            local[end] += pair[at].local[end];
    }
    place->shown = place->middle;
    if (place->middle)
        return;
    for (int end = 0; end < 2; end++)
        place->near[end] = tca_prevails(local[end], local[1 - end]);
    place->proved = place->shown = place->near[0] || place->near[1];
    if (!place->shown)
        place_by_time(place, (uint32_t[2]){median(pair, count, 0, number), median(pair, count, 1, number)});
}

static size_t same_pair(const struct tca_pair *pair, size_t at, size_t count)
{
    size_t end = at + 1;
    while (end < count && !compare_pairs(&pair[at], &pair[end]))
        end++;
    return end;
}

/* In order, with the ranks of the hosts for names. */
static struct tca_pair in_order(const struct tca_pair *p, const uint32_t *rank)
{
    bool turned = rank[p->host[0]] > rank[p->host[1]];
    return (struct tca_pair){.host = {rank[p->host[turned]], rank[p->host[!turned]]},
                             .rtt_ns = {p->rtt_ns[turned], p->rtt_ns[!turned]},
                             .local = {p->local[turned], p->local[!turned]},
                             .between = p->between};
}

/* Few handshakes show nothing, unless something else does. */
static void leave_out_few(struct tca_places *places, const uint32_t *rank)
{
    struct tca_sieve sieve = tca_sieve_new(places->pairs);
    size_t kept = 0;
    for (size_t at = 0; at < places->pairs; at++) {
        struct tca_pair p = places->pair[at] = in_order(&places->pair[at], rank);
        bool tells = p.between || p.local[0] || p.local[1];
        tca_sieve_count(&sieve, name_of(p.host), tells ? TCA_SIEVE_ALWAYS : 1);
    }
    for (size_t at = 0; at < places->pairs; at++)
        if (tca_sieve_keeps(&sieve, name_of(places->pair[at].host), CLEAN_MIN))
            places->pair[kept++] = places->pair[at];
    places->pairs = kept;
    tca_sieve_done(&sieve);
}

int tca_places_run(struct tca_places *places, const uint32_t *rank)
{
    leave_out_few(places, rank);
    if (!places->pairs)
        return TCA_OK;
    tca_sort(places->pair, places->pairs, sizeof *places->pair, digest_pair, compare_pairs);
    size_t count = 0;
    for (size_t at = 0; at < places->pairs; at = same_pair(places->pair, at, places->pairs))
        count++;
    uint32_t *number = tca_alloc(places->pairs * sizeof *number);
    places->place = tca_alloc(count * sizeof *places->place);
    for (size_t at = 0, end; at < places->pairs && number && places->place; at = end) {
        end = same_pair(places->pair, at, places->pairs);
        build_place(&places->place[places->places++], &places->pair[at], end - at, number);
    }
    tca_free(number);
    tca_free(places->pair);
    places->pair = NULL;
    places->pairs = places->pair_room = 0;
    return places->places ? TCA_OK : TCA_EMEMORY;
}

/* ---- asking ---- */

static const struct tca_place *find_place(const struct tca_places *places, uint64_t name)
{
    size_t low = 0, high = places->places;
    while (low < high) {
        size_t at = low + (high - low) / 2;
        uint64_t there = name_of(places->place[at].host);
        if (there == name)
            return &places->place[at];
        if (there < name)
            low = at + 1;
        else
            high = at;
    }
    return NULL;
}

enum tca_vantage tca_places_vantage(const struct tca_places *places, const struct tca_dossier *d)
{
    int client = d->host[TCA_CLIENT] <= d->host[TCA_SERVER] ? 0 : 1;
    const struct tca_place *place =
        find_place(places, name_of((uint32_t[2]){d->host[client], d->host[!client]}));
    if (!place || !place->shown)
        return TCA_VANTAGE_UNKNOWN;
    if (place->middle)
        return TCA_VANTAGE_MIDDLE;
    if (place->near[0] && place->near[1])
        return TCA_VANTAGE_SAME_HOST;
    return place->near[client] ? TCA_VANTAGE_CLIENT : TCA_VANTAGE_SERVER;
}

void tca_places_done(struct tca_places *places)
{
    tca_free(places->pair);
    tca_free(places->place);
}
