/* SPDX-License-Identifier: MIT
 *
 * Cells as JSON (RFC 8259), one object a line. The members are the columns in their order, every one in every line, so that
 * readers that guess a schema from the first lines guess the same from any: a cell that is empty in the CSV is null.
 *
 *      int, seconds, number   a number, with the digits of the CSV
 *      list                   an array: of numbers where its unit is seconds, else of strings
 *      all others             a string: what the CSV's cell says once it is unquoted
 *
 * Free text has its control characters and its invalid UTF-8 as \xNN already (cells.c). What a string may not hold is escaped here
 * all the same, and by the same rule, so that a line is valid whatever a cell brings.
 */
#include "report/row.h"

#include <stdio.h>
#include <string.h>
#include <tcpautopsy/text.h>

static const struct lead {
    const char *text; /* {"name":" */
    uint8_t length;
} leads[] = {
#define COLUMN(table, name, type, unit, meaning) {"{\"" #name "\":\"", sizeof("{\"" #name "\":\"") - 1},
#include "report/columns.def"
#undef COLUMN
};

static void put_null(struct tca_lines *lines, size_t begin)
{
    lines->out.used = begin;
    tca_buf_str(&lines->out, "null");
}

static void mend_number(struct tca_lines *lines, size_t begin)
{
    if (lines->out.used == begin)
        put_null(lines, begin);
}

/* ---- strings: the quote mark before them is there already ---- */

/* Of names and numbers of ours. */
static void mend_ours(struct tca_lines *lines, size_t begin)
{
    if (lines->out.failed)
        return;
    if (lines->out.used == begin)
        put_null(lines, begin - 1);
    else
        tca_buf_char(&lines->out, '"');
}

static bool needs_escapes(const char *text, size_t length)
{
    for (size_t at = 0; at < length; at++) {
        unsigned char c = (unsigned char)text[at];
        if (c < 0x20 || c > 0x7e || c == '"' || c == '\\')
            return true;
    }
    return false;
}

static void add_escaped(struct tca_buf *out, const char *text)
{
    while (*text) {
        size_t length = tca_text_plain(text);
        if (*text == '"' || *text == '\\')
            tca_buf_char(out, '\\');
        if (length)
            tca_buf_add(out, text, length);
        else
            tca_buf_fmt(out, "\\\\x%02x", (unsigned char)*text);
        text += length ? length : 1;
    }
}

static void mend_text(struct tca_lines *lines, size_t begin)
{
    size_t length = lines->out.used - begin;
    if (!lines->out.failed && needs_escapes(tca_buf_since(&lines->out, begin), length) &&
        tca_lines_lift(lines, begin))
        add_escaped(&lines->out, lines->cell.bytes);
    mend_ours(lines, begin);
}

/* ---- lists ---- */

static void mend_list(struct tca_lines *lines, size_t begin, const char *mark)
{
    if (lines->out.used == begin) {
        put_null(lines, begin);
        return;
    }
    if (!tca_lines_lift(lines, begin))
        return;
    struct tca_buf *out = &lines->out;
    const char *item = lines->cell.bytes;
    for (char before = '[';; before = ',') {
        size_t length = strcspn(item, ";");
        tca_buf_char(out, before);
        tca_buf_str(out, mark);
        tca_buf_add(out, item, length);
        tca_buf_str(out, mark);
        if (!item[length])
            break;
        item += length + 1;
    }
    tca_buf_char(out, ']');
}

static void mend_numbers(struct tca_lines *lines, size_t begin)
{
    mend_list(lines, begin, "");
}

static void mend_words(struct tca_lines *lines, size_t begin)
{
    mend_list(lines, begin, "\"");
}

/* ---- which of them ---- */

static tca_lines_mend *mend_of(const struct tca_column_def *column, bool is_free)
{
    static const char *const numbers[] = {"int", "seconds", "number"};
    for (size_t at = 0; at < sizeof numbers / sizeof *numbers; at++)
        if (!strcmp(column->type, numbers[at]))
            return mend_number;
    if (!strcmp(column->type, "list"))
        return strcmp(column->unit, "s") ? mend_words : mend_numbers;
    return is_free ? mend_text : mend_ours;
}

void tca_jsonl_pick(size_t column, bool is_free, bool is_first, struct tca_lines_pick *pick)
{
    pick->mend = mend_of(&tca_columns[column], is_free);
    bool is_string = pick->mend == mend_text || pick->mend == mend_ours;
    pick->lead = leads[column].text + !is_first;
    pick->lead_length = (uint8_t)(leads[column].length - !is_first - !is_string);
}
