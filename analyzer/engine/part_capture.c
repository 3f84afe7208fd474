/* SPDX-License-Identifier: MIT
 *
 * A capture's facts in a part, and those of each file of a series: numbers, then texts, as two tables of what there is. Shares of
 * a capture saw the same records, so most facts are the same in all of them; what is counted by connection is of each share's
 * own, and is joined.
 *
 *      file:     { number u64 ... } { bytes u64, text } ...
 *      capture:  the same of the whole, { mixed_tags, warns, files, 0 or 1: u64 } [ ports at which connections were left out ]
 */
#include "base/alloc.h"
#include "base/time_limit.h"
#include "capture/source.h"
#include "engine/part.h"
#include "engine/reading.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* How it comes out of several shares. */
enum join { SAME, SUM, LATEST };

struct number {
    size_t at;
    uint8_t bytes, times; /* of one; of them there are so many, one behind the other */
    enum join join;
    uint64_t most;
    bool is_time; /* or an interval; -1: there is none */
};
#define FACT(field, join, most)                                                                              \
    {                                                                                                        \
        offsetof(struct tca_capture_facts, field), sizeof((struct tca_capture_facts *)0)->field, 1, join,    \
            most, false                                                                                      \
    }
#define MOMENT(field, join)                                                                                  \
    {                                                                                                        \
        offsetof(struct tca_capture_facts, field), sizeof((struct tca_capture_facts *)0)->field, 1, join,    \
            UINT64_MAX, true                                                                                 \
    }
#define FACTS(field, join)                                                                                   \
    {                                                                                                        \
        offsetof(struct tca_capture_facts, field), sizeof *((struct tca_capture_facts *)0)->field,           \
            sizeof((struct tca_capture_facts *)0)->field / sizeof *((struct tca_capture_facts *)0)->field,   \
            join, UINT64_MAX, false                                                                          \
    }
static const struct number numbers[] = {
    FACTS(link, SAME),
    FACT(links, SAME, TCA_CAPTURE_LINKS_MAX),
    FACT(snaplen, SAME, UINT64_MAX),
    FACT(has_drops, SAME, true),
    FACT(drops, SAME, UINT64_MAX),
    FACT(packets, SAME, UINT64_MAX),
    FACT(bytes, SAME, UINT64_MAX),
    FACT(tcp_packets, SUM, UINT64_MAX),
    FACT(flows, SUM, UINT64_MAX),
    FACT(order_errors, SAME, UINT64_MAX),
    FACT(duplicates, SUM, UINT64_MAX),
    FACT(error_offset, SAME, UINT64_MAX),
    MOMENT(first_ns, SAME),
    MOMENT(last_ns, SAME),
    MOMENT(end_ns, LATEST),
    MOMENT(gap_before_ns, SAME),
    FACTS(outcome, SAME),
};
#undef FACTS
#undef MOMENT
#undef FACT

enum { TEXT_MAX = 1 << 20 };

/* Texts of ours are pointers to what stands in the program: the same words, or it is no capture of ours. */
static const char *const words[] = {"",   "ok", "pcap", "pcapng", "unknown", "s",
                                    "ms", "us", "ns",   "other",  "mixed",   NULL};

static const char *our_word(const char *text)
{
    for (const char *const *word = words; *word; word++)
        if (!strcmp(*word, text))
            return *word;
    for (int status = 0; status <= TCA_SOURCE_interrupted; status++) {
        const char *word = tca_source_status_name((enum tca_source_status)status);
        if (!strcmp(word, text))
            return word;
    }
    return NULL;
}

static int take_word(const char **place, const char *text)
{
    *place = our_word(text);
    return *place ? TCA_OK : TCA_EINPUT;
}

static int take_name(const struct tca_file_of *file, const char *text)
{
    char *name = tca_strdup(text);
    if (!name)
        return TCA_EMEMORY;
    tca_free(*file->name);
    file->facts->name = *file->name = name;
    return TCA_OK;
}

static int take_format(const struct tca_file_of *file, const char *text)
{
    return take_word(&file->facts->format, text);
}

static int take_precision(const struct tca_file_of *file, const char *text)
{
    return take_word(&file->facts->ts_precision, text);
}

static int take_status(const struct tca_file_of *file, const char *text)
{
    return take_word(&file->facts->status, text);
}

static int take_comment(const struct tca_file_of *file, const char *text)
{
    struct tca_clip clip;
    snprintf(clip.text, sizeof clip.text, "%s", text);
    return tca_capture_comment(file, clip.text);
}

