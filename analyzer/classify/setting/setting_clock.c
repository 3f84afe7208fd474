/* SPDX-License-Identifier: MIT
 *
 * tcp_timestamps by the clocks of time stamps: 1 adds an offset of its own to each connection's, 2 adds none.
 */
#include "classify/setting/setting_parts.h"

#include "base/alloc.h"
#include "base/seq32.h"
#include "base/sorted.h"

#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/error.h>

#define MS INT64_C(1000000)

enum { OFF_LINE_MS = 10000000 }; /* two clocks' distance that no uptime explains */

void tca_estimate_clock(struct tca_gather *g)
{
    struct tca_estimates *all = g->all;
    for (int role = 0; role < 2 && !g->error; role++) {
        const struct tca_mark *first =
            tca_dossier_mark(g->d, role == TCA_CLIENT ? TCA_MARK_SYN : TCA_MARK_SYNACK, role, 0);
        if (!first || !first->has_ts || !tca_gather_linux(g, role))
            continue;
        void *array = tca_room(all->clock, all->clocks, &all->clock_room, sizeof *all->clock);
        g->error = array ? TCA_OK : TCA_EMEMORY;
        if (!array)
            return;
        all->clock = array;
        struct tca_reading *clock = &all->clock[all->clocks++];
        *clock = (struct tca_reading){.capture = g->d->capture,
                                      .family = g->d->family,
                                      .port = {g->d->port[role], g->d->port[1 - role]},
                                      .tsval = first->tsval,
                                      .time_ns = first->time_ns,
                                      .frame = first->frame};
        memcpy(clock->addr, g->d->addr[role], sizeof clock->addr);
    }
}

static int compare_clocks(const void *left, const void *right)
{
    const struct tca_reading *a = left, *b = right;
    int order = tca_compare_u64(a->capture, b->capture);
    if (!order)
        order = memcmp(a->addr, b->addr, sizeof a->addr);
    return order ? order : tca_compare_u64(a->frame, b->frame);
}

/* Two connections of one system whose time stamps no common clock explains: each began at an offset of its own. */
static bool off_line(const struct tca_reading *a, const struct tca_reading *b)
{
    int64_t apart = (b->time_ns - a->time_ns) / MS, ticks = seq_diff(b->tsval, a->tsval);
    bool same_tuple = a->port[0] == b->port[0] && a->port[1] == b->port[1];
    int64_t off = ticks > apart ? ticks - apart : apart - ticks;
    return !same_tuple && off > OFF_LINE_MS + 2 * apart;
}

/* One address may hide a few systems, each with its own uptime; hardly a different one for every connection. */
static int judge_clocks(struct tca_estimates *all)
{
    enum { APART_MIN = 2 };
    if (all->clocks)
        qsort(all->clock, all->clocks, sizeof *all->clock, compare_clocks);
    for (size_t at = 0, end; at < all->clocks; at = end) {
        const struct tca_reading *first = &all->clock[at], *last = NULL;
        size_t apart = 0;
        for (end = at + 1; end < all->clocks && all->clock[end].capture == first->capture &&
                           !memcmp(all->clock[end].addr, first->addr, sizeof first->addr);
             end++)
            if (off_line(first, &all->clock[end]) && (!last || off_line(last, &all->clock[end]))) {
                last = &all->clock[end];
                apart++;
            }
        if (apart < APART_MIN)
            continue;
        struct tca_observation one = {.capture = first->capture,
                                      .family = first->family,
                                      .id = TCA_SETTING_tcp_timestamps,
                                      .min = 1,
                                      .max = 1,
                                      .time_ns = last->time_ns,
                                      .frame = {first->frame, last->frame}};
        memcpy(one.addr, first->addr, sizeof one.addr);
        int error = tca_observation_add(all, &one);
        if (error)
            return error;
    }
    return TCA_OK;
}

int tca_estimate_clocks(struct tca_estimates *all)
{
    int error = judge_clocks(all);
    tca_free(all->clock);
    all->clock = NULL;
    all->clocks = all->clock_room = 0;
    return error;
}
