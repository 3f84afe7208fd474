/* SPDX-License-Identifier: MIT
 *
 * Pieces of streams to numbers. Pass 1 forgets tuples, Wireshark does not (flow/stream.h); so the pieces of all captures
 * are sorted by tuple, joined in the order of the file, and only then streams are numbered: by the rank of the frames
 * that created them. What stays in memory for pass 2 is a bit for each frame that created one, by whose rank it is numbered, another
 * that says whether it is a SYN and all of its stream, as floods have them by the million, and for each other one a byte, how whole
 * it is. Pieces that went on with a stream have an entry each, found by file and frame.
 *
 * Wireshark reads one file at a time: of a capture that was cut into files a stream is numbered in each anew, by what that file
 * shows of it; how whole it is tells the capture. Entries and bits are by file, therefore, and pieces end with a file.
 *
 * Tuples are sorted by a hash with a seed of the run's own; pieces are joined only if the tuples are equal, so two that
 * collide cost no more than a wrong label. Of a flood each SYN is the only piece of its tuple, so there is nothing to be joined: pieces
 * that are one SYN wait apart, and only those of which a sieve says that another may be of their tuple are sorted with the rest.
 */
#include "base/alloc.h"
#include "base/sieve.h"
#include "base/sort.h"
#include "base/sorted.h"
#include "engine/run.h"
#include "engine/sound.h"

#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

enum { PIECE_MEMORY = 4 << 20, SINGLE_MEMORY = 4 << 20, TOLD_MEMORY = 4 << 20 };

/* In the sorter; all zero before it is filled, since tuples are compared as bytes. */
struct item {
    uint32_t capture;
    struct tca_key key;
    struct tca_piece piece;
};

/* The same of a piece that is one SYN with IPv4, which most are where there are many. */
enum { MAPPED = 12 };
struct small {
    uint32_t capture;
    uint32_t syn_seq;
    uint64_t frame;
    uint8_t addr[2][16 - MAPPED];
    uint16_t port[2];
    uint8_t side;
};
_Static_assert(sizeof(struct small) < sizeof(struct item), "told apart by their sizes");

/* A piece that did not create its stream. */
struct entry {
    uint64_t frame;       /* of the piece, in its file */
    uint64_t stream;      /* its number */
    uint32_t file;        /* its ordinal */
    uint8_t completeness; /* of its stream */
};

/* Frames of a file one behind the other, a bit each. */
enum { WORDS = 8, PAGE = WORDS * 64 };
struct page {
    uint64_t creates[WORDS]; /* it creates a stream */
    uint64_t lone[WORDS];    /* ... which is nothing but its SYN */
    uint64_t before;         /* so many streams of the file were created before this page */
    uint64_t others;         /* so many that are more than a SYN, of all files up to here */
};

/* The streams of one file: its pages by their numbers, in a tree that is as high as the highest number asks for. So what a frame costs
 * does not grow with its number, which in a part is anybody's. */
enum { FAN_BITS = 6, FAN = 1 << FAN_BITS };
struct node {
    void *child[FAN]; /* owned: nodes, pages at the lowest level; NULL: no frame below creates one */
};
struct rolls {
    void *root; /* owned: a node, a page at height 0; NULL: nothing */
    unsigned height;
};

struct tca_streams {
    struct tca_sorter *pieces; /* by tuple */
    struct tca_sorter *single; /* those that are one SYN with IPv4 (struct small), by frame */
    uint64_t seed;
    const char *temp_dir; /* borrowed; NULL: the usual one */
    struct entry *entry;  /* owned; by file and frame */
    size_t count, room;
    uint8_t *whole;      /* owned: completeness of streams that are more than a SYN, by rank_of_other() */
    struct rolls *rolls; /* owned; by the ordinal of the file, from 1 */
    size_t roll_count;
    const struct tca_spots *spots; /* borrowed */
    bool told;
};

