/* SPDX-License-Identifier: MIT
 *
 * The plan: which files are one capture, in which order, and what is missing between them. Files are written as their names and
 * the times of their records, and the plan is read as text:
 *
 *      [a1 a2 !a4] [b*]         two items; a4 has a gap before it; b was not looked into
 *      [a1 a2 | c]              two units of one item
 */
#include <dirent.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utime.h>

#include "capture/unpack.h"
#include "pieces.h"
#include "plan/name.h"
#include "suite.h"

#include <tcpautopsy/plan.h>

enum { FILES = 14 };

static char folder[] = "/tmp/tca_test_plan_XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[8][400];
    static unsigned turn;
    char *at = path[turn++ % 8];
    snprintf(at, sizeof path[0], "%s/%s", folder, name);
    return at;
}

/* ---- files ---- */

/* "100-900/50": 50 TCP segments from the 100th to the 900th second, the same wherever they are told alike; "x100-900/50": of
 * this file alone; "u100-900/50": not TCP; several of them, in any order. "": no record; "?": no capture. "~" first: of another link
 * type, raw IP. */
static void put_segment(struct bytes *out, bool raw, long ms, uint32_t seq)
{
    uint8_t packet[54] = {
        [12] = 8, [14] = 0x45, [17] = 40, [22] = 64, [23] = 6, [26] = 10, [29] = 1, [30] = 10, [33] = 2};
    const unsigned from = raw ? 14 : 0, size = sizeof packet - from;
    memcpy(packet + 34, (uint8_t[]){0x30, 0x39, 0, 80}, 4);
    memcpy(packet + 38, &seq, sizeof seq);
    packet[46] = 0x50;
    packet[47] = 0x10;
    put_u32(out, (uint32_t)(ms / 1000));
    put_u32(out, (uint32_t)(ms % 1000 * 1000));
    put_u32(out, size);
    put_u32(out, size);
    put(out, packet + from, size);
}

static void put_capture(struct bytes *out, const char *spec, unsigned file)
{
    bool raw = *spec == '~';
    uint32_t number = 0;
    int used;
    spec += raw;
    put_capture_header(out, raw ? 101 : PIECE_LINK);
    while (*spec) {
        long from, to, count;
        char kind = *spec == 'x' || *spec == 'u' ? *spec++ : 0;
        if (sscanf(spec, "%ld-%ld/%ld%n", &from, &to, &count, &used) == 3)
            spec += used;
        else {
            ck_assert_int_eq(sscanf(spec, "%ld%n", &from, &used), 1);
            spec += used;
            to = from;
            count = 1;
        }
        for (long at = 0; at < count; at++) {
            long ms = count > 1 ? 1000 * from + 1000 * (to - from) * at / (count - 1) : 1000 * from;
            if (kind == 'u')
                put_piece_record(out, ms, 'u', ++number);
            else
                put_segment(out, raw, ms, (uint32_t)ms * 2654435761u + (kind == 'x' ? file + 1 : 0));
        }
        while (*spec == ' ')
            spec++;
    }
}

struct entry {
    const char *name, *spec; /* "FOLDER/NAME" is made with its folder; ARCHIVE.tar//MEMBER goes into that */
};

static void make_folders(const char *name)
{
    char path[400];
    snprintf(path, sizeof path, "%s", in_folder(name));
    for (char *at = path + strlen(folder) + 1; (at = strchr(at, '/')); *at++ = '/') {
        *at = '\0';
        mkdir(path, 0700);
    }
}

static void put_entry(struct bytes *out, const struct entry *entry, unsigned number)
{
    if (*entry->spec == '?')
        put(out, "something else", 14);
    else
        put_capture(out, entry->spec, number);
}

static void compress(const char *path)
{
    char command[900];
    snprintf(command, sizeof command, "gzip -nc < '%s' > '%s.part' && mv '%s.part' '%s'", path, path, path,
             path);
    ck_assert_int_eq(system(command), 0);
}

