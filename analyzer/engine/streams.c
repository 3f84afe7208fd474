/* SPDX-License-Identifier: MIT
 *
 * Pieces of streams to numbers. Pass 1 forgets tuples, Wireshark does not (flow/stream.h); so the pieces of all captures
 * are sorted by tuple, joined in the order of the file, and only then streams are numbered: by the rank of the frames
 * that created them. What stays in memory for pass 2 is one small entry for each piece, found by capture and frame.
 *
 * Tuples are sorted by a hash with a seed of the run's own; pieces are joined only if the tuples are equal, so two that
 * collide cost no more than a wrong label.
 */
#include "base/alloc.h"
#include "base/sort.h"
#include "base/sorted.h"
#include "engine/run.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { PIECE_MEMORY = 16 << 20 };

/* In the sorter; all zero before it is filled, since tuples are compared as bytes. */
struct item {
    uint32_t capture;
    struct tca_key key;
    struct tca_piece piece;
};

struct entry {
    uint64_t frame;   /* of the piece */
    uint64_t created; /* frame that created its stream; after numbering the stream's number */
    uint32_t capture;
    uint8_t completeness; /* of its stream; until numbering only that of the creating entry is whole */
    bool creates;
};

struct tca_streams {
    struct tca_sorter *pieces;
    uint64_t seed;
    struct entry *entry; /* by capture and frame */
    size_t count, room;
};

int tca_streams_new(uint64_t seed, const char *temp_dir, struct tca_streams **ret_streams)
{
    struct tca_streams *all = tca_alloc(sizeof *all);
    if (!all)
        return TCA_EMEMORY;
    all->seed = seed;
    int error = tca_sorter_new(PIECE_MEMORY, temp_dir, &all->pieces);
    if (error) {
        tca_free(all);
        return error;
    }
    *ret_streams = all;
    return TCA_OK;
}

void tca_streams_free(struct tca_streams *all)
{
    if (!all)
        return;
    tca_sorter_free(all->pieces);
    tca_free(all->entry);
    tca_free(all);
}

int tca_streams_put(struct tca_streams *all, uint32_t capture, const struct tca_key *key,
                    const struct tca_piece *piece)
{
    struct item item;
    memset(&item, 0, sizeof item);
    item.capture = capture;
    item.key = *key;
    item.piece = *piece;
    XXH128_hash_t hash = XXH3_128bits_withSeed(key, sizeof *key, all->seed);
    uint8_t sort_key[TCA_SORT_KEY] = {0};
    tca_key_u32(sort_key, capture);
    tca_key_u64(sort_key + 4, hash.high64);
    tca_key_u64(sort_key + 12, hash.low64);
    tca_key_u64(sort_key + 20, piece->frame);
    return tca_sorter_add(all->pieces, sort_key, &item, sizeof item);
}

/* ---- joined ---- */

struct joining {
    struct tca_streams *all;
    struct item before;
    struct tca_past past;
    size_t first; /* entry of the piece with which the stream began that stands */
};

static int add_entry(struct tca_streams *all, const struct item *item, const struct tca_past *past,
                     bool creates)
{
    if (all->count == all->room) {
        size_t room = all->room ? 2 * all->room : 256;
        struct entry *more = tca_grow(all->entry, room, sizeof *more);
        if (!more)
            return TCA_EMEMORY;
        all->entry = more;
        all->room = room;
    }
    all->entry[all->count++] = (struct entry){
        .frame = item->piece.frame, .created = past->frame, .capture = item->capture, .creates = creates};
    return TCA_OK;
}

static int join(void *user, const void *bytes, size_t size)
{
    struct joining *j = user;
    struct item item;
    memcpy(&item, bytes, size < sizeof item ? size : sizeof item);
    if (item.capture != j->before.capture || memcmp(&item.key, &j->before.key, sizeof item.key))
        j->past = (struct tca_past){0};
    j->before = item;
    bool creates = tca_past_add(&j->past, &item.piece);
    if (creates)
        j->first = j->all->count;
    int error = add_entry(j->all, &item, &j->past, creates);
    if (!error)
        j->all->entry[j->first].completeness = tca_past_completeness(&j->past);
    return error;
}

static int compare(uint32_t capture, uint64_t frame, const struct entry *with)
{
    int order = tca_compare_u64(capture, with->capture);
    return order ? order : tca_compare_u64(frame, with->frame);
}

static int by_place(const void *left, const void *right)
{
    const struct entry *a = left;
    return compare(a->capture, a->frame, right);
}

static struct tca_digest digest_entry(const void *item)
{
    const struct entry *e = item;
    return (struct tca_digest){e->capture, e->frame};
}

/* Among entries from `low` on and below `high`. */
static const struct entry *find_between(const struct tca_streams *all, size_t low, size_t high,
                                        uint32_t capture, uint64_t frame)
{
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(capture, frame, &all->entry[middle]);
        if (!order)
            return &all->entry[middle];
        *(order < 0 ? &high : &low) = order < 0 ? middle : middle + 1;
    }
    return NULL;
}

static const struct entry *find(const struct tca_streams *all, uint32_t capture, uint64_t frame)
{
    return find_between(all, 0, all->count, capture, frame);
}

/* The one behind that which was found last, as a rule: rows come nearly in the order of their frames. Else not far from it,
 * else anywhere. */
static const struct entry *find_near(const struct tca_streams *all, size_t last, uint32_t capture,
                                     uint64_t frame)
{
    enum { NEAR = 4 };
    if (last + 1 < all->count && !compare(capture, frame, &all->entry[last + 1]))
        return &all->entry[last + 1];
    size_t low = last > NEAR ? last - NEAR : 0;
    size_t high = all->count - last > NEAR ? last + NEAR : all->count;
    bool inside = low < high && compare(capture, frame, &all->entry[low]) >= 0 &&
                  compare(capture, frame, &all->entry[high - 1]) <= 0;
    return inside ? find_between(all, low, high, capture, frame) : find(all, capture, frame);
}

/* A stream is created before it is continued, so a piece that continues one finds it numbered. */
static void number(struct tca_streams *all)
{
    uint64_t next = 0;
    for (size_t at = 0; at < all->count; at++) {
        struct entry *e = &all->entry[at];
        if (at && all->entry[at - 1].capture != e->capture)
            next = 0;
        const struct entry *creator = e->creates ? NULL : find(all, e->capture, e->created);
        e->created = creator ? creator->created : next++;
        e->completeness = creator ? creator->completeness : e->completeness;
    }
}

int tca_streams_number(struct tca_streams *all)
{
    struct joining j = {.all = all};
    int error = tca_sorter_walk(all->pieces, join, &j);
    tca_sorter_free(all->pieces);
    all->pieces = NULL;
    if (error)
        return error;
    tca_sort(all->entry, all->count, sizeof *all->entry, digest_entry, by_place);
    number(all);
    return TCA_OK;
}

uint64_t tca_streams_created(const struct tca_streams *all, uint32_t *capture, uint64_t number)
{
    for (size_t at = 0; all && at < all->count; at++) {
        const struct entry *e = &all->entry[at];
        if (e->creates && e->created == number && (!*capture || e->capture == *capture)) {
            *capture = e->capture;
            return e->frame;
        }
    }
    return 0;
}

void tca_streams_tell(const struct tca_streams *all, size_t *near, struct tca_dossier *d)
{
    const struct entry *e = d->stream_frame ? find_near(all, *near, d->capture, d->stream_frame) : NULL;
    if (e)
        *near = (size_t)(e - all->entry);
    d->tcp_stream = e ? e->created : TCA_NO_STREAM;
    d->completeness = e ? e->completeness : 0;
}
