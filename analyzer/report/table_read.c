/* SPDX-License-Identifier: MIT
 *
 * The reader finds where each record ends, by counting quote marks, and hands that record to libcsv in strict mode: so
 * the place of every row is known, and no row is longer than RECORD_MAX bytes whatever the file holds. A record ends with
 * LF, CR LF, CR, or the file; empty lines are no rows. Blanks belong to a cell (RFC 4180), which libcsv would strip if
 * not told otherwise.
 *
 *      file --pread--> window [base, base + used) --record--> libcsv --> text of the cells, one after another
 */
#include "report/table_read.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/extsort.h"
#include "base/fail.h"
#include "base/whole.h"

#include <csv.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    COLUMNS_MAX = 1024,
    RECORD_MAX = 16 << 20,
    STEP = 64 * 1024,      /* read at once, while rows are read in order */
    FIRST_STEP = 8 * 1024, /* ... and after a leap */
};

struct tca_reader {
    int fd;
    struct csv_parser parser;
    /* the window */
    char *bytes; /* owned */
    size_t used, room;
    uint64_t base;
    bool leapt;
    /* the record */
    uint64_t next, begin; /* where the next one begins, at the earliest; where the last one began */
    uint64_t line, begin_line;
    char before; /* the byte before `next`: LF behind CR ends no further line */
    struct tca_buf text;
    size_t offset[COLUMNS_MAX]; /* of each cell in text */
    size_t cells;               /* of the record, also of those that found no place */
    bool zero_byte;
    char **name; /* owned, each as well */
    size_t columns;
};

static int out_of_memory(struct tca_error *error)
{
    return tca_fail_at(error, TCA_EMEMORY, 0, "out of memory");
}

/* ---- libcsv ---- */

static void *grow(void *old, size_t size)
{
    return tca_grow(old, size, 1);
}

static int no_blank(unsigned char c)
{
    (void)c;
    return 0;
}

static void take_cell(void *bytes, size_t count, void *user)
{
    struct tca_reader *r = user;
    if (r->cells < COLUMNS_MAX)
        r->offset[r->cells] = r->text.used;
    r->cells++;
    if (count && memchr(bytes, '\0', count))
        r->zero_byte = true;
    tca_buf_add(&r->text, bytes, count);
    tca_buf_char(&r->text, '\0');
}

static void end_row(int end, void *user)
{
    (void)end;
    (void)user;
}

/* ---- bytes ---- */

/* More of the file behind the window, which begins at `begin` from now on. 1, 0 at the file's end, or a code. */
static int widen(struct tca_reader *r, uint64_t begin, struct tca_error *error)
{
    size_t gone = (size_t)(begin - r->base), want = r->leapt ? FIRST_STEP : STEP;
    if (gone) {
        memmove(r->bytes, r->bytes + gone, r->used - gone);
        r->used -= gone;
    }
    r->base = begin;
    r->leapt = false;
    if (r->room - r->used < want) {
        size_t room = r->used + want > 2 * r->room ? r->used + want : 2 * r->room;
        char *bytes = tca_grow(r->bytes, room, 1);
        if (!bytes)
            return out_of_memory(error);
        r->bytes = bytes;
        r->room = room;
    }
    ssize_t got = tca_read_at(r->fd, r->bytes + r->used, want, r->base + r->used);
    if (got < 0)
        return tca_fail_at(error, TCA_EINPUT, r->base + r->used,
                           "cannot be read (%s): copy the file and try again", strerror(errno));
    r->used += (size_t)got;
    return got > 0;
}

/* The byte `at` behind the record's beginning: 0 to 255, -1 at the end of the file, or a code below that. */
static int byte_at(struct tca_reader *r, size_t at, struct tca_error *error)
{
    if (r->begin + at >= r->base + r->used) {
        int more = widen(r, r->begin, error);
        if (more <= 0)
            return more ? more - 1 : -1;
    }
    return (unsigned char)r->bytes[r->begin + at - r->base];
}

static void count_line(struct tca_reader *r, char c)
{
    if (c == '\r' || (c == '\n' && r->before != '\r'))
        r->line++;
    r->before = c;
}

