/* SPDX-License-Identifier: MIT
 *
 * Cells as CSV: RFC 4180. The only user of libcsv.
 *
 * libcsv quotes every cell it writes, so only the cells that need it go through csv_write(): those with a
 * comma, a quote mark or a line end, and those with a blank at either end, which libcsv's own reader would
 * strip.
 */
#include "report/row.h"

#include <csv.h>
#include <string.h>

static bool needs_quotes(const char *cell, size_t length)
{
    static const bool special[256] = {[','] = true, ['"'] = true, ['\r'] = true, ['\n'] = true};
    if (!length)
        return false;
    char head = cell[0], tail = cell[length - 1];
    if (head == ' ' || tail == ' ' || head == '\t' || tail == '\t')
        return true;
    for (size_t at = 0; at < length; at++)
        if (special[(unsigned char)cell[at]])
            return true;
    return false;
}

static void add_quoted(struct tca_buf *out, const char *cell, size_t length)
{
    size_t need = csv_write(NULL, 0, cell, length);
    char *quoted = tca_buf_room(out, need);
    if (!quoted)
        return;
    csv_write(quoted, need, cell, length);
    out->used += need;
}

/* A table of one column marks its nulls by quotes, because readers skip an empty line. */
static bool must_quote(const struct tca_lines *lines, const char *cell, size_t length)
{
    return needs_quotes(cell, length) || (!length && lines->pick_count == 1);
}

void tca_csv_quote(struct tca_lines *lines, size_t begin)
{
    size_t length = lines->out.used - begin;
    if (lines->out.failed || !must_quote(lines, lines->out.bytes + begin, length))
        return;
    if (tca_lines_lift(lines, begin))
        add_quoted(&lines->out, lines->cell.bytes, length);
}

#define TEXT_OF(number)                     #number
#define VERSION_TEXT(major, minor, release) TEXT_OF(major) "." TEXT_OF(minor) "." TEXT_OF(release)

const char *tca_csv_library(void)
{
    return VERSION_TEXT(CSV_MAJOR, CSV_MINOR, CSV_RELEASE);
}
