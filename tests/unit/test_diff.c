/* SPDX-License-Identifier: MIT
 *
 * Tables compared, through the public API: what is a difference and in which words, keys of the library's tables and of
 * others, tolerances, CSV as other programs write it, and what is no table.
 */
#include "files.h"
#include "suite.h"
#include "table.h"

#include "report/decimal.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <tcpautopsy/diff.h>
#include <unistd.h>

/* ---- helpers ---- */

struct option {
    const char *name, *value;
};

static void put(const char *path, const char *text)
{
    ck_assert_msg(file_write(path, text, strlen(text)), "%s", path);
}

/* Compare two files of the present folder. The caller frees the text. */
static int compare_paths(const char *a, const char *b, const struct option option[4], struct tca_buf *text,
                         struct tca_diff_counts *counts, struct tca_error *error)
{
    struct tca_diff *diff = tca_diff_new();
    int code = 0;

    ck_assert_ptr_nonnull(diff);
    for (int i = 0; i < 4 && option && option[i].name && !code; i++)
        code = tca_diff_set(diff, option[i].name, option[i].value, error);
    if (!code)
        code = tca_diff_run(diff, a, b, write_to_buf, text, counts, error);
    tca_diff_free(diff);
    return code;
}

static int compare_texts(const char *a, const char *b, const struct option option[4], struct tca_buf *text,
                         struct tca_diff_counts *counts, struct tca_error *error)
{
    put("a.csv", a);
    put("b.csv", b);
    return compare_paths("a.csv", "b.csv", option, text, counts, error);
}

/* ---- what is a difference ---- */

