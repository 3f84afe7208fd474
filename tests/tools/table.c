/* SPDX-License-Identifier: MIT
 *
 * Tables in memory. Rows are few in tests, so cells are plain copies and look-ups are searches.
 */
#include "table.h"

#include <stdlib.h>
#include <string.h>

static char **copy_texts(const char *const *text, size_t count)
{
    char **copy = calloc(count ? count : 1, sizeof *copy);

    for (size_t i = 0; copy && i < count; i++)
        copy[i] = strdup(text[i] ? text[i] : "(null)");
    return copy;
}

static void same_columns(struct table *table, const struct tca_row *row)
{
    table->uneven |= row->count != table->columns;
    for (size_t i = 0; !table->uneven && i < row->count; i++)
        table->uneven = strcmp(table->name[i], row->name[i]) != 0;
}

static bool make_room(struct table *table)
{
    if (table->rows < table->room)
        return true;
    size_t room = table->room ? 2 * table->room : 32;
    char **grown = realloc(table->cell, room * table->columns * sizeof *grown);
    if (!grown)
        return false;
    table->cell = grown;
    table->room = room;
    return true;
}

static int add_row(void *user, const struct tca_row *row)
{
    struct table *table = user;

    if (!table->name) {
        table->columns = row->count;
        table->name = copy_texts(row->name, row->count);
        if (!table->name)
            return -1;
    }
    same_columns(table, row);
    if (table->uneven)
        return -1;
    char **cells = make_room(table) ? copy_texts(row->cell, row->count) : NULL;
    if (!cells) {
        table->failed = true;
        return -1;
    }
    memcpy(table->cell + table->rows++ * table->columns, cells, table->columns * sizeof *cells);
    free(cells);
    return 0;
}

int table_read(struct tca_session *session, const char *which, struct table *ret_table,
               struct tca_error *error)
{
    memset(ret_table, 0, sizeof *ret_table);
    return tca_session_table(session, which, add_row, ret_table, error);
}

void table_done(struct table *table)
{
    for (size_t i = 0; table->name && i < table->columns; i++)
        free(table->name[i]);
    for (size_t i = 0; i < table->rows * table->columns; i++)
        free(table->cell[i]);
    free(table->name);
    free(table->cell);
    memset(table, 0, sizeof *table);
}

size_t table_column(const struct table *table, const char *name)
{
    size_t i = 0;

    while (i < table->columns && strcmp(table->name[i], name) != 0)
        i++;
    return i;
}

const char *table_cell(const struct table *table, size_t row, const char *column)
{
    size_t i = table_column(table, column);
    return row < table->rows && i < table->columns ? table->cell[row * table->columns + i] : NULL;
}

int64_t table_number(const struct table *table, size_t row, const char *column)
{
    const char *text = table_cell(table, row, column);
    return text ? strtoll(text, NULL, 10) : 0;
}

bool list_has(const char *list, const char *id)
{
    size_t n = strlen(id);

    while (list && *list) {
        const char *end = strchrnul(list, ';');
        if ((size_t)(end - list) == n && memcmp(list, id, n) == 0)
            return true;
        list = *end ? end + 1 : end;
    }
    return false;
}

int write_to_buf(void *user, const void *bytes, size_t count)
{
    struct tca_buf *buf = user;

    tca_buf_add(buf, bytes, count);
    return buf->failed;
}
