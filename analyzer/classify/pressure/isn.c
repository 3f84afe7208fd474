/* SPDX-License-Identifier: MIT
 *
 * Weak initial sequence numbers.
 *
 * RFC 6528 section 3: random from one tuple to the next, moving with a clock within one. So numbers of different tuples
 * look drawn from all 2^32, and each test below asks for something that such a draw shows once in 10^20 at most:
 *
 *     span      all numbers, less a clock's advance, lie within 2^24        n * (span / 2^32)^(n-1)
 *     step      half of all differences from one to the next are equal      n^2 / 2^(32 (c-1))
 *     bits      eight bits or more never change                             2^(-(n-1) * bits), for any choice of bits
 *
 * Sixteen connections at least. A tuple that is used again is left out: there a clock is right.
 */
#include "classify/pressure/isn.h"

#include "base/alloc.h"
#include "base/sieve.h"
#include "base/sort.h"
#include "base/sorted.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/error.h>

enum { NUMBERS_MIN = 16, SURE_MIN = 64, STEPS_MIN = 8, BITS_MIN = 8, SPAN_MAX = 1 << 24 };

/* There are two of each connection, so it is small. */
struct number {
    int64_t time_ns;
    uint64_t frame : 62, role : 1, six : 1; /* six: its address is one of IPv6 */
    uint32_t isn;
    uint32_t host;
};

struct tca_isns {
    struct number *list; /* owned */
    size_t count, room;
};

int tca_isns_new(struct tca_isns **ret_isns)
{
    struct tca_isns *isns = tca_alloc(sizeof *isns);
    if (!isns)
        return TCA_EMEMORY;
    *ret_isns = isns;
    return TCA_OK;
}

static int add(struct tca_isns *isns, const struct tca_dossier *d, int role, const struct tca_mark *first)
{
    void *list = tca_room(isns->list, isns->count, &isns->room, sizeof *isns->list);
    if (!list)
        return TCA_EMEMORY;
    isns->list = list;
    struct number *one = &isns->list[isns->count++];
    *one = (struct number){.isn = first->seq,
                           .host = d->host[role],
                           .six = d->family == 6,
                           .role = role == TCA_SERVER,
                           .time_ns = first->time_ns,
                           .frame = first->frame & UINT64_MAX >> 2};
    return TCA_OK;
}

int tca_isns_add(struct tca_isns *isns, const struct tca_dossier *d)
{
    const struct tca_mark *syn = tca_dossier_mark(d, TCA_MARK_SYN, TCA_CLIENT, 0),
                          *synack = tca_dossier_mark(d, TCA_MARK_SYNACK, TCA_SERVER, 0);
    bool plain = syn && synack && !d->m.prior.exists && !d->m.server_syn_bare && !d->m.client_synack &&
                 !d->m.synack_isn_changed;
    if (!plain)
        return TCA_OK;
    int error = d->m.first_ack_ns >= 0 ? add(isns, d, TCA_CLIENT, syn) : TCA_OK;
    return error ? error : add(isns, d, TCA_SERVER, synack);
}

/* ---- tests of one host's numbers, in time order ---- */

/* Rounded up. */
static int64_t log2_of(uint64_t value)
{
    int64_t bits = 0;
    while (bits < 63 && UINT64_C(1) << bits < value)
        bits++;
    return bits;
}

struct weakness {
    int64_t log2_p; /* good numbers look like this with a chance below 2 to this power */
    char how[96];
};

/* The shortest stretch of the circle that holds all values. They come back sorted. */
static uint32_t span_of(uint32_t *value, size_t count)
{
    tca_sort_u32(value, count);
    uint32_t gap = value[0] - value[count - 1]; /* around the end */
    for (size_t at = 1; at < count; at++)
        if (value[at] - value[at - 1] > gap)
            gap = value[at] - value[at - 1];
    return gap ? 0u - gap : 0;
}

/* Clocks by which old systems moved their number, whatever the tuple; 0: none. */
static const struct {
    int64_t tick_ns;
    const char *name;
} clocks[] = {{0, NULL},
              {4000, "RFC 793's clock of 4 us"},
              {1000, "a clock of 1 us"},
              {64, "a clock of 64 ns"},
              {7812, "a clock of 128000 Hz"}};

