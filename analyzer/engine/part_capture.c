/* SPDX-License-Identifier: MIT
 *
 * A capture's facts in a part: numbers, then texts, then the ports at which connections were left out, as two tables of what there
 * is. Shares of a capture saw the same records, so most facts are the same in all of them; what is counted by connection is of
 * each share's own, and is joined.
 *
 *      { number u64 ... } { bytes u64, text } ... { 0 or 1 u64 } [ ports ]
 */
#include "base/alloc.h"
#include "capture/source.h"
#include "engine/part.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* How it comes out of several shares. */
enum join { SAME, SUM, LATEST };

struct number {
    size_t at;
    uint8_t bytes, times; /* of one; of them there are so many, one behind the other */
    enum join join;
    uint64_t most;
};
#define NUMBERS(field, join, most)                                                                           \
    {                                                                                                        \
        offsetof(struct capture, field), sizeof((struct capture *)0)->field, 1, join, most                   \
    }
#define LIST(field, join)                                                                                    \
    {                                                                                                        \
        offsetof(struct capture, field), sizeof *((struct capture *)0)->field,                               \
            sizeof((struct capture *)0)->field / sizeof *((struct capture *)0)->field, join, UINT64_MAX      \
    }
static const struct number numbers[] = {
    LIST(facts.link, SAME),
    NUMBERS(facts.links, SAME, TCA_CAPTURE_LINKS_MAX),
    NUMBERS(facts.snaplen, SAME, UINT64_MAX),
    NUMBERS(facts.has_drops, SAME, true),
    NUMBERS(facts.drops, SAME, UINT64_MAX),
    NUMBERS(facts.packets, SAME, UINT64_MAX),
    NUMBERS(facts.bytes, SAME, UINT64_MAX),
    NUMBERS(facts.tcp_packets, SUM, UINT64_MAX),
    NUMBERS(facts.flows, SUM, UINT64_MAX),
    NUMBERS(facts.order_errors, SAME, UINT64_MAX),
    NUMBERS(facts.duplicates, SUM, UINT64_MAX),
    NUMBERS(facts.error_offset, SAME, UINT64_MAX),
    NUMBERS(facts.first_ns, SAME, UINT64_MAX),
    NUMBERS(facts.last_ns, SAME, UINT64_MAX),
    NUMBERS(facts.end_ns, LATEST, UINT64_MAX),
    LIST(facts.outcome, SAME),
    NUMBERS(mixed_tags, SUM, UINT64_MAX),
    NUMBERS(warns, SAME, true),
};
#undef LIST
#undef NUMBERS

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

static int take_name(struct capture *c, const char *text)
{
    char *name = tca_strdup(text);
    if (!name)
        return TCA_EMEMORY;
    tca_free(c->name);
    c->facts.name = c->name = name;
    return TCA_OK;
}

static int take_format(struct capture *c, const char *text)
{
    return take_word(&c->facts.format, text);
}

static int take_precision(struct capture *c, const char *text)
{
    return take_word(&c->facts.ts_precision, text);
}

static int take_status(struct capture *c, const char *text)
{
    return take_word(&c->facts.status, text);
}

static int take_comment(struct capture *c, const char *text)
{
    c->comment = (struct tca_clip){0};
    snprintf(c->comment.text, sizeof c->comment.text, "%s", text);
    return TCA_OK;
}

/* The message is what the source said alone: what was found besides is said anew. */
static const struct text {
    size_t at; /* of the pointer to it */
    int (*take)(struct capture *c, const char *text);
} texts[] = {
    {offsetof(struct capture, facts.name), take_name},
    {offsetof(struct capture, facts.format), take_format},
    {offsetof(struct capture, facts.ts_precision), take_precision},
    {offsetof(struct capture, facts.status), take_status},
    {offsetof(struct capture, facts.comment), take_comment},
    {offsetof(struct capture, facts.message), tca_capture_say},
};

enum { TEXT_COUNT = sizeof texts / sizeof *texts, NUMBER_COUNT = sizeof numbers / sizeof *numbers };

/* ---- numbers of any size ---- */

static uint64_t number_at(const struct capture *c, const struct number *n, unsigned time)
{
    const uint8_t *place = (const uint8_t *)c + n->at + (size_t)time * n->bytes;
    uint64_t value64;
    uint32_t value32;
    if (n->bytes == 8)
        return memcpy(&value64, place, 8), value64;
    if (n->bytes == 4)
        return memcpy(&value32, place, 4), value32;
    return *place;
}