static const struct {
    const char *a, *b;
    struct option option[4];
    const char *told, *why;
} rows[] = {
    /* equal */
    {"x,y\n1,2\n", "x,y\n1,2\n", {{0}}, "", "the same bytes"},
    {"x,y\n1,2\n3,4\n", "x,y\n3,4\n1,2\n", {{0}}, "", "another order of rows"},
    {"x,y\n1,2\n", "y,x\n2,1\n", {{0}}, "", "another order of columns"},
    {"x,y\n1,2\n", "\"x\",\"y\"\r\n\"1\",2\r\n", {{0}}, "", "quotes and CR LF"},
    {"x,y\n1,2\n", "x,y\r1,2\r", {{0}}, "", "CR alone"},
    {"x,y\n1,2\n", "x,y\n1,2", {{0}}, "", "no end of the last line"},
    {"x,y\n1,2\n", "\xef\xbb\xbfx,y\n1,2\n", {{0}}, "", "a byte order mark"},
    {"x,y\n1,2\n", "\n\nx,y\n\r\n1,2\n\n", {{0}}, "", "empty lines"},
    {"x\n\"\"\n", "x\n\"\"\n", {{0}}, "", "a lone null"},
    {"x,y\n", "x,y\n", {{0}}, "", "no rows"},
    {"x,y\n\"a\nb\",\"c \"\"d\"\"\"\n",
     "x,y\n\"a\nb\",\"c \"\"d\"\"\"\n",
     {{0}},
     "",
     "line ends and marks in cells"},
    {"x,x\n1,2\n", "x,x\n1,2\n", {{0}}, "", "two columns of one name"},
    /* not equal */
    {"x,y\n1,2\n", "x,y\n1,3\n", {{0}}, "a 1,2: only in A\na 1,3: only in B\n", "without a key whole rows"},
    {"x,y\n1,2\n", "x,y\n1,3\n", {{"key", "x"}}, "a 1: y: 2 -> 3\n", "a key of one column"},
    {"x,y,z\n1,2,3\n", "x,y,z\n1,2,4\n", {{"key", "x,y"}}, "a 1,2: z: 3 -> 4\n", "a key of two"},
    {"x,y,z\n1,2,3\n",
     "x,y,z\n1,2,4\n",
     {{"key", "y"}, {"key", "x"}},
     "a 2,1: z: 3 -> 4\n",
     "given one by one"},
    {"x,y\n1,\n", "x,y\n1,2\n", {{"key", "x"}}, "a 1: y: \"\" -> 2\n", "an empty cell"},
    {"x,y\n1,0\n", "x,y\n1,\n", {{"key", "x"}}, "a 1: y: 0 -> \"\"\n", "nought is not nothing"},
    {"x,y\n1, 2\n", "x,y\n1,2\n", {{"key", "x"}}, "a 1: y:  2 -> 2\n", "a blank belongs to its cell"},
    {"x,y\n1,2\n1,2\n", "x,y\n1,2\n", {{0}}, "a 1,2: only in A\n", "twice and once"},
    {"x,y\n1,2\n",
     "x,y\n1,2\n1,2\n1,2\n",
     {{0}},
     "a 1,2: only in B\na 1,2: only in B\n",
     "once and three times"},
    {"x,y\n1,2\n1,3\n",
     "x,y\n1,3\n1,2\n",
     {{"key", "x"}},
     "a 1: y: 2 -> 3\na 1: y: 3 -> 2\n",
     "one key twice: in order of appearance"},
    {"x\n2\n1\n",
     "x\n4\n3\n",
     {{0}},
     "a 2: only in A\na 1: only in A\na 4: only in B\na 3: only in B\n",
     "in the order of A, then of B"},
    {"x,y,z\n1,2,3\n",
     "x,y,z\n1,4,5\n",
     {{"key", "x"}},
     "a 1: y: 2 -> 4\na 1: z: 3 -> 5\n",
     "cells in A's order"},
    {"x,y\n1,2\n",
     "x,z\n1,2\n",
     {{0}},
     "a: column y only in A\na: column z only in B\n",
     "columns of one side"},
    {"x\n1\n", "x,x\n1,2\n", {{0}}, "a: column x only in B\n", "a name twice on one side"},
    {"x,y\n1,a\x1b[31m\n",
     "x,y\n1,b\tc\n",
     {{"key", "x"}},
     "a 1: y: a\\x1b[31m -> b\\x09c\n",
     "control characters"},
    {"x,y\n1,\"a\nb\"\n", "x,y\n1,\xff\n", {{"key", "x"}}, "a 1: y: a\\x0ab -> \\xff\n", "a line stays one"},
    {"x\n",
     "x\n9\n3\n7\n1\n8\n2\n6\n4\n",
     {{0}},
     "a 9: only in B\na 3: only in B\na 7: only in B\na 1: only in B\n"
     "a 8: only in B\na 2: only in B\na 6: only in B\na 4: only in B\n",
     "whatever their hashes are"},
    /* ignored */
    {"x,y\n1,2\n", "x,y\n1,3\n", {{"ignore", "y"}}, "", "an ignored column"},
    {"x,y,z\n1,2,3\n", "x,y,z\n1,4,5\n", {{"ignore", "y,z"}}, "", "two of them"},
    {"x,y,z\n1,2,3\n", "x,y,z\n1,4,5\n", {{"ignore", "y"}, {"ignore", "z"}}, "", "one by one"},
    {"x,y\n1,2\n", "x\n1\n", {{"ignore", "y"}}, "", "one that only A has"},
    {"x\n1\n", "x,y\n1,2\n", {{"ignore", "y"}}, "", "one that only B has"},
    {"x\n1\n2\n", "x\n3\n", {{"ignore", "x"}}, "a line 3: only in A\n", "nothing left that names a row"},
    {"x\n1\n",
     "x\n3\n\n4\n",
     {{"ignore", "x"}},
     "a line 4: only in B\n",
     "the same of B, empty lines counted"},
    /* with a tolerance */
    {"x,y\n1,1.0\n",
     "x,y\n1,1.1\n",
     {{"tolerance", "y=0.1"}},
     "",
     "as near as allowed, whatever is no binary fraction"},
    {"x,y\n1,1.0\n",
     "x,y\n1,1.100000000000000001\n",
     {{"tolerance", "y=0.1"}},
     "a 1: y: 1.0 -> 1.100000000000000001\n",
     "a bit farther"},
    {"x,y\n1,1.0\n", "x,y\n1,1\n", {{"tolerance", "y=0"}}, "", "numbers are equal, not texts"},
    {"x,y\n1,1.0\n", "x,y\n1,1\n", {{"key", "x"}}, "a 1: y: 1.0 -> 1\n", "without a tolerance texts are"},
    {"x,y\n1,0.1;0.2\n", "x,y\n1,0.15;0.2\n", {{"tolerance", "y=0.05"}}, "", "in lists"},
    {"x,y\n1,0.1;0.2\n",
     "x,y\n1,0.1\n",
     {{"tolerance", "y=1"}},
     "a 1: y: 0.1;0.2 -> 0.1\n",
     "of equal length"},
    {"x,y\n1,0.1;\n",
     "x,y\n1,0.1\n",
     {{"tolerance", "y=1"}},
     "a 1: y: 0.1; -> 0.1\n",
     "an empty part is one"},
    {"x,y\n1,\n", "x,y\n1,0\n", {{"tolerance", "y=1"}}, "a 1: y: \"\" -> 0\n", "nothing is no number"},
    {"x,y\n1,a\n", "x,y\n1,b\n", {{"tolerance", "y=1"}}, "a 1: y: a -> b\n", "nor is a word"},
    {"x,y\n1,2;a\n", "x,y\n1,3;a\n", {{"tolerance", "y=1"}}, "", "an equal word in a list"},
    {"x,y\n1,-0.5\n", "x,y\n1,0.5\n", {{"tolerance", "y=1"}}, "", "across nought"},
    {"x,y\n1,-0.5\n",
     "x,y\n1,0.6\n",
     {{"tolerance", "y=1"}},
     "a 1: y: -0.5 -> 0.6\n",
     "too far across nought"},
    {"x,y\n1,1795246403000000001\n",
     "x,y\n1,1795246403000000003\n",
     {{"tolerance", "y=1"}},
     "a 1: y: 1795246403000000001 -> 1795246403000000003\n",
     "nanoseconds keep their last digit"},
    {"x,y\n1,1\n", "x,y\n1,9\n", {{"tolerance", "y=1"}, {"tolerance", "y=8"}}, "", "the last one holds"},
    {"x,y\n1,2.05\n", "x,y\n1,1.95\n", {{"tolerance", "y=0.1"}}, "", "across a whole number"},
    /* tables of ours */
    {"flow_id,verdict\nc1f1,normal\nc1f2,normal\n",
     "flow_id,verdict\nc1f2,rst_refused\nc1f1,normal\n",
     {{0}},
     "flows c1f2: verdict: normal -> rst_refused\n",
     "flows by flow_id, under their own name"},
    {"flow_id,verdict,news,more\nc1f1,normal,1,2\n",
     "flow_id,verdict,news,more\nc1f1,odd,1,2\n",
     {{0}},
     "a c1f1,normal,1,2: only in A\na c1f1,odd,1,2: only in B\n",
     "half of the columns are not enough to know it"},
    {"event_id,frame\nc1f1e1,4\n",
     "event_id,frame\nc1f1e1,5\n",
     {{0}},
     "events c1f1e1: frame: 4 -> 5\n",
     "events"},
    {"server_ip,server_port,vlan,syn_count\n::1,80,,4\n",
     "server_ip,server_port,vlan,syn_count\n::1,80,,5\n",
     {{0}},
     "listeners ::1,80,: syn_count: 4 -> 5\n",
     "listeners"},
    {"capture,server_ip,server_port,overflow\nx,::1,80,none\ny,::1,80,none\n",
     "capture,server_ip,server_port,overflow\ny,::1,80,certain\nx,::1,80,none\n",
     {{0}},
     "listeners y,::1,80: overflow: none -> certain\n",
     "of several captures"},
    {"capture,server_ip,server_port,overflow\nx,::1,80,none\n",
     "capture,server_ip,server_port,overflow\ny,::1,80,none\n",
     {{"ignore", "capture"}},
     "",
     "an ignored column leaves the key"},
    {"t_ns,scope,host,port,established\n5,host,::1,,7\n",
     "t_ns,scope,host,port,established\n5,host,::1,,8\n",
     {{0}},
     "states 5,host,::1,: established: 7 -> 8\n",
     "states"},
    {"t_ns,scope,established\n5,all,7\n",
     "t_ns,scope,established\n6,all,8\n",
     {{"tolerance", "t_ns=1"}},
     "states all: established: 7 -> 8\n",
     "one with a tolerance as well"},
    {"capture,host,counter,min,max\nx,::1,TcpInSegs,1,2\n",
     "capture,host,counter,min,max\nx,::1,TcpInSegs,1,\n",
     {{0}},
     "counters x,::1,TcpInSegs: max: 2 -> \"\"\n",
     "counters"},
    {"capture,host,port,setting,min\nx,::1,,rto,1\n",
     "capture,host,port,setting,min\nx,::1,,rto,2\n",
     {{0}},
     "settings x,::1,,rto: min: 1 -> 2\n",
     "settings"},
    {"capture,packets\nx,1\n", "capture,packets\nx,2\n", {{0}}, "captures x: packets: 1 -> 2\n", "captures"},
    {"key,value\nversion,1\ndetails,a\ndetails,b\n",
     "key,value\nversion,1\ndetails,a\ndetails,c\n",
     {{0}},
     "run details: value: b -> c\n",
     "run"},
    {"flow_id,client_port\nc1f1,7\n",
     "flow_id,client_port\nc1f5,7\n",
     {{"key", "client_port"}},
     "flows 7: flow_id: c1f1 -> c1f5\n",
     "a key that the user chose"},
};

