/* SPDX-License-Identifier: MIT
 *
 * Items are not moved while they are sorted: of each its digest and its place are. Not very many are merged. Of more, these are
 * first inserted one after the other, as long as little has to be moved for it; else they are dealt out by one byte of the digest
 * after the other, the lowest first, bytes that are the same in all left out. Among equal digests the order decides, by merging.
 * At last each item goes to its place. Without memory for that the C library sorts.
 *
 * A build with check_ways sorts a copy with the C library, whose sort is stable where it has memory, and stops where that
 * differs.
 */
#include "base/sort.h"

#include "base/alloc.h"
#include "base/sorted.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { FEW = 64, RUN = 8, MOVES = 2, BYTE = 8, DIGITS = 1 << BYTE, MERGED = 1024 };

/* ---- numbers ---- */

/* How many there are of each digit becomes where the first of them goes. */
static void place_digits(uint32_t place[DIGITS])
{
    uint32_t sum = 0;
    for (unsigned digit = 0; digit < DIGITS; digit++) {
        uint32_t many = place[digit];
        place[digit] = sum;
        sum += many;
    }
}

/* Insertion that gives up. AFTER(a, b): a stands behind b. */
#define DEFINE_INSERT(name, type, AFTER)                                                                     \
    static bool name##_insert(type *list, size_t count)                                                      \
    {                                                                                                        \
        size_t moves = count <= FEW ? FEW * FEW : MOVES * count;                                             \
        for (size_t at = 1; at < count; at++) {                                                              \
            type one = list[at];                                                                             \
            size_t to = at;                                                                                  \
            for (; to && moves && AFTER(list[to - 1], one); to--, moves--)                                   \
                list[to] = list[to - 1];                                                                     \
            list[to] = one;                                                                                  \
            if (!moves)                                                                                      \
                return false;                                                                                \
        }                                                                                                    \
        return true;                                                                                         \
    }

/* Dealing out by KEY(item). `other` has room for as many. */
#define DEFINE_DEAL(name, type, KEY)                                                                         \
    static void name##_deal(type *list, size_t count, type *other)                                           \
    {                                                                                                        \
        uint64_t differ = 0;                                                                                 \
        type *from = list, *to = other;                                                                      \
        for (size_t at = 1; at < count; at++)                                                                \
            differ |= KEY(list[at]) ^ KEY(list[0]);                                                          \
        for (unsigned shift = 0; shift < 64; shift += BYTE) {                                                \
            uint32_t place[DIGITS] = {0};                                                                    \
            if (!(differ >> shift & (DIGITS - 1)))                                                           \
                continue;                                                                                    \
            for (size_t at = 0; at < count; at++)                                                            \
                place[KEY(from[at]) >> shift & (DIGITS - 1)]++;                                              \
            place_digits(place);                                                                             \
            for (size_t at = 0; at < count; at++)                                                            \
                to[place[KEY(from[at]) >> shift & (DIGITS - 1)]++] = from[at];                               \
            type *swap = from;                                                                               \
            from = to;                                                                                       \
            to = swap;                                                                                       \
        }                                                                                                    \
        if (from != list)                                                                                    \
            memcpy(list, from, count * sizeof *list);                                                        \
    }

