/* SPDX-License-Identifier: MIT
 *
 * Parts into a session: what pass 1 left of captures elsewhere goes where it would have gone here, item by item, so that no more
 * memory is needed than for reading them. All numbers of captures are moved behind those that the session has.
 *
 *      part 1/2: captures, models, dossiers, pieces, hints, mended frames --> the session's captures, sorters, lists
 *      part 2/2: captures --> are the same? what is counted by connection is added
 *                the rest --> likewise
 *
 * A part may come from anybody. Its checksums say that it is what somebody wrote; that every number in it that is used as a place, a
 * count or a kind is one, is asked here and in sound.c. It can still tell of connections that never were.
 */
#include "engine/part.h"

#include "base/alloc.h"
#include "base/seed.h"
#include "base/time_limit.h"
#include "engine/lone.h"
#include "engine/partfile.h"
#include "engine/reading.h"
#include "engine/sound.h"
#include "engine/spool.h"
#include "flow/partition.h"

#include <stdlib.h>

/* Shares of the same captures. */
enum { SHARES_MAX = TCA_PARTITIONS };

struct part {
    const char *path; /* borrowed */
    struct tca_partfile_reader *file;
    struct tca_part_about about;
    uint64_t settings;
    struct tca_lone_loaded models;
    uint64_t read;            /* captures, so far */
    uint64_t files, of_files; /* of series, so many are said to come; and came */
};

/* Dossiers that wait until there are enough for all threads, each of which takes in its share: a list of the spool for each. */
enum { AT_ONCE = 128 }; /* some hundred kilobytes */
struct waiting {
    struct tca_buf bytes; /* of all, each aligned */
    struct dossier {
        size_t at, size;
        int error;
    } one[AT_ONCE];
    unsigned count;
};

struct loading {
    struct tca_session *s;
    struct part *now;
    uint32_t before;         /* captures that the session had */
    bool first;              /* the part that brings the captures; others add to them */
    struct waiting *waiting; /* owned; NULL: there is one thread, and none waits */
};

/* ---- about ---- */

static int read_head(const struct tca_part_item *item, struct part *part)
{
    struct tca_part_about *about = &part->about;
    struct tca_part_head head;
    if (item->kind != TCA_PART_ABOUT || item->size < sizeof head ||
        item->size > sizeof head + TCA_PART_LABEL_MAX)
        return TCA_EINPUT;
    memcpy(&head, item->bytes, sizeof head);
    if (!head.share || head.share > head.shares || head.shares > SHARES_MAX || head.captures > UINT32_MAX)
        return TCA_EINPUT;
    *about = (struct tca_part_about){.share = head.share,
                                     .shares = head.shares,
                                     .captures = head.captures,
                                     .packets = head.packets,
                                     .flows = head.flows,
                                     .interrupted = head.interrupted != 0};
    memcpy(about->label, (const char *)item->bytes + sizeof head, item->size - sizeof head);
    part->settings = head.settings;
    return TCA_OK;
}

static int open_part(const char *path, struct part *part, struct tca_error *error)
{
    struct tca_part_item item;
    part->path = path;
    int code = tca_partfile_open(path, tca_part_form(), &part->file, error);
    if (code)
        return code;
    int got = tca_partfile_next(part->file, &item, error);
    if (got < 0)
        return got;
    return !got || read_head(&item, part) ? tca_partfile_unsound(error) : TCA_OK;
}

int tca_part_read_about(const char *path, struct tca_part_about *ret, struct tca_error *error)
{
    struct part *part = tca_alloc(sizeof *part);
    if (!part)
        return tca_words(error, TCA_EMEMORY);
    int code = open_part(path, part, error);
    if (!code)
        *ret = part->about;
    tca_partfile_close(part->file);
    tca_free(part);
    return code;
}

int tca_part_check(const char *path, struct tca_error *error)
{
    struct part *part = tca_alloc(sizeof *part);
    struct tca_part_item item;
    if (!part)
        return tca_words(error, TCA_EMEMORY);
    int code = open_part(path, part, error);
    while (!code && (code = tca_partfile_next(part->file, &item, error)) > 0)
        code = TCA_OK;
    tca_partfile_close(part->file);
    tca_free(part);
    return code;
}

