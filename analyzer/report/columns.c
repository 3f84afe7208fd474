/* SPDX-License-Identifier: MIT
 *
 * The table of columns as data, generated from columns.def.
 */
#include "report/report.h"

#include <stdio.h>
#include <string.h>

const struct tca_column_def tca_columns[] = {
#define COLUMN(table, name, type, unit, meaning) {#table, #name, #type, unit, meaning},
#include "report/columns.def"
#undef COLUMN
};
const size_t tca_column_count = sizeof tca_columns / sizeof tca_columns[0];

size_t tca_table_columns(const char *table, size_t *ret_first)
{
    size_t first = 0;
    while (first < tca_column_count && strcmp(tca_columns[first].table, table) != 0)
        first++;
    size_t end = first;
    while (end < tca_column_count && strcmp(tca_columns[end].table, table) == 0)
        end++;
    *ret_first = first < tca_column_count ? first : 0;
    return end - first;
}

void tca_table_names(char *text, size_t room, const char *suffix)
{
    size_t used = 0;
    for (size_t at = 0, first; at < tca_column_count && used < room;
         at += tca_table_columns(tca_columns[at].table, &first))
        used += (size_t)snprintf(text + used, room - used, "%s%s%s", at ? ", " : "", tca_columns[at].table,
                                 suffix);
}
