/* SPDX-License-Identifier: MIT
 *
 * The source of records: small captures are composed in memory, byte by byte, written to a directory of their
 * own, and read back. What is checked is what a person would be told: which records came, and the facts and
 * words about the file.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/link.h"
#include "capture/source.h"
#include "capture/stream.h"
#include "suite.h"

/* ---- composing files ---- */

struct file {
    uint8_t bytes[400000];
    size_t len;
    bool big_endian;
};

static void put_bytes(struct file *file, const void *bytes, size_t len)
{
    ck_assert_uint_le(file->len + len, sizeof file->bytes);
    memcpy(file->bytes + file->len, bytes, len);
    file->len += len;
}

static void put(struct file *file, uint64_t value, size_t width)
{
    uint8_t bytes[8];

    for (size_t i = 0; i < width; i++)
        bytes[file->big_endian ? width - 1 - i : i] = (uint8_t)(value >> 8 * i);
    put_bytes(file, bytes, width);
}

static const uint32_t US = 0xa1b2c3d4, NS = 0xa1b23c4d;

static void put_header(struct file *file, uint32_t magic, uint32_t snaplen, uint32_t link)
{
    put(file, magic, 4);
    put(file, 2, 2);
    put(file, 4, 2);
    put(file, 0, 8);
    put(file, snaplen, 4);
    put(file, link, 4);
}

/* An Ethernet frame with a SYN from port 1000 to this port. */
static void put_frame(struct file *file, uint16_t port)
{
    static const char ethernet[] = "\2\0\0\0\0\2\2\0\0\0\0\1\x08\0";
    static const char ip[] = "\x45\0\0\x28\0\1\0\0\x40\6\0\0\x0a\0\0\1\x0a\0\0\2";
    const uint8_t tcp[20] = {3, 0xe8, (uint8_t)(port >> 8), (uint8_t)port, [12] = 0x50, [13] = 2};

    put_bytes(file, ethernet, 14);
    put_bytes(file, ip, 20);
    put_bytes(file, tcp, sizeof tcp);
}

static void put_record(struct file *file, uint32_t seconds, uint32_t fraction, uint16_t port)
{
    put(file, seconds, 4);
    put(file, fraction, 4);
    put(file, 54, 4);
    put(file, 60, 4);
    put_frame(file, port);
}

static void put_large_record(struct file *file, uint32_t len, uint16_t port)
{
    put(file, 1700000000, 4);
    put(file, 0, 4);
    put(file, len, 4);
    put(file, len, 4);
    put_frame(file, port);
    ck_assert_uint_le(file->len + len, sizeof file->bytes);
    file->len += len - 54;
}

/* pcapng: a section with its interface; tsresol 255 leaves the option out. */
static void put_section(struct file *file)
{
    put(file, 0x0a0d0d0a, 4);
    put(file, 28, 4);
    put(file, 0x1a2b3c4d, 4);
    put(file, 1, 2);
    put(file, 0, 2);
    put(file, UINT64_MAX, 8);
    put(file, 28, 4);
}

static void put_interface(struct file *file, uint16_t link, uint32_t snaplen, uint8_t tsresol)
{
    uint32_t len = tsresol == 255 ? 20 : 32;

    put(file, 1, 4);
    put(file, len, 4);
    put(file, link, 2);
    put(file, 0, 2);
    put(file, snaplen, 4);
    if (tsresol != 255) {
        put(file, 9, 2);
        put(file, 1, 2);
        put_bytes(file, (const uint8_t[4]){tsresol}, 4);
        put(file, 0, 4);
    }
    put(file, len, 4);
}

static void put_packet_block(struct file *file, uint32_t interface, uint64_t time, uint16_t port)
{
    put(file, 6, 4);
    put(file, 88, 4);
    put(file, interface, 4);
    put(file, time >> 32, 4);
    put(file, time & 0xffffffff, 4);
    put(file, 54, 4);
    put(file, 60, 4);
    put_frame(file, port);
    put(file, 0, 2);
    put(file, 88, 4);
}

static char directory[] = "/tmp/tca_test_capture_XXXXXX";
static char path[64];

/* A new file each time: some file systems wait for the disk when one that was cut to nothing is closed. */
static void save(const struct file *file)
{
    unlink(path);
    FILE *out = fopen(path, "wb");

    ck_assert_ptr_nonnull(out);
    ck_assert_uint_eq(fwrite(file->bytes, 1, file->len, out), file->len);
    ck_assert_int_eq(fclose(out), 0);
}

/* ---- reading them ---- */

enum { SEEN_MAX = 4096 };

struct seen {
    int end; /* what tca_source_next() said last */
    unsigned count;
    uint64_t frames[SEEN_MAX];
    int64_t times[SEEN_MAX];
    uint16_t ports[SEEN_MAX];
    int links[SEEN_MAX];
    struct tca_source_facts facts;
};

static void note(struct seen *seen, const struct tca_record *rec)
{
    if (rec->left_out)
        return;
    ck_assert_uint_lt(seen->count, SEEN_MAX);
    seen->frames[seen->count] = rec->frame;
    seen->times[seen->count] = rec->time_ns;
    seen->links[seen->count] = rec->link;
    if (rec->captured >= 38)
        seen->ports[seen->count] = (uint16_t)(rec->bytes[36] << 8 | rec->bytes[37]);
    seen->count++;
}