/* Keep what is least likely. */
static void take(struct weakness *w, const struct weakness *other)
{
    if (other->log2_p < w->log2_p)
        *w = *other;
}

/* The numbers less this clock's advance. False: two of them are farther apart than the largest span, as among good ones nearly any
 * two are. */
static bool read_values(const struct number *n, size_t count, int64_t tick_ns, uint32_t *value)
{
    for (size_t at = 0; at < count; at++) {
        value[at] = n[at].isn - (tick_ns ? (uint32_t)((n[at].time_ns - n[0].time_ns) / tick_ns) : 0);
        uint32_t ahead = value[at] - value[0], behind = value[0] - value[at];
        if (ahead >= SPAN_MAX && behind >= SPAN_MAX)
            return false;
    }
    return true;
}

#ifdef TCA_CHECK_WAYS
/* Those that were left out have no small span. */
static void check_left_out(const struct number *n, size_t count, int64_t tick_ns, uint32_t *value)
{
    for (size_t at = 0; at < count; at++)
        value[at] = n[at].isn - (tick_ns ? (uint32_t)((n[at].time_ns - n[0].time_ns) / tick_ns) : 0);
    if (span_of(value, count) < SPAN_MAX)
        abort();
}
#endif

static void narrow(const struct number *n, size_t count, uint32_t *value, struct weakness *best)
{
    for (size_t which = 0; which < sizeof clocks / sizeof *clocks; which++) {
        int64_t tick_ns = clocks[which].tick_ns;
        bool near = read_values(n, count, tick_ns, value);
#ifdef TCA_CHECK_WAYS
        if (!near)
            check_left_out(n, count, tick_ns, value);
#endif
        uint32_t span = near ? span_of(value, count) : SPAN_MAX;
        if (span >= SPAN_MAX)
            continue;
        struct weakness w = {log2_of(count) - (int64_t)(count - 1) * (32 - log2_of((uint64_t)span + 1)), ""};
        if (tick_ns)
            snprintf(w.how, sizeof w.how, "advance with %s on all of them", clocks[which].name);
        else if (!span)
            snprintf(w.how, sizeof w.how, "are the same on all of them");
        else
            snprintf(w.how, sizeof w.how, "lie within %" PRIu32 " of each other", span);
        take(best, &w);
    }
}

static void stepped(const struct number *n, size_t count, uint32_t *value, struct weakness *least)
{
    for (size_t at = 1; at < count; at++)
        value[at - 1] = n[at].isn - n[at - 1].isn;
    tca_sort_u32(value, count - 1);
    size_t best = 0, first = 0;
    uint32_t step = 0;
    for (size_t at = 0; at < count - 1; at++) {
        if (value[at] != value[first])
            first = at;
        if (at - first + 1 > best) {
            best = at - first + 1;
            step = value[at];
        }
    }
    if (best < STEPS_MIN || best < (count - 1) / 2)
        return;
    struct weakness w = {2 * log2_of(count) - 32 * (int64_t)(best - 1), ""};
    snprintf(w.how, sizeof w.how, "move on by %" PRIu32 " from one to the next", step);
    take(least, &w);
}

static void frozen_bits(const struct number *n, size_t count, struct weakness *best)
{
    uint32_t changed = 0;
    for (size_t at = 1; at < count; at++)
        changed |= n[at].isn ^ n[0].isn;
    unsigned frozen = 0;
    for (unsigned bit = 0; bit < 32; bit++)
        frozen += !((changed >> bit) & 1u);
    if (frozen < BITS_MIN)
        return;
    struct weakness w = {32 - (int64_t)frozen * (int64_t)(count - 1), ""};
    snprintf(w.how, sizeof w.how, "differ in %u bits only", 32 - frozen);
    take(best, &w);
}

static bool is_weak(const struct number *n, size_t count, uint32_t *value, struct weakness *w)
{
    *w = (struct weakness){0};
    narrow(n, count, value, w);
    stepped(n, count, value, w);
    frozen_bits(n, count, w);
    return w->log2_p < 0;
}

/* ---- all hosts ---- */

