/* SPDX-License-Identifier: MIT
 *
 * A session as a part: what pass 1 left of its captures, of which nothing depends on where these stand in a run.
 *
 *      sorter --> newest dossiers, as far as pass 2 reads them --+
 *      models of SYNs, pieces of streams, hints, mended frames --+--> items of a file (partfile.h), with the part's own
 *      facts of captures ----------------------------------------+    numbers of captures, from 1
 *
 * Dossiers are told in row order, so that a part that is read gives its sorter one run after another. What is not here: traces, since
 * they name bytes of a capture's file that may be far away.
 */
#include "engine/part.h"

#include "base/alloc.h"
#include "base/stop.h"
#include "capture/source.h"
#include "engine/lone.h"
#include "engine/partfile.h"
#include "engine/spool.h"

#include <stdlib.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t tca_part_form(void)
{
    const uint64_t forms[] = {tca_spool_form(),
                              tca_lone_form(),
                              tca_streams_form(),
                              tca_part_capture_form(),
                              sizeof(struct tca_moved_one),
                              sizeof(struct tca_spot_run),
                              sizeof(struct gap),
                              sizeof(struct tca_part_head)};
    return XXH3_64bits_withSeed(forms, sizeof forms, XXH3_64bits(TCA_VERSION, strlen(TCA_VERSION)));
}

struct saving {
    struct tca_session *s;
    struct tca_partfile_writer *file;
    struct tca_buf item;
};

static int put(struct saving *w, enum tca_part_kind kind, const void *item, size_t size)
{
    return tca_partfile_put(w->file, kind, item, size, NULL, 0);
}

/* ---- about ---- */

/* What decides which connections there are, and what pass 1 makes of them. */
static uint64_t settings_of(const struct tca_settings *set)
{
    struct tca_buf all = {0};
    const int64_t numbers[] = {set->has_after,
                               set->has_after ? set->after_ns : 0,
                               set->has_before,
                               set->has_before ? set->before_ns : 0,
                               (int64_t)set->max_records,
                               set->key_vlan,
                               set->key_tunnel,
                               (int64_t)set->checksums,
                               (int64_t)tca_memory_of(set),
                               (int64_t)set->max_expanded,
                               (int64_t)set->server_count};
    tca_buf_add(&all, numbers, sizeof numbers);
    for (size_t at = 0; at < set->server_count; at++) {
        tca_buf_add(&all, set->server[at].addr, sizeof set->server[at].addr);
        tca_buf_add(&all, &set->server[at].port, sizeof set->server[at].port);
    }
    tca_buf_str(&all, set->filter ? set->filter : "");
    uint64_t hash = XXH3_64bits(tca_buf_text(&all), all.used);
    tca_buf_done(&all);
    return hash;
}

static int put_about(struct saving *w, const char *label)
{
    const struct tca_session *s = w->s;
    struct tca_part_head head = {.share = s->set.shares ? s->set.share : 1,
                                 .shares = s->set.shares ? s->set.shares : 1,
                                 .captures = s->capture_count,
                                 .settings = settings_of(&s->set),
                                 .interrupted = tca_is_stopped(&s->stop)};
    for (size_t at = 0; at < s->capture_count; at++) {
        const struct tca_capture_facts *facts = &s->capture[at]->facts;
        head.packets += facts->packets;
        head.flows += facts->flows;
        head.interrupted |= !strcmp(facts->status, tca_source_status_name(TCA_SOURCE_interrupted));
    }
    return tca_partfile_put(w->file, TCA_PART_ABOUT, &head, sizeof head, label, strlen(label));
}

/* ---- what there is of each kind ---- */

static int put_captures(struct saving *w)
{
    int error = TCA_OK;
    for (size_t at = 0; at < w->s->capture_count && !error; at++) {
        error = tca_part_write_capture(w->s->capture[at], &w->item);
        if (!error)
            error = put(w, TCA_PART_CAPTURE, w->item.bytes, w->item.used);
    }
    return error;
}

static int put_files_of(struct saving *w, struct capture *c)
{
    int error = TCA_OK;
    for (uint32_t at = 0; at < c->files && !error; at++) {
        const struct tca_part_file head = {c->facts.ordinal, at};
        error = tca_part_write_file(c, at, &w->item);
        if (!error)
            error = tca_partfile_put(w->file, TCA_PART_FILE, &head, sizeof head, w->item.bytes, w->item.used);
    }
    return error;
}

static int put_files(struct saving *w)
{
    int error = TCA_OK;
    for (size_t at = 0; at < w->s->capture_count && !error; at++)
        error = put_files_of(w, w->s->capture[at]);
    return error;
}

static int put_runs_of(struct saving *w, uint32_t capture, const struct tca_spot_run *run, size_t count)
{
    enum { AT_ONCE = 4096 };
    const struct tca_part_of head = {.capture = capture};
    int error = TCA_OK;
    while (count && !error) {
        size_t now = count < AT_ONCE ? count : AT_ONCE;
        error = tca_partfile_put(w->file, TCA_PART_RUNS, &head, sizeof head, run, now * sizeof *run);
        run += now;
        count -= now;
    }
    return error;
}

