/* SPDX-License-Identifier: MIT
 *
 * The reader of pcapng files: blocks of every kind composed in memory, right, cut and wrong; and libpcap as the oracle:
 * whatever it reads to its end, of captures and of files that were changed at random, our reader reads alike.
 */
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agree.h"
#include "capture/link.h"
#include "capture/pcapng.h"
#include "capture/source.h"
#include "frame.h"
#include "pcapng.h"

enum { ETHERNET = 1, RAW = 101, SLL = 113, USB = 189, NFLOG = 239 }; /* LINKTYPE_ values */

static struct blocks in; /* the file that a test composes */
static char directory[40], path[64];

static void setup(void)
{
    in = (struct blocks){0};
    strcpy(directory, "/tmp/tca_test_pcapng_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/file", directory);
}

static void teardown(void)
{
    tca_buf_done(&in.out);
    unlink(path);
    rmdir(directory);
}

/* A new file each time: some file systems wait for the disk when one that was cut to nothing is closed. */
static void save(const void *bytes, size_t len)
{
    unlink(path);
    FILE *out = fopen(path, "wb");

    ck_assert_ptr_nonnull(out);
    ck_assert_uint_eq(fwrite(bytes, 1, len, out), len);
    ck_assert_int_eq(fclose(out), 0);
}

/* ---- composing ---- */

static void add_interface(uint16_t link, uint32_t snaplen, uint8_t resolution)
{
    size_t at = blocks_interface(&in, link, snaplen);

    blocks_option(&in, OPTION_COMMENT, "an interface", 12);
    blocks_option_number(&in, OPTION_TSRESOL, resolution, 1);
    blocks_option(&in, OPTION_END, "", 0);
    blocks_end(&in, at);
}

/* A packet of one byte, by which it is known again. */
static void add_packet(uint32_t interface, uint64_t ticks, char name)
{
    blocks_end(&in, blocks_packet(&in, interface, ticks, &name, 1, 60));
}

static void add_drops(uint32_t interface, uint64_t in_interface, uint64_t in_system)
{
    size_t at = blocks_statistics(&in, interface);

    blocks_option_number(&in, OPTION_IFDROP, in_interface, 8);
    blocks_option_number(&in, OPTION_OSDROP, in_system, 8);
    blocks_end(&in, at);
}

/* ---- reading ---- */

enum { SEEN_MAX = 64 };

struct seen {
    int end;
    unsigned count;
    struct tca_record record[SEEN_MAX]; /* bytes are not valid any more */
    char names[SEEN_MAX + 1];           /* first byte of each that was chosen */
    char comments[2000];                /* of records, each in brackets */
    struct tca_source_facts facts;
};

static void note_comment(struct seen *seen, const struct tca_record *record)
{
    size_t used = strlen(seen->comments);

    if (record->comment)
        snprintf(seen->comments + used, sizeof seen->comments - used, "[%.*s]", (int)record->comment_len,
                 record->comment);
}

static void read_source(struct tca_source *src, struct seen *seen)
{
    const struct tca_record *records;

    while ((seen->end = tca_source_next(src, &records)) > 0)
        for (int i = 0; i < seen->end; i++) {
            ck_assert_uint_lt(seen->count, SEEN_MAX);
            seen->record[seen->count++] = records[i];
            note_comment(seen, &records[i]);
            if (!records[i].left_out)
                seen->names[strlen(seen->names)] = records[i].captured ? (char)records[i].bytes[0] : '?';
        }
    seen->facts = *tca_source_facts(src);
    tca_source_close(src);
}

static struct seen read_with(const struct tca_source_settings *set)
{
    struct seen seen = {0};
    struct tca_source *src;
    struct tca_error err = {.text = ""};

    save(in.out.bytes, in.out.used);
    ck_assert_msg(tca_source_open(path, set, &src, &err) == TCA_OK, "%s", err.text);
    read_source(src, &seen);
    return seen;
}

static struct seen read_all(void)
{
    return read_with(&(struct tca_source_settings){0});
}

#define CHECK_STATUS(seen, wanted)                                                                           \
    ck_assert_msg((seen)->facts.status == TCA_SOURCE_##wanted, "%s: %s",                                     \
                  tca_source_status_name((seen)->facts.status), (seen)->facts.message)
#define CHECK_MESSAGE(seen, part)                                                                            \
    ck_assert_msg(strstr((seen)->facts.message, part) != NULL, "'%s' lacks '%s'", (seen)->facts.message, part)

/* ---- clocks ---- */

static const struct {
    const char *why;
    uint8_t resolution;
    int64_t offset_s;
    uint64_t ticks;
    int64_t time_ns;
    const char *precision;
} clock_rows[] = {
    {"10^-0", 0, 0, 1700000000, 1700000000000000000, "s"},
    {"10^-1", 1, 0, 17000000001, 1700000000100000000, "other"},
    {"10^-3", 3, 0, 1700000000009, 1700000000009000000, "ms"},
    {"10^-6", 6, 0, 1700000000999999, 1700000000999999000, "us"},
    {"10^-8", 8, 0, 170000000000000001, 1700000000000000010, "other"},
    {"10^-9", 9, 0, 1700000000000000001, 1700000000000000001, "ns"},
    {"10^-12 is cut", 12, 0, 12345678901999, 12345678901, "other"},
    {"10^-19", 19, 0, 15000000000000000000u, 1500000000, "other"},
    {"2^-0", 0x80, 0, 1700000000, 1700000000000000000, "other"},
    {"2^-10", 0x80 | 10, 0, 1700000000ull << 10 | 512, 1700000000500000000, "other"},
    {"2^-20", 0x80 | 20, 0, 1700000000ull << 20 | 1, 1700000000000000953, "other"},
    {"2^-31", 0x80 | 31, 0, 7ull << 31 | 0x7fffffff, 7999999999, "other"},
    {"2^-32", 0x80 | 32, 0, 1700000000ull << 32 | 0x80000000, 1700000000500000000, "other"},
    {"2^-34", 0x80 | 34, 0, 1000ull << 34 | 1ull << 33 | 1, 1000500000000, "other"},
    {"2^-40: the product does not fit 64 bits", 0x80 | 40, 0, 5ull << 40 | 0xffffffffff, 5999999999, "other"},
    {"2^-63", 0x80 | 63, 0, 1ull << 63 | 1ull << 62, 1500000000, "other"},
    {"offset", 6, 1700000000, 1, 1700000000000001000, "us"},
    {"offset back", 9, -1700000000, 1700000001000000002, 1000000002, "ns"},
    {"before 1970", 9, -10, 1000000002, -8999999998, "ns"},
    {"after what int64 holds", 0, 0, 9300000000, INT64_MAX, "s"},
    {"before what int64 holds", 0, -9300000000, 0, INT64_MIN, "s"},
};

