/* SPDX-License-Identifier: MIT
 *
 * Lines of a table: CSV (csv.c) or JSON Lines (jsonl.c). Both are made of the same cells in the same order; they differ in what
 * stands before a cell, in how its text is mended once it stands there, and in a line's end.
 *
 *      lead  cell  mend  ','   lead  cell  mend  ','   ...   end of line, in the place of the last comma
 *      CSV          "quoted" where it needs that                                        LF
 *      {"name":"   text"  null where it is empty                                       } LF
 *
 * Rows are gathered and handed on in large pieces. Where there are many, cells are appended right to the piece (TCA_LINE), and
 * only free text is looked through: numbers, times, addresses, names of ours and lists of these never need quotes or escapes. A
 * build with check_ways holds each such line against the one that is made of cells.
 */
#include "report/row.h"

#include "base/alloc.h"
#include "report/nearest.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PIECE_BYTES = 64 * 1024 };

bool tca_table_form_of(const char *name, enum tca_table_form *ret_form)
{
    static const char *const form[] = {[TCA_TABLE_CSV] = "csv", [TCA_TABLE_JSONL] = "jsonl"};
    for (size_t at = 0; at < sizeof form / sizeof *form; at++)
        if (!strcmp(name, form[at])) {
            *ret_form = (enum tca_table_form)at;
            return true;
        }
    return false;
}

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

/* Text that came from elsewhere, or that we wrote in words. */
static bool is_free(const struct tca_column_def *column)
{
    return !strcmp(column->type, "text") && !is_ours(column->name);
}

static void add_pick(struct tca_lines *lines, size_t first, size_t index)
{
    const struct tca_column_def *column = &tca_columns[first + index];
    struct tca_lines_pick *pick = &lines->pick[lines->pick_count];
    *pick = (struct tca_lines_pick){.index = index};
    if (lines->form == TCA_TABLE_JSONL)
        tca_jsonl_pick(first + index, is_free(column), lines->pick_count == 0, pick);
    else
        pick->mend = is_free(column) ? tca_csv_quote : NULL;
    lines->pick_count++;
}

static bool pick(struct tca_lines *lines, size_t first, size_t count, const char *name, size_t length)
{
    for (size_t i = 0; i < count; i++) {
        const char *column = tca_columns[first + i].name;
        if (strlen(column) == length && memcmp(column, name, length) == 0) {
            add_pick(lines, first, i);
            return true;
        }
    }
    return false;
}

static int choose(struct tca_lines *lines, const char *table, const char *columns, struct tca_error *error)
{
    size_t first, count = tca_table_columns(table, &first);
    if (!count || count > TCA_LINES_COLUMNS)
        return say(error, TCA_EUSAGE, "no such table: see the schema");
    if (!columns) {
        for (size_t i = 0; i < count; i++)
            add_pick(lines, first, i);
        return 0;
    }
    for (const char *at = columns;; at++) {
        size_t length = strcspn(at, ",");
        if (lines->pick_count == TCA_LINES_COLUMNS)
            return say(error, TCA_EUSAGE, "too many columns: name each one once");
        if (!pick(lines, first, count, at, length))
            return unknown_column(table, at, length, error);
        at += length;
        if (!*at)
            return 0;
    }
}

static int hand_on(struct tca_lines *lines, struct tca_buf *written)
{
    if (!lines->failed && written->used && lines->fn(lines->user, written->bytes, written->used) != 0)
        lines->failed = true;
    tca_buf_reset(written);
    return lines->failed ? TCA_EOUTPUT : 0;
}

static int flush(struct tca_lines *lines)
{
    return lines->fn ? hand_on(lines, &lines->out) : 0; /* a part waits */
}

static void add_cell(struct tca_lines *lines, const struct tca_lines_pick *pick,
                     const struct tca_cells *cells)
{
    tca_buf_add(&lines->out, pick->lead, pick->lead_length);
    size_t begin = lines->out.used;
    tca_buf_add(&lines->out, tca_cell(cells, pick->index), tca_cell_length(cells, pick->index));
    if (pick->mend)
        pick->mend(lines, begin);
    tca_buf_char(&lines->out, ',');
}