START_TEST(difference)
{
    struct tca_buf text = {0};
    struct tca_error error = {0};
    struct tca_diff_counts counts;
    int code = compare_texts(rows[_i].a, rows[_i].b, rows[_i].option, &text, &counts, &error);

    ck_assert_msg(code == 0, "%s: %s", rows[_i].why, error.text);
    ck_assert_msg(strcmp(tca_buf_text(&text), rows[_i].told) == 0, "%s: told\n%s", rows[_i].why,
                  tca_buf_text(&text));
    ck_assert_msg(tca_diff_found(&counts) == (rows[_i].told[0] != '\0'), "%s", rows[_i].why);
    tca_buf_done(&text);
}
END_TEST

/* The other way round there are as many lines, with A and B exchanged. */
START_TEST(symmetric)
{
    struct tca_buf text = {0};
    struct tca_diff_counts here, there;

    ck_assert_int_eq(compare_texts(rows[_i].a, rows[_i].b, rows[_i].option, &text, &here, NULL), 0);
    ck_assert_int_eq(compare_texts(rows[_i].b, rows[_i].a, rows[_i].option, &text, &there, NULL), 0);
    ck_assert_msg(here.equal == there.equal && here.differ == there.differ && here.only_a == there.only_b &&
                      here.only_b == there.only_a && here.columns == there.columns,
                  "%s", rows[_i].why);
    tca_buf_done(&text);
}
END_TEST