int tca_streams_new(uint64_t seed, const char *temp_dir, struct tca_streams **ret_streams)
{
    struct tca_streams *all = tca_alloc(sizeof *all);
    if (!all)
        return TCA_EMEMORY;
    all->seed = seed;
    all->temp_dir = temp_dir;
    int error = tca_sorter_new(PIECE_MEMORY, temp_dir, &all->pieces);
    if (!error)
        error = tca_sorter_new(SINGLE_MEMORY, temp_dir, &all->single);
    if (error) {
        tca_streams_free(all);
        return error;
    }
    *ret_streams = all;
    return TCA_OK;
}

/* No deeper than a frame's number has digits. */
static void free_below(void *root, unsigned height)
{
    struct node *node = root;
    for (unsigned at = 0; height && node && at < FAN; at++)
        free_below(node->child[at], height - 1);
    tca_free(root);
}

void tca_streams_free(struct tca_streams *all)
{
    if (!all)
        return;
    tca_sorter_free(all->pieces);
    tca_sorter_free(all->single);
    for (size_t at = 0; at < all->roll_count; at++)
        free_below(all->rolls[at].root, all->rolls[at].height);
    tca_free(all->rolls);
    tca_free(all->entry);
    tca_free(all->whole);
    tca_free(all);
}

/* ---- items ---- */

static const uint8_t mapped[MAPPED] = {[MAPPED - 2] = 0xff, 0xff};

static void expand(const struct small *small, struct item *ret)
{
    struct tca_piece *piece = &ret->piece;
    unsigned side = small->side;
    memset(ret, 0, sizeof *ret);
    ret->capture = small->capture;
    ret->key.family = 4;
    for (int at = 0; at < 2; at++) {
        memcpy(ret->key.addr[at], mapped, MAPPED);
        memcpy(ret->key.addr[at] + MAPPED, small->addr[at], sizeof small->addr[at]);
        ret->key.port[at] = small->port[at];
    }
    piece->frame = small->frame;
    piece->syn_seq = small->syn_seq;
    piece->fresh_bases.number[side] = piece->moved_bases.number[side] = small->syn_seq;
    piece->fresh_bases.known[side] = piece->moved_bases.known[side] = true;
    piece->firm[side] = piece->syn = true;
    piece->side = small->side;
    piece->fresh = TCA_COMPLETE_SYN;
}

/* False: it is more than can be said so. */
static bool shorten(const struct item *item, struct small *ret)
{
    struct item back;
    memset(ret, 0, sizeof *ret);
    ret->capture = item->capture;
    ret->syn_seq = item->piece.syn_seq;
    ret->frame = item->piece.frame;
    ret->side = item->piece.side;
    for (int at = 0; at < 2; at++) {
        memcpy(ret->addr[at], item->key.addr[at] + MAPPED, sizeof ret->addr[at]);
        ret->port[at] = item->key.port[at];
    }
    expand(ret, &back);
    return !memcmp(item, &back, sizeof back);
}

static void read_item(const void *bytes, size_t size, struct item *ret)
{
    struct small small;
    if (size != sizeof small) {
        memcpy(ret, bytes, sizeof *ret);
        return;
    }
    memcpy(&small, bytes, sizeof small);
    expand(&small, ret);
}

static int put_single(struct tca_streams *all, const struct small *small)
{
    uint8_t sort_key[TCA_SORT_KEY] = {0};
    tca_key_u32(sort_key, small->capture);
    tca_key_u64(sort_key + 4, small->frame);
    return tca_sorter_add(all->single, sort_key, small, sizeof *small);
}

/* bytes: of an item, perhaps in its small form. */
static int put_piece(struct tca_streams *all, const struct item *item, const void *bytes, size_t size)
{
    XXH128_hash_t hash = XXH3_128bits_withSeed(&item->key, sizeof item->key, all->seed);
    uint8_t sort_key[TCA_SORT_KEY] = {0};
    tca_key_u32(sort_key, item->capture);
    tca_key_u64(sort_key + 4, hash.high64);
    tca_key_u64(sort_key + 12, hash.low64);
    tca_key_u64(sort_key + 20, item->piece.frame);
    return tca_sorter_add(all->pieces, sort_key, bytes, size);
}

