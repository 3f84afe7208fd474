/* SPDX-License-Identifier: MIT
 *
 * Lines of cells, for the program's own files (journal, manifest): CSV in which every record is one line, since control
 * characters, DEL and backslashes stand as \xNN.
 */
#ifndef TCA_CLI_CELLS_H
#define TCA_CLI_CELLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/* One cell; a comma before it unless it is the first of its line. */
void cell_put(FILE *to, bool first, const char *text);
void cell_put_count(FILE *to, uint64_t count);

/* Cut a line, without its end, into its cells, in place. Their number; 0 where it is no such line, or has more than there is
 * room for. */
size_t cells_cut(char *line, char **cell, size_t room);
/* A whole number, decimal or of 16 hexadecimal digits. */
bool cell_count(const char *cell, uint64_t *ret);
bool cell_hex(const char *cell, uint64_t *ret);

#endif
