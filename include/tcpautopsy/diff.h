/* SPDX-License-Identifier: MIT
 *
 * Two tables compared: CSV files of this library, or of others if they have a header line, or two folders of them.
 *
 *     struct tca_diff *diff = tca_diff_new();
 *     tca_diff_set(diff, "ignore", "capture,last_capture", &error);
 *     tca_diff_run(diff, "expected.csv", "got.csv", write, user, &counts, &error);
 *     tca_diff_free(diff);
 *
 * Rows are matched by a key, so that their order is no difference, nor is the order of columns; rows of one key in order
 * of appearance. The key of a table of the library is what names its rows (flows: flow_id; events: event_id; listeners:
 * capture and address; ...), of another table the whole row. Columns that are ignored, or compared with a tolerance, leave
 * that key.
 */
#ifndef TCPAUTOPSY_DIFF_H
#define TCPAUTOPSY_DIFF_H

#include <stdint.h>
#include <tcpautopsy/error.h>
#include <tcpautopsy/session.h>

struct tca_diff;

struct tca_diff *tca_diff_new(void); /* NULL when memory is out */
void tca_diff_free(struct tca_diff *diff);

/* Set one option by name: "key" (comma list of columns that name a row), "ignore" (comma list), "tolerance" (COL=ABS:
 * numbers of this column that differ by no more are equal, in ";" lists part by part), "temp-dir". The first three are
 * repeatable. TCA_EUSAGE with words where name or value is wrong. */
int tca_diff_set(struct tca_diff *diff, const char *name, const char *value, struct tca_error *error);

struct tca_diff_counts {
    uint64_t tables;         /* compared */
    uint64_t equal, differ;  /* rows that both have */
    uint64_t only_a, only_b; /* rows that one has */
    uint64_t columns;        /* that only one of two tables has */
    uint64_t lone_tables;    /* that only one of two folders has */
    const char *file; /* the input that a failure is about, NULL for none; borrowed until the next call */
};
/* Is there any difference? */
static inline bool tca_diff_found(const struct tca_diff_counts *counts)
{
    return counts->differ || counts->only_a || counts->only_b || counts->columns || counts->lone_tables;
}

/* Compare `a` with `b`; one of both may be "-", standard input. Of folders all tables (NAME.csv) are compared, but
 * not run.csv, manifest.csv and journal.csv, which tell of a run. Differences go to fn, a line each: "TABLE KEY: COLUMN: A -> B", "TABLE KEY: only in
 * A", "TABLE: column X only in B", "TABLE: only in A". 0, differences or not; TCA_EUSAGE where an option names a column
 * that no table has; TCA_EINPUT where an input is no table. */
int tca_diff_run(struct tca_diff *diff, const char *a, const char *b, tca_write_fn *fn, void *user,
                 struct tca_diff_counts *ret_counts, struct tca_error *error);

#endif