/* The message is what the source said alone: what was found besides is said anew. */
static const struct text {
    size_t at; /* of the pointer to it, in the facts */
    int (*take)(const struct tca_file_of *file, const char *text);
} texts[] = {
    {offsetof(struct tca_capture_facts, name), take_name},
    {offsetof(struct tca_capture_facts, format), take_format},
    {offsetof(struct tca_capture_facts, ts_precision), take_precision},
    {offsetof(struct tca_capture_facts, status), take_status},
    {offsetof(struct tca_capture_facts, comment), take_comment},
    {offsetof(struct tca_capture_facts, message), tca_capture_say},
};

enum { TEXT_COUNT = sizeof texts / sizeof *texts, NUMBER_COUNT = sizeof numbers / sizeof *numbers };

/* ---- numbers of any size ---- */

static uint64_t number_at(const struct tca_capture_facts *facts, const struct number *n, unsigned time)
{
    const uint8_t *place = (const uint8_t *)facts + n->at + (size_t)time * n->bytes;
    uint64_t value64;
    uint32_t value32;
    if (n->bytes == 8)
        return memcpy(&value64, place, 8), value64;
    if (n->bytes == 4)
        return memcpy(&value32, place, 4), value32;
    return *place;
}

static void set_number(struct tca_capture_facts *facts, const struct number *n, unsigned time, uint64_t value)
{
    uint8_t *place = (uint8_t *)facts + n->at + (size_t)time * n->bytes;
    uint32_t value32 = (uint32_t)value;
    if (n->bytes == 8)
        memcpy(place, &value, 8);
    else if (n->bytes == 4)
        memcpy(place, &value32, 4);
    else
        *place = (uint8_t)value;
}

/* ---- writing ---- */

static void add_u64(struct tca_buf *out, uint64_t value)
{
    tca_buf_add(out, &value, sizeof value);
}

static const char *text_at(const struct tca_capture_facts *facts, const struct text *text)
{
    const char *value;
    memcpy(&value, (const uint8_t *)facts + text->at, sizeof value);
    return value;
}

static void add_text(struct tca_buf *out, const struct tca_file_of *file, const struct text *text)
{
    const char *value = text_at(file->facts, text);
    size_t length = text->take == tca_capture_say ? *file->said : strlen(value);
    length = length < TEXT_MAX ? length : TEXT_MAX;
    add_u64(out, length);
    tca_buf_add(out, value, length);
}

static void add_facts(struct tca_buf *out, const struct tca_file_of *file)
{
    for (const struct number *n = numbers; n < numbers + NUMBER_COUNT; n++)
        for (unsigned time = 0; time < n->times; time++)
            add_u64(out, number_at(file->facts, n, time));
    for (const struct text *text = texts; text < texts + TEXT_COUNT; text++)
        add_text(out, file, text);
}

int tca_part_write_capture(struct capture *c, struct tca_buf *out)
{
    const struct tca_file_of whole = tca_whole_of(c);
    tca_buf_reset(out);
    add_facts(out, &whole);
    add_u64(out, c->mixed_tags);
    add_u64(out, c->warns);
    add_u64(out, c->files);
    add_u64(out, c->left_out != NULL);
    if (c->left_out)
        tca_buf_add(out, c->left_out, TCA_PORT_BITS);
    return out->failed ? TCA_EMEMORY : TCA_OK;
}

int tca_part_write_file(struct capture *c, uint32_t at, struct tca_buf *out)
{
    const struct tca_file_of file = tca_file_of(c, at);
    tca_buf_reset(out);
    add_facts(out, &file);
    return out->failed ? TCA_EMEMORY : TCA_OK;
}

/* ---- reading ---- */

struct input {
    const uint8_t *at, *end;
    bool short_of; /* it ended too early */
};

static const void *take(struct input *in, size_t size)
{
    const void *at = in->at;
    if ((size_t)(in->end - in->at) < size) {
        in->short_of = true;
        return NULL;
    }
    in->at += size;
    return at;
}

static uint64_t take_u64(struct input *in)
{
    uint64_t value = 0;
    const void *at = take(in, sizeof value);
    if (at)
        memcpy(&value, at, sizeof value);
    return value;
}

static int read_numbers(struct input *in, struct tca_capture_facts *facts)
{
    for (const struct number *n = numbers; n < numbers + NUMBER_COUNT; n++)
        for (unsigned time = 0; time < n->times; time++) {
            uint64_t value = take_u64(in);
            if (n->is_time ? value + 1 > (uint64_t)TCA_TIME_LAST_NS + 1 : value > n->most)
                return TCA_EINPUT;
            set_number(facts, n, time, value);
        }
    return in->short_of ? TCA_EINPUT : TCA_OK;
}

static int read_text(struct input *in, const struct tca_file_of *file, const struct text *text)
{
    uint64_t length = take_u64(in);
    const char *from = length <= TEXT_MAX ? take(in, (size_t)length) : NULL;
    if (!from || memchr(from, '\0', (size_t)length))
        return TCA_EINPUT;
    struct tca_buf copy = {0};
    tca_buf_add(&copy, from, (size_t)length);
    int error = text->take(file, tca_buf_text(&copy));
    error = copy.failed ? TCA_EMEMORY : error;
    tca_buf_done(&copy);
    return error;
}

