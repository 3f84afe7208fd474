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
#include "base/sort.h"
#include "base/sorted.h"

#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/error.h>

enum { CLEAN_MIN = 3 }; /* handshakes that speak for a pair */
enum { SUMS_MIN = 2 };  /* checksums of a side that tell */

struct tca_pair {
    uint8_t addr[2][16]; /* the lower one first */
    uint32_t capture;
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

static uint32_t clip(int64_t ns)
{
    return ns < UINT32_MAX ? (uint32_t)ns : UINT32_MAX - 1;
}

/* The pair's addresses in their order; the index of the client's. */
static int client_end(const struct tca_dossier *d, uint8_t addr[2][16])
{
    int client = memcmp(d->addr[TCA_CLIENT], d->addr[TCA_SERVER], 16) <= 0 ? 0 : 1;
    memcpy(addr[client], d->addr[TCA_CLIENT], 16);
    memcpy(addr[1 - client], d->addr[TCA_SERVER], 16);
    return client;
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
    *p = (struct tca_pair){.capture = d->capture, .between = between};
    int client = client_end(d, p->addr);
    for (int end = 0; end < 2; end++) {
        int role = end == client ? TCA_CLIENT : TCA_SERVER;
        p->local[end] = local[role];
        p->rtt_ns[end] = clean ? clip(role == TCA_SERVER ? m->syn_rtt_ns : m->ack_rtt_ns) : UINT32_MAX;
    }
    return TCA_OK;
}

/* ---- all flows are in ---- */

static int compare_pairs(const void *left, const void *right)
{
    const struct tca_pair *a = left, *b = right;
    int order = tca_compare_u64(a->capture, b->capture);
    return order ? order : memcmp(a->addr, b->addr, sizeof a->addr);
}

static struct tca_digest digest_pair(const void *item)
{
    const struct tca_pair *pair = item;
    return tca_digest_place(pair->capture, pair->addr[0], tca_digest_host(0, pair->addr[1]));
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
    *place = (struct tca_place){.capture = pair->capture};
    memcpy(place->addr, pair->addr, sizeof place->addr);
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

int tca_places_run(struct tca_places *places)
{
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

static int compare_places(const void *left, const void *right)
{
    const struct tca_place *a = left, *b = right;
    int order = tca_compare_u64(a->capture, b->capture);
    return order ? order : memcmp(a->addr, b->addr, sizeof a->addr);
}

enum tca_vantage tca_places_vantage(const struct tca_places *places, const struct tca_dossier *d)
{
    struct tca_place key = {.capture = d->capture};
    int client = client_end(d, key.addr);
    const struct tca_place *place =
        places->places ? bsearch(&key, places->place, places->places, sizeof key, compare_places) : NULL;
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
