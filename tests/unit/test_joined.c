/* SPDX-License-Identifier: MIT
 *
 * Files as one row of records, and the shelf that they come from: in what order, with which numbers, and what is told of each
 * file; from files, from archives whose members stand in another order, and from both.
 */
#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/joined.h"
#include "capture/unpack.h"
#include "pieces.h"
#include "suite.h"

enum { FILES = 6 };

static char folder[] = "/tmp/tca_test_joined_XXXXXX";

static const char *in_folder(const char *name)
{
    static char path[8][320];
    static unsigned turn;
    char *at = path[turn++ % 8];
    snprintf(at, sizeof path[0], "%s/%s", folder, name);
    return at;
}

/* ---- what came ---- */

struct heard {
    char text[4096]; /* "a1 a2 b1 ..." */
    char ends[2048]; /* "a ok 3, b damaged 1, ..." */
    uint64_t frames;
    volatile sig_atomic_t stop;
};

static void add(char *text, size_t room, const char *more)
{
    snprintf(text + strlen(text), room - strlen(text), "%s%s", *text ? " " : "", more);
}

static void hear_end(void *user, size_t file, int code, const struct tca_source_facts *facts,
                     const struct tca_error *error)
{
    struct heard *heard = user;
    char words[300];
    if (facts)
        snprintf(words, sizeof words, "%c:%s:%llu", (char)('a' + file), tca_source_status_name(facts->status),
                 (unsigned long long)facts->packets);
    else
        snprintf(words, sizeof words, "%c:%d", (char)('a' + file), code);
    ck_assert_int_eq(code != 0 && !facts, error->text[0] != '\0');
    add(heard->ends, sizeof heard->ends, words);
}

static void hear_batch(struct heard *heard, const struct tca_joined_batch *batch)
{
    char words[16];
    ck_assert_uint_gt(batch->count, 0);
    for (size_t at = 0; at < batch->count; at++) {
        const struct tca_record *record = &batch->record[at];
        uint64_t number = record->frame - batch->ahead;
        ck_assert_uint_eq(record->frame, ++heard->frames);
        ck_assert_uint_eq(record->captured, PIECE_BYTES);
        ck_assert_uint_eq(record->bytes[0], 'a' + batch->file);
        ck_assert_uint_eq(record->bytes[1] | record->bytes[2] << 8 | record->bytes[3] << 16, number);
        snprintf(words, sizeof words, "%c%llu", record->bytes[0], (unsigned long long)number);
        add(heard->text, sizeof heard->text, words);
    }
}

static void listen_to(struct tca_shelf *shelf, const struct tca_plan_unit *unit,
                      const struct tca_source_settings *set, const char *stop_at, struct heard *heard)
{
    struct tca_joined *joined = NULL;
    struct tca_joined_batch batch;
    int got;
    ck_assert_int_eq(tca_joined_open(shelf, unit, set, hear_end, heard, &joined), 0);
    while ((got = tca_joined_next(joined, &batch)) > 0) {
        hear_batch(heard, &batch);
        if (stop_at && strstr(heard->text, stop_at))
            heard->stop = 1;
    }
    ck_assert_int_eq(got, 0);
    ck_assert_int_eq(tca_joined_next(joined, &batch), 0);
    tca_joined_close(joined);
}

/* ---- rows ---- */

/* Files a, b, c ...; "!": cannot be opened; "?": no capture. */
struct row {
    const char *why;
    const char *file[FILES];
    long first_ms[FILES]; /* as the plan says, where it is not the first record's time */
    uint64_t max;
    const char *stop_at;
    const char *records, *ends;
};

