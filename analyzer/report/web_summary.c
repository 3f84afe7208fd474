/* SPDX-License-Identifier: MIT
 *
 * The summary's lines as paragraphs, which a narrow page breaks where it must: the same words, no others.
 *
 *     !! 10.0.0.1:80 accept queue full (certain)     a block begins: its sign decides its colour
 *        why: the service accepted nothing from      three blanks: an item of it
 *             07:33:12 to 07:33:24                   more of them: the line before goes on
 *        $ tcpautopsy explain stream=134 FILE        a command
 *     not judged: nothing                            none: a paragraph of its own
 */
#include "report/svg.h"
#include "report/web.h"

#include <string.h>

enum line_kind { LINE_EMPTY, LINE_BLOCK, LINE_ITEM, LINE_COMMAND, LINE_MORE, LINE_PLAIN };

struct telling {
    struct tca_buf *out;
    bool block, paragraph;
};

static const char *class_of(const char *line)
{
    static const struct {
        const char *sign, *class;
    } signs[] = {{"!! ", "high"}, {"!  ", "medium"}, {".  ", "low"}, {"ok ", "fine"}};
    for (size_t at = 0; at < sizeof signs / sizeof signs[0]; at++)
        if (!strncmp(line, signs[at].sign, strlen(signs[at].sign)))
            return signs[at].class;
    return NULL;
}

static enum line_kind kind_of(const char *line, size_t length)
{
    size_t blanks = strspn(line, " ");
    if (!length || blanks >= length)
        return LINE_EMPTY;
    if (blanks <= 3 && line[blanks] == '$')
        return LINE_COMMAND;
    if (blanks > 3)
        return LINE_MORE;
    if (blanks)
        return LINE_ITEM;
    return class_of(line) ? LINE_BLOCK : LINE_PLAIN;
}

static void put_text(struct tca_buf *out, const char *text, size_t length)
{
    struct tca_buf copy = {0};
    tca_buf_add(&copy, text, length);
    tca_svg_escape(out, tca_buf_text(&copy));
    out->failed |= copy.failed;
    tca_buf_done(&copy);
}

static void end_paragraph(struct telling *t)
{
    if (t->paragraph)
        tca_buf_str(t->out, "</p>\n");
    t->paragraph = false;
}

static void end_block(struct telling *t)
{
    end_paragraph(t);
    if (t->block)
        tca_buf_str(t->out, "</div>\n");
    t->block = false;
}

static void begin_block(struct telling *t, const char *line, size_t length)
{
    end_block(t);
    tca_buf_fmt(t->out, "<div class=\"card %s\">\n<p class=\"head\">", class_of(line));
    put_text(t->out, line + 3, length - 3);
    t->block = t->paragraph = true;
}

/* What stands before a colon, or the word "since", is what the rest is about. */
static size_t label_of(const char *line, size_t length)
{
    const char *blank = memchr(line, ' ', length);
    size_t first = blank ? (size_t)(blank - line) : 0;
    bool label = first && (line[first - 1] == ':' || (first == 5 && !memcmp(line, "since", 5)));
    return label ? first : 0;
}

static void put_labelled(struct tca_buf *out, const char *line, size_t length)
{
    size_t label = label_of(line, length);
    if (label) {
        tca_buf_str(out, "<b>");
        put_text(out, line, label);
        tca_buf_str(out, "</b>");
    }
    put_text(out, line + label, length - label);
}

static void put_line(struct telling *t, const char *line, size_t length)
{
    const enum line_kind kind = kind_of(line, length);
    const size_t blanks = strspn(line, " ");
    if (kind == LINE_EMPTY || kind == LINE_PLAIN)
        end_block(t);
    if (kind == LINE_EMPTY)
        return;
    if (kind == LINE_BLOCK) {
        begin_block(t, line, length);
        return;
    }
    if (kind == LINE_MORE && t->paragraph) {
        tca_buf_char(t->out, ' ');
        put_text(t->out, line + blanks, length - blanks);
        return;
    }
    end_paragraph(t);
    tca_buf_str(t->out, kind == LINE_COMMAND ? "<p class=\"command\">" : "<p>");
    put_labelled(t->out, line + blanks, length - blanks);
    t->paragraph = true;
}

void tca_web_put_summary(const char *summary, struct tca_buf *out)
{
    struct telling t = {.out = out};
    tca_buf_str(out, "<section class=\"summary\">\n");
    for (const char *line = summary; *line;) {
        size_t length = strcspn(line, "\n");
        put_line(&t, line, length);
        line += length + (line[length] == '\n');
    }
    end_block(&t);
    tca_buf_str(out, "</section>\n");
}
