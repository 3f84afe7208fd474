/* SPDX-License-Identifier: MIT
 *
 * The source of records: small captures are composed in memory, byte by byte, written to a directory of their
 * own, and read back. What is checked is what a person would be told: which records came, and the facts and
 * words about the file.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/link.h"
#include "capture/source.h"
#include "capture/stream.h"

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

static void setup(void)
{
    strcpy(directory + strlen(directory) - 6, "XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/file", directory);
}

static void teardown(void)
{
    unlink(path);
    rmdir(directory);
}

static void save(const struct file *file)
{
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

/* Too large for the stack together; each test runs in a process of its own, or after the last has ended. */
static struct file *new_file(void)
{
    struct file *file = calloc(1, sizeof *file);

    ck_assert_ptr_nonnull(file);
    return file;
}

static struct seen *new_seen(void)
{
    struct seen *seen = calloc(1, sizeof *seen);

    ck_assert_ptr_nonnull(seen);
    return seen;
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
    struct file *file = new_file();
    struct seen *seen = new_seen();

    file->big_endian = classic_rows[_i].big_endian;
    put_header(file, classic_rows[_i].magic, 262144, 1);
    for (uint16_t port = 80; port < 82; port++) {
        put(file, 1700000000, 4);
        put(file, classic_rows[_i].fraction, 4);
        put(file, 54, 4);
        put(file, 60, 4);
        if (classic_rows[_i].magic == 0xa1b2cd34)
            put(file, 0, 8); /* interface index, protocol, packet type, padding */
        put_frame(file, port);
    }
    read_all(file, seen);
    CHECK_STATUS(seen, ok);
    ck_assert_int_eq(seen->end, 0);
    ck_assert_uint_eq(seen->count, 2);
    ck_assert_int_eq(seen->times[0], classic_rows[_i].time_ns);
    ck_assert_uint_eq(seen->ports[1], 81);
    ck_assert_uint_eq(seen->frames[1], 2);
    ck_assert_str_eq(seen->facts.format, "pcap");
    ck_assert_str_eq(seen->facts.ts_precision, classic_rows[_i].precision);
    ck_assert_str_eq(seen->facts.link_name, "EN10MB");
    ck_assert_int_eq(seen->facts.link, 1);
    if (classic_rows[_i].magic != 0xa1b2cd34) /* libpcap adds something there */
        ck_assert_uint_eq(seen->facts.snaplen, 262144);
    ck_assert_uint_eq(seen->facts.packets, 2);
    ck_assert_uint_eq(seen->facts.bytes, file->len);
    ck_assert_str_eq(seen->facts.message, "");
    free(file);
    free(seen);
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
    struct file *file = new_file();
    struct seen *seen = new_seen();

    file->big_endian = pcapng_rows[_i].big_endian;
    put_section(file);
    put_interface(file, 1, 262144, pcapng_rows[_i].tsresol);
    put_packet_block(file, 0, pcapng_rows[_i].time, 80);
    put_packet_block(file, 0, pcapng_rows[_i].time, 81);
    read_all(file, seen);
    CHECK_STATUS(seen, ok);
    ck_assert_uint_eq(seen->count, 2);
    ck_assert_int_eq(seen->times[0], pcapng_rows[_i].time_ns);
    ck_assert_uint_eq(seen->ports[1], 81);
    ck_assert_str_eq(seen->facts.format, "pcapng");
    ck_assert_str_eq(seen->facts.ts_precision, pcapng_rows[_i].precision);
    ck_assert_uint_eq(seen->facts.bytes, file->len);
    free(file);
    free(seen);
}
END_TEST

/* ---- times ---- */

START_TEST(odd_times)
{
    struct file *file = new_file();
    struct seen *seen = new_seen();

    put_header(file, NS, 262144, 1);
    put_record(file, UINT32_MAX, 0, 80); /* 2106-02-07 */
    put_record(file, 0x80000000, 5, 81); /* 2038, negative when read as signed */
    put_record(file, 1, UINT32_MAX, 82); /* a fraction of four seconds */
    read_all(file, seen);
    ck_assert_uint_eq(seen->count, 3);
    ck_assert_int_eq(seen->times[0], 4294967295000000000);
    ck_assert_int_eq(seen->times[1], 2147483648000000005);
    ck_assert_int_eq(seen->times[2], 5294967295);
    free(file);
    free(seen);
}
END_TEST

