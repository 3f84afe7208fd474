/* SPDX-License-Identifier: MIT
 *
 * The page of the summary: lines of 80 columns that are never cut within a word, a sentence or a command.
 */
#include "base/time_limit.h"
#include "report/summary_own.h"

#include <stdio.h>
#include <string.h>

/* Columns of a text: bytes that do not continue a UTF-8 sequence. */
static size_t columns_of(const char *text, size_t bytes)
{
    size_t columns = 0;
    for (size_t i = 0; i < bytes; i++)
        columns += ((unsigned char)text[i] & 0xc0) != 0x80;
    return columns;
}

static void close_line(struct page *page)
{
    tca_buf_char(&page->out, '\n');
    page->lines++;
    page->line_start = (int)page->out.used;
}

void tca_page_end_line(struct page *page)
{
    size_t start = (size_t)page->line_start;
    if (page->out.failed)
        return;
    if (columns_of(page->out.bytes + start, page->out.used - start) > LINE_WIDTH) {
        size_t end = start, columns = 0;
        while (columns < LINE_WIDTH - 2 || ((unsigned char)page->out.bytes[end] & 0xc0) == 0x80) {
            columns += ((unsigned char)page->out.bytes[end] & 0xc0) != 0x80;
            end++;
        }
        page->out.used = end;
        tca_buf_str(&page->out, "..");
    }
    close_line(page);
}

bool tca_page_trusts(int64_t time_ns)
{
    return time_ns < TCA_TIME_LAST_NS;
}

void tca_page_clock(const struct page *page, struct tca_buf *out, int64_t time_ns)
{
    if (!tca_page_trusts(time_ns)) {
        tca_buf_str(out, "a time that cannot be trusted");
        return;
    }
    struct tca_buf text = {0};
    tca_buf_iso(&text, time_ns, 3);
    const char *iso = tca_buf_text(&text), *clock = strchr(iso, 'T');
    bool same_day = time_ns >= page->day_ns && time_ns - page->day_ns < DAY_NS;
    if (same_day && clock)
        tca_buf_add(out, clock + 1, strcspn(clock + 1, "Z"));
    else
        tca_buf_str(out, iso);
    out->failed |= text.failed;
    tca_buf_done(&text);
}

void tca_page_span(const struct page *page, struct tca_buf *out, int64_t first_ns, int64_t last_ns)
{
    const int64_t shown_ns = 1000000; /* clocks show milliseconds */
    tca_page_clock(page, out, first_ns);
    if (last_ns < first_ns + shown_ns)
        return;
    tca_buf_str(out, " until ");
    tca_page_clock(page, out, last_ns);
    if (!tca_page_trusts(last_ns))
        return;
    tca_buf_str(out, " (");
    tca_buf_seconds(out, last_ns - first_ns, 3);
    tca_buf_str(out, " s)");
}

/* The lines that the first `bytes` of a text take behind `indent` columns. */
static int lines_of(size_t indent, const char *text, size_t bytes)
{
    size_t column = indent, at = 0;
    int lines = 1;
    for (bool first = true; at < bytes && text[at]; first = false) {
        size_t word = strcspn(text + at, " ");
        if (word > bytes - at)
            word = bytes - at;
        size_t width = columns_of(text + at, word);
        bool wraps = !first && column + 1 + width > (size_t)LINE_WIDTH;
        lines += wraps;
        column = wraps ? indent + width : column + width + !first;
        at += word;
        at += strspn(text + at, " ");
    }
    return lines;
}

void tca_page_wrapped(struct page *page, const char *head, const char *text)
{
    size_t indent = strlen(head), column = indent;
    tca_buf_str(&page->out, head);
    for (bool first = true; *text;) {
        size_t word = strcspn(text, " "), width = columns_of(text, word);
        if (!first && column + 1 + width > (size_t)LINE_WIDTH) {
            tca_page_end_line(page);
            tca_buf_fmt(&page->out, "%*s", (int)indent, "");
            column = indent;
            first = true;
        }
        if (!first)
            tca_buf_char(&page->out, ' ');
        tca_buf_add(&page->out, text, word);
        column += width + !first;
        first = false;
        text += word;
        text += strspn(text, " ");
    }
    tca_page_end_line(page);
}

void tca_page_sentences(struct page *page, const char *head, const char *text, int lines_max)
{
    size_t indent = strlen(head), end = 0;
    for (const char *at = text; *at;) {
        const char *stop = strstr(at, ". ");
        size_t next = stop ? (size_t)(stop - text) + 1 : strlen(text);
        if (end && lines_of(indent, text, next) > lines_max)
            break;
        end = next;
        at = text + end + strspn(text + end, " ");
    }
    struct tca_buf whole = {0};
    tca_buf_add(&whole, text, end);
    tca_page_wrapped(page, head, tca_buf_text(&whole));
    page->out.failed |= whole.failed;
    tca_buf_done(&whole);
}

