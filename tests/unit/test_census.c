/* SPDX-License-Identifier: MIT
 *
 * The census where captures of a laboratory do not lead: times far apart, captures one after another and side by
 * side, tuples used again, callbacks that stop.
 */
#include "cases.h"
#include "suite.h"
#include "table.h"
#include "wire.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND INT64_C(1000000000)

static const char one_open[] = "flow A 10.0.0.2:40000 10.0.0.1:80\n"
                               "0      A > S\n"
                               "+0.010 A < SA\n"
                               "+0.001 A > A\n"
                               "+0.001 A > PA len=500\n"
                               "+0.010 A < A\n";
static const char goes_on[] = "flow A 10.0.0.2:40000 10.0.0.1:80\n"
                              "0      A > PA len=500\n"
                              "+0.010 A < A\n";

/* ---- helpers ---- */

/* A capture whose times are moved; packets from the n-th on by `late_ns` more. */
static void feed(struct tca_session *session, const char *script, int64_t moved_ns, size_t from,
                 int64_t late_ns)
{
    struct wire wire;
    struct wire_error bad;
    struct tca_error error = {0};
    size_t count;
    ck_assert_msg(wire_parse("script", script, strlen(script), &wire, &bad) == 0, "%s", bad.text);
    for (size_t at = 0; at < wire.count; at++)
        wire.packets[at].time_ns += moved_ns + (at >= from ? late_ns : 0);
    struct tca_record *records = wire_records(&wire, &count);
    ck_assert_ptr_nonnull(records);
    ck_assert_int_eq(tca_session_capture_begin(session, "c.pcap", &error), 0);
    ck_assert_int_eq(tca_session_feed(session, records, count, &error), 0);
    ck_assert_int_eq(tca_session_capture_end(session, &error), 0);
    free(records);
    wire_done(&wire);
}

static void read_states(struct tca_session *session, struct table *ret)
{
    struct tca_error error = {0};
    ck_assert_msg(tca_session_finish(session, &error) == 0, "%s", error.text);
    ck_assert_msg(table_read(session, "states", ret, &error) == 0, "%s", error.text);
}

/* The last row of scope `all`. */
static size_t last_all(const struct table *states)
{
    size_t at = states->rows;
    while (at > 0 && strcmp(table_cell(states, at - 1, "scope"), "all") != 0)
        at--;
    ck_assert_uint_gt(at, 0);
    return at - 1;
}

static int64_t most(const struct table *states, const char *column)
{
    int64_t found = 0;
    for (size_t at = 0; at < states->rows; at++)
        if (table_number(states, at, column) > found)
            found = table_number(states, at, column);
    return found;
}

/* ---- tests ---- */

/* Sixty years between two packets: rows follow the changes. */
START_TEST(far_apart)
{
    struct tca_session *session = open_session("width", "0.001");
    struct table states;
    feed(session, one_open, 0, 4, 60 * INT64_C(365) * 86400 * SECOND);
    read_states(session, &states);
    ck_assert_uint_lt(states.rows, 20);
    table_done(&states);
    tca_session_free(session);
}
END_TEST

/* Ladders of every kind, of which one gap is as long as times can be: nothing that is reckoned from it overflows. */
static const char *const ladders[] = {
    "flow A 10.0.0.2:40000 10.0.0.1:80\n"
    "0      A > S\n+0.0001 A < SA\n+0.01 A > A\n+1 A < SA\n+0.01 A > A\n+2 A < SA\n+4 A < SA\n"
    "+0.01 A > A\n+0.01 A > PA len=9\n+0.01 A < A\n+0.01 A < PA len=9\n+0.01 A > A\n"
    "+0.01 A < FA\n+0.01 A > FA\n+0.01 A < A\n",
    "flow A 10.0.0.2:40000 10.0.0.1:80\n"
    "0      A > S\n+1 A > S\n+2 A > S\n+4 A > S\n+8 A > S\n",
    "flow A 10.0.0.2:40000 10.0.0.1:80\n"
    "0      A > S\n+0.0001 A < SA\n+1 A < SA\n+2 A < SA\n+4 A < SA\n",
    "flow A 10.0.0.2:40000 10.0.0.1:80\n"
    "0      A > S\n+0.0001 A < SA\n+0.01 A > A\n+0.01 A > PA len=9\n+0.0001 A < A\n+1 A > PA len=9\n"
    "+0.2 A > PA len=9 seq=10\n+0.4 A > PA len=9 seq=10\n+0.8 A > PA len=9 seq=10\n+1.6 A > PA len=9 "
    "seq=10\n",
    "flow A 10.0.0.2:40000 10.0.0.1:80\n"
    "0      A > S\n+0.0001 A < SA\n+0.01 A > A\n+0.01 A < FA\n+0.3 A < FA seq=1\n+0.2 A < FA seq=1\n"
    "+0.4 A < FA seq=1\n+0.8 A < FA seq=1\n+0.01 A > A\n+0.01 A > FA\n+0.01 A < A\n",
    "flow A 10.0.0.2:40000 10.0.0.1:80\n"
    "0      A > S\n+0.0001 A < SA\n+0.01 A > A\n+9 A < A seq=0\n+0.01 A > A\n+9 A < A seq=0\n"
    "+9 A < A seq=0\n+9 A < A seq=0\n+9 A < RA\n",
};