static const struct row rows[] = {
    {"one behind the other",
     {"1 2", "3 4", "5"},
     .records = "a1 a2 b1 b2 c1",
     .ends = "a:ok:2 b:ok:2 c:ok:1"},
    {"the last time of one is the first of the next",
     {"1 2", "2 2", "2 3"},
     .records = "a1 a2 b1 b2 c1 c2",
     .ends = "a:ok:2 b:ok:2 c:ok:2"},
    {"an overlap, equal times in the order of files",
     {"1 3 5 7", "3 4 5 9"},
     .records = "a1 a2 b1 b2 a3 b3 a4 b4",
     .ends = "a:ok:4 b:ok:4"},
    {"one inside another", {"1 9", "2 3", "4"}, .records = "a1 b1 b2 c1 a2", .ends = "b:ok:2 c:ok:1 a:ok:2"},
    {"three at once",
     {"1 4 7", "2 5 8", "3 6 9"},
     .records = "a1 b1 c1 a2 b2 c2 a3 b3 c3",
     .ends = "a:ok:3 b:ok:3 c:ok:3"},
    {"the records of a file keep their order",
     {"1 5 2 6", "3 4"},
     .first_ms = {1, 3},
     .records = "a1 b1 b2 a2 a3 a4",
     .ends = "b:ok:2 a:ok:4"},
    {"an empty file between, its time not known",
     {"1 2", "", "3"},
     .first_ms = {1, -1, 3},
     .records = "a1 a2 c1",
     .ends = "b:ok:0 a:ok:2 c:ok:1"},
    {"one that cannot be opened", {"1 2", "!", "3"}, .records = "a1 a2 c1", .ends = "a:ok:2 b:-3 c:ok:1"},
    {"one that is no capture any more",
     {"1", "?", "3"},
     .records = "a1 c1",
     .ends = "a:ok:1 b:damaged:0 c:ok:1"},
    {"one that begins earlier than it was planned",
     {"5 6", "1 2 9"},
     .first_ms = {1, 5},
     .records = "a1 b1 b2 a2 b3",
     .ends = "a:ok:2 b:ok:3"},
    {"as many records as wanted, over files",
     {"1 2 3", "4 5 6", "7"},
     .max = 4,
     .records = "a1 a2 a3 b1",
     .ends = "a:ok:3 b:ok:1 c:0"},
    {"as many as wanted, of two side by side",
     {"1 3 5 7", "2 4 6 8", "9"},
     .max = 3,
     .records = "a1 b1 a2",
     .ends = "a:ok:2 b:ok:1 c:0"},
    {"as many as there are in the first", {"1 2", "3"}, .max = 2, .records = "a1 a2", .ends = "a:ok:2 b:0"},
    {"interrupted between files",
     {"1 2", "3 4", "5"},
     .stop_at = "a2",
     .records = "a1 a2",
     .ends = "a:interrupted:2 b:0 c:0"},
    {"interrupted where two are open",
     {"1 3 5", "2 4 6"},
     .stop_at = "b1",
     .records = "a1 b1",
     .ends = "a:interrupted:1 b:interrupted:1"},
};

static void make_unit(const struct row *row, struct tca_plan_file *file, struct tca_plan_unit *unit)
{
    *unit = (struct tca_plan_unit){.file = file};
    for (; unit->files < FILES && row->file[unit->files]; unit->files++) {
        size_t at = unit->files;
        const char *times = row->file[at];
        struct bytes out = {0};
        char name[8] = {(char)('a' + at)};
        long first = strchr("!?", *times) ? (long)at + 1 : strtol(times, NULL, 10);
        file[at] = (struct tca_plan_file){.name = strdup(in_folder(name)), .number = 1};
        file[at].path = file[at].name;
        file[at].first_ns =
            row->first_ms[at] < 0 ? -1 : (row->first_ms[at] ? row->first_ms[at] : first) * 1000000;
        unlink(file[at].path);
        if (*times == '!')
            continue;
        if (*times == '?')
            put(&out, "something else", 14);
        else
            put_piece(&out, times, (char)('a' + at));
        save(file[at].path, &out);
    }
}

static void free_unit(struct tca_plan_unit *unit)
{
    for (size_t at = 0; at < unit->files; at++)
        free((char *)(uintptr_t)unit->file[at].name);
}

static void check_row(const struct row *row)
{
    struct tca_plan_file file[FILES];
    struct tca_plan_unit unit;
    struct heard heard = {0};
    struct tca_source_settings set = {.max_records = row->max, .stop = &heard.stop};
    struct tca_shelf *shelf = NULL;
    make_unit(row, file, &unit);
    struct tca_plan_item item = {.unit = &unit, .units = 1};
    ck_assert_int_eq(tca_shelf_new(&item, 0, folder, &heard.stop, &shelf), 0);
    listen_to(shelf, &unit, &set, row->stop_at, &heard);
    tca_shelf_free(shelf);
    free_unit(&unit);
    ck_assert_msg(!strcmp(heard.text, row->records), "%s: records %s", row->why, heard.text);
    ck_assert_msg(!strcmp(heard.ends, row->ends), "%s: ends %s", row->why, heard.ends);
}

