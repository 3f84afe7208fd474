/* SPDX-License-Identifier: MIT
 *
 * Keys and pairs. Two rows of one capture are one connection on both sides of a translation if
 *
 *     the client's ISN, time stamp and options of the SYN are equal  (a device may lower the MSS)
 *     the second SYN passed within 5 ms of the first
 *     addresses or ports differ
 *     its TTL is lower, as behind a router, or time stamps are there to tell one packet; it is never higher
 *     the server's ISN is equal; or one row lacks it, and the two SYNs are one packet by themselves:
 *         its TTL is lower, window and IP ID are equal, a time stamp or an IP ID other than 0 tells it from others,
 *         and no third row has that client's ISN at that time
 *
 * A proxy opens a connection of its own, with numbers of its own. A row is half of one pair only, and a flood of SYNs with
 * one number is no pair at all: it counts in full. Devices that rewrite sequence numbers (SYN proxies) are not followed.
 */
#include "classify/sweep/nat.h"

#include "base/alloc.h"
#include "base/sort.h"
#include "base/sorted.h"
#include "base/time_limit.h"

#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/error.h>

enum { NEIGHBOURS_MAX = 8 };
static const int64_t APART_NS = INT64_C(5000000);

/* What a translation leaves as it is, and the addresses. */
struct key {
    uint64_t id_frame, first_frame;
    int64_t syn_ns;
    uint32_t capture, isn, server_isn, tsval;
    uint8_t addr[2][16];
    uint16_t port[2];
    uint16_t mss, ip_id, window;
    uint8_t order[TCA_OPTION_ORDER_MAX];
    uint8_t ttl, family, wscale;
    bool has_mss, has_wscale, sack_ok, has_ts, server_known, taken;
};

struct tca_nats {
    uint64_t *hint; /* owned, until linked: those that are of several flows, ascending */
    size_t hint_count;
    struct key *key; /* owned, until linked */
    size_t key_count, key_room;
    struct tca_nat *nat; /* owned; by capture and frame once linked */
    size_t nat_count, nat_room;
};

/* ---- hints ---- */

/* The number above the time. Several captures show one connection at the same time, which is none of our business: so their
 * numbers are apart. */
#define APART UINT32_C(0x9e3779b9)

static uint64_t hint_of(uint32_t capture, uint32_t isn, int64_t syn_ns)
{
    enum { SECOND_BITS = 30 }; /* of nanoseconds, nearly; times end within 32 bits of these */
    _Static_assert(TCA_TIME_LAST_NS >> SECOND_BITS <= UINT32_MAX, "no time comes again");
    return (uint64_t)(isn + capture * APART) << 32 | (uint32_t)((uint64_t)syn_ns >> SECOND_BITS);
}

uint64_t tca_nat_hint_of(uint64_t hint, uint32_t capture, uint32_t other)
{
    return hint + ((uint64_t)((other - capture) * APART) << 32);
}

/* Rows of one connection have hints like that. `a` is not less. */
static bool are_like(uint64_t a, uint64_t b)
{
    return a >> 32 == b >> 32 && a - b <= 1;
}

int tca_nat_hints_add(struct tca_nat_hints *hints, uint64_t hint)
{
    void *list = tca_room(hints->list, hints->count, &hints->room, sizeof *hints->list);
    if (!list)
        return TCA_EMEMORY;
    hints->list = list;
    hints->list[hints->count++] = hint;
    return TCA_OK;
}

int tca_nat_hint(struct tca_nat_hints *hints, uint32_t capture, uint32_t isn, int64_t syn_ns,
                 uint32_t *known_as)
{
    uint64_t hint = hint_of(capture, isn, syn_ns);
    if (*known_as) {
        hints->list[*known_as - 1] = hint;
        return TCA_OK;
    }
    int error = tca_nat_hints_add(hints, hint);
    *known_as = error ? 0 : (uint32_t)hints->count;
    return error;
}

