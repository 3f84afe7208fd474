/* SPDX-License-Identifier: MIT
 *
 * External merge sort. Items gather in one buffer with an index; when it is full the index is sorted and the
 * items are written to the temporary file as a run. A cursor merges the runs with a heap, each read through its
 * own small buffer with pread, so that walks can be repeated. A run has such a buffer from the turn of its first item to
 * that of its last: where items come nearly in order few do at a time. Nothing was spilled: the cursor is a place in the sorted index.
 * Of some owners alone: a run knows the lowest and the highest that it holds, so where items come owner by owner few runs are read.
 *
 * Items come mostly in order, or nearly. So the index is sorted by merging, and halves that are in order as they stand cost
 * one comparison. It holds the first eight bytes of each key as a number, which decides nearly always.
 *
 * What is aside of an item is behind it in memory; on disk it is behind its run, where no walk reads it.
 *
 *      in memory:   { key, size u32, aside u32, item bytes, up to 7 bytes, aside bytes, up to 7 bytes } ...
 *      run on disk: { key, size u32, aside u32, item bytes, up to 7 bytes } ...
 *                   then, if items are replaceable, what is aside of each, and their places in order of arrival
 */
#include "base/extsort.h"

#include "base/alloc.h"
#include "base/whole.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <tcpautopsy/error.h>
#include <unistd.h>

/* How many bytes an item has, and how many are aside of it; in memory and on disk behind its key. */
struct extent {
    uint32_t size, aside;
};
enum { HEAD_MAX = TCA_SORT_KEY + sizeof(struct extent) };
enum { AT_ONCE = 64 }; /* items that are written by one call */
/* Buffers of a walk: so much for all runs, as far as each has enough. */
enum { READ_MEMORY = 4 << 20, READ_LEAST = 8 * 1024, READ_MOST = 64 * 1024 };

struct run {
    int file;
    int64_t from, to;                      /* bytes in the file */
    int64_t places;                        /* where these are, if items are replaceable */
    uint8_t head[HEAD_MAX + TCA_SORT_TIE]; /* of its first item, and what decides a tie */
    struct tca_owners owners;              /* the lowest and the highest */
};

/* An item in memory. */
struct place {
    uint64_t first;  /* of its key, as a number */
    uint32_t offset; /* into bytes */
    uint32_t rank;   /* so many came before it since the last run */
};

/* Where it is on disk. */
struct stored {
    int64_t item, aside;
    struct extent extent;
};

struct tca_sorter {
    char *temp_dir;           /* owned, NULL when none was given */
    size_t memory;            /* fits into 32 bits */
    size_t key;               /* bytes of one */
    size_t named;             /* bytes of the key that name an item; 0: items are not replaceable */
    size_t owned;             /* where its owner stands in a key; 0: items have none */
    size_t tie;               /* bytes of an item that decide between equal keys */
    struct tca_owners owners; /* of the items in memory: the lowest and the highest */
    uint8_t *bytes;           /* head + item, one after another */
    size_t used, room;
    struct place *index, *spare; /* spare: room for merging */
    size_t count, index_room, spare_room;
    int file; /* -1 until something was spilled */
    int64_t file_end;
    int *taken; /* owned: files of other sorters, whose runs are here */
    size_t taken_count, taken_room;
    struct run *run;
    size_t run_count, run_room;
    uint64_t total;
    bool sorted;
};

void tca_key_u64(uint8_t *at, uint64_t value)
{
    for (int byte = 7; byte >= 0; byte--, value >>= 8)
        at[byte] = (uint8_t)value;
}

void tca_key_i64(uint8_t *at, int64_t value)
{
    tca_key_u64(at, (uint64_t)value ^ (UINT64_C(1) << 63));
}

void tca_key_u32(uint8_t *at, uint32_t value)
{
    for (int byte = 3; byte >= 0; byte--, value >>= 8)
        at[byte] = (uint8_t)value;
}

