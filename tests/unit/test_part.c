/* SPDX-License-Identifier: MIT
 *
 * Parts as an embedder uses them, and as somebody may send them who means no good: what was saved and taken in tells what one
 * session would have told; of a file in which a byte is not what it was nothing is taken; and one that was made on purpose, with
 * checksums that are right, may tell what it likes but reads nothing beyond its bounds (the sanitizers watch).
 */
#include "engine/part.h"
#include "engine/partfile.h"
#include "files.h"
#include "pieces.h"
#include "suite.h"
#include "table.h"
#include "wire.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <tcpautopsy/part.h>
#include <tcpautopsy/plan.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* Several of each kind: with trouble, refused, over IPv6, in disorder, and SYNs that are all of their flow. */
static const char script[] = "flow A 10.0.0.2:40000 10.0.0.1:80 isn=4294967000 peer_isn=4294967200\n"
                             "flow B 10.0.0.3:40001 10.0.0.1:81\n"
                             "flow C [fd00::2]:40002 [fd00::1]:80\n"
                             "flow D 10.0.0.2:40003 10.0.0.9:80\n"
                             "flow E 10.0.0.4:40004 10.0.0.9:80\n"
                             "flow F 10.0.0.5:40005 10.0.0.9:80\n"
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
                             "+0.001 E > S\n"
                             "+0.001 F > S\n"
                             "+0.001 C < SA\n"
                             "+0.001 C > A\n"
                             "+0.001 C > PA len=300\n"
                             "+0.300 C > PA len=300 seq=1\n"
                             "+0.600 C > PA len=300 seq=1\n"
                             "+0.100 A > FA\n"
                             "+0.010 A < FA\n"
                             "+0.001 A > A\n"
                             "2.100  D > S\n"
                             "+0.100 C < FA\n"
                             "+0.001 C > FA\n"
                             "+0.001 C < A\n"
                             "4.200  D > S\n";

/* ---- helpers ---- */

static char folder[40];

/* In memory where there is such a place: parts are synced, some thousand of them here. */
static void enter(void)
{
    snprintf(folder, sizeof folder, "%s/tcpautopsy-test-XXXXXX",
             access("/dev/shm", W_OK) ? "/tmp" : "/dev/shm");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(chdir(folder), 0);
}

