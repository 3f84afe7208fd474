/* SPDX-License-Identifier: MIT
 *
 * The public API as an embedder uses it: fed from memory in any portions, from files of either format and
 * from standard input it says the same; rows come sorted over captures; a call at the wrong moment gets
 * TCA_EUSAGE and words. Conversations are written as wire scripts.
 */
#include "files.h"
#include "suite.h"
#include "table.h"
#include "wire.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tcpautopsy/registry.h>
#include <unistd.h>

/* Two healthy connections, one of them across the wrap, one refused, and one SYN that nobody answers. */
static const char script[] = "flow A 10.0.0.2:40000 10.0.0.1:80 isn=4294967000 peer_isn=4294967200\n"
                             "flow B 10.0.0.3:40001 10.0.0.1:81\n"
                             "flow C [fd00::2]:40002 [fd00::1]:80\n"
                             "flow D 10.0.0.2:40003 10.0.0.9:80\n"
                             "0      A > S\n"
                             "+0.010 A < SA\n"
                             "+0.001 C > S\n"
                             "+0.001 B > S\n"
                             "+0     B < RA\n"
                             "+0.001 A > A\n"
                             "+0.001 A > PA len=500\n"
                             "+0.010 A < A\n"
                             "+0.010 A < PA len=1000\n"
                             "+0.001 D > S\n"
                             "+0.001 A > A\n"
                             "+0.001 C < SA\n"
                             "+0.001 C > A\n"
                             "+0.100 A > FA\n"
                             "+0.010 A < FA\n"
                             "+0.001 A > A\n"
                             "1.100  D > S\n"
                             "+0.100 C < FA\n"
                             "+0.001 C > FA\n"
                             "+0.001 C < A\n"
                             "3.200  D > S\n";

/* ---- helpers ---- */

static struct wire make_wire(const char *text)
{
    struct wire wire;
    struct wire_error error;

    ck_assert_msg(wire_parse("script", text, strlen(text), &wire, &error) == 0, "%s", error.text);
    return wire;
}

/* One capture from memory, `portion` records at a time; 0: all at once. */
static void feed_records(struct tca_session *session, const char *name, const struct tca_record *records,
                         size_t count, size_t portion)
{
    struct tca_error error = {0};

    ck_assert_msg(tca_session_capture_begin(session, name, &error) == 0, "%s", error.text);
    for (size_t at = 0; at < count;) {
        size_t n = portion && portion < count - at ? portion : count - at;
        ck_assert_msg(tca_session_feed(session, records + at, n, &error) == 0, "%s", error.text);
        at += n;
    }
    ck_assert_msg(tca_session_capture_end(session, &error) == 0, "%s", error.text);
}

static void feed(struct tca_session *session, const char *name, const struct wire *wire, size_t portion)
{
    size_t count;
    struct tca_record *records = wire_records(wire, &count);

    ck_assert_ptr_nonnull(records);
    feed_records(session, name, records, count, portion);
    free(records);
}

static void finish(struct tca_session *session)
{
    struct tca_error error = {0};
    ck_assert_msg(tca_session_finish(session, &error) == 0, "%s", error.text);
}

/* Flows, events and the summary in one text. The name of the capture and what only files have are the same in
 * all of these tests, or left out. */
static void say_all(struct tca_session *session, struct tca_buf *out)
{
    struct tca_error error = {0};

    ck_assert_msg(tca_session_csv(session, "flows", NULL, write_to_buf, out, &error) == 0, "%s", error.text);
    ck_assert_msg(tca_session_csv(session, "events", NULL, write_to_buf, out, &error) == 0, "%s", error.text);
    ck_assert_msg(tca_session_csv(session, "captures",
                                  "packets,tcp_packets,flows,first_ns,last_ns,status,n_tcp", write_to_buf,
                                  out, &error) == 0,
                  "%s", error.text);
}

static void feed_and_say(const struct wire *wire, size_t portion, struct tca_buf *out)
{
    struct tca_session *session = open_session(NULL, NULL);

    feed(session, "c.pcap", wire, portion);
    finish(session);
    say_all(session, out);
    tca_session_free(session);
}

static void read_and_say(const char *path, struct tca_buf *out)
{
    struct tca_session *session = open_session(NULL, NULL);
    struct tca_error error = {0};

    ck_assert_msg(tca_session_read(session, path, &error) == 0, "%s", error.text);
    finish(session);
    say_all(session, out);
    tca_session_free(session);
}

static void same_bytes(const struct tca_buf *a, const struct tca_buf *b, const char *what)
{
    size_t i = 0;

    while (i < a->used && i < b->used && a->bytes[i] == b->bytes[i])
        i++;
    ck_assert_msg(a->used == b->used && i == a->used, "%s: byte %zu: '%.60s' is not '%.60s'", what, i,
                  i < a->used ? a->bytes + i : "", i < b->used ? b->bytes + i : "");
}

