/* SPDX-License-Identifier: MIT
 *
 * A pool for each size. Their slabs are small, since of some sizes there are few.
 */
#include "base/stash.h"

enum { SLAB_BYTES = 16 * 1024 };

/* A block given back that is larger by no more steps than these is better than new memory. */
enum { MORE = 4 };

static size_t place_of(size_t size)
{
    return (size - 1) / TCA_STASH_STEP;
}

void tca_stash_init(struct tca_stash *stash)
{
    for (size_t at = 0; at < TCA_STASH_SIZES; at++)
        tca_pool_init_slabs(&stash->pool[at], (at + 1) * TCA_STASH_STEP, SLAB_BYTES);
}

void *tca_stash_take(struct tca_stash *stash, size_t *size)
{
    size_t at = place_of(*size), given = at;
    while (given < TCA_STASH_SIZES && given <= at + MORE && !stash->pool[given].free_list)
        given++;
    if (given < TCA_STASH_SIZES && given <= at + MORE)
        at = given;
    *size = (at + 1) * TCA_STASH_STEP;
    return tca_pool_take_room(&stash->pool[at]);
}

void tca_stash_give(struct tca_stash *stash, void *block, size_t size)
{
    tca_pool_give(&stash->pool[place_of(size)], block);
}

void tca_stash_done(struct tca_stash *stash)
{
    for (size_t at = 0; at < TCA_STASH_SIZES; at++)
        tca_pool_done(&stash->pool[at]);
}
