/* SPDX-License-Identifier: MIT
 *
 * Memory. One door for every allocation, so that tests can make the Nth one fail.
 */
#ifndef TCA_BASE_ALLOC_H
#define TCA_BASE_ALLOC_H

#include <stddef.h>

/* Like calloc(1, size), realloc (count * size, overflow checked) and strdup. NULL when memory is out. */
void *tca_alloc(size_t size);
void *tca_grow(void *old, size_t count, size_t size);
char *tca_strdup(const char *text);
/* Room for one more in a list of `used` objects: the list, grown to twice its size where it was full. NULL when memory is
 * out; the old list stays as it was. */
void *tca_room(void *list, size_t used, size_t *room, size_t size);
void tca_free(void *memory);

/* A pool of equal objects: carved from slabs, given back to a free list, the slabs freed as a whole. */
struct tca_pool {
    size_t size;      /* bytes of one object, rounded up for alignment */
    void *free_list;  /* given-back objects, linked through their first word */
    char *slab;       /* the slab being carved, owned, linked through its first word */
    size_t slab_left; /* objects left in it */
    size_t live;      /* objects handed out and not given back */
};

void tca_pool_init(struct tca_pool *pool, size_t size);
void *tca_pool_take(struct tca_pool *pool); /* zeroed; NULL when memory is out */
void tca_pool_give(struct tca_pool *pool, void *object);
void tca_pool_done(struct tca_pool *pool);

#endif