START_TEST(same_file_twice)
{
    struct tca_buf text = {0};
    struct tca_diff_counts counts;
    struct tca_error error = {0};

    put("a.csv", rows[_i].a);
    ck_assert_msg(compare_paths("a.csv", "a.csv", NULL, &text, &counts, &error) == 0, "%s", error.text);
    ck_assert_msg(!text.used && !tca_diff_found(&counts), "%s: %s", rows[_i].why, tca_buf_text(&text));
    tca_buf_done(&text);
}
END_TEST

/* ---- what is no table, and what is asked in vain ---- */

static const struct {
    const char *a, *b;
    struct option option[4];
    int code;
    const char *words, *file, *why;
} faults[] = {
    {"", "x\n1\n", {{0}}, TCA_EINPUT, "is empty", "a.csv", "an empty file"},
    {"x\n1\n", "\n\r\n", {{0}}, TCA_EINPUT, "is empty", "b.csv", "nothing but empty lines"},
    {"x,y\n1,2\n3\n",
     "x,y\n1,2\n",
     {{0}},
     TCA_EINPUT,
     "1 cells in line 3, and 2 in the header",
     "a.csv",
     "a short row"},
    {"x,y\n1,2\n", "x,y\n\"a\nb\",2\n1,2,3\n", {{0}}, TCA_EINPUT, "3 cells in line 4", "b.csv", "a long one"},
    {"x,y\r\n\r\n1\r\n",
     "x,y\n1,2\n",
     {{0}},
     TCA_EINPUT,
     "1 cells in line 3",
     "a.csv",
     "CR LF is one line end"},
    {"x,y\r1,2\r3\r", "x,y\n1,2\n", {{0}}, TCA_EINPUT, "1 cells in line 3", "a.csv", "CR is one"},
    {"x,y\n1,5\" disk\n",
     "x,y\n1,2\n",
     {{0}},
     TCA_EINPUT,
     "line 2 is no CSV",
     "a.csv",
     "a mark in a plain cell"},
    {"x,y\n1,\"2\n", "x,y\n1,2\n", {{0}}, TCA_EINPUT, "line 2 is no CSV", "a.csv", "a quote left open"},
    {"x,y\n1,2\n", "x,y\n1,2\n", {{"key", "z"}}, TCA_EUSAGE, "--key: no column 'z'", NULL, "an unknown key"},
    {"verdict,y\n1,2\n",
     "verdict,y\n1,2\n",
     {{"key", "verdcit"}},
     TCA_EUSAGE,
     "did you mean 'verdict'?",
     NULL,
     "the nearest"},
    {"x,verdict\n1,2\n",
     "x,y\n1,2\n",
     {{"ignore", "verdikt"}},
     TCA_EUSAGE,
     "did you mean 'verdict'?",
     NULL,
     "ignored: the nearest of either"},
    {"x,verdict\n1,2\n",
     "x,y\n1,2\n",
     {{"tolerance", "verdikt=1"}},
     TCA_EUSAGE,
     "did you mean 'verdict'?",
     NULL,
     "likewise"},
    {"x,y\n1,2\n", "x\n1\n", {{"key", "y"}}, TCA_EUSAGE, "only in A", NULL, "a key that B has not"},
    {"x\n1\n", "x,y\n1,2\n", {{"key", "y"}}, TCA_EUSAGE, "only in B", NULL, "a key that A has not"},
    {"x\n1\n",
     "x\n1\n",
     {{"key", "x"}, {"ignore", "x"}},
     TCA_EUSAGE,
     "a key and ignored",
     NULL,
     "a contradiction"},
    {"x\n1\n",
     "x\n1\n",
     {{"key", "x"}, {"tolerance", "x=1"}},
     TCA_EUSAGE,
     "compared exactly",
     NULL,
     "another"},
    {"x\n1\n", "x\n1\n", {{"key", "x,"}}, TCA_EUSAGE, "an empty name", NULL, "an empty name"},
    {"x\n1\n", "x\n1\n", {{"ignore", ""}}, TCA_EUSAGE, "an empty name", NULL, "nothing but that"},
    {"x\n1\n", "x\n1\n", {{"tolerance", "x"}}, TCA_EUSAGE, "wants COLUMN=NUMBER", NULL, "no number"},
    {"x\n1\n", "x\n1\n", {{"tolerance", "x=-1"}}, TCA_EUSAGE, "wants COLUMN=NUMBER", NULL, "below nought"},
    {"x\n1\n", "x\n1\n", {{"tolerance", "x=1s"}}, TCA_EUSAGE, "wants COLUMN=NUMBER", NULL, "a unit"},
    {"x\n1\n", "x\n1\n", {{"tolerance", "=1"}}, TCA_EUSAGE, "wants COLUMN=NUMBER", NULL, "no column"},
    {"x\n1\n", "x\n1\n", {{"colour", "x"}}, TCA_EUSAGE, "no option 'colour'", NULL, "an unknown option"},
};

