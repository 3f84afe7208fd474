/* SPDX-License-Identifier: MIT
 *
 * One connection's packets, as a pcap file. Packet bytes are never kept: the trace of pass 1 tells the frames, and the
 * capture is read once more for their bytes.
 *
 *      trace --(capture, frame)--> sorter --> frames in file order
 *                                                |
 *      capture file --> source --> records ----> chosen records --> write callback
 *
 * A segment that came in fragments brings their frames with it: first the flow's frames and all pieces of the capture are
 * sorted by the segment's frame, then what belongs to the flow by its own.
 *
 * Frames wait in a sorter, so that memory stays bounded for a connection of any length, and so that the order does not
 * depend on when pass 1 could make a segment of a record.
 */
#include "engine/run.h"

#include "capture/dump.h"
#include "capture/input.h"
#include "capture/joined.h"
#include "capture/shelf.h"
#include "capture/source.h"
#include "decode/redact.h"

#include <string.h>
#include <sys/stat.h>

enum { FRAMES_MEMORY = 4 << 20 };

struct packets {
    struct tca_session *s;
    struct tca_sorter *segments, *frames; /* owned: by the segment's frame, by their own */
    uint64_t segment;                     /* of the flow, met last while these are joined */
    uint32_t capture;
    bool nanoseconds;
    struct tca_input *input;    /* owned: of a capture that was not planned */
    struct tca_source *source;  /* owned: likewise */
    struct tca_plan_item again; /* of one that was: its unit alone */
    struct tca_shelf *shelf;    /* owned: likewise */
    struct tca_joined *joined;  /* owned: likewise */
    struct tca_joined_batch batch;
    size_t at; /* of its records, so many were used */
    uint64_t last_frame;
    struct tca_buf redacted; /* a record without real addresses */
    int link;                /* of the records written; -1 before the first */
    tca_write_fn *fn;
    void *user;
    struct tca_error *error;
};

/* ---- the frames of the flow ---- */

struct frame {
    uint64_t frame, segment;
    bool piece;
};

static int note_frame(void *user, const struct tca_trace *t)
{
    struct packets *p = user;
    uint64_t record = t->piece ? t->frame : tca_moved_record(&p->s->moved, t->capture, t->frame);
    const struct frame f = {.frame = record, .segment = t->piece ? t->flow_frame : record, .piece = t->piece};
    uint8_t key[TCA_SORT_KEY] = {0};
    tca_key_u64(key, f.segment);
    key[8] = f.piece; /* behind its segment */
    p->nanoseconds |= t->time_ns % 1000 != 0;
    return tca_sorter_add(p->segments, key, &f, sizeof f);
}

/* Segments of the flow pass, and with them their pieces. */
static int join_frame(void *user, const void *item, size_t size)
{
    struct packets *p = user;
    struct frame f;
    uint8_t key[TCA_SORT_KEY] = {0};
    memcpy(&f, item, size);
    if (!f.piece)
        p->segment = f.segment;
    if (f.segment != p->segment)
        return TCA_OK;
    tca_key_u64(key, f.frame);
    return tca_sorter_add(p->frames, key, &f.frame, sizeof f.frame);
}

static int note_flow(void *user, const struct tca_flow_view *view)
{
    struct packets *p = user;
    p->capture = view->c->d->capture;
    int code = tca_trace_walk(p->s, view->c->d, true, note_frame, p);
    return code ? code : tca_sorter_walk(p->segments, join_frame, p);
}

/* ---- the capture once more ---- */

static const char *name_of(const struct packets *p)
{
    return p->s->capture[p->capture - 1]->name;
}

static int refuse(const struct packets *p, int code, const char *why)
{
    return tca_fail(p->error, code, "capture %s: %s", name_of(p), why);
}

static const struct tca_source_settings every_record;

/* The capture in its input: those before it are passed. */
static int find_capture(struct packets *p, const struct capture *c, struct tca_error *why)
{
    const char *name;
    int code = tca_input_open(c->path, p->s->set.max_expanded, &p->s->stop, &p->input, why);
    for (uint64_t number = 1; !code && number <= c->number; number++) {
        tca_source_close(p->source);
        p->source = NULL;
        int got = tca_input_next(p->input, &every_record, &p->source, &name, why);
        if (got <= 0 && (!got || number == c->number || got == TCA_EMEMORY))
            code = got ? got : tca_fail(why, TCA_EINPUT, "is no longer there");
    }
    return code;
}

/* A tca_joined_ended_fn: pass 1 has told it. */
static void ended(void *user, size_t file, int code, const struct tca_source_facts *facts,
                  const struct tca_error *error)
{
    (void)user, (void)file, (void)code, (void)facts, (void)error;
}

static int open_unit(struct packets *p, const struct capture *c)
{
    const struct tca_session *s = p->s;
    p->again = (struct tca_plan_item){.unit = c->unit, .units = 1};
    int code = tca_shelf_new(&p->again, s->set.max_expanded, s->set.temp_dir, &s->stop, &p->shelf);
    return code ? code : tca_joined_open(p->shelf, c->unit, &every_record, ended, NULL, &p->joined);
}