START_TEST(time_beyond_int64)
{
    struct file *file = new_file();
    struct seen *seen = new_seen();

    put_section(file);
    put_interface(file, 1, 262144, 3);
    put_packet_block(file, 0, UINT64_MAX, 80);
    put_interface(file, 1, 262144, 0);
    put_packet_block(file, 1, UINT64_MAX / 2, 80);
    put_packet_block(file, 1, 1ull << 63, 80);
    read_all(file, seen);
    ck_assert_uint_eq(seen->count, 3);
    ck_assert_int_eq(seen->times[0], INT64_MAX);
    ck_assert_int_eq(seen->times[1], INT64_MAX);
    ck_assert_int_eq(seen->times[2], INT64_MIN);
    free(file);
    free(seen);
}
END_TEST

/* ---- many records ---- */

START_TEST(many_records)
{
    struct file *file = new_file();
    struct seen *seen = new_seen();

    put_header(file, US, 262144, 1);
    for (unsigned i = 0; i < 3000; i++)
        put_record(file, 1700000000 + i, 0, (uint16_t)i);
    read_all(file, seen);
    CHECK_STATUS(seen, ok);
    ck_assert_uint_eq(seen->count, 3000);
    for (unsigned i = 0; i < 3000; i++) {
        ck_assert_uint_eq(seen->frames[i], i + 1);
        ck_assert_uint_eq(seen->ports[i], i);
    }
    free(file);
    free(seen);
}
END_TEST