void tca_nat_hints_done(struct tca_nat_hints *hints)
{
    tca_free(hints->list);
    *hints = (struct tca_nat_hints){0};
}

int tca_nat_hints_take(struct tca_nat_hints *hints, struct tca_nat_hints *other)
{
    if (!hints->count) { /* as they are: of a flood they are many */
        tca_nat_hints_done(hints);
        *hints = *other;
        *other = (struct tca_nat_hints){0};
        return TCA_OK;
    }
    size_t count = hints->count + other->count;
    uint64_t *list = other->count ? tca_grow(hints->list, count, sizeof *list) : hints->list;
    if (other->count && !list)
        return TCA_EMEMORY;
    if (other->count)
        memcpy(list + hints->count, other->list, other->count * sizeof *list);
    hints->list = list;
    hints->count = hints->room = count;
    tca_nat_hints_done(other);
    return TCA_OK;
}

/* Those that are like another one, ascending. */
static size_t keep_several(uint64_t *hint, size_t count)
{
    size_t kept = 0;
    bool like = false; /* the one before */
    for (size_t at = 0; at < count; at++) {
        uint64_t this = hint[at];
        bool next = at + 1 < count && are_like(hint[at + 1], this);
        if (next || like)
            hint[kept++] = this;
        like = next;
    }
    return kept;
}

int tca_nats_new(struct tca_nat_hints *hints, struct tca_nats **ret_nats)
{
    tca_sort_u64(hints->list, hints->count);
    hints->count = keep_several(hints->list, hints->count);
    *ret_nats = NULL;
#ifndef TCA_CHECK_WAYS
    if (!hints->count) {
        tca_nat_hints_done(hints);
        return TCA_OK;
    }
#endif
    struct tca_nats *nats = tca_alloc(sizeof *nats);
    if (!nats)
        return TCA_EMEMORY;
    nats->hint = hints->list;
    nats->hint_count = hints->count;
    *hints = (struct tca_nat_hints){0};
    *ret_nats = nats;
    return TCA_OK;
}

static int order_hints(const void *left, const void *right)
{
    return tca_compare_u64(*(const uint64_t *)left, *(const uint64_t *)right);
}

static bool is_hinted(const struct tca_nats *nats, uint32_t capture, uint32_t isn, int64_t syn_ns)
{
    uint64_t hint = hint_of(capture, isn, syn_ns);
    return nats->hint_count && bsearch(&hint, nats->hint, nats->hint_count, sizeof hint, order_hints);
}

static void forget_keys(struct tca_nats *nats)
{
    tca_free(nats->hint);
    tca_free(nats->key);
    nats->hint = NULL;
    nats->key = NULL;
    nats->hint_count = nats->key_count = nats->key_room = 0;
}

void tca_nats_free(struct tca_nats *nats)
{
    if (!nats)
        return;
    forget_keys(nats);
    tca_free(nats->nat);
    tca_free(nats);
}

/* ---- keys ---- */

static void fill_key(struct key *key, const struct tca_dossier *d, const struct tca_mark *syn)
{
    const struct tca_side *client = &d->m.side[TCA_CLIENT], *server = &d->m.side[TCA_SERVER];
    memset(key, 0, sizeof *key);
    key->id_frame = d->id_frame;
    key->first_frame = d->m.first_frame;
    key->syn_ns = syn->time_ns;
    key->capture = d->capture;
    key->isn = client->iss;
    key->server_isn = server->iss;
    key->server_known = server->iss_known && server->synack_count;
    key->tsval = syn->tsval;
    key->has_ts = syn->has_ts;
    memcpy(key->addr, d->addr, sizeof key->addr);
    memcpy(key->port, d->port, sizeof key->port);
    key->family = d->family;
    key->has_mss = client->has_mss;
    key->mss = client->mss;
    key->has_wscale = client->has_wscale;
    key->wscale = client->wscale;
    key->sack_ok = client->sack_ok;
    memcpy(key->order, client->order, client->order_count);
    key->ip_id = syn->has_ip_id ? syn->ip_id : 0;
    key->window = syn->window;
    key->ttl = syn->ttl;
}