/* ---- items ---- */

/* No more than the part has room for, before memory is taken for them. */
static int expect_files(struct part *part, uint32_t files)
{
    part->files += files;
    return part->files <= tca_partfile_size(part->file) / tca_part_file_least() ? TCA_OK : TCA_EINPUT;
}

static int load_capture(struct loading *l, const struct tca_part_item *item)
{
    struct tca_session *s = l->s;
    size_t at = l->before + (size_t)l->now->read++;
    if (!l->first)
        return at < s->capture_count ? tca_part_join_capture(item->bytes, item->size, s->capture[at])
                                     : TCA_EINPUT;
    if (s->capture_count >= UINT32_MAX)
        return TCA_EINPUT;
    uint32_t files = 0;
    int error = tca_capture_add(s, "");
    if (!error)
        error = tca_part_read_capture(item->bytes, item->size, s->capture[at], &files);
    if (!error)
        error = expect_files(l->now, files);
    if (!error)
        error = tca_spots_add(&s->spots, files ? files : 1);
    if (!error && files)
        error = tca_series_begin(s->capture[at], files, tca_spot_of(&s->spots, (uint32_t)at + 1, 0).ordinal);
    return error;
}

/* The capture of which a number in the part tells; NULL: it has none such. */
static struct capture *capture_of(const struct loading *l, uint64_t number)
{
    return number && number <= l->now->read ? l->s->capture[l->before + number - 1] : NULL;
}

static int load_file(struct loading *l, const struct tca_part_item *item)
{
    struct tca_part_file head;
    if (item->size < sizeof head)
        return TCA_EINPUT;
    memcpy(&head, item->bytes, sizeof head);
    struct capture *c = capture_of(l, head.capture);
    if (!c || head.at >= c->files)
        return TCA_EINPUT;
    const uint8_t *bytes = (const uint8_t *)item->bytes + sizeof head;
    l->now->of_files++;
    return (l->first ? tca_part_read_file : tca_part_join_file)(bytes, item->size - sizeof head, c,
                                                                (uint32_t)head.at);
}

/* One behind the other, each of a file of this capture. */
static bool is_sound_run(const struct tca_spotted *spotted, const struct tca_spot_run *run)
{
    const struct tca_spot_run *before = spotted->runs ? &spotted->run[spotted->runs - 1] : NULL;
    return run->file < spotted->files && run->first > run->ahead && (!before || run->first > before->first);
}

/* Of other shares they are the same, since these have read the same files. */
static int load_runs(struct loading *l, const struct tca_part_item *item)
{
    struct tca_part_of head;
    struct tca_spot_run run;
    if (item->size < sizeof head || (item->size - sizeof head) % sizeof run)
        return TCA_EINPUT;
    memcpy(&head, item->bytes, sizeof head);
    const struct capture *c = capture_of(l, head.capture);
    if (!c || !c->files)
        return TCA_EINPUT;
    struct tca_spotted *spotted = &l->s->spots.capture[c->facts.ordinal - 1];
    const uint8_t *at = (const uint8_t *)item->bytes + sizeof head,
                  *end = (const uint8_t *)item->bytes + item->size;
    int error = TCA_OK;
    for (; l->first && at < end && !error; at += sizeof run) {
        memcpy(&run, at, sizeof run);
        error = is_sound_run(spotted, &run) ? tca_spotted_run(spotted, &run) : TCA_EINPUT;
    }
    return error;
}

