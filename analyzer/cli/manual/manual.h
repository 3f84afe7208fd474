/* SPDX-License-Identifier: MIT
 *
 * What is made of the program's own tables when it is built: pages of the manual, and completions for shells.
 *
 *     options.def, values.def, commands.def, exit.def --+
 *     the registry of findings and columns -------------+--> page.c  --> tcpautopsy.1, tcpautopsy-flows.1, ...
 *     docs/man/NAME.mdoc: the words of one page --------+--> bash.c, zsh.c, fish.c --> completions
 *
 * So neither can be older than the program. All of it goes to standard output; main() sees whether it arrived.
 */
#ifndef TCA_CLI_MANUAL_H
#define TCA_CLI_MANUAL_H

#include "cli/options.h"

#include <stdio.h>

/* The page `name` ("tcpautopsy", "flows", "tables", ...), dated as a reader reads dates, with its own words from `words`. False
 * where there is no such page, or a line of the words asks for what there is not: the reason went to standard error. */
bool manual_page(const char *name, const char *date, FILE *words);

void manual_bash(void);
void manual_zsh(void);
void manual_fish(void);

/* ---- tables.c: what the shells' writers ask the tables ---- */

/* What an option's value may be in this command; NULL where nothing is known of it. */
const struct option_value *manual_value(enum option option, enum command command);
/* Does the command take the option? */
bool manual_takes(enum command command, enum option option);
/* "text, text, ..." of all findings, of all tables, or of a table's columns (NULL: of all tables, each name once), each printed by
 * `print`. */
typedef void manual_name_fn(const char *name);
void manual_findings(manual_name_fn *print);
void manual_tables(manual_name_fn *print);
void manual_columns(const char *table, manual_name_fn *print);
/* Is there such a table? */
bool manual_is_table(const char *name);

/* What may stand where a command's first word is wanted, for completion. */
enum word_kind { WORD_CAPTURE, WORD_SELECTOR, WORD_FINDING, WORD_TABLE, WORD_FOLDER };
enum word_kind manual_word(enum command command);
/* How a SELECTOR begins, separated by a space. */
#define MANUAL_SELECTORS "stream= frame= flow= cid= finding="

#endif
