/* SPDX-License-Identifier: MIT
 *
 * What pcapng tells beside packets, in the tables: interfaces of several kinds, directions, losses.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "capture/source.h"
#include "files.h"
#include "pcapng.h"
#include "suite.h"
#include "table.h"
#include "wire.h"

enum { ETHERNET = 1, RAW = 101 }; /* LINKTYPE_ values */
enum { ETHERNET_LEN = 14, IP_SOURCE = 12 };

static struct blocks in; /* the file that a test composes */
static char directory[40], path[64];

static void setup(void)
{
    in = (struct blocks){0};
    strcpy(directory, "/tmp/tca_test_interfaces_XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/file", directory);
    blocks_section(&in);
}

static void teardown(void)
{
    tca_buf_done(&in.out);
    unlink(path);
    rmdir(directory);
}

static void add_interface(uint16_t link, uint32_t snaplen, uint8_t resolution)
{
    size_t at = blocks_interface(&in, link, snaplen);

    blocks_option_number(&in, OPTION_TSRESOL, resolution, 1);
    blocks_end(&in, at);
}

static struct wire make_wire(const char *script)
{
    struct wire wire;
    struct wire_error error;

    ck_assert_msg(wire_parse("script", script, strlen(script), &wire, &error) == 0, "%s", error.text);
    return wire;
}

/* One table of the file so far. */
static struct table read_table(const char *which, const char *setting, const char *value)
{
    struct tca_session *session = open_session(setting, value);
    struct tca_error error = {0};
    struct table table;

    ck_assert(!in.out.failed && file_write(path, in.out.bytes, in.out.used));
    int code = tca_session_read(session, path, &error);
    ck_assert_msg(code == TCA_OK || code == TCA_EUNSUPPORTED, "%s", error.text);
    ck_assert_int_eq(tca_session_finish(session, &error), TCA_OK);
    ck_assert_int_eq(table_read(session, which, &table, &error), TCA_OK);
    tca_session_free(session);
    return table;
}

#define CHECK_CELL(table, column, wanted) ck_assert_str_eq(table_cell(table, 0, column), wanted)

/* ---- interfaces ---- */

static const char exchange[] = "flow A 10.0.0.2:40000 10.0.0.1:80\n"
                               "0.000  A > S\n"
                               "+0.010 A < SA\n"
                               "+0.010 A > A\n"
                               "+0.010 A > PA len=100\n"
                               "+0.010 A < A\n"
                               "+0.010 A < PA len=200\n"
                               "+0.010 A > A\n";

/* Each other packet on another interface, of other link type, snap length and resolution. */
START_TEST(one_connection_on_two_interfaces)
{
    struct wire wire = make_wire(exchange);

    add_interface(ETHERNET, 65535, 9);
    add_interface(RAW, 96, 6);
    for (size_t i = 0; i < wire.count; i++) {
        const struct wire_packet *packet = &wire.packets[i];
        const char *bytes = wire.bytes.bytes + packet->offset;
        uint32_t less = i % 2 ? ETHERNET_LEN : 0;
        uint64_t time = (uint64_t)packet->time_ns / (i % 2 ? 1000 : 1);
        blocks_end(&in, blocks_packet(&in, i % 2, time, bytes + less, packet->captured - less,
                                      packet->original - less));
    }
    wire_done(&wire);
    struct table captures = read_table("captures", NULL, NULL);
    CHECK_CELL(&captures, "linktype", "EN10MB;RAW");
    CHECK_CELL(&captures, "snaplen", "65535");
    CHECK_CELL(&captures, "ts_precision", "mixed");
    CHECK_CELL(&captures, "if_drops", "");
    CHECK_CELL(&captures, "status", "ok");
    CHECK_CELL(&captures, "n_tcp", "7");
    table_done(&captures);
    struct table flows = read_table("flows", NULL, NULL);
    ck_assert_uint_eq(flows.rows, 1);
    CHECK_CELL(&flows, "handshake", "complete");
    CHECK_CELL(&flows, "client_bytes", "100");
    CHECK_CELL(&flows, "server_bytes", "200");
    CHECK_CELL(&flows, "duration_s", "0.060000000");
    table_done(&flows);
}
END_TEST