#ifdef TCA_CHECK_WAYS
/* All are held against each other, and whoever is one of a pair must have been hinted at. */
bool tca_nats_wants(const struct tca_nats *nats, uint32_t capture, uint32_t isn, int64_t syn_ns)
{
    (void)nats, (void)capture, (void)isn, (void)syn_ns;
    return true;
}

static void check_hint(const struct tca_nats *nats, const struct key *key)
{
    if (!is_hinted(nats, key->capture, key->isn, key->syn_ns))
        abort();
}
#else
bool tca_nats_wants(const struct tca_nats *nats, uint32_t capture, uint32_t isn, int64_t syn_ns)
{
    return is_hinted(nats, capture, isn, syn_ns);
}

static void check_hint(const struct tca_nats *nats, const struct key *key)
{
    (void)nats, (void)key;
}
#endif

int tca_nats_add(struct tca_nats *nats, const struct tca_dossier *d)
{
    const struct tca_mark *syn = NULL;
    for (unsigned at = 0; at < d->mark_count; at++)
        if (tca_nat_is_first_syn(&d->mark[at]))
            syn = &d->mark[at];
    const struct tca_side *client = &d->m.side[TCA_CLIENT];
    if (!syn || !client->iss_known || !tca_nats_wants(nats, d->capture, client->iss, syn->time_ns))
        return TCA_OK;
    void *list = tca_room(nats->key, nats->key_count, &nats->key_room, sizeof *nats->key);
    if (!list)
        return TCA_EMEMORY;
    nats->key = list;
    fill_key(&nats->key[nats->key_count++], d, syn);
    return TCA_OK;
}

/* ---- pairs ---- */

static int order_keys(const void *left, const void *right)
{
    const struct key *a = left, *b = right;
    int order = tca_compare_u64(a->capture, b->capture);
    if (!order)
        order = tca_compare_u64(a->isn, b->isn);
    if (!order)
        order = tca_compare_i64(a->syn_ns, b->syn_ns);
    return order ? order : tca_compare_u64(a->id_frame, b->id_frame);
}

static struct tca_digest digest_key(const void *item)
{
    const struct key *key = item;
    return (struct tca_digest){(uint64_t)key->capture << 32 | key->isn, tca_digest_i64(key->syn_ns)};
}

static bool same_tuple(const struct key *a, const struct key *b)
{
    return a->port[0] == b->port[0] && a->port[1] == b->port[1] && !memcmp(a->addr, b->addr, sizeof a->addr);
}

static bool same_options(const struct key *a, const struct key *b)
{
    bool mss = a->has_mss == b->has_mss && b->mss <= a->mss; /* routers lower it to what their link carries */
    return mss && a->sack_ok == b->sack_ok && a->has_wscale == b->has_wscale && a->wscale == b->wscale &&
           !memcmp(a->order, b->order, sizeof a->order) && a->has_ts == b->has_ts && a->tsval == b->tsval;
}

/* The same number at the same time. */
static bool is_near(const struct key *a, const struct key *b)
{
    return a->capture == b->capture && a->isn == b->isn && b->syn_ns - a->syn_ns <= APART_NS;
}

/* Both servers' numbers are known, so that they alone can tell. */
static bool is_answered(const struct key *a, const struct key *b)
{
    return a->server_known && b->server_known;
}

/* No other SYN looks like these two. */
static bool one_packet(const struct key *a, const struct key *b)
{
    return a->ip_id == b->ip_id && a->window == b->window && (a->tsval || a->ip_id);
}

