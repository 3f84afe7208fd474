/* SPDX-License-Identifier: MIT
 *
 * Partitions: the tuples in 64 parts that know nothing of each other. What happens to a connection follows from the segments
 * of its own part, and from the times of all: so whole parts can be given to different threads, and whatever is bounded
 * (connections in memory, evidence kept) is bounded for each part, with the same outcome however many threads there are. The
 * part of a tuple is the same in every run, whoever opens and whatever tags it carries.
 */
#ifndef TCA_FLOW_PARTITION_H
#define TCA_FLOW_PARTITION_H

#include "decode/segment.h"

#include <string.h>

enum { TCA_PARTITIONS = 64 };

/* Of the addresses and ports alone; both directions alike. Not seeded: who chooses tuples can fill one part, and then only
 * that one is cut short. */
static inline unsigned tca_partition_of(const uint8_t a[16], uint16_t a_port, const uint8_t b[16],
                                        uint16_t b_port)
{
    uint64_t word[4];
    memcpy(word, a, 16);
    memcpy(word + 2, b, 16);
    uint64_t hash = (word[0] + word[2]) * UINT64_C(0x9E3779B97F4A7C15);
    hash ^= (word[1] + word[3]) * UINT64_C(0xC2B2AE3D27D4EB4F);
    hash ^= (uint64_t)(a_port + b_port) << 32 ^ (uint64_t)(a_port ^ b_port);
    hash *= UINT64_C(0x9FB21C651E98DF25);
    return (unsigned)(hash >> 58);
}

static inline unsigned tca_partition_of_segment(const struct tca_segment *seg)
{
    return tca_partition_of(seg->src, seg->sport, seg->dst, seg->dport);
}

#endif
