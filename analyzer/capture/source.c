/* SPDX-License-Identifier: MIT
 *
 * One input, whatever is in it.
 *
 *     stream --> reader (part.c says which) --> batch of records --> choose
 *
 * A file may be several captures, one behind the other (`cat a.pcap b.pcap`): a reader says where another one begins,
 * and the source goes on there with a new reader; frame numbers go on. What a person is told about a file is said here:
 * one sentence about how it ended, then notes.
 */
#include "capture/source.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fail.h"
#include "base/stop.h"
#include "capture/filter.h"
#include "capture/link.h"
#include "capture/magic.h"
#include "capture/part.h"
#include "capture/stream.h"
#include "capture/unpack.h"

enum {
    BATCH_MAX =
        64, /* records whose first bytes stay in the processor's nearest cache until they are decoded */
    SECOND_NS = 1000000000,
    PARTS_MAX = 4096, /* joined captures: each costs a new reader, and takes but 24 bytes of input */
};

struct tca_source {
    struct tca_stream *stream;
    struct tca_source_settings set;
    bool chooses;         /* not every record is wanted */
    struct tca_part part; /* the present one */
    unsigned parts;
    uint64_t joint_frame, joint_offset; /* where the second part begins */
    struct tca_drops drops;             /* of the parts before this one */
    struct tca_kind first;              /* what the first header says, before there is a record */

    struct tca_filter filter;
    struct tca_filter_program *program; /* for link type `link`; NULL: every record is wanted */
    int link;                           /* that the program is for; -1 before any */
    uint64_t undecoded_frame;           /* the first one of a link type that is not decoded; 0: none */
    int undecoded_link;                 /* that link type */
    uint64_t ahead;                     /* frames are larger by this than the numbers told here */
    size_t at_hand;                     /* records delivered last */
    int64_t last_ns;                    /* time of the last record; 0 before */
    uint64_t timeless, beyond; /* records without a time, and with one that int64 nanoseconds do not hold */
    uint64_t backward, backward_frame, backward_ns; /* records whose time goes back; the first one, how far */

    bool ended;
    int end; /* what tca_source_next() returns at the end */
    struct tca_source_facts facts;

    struct tca_record records[BATCH_MAX];
};

const char *tca_source_status_name(enum tca_source_status status)
{
    static const char *const names[] = {
#define STATUS(name) [TCA_SOURCE_##name] = #name,
        TCA_SOURCE_STATUSES(STATUS)
#undef STATUS
    };

    return (unsigned)status < sizeof names / sizeof *names ? names[status] : "unknown";
}

/* ---- notes ---- */

__attribute__((format(printf, 2, 3))) static void add_note(struct tca_source_facts *facts, const char *format,
                                                           ...)
{
    size_t used = strlen(facts->message), room = sizeof facts->message - used;
    va_list args;

    if (used > 0 && room > 2) {
        memcpy(facts->message + used, "; ", 3);
        used += 2;
        room -= 2;
    }
    va_start(args, format);
    vsnprintf(facts->message + used, room, format, args);
    va_end(args);
}

/* "link type RAW", "link types RAW and 2 more". */
static void name_links(char *text, size_t room, const int *link, unsigned links)
{
    int used =
        snprintf(text, room, "link type%s %s (%d)", links > 1 ? "s" : "", tca_link_name(link[0]), link[0]);

    if (links > 1 && used > 0 && (size_t)used < room)
        snprintf(text + used, room - (size_t)used, " and %u more", links - 1);
}

/* Records that are not analysed. A file of nothing else, and an empty one, is as unsupported as one with some of them. */
static void note_undecoded(struct tca_source *src)
{
    struct tca_source_facts *facts = &src->facts;
    int link[TCA_SOURCE_LINKS_MAX];
    unsigned links = 0;
    char names[100];

    for (unsigned i = 0; i < facts->links; i++)
        if (!tca_link_decoded(facts->link[i]))
            link[links++] = facts->link[i];
    if (links == 0 && src->undecoded_frame) /* behind so many others that it was not kept */
        link[links++] = src->undecoded_link;
    if (links == 0)
        return;
    if (src->end == TCA_OK) { /* it weighs more than a cut end */
        facts->status = TCA_SOURCE_unsupported;
        facts->message[0] = '\0';
        facts->error_frame = links < facts->links ? src->undecoded_frame : 0; /* the others are analysed */
    }
    name_links(names, sizeof names, link, links);
    add_note(facts, "%s %s not supported: %s packets are counted, none is analysed", names,
             links > 1 ? "are" : "is", links > 1 ? "their" : "its");
}

