/* SPDX-License-Identifier: MIT
 *
 * The allocator's door and the object pools. A pool never returns slabs to the system before it is done: a
 * capture with a burst of connections keeps that memory for the next burst.
 *
 * A pool that has become large takes as much as a huge page at once, and asks for one: objects of many connections lie apart,
 * and to find the page of each costs a processor more than to read it.
 */
#include "base/alloc.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { SLAB_BYTES = 256 * 1024, HUGE_BYTES = 2048 * 1024, LARGE = 64, ALIGN = 16 }; /* LARGE: slabs */

void *tca_alloc(size_t size)
{
    return calloc(1, size ? size : 1);
}

void *tca_alloc_near(void *room, size_t room_size, size_t size)
{
    return size <= room_size ? memset(room, 0, size) : tca_alloc(size);
}

void tca_free_near(const void *room, void *memory)
{
    if (memory != room)
        tca_free(memory);
}

void *tca_grow(void *old, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size)
        return NULL;
    size_t bytes = count * size;
    return realloc(old, bytes ? bytes : 1);
}

void *tca_room(void *list, size_t used, size_t *room, size_t size)
{
    enum { FIRST = 64 };
    if (used < *room)
        return list;
    size_t wanted = *room ? 2 * *room : FIRST;
    void *grown = tca_grow(list, wanted, size);
    if (grown)
        *room = wanted;
    return grown;
}

char *tca_strdup(const char *text)
{
    size_t n = strlen(text) + 1;
    char *copy = tca_alloc(n);
    if (copy)
        memcpy(copy, text, n);
    return copy;
}

void tca_free(void *memory)
{
    free(memory);
}

void tca_pool_init(struct tca_pool *pool, size_t size)
{
    memset(pool, 0, sizeof *pool);
    pool->size = (size + ALIGN - 1) / ALIGN * ALIGN;
}

static char *huge_slab(void)
{
    char *slab = aligned_alloc(HUGE_BYTES, HUGE_BYTES);
    if (slab)
        madvise(slab, HUGE_BYTES, MADV_HUGEPAGE); /* if it can be */
    return slab;
}

static int new_slab(struct tca_pool *pool)
{
    bool huge = pool->slabs >= LARGE && pool->size <= SLAB_BYTES;
    size_t count = (huge ? HUGE_BYTES - ALIGN : SLAB_BYTES) / pool->size;
    if (!count)
        count = 1;
    char *slab = huge ? huge_slab() : malloc(ALIGN + count * pool->size);
    if (!slab)
        return -1;
    *(void **)(void *)slab = pool->slab;
    pool->slab = slab;
    pool->slab_left = count;
    pool->slabs++;
    return 0;
}

void *tca_pool_take_room(struct tca_pool *pool)
{
    void *object = pool->free_list;
    if (object) {
        pool->free_list = *(void **)object;
        __builtin_prefetch(pool->free_list, 1); /* what was given back long ago is in no cache */
    } else {
        if (!pool->slab_left && new_slab(pool))
            return NULL;
        object = pool->slab + ALIGN + --pool->slab_left * pool->size;
    }
    pool->live++;
    return object;
}

void *tca_pool_take(struct tca_pool *pool)
{
    void *object = tca_pool_take_room(pool);
    return object ? memset(object, 0, pool->size) : NULL;
}

void tca_pool_give(struct tca_pool *pool, void *object)
{
    if (!object)
        return;
    *(void **)object = pool->free_list;
    pool->free_list = object;
    pool->live--;
}

void tca_pool_done(struct tca_pool *pool)
{
    while (pool->slab) {
        char *next = *(char **)(void *)pool->slab;
        free(pool->slab);
        pool->slab = next;
    }
    memset(pool, 0, sizeof *pool);
}

void tca_numbered_init(struct tca_numbered *pool, size_t size)
{
    memset(pool, 0, sizeof *pool);
    pool->size = (size + sizeof(uint64_t) - 1) / sizeof(uint64_t) * sizeof(uint64_t);
}

static int new_page(struct tca_numbered *pool)
{
    void *list = tca_room(pool->page, pool->page_count, &pool->page_room, sizeof *pool->page);
    if (!list)
        return -1;
    pool->page = list;
    char *page = malloc(TCA_NUMBERED_PAGE * pool->size);
    if (!page)
        return -1;
    pool->page[pool->page_count++] = page;
    return 0;
}

uint32_t tca_numbered_take(struct tca_numbered *pool)
{
    uint32_t number = pool->freed;
    if (number) {
        memcpy(&pool->freed, tca_numbered_at(pool, number), sizeof pool->freed);
    } else {
        if (pool->used == pool->page_count * TCA_NUMBERED_PAGE &&
            (pool->used > UINT32_MAX / 8 || new_page(pool)))
            return 0;
        number = ++pool->used;
    }
    memset(tca_numbered_at(pool, number), 0, pool->size);
    return number;
}

void tca_numbered_give(struct tca_numbered *pool, uint32_t number)
{
    memcpy(tca_numbered_at(pool, number), &pool->freed, sizeof pool->freed);
    pool->freed = number;
}

void tca_numbered_done(struct tca_numbered *pool)
{
    for (size_t at = 0; at < pool->page_count; at++)
        free(pool->page[at]);
    free(pool->page);
    memset(pool, 0, sizeof *pool);
}