static int load_gap(struct loading *l, const struct tca_part_item *item)
{
    struct tca_part_of head;
    struct gap gap;
    if (item->size != sizeof head + sizeof gap)
        return TCA_EINPUT;
    memcpy(&head, item->bytes, sizeof head);
    memcpy(&gap, (const uint8_t *)item->bytes + sizeof head, sizeof gap);
    struct capture *c = capture_of(l, head.capture);
    uint8_t unreadable = ((const uint8_t *)item->bytes)[sizeof head + offsetof(struct gap, unreadable)];
    bool sound = c && unreadable <= 1 && gap.file < c->files && gap.frame > 1 && gap.to_ns > gap.from_ns &&
                 gap.from_ns >= 0 && gap.to_ns <= TCA_TIME_LAST_NS && !gap.flows &&
                 (!l->first || !c->gaps || c->gap[c->gaps - 1].frame < gap.frame);
    if (!sound)
        return TCA_EINPUT;
    return l->first ? tca_series_keep_gap(c, &gap) : TCA_OK;
}

static int load_model(struct loading *l, const struct tca_part_item *item)
{
    return tca_lone_load_model(l->s, &l->now->models, item->bytes, item->size);
}

static bool look_through(const void *bytes, struct tca_spool_row *ret_row)
{
    struct tca_dossier d;
    tca_spool_decode(bytes, &d, &d.mark);
    *ret_row = (struct tca_spool_row){.start_ns = d.m.start_ns, .frame = d.m.first_frame};
    return tca_sound_dossier(&d) && tca_sound_marks(d.mark, d.mark_count);
}

static int take_in(struct tca_session *s, unsigned list, const void *bytes, size_t size)
{
    struct tca_spool_row row;
    return look_through(bytes, &row) ? tca_spool_load(s, list, &row, bytes, size) : TCA_EINPUT;
}

/* On any thread. */
static void take_in_some(void *user, unsigned task)
{
    const struct loading *l = user;
    struct waiting *w = l->waiting;
    unsigned tasks = tca_crew_size(l->s->crew);
    int error = TCA_OK;
    for (unsigned at = w->count * task / tasks; at < w->count * (task + 1) / tasks && !error; at++)
        error = w->one[at].error = take_in(l->s, task, w->bytes.bytes + w->one[at].at, w->one[at].size);
}

/* None waits any more. */
static int load_waiting(struct loading *l)
{
    struct waiting *w = l->waiting;
    int error = TCA_OK;
    if (!w || !w->count)
        return TCA_OK;
    tca_crew_run(l->s->crew, take_in_some, l, tca_crew_size(l->s->crew));
    for (unsigned at = 0; at < w->count && !error; at++)
        error = w->one[at].error;
    w->count = 0;
    tca_buf_reset(&w->bytes);
    return error;
}

static int let_wait(struct loading *l, const void *bytes, size_t size)
{
    struct waiting *w = l->waiting;
    char *room = tca_buf_room(&w->bytes, size + 8);
    if (!room)
        return TCA_EMEMORY;
    memcpy(room, bytes, size);
    w->one[w->count++] = (struct dossier){.at = w->bytes.used, .size = size};
    w->bytes.used += (size + 7) / 8 * 8;
    return w->count < AT_ONCE ? TCA_OK : load_waiting(l);
}

static int load_whole(struct loading *l, const void *bytes, size_t size)
{
    return l->waiting ? let_wait(l, bytes, size) : take_in(l->s, 0, bytes, size);
}

static int load_dossier(struct loading *l, const struct tca_part_item *item)
{
    struct tca_spool_head *head = (void *)item->bytes; /* of the reader's block, which is ours to change */
    if (item->size < sizeof *head || tca_spool_measure(item->bytes, item->size) != item->size ||
        !head->capture || head->capture > l->now->read)
        return TCA_EINPUT;
    head->capture += l->before;
    return head->areas ? load_whole(l, item->bytes, item->size)
                       : tca_lone_load(l->s, &l->now->models, item->bytes, item->size);
}

static int load_piece(struct loading *l, const struct tca_part_item *item)
{
    return tca_streams_load(l->s->streams, l->before, (uint32_t)l->now->read, item->bytes, item->size);
}

