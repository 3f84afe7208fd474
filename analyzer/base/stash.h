/* SPDX-License-Identifier: MIT
 *
 * Blocks of any small size, put away for a while: a free list for each size, so that whoever puts away many wastes little, and
 * what is given back serves again.
 */
#ifndef TCA_BASE_STASH_H
#define TCA_BASE_STASH_H

#include "base/alloc.h"

enum { TCA_STASH_STEP = 32, TCA_STASH_MAX = 4096, TCA_STASH_SIZES = TCA_STASH_MAX / TCA_STASH_STEP };

struct tca_stash {
    struct tca_pool pieces; /* of which blocks of one size are carved */
    struct {
        void *free_list;   /* given-back blocks, linked through their first word */
        char *piece;       /* being carved */
        size_t left;       /* blocks left in it */
    } of[TCA_STASH_SIZES]; /* by size, rounded up */
};

void tca_stash_init(struct tca_stash *stash);
/* Room for *size bytes, 1 to TCA_STASH_MAX, or for a few more: *size becomes what there is. NULL when memory is out. */
void *tca_stash_take(struct tca_stash *stash, size_t *size);
/* What was taken, and what there was. */
void tca_stash_give(struct tca_stash *stash, void *block, size_t size);
void tca_stash_done(struct tca_stash *stash);

#endif
