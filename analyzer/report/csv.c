/* SPDX-License-Identifier: MIT
 *
 * CSV: RFC 4180 with LF. The only user of libcsv.
 *
 * libcsv quotes every cell it writes, so only the cells that need it go through csv_write(): those with a
 * comma, a quote mark or a line end, and those with a blank at either end, which libcsv's own reader would
 * strip. Rows are gathered and handed on in large pieces.
 *
 * Where there are many rows, cells are appended right to the piece (TCA_LINE), and only free text is looked through:
 * numbers, times, addresses, names of ours and lists of these never need quotes. A build with check_ways holds each such
 * line against the one that is made of cells.
 */
#include "report/row.h"

#include "base/alloc.h"
#include "report/nearest.h"

#include <csv.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_BYTES = 64 * 1024 };

static int say(struct tca_error *error, int code, const char *text)
{
    if (error) {
        *error = (struct tca_error){.code = code, .offset = -1};
        snprintf(error->text, sizeof error->text, "%s", text);
    }
    return code;
}

static int unknown_column(const char *table, const char *name, size_t length, struct tca_error *error)
{
    char word[64], text[300];
    snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : sizeof word - 1), name);
    struct tca_nearest near;
    tca_nearest_init(&near, word);
    size_t first, count = tca_table_columns(table, &first);
    for (size_t i = 0; i < count; i++)
        tca_nearest_offer(&near, tca_columns[first + i].name);
    snprintf(text, sizeof text, "table %s has no column '%s': %s%s%s", table, word,
             near.best ? "did you mean '" : "see the table's schema", near.best ? near.best : "",
             near.best ? "'?" : "");
    return say(error, TCA_EUSAGE, text);
}

/* Of columns of text those that hold numbers and letters of ours. */
static bool is_ours(const char *column)
{
    static const char *const ours[] = {"community_id", "vlan", "encap", "history"};
    for (size_t at = 0; at < sizeof ours / sizeof *ours; at++)
        if (!strcmp(column, ours[at]))
            return true;
    return false;
}

static void add_pick(struct tca_csv *csv, size_t first, size_t index)
{
    const struct tca_column_def *column = &tca_columns[first + index];
    bool look = !strcmp(column->type, "text") && !is_ours(column->name);
    csv->pick[csv->pick_count++] = (struct tca_csv_pick){.index = index, .look = look};
}

static bool pick(struct tca_csv *csv, size_t first, size_t count, const char *name, size_t length)
{
    for (size_t i = 0; i < count; i++) {
        const char *column = tca_columns[first + i].name;
        if (strlen(column) == length && memcmp(column, name, length) == 0) {
            add_pick(csv, first, i);
            return true;
        }
    }
    return false;
}

static int choose(struct tca_csv *csv, const char *table, const char *columns, struct tca_error *error)
{
    size_t first, count = tca_table_columns(table, &first);
    if (!count || count > TCA_CSV_COLUMNS)
        return say(error, TCA_EUSAGE, "no such table: see the schema");
    if (!columns) {
        for (size_t i = 0; i < count; i++)
            add_pick(csv, first, i);
        return 0;
    }
    for (const char *at = columns;; at++) {
        size_t length = strcspn(at, ",");
        if (csv->pick_count == TCA_CSV_COLUMNS)
            return say(error, TCA_EUSAGE, "too many columns: name each one once");
        if (!pick(csv, first, count, at, length))
            return unknown_column(table, at, length, error);
        at += length;
        if (!*at)
            return 0;
    }
}

static int hand_on(struct tca_csv *csv, struct tca_buf *lines)
{
    if (!csv->failed && lines->used && csv->fn(csv->user, lines->bytes, lines->used) != 0)
        csv->failed = true;
    tca_buf_reset(lines);
    return csv->failed ? TCA_EOUTPUT : 0;
}

static int flush(struct tca_csv *csv)
{
    return csv->fn ? hand_on(csv, &csv->out) : 0; /* a part waits */
}

static bool needs_quotes(const char *cell, size_t length)
{
    static const bool special[256] = {[','] = true, ['"'] = true, ['\r'] = true, ['\n'] = true};
    if (!length)
        return false;
    char head = cell[0], tail = cell[length - 1];
    if (head == ' ' || tail == ' ' || head == '\t' || tail == '\t')
        return true;
    for (size_t at = 0; at < length; at++)
        if (special[(unsigned char)cell[at]])
            return true;
    return false;
}

static void add_quoted(struct tca_buf *out, const char *cell, size_t length)
{
    size_t need = csv_write(NULL, 0, cell, length);
    char *quoted = tca_buf_room(out, need);
    if (!quoted)
        return;
    csv_write(quoted, need, cell, length);
    out->used += need;
}