/* The end must be said again, however often one asks. */
static void read_source(struct tca_source *src, struct seen *ret_seen)
{
    const struct tca_record *records;
    int count;

    ret_seen->count = 0;
    while ((count = tca_source_next(src, &records)) > 0)
        for (int i = 0; i < count; i++)
            note(ret_seen, &records[i]);
    ret_seen->end = count;
    ck_assert_int_eq(tca_source_next(src, &records), count);
    ret_seen->facts = *tca_source_facts(src);
    ck_assert_uint_eq(ret_seen->facts.chosen, ret_seen->count);
    tca_source_close(src);
}

static void read_with(const struct file *file, const struct tca_source_settings *set, struct seen *ret_seen)
{
    struct tca_source *src;
    struct tca_error err = {.text = ""};

    save(file);
    ck_assert_msg(tca_source_open(path, set, &src, &err) == TCA_OK, "%s", err.text);
    read_source(src, ret_seen);
}

static void read_all(const struct file *file, struct seen *ret_seen)
{
    read_with(file, &(struct tca_source_settings){0}, ret_seen);
}

#define CHECK_STATUS(seen, wanted)                                                                           \
    ck_assert_msg((seen)->facts.status == TCA_SOURCE_##wanted, "%s: %s",                                     \
                  tca_source_status_name((seen)->facts.status), (seen)->facts.message)
#define CHECK_MESSAGE(seen, part)                                                                            \
    ck_assert_msg(strstr((seen)->facts.message, part) != NULL, "'%s' lacks '%s'", (seen)->facts.message, part)

/* Of every test, made and freed for each: the file that it composes, and what is read from it. Too large for the stack
 * together. */
static struct file *input;
static struct seen *output;