int tca_sorter_new(size_t memory, const char *temp_dir, struct tca_sorter **ret_sorter)
{
    struct tca_sorter *sorter = tca_alloc(sizeof *sorter);
    if (!sorter)
        return TCA_EMEMORY;
    sorter->file = -1;
    sorter->key = TCA_SORT_KEY;
    sorter->memory = memory < UINT32_MAX ? memory : UINT32_MAX;
    sorter->temp_dir = temp_dir ? tca_strdup(temp_dir) : NULL;
    if (temp_dir && !sorter->temp_dir) {
        tca_sorter_free(sorter);
        return TCA_EMEMORY;
    }
    *ret_sorter = sorter;
    return TCA_OK;
}

void tca_sorter_free(struct tca_sorter *sorter)
{
    if (!sorter)
        return;
    if (sorter->file >= 0)
        close(sorter->file);
    for (size_t at = 0; at < sorter->taken_count; at++)
        close(sorter->taken[at]);
    tca_free(sorter->taken);
    tca_free(sorter->temp_dir);
    tca_free(sorter->bytes);
    tca_free(sorter->index);
    tca_free(sorter->spare);
    tca_free(sorter->run);
    tca_free(sorter);
}

void tca_sorter_replaceable(struct tca_sorter *sorter, size_t named)
{
    sorter->named = named;
}

void tca_sorter_keyed(struct tca_sorter *sorter, size_t key)
{
    sorter->key = key;
}

void tca_sorter_owned(struct tca_sorter *sorter, size_t at)
{
    sorter->owned = at;
}

void tca_sorter_tied(struct tca_sorter *sorter)
{
    sorter->tie = TCA_SORT_TIE;
}

uint64_t tca_sorter_count(const struct tca_sorter *sorter)
{
    return sorter->total;
}

/* ---- in memory ---- */

/* Before each item: its key and its extent. */
static size_t head_size(const struct tca_sorter *sorter)
{
    return sorter->key + sizeof(struct extent);
}

static uint64_t first_of(const uint8_t *key)
{
    uint64_t first = 0;
    for (int byte = 0; byte < 8; byte++)
        first = first << 8 | key[byte];
    return first;
}

/* Heads with their items behind them, of which the first eight bytes are known to be equal. */
static bool comes_before(const struct tca_sorter *sorter, const uint8_t *a, const uint8_t *b)
{
    enum { KNOWN = 8 };
    int order = memcmp(a + KNOWN, b + KNOWN, sorter->key - KNOWN);
    size_t head = head_size(sorter);
    return order ? order < 0 : memcmp(a + head, b + head, sorter->tie) < 0;
}

static bool is_before(const struct tca_sorter *sorter, const struct place *a, const struct place *b)
{
    if (a->first != b->first)
        return a->first < b->first;
    return comes_before(sorter, sorter->bytes + a->offset, sorter->bytes + b->offset);
}

