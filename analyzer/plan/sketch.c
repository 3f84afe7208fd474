/* SPDX-License-Identifier: MIT
 *
 * A heap, so that most segments cost one comparison: of n segments about 128 * ln(n / 128) enter it.
 */
#include "plan/sketch.h"

#include "decode/decode.h"

#include <stdlib.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

enum {
    SAMPLE_MIN = 8, /* fewer tell nothing */
    SHARE = 10,     /* the same, where one in so many is in both: interfaces and mirrors lose packets */
};

static void swap(struct tca_sketch *sketch, unsigned one, unsigned other)
{
    struct tca_sketch_one kept = sketch->one[one];
    sketch->one[one] = sketch->one[other];
    sketch->one[other] = kept;
}

static void rise(struct tca_sketch *sketch, unsigned at)
{
    for (; at && sketch->one[at].hash > sketch->one[(at - 1) / 2].hash; at = (at - 1) / 2)
        swap(sketch, at, (at - 1) / 2);
}

static void sink(struct tca_sketch *sketch)
{
    for (unsigned at = 0, child; (child = 2 * at + 1) < sketch->count; at = child) {
        if (child + 1 < sketch->count && sketch->one[child + 1].hash > sketch->one[child].hash)
            child++;
        if (sketch->one[child].hash <= sketch->one[at].hash)
            return;
        swap(sketch, child, at);
    }
}

static bool has(const struct tca_sketch *sketch, uint64_t hash)
{
    unsigned at = 0;
    while (at < sketch->count && sketch->one[at].hash != hash)
        at++;
    return at < sketch->count;
}

/* A segment that is sent again counts once. */
static void add_hash(struct tca_sketch *sketch, uint64_t hash, int64_t time_ns)
{
    bool full = sketch->count == TCA_SKETCH_MAX;
    if ((full && hash >= sketch->one[0].hash) || has(sketch, hash))
        return;
    unsigned at = full ? 0 : sketch->count++;
    sketch->one[at] = (struct tca_sketch_one){hash, time_ns};
    if (full)
        sink(sketch);
    else
        rise(sketch, at);
}

void tca_sketch_add(struct tca_sketch *sketch, const struct tca_record *record)
{
    struct tca_segment seg;
    if (record->timeless || tca_decode(record, false, &seg) != TCA_OUTCOME_tcp)
        return;
    const uint32_t told[4] = {seg.seq, seg.ack, seg.flags, seg.len};
    add_hash(sketch, XXH3_64bits(told, sizeof told), record->time_ns);
}

static int compare_hashes(const void *left, const void *right)
{
    uint64_t one = ((const struct tca_sketch_one *)left)->hash;
    uint64_t other = ((const struct tca_sketch_one *)right)->hash;
    return (one > other) - (one < other);
}

void tca_sketch_seal(struct tca_sketch *sketch)
{
    qsort(sketch->one, sketch->count, sizeof *sketch->one, compare_hashes);
}

/* Everything up to this hash is in it. */
static uint64_t known_to(const struct tca_sketch *sketch)
{
    return sketch->count < TCA_SKETCH_MAX ? UINT64_MAX : sketch->one[sketch->count - 1].hash;
}

struct window {
    int64_t from_ns, to_ns;
    uint64_t hash;
};

/* The next entry within the window from `at` on. */
static unsigned skip(const struct tca_sketch *sketch, unsigned at, const struct window *window)
{
    while (at < sketch->count && sketch->one[at].hash <= window->hash &&
           (sketch->one[at].time_ns < window->from_ns || sketch->one[at].time_ns > window->to_ns))
        at++;
    return at < sketch->count && sketch->one[at].hash <= window->hash ? at : TCA_SKETCH_MAX;
}

enum tca_alike tca_sketch_compare(const struct tca_sketch *one, const struct tca_sketch *other,
                                  int64_t from_ns, int64_t to_ns)
{
    struct window window = {from_ns, to_ns,
                            known_to(one) < known_to(other) ? known_to(one) : known_to(other)};
    unsigned left = skip(one, 0, &window), right = skip(other, 0, &window);
    unsigned ones = 0, others = 0, both = 0, at_once = 0;
    while (left < TCA_SKETCH_MAX || right < TCA_SKETCH_MAX) {
        uint64_t a = left < TCA_SKETCH_MAX ? one->one[left].hash : UINT64_MAX;
        uint64_t b = right < TCA_SKETCH_MAX ? other->one[right].hash : UINT64_MAX;
        bool takes_left = left < TCA_SKETCH_MAX && a <= b, takes_right = right < TCA_SKETCH_MAX && b <= a;
        ones += takes_left;
        others += takes_right;
        both += takes_left && takes_right;
        at_once += takes_left && takes_right && one->one[left].time_ns == other->one[right].time_ns;
        left = takes_left ? skip(one, left + 1, &window) : left;
        right = takes_right ? skip(other, right + 1, &window) : right;
    }
    unsigned smaller = ones < others ? ones : others;
    if (smaller < SAMPLE_MIN)
        return TCA_ALIKE_UNKNOWN;
    if (both * SHARE < smaller)
        return TCA_ALIKE_NO;
    return at_once == both ? TCA_ALIKE_RECORDS : TCA_ALIKE_YES;
}