START_TEST(large_records)
{
    struct file *file = new_file();
    struct tca_source *src;
    struct tca_error err;
    const struct tca_record *records;

    put_header(file, US, 262144, 1);
    for (unsigned i = 0; i < 3; i++) {
        put(file, 1700000000, 8);
        put(file, 100000, 4);
        put(file, 100000, 4);
        memset(file->bytes + file->len, (int)(i + 1), 100000);
        file->len += 100000;
    }
    save(file);
    ck_assert_int_eq(tca_source_open(path, &(struct tca_source_settings){0}, &src, &err), TCA_OK);
    ck_assert_int_eq(tca_source_next(src, &records), 2); /* the third does not fit this batch */
    ck_assert_uint_eq(records[0].bytes[99999], 1);
    ck_assert_uint_eq(records[1].bytes[0], 2);
    ck_assert_int_eq(tca_source_next(src, &records), 1);
    ck_assert_uint_eq(records[0].bytes[99999], 3);
    ck_assert_uint_eq(records[0].frame, 3);
    ck_assert_int_eq(tca_source_next(src, &records), 0);
    tca_source_close(src);
    free(file);
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
    struct file *file = new_file();
    struct seen *seen = new_seen();

    put_header(file, US, 262144, 1);
    for (unsigned i = 0; i < 10; i++)
        put_record(file, 1700000000 + i, 0, (uint16_t)(80 + i));
    read_with(file, &choice_rows[_i].set, seen);
    CHECK_STATUS(seen, ok);
    ck_assert_uint_eq(seen->count, choice_rows[_i].count);
    ck_assert_uint_eq(seen->facts.packets, choice_rows[_i].packets);
    for (unsigned i = 0; i < seen->count && i < 3; i++)
        ck_assert_msg(seen->frames[i] == choice_rows[_i].frames[i], "%s", choice_rows[_i].why);
    free(file);
    free(seen);
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

START_TEST(filter_fits_link)
{
    struct file *file = new_file();
    struct tca_source *src;
    struct tca_error err;

    put_header(file, US, 262144, 101);
    save(file);
    ck_assert_int_eq(tca_source_open(path,
                                     &(struct tca_source_settings){.filter = "ether host 02:00:00:00:00:01"},
                                     &src, &err),
                     TCA_EUSAGE);
    ck_assert_ptr_nonnull(strstr(err.text, "filter: "));
    free(file);
}
END_TEST

/* ---- inputs that are merely bad ---- */

/* A good file of four records, cut at every length. */
START_TEST(cut_everywhere)
{
    struct file *file = new_file();
    struct seen *seen = new_seen();
    size_t whole;

    put_header(file, US, 65535, 1);
    for (uint16_t port = 80; port < 84; port++)
        put_record(file, 1700000000, 0, port);
    whole = file->len;
    for (file->len = 24; file->len <= whole; file->len++) {
        unsigned complete = (unsigned)(file->len - 24) / 70;
        bool clean = (file->len - 24) % 70 == 0;

        read_all(file, seen);
        ck_assert_uint_eq(seen->count, complete);
        ck_assert_int_eq(seen->end, 0);
        ck_assert_int_eq(seen->facts.status, clean ? TCA_SOURCE_ok : TCA_SOURCE_truncated);
        ck_assert_uint_eq(seen->facts.error_frame, clean ? 0 : complete + 1);
        ck_assert_int_eq(seen->facts.error_offset, clean ? -1 : (int64_t)(24 + complete * 70));
        ck_assert_uint_eq(seen->facts.bytes, file->len);
    }
    file->len = 24 + 70 + 30;
    read_all(file, seen);
    CHECK_MESSAGE(seen, "ends inside a record (packet 2, byte 94)");
    free(file);
    free(seen);
}
END_TEST

START_TEST(cut_pcapng_everywhere)
{
    struct file *file = new_file();
    struct seen *seen = new_seen();
    size_t whole, begin;

    put_section(file);
    put_interface(file, 1, 65535, 9);
    begin = file->len;
    put_packet_block(file, 0, 1, 80);
    put_packet_block(file, 0, 2, 81);
    whole = file->len;
    for (file->len = begin; file->len <= whole; file->len++) {
        bool clean = (file->len - begin) % 88 == 0;

        read_all(file, seen);
        ck_assert_uint_eq(seen->count, (file->len - begin) / 88);
        ck_assert_int_eq(seen->facts.status, clean ? TCA_SOURCE_ok : TCA_SOURCE_truncated);
    }
    free(file);
    free(seen);
}
END_TEST

START_TEST(cut_headers)
{
    struct file *file = new_file();
    struct seen *seen = new_seen();

    put_header(file, US, 65535, 1);
    for (file->len = 4; file->len < 24; file->len++) {
        read_all(file, seen);
        CHECK_STATUS(seen, damaged);
        ck_assert_int_eq(seen->end, TCA_EINPUT);
        CHECK_MESSAGE(seen, "ends inside its header");
    }
    free(file);
    free(seen);
}
END_TEST

/* With a snap length in the header smaller than the records: libpcap cuts them; offsets stay right. */
START_TEST(cut_after_long_records)
{
    struct file *file = new_file();
    struct seen *seen = new_seen();

    put_header(file, US, 40, 1);
    put_record(file, 1700000000, 0, 80);
    put_record(file, 1700000000, 0, 81);
    put_record(file, 1700000000, 0, 82);
    file->len -= 10;
    read_all(file, seen);
    CHECK_STATUS(seen, truncated);
    ck_assert_uint_eq(seen->count, 2);
    ck_assert_uint_eq(seen->ports[1], 81);
    ck_assert_int_eq(seen->facts.error_offset, 24 + 2 * 70);
    free(file);
    free(seen);
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
    {"section without interface",
     "\x0a\x0d\x0d\x0a\x1c\0\0\0\x4d\x3c\x2b\x1a\1\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c\0\0", 28,
     TCA_SOURCE_damaged, TCA_EINPUT, "pcapng", "ends inside its header"},
};

START_TEST(kinds)
{
    struct file *file = new_file();
    struct seen *seen = new_seen();

    put_bytes(file, kind_rows[_i].bytes, kind_rows[_i].len);
    read_all(file, seen);
    ck_assert_msg(seen->facts.status == kind_rows[_i].status, "%s: %s", kind_rows[_i].why,
                  seen->facts.message);
    ck_assert_int_eq(seen->end, kind_rows[_i].end);
    ck_assert_uint_eq(seen->count, 0);
    ck_assert_str_eq(seen->facts.format, kind_rows[_i].format);
    CHECK_MESSAGE(seen, kind_rows[_i].words);
    free(file);
    free(seen);
}
END_TEST

START_TEST(tar_archive)
{
    struct file *file = new_file();
    struct seen *seen = new_seen();

    memcpy(file->bytes + 257, "ustar", 5);
    file->len = 1024;
    read_all(file, seen);
    CHECK_STATUS(seen, unsupported);
    CHECK_MESSAGE(seen, "a tar archive");
    free(file);
    free(seen);
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
    struct file *file = new_file();
    struct seen *seen = new_seen();

    put_header(file, US, 65535, 1);
    put_record(file, 1700000000, 0, 80);
    put(file, 0xfffffffffffffff0, 8);
    put(file, 0xfffffffffffffff0, 8);
    put(file, 0, 8);
    read_all(file, seen);
    CHECK_STATUS(seen, damaged);
    ck_assert_int_eq(seen->end, TCA_EINPUT);
    ck_assert_uint_eq(seen->count, 1);
    ck_assert_uint_eq(seen->facts.error_frame, 2);
    ck_assert_int_eq(seen->facts.error_offset, 94);
    CHECK_MESSAGE(seen, "(packet 2, byte 94)");
    free(file);
    free(seen);
}
END_TEST

START_TEST(zero_tail)
{
    struct file *file = new_file();
    struct seen *seen = new_seen();

    put_header(file, US, 65535, 1);
    put_record(file, 1700000000, 0, 80);
    file->len += 4096;
    read_all(file, seen);
    CHECK_STATUS(seen, damaged);
    ck_assert_uint_eq(seen->count, 1);
    ck_assert_int_eq(seen->facts.error_offset, 94);
    CHECK_MESSAGE(seen, "zero bytes");
    free(file);
    free(seen);
}
END_TEST

/* ---- joined captures ---- */

static void put_capture(struct file *file, char kind, uint16_t port)
{
    file->big_endian = kind == 'U' || kind == 'N';
    if (kind == 'g') {
        put_section(file);
        put_interface(file, 1, 65535, 9);
        put_packet_block(file, 0, 1700000000000000000, port);
        put_packet_block(file, 0, 1700000000000000000, (uint16_t)(port + 1));
        return;
    }
    put_header(file, kind == 'n' || kind == 'N' ? NS : US, 65535, 1);
    put_record(file, 1700000000, 0, port);
    put_record(file, 1700000000, 0, (uint16_t)(port + 1));
}

/* u, n: classic in microseconds, nanoseconds; U, N: the same in big-endian order; g: pcapng. */
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
};

