/* SPDX-License-Identifier: MIT
 *
 * Memory. One door for every allocation, so that tests can make the Nth one fail.
 */
#ifndef TCA_BASE_ALLOC_H
#define TCA_BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

/* Like calloc(1, size), realloc (count * size, overflow checked) and strdup. NULL when memory is out. */
void *tca_alloc(size_t size);
void *tca_grow(void *old, size_t count, size_t size);
char *tca_strdup(const char *text);
/* Room for one more in a list of `used` objects: the list, grown to twice its size where it was full. NULL when memory is
 * out; the old list stays as it was. */
void *tca_room(void *list, size_t used, size_t *room, size_t size);
void tca_free(void *memory);

/* Room of a caller's own, aligned as tca_alloc()'s, for what is mostly small: all zeros, there if that is large enough, else allocated.
 * To be freed by the second, with the same room. NULL when memory is out. */
void *tca_alloc_near(void *room, size_t room_size, size_t size);
void tca_free_near(const void *room, void *memory);

/* A pool of equal objects: carved from slabs, given back to a free list, the slabs freed as a whole. */
struct tca_pool {
    size_t size;      /* bytes of one object, rounded up for alignment */
    void *free_list;  /* given-back objects, linked through their first word */
    char *slab;       /* the slab being carved, owned, linked through its first word */
    size_t slab_left; /* objects left in it */
    size_t slabs;     /* there are */
    size_t live;      /* objects handed out and not given back */
};

void tca_pool_init(struct tca_pool *pool, size_t size);
void *tca_pool_take(struct tca_pool *pool);      /* zeroed; NULL when memory is out */
void *tca_pool_take_room(struct tca_pool *pool); /* the same, not zeroed */
void tca_pool_give(struct tca_pool *pool, void *object);
void tca_pool_done(struct tca_pool *pool);

/* A pool whose objects are called by number, from 1: half of a pointer, and 0 for none. They do not move. */
struct tca_numbered {
    size_t size;    /* bytes of one object, rounded up to 8 */
    uint32_t used;  /* numbers given out so far */
    uint32_t freed; /* given back, linked through their first bytes; 0: none */
    char **page;    /* owned, as what it points to */
    size_t page_count, page_room;
};

enum { TCA_NUMBERED_PAGE = 256 }; /* objects */

void tca_numbered_init(struct tca_numbered *pool, size_t size);
uint32_t tca_numbered_take(struct tca_numbered *pool); /* zeroed; 0 when memory is out */
void tca_numbered_give(struct tca_numbered *pool, uint32_t number);
void tca_numbered_done(struct tca_numbered *pool);
static inline void *tca_numbered_at(const struct tca_numbered *pool, uint32_t number)
{
    return pool->page[(number - 1) / TCA_NUMBERED_PAGE] + (number - 1) % TCA_NUMBERED_PAGE * pool->size;
}

#endif
