/* SPDX-License-Identifier: MIT
 *
 * Which pieces are one capture.
 *
 *      pieces of one key, by time -->  one after the other, no long quiet between            a series
 *                                      side by side, other segments                          a series, merged by time
 *                                      side by side, the same segments                       two views: two series
 *                                      after a quiet of an hour that all before do not last  a new series
 */
#ifndef TCA_PLAN_SERIES_H
#define TCA_PLAN_SERIES_H

#include "plan/piece.h"

/* Pieces of a unit: in `order`, by time. */
struct tca_unit {
    size_t from, count;
    char *why; /* owned */
};

struct tca_units {
    struct tca_piece **order; /* owned; the pieces borrowed */
    struct tca_unit *unit;    /* owned */
    size_t count, room;
};

/* one: all that have a key belong together. 0 or TCA_EMEMORY; to be freed in any case. */
int tca_units_find(struct tca_pieces *pieces, bool one, struct tca_units *ret);
void tca_units_done(struct tca_units *units);

#endif