/* Members of a tar stand together in the list. */
static unsigned make_tar(const struct entry *entry)
{
    struct bytes out = {0};
    char name[100];
    unsigned count = 0;
    size_t length = (size_t)(strstr(entry->name, "//") - entry->name);
    snprintf(name, sizeof name, "%.*s", (int)length, entry->name);
    for (; count < FILES && entry[count].name && !strncmp(entry[count].name, name, length); count++) {
        struct bytes one = {0};
        put_entry(&one, &entry[count], count + 100);
        put_member(&out, entry[count].name + length + 2, &one);
        free(one.at);
    }
    put_tar_end(&out);
    make_folders(name);
    save(in_folder(name), &out);
    return count;
}

static unsigned make_file(const struct entry *entry, unsigned number)
{
    struct bytes out = {0};
    size_t length = strlen(entry->name);
    if (strstr(entry->name, "//"))
        return make_tar(entry);
    make_folders(entry->name);
    put_entry(&out, entry, number);
    save(in_folder(entry->name), &out);
    if (length > 3 && !strcmp(entry->name + length - 3, ".gz"))
        compress(in_folder(entry->name));
    return 1;
}

/* ---- plans ---- */

static void add(char *text, size_t room, const char *more)
{
    snprintf(text + strlen(text), room - strlen(text), "%s", more);
}

static void tell_unit(char *text, size_t room, const struct tca_plan_unit *unit)
{
    for (size_t at = 0; at < unit->files; at++) {
        const struct tca_plan_file *file = &unit->file[at];
        char words[400];
        snprintf(words, sizeof words, "%s%s%s%s", at ? " " : "", file->missing ? "!" : "",
                 file->name + strlen(folder) + 1, file->number ? "" : "*");
        add(text, room, words);
    }
    ck_assert_ptr_nonnull(unit->why);
    ck_assert_str_ne(unit->why, "");
}

static void tell_plan(char *text, size_t room, const struct tca_plan *plan)
{
    *text = '\0';
    for (size_t item = 0; item < tca_plan_items(plan); item++) {
        const struct tca_plan_item *one = tca_plan_item(plan, item);
        add(text, room, item ? " [" : "[");
        for (size_t unit = 0; unit < one->units; unit++) {
            add(text, room, unit ? " | " : "");
            tell_unit(text, room, &one->unit[unit]);
        }
        add(text, room, "]");
    }
}

static struct tca_plan *make_plan(const char *const *path, size_t count, const char *series, int want)
{
    struct tca_inputs *inputs;
    struct tca_plan *plan = NULL;
    struct tca_error error = {.offset = -1};
    const struct tca_plan_settings set = {.series = series};
    ck_assert_int_eq(tca_inputs_new(&inputs), 0);
    for (size_t at = 0; at < count; at++)
        ck_assert_int_eq(tca_inputs_add(inputs, path[at], false, &error), 0);
    int code = tca_plan_new(inputs, &set, &plan, &error);
    tca_inputs_free(inputs); /* the plan does not need them any more */
    ck_assert_msg(code == want, "%d: %s", code, error.text);
    ck_assert_int_eq(code != 0, error.text[0] != '\0');
    return plan;
}

/* ---- rows ---- */

struct row {
    const char *why;
    struct entry file[FILES];
    const char *plan;
    const char *series; /* NULL: auto */
    const char *says;   /* in the words of the first unit; NULL: anything */
};

