/* SPDX-License-Identifier: MIT
 *
 * Two tables compared, as golden tests want it: rows are found by a key, whatever their order, and told apart cell by
 * cell. One line of text per difference:
 *
 *      flows: column attempt_group only in B
 *      flows c1f3: verdict: normal -> rst_refused
 *      flows c1f9: only in A
 *
 * Differences come in the order of A, then what only B has in the order of B. Memory is bounded but for 32 bytes per row
 * of B; no input makes it slow: rows are looked up by hashes that nobody can foresee.
 */
#ifndef TCA_REPORT_TABLE_DIFF_H
#define TCA_REPORT_TABLE_DIFF_H

#include "report/decimal.h"
#include "report/table_read.h"

#include <tcpautopsy/diff.h>
#include <tcpautopsy/session.h>

struct tca_tolerance {
    char *column;
    struct tca_decimal limit;
};

/* What counts as a difference. Columns that a table does not have change nothing. */
struct tca_diff_rules {
    char **key, **ignore;
    size_t key_count, ignore_count; /* no key: by the table (table_key.c), else the whole row */
    struct tca_tolerance *tolerance;
    size_t tolerance_count;
};

/* Which of A's columns is which of B's; of columns with one name the first is the first. */
struct tca_table_pair {
    struct tca_reader *reader[2];           /* A and B; borrowed */
    size_t *partner;                        /* owned: of each column of A, B's; TCA_NO_COLUMN if none */
    size_t *reverse;                        /* owned: of each column of B, A's */
    const struct tca_tolerance **tolerance; /* owned: of each column of A; NULL: cells are compared as text */
    bool *ignored;                          /* owned: of each column of A */
    size_t *key;                            /* owned: columns of A */
    size_t key_count;
    const char *table; /* the table of ours that it is, static; NULL: none */
};
#define TCA_NO_COLUMN SIZE_MAX

/* ---- table_key.c: columns ---- */
int tca_table_pair_init(struct tca_table_pair *pair, struct tca_reader *a, struct tca_reader *b,
                        const struct tca_diff_rules *rules);
void tca_table_pair_done(struct tca_table_pair *pair);
/* A column of A by its name; TCA_NO_COLUMN if there is none that B has too. */
size_t tca_table_pair_column(const struct tca_table_pair *pair, const char *name);
bool tca_diff_ignores(const struct tca_diff_rules *rules, const char *column);

/* ---- table_index.c: the rows of B by their keys ---- */
struct tca_table_index;
int tca_table_index_new(const struct tca_table_pair *pair, struct tca_table_index **ret_index,
                        struct tca_error *error);
void tca_table_index_free(struct tca_table_index *index);
/* Find the first row of B that has the key of A's present row and was not taken before, make it B's present row and take
 * it: 1, 0 if there is none, or a negative code with words. */
int tca_table_index_take(struct tca_table_index *index, struct tca_error *error);
/* The rows of B that nobody took, in their order: make the next one B's present row. Ends all taking. */
int tca_table_index_left(struct tca_table_index *index, struct tca_error *error);

/* ---- table_diff.c ---- */
/* Compare, write the differences and add them to *counts. `name`: what a line begins with. *ret_fault: the side, 0 or 1,
 * whose file a code is about, -1 none. */
int tca_table_diff(const struct tca_table_pair *pair, const struct tca_diff_rules *rules, const char *name,
                   tca_write_fn *fn, void *user, struct tca_diff_counts *counts, int *ret_fault,
                   struct tca_error *error);

#endif