START_TEST(fault)
{
    struct tca_buf text = {0};
    struct tca_error error = {0};
    struct tca_diff_counts counts = {0};
    struct tca_diff *diff = tca_diff_new();
    int code = 0;

    put("a.csv", faults[_i].a);
    put("b.csv", faults[_i].b);
    for (int i = 0; i < 4 && faults[_i].option[i].name && !code; i++)
        code = tca_diff_set(diff, faults[_i].option[i].name, faults[_i].option[i].value, &error);
    if (!code)
        code = tca_diff_run(diff, "a.csv", "b.csv", write_to_buf, &text, &counts, &error);
    ck_assert_msg(code == faults[_i].code && error.code == code, "%s: %d %s", faults[_i].why, code,
                  error.text);
    ck_assert_msg(strstr(error.text, faults[_i].words), "%s: %s", faults[_i].why, error.text);
    if (faults[_i].file)
        ck_assert_msg(counts.file && strcmp(counts.file, faults[_i].file) == 0, "%s: %s", faults[_i].why,
                      counts.file ? counts.file : "none");
    else
        ck_assert_msg(!counts.file && !text.used, "%s: %s", faults[_i].why,
                      counts.file ? counts.file : "told");
    tca_diff_free(diff);
    tca_buf_done(&text);
}
END_TEST

