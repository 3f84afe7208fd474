/* SPDX-License-Identifier: MIT
 *
 * Three batches change places: of one the items are copied from the sorter, by whichever thread takes that task, while the next
 * one is worked on, and what was left of the third is done. Their memory is used again, so a walk takes some the first time only.
 */
#include "engine/batches.h"

#include "base/alloc.h"
#include "base/buf.h"

#include <string.h>
#include <tcpautopsy/error.h>

/* Items one behind the other, each aligned. */
struct batch {
    struct tca_buf bytes;
    size_t *at;        /* owned: where each is there */
    const void **item; /* owned: the same, once all are there */
    unsigned count;
};

enum { BATCHES = 3 };

struct walk {
    const struct tca_batches *set;
    struct tca_cursor *cursor; /* owned */
    struct batch batch[BATCHES];
    unsigned now;     /* the one that is worked on; the next is filled, the one before was told */
    unsigned behinds; /* tasks of the one before */
    int filled;       /* what filling returned */
    int behind_error[TCA_BEHIND_MAX]; /* what they returned */
};

static size_t aligned(size_t size)
{
    return (size + 7) / 8 * 8;
}

static int add_item(struct batch *batch, const void *item, size_t size)
{
    char *room = tca_buf_room(&batch->bytes, aligned(size));
    if (!room)
        return TCA_EMEMORY;
    memcpy(room, item, size);
    batch->at[batch->count++] = batch->bytes.used;
    batch->bytes.used += aligned(size);
    return TCA_OK;
}

/* As many of the next items as there is room for. */
static int fill(struct walk *w, struct batch *batch)
{
    const void *item;
    size_t size;
    int got = 1;
    batch->count = 0;
    tca_buf_reset(&batch->bytes);
    while (batch->count < w->set->room && (got = tca_cursor_next(w->cursor, &item, &size)) > 0) {
        int error = add_item(batch, item, size);
        if (error)
            return error;
    }
    for (unsigned at = 0; at < batch->count; at++)
        batch->item[at] = batch->bytes.bytes + batch->at[at];
    return got < 0 ? got : TCA_OK;
}

static void do_part(const struct walk *w, unsigned part)
{
    const struct batch *batch = &w->batch[w->now];
    unsigned parts = w->set->parts;
    unsigned from = batch->count * part / parts, to = batch->count * (part + 1) / parts;
    w->set->work(w->set->user, batch->item, from, to, part);
}

/* Task 0 fills, the next ones are what is behind, the rest are parts: the longest first. */
static void do_task(void *user, unsigned task)
{
    struct walk *w = user;
    if (!task)
        w->filled = fill(w, &w->batch[(w->now + 1) % BATCHES]);
    else if (task <= w->behinds)
        w->behind_error[task - 1] = w->set->behind(w->set->user, task - 1);
    else
        do_part(w, task - 1 - w->behinds);
}

/* The first error of what was behind, in the order of its tasks. */
static int behind_error(const struct walk *w)
{
    for (unsigned at = 0; at < w->behinds; at++)
        if (w->behind_error[at])
            return w->behind_error[at];
    return TCA_OK;
}

static int take_turn(struct walk *w)
{
    const struct tca_batches *set = w->set;
    tca_crew_run(set->crew, do_task, w, 1 + w->behinds + set->parts);
    int error = behind_error(w);
    if (!error)
        error = set->then(set->user, w->batch[w->now].count);
    w->behinds = set->behind ? set->behinds : 0;
    w->now = (w->now + 1) % BATCHES;
    return error ? error : w->filled;
}

static void do_behind(void *user, unsigned task)
{
    struct walk *w = user;
    w->behind_error[task] = w->set->behind(w->set->user, task);
}

/* Of the last batch; with one thread, of each. */
static int finish(struct walk *w)
{
    tca_crew_run(w->set->crew, do_behind, w, w->behinds);
    return behind_error(w);
}

static int walk_batches(struct walk *w)
{
    int error = TCA_OK;
    for (unsigned at = 0; at < BATCHES && !error; at++) {
        w->batch[at].at = tca_grow(NULL, w->set->room, sizeof *w->batch[at].at);
        w->batch[at].item = tca_grow(NULL, w->set->room, sizeof *w->batch[at].item);
        error = w->batch[at].at && w->batch[at].item ? TCA_OK : TCA_EMEMORY;
    }
    if (!error)
        error = fill(w, &w->batch[0]);
    while (!error && w->batch[w->now].count)
        error = take_turn(w);
    if (!error)
        error = finish(w);
    for (unsigned at = 0; at < BATCHES; at++) {
        tca_buf_done(&w->batch[at].bytes);
        tca_free(w->batch[at].at);
        tca_free(w->batch[at].item);
    }
    return error;
}

static int walk_each(struct walk *w)
{
    const struct tca_batches *set = w->set;
    const void *item, *next;
    size_t size;
    int got;
    w->behinds = set->behind ? set->behinds : 0;
    while ((got = tca_cursor_next(w->cursor, &item, &size)) > 0) {
        next = set->ahead ? tca_cursor_ahead(w->cursor) : NULL;
        if (next)
            set->ahead(set->user, next, false);
        set->work(set->user, &item, 0, 1, 0);
        if (next)
            set->ahead(set->user, next, true);
        int stop = set->then(set->user, 1);
        if (!stop)
            stop = finish(w);
        if (stop)
            return stop;
    }
    return got;
}

int tca_batches_walk(const struct tca_batches *set)
{
    struct walk w = {.set = set};
    int error = tca_cursor_new(set->sorter, set->owners, &w.cursor);
    if (!error)
        error = tca_crew_size(set->crew) > 1 ? walk_batches(&w) : walk_each(&w);
    tca_cursor_free(w.cursor);
    return error;
}