static void note_filter(struct tca_source *src)
{
    int link[TCA_LINKS_DECODED];
    unsigned links = 0;
    uint64_t unfit = 0, undirected = 0;
    char names[100];

    for (size_t i = 0; i < src->filter.programs; i++) {
        const struct tca_filter_program *program = &src->filter.program[i];

        if (program->unfit)
            link[links++] = program->link;
        unfit += program->unfit;
        undirected += program->undirected;
    }
    if (unfit) {
        name_links(names, sizeof names, link, links);
        add_note(&src->facts, "the filter does not fit %s: packets left out: %llu", names,
                 (unsigned long long)unfit);
    }
    if (undirected)
        add_note(&src->facts, "the filter asks for directions that are not told: packets left out: %llu",
                 (unsigned long long)undirected);
}

static void add_notes(struct tca_source *src)
{
    struct tca_source_facts *facts = &src->facts;

    if (facts->packets == 0 && src->first.link >= 0) {
        facts->link[facts->links++] = src->first.link;
        facts->snaplen = src->first.snaplen;
        facts->ts_precision = src->first.precision;
    }
    note_undecoded(src);
    note_filter(src);
    if (src->timeless)
        add_note(facts,
                 "packets without a time, which count as of the one before them, the first of 1970: %llu",
                 (unsigned long long)src->timeless);
    if (src->beyond)
        add_note(facts, "packets with a time that cannot be right, before 1678 or after 2262: %llu",
                 (unsigned long long)src->beyond);
    if (src->backward)
        add_note(facts,
                 "packets with a time before that of the packet before: %llu, the first is packet %llu, by "
                 "%llu.%09llu s",
                 (unsigned long long)src->backward, (unsigned long long)src->backward_frame,
                 (unsigned long long)src->backward_ns / SECOND_NS,
                 (unsigned long long)src->backward_ns % SECOND_NS);
    if (facts->drops)
        add_note(facts, "packets that were lost while capturing, as the file says: %llu",
                 (unsigned long long)facts->drops);
}

/* ---- the end of an input ---- */

/* What the reader of a part knows of it as a whole. */
static void take_part(struct tca_source *src)
{
    struct tca_drops drops;

    if (!src->part.calls)
        return;
    drops = tca_part_drops(&src->part);
    if (drops.told)
        tca_drops_add(&src->drops, drops.count);
    tca_clip_join(&src->facts.comment, tca_part_comment(&src->part), TCA_CLIP_MAX);
}

/* The input ends here, for this reason; `code` is what the caller gets once all records are delivered. */
__attribute__((format(printf, 4, 5))) static void
finish(struct tca_source *src, int code, enum tca_source_status status, const char *format, ...)
{
    struct tca_source_facts *facts = &src->facts;
    va_list args;

    src->ended = true;
    src->end = code;
    take_part(src);
    facts->bytes = tca_stream_tell(src->stream);
    facts->has_drops = src->drops.told;
    facts->drops = src->drops.count;
    facts->status = status;
    va_start(args, format);
    vsnprintf(facts->message, sizeof facts->message, format, args);
    va_end(args);
    add_notes(src);
}

/* The same, at the record that the reader could not read. */
static void finish_at(struct tca_source *src, int code, enum tca_source_status status, const char *what,
                      const char *advice)
{
    struct tca_source_facts *facts = &src->facts;

    facts->error_frame = facts->packets + 1;
    facts->error_offset = (int64_t)src->part.reader.boundary;
    finish(src, code, status, "%s (packet %llu, byte %lld): %s; packets read before it: %llu", what,
           (unsigned long long)facts->error_frame, (long long)facts->error_offset, advice,
           (unsigned long long)facts->packets);
}

static void end_interrupted(struct tca_source *src)
{
    finish(src, TCA_OK, TCA_SOURCE_interrupted, "interrupted: %llu packets were read",
           (unsigned long long)src->facts.packets);
}

static const char cut_packed[] = "the compressed file ends before it should";

/* The end of the file, at a record boundary. */
static void end_file(struct tca_source *src)
{
    if (src->stream->cut)
        finish(src, TCA_OK, TCA_SOURCE_truncated, "%s (%s): packets read before its end: %llu", cut_packed,
               src->stream->words, (unsigned long long)src->facts.packets);
    else if (src->parts > 1)
        finish(src, TCA_OK, TCA_SOURCE_ok,
               "%u captures joined in one file (packet %llu, byte %llu begins the second): read one after "
               "the other",
               src->parts, (unsigned long long)src->joint_frame, (unsigned long long)src->joint_offset);
    else
        finish(src, TCA_OK, TCA_SOURCE_ok, "%s", "");
}