static uint32_t owner_of(const struct tca_sorter *sorter, const uint8_t *key)
{
    const uint8_t *at = key + sorter->owned;
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void note_owner(struct tca_sorter *sorter, const uint8_t *key)
{
    if (!sorter->owned)
        return;
    uint32_t owner = owner_of(sorter, key);
    struct tca_owners *all = &sorter->owners;
    *all = sorter->count ? (struct tca_owners){owner < all->first ? owner : all->first,
                                               owner > all->last ? owner : all->last}
                         : (struct tca_owners){owner, owner};
}

static void insert_each(const struct tca_sorter *sorter, struct place *place, size_t count)
{
    for (size_t at = 1; at < count; at++) {
        struct place moved = place[at];
        size_t to = at;
        for (; to && is_before(sorter, &moved, &place[to - 1]); to--)
            place[to] = place[to - 1];
        place[to] = moved;
    }
}

/* The left half waits in `spare` and is put back between the right one's. */
static void merge(const struct tca_sorter *sorter, struct place *place, size_t left, size_t count,
                  struct place *spare)
{
    memcpy(spare, place, left * sizeof *place);
    size_t from = 0, right = left, to = 0;
    while (from < left && right < count)
        place[to++] = is_before(sorter, &place[right], &spare[from]) ? place[right++] : spare[from++];
    memcpy(place + to, spare + from, (left - from) * sizeof *place);
}

static void sort_places(const struct tca_sorter *sorter, struct place *place, size_t count,
                        struct place *spare)
{
    enum { FEW = 8 };
    if (count <= FEW) {
        insert_each(sorter, place, count);
        return;
    }
    size_t left = count / 2;
    sort_places(sorter, place, left, spare);
    sort_places(sorter, place + left, count - left, spare);
    if (is_before(sorter, &place[left], &place[left - 1]))
        merge(sorter, place, left, count, spare);
}

static int sort_memory(struct tca_sorter *sorter)
{
    if (sorter->sorted || !sorter->count)
        return TCA_OK;
    if (sorter->spare_room < sorter->count / 2) {
        struct place *spare = tca_grow(sorter->spare, sorter->count / 2, sizeof *spare);
        if (!spare)
            return TCA_EMEMORY;
        sorter->spare = spare;
        sorter->spare_room = sorter->count / 2;
    }
    sort_places(sorter, sorter->index, sorter->count, sorter->spare);
    sorter->sorted = true;
    return TCA_OK;
}

static struct extent extent_of(const struct tca_sorter *sorter, const uint8_t *head)
{
    struct extent extent;
    memcpy(&extent, head + sorter->key, sizeof extent);
    return extent;
}

static size_t item_size(const struct tca_sorter *sorter, const uint8_t *head)
{
    return extent_of(sorter, head).size;
}

static size_t aligned(size_t size)
{
    return (size + 7) / 8 * 8;
}

/* What an item takes with its head, so that all are aligned. */
static size_t space_of(const struct tca_sorter *sorter, size_t size)
{
    return head_size(sorter) + aligned(size);
}

static size_t item_space(const struct tca_sorter *sorter, const uint8_t *head)
{
    return space_of(sorter, item_size(sorter, head));
}

static int make_named(const char *dir, int *ret_file)
{
    size_t room = strlen(dir) + sizeof "/tcpautopsy.XXXXXX";
    char *path = tca_alloc(room);
    if (!path)
        return TCA_EMEMORY;
    snprintf(path, room, "%s/tcpautopsy.XXXXXX", dir);
    int file = mkostemp(path, O_CLOEXEC);
    if (file >= 0)
        unlink(path); /* it goes with the process, whatever ends it */
    tca_free(path);
    if (file < 0)
        return TCA_EOUTPUT;
    *ret_file = file;
    return TCA_OK;
}

/* Where a file system can, without ever having a name: then nobody finds it, and a sandbox need not allow making names. */
int tca_temp_file(const char *temp_dir, int *ret_file)
{
    const char *dir = temp_dir ? temp_dir : getenv("TMPDIR");
    if (!dir || !*dir)
        dir = "/tmp";
    int file = (int)TEMP_FAILURE_RETRY(open(dir, O_TMPFILE | O_RDWR | O_EXCL | O_CLOEXEC, 0600));
    if (file < 0)
        return make_named(dir, ret_file);
    *ret_file = file;
    return TCA_OK;
}

/* By place, not by the file's own offset: after a failed run the next one begins where the last whole one
 * ends. The pieces are used up. */
static int write_pieces(int file, struct iovec *piece, int count, int64_t *at)
{
    while (count) {
        ssize_t done = pwritev(file, piece, count, *at);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return TCA_EOUTPUT;
        *at += done;
        for (; count && (size_t)done >= piece->iov_len; piece++, count--)
            done -= (ssize_t)piece->iov_len;
        if (count) {
            piece->iov_base = (char *)piece->iov_base + done;
            piece->iov_len -= (size_t)done;
        }
    }
    return TCA_OK;
}

static int write_at(int file, const void *bytes, size_t count, int64_t *at)
{
    if (tca_write_at(file, bytes, count, (uint64_t)*at))
        return TCA_EOUTPUT;
    *at += (int64_t)count;
    return TCA_OK;
}

/* Where a part of an item is in memory, and how long. */
typedef struct iovec part_fn(const struct tca_sorter *sorter, uint8_t *head);

static struct iovec item_part(const struct tca_sorter *sorter, uint8_t *head)
{
    return (struct iovec){head, item_space(sorter, head)};
}

static struct iovec aside_part(const struct tca_sorter *sorter, uint8_t *head)
{
    return (struct iovec){head + item_space(sorter, head), aligned(extent_of(sorter, head).aside)};
}

/* That part of each item in order; several at once from where they lie, since most are small. *at: moves behind them. */
static int write_parts(struct tca_sorter *sorter, part_fn *part, int64_t *at)
{
    struct iovec piece[AT_ONCE];
    int held = 0, error = TCA_OK;
    for (size_t next = 0; next < sorter->count && !error; next++) {
        piece[held] = part(sorter, sorter->bytes + sorter->index[next].offset);
        held += piece[held].iov_len > 0;
        if (held == AT_ONCE || next + 1 == sorter->count) {
            error = write_pieces(sorter->file, piece, held, at);
            held = 0;
        }
    }
    return error;
}

/* Of each item, by rank: items begin there, what is aside of them there. */
static void list_places(const struct tca_sorter *sorter, int64_t item, int64_t aside,
                        struct stored *ret_places)
{
    for (size_t next = 0; next < sorter->count; next++) {
        uint8_t *head = sorter->bytes + sorter->index[next].offset;
        ret_places[sorter->index[next].rank] =
            (struct stored){item + (int64_t)head_size(sorter), aside, extent_of(sorter, head)};
        item += (int64_t)item_part(sorter, head).iov_len;
        aside += (int64_t)aside_part(sorter, head).iov_len;
    }
}

/* Behind the items of a run: what only those need who fetch one. */
static int write_aside(struct tca_sorter *sorter, struct run *run, int64_t *at)
{
    struct stored *places = tca_grow(NULL, sorter->count, sizeof *places);
    if (!places)
        return TCA_EMEMORY;
    list_places(sorter, run->from, run->to, places);
    int error = write_parts(sorter, aside_part, at);
    run->places = *at;
    if (!error)
        error = write_at(sorter->file, places, sorter->count * sizeof *places, at);
    tca_free(places);
    return error;
}

/* The sorted items. */
static int write_sorted(struct tca_sorter *sorter, struct run *ret_run)
{
    int64_t at = sorter->file_end;
    *ret_run = (struct run){.file = sorter->file, .from = at, .owners = sorter->owners};
    memcpy(ret_run->head, sorter->bytes + sorter->index[0].offset, head_size(sorter) + sorter->tie);
    int error = write_parts(sorter, item_part, &at);
    ret_run->to = at;
    if (!error && sorter->named)
        error = write_aside(sorter, ret_run, &at);
    if (!error)
        sorter->file_end = at;
    return error;
}

static bool run_room(struct tca_sorter *sorter, size_t more)
{
    size_t room = sorter->run_room ? sorter->run_room : 16;
    if (sorter->run_count + more <= sorter->run_room)
        return true;
    while (sorter->run_count + more > room)
        room *= 2;
    struct run *run = tca_grow(sorter->run, room, sizeof *run);
    if (!run)
        return false;
    sorter->run = run;
    sorter->run_room = room;
    return true;
}

static int spill(struct tca_sorter *sorter)
{
    if (!sorter->count)
        return TCA_OK;
    if (sorter->file < 0) {
        int error = tca_temp_file(sorter->temp_dir, &sorter->file);
        if (error)
            return error;
    }
    if (!run_room(sorter, 1))
        return TCA_EMEMORY;
    int error = sort_memory(sorter);
    if (!error)
        error = write_sorted(sorter, &sorter->run[sorter->run_count]);
    if (error)
        return error;
    sorter->run_count++;
    sorter->used = sorter->count = 0;
    return TCA_OK;
}

static int make_room(struct tca_sorter *sorter, size_t more)
{
    if (sorter->used + more > sorter->room) {
        /* Few steps: to move what is large stops all threads for a moment. */
        enum { FIRST = 64 * 1024, STEP = 8 };
        size_t room = sorter->room ? STEP * sorter->room : FIRST;
        if (room > sorter->memory)
            room = sorter->memory;
        while (sorter->used + more > room)
            room = room < FIRST ? FIRST : 2 * room;
        uint8_t *bytes = tca_grow(sorter->bytes, room, 1);
        if (!bytes)
            return TCA_EMEMORY;
        sorter->bytes = bytes;
        sorter->room = room;
    }
    if (sorter->count == sorter->index_room) {
        size_t room = sorter->index_room ? 2 * sorter->index_room : 1024;
        struct place *index = tca_grow(sorter->index, room, sizeof *index);
        if (!index)
            return TCA_EMEMORY;
        sorter->index = index;
        sorter->index_room = room;
    }
    return TCA_OK;
}

/* Room for so much more, with its head. */
static inline int begin_item(struct tca_sorter *sorter, size_t space)
{
    int error = sorter->used + space > sorter->memory ? spill(sorter) : TCA_OK;
    return error ? error : make_room(sorter, space);
}

/* What was made there is one of the items. */
static inline void end_item(struct tca_sorter *sorter, const uint8_t *key, struct extent extent)
{
    uint8_t *head = sorter->bytes + sorter->used;
    note_owner(sorter, key);
    memcpy(head, key, sorter->key);
    memcpy(head + sorter->key, &extent, sizeof extent);
    sorter->index[sorter->count] =
        (struct place){first_of(key), (uint32_t)sorter->used, (uint32_t)sorter->count};
    sorter->count++;
    sorter->used += space_of(sorter, extent.size) + aligned(extent.aside);
    sorter->total++;
    sorter->sorted = false;
}

int tca_sorter_room(struct tca_sorter *sorter, size_t most, uint8_t **ret_room)
{
    int error = begin_item(sorter, space_of(sorter, most));
    if (!error)
        *ret_room = sorter->bytes + sorter->used + head_size(sorter);
    return error;
}

void tca_sorter_put(struct tca_sorter *sorter, const uint8_t key[TCA_SORT_KEY], size_t size, size_t aside)
{
    end_item(sorter, key, (struct extent){(uint32_t)size, (uint32_t)aside});
}

int tca_sorter_add(struct tca_sorter *sorter, const uint8_t key[TCA_SORT_KEY], const void *item, size_t size)
{
    if (size > UINT32_MAX)
        return TCA_EMEMORY;
    size_t space = space_of(sorter, size);
    int error = begin_item(sorter, space);
    if (error)
        return error;
    uint8_t *head = sorter->bytes + sorter->used;
    if (size) {
        memset(head + space - 8, 0, 8); /* what no item fills is written too */
        memcpy(head + head_size(sorter), item, size);
    }
    end_item(sorter, key, (struct extent){.size = (uint32_t)size});
    return TCA_OK;
}

/* ---- taken from another one ---- */

static int take_items(struct tca_sorter *sorter, const struct tca_sorter *other)
{
    int error = TCA_OK;
    for (size_t at = 0; at < other->count && !error; at++) {
        const uint8_t *head = other->bytes + other->index[at].offset;
        error = tca_sorter_add(sorter, head, head + head_size(other), item_size(other, head));
    }
    return error;
}

static int take_runs(struct tca_sorter *sorter, struct tca_sorter *other)
{
    int error = spill(other);
    int *taken =
        error ? NULL : tca_room(sorter->taken, sorter->taken_count, &sorter->taken_room, sizeof *taken);
    if (error || !taken)
        return error ? error : TCA_EMEMORY;
    sorter->taken = taken;
    if (!run_room(sorter, other->run_count))
        return TCA_EMEMORY;
    memcpy(sorter->run + sorter->run_count, other->run, other->run_count * sizeof *other->run);
    sorter->run_count += other->run_count;
    sorter->taken[sorter->taken_count++] = other->file;
    sorter->total += other->total;
    other->file = -1;
    other->run_count = 0;
    return TCA_OK;
}

int tca_sorter_take(struct tca_sorter *sorter, struct tca_sorter *other)
{
    return other->run_count ? take_runs(sorter, other) : take_items(sorter, other);
}

/* ---- fetched again ---- */

uint64_t tca_sorter_place(const struct tca_sorter *sorter)
{
    return (uint64_t)sorter->run_count << 32 | (uint32_t)(sorter->count - 1);
}

static int read_at(int file, void *bytes, size_t count, int64_t at)
{
    return tca_read_at(file, bytes, count, (uint64_t)at) == (ssize_t)count ? TCA_OK : TCA_EOUTPUT;
}

static int fetch_stored(const struct run *run, uint32_t rank, struct tca_buf *ret_item)
{
    struct stored stored;
    int error = read_at(run->file, &stored, sizeof stored, run->places + (int64_t)(rank * sizeof stored));
    if (error)
        return error;
    size_t size = stored.extent.size, aside = stored.extent.aside;
    uint8_t *room = tca_buf_room(ret_item, size + aside);
    if (!room)
        return TCA_EMEMORY;
    error = read_at(run->file, room, size, stored.item);
    if (!error && aside)
        error = read_at(run->file, room + size, aside, stored.aside);
    if (!error)
        ret_item->used = size + aside;
    return error;
}

int tca_sorter_fetch(const struct tca_sorter *sorter, uint64_t place, struct tca_buf *ret_item)
{
    size_t run = (size_t)(place >> 32), rank = (uint32_t)place;
    tca_buf_reset(ret_item);
    if (run < sorter->run_count)
        return fetch_stored(&sorter->run[run], (uint32_t)rank, ret_item);
    const uint8_t *head = sorter->bytes + sorter->index[rank].offset, *item = head + head_size(sorter);
    const struct extent extent = extent_of(sorter, head);
    tca_buf_add(ret_item, item, extent.size);
    tca_buf_add(ret_item, item + aligned(extent.size), extent.aside);
    return ret_item->failed ? TCA_EMEMORY : TCA_OK;
}

/* ---- merging ---- */

/* A run that is merged. */
struct reader {
    int file;
    int64_t at, to;  /* unread part of the run in the file */
    uint8_t *buffer; /* owned; NULL before its first item's turn and behind its last */
    size_t room, from, held;
    const uint8_t *key; /* of the item on top; its head's length behind it at least what decides a tie */
    uint64_t first;     /* the beginning of that */
};

/* Make `count` bytes available at buffer + from. 1: there; 0: the run is over; negative: error. */
static int reader_want(struct reader *r, size_t count)
{
    if (r->held - r->from >= count)
        return 1;
    memmove(r->buffer, r->buffer + r->from, r->held - r->from);
    r->held -= r->from;
    r->from = 0;
    if (count > r->room) {
        uint8_t *bigger = tca_grow(r->buffer, count, 1);
        if (!bigger)
            return TCA_EMEMORY;
        r->buffer = bigger;
        r->room = count;
    }
    while (r->held < count && r->at < r->to) {
        size_t ask = r->room - r->held;
        if ((int64_t)ask > r->to - r->at)
            ask = (size_t)(r->to - r->at);
        ssize_t got = pread(r->file, r->buffer + r->held, ask, r->at);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return TCA_EOUTPUT;
        r->held += (size_t)got;
        r->at += got;
    }
    return r->held >= count ? 1 : 0;
}

static void set_key(struct reader *r, const uint8_t *key)
{
    r->key = key;
    r->first = first_of(key);
}

/* The item on top of the run is whole in the buffer, or the run is over and its buffer is given back. */
static int reader_load(const struct tca_sorter *sorter, struct reader *r)
{
    int there = reader_want(r, head_size(sorter));
    if (there > 0)
        there = reader_want(r, item_space(sorter, r->buffer + r->from));
    if (there > 0) {
        set_key(r, r->buffer + r->from);
        return there;
    }
    tca_free(r->buffer);
    r->buffer = NULL;
    return there;
}

/* Its first item's turn has come. */
static int reader_open(const struct tca_sorter *sorter, struct reader *r)
{
    r->buffer = tca_alloc(r->room);
    return r->buffer ? reader_load(sorter, r) : TCA_EMEMORY;
}

static bool before(const struct tca_sorter *sorter, const struct reader *a, const struct reader *b)
{
    return a->first != b->first ? a->first < b->first : comes_before(sorter, a->key, b->key);
}

static void sift_down(const struct tca_sorter *sorter, struct reader **heap, size_t count, size_t at)
{
    for (;;) {
        size_t least = at, left = 2 * at + 1, right = left + 1;
        if (left < count && before(sorter, heap[left], heap[least]))
            least = left;
        if (right < count && before(sorter, heap[right], heap[least]))
            least = right;
        if (least == at)
            return;
        struct reader *swap = heap[at];
        heap[at] = heap[least];
        heap[least] = swap;
        at = least;
    }
}

/* ---- cursors ---- */

struct tca_cursor {
    const struct tca_sorter *sorter;
    struct tca_owners owners;   /* that are wanted; all zero: all are */
    uint8_t told[TCA_SORT_KEY]; /* name of the newest one, if items are replaceable */
    bool any;
    size_t at;             /* of what is in memory: so many were passed */
    struct reader *reader; /* owned: of each run, where there are some */
    struct reader **heap;  /* owned: those that are not over, by what is on top */
    size_t count;          /* of these */
    size_t readers;
    bool used; /* what is on top was told */
};

static size_t read_room(size_t runs)
{
    size_t room = READ_MEMORY / runs;
    return room < READ_LEAST ? READ_LEAST : room > READ_MOST ? READ_MOST : room;
}

static bool wants_all(const struct tca_cursor *c)
{
    return !c->owners.last;
}

static bool wants_run(const struct tca_cursor *c, const struct run *run)
{
    return wants_all(c) || (run->owners.first <= c->owners.last && run->owners.last >= c->owners.first);
}

static bool wants_item(const struct tca_cursor *c, const uint8_t *key)
{
    uint32_t owner = wants_all(c) ? 0 : owner_of(c->sorter, key);
    return wants_all(c) || (owner >= c->owners.first && owner <= c->owners.last);
}

static bool open_runs(struct tca_cursor *c)
{
    size_t runs = 0;
    for (size_t at = 0; at < c->sorter->run_count; at++)
        runs += wants_run(c, &c->sorter->run[at]);
    c->reader = tca_alloc(runs * sizeof *c->reader);
    c->heap = tca_alloc(runs * sizeof *c->heap);
    if (!c->reader || !c->heap)
        return false;
    for (size_t at = 0; at < c->sorter->run_count; at++) {
        const struct run *run = &c->sorter->run[at];
        struct reader *reader = &c->reader[c->count];
        if (!wants_run(c, run))
            continue;
        *reader = (struct reader){.file = run->file, .at = run->from, .to = run->to, .room = read_room(runs)};
        set_key(reader, run->head);
        c->heap[c->count++] = reader;
    }
    c->readers = c->count;
    for (size_t at = c->count; at-- > 0;)
        sift_down(c->sorter, c->heap, c->count, at);
    return true;
}

/* The next one of the run on top comes in place of what was told. 0 or an error. */
static int pass_top(struct tca_cursor *c)
{
    struct reader *top = c->heap[0];
    top->from += item_space(c->sorter, top->key);
    c->used = false;
    int there = reader_load(c->sorter, top);
    if (there < 0)
        return there;
    if (!there)
        c->heap[0] = c->heap[--c->count];
    sift_down(c->sorter, c->heap, c->count, 0);
    return TCA_OK;
}

/* The head of the next item of the runs: 1, or 0 at the end. */
static int next_of_runs(struct tca_cursor *c, const uint8_t **ret_head)
{
    int error = c->used ? pass_top(c) : TCA_OK;
    if (error || !c->count)
        return error;
    struct reader *top = c->heap[0];
    int there = top->buffer ? 1 : reader_open(c->sorter, top); /* no run is empty */
    c->used = there > 0;
    *ret_head = top->key;
    return there;
}

/* Items that are neighbours by key lie apart in memory: the next one is fetched while this one is used. */
static void fetch(const uint8_t *item, size_t size)
{
    enum { LINE = 64 };
    for (size_t at = 0; at < size; at += LINE)
        __builtin_prefetch(item + at);
}

static const uint8_t *head_at(const struct tca_sorter *sorter, size_t at)
{
    return at < sorter->count ? sorter->bytes + sorter->index[at].offset : NULL;
}

static int next_in_memory(struct tca_cursor *c, const uint8_t **ret_head)
{
    const uint8_t *head = head_at(c->sorter, c->at), *next = head_at(c->sorter, c->at + 1),
                  *far = head_at(c->sorter, c->at + 2);
    if (!head)
        return 0;
    c->at++;
    if (far)
        __builtin_prefetch(far + c->sorter->key);
    if (next)
        fetch(next + head_size(c->sorter), item_size(c->sorter, next));
    *ret_head = head;
    return 1;
}

/* All is in the file: until something is added no memory is needed. */
static void give_back(struct tca_sorter *sorter)
{
    tca_free(sorter->bytes);
    tca_free(sorter->index);
    tca_free(sorter->spare);
    sorter->bytes = NULL;
    sorter->index = sorter->spare = NULL;
    sorter->room = sorter->index_room = sorter->spare_room = 0;
}

/* Again it writes nothing, so that any thread may ask. */
int tca_sorter_settle(struct tca_sorter *sorter)
{
    if (!sorter->run_count)
        return sort_memory(sorter);
    int error = spill(sorter);
    if (!error && sorter->bytes)
        give_back(sorter);
    return error;
}

int tca_cursor_new(struct tca_sorter *sorter, struct tca_owners owners, struct tca_cursor **ret_cursor)
{
    int error = tca_sorter_settle(sorter);
    if (error)
        return error;
    struct tca_cursor *c = tca_alloc(sizeof *c);
    if (!c)
        return TCA_EMEMORY;
    c->sorter = sorter;
    c->owners = owners;
    if (sorter->run_count && !open_runs(c)) {
        tca_cursor_free(c);
        return TCA_EMEMORY;
    }
    *ret_cursor = c;
    return TCA_OK;
}

void tca_cursor_free(struct tca_cursor *c)
{
    if (!c)
        return;
    for (size_t at = 0; c->reader && at < c->readers; at++)
        tca_free(c->reader[at].buffer);
    tca_free(c->reader);
    tca_free(c->heap);
    tca_free(c);
}

static bool was_told(struct tca_cursor *c, const uint8_t *head)
{
    size_t named = c->sorter->named;
    if (c->any && named && !memcmp(c->told, head, named))
        return true;
    memcpy(c->told, head, named);
    c->any = true;
    return false;
}

int tca_cursor_next(struct tca_cursor *c, const void **ret_item, size_t *ret_size)
{
    const uint8_t *head = NULL;
    int got;
    do {
        got = c->sorter->run_count ? next_of_runs(c, &head) : next_in_memory(c, &head);
    } while (got > 0 && (!wants_item(c, head) || was_told(c, head)));
    if (got <= 0)
        return got;
    *ret_item = head + head_size(c->sorter);
    *ret_size = item_size(c->sorter, head);
    return 1;
}

const void *tca_cursor_ahead(const struct tca_cursor *c)
{
    size_t ahead = head_size(c->sorter);
    if (!c->sorter->run_count) {
        const uint8_t *head = head_at(c->sorter, c->at);
        return head ? head + ahead : NULL;
    }
    if (!c->count || !c->used)
        return NULL;
    const struct reader *top = c->heap[0]; /* what follows in its run comes next, as a rule */
    const uint8_t *next = top->key + item_space(c->sorter, top->key);
    size_t left = (size_t)(top->buffer + top->held - next);
    return left >= ahead && left >= item_space(c->sorter, next) ? next + ahead : NULL;
}

int tca_sorter_walk(struct tca_sorter *sorter, tca_sorter_fn *fn, void *user)
{
    struct tca_cursor *cursor;
    const void *item;
    size_t size;
    int code = tca_cursor_new(sorter, (struct tca_owners){0}, &cursor);
    if (code)
        return code;
    while ((code = tca_cursor_next(cursor, &item, &size)) > 0 && !(code = fn(user, item, size)))
        continue;
    tca_cursor_free(cursor);
    return code;
}