static int put_runs(struct saving *w)
{
    const struct tca_spots *spots = &w->s->spots;
    int error = TCA_OK;
    for (size_t at = 0; at < spots->count && !error; at++)
        error = put_runs_of(w, (uint32_t)at + 1, spots->capture[at].run, spots->capture[at].runs);
    return error;
}

static int put_gaps_of(struct saving *w, const struct capture *c)
{
    const struct tca_part_of head = {.capture = c->facts.ordinal};
    int error = TCA_OK;
    for (size_t at = 0; at < c->gaps && !error; at++)
        error = tca_partfile_put(w->file, TCA_PART_GAP, &head, sizeof head, &c->gap[at], sizeof *c->gap);
    return error;
}

static int put_gaps(struct saving *w)
{
    int error = TCA_OK;
    for (size_t at = 0; at < w->s->capture_count && !error; at++)
        error = put_gaps_of(w, w->s->capture[at]);
    return error;
}

static int put_models(struct saving *w)
{
    size_t size;
    const void *model;
    int error = TCA_OK;
    for (unsigned at = 0; !error && (model = tca_lone_model_at(w->s, at, &size)); at++)
        error = put(w, TCA_PART_MODEL, model, size);
    return error;
}

/* What a parked flow would need to come back stands behind its dossier, and nobody needs it any more. */
static int put_dossier(void *user, const void *item, size_t size)
{
    return put(user, TCA_PART_DOSSIER, item, tca_spool_measure(item, size));
}

static int put_dossiers(struct saving *w)
{
    int error = tca_spool_join(w->s);
    return error ? error : tca_sorter_walk(w->s->dossiers, put_dossier, w);
}

static int put_piece(void *user, const void *item, size_t size)
{
    return put(user, TCA_PART_STREAM, item, size);
}

static int put_streams(struct saving *w)
{
    return tca_streams_each(w->s->streams, put_piece, w);
}

/* Some at a time. */
static int put_hints_of(struct saving *w, uint32_t capture, const uint64_t *list, size_t count)
{
    enum { AT_ONCE = 4096 };
    const struct tca_part_of head = {.capture = capture};
    int error = TCA_OK;
    while (count && !error) {
        uint64_t some[AT_ONCE];
        size_t now = count < AT_ONCE ? count : AT_ONCE;
        for (size_t at = 0; at < now; at++)
            some[at] = tca_nat_hint_of(list[at], capture, 0);
        error = tca_partfile_put(w->file, TCA_PART_HINTS, &head, sizeof head, some, now * sizeof *some);
        list += now;
        count -= now;
    }
    return error;
}

static int put_hints(struct saving *w)
{
    const struct tca_session *s = w->s;
    size_t from = 0;
    int error = TCA_OK;
    for (size_t at = 0; at < s->capture_count && !error; at++) {
        size_t count = s->capture[at]->hints;
        if (count)
            error = put_hints_of(w, s->capture[at]->facts.ordinal, s->nat_hints.list + from, count);
        from += count;
    }
    return error;
}

static int put_moved(struct saving *w)
{
    int error = TCA_OK;
    for (size_t at = 0; at < w->s->moved.count && !error; at++)
        error = put(w, TCA_PART_MOVED, &w->s->moved.one[at], sizeof w->s->moved.one[at]);
    return error;
}

/* ---- all ---- */

static int may_save(const struct tca_session *s, const char *label, struct tca_error *error)
{
    if (s->broken || s->saved)
        return tca_must_be_whole(s, error);
    const char *why = s->open                              ? "a capture is still open"
                      : s->finished                        ? "the session is finished"
                      : s->trace                           ? "a part holds no trace"
                      : s->loaded                          ? "parts are not made of parts"
                      : strlen(label) > TCA_PART_LABEL_MAX ? "the label is too long"
                                                           : NULL;
    return why ? tca_fail(error, TCA_EUSAGE, "%s", why) : TCA_OK;
}

int tca_session_save(struct tca_session *s, const char *path, const char *label, struct tca_error *error)
{
    static int (*const each[])(struct saving * w) = {put_captures, put_files,  put_runs,
                                                     put_gaps,     put_models, put_dossiers,
                                                     put_streams,  put_hints,  put_moved};
    struct saving w = {.s = s};
    int code = may_save(s, label, error);
    if (!code)
        code = tca_partfile_create(path, tca_part_form(), &w.file, error);
    if (code)
        return code;
    s->saved = true;
    code = put_about(&w, label);
    for (unsigned at = 0; at < sizeof each / sizeof *each && !code; at++)
        code = each[at](&w);
    /* Where the file failed it has the words. */
    int ended = tca_partfile_end(w.file, code, error);
    tca_buf_done(&w.item);
    return ended;
}
