/* SPDX-License-Identifier: MIT
 *
 * The CSV rules, from the reader's side: libcsv in strict mode must read back every table of every case, cell
 * by cell what the library said, every row as wide as its header; and names made to harm must not come
 * through.
 */
#include "cases.h"
#include "suite.h"
#include "table.h"

#include <csv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const tables[] = {"flows", "events", "settings", "captures"};
/* Set once in main; a loop test has no other way to its rows. */
static struct names cases;
static const char *captures_folder;

/* ---- reading CSV back ---- */

struct parsed {
    const struct table *table;
    size_t row, column; /* row 0 is the header */
    char wrong[512];    /* the first disagreement; "" if none */
};

static void got_cell(void *bytes, size_t count, void *user)
{
    struct parsed *p = user;
    const struct table *t = p->table;
    const char *expected = "(no such cell)";

    if (p->column < t->columns && p->row <= t->rows)
        expected = p->row == 0 ? t->name[p->column] : t->cell[(p->row - 1) * t->columns + p->column];
    if (!p->wrong[0] && (strlen(expected) != count || memcmp(expected, bytes, count) != 0))
        snprintf(p->wrong, sizeof p->wrong, "row %zu column %zu: read '%.*s' of '%s'", p->row, p->column + 1,
                 (int)count, (const char *)bytes, expected);
    p->column++;
}

static void got_row(int end, void *user)
{
    struct parsed *p = user;

    (void)end;
    if (!p->wrong[0] && p->column != p->table->columns)
        snprintf(p->wrong, sizeof p->wrong, "row %zu has %zu cells of %zu", p->row, p->column,
                 p->table->columns);
    p->column = 0;
    p->row++;
}

static void read_back(const struct tca_buf *text, const struct table *table, const char *what)
{
    struct parsed p = {.table = table};
    struct csv_parser parser;

    ck_assert_int_eq(csv_init(&parser, CSV_STRICT | CSV_STRICT_FINI), 0);
    size_t used = csv_parse(&parser, text->bytes, text->used, got_cell, got_row, &p);
    ck_assert_msg(used == text->used, "%s: not strict CSV at byte %zu: %s", what, used,
                  csv_strerror(csv_error(&parser)));
    ck_assert_msg(csv_fini(&parser, got_cell, got_row, &p) == 0, "%s: ends inside a quote", what);
    csv_free(&parser);
    ck_assert_msg(!p.wrong[0], "%s: %s", what, p.wrong);
    ck_assert_msg(p.row == table->rows + 1, "%s: %zu rows of %zu", what, p.row - 1, table->rows);
    ck_assert_msg(text->used && text->bytes[text->used - 1] == '\n', "%s: the last line has no end", what);
    ck_assert_msg(!memchr(text->bytes, '\r', text->used), "%s: lines end in LF alone", what);
}

/* The header comes from the schema even where there are no rows, so names are taken from the text then. */
static void check_table(struct tca_session *session, const char *which, const char *what)
{
    struct tca_buf text = {0};
    struct table table;
    struct tca_error error = {0};

    ck_assert_msg(tca_session_csv(session, which, NULL, write_to_buf, &text, &error) == 0, "%s: %s", what,
                  error.text);
    ck_assert_msg(table_read(session, which, &table, &error) == 0, "%s: %s", what, error.text);
    if (table.rows) {
        read_back(&text, &table, what);
    } else {
        const char *newline = memchr(text.bytes, '\n', text.used);
        ck_assert_msg(newline && newline + 1 == text.bytes + text.used, "%s: a header line and nothing else",
                      what);
    }
    table_done(&table);
    tca_buf_done(&text);
}

/* What the traffic tells of settings rests on records that the captures hold: what a mirror kept came through to here. */
static void check_frames(struct tca_session *session, const char *what)
{
    struct table captures, settings;
    uint64_t packets = 0;

    ck_assert_int_eq(table_read(session, "captures", &captures, NULL), 0);
    for (size_t row = 0; row < captures.rows; row++)
        packets += (uint64_t)table_number(&captures, row, "packets");
    table_done(&captures);
    ck_assert_int_eq(table_read(session, "settings", &settings, NULL), 0);
    for (size_t row = 0; row < settings.rows; row++) {
        const char *frames = table_cell(&settings, row, "frames");
        ck_assert_msg(frames[0], "%s: no frames of %s", what, table_cell(&settings, row, "setting"));
        for (; *frames; frames += strspn(frames, ";")) {
            char *end;
            uint64_t frame = strtoull(frames, &end, 10);
            ck_assert_msg(end > frames && frame && frame <= packets, "%s: frame %s of %s", what, frames,
                          table_cell(&settings, row, "setting"));
            frames = end;
        }
    }
    table_done(&settings);
}