ROW_TEST(joins, check_row, &rows[_i])

/* ---- many ---- */

/* Records of a file that count up by a step: longer than a batch, so that sources are asked often. */
static void put_long_piece(struct bytes *out, char letter, long first, long step, uint32_t count)
{
    put_capture_header(out, PIECE_LINK);
    for (uint32_t number = 1; number <= count; number++)
        put_piece_record(out, first + step * (long)(number - 1), letter, number);
}

struct counted {
    uint64_t records, ended, late;
    int64_t last_ns;
};

static void count_end(void *user, size_t file, int code, const struct tca_source_facts *facts,
                      const struct tca_error *error)
{
    struct counted *counted = user;
    (void)file, (void)error;
    ck_assert_int_eq(code, 0);
    ck_assert_ptr_nonnull(facts);
    counted->ended++;
    counted->late += strstr(facts->message, "opened late") != NULL;
}

static void count_unit(const struct tca_plan_unit *unit, struct counted *counted, bool ordered)
{
    struct tca_plan_item item = {.unit = unit, .units = 1};
    struct tca_shelf *shelf = NULL;
    struct tca_joined *joined = NULL;
    struct tca_joined_batch batch;
    const struct tca_source_settings set = {0};
    ck_assert_int_eq(tca_shelf_new(&item, 0, folder, NULL, &shelf), 0);
    ck_assert_int_eq(tca_joined_open(shelf, unit, &set, count_end, counted, &joined), 0);
    while (tca_joined_next(joined, &batch) > 0)
        for (size_t at = 0; at < batch.count; at++) {
            ck_assert_uint_eq(batch.record[at].frame, ++counted->records);
            if (ordered)
                ck_assert_int_ge(batch.record[at].time_ns, counted->last_ns);
            counted->last_ns = batch.record[at].time_ns;
        }
    tca_joined_close(joined);
    tca_shelf_free(shelf);
}

START_TEST(long_files_overlap)
{
    struct tca_plan_file file[3] = {0};
    struct counted counted = {0};
    for (int at = 0; at < 3; at++) {
        char name[16];
        struct bytes out = {0};
        snprintf(name, sizeof name, "long%d", at);
        put_long_piece(&out, (char)('a' + at), 100 * at, at + 1, 3000);
        file[at] = (struct tca_plan_file){.name = in_folder(name), .number = 1, .first_ns = 100000000LL * at};
        file[at].path = file[at].name;
        save(file[at].path, &out);
    }
    const struct tca_plan_unit unit = {.file = file, .files = 3};
    count_unit(&unit, &counted, true);
    ck_assert_uint_eq(counted.records, 9000);
    ck_assert_uint_eq(counted.ended, 3);
    ck_assert_uint_eq(counted.late, 0);
}
END_TEST

/* All begin at once and last as long: no more than 256 can be open. */
START_TEST(too_many_overlap)
{
    enum { MANY = 260, WITHIN = 256 };
    struct tca_plan_file *file = calloc(MANY, sizeof *file);
    struct counted counted = {0};
    char name[16], path[128];
    for (int at = 0; at < MANY; at++) {
        struct bytes out = {0};
        snprintf(name, sizeof name, "many%d", at);
        snprintf(path, sizeof path, "%s", in_folder(name));
        file[at] = (struct tca_plan_file){.name = strdup(path), .number = 1, .first_ns = at};
        file[at].path = file[at].name;
        put_piece(&out, "10 20", 'a');
        save(path, &out);
    }
    const struct tca_plan_unit unit = {.file = file, .files = MANY};
    count_unit(&unit, &counted, false);
    ck_assert_uint_eq(counted.records, 2 * MANY);
    ck_assert_uint_eq(counted.ended, MANY);
    ck_assert_uint_eq(counted.late, MANY - WITHIN);
    for (int at = 0; at < MANY; at++) {
        unlink(file[at].path);
        free((char *)(uintptr_t)file[at].name);
    }
    free(file);
}
END_TEST

/* ---- archives ---- */

