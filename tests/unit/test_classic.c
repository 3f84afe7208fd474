/* SPDX-License-Identifier: MIT
 *
 * The reader of classic pcap files: who reads what, records of every size, and libpcap as the oracle: of captures and of
 * files that were changed at random, our reader reads the same records, byte for byte, and comes to the same end at the
 * same byte.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agree.h"
#include "capture/part.h"

static const uint32_t US = 0xa1b2c3d4, NS = 0xa1b23c4d, KUZNETZOV = 0xa1b2cd34;
enum { ETHERNET = 1, SLL = 113, DBUS = 231, NFLOG = 239 }; /* LINKTYPE_ values */
enum { FILE_HEADER_LEN = 24, RECORD_HEADER_LEN = 16 };

/* ---- composing ---- */

static struct tca_buf in; /* the file that a test composes */
static bool big_endian;
static size_t begins[64], records; /* where its records begin */
static char directory[40], path[64];

static void setup(void)
{
    in = (struct tca_buf){0};
    records = 0;
    strcpy(directory, "/tmp/tca_test_classic_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/file", directory);
}

static void teardown(void)
{
    tca_buf_done(&in);
    unlink(path);
    rmdir(directory);
}

/* A new file each time: some file systems wait for the disk when one that was cut to nothing is closed. */
static void save(void)
{
    ck_assert(!in.failed);
    unlink(path);
    FILE *out = fopen(path, "wb");

    ck_assert_ptr_nonnull(out);
    ck_assert_uint_eq(fwrite(in.bytes, 1, in.used, out), in.used);
    ck_assert_int_eq(fclose(out), 0);
}

static void number_bytes(uint64_t value, size_t width, uint8_t *ret_bytes)
{
    for (size_t i = 0; i < width; i++)
        ret_bytes[big_endian ? width - 1 - i : i] = (uint8_t)(value >> 8 * i);
}

static void put(uint64_t value, size_t width)
{
    uint8_t bytes[8];

    number_bytes(value, width, bytes);
    tca_buf_add(&in, bytes, width);
}

static void put_header(uint32_t magic, uint16_t minor, uint32_t snaplen, uint32_t link)
{
    put(magic, 4);
    put(2, 2);
    put(minor, 2);
    put(0, 8);
    put(snaplen, 4);
    put(link, 4);
}

/* Its bytes are those of a pattern that begins with its number. */
static void put_record(uint32_t fraction, uint32_t captured, uint32_t original)
{
    static uint8_t bytes[300000];

    ck_assert_uint_lt(records, sizeof begins / sizeof *begins);
    ck_assert_uint_le(captured, sizeof bytes);
    for (uint32_t i = 0; i < captured; i++)
        bytes[i] = (uint8_t)(records + i * 7 + i / 251);
    begins[records++] = in.used;
    put(1700000000 + records, 4);
    put(fraction, 4);
    put(captured, 4);
    put(original, 4);
    tca_buf_add(&in, bytes, captured);
}

static struct oracle compare_saved(size_t room)
{
    struct oracle told;

    save();
    ck_assert(oracle_compare(path, room, &told));
    ck_assert_msg(!told.differ[0], "%s", told.differ);
    return told;
}

/* ---- who reads what ---- */

static const struct {
    const char *why;
    uint32_t magic;
    uint16_t minor;
    uint32_t link;
    bool host_order;
    bool plain;
} choice_rows[] = {
    {"microseconds", 0xa1b2c3d4, 4, ETHERNET, true, true},
    {"microseconds, the other order", 0xa1b2c3d4, 4, ETHERNET, false, true},
    {"nanoseconds", 0xa1b23c4d, 4, ETHERNET, true, true},
    {"nanoseconds, the other order", 0xa1b23c4d, 4, ETHERNET, false, true},
    {"a link type nobody knows", 0xa1b2c3d4, 4, 9999, true, true},
    {"lengths the other way round", 0xa1b2c3d4, 2, ETHERNET, true, false},
    {"lengths perhaps the other way round", 0xa1b2c3d4, 3, ETHERNET, true, false},
    {"another record header", 0xa1b2cd34, 4, ETHERNET, true, false},
    {"numbers inside, of this host", 0xa1b2c3d4, 4, SLL, true, true},
    {"numbers inside, of another host", 0xa1b2c3d4, 4, SLL, false, false},
    {"the same of PFLOG", 0xa1b2c3d4, 4, 117, false, false},
    {"the same of USB", 0xa1b2c3d4, 4, 189, false, false},
    {"the same of USB, mapped", 0xa1b2c3d4, 4, 220, false, false},
    {"the same of NFLOG", 0xa1b2c3d4, 4, NFLOG, false, false},
    {"large packets of D-Bus", 0xa1b2c3d4, 4, DBUS, true, false},
    {"large packets of USBPcap", 0xa1b2c3d4, 4, 249, true, false},
    {"large packets of EBHSCR", 0xa1b2c3d4, 4, 279, true, false},
};