START_TEST(zero_byte)
{
    struct tca_buf text = {0};
    struct tca_error error = {0};
    struct tca_diff_counts counts;

    put("a.csv", "x\n1\n");
    ck_assert(file_write("b.csv", "x\n1\0002\n", 6));
    ck_assert_int_eq(compare_paths("a.csv", "b.csv", NULL, &text, &counts, &error), TCA_EINPUT);
    ck_assert_msg(strstr(error.text, "a zero byte in line 2"), "%s", error.text);
    tca_buf_done(&text);
}
END_TEST

/* ---- large ones ---- */

/* Rows of every length, so that the reader's windows end everywhere in one; B the other way round. */
START_TEST(many_rows)
{
    enum { COUNT = 20000 };
    struct tca_buf a = {0}, b = {0}, text = {0};
    struct tca_error error = {0};
    struct tca_diff_counts counts;

    tca_buf_str(&a, "x,y\n");
    tca_buf_str(&b, "x,y\n");
    for (int i = 0; i < COUNT; i++) {
        tca_buf_fmt(&a, "%d,\"%*s\"\n", i, i % 97, "v");
        tca_buf_fmt(&b, "%d,\"%*s\"\n", COUNT - 1 - i, (COUNT - 1 - i) % 97, i == 5 ? "w" : "v");
    }
    ck_assert(file_write("a.csv", a.bytes, a.used) && file_write("b.csv", b.bytes, b.used));
    struct option key[4] = {{"key", "x"}};
    ck_assert_msg(compare_paths("a.csv", "b.csv", key, &text, &counts, &error) == 0, "%s", error.text);
    ck_assert_uint_eq(counts.equal, COUNT - 1);
    ck_assert_uint_eq(counts.differ, 1);
    ck_assert_msg(strncmp(tca_buf_text(&text), "a 19994: y: ", 12) == 0, "%s", tca_buf_text(&text));
    tca_buf_done(&a);
    tca_buf_done(&b);
    tca_buf_done(&text);
}
END_TEST

/* Rows of one key cost no more than others: this would take minutes otherwise. */
START_TEST(one_key)
{
    enum { COUNT = 200000 };
    struct tca_buf a = {0}, text = {0};
    struct tca_error error = {0};
    struct tca_diff_counts counts;

    tca_buf_str(&a, "x\n");
    for (int i = 0; i < COUNT; i++)
        tca_buf_str(&a, "1\n");
    ck_assert(file_write("a.csv", a.bytes, a.used) && file_write("b.csv", a.bytes, a.used - 2));
    ck_assert_msg(compare_paths("a.csv", "b.csv", NULL, &text, &counts, &error) == 0, "%s", error.text);
    ck_assert_uint_eq(counts.equal, COUNT - 1);
    ck_assert_str_eq(tca_buf_text(&text), "a 1: only in A\n");
    tca_buf_done(&a);
    tca_buf_done(&text);
}
END_TEST

START_TEST(endless_row)
{
    static char bytes[17 << 20];
    struct tca_buf text = {0};
    struct tca_error error = {0};
    struct tca_diff_counts counts;

    memset(bytes, 'x', sizeof bytes);
    memcpy(bytes, "x\n1\n\"", 5);
    put("a.csv", "x\n1\n");
    ck_assert(file_write("b.csv", bytes, sizeof bytes));
    ck_assert_int_eq(compare_paths("a.csv", "b.csv", NULL, &text, &counts, &error), TCA_EINPUT);
    ck_assert_msg(strstr(error.text, "the row in line 3 is longer than 16 MiB"), "%s", error.text);
    memset(bytes, ',', sizeof bytes);
    ck_assert(file_write("b.csv", bytes, 2000));
    ck_assert_int_eq(compare_paths("a.csv", "b.csv", NULL, &text, &counts, &error), TCA_EINPUT);
    ck_assert_msg(strstr(error.text, "2001 columns: at most 1024"), "%s", error.text);
    tca_buf_done(&text);
}
END_TEST

static int largest_piece(void *user, const void *bytes, size_t count)
{
    size_t *largest = user;
    (void)bytes;
    *largest = count > *largest ? count : *largest;
    return 0;
}