/* Pass over line ends before a record. 1, 0 at the end of the file, or a code. */
static int skip_empty(struct tca_reader *r, struct tca_error *error)
{
    int c;
    for (r->begin = r->next; (c = byte_at(r, 0, error)) == '\n' || c == '\r'; r->begin++)
        count_line(r, (char)c);
    r->begin_line = r->line;
    return c < -1 ? c + 1 : c >= 0;
}

/* Length of the record at `begin`, with the byte that ends it. */
static int find_end(struct tca_reader *r, size_t *ret_length, struct tca_error *error)
{
    bool quoted = false;
    size_t at = 0;
    for (int c; (c = byte_at(r, at, error)) != -1; at++) {
        if (c < -1)
            return c + 1;
        if (at == RECORD_MAX)
            return tca_fail_at(error, TCA_EINPUT, r->begin,
                               "the row in line %llu is longer than 16 MiB: is a quote mark left open?",
                               (unsigned long long)r->begin_line);
        quoted ^= c == '"';
        count_line(r, (char)c);
        if (!quoted && (c == '\n' || c == '\r')) {
            at++;
            break;
        }
    }
    r->next = r->begin + at;
    *ret_length = at;
    return 0;
}

/* ---- rows ---- */

static int parse_record(struct tca_reader *r, size_t length, struct tca_error *error)
{
    const char *bytes = r->bytes + (r->begin - r->base);
    tca_buf_reset(&r->text);
    r->cells = 0;
    r->zero_byte = false;
    bool good = csv_parse(&r->parser, bytes, length, take_cell, end_row, r) == length &&
                csv_fini(&r->parser, take_cell, end_row, r) == 0;
    if (r->text.failed || (!good && csv_error(&r->parser) == CSV_ENOMEM))
        return out_of_memory(error);
    if (!good)
        return tca_fail_at(
            error, TCA_EINPUT, r->begin,
            "line %llu is no CSV: a cell with a quote mark is to be quoted, and the mark doubled",
            (unsigned long long)r->begin_line);
    if (r->zero_byte)
        return tca_fail_at(error, TCA_EINPUT, r->begin, "a zero byte in line %llu: a table is text",
                           (unsigned long long)r->begin_line);
    return 0;
}

/* One record at `next`. 1, 0 at the end of the file, or a code. */
static int read_record(struct tca_reader *r, struct tca_error *error)
{
    size_t length;
    int code = skip_empty(r, error);
    if (code <= 0)
        return code;
    code = find_end(r, &length, error);
    if (!code)
        code = parse_record(r, length, error);
    return code ? code : 1;
}

int tca_reader_next(struct tca_reader *r, struct tca_error *error)
{
    int got = read_record(r, error);
    if (got == 1 && r->cells != r->columns)
        return tca_fail_at(error, TCA_EINPUT, r->begin,
                           "%zu cells in line %llu, and %zu in the header: is it one table?", r->cells,
                           (unsigned long long)r->begin_line, r->columns);
    return got;
}

int tca_reader_at(struct tca_reader *r, uint64_t offset, uint64_t line, struct tca_error *error)
{
    if (offset < r->base || offset > r->base + r->used) {
        r->base = offset;
        r->used = 0;
        r->leapt = true;
    }
    r->next = offset;
    r->line = line;
    r->before = '\0';
    int got = tca_reader_next(r, error);
    if (got == 1 && r->begin == offset)
        return 0;
    return got < 0
               ? got
               : tca_fail_at(error, TCA_EINPUT, offset, "has changed while it was read: compare it again");
}

const char *tca_reader_cell(const struct tca_reader *r, size_t index)
{
    return r->text.bytes + r->offset[index];
}

uint64_t tca_reader_offset(const struct tca_reader *r)
{
    return r->begin;
}

uint64_t tca_reader_line(const struct tca_reader *r)
{
    return r->begin_line;
}

/* ---- opening ---- */