START_TEST(clocks)
{
    for (int big_endian = 0; big_endian < 2; big_endian++) {
        size_t at;

        in.out.used = 0;
        in.big_endian = big_endian;
        blocks_section(&in);
        at = blocks_interface(&in, ETHERNET, 96);
        blocks_option_number(&in, OPTION_TSOFFSET, (uint64_t)clock_rows[_i].offset_s, 8);
        blocks_option_number(&in, OPTION_TSRESOL, clock_rows[_i].resolution, 1);
        blocks_end(&in, at); /* the end of options may be missing */
        add_packet(0, clock_rows[_i].ticks, 'a');
        struct seen seen = read_all();
        CHECK_STATUS(&seen, ok);
        ck_assert_uint_eq(seen.count, 1);
        ck_assert_int_eq(seen.record[0].time_ns, clock_rows[_i].time_ns);
        ck_assert_str_eq(seen.facts.ts_precision, clock_rows[_i].precision);
        ck_assert_int_eq(strstr(seen.facts.message, "after 2262: 1") != NULL,
                         seen.record[0].time_ns == INT64_MAX || seen.record[0].time_ns == INT64_MIN);
        ck_assert_ptr_null(strstr(seen.facts.message, "before that of the packet before"));
    }
}
END_TEST

/* ---- blocks ---- */

/* Packets a to d, and around them whatever else there is. */
static void compose_everything(bool big_endian)
{
    size_t at;

    in.big_endian = big_endian;
    blocks_section(&in);
    at = blocks_begin(&in, BLOCK_NAMES); /* may come before the first interface */
    blocks_bytes(&in, "\0\1\0\0", 4);
    blocks_end(&in, at);
    add_interface(ETHERNET, 96, 9);
    at = blocks_packet(&in, 0, 1700000000000000001, "abc", 3, 1500);
    blocks_option(&in, OPTION_COMMENT, "first", 5);
    blocks_option_number(&in, OPTION_PACKET_FLAGS, 2, 4);
    blocks_option(&in, OPTION_END, "", 0);
    blocks_end(&in, at);
    at = blocks_begin(&in, BLOCK_SECRETS);
    blocks_bytes(&in, "secret", 6);
    blocks_end(&in, at);
    at = blocks_begin(&in, BLOCK_CUSTOM);
    blocks_bytes(&in, "\0\0\0\1custom", 10);
    blocks_end(&in, at);
    blocks_end(&in, blocks_old_packet(&in, 0, 0xffff, 1700000000000000002, "bcdef", 5, 5));
    blocks_end(&in, blocks_simple_packet(&in, "cdefg", 5, 5));
    at = blocks_begin(&in, 0x80000001); /* of local use, and empty */
    blocks_end(&in, at);
    add_packet(0, 1700000000000000003, 'd');
    at = blocks_statistics(&in, 0);
    blocks_option_number(&in, OPTION_IFDROP, 5, 8);
    blocks_option(&in, OPTION_END, "", 0);
    blocks_end(&in, at);
}

START_TEST(every_block)
{
    compose_everything(_i);
    struct seen seen = read_all();
    CHECK_STATUS(&seen, ok);
    ck_assert_int_eq(seen.end, 0);
    ck_assert_str_eq(seen.names, "abcd");
    ck_assert_str_eq(seen.facts.format, "pcapng");
    ck_assert_uint_eq(seen.facts.bytes, in.out.used);
    ck_assert_uint_eq(seen.facts.snaplen, 96);
    ck_assert_uint_eq(seen.record[0].captured, 3);
    ck_assert_uint_eq(seen.record[0].original, 1500);
    ck_assert_uint_eq(seen.record[0].direction, TCA_DIRECTION_OUT);
    ck_assert_uint_eq(seen.record[1].captured, 5);
    ck_assert_int_eq(seen.record[1].time_ns, 1700000000000000002);
    ck_assert_uint_eq(seen.record[1].direction, TCA_DIRECTION_UNKNOWN);
    ck_assert(seen.record[2].timeless && !seen.record[1].timeless);
    ck_assert_int_eq(seen.record[2].time_ns, seen.record[1].time_ns);
    ck_assert_uint_eq(seen.record[3].frame, 4);
    ck_assert(seen.facts.has_drops);
    ck_assert_uint_eq(seen.facts.drops, 5);
    ck_assert_str_eq(seen.facts.message,
                     "packets without a time, which count as of the one before them, the first of 1970: 1; "
                     "packets that were lost while capturing, as the file says: 5");
}
END_TEST

static void add_commented(size_t at, const char *one, const char *other)
{
    blocks_option(&in, OPTION_COMMENT, one, (uint16_t)strlen(one));
    if (other)
        blocks_option(&in, OPTION_COMMENT, other, (uint16_t)strlen(other));
    blocks_option(&in, OPTION_END, "", 0);
    blocks_option(&in, OPTION_COMMENT, "behind the end", 14);
    blocks_end(&in, at);
}

/* Of a section, an interface and packets of all kinds; a packet without one has not that of the packet before. */
START_TEST(comments)
{
    size_t at;
    char text[1000];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    in.big_endian = _i;
    at = blocks_begin(&in, BLOCK_SECTION);
    blocks_number(&in, 0x1a2b3c4d, 4);
    blocks_number(&in, 1, 2);
    blocks_number(&in, 0, 2);
    blocks_number(&in, UINT64_MAX, 8);
    add_commented(at, "incident 7", "web\n\x1b[31m");
    add_commented(blocks_interface(&in, ETHERNET, 96), "eth0", NULL);
    add_commented(blocks_interface(&in, ETHERNET, 96), "", NULL);
    add_packet(0, 1, 'a');
    add_commented(blocks_packet(&in, 0, 1, "b", 1, 60), "first\nof two", "second");
    add_packet(0, 1, 'c');
    add_commented(blocks_old_packet(&in, 0, 0, 1, "d", 1, 60), "old", NULL);
    add_commented(blocks_packet(&in, 0, 1, "e", 1, 60), "", NULL);
    blocks_end(&in, blocks_simple_packet(&in, "f", 1, 1));
    add_commented(blocks_packet(&in, 0, 1, "g", 1, 60), text, NULL);
    struct seen seen = read_all();
    CHECK_STATUS(&seen, ok);
    ck_assert_str_eq(seen.names, "abcdefg");
    ck_assert_str_eq(seen.facts.comment.text, "incident 7; web\n\x1b[31m; eth0");
    strcpy(text + TCA_CLIP_MAX - 3, "...]");
    ck_assert_int_eq(strncmp(seen.comments, "[first\nof two; second][old][", 28), 0);
    ck_assert_str_eq(seen.comments + 28, text);
    ck_assert_ptr_null(seen.record[0].comment);
    ck_assert_ptr_nonnull(seen.record[1].comment);
    ck_assert_ptr_null(seen.record[2].comment);
    ck_assert_ptr_null(seen.record[4].comment);
    ck_assert_ptr_null(seen.record[5].comment);
}
END_TEST

/* More than a batch holds of them. */
START_TEST(many_comments)
{
    char name[] = "a", wanted[200] = "";

    blocks_section(&in);
    add_interface(ETHERNET, 96, 6);
    for (; name[0] <= 'z'; name[0]++) {
        add_commented(blocks_packet(&in, 0, 1, name, 1, 60), name, NULL);
        snprintf(wanted + strlen(wanted), sizeof wanted - strlen(wanted), "[%s]", name);
    }
    struct seen seen = read_all();
    CHECK_STATUS(&seen, ok);
    ck_assert_str_eq(seen.comments, wanted);
    ck_assert_str_eq(seen.names, "abcdefghijklmnopqrstuvwxyz");
}
END_TEST

