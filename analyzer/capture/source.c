/* SPDX-License-Identifier: MIT
 *
 * Reading captures with libpcap: the only file that calls its readers.
 *
 *     stream --> libpcap --> number --> choose --> batch of records
 *        \--> at each record boundary of a classic file, a look at what comes next
 *
 * Two things libpcap cannot know are seen at that boundary: another file's header (`cat a.pcap b.pcap`),
 * which it would take for an empty record and then for a broken one, and a tail of zero bytes (disk full,
 * power lost), which it would take for empty records without end. At a header the source begins again from
 * there with a new pcap_t; frame numbers go on.
 *
 * Checked against libpcap 1.10.3: sf-pcap.c, sf-pcapng.c.
 */
#include "capture/source.h"

#include <pcap/pcap.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/filter.h"
#include "capture/link.h"
#include "capture/magic.h"
#include "capture/stream.h"

enum {
    BATCH_MAX = 256,
    BYTES_MAX = 256 * 1024, /* of a batch, and of one record: libpcap's own limit for all but D-Bus */
    CLASSIC_HEADER_LEN = 24,
    RECORD_HEADER_LEN = 16,
    BLOCK_HEADER_LEN = 8, /* pcapng: type and length */
    PARTS_MAX = 4096,     /* joined captures: each costs a new pcap_t, and takes but 24 bytes of input */
};

struct tca_source {
    struct tca_stream *stream;
    struct tca_source_settings set;
    char *filter;
    pcap_t *pcap; /* of the current part */
    bool classic;
    uint8_t record_header_len; /* classic */
    uint32_t snaplen;
    uint64_t boundary; /* classic: offset of the next record */
    int link;
    struct bpf_program program;
    bool filtered;
    unsigned parts;
    uint64_t joint_frame, joint_offset; /* where the second part begins */
    bool ended;
    int end; /* what tca_source_next() returns at the end */
    struct tca_source_facts facts;

    /* A record that libpcap has read and that waits for room in the batch; bytes are libpcap's. */
    bool pending;
    struct tca_record waiting;