int tca_streams_put(struct tca_streams *all, uint32_t capture, const struct tca_key *key,
                    const struct tca_piece *piece)
{
    struct item item;
    struct small small;
    memset(&item, 0, sizeof item);
    item.capture = capture;
    item.key = *key;
    item.piece = *piece;
    return shorten(&item, &small) ? put_single(all, &small) : put_piece(all, &item, &item, sizeof item);
}

/* Of nothing but what the small form says: IPv4, without payload, its length known. */
static bool is_single(const struct tca_segment *syn)
{
    return syn->family == 4 && tca_is_bare_syn(syn) && !syn->len && !syn->bad_offset && !syn->unmeasured &&
           !syn->quoted;
}

static struct small small_of(uint32_t capture, const struct tca_segment *syn, int side)
{
    struct small small;
    memset(&small, 0, sizeof small);
    small.capture = capture;
    small.syn_seq = syn->seq;
    small.frame = syn->frame;
    memcpy(small.addr[side], syn->src + MAPPED, sizeof small.addr[side]);
    memcpy(small.addr[1 - side], syn->dst + MAPPED, sizeof small.addr[side]);
    small.port[side] = syn->sport;
    small.port[1 - side] = syn->dport;
    small.side = (uint8_t)side;
    return small;
}

/* As the flow table tells it. */
static int put_whole(struct tca_streams *all, uint32_t capture, const struct tca_segment *syn, int side)
{
    struct tca_stream stream;
    struct tca_key key = {.family = syn->family};
    memcpy(key.addr[side], syn->src, sizeof key.addr[side]);
    memcpy(key.addr[1 - side], syn->dst, sizeof key.addr[side]);
    key.port[side] = syn->sport;
    key.port[1 - side] = syn->dport;
    memset(&stream, 0, sizeof stream);
    tca_stream_begin_piece(&stream, syn, side, false);
    tca_stream_note(&stream, syn, side);
#ifdef TCA_CHECK_WAYS
    if (is_single(syn)) {
        struct item item = {.capture = capture, .key = key, .piece = stream.piece};
        struct small small, other = small_of(capture, syn, side);
        if (!shorten(&item, &small) || memcmp(&small, &other, sizeof small) != 0)
            abort();
    }
#endif
    return tca_streams_put(all, capture, &key, &stream.piece);
}

int tca_streams_put_syn(struct tca_streams *all, uint32_t capture, const struct tca_segment *syn, int side)
{
#ifndef TCA_CHECK_WAYS
    if (is_single(syn)) {
        const struct small small = small_of(capture, syn, side);
        return put_single(all, &small);
    }
#endif
    return put_whole(all, capture, syn, side);
}

/* ---- in parts ---- */

int tca_streams_each(struct tca_streams *all, tca_sorter_fn *fn, void *user)
{
    int error = all ? tca_sorter_walk(all->pieces, fn, user) : TCA_OK;
    return error || !all ? error : tca_sorter_walk(all->single, fn, user);
}

/* May it be read? */
static bool is_item(const void *bytes, size_t size)
{
    return size == sizeof(struct small) ? ((const struct small *)bytes)->side <= 1
                                        : size == sizeof(struct item);
}

/* A frame takes room (struct rolls). */
static bool is_sound(const struct item *item)
{
    const struct tca_piece *piece = &item->piece;
    return tca_sound_piece(&item->key, piece) && piece->frame && piece->frame <= TCA_STREAMS_FRAME_MAX;
}

int tca_streams_load(struct tca_streams *all, uint32_t before, uint32_t captures, const void *bytes,
                     size_t size)
{
    struct item item;
    if (!is_item(bytes, size))
        return TCA_EINPUT;
    read_item(bytes, size, &item);
    if (!item.capture || item.capture > captures || !is_sound(&item))
        return TCA_EINPUT;
    return tca_streams_put(all, before + item.capture, &item.key, &item.piece);
}

