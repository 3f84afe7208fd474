/* SPDX-License-Identifier: MIT
 *
 * Traffic of many TCP connections at once, packet by packet in the order of time, as a tap at the servers sees it.
 */
#ifndef BENCH_TRAFFIC_H
#define BENCH_TRAFFIC_H

#include "base/buf.h"

enum traffic_kind {
    TRAFFIC_MIXED, /* many flows of all sizes and fates */
    TRAFFIC_FLOOD, /* one SYN from each source */
    TRAFFIC_BIG    /* a few flows that never end */
};

struct traffic_settings {
    enum traffic_kind kind;
    uint32_t alive; /* connections at once; not of a flood */
    uint64_t seed;
};

/* What was made so far: the truth that a program is asked for. Fates are counted where they show. */
struct traffic_truth {
    uint64_t flows, v6, vlan, reused;
    uint64_t silent, refused, laddered, reset, left;
    uint64_t lost, reordered; /* segments */
};

struct traffic;

/* NULL when memory ran out. */
struct traffic *traffic_new(const struct traffic_settings *settings);
void traffic_free(struct traffic *traffic);
/* The next packet: an Ethernet frame in place of what `frame` held. Returns its time, microseconds since 1970. */
int64_t traffic_next(struct traffic *traffic, struct tca_buf *frame);
const struct traffic_truth *traffic_truth(const struct traffic *traffic);

#endif