START_TEST(joints)
{
    struct file *file = new_file();
    struct seen *seen = new_seen();
    unsigned parts = (unsigned)strlen(joint_rows[_i].kinds);

    for (unsigned i = 0; i < parts; i++)
        put_capture(file, joint_rows[_i].kinds[i], (uint16_t)(80 + 2 * i));
    read_all(file, seen);
    CHECK_STATUS(seen, ok);
    CHECK_MESSAGE(seen, joint_rows[_i].words);
    ck_assert_uint_eq(seen->count, 2 * parts);
    for (unsigned i = 0; i < seen->count; i++) {
        ck_assert_uint_eq(seen->frames[i], i + 1);
        ck_assert_uint_eq(seen->ports[i], 80 + i);
        ck_assert_int_eq(seen->times[i], 1700000000000000000);
    }
    ck_assert_uint_eq(seen->facts.bytes, file->len);
    ck_assert_str_eq(seen->facts.format, joint_rows[_i].kinds[0] == 'g' ? "pcapng" : "pcap");
    free(file);
    free(seen);
}
END_TEST

/* Joints must be found wherever they fall in the buffers: the first part grows byte by byte around their
 * edge. */
START_TEST(joint_at_buffer_edge)
{
    struct file *file = new_file();
    struct seen *seen = new_seen();

    for (uint32_t size = TCA_STREAM_CHUNK - 90; size < TCA_STREAM_CHUNK + 10; size++) {
        file->len = 0;
        put_header(file, US, 262144, 1);
        put(file, 1700000000, 8);
        put(file, size - 40, 4);
        put(file, size - 40, 4);
        file->len = size;
        put_capture(file, 'u', 80);
        put_capture(file, 'n', 82);
        read_with(file, &(struct tca_source_settings){.filter = "tcp"}, seen);
        CHECK_STATUS(seen, ok);
        ck_assert_uint_eq(seen->facts.packets, 5);
        ck_assert_uint_eq(seen->count, 4);
        ck_assert_uint_eq(seen->ports[3], 83);
        ck_assert_uint_eq(seen->frames[3], 5);
    }
    free(file);
    free(seen);
}
END_TEST

