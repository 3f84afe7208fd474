/* SPDX-License-Identifier: MIT
 *
 * The rows of a connection that several captures show: its counterparts, which of them counts, and the losses it tells.
 */
#include "base/alloc.h"
#include "base/sorted.h"
#include "classify/twin/twin_hunt.h"

#include <stdlib.h>
#include <tcpautopsy/error.h>

/* As the row tells it, whatever the order in which the captures were given: by its own clock, what it holds nothing of
 * last. */
static int by_time(const void *left, const void *right)
{
    const struct tca_lost *a = left, *b = right;
    int64_t x = a->own_frame ? a->own_ns : INT64_MAX, y = b->own_frame ? b->own_ns : INT64_MAX;
    if (x != y)
        return x < y ? -1 : 1;
    if (a->side != b->side || a->kind != b->kind)
        return a->side != b->side ? a->side - b->side : a->kind - b->kind;
    if (a->time_ns != b->time_ns)
        return a->time_ns < b->time_ns ? -1 : 1;
    return tca_compare_u64(a->frame, b->frame);
}

static bool is_chief(const struct tca_twins *twins, const struct tca_dossier *d, size_t count, size_t x)
{
    for (size_t y = 0; y < count; y++) {
        if (y == x || !tca_twin_linked(twins, &d[x], &d[y]))
            continue;
        bool before = tca_twin_nearer(twins, &d[y], &d[x], tca_twin_role(&d[x], &d[y], TCA_SERVER));
        bool behind = tca_twin_nearer(twins, &d[x], &d[y], TCA_SERVER);
        if (before || (!behind && d[y].capture < d[x].capture))
            return false;
    }
    return true;
}

/* When it was by the clock of the other capture, which holds nothing of it: by the middle of what the two clocks differ. */
static int64_t converted(const struct tca_twins *twins, const struct tca_lost *lost, uint32_t capture,
                         int64_t otherwise_ns)
{
    const int64_t DRIFT = INT64_C(3600000000000); /* clocks that differ by anything tell nothing */
    const struct tca_pair *pair = tca_twins_pair(twins, lost->near, capture);
    if (!pair || pair->ahead_ns[0] > pair->ahead_ns[1] || pair->ahead_ns[1] - pair->ahead_ns[0] > DRIFT)
        return otherwise_ns;
    int64_t least = pair->a == lost->near ? pair->ahead_ns[0] : -pair->ahead_ns[1];
    return lost->time_ns + least + (pair->ahead_ns[1] - pair->ahead_ns[0]) / 2;
}

/* A loss as the row of d[x] tells it. */
static struct tca_lost as_told(const struct tca_twins *twins, const struct tca_dossier *d, size_t count,
                               size_t x, const struct tca_lost *lost)
{
    struct tca_lost told = *lost;
    bool here = lost->near == d[x].capture;
    told.own_frame = here ? lost->frame : lost->far_frame;
    told.own_ns = here                ? lost->time_ns
                  : lost->far_ns >= 0 ? lost->far_ns
                                      : converted(twins, lost, d[x].capture, d[x].m.start_ns);
    for (size_t y = 0; y < count; y++)
        if (d[y].capture == lost->near)
            told.side = (uint8_t)tca_twin_role(&d[y], &d[x], lost->side);
    return told;
}

static int add_lost(struct tca_twins *twins, const struct tca_dossier *d, size_t count, size_t x,
                    struct tca_twin *twin)
{
    for (size_t at = 0; at < twins->found_count; at++) {
        const struct tca_lost *lost = &twins->found[at];
        if (lost->near != twin->capture && lost->far != twin->capture)
            continue;
        void *list = tca_room(twins->lost, twins->lost_count, &twins->lost_room, sizeof *twins->lost);
        if (!list)
            return TCA_EMEMORY;
        twins->lost = list;
        twins->lost[twins->lost_count++] = as_told(twins, d, count, x, lost);
        twin->lost_count++;
        twin->lost_pkts += lost->count;
    }
    if (twin->lost_count)
        qsort(twins->lost + twin->lost_at, twin->lost_count, sizeof *twins->lost, by_time);
    return TCA_OK;
}

static int add_row(struct tca_twins *twins, const struct tca_dossier *d, size_t count, size_t x)
{
    struct tca_twin twin = {.capture = d[x].capture, .id_frame = d[x].id_frame, .lost_at = twins->lost_count};
    for (size_t y = 0; y < count; y++) {
        if (y == x || !tca_twin_linked(twins, &d[x], &d[y]))
            continue;
        twin.other[twin.others].capture = d[y].capture;
        twin.other[twin.others++].id_frame = d[y].id_frame;
    }
    int error = add_lost(twins, d, count, x, &twin);
    if (error || (!twin.others && !twin.lost_count))
        return error;
    twin.chief = is_chief(twins, d, count, x);
    void *list = tca_room(twins->twin, twins->twin_count, &twins->twin_room, sizeof *twins->twin);
    if (!list)
        return TCA_EMEMORY;
    twins->twin = list;
    twins->twin[twins->twin_count++] = twin;
    return TCA_OK;
}

int tca_twins_rows(struct tca_twins *twins, const struct tca_dossier *d, size_t count)
{
    int error = TCA_OK;
    for (size_t x = 0; x < count && !error; x++)
        error = add_row(twins, d, count, x);
    return error;
}
