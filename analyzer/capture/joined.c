/* SPDX-License-Identifier: MIT
 *
 * A heap of the files that are open, the one with the earliest record first. Usually it holds one, and what its source delivers
 * goes through as it is. Where files overlap, as much is handed on at once as comes before any other file's next record, or
 * before the time at which the next file is to be opened:
 *
 *      file 1:  |== == == == ==|
 *      file 2:              |== == == ==|          is opened when file 1's next record is not before its first
 *      handed on:  1 1 1 1 2 1 2 2 2
 *
 * The plan's times say no more than when to open: what comes is ordered by the records' own times, and a file that changed
 * since it was planned is read all the same. The records of one file are never put in another order.
 */
#include "capture/joined.h"

#include "base/alloc.h"
#include "base/fail.h"
#include "base/stop.h"

#include <stdio.h>

enum { OPEN_MAX = 256 }; /* each takes a descriptor and some 300 KB */

struct open_file {
    struct tca_source *source; /* owned */
    size_t file;
    const struct tca_record *record; /* those at hand */
    size_t at, count;                /* of these the next one; never equal in the heap */
    uint64_t ahead;                  /* their frames are larger by this than their numbers in the file */
    bool late;                       /* it waited until another one was closed */
};

struct tca_joined {
    struct tca_shelf *shelf;          /* borrowed */
    const struct tca_plan_unit *unit; /* borrowed */
    struct tca_source_settings set;
    tca_joined_ended_fn *ended;
    void *user;
    size_t next;                     /* file to be opened */
    bool crowded;                    /* it would have been, but for OPEN_MAX */
    struct open_file heap[OPEN_MAX]; /* the first one's record is next */
    size_t open;
    size_t run;     /* records of the first one that were handed on last */
    uint64_t given; /* records handed on in all */
    uint64_t chosen;
    bool over; /* nothing more is wanted */
};

/* ---- the heap ---- */

/* When a record comes: by its time, of equal times by its file. */
struct turn {
    int64_t time_ns;
    size_t file;
};

static inline bool turn_before(struct turn one, struct turn other)
{
    return one.time_ns < other.time_ns || (one.time_ns == other.time_ns && one.file < other.file);
}

static struct turn turn_of(const struct open_file *file)
{
    return (struct turn){file->record[file->at].time_ns, file->file};
}

static void swap(struct open_file *one, struct open_file *other)
{
    struct open_file kept = *one;
    *one = *other;
    *other = kept;
}

static bool heap_before(const struct tca_joined *joined, size_t one, size_t other)
{
    return turn_before(turn_of(&joined->heap[one]), turn_of(&joined->heap[other]));
}

static void heap_rise(struct tca_joined *joined, size_t at)
{
    for (; at && heap_before(joined, at, (at - 1) / 2); at = (at - 1) / 2)
        swap(&joined->heap[at], &joined->heap[(at - 1) / 2]);
}

static void heap_sink(struct tca_joined *joined)
{
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= joined->open)
            return;
        if (child + 1 < joined->open && heap_before(joined, child + 1, child))
            child++;
        if (!heap_before(joined, child, at))
            return;
        swap(&joined->heap[child], &joined->heap[at]);
        at = child;
    }
}

/* ---- the ends of files ---- */

static void tell(struct tca_joined *joined, size_t file, int code, const struct tca_source_facts *facts,
                 const struct tca_error *error)
{
    joined->ended(joined->user, file, code, facts, error);
}

static void end_file(struct tca_joined *joined, struct open_file *file, int code)
{
    struct tca_error none = {.offset = -1};
    char words[200];
    snprintf(words, sizeof words,
             "more than %d files overlap: this one was opened late, its first packets may be out of order",
             (int)OPEN_MAX);
    if (file->late)
        tca_source_note(file->source, words);
    tell(joined, file->file, code, tca_source_facts(file->source), &none);
    tca_source_close(file->source);
    file->source = NULL;
}

/* Of those that are open, whatever their records. */
static struct open_file *find_earliest(struct tca_joined *joined)
{
    struct open_file *earliest = joined->heap;
    for (size_t at = 1; at < joined->open; at++)
        if (joined->heap[at].file < earliest->file)
            earliest = &joined->heap[at];
    return earliest;
}

/* Whoever waits is told that nothing is wanted. */
static void end_all(struct tca_joined *joined)
{
    static const struct tca_error none = {.offset = -1};
    joined->over = true;
    while (joined->open) {
        struct open_file *file = find_earliest(joined);
        tca_source_leave(file->source, file->count - file->at);
        end_file(joined, file, TCA_OK);
        *file = joined->heap[--joined->open];
    }
    while (joined->next < joined->unit->files)
        tell(joined, joined->next++, TCA_OK, NULL, &none);
}

/* ---- going on ---- */

static bool is_stopped(const struct tca_joined *joined)
{
    return tca_is_stopped(joined->set.stop);
}

/* More records at hand: 1, or 0 where the file has ended and is closed. */
static int refill(struct tca_joined *joined, struct open_file *file)
{
    file->ahead = joined->given - tca_source_facts(file->source)->packets;
    tca_source_set_ahead(file->source, file->ahead);
    int got = tca_source_next(file->source, &file->record);
    file->at = 0;
    file->count = got > 0 ? (size_t)got : 0;
    if (got > 0)
        return 1;
    end_file(joined, file, got);
    return got == TCA_EMEMORY ? got : 0;
}