static void setup(void)
{
    strcpy(directory + strlen(directory) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/file", directory);
    input = calloc(1, sizeof *input);
    output = calloc(1, sizeof *output);
    ck_assert(input && output);
}

static void teardown(void)
{
    free(input);
    free(output);
    unlink(path);
    rmdir(directory);
}

/* ---- formats ---- */

static const struct {
    const char *why;
    uint32_t magic;
    bool big_endian;
    uint32_t fraction;
    int64_t time_ns;
    const char *precision;
} classic_rows[] = {
    {"microseconds", 0xa1b2c3d4, false, 9999, 1700000000009999000, "us"},
    {"microseconds, big-endian", 0xa1b2c3d4, true, 1, 1700000000000001000, "us"},
    {"nanoseconds", 0xa1b23c4d, false, 999999999, 1700000000999999999, "ns"},
    {"nanoseconds, big-endian", 0xa1b23c4d, true, 1, 1700000000000000001, "ns"},
    {"Kuznetzov's magic is another record header", 0xa1b2cd34, false, 1, 1700000000000001000, "us"},
};

START_TEST(classic_formats)
{
    input->big_endian = classic_rows[_i].big_endian;
    put_header(input, classic_rows[_i].magic, 262144, 1);
    for (uint16_t port = 80; port < 82; port++) {
        put(input, 1700000000, 4);
        put(input, classic_rows[_i].fraction, 4);
        put(input, 54, 4);
        put(input, 60, 4);
        if (classic_rows[_i].magic == 0xa1b2cd34)
            put(input, 0, 8); /* interface index, protocol, packet type, padding */
        put_frame(input, port);
    }
    read_all(input, output);
    CHECK_STATUS(output, ok);
    ck_assert_int_eq(output->end, 0);
    ck_assert_uint_eq(output->count, 2);
    ck_assert_int_eq(output->times[0], classic_rows[_i].time_ns);
    ck_assert_uint_eq(output->ports[1], 81);
    ck_assert_uint_eq(output->frames[1], 2);
    ck_assert_str_eq(output->facts.format, "pcap");
    ck_assert_str_eq(output->facts.ts_precision, classic_rows[_i].precision);
    ck_assert_uint_eq(output->facts.links, 1);
    ck_assert_int_eq(output->facts.link[0], 1);
    if (classic_rows[_i].magic != 0xa1b2cd34) /* libpcap adds something there */
        ck_assert_uint_eq(output->facts.snaplen, 262144);
    ck_assert_uint_eq(output->facts.packets, 2);
    ck_assert_uint_eq(output->facts.bytes, input->len);
    ck_assert_str_eq(output->facts.message, "");
}
END_TEST

static const struct {
    const char *why;
    bool big_endian;
    uint8_t tsresol;
    uint64_t time;
    int64_t time_ns;
    const char *precision;
} pcapng_rows[] = {
    {"microseconds by default", false, 255, 1700000000009999, 1700000000009999000, "us"},
    {"microseconds, big-endian", true, 6, 1700000000000001, 1700000000000001000, "us"},
    {"nanoseconds", false, 9, 1700000000000000001, 1700000000000000001, "ns"},
    {"nanoseconds, big-endian", true, 9, 1700000000999999999, 1700000000999999999, "ns"},
    {"milliseconds", false, 3, 1700000000009, 1700000000009000000, "ms"},
    {"powers of two", false, 0x80 | 10, 1700000000ull << 10 | 512, 1700000000500000000, "other"},
};

START_TEST(pcapng_formats)
{
    input->big_endian = pcapng_rows[_i].big_endian;
    put_section(input);
    put_interface(input, 1, 262144, pcapng_rows[_i].tsresol);
    put_packet_block(input, 0, pcapng_rows[_i].time, 80);
    put_packet_block(input, 0, pcapng_rows[_i].time, 81);
    read_all(input, output);
    CHECK_STATUS(output, ok);
    ck_assert_uint_eq(output->count, 2);
    ck_assert_int_eq(output->times[0], pcapng_rows[_i].time_ns);
    ck_assert_uint_eq(output->ports[1], 81);
    ck_assert_str_eq(output->facts.format, "pcapng");
    ck_assert_str_eq(output->facts.ts_precision, pcapng_rows[_i].precision);
    ck_assert_uint_eq(output->facts.bytes, input->len);
}
END_TEST

/* ---- times ---- */

START_TEST(odd_times)
{
    put_header(input, NS, 262144, 1);
    put_record(input, UINT32_MAX, 0, 80); /* 2106-02-07 */
    put_record(input, 0x80000000, 5, 81); /* 2038, negative when read as signed */
    put_record(input, 1, UINT32_MAX, 82); /* a fraction of four seconds */
    read_all(input, output);
    ck_assert_uint_eq(output->count, 3);
    ck_assert_int_eq(output->times[0], 4294967295000000000);
    ck_assert_int_eq(output->times[1], 2147483648000000005);
    ck_assert_int_eq(output->times[2], 5294967295);
}
END_TEST

START_TEST(time_beyond_int64)
{
    put_section(input);
    put_interface(input, 1, 262144, 3);
    put_packet_block(input, 0, UINT64_MAX, 80);
    put_interface(input, 1, 262144, 0);
    put_packet_block(input, 1, UINT64_MAX / 2, 80);
    put_packet_block(input, 1, 1ull << 63, 80);
    read_all(input, output);
    ck_assert_uint_eq(output->count, 3);
    ck_assert_int_eq(output->times[0], INT64_MAX);
    ck_assert_int_eq(output->times[1], INT64_MAX);
    ck_assert_int_eq(output->times[2], INT64_MIN);
}
END_TEST

/* ---- many records ---- */

static const struct {
    uint32_t times[4]; /* seconds, and as many microseconds */
    const char *words;
} back_rows[] = {
    {{5, 5, 6, 7}, ""},
    {{5, 4, 6, 7},
     "packets with a time before that of the packet before: 1, the first is packet 2, by 1.000001000 s"},
    {{5, 6, 3, 2},
     "packets with a time before that of the packet before: 2, the first is packet 3, by 3.000003000 s"},
    {{4294967295, 0, 1, 2},
     "packets with a time before that of the packet before: 1, the first is packet 2, by "
     "4294967295.999999000 s"},
};

START_TEST(times_that_go_back)
{
    put_header(input, US, 65535, 1);
    for (unsigned i = 0; i < 4; i++)
        put_record(input, back_rows[_i].times[i],
                   back_rows[_i].times[i] < 999999 ? back_rows[_i].times[i] : 999999, 80);
    read_all(input, output);
    CHECK_STATUS(output, ok);
    ck_assert_str_eq(output->facts.message, back_rows[_i].words);
}
END_TEST

START_TEST(many_records)
{
    put_header(input, US, 262144, 1);
    for (unsigned i = 0; i < 3000; i++)
        put_record(input, 1700000000 + i, 0, (uint16_t)i);
    read_all(input, output);
    CHECK_STATUS(output, ok);
    ck_assert_uint_eq(output->count, 3000);
    for (unsigned i = 0; i < 3000; i++) {
        ck_assert_uint_eq(output->frames[i], i + 1);
        ck_assert_uint_eq(output->ports[i], i);
    }
}
END_TEST

START_TEST(large_records)
{
    struct tca_source *src;
    struct tca_error err;
    const struct tca_record *records;

    put_header(input, US, 262144, 1);
    for (unsigned i = 0; i < 3; i++) {
        put(input, 1700000000, 8);
        put(input, 100000, 4);
        put(input, 100000, 4);
        memset(input->bytes + input->len, (int)(i + 1), 100000);
        input->len += 100000;
    }
    save(input);
    ck_assert_int_eq(tca_source_open(path, &(struct tca_source_settings){0}, &src, &err), TCA_OK);
    ck_assert_int_eq(tca_source_next(src, &records), 2); /* the third does not fit this batch */
    ck_assert_uint_eq(records[0].bytes[99999], 1);
    ck_assert_uint_eq(records[1].bytes[0], 2);
    ck_assert_int_eq(tca_source_next(src, &records), 1);
    ck_assert_uint_eq(records[0].bytes[99999], 3);
    ck_assert_uint_eq(records[0].frame, 3);
    ck_assert_int_eq(tca_source_next(src, &records), 0);
    tca_source_close(src);
}
END_TEST

/* A file that is cut while it is read, to a whole record or inside one, is no capture that ends there. */
START_TEST(shrinking)
{
    static const size_t left[] = {24 + 2 * (16 + 100000), 24 + 2 * (16 + 100000) + 20};
    struct tca_source *src = NULL;
    struct tca_error err;
    const struct tca_record *records;

    put_header(input, US, 262144, 1);
    for (unsigned i = 0; i < 3; i++)
        put_large_record(input, 100000, 80);
    save(input);
    ck_assert_int_eq(tca_source_open(path, &(struct tca_source_settings){0}, &src, &err), TCA_OK);
    ck_assert_int_eq(tca_source_next(src, &records), 2); /* of the third a part was read */
    ck_assert_int_eq(truncate(path, (off_t)left[_i]), 0);
    ck_assert_int_eq(tca_source_next(src, &records), TCA_EINPUT);
    ck_assert_uint_eq(tca_source_facts(src)->packets, 2);
    ck_assert_int_eq(tca_source_facts(src)->status, TCA_SOURCE_damaged);
    ck_assert_ptr_nonnull(
        strstr(tca_source_facts(src)->message, "the file became shorter while it was read"));
    tca_source_close(src);
}
END_TEST

/* ---- choosing ---- */

static const struct {
    const char *why;
    struct tca_source_settings set;
    unsigned count;
    uint64_t frames[3];
    uint64_t packets;
} choice_rows[] = {
    {"nothing asked", {0}, 10, {1, 2, 3}, 10},
    {"filter", {.filter = "tcp dst port 83"}, 1, {4}, 10},
    {"filter of two", {.filter = "dst port 81 or 89"}, 2, {2, 10}, 10},
    {"empty filter", {.filter = ""}, 10, {1, 2, 3}, 10},
    {"nothing fits", {.filter = "udp"}, 0, {0}, 10},
    {"after, inclusive", {.has_after = true, .after_ns = 1700000007000000000}, 3, {8, 9, 10}, 10},
    {"before, exclusive", {.has_before = true, .before_ns = 1700000002000000000}, 2, {1, 2}, 10},
    {"count of the chosen",
     {.filter = "dst port 88 or dst port 85 or dst port 84", .max_records = 2},
     2,
     {5, 6},
     6},
    {"all together",
     {.filter = "tcp",
      .has_after = true,
      .after_ns = 1700000004000000000,
      .has_before = true,
      .before_ns = 1700000009000000000,
      .max_records = 3},
     3,
     {5, 6, 7},
     7},
};

START_TEST(choices)
{
    put_header(input, US, 262144, 1);
    for (unsigned i = 0; i < 10; i++)
        put_record(input, 1700000000 + i, 0, (uint16_t)(80 + i));
    read_with(input, &choice_rows[_i].set, output);
    CHECK_STATUS(output, ok);
    ck_assert_uint_eq(output->count, choice_rows[_i].count);
    ck_assert_uint_eq(output->facts.packets, choice_rows[_i].packets);
    for (unsigned i = 0; i < output->count && i < 3; i++)
        ck_assert_msg(output->frames[i] == choice_rows[_i].frames[i], "%s", choice_rows[_i].why);
}
END_TEST

static const struct {
    const char *expression;
    bool good;
    const char *words; /* part of the message */
} filter_rows[] = {
    {"", true, ""},
    {"tcp", true, ""},
    {"tcp port 80 and host 10.0.0.1", true, ""},
    {"port http or https", true, ""},
    {"portrange 80-90", true, ""},
    {"tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", true, ""},
    {"tcp[13] & 2 != 0 and not net 10.0.0.0/8", true, ""},
    {"icmp[icmptype] == icmp-unreach", true, ""},
    {"ip6 host 2001:db8::1 or ether host 02:00:00:00:00:01", true, ""},
    {"vlan 10 and (ip proto \\tcp or ip6)", true, ""},
    {"src net 10.1 && !(dst port 22)", true, ""},
    {"greater 100 and len <= 1500", true, ""},
    {"incident.pcap", false, "names are never resolved"},
    {"host example.com", false, "'example.com'"},
    {"port 80 and src example", false, "'example'"},
    {"dead.beef", false, "'dead.beef'"},
    {"tcp port", false, "pcap-filter(7)"},
    {"tcp and and", false, "pcap-filter(7)"},
    {"(tcp", false, "pcap-filter(7)"},
    {"[", false, "pcap-filter(7)"},
    {"port nosuchservice", false, "nosuchservice"},
};

START_TEST(filters)
{
    struct tca_error err = {.text = ""};
    int code = tca_source_check_filter(filter_rows[_i].expression, &err);

    ck_assert_msg(code == (filter_rows[_i].good ? TCA_OK : TCA_EUSAGE), "%s: %s", filter_rows[_i].expression,
                  err.text);
    ck_assert_msg(strstr(err.text, filter_rows[_i].words) != NULL, "%s", err.text);
}
END_TEST

/* What a pcap file of this link type tells nothing of; tcpdump refuses the same. */
static const struct {
    uint32_t link;
    const char *expression;
    const char *words; /* NULL: it fits */
} fit_rows[] = {
    {101, "ether host 02:00:00:00:00:01", "filter: "},
    {1, "inbound", "EN10MB tells no directions"},
    {1, "tcp and not outbound", "EN10MB tells no directions"},
    {127, "inbound", "IEEE802_11_RADIO tells no directions"}, /* behind a header of any length */
    {1, "ifindex 1", "EN10MB do not tell the index"},
    {113, "ifindex 1", "LINUX_SLL do not tell the index"},
    {113, "inbound", NULL},
    {276, "outbound and ifindex 1", NULL},
};

START_TEST(filter_fits_link)
{
    struct tca_source *src = NULL;
    struct tca_error err = {.text = ""};
    int code;

    put_header(input, US, 262144, fit_rows[_i].link);
    save(input);
    code =
        tca_source_open(path, &(struct tca_source_settings){.filter = fit_rows[_i].expression}, &src, &err);
    tca_source_close(src);
    ck_assert_int_eq(code, fit_rows[_i].words ? TCA_EUSAGE : TCA_OK);
    ck_assert_msg(!fit_rows[_i].words || strstr(err.text, fit_rows[_i].words), "%s", err.text);
}
END_TEST

/* ---- inputs that are merely bad ---- */

/* A good file of four records, cut at every length. */
START_TEST(cut_everywhere)
{
    size_t whole;

    put_header(input, US, 65535, 1);
    for (uint16_t port = 80; port < 84; port++)
        put_record(input, 1700000000, 0, port);
    whole = input->len;
    for (input->len = 24; input->len <= whole; input->len++) {
        unsigned complete = (unsigned)(input->len - 24) / 70;
        bool clean = (input->len - 24) % 70 == 0;

        read_all(input, output);
        ck_assert_uint_eq(output->count, complete);
        ck_assert_int_eq(output->end, 0);
        ck_assert_int_eq(output->facts.status, clean ? TCA_SOURCE_ok : TCA_SOURCE_truncated);
        ck_assert_uint_eq(output->facts.error_frame, clean ? 0 : complete + 1);
        ck_assert_int_eq(output->facts.error_offset, clean ? -1 : (int64_t)(24 + complete * 70));
        ck_assert_uint_eq(output->facts.bytes, input->len);
    }
    input->len = 24 + 70 + 30;
    read_all(input, output);
    CHECK_MESSAGE(output, "ends inside a record (packet 2, byte 94)");
}
END_TEST

START_TEST(cut_pcapng_everywhere)
{
    size_t whole, begin;

    put_section(input);
    put_interface(input, 1, 65535, 9);
    begin = input->len;
    put_packet_block(input, 0, 1, 80);
    put_packet_block(input, 0, 2, 81);
    whole = input->len;
    for (input->len = begin; input->len <= whole; input->len++) {
        bool clean = (input->len - begin) % 88 == 0;

        read_all(input, output);
        ck_assert_uint_eq(output->count, (input->len - begin) / 88);
        ck_assert_int_eq(output->facts.status, clean ? TCA_SOURCE_ok : TCA_SOURCE_truncated);
    }
}
END_TEST

START_TEST(cut_headers)
{
    put_header(input, US, 65535, 1);
    for (input->len = 4; input->len < 24; input->len++) {
        read_all(input, output);
        CHECK_STATUS(output, damaged);
        ck_assert_int_eq(output->end, TCA_EINPUT);
        CHECK_MESSAGE(output, "ends inside its header");
    }
}
END_TEST

/* With a snap length in the header smaller than the records: libpcap cuts them; offsets stay right. */
START_TEST(cut_after_long_records)
{
    put_header(input, US, 40, 1);
    put_record(input, 1700000000, 0, 80);
    put_record(input, 1700000000, 0, 81);
    put_record(input, 1700000000, 0, 82);
    input->len -= 10;
    read_all(input, output);
    CHECK_STATUS(output, truncated);
    ck_assert_uint_eq(output->count, 2);
    ck_assert_uint_eq(output->ports[1], 81);
    ck_assert_int_eq(output->facts.error_offset, 24 + 2 * 70);
}
END_TEST

static const struct {
    const char *why;
    const char *bytes;
    size_t len;
    enum tca_source_status status;
    int end;
    const char *format;
    const char *words;
} kind_rows[] = {
    {"nothing", "", 0, TCA_SOURCE_damaged, TCA_EINPUT, "unknown", "empty file (0 bytes)"},
    {"text", "hello, world\n", 13, TCA_SOURCE_damaged, TCA_EINPUT, "unknown", "not a packet capture"},
    {"three bytes", "\xd4\xc3\xb2", 3, TCA_SOURCE_damaged, TCA_EINPUT, "unknown", "not a packet capture"},
    {"gzip", "\x1f\x8b\x08\0", 4, TCA_SOURCE_unsupported, TCA_EUNSUPPORTED, "gzip",
     "gzip -dc FILE | tcpautopsy -"},
    {"zstd", "\x28\xb5\x2f\xfd", 4, TCA_SOURCE_unsupported, TCA_EUNSUPPORTED, "zstd", "zstd -dc"},
    {"xz",
     "\xfd"
     "7zXZ\0",
     6, TCA_SOURCE_unsupported, TCA_EUNSUPPORTED, "xz", "xz -dc"},
    {"bzip2", "BZh91AY", 7, TCA_SOURCE_unsupported, TCA_EUNSUPPORTED, "bzip2", "bzip2 -dc"},
    {"lz4", "\x04\x22\x4d\x18", 4, TCA_SOURCE_unsupported, TCA_EUNSUPPORTED, "lz4", "lz4 -dc"},
    {"zip", "PK\x03\x04", 4, TCA_SOURCE_unsupported, TCA_EUNSUPPORTED, "zip", "unzip -p FILE NAME"},
    {"snoop", "snoop\0\0\0\0\0\0\2", 12, TCA_SOURCE_unsupported, TCA_EUNSUPPORTED, "snoop", "convert it"},
    {"old version", "\xd4\xc3\xb2\xa1\1\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\1\0\0\0", 24, TCA_SOURCE_damaged,
     TCA_EINPUT, "pcap", "(packet 1, byte 0): the file header cannot be read"},
    {"section that is cut",
     "\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\1\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0", 27,
     TCA_SOURCE_damaged, TCA_EINPUT, "pcapng", "ends inside its header"},
    {"section without interface",
     "\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\1\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0", 28,
     TCA_SOURCE_ok, TCA_OK, "pcapng", ""},
};

START_TEST(kinds)
{
    put_bytes(input, kind_rows[_i].bytes, kind_rows[_i].len);
    read_all(input, output);
    ck_assert_msg(output->facts.status == kind_rows[_i].status, "%s: %s", kind_rows[_i].why,
                  output->facts.message);
    ck_assert_int_eq(output->end, kind_rows[_i].end);
    ck_assert_uint_eq(output->count, 0);
    ck_assert_str_eq(output->facts.format, kind_rows[_i].format);
    CHECK_MESSAGE(output, kind_rows[_i].words);
}
END_TEST

START_TEST(tar_archive)
{
    memcpy(input->bytes + 257, "ustar", 5);
    input->len = 1024;
    read_all(input, output);
    CHECK_STATUS(output, unsupported);
    CHECK_MESSAGE(output, "a tar archive");
}
END_TEST

START_TEST(no_file)
{
    struct tca_source *src;
    struct tca_error err;

    ck_assert_int_eq(tca_source_open("/nonexistent/file", &(struct tca_source_settings){0}, &src, &err),
                     TCA_EINPUT);
    ck_assert_str_eq(err.text, "cannot open: No such file or directory");
    ck_assert_int_eq(tca_source_open("/", &(struct tca_source_settings){0}, &src, &err), TCA_EINPUT);
    ck_assert_ptr_nonnull(strstr(err.text, "is a directory"));
}
END_TEST

START_TEST(garbage_record)
{
    put_header(input, US, 65535, 1);
    put_record(input, 1700000000, 0, 80);
    put(input, 0xfffffffffffffff0, 8);
    put(input, 0xfffffffffffffff0, 8);
    put(input, 0, 8);
    read_all(input, output);
    CHECK_STATUS(output, damaged);
    ck_assert_int_eq(output->end, TCA_EINPUT);
    ck_assert_uint_eq(output->count, 1);
    ck_assert_uint_eq(output->facts.error_frame, 2);
    ck_assert_int_eq(output->facts.error_offset, 94);
    CHECK_MESSAGE(output, "(packet 2, byte 94)");
    ck_assert_uint_eq(output->facts.bytes, 94 + 16); /* what was taken for a header */
}
END_TEST

START_TEST(zero_tail)
{
    put_header(input, US, 65535, 1);
    put_record(input, 1700000000, 0, 80);
    input->len += 4096;
    read_all(input, output);
    CHECK_STATUS(output, damaged);
    ck_assert_uint_eq(output->count, 1);
    ck_assert_int_eq(output->facts.error_offset, 94);
    CHECK_MESSAGE(output, "zero bytes");
}
END_TEST

/* ---- joined captures ---- */

static void put_capture(struct file *file, char kind, uint16_t port)
{
    file->big_endian = kind == 'U' || kind == 'N' || kind == 'G';
    if (kind == 'g' || kind == 'G') {
        put_section(file);
        put_interface(file, 1, 65535, 9);
        put_packet_block(file, 0, 1700000000000000000, port);
        put_packet_block(file, 0, 1700000000000000000, (uint16_t)(port + 1));
        return;
    }
    put_header(file, kind == 'n' || kind == 'N' ? NS : US, 65535, 1);
    if (kind == 'o')
        file->bytes[file->len - 18] = 3;
    put_record(file, 1700000000, 0, port);
    put_record(file, 1700000000, 0, (uint16_t)(port + 1));
}

/* u, n: classic in microseconds, nanoseconds; o: of an older version, which libpcap reads; g: pcapng; U, N, G: the same in
 * big-endian order. */
static const struct {
    const char *kinds;
    const char *words;
} joint_rows[] = {
    {"uu", "2 captures joined in one file (packet 3, byte 164 begins the second)"},
    {"un", "packet 3, byte 164"},
    {"uU", "packet 3, byte 164"},
    {"Nu", "packet 3, byte 164"},
    {"ug", "packet 3, byte 164"},
    {"uuUnNu", "6 captures joined"},
    {"gu", "packet 3, byte 236"},
    {"ugug", "4 captures joined"},
    {"ou", "packet 3, byte 164"},
    {"gU", "packet 3, byte 236"},
    {"Gu", "packet 3, byte 236"},
    {"GUGgn", "4 captures joined"}, /* a section behind another is the same file */
    {"gGg", ""},
};

START_TEST(joints)
{
    unsigned parts = (unsigned)strlen(joint_rows[_i].kinds);

    for (unsigned i = 0; i < parts; i++)
        put_capture(input, joint_rows[_i].kinds[i], (uint16_t)(80 + 2 * i));
    read_all(input, output);
    CHECK_STATUS(output, ok);
    CHECK_MESSAGE(output, joint_rows[_i].words);
    ck_assert_uint_eq(output->count, 2 * parts);
    for (unsigned i = 0; i < output->count; i++) {
        ck_assert_uint_eq(output->frames[i], i + 1);
        ck_assert_uint_eq(output->ports[i], 80 + i);
        ck_assert_int_eq(output->times[i], 1700000000000000000);
    }
    ck_assert_uint_eq(output->facts.bytes, input->len);
    ck_assert_str_eq(output->facts.format, strchr("gG", joint_rows[_i].kinds[0]) ? "pcapng" : "pcap");
}
END_TEST

/* Behind a block that is no packet's. */
START_TEST(joint_behind_interfaces)
{
    put_section(input);
    put_interface(input, 1, 65535, 9);
    put_interface(input, 1, 65535, 9);
    put_capture(input, 'u', 80);
    read_all(input, output);
    CHECK_STATUS(output, ok);
    CHECK_MESSAGE(output, "(packet 1, byte 92 begins the second)");
    ck_assert_uint_eq(output->count, 2);
}
END_TEST

/* Joints must be found wherever they fall in the buffers: the first part grows byte by byte around their
 * edge. */
START_TEST(joint_at_buffer_edge)
{
    for (uint32_t size = TCA_STREAM_CHUNK - 90; size < TCA_STREAM_CHUNK + 10; size++) {
        input->len = 0;
        put_header(input, US, 262144, 1);
        put(input, 1700000000, 8);
        put(input, size - 40, 4);
        put(input, size - 40, 4);
        input->len = size;
        put_capture(input, 'u', 80);
        put_capture(input, 'n', 82);
        read_with(input, &(struct tca_source_settings){.filter = "tcp"}, output);
        CHECK_STATUS(output, ok);
        ck_assert_uint_eq(output->facts.packets, 5);
        ck_assert_uint_eq(output->count, 4);
        ck_assert_uint_eq(output->ports[3], 83);
        ck_assert_uint_eq(output->frames[3], 5);
    }
}
END_TEST

START_TEST(joint_of_link_types)
{
    put_capture(input, 'u', 80);
    put_header(input, US, 65535, 113);
    put_record(input, 1700000000, 0, 82);
    read_all(input, output);
    CHECK_STATUS(output, ok);
    ck_assert_uint_eq(output->count, 3);
    ck_assert_int_eq(output->links[1], 1);
    ck_assert_int_eq(output->links[2], 113);
    ck_assert_uint_eq(output->facts.links, 2);
    ck_assert_int_eq(output->facts.link[0], 1);
    ck_assert_int_eq(output->facts.link[1], 113);
}
END_TEST

START_TEST(joint_with_cut_header)
{
    put_capture(input, 'u', 80);
    put_header(input, US, 65535, 1);
    input->len -= 4;
    read_all(input, output);
    CHECK_STATUS(output, damaged);
    ck_assert_uint_eq(output->count, 2);
    ck_assert_int_eq(output->facts.error_offset, 164);
}
END_TEST

START_TEST(too_many_joints)
{
    for (int i = 0; i < 5000; i++)
        put_header(input, US, 65535, 1);
    read_all(input, output);
    CHECK_STATUS(output, damaged);
    CHECK_MESSAGE(output, "too many captures joined");
}
END_TEST

/* ---- link types ---- */

static const struct {
    uint32_t in_file;
    int link;
    bool decoded;
    const char *words;
} link_rows[] = {
    {1, 1, true, ""},
    {101, 101, true, ""},
    {12, 101, true, ""},
    {228, 228, true, ""},
    {276, 276, true, ""},
    {147, 147, false, "link type unknown (147) is not supported"},
    {9999, 9999, false, "link type unknown (9999) is not supported"},
};

START_TEST(links)
{
    put_header(input, US, 65535, link_rows[_i].in_file);
    put_record(input, 1700000000, 0, 80);
    put_record(input, 1700000000, 0, 81);
    input->len -= 10; /* a cut end does not hide the link type */
    read_with(input, &(struct tca_source_settings){.filter = link_rows[_i].decoded ? NULL : "tcp"}, output);
    ck_assert_int_eq(output->end, 0);
    ck_assert_uint_eq(output->count, 1);
    ck_assert_int_eq(output->links[0], link_rows[_i].link);
    ck_assert_uint_eq(output->facts.links, 1);
    ck_assert_int_eq(output->facts.link[0], link_rows[_i].link);
    ck_assert_int_eq(tca_link_decoded(output->facts.link[0]), link_rows[_i].decoded);
    ck_assert_int_eq(output->facts.status,
                     link_rows[_i].decoded ? TCA_SOURCE_truncated : TCA_SOURCE_unsupported);
    CHECK_MESSAGE(output, link_rows[_i].words);
}
END_TEST

/* ---- standard input, interruption ---- */

/* In pieces, as a pipe hands them on: of 3 bytes, of 1000, and as one. */
START_TEST(standard_input)
{
    static const size_t pieces[] = {3, 1000, SIZE_MAX};
    struct tca_source *src;
    struct tca_error err;
    int ends[2];

    put_capture(input, 'u', 80);
    put_capture(input, 'n', 82);
    put_capture(input, 'G', 84);
    put_capture(input, 'U', 86);
    for (int i = 0; i < 2; i++)
        put_large_record(input, 150000, 88);
    ck_assert_int_eq(pipe(ends), 0);
    pid_t writer = fork();
    if (writer == 0) {
        close(ends[0]);
        for (size_t at = 0, len; at < input->len; at += len) {
            len = input->len - at < pieces[_i] ? input->len - at : pieces[_i];
            if (write(ends[1], input->bytes + at, len) != (ssize_t)len)
                _exit(1);
        }
        _exit(0);
    }
    close(ends[1]);
    ck_assert_int_ge(dup2(ends[0], STDIN_FILENO), 0);
    close(ends[0]);
    ck_assert_int_eq(tca_source_open("-", &(struct tca_source_settings){0}, &src, &err), TCA_OK);
    read_source(src, output);
    ck_assert_int_eq(waitpid(writer, NULL, 0), writer);
    CHECK_STATUS(output, ok);
    ck_assert_uint_eq(output->count, 10);
    ck_assert_uint_eq(output->ports[7], 87);
    ck_assert_uint_eq(output->ports[9], 88);
    ck_assert_uint_eq(output->facts.bytes, input->len);
}
END_TEST

START_TEST(interrupted)
{
    volatile sig_atomic_t stop = 1;

    put_capture(input, 'u', 80);
    read_with(input, &(struct tca_source_settings){.stop = &stop}, output);
    CHECK_STATUS(output, interrupted);
    ck_assert_int_eq(output->end, 0);
    ck_assert_uint_eq(output->count, 0);
}
END_TEST

/* ---- anything at all ---- */

/* Every byte of a small file changed in a few ways: the source always comes to an end, within bounds. */
START_TEST(any_byte_changed)
{
    static const char *const parts[] = {"un", "gu", "gg"};

    put_capture(input, parts[_i][0], 80);
    put_capture(input, parts[_i][1], 82);
    for (size_t at = 0; at < input->len; at++) {
        uint8_t before = input->bytes[at];

        for (unsigned change = 1; change < 256; change *= 5) {
            input->bytes[at] = (uint8_t)(before ^ change);
            read_all(input, output);
            ck_assert_int_le(output->end, 0);
            ck_assert_int_eq(output->end == 0 && output->facts.status == TCA_SOURCE_damaged, 0);
        }
        input->bytes[at] = before;
    }
}
END_TEST

static void add_file_case(Suite *suite, const char *name, const TTest *test, int count)
{
    TCase *tcase = add_case(suite, name, test, count);

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 30);
}

