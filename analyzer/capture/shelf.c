/* SPDX-License-Identifier: MIT
 *
 * One box for each input that something is wanted of. A box is opened when the first of its captures is asked for, goes
 * forward to what is asked for, and is closed behind the last one:
 *
 *      asked for: 4, 2          archive:   1     2      3     4
 *                                        skip  aside  skip  handed out as it comes
 *
 * While a member is being read its archive can be asked for another one: then the rest of it is set aside as well, under the
 * reader's hands. So nobody waits for anybody, and each archive is unpacked once.
 */
#include "capture/shelf.h"

#include "base/alloc.h"
#include "base/fail.h"
#include "capture/aside.h"
#include "capture/input.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum state {
    WAITING, /* ahead in its input */
    ASIDE,   /* its bytes are in a section */
    LOST,    /* it could not be had */
    TAKEN,   /* handed out, once for ever */
};

/* A file of the item. Of one that is named twice there are two. */
struct want {
    const struct tca_plan_file *file; /* borrowed */
    enum state state;
    int code;                   /* of what was lost */
    char *words;                /* owned: of that; or the section's */
    struct tca_section section; /* its words are those */
};

struct box {
    const char *path;   /* borrowed */
    struct want *first; /* borrowed: `count` of them, by number */
    size_t count;
    size_t left;             /* not asked for so far */
    uint64_t number;         /* of the capture that the input gave last */
    struct tca_input *input; /* owned; NULL: not opened, or closed */
    struct tca_stream *live; /* the reader's: what it was handed out last as it came; NULL: closed, or none */
};

struct tca_shelf {
    uint64_t max_expanded;
    const char *temp_dir;              /* borrowed */
    const volatile sig_atomic_t *stop; /* borrowed */
    struct want *want;                 /* owned: by path and number */
    size_t wants;
    struct box *box; /* owned: by path */
    size_t boxes;
    struct tca_aside aside;
};

/* ---- the item, in order ---- */

static int compare_wants(const void *left, const void *right)
{
    const struct tca_plan_file *one = ((const struct want *)left)->file;
    const struct tca_plan_file *other = ((const struct want *)right)->file;
    int order = strcmp(one->path, other->path);
    return order ? order : (one->number > other->number) - (one->number < other->number);
}

static void list_wants(struct tca_shelf *shelf, const struct tca_plan_item *item)
{
    for (size_t unit = 0; unit < item->units; unit++)
        for (size_t file = 0; file < item->unit[unit].files; file++)
            shelf->want[shelf->wants++].file = &item->unit[unit].file[file];
    qsort(shelf->want, shelf->wants, sizeof *shelf->want, compare_wants);
}

static void list_boxes(struct tca_shelf *shelf)
{
    struct box *box = NULL;
    for (size_t at = 0; at < shelf->wants; at++) {
        struct want *want = &shelf->want[at];
        if (!box || strcmp(box->path, want->file->path)) {
            box = &shelf->box[shelf->boxes++];
            *box = (struct box){.path = want->file->path, .first = want};
        }
        box->count++;
        box->left++;
    }
}

int tca_shelf_new(const struct tca_plan_item *item, uint64_t max_expanded, const char *temp_dir,
                  const volatile sig_atomic_t *stop, struct tca_shelf **ret)
{
    struct tca_shelf *shelf = tca_alloc(sizeof *shelf);
    size_t files = 0;
    if (!shelf)
        return TCA_EMEMORY;
    for (size_t unit = 0; unit < item->units; unit++)
        files += item->unit[unit].files;
    shelf->max_expanded = max_expanded;
    shelf->stop = stop;
    tca_aside_init(&shelf->aside, temp_dir);
    shelf->want = tca_alloc(files * sizeof *shelf->want);
    shelf->box = tca_alloc(files * sizeof *shelf->box);
    if (!shelf->want || !shelf->box) {
        tca_shelf_free(shelf);
        return TCA_EMEMORY;
    }
    list_wants(shelf, item);
    list_boxes(shelf);
    *ret = shelf;
    return TCA_OK;
}

void tca_shelf_free(struct tca_shelf *shelf)
{
    if (!shelf)
        return;
    for (size_t at = 0; at < shelf->boxes; at++)
        tca_input_close(shelf->box[at].input);
    for (size_t at = 0; at < shelf->wants; at++)
        tca_free(shelf->want[at].words);
    tca_aside_done(&shelf->aside);
    tca_free(shelf->want);
    tca_free(shelf->box);
    tca_free(shelf);
}

/* ---- finding ---- */

static int compare_box(const void *path, const void *box)
{
    return strcmp(path, ((const struct box *)box)->path);
}

/* The first of these numbers or behind them. */
static struct want *find_number(const struct box *box, uint64_t number)
{
    size_t from = 0, to = box->count;
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (box->first[middle].file->number < number)
            from = middle + 1;
        else
            to = middle;
    }
    return &box->first[from];
}

static bool is_number(const struct box *box, const struct want *want, uint64_t number)
{
    return want < box->first + box->count && want->file->number == number;
}

/* NULL: it is not wanted, or was taken. */
static struct want *find_want(const struct box *box, uint64_t number)
{
    struct want *want = find_number(box, number);
    while (is_number(box, want, number) && want->state == TAKEN)
        want++;
    return is_number(box, want, number) ? want : NULL;
}