static int take_row(void *user, const struct tca_row *row)
{
    *(size_t *)user += row->count;
    return 0;
}

static int take_text(void *user, const void *bytes, size_t count)
{
    (void)bytes;
    *(size_t *)user += count;
    return 0;
}

static void ask_for_everything(struct tca_session *session)
{
    static const char *const tables[] = {"flows", "events", "listeners", "states", "counters", "settings"};
    struct tca_error error = {0};
    size_t told = 0;
    ck_assert_msg(tca_session_finish(session, &error) == 0, "%s", error.text);
    for (size_t at = 0; at < sizeof tables / sizeof *tables; at++)
        ck_assert_int_eq(tca_session_table(session, tables[at], take_row, &told, &error), 0);
    ck_assert_int_eq(tca_session_summary(session, take_text, &told, &error), 0);
    ck_assert_uint_gt(told, 0);
}

START_TEST(as_far_apart_as_can_be)
{
    enum { LONGEST = 16 };
    const int64_t begin_ns = -1700000000 * SECOND, gap_ns = (INT64_C(1) << 62) - 60 * SECOND;
    for (size_t from = 1; from < LONGEST; from++) {
        struct tca_session *session = open_session(_i % 2 ? "vantage" : NULL, "server");
        feed(session, ladders[_i / 2], begin_ns, from, gap_ns);
        ask_for_everything(session);
        tca_session_free(session);
    }
}
END_TEST

/* The next file of a rotation tells of the same connection, begun before it. */
START_TEST(one_after_another)
{
    struct tca_session *session = open_session(NULL, NULL);
    struct table states;
    feed(session, one_open, 0, 0, 0);
    feed(session, goes_on, 100 * SECOND, 0, 0);
    read_states(session, &states);
    ck_assert_int_eq(most(&states, "established_max"), 2);
    ck_assert_int_eq(table_number(&states, last_all(&states), "established"), 2);
    table_done(&states);
    tca_session_free(session);
}
END_TEST

/* A day later nobody knows what was there meanwhile. */
START_TEST(one_long_after_another)
{
    const int64_t day_ns = 86400 * SECOND;
    struct tca_session *session = open_session(NULL, NULL);
    struct table states;
    size_t gone = 0;
    int64_t first_ns;
    feed(session, one_open, 0, 0, 0);
    feed(session, goes_on, day_ns, 0, 0);
    read_states(session, &states);
    first_ns = table_number(&states, 0, "t_ns");
    for (size_t at = 0; at < states.rows; at++)
        gone += !table_number(&states, at, "established") &&
                table_number(&states, at, "t_ns") - first_ns < day_ns / 2;
    ck_assert_uint_gt(gone, 0);
    ck_assert_int_eq(most(&states, "established_max"), 2);
    ck_assert_int_eq(table_number(&states, last_all(&states), "established"), 2);
    table_done(&states);
    tca_session_free(session);
}
END_TEST

/* Two captures of one traffic: each socket counts once. */
START_TEST(side_by_side)
{
    struct tca_session *session = open_session(NULL, NULL);
    struct table states;
    feed(session, one_open, 0, 0, 0);
    feed(session, one_open, 2000000, 0, 0);
    feed(session, one_open, 2000000, 0, 0);
    read_states(session, &states);
    ck_assert_int_eq(most(&states, "established_max"), 2);
    ck_assert_int_eq(most(&states, "opened"), 2);
    ck_assert_int_eq(table_number(&states, last_all(&states), "established"), 2);
    table_done(&states);
    tca_session_free(session);
}
END_TEST