static void set_number(struct capture *c, const struct number *n, unsigned time, uint64_t value)
{
    uint8_t *place = (uint8_t *)c + n->at + (size_t)time * n->bytes;
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

static void add_text(struct tca_buf *out, const struct capture *c, const struct text *text)
{
    const char *value;
    memcpy(&value, (const uint8_t *)c + text->at, sizeof value);
    size_t length = text->take == tca_capture_say ? c->said : strlen(value);
    length = length < TEXT_MAX ? length : TEXT_MAX;
    add_u64(out, length);
    tca_buf_add(out, value, length);
}

int tca_part_write_capture(const struct capture *c, struct tca_buf *out)
{
    tca_buf_reset(out);
    for (const struct number *n = numbers; n < numbers + NUMBER_COUNT; n++)
        for (unsigned time = 0; time < n->times; time++)
            add_u64(out, number_at(c, n, time));
    for (const struct text *text = texts; text < texts + TEXT_COUNT; text++)
        add_text(out, c, text);
    add_u64(out, c->left_out != NULL);
    if (c->left_out)
        tca_buf_add(out, c->left_out, TCA_PORT_BITS);
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

static int read_numbers(struct input *in, struct capture *c)
{
    for (const struct number *n = numbers; n < numbers + NUMBER_COUNT; n++)
        for (unsigned time = 0; time < n->times; time++) {
            uint64_t value = take_u64(in);
            if (value > n->most)
                return TCA_EINPUT;
            set_number(c, n, time, value);
        }
    return in->short_of ? TCA_EINPUT : TCA_OK;
}

static int read_text(struct input *in, struct capture *c, const struct text *text)
{
    uint64_t length = take_u64(in);
    const char *from = length <= TEXT_MAX ? take(in, (size_t)length) : NULL;
    if (!from || memchr(from, '\0', (size_t)length))
        return TCA_EINPUT;
    struct tca_buf copy = {0};
    tca_buf_add(&copy, from, (size_t)length);
    int error = text->take(c, tca_buf_text(&copy));
    error = copy.failed ? TCA_EMEMORY : error;
    tca_buf_done(&copy);
    return error;
}

static int read_ports(struct input *in, struct capture *c)
{
    uint64_t any = take_u64(in);
    const void *ports = any == 1 ? take(in, TCA_PORT_BITS) : NULL;
    if (in->short_of || any > 1 || in->at != in->end)
        return TCA_EINPUT;
    return ports ? tca_capture_leave_out(c, ports) : TCA_OK;
}

int tca_part_read_capture(const void *bytes, size_t size, struct capture *c)
{
    struct input in = {bytes, (const uint8_t *)bytes + size, false};
    int error = read_numbers(&in, c);
    for (const struct text *text = texts; !error && text < texts + TEXT_COUNT; text++)
        error = read_text(&in, c, text);
    return error ? error : read_ports(&in, c);
}

/* ---- shares ---- */

static bool join_number(struct capture *c, const struct capture *other, const struct number *n, unsigned time)
{
    uint64_t one = number_at(c, n, time), two = number_at(other, n, time);
    if (n->join == SUM)
        set_number(c, n, time, one + two);
    else if (n->join == LATEST && (int64_t)two > (int64_t)one)
        set_number(c, n, time, two);
    return n->join != SAME || one == two;
}

static bool join_texts(const struct capture *c, const struct capture *other)
{
    for (const struct text *text = texts; text < texts + TEXT_COUNT; text++) {
        const char *one, *two;
        memcpy(&one, (const uint8_t *)c + text->at, sizeof one);
        memcpy(&two, (const uint8_t *)other + text->at, sizeof two);
        if (strcmp(one, two) != 0)
            return false;
    }
    return true;
}

static int join(struct capture *c, const struct capture *other)
{
    bool same = join_texts(c, other);
    for (const struct number *n = numbers; same && n < numbers + NUMBER_COUNT; n++)
        for (unsigned time = 0; same && time < n->times; time++)
            same = join_number(c, other, n, time);
    if (!same)
        return TCA_EINPUT;
    return other->left_out ? tca_capture_leave_out(c, other->left_out) : TCA_OK;
}

int tca_part_join_capture(const void *bytes, size_t size, struct capture *c)
{
    struct capture *other = tca_alloc(sizeof *other);
    if (!other)
        return TCA_EMEMORY;
    other->facts.comment = other->comment.text;
    int error = tca_part_read_capture(bytes, size, other);
    if (!error)
        error = join(c, other);
    tca_free(other->name);
    tca_free(other->message);
    tca_free(other->left_out);
    tca_free(other);
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