static const char *read_error(const struct tca_stream *stream)
{
    return stream->words ? stream->words : strerror(stream->error);
}

/* The reader stopped, at a record or, `in_header`, before any could begin. */
static void end_read(struct tca_source *src, enum tca_read got, bool in_header)
{
    const char *advice = in_header ? "the file header cannot be read" : src->part.reader.advice;

    if (tca_is_stopped(src->set.stop)) /* the read was interrupted, it is not the file's end */
        end_interrupted(src);
    else if (got == TCA_READ_END)
        end_file(src);
    else if (got == TCA_READ_FAILED)
        finish_at(src, TCA_EINPUT, TCA_SOURCE_damaged, read_error(src->stream),
                  src->stream->shrunk ? "what was cut off is lost, read it when nothing writes to it"
                                      : "reading failed, copy the file and try again");
    else if (got == TCA_READ_CUT && in_header)
        finish_at(src, TCA_EINPUT, TCA_SOURCE_damaged, "the file ends inside its header",
                  "no packet follows, capture again");
    else if (got == TCA_READ_CUT)
        finish_at(src, TCA_OK, TCA_SOURCE_truncated,
                  src->stream->cut ? cut_packed : "the file ends inside a record",
                  "the capture was cut there");
    else if (got == TCA_READ_UNSUPPORTED)
        finish_at(src, TCA_EUNSUPPORTED, TCA_SOURCE_unsupported, src->part.reader.what,
                  src->part.reader.advice);
    else if (got == TCA_READ_DAMAGED)
        finish_at(src, TCA_EINPUT, TCA_SOURCE_damaged, src->part.reader.what, advice);
    else
        finish(src, TCA_EMEMORY, TCA_SOURCE_damaged, "out of memory");
}

/* Whoever can unpack does so in front of this: then what is packed comes here only by callers that do not want it unpacked. */
static void end_packed(struct tca_source *src, const struct tca_magic *magic)
{
    const char *why = tca_unpack_is_there() ? "" : ", and this program was built without libarchive";

    if (magic->kind == MAGIC_COMPRESSED)
        finish(src, TCA_EUNSUPPORTED, TCA_SOURCE_unsupported,
               "compressed with %s%s: decompress it to standard input, %s FILE | tcpautopsy -", magic->format,
               why, magic->hint);
    else
        finish(src, TCA_EUNSUPPORTED, TCA_SOURCE_unsupported,
               "a %s archive%s: unpack it, or one capture of it, %s FILE NAME | tcpautopsy -", magic->format,
               why, magic->hint);
}

/* The input begins with no header that can be read. */
static void end_no_capture(struct tca_source *src, const struct tca_magic *magic)
{
    const uint8_t *bytes;

    if (tca_stream_peek(src->stream, 1, &bytes) == 0) {
        if (src->stream->error)
            finish(src, TCA_EINPUT, TCA_SOURCE_damaged, "cannot read: %s", read_error(src->stream));
        else if (src->stream->cut)
            finish(src, TCA_EINPUT, TCA_SOURCE_damaged,
                   "%s (%s), and nothing of it can be read: copy it again", cut_packed, src->stream->words);
        else
            finish(src, TCA_EINPUT, TCA_SOURCE_damaged,
                   "empty file (0 bytes): capture again; tcpdump -U writes each packet at once");
        return;
    }
    if (!magic) {
        finish(src, TCA_EINPUT, TCA_SOURCE_damaged, "not a packet capture: give a pcap or pcapng file");
        return;
    }
    src->facts.format = magic->format;
    if (tca_magic_is_packed(magic))
        end_packed(src, magic);
    else
        finish(src, TCA_EUNSUPPORTED, TCA_SOURCE_unsupported,
               "a capture in %s format: convert it, %s FILE NEW.pcap", magic->format, magic->hint);
}

/* ---- parts: usually one, the whole file ---- */

static void part_change(struct tca_source *src);

/* Begin to read the capture that begins at the stream's next byte. Where the input proves unreadable the source has
 * ended. */
static void part_begin(struct tca_source *src)
{
    const struct tca_magic *magic = tca_magic_sniff(src->stream);
    enum tca_read got;

    if (!tca_part_has_reader(magic)) {
        end_no_capture(src, magic);
        return;
    }
    if (src->parts++ == 0)
        src->facts.format = magic->format;
    got = tca_part_begin(&src->part, src->stream, magic);
    if (src->parts == 1)
        src->first = src->part.reader.first;
    if (got == TCA_READ_JOINT)
        part_change(src);
    else if (got != TCA_READ_OK)
        end_read(src, got, true);
}