static const struct row rows[] = {
    {"names that differ in letters",
     {{"a.pcap", "1-9/9"}, {"b.pcap", "10-19/9"}},
     .plan = "[a.pcap*] [b.pcap*]",
     .says = "no other capture here has such a name"},
    {"tcpdump -C: the first has no number, the tenth sorts behind the first",
     {{"f.pcap", "1-9/9"}, {"f.pcap1", "10-19/9"}, {"f.pcap10", "30-39/9"}, {"f.pcap2", "20-29/9"}},
     .plan = "[f.pcap f.pcap1 f.pcap2 f.pcap10]",
     .says = "one after the other in time"},
    {"tcpdump -W: the ring goes on at its first file",
     {{"f0", "40-49/9"}, {"f1", "50-59/9"}, {"f2", "10-19/9"}, {"f3", "20-29/9"}, {"f4", "30-39/9"}},
     .plan = "[f2 f3 f4 f0 f1]"},
    {"tcpdump -W: a piece of the ring is missing",
     {{"f00", "41-49/9"},
      {"f01", "51-59/9"},
      {"f02", "61-69/9"},
      {"f07", "1-9/9"},
      {"f09", "21-29/9"},
      {"f10", "31-39/9"}},
     .plan = "[f07 !f09 f10 f00 f01 f02]"},
    {"dumpcap: a counter and a time; one is missing",
     {{"o_00001_20240714120000.pcapng", "1-9/9"},
      {"o_00002_20240714120010.pcapng", "10-19/9"},
      {"o_00003_20240714120020.pcapng", "20-29/9"},
      {"o_00004_20240714120030.pcapng", "30-39/9"},
      {"o_00006_20240714120050.pcapng", "50-59/9"}},
     .plan = "[o_00001_20240714120000.pcapng o_00002_20240714120010.pcapng o_00003_20240714120020.pcapng "
             "o_00004_20240714120030.pcapng !o_00006_20240714120050.pcapng]"},
    {"a number is passed over, but no time",
     {{"o1", "1-9/9"}, {"o2", "9-19/9"}, {"o3", "19-29/9"}, {"o4", "29-39/9"}, {"o6", "39-49/9"}},
     .plan = "[o1 o2 o3 o4 o6]"},
    {"too few numbers count for anything",
     {{"o1", "1-9/9"}, {"o2", "11-19/9"}, {"o4", "31-39/9"}},
     .plan = "[o1 o2 o4]"},
    {"a piece without packets is there",
     {{"o1", "1-9/9"},
      {"o2", "11-19/9"},
      {"o3", "21-29/9"},
      {"o4", ""},
      {"o5", "41-49/9"},
      {"o6", "51-59/9"}},
     .plan = "[o1 o2 o3 o5 o6 o4]"},
    {"netsniff-ng: seconds count nothing, an idle link writes no file",
     {{"dump-1720958470.pcap", "1720958470-1720958471/20"},
      {"dump-1720958471.pcap", "1720958471-1720958472/20"},
      {"dump-1720958472.pcap", "1720958472-1720958473/20"},
      {"dump-1720958473.pcap", "1720958473-1720958474/20"},
      {"dump-1720958475.pcap", "1720958475-1720958476/20"}},
     .plan = "[dump-1720958470.pcap dump-1720958471.pcap dump-1720958472.pcap dump-1720958473.pcap "
             "dump-1720958475.pcap]"},
    {"strftime: hours count nothing either",
     {{"c_08.pcap", "28800-32399/20"},
      {"c_09.pcap", "32400-35999/20"},
      {"c_10.pcap", "36000-39599/20"},
      {"c_11.pcap", "39600-43199/20"},
      {"c_13.pcap", "46800-50399/20"}},
     .plan = "[c_08.pcap c_09.pcap c_10.pcap c_11.pcap c_13.pcap]"},
    {"strftime: past midnight",
     {{"c_22.pcap", "79200-82799/20"},
      {"c_23.pcap", "82800-86399/20"},
      {"c_00.pcap", "86400-89999/20"},
      {"c_01.pcap", "90000-93599/20"},
      {"c_02.pcap", "93600-97199/20"},
      {"c_04.pcap", "100800-104399/20"}},
     .plan = "[c_22.pcap c_23.pcap c_00.pcap c_01.pcap c_02.pcap c_04.pcap]"},
    {"Suricata: threads side by side",
     {{"log.1.1720958470", "x1-9/30"},
      {"log.1.1720958480", "x10-19/30"},
      {"log.2.1720958471", "x2-8/30"},
      {"log.2.1720958481", "x10-18/30"}},
     .plan = "[log.1.1720958470 log.2.1720958471 log.2.1720958481 log.1.1720958480]",
     .says = "overlap with different segments: merged by time"},
    {"no number counts, but one silence is beyond all others",
     {{"c1720958470", "1-100/200"}, {"c1720959470", "101-200/200"}, {"c1720960470", "400-499/200"}},
     .plan = "[c1720958470 c1720959470 !c1720960470]"},
    {"a silence like others",
     {{"c1720958470", "1-50/100 80-100/100"}, {"c1720959470", "200-300/200"}},
     .plan = "[c1720958470 c1720959470]"},
    {"two silences, none beyond the other",
     {{"c1720958470", "1-100/200"}, {"c1720959470", "301-400/200"}, {"c1720960470", "600-699/200"}},
     .plan = "[c1720958470 c1720959470 c1720960470]"},
    {"pieces of a few packets know no usual silence",
     {{"c1720958470", "1"}, {"c1720959470", "20"}, {"c1720960470", "400"}},
     .plan = "[c1720958470 c1720959470 c1720960470]"},
    {"two views of one traffic", {{"eth0", "1-9/50"}, {"eth1", "1-9/50"}}, .plan = "[eth0] [eth1]"},
    {"two hosts, a ring each",
     {{"h1_01", "1-10/50"},
      {"h1_02", "11-20/50"},
      {"h1_03", "21-30/50"},
      {"h2_01", "1-10/50"},
      {"h2_02", "11-20/50"},
      {"h2_03", "21-30/50"}},
     .plan = "[h1_01 h1_02 h1_03] [h2_01 h2_02 h2_03]"},
    {"a view that loses packets, and sees others beside",
     {{"a1", "1-100/100 x1-100/100"}, {"a2", "1-100/34 x1-100/30"}},
     .plan = "[a1] [a2]"},
    {"side by side, not TCP",
     {{"u1", "u1-9/50"}, {"u2", "u1-9/50"}},
     .plan = "[u1 u2]",
     .says = "too few segments to compare"},
    {"side by side, a few segments",
     {{"u1", "1-9/5"}, {"u2", "1-9/5"}},
     .plan = "[u1 u2]",
     .says = "too few segments to compare"},
    {"a long quiet",
     {{"c1", "1-1000/20"}, {"c2", "1001-2000/20"}, {"c3", "9000-9900/20"}, {"c4", "9901-9999/20"}},
     .plan = "[c1 c2] [c3 c4]"},
    {"a quiet longer than an hour, within longer files",
     {{"c1", "1-5000/20"}, {"c2", "9000-9900/20"}},
     .plan = "[c1 c2]"},
    {"another link type",
     {{"c1", "1-9/20"}, {"c2", "~10-19/20"}, {"c3", "20-29/20"}},
     .plan = "[c1 c3] [c2]",
     .says = "; others of its name have another link type"},
    {"no captures, nothing at all",
     {{"c1", "1-9/20"}, {"c2", "?"}, {"c3", "10-19/20"}},
     .plan = "[c1 c3] [c2*]"},
    {"of equal times, in the order of their numbers",
     {{"c10", "5"}, {"c9", "5"}, {"c8", "4-5/9"}},
     .plan = "[c8 c9 c10]"},
    {"empty ones", {{"c1", ""}, {"c2", ""}}, .plan = "[c1] [c2]", .says = "no packet"},
    {"folders",
     {{"x/c1", "1-9/20"}, {"y/c2", "10-19/20"}, {"x/c3", "20-29/20"}},
     .plan = "[x/c1 x/c3] [y/c2*]"},
    {"each alone",
     {{"c1", "1-9/20"}, {"c2", "10-19/20"}},
     .plan = "[c1*] [c2*]",
     .series = "each",
     .says = "as asked for"},
    {"all in one",
     {{"b", "10-19/20"}, {"x/a", "1-9/20"}, {"c", "15-29/20"}},
     .plan = "[x/a b c]",
     .series = "one",
     .says = "one series, as asked for, merged by time"},
};

