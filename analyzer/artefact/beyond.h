/* SPDX-License-Identifier: MIT
 *
 * Segments that had to leave the ring of their tuple (copy.h) before the copies came that they are due: of a busy connection
 * a copy 200 us later can be hundreds of segments behind. One store for all tuples of a partition, of a fixed size, which most captures
 * never need: a tuple's ring stays small, and no capture takes more. Where it is full the oldest goes, and its copy will be
 * taken for a segment.
 */
#ifndef TCA_ARTEFACT_BEYOND_H
#define TCA_ARTEFACT_BEYOND_H

#include "artefact/copy.h"

enum { TCA_BEYOND_SETS = 1024, TCA_BEYOND_WAYS = 8 }; /* powers of two */

struct tca_beyond_one {
    uint64_t of; /* whose ring it left, as that says; 0: empty */
    uint64_t print;
    struct tca_noted noted;
};

/* All zero: empty, without memory. */
struct tca_beyond {
    struct tca_beyond_one (*one)[TCA_BEYOND_WAYS]; /* owned: TCA_BEYOND_SETS; NULL before the first */
};

/* false: memory is out, it is forgotten. */
bool tca_beyond_put(struct tca_beyond *beyond, const struct tca_beyond_one *one);
/* All that may have this print: TCA_BEYOND_WAYS of them. Something was put. */
struct tca_beyond_one *tca_beyond_set(const struct tca_beyond *beyond, uint64_t print);
void tca_beyond_done(struct tca_beyond *beyond);

#endif