/* A tuple holds one socket at a time, whatever became of the one before. */
START_TEST(tuple_again)
{
    static const char again[] = "flow A 10.0.0.2:40000 10.0.0.1:80 isn=1000\n"
                                "flow B 10.0.0.2:40000 10.0.0.1:80 isn=900000000\n"
                                "0      A > S\n"
                                "+0.010 A < SA\n"
                                "+0.001 A > A\n"
                                "5      B > S\n"
                                "+0.010 B < SA\n"
                                "+0.001 B > A\n";
    struct tca_session *session = open_session(NULL, NULL);
    struct table states;
    feed(session, again, 0, 0, 0);
    read_states(session, &states);
    for (size_t at = 0; at < states.rows; at++) {
        int64_t there = 0;
        static const char *const names[] = {"syn_sent", "syn_recv", "established", "time_wait", "unknown"};
        for (size_t n = 0; n < sizeof names / sizeof *names; n++)
            there += table_number(&states, at, names[n]);
        ck_assert_int_le(there, 2);
    }
    table_done(&states);
    tca_session_free(session);
}
END_TEST

/* The last of three connections of one instant on one tuple is the one that is there, whatever their numbers in the capture are: so
 * many others are before them. */
static const char one_instant[] = "+0 A > S\n+0 B > S\n+0 B < SA\n+0 B > A\n+0 C > S\n";

START_TEST(one_instant_of_a_tuple)
{
    char script[1 << 15] =
        "flow A 10.0.0.2:40000 10.0.0.1:80 isn=1000000\nflow B 10.0.0.2:40000 10.0.0.1:80 isn=2000000\n"
        "flow C 10.0.0.2:40000 10.0.0.1:80 isn=3000000\n";
    struct tca_session *session = open_session(NULL, NULL);
    struct table states;
    size_t used = strlen(script), last;
    for (int at = 0; at < _i; at++)
        used += (size_t)sprintf(script + used, "flow X%d 10.0.0.3:%d 10.0.0.4:80\n", at, 1024 + at);
    for (int at = 0; at < _i; at++)
        used += (size_t)sprintf(script + used, "%s X%d > S\n", at ? "+0" : "0", at);
    strcpy(script + used, one_instant);
    feed(session, script, 0, 0, 0);
    read_states(session, &states);
    for (last = states.rows; last-- > 0;)
        if (!strcmp(table_cell(&states, last, "host"), "10.0.0.2"))
            break;
    ck_assert_uint_lt(last, states.rows);
    ck_assert_int_eq(table_number(&states, last, "syn_sent"), 1);
    ck_assert_int_eq(table_number(&states, last, "established"), 0);
    table_done(&states);
    tca_session_free(session);
}
END_TEST

/* After five hours of silence the row is closed; what comes then begins another one, of the same two sockets. */
START_TEST(silent_tuple)
{
    struct tca_session *session = open_session(NULL, NULL);
    struct table states, flows;
    feed(session, one_open, 0, 3, 5 * 3600 * SECOND);
    read_states(session, &states);
    ck_assert_int_eq(table_read(session, "flows", &flows, NULL), 0);
    ck_assert_uint_eq(flows.rows, 2);
    ck_assert_int_eq(most(&states, "established_max"), 2);
    ck_assert_int_eq(table_number(&states, last_all(&states), "established"), 2);
    table_done(&states);
    table_done(&flows);
    tca_session_free(session);
}
END_TEST

/* Hosts come as their addresses do, of either family; and one of them can be asked for. */
static const char both_families[] = "flow A [2001:db8::2]:40000 [::1]:80\n"
                                    "flow B 10.0.0.9:40000 9.255.255.255:80\n"
                                    "flow C [::2]:40000 [::fffe:a00:1]:80\n"
                                    "0 A > S\n+0.01 A < SA\n+0.01 A > A\n"
                                    "+0 B > S\n+0.01 B < SA\n+0.01 B > A\n"
                                    "+0 C > S\n+0.01 C < SA\n+0.01 C > A\n";
static const char *const in_order[] = {"::1",           "::2",      "::fffe:a00:1",
                                       "9.255.255.255", "10.0.0.9", "2001:db8::2"};