/* ---- going forward ---- */

static int set_lost(struct want *want, int code, const char *words)
{
    want->words = tca_strdup(words);
    want->state = LOST;
    want->code = code;
    return want->words ? TCA_OK : TCA_EMEMORY;
}

/* All that is wanted from this number on, or no more than that one, will not come. */
static int lose(struct box *box, uint64_t number, bool all, const struct tca_error *why)
{
    int code = TCA_OK;
    for (struct want *want = find_number(box, number);
         !code && want < box->first + box->count && (all || want->file->number == number); want++)
        code = set_lost(want, why->code, why->text);
    return code;
}

/* Of one that is wanted twice both read the same section. */
static int set_aside(struct tca_shelf *shelf, struct box *box, struct tca_stream *stream,
                     struct tca_error *err)
{
    struct tca_section section;
    int code = tca_aside_put(&shelf->aside, stream, &section, err);
    if (code)
        return code;
    for (struct want *want = find_number(box, box->number); !code && is_number(box, want, box->number);
         want++) {
        want->section = section;
        want->section.words = want->words = section.words ? tca_strdup(section.words) : NULL;
        want->state = ASIDE;
        if (section.words && !want->words)
            code = tca_fail_memory(err);
    }
    tca_free(section.words);
    return code;
}

/* What the input gave as `number`: *ret_stream where it is what was asked for, and goes to nobody else. */
static int take_stream(struct tca_shelf *shelf, struct box *box, struct want *asked,
                       struct tca_stream *stream, struct tca_stream **ret_stream, struct tca_error *err)
{
    struct want *want = find_number(box, box->number);
    bool again = is_number(box, want, box->number) && is_number(box, want + 1, box->number);
    int code = TCA_OK;
    if (want == asked && !again && asked->file->number == box->number) {
        *ret_stream = stream;
        return TCA_OK;
    }
    if (is_number(box, want, box->number))
        code = set_aside(shelf, box, stream, err);
    tca_stream_close(stream);
    return code;
}

/* Who reads what the input gave last goes on with a copy, and is nothing to the input any more. */
static int free_input(struct tca_shelf *shelf, struct box *box, struct tca_error *err)
{
    if (!box->live)
        return TCA_OK;
    int code = box->live->unpack ? tca_aside_rest(&shelf->aside, box->live, err) : TCA_OK;
    box->live->closed = NULL;
    box->live = NULL;
    return code;
}

/* One capture on. */
static int go_on(struct tca_shelf *shelf, struct box *box, struct want *asked, struct tca_stream **ret_stream,
                 struct tca_error *err)
{
    static const struct tca_error gone = {.code = TCA_EINPUT, .text = "is no longer there"};
    struct tca_stream *stream;
    struct tca_error why = {.offset = -1};
    const char *name;
    int code = TCA_OK;
    if (!box->input) {
        code = tca_input_open(box->path, shelf->max_expanded, shelf->stop, &box->input, &why);
        if (code)
            return lose(box, 1, true, &why);
    }
    code = free_input(shelf, box, err);
    if (code)
        return code;
    int got = tca_input_next_stream(box->input, &stream, &name, &why);
    box->number++;
    if (got > 0)
        return take_stream(shelf, box, asked, stream, ret_stream, err);
    return lose(box, box->number, !got, got ? &why : &gone);
}

/* ---- handing out ---- */

static void close_input(struct box *box)
{
    if (box->left || box->live)
        return;
    tca_input_close(box->input);
    box->input = NULL;
}

/* The reader is done with it. */
static void note_closed(void *user)
{
    struct box *box = user;
    box->live = NULL;
    close_input(box);
}

/* Straight from its input. */
static void set_live(struct box *box, struct tca_stream *stream)
{
    box->live = stream;
    stream->closed = note_closed;
    stream->closed_user = box;
}

/* The bytes of what is wanted: as they come, or those that were set aside. */
static int find_stream(struct tca_shelf *shelf, struct box *box, struct want *want, struct tca_stream **ret,
                       struct tca_error *err)
{
    struct tca_stream *stream = NULL;
    int code = TCA_OK;
    while (!code && !stream && want->state == WAITING)
        code = go_on(shelf, box, want, &stream, err);
    if (stream)
        set_live(box, stream);
    else if (!code && want->state == LOST)
        code = tca_fail(err, want->code, "%s", want->words);
    else if (!code)
        code = tca_stream_of_section(&want->section, &stream, err);
    want->state = TAKEN;
    box->left--;
    close_input(box);
    if (code)
        return code;
    *ret = stream;
    return TCA_OK;
}

int tca_shelf_open(struct tca_shelf *shelf, const struct tca_plan_file *file,
                   const struct tca_source_settings *set, struct tca_source **ret, struct tca_error *error)
{
    assert(file->number);
    struct box *box = bsearch(file->path, shelf->box, shelf->boxes, sizeof *shelf->box, compare_box);
    struct want *want = box ? find_want(box, file->number) : NULL;
    struct tca_stream *stream;
    if (!want)
        return tca_fail(error, TCA_EUSAGE, "is not of this item, or was read before");
    int code = find_stream(shelf, box, want, &stream, error);
    return code ? code : tca_source_take(stream, set, ret, error);
}
