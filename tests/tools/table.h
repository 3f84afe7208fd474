/* SPDX-License-Identifier: MIT
 *
 * A table of a finished session, kept in memory so that tests can look things up in it; and the library's
 * texts gathered in a buffer.
 */
#ifndef TEST_TOOLS_TABLE_H
#define TEST_TOOLS_TABLE_H

#include "base/buf.h"

#include <tcpautopsy/session.h>

struct table {
    size_t columns, rows, room; /* room: rows that fit */
    char **name;                /* columns of them; all owned */
    char **cell;                /* rows * columns, row by row */
    bool uneven;                /* a row had another width or other names than the first */
    bool failed;                /* memory ran out */
};

/* Read a whole table. 0 or the library's code; call table_done in either case. */
int table_read(struct tca_session *session, const char *which, struct table *ret_table,
               struct tca_error *error);
void table_done(struct table *table);

/* Index of a column, or table->columns if there is none. */
size_t table_column(const struct table *table, const char *name);
/* Text of a cell; NULL without such a column or row. */
const char *table_cell(const struct table *table, size_t row, const char *column);
/* The cell as a number; 0 where there is none. */
int64_t table_number(const struct table *table, size_t row, const char *column);
/* Is `id` one of the parts of this `;` list? */
bool list_has(const char *list, const char *id);

/* A tca_write_fn whose user is a struct tca_buf. */
int write_to_buf(void *user, const void *bytes, size_t count);

#endif
