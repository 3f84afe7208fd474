/* SPDX-License-Identifier: MIT
 *
 * Pieces are small, since of some sizes there are few. A block's piece stands before it, and a piece of which nothing is taken any
 * more goes back: those who are put away again and again grow, and would leave behind free blocks of every size that they had.
 */
#include "base/stash.h"

#include <string.h>

enum { PIECE_BYTES = 16 * 1024, HEAD = sizeof(struct tca_stash_piece *) };

/* A free block that is larger by no more steps than these is better than new memory. */
enum { MORE = 4 };

/* Its blocks stand behind it. */
struct tca_stash_piece {
    struct tca_stash_piece *next,
        **link;      /* among those with free blocks; link: what points to it, NULL: it has none */
    void *free_list; /* given-back blocks, linked through their first word */
    uint16_t place, taken, left; /* left: never taken so far */
};
_Static_assert(sizeof(struct tca_stash_piece) % HEAD == 0, "blocks are aligned as pointers are");

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

static void open_piece(struct tca_stash *stash, struct tca_stash_piece *piece)
{
    struct tca_stash_piece **head = &stash->open[piece->place];
    piece->next = *head;
    piece->link = head;
    if (*head)
        (*head)->link = &piece->next;
    *head = piece;
}

static void close_piece(struct tca_stash_piece *piece)
{
    *piece->link = piece->next;
    if (piece->next)
        piece->next->link = piece->link;
    piece->link = NULL;
}

static struct tca_stash_piece *new_piece(struct tca_stash *stash, size_t place)
{
    struct tca_stash_piece *piece = tca_pool_take_room(&stash->pieces);
    if (!piece)
        return NULL;
    *piece =
        (struct tca_stash_piece){.place = (uint16_t)place,
                                 .left = (uint16_t)((PIECE_BYTES - sizeof *piece) / (HEAD + size_of(place)))};
    open_piece(stash, piece);
    return piece;
}

static void *take_block(struct tca_stash_piece *piece)
{
    char *block = piece->free_list;
    if (block)
        piece->free_list = *(void **)(void *)block;
    else
        block = (char *)(piece + 1) + --piece->left * (HEAD + size_of(piece->place)) + HEAD;
    *(struct tca_stash_piece **)(void *)(block - HEAD) = piece;
    piece->taken++;
    if (!piece->free_list && !piece->left)
        close_piece(piece);
    return block;
}

void *tca_stash_take(struct tca_stash *stash, size_t *size)
{
    size_t place = place_of(*size), given = place;
    while (given < TCA_STASH_SIZES && given <= place + MORE && !stash->open[given])
        given++;
    struct tca_stash_piece *piece =
        given < TCA_STASH_SIZES && given <= place + MORE ? stash->open[given] : new_piece(stash, place);
    if (!piece)
        return NULL;
    *size = size_of(piece->place);
    return take_block(piece);
}

void tca_stash_give(struct tca_stash *stash, void *block, size_t size)
{
    struct tca_stash_piece *piece = *(struct tca_stash_piece **)(void *)((char *)block - HEAD);
    (void)size;
    *(void **)block = piece->free_list;
    piece->free_list = block;
    if (!piece->link)
        open_piece(stash, piece);
    if (--piece->taken)
        return;
    close_piece(piece);
    tca_pool_give(&stash->pieces, piece);
}

void tca_stash_done(struct tca_stash *stash)
{
    tca_pool_done(&stash->pieces);
}