uint64_t tca_streams_form(void)
{
    return sizeof(struct item) << 16 | sizeof(struct small);
}

/* ---- rolls ---- */

/* NULL: no memory. */
static struct rolls *rolls_of(struct tca_streams *all, uint32_t file)
{
    if (file > all->roll_count) {
        size_t count = (size_t)file + file / 2;
        struct rolls *list = tca_grow(all->rolls, count, sizeof *list);
        if (!list)
            return NULL;
        memset(list + all->roll_count, 0, (count - all->roll_count) * sizeof *list);
        all->rolls = list;
        all->roll_count = count;
    }
    return &all->rolls[file - 1];
}

/* At the lowest level of this height there is a page of this number. */
static bool reaches(unsigned height, uint64_t number)
{
    return number >> FAN_BITS * height == 0;
}

static unsigned turn(uint64_t number, unsigned level)
{
    return number >> FAN_BITS * level & (FAN - 1);
}

/* One level more above what there is. False: no memory. */
static bool heighten(struct rolls *rolls)
{
    struct node *node = rolls->root ? tca_alloc(sizeof *node) : NULL;
    if (rolls->root && !node)
        return false;
    if (node)
        node->child[0] = rolls->root;
    rolls->root = node;
    rolls->height++;
    return true;
}

/* Made where there is none. NULL: no memory. */
static struct page *page_at(struct rolls *rolls, uint64_t number)
{
    while (!reaches(rolls->height, number))
        if (!heighten(rolls))
            return NULL;
    void **at = &rolls->root;
    for (unsigned level = rolls->height; level; at = &((struct node *)*at)->child[turn(number, --level)]) {
        if (!*at)
            *at = tca_alloc(sizeof(struct node));
        if (!*at)
            return NULL;
    }
    if (!*at)
        *at = tca_alloc(sizeof(struct page));
    return *at;
}

/* What there is at this number, or on the way to it; *ret_level: how high that is, 0 a page. */
static void *descend(const struct rolls *rolls, uint64_t number, unsigned *ret_level)
{
    void *at = rolls->root;
    unsigned level = rolls->height;
    while (at && level)
        at = ((struct node *)at)->child[turn(number, --level)];
    *ret_level = level;
    return at;
}

/* The first page that is not before *number, which becomes its own. NULL: there is none. */
static struct page *next_page(const struct rolls *rolls, uint64_t *number)
{
    while (reaches(rolls->height, *number)) {
        unsigned level;
        struct page *page = descend(rolls, *number, &level);
        if (page)
            return page;
        *number = ((*number >> FAN_BITS * level) + 1) << FAN_BITS * level; /* behind what is empty */
    }
    return NULL;
}

/* The record of this frame creates a stream. */
static int enroll(struct tca_streams *all, struct tca_spot place, bool lone)
{
    struct rolls *rolls = rolls_of(all, place.ordinal);
    struct page *page = rolls ? page_at(rolls, place.frame / PAGE) : NULL;
    if (!page)
        return TCA_EMEMORY;
    uint64_t bit = UINT64_C(1) << place.frame % 64;
    page->creates[place.frame % PAGE / 64] |= bit;
    if (lone)
        page->lone[place.frame % PAGE / 64] |= bit;
    return TCA_OK;
}

/* NULL: no frame near it creates a stream. */
static const struct page *find_page(const struct tca_streams *all, struct tca_spot place)
{
    const struct rolls *rolls =
        place.ordinal && place.ordinal <= all->roll_count ? &all->rolls[place.ordinal - 1] : NULL;
    uint64_t number = place.frame / PAGE;
    unsigned level;
    return rolls && reaches(rolls->height, number) ? descend(rolls, number, &level) : NULL;
}

static bool is_lone(const struct page *page, uint64_t frame)
{
    return page && page->lone[frame % PAGE / 64] >> frame % 64 & 1;
}

static bool creates_at(const struct page *page, uint64_t frame)
{
    return page && page->creates[frame % PAGE / 64] >> frame % 64 & 1;
}