/* Captured is what the first interface's snap length leaves of the packet, whatever the padding. */
static const struct {
    const char *why;
    uint32_t snaplen, original;
    uint32_t in_block;
    uint32_t captured; /* 0: damaged */
} simple_rows[] = {
    {"whole", 96, 7, 7, 7},
    {"cut by the snap length", 5, 1500, 5, 5},
    {"no snap length", 0, 9, 9, 9},
    {"one that is none", 0xffffffff, 9, 9, 9},
    {"padding is no payload", 96, 5, 8, 5},
    {"shorter than it says", 96, 20, 8, 0},
};

START_TEST(simple_packets)
{
    blocks_section(&in);
    add_interface(ETHERNET, simple_rows[_i].snaplen, 6);
    add_interface(RAW, 1, 6); /* another one does not count */
    size_t at = blocks_simple_packet(&in, "123456789", simple_rows[_i].in_block, simple_rows[_i].original);
    blocks_option_number(&in, OPTION_PACKET_FLAGS, 1, 4); /* this block has no options */
    blocks_end(&in, at);
    struct seen seen = read_all();
    ck_assert_uint_eq(seen.count, simple_rows[_i].captured > 0);
    if (seen.count) {
        ck_assert_uint_eq(seen.record[0].captured, simple_rows[_i].captured);
        ck_assert_uint_eq(seen.record[0].original, simple_rows[_i].original);
        ck_assert_int_eq(seen.record[0].link, ETHERNET);
        ck_assert_uint_eq(seen.record[0].direction, TCA_DIRECTION_UNKNOWN);
        ck_assert_uint_eq(seen.facts.snaplen,
                          simple_rows[_i].snaplen - 1 < 65535 ? simple_rows[_i].snaplen : TCA_PACKET_MAX);
    } else
        CHECK_MESSAGE(&seen, "longer than its block (packet 1, byte ");
}
END_TEST

/* Blocks that the stream does not show at once. */
START_TEST(large_blocks)
{
    enum { LARGE = 300000 };
    static uint8_t bytes[LARGE];
    size_t at;

    memset(bytes, 'x', sizeof bytes);
    blocks_section(&in);
    add_interface(ETHERNET, 0, 6);
    bytes[0] = 'a';
    at = blocks_packet(&in, 0, 1, bytes, 70001, 70001);
    blocks_option_number(&in, OPTION_PACKET_DROPS, 3, 8);
    blocks_end(&in, at);
    at = blocks_begin(&in, BLOCK_CUSTOM);
    blocks_bytes(&in, bytes, LARGE);
    blocks_end(&in, at);
    bytes[0] = 'b';
    blocks_end(&in, blocks_packet(&in, 0, 2, bytes, LARGE, LARGE));
    add_packet(0, 3, 'c');
    struct seen seen = read_all();
    CHECK_STATUS(&seen, ok);
    ck_assert_str_eq(seen.names, "abc");
    ck_assert_uint_eq(seen.record[0].captured, 70001);
    ck_assert_uint_eq(seen.record[1].captured, TCA_PACKET_MAX);
    ck_assert_uint_eq(seen.record[1].original, LARGE);
    ck_assert_uint_eq(seen.facts.snaplen, TCA_PACKET_MAX);
    ck_assert_uint_eq(seen.facts.drops, 3);
}
END_TEST

/* ---- interfaces and sections ---- */

START_TEST(mixed_interfaces)
{
    blocks_section(&in);
    add_interface(ETHERNET, 65535, 6);
    add_packet(0, 1000001, 'a');
    add_interface(SLL, 96, 9);
    add_interface(12, 96, 6); /* libpcap's own number of RAW */
    add_packet(1, 1000000001, 'b');
    add_packet(2, 1, 'c');
    add_packet(0, 1, 'd');
    add_packet(1, 1, 'e');
    add_interface(USB, 1, 6); /* without packets it does not matter */
    struct seen seen = read_all();
    CHECK_STATUS(&seen, ok);
    ck_assert_str_eq(seen.names, "abcde");
    ck_assert_int_eq(seen.record[0].link, ETHERNET);
    ck_assert_int_eq(seen.record[1].link, SLL);
    ck_assert_int_eq(seen.record[2].link, RAW);
    ck_assert_int_eq(seen.record[3].link, ETHERNET);
    ck_assert_int_eq(seen.record[1].time_ns, 1000000001);
    ck_assert_int_eq(seen.record[3].time_ns, 1000);
    ck_assert_uint_eq(seen.facts.links, 3);
    ck_assert_int_eq(seen.facts.link[2], RAW);
    ck_assert_uint_eq(seen.facts.snaplen, 65535);
    ck_assert_str_eq(seen.facts.ts_precision, "mixed");
    ck_assert_str_eq(seen.facts.message,
                     "packets with a time before that of the packet before: 3, the first is "
                     "packet 2, by 0.000000999 s");
    ck_assert(!seen.facts.has_drops);
}
END_TEST

START_TEST(undecoded_among_others)
{
    blocks_section(&in);
    add_interface(USB, 65535, 6);
    add_interface(ETHERNET, 65535, 6);
    add_interface(9999, 65535, 6);
    add_packet(0, 1, 'a');
    add_packet(1, 1, 'b');
    if (_i)
        add_packet(2, 1, 'c');
    struct seen seen = read_with(&(struct tca_source_settings){.filter = "less 1000"});
    CHECK_STATUS(&seen, unsupported);
    ck_assert_int_eq(seen.end, 0);
    ck_assert_str_eq(seen.names, _i ? "abc" : "ab");
    CHECK_MESSAGE(&seen,
                  _i ? "link types USB_LINUX (189) and 1 more are not supported: their packets are counted"
                     : "link type USB_LINUX (189) is not supported: its packets are counted, none is");
}
END_TEST

/* Numbers of interfaces begin anew; what they mean does too, and the byte order. */
START_TEST(sections)
{
    size_t at;

    for (int section = 0; section < 4; section++) {
        in.big_endian = section % 2;
        blocks_section(&in);
        add_interface(section < 2 ? ETHERNET : RAW, 96, section < 2 ? 6 : 9);
        add_packet(0, 7, (char)('a' + section));
        at = blocks_statistics(&in, 0);
        blocks_option_number(&in, OPTION_IFDROP, 10, 8);
        blocks_end(&in, at);
    }
    struct seen seen = read_all();
    CHECK_STATUS(&seen, ok);
    ck_assert_str_eq(seen.names, "abcd");
    ck_assert_int_eq(seen.record[1].time_ns, 7000);
    ck_assert_int_eq(seen.record[2].time_ns, 7);
    ck_assert_int_eq(seen.record[3].link, RAW);
    ck_assert_uint_eq(seen.facts.drops, 40);
    add_interface(ETHERNET, 96, 6);
    add_packet(2, 1, 'e');
    seen = read_all();
    CHECK_STATUS(&seen, damaged);
    ck_assert_str_eq(seen.names, "abcd");
    CHECK_MESSAGE(&seen, "an interface that is not described (packet 5, byte ");
}
END_TEST