static Suite *capture_suite(void)
{
    Suite *suite = suite_create("capture");

    add_file_case(suite, "classic formats", classic_formats, ROWS(classic_rows));
    add_file_case(suite, "pcapng formats", pcapng_formats, ROWS(pcapng_rows));
    add_file_case(suite, "odd times", odd_times, 1);
    add_file_case(suite, "time beyond int64", time_beyond_int64, 1);
    add_file_case(suite, "times that go back", times_that_go_back, ROWS(back_rows));
    add_file_case(suite, "many records", many_records, 1);
    add_file_case(suite, "large records", large_records, 1);
    add_file_case(suite, "shrinking", shrinking, 2);
    add_file_case(suite, "choices", choices, ROWS(choice_rows));
    add_file_case(suite, "filters", filters, ROWS(filter_rows));
    add_file_case(suite, "filter fits link", filter_fits_link, ROWS(fit_rows));
    add_file_case(suite, "cut everywhere", cut_everywhere, 1);
    add_file_case(suite, "cut pcapng everywhere", cut_pcapng_everywhere, 1);
    add_file_case(suite, "cut headers", cut_headers, 1);
    add_file_case(suite, "cut after long records", cut_after_long_records, 1);
    add_file_case(suite, "kinds of input", kinds, ROWS(kind_rows));
    add_file_case(suite, "tar archive", tar_archive, 1);
    add_file_case(suite, "no file", no_file, 1);
    add_file_case(suite, "garbage record", garbage_record, 1);
    add_file_case(suite, "zero tail", zero_tail, 1);
    add_file_case(suite, "joints", joints, ROWS(joint_rows));
    add_file_case(suite, "joint behind interfaces", joint_behind_interfaces, 1);
    add_file_case(suite, "joint at buffer edge", joint_at_buffer_edge, 1);
    add_file_case(suite, "joint of link types", joint_of_link_types, 1);
    add_file_case(suite, "joint with cut header", joint_with_cut_header, 1);
    add_file_case(suite, "too many joints", too_many_joints, 1);
    add_file_case(suite, "links", links, ROWS(link_rows));
    add_file_case(suite, "standard input", standard_input, 3);
    add_file_case(suite, "interrupted", interrupted, 1);
    add_file_case(suite, "any byte changed", any_byte_changed, 3);
    return suite;
}

int main(void)
{
    return run_suite(capture_suite());
}