int tca_page_lines(size_t indent, const char *text)
{
    return lines_of(indent, text, strlen(text));
}

void tca_page_if_room(struct page *page, struct tca_buf *text)
{
    const struct tca_buf *out = &page->out;
    size_t start = (size_t)page->line_start;
    if (!out->failed && !text->failed &&
        columns_of(out->bytes + start, out->used - start) + columns_of(text->bytes, text->used) <= LINE_WIDTH)
        tca_buf_add(&page->out, text->bytes, text->used);
    page->out.failed |= text->failed;
    tca_buf_done(text);
}

void tca_page_count(struct tca_buf *out, uint64_t count, const char *one, const char *many)
{
    tca_buf_u64(out, count);
    tca_buf_str(out, count == 1 ? one : many);
}

/* ---- commands ---- */

static bool plain_for_shell(const char *name)
{
    return name[0] && name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                        "_./,:=@%+-")] == '\0';
}

/* Nothing that a terminal would not show as it is; where memory is out for that `out` has failed. */
static bool is_clean(struct tca_buf *out, const char *name)
{
    struct tca_buf clean = {0};
    tca_text_clean(&clean, name, true);
    bool same = !clean.failed && strcmp(tca_buf_text(&clean), name) == 0;
    out->failed |= clean.failed;
    tca_buf_done(&clean);
    return same;
}

/* Bytes that a terminal must not see, as octal numbers: POSIX shells know $'...' since 2024, the usual ones always did. */
static void add_escaped(struct tca_buf *out, const char *name)
{
    tca_buf_str(out, "$'");
    for (const unsigned char *c = (const unsigned char *)name; *c; c++)
        tca_buf_fmt(out, *c < 0x20 || *c >= 0x7f || *c == '\'' || *c == '\\' ? "\\%03o" : "%c", *c);
    tca_buf_char(out, '\'');
}

/* A file name as it is typed for a shell. What came from standard input has to come from there again. */
static void add_file(struct tca_buf *out, const char *file)
{
    if (strcmp(file, "-") == 0) {
        tca_buf_str(out, "- < CAPTURE");
        return;
    }
    if (!is_clean(out, file)) {
        add_escaped(out, file);
        return;
    }
    if (file[0] == '-') /* no option */
        tca_buf_str(out, "./");
    if (plain_for_shell(file))
        tca_buf_str(out, file);
    else
        tca_text_quoted(out, file);
}

/* "   $ tcpautopsy VERB OPTIONS REST "; the files follow. */
static void begin_command(struct page *page, const char *command)
{
    const char *verb_end = command + strcspn(command, " "), *options = page->sum->options;
    tca_buf_fmt(&page->out, "   $ tcpautopsy %.*s%s%s%s ", (int)(verb_end - command), command,
                options[0] ? " " : "", options, verb_end);
}

void tca_page_command(struct page *page, const char *command, const char *file)
{
    begin_command(page, command);
    add_file(&page->out, file);
    close_line(page);
}

/* Some frames are in another file: only all of them together show it. */
static bool of_several(const struct example *example)
{
    for (int i = 0; i < example->frame_count; i++)
        if (example->frame[i].ordinal != example->ordinal)
            return true;
    return example->goes_on;
}

bool tca_page_command_all(struct page *page, const char *command)
{
    const struct tca_summary *sum = page->sum;
    if (sum->captures > NAMES_MAX)
        return false;
    begin_command(page, command);
    for (uint64_t i = 0; i < sum->captures; i++) {
        tca_buf_str(&page->out, i ? " " : "");
        add_file(&page->out, sum->name[i]);
    }
    close_line(page);
    return true;
}

static void explain_command(struct tca_buf *command, const struct example *example, bool several)
{
    tca_buf_reset(command);
    tca_buf_str(command, "explain ");
    tca_page_flow(command, several, example->ordinal, example->stream, example->flow);
}

void tca_page_proof(struct page *page, const struct example *example)
{
    if (!example->set)
        return;
    tca_buf_str(&page->out, "   proof: ");
    tca_page_flow(&page->out, false, example->ordinal, example->stream, example->flow);
    tca_buf_str(&page->out, " frames ");
    for (int i = 0; i < example->frame_count; i++) {
        if (i)
            tca_buf_char(&page->out, ';');
        tca_text_frame(&page->out, example->ordinal, example->frame[i]);
    }
    tca_page_end_line(page);
    struct tca_buf command = {0};
    bool several = of_several(example);
    explain_command(&command, example, several);
    if (several && tca_page_command_all(page, tca_buf_text(&command))) {
        tca_buf_done(&command);
        return;
    }
    explain_command(&command, example, false);
    tca_page_command(page, tca_buf_text(&command), example->file);
    page->out.failed |= command.failed;
    tca_buf_done(&command);
}