static uint64_t bits_of(uint64_t word)
{
    return (uint64_t)__builtin_popcountll(word);
}

/* So many streams of its file were created before this frame. */
static uint64_t rank_of(const struct page *page, uint64_t frame)
{
    size_t word = frame % PAGE / 64;
    uint64_t rank = page->before;
    for (size_t at = 0; at < word; at++)
        rank += bits_of(page->creates[at]);
    return rank + bits_of(page->creates[word] & ((UINT64_C(1) << frame % 64) - 1));
}

/* The same of all files, and of those that are more than a SYN. */
static uint64_t rank_of_other(const struct page *page, uint64_t frame)
{
    size_t word = frame % PAGE / 64;
    uint64_t rank = page->others;
    for (size_t at = 0; at < word; at++)
        rank += bits_of(page->creates[at] & ~page->lone[at]);
    return rank + bits_of(page->creates[word] & ~page->lone[word] & ((UINT64_C(1) << frame % 64) - 1));
}

/* Returns how many streams there are that are more than a SYN. */
static uint64_t count_pages(struct tca_streams *all)
{
    uint64_t others = 0;
    for (size_t at = 0; at < all->roll_count; at++) {
        uint64_t before = 0, number = 0;
        for (struct page *page; (page = next_page(&all->rolls[at], &number)); number++) {
            page->before = before;
            page->others = others;
            for (size_t word = 0; word < WORDS; word++) {
                before += bits_of(page->creates[word]);
                others += bits_of(page->creates[word] & ~page->lone[word]);
            }
        }
    }
    return others;
}

/* The frame that created this stream; 0: the file has fewer. */
static uint64_t creator_of(const struct rolls *rolls, uint64_t stream)
{
    const struct page *last = NULL;
    uint64_t first = 0, number = 0; /* frame of the page; pages */
    for (struct page *page; (page = next_page(rolls, &number)) && page->before <= stream; number++) {
        last = page;
        first = number * PAGE;
    }
    uint64_t left = last ? stream - last->before : 0;
    for (size_t word = 0; last && word < WORDS; word++)
        for (uint64_t bits = last->creates[word]; bits; bits &= bits - 1, left--)
            if (!left)
                return first + word * 64 + (uint64_t)__builtin_ctzll(bits);
    return 0;
}

/* ---- joined ---- */

/* What the pieces of a tuple made in one file. */
struct local {
    uint32_t file;
    struct tca_past past;
};

/* A piece as its file tells it: where it begins, and the frame that created its stream there, perhaps its own. */
struct told {
    struct tca_spot place;
    uint64_t created;
};

/* So many files of a capture may be open side by side (capture/joined.c). */
enum { LOCALS = 256 };

struct joining {
    struct tca_streams *all;
    struct tca_sorter
        *told; /* what became of pieces (struct fate), one behind the other; owned by who joins */
    struct item before;
    struct told begun; /* the piece with which the stream began that stands */
    struct tca_past past;
    bool any;           /* there is such a piece */
    struct told *piece; /* owned: the stream's, if it has more than that one */
    size_t pieces, piece_room;
    struct local *local; /* owned, LOCALS of them: of the tuple, the newest last */
    size_t locals;
};

/* What is kept of a piece until it is known how many streams there are before its own. */
struct fate {
    uint64_t frame, created;
    uint32_t file;
    uint32_t completeness;
};

static bool creates(const struct told *told)
{
    return told->created == told->place.frame;
}

static int list_piece(struct joining *j, const struct told *told)
{
    struct told *list = tca_room(j->piece, j->pieces, &j->piece_room, sizeof *list);
    if (!list)
        return TCA_EMEMORY;
    j->piece = list;
    list[j->pieces++] = *told;
    return TCA_OK;
}

static int tell_fate(struct joining *j, const struct told *told, uint8_t completeness)
{
    const struct fate fate = {told->place.frame, told->created, told->place.ordinal, completeness};
    uint8_t sort_key[TCA_SORT_KEY] = {0};
    tca_key_u64(sort_key, tca_sorter_count(j->told));
    return tca_sorter_add(j->told, sort_key, &fate, sizeof fate);
}