START_TEST(order_of_hosts)
{
    struct tca_session *session = open_session("width", "3600");
    struct table states;
    size_t met = 0;
    feed(session, both_families, 0, 0, 0);
    read_states(session, &states);
    for (size_t at = 0; at < states.rows; at++)
        if (!strcmp(table_cell(&states, at, "scope"), "host")) {
            ck_assert_uint_lt(met, ROWS(in_order));
            ck_assert_str_eq(table_cell(&states, at, "host"), in_order[met++]);
        }
    ck_assert_uint_eq(met, ROWS(in_order));
    table_done(&states);
    tca_session_free(session);
}
END_TEST

START_TEST(one_of_these_hosts)
{
    struct tca_session *session = open_session("host", in_order[_i]);
    struct table states;
    feed(session, both_families, 0, 0, 0);
    read_states(session, &states);
    ck_assert_uint_gt(states.rows, 0);
    for (size_t at = 0; at < states.rows; at++)
        ck_assert_str_eq(table_cell(&states, at, "host"), in_order[_i]);
    ck_assert_int_eq(most(&states, "established_max"), 1);
    table_done(&states);
    tca_session_free(session);
}
END_TEST

START_TEST(callbacks_can_stop)
{
    struct tca_session *session = open_session("host", "10.0.0.1");
    struct tca_error error = {0};
    int rows = 0;
    feed(session, one_open, 0, 0, 0);
    ck_assert_int_eq(tca_session_finish(session, &error), 0);
    ck_assert_int_eq(tca_session_table(session, "states", stop_row, &rows, &error), TCA_ESTOPPED);
    ck_assert_int_eq(rows, 1);
    ck_assert_int_eq(tca_session_csv(session, "states", NULL, stop_write, NULL, &error), TCA_EOUTPUT);
    ck_assert_int_eq(tca_session_text(session, "ss", stop_write, NULL, &error), TCA_EOUTPUT);
    tca_session_free(session);
}
END_TEST

/* Nothing captured, nothing there: a header, no row. */
START_TEST(nothing)
{
    struct tca_session *session = open_session(NULL, NULL);
    struct tca_error error = {0};
    struct tca_buf text = {0};
    struct table states;
    read_states(session, &states);
    ck_assert_uint_eq(states.rows, 0);
    ck_assert_int_eq(tca_session_text(session, "ss", write_to_buf, &text, &error), 0);
    ck_assert_int_eq(strncmp(tca_buf_text(&text), "State Recv-Q Send-Q Local Address:Port", 38), 0);
    table_done(&states);
    tca_buf_done(&text);
    tca_session_free(session);
}
END_TEST

/* Without the trace nobody knows the queues; with it Send-Q is what was not acknowledged. */
START_TEST(queues)
{
    static const char waits[] = "flow A 10.0.0.2:40000 10.0.0.1:80\n"
                                "0      A > S\n"
                                "+0.010 A < SA\n"
                                "+0.001 A > A\n"
                                "+0.500 A > PA len=500\n"
                                "+0.100 A > PA len=200 lost\n";
    static const char *const settings[] = {NULL, "trace"};
    static const char *const wanted[] = {"ESTAB -      -       ", "ESTAB 0      700     "};
    for (int traced = 0; traced < 2; traced++) {
        struct tca_settings *set = tca_settings_new();
        struct tca_session *session = NULL;
        struct tca_error error = {0};
        struct tca_buf text = {0};
        if (settings[traced])
            ck_assert_int_eq(tca_settings_set(set, settings[traced], "true", &error), 0);
        ck_assert_int_eq(tca_settings_set(set, "host", "10.0.0.2", &error), 0);
        ck_assert_int_eq(tca_session_open(set, &session, &error), 0);
        tca_settings_free(set);
        feed(session, waits, 0, 0, 0);
        ck_assert_int_eq(tca_session_finish(session, &error), 0);
        ck_assert_int_eq(tca_session_text(session, "ss", write_to_buf, &text, &error), 0);
        ck_assert_msg(strstr(tca_buf_text(&text), wanted[traced]) != NULL, "%s", tca_buf_text(&text));
        tca_buf_done(&text);
        tca_session_free(session);
    }
}
END_TEST

/* ---- what is known of a host runs its clocks ---- */

