/* SPDX-License-Identifier: MIT
 *
 * The rows of B by their keys: a hash and a place for each, sorted by (hash, place). Rows of one hash are a run, which
 * remembers how far it has been taken, so that a million rows of one key cost no more than a million keys. The hash only
 * proposes: the row is read and its key compared.
 */
#include "report/table_diff.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/seed.h"
#include "base/sorted.h"

#include <stdlib.h>
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

struct entry {
    uint64_t hash, offset;
    uint64_t gone; /* of the first of a run: so many at its beginning are taken */
    uint64_t line : 63;
    uint64_t taken : 1;
};

struct tca_table_index {
    const struct tca_table_pair *pair;
    struct entry *entry; /* owned */
    size_t count, room;
    uint64_t seed;
    struct tca_buf key; /* the one being hashed */
    bool in_place;      /* sorted by place: taking is over */
    size_t next;        /* row that nobody took is at this one or behind it */
};

static uint64_t hash_key(struct tca_table_index *index, int side)
{
    const struct tca_table_pair *pair = index->pair;
    tca_buf_reset(&index->key);
    for (size_t i = 0; i < pair->key_count; i++) {
        size_t column = side ? pair->partner[pair->key[i]] : pair->key[i];
        const char *cell = tca_reader_cell(pair->reader[side], column);
        tca_buf_add(&index->key, cell, strlen(cell) + 1);
    }
    return XXH3_64bits_withSeed(index->key.bytes ? index->key.bytes : "", index->key.used, index->seed);
}

static bool same_key(const struct tca_table_pair *pair)
{
    for (size_t i = 0; i < pair->key_count; i++)
        if (strcmp(tca_reader_cell(pair->reader[0], pair->key[i]),
                   tca_reader_cell(pair->reader[1], pair->partner[pair->key[i]])) != 0)
            return false;
    return true;
}

static int by_hash(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    return a->hash != b->hash ? tca_compare_u64(a->hash, b->hash) : tca_compare_u64(a->offset, b->offset);
}

static int by_place(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    return tca_compare_u64(a->offset, b->offset);
}

static int out_of_memory(struct tca_error *error)
{
    *error = (struct tca_error){.code = TCA_EMEMORY, .offset = -1, .text = "out of memory"};
    return TCA_EMEMORY;
}

static int add_row(struct tca_table_index *index, struct tca_error *error)
{
    struct entry *more = tca_room(index->entry, index->count, &index->room, sizeof *more);
    if (!more)
        return out_of_memory(error);
    index->entry = more;
    const struct tca_reader *b = index->pair->reader[1];
    more[index->count++] = (struct entry){.hash = hash_key(index, 1),
                                          .offset = tca_reader_offset(b),
                                          .line = tca_reader_line(b) & (UINT64_MAX >> 1)};
    return index->key.failed ? out_of_memory(error) : TCA_OK;
}

int tca_table_index_new(const struct tca_table_pair *pair, struct tca_table_index **ret,
                        struct tca_error *error)
{
    struct tca_table_index *index = tca_alloc(sizeof *index);
    if (!index)
        return out_of_memory(error);
    index->pair = pair;
    index->seed = tca_random_seed(index);
    int code;
    while ((code = tca_reader_next(pair->reader[1], error)) == 1)
        if ((code = add_row(index, error)) != TCA_OK)
            break;
    if (code) {
        tca_table_index_free(index);
        return code;
    }
    if (index->count)
        qsort(index->entry, index->count, sizeof *index->entry, by_hash);
    *ret = index;
    return TCA_OK;
}

void tca_table_index_free(struct tca_table_index *index)
{
    if (!index)
        return;
    tca_free(index->entry);
    tca_buf_done(&index->key);
    tca_free(index);
}

/* The first entry whose hash is not below. */
static size_t first_of(const struct tca_table_index *index, uint64_t hash)
{
    size_t low = 0, high = index->count;
    while (low < high) {
        size_t at = low + (high - low) / 2;
        if (index->entry[at].hash < hash)
            low = at + 1;
        else
            high = at;
    }
    return low;
}

static int read_entry(struct tca_table_index *index, const struct entry *e, struct tca_error *error)
{
    return tca_reader_at(index->pair->reader[1], e->offset, e->line, error);
}

/* Is this one still to be taken, and of that key? */
static int try_entry(struct tca_table_index *index, const struct entry *e, struct tca_error *error)
{
    if (e->taken)
        return 0;
    int code = read_entry(index, e, error);
    return code ? code : same_key(index->pair);
}

int tca_table_index_take(struct tca_table_index *index, struct tca_error *error)
{
    uint64_t hash = hash_key(index, 0);
    if (index->key.failed)
        return out_of_memory(error);
    size_t first = first_of(index, hash);
    if (first == index->count || index->entry[first].hash != hash)
        return 0;
    struct entry *run = &index->entry[first], *end = index->entry + index->count, *e = run + run->gone;
    int fits = 0;
    for (; e < end && e->hash == hash && !fits; e++) {
        fits = try_entry(index, e, error);
        if (fits < 0)
            return fits;
        e->taken = e->taken || fits == 1;
    }
    for (e = run + run->gone; e < end && e->hash == hash && e->taken; e++)
        run->gone++;
    return fits;
}

int tca_table_index_left(struct tca_table_index *index, struct tca_error *error)
{
    if (!index->in_place && index->count)
        qsort(index->entry, index->count, sizeof *index->entry, by_place);
    index->in_place = true;
    while (index->next < index->count && index->entry[index->next].taken)
        index->next++;
    if (index->next == index->count)
        return 0;
    int code = read_entry(index, &index->entry[index->next++], error);
    return code ? code : 1;
}
