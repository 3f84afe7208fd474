/* SPDX-License-Identifier: MIT
 *
 * The whole against its pieces, as tests/cli/series.py does it with real captures, which knows more ways to store a piece:
 *
 *     script --> records --> one file    --> a plan of one    --> tables
 *                        --> some files  --> a plan of a series --> tables, mapped: the capture of a piece is the whole, its frame N
 *                                                                   is as many further on as the pieces before it hold
 *
 * Cut is only where all that follows is later than all before: files that overlap in time are read as what was written side by side,
 * in the order of time, which is not the order of a file whose times go backward. tcp_stream is each piece's own.
 */
#include "split.h"
#include "shape.h"
#include "table.h"

#include <stdio.h>
#include <stdlib.h>
#include <tcpautopsy/plan.h>
#include <unistd.h>

/* Descriptors' names count up by one, as those of pieces do: a number that is missing would be a piece that is. */
enum { PIECES_MAX = 8, FIRST_FD = 300, ID_MAX = 400 };

struct split {
    const struct tca_record *record;
    size_t cut[PIECES_MAX + 1], pieces; /* piece N: the records from cut[N] on */
    struct fuzz_file file[PIECES_MAX];
    const char *table, *column; /* that are looked at, for messages */
};

/* ---- cutting ---- */

/* From each record on the oldest time. */
static void look_ahead(const struct tca_record *record, size_t count, int64_t *ret_oldest_ns)
{
    int64_t oldest_ns = INT64_MAX;

    for (size_t at = count; at--;) {
        oldest_ns = record[at].time_ns < oldest_ns ? record[at].time_ns : oldest_ns;
        ret_oldest_ns[at] = oldest_ns;
    }
}

static void choose_cuts(struct fuzz_bytes *in, const struct tca_record *record, size_t count,
                        struct split *ret_split)
{
    static int64_t oldest_ns[SHAPE_RECORDS_MAX];
    size_t wanted = 1 + fuzz_u8(in) % PIECES_MAX, from = 1 + fuzz_u8(in) % (count / 2 + 1);
    int64_t newest_ns = record[0].time_ns;

    FUZZ_REQUIRE(count <= SHAPE_RECORDS_MAX, "%zu records", count);
    look_ahead(record, count, oldest_ns);
    *ret_split = (struct split){.record = record, .pieces = 1};
    for (size_t at = 1; at < count && ret_split->pieces < wanted; at++) {
        bool later = oldest_ns[at] > newest_ns;
        newest_ns = record[at].time_ns > newest_ns ? record[at].time_ns : newest_ns;
        if (at < from || !later)
            continue;
        ret_split->cut[ret_split->pieces++] = at;
        from = at + 1 + fuzz_u8(in) % (count / 2 + 1);
    }
    ret_split->cut[ret_split->pieces] = count;
}

/* Classic pcap has room for times until 2106, and none for a record without a time. */
static bool fits_pcap(const struct tca_record *record, size_t count)
{
    for (size_t at = 0; at < count; at++)
        if (record[at].timeless || record[at].time_ns < 0 || record[at].time_ns / 1000000000 > UINT32_MAX)
            return false;
    return count > 0;
}

static void add_pcap(struct tca_buf *out, const struct tca_record *record, size_t count)
{
    const uint32_t head[6] = {0xa1b23c4d, 4 << 16 | 2, 0, 0, 262144, (uint32_t)record->link};

    tca_buf_add(out, head, sizeof head);
    for (size_t at = 0; at < count; at++) {
        const struct tca_record *one = &record[at];
        const uint32_t about[4] = {(uint32_t)(one->time_ns / 1000000000),
                                   (uint32_t)(one->time_ns % 1000000000), one->captured, one->original};
        tca_buf_add(out, about, sizeof about);
        tca_buf_add(out, one->bytes, one->captured);
    }
    FUZZ_REQUIRE(!out->failed, "no memory for a file");
}

static void make_file(struct fuzz_file *file, const struct tca_record *record, size_t count, int fd)
{
    struct tca_buf bytes = {0};

    add_pcap(&bytes, record, count);
    fuzz_file_make(file, bytes.bytes, bytes.used);
    tca_buf_done(&bytes);
    FUZZ_REQUIRE(dup2(file->fd, fd) == fd, "no descriptor %d", fd);
    close(file->fd);
    file->fd = fd;
    snprintf(file->path, sizeof file->path, "/proc/self/fd/%d", fd);
}

/* ---- reading ---- */

static void ignore(void *user, const char *capture, int code, const struct tca_error *error)
{
    (void)user;
    FUZZ_REQUIRE(!code, "%s: %d %s", capture, code, error->text);
}