/* The stream that stands has all its pieces. */
static int end_stream(struct joining *j)
{
    if (!j->any)
        return TCA_OK;
    j->any = false;
    uint8_t completeness = tca_past_completeness(&j->past);
    bool lone = !j->pieces && completeness == TCA_COMPLETE_SYN && creates(&j->begun);
    int error = creates(&j->begun) ? enroll(j->all, j->begun.place, lone) : TCA_OK;
    if (!error && !lone && !j->pieces)
        return tell_fate(j, &j->begun, completeness);
    for (size_t at = 0; !error && at < j->pieces; at++)
        error = tell_fate(j, &j->piece[at], completeness);
    j->pieces = 0;
    return error;
}

/* Of an older file no more comes than of those that are open with it. */
static struct tca_past *local_past(struct joining *j, uint32_t file)
{
    for (size_t at = j->locals; at--;)
        if (j->local[at].file == file)
            return &j->local[at].past;
    if (j->locals == LOCALS)
        memmove(j->local, j->local + 1, --j->locals * sizeof *j->local);
    j->local[j->locals] = (struct local){.file = file};
    return &j->local[j->locals++].past;
}

/* Where each capture is one file, that tells the same. */
static struct told tell_piece(struct joining *j, const struct item *item, const struct tca_past *past)
{
    const struct tca_spots *spots = j->all->spots;
    struct told told = {.place = tca_spot_of(spots, item->capture, item->piece.frame),
                        .created = past->frame};
    if (!spots->any)
        return told;
    struct tca_past *local = local_past(j, told.place.ordinal);
    tca_past_add(local, &item->piece);
    told.created = tca_spot_of(spots, item->capture, local->frame).frame;
    return told;
}

static int go_on(struct joining *j, const struct told *told)
{
    int error = j->pieces ? TCA_OK : list_piece(j, &j->begun);
    if (!error && creates(told))
        error = enroll(j->all, told->place, false);
    return error ? error : list_piece(j, told);
}

static int join(void *user, const void *bytes, size_t size)
{
    struct joining *j = user;
    struct item item;
    read_item(bytes, size, &item);
    bool other = item.capture != j->before.capture || memcmp(&item.key, &j->before.key, sizeof item.key);
    struct tca_past past = {0};
    if (other)
        j->locals = 0;
    else
        past = j->past;
    j->before = item;
    bool begins = tca_past_add(&past, &item.piece);
    int error = begins ? end_stream(j) : TCA_OK;
    j->past = past;
    const struct told told = tell_piece(j, &item, &past);
    if (error || !begins)
        return error ? error : go_on(j, &told);
    j->begun = told;
    j->any = true;
    return TCA_OK;
}

static int compare(struct tca_spot place, const struct entry *with)
{
    int order = tca_compare_u64(place.ordinal, with->file);
    return order ? order : tca_compare_u64(place.frame, with->frame);
}

/* Among entries from `low` on and below `high`. */
static const struct entry *find_between(const struct tca_streams *all, size_t low, size_t high,
                                        struct tca_spot place)
{
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = compare(place, &all->entry[middle]);
        if (!order)
            return &all->entry[middle];
        *(order < 0 ? &high : &low) = order < 0 ? middle : middle + 1;
    }
    return NULL;
}

/* The one behind that which was found last, as a rule: rows come nearly in the order of their frames. Else not far from it,
 * else anywhere. */
static const struct entry *find_near(const struct tca_streams *all, size_t last, struct tca_spot place)
{
    enum { NEAR = 4 };
    if (last + 1 < all->count && !compare(place, &all->entry[last + 1]))
        return &all->entry[last + 1];
    size_t low = last > NEAR ? last - NEAR : 0;
    size_t high = all->count - last > NEAR ? last + NEAR : all->count;
    bool inside =
        low < high && compare(place, &all->entry[low]) >= 0 && compare(place, &all->entry[high - 1]) <= 0;
    return inside ? find_between(all, low, high, place) : find_between(all, 0, all->count, place);
}