/* A table of one column marks its nulls by quotes, because readers skip an empty line. */
static bool must_quote(const struct tca_csv *csv, const char *cell, size_t length)
{
    return needs_quotes(cell, length) || (!length && csv->pick_count == 1);
}

static void add_cell(struct tca_csv *csv, size_t place, const char *cell)
{
    size_t length = strlen(cell);
    if (place)
        tca_buf_char(&csv->out, ',');
    if (must_quote(csv, cell, length))
        add_quoted(&csv->out, cell, length);
    else
        tca_buf_add(&csv->out, cell, length);
}

void tca_csv_quote(struct tca_csv *csv, size_t begin)
{
    size_t length = csv->out.used - begin;
    if (csv->out.failed || !must_quote(csv, csv->out.bytes + begin, length))
        return;
    tca_buf_reset(&csv->cell);
    tca_buf_add(&csv->cell, csv->out.bytes + begin, length);
    csv->out.used = begin;
    if (csv->cell.failed)
        csv->out.failed = true;
    else
        add_quoted(&csv->out, csv->cell.bytes, length);
}

static int end_line(struct tca_csv *csv)
{
    tca_buf_char(&csv->out, '\n');
    if (csv->out.failed)
        return TCA_EMEMORY;
    return csv->out.used >= PIECE_BYTES ? flush(csv) : 0;
}

int tca_csv_new(const char *table, const char *columns, tca_write_fn *fn, void *user,
                struct tca_csv **ret_csv, struct tca_error *error)
{
    struct tca_csv *csv = tca_alloc(sizeof *csv);
    if (!csv)
        return say(error, TCA_EMEMORY, "memory is out: close other programs or choose fewer packets");
    csv->fn = fn;
    csv->user = user;
    int r = choose(csv, table, columns, error);
    if (r < 0) {
        tca_free(csv);
        return r;
    }
    if (csv->pick_count == 1) /* an empty cell needs quotes */
        csv->pick[0].look = true;
    size_t first;
    tca_table_columns(table, &first);
    for (size_t i = 0; i < csv->pick_count; i++)
        add_cell(csv, i, tca_columns[first + csv->pick[i].index].name);
    end_line(csv);
    *ret_csv = csv;
    return 0;
}

static void add_cells(struct tca_csv *csv, const struct tca_cells *cells)
{
    for (size_t i = 0; i < csv->pick_count; i++)
        add_cell(csv, i, tca_cell(cells, csv->pick[i].index));
}

int tca_csv_row(struct tca_csv *csv, const struct tca_cells *cells)
{
    if (cells->text.failed)
        return TCA_EMEMORY;
    add_cells(csv, cells);
    return end_line(csv);
}

int tca_csv_line(struct tca_csv *csv)
{
    csv->out.used -= csv->out.used > 0; /* the last cell's comma */
    return end_line(csv);
}

void tca_csv_check(struct tca_csv *csv, size_t begin, const struct tca_cells *cells)
{
    size_t end = csv->out.used - 1;
    add_cells(csv, cells);
    size_t length = end - begin;
    const char *line = csv->out.bytes + begin;
    if (csv->out.used - end - 1 != length || (length && memcmp(line, line + length + 1, length)))
        abort();
    csv->out.used = end + 1;
}

struct tca_csv *tca_csv_part(const struct tca_csv *csv)
{
    struct tca_csv *part = tca_alloc(sizeof *part);
    if (!part)
        return NULL;
    memcpy(part->pick, csv->pick, csv->pick_count * sizeof *csv->pick);
    part->pick_count = csv->pick_count;
    return part;
}

int tca_csv_join(struct tca_csv *csv, struct tca_csv *part)
{
    if (part->out.failed)
        return TCA_EMEMORY;
    int r = flush(csv);
    return r ? r : hand_on(csv, &part->out);
}

int tca_csv_end(struct tca_csv *csv)
{
    if (!csv)
        return 0;
    bool memory_out = csv->out.failed;
    int r = flush(csv);
    tca_buf_done(&csv->out);
    tca_buf_done(&csv->cell);
    for (unsigned at = 0; at < TCA_CSV_STENCILS; at++)
        tca_buf_done(&csv->stencil[at].text);
    tca_free(csv);
    return memory_out ? TCA_EMEMORY : r;
}

#define TEXT_OF(number)                     #number
#define VERSION_TEXT(major, minor, release) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(release)

const char *tca_csv_library(void)
{
    return VERSION_TEXT(CSV_MAJOR, CSV_MINOR, CSV_RELEASE);
}