START_TEST(joint_of_link_types)
{
    struct file *file = new_file();
    struct seen *seen = new_seen();

    put_capture(file, 'u', 80);
    put_header(file, US, 65535, 113);
    put_record(file, 1700000000, 0, 82);
    read_all(file, seen);
    CHECK_STATUS(seen, ok);
    ck_assert_uint_eq(seen->count, 3);
    ck_assert_int_eq(seen->links[1], 1);
    ck_assert_int_eq(seen->links[2], 113);
    ck_assert_int_eq(seen->facts.link, 1);
    free(file);
    free(seen);
}
END_TEST

START_TEST(joint_with_cut_header)
{
    struct file *file = new_file();
    struct seen *seen = new_seen();

    put_capture(file, 'u', 80);
    put_header(file, US, 65535, 1);
    file->len -= 4;
    read_all(file, seen);
    CHECK_STATUS(seen, damaged);
    ck_assert_uint_eq(seen->count, 2);
    ck_assert_int_eq(seen->facts.error_offset, 164);
    free(file);
    free(seen);
}
END_TEST

START_TEST(too_many_joints)
{
    struct file *file = new_file();
    struct seen *seen = new_seen();

    for (int i = 0; i < 5000; i++)
        put_header(file, US, 65535, 1);
    read_all(file, seen);
    CHECK_STATUS(seen, damaged);
    CHECK_MESSAGE(seen, "too many captures joined");
    free(file);
    free(seen);
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
    {105, 105, false, "link type IEEE802_11 (105) is not supported"},
    {9999, 9999, false, "link type unknown (9999) is not supported"},
};

START_TEST(links)
{
    struct file *file = new_file();
    struct seen *seen = new_seen();

    put_header(file, US, 65535, link_rows[_i].in_file);
    put_record(file, 1700000000, 0, 80);
    put_record(file, 1700000000, 0, 81);
    file->len -= 10; /* a cut end does not hide the link type */
    read_with(file, &(struct tca_source_settings){.filter = link_rows[_i].decoded ? NULL : "tcp"}, seen);
    ck_assert_int_eq(seen->end, 0);
    ck_assert_uint_eq(seen->count, 1);
    ck_assert_int_eq(seen->links[0], link_rows[_i].link);
    ck_assert_int_eq(seen->facts.link, link_rows[_i].link);
    ck_assert_int_eq(tca_link_decoded(seen->facts.link), link_rows[_i].decoded);
    ck_assert_int_eq(seen->facts.status,
                     link_rows[_i].decoded ? TCA_SOURCE_truncated : TCA_SOURCE_unsupported);
    CHECK_MESSAGE(seen, link_rows[_i].words);
    if (seen->facts.link == 9999)
        ck_assert_str_eq(seen->facts.link_name, "LINKTYPE 9999");
    free(file);
    free(seen);
}
END_TEST

static void mixed_interfaces(uint16_t link, uint32_t snaplen, const char *words)
{
    struct file *file = new_file();
    struct seen *seen = new_seen();

    put_section(file);
    put_interface(file, 1, 65535, 6);
    put_packet_block(file, 0, 1, 80);
    put_packet_block(file, 0, 1, 81);
    put_interface(file, link, snaplen, 6);
    put_packet_block(file, 1, 1, 82);
    read_all(file, seen);
    CHECK_STATUS(seen, unsupported);
    ck_assert_int_eq(seen->end, TCA_EUNSUPPORTED);
    ck_assert_uint_eq(seen->count, 2);
    ck_assert_uint_eq(seen->facts.error_frame, 3);
    CHECK_MESSAGE(seen, words);
    CHECK_MESSAGE(seen, "packets read before it: 2");
    free(file);
    free(seen);
}

START_TEST(mixed)
{
    mixed_interfaces(113, 65535, "different link types in one pcapng file (packet 3)");
    mixed_interfaces(1, 96, "different snapshot lengths in one pcapng file (packet 3)");
}
END_TEST

/* ---- standard input, interruption ---- */