/* Another capture begins where the reader stands. */
static void part_change(struct tca_source *src)
{
    uint64_t begin = tca_stream_tell(src->stream) - src->part.reader.back;

    src->part.reader.boundary = begin;
    if (src->parts == PARTS_MAX) {
        finish_at(src, TCA_EINPUT, TCA_SOURCE_damaged, "too many captures joined in one file",
                  "give them as files of their own");
        return;
    }
    if (src->parts == 1) {
        src->joint_frame = src->facts.packets + 1;
        src->joint_offset = begin;
    }
    if (src->part.reader.back)
        tca_stream_give_back(src->stream, src->part.reader.back);
    take_part(src);
    tca_part_done(&src->part);
    part_begin(src);
}

/* ---- records ---- */

/* A record of another link type than the one before. */
static void change_link(struct tca_source *src, int link)
{
    src->link = link;
    src->program = tca_filter_for(&src->filter, link, NULL);
}

/* From this frame on there are records of this kind, perhaps not for the first time. */
static void note_kind(struct tca_source *src, const struct tca_kind *kind, uint64_t frame)
{
    struct tca_source_facts *facts = &src->facts;
    unsigned i = 0;

    if (!src->undecoded_frame && !tca_link_decoded(kind->link)) {
        src->undecoded_frame = frame;
        src->undecoded_link = kind->link;
    }
    while (i < facts->links && facts->link[i] != kind->link)
        i++;
    if (i == facts->links && i < TCA_SOURCE_LINKS_MAX)
        facts->link[facts->links++] = kind->link;
    if (kind->snaplen > facts->snaplen)
        facts->snaplen = kind->snaplen;
    if (frame == 1)
        facts->ts_precision = kind->precision;
    else if (strcmp(kind->precision, facts->ts_precision) != 0)
        facts->ts_precision = "mixed";
}

/* A time that is not plainly behind the one before it. One without a time takes that of the record before it: nothing can
 * be said of it that is less wrong. */
static void note_odd_time(struct tca_source *src, struct tca_record *record, int64_t last_ns)
{
    if (record->timeless)
        record->time_ns = last_ns;
    src->timeless += record->timeless;
    src->beyond += record->time_ns == INT64_MAX || record->time_ns == INT64_MIN;
    if (record->time_ns < last_ns && record->frame - src->ahead > 1 && src->backward++ == 0) {
        src->backward_frame = record->frame - src->ahead;
        src->backward_ns = (uint64_t)last_ns - (uint64_t)record->time_ns;
    }
}

static void note_times(struct tca_source *src, size_t count)
{
    int64_t last_ns = src->last_ns;

    for (size_t i = 0; i < count; i++) {
        struct tca_record *record = &src->records[i];

        if (record->timeless || record->time_ns < last_ns || record->time_ns == INT64_MAX ||
            record->time_ns == INT64_MIN)
            note_odd_time(src, record, last_ns);
        last_ns = record->time_ns;
    }
    src->last_ns = last_ns;
}

static bool is_wanted(struct tca_source *src, const struct tca_record *record)
{
    const struct tca_source_settings *set = &src->set;

    if (record->link != src->link)
        change_link(src, record->link);
    if (set->has_after && record->time_ns < set->after_ns)
        return false;
    if (set->has_before && record->time_ns >= set->before_ns)
        return false;
    return tca_filter_match(src->program, record);
}

/* Mark those that were not chosen. Returns how many were. */
static size_t choose(struct tca_source *src, size_t count)
{
    size_t chosen = 0;

    if (!src->chooses)
        return count;
    for (size_t i = 0; i < count; i++) {
        bool wanted = is_wanted(src, &src->records[i]);

        src->records[i].left_out = !wanted;
        chosen += wanted;
    }
    return chosen;
}

/* Read records, no more of them than may be chosen. Their number, or 0 where there are none yet. */
static size_t read_batch(struct tca_source *src, size_t room)
{
    struct tca_batch batch = {
        .record = src->records, .room = room, .frame = src->ahead + src->facts.packets + 1};
    enum tca_read got = tca_part_next(&src->part, &batch);

    if (got == TCA_READ_JOINT) {
        part_change(src);
        return 0;
    }
    if (got != TCA_READ_OK) {
        end_read(src, got, false);
        return 0;
    }
    if (batch.has_kind)
        note_kind(src, &batch.kind, src->facts.packets + 1);
    note_times(src, batch.count);
    src->facts.packets += batch.count;
    src->facts.chosen += choose(src, batch.count);
    return batch.count;
}