static int load_hints(struct loading *l, const struct tca_part_item *item)
{
    struct tca_part_of head;
    if (item->size < sizeof head || item->size % sizeof(uint64_t))
        return TCA_EINPUT;
    memcpy(&head, item->bytes, sizeof head);
    const uint64_t *list = (const uint64_t *)item->bytes + sizeof head / sizeof *list;
    size_t count = (item->size - sizeof head) / sizeof *list;
    if (!head.capture || head.capture > l->now->read)
        return TCA_EINPUT;
    uint32_t capture = l->before + (uint32_t)head.capture;
    int error = TCA_OK;
    for (size_t at = 0; at < count && !error; at++)
        error = tca_nat_hints_add(&l->s->nat_hints, tca_nat_hint_of(list[at], 0, capture));
    return error;
}

static int load_moved(struct loading *l, const struct tca_part_item *item)
{
    struct tca_moved_one one;
    if (item->size != sizeof one)
        return TCA_EINPUT;
    memcpy(&one, item->bytes, sizeof one);
    if (!one.capture || one.capture > l->now->read)
        return TCA_EINPUT;
    one.capture += l->before;
    if (l->s->moved.count >= 2 * (size_t)TCA_MOVED_MAX)
        tca_moved_sort(&l->s->moved); /* of these the lowest stay */
    return tca_moved_take(&l->s->moved, &one);
}

static int (*const load[TCA_PART_KINDS])(struct loading *l, const struct tca_part_item *item) = {
    [TCA_PART_FILE] = load_file,       [TCA_PART_RUNS] = load_runs,   [TCA_PART_GAP] = load_gap,
    [TCA_PART_CAPTURE] = load_capture, [TCA_PART_MODEL] = load_model, [TCA_PART_DOSSIER] = load_dossier,
    [TCA_PART_STREAM] = load_piece,    [TCA_PART_HINTS] = load_hints, [TCA_PART_MOVED] = load_moved};

/* What is wrong is told of the first item, however many wait. */
static int load_in_order(struct loading *l, const struct tca_part_item *item)
{
    int code = item->kind == TCA_PART_DOSSIER ? TCA_OK : load_waiting(l);
    if (code)
        return code;
    return load[item->kind] ? load[item->kind](l, item) : TCA_EINPUT;
}

static int load_item(struct loading *l, const struct tca_part_item *item, struct tca_error *error)
{
    int code = load_in_order(l, item);
    if (code != TCA_EINPUT)
        return code ? tca_words(error, code) : TCA_OK;
    return (item->kind == TCA_PART_CAPTURE || item->kind == TCA_PART_FILE) && !l->first
               ? tca_fail(error, TCA_EINPUT, "not of the same captures as the other shares")
               : tca_partfile_unsound(error);
}

static int load_part(struct loading *l, struct tca_error *error)
{
    struct tca_part_item item;
    int got;
    while ((got = tca_partfile_next(l->now->file, &item, error)) > 0) {
        int code = load_item(l, &item, error);
        if (code)
            return code;
    }
    int code = load_waiting(l);
    if (code)
        return code == TCA_EINPUT ? tca_partfile_unsound(error) : tca_words(error, code);
    if (got)
        return got;
    bool all = l->now->read == l->now->about.captures && (!l->first || l->now->of_files == l->now->files);
    return all ? TCA_OK : tca_partfile_unsound(error);
}

/* ---- shares ---- */

/* All of them are there, each once, of captures that were read alike. */
static int check_shares(const struct part *part, size_t count, size_t *ret_at, struct tca_error *error)
{
    const struct part *of[SHARES_MAX + 1] = {NULL};
    for (size_t at = 0; at < count; at++) {
        const struct tca_part_about *about = &part[at].about;
        *ret_at = at;
        if (about->shares != part->about.shares || about->captures != part->about.captures ||
            about->packets != part->about.packets)
            return tca_fail(error, TCA_EINPUT, "not of the same captures as the other shares");
        if (part[at].settings != part->settings)
            return tca_fail(error, TCA_EINPUT, "read with other settings than the other shares");
        if (of[about->share])
            return tca_fail(error, TCA_EINPUT, "share %u/%u is there twice", about->share, about->shares);
        of[about->share] = &part[at];
    }
    for (uint32_t share = 1; share <= part->about.shares; share++)
        if (!of[share])
            return tca_fail(error, TCA_EINPUT, "share %u/%u is missing beside it", share, part->about.shares);
    return TCA_OK;
}