START_TEST(standard_input)
{
    struct file *file = new_file();
    struct seen *seen = new_seen();
    struct tca_source *src;
    struct tca_error err;
    int ends[2];

    put_capture(file, 'u', 80);
    put_capture(file, 'n', 82);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(write(ends[1], file->bytes, file->len), (ssize_t)file->len);
    close(ends[1]);
    ck_assert_int_ge(dup2(ends[0], STDIN_FILENO), 0);
    close(ends[0]);
    ck_assert_int_eq(tca_source_open("-", &(struct tca_source_settings){0}, &src, &err), TCA_OK);
    read_source(src, seen);
    CHECK_STATUS(seen, ok);
    ck_assert_uint_eq(seen->count, 4);
    ck_assert_uint_eq(seen->ports[3], 83);
    free(file);
    free(seen);
}
END_TEST

START_TEST(interrupted)
{
    struct file *file = new_file();
    struct seen *seen = new_seen();
    volatile sig_atomic_t stop = 1;

    put_capture(file, 'u', 80);
    read_with(file, &(struct tca_source_settings){.stop = &stop}, seen);
    CHECK_STATUS(seen, interrupted);
    ck_assert_int_eq(seen->end, 0);
    ck_assert_uint_eq(seen->count, 0);
    free(file);
    free(seen);
}
END_TEST

/* ---- anything at all ---- */

/* Every byte of a small file changed in a few ways: the source always comes to an end, within bounds. */
START_TEST(any_byte_changed)
{
    static const char *const parts[] = {"un", "gu", "gg"};
    struct file *file = new_file();
    struct seen *seen = new_seen();

    put_capture(file, parts[_i][0], 80);
    put_capture(file, parts[_i][1], 82);
    for (size_t at = 0; at < file->len; at++) {
        uint8_t before = file->bytes[at];

        for (unsigned change = 1; change < 256; change *= 5) {
            file->bytes[at] = (uint8_t)(before ^ change);
            read_all(file, seen);
            ck_assert_int_le(seen->end, 0);
            ck_assert_int_eq(seen->end == 0 && seen->facts.status == TCA_SOURCE_damaged, 0);
        }
        file->bytes[at] = before;
    }
    free(file);
    free(seen);
}
END_TEST

#define COUNT(rows) ((int)(sizeof(rows) / sizeof *(rows)))

static void add_case(Suite *suite, const char *name, const TTest *test, int count)
{
    TCase *tcase = tcase_create(name);

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 30);
    tcase_add_loop_test(tcase, test, 0, count);
    suite_add_tcase(suite, tcase);
}

static Suite *capture_suite(void)
{
    Suite *suite = suite_create("capture");

    add_case(suite, "classic formats", classic_formats, COUNT(classic_rows));
    add_case(suite, "pcapng formats", pcapng_formats, COUNT(pcapng_rows));
    add_case(suite, "odd times", odd_times, 1);
    add_case(suite, "time beyond int64", time_beyond_int64, 1);
    add_case(suite, "many records", many_records, 1);
    add_case(suite, "large records", large_records, 1);
    add_case(suite, "choices", choices, COUNT(choice_rows));
    add_case(suite, "filters", filters, COUNT(filter_rows));
    add_case(suite, "filter fits link", filter_fits_link, 1);
    add_case(suite, "cut everywhere", cut_everywhere, 1);
    add_case(suite, "cut pcapng everywhere", cut_pcapng_everywhere, 1);
    add_case(suite, "cut headers", cut_headers, 1);
    add_case(suite, "cut after long records", cut_after_long_records, 1);
    add_case(suite, "kinds of input", kinds, COUNT(kind_rows));
    add_case(suite, "tar archive", tar_archive, 1);
    add_case(suite, "no file", no_file, 1);
    add_case(suite, "garbage record", garbage_record, 1);
    add_case(suite, "zero tail", zero_tail, 1);
    add_case(suite, "joints", joints, COUNT(joint_rows));
    add_case(suite, "joint at buffer edge", joint_at_buffer_edge, 1);
    add_case(suite, "joint of link types", joint_of_link_types, 1);
    add_case(suite, "joint with cut header", joint_with_cut_header, 1);
    add_case(suite, "too many joints", too_many_joints, 1);
    add_case(suite, "links", links, COUNT(link_rows));
    add_case(suite, "mixed interfaces", mixed, 1);
    add_case(suite, "standard input", standard_input, 1);
    add_case(suite, "interrupted", interrupted, 1);
    add_case(suite, "any byte changed", any_byte_changed, 3);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(capture_suite());
    int failed;

    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