static int compare_hosts(const struct number *a, const struct number *b)
{
    int order = tca_compare_u64(a->host, b->host);
    return order ? order : (int)a->role - (int)b->role;
}

static int compare_numbers(const void *left, const void *right)
{
    const struct number *a = left, *b = right;
    int order = compare_hosts(a, b);
    if (!order)
        order = a->time_ns < b->time_ns ? -1 : a->time_ns > b->time_ns;
    return order ? order : tca_compare_u64(a->frame, b->frame);
}

static struct tca_digest digest_number(const void *item)
{
    const struct number *n = item;
    return (struct tca_digest){(uint64_t)n->host << 1 | n->role, tca_digest_i64(n->time_ns)};
}

static int tell(const struct number *n, size_t count, const struct weakness *w, const struct tca_hosts *hosts,
                struct tca_incidents *incidents)
{
    const struct tca_host *host = tca_hosts_at(hosts, n->host);
    struct tca_incident one = {.id = TCA_weak_isn,
                               .confidence = count >= SURE_MIN ? TCA_CERTAIN : TCA_PROBABLE,
                               .scope = TCA_SCOPE_HOST,
                               .capture = host->capture,
                               .family = n->six ? 6 : 4,
                               .first_ns = n->time_ns,
                               .last_ns = n[count - 1].time_ns,
                               .flows = count,
                               .value = (int64_t)count,
                               .unit = "count"};
    memcpy(one.addr, host->addr, sizeof one.addr);
    for (size_t at = 0; at < count && one.frame_count + 1 < TCA_PROOF_MAX; at++)
        one.frame[one.frame_count++] = n[at].frame;
    if (count >= TCA_PROOF_MAX)
        one.frame[one.frame_count++] = n[count - 1].frame;
    snprintf(one.text, sizeof one.text,
             "The initial sequence numbers of its %zu %s %s: a stranger can guess the next (p < 2^%" PRId64
             ").",
             count, n->role == TCA_CLIENT ? "SYNs" : "SYN+ACKs", w->how, w->log2_p);
    return tca_incidents_add(incidents, &one);
}

/* Hosts with fewer are not tested. What is left tells its host by rank. */
static void leave_out_few(struct tca_isns *isns, const struct tca_hosts *hosts)
{
    struct tca_sieve sieve = tca_sieve_new(isns->count);
    size_t kept = 0;
    for (size_t at = 0; at < isns->count; at++)
        tca_sieve_count(&sieve, (uint64_t)isns->list[at].host << 1 | isns->list[at].role, 1);
    for (size_t at = 0; at < isns->count; at++) {
        struct number *one = &isns->list[at];
        if (!tca_sieve_keeps(&sieve, (uint64_t)one->host << 1 | one->role, NUMBERS_MIN))
            continue;
        isns->list[kept] = *one;
        isns->list[kept++].host = tca_hosts_rank(hosts, one->host);
    }
    isns->count = kept;
    tca_sieve_done(&sieve);
}

int tca_isns_run(struct tca_isns *isns, const struct tca_hosts *hosts, struct tca_incidents *incidents)
{
    leave_out_few(isns, hosts);
    if (isns->count < NUMBERS_MIN)
        return TCA_OK;
    uint32_t *value = tca_alloc(isns->count * sizeof *value);
    if (!value)
        return TCA_EMEMORY;
    tca_sort(isns->list, isns->count, sizeof *isns->list, digest_number, compare_numbers);
    int error = TCA_OK;
    for (size_t at = 0, end; at < isns->count && !error; at = end) {
        const struct number *first = &isns->list[at];
        struct weakness w;
        for (end = at + 1; end < isns->count && !compare_hosts(first, &isns->list[end]);)
            end++;
        if (end - at >= NUMBERS_MIN && is_weak(first, end - at, value, &w))
            error = tell(first, end - at, &w, hosts, incidents);
    }
    tca_free(value);
    return error;
}

/* A host's; no flow is judged by it. */
void judge_weak_isn(const struct tca_case *c, struct tca_judgement *j)
{
    (void)c;
    (void)j;
}

void tca_isns_free(struct tca_isns *isns)
{
    if (!isns)
        return;
    tca_free(isns->list);
    tca_free(isns);
}