/* A tar with members d, x (no capture), a, c, b; wanted in the order of letters, or others. */
static const char *make_tar(void)
{
    static const struct {
        const char *name, *times;
        char letter;
    } member[] = {{"d.pcap", "40 41", 'd'},
                  {"x.txt", NULL, 0},
                  {"a.pcap", "10 11", 'a'},
                  {"c.pcap", "30 31", 'c'},
                  {"b.pcap", "20 21", 'b'}};
    const char *path = in_folder("m.tar");
    struct bytes out = {0};
    for (size_t at = 0; at < sizeof member / sizeof *member; at++) {
        struct bytes one = {0};
        if (member[at].times)
            put_piece(&one, member[at].times, member[at].letter);
        else
            put(&one, "words", 5);
        put_member(&out, member[at].name, &one);
        free(one.at);
    }
    put_tar_end(&out);
    save(path, &out);
    return path;
}

/* Numbers of captures in the tar: d 1, a 2, c 3, b 4. */
struct tar_row {
    const char *why;
    uint64_t number[FILES];
    long first_ms[FILES];
    const char *letters; /* of these files */
    const char *records, *ends;
};

static const struct tar_row tar_rows[] = {
    {"in the archive's order", {1, 2, 3, 4}, {40, 50, 60, 70}, "dacb", "d1 d2 a1 a2 c1 c2 b1 b2", ""},
    {"in the order of time", {2, 4, 3, 1}, {10, 20, 30, 40}, "abcd", "a1 a2 b1 b2 c1 c2 d1 d2", ""},
    {"some of them", {4, 1}, {20, 40}, "bd", "b1 b2 d1 d2", ""},
    {"side by side", {2, 4, 3, 1}, {1, 2, 3, 4}, "abcd", "a1 a2 b1 b2 c1 c2 d1 d2", ""},
    {"one more than there are", {2, 9}, {10, 40}, "a", "a1 a2", "b:-3"},
    {"one of them twice", {2, 2}, {10, 10}, "aa", "a1 a1 a2 a2", ""},
};

/* The letters are the members', not the files' of the unit. */
static void hear_members(void *user, const struct tca_joined_batch *batch)
{
    struct heard *heard = user;
    char words[16];
    for (size_t at = 0; at < batch->count; at++) {
        ck_assert_uint_eq(batch->record[at].frame, ++heard->frames);
        snprintf(words, sizeof words, "%c%u", batch->record[at].bytes[0], batch->record[at].bytes[1]);
        add(heard->text, sizeof heard->text, words);
    }
}

static void note_fault(void *user, size_t file, int code, const struct tca_source_facts *facts,
                       const struct tca_error *error)
{
    struct heard *heard = user;
    if (!facts || facts->status != TCA_SOURCE_ok)
        hear_end(heard, file, code, facts, error);
}

static void check_tar(const struct tar_row *row)
{
    struct tca_plan_file file[FILES];
    struct tca_plan_unit unit = {.file = file};
    struct tca_plan_item item = {.unit = &unit, .units = 1};
    struct heard heard = {0};
    struct tca_joined_batch batch;
    struct tca_shelf *shelf = NULL;
    struct tca_joined *joined = NULL;
    const struct tca_source_settings set = {0};
    const char *path = make_tar();
    if (!tca_unpack_is_there())
        return;
    for (; unit.files < FILES && row->number[unit.files]; unit.files++)
        file[unit.files] = (struct tca_plan_file){.name = path,
                                                  .path = path,
                                                  .number = row->number[unit.files],
                                                  .first_ns = row->first_ms[unit.files] * 1000000};
    ck_assert_int_eq(tca_shelf_new(&item, 0, folder, NULL, &shelf), 0);
    ck_assert_int_eq(tca_joined_open(shelf, &unit, &set, note_fault, &heard, &joined), 0);
    while (tca_joined_next(joined, &batch) > 0)
        hear_members(&heard, &batch);
    tca_joined_close(joined);
    tca_shelf_free(shelf);
    ck_assert_msg(!strcmp(heard.text, row->records), "%s: records %s", row->why, heard.text);
    ck_assert_msg(!strcmp(heard.ends, row->ends), "%s: ends %s", row->why, heard.ends);
}

ROW_TEST(takes_members, check_tar, &tar_rows[_i])