static const struct row packed_rows[] = {
    {"compressed ones among others",
     {{"c1.gz", "1-9/20"}, {"c2", "10-19/20"}, {"c10.gz", "20-29/20"}},
     .plan = "[c1.gz c2 c10.gz]"},
    {"an archive of captures that have nothing to do with each other",
     {{"m.tar//a", "1-9/20"}, {"m.tar//b", "1-9/20"}, {"c2", "10-19/20"}},
     .plan = "[m.tar*] [c2*]",
     .says = "no capture belongs to another"},
    {"a series in an archive, and a capture of another name",
     {{"m.tar//c2", "10-19/20"}, {"m.tar//other", "1-9/20"}, {"m.tar//c1", "1-9/20"}},
     .plan = "[m.tar/c1 m.tar/c2 | m.tar/other]"},
    {"a series in and beside an archive, in a folder of its own there",
     {{"m.tar//old/c2", "10-19/20"}, {"m.tar//old/c1", "1-9/20"}, {"c3.gz", "20-29/20"}, {"c4", "30-39/20"}},
     .plan = "[m.tar/old/c1 m.tar/old/c2 c3.gz c4]"},
    {"two folders in an archive",
     {{"m.tar//h1/c1", "1-9/20"}, {"m.tar//h2/c2", "10-19/20"}, {"m.tar//h1/c3", "20-29/20"}},
     .plan = "[m.tar/h1/c1 m.tar/h1/c3 | m.tar/h2/c2]"},
    {"a series over two archives, and an input between them",
     {{"m1.tar//c1", "1-9/20"}, {"x", "1"}, {"m2.tar//c2", "10-19/20"}, {"m2.tar//z", "10-19/20"}},
     .plan = "[m1.tar/c1 m2.tar/c2 | m2.tar/z] [x*]"},
    {"two views in an archive",
     {{"m.tar//c1", "1-9/50"}, {"m.tar//c2", "1-9/50"}, {"c3", "10-19/20"}},
     .plan = "[m.tar/c1 c3 | m.tar/c2]"},
    {"no capture in it", {{"m.tar//a", "?"}, {"c2", "10-19/20"}}, .plan = "[m.tar*] [c2*]"},
    {"all in one, archives too",
     {{"m.tar//b", "10-19/20"}, {"m.tar//x/a", "1-9/20"}, {"c", "20-29/20"}},
     .plan = "[m.tar/x/a m.tar/b c]",
     .series = "one"},
};