/* The first file of the heap is through with what was handed on. */
static int finish_run(struct tca_joined *joined)
{
    struct open_file *first = &joined->heap[0];
    int got = 1;
    if (!joined->run)
        return TCA_OK;
    first->at += joined->run;
    joined->run = 0;
    if (first->at == first->count)
        got = refill(joined, first);
    if (!first->source)
        *first = joined->heap[--joined->open];
    heap_sink(joined);
    return got < 0 ? got : TCA_OK;
}

static bool is_fault(int code)
{
    return code == TCA_EINPUT || code == TCA_EUNSUPPORTED || code == TCA_EUSAGE;
}

/* What cannot be opened is told, and no reason not to go on; unless the opening was interrupted. */
static int open_next(struct tca_joined *joined)
{
    struct open_file *file = &joined->heap[joined->open];
    struct tca_error error = {.offset = -1};
    struct tca_source_settings set = joined->set;
    size_t at = joined->next;
    *file = (struct open_file){.file = at, .late = joined->crowded};
    if (set.max_records)
        set.max_records -= joined->chosen;
    int code = tca_shelf_open(joined->shelf, &joined->unit->file[at], &set, &file->source, &error);
    if (code && is_stopped(joined))
        return TCA_OK;
    joined->next++;
    joined->crowded = false;
    if (code) {
        tell(joined, at, code, NULL, &error);
        return is_fault(code) ? TCA_OK : code;
    }
    int got = refill(joined, file);
    if (got > 0)
        heap_rise(joined, joined->open++);
    return got < 0 ? got : TCA_OK;
}

/* When the next file is to be opened. */
static struct turn turn_of_next(const struct tca_joined *joined)
{
    return (struct turn){joined->unit->file[joined->next].first_ns, joined->next};
}

static bool next_is_due(struct tca_joined *joined)
{
    if (joined->next == joined->unit->files)
        return false;
    bool due = !joined->open || turn_before(turn_of_next(joined), turn_of(&joined->heap[0]));
    joined->crowded |= due && joined->open == OPEN_MAX;
    return due && joined->open < OPEN_MAX;
}

/* ---- handing on ---- */

/* Up to here the first file's records come before all others'. */
static struct turn find_limit(const struct tca_joined *joined)
{
    struct turn limit = {INT64_MAX, SIZE_MAX};
    for (size_t child = 1; child < joined->open && child <= 2; child++)
        if (turn_before(turn_of(&joined->heap[child]), limit))
            limit = turn_of(&joined->heap[child]);
    if (joined->next < joined->unit->files && joined->open < OPEN_MAX &&
        turn_before(turn_of_next(joined), limit))
        limit = turn_of_next(joined);
    return limit;
}

static size_t count_before(const struct open_file *file, struct turn limit)
{
    size_t at = file->at;
    while (at < file->count && turn_before((struct turn){file->record[at].time_ns, file->file}, limit))
        at++;
    return at - file->at;
}

/* No more than may be chosen. */
static size_t count_wanted(struct tca_joined *joined, const struct open_file *file, size_t count)
{
    size_t at = 0;
    for (; at < count && joined->chosen < joined->set.max_records; at++)
        joined->chosen += !file->record[file->at + at].left_out;
    return at;
}

static void hand_on(struct tca_joined *joined, struct tca_joined_batch *ret)
{
    struct open_file *file = &joined->heap[0];
    size_t count = count_before(file, find_limit(joined));
    uint64_t number = file->record[file->at].frame - file->ahead, frame = joined->given + 1;
    if (joined->set.max_records)
        count = count_wanted(joined, file, count);
    if (frame - number != file->ahead)
        tca_source_renumber(file->source, file->at, count, frame);
    *ret = (struct tca_joined_batch){
        .record = file->record + file->at, .count = count, .file = file->file, .ahead = frame - number};
    joined->run = count;
    joined->given += count;
}

int tca_joined_next(struct tca_joined *joined, struct tca_joined_batch *ret)
{
    int code = finish_run(joined);
    bool enough = joined->set.max_records && joined->chosen >= joined->set.max_records;
    while (!code && !enough && !is_stopped(joined) && next_is_due(joined))
        code = open_next(joined);
    if (code)
        return code;
    if (!joined->over && (enough || is_stopped(joined) || !joined->open))
        end_all(joined);
    if (joined->over)
        return 0;
    hand_on(joined, ret);
    return 1;
}

/* ---- life ---- */

int tca_joined_open(struct tca_shelf *shelf, const struct tca_plan_unit *unit,
                    const struct tca_source_settings *set, tca_joined_ended_fn *ended, void *user,
                    struct tca_joined **ret)
{
    struct tca_joined *joined = tca_alloc(sizeof *joined);
    if (!joined)
        return TCA_EMEMORY;
    joined->shelf = shelf;
    joined->unit = unit;
    joined->set = *set;
    joined->ended = ended;
    joined->user = user;
    *ret = joined;
    return TCA_OK;
}

void tca_joined_close(struct tca_joined *joined)
{
    if (!joined)
        return;
    for (size_t at = 0; at < joined->open; at++)
        tca_source_close(joined->heap[at].source);
    tca_free(joined);
}