/* Each line of a row bears its key: they are written one by one, not held together. */
START_TEST(long_key)
{
    enum { KEY = 100000, CELLS = 100 };
    struct tca_buf a = {0}, b = {0};
    struct tca_error error = {0};
    struct tca_diff_counts counts;
    struct tca_diff *diff = tca_diff_new();
    size_t largest = 0;

    for (int i = 0; i < CELLS; i++)
        tca_buf_fmt(&a, "c%d,", i);
    tca_buf_fmt(&a, "key\n");
    tca_buf_add(&b, a.bytes, a.used);
    for (int i = 0; i < CELLS; i++) {
        tca_buf_str(&a, "1,");
        tca_buf_str(&b, "2,");
    }
    tca_buf_fmt(&a, "%*s\n", KEY, "k");
    tca_buf_fmt(&b, "%*s\n", KEY, "k");
    ck_assert(file_write("a.csv", a.bytes, a.used) && file_write("b.csv", b.bytes, b.used));
    ck_assert_int_eq(tca_diff_set(diff, "key", "key", &error), 0);
    ck_assert_int_eq(tca_diff_run(diff, "a.csv", "b.csv", largest_piece, &largest, &counts, &error), 0);
    ck_assert_uint_eq(counts.differ, 1);
    ck_assert_uint_lt(largest, 2 * KEY);
    tca_diff_free(diff);
    tca_buf_done(&a);
    tca_buf_done(&b);
}
END_TEST

START_TEST(stopped)
{
    struct tca_diff *diff = tca_diff_new();
    struct tca_diff_counts counts;
    struct tca_error error = {0};

    put("a.csv", "x\n1\n");
    put("b.csv", "x\n2\n");
    ck_assert_int_eq(tca_diff_run(diff, "a.csv", "b.csv", stop_write, NULL, &counts, &error), TCA_EOUTPUT);
    ck_assert_ptr_null(counts.file);
    tca_diff_free(diff);
}
END_TEST

/* ---- folders ---- */

START_TEST(folders)
{
    struct tca_buf text = {0};
    struct tca_error error = {0};
    struct tca_diff_counts counts;
    struct option ignore[4] = {{"ignore", "verdict"}}, unknown[4] = {{"ignore", "verdcit"}};

    ck_assert(mkdir("A", 0700) == 0 && mkdir("B", 0700) == 0 && mkdir("C", 0700) == 0);
    put("A/flows.csv", "flow_id,verdict\nc1f1,normal\n");
    put("B/flows.csv", "flow_id,verdict\nc1f1,odd\n");
    put("A/counters.csv", "host,counter,min\n::1,x,1\n");
    put("B/odd.csv", "x\n1\n");
    put("A/run.csv", "key,value\nfinished,1\n");
    put("B/run.csv", "key,value\nfinished,2\n");
    put("A/summary.txt", "no table\n");
    ck_assert(mkdir("A/folder.csv", 0700) == 0); /* nor is this */
    ck_assert_msg(compare_paths("A", "B", NULL, &text, &counts, &error) == 0, "%s", error.text);
    ck_assert_str_eq(tca_buf_text(&text),
                     "counters: only in A\nflows c1f1: verdict: normal -> odd\nodd: only in B\n");
    ck_assert_uint_eq(counts.lone_tables, 2);
    ck_assert_uint_eq(counts.tables, 1);
    tca_buf_reset(&text);
    ck_assert_msg(compare_paths("A", "B", ignore, &text, &counts, &error) == 0, "%s", error.text);
    ck_assert_str_eq(tca_buf_text(&text), "counters: only in A\nodd: only in B\n");
    tca_buf_reset(&text);
    ck_assert_int_eq(compare_paths("A", "B", unknown, &text, &counts, &error), TCA_EUSAGE);
    ck_assert_msg(strstr(error.text, "did you mean 'verdict'?") && !text.used, "%s", error.text);
    ck_assert_int_eq(compare_paths("A", "B/odd.csv", NULL, &text, &counts, &error), TCA_EUSAGE);
    ck_assert_int_eq(compare_paths("A", "nowhere", NULL, &text, &counts, &error), TCA_EINPUT);
    ck_assert_int_eq(compare_paths("C", "C", NULL, &text, &counts, &error), TCA_EINPUT);
    ck_assert_msg(strstr(error.text, "no table"), "%s", error.text);
    put("B/flows.csv", "flow_id,verdict\nc1f1\n");
    ck_assert_int_eq(compare_paths("A", "B", NULL, &text, &counts, &error), TCA_EINPUT);
    tca_buf_done(&text);
}
END_TEST