bool tca_lines_lift(struct tca_lines *lines, size_t begin)
{
    tca_buf_reset(&lines->cell);
    if (lines->out.failed)
        return false;
    tca_buf_add(&lines->cell, tca_buf_since(&lines->out, begin), lines->out.used - begin);
    tca_buf_text(&lines->cell);
    lines->out.used = begin;
    if (lines->cell.failed)
        lines->out.failed = true;
    return !lines->cell.failed;
}

/* What is there ends with a cell's comma. */
static int end_line(struct tca_lines *lines)
{
    lines->out.used -= lines->out.used > 0;
    if (lines->form == TCA_TABLE_JSONL)
        tca_buf_char(&lines->out, '}');
    tca_buf_char(&lines->out, '\n');
    if (lines->out.failed)
        return TCA_EMEMORY;
    return lines->out.used >= PIECE_BYTES ? flush(lines) : 0;
}

static void add_header(struct tca_lines *lines, const char *table)
{
    size_t first;
    tca_table_columns(table, &first);
    for (size_t i = 0; i < lines->pick_count; i++) {
        tca_buf_str(&lines->out, tca_columns[first + lines->pick[i].index].name);
        tca_buf_char(&lines->out, ',');
    }
    end_line(lines);
}

int tca_lines_new(const char *table, enum tca_table_form form, const char *columns, tca_write_fn *fn,
                  void *user, struct tca_lines **ret_lines, struct tca_error *error)
{
    struct tca_lines *lines = tca_alloc(sizeof *lines);
    if (!lines)
        return say(error, TCA_EMEMORY, "memory is out: close other programs or choose fewer packets");
    lines->form = form;
    lines->fn = fn;
    lines->user = user;
    int r = choose(lines, table, columns, error);
    if (r < 0) {
        tca_free(lines);
        return r;
    }
    if (form == TCA_TABLE_CSV) {
        if (lines->pick_count == 1) /* an empty cell needs quotes */
            lines->pick[0].mend = tca_csv_quote;
        add_header(lines, table);
    }
    *ret_lines = lines;
    return 0;
}

static void add_cells(struct tca_lines *lines, const struct tca_cells *cells)
{
    for (size_t i = 0; i < lines->pick_count; i++)
        add_cell(lines, &lines->pick[i], cells);
}

int tca_lines_row(struct tca_lines *lines, const struct tca_cells *cells)
{
    if (cells->text.failed)
        return TCA_EMEMORY;
    add_cells(lines, cells);
    return end_line(lines);
}

int tca_lines_line(struct tca_lines *lines)
{
    return end_line(lines);
}

void tca_lines_check(struct tca_lines *lines, size_t begin, const struct tca_cells *cells)
{
    size_t end = lines->out.used, length = end - begin;
    add_cells(lines, cells);
    const char *line = lines->out.bytes + begin;
    if (lines->out.used - end != length || (length && memcmp(line, line + length, length)))
        abort();
    lines->out.used = end;
}

struct tca_lines *tca_lines_part(const struct tca_lines *lines)
{
    struct tca_lines *part = tca_alloc(sizeof *part);
    if (!part)
        return NULL;
    memcpy(part->pick, lines->pick, lines->pick_count * sizeof *lines->pick);
    part->pick_count = lines->pick_count;
    part->form = lines->form;
    return part;
}

int tca_lines_join(struct tca_lines *lines, struct tca_lines *part)
{
    if (part->out.failed)
        return TCA_EMEMORY;
    int r = flush(lines);
    return r ? r : hand_on(lines, &part->out);
}

int tca_lines_end(struct tca_lines *lines)
{
    if (!lines)
        return 0;
    bool memory_out = lines->out.failed;
    int r = flush(lines);
    tca_buf_done(&lines->out);
    tca_buf_done(&lines->cell);
    for (unsigned at = 0; at < TCA_LINES_STENCILS; at++)
        tca_buf_done(&lines->stencil[at].text);
    tca_free(lines);
    return memory_out ? TCA_EMEMORY : r;
}