static struct tca_plan *plan_of(const struct fuzz_file *file, size_t count)
{
    const struct tca_plan_settings set = {.series = "one"};
    struct tca_inputs *inputs;
    struct tca_plan *plan;
    struct tca_error error = {0};

    FUZZ_REQUIRE(!tca_inputs_new(&inputs), "no memory");
    for (size_t at = 0; at < count; at++)
        FUZZ_REQUIRE(!tca_inputs_add(inputs, file[at].path, false, &error), "%s", error.text);
    FUZZ_REQUIRE(!tca_plan_new(inputs, &set, &plan, &error), "pieces are no series: %s", error.text);
    FUZZ_REQUIRE(tca_plan_items(plan) == 1, "one series is %zu items", tca_plan_items(plan));
    tca_inputs_free(inputs);
    return plan;
}

static struct tca_session *read_files(const struct tca_plan *plan, bool filtered, const char *jobs)
{
    const char *const setting[] = {"jobs", jobs, "all-states", "true", filtered ? "filter" : NULL,
                                   "tcp",  NULL};
    struct tca_session *session = fuzz_session(setting);
    struct tca_error error = {0};

    FUZZ_REQUIRE(!tca_session_read_item(session, plan, 0, ignore, NULL), "read");
    FUZZ_REQUIRE(!tca_session_finish(session, &error), "finish: %s", error.text);
    return session;
}

/* ---- mapping ---- */

static size_t piece_of(const struct split *split, const char *capture)
{
    const char *slash = capture ? strrchr(capture, '/') : NULL;
    size_t piece = slash ? (size_t)strtoul(slash + 1, NULL, 10) - FIRST_FD : split->pieces;

    FUZZ_REQUIRE(piece < split->pieces, "%s is no piece", capture ? capture : "nothing");
    return piece;
}

static void add_frame(const struct split *split, size_t piece, const char *digits, struct tca_buf *out)
{
    size_t frame = (size_t)strtoul(digits, NULL, 10);

    FUZZ_REQUIRE(piece < split->pieces && frame && frame <= split->cut[piece + 1] - split->cut[piece],
                 "%s, %s: piece %zu has no frame %s", split->table, split->column, piece + 1, digits);
    tca_buf_u64(out, split->cut[piece] + frame);
}

/* `c2f17` and what follows; returns the first byte behind it. NULL: it is no such id. */
static const char *add_spot(const struct split *split, const char *id, struct tca_buf *out)
{
    unsigned piece, frame;
    int used = 0;

    if (sscanf(id, "c%uf%u%n", &piece, &frame, &used) != 2)
        return NULL;
    add_frame(split, piece - 1, strchr(id, 'f') + 1, out);
    return id + used;
}

/* Ids of a list, and whatever is behind each. */
static void add_ids(const struct split *split, const char *text, struct tca_buf *out)
{
    while (*text) {
        size_t used = out->used;
        tca_buf_str(out, "c1f");
        const char *rest = add_spot(split, text, out);
        if (!rest) { /* of a listener */
            out->used = used;
            rest = text;
        }
        size_t more = strcspn(rest, ";");
        tca_buf_add(out, rest, more);
        text = rest + more;
        if (*text)
            tca_buf_char(out, *text++);
    }
}

/* Frames of the row's capture, and those of others, which are named. */
static void add_frames(const struct split *split, size_t own, const char *text, struct tca_buf *out)
{
    while (*text) {
        if (!add_spot(split, text, out))
            add_frame(split, own, text, out);
        text += strcspn(text, ";");
        if (*text)
            tca_buf_char(out, *text++);
    }
}

static bool is_one_of(const char *column, const char *const *list)
{
    for (; *list; list++)
        if (!strcmp(column, *list))
            return true;
    return false;
}

/* As the whole would tell it. False: that is each piece's own. */
static bool map_cell(struct split *split, const struct table *table, size_t row, size_t column,
                     struct tca_buf *out)
{
    static const char *const own[] = {"capture", "last_capture", "tcp_stream", NULL};
    static const char *const ids[] = {"flow_id", "reuse_of", "twin", "attempt_group",
                                      "nat_of",  "event_id", NULL};
    static const char *const frames[] = {"first_frame", "last_frame", "frame", "frames", NULL};
    const char *name = table->name[column], *cell = table->cell[row * table->columns + column];

