/* SPDX-License-Identifier: MIT
 *
 * Pieces are small, since of some sizes there are few.
 */
#include "base/stash.h"

#include <string.h>

enum { PIECE_BYTES = 16 * 1024 };

/* A block given back that is larger by no more steps than these is better than new memory. */
enum { MORE = 4 };

static size_t place_of(size_t size)
{
    return (size - 1) / TCA_STASH_STEP;
}

static size_t size_of(size_t place)
{
    return (place + 1) * TCA_STASH_STEP;
}

void tca_stash_init(struct tca_stash *stash)
{
    memset(stash, 0, sizeof *stash);
    tca_pool_init(&stash->pieces, PIECE_BYTES);
}

static void *carve(struct tca_stash *stash, size_t place)
{
    if (!stash->of[place].left) {
        stash->of[place].piece = tca_pool_take_room(&stash->pieces);
        stash->of[place].left = stash->of[place].piece ? PIECE_BYTES / size_of(place) : 0;
    }
    return stash->of[place].left ? stash->of[place].piece + --stash->of[place].left * size_of(place) : NULL;
}

void *tca_stash_take(struct tca_stash *stash, size_t *size)
{
    size_t place = place_of(*size);
    for (size_t given = place; given < TCA_STASH_SIZES && given <= place + MORE; given++) {
        void *block = stash->of[given].free_list;
        if (!block)
            continue;
        stash->of[given].free_list = *(void **)block;
        *size = size_of(given);
        return block;
    }
    *size = size_of(place);
    return carve(stash, place);
}

void tca_stash_give(struct tca_stash *stash, void *block, size_t size)
{
    size_t place = place_of(size);
    *(void **)block = stash->of[place].free_list;
    stash->of[place].free_list = block;
}

void tca_stash_done(struct tca_stash *stash)
{
    tca_pool_done(&stash->pieces);
}