/* False: no memory, or too many; then they may not be in order. */
#define DEFINE_NUMBERS(name, type, KEY)                                                                      \
    static bool name##_sort(type *list, size_t count)                                                        \
    {                                                                                                        \
        if (name##_insert(list, count))                                                                      \
            return true;                                                                                     \
        type *other = count <= UINT32_MAX ? tca_grow(NULL, count, sizeof *other) : NULL;                     \
        if (other)                                                                                           \
            name##_deal(list, count, other);                                                                 \
        tca_free(other);                                                                                     \
        return other != NULL;                                                                                \
    }

#define UNSIGNED(number) ((uint64_t)(number))
#define LARGER(a, b)     ((a) > (b))

DEFINE_INSERT(i64, int64_t, LARGER)
DEFINE_DEAL(i64, int64_t, tca_digest_i64)
DEFINE_NUMBERS(i64, int64_t, tca_digest_i64)
DEFINE_INSERT(u64, uint64_t, LARGER)
DEFINE_DEAL(u64, uint64_t, UNSIGNED)
DEFINE_NUMBERS(u64, uint64_t, UNSIGNED)
DEFINE_INSERT(u32, uint32_t, LARGER)
DEFINE_DEAL(u32, uint32_t, UNSIGNED)
DEFINE_NUMBERS(u32, uint32_t, UNSIGNED)

void tca_sort_i64(int64_t *number, size_t count)
{
    if (!i64_sort(number, count))
        qsort(number, count, sizeof *number, tca_order_i64);
}

void tca_sort_u64(uint64_t *number, size_t count)
{
    if (!u64_sort(number, count))
        qsort(number, count, sizeof *number, tca_order_u64);
}

void tca_sort_u32(uint32_t *number, size_t count)
{
    if (!u32_sort(number, count))
        qsort(number, count, sizeof *number, tca_order_u32);
}

/* ---- items ---- */

struct ref {
    struct tca_digest digest;
    size_t at;
};

#define FIRST(ref)  ((ref).digest.first)
#define SECOND(ref) ((ref).digest.second)
#define AFTER(a, b) compare_digests(&(a).digest, &(b).digest) > 0

static int compare_digests(const struct tca_digest *a, const struct tca_digest *b)
{
    int order = tca_compare_u64(a->first, b->first);
    return order ? order : tca_compare_u64(a->second, b->second);
}

DEFINE_INSERT(ref, struct ref, AFTER)
DEFINE_DEAL(first, struct ref, FIRST)
DEFINE_DEAL(second, struct ref, SECOND)

struct items {
    uint8_t *list;
    size_t size;
    tca_order_fn *order;
};

static int compare(const struct items *items, const struct ref *a, const struct ref *b)
{
    int order = compare_digests(&a->digest, &b->digest);
    return order ? order : items->order(items->list + a->at * items->size, items->list + b->at * items->size);
}

static bool in_order(const struct items *items, const struct ref *ref, size_t count)
{
    for (size_t at = 1; at < count; at++)
        if (compare(items, &ref[at - 1], &ref[at]) > 0)
            return false;
    return true;
}

static void insert_refs(const struct items *items, struct ref *ref, size_t count)
{
    for (size_t at = 1; at < count; at++) {
        struct ref one = ref[at];
        size_t to = at;
        for (; to && compare(items, &ref[to - 1], &one) > 0; to--)
            ref[to] = ref[to - 1];
        ref[to] = one;
    }
}

/* `other` has room for half of them. */
static void merge_refs(const struct items *items, struct ref *ref, size_t count, struct ref *other)
{
    if (count <= RUN) {
        insert_refs(items, ref, count);
        return;
    }
    size_t left = count / 2, from = 0, right = left, to = 0;
    merge_refs(items, ref, left, other);
    merge_refs(items, ref + left, count - left, other);
    if (compare(items, &ref[left - 1], &ref[left]) <= 0)
        return;
    memcpy(other, ref, left * sizeof *ref);
    while (from < left && right < count)
        ref[to++] = compare(items, &ref[right], &other[from]) < 0 ? ref[right++] : other[from++];
    memcpy(ref + to, other + from, (left - from) * sizeof *ref);
}

/* Where digests are equal. */
static void order_equals(const struct items *items, struct ref *ref, size_t count, struct ref *other)
{
    for (size_t from = 0, to; from < count; from = to) {
        for (to = from + 1; to < count && !compare_digests(&ref[to].digest, &ref[from].digest);)
            to++;
        if (to - from > 1 && !in_order(items, ref + from, to - from))
            merge_refs(items, ref + from, to - from, other);
    }
}

/* Each to its place, one ring of items that take each other's after the other. `held` has room for one item. */
static void move_items(const struct items *items, struct ref *ref, size_t count, uint8_t *held)
{
    uint8_t *list = items->list;
    const size_t size = items->size;
    for (size_t at = 0; at < count; at++) {
        if (ref[at].at == at)
            continue;
        memcpy(held, list + at * size, size);
        size_t to = at;
        for (size_t from; (from = ref[to].at) != at; to = from) {
            memcpy(list + to * size, list + from * size, size);
            ref[to].at = to;
        }
        memcpy(list + to * size, held, size);
        ref[to].at = to;
    }
}

static bool is_sorted(const struct items *items, size_t count, tca_digest_fn *digest)
{
    struct tca_digest before = digest(items->list);
    for (size_t at = 1; at < count; at++) {
        const uint8_t *item = items->list + at * items->size;
        struct tca_digest now = digest(item);
        int order = compare_digests(&before, &now);
        if (order > 0 || (!order && items->order(item - items->size, item) > 0))
            return false;
        before = now;
    }
    return true;
}

/* Those with one first number. Often they are nearly in order by themselves. */
static void sort_alike(const struct items *items, struct ref *ref, size_t count, struct ref *other)
{
    if (count <= MERGED)
        merge_refs(items, ref, count, other);
    else if (!ref_insert(ref, count))
        second_deal(ref, count, other);
}

static void sort_refs(const struct items *items, struct ref *ref, size_t count, struct ref *other)
{
    if (ref_insert(ref, count))
        return;
    first_deal(ref, count, other);
    for (size_t from = 0, to; from < count; from = to) {
        for (to = from + 1; to < count && FIRST(ref[to]) == FIRST(ref[from]);)
            to++;
        if (to - from > 1)
            sort_alike(items, ref + from, to - from, other);
    }
}

/* False: no memory; nothing was moved. */
static bool sort_items(const struct items *items, size_t count, tca_digest_fn *digest)
{
    if (is_sorted(items, count, digest))
        return true;
    struct ref *ref = count <= UINT32_MAX ? tca_grow(NULL, 2 * count, sizeof *ref) : NULL;
    uint8_t *held = tca_grow(NULL, 1, items->size);
    bool room = ref && held;
    for (size_t at = 0; at < count && room; at++)
        ref[at] = (struct ref){digest(items->list + at * items->size), at};
    if (room && count <= MERGED) {
        merge_refs(items, ref, count, ref + count);
        move_items(items, ref, count, held);
    } else if (room) {
        sort_refs(items, ref, count, ref + count);
        order_equals(items, ref, count, ref + count);
        move_items(items, ref, count, held);
    }
    tca_free(ref);
    tca_free(held);
    return room;
}

#ifdef TCA_CHECK_WAYS
static void *copy_of(const void *list, size_t bytes)
{
    void *copy = malloc(bytes ? bytes : 1);
    return copy ? memcpy(copy, list, bytes) : NULL;
}

static void check(const void *list, size_t count, size_t size, tca_order_fn *order, void *copy)
{
    if (copy)
        qsort(copy, count, size, order);
    if (copy && memcmp(copy, list, count * size) != 0)
        abort();
    free(copy);
}
#else
static void *copy_of(const void *list, size_t bytes)
{
    (void)list, (void)bytes;
    return NULL;
}

static void check(const void *list, size_t count, size_t size, tca_order_fn *order, void *copy)
{
    (void)list, (void)count, (void)size, (void)order, (void)copy;
}
#endif

void tca_sort(void *list, size_t count, size_t size, tca_digest_fn *digest, tca_order_fn *order)
{
    if (count < 2)
        return;
    void *copy = copy_of(list, count * size);
    if (!sort_items(&(struct items){list, size, order}, count, digest))
        qsort(list, count, size, order);
    check(list, count, size, order, copy);
}