START_TEST(choice)
{
    const uint16_t one = 1;
    bool host_big_endian = *(const uint8_t *)&one == 0;
    struct tca_stream *stream;
    struct tca_part part = {0};
    struct tca_error err;

    big_endian = host_big_endian == choice_rows[_i].host_order;
    put_header(choice_rows[_i].magic, choice_rows[_i].minor, 65535, choice_rows[_i].link);
    save();
    ck_assert_int_eq(tca_stream_open(path, NULL, &stream, &err), TCA_OK);
    ck_assert_int_eq(tca_part_begin(&part, stream, tca_magic_sniff(stream)), TCA_READ_OK);
    ck_assert_int_eq(part.classic.plain, choice_rows[_i].plain);
    ck_assert_uint_eq(tca_stream_tell(stream), FILE_HEADER_LEN); /* libpcap took no byte more */
    tca_part_done(&part);
    tca_stream_close(stream);
}
END_TEST

/* ---- records of every size ---- */

static const struct {
    const char *why;
    uint32_t snaplen, captured, packets;
    int end; /* enum tca_read */
} size_rows[] = {
    {"nothing captured", 96, 0, 3, TCA_READ_END},
    {"as much as the snap length", 96, 96, 3, TCA_READ_END},
    {"more than that is passed over", 96, 97, 3, TCA_READ_END},
    {"much more", 1, 200000, 3, TCA_READ_END},
    {"as long as anything may be", 262144, 262144, 3, TCA_READ_END},
    {"longer, and no snap length", 0, 262145, 0, TCA_READ_DAMAGED},
    {"longer than the snap length and anything", 96, 262145, 0, TCA_READ_DAMAGED},
    {"longer than anything, but not than the snap length", 300000, 262145, 0, TCA_READ_DAMAGED},
    {"as long as the snap length, longer than anything", 262145, 262145, 0, TCA_READ_DAMAGED},
    {"a snap length that is none", 0xffffffff, 262144, 3, TCA_READ_END},
};

START_TEST(sizes)
{
    for (int order = 0; order < 2; order++) {
        in.used = records = 0;
        big_endian = order;
        put_header(US, 4, size_rows[_i].snaplen, ETHERNET);
        for (int i = 0; i < 3; i++)
            put_record((uint32_t)i, size_rows[_i].captured, 262146);
        struct oracle told = compare_saved(256);
        ck_assert_uint_eq(told.packets, size_rows[_i].packets);
        ck_assert_int_eq(told.ours, size_rows[_i].end);
    }
}
END_TEST

/* Records that end everywhere around the edge of the stream's buffer, cut there as well. */
START_TEST(buffer_edge)
{
    for (uint32_t size = TCA_STREAM_CHUNK - 120; size < TCA_STREAM_CHUNK + 60; size++) {
        in.used = records = 0;
        put_header(US, 4, 262144, ETHERNET);
        put_record(0, 200000, 200000);
        put_record(0, size - (uint32_t)in.used - RECORD_HEADER_LEN - 100, 100000);
        put_record(0, 60, 60);
        put_record(0, 300, 1000);
        in.used -= _i * (size % 320);
        struct oracle told = compare_saved(1 + size % 4);
        ck_assert_uint_ge(told.packets, _i ? 2 : 4);
    }
}
END_TEST

/* ---- captures ---- */

static bool is_classic(const char *name)
{
    struct tca_buf bytes = {0};
    bool classic = file_read(name, &bytes) && memcmp(bytes.bytes, "\n\r\r\n", 4) != 0;

    tca_buf_done(&bytes);
    return classic;
}

/* A classic capture in the other byte order. */
static void swap_order(void)
{
    uint8_t *at = (uint8_t *)in.bytes, *end = at + in.used;
    static const uint8_t widths[] = {4, 2, 2, 4, 4, 4, 4};
    uint32_t captured;

    for (size_t i = 0; i < sizeof widths; at += widths[i++])
        for (int k = 0; k < widths[i] / 2; k++) {
            uint8_t one = at[k];
            at[k] = at[widths[i] - 1 - k];
            at[widths[i] - 1 - k] = one;
        }
    for (; end - at >= RECORD_HEADER_LEN; at += captured) {
        captured = at[8] | (uint32_t)at[9] << 8 | (uint32_t)at[10] << 16 | (uint32_t)at[11] << 24;
        for (int field = 0; field < 4; field++, at += 4) {
            uint8_t number[4] = {at[3], at[2], at[1], at[0]};
            memcpy(at, number, 4);
        }
        if (captured > end - at)
            return;
    }
}

