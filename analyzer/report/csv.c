/* SPDX-License-Identifier: MIT
 *
 * CSV: RFC 4180 with LF. The only user of libcsv.
 *
 * libcsv quotes every cell it writes, so only the cells that need it go through csv_write(): those with a
 * comma, a quote mark or a line end, and those with a blank at either end, which libcsv's own reader would
 * strip. Rows are gathered and handed on in large pieces.
 */
#include "report/report.h"

#include "base/alloc.h"
#include "report/nearest.h"

#include <csv.h>
#include <stdio.h>
#include <string.h>

enum { COLUMNS_MAX = 160, PIECE_BYTES = 64 * 1024 };

struct tca_csv {
    tca_write_fn *fn; /* borrowed, with user */
    void *user;
    size_t pick[COLUMNS_MAX]; /* cell indexes in the order to print */
    size_t pick_count;
    struct tca_buf out;
    bool failed;
};

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

static bool pick(struct tca_csv *csv, size_t first, size_t count, const char *name, size_t length)
{
    for (size_t i = 0; i < count; i++) {
        const char *column = tca_columns[first + i].name;
        if (strlen(column) == length && memcmp(column, name, length) == 0) {
            csv->pick[csv->pick_count++] = i;
            return true;
        }
    }
    return false;
}

static int choose(struct tca_csv *csv, const char *table, const char *columns, struct tca_error *error)
{
    size_t first, count = tca_table_columns(table, &first);
    if (!count || count > COLUMNS_MAX)
        return say(error, TCA_EUSAGE, "no such table: see the schema");
    if (!columns) {
        for (size_t i = 0; i < count; i++)
            csv->pick[csv->pick_count++] = i;
        return 0;
    }
    for (const char *at = columns;; at++) {
        size_t length = strcspn(at, ",");
        if (csv->pick_count == COLUMNS_MAX)
            return say(error, TCA_EUSAGE, "too many columns: name each one once");
        if (!pick(csv, first, count, at, length))
            return unknown_column(table, at, length, error);
        at += length;
        if (!*at)
            return 0;
    }
}

static int flush(struct tca_csv *csv)
{
    if (!csv->failed && csv->out.used && csv->fn(csv->user, csv->out.bytes, csv->out.used) != 0)
        csv->failed = true;
    tca_buf_reset(&csv->out);
    return csv->failed ? TCA_EOUTPUT : 0;
}

static bool needs_quotes(const char *cell, size_t length)
{
    if (!length)
        return false;
    char head = cell[0], tail = cell[length - 1];
    return head == ' ' || tail == ' ' || head == '\t' || tail == '\t' || strpbrk(cell, ",\"\r\n") != NULL;
}

static void add_quoted(struct tca_buf *out, const char *cell, size_t length)
{
    char room[512];
    size_t need = csv_write(NULL, 0, cell, length);
    char *quoted = need <= sizeof room ? room : tca_alloc(need);
    if (!quoted) {
        out->failed = true;
        return;
    }
    csv_write(quoted, need, cell, length);
    tca_buf_add(out, quoted, need);
    if (quoted != room)
        tca_free(quoted);
}

/* A table of one column marks its nulls by quotes, because readers skip an empty line. */
static void add_cell(struct tca_csv *csv, size_t place, const char *cell)
{
    size_t length = strlen(cell);
    if (place)
        tca_buf_char(&csv->out, ',');
    if (needs_quotes(cell, length) || (!length && csv->pick_count == 1))
        add_quoted(&csv->out, cell, length);
    else
        tca_buf_add(&csv->out, cell, length);
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
    size_t first;
    tca_table_columns(table, &first);
    for (size_t i = 0; i < csv->pick_count; i++)
        add_cell(csv, i, tca_columns[first + csv->pick[i]].name);
    end_line(csv);
    *ret_csv = csv;
    return 0;
}

int tca_csv_row(struct tca_csv *csv, const struct tca_cells *cells)
{
    if (cells->text.failed)
        return TCA_EMEMORY;
    for (size_t i = 0; i < csv->pick_count; i++)
        add_cell(csv, i, tca_cell(cells, csv->pick[i]));
    return end_line(csv);
}

int tca_csv_end(struct tca_csv *csv)
{
    if (!csv)
        return 0;
    bool memory_out = csv->out.failed;
    int r = flush(csv);
    tca_buf_done(&csv->out);
    tca_free(csv);
    return memory_out ? TCA_EMEMORY : r;
}

#define TEXT_OF(number)                     #number
#define VERSION_TEXT(major, minor, release) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(release)

const char *tca_csv_library(void)
{
    return VERSION_TEXT(CSV_MAJOR, CSV_MINOR, CSV_RELEASE);
}