static size_t make_files(const struct row *row, char path[FILES][400])
{
    size_t count = 0;
    for (unsigned at = 0; at < FILES && row->file[at].name;) {
        unsigned members = make_file(&row->file[at], at);
        const char *stop = strstr(row->file[at].name, "//");
        size_t length = stop ? (size_t)(stop - row->file[at].name) : strlen(row->file[at].name);
        snprintf(path[count++], 400, "%s/%.*s", folder, (int)length, row->file[at].name);
        at += members;
    }
    return count;
}

static void clean(void)
{
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'/*", folder);
    ck_assert_int_eq(system(command), 0);
}

/* In another order of arguments, and written in another order: the same units. */
static void check_units_alike(const struct row *row, const struct tca_plan *plan, const char *const *path,
                              size_t count)
{
    const char *other[FILES];
    char one[2000], two[2000];
    for (size_t at = 0; at < count; at++) {
        const struct utimbuf times = {.actime = 1000 + (long)at, .modtime = 9000 - (long)at};
        other[at] = path[count - 1 - at];
        ck_assert_int_eq(utime(path[at], &times), 0);
    }
    struct tca_plan *again = make_plan(other, count, row->series, 0);
    ck_assert_uint_eq(tca_plan_items(again), tca_plan_items(plan));
    for (size_t item = 0; item < tca_plan_items(plan); item++)
        for (size_t unit = 0; unit < tca_plan_item(plan, item)->units; unit++) {
            bool found = false;
            *one = '\0';
            tell_unit(one, sizeof one, &tca_plan_item(plan, item)->unit[unit]);
            for (size_t at = 0; at < tca_plan_items(again); at++)
                for (size_t its = 0; its < tca_plan_item(again, at)->units; its++) {
                    *two = '\0';
                    tell_unit(two, sizeof two, &tca_plan_item(again, at)->unit[its]);
                    found |= !strcmp(one, two);
                }
            ck_assert_msg(found, "%s: %s is not planned in another order", row->why, one);
        }
    tca_plan_free(again);
}

static void check_row(const struct row *row)
{
    char path[FILES][400], text[4000];
    const char *list[FILES];
    clean();
    size_t count = make_files(row, path);
    for (size_t at = 0; at < count; at++)
        list[at] = path[at];
    struct tca_plan *plan = make_plan(list, count, row->series, 0);
    tell_plan(text, sizeof text, plan);
    ck_assert_msg(!strcmp(text, row->plan), "%s: %s", row->why, text);
    const char *says = tca_plan_item(plan, 0)->unit[0].why;
    ck_assert_msg(!row->says || strstr(says, row->says), "%s: says %s", row->why, says);
    check_units_alike(row, plan, list, count);
    tca_plan_free(plan);
}

static void check_packed_row(const struct row *row)
{
    if (tca_unpack_is_there())
        check_row(row);
}

ROW_TEST(plans, check_row, &rows[_i])
ROW_TEST(plans_packed, check_packed_row, &packed_rows[_i])

/* ---- names ---- */