static int read_facts(struct input *in, const struct tca_file_of *file)
{
    int error = read_numbers(in, file->facts);
    for (const struct text *text = texts; !error && text < texts + TEXT_COUNT; text++)
        error = read_text(in, file, text);
    return error;
}

/* What stands behind the facts of a capture. */
static int read_rest(struct input *in, struct capture *c, uint32_t *ret_files)
{
    uint64_t mixed_tags = take_u64(in), warns = take_u64(in), files = take_u64(in), any = take_u64(in);
    const void *ports = any == 1 ? take(in, TCA_PORT_BITS) : NULL;
    if (in->short_of || any > 1 || warns > 1 || files == 1 || files > TCA_SERIES_MAX || in->at != in->end)
        return TCA_EINPUT;
    c->mixed_tags = mixed_tags;
    c->warns = warns != 0;
    *ret_files = (uint32_t)files;
    return ports ? tca_capture_leave_out(c, ports) : TCA_OK;
}

int tca_part_read_capture(const void *bytes, size_t size, struct capture *c, uint32_t *ret_files)
{
    struct input in = {bytes, (const uint8_t *)bytes + size, false};
    const struct tca_file_of whole = tca_whole_of(c);
    int error = read_facts(&in, &whole);
    return error ? error : read_rest(&in, c, ret_files);
}

size_t tca_part_file_least(void)
{
    return sizeof(struct tca_part_file) + (NUMBER_COUNT + TEXT_COUNT) * sizeof(uint64_t);
}

int tca_part_read_file(const void *bytes, size_t size, struct capture *c, uint32_t at)
{
    struct input in = {bytes, (const uint8_t *)bytes + size, false};
    const struct tca_file_of file = tca_file_of(c, at);
    int error = read_facts(&in, &file);
    return error ? error : in.at == in.end ? TCA_OK : TCA_EINPUT;
}

/* ---- shares ---- */

static bool join_number(struct tca_capture_facts *facts, const struct tca_capture_facts *other,
                        const struct number *n, unsigned time)
{
    uint64_t one = number_at(facts, n, time), two = number_at(other, n, time);
    if (n->join == SUM)
        set_number(facts, n, time, one + two);
    else if (n->join == LATEST && (int64_t)two > (int64_t)one)
        set_number(facts, n, time, two);
    return n->join != SAME || one == two;
}

static int join_facts(struct tca_capture_facts *facts, const struct tca_capture_facts *other)
{
    bool same = true;
    for (const struct text *text = texts; same && text < texts + TEXT_COUNT; text++)
        same = !strcmp(text_at(facts, text), text_at(other, text));
    for (const struct number *n = numbers; same && n < numbers + NUMBER_COUNT; n++)
        for (unsigned time = 0; same && time < n->times; time++)
            same = join_number(facts, other, n, time);
    return same ? TCA_OK : TCA_EINPUT;
}

static struct capture *new_other(void)
{
    struct capture *other = tca_alloc(sizeof *other);
    if (other)
        other->facts.comment = "";
    return other;
}

static void free_other(struct capture *other)
{
    tca_free(other->name);
    tca_free(other->message);
    tca_free(other->comment);
    tca_free(other->left_out);
    tca_free(other);
}

int tca_part_join_capture(const void *bytes, size_t size, struct capture *c)
{
    struct capture *other = new_other();
    uint32_t files = 0;
    if (!other)
        return TCA_EMEMORY;
    int error = tca_part_read_capture(bytes, size, other, &files);
    if (!error && files != c->files)
        error = TCA_EINPUT;
    if (!error)
        error = join_facts(&c->facts, &other->facts);
    if (!error && other->left_out)
        error = tca_capture_leave_out(c, other->left_out);
    c->mixed_tags += other->mixed_tags;
    free_other(other);
    return error;
}

int tca_part_join_file(const void *bytes, size_t size, struct capture *c, uint32_t at)
{
    struct capture *other = new_other();
    if (!other)
        return TCA_EMEMORY;
    int error = tca_part_read_file(bytes, size, other, 0);
    if (!error)
        error = join_facts(&c->file[at], &other->facts);
    free_other(other);
    return error;
}

uint64_t tca_part_capture_form(void)
{
    struct {
        uint64_t bytes, times, join;
    } form[NUMBER_COUNT];
    for (unsigned at = 0; at < NUMBER_COUNT; at++) {
        form[at].bytes = numbers[at].bytes;
        form[at].times = numbers[at].times;
        form[at].join = numbers[at].join;
    }
    return XXH3_64bits_withSeed(form, sizeof form, TEXT_COUNT);
}