static const struct {
    uint8_t resolution;
    const char *precision;
} precision_rows[] = {{0, "s"}, {3, "ms"}, {6, "us"}, {9, "ns"}, {7, "other"}, {0x80 | 20, "other"}};

START_TEST(precisions)
{
    add_interface(ETHERNET, 96, precision_rows[_i].resolution);
    blocks_end(&in, blocks_packet(&in, 0, 1, "x", 1, 1));
    struct table captures = read_table("captures", NULL, NULL);
    CHECK_CELL(&captures, "ts_precision", precision_rows[_i].precision);
    table_done(&captures);
}
END_TEST

/* ---- directions ---- */

static const struct {
    const char *why;
    const char *flow;
    const char *host; /* whose segments go out; the others come in; NULL: no flags */
    const char *vantage;
} direction_rows[] = {
    {"nothing told, round trips decide", "", NULL, "middle"},
    {"the server's host", "", "10.0.0.1", "server"},
    {"the client's host", "", "10.0.0.2", "client"},
    {"a client behind routers", "ttl=60", "10.0.0.1", "server"},
    {"a router's one interface, the server behind it", "peer_ttl=63", "10.0.0.1", "middle"},
    {"a router's one interface, the client behind it", "ttl=127", "10.0.0.2", "middle"},
    {"everything comes in, as at a mirror port", "", "10.9.9.9", "middle"},
};

static bool is_from(const struct wire *wire, const struct wire_packet *packet, const char *host)
{
    const uint8_t *at = (const uint8_t *)wire->bytes.bytes + packet->offset + ETHERNET_LEN + IP_SOURCE;
    char text[20];

    snprintf(text, sizeof text, "%u.%u.%u.%u", at[0], at[1], at[2], at[3]);
    return strcmp(text, host) == 0;
}

START_TEST(directions)
{
    char script[600];
    const char *first_end = strchr(exchange, '\n');

    snprintf(script, sizeof script, "%.*s %s%s", (int)(first_end - exchange), exchange,
             direction_rows[_i].flow, first_end);
    struct wire wire = make_wire(script);
    add_interface(ETHERNET, 65535, 9);
    for (size_t i = 0; i < wire.count; i++) {
        const struct wire_packet *packet = &wire.packets[i];
        size_t at = blocks_packet(&in, 0, (uint64_t)packet->time_ns, wire.bytes.bytes + packet->offset,
                                  packet->captured, packet->original);
        if (direction_rows[_i].host)
            blocks_option_number(&in, OPTION_PACKET_FLAGS,
                                 is_from(&wire, packet, direction_rows[_i].host) ? 2 : 1, 4);
        blocks_end(&in, at);
    }
    wire_done(&wire);
    struct table flows = read_table("flows", NULL, NULL);
    ck_assert_msg(strcmp(table_cell(&flows, 0, "vantage"), direction_rows[_i].vantage) == 0, "%s: %s",
                  direction_rows[_i].why, table_cell(&flows, 0, "vantage"));
    table_done(&flows);
}
END_TEST

/* ---- packets without a time ---- */

/* The shape of the opening is told, and nothing that rests on an interval. */
START_TEST(simple_packets)
{
    struct wire wire = make_wire(exchange);

    add_interface(ETHERNET, 65535, 9);
    for (size_t i = 0; i < wire.count; i++) {
        const struct wire_packet *packet = &wire.packets[i];
        blocks_end(&in, blocks_simple_packet(&in, wire.bytes.bytes + packet->offset, packet->captured,
                                             packet->original));
    }
    wire_done(&wire);
    struct table flows = read_table("flows", NULL, NULL);
    CHECK_CELL(&flows, "handshake", "complete");
    CHECK_CELL(&flows, "handshake_confidence", "possible");
    CHECK_CELL(&flows, "findings", "");
    CHECK_CELL(&flows, "syn_rtt_s", "");
    CHECK_CELL(&flows, "ack_rtt_s", "");
    CHECK_CELL(&flows, "vantage", "unknown");
    ck_assert_ptr_nonnull(strstr(table_cell(&flows, 0, "damage"), "no_time"));
    table_done(&flows);
    struct table captures = read_table("captures", NULL, NULL);
    CHECK_CELL(&captures, "vantage", "unknown");
    CHECK_CELL(&captures, "order_errors", "0");
    table_done(&captures);
}
END_TEST