    struct tca_record records[BATCH_MAX];
    uint8_t bytes[BYTES_MAX];
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

static int fail(struct tca_error *err, int code, const char *text)
{
    err->code = code;
    err->frame = 0;
    err->offset = -1;
    snprintf(err->text, sizeof err->text, "%s", text);
    return code;
}

/* The input ends here, for this reason; `code` is what the caller gets once all records are delivered. */
__attribute__((format(printf, 4, 5))) static void
finish(struct tca_source *src, int code, enum tca_source_status status, const char *format, ...)
{
    va_list args;

    src->ended = true;
    src->end = code;
    src->facts.bytes = tca_stream_tell(src->stream);
    /* A link type that is not decoded weighs more than a cut end. */
    if (code == TCA_OK && src->facts.status == TCA_SOURCE_unsupported)
        return;
    src->facts.status = status;
    va_start(args, format);
    vsnprintf(src->facts.message, sizeof src->facts.message, format, args);
    va_end(args);
}

/* The same, at the next record; `offset` is where it begins, or -1: pcapng through libpcap does not tell. */
static void finish_at(struct tca_source *src, int code, enum tca_source_status status, int64_t offset,
                      const char *what, const char *advice)
{
    struct tca_source_facts *facts = &src->facts;
    char byte[32] = "";

    facts->error_frame = facts->packets + 1;
    facts->error_offset = offset;
    if (offset >= 0)
        snprintf(byte, sizeof byte, ", byte %lld", (long long)offset);
    finish(src, code, status, "%s (packet %llu%s): %s; packets read before it: %llu", what,
           (unsigned long long)facts->error_frame, byte, advice, (unsigned long long)facts->packets);
}

/* LINKTYPE_ values, which files hold, and libpcap's DLT_ values differ in a few older ones. */
static int link_of_dlt(int dlt)
{
    switch (dlt) {
    case DLT_ATM_RFC1483:
        return 100;
    case DLT_RAW:
        return 101;
    case DLT_SLIP_BSDOS:
        return 102;
    case DLT_PPP_BSDOS:
        return 103;
    default:
        return dlt;
    }
}

/* ---- the end of an input ---- */

static void end_unsupported_link(struct tca_source *src, int dlt)
{
    const char *name = pcap_datalink_val_to_name(dlt);

    src->facts.status = TCA_SOURCE_unsupported;
    snprintf(src->facts.message, sizeof src->facts.message,
             "link type %s (%d) is not supported: its packets are counted, none is analysed",
             name ? name : "unknown", link_of_dlt(dlt));
}

static void end_interrupted(struct tca_source *src)
{
    finish(src, TCA_OK, TCA_SOURCE_interrupted, "interrupted: %llu packets were read",
           (unsigned long long)src->facts.packets);
}

/* pcap_next_ex() failed. */
static void end_failed(struct tca_source *src)
{
    const char *text = pcap_geterr(src->pcap);
    int64_t offset = src->classic ? (int64_t)src->boundary : -1;

    if (src->set.stop && *src->set.stop)
        end_interrupted(src);
    else if (src->stream->error)
        finish_at(src, TCA_EINPUT, TCA_SOURCE_damaged, offset, strerror(src->stream->error),
                  "reading failed, copy the file and try again");
    else if (src->stream->starved)
        finish_at(src, TCA_OK, TCA_SOURCE_truncated, offset, "the file ends inside a record",
                  "the capture was cut there");
    else if (strstr(text, "different from the type of the first interface"))
        finish_at(src, TCA_EUNSUPPORTED, TCA_SOURCE_unsupported, offset,
                  "interfaces of different link types in one pcapng file",
                  "write each interface to a file of its own");
    else if (strstr(text, "different from the snapshot length of the first interface"))
        finish_at(src, TCA_EUNSUPPORTED, TCA_SOURCE_unsupported, offset,
                  "interfaces of different snapshot lengths in one pcapng file",
                  "write each interface to a file of its own");
    else
        finish_at(src, TCA_EINPUT, TCA_SOURCE_damaged, offset, text, "what follows cannot be found");
}

/* The input begins with no header that libpcap could read. */
static void end_no_capture(struct tca_source *src, const struct tca_magic *magic)
{
    const uint8_t *bytes;

    if (tca_stream_peek(src->stream, 1, &bytes) == 0) {
        if (src->stream->error)
            finish(src, TCA_EINPUT, TCA_SOURCE_damaged, "cannot read: %s", strerror(src->stream->error));
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
    if (magic->kind == MAGIC_COMPRESSED)
        finish(src, TCA_EUNSUPPORTED, TCA_SOURCE_unsupported,
               "compressed with %s: decompress it to standard input, %s FILE | tcpautopsy -", magic->format,
               magic->hint);
    else if (magic->kind == MAGIC_ARCHIVE)
        finish(src, TCA_EUNSUPPORTED, TCA_SOURCE_unsupported,
               "a %s archive: unpack it, or one capture of it, %s FILE NAME | tcpautopsy -", magic->format,
               magic->hint);
    else
        finish(src, TCA_EUNSUPPORTED, TCA_SOURCE_unsupported,
               "a capture in %s format: convert it, %s FILE NEW.pcap", magic->format, magic->hint);
}

/* ---- parts: usually one, the whole file ---- */

static void part_done(struct tca_source *src)
{
    if (src->filtered)
        pcap_freecode(&src->program);
    src->filtered = false;
    if (src->pcap)
        pcap_close(src->pcap);
    src->pcap = NULL;
}

/* A header that libpcap refuses, or that is cut. */
static void end_bad_header(struct tca_source *src, uint64_t where, const char *why)
{
    int64_t begin = (int64_t)where;

    if (src->set.stop && *src->set.stop)
        end_interrupted(src);
    else if (src->stream->error)
        finish_at(src, TCA_EINPUT, TCA_SOURCE_damaged, begin, strerror(src->stream->error),
                  "reading failed, copy the file and try again");
    else if (src->stream->starved)
        finish_at(src, TCA_EINPUT, TCA_SOURCE_damaged, begin, "the file ends inside its header",
                  "no packet follows, capture again");
    else
        finish_at(src, TCA_EINPUT, TCA_SOURCE_damaged, begin, why, "the file header cannot be read");
}

/* TCA_EUSAGE when the filter does not fit. For a link type that is not decoded any filter does: its records
 * have nothing to choose by. */
static int compile_filter(struct tca_source *src, struct tca_error *err)
{
    int code;

    if (!src->filter || !tca_link_decoded(src->link))
        return TCA_OK;
    code = tca_filter_compile(src->pcap, src->filter, &src->program, err);
    src->filtered = code == TCA_OK;
    return code;
}

static void note_part(struct tca_source *src)
{
    struct tca_source_facts *facts = &src->facts;
    int dlt = pcap_datalink(src->pcap);
    const char *name = pcap_datalink_val_to_name(dlt);

    src->link = link_of_dlt(dlt);
    src->snaplen = (uint32_t)pcap_snapshot(src->pcap);
    if (!tca_link_decoded(src->link))
        end_unsupported_link(src, dlt);
    if (facts->link >= 0)
        return;
    facts->link = src->link;
    if (name)
        snprintf(facts->link_name, sizeof facts->link_name, "%s", name);
    else
        snprintf(facts->link_name, sizeof facts->link_name, "LINKTYPE %d", src->link);
    facts->snaplen = src->snaplen;
}

/* Begin to read the capture that begins at the stream's next byte. 0 also where the input proves unreadable:
 * then the source has ended. */
static int part_begin(struct tca_source *src, struct tca_error *err)
{
    const struct tca_magic *magic = tca_magic_sniff(src->stream);
    uint64_t begin = tca_stream_tell(src->stream);
    char why[PCAP_ERRBUF_SIZE] = "";
    FILE *file;

    if (!magic || magic->kind > MAGIC_PCAPNG) {
        end_no_capture(src, magic);
        return TCA_OK;
    }
    src->classic = magic->kind == MAGIC_PCAP;
    src->record_header_len = magic->record_header_len;
    if (src->parts == 0) {
        src->facts.format = magic->format;
        src->facts.ts_precision = src->classic ? magic->hint : tca_magic_pcapng_precision(src->stream);
    }
    src->parts++;
    file = tca_stream_file(src->stream);
    if (!file)
        return fail(err, TCA_EMEMORY, "out of memory");
    src->pcap = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, why);
    if (!src->pcap) {
        end_bad_header(src, begin, why);
        src->stream->file = NULL;
        fclose(file);
        return TCA_OK;
    }
    note_part(src);
    src->boundary = begin + CLASSIC_HEADER_LEN;
    return compile_filter(src, err);
}

/* Another capture begins with the last n bytes that libpcap has taken. */
static void part_change(struct tca_source *src, size_t n)
{
    struct tca_error err;
    uint64_t begin = tca_stream_tell(src->stream) - n;
    int code;

    if (src->parts == PARTS_MAX) {
        finish_at(src, TCA_EINPUT, TCA_SOURCE_damaged, (int64_t)begin, "too many captures joined in one file",
                  "give them as files of their own");
        return;
    }
    if (src->parts == 1) {
        src->joint_frame = src->facts.packets + 1;
        src->joint_offset = begin;
    }
    tca_stream_give_back(src->stream, n);
    part_done(src);
    code = part_begin(src, &err);
    if (code == TCA_EUSAGE)
        finish(src, TCA_EUNSUPPORTED, TCA_SOURCE_unsupported, "a capture joined to the first: %s", err.text);
    else if (code < 0)
        finish(src, code, TCA_SOURCE_damaged, "%s", err.text);
}

/* ---- records ---- */

/* libpcap hands on the 32-bit fields of a classic file as signed; they are unsigned, and last until 2106.
 * pcapng has 64 bits: more than int64 nanoseconds hold. */
static int64_t time_ns(const struct timeval *time, bool classic)
{
    const int64_t second = 1000000000, seconds_max = INT64_MAX / second - 5;
    int64_t seconds = classic ? (int64_t)(uint32_t)time->tv_sec : (int64_t)time->tv_sec;
    uint32_t fraction = (uint32_t)time->tv_usec;

    if (seconds > seconds_max)
        return INT64_MAX;
    if (seconds < -seconds_max)
        return INT64_MIN;
    return seconds * second + fraction;
}

static bool is_wanted(const struct tca_source *src, const struct pcap_pkthdr *header, const uint8_t *bytes,
                      int64_t when)
{
    const struct tca_source_settings *set = &src->set;

    if (set->has_after && when < set->after_ns)
        return false;
    if (set->has_before && when >= set->before_ns)
        return false;
    return !src->filtered || pcap_offline_filter(&src->program, header, bytes) != 0;
}

/* The end of the file, at a record boundary. */
static void end_file(struct tca_source *src)
{
    if (src->parts > 1)
        finish(src, TCA_OK, TCA_SOURCE_ok,
               "%u captures joined in one file (packet %llu, byte %llu begins the second): read one after "
               "the other",
               src->parts, (unsigned long long)src->joint_frame, (unsigned long long)src->joint_offset);
    else
        finish(src, TCA_OK, TCA_SOURCE_ok, "%s", "");
}

/* libpcap took the last 16 bytes for a record without bytes. True when they are none. */
static bool is_no_record(struct tca_source *src)
{
    static const uint8_t zeros[RECORD_HEADER_LEN];
    const uint8_t *header = tca_stream_behind(src->stream, RECORD_HEADER_LEN);

    if (!header)
        return false;
    if (memcmp(header, zeros, sizeof zeros) == 0) {
        finish_at(src, TCA_EINPUT, TCA_SOURCE_damaged, (int64_t)src->boundary,
                  "zero bytes instead of a record", "the disk was full or the power lost");
        return true;
    }
    if (!tca_magic_is_classic(header))
        return false;
    part_change(src, RECORD_HEADER_LEN);
    return true;
}

/* libpcap failed: because it met another capture? Then read on from there. */
static bool met_another_capture(struct tca_source *src)
{
    size_t n = src->classic ? RECORD_HEADER_LEN : BLOCK_HEADER_LEN;
    const uint8_t *header = src->stream->starved ? NULL : tca_stream_behind(src->stream, n);

    if (!header || !(src->classic ? tca_magic_is_section(header) : tca_magic_is_classic_start(header)))
        return false;
    part_change(src, n);
    return true;
}

/* Where the next record of a classic file begins. What exceeds the snap length libpcap passes over unseen. */
static void move_boundary(struct tca_source *src, uint32_t captured)
{
    if (src->classic && captured < src->snaplen)
        src->boundary += src->record_header_len + captured;
    else if (src->classic)
        src->boundary = tca_stream_tell(src->stream);
}

/* Read the next record; it waits in src->waiting, marked if it was not chosen. */
static void read_record(struct tca_source *src)
{
    struct pcap_pkthdr *header;
    const u_char *bytes;
    int got = pcap_next_ex(src->pcap, &header, &bytes);
    int64_t when;

    if (got != 1 && src->set.stop && *src->set.stop) {
        end_interrupted(src); /* the read was, not the file's end */
        return;
    }
    if (got == PCAP_ERROR_BREAK) {
        end_file(src);
        return;
    }
    if (got != 1) {
        if (!met_another_capture(src))
            end_failed(src);
        return;
    }
    if (src->classic && header->caplen == 0 && header->len == 0 && is_no_record(src))
        return;
    move_boundary(src, header->caplen);
    src->facts.packets++;
    when = time_ns(&header->ts, src->classic);
    bool wanted = is_wanted(src, header, bytes, when);
    src->facts.chosen += wanted;
    src->pending = true;
    src->waiting = (struct tca_record){
        .bytes = bytes,
        .captured = header->caplen < BYTES_MAX ? header->caplen : BYTES_MAX,
        .original = header->len,
        .time_ns = when,
        .frame = src->facts.packets,
        .link = src->link,
        .left_out = !wanted,
    };
}

/* Make one step: towards a waiting record, or the end. */
static void advance(struct tca_source *src)
{
    if (src->set.stop && *src->set.stop)
        end_interrupted(src);
    else if (src->set.max_records != 0 && src->facts.chosen >= src->set.max_records)
        finish(src, TCA_OK, TCA_SOURCE_ok, "%s", "");
    else
        read_record(src);
}

int tca_source_next(struct tca_source *src, const struct tca_record **ret_records)
{
    int count = 0;
    uint32_t used = 0;

    while (count < BATCH_MAX) {
        while (!src->pending && !src->ended)
            advance(src);
        if (!src->pending || src->waiting.captured > BYTES_MAX - used)
            break;
        memcpy(src->bytes + used, src->waiting.bytes, src->waiting.captured);
        src->records[count] = src->waiting;
        src->records[count].bytes = src->bytes + used;
        used += src->waiting.captured;
        src->pending = false;
        count++;
    }
    if (count == 0)
        return src->end;
    if (!src->ended)
        src->facts.bytes = tca_stream_tell(src->stream);
    *ret_records = src->records;
    return count;
}

/* ---- opening and closing ---- */

static int source_new(const char *path, const struct tca_source_settings *set, struct tca_source **ret,
                      struct tca_error *err)
{
    struct tca_source *src = malloc(sizeof *src);