static void list_at(const char *script, const char *host, const char *at, const char *sysctl,
                    struct tca_buf *text)
{
    const char *const option[][2] = {{"host", host}, {"at", at}, {"sysctl", sysctl}};
    struct tca_settings *set = tca_settings_new();
    struct tca_session *session = NULL;
    struct tca_error error = {0};
    for (size_t n = 0; n < sizeof option / sizeof *option; n++)
        if (option[n][1])
            ck_assert_msg(tca_settings_set(set, option[n][0], option[n][1], &error) == 0, "%s", error.text);
    ck_assert_msg(tca_session_open(set, &session, &error) == 0, "%s", error.text);
    tca_settings_free(set);
    feed(session, script, 0, 0, 0);
    ck_assert_msg(tca_session_finish(session, &error) == 0, "%s", error.text);
    ck_assert_msg(tca_session_text(session, "ss", write_to_buf, text, &error) == 0, "%s", error.text);
    tca_session_free(session);
}

#define OPENED "flow A 10.0.0.2:40000 10.0.0.1:80\n0 A > S\n+0.0001 A < SA\n+0.01 A > A\n"

static const struct {
    const char *script, *host, *at, *sysctl;
    const char *there, *told; /* the state's word without the setting, and with it; NULL: no such socket */
} known[] = {
    /* FIN_WAIT2 is over before the peer closes: its FIN meets a reset. */
    {OPENED "+0.1 A < FA\n+0.01 A > A\n+7 A > FA\n+0.0001 A < R\n", "10.0.0.1", "1700000006",
     "tcp_fin_timeout=4", "FIN-WAIT-2", NULL},
    /* ... and lasts longer. */
    {OPENED "+0.1 A < FA\n+0.01 A > A\n", "10.0.0.1", "1700000080", "tcp_fin_timeout=120", NULL,
     "FIN-WAIT-2"},
    /* Nobody watched the end of these ladders. */
    {OPENED "+0.1 A < FA\n+0.2 A < FA seq=1\n+0.4 A < FA seq=1\n+0.8 A < FA seq=1\n", "10.0.0.1",
     "1700000010", "tcp_orphan_retries=8", NULL, "FIN-WAIT-1"},
    {OPENED "+0.1 A < FA\n+0.2 A < FA seq=1\n+0.4 A < FA seq=1\n+0.8 A < FA seq=1\n", "10.0.0.1",
     "1700000010", "tcp_orphan_retries=3", NULL, NULL},
    {"flow A 10.0.0.2:40000 10.0.0.1:80\n0 A > S\n+0.0001 A < SA\n+1 A < SA\n", "10.0.0.1", "1700000020",
     "tcp_synack_retries=5", NULL, "SYN-RECV"},
    {"flow A 10.0.0.2:40000 10.0.0.1:80\n0 A > S\n+0.0001 A < SA\n+1 A < SA\n", "10.0.0.1", "1700000020",
     "tcp_synack_retries=2", NULL, NULL},
    /* A single SYN+ACK. */
    {"flow A 10.0.0.2:40000 10.0.0.1:80\n0 A > S\n+0.0001 A < SA\n", "10.0.0.1", "1700000020",
     "tcp_synack_retries=2", "SYN-RECV", NULL},
    /* A client that goes on asking took none of the SYN+ACKs that passed. */
    {"flow A 10.0.0.2:40000 10.0.0.1:80\n0 A > S\n+0.01 A < SA\n+1 A > S\n+0.01 A < SA\n+2 A > S\n+0.01 A < "
     "SA\n"
     "+1 A < SA\n+2 A < SA\n+4 A < SA\n",
     "10.0.0.2", "1700000009", NULL, NULL, NULL},
    /* Two repeats of payload are enough where no third may follow. */
    {OPENED "+0.1 A > PA len=9\n+0.2 A > PA len=9 seq=1\n+0.4 A > PA len=9 seq=1\n+0.8 A > PA len=9 seq=1\n",
     "10.0.0.2", "1700000010", "tcp_retries2=3", "ESTAB", NULL},
};

/* Nothing on the wire tells what became of these: they are listed apart, and sure ones are not. */
#define LATER "flow Z 10.0.0.3:50000 10.0.0.1:80\n"