/* All of a pipe into a file. */
static int spool(int from, const char *temp_dir, int *ret_file, struct tca_error *error)
{
    char piece[16 * 1024];
    int code = tca_temp_file(temp_dir, ret_file);
    if (code)
        return tca_fail_at(error, code, 0, "no temporary file can be made: see --temp-dir");
    uint64_t spooled = 0;
    ssize_t got;
    while ((got = read(from, piece, sizeof piece)) != 0) {
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return tca_fail_at(error, TCA_EINPUT, 0, "cannot be read: %s", strerror(errno));
        if (tca_write_at(*ret_file, piece, (size_t)got, spooled))
            return tca_fail_at(error, TCA_EOUTPUT, 0, "no space left for a temporary file: see --temp-dir");
        spooled += (uint64_t)got;
    }
    return 0;
}

static int open_bytes(struct tca_reader *r, const char *path, const char *temp_dir, struct tca_error *error)
{
    struct stat st;
    int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO)
                                    : (int)TEMP_FAILURE_RETRY(open(path, O_RDONLY | O_CLOEXEC));
    if (fd < 0 || fstat(fd, &st) != 0) {
        tca_fail_at(error, TCA_EINPUT, 0, "cannot be opened: %s", strerror(errno));
        if (fd >= 0)
            close(fd);
        return TCA_EINPUT;
    }
    r->fd = fd;
    if (S_ISDIR(st.st_mode))
        return tca_fail_at(error, TCA_EINPUT, 0, "is a folder: name a table in it");
    if (S_ISREG(st.st_mode) && strcmp(path, "-") != 0)
        return 0;
    r->fd = -1;
    int code = spool(fd, temp_dir, &r->fd, error);
    close(fd);
    return code;
}

static void skip_byte_order_mark(struct tca_reader *r)
{
    static const char mark[] = "\xef\xbb\xbf";
    char first[3];
    if (tca_read_at(r->fd, first, sizeof first, 0) == sizeof first && memcmp(first, mark, sizeof first) == 0)
        r->next = r->base = sizeof first;
}

/* What --format jsonl writes; a header of CSV cannot begin so. */
static bool is_json(const struct tca_reader *r)
{
    char first[2];
    return tca_read_at(r->fd, first, sizeof first, r->next) == sizeof first &&
           !memcmp(first, "{\"", sizeof first);
}

static int read_header(struct tca_reader *r, struct tca_error *error)
{
    skip_byte_order_mark(r);
    if (is_json(r))
        return tca_fail_at(error, TCA_EINPUT, 0,
                           "is JSON, and tables are read back as CSV: write it without --format jsonl");
    int got = read_record(r, error);
    if (got <= 0)
        return got ? got : tca_fail_at(error, TCA_EINPUT, 0, "is empty: a table begins with a header line");
    if (r->cells > COLUMNS_MAX)
        return tca_fail_at(error, TCA_EINPUT, r->begin, "%zu columns: at most %d are read", r->cells,
                           COLUMNS_MAX);
    r->name = tca_alloc(r->cells * sizeof *r->name);
    if (!r->name)
        return out_of_memory(error);
    for (; r->columns < r->cells; r->columns++)
        if (!(r->name[r->columns] = tca_strdup(tca_reader_cell(r, r->columns))))
            return out_of_memory(error);
    return 0;
}

int tca_reader_open(const char *path, const char *temp_dir, struct tca_reader **ret, struct tca_error *error)
{
    struct tca_reader *r = tca_alloc(sizeof *r);
    if (!r)
        return out_of_memory(error);
    r->fd = -1;
    r->line = 1;
    csv_init(&r->parser, CSV_STRICT | CSV_STRICT_FINI);
    csv_set_realloc_func(&r->parser, grow);
    csv_set_free_func(&r->parser, tca_free);
    csv_set_space_func(&r->parser, no_blank);
    int code = open_bytes(r, path, temp_dir, error);
    if (!code)
        code = read_header(r, error);
    if (code)
        tca_reader_close(r);
    else
        *ret = r;
    return code;
}

void tca_reader_close(struct tca_reader *r)
{
    if (!r)
        return;
    csv_free(&r->parser);
    for (size_t at = 0; at < r->columns; at++)
        tca_free(r->name[at]);
    tca_free(r->name);
    tca_free(r->bytes);
    tca_buf_done(&r->text);
    if (r->fd >= 0)
        close(r->fd);
    tca_free(r);
}

size_t tca_reader_columns(const struct tca_reader *r)
{
    return r->columns;
}

const char *tca_reader_column(const struct tca_reader *r, size_t index)
{
    return r->name[index];
}