/* A batch holds whatever there is, of interfaces that were told; a new one begins the next. */
START_TEST(batches)
{
    static const uint8_t interface[] = {0, 0, 1, 0, 1, 1, 0}, counts[] = {2, 5};
    struct tca_record record[16];
    struct tca_stream *stream;
    struct tca_pcapng file;
    struct tca_error err;

    blocks_section(&in);
    add_interface(ETHERNET, 96, 6);
    add_interface(RAW, 96, 9);
    for (size_t i = 0; i < sizeof interface; i++)
        add_packet(interface[i], 1, 'a');
    save(in.out.bytes, in.out.used);
    ck_assert_int_eq(tca_stream_open(path, NULL, &stream, &err), TCA_OK);
    ck_assert_int_eq(tca_pcapng_begin(&file, stream), TCA_READ_OK);
    for (uint64_t frame = 1, i = 0; i < sizeof counts; frame += counts[i++]) {
        struct tca_batch batch = {.record = record, .room = 16, .frame = frame};

        ck_assert_int_eq(tca_pcapng_next(&file, &batch), TCA_READ_OK);
        ck_assert_uint_eq(batch.count, counts[i]);
        ck_assert(batch.has_kind);
        ck_assert_int_eq(batch.kind.link, i ? RAW : ETHERNET);
        ck_assert_uint_eq(record[1].frame, frame + 1);
    }
    tca_pcapng_done(&file);
    tca_stream_close(stream);
}
END_TEST

START_TEST(many_interfaces)
{
    enum { MANY = 4096 };

    for (int section = 0; section < 2; section++) {
        blocks_section(&in);
        for (unsigned i = 0; i < MANY; i++)
            blocks_end(&in, blocks_interface(&in, i % 2 ? SLL : ETHERNET, i));
        add_packet(MANY - 1, 1, 'a');
        add_drops(MANY, 1, 1); /* of none of them */
    }
    struct seen seen = read_all();
    CHECK_STATUS(&seen, ok);
    ck_assert_str_eq(seen.names, "aa");
    ck_assert_int_eq(seen.record[1].link, SLL);
    ck_assert_uint_eq(seen.facts.snaplen, MANY - 1);
    blocks_end(&in, blocks_interface(&in, ETHERNET, 96));
    seen = read_all();
    CHECK_STATUS(&seen, damaged);
    CHECK_MESSAGE(&seen, "more than 4096 interfaces in one section (packet 3, byte ");
}
END_TEST

START_TEST(many_link_types)
{
    blocks_section(&in);
    for (uint16_t i = 0; i < 40; i++) {
        blocks_end(&in, blocks_interface(&in, (uint16_t)(1000 + i), 96));
        add_packet(i, 1, 'a');
    }
    struct seen seen = read_all();
    CHECK_STATUS(&seen, unsupported);
    ck_assert_uint_eq(seen.count, 40);
    ck_assert_uint_eq(seen.facts.links, TCA_SOURCE_LINKS_MAX);
}
END_TEST

/* Behind more than are named. */
START_TEST(undecoded_behind_many)
{
    static const uint16_t links[] = {0,   1,   9,   50,  51,  101, 104, 105, 108,
                                     109, 113, 119, 127, 163, 192, 228, 229, 1000};
    const uint32_t count = sizeof links / sizeof *links;

    blocks_section(&in);
    for (uint32_t i = 0; i < count; i++) {
        blocks_end(&in, blocks_interface(&in, links[i], 96));
        add_packet(i, 1, 'a');
    }
    struct seen seen = read_all();
    CHECK_STATUS(&seen, unsupported);
    CHECK_MESSAGE(&seen, "(1000) is not supported");
    ck_assert_uint_eq(seen.facts.error_frame, count);
}
END_TEST

START_TEST(nothing_captured)
{
    blocks_section(&in);
    if (_i)
        add_interface(_i == 2 ? USB : RAW, 96, 9);
    struct seen seen = read_all();
    ck_assert_int_eq(seen.facts.status, _i == 2 ? TCA_SOURCE_unsupported : TCA_SOURCE_ok);
    ck_assert_uint_eq(seen.count, 0);
    ck_assert_uint_eq(seen.facts.links, _i > 0);
    if (_i)
        ck_assert_int_eq(seen.facts.link[0], _i == 2 ? USB : RAW);
    ck_assert_str_eq(seen.facts.ts_precision, _i ? "ns" : "");
    ck_assert_uint_eq(seen.facts.snaplen, _i ? 96 : 0);
}
END_TEST

/* ---- what options tell ---- */

static const struct {
    uint32_t flags;
    uint8_t direction;
} direction_rows[] = {
    {0, TCA_DIRECTION_UNKNOWN},       {1, TCA_DIRECTION_IN},
    {2, TCA_DIRECTION_OUT},           {3, TCA_DIRECTION_UNKNOWN},
    {1 | 1 << 2, TCA_DIRECTION_IN},                                     /* unicast */
    {1 | 2 << 2, TCA_DIRECTION_PAST}, {1 | 3 << 2, TCA_DIRECTION_PAST}, /* for many */
    {1 | 4 << 2, TCA_DIRECTION_PAST},                                   /* promiscuous: for somebody else */
    {2 | 4 << 2, TCA_DIRECTION_OUT},  {0xfffffe01, TCA_DIRECTION_IN},
};

START_TEST(directions)
{
    for (int kind = 0; kind < 4; kind++) {
        size_t at;

        in.out.used = 0;
        in.big_endian = kind & 1;
        blocks_section(&in);
        add_interface(ETHERNET, 96, 6);
        at = kind & 2 ? blocks_old_packet(&in, 0, 0, 1, "a", 1, 1) : blocks_packet(&in, 0, 1, "a", 1, 1);
        blocks_option(&in, OPTION_COMMENT, "12345", 5);
        blocks_option_number(&in, OPTION_PACKET_FLAGS, direction_rows[_i].flags, 4);
        blocks_end(&in, at);
        struct seen seen = read_all();
        CHECK_STATUS(&seen, ok);
        ck_assert_uint_eq(seen.record[0].direction, direction_rows[_i].direction);
    }
}
END_TEST

/* Options of a packet that are broken leave the packet whole. */
START_TEST(broken_packet_options)
{
    size_t at;

    blocks_section(&in);
    add_interface(ETHERNET, 96, 6);
    at = blocks_packet(&in, 0, 1, "a", 1, 1);
    blocks_number(&in, OPTION_PACKET_FLAGS, 2);
    blocks_number(&in, 400, 2);
    blocks_end(&in, at);
    at = blocks_packet(&in, 0, 1, "b", 1, 1);
    blocks_option_number(&in, OPTION_PACKET_FLAGS, 1, 4);
    blocks_option_number(&in, OPTION_PACKET_DROPS, 1, 4);
    blocks_option_number(&in, OPTION_PACKET_FLAGS, 2, 2);
    blocks_end(&in, at);
    struct seen seen = read_all();
    CHECK_STATUS(&seen, ok);
    ck_assert_str_eq(seen.names, "ab");
    ck_assert_uint_eq(seen.record[0].direction, TCA_DIRECTION_UNKNOWN);
    ck_assert_uint_eq(seen.record[1].direction, TCA_DIRECTION_IN);
    ck_assert(!seen.facts.has_drops);
}
END_TEST