static unsigned descriptors(void)
{
    unsigned count = 0;
    DIR *dir = opendir("/proc/self/fd");
    ck_assert_ptr_nonnull(dir);
    while (readdir(dir))
        count++;
    closedir(dir);
    return count;
}

/* A member that is being read when another one is asked for: what was read of it stays, what was not follows. */
START_TEST(readers_of_one_archive)
{
    enum { LONG = 20000, SHORT = 3 };
    struct bytes tar = {0}, one = {0}, other = {0};
    const char *path = in_folder("long.tar");
    put_long_piece(&one, 'a', 0, 2, LONG);
    put_long_piece(&other, 'b', 1, 2, LONG);
    put_member(&tar, "a", &one);
    put_member(&tar, "b", &other);
    put_tar_end(&tar);
    save(path, &tar);
    free(one.at);
    free(other.at);
    if (!tca_unpack_is_there())
        return;
    unsigned before = descriptors();
    struct tca_plan_file file[2] = {{.name = path, .path = path, .number = 1, .first_ns = 0},
                                    {.name = path, .path = path, .number = 2, .first_ns = 1000000}};
    const struct tca_plan_unit unit = {.file = file, .files = 2};
    struct counted counted = {0};
    count_unit(&unit, &counted, true);
    ck_assert_uint_eq(counted.records, 2 * LONG);
    ck_assert_uint_eq(counted.ended, 2);
    ck_assert_uint_eq(descriptors(), before);
}
END_TEST

/* A tar that is cut inside its last member: that one is read as far as libarchive gives it, in whatever order it is asked
 * for. */
START_TEST(a_cut_archive)
{
    enum { LONG = 5000, READ = 3276, WHOLE = 2 };
    static const uint64_t order[][2] = {{1, 2}, {2, 1}};
    static const char *const ends[] = {"a:ok:2 b:truncated:3276", "a:truncated:3276 b:ok:2"};
    struct bytes tar = {0}, one = {0}, other = {0};
    const char *path = in_folder("cut.tar");
    put_piece(&one, "10 11", 'a');
    put_long_piece(&other, 'b', 20, 1, LONG);
    put_member(&tar, "a", &one);
    put_member(&tar, "b", &other);
    tar.count = 1024 + 512 + 300000;
    free(one.at);
    free(other.at);
    save(path, &tar);
    if (!tca_unpack_is_there())
        return;
    struct tca_plan_file file[2];
    const struct tca_plan_unit unit = {.file = file, .files = 2};
    const struct tca_plan_item item = {.unit = &unit, .units = 1};
    const struct tca_source_settings set = {0};
    struct heard heard = {0};
    struct tca_joined_batch batch;
    struct tca_shelf *shelf = NULL;
    struct tca_joined *joined = NULL;
    for (int at = 0; at < 2; at++)
        file[at] = (struct tca_plan_file){
            .name = path, .path = path, .number = order[_i][at], .first_ns = 100000000000LL * at};
    ck_assert_int_eq(tca_shelf_new(&item, 0, folder, NULL, &shelf), 0);
    ck_assert_int_eq(tca_joined_open(shelf, &unit, &set, hear_end, &heard, &joined), 0);
    while (tca_joined_next(joined, &batch) > 0)
        heard.frames += batch.count;
    tca_joined_close(joined);
    tca_shelf_free(shelf);
    ck_assert_uint_eq(heard.frames, WHOLE + READ);
    ck_assert_str_eq(heard.ends, ends[_i]);
}
END_TEST

static void remove_folder(void)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    while (dir && (entry = readdir(dir)))
        if (entry->d_name[0] != '.')
            unlink(in_folder(entry->d_name));
    closedir(dir);
    rmdir(folder);
}

int main(void)
{
    Suite *suite = suite_create("joined");
    if (!mkdtemp(folder))
        return 1;
    add_case(suite, "files are joined", joins, ROWS(rows));
    add_case(suite, "long files overlap", long_files_overlap, 1);
    add_case(suite, "more overlap than can be open", too_many_overlap, 1);
    add_case(suite, PACKED("members are joined"), takes_members, ROWS(tar_rows));
    add_case(suite, PACKED("two members at once"), readers_of_one_archive, 1);
    add_case(suite, PACKED("a cut archive"), a_cut_archive, 2);
    int failed = run_suite(suite);
    remove_folder();
    return failed;
}