/* The same with a full SYN queue, which is full for a time. */
START_TEST(simple_packets_of_a_full_queue)
{
    char name[300];
    struct tca_source *source;
    struct tca_error error;
    const struct tca_record *records;
    int count;

    snprintf(name, sizeof name, "%s/handshake/attempts/capture.pcap", getenv("TCPAUTOPSY_CAPTURES"));
    ck_assert_int_eq(tca_source_open(name, &(struct tca_source_settings){0}, &source, &error), TCA_OK);
    add_interface(ETHERNET, 65535, 9);
    while ((count = tca_source_next(source, &records)) > 0)
        for (int i = 0; i < count; i++)
            blocks_end(&in,
                       blocks_simple_packet(&in, records[i].bytes, records[i].captured, records[i].original));
    tca_source_close(source);
    struct table listeners = read_table("listeners", NULL, NULL);
    ck_assert_uint_gt(listeners.rows, 0);
    for (size_t row = 0; row < listeners.rows; row++)
        ck_assert_str_eq(table_cell(&listeners, row, "findings"), "");
    table_done(&listeners);
}
END_TEST

/* ---- losses ---- */

static const char half_open[] = "flow A 10.0.0.2:40000 10.0.0.1:80\n"
                                "0.000  A > S\n"
                                "+0.001 A < SA\n"
                                "1.001  A < SA\n"
                                "3.001  A < SA\n"
                                "7.001  A < SA\n"
                                "15.001 A < SA\n"
                                "31.001 A < SA\n";

/* Silence is worth less where packets were lost, unless they were next to none of all. */
static const struct {
    const char *why;
    int64_t drops; /* -1: not told */
    uint32_t others;
    const char *if_drops, *confidence;
} loss_rows[] = {
    {"not told", -1, 0, "", "certain"},
    {"none", 0, 0, "0", "certain"},
    {"one of eight", 1, 0, "1", "probable"},
    {"one of ten thousand", 1, 10000, "1", "probable"},
    {"one of twenty thousand", 1, 20000, "1", "certain"},
    {"all that can be counted", INT64_MAX, 20000, "9223372036854775807", "probable"},
};

START_TEST(losses)
{
    struct wire wire = make_wire(half_open);
    size_t at;

    add_interface(ETHERNET, 65535, 9);
    for (size_t i = 0; i < wire.count; i++)
        blocks_end(&in, blocks_packet(&in, 0, (uint64_t)wire.packets[i].time_ns,
                                      wire.bytes.bytes + wire.packets[i].offset, wire.packets[i].captured,
                                      wire.packets[i].original));
    for (uint32_t i = 0; i < loss_rows[_i].others; i++)
        blocks_end(&in, blocks_packet(&in, 0, 1700000300000000000, "x", 1, 1));
    if (loss_rows[_i].drops >= 0) {
        at = blocks_statistics(&in, 0);
        blocks_option_number(&in, OPTION_IFDROP, (uint64_t)loss_rows[_i].drops, 8);
        blocks_end(&in, at);
    }
    wire_done(&wire);
    struct table captures = read_table("captures", NULL, NULL);
    CHECK_CELL(&captures, "if_drops", loss_rows[_i].if_drops);
    table_done(&captures);
    struct table flows = read_table("flows", "vantage", "server");
    CHECK_CELL(&flows, "handshake", "half_open");
    ck_assert_msg(strcmp(table_cell(&flows, 0, "handshake_confidence"), loss_rows[_i].confidence) == 0,
                  "%s: %s", loss_rows[_i].why, table_cell(&flows, 0, "handshake_confidence"));
    table_done(&flows);
}
END_TEST

