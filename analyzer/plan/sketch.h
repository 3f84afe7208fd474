/* SPDX-License-Identifier: MIT
 *
 * A sketch of the segments in some time of a capture: those with the smallest hashes. Two sketches tell whether two captures
 * hold the same segments: of what both show, everything below the smaller of their largest hashes is known.
 *
 * The hash is of what no router and no translator of addresses changes: sequence and acknowledgment numbers, flags, and the
 * length of the payload.
 */
#ifndef TCA_PLAN_SKETCH_H
#define TCA_PLAN_SKETCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tcpautopsy/record.h"

enum { TCA_SKETCH_MAX = 128 };

struct tca_sketch_one {
    uint64_t hash;
    int64_t time_ns;
};

/* All zero: empty. */
struct tca_sketch {
    unsigned count;
    struct tca_sketch_one
        one[TCA_SKETCH_MAX]; /* the largest hash first, as a heap; ordered by hash once it is sealed */
};

void tca_sketch_add(struct tca_sketch *sketch, const struct tca_record *record);
/* Nothing more is added. */
void tca_sketch_seal(struct tca_sketch *sketch);

enum tca_alike {
    TCA_ALIKE_UNKNOWN, /* too few segments to tell */
    TCA_ALIKE_NO,
    TCA_ALIKE_YES,
    TCA_ALIKE_RECORDS, /* and at the same nanoseconds: no two places see them so, it is one capture's record twice */
};
/* Of two sealed ones, from one time to another, both included. */
enum tca_alike tca_sketch_compare(const struct tca_sketch *one, const struct tca_sketch *other,
                                  int64_t from_ns, int64_t to_ns);

#endif