/* As it is, and in the other byte order. */
static int compare_capture(const char *name, int number)
{
    int packets;

    if (!is_classic(name))
        return 0;
    packets = agree_on(name, number % 2 ? 256 : 3);
    in.used = 0;
    ck_assert(file_read(name, &in));
    if (packets == 0 || (uint8_t)in.bytes[0] == 0xa1)
        return packets;
    swap_order();
    save();
    return packets + agree_on(path, number % 2 ? 5 : 256);
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

static void compose(void)
{
    static const uint32_t snaplens[] = {96, 40, 262144, 0, 300, 65535};
    static const uint32_t links[] = {ETHERNET, ETHERNET, 101, SLL, NFLOG, DBUS};
    const uint32_t magics[] = {US, US, NS, NS, NS, KUZNETZOV};
    uint32_t kind = random_below(&dice, 6);

    in.used = records = 0;
    big_endian = random_below(&dice, 2);
    put_header(magics[kind], random_below(&dice, 8) ? 4 : (uint16_t)(2 + random_below(&dice, 4)),
               snaplens[random_below(&dice, 6)], links[random_below(&dice, 6)]);
    for (unsigned i = 0; i < 10; i++) {
        uint32_t captured = random_below(&dice, 10) ? random_below(&dice, 110) : random_below(&dice, 5000);

        put_record(random_below(&dice, 1000000), captured, captured + random_below(&dice, 2) * 1000);
    }
}

static void change_number(size_t at)
{
    uint8_t bytes[4];

    number_bytes(odd_number(&dice), 4, bytes);
    if (at + 4 <= in.used)
        memcpy(in.bytes + at, bytes, 4);
}

static void zero_from(size_t at, size_t len)
{
    memset(in.bytes + at, 0, len < in.used - at ? len : in.used - at);
}

/* Another file's header, and what there is of it, where a record begins. */
static void splice(void)
{
    static const char pcap[] =
        "\xd4\xc3\xb2\xa1\2\0\4\0\0\0\0\0\0\0\0\0\x60\0\0\0\1\0\0\0\1\0\0\0\2\0\0\0\1\0\0\0\1\0\0\0x";
    static const char pcapng[] =
        "\n\r\r\n\x1c\0\0\0\x4d\x3c\x2b\x1a\1\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x1c";
    bool section = random_below(&dice, 2);

    in.used = begins[random_below(&dice, (uint32_t)records)];
    tca_buf_add(&in, section ? pcapng : pcap, section ? sizeof pcapng - 1 : sizeof pcap - 1);
}

static void change(void)
{
    size_t at = begins[random_below(&dice, (uint32_t)records)];

    switch (random_below(&dice, 10)) {
    case 0:
        break;
    case 1: /* a header's field of the file */
        change_number(4 + random_below(&dice, 5) * 4);
        break;
    case 2:
        zero_from(at, random_below(&dice, 2) ? RECORD_HEADER_LEN : in.used);
        break;
    case 3:
        splice();
        break;
    case 4:
        in.used -= random_below(&dice, (uint32_t)in.used - 4);
        break;
    case 5:
        in.bytes[at + random_below(&dice, RECORD_HEADER_LEN)] ^= (char)(1 << random_below(&dice, 8));
        break;
    case 6:
        in.bytes[random_below(&dice, (uint32_t)in.used)] ^= (char)(1 << random_below(&dice, 8));
        break;
    default:
        change_number(at + random_below(&dice, 4) * 4);
    }
}

/* How many came to each end. */
START_TEST(agree_on_changed_files)
{
    enum { ROUNDS = 3000 };
    unsigned ends[TCA_READ_LATER] = {0};
    struct oracle told;

    dice.state = 0x9e3779b97f4a7c15u + (uint64_t)_i;
    for (unsigned round = 0; round < ROUNDS; round++) {
        compose();
        change();
        save();
        if (!oracle_compare(path, 1 + round % 12, &told))
            continue; /* no capture */
        ck_assert_msg(!told.differ[0], "round %u: %s", round, told.differ);
        ck_assert_int_lt(told.ours, TCA_READ_LATER);
        ends[told.ours]++;
    }
    ck_assert_uint_gt(ends[TCA_READ_END],
                      ROUNDS / 20); /* the changes leave enough, and do change something */
    ck_assert_uint_gt(ends[TCA_READ_CUT], ROUNDS / 20);
    ck_assert_uint_gt(ends[TCA_READ_JOINT], ROUNDS / 20);
    ck_assert_uint_gt(ends[TCA_READ_DAMAGED], ROUNDS / 20);
}
END_TEST

static void add_file_case(Suite *suite, const char *name, const TTest *test, int count)
{
    TCase *tcase = add_case(suite, name, test, count);

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 30);
}

static Suite *classic_suite(void)
{
    Suite *suite = suite_create("classic");

    add_file_case(suite, "choice", choice, ROWS(choice_rows));
    add_file_case(suite, "sizes", sizes, ROWS(size_rows));
    add_file_case(suite, "buffer edge", buffer_edge, 2);
    add_file_case(suite, "agree on cases", agree_on_cases, 1);
    add_file_case(suite, "agree on real captures", agree_on_real_captures, 1);
    add_file_case(suite, "agree on changed files", agree_on_changed_files, 3);
    return suite;
}

int main(void)
{
    return run_suite(classic_suite());
}