/* What rests on a close that was not seen. */
static const struct {
    const char *finding, *script;
} unseen_rows[] = {
    {"close_killed_by_reuse", "flow A 10.0.0.2:40000 10.0.0.1:80 isn=1000\n"
                              "flow B 10.0.0.2:40000 10.0.0.1:80 isn=900000000\n"
                              "0.000   A > S\n"
                              "+0.0001 A < SA\n"
                              "+0.020  A > A\n"
                              "+0.001  A > PA len=100\n"
                              "+0.0001 A < A\n"
                              "400.000 B > S\n"
                              "+0.0001 B < SA\n"
                              "+0.020  B > A\n"
                              "+0.001  B > PA len=100\n"
                              "+0.0001 B < A\n"},
    {"half_open_discovered", "flow A 10.0.0.2:40000 10.0.0.1:80\n"
                             "0.000   A > S\n"
                             "+0.0001 A < SA\n"
                             "+0.020  A > A\n"
                             "+0.001  A > PA len=100\n"
                             "+0.0001 A < PA len=500\n"
                             "+0.020  A > A\n"
                             "90.000  A > PA len=100\n"
                             "+0.0001 A < R\n"},
};

static void confidence_of(const char *finding, char ret_word[16])
{
    struct table events = read_table("events", "vantage", "server");
    ret_word[0] = '\0';
    for (size_t row = 0; row < events.rows; row++)
        if (!strcmp(table_cell(&events, row, "finding"), finding))
            snprintf(ret_word, 16, "%s", table_cell(&events, row, "confidence"));
    table_done(&events);
}

START_TEST(unseen_closes)
{
    struct wire wire = make_wire(unseen_rows[_i].script);
    char word[16];

    add_interface(ETHERNET, 65535, 9);
    for (size_t i = 0; i < wire.count; i++)
        blocks_end(&in, blocks_packet(&in, 0, (uint64_t)wire.packets[i].time_ns,
                                      wire.bytes.bytes + wire.packets[i].offset, wire.packets[i].captured,
                                      wire.packets[i].original));
    wire_done(&wire);
    confidence_of(unseen_rows[_i].finding, word);
    ck_assert_msg(!strcmp(word, "certain"), "%s: %s", unseen_rows[_i].finding, word);
    size_t at = blocks_statistics(&in, 0);
    blocks_option_number(&in, OPTION_IFDROP, 1, 8);
    blocks_end(&in, at);
    confidence_of(unseen_rows[_i].finding, word);
    ck_assert_msg(!strcmp(word, "probable"), "%s: %s", unseen_rows[_i].finding, word);
}
END_TEST

START_TEST(losses_in_the_summary)
{
    struct tca_session *session = open_session(NULL, NULL);
    struct tca_error error = {0};
    struct tca_buf text = {0};
    size_t at;

    add_interface(ETHERNET, 65535, 9);
    at = blocks_packet(&in, 0, 1, "x", 1, 1);
    blocks_option_number(&in, OPTION_PACKET_DROPS, 12, 8);
    blocks_end(&in, at);
    ck_assert(file_write(path, in.out.bytes, in.out.used));
    ck_assert_int_eq(tca_session_read(session, path, &error), TCA_OK);
    ck_assert_ptr_nonnull(strstr(error.text, "lost while capturing, as the file says: 12"));
    ck_assert_int_eq(tca_session_finish(session, &error), TCA_OK);
    ck_assert_int_eq(tca_session_summary(session, write_to_buf, &text, &error), TCA_OK);
    ck_assert_ptr_nonnull(strstr(tca_buf_text(&text), "12 packets lost while capturing"));
    tca_buf_done(&text);
    tca_session_free(session);
}
END_TEST

static void add_file_case(Suite *suite, const char *name, const TTest *test, int count)
{
    tcase_add_checked_fixture(add_case(suite, name, test, count), setup, teardown);
}

static Suite *interfaces_suite(void)
{
    Suite *suite = suite_create("interfaces");

    add_file_case(suite, "one connection on two interfaces", one_connection_on_two_interfaces, 1);
    add_file_case(suite, "precisions", precisions, ROWS(precision_rows));
    add_file_case(suite, "directions", directions, ROWS(direction_rows));
    add_file_case(suite, "simple packets", simple_packets, 1);
    add_file_case(suite, "simple packets of a full queue", simple_packets_of_a_full_queue, 1);
    add_file_case(suite, "losses", losses, ROWS(loss_rows));
    add_file_case(suite, "closes that were not seen", unseen_closes, ROWS(unseen_rows));
    add_file_case(suite, "losses in the summary", losses_in_the_summary, 1);
    return suite;
}

int main(void)
{
    return run_suite(interfaces_suite());
}