/* ---- numbered ---- */

/* A frame has one piece, but in a part that somebody made up. */
static int note_whole(struct tca_streams *all, const struct page *page, const struct fate *fate)
{
    if (is_lone(page, fate->frame))
        return TCA_OK;
    uint8_t *whole = &all->whole[rank_of_other(page, fate->frame)];
    if (*whole < fate->completeness)
        *whole = (uint8_t)fate->completeness;
    return TCA_OK;
}

static int add_entry(struct tca_streams *all, const struct page *page, const struct fate *fate)
{
    struct entry *list = tca_room(all->entry, all->count, &all->room, sizeof *list);
    if (!list)
        return TCA_EMEMORY;
    all->entry = list;
    list[all->count++] = (struct entry){.frame = fate->frame,
                                        .stream = page ? rank_of(page, fate->created) : 0,
                                        .file = fate->file,
                                        .completeness = (uint8_t)fate->completeness};
    return TCA_OK;
}

static int keep(void *user, const void *bytes, size_t size)
{
    struct tca_streams *all = user;
    struct fate fate;
    memcpy(&fate, bytes, size);
    const struct page *page = find_page(all, (struct tca_spot){fate.file, fate.created});
    return fate.created == fate.frame ? note_whole(all, page, &fate) : add_entry(all, page, &fate);
}

/* ---- pieces that are all of their tuple ---- */

/* By what tells an IPv4 tuple. */
static uint64_t hash_of(const struct tca_streams *all, const struct small *small)
{
    struct {
        uint8_t addr[sizeof small->addr];
        uint16_t port[2];
        uint32_t capture;
    } tuple = {.port = {small->port[0], small->port[1]}, .capture = small->capture};
    memcpy(tuple.addr, small->addr, sizeof tuple.addr);
    return XXH3_64bits_withSeed(&tuple, sizeof tuple, all->seed);
}

enum { AHEAD = 16 }; /* so many are fetched from the sieve before the first is needed */

struct sifting {
    struct tca_streams *all;
    struct tca_sieve sieve;
    int (*then)(struct sifting *sift, const struct small *small, uint64_t hash);
    struct small small[AHEAD]; /* a ring */
    uint64_t hash[AHEAD];
    unsigned begun, ended;
};

/* Whoever is no single one counts as two: then all of its tuple are sorted. */
static int count_piece(void *user, const void *bytes, size_t size)
{
    struct sifting *sift = user;
    struct item item;
    struct small small;
    read_item(bytes, size, &item);
    shorten(&item, &small);
    if (item.key.family == 4)
        tca_sieve_count(&sift->sieve, hash_of(sift->all, &small), 2);
    return TCA_OK;
}

static int count_single(struct sifting *sift, const struct small *small, uint64_t hash)
{
    (void)small;
    tca_sieve_count(&sift->sieve, hash, 1);
    return TCA_OK;
}

/* What joining would make of a tuple's only piece; or to the others. */
static int sift_single(struct sifting *sift, const struct small *small, uint64_t hash)
{
    struct tca_streams *all = sift->all;
    struct item item;
    if (!tca_sieve_keeps(&sift->sieve, hash, 2))
        return enroll(all, tca_spot_of(all->spots, small->capture, small->frame), true);
    expand(small, &item);
    return put_piece(all, &item, small, sizeof *small);
}

static int end_oldest(struct sifting *sift)
{
    unsigned at = sift->ended++ % AHEAD;
    return sift->then(sift, &sift->small[at], sift->hash[at]);
}

static int begin_single(void *user, const void *bytes, size_t size)
{
    struct sifting *sift = user;
    int error = sift->begun - sift->ended == AHEAD ? end_oldest(sift) : TCA_OK;
    unsigned at = sift->begun++ % AHEAD;
    (void)size;
    memcpy(&sift->small[at], bytes, sizeof sift->small[at]);
    sift->hash[at] = hash_of(sift->all, &sift->small[at]);
    tca_sieve_fetch(&sift->sieve, sift->hash[at]);
    return error;
}