static const struct {
    const char *script, *host, *at;
    bool apart;
} doubted[] = {
    /* A ladder of payload that breaks off while its host is watched: at any time since its last rung. */
    {LATER OPENED "+0.1 A < PA len=9\n+0.2 A < PA len=9 seq=1\n+0.4 A < PA len=9 seq=1\n"
                  "+0.8 A < PA len=9 seq=1\n+20 Z > S\n",
     "10.0.0.1", "1700000010", true},
    /* ... and one whose next rung is not due yet when the capture ends. */
    {LATER OPENED "+0.1 A < PA len=9\n+0.2 A < PA len=9 seq=1\n+0.4 A < PA len=9 seq=1\n"
                  "+0.8 A < PA len=9 seq=1\n+1 Z > S\n",
     "10.0.0.1", "1700000002", false},
    /* A host that answers another connection's FIN as if it had no TIME_WAIT may have none of this one, either. */
    {"flow B 10.0.0.3:50000 10.0.0.1:80\n" OPENED
     "+0.1 A < FA\n+0.01 A > FA\n+0.0001 A < A\n+0.1 B > S\n+0.0001 B < SA\n+0.01 B > A\n"
     "+0.1 B < FA\n+0.01 B > A\n+0.1 B > FA\n+0.0001 B < R\n",
     "10.0.0.1", "1700000020", true},
    {"flow B 10.0.0.3:50000 10.0.0.1:80\n" OPENED
     "+0.1 A < FA\n+0.01 A > FA\n+0.0001 A < A\n+0.1 B > S\n+0.0001 B < SA\n+0.01 B > A\n"
     "+0.1 B < FA\n+0.01 B > A\n+0.1 B > FA\n+0.0001 B < A\n",
     "10.0.0.1", "1700000020", false},
};

START_TEST(told_apart)
{
    struct tca_buf text = {0};
    list_at(doubted[_i].script, doubted[_i].host, doubted[_i].at, NULL, &text);
    const char *line = strstr(tca_buf_text(&text), ":40000"), *mark = strstr(tca_buf_text(&text), "# within");
    ck_assert_msg(line && (mark && mark < line) == doubted[_i].apart, "%s", tca_buf_text(&text));
    tca_buf_done(&text);
}
END_TEST

/* Only the server's half: the client forged, or gone, has no socket to be listed; and a stranger is
 * refused before that. */
START_TEST(host_without_socket)
{
    static const char reset[] = "flow A 10.0.0.2:40000 10.0.0.1:80\n0 A > R\n+2 A > R\n";
    static const char *const host[] = {"10.0.0.2", "10.0.0.9"};
    struct tca_session *session = open_session("host", host[_i]);
    struct tca_error error = {0};
    struct tca_buf text = {0};
    feed(session, reset, 0, 0, 0);
    ck_assert_int_eq(tca_session_finish(session, &error), _i ? TCA_EUSAGE : 0);
    if (!_i) {
        ck_assert_int_eq(tca_session_text(session, "ss", write_to_buf, &text, &error), 0);
        ck_assert_msg(strstr(error.text, "no socket of it"), "%s", error.text);
    }
    tca_buf_done(&text);
    tca_session_free(session);
}
END_TEST

START_TEST(known_clocks)
{
    for (int told = 0; told < 2; told++) {
        struct tca_buf text = {0};
        const char *wanted = told ? known[_i].told : known[_i].there;
        list_at(known[_i].script, known[_i].host, known[_i].at, told ? known[_i].sysctl : NULL, &text);
        const char *line = strstr(tca_buf_text(&text), ":40000");
        while (line && line > tca_buf_text(&text) && line[-1] != '\n')
            line--;
        ck_assert_msg(wanted ? line && !strncmp(line, wanted, strlen(wanted)) : !line, "told %d:\n%s", told,
                      tca_buf_text(&text));
        tca_buf_done(&text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("census");
    TCase *tc = tcase_create("census");
    tcase_add_test(tc, far_apart);
    tcase_add_loop_test(tc, as_far_apart_as_can_be, 0, 2 * ROWS(ladders));
    tcase_add_test(tc, one_after_another);
    tcase_add_test(tc, one_long_after_another);
    tcase_add_test(tc, side_by_side);
    tcase_add_test(tc, tuple_again);
    tcase_add_loop_test(tc, one_instant_of_a_tuple, 252, 260);
    tcase_add_test(tc, silent_tuple);
    tcase_add_test(tc, order_of_hosts);
    tcase_add_loop_test(tc, one_of_these_hosts, 0, ROWS(in_order));
    tcase_add_test(tc, callbacks_can_stop);
    tcase_add_test(tc, nothing);
    tcase_add_test(tc, queues);
    tcase_add_loop_test(tc, host_without_socket, 0, 2);
    tcase_add_loop_test(tc, told_apart, 0, ROWS(doubted));
    tcase_add_loop_test(tc, known_clocks, 0, ROWS(known));
    tcase_set_timeout(tc, 60);
    suite_add_tcase(suite, tc);
    return run_suite(suite);
}
