/* SPDX-License-Identifier: MIT
 *
 * Listeners, kept by number. A few are kept as they are. Who answers from addresses without number makes as many listeners, of
 * each of which little is known: many are each kept as what it differs by from one of which nothing is known, some two hundred
 * bytes, taken out to be read or edited, and put back.
 *
 *      *l = tca_kept_take(kept, at, &room)  -->  edited  -->  tca_kept_put(kept, at, l)
 *
 * Moments of all stand in one array, which each points into. So of one that is packed only their number is kept, and where they
 * begin.
 */
#ifndef TCA_CLASSIFY_KEPT_H
#define TCA_CLASSIFY_KEPT_H

#include "classify/sweep/listener.h"

struct tca_kept {
    struct tca_listener *plain; /* owned; NULL: they are packed */
    uint8_t **packed;           /* owned, each; NULL: nothing is known of it */
    size_t count;
    int64_t *
        moment; /* owned: what their admitted_ns, dropped_ns and answered_ns point into; NULL: there are none yet */
    size_t *begin;         /* owned: of each, where its own begin */
    _Atomic bool episodes; /* some have episodes */
};

/* Of which nothing is known. */
extern const struct tca_listener tca_listener_unknown;

/* So many of which nothing is known. 0 or TCA_EMEMORY. */
int tca_kept_init(struct tca_kept *kept, size_t count);
/* Borrowed, or in *room. Several threads may take and put, each others. */
struct tca_listener *tca_kept_take(const struct tca_kept *kept, size_t at, struct tca_listener *room);
/* It was edited. 0 or TCA_EMEMORY. */
int tca_kept_put(struct tca_kept *kept, size_t at, struct tca_listener *l);
/* Their moments: of each, as many as it counts from `begin` of it on, admitted first, then dropped, then answered. Both are owned
 * from now on, and as long as ever *moment has room. */
void tca_kept_point(struct tca_kept *kept, int64_t *moment, size_t *begin);
/* From now on they are packed, however few; where memory is out they stay as they are. */
void tca_kept_pack(struct tca_kept *kept);
void tca_kept_done(struct tca_kept *kept);

#endif
