/* SPDX-License-Identifier: MIT
 *
 * One connection's packets as a file, through the public API: what is written is what was read, and where that cannot be,
 * words say why.
 */
#include "capture/dump.h"

#include "files.h"
#include "suite.h"
#include "table.h"
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Two connections in turn, the first in frames 1, 3, 4, 6. */
static const char script[] = "flow A 10.0.0.2:40000 10.0.0.1:80\n"
                             "flow B 10.0.0.3:40001 10.0.0.1:80\n"
                             "0          A > S\n"
                             "+0.000001  B > S\n"
                             "+0.0000012 A < SA\n"
                             "+0.001     A > A\n"
                             "+0.001     B < RA\n"
                             "+0.001     A > RA\n";

/* ---- helpers ---- */

static struct tca_buf make_pcap(const char *head, const char *text)
{
    char whole[2048];
    struct wire wire;
    struct wire_error error;
    struct tca_buf file = {0};

    snprintf(whole, sizeof whole, "%s%s", head, text);
    ck_assert_msg(wire_parse("script", whole, strlen(whole), &wire, &error) == 0, "%s", error.text);
    wire_pcap(&wire, &file);
    wire_done(&wire);
    return file;
}

static void put(const char *path, const struct tca_buf *file)
{
    ck_assert(file_write(path, file->bytes, file->used));
}

static struct tca_session *read_captures(const char *a, const char *b)
{
    struct tca_session *session = open_session("trace", "true");
    struct tca_error error = {0};

    ck_assert_msg(tca_session_read(session, a, &error) == 0, "%s", error.text);
    if (b)
        ck_assert_msg(tca_session_read(session, b, &error) == 0, "%s", error.text);
    ck_assert_msg(tca_session_finish(session, &error) == 0, "%s", error.text);
    return session;
}

/* The records of these frames of a little-endian pcap file, behind its header. */
static void pick(const struct tca_buf *file, const char *frames, struct tca_buf *out)
{
    size_t at = 24;
    char number[16];

    tca_buf_add(out, file->bytes, at);
    for (int frame = 1; at < file->used; frame++) {
        uint32_t captured;
        memcpy(&captured, file->bytes + at + 8, sizeof captured);
        snprintf(number, sizeof number, "%d", frame);
        if (list_has(frames, number))
            tca_buf_add(out, file->bytes + at, 16 + captured);
        at += 16 + captured;
    }
}

static void expect(struct tca_session *session, const char *selector, const struct tca_buf *file,
                   const char *frames)
{
    struct tca_buf wanted = {0}, got = {0};
    struct tca_error error = {0};

    pick(file, frames, &wanted);
    ck_assert_msg(tca_session_pcap(session, selector, write_to_buf, &got, &error) == 0, "%s: %s", selector,
                  error.text);
    ck_assert_msg(got.used == wanted.used, "%s: %zu bytes of %zu", selector, got.used, wanted.used);
    ck_assert_mem_eq(got.bytes + 24, wanted.bytes + 24, got.used - 24);
    ck_assert_mem_eq(got.bytes, wanted.bytes, 8); /* the same magic number and version */
    tca_buf_done(&wanted);
    tca_buf_done(&got);
}

static void refused(struct tca_session *session, int code, const char *words)
{
    struct tca_buf got = {0};
    struct tca_error error = {0};

    ck_assert_int_eq(tca_session_pcap(session, "flow=c1f1", write_to_buf, &got, &error), code);
    ck_assert_msg(error.code == code && strstr(error.text, words), "%s", error.text);
    ck_assert_int_eq(tca_session_pcap(session, "flow=c1f1", write_to_buf, &got, NULL), code);
    tca_buf_done(&got);
}

/* ---- what is written ---- */

START_TEST(records_of_one)
{
    struct tca_buf file = make_pcap("", script);
    put("c.pcap", &file);
    struct tca_session *session = read_captures("c.pcap", NULL);

    expect(session, "flow=c1f1", &file, "1;3;4;6");
    expect(session, "flow=c1f2", &file, "2;5");
    expect(session, "frame=5", &file, "2;5");
    expect(session, "stream=0", &file, "1;3;4;6");
    tca_session_free(session);
    tca_buf_done(&file);
}
END_TEST

START_TEST(of_the_second_capture)
{
    struct tca_buf a = make_pcap("", script),
                   b = make_pcap("", "flow A 10.0.0.9:40000 10.0.0.1:80\n0 A > S\n+1 A > S\n");
    put("c.pcap", &a);
    put("d.pcap", &b);
    struct tca_session *session = read_captures("c.pcap", "d.pcap");

    expect(session, "flow=c2f1", &b, "1;2");
    expect(session, "stream=c2:0", &b, "1;2");
    expect(session, "flow=c1f1", &a, "1;3;4;6");
    tca_session_free(session);
    tca_buf_done(&a);
    tca_buf_done(&b);
}
END_TEST