static int each_single(struct sifting *sift,
                       int (*then)(struct sifting *sift, const struct small *small, uint64_t hash))
{
    sift->then = then;
    int error = tca_sorter_walk(sift->all->single, begin_single, sift);
    while (!error && sift->begun != sift->ended)
        error = end_oldest(sift);
    return error;
}

static int sift_singles(struct tca_streams *all)
{
    uint64_t count = tca_sorter_count(all->single);
    if (!count)
        return TCA_OK;
    struct sifting sift = {.all = all,
                           .sieve = tca_sieve_new((size_t)(count + tca_sorter_count(all->pieces)))};
    int error = tca_sorter_walk(all->pieces, count_piece, &sift);
    if (!error)
        error = each_single(&sift, count_single);
    if (!error)
        error = each_single(&sift, sift_single);
    tca_sieve_done(&sift.sieve);
    return error;
}

static int by_place(const void *left, const void *right)
{
    const struct entry *a = left;
    return compare((struct tca_spot){a->file, a->frame}, right);
}

static struct tca_digest digest_entry(const void *item)
{
    const struct entry *e = item;
    return (struct tca_digest){e->file, e->frame};
}

static int number(struct tca_streams *all, struct tca_sorter *told)
{
    all->whole = tca_alloc(count_pages(all) + 1);
    int error = all->whole ? tca_sorter_walk(told, keep, all) : TCA_EMEMORY;
    if (!error)
        tca_sort(all->entry, all->count, sizeof *all->entry, digest_entry, by_place);
    return error;
}

static int join_pieces(struct joining *j)
{
    struct tca_streams *all = j->all;
    int error = sift_singles(all);
    if (!error)
        error = tca_sorter_walk(all->pieces, join, j);
    if (!error)
        error = end_stream(j);
    tca_sorter_free(all->pieces);
    tca_sorter_free(all->single);
    all->pieces = all->single = NULL;
    return error;
}

int tca_streams_number(struct tca_streams *all, const struct tca_spots *spots)
{
    struct joining j = {.all = all, .local = tca_alloc(LOCALS * sizeof *j.local)};
    all->spots = spots;
    int error = j.local ? tca_sorter_new(TOLD_MEMORY, all->temp_dir, &j.told) : TCA_EMEMORY;
    if (!error) {
        tca_sorter_keyed(j.told, sizeof(uint64_t));
        error = join_pieces(&j);
    }
    if (!error)
        error = number(all, j.told);
    tca_sorter_free(j.told);
    tca_free(j.piece);
    tca_free(j.local);
    return error;
}

uint64_t tca_streams_created(const struct tca_streams *all, uint32_t *file, uint64_t number)
{
    for (size_t at = 0; all && at < all->roll_count; at++) {
        uint64_t frame = *file && at + 1 != *file ? 0 : creator_of(&all->rolls[at], number);
        if (frame) {
            *file = (uint32_t)at + 1;
            return frame;
        }
    }
    return 0;
}

void tca_streams_show(struct tca_streams *all)
{
    all->told = true;
}

void tca_streams_tell(const struct tca_streams *all, size_t *near, struct tca_dossier *d)
{
    d->tcp_stream = TCA_NO_STREAM;
    d->completeness = 0;
    if (!all->told)
        return;
    struct tca_spot place = tca_spot_of(all->spots, d->capture, d->stream_frame);
    const struct page *page = d->stream_frame ? find_page(all, place) : NULL;
    if (creates_at(page, place.frame)) {
        bool lone = is_lone(page, place.frame);
        d->tcp_stream = rank_of(page, place.frame);
        d->completeness = lone ? TCA_COMPLETE_SYN : all->whole[rank_of_other(page, place.frame)];
        return;
    }
    const struct entry *e = d->stream_frame ? find_near(all, *near, place) : NULL;
    if (!e)
        return;
    *near = (size_t)(e - all->entry);
    d->tcp_stream = e->stream;
    d->completeness = e->completeness;
}