START_TEST(drops)
{
    size_t at;

    blocks_section(&in);
    add_interface(ETHERNET, 96, 6);
    add_interface(ETHERNET, 96, 6);
    at = blocks_packet(&in, 1, 1, "a", 1, 1);
    blocks_option_number(&in, OPTION_PACKET_DROPS, 0, 8);
    blocks_end(&in, at);
    struct seen seen = read_all();
    ck_assert(seen.facts.has_drops);
    ck_assert_uint_eq(seen.facts.drops, 0);
    ck_assert_str_eq(seen.facts.message, "");

    at = blocks_packet(&in, 1, 1, "b", 1, 1);
    blocks_option_number(&in, OPTION_PACKET_DROPS, 6, 8);
    blocks_end(&in, at);
    blocks_end(&in, blocks_old_packet(&in, 0, 2, 1, "c", 1, 1));
    blocks_end(&in, blocks_old_packet(&in, 0, 0xffff, 1, "d", 1, 1)); /* not known */
    seen = read_all();
    ck_assert_uint_eq(seen.facts.drops, 8);

    add_drops(0, 3, 1);          /* the counter knows of more, */
    add_drops(1, 5, UINT64_MAX); /* the packets do, */
    add_drops(2, 1000, 0);       /* of no interface */
    seen = read_all();
    ck_assert_uint_eq(seen.facts.drops, 4 + 6);
    add_drops(0, 7, 2);                         /* and later more */
    blocks_end(&in, blocks_statistics(&in, 0)); /* one that does not tell changes nothing */
    seen = read_all();
    ck_assert_uint_eq(seen.facts.drops, 9 + 6);
    CHECK_MESSAGE(&seen, "packets that were lost while capturing, as the file says: 15");
    add_drops(1, UINT64_MAX - 1, UINT64_MAX - 1);
    seen = read_all();
    ck_assert_uint_eq(seen.facts.drops, INT64_MAX);
}
END_TEST

/* ---- filters ---- */

static void compose_two_links(void)
{
    struct frame_tcp tcp = {.ip = {.src = {[15] = 1}, .dst = {[15] = 2}, .family = 4, .ttl = 64},
                            .sport = 1000,
                            .dport = 80,
                            .flags = FRAME_SYN};
    const int links[] = {FRAME_ETHERNET, FRAME_RAW};
    struct tca_buf frame = {0}, packet = {0};

    blocks_section(&in);
    add_interface(ETHERNET, 96, 6);
    add_interface(RAW, 200, 6);
    for (unsigned i = 0; i < 6; i++) {
        tcp.dport = (uint16_t)(80 + i / 2);
        tca_buf_reset(&frame);
        tca_buf_reset(&packet);
        frame_add_tcp(&packet, &tcp);
        frame_add(&frame, &(struct frame_link){.type = links[i % 2]}, 4, packet.bytes, packet.used);
        blocks_end(&in,
                   blocks_packet(&in, i % 2, i, frame.bytes, (uint32_t)frame.used, (uint32_t)frame.used));
    }
    tca_buf_done(&frame);
    tca_buf_done(&packet);
}

static const struct {
    const char *filter;
    uint64_t chosen;
    unsigned frames; /* a bit for each, from 1 */
    const char *words;
} filter_rows[] = {
    {"tcp", 6, 0x7e, ""},
    {"dst port 81", 2, 0x18, ""},
    {"dst port 80 or dst port 82", 4, 0x66, ""},
    {"udp", 0, 0, ""},
    {"ether[0] >= 0", 6, 0x7e, ""},
    {"not ether src 00:00:00:00:00:00", 3, 0x2a,
     "the filter does not fit link type RAW (101): packets left out: 3"},
};

START_TEST(filters)
{
    compose_two_links();
    struct seen seen = read_with(&(struct tca_source_settings){.filter = filter_rows[_i].filter});
    CHECK_STATUS(&seen, ok);
    ck_assert_uint_eq(seen.facts.packets, 6);
    ck_assert_uint_eq(seen.facts.chosen, filter_rows[_i].chosen);
    for (unsigned i = 0; i < seen.count; i++)
        ck_assert_msg(seen.record[i].left_out == !(filter_rows[_i].frames >> seen.record[i].frame & 1),
                      "%s: frame %u", filter_rows[_i].filter, i + 1);
    ck_assert_str_eq(seen.facts.message, filter_rows[_i].words);
}
END_TEST

/* One packet that came in, one that went out, one that was for somebody else, and one of which nothing is told. */
static const struct {
    const char *filter;
    const char *names; /* of those chosen */
    const char *words;
} way_rows[] = {
    {"inbound", "ip", "the filter asks for directions that are not told: packets left out: 1"},
    {"outbound", "o", "the filter asks for directions that are not told: packets left out: 1"},
    {"not inbound", "o", "the filter asks for directions that are not told: packets left out: 1"},
    {"inbound or outbound", "iopn", ""}, /* whichever it was */
    {"greater 60 or outbound", "iopn", ""},
    {"less 59 and inbound", "", ""},
};

START_TEST(filters_for_directions)
{
    const struct {
        char name;
        uint32_t flags;
    } packets[] = {{'i', 1}, {'o', 2}, {'p', 1 | 4 << 2}, {'n', 0}};

    blocks_section(&in);
    add_interface(ETHERNET, 96, 6);
    for (size_t i = 0; i < sizeof packets / sizeof *packets; i++) {
        size_t at = blocks_packet(&in, 0, 1, &packets[i].name, 1, 60);
        blocks_option_number(&in, OPTION_PACKET_FLAGS, packets[i].flags, 4);
        blocks_end(&in, at);
    }
    struct seen seen = read_with(&(struct tca_source_settings){.filter = way_rows[_i].filter});
    CHECK_STATUS(&seen, ok);
    ck_assert_msg(strcmp(seen.names, way_rows[_i].names) == 0, "%s: %s", way_rows[_i].filter, seen.names);
    ck_assert_str_eq(seen.facts.message, way_rows[_i].words);
}
END_TEST

START_TEST(filter_must_fit_the_first)
{
    struct tca_source *src;
    struct tca_error err = {.text = ""};

    blocks_section(&in);
    add_interface(RAW, 96, 6);
    add_interface(ETHERNET, 96, 6);
    add_packet(1, 1, 'a');
    save(in.out.bytes, in.out.used);
    ck_assert_int_eq(
        tca_source_open(path, &(struct tca_source_settings){.filter = "ether broadcast"}, &src, &err),
        TCA_EUSAGE);
    ck_assert_ptr_nonnull(strstr(err.text, "filter: "));
}
END_TEST

/* ---- cut and damaged ---- */

