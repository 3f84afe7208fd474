/* SPDX-License-Identifier: MIT
 *
 * Questions that each of the shells' writers has for the tables.
 */
#include "manual.h"

#include <string.h>
#include <tcpautopsy/registry.h>

const struct option_value *manual_value(enum option option, enum command command)
{
    for (size_t at = 0; at < value_count; at++)
        if (value_table[at].option == option && value_table[at].commands & 1u << command)
            return &value_table[at];
    return NULL;
}

bool manual_takes(enum command command, enum option option)
{
    return option_table[option].commands & 1u << command;
}

void manual_findings(manual_name_fn *print)
{
    struct tca_finding_info finding;
    for (size_t at = 0; tca_registry_finding(at, &finding); at++)
        print(finding.id);
}

void manual_tables(manual_name_fn *print)
{
    struct tca_column_info column, before = {0};
    for (size_t at = 0; tca_registry_column(at, &column); at++) {
        if (!before.table || strcmp(before.table, column.table) != 0)
            print(column.table);
        before = column;
    }
}

/* Has a column before this one the same name? */
static bool named_before(size_t end, const char *name)
{
    struct tca_column_info column;
    for (size_t at = 0; at < end && tca_registry_column(at, &column); at++)
        if (strcmp(column.name, name) == 0)
            return true;
    return false;
}

void manual_columns(const char *table, manual_name_fn *print)
{
    struct tca_column_info column;
    for (size_t at = 0; tca_registry_column(at, &column); at++)
        if (table ? strcmp(column.table, table) == 0 : !named_before(at, column.name))
            print(column.name);
}

bool manual_is_table(const char *name)
{
    struct tca_column_info column;
    for (size_t at = 0; tca_registry_column(at, &column); at++)
        if (strcmp(column.table, name) == 0)
            return true;
    return false;
}

enum word_kind manual_word(enum command command)
{
    static const enum word_kind other[COMMAND_COUNT] = {[COMMAND_explain] = WORD_SELECTOR,
                                                        [COMMAND_findings] = WORD_FINDING,
                                                        [COMMAND_schema] = WORD_TABLE,
                                                        [COMMAND_merge] = WORD_FOLDER};
    return other[command]; /* 0, a capture, where nothing else is said */
}
