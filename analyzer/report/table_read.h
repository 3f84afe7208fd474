/* SPDX-License-Identifier: MIT
 *
 * A table read back from CSV, ours or another program's: a header line, then rows as wide as it. Rows can be read one
 * after another, and again by their place in the file, so that nobody has to keep them.
 */
#ifndef TCA_REPORT_TABLE_READ_H
#define TCA_REPORT_TABLE_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <tcpautopsy/error.h>

struct tca_reader;

/* Open a table; "-" is standard input. What can be read once only is copied to an unlinked temporary file in `temp_dir`
 * (NULL: TMPDIR, else /tmp). 0, TCA_EINPUT with words in *error (without the file's name), TCA_EMEMORY or TCA_EOUTPUT. */
int tca_reader_open(const char *path, const char *temp_dir, struct tca_reader **ret_reader,
                    struct tca_error *error);
void tca_reader_close(struct tca_reader *reader); /* accepts NULL */

/* Columns of the header, terminated texts; borrowed until the reader is closed. */
size_t tca_reader_columns(const struct tca_reader *reader);
const char *tca_reader_column(const struct tca_reader *reader, size_t index);

/* The next row: 1, 0 at the end, or a negative code with words. */
int tca_reader_next(struct tca_reader *reader, struct tca_error *error);
/* The row that was once met at this offset, in this line; the next call of tca_reader_next goes on behind it. 0 or a
 * negative code. */
int tca_reader_at(struct tca_reader *reader, uint64_t offset, uint64_t line, struct tca_error *error);
/* Of the row read last: a cell, terminated, borrowed until the next row is read; where it begins; its line, from 1. */
const char *tca_reader_cell(const struct tca_reader *reader, size_t index);
uint64_t tca_reader_offset(const struct tca_reader *reader);
uint64_t tca_reader_line(const struct tca_reader *reader);

#endif