/* Frames keep their numbers, and so their records, where a filter left others out. */
START_TEST(filtered)
{
    struct tca_settings *set = tca_settings_new();
    struct tca_session *session = NULL;
    struct tca_error error = {0};
    struct tca_buf file = make_pcap("", script);

    put("c.pcap", &file);
    ck_assert_int_eq(tca_settings_set(set, "trace", "true", &error), 0);
    ck_assert_int_eq(tca_settings_set(set, "filter", "tcp[13] & 4 == 0", &error), 0);
    ck_assert_int_eq(tca_session_open(set, &session, &error), 0);
    tca_settings_free(set);
    ck_assert_int_eq(tca_session_read(session, "c.pcap", &error), 0);
    ck_assert_int_eq(tca_session_finish(session, &error), 0);
    expect(session, "flow=c1f1", &file, "1;3;4");
    tca_session_free(session);
    tca_buf_done(&file);
}
END_TEST

/* A capture in microseconds with one in nanoseconds joined to it: nothing is lost of the second. */
START_TEST(two_precisions)
{
    static const uint8_t microseconds[4] = {0xd4, 0xc3, 0xb2, 0xa1};
    struct tca_buf file = make_pcap("", "flow A 10.0.0.2:40000 10.0.0.1:80\n0 A > S\n"), got = {0};
    struct tca_buf other = make_pcap("", "flow A 10.0.0.2:40000 10.0.0.1:80\n1.000000001 A > S\n");
    struct tca_error error = {0};

    memcpy(file.bytes, microseconds, sizeof microseconds);
    size_t one = file.used;
    tca_buf_add(&file, other.bytes, other.used);
    put("c.pcap", &file);
    struct tca_session *session = read_captures("c.pcap", NULL);
    ck_assert_msg(tca_session_pcap(session, "flow=c1f1", write_to_buf, &got, &error) == 0, "%s", error.text);
    ck_assert_uint_eq(got.used, one + other.used - 24);
    ck_assert_mem_eq(got.bytes, other.bytes, 4);
    ck_assert_mem_eq(got.bytes + one, other.bytes + 24, other.used - 24);
    tca_session_free(session);
    tca_buf_done(&file);
    tca_buf_done(&other);
    tca_buf_done(&got);
}
END_TEST

/* One IPv4 fragment as a record: eight bytes of the 24 that a TCP header and four bytes of payload make. */
static void add_fragment(struct tca_buf *file, uint8_t id, uint8_t part)
{
    const uint8_t tcp[24] = {0x9c, id,   0,   80,  0, 0, 3, 233, 0,   0,   19,  137,
                             0x50, 0x18, 255, 255, 0, 0, 0, 0,   'd', 'a', 't', 'a'};
    uint8_t bytes[16 + 28] = {[8] = 28, [12] = 28};
    uint8_t *ip = bytes + 16;
    const uint8_t head[20] = {0x45, 0, 0,  28, 0, id, part < 2 ? 0x20 : 0, part, 64, 6, 0, 0, 10, 0,
                              0,    1, 10, 0,  0, 2};

    memcpy(ip, head, sizeof head);
    memcpy(ip + sizeof head, tcp + 8 * part, 8);
    tca_buf_add(file, bytes, sizeof bytes);
}

/* Two datagrams at once, the one backwards: each connection has its own fragments. */
START_TEST(fragments)
{
    struct tca_buf file = make_pcap("link raw\n", "flow A 10.0.0.9:1 10.0.0.8:80\n0 A > S\n");

    for (uint8_t part = 0; part < 3; part++) {
        add_fragment(&file, 1, part);
        add_fragment(&file, 2, (uint8_t)(2 - part));
    }
    put("c.pcap", &file);
    struct tca_session *session = read_captures("c.pcap", NULL);
    expect(session, "flow=c1f6", &file, "2;4;6");
    expect(session, "flow=c1f7", &file, "3;5;7");
    expect(session, "flow=c1f1", &file, "1");
    tca_session_free(session);
    tca_buf_done(&file);
}
END_TEST

/* ---- what cannot be written ---- */

START_TEST(not_to_be_read_again)
{
    struct tca_buf file = make_pcap("", script);
    struct tca_error error = {0};

    put("c.pcap", &file);
    struct tca_session *session = read_captures("c.pcap", NULL);
    ck_assert_int_eq(truncate("c.pcap", (off_t)file.used - 8), 0);
    refused(session, TCA_EINPUT, "capture c.pcap: has become shorter");
    unlink("c.pcap");
    refused(session, TCA_EINPUT, "capture c.pcap: ");
    ck_assert_int_eq(mkfifo("c.pcap", 0600), 0);
    refused(session, TCA_EUSAGE, "cannot be read a second time");
    tca_session_free(session);

    session = open_session("trace", "true"); /* fed, under the name of a file that is there */
    put("d.pcap", &file);
    ck_assert_int_eq(tca_session_capture_begin(session, "d.pcap", &error), 0);
    struct wire wire;
    struct wire_error words;
    size_t count;
    ck_assert_int_eq(wire_parse("script", script, strlen(script), &wire, &words), 0);
    struct tca_record *records = wire_records(&wire, &count);
    ck_assert_int_eq(tca_session_feed(session, records, count, &error), 0);
    ck_assert_int_eq(tca_session_capture_end(session, &error), 0);
    ck_assert_int_eq(tca_session_finish(session, &error), 0);
    refused(session, TCA_EUSAGE, "cannot be read a second time");
    free(records);
    wire_done(&wire);
    tca_session_free(session);
    tca_buf_done(&file);
}
END_TEST

