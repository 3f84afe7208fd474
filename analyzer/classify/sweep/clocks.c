/* SPDX-License-Identifier: MIT
 *
 * Stamps to lines: of all stamps of an address, and of those of each pair of addresses.
 *
 * How far a stamp may lie from its line: a tenth of a second, for segments wait before they pass the capture point and SYN
 * cookies name times up to 64 ms ago; and one part in 10000 of the time between, by which clocks drift apart.
 */
#include "classify/sweep/clocks.h"

#include "base/alloc.h"
#include "base/seq32.h"
#include "base/sort.h"
#include "base/sorted.h"
#include "classify/sweep/nat.h"

#include <string.h>
#include <tcpautopsy/error.h>

#define SECOND INT64_C(1000000000)

enum {
    LATE = 10,            /* parts of a second */
    DRIFT = 10000,        /* one part in so many */
    SPREAD_MAX = 1 << 27, /* ticks: beyond, chance brings stamps together */
    LINES = 5,            /* that are told apart; more are each a connection's own */
    PEERS_MIN = 3,        /* connections, or pairs, that make a habit */
};

struct line {
    const struct tca_clock_stamp *first, *last, *added;
    size_t tuples;
};

struct lines {
    struct line line[LINES];
    size_t count, lone; /* lone: stamps beyond those lines */
    bool vague;         /* too far apart in time to compare */
};

/* ---- one line ---- */

static uint64_t magnitude(int64_t value)
{
    return value < 0 ? (uint64_t)-value : (uint64_t)value;
}

/* What the clock moves in this time: whole seconds apart from the rest, so that nothing overflows. */
static uint64_t ticks_in(uint64_t ns, uint32_t hz)
{
    return ns / (uint64_t)SECOND * hz + ns % (uint64_t)SECOND * hz / (uint64_t)SECOND;
}

/* How far the later stamp lies above the line through the earlier one. */
static int32_t above(const struct tca_clock_stamp *early, const struct tca_clock_stamp *late, uint32_t hz)
{
    return seq_diff(late->value,
                    early->value + (uint32_t)ticks_in(magnitude(late->time_ns - early->time_ns), hz));
}

static int64_t spread(const struct tca_clock_stamp *a, const struct tca_clock_stamp *b, uint32_t hz)
{
    return (int64_t)(ticks_in(magnitude(a->time_ns - b->time_ns), hz) / DRIFT + hz / LATE + 2);
}

static bool on_line(const struct tca_clock_stamp *a, const struct tca_clock_stamp *b, uint32_t hz)
{
    int64_t off = a->time_ns <= b->time_ns ? above(a, b, hz) : above(b, a, hz);
    return (int64_t)magnitude(off) <= spread(a, b, hz);
}

static bool same_tuple(const struct tca_clock_stamp *a, const struct tca_clock_stamp *b)
{
    return a->port[0] == b->port[0] && a->port[1] == b->port[1];
}

static void extend(struct line *line, const struct tca_clock_stamp *stamp)
{
    if (stamp->time_ns < line->first->time_ns)
        line->first = stamp;
    if (stamp->time_ns > line->last->time_ns)
        line->last = stamp;
    line->tuples += !same_tuple(line->added, stamp);
    line->added = stamp;
}

static void take(struct lines *lines, const struct tca_clock_stamp *stamp, uint32_t hz)
{
    for (size_t at = 0; at < lines->count; at++) {
        struct line *line = &lines->line[at];
        lines->vague |= spread(line->last, stamp, hz) > SPREAD_MAX;
        if (on_line(line->last, stamp, hz)) {
            extend(line, stamp);
            return;
        }
    }
    if (lines->count == LINES)
        lines->lone++;
    else
        lines->line[lines->count++] = (struct line){stamp, stamp, stamp, 1};
}

static struct lines draw(const struct tca_clock_stamp *stamp, size_t count, uint32_t hz)
{
    struct lines lines = {0};
    for (size_t at = 0; at < count; at++)
        take(&lines, &stamp[at], hz);
    return lines;
}