/* A folder of its own to write captures into, and out of it again. */
static char *enter_temporary(void)
{
    static char path[40];

    strcpy(path, "/tmp/tcpautopsy-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(path));
    ck_assert_int_eq(chdir(path), 0);
    return path;
}

static void leave_temporary(char *path)
{
    unlink("c.pcap");
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(rmdir(path), 0);
}

/* ---- the same truth, other clothes ---- */

static const size_t portions[] = {1, 2, 7, 1000};

START_TEST(any_portions)
{
    struct wire wire = make_wire(script);
    struct tca_buf whole = {0}, parts = {0};

    feed_and_say(&wire, 0, &whole);
    feed_and_say(&wire, portions[_i], &parts);
    same_bytes(&whole, &parts, "fed in portions");
    tca_buf_done(&whole);
    tca_buf_done(&parts);
    wire_done(&wire);
}
END_TEST

/* The bytes of `write`, under the name that the capture has in memory too. */
static void check_file(void (*write)(const struct wire *wire, struct tca_buf *out), const char *what)
{
    char *folder = enter_temporary();
    struct wire wire = make_wire(script);
    struct tca_buf file = {0}, memory = {0}, read = {0};

    write(&wire, &file);
    ck_assert(file_write("c.pcap", file.bytes, file.used));
    feed_and_say(&wire, 0, &memory);
    read_and_say("c.pcap", &read);
    same_bytes(&memory, &read, what);
    tca_buf_done(&file);
    tca_buf_done(&memory);
    tca_buf_done(&read);
    wire_done(&wire);
    leave_temporary(folder);
}

START_TEST(from_pcap)
{
    check_file(wire_pcap, "a pcap file");
}
END_TEST

START_TEST(from_pcapng)
{
    check_file(wire_pcapng, "a pcapng file");
}
END_TEST

/* Standard input is named "-", everything else is the same. */
START_TEST(from_standard_input)
{
    char *folder = enter_temporary();
    struct wire wire = make_wire(script);
    struct tca_buf file = {0}, memory = {0}, read = {0};
    struct tca_session *session = open_session(NULL, NULL);

    wire_pcap(&wire, &file);
    ck_assert(file_write("c.pcap", file.bytes, file.used));
    feed(session, "-", &wire, 0);
    finish(session);
    say_all(session, &memory);
    tca_session_free(session);
    int input = open("c.pcap", O_RDONLY);
    ck_assert_int_ge(input, 0);
    ck_assert_int_eq(dup2(input, 0), 0);
    close(input);
    read_and_say("-", &read);
    same_bytes(&memory, &read, "standard input");
    tca_buf_done(&file);
    tca_buf_done(&memory);
    tca_buf_done(&read);
    wire_done(&wire);
    leave_temporary(folder);
}
END_TEST

START_TEST(twice_asked_twice_the_same)
{
    struct wire wire = make_wire(script);
    struct tca_session *session = open_session(NULL, NULL);
    struct tca_buf first = {0}, second = {0};

    feed(session, "c.pcap", &wire, 0);
    finish(session);
    say_all(session, &first);
    say_all(session, &second);
    same_bytes(&first, &second, "asked twice");
    tca_buf_done(&first);
    tca_buf_done(&second);
    tca_session_free(session);
    wire_done(&wire);
}
END_TEST

/* ---- rows ---- */

static void check_sorted(const struct table *flows)
{
    for (size_t i = 1; i < flows->rows; i++) {
        int64_t before = table_number(flows, i - 1, "start_ns"), now = table_number(flows, i, "start_ns");
        ck_assert_msg(before <= now, "row %zu starts before row %zu", i, i - 1);
    }
}

START_TEST(two_captures)
{
    struct wire wire = make_wire(script);
    struct tca_session *session = open_session(NULL, NULL);
    struct table flows, captures;

    feed(session, "one.pcap", &wire, 0);
    feed(session, "two.pcap", &wire, 3);
    finish(session);
    ck_assert_int_eq(table_read(session, "flows", &flows, NULL), 0);
    ck_assert_int_eq(table_read(session, "captures", &captures, NULL), 0);
    ck_assert_uint_eq(captures.rows, 2);
    ck_assert_str_eq(table_cell(&captures, 1, "capture"), "two.pcap");
    ck_assert_uint_eq(flows.rows, 8);
    check_sorted(&flows);
    for (size_t i = 0; i < flows.rows; i += 2) { /* equal times: the captures in order */
        ck_assert_int_eq(strncmp(table_cell(&flows, i, "flow_id"), "c1f", 3), 0);
        ck_assert_int_eq(strncmp(table_cell(&flows, i + 1, "flow_id"), "c2f", 3), 0);
        ck_assert_str_eq(table_cell(&flows, i, "client_port"), table_cell(&flows, i + 1, "client_port"));
        ck_assert_str_eq(table_cell(&flows, i, "verdict"), table_cell(&flows, i + 1, "verdict"));
    }
    table_done(&flows);
    table_done(&captures);
    tca_session_free(session);
    wire_done(&wire);
}
END_TEST

/* Many connections, the later capture the earlier one in time: rows are merged, none is lost. */
START_TEST(many_rows_over_captures)
{
    enum { COUNT = 3000 };
    struct tca_session *session = open_session(NULL, NULL);
    struct tca_buf text = {0};
    struct table flows;

    for (int i = 0; i < COUNT; i++)
        tca_buf_fmt(&text, "flow F%d 10.%d.%d.1:%d 10.0.0.1:80\n", i, i / 200, i % 200, 1024 + i);
    for (int i = 0; i < COUNT; i++)
        tca_buf_fmt(&text, "%d.%06d F%d > S\n", i / 100, i % 100 * 7919, i);
    struct wire wire = make_wire(tca_buf_text(&text));
    for (size_t i = 0; i < wire.count; i++)
        wire.packets[i].time_ns += 10000000000;
    feed(session, "late.pcap", &wire, 100);
    for (size_t i = 0; i < wire.count; i++)
        wire.packets[i].time_ns -= 5000000000;
    feed(session, "early.pcap", &wire, 100);
    finish(session);
    ck_assert_int_eq(table_read(session, "flows", &flows, NULL), 0);
    ck_assert_uint_eq(flows.rows, 2 * COUNT);
    check_sorted(&flows);
    ck_assert_str_eq(table_cell(&flows, 0, "flow_id"), "c2f1");
    table_done(&flows);
    tca_buf_done(&text);
    tca_session_free(session);
    wire_done(&wire);
}
END_TEST

/* SYNs alone, of every shape, with numbers at which something may turn: at the end of their kind, or such that stand for none. */
static void write_syns(struct tca_buf *text, int count)
{
    static const char *const isn[] = {"0",          "1",          "4294967295", "4294967294",
                                      "4294965836", "2147483647", "2147483648"};
    static const char *const tsval[] = {"0", "1", "4294967295", "2147483648"};
    static const int ttl[] = {1, 32, 33, 64, 65, 127, 128, 255, 254};
    static const int ipid[] = {0, 1, 32768, 65535}, win[] = {0, 1, 29200, 65535};
    for (int i = 0; i < count; i++) {
        bool six = i % 5 == 4;
        tca_buf_fmt(text,
                    six ? "flow F%d [fd00::2:%d]:%d [fd00::%s]:80" : "flow F%d 10.0.1.%d:%d %s.0.0.1:80", i,
                    i % 250, 1024 + i, i % 2 ? "9" : "11");
        tca_buf_fmt(text, i % 3 ? " ts=on" : " ts=off");
        if (i % 7 == 3)
            tca_buf_fmt(text, " isn=%s", isn[i / 7 % (int)ROWS(isn)]);
        else
            tca_buf_fmt(text, " isn=%u", (unsigned)i * 2654435761u);
        tca_buf_fmt(text, i % 11 ? "\n" : " wscale=none\n");
    }
    for (int i = 0; i < count; i++) {
        tca_buf_fmt(text, "%d.%06d F%d > S ttl=%d win=%d", i / 100, i % 100 * 7919, i,
                    ttl[i % (int)ROWS(ttl)], win[i / 3 % (int)ROWS(win)]);
        if (i % 5 != 4)
            tca_buf_fmt(text, " ipid=%d", ipid[i / 2 % (int)ROWS(ipid)]);
        if (i % 3)
            tca_buf_fmt(text, " tsval=%s", tsval[i / 5 % (int)ROWS(tsval)]);
        tca_buf_fmt(text, i % 13 ? "\n" : " len=100\n");
    }
    for (int i = 0; i < count; i += 17)
        tca_buf_fmt(text, "%d.%06d F%d %s\n", count / 100 + 1, i, i, i % 2 ? "> S" : "< RA");
}

/* What is kept of a SYN alone says all that pass 1 would: where connections are told apart by their tags too, none is kept so. */
START_TEST(syns_alone)
{
    enum { COUNT = 4000 };
    static const char *const key[][2] = {{NULL, NULL}, {"key", "vlan"}};
    struct tca_buf text = {0}, said[2] = {{0}, {0}};
    write_syns(&text, COUNT);
    struct wire wire = make_wire(tca_buf_text(&text));
    size_t count;
    struct tca_record *records = wire_records(&wire, &count);
    ck_assert_ptr_nonnull(records);
    for (size_t at = 0; at < count; at++)
        records[at].direction = (uint8_t)(at / 2 % 3); /* not told, received, sent */
    for (int way = 0; way < 2; way++) {
        struct tca_session *session = open_session(key[way][0], key[way][1]);
        feed_records(session, "one.pcap", records, count, 100);
        feed_records(session, "other.pcap", records, count, 100);
        finish(session);
        say_all(session, &said[way]);
        tca_session_free(session);
    }
    same_bytes(&said[0], &said[1], "SYNs alone");
    tca_buf_done(&said[0]);
    tca_buf_done(&said[1]);
    tca_buf_done(&text);
    free(records);
    wire_done(&wire);
}
END_TEST

START_TEST(no_input_at_all)
{
    struct tca_session *session = open_session(NULL, NULL);
    struct tca_buf text = {0};
    bool found = true;

    finish(session);
    ck_assert_int_eq(tca_session_csv(session, "flows", "flow_id", write_to_buf, &text, NULL), 0);
    ck_assert_str_eq(tca_buf_text(&text), "flow_id\n");
    ck_assert_int_eq(tca_session_summary(session, write_to_buf, &text, NULL), 0);
    ck_assert_int_eq(tca_session_has_finding(session, NULL, &found, NULL), 0);
    ck_assert(!found);
    tca_buf_done(&text);
    tca_session_free(session);
}
END_TEST

/* ---- choosing records: numbers stay those of the whole file ---- */

static const struct {
    const char *name, *value;
    size_t flows;
    const char *first_frame, *why;
} choices[] = {
    {"filter", "port 81", 1, "4", "a filter that leaves one connection"},
    {"filter", "ip6", 1, "3", "a filter by IP version"},
    {"filter", "host 192.0.2.1", 0, NULL, "a filter that leaves nothing"},
    {"after", "1700000000.9", 2, "17", "from the last seconds on"},
    {"before", "2023-11-14T22:13:20.005Z", 1, "1", "only the first record"},
    {"count", "2", 1, "1", "the first two records"},
};

START_TEST(chosen_records)
{
    char *folder = enter_temporary();
    struct wire wire = make_wire(script);
    struct tca_buf file = {0};
    struct tca_session *session = open_session(choices[_i].name, choices[_i].value);
    struct tca_error error = {0};
    struct table flows;

    wire_pcap(&wire, &file);
    ck_assert(file_write("c.pcap", file.bytes, file.used));
    ck_assert_msg(tca_session_read(session, "c.pcap", &error) == 0, "%s", error.text);
    finish(session);
    ck_assert_int_eq(table_read(session, "flows", &flows, NULL), 0);
    ck_assert_msg(flows.rows == choices[_i].flows, "%s: %zu", choices[_i].why, flows.rows);
    if (choices[_i].first_frame)
        ck_assert_str_eq(table_cell(&flows, 0, "first_frame"), choices[_i].first_frame);
    table_done(&flows);
    tca_buf_done(&file);
    tca_session_free(session);
    wire_done(&wire);
    leave_temporary(folder);
}
END_TEST

/* ---- misuse ---- */

static void usage_error(int code, const struct tca_error *error, const char *what)
{
    ck_assert_msg(code == TCA_EUSAGE, "%s: code %d", what, code);
    ck_assert_msg(error->code == TCA_EUSAGE && error->text[0], "%s: no words", what);
}

static const struct {
    const char *name, *value;
} bad_settings[] = {
    {"no-such-setting", "1"},
    {"", ""},
    {"vantage", "somewhere"},
    {"server", "10.0.0.1"},
    {"server", "10.0.0.1:99999"},
    {"server", "host:80"},
    {"after", "yesterday"},
    {"before", ""},
    {"count", "0"},
    {"count", "-1"},
    {"count", "many"},
    {"min-confidence", "sure"},
    {"checksums", "maybe"},
    {"finding", "no_such_finding"},
    {"finding", ""},
    {"all-states", "yes please"},
    {"key", "colour"},
    {"trace", "2"},
    {"shard", "0/1"},
    {"shard", "3/2"},
    {"shard", "1/65"},
    {"shard", "1"},
    {"shard", "1/2/3"},
    {"shard", "-1/2"},
    {"shard", "1/ 2"},
};

START_TEST(bad_setting)
{
    struct tca_settings *set = tca_settings_new();
    struct tca_error error = {0};
    int code = tca_settings_set(set, bad_settings[_i].name, bad_settings[_i].value, &error);

    usage_error(code, &error, bad_settings[_i].name);
    ck_assert_int_eq(tca_settings_set(set, bad_settings[_i].name, bad_settings[_i].value, NULL), TCA_EUSAGE);
    tca_settings_free(set);
}
END_TEST

START_TEST(calls_out_of_order)
{
    struct tca_session *session = open_session(NULL, NULL);
    struct tca_record record = {0};
    struct tca_buf text = {0};
    struct tca_error error = {0};
    bool found;
    int rows = 0;

    usage_error(tca_session_feed(session, &record, 1, &error), &error, "feed before begin");
    usage_error(tca_session_capture_end(session, &error), &error, "end before begin");
    usage_error(tca_session_table(session, "flows", stop_row, &rows, &error), &error, "table before finish");
    usage_error(tca_session_csv(session, "flows", NULL, write_to_buf, &text, &error), &error,
                "csv before finish");
    usage_error(tca_session_summary(session, write_to_buf, &text, &error), &error, "summary before finish");
    usage_error(tca_session_explain(session, "stream=0", true, write_to_buf, &text, &error), &error,
                "explain before finish");
    usage_error(tca_session_picture(session, "stream=0", "svg", write_to_buf, &text, &error), &error,
                "picture before finish");
    usage_error(tca_session_has_finding(session, NULL, &found, &error), &error, "has_finding before finish");
    ck_assert_int_eq(tca_session_capture_begin(session, "c", &error), 0);
    usage_error(tca_session_capture_begin(session, "d", &error), &error, "begin twice");
    usage_error(tca_session_read(session, "c.pcap", &error), &error, "read while a capture is open");
    usage_error(tca_session_finish(session, &error), &error, "finish while a capture is open");
    ck_assert_int_eq(tca_session_capture_end(session, &error), 0);
    ck_assert_int_eq(tca_session_finish(session, &error), 0);
    usage_error(tca_session_finish(session, &error), &error, "finish twice");
    usage_error(tca_session_capture_begin(session, "e", &error), &error, "begin after finish");
    usage_error(tca_session_read(session, "c.pcap", &error), &error, "read after finish");
    usage_error(tca_session_table(session, "flow", stop_row, &rows, &error), &error, "unknown table");
    usage_error(tca_session_csv(session, "flow", NULL, write_to_buf, &text, &error), &error, "unknown table");
    usage_error(tca_session_explain(session, "stream=0", true, write_to_buf, &text, &error), &error,
                "explain without trace");
    usage_error(tca_session_picture(session, "stream=0", "html", write_to_buf, &text, &error), &error,
                "picture without trace");
    usage_error(tca_session_picture(session, "stream=0", "png", write_to_buf, &text, &error), &error,
                "unknown form");
    usage_error(tca_session_has_finding(session, "no_such_finding", &found, &error), &error,
                "unknown finding");
    ck_assert_uint_eq(text.used, 0);
    ck_assert_int_eq(rows, 0);
    tca_session_free(session);
}
END_TEST

/* The last piece of misuse: gone without finishing, in the middle of a capture. */
START_TEST(freed_half_way)
{
    struct wire wire = make_wire(script);
    struct tca_session *session = open_session("trace", "true");
    size_t count;
    struct tca_record *records = wire_records(&wire, &count);

    ck_assert_int_eq(tca_session_capture_begin(session, "c", NULL), 0);
    ck_assert_int_eq(tca_session_feed(session, records, count, NULL), 0);
    tca_session_free(session);
    tca_session_free(NULL);
    tca_settings_free(NULL);
    free(records);
    wire_done(&wire);
}
END_TEST

START_TEST(missing_file)
{
    struct tca_session *session = open_session(NULL, NULL);
    struct tca_error error = {0};
    struct table captures;

    ck_assert_int_eq(tca_session_read(session, "/no/such/file.pcap", &error), TCA_EINPUT);
    ck_assert_msg(error.text[0], "no words");
    finish(session);
    ck_assert_int_eq(table_read(session, "captures", &captures, NULL), 0);
    ck_assert_uint_eq(captures.rows, 1);
    ck_assert_str_ne(table_cell(&captures, 0, "status"), "ok");
    ck_assert_str_eq(table_cell(&captures, 0, "packets"), "0");
    table_done(&captures);
    tca_session_free(session);
}
END_TEST

/* A filter is looked at when the settings meet a file; the words must name it. */
START_TEST(bad_filter)
{
    char *folder = enter_temporary();
    struct wire wire = make_wire(script);
    struct tca_buf file = {0};
    struct tca_session *session = NULL;
    struct tca_settings *set = tca_settings_new();
    struct tca_error error = {0};

    wire_pcap(&wire, &file);
    ck_assert(file_write("c.pcap", file.bytes, file.used));
    int code = tca_settings_set(set, "filter", "port port", &error);
    if (!code)
        code = tca_session_open(set, &session, &error);
    if (!code)
        code = tca_session_read(session, "c.pcap", &error);
    usage_error(code, &error, "filter");
    ck_assert(!tca_filter_compiles("port port"));
    ck_assert(tca_filter_compiles("tcp port 80"));
    tca_session_free(session);
    tca_settings_free(set);
    tca_buf_done(&file);
    wire_done(&wire);
    leave_temporary(folder);
}
END_TEST

/* ---- callbacks ---- */

START_TEST(callbacks_can_stop)
{
    struct wire wire = make_wire(script);
    struct tca_session *session = open_session("trace", "true");
    struct tca_error error = {0};
    int rows = 0;

    feed(session, "c.pcap", &wire, 0);
    finish(session);
    ck_assert_int_eq(tca_session_table(session, "flows", stop_row, &rows, &error), TCA_ESTOPPED);
    ck_assert_int_eq(rows, 1);
    ck_assert_int_eq(tca_session_csv(session, "flows", NULL, stop_write, NULL, &error), TCA_EOUTPUT);
    ck_assert_int_eq(tca_session_summary(session, stop_write, NULL, &error), TCA_EOUTPUT);
    ck_assert_int_eq(tca_session_page(session, stop_write, NULL, &error), TCA_EOUTPUT);
    ck_assert_int_eq(tca_session_explain(session, "stream=0", true, stop_write, NULL, &error), TCA_EOUTPUT);
    static const char *const form[] = {"svg", "html", "mermaid", "xplot"};
    for (int i = 0; i < ROWS(form); i++)
        ck_assert_int_eq(tca_session_picture(session, "stream=0", form[i], stop_write, NULL, &error),
                         TCA_EOUTPUT);
    tca_session_free(session);
    wire_done(&wire);
}
END_TEST

/* ---- several products at once ---- */

static const char *const all_names[] = {"flows",    "events",   "listeners", "states", "counters",
                                        "settings", "captures", "summary",   "page"};
enum { ALL_NAMES = sizeof all_names / sizeof *all_names };

static void say_one(struct tca_session *session, const char *name, struct tca_buf *out)
{
    struct tca_error error = {0};
    int code = !strcmp(name, "page")      ? tca_session_page(session, write_to_buf, out, &error)
               : !strcmp(name, "summary") ? tca_session_summary(session, write_to_buf, out, &error)
                                          : tca_session_csv(session, name, NULL, write_to_buf, out, &error);
    ck_assert_msg(code == 0, "%s: %s", name, error.text);
}

static struct tca_session *two_views(const char *name, const char *value, const char *jobs)
{
    struct wire wire = make_wire(script);
    struct tca_settings *set = tca_settings_new();
    struct tca_session *session;

    ck_assert_int_eq(tca_settings_set(set, "jobs", jobs, NULL), 0);
    if (name)
        ck_assert_int_eq(tca_settings_set(set, name, value, NULL), 0);
    ck_assert_int_eq(tca_session_open(set, &session, NULL), 0);
    tca_settings_free(set);
    feed(session, "one.pcap", &wire, 0);
    feed(session, "two.pcap", &wire, 0);
    finish(session);
    wire_done(&wire);
    return session;
}

/* The first `count` of them. */
static void check_products(struct tca_session *session, struct tca_buf *want, size_t count, const char *what)
{
    struct tca_product product[ALL_NAMES] = {0};
    struct tca_buf got[ALL_NAMES] = {0};

    for (size_t at = 0; at < count; at++)
        product[at] = (struct tca_product){.name = all_names[at], .fn = write_to_buf, .user = &got[at]};
    ck_assert_int_eq(tca_session_make(session, product, count), 0);
    for (size_t at = 0; at < count; at++) {
        ck_assert_int_eq(product[at].code, 0);
        ck_assert_uint_gt(got[at].used, 0);
        same_bytes(&want[at], &got[at], what);
        tca_buf_done(&got[at]);
    }
}

/* Whether some were asked for before, so that parts of them are there, or none. */
START_TEST(products_at_once)
{
    static const char *const choice[][2] = {
        {NULL, NULL},         {"min-confidence", "certain"}, {"finding", "rst_refused"},
        {"host", "10.0.0.1"}, {"all-states", "true"},        {"sysctl", "net.ipv4.tcp_syn_retries=2"}};
    static const char *const jobs[] = {"1", "2", "5"};

    for (size_t at = 0; at < sizeof choice / sizeof *choice; at++)
        for (size_t j = 0; j < sizeof jobs / sizeof *jobs; j++) {
            struct tca_buf want[ALL_NAMES] = {0};
            struct tca_session *alone = two_views(choice[at][0], choice[at][1], jobs[j]);
            struct tca_session *fresh = two_views(choice[at][0], choice[at][1], jobs[j]);
            for (size_t one = 0; one < ALL_NAMES; one++)
                say_one(alone, all_names[one], &want[one]);
            check_products(fresh, want, ALL_NAMES, "all of them");
            check_products(fresh, want, ALL_NAMES, "all of them again");
            check_products(alone, want, ALL_NAMES, "all behind each one");
            check_products(fresh, want, 3, "three");
            check_products(fresh, want, 0, "none");
            for (size_t one = 0; one < ALL_NAMES; one++)
                tca_buf_done(&want[one]);
            tca_session_free(alone);
            tca_session_free(fresh);
        }
}
END_TEST

static void count_end(struct tca_product *product)
{
    ++*(int *)product->user;
}

static int write_nowhere(void *user, const void *bytes, size_t count)
{
    (void)user, (void)bytes, (void)count;
    return 0;
}

/* Each fails for itself, and each is told to end once. */
START_TEST(products_that_fail)
{
    int ends[5] = {0};
    struct tca_product product[] = {
        {.name = "flows", .fn = stop_write, .end = count_end, .user = &ends[0]},
        {.name = "flow", .fn = write_nowhere, .end = count_end, .user = &ends[1]},
        {.name = "events", .columns = "nonsense", .fn = write_nowhere, .end = count_end, .user = &ends[2]},
        {.name = "summary", .fn = stop_write, .end = count_end, .user = &ends[3]},
        {.name = "listeners", .fn = write_nowhere, .end = count_end, .user = &ends[4]},
    };
    struct tca_session *session = two_views(NULL, NULL, "2");

    ck_assert_int_eq(tca_session_make(session, product, 5), TCA_EOUTPUT);
    ck_assert_int_eq(product[0].code, TCA_EOUTPUT);
    ck_assert_int_eq(product[1].code, TCA_EUSAGE);
    ck_assert_ptr_nonnull(strstr(product[1].error.text, "no table 'flow'"));
    ck_assert_int_eq(product[2].code, TCA_EUSAGE);
    ck_assert_ptr_nonnull(strstr(product[2].error.text, "nonsense"));
    ck_assert_int_eq(product[3].code, TCA_EOUTPUT);
    ck_assert_int_eq(product[4].code, 0);
    for (size_t at = 0; at < 5; at++)
        ck_assert_int_eq(ends[at], 1);
    tca_session_free(session);
}
END_TEST

START_TEST(products_too_early)
{
    struct tca_session *session = open_session(NULL, NULL);
    struct tca_product product = {.name = "summary", .fn = write_nowhere};

    ck_assert_int_eq(tca_session_make(session, &product, 1), TCA_EUSAGE);
    product.name = "flows";
    ck_assert_int_eq(tca_session_make(session, &product, 1), TCA_EUSAGE);
    tca_session_free(session);
}
END_TEST

START_TEST(interrupted)
{
    char *folder = enter_temporary();
    struct wire wire = make_wire(script);
    struct tca_buf file = {0};
    struct tca_session *session = open_session(NULL, NULL);
    struct tca_error error = {0};
    struct table captures;

    wire_pcap(&wire, &file);
    ck_assert(file_write("c.pcap", file.bytes, file.used));
    tca_session_interrupt(session);
    ck_assert_msg(tca_session_read(session, "c.pcap", &error) == 0, "%s", error.text);
    finish(session);
    ck_assert_int_eq(table_read(session, "captures", &captures, NULL), 0);
    ck_assert_str_eq(table_cell(&captures, 0, "status"), "interrupted");
    table_done(&captures);
    tca_buf_done(&file);
    tca_session_free(session);
    wire_done(&wire);
    leave_temporary(folder);
}
END_TEST

/* ---- explain: every form of selector names the same connection ---- */

static const char *const selectors[] = {
    "stream=0",
    "frame=1",
    "frame=7",
    "frame=c1:7",
    "flow=c1f1",
    "10.0.0.2:40000-10.0.0.1:80",
    "10.0.0.1:80-10.0.0.2:40000",
    "10.0.0.2:40000-10.0.0.1:80@2023-11-14T22:13:20.05Z",
};
static const char *const bad_selectors[] = {
    "",
    "stream",
    "stream=",
    "stream=x",
    "stream=99",
    "frame=0",
    "frame=9999",
    "flow=c1f2",
    "flow=f1",
    "cid=1:x",
    "10.0.0.2:40000",
    "10.0.0.2:40000-10.0.0.1:81",
    "finding=no_such_finding",
    "banana=1",
};

static int explain_whole(const char *selector, struct tca_buf *out, struct tca_error *error)
{
    struct wire wire = make_wire(script);
    struct tca_session *session = open_session("trace", "true");

    feed(session, "c.pcap", &wire, 0);
    finish(session);
    int code = tca_session_explain(session, selector, true, write_to_buf, out, error);
    tca_session_free(session);
    wire_done(&wire);
    return code;
}

START_TEST(selector)
{
    struct tca_buf first = {0}, this = {0};
    struct tca_error error = {0};

    ck_assert_int_eq(explain_whole("stream=0", &first, &error), 0);
    ck_assert_msg(explain_whole(selectors[_i], &this, &error) == 0, "%s: %s", selectors[_i], error.text);
    same_bytes(&first, &this, selectors[_i]);
    for (size_t i = 0; i < first.used; i++)
        ck_assert_msg((unsigned char)first.bytes[i] < 0x80, "ASCII was asked for");
    tca_buf_done(&first);
    tca_buf_done(&this);
}
END_TEST

/* The ladder of stream 0 with `text` beside its frame 7, and beside the first `commented` records of the capture. */
static void explain_commented(const char *told, const char *text, size_t commented, struct tca_buf *out)
{
    struct tca_error error = {0};
    struct wire wire = make_wire(told);
    struct tca_session *session = open_session("trace", "true");
    size_t count;
    struct tca_record *records = wire_records(&wire, &count);
    uint64_t frame = 7;

    ck_assert_ptr_nonnull(records);
    ck_assert_int_eq(tca_session_capture_begin(session, "c", &error), 0);
    for (size_t i = 0; i < count; i++) {
        char *copy = strdup(text); /* borrowed for the call alone */
        if (records[i].frame == frame || i < commented) {
            records[i].comment = copy;
            records[i].comment_len = (uint32_t)strlen(copy);
        }
        ck_assert_int_eq(tca_session_feed(session, &records[i], 1, &error), 0);
        memset(copy, '!', strlen(copy));
        free(copy);
    }
    struct tca_record other = {.frame = count, .link = 1, .comment = "x", .comment_len = 1};
    for (size_t i = count; i < commented; i++) {
        other.frame++;
        other.time_ns = records[count - 1].time_ns;
        ck_assert_int_eq(tca_session_feed(session, &other, 1, &error), 0);
    }
    ck_assert_int_eq(tca_session_capture_end(session, &error), 0);
    finish(session);
    ck_assert_int_eq(tca_session_explain(session, "stream=0", true, write_to_buf, out, &error), 0);
    tca_session_free(session);
    wire_done(&wire);
    free(records);
}

static const struct {
    const char *text, *line; /* NULL: none */
} comment_rows[] = {
    {"here it hangs", "\n                       # here it hangs\n"},
    {"=1+1\n\x1b[31mred", "\n                       # =1+1\\x0a\\x1b[31mred\n"},
    {"", NULL},
};

START_TEST(commented)
{
    struct tca_buf out = {0};
    const char *line, *frame;

    explain_commented(script, comment_rows[_i].text, 0, &out);
    line = comment_rows[_i].line ? strstr(tca_buf_text(&out), comment_rows[_i].line) : NULL;
    ck_assert_int_eq(line != NULL, comment_rows[_i].line != NULL);
    ck_assert_int_eq(strstr(tca_buf_text(&out), "  # ") != NULL, line != NULL);
    if (line) { /* the line before is that of the frame */
        for (frame = line; frame[-1] != '\n'; frame--)
            ;
        ck_assert_msg(!strncmp(frame, "        7 ", 10), "%.20s", frame);
    }
    tca_buf_done(&out);
}
END_TEST

/* A segment with one is not folded into a run. */
START_TEST(comment_in_a_run)
{
    static const char run[] = "flow A 10.0.0.2:40000 10.0.0.1:80\n"
                              "0      A > S\n"
                              "+0.010 A < SA\n"
                              "+0.001 A > A\n"
                              "+0.001 A > PA len=10\n+0.001 A < A\n"
                              "+0.001 A > PA len=10\n+0.001 A < A\n"
                              "+0.001 A > PA len=10\n+0.001 A < A\n"
                              "+0.001 A > PA len=10\n+0.001 A < A\n"
                              "+0.001 A > PA len=10\n+0.001 A < A\n"
                              "+0.001 A > PA len=10\n+0.001 A < A\n";
    struct tca_buf out = {0};

    explain_commented(run, "", 0, &out);
    ck_assert_ptr_nonnull(strstr(tca_buf_text(&out), "frames 6 to 14: "));
    tca_buf_reset(&out);
    explain_commented(run, "x", 0, &out);
    ck_assert_ptr_nonnull(strstr(tca_buf_text(&out), "\n                       # x\n"));
    ck_assert_ptr_nonnull(strstr(tca_buf_text(&out), "frames 8 to 14: "));
    tca_buf_done(&out);
}
END_TEST

START_TEST(too_many_comments)
{
    struct tca_buf out = {0};

    explain_commented(script, "x", 4096, &out);
    ck_assert_ptr_null(strstr(tca_buf_text(&out), "not shown"));
    tca_buf_reset(&out);
    explain_commented(script, "x", 4099, &out);
    ck_assert_ptr_nonnull(strstr(tca_buf_text(&out), "that are not shown, beyond the first 4096: 3\n"));
    tca_buf_done(&out);
}
END_TEST

START_TEST(bad_selector)
{
    struct tca_buf text = {0};
    struct tca_error error = {0};

    usage_error(explain_whole(bad_selectors[_i], &text, &error), &error, bad_selectors[_i]);
    ck_assert_uint_eq(text.used, 0);
}
END_TEST

/* ---- odd records ---- */

/* Nothing in a record may be trusted: no byte, no length, no time, no number. */
START_TEST(odd_records)
{
    static const uint8_t bytes[60] = {0};
    const struct tca_record records[] = {
        {.bytes = NULL, .captured = 0, .original = 0, .time_ns = 0, .frame = 1, .link = 1},
        {.bytes = bytes, .captured = 60, .original = 0, .time_ns = INT64_MAX, .frame = 2, .link = 1},
        {.bytes = bytes,
         .captured = 60,
         .original = UINT32_MAX,
         .time_ns = INT64_MIN,
         .frame = 3,
         .link = 101},
        {.bytes = bytes, .captured = 60, .original = 60, .time_ns = -1, .frame = 3, .link = -1},
        {.bytes = bytes, .captured = 1, .original = 1, .time_ns = 5, .frame = UINT64_MAX, .link = 276},
        {.bytes = bytes, .captured = 60, .original = 60, .time_ns = 5, .frame = 0, .link = 999999},
    };
    struct tca_session *session = open_session(NULL, NULL);
    struct table captures;

    ck_assert_int_eq(tca_session_capture_begin(session, "odd", NULL), 0);
    ck_assert_int_eq(tca_session_feed(session, records, sizeof records / sizeof *records, NULL), 0);
    ck_assert_int_eq(tca_session_feed(session, NULL, 0, NULL), 0);
    ck_assert_int_eq(tca_session_capture_end(session, NULL), 0);
    finish(session);
    ck_assert_int_eq(table_read(session, "captures", &captures, NULL), 0);
    ck_assert_str_eq(table_cell(&captures, 0, "packets"), "6");
    ck_assert_str_eq(table_cell(&captures, 0, "tcp_packets"), "0");
    table_done(&captures);
    tca_session_free(session);
}
END_TEST

/* ---- registry ---- */

START_TEST(registry)
{
    struct tca_finding_info finding, again;
    struct tca_column_info column;

    ck_assert_uint_gt(tca_registry_findings(), 0);
    for (size_t i = 0; i < tca_registry_findings(); i++) {
        ck_assert(tca_registry_finding(i, &finding));
        ck_assert_msg(finding.id[0] && finding.severity[0] && finding.meaning[0] && finding.proof[0] &&
                          finding.doubt[0] && finding.host[0],
                      "%s has an empty field", finding.id);
        ck_assert(tca_registry_finding_by_id(finding.id, &again));
        ck_assert_str_eq(again.id, finding.id);
    }
    ck_assert(!tca_registry_finding(tca_registry_findings(), &finding));
    ck_assert(!tca_registry_finding_by_id("no_such_finding", &finding));
    for (size_t i = 0; i < tca_registry_columns(); i++) {
        ck_assert(tca_registry_column(i, &column));
        ck_assert_msg(column.table[0] && column.name[0] && column.type[0] && column.meaning[0],
                      "%s.%s has an empty field", column.table, column.name);
    }
    ck_assert(!tca_registry_column(tca_registry_columns(), &column));
}
END_TEST

static void add_tables(TCase *tc)
{
    tcase_add_loop_test(tc, any_portions, 0, ROWS(portions));
    tcase_add_loop_test(tc, chosen_records, 0, ROWS(choices));
    tcase_add_loop_test(tc, bad_setting, 0, ROWS(bad_settings));
    tcase_add_loop_test(tc, selector, 0, ROWS(selectors));
    tcase_add_loop_test(tc, commented, 0, ROWS(comment_rows));
    tcase_add_loop_test(tc, bad_selector, 0, ROWS(bad_selectors));
}

static void add_tests(TCase *tc)
{
    tcase_add_test(tc, comment_in_a_run);
    tcase_add_test(tc, too_many_comments);
    tcase_add_test(tc, from_pcap);
    tcase_add_test(tc, from_pcapng);
    tcase_add_test(tc, from_standard_input);
    tcase_add_test(tc, twice_asked_twice_the_same);
    tcase_add_test(tc, two_captures);
    tcase_add_test(tc, many_rows_over_captures);
    tcase_add_test(tc, syns_alone);
    tcase_add_test(tc, no_input_at_all);
    tcase_add_test(tc, calls_out_of_order);
    tcase_add_test(tc, freed_half_way);
    tcase_add_test(tc, missing_file);
    tcase_add_test(tc, bad_filter);
    tcase_add_test(tc, callbacks_can_stop);
    tcase_add_test(tc, products_at_once);
    tcase_add_test(tc, products_that_fail);
    tcase_add_test(tc, products_too_early);
    tcase_add_test(tc, interrupted);
    tcase_add_test(tc, odd_records);
    tcase_add_test(tc, registry);
}

int main(void)
{
    Suite *suite = suite_create("engine");
    TCase *tc = tcase_create("engine");

    add_tables(tc);
    add_tests(tc);
    tcase_set_timeout(tc, 60);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