    if (!src)
        return fail(err, TCA_EMEMORY, "out of memory");
    memset(src, 0, offsetof(struct tca_source, records));
    src->set = *set;
    src->facts.format = "unknown";
    src->facts.ts_precision = "";
    src->facts.link = -1;
    src->facts.error_offset = -1;
    *ret = src;
    if (set->filter && *set->filter) {
        src->filter = strdup(set->filter);
        if (!src->filter)
            return fail(err, TCA_EMEMORY, "out of memory");
    }
    src->set.filter = NULL;
    return tca_stream_open(path, set->stop, &src->stream, err);
}

int tca_source_open(const char *path, const struct tca_source_settings *set, struct tca_source **ret,
                    struct tca_error *err)
{
    struct tca_source *src = NULL;
    int code = source_new(path, set, &src, err);

    if (code == TCA_OK)
        code = part_begin(src, err);
    if (code < 0) {
        tca_source_close(src);
        return code;
    }
    if (!src->ended)
        src->facts.bytes = tca_stream_tell(src->stream);
    *ret = src;
    return TCA_OK;
}

const struct tca_source_facts *tca_source_facts(const struct tca_source *src)
{
    return &src->facts;
}

void tca_source_close(struct tca_source *src)
{
    if (!src)
        return;
    part_done(src);
    tca_stream_close(src->stream);
    free(src->filter);
    free(src);
}

int tca_source_check_filter(const char *expression, struct tca_error *err)
{
    pcap_t *ethernet = pcap_open_dead(DLT_EN10MB, BYTES_MAX);
    struct bpf_program program;
    int code;

    if (!ethernet)
        return fail(err, TCA_EMEMORY, "out of memory");
    code = tca_filter_compile(ethernet, expression, &program, err);
    if (code == TCA_OK)
        pcap_freecode(&program);
    pcap_close(ethernet);
    return code;
}

const char *tca_source_library(void)
{
    return pcap_lib_version();
}
