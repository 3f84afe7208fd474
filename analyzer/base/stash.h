/* SPDX-License-Identifier: MIT
 *
 * Blocks of any small size, put away for a while: so that whoever puts away many wastes little, and what is given back serves
 * again, for blocks of another size as well.
 *
 *      piece: { blocks of one size, taken or free } --all of them free--> a piece for any size
 */
#ifndef TCA_BASE_STASH_H
#define TCA_BASE_STASH_H

#include "base/alloc.h"

enum { TCA_STASH_STEP = 32, TCA_STASH_MAX = 4096, TCA_STASH_SIZES = TCA_STASH_MAX / TCA_STASH_STEP };

struct tca_stash_piece;

struct tca_stash {
    struct tca_pool pieces;
    struct tca_stash_piece *open[TCA_STASH_SIZES]; /* those with free blocks, by size, rounded up */
};

void tca_stash_init(struct tca_stash *stash);
/* Room for *size bytes, 1 to TCA_STASH_MAX, or for a few more: *size becomes what there is. NULL when memory is out. */
void *tca_stash_take(struct tca_stash *stash, size_t *size);
/* What was taken, and what there was. */
void tca_stash_give(struct tca_stash *stash, void *block, size_t size);
void tca_stash_done(struct tca_stash *stash);

#endif