/* A capture joined to another one of another link type: the connection goes on there. */
START_TEST(two_link_types)
{
    struct tca_buf file = make_pcap("", "flow A 10.0.0.2:40000 10.0.0.1:80\n0 A > S\n");
    struct tca_buf other = make_pcap("link raw\n", "flow A 10.0.0.2:40000 10.0.0.1:80\n1 A > S\n");

    tca_buf_add(&file, other.bytes, other.used);
    put("c.pcap", &file);
    struct tca_session *session = read_captures("c.pcap", NULL);
    refused(session, TCA_EUNSUPPORTED, "packets of link types 1 and 101 in one connection");
    tca_session_free(session);
    tca_buf_done(&file);
    tca_buf_done(&other);
}
END_TEST

START_TEST(asked_in_vain)
{
    struct tca_buf file = make_pcap("", script), got = {0};
    struct tca_error error = {0};

    put("c.pcap", &file);
    struct tca_session *session = read_captures("c.pcap", NULL);
    ck_assert_int_eq(tca_session_pcap(session, "flow=c1f3", write_to_buf, &got, &error), TCA_EUSAGE);
    ck_assert_msg(strstr(error.text, "no connection fits"), "%s", error.text);
    ck_assert_int_eq(tca_session_pcap(session, "flow=", write_to_buf, &got, &error), TCA_EUSAGE);
    ck_assert_uint_eq(got.used, 0);
    ck_assert_int_eq(tca_session_pcap(session, "flow=c1f1", stop_write, NULL, &error), TCA_EOUTPUT);
    ck_assert_msg(strstr(error.text, "cannot write"), "%s", error.text);
    tca_session_free(session);

    session = open_session(NULL, NULL);
    refused(session, TCA_EUSAGE, "not finished");
    ck_assert_int_eq(tca_session_read(session, "c.pcap", &error), 0);
    ck_assert_int_eq(tca_session_finish(session, &error), 0);
    refused(session, TCA_EUSAGE, "needs the setting 'trace'");
    tca_session_free(session);
    tca_buf_done(&file);
    tca_buf_done(&got);
}
END_TEST

/* ---- headers ---- */

static const struct {
    int64_t time_ns;
    bool nanoseconds, good;
    uint32_t seconds, fraction;
} times[] = {
    {0, true, true, 0, 0},
    {1, true, true, 0, 1},
    {1999, false, true, 0, 1},
    {1795246403123456789, true, true, 1795246403, 123456789},
    {1795246403123456789, false, true, 1795246403, 123456},
    {4294967295999999999, true, true, UINT32_MAX, 999999999},
    {4294967296000000000, true, false, 0, 0},
    {-1, true, false, 0, 0},
    {INT64_MAX, true, false, 0, 0},
    {INT64_MIN, false, false, 0, 0},
};

static uint32_t little(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

START_TEST(header)
{
    uint8_t bytes[TCA_DUMP_RECORD_HEADER];
    struct tca_record record = {.time_ns = times[_i].time_ns, .captured = 70, .original = 4000};
    bool good = tca_dump_record_header(&record, times[_i].nanoseconds, bytes);

    ck_assert(good == times[_i].good);
    if (good) {
        ck_assert_uint_eq(little(bytes), times[_i].seconds);
        ck_assert_uint_eq(little(bytes + 4), times[_i].fraction);
        ck_assert_uint_eq(little(bytes + 8), 70);
        ck_assert_uint_eq(little(bytes + 12), 4000);
    }
}
END_TEST

/* ---- all of it ---- */

static char scratch[64];

static void enter(void)
{
    strcpy(scratch, "/tmp/test_packets.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(scratch));
    ck_assert_int_eq(chdir(scratch), 0);
}

static void leave(void)
{
    unlink("c.pcap");
    unlink("d.pcap");
    ck_assert_int_eq(chdir("/"), 0);
    rmdir(scratch);
}

int main(void)
{
    Suite *suite = suite_create("packets");
    TCase *one[] = {add_case(suite, "records of one connection", records_of_one, 1),
                    add_case(suite, "of the second capture", of_the_second_capture, 1),
                    add_case(suite, "filtered", filtered, 1),
                    add_case(suite, "fragments", fragments, 1),
                    add_case(suite, "two precisions", two_precisions, 1),
                    add_case(suite, "not to be read again", not_to_be_read_again, 1),
                    add_case(suite, "two link types", two_link_types, 1),
                    add_case(suite, "asked in vain", asked_in_vain, 1)};

    for (int i = 0; i < ROWS(one); i++)
        tcase_add_checked_fixture(one[i], enter, leave);
    add_case(suite, "headers", header, ROWS(times));
    return run_suite(suite);
}