static int load_shares(struct loading *l, struct part *part, size_t count, size_t *ret_at,
                       struct tca_error *error)
{
    int code = TCA_OK;
    for (size_t at = 0; at < count && !code; at++) {
        *ret_at = at;
        l->now = &part[at];
        l->first = at == 0;
        code = load_part(l, error);
    }
    return code;
}

/* What is told of the captures once all shares are in. */
static int settle(struct loading *l)
{
    int error = TCA_OK;
    for (size_t at = l->before; at < l->s->capture_count && !error; at++)
        if (l->s->capture[at]->warns)
            error = tca_capture_warn(l->s->capture[at]);
    tca_moved_sort(&l->s->moved);
    return error;
}

static int name_part(const char *path, int code, struct tca_error *error)
{
    if (!error || code == TCA_EMEMORY || code == TCA_EOUTPUT)
        return code;
    const struct tca_error why = *error;
    return tca_fail(error, code, "%.200s: %s", path, why.text);
}

static int load_all(struct tca_session *s, const char *const *path, size_t count, struct part *part,
                    struct tca_error *error)
{
    struct loading l = {.s = s, .before = (uint32_t)s->capture_count};
    size_t at = 0;
    int code = tca_words(error, tca_hire(s));
    if (!code)
        code = tca_words(error, tca_spool_begin(s, tca_crew_size(s->crew)));
    if (!code && tca_crew_size(s->crew) > 1 && !(l.waiting = tca_alloc(sizeof *l.waiting)))
        code = tca_words(error, TCA_EMEMORY);
    for (; at < count && !code; at++)
        code = open_part(path[at], &part[at], error);
    at -= code != 0;
    if (!code)
        code = check_shares(part, count, &at, error);
    if (!code && !s->streams)
        code = tca_words(error, tca_streams_new(tca_random_seed(s), s->set.temp_dir, &s->streams));
    if (!code)
        code = load_shares(&l, part, count, &at, error);
    if (!code)
        code = tca_words(error, settle(&l));
    if (l.waiting)
        tca_buf_done(&l.waiting->bytes);
    tca_free(l.waiting);
    return name_part(path[at < count ? at : 0], code, error);
}

static int may_load(const struct tca_session *s, size_t count, struct tca_error *error)
{
    if (s->broken || s->saved)
        return tca_must_be_whole(s, error);
    const char *why = s->open         ? "a capture is still open"
                      : s->finished   ? "the session is finished"
                      : s->trace      ? "parts hold no trace: leave out the setting 'trace'"
                      : s->set.shares ? "parts are not taken in by a share of a run"
                      : !count        ? "no part is named"
                                      : NULL;
    return why ? tca_fail(error, TCA_EUSAGE, "%s", why) : TCA_OK;
}

int tca_session_load(struct tca_session *s, const char *const *path, size_t count, struct tca_error *error)
{
    struct tca_error local = {.offset = -1};
    error = error ? error : &local;
    int code = may_load(s, count, error);
    if (code)
        return code;
    if (count > SHARES_MAX)
        return name_part(path[SHARES_MAX], TCA_EINPUT,
                         (tca_fail(error, TCA_EINPUT, "one more than there can be shares"), error));
    struct part *part = tca_grow(NULL, count, sizeof *part);
    if (!part)
        return tca_words(error, TCA_EMEMORY);
    memset(part, 0, count * sizeof *part);
    s->loaded = true;
    code = load_all(s, path, count, part, error);
    if (code)
        s->broken = code;
    for (size_t at = 0; at < count; at++) {
        tca_partfile_close(part[at].file);
        tca_lone_loaded_done(&part[at].models);
    }
    tca_free(part);
    return code;
}