/* Where blocks begin. */
static size_t list_blocks(size_t *begins, size_t room)
{
    size_t count = 0;

    for (size_t at = 0; at < in.out.used; count++) {
        const uint8_t *length = (const uint8_t *)in.out.bytes + at + 4;

        ck_assert_uint_lt(count, room);
        begins[count] = at;
        at += in.big_endian ? (size_t)length[2] << 8 | length[3] : (size_t)length[1] << 8 | length[0];
    }
    return count;
}

/* At every byte: what is whole before it is read, the place is told, and only a cut between blocks is clean. */
START_TEST(cut_everywhere)
{
    static const uint8_t packets_before[] = {0, 0, 0, 0, 1, 1, 1, 2, 3, 3, 4, 4};
    size_t begins[16], blocks, whole;

    compose_everything(_i);
    blocks = list_blocks(begins, 16);
    ck_assert_uint_eq(blocks, sizeof packets_before - 1);
    whole = in.out.used;
    for (in.out.used = 4; in.out.used < whole; in.out.used++) {
        size_t block = blocks - 1;

        while (begins[block] > in.out.used)
            block--;
        bool clean = begins[block] == in.out.used, header = block < 2 || (block == 2 && !clean);
        struct seen seen = read_all();
        ck_assert_uint_eq(seen.count, packets_before[block]);
        ck_assert_uint_eq(seen.facts.bytes, in.out.used);
        ck_assert_int_eq(seen.facts.error_offset, clean ? -1 : (int64_t)begins[block]);
        ck_assert_uint_eq(seen.facts.error_frame, clean ? 0 : seen.count + 1);
        ck_assert_msg(seen.facts.status == (clean    ? TCA_SOURCE_ok
                                            : header ? TCA_SOURCE_damaged
                                                     : TCA_SOURCE_truncated),
                      "%zu bytes: %s", in.out.used, seen.facts.message);
        ck_assert_int_eq(seen.end, !clean && header ? TCA_EINPUT : 0);
    }
}
END_TEST

static const struct {
    const char *why;
    int block;   /* of compose_everything() */
    unsigned at; /* byte in the block; 1000 and more: from its end */
    uint32_t value;
    const char *names;
    enum tca_source_status status;
    const char *words;
} damage_rows[] = {
    {"length 0", 6, 4, 0, "a", TCA_SOURCE_damaged, "a block with a length of 0 bytes (packet 2, byte "},
    {"length below the least", 6, 4, 8, "a", TCA_SOURCE_damaged, "with a length of 8 bytes"},
    {"length not of four", 6, 4, 41, "a", TCA_SOURCE_damaged, "with a length of 41 bytes"},
    {"length too large", 6, 4, 0x01000004, "a", TCA_SOURCE_damaged, "with a length of 16777220 bytes"},
    {"length that leads astray", 6, 4, 36, "a", TCA_SOURCE_damaged,
     "whose two lengths differ (packet 2, byte "},
    {"length beyond the end", 6, 4, 0x01000000, "a", TCA_SOURCE_truncated,
     "ends inside a record (packet 2, byte "},
    {"trailing length", 6, 1004, 44, "a", TCA_SOURCE_damaged, "whose two lengths differ"},
    {"trailing length of a block that is passed over", 5, 1004, 44, "a", TCA_SOURCE_damaged,
     "lengths differ"},
    {"captured more than there is", 6, 20, 9, "a", TCA_SOURCE_damaged,
     "longer than its block (packet 2, byte "},
    {"captured a wrapped number", 6, 20, 0xffffffff, "a", TCA_SOURCE_damaged, "longer than its block"},
    {"interface", 3, 8, 1, "", TCA_SOURCE_damaged, "an interface that is not described (packet 1, byte "},
    {"interface, wrapped", 10, 8, 0xffffffff, "abcd", TCA_SOURCE_ok, "without a time"},
    {"no byte-order mark", 0, 8, 0x11223344, "", TCA_SOURCE_damaged, "a section without a byte-order mark"},
    {"packet block that is a second section", 6, 0, 0x0a0d0d0a, "a", TCA_SOURCE_damaged,
     "without a byte-order mark"},
    {"no interface at all", 2, 0, 11, "", TCA_SOURCE_damaged,
     "an interface that is not described (packet 1, byte "},
    {"zero bytes", 6, 0, 0, "acd", TCA_SOURCE_ok, ""},
};

START_TEST(damages)
{
    for (int big_endian = 0; big_endian < 2; big_endian++) {
        struct blocks patch = {.big_endian = big_endian};
        size_t begins[16], blocks, at;

        in.out.used = 0;
        compose_everything(big_endian);
        blocks = list_blocks(begins, 16);
        begins[blocks] = in.out.used;
        at = damage_rows[_i].at < 1000 ? begins[damage_rows[_i].block] + damage_rows[_i].at
                                       : begins[damage_rows[_i].block + 1] + 1000 - damage_rows[_i].at;
        blocks_number(&patch, damage_rows[_i].value, 4);
        memcpy(in.out.bytes + at, patch.out.bytes, 4);
        tca_buf_done(&patch.out);
        struct seen seen = read_all();
        ck_assert_msg(seen.facts.status == damage_rows[_i].status, "%s: %s", damage_rows[_i].why,
                      seen.facts.message);
        ck_assert_str_eq(seen.names, damage_rows[_i].names);
        CHECK_MESSAGE(&seen, damage_rows[_i].words);
    }
}
END_TEST

/* A tail of zeros, as a full disk leaves it. */
START_TEST(zero_tail)
{
    static const uint8_t zeros[5000];

    compose_everything(_i);
    size_t whole = in.out.used;
    tca_buf_add(&in.out, zeros, sizeof zeros);
    struct seen seen = read_all();
    CHECK_STATUS(&seen, damaged);
    ck_assert_str_eq(seen.names, "abcd");
    ck_assert_int_eq(seen.facts.error_offset, (int64_t)whole);
    CHECK_MESSAGE(&seen, "zero bytes instead of a block");
    CHECK_MESSAGE(&seen, "the disk was full or the power lost");
}
END_TEST

static const struct {
    const char *why;
    uint16_t code, len;
    uint64_t value;
    const char *words; /* NULL: no matter */
} description_rows[] = {
    {"resolution of two bytes", OPTION_TSRESOL, 2, 6, "time resolution cannot be read"},
    {"resolution too fine", OPTION_TSRESOL, 1, 20, "time resolution cannot be read"},
    {"binary resolution too fine", OPTION_TSRESOL, 1, 0x80 | 64, "time resolution cannot be read"},
    {"offset of four bytes", OPTION_TSOFFSET, 4, 6, "time offset cannot be read"},
    {"any other option of any length", 77, 3, 6, NULL},
};