    split->column = name;
    tca_buf_reset(out);
    if (is_one_of(name, own))
        return false;
    if (is_one_of(name, ids))
        add_ids(split, cell, out);
    else if (is_one_of(name, frames) && cell[0])
        add_frames(
            split,
            piece_of(split, table_cell(table, row, strcmp(name, "last_frame") ? "capture" : "last_capture")),
            cell, out);
    else
        tca_buf_str(out, cell);
    FUZZ_REQUIRE(!out->failed, "no memory for a cell");
    return true;
}

/* ---- comparing ---- */

static void require_row(struct split *split, const struct table *whole, const struct table *pieces,
                        const char *which, size_t row)
{
    struct tca_buf cell = {0};

    for (size_t at = 0; at < whole->columns; at++) {
        const char *expected = whole->cell[row * whole->columns + at];
        if (map_cell(split, pieces, row, at, &cell) && strcmp(tca_buf_text(&cell), expected) != 0)
            fuzz_fail("%s, row %zu, %s: whole %s, in %zu pieces %s", which, row + 1, whole->name[at],
                      expected, split->pieces, tca_buf_text(&cell));
    }
    tca_buf_done(&cell);
}

static void require_table(struct split *split, struct tca_session *one, struct tca_session *other,
                          const char *which)
{
    struct table whole, pieces;

    FUZZ_REQUIRE(!table_read(one, which, &whole, NULL) && !table_read(other, which, &pieces, NULL), "%s",
                 which);
    FUZZ_REQUIRE(!whole.failed && !pieces.failed, "no memory for tables");
    FUZZ_REQUIRE(whole.rows == pieces.rows, "%s: %zu rows, in %zu pieces %zu", which, whole.rows,
                 split->pieces, pieces.rows);
    split->table = which;
    for (size_t row = 0; row < whole.rows; row++)
        require_row(split, &whole, &pieces, which, row);
    table_done(&whole);
    table_done(&pieces);
}

/* What is counted for each file adds up to what is counted for the whole. */
static void require_captures(struct tca_session *one, struct tca_session *other)
{
    struct table whole, pieces;

    FUZZ_REQUIRE(!table_read(one, "captures", &whole, NULL) && !table_read(other, "captures", &pieces, NULL),
                 "captures");
    for (size_t at = 0; at < whole.columns; at++) {
        const char *name = whole.name[at];
        int64_t sum = 0;
        if (strncmp(name, "n_", 2) != 0 && strcmp(name, "packets") != 0 && strcmp(name, "flows") != 0 &&
            strcmp(name, "duplicates") != 0)
            continue;
        for (size_t row = 0; row < pieces.rows; row++)
            sum += table_number(&pieces, row, name);
        FUZZ_REQUIRE(sum == table_number(&whole, 0, name), "captures, %s: whole %lld, in %zu pieces %lld",
                     name, (long long)table_number(&whole, 0, name), pieces.rows, (long long)sum);
    }
    table_done(&whole);
    table_done(&pieces);
}

static void require_same_told(struct split *split, struct tca_session *one, struct tca_session *other)
{
    static const char *const table[] = {"flows", "events", "listeners", "states", "counters", "settings"};

    for (size_t at = 0; at < sizeof table / sizeof *table; at++)
        require_table(split, one, other, table[at]);
    require_captures(one, other);
}

static void compare(struct split *split, bool filtered)
{
    struct fuzz_file file;
    struct tca_plan *plan[2];
    struct tca_session *session[2];

    make_file(&file, split->record, split->cut[split->pieces], FIRST_FD - 1);
    for (size_t at = 0; at < split->pieces; at++)
        make_file(&split->file[at], split->record + split->cut[at], split->cut[at + 1] - split->cut[at],
                  FIRST_FD + (int)at);
    plan[0] = plan_of(&file, 1);
    plan[1] = plan_of(split->file, split->pieces);
    session[0] = read_files(plan[0], filtered, "1");
    session[1] = read_files(plan[1], filtered, "2");
    require_same_told(split, session[0], session[1]);
    for (int at = 0; at < 2; at++) {
        tca_session_free(session[at]);
        tca_plan_free(plan[at]);
    }
    for (size_t at = 0; at < split->pieces; at++)
        fuzz_file_done(&split->file[at]);
    fuzz_file_done(&file);
}

void fuzz_split(struct fuzz_bytes *in, bool filtered)
{
    struct fuzz_bytes places = fuzz_take(in, PIECES_MAX);
    struct shape shape;
    struct split split;

    shape_captures(in, &shape);
    if (fits_pcap(shape.record[0], shape.count[0])) {
        choose_cuts(&places, shape.record[0], shape.count[0], &split);
        compare(&split, filtered);
    }
    shape_done(&shape);
}