static void leave(void)
{
    struct names names;
    ck_assert(names_list(".", &names));
    for (size_t at = 0; at < names.count; at++)
        unlink(names.name[at]);
    names_done(&names);
    ck_assert_int_eq(chdir("/"), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}

static void feed_text(struct tca_session *session, const char *name, const char *text)
{
    struct wire wire;
    struct wire_error words;
    struct tca_error error = {0};
    size_t count;

    ck_assert_msg(wire_parse("script", text, strlen(text), &wire, &words) == 0, "%s", words.text);
    struct tca_record *records = wire_records(&wire, &count);
    ck_assert_ptr_nonnull(records);
    const struct tca_record early = records[6]; /* data, and what acknowledges it, in the wrong order */
    records[6] = records[7];
    records[7] = early;
    records[7].frame = records[6].frame--;
    ck_assert_int_eq(tca_session_capture_begin(session, name, &error), 0);
    ck_assert_int_eq(tca_session_feed(session, records, count, &error), 0);
    ck_assert_int_eq(tca_session_capture_end(session, &error), 0);
    free(records);
    wire_done(&wire);
}

static void feed(struct tca_session *session, const char *name)
{
    feed_text(session, name, script);
}

/* A tca_told_fn. */
static void tell_nothing(void *user, const char *capture, int code, const struct tca_error *error)
{
    (void)user;
    ck_assert_msg(!code, "%s: %s", capture, error->text);
}

/* So many that with the least memory their flows are not kept, and go to the spool as numbers (engine/lone.c). */
static void feed_flood(struct tca_session *session)
{
    enum { SYNS = 60 };
    struct tca_buf text = {0};

    for (int at = 0; at < SYNS; at++)
        tca_buf_fmt(&text, "flow F%d 10.1.0.%d:5000 10.0.0.9:80\n%s F%d > S\n", at, at, at ? "+0.060" : "0",
                    at);
    feed_text(session, "flood", tca_buf_text(&text));
    tca_buf_done(&text);
}

static void write_records(const char *path, const struct tca_record *record, size_t count)
{
    struct bytes out = {0};

    put_capture_header(&out, (uint32_t)record->link);
    for (size_t at = 0; at < count; at++) {
        put_u32(&out, (uint32_t)(record[at].time_ns / 1000000000));
        put_u32(&out, (uint32_t)(record[at].time_ns % 1000000000 / 1000));
        put_u32(&out, record[at].captured);
        put_u32(&out, record[at].original);
        put(&out, record[at].bytes, record[at].captured);
    }
    ck_assert(file_write(path, out.at, out.count));
    free(out.at);
}

/* The script in nine files that are numbered through, one of which is missing: p1 ... p4 p6 ... p9. */
static void feed_series(struct tca_session *session)
{
    enum { PIECES = 9, LOST = 5 };
    struct tca_inputs *inputs = NULL;
    struct tca_plan *plan = NULL;
    const struct tca_plan_settings set = {0};
    struct tca_error error = {0};
    struct wire wire;
    struct wire_error words;
    size_t count;

    ck_assert_int_eq(wire_parse("script", script, strlen(script), &wire, &words), 0);
    struct tca_record *records = wire_records(&wire, &count);
    ck_assert_int_eq(tca_inputs_new(&inputs), 0);
    for (size_t piece = 1; piece <= PIECES; piece++) {
        char name[] = "p1";
        size_t from = count * (piece - 1) / PIECES, to = count * piece / PIECES;
        name[1] = (char)('0' + piece);
        if (piece == LOST)
            continue;
        write_records(name, records + from, to - from);
        ck_assert_int_eq(tca_inputs_add(inputs, name, false, &error), 0);
    }
    ck_assert_int_eq(tca_plan_new(inputs, &set, &plan, &error), 0);
    ck_assert_uint_eq(tca_plan_items(plan), 1);
    ck_assert_uint_eq(tca_plan_item(plan, 0)->unit->files, PIECES - 1);
    ck_assert(tca_plan_item(plan, 0)->unit->file[LOST - 1].missing);
    ck_assert_int_eq(tca_session_read_item(session, plan, 0, tell_nothing, NULL), 0);
    tca_plan_free(plan);
    tca_inputs_free(inputs);
    free(records);
    wire_done(&wire);
}

/* A capture of this name under the label "l"; `shard` NULL: whole. */
static void save_part(const char *path, const char *name, const char *shard)
{
    struct tca_session *session = open_session(shard ? "shard" : NULL, shard);
    struct tca_error error = {0};

    feed(session, name);
    ck_assert_msg(tca_session_save(session, path, "l", &error) == 0, "%s", error.text);
    tca_session_free(session);
}

/* Every table and text. */
static int say(struct tca_session *session, struct tca_buf *out, struct tca_error *error)
{
    static const char *const table[] = {"flows",    "events",   "listeners", "states",
                                        "counters", "settings", "captures"};
    int code = tca_session_finish(session, error);

    for (size_t at = 0; !code && at < sizeof table / sizeof *table; at++)
        code = tca_session_csv(session, table[at], NULL, write_to_buf, out, error);
    if (!code)
        code = tca_session_summary(session, write_to_buf, out, error);
    return code;
}

static void must_say(struct tca_session *session, struct tca_buf *out)
{
    struct tca_error error = {0};

    ck_assert_msg(say(session, out, &error) == 0, "%s", error.text);
    ck_assert_uint_gt(out->used, 1000);
}

static void same_bytes(const struct tca_buf *a, const struct tca_buf *b)
{
    size_t at = 0;

    while (at < a->used && at < b->used && a->bytes[at] == b->bytes[at])
        at++;
    ck_assert_msg(a->used == b->used && at == a->used, "byte %zu: '%.60s' is not '%.60s'", at,
                  at < a->used ? a->bytes + at : "", at < b->used ? b->bytes + at : "");
}

static int load(struct tca_session *session, const char *one, const char *two, const char *three,
                struct tca_error *error)
{
    const char *const path[] = {one, two, three};
    return tca_session_load(session, path, three ? 3 : two ? 2 : 1, error);
}

/* What one says that is to be refused: with this code, and these words among others. */
static void refused(const char *one, const char *two, const char *three, int code, const char *words)
{
    struct tca_session *session = open_session(NULL, NULL);
    struct tca_error error = {0};

    ck_assert_int_eq(load(session, one, two, three, &error), code);
    ck_assert_int_eq(error.code, code);
    ck_assert_msg(strstr(error.text, words) != NULL, "'%s' has no '%s'", error.text, words);
    ck_assert_int_eq(tca_session_finish(session, NULL), code);
    tca_session_free(session);
}

static void read_whole(const char *path, struct tca_buf *out)
{
    ck_assert(file_read(path, out));
}

/* ---- what was read apart is told together ---- */

static const struct {
    const char *why;
    unsigned shares;
} ways[] = {{"a part", 1}, {"two shares", 2}, {"five shares, some of which have nothing", 5}};

START_TEST(apart_and_together)
{
    struct tca_session *one = open_session(NULL, NULL), *parts = open_session(NULL, NULL);
    struct tca_buf told = {0}, merged = {0};
    struct tca_error error = {0};
    char name[5][24];
    const char *path[5];
    unsigned shares = ways[_i].shares;

    enter();
    feed(one, "a");
    feed(one, "b");
    feed(one, "c");
    must_say(one, &told);
    feed(parts, "a"); /* what was read here stands before what is taken in */
    for (unsigned share = 0; share < shares; share++) {
        char shard[32];
        path[share] = name[share];
        snprintf(shard, sizeof shard, "%u/%u", (share + 1) % shares + 1, shares);
        snprintf(name[share], sizeof name[share], "%u.part", share);
        save_part(path[share], "b", shares > 1 ? shard : NULL);
    }
    save_part("c.part", "c", NULL);
    ck_assert_msg(tca_session_load(parts, path, shares, &error) == 0, "%s: %s", ways[_i].why, error.text);
    ck_assert_int_eq(load(parts, "c.part", NULL, NULL, &error), 0);
    must_say(parts, &merged);
    same_bytes(&told, &merged);
    tca_buf_done(&told);
    tca_buf_done(&merged);
    tca_session_free(one);
    tca_session_free(parts);
    leave();
}
END_TEST

START_TEST(nothing_at_all)
{
    struct tca_session *empty = open_session(NULL, NULL), *parts = open_session(NULL, NULL);
    struct tca_error error = {0};
    struct tca_part_about about;
    struct tca_buf out = {0};

    enter();
    ck_assert_int_eq(tca_session_save(empty, "e.part", "", NULL), 0);
    ck_assert_int_eq(tca_part_read_about("e.part", &about, &error), 0);
    ck_assert_uint_eq(about.captures + about.packets + about.flows, 0);
    ck_assert_int_eq(load(parts, "e.part", NULL, NULL, &error), 0);
    ck_assert_int_eq(say(parts, &out, &error), 0);
    tca_buf_done(&out);
    tca_session_free(empty);
    tca_session_free(parts);
    leave();
}
END_TEST

START_TEST(says_what_it_is)
{
    struct tca_session *session = open_session("shard", "2/3");
    struct tca_error error = {0};
    struct tca_part_about about;
    char label[TCA_PART_LABEL_MAX + 2];

    enter();
    memset(label, 'x', sizeof label);
    label[TCA_PART_LABEL_MAX + 1] = '\0';
    feed(session, "a");
    feed(session, "b");
    ck_assert_int_eq(tca_session_save(session, "a.part", label, &error), TCA_EUSAGE);
    label[TCA_PART_LABEL_MAX] = '\0';
    tca_session_interrupt(session);
    ck_assert_int_eq(tca_session_save(session, "a.part", label, &error), 0);
    ck_assert_int_eq(tca_part_read_about("a.part", &about, &error), 0);
    ck_assert_uint_eq(about.share, 2);
    ck_assert_uint_eq(about.shares, 3);
    ck_assert_uint_eq(about.captures, 2);
    ck_assert_uint_eq(about.packets, 50);
    ck_assert_uint_lt(about.flows, 12);
    ck_assert(about.interrupted);
    ck_assert_str_eq(about.label, label);
    tca_session_free(session);
    save_part("b.part", "b", NULL);
    ck_assert_int_eq(tca_part_read_about("b.part", &about, &error), 0);
    ck_assert(!about.interrupted);
    ck_assert_uint_eq(about.flows, 6);
    ck_assert_uint_eq(about.share + about.shares, 2);
    ck_assert_str_eq(about.label, "l");
    leave();
}
END_TEST

/* ---- what cannot be done ---- */

static void usage(int code, const struct tca_error *error)
{
    ck_assert_int_eq(code, TCA_EUSAGE);
    ck_assert_int_eq(error->code, TCA_EUSAGE);
    ck_assert_uint_gt(strlen(error->text), 0);
}

START_TEST(no_saving)
{
    struct tca_session *session = open_session(NULL, NULL);
    struct tca_error error = {0};
    struct stat st;

    enter();
    save_part("a.part", "a", NULL);
    tca_session_capture_begin(session, "b", &error);
    usage(tca_session_save(session, "b.part", "", &error), &error);
    tca_session_capture_end(session, &error);
    ck_assert_int_eq(tca_session_save(session, "missing/b.part", "", &error), TCA_EOUTPUT);
    ck_assert_uint_gt(strlen(error.text), 0);
    ck_assert_int_eq(tca_session_save(session, "/dev/null", "", &error), TCA_EOUTPUT);
    ck_assert_int_eq(stat("/dev/null", &st), 0);
    ck_assert(!S_ISREG(st.st_mode));
    ck_assert_int_eq(tca_session_save(session, "b.part", "", &error), 0);
    usage(tca_session_save(session, "b.part", "", &error), &error);
    usage(tca_session_capture_begin(session, "b", &error), &error);
    usage(tca_session_finish(session, &error), &error);
    usage(load(session, "a.part", NULL, NULL, &error), &error);
    tca_session_free(session);
    session = open_session("trace", "true");
    usage(tca_session_save(session, "c.part", "", &error), &error);
    tca_session_free(session);
    session = open_session(NULL, NULL);
    ck_assert_int_eq(load(session, "a.part", NULL, NULL, &error), 0);
    usage(tca_session_save(session, "c.part", "", &error), &error);
    ck_assert_int_eq(tca_session_finish(session, &error), 0);
    usage(tca_session_save(session, "c.part", "", &error), &error);
    tca_session_free(session);
    ck_assert(!file_exists("c.part"));
    leave();
}
END_TEST

/* Whoever meets what a killed run left knows it by that. */
START_TEST(locked_while_written)
{
    struct tca_partfile_writer *file = NULL;
    struct tca_error error = {0};
    struct names names;

    enter();
    ck_assert_int_eq(tca_partfile_create("a.part", tca_part_form(), &file, &error), 0);
    ck_assert(names_list(".", &names));
    ck_assert_uint_eq(names.count, 1);
    const char *name = names.name[0];
    ck_assert_uint_eq(strlen(name), strlen("a.part.XXXXXX.tmp"));
    ck_assert_int_eq(strncmp(name, "a.part.", 7), 0);
    ck_assert_str_eq(name + 13, ".tmp");
    int again = open(name, O_RDWR);
    ck_assert_int_eq(flock(again, LOCK_EX | LOCK_NB), -1);
    ck_assert_int_eq(errno, EWOULDBLOCK);
    ck_assert_int_eq(tca_partfile_end(file, 0, &error), 0);
    ck_assert_int_eq(flock(again, LOCK_EX | LOCK_NB), 0);
    ck_assert(file_exists("a.part") && !file_exists(name));
    close(again);
    names_done(&names);
    leave();
}
END_TEST

START_TEST(no_loading)
{
    static const char *const setting[][2] = {{"trace", "true"}, {"shard", "1/2"}};
    struct tca_error error = {0};
    struct tca_session *session;

    enter();
    save_part("a.part", "a", NULL);
    for (unsigned at = 0; at < 2; at++) {
        session = open_session(setting[at][0], setting[at][1]);
        usage(load(session, "a.part", NULL, NULL, &error), &error);
        tca_session_free(session);
    }
    session = open_session(NULL, NULL);
    usage(tca_session_load(session, NULL, 0, &error), &error);
    tca_session_capture_begin(session, "b", &error);
    usage(load(session, "a.part", NULL, NULL, &error), &error);
    tca_session_capture_end(session, &error);
    ck_assert_int_eq(load(session, "a.part", NULL, NULL, NULL), 0);
    ck_assert_int_eq(tca_session_finish(session, &error), 0);
    usage(load(session, "a.part", NULL, NULL, &error), &error);
    usage(tca_session_explain(session, "frame=1", true, NULL, NULL, &error), &error);
    ck_assert_ptr_nonnull(strstr(error.text, "part"));
    tca_session_free(session);
    leave();
}
END_TEST

START_TEST(no_parts)
{
    enter();
    ck_assert(file_write("empty", "", 0));
    ck_assert(file_write("short", "tcapart\n", 8));
    ck_assert(file_write("other", script, sizeof script));
    refused("missing", NULL, NULL, TCA_EINPUT, "missing: ");
    refused("empty", NULL, NULL, TCA_EINPUT, "empty: ");
    refused("short", NULL, NULL, TCA_EINPUT, "too short");
    refused("other", NULL, NULL, TCA_EINPUT, "no part");
    refused("/", NULL, NULL, TCA_EINPUT, "no part");
    refused("/dev/null", NULL, NULL, TCA_EINPUT, "no part");
    leave();
}
END_TEST

START_TEST(wrong_shares)
{
    struct tca_session *session = open_session("memory", "1M");
    struct tca_error error = {0};

    enter();
    save_part("a", "a", NULL);
    save_part("a1", "a", "1/2");
    save_part("a2", "a", "2/2");
    save_part("a3", "a", "2/3");
    save_part("b2", "b", "2/2");
    refused("a1", NULL, NULL, TCA_EINPUT, "a1: share 2/2 is missing");
    refused("a2", NULL, NULL, TCA_EINPUT, "a2: share 1/2 is missing");
    refused("a1", "a1", NULL, TCA_EINPUT, "a1: share 1/2 is there twice");
    refused("a1", "a2", "a2", TCA_EINPUT, "a2: share 2/2 is there twice");
    refused("a", "a", NULL, TCA_EINPUT, "a: share 1/1 is there twice");
    refused("a1", "a3", NULL, TCA_EINPUT, "a3: not of the same captures");
    refused("a1", "a", NULL, TCA_EINPUT, "a: not of the same captures");
    refused("a1", "b2", NULL, TCA_EINPUT, "b2: not of the same captures");
    refused("a1", "missing", NULL, TCA_EINPUT, "missing: ");
    feed(session, "a"); /* a whole one, which is a share by its head below */
    ck_assert_int_eq(tca_session_save(session, "m", "", &error), 0);
    tca_session_free(session);
    leave();
}
END_TEST

START_TEST(other_settings)
{
    struct tca_settings *set = tca_settings_new();
    struct tca_session *session = NULL;
    struct tca_error error = {0};

    enter();
    save_part("a1", "a", "1/2");
    ck_assert_int_eq(tca_settings_set(set, "shard", "2/2", &error), 0);
    ck_assert_int_eq(tca_settings_set(set, "memory", "1M", &error), 0);
    ck_assert_int_eq(tca_session_open(set, &session, &error), 0);
    feed(session, "a");
    ck_assert_int_eq(tca_session_save(session, "m2", "", &error), 0);
    refused("a1", "m2", NULL, TCA_EINPUT, "m2: read with other settings");
    tca_session_free(session);
    tca_settings_free(set);
    leave();
}
END_TEST

/* ---- damage ---- */

enum { HEAD = 72, FORMAT_AT = 12, FORM_AT = 16, VERSION_AT = 32 }; /* docs/parts.md */

static int load_bytes(const struct tca_buf *bytes, struct tca_error *error)
{
    struct tca_session *session = open_session(NULL, NULL);

    ck_assert(file_write("x.part", bytes->bytes, bytes->used));
    int code = load(session, "x.part", NULL, NULL, error);
    tca_session_free(session);
    return code;
}

/* Sanitized, a session takes its time: then some of the bytes. */
#ifdef TCA_CHECK_WAYS
enum { STRIDE = 61 };
#else
enum { STRIDE = 7 };
#endif

START_TEST(any_byte)
{
    struct tca_buf bytes = {0};
    struct tca_error error;

    enter();
    save_part("a.part", "a", NULL);
    read_whole("a.part", &bytes);
    ck_assert_int_eq(load_bytes(&bytes, &error), 0);
    for (size_t at = 0; at < bytes.used; at += at < 2 * HEAD ? 1 : STRIDE) {
        bytes.bytes[at] ^= 0x10;
        int code = load_bytes(&bytes, &error);
        ck_assert_msg(code == TCA_EINPUT, "byte %zu: %d", at, code);
        bytes.bytes[at] ^= 0x10;
    }
    tca_buf_done(&bytes);
    leave();
}
END_TEST

START_TEST(any_end)
{
    struct tca_buf bytes = {0};
    struct tca_error error;

    enter();
    save_part("a.part", "a", NULL);
    read_whole("a.part", &bytes);
    const size_t whole = bytes.used;
    for (bytes.used = 1; bytes.used < whole; bytes.used += STRIDE) {
        ck_assert_int_eq(load_bytes(&bytes, &error), TCA_EINPUT);
        ck_assert_int_eq(tca_part_read_about("x.part", &(struct tca_part_about){0}, &error), TCA_EINPUT);
        ck_assert_msg(bytes.used < HEAD || strstr(error.text, "cut short"), "%s", error.text);
    }
    bytes.used = whole;
    tca_buf_add(&bytes, "12345678", 8);
    ck_assert_int_eq(load_bytes(&bytes, &error), TCA_EINPUT);
    tca_buf_done(&bytes);
    leave();
}
END_TEST

static const struct {
    const char *why;
    size_t at;
    const char *words;
} others[] = {{"another format", FORMAT_AT, "another build"},
              {"another form", FORM_AT, "another build"},
              {"another version", VERSION_AT, "another version"}};

START_TEST(other_program)
{
    struct tca_buf bytes = {0};
    struct tca_error error;

    enter();
    save_part("a.part", "a", NULL);
    read_whole("a.part", &bytes);
    bytes.bytes[others[_i].at]++;
    if (others[_i].at == VERSION_AT)
        bytes.bytes[FORM_AT]++; /* which follows from it */
    uint64_t check = XXH3_64bits(bytes.bytes, HEAD - sizeof check);
    memcpy(bytes.bytes + HEAD - sizeof check, &check, sizeof check);
    ck_assert_msg(load_bytes(&bytes, &error) == TCA_EUNSUPPORTED, "%s: %s", others[_i].why, error.text);
    ck_assert_msg(strstr(error.text, others[_i].words) != NULL, "%s", error.text);
    tca_buf_done(&bytes);
    leave();
}
END_TEST

START_TEST(other_machine)
{
    struct tca_buf bytes = {0};
    struct tca_error error;

    enter();
    save_part("a.part", "a", NULL);
    read_whole("a.part", &bytes);
    for (int at = 0; at < 2; at++) {
        char kept = bytes.bytes[8 + at];
        bytes.bytes[8 + at] = bytes.bytes[11 - at];
        bytes.bytes[11 - at] = kept;
    }
    ck_assert_int_eq(load_bytes(&bytes, &error), TCA_EUNSUPPORTED);
    ck_assert_ptr_nonnull(strstr(error.text, "byte order"));
    tca_buf_done(&bytes);
    leave();
}
END_TEST

/* ---- made on purpose ---- */

static uint64_t chance(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

struct change {
    enum tca_part_kind kind;
    uint64_t *state;
    unsigned one_in; /* items of that kind */
    void (*alter)(const struct change *c, uint8_t *bytes, size_t size);
};

/* A few bytes are others. */
static void change_bytes(const struct change *c, uint8_t *bytes, size_t size)
{
    for (unsigned times = 1 + (unsigned)(chance(c->state) % 4); times && size; times--) {
        uint64_t what = chance(c->state);
        size_t at = (size_t)(what >> 8) % size;
        unsigned value = what & 0x80   ? (unsigned)what
                         : what & 0x40 ? UINT8_MAX
                                       : bytes[at] ^ 1u << (what & 7);
        bytes[at] = (uint8_t)value;
    }
}

/* The same items, but for some, in a file of which all checksums are right. How many there are of that kind. */
static unsigned write_changed(const char *from, const char *to, const struct change *c)
{
    struct tca_partfile_reader *in = NULL;
    struct tca_partfile_writer *out = NULL;
    struct tca_part_item item;
    struct tca_error error;
    unsigned count = 0;
    int got;

    ck_assert_int_eq(tca_partfile_open(from, tca_part_form(), &in, &error), 0);
    ck_assert_int_eq(tca_partfile_create(to, tca_part_form(), &out, &error), 0);
    while ((got = tca_partfile_next(in, &item, &error)) > 0) {
        uint8_t *copy = malloc(item.size);
        count += item.kind == c->kind;
        memcpy(copy, item.bytes, item.size);
        if (item.kind == c->kind && chance(c->state) % c->one_in == 0)
            c->alter(c, copy, item.size);
        ck_assert_int_eq(tca_partfile_put(out, item.kind, copy, item.size, NULL, 0), 0);
        free(copy);
    }
    ck_assert_int_eq(got, 0);
    ck_assert_int_eq(tca_partfile_end(out, 0, &error), 0);
    tca_partfile_close(in);
    return count;
}

static const struct {
    const char *why;
    enum tca_part_kind kind;
    unsigned one_in;
} hostile[] = {{"about", TCA_PART_ABOUT, 1},         {"captures", TCA_PART_CAPTURE, 1},
               {"models", TCA_PART_MODEL, 2},        {"dossiers", TCA_PART_DOSSIER, 40},
               {"streams", TCA_PART_STREAM, 60},     {"hints", TCA_PART_HINTS, 1},
               {"mended frames", TCA_PART_MOVED, 1}, {"files", TCA_PART_FILE, 4},
               {"runs", TCA_PART_RUNS, 1},           {"gaps", TCA_PART_GAP, 1}};

static void save_all(const char *path)
{
    struct tca_session *session = open_session("memory", "1M");

    feed(session, "a");
    feed_flood(session);
    feed_series(session);
    ck_assert_int_eq(tca_session_save(session, path, "l", NULL), 0);
    tca_session_free(session);
}

/* Whatever is there instead: it is refused, or told. */
START_TEST(made_on_purpose)
{
#ifdef TCA_CHECK_WAYS
    enum { TIMES = 100 };
#else
    enum { TIMES = 300 };
#endif
    uint64_t state = UINT64_C(0x9e3779b97f4a7c15) + (uint64_t)_i;
    const struct change change = {hostile[_i].kind, &state, hostile[_i].one_in, change_bytes};
    unsigned told = 0, rejected = 0;

    enter();
    save_all("a.part");
    for (int time = 0; time < TIMES; time++) {
        struct tca_session *session = open_session("memory", "1M");
        struct tca_error error = {0};
        struct tca_buf out = {0};
        ck_assert_msg(write_changed("a.part", "x.part", &change), "%s: there are none", hostile[_i].why);
        int code = load(session, "x.part", NULL, NULL, &error);
        ck_assert_msg(code == 0 || code == TCA_EINPUT || code == TCA_EMEMORY, "%d: %s", code, error.text);
        if (!code)
            code = say(session, &out, &error);
        told += !code;
        rejected += code != 0;
        tca_buf_done(&out);
        tca_session_free(session);
    }
    ck_assert_msg(hostile[_i].kind == TCA_PART_HINTS || hostile[_i].kind == TCA_PART_MOVED || rejected,
                  "%s: nothing was refused", hostile[_i].why);
    ck_assert_msg(hostile[_i].kind == TCA_PART_ABOUT || told, "%s: all was refused", hostile[_i].why);
    leave();
}
END_TEST

static unsigned sent_far;

/* Of a SYN that is all of its stream: { capture u32, sequence number u32, frame u64, ... }. */
static void send_far(const struct change *c, uint8_t *bytes, size_t size)
{
    enum { SINGLE = 32, FRAME_AT = 8 };
    const uint64_t last = UINT64_C(1) << 36;

    (void)c;
    if (size != SINGLE)
        return;
    memcpy(bytes + FRAME_AT, &last, sizeof last);
    sent_far++;
}

static long resident_kib(void)
{
    struct rusage used;

    ck_assert_int_eq(getrusage(RUSAGE_SELF, &used), 0);
    return used.ru_maxrss;
}

/* The memory for streams follows from how many there are, whatever the numbers of their frames. */
START_TEST(frames_far_away)
{
    enum { MOST_KIB = 64 << 10 };
    uint64_t state = 1;
    const struct change change = {TCA_PART_STREAM, &state, 1, send_far};
    struct tca_session *session = open_session(NULL, NULL);
    struct tca_error error = {0};
    struct tca_buf out = {0};

    enter();
    save_part("a.part", "a", NULL);
    write_changed("a.part", "x.part", &change);
    ck_assert_uint_gt(sent_far, 0);
    long before = resident_kib();
    ck_assert_msg(load(session, "x.part", NULL, NULL, &error) == 0, "%s", error.text);
    ck_assert_msg(say(session, &out, &error) == 0, "%s", error.text);
    ck_assert_int_lt(resident_kib() - before, MOST_KIB);
    tca_buf_done(&out);
    tca_session_free(session);
    leave();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("part");
    TCase *tc = add_case(suite, "together", apart_and_together, ROWS(ways));

    tcase_add_test(tc, nothing_at_all);
    tcase_add_test(tc, says_what_it_is);
    tc = tcase_create("refused");
    tcase_add_test(tc, no_saving);
    tcase_add_test(tc, locked_while_written);
    tcase_add_test(tc, no_loading);
    tcase_add_test(tc, no_parts);
    tcase_add_test(tc, wrong_shares);
    tcase_add_test(tc, other_settings);
    tcase_add_test(tc, other_machine);
    suite_add_tcase(suite, tc);
    add_case(suite, "other programs", other_program, ROWS(others));
    tc = tcase_create("damaged");
    tcase_add_test(tc, any_byte);
    tcase_add_test(tc, any_end);
    tcase_set_timeout(tc, 60);
    suite_add_tcase(suite, tc);
    tcase_set_timeout(add_case(suite, "made on purpose", made_on_purpose, ROWS(hostile)), 60);
    add_case(suite, "frames far away", frames_far_away, 1);
    return run_suite(suite);
}