/* `a` passed first. */
static bool is_pair(const struct key *a, const struct key *b)
{
    if (a->family != b->family || b->ttl > a->ttl || same_tuple(a, b) || !same_options(a, b))
        return false;
    if (is_answered(a, b))
        return a->server_isn == b->server_isn && (b->ttl < a->ttl || a->tsval);
    return b->ttl < a->ttl && one_packet(a, b);
}

/* `first` and the row behind it are the only ones with their number then. */
static bool are_alone(const struct tca_nats *nats, const struct key *first)
{
    const struct key *end = nats->key + nats->key_count, *second = first + 1;
    bool before = first > nats->key && is_near(first - 1, first);
    return !before && (second + 1 == end || !is_near(second, second + 1));
}

static struct key *find_second(const struct tca_nats *nats, struct key *first)
{
    struct key *end = nats->key + nats->key_count;
    struct key *stop = end - first > NEIGHBOURS_MAX ? first + 1 + NEIGHBOURS_MAX : end;
    for (struct key *other = first + 1; other < stop && is_near(first, other); other++)
        if (!other->taken && is_pair(first, other) &&
            (is_answered(first, other) || (other == first + 1 && are_alone(nats, first))))
            return other;
    return NULL;
}

static int add_row(struct tca_nats *nats, const struct key *row, const struct key *first,
                   const struct key *other)
{
    void *list = tca_room(nats->nat, nats->nat_count, &nats->nat_room, sizeof *nats->nat);
    if (!list)
        return TCA_EMEMORY;
    nats->nat = list;
    struct tca_nat *nat = &nats->nat[nats->nat_count++];
    *nat = (struct tca_nat){.capture = row->capture,
                            .part = row == first ? TCA_NAT_BEFORE : TCA_NAT_AFTER,
                            .id_frame = row->id_frame,
                            .other_frame = other->id_frame,
                            .other_first = other->first_frame,
                            .later_ns = row->syn_ns - first->syn_ns,
                            .server_port = first->port[TCA_SERVER]};
    for (int role = 0; role < 2; role++)
        nat->same_addr[role] = !memcmp(row->addr[role], other->addr[role], sizeof row->addr[role]);
    memcpy(nat->server_addr, first->addr[TCA_SERVER], sizeof nat->server_addr);
    return TCA_OK;
}

static int find_pairs(struct tca_nats *nats)
{
    int error = TCA_OK;
    for (size_t at = 0; at < nats->key_count && !error; at++) {
        struct key *first = &nats->key[at], *second = first->taken ? NULL : find_second(nats, first);
        if (!second)
            continue;
        first->taken = second->taken = true;
        check_hint(nats, first);
        check_hint(nats, second);
        error = add_row(nats, first, first, second);
        if (!error)
            error = add_row(nats, second, first, first);
    }
    return error;
}

static int order_rows(const void *left, const void *right)
{
    const struct tca_nat *a = left, *b = right;
    int order = tca_compare_u64(a->capture, b->capture);
    return order ? order : tca_compare_u64(a->id_frame, b->id_frame);
}

static struct tca_digest digest_row(const void *item)
{
    const struct tca_nat *nat = item;
    return (struct tca_digest){nat->capture, nat->id_frame};
}

int tca_nats_link(struct tca_nats *nats)
{
    tca_sort(nats->key, nats->key_count, sizeof *nats->key, digest_key, order_keys);
    int error = find_pairs(nats);
    tca_sort(nats->nat, nats->nat_count, sizeof *nats->nat, digest_row, order_rows);
    forget_keys(nats);
    return error;
}

bool tca_nats_any(const struct tca_nats *nats)
{
    return nats && nats->nat_count;
}

const struct tca_nat *tca_nats_find(const struct tca_nats *nats, uint32_t capture, uint64_t id_frame)
{
    const struct tca_nat wanted = {.capture = capture, .id_frame = id_frame};
    return nats && nats->nat_count ? bsearch(&wanted, nats->nat, nats->nat_count, sizeof wanted, order_rows)
                                   : NULL;
}