START_TEST(descriptions)
{
    size_t at;

    blocks_section(&in);
    at = blocks_interface(&in, ETHERNET, 96);
    blocks_option_number(&in, description_rows[_i].code, description_rows[_i].value,
                         description_rows[_i].len);
    blocks_end(&in, at);
    add_packet(0, 1, 'a');
    struct seen seen = read_all();
    ck_assert_str_eq(seen.names, description_rows[_i].words ? "" : "a");
    if (description_rows[_i].words) {
        CHECK_STATUS(&seen, damaged);
        CHECK_MESSAGE(&seen, description_rows[_i].words);
        CHECK_MESSAGE(&seen, "(packet 1, byte 28): the file header cannot be read");
    }
}
END_TEST

START_TEST(cut_option)
{
    size_t at;

    blocks_section(&in);
    at = blocks_interface(&in, ETHERNET, 96);
    blocks_number(&in, OPTION_TSRESOL, 2);
    blocks_number(&in, 9, 2);
    blocks_end(&in, at);
    add_packet(0, 1, 'a');
    struct seen seen = read_all();
    CHECK_STATUS(&seen, damaged);
    CHECK_MESSAGE(&seen, "an option that is cut");
}
END_TEST

START_TEST(other_version)
{
    blocks_section(&in);
    in.out.bytes[12] = 2;
    add_interface(ETHERNET, 96, 9);
    struct seen seen = read_all();
    CHECK_STATUS(&seen, unsupported);
    ck_assert_int_eq(seen.end, TCA_EUNSUPPORTED);
    CHECK_MESSAGE(&seen, "pcapng version 2.0");
    ck_assert_uint_eq(seen.facts.bytes, 28); /* that section was read */
    in.out.bytes[12] = 1;
    in.out.bytes[14] = 2;
    seen = read_all();
    CHECK_STATUS(&seen, ok);
}
END_TEST

/* ---- standard input ---- */

/* A pipe hands on what it has, and blocks come in pieces. */
START_TEST(from_a_pipe)
{
    struct seen seen = {0};
    struct tca_source *src;
    struct tca_error err;
    int ends[2];

    compose_everything(_i);
    ck_assert_int_eq(pipe(ends), 0);
    pid_t writer = fork();
    if (writer == 0) {
        close(ends[0]);
        for (size_t at = 0; at < in.out.used; at += 3)
            if (write(ends[1], in.out.bytes + at, in.out.used - at < 3 ? in.out.used - at : 3) < 0)
                _exit(1);
        _exit(0);
    }
    close(ends[1]);
    ck_assert_int_ge(dup2(ends[0], STDIN_FILENO), 0);
    close(ends[0]);
    ck_assert_int_eq(tca_source_open("-", &(struct tca_source_settings){0}, &src, &err), TCA_OK);
    read_source(src, &seen);
    ck_assert_int_eq(waitpid(writer, NULL, 0), writer);
    CHECK_STATUS(&seen, ok);
    ck_assert_str_eq(seen.names, "abcd");
    ck_assert_uint_eq(seen.facts.bytes, in.out.used);
}
END_TEST

/* A stop ends it between packets, whatever follows. */
START_TEST(interrupted)
{
    volatile sig_atomic_t stop = 1;

    compose_everything(_i);
    struct seen seen = read_with(&(struct tca_source_settings){.stop = &stop});
    CHECK_STATUS(&seen, interrupted);
    ck_assert_int_eq(seen.end, 0);
    ck_assert_uint_eq(seen.count, 0);
}
END_TEST

START_TEST(some_are_enough)
{
    compose_everything(_i);
    struct seen seen = read_with(&(struct tca_source_settings){.max_records = 2});
    CHECK_STATUS(&seen, ok);
    ck_assert_str_eq(seen.names, "ab");
    ck_assert_uint_eq(seen.facts.packets, 2);
    ck_assert(!seen.facts.has_drops); /* the counters were not read */
}
END_TEST

/* ---- NFLOG: values in the byte order of the host that wrote them come in that of this host ---- */

START_TEST(nflog)
{
    static const uint8_t packet[4][20] = {
        {2, 0, 0, 0, 8, 0, 1, 0, 1, 2, 3, 4, 5, 0, 9, 0, 'p', 0, 0, 0},
        {2, 0, 0, 0, 0, 8, 0, 1, 1, 2, 3, 4, 0, 5, 0, 9, 'p', 0, 0, 0},
        {2, 1, 0, 0, 0, 8, 0, 1, 1, 2, 3, 4, 0, 5, 0, 9, 'p', 0, 0, 0},  /* another version: as it is */
        {2, 0, 0, 0, 0, 8, 0, 1, 1, 2, 3, 4, 0, 64, 0, 9, 'p', 0, 0, 0}, /* a value beyond its packet */
    };
    static const uint8_t beyond[20] = {2, 0, 0, 0, 8, 0, 1, 0, 1, 2, 3, 4, 64, 0, 9, 0, 'p', 0, 0, 0};
    const uint16_t one = 1;
    bool host_big_endian = *(const uint8_t *)&one == 0;
    struct tca_stream *stream;
    struct tca_pcapng file;
    struct tca_record got;
    struct tca_batch batch = {.record = &got, .room = 1, .frame = 1};
    struct tca_error err;

    in.big_endian = _i > 0;
    blocks_section(&in);
    add_interface(NFLOG, 96, 6);
    blocks_end(&in, blocks_packet(&in, 0, 1, packet[_i], sizeof packet[_i], sizeof packet[_i]));
    save(in.out.bytes, in.out.used);
    ck_assert_int_eq(tca_stream_open(path, NULL, &stream, &err), TCA_OK);
    ck_assert_int_eq(tca_pcapng_begin(&file, stream), TCA_READ_OK);
    ck_assert_int_eq(tca_pcapng_next(&file, &batch), TCA_READ_OK);
    ck_assert_uint_eq(batch.count, 1);
    ck_assert_uint_eq(got.captured, sizeof packet[0]);
    const uint8_t *in_host_order = _i < 2                       ? packet[host_big_endian]
                                   : _i == 2 || host_big_endian ? packet[_i]
                                                                : beyond;
    ck_assert_mem_eq(got.bytes, in_host_order, sizeof packet[0]);
    tca_pcapng_done(&file);
    tca_stream_close(stream);
}
END_TEST

/* ---- captures, put into the other format ---- */

static bool convert(const char *from, bool big_endian)
{
    char why[PCAP_ERRBUF_SIZE];
    pcap_t *pcap = pcap_open_offline_with_tstamp_precision(from, PCAP_TSTAMP_PRECISION_NANO, why);
    struct pcap_pkthdr *header;
    const u_char *bytes;

    if (!pcap)
        return false;
    in.out.used = 0;
    in.big_endian = big_endian;
    blocks_section(&in);
    add_interface((uint16_t)tca_link_of_dlt(pcap_datalink(pcap)), (uint32_t)pcap_snapshot(pcap), 9);
    while (pcap_next_ex(pcap, &header, &bytes) == 1) {
        uint64_t time_ns = (uint64_t)header->ts.tv_sec * 1000000000 + (uint64_t)header->ts.tv_usec;

        blocks_end(&in, blocks_packet(&in, 0, time_ns, bytes, header->caplen, header->len));
    }
    pcap_close(pcap);
    ck_assert(!in.out.failed);
    save(in.out.bytes, in.out.used);
    return true;
}