START_TEST(every_table_of_a_case)
{
    char path[CASE_PATH_MAX], what[CASE_PATH_MAX + 32];
    struct case_run run;
    struct tca_error error;

    snprintf(path, sizeof path, "%s/%s", captures_folder, cases.name[_i]);
    ck_assert_msg(chdir(path) == 0, "%s", path);
    ck_assert_msg(case_run(&run, &error) == 0, "%s: %s", cases.name[_i], error.text);
    for (int i = 0; i < ROWS(tables); i++) {
        snprintf(what, sizeof what, "%s: %s", cases.name[_i], tables[i]);
        check_table(run.session, tables[i], what);
    }
    check_frames(run.session, cases.name[_i]);
    case_run_done(&run);
}
END_TEST

/* ---- names ---- */

static const struct {
    const char *name, *cell, *raw, *why;
} name_rows[] = {
    {"plain.pcap", "plain.pcap", "plain.pcap", "nothing to do"},
    {"a,b.pcap", "a,b.pcap", "a,b.pcap", "a comma is quoted, not changed"},
    {"say \"hi\".pcap", "say \"hi\".pcap", "say \"hi\".pcap", "quotes are doubled"},
    {" padded ", " padded ", " padded ", "spaces at the ends survive"},
    {"=1+1", "'=1+1", "=1+1", "a formula"},
    {"+1", "'+1", "+1", "a formula"},
    {"-1", "'-1", "-1", "a formula"},
    {"@SUM(A1)", "'@SUM(A1)", "@SUM(A1)", "a formula"},
    {"'quoted", "'quoted", "'quoted", "an apostrophe of its own"},
    {"two\nlines", "two\\x0alines", "two\\x0alines", "a newline"},
    {"back\rspace", "back\\x0dspace", "back\\x0dspace", "a carriage return"},
    {"\x1b[31mred", "\\x1b[31mred", "\\x1b[31mred", "an escape sequence"},
    {"del\x7f", "del\\x7f", "del\\x7f", "delete"},
    {"\xff\xfe.pcap", "\\xff\\xfe.pcap", "\\xff\\xfe.pcap", "no UTF-8"},
    {"cut\xe2\x82", "cut\\xe2\\x82", "cut\\xe2\\x82", "UTF-8 cut short"},
    {"\xc0\xaf", "\\xc0\\xaf", "\\xc0\\xaf", "an overlong form"},
    {"\xed\xa0\x80", "\\xed\\xa0\\x80", "\\xed\\xa0\\x80", "a surrogate"},
    {"gr\xc3\xbc\xc3\x9f.pcap", "gr\xc3\xbc\xc3\x9f.pcap", "gr\xc3\xbc\xc3\x9f.pcap", "UTF-8 stays"},
};

static void check_name(int row, bool raw)
{
    struct tca_settings *set = tca_settings_new();
    struct tca_session *session = NULL;
    struct table table;
    struct tca_error error = {0};

    ck_assert_ptr_nonnull(set);
    if (raw)
        ck_assert_int_eq(tca_settings_set(set, "raw-text", "true", &error), 0);
    ck_assert_int_eq(tca_session_open(set, &session, &error), 0);
    tca_settings_free(set);
    ck_assert_int_eq(tca_session_capture_begin(session, name_rows[row].name, &error), 0);
    ck_assert_int_eq(tca_session_capture_end(session, &error), 0);
    ck_assert_int_eq(tca_session_finish(session, &error), 0);
    ck_assert_int_eq(table_read(session, "captures", &table, &error), 0);
    const char *cell = table_cell(&table, 0, "capture");
    ck_assert_ptr_nonnull(cell);
    ck_assert_msg(strcmp(cell, raw ? name_rows[row].raw : name_rows[row].cell) == 0, "%s: '%s'",
                  name_rows[row].why, cell);
    table_done(&table);
    check_table(session, "captures", name_rows[row].why);
    tca_session_free(session);
}

START_TEST(hostile_name)
{
    check_name(_i, false);
}
END_TEST

START_TEST(hostile_name_raw)
{
    check_name(_i, true);
}
END_TEST

/* A tab at the beginning is both a control character and a formula's beginning: either treatment will do. */
START_TEST(leading_tab)
{
    struct tca_settings *set = tca_settings_new();
    struct tca_session *session = NULL;
    struct table table;

    ck_assert_int_eq(tca_session_open(set, &session, NULL), 0);
    tca_settings_free(set);
    ck_assert_int_eq(tca_session_capture_begin(session, "\tname", NULL), 0);
    ck_assert_int_eq(tca_session_capture_end(session, NULL), 0);
    ck_assert_int_eq(tca_session_finish(session, NULL), 0);
    ck_assert_int_eq(table_read(session, "captures", &table, NULL), 0);
    const char *cell = table_cell(&table, 0, "capture");
    ck_assert_ptr_nonnull(cell);
    ck_assert_ptr_null(strchr(cell, '\t'));
    ck_assert_ptr_nonnull(strstr(cell, "\\x09name"));
    table_done(&table);
    tca_session_free(session);
}
END_TEST

