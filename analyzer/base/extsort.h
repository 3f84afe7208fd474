/* SPDX-License-Identifier: MIT
 *
 * A sorter that spills: items of any size with a fixed-size key go in, come out ordered by key, as often as
 * wanted. In memory while small, then in unlinked temporary files; memory is bounded, whatever the number of
 * items. Items may have owners: then those of some owners alone can be walked, without reading where there are none of them.
 */
#ifndef TCA_BASE_EXTSORT_H
#define TCA_BASE_EXTSORT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { TCA_SORT_KEY = 32 }; /* bytes, compared with memcmp; pad with zeros */
enum { TCA_SORT_TIE = 16 }; /* likewise, at an item's beginning, where a key has no room for all */

struct tca_sorter;

/* `memory` bytes are held before a run is spilled; `temp_dir` NULL: TMPDIR, else /tmp. Equal keys keep no
 * order, unless they are tied. */
int tca_sorter_new(size_t memory, const char *temp_dir, struct tca_sorter **ret_sorter);
void tca_sorter_free(struct tca_sorter *sorter);
/* The item is copied. 0, TCA_EMEMORY, or TCA_EOUTPUT when the temporary file cannot be written. */
int tca_sorter_add(struct tca_sorter *sorter, const uint8_t key[TCA_SORT_KEY], const void *item, size_t size);
/* The same without a copy: room for an item of at most so many bytes, to be made there, aligned to 8; it ends with the next call. Then
 * what was made there is an item: `size` bytes, and behind these so many `aside` which only tca_sorter_fetch() brings back, multiples of 8
 * both. */
int tca_sorter_room(struct tca_sorter *sorter, size_t most, uint8_t **ret_room);
void tca_sorter_put(struct tca_sorter *sorter, const uint8_t key[TCA_SORT_KEY], size_t size, size_t aside);
/* Before the first item: every one can be fetched again, and be replaced. `named` bytes of a key name its item; of those with
 * equal names a walk tells the first alone, so that the bytes behind must be less for what is newer. */
void tca_sorter_replaceable(struct tca_sorter *sorter, size_t named);
/* Before the first item: so many bytes of each key are its whole, a multiple of 8. */
void tca_sorter_keyed(struct tca_sorter *sorter, size_t key);
/* Before the first item: its owner is a number, four bytes of its key from `at` on, the highest first. */
void tca_sorter_owned(struct tca_sorter *sorter, size_t at);
/* Before the first item: of equal keys the first TCA_SORT_TIE bytes of the items decide, which all have. */
void tca_sorter_tied(struct tca_sorter *sorter);
/* All items of another one, of the same kind; only to be freed after that. 0, TCA_EMEMORY or TCA_EOUTPUT. */
int tca_sorter_take(struct tca_sorter *sorter, struct tca_sorter *other);
/* Where the item is that was added last; until the first walk, or until others are taken, it can be fetched from there: *ret_item is replaced, by
 * the item and what is aside of it. 0, TCA_EMEMORY, or TCA_EOUTPUT when the temporary file cannot be read. */
uint64_t tca_sorter_place(const struct tca_sorter *sorter);
int tca_sorter_fetch(const struct tca_sorter *sorter, uint64_t place, struct tca_buf *ret_item);
/* Walk all items in order of their keys; may be done again. fn: non-zero stops and is returned. */
typedef int tca_sorter_fn(void *user, const void *item, size_t size);
int tca_sorter_walk(struct tca_sorter *sorter, tca_sorter_fn *fn, void *user);

/* From the first of these owners to the last; all zero: every item, whoever owns it. */
struct tca_owners {
    uint32_t first, last;
};

/* The same, one item after the other, of these owners alone: until the cursor is freed nothing may be added. Each on any thread;
 * several at a time once the sorter is settled, that is, was walked or told so since the last item. */
struct tca_cursor;
int tca_sorter_settle(struct tca_sorter *sorter);
int tca_cursor_new(struct tca_sorter *sorter, struct tca_owners owners, struct tca_cursor **ret_cursor);
void tca_cursor_free(struct tca_cursor *cursor); /* accepts NULL */
/* 1, the item borrowed until the next call; 0 at the end; TCA_EMEMORY or TCA_EOUTPUT. */
int tca_cursor_next(struct tca_cursor *cursor, const void **ret_item, size_t *ret_size);
/* An item whose turn is about to come, perhaps: to fetch what it needs. NULL: none is at hand. */
const void *tca_cursor_ahead(const struct tca_cursor *cursor);
uint64_t tca_sorter_count(const struct tca_sorter *sorter);

/* A temporary file without a name; `temp_dir` as above. *ret_file is its descriptor. 0, TCA_EMEMORY or
 * TCA_EOUTPUT. */
int tca_temp_file(const char *temp_dir, int *ret_file);

/* Big-endian parts of a key, so that memcmp orders numbers; signed ones by flipping the sign bit. */
void tca_key_u64(uint8_t *at, uint64_t value);
void tca_key_i64(uint8_t *at, int64_t value);
void tca_key_u32(uint8_t *at, uint32_t value);

#endif
