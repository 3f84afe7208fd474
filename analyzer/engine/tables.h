/* SPDX-License-Identifier: MIT
 *
 * Which tables there are, and where the rows of each come from. Private to the engine.
 */
#ifndef TCA_ENGINE_TABLES_H
#define TCA_ENGINE_TABLES_H

#include "engine/run.h"

/* A table that is being written. */
struct tca_rows {
    struct tca_session *s;
    struct tca_cells cells;
    struct tca_report_options opt;
    tca_cells_fn *fn;
    void *user;
    struct tca_lines
        *lines; /* where the rows go that can be written there without cells; NULL: they all go to fn */
};

/* Rows of flows by several threads: lines of each part of a block of flows. */
struct tca_row_parts {
    struct tca_rows *rows; /* borrowed */
    struct tca_rows *part; /* owned */
    void **of;             /* owned: each of them; NULL: there is one thread */
    unsigned parts;
};
/* 0 or TCA_EMEMORY; either way tca_row_parts_done() is called. */
int tca_row_parts_begin(struct tca_rows *r, struct tca_row_parts *ret);
struct tca_taker tca_row_parts_taker(const struct tca_row_parts *parts, tca_view_fn *row);
void tca_row_parts_done(struct tca_row_parts *parts);

struct tca_table {
    const char *name;
    tca_view_fn *row; /* a row of each flow, in their order; `user` is the rows; NULL: it has others */
    const struct tca_maker *maker; /* what its rows are of; NULL: nothing that looks at flows */
    int (*tell)(struct tca_rows *r,
                void *own); /* all rows at once, with what the maker made; NULL: all were told */
    int (*check)(struct tca_session *s,
                 struct tca_error *error); /* before anything is written; NULL: nothing to */
    /* Made once for the session, where it is not made alone: then `tell` finds it there. NULL: nothing. */
    const struct tca_maker *needs;
    unsigned cost; /* of `tell`, among all tables: what takes longest begins first */
};

/* 0, or TCA_EUSAGE with words: no such table, none that can be told, or nothing can yet. */
int tca_table_check(struct tca_session *s, const char *name, const struct tca_table **ret_table,
                    struct tca_error *error);
/* Rows of a table in a form; the writer is the rows' own. tca_rows_done() returns 0 or what could not be written. */
int tca_rows_lines(struct tca_session *s, const char *table, const char *form, const char *columns,
                   struct tca_text_to to, struct tca_rows *ret, struct tca_error *error);
int tca_rows_done(struct tca_rows *r);

#endif