/* The lines of flows are written in another way than those of other tables: names that need quotes, in a row of each kind. */
static const char *const file_names[] = {"a,b.pcap", "say \"hi\".pcap", " padded ", "plain.pcap", "=1,\"2\""};

START_TEST(flows_of_hostile_file)
{
    char folder[] = "/tmp/tcpautopsy-test.XXXXXX", target[CASE_PATH_MAX];
    struct tca_settings *set = tca_settings_new();
    struct tca_session *session = NULL;
    struct tca_error error = {0};

    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(target, sizeof target, "%s/close/rec_four_way/capture.pcap", captures_folder);
    ck_assert_int_eq(chdir(folder), 0);
    ck_assert_int_eq(symlink(target, file_names[_i]), 0);
    ck_assert_int_eq(tca_session_open(set, &session, &error), 0);
    tca_settings_free(set);
    ck_assert_msg(tca_session_read(session, file_names[_i], &error) == 0, "%s", error.text);
    ck_assert_int_eq(tca_session_finish(session, &error), 0);
    check_table(session, "flows", file_names[_i]);
    check_table(session, "events", file_names[_i]);
    tca_session_free(session);
    ck_assert_int_eq(unlink(file_names[_i]), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

/* ---- choice of columns ---- */

static struct tca_session *empty_capture(void)
{
    struct tca_settings *set = tca_settings_new();
    struct tca_session *session = NULL;

    ck_assert_int_eq(tca_session_open(set, &session, NULL), 0);
    tca_settings_free(set);
    ck_assert_int_eq(tca_session_capture_begin(session, "x", NULL), 0);
    ck_assert_int_eq(tca_session_capture_end(session, NULL), 0);
    ck_assert_int_eq(tca_session_finish(session, NULL), 0);
    return session;
}

START_TEST(columns_in_the_order_asked_for)
{
    struct tca_session *session = empty_capture();
    struct tca_buf text = {0};

    ck_assert_int_eq(tca_session_csv(session, "captures", "packets,capture", write_to_buf, &text, NULL), 0);
    ck_assert_str_eq(tca_buf_text(&text), "packets,capture\n0,x\n");
    tca_buf_done(&text);
    tca_session_free(session);
}
END_TEST

/* A lone null would be an empty line, which readers drop: the row must survive. */
START_TEST(lone_null_column)
{
    struct tca_session *session = empty_capture();
    struct tca_buf text = {0};
    struct tca_error error = {0};
    struct table table;

    ck_assert_int_eq(table_read(session, "captures", &table, &error), 0);
    ck_assert_str_eq(table_cell(&table, 0, "message"), "");
    table_done(&table);
    ck_assert_int_eq(tca_session_csv(session, "captures", "message", write_to_buf, &text, &error), 0);
    ck_assert_str_eq(tca_buf_text(&text), "message\n\"\"\n");
    tca_buf_done(&text);
    tca_session_free(session);
}
END_TEST

START_TEST(unknown_column)
{
    struct tca_session *session = empty_capture();
    struct tca_buf text = {0};
    struct tca_error error = {0};

    ck_assert_int_eq(tca_session_csv(session, "captures", "packets,captur", write_to_buf, &text, &error),
                     TCA_EUSAGE);
    ck_assert_msg(strstr(error.text, "captur"), "%s", error.text);
    ck_assert_uint_eq(text.used, 0);
    tca_buf_done(&text);
    tca_session_free(session);
}
END_TEST

int main(void)
{
    captures_folder = getenv("TCPAUTOPSY_CAPTURES");
    if (captures_folder && !cases_list(captures_folder, &cases))
        return 2;

    Suite *suite = suite_create("csv");
    TCase *tc = tcase_create("csv");
    tcase_add_loop_test(tc, every_table_of_a_case, 0, (int)cases.count);
    tcase_add_loop_test(tc, hostile_name, 0, ROWS(name_rows));
    tcase_add_loop_test(tc, hostile_name_raw, 0, ROWS(name_rows));
    tcase_add_test(tc, leading_tab);
    if (captures_folder)
        tcase_add_loop_test(tc, flows_of_hostile_file, 0, ROWS(file_names));
    tcase_add_test(tc, columns_in_the_order_asked_for);
    tcase_add_test(tc, lone_null_column);
    tcase_add_test(tc, unknown_column);
    tcase_set_timeout(tc, 60);
    suite_add_tcase(suite, tc);
    int status = run_suite(suite);
    names_done(&cases);
    return status;
}