static bool is_pcapng(const char *name)
{
    struct tca_buf bytes = {0};
    bool section = file_read(name, &bytes) && bytes.used > 12 && memcmp(bytes.bytes, "\n\r\r\n", 4) == 0;

    tca_buf_done(&bytes);
    return section;
}

/* As it is, or put into this format. */
static int compare_capture(const char *name, int number)
{
    if (is_pcapng(name))
        return agree_on(name, number % 2 ? 256 : 7);
    return convert(name, number % 2) ? agree_on(path, 256) : 0;
}

START_TEST(agree_on_cases)
{
    agree_on_all_cases(compare_capture);
}
END_TEST

START_TEST(agree_on_real_captures)
{
    agree_on_all_real_captures(compare_capture);
}
END_TEST

/* ---- files changed at random ---- */

static struct agree_random dice;

/* What libpcap can read as a whole: one byte order, one link type. */
static void compose_for_oracle(bool big_endian, uint16_t link)
{
    static const uint8_t packet[] = {2, 0, 0, 0, 0, 8, 0, 1, 1, 2, 3, 4, 0, 5, 0, 9, 'p', 0, 0, 0};

    compose_everything(big_endian);
    for (int section = 0; section < 2; section++) {
        blocks_section(&in);
        add_interface(link, 96, section ? 9 : 0x80 | 20);
        add_interface(link, 96, 3);
        blocks_end(&in, blocks_packet(&in, 0, 1ull << 50 | 12345, packet, sizeof packet, sizeof packet));
        blocks_end(&in, blocks_packet(&in, 1, 1ull << 40 | 123, packet, 12, 1000));
        blocks_end(&in, blocks_simple_packet(&in, packet, 16, 16));
        blocks_end(&in, blocks_old_packet(&in, 1, 0, 1, packet, 17, 17));
    }
}

static void change_number(void)
{
    struct blocks patch = {.big_endian = in.big_endian};
    size_t at = random_below(&dice, (uint32_t)in.out.used / 4) * 4;

    blocks_number(&patch, odd_number(&dice), 4);
    memcpy(in.out.bytes + at, patch.out.bytes, 4);
    tca_buf_done(&patch.out);
}

/* A block is lost, or comes twice. */
static void change_blocks(bool twice)
{
    size_t begins[40], count = list_blocks(begins, 39), one = random_below(&dice, (uint32_t)count - 1), len;
    struct tca_buf changed = {0};

    begins[count] = in.out.used;
    len = begins[one + 1] - begins[one];
    tca_buf_add(&changed, in.out.bytes, begins[one] + (twice ? len : 0));
    tca_buf_add(&changed, in.out.bytes + begins[one] + (twice ? 0 : len),
                in.out.used - begins[one] - (twice ? 0 : len));
    in.out.used = 0;
    tca_buf_add(&in.out, changed.bytes, changed.used);
    tca_buf_done(&changed);
}

static void change(void)
{
    uint32_t how = random_below(&dice, 8);

    if (how < 2)
        change_blocks(how);
    for (uint32_t times = random_below(&dice, 3); how < 6 && times < 3; times++)
        change_number();
    for (uint32_t times = random_below(&dice, 3); how >= 4 && times < 3; times++)
        in.out.bytes[random_below(&dice, (uint32_t)in.out.used)] ^= (char)(1 << random_below(&dice, 8));
    if (how == 7)
        in.out.used -= random_below(&dice, (uint32_t)in.out.used - 12);
}

START_TEST(agree_on_changed_files)
{
    enum { ROUNDS = 3000 };
    static const uint16_t links[] = {ETHERNET, ETHERNET, NFLOG};
    unsigned whole = 0, several = 0;
    struct oracle told;

    dice.state = 0x9e3779b97f4a7c15u + (uint64_t)_i;
    for (unsigned round = 0; round < ROUNDS; round++) {
        in.out.used = 0;
        compose_for_oracle(_i % 2, links[round % 3]);
        change();
        if (memcmp(in.out.bytes, "\n\r\r\n", 4) != 0)
            continue; /* no pcapng file at all */
        save(in.out.bytes, in.out.used);
        ck_assert(oracle_compare(path, 1 + round % 5, &told));
        ck_assert_msg(!told.differ[0], "round %u: %s", round, told.differ);
        whole += told.packets == 12;
        several += told.packets > 4 && told.packets < 12;
    }
    ck_assert_uint_gt(whole, ROUNDS / 20); /* the changes leave enough to compare, and do change something */
    ck_assert_uint_gt(several, ROUNDS / 20);
}
END_TEST

static void add_file_case(Suite *suite, const char *name, const TTest *test, int count)
{
    TCase *tcase = add_case(suite, name, test, count);

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 30);
}

static Suite *pcapng_suite(void)
{
    Suite *suite = suite_create("pcapng");

    add_file_case(suite, "clocks", clocks, ROWS(clock_rows));
    add_file_case(suite, "every block", every_block, 2);
    add_file_case(suite, "comments", comments, 2);
    add_file_case(suite, "many comments", many_comments, 1);
    add_file_case(suite, "simple packets", simple_packets, ROWS(simple_rows));
    add_file_case(suite, "large blocks", large_blocks, 1);
    add_file_case(suite, "mixed interfaces", mixed_interfaces, 1);
    add_file_case(suite, "undecoded among others", undecoded_among_others, 2);
    add_file_case(suite, "sections", sections, 1);
    add_file_case(suite, "batches", batches, 1);
    add_file_case(suite, "many interfaces", many_interfaces, 1);
    add_file_case(suite, "many link types", many_link_types, 1);
    add_file_case(suite, "undecoded behind many", undecoded_behind_many, 1);
    add_file_case(suite, "nothing captured", nothing_captured, 3);
    add_file_case(suite, "directions", directions, ROWS(direction_rows));
    add_file_case(suite, "broken packet options", broken_packet_options, 1);
    add_file_case(suite, "drops", drops, 1);
    add_file_case(suite, "filters", filters, ROWS(filter_rows));
    add_file_case(suite, "filters for directions", filters_for_directions, ROWS(way_rows));
    add_file_case(suite, "filter must fit the first", filter_must_fit_the_first, 1);
    add_file_case(suite, "cut everywhere", cut_everywhere, 2);
    add_file_case(suite, "damages", damages, ROWS(damage_rows));
    add_file_case(suite, "zero tail", zero_tail, 2);
    add_file_case(suite, "descriptions", descriptions, ROWS(description_rows));
    add_file_case(suite, "cut option", cut_option, 1);
    add_file_case(suite, "other version", other_version, 1);
    add_file_case(suite, "from a pipe", from_a_pipe, 2);
    add_file_case(suite, "interrupted", interrupted, 1);
    add_file_case(suite, "some are enough", some_are_enough, 1);
    add_file_case(suite, "nflog", nflog, 4);
    add_file_case(suite, "agree on cases", agree_on_cases, 1);
    add_file_case(suite, "agree on real captures", agree_on_real_captures, 1);
    add_file_case(suite, "agree on changed files", agree_on_changed_files, 2);
    return suite;
}

int main(void)
{
    return run_suite(pcapng_suite());
}