struct name_row {
    const char *name, *stem;
    unsigned runs;
    uint64_t last; /* value of the last run */
};

static const struct name_row name_rows[] = {
    {"f.pcap", "f.pcap", 0, 0},
    {"f.pcap10", "f.pcap", 1, 10},
    {"f07.pcap.gz", "f.pcap", 1, 7},
    {"f07.pcap.bz2", "f.pcap", 1, 7},
    {"f07.lz4", "f", 1, 7},
    {"out_00001_20240714120117.pcapng.zst", "out__.pcapng", 2, 20240714120117},
    {"2024-07-14T12:01:17Z.pcap", "--T::Z.pcap", 6, 17},
    {"99999999999999999999999", "", 1, UINT64_MAX},
    {"1a2b3c4d5e6f7g8h9i", "abcdefghi", 8, 8},
    {".gz", ".gz", 0, 0},
    {"", "", 0, 0},
};

static void check_name(const struct name_row *row)
{
    struct tca_name_run run[TCA_NAME_RUNS];
    struct tca_buf stem = {0};
    tca_name_stem(row->name, &stem);
    ck_assert_str_eq(tca_buf_text(&stem), row->stem);
    ck_assert_uint_eq(tca_name_runs(row->name, run), row->runs);
    if (row->runs)
        ck_assert_uint_eq(run[row->runs - 1].value, row->last);
    tca_buf_done(&stem);
}

ROW_TEST(names, check_name, &name_rows[_i])

/* In their order. */
static const char *const ordered[] = {"",
                                      "a",
                                      "a0",
                                      "a00",
                                      "a01",
                                      "a1",
                                      "a2",
                                      "a9",
                                      "a10",
                                      "a10b",
                                      "a11",
                                      "a99999999999999999999",
                                      "a100000000000000000000",
                                      "ab"};

START_TEST(names_in_order)
{
    for (int other = 0; other < ROWS(ordered); other++) {
        int order = tca_name_compare(ordered[_i], ordered[other]);
        ck_assert_msg((order > 0) - (order < 0) == (_i > other) - (_i < other), "%s, %s: %d", ordered[_i],
                      ordered[other], order);
    }
}
END_TEST

/* ---- figures, ids, refusals ---- */

START_TEST(figures)
{
    static const struct entry file[] = {{"c1", "1-9/20"}, {"c2", "12-19/20"}, {"c3", "18-29/20"}};
    const char *list[3];
    clean();
    for (unsigned at = 0; at < 3; at++) {
        make_file(&file[at], at);
        list[at] = strdup(in_folder(file[at].name));
    }
    struct tca_plan *plan = make_plan(list, 3, NULL, 0);
    const struct tca_plan_item *item = tca_plan_item(plan, 0);
    const struct tca_plan_file *one = item->unit->file;
    ck_assert_uint_eq(item->unit->files, 3);
    ck_assert_uint_eq(one[0].packets, 20);
    ck_assert_int_eq(one[0].first_ns, 1000000000);
    ck_assert_int_eq(one[0].last_ns, 9000000000);
    ck_assert_int_eq(one[0].quiet_ns, 0);
    ck_assert_int_eq(one[1].quiet_ns, 3000000000);
    ck_assert_int_eq(one[2].quiet_ns, -1000000000);
    ck_assert_uint_eq(one[0].bytes, 24 + 20 * (16 + 54));
    ck_assert_uint_eq(item->bytes, 3 * one[0].bytes);
    tca_plan_free(plan);
    for (unsigned at = 0; at < 3; at++)
        free((char *)(uintptr_t)list[at]);
}
END_TEST

static uint64_t id_of(const char *const *path, size_t count, const char *series)
{
    struct tca_plan *plan = make_plan(path, count, series, 0);
    uint64_t id = tca_plan_item(plan, 0)->id;
    tca_plan_free(plan);
    return id;
}