static int open_again(struct packets *p)
{
    const struct capture *c = p->s->capture[p->capture - 1];
    struct stat st;
    if (c->unit)
        return open_unit(p, c);
    if (!c->path || !strcmp(c->path, "-") || (stat(c->path, &st) == 0 && !S_ISREG(st.st_mode)))
        return refuse(p, TCA_EUSAGE,
                      "its packets cannot be read a second time: save it as a file and name that");
    struct tca_error why;
    int code = find_capture(p, c, &why);
    if (code)
        return refuse(p, code, why.text);
    return TCA_OK;
}

/* As tca_joined_next(). */
static int next_batch(struct packets *p)
{
    if (p->joined)
        return tca_joined_next(p->joined, &p->batch);
    int got = tca_source_next(p->source, &p->batch.record);
    p->batch.count = got > 0 ? (size_t)got : 0;
    return got > 0 ? 1 : got == TCA_EMEMORY ? got : 0;
}

/* Where a file of a series is gone meanwhile, frames of those behind it are other ones. */
static bool is_where_it_was(const struct packets *p, uint64_t frame)
{
    const struct capture *c = p->s->capture[p->capture - 1];
    const struct tca_spot spot = tca_spot_of(&p->s->spots, p->capture, frame);
    return !c->files ||
           (spot.ordinal == c->file[p->batch.file].ordinal && spot.frame == frame - p->batch.ahead);
}

/* The record of this frame, which lies ahead. */
static int find_record(struct packets *p, uint64_t frame, const struct tca_record **ret_record)
{
    for (;;) {
        while (p->at < p->batch.count) {
            const struct tca_record *record = &p->batch.record[p->at++];
            if (record->frame == frame) {
                *ret_record = record;
                return is_where_it_was(p, frame)
                           ? TCA_OK
                           : refuse(p, TCA_EINPUT, "is no longer what was read: did a file of it change?");
            }
        }
        p->at = 0;
        int got = next_batch(p);
        if (got < 0)
            return got;
        if (!got)
            return refuse(p, TCA_EINPUT, "has become shorter since it was read: is it still being written?");
    }
}

/* ---- writing ---- */

static int put(struct packets *p, const void *bytes, size_t count)
{
    return p->fn(p->user, bytes, count) ? tca_words(p->error, TCA_EOUTPUT) : TCA_OK;
}

static int put_file_header(struct packets *p, int link)
{
    uint8_t header[TCA_DUMP_FILE_HEADER];
    if (p->link == link)
        return TCA_OK;
    if (p->link >= 0)
        return tca_fail(p->error, TCA_EUNSUPPORTED,
                        "packets of link types %d and %d in one connection, and a pcap file holds one type: "
                        "filter one of them with -f",
                        p->link, link);
    p->link = link;
    p->nanoseconds |= strcmp(p->s->capture[p->capture - 1]->facts.ts_precision, "us") != 0;
    tca_dump_file_header(link, p->nanoseconds, header);
    return put(p, header, sizeof header);
}

static int put_bytes(struct packets *p, const struct tca_record *record)
{
    if (!p->s->anon)
        return put(p, record->bytes, record->captured);
    tca_buf_reset(&p->redacted);
    uint8_t *room = tca_buf_room(&p->redacted, record->captured);
    if (!room)
        return tca_words(p->error, TCA_EMEMORY);
    tca_redact(record, p->s->anon, room);
    return put(p, room, record->captured);
}

static int put_record(struct packets *p, const struct tca_record *record)
{
    uint8_t header[TCA_DUMP_RECORD_HEADER];
    int code = put_file_header(p, record->link);
    if (!code && !tca_dump_record_header(record, p->nanoseconds, header))
        code = tca_fail(p->error, TCA_EUNSUPPORTED,
                        "packet %llu is of a time before 1970 or after 2106, which a pcap file cannot tell",
                        (unsigned long long)record->frame);
    if (!code)
        code = put(p, header, sizeof header);
    return code ? code : put_bytes(p, record);
}

static int write_frame(void *user, const void *item, size_t size)
{
    struct packets *p = user;
    const struct tca_record *record = NULL;
    uint64_t frame;
    memcpy(&frame, item, size);
    if (frame == p->last_frame) /* two segments of one record */
        return TCA_OK;
    p->last_frame = frame;
    int code = find_record(p, frame, &record);
    return code ? code : put_record(p, record);
}

int tca_session_pcap(struct tca_session *s, const char *selector, tca_write_fn *fn, void *user,
                     struct tca_error *error)
{
    struct tca_error local = {0};
    struct packets p = {.s = s, .link = -1, .fn = fn, .user = user, .error = error ? error : &local};
    int code = tca_must_be_finished(s, error);
    if (code)
        return code;
    code = tca_sorter_new(FRAMES_MEMORY, s->set.temp_dir, &p.segments);
    if (!code)
        code = tca_sorter_new(FRAMES_MEMORY, s->set.temp_dir, &p.frames);
    if (code) {
        tca_sorter_free(p.segments);
        return tca_words(error, code);
    }
    code = tca_choose_flow(s, selector, note_flow, &p, p.error);
    if (!code)
        code = open_again(&p);
    if (!code) {
        p.error->code = TCA_OK;
        code = tca_sorter_walk(p.frames, write_frame, &p);
        if (code && p.error->code != code) /* the sorter's own */
            tca_words(p.error, code);
    }
    tca_buf_done(&p.redacted);
    tca_joined_close(p.joined);
    tca_shelf_free(p.shelf);
    tca_source_close(p.source);
    tca_input_close(p.input);
    tca_sorter_free(p.segments);
    tca_sorter_free(p.frames);
    return code;
}