/* ---- pairs of addresses ---- */

struct pairs {
    size_t count, single; /* single: on one line */
    size_t shared;        /* lines of two tuples or more */
    size_t crowd;         /* most tuples of one pair */
    bool several, restarted;
};

static bool apart(const struct line *early, const struct line *late)
{
    return early->last->time_ns < late->first->time_ns;
}

static void compare_lines(const struct lines *lines, uint32_t hz, struct pairs *pairs)
{
    const struct line *a = &lines->line[0], *b = &lines->line[1];
    for (size_t x = 0; x < lines->count; x++)
        for (size_t y = x + 1; y < lines->count; y++) {
            const struct line *one = &lines->line[x], *other = &lines->line[y];
            if (one->tuples > 1 && other->tuples > 1 && !apart(one, other) && !apart(other, one))
                pairs->several = true;
        }
    if (lines->count != 2 || lines->lone || a->tuples < 2 || b->tuples < 2)
        return;
    const struct line *early = apart(a, b) ? a : b, *late = apart(a, b) ? b : a;
    if (apart(early, late) && above(early->last, late->first, hz) < 0)
        pairs->restarted = true;
}

static size_t same_pair(const struct tca_clock_stamp *stamp, size_t at, size_t count)
{
    size_t end = at + 1;
    while (end < count && stamp[at].peer == stamp[end].peer)
        end++;
    return end;
}

static size_t count_tuples(const struct tca_clock_stamp *stamp, size_t count)
{
    size_t tuples = 0;
    for (size_t at = 0; at < count; at++)
        tuples += !at || !same_tuple(&stamp[at - 1], &stamp[at]);
    return tuples;
}

static struct pairs read_pairs(const struct tca_clock_stamp *stamp, size_t count, uint32_t hz)
{
    struct pairs pairs = {0};
    for (size_t at = 0, end; at < count; at = end) {
        end = same_pair(stamp, at, count);
        struct lines lines = draw(&stamp[at], end - at, hz);
        pairs.count++;
        pairs.single += lines.count == 1;
        for (size_t n = 0; n < lines.count; n++)
            pairs.shared += lines.line[n].tuples > 1;
        size_t tuples = count_tuples(&stamp[at], end - at);
        if (tuples > pairs.crowd)
            pairs.crowd = tuples;
        compare_lines(&lines, hz, &pairs);
    }
    return pairs;
}

/* ---- the rate ---- */

/* The rate that its longer connections tell; 0: none, or not the same. */
static uint32_t told_rate(const struct tca_clock_stamp *stamp, size_t count, bool *ret_differ)
{
    uint32_t hz = 0;
    *ret_differ = false;
    for (size_t at = 0; at < count; at++) {
        if (hz && stamp[at].hz && stamp[at].hz != hz)
            *ret_differ = true;
        if (stamp[at].hz)
            hz = stamp[at].hz;
    }
    return hz;
}

/* ---- the address ---- */

static enum tca_clock_kind kind_of_pairs(const struct pairs *pairs, const struct lines *all)
{
    if (pairs->several)
        return TCA_CLOCK_SEVERAL;
    if (pairs->restarted && pairs->count == 1)
        return TCA_CLOCK_RESTARTED;
    bool each_pair = pairs->single == pairs->count && pairs->count >= PEERS_MIN &&
                     (all->count == LINES || all->count == pairs->count);
    bool each_connection = !pairs->shared && pairs->crowd >= PEERS_MIN;
    return each_pair || each_connection ? TCA_CLOCK_PER_CONNECTION : TCA_CLOCK_UNKNOWN;
}

static enum tca_clock_kind kind_at_rate(const struct tca_clock_stamp *stamp, size_t count, uint32_t hz)
{
    struct lines all = draw(stamp, count, hz);
    if (all.vague)
        return TCA_CLOCK_UNKNOWN;
    if (all.count == 1)
        return TCA_CLOCK_ONE;
    struct pairs pairs = read_pairs(stamp, count, hz);
    return kind_of_pairs(&pairs, &all);
}