/* Make one step: towards records, or the end. */
static size_t advance(struct tca_source *src)
{
    uint64_t left = src->set.max_records ? src->set.max_records - src->facts.chosen : BATCH_MAX;

    if (tca_is_stopped(src->set.stop))
        end_interrupted(src);
    else if (left == 0)
        finish(src, TCA_OK, TCA_SOURCE_ok, "%s", "");
    else
        return read_batch(src, left < BATCH_MAX ? (size_t)left : BATCH_MAX);
    return 0;
}

int tca_source_next(struct tca_source *src, const struct tca_record **ret_records)
{
    size_t count = 0;

    while (count == 0 && !src->ended)
        count = advance(src);
    if (count == 0)
        return src->end;
    src->facts.bytes = tca_stream_tell(src->stream);
    src->at_hand = count;
    *ret_records = src->records;
    return (int)count;
}

void tca_source_set_ahead(struct tca_source *src, uint64_t ahead)
{
    src->ahead = ahead;
}

void tca_source_renumber(struct tca_source *src, size_t at, size_t count, uint64_t frame)
{
    for (size_t i = 0; i < count; i++)
        src->records[at + i].frame = frame + i;
}

void tca_source_leave(struct tca_source *src, size_t unused)
{
    for (size_t i = src->at_hand - unused; i < src->at_hand; i++)
        src->facts.chosen -= !src->records[i].left_out;
    src->facts.packets -= unused;
    src->at_hand = 0;
    if (src->ended)
        return;
    if (tca_is_stopped(src->set.stop))
        end_interrupted(src);
    else
        finish(src, TCA_OK, TCA_SOURCE_ok, "%s", "");
}

void tca_source_note(struct tca_source *src, const char *words)
{
    add_note(&src->facts, "%s", words);
}

/* ---- opening and closing ---- */

static int source_new(struct tca_stream *stream, const struct tca_source_settings *set,
                      struct tca_source **ret, struct tca_error *err)
{
    struct tca_source *src = malloc(sizeof *src);

    if (!src) {
        tca_stream_close(stream);
        return tca_fail_memory(err);
    }
    memset(src, 0, offsetof(struct tca_source, records));
    src->stream = stream;
    src->set = *set;
    src->set.filter = NULL;
    src->chooses = set->has_after || set->has_before || (set->filter && *set->filter);
    src->facts.format = "unknown";
    src->facts.ts_precision = "";
    src->facts.error_offset = -1;
    src->first.link = -1;
    src->link = -1;
    *ret = src;
    if (tca_filter_init(&src->filter, set->filter) < 0)
        return tca_fail_memory(err);
    return TCA_OK;
}

/* The filter must fit what the file is first said to hold. */
static int check_filter(struct tca_source *src, struct tca_error *err)
{
    struct tca_filter_program *program = tca_filter_for(&src->filter, src->first.link, err);

    if (!program)
        return TCA_OK;
    if (!program->fits)
        return err->code;
    if (!program->directed || tca_part_tells_directions(&src->part))
        return TCA_OK;
    return tca_fail(
        err, TCA_EUSAGE,
        "filter: inbound and outbound: a pcap file of link type %s tells no directions: capture on 'any', "
        "or choose by addresses",
        tca_link_name(src->first.link));
}

int tca_source_take(struct tca_stream *stream, const struct tca_source_settings *set, struct tca_source **ret,
                    struct tca_error *err)
{
    struct tca_source *src = NULL;
    int code = source_new(stream, set, &src, err);

    if (code == TCA_OK) {
        part_begin(src);
        code = check_filter(src, err);
    }
    if (code < 0) {
        tca_source_close(src);
        return code;
    }
    if (!src->ended)
        src->facts.bytes = tca_stream_tell(src->stream);
    *ret = src;
    return TCA_OK;
}

int tca_source_open(const char *path, const struct tca_source_settings *set, struct tca_source **ret,
                    struct tca_error *err)
{
    struct tca_stream *stream;
    int code = tca_stream_open(path, set->stop, &stream, err);

    return code < 0 ? code : tca_source_take(stream, set, ret, err);
}

const struct tca_source_facts *tca_source_facts(const struct tca_source *src)
{
    return &src->facts;
}

void tca_source_close(struct tca_source *src)
{
    if (!src)
        return;
    tca_part_done(&src->part);
    tca_stream_close(src->stream);
    tca_filter_done(&src->filter);
    free(src);
}

int tca_source_check_filter(const char *expression, struct tca_error *err)
{
    enum { LINKTYPE_ETHERNET = 1 };

    return tca_filter_check(expression, LINKTYPE_ETHERNET, err);
}

const char *tca_source_library(void)
{
    return pcap_lib_version();
}