/* An id stands for what would be read. */
START_TEST(ids)
{
    char one[400], other[400];
    clean();
    make_file(&(struct entry){"c1", "1-9/20"}, 0);
    make_file(&(struct entry){"c2", "10-19/20"}, 1);
    snprintf(one, sizeof one, "%s", in_folder("c1"));
    snprintf(other, sizeof other, "%s", in_folder("c2"));
    const char *list[2] = {one, other};
    const struct utimbuf times = {.actime = 1, .modtime = 5};
    ck_assert_int_eq(utime(one, &times), 0);
    uint64_t id = id_of(list, 2, NULL);
    ck_assert_uint_eq(id_of(list, 2, NULL), id);
    ck_assert_uint_ne(id_of(list, 1, NULL), id);
    ck_assert_uint_ne(id_of(list, 2, "each"), id);
    const struct utimbuf later = {.actime = 1, .modtime = 6};
    ck_assert_int_eq(utime(one, &later), 0);
    ck_assert_uint_ne(id_of(list, 2, NULL), id);
    ck_assert_int_eq(utime(one, &times), 0);
    ck_assert_uint_eq(id_of(list, 2, NULL), id);
    make_file(&(struct entry){"c1", "2-9/20"}, 0);
    ck_assert_int_eq(utime(one, &times), 0);
    ck_assert_uint_ne(id_of(list, 2, NULL), id);
}
END_TEST

START_TEST(one_refuses)
{
    char one[400], other[400];
    clean();
    make_file(&(struct entry){"c1", "1-9/20"}, 0);
    make_file(&(struct entry){"c2", "~10-19/20"}, 1);
    snprintf(one, sizeof one, "%s", in_folder("c1"));
    snprintf(other, sizeof other, "%s", in_folder("c2"));
    const char *list[2] = {one, other};
    ck_assert_ptr_null(make_plan(list, 2, "one", TCA_EUSAGE));
    list[1] = "-";
    ck_assert_ptr_null(make_plan(list, 2, "one", TCA_EUSAGE));
}
END_TEST

/* A pipe is not opened, and what is not there is in the plan. */
START_TEST(what_cannot_be_looked_into)
{
    char pipe[400], gone[400], text[2000];
    clean();
    snprintf(pipe, sizeof pipe, "%s", in_folder("c1"));
    snprintf(gone, sizeof gone, "%s", in_folder("c2"));
    ck_assert_int_eq(mkfifo(pipe, 0600), 0);
    const char *list[3] = {pipe, gone, pipe};
    struct tca_plan *plan = make_plan(list, 3, NULL, 0);
    tell_plan(text, sizeof text, plan);
    ck_assert_str_eq(text, "[c1*] [c2*] [c1*]");
    ck_assert_str_eq(tca_plan_item(plan, 0)->unit->why, "not looked into: no file");
    tca_plan_free(plan);
}
END_TEST

START_TEST(interrupted)
{
    char one[400], other[400];
    struct tca_inputs *inputs;
    struct tca_plan *plan = NULL;
    struct tca_error error;
    const volatile sig_atomic_t stop = 1;
    const struct tca_plan_settings set = {.stop = &stop};
    clean();
    make_file(&(struct entry){"c1", "1-9/20"}, 0);
    make_file(&(struct entry){"c2", "10-19/20"}, 1);
    snprintf(one, sizeof one, "%s", in_folder("c1"));
    snprintf(other, sizeof other, "%s", in_folder("c2"));
    ck_assert_int_eq(tca_inputs_new(&inputs), 0);
    ck_assert_int_eq(tca_inputs_add(inputs, one, false, &error), 0);
    ck_assert_int_eq(tca_inputs_add(inputs, other, false, &error), 0);
    ck_assert_int_eq(tca_plan_new(inputs, &set, &plan, &error), 0);
    ck_assert_uint_eq(tca_plan_items(plan), 2);
    ck_assert_uint_eq(tca_plan_item(plan, 1)->unit->file->number, 0);
    tca_plan_free(plan);
    tca_inputs_free(inputs);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("plan");
    if (!mkdtemp(folder))
        return 1;
    add_case(suite, "names", names, ROWS(name_rows));
    add_case(suite, "names in order", names_in_order, ROWS(ordered));
    add_case(suite, "plans", plans, ROWS(rows));
    add_case(suite, PACKED("plans of what is packed"), plans_packed, ROWS(packed_rows));
    add_case(suite, "figures", figures, 1);
    add_case(suite, "ids", ids, 1);
    add_case(suite, "what cannot be one series", one_refuses, 1);
    add_case(suite, "what cannot be looked into", what_cannot_be_looked_into, 1);
    add_case(suite, "interrupted", interrupted, 1);
    int failed = run_suite(suite);
    char command[100];
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) || failed;
}