/* ---- decimal numbers ---- */

static const struct {
    const char *text;
    bool good, negative;
    uint64_t whole, part;
} numbers[] = {
    {"0", true, false, 0, 0},
    {"-0", true, true, 0, 0},
    {"+7", true, false, 7, 0},
    {"12.5", true, false, 12, 500000000000000000},
    {".5", true, false, 0, 500000000000000000},
    {"5.", true, false, 5, 0},
    {"1e-05", true, false, 0, 10000000000000},
    {"1.25E2", true, false, 125, 0},
    {"1.25e+1", true, false, 12, 500000000000000000},
    {"18446744073709551615", true, false, UINT64_MAX, 0},
    {"0.000000000000000001", true, false, 0, 1},
    {"0.0000000000000000019", true, false, 0, 1},
    {"18446744073709551616", false, 0, 0, 0},
    {"1e99", false, 0, 0, 0},
    {"1e100", false, 0, 0, 0},
    {"", false, 0, 0, 0},
    {"-", false, 0, 0, 0},
    {".", false, 0, 0, 0},
    {"1.2.3", false, 0, 0, 0},
    {"1e", false, 0, 0, 0},
    {"0x10", false, 0, 0, 0},
    {"nan", false, 0, 0, 0},
    {"1 ", false, 0, 0, 0},
    {"1234567890123456789012345678901234567890123456789012345678901234567890", false, 0, 0, 0},
};

START_TEST(number)
{
    struct tca_decimal d;
    bool good = tca_decimal_parse(numbers[_i].text, strlen(numbers[_i].text), &d);

    ck_assert_msg(good == numbers[_i].good, "%s", numbers[_i].text);
    if (good)
        ck_assert_msg(
            d.negative == numbers[_i].negative && d.whole == numbers[_i].whole && d.part == numbers[_i].part,
            "%s: %llu %llu", numbers[_i].text, (unsigned long long)d.whole, (unsigned long long)d.part);
}
END_TEST

/* ---- all of it ---- */

static char scratch[64] = "/tmp/test_diff.XXXXXX";

static void enter(void)
{
    strcpy(scratch, "/tmp/test_diff.XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(scratch));
    ck_assert_int_eq(chdir(scratch), 0);
}

static void leave(void)
{
    static const char *const file[] = {"a.csv",          "b.csv",         "A/flows.csv",
                                       "A/counters.csv", "A/summary.txt", "A/run.csv",
                                       "B/flows.csv",    "B/odd.csv",     "B/run.csv"};
    static const char *const folder[] = {"A/folder.csv", "A", "B", "C"};

    for (int i = 0; i < ROWS(file); i++)
        unlink(file[i]);
    for (int i = 0; i < ROWS(folder); i++)
        rmdir(folder[i]);
    ck_assert_int_eq(chdir("/"), 0);
    rmdir(scratch);
}

int main(void)
{
    Suite *suite = suite_create("diff");
    TCase *one[] = {add_case(suite, "differences", difference, ROWS(rows)),
                    add_case(suite, "the other way round", symmetric, ROWS(rows)),
                    add_case(suite, "a file with itself", same_file_twice, ROWS(rows)),
                    add_case(suite, "faults", fault, ROWS(faults)),
                    add_case(suite, "a zero byte", zero_byte, 1),
                    add_case(suite, "many rows", many_rows, 1),
                    add_case(suite, "one key", one_key, 1),
                    add_case(suite, "an endless row", endless_row, 1),
                    add_case(suite, "a long key", long_key, 1),
                    add_case(suite, "stopped", stopped, 1),
                    add_case(suite, "folders", folders, 1)};

    for (int i = 0; i < ROWS(one); i++) {
        tcase_add_checked_fixture(one[i], enter, leave);
        tcase_set_timeout(one[i], 30);
    }
    add_case(suite, "numbers", number, ROWS(numbers));
    return run_suite(suite);
}