/* Without a rate: a line at one of the usual ones is no chance, but at the slowest, at which stamps that stand still lie on
 * one as well; anything else must hold at all of them. */
static enum tca_clock_kind kind_at_any_rate(const struct tca_clock_stamp *stamp, size_t count)
{
    enum tca_clock_kind kind = kind_at_rate(stamp, count, tca_clock_rates[1]);
    for (int at = 2; at < TCA_CLOCK_RATES && kind != TCA_CLOCK_ONE; at++) {
        enum tca_clock_kind other = kind_at_rate(stamp, count, tca_clock_rates[at]);
        kind = other == TCA_CLOCK_ONE || other == kind ? other : TCA_CLOCK_UNKNOWN;
    }
    return kind;
}

enum tca_clock_kind tca_clock_kind(const struct tca_clock_stamp *stamp, size_t count)
{
    bool differ;
    uint32_t hz = told_rate(stamp, count, &differ);
    if (count < 2)
        return count ? TCA_CLOCK_ALONE : TCA_CLOCK_UNKNOWN;
    if (differ)
        return TCA_CLOCK_UNKNOWN;
    return hz ? kind_at_rate(stamp, count, hz) : kind_at_any_rate(stamp, count);
}

/* ---- all of a run ---- */

int tca_clocks_add(struct tca_clocks *clocks, const struct tca_dossier *d)
{
    for (int role = 0; role < 2; role++) {
        const struct tca_clock *clock = &d->peer.clock[d->key_side[role]];
        if (!clock->known || tca_nat_told_there(d, role))
            continue;
        void *array = tca_room(clocks->stamp, clocks->count, &clocks->room, sizeof *clocks->stamp);
        if (!array)
            return TCA_EMEMORY;
        clocks->stamp = array;
        struct tca_clock_stamp *stamp = &clocks->stamp[clocks->count++];
        *stamp = (struct tca_clock_stamp){.host = d->host[role],
                                          .peer = d->host[1 - role],
                                          .port = {d->port[role], d->port[1 - role]},
                                          .time_ns = clock->first_ns,
                                          .value = clock->first,
                                          .hz = tca_clock_hz(clock)};
    }
    return TCA_OK;
}

static int compare_stamps(const void *left, const void *right)
{
    const struct tca_clock_stamp *a = left, *b = right;
    int order = tca_compare_u64(a->host, b->host);
    if (!order)
        order = tca_compare_u64(a->peer, b->peer);
    for (int end = 0; end < 2 && !order; end++)
        order = tca_compare_u64(a->port[end], b->port[end]);
    if (!order)
        order = tca_compare_i64(a->time_ns, b->time_ns);
    return order ? order : tca_compare_u64(a->value, b->value);
}

static struct tca_digest digest_stamp(const void *item)
{
    const struct tca_clock_stamp *stamp = item;
    return (struct tca_digest){(uint64_t)stamp->host << 32 | stamp->peer,
                               (uint64_t)stamp->port[0] << 16 | stamp->port[1]};
}

void tca_clocks_sort(struct tca_clocks *clocks)
{
    size_t kept = 0;
    tca_sort(clocks->stamp, clocks->count, sizeof *clocks->stamp, digest_stamp, compare_stamps);
    for (size_t at = 0; at < clocks->count; at++)
        if (!kept || compare_stamps(&clocks->stamp[kept - 1], &clocks->stamp[at]))
            clocks->stamp[kept++] = clocks->stamp[at];
    clocks->count = kept;
}

size_t tca_clocks_group(const struct tca_clocks *clocks, size_t at)
{
    size_t end = at + 1;
    while (end < clocks->count && clocks->stamp[at].host == clocks->stamp[end].host)
        end++;
    return end - at;
}

void tca_clocks_done(struct tca_clocks *clocks)
{
    tca_free(clocks->stamp);
    *clocks = (struct tca_clocks){0};
}

const char *tca_clock_kind_name(enum tca_clock_kind kind)
{
    static const char *const name[] = {"", "alone", "one", "per_connection", "restarted", "several"};
    return name[kind];
}
