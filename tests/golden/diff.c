/* SPDX-License-Identifier: MIT
 *
 * A diff for people who look at a failed test: equal lines at both ends are set aside, and of the middle the
 * first few lines are shown with one line of context. It need not be minimal, only short and true.
 */
#include "diff.h"

#include <string.h>

enum { LINES_SHOWN = 6, LINE_BYTES_SHOWN = 1500 };

struct lines {
    const char *at, *end;
};

/* Take the next line, without its newline; false at the end. */
static bool next_line(struct lines *lines, const char **ret_line, size_t *ret_bytes)
{
    if (lines->at >= lines->end)
        return false;
    const char *newline = memchr(lines->at, '\n', (size_t)(lines->end - lines->at));
    *ret_line = lines->at;
    *ret_bytes = (size_t)((newline ? newline : lines->end) - lines->at);
    lines->at = newline ? newline + 1 : lines->end;
    return true;
}

static size_t count_lines(struct lines lines)
{
    const char *line;
    size_t bytes, count = 0;

    while (next_line(&lines, &line, &bytes))
        count++;
    return count;
}

static void show_line(struct tca_buf *out, char mark, const char *line, size_t bytes)
{
    tca_buf_char(out, mark);
    tca_buf_add(out, line, bytes > LINE_BYTES_SHOWN ? LINE_BYTES_SHOWN : bytes);
    tca_buf_str(out, bytes > LINE_BYTES_SHOWN ? "...\n" : "\n");
}

static void show_lines(struct tca_buf *out, char mark, struct lines lines)
{
    const char *line;
    size_t bytes, count = count_lines(lines);

    for (size_t i = 0; i < LINES_SHOWN && next_line(&lines, &line, &bytes); i++)
        show_line(out, mark, line, bytes);
    if (count > LINES_SHOWN)
        tca_buf_fmt(out, "%c... and %zu lines more\n", mark, count - LINES_SHOWN);
}

/* Drop equal lines at the beginning; the last of them, if any, is context. Returns how many. */
static size_t skip_equal_head(struct lines *a, struct lines *b, struct lines *ret_context)
{
    size_t count = 0;

    *ret_context = (struct lines){NULL, NULL};
    for (;;) {
        struct lines next_a = *a, next_b = *b;
        const char *line_a, *line_b;
        size_t bytes_a, bytes_b;
        if (!next_line(&next_a, &line_a, &bytes_a) || !next_line(&next_b, &line_b, &bytes_b))
            return count;
        if (bytes_a != bytes_b || memcmp(line_a, line_b, bytes_a) != 0)
            return count;
        *ret_context = (struct lines){a->at, next_a.at};
        *a = next_a;
        *b = next_b;
        count++;
    }
}

/* Begin of the line that ends at `end`. */
static const char *line_begin(const char *begin, const char *end)
{
    const char *at = end;

    if (at > begin && at[-1] == '\n')
        at--;
    while (at > begin && at[-1] != '\n')
        at--;
    return at;
}

static void skip_equal_tail(struct lines *a, struct lines *b)
{
    while (a->at < a->end && b->at < b->end) {
        const char *line_a = line_begin(a->at, a->end), *line_b = line_begin(b->at, b->end);
        size_t bytes = (size_t)(a->end - line_a);
        if (bytes != (size_t)(b->end - line_b) || memcmp(line_a, line_b, bytes) != 0)
            return;
        a->end = line_a;
        b->end = line_b;
    }
}

bool diff_texts(const char *name, const struct tca_buf *expected, const struct tca_buf *got,
                struct tca_buf *out)
{
    if (expected->used == got->used && (!got->used || memcmp(expected->bytes, got->bytes, got->used) == 0))
        return true;

    struct lines a = {expected->bytes, expected->bytes + expected->used}, context;
    struct lines b = {got->bytes, got->bytes + got->used};
    size_t head = skip_equal_head(&a, &b, &context);
    skip_equal_tail(&a, &b);
    tca_buf_fmt(out, "%s differs (- expected, + said)\n", name);
    tca_buf_fmt(out, "@@ -%zu,%zu +%zu,%zu @@\n", head + 1, count_lines(a), head + 1, count_lines(b));
    show_lines(out, ' ', context);
    show_lines(out, '-', a);
    show_lines(out, '+', b);
    return false;
}
