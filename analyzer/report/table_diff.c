/* SPDX-License-Identifier: MIT
 *
 * The comparison: columns, then each row of A beside its row of B, then what is left of B.
 */
#include "report/table_diff.h"

#include "base/buf.h"
#include "report/row.h"

#include <string.h>

enum { PIECE_BYTES = 64 * 1024 };

struct diff {
    const struct tca_table_pair *pair;
    const struct tca_diff_rules *rules;
    const char *name;
    struct tca_diff_counts *counts;
    struct tca_buf out;
    tca_write_fn *fn;
    void *user;
    struct tca_error *error;
};

static int words(struct diff *d, int code, const char *text)
{
    *d->error = (struct tca_error){.code = code, .offset = -1};
    memcpy(d->error->text, text, strlen(text) + 1);
    return code;
}

static int flush(struct diff *d, size_t over)
{
    if (d->out.failed)
        return words(d, TCA_EMEMORY, "out of memory");
    if (d->out.used <= over)
        return TCA_OK;
    int stop = d->fn(d->user, d->out.bytes, d->out.used);
    tca_buf_reset(&d->out);
    return stop ? words(d, TCA_EOUTPUT, "cannot write: no space left, or a closed pipe") : TCA_OK;
}

/* ---- lines ---- */

static void add_text(struct diff *d, const char *text)
{
    tca_text_clean(&d->out, text, true);
}

static void add_value(struct diff *d, const char *cell)
{
    if (*cell)
        add_text(d, cell);
    else
        tca_buf_str(&d->out, "\"\"");
}

static void add_name(struct diff *d)
{
    add_text(d, d->name);
}

/* "flows c1f3": the table and the key of a row; where nothing names a row, its line. */
static void begin_row(struct diff *d, int side)
{
    const struct tca_table_pair *pair = d->pair;
    add_name(d);
    tca_buf_char(&d->out, ' ');
    if (!pair->key_count)
        tca_buf_fmt(&d->out, "line %llu", (unsigned long long)tca_reader_line(pair->reader[side]));
    for (size_t i = 0; i < pair->key_count; i++) {
        size_t column = side ? pair->partner[pair->key[i]] : pair->key[i];
        if (i)
            tca_buf_char(&d->out, ',');
        add_text(d, tca_reader_cell(pair->reader[side], column));
    }
    tca_buf_str(&d->out, ": ");
}

/* ---- columns ---- */

static void tell_lone_columns(struct diff *d, int side)
{
    const struct tca_reader *reader = d->pair->reader[side];
    const size_t *other = side ? d->pair->reverse : d->pair->partner;
    for (size_t i = 0; i < tca_reader_columns(reader); i++) {
        const char *column = tca_reader_column(reader, i);
        if (other[i] != TCA_NO_COLUMN || tca_diff_ignores(d->rules, column))
            continue;
        add_name(d);
        tca_buf_str(&d->out, ": column ");
        add_text(d, column);
        tca_buf_fmt(&d->out, " only in %c\n", "AB"[side]);
        d->counts->columns++;
    }
}

/* ---- rows ---- */

static bool same_cell(const struct tca_table_pair *pair, size_t column, const char *a, const char *b)
{
    const struct tca_tolerance *tolerance = pair->tolerance[column];
    return strcmp(a, b) == 0 || (tolerance && tca_cells_near(a, b, &tolerance->limit));
}

/* The present rows of both. A key may be long, and every line of its row bears it: so they do not gather. */
static int compare_rows(struct diff *d)
{
    const struct tca_table_pair *pair = d->pair;
    bool equal = true;
    int code = TCA_OK;
    for (size_t column = 0; !code && column < tca_reader_columns(pair->reader[0]); column++) {
        if (pair->partner[column] == TCA_NO_COLUMN || pair->ignored[column])
            continue;
        const char *a = tca_reader_cell(pair->reader[0], column);
        const char *b = tca_reader_cell(pair->reader[1], pair->partner[column]);
        if (same_cell(pair, column, a, b))
            continue;
        equal = false;
        begin_row(d, 0);
        add_text(d, tca_reader_column(pair->reader[0], column));
        tca_buf_str(&d->out, ": ");
        add_value(d, a);
        tca_buf_str(&d->out, " -> ");
        add_value(d, b);
        tca_buf_char(&d->out, '\n');
        code = flush(d, PIECE_BYTES);
    }
    d->counts->equal += equal;
    d->counts->differ += !equal;
    return code;
}

static int compare_row(struct diff *d, struct tca_table_index *index, int *fault)
{
    *fault = 1;
    int got = tca_table_index_take(index, d->error);
    if (got < 0)
        return got;
    *fault = -1;
    if (got)
        return compare_rows(d);
    begin_row(d, 0);
    tca_buf_str(&d->out, "only in A\n");
    d->counts->only_a++;
    return flush(d, PIECE_BYTES);
}

static int compare_all(struct diff *d, struct tca_table_index *index, int *fault)
{
    int got;
    while (*fault = 0, (got = tca_reader_next(d->pair->reader[0], d->error)) == 1) {
        int code = compare_row(d, index, fault);
        if (code)
            return code;
    }
    return got;
}

static int tell_left(struct diff *d, struct tca_table_index *index, int *fault)
{
    int got;
    while (*fault = 1, (got = tca_table_index_left(index, d->error)) == 1) {
        begin_row(d, 1);
        tca_buf_str(&d->out, "only in B\n");
        d->counts->only_b++;
        *fault = -1;
        int code = flush(d, PIECE_BYTES);
        if (code)
            return code;
    }
    return got;
}

int tca_table_diff(const struct tca_table_pair *pair, const struct tca_diff_rules *rules, const char *name,
                   tca_write_fn *fn, void *user, struct tca_diff_counts *counts, int *fault,
                   struct tca_error *error)
{
    struct tca_table_index *index = NULL;
    struct diff d = {
        .pair = pair, .rules = rules, .name = name, .counts = counts, .fn = fn, .user = user, .error = error};
    for (int side = 0; side < 2; side++)
        tell_lone_columns(&d, side);
    *fault = 1;
    int code = tca_table_index_new(pair, &index, error);
    if (!code)
        code = compare_all(&d, index, fault);
    if (!code)
        code = tell_left(&d, index, fault);
    if (!code) {
        *fault = -1;
        code = flush(&d, 0);
    }
    counts->tables++;
    tca_table_index_free(index);
    tca_buf_done(&d.out);
    return code;
}
